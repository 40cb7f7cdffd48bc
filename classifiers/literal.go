package classifiers

import "math/bits"

// Classes of the bytes that literals may hold, for the automaton of prefixes.
// ASCII case is folded.
const literalClasses = 64

// literalClass maps a byte to its class, 0 for bytes that no literal holds.
var literalClass = func() (t [256]uint8) {
	n := uint8(1)
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = n, n
		n++
	}
	for _, c := range "0123456789-_.:/ =~+@|\"'" {
		t[c] = n
		n++
	}
	return t
}()

// automaton recognises prefixes of words: a trie over folded bytes. The first
// two bytes are one lookup in a table of 8 KiB, which nearly every word of prose
// ends at. A node is 16 bytes, those that many words pass stand first, and so they
// stay near the processor.
type automaton struct {
	first [literalClasses * literalClasses]uint16
	nodes []node // node 0 is "none", the last one bounds the ends of that before
	hooks []hook
	// Filters of the first bytes of the literals, of four and more bytes and of
	// fewer: of few words they say that a literal may begin so.
	four  [fourBits / 64]uint64
	three [threeBits / 64]uint64
}

type node struct {
	classes uint64 // of the bytes that go on, a bit each; bit 0 where literals end here
	next    uint32 // the node behind the first of them; the others follow
	ends    uint32 // of hooks: those of literals that end here; the next node's begin behind
}

// Sizes of the filters, as powers of two.
const (
	fourLog, threeLog   = 15, 13
	fourBits, threeBits = 1 << fourLog, 1 << threeLog
)

// fourBit and threeBit give the places in the filters for the first bytes of a
// word, the first lowest, case of ASCII ignored.
func fourBit(x uint32) uint32  { return (x | 0x20202020) * 0x9E3779B1 >> (32 - fourLog) }
func threeBit(x uint32) uint32 { return ((x | 0x202020) & 0xFFFFFF) * 0x9E3779B1 >> (32 - threeLog) }

// begins gives the node behind the first two bytes at i, 0 where no literal begins
// so.
func (a *automaton) begins(t string, i int) uint32 {
	if i+4 > len(t) {
		if i+1 >= len(t) {
			return 0
		}
		return uint32(a.first[int(literalClass[t[i]])*literalClasses+int(literalClass[t[i+1]])])
	}
	p := t[i : i+4]
	x := uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
	f, h := fourBit(x), threeBit(x)
	if (a.four[f>>6]>>(f&63)|a.three[h>>6]>>(h&63))&1 == 0 {
		return 0
	}
	return uint32(a.first[int(literalClass[p[0]])*literalClasses+int(literalClass[p[1]])])
}

// step gives the node behind n and a byte of class c, 0 where no literal goes on.
func (a *automaton) step(n uint32, c uint8) uint32 {
	nd := &a.nodes[n]
	if c == 0 || nd.classes>>c&1 == 0 {
		return 0
	}
	return nd.next + uint32(bits.OnesCount64(nd.classes>>1<<1&(1<<c-1)))
}

// ends gives the literals that end at node n.
func (a *automaton) ends(n uint32) []hook {
	if a.nodes[n].classes&1 == 0 {
		return nil
	}
	return a.hooks[a.nodes[n].ends:a.nodes[n+1].ends]
}

// hook is an interest that waits for a literal.
type hook struct {
	interest int // index in Suite.interests
	literal  int
	length   int
}

// trie is an automaton in the making.
type trie struct {
	next  [literalClasses]*trie
	ends  []hook
	nodes int // below and with it
}

// add enters a literal of at least two bytes. It reports false where the
// literal holds a byte that the automaton does not know.
func (t *trie) add(lit string, h hook) bool {
	if len(lit) < 2 {
		return false
	}
	for i := 0; i < len(lit); i++ {
		if literalClass[lit[i]] == 0 {
			return false
		}
	}
	at, fresh := t, 0
	for i := 0; i < len(lit); i++ {
		n := &at.next[literalClass[lit[i]]]
		if *n == nil {
			*n = &trie{}
			fresh++
		}
		at = *n
	}
	at.ends = append(at.ends, h)
	t.nodes += fresh
	return t.nodes <= maxNodes
}

// maxNodes bounds the automaton: 16 bits of node number behind two bytes.
const maxNodes = 1<<16 - 2

// filter enters the first bytes of the literals below t in the filters of a. Before
// t are n bytes, x.
func (t *trie) filter(a *automaton, n int, x uint32) {
	if n == 4 {
		bit := fourBit(x)
		a.four[bit>>6] |= 1 << (bit & 63)
		return
	}
	if len(t.ends) > 0 { // a literal of two or three bytes, whatever follows
		for b := range 1 << (8 * (3 - n)) {
			bit := threeBit(x | uint32(b)<<(8*n))
			a.three[bit>>6] |= 1 << (bit & 63)
		}
	}
	for b, c := range literalClass {
		// Of two letters that are alike one stands for both.
		if y := t.next[c]; c != 0 && y != nil && !('A' <= b && b <= 'Z') {
			y.filter(a, n+1, x|uint32(b)<<(8*n))
		}
	}
}

// automaton lays the trie out level by level, from the second on.
func (t *trie) automaton() (a automaton) {
	t.filter(&a, 0, 0)
	level := []*trie{}
	a.nodes = append(a.nodes, node{})
	for c, x := range t.next {
		if x == nil {
			continue
		}
		for d, y := range x.next {
			if y != nil {
				level = append(level, y)
				a.first[c*literalClasses+d] = uint16(len(level))
			}
		}
	}
	for len(level) > 0 {
		var below []*trie
		behind := len(a.nodes) + len(level)
		for _, x := range level {
			n := node{next: uint32(behind + len(below)), ends: uint32(len(a.hooks))}
			if len(x.ends) > 0 {
				n.classes = 1
				a.hooks = append(a.hooks, x.ends...)
			}
			for c, y := range x.next {
				if y != nil {
					n.classes |= 1 << c
					below = append(below, y)
				}
			}
			a.nodes = append(a.nodes, n)
		}
		level = below
	}
	a.nodes = append(a.nodes, node{ends: uint32(len(a.hooks))})
	return a
}
