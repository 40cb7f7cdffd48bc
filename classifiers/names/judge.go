package names

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/gazetteer"
	"github.com/ostiary/ostiary/classifiers/names/internal/tagger"
	"github.com/ostiary/ostiary/proxy"
)

//go:generate go run ./train -data ../../../shared/data -out .
//go:embed model.bin
var weights []byte

// model reads the weights once; they stay where they are.
var model = sync.OnceValue(func() *tagger.Model {
	m, err := tagger.Read(weights)
	if err != nil {
		panic("names: the embedded model is not of this version")
	}
	return m
})

// Bounds.
const (
	pieceBytes = 32 << 10 // of the text that is looked at at once
	markBytes  = 64       // of text that one mark of a finding stands for
	maxNames   = 128      // words of names that are remembered in a segment
	maxQuoted  = 2 << 10  // bytes of a quoted text in code
	maxWord    = 40       // bytes of a word of a name
)

// reading is the scratch of reading one segment; it is kept in a pool. It keeps
// hashes and offsets between calls, no content.
type reading struct {
	s        *classifiers.Scan
	tokens   []tagger.Token
	sequence tagger.Sequence
	decoder  tagger.Decoder
	lines    []region
	regions  []region
	sure     []uint64 // hashes of the words of names that were found surely
	taken    []bool   // by token of the piece: part of a finding
	manners  []manner // by token
	at       int      // where the piece begins
	marks    [pieceBytes/markBytes/64 + 1]uint64
	japanese bool // the segment has kana
	lastHan  int  // end of the last name in Chinese or Japanese characters
}

// region is a part of a piece that is written in one manner.
type region struct {
	from, to int
	how      manner
}

var readings = sync.Pool{New: func() any { return new(reading) }}

func judge(s *classifiers.Scan, c classifiers.Candidate) {
	if !worth(s.Text[c.Start:c.End]) {
		return
	}
	r := readings.Get().(*reading)
	defer readings.Put(r)
	r.s, r.sure, r.japanese = s, r.sure[:0], japanese(s.Text[c.Start:c.End])
	r.lastHan = 0
	for from := c.Start; from < c.End; {
		to := pieceEnd(s.Text, from, c.End)
		r.piece(from, to)
		from = to
	}
	r.s = nil
}

// worth reports whether a text can hold a name at all: it has a space between
// letters, or a character that is not ASCII, or is short. It looks at the head.
func worth(t string) bool {
	letters := 0
	for i := 0; i < len(t); i++ {
		if k := kinds[t[i]]; k&(kLetter|kHigh) != 0 {
			if letters++; letters >= 3 {
				return true
			}
		}
	}
	return false
}

// pieceEnd gives the end of the piece that begins at from: the end of a line
// where one ends near.
func pieceEnd(t string, from, end int) int {
	to := from + pieceBytes
	if to >= end {
		return end
	}
	if i := strings.LastIndexByte(t[from:to], '\n'); i > pieceBytes/2 {
		return from + i + 1
	}
	if i := strings.LastIndexByte(t[from:to], ' '); i > pieceBytes/2 {
		return from + i + 1
	}
	for !utf8.RuneStart(t[to]) {
		to--
	}
	return to
}

// piece reads a piece: its lines by their manner, then other mentions of the
// names that were found.
func (r *reading) piece(from, to int) {
	r.divide(from, to)
	r.mark(from, to)
	r.tokens, r.taken, r.manners = r.tokens[:0], r.taken[:0], r.manners[:0]
	for _, g := range r.regions {
		switch g.how {
		case prose, comment, log:
			r.region(g)
		case code:
			r.quoted(g)
		}
	}
	if len(r.sure) > 0 {
		r.others()
	}
}

// How many lines before and behind a line are asked whether it stands amidst
// code.
const (
	around = 3
	// Farther around, the share of lines of code counts, in percent; and that of
	// the whole piece.
	farther    = 12
	shareNear  = 25
	sharePiece = 40
)

