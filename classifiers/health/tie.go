package health

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// What stands around a diagnosis: words are weighed by what they say.
const (
	sayPerson  = iota // somebody in particular is spoken of
	sayHealth         // somebody's health is
	sayGeneral        // people are spoken of, or a word is explained
	says
)

// reach is how far around a diagnosis words count, in bytes; near is where they
// count in full.
const (
	reach = 120
	near  = 48
)

// word is what a cue word says, and how much.
type word struct {
	say, weight int8
	after       bool // it counts in full behind the place as well
}

// cues are the words by their lower-case form, and the parts of scripts that are
// written without spaces.
type cues struct {
	key   *classifiers.Cue // names of fields that say what C does
	small int              // see tie.small
	words map[string][]word
	parts map[rune][]part // by first character
}

type part struct {
	text string
	word word
}

//go:embed cues.txt
var cueList string

var tieCues = readCues(cueList, recordKey, attach)

// readCues reads lines of a letter, a weight and words.
func readCues(list string, key *classifiers.Cue, small int) *cues {
	c := &cues{key: key, small: small, words: map[string][]word{}, parts: map[rune][]part{}}
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0][0] == '#' {
			continue
		}
		w := word{int8(strings.IndexByte("PCG", f[0][0])), int8(f[0][1] - '0'), false}
		if f[0][0] == 'S' {
			w.say, w.after = sayHealth, true
		}
		for _, x := range f[1:] {
			if r, _ := utf8.DecodeRuneInString(x); r >= 0x2E80 {
				if p := (part{x, w}); !slices.Contains(c.parts[r], p) {
					c.parts[r] = append(c.parts[r], p)
				}
				continue
			}
			if i := strings.IndexAny(x, "'.-"); i >= 0 {
				x = x[:i] // words end there
			}
			if !slices.Contains(c.words[x], w) {
				c.words[x] = append(c.words[x], w)
			}
		}
	}
	return c
}

// tie is what the text around a place says.
type tie struct {
	weight [says]int
	bound  bool // a possessive stands directly before
	linked bool // a small word of linking does: has, is
	small  int  // how near that has to be
}

// around weighs the words on both sides of [start, end) in the same paragraph.
func (c *cues) around(s *classifiers.Scan, start, end int) (t tie) {
	text := s.Text
	t.small = c.small
	from, to := max(0, start-reach), min(len(text), end+reach)
	if i := strings.LastIndex(text[from:start], "\n\n"); i >= 0 {
		from += i + 2
	}
	if i := strings.Index(text[end:to], "\n\n"); i >= 0 {
		to = end + i
	}
	for from < start && !utf8.RuneStart(text[from]) {
		from++
	}
	for to < len(text) && to > end && !utf8.RuneStart(text[to]) {
		to--
	}
	c.side(text[from:start], true, &t)
	if labelled(text[from:start]) && t.weight[sayHealth] >= 2 {
		t.weight[sayHealth] += 2
	}
	c.side(text[end:to], false, &t)
	t.weight[sayPerson] += aged(text[from:to])
	for _, f := range [...]string{text[from:start], text[end:to]} {
		if named(f) {
			t.weight[sayPerson]++
			break
		}
	}
	if heading(text[from:start]) {
		t.weight[sayHealth] += 2
	}
	switch d := s.Near(c.key, start, end); {
	case s.KeyHas(c.key):
		t.weight[sayHealth] += 4
	case d <= columnReach:
		t.weight[sayHealth] += 2
	}
	if s.KeyHas(personKey) {
		t.weight[sayPerson] += 2
	}
	return t
}

var (
	recordKey = classifiers.NewCue("diagnosis", "diagnoses", "condition", "conditions", "medical", "allergies", "medication", "medications", "illness", "disease", "anamnesis", "diagnose", "diagnostic", "diagnóstico", "diagnosi", "rozpoznanie", "tanı", "診断", "病名", "诊断")
	personKey = classifiers.NewCue("patient", "employee", "member", "person", "customer", "insured")
)

// columnReach is the distance at which the header of a column counts.
const columnReach = 8

// side weighs the words of one side. Parts of longer runs count once each.
func (c *cues) side(t string, before bool, out *tie) {
	var buf [40]byte
	var seen [8]string
	parts := 0
	dist := func(i, j int) int {
		if before {
			return len(t) - j
		}
		return i
	}
	for i := 0; i < len(t); {
		r, n := rune(t[i]), 1
		if t[i] >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(t[i:])
		}
		if !joined(r) {
			if r >= 0x2E80 {
				for _, p := range c.parts[r] {
					if strings.HasPrefix(t[i:], p.text) && parts < len(seen) && !slices.Contains(seen[:parts], p.text) {
						seen[parts] = p.text
						parts++
						out.add(p.word, dist(i, i+len(p.text)), before)
					}
				}
			}
			i += n
			continue
		}
		// A word: letters, lower-cased into buf.
		j, k := i, 0
		for j < len(t) {
			r, n = rune(t[j]), 1
			if t[j] >= utf8.RuneSelf {
				r, n = utf8.DecodeRuneInString(t[j:])
			}
			if !joined(r) {
				break
			}
			if k+utf8.UTFMax <= len(buf) {
				k += utf8.EncodeRune(buf[k:], unicode.ToLower(r))
			}
			j += n
		}
		for _, w := range c.words[string(buf[:k])] {
			out.add(w, dist(i, j), before)
		}
		i = j
	}
}

