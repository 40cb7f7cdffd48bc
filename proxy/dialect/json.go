package dialect

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the scanner.
const (
	// depthLimit bounds nesting. The deepest recorded request has 14 levels;
	// parsers of providers stop between 100 and 10,000, so that no body is
	// accepted here that is read differently there.
	depthLimit = 64
	// valueLimit bounds the values and keys of one body, JSON inside strings
	// included: memory is spent per value, not per byte, and "[1,1,1…" would
	// otherwise cost fifty times its own length. A full context of a million
	// tokens as token ids stays below it.
	valueLimit = 1 << 20
	// pairwiseLimit is how many keys of one object are compared one by one;
	// beyond it a map is made, so that a large object stays linear.
	pairwiseLimit = 16
)

// nodeKind is the kind of a node.
type nodeKind uint8

const (
	nodeObject nodeKind = iota
	nodeArray
	nodeString
	nodeKey
	nodeNumber
	nodeLiteral // true, false, null
)

// node is one value or key. The nodes of a tree stand in the order of the text,
// so that a container is followed by what it holds; a key is followed by its
// value.
type node struct {
	start, end int32 // bytes of the source, quotes and brackets included
	next       int32 // index of the node after this one and all it holds
	text       int32 // index into texts; -1 for containers and literals
	kind       nodeKind
}

// tree is a text as scanned. It is not written after scan returned, so pointers
// to its texts stay good.
type tree struct {
	src   string
	nodes []node
	texts []string // decoded strings and keys, and number literals as written

	// Where the text itself stood inside a string: that string's tree and node.
	outer     int32 // index of a tree, -1 for the body
	outerNode int32
}

func (t *tree) text(n int32) string { return t.texts[t.nodes[n].text] }

// literal gives the bytes of a node as written.
func (t *tree) literal(n int32) string { return t.src[t.nodes[n].start:t.nodes[n].end] }

// faultCode says why a text is not read.
type faultCode uint8

const (
	faultNone faultCode = iota
	faultEmpty
	faultCut
	faultSyntax
	faultTrailing
	faultDuplicate
	faultCollision
	faultUTF8
	faultSurrogate
	faultEscape
	faultControl
	faultNumber
	faultDepth
	faultValues
	faultBOM
	faultTop
)

// fault is why and where (in bytes from the start) a text is not read.
type fault struct {
	code faultCode
	at   int
}

// scanner reads one text. It holds no more than the tree it makes.
type scanner struct {
	tree
	pos    int
	budget *int // values that may still be made
	// loose lets keys occur twice. It is set for JSON inside strings only: no
	// API gives it a meaning, all its leaves are inspected, and the bytes are
	// forwarded as they are, so nothing can hide behind a second reading.
	loose   bool
	marks   []mark // keys of the open objects
	decoded strings.Builder
	fault   fault
}

// mark is a key of an open object.
type mark struct {
	hash uint64 // of the folded key
	text int32
}

// scan reads a whole text strictly. Of the values it makes it takes from budget.
func scan(src string, budget *int, loose bool) (*tree, fault) {
	s := &scanner{budget: budget, loose: loose}
	s.src = src
	s.outer, s.outerNode = -1, -1
	if strings.HasPrefix(src, "\ufeff") {
		return nil, fault{faultBOM, 0}
	}
	if !utf8.ValidString(src) {
		return nil, fault{faultUTF8, invalidAt(src)}
	}
	// Prose has a value in hundreds of bytes, structure one in twenty.
	s.nodes = make([]node, 0, 16+len(src)/256)
	s.texts = make([]string, 0, 16+len(src)/256)
	s.space()
	if s.pos == len(src) {
		return nil, fault{faultEmpty, 0}
	}
	if !s.value(0) {
		return nil, s.fault
	}
	s.space()
	if s.pos != len(src) {
		return nil, fault{faultTrailing, s.pos}
	}
	return &s.tree, fault{}
}

// invalidAt gives the place of the first byte that is not UTF-8.
func invalidAt(src string) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRuneInString(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(src)
}

func (s *scanner) fail(code faultCode, at int) bool {
	if s.fault.code == faultNone {
		s.fault = fault{code, at}
	}
	return false
}

// space skips white space (RFC 8259, section 2: these four and no other).
func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\n', '\r', '\t':
			s.pos++
		default:
			return
		}
	}
}

// node appends a node; false where the budget is spent.
func (s *scanner) node(kind nodeKind, start, end int, text int32) bool {
	if *s.budget--; *s.budget < 0 {
		return s.fail(faultValues, start)
	}
	s.nodes = append(s.nodes, node{int32(start), int32(end), int32(len(s.nodes) + 1), text, kind})
	return true
}

