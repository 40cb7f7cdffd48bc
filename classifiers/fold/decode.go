package fold

import (
	"strings"
	"unicode/utf8"
)

// Bounds of encoded runs.
const (
	minRun    = 16 // characters of base64 or hex
	runBack   = 16 // bytes before a place inside a run in which it begins
	lineRun   = 40 // characters of a line of base64 that the next line goes on
	printable = 90 // percent of what is decoded that must be text
	sample    = 8  // bytes that are decoded first
)

// runByte tells the characters of base64, both alphabets, and of hex.
var runByte = func() (t [256]bool) {
	for c := 0; c < 0x80; c++ {
		b := byte(c)
		t[c] = alnum(b) || b == '+' || b == '/' || b == '_' || b == '-'
	}
	return t
}()

// longRun reads the run of base64 or hex around the eight bytes at i, where
// there is one that decodes to text.
func (c *collector) longRun(i int) {
	t := c.text
	for j := i; j < i+8 && j < len(t); j++ {
		if !runByte[t[j]] {
			return
		}
	}
	start := i
	for start > c.run && i-start < runBack && runByte[t[start-1]] {
		start--
	}
	end := min(i+8, len(t))
	for end < len(t) && runByte[t[end]] {
		end++
	}
	c.run = end
	pad := 0
	for pad < 2 && end+pad < len(t) && t[end+pad] == '=' {
		pad++
	}
	if end-start+pad < minRun {
		return
	}
	if c.decode(start, end) {
		return
	}
	// Pieces of a path or of joined tokens.
	for from := start; from < end; {
		to := from
		for to < end && alnum(t[to]) {
			to++
		}
		if to-from >= minRun && to-from < end-start {
			c.decode(from, to)
		}
		from = to + 1
	}
}

// decode makes the edit of the run where it decodes to text.
func (c *collector) decode(start, end int) bool {
	t := c.text
	if c.hex(start, end) {
		return true
	}
	// A look at the first bytes says no to nearly everything.
	var buf [sample]byte
	if n := sextets(buf[:], t[start:min(end, start+12)]); n < sample || !couldBeText(buf[:n]) {
		return false
	}
	run := t[start:end]
	to := end
	var joined []byte
	for end-start >= lineRun && (end-start)%4 == 0 {
		from := lineEnd(t, to)
		e := from
		for e < len(t) && e-from < end-start && runByte[t[e]] {
			e++
		}
		if from == to || e == from || e < len(t) && runByte[t[e]] {
			break
		}
		if joined == nil {
			joined = append(make([]byte, 0, 2*len(run)), run...)
		}
		joined = append(joined, t[from:e]...)
		to = e
		if e-from < end-start {
			break // the last line
		}
	}
	if joined != nil {
		run = string(joined)
	}
	out := make([]byte, len(run)*3/4+3)
	n := sextets(out, run)
	if n == 0 || !isText(out[:n]) {
		return false
	}
	for pad := 0; pad < 2 && to < len(t) && t[to] == '='; pad++ {
		to++
	}
	c.run = max(c.run, to)
	c.put(start, to, strings.ToValidUTF8(string(out[:n]), "?"), kBase64, true)
	return true
}

// lineEnd gives where the next line begins, with what stands before it: blanks,
// the escape \n, or the end of the line at i; i where the line does not end here.
func lineEnd(t string, i int) int {
	j := i
	switch {
	case j+1 < len(t) && t[j] == '\\' && t[j+1] == 'n':
		return j + 2
	case j+3 < len(t) && t[j:j+4] == `\r\n`:
		return j + 4
	case j < len(t) && t[j] == '\r':
		j++
	}
	if j >= len(t) || t[j] != '\n' {
		return i
	}
	j++
	for n := 0; n < runBack && j < len(t) && (t[j] == ' ' || t[j] == '\t' || t[j] == '>'); n++ {
		j++
	}
	return j
}

// sextet is the value of a character of base64, of either alphabet.
var sextet = func() (t [256]uint8) {
	for c := range t {
		t[c] = 0xFF
	}
	const std = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := 0; i < len(std); i++ {
		t[std[i]] = uint8(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

// sextets decodes base64 of either alphabet without padding and gives the
// number of bytes, 0 where s is none.
func sextets(out []byte, s string) int {
	if len(s)%4 == 1 {
		s = s[:len(s)-1] // a character that belongs to nothing
	}
	n, bits, have := 0, uint32(0), 0
	for i := 0; i < len(s); i++ {
		v := sextet[s[i]]
		if v == 0xFF {
			return 0
		}
		bits, have = bits<<6|uint32(v), have+6
		if have >= 8 {
			have -= 8
			if n == len(out) {
				return n
			}
			out[n] = byte(bits >> have)
			n++
		}
	}
	return n
}

// couldBeText reports whether the first bytes of something may be text.
func couldBeText(b []byte) bool {
	bad := 0
	for _, x := range b {
		if x < ' ' && x != '\n' && x != '\t' && x != '\r' || x == 0x7F || x == 0xFF || x == 0xC0 || x == 0xC1 {
			bad++
		}
	}
	if bad > 1 {
		return false
	}
	// A byte of a longer character has its neighbours.
	for i, x := range b {
		if x >= 0xC2 && i+1 < len(b) && b[i+1]&0xC0 != 0x80 || x&0xC0 == 0x80 && (i == 0 || b[i-1] < 0x80) {
			return false
		}
	}
	return true
}

// isText reports whether bytes are UTF-8 of which nearly all is printable.
func isText(b []byte) bool {
	bad := 0
	for i := 0; i < len(b); {
		x := b[i]
		if x < utf8.RuneSelf {
			if x < ' ' && x != '\n' && x != '\t' && x != '\r' || x == 0x7F {
				bad++
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			bad++
		}
		i += n
	}
	return bad*100 <= len(b)*(100-printable)
}

// hex makes the edit of a run of hex digits where it decodes to text.
func (c *collector) hex(start, end int) bool {
	t := c.text
	if t[start] == '0' && t[start+1]|0x20 == 'x' {
		start += 2
	}
	if (end-start)%2 != 0 || end-start < minRun {
		return false
	}
	for i := start; i < start+minRun; i += 2 {
		b, ok := hexByte(t, i)
		if !ok || b < ' ' && b != '\n' && b != '\t' && b != '\r' || b == 0x7F {
			return false
		}
	}
	out := make([]byte, 0, (end-start)/2)
	for i := start; i < end; i += 2 {
		b, ok := hexByte(t, i)
		if !ok {
			return false
		}
		out = append(out, b)
	}
	if !isText(out) {
		return false
	}
	c.put(start, end, strings.ToValidUTF8(string(out), "?"), kHex, true)
	return true
}
