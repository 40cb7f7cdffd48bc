package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// marked gives policies whose every rule names them, so that a verdict that is
// made of two sets of them is seen: they are quiet where action is allow.
func marked(name, action string) string {
	set := map[string]string{
		"deny": `deny contains {"rule": "one", "message": "` + name + `"} if input.request.operation == "chat"`,
		"warn": `warn contains {"rule": "one", "message": "` + name + `"} if input.request.operation == "chat"`,
	}[action]
	return "package ostiary.policies." + name + "\n\n# METADATA\n# title: " + name + "\n" + set + "\n"
}

// rollout is a proxy with a live policy that warns and a candidate that denies.
func rollout(t *testing.T, plane string, share int) (in *instance, config string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"policies/live.rego": marked("live", "warn"), "next/next.rego": marked("next", "deny"),
		"next/fixtures/cases.yaml": "- name: chat\n  facts: {request: {operation: chat}}\n  expect: {action: deny, rules: [one]}\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
	t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
	in = &instance{t: t, openai: newUpstream(t, "openai"), house: newUpstream(t, "house")}
	extra := fmt.Sprintf("policies: %s/policies\npolicy:\n  candidate:\n    path: %[1]s/next\n    share: %d\n", dir, share)
	in.serveWith(plane, smallest("%s", plane, in.openai.url, in.house.url, extra))
	return in, in.opts.config
}

// A shadow is recorded beside what is done, and changes nothing of it.
func TestShadowIsRecordedAndDoesNotAct(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		in, config := rollout(t, plane, 0)
		for range 3 {
			if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusOK || r.action() != "allow" {
				t.Fatalf("status %d, action %s", r.status, r.action())
			}
		}
		log := in.places.log
		in.end()
		if n := len(in.openai.Requests()); n != 3 {
			t.Errorf("%d requests arrived", n)
		}
		var revisions []string
		for _, ev := range in.events(proxy.EventDecision) {
			d := ev.Decision
			if d.Action != proxy.Allow || d.Shadow == nil || d.Shadow.Action != proxy.Deny || fmt.Sprint(d.Shadow.Rules) != "[next.one]" {
				t.Fatalf("decision %+v, shadow %+v", d, d.Shadow)
			}
			if ev.Policy.Policies == d.Shadow.Revision || d.Shadow.Revision == "" {
				t.Errorf("revisions %s, %s", ev.Policy.Policies, d.Shadow.Revision)
			}
			revisions = append(revisions, ev.Policy.Policies+" → "+d.Shadow.Revision)
		}
		if len(revisions) != 3 {
			t.Fatalf("%d decisions", len(revisions))
		}
		status, out, diag := ostiary("policy", "shadow", "--config", config, "--log", log, "--json", "--fail-on", "changed")
		var r shadowReport
		if err := json.Unmarshal([]byte(out), &r); err != nil || status != 1 {
			t.Fatalf("exit status %d: %v\n%s%s", status, err, out, diag)
		}
		if r.Replayed != 3 || r.NewlyDenied != 3 || r.Acted != 0 || len(r.Cells) != 1 || r.Cells[0].Was != "allow" || r.Cells[0].Would != "deny" ||
			fmt.Sprint(r.Pairs) != "["+revisions[0]+"]" {
			t.Errorf("%+v", r)
		}
		// The same, for people and without the configuration.
		if status, out, _ = ostiary("policy", "shadow", "--log", log); status != 0 || !strings.Contains(out, "3 newly refused (100.00 %)") || !strings.Contains(out, "+next.one") {
			t.Errorf("%d\n%s", status, out)
		}
		// What the shadow said is what a replay says.
		replayed := runReplay(t, 0, "--config", config, "--log", log, "--candidate", filepath.Join(filepath.Dir(strings.Fields(findLine(t, config, "path:"))[1]), "next"))
		if replayed.NewlyDenied != 3 {
			t.Errorf("a replay: %+v", replayed.Report)
		}
	})
}

func findLine(t *testing.T, file, with string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, with) {
			return line
		}
	}
	t.Fatalf("%s has no line with %q", file, with)
	return ""
}

