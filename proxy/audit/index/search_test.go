package index

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// scanned is a log as a plain list of decoded events, over which a query is
// evaluated by the letter of its description.
type scanned struct {
	events   []*proxy.Event
	decision map[string]int // by id
	outcomes map[int][]int  // by the decision
	values   []map[string][]string
	json     [][]byte
}

// of gives what an event has of a field.
func (s *scanned) of(i int, name string) []string { return s.values[i][name] }

func scan(events []*proxy.Event) *scanned {
	s := &scanned{events: events, decision: map[string]int{}, outcomes: map[int][]int{}}
	for i, e := range events {
		values := map[string][]string{}
		for _, f := range fields() {
			if v := plainValues(e, f.name); len(v) > 0 {
				values[f.name] = v
			}
		}
		s.values, s.json = append(s.values, values), append(s.json, encodeEvent(e))
		if e.Decision != nil {
			s.decision[e.ID] = i
		} else if d, ok := s.decision[e.DecisionID]; ok && e.Outcome != nil {
			s.outcomes[d] = append(s.outcomes[d], i)
		}
	}
	return s
}

// has says whether an event has one of the values of a term.
func (s *scanned) has(i int, t *plainTerm) bool {
	e := s.events[i]
	if t.field == "time" {
		ms := plainTime(e)
		return t.lo <= ms && ms <= t.hi
	}
	for _, v := range s.of(i, t.field) {
		n, err := strconv.ParseInt(v, 10, 64)
		for _, w := range t.words {
			switch {
			case t.ranged:
				if err == nil && n >= t.lo && n <= t.hi {
					return true
				}
			case w == "*", v == w, strings.HasSuffix(w, "*") && strings.HasPrefix(v, w[:len(w)-1]):
				return true
			}
		}
	}
	return false
}

// plainTerm is a term that the test made up.
type plainTerm struct {
	field  string
	words  []string
	not    bool
	ranged bool
	lo, hi int64
	text   string
}

var (
	onDecisions = []string{"action", "app", "asked", "boundary", "bytes", "code", "dialect", "found", "group", "jurisdiction", "likelihood", "masked", "mode", "model",
		"opaque", "operation", "policy", "pool", "revision", "role", "rule", "severity", "shadow", "team", "tokens", "trace", "type", "uninspected", "would"}
	onOutcomes = []string{"duration_ms", "inspected", "reason", "sent", "ttfb_ms"}
	onAny      = []string{"id", "decision", "kind", "did", "time"}
	numbers    = []string{"bytes", "duration_ms", "found", "masked", "opaque", "tokens", "ttfb_ms", "uninspected"}
)

func (s *scanned) joined(terms []plainTerm) bool {
	var d, o bool
	for _, t := range terms {
		d = d || slices.Contains(onDecisions, t.field)
		o = o || slices.Contains(onOutcomes, t.field) || t.field == "status"
	}
	return d && o
}

// found gives the events that are looked for among the first size ones.
func (s *scanned) found(terms []plainTerm, lo, hi int64, size int) []int {
	joined := s.joined(terms)
	var out []int
	for i, e := range s.events[:size] {
		if ms := plainTime(e); ms < lo || ms >= hi || joined && e.Decision == nil {
			continue
		}
		ok := true
		for k := range terms {
			t := &terms[k]
			met := s.has(i, t)
			if joined && !slices.Contains(onAny, t.field) {
				for _, o := range s.outcomes[i] {
					met = met || o < size && s.has(o, t)
				}
			}
			ok = ok && met != t.not
		}
		if ok {
			out = append(out, i)
		}
	}
	return out
}

// halves adds the other halves of exchanges.
func (s *scanned) halves(found []int, lo, hi int64, size int) map[int]bool {
	out := map[int]bool{}
	in := func(i int) bool {
		ms := plainTime(s.events[i])
		return i < size && ms >= lo && ms < hi
	}
	for _, i := range found {
		out[i] = true
	}
	has := func(i int) bool {
		_, ok := slices.BinarySearch(found, i)
		return ok
	}
	for d, list := range s.outcomes {
		for _, o := range list {
			if has(d) && in(o) || has(o) && in(d) {
				out[o], out[d] = true, true
			}
		}
	}
	return out
}

