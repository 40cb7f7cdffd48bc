//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/testdata/env"
)

// What the index can be asked for, the store can.
func TestFieldsAreThoseOfTheIndex(t *testing.T) {
	for _, s := range index.Fields() {
		name, _, _ := strings.Cut(s, ":")
		f, ok := lookupField(name)
		if !ok || (f.class == classText) != slices.Contains(index.FacetFields(), name) {
			t.Errorf("%s of the index is no field of the store, or of another sort", name)
		}
	}
	names := []string{}
	for _, f := range fields() {
		names = append(names, f.name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("fields are not in order: %v", names)
	}
}

// No outcome has what is said to be read from decisions alone.
func TestOutcomesHaveNothingOfDecisions(t *testing.T) {
	d := newDice(9)
	outcomes := 0
	for _, row := range d.log("o", 2000).rows {
		v := read(row)
		if v.shape != shapeOutcome {
			continue
		}
		outcomes++
		for _, f := range fields() {
			_, number := v.number[f.name]
			if ofDecisions(f.name) && (number || len(v.text[f.name]) > 0) {
				t.Fatalf("an outcome has %s: %s", f.name, row)
			}
		}
	}
	if outcomes < 100 {
		t.Errorf("%d outcomes", outcomes)
	}
}

// Connections that no decision covers are asked for by what became of them.
func TestConnections(t *testing.T) {
	v := read([]byte(`{"connection":{"count":3,"domain":"vendor.example","kind":"unknown","passage":"passed","provider":"p","way":"redirect","why":"rule"},"id":"x","kind":"connection","time":"2026-11-24T09:00:00.000Z","v":1}`))
	for name, want := range map[string]string{"domain": "vendor.example", "suspect": "unknown", "did": "passed", "provider": "p", "way": "redirect", "why": "rule", "kind": "connection"} {
		if got := v.text[name]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, want %q", name, got, want)
		}
	}
}

// The index says the same of one event as a query taken apart here says of its values.
func TestQueriesAreReadAsTheIndexReadsThem(t *testing.T) {
	d := newDice(1)
	logs := []*memory{d.log("a", 400)}
	asked, met := 0, 0
	for range 3000 {
		text := d.query(logs)
		theirs, err := index.Parse(text, testNow)
		must(t, err)
		ours, err := Parse(text, testNow)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if ours.joined != theirs.Joined() {
			t.Fatalf("%s: joined %v", text, ours.joined)
		}
		if ours.joined {
			continue
		}
		for range 20 {
			row := logs[0].rows[d.IntN(400)]
			want, err := theirs.Match(row)
			got := err == nil && ours.match(row)
			if got != want {
				t.Fatalf("%s: %v, the index says %v of\n%s", text, got, want, row)
			}
			asked++
			if got {
				met++
			}
		}
	}
	if met < asked/20 {
		t.Errorf("%d of %d were met: the test asks for nothing", met, asked)
	}
}

func TestStoreInPostgresAnswersAsTheIndex(t *testing.T) {
	s := env.Postgres(t)
	for name, daily := range map[string]bool{"plain": false, "daily": true} {
		t.Run(name, func(t *testing.T) {
			compare(t, func(table string) *Store { return inPostgres(t, s, table, daily) }, name, 150)
		})
	}
}

func TestStoreInClickHouseAnswersAsTheIndex(t *testing.T) {
	env.LongOnly(t)
	s := env.ClickHouse(t)
	compare(t, func(table string) *Store { return inClickHouse(t, s, table) }, "t", 60)
}

// compare asks a store and the built-in index the same over the same random logs.
func compare(t *testing.T, open func(table string) *Store, table string, asked int) {
	ctx := context.Background()
	for seed := range uint64(2) {
		d := newDice(seed + 2)
		var logs []*memory
		for i, origin := range []string{"b.example/Log", "a.example/log", "B.example/ü", `a-b.example/"log"`} {
			d.at = time.Date(2026, 2, 26, 9, 0, 0, 0, time.UTC)
			logs = append(logs, d.log(origin, []int{700, 300, 40, 1}[i]))
		}
		u := union(t, logs)
		s := open(fmt.Sprintf("%s_%d", table, seed))
		if r, err := s.Search(ctx, query(t, ""), index.Page{}); err != nil || len(r.Refs) != 0 || r.Size != 0 || r.Next != "" {
			t.Fatalf("an empty store: %+v, %v", r, err)
		}
		if h, err := s.Histogram(ctx, query(t, ""), 5, ""); err != nil || !slices.Equal(h.Counts, make([]int64, 5)) {
			t.Fatalf("an empty store: %+v, %v", h, err)
		}
		fill(t, s, d, logs)
		found := 0
		for n := range asked {
			text := ""
			if n > 0 {
				text = d.query(logs)
			}
			found += same(t, d, u, s, text)
			if t.Failed() {
				return
			}
		}
		t.Logf("%d found by %d queries", found, asked)
		for range 100 {
			m := logs[d.IntN(len(logs))]
			id := eventID(m.rows[d.IntN(len(m.rows))])
			if d.IntN(2) == 0 {
				id = strings.ToLower(id)
			}
			want, err := u.Lookup(ctx, id)
			must(t, err)
			got, err := s.Lookup(ctx, id)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("id %q: %v, %v\nwant %v", id, got, err, want)
			}
		}
		for _, m := range logs {
			for i, row := range m.rows[:min(len(m.rows), 30)] {
				if core, err := s.At(ctx, m.origin, int64(i)); err != nil || string(core) != string(row) {
					t.Fatalf("record %d of %s: %s, %v", i, m.origin, core, err)
				}
			}
		}
		for _, m := range logs {
			n := int64(len(m.rows))
			for _, r := range [][3]int64{{0, n, n}, {0, n + 9, n}, {n / 3, n / 2, n/2 - n/3}, {n, n + 1, 0}, {2, 2, 0}} {
				if got, err := s.Held(ctx, m.origin, r[0], r[1]); err != nil || got != r[2] {
					t.Errorf("records of %s from %d to %d: %d, %v", m.origin, r[0], r[1], got, err)
				}
			}
		}
		tails(t, s, d, logs, u)
		if _, err := s.At(ctx, "nowhere", 0); err != ErrNotFound {
			t.Errorf("a record that is not there: %v", err)
		}
	}
}

