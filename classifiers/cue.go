package classifiers

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of the context that is looked at, in bytes, and of the words kept.
const (
	contextBefore = 80
	contextAfter  = 32
	nearWords     = 32 // words and word pairs of one context
	keyWords      = 16 // words and word pairs of a field name
	// lineCost is added to the distance for each line break and sentence end
	// between a word and the candidate: a label stands on the line of its value,
	// mostly.
	lineCost = 24
	// afterCost is added for words behind the candidate: labels stand before.
	afterCost = 12
)

// abbreviation is the length up to which a word before a full stop is taken for
// an abbreviation (Tel. 030 …) and not for the end of a sentence.
const abbreviation = 3

// hexish reports whether the word [i, j) is a short piece of a longer run of
// letters and digits, such as the cf in a1cf23.
func hexish(t string, i, j int) bool {
	n := j - i
	return n <= shortHex && (i > 0 && t[i-1]-'0' <= 9 || n <= 2 && j < len(t) && t[j]-'0' <= 9)
}

// shortHex is the length up to which a word may be such a piece.
const shortHex = 3

// Far is the distance of a word that is not there.
const Far = 1 << 20

// Cue is a set of words that say what a candidate beside them is: "card", "tel",
// "social security". It is immutable.
type Cue struct {
	slots []uint64 // open addressing, 0 is free; a power of two
	words []string // of the slots, for evidence
	parts []string // words of scripts that are written without spaces
	mark  uint32   // where a vocabulary keeps it
}

// NewCue makes a cue of words and of pairs of words ("social security"). They
// are compared as whole words, case ignored; identifiers count as their words
// (creditCardNo, credit_card_no). Words with characters from U+2E80 on (Chinese,
// Japanese, Korean …) are found inside longer runs.
func NewCue(words ...string) *Cue {
	size := 8
	for size < 3*len(words) {
		size *= 2
	}
	c := &Cue{slots: make([]uint64, size), words: make([]string, size)}
	for _, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); r >= 0x2E80 || isThai(r) {
			c.parts = append(c.parts, w)
			continue
		}
		var h uint64
		for i, part := range strings.Fields(w) {
			if i == 0 {
				h = hashWord(part)
				continue
			}
			h = hashPair(h, hashWord(part))
		}
		c.mark = c.mark*31 + uint32(h)
		i := int(h) & (size - 1)
		for c.slots[i] != 0 && c.slots[i] != h {
			i = (i + 1) & (size - 1)
		}
		c.slots[i], c.words[i] = h, w
	}
	return c
}

func isThai(r rune) bool { return r >= 0x0E00 && r <= 0x0E7F }

// has gives the word of that hash, or nothing.
func (c *Cue) has(h uint64) (string, bool) {
	mask := len(c.slots) - 1
	for i := int(h) & mask; c.slots[i] != 0; i = (i + 1) & mask {
		if c.slots[i] == h {
			return c.words[i], true
		}
	}
	return "", false
}

// nearWord is a word, or a pair of words, of a context.
type nearWord struct {
	hash uint64
	dist int
	away bool // on another line or in another sentence
}

// The hash of words: eight folded bytes at a time, each finished by a
// multiplication. It is computed on the stack, compared and forgotten; it is
// written nowhere.
const (
	hashSeed = 14695981039346656037
	hashMul  = 0x9E3779B97F4A7C15
	chunk    = 8
	cases    = 0x2020202020202020 // the bit that tells small letters of ASCII from capitals
)

func blend(h, x uint64) uint64 {
	h = (h ^ x) * hashMul
	return h ^ h>>32
}

// hashWord hashes a word of any characters, case ignored.
func hashWord(w string) uint64 {
	h, x, n := uint64(hashSeed), uint64(0), 0
	var b [utf8.UTFMax]byte
	for i := 0; i < len(w); {
		b[0] = w[i]
		k, size := 1, 1
		if w[i] >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(w[i:])
			k = utf8.EncodeRune(b[:], unicode.ToLower(r))
		} else if 'A' <= w[i] && w[i] <= 'Z' {
			b[0] += 'a' - 'A'
		}
		for _, c := range b[:k] {
			x |= uint64(c) << (8 * n)
			if n++; n == chunk {
				h, x, n = blend(h, x), 0, 0
			}
		}
		i += size
	}
	if n > 0 {
		h = blend(h, x)
	}
	return max(h, 1)
}