// query makes up terms.
func (d *dice) query(s *scanned) (terms []plainTerm, text string, lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	var parts []string
	for range d.IntN(4) {
		t := plainTerm{not: d.IntN(4) == 0}
		switch d.IntN(8) {
		case 0:
			t.field = d.one(onAny...)
		case 1, 2:
			t.field = d.one(append(onOutcomes, "status")...)
		default:
			t.field = d.one(onDecisions...)
		}
		d.term(s, &t)
		terms = append(terms, t)
		parts = append(parts, t.text)
	}
	around := func() time.Time {
		return time.UnixMilli(plainTime(s.events[d.IntN(len(s.events))])).UTC()
	}
	if d.IntN(4) == 0 {
		at := around()
		lo = at.UnixMilli()
		parts = append(parts, "since:"+at.Format(time.RFC3339Nano))
	}
	if d.IntN(4) == 0 {
		at := around()
		hi = at.UnixMilli()
		parts = append(parts, "until:"+at.Format(time.RFC3339Nano))
	}
	return terms, strings.Join(parts, " "), lo, hi
}

func (d *dice) term(s *scanned, t *plainTerm) {
	sign := map[bool]string{true: "-"}[t.not]
	if t.field == "time" || slices.Contains(numbers, t.field) || t.field == "status" && d.IntN(2) == 0 {
		d.ranged(s, t)
		t.text = sign + t.field + ":" + t.text
		return
	}
	var values []string
	for range 40 {
		values = append(values, s.of(d.IntN(len(s.events)), t.field)...)
	}
	values = append(values, "nowhere")
	var list []string
	for range 1 + d.IntN(3) {
		v := d.one(values...)
		switch d.IntN(6) {
		case 0:
			t.words, list = append(t.words, "*"), append(list, "*")
		case 1, 2:
			r := []rune(v)
			v = string(r[:1+d.IntN(len(r))])
			t.words, list = append(t.words, v+"*"), append(list, quoted(v)+"*")
		default:
			t.words, list = append(t.words, v), append(list, quoted(v))
		}
	}
	t.text = strings.Join(list, "|")
	if d.IntN(2) == 0 {
		t.text = "(" + strings.Join(list, " ") + ")"
	}
	t.text = sign + t.field + ":" + t.text
}

// ranged makes up a range.
func (d *dice) ranged(s *scanned, t *plainTerm) {
	t.ranged, t.words = true, []string{""}
	pick := func() int64 {
		for range 1000 {
			i := d.IntN(len(s.events))
			if t.field == "time" {
				return plainTime(s.events[i])
			}
			if v := s.of(i, t.field); len(v) > 0 {
				n, _ := strconv.ParseInt(v[0], 10, 64)
				return n + d.Int64N(3) - 1
			}
		}
		return 0
	}
	write := func(n int64) string {
		if t.field == "time" {
			return time.UnixMilli(n).UTC().Format(time.RFC3339Nano)
		}
		return strconv.FormatInt(n, 10)
	}
	a := pick()
	t.lo, t.hi = math.MinInt64, math.MaxInt64
	switch d.IntN(5) {
	case 0:
		t.lo, t.text = a+1, ">"+write(a)
	case 1:
		t.lo, t.text = a, ">="+write(a)
	case 2:
		t.hi, t.text = a-1, "<"+write(a)
	case 3:
		t.hi, t.text = a, "<="+write(a)
	default:
		b := pick()
		t.lo, t.hi, t.text = a, b, write(a)+".."+write(b)
	}
}

