package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/proof"
	"github.com/ostiary/ostiary/proxy/audit/report"
)

// asProgram makes the test binary be the program itself.
const asProgram = "OSTIARY_VERIFY_IS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		main()
	}
	os.Exit(m.Run())
}

// month is the generated traffic of October 2026: a class of decision for each of n/2
// requests, by a generator that gives the same each time, and what is to be counted.
type month struct {
	n       int64
	classes []class
	want    report.Figures
}

// class is a kind of request. The figures are what one of them adds, written by hand.
type class struct {
	decision, outcome []byte // with ID and TIME in them; no outcome: nil
	weight            int
	adds              func(*report.Figures)
}

const (
	idMark   = "01XXXXXXXXXXXXXXXXXXXXXXXX"
	timeMark = "2026-01-01T00:00:00.000Z"
)

func newMonth(t testing.TB, n int64) *month {
	t.Helper()
	pools := []proxy.PoolFacts{
		{Boundary: "internal", Jurisdiction: "DE", Name: "house"}, {Boundary: "external", Jurisdiction: "IE", Name: "dublin"}, {Boundary: "external", Jurisdiction: "US", Name: "openai"},
	}
	encode := func(ev *proxy.Event) []byte {
		b, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	request := func(pool string, action proxy.Action, findings ...proxy.FindingRecord) *proxy.Event {
		return &proxy.Event{
			Decision: &proxy.DecisionRecord{Action: action, Facts: &proxy.Facts{Pools: pools, Version: 1}, Mode: proxy.Enforce, Pool: pool, Reasons: []proxy.Reason{}},
			Findings: findings, ID: idMark, Kind: proxy.EventDecision, Time: timeMark, V: 1,
			Request: &proxy.RequestRecord{Application: "crm", Dialect: "openai", Model: "gpt-5", Operation: "chat"},
		}
	}
	outcome := func(sent string) []byte {
		return encode(&proxy.Event{DecisionID: idMark, ID: idMark + "o", Kind: proxy.EventOutcome, Outcome: &proxy.OutcomeRecord{Sent: sent}, Time: timeMark, V: 1})
	}
	health := proxy.FindingRecord{Count: 2, Groups: []string{"health"}, Likelihood: "likely", Type: "DIAGNOSIS"}
	mail := proxy.FindingRecord{Count: 1, Groups: []string{"personal"}, Likelihood: "very_likely", Type: "EMAIL_ADDRESS"}
	test := proxy.FindingRecord{Count: 1, Groups: []string{"health"}, Likelihood: "likely", Synthetic: 1, Type: "DIAGNOSIS"}
	masked := request("openai", proxy.Mask, health, mail)
	masked.Decision.Masked, masked.Decision.Masks = 2, []string{"health"}
	image := request("openai", proxy.Allow)
	image.Decision.Facts.Opaque.Count = 1
	m := &month{n: n, classes: []class{
		{encode(request("openai", proxy.Allow)), outcome("yes"), 60, func(f *report.Figures) { f.Destination++; f.Outcomes.Yes++ }},
		{encode(request("openai", proxy.Allow, mail)), outcome("yes"), 15, func(f *report.Figures) { f.Destination++; f.Outcomes.Yes++ }},
		{encode(request("house", proxy.Reroute, health)), outcome("yes"), 10, func(f *report.Figures) { f.Found++ }},
		{encode(request("dublin", proxy.Allow, health)), outcome("yes"), 5, func(f *report.Figures) { f.Found++ }},
		{encode(request("", proxy.Deny, health)), outcome("no"), 4, func(f *report.Figures) { f.Found++; f.Refused++ }},
		{encode(masked), outcome("yes"), 3, func(f *report.Figures) {
			f.Found++
			f.Destination++
			f.Matched.Decisions++
			f.Matched.Masked++
			f.Matched.Findings += 2
			f.Outcomes.Yes++
		}},
		{encode(request("openai", proxy.Allow, test)), outcome("no"), 1, func(f *report.Figures) { f.Destination++; f.Matched.Synthetic++; f.Outcomes.No++ }},
		{encode(image), outcome("unknown"), 1, func(f *report.Figures) { f.Destination++; f.Uninspected++; f.Outcomes.Unknown++ }},
		{encode(request("openai", proxy.Allow)), nil, 1, func(f *report.Figures) { f.Destination++; f.Outcomes.Missing++ }},
	}}
	return m
}

// records gives the month's records: a request's decision and its outcome, spread over
// September 30th to November 1st. A request without outcome has a reload after it.
func (m *month) records() iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		rng := rand.New(rand.NewPCG(2026, 10))
		total := 0
		for _, c := range m.classes {
			total += c.weight
		}
		m.want = report.Figures{}
		start := time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC)
		step := 33 * 24 * time.Hour / time.Duration(m.n)
		for i := int64(0); i < m.n; i += 2 {
			pick := rng.IntN(total)
			k := 0
			for pick >= m.classes[k].weight {
				pick -= m.classes[k].weight
				k++
			}
			c := &m.classes[k]
			at := start.Add(time.Duration(i) * step)
			switch {
			case at.Month() == time.September:
				m.want.Before += 2
			case at.Month() == time.November:
				m.want.After += 2
			default:
				m.want.Decisions++
				c.adds(&m.want)
			}
			stamp := func(b []byte) []byte {
				b = bytes.ReplaceAll(b, []byte(idMark), fmt.Appendf(nil, "01%024d", i))
				return bytes.Replace(b, []byte(timeMark), []byte(at.Format("2006-01-02T15:04:05.000Z")), 1)
			}
			second := c.outcome
			if second == nil {
				second = []byte(`{"admin":{"action":"reload"},"id":"` + idMark + `","kind":"admin","time":"` + timeMark + `","v":1}`)
			}
			if !yield(audit.Record{Index: i, JSON: stamp(c.decision)}, nil) || !yield(audit.Record{Index: i + 1, JSON: stamp(second)}, nil) {
				return
			}
		}
	}
}

