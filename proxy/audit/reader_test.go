package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// book is a log with events that differ in every field that a query can ask for.
func book(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, quiet())
	deny := decision(1)
	deny.Decision.Action, deny.Decision.Code, deny.Decision.Pool, deny.Decision.Status = proxy.Deny, "data_policy_denied", "", 403
	deny.Decision.Would = &proxy.WouldRecord{Action: proxy.Deny}
	deny.Request.Application, deny.Request.Trace = "hr-portal", "4bf92f3577b34da6a3ce929d0e0e4736"
	deny.Findings[0].Type = "SECRET_AWS_ACCESS_KEY"
	deny.Decision.Reasons[0].Rule, deny.Decision.Reasons[0].Policy = "never_out", "secrets"
	observed := decision(2)
	observed.Decision.Mode, observed.Request.Dialect, observed.Request.Operation = proxy.Observe, "anthropic", "messages"
	lost := outcomeOf(2)
	lost.Outcome.Sent, lost.Outcome.Status, lost.Outcome.Reason = "unknown", 0, "data_plane_gone"
	quoted := small(3)
	quoted.Admin.Action = `said "x y"`
	record(t, l, decision(0), deny, observed, outcomeOf(0), lost, quoted)
	return dir
}

// Each query finds the events with these numbers of the book: 0 rerouted, 1
// denied, 2 observed, 3 outcome of 0, 4 outcome of 2, 5 admin.
func TestSearch(t *testing.T) {
	dir := book(t)
	r, err := OpenReader(dir)
	must(t, err)
	for _, c := range []struct {
		query string
		want  []int64
	}{
		{"", []int64{0, 1, 2, 3, 4, 5}},
		{"action:deny", []int64{1}},
		{"action:reroute", []int64{0, 2}},
		{"-action:reroute", []int64{1, 3, 4, 5}},
		{"action:*", []int64{0, 1, 2, 5}},
		{"-action:*", []int64{3, 4}},
		{"type:US_SSN app:billing", []int64{0, 2}},
		{"type:SECRET_*", []int64{1}},
		{"type:SECRET_", nil},
		{"-type:SECRET_* kind:decision", []int64{0, 2}},
		{"app:hr-*", []int64{1}},
		{"pool:house", []int64{0, 2}},
		{"pool:openai", nil}, // asked for, and not where it went
		{"asked:openai", []int64{0, 1, 2}},
		{"code:data_policy_denied status:403", []int64{1}},
		{"kind:outcome", []int64{3, 4}},
		{"sent:unknown", []int64{4}},
		{"status:200", []int64{3}},
		{"status:2*", []int64{3}},
		{"status:0", []int64{4}},
		{"reason:data_plane_gone", []int64{4}},
		{"decision:" + testID(0), []int64{3}},
		{"id:" + testID(1), []int64{1}},
		{"rule:never_out policy:secrets", []int64{1}},
		{"group:identifier", []int64{0, 1, 2}},
		{"likelihood:very_likely role:user", []int64{0, 1, 2}},
		{"mode:observe dialect:anthropic operation:messages", []int64{2}},
		{"model:gpt-5 model:qwen", []int64{0, 1, 2}},
		{"team:finance", []int64{0, 1, 2}},
		{"trace:4bf92f3577b34da6a3ce929d0e0e4736", []int64{1}},
		{"would:deny", []int64{1}},
		{`action:"said*`, nil},
		{`action:"said "*`, []int64{5}},
		{"  action:deny\t\n", []int64{1}},
	} {
		q, err := ParseQuery(c.query)
		if err != nil {
			if c.want == nil {
				continue
			}
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		found, more, err := r.Search(q, 0)
		must(t, err)
		var got []int64
		for _, f := range found {
			got = append(got, f.Index)
		}
		if !slices.Equal(got, c.want) || more {
			t.Errorf("%q finds %v, want %v", c.query, got, c.want)
		}
	}
}

// What cannot be understood is an error that says what can.
func TestQueryErrors(t *testing.T) {
	for _, c := range []struct{ query, says string }{
		{"colour:red", `unknown field "colour"; fields are action, app, asked`},
		{"deny", `"deny" is not a term`},
		{"action deny:x", `"action" is not a term`},
		{"action:", "has no value"},
		{`action:"deny`, "closing quotation mark"},
		{"-", "is not a term"},
		{strings.Repeat("kind:decision ", termLimit+1), "more than 64 terms"},
		{strings.Repeat("x", queryLimit+1), "longer than 4096 bytes"},
	} {
		if _, err := ParseQuery(c.query); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.40q: %v, want %q", c.query, err, c.says)
		}
	}
}

