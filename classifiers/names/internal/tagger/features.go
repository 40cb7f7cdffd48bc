package tagger

import "github.com/ostiary/ostiary/classifiers/gazetteer"

// Tag is what a token is part of.
type Tag uint8

// The tags: a name begins with B and goes on with I.
const (
	O Tag = iota
	BPerson
	IPerson
	BLocation
	ILocation
	BOrganization
	IOrganization
	Tags // their number
)

// Sizes of the model.
const (
	// RowBits is the binary logarithm of the number of rows of weights.
	RowBits = 19
	rows    = 1 << RowBits
	// Lane is the number of bytes of a row: one weight for each tag, and one
	// that is free.
	Lane = 8
	// Features is the number of features of a token.
	Features = 29
)

// Sequence is the tokens of a sentence with what their features need, ready to
// be tagged. It is scratch: Load fills it anew and keeps its memory.
type Sequence struct {
	Tokens []Token
	mode   uint64
	cells  []cell
	active []bool // by token: it may be part of a name
}

// cell is a token as its neighbours' features see it.
type cell struct {
	word   uint64 // hash
	flags  uint64 // of the gazetteer
	coarse uint64 // flags in five bits, see coarse
	shape  uint64
	phrase uint64 // bits of a place of several words: 1 begins, 2 goes on
}

// pad is the number of cells before and behind a sentence.
const pad = 2

// Modes of a sentence: how its words are written.
const (
	mixedCase = iota
	lowerCase
	upperCase
)

// Load takes the tokens of one sentence; they stay the caller's.
func (s *Sequence) Load(tokens []Token) {
	s.Tokens = tokens
	n := len(tokens) + 2*pad
	if cap(s.cells) < n {
		s.cells = make([]cell, n, 2*n)
	}
	s.cells = s.cells[:n]
	upper, lower, title := 0, 0, 0
	for i := range tokens {
		t := &tokens[i]
		c := &s.cells[i+pad]
		*c = cell{word: t.Hash, flags: uint64(t.Flags), coarse: coarse(t.Flags), shape: uint64(t.Shape)}
		if t.Kind != Word {
			c.word += uint64(t.Kind) << 56
			c.shape += uint64(t.Kind) << 4
		}
		switch t.Shape {
		case Upper:
			upper++
		case Lower, Camel:
			lower++
		case Title, Inner:
			title++
		}
	}
	for i := range pad {
		s.cells[i] = cell{word: 1, shape: 15}
		s.cells[n-1-i] = cell{word: 2, shape: 15}
	}
	s.mode = mixedCase
	switch {
	case title == 0 && upper == 0 && lower > 0, title+upper <= 1 && lower >= 10:
		s.mode = lowerCase
	case upper >= 2 && title == 0 && lower <= upper/4:
		s.mode = upperCase
	}
	s.phrases()
	s.activate()
}

// activate marks the tokens that may be part of a name: capitals, names in small
// letters, and what stands beside those.
func (s *Sequence) activate() {
	n := len(s.Tokens)
	if cap(s.active) < n {
		s.active = make([]bool, n, 2*n)
	}
	s.active = s.active[:n]
	clear(s.active)
	reach := 1
	if s.mode == lowerCase {
		reach = 2
	}
	for i := range s.Tokens {
		t := &s.Tokens[i]
		if t.Kind != Word {
			continue
		}
		may := true
		if t.Shape == Lower || t.Shape == Camel {
			f := t.Flags
			switch {
			case f.Common() >= 3:
				may = f.Name() == 3 && f.Common() == 3 && s.mode == lowerCase
			case f.Common() > 0:
				may = f.Name() >= 2 || f.Place() >= 2
			}
		}
		if !may {
			continue
		}
		for k := max(0, i-reach); k < min(n, i+reach+1); k++ {
			s.active[k] = true
		}
	}
	for i := range s.Tokens {
		s.active[i] = s.active[i] && s.Tokens[i].Kind != Newline
	}
}

