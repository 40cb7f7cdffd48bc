package classifiers

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers/fold"
	"github.com/ostiary/ostiary/proxy"
)

// suiteVersion changes whenever the scanner's, the context's or the merger's
// answers may.
const suiteVersion = "1"

// DefaultBudget bounds the time of one Classify where Options name none. It is
// half of the time that a decision may take.
const DefaultBudget = 2 * time.Second

// Bounds of the work on several cores.
const (
	parallelBytes = 64 << 10 // of segments in sum, from which on two cores are used
	partBytes     = 64 << 10 // of a segment that one core scans at once
	partOverlap   = 512      // bytes that two parts share: a candidate's length
	maxWorkers    = 2
)

// Options says what a suite is made of.
type Options struct {
	// Detectors in the order in which they are listed; classifiers/all has
	// those that ship.
	Detectors []*Detector
	// Off names detectors and types that are switched off. A name that is
	// neither is an error.
	Off []string
	// Terms are dictionaries from the configuration.
	Terms []Terms
	// Allow are values that are known and no leak.
	Allow []Allow
	// Budget bounds the time of one Classify; 0 means [DefaultBudget]. The
	// context's deadline holds too.
	Budget time.Duration
	// Key keys the hashes of terms and the suite's revision. Without one the
	// revision of a suite with terms is another with each start.
	Key []byte
	// Cache is the number of segments whose findings are remembered; 0 means
	// [DefaultCache], a negative number none.
	Cache int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Suite is a set of detectors, ready to run. It implements proxy.Classifier and
// is safe for concurrent use.
type Suite struct {
	interests []interest
	class     [256]uint8
	prefixes  automaton
	anchors   [256][]anchor  // by first byte
	second    [256][4]uint64 // by first byte: the set of second bytes
	numbers   []int          // interests by shape
	mixed     []int
	runs      []int
	codes     []int
	wholes    []int
	terms     *dictionary
	allow     *allowList
	types     []Type
	revision  string
	budget    time.Duration
	now       func() time.Time
	known     atomic.Pointer[vocabulary]
	scans     sync.Pool
	cache     *cache
}

// interest is an [Interest] in a suite.
type interest struct {
	detector *Detector
	judge    func(*Scan, Candidate)
	types    map[*Type]trait // a zero set where switched off
}

// New makes a suite. It fails where a detector is not documented or shows no
// positives and near-misses, where a name is taken twice or not known, and
// where a term cannot be one. The error holds no term.
func New(o Options) (*Suite, error) {
	s := &Suite{budget: o.Budget, now: o.Now}
	if s.budget <= 0 {
		s.budget = DefaultBudget
	}
	if s.now == nil {
		s.now = time.Now
	}
	off, err := s.names(o)
	if err != nil {
		return nil, err
	}
	if s.allow, err = newAllowList(o.Allow, func(n string) (string, bool) { t, ok := s.Lookup(n); return t.Name, ok }); err != nil {
		return nil, err
	}
	var words trie
	for _, d := range o.Detectors {
		types := make(map[*Type]trait, len(d.Types))
		for _, t := range d.Types {
			set, _ := groupBits(t.Groups) // validated
			if off[t.Name] || off[d.Name] {
				set = 0
			}
			types[t] = trait{set, t.General}
		}
		if off[d.Name] {
			continue
		}
		for i := range d.Interests {
			if err := s.subscribe(d, &d.Interests[i], types, &words); err != nil {
				return nil, err
			}
		}
	}
	s.prefixes = words.automaton()
	s.class = classes(&s.anchors)
	key := o.Key
	if len(key) == 0 && len(o.Terms)+len(o.Allow) > 0 {
		key = make([]byte, sha256.Size)
		rand.Read(key) // never fails (crypto/rand, Go 1.24)
	}
	if len(o.Terms) > 0 {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("ostiary terms seed"))
		if s.terms, err = newDictionary(binary.LittleEndian.Uint64(mac.Sum(nil)), o.Terms, off); err != nil {
			return nil, err
		}
	}
	s.revision = revision(key, o)
	s.cache = newCache(o.Cache)
	s.known.Store(newVocabulary())
	s.scans.New = func() any {
		return &Scan{suite: s, progress: progress{resume: make([]int, len(s.interests)), off: make([]bool, len(s.interests))}}
	}
	return s, nil
}

