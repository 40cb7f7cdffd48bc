package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// decidedBook makes a log of three decisions: one that the policies of dir made,
// one of the same policies in an older revision, and one without facts.
func decidedBook(t *testing.T, dir string) string {
	t.Helper()
	set, err := policies.Load(policies.Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := policies.Example()
	policies.Add(f, "US_SSN", []string{"identifier", "personal"}, "user", proxy.VeryLikely)
	f.Principal.Application = "billing"
	v, err := set.Decide(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	book := filepath.Join(t.TempDir(), "log")
	l, err := audit.Open(book, audit.Options{Segment: 1 << 17, Ahead: 1, Origin: "test.example/log"})
	if err != nil {
		t.Fatal(err)
	}
	var events []*proxy.Event
	for i, revision := range []string{v.Revision, "sha256:old", v.Revision} {
		d := &proxy.DecisionRecord{
			Action: v.Action, Asked: "openai", Facts: f, Mode: proxy.Enforce, Pool: "house", Reasons: v.Reasons,
			Rejected: []proxy.Rejection{{Pool: "attic", Why: "context"}},
		}
		if i == 2 {
			d = &proxy.DecisionRecord{Action: proxy.Deny, Code: "malformed_request", Mode: proxy.Enforce, Reasons: []proxy.Reason{}, Status: 400}
		}
		events = append(events, &proxy.Event{
			ID: bookID(i), Kind: proxy.EventDecision, Time: time.Date(2026, 11, 24, 9, 0, i, 0, time.UTC).Format("2006-01-02T15:04:05.000Z"), V: 1,
			Decision: d, Policy: &proxy.PolicyRecord{Policies: revision},
		})
	}
	if err := errors.Join(l.Record(context.Background(), events...), l.Close()); err != nil {
		t.Fatal(err)
	}
	return book
}

// startDir writes the directory that policy init writes.
func startDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range policies.Workspace(time.Now()) {
		if err := writeBelow(dir, f); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestExplainRecordedDecision(t *testing.T) {
	dir := startDir(t)
	book := decidedBook(t, dir)
	status, out, diag := ostiary("explain", "--event", strings.ToLower(bookID(0)), "--log", book, "--policies", dir, "--why-not", "unread")
	if status != exitYes {
		t.Fatalf("status %d: %s", status, diag)
	}
	for _, want := range []string{
		"decision  " + bookID(0) + "\n",
		"findings  1 US_SSN  up to very_likely (identifier, personal) by user\n",
		"facts     application billing, team unknown, openai chat, model other\n",
		"rules     reroute  house.protected_stays  Personal and other protected data stays in the house\n",
		"house/house.rego:15\n",
		"→ house\n",
		"note      passed over attic: context\n",
		"unread.opaque_stays (route) did not speak",
		"input.opaque.count: 0\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "revision sha256:old") {
		t.Error("another revision is named where it is the same")
	}

	// A decision of other policies is told apart from what they would say.
	_, out, _ = ostiary("explain", "--event", bookID(1), "--log", book, "--policies", dir, "--why-not", "allow")
	for _, want := range []string{
		"the decision was made by the policies of revision sha256:old; what did not happen is explained by those of sha256:",
		"in the way: reroute house.protected_stays, house/house.rego:15\n",
		"and no rule is there that could lift it",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}

	// One that the policies were not asked of says so.
	status, out, diag = ostiary("explain", "--event", bookID(2), "--log", book, "--policies", dir)
	if status != exitYes || !strings.Contains(out, "the policies were not asked") || !strings.Contains(out, "malformed_request goes nowhere") {
		t.Errorf("status %d: %s%s", status, out, diag)
	}
	if status, _, diag := ostiary("explain", "--event", bookID(9), "--log", book); status != exitNo || !strings.Contains(diag, "no decision has the id") {
		t.Errorf("status %d: %s", status, diag)
	}
	status, out, _ = ostiary("explain", "--event", bookID(0), "--log", book, "--json", "--policies", dir, "--why-not", "credentials")
	var x explained
	if status != exitYes || json.Unmarshal([]byte(out), &x) != nil || x.Facts == nil || x.Action != proxy.Reroute || len(x.WhyNot) != 1 ||
		x.WhyNot[0].Rule.ID != "none_at_all" || !x.WhyNot[0].Failed[0].Facts[0].Missing {
		t.Errorf("status %d: %s", status, out)
	}
}

func TestPoliciesOverRecordedDecisions(t *testing.T) {
	dir := startDir(t)
	book := decidedBook(t, dir)
	status, out, diag := ostiary("policy", "eval", "data.ostiary.verdict.pools", dir, "--event", bookID(0), "--log", book)
	if status != exitYes || out != "[\"house\"]\n" {
		t.Errorf("eval: status %d: %s%s", status, out, diag)
	}
	if status, _, diag := ostiary("policy", "eval", "true", dir, "--event", bookID(2), "--log", book); status != exitUnknown || !strings.Contains(diag, "holds no facts") {
		t.Errorf("eval without facts: status %d: %s", status, diag)
	}
	status, out, diag = ostiary("policy", "coverage", dir, "--log", book)
	want := `never spoke   credentials.none_at_all (deny)  No credential is sent to a model  credentials/credentials.rego:13
never spoke   house.finance_files_stay (route)  Files of the finance team stay in the house  house/house.rego:31
never spoke   unread.opaque_stays (route)  Images, audio and files stay in the house  unread/unread.rego:11
never spoke   unread.uninspected_stays (route)  Text that was not inspected stays in the house  unread/unread.rego:22
never spoke   unread.unread_body (deny)  A body that nobody read goes nowhere  unread/unread.rego:33
3 recorded decisions: 1 of 6 rules spoke, 0 types of findings are named by none; 1 without facts
`
	if status != exitNo || out != want {
		t.Errorf("coverage: status %d: %s\n%s", status, diag, out)
	}
	if status, _, diag = ostiary("policy", "coverage", dir, "--log", book, "--since", "2026-11-25"); status != exitUnknown || !strings.Contains(diag, "nothing to go by: 0 recorded decisions") {
		t.Errorf("coverage of nothing: status %d: %s", status, diag)
	}
	status, out, diag = ostiary("policy", "bench", dir, "--event", bookID(0), "--log", book, "--time", "5ms", "--json")
	var b bench
	if status != exitYes || json.Unmarshal([]byte(out), &b) != nil || b.Facts != 1 || b.Set.Runs < 64 || b.Set.P50 <= 0 || b.Set.P99 < b.Set.P50 || len(b.Rules) != 6 {
		t.Errorf("bench: status %d: %s%s", status, out, diag)
	}
}

// TestPolicyTestWatches: tests run again on a change, and a mistake does not end
// the watch.
func TestPolicyTestWatches(t *testing.T) {
	dir := startDir(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	screen := &syncBuffer{}
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"policy", "test", dir, "--watch"}, streams{strings.NewReader(""), screen, screen})
	}()
	see := func(want string) {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for !strings.Contains(screen.String(), want) {
			if time.Now().After(deadline) {
				t.Fatalf("%q did not come:\n%s", want, screen.String())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	see("ok: 14 unit tests, 11 fixtures")
	name := filepath.Join(dir, "unread", "unread.rego")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(text, []byte("input.opaque.count > 0"), []byte("input.opaque.cuont > 0"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	see(`input.opaque has no field "cuont". Did you mean "count"?`)
	if err := os.WriteFile(name, bytes.Replace(text, []byte("input.opaque.count > 0"), []byte("input.opaque.count > 1"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	see("FAIL  unread/fixtures/unread.yaml:1  an image stays in the house")
	see("FAILED: 14 unit tests, 11 fixtures")
	cancel()
	if status := <-done; status != exitYes {
		t.Errorf("status %d", status)
	}
}

// TestExamplePoolsAreTheExample: a text is judged on the stage of the example's
// facts.
func TestExamplePoolsAreTheExample(t *testing.T) {
	st, err := (&policyFlags{}).stage()
	if err != nil {
		t.Fatal(err)
	}
	f, err := st.facts(context.Background(), &policies.Fixture{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	want := policies.Example()
	a, _ := json.Marshal(f.Pools)
	b, _ := json.Marshal(want.Pools)
	if !bytes.Equal(a, b) {
		t.Errorf("pools\n%s, want\n%s", a, b)
	}
	if f.Destination != want.Destination || f.Time != want.Time || f.Principal.Method != want.Principal.Method || f.Mode != want.Mode {
		t.Errorf("facts %+v, want %+v", f, want)
	}
}
