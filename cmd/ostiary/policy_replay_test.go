package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/replay"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// replayTypes are what the requests of a replayed log hold.
var replayTypes = []struct {
	name   string
	groups []string
}{
	{"EMAIL_ADDRESS", []string{"contact"}}, {"CREDIT_CARD", []string{"financial"}}, {"US_SSN", []string{"identifier"}},
	{"SECRET_GITHUB_TOKEN", []string{"credential"}}, {"IP_ADDRESS", []string{"network"}},
}

// replayFacts gives facts of the n-th request.
func replayFacts(n int) *proxy.Facts {
	r := rand.New(rand.NewPCG(uint64(n), 2))
	f := policies.Example()
	for range r.IntN(3) {
		d := replayTypes[r.IntN(len(replayTypes))]
		for range 1 + r.IntN(3) {
			policies.Add(f, d.name, d.groups, "user", proxy.Likelihood(1+r.IntN(5)))
		}
	}
	f.Principal.Team, f.Principal.Application = []string{"billing", "research"}[r.IntN(2)], "app"
	f.Request.Model, f.Request.Tokens, f.Request.Bytes = "gpt-5", r.IntN(4000), r.IntN(16000)
	f.Time.Hour, f.Time.Minute = r.IntN(24), r.IntN(60)
	f.Conversation.Bucket = r.IntN(100)
	return f
}

