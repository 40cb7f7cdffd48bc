package payment

import (
	"crypto/sha256"
	_ "embed"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var seedType = classifiers.Type{
	Name: "SECRET_SEED_PHRASE", Groups: []string{classifiers.Credential, classifiers.Financial}, Severity: classifiers.Critical,
	Doc: "The recovery phrase of a cryptocurrency wallet.", Aliases: []string{"SECRET_MNEMONIC"},
}

// Seed finds the recovery phrases of wallets.
var Seed = &classifiers.Detector{
	Name: "seed_phrase", Version: 1,
	Doc: `Recovery phrases after BIP-39 in English: 12, 15, 18, 21 or 24 words of its list of 2,048, joined by spaces, commas, line
breaks or numbers, whose last bits are the checksum of the rest. One row of such words in sixteen has it by chance (24 words: one
in 256), and twelve words of the list in a row are hardly ever prose; a row without it is possible beside words such as seed or wallet.
The phrases of the standard's test vectors and of developers' tools are synthetic.`,
	Types: []*classifiers.Type{&seedType},
	Positives: []string{
		"my seed: [[SECRET_SEED_PHRASE|vault ocean table lunar river orbit candy magnet piano winter garlic orchard]]",
		"[[synthetic SECRET_SEED_PHRASE|abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about]]",
		"wallet words [[possible SECRET_SEED_PHRASE|vault ocean table lunar river orbit candy magnet piano winter garlic garlic]].",
	},
	NearMisses: []string{
		"vault ocean table lunar river orbit candy magnet piano winter garlic garlic",
		"We can close the account when they use the web page to change their order, and someone will call them back the next day.",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Whole, Judge: judgeSeed}},
}

// english is the list of BIP-39, a word on each line, in order.
//
//go:embed bip39_english.txt
var english string

const (
	listed    = 2048 // words of the list
	minListed = 3    // letters of its words
	maxListed = 8
	minSeed   = 12 // words of a phrase
	maxSeed   = 24
	maxChain  = 48 // words of a row that is looked at
	// probe is the distance from a word that is not listed to the next place that
	// is looked at. A phrase is longer: twelve words drawn by chance have 76
	// characters with their spaces, and one such phrase in 100,000 less than 57.
	probe = 56
)

// words39 is a hash table of the list: four letters tell a word from the others.
type words39 struct {
	slots [8192]uint16 // index + 1, and the word's length in the upper four bits
	words [listed]string
}

var list39 = sync.OnceValue(func() *words39 {
	t := &words39{}
	for i, w := range strings.Fields(english) {
		t.words[i] = w
		at := hash39(w)
		for t.slots[at] != 0 {
			at = (at + 1) % uint32(len(t.slots))
		}
		t.slots[at] = uint16(i+1) | uint16(len(w))<<12
	}
	return t
})

// hash39 hashes the first four letters of a word of three or more, case
// ignored; what follows the word may follow in w.
func hash39(w string) uint32 {
	h := uint32(w[0]|0x20) | uint32(w[1]|0x20)<<8 | uint32(w[2]|0x20)<<16
	if len(w) > 3 && letters[w[3]] {
		h |= uint32(w[3]|0x20) << 24
	}
	return h * 2654435761 >> 19
}

// index gives the number of a word in the list, -1 where it is not there.
func (t *words39) index(w string) int {
	if len(w) < minListed || len(w) > maxListed {
		return -1
	}
	for at := hash39(w); t.slots[at] != 0; at = (at + 1) % uint32(len(t.slots)) {
		if int(t.slots[at]>>12) != len(w) {
			continue
		}
		n := int(t.slots[at]&0xFFF) - 1
		l := t.words[n]
		i := 0
		for i < len(w) && i < len(l) && w[i]|0x20 == l[i] {
			i++
		}
		if i == len(w) {
			return n
		}
	}
	return -1
}

var seedCue = classifiers.NewCue("seed", "mnemonic", "recovery", "phrase", "passphrase", "wallet", "backup", "bip39", "bip", "metamask", "ledger", "trezor", "secret", "words",
	"wiederherstellung", "récupération", "recuperación", "recupero", "recuperação", "odzyskiwania", "herstel", "återställning", "kurtarma", "助记词", "ニーモニック")

func judgeSeed(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if c.End-c.Start < minSeed*minListed+minSeed-1 {
		return
	}
	list := list39()
	for p := c.Start; p < c.End; {
		// The word around p, or before it, or behind.
		i := p
		for i > 0 && p-i <= maxListed && letters[t[i-1]] {
			i--
		}
		if i == p {
			for i < len(t) && i-p < maxGap && !letters[t[i]] {
				i++
			}
		}
		next := p + probe
		if i+minListed < len(t) && list.slots[hash39(t[i:])] != 0 {
			if j := wordEnd(t, i); list.index(t[i:j]) >= 0 {
				next = max(p+1, seedRow(s, list, i, j)+probe-maxGap-maxListed)
			}
		}
		p = next
	}
}