func newKey(t testing.TB, seed string) (note.Signer, string) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.NewChaCha8(sha256.Sum256([]byte(seed))), "test.example/key-"+seed)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

// signed gives the tree and the signed checkpoint of records.
func signed(t testing.TB, records iter.Seq2[audit.Record, error], s note.Signer) (*proof.Hashes, []byte) {
	t.Helper()
	h := &proof.Hashes{}
	for r := range records {
		if err := h.Add(r.JSON); err != nil {
			t.Fatal(err)
		}
	}
	root, err := tlog.TreeHash(h.Size(), h)
	if err != nil {
		t.Fatal(err)
	}
	c, err := note.Sign(&note.Note{Text: fmt.Sprintf("test.example/log\n%d\n%s\n", h.Size(), root)}, s)
	if err != nil {
		t.Fatal(err)
	}
	return h, c
}

func put(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var october = report.Question{Groups: []string{"health"}, Outside: report.EU, Since: "2026-10-01T00:00:00Z", Until: "2026-11-01T00:00:00Z"}

// The negative attestation of a month of traffic is checked by the program in a process
// of its own, in a directory that has the bundle and the key and nothing else; with one
// event removed, it fails and names it.
func TestMonth(t *testing.T) {
	n := int64(200_000)
	switch {
	case testing.Short():
		n = 5_000
	case raced: // tenfold slower
		n = 20_000
	}
	m := newMonth(t, n)
	signer, public := newKey(t, "log")
	hashes, checkpoint := signed(t, m.records(), signer)
	first, end, err := report.Range(m.records(), october, n)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "october.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	began := time.Now()
	from := func(yield func(audit.Record, error) bool) {
		for r, err := range m.records() {
			if r.Index >= first && !yield(r, err) {
				return
			}
		}
	}
	a, err := report.Attest(out, report.Ask{Question: october, First: first, End: end, Checkpoint: checkpoint, Hashes: hashes, Records: from, Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	info, err := out.Stat()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records: %s, %d bytes a record in the bundle", end-first, time.Since(began).Round(time.Millisecond), info.Size()/(end-first))
	for range m.records() { // counts once more, to the end
	}
	full := m.want
	// Of what lies outside the month, one record on each side is in the bundle.
	full.Before, full.After, full.Records, full.Covered = 1, 1, end-first, true
	if full.Matched.Exposed != 0 || a.Figures != full || a.State != report.StateKnown {
		t.Fatalf("figures\n%+v\nwant\n%+v", a.Figures, full)
	}

	elsewhere := t.TempDir()
	b, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	key := put(t, elsewhere, "log.pub", []byte(public))
	bundle := put(t, elsewhere, "copy.tar", b)
	began = time.Now()
	status, text := program(t, elsewhere, "--key", key, bundle)
	t.Logf("checked in %s", time.Since(began).Round(time.Millisecond))
	if status != 0 || !strings.Contains(text, ": GOOD\n") || !strings.Contains(text, a.Sentence()) || !strings.Contains(a.Sentence(), fmt.Sprintf(": 0 of %s decisions;", commas(full.Decisions))) {
		t.Errorf("status %d:\n%s", status, text)
	}

	// One event removed, in the middle, and the archive packed anew.
	less, index := removeOne(t, b)
	bad := put(t, elsewhere, "less.tar", less)
	status, text = program(t, elsewhere, "--key", key, bad)
	if want := fmt.Sprintf("record %d was removed", index); status != 1 || !strings.Contains(text, ": ALTERED\n") || !strings.Contains(text, want) {
		t.Errorf("one removed: status %d, want %q:\n%s", status, want, text)
	}
}

// commas writes a number below a million as the program does.
func commas(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// program runs the test binary as the program, with nothing of this process's
// environment.
func program(t *testing.T, dir string, args ...string) (int, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir, cmd.Env = dir, []string{asProgram + "=1"}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// removeOne takes one record out of the middle of a bundle and gives its index.
func removeOne(t *testing.T, b []byte) ([]byte, int64) {
	t.Helper()
	all, middle, first := untar(t, b), 0, int64(0)
	for i, f := range all {
		switch {
		case f.name == "bundle.json":
			var head proof.Head
			if err := json.Unmarshal(f.content, &head); err != nil {
				t.Fatal(err)
			}
			first = head.First
		case strings.HasSuffix(f.name, ".gz") && (middle == 0 || i <= len(all)/2):
			middle = i
		}
	}
	index := first
	for i := range all {
		if !strings.HasSuffix(all[i].name, ".gz") {
			continue
		}
		z, err := gzip.NewReader(bytes.NewReader(all[i].content))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(text, []byte("\n"))
		lines = lines[:len(lines)-1]
		if i != middle {
			index += int64(len(lines))
			continue
		}
		k := len(lines) / 2
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		for j, l := range lines {
			if j == k {
				continue
			}
			if _, err := w.Write(l); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all[i].content = packed.Bytes()
		return retar(t, all), index + int64(k)
	}
	t.Fatal("no records")
	return nil, 0
}

type file struct {
	name    string
	content []byte
}

func untar(t *testing.T, b []byte) []file {
	t.Helper()
	var out []file
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file{h.Name, c})
	}
}

func retar(t *testing.T, list []file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range list {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: 0o444, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What the program says and its exit status, for each kind of file.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	m := newMonth(t, 60)
	signer, public := newKey(t, "log")
	other, foreign := newKey(t, "foreign")
	hashes, checkpoint := signed(t, m.records(), signer)
	var cores [][]byte
	for r := range m.records() {
		cores = append(cores, r.JSON)
	}
	event, err := proof.Make(hashes, checkpoint, 7, cores[7])
	if err != nil {
		t.Fatal(err)
	}
	export := func() []byte {
		var out bytes.Buffer
		b, err := proof.NewBundle(&out, proof.Head{First: 5, End: 20, Kind: "export", Query: "type:\x1b[31mX"}, checkpoint, hashes)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cores[5:20] {
			if err := b.Add(c); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}()
	attestation := func(by note.Signer) []byte {
		var out bytes.Buffer
		first, end, err := report.Range(m.records(), october, 60)
		if err != nil {
			t.Fatal(err)
		}
		from := func(yield func(audit.Record, error) bool) {
			for r, err := range m.records() {
				if r.Index >= first && !yield(r, err) {
					return
				}
			}
		}
		if _, err := report.Attest(&out, report.Ask{Question: october, First: first, End: end, Checkpoint: checkpoint, Hashes: hashes, Records: from, Signer: by}); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	old := func(yield func(audit.Record, error) bool) {
		for r, err := range m.records() {
			if r.Index < 12 && !yield(r, err) {
				return
			}
		}
	}
	_, within := signed(t, old, signer)
	for name, b := range map[string][]byte{
		"log.pub": []byte(public), "foreign.pub": []byte(foreign), "now.note": checkpoint, "within.note": within,
		"event.json": event, "altered.json": bytes.Replace(event, []byte(`\"v\":1`), []byte(`\"v\":2`), 1),
		"export.tar": export, "cut.tar": export[:len(export)/2], "attest.tar": attestation(signer), "auditor.tar": attestation(other),
		"junk.bin": []byte("junk"), "empty": nil, "bad.pub": []byte("PRIVATE+KEY+canary"),
	} {
		put(t, dir, name, b)
	}
	at := func(names ...string) []string {
		for i, n := range names {
			if !strings.HasPrefix(n, "-") {
				names[i] = filepath.Join(dir, n)
			}
		}
		return names
	}
	for _, c := range []struct {
		args   []string
		status int
		out    string // on standard output
		errs   string
	}{
		{at("--key", "log.pub", "event.json"), 0, "event.json: GOOD", ""},
		{at("--key", "log.pub", "event.json"), 0, "it is record 7, byte for byte as in the file", ""},
		{at("--key", "log.pub", "event.json"), 0, "not shown: that what was recorded is true", ""},
		{at("--key", "log.pub", "event.json"), 0, "not shown: that no other history", ""},
		{at("--key", "log.pub", "--checkpoint", "now.note", "event.json"), 0, "event.json: GOOD", ""},
		{at("--key", "log.pub", "--checkpoint", "within.note", "event.json"), 2, "event.json: COULD NOT TELL\n  the checkpoint that was seen before has another size", ""},
		{at("--key", "log.pub", "altered.json"), 1, "altered.json: ALTERED\n  the event is not the record at this index of the signed log", ""},
		{at("event.json"), 2, "event.json: COULD NOT TELL\n  no verifier key was given", ""},
		{at("--key", "foreign.pub", "event.json"), 1, "ALTERED\n  the checkpoint is not signed by the key that was given", ""},
		{at("--key", "log.pub", "export.tar"), 0, "bundle: 15 records, index 5 to before 20, complete and in order", ""},
		{at("--key", "log.pub", "export.tar"), 0, "its query, which nobody signed: type:?[31mX", ""},
		{at("--key", "log.pub", "--checkpoint", "within.note", "export.tar"), 0, "GOOD", ""},
		{at("--key", "log.pub", "cut.tar"), 2, "COULD NOT TELL", ""},
		{at("--key", "log.pub", "attest.tar"), 0, "the figures were computed again from the records and are those that were signed", ""},
		{at("--key", "log.pub", "auditor.tar"), 1, "altered: attestation is not signed by the key that was given", ""},
		{at("--key", "log.pub", "--signer", "foreign.pub", "auditor.tar"), 0, "auditor.tar: GOOD", ""},
		{at("--key", "log.pub", "junk.bin"), 2, "COULD NOT TELL\n  not a proof or a bundle of this version", ""},
		{at("--key", "log.pub", "empty"), 2, "COULD NOT TELL", ""},
		{at("--key", "log.pub", "missing"), 2, "COULD NOT TELL", ""},
		{at("--key", "log.pub", "event.json", "junk.bin", "altered.json", "junk.bin"), 1, "altered.json: ALTERED", ""},
		{at("--key", "log.pub", "junk.bin", "event.json"), 2, "event.json: GOOD", ""},
		{at("--quiet", "--key", "log.pub", "event.json"), 0, "", ""},
		{at("--key", "bad.pub", "event.json"), 2, "", "bad.pub: not a verifier key; expected one line NAME+HASH+KEY, as in log.pub"},
		{at("--key", "missing", "event.json"), 2, "", "missing"},
		{at("--checkpoint", "missing", "--key", "log.pub", "event.json"), 2, "", "missing"},
		{at("--no-such-flag"), 2, "", "Usage: ostiary-verify"},
		{nil, 2, "", "Usage: ostiary-verify"},
		{[]string{"--help"}, 0, "", "Exit status: 0 good, 1 altered, 2 could not tell."},
	} {
		var stdout, stderr bytes.Buffer
		status := run(c.args, &stdout, &stderr)
		name := strings.ReplaceAll(strings.Join(c.args, " "), dir+"/", "")
		if status != c.status || !strings.Contains(stdout.String(), c.out) || !strings.Contains(stderr.String(), c.errs) || (c.out == "") != (stdout.Len() == 0) || (c.errs == "") != (stderr.Len() == 0) {
			t.Errorf("%s: status %d, want %d\n%s%s", name, status, c.status, stdout.String(), stderr.String())
		}
		if strings.Contains(stdout.String()+stderr.String(), "canary") || strings.Contains(stdout.String(), "\x1b") {
			t.Errorf("%s: what stands in a file came through", name)
		}
	}
}
