package national

import (
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/stdnum"
	"github.com/ostiary/ostiary/proxy"
)

// Bounds of one candidate.
const (
	maxWords   = 9  // words of a number as it is written
	maxCompact = 40 // characters of a number without separators
	minBare    = 7  // digits of a number that may stand alone
	maxHits    = 24 // formats that one span is weighed for
	// weakFindings bounds what is reported below possible in one segment: in a
	// text with thousands of numbers, one that could be anything says nothing.
	weakFindings = 128
)

// entry is a format as the detector sees it.
type entry struct {
	format   *stdnum.Format
	typ      *classifiers.Type
	beside   *classifiers.Type // a second type that is reported with it, or nil
	cue      *classifiers.Cue  // words that name this number
	terse    *classifiers.Cue  // words that name it where they stand right before it, or nil
	either   *classifiers.Cue  // both
	hint     *classifiers.Cue  // words that go with it and with much else, or nil
	home     *country          // nil for formats of no one country
	strength int               // what the check is worth, in tenths of a decade
	known    bool              // a number that recognisers of the field look for bare
	refine   func(string) bool // what is known beyond the format's check, or nil
	rank     int               // how usual it is, for numbers that share a word
	foreign  bool              // asks for a word that points to its country
	doubtful bool              // valid in form only
	labelled bool              // found at possible and above beside its words only
	clean    separators        // those that mean nothing in the format
}

// separators is a set of separators, a bit each by sepIndex.
type separators uint8

const spaces separators = 1 << 1

// cleanOf gives the separators that mean nothing in a format.
func cleanOf(f *stdnum.Format) (set separators) {
	for i := range len(f.Clean) {
		if n := sepIndex(f.Clean[i]); n > 0 {
			set |= 1 << n
		}
	}
	return set
}

// separatorsOf gives the separators of ASCII between words.
func separatorsOf(text string, g []classifiers.Group) (set separators) {
	for _, x := range g[1:] {
		if n := sepIndex(text[x.Start-1]); n > 0 {
			set |= 1 << n
		}
	}
	return set
}

// literal is a character that a shape asks for.
type literal struct {
	at int
	c  byte
}

// single is a shape of one word.
type single struct {
	*entry
	letters, digits uint64 // positions, the first character in bit 0
	literals        []literal
	worth           int // of the shape, in tenths of a decade
}

// fits reports whether a word of the shape's length has its letters and digits
// where the shape wants them.
func (p *single) fits(word string, letters uint64) bool {
	if letters&p.digits != 0 || letters&p.letters != p.letters {
		return false
	}
	for _, l := range p.literals {
		if upper(word[l.at]) != l.c {
			return false
		}
	}
	return true
}

// written is a form with separators that ends in a node.
type written struct {
	*entry
	literals []literal // places without separators
	worth    int
}

// fits reports whether the characters are right that the form asks for.
func (w *written) fits(compact string) bool {
	for _, l := range w.literals {
		if l.at >= len(compact) || compact[l.at] != l.c {
			return false
		}
	}
	return true
}

// node is a state of the automaton over words. Words of digits are followed by
// separator and length, others by separator, length and places of letters.
type node struct {
	digits [seps][maxWordDigits + 1]int16
	mixed  [seps]uint64 // lengths of the words with letters that go on, a bit each
	ends   []written
	wild   bool // a word goes on that may be of letters or digits
}

const (
	seps          = 5 // none, space, hyphen, dot, slash
	maxWordDigits = 14
)

// edge is a step of the automaton over a word with letters.
type edge struct {
	from    int16
	sep     int8
	length  int8
	letters uint64
}

// anyLetters stands for a word of which every character may be either.
const anyLetters = math.MaxUint64

// table is every format, compiled.
type table struct {
	nodes  []node
	edges  map[edge]int16
	bare   [maxCompact + 1][]single         // words of digits, by length
	exact  map[layout][]single              // words with letters, by where they are
	free   [maxCompact + 1][]single         // words of which some characters may be either
	counts [maxCompact + 1]uint64           // numbers of letters that exact and free have, a bit each
	union  [maxCompact + 1]*classifiers.Cue // words that may name a number of digits, by length
	mixed  [maxCompact + 1]*classifiers.Cue // and one with letters
	hints  *classifiers.Cue
	named  map[string]*entry // by name of the format
}