// names checks every name and lists the types. It gives what is switched off.
func (s *Suite) names(o Options) (map[string]bool, error) {
	seen, owner := map[string]bool{}, map[string]string{}
	for _, d := range o.Detectors {
		if err := d.validate(); err != nil {
			return nil, err
		}
		if seen[d.Name] {
			return nil, fmt.Errorf("detector %q stands twice in the suite", d.Name)
		}
		seen[d.Name] = true
		for _, t := range d.Types {
			for _, n := range append([]string{t.Name}, t.Aliases...) {
				if by, ok := owner[n]; ok && by != t.Name {
					return nil, fmt.Errorf("detector %q: type %s is also a name of %s", d.Name, n, by)
				}
				owner[n] = t.Name
			}
			if !seen[t.Name] {
				s.types = append(s.types, *t)
			}
			seen[t.Name] = true
		}
	}
	for _, l := range o.Terms {
		if !typeName(l.Type) {
			return nil, errors.New("a type of terms is named in capitals, digits and underscores")
		}
		if _, ok := owner[l.Type]; ok || seen[l.Type] {
			return nil, fmt.Errorf("type of terms %s is taken", l.Type)
		}
		seen[l.Type] = true
		s.types = append(s.types, l.asType())
	}
	off := map[string]bool{}
	for _, n := range o.Off {
		if t, ok := owner[n]; ok {
			n = t
		} else if t, ok := owner[strings.ToUpper(n)]; ok && !seen[n] {
			n = t
		}
		if !seen[n] {
			return nil, fmt.Errorf("%q is neither a detector nor a type, and cannot be switched off", n)
		}
		off[n] = true
	}
	return off, nil
}

func typeName(n string) bool {
	for i := 0; i < len(n); i++ {
		if !('A' <= n[i] && n[i] <= 'Z' || i > 0 && ('0' <= n[i] && n[i] <= '9' || n[i] == '_')) {
			return false
		}
	}
	return n != ""
}

func (s *Suite) subscribe(d *Detector, in *Interest, types map[*Type]trait, words *trie) error {
	n := len(s.interests)
	s.interests = append(s.interests, interest{d, in.Judge, types})
	switch in.Shape {
	case Number:
		s.numbers = append(s.numbers, n)
	case Mixed:
		s.mixed = append(s.mixed, n)
	case Run:
		s.runs = append(s.runs, n)
	case Code:
		s.codes = append(s.codes, n)
	case Whole:
		s.wholes = append(s.wholes, n)
	case Prefix:
		for i, lit := range in.Literals {
			if !words.add(lit, hook{n, i, len(lit)}) {
				return fmt.Errorf("detector %q: literal %d cannot be a prefix", d.Name, i)
			}
		}
	case Anchor:
		for i, lit := range in.Literals {
			if lit == "" || inWord(lit[0]) && lit[0] != '_' || lit[0] >= 0x80 {
				return fmt.Errorf("detector %q: literal %d cannot be an anchor", d.Name, i)
			}
			s.anchors[lit[0]] = append(s.anchors[lit[0]], anchor{lit, hook{n, i, len(lit)}})
			set := &s.second[lit[0]]
			if len(lit) == 1 {
				*set = [4]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
				continue
			}
			set[lit[1]>>6] |= 1 << (lit[1] & 63)
		}
	}
	return nil
}

// revision is a keyed digest of everything that the answers depend on.
func revision(key []byte, o Options) string {
	mac := hmac.New(sha256.New, key)
	word(mac, suiteVersion)
	for _, d := range o.Detectors {
		word(mac, d.Name)
		word(mac, fmt.Sprint(d.Version))
	}
	word(mac, "off")
	for _, n := range slices.Sorted(slices.Values(o.Off)) {
		word(mac, n)
	}
	for _, l := range o.Terms {
		word(mac, "terms "+l.Type)
		for _, w := range slices.Sorted(slices.Values(l.Words)) {
			word(mac, w)
		}
	}
	for _, l := range o.Allow {
		word(mac, "allow "+strings.Join(l.Types, " "))
		word(mac, l.Pattern)
		for _, v := range slices.Sorted(slices.Values(l.Values)) {
			word(mac, v)
		}
	}
	return "s" + suiteVersion + "-" + hex.EncodeToString(mac.Sum(nil)[:12])
}

func word(h hash.Hash, s string) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}

// Revision implements proxy.Classifier: it changes whenever the detectors, their
// versions, what is switched off or the terms do.
func (s *Suite) Revision() string { return s.revision }

// Types lists what the suite can find, in the order of the detectors.
func (s *Suite) Types() []Type { return slices.Clone(s.types) }

