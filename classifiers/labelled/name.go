package labelled

import (
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers/words"
)

// name is a run of words that can be a person's name.
type name struct {
	start, end int
	parts      int  // words that are no particles, initials included
	full       int  // of them, words of more than one letter
	upper      bool // all in capitals
	small      bool // in small letters
	known      int  // parts that the gazetteer has as a name
	common     int  // parts that are words of the language
	proper     bool // begins with a given name and ends with a surname
	place      bool // a part is a large place
	comma      bool // LAST, First
	companyish bool // a word of firms follows or belongs to it
}

// style says what a name may look like.
type style struct {
	small bool // in small letters
	comma bool // LAST, First
}

// maxParts bounds the words of a name.
const maxParts = 6

// nameAt reads the name that begins at i.
func nameAt(t string, i int, how style) (name, bool) {
	p := skipTitles(t, i)
	n := name{start: p, end: p, upper: true}
	first := false
	for range maxParts {
		w := lexicon.Read(t, p)
		owner := possessive(t, &w)
		if w.End == w.Start || w.Digits || w.Letters == 0 {
			break
		}
		if w.Class&company != 0 && n.parts > 0 && (w.Capital || w.Letters > 3) {
			n.companyish = true
			break
		}
		single := w.Letters == 1 && w.End-w.Start == 1
		if w.Class&suffix != 0 && n.parts > 0 && w.Capital && w.Letters <= 3 {
			n.end = w.End
			return finish(t, n)
		}
		joins := w.Class&particle != 0 && !w.Capital
		f := fame{}
		if !single && !joins {
			f = lookup(t[w.Start:w.End])
		}
		if !joins && !n.takes(t, w, f, single, how) {
			break
		}
		if !joins {
			n.parts++
			if !single {
				if n.full == 0 {
					first = f.given
				}
				n.add(w, f, bound(t, w))
				n.proper = first && n.full > 1 && f.surname
			}
			n.end = w.End
		}
		p = w.End
		if owner {
			break
		}
		if words.At(t, p) == '.' && (single || w.Letters == 2 && n.parts > 0 && w.Capital) && (words.At(t, p+1) == ' ' || single && words.IsLetter(words.At(t, p+1))) {
			p++
			if words.At(t, p) != ' ' {
				continue // J.R.
			}
		}
		sp := words.Blanks(t, p)
		if sp != 1 && !(sp == 2 && words.At(t, p) == 0xC2) {
			break
		}
		p += sp
	}
	return shut(t, n, how)
}

// add counts a word of more than one letter.
func (n *name) add(w words.Word, f fame, bound bool) {
	n.full++
	if f.known {
		n.known++
	}
	if f.common {
		n.common++
	}
	n.place = n.place || f.place
	if w.Lower {
		n.upper = false
	}
	if !w.Capital && !bound {
		n.small = true
	}
}

// takes reports whether a word can be the next part of the name.
func (n *name) takes(t string, w words.Word, f fame, single bool, how style) bool {
	bad := w.Class&(stop|month) != 0 && w.Class&particle == 0
	switch {
	case single:
		return w.Capital
	case humps(t, w), n.parts == 0 && !w.Capital && w.Class&(goesOn|placeholder) != 0:
		return false
	case bad && !(n.parts > 0 && n.known == n.full && n.full > 0 && w.Capital && f.surname && !n.upper):
		// Price and May are surnames behind a given name.
		return w.Class&month != 0 && w.Class&stop == 0 && f.given && w.Capital
	case w.Class&(role|strongName|lister|after|nameWord) != 0 && w.Class&particle == 0 && (n.parts > 0 || !w.Capital) && !(f.known && !f.common && w.Class&(role|after) == 0):
		return false
	case w.Class&title != 0 && w.Class&particle == 0 && n.parts > 0 && !f.surname:
		return false
	case !w.Capital && !bound(t, w):
		return how.small && (n.parts == 0 || f.known && n.parts < 4 && w.Class&goesOn == 0)
	case n.full > 0 && !n.upper && !w.Lower && w.Letters <= 5 && caseless(t, w) == 0 && w.Class&particle == 0:
		return false // an abbreviation behind a name: DOB, MRN
	case n.full >= 2 && f.common && !f.known:
		return false // a word of the sentence
	}
	return n.parts < maxParts-1
}

// humps reports whether a word changes to capitals inside as identifiers do;
// McKay, DeLuca and O'Brien do not.
func humps(t string, w words.Word) bool {
	for i := w.Start + 4; i < w.End; i++ {
		if c := t[i]; 'A' <= c && c <= 'Z' && 'a' <= t[i-1] && t[i-1] <= 'z' {
			return true
		}
	}
	return false
}

