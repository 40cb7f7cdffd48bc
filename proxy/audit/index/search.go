package index

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"
)

// Bounds of answers.
const (
	// MaxPage is the greatest number of records that one page gives.
	MaxPage = 10_000
	// DefaultPage is what a page gives where nobody says how many.
	DefaultPage = 100
	// MaxBuckets is the greatest number of parts of a histogram.
	MaxBuckets = 2_000
	// MaxSeries is how many values a histogram tells apart: the most frequent.
	MaxSeries = 32
	// mendLimit is how many damaged files one question makes anew.
	mendLimit = 1_000
)

// ErrCursor: a cursor is none of ours, or of another query or other logs.
var ErrCursor = errors.New("the cursor does not belong to this query: begin again without one")

// Ref names a record.
type Ref struct {
	Origin string // of its log
	Index  int64
	Time   time.Time // of the event, in UTC and milliseconds
}

// Bound says how far a log was looked at: a question is answered as if the log had
// had Size records.
type Bound struct {
	Origin      string
	First, Size int64 // the records with an index from First on, below Size
}

// Page says which part of the records is wanted.
type Page struct {
	Limit  int    // 0 for [DefaultPage], at most [MaxPage]
	Oldest bool   // the oldest first, instead of the newest
	Cursor string // the Next of the page before; empty for the first page
}

// Result is a page of records. The next ones are those of the same query as it
// was asked first: also its spans of time and the log's size are those of then.
type Result struct {
	Refs   []Ref
	Next   string // cursor of the next page; empty where there is none
	Bounds []Bound
}

// Union answers questions over several logs: a record is named by the origin of
// its log and its index. Records of different logs are in the order of their
// times, those of one log always in the order of their indices. Its methods are
// safe for concurrent use.
type Union struct{ logs []*Index }

// Join makes a union of the indices of logs with different origins.
func Join(logs ...*Index) *Union {
	u := &Union{slices.Clone(logs)}
	slices.SortFunc(u.logs, func(a, b *Index) int { return cmp.Compare(a.origin, b.origin) })
	return u
}

// Search gives the records that a query looks for. It fails with [ErrCursor].
func (x *Index) Search(ctx context.Context, q *Query, p Page) (*Result, error) {
	return Join(x).Search(ctx, q, p)
}

// Count gives how many records a query looks for.
func (x *Index) Count(ctx context.Context, q *Query) (int64, error) { return Join(x).Count(ctx, q) }

// Facets counts the values of fields; see [Union.Facets].
func (x *Index) Facets(ctx context.Context, q *Query, fields []string, top int) ([]Facet, error) {
	return Join(x).Facets(ctx, q, fields, top)
}

// Histogram counts records over time; see [Union.Histogram].
func (x *Index) Histogram(ctx context.Context, q *Query, buckets int, by string) (*Histogram, error) {
	return Join(x).Histogram(ctx, q, buckets, by)
}

// Lookup gives the decision that an event's id belongs to and all that belongs to
// it; see [Union.Lookup].
func (x *Index) Lookup(ctx context.Context, id string) ([]Ref, error) {
	return Join(x).Lookup(ctx, id)
}

// mending asks a question of an index again as long as files of it turn out to be
// damaged, which it makes anew.
func (x *Index) mending(ctx context.Context, ask func() error) error {
	for range mendLimit {
		err := ask()
		var d *damaged
		if !errors.As(err, &d) {
			return err
		}
		if err := x.mend(ctx, d); err != nil {
			return err
		}
	}
	return errFile
}

// cursor is a place in the answers to a query.
type cursor struct {
	oldest bool
	now    int64 // of the first page, Unix time in milliseconds
	query  uint64
	logs   []position
}

// position is a place in one log.
type position struct {
	log  uint64 // hash of its origin
	next int64  // newest first: records below it are left; oldest first: those from it on
	size int64
}

const cursorVersion = 1