// value reads the value at pos.
func (s *scanner) value(depth int) bool {
	if s.pos >= len(s.src) {
		return s.fail(faultCut, s.pos)
	}
	switch c := s.src[s.pos]; {
	case c == '"':
		return s.str(nodeString)
	case c == '{':
		return s.object(depth + 1)
	case c == '[':
		return s.array(depth + 1)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.fail(faultSyntax, s.pos)
}

func (s *scanner) word(w string) bool {
	if !strings.HasPrefix(s.src[s.pos:], w) {
		return s.fail(faultSyntax, s.pos)
	}
	s.pos += len(w)
	return s.node(nodeLiteral, s.pos-len(w), s.pos, -1)
}

// open begins a container: its node, to be closed, and the depth it is at.
func (s *scanner) open(kind nodeKind, depth int) (int, bool) {
	if depth > depthLimit {
		return 0, s.fail(faultDepth, s.pos)
	}
	n := len(s.nodes)
	if !s.node(kind, s.pos, s.pos, -1) {
		return 0, false
	}
	s.pos++
	s.space()
	return n, true
}

func (s *scanner) close(n int) bool {
	s.pos++
	s.nodes[n].end, s.nodes[n].next = int32(s.pos), int32(len(s.nodes))
	return true
}

// separator moves over a comma to what follows it; more is false at the end.
func (s *scanner) separator(end byte) (more, ok bool) {
	s.space()
	if s.pos >= len(s.src) {
		return false, s.fail(faultCut, s.pos)
	}
	switch s.src[s.pos] {
	case end:
		return false, true
	case ',':
		s.pos++
		s.space()
		return true, true
	}
	return false, s.fail(faultSyntax, s.pos)
}

func (s *scanner) array(depth int) bool {
	n, ok := s.open(nodeArray, depth)
	if !ok {
		return false
	}
	if s.pos < len(s.src) && s.src[s.pos] == ']' {
		return s.close(n)
	}
	for {
		if !s.value(depth) {
			return false
		}
		more, ok := s.separator(']')
		if !ok {
			return false
		}
		if !more {
			return s.close(n)
		}
	}
}

func (s *scanner) object(depth int) bool {
	n, ok := s.open(nodeObject, depth)
	if !ok {
		return false
	}
	if s.pos < len(s.src) && s.src[s.pos] == '}' {
		return s.close(n)
	}
	base := len(s.marks)
	var seen map[string]bool // of folded keys, where there are many
	for {
		if s.pos >= len(s.src) {
			return s.fail(faultCut, s.pos)
		}
		if s.src[s.pos] != '"' {
			return s.fail(faultSyntax, s.pos)
		}
		at := s.pos
		if !s.str(nodeKey) {
			return false
		}
		if !s.loose {
			if seen == nil && len(s.marks)-base == pairwiseLimit {
				seen = make(map[string]bool, 4*pairwiseLimit)
				for _, m := range s.marks[base:] {
					seen[folded(s.texts[m.text])] = true
				}
			}
			if !s.unique(base, seen, at) {
				return false
			}
		}
		s.space()
		if s.pos >= len(s.src) {
			return s.fail(faultCut, s.pos)
		}
		if s.src[s.pos] != ':' {
			return s.fail(faultSyntax, s.pos)
		}
		s.pos++
		s.space()
		if !s.value(depth) {
			return false
		}
		more, ok := s.separator('}')
		if !ok {
			return false
		}
		if !more {
			s.marks = s.marks[:base]
			return s.close(n)
		}
	}
}

// unique checks the key just read against those of its object before it. Go's
// encoding/json takes "meſſages" for "messages" and the last one wins, others
// take the first or tell them apart: a body on which they differ is refused.
func (s *scanner) unique(base int, seen map[string]bool, at int) bool {
	i := int32(len(s.texts) - 1)
	key := s.texts[i]
	if seen != nil {
		f := folded(key)
		if !seen[f] {
			seen[f] = true
			return true
		}
		return s.fail(s.sameness(base, key), at)
	}
	m := mark{foldHash(key), i}
	for _, other := range s.marks[base:] {
		if other.hash == m.hash && strings.EqualFold(s.texts[other.text], key) {
			return s.fail(s.sameness(base, key), at)
		}
	}
	s.marks = append(s.marks, m)
	return true
}

// sameness tells a key that occurs twice from one that only folding makes equal.
// Beyond pairwiseLimit the earlier keys are not kept, and it is called twice.
func (s *scanner) sameness(base int, key string) faultCode {
	for _, other := range s.marks[base:] {
		if t := s.texts[other.text]; t != key && strings.EqualFold(t, key) {
			return faultCollision
		}
	}
	return faultDuplicate
}

// foldRune gives the same rune for all that Unicode's simple folding makes
// equal, and a lower-case letter for those of ASCII.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// folded gives the key as foldRune makes it, without allocating where it is so
// already.
func folded(key string) string { return strings.Map(foldRune, key) }

// foldHash is FNV-1a over the folded key. It is compared among the few keys of
// one object only, so it need not be keyed.
func foldHash(key string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := 0; i < len(key); i++ {
		c := key[i]
		if c >= utf8.RuneSelf {
			for _, r := range key[i:] {
				h = (h ^ uint64(foldRune(r))) * prime
			}
			return h
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint64(c)) * prime
	}
	return h
}

// load gives eight bytes of src, the first lowest.
func load(src string, i int) uint64 {
	_ = src[i+7]
	return uint64(src[i]) | uint64(src[i+1])<<8 | uint64(src[i+2])<<16 | uint64(src[i+3])<<24 |
		uint64(src[i+4])<<32 | uint64(src[i+5])<<40 | uint64(src[i+6])<<48 | uint64(src[i+7])<<56
}

// plain gives the index of the first quote, backslash or control character at
// or after i: strings are most of a prompt, so it looks at eight bytes at once.
// In each byte the test sets the high bit; the lowest set one is exact, because
// only a byte that matches borrows from the next.
func plain(src string, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(src) {
		x := load(src, i)
		q, b := x^(ones*'"'), x^(ones*'\\')
		m := ((q-ones)&^q | (b-ones)&^b | (x-ones*0x20)&^x) & high
		if m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
		i += 8
	}
	for i < len(src) && src[i] >= 0x20 && src[i] != '"' && src[i] != '\\' {
		i++
	}
	return i
}

// str reads a string or a key (RFC 8259, section 7).
func (s *scanner) str(kind nodeKind) bool {
	start := s.pos
	i := plain(s.src, start+1)
	if i < len(s.src) && s.src[i] == '"' {
		s.pos = i + 1
		s.texts = append(s.texts, s.src[start+1:i])
		return s.node(kind, start, s.pos, int32(len(s.texts)-1))
	}
	// All decoded strings share one buffer: decoding never lengthens, so what
	// is left of the source is enough for all that is still to come.
	if s.decoded.Cap() == 0 {
		s.decoded.Grow(len(s.src) - start)
	}
	from, begin := start+1, s.decoded.Len()
	for {
		if i >= len(s.src) {
			return s.fail(faultCut, i)
		}
		s.decoded.WriteString(s.src[from:i])
		if s.src[i] == '"' {
			break
		}
		if s.src[i] != '\\' {
			return s.fail(faultControl, i)
		}
		r, n, code := escape(s.src[i:])
		if code != faultNone {
			return s.fail(code, i)
		}
		s.decoded.WriteRune(r)
		from = i + n
		i = plain(s.src, from)
	}
	s.pos = i + 1
	s.texts = append(s.texts, s.decoded.String()[begin:])
	return s.node(kind, start, s.pos, int32(len(s.texts)-1))
}

// escape decodes the escape sequence that src begins with and gives its length.
// An unpaired surrogate is a fault: one parser keeps it, one replaces it, one
// refuses it.
func escape(src string) (r rune, n int, code faultCode) {
	if len(src) < 2 {
		return 0, 0, faultCut
	}
	switch src[1] {
	case '"', '\\', '/':
		return rune(src[1]), 2, faultNone
	case 'b':
		return '\b', 2, faultNone
	case 'f':
		return '\f', 2, faultNone
	case 'n':
		return '\n', 2, faultNone
	case 'r':
		return '\r', 2, faultNone
	case 't':
		return '\t', 2, faultNone
	case 'u':
		r, ok := hex4(src[2:])
		if !ok {
			return 0, 0, faultEscape
		}
		if r < 0xD800 || r > 0xDFFF {
			return r, 6, faultNone
		}
		if r > 0xDBFF || len(src) < 12 || src[6] != '\\' || src[7] != 'u' {
			return 0, 0, faultSurrogate
		}
		low, ok := hex4(src[8:])
		if !ok || low < 0xDC00 || low > 0xDFFF {
			return 0, 0, faultSurrogate
		}
		return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000, 12, faultNone
	}
	return 0, 0, faultEscape
}

func hex4(src string) (rune, bool) {
	if len(src) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		h, ok := unhex(src[i])
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(h)
	}
	return r, true
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// number reads a number (RFC 8259, section 6) and keeps it as it is written.
func (s *scanner) number() bool {
	start := s.pos
	if s.src[s.pos] == '-' {
		s.pos++
	}
	whole := s.pos
	if !s.digits() || s.src[whole] == '0' && s.pos > whole+1 {
		return s.fail(faultNumber, start)
	}
	if s.pos < len(s.src) && s.src[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return s.fail(faultNumber, start)
		}
	}
	if s.pos < len(s.src) && s.src[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.src) && (s.src[s.pos] == '+' || s.src[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return s.fail(faultNumber, start)
		}
	}
	s.texts = append(s.texts, s.src[start:s.pos])
	return s.node(nodeNumber, start, s.pos, int32(len(s.texts)-1))
}

// digits moves over one digit or more.
func (s *scanner) digits() bool {
	from := s.pos
	for s.pos < len(s.src) && s.src[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos > from
}
