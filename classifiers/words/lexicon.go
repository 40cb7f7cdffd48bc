package words

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Class is what a word can be, a bit for each thing; a word can be several. What
// a bit stands for is the affair of the room whose lexicon it is.
type Class uint32

// Lexicon maps the folded words of a room to their classes. It is made once and
// may be read by several goroutines.
type Lexicon struct { // open addressing; the key 0 is free
	keys    []uint64
	classes []Class
}

// NewLexicon makes a lexicon of lists of words with spaces between them, as
// people write them: they are folded here. A word with an apostrophe inside is
// listed with a hyphen, as which Read reads it.
func NewLexicon(lists map[Class]string) *Lexicon {
	words := map[uint64]Class{}
	for c, list := range lists {
		for _, w := range strings.Fields(list) {
			words[Hash(Fold(w))] |= c
		}
	}
	size := 64
	for size < 4*len(words) {
		size *= 2
	}
	x := &Lexicon{make([]uint64, size), make([]Class, size)}
	for h, c := range words {
		i := h & uint64(size-1)
		for x.keys[i] != 0 {
			i = (i + 1) & uint64(size-1)
		}
		x.keys[i], x.classes[i] = h, c
	}
	return x
}

// Find gives the class of the word with that hash, 0 where it is not known.
func (x *Lexicon) Find(h uint64) Class {
	mask := uint64(len(x.keys) - 1)
	for i := h & mask; x.keys[i] != 0; i = (i + 1) & mask {
		if x.keys[i] == h {
			return x.classes[i]
		}
	}
	return 0
}

// Read reads the word that begins at i. Its end is i where there is none. The
// joints inside are hyphens in its folded form.
func (x *Lexicon) Read(t string, i int) Word {
	w := Word{Start: i, End: i}
	h := uint64(fnvOffset)
	limit := min(len(t), i+MaxWord)
	seen := uint8(0)
	for i < limit {
		switch f, b := &plain[t[i]], t[i]; {
		case f.kind == 0 && b < utf8.RuneSelf && b != '\'' && b != '-':
			limit = i
			continue
		case f.kind != 0:
			seen |= f.kind
			w.Letters += int(f.letter)
			h = (h ^ uint64(f.folded)) * fnvPrime
			i++
		default:
			if n := Joint(t, i); n > 0 && i > w.Start && i+n < limit {
				if _, m := Letter(t, i+n); m > 0 || IsDigit(t[i+n]) {
					h = (h ^ '-') * fnvPrime
					i += n
					continue
				}
			}
			r, n := Letter(t, i)
			if n == 0 {
				limit = i
				continue
			}
			if r < 0x250 {
				f := &foldLatin[r]
				h = (h ^ uint64(f[0])) * fnvPrime
				if f[1] != 0 {
					h = (h ^ uint64(f[1])) * fnvPrime
				}
			} else if r < 0x300 || r >= 0x370 {
				for _, c := range []byte(string(unicode.ToLower(r))) {
					h = (h ^ uint64(c)) * fnvPrime
				}
			}
			if unicode.IsUpper(r) || r >= 0x590 && unicode.IsLetter(r) { // scripts without case
				w.Capital = w.Capital || i == w.Start
			} else {
				w.Lower = true
			}
			w.Letters++
			i += n
		}
		w.End = i
	}
	if w.End > w.Start {
		w.Lower = w.Lower || seen&smallLetter != 0
		w.Digits = seen&someDigit != 0
		w.Capital = w.Capital || plain[t[w.Start]].kind == bigLetter
		w.Hash = h
		w.Class = x.Find(h)
	}
	return w
}

// Kinds of the bytes of a word in ASCII.
const (
	smallLetter = 1 << iota
	bigLetter
	someDigit
)

// plain is what the letters and digits of ASCII are in a word.
var plain = func() (t [256]struct{ kind, letter, folded uint8 }) {
	for b := range t[:utf8.RuneSelf] {
		c := byte(b)
		t[b].folded = Lower(c)
		switch {
		case IsDigit(c):
			t[b].kind = someDigit
		case IsLetter(c) && Lower(c) == c:
			t[b].kind, t[b].letter = smallLetter, 1
		case IsLetter(c):
			t[b].kind, t[b].letter = bigLetter, 1
		}
	}
	return t
}()

// ReadBack reads the word that ends at i; start and end are i where there is
// none.
func (x *Lexicon) ReadBack(t string, i int) Word {
	if i <= 0 {
		return Word{}
	}
	end := i
	floor := max(0, i-MaxWord)
	for i > floor {
		b := t[i-1]
		if IsLetter(b) || IsDigit(b) {
			i--
			continue
		}
		if b < utf8.RuneSelf {
			if (b == '\'' || b == '-') && i < end && i-1 > floor && (IsLetter(t[i-2]) || IsDigit(t[i-2]) || t[i-2] >= utf8.RuneSelf) {
				i--
				continue
			}
			break
		}
		j := i - 1
		for j > floor && !utf8.RuneStart(t[j]) {
			j--
		}
		if _, n := Letter(t, j); n != i-j {
			if n := Joint(t, j); n != i-j || i == end || j == floor {
				break
			}
		}
		i = j
	}
	for i < end && Joint(t, i) > 0 {
		i += Joint(t, i)
	}
	w := x.Read(t, i)
	if w.End != end {
		return Word{Start: end, End: end}
	}
	return w
}