func (c *cursor) String() string {
	b := []byte{cursorVersion, 0}
	if c.oldest {
		b[1] = 1
	}
	b = binary.AppendUvarint(b, uint64(c.now))
	b = binary.LittleEndian.AppendUint64(b, c.query)
	for _, p := range c.logs {
		b = binary.LittleEndian.AppendUint64(b, p.log)
		b = binary.AppendUvarint(b, uint64(p.next))
		b = binary.AppendUvarint(b, uint64(p.size))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads a cursor of the same query and logs.
func (u *Union) parseCursor(s string, q *Query, oldest bool) (*cursor, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 2 || b[0] != cursorVersion || b[1] > 1 {
		return nil, ErrCursor
	}
	c := &cursor{oldest: b[1] == 1}
	r := reader{b: b[2:]}
	c.now = int64(r.num())
	if r.bad || len(r.b) < 8 {
		return nil, ErrCursor
	}
	c.query = binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	for len(r.b) >= 8 {
		p := position{log: binary.LittleEndian.Uint64(r.b)}
		r.b = r.b[8:]
		p.next, p.size = int64(r.num()), int64(r.num())
		if r.bad || p.next < 0 || p.size < p.next || len(c.logs) == len(u.logs) || p.log != hashText(u.logs[len(c.logs)].origin) {
			return nil, ErrCursor
		}
		c.logs = append(c.logs, p)
	}
	if len(r.b) != 0 || len(c.logs) != len(u.logs) || c.oldest != oldest || c.query != q.hash() {
		return nil, ErrCursor
	}
	return c, nil
}

// hash tells queries apart: by their text and by the bounds of time that came on
// top of it.
func (q *Query) hash() uint64 {
	h := hashText(q.text)
	for i, list := range [][]moment{q.since, q.until} {
		for _, m := range list {
			h = mix(h ^ uint64(m.at.UnixMilli()) ^ uint64(m.before) + uint64(i))
		}
	}
	return h
}

// Search gives the records that a query looks for, the newest first unless the
// page says otherwise. It fails with [ErrCursor].
func (u *Union) Search(ctx context.Context, q *Query, p Page) (*Result, error) {
	if p.Limit < 0 || p.Limit > MaxPage {
		return nil, fmt.Errorf("a page has at most %d records", MaxPage)
	}
	if p.Limit == 0 {
		p.Limit = DefaultPage
	}
	c := &cursor{oldest: p.Oldest, now: q.now.UnixMilli(), query: q.hash()}
	if p.Cursor != "" {
		var err error
		if c, err = u.parseCursor(p.Cursor, q, p.Oldest); err != nil {
			return nil, err
		}
		q = q.at(time.UnixMilli(c.now))
	}
	out := &Result{}
	pages := make(refHeap, 0, len(u.logs))
	for i, x := range u.logs {
		var refs []Ref
		bound := Bound{Origin: x.origin}
		err := x.mending(ctx, func() (err error) {
			s := x.snapshot()
			if p.Cursor == "" {
				pos := position{log: hashText(x.origin), size: s.size()}
				if !p.Oldest {
					pos.next = pos.size
				}
				c.logs = append(c.logs[:i], pos)
			}
			at := c.logs[i]
			from, to := at.next, at.size
			if !p.Oldest {
				from, to = 0, at.next
			}
			refs, err = newSearch(s, q, from, to, at.size).page(ctx, p.Limit+1, !p.Oldest)
			if bound.Size = at.size; len(s.runs) > 0 {
				bound.First = s.runs[0].first
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		out.Bounds = append(out.Bounds, bound)
		if len(refs) > 0 {
			pages = append(pages, refPage{i, refs, p.Oldest})
		}
	}
	heap.Init(&pages)
	for len(pages) > 0 && len(out.Refs) < p.Limit {
		top := &pages[0]
		ref := top.refs[0]
		out.Refs = append(out.Refs, ref)
		if c.logs[top.log].next = ref.Index; p.Oldest {
			c.logs[top.log].next++
		}
		if top.refs = top.refs[1:]; len(top.refs) == 0 {
			heap.Pop(&pages)
		} else {
			heap.Fix(&pages, 0)
		}
	}
	if len(pages) > 0 {
		out.Next = c.String()
	}
	return out, nil
}

// refPage is what one log has to give.
type refPage struct {
	log    int
	refs   []Ref
	oldest bool
}

// refHeap orders logs by their first record.
type refHeap []refPage

func (h refHeap) Len() int      { return len(h) }
func (h refHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h refHeap) Less(i, j int) bool {
	a, b := h[i].refs[0], h[j].refs[0]
	if c := a.Time.Compare(b.Time); c != 0 {
		return c < 0 == h[i].oldest
	}
	return h[i].log < h[j].log
}
func (h *refHeap) Push(v any) { *h = append(*h, v.(refPage)) }
func (h *refHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// page gives the first records that are found, in the order of their indices.
func (x *search) page(ctx context.Context, limit int, newest bool) ([]Ref, error) {
	var out []Ref
	err := x.each(ctx, newest, func(i int, rows [shapeCount]selection) (bool, error) {
		here, err := x.runs[i].refs(rows, limit-len(out), newest)
		out = append(out, here...)
		return len(out) < limit, err
	})
	return out, err
}

// refs names the first rows of a run.
func (r *run) refs(rows [shapeCount]selection, limit int, newest bool) ([]Ref, error) {
	var out []Ref
	for shape := range rows {
		t := &r.tables[shape]
		if empty(rows[shape]) {
			continue
		}
		records, err := t.vector(vecRecord)
		if err != nil {
			return nil, err
		}
		times, err := t.vector(vecTime)
		if err != nil {
			return nil, err
		}
		left := limit
		take := func(row int) bool {
			out = append(out, Ref{r.origin, r.first + int64(records.at(row)), time.UnixMilli(int64(t.started + times.at(row))).UTC()})
			left--
			return left > 0
		}
		if newest {
			rows[shape].backwards(take)
		} else {
			rows[shape].forwards(take)
		}
	}
	slices.SortFunc(out, func(a, b Ref) int {
		if newest {
			a, b = b, a
		}
		return cmp.Compare(a.Index, b.Index)
	})
	return out[:min(limit, len(out))], nil
}

// Count gives how many records a query looks for.
func (u *Union) Count(ctx context.Context, q *Query) (int64, error) {
	var out int64
	for _, x := range u.logs {
		var n int64
		err := x.mending(ctx, func() error {
			n = 0
			s := x.snapshot()
			f := newSearch(s, q, 0, s.size(), s.size())
			return f.each(ctx, false, func(_ int, rows [shapeCount]selection) (bool, error) {
				for _, sel := range rows {
					n += int64(sel.count())
				}
				return true, nil
			})
		})
		if err != nil {
			return 0, err
		}
		out += n
	}
	return out, nil
}

// Facet is the values of a field.
type Facet struct {
	Field    string
	Values   []Value // the most frequent, by count and then by value
	Distinct int     // how many values there are in all
}

// Value is a value and how many records have it.
type Value struct {
	Value string
	Count int64
}

// Facets counts, for each of some text fields, how many records have which value,
// and gives the top ones; no fields are all of them. Beside the records that the
// query looks for, the other half of each exchange of which one half was found is
// counted, so that app:billing has counts by what was sent; only kinds are counted
// of what was found alone. Records with several values count for each.
func (u *Union) Facets(ctx context.Context, q *Query, names []string, top int) ([]Facet, error) {
	if len(names) == 0 {
		names = FacetFields()
	}
	var list []field
	for _, name := range names {
		f, ok := lookupField(name)
		if !ok {
			return nil, unknownField(name)
		}
		if f.class != classText {
			return nil, fmt.Errorf("%s has no facet: fields that have are %s", name, strings.Join(FacetFields(), ", "))
		}
		list = append(list, f)
	}
	sums := make([]map[string]int64, len(list))
	for i := range sums {
		sums[i] = map[string]int64{}
	}
	for _, x := range u.logs {
		var here []map[string]int64
		err := x.mending(ctx, func() (err error) {
			s := x.snapshot()
			here, err = facets(ctx, newSearch(s, q, 0, s.size(), s.size()), list)
			return err
		})
		if err != nil {
			return nil, err
		}
		for i := range here {
			for v, n := range here[i] {
				sums[i][v] += n
			}
		}
	}
	out := make([]Facet, len(list))
	for i, f := range list {
		out[i] = Facet{Field: f.name, Distinct: len(sums[i]), Values: topValues(sums[i], top)}
	}
	return out, nil
}

// topValues gives the most frequent values; a top of 0 gives all.
func topValues(sums map[string]int64, top int) []Value {
	list := make([]Value, 0, len(sums))
	for v, n := range sums {
		list = append(list, Value{v, n})
	}
	slices.SortFunc(list, func(a, b Value) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	if top > 0 && top < len(list) {
		list = slices.Clip(list[:top])
	}
	return list
}

// facets counts the values of fields over one log.
func facets(ctx context.Context, s *search, list []field) ([]map[string]int64, error) {
	sums := make([]map[string]int64, len(list))
	for i := range sums {
		sums[i] = map[string]int64{}
	}
	found := make([][shapeCount]selection, len(s.runs))
	whole := make([]bool, len(s.runs))
	for i, r := range s.runs {
		whole[i] = s.bare() && s.whole(r)
		for shape := range found[i] {
			if !whole[i] {
				found[i][shape] = newSelection(r.tables[shape].n)
			}
		}
	}
	if !s.bare() || slices.Contains(whole, false) {
		err := s.each(ctx, false, func(i int, rows [shapeCount]selection) (bool, error) {
			if !whole[i] {
				found[i] = rows
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	both := found
	if !s.bare() {
		var err error
		if both, err = s.halves(found); err != nil {
			return nil, err
		}
	}
	for i, r := range s.runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for shape := range r.tables {
			t := &r.tables[shape]
			all, own := t.n, t.n // how many rows are counted
			if !whole[i] {
				all, own = both[i][shape].count(), found[i][shape].count()
			}
			for k, f := range list {
				rows, n := both[i][shape], all
				if f.id == textKind {
					rows, n = found[i][shape], own
				}
				counts, err := t.counts(f.id, rows, n)
				if err != nil {
					return nil, err
				}
				c := &t.text[f.id]
				for code := 1; code < len(counts); code++ {
					if n := counts[code]; n > 0 {
						for _, m := range c.set(code) {
							sums[k][c.values[m]] += int64(n)
						}
					}
				}
			}
		}
	}
	return sums, nil
}

// counts gives how many of the n rows of a selection have each code of a text
// field. A selection of all rows may be nil.
func (t *table) counts(id int, rows selection, n int) ([]uint32, error) {
	c := &t.text[id]
	switch {
	case c.sets() == 0 || n == 0:
		return nil, nil
	case n == t.n && c.counts != nil:
		return c.counts, nil
	}
	v, err := t.vector(id)
	if err != nil {
		return nil, err
	}
	if rows == nil {
		rows = newSelection(t.n)
		rows.fill(0, t.n)
	}
	out := make([]uint32, max(c.sets(), 1<<8))
	if c.counts == nil || n <= t.n/2 {
		rows.tally(v, out)
		return out[:c.sets()], nil
	}
	// Counting those that are not in it takes less.
	others := newSelection(t.n)
	others.fill(0, t.n)
	others.without(rows)
	others.tally(v, out)
	out = out[:c.sets()]
	for i := range out {
		out[i] = c.counts[i] - out[i]
	}
	return out, nil
}

// tally counts the codes of rows. There are as many counters as codes, and at
// least 256.
func (s selection) tally(v *vector, counters []uint32) {
	switch {
	case v.w16 != nil:
		tally(s, v.w16, counters)
	case v.w32 != nil:
		tally(s, v.w32, counters)
	default:
		tally(s, v.w8, counters)
	}
}

func tally[T number](s selection, codes []T, counters []uint32) {
	for i, w := range s {
		if w == 0 {
			continue
		}
		at := i * 64
		if at+64 > len(codes) {
			for ; w != 0; w &= w - 1 {
				code := T(0)
				if k := at + bitOf(w); k < len(codes) {
					code = codes[k]
				}
				counters[code]++
			}
			continue
		}
		block := codes[at : at+64]
		if w == math.MaxUint64 {
			for _, c := range block {
				counters[c]++
			}
			continue
		}
		for ; w != 0; w &= w - 1 {
			counters[block[bitOf(w)&63]]++
		}
	}
}

// Histogram counts records over time.
type Histogram struct {
	Start  time.Time     // of the first bucket
	Step   time.Duration // of each; whole milliseconds
	Counts []int64       // by bucket
	Series []Series      // the same by value, the most frequent first, at most [MaxSeries]
}

// Series is the part of a histogram's counts whose records have a value.
type Series struct {
	Value  string
	Counts []int64
}

// Histogram counts the records that a query looks for in so many parts, at most
// [MaxBuckets], of the time that the query bounds, or where it does not, the log.
// by, which may be empty, names a text field whose values are told apart.
func (u *Union) Histogram(ctx context.Context, q *Query, buckets int, by string) (*Histogram, error) {
	if buckets < 1 || buckets > MaxBuckets {
		return nil, fmt.Errorf("a histogram has 1 to %d buckets", MaxBuckets)
	}
	var f field
	if by != "" {
		var ok bool
		if f, ok = lookupField(by); !ok {
			return nil, unknownField(by)
		}
		if f.class != classText {
			return nil, fmt.Errorf("%s has no facet: fields that have are %s", by, strings.Join(FacetFields(), ", "))
		}
	}
	lo, hi := q.span()
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for _, x := range u.logs {
		for _, r := range x.snapshot().runs {
			for i := range r.tables {
				if t := &r.tables[i]; t.n > 0 {
					least, most = min(least, t.span[0]), max(most, t.span[1])
				}
			}
		}
	}
	if lo == math.MinInt64 {
		lo = least
	}
	if hi == math.MaxInt64 {
		hi = most + 1
	}
	if least > most || lo >= hi {
		return &Histogram{Counts: make([]int64, buckets)}, nil
	}
	step := (hi-lo-1)/int64(buckets) + 1
	g := grid{lo: lo, step: step, n: buckets, total: make([]int64, buckets), values: map[string][]int64{}}
	// What is added between the two looks at the log is not before hi.
	bounded := q.Between(time.UnixMilli(lo), time.UnixMilli(lo+step*int64(buckets)))
	for _, x := range u.logs {
		var here grid
		err := x.mending(ctx, func() error {
			here = grid{lo: lo, step: step, n: buckets, total: make([]int64, buckets), values: map[string][]int64{}}
			s := x.snapshot()
			k := newSearch(s, bounded, 0, s.size(), s.size())
			return k.each(ctx, false, func(i int, rows [shapeCount]selection) (bool, error) {
				for shape := range rows {
					if err := here.add(&s.runs[i].tables[shape], rows[shape], f, by != ""); err != nil {
						return false, err
					}
				}
				return true, nil
			})
		})
		if err != nil {
			return nil, err
		}
		for i, n := range here.total {
			g.total[i] += n
		}
		for v, counts := range here.values {
			for i, n := range counts {
				g.value(v)[i] += n
			}
		}
	}
	out := &Histogram{Start: time.UnixMilli(lo).UTC(), Step: time.Duration(step) * time.Millisecond, Counts: g.total}
	sums := map[string]int64{}
	for v, counts := range g.values {
		for _, n := range counts {
			sums[v] += n
		}
	}
	for _, v := range topValues(sums, MaxSeries) {
		out.Series = append(out.Series, Series{v.Value, g.values[v.Value]})
	}
	return out, nil
}

// grid sums up a histogram.
type grid struct {
	lo, step int64
	n        int
	total    []int64
	values   map[string][]int64
}

func (g *grid) value(v string) []int64 {
	if g.values[v] == nil {
		g.values[v] = make([]int64, g.n)
	}
	return g.values[v]
}

// add counts the rows of a table.
func (g *grid) add(t *table, rows selection, f field, by bool) error {
	if empty(rows) {
		return nil
	}
	times, err := t.vector(vecTime)
	if err != nil {
		return err
	}
	// Rows near each other are near in time: as a rule in the same bucket.
	var bucket, begins, ends int64 = 0, 1, 0
	find := func(ms int64) int64 {
		if ms < begins || ms >= ends {
			bucket = (ms - g.lo) / g.step
			begins = g.lo + bucket*g.step
			ends = begins + g.step
		}
		return bucket
	}
	if !by || t.text[f.id].sets() == 0 {
		for i, w := range rows {
			for ; w != 0; w &= w - 1 {
				g.total[find(int64(t.started+times.at(i*64+bitOf(w))))]++
			}
		}
		return nil
	}
	codes, err := t.vector(f.id)
	if err != nil {
		return err
	}
	c := &t.text[f.id]
	counts := make([]uint32, g.n*c.sets())
	for i, w := range rows {
		for ; w != 0; w &= w - 1 {
			row := i*64 + bitOf(w)
			b := find(int64(t.started + times.at(row)))
			g.total[b]++
			counts[int(codes.at(row))*g.n+int(b)]++
		}
	}
	for code := 1; code < c.sets(); code++ {
		for b, n := range counts[code*g.n : (code+1)*g.n] {
			if n > 0 {
				for _, m := range c.set(code) {
					g.value(c.values[m])[b] += int64(n)
				}
			}
		}
	}
	return nil
}

// Lookup gives the records of an id, by log and index: the event with that id, the
// decision that it belongs to, and all events that belong to that decision. Where
// there is none, it gives none.
func (u *Union) Lookup(ctx context.Context, id string) ([]Ref, error) {
	if up := strings.ToUpper(id); id != up {
		if _, ok := parseKey(keyID, []byte(up)); ok {
			id = up
		}
	}
	var out []Ref
	for _, x := range u.logs {
		var refs []Ref
		err := x.mending(ctx, func() (err error) {
			refs, err = x.snapshot().lookup(ctx, id)
			return err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, refs...)
	}
	return out, nil
}

// lookup is Lookup in one log.
func (s *snapshot) lookup(ctx context.Context, id string) ([]Ref, error) {
	decision, err := s.decisionOf(id)
	if err != nil {
		return nil, err
	}
	own, self := hashID(keyID, decision), hashID(keyID, id)
	var out []Ref
	for _, r := range s.runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var rows [shapeCount]selection
		for shape := range rows {
			rows[shape] = newSelection(r.tables[shape].n)
		}
		may, err := r.may(own)
		if err != nil {
			return nil, err
		}
		if may {
			if err := r.belonging(rows, decision); err != nil {
				return nil, err
			}
		}
		if id != decision {
			if may, err = r.may(self); err != nil {
				return nil, err
			}
			for shape := 0; may && shape < shapeCount; shape++ {
				c, err := r.tables[shape].keys(idsOfEvents)
				if err != nil {
					return nil, err
				}
				c.mark(rows[shape], keyID, &alternative{text: id})
			}
		}
		here, err := r.refs(rows, MaxPage, false)
		if err != nil {
			return nil, err
		}
		out = append(out, here...)
	}
	return out, nil
}

// belonging adds the event with an id and those that belong to it.
func (r *run) belonging(rows [shapeCount]selection, id string) error {
	is := []alternative{{text: id}}
	for shape := range rows { // decisions first: where it is one, the others are not looked at
		c, err := r.tables[shape].keys(idsOfEvents)
		if err != nil {
			return err
		}
		if c.mark(rows[shape], keyID, &is[0]); !empty(rows[shape]) {
			break
		}
	}
	decisions := slices.Clone(rows[shapeDecision])
	local := !empty(decisions)
	for shape := range rows {
		t := &r.tables[shape]
		t.markFar(rows[shape], is)
		if !local {
			continue
		}
		refs, err := t.vector(vecRef)
		if err != nil {
			return err
		}
		for row := range refs.len() {
			if ref := refs.at(row); ref != 0 && ref&farBit == 0 && decisions.has(int(ref-1)) {
				rows[shape].set(row)
			}
		}
	}
	return nil
}

// decisionOf gives the id of the decision that the event with an id belongs to: its
// own, but for outcomes and what else belongs to a decision.
func (s *snapshot) decisionOf(id string) (string, error) {
	a := alternative{text: id}
	for i := len(s.runs) - 1; i >= 0; i-- {
		r := s.runs[i]
		may, err := r.may(hashID(keyID, id))
		if err != nil {
			return "", err
		}
		for shape := 0; may && shape < shapeCount; shape++ {
			t := &r.tables[shape]
			c, err := t.keys(idsOfEvents)
			if err != nil {
				return "", err
			}
			rows := newSelection(t.n)
			c.mark(rows, keyID, &a)
			if empty(rows) {
				continue
			}
			refs, err := t.vector(vecRef)
			if err != nil {
				return "", err
			}
			row := rows.first()
			switch ref := refs.at(row); {
			case ref == 0:
				return id, nil
			case ref&farBit != 0:
				return t.farID(int(ref &^ farBit)), nil
			default:
				d, err := r.tables[shapeDecision].keys(idsOfEvents)
				if err != nil {
					return "", err
				}
				return d.text(keyID, int(ref-1)), nil
			}
		}
	}
	return id, nil
}

// Tail gives the records that a query looks for as they are added, from an index
// on, until the context ends. A query that asks for a decision and its outcome
// gives the decision when the outcome is added. Somebody has to add the events:
// [Index.Follow], or whoever appends to the log.
func (x *Index) Tail(ctx context.Context, q *Query, from int64) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		for {
			changed, size := x.wait()
			if size > from {
				var refs []Ref
				var next int64
				err := x.mending(ctx, func() (err error) {
					s := x.snapshot()
					next = s.size()
					refs, err = s.news(ctx, q, from)
					return err
				})
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					yield(Ref{}, err)
					return
				}
				for _, r := range refs {
					if ctx.Err() != nil || !yield(r, nil) {
						return
					}
				}
				from = next
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}

// news gives what a query looks for among the records from an index on.
func (s *snapshot) news(ctx context.Context, q *Query, from int64) (refs []Ref, err error) {
	start := from
	if q.joined {
		start = 0
	}
	k := newSearch(s, q, start, s.size(), s.size())
	var fresh []selection
	if q.joined {
		if fresh, err = k.answered(from); err != nil {
			return nil, err
		}
	}
	err = k.each(ctx, false, func(i int, rows [shapeCount]selection) (bool, error) {
		if q.joined {
			for w := range rows[shapeDecision] {
				rows[shapeDecision][w] &= fresh[i][w]
			}
		}
		here, err := s.runs[i].refs(rows, math.MaxInt, false)
		refs = append(refs, here...)
		return true, err
	})
	return refs, err
}

// answered gives the decisions, by run, that have an outcome whose record has an
// index from some on.
func (s *search) answered(from int64) ([]selection, error) {
	out := make([]selection, len(s.runs))
	for i, r := range s.runs {
		out[i] = newSelection(r.tables[shapeDecision].n)
		if r.end() > from {
			o := &r.tables[shapeOutcome]
			lo, hi, err := r.rows(o, from, s.size)
			if err != nil {
				return nil, err
			}
			refs, err := o.vector(vecRef)
			if err != nil {
				return nil, err
			}
			for row := lo; row < hi; row++ {
				if ref := refs.at(row); ref != 0 && ref&farBit == 0 {
					out[i].set(int(ref - 1))
				}
			}
		}
		err := s.linked(i, func(row int, l link) error {
			other := s.runs[l.run]
			at, err := other.index(&other.tables[shapeOutcome], int(l.row))
			if err == nil && at >= from {
				out[i].set(row)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
