package classifiers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ostiary/ostiary/proxy"
)

// Terms is a dictionary of an organisation's own: names of projects, products,
// customers. A term is found as whole words, case ignored, in composed or
// decomposed form, with any white space between its words. In scripts without
// spaces between words it is found anywhere.
type Terms struct {
	Type     string   // name of the type, e.g. TERM_PROJECT
	Doc      string   // one sentence; may be empty
	Severity Severity // 0 means high
	Groups   []string // none means protected
	Words    []string
}

// Bounds of a term.
const (
	maxTermBytes = 512
	maxTermWords = 16
	maxTermGap   = 16 // bytes between two of its words, in the term and in the text
)

// termsDetector is the name of the detector in findings of terms.
const termsDetector = "terms"

// dictionary finds terms. It is a tree of words as a table of hashes: a slot
// stands for the words so far, under a seed of the suite's. The terms themselves
// are not kept. A term of one word takes 16 to 32 bytes.
type dictionary struct {
	seed   uint64
	slots  []termSlot // open addressing; a power of two
	used   int
	sets   [][]termEnd // of ends, by number; the first is empty
	known  map[string]uint32
	filter []uint64 // a bit for each first word; most words end here
	types  []Type
	traits []trait
}

// termSlot is free where its hash is 0.
type termSlot struct {
	hash uint64
	ends uint32 // number of the set
	more bool   // longer terms begin with these words
}

// at gives the slot of the words so far, or that in which they belong.
func (d *dictionary) at(state uint64) *termSlot {
	mask := uint64(len(d.slots) - 1)
	for i := state & mask; ; i = (i + 1) & mask {
		if s := &d.slots[i]; s.hash == state || s.hash == 0 {
			return s
		}
	}
}

// slot gives the slot of the words so far and makes it where there is none.
func (d *dictionary) slot(state uint64) *termSlot {
	if 2*(d.used+1) > len(d.slots) {
		old := d.slots
		d.slots = make([]termSlot, 2*len(old))
		for _, s := range old {
			if s.hash != 0 {
				*d.at(s.hash) = s
			}
		}
	}
	s := d.at(state)
	if s.hash == 0 {
		s.hash = state
		d.used++
	}
	return s
}

// with gives the number of the set that has one end more. Most terms end the
// same way, so that there are few sets.
func (d *dictionary) with(set uint32, end termEnd) uint32 {
	ends := append(slices.Clone(d.sets[set]), end)
	key := fmt.Sprintf("%#v", ends)
	n, ok := d.known[key]
	if !ok {
		n = uint32(len(d.sets))
		d.sets = append(d.sets, ends)
		d.known[key] = n
	}
	return n
}

// termEnd is the end of a term, with what it has before its first word and
// after its last: ".NET", "C++".
type termEnd struct {
	typ        int
	lead, tail string
}

var errTerm = errors.New("a term needs a letter or digit, at most 512 bytes, 16 words and 16 bytes between two of them")

// asType gives the type of the dictionary's terms.
func (l *Terms) asType() Type {
	t := Type{Name: l.Type, Groups: []string{Protected}, Doc: l.Doc, Severity: l.Severity}
	if t.Doc == "" {
		t.Doc = "A term of the organisation's own."
	}
	if t.Severity == 0 {
		t.Severity = High
	}
	if len(l.Groups) > 0 {
		t.Groups = l.Groups
	}
	return t
}

func newDictionary(seed uint64, lists []Terms, off map[string]bool) (*dictionary, error) {
	size := 64
	for _, l := range lists {
		size += len(l.Words)
	}
	bits := 1024
	for bits < 16*size {
		bits *= 2
	}
	d := &dictionary{seed: seed | 1, slots: make([]termSlot, 64), sets: make([][]termEnd, 1), known: map[string]uint32{}, filter: make([]uint64, bits/64)}
	for i := range lists {
		l := &lists[i]
		t := l.asType()
		set, err := groupBits(t.Groups)
		if err != nil {
			return nil, err
		}
		if off[t.Name] {
			set = 0
		}
		d.types = append(d.types, t)
		d.traits = append(d.traits, trait{set: set})
		for n, w := range l.Words {
			// The error names the place: a term is content.
			if err := d.add(w, i); err != nil {
				return nil, fmt.Errorf("terms %s, entry %d: %w", l.Type, n+1, err)
			}
		}
	}
	d.known = nil
	return d, nil
}

func (d *dictionary) add(term string, typ int) error {
	term = strings.TrimSpace(term)
	if len(term) > maxTermBytes || !utf8.ValidString(term) {
		return errTerm
	}
	i := 0
	for i < len(term) && wordRune(term[i:]) == 0 {
		_, n := utf8.DecodeRuneInString(term[i:])
		i += n
	}
	if i == len(term) || i > maxTermGap {
		return errTerm
	}
	end := termEnd{typ: typ, lead: term[:i]}
	state := d.seed
	for words := 1; ; words++ {
		if words > maxTermWords {
			return errTerm
		}
		h, j := d.hashToken(term, i)
		state = mix(state, h)
		if words == 1 {
			d.filter[h>>6&uint64(len(d.filter)-1)] |= 1 << (h & 63)
		}
		gap, next, ok := d.hashGap(term, j)
		if !ok {
			end.tail = term[j:]
			if len(end.tail) > maxTermGap {
				return errTerm
			}
			n := d.slot(state)
			n.ends = d.with(n.ends, end)
			return nil
		}
		d.slot(state).more = true
		state = mix(state, gap)
		i = next
	}
}

