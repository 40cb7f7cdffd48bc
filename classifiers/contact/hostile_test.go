package contact_test

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/contact"
	"github.com/ostiary/ostiary/proxy"
)

func hostile(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	return map[string]string{
		"at signs": rep("@"), "local parts": rep("a@"), "domains": "a@" + rep("b.c"), "quoted": rep(`"a"@b.de `), "quotes": rep(`"`), "quote at": rep(`"@`), "digits": rep("7"), "groups": rep("1 "), "zeros": rep("00 "),
		"phones": rep("415 867 5309 "), "cued": rep("tel 030 901820 "), "plus": rep("+49"), "plus groups": rep("+49 1 "), "long plus": rep("+4915112345678 "), "trunk": rep("0171 234567 "), "extended": rep("867-5309x12 "),
		"x": rep("5x5 "), "extension words": rep("415-867-5309 ext "), "links": rep("wa.me/"), "vanity": rep("1-800-AAA"), "pipes": "PID|" + rep("|0301234567"), "parentheses": rep("(030) "), "ssh": rep("ssh -p 2 "), "ssh at": rep("-a a@b.de "), "pairs": rep("01 02 03 04 05 "),
	}
}

// No text takes more than a bounded time per byte: four times the text takes
// about four times as long. Times are the best of several runs; the ratio allows
// for a busy machine and not for a square.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const small, factor = 16 << 10, 4
	s, err := classifiers.New(classifiers.Options{Detectors: contact.Detectors(), Budget: time.Minute, Cache: -1})
	if err != nil {
		t.Fatal(err)
	}
	best := func(text string) time.Duration {
		d := time.Duration(1 << 62)
		for range 4 {
			from := time.Now()
			if _, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text)}}); err != nil {
				t.Fatal(err)
			}
			d = min(d, time.Since(from))
		}
		return d
	}
	short, long := hostile(small), hostile(small*factor)
	for name := range short {
		var a, b time.Duration
		for range 4 { // a busy machine is asked again
			a, b = best(short[name]), best(long[name])
			if float64(b) <= 3*factor*float64(a) {
				break
			}
		}
		t.Logf("%-16s %7.1f ns per byte, ratio %.1f", name, float64(b)/(small*factor), float64(b)/float64(a))
		if float64(b) > 3*factor*float64(a) && b > 5*time.Millisecond {
			t.Errorf("%s: %d times the text takes %.1f times as long", name, factor, float64(b)/float64(a))
		}
	}
}

func FuzzContact(f *testing.F) {
	for _, d := range contact.Detectors() {
		for _, p := range append(d.Positives, d.NearMisses...) {
			text, _, err := classifiers.ParseMarked(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	for _, text := range hostile(200) {
		f.Add(text)
	}
	s := newSuite(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, x := range classify(t, s, "phone", text) {
			if x.Start < 0 || x.Start >= x.End || x.End > len(text) || utf8.ValidString(text) && (!utf8.RuneStart(text[x.Start]) || x.End < len(text) && !utf8.RuneStart(text[x.End])) {
				t.Fatalf("%s at %d-%d of %d bytes", x.Type, x.Start, x.End, len(text))
			}
		}
	})
}

const prose = `The committee met on the second Tuesday of the month and, after a long debate about the budget, agreed to
postpone the vote until the figures had been checked by somebody from outside. There were 12 members in the room, 3 of them
by telephone. Nobody objected: the chair thanked everyone, and asked for a short note (two pages at most) before Friday.
Further reading is linked from the minutes, which are kept in the usual place, see section 4.2 of the handbook.
`

func BenchmarkContact(b *testing.B) {
	contacts := prose + "Please answer jane.doe@nordvik-energi.se or call +49 30 9018 2044; mobile 07911 123456, order 4539148803436467 has shipped.\n" + prose
	for _, x := range []struct {
		name, text string
		detectors  []*classifiers.Detector
	}{
		{"prose", prose, contact.Detectors()}, {"contacts", contacts, contact.Detectors()},
		{"prose, e-mail alone", prose, []*classifiers.Detector{contact.Email}}, {"contacts, e-mail alone", contacts, []*classifiers.Detector{contact.Email}},
	} {
		b.Run(x.name, func(b *testing.B) {
			s, err := classifiers.New(classifiers.Options{Detectors: x.detectors, Cache: -1})
			if err != nil {
				b.Fatal(err)
			}
			segs := []proxy.Segment{{Text: proxy.NewText(strings.Repeat(x.text, 4096/len(x.text)+1)[:4096])}}
			b.SetBytes(4096)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Classify(context.Background(), segs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
