package audit

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Errors of encoding an event. Both are faults of whoever made the event.
var (
	// ErrTooLarge: the event is longer than [MaxRecord], or the events of one
	// call are more than a segment takes.
	ErrTooLarge = errors.New("event is too large to be recorded")
	// ErrNotCanonical: the event holds a number that canonical JSON cannot carry,
	// or a map two keys that are one once what is not UTF-8 is replaced.
	ErrNotCanonical = errors.New("event has no canonical form")
)

// safeInteger is the greatest integer of which a double says exactly which one
// it is (RFC 8785, section 3.2.2.3; RFC 7493, section 2.2).
const safeInteger = 1<<53 - 1

// canon writes canonical JSON (RFC 8785) value by value into a buffer that it
// keeps. Its caller writes the names of members, with their commas, in the order
// of their UTF-16 units; for keys of maps it does so itself. The first error
// stays, and from then on strings and lists are left out.
type canon struct {
	b    []byte
	keys []string // of the maps that are being written
	err  error
}

// A buffer and a list of keys of at most these sizes are kept for the next
// document.
const (
	keepBuffer = 2 * MaxRecord
	keepKeys   = 1024
)

// reset begins a document.
func (c *canon) reset() {
	c.err = nil
	if cap(c.b) > keepBuffer {
		c.b = nil
	}
	c.b = c.b[:0]
	if cap(c.keys) > keepKeys {
		c.keys = nil
	}
}

// end gives the document, or why there is none.
func (c *canon) end() ([]byte, error) {
	if c.err == nil && len(c.b) > MaxRecord {
		c.err = ErrTooLarge
	}
	if c.err != nil {
		return nil, c.err
	}
	return c.b, nil
}

// lit writes what is JSON already.
func (c *canon) lit(s string) { c.b = append(c.b, s...) }

// open begins an object that may come out empty, or of which the first member may
// be left out: every member begins with a comma, and close makes a brace of the
// first. It gives what close needs.
func (c *canon) open() int { return len(c.b) }

// close ends the object that was begun at a place.
func (c *canon) close(at int) {
	if at == len(c.b) {
		c.b = append(c.b, "{}"...)
		return
	}
	c.b[at] = '{'
	c.b = append(c.b, '}')
}

// integer writes an integer (section 3.2.2.3).
func (c *canon) integer(n int64) {
	if n > safeInteger || n < -safeInteger {
		c.fail(ErrNotCanonical)
	}
	c.b = strconv.AppendInt(c.b, n, 10)
}

func (c *canon) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// boolean writes true or false.
func (c *canon) boolean(v bool) { c.b = strconv.AppendBool(c.b, v) }

// Classes of bytes in a string: those that stand as they are, those that are
// escaped, and those of which UTF-8 has to be looked at.
const (
	byteSame = iota
	byteEscaped
	byteWide
)

// byteClass has the class of every byte (section 3.2.2.2).
var byteClass = func() (t [256]uint8) {
	for i := range t {
		switch {
		case i < 0x20 || i == '"' || i == '\\':
			t[i] = byteEscaped
		case i >= utf8.RuneSelf:
			t[i] = byteWide
		}
	}
	return t
}()

// text writes a string (section 3.2.2.2). Every byte that is not part of a
// character in UTF-8 becomes U+FFFD, as encoding/json has it.
func (c *canon) text(s string) {
	// No string is shorter in JSON, so that a string beyond the bound need not
	// be copied to know.
	if c.err != nil || len(c.b)+len(s) > MaxRecord {
		c.fail(ErrTooLarge)
		return
	}
	b := append(c.b, '"')
	for i := 0; i < len(s); i++ {
		if byteClass[s[i]] != byteSame {
			c.b = append(appendText(b, s, i), '"')
			return
		}
	}
	c.b = append(append(b, s...), '"')
}

// appendText appends the inside of a string of which the first i bytes stand as
// they are.
func appendText(b []byte, s string, i int) []byte {
	const hex = "0123456789abcdef"
	from := 0 // what is before it is in b
	for i < len(s) {
		ch := s[i]
		switch byteClass[ch] {
		case byteSame:
			i++
			continue
		case byteWide:
			if r, n := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(append(b, s[from:i]...), string(utf8.RuneError)...)
		default:
			b = append(append(b, s[from:i]...), '\\')
			switch ch {
			case '"', '\\':
				b = append(b, ch)
			case '\b':
				b = append(b, 'b')
			case '\t':
				b = append(b, 't')
			case '\n':
				b = append(b, 'n')
			case '\f':
				b = append(b, 'f')
			case '\r':
				b = append(b, 'r')
			default:
				b = append(b, 'u', '0', '0', hex[ch>>4], hex[ch&15])
			}
		}
		i++
		from = i
	}
	return append(b, s[from:]...)
}

// appendString appends a string in canonical form.
func appendString(dst []byte, s string) []byte {
	return append(appendText(append(dst, '"'), s, 0), '"')
}

// texts writes a list of strings, null where there is none.
func (c *canon) texts(list []string) {
	if list == nil {
		c.lit("null")
		return
	}
	c.b = append(c.b, '[')
	for i, s := range list {
		if c.err != nil {
			return
		}
		if i > 0 {
			c.b = append(c.b, ',')
		}
		c.text(s)
	}
	c.b = append(c.b, ']')
}

// array writes a list, null where there is none.
func array[T any](c *canon, list []T, element func(*canon, *T)) {
	if list == nil {
		c.lit("null")
		return
	}
	c.b = append(c.b, '[')
	for i := range list {
		if c.err != nil {
			return
		}
		if len(c.b) > MaxRecord {
			c.fail(ErrTooLarge)
			return
		}
		if i > 0 {
			c.b = append(c.b, ',')
		}
		element(c, &list[i])
	}
	c.b = append(c.b, ']')
}

// object writes a map with its keys in order, null where there is none. Values
// are passed by value: what is passed by pointer to a function that the compiler
// does not know is allocated.
func object[V any](c *canon, m map[string]V, value func(*canon, V)) {
	if m == nil {
		c.lit("null")
		return
	}
	start := len(c.keys)
	for k := range m {
		c.keys = append(c.keys, k)
	}
	end := len(c.keys)
	slices.SortFunc(c.keys[start:end], compareKeys)
	c.b = append(c.b, '{')
	for i := start; i < end && c.err == nil; i++ {
		k := c.keys[i] // nested maps may have moved the list
		if i > start {
			if compareKeys(c.keys[i-1], k) == 0 {
				c.fail(ErrNotCanonical)
				break
			}
			c.b = append(c.b, ',')
		}
		c.text(k)
		c.b = append(c.b, ':')
		value(c, m[k])
	}
	c.b = append(c.b, '}')
	clear(c.keys[start:end])
	c.keys = c.keys[:start]
}

// compareKeys compares two keys by their UTF-16 units (section 3.2.3) as they
// are written.
func compareKeys(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x >= utf8.RuneSelf || y >= utf8.RuneSelf {
			return compareWide(a[i:], b[i:])
		}
		if x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func compareWide(a, b string) int {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if x != y {
			// A character beyond the basic plane begins with a surrogate, which
			// lies below U+E000.
			const first, plane = 0xE000, 0x10000
			switch {
			case x >= plane && y >= first && y < plane:
				return -1
			case y >= plane && x >= first && x < plane:
				return 1
			}
			return int(x - y)
		}
		a, b = a[n:], b[m:]
	}
	return strings.Compare(a, b) // one of them is empty
}
