package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/console"
)

// whole is a house whose rooms are the real ones: log, index and custody.
func whole(t *testing.T) *house {
	t.Helper()
	return build(t, nil, realRooms)
}

// realRooms puts the real rooms in the place of the test's.
func realRooms(h *house, o *console.Options) {
	h.t.Helper()
	dir := filepath.Join(h.dir, "log")
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := x.Refresh(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = x.Follow(ctx, true, func(err error) { h.t.Errorf("index: %v", err) })
	}()
	h.t.Cleanup(func() { cancel(); <-done })
	h.index = x
	s := console.OfIndex(x)
	c := &console.Custody{Log: h.log, Reader: h.reader, Searcher: s}
	o.Searcher, o.Follower, o.Custodian, o.Upkeep = s, s, c, c
	o.Personal = console.Local(h.reader.WithPersonal())
	o.Pseudonyms = prints{c}
	o.Auditor = console.Verifying{Dir: dir, Trust: func() (audit.VerifyOptions, error) { return audit.Trusted(filepath.Join(h.dir, "keys"), dir) }}
	x2 := *o.Exporter.(*console.Extractor)
	x2.Searcher, x2.Personal = s, o.Personal
	o.Exporter = &x2
}

// prints hashes as the test's rooms do, and looks in the real log.
type prints struct{ *console.Custody }

func (prints) Hash(ctx context.Context, typ, value string) ([]string, error) {
	return (&rooms{}).Hash(ctx, typ, value)
}

// found waits until the index has all of the log.
func (h *house) found() {
	h.t.Helper()
	for h.index.Size() < h.log.Size() {
		time.Sleep(time.Millisecond)
	}
}

