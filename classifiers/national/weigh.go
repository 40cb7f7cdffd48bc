package national

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// span is a candidate as it stands in the text.
type span struct {
	start, end int
	bare       bool // digits without separators
	lower      bool // has small letters
	glued      bool // a word is joined to its front, as in NIF-12345678Z
	crowded    bool // groups of digits that look like more of it stand beside
	silent     bool // no word stands near that could name it
	unusual    bool // grouped as nobody writes it
	seps       separators
}

// hit is a format that a span is valid for.
type hit struct {
	*entry
	worth int
	score int
	dist  int  // how near its own word stands
	own   bool // it does
}

// hits are the formats that a span is valid for.
type hits struct {
	list [maxHits]hit
	n    int
}

func (h *hits) add(e *entry, worth int) {
	for i := range h.list[:h.n] {
		if h.list[i].entry == e {
			h.list[i].worth = max(h.list[i].worth, worth)
			return
		}
	}
	if h.n < maxHits {
		h.list[h.n] = hit{entry: e, worth: worth}
		h.n++
	}
}

// What context is worth, in tenths of a decade, and how near it must be.
const (
	terseReach   = 10 // bytes between a short word and the number that it names
	nearby       = 24 // bytes between a word and the number it stands beside
	besideWorth  = 32
	farWorth     = 20
	genericWorth = 14
	hintWorth    = 10
	homeWorth    = 12
	personWorth  = 8
	againstWorth = 25
	knownWorth   = 16
	recentWorth  = 10
	lowerWorth   = 8
	crowdedWorth = 12
	unusualWorth = 8
	// likely is the score from which a number is.
	likely = 30
	// clear is the worth from which a word such as order says little against a
	// number that shows by itself what it is.
	clear = 40
)

// levels gives the likelihood of a score.
func levels(score int) proxy.Likelihood {
	switch {
	case score >= 46:
		return proxy.VeryLikely
	case score >= likely:
		return proxy.Likely
	case score >= 20:
		return proxy.Possible
	case score >= 10:
		return proxy.Unlikely
	}
	return proxy.VeryUnlikely
}

