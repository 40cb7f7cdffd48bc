package classifiers

import (
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
	return j-i <= 3 && i > 0 && '0' <= t[i-1] && t[i-1] <= '9' || j-i <= 2 && j < len(t) && '0' <= t[j] && t[j] <= '9'
}

// Far is the distance of a word that is not there.
const Far = 1 << 20

// Cue is a set of words that say what a candidate beside them is: "card", "tel",
// "social security". It is immutable.
type Cue struct {
	slots []uint64 // open addressing, 0 is free; a power of two
	words []string // of the slots, for evidence
	parts []string // words of scripts that are written without spaces
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

// The hash of words: FNV-1a of the folded bytes, finished by a multiplication.
// It is computed on the stack, compared and forgotten; it is written nowhere.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hashWord(w string) uint64 {
	h := uint64(fnvOffset)
	for i := 0; i < len(w); {
		b := w[i]
		if b < utf8.RuneSelf {
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			h = (h ^ uint64(b)) * fnvPrime
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(w[i:])
		h = (h ^ uint64(unicode.ToLower(r))) * fnvPrime
		i += n
	}
	h ^= h >> 32
	if h == 0 {
		h = 1
	}
	return h
}

func hashPair(a, b uint64) uint64 {
	h := (a*31 + b) * fnvPrime
	h ^= h >> 29
	if h == 0 {
		h = 1
	}
	return h
}

// wordByte tells letters, and every byte of a character that is not ASCII, from
// the rest.
func wordByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b >= utf8.RuneSelf
}

// pieces appends the words of w, split where an identifier's case changes, to
// list, all at one distance. The whole word counts too.
func pieces(list []nearWord, w string, dist int, away bool) []nearWord {
	if len(list) == cap(list) {
		return list
	}
	list = append(list, nearWord{hashWord(w), dist, away})
	from := 0
	for i := 1; i < len(w); i++ {
		upper := 'A' <= w[i] && w[i] <= 'Z'
		if upper && 'a' <= w[i-1] && w[i-1] <= 'z' || upper && i+1 < len(w) && 'a' <= w[i+1] && w[i+1] <= 'z' {
			if len(list) < cap(list) {
				list = append(list, nearWord{hashWord(w[from:i]), dist, away})
			}
			if from > 0 && len(list) < cap(list) {
				list = append(list, nearWord{hashPair(list[len(list)-2].hash, list[len(list)-1].hash), dist, away})
			}
			from = i
		}
	}
	if from > 0 && len(list)+1 < cap(list) {
		list = append(list, nearWord{hashWord(w[from:]), dist, away})
		list = append(list, nearWord{hashPair(list[len(list)-2].hash, list[len(list)-1].hash), dist, away})
	}
	return list
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
	if c.set && c.start == start && c.end == end {
		return
	}
	c.start, c.end, c.set = start, end, true
	s.context = "" // of another candidate
	t := s.Text
	near := c.words[:0]
	floor := max(0, start-contextBefore)
	c.from = floor
	next, nextDist := uint64(0), 0 // the word that follows, for pairs
	lines := 0                     // line breaks and sentence ends passed
	seen := byte(0)                // bits of the words' bytes
	ended := false                 // a full stop was passed, and the word before it not yet
	for i := start; i > floor && len(near) < nearWords*2/3; {
		b := t[i-1]
		if !wordByte(b) {
			switch {
			case b == '\n':
				lines++
				next, ended = 0, false
			case (b == '.' || b == '!' || b == '?') && i < len(t) && t[i] == ' ':
				ended = true
			}
			i--
			continue
		}
		j := i
		for i > floor && wordByte(t[i-1]) {
			i--
			seen |= t[i]
		}
		if i == floor && floor > 0 && wordByte(t[floor-1]) {
			break // half a word
		}
		if hexish(t, i, j) {
			continue
		}
		if ended && j-i > abbreviation {
			lines++
			next = 0
		}
		ended = false
		dist := start - j + lines*lineCost
		at := len(near)
		near = pieces(near, t[i:j], dist, lines > 0)
		if len(near) == at {
			break
		}
		whole := near[at].hash
		if next != 0 && len(near) < cap(near) {
			// A pair is as near as its nearer word.
			near = append(near, nearWord{hashPair(whole, next), nextDist, lines > 0})
		}
		next, nextDist = whole, dist
	}
	ceil := min(len(t), end+contextAfter)
	before, beforeDist := uint64(0), 0
	i := end
after:
	for i < ceil && len(near) < nearWords {
		b := t[i]
		if !wordByte(b) {
			// What follows a closing quote or bracket belongs to another value.
			if b == '\n' || b == '"' || b == '{' || b == '}' || b == '<' || (b == '.' || b == '!' || b == '?') && i+1 < len(t) && t[i+1] == ' ' {
				break after
			}
			i++
			continue
		}
		j := i
		for i < ceil && wordByte(t[i]) {
			seen |= t[i]
			i++
		}
		if i == ceil && ceil < len(t) && wordByte(t[ceil]) {
			break
		}
		if hexish(t, j, i) {
			continue
		}
		dist := j - end + afterCost
		at := len(near)
		near = pieces(near, t[j:i], dist, false)
		if len(near) == at {
			break
		}
		if before != 0 && len(near) < cap(near) {
			near = append(near, nearWord{hashPair(before, near[at].hash), beforeDist, false})
		}
		before, beforeDist = near[at].hash, dist
	}
	c.to, c.n, c.wide = i, len(near), seen >= utf8.RuneSelf && wide(t[floor:max(i, end)])
}

// fieldWords appends the words of a field name, and their pairs, to a list of a
// fixed capacity and gives their number.
func fieldWords(list []nearWord, k string) int {
	before := uint64(0)
	for i := 0; i < len(k) && len(list) < keyWords/2; {
		if !wordByte(k[i]) {
			i++
			continue
		}
		j := i
		for i < len(k) && wordByte(k[i]) {
			i++
		}
		at := len(list)
		list = pieces(list, k[j:i], 0, false)
		if len(list) == at {
			break
		}
		if before != 0 && len(list) < cap(list) {
			list = append(list, nearWord{hashPair(before, list[at].hash), 0, false})
		}
		before = list[at].hash
	}
	return len(list)
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
	if !s.key.set {
		s.key.set = true
		s.key.n = fieldWords(s.key.words[:0], s.Key)
	}
	for _, w := range s.key.words[:s.key.n] {
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
	if w, ok := s.keyWord(c); ok {
		return 0, w
	}
	s.look(start, end)
	best, word := Far, ""
	for _, w := range s.around.words[:s.around.n] {
		if w.dist < best && (away || !w.away) {
			if found, ok := c.has(w.hash); ok {
				best, word = w.dist, found
			}
		}
	}
	if s.around.wide {
		for _, p := range c.parts {
			if i := strings.LastIndex(s.Text[s.around.from:start], p); i >= 0 && start-s.around.from-i-len(p) < best {
				best, word = start-s.around.from-i-len(p), p
			}
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
