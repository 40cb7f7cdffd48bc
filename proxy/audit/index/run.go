package index

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// Vectors of a table: the codes of its text fields, its numbers, and these.
const (
	vecNumbers = textCount
	vecTime    = vecNumbers + numCount // milliseconds above the table's base
	vecRecord  = vecTime + 1           // which record of the run a row is
	vecRef     = vecRecord + 1         // the decision that a row belongs to; see farBit
	vecCount   = vecRef + 1
)

// farBit marks a reference to a decision that is not in the same run: the rest is
// a place in the table's list of them. Without it, a reference is the row of the
// run's decisions plus one; 0 is none.
const farBit = 1 << 31

// Key columns of a table. The decisions that rows belong to are references.
const (
	idsOfEvents = iota
	idsOfTraces
	idColumns
)

// far is a reference to a decision in another run.
type far struct {
	row   uint32
	key   key   // its id; zero where that is among the odd ones
	index int64 // of the decision's record, -1 where there was none when it was looked for
}

// table holds the events of one shape in a run, as columns. Where pages is set,
// its vectors and keys are in a file.
type table struct {
	shape   int
	n       int
	text    [textCount]textColumn
	base    [numCount]uint64 // a number's code is its value less its base, plus 1; 0 is none
	started uint64           // base of the times
	span    [2]int64         // least and greatest time
	vectors [vecCount]vector
	ids     [idColumns]keyColumn
	far     []far
	farOdd  []oddKey // ids of those that have no key, by their place in far
	pages   *pages
}

// vector gives a column. It fails where the file cannot be read.
func (t *table) vector(id int) (*vector, error) {
	if t.pages != nil {
		return t.pages.vector(t, id)
	}
	return &t.vectors[id], nil
}

// keys gives a column of ids. It fails where the file cannot be read.
func (t *table) keys(id int) (*keyColumn, error) {
	if t.pages != nil {
		return t.pages.keys(t, id)
	}
	return &t.ids[id], nil
}

// farID gives the id of a decision in another run.
func (t *table) farID(i int) string {
	if t.far[i].key != (key{}) {
		return t.far[i].key.text(keyID)
	}
	c := keyColumn{odd: t.farOdd}
	return c.text(keyID, i)
}

// run is the index of records that follow each other: as a rule those of one
// segment. It does not change once it is made.
type run struct {
	number     int64 // of the segment; -1 while it is not known
	first      int64 // index of the first record
	n          int   // records
	began      int64 // of the segment, Unix time in milliseconds
	origin     string
	unreadable int // records that are no events
	tables     [shapeCount]table
	bloom      bloom // nil while the run grows: any id may be in it
	pages      *pages
}

// end is the index behind the last record.
func (r *run) end() int64 { return r.first + int64(r.n) }

// filter gives the run's filter of ids. It fails where the file cannot be read.
func (r *run) filter() (bloom, error) {
	if r.pages != nil {
		return r.pages.bloom()
	}
	return r.bloom, nil
}

// may says whether an id with that hash may be in the run.
func (r *run) may(hash uint64) (bool, error) {
	f, err := r.filter()
	if err != nil {
		return false, err
	}
	return f == nil || f.has(hash), nil
}

// index gives the record's index of a table's row.
func (r *run) index(t *table, row int) (int64, error) {
	v, err := t.vector(vecRecord)
	if err != nil {
		return 0, err
	}
	return r.first + int64(v.at(row)), nil
}

// rows gives the rows of a table whose records have an index in [from, to).
func (r *run) rows(t *table, from, to int64) (lo, hi int, err error) {
	if from <= r.first && to >= r.end() {
		return 0, t.n, nil
	}
	if from >= to || from >= r.end() || to <= r.first {
		return 0, 0, nil
	}
	v, err := t.vector(vecRecord)
	if err != nil {
		return 0, 0, err
	}
	return v.search(t.n, uint64(max(from-r.first, 0))), v.search(t.n, uint64(to-r.first)), nil
}

