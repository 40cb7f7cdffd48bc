package classifiers

import (
	"strings"
	"time"
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

	suite   *Suite
	segment int
	found   []proxy.Finding
	traits  []trait // of found, by index
	resume  []int   // by interest
	off     []bool  // by interest; detectors that failed on this segment
	current int     // interest whose Judge runs
	digits  int     // where the last run of digits ended

	clock clock
	calls int
	stop  bool

	groups [maxGroups]Group

	around surroundings // of the candidate that was asked for last
	key    field        // of the segment
}

// surroundings is what stands around one candidate, kept because several detectors
// ask for it.
type surroundings struct {
	words      [nearWords]nearWord
	n          int
	set        bool
	wide       bool // it has characters from firstWide on
	start, end int  // the candidate
	from, to   int  // what was looked at
}

// field is the words of the segment's field name.
type field struct {
	words [keyWords]nearWord
	n     int
	set   bool
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
	}, is)
}

func (s *Scan) add(f proxy.Finding, is trait) {
	if len(s.found) >= maxFindings {
		s.stop = true
		return
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
	s.current = interest
	s.suite.interests[interest].judge(s, c)
	s.current = len(s.off)
}

func (s *Scan) hand(interests []int, c Candidate) {
	for _, i := range interests {
		s.call(i, c)
	}
}

// walk scans the whole segment, or up to where the time ended (s.stop).
func (s *Scan) walk() {
	t, class := s.Text, &s.suite.class
	run, runBits := 0, uint8(0)
	tick := tickBytes
	terms := s.suite.terms
	for i := 0; i < len(t); {
		k := class[t[i]]
		if k&bWord != 0 {
			j := i + 1
			bits := k
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
			i = j
			continue
		}
		if k&bRun == 0 {
			if i-run >= MinRun {
				s.run(run, i, runBits)
			}
			run, runBits = i+1, 0
			if i >= tick {
				tick = i + tickBytes
				if s.clock.out() {
					s.stop = true
				}
			}
			if s.stop {
				return
			}
		}
		if k&bAnchor != 0 {
			s.anchors(i)
		}
		if k&bHigh != 0 {
			if terms == nil {
				i++
				continue
			}
			terms.look(s, i)
			_, n := utf8.DecodeRuneInString(t[i:])
			i += n
			run = i
			continue
		}
		i++
	}
	if len(t)-run >= MinRun && !s.stop {
		s.run(run, len(t), runBits)
	}
}

func (s *Scan) run(start, end int, bits uint8) {
	if bits&bDigit != 0 && bits&bLetter != 0 {
		s.hand(s.suite.runs, Candidate{Start: start, End: end})
	}
}

func (s *Scan) anchors(i int) {
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
	if start+1 < len(t) {
		a := &s.suite.prefixes
		n := a.first[int(literalClass[t[start]])*literalClasses+int(literalClass[t[start+1]])]
		for i := start + 2; n != 0; i++ {
			nd := &a.nodes[n]
			for _, h := range nd.ends {
				s.call(h.interest, Candidate{Start: start, End: start + h.length, Literal: h.literal})
			}
			if i >= len(t) {
				break
			}
			c := literalClass[t[i]]
			if c == 0 {
				break
			}
			n = nd.next[c]
		}
	}
	if bits&bDigit == 0 {
		return
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
	g = append(g, Group{start, end, SepNone})
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
		g = append(g, Group{start, end, sep})
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