// layout is the length of a word and the places of its letters.
type layout struct {
	length  int
	letters uint64
}

// tables compiles the formats on first use.
var tables = sync.OnceValue(func() *table {
	list, hints := entries()
	t := compile(list)
	t.hints = hints
	return t
})

func compile(list []*entry) *table {
	t := &table{nodes: make([]node, 2), edges: map[edge]int16{}, exact: map[layout][]single{}, named: map[string]*entry{}} // node 0 is none, node 1 the root
	var words, mixed [maxCompact + 1]map[string]bool
	for _, e := range list {
		if t.named[e.format.Name] == nil {
			t.named[e.format.Name] = e
		}
		for _, shape := range e.format.Shapes {
			n := len(shape)
			if n > maxCompact || n == 0 || parted[e.format.Name] {
				continue
			}
			p := singleOf(e, shape)
			if p.letters == 0 && n >= minBare { // digits, or either
				q := p
				t.bare[n] = append(t.bare[n], q)
				words[n] = collect(words[n], e)
			}
			mixed[n] = collect(mixed[n], e)
			if p.digits != 1<<n-1 {
				free := n - ones(p.digits|p.letters)
				if free == 0 {
					t.exact[layout{n, p.letters}] = append(t.exact[layout{n, p.letters}], p)
				} else {
					t.free[n] = append(t.free[n], p)
				}
				for k := ones(p.letters); k <= ones(p.letters)+free; k++ {
					t.counts[n] |= 1 << k
				}
			}
		}
		for _, form := range e.format.Written {
			t.add(e, form)
		}
		if !e.doubtful {
			for _, form := range extraForms[e.format.Name] {
				t.add(e, form)
			}
		}
		for _, shape := range e.format.Shapes {
			if strings.ContainsAny(shape, "-./") {
				t.add(e, shape)
			}
			// The code of a country may stand apart: IE 1234567X.
			if len(shape) > 4 && isLower(shape[0]) && isLower(shape[1]) && !isLower(shape[2]) {
				t.add(e, shape[:2]+" "+shape[2:])
			}
		}
	}
	for n := range words {
		if mixed[n] != nil {
			t.mixed[n] = cueOf(mixed[n])
		}
		if words[n] == nil {
			continue
		}
		for _, c := range countries {
			for _, w := range c.words {
				words[n][w] = true
			}
		}
		for _, w := range genericWords {
			words[n][w] = true
		}
		t.union[n] = cueOf(words[n])
	}
	return t
}

// parted are formats that nobody writes in one word.
var parted = words("de.kfz")

// collect adds the words that name a number to a set.
func collect(set map[string]bool, e *entry) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	clear, terse, _ := wordsOf(e.format)
	for _, w := range append(clear, terse...) {
		set[w] = true
	}
	return set
}

// cueOf makes a cue of a set of words.
func cueOf(set map[string]bool) *classifiers.Cue {
	return classifiers.NewCue(slices.Sorted(maps.Keys(set))...)
}

func ones(m uint64) int { return bits.OnesCount64(m) }

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// singleOf compiles a shape.
func singleOf(e *entry, shape string) single {
	p := single{entry: e}
	for i := 0; i < len(shape); i++ {
		switch c := shape[i]; {
		case c == '9':
			p.digits |= 1 << i
		case c == 'A':
			p.letters |= 1 << i
		case c == '*':
		case '0' <= c && c <= '9':
			p.digits |= 1 << i
			p.literals = append(p.literals, literal{i, c})
		case 'a' <= c && c <= 'z':
			p.letters |= 1 << i
			p.literals = append(p.literals, literal{i, upper(c)})
		default:
			p.digits, p.letters = 0, 1<<len(shape)-1 // cannot be met by a word
			p.literals = append(p.literals, literal{i, c})
		}
	}
	p.worth = shapeWorth(shape) + e.strength
	return p
}