// cut gives the run as it was when it had n records. The run is in memory.
func (r *run) cut(n int) *run {
	out := *r
	out.n = min(n, r.n)
	for i := range out.tables {
		t := &out.tables[i]
		t.n = t.vectors[vecRecord].search(t.n, uint64(out.n))
		for j := range t.vectors {
			t.vectors[j] = t.vectors[j].cut(t.n)
		}
		for j := range t.ids {
			t.ids[j] = t.ids[j].cut(t.n)
		}
		t.far = t.far[:sort.Search(len(t.far), func(i int) bool { return int(t.far[i].row) >= t.n })]
		t.farOdd = keyColumn{odd: t.farOdd}.cut(len(t.far)).odd
		for j := range t.text {
			t.text[j].counts = nil
		}
	}
	return &out
}

// builder makes a run of events. Its methods are not safe for concurrent use, but
// what view gave may be read meanwhile.
type builder struct {
	run
	text    [shapeCount][textCount]textBuilder
	places  map[key]uint32     // rows of decisions
	odd     map[string]uint32  // those whose ids have no key
	resolve func(string) int64 // finds decisions in earlier runs; -1 where there is none
}

// newBuilder begins a run.
func newBuilder(origin string, first int64, resolve func(string) int64) *builder {
	b := &builder{places: map[key]uint32{}, odd: map[string]uint32{}, resolve: resolve}
	b.origin, b.number, b.first = origin, -1, first
	for i := range b.tables {
		b.tables[i].shape = i
	}
	return b
}

// add adds the event of the next record.
func (b *builder) add(e *entry) {
	t := &b.tables[e.shape]
	row := t.n
	for i := range textCount {
		if values := e.text[i]; len(values) > 0 {
			c := &b.text[e.shape][i]
			t.vectors[i].put(row, uint64(c.code(values)))
		}
	}
	for i := range numCount {
		if e.has>>i&1 == 1 {
			b.number1(t, i, row, e.num[i])
		}
	}
	t.vectors[vecTime].put(row, uint64(e.ms))
	t.vectors[vecRecord].put(row, uint64(b.n))
	if t.n == 0 {
		t.span = [2]int64{e.ms, e.ms}
	}
	t.span[0], t.span[1] = min(t.span[0], e.ms), max(t.span[1], e.ms)
	t.ids[idsOfEvents].put(keyID, row, e.key[keyID])
	t.ids[idsOfTraces].put(keyTrace, row, e.key[keyTrace])
	if id := e.key[keyDecision]; len(id) > 0 {
		b.refer(t, row, id)
	}
	if e.shape == shapeDecision {
		if k, ok := parseKey(keyID, e.key[keyID]); ok {
			b.places[k] = uint32(row)
		} else if len(e.key[keyID]) > 0 {
			b.odd[string(e.key[keyID])] = uint32(row)
		}
	}
	t.n++
	b.n++
}

// skip counts a record that is no event.
func (b *builder) skip() {
	b.n++
	b.unreadable++
}

// number1 puts a number. The base is moved where it is below it.
func (b *builder) number1(t *table, field, row int, x int64) {
	v := &t.vectors[vecNumbers+field]
	base := int64(t.base[field])
	if x < base {
		var moved vector
		for i := range v.len() {
			if code := v.at(i); code != 0 {
				moved.put(i, code+uint64(base-x))
			}
		}
		*v, t.base[field], base = moved, uint64(x), x
	}
	v.put(row, uint64(x-base)+1)
}

// refer notes the decision that a row belongs to.
func (b *builder) refer(t *table, row int, id []byte) {
	k, ok := parseKey(keyID, id)
	at, found := b.places[k]
	if !ok {
		at, found = b.odd[string(id)]
	}
	if found {
		t.vectors[vecRef].put(row, uint64(at)+1)
		return
	}
	f := far{row: uint32(row), key: k, index: -1}
	if !ok {
		f.key = key{}
		t.farOdd = append(t.farOdd, oddKey{uint32(len(t.far)), string(id)})
	}
	if b.resolve != nil {
		f.index = b.resolve(string(id))
	}
	t.vectors[vecRef].put(row, farBit|uint64(len(t.far)))
	t.far = append(t.far, f)
}

// view gives the run as it is now.
func (b *builder) view() *run {
	r := b.run
	for i := range r.tables {
		for j := range r.tables[i].text {
			r.tables[i].text[j] = b.text[i][j].textColumn
		}
	}
	return &r
}

