package fold

// lexicon is a table of words, ASCII case ignored. It is immutable and found in
// by one hash of the word, on the stack.
type lexicon[V any] struct {
	words  []string // open addressing, a power of two
	values []V
}

// lexiconWord is the length in bytes of the longest word that is looked up.
const lexiconWord = 16

func newLexicon[V any](m map[string]V) *lexicon[V] {
	size := 16
	for size < 4*len(m) {
		size *= 2
	}
	l := &lexicon[V]{make([]string, size), make([]V, size)}
	for w, v := range m {
		i := hash(w) & (size - 1)
		for l.words[i] != "" {
			i = (i + 1) & (size - 1)
		}
		l.words[i], l.values[i] = w, v
	}
	return l
}

// hash is FNV-1a of the word in lower case.
func hash(w string) int {
	h := uint32(2166136261)
	for i := 0; i < len(w); i++ {
		h = (h ^ uint32(lower(w[i]))) * 16777619
	}
	return int(h>>8 ^ h)
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

// get gives the value of a word, the zero value where it is not known.
func (l *lexicon[V]) get(w string) (v V) {
	if w == "" || len(w) > lexiconWord {
		return v
	}
	mask := len(l.words) - 1
next:
	for i := hash(w) & mask; l.words[i] != ""; i = (i + 1) & mask {
		x := l.words[i]
		if len(x) != len(w) {
			continue
		}
		for k := 0; k < len(w); k++ {
			if lower(w[k]) != x[k] {
				continue next
			}
		}
		return l.values[i]
	}
	return v
}