// letters are the ASCII letters.
var letters = func() (t [256]bool) {
	for c := range t {
		t[c] = letter(byte(c))
	}
	return t
}()

// span is a word of a row.
type span struct{ start, end, index int }

// seedRow reads the row of listed words around the word [start, end), judges it
// and gives the place from which the search goes on.
func seedRow(s *classifiers.Scan, list *words39, start, end int) int {
	t := s.Text
	first, m := start, 1
	for ; m < maxChain; m++ {
		b, e := wordBefore(t, first)
		if list.index(t[b:e]) < 0 {
			break
		}
		first = b
	}
	last := end
	for ; m < 2*maxChain; m++ {
		b, e := wordAfter(t, last)
		if list.index(t[b:e]) < 0 {
			break
		}
		last = e
	}
	if m < minSeed {
		return last
	}
	return seedWords(s, list, first, m)
}

// seedWords judges the row of n listed words that begins at first and gives its
// end.
func seedWords(s *classifiers.Scan, list *words39, first, n int) int {
	t := s.Text
	var row [2 * maxChain]span
	m := 0
	for b, e := first, wordEnd(t, first); m < n; m++ {
		row[m] = span{b, e, list.index(t[b:e])}
		b, e = wordAfter(t, e)
	}
	w := row[:m]
	last := w[m-1].end
	f := classifiers.Found{Start: w[0].start, End: last, Type: &seedType, Likelihood: proxy.VeryLikely, Rule: "bip39", Validator: "checksum"}
	// The whole row first, then the longest part of it that has the checksum.
	for size := maxSeed; size >= minSeed; size -= 3 {
		for i := 0; i+size <= m; i++ {
			if part := w[i : i+size]; sum39(part) {
				f.Start, f.End, f.Synthetic = part[0].start, part[size-1].end, knownPhrase(part)
				s.Find(f)
				return last
			}
		}
	}
	f.Validator, f.Likelihood = "", proxy.Possible
	if m%3 == 0 && m <= maxSeed && s.Near(seedCue, f.Start, f.End) < classifiers.Far {
		s.Find(f)
	}
	return last
}

// sum39 checks the last bits of a phrase: the first ones of the SHA-256 of the
// bits before.
func sum39(w []span) bool {
	var bits [(maxSeed*11 + 7) / 8]byte
	for i, x := range w {
		for b := range 11 {
			if x.index>>(10-b)&1 != 0 {
				at := i*11 + b
				bits[at/8] |= 0x80 >> (at % 8)
			}
		}
	}
	n := len(w) * 11
	sum := n / 33
	entropy := (n - sum) / 8
	h := sha256.Sum256(bits[:entropy])
	for b := range sum {
		at := n - sum + b
		if bits[at/8]>>(7-at%8)&1 != h[0]>>(7-b)&1 {
			return false
		}
	}
	return true
}

// knownPhrase reports whether words repeat, as those of the test vectors do: of
// twelve by chance, eleven at least are different.
func knownPhrase(w []span) bool {
	different := 0
	for i, x := range w {
		seen := false
		for _, y := range w[:i] {
			seen = seen || x.index == y.index
		}
		if !seen {
			different++
		}
	}
	return different*12 <= len(w)*10
}

// wordAfter gives the next word of a row behind i, after one space or line
// break, or a comma, number or bullet between; it is empty where the row ends.
func wordAfter(t string, i int) (start, end int) {
	j := i
	for j < len(t) && j-i < maxGap && gapByte(t[j]) {
		j++
	}
	if j == i {
		return i, i
	}
	return j, wordEnd(t, j)
}

// wordBefore is wordAfter backwards.
func wordBefore(t string, i int) (start, end int) {
	e := i
	for e > 0 && i-e < maxGap && gapByte(t[e-1]) {
		e--
	}
	if e == i {
		return i, i
	}
	b := e
	for b > 0 && e-b <= maxListed && letter(t[b-1]) {
		b--
	}
	return b, e
}

// wordEnd gives the end of the letters at i, of so many as are looked at.
func wordEnd(t string, i int) int {
	e := i
	for e < len(t) && e-i <= maxListed && letters[t[e]] {
		e++
	}
	return e
}

const maxGap = 8 // bytes between two words of a phrase

func gapByte(b byte) bool {
	switch b {
	case ' ', '\n', '\r', '\t', ',', '"', '\'', '-', '_', '|', '*', '.', ')', '#':
		return true
	}
	return digit(b)
}
