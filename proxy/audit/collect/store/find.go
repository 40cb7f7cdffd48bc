package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/index"
)

// Result is a page of records. The next ones are those of the same query as it was
// asked first: also its spans of time and what was in the store are those of then.
type Result struct {
	Refs []index.Ref
	Next string // cursor of the next page; empty where there is none
	Size int64  // records of all logs when the first page was made
}

// Search gives the records that a query looks for, the newest first unless the page
// says otherwise, in the order of package index. It fails with [index.ErrCursor].
func (s *Store) Search(ctx context.Context, q *Query, p index.Page) (*Result, error) {
	if p.Limit < 0 || p.Limit > index.MaxPage {
		return nil, fmt.Errorf("a page has at most %d records", index.MaxPage)
	}
	if p.Limit == 0 {
		p.Limit = index.DefaultPage
	}
	page := &paging{q: q, limit: p.Limit + 1, oldest: p.Oldest}
	out := &Result{}
	var err error
	if page.snap, err = s.snapshot(ctx); err != nil {
		return nil, err
	}
	if p.Cursor == "" {
		out.Size, err = s.size(ctx)
	} else {
		out.Size, err = page.resume(p.Cursor)
	}
	if err != nil {
		return nil, err
	}
	b := &builder{dialect: s.dialect}
	var last place
	statement := s.dialect.page(b, page)
	more := false
	err = s.engine.ask(ctx, statement, b.args, func(scan func(...any) error) error {
		var ref index.Ref
		var ms, eff int64
		if err := scan(&ref.Origin, &ref.Index, &ms, &eff); err != nil {
			return err
		}
		if len(out.Refs) == p.Limit {
			more = true
			return nil
		}
		ref.Time = time.UnixMilli(ms).UTC()
		out.Refs = append(out.Refs, ref)
		last = place{eff, ref.Origin, ref.Index}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if more {
		page.after = &last
		out.Next = page.cursor(out.Size)
	}
	return out, nil
}

// size gives how many records the logs have.
func (s *Store) size(ctx context.Context) (int64, error) {
	var sum int64
	err := s.engine.ask(ctx, s.dialect.sizes, nil, func(scan func(...any) error) error {
		var origin string
		var n int64
		err := scan(&origin, &n)
		sum += n
		return err
	})
	return sum, err
}

const cursorVersion = 2 // 1 is that of package index

// cursor writes where the next page begins. Its length does not depend on how many
// logs there are.
func (p *paging) cursor(size int64) string {
	b := []byte{cursorVersion, 0}
	if p.oldest {
		b[1] = 1
	}
	b = binary.LittleEndian.AppendUint64(b, p.q.hash())
	for _, n := range []int64{p.q.now, p.snap, size, p.after.eff, p.after.index} {
		b = binary.AppendVarint(b, n)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, p.after.origin...))
}

// resume goes on from a cursor of the same query, and gives the size of then.
func (p *paging) resume(cursor string) (size int64, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	const head = 2 + 8
	if err != nil || len(b) < head || b[0] != cursorVersion || b[1] > 1 || (b[1] == 1) != p.oldest || binary.LittleEndian.Uint64(b[2:]) != p.q.hash() {
		return 0, index.ErrCursor
	}
	b = b[head:]
	var now int64
	after := &place{}
	for _, to := range []*int64{&now, &p.snap, &size, &after.eff, &after.index} {
		n, used := binary.Varint(b)
		if used <= 0 || n < 0 {
			return 0, index.ErrCursor
		}
		*to, b = n, b[used:]
	}
	if after.origin = string(b); after.origin == "" {
		return 0, index.ErrCursor
	}
	p.after = after
	p.q, err = p.q.at(now)
	return size, err
}

// Count gives how many records a query looks for.
func (s *Store) Count(ctx context.Context, q *Query) (int64, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return 0, err
	}
	b := &builder{dialect: s.dialect}
	var n int64
	err = s.engine.ask(ctx, "SELECT count(*) FROM "+s.dialect.from("t")+" WHERE "+b.found(q, snap), b.args, func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// Facets counts, for each of some text fields, how many records have which value, and
// gives the top ones, as [index.Union.Facets] does.
func (s *Store) Facets(ctx context.Context, q *Query, names []string, top int) ([]index.Facet, error) {
	list, err := countable(names)
	if err != nil {
		return nil, err
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]index.Facet, len(list))
	for i, f := range list {
		out[i].Field = f.name
	}
	b := &builder{dialect: s.dialect}
	err = s.engine.ask(ctx, s.dialect.counts(b, q, snap, list), b.args, func(scan func(...any) error) error {
		var field, n int64
		var v string
		if err := scan(&field, &v, &n); err != nil || field < 0 || field >= int64(len(out)) {
			return err
		}
		out[field].Values = append(out[field].Values, index.Value{Value: v, Count: n})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Distinct = len(out[i].Values)
		out[i].Values = topValues(out[i].Values, top)
	}
	return out, nil
}

// topValues gives the most frequent values; a top of 0 gives all.
func topValues(list []index.Value, top int) []index.Value {
	slices.SortFunc(list, func(a, b index.Value) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	if top > 0 && top < len(list) {
		list = slices.Clip(list[:top])
	}
	return list
}

// Histogram counts the records that a query looks for over time, as
// [index.Union.Histogram] does.
func (s *Store) Histogram(ctx context.Context, q *Query, buckets int, by string) (*index.Histogram, error) {
	if buckets < 1 || buckets > index.MaxBuckets {
		return nil, fmt.Errorf("a histogram has 1 to %d buckets", index.MaxBuckets)
	}
	var list []field
	var err error
	if by != "" {
		if list, err = countable([]string{by}); err != nil {
			return nil, err
		}
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	least, some, err := s.edge(ctx, snap, "")
	if err != nil {
		return nil, err
	}
	most, _, err := s.edge(ctx, snap, " DESC")
	if err != nil {
		return nil, err
	}
	lo, hi := q.lo, q.hi
	if lo == math.MinInt64 {
		lo = least
	}
	if hi == math.MaxInt64 {
		hi = most + 1
	}
	if !some || lo >= hi {
		return &index.Histogram{Counts: make([]int64, buckets)}, nil
	}
	step := (hi-lo-1)/int64(buckets) + 1
	bounded := *q
	bounded.lo, bounded.hi = lo, min(q.hi, lo+step*int64(buckets))
	out := &index.Histogram{Start: time.UnixMilli(lo).UTC(), Step: time.Duration(step) * time.Millisecond}
	totals, err := s.columns(ctx, &bounded, grid{snap, lo, step, buckets}, nil)
	if err != nil {
		return nil, err
	}
	if out.Counts = totals[""]; out.Counts == nil {
		out.Counts = make([]int64, buckets)
	}
	if list == nil {
		return out, nil
	}
	series, err := s.columns(ctx, &bounded, grid{snap, lo, step, buckets}, &list[0])
	if err != nil {
		return nil, err
	}
	var sums []index.Value
	for v, counts := range series {
		var sum int64
		for _, n := range counts {
			sum += n
		}
		sums = append(sums, index.Value{Value: v, Count: sum})
	}
	for _, v := range topValues(sums, index.MaxSeries) {
		out.Series = append(out.Series, index.Series{Value: v.Value, Counts: series[v.Value]})
	}
	return out, nil
}

// edge gives the first time of an event in an order, and whether there is one.
func (s *Store) edge(ctx context.Context, snap int64, order string) (ms int64, some bool, err error) {
	b := &builder{dialect: s.dialect}
	err = s.engine.ask(ctx, "SELECT t.ms FROM "+s.dialect.from("t")+" WHERE "+b.base("t", snap)+" ORDER BY t.ms"+order+" LIMIT 1", b.args, func(scan func(...any) error) error {
		some = true
		return scan(&ms)
	})
	return ms, some, err
}

// grid is the columns of a histogram.
type grid struct {
	snap, lo, step int64
	n              int
}

// columns counts records by column, and by the values of a field where there is one.
func (s *Store) columns(ctx context.Context, q *Query, g grid, by *field) (map[string][]int64, error) {
	b := &builder{dialect: s.dialect}
	column := s.dialect.divide("t.ms - "+b.arg(g.lo), b.arg(g.step))
	from, value, groups := s.dialect.from("t"), "", " GROUP BY 1"
	if by != nil {
		from, value, groups = from+s.dialect.each("t."+by.column()), ", v", " GROUP BY 1, 2"
	}
	out := map[string][]int64{}
	err := s.engine.ask(ctx, "SELECT "+column+" AS place"+value+", count(*) FROM "+from+" WHERE "+b.found(q, g.snap)+groups, b.args, func(scan func(...any) error) error {
		var at, n int64
		var v string
		to := []any{&at, &n}
		if by != nil {
			to = []any{&at, &v, &n}
		}
		if err := scan(to...); err != nil {
			return err
		}
		if at < 0 || at >= int64(g.n) {
			return errors.New("a record stands outside of the histogram")
		}
		if out[v] == nil {
			out[v] = make([]int64, g.n)
		}
		out[v][at] = n
		return nil
	})
	return out, err
}

// Lookup gives the records of an id, by log and index: the event with that id, the
// decision that it belongs to, and all events that belong to that decision. Where
// there is none, it gives none.
func (s *Store) Lookup(ctx context.Context, id string) ([]index.Ref, error) {
	if up := strings.ToUpper(id); ulid(up) {
		id = up
	}
	if id == "" {
		return nil, nil
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	decisions := map[string]string{} // by log: the decision that the id belongs to there
	b := &builder{dialect: s.dialect}
	where := "t.id = " + b.arg(id)
	err = s.engine.ask(ctx, "SELECT t.origin, t.refers FROM "+s.dialect.from("t")+" WHERE "+where+" AND "+b.base("t", snap), b.args, func(scan func(...any) error) error {
		var origin, refers string
		err := scan(&origin, &refers)
		if refers != "" {
			decisions[origin] = refers
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	ids := []string{id}
	for _, d := range decisions {
		if !slices.Contains(ids, d) {
			ids = append(ids, d)
		}
	}
	b = &builder{dialect: s.dialect}
	var list []string
	for _, one := range ids {
		p := b.arg(one)
		list = append(list, "t.id = "+p, "t.refers = "+p+" AND t.decision_id = "+p)
	}
	var out []index.Ref
	err = s.engine.ask(ctx, "SELECT t.origin, t.idx, t.ms, t.id, t.refers FROM "+s.dialect.from("t")+" WHERE ("+strings.Join(list, " OR ")+") AND "+b.base("t", snap)+
		" ORDER BY t.origin"+s.dialect.bytes+", t.idx", b.args, func(scan func(...any) error) error {
		var ref index.Ref
		var ms int64
		var own, refers string
		if err := scan(&ref.Origin, &ref.Index, &ms, &own, &refers); err != nil {
			return err
		}
		decision := cmp.Or(decisions[ref.Origin], id)
		if own == id || own == decision || refers == decision {
			ref.Time = time.UnixMilli(ms).UTC()
			out = append(out, ref)
		}
		return nil
	})
	return out, err
}

// Times and bounds of a tail.
const (
	tailEvery  = 500 * time.Millisecond // between looks for what is new
	tailWindow = 16                     // inserts that are looked at together
)

// End gives the position of the end of the store now, for [Store.Tail].
func (s *Store) End(ctx context.Context) (string, error) {
	snap, err := s.snapshot(ctx)
	return (&position{after: snap}).String(), err
}

// position is how far a tail got: through the inserts up to one, and through those of
// the window behind it up to a record, by origin and index.
type position struct {
	after, upper int64 // upper is 0 where no window was begun
	origin       string
	index        int64
}

// String writes the position as one printable word.
func (p *position) String() string {
	if p.upper == 0 {
		return strconv.FormatInt(p.after, 10)
	}
	return fmt.Sprintf("%d.%d.%d.%s", p.after, p.upper, p.index, base64.RawURLEncoding.EncodeToString([]byte(p.origin)))
}

// parsePosition reads what String wrote, up to the insert snap.
func parsePosition(s string, snap int64) (position, error) {
	var p position
	part := strings.Split(s, ".")
	numbers := []*int64{&p.after, &p.upper, &p.index}
	if len(part) != 1 && len(part) != 4 {
		return p, index.ErrCursor
	}
	for i := range part[:min(len(part), len(numbers))] {
		n, err := strconv.ParseInt(part[i], 10, 64)
		if err != nil || n < 0 {
			return p, index.ErrCursor
		}
		*numbers[i] = n
	}
	if len(part) == 4 {
		origin, err := base64.RawURLEncoding.Strict().DecodeString(part[3])
		if err != nil || len(origin) == 0 || p.upper <= p.after {
			return p, index.ErrCursor
		}
		p.origin = string(origin)
	}
	if max(p.after, p.upper) > snap {
		return p, index.ErrCursor
	}
	return p, nil
}

// Tail calls visit with each record that a query looks for behind a position, as the
// records are inserted, with the position behind it. Those of one log come in order. A
// query that asks for a decision and its outcome gives the decision when the outcome
// comes. It ends with nil when the context does, and fails with [index.ErrCursor] and
// with visit's error.
func (s *Store) Tail(ctx context.Context, q *Query, after string, visit func(r index.Ref, position string) error) error {
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	snap, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	at, err := parsePosition(after, snap)
	if err != nil {
		return err
	}
	for {
		if snap, err = s.snapshot(ctx); err != nil {
			return err
		}
		for at.after < snap {
			if at.upper == 0 {
				at.upper = min(snap, at.after+tailWindow)
			}
			found, err := s.news(ctx, q, &at)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			for i, ref := range found {
				at.origin, at.index = ref.Origin, ref.Index
				if i+1 == len(found) {
					break
				}
				if err := visit(ref, at.String()); err != nil {
					return err
				}
			}
			at = position{after: at.upper}
			if n := len(found); n > 0 {
				if err := visit(found[n-1], at.String()); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// news gives what a query looks for among the inserts of a window, behind a record.
func (s *Store) news(ctx context.Context, q *Query, at *position) (out []index.Ref, err error) {
	b := &builder{dialect: s.dialect}
	where := b.found(q, at.upper)
	if q.joined { // in whichever insert the decision came
		where += " AND " + b.answered(fmt.Sprintf("o.shape = %d AND o.seq > %s AND o.seq <= %s", shapeOutcome, b.arg(at.after), b.arg(at.upper)))
	} else {
		where += " AND t.seq > " + b.arg(at.after)
	}
	if at.origin != "" {
		o := b.arg(at.origin)
		where += fmt.Sprintf(" AND (t.origin%[1]s > %[2]s OR (t.origin = %[2]s AND t.idx > %[3]s))", s.dialect.bytes, o, b.arg(at.index))
	}
	err = s.engine.ask(ctx, "SELECT t.origin, t.idx, t.ms FROM "+s.dialect.from("t")+" WHERE "+where+" ORDER BY t.origin"+s.dialect.bytes+", t.idx", b.args, func(scan func(...any) error) error {
		var ref index.Ref
		var ms int64
		err := scan(&ref.Origin, &ref.Index, &ms)
		ref.Time = time.UnixMilli(ms).UTC()
		out = append(out, ref)
		return err
	})
	return out, err
}

// ErrNotFound: the store has no such record.
var ErrNotFound = errors.New("the store has no such record")

// At gives a record as the store has it: its core and the leaf hash beside it, which
// the caller holds against the log's tree. It fails with [ErrNotFound].
func (s *Store) At(ctx context.Context, origin string, at int64) (core []byte, err error) {
	if _, err := s.snapshot(ctx); err != nil {
		return nil, err
	}
	b := &builder{dialect: s.dialect}
	found := false
	var text string
	err = s.engine.ask(ctx, "SELECT t.core FROM "+s.dialect.from("t")+" WHERE t.origin = "+b.arg(origin)+" AND t.idx = "+b.arg(at), b.args, func(scan func(...any) error) error {
		found = true
		return scan(&text)
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return []byte(text), err
}

// Held counts the records of a log from one index to before another that the store has,
// each once, complete inserts or not.
func (s *Store) Held(ctx context.Context, origin string, from, to int64) (int64, error) {
	if _, err := s.snapshot(ctx); err != nil {
		return 0, err
	}
	b := &builder{dialect: s.dialect}
	var n int64
	err := s.engine.ask(ctx, "SELECT count(DISTINCT t.idx) FROM "+s.dialect.from("t")+" WHERE t.origin = "+b.arg(origin)+" AND t.idx >= "+b.arg(from)+" AND t.idx < "+b.arg(to), b.args,
		func(scan func(...any) error) error { return scan(&n) })
	return n, err
}
