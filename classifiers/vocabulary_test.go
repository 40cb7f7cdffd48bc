package classifiers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// noise is text of letters, other scripts, digits, separators and line breaks.
func noise(rnd *rand.Rand, n int) string {
	pieces := []string{"a", "b", "Z", "card", "Tel", "é", "ß", "電", "話", "İ", "7", "0", " ", " ", ". ", "!", "\n", "\"", "-", "_", "<", "\xff", "\xe3"}
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(pieces[rnd.IntN(len(pieces))])
	}
	return b.String()[:n]
}

// Letters of ASCII have one hash, wherever they stand and however it is computed.
func TestHashes(t *testing.T) {
	for _, w := range []string{"a", "pin", "cardNo", "security", "Telephone", "accountnumber", "ABCDEFGHIJKLMNOP", "abcdefghijklmnopq", "zZ"} {
		want := hashWord(w)
		if want != hashWord(strings.ToUpper(w)) {
			t.Errorf("%s: capitals are told apart", w)
		}
		for _, around := range []string{"", " ", "1234567890", "\xff\xff"} {
			text := around + w + around
			if h, _ := hashASCII(text, len(around), len(around)+len(w)); h != want {
				t.Errorf("%q in %q has another hash", w, text)
			}
		}
	}
	for w, want := range map[string]bool{"card": false, "Card": false, "CARD": false, "cardNo": true, "someVeryLongNameOf": true, "HTTPServer": true, "abcdefghI": true, "abcdefgHi": true} {
		if _, humps := hashASCII(w, 0, len(w)); humps != want {
			t.Errorf("%s: capitals inside: %v", w, humps)
		}
	}
	if hashWord("É") != hashWord("é") || hashWord("電話") == hashWord("電") {
		t.Error("other scripts")
	}
}

// Words are where a walk byte by byte finds them.
func TestEdges(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := noise(rnd, 1+rnd.IntN(200))
		from := rnd.IntN(len(text))
		to := min(len(text), from+rnd.IntN(maxStretch+1))
		var want []uint8
		high := false
		for i := from; i < to; i++ {
			high = high || text[i] >= 0x80
			if letterByte[text[i]] && (i == from || !letterByte[text[i-1]]) || !letterByte[text[i]] && i > from && letterByte[text[i-1]] {
				want = append(want, uint8(i-from))
			}
		}
		if len(want)%2 == 1 {
			want = append(want, uint8(to-from))
		}
		var e edges
		e.find(text, from, to)
		if !slices.Equal(e.at[:e.n], want) || high && !e.high {
			t.Fatalf("%q from %d to %d: %v, high %v; want %v, high %v", text, from, to, e.at[:e.n], e.high, want, high)
		}
	}
}

// The filters before the automaton let every literal pass, and it finds those
// that a text begins with and no others.
func TestPrefixes(t *testing.T) {
	literals := []string{"ac", "bic", "eyJ", "card", "cards", "card no", "c/c", "d\":", "tel:", "telephone", "AKIA", "pwd=", "~x@|", "zz"}
	var words trie
	for i, l := range literals {
		if !words.add(l, hook{literal: i, length: len(l)}) {
			t.Fatal(l)
		}
	}
	a := words.automaton()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		text := literals[rnd.IntN(len(literals))]
		if rnd.IntN(2) == 0 {
			text = strings.ToUpper(text)
		}
		text = text[:1+rnd.IntN(len(text))] + noise(rnd, rnd.IntN(6))
		var got, want []int
		for n, i := a.begins(text, 0), 2; n != 0; i++ {
			for _, h := range a.ends(n) {
				got = append(got, h.literal)
			}
			if i >= len(text) {
				break
			}
			n = a.step(n, literalClass[text[i]])
		}
		for i, l := range literals {
			if len(text) >= len(l) && strings.ToLower(l) == lowerASCII(text[:len(l)]) {
				want = append(want, i)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%q: literals %v, want %v", text, got, want)
		}
	}
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// A cue that is asked for the first time in the middle of a scan, while others
// scan, is heard as if it had been known from the start.
func TestCuesAreLearned(t *testing.T) {
	cues := make([]*Cue, 300)
	for i := range cues {
		cues[i] = NewCue(fmt.Sprintf("word%c%c", 'a'+i%26, 'a'+i/26))
	}
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests = []Interest{{Shape: Number, Judge: func(s *Scan, c Candidate) {
		for i, q := range cues {
			if want := strings.Contains(s.Text, q.words[slices.IndexFunc(q.slots, func(h uint64) bool { return h != 0 })]); (s.Near(q, c.Start, c.End) < Far) != want {
				t.Errorf("cue %d: heard %v", i, !want)
			}
		}
	}}}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	var wg sync.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			for i := range 40 {
				n := (k*40 + i) % len(cues)
				report(t, s, fmt.Sprintf("the word%c%c is 1234567 here", 'a'+n%26, 'a'+n/26))
			}
		})
	}
	wg.Wait()
	if v := s.known.Load(); v.n != len(cues) {
		t.Errorf("%d cues are known, %d were asked for", v.n, len(cues))
	}
}

// What stands around a candidate is the same, whatever was asked for before.
func TestSurroundings(t *testing.T) {
	cues := []*Cue{NewCue("a", "card", "tel", "b a", "電", "é"), NewCue("z", "ab", "card tel"), NewCue("bcard", "ß", "話")}
	type span struct{ start, end int }
	var spans []span
	heard := func(s *Scan, x span) (all string) {
		for _, q := range cues {
			all += fmt.Sprint(s.Near(q, x.start, x.end), s.Beside(q, x.start, x.end), " ")
		}
		return all
	}
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests = []Interest{{Shape: Whole, Judge: func(s *Scan, _ Candidate) {
		var got []string
		for _, x := range spans {
			got = append(got, heard(s, x))
		}
		for i, x := range spans {
			s.around.start, s.around.end, s.around.before.known = -1, -1, nil
			if want := heard(s, x); got[i] != want {
				t.Fatalf("%q, %v behind %v: %s, want %s", s.Text, x, spans[max(0, i-1)], got[i], want)
			}
		}
	}}}
	s := mustNew(t, Options{Detectors: []*Detector{d}, Cache: -1})
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		text := noise(rnd, rnd.IntN(120)) + "12 345-67 (8) 90" + noise(rnd, rnd.IntN(60))
		text = strings.ToValidUTF8(text, "?")
		spans = spans[:0]
		at := strings.Index(text, "12 345")
		for range 12 {
			start := at + rnd.IntN(15)
			spans = append(spans, span{start, start + rnd.IntN(16-(start-at)) + 1})
		}
		report(t, s, text)
	}
}