// shapeWorth says how rare a shape is among words, in tenths of a decade: each
// change between letters and digits counts, each character that must be that
// one, and length.
func shapeWorth(shape string) int {
	w, last := 0, byte(0)
	for i := 0; i < len(shape); i++ {
		kind := byte('9')
		switch c := shape[i]; {
		case c == '*':
			continue
		case c == 'A':
			kind = 'A'
		case 'a' <= c && c <= 'z':
			kind = 'A'
			w += 7
		case c != '9' && '0' <= c && c <= '9':
			w += 3
		}
		if last != 0 && kind != last {
			w += 5
		}
		last = kind
	}
	if len(shape) >= 14 && strings.ContainsRune(shape, 'A') {
		w += 5
	}
	return w
}

// separatorWorth says what the separators of a form are worth.
func separatorWorth(form string) int {
	w, first, kinds := 0, true, 0
	seen := [seps]bool{}
	for i := 0; i < len(form); i++ {
		n := sepIndex(form[i])
		if n <= 0 {
			continue
		}
		switch {
		case n == 1 && first:
			w += 5
		case n == 1:
			w += 2
		case first:
			w += 8
		default:
			w += 4
		}
		first = false
		if n > 1 && !seen[n] {
			seen[n] = true
			kinds++
		}
	}
	if kinds > 1 {
		w += 6
	}
	return w
}

// sepIndex gives the index of a separator, 0 for none, -1 for what is none.
func sepIndex(c byte) int {
	switch c {
	case classifiers.SepNone:
		return 0
	case ' ':
		return 1
	case '-':
		return 2
	case '.':
		return 3
	case '/':
		return 4
	}
	return -1
}

// add puts a written form into the automaton.
func (t *table) add(e *entry, form string) {
	joined := strings.NewReplacer(" ", "", "-", "", ".", "", "/", "").Replace(form)
	worth := e.strength + separatorWorth(form) + shapeWorth(joined)
	literals := singleOf(e, joined).literals
	at := []int16{1}
	from, sep := 0, 0
	wild := strings.Count(form, "*") > maxEither
	for i := 0; i <= len(form); i++ {
		if i < len(form) && sepIndex(form[i]) <= 0 {
			continue
		}
		var next []int16
		for _, n := range at {
			next = t.step(next, edge{from: n, sep: int8(sep)}, form[from:i], wild)
		}
		if at = next; len(at) == 0 || i == len(form) {
			break
		}
		from, sep = i+1, sepIndex(form[i])
	}
	for _, n := range at {
		t.nodes[n].ends = append(t.nodes[n].ends, written{e, literals, worth})
	}
}

// maxEither is the number of characters of a form that may be either letter or
// digit and are told apart in the automaton.
const maxEither = 4

// step appends the nodes that a word of a form leads to, making them. With wild,
// characters that may be either are not told apart.
func (t *table) step(next []int16, e edge, word string, wild bool) []int16 {
	if word == "" || len(word) > maxCompact {
		return next
	}
	p := singleOf(&entry{}, word)
	free := ^(p.digits | p.letters) & (1<<len(word) - 1)
	e.length = int8(len(word))
	if wild && free != 0 {
		e.letters = anyLetters
		t.nodes[e.from].wild = true
		return append(next, t.word(e))
	}
	for sub := free; ; sub = (sub - 1) & free {
		e.letters = p.letters | sub
		next = append(next, t.word(e))
		if sub == 0 {
			return next
		}
	}
}

func (t *table) word(e edge) int16 {
	if e.letters == 0 && e.length <= maxWordDigits {
		if n := t.nodes[e.from].digits[e.sep][e.length]; n != 0 {
			return n
		}
		t.nodes = append(t.nodes, node{})
		n := int16(len(t.nodes) - 1)
		t.nodes[e.from].digits[e.sep][e.length] = n
		return n
	}
	if n, ok := t.edges[e]; ok {
		return n
	}
	t.nodes = append(t.nodes, node{})
	n := int16(len(t.nodes) - 1)
	t.edges[e] = n
	t.nodes[e.from].mixed[e.sep] |= 1 << e.length
	return n
}