// look finds the longest term of each type that begins at i, where an ASCII
// word or a character that is not ASCII begins.
func (d *dictionary) look(s *Scan, i int) {
	t := s.Text
	if wordRune(t[i:]) == 0 {
		return
	}
	if i > 0 {
		r, _ := utf8.DecodeLastRuneInString(t[:i])
		if isWord(r) && !solo(r) {
			if first, _ := utf8.DecodeRuneInString(t[i:]); !solo(first) {
				return // inside a word
			}
		}
	}
	h, j := d.hashToken(t, i)
	if d.filter[h>>6&uint64(len(d.filter)-1)]&(1<<(h&63)) == 0 {
		return
	}
	state := d.seed
	for range maxTermWords {
		state = mix(state, h)
		n := d.at(state)
		if n.hash == 0 {
			return
		}
		for _, e := range d.sets[n.ends] {
			if !strings.HasSuffix(t[:i], e.lead) || !strings.HasPrefix(t[j:], e.tail) {
				continue
			}
			if d.traits[e.typ].set == 0 {
				continue
			}
			ty := &d.types[e.typ]
			s.add(proxy.Finding{
				Segment: s.segment, Start: i - len(e.lead), End: j + len(e.tail), Type: ty.Name, Groups: ty.Groups,
				Likelihood: proxy.VeryLikely, Detector: termsDetector,
			}, d.traits[e.typ])
		}
		if !n.more {
			return
		}
		gap, next, ok := d.hashGap(t, j)
		if !ok {
			return
		}
		state = mix(state, gap)
		h, j = d.hashToken(t, next)
	}
}

// hashToken hashes the word at i, folded and composed, and gives its end. Words
// longer than a term can be are cut, the same way on both sides.
func (d *dictionary) hashToken(t string, i int) (uint64, int) {
	h := d.seed
	j := i
	plain := true
	for j < len(t) && j-i < maxTermBytes {
		b := t[j]
		if b < utf8.RuneSelf {
			if !inWord(b) || b == '_' {
				break
			}
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			h = (h ^ uint64(b)) * fnvPrime
			j++
			continue
		}
		r, n := utf8.DecodeRuneInString(t[j:])
		if !isWord(r) {
			break
		}
		if solo(r) {
			if j == i {
				return finish((h ^ uint64(r)) * fnvPrime), j + n
			}
			break
		}
		plain = false
		j += n
	}
	if plain {
		return finish(h), j
	}
	var buf [maxTermBytes * 3]byte
	composed := norm.NFC.AppendString(buf[:0], t[i:j])
	h = d.seed
	for len(composed) > 0 {
		r, n := utf8.DecodeRune(composed)
		composed = composed[n:]
		r = unicode.ToLower(unicode.ToUpper(r))
		if r < utf8.RuneSelf {
			h = (h ^ uint64(r)) * fnvPrime
			continue
		}
		h = (h ^ uint64(r)<<8) * fnvPrime
	}
	return finish(h), j
}

// hashGap hashes what stands between two words, white space as one space, and
// gives the start of the second. It reports false where no word follows near.
func (d *dictionary) hashGap(t string, i int) (uint64, int, bool) {
	h := d.seed
	space := false
	for j := i; j < len(t) && j-i <= maxTermGap; {
		r, n := utf8.DecodeRuneInString(t[j:])
		if isWord(r) {
			return finish(h), j, true
		}
		if unicode.IsSpace(r) {
			if !space {
				h = (h ^ ' ') * fnvPrime
			}
			space = true
		} else {
			h = (h ^ uint64(r)) * fnvPrime
			space = false
		}
		j += n
	}
	return 0, 0, false
}

// fnvPrime is the multiplier of FNV-1a, which hashes the words of terms.
const fnvPrime = 1099511628211

func finish(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd // the finaliser of MurmurHash3
	h ^= h >> 33
	return h
}

// mix never gives 0, which stands for a free slot.
func mix(state, h uint64) uint64 { return max(finish(state*fnvPrime+h), 1) }

// wordRune gives the length of the word character that t begins with, or 0.
func wordRune(t string) int {
	r, n := utf8.DecodeRuneInString(t)
	if isWord(r) {
		return n
	}
	return 0
}

func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return inWord(byte(r)) && r != '_'
	}
	if r == utf8.RuneError {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// solo tells characters of scripts that put no space between words, or join
// endings to names: each counts as a word of its own.
func solo(r rune) bool {
	if r < 0x0E00 {
		return false
	}
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