// Groups lists the groups that the suite's types belong to, sorted.
func (s *Suite) Groups() []string {
	set := map[string]bool{}
	for i := range s.types {
		for _, g := range s.types[i].Groups {
			set[g] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// Reasons of gaps.
const (
	gapBudget = "budget"
	gapFailed = "detector_failed"
)

// result is what one segment gave.
type result struct {
	found  []proxy.Finding
	traits []trait // of found, until they are merged
	gap    string
}

// Classify implements proxy.Classifier. Findings come in the order of the
// segments, then of their places. It never fails: what was not looked at is a
// gap.
//
// Each segment is scanned on its own: as it is, and where it is written in a
// way that hides what it says, again as [fold.Views] reads it. A segment that
// was scanned before is answered from the cache.
func (s *Suite) Classify(ctx context.Context, segments []proxy.Segment) (proxy.Report, error) {
	c := clock{done: ctx.Done(), until: s.now().Add(s.budget), now: s.now}
	if d, ok := ctx.Deadline(); ok && d.Before(c.until) {
		c.until = d
	}
	size := 0
	for i := range segments {
		size += segments[i].Text.Len()
	}
	var r proxy.Report
	if workers := min(maxWorkers, runtime.GOMAXPROCS(0)); size > parallelBytes && workers > 1 {
		for i, one := range s.parallel(c, segments, workers) {
			collect(&r, i, one)
		}
		return r, nil
	}
	sc := s.scans.Get().(*Scan)
	defer s.scans.Put(sc)
	for i := range segments {
		key, found, ok := s.cache.get(sc, &segments[i])
		if ok {
			collect(&r, i, result{found: found})
			continue
		}
		one := sc.segmentOf(c, segments, part{segment: i, to: segments[i].Text.Len(), plain: true, folded: true})
		s.cache.put(key, one)
		if len(r.Findings) == 0 && key == (cacheKey{}) {
			r.Findings = one.found // nobody else has them
			one.found = nil
		}
		collect(&r, i, one)
	}
	return r, nil
}

// part is a piece of work: the bytes of a segment from which candidates may
// begin, and whether they are read as they are, as they fold, or both.
type part struct {
	segment       int
	from, to      int
	plain, folded bool
}

// parallel scans the segments on several cores, long ones in parts. It returns
// when all are done.
func (s *Suite) parallel(c clock, segments []proxy.Segment, workers int) []result {
	out := make([]result, len(segments))
	keys, known := make([]cacheKey, len(segments)), make([]bool, len(segments))
	var parts []part
	sc := s.scans.Get().(*Scan)
	for i := range segments {
		key, found, ok := s.cache.get(sc, &segments[i])
		if ok {
			out[i].found, known[i] = found, true
			continue
		}
		keys[i] = key
		t := segments[i].Text.Reveal()
		if len(t) <= partBytes {
			parts = append(parts, part{segment: i, to: len(t), plain: true, folded: true})
			continue
		}
		parts = append(parts, part{segment: i, to: len(t), folded: true})
		for from := 0; from < len(t); {
			to := cut(t, from)
			parts = append(parts, part{segment: i, from: max(0, from-overlap(t, from)), to: to, plain: true})
			from = to
		}
	}
	s.scans.Put(sc)
	results := make([]result, len(parts))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			sc := s.scans.Get().(*Scan)
			defer s.scans.Put(sc)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(parts) {
					return
				}
				results[i] = sc.segmentOf(c, segments, parts[i])
			}
		})
	}
	wg.Wait()
	done := make([]result, len(segments))
	for n, p := range parts {
		if p.plain && p.folded {
			out[p.segment], known[p.segment] = results[n], true
			s.cache.put(keys[p.segment], results[n])
			continue
		}
		d := &done[p.segment]
		if room := maxFindings - len(d.found); len(results[n].found) > room {
			results[n] = result{results[n].found[:room], results[n].traits[:room], gapBudget}
		}
		d.found = append(d.found, results[n].found...)
		d.traits = append(d.traits, results[n].traits...)
		if d.gap == "" || results[n].gap == gapFailed {
			d.gap = results[n].gap
		}
	}
	var m merger
	for i := range segments {
		if known[i] {
			continue
		}
		out[i].found, out[i].gap = m.merge(done[i].found, done[i].traits), done[i].gap
		s.cache.put(keys[i], out[i])
	}
	return out
}

// cut gives the end of the part that begins at from: after a line or a word,
// where one ends near.
func cut(t string, from int) int {
	to := from + partBytes
	if to+partOverlap >= len(t) {
		return len(t)
	}
	for _, sep := range []string{"\n", " "} {
		if i := strings.LastIndex(t[to-partOverlap:to], sep); i >= 0 {
			return to - partOverlap + i + 1
		}
	}
	for !utf8.RuneStart(t[to]) {
		to--
	}
	return to
}