func TestSearchInTime(t *testing.T) {
	dir := book(t)
	r, err := OpenReader(dir)
	must(t, err)
	at := func(n int) time.Time { return time.Date(2026, 11, 24, 9, 0, n, 0, time.UTC) }
	for _, c := range []struct {
		q    Query
		want []int64
	}{
		{Query{Since: at(1)}, []int64{1, 2, 4, 5}},
		{Query{Until: at(1)}, []int64{0, 3}}, // before, not at
		{Query{Since: at(1), Until: at(2)}, []int64{1}},
		{Query{Since: at(100)}, nil},
	} {
		found, _, err := r.Search(&c.q, 0)
		must(t, err)
		var got []int64
		for _, f := range found {
			got = append(got, f.Index)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v to %v: %v, want %v", c.q.Since, c.q.Until, got, c.want)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ text, want string }{
		{"2h", "2026-11-24T10:00:00Z"},
		{"90s", "2026-11-24T11:58:30Z"},
		{"7d", "2026-11-17T12:00:00Z"},
		{"2w", "2026-11-10T12:00:00Z"},
		{"0d", "2026-11-24T12:00:00Z"},
		{"2026-11-23", "2026-11-23T00:00:00Z"},
		{"2026-11-23T14:00:00+01:00", "2026-11-23T13:00:00Z"},
		{"yesterday", ""}, {"", ""}, {"-2h", ""}, {"d", ""}, {"999999999d", ""}, {"2026-13-01", ""}, {"-1d", ""},
	} {
		got, err := ParseTime(c.text, now)
		if err != nil {
			if c.want != "" || !strings.Contains(err.Error(), "is not a time") {
				t.Errorf("%q: %v", c.text, err)
			}
			continue
		}
		if s := got.UTC().Format(time.RFC3339); s != c.want {
			t.Errorf("%q: %s, want %s", c.text, s, c.want)
		}
	}
}

// A limit keeps the last ones, over segments too, and says that there are more.
func TestSearchLimit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, quiet())
	const n = 120
	for i := range n {
		record(t, l, decision(i))
	}
	r, err := OpenReader(dir)
	must(t, err)
	for _, c := range []struct {
		limit, want int
		more        bool
	}{{0, n, false}, {1, 1, true}, {50, 50, true}, {n - 1, n - 1, true}, {n, n, false}, {n + 1, n, false}} {
		found, more, err := r.Search(&Query{}, c.limit)
		must(t, err)
		if len(found) != c.want || more != c.more {
			t.Errorf("limit %d: %d found, more %v", c.limit, len(found), more)
		}
		for i, f := range found {
			if f.Index != int64(n-c.want+i) {
				t.Errorf("limit %d: place %d holds record %d", c.limit, i, f.Index)
				break
			}
		}
	}
}

// Show joins a decision and its outcome, whichever of the two is asked for.
func TestShow(t *testing.T) {
	dir := book(t)
	r, err := OpenReader(dir)
	must(t, err)
	for _, c := range []struct {
		id   string
		want []int64
	}{
		{testID(0), []int64{0, 3}},
		{testID(0 + 1<<30), []int64{0, 3}},
		{testID(2), []int64{2, 4}},
		{testID(1), []int64{1}},
		{testID(3), []int64{5}},
		{testID(77), nil},
		{"", nil},
		{"billing", nil}, // it stands in events, and is no id
	} {
		found, err := r.Show(c.id)
		must(t, err)
		var got []int64
		for _, f := range found {
			got = append(got, f.Index)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.id, got, c.want)
		}
	}
}

// Follow sees each record once, and as soon as it is durable.
func TestFollow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, quiet())
	record(t, l, small(0), small(1))
	r, err := OpenReader(dir)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := make(chan int64, 200)
	done := make(chan error, 1)
	go func() {
		done <- r.Follow(ctx, 1, func(rec Record) error { seen <- rec.Index; return nil })
	}()
	for i := range 100 {
		record(t, l, decision(i))
		if i == 50 {
			for want := int64(1); want <= 52; want++ {
				if got := <-seen; got != want {
					t.Fatalf("saw %d, want %d", got, want)
				}
			}
		}
	}
	for want := int64(53); want <= 101; want++ {
		if got := <-seen; got != want {
			t.Fatalf("saw %d, want %d", got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	if err := r.Follow(context.Background(), 0, func(Record) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("follow: %v", err)
	}
}

// What was written and not synchronised is not shown.
func TestReaderShowsDurableRecordsOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, quiet())
	record(t, l, small(0))
	w := l.writer
	f := appendFrame(nil, frame{1, w.offset, []byte(`{"not":"durable"}`), nil})
	if _, err := w.segment.file.WriteAt(f, w.offset); err != nil {
		t.Fatal(err)
	}
	if got := records(t, dir); len(got) != 1 {
		t.Fatalf("%d records are shown, one is durable", len(got))
	}
}

