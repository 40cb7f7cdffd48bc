package address

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of what is read around a house number, in bytes and words.
const (
	maxWord     = 48  // bytes of one word
	maxLocality = 160 // bytes between the street and the end of the address
	maxBack     = 120 // bytes before a house number
	nameWords   = 7   // words of the name of a street
)

// word is a word of letters and digits, with apostrophes and hyphens inside.
type word struct {
	start, end int
	class      class
	hash       uint64
	capital    bool // begins with a capital letter
	lower      bool // has a small letter
	digits     bool // has a digit
	letters    int  // number of letters
}

// foldLatin gives the letters of ASCII that a Latin letter is folded to: case
// and diacritics ignored, as in addresses typed without them. Zero is no letter.
var foldLatin = func() (t [0x250][2]byte) {
	pairs := map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'þ': "th", 'ı': "i", 'ħ': "h", 'ŋ': "n", 'ŀ': "l", 'ĸ': "k", 'ŧ': "t", 'ſ': "s"}
	for r := rune(0x80); r < 0x250; r++ {
		if !unicode.IsLetter(r) {
			continue
		}
		s, ok := pairs[unicode.ToLower(r)]
		if !ok {
			s = norm.NFD.String(string(unicode.ToLower(r)))
		}
		t[r] = [2]byte{'?', 0} // a letter of no further interest
		if s[0] < utf8.RuneSelf {
			t[r][0] = s[0]
			if ok && len(s) > 1 {
				t[r][1] = s[1]
			}
		}
	}
	t['ª'], t['º'] = [2]byte{}, [2]byte{} // ordinals stand behind digits
	return t
}()

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// fold gives the folded form of a word, as the lexicon holds it.
func fold(w string) string {
	var b strings.Builder
	for _, r := range w {
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(lowerASCII(byte(r)))
		case r < 0x250:
			b.WriteByte(foldLatin[r][0])
			if foldLatin[r][1] != 0 {
				b.WriteByte(foldLatin[r][1])
			}
		case 0x300 <= r && r < 0x370: // combining marks
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

func hashOf(folded string) uint64 {
	h := uint64(fnvOffset)
	for i := 0; i < len(folded); i++ {
		h = (h ^ uint64(folded[i])) * fnvPrime
	}
	return h
}

func lowerASCII(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isAlpha(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }

// at gives the byte at i, 0 outside the text.
func at(t string, i int) byte {
	if i < 0 || i >= len(t) {
		return 0
	}
	return t[i]
}

// joint gives the length of an apostrophe or hyphen at i that joins two parts
// of a word, 0 where there is none.
func joint(t string, i int) int {
	switch at(t, i) {
	case '\'', '-':
		return 1
	case 0xE2:
		if strings.HasPrefix(t[i:], "\u2019") || strings.HasPrefix(t[i:], "\u2010") || strings.HasPrefix(t[i:], "\u2011") {
			return 3
		}
	}
	return 0
}

// letterAt gives the letter at i and its length; 0 where there is none. Scripts
// that are written without spaces do not count: they are read by their own rules.
func letterAt(t string, i int) (rune, int) {
	b := at(t, i)
	if b < utf8.RuneSelf {
		if isAlpha(b) {
			return rune(b), 1
		}
		return 0, 0
	}
	r, n := utf8.DecodeRuneInString(t[i:])
	switch {
	case r < 0x250:
		if foldLatin[r][0] == 0 {
			return 0, 0
		}
	case r == utf8.RuneError, r >= 0x2E80 && (r < 0xAC00 || r > 0xD7A3), r >= 0x2000 && r < 0x2E80:
		return 0, 0
	case !unicode.IsLetter(r) && !unicode.IsMark(r):
		return 0, 0
	}
	return r, n
}

// read reads the word that begins at i. Its end is i where there is none.
func read(t string, i int) word {
	w := word{start: i, end: i}
	h := uint64(fnvOffset)
	limit := min(len(t), i+maxWord)
	seen := uint8(0)
	for i < limit {
		switch f, b := &plain[t[i]], t[i]; {
		case f.kind == 0 && b < utf8.RuneSelf && b != '\'' && b != '-':
			limit = i
			continue
		case f.kind != 0:
			seen |= f.kind
			w.letters += int(f.letter)
			h = (h ^ uint64(f.folded)) * fnvPrime
			i++
		default:
			if n := joint(t, i); n > 0 && i > w.start && i+n < limit {
				if _, m := letterAt(t, i+n); m > 0 || isDigit(t[i+n]) {
					h = (h ^ '-') * fnvPrime
					i += n
					continue
				}
			}
			r, n := letterAt(t, i)
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
				w.capital = w.capital || i == w.start
			} else {
				w.lower = true
			}
			w.letters++
			i += n
		}
		w.end = i
	}
	if w.end > w.start {
		w.lower = w.lower || seen&smallLetter != 0
		w.digits = seen&someDigit != 0
		w.capital = w.capital || plain[t[w.start]].kind == bigLetter
		w.hash = h
		w.class = lexicon.find(h)
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
		t[b].folded = lowerASCII(c)
		switch {
		case isDigit(c):
			t[b].kind = someDigit
		case isAlpha(c) && lowerASCII(c) == c:
			t[b].kind, t[b].letter = smallLetter, 1
		case isAlpha(c):
			t[b].kind, t[b].letter = bigLetter, 1
		}
	}
	return t
}()

// readBack reads the word that ends at i.
func readBack(t string, i int) word {
	if i <= 0 {
		return word{}
	}
	end := i
	floor := max(0, i-maxWord)
	for i > floor {
		b := t[i-1]
		if isAlpha(b) || isDigit(b) {
			i--
			continue
		}
		if b < utf8.RuneSelf {
			if (b == '\'' || b == '-') && i < end && i-1 > floor && (isAlpha(t[i-2]) || isDigit(t[i-2]) || t[i-2] >= utf8.RuneSelf) {
				i--
				continue
			}
			break
		}
		j := i - 1
		for j > floor && !utf8.RuneStart(t[j]) {
			j--
		}
		if _, n := letterAt(t, j); n != i-j {
			if n := joint(t, j); n != i-j || i == end || j == floor {
				break
			}
		}
		i = j
	}
	for i < end && joint(t, i) > 0 {
		i += joint(t, i)
	}
	w := read(t, i)
	if w.end != end {
		return word{start: end, end: end}
	}
	return w
}

// blanks gives the number of spaces (typographic ones too) at i, up to two.
func blanks(t string, i int) int {
	n := 0
	for range 2 {
		switch {
		case at(t, i+n) == ' ':
			n++
		case at(t, i+n) == 0xC2 && at(t, i+n+1) == 0xA0:
			n += 2
		case strings.HasPrefix(t[min(i+n, len(t)):], "\u202f"):
			n += 3
		default:
			return n
		}
	}
	return n
}

// blanksBack gives the number of bytes of the spaces that end at i, up to two.
func blanksBack(t string, i int) int {
	n := 0
	for range 2 {
		switch {
		case at(t, i-n-1) == ' ':
			n++
		case at(t, i-n-1) == 0xA0 && at(t, i-n-2) == 0xC2:
			n += 2
		default:
			return n
		}
	}
	return n
}