// divide cuts a piece into regions of lines of one manner.
func (r *reading) divide(from, to int) {
	t := r.s.Text
	lines := r.lines[:0]
	codes := 0
	for at := from; at < to; {
		end := to
		if i := strings.IndexByte(t[at:to], '\n'); i >= 0 {
			end = at + i + 1
		}
		m := how(t, at, end)
		if m == code {
			codes++
		}
		if m != blank || len(lines) > 0 && lines[len(lines)-1].how == prose {
			lines = append(lines, region{at, end, m})
		}
		at = end
	}
	r.lines = lines
	r.regions = r.regions[:0]
	for i := range lines {
		g := lines[i]
		if codes >= around && g.how == prose {
			switch {
			case codes*100 < sharePiece*len(lines) && !amidst(lines, i, around, 50) && !amidst(lines, i, farther, shareNear):
			case strings.HasPrefix(strings.TrimLeft(t[g.from:g.to], " \t"), "#"):
				g.how = comment
			case !full(t, g.from, g.to):
				g.how = code
			}
		}
		n := len(r.regions)
		if n > 0 && r.regions[n-1].to == g.from && (g.how == r.regions[n-1].how || g.how == blank && r.regions[n-1].how == prose) {
			r.regions[n-1].to = g.to
			continue
		}
		if g.how != blank {
			r.regions = append(r.regions, g)
		}
	}
}

// amidst reports whether, of the n lines before line i and the n behind, percent
// are code.
func amidst(lines []region, i, n, percent int) bool {
	near, all := 0, 0
	for k := max(0, i-n); k < min(len(lines), i+n+1); k++ {
		if k == i {
			continue
		}
		all++
		if m := lines[k].how; m == code || m == comment {
			near++
		}
	}
	return near >= around && near*100 >= percent*all
}

// quoted reads the quoted texts of lines of code.
func (r *reading) quoted(g region) {
	t := r.s.Text
	for i := g.from; i < g.to; i++ {
		q := t[i]
		if q == '/' && i > g.from && t[i-1] == '/' && (i < 2 || t[i-2] != ':') {
			end := g.to
			if j := strings.IndexByte(t[i:g.to], '\n'); j >= 0 {
				end = i + j
			}
			if end-i > 4 {
				r.region(region{i + 1, end, comment})
			}
			i = end
			continue
		}
		if q != '"' && q != '\'' && q != '`' && q != '>' {
			continue
		}
		if q == '\'' && i > 0 && kinds[t[i-1]]&kLetter != 0 {
			continue // an apostrophe
		}
		shut := q
		if q == '>' {
			shut = '<'
		}
		limit := min(g.to, i+1+maxQuoted)
		j := i + 1
		spaces, upper := 0, false
		for j < limit && (t[j] != shut || t[j-1] == '\\') && t[j] != '\n' {
			if t[j] == ' ' {
				spaces++
			}
			upper = upper || kinds[t[j]]&(kUpper|kHigh) != 0
			j++
		}
		if j >= limit || t[j] != shut {
			continue
		}
		if spaces > 0 && upper && j-i > 5 {
			m := code
			switch {
			case spaces >= fieldSpaces && keyed(t, i):
				m = prose
			case spaces >= sentenceSpaces:
				m = comment
			}
			r.region(region{i + 1, j, m})
		}
		i = j
		if q == '>' {
			i--
		}
	}
}

// The number of spaces from which a quoted text is a sentence, and from which
// the value of a field of JSON is text.
const (
	sentenceSpaces = 5
	fieldSpaces    = 3
)

// keyed reports whether the quote at i opens the value of a field of JSON.
func keyed(t string, i int) bool {
	for i > 0 && kinds[t[i-1]]&kSpace != 0 {
		i--
	}
	return i >= 2 && t[i-1] == ':' && (t[i-2] == '"' || t[i-2] == '\'')
}

// region tags the sentences of a region that have a signal.
func (r *reading) region(g region) {
	at := len(r.tokens)
	r.tokens = tagger.Tokens(r.tokens, r.s.Text, g.from, g.to)
	for range r.tokens[at:] {
		r.taken = append(r.taken, false)
		r.manners = append(r.manners, g.how)
	}
	for at < len(r.tokens) {
		end := tagger.Sentence(r.tokens, at)
		r.sentence(at, end, g.how)
		at = end
	}
}

