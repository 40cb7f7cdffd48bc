package classifiers

import (
	"hash"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of one scan.
const (
	maxGroups   = 256     // digit groups handed over at once
	keptGroups  = 24      // groups that the next hand-over repeats, so that nothing is cut
	maxFindings = 1 << 16 // findings of one segment; beyond, the rest is not looked at
	tickBytes   = 32 << 10
	tickCalls   = 256 // candidates between two looks at the clock
	minDigits   = 7   // of a Number that is handed over
	maxWords    = 48  // words of a Code handed over at once
	keptWords   = 8   // words that the next hand-over repeats
	codeLetters = 4   // letters of a word of letters in a Code
	codeWord    = 40  // characters of a word in a Code
	leadWords   = 2   // words of letters before the first digit of a Code
)

// Bits of the byte classes.
const (
	bDigit  = 1 << iota // 0-9
	bLower              // a-z
	bUpper              // A-Z
	bRun                // + / _ -
	bAnchor             // first byte of an anchor of the suite
	bHigh               // not ASCII
	bWord   = bDigit | bLower | bUpper
	bLetter = bLower | bUpper
)

// classes makes the table for the anchors' first bytes.
func classes(anchors *[256][]anchor) (t [256]uint8) {
	for c := 0; c < 256; c++ {
		switch {
		case '0' <= c && c <= '9':
			t[c] = bDigit
		case 'a' <= c && c <= 'z':
			t[c] = bLower
		case 'A' <= c && c <= 'Z':
			t[c] = bUpper
		case c >= utf8.RuneSelf:
			t[c] = bHigh
		case c == '+' || c == '/' || c == '_' || c == '-':
			t[c] = bRun
		}
		if len(anchors[c]) > 0 {
			t[c] |= bAnchor
		}
	}
	return t
}

// anchor is a literal that begins with punctuation.
type anchor struct {
	literal string
	hook    hook
}

// Found is what a detector reports of the text it judges.
type Found struct {
	Start, End int
	Type       *Type // one of the detector's
	Likelihood proxy.Likelihood
	Synthetic  bool
	// Rule and Validator are constant words of the detector: the form that
	// matched, the checksum or list that confirmed it. The word of the cue that
	// [Scan.Near] or [Scan.Lean] met last during this Judge is added by Find.
	Rule, Validator string
}

// Scan is one walk over one segment. Detectors get it with each candidate; it
// is theirs during the call only. Text may not be kept.
type Scan struct {
	// Text is the content of the segment.
	Text string
	// Key is the name of the field that holds it, or empty.
	Key string
	// Kind and Role are those of the segment.
	Kind proxy.Kind
	Role proxy.Role
	// Partial is set by a Judge whose own bound kept it from looking at all that
	// it should: the segment then counts as not wholly looked at, never as clean.
	Partial bool

	suite   *Suite
	segment int
	found   []proxy.Finding
	base    int         // of found: the first that is of the text that is scanned
	traits  []trait     // of found, by index
	via     string      // of the text that is scanned; see proxy.Evidence
	known   *vocabulary // of the suite
	around  surroundings
	key     nearList // the words of Key
	table   table
	progress
	buffers
}

// progress is how far a walk has come.
type progress struct {
	resume  []int  // by interest
	off     []bool // by interest; detectors that failed on this segment
	current int    // interest whose Judge runs
	digits  int    // where the last run of digits ended
	coded   int    // where the last chain of words ended
	context string // word of a cue that was met last in this Judge

	clock clock
	calls int
	stop  bool
}

// buffers are kept from scan to scan.
type buffers struct {
	groups [maxGroups]Group
	words  [maxWords]Group
	mac    hash.Hash // of the cache
	block  []byte
	merger merger
}

// surroundings is what stands around one candidate, kept because several detectors
// ask for it.
type surroundings struct {
	before, after         nearList
	wideBefore, wideAfter bool // characters that parts of cues begin with
	start, end            int  // the candidate
	from, to              int  // what was looked at
	first, last           int  // where the first word begins that was read, and the last one ends
	full                  bool // no more words before are read, however far one looks
	edges                 edges
}

// clock is the end of a request's time, shared by its scans.
type clock struct {
	done  <-chan struct{}
	until time.Time
	now   func() time.Time
}

func (c *clock) out() bool {
	select {
	case <-c.done:
		return true
	default:
	}
	return !c.now().Before(c.until)
}

// Find reports a finding. A start or end inside a character is moved outwards.
// A type that the detector does not list is a fault of the detector.
func (s *Scan) Find(f Found) {
	in := &s.suite.interests[s.current]
	is, ok := in.types[f.Type]
	if !ok || f.Start < 0 || f.End > len(s.Text) || f.Start >= f.End || f.Likelihood < proxy.VeryUnlikely || f.Likelihood > proxy.VeryLikely {
		panic("classifiers: a detector broke its contract")
	}
	if is.set == 0 {
		return // switched off
	}
	for f.Start > 0 && !utf8.RuneStart(s.Text[f.Start]) {
		f.Start--
	}
	for f.End < len(s.Text) && !utf8.RuneStart(s.Text[f.End]) {
		f.End++
	}
	s.add(proxy.Finding{
		Segment: s.segment, Start: f.Start, End: f.End, Type: f.Type.Name, Groups: f.Type.Groups,
		Likelihood: f.Likelihood, Detector: in.detector.Name, Synthetic: f.Synthetic,
		Evidence: proxy.Evidence{Rule: f.Rule, Validator: f.Validator, Context: s.context, Via: s.via},
	}, is)
}

// Found lists what was found so far in the text that is scanned, before merging. It is not
// to be written or kept.
func (s *Scan) Found() []proxy.Finding { return s.found[s.base:] }

func (s *Scan) add(f proxy.Finding, is trait) {
	if len(s.found) >= maxFindings {
		s.stop = true
		return
	}
	if a := s.suite.allow; a != nil && a.allows(&f, s.Text[f.Start:f.End]) {
		f.Likelihood, f.Evidence.Rule = proxy.VeryUnlikely, allowedRule
	}
	s.found = append(s.found, f)
	s.traits = append(s.traits, is)
}

// Resume says that the running Judge has seen everything up to at: its interest
// is not called again for candidates that begin before it.
func (s *Scan) Resume(at int) { s.resume[s.current] = max(s.resume[s.current], at) }

// Alone reports whether [start, end) stands between bytes that are no ASCII
// letters, digits or underscores.
func (s *Scan) Alone(start, end int) bool {
	return (start == 0 || !inWord(s.Text[start-1])) && (end >= len(s.Text) || !inWord(s.Text[end]))
}

func inWord(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_'
}

// Before gives the byte before i, 0 at the start of the text.
func (s *Scan) Before(i int) byte {
	if i <= 0 || i > len(s.Text) {
		return 0
	}
	return s.Text[i-1]
}

// At gives the byte at i, 0 outside the text.
func (s *Scan) At(i int) byte {
	if i < 0 || i >= len(s.Text) {
		return 0
	}
	return s.Text[i]
}

// call hands a candidate to one interest.
func (s *Scan) call(interest int, c Candidate) {
	if s.off[interest] || c.Start < s.resume[interest] || s.stop {
		return
	}
	s.calls++
	if s.calls >= tickCalls {
		s.calls = 0
		if s.clock.out() {
			s.stop = true
			return
		}
	}
	s.current, s.context = interest, ""
	s.suite.interests[interest].judge(s, c)
	s.current = len(s.off)
}

func (s *Scan) hand(interests []int, c Candidate) {
	for _, i := range interests {
		s.call(i, c)
	}
}

// walk scans the segment for what begins in [from, to), or up to where the time
// ended (s.stop).
func (s *Scan) walk(from, to int) {
	s.digits, s.coded = from, from
	s.pass(from, to)
	for _, i := range s.suite.wholes {
		if s.stop || s.clock.out() {
			s.stop = true
			return
		}
		s.call(i, Candidate{Start: from, End: to})
	}
}

func (s *Scan) pass(from, to int) {
	t, class := s.Text, &s.suite.class
	run, runBits := from, uint8(0)
	terms := s.suite.terms
	for i := from; i < to; {
		// Between two looks at the clock.
		for tick := min(to, i+tickBytes); i < tick; {
			k := class[t[i]]
			if k == 0 { // a space, mostly
				if i-run >= MinRun {
					s.run(run, i, runBits)
					if s.stop {
						return
					}
				}
				i++
				run, runBits = i, 0
				continue
			}
			if k&bWord != 0 {
				j, bits := i+1, k
				for j < len(t) {
					k = class[t[j]]
					if k&bWord == 0 {
						break
					}
					bits |= k
					j++
				}
				runBits |= bits
				s.word(i, j, bits)
				if terms != nil {
					terms.look(s, i)
				}
				if s.stop {
					return
				}
				i = j
				continue
			}
			if k&bRun == 0 {
				if i-run >= MinRun {
					s.run(run, i, runBits)
				}
				run, runBits = i+1, 0
			}
			if k&bAnchor != 0 {
				s.anchors(i)
			}
			if s.stop {
				return
			}
			if k&bHigh != 0 && terms != nil {
				terms.look(s, i)
				_, n := utf8.DecodeRuneInString(t[i:])
				i += n
				run = i
				continue
			}
			i++
		}
		if i < to && s.clock.out() {
			s.stop = true
			return
		}
	}
	// A run that begins in this part is this part's, to its end.
	end := to
	for end < len(t) && class[t[end]]&(bWord|bRun) != 0 {
		runBits |= class[t[end]]
		end++
	}
	if end-run >= MinRun && !s.stop {
		s.run(run, end, runBits)
	}
}

func (s *Scan) run(start, end int, bits uint8) {
	if bits&bDigit != 0 && bits&bLetter != 0 {
		s.hand(s.suite.runs, Candidate{Start: start, End: end})
	}
}

func (s *Scan) anchors(i int) {
	if next := s.At(i + 1); s.suite.second[s.Text[i]][next>>6]&(1<<(next&63)) == 0 {
		return
	}
	for _, a := range s.suite.anchors[s.Text[i]] {
		if strings.HasPrefix(s.Text[i:], a.literal) {
			s.call(a.hook.interest, Candidate{Start: i, End: i + len(a.literal), Literal: a.hook.literal})
		}
	}
}

// word looks at a word of ASCII letters and digits.
func (s *Scan) word(start, end int, bits uint8) {
	t := s.Text
	// In text with escapes (source code, logs) a word may follow \n or \t.
	if start > 0 && t[start-1] == '\\' && (t[start] == 'n' || t[start] == 'r' || t[start] == 't') {
		start++
		bits = 0
		for i := start; i < end; i++ {
			bits |= s.suite.class[t[i]]
		}
		if start == end {
			return
		}
	}
	a := &s.suite.prefixes
	for n, i := a.begins(t, start), start+2; n != 0; i++ {
		for _, h := range a.ends(n) {
			s.call(h.interest, Candidate{Start: start, End: start + h.length, Literal: h.literal})
		}
		if i >= len(t) {
			break
		}
		n = a.step(n, literalClass[t[i]])
	}
	if bits&bDigit == 0 {
		return
	}
	if start >= s.coded && len(s.suite.codes) > 0 {
		s.code(start, end, bits)
	}
	if bits&bLetter != 0 {
		s.hand(s.suite.mixed, Candidate{Start: start, End: end})
		return
	}
	if start >= s.digits {
		s.number(start, end)
	}
}

// number reads a run of digit groups that begins with the word [start, end).
func (s *Scan) number(start, end int) {
	t := s.Text
	s.digits = end
	if start > 0 && t[start-1] == '_' || end < len(t) && t[end] == '_' {
		return // inside an identifier
	}
	g := s.groups[:0]
	g = append(g, Group{Start: start, End: end, Digits: true})
	fresh := true // the groups hold some that were not handed over
	for {
		sep, n := separator(t, end)
		if sep == SepNone {
			break
		}
		start = end + n
		end = start
		for end < len(t) && '0' <= t[end] && t[end] <= '9' {
			end++
		}
		if end < len(t) && inWord(t[end]) {
			break // glued to letters: not a group of the run
		}
		s.digits = end
		g = append(g, Group{start, end, sep, false, true})
		fresh = true
		if len(g) == maxGroups {
			s.numbers(g)
			if s.stop {
				return
			}
			n := copy(g, g[maxGroups-keptGroups:])
			g = g[:n]
			fresh = false
		}
	}
	if fresh {
		s.numbers(g)
	}
}

// code reads the chain of words around the word [start, end), the first with a
// digit.
func (s *Scan) code(start, end int, bits uint8) {
	t, class := s.Text, &s.suite.class
	s.coded = end
	if start > 0 && t[start-1] == '_' || end < len(t) && t[end] == '_' || end-start > codeWord {
		return // inside an identifier, or no code
	}
	g := s.words[:0]
	// Words of letters that stand before: up to two, in the order of the text.
	var lead [leadWords]Group
	n := 0
	for at := start; n < leadWords && at > 1; n++ {
		sep := codeSeparator(t[at-1])
		if sep == SepNone {
			break
		}
		i := at - 1
		var seen uint8
		for i > 0 && at-1-i <= codeLetters && class[t[i-1]]&bLetter != 0 {
			i--
			seen |= class[t[i]]
		}
		if l := at - 1 - i; l == 0 || l > codeLetters || sep == SepSpace && seen&bLower != 0 || i > 0 && (inWord(t[i-1]) || t[i-1] >= utf8.RuneSelf) {
			break
		}
		lead[n] = Group{Start: i, End: at - 1, Sep: sep, Letters: true} // Sep is that behind it, for now
		at = i
	}
	for i := n - 1; i >= 0; i-- {
		w := lead[i]
		w.Sep = SepNone
		if i < n-1 {
			w.Sep = lead[i+1].Sep
		}
		g = append(g, w)
	}
	first := Group{Start: start, End: end, Letters: bits&bLetter != 0, Digits: true}
	if n > 0 {
		first.Sep = lead[0].Sep
	}
	g = append(g, first)
	fresh := true
	for end+1 < len(t) {
		sep := codeSeparator(t[end])
		if sep == SepNone {
			break
		}
		start = end + 1
		i, seen := start, uint8(0)
		for i < len(t) && i-start <= codeWord && class[t[i]]&bWord != 0 {
			seen |= class[t[i]]
			i++
		}
		if i == start || i-start > codeWord || i < len(t) && (t[i] == '_' || t[i] >= utf8.RuneSelf && spelt(t[i:])) {
			break
		}
		if seen&bDigit == 0 && (i-start > codeLetters || sep == SepSpace && seen&bLower != 0) {
			break
		}
		end = i
		g = append(g, Group{start, end, sep, seen&bLetter != 0, seen&bDigit != 0})
		fresh = true
		if len(g) == maxWords {
			s.coded = end
			s.hand(s.suite.codes, Candidate{Start: g[0].Start, End: end, Groups: g})
			if s.stop {
				return
			}
			g = g[:copy(g, g[maxWords-keptWords:])]
			fresh = false
		}
	}
	s.coded = end
	if fresh {
		s.hand(s.suite.codes, Candidate{Start: g[0].Start, End: end, Groups: g})
	}
}

// spelt reports whether a text goes on with a letter of a script that puts
// spaces between words: what stands before is a part of a word.
func spelt(t string) bool {
	r, _ := utf8.DecodeRuneInString(t)
	return unicode.IsLetter(r) && !solo(r)
}

// codeSeparator gives the separator that b is between words of a [Code].
func codeSeparator(b byte) byte {
	switch b {
	case ' ', '-', '.', '/':
		return b
	}
	return SepNone
}

func (s *Scan) numbers(g []Group) {
	digits, dots := 0, 0
	for _, x := range g {
		digits += x.Len()
		if x.Sep == SepDot {
			dots++
		}
		if digits >= minDigits || dots >= 3 {
			s.hand(s.suite.numbers, Candidate{Start: g[0].Start, End: g[len(g)-1].End, Groups: g})
			return
		}
	}
}

// separator reads what stands between two groups of digits at i: its kind and
// length, SepNone where no further group follows.
func separator(t string, i int) (byte, int) {
	if i >= len(t) {
		return SepNone, 0
	}
	kind, n := punct(t, i)
	if n == 0 {
		return SepNone, 0
	}
	i += n
	if digitAt(t, i) {
		return kind, n
	}
	second, m := punct(t, i)
	if m == 0 {
		return SepNone, 0
	}
	if digitAt(t, i+m) {
		switch {
		case kind == SepClose && (second == SepSpace || second == SepDash || second == SepDot || second == SepOpen):
			return SepClose, n + m
		case second == SepOpen && (kind == SepSpace || kind == SepDash || kind == SepDot):
			return SepOpen, n + m
		case kind == SepDash && second == SepSpace, kind == SepSpace && second == SepDash:
			return SepWide, n + m
		}
		return SepNone, 0
	}
	third, l := punct(t, i+m)
	if l == 0 || !digitAt(t, i+m+l) {
		return SepNone, 0
	}
	switch {
	case kind == SepSpace && third == SepSpace && (second == SepDash || second == SepSlash):
		return SepWide, n + m + l
	case kind == SepClose && third == SepSpace && second == SepDash:
		return SepClose, n + m + l
	}
	return SepNone, 0
}

func digitAt(t string, i int) bool { return i < len(t) && '0' <= t[i] && t[i] <= '9' }

// punct reads one separating character. Spaces and hyphens that typography
// uses (U+00A0, U+2009, U+202F; U+2010 to U+2013) count as the plain ones.
func punct(t string, i int) (byte, int) {
	if i >= len(t) {
		return SepNone, 0
	}
	switch c := t[i]; c {
	case ' ', '-', '.', '/', '(', ')':
		return c, 1
	case 0xC2:
		if i+1 < len(t) && t[i+1] == 0xA0 {
			return SepSpace, 2
		}
	case 0xE2:
		if i+2 < len(t) && t[i+1] == 0x80 {
			switch t[i+2] {
			case 0x89, 0xAF:
				return SepSpace, 3
			case 0x90, 0x91, 0x92, 0x93:
				return SepDash, 3
			}
		}
	}
	return SepNone, 0
}
