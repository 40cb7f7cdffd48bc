package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// bookID gives the ids of the events of auditBook.
func bookID(n int) string { return fmt.Sprintf("01JDQ7Z%08XKQ3%08X", n, n) }

// auditBook makes a log of five events: a reroute and its outcome, a denial and
// its outcome, and a start.
func auditBook(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l, err := audit.Open(dir, audit.Options{Segment: 1 << 17, Ahead: 1, Origin: "test.example/log"})
	if err != nil {
		t.Fatal(err)
	}
	at := func(n int) string {
		return time.Date(2026, 11, 24, 9, 0, n, 0, time.UTC).Format("2006-01-02T15:04:05.000Z")
	}
	events := []*proxy.Event{
		{ID: bookID(0), Kind: proxy.EventAdmin, Time: at(0), V: 1, Admin: &proxy.AdminRecord{Action: "start", Detail: "embedded"}},
		{
			ID: bookID(1), Kind: proxy.EventDecision, Time: at(1), V: 1,
			Decision: &proxy.DecisionRecord{
				Action: proxy.Reroute, Asked: "openai", Mode: proxy.Enforce, Model: "qwen", Pool: "house",
				Reasons: []proxy.Reason{{
					Action: proxy.Reroute, File: "residency/residency.rego", Line: 31, Message: "Personal data stays in the house.",
					Policy: "residency", Rule: "in_house", Title: "Personal data may not leave",
				}},
			},
			Findings: []proxy.FindingRecord{{Count: 2, Groups: []string{"identifier"}, Likelihood: "very_likely", Roles: []string{"user"}, Type: "US_SSN"}},
			Request:  &proxy.RequestRecord{Application: "billing", Bytes: 512, Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/1.1"},
		},
		{
			ID: bookID(2), DecisionID: bookID(1), Kind: proxy.EventOutcome, Time: at(2), V: 1,
			Outcome: &proxy.OutcomeRecord{Bytes: 90, DurationMS: 310, Reason: "answers_not_inspected", Sent: "yes", SentBytes: 600, Status: 200},
		},
		{
			ID: bookID(3), Kind: proxy.EventDecision, Time: at(3), V: 1,
			Decision: &proxy.DecisionRecord{
				Action: proxy.Deny, Code: "data_policy_denied", Mode: proxy.Enforce, Reasons: []proxy.Reason{{
					Action: proxy.Deny, File: "secrets/secrets.rego", Line: 9, Policy: "secrets", Rule: "never_out", Title: "Secrets\x1b[31m never leave",
				}}, Status: 403,
			},
			Request: &proxy.RequestRecord{Application: "hr", Dialect: "anthropic", Model: "other", Operation: "messages", Protocol: "HTTP/2"},
		},
		{
			ID: bookID(4), DecisionID: bookID(3), Kind: proxy.EventOutcome, Time: at(4), V: 1,
			Outcome: &proxy.OutcomeRecord{Reason: "refused", Sent: "no", Status: 403},
		},
	}
	if err := errors.Join(l.Record(context.Background(), events...), l.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ostiary runs a command and gives its exit status and what it printed.
func ostiary(args ...string) (status int, out, diag string) {
	var o, e bytes.Buffer
	status = run(context.Background(), args, streams{strings.NewReader(""), &o, &e})
	return status, o.String(), e.String()
}

// clock is the time at the beginning of a line, which is in the reader's zone.
var clock = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d `)

// What the audit commands print, word for word but for the local time.
func TestAuditCommands(t *testing.T) {
	dir := auditBook(t)
	const (
		start    = "01JDQ7Z00000000KQ300000000 admin start  embedded\n"
		rerouted = "01JDQ7Z00000001KQ300000001 reroute  → house  app billing, gpt-5  Personal data may not leave  [2 US_SSN very_likely]\n"
		sent     = "01JDQ7Z00000002KQ300000002 outcome of 01JDQ7Z00000001KQ300000001: status 200, sent yes, 310 ms  answers_not_inspected\n"
		denied   = "01JDQ7Z00000003KQ300000003 deny     app hr, other  Secrets\uFFFD[31m never leave\n"
		refused  = "01JDQ7Z00000004KQ300000004 outcome of 01JDQ7Z00000003KQ300000003: status 403, sent no, 0 ms  refused\n"
	)
	page := `reroute  → house  app billing, gpt-5  Personal data may not leave  [2 US_SSN very_likely]
  event       01JDQ7Z00000001KQ300000001, decision, record 1 of test.example/log
  time        2026-11-24T09:00:01.000Z
  request     openai chat, model gpt-5, 512 bytes, HTTP/1.1
  asked by    billing
  found       2 US_SSN, very_likely (identifier) in user
  pool        house, model qwen (asked for: openai)
  because     Personal data may not leave (reroute, rule residency/in_house, residency/residency.rego:31)
              Personal data stays in the house.
  mode        enforce

outcome of 01JDQ7Z00000001KQ300000001: status 200, sent yes, 310 ms  answers_not_inspected
  event       01JDQ7Z00000002KQ300000002, outcome, record 2 of test.example/log
  time        2026-11-24T09:00:02.000Z
  status      200 to the client after 310 ms
  sent        yes, 600 bytes upstream
  answer      90 bytes, inspected: false
  note        answers_not_inspected
`
	for _, c := range []struct {
		args   string
		status int
		out    string
		diag   string // must be in what is printed to standard error
	}{
		{"tail", 0, start + rerouted + sent + denied + refused, ""},
		{"tail -n 2", 0, denied + refused, ""},
		{"tail -n 0", 0, "", ""},
		{"tail -n -1", 2, "", "-n takes a number"},
		{"search action:deny", 0, denied, ""},
		{"search -- -kind:outcome app:*", 0, rerouted + denied, ""},
		{"search type:US_SSN pool:house", 0, rerouted, ""},
		{"search --limit 1", 0, refused, "there are more"},
		{"search action:mask", 0, "", "none of 5 events match"},
		{"search --since 2026-11-24T09:00:02Z --until 2026-11-24T09:00:04Z", 0, sent + denied, ""},
		{"search colour:red", 2, "", "fields are action, app, asked"},
		{"search action:deny --since tomorrow", 2, "", "--since: write a time as 2h, 7d"},
		{"search --limit -1", 2, "", "--limit takes a number"},
		{"show " + bookID(1), 0, page, ""},
		{"show " + strings.ToLower(bookID(2)), 0, page, ""},
		{"show " + bookID(9), 1, "", "no event has that id"},
		{"show", 2, "", "accepts 1 arg"},
		{"frobnicate", 2, "", "unknown command"},
	} {
		args := append([]string{"audit"}, strings.Fields(c.args)...)
		if c.args != "frobnicate" {
			args = append(args[:2:2], append([]string{"--log", dir}, args[2:]...)...)
		}
		status, out, diag := ostiary(args...)
		if out = clock.ReplaceAllString(out, ""); status != c.status || out != c.out || !strings.Contains(diag, c.diag) || c.diag == "" && diag != "" {
			t.Errorf("audit %s: status %d, want %d\n%s\nwant\n%s\nstandard error: %s", c.args, status, c.status, out, c.out, diag)
		}
	}
}

// With --json, events are printed as they are stored: byte for byte, one a line,
// under the names that others rely on.
func TestAuditJSON(t *testing.T) {
	dir := auditBook(t)
	r, err := audit.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	var stored string
	for rec, err := range r.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		stored += string(rec.JSON) + "\n"
	}
	lines := strings.SplitAfter(stored, "\n")
	for args, want := range map[string]string{
		"tail":                       stored,
		"search kind:decision":       lines[1] + lines[3],
		"show " + bookID(1):          lines[1] + lines[2],
		"search action:allow app:no": "",
	} {
		status, out, _ := ostiary(append([]string{"audit", "--log", dir, "--json"}[:1], append(strings.Fields(args), "--log", dir, "--json")...)...)
		if status != 0 || out != want {
			t.Errorf("audit %s --json: status %d\n%s\nwant\n%s", args, status, out, want)
		}
	}
	var ev struct {
		ID, Time, Kind string
		Decision       struct {
			Action, Pool string
			Reasons      []struct{ Title string }
		}
		Findings []struct {
			Type, Likelihood string
			Count            int
		}
	}
	dec := json.NewDecoder(strings.NewReader(lines[1]))
	if err := dec.Decode(&ev); err != nil {
		t.Fatal(err)
	}
	if ev.ID != bookID(1) || ev.Kind != "decision" || ev.Decision.Action != "reroute" || ev.Decision.Pool != "house" ||
		ev.Decision.Reasons[0].Title == "" || ev.Findings[0].Type != "US_SSN" || ev.Findings[0].Count != 2 || ev.Findings[0].Likelihood != "very_likely" {
		t.Errorf("names have changed: %s", lines[1])
	}
}

// verify answers by exit status: 0 good, 1 altered, 2 could not tell.
func TestAuditVerify(t *testing.T) {
	flip := func(t *testing.T, dir string) {
		name := filepath.Join(dir, "segments", "00000000.log")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		i := bytes.Index(b, []byte(`"action":"deny"`))
		b[i+10] = 'D'
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keysAway := func(t *testing.T, dir string) {
		if err := os.Rename(audit.DefaultKeyDir(dir), dir+".elsewhere"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		alter  func(*testing.T, string)
		args   string // LOG stands for the log's directory
		status int
		says   string
	}{
		{"good, trusting what lies beside the log", nil, "", 0, "GOOD: nothing was altered"},
		{"altered", flip, "", 1, "first bad record: 3"},
		{"altered, and no key", func(t *testing.T, dir string) { flip(t, dir); keysAway(t, dir) }, "", 1, "first bad record: 3"},
		{"no key", keysAway, "", 2, "no key from outside the log"},
		{"key alone", keysAway, "--key LOG.elsewhere/log.pub", 2, "older state"},
		{"key and checkpoint from elsewhere", keysAway, "--key LOG.elsewhere/log.pub --checkpoint LOG/checkpoint", 0, "of which 5 are under a signed checkpoint"},
		{"a key that is none", nil, "--key LOG/checkpoint", 2, "not a verifier key"},
		{"a key file that is not there", nil, "--key LOG/nothing", 2, "no such file"},
		{"no log", func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, "", 2, "no audit log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := auditBook(t)
			if c.alter != nil {
				c.alter(t, dir)
			}
			args := append([]string{"audit", "verify", "--log", dir}, strings.Fields(strings.ReplaceAll(c.args, "LOG", dir))...)
			status, out, diag := ostiary(args...)
			if status != c.status || !strings.Contains(out+diag, c.says) {
				t.Errorf("status %d, want %d, saying %q:\n%s%s", status, c.status, c.says, out, diag)
			}
			if c.status == 2 && out == "" {
				return // a usage error has no report
			}
			_, out, _ = ostiary(append(args, "--json")...)
			var r verifyReport
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatal(err)
			}
			if want := [...]string{"good", "altered", "unclear"}[c.status]; r.Answer != want || (r.FirstBad != nil) != (c.status == 1) {
				t.Errorf("--json says %s", out)
			}
		})
	}
}

// A checkpoint that was saved recognises the log that was put back behind it.
func TestAuditSavedCheckpoint(t *testing.T) {
	dir := auditBook(t)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(dir, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	more := &proxy.Event{ID: bookID(5), Kind: proxy.EventAdmin, Time: "2026-11-24T10:00:00.000Z", V: 1, Admin: &proxy.AdminRecord{Action: "reload"}}
	if err := errors.Join(l.Record(context.Background(), more), l.Close()); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "monday.checkpoint")
	if status, out, diag := ostiary("audit", "verify", "--log", dir, "--save-checkpoint", saved); status != 0 {
		t.Fatalf("status %d: %s%s", status, out, diag)
	}
	key := filepath.Join(audit.DefaultKeyDir(dir), "log.pub")
	status, out, _ := ostiary("audit", "verify", "--log", old, "--key", key, "--checkpoint", saved)
	if status != 1 || !strings.Contains(out, "first bad record: 5") {
		t.Fatalf("status %d: %s", status, out)
	}
}

// An interrupted tail -f has done what it was asked for.
func TestAuditFollowEnds(t *testing.T) {
	dir := auditBook(t)
	ctx, cancel := context.WithCancel(context.Background())
	out := &cancelAfter{lines: 5, cancel: cancel}
	if status := run(ctx, []string{"audit", "tail", "-f", "--log", dir}, streams{strings.NewReader(""), out, &bytes.Buffer{}}); status != 0 {
		t.Fatalf("status %d", status)
	}
	if out.lines != 0 {
		t.Fatalf("%d lines too few", out.lines)
	}
}

type cancelAfter struct {
	lines  int
	cancel context.CancelFunc
}

func (c *cancelAfter) Write(b []byte) (int, error) {
	if c.lines -= bytes.Count(b, []byte("\n")); c.lines == 0 {
		c.cancel()
	}
	return len(b), nil
}
