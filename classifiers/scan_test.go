package classifiers

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// Codes are chains of short words with a digit among them.
func TestCodes(t *testing.T) {
	var got []string
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests = []Interest{{Shape: Code, Judge: func(s *Scan, c Candidate) {
		x := ""
		for i, g := range c.Groups {
			if i > 0 {
				x += string(g.Sep)
			}
			x += s.Text[g.Start:g.End]
			if g.Letters == !g.Digits && strings.ContainsAny(s.Text[g.Start:g.End], "0123456789") != g.Digits {
				t.Errorf("%q: letters %v, digits %v", s.Text[g.Start:g.End], g.Letters, g.Digits)
			}
		}
		if c.Start != c.Groups[0].Start || c.End != c.Groups[len(c.Groups)-1].End {
			t.Error("a code does not span its words")
		}
		got = append(got, x)
	}}}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	for _, c := range []struct{ text, want string }{
		{"id 12.345.678-K.", "12.345.678-K"},
		{"NINO AB 12 34 56 C, next", "NINO AB 12 34 56 C"},
		{"is 12 and more", "12"},
		{"che-116.281.710 MWST", "che-116.281.710 MWST"},
		{"number 7", "7"},
		{"abcdefgh-12", "12"},
		{"x_12 12_x", ""},
		{"no digits AB CD", ""},
		{"A1  B2\nC3", "A1 B2 C3"},
		{"号12 12号", "12 12"},
		{"AB 12 34 C。", "AB 12 34 C"},
		{"12 34é", "12 34"},
		{"1 2,3", "1 2 3"},
	} {
		got = nil
		report(t, s, c.text)
		if x := strings.Join(got, " "); x != c.want {
			t.Errorf("%q: %q, want %q", c.text, x, c.want)
		}
	}
}

