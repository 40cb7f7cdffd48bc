package index

import (
	"context"
	"math"
	"math/bits"
	"slices"
)

// selection is a set of a table's rows, a bit each.
type selection []uint64

func newSelection(n int) selection { return make(selection, (n+63)/64) }

// fill sets the bits of rows lo to hi, the latter not included.
func (s selection) fill(lo, hi int) {
	for i := lo; i < hi; {
		if i%64 == 0 && i+64 <= hi {
			s[i/64] = math.MaxUint64
			i += 64
			continue
		}
		s[i/64] |= 1 << (i % 64)
		i++
	}
}

func (s selection) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }
func (s selection) set(i int)      { s[i/64] |= 1 << (i % 64) }

func (s selection) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// without takes the rows of another away.
func (s selection) without(o selection) {
	for i := range s {
		s[i] &^= o[i]
	}
}

// all calls visit with each row in it, in order.
func (s selection) all(visit func(row int)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			visit(i*64 + bitOf(w))
		}
	}
}

// forwards calls visit with each row in it, in order, until it gives false.
func (s selection) forwards(visit func(row int) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !visit(i*64 + bitOf(w)) {
				return
			}
		}
	}
}

// backwards is forwards from the last row on.
func (s selection) backwards(visit func(row int) bool) {
	for i := len(s) - 1; i >= 0; i-- {
		for w := s[i]; w != 0; {
			k := 63 - bits.LeadingZeros64(w)
			w &^= 1 << k
			if !visit(i*64 + k) {
				return
			}
		}
	}
}

// first gives the first row of a selection that has one.
func (s selection) first() (row int) {
	s.forwards(func(r int) bool { row = r; return false })
	return row
}

// bitOf gives the place of the lowest bit.
func bitOf(w uint64) int { return bits.TrailingZeros64(w) }

// keepCodes takes away the rows whose code the table of codes does not have.
// Rows behind the codes' end have code 0.
func keepCodes[T number](s selection, codes []T, table []uint8) {
	for i, w := range s {
		if w == 0 {
			continue
		}
		at := i * 64
		if at+64 > len(codes) {
			for x := w; x != 0; x &= x - 1 {
				k := bits.TrailingZeros64(x)
				code := T(0)
				if at+k < len(codes) {
					code = codes[at+k]
				}
				if table[code] == 0 {
					w &^= 1 << k
				}
			}
			s[i] = w
			continue
		}
		var keep uint64
		for k, c := range codes[at : at+64] {
			keep |= uint64(table[c]) << k
		}
		s[i] = w & keep
	}
}

// keepRange takes away the rows whose value is not from lo to hi.
func keepRange[T number](s selection, values []T, lo, hi uint64) {
	if lo > hi {
		clear(s)
		return
	}
	wide := hi - lo
	for i, w := range s {
		if w == 0 {
			continue
		}
		at := i * 64
		for x := w; x != 0; x &= x - 1 {
			k := bits.TrailingZeros64(x)
			var v uint64
			if at+k < len(values) {
				v = uint64(values[at+k])
			}
			if v-lo > wide {
				w &^= 1 << k
			}
		}
		s[i] = w
	}
}

func (s selection) keepCodes(v *vector, table []uint8) {
	switch {
	case v.w16 != nil:
		keepCodes(s, v.w16, table)
	case v.w32 != nil:
		keepCodes(s, v.w32, table)
	default:
		keepCodes(s, v.w8, table)
	}
}

func (s selection) keepRange(v *vector, lo, hi uint64) {
	switch {
	case v.w16 != nil:
		keepRange(s, v.w16, lo, hi)
	case v.w32 != nil:
		keepRange(s, v.w32, lo, hi)
	case v.w64 != nil:
		keepRange(s, v.w64, lo, hi)
	default:
		keepRange(s, v.w8, lo, hi)
	}
}

// snapshot is the index of a log at one moment.
type snapshot struct {
	runs  []*run // in the order of their records
	links [][]link
}

// link is a row of outcomes whose decision is in an earlier run.
type link struct {
	decision int64 // index of its record
	run      int   // of the row
	row      uint32
}

