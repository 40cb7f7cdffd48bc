// Package tagger marks names of persons, places and organisations in a sequence
// of words: a linear-chain model over hashed features with weights of one byte.
// The detector of package names and the program that trains the model share it.
package tagger

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers/gazetteer"
)

// Kind says what a token is.
type Kind uint8

// The kinds.
const (
	Word    Kind = iota + 1
	Number       // digits
	Ident        // letters with digits or underscores, chains with dots, paths
	Address      // an e-mail address, a URL, a handle
	Punct        // one character of punctuation
	Newline      // one or more line breaks
	Han          // a run of characters of scripts written without spaces
)

// Shape says how a word is written.
type Shape uint8

// The shapes.
const (
	Other   Shape = iota
	Lower         // smith
	Title         // Smith
	Upper         // SMITH
	Letter        // S: one capital
	Initial       // S.
	Inner         // McGee, DeShawn: Title with a further capital inside
	Camel         // camelCase
	Uncased       // a script without case
	Digits
	Alnum // R2D2
)

// inflected marks the flags of a word of which a shorter form is a name: it is
// the bit of [gazetteer.Flags] that the gazetteer leaves free.
const inflected gazetteer.Flags = 1 << 11

// Token is a word, number or character of a text.
type Token struct {
	Start, End int32
	// Hash is that of the folded word: [gazetteer.Hash] for words.
	Hash uint64
	// Head and Tail are the first and last bytes of the folded word, the last
	// of each in the low byte.
	Head, Tail uint32
	Flags      gazetteer.Flags
	Kind       Kind
	Shape      Shape
	// Glued says that no space stands before.
	Glued bool
	// Breaks is the number of line breaks of a Newline, up to 3.
	Breaks uint8
}

const (
	basis = 14695981039346656037
	prime = 1099511628211
	// maxWord bounds the bytes of a word; longer runs of letters are no words.
	maxWord = 64
)

// Tokens appends the tokens of t[from:to] to dst. A token that begins in it is
// read to its end, which may lie behind to.
func Tokens(dst []Token, t string, from, to int) []Token {
	for i := from; i < to; {
		b := t[i]
		switch {
		case b == ' ' || b == '\t' || b == '\r':
			i++
		case b == '\n':
			j, n := i+1, uint8(1)
			for j < len(t) && (t[j] == '\n' || t[j] == ' ' || t[j] == '\t' || t[j] == '\r') {
				if t[j] == '\n' && n < 3 {
					n++
				}
				j++
			}
			dst = append(dst, Token{Start: int32(i), End: int32(i + 1), Hash: 10 + uint64(n), Kind: Newline, Breaks: n})
			i = j
		case class[b]&cWord != 0 || b >= utf8.RuneSelf:
			n := len(dst)
			dst, i = word(dst, t, i)
			if n < len(dst) {
				dst[n].Glued = n > 0 && int(dst[n-1].End) == int(dst[n].Start)
			}
		case b == '\\' && i+1 < len(t) && (t[i+1] == 'n' || t[i+1] == 't' || t[i+1] == 'r'):
			// An escape of source code or JSON: a break like the real one.
			dst = append(dst, Token{Start: int32(i), End: int32(i + 2), Hash: 11, Kind: Newline, Breaks: 1})
			i += 2
		default:
			n := len(dst)
			dst = append(dst, Token{Start: int32(i), End: int32(i + 1), Hash: uint64(b), Kind: Punct, Glued: n > 0 && int(dst[n-1].End) == i})
			i++
		}
	}
	return dst
}

const (
	cLower = 1 << iota
	cUpper
	cDigit
	cUnder
	cWord = cLower | cUpper | cDigit | cUnder
)

var class = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c] = cLower
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = cUpper
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = cDigit
	}
	t['_'] = cUnder
	return t
}()

// reader is the state of reading one word.
type reader struct {
	hash, part uint64 // of the word, and of the part behind the last hyphen
	first      uint64 // of the part before the first hyphen
	head, tail uint32
	heads      int
	// back are the hashes of the word without its last one, two … bytes.
	back                           [4]uint64
	lower, upper, digits, others   int
	firstUpper, innerUpper, hyphen bool
}

func (r *reader) add(b byte) {
	r.back[3], r.back[2], r.back[1], r.back[0] = r.back[2], r.back[1], r.back[0], r.hash
	r.hash = (r.hash ^ uint64(b)) * prime
	r.part = (r.part ^ uint64(b)) * prime
	r.tail = r.tail<<8 | uint32(b)
	if r.heads < 4 {
		r.head = r.head<<8 | uint32(b)
		r.heads++
	}
}

