package fold

import (
	"strings"
	"unicode/utf8"
)

// Bounds of escapes.
const (
	maxEntity    = 10 // bytes of an entity, with & and ;
	maxBackslash = 4  // backslashes before a u or x: JSON in JSON
	softLine     = 60 // length of a line that may end in a soft break
	quotedSpan   = 1 << 10
)

// escapes is the reader of percent escapes, entities, backslash escapes and
// quoted-printable.
type escapes struct{ *collector }

// read reads them all, and @ between blanks.
func (c escapes) read() {
	t := c.text
	for i := strings.IndexByte(t, '%'); i >= 0 && i+2 < len(t); i = next(t, i, '%') {
		i = c.percent(i)
	}
	for i := strings.IndexByte(t, '&'); i >= 0 && i+2 < len(t); i = next(t, i, '&') {
		i = c.entity(i)
	}
	for i := strings.IndexByte(t, '\\'); i >= 0 && i+1 < len(t); i = next(t, i, '\\') {
		i = c.backslash(i)
	}
	for i := strings.IndexByte(t, '='); i >= 0 && i+1 < len(t); i = next(t, i, '=') {
		i = c.equals(i)
	}
	for i := strings.IndexByte(t, '@'); i >= 0; i = next(t, i+1, '@') {
		if i > 0 && t[i-1] == ' ' && i+1 < len(t) && t[i+1] == ' ' {
			c.formAt(i)
		}
	}
}

// next gives the next b from i on, -1 where there is none.
func next(t string, i int, b byte) int {
	if i >= len(t) {
		return -1
	}
	n := strings.IndexByte(t[i:], b)
	if n < 0 {
		return -1
	}
	return i + n
}

// hexValue is the value of a hex digit, 0xFF of any other byte.
var hexValue = func() (t [256]uint8) {
	for c := range t {
		switch b := byte(c); {
		case digit(b):
			t[c] = b - '0'
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			t[c] = b | 0x20 - 'a' + 10
		default:
			t[c] = 0xFF
		}
	}
	return t
}()

// hexByte reads two hex digits at i.
func hexByte(t string, i int) (byte, bool) {
	if i+2 > len(t) {
		return 0, false
	}
	a, b := hexValue[t[i]], hexValue[t[i+1]]
	return a<<4 | b, a|b < 0x10
}

// at gives the byte at i, 0 outside.
func (c escapes) byteAt(i int) byte {
	if i < 0 || i >= len(c.text) {
		return 0
	}
	return c.text[i]
}

// percent reads the escape at i, or the escapes of one character, and gives
// where to go on.
func (c escapes) percent(i int) int {
	b, ok := hexByte(c.text, i+1)
	if !ok {
		return i + 1
	}
	if b >= utf8.RuneSelf {
		return c.bytes(i, '%', kPercent)
	}
	if b < ' ' || b == 0x7F {
		return i + 3
	}
	c.put(i, i+3, string([]byte{b}), kPercent, c.matters(b, i, i+3))
	return i + 3
}

// matters reports whether a decoded byte in place of [from, to) changes what a
// detector can see: a letter or digit, a sign inside an address or number, or
// anything that touches a digit, which the escape hid the edge of.
func (c escapes) matters(b byte, from, to int) bool {
	return alnum(b) || b == '@' || b == '+' || b == '-' || b == '_' || b == '.' && alnum(c.byteAt(to)) ||
		digit(c.byteAt(to)) || digit(c.byteAt(from-1)) || b == '%' && hexValue[c.byteAt(to)] < 16 && hexValue[c.byteAt(to+1)] < 16
}

// bytes reads a row of escapes sign XX that are one character of UTF-8.
func (c escapes) bytes(i int, sign byte, k kind) int {
	t := c.text
	var buf [utf8.UTFMax]byte
	n, at := 0, i
	for n < len(buf) && at+2 < len(t) && t[at] == sign {
		b, ok := hexByte(t, at+1)
		if !ok || n > 0 && b&0xC0 != 0x80 {
			break
		}
		buf[n] = b
		n++
		at += 3
		if r, size := utf8.DecodeRune(buf[:n]); r != utf8.RuneError && size == n {
			c.put(i, at, string(r), k, true)
			return at
		}
	}
	return i + 3
}