// follow gives the node after a word, 0 where no form goes on so.
func (t *table) follow(from int16, sep int, text string, g classifiers.Group) int16 {
	n := g.Len()
	if !g.Letters && n <= maxWordDigits {
		if to := t.nodes[from].digits[sep][n]; to != 0 || !t.nodes[from].wild {
			return to
		}
	}
	if n > maxCompact || !g.Letters && !t.nodes[from].wild || t.nodes[from].mixed[sep]>>n&1 == 0 {
		return 0
	}
	if to := t.edges[edge{from, int8(sep), int8(n), lettersOf(text[g.Start:g.End])}]; to != 0 {
		return to
	}
	return t.edges[edge{from, int8(sep), int8(n), anyLetters}]
}

// lettersOf gives the places of the letters of a word of at most 64 characters.
func lettersOf(word string) (m uint64) {
	for i := 0; i < len(word); i++ {
		if word[i] > '9' {
			m |= 1 << i
		}
	}
	return m
}

// judgeNumber looks at runs of digit groups.
func judgeNumber(s *classifiers.Scan, c classifiers.Candidate) {
	t, g := tables(), c.Groups
	for i := 0; i < len(g); {
		i += max(1, t.at(s, g, i))
	}
}

// judgeCode looks at chains of words of which one at least has a letter: the
// others come as numbers.
func judgeCode(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups
	otherPlates(s, g)
	if len(g) == 1 {
		if !g[0].Letters {
			return
		}
		// Most words with digits in code are of no format.
		if n := g[0].Len(); n > maxCompact || n < minMixed {
			return
		}
	} else if !slices.ContainsFunc(g, func(x classifiers.Group) bool { return x.Letters }) {
		return
	}
	t := tables()
	for i := 0; i < len(g); {
		i += max(1, t.at(s, g, i))
	}
}

// minMixed is the length of the shortest number with letters that may stand
// alone.
const minMixed = 5

// at judges the number that begins with group i and gives the number of its
// groups, or 0.
func (t *table) at(s *classifiers.Scan, g []classifiers.Group, i int) int {
	glued := false
	if i > 0 {
		switch g[i].Sep {
		case classifiers.SepDash, classifiers.SepDot, classifiers.SepSlash:
			// In the middle of something joined, unless a label stands before.
			if g[i-1].Digits || !g[i-1].Letters {
				return 0
			}
			glued = true
		}
	}
	start := g[i].Start
	if !glued && joined(s.Before(start), s.Before(start-1)) {
		if b := s.Before(start); b != '-' && b != '.' && b != '/' || digit(s.Before(start-1)) {
			return 0
		}
		glued = true
	}
	if !g[i].Letters && covered(s, start) {
		return 0
	}
	// Where the forms end that begin here, the longest last.
	var ends [maxWords]struct {
		words int
		node  int16
	}
	n := 0
	at := int16(0)
	if i+1 < len(g) && sepIndex(g[i+1].Sep) > 0 {
		at = t.follow(1, 0, s.Text, g[i])
	}
	for j := i + 1; at != 0 && j < len(g) && j-i < maxWords; j++ {
		sep := sepIndex(g[j].Sep)
		if sep < 1 {
			break
		}
		if at = t.follow(at, sep, s.Text, g[j]); at == 0 {
			break
		}
		if len(t.nodes[at].ends) > 0 && (j+1 == len(g) || !joint(g[j+1].Sep)) {
			ends[n].words, ends[n].node = j-i+1, at
			n++
		}
	}
	for n--; n >= 0; n-- {
		x := ends[n]
		sp := span{start: start, end: g[i+x.words-1].End, glued: glued}
		if joined(s.At(sp.end), s.At(sp.end+1)) {
			continue
		}
		sp.crowded = i > 0 && g[i].Sep == classifiers.SepSpace && !g[i-1].Letters && g[i+1].Sep == classifiers.SepSpace && g[i-1].Len() <= crowd ||
			i+x.words < len(g) && g[i+x.words].Sep == classifiers.SepSpace && !g[i+x.words].Letters && g[i+1].Sep == classifiers.SepSpace && g[i+x.words].Len() <= crowd
		if t.writtenAt(s, sp, g[i:i+x.words], x.node) {
			return x.words
		}
	}
	// One word alone.
	last := i+1 == len(g) || !joint(g[i+1].Sep)
	if !last || joined(s.At(g[i].End), s.At(g[i].End+1)) {
		return t.otherwise(s, g, i, glued)
	}
	if t.alone(s, g[i], glued) {
		return 1
	}
	return t.otherwise(s, g, i, glued)
}