// word reads what begins with a letter, digit, underscore or a character that is
// not ASCII.
func word(dst []Token, t string, i int) ([]Token, int) {
	start := i
	r := reader{hash: basis, part: basis}
loop:
	for i < len(t) && i-start < maxWord {
		b := t[i]
		switch k := class[b]; {
		case k&cLower != 0:
			r.lower++
			r.add(b)
			i++
		case k&cUpper != 0:
			if i == start {
				r.firstUpper = true
			} else if r.lower > 0 && r.tail&0xFF != '-' {
				r.innerUpper = true
			}
			r.upper++
			r.add(b + 'a' - 'A')
			i++
		case k&cDigit != 0 || k == cUnder:
			r.digits++
			r.add(b)
			i++
		case b == '-':
			if i == start || i+1 >= len(t) || r.digits > 0 || !letterStart(t, i+1) {
				break loop
			}
			if !r.hyphen {
				r.first = r.hash
				r.hyphen = true
			}
			r.add(b)
			r.part = basis
			i++
		case b == '\'':
			n, ok := apostrophe(t, start, i, 1)
			if !ok {
				break loop
			}
			i += n
		case b < utf8.RuneSelf:
			break loop
		default:
			c, n := utf8.DecodeRuneInString(t[i:])
			if c == 0x2019 || c == 0x2BC {
				k, ok := apostrophe(t, start, i, n)
				if !ok {
					break loop
				}
				i += k
				continue
			}
			if f, g := gazetteer.FoldLatin(c); f != 0 {
				if unicode.IsUpper(c) {
					if i == start {
						r.firstUpper = true
					} else if r.lower > 0 && r.tail&0xFF != '-' {
						r.innerUpper = true
					}
					r.upper++
				} else {
					r.lower++
				}
				r.add(f)
				if g != 0 {
					r.add(g)
				}
				i += n
				continue
			}
			if wide(c) {
				if i == start {
					return han(dst, t, i)
				}
				break loop
			}
			mark := c >= 0x300 && c < 0x370
			if !mark && !unicode.IsLetter(c) && !unicode.IsMark(c) {
				if i > start {
					break loop
				}
				if c == 0xA0 || c == 0x202F || c == 0x2009 || c == 0x3000 || c == 0xFEFF || c == 0x200B {
					return dst, i + n
				}
				return append(dst, Token{Start: int32(i), End: int32(i + n), Hash: uint64(c), Kind: Punct}), i + n
			}
			i += n
			if mark {
				continue
			}
			low := unicode.ToLower(c)
			switch {
			case low != c:
				if r.lower+r.upper == 0 {
					r.firstUpper = true
				} else if r.lower > 0 {
					r.innerUpper = true
				}
				r.upper++
			case unicode.IsLower(c):
				r.lower++
			default:
				r.others++
			}
			var buf [4]byte
			for _, b := range buf[:utf8.EncodeRune(buf[:], low)] {
				r.add(b)
			}
		}
	}
	if i == start { // a stray byte
		return dst, i + 1
	}
	tok := Token{Start: int32(start), End: int32(i), Hash: r.hash, Head: r.head, Tail: r.tail, Kind: Word}
	letters := r.lower + r.upper + r.others
	switch {
	case i-start >= maxWord:
		for i < len(t) && class[t[i]]&cWord != 0 {
			i++
		}
		tok.End, tok.Kind, tok.Shape, tok.Hash = int32(i), Ident, Alnum, 3
		return append(dst, tok), i
	case letters == 0:
		tok.Kind, tok.Shape = Number, Digits
		tok.Hash = 100 + uint64(min(i-start, 12))
		if strings.IndexByte(t[start:i], '_') >= 0 {
			tok.Kind, tok.Hash = Ident, 4
		}
	case r.digits > 0:
		tok.Kind, tok.Shape = Ident, Alnum
	case r.others > 0:
		tok.Shape = Uncased
	case r.lower == 0 && r.upper == 1:
		tok.Shape = Letter
		if i < len(t) && t[i] == '.' {
			i++
			tok.End, tok.Shape = int32(i), Initial
			return append(dst, tok), i
		}
	case r.lower == 0:
		tok.Shape = Upper
	case r.firstUpper && r.innerUpper:
		tok.Shape = Inner
	case r.firstUpper:
		tok.Shape = Title
	case r.innerUpper:
		tok.Shape = Camel
	default:
		tok.Shape = Lower
	}
	if end := chain(t, start, i); end > i {
		tok.End, tok.Kind, tok.Shape, tok.Hash = int32(end), Ident, Alnum, 3
		if strings.IndexByte(t[i:end], '@') >= 0 || strings.HasPrefix(t[i:], "://") || strings.HasPrefix(t[start:], "www.") {
			tok.Kind, tok.Hash = Address, 5
		}
		return append(dst, tok), end
	}
	if tok.Kind == Word {
		tok.Flags = gazetteer.Find(r.hash)
		if r.hyphen && tok.Flags.Name() == 0 && tok.Flags.Place() == 0 {
			a, b := gazetteer.Find(r.first), gazetteer.Find(r.part)
			tok.Flags = gazetteer.Make(max(a.Given(), b.Given()), max(a.Surname(), b.Surname()), 0, max(a.Common(), b.Common()))
		}
		if tok.Flags == 0 && (r.firstUpper || r.others > 0) && letters >= 5 {
			tok.Flags = stems(&r)
		}
	}
	return append(dst, tok), i
}

