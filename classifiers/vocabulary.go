package classifiers

// vocabulary is what a suite knows of the cues that its detectors ask for: the
// cues, and a filter of their words. A word that is in no cue is passed over when
// the words around a candidate are read. It is immutable; a suite replaces it by a
// greater one when a cue is asked for the first time.
type vocabulary struct {
	filter [filterBits / 64]uint64
	cues   []*Cue // open addressing by Cue.mark; a power of two
	n      int
}

const (
	filterBits = 1 << 16 // some ten for each word of the detectors that ship
	minCues    = 64
)

// has reports whether a word of that hash may be in a cue.
func (v *vocabulary) has(h uint64) bool {
	return v.filter[h>>6&(filterBits/64-1)]>>(h&63)&1 != 0
}

// knows reports whether the words of a cue are in the filter.
func (v *vocabulary) knows(c *Cue) bool {
	mask := uint32(len(v.cues) - 1)
	for i := c.mark & mask; v.cues[i] != nil; i = (i + 1) & mask {
		if v.cues[i] == c {
			return true
		}
	}
	return false
}

// with gives a vocabulary that knows one cue more.
func (v *vocabulary) with(c *Cue) *vocabulary {
	w := &vocabulary{filter: v.filter, cues: make([]*Cue, max(minCues, len(v.cues))), n: v.n + 1}
	for len(w.cues) < 2*w.n {
		w.cues = make([]*Cue, 2*len(w.cues))
	}
	for _, x := range v.cues {
		if x != nil {
			w.enter(x)
		}
	}
	w.enter(c)
	for _, h := range c.slots {
		if h != 0 {
			w.filter[h>>6&(filterBits/64-1)] |= 1 << (h & 63)
		}
	}
	return w
}

func (v *vocabulary) enter(c *Cue) {
	mask := uint32(len(v.cues) - 1)
	i := c.mark & mask
	for v.cues[i] != nil {
		i = (i + 1) & mask
	}
	v.cues[i] = c
}

// newVocabulary makes one that knows no cue.
func newVocabulary() *vocabulary { return &vocabulary{cues: make([]*Cue, minCues)} }

// learn gives a vocabulary of the suite that knows the cue.
func (s *Suite) learn(c *Cue) *vocabulary {
	for {
		v := s.known.Load()
		if v.knows(c) {
			return v
		}
		if w := v.with(c); s.known.CompareAndSwap(v, w) {
			return w
		}
	}
}

// learned makes sure that the words around are read with the words of the cue in
// mind. What was read before is read again.
func learned(s *Scan, c *Cue) {
	if !s.known.knows(c) {
		s.known = s.suite.learn(c)
	}
}
