// Package words reads the words around a place in a text, folded, as a lexicon
// of a detector holds them.
package words

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxWord is the number of bytes of a word that are read; what follows them is
// another word.
const MaxWord = 48

// Word is a word of letters and digits, with apostrophes and hyphens inside.
type Word struct {
	Start, End int    // bytes of the text; the same where there is no word
	Class      Class  // what the lexicon that read it knows of it
	Hash       uint64 // of its folded form
	Capital    bool   // begins with a capital letter
	Lower      bool   // has a small letter
	Digits     bool   // has a digit
	Letters    int    // number of letters
}

// foldLatin gives the letters of ASCII that a Latin letter is folded to: case
// and diacritics ignored, as in texts typed without them. Zero is no letter.
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

// The constants of FNV-1a with 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// Fold gives the folded form of a word, as a lexicon holds it.
func Fold(w string) string {
	var b strings.Builder
	for _, r := range w {
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(Lower(byte(r)))
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

// FoldInto writes the folded form of w to b and gives what was written, nothing
// where w is of another script or too long. The slice is of b.
func FoldInto(b *[2 * MaxWord]byte, w string) []byte {
	n := 0
	for _, r := range w {
		if n+2 > len(b) {
			return nil
		}
		switch {
		case r < utf8.RuneSelf:
			b[n] = Lower(byte(r))
			n++
		case r < 0x250:
			b[n] = foldLatin[r][0]
			n++
			if foldLatin[r][1] != 0 {
				b[n] = foldLatin[r][1]
				n++
			}
		case 0x300 <= r && r < 0x370: // combining marks
		default:
			return nil
		}
	}
	return b[:n]
}

// Hash gives the hash of a folded word, by which a lexicon finds it.
func Hash(folded string) uint64 {
	h := uint64(fnvOffset)
	for i := 0; i < len(folded); i++ {
		h = (h ^ uint64(folded[i])) * fnvPrime
	}
	return h
}

// Lower gives the small letter of a capital of ASCII, any other byte as it is.
func Lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// IsDigit reports whether b is a digit of ASCII.
func IsDigit(b byte) bool { return '0' <= b && b <= '9' }

// IsLetter reports whether b is a letter of ASCII.
func IsLetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }

// At gives the byte at i, 0 outside the text.
func At(t string, i int) byte {
	if i < 0 || i >= len(t) {
		return 0
	}
	return t[i]
}

// Begins reports whether t begins with one of the words of the list.
func Begins(t string, list ...string) bool {
	for _, w := range list {
		if strings.HasPrefix(t, w) {
			return true
		}
	}
	return false
}

// Joint gives the length of an apostrophe or hyphen at i that joins two parts
// of a word, 0 where there is none.
func Joint(t string, i int) int {
	switch At(t, i) {
	case '\'', '-':
		return 1
	case 0xE2:
		if strings.HasPrefix(t[i:], "\u2019") || strings.HasPrefix(t[i:], "\u2010") || strings.HasPrefix(t[i:], "\u2011") {
			return 3
		}
	}
	return 0
}

// Letter gives the letter at i and its length; 0 where there is none. Scripts
// that are written without spaces do not count: they are read by their own rules.
func Letter(t string, i int) (rune, int) {
	b := At(t, i)
	if b < utf8.RuneSelf {
		if IsLetter(b) {
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

// Blanks gives the number of bytes of the spaces (typographic ones too) at i, up
// to two spaces.
func Blanks(t string, i int) int {
	n := 0
	for range 2 {
		switch {
		case At(t, i+n) == ' ':
			n++
		case At(t, i+n) == 0xC2 && At(t, i+n+1) == 0xA0:
			n += 2
		case strings.HasPrefix(t[min(i+n, len(t)):], "\u202f"):
			n += 3
		default:
			return n
		}
	}
	return n
}

// BlanksBack gives the number of bytes of the spaces that end at i, up to two
// spaces.
func BlanksBack(t string, i int) int {
	n := 0
	for range 2 {
		switch {
		case At(t, i-n-1) == ' ':
			n++
		case At(t, i-n-1) == 0xA0 && At(t, i-n-2) == 0xC2:
			n += 2
		default:
			return n
		}
	}
	return n
}
