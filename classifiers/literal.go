package classifiers

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
// ends at.
type automaton struct {
	first [literalClasses * literalClasses]uint16
	nodes []node
}

type node struct {
	next [literalClasses]uint16
	ends []hook
}

// hook is an interest that waits for a literal.
type hook struct {
	interest int // index in Suite.interests
	literal  int
	length   int
}

// add enters a literal of at least two bytes. It reports false where the
// literal holds a byte that the automaton does not know.
func (a *automaton) add(lit string, h hook) bool {
	if len(lit) < 2 {
		return false
	}
	for i := 0; i < len(lit); i++ {
		if literalClass[lit[i]] == 0 {
			return false
		}
	}
	if len(a.nodes) == 0 {
		a.nodes = make([]node, 1) // node 0 is "none"
	}
	at := &a.first[int(literalClass[lit[0]])*literalClasses+int(literalClass[lit[1]])]
	for i := 2; ; i++ {
		if *at == 0 {
			*at = uint16(len(a.nodes))
			a.nodes = append(a.nodes, node{})
			if len(a.nodes) > maxNodes {
				return false
			}
		}
		n := *at
		if i == len(lit) {
			a.nodes[n].ends = append(a.nodes[n].ends, h)
			return true
		}
		// The append above may move the nodes: take the address afresh.
		at = &a.nodes[n].next[literalClass[lit[i]]]
	}
}

// maxNodes bounds the automaton: 16 bits of node number, 8 MiB of table.
const maxNodes = 1<<16 - 2
