package health

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
)

// lexicon is a list of words and phrases that is looked up by prefixes of words,
// and, for scripts without ASCII letters, by first characters. It is not written
// after it is made.
type lexicon struct {
	prefixes []string       // literals of the scanner
	under    [][]hook       // by prefix: the entries that it may begin
	entries  []entry        //
	wide     map[rune][]int // entries without an ASCII letter by first character
	first    [4096]bool     // those characters, hashed
}

// entry is one word or phrase.
type entry struct {
	text  string // in lower case, but for exact ones
	exact bool   // capitals are meant
	stem  bool   // letters may follow
	vague bool   // it has other uses
	kind  int8   // what the list says that it is
}

// hook is an entry and where in it the prefix stands.
type hook struct{ entry, offset int }

// Bounds of lexicons.
const (
	maxPrefix = 5  // letters of a literal
	minPrefix = 2  // shorter runs of ASCII letters are passed over
	maxEnding = 12 // bytes that may follow a stem
)

// newLexicon reads lists: entries end at a semicolon or line end, # begins a
// comment, * ends a stem, ~ begins a word of other uses. The kind of an entry is the number of its list.
func newLexicon(lists ...string) *lexicon {
	l := &lexicon{wide: map[rune][]int{}}
	index := map[string]int{}
	seen := map[string]bool{}
	for kind, list := range lists {
		for line := range strings.Lines(list) {
			line, _, _ = strings.Cut(line, "#")
			for _, w := range strings.Split(line, ";") {
				if w = strings.TrimSpace(w); w == "" || seen[w] {
					continue
				}
				seen[w] = true
				l.add(w, int8(kind), index)
			}
		}
	}
	// Longer entries of a prefix come first.
	for _, u := range l.under {
		slices.SortStableFunc(u, func(a, b hook) int { return len(l.entries[b.entry].text) - len(l.entries[a.entry].text) })
	}
	for _, w := range l.wide {
		slices.SortStableFunc(w, func(a, b int) int { return len(l.entries[b].text) - len(l.entries[a].text) })
	}
	return l
}

func (l *lexicon) add(w string, kind int8, index map[string]int) {
	e := entry{kind: kind}
	w, e.vague = strings.CutPrefix(w, "~")
	e.text, e.stem = strings.CutSuffix(w, "*")
	if head, _, _ := strings.Cut(e.text, " "); len(head) > 1 && strings.ToUpper(head) == head && strings.ToLower(head) != head {
		e.exact = true
	} else {
		e.text = strings.ToLower(e.text)
	}
	n := len(l.entries)
	l.entries = append(l.entries, e)
	at, end := run(e.text)
	if at < 0 {
		r, _ := utf8.DecodeRuneInString(e.text)
		l.wide[r] = append(l.wide[r], n)
		l.first[r%4096] = true
		return
	}
	lit := strings.ToLower(e.text[at:end])
	i, ok := index[lit]
	if !ok {
		i = len(l.prefixes)
		index[lit] = i
		l.prefixes = append(l.prefixes, lit)
		l.under = append(l.under, nil)
	}
	l.under[i] = append(l.under[i], hook{n, at})
}

// run gives the first run of ASCII letters that is long enough for a literal, -1
// where there is none.
func run(w string) (start, end int) {
	for _, least := range [...]int{4, 3, minPrefix} {
		for i := 0; i < len(w); i++ {
			j := i
			for j < len(w) && letter(w[j]) {
				j++
			}
			if j-i >= least {
				return i, min(j, i+maxPrefix)
			}
			i = j
		}
	}
	return -1, 0
}

// at gives the longest entry that the word with the prefix at start begins, and
// its place; ok is false where there is none.
func (l *lexicon) at(text string, prefix, start int) (e *entry, from, to int) {
	for _, h := range l.under[prefix] {
		c := &l.entries[h.entry]
		i := start - h.offset
		if i < 0 || c.exact && !strings.HasPrefix(text[i:], c.text) {
			continue
		}
		if j := c.match(text, i); j > 0 {
			return c, i, j
		}
	}
	return nil, 0, 0
}