// size gives the index behind the last record.
func (s *snapshot) size() int64 {
	if len(s.runs) == 0 {
		return 0
	}
	return s.runs[len(s.runs)-1].end()
}

// search evaluates a query over the runs of a snapshot, as far as the log went
// when it had size records.
type search struct {
	*snapshot
	q        *Query
	from, to int64 // of indices
	lo, hi   int64 // of times
	size     int64
	// compiled holds what a term means in a run's table of outcomes, for links.
	compiled map[place]*compiled
}

type place struct{ run, term int }

// compiled is what a term means in a table, and the column that it is about.
type compiled struct {
	*predicate
	values *vector // nil where no row needs to be looked at
}

// newSearch prepares a query of the records with an index in [from, to) of the
// first size ones.
func newSearch(s *snapshot, q *Query, from, to, size int64) *search {
	x := &search{snapshot: s, q: q, from: from, to: min(to, size), size: size, compiled: map[place]*compiled{}}
	x.lo, x.hi = q.span()
	return x
}

// bare says whether the query asks for nothing but a time.
func (x *search) bare() bool { return len(x.q.terms) == 0 }

// in gives the rows of a table that are in the ranges of index and time.
func (x *search) in(r *run, t *table, from, to int64) (selection, error) {
	s := newSelection(t.n)
	if t.n == 0 || x.lo > t.span[1] || x.hi <= t.span[0] {
		return s, nil
	}
	lo, hi, err := r.rows(t, from, to)
	if err != nil {
		return nil, err
	}
	s.fill(lo, hi)
	if x.lo <= t.span[0] && x.hi > t.span[1] {
		return s, nil
	}
	v, err := t.vector(vecTime)
	if err != nil {
		return nil, err
	}
	// span says that some time of the table is between the bounds.
	started := int64(t.started)
	s.keepRange(v, uint64(max(x.lo, started)-started), uint64(x.hi-1-started))
	return s, nil
}

// whole says whether all rows of a run are in the ranges of index and time.
func (x *search) whole(r *run) bool {
	if x.from > r.first || x.to < r.end() {
		return false
	}
	for i := range r.tables {
		if t := &r.tables[i]; t.n > 0 && (x.lo > t.span[0] || x.hi <= t.span[1]) {
			return false
		}
	}
	return true
}

// predicate is what a term means in a table, whether it is negated or not.
type predicate struct {
	none, all bool    // that no row, or every row meets it; else
	codes     []uint8 // of a text field: 1 for codes that do
	ranges    [][2]uint64
	rows      selection // of a key field
}

// compile finds out what a term means in a table of a run.
func (x *search) compile(r *run, t *table, m *term) (*predicate, error) {
	switch m.class {
	case classText:
		return compileText(&t.text[m.id], m, t.n), nil
	case classKey:
		rows, err := x.keys(r, t, m)
		return &predicate{rows: rows, none: rows == nil}, err
	}
	p := &predicate{}
	base, top := int64(t.base[m.id%numCount]), uint64(math.MaxUint64)
	if m.class == classTime {
		base = int64(t.started)
	}
	for i := range m.alternatives {
		lo, hi := x.q.bounds(m, &m.alternatives[i])
		if hi < base {
			continue
		}
		low, high := uint64(max(lo, base)-base), top
		if hi != math.MaxInt64 {
			high = uint64(hi - base)
		}
		if m.class == classNumber { // 0 is none
			low++
			if high != top {
				high++
			}
		}
		if low <= high {
			p.ranges = append(p.ranges, [2]uint64{low, high})
		}
	}
	p.none = len(p.ranges) == 0
	return p, nil
}

func compileText(c *textColumn, m *term, n int) *predicate {
	p := &predicate{none: true, all: true}
	if c.sets() == 0 {
		p.all = false
		return p
	}
	means := make([]bool, len(c.values))
	for i, v := range c.values {
		means[i] = slices.ContainsFunc(m.alternatives, func(a alternative) bool { return a.matches(v) })
	}
	p.codes = make([]uint8, c.sets())
	for i := range p.codes {
		if c.counts != nil && c.counts[i] == 0 {
			continue
		}
		if slices.ContainsFunc(c.set(i), func(v uint32) bool { return means[v] }) {
			p.codes[i], p.none = 1, false
		} else {
			p.all = false
		}
	}
	if c.counts == nil {
		p.all = false // rows without a value are not counted
	}
	return p
}