// The API over a real log: what is found, counted, shown and followed.
func TestWholeReads(t *testing.T) {
	h := whole(t)
	h.found()
	c, ctx := h.client(), t.Context()
	got, err := c.Events(ctx, console.Search{Query: "kind:decision action:deny", Limit: 2})
	if err != nil || len(got.Events) != 2 || got.Events[0].Index != 4 || got.Events[0].Origin != "test" || got.Next == "" || got.Size != 6 {
		t.Fatalf("%+v, %v", got, err)
	}
	got, err = c.Events(ctx, console.Search{Query: "kind:decision action:deny", Limit: 2, Cursor: got.Next, Personal: true})
	if err != nil || len(got.Events) != 1 || got.Events[0].Index != 0 || got.Events[0].Personal.Subject != canarySubject {
		t.Errorf("the second page: %+v, %v", got, err)
	}
	if got, err := c.Event(ctx, h.ids[1], false); err != nil || len(got.Events) != 2 || got.Events[0].Index != 2 || got.Events[1].Index != 3 {
		t.Errorf("one: %+v, %v", got, err)
	}
	f, err := c.Facets(ctx, console.Search{Query: "kind:decision"}, []string{"action"}, 0)
	if d := cmp.Diff(console.Facets{Facets: []console.Facet{{Field: "action", Values: []console.Count{{Value: "deny", Events: 3}}, Distinct: 1}}}, f); err != nil || d != "" {
		t.Errorf("facets: %v\n%s", err, d)
	}
	hist, err := c.Histogram(ctx, console.Search{Query: "kind:decision", From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}, 4, "action")
	var sum int64
	for _, n := range hist.Counts {
		sum += n
	}
	if err != nil || len(hist.Counts) != 4 || sum != 3 || hist.StepMS != 30*60*1000 || len(hist.Series) != 1 || hist.Series[0].Value != "deny" {
		t.Errorf("histogram: %+v, %v", hist, err)
	}
	for name, err := range map[string]error{
		"unknown field":    second(c.Events(ctx, console.Search{Query: "actoin:deny"})),
		"unknown facet":    second(c.Facets(ctx, console.Search{}, []string{"nonsense"}, 0)),
		"unknown by":       second(c.Histogram(ctx, console.Search{}, 4, "nonsense")),
		"no term":          second(c.Events(ctx, console.Search{Query: "deny"})),
		"an export of one": second(c.Export(ctx, &strings.Builder{}, "jsonl", console.Search{Query: "actoin:deny"})),
	} {
		if problemCode(err) != "query" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second(c.Events(ctx, console.Search{Query: "actoin:deny"})); !strings.Contains(err.Error(), "did you mean action") {
		t.Errorf("a slip of the pen: %v", err)
	}
	if err := second(c.Events(ctx, console.Search{Query: "kind:outcome", Cursor: "AAAA"})); problemCode(err) != "cursor" {
		t.Errorf("a cursor that is none: %v", err)
	}
	var out strings.Builder
	if n, err := c.Export(ctx, &out, "jsonl", console.Search{Query: "kind:outcome"}); err != nil || n != 3 || strings.Count(out.String(), "\n") != 3 {
		t.Errorf("export: %d, %v", n, err)
	}
	var seen []int64
	err = c.Tail(ctx, "kind:decision", "1", func(e console.Entry, _ string) error {
		if seen = append(seen, e.Index); len(seen) == 2 {
			return errEnough
		}
		return nil
	})
	if d := cmp.Diff([]int64{2, 4}, seen); err != errEnough || d != "" {
		t.Errorf("tail: %v\n%s", err, d)
	}
	st, err := c.Stats(ctx)
	if err != nil || st.Origin != "test" || st.Size < 6 || st.Indexed < 6 || st.Segments < 1 || st.Failed || st.Gaps != -1 {
		t.Errorf("stats: %+v, %v", st, err)
	}
}

func second[T any](_ T, err error) error { return err }

// Looking up, holding, erasing: what goes, what stays, and what is told of it.
func TestWholeCustody(t *testing.T) {
	h := whole(t)
	h.found()
	c, ctx := h.client(), t.Context()
	hashed, err := c.Hash(ctx, console.HashRequest{Type: "EMAIL_ADDRESS", Value: canary})
	if err != nil || hashed.Events != 3 || len(hashed.Refs) != 3 || hashed.Refs[2].Index != 4 {
		t.Fatalf("%+v, %v", hashed, err)
	}
	if _, err := c.Event(ctx, h.ids[0], true); err != nil { // leaves the trace of a look
		t.Fatal(err)
	}
	hold := console.HoldRequest{ID: "case-7", From: 0, To: 2, Reason: "litigation", Ticket: "T-1"}
	if got, err := c.Hold(ctx, hold); err != nil || got.ID != "case-7" || got.To != 2 || got.Set == "" {
		t.Errorf("hold: %+v, %v", got, err)
	}
	if err := second(c.Hold(ctx, hold)); problemCode(err) != "exists" {
		t.Errorf("the same hold: %v", err)
	}
	erase := console.EraseRequest{Fingerprint: canaryPrint, Reason: "subject_request", Ticket: "T-2", DryRun: true}
	want := console.Effect{Dry: true, Parts: 2, Held: 1, First: 2, Behind: 5, Holds: []string{}}
	if got, err := c.Erase(ctx, erase); err != nil || !cmp.Equal(want, got) {
		t.Errorf("dry: %v\n%s", err, cmp.Diff(want, got))
	}
	if got, err := c.Event(ctx, h.ids[1], true); err != nil || got.Events[0].State != console.PersonalPresent {
		t.Errorf("after the dry run: %+v, %v", got, err)
	}
	erase.DryRun, want.Dry = false, false
	if got, err := c.Erase(ctx, erase); err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for i, state := range []string{console.PersonalPresent, console.PersonalErased, console.PersonalErased} {
		if got, err := c.Event(ctx, h.ids[i], true); err != nil || got.Events[0].State != state {
			t.Errorf("decision %d after the erasure: %+v, %v", i, got, err)
		}
	}
	if err := c.Release(ctx, "nothing", console.ActRequest{Reason: "litigation", Ticket: "T"}); problemCode(err) != "not_found" {
		t.Errorf("a hold that there is none of: %v", err)
	}
	if err := c.Release(ctx, "case-7", console.ActRequest{Reason: "litigation", Ticket: "T-3"}); err != nil {
		t.Error(err)
	}
	// The trace of looks stays, even if its events are named.
	looks := 0
	for _, e := range h.accesses() {
		if e.Personal == nil {
			t.Fatal("the trace of a look has no personal part")
		}
		looks++
		if got, err := c.Erase(ctx, console.EraseRequest{IDs: []string{e.ID}, Reason: "subject_request", Ticket: "T"}); err != nil || got.Parts != 0 {
			t.Errorf("erasing the trace of a look: %+v, %v", got, err)
		}
	}
	if looks < 3 {
		t.Errorf("%d looks", looks)
	}
	h.found()
	if got, err := c.Erase(ctx, console.EraseRequest{Query: "kind:access", Reason: "subject_request", Ticket: "T"}); err != nil || got.Parts != 0 {
		t.Errorf("erasing the traces by a query: %+v, %v", got, err)
	}
	if got, err := c.Erase(ctx, console.EraseRequest{Query: "kind:decision", Reason: "subject_request", Ticket: "T"}); err != nil || got.Parts != 1 {
		t.Errorf("erasing by a query: %+v, %v", got, err)
	}
	if err := second(c.Erase(ctx, console.EraseRequest{Query: "x:y", Reason: "subject_request", Ticket: "T"})); problemCode(err) != "query" {
		t.Errorf("erasing by a query that is none: %v", err)
	}
	// Each act is an event with who and why.
	kinds := map[string]int{}
	for rec, err := range h.reader.WithPersonal().Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		ev, err := rec.Event()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind != proxy.EventErasure && ev.Kind != proxy.EventRetention {
			continue
		}
		kinds[ev.Admin.Action]++
		p, err := rec.OpenPersonal()
		if err != nil || p == nil || !strings.HasPrefix(p.Ticket, "T") || ev.Admin.Role != "dpo" || ev.Admin.Code == "" {
			t.Errorf("%s is recorded as %+v %+v", ev.Kind, ev.Admin, p)
		}
	}
	if d := cmp.Diff(map[string]int{"erase": 2, "hold": 1, "release": 1}, kinds); d != "" {
		t.Error(d)
	}
}