// match gives the end of the entry where text has it at i as whole words, 0
// elsewhere.
func (c *entry) match(text string, i int) int {
	if i > 0 && i < len(text) && lettersMeet(text, i) {
		return 0
	}
	w := c.text
	for k := 0; k < len(w); {
		if i >= len(text) {
			return 0
		}
		a, b := w[k], text[i]
		if a < utf8.RuneSelf && a != ' ' && a != '\'' {
			if !c.exact && 'A' <= b && b <= 'Z' {
				b |= 0x20
			}
			if a != b {
				return 0
			}
			k++
			i++
			continue
		}
		switch a {
		case ' ':
			n := 0
			for i < len(text) && n < 3 && (text[i] == ' ' || text[i] == '-' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
				i++
				n++
			}
			if n == 0 {
				return 0
			}
			k++
		case '\'':
			switch {
			case b == '\'' || b == '`':
				i++
			case strings.HasPrefix(text[i:], "’"):
				i += len("’")
			default:
				return 0
			}
			k++
		default:
			x, n := utf8.DecodeRuneInString(w[k:])
			y, m := utf8.DecodeRuneInString(text[i:])
			if x != y && (c.exact || unicode.ToLower(y) != x) {
				return 0
			}
			k += n
			i += m
		}
	}
	from := i
	for i < len(text) && i-from <= maxEnding && lettersMeet(text, i) {
		if !c.stem && !plural(text, from, i) {
			return 0
		}
		_, n := utf8.DecodeRuneInString(text[i:])
		i += n
	}
	if i-from > maxEnding {
		return 0
	}
	return i
}

// plural reports whether the letter at i is an s that ends the word.
func plural(text string, from, i int) bool {
	return i == from && text[i]|0x20 == 's' && (i+1 >= len(text) || !lettersMeet(text, i+1))
}

// lettersMeet reports whether a word goes on over i: letters on both sides.
// Characters of scripts without spaces never do.
func lettersMeet(text string, i int) bool {
	if i == 0 || i >= len(text) {
		return false
	}
	a, b := text[i-1], text[i]
	if a < utf8.RuneSelf && !letter(a) && !digit(a) && a != '_' || b < utf8.RuneSelf && !letter(b) && !digit(b) && b != '_' {
		return false
	}
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return true
	}
	x, _ := utf8.DecodeLastRuneInString(text[:i])
	y, _ := utf8.DecodeRuneInString(text[i:])
	return joined(x) && joined(y)
}

// joined reports whether a character is part of words that spaces divide. Marks
// are: those of Devanagari follow their letters.
func joined(r rune) bool {
	return r < 0x2E80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

// firstWide is the first byte in UTF-8 of the characters that wide entries begin
// with: Devanagari, and what is written in Japan and China.
const firstWide = 0xE0

// scan calls f for every wide entry in text[from:to], in order. It is quick over
// text that has none of their characters.
func (l *lexicon) scan(text string, from, to int, f func(e *entry, start, end int)) {
	for i := wideAt(text, from, to); i < to; i = wideAt(text, i, to) {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !l.first[r%4096] {
			i += n
			continue
		}
		next := i + n
		for _, k := range l.wide[r] {
			e := &l.entries[k]
			if !strings.HasPrefix(text[i:], e.text) {
				continue
			}
			if j := e.match(text, i); j > 0 {
				f(e, i, j)
				next = j
				break
			}
		}
		i = next
	}
}

// wideAt gives the place of the first byte from firstWide on in text[i:to], to
// where there is none.
func wideAt(text string, i, to int) int {
	for ; i+32 <= to; i += 32 {
		w := text[i : i+32]
		a, b, c, d := word64(w), word64(w[8:]), word64(w[16:]), word64(w[24:])
		// The three upper bits of a byte are set from 0xE0 on.
		if (a&(a<<1)&(a<<2)|b&(b<<1)&(b<<2)|c&(c<<1)&(c<<2)|d&(d<<1)&(d<<2))&0x8080808080808080 != 0 {
			break
		}
	}
	for i < to && text[i] < firstWide {
		i++
	}
	return i
}

// word64 reads eight bytes; the compiler makes one load of it.
func word64(t string) uint64 {
	_ = t[7]
	return uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
}

func letter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

func digit(b byte) bool { return '0' <= b && b <= '9' }

func alnum(b byte) bool { return letter(b) || digit(b) }

// judged makes the interest that hands the entries of a lexicon to a judge.
func (l *lexicon) judged(judge func(s *classifiers.Scan, e *entry, start, end int)) classifiers.Interest {
	return classifiers.Interest{Shape: classifiers.Prefix, Literals: l.prefixes, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
		if e, from, to := l.at(s.Text, c.Literal, c.Start); e != nil {
			judge(s, e, from, to)
			s.Resume(to)
		}
	}}
}