// phrases marks places of two and three words.
func (s *Sequence) phrases() {
	for i := 0; i+1 < len(s.Tokens); i++ {
		a, b := &s.Tokens[i], &s.Tokens[i+1]
		if a.Kind != Word || b.Kind != Word || b.Flags&gazetteer.PlacePart == 0 || s.cells[i+pad].phrase != 0 {
			continue
		}
		h := gazetteer.Join(a.Hash, b.Hash)
		n := 0
		if gazetteer.Find(h).Place() > 0 {
			n = 2
		}
		if i+2 < len(s.Tokens) {
			if c := &s.Tokens[i+2]; c.Kind == Word && c.Flags&gazetteer.PlacePart != 0 && gazetteer.Find(gazetteer.Join(h, c.Hash)).Place() > 0 {
				n = 3
			}
		}
		for k := range n {
			s.cells[i+k+pad].phrase = 1
			if k > 0 {
				s.cells[i+k+pad].phrase = 2
			}
		}
	}
}

// coarse gives the flags of a word in six bits: how usual as a name (2), a place
// or part of one (2), how common (2).
func coarse(f gazetteer.Flags) uint64 {
	n := uint64(f.Name())
	p := uint64(0)
	switch {
	case f.Place() >= 2:
		p = 2
	case f.Place() > 0 || f&gazetteer.PlacePart != 0:
		p = 1
	}
	c := uint64(0)
	switch {
	case f.Common() >= 4:
		c = 3
	case f.Common() == 3:
		c = 2
	case f.Common() > 0:
		c = 1
	}
	return n | p<<2 | c<<4
}

// at gives the row of a feature: its number and up to three values.
func at(id, a, b, c uint64) uint32 {
	h := (id*0x9E3779B97F4A7C15 ^ a) * 0xD6E8FEB86659FD93
	h = (h ^ h>>32 ^ b) * 0xC2B2AE3D27D4EB4F
	h = (h ^ h>>29 ^ c) * 0x9FB21C651E98DF25
	return uint32(h >> (64 - RowBits))
}

// Rows fills dst with the rows of the features of token i.
func (s *Sequence) Rows(i int, dst *[Features]uint32) {
	c := s.cells[i : i+2*pad+1]
	p2, p1, o, n1, n2 := &c[0], &c[1], &c[2], &c[3], &c[4]
	m := s.mode
	var t *Token = &s.Tokens[i]
	look := o.flags | o.shape<<12 | m<<20
	rough := func(x *cell) uint64 { return x.coarse | x.shape<<6 }
	ro, rp1, rn1 := rough(o), rough(p1), rough(n1)
	*dst = [Features]uint32{
		at(1, o.word, 0, 0),
		at(2, o.word, o.shape, m),
		at(3, p1.word, o.shape, m),
		at(4, n1.word, o.shape, m),
		at(5, p2.word, o.shape, m),
		at(6, n2.word, o.shape, m),
		at(7, p1.word, o.word, 0),
		at(8, o.word, n1.word, 0),
		at(12, look, 0, 0),
		at(13, look, p1.flags|p1.shape<<12, 0),
		at(14, look, n1.flags|n1.shape<<12, 0),
		at(15, ro, rp1|rn1<<16, m),
		at(16, ro, rp1|rough(p2)<<16, m),
		at(17, ro, rn1|rough(n2)<<16, m),
		at(18, o.shape|p1.shape<<8|n1.shape<<16|p2.shape<<24|n2.shape<<32, m, 0),
		at(19, p1.word, ro, m),
		at(20, n1.word, ro, m),
		at(21, p1.word, rn1, o.shape),
		at(22, n1.word, rp1, ro),
		at(23, uint64(t.Tail&0xFFFF), o.shape, m),
		at(24, uint64(t.Tail&0xFFFFFF), o.shape, m),
		at(25, uint64(t.Tail), ro, m),
		at(26, uint64(t.Head>>8), o.shape, m),
		at(27, uint64(t.Head), o.shape, 0),
		at(28, uint64(p1.coarse)|p1.shape<<6, p2.word, o.shape),
		at(29, o.phrase|p1.phrase<<2|n1.phrase<<4, o.shape, m),
		at(32, o.flags&0xF, m<<8|o.shape, uint64(t.Tail&0xFFFF)),
		at(33, rp1, rn1, rough(n2)<<16|rough(p2)),
		at(34, m, o.shape, 0),
	}
}