// hashASCII is hashWord of the letters of ASCII t[i:j]. It also reports whether
// there is a capital behind the first, and a small letter.
func hashASCII(t string, i, j int) (uint64, bool) {
	h := uint64(hashSeed)
	var capitals, small uint64
	skip := uint64(0xFF) // the first letter
	for {
		x := load8(t, i)
		n := j - i
		if n > chunk {
			h = blend(h, x|cases)
			capitals |= ^x & cases &^ skip
			small |= x & cases
			i, skip = i+chunk, 0
			continue
		}
		mask := ^uint64(0) >> uint(64-8*n)
		h = blend(h, (x|cases)&mask)
		capitals |= ^x & cases & mask &^ skip
		small |= x & cases & mask
		return max(h, 1), capitals != 0 && small != 0
	}
}

func hashPair(a, b uint64) uint64 {
	h := (a*31 + b) * hashMul
	h ^= h >> 29
	if h == 0 {
		h = 1
	}
	return h
}

// letterByte tells letters, and every byte of a character that is not ASCII, from
// the rest.
var letterByte = func() (t [256]bool) {
	for b := range t {
		t[b] = 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b >= utf8.RuneSelf
	}
	return t
}()

// nearList is a list of words and pairs of words. It keeps those that a cue of
// the vocabulary may have: of the words of a text few are, and every cue that is
// asked for goes through the list.
type nearList struct {
	known *vocabulary
	words [nearWords]nearWord
	n     int
	read  int // words and pairs that were read, kept or not
}

func (l *nearList) list() []nearWord { return l.words[:l.n] }

// add reads a word or a pair. It reports false where the list takes no more.
func (l *nearList) add(h uint64, dist int, away bool) bool {
	if l.read == nearWords {
		return false
	}
	l.read++
	if l.known.has(h) {
		l.words[l.n] = nearWord{h, dist, away}
		l.n++
	}
	return true
}

// pieces reads the words of the word t[i:j], split where an identifier's case
// changes, all at one distance. The whole word counts too, and its hash is given;
// false where the list takes no more.
func (l *nearList) pieces(t string, i, j int, at place) (uint64, bool) {
	whole, humps := uint64(0), true
	if at.ascii {
		whole, humps = hashASCII(t, i, j)
	} else {
		whole = hashWord(t[i:j])
	}
	ok := l.add(whole, at.dist, at.away)
	if ok && humps {
		l.humps(t, i, j, whole, at)
	}
	return whole, ok
}

// hashPart hashes a part of a word.
func hashPart(t string, i, j int, ascii bool) uint64 {
	if ascii {
		h, _ := hashASCII(t, i, j)
		return h
	}
	return hashWord(t[i:j])
}

// place is where a word stands.
type place struct {
	dist  int
	away  bool // on another line or in another sentence
	ascii bool // it is of ASCII
}

// humps reads the parts of the word t[i:j], and their pairs.
func (l *nearList) humps(t string, i, j int, whole uint64, at place) {
	from := i
	before, last := uint64(0), whole // what was read last but one, and last
	for k := i + 1; k < j; k++ {
		upper := 'A' <= t[k] && t[k] <= 'Z'
		if upper && 'a' <= t[k-1] && t[k-1] <= 'z' || upper && k+1 < j && 'a' <= t[k+1] && t[k+1] <= 'z' {
			if h := hashPart(t, from, k, at.ascii); l.add(h, at.dist, at.away) {
				before, last = last, h
			}
			if from > i {
				if h := hashPair(before, last); l.add(h, at.dist, at.away) {
					before, last = last, h
				}
			}
			from = k
		}
	}
	if from > i && l.read+1 < nearWords {
		h := hashPart(t, from, j, at.ascii)
		l.add(h, at.dist, at.away)
		l.add(hashPair(last, h), at.dist, at.away)
	}
}