// signal reports whether a sentence may have a name.
func (r *reading) signal(tokens []tagger.Token) bool {
	small := 0
	for i := range tokens {
		t := &tokens[i]
		if t.Kind == tagger.Han {
			return true
		}
		if t.Kind != tagger.Word {
			continue
		}
		f := t.Flags
		switch t.Shape {
		case tagger.Title, tagger.Inner, tagger.Upper, tagger.Initial:
			if f.Common() < 3 || f.Name() >= 2 || f.Place() >= 2 {
				return true
			}
		case tagger.Uncased:
			if f.Name() > 0 || f.Place() > 0 {
				return true
			}
		case tagger.Lower:
			// A usual name that is no usual word; of weaker ones, two in a row.
			switch {
			case f.Name() == 3 && f.Common() <= 1, f.Name() >= 2 && f.Common() == 0:
				return true
			case f.Name() > 0 && f.Common() <= 2, f == 0 && t.End-t.Start > 2:
				if small++; small >= 2 {
					return true
				}
				continue
			}
		}
		small = 0
	}
	if len(tokens) == 0 {
		return false
	}
	return r.near(int(tokens[0].Start), int(tokens[len(tokens)-1].End))
}

// pair reports whether two words that are names stand side by side: in code and
// logs, only those count.
func pair(tokens []tagger.Token) bool {
	last := false
	for i := range tokens {
		t := &tokens[i]
		if t.Kind == tagger.Han {
			return true
		}
		this := false
		switch t.Shape {
		case tagger.Title, tagger.Inner, tagger.Upper, tagger.Uncased:
			this = t.Kind == tagger.Word && t.Flags.Name() > 0
		case tagger.Initial:
			this = last
		}
		if this && last && (t.Flags.Common() < 3 || tokens[i-1].Flags.Common() < 3) {
			return true
		}
		last = this
	}
	return false
}

// mark notes where in the piece that begins at from other detectors found
// something.
func (r *reading) mark(from, to int) {
	r.at = from
	r.marks = [pieceBytes/markBytes/64 + 1]uint64{}
	for _, f := range r.s.Found() {
		if f.End <= from || f.Start >= to || f.Likelihood < proxy.Possible {
			continue
		}
		for i := max(0, f.Start-from) / markBytes; i <= (min(f.End, to)-from-1)/markBytes; i++ {
			r.marks[i/64] |= 1 << (i % 64)
		}
	}
}

// near reports whether another detector found something at or beside [from, to).
func (r *reading) near(from, to int) bool {
	for i := max(0, from-r.at) / markBytes; i <= (to-r.at)/markBytes && i/64 < len(r.marks); i++ {
		if r.marks[i/64]&(1<<(i%64)) != 0 {
			return true
		}
	}
	return false
}

// Thresholds of what the model gives. How often a span is right at each was
// measured by the trainer (-calibrate) on sets that it did not learn from; see
// also [evidence.needs].
const (
	floor      = 0.15
	atPossible = 0.3
	atVery     = 0.97
	// sureOther is asked of places and organisations that keep a name of a person
	// from being one of its other mentions.
	sureOther = 0.8
	// strict is asked in comments, logs and code.
	strict = 0.9
	// strictFull is asked of a given name and surname that are quoted in code.
	strictFull = 0.7
)

func (r *reading) sentence(at, end int, how manner) {
	tokens := r.tokens[at:end]
	if how == prose && !r.signal(tokens) || how != prose && !pair(tokens) {
		return
	}
	for i := range tokens {
		if tokens[i].Kind == tagger.Han {
			r.han(&tokens[i])
		}
	}
	r.sequence.Load(tokens)
	for _, s := range model().Decode(&r.sequence, &r.decoder, floor) {
		s.From += at
		s.To += at
		if comma := r.enumerated(s); comma > 0 {
			first := s
			first.To, s.From = comma, comma+1
			r.found(first, how)
		}
		r.found(s, how)
	}
}

// enumerated gives the comma of a span that is two names of a list (Alice, Bert
// and Cheryl) and not one name turned round (Smith, John); 0 where there is none.
func (r *reading) enumerated(s tagger.Span) int {
	if s.Tag != tagger.BPerson || s.To-s.From != 3 || r.tokens[s.From+1].Hash != ',' || r.tokens[s.From+1].Kind != tagger.Punct {
		return 0
	}
	if r.tokens[s.From].Flags.Given() < 2 {
		return 0
	}
	name := func(i int) bool {
		return i >= 0 && i < len(r.tokens) && r.tokens[i].Kind == tagger.Word && r.tokens[i].Shape == r.tokens[s.From].Shape && r.tokens[i].Flags.Given() >= 2
	}
	if s.To >= len(r.tokens) || s.From < 1 {
		return 0
	}
	next, last := &r.tokens[s.To], &r.tokens[s.From-1]
	switch {
	case next.Kind == tagger.Word && next.Shape == tagger.Lower && next.End-next.Start <= 3 && next.Flags.Common() == 4 && name(s.To+1),
		next.Kind == tagger.Punct && next.Hash == ',' && name(s.To+1),
		last.Kind == tagger.Punct && last.Hash == ',' && name(s.From-2):
		return s.From + 1
	}
	return 0
}