// weigh scores the hits by what stands around and reports them: the best, and
// while nothing names one of them the others below it. It reports whether the
// best was at least possible, or named.
func (h *hits) weigh(s *classifiers.Scan, sp span) bool {
	if h.n == 0 {
		return false
	}
	where := locale{column: -1}
	where.asksAgainst(s, sp)
	for i := range h.list[:h.n] {
		x := &h.list[i]
		x.dist = x.named(s, sp, &where)
		where.named = where.named || x.dist < classifiers.Far && x.rank >= 0
	}
	best := -1
	for i := range h.list[:h.n] {
		x := &h.list[i]
		h.score(s, sp, x, &where)
		if x.score >= 0 && (best < 0 || better(x, &h.list[best])) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	b := &h.list[best]
	top := h.level(sp, b, &where)
	if !b.own && !sp.bare && b.labelled && b.known && !b.doubtful {
		top = max(top, proxy.Unlikely) // before those that are as little known
	}
	if top < proxy.Possible && len(s.Found()) >= weakFindings {
		return false
	}
	if b.own {
		s.Near(b.cue, sp.start, sp.end) // its word is the evidence
	}
	b.report(s, sp, top)
	for i := range h.list[:h.n] {
		x := &h.list[i]
		if i != best && x.score >= 0 && x.known {
			x.report(s, sp, min(h.level(sp, x, &where), max(top-1, proxy.VeryUnlikely)))
		}
	}
	return b.own || top >= proxy.Possible
}

// better orders two hits of one span.
func better(a, b *hit) bool {
	if a.own != b.own {
		return a.own
	}
	d := a.score - b.score
	if !a.own && a.known != b.known && -knownWorth < d && d < knownWorth {
		return a.known // nothing names either: the one that is looked for everywhere
	}
	if a.own && a.rank != b.rank && -homeWorth < d && d < homeWorth {
		// Of numbers that share a word the one that more people have comes first,
		// unless a check speaks for the other.
		if top := max(a.rank, b.rank); top > 1 || top == 1 && a.strength < b.strength+10 && b.strength < a.strength+10 {
			return a.rank > b.rank
		}
	}
	switch {
	case d != 0:
		return d > 0
	case a.rank != b.rank:
		return a.rank > b.rank
	}
	return len(a.format.Shapes) < len(b.format.Shapes) // the more specific
}

// locale is what is asked once for a span.
type locale struct {
	generic, person int8 // 0 not asked, 1 yes, -1 no
	hint, country   int8
	named           bool // a word names one of the formats
	against         int  // how near a word stands that speaks against
	column          int  // where the name of its column in a statement ends; -1 not asked
	isID            bool // it is one that people say of themselves too
}

// asksAgainst looks for words such as order and version. What is written as an
// identifier is not put off by one far away, nor by being called an id.
func (w *locale) asksAgainst(s *classifiers.Scan, sp span) {
	w.against = s.Beside(classifiers.Numbering, sp.start, sp.end)
	if w.against < classifiers.Far {
		w.isID = w.against == s.Beside(identity, sp.start, sp.end)
		if !sp.bare && (w.isID || w.against > nearby) {
			w.against = classifiers.Far
		}
	}
}

// named tells how near a word stands that names the number, [classifiers.Far]
// where none does.
func (x *hit) named(s *classifiers.Scan, sp span, where *locale) int {
	if sp.silent {
		if c := where.asksColumn(s, sp); c == 0 {
			return classifiers.Far
		}
	}
	d := s.Near(x.either, sp.start, sp.end)
	if d > terseReach && d < classifiers.Far && x.terse != nil {
		d = s.Near(x.cue, sp.start, sp.end)
	}
	if x.terse != nil && d < classifiers.Far && d > terseReach && !sp.unusual {
		if t := s.Near(x.terse, sp.start, sp.end); t <= terseReach {
			d = t
		}
	}
	if d > nearby {
		if c := where.asksColumn(s, sp); c > 0 && (s.Near(x.cue, c, c) == 0 || x.terse != nil && s.Near(x.terse, c, c) == 0) {
			return 0
		}
	}
	return d
}

// score weighs one hit. A negative score drops it.
func (h *hits) score(s *classifiers.Scan, sp span, x *hit, where *locale) {
	x.score = x.worth
	d := x.dist
	if sp.unusual && d > nearby {
		x.score = -1
		return
	}
	if sp.glued && (d > 1 || x.labelled) {
		x.score = -1
		return
	}
	x.own = d < classifiers.Far
	if x.own && x.labelled && taken(s.Text[max(0, sp.start-min(d, reach)):sp.start]) {
		x.own = false
	}
	switch {
	case !x.own:
	case x.labelled && !right(s.Text, sp.start, d):
		x.score += farWorth
	case d <= nearby:
		x.score += besideWorth
	case d < classifiers.Far:
		x.score += farWorth
	}
	if !x.own {
		if x.labelled && !x.known {
			x.score = -1
			return
		}
		// Words that go with much else tell nothing of groups of digits with a check
		// digit: every tenth telephone number has it.
		shown := x.strength >= 20 || x.strength >= 10 && !allDigits(s.Text[sp.start:sp.end])
		hinted := !sp.silent && !where.named && shown && x.hint != nil && where.asks(&where.hint, s, sp, tables().hints) && s.Near(x.hint, sp.start, sp.end) < classifiers.Far
		if hinted {
			x.score += hintWorth
		}
		if recent(x.typ.Name, s.Text[sp.start:sp.end]) {
			x.score -= recentWorth
		}
		if !where.named && x.home != nil && x.typ.Severity >= classifiers.High && x.strength >= 10 {
			if !sp.silent && where.asks(&where.country, s, sp, everywhere) && s.Beside(x.home.cue, sp.start, sp.end) < classifiers.Far || cellBefore(s, sp.start, x.home.code) {
				x.score += homeWorth
				x.own = x.strength >= 20 || where.asksGeneric(s, sp)
			}
			if !sp.silent && where.asksGeneric(s, sp) {
				x.score += genericWorth
				x.own = x.own || x.strength >= 20
			}
			if !sp.silent && shown && !hinted && where.asksPerson(s, sp) {
				x.score += personWorth
			}
		}
	} else if x.home != nil && s.Near(x.home.cue, sp.start, sp.end) < classifiers.Far {
		x.score += homeWorth // tells the numbers of countries apart that use one word
	}
	against := where.against
	if x.own && (against >= d || where.isID) {
		against = classifiers.Far
	}
	if against < classifiers.Far {
		if x.worth >= clear {
			x.score -= hintWorth
		} else {
			x.score -= againstWorth
		}
	}
	if sp.lower {
		x.score -= lowerWorth
	}
	if x.typ == plateType() || x.beside != nil {
		if sp.lower && (x.format.Name != "de.kfz" || strings.IndexByte(s.Text[sp.start:sp.end], '-') < 0) {
			x.score = min(x.score, likely-1) // code is full of such words
		}
		if standards[word(s.Text[sp.start:sp.end])] {
			x.score = -1
			return
		}
	}
	if x.foreign && (sp.silent || s.Near(x.home.cue, sp.start, sp.end) == classifiers.Far) {
		x.score = -1
		return
	}
	if sp.crowded {
		x.score -= crowdedWorth
	}
	if sp.unusual {
		x.score -= unusualWorth
	}
	x.score = max(x.score, 0)
}

// level gives the likelihood of a hit, with the floors and ceilings that a score
// alone does not know.
func (h *hits) level(sp span, x *hit, where *locale) proxy.Likelihood {
	l := levels(x.score)
	switch {
	case x.own && x.doubtful:
		l = min(l, proxy.Possible)
	case x.own:
	case sp.bare:
		// A check digit and nothing else: every tenth number has it.
		if where.generic == 1 && x.strength >= 10 {
			l = min(l, proxy.Possible)
		} else {
			l = min(l, proxy.Unlikely)
		}
		if !x.known {
			l = proxy.VeryUnlikely
		}
	case x.strength < 5:
		l = min(l, proxy.Possible)
		if x.labelled {
			l = proxy.VeryUnlikely
		}
	}
	return l
}

// asks tells whether a word of a cue stands near, and asks once.
func (w *locale) asks(answer *int8, s *classifiers.Scan, sp span, cue *classifiers.Cue) bool {
	if *answer == 0 {
		*answer = -1
		if s.Near(cue, sp.start, sp.end) < classifiers.Far {
			*answer = 1
		}
	}
	return *answer == 1
}

func (w *locale) asksGeneric(s *classifiers.Scan, sp span) bool {
	return w.asks(&w.generic, s, sp, generic)
}

func (w *locale) asksPerson(s *classifiers.Scan, sp span) bool {
	return w.asks(&w.person, s, sp, person)
}

func (w *locale) asksColumn(s *classifiers.Scan, sp span) int {
	if w.column < 0 {
		w.column = sqlColumn(s, sp.start)
	}
	return w.column
}

func (x *hit) report(s *classifiers.Scan, sp span, l proxy.Likelihood) {
	rule := "shape"
	switch {
	case sp.unusual:
		rule = "regrouped"
	case !sp.bare:
		rule = "form"
	}
	validator := x.format.Name
	f := classifiers.Found{Start: sp.start, End: sp.end, Type: x.typ, Likelihood: l, Rule: rule, Validator: validator}
	f.Synthetic = x.strength >= 5 && made(s.Text[sp.start:sp.end])
	if x.beside != nil {
		g := f
		g.Type = x.beside
		s.Find(g)
		f.Likelihood = min(l, proxy.Possible)
	}
	s.Find(f)
}

// made reports whether the digits of a number are those that documentation
// prints: all one, or counted up from one or zero.
func made(text string) bool {
	var d [maxCompact]byte
	n := 0
	for i := 0; i < len(text); i++ {
		if digit(text[i]) && n < len(d) {
			d[n] = text[i]
			n++
		}
	}
	if n < 8 {
		return false
	}
	same, up := true, true
	for i := 1; i < n-1; i++ { // the last is a check digit, mostly
		same = same && d[i] == d[0]
		up = up && (d[i] == d[i-1]+1 || d[i-1] == '9' && d[i] == '0')
	}
	return same || up && (d[0] == '1' || d[0] == '0')
}

// standards are what stands in capitals before the number of a standard.
var standards = words(`ISO IEC RFC DIN IEEE ANSI ITU ASTM EN BS SHA AES RSA UTF CVE PEP JSR ETSI GSM UMTS LTE ECMA NIST FIPS EU USB PCI IPV HTTP TCP UDP PDF XML CSS SQL API URL ART SEC FIG TAB PAGE VOL LOT SKU PO REF`)

// word gives the first word of capitals of a text.
func word(text string) string {
	i := 0
	for i < len(text) && 'A' <= text[i] && text[i] <= 'Z' {
		i++
	}
	return text[:i]
}

// reach bounds how far before a number its word is looked for.
const reach = 80

// taken reports whether the text between a word and a number has another number,
// which the word names, and another word.
func taken(between string) bool {
	if len(between) <= 6 {
		return false // a column, or the word itself
	}
	number, word := false, 0
	for i := 0; i < len(between); i++ {
		switch c := between[i] | 0x20; {
		case digit(between[i]):
			number = true
			word = 0
		case 'a' <= c && c <= 'z' && number:
			if word++; word > 3 || 'A' <= between[i] && between[i] <= 'Z' && i+1 < len(between) && 'A' <= between[i+1] && between[i+1] <= 'Z' {
				return true
			}
		default:
			word = 0
		}
	}
	return false
}

// allDigits reports whether a number is of digits and separators.
func allDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if letter(text[i]) {
			return false
		}
	}
	return true
}

