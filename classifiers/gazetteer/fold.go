package gazetteer

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The basis and prime of FNV-1a with 64 bits, which [Hash] is.
const (
	hashBasis = 14695981039346656037
	hashPrime = 1099511628211
)

// latin gives the letters of ASCII that a letter below U+0250 is folded to: case
// and diacritics ignored, as names are typed without them. The first byte is 0
// where the character is no letter.
var latin = func() (t [0x250][2]byte) {
	two := map[rune]string{
		'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'þ': "th",
		'ı': "i", 'ħ': "h", 'ŋ': "n", 'ĸ': "k", 'ŧ': "t", 'ſ': "s", 'ə': "e",
	}
	for r := rune(0); r < 0x250; r++ {
		if !unicode.IsLetter(r) || r == 'ª' || r == 'º' {
			continue
		}
		low := unicode.ToLower(r)
		s, ok := two[low]
		if !ok {
			s = norm.NFD.String(string(low))
		}
		if s[0] >= utf8.RuneSelf {
			s = "?" // a letter without a base in ASCII
		}
		t[r][0] = s[0]
		if ok && len(s) > 1 {
			t[r][1] = s[1]
		}
	}
	return t
}()

// vietnamese are the letters of U+1E00 to U+1EFF, folded: letters with further
// diacritics, most of them Vietnamese.
var vietnamese = func() (t [0x100]byte) {
	for i := range t {
		s := norm.NFD.String(string(unicode.ToLower(rune(0x1E00 + i))))
		t[i] = '?'
		if s[0] < utf8.RuneSelf {
			t[i] = s[0]
		}
	}
	return t
}()

// Fold appends the form under which a word is looked up: small letters without
// diacritics, a hyphen for every kind of hyphen, no apostrophes, one space for a
// run of spaces; characters beyond U+024F in lower case. Fold("O’Brien") is obrien.
func Fold(dst []byte, word string) []byte {
	for _, r := range word {
		switch {
		case r < 0x250:
			if f := &latin[r]; f[0] != 0 {
				dst = append(dst, f[0])
				if f[1] != 0 {
					dst = append(dst, f[1])
				}
				continue
			}
			switch r {
			case '\'', 0xB4, '`':
			case ' ', '\t', '\n', 0xA0:
				if n := len(dst); n > 0 && dst[n-1] != ' ' {
					dst = append(dst, ' ')
				}
			default:
				dst = utf8.AppendRune(dst, r)
			}
		case r&^0xFF == 0x1E00:
			dst = append(dst, vietnamese[r&0xFF])
		case r == 0x2018, r == 0x2019, r == 0x02BC: // apostrophes
		case r == 0x2010, r == 0x2011, r == 0x2013:
			dst = append(dst, '-')
		case 0x300 <= r && r < 0x370: // combining diacritics
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
	}
	return dst
}

// FoldLatin gives the folded form of one Latin letter in one or two bytes of
// ASCII, of which the second may be 0; both are 0 for what is no letter below
// U+0250 or of U+1E00 to U+1EFF. It serves callers that fold while they read.
func FoldLatin(r rune) (byte, byte) {
	if r&^0xFF == 0x1E00 {
		return vietnamese[r&0xFF], 0
	}
	if r < 0 || r >= 0x250 {
		return 0, 0
	}
	return latin[r][0], latin[r][1]
}

// Hash gives the hash of a folded word, for [Find]: FNV-1a with 64 bits over the
// bytes, so that a caller may compute it while reading. Of several words with
// single spaces it is the [Join] of theirs.
func Hash(folded []byte) uint64 {
	joined, h := uint64(0), uint64(hashBasis)
	for _, b := range folded {
		if b == ' ' {
			joined = Join(joined, h)
			h = hashBasis
			continue
		}
		h = (h ^ uint64(b)) * hashPrime
	}
	return Join(joined, h)
}

// Join gives the hash of a phrase that goes on with a word of hash next. The
// hash of a phrase of one word, which begins with a phrase of 0, is the word's.
func Join(phrase, next uint64) uint64 {
	if phrase == 0 {
		return next
	}
	return (phrase<<7|phrase>>57)*hashPrime ^ next
}