// keep takes away the rows of a selection that do not meet a term, negated or not.
func (p *predicate) keep(s selection, t *table, m *term) error {
	switch {
	case p.none && m.not, p.all && !m.not:
		return nil
	case p.none, p.all:
		clear(s)
		return nil
	case p.rows != nil:
		for i := range s {
			if m.not {
				s[i] &^= p.rows[i]
			} else {
				s[i] &= p.rows[i]
			}
		}
		return nil
	}
	v, err := t.vector(m.column())
	if err != nil {
		return err
	}
	if p.codes != nil {
		codes := p.codes
		if m.not {
			codes = make([]uint8, len(codes))
			for i := range codes {
				codes[i] = 1 - p.codes[i]
			}
		}
		s.keepCodes(v, codes)
		return nil
	}
	if len(p.ranges) == 1 && !m.not {
		s.keepRange(v, p.ranges[0][0], p.ranges[0][1])
		return nil
	}
	met := newSelection(t.n)
	for _, r := range p.ranges {
		some := slices.Clone(s)
		some.keepRange(v, r[0], r[1])
		for i := range met {
			met[i] |= some[i]
		}
	}
	for i := range s {
		if m.not {
			s[i] &^= met[i]
		} else {
			s[i] &= met[i]
		}
	}
	return nil
}

// meets says whether one row meets a term that is not negated.
func (c *compiled) meets(row int) bool {
	switch {
	case c.none, c.all:
		return c.all
	case c.rows != nil:
		return c.rows.has(row)
	}
	x := c.values.at(row)
	if c.codes != nil {
		return c.codes[x] == 1
	}
	return slices.ContainsFunc(c.ranges, func(r [2]uint64) bool { return x >= r[0] && x <= r[1] })
}

// outcomes gives what a term means for the outcomes of a run.
func (x *search) outcomes(run, k int) (*compiled, error) {
	at := place{run, k}
	if c := x.compiled[at]; c != nil {
		return c, nil
	}
	t, m := &x.runs[run].tables[shapeOutcome], &x.q.terms[k]
	p, err := x.compile(x.runs[run], t, m)
	if err != nil {
		return nil, err
	}
	c := &compiled{predicate: p}
	if !p.none && !p.all && p.rows == nil {
		if c.values, err = t.vector(m.column()); err != nil {
			return nil, err
		}
	}
	x.compiled[at] = c
	return c, nil
}

// column gives the vector of a field.
func (f *field) column() int {
	switch f.class {
	case classNumber:
		return vecNumbers + f.id
	case classTime:
		return vecTime
	}
	return f.id
}

// keys gives the rows whose id is meant; nil means none.
func (x *search) keys(r *run, t *table, m *term) (selection, error) {
	if m.id == keyDecision {
		return x.decisions(r, t, m)
	}
	column := idsOfEvents
	if m.id == keyTrace {
		column = idsOfTraces
	}
	var out selection
	for i := range m.alternatives {
		a := &m.alternatives[i]
		if a.how == howIs {
			may, err := r.may(hashID(m.id, a.text))
			if err != nil {
				return nil, err
			}
			if !may {
				continue
			}
		}
		c, err := t.keys(column)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = newSelection(t.n)
		}
		c.mark(out, m.id, a)
	}
	return out, nil
}