// covered reports whether a number stands in what was found just now: the digits of
// a number with letters come again without them.
func covered(s *classifiers.Scan, start int) bool {
	found := s.Found()
	for _, f := range found[max(0, len(found)-lately):] {
		if f.Start < start && start < f.End && f.Likelihood >= proxy.Possible && f.Detector == detectorName {
			return true
		}
	}
	return false
}

// lately is the number of findings that covered looks at.
const lately = 3

// crowd is the length up to which a group of digits beside others makes them
// look like a piece of a longer number.
const crowd = 4

func digit(b byte) bool { return '0' <= b && b <= '9' }

// joint reports whether a separator joins what stands on both sides.
func joint(sep byte) bool {
	return sep == classifiers.SepDash || sep == classifiers.SepDot || sep == classifiers.SepSlash
}

// writtenAt weighs the forms that end in a node.
func (t *table) writtenAt(s *classifiers.Scan, sp span, g []classifiers.Group, at int16) bool {
	var h hits
	compact := compactOf(s.Text, g, &sp)
	if n := len(compact); t.union[n] != nil && numeric(compact) {
		sp.silent = s.Near(t.union[n], sp.start, sp.end) == classifiers.Far && sqlColumn(s, sp.start) == 0
		if sp.silent && sp.crowded && len(s.Found()) >= weakFindings {
			return false
		}
	}
	for i := range t.nodes[at].ends {
		w := &t.nodes[at].ends[i]
		if w.fits(compact) && w.valid(s.Text[sp.start:sp.end], compact, sp.seps) {
			h.add(w.entry, w.worth)
		}
	}
	return h.weigh(s, sp)
}

func numeric(s string) bool {
	for i := 0; i < len(s); i++ {
		if !digit(s[i]) {
			return false
		}
	}
	return true
}

// alone weighs the formats of one word.
func (t *table) alone(s *classifiers.Scan, g classifiers.Group, glued bool) bool {
	n := g.Len()
	if n > maxCompact {
		return false
	}
	sp := span{start: g.Start, end: g.End, glued: glued}
	word := s.Text[g.Start:g.End]
	var h hits
	if !g.Letters {
		if n < minBare || len(t.bare[n]) == 0 {
			return false
		}
		sp.bare = true
		// Without a word that could name it, a number is reported for what it
		// may be only while such reports are few.
		sp.silent = s.Near(t.union[n], g.Start, g.End) == classifiers.Far && sqlColumn(s, g.Start) == 0
		if sp.silent && (len(s.Found()) >= weakFindings || s.Beside(classifiers.Numbering, g.Start, g.End) < classifiers.Far) {
			return false
		}
		for i := range t.bare[n] {
			p := &t.bare[n][i]
			if p.fits(word, 0) && p.valid(word, word, 0) {
				h.add(p.entry, p.worth)
			}
		}
		return h.weigh(s, sp)
	}
	letters := lettersOf(word)
	if t.counts[n]>>min(ones(letters), 63)&1 == 0 {
		return false
	}
	compact := ""
	for _, list := range [2][]single{t.exact[layout{n, letters}], t.free[n]} {
		for i := range list {
			p := &list[i]
			if !p.fits(word, letters) {
				continue
			}
			if compact == "" {
				compact = compactOf(s.Text, []classifiers.Group{g}, &sp)
			}
			if p.valid(word, compact, 0) {
				h.add(p.entry, p.worth)
			}
		}
	}
	return h.weigh(s, sp)
}