// A canary of all conversations acts, and the live policies are what is only
// recorded then; the report still has the candidate as the second side.
func TestCanaryActs(t *testing.T) {
	in, config := rollout(t, "embedded", 100)
	for range 3 {
		if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusForbidden || r.action() != "deny" {
			t.Fatalf("status %d, action %s", r.status, r.action())
		}
	}
	in.end()
	if n := len(in.openai.Requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	for _, ev := range in.events(proxy.EventDecision) {
		if d := ev.Decision; d.Action != proxy.Deny || d.Reasons[0].Policy != "next" || d.Shadow == nil || d.Shadow.Action != proxy.Allow {
			t.Fatalf("decision %+v, shadow %+v", d, d.Shadow)
		}
	}
	status, out, diag := ostiary("policy", "shadow", "--config", config, "--log", in.places.log, "--json")
	var r shadowReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 0 {
		t.Fatalf("exit status %d: %v\n%s%s", status, err, out, diag)
	}
	if r.Acted != 3 || r.NewlyDenied != 3 || r.Cells[0].Was != "allow" || r.Cells[0].Would != "deny" {
		t.Errorf("%+v", r)
	}
}

// swapped is what clients saw while the policies changed under load.
type swapped struct {
	allowed, denied, other atomic.Int64
	what                   atomic.Pointer[string]
}

func (s *swapped) ask(url string) {
	req, err := http.NewRequest(http.MethodPost, url+"/v1/chat/completions", strings.NewReader(chat(ordinary)))
	if err != nil {
		panic(err)
	}
	req.Header.Set("content-type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		text := err.Error()
		s.what.Store(&text)
		s.other.Add(1)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	switch resp.StatusCode {
	case http.StatusOK:
		s.allowed.Add(1)
	case http.StatusForbidden:
		s.denied.Add(1)
	default:
		text := fmt.Sprint(resp.StatusCode, " ", string(body))
		s.what.Store(&text)
		s.other.Add(1)
	}
}

// Policies are promoted and rolled back while requests come: each is decided, by
// one revision and none by a mixture, and the log says which.
func TestHotSwapUnderLoad(t *testing.T) {
	in, config := rollout(t, "embedded", 0)
	serving, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.wait(serving) }()

	var seen swapped
	var clients sync.WaitGroup
	asking, enough := context.WithCancel(context.Background())
	for range 4 {
		clients.Go(func() {
			for asking.Err() == nil {
				seen.ask(in.url)
			}
		})
	}
	// until waits for more of what the policies that serve now answer.
	until := func(n *atomic.Int64, what string) {
		t.Helper()
		from := n.Load()
		for deadline := time.Now().Add(60 * time.Second); n.Load() < from+20; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: nothing of it\n%s", what, in.screen)
			}
		}
	}
	until(&seen.allowed, "at first")
	const swaps = 3
	for i := range swaps {
		const reloaded = "Ostiary has reloaded: sha256:"
		if status, out, diag := ostiary("policy", "promote", "--config", config, "--wait", "60s"); status != 0 || !strings.Contains(out, reloaded) {
			t.Fatalf("promote %d: %d\n%s%s", i, status, out, diag)
		}
		until(&seen.denied, "promoted")
		if status, out, diag := ostiary("policy", "rollback", "--config", config, "--wait", "60s"); status != 0 || !strings.Contains(out, reloaded) {
			t.Fatalf("rollback %d: %d\n%s%s", i, status, out, diag)
		}
		until(&seen.allowed, "rolled back")
	}
	enough()
	clients.Wait()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stop: %v", err)
	}
	in.stopped = true
	if n := seen.other.Load(); n > 0 {
		t.Errorf("%d requests had another answer, such as %s", n, *seen.what.Load())
	}

	// By revision: what it said, and whether that is one policy's.
	said := map[string]map[string]int{}
	total := 0
	for _, ev := range in.events(proxy.EventDecision) {
		total++
		d := ev.Decision
		if len(d.Reasons) != 1 {
			t.Fatalf("a decision of %d reasons: %+v", len(d.Reasons), d.Reasons)
		}
		r := d.Reasons[0]
		if r.Policy != r.Message || r.File != r.Policy+".rego" {
			t.Fatalf("a mixture: %+v", r)
		}
		if said[ev.Policy.Policies] == nil {
			said[ev.Policy.Policies] = map[string]int{}
		}
		said[ev.Policy.Policies][r.Policy+" "+string(d.Action)]++
	}
	live, next := revisionOf(t, "live", "warn"), revisionOf(t, "next", "deny")
	if len(said) != 2 || len(said[live]) != 1 || len(said[next]) != 1 || said[live]["live allow"] == 0 || said[next]["next deny"] == 0 {
		t.Errorf("revisions %v", said)
	}
	if got := seen.allowed.Load() + seen.denied.Load(); int64(total) != got {
		t.Errorf("%d decisions in the log, %d answers", total, got)
	}
	reloads := 0
	for _, ev := range in.events(proxy.EventConfig) {
		switch ev.Admin.Action {
		case "reload":
			reloads++
		case "reload_failed":
			t.Errorf("a reload failed\n%s", in.screen)
		}
	}
	if reloads < 2*swaps {
		t.Errorf("%d reloads are recorded of %d changes", reloads, 2*swaps)
	}
	t.Logf("%d decisions, %d reloads", total, reloads)
}

// revisionOf gives the revision of one policy alone, as configured without modes.
func revisionOf(t *testing.T, name, action string) string {
	t.Helper()
	set, err := policies.Load(policies.Options{Path: policyTree(t, map[string]string{name + ".rego": marked(name, action)})})
	if err != nil {
		t.Fatal(err)
	}
	return set.Revision()
}

// Both ways of exchanging leave each where the other was, and nothing where one
// of the two is missing.
func TestExchange(t *testing.T) {
	for name, swap := range map[string]func(a, b string) error{"at once": exchange, "in steps": exchangeInSteps} {
		t.Run(name, func(t *testing.T) {
			dir := policyTree(t, map[string]string{"a/one": "a", "b/two": "b"})
			a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			there := func(file string) bool {
				_, err := os.Stat(filepath.Join(dir, file))
				return err == nil
			}
			if err := swap(a, b); err != nil {
				t.Fatal(err)
			}
			if !there("a/two") || !there("b/one") {
				t.Error("they are not exchanged")
			}
			if err := swap(a, filepath.Join(dir, "c")); !errors.Is(err, os.ErrNotExist) || !there("a/two") {
				t.Errorf("with one that is not there: %v", err)
			}
		})
	}
}