// stems looks the word up without its last bytes, and with the a of a first
// case in their place: Kowalskiego, Annie, Annas.
func stems(r *reader) gazetteer.Flags {
	for n := range 3 {
		h := r.back[n]
		if f := gazetteer.Find(h); f.Name() >= 2 && f.Common() < 3 {
			return f&^gazetteer.PlacePart&^gazetteer.Country | inflected
		}
		if f := gazetteer.Find((h ^ 'a') * prime); f.Name() >= 2 && f.Common() < 3 {
			return f&^gazetteer.PlacePart&^gazetteer.Country | inflected
		}
	}
	return 0
}

// apostrophe decides on an apostrophe of n bytes at i in a word that began at
// start: it joins O'Brien and D'Angelo; it ends John's, Ahmet'in and l'Italie.
// It gives the bytes to skip.
func apostrophe(t string, start, i, n int) (int, bool) {
	if i == start || i+n >= len(t) || !letterStart(t, i+n) {
		return 0, false
	}
	upper := class[t[i+n]]&cUpper != 0
	if c := t[i+n]; c >= utf8.RuneSelf {
		r, _ := utf8.DecodeRuneInString(t[i+n:])
		upper = unicode.IsUpper(r)
	}
	if !upper {
		return 0, false
	}
	// A possessive in capitals: JOHN'S.
	if c := t[i+n]; c == 'S' && i-start > 2 && (i+n+1 >= len(t) || class[t[i+n+1]]&cWord == 0) {
		return 0, false
	}
	// An article in small letters is a word of its own.
	return n, class[t[start]]&cLower == 0
}

func letterStart(t string, i int) bool {
	if i >= len(t) {
		return false
	}
	if t[i] < utf8.RuneSelf {
		return class[t[i]]&(cLower|cUpper) != 0
	}
	r, _ := utf8.DecodeRuneInString(t[i:])
	return unicode.IsLetter(r) && !wide(r)
}

// chain gives the end of a chain of words joined by dots, at-signs, slashes and
// the like without spaces: file names, domains, addresses, calls. It is i where
// there is none.
func chain(t string, start, i int) int {
	const joints = ".@:/_+=&?%#~$"
	end := i
	strong := false
	for n := 0; end < len(t) && n < 4096; n++ {
		b := t[end]
		switch {
		case class[b]&cWord != 0 || b == '-' && end+1 < len(t) && class[t[end+1]]&cWord != 0 && strong:
			end++
			continue
		case b == '.' || b == '@' || b == '+' && strings.IndexByte(t[end:min(len(t), end+40)], '@') > 0:
			if end+1 >= len(t) || class[t[end+1]]&cWord == 0 {
				goto done
			}
			// A full stop without a space behind it, before the next sentence.
			if b == '.' && !strong && class[t[end+1]]&cUpper != 0 && end+2 < len(t) && class[t[end+2]]&cLower != 0 {
				goto done
			}
			strong = true
			end++
			continue
		case b == ':' && strings.HasPrefix(t[end:], "://"), b == ':' && strings.HasPrefix(t[end:], "::"):
			strong = true
			end += 2
			continue
		case strong && strings.IndexByte(joints, b) >= 0:
			if end+1 >= len(t) || class[t[end+1]]&cWord == 0 && t[end+1] != '/' {
				goto done
			}
			end++
			continue
		}
		goto done
	}
done:
	if !strong {
		return i
	}
	return end
}

// wide reports whether a script is written without spaces between words.
func wide(c rune) bool {
	return c == 0x3005 || c >= 0x2E80 && c < 0xA4D0 && c != 0x3000 && !(c > 0x3000 && c < 0x3040) || c >= 0xF900 && c < 0xFB00 || c >= 0x0E00 && c < 0x0F00 || c >= 0x20000 && c < 0x32000
}

// maxHan bounds the bytes of one token of a script without spaces.
const maxHan = 240

func han(dst []Token, t string, i int) ([]Token, int) {
	start := i
	for i < len(t) && i-start < maxHan {
		c, n := utf8.DecodeRuneInString(t[i:])
		if !wide(c) {
			break
		}
		i += n
	}
	return append(dst, Token{Start: int32(start), End: int32(i), Hash: 6, Kind: Han, Shape: Uncased}), i
}