// otherwise looks at a whole chain that is in no usual form, beside a word that
// names what it would be without its separators.
func (t *table) otherwise(s *classifiers.Scan, g []classifiers.Group, i int, glued bool) int {
	words := len(g) - i
	if words < 2 || i > 0 && !g[i-1].Letters || glued || words > maxWords {
		return 0
	}
	n, letters := 0, false
	for j := i; j < len(g); j++ {
		if sepIndex(g[j].Sep) < 0 {
			return 0
		}
		n += g[j].Len()
		letters = letters || g[j].Letters
	}
	if n < minBare || n > maxCompact || words == 2 && !letters && g[i+1].Sep != classifiers.SepDash && (g[i+1].Sep != classifiers.SepSpace || n < minPair) {
		return 0 // two groups are a decimal fraction, a ratio, a range
	}
	sp := span{start: g[i].Start, end: g[len(g)-1].End, unusual: true}
	if joined(s.At(sp.end), s.At(sp.end+1)) {
		return 0
	}
	names := t.union[n]
	if letters {
		names = t.mixed[n]
		places, at := uint64(0), 0
		for _, x := range g[i:] {
			if x.Letters {
				places |= lettersOf(s.Text[x.Start:x.End]) << at
			}
			at += x.Len()
		}
		if !t.laid(n, places) {
			return 0
		}
	}
	if names == nil || s.Near(names, sp.start, sp.end) == classifiers.Far && (!letters || sqlColumn(s, sp.start) == 0) {
		return 0
	}
	compact := compactOf(s.Text, g[i:], &sp)
	places := lettersOf(compact)
	var h hits
	for _, list := range [3][]single{t.bare[n], t.exact[layout{n, places}], t.free[n]} {
		for j := range list {
			p := &list[j]
			if p.fits(compact, places) && p.strength >= minUnusual && sp.seps&^(p.clean|spaces) == 0 && p.mayBeNamed(s, sp) && p.valid(s.Text[sp.start:sp.end], compact, sp.seps) {
				h.add(p.entry, p.worth)
			}
		}
	}
	if h.weigh(s, sp) {
		return words
	}
	return 0
}

// mayBeNamed reports whether a word may stand near enough that names the number:
// of those that are grouped as nobody writes them, no others are found.
func (e *entry) mayBeNamed(s *classifiers.Scan, sp span) bool {
	return s.Near(e.either, sp.start, sp.end) <= nearby || sqlColumn(s, sp.start) > 0
}

// laid reports whether some format has letters at these places of a number of n
// characters.
func (t *table) laid(n int, places uint64) bool {
	if t.counts[n]>>ones(places)&1 == 0 {
		return false
	}
	for i := range t.free[n] {
		if p := &t.free[n][i]; places&p.digits == 0 && places&p.letters == p.letters && p.strength >= minUnusual {
			return true
		}
	}
	for _, p := range t.exact[layout{n, places}] {
		if p.strength >= minUnusual {
			return true
		}
	}
	return false
}

// minUnusual is the strength of a check from which a number may be grouped as
// nobody writes it.
const minUnusual = 10

// minPair is the number of digits from which two groups that a space divides may
// be one number.
const minPair = 10

// valid asks the format about a number, as it is written with separators and
// without.
func (e *entry) valid(written, compact string, seps separators) bool {
	if refine := e.refine; refine != nil && !refine(compact) {
		return false
	}
	// A separator that means something, as the sign of the century in 150784-482J.
	if e.format.Compact != nil || seps&^e.clean != 0 {
		return e.format.Valid(written)
	}
	return e.format.Check(compact)
}

// compactOf joins words without their separators, letters as capitals.
func compactOf(text string, g []classifiers.Group, sp *span) string {
	plain := true
	sp.seps = separatorsOf(text, g)
	for _, x := range g {
		if !x.Letters {
			continue
		}
		for i := x.Start; i < x.End; i++ {
			if text[i] >= 'a' {
				sp.lower, plain = true, false
			}
		}
	}
	if len(g) == 1 && plain {
		return text[g[0].Start:g[0].End]
	}
	var b [maxCompact]byte
	n := 0
	for _, x := range g {
		for i := x.Start; i < x.End && n < maxCompact; i++ {
			b[n] = upper(text[i])
			n++
		}
	}
	return string(b[:n])
}