// recent reports whether a number that begins with a day of birth begins with one
// of the last years, as builds and backups do: 20241124-1234.
func recent(typ, text string) bool {
	if typ != "SE_PERSONNUMMER" || len(text) < 10 {
		return false
	}
	if len(text) >= len("YYYYMMDDNNNN") {
		if text[:2] != "20" {
			return false
		}
		text = text[2:]
	}
	return text[:2] > "15" && text[:2] < "30"
}

// right reports whether a word at a distance stands right before a number: what is
// between them names nothing.
func right(t string, start, d int) bool {
	if d <= terseReach {
		return true
	}
	from := start - d
	if from <= 0 || !letter(t[from-1]) || letter(t[from]) {
		return d <= nearby-4 // behind the number, or across a line
	}
	for i := from; i < start; {
		if !letter(t[i]) {
			i++
			continue
		}
		j := i
		for j < start && letter(t[j]) {
			j++
		}
		if !fillers[strings.ToLower(t[i:j])] {
			return false
		}
		i = j
	}
	return true
}

func letter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' || b >= 0x80 }

// rowStart bounds how far before a number the code of a country is looked for in
// its row.
const rowStart = 80

// cellBefore reports whether a cell of the same row, before the number, is the
// code of a country: AU,Jane Roe,494 269 133.
func cellBefore(s *classifiers.Scan, start int, code string) bool {
	if code == "" {
		return false
	}
	line := s.Text[max(0, start-rowStart):start]
	if i := strings.LastIndexByte(line, '\n'); i >= 0 {
		line = line[i+1:]
	} else if start > rowStart {
		return false
	}
	for from := 0; ; {
		i := strings.Index(line[from:], code)
		if i < 0 {
			return false
		}
		i += from
		from = i + len(code)
		if from < len(line) && delimiter(line[from]) && (i == 0 || delimiter(line[i-1])) {
			return true
		}
	}
}

func delimiter(c byte) bool { return c == ',' || c == ';' || c == '|' || c == '\t' }