// pack gives a run in its final form: dictionaries sorted, without values that no
// row has, counted; numbers and times above the least of them; the filter of ids.
// The same records give the same bytes. The run is in memory.
func pack(r *run) *run {
	out := *r
	var hashes []uint64
	for i := range out.tables {
		t := &out.tables[i]
		for j := range textCount {
			t.text[j], t.vectors[j] = packText(&r.tables[i].text[j], &r.tables[i].vectors[j], t.n)
		}
		for j := range numCount {
			v := &r.tables[i].vectors[vecNumbers+j]
			least := uint64(math.MaxUint64)
			for k := range v.len() {
				if code := v.at(k); code != 0 {
					least = min(least, code)
				}
			}
			var low vector
			for k := range v.len() {
				if code := v.at(k); code != 0 {
					low.put(k, code-least+1)
				}
			}
			t.vectors[vecNumbers+j] = low
			if low.len() > 0 {
				t.base[j] += least - 1
			} else {
				t.base[j] = 0
			}
		}
		times := &r.tables[i].vectors[vecTime]
		t.span = [2]int64{}
		for k := range t.n {
			ms := int64(t.started + times.at(k))
			if k == 0 {
				t.span = [2]int64{ms, ms}
			}
			t.span[0], t.span[1] = min(t.span[0], ms), max(t.span[1], ms)
		}
		var low vector
		for k := range t.n {
			low.put(k, t.started+times.at(k)-uint64(t.span[0]))
		}
		t.vectors[vecTime], t.started = low, uint64(t.span[0])
		var records, refs vector
		for k := range t.n {
			records.put(k, t.vectors[vecRecord].at(k))
			if ref := t.vectors[vecRef].at(k); ref != 0 {
				refs.put(k, ref)
			}
		}
		t.vectors[vecRecord], t.vectors[vecRef] = records, refs
		for j := range t.ids {
			for n := len(t.ids[j].keys); n > 0 && t.ids[j].keys[n-1] == (key{}); n-- {
				t.ids[j].keys = t.ids[j].keys[:n-1] // a run that went on filled it up
			}
			for _, k := range t.ids[j].keys {
				if k != (key{}) {
					hashes = append(hashes, k.hash())
				}
			}
			for _, o := range t.ids[j].odd {
				hashes = append(hashes, hashText(o.text))
			}
		}
		for k := range t.far {
			hashes = append(hashes, hashID(keyID, t.farID(k)))
		}
	}
	slices.Sort(hashes)
	out.bloom = newBloom(slices.Compact(hashes))
	return &out
}

// packText sorts the dictionary and the sets of a column and counts its rows.
func packText(c *textColumn, v *vector, n int) (textColumn, vector) {
	if c.sets() == 0 {
		return textColumn{}, vector{}
	}
	counts := make([]uint32, c.sets())
	for i := range v.len() {
		counts[v.at(i)]++
	}
	counts[0] += uint32(n - v.len())
	used := make([]bool, len(c.values))
	var sets []int // that some row has, without the empty one
	for i, x := range counts {
		if x == 0 || i == 0 {
			continue
		}
		sets = append(sets, i)
		for _, m := range c.set(i) {
			used[m] = true
		}
	}
	if len(sets) == 0 {
		return textColumn{}, vector{}
	}
	var order []uint32
	for i := range c.values {
		if used[i] {
			order = append(order, uint32(i))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(c.values[a], c.values[b]) })
	out := textColumn{offsets: []uint32{0, 0}, counts: []uint32{counts[0]}}
	renamed := make([]uint32, len(c.values))
	for i, x := range order {
		renamed[x] = uint32(i)
		out.values = append(out.values, c.values[x])
	}
	members := make([][]uint32, c.sets())
	for _, s := range sets {
		for _, m := range c.set(s) {
			members[s] = append(members[s], renamed[m])
		}
		slices.Sort(members[s])
	}
	slices.SortFunc(sets, func(a, b int) int { return slices.Compare(members[a], members[b]) })
	codes := make([]uint64, c.sets())
	for i, s := range sets {
		codes[s] = uint64(i + 1)
		out.members = append(out.members, members[s]...)
		out.offsets = append(out.offsets, uint32(len(out.members)))
		out.counts = append(out.counts, counts[s])
	}
	var low vector
	for i := range v.len() {
		if x := v.at(i); x != 0 {
			low.put(i, codes[x])
		}
	}
	return out, low
}