// Over random events and queries the index answers as a scan of the events does:
// what is found, in which order, by pages, counts, facets and histograms; for full
// segments in files and the open one, built in one go, handed over, and read back.
func TestIndexAsScan(t *testing.T) {
	rounds, asked := 6, 250
	if testing.Short() {
		rounds, asked = 2, 40
	}
	some := 0
	for seed := range uint64(rounds) {
		d := newDice(seed + 10)
		m := &memory{origin: "test.example/log"}
		var events []*proxy.Event
		for range 600 + d.IntN(900) {
			events = append(events, d.event())
		}
		m.add(100+d.IntN(400), events...)
		dir := t.TempDir()
		handed := handOver(t, m, d)
		indices := map[string]*Index{
			"built": opened(t, dir, m, Options{}), "files": opened(t, dir, m, Options{Memory: 20_000}),
			"memory": opened(t, t.TempDir(), m, Options{ReadOnly: true}), "handed over": handed,
		}
		s := scan(events)
		for range asked {
			terms, text, lo, hi := d.query(s)
			q := parse(t, text)
			want := s.found(terms, lo, hi, len(events))
			if q.Joined() != s.joined(terms) {
				t.Fatalf("%s: joined %t", text, q.Joined())
			}
			if len(want) > 0 && len(terms) > 0 {
				some++
			}
			for name, x := range indices {
				compare(t, name, x, q, s, want)
			}
			compareFacets(t, indices[d.one("built", "files", "memory", "handed over")], q, s, want, lo, hi)
			compareHistogram(t, indices[d.one("built", "files", "memory", "handed over")], q, s, want, 1+d.IntN(70))
			if !q.joined {
				compareMatch(t, q, s, want)
			}
		}
	}
	if some < rounds*asked/5 {
		t.Errorf("only %d of %d queries found something", some, rounds*asked)
	}
}