// wide reports whether a text has a character that parts of a cue begin with:
// Thai, or U+2E80 and beyond.
func wide(t string) bool {
	for i := 0; i < len(t); i++ {
		switch b := t[i]; {
		case b < 0xE0:
		case b >= 0xE3:
			return true
		case i+1 < len(t) && (b == 0xE0 && (t[i+1] == 0xB8 || t[i+1] == 0xB9) || b == 0xE2 && t[i+1] >= 0xBA):
			return true
		}
	}
	return false
}

// look fills s.around with the words around [start, end). It is done once for a
// candidate, however many detectors ask.
func (s *Scan) look(start, end int) {
	c := &s.around
	if c.start == start && c.end == end && c.before.known == s.known && c.after.known == s.known {
		return
	}
	if c.start != start || c.end != end {
		s.context = "" // of another candidate
	}
	if c.before.known != s.known || c.start != start && !c.shiftBefore(s.Text, start) {
		c.before.known = s.known
		c.readBefore(s.Text, start)
		c.end = -1 // how many words behind are read depends on those before
	}
	if c.after.known != s.known || c.end != end && !c.shiftAfter(s.Text, end) {
		c.after.known = s.known
		c.readAfter(s.Text, end)
	}
	c.start, c.end = start, end
}

// maxShift bounds the distance between two candidates of which the second has the
// words of the first.
const maxShift = 16

// shiftBefore makes the words before the last candidate those before start, where
// they are the same: the groups of a number are asked for one by one.
func (c *surroundings) shiftBefore(t string, start int) bool {
	d := start - c.start
	floor := max(0, start-contextBefore)
	if c.start < 0 || d > maxShift || -d > maxShift || floor > c.first || d < 0 && !c.full || !wordless(t, min(start, c.start), max(start, c.start)) {
		return false
	}
	for i := range c.before.list() {
		c.before.words[i].dist += d
	}
	c.from = floor
	c.wideBefore = (c.wideBefore || d < 0) && wide(t[floor:start])
	return true
}

// shiftAfter makes the words behind the last candidate those behind end, where they
// are the same.
func (c *surroundings) shiftAfter(t string, end int) bool {
	d := c.end - end
	ceil := min(len(t), end+contextAfter)
	if c.end < 0 || d < 0 || d > maxShift || c.last > ceil || !wordless(t, end, c.end) {
		return false
	}
	for i := range c.after.list() {
		c.after.words[i].dist += d
	}
	c.to = min(c.to, ceil)
	c.wideAfter = c.wideAfter && wide(t[end:c.to])
	return true
}

// wordless reports whether t[from:to] has digits and what joins them only.
func wordless(t string, from, to int) bool {
	for _, b := range []byte(t[from:to]) {
		switch {
		case '0' <= b && b <= '9':
		case b == ' ', b == '-', b == '/', b == '(', b == ')', b == '+', b == ',':
		default:
			return false
		}
	}
	return true
}

// readBefore reads the words before start.
func (c *surroundings) readBefore(t string, start int) {
	near, e := &c.before, &c.edges
	near.n, near.read = 0, 0
	floor := max(0, start-contextBefore)
	c.from, c.first = floor, start
	e.find(t, floor, start)
	next, nextDist := uint64(0), 0 // the word that follows, for pairs
	lines := 0                     // line breaks and sentence ends passed
	ended := false                 // a full stop was passed, and the word before it not yet
	behind := start                // where the word that follows begins
	for n := e.n - 2; n >= 0 && near.read < nearWords*2/3; n -= 2 {
		i, j := floor+int(e.at[n]), floor+int(e.at[n+1])
		if behind-j != 1 || t[j] != ' ' {
			breaks, stop := gapBack(t, behind, j)
			if breaks > 0 {
				lines += breaks
				next, ended = 0, false
			}
			ended = ended || stop
		}
		behind = i
		if i == floor && floor > 0 && letterByte[t[floor-1]] {
			break // half a word
		}
		c.first = i
		if j-i <= shortHex && hexish(t, i, j) {
			continue
		}
		if ended && j-i > abbreviation {
			lines++
			next = 0
		}
		ended = false
		at := place{start - j + lines*lineCost, lines > 0, !e.high || ascii(t[i:j])}
		whole, ok := near.pieces(t, i, j, at)
		if !ok {
			break
		}
		if next != 0 {
			// A pair is as near as its nearer word.
			near.add(hashPair(whole, next), nextDist, at.away)
		}
		next, nextDist = whole, at.dist
	}
	c.full = near.read >= nearWords*2/3
	c.wideBefore = e.high && wide(t[floor:start])
}