// overlap gives how far before from a part begins: what a cut went through is
// whole in the part behind it.
func overlap(t string, from int) int {
	if from == 0 {
		return 0
	}
	lo := max(0, from-partOverlap)
	if i := strings.IndexAny(t[lo:from], " \n"); i >= 0 {
		return from - lo - i
	}
	for lo > 0 && !utf8.RuneStart(t[lo]) {
		lo--
	}
	return from - lo
}

func collect(r *proxy.Report, i int, one result) {
	at := len(r.Findings)
	r.Findings = append(r.Findings, one.found...)
	for n := at; n < len(r.Findings); n++ {
		r.Findings[n].Segment = i // those of the cache have another's
	}
	if one.gap != "" {
		r.Gaps = append(r.Gaps, proxy.Gap{Segment: i, Reason: one.gap})
	}
}

// segmentOf scans one part of a segment. A detector that panics is left out and
// the part scanned again without it; that it failed is the segment's gap. The
// panic's value may quote the text and is dropped.
func (s *Scan) segmentOf(c clock, segments []proxy.Segment, p part) result {
	seg := &segments[p.segment]
	s.clock, s.segment = c, p.segment
	s.Key, s.Kind, s.Role = seg.Key.Reveal(), seg.Kind, seg.Role
	s.known, s.key.known = s.suite.known.Load(), nil
	var r result
	for seg.Text.Len() > 0 {
		failed := s.try(seg.Text.Reveal(), p)
		if failed < 0 {
			break
		}
		r.gap = gapFailed
		if failed == len(s.off) { // not a detector: nothing to leave out
			s.found, s.traits = s.found[:0], s.traits[:0]
			break
		}
		d := s.suite.interests[failed].detector
		for n := range s.off {
			if s.suite.interests[n].detector == d {
				s.off[n] = true
			}
		}
	}
	if r.gap != "" {
		clear(s.off)
	} else if s.stop || s.Partial {
		r.gap = gapBudget
	}
	switch {
	case p.plain && p.folded: // all of it
		r.found = s.merger.merge(s.found, s.traits)
	case len(s.found) > 0:
		r.found, r.traits = slices.Clone(s.found), slices.Clone(s.traits)
	}
	// Nothing of a client's is kept in the pool.
	s.Text, s.Key, s.clock, s.stop = "", "", clock{}, false
	clear(s.found)
	s.found, s.traits = s.found[:0], s.traits[:0]
	return r
}

// try walks once. It gives the interest whose judge panicked, -1 where none
// did, the number of interests where something else failed.
func (s *Scan) try(text string, p part) (failed int) {
	s.found, s.traits = s.found[:0], s.traits[:0]
	s.stop, s.Partial = false, false
	s.current = len(s.off)
	failed = -1
	defer func() {
		if recover() != nil {
			failed = s.current
		}
	}()
	if s.clock.out() {
		s.stop = true
		return
	}
	if p.plain {
		s.over(text, "")
		s.walk(p.from, p.to)
	}
	if p.folded && !s.stop {
		s.views(text)
	}
	return
}

// over makes text the one that is scanned.
func (s *Scan) over(text, via string) {
	s.Text, s.via, s.base = text, via, len(s.found)
	clear(s.resume)
	s.calls, s.around.start, s.around.end, s.table.set = 0, -1, -1, false
}

// views scans what the text says when it is read as fold does. What is found
// there is brought back to the bytes of the text.
func (s *Scan) views(text string) {
	for _, v := range fold.Views(text) {
		at := len(s.found)
		s.over(v.Text, v.Via)
		s.walk(0, len(v.Text))
		keep := at
		for i := at; i < len(s.found); i++ {
			f := s.found[i]
			if !v.Changed(max(0, f.Start-contextBefore), min(len(v.Text), f.End+contextAfter)) {
				continue // found in the text as it is
			}
			if f.Start, f.End = v.Origin(f.Start, f.End); f.Start >= f.End {
				// Text that is not UTF-8 may lead nowhere: then it is somewhere in
				// what was folded.
				f.Start, f.End = v.Origin(0, len(v.Text))
			}
			s.found[keep], s.traits[keep] = f, s.traits[i]
			keep++
		}
		clear(s.found[keep:])
		s.found, s.traits = s.found[:keep], s.traits[:keep]
		if s.stop {
			return
		}
	}
}

// Lookup gives the type of that name or alias.
func (s *Suite) Lookup(name string) (Type, bool) {
	for _, t := range s.types {
		if t.Name == name || slices.Contains(t.Aliases, name) || strings.EqualFold(t.Name, name) {
			return t, true
		}
	}
	return Type{}, false
}