// handOver gives an index that events were handed to one by one, with segments
// sealed some events late.
func handOver(t *testing.T, m *memory, d *dice) *Index {
	t.Helper()
	x, err := Open(t.TempDir(), Options{Source: &memory{origin: m.origin, rows: m.rows[:0:0]}, Failed: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	x.source = m
	segments, _ := m.Segments()
	late := 0
	for i, b := range m.rows {
		if err := x.Add(int64(i), b); err != nil {
			t.Fatal(err)
		}
		if segments[0].Sealed && int64(i+1-late) == segments[0].End {
			if err := x.Seal(segments[0]); err != nil {
				t.Fatal(err)
			}
			segments, late = segments[1:], d.IntN(50)
		}
	}
	if x.Size() != int64(len(m.rows)) {
		t.Fatalf("%d of %d handed over", x.Size(), len(m.rows))
	}
	return x
}

func compare(t *testing.T, name string, x *Index, q *Query, s *scanned, want []int) {
	t.Helper()
	ctx := context.Background()
	var indices []int64
	for _, i := range want {
		indices = append(indices, int64(i))
	}
	if n, err := x.Count(ctx, q); err != nil || n != int64(len(want)) {
		t.Fatalf("%s: %s: count %d %v, not %d", name, q, n, err, len(want))
	}
	if got := found(t, x, q, Page{Limit: 97, Oldest: true}); !slices.Equal(got, indices) {
		t.Fatalf("%s: %s:\n%v, not\n%v", name, q, got, indices)
	}
	slices.Reverse(indices)
	if got := found(t, x, q, Page{Limit: 133}); !slices.Equal(got, indices) {
		t.Fatalf("%s: %s:\n%v, not\n%v", name, q, got, indices)
	}
	r, err := x.Search(ctx, q, Page{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range r.Refs {
		if ref.Time.UnixMilli() != plainTime(s.events[ref.Index]) || ref.Origin != "test.example/log" {
			t.Fatalf("%s: %v", name, ref)
		}
	}
}

func compareFacets(t *testing.T, x *Index, q *Query, s *scanned, want []int, lo, hi int64) {
	t.Helper()
	got, err := x.Facets(context.Background(), q, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[int]bool{}
	for _, i := range want {
		rows[i] = true
	}
	both := rows
	if len(q.terms) > 0 {
		both = s.halves(want, lo, hi, len(s.events))
	}
	if len(got) != textCount {
		t.Fatalf("%d facets", len(got))
	}
	for _, f := range got {
		sums := map[string]int64{}
		from := both
		if f.Field == "kind" {
			from = rows
		}
		for i := range from {
			for _, v := range s.of(i, f.Field) {
				sums[v]++
			}
		}
		if expect := topValues(sums, 0); !slices.Equal(f.Values, expect) || f.Distinct != len(expect) {
			t.Fatalf("%s: facet %s: %v, not %v", q, f.Field, f.Values, expect)
		}
	}
}

func compareHistogram(t *testing.T, x *Index, q *Query, s *scanned, want []int, buckets int) {
	t.Helper()
	h, err := x.Histogram(context.Background(), q, buckets, "type")
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]int64, buckets)
	values := map[string][]int64{}
	for _, i := range want {
		b := int((plainTime(s.events[i]) - h.Start.UnixMilli()) / h.Step.Milliseconds())
		counts[b]++
		for _, v := range s.of(i, "type") {
			if values[v] == nil {
				values[v] = make([]int64, buckets)
			}
			values[v][b]++
		}
	}
	if !slices.Equal(h.Counts, counts) || len(h.Series) != len(values) {
		t.Fatalf("%s: %v %v, not %v", q, h.Counts, h.Series, counts)
	}
	for _, s := range h.Series {
		if !slices.Equal(s.Counts, values[s.Value]) {
			t.Fatalf("%s: %s %v, not %v", q, s.Value, s.Counts, values[s.Value])
		}
	}
}

// compareMatch holds Match against the scan.
func compareMatch(t *testing.T, q *Query, s *scanned, want []int) {
	t.Helper()
	for i, b := range s.json {
		got, err := q.Match(b)
		_, ok := slices.BinarySearch(want, i)
		if err != nil || got != ok {
			t.Fatalf("%s: %t %v for %s", q, got, err, b)
		}
	}
}

// An id gives its decision and all that belongs to it, wherever they lie.
func TestLookup(t *testing.T) {
	d := newDice(50)
	m := &memory{origin: "test.example/log"}
	var events []*proxy.Event
	for range 1500 {
		events = append(events, d.event())
	}
	m.add(200, events...)
	x := opened(t, t.TempDir(), m, Options{})
	for _, e := range events {
		id := e.ID
		if e.DecisionID != "" {
			id = e.DecisionID
		}
		var want []int64
		for i, o := range events {
			if o.ID == id || o.DecisionID == id {
				want = append(want, int64(i))
			}
		}
		ask := e.ID
		if _, ok := parseKey(keyID, []byte(ask)); ok && d.IntN(4) == 0 {
			ask = strings.ToLower(ask)
		}
		refs, err := x.Lookup(context.Background(), ask)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range refs {
			got = append(got, r.Index)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %v, not %v", e.ID, got, want)
		}
	}
	for _, id := range []string{"", "nothing", "01JDQ7Z0000000000000000000", strings.Repeat("x", 5000)} {
		if refs, err := x.Lookup(context.Background(), id); err != nil || len(refs) != 0 {
			t.Errorf("%.30s: %v %v", id, refs, err)
		}
	}
}

// Pages do not change while the log grows, and spans of time are those of the
// first page.
func TestStablePages(t *testing.T) {
	d := newDice(60)
	m := &memory{origin: "test.example/log"}
	var events []*proxy.Event
	grow := func(n int) {
		var fresh []*proxy.Event
		for range n {
			fresh = append(fresh, d.event())
		}
		events = append(events, fresh...)
		m.add(150, fresh...)
	}
	grow(700)
	x := opened(t, t.TempDir(), m, Options{})
	now := d.at.Add(time.Second)
	for _, text := range []string{"", "kind:outcome", "since:2h", "app:billing sent:(yes unknown)", "-sent:yes app:*"} {
		for _, oldest := range []bool{true, false} {
			q, err := Parse(text, now)
			if err != nil {
				t.Fatal(err)
			}
			want := found(t, x, q, Page{Limit: MaxPage, Oldest: oldest})
			var got []int64
			p := Page{Limit: 7 + len(want)/9, Oldest: oldest}
			for {
				later, err := Parse(text, now.Add(time.Duration(len(got))*time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				r, err := x.Search(context.Background(), later, p)
				if err != nil {
					t.Fatal(err)
				}
				for _, ref := range r.Refs {
					got = append(got, ref.Index)
				}
				if p.Cursor = r.Next; r.Next == "" {
					break
				}
				grow(40)
				if err := x.Refresh(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q oldest %t: %d records while it grew, %d at first", text, oldest, len(got), len(want))
			}
			now = d.at.Add(time.Second)
		}
	}
}

func TestCursorOfAnother(t *testing.T) {
	d := newDice(61)
	m := &memory{origin: "test.example/log"}
	for range 300 {
		m.add(100, d.event())
	}
	x := opened(t, t.TempDir(), m, Options{})
	y := opened(t, t.TempDir(), &memory{origin: "other.example/log", rows: m.rows}, Options{})
	ctx := context.Background()
	q := parse(t, "kind:*")
	r, err := x.Search(ctx, q, Page{Limit: 5})
	if err != nil || r.Next == "" {
		t.Fatal(err)
	}
	bad := []func() error{
		func() error { _, err := x.Search(ctx, parse(t, "kind:outcome"), Page{Cursor: r.Next}); return err },
		func() error { _, err := x.Search(ctx, q, Page{Cursor: r.Next, Oldest: true}); return err },
		func() error { _, err := y.Search(ctx, q, Page{Cursor: r.Next}); return err },
		func() error { _, err := Join(x, y).Search(ctx, q, Page{Cursor: r.Next}); return err },
		func() error { _, err := x.Search(ctx, q, Page{Cursor: "x"}); return err },
		func() error { _, err := x.Search(ctx, q, Page{Cursor: r.Next[:len(r.Next)-3]}); return err },
		func() error {
			_, err := x.Search(ctx, q.Between(testNow.Add(-time.Hour), time.Time{}), Page{Cursor: r.Next})
			return err
		},
	}
	for i, f := range bad {
		if err := f(); err != ErrCursor {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, limit := range []int{-1, MaxPage + 1} {
		if _, err := x.Search(ctx, q, Page{Limit: limit}); err == nil {
			t.Errorf("a page of %d", limit)
		}
	}
}

// Several logs: each record is there once, those of a log in its order, and logs in
// the order of their times; counts are sums.
func TestUnion(t *testing.T) {
	ctx := context.Background()
	var logs []*Index
	var all []*scanned
	for i := range 4 {
		d := newDice(uint64(70 + i))
		m := &memory{origin: fmt.Sprintf("node%d.example/log", 3-i)}
		var events []*proxy.Event
		for range 200 + 300*i {
			events = append(events, d.event())
		}
		m.add(180, events...)
		logs = append(logs, opened(t, t.TempDir(), m, Options{}))
		all = append(all, scan(events))
	}
	u := Join(logs...)
	d := newDice(79)
	for range 60 {
		terms, text, lo, hi := d.query(all[d.IntN(4)])
		q := parse(t, text)
		sum := 0
		want := map[string][]int64{}
		for i, s := range all {
			for _, k := range s.found(terms, lo, hi, len(s.events)) {
				want[logs[i].Origin()] = append(want[logs[i].Origin()], int64(k))
				sum++
			}
		}
		for _, oldest := range []bool{true, false} {
			got := map[string][]int64{}
			p := Page{Limit: 1 + sum/3, Oldest: oldest}
			for {
				r, err := u.Search(ctx, q, p)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Bounds) != 4 {
					t.Fatalf("%v", r.Bounds)
				}
				for _, ref := range r.Refs {
					got[ref.Origin] = append(got[ref.Origin], ref.Index)
				}
				if p.Cursor = r.Next; r.Next == "" {
					break
				}
			}
			for origin, list := range want {
				if !oldest {
					list = slices.Clone(list)
					slices.Reverse(list)
				}
				if !slices.Equal(got[origin], list) {
					t.Fatalf("%s: %s: %v, not %v", text, origin, got[origin], list)
				}
			}
		}
		if n, err := u.Count(ctx, q); err != nil || n != int64(sum) {
			t.Fatalf("%s: %d %v, not %d", text, n, err, sum)
		}
		h, err := u.Histogram(ctx, q, 10, "kind")
		if err != nil {
			t.Fatal(err)
		}
		var total int64
		for _, n := range h.Counts {
			total += n
		}
		facets, err := u.Facets(ctx, q, []string{"kind"}, 2)
		if err != nil || len(facets) != 1 || len(facets[0].Values) > 2 {
			t.Fatal(facets, err)
		}
		if total != int64(sum) {
			t.Fatalf("%s: %d in the histogram, not %d", text, total, sum)
		}
	}
	// Heads of logs in order of time: the first page is the newest.
	r, err := u.Search(ctx, parse(t, "-time:<1971-01-01"), Page{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		last := len(s.events) - 1
		for plainTime(s.events[last]) == 0 {
			last--
		}
		if ms := plainTime(s.events[last]); ms > r.Refs[0].Time.UnixMilli() {
			t.Errorf("the newest of log %d comes later", i)
		}
	}
}