// gapBack goes back over what is no letter, from i to at. It gives the line breaks
// passed and whether a stop that a space follows was passed before the last of
// them.
func gapBack(t string, i, at int) (lines int, stop bool) {
	for ; i > at; i-- {
		switch b := t[i-1]; b {
		case '\n':
			lines++
			stop = false
		case '.', '!', '?':
			stop = stop || i < len(t) && t[i] == ' '
		}
	}
	return lines, stop
}

func ascii(w string) bool {
	for i := range len(w) {
		if w[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// edges are where the words of a short stretch of text begin and end, in turns.
type edges struct {
	at   [maxStretch]uint8
	n    int
	high bool // some byte there, or shortly behind, is not of ASCII
}

// maxStretch bounds the bytes of a stretch.
const maxStretch = 96

// find finds the words of t[from:to], at most maxStretch bytes. It looks at eight
// bytes at a time.
func (e *edges) find(t string, from, to int) {
	const highs = 0x8080808080808080
	const ones = 0x0101010101010101
	var seen, last uint64 // last is the bit of the byte before
	e.n = 0
	n := to - from
	for k := 0; k < n; k += chunk {
		x := load8(t, from+k)
		seen |= x
		f := (x | cases) &^ highs
		// The highest bit of each byte that is a letter, then a bit each.
		l := ((f+(0x80-'a')*ones)&^(f+(0x80-'z'-1)*ones) | x) & highs
		l = l * 0x0002040810204081 >> 56
		if k+chunk > n {
			l &= 1<<(n-k) - 1
		}
		for d := (l ^ (l<<1 | last)) & 0xFF; d != 0; d &= d - 1 {
			e.at[e.n] = uint8(k + bits.TrailingZeros64(d))
			e.n++
		}
		last = l >> 7
	}
	if last != 0 {
		e.at[e.n] = uint8(n)
		e.n++
	}
	e.high = seen&highs != 0
}

// load8 gives the eight bytes of t from i on, zeros behind the end.
func load8(t string, i int) (x uint64) {
	if i+chunk <= len(t) {
		p := t[i : i+chunk]
		return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
			uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
	}
	return lastBytes(t, i)
}

func lastBytes(t string, i int) (x uint64) {
	for k := len(t) - 1; k >= i; k-- {
		x = x<<8 | uint64(t[k])
	}
	return x
}

// readAfter reads the words behind end, as many as the words before leave room for.
func (c *surroundings) readAfter(t string, end int) {
	near, e := &c.after, &c.edges
	near.n, near.read = 0, c.before.read
	ceil := min(len(t), end+contextAfter)
	e.find(t, end, ceil)
	before, beforeDist := uint64(0), 0
	behind := end // where the word before ends
	c.to, c.last = ceil, end
	for n := 0; near.read < nearWords; n += 2 {
		j, i := ceil, ceil
		if n < e.n {
			j, i = end+int(e.at[n]), end+int(e.at[n+1])
		}
		if j-behind != 1 || t[behind] != ' ' {
			if stop := fence(t, behind, j); stop < j {
				c.to = stop
				break
			}
		}
		if j == ceil || i == ceil && ceil < len(t) && letterByte[t[ceil]] {
			break
		}
		behind, c.last = i, i
		if i-j <= shortHex && hexish(t, j, i) {
			continue
		}
		at := place{j - end + afterCost, false, !e.high || ascii(t[j:i])}
		whole, ok := near.pieces(t, j, i, at)
		if !ok {
			break
		}
		if before != 0 {
			near.add(hashPair(before, whole), beforeDist, false)
		}
		before, beforeDist = whole, at.dist
	}
	c.wideAfter = e.high && wide(t[end:c.to])
}

// fence gives the place in [i, j) from which on the text belongs to another value or
// sentence, j where there is none: a closing quote or bracket, a line break, a
// full stop.
func fence(t string, i, j int) int {
	for ; i < j; i++ {
		switch t[i] {
		case '\n', '"', '{', '}', '<':
			return i
		case '.', '!', '?':
			if i+1 < len(t) && t[i+1] == ' ' {
				return i
			}
		}
	}
	return j
}

// fieldWords reads the words of a field name, and their pairs.
func (l *nearList) fieldWords(k string, known *vocabulary) {
	l.known, l.n, l.read = known, 0, nearWords-keyWords
	before := uint64(0)
	for i := 0; i < len(k) && l.read < nearWords-keyWords/2; {
		if !letterByte[k[i]] {
			i++
			continue
		}
		j := i
		for i < len(k) && letterByte[k[i]] {
			i++
		}
		whole, ok := l.pieces(k, j, i, place{ascii: ascii(k[j:i])})
		if !ok {
			return
		}
		if before != 0 {
			l.add(hashPair(before, whole), 0, false)
		}
		before = whole
	}
}

// KeyHas reports whether the segment's field name has a word of the cue.
func (s *Scan) KeyHas(c *Cue) bool {
	_, ok := s.keyWord(c)
	return ok
}

func (s *Scan) keyWord(c *Cue) (string, bool) {
	if s.Key == "" {
		return "", false
	}
	learned(s, c)
	if s.key.known != s.known {
		s.key.fieldWords(s.Key, s.known)
	}
	for _, w := range s.key.list() {
		if word, ok := c.has(w.hash); ok {
			return word, true
		}
	}
	for _, p := range c.parts {
		if strings.Contains(s.Key, p) {
			return p, true
		}
	}
	return "", false
}

// Near gives the distance in bytes from [start, end) to the nearest word of the
// cue on either side, 0 where the field name has one, [Far] where there is none.
// Words behind count as farther, and so do words across a line break.
func (s *Scan) Near(c *Cue, start, end int) int { return s.near(c, start, end, true) }

// Beside is Near for words of the same line and sentence only. Words that speak
// against a candidate say nothing of the lines around.
func (s *Scan) Beside(c *Cue, start, end int) int { return s.near(c, start, end, false) }

func (s *Scan) near(c *Cue, start, end int, away bool) int {
	d, word := s.nearest(c, start, end, away)
	if d < Far {
		s.context = word
	}
	return d
}

func (s *Scan) nearest(c *Cue, start, end int, away bool) (int, string) {
	learned(s, c)
	if w, ok := s.keyWord(c); ok {
		return 0, w
	}
	s.look(start, end)
	best, word := Far, ""
	for _, l := range [...]*nearList{&s.around.before, &s.around.after} {
		for i := range l.list() {
			if w := &l.words[i]; w.dist < best && (away || !w.away) {
				if found, ok := c.has(w.hash); ok {
					best, word = w.dist, found
				}
			}
		}
	}
	if s.around.wideBefore {
		for _, p := range c.parts {
			if i := strings.LastIndex(s.Text[s.around.from:start], p); i >= 0 && start-s.around.from-i-len(p) < best {
				best, word = start-s.around.from-i-len(p), p
			}
		}
	}
	if s.around.wideAfter {
		for _, p := range c.parts {
			if i := strings.Index(s.Text[end:max(end, s.around.to)], p); i >= 0 && i+afterCost < best {
				best, word = i+afterCost, p
			}
		}
	}
	if best > columnCost {
		if w, ok := s.columnWord(c, start); ok {
			return columnCost, w
		}
	}
	return best, word
}

// Lean says which of two cues is nearer to [start, end): 1 for the first, -1 for
// the second, 0 where neither is near.
func (s *Scan) Lean(forCue, against *Cue, start, end int) int {
	f := s.Near(forCue, start, end)
	a, _ := s.nearest(against, start, end, false)
	switch {
	case f == Far && a == Far:
		return 0
	case f <= a:
		return 1
	}
	s.context = ""
	return -1
}