// An erasure that erases nothing says whether somebody is named: it is a look, is
// recorded as one, and is not answered where it cannot be.
func TestErasingNothingIsALook(t *testing.T) {
	h := whole(t)
	h.found()
	c, ctx := h.client(), t.Context()
	if _, err := c.Hold(ctx, console.HoldRequest{ID: "all", Reason: "litigation", Ticket: "T-1"}); err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		subject string
		held    int64
	}{{canarySubject, 3}, {"nobody", 0}} {
		erase := console.EraseRequest{Subject: tt.subject, Reason: "subject_request", Ticket: "T-2"}
		got, err := c.Erase(ctx, erase)
		if err != nil || got.Parts != 0 || got.Held != tt.held {
			t.Errorf("%d: %+v, %v", i, got, err)
		}
		looks := h.accesses()
		if len(looks) != i+1 {
			t.Fatalf("%d: %d events of access", i, len(looks))
		}
		want := &proxy.AdminRecord{Action: "erase", Detail: "nothing was erased", Code: "subject_request", Role: "dpo", Count: tt.held}
		if d := cmp.Diff(want, looks[i].Admin); d != "" {
			t.Errorf("%d (- want, + got):\n%s", i, d)
		}
		if p := looks[i].Personal; p.Ticket != "T-2" || p.UID == 0 && p.Subject != "root" {
			t.Errorf("%d: it is not recorded who looked: %+v", i, p)
		}
	}
	h.keys.failWith(&proxy.Error{Op: "record", Kind: proxy.Unrecorded, Err: errors.New("disk full")})
	if _, err := c.Erase(ctx, console.EraseRequest{Subject: canarySubject, Reason: "subject_request", Ticket: "T-2"}); problemCode(err) != "unrecorded" {
		t.Errorf("a look that cannot be recorded: %v", err)
	}
}

