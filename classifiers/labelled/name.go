package labelled

import (
	"unicode/utf8"
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
		w := read(t, p)
		owner := possessive(t, &w)
		if w.end == w.start || w.digits || w.letters == 0 {
			break
		}
		if w.class&company != 0 && n.parts > 0 && (w.capital || w.letters > 3) {
			n.companyish = true
			break
		}
		single := w.letters == 1 && w.end-w.start == 1
		if w.class&suffix != 0 && n.parts > 0 && w.capital && w.letters <= 3 {
			n.end = w.end
			return finish(t, n)
		}
		joins := w.class&particle != 0 && !w.capital
		f := fame{}
		if !single && !joins {
			f = lookup(t[w.start:w.end])
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
			n.end = w.end
		}
		p = w.end
		if owner {
			break
		}
		if at(t, p) == '.' && (single || w.letters == 2 && n.parts > 0 && w.capital) && (at(t, p+1) == ' ' || single && isAlpha(at(t, p+1))) {
			p++
			if at(t, p) != ' ' {
				continue // J.R.
			}
		}
		sp := blanks(t, p)
		if sp != 1 && !(sp == 2 && at(t, p) == 0xC2) {
			break
		}
		p += sp
	}
	return shut(t, n, how)
}

// add counts a word of more than one letter.
func (n *name) add(w word, f fame, bound bool) {
	n.full++
	if f.known {
		n.known++
	}
	if f.common {
		n.common++
	}
	n.place = n.place || f.place
	if w.lower {
		n.upper = false
	}
	if !w.capital && !bound {
		n.small = true
	}
}

// takes reports whether a word can be the next part of the name.
func (n *name) takes(t string, w word, f fame, single bool, how style) bool {
	bad := w.class&(stop|month) != 0 && w.class&particle == 0
	switch {
	case single:
		return w.capital
	case humps(t, w), n.parts == 0 && !w.capital && w.class&(goesOn|placeholder) != 0:
		return false
	case bad && !(n.parts > 0 && n.known == n.full && n.full > 0 && w.capital && f.surname && !n.upper):
		// Price and May are surnames behind a given name.
		return w.class&month != 0 && w.class&stop == 0 && f.given && w.capital
	case w.class&(role|strongName|lister|after|nameWord) != 0 && w.class&particle == 0 && (n.parts > 0 || !w.capital) && !(f.known && !f.common && w.class&(role|after) == 0):
		return false
	case w.class&title != 0 && w.class&particle == 0 && n.parts > 0 && !f.surname:
		return false
	case !w.capital && !bound(t, w):
		return how.small && (n.parts == 0 || f.known && n.parts < 4 && w.class&goesOn == 0)
	case n.full > 0 && !n.upper && !w.lower && w.letters <= 5 && caseless(t, w) == 0 && w.class&particle == 0:
		return false // an abbreviation behind a name: DOB, MRN
	case n.full >= 2 && f.common && !f.known:
		return false // a word of the sentence
	}
	return n.parts < maxParts-1
}

// humps reports whether a word changes to capitals inside as identifiers do;
// McKay, DeLuca and O'Brien do not.
func humps(t string, w word) bool {
	for i := w.start + 4; i < w.end; i++ {
		if c := t[i]; 'A' <= c && c <= 'Z' && 'a' <= t[i-1] && t[i-1] <= 'z' {
			return true
		}
	}
	return false
}

// possessive cuts the ending off a word: Cook's, Ahmet'in. It tells whether there
// was one.
func possessive(t string, w *word) bool {
	for i := w.start + 3; i < w.end; i++ {
		k := joint(t, i)
		if k == 0 || t[i] == '-' || k == 3 && t[i+2] != 0x99 {
			continue
		}
		if c := at(t, i+k); w.end-i-k <= 5 && ('a' <= c && c <= 'z' || c == 'S' && w.end-i-k == 1 || c >= 0xC3) {
			*w = read(t[:i], w.start)
			return true
		}
		return false
	}
	return false
}

// caseless is the number of letters of scripts without case in a word.
func caseless(t string, w word) (n int) {
	for _, r := range t[w.start:w.end] {
		if r >= 0x590 {
			n++
		}
	}
	return n
}

// bound reports whether a word begins with a small particle that is joined to a
// capital: d'Angelo, al-Rashid, 't-Hooft.
func bound(t string, w word) bool {
	if w.capital {
		return false
	}
	for i := w.start; i < min(w.end, w.start+4); i++ {
		if k := joint(t, i); k > 0 && i+k < w.end {
			c := at(t, i+k)
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
	if how.comma && n.full <= 3 && at(t, n.end) == ',' && (at(t, n.end+1) == ' ' || isAlpha(at(t, n.end+1))) {
		i := n.end + 1
		if at(t, i) == ' ' {
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
	switch c := at(t, p); {
	case c == '@', c == '_', c == '\\' && at(t, p+1) != 'n' && at(t, p+1) != 'r' && at(t, p+1) != '"':
		return n, false
	case isDigit(c), c == '(' && !spaced(t, p), c == '=' && at(t, p+1) == '>', c == ':' && at(t, p+1) == ':':
		return n, false
	case c == '.' && (isAlpha(at(t, p+1)) || at(t, p+1) >= utf8.RuneSelf):
		return n, false
	}
	// & Sons, und Partner
	if q := p + blanks(t, p); q > p && at(t, q) == '&' {
		n.companyish = true
	}
	return n, true
}

func spaced(t string, i int) bool { return i > 0 && t[i-1] == ' ' }

// skipTitles skips the titles that begin at i.
func skipTitles(t string, i int) int {
	for range 4 {
		w := read(t, i)
		if w.end == w.start || w.class&title == 0 || w.digits {
			return i
		}
		p := w.end
		dot := at(t, p) == '.'
		if dot {
			p++
		}
		if w.letters <= 2 && !dot && !longTitle(t[w.start:w.end]) {
			return i
		}
		sp := blanks(t, p)
		if sp == 0 && !(dot && isAlpha(at(t, p))) {
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