// Distances, in bytes, at which words bind: a possessive with one word between,
// a small word directly.
const (
	bind   = 14
	attach = 6
)

// add counts one word: less where it is far; each kind up to a limit.
func (t *tie) add(w word, dist int, before bool) {
	n := int(w.weight)
	switch w.say {
	case sayPerson:
		switch {
		case n >= 3 && before && dist <= bind:
			t.bound = true
		case n > 3:
			return
		case before && dist <= attach/2:
			t.linked = true
			t.weight[sayHealth] = max(t.weight[sayHealth], 1)
		}
		n = min(n, 2)
	case sayHealth:
		switch {
		case n == 1 && (!before && !w.after || dist > t.small):
			return // small words bind what follows directly
		case n == 1:
			t.linked = true
		case dist > near || !before && dist > near/2:
			n--
		}
		if !before && !w.after {
			n = min(n, 1)
		}
	}
	if w.say != sayHealth && dist > near {
		n = max(1, n-1)
	}
	t.weight[w.say] = min(t.weight[w.say]+n, maxSay)
}

// maxSay is the most that one kind of words weighs.
const maxSay = 4

// level makes a likelihood of what was said. A vague word needs more.
func (t tie) level(vague bool) proxy.Likelihood {
	p, h, g := t.weight[sayPerson], t.weight[sayHealth], t.weight[sayGeneral]
	if t.bound && !vague {
		h++
	}
	switch {
	case p >= 2 && h >= 3 && g == 0:
		return proxy.VeryLikely
	case vague && h < 2:
		return proxy.Unlikely
	case p >= 2 && h >= 1 && g == 0, p >= 1 && h >= 2 && g < 2, h >= 3 && g == 0, p >= 2 && h >= 3 && g < 3, p >= 2 && h >= 1 && t.linked && g < 2 && !vague:
		return proxy.Likely
	case p+h >= 2:
		return proxy.Possible
	}
	return proxy.Unlikely
}

// labelled reports whether a text ends in a colon or an equals sign, and perhaps
// quotes, as the labels of forms do.
func labelled(t string) bool {
	t = strings.TrimRight(t, " \"'")
	return strings.HasSuffix(t, ":") || strings.HasSuffix(t, "=") || strings.HasSuffix(t, ":")
}

// heading reports whether a text ends in a letter and a colon, as the parts of a
// doctor's note begin: A: asthma.
func heading(t string) bool {
	t = strings.TrimRight(t, " ")
	n := len(t)
	return n > 2 && t[n-1] == ':' && 'A' <= t[n-2] && t[n-2] <= 'Z' && !alnum(t[n-3])
}

// aged gives 2 where a text has somebody's age (42 y/o, 46F, (73歳)), 1 where it
// may be one or a duration (58 años), 0 elsewhere.
func aged(t string) (weight int) {
	for i := 0; i < len(t); i++ {
		if !digit(t[i]) || i > 0 && digit(t[i-1]) || i > 1 && (t[i-1] == '.' || t[i-1] == ',') && digit(t[i-2]) {
			continue
		}
		j := i + 1
		if j < len(t) && digit(t[j]) {
			j++
		}
		if j >= len(t) || digit(t[j]) {
			continue
		}
		rest := t[j:]
		if rest[0] == ' ' || rest[0] == '-' {
			rest = rest[1:]
		}
		if rest == "" || !ageStart[rest[0]] {
			continue
		}
		for n, list := range ages {
			for _, u := range list {
				if strings.HasPrefix(rest, u) && !lettersMeet(rest, len(u)) && (len(u) > 1 || t[j] == u[0]) {
					weight = max(weight, n+1)
				}
			}
		}
	}
	return weight
}

// ages are what follows the number of an age: units of time, and what says more.
var ages = [2][]string{
	{"ans", "años", "anni", "lat", "anos", "jaar", "år", "Jahre", "yrs"},
	{"y/o", "yo", "years old", "year old", "year-old", "yr old", "yr-old", "F", "M", "jährig", "jähriger", "jährige", "J.", "åring", "yaş", "yaşında", "歳", "岁", "歲", "साल", "वर्ष", "वर्षीय"},
}

// ageStart are the first bytes of ages.
var ageStart = func() (t [256]bool) {
	for _, list := range ages {
		for _, u := range list {
			t[u[0]] = true
		}
	}
	return t
}()

// named reports whether two capitalised words stand side by side, as those of a
// name do. It is a weak sign: German capitalises every noun.
func named(t string) bool {
	before := false // the word before was capitalised
	for i := 0; i < len(t); {
		r, n := utf8.DecodeRuneInString(t[i:])
		if !joined(r) {
			before = before && r == ' '
			i += n
			continue
		}
		letters, upper := 0, 0
		for i < len(t) {
			x, m := utf8.DecodeRuneInString(t[i:])
			if !joined(x) {
				break
			}
			if unicode.IsUpper(x) {
				upper++
			}
			letters++
			i += m
		}
		title := unicode.IsUpper(r) && upper == 1 && letters > 2
		if title && before {
			return true
		}
		before = title
	}
	return false
}