// Evidence is opened with the decision's id, whatever event of it was asked for.
func TestRevealNamesTheDecision(t *testing.T) {
	h := whole(t)
	h.found()
	c, ctx := h.client(), t.Context()
	events, err := c.Event(ctx, h.ids[1], false)
	if err != nil || len(events.Events) != 2 {
		t.Fatalf("%+v, %v", events, err)
	}
	var outcome proxy.Event
	if err := json.Unmarshal(events.Events[1].Event, &outcome); err != nil || outcome.Kind != proxy.EventOutcome {
		t.Fatal(outcome.Kind, err)
	}
	for _, id := range []string{h.ids[1], outcome.ID, strings.ToLower(outcome.ID)} {
		if got, err := c.Reveal(ctx, id, why); err != nil || got.ID != h.ids[1] || len(got.Evidence) != 1 {
			t.Errorf("%s: %+v, %v; want the decision %s", id, got, err, h.ids[1])
		}
	}
}

// Keys, segments and time: and the log verifies after all of it.
func TestWholeUpkeep(t *testing.T) {
	h := whole(t)
	c, ctx := h.client(), t.Context()
	if err := c.Seal(ctx, console.ActRequest{Reason: "scheduled"}); err != nil {
		t.Error(err)
	}
	h.decide(2)
	r, err := c.Rotate(ctx, console.ActRequest{Ticket: "T-9"})
	if err != nil || strings.Count(r.Key, "+") < 2 {
		t.Errorf("rotate: %+v, %v", r, err)
	}
	h.decide(2)
	h.found() // an index that is behind what is removed does not catch up
	before := time.Now().UTC().Format(time.RFC3339Nano)
	dry, err := c.Retain(ctx, console.RetainRequest{Before: before, Policy: "six-months", DryRun: true})
	if err != nil || !dry.Dry || dry.Segments != 1 || dry.Behind < 6 {
		t.Errorf("retain, dry: %+v, %v", dry, err)
	}
	if _, err := c.Event(ctx, h.ids[0], false); err != nil {
		t.Errorf("after the dry run: %v", err)
	}
	wet, err := c.Retain(ctx, console.RetainRequest{Before: before, Policy: "six-months"})
	dry.Dry = false
	if d := cmp.Diff(dry, wet, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Bytes" }, cmp.Ignore())); err != nil || d != "" {
		t.Errorf("retain: %v\n%s", err, d)
	}
	h.found()
	if err := second(c.Event(ctx, h.ids[0], false)); problemCode(err) != "not_found" {
		t.Errorf("an event that was removed: %v", err)
	}
	if got, err := c.Events(ctx, console.Search{Query: "kind:decision"}); err != nil || len(got.Events) != 4 {
		t.Errorf("what is left: %d, %v", len(got.Events), err)
	}
	if _, err := c.Verify(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		j, err := c.Verified(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if j.State == console.JobRunning {
			time.Sleep(time.Millisecond)
			continue
		}
		if j.State != console.JobDone || j.Report.Answer != "good" {
			t.Errorf("verification: %+v %+v", j, j.Report)
		}
		break
	}
	found := false
	for rec, err := range h.reader.WithPersonal().Records(0) {
		if err != nil {
			continue // what was removed
		}
		if ev, err := rec.Event(); err == nil && ev.Kind == proxy.EventRetention && ev.Admin.Action == "retain" {
			p, err := rec.OpenPersonal()
			found = err == nil && p.Ticket == "six-months" && ev.Admin.Code == "retention" && ev.Admin.Role == "admin"
		}
	}
	if !found {
		t.Error("the retention is not recorded with its rule")
	}
}