// mark adds the rows whose id is meant.
func (c *keyColumn) mark(s selection, field int, a *alternative) {
	for i := range c.odd {
		if a.matches(c.odd[i].text) {
			s.set(int(c.odd[i].row))
		}
	}
	switch a.how {
	case howAny:
		for i, k := range c.keys {
			if k != (key{}) {
				s.set(i)
			}
		}
	case howIs:
		want, ok := parseKey(field, []byte(a.text))
		if !ok {
			return
		}
		for i := range c.keys {
			if c.keys[i].lo == want.lo && c.keys[i].hi == want.hi {
				s.set(i)
			}
		}
	case howBegins:
		lo, hi, ok := keyRange(field, a.text)
		if !ok {
			return
		}
		for i, k := range c.keys {
			if k != (key{}) && !k.less(lo) && !hi.less(k) {
				s.set(i)
			}
		}
	}
}

// decisions gives the rows that belong to a decision whose id is meant.
func (x *search) decisions(r *run, t *table, m *term) (selection, error) {
	ids := *m
	ids.id = keyID
	d := &r.tables[shapeDecision]
	here, err := x.keys(r, d, &ids)
	if err != nil {
		return nil, err
	}
	refs, err := t.vector(vecRef)
	if err != nil || refs.len() == 0 {
		return nil, err
	}
	out := newSelection(t.n)
	t.markFar(out, m.alternatives)
	if here == nil {
		return out, nil
	}
	for i := range refs.len() {
		if ref := refs.at(i); ref != 0 && ref&farBit == 0 && here.has(int(ref-1)) {
			out.set(i)
		}
	}
	return out, nil
}

// markFar adds the rows that belong to a decision in another run whose id is
// meant.
func (t *table) markFar(s selection, list []alternative) {
	for i := range list {
		a := &list[i]
		for _, o := range t.farOdd {
			if a.matches(o.text) {
				s.set(int(t.far[o.row].row))
			}
		}
		lo, hi, ok := key{}, key{^uint64(0), ^uint64(0)}, true
		switch a.how {
		case howIs:
			lo, ok = parseKey(keyID, []byte(a.text))
			hi = lo
		case howBegins:
			lo, hi, ok = keyRange(keyID, a.text)
		}
		if !ok {
			continue
		}
		for k := range t.far {
			f := &t.far[k]
			if f.key != (key{}) && !f.key.less(lo) && !hi.less(f.key) {
				s.set(int(f.row))
			}
		}
	}
}

// rows gives the rows of a run's tables that are looked for.
func (x *search) rows(i int) (out [shapeCount]selection, err error) {
	r := x.runs[i]
	for shape := range out {
		t := &r.tables[shape]
		out[shape] = newSelection(t.n)
		if t.n == 0 || x.q.joined && shape != shapeDecision {
			continue
		}
		s, err := x.in(r, t, x.from, x.to)
		if err != nil {
			return out, err
		}
		out[shape] = s
		for k := range x.q.terms {
			m := &x.q.terms[k]
			p, err := x.compile(r, t, m)
			if err != nil {
				return out, err
			}
			if x.q.joined && m.side != sideNone {
				err = x.lift(i, k, s, p)
			} else {
				err = p.keep(s, t, m)
			}
			if err != nil {
				return out, err
			}
			if empty(s) {
				break
			}
		}
	}
	return out, nil
}

func empty(s selection) bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// lift takes away the decisions of which neither they nor their outcomes meet a
// term, or of which one does if it is negated.
func (x *search) lift(i, k int, s selection, own *predicate) error {
	r, m := x.runs[i], &x.q.terms[k]
	d, o := &r.tables[shapeDecision], &r.tables[shapeOutcome]
	positive := *m
	positive.not = false
	met := slices.Clone(s)
	if err := own.keep(met, d, &positive); err != nil {
		return err
	}
	p, err := x.compile(r, o, m)
	if err != nil {
		return err
	}
	if !p.none && o.n > 0 {
		lo, hi, err := r.rows(o, 0, x.size)
		if err != nil {
			return err
		}
		outcomes := newSelection(o.n)
		outcomes.fill(lo, hi)
		if err := p.keep(outcomes, o, &positive); err != nil {
			return err
		}
		refs, err := o.vector(vecRef)
		if err != nil {
			return err
		}
		outcomes.all(func(row int) {
			if ref := refs.at(row); ref != 0 && ref&farBit == 0 {
				met.set(int(ref - 1))
			}
		})
	}
	var c *compiled
	last := -1
	err = x.linked(i, func(row int, l link) error {
		if l.run != last {
			var err error
			if c, err = x.outcomes(l.run, k); err != nil {
				return err
			}
			last = l.run
		}
		if c.meets(int(l.row)) {
			met.set(row)
		}
		return nil
	})
	for i := range s {
		if m.not {
			s[i] &^= met[i]
		} else {
			s[i] &= met[i]
		}
	}
	return err
}