// What is shipped is followed, from the position of the last record that was seen, and
// nothing is missed: of a query that joins, decisions come with their outcomes.
func tails(t *testing.T, s *Store, d *dice, logs []*memory, u *index.Union) {
	t.Helper()
	for _, text := range []string{"kind:decision", "action:deny sent:*"} {
		q := query(t, text)
		theirs, err := index.Parse(text, testNow)
		must(t, err)
		r, err := u.Search(t.Context(), theirs, index.Page{Limit: index.MaxPage})
		must(t, err)
		want := map[index.Ref]bool{}
		for _, ref := range r.Refs {
			want[ref] = true
		}
		seen := map[index.Ref]bool{}
		at := "0"
		for len(seen) < len(want) { // it goes away and comes back again and again
			stop, left := errors.New("enough"), 1+d.IntN(100)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err := s.Tail(ctx, q, at, func(ref index.Ref, position string) error {
				if !want[ref] || seen[ref] || len(position) > 512 {
					t.Fatalf("%s: %v at %s", text, ref, position)
				}
				seen[ref], at = true, position
				if left--; left == 0 || len(seen) == len(want) {
					return stop
				}
				return nil
			})
			cancel()
			if err != stop {
				t.Fatalf("%s: %v, %d of %d seen", text, err, len(seen), len(want))
			}
		}
		end, err := s.End(t.Context())
		if len(want) < 20 || err != nil || at != end {
			t.Errorf("%s: %d seen, at %s of %s, %v", text, len(want), at, end, err)
		}
	}
	for _, at := range []string{"", "-1", "x", "1.2", "1.2.3.", "3.2.1.YQ", "0.1.1.YQ=", "99999999", "0.99999999.1.YQ", "0.1.-1.YQ"} {
		if err := s.Tail(t.Context(), query(t, ""), at, nil); err != index.ErrCursor {
			t.Errorf("%q, a position that is none: %v", at, err)
		}
	}
}

// same asks both and gives how many were found.
func same(t *testing.T, d *dice, u *index.Union, s *Store, text string) int {
	t.Helper()
	ctx := context.Background()
	theirs, err := index.Parse(text, testNow)
	must(t, err)
	ours := query(t, text)
	if d.IntN(3) == 0 {
		at := testNow.Add(-time.Duration(d.IntN(180)) * time.Minute)
		theirs, ours = theirs.Between(at, time.Time{}), ours.Between(at, time.Time{})
	}
	count, err := u.Count(ctx, theirs)
	must(t, err)
	if n, err := s.Count(ctx, ours); err != nil || n != count {
		t.Fatalf("%s: %d, %v; the index counts %d", text, n, err, count)
	}
	for _, oldest := range []bool{false, true} {
		limit := 1 + d.IntN(400)
		if count > 200 && limit < 20 {
			limit = 20
		}
		a, b := index.Page{Limit: limit, Oldest: oldest}, index.Page{Limit: limit, Oldest: oldest}
		for page := 0; ; page++ {
			want, err := u.Search(ctx, theirs, a)
			must(t, err)
			got, err := s.Search(ctx, ours, b)
			if err != nil || !slices.Equal(got.Refs, want.Refs) || (got.Next == "") != (want.Next == "") {
				t.Fatalf("%s, page %d of %d (oldest %v): %v\n got %s\nwant %s", text, page, limit, oldest, err, show(got), show(&Result{Refs: want.Refs, Next: want.Next}))
			}
			var size int64
			for _, b := range want.Bounds {
				size += b.Size
			}
			if got.Size != size || len(got.Next) > 512 {
				t.Fatalf("%s: of %d records, want %d; a cursor of %d bytes", text, got.Size, size, len(got.Next))
			}
			if got.Next == "" {
				break
			}
			a.Cursor, b.Cursor = want.Next, got.Next
		}
	}
	top := d.IntN(4)
	want, err := u.Facets(ctx, theirs, nil, top)
	must(t, err)
	got, err := s.Facets(ctx, ours, nil, top)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: facets %v, %v\nwant %v", text, got, err, want)
	}
	by := d.one("", "action", "type", "kind", "status")
	buckets := 1 + d.IntN(80)
	columns, err := u.Histogram(ctx, theirs, buckets, by)
	must(t, err)
	if h, err := s.Histogram(ctx, ours, buckets, by); err != nil || fmt.Sprint(*h) != fmt.Sprint(*columns) {
		t.Fatalf("%s: histogram by %q\n got %v, %v\nwant %v", text, by, h, err, columns)
	}
	return int(count)
}

func show(r *Result) string {
	if r == nil {
		return "nothing"
	}
	var b strings.Builder
	for _, ref := range r.Refs {
		fmt.Fprintf(&b, "%s %d %s, ", ref.Origin, ref.Index, ref.Time.Format(time.TimeOnly))
	}
	return b.String() + fmt.Sprint(r.Next != "")
}

func query(t testing.TB, text string) *Query {
	t.Helper()
	q, err := Parse(text, testNow)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}