// replayBook records n decisions of the shipped policies, as the engine does
// where every pool can serve; three more that cannot be replayed, a day apart
// from each other at the end.
func replayBook(t testing.TB, n int) string {
	t.Helper()
	set, err := policies.Load(policies.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	l, err := audit.Open(dir, audit.Options{Origin: "test.example/log"})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var batch []*proxy.Event
	flush := func() {
		if err := l.Record(context.Background(), batch...); err != nil {
			t.Fatal(err)
		}
		batch = batch[:0]
	}
	add := func(d *proxy.DecisionRecord, i int) {
		batch = append(batch, &proxy.Event{ID: bookID(i), Kind: proxy.EventDecision, Time: at.Add(time.Duration(i) * time.Second).Format("2006-01-02T15:04:05.000Z"), V: 1,
			Decision: d, Policy: &proxy.PolicyRecord{Policies: set.Revision(), Suite: "suite", Config: "config"},
			Request: &proxy.RequestRecord{Application: "app", Bytes: 100, Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/1.1"},
			Timing:  &proxy.TimingRecord{ReadUS: 10, ClassifyUS: 100, DecideUS: 50, EditUS: 1}})
		if len(batch) == 64 {
			flush()
		}
	}
	for i := range n {
		f := replayFacts(i)
		v, err := set.Decide(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		d := &proxy.DecisionRecord{Action: v.Action, Asked: "openai", Facts: f, Mode: proxy.Enforce, Reasons: v.Reasons, Phase: proxy.PhaseBody}
		switch v.Action {
		case proxy.Deny:
			d.Code, d.Status = first(v.Code, proxy.CodeDenied), 403
		case proxy.Reroute:
			d.Pool = "house"
		default:
			d.Pool = "openai"
		}
		add(d, i)
	}
	later := policies.Example()
	later.Version = 99
	add(&proxy.DecisionRecord{Action: proxy.Deny, Code: "unknown_application_key", Reasons: []proxy.Reason{}, Status: 401}, n)
	add(&proxy.DecisionRecord{Action: proxy.Deny, Code: "unreadable", Reasons: []proxy.Reason{}, Status: 400}, n+1)
	add(&proxy.DecisionRecord{Action: proxy.Allow, Facts: later, Pool: "openai", Reasons: []proxy.Reason{}}, n+2)
	flush()
	if err := errors.Join(l.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// policyTree writes policies into a directory.
func policyTree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shippedTree writes the shipped policies into a directory, with a change.
func shippedTree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, policies.Shipped()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lenient lets everything but credentials out, and denies research.
const lenient = `package ostiary.policies.lenient

# METADATA
# title: Credentials never pass
deny contains {"rule": "keys", "message": "No keys."} if input.findings.groups.credential.count > 0

# METADATA
# title: Research waits
deny contains {"rule": "research", "message": "Not today.", "code": "not_today"} if {
	input.principal.team == "research"
	input.time.hour == 3
}
`

// runReplay runs the command with --json.
func runReplay(t *testing.T, wantStatus int, args ...string) replayReport {
	t.Helper()
	status, out, diag := ostiary(append([]string{"policy", "replay", "--json"}, args...)...)
	if status != wantStatus {
		t.Fatalf("%v: exit status %d, want %d\n%s%s", args, status, wantStatus, out, diag)
	}
	var r replayReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return r
}

func TestPolicyReplay(t *testing.T) {
	const n = 3000
	log := replayBook(t, n)
	same := shippedTree(t)
	next := policyTree(t, map[string]string{"lenient.rego": lenient})

	// The same policies change nothing, and what cannot be replayed is named.
	r := runReplay(t, 0, "--log", log, "--candidate", same, "--fail-on", "changed", "--max-newly-denied", "0%")
	if r.Replayed != n || r.Changed != 0 || len(r.Rows) != 0 {
		t.Errorf("the same policies: %+v", r.Report)
	}
	for _, why := range []string{
		"refused before the policies were asked: unknown_application_key", "refused before the policies were asked: unreadable",
		"facts of version 99, which this program does not know",
	} {
		if r.Skipped[why] != 1 {
			t.Errorf("%q is counted %d times: %v", why, r.Skipped[why], r.Skipped)
		}
	}

	// What is expected is counted here once more, of the facts.
	want := map[string]int{}
	set, err := policies.Load(policies.Options{})
	if err != nil {
		t.Fatal(err)
	}
	newly, loosened := 0, 0
	for i := range n {
		f := replayFacts(i)
		v, err := set.Decide(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		would := "allow"
		if f.Findings.Groups["credential"].Count > 0 || f.Principal.Team == "research" && f.Time.Hour == 3 {
			would = "deny"
		}
		want[string(v.Action)+" "+would]++
		if v.Action != proxy.Deny && would == "deny" {
			newly++
		}
		if v.Action != proxy.Allow && would == "allow" {
			loosened++
		}
	}
	r = runReplay(t, 1, "--log", log, "--candidate", next, "--by", "team", "--fail-on", "loosened")
	got := map[string]int{}
	for _, c := range r.Cells {
		got[c.Was+" "+c.Would] = c.Events
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || r.NewlyDenied != newly || r.Loosened != loosened || loosened == 0 || newly == 0 {
		t.Errorf("got %v, %d newly denied, %d loosened; want %v, %d, %d", got, r.NewlyDenied, r.Loosened, want, newly, loosened)
	}
	if len(r.Failed) != 1 || len(r.Rows) != 2 {
		t.Errorf("gates %v, rows %v", r.Failed, r.Rows)
	}
	if r.InHouse.Was == 0 || r.InHouse.Would != 0 || r.Cost.Was <= 0 || r.Cost.Would <= r.Cost.Was || r.Cost.Unpriced != (replay.Change{}) {
		t.Errorf("load %+v, cost %+v", r.InHouse, r.Cost)
	}

	// The share that is newly refused, on both sides of the gate.
	share := fmt.Sprintf("%.4f%%", r.NewlyDeniedShare()+0.001)
	runReplay(t, 0, "--log", log, "--candidate", next, "--max-newly-denied", share)
	runReplay(t, 1, "--log", log, "--candidate", next, "--max-newly-denied", fmt.Sprintf("%.4f%%", r.NewlyDeniedShare()-0.001))

	// The decisions behind a cell, which the log shows by their ids.
	r = runReplay(t, 0, "--log", log, "--candidate", next, "--cell", "reroute:allow", "--limit", "5")
	if len(r.Cases) != 5 || r.More != want["reroute allow"]-5 || r.Cases[0].Loosened != replay.LoosenedLeaves || r.Cases[0].Was.Pool != "house" {
		t.Errorf("cases %+v and %d more", r.Cases, r.More)
	}
	if status, out, _ := ostiary("audit", "show", "--log", log, r.Cases[0].ID); status != 0 || !strings.Contains(out, "reroute") {
		t.Errorf("show: %d %s", status, out)
	}

	// With a directory as the base, both sides are decided anew where the record
	// is of other policies.
	r = runReplay(t, 0, next, "--log", log, "--candidate", next)
	if r.Changed != 0 || r.Anew != n || r.Base != r.Candidate {
		t.Errorf("the base: %+v", r)
	}

	// A part of the time. The events are a second apart.
	r = runReplay(t, 0, "--log", log, "--candidate", next, "--from", "2026-11-01T00:00:10Z", "--to", "2026-11-01T00:00:30Z")
	if r.Replayed != 20 {
		t.Errorf("%d decisions in 20 seconds", r.Replayed)
	}

	// A gate that has nothing to judge by does not pass.
	for _, args := range [][]string{{"replay", "--candidate", next, "--fail-on", "loosened"}, {"replay", "--candidate", next, "--max-newly-denied", "1%"}, {"shadow", "--fail-on", "loosened"}} {
		status, _, diag := ostiary(append(append([]string{"policy"}, args...), "--log", log, "--from", "2031-01-01")...)
		if status != exitUnknown || !strings.Contains(diag, "nothing is proven") {
			t.Errorf("%v on no decisions: exit status %d %s", args, status, diag)
		}
	}

	// The page for people.
	status, out, diag := ostiary("policy", "replay", "--log", log, "--candidate", next, "--cell", "reroute:allow", "--limit", "1", "--fail-on", "loosened")
	if status != 1 {
		t.Errorf("exit status %d %s", status, diag)
	}
	for _, text := range []string{
		"3000 decisions replayed", "not replayed: 1, facts of version 99", "reroute → allow", "changed, by rule", "-residency.protected_data", "loosened: in-house before, leaves now",
		"house (internal)", "cost of prompts outside", "more: --limit N", "FAILED: ",
	} {
		if !strings.Contains(out, text) {
			t.Errorf("the page does not say %q\n%s", text, out)
		}
	}
}

// What a replay writes as tests is what the candidate passes, and what the
// former policies do not.
func TestPolicyReplayFixtures(t *testing.T) {
	log := replayBook(t, 400)
	next := policyTree(t, map[string]string{"lenient.rego": lenient})
	r := runReplay(t, 0, "--log", log, "--candidate", next, "--fixtures", filepath.Join(next, "fixtures"))
	if r.Fixtures == 0 || r.Fixtures > r.Changed {
		t.Fatalf("%d fixtures of %d changed", r.Fixtures, r.Changed)
	}
	status, out, diag := ostiary("policy", "test", next)
	if status != 0 || !strings.Contains(out, fmt.Sprintf("%d passed, 0 failed", r.Fixtures)) {
		t.Errorf("exit status %d\n%s%s", status, out, diag)
	}
	old := shippedTree(t)
	if err := os.CopyFS(filepath.Join(old, "fixtures"), os.DirFS(filepath.Join(next, "fixtures"))); err != nil {
		t.Fatal(err)
	}
	if status, out, _ = ostiary("policy", "test", old, "--run", "reroute to allow"); status != 1 || strings.Contains(out, " 0 failed") {
		t.Errorf("the former policies pass: %d\n%s", status, out)
	}
}

// TestPolicyReplayIsFast measures 100,000 decisions on one core. It says what it
// measured; the time of a machine that others use is no reason to fail.
func TestPolicyReplayIsFast(t *testing.T) {
	if os.Getenv("OSTIARY_BENCH") == "" {
		t.Skip("OSTIARY_BENCH is not set: takes a minute")
	}
	const n = 100_000
	log := replayBook(t, n)
	next := policyTree(t, map[string]string{"lenient.rego": lenient})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, candidate := range []string{shippedTree(t), next} {
		used := func() time.Duration {
			var u syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
				t.Fatal(err)
			}
			return time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
		before, begin := used(), time.Now()
		r := runReplay(t, 0, "--log", log, "--candidate", candidate)
		if r.Replayed != n {
			t.Errorf("%d replayed", r.Replayed)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		t.Logf("%d decisions: %.1f s on the clock, %.1f s of processor time, %d MiB of heap in use", n, time.Since(begin).Seconds(), (used() - before).Seconds(), m.HeapInuse>>20)
	}
}