// entities are the named ones that matter: those of mark-up itself, and those
// of signs that addresses and numbers are made of.
var entities = [...]struct {
	name string
	to   string
}{
	{"amp;", "&"}, {"lt;", "<"}, {"gt;", ">"}, {"quot;", `"`}, {"apos;", "'"}, {"nbsp;", " "}, {"ensp;", " "}, {"emsp;", " "}, {"thinsp;", " "},
	{"commat;", "@"}, {"period;", "."}, {"lowbar;", "_"}, {"hyphen;", "-"}, {"dash;", "-"}, {"ndash;", "-"}, {"mdash;", "-"}, {"minus;", "-"},
	{"plus;", "+"}, {"sol;", "/"}, {"colon;", ":"}, {"lpar;", "("}, {"rpar;", ")"}, {"num;", "#"}, {"percnt;", "%"}, {"equals;", "="},
	{"shy;", ""}, {"zwnj;", ""}, {"zwj;", ""}, {"lrm;", ""}, {"rlm;", ""}, {"ZeroWidthSpace;", ""}, {"NoBreak;", ""},
	{"auml;", "ä"}, {"ouml;", "ö"}, {"uuml;", "ü"}, {"Auml;", "Ä"}, {"Ouml;", "Ö"}, {"Uuml;", "Ü"}, {"szlig;", "ß"}, {"eacute;", "é"}, {"egrave;", "è"},
	{"agrave;", "à"}, {"aacute;", "á"}, {"oacute;", "ó"}, {"iacute;", "í"}, {"uacute;", "ú"}, {"ntilde;", "ñ"}, {"ccedil;", "ç"}, {"atilde;", "ã"}, {"otilde;", "õ"},
	{"aring;", "å"}, {"oslash;", "ø"}, {"aelig;", "æ"}, {"ecirc;", "ê"}, {"acirc;", "â"}, {"ocirc;", "ô"}, {"icirc;", "î"},
}

// entity reads the entity at i.
func (c escapes) entity(i int) int {
	t := c.text
	if t[i+1] != '#' {
		if !letter(t[i+1]) {
			return i + 1
		}
		rest := t[i+1:]
		for _, e := range entities {
			if rest[0] == e.name[0] && strings.HasPrefix(rest, e.name) {
				to := i + 1 + len(e.name)
				strong := e.to == "" || e.to[0] >= utf8.RuneSelf || c.matters(e.to[0], i, to)
				c.put(i, to, e.to, kEntity, strong)
				return to
			}
		}
		return i + 1
	}
	j, base := i+2, rune(10)
	if b := c.byteAt(j); b == 'x' || b == 'X' {
		j, base = j+1, 16
	}
	r, digits := rune(0), 0
	for j < len(t) && j-i < maxEntity {
		v := hexValue[t[j]]
		if v >= uint8(base) {
			break
		}
		r = r*base + rune(v)
		if r > utf8.MaxRune {
			return i + 1
		}
		digits++
		j++
	}
	if digits == 0 || r < ' ' || r == 0x7F || !utf8.ValidRune(r) {
		return i + 1
	}
	if j < len(t) && t[j] == ';' {
		j++
	}
	c.put(i, j, string(r), kEntity, true)
	return j
}

// backslash reads \uXXXX, \u{X}, \xXX and \/ at i. The escapes \n, \t and \" are
// left: the scanner knows them.
func (c escapes) backslash(i int) int {
	t := c.text
	j := i
	for j < len(t) && t[j] == '\\' && j-i < maxBackslash {
		j++
	}
	if j >= len(t) {
		return j
	}
	switch t[j] {
	case 'u', 'U':
		r, end := c.unicode(j)
		if end == 0 {
			return j
		}
		// Half of a pair.
		if 0xD800 <= r && r < 0xDC00 {
			k := end
			for k < len(t) && t[k] == '\\' && k-end < maxBackslash {
				k++
			}
			if k == end || k >= len(t) || t[k] != 'u' {
				return end
			}
			low, e := c.unicode(k)
			if e == 0 || low < 0xDC00 || low > 0xDFFF {
				return end
			}
			r, end = 0x10000+(r-0xD800)<<10+(low-0xDC00), e
		}
		if r < ' ' || r == 0x7F || !utf8.ValidRune(r) {
			return end
		}
		strong := r >= utf8.RuneSelf || c.matters(byte(r), i, end)
		c.put(i, end, string(r), kEscape, strong)
		return end
	case 'x', 'X':
		b, ok := hexByte(t, j+1)
		if !ok {
			return j
		}
		if b >= utf8.RuneSelf {
			return c.hexBytes(i, j)
		}
		if b < ' ' || b == 0x7F {
			return j + 3
		}
		c.put(i, j+3, string([]byte{b}), kEscape, true)
		return j + 3
	case '/':
		c.put(i, j+1, "/", kEscape, digit(c.byteAt(i-1)) && digit(c.byteAt(j+1)))
		return j + 1
	case '@', '.', '-', '_', '+':
		// Markdown and regular expressions escape punctuation.
		c.put(i, j, "", kEscape, alnum(c.byteAt(i-1)) && alnum(c.byteAt(j+1)))
		return j + 1
	}
	return j
}