// found weighs a span and reports it.
func (r *reading) found(s tagger.Span, how manner) {
	typ := person
	switch s.Tag {
	case tagger.BLocation:
		typ = location
	case tagger.BOrganization:
		typ = organization
	}
	s = r.trim(s)
	if s.From >= s.To {
		return
	}
	e := r.weigh(s)
	p := s.P
	level := proxy.Unlikely
	switch {
	case p >= atVery && (e.best == 3 && e.words > 1 || typ != person):
		level = proxy.VeryLikely
	case p >= e.needs(typ == person):
		level = proxy.Likely
	case p >= atPossible:
		level = proxy.Possible
	}
	switch {
	case e.noise:
		return
	case typ == person && e.letters < 3 && p < strict:
		level = min(level, proxy.Possible)
	case how == prose:
	case how == comment && p >= strict && (e.full || e.known > 0 && p >= atVery):
	case p >= strictFull && e.full && how == code:
	case p < strict || !e.full:
		level = min(level, proxy.Possible)
	}
	rule := "tagger"
	validator := ""
	if e.known > 0 {
		validator = "gazetteer"
	}
	t := r.tokens
	r.s.Find(classifiers.Found{Start: int(t[s.From].Start), End: int(t[s.To-1].End), Type: typ, Likelihood: level, Rule: rule, Validator: validator})
	if level >= proxy.Likely && (typ == person || p >= sureOther) {
		for i := s.From; i < s.To; i++ {
			r.taken[i] = true
		}
	}
	if typ == person && level >= proxy.Likely && (p >= strict || e.full) {
		r.remember(s)
	}
}

// evidence is what the words of a span tell.
type evidence struct {
	words   int
	known   int  // words that are names
	best    int  // how usual the most usual of them is as a name, 0 to 3
	plain   int  // how usual the most usual of the words is as no name, 0 to 4
	letters int  // bytes of its words
	small   bool // it is written in small letters
	caps    bool // it is written in capitals
	place   bool // a word is a place
	full    bool // two words are names, and not both common words
	noise   bool // what stands in no name
}

func (r *reading) weigh(s tagger.Span) (e evidence) {
	plain := 0
	for i := s.From; i < s.To; i++ {
		t := &r.tokens[i]
		switch {
		case t.Kind == tagger.Punct && (t.Hash == utf8.RuneError || t.Hash == '@' || t.Hash == '\\' || t.Hash == '_'),
			t.Kind == tagger.Address, t.Kind != tagger.Word && s.Tag == tagger.BPerson && t.Kind != tagger.Punct, t.End-t.Start > maxWord:
			e.noise = true
		}
		if t.Kind != tagger.Word {
			continue
		}
		if t.Shape == tagger.Lower && t.End-t.Start <= 2 && t.Flags.Name() < 2 && t.Flags.Common() < 4 {
			e.noise = e.noise || s.Tag == tagger.BPerson
		}
		e.words++
		e.letters += int(t.End - t.Start)
		f := t.Flags
		if f.Name() > 0 {
			e.known++
			if f.Common() >= 3 {
				plain++
			}
		}
		e.best = max(e.best, f.Name())
		e.plain = max(e.plain, f.Common())
		e.small = e.small || t.Shape == tagger.Lower && (i == s.From || s.To-s.From == 1)
		e.caps = e.caps || t.Shape == tagger.Upper
		e.place = e.place || f.Place() > 0 || f&gazetteer.PlacePart != 0
	}
	if s.Tag == tagger.BPerson && e.small && r.joined(s) {
		e.noise = true
	}
	e.full = e.words >= 2 && e.known >= 2 && plain < e.known
	return e
}

// joined reports whether a span is a piece of a path, a handle or the like.
func (r *reading) joined(s tagger.Span) bool {
	const joints = "@/#\\._=&?$"
	t := r.s.Text
	from, to := int(r.tokens[s.From].Start), int(r.tokens[s.To-1].End)
	return from > 0 && strings.IndexByte(joints, t[from-1]) >= 0 || to < len(t) && strings.IndexByte("@/\\_=&$", t[to]) >= 0
}

