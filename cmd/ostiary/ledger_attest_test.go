package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/testdata/env"
)

// archived is a file of a bundle.
type archived struct {
	name string
	body []byte
}

func readBundle(t *testing.T, name string) (out []archived) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, archived{h.Name, b})
	}
}

// forgeBundle writes a bundle whose manifest is right for its files.
func forgeBundle(t *testing.T, name string, files []archived) {
	t.Helper()
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := tar.NewWriter(out)
	type listed struct {
		Bytes  int64  `json:"bytes"`
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
	}
	var list []listed
	for _, f := range files {
		if f.name == "manifest.json" {
			var m struct {
				End     int64    `json:"end"`
				Files   []listed `json:"files"`
				First   int64    `json:"first"`
				Format  string   `json:"format"`
				Records int64    `json:"records"`
			}
			if err := json.Unmarshal(f.body, &m); err != nil {
				t.Fatal(err)
			}
			m.Files = list
			if f.body, err = json.Marshal(m); err != nil {
				t.Fatal(err)
			}
			f.body = append(f.body, '\n')
		}
		sum := sha256.Sum256(f.body)
		list = append(list, listed{int64(len(f.body)), f.name, hex.EncodeToString(sum[:])})
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.body)), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// without takes one record out of a bundle's files: its line, and with leaves its
// leaf hash as well.
func without(t *testing.T, files []archived, file string, line int, leaves bool) []archived {
	t.Helper()
	files = slices.Clone(files)
	for i, f := range files {
		switch f.name {
		case "records/" + file + ".jsonl.gz":
			z, err := gzip.NewReader(bytes.NewReader(f.body))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.SplitAfter(b, []byte("\n"))
			var out bytes.Buffer
			w := gzip.NewWriter(&out)
			if _, err := w.Write(bytes.Join(slices.Delete(lines, line, line+1), nil)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			files[i].body = out.Bytes()
		case "records/" + file + ".leaves":
			if leaves {
				files[i].body = slices.Delete(bytes.Clone(f.body), line*sha256.Size, (line+1)*sha256.Size)
			}
		}
	}
	return files
}

// monthOf writes a log of a month of traffic: decisions as the program made them,
// spread over the days. It gives how many there are.
func monthOf(t *testing.T, p places, made []*proxy.Event, outcomes map[string]*proxy.Event, since time.Time, n int) {
	t.Helper()
	log, err := audit.Open(p.log, audit.Options{KeyDir: p.keys})
	if err != nil {
		t.Fatal(err)
	}
	step := 30 * 24 * time.Hour / time.Duration(n)
	const batch = 100
	for i := 0; i < n; i += batch {
		var events []*proxy.Event
		for j := i; j < min(i+batch, n); j++ {
			at := since.Add(step * time.Duration(j))
			of := made[j%len(made)]
			decision := *of
			fresh := proxy.NewEvent(of.Kind, at)
			decision.ID, decision.Time, decision.Personal, decision.Origin = fresh.ID, fresh.Time, nil, ""
			outcome := *outcomes[of.ID]
			fresh = proxy.NewEvent(outcome.Kind, at.Add(time.Second))
			outcome.ID, outcome.Time, outcome.DecisionID, outcome.Origin = fresh.ID, fresh.Time, decision.ID, ""
			events = append(events, &decision, &outcome)
		}
		if err := log.Record(context.Background(), events...); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// The question of the issue, of a month: findings of health that went outside. The
// answer is none, and a third party counts that again with the stand-alone program
// on a copy, and sees where one event is removed.
func TestNegativeAttestation(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go to build ostiary-verify with")
	}
	elsewhere := t.TempDir() // the third party's machine
	program := filepath.Join(elsewhere, "ostiary-verify")
	build := exec.Command("go", "build", "-o", program, "./cmd/ostiary-verify")
	build.Dir = env.Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	check := func(args ...string) (int, string) {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir = elsewhere
		cmd.Env = []string{}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}

	// What the program makes of some prompts.
	in := launch(t, "embedded", "")
	for _, prompt := range []string{
		ordinary, personal, secret, "The patient has type 2 diabetes (ICD-10 E11.9) and takes metformin 500 mg twice daily.", "Who wrote Kalevala?", "Summarise https://example.com/minutes for the board.",
	} {
		if r := in.post("/v1/chat/completions", chat(prompt)); r.status != http.StatusOK && r.status != http.StatusForbidden {
			t.Fatalf("a prompt: %d %s", r.status, r.body)
		}
	}
	in.end()
	made, outcomes := in.events(proxy.EventDecision), map[string]*proxy.Event{}
	for _, ev := range in.events(proxy.EventOutcome) {
		outcomes[ev.DecisionID] = ev
	}
	health, external := 0, 0
	for _, ev := range made {
		for _, f := range ev.Findings {
			if slices.Contains(f.Groups, "health") && (f.Likelihood == "likely" || f.Likelihood == "very_likely") {
				health++
				break
			}
		}
		if ev.Decision.Pool == "openai" {
			external++
		}
	}
	if len(made) != 6 || health != 1 || external == 0 || external == 6 {
		t.Fatalf("of %d decisions %d have findings of health and %d went outside: the test is blind", len(made), health, external)
	}

	// A month of it, to which the program adds what is asked today.
	dir := t.TempDir()
	p := places{log: filepath.Join(dir, "log"), keys: filepath.Join(dir, "log.keys")}
	since := time.Now().Add(-31 * 24 * time.Hour).UTC().Truncate(time.Hour)
	const n = 3000
	monthOf(t, p, made, outcomes, since, n)
	next := &instance{t: t, openai: in.openai, house: in.house, screen: &syncBuffer{}}
	s, err := start(context.Background(), options{config: in.opts.config, log: p.log}, next.screen, next.screen)
	if err != nil {
		t.Fatalf("start on the log of a month: %v", err)
	}
	next.server, next.url = s, in.url
	t.Cleanup(next.end)
	for range 20 {
		next.post("/v1/chat/completions", chat(ordinary))
	}
	next.end()
	verified(t, p)

	attest := func(out string, args ...string) (int, string) {
		t.Helper()
		status, text, diag := ostiary(append([]string{
			"audit", "report", "attest", "--log", p.log, "--since", since.Format(time.RFC3339), "--until", since.Add(30 * 24 * time.Hour).Format(time.RFC3339), "-o", out,
		}, args...)...)
		return status, text + diag
	}
	bundle := filepath.Join(elsewhere, "health.tar")
	if status, text := attest(bundle, "--group", "health", "--external"); status != exitYes {
		t.Fatalf("attest: %d\n%s", status, text)
	}
	if err := os.CopyFS(filepath.Join(elsewhere, "given"), os.DirFS(p.keys)); err != nil { // the key, by another way
		t.Fatal(err)
	}
	key := filepath.Join(elsewhere, "given", "log.pub")
	status, text := check("--key", key, bundle)
	for _, want := range []string{"GOOD", "negative attestation: none", "computed again"} {
		if status != 0 || !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %d\n%s", want, status, text)
		}
	}
	if !strings.Contains(text, fmt.Sprintf("0 of %s decisions", comma(n))) {
		t.Errorf("the sentence is another:\n%s", text)
	}
	// A question with another answer: it is not always none.
	other := filepath.Join(elsewhere, "openai.tar")
	if status, text := attest(other, "--pool", "house", "--group", "health"); status != exitNo {
		t.Errorf("health in the house: %d\n%s", status, text)
	}
	if status, text := check("--key", key, other); status != 0 || !strings.Contains(text, "negative attestation: some") {
		t.Errorf("health in the house: %d\n%s", status, text)
	}
	if status, text := check("--key", filepath.Join(in.places.keys, "log.pub"), bundle); status == 0 {
		t.Errorf("with another log's key: %d\n%s", status, text)
	}

	// One event is removed.
	files := readBundle(t, bundle)
	var chunks []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.name, ".leaves"); ok {
			chunks = append(chunks, strings.TrimPrefix(name, "records/"))
		}
	}
	if len(chunks) < 2 {
		t.Fatalf("%d files of records: the test is blind", len(chunks))
	}
	forged := map[string][]archived{
		"its line":                     without(t, files, chunks[0], 1234, false),
		"its line and its leaf":        without(t, files, chunks[1], 77, true),
		"the last line":                without(t, files, chunks[0], 4095, true),
		"nothing, but the attestation": slices.DeleteFunc(slices.Clone(files), func(f archived) bool { return f.name == "attestation" }),
	}
	for _, what := range slices.Sorted(maps.Keys(forged)) {
		name := filepath.Join(elsewhere, "forged.tar")
		forgeBundle(t, name, forged[what])
		status, text := check("--key", key, name)
		if status != 1 || !strings.Contains(text, "ALTERED") {
			t.Errorf("without %s: %d\n%s", what, status, text)
		}
	}
	again := filepath.Join(elsewhere, "again.tar")
	forgeBundle(t, again, files)
	if status, text := check("--key", key, again); status != 0 {
		t.Errorf("a bundle that was read and written: %d\n%s", status, text)
	}
	// What names the record: its index is in the log.
	forgeBundle(t, again, without(t, files, chunks[0], 1234, false))
	if _, text := check("--key", key, again); !strings.Contains(text, "1234") {
		t.Errorf("the first bad record is not named:\n%s", text)
	}
}

// comma writes a number as people read it.
func comma(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