// linked calls visit with the rows of a run's decisions that have outcomes in
// later runs.
func (x *search) linked(i int, visit func(row int, l link) error) error {
	if len(x.links[i]) == 0 {
		return nil
	}
	r := x.runs[i]
	d := &r.tables[shapeDecision]
	v, err := d.vector(vecRecord)
	if err != nil {
		return err
	}
	row, whole := 0, x.size >= x.snapshot.size()
	for _, l := range x.links[i] {
		// Outcomes come much in the order of their decisions: it is near the last.
		want := uint64(l.decision - r.first)
		row = v.near(d.n, row, want)
		if row == d.n || v.at(row) != want {
			continue
		}
		if !whole {
			other := x.runs[l.run]
			at, err := other.index(&other.tables[shapeOutcome], int(l.row))
			if err != nil {
				return err
			}
			if at >= x.size {
				continue
			}
		}
		if err := visit(row, l); err != nil {
			return err
		}
	}
	return nil
}

// halves adds to the rows that were found, run by run, the other half of each
// exchange of which one half was found, within the same bounds.
func (x *search) halves(found [][shapeCount]selection) ([][shapeCount]selection, error) {
	out := make([][shapeCount]selection, len(found))
	for i := range found {
		for k := range found[i] {
			out[i][k] = slices.Clone(found[i][k])
		}
	}
	for i, r := range x.runs {
		decisions, outcomes := found[i][shapeDecision], found[i][shapeOutcome]
		if err := r.pairs(decisions, outcomes, out[i]); err != nil {
			return nil, err
		}
		err := x.linked(i, func(row int, l link) error {
			if decisions.has(row) {
				out[l.run][shapeOutcome].set(int(l.row))
			}
			if found[l.run][shapeOutcome].has(int(l.row)) {
				out[i][shapeDecision].set(row)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for i, r := range x.runs {
		if x.whole(r) {
			continue
		}
		for k := range r.tables {
			in, err := x.in(r, &r.tables[k], x.from, x.to)
			if err != nil {
				return nil, err
			}
			for w := range in {
				out[i][k][w] &= in[w]
			}
		}
	}
	return out, nil
}

// pairs adds the other halves that are in the same run.
func (r *run) pairs(decisions, outcomes selection, out [shapeCount]selection) error {
	one, two := !empty(decisions), !empty(outcomes)
	if !one && !two {
		return nil
	}
	refs, err := r.tables[shapeOutcome].vector(vecRef)
	if err != nil {
		return err
	}
	if two {
		outcomes.all(func(row int) {
			if ref := refs.at(row); ref != 0 && ref&farBit == 0 {
				out[shapeDecision].set(int(ref - 1))
			}
		})
	}
	if one {
		for row := range refs.len() {
			if ref := refs.at(row); ref != 0 && ref&farBit == 0 && decisions.has(int(ref-1)) {
				out[shapeOutcome].set(row)
			}
		}
	}
	return nil
}

// each calls visit with the rows that are looked for, run by run, until it wants
// no more. Runs behind each other come in the order of their records, or the last
// first.
func (x *search) each(ctx context.Context, newest bool, visit func(i int, rows [shapeCount]selection) (bool, error)) error {
	for n := range x.runs {
		i := n
		if newest {
			i = len(x.runs) - 1 - n
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r := x.runs[i]
		if r.n == 0 || r.end() <= x.from || r.first >= x.to {
			continue
		}
		rows, err := x.rows(i)
		if err != nil {
			return err
		}
		more, err := visit(i, rows)
		if err != nil || !more {
			return err
		}
	}
	return nil
}