// needs gives how sure the model has to be for a span to be likely: less where
// the lists know its words as names, more where they are common words, or are
// not written as names are.
func (e evidence) needs(person bool) float32 {
	switch {
	case e.words == 0:
		return 2
	case !person && e.place:
		return 0.4
	case !person:
		return 0.5
	case e.caps && e.words == 1 && e.letters <= 4:
		return 0.97 // an abbreviation
	case e.best == 3 && e.words == 1 && e.plain >= 2 && e.small:
		return 0.7
	case e.best == 3 && (e.small || e.caps):
		return 0.45
	case e.best == 3:
		return 0.4
	case e.plain >= 2 && e.words == 1:
		return 0.9
	case e.small && e.best == 0, e.caps && e.best == 0:
		return 2 // no name without a word that is known as one
	case e.small || e.caps:
		return 0.75
	case e.best == 2:
		return 0.5
	case e.best == 1:
		return 0.65
	}
	return 0.85
}

// trim takes titles and punctuation off a span.
func (r *reading) trim(s tagger.Span) tagger.Span {
	for s.From < s.To && r.tokens[s.From].Kind == tagger.Punct {
		s.From++
	}
	for s.To > s.From && r.tokens[s.To-1].Kind == tagger.Punct {
		s.To--
	}
	return s
}

// remember keeps the words of a name.
func (r *reading) remember(s tagger.Span) {
	for i := s.From; i < s.To && len(r.sure) < maxNames; i++ {
		t := &r.tokens[i]
		if t.Kind != tagger.Word || t.End-t.Start < 3 || t.Flags.Common() >= 3 || t.Shape == tagger.Initial {
			continue
		}
		if !r.known(t.Hash) {
			r.sure = append(r.sure, t.Hash)
		}
	}
}

func (r *reading) known(hash uint64) bool {
	for _, h := range r.sure {
		if h == hash {
			return true
		}
	}
	return false
}

// others reports further mentions of names that were found surely.
func (r *reading) others() {
	var bloom [4]uint64
	for _, h := range r.sure {
		bloom[h>>6&3] |= 1 << (h & 63)
	}
	for i := range r.tokens {
		t := &r.tokens[i]
		if r.taken[i] || t.Kind != tagger.Word || bloom[t.Hash>>6&3]&(1<<(t.Hash&63)) == 0 || !r.known(t.Hash) {
			continue
		}
		switch t.Shape {
		case tagger.Title, tagger.Inner, tagger.Upper:
		case tagger.Lower:
			if t.Flags.Name() < 2 || t.Flags.Common() > 0 {
				continue
			}
		default:
			continue
		}
		if r.manners[i] == code || r.manners[i] == comment {
			continue
		}
		j := i + 1
		for j < len(r.tokens) && !r.taken[j] && r.tokens[j].Kind == tagger.Word && r.tokens[j].Shape == t.Shape && r.known(r.tokens[j].Hash) {
			j++
		}
		for k := i; k < j; k++ {
			r.taken[k] = true
		}
		r.s.Find(classifiers.Found{Start: int(t.Start), End: int(r.tokens[j-1].End), Type: person, Likelihood: proxy.Likely, Rule: "mentioned again", Validator: "confirmed name"})
	}
}

// han makes the tables of Chinese and Japanese names when they are first needed.
var han = sync.OnceValue(makeHan)

// japanese reports whether a text is Japanese: it has syllables, or words of
// forms that Chinese does not have.
func japanese(t string) bool {
	if kana(t) {
		return true
	}
	if strings.IndexByte(t, 0xE6) < 0 && strings.IndexByte(t, 0xE3) < 0 {
		return false // none of the characters below
	}
	for _, w := range []string{"様", "氏名", "株式会社", "生年月日", "歳", "々", "殿"} {
		if strings.Contains(t, w) {
			return true
		}
	}
	return false
}

// kana reports whether a text has Japanese syllables.
func kana(t string) bool {
	for i := 0; i+2 < len(t); {
		j := strings.IndexByte(t[i:], 0xE3)
		if j < 0 {
			return false
		}
		i += j
		if i+2 < len(t) && (t[i+1] == 0x81 && t[i+2] >= 0x81 || t[i+1] == 0x82 || t[i+1] == 0x83) {
			return true
		}
		i++
	}
	return false
}