// A long chain comes in pieces that overlap, so that nothing is cut.
func TestLongCodes(t *testing.T) {
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests[0].Shape = Code
	d.Interests[0].Judge = func(s *Scan, c Candidate) {
		for i := 0; i+1 < len(c.Groups); i++ {
			if g, h := c.Groups[i], c.Groups[i+1]; s.Text[g.Start:g.End] == "AB" && s.Text[h.Start:h.End] == "77" {
				s.Find(Found{Start: g.Start, End: h.End, Type: d.Types[0], Likelihood: proxy.Likely})
			}
		}
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	for lead := maxWords - 4; lead < maxWords+4; lead++ {
		text := strings.Repeat("1 ", lead) + "AB 77 1"
		if got, want := places(report(t, s, text)), fmt.Sprintf("T@0:%d-%d", 2*lead, 2*lead+5); got != want {
			t.Errorf("%d words before: %q, want %q", lead, got, want)
		}
	}
}

// The header of a column is context for its values, in every row.
func TestColumns(t *testing.T) {
	card, order := NewCue("card", "卡号"), NewCue("order")
	var got []string
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests[0].Judge = func(s *Scan, c Candidate) {
		got = append(got, map[int]string{1: "card", 0: "-", -1: "order"}[s.Lean(card, order, c.Start, c.End)])
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	far := strings.Repeat("filler ", 12) // the header is beyond what stands around
	for _, c := range []struct{ name, text, want string }{
		{"CSV", "name,card,order\na,1234567,7654321\nb,1234567,7654321\n", "card order card order"},
		{"Chinese", "名字,卡号,订单\n" + far + "甲,1234567,7654321", "card -"},
		{"semicolons", "name;card no\nx;1234567", "card"},
		{"tabs", "card\tsum\n" + far + "1234567\t" + far + "1234567", "card -"},
		{"Markdown", "| who | card |\n|---|---|\n| a | 1234567 |\n| b | 1234567 |", "card card"},
		{"another number of cells", "card,x\n" + far + "1234567,1,2", "-"},
		{"rows of values have no header", "1111111,2222222\n1234567,7654321", "- - - -"},
		{"prose", "He lost a card, and more of what he had in all those years, so it was said\n" + far + "1234567, he said", "-"},
		{"quoted commas", "id,card\n\"a, b\",1\n1,1234567", "card"},
		{"quoted commas in the row itself", "who,card,sum\n\"" + far + "a, b\",1234567,\"1, 2\"", "card"},
		{"two tables", "card,x\n1234567,1\n\norder,x\n7654321,1", "card order"},
		{"a nearer word of the row counts more", "card,x\norder 1234567,1", "order"},
	} {
		got = nil
		report(t, s, c.text)
		if x := strings.Join(got, " "); x != c.want {
			t.Errorf("%s: %q, want %q", c.name, x, c.want)
		}
	}
}

// A table of many rows costs its length once, whatever is asked of it.
func TestManyRows(t *testing.T) {
	cue := NewCue("card")
	var n atomic.Int64 // parts of a long text are looked at on several cores
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests[0].Judge = func(s *Scan, c Candidate) {
		if s.Near(cue, c.Start, c.End) < Far {
			n.Add(1)
		}
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	const rows = 50_000
	report(t, s, "id,card\n"+strings.Repeat("x,1234567\n", rows))
	if n.Load() < rows {
		t.Errorf("%d of %d rows know their header", n.Load(), rows)
	}
}

// The whole is handed over last, in parts where the text is long, and sees what
// the others found.
func TestWhole(t *testing.T) {
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	var mu sync.Mutex
	var parts [][2]int
	found := 0
	d.Interests = append(d.Interests, Interest{Shape: Whole, Judge: func(s *Scan, c Candidate) {
		mu.Lock()
		defer mu.Unlock()
		parts = append(parts, [2]int{c.Start, c.End})
		found += len(s.Found())
	}})
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	report(t, s, "1234567 and 7654321")
	if fmt.Sprint(parts) != "[[0 19]]" || found != 2 {
		t.Errorf("parts %v, %d found", parts, found)
	}
	parts = nil
	text := strings.Repeat("words of a text ", 20_000)
	report(t, s, text)
	if runtime.GOMAXPROCS(0) < 2 {
		return
	}
	if len(parts) < 4 {
		t.Fatalf("%d parts", len(parts))
	}
	covered := make([]bool, len(text))
	for _, p := range parts {
		for i := p[0]; i < p[1]; i++ {
			covered[i] = true
		}
	}
	for i, c := range covered {
		if !c {
			t.Fatalf("byte %d is in no part", i)
		}
	}
}

// What two parts share is found once, and what a cut goes through is found
// whole.
func TestPartsAgree(t *testing.T) {
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	s := mustNew(t, Options{Detectors: []*Detector{d}, Cache: -1})
	for _, sep := range []string{" x ", "\n", "é", ","} {
		text := strings.Repeat("123 4567"+sep, 40_000)
		r := report(t, s, text)
		at := 0
		for _, f := range r.Findings {
			i := strings.Index(text[at:], "123 4567") + at
			if f.Start != i || f.End != i+8 {
				t.Fatalf("separator %q: found %d-%d, want %d-%d", sep, f.Start, f.End, i, i+8)
			}
			at = f.End
		}
		if len(r.Gaps) > 0 || strings.Contains(text[at:], "123 4567") {
			t.Errorf("separator %q: %d of 40000 found, gaps %v", sep, len(r.Findings), r.Gaps)
		}
	}
}

// A segment that was seen is answered from memory, with its number in the new
// request; its key and kind are part of what is known of it.
func TestCache(t *testing.T) {
	n := 0
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	judge := d.Interests[0].Judge
	d.Interests[0].Judge = func(s *Scan, c Candidate) { n++; judge(s, c) }
	text := strings.Repeat("words ", 60) + "1234567"
	for _, c := range []struct {
		size, want int
	}{{0, 3}, {-1, 5}} {
		n = 0
		s := mustNew(t, Options{Detectors: []*Detector{d}, Cache: c.size})
		for _, segs := range [][]proxy.Segment{
			{{Text: proxy.NewText(text)}},
			{{Text: proxy.NewText("short")}, {Text: proxy.NewText(text)}},
			{{Text: proxy.NewText(text), Key: proxy.NewText("k")}},
			{{Text: proxy.NewText(text), Kind: proxy.KindKey}},
			{{Text: proxy.NewText(text)}},
		} {
			r, err := s.Classify(context.Background(), segs)
			if err != nil || len(r.Findings) != 1 {
				t.Fatal(err, r.Findings)
			}
			if f := r.Findings[0]; f.Segment != len(segs)-1 || f.Start != len(text)-7 {
				t.Errorf("segment %d of %d, place %d", f.Segment, len(segs), f.Start)
			}
		}
		if n != c.want {
			t.Errorf("cache of %d: judged %d times, want %d", c.size, n, c.want)
		}
	}
}

// The cache stays bounded, and what is asked for again stays in it.
func TestCacheForgets(t *testing.T) {
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	s := mustNew(t, Options{Detectors: []*Detector{d}, Cache: 8})
	text := func(i int) string { return strings.Repeat("words ", 60) + fmt.Sprint(1000000+i) }
	for i := range 100 {
		report(t, s, text(i))
		report(t, s, text(-1))
	}
	if n := len(s.cache.young) + len(s.cache.old); n > 8 {
		t.Errorf("%d segments remembered, 8 allowed", n)
	}
	sc := s.scans.Get().(*Scan)
	if _, _, ok := s.cache.get(sc, &segments(text(-1))[0]); !ok {
		t.Error("what is asked for all the time was forgotten")
	}
	if _, _, ok := s.cache.get(sc, &segments(text(3))[0]); ok {
		t.Error("an old segment is still remembered")
	}
}

// A segment with a gap is looked at again.
func TestGapsAreNotRemembered(t *testing.T) {
	fail := true
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	judge := d.Interests[0].Judge
	d.Interests[0].Judge = func(s *Scan, c Candidate) {
		if fail {
			panic("broken")
		}
		judge(s, c)
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	text := strings.Repeat("words ", 60) + "1234567"
	if r := report(t, s, text); len(r.Gaps) != 1 {
		t.Fatal("no gap")
	}
	fail = false
	if r := report(t, s, text); len(r.Gaps) != 0 || len(r.Findings) != 1 {
		t.Error("the gap was remembered")
	}
}

// A Judge that met a bound of its own makes the segment one that was not wholly
// looked at; it is looked at again when it comes again, and the next one is not
// tainted.
func TestPartial(t *testing.T) {
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	judge := d.Interests[0].Judge
	d.Interests[0].Judge = func(s *Scan, c Candidate) {
		judge(s, c)
		s.Partial = s.Partial || strings.HasPrefix(s.Text, "many")
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	filler := strings.Repeat(" words", 60)
	for range 2 {
		r := report(t, s, "many 1234567"+filler, "few 1234567"+filler)
		if len(r.Findings) != 2 || len(r.Gaps) != 1 || r.Gaps[0] != (proxy.Gap{Segment: 0, Reason: gapBudget}) {
			t.Errorf("%d findings, gaps %v", len(r.Findings), r.Gaps)
		}
	}
}

// Evidence is constant words: the rule, the validator, the word of the cue that
// was met, and what a loser took the place for.
func TestEvidence(t *testing.T) {
	cue := NewCue("card", "credit card")
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	other := typ("U", Personal)
	d.Types = append(d.Types, other)
	d.Positives = append(d.Positives, "[[U|1234567]]")
	d.Interests[0].Judge = func(s *Scan, c Candidate) {
		s.Find(Found{Start: c.Start, End: c.End, Type: other, Likelihood: proxy.Unlikely})
		s.Near(cue, c.Start, c.End)
		s.Find(Found{Start: c.Start, End: c.End, Type: d.Types[0], Likelihood: proxy.Likely, Rule: "seven digits", Validator: "none"})
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	r := report(t, s, "CARD 1234567"+strings.Repeat(" filler", 20)+" 7654321")
	want := []proxy.Evidence{{Rule: "seven digits", Validator: "none", Context: "card", Also: "U"}, {Rule: "seven digits", Validator: "none", Also: "U"}}
	for i, f := range r.Findings {
		if f.Evidence != want[i] {
			t.Errorf("%+v, want %+v", f.Evidence, want[i])
		}
	}
	if len(r.Findings) != 2 {
		t.Error("findings are missing")
	}
}