// possessive cuts the ending off a word: Cook's, Ahmet'in. It tells whether there
// was one.
func possessive(t string, w *words.Word) bool {
	for i := w.Start + 3; i < w.End; i++ {
		k := words.Joint(t, i)
		if k == 0 || t[i] == '-' || k == 3 && t[i+2] != 0x99 {
			continue
		}
		if c := words.At(t, i+k); w.End-i-k <= 5 && ('a' <= c && c <= 'z' || c == 'S' && w.End-i-k == 1 || c >= 0xC3) {
			*w = lexicon.Read(t[:i], w.Start)
			return true
		}
		return false
	}
	return false
}

// caseless is the number of letters of scripts without case in a word.
func caseless(t string, w words.Word) (n int) {
	for _, r := range t[w.Start:w.End] {
		if r >= 0x590 {
			n++
		}
	}
	return n
}

// bound reports whether a word begins with a small particle that is joined to a
// capital: d'Angelo, al-Rashid, 't-Hooft.
func bound(t string, w words.Word) bool {
	if w.Capital {
		return false
	}
	for i := w.Start; i < min(w.End, w.Start+4); i++ {
		if k := words.Joint(t, i); k > 0 && i+k < w.End {
			c := words.At(t, i+k)
			return 'A' <= c && c <= 'Z' || c >= 0xC3
		}
	}
	return false
}

// shut ends a name: with what follows a comma where that is the form.
func shut(t string, n name, how style) (name, bool) {
	if n.parts == 0 || n.full == 0 {
		return n, false
	}
	if how.comma && n.full <= 3 && words.At(t, n.end) == ',' && (words.At(t, n.end+1) == ' ' || words.IsLetter(words.At(t, n.end+1))) {
		i := n.end + 1
		if words.At(t, i) == ' ' {
			i++
		}
		if m, ok := nameAt(t, i, style{small: how.small && n.small}); ok && m.start == i && m.parts <= 3 && !m.companyish && (m.upper == n.upper || m.full < m.parts) && (m.known > 0 || n.parts == 1 && m.common == 0) {
			n.end, n.comma = m.end, true
			n.parts += m.parts
			n.full += m.full
			n.known += m.known
			n.common += m.common
			n.proper = m.known > 0
		}
	}
	return finish(t, n)
}

// finish looks at what follows a name.
func finish(t string, n name) (name, bool) {
	p := n.end
	switch c := words.At(t, p); {
	case c == '@', c == '_', c == '\\' && words.At(t, p+1) != 'n' && words.At(t, p+1) != 'r' && words.At(t, p+1) != '"':
		return n, false
	case words.IsDigit(c), c == '(' && !spaced(t, p), c == '=' && words.At(t, p+1) == '>', c == ':' && words.At(t, p+1) == ':':
		return n, false
	case c == '.' && (words.IsLetter(words.At(t, p+1)) || words.At(t, p+1) >= utf8.RuneSelf):
		return n, false
	}
	// & Sons, und Partner
	if q := p + words.Blanks(t, p); q > p && words.At(t, q) == '&' {
		n.companyish = true
	}
	return n, true
}

func spaced(t string, i int) bool { return i > 0 && t[i-1] == ' ' }

// skipTitles skips the titles that begin at i.
func skipTitles(t string, i int) int {
	for range 4 {
		w := lexicon.Read(t, i)
		if w.End == w.Start || w.Class&title == 0 || w.Digits {
			return i
		}
		p := w.End
		dot := words.At(t, p) == '.'
		if dot {
			p++
		}
		if w.Letters <= 2 && !dot && !longTitle(t[w.Start:w.End]) {
			return i
		}
		sp := words.Blanks(t, p)
		if sp == 0 && !(dot && words.IsLetter(words.At(t, p))) {
			return i
		}
		i = p + sp
	}
	return i
}

// longTitle reports whether a title of two letters stands without a full stop.
func longTitle(w string) bool {
	switch w {
	case "Dr", "Mr", "Ms", "Mx", "DR", "MR", "MS", "Hr", "Fr", "Sr", "mr", "dr", "ms", "mw", "Sn":
		return true
	}
	return false
}

// likely reports whether a name has the form of a full name: two words or more,
// none of a firm.
func (n name) two() bool { return n.parts >= 2 && n.full >= 1 && !n.companyish }