func TestReaderWithoutLog(t *testing.T) {
	if _, err := OpenReader(t.TempDir()); !errors.Is(err, ErrNoLog) {
		t.Fatal(err)
	}
}

// A damaged record ends the reading with its place; nothing wrong is shown.
func TestReaderOnDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	specimen(t, dir)
	name, at, _ := locate(t, dir, 9)
	patch(t, filepath.Join(dir, name), func(b []byte) { b[at+40] ^= 1 })
	r, err := OpenReader(dir)
	must(t, err)
	n := 0
	for _, err = range r.Records(0) {
		if err == nil {
			n++
		}
	}
	var d *Damage
	if n != 9 || !errors.As(err, &d) || d.Index != 9 || d.Place != name {
		t.Fatalf("%d records, then %v", n, err)
	}
	// From behind the damage in other segments, reading goes on.
	if _, _, err := r.Search(&Query{}, 5); err != nil {
		t.Errorf("the last five: %v", err)
	}
}

// FuzzParseQuery: a query that is understood never fails on an event, and the
// quick look for its values never hides a match.
func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"action:deny -pool:house", `type:US_* app:"a b"`, "status:4*", "-", `code:"\"`, "id:*", "trace:\u2028"} {
		f.Add(s, "house", "a b")
	}
	enc := newEncoder()
	f.Fuzz(func(t *testing.T, s, pool, app string) {
		q, err := ParseQuery(s)
		if err != nil {
			return
		}
		for i, ev := range []*proxy.Event{decision(1), outcomeOf(1), small(1)} {
			if ev.Decision != nil {
				ev.Decision.Pool, ev.Request.Application = pool, app
			}
			b, err := enc.encode(ev)
			if err != nil {
				continue
			}
			got, err := q.Match(Record{Index: 0, JSON: b})
			if err != nil {
				t.Fatal(err)
			}
			slow := *q
			slow.terms = slices.Clone(q.terms)
			for k := range slow.terms {
				slow.terms[k].needle = nil
			}
			if want, err := slow.Match(Record{Index: 0, JSON: b}); err != nil || want != got {
				t.Fatalf("event %d: %v with the quick look, %v without (%v)", i, got, want, err)
			}
		}
	})
}

func TestFieldsAreSortedAndDescribed(t *testing.T) {
	list := Fields()
	if !slices.IsSorted(list) {
		t.Error("fields are not sorted")
	}
	for _, f := range list {
		if name, doc, ok := strings.Cut(f, ": "); !ok || name == "" || doc == "" {
			t.Errorf("field without a description: %s", f)
		}
	}
}

func ExampleParseQuery() {
	q, err := ParseQuery("action:deny type:US_SSN -pool:house app:hr-*")
	fmt.Println(len(q.terms), err)
	// Output: 4 <nil>
}

// Reading on goes on where the last reading ended, whatever was asked for between.
func TestReadsOn(t *testing.T) {
	l, dir := filled(t, 90, quiet())
	r, err := OpenReader(dir)
	must(t, err)
	for _, from := range []int64{0, 50, 89, 20, 21, 22, 88, 0, 60} {
		next := from
		for e, err := range r.Records(from) {
			must(t, err)
			if e.Index != next {
				t.Fatalf("from %d: record %d, want %d", from, e.Index, next)
			}
			if next++; next == from+3 {
				break
			}
		}
		if e, err := r.At(from); err != nil || e.Index != from {
			t.Fatalf("%d by itself: %d, %v", from, e.Index, err)
		}
		record(t, l, small(int(from)))
	}
}

// A reader that outlives its log reads the one that came in its place.
func TestReadsAnotherLogInItsPlace(t *testing.T) {
	l, dir := filled(t, 40, quiet())
	r, err := OpenReader(dir)
	must(t, err)
	count := func(from int64) (n int, err error) {
		for _, e := range r.Records(from) {
			if e != nil {
				return n, e
			}
			n++
		}
		return n, nil
	}
	if n, err := count(30); err != nil || n != 10 {
		t.Fatalf("%d records, %v", n, err)
	}
	shut(t, l)
	must(t, os.RemoveAll(dir))
	o := quiet()
	o.Origin = "test.example/another"
	l = open(t, dir, o)
	for n := range 60 {
		record(t, l, small(n))
	}
	if _, err := count(45); err == nil {
		t.Error("read on where the other log ended")
	}
	if n, err := count(45); err != nil || n != 15 {
		t.Errorf("%d records, %v", n, err)
	}
}