// hexBytes reads a row of \xXX that is one character of UTF-8; the first
// backslash is at i, its x at j.
func (c escapes) hexBytes(i, j int) int {
	t := c.text
	var buf [utf8.UTFMax]byte
	n := 0
	for at := j; n < len(buf); {
		b, ok := hexByte(t, at+1)
		if !ok || n > 0 && b&0xC0 != 0x80 {
			break
		}
		buf[n] = b
		n++
		at += 3
		if r, size := utf8.DecodeRune(buf[:n]); r != utf8.RuneError && size == n {
			c.put(i, at, string(r), kEscape, true)
			return at
		}
		k := at
		for c.byteAt(k) == '\\' && k-at < maxBackslash {
			k++
		}
		if k == at || c.byteAt(k)|0x20 != 'x' {
			break
		}
		at = k
	}
	return j + 3
}

// unicode reads uXXXX or u{X} at j, where the u stands, and gives its end, 0
// where there is none.
func (c escapes) unicode(j int) (rune, int) {
	t := c.text
	if c.byteAt(j+1) == '{' {
		r := rune(0)
		for k := j + 2; k < len(t) && k < j+9; k++ {
			if t[k] == '}' && k > j+2 {
				return r, k + 1
			}
			v := hexValue[t[k]]
			if v > 15 {
				break
			}
			r = r<<4 | rune(v)
		}
		return 0, 0
	}
	a, ok := hexByte(t, j+1)
	b, ok2 := hexByte(t, j+3)
	if !ok || !ok2 {
		return 0, 0
	}
	r, end := rune(a)<<8|rune(b), j+5
	if t[j] == 'U' { // eight digits
		x, ok := hexByte(t, j+5)
		y, ok2 := hexByte(t, j+7)
		if !ok || !ok2 || r > 0x10 {
			return 0, 0
		}
		r, end = r<<16|rune(x)<<8|rune(y), j+9
	}
	return r, end
}

// equals reads quoted-printable at i: =40, or the soft end of a line.
func (c escapes) equals(i int) int {
	t := c.text
	switch b := t[i+1]; {
	case b == '\n', b == '\r' && c.byteAt(i+2) == '\n':
		end := i + 2
		if b == '\r' {
			end++
		}
		line := i - 1 - strings.LastIndexByte(t[max(0, i-2*softLine):i], '\n') - max(0, i-2*softLine)
		if alnum(c.byteAt(i-1)) && alnum(c.byteAt(end)) && (line >= softLine && c.byteAt(i-1) != '=' || c.isQuoted(i)) {
			c.put(i, end, "", kQuoted, true)
		}
		return end
	case !digit(b) && (b < 'A' || b > 'F'):
		return i + 1
	}
	b, ok := hexByte(t, i+1)
	if !ok || t[i+2] >= 'a' {
		return i + 1
	}
	if b >= 0xC2 {
		return c.bytes(i, '=', kQuoted)
	}
	switch b {
	case '@':
		// Numbers behind an equals sign, such as id=4012345, are not the @ of an
		// address.
		if alnum(c.byteAt(i-1)) && c.domain(i+3) {
			c.put(i, i+3, "@", kQuoted, true)
		}
	case '.', '-', '_', '+', '=', ' ', ':', '/':
		if c.isQuoted(i) {
			c.put(i, i+3, string([]byte{b}), kQuoted, c.matters(b, i, i+3))
		}
	}
	return i + 3
}

// domain reports whether a label, a full stop and a letter stand at i, as in the
// name of a host.
func (c escapes) domain(i int) bool {
	j := i
	for j-i <= maxLabel && (alnum(c.byteAt(j)) || c.byteAt(j) == '-') {
		j++
	}
	return j > i && c.byteAt(j) == '.' && alnum(c.byteAt(j+1)) && !digit(c.byteAt(j+1))
}

// maxLabel is the length of a label of a domain (RFC 1035, 2.3.4).
const maxLabel = 63

// isQuoted reports whether the text near i is quoted-printable: it has escapes
// that other texts do not have.
func (c escapes) isQuoted(i int) bool {
	if c.quoted == 0 {
		c.quoted = -1
		part := c.text[max(0, i-quotedSpan):min(len(c.text), i+quotedSpan)]
		for _, s := range []string{"quoted-printable", "=3D", "=C3=", "=E2=80=", "=20\n", "=20\r", "=2E"} {
			if strings.Contains(part, s) {
				c.quoted = 1
				break
			}
		}
	}
	return c.quoted > 0
}
