package index

import (
	"slices"
	"sort"
)

// number is what the elements of a vector are made of.
type number interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

// vector is a column of unsigned integers in as few bytes each as the greatest
// needs. Rows behind its end are 0. Its elements are only ever appended to or
// copied, so that a copy of the struct goes on showing what it showed.
type vector struct {
	w8  []uint8
	w16 []uint16
	w32 []uint32
	w64 []uint64
}

// at gives the value of a row.
func (v *vector) at(row int) uint64 {
	switch {
	case row < len(v.w8):
		return uint64(v.w8[row])
	case row < len(v.w16):
		return uint64(v.w16[row])
	case row < len(v.w32):
		return uint64(v.w32[row])
	case row < len(v.w64):
		return v.w64[row]
	}
	return 0
}

func (v *vector) len() int { return max(len(v.w8), len(v.w16), len(v.w32), len(v.w64)) }

// size gives the bytes that it takes.
func (v *vector) size() int64 {
	return int64(len(v.w8)) + 2*int64(len(v.w16)) + 4*int64(len(v.w32)) + 8*int64(len(v.w64))
}

// put sets the value of a row at or behind the end.
func (v *vector) put(row int, x uint64) {
	switch {
	case v.w64 != nil || x > 1<<32-1:
		if v.w64 == nil {
			v.w64 = widen[uint64](v)
			v.w8, v.w16, v.w32 = nil, nil, nil
		}
		v.w64 = append(pad(v.w64, row), x)
	case v.w32 != nil || x > 1<<16-1:
		if v.w32 == nil {
			v.w32 = widen[uint32](v)
			v.w8, v.w16 = nil, nil
		}
		v.w32 = append(pad(v.w32, row), uint32(x))
	case v.w16 != nil || x > 1<<8-1:
		if v.w16 == nil {
			v.w16 = widen[uint16](v)
			v.w8 = nil
		}
		v.w16 = append(pad(v.w16, row), uint16(x))
	default:
		v.w8 = append(pad(v.w8, row), uint8(x))
	}
}

func pad[T number](s []T, n int) []T {
	for len(s) < n {
		s = append(s, 0)
	}
	return s
}

// widen copies a vector's elements into wider ones.
func widen[T number](v *vector) []T {
	n := v.len()
	out := make([]T, n, 2*n+64)
	for i := range out {
		out[i] = T(v.at(i))
	}
	return out
}

// cut gives the vector's first rows.
func (v vector) cut(n int) vector {
	return vector{v.w8[:min(n, len(v.w8))], v.w16[:min(n, len(v.w16))], v.w32[:min(n, len(v.w32))], v.w64[:min(n, len(v.w64))]}
}

// search gives the first row whose value is at least x, of n rows in order.
func (v *vector) search(n int, x uint64) int {
	return sort.Search(n, func(i int) bool { return v.at(i) >= x })
}

// near is search for a value that is thought to be near a row.
func (v *vector) near(n, row int, x uint64) int {
	lo, hi := min(row, n), min(row, n)
	for step := 1; hi < n && v.at(hi) < x; step *= 2 {
		lo, hi = hi, min(hi+step, n)
	}
	for step := 1; lo > 0 && v.at(lo-1) >= x; step *= 2 {
		lo, hi = max(lo-step, 0), lo
	}
	return lo + sort.Search(hi-lo, func(i int) bool { return v.at(lo+i) >= x })
}

// textColumn is what a table keeps of a text field beside the codes of its rows:
// a row's code is that of a set of values, so that fields with one value and with
// several are the same. Code 0 is the empty set.
type textColumn struct {
	values  []string // by code of a value
	offsets []uint32 // set i has the members from offsets[i] to offsets[i+1]
	members []uint32 // codes of values
	counts  []uint32 // rows by code of a set; nil where they are not counted
}

// sets gives the number of sets.
func (c *textColumn) sets() int { return max(len(c.offsets)-1, 0) }

// set gives the values of a set by their codes.
func (c *textColumn) set(i int) []uint32 { return c.members[c.offsets[i]:c.offsets[i+1]] }

// textBuilder makes a textColumn.
type textBuilder struct {
	textColumn
	codes  map[string]uint32 // of values
	single []uint32          // code of the set of one value, 0 for none yet
	multi  map[string]uint32 // code of a set of several, by its members
	last   uint32            // code of the last value
	key    []byte
	some   []uint32
}

// code gives the code of a set of values, in whatever order and number they are.
func (c *textBuilder) code(values [][]byte) uint32 {
	if len(values) == 1 {
		return c.alone(c.value(values[0]))
	}
	c.some = c.some[:0]
	for _, v := range values {
		c.some = append(c.some, c.value(v))
	}
	slices.Sort(c.some)
	c.some = slices.Compact(c.some)
	if len(c.some) == 1 {
		return c.alone(c.some[0])
	}
	c.key = c.key[:0]
	for _, x := range c.some {
		c.key = append(c.key, byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
	}
	if code, ok := c.multi[string(c.key)]; ok {
		return code
	}
	code := c.add(c.some...)
	if c.multi == nil {
		c.multi = map[string]uint32{}
	}
	c.multi[string(c.key)] = code
	return code
}

func (c *textBuilder) value(v []byte) uint32 {
	if int(c.last) < len(c.values) && c.values[c.last] == string(v) {
		return c.last
	}
	code, ok := c.codes[string(v)]
	if !ok {
		if c.codes == nil {
			c.codes = map[string]uint32{}
		}
		code = uint32(len(c.values))
		s := string(v)
		c.values = append(c.values, s)
		c.codes[s] = code
		c.single = append(c.single, 0)
	}
	c.last = code
	return code
}

func (c *textBuilder) alone(value uint32) uint32 {
	if c.single[value] == 0 {
		c.single[value] = c.add(value)
	}
	return c.single[value]
}

// add makes a new set.
func (c *textBuilder) add(members ...uint32) uint32 {
	if c.offsets == nil {
		c.offsets = append(c.offsets, 0, 0) // the empty set
	}
	c.members = append(c.members, members...)
	c.offsets = append(c.offsets, uint32(len(c.members)))
	return uint32(len(c.offsets) - 2)
}

// oddKey is an id that has no key, and the row that has it.
type oddKey struct {
	row  uint32
	text string
}

// keyColumn holds the ids of a table's rows. Rows behind its end have none.
type keyColumn struct {
	keys []key
	odd  []oddKey // sorted by row
}

// put sets the id of a row at or behind the end.
func (c *keyColumn) put(field, row int, s []byte) {
	if len(s) == 0 {
		return
	}
	k, ok := parseKey(field, s)
	if !ok {
		c.odd = append(c.odd, oddKey{uint32(row), string(s)})
		return
	}
	for len(c.keys) < row {
		c.keys = append(c.keys, key{})
	}
	c.keys = append(c.keys, k)
}

// text gives the id of a row.
func (c *keyColumn) text(field, row int) string {
	if row < len(c.keys) && c.keys[row] != (key{}) {
		return c.keys[row].text(field)
	}
	i, ok := slices.BinarySearchFunc(c.odd, uint32(row), func(o oddKey, row uint32) int { return int(int64(o.row) - int64(row)) })
	if ok {
		return c.odd[i].text
	}
	return ""
}

// cut gives the first rows.
func (c keyColumn) cut(n int) keyColumn {
	odd := c.odd[:sort.Search(len(c.odd), func(i int) bool { return int(c.odd[i].row) >= n })]
	return keyColumn{c.keys[:min(n, len(c.keys))], odd}
}
