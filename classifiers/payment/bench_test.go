package payment

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// prose is text with nothing to find.
const prose = `The committee met on the second Tuesday of the month and, after a long debate about the budget, agreed to
postpone the vote until the figures had been checked by somebody from outside. There were 12 members in the room, 3 of them
by telephone. Nobody objected: the chair thanked everyone, and asked for a short note (two pages at most) before Friday.
Further reading is linked from the minutes, which are kept in the usual place, see section 4.2 of the handbook.
`

func BenchmarkProse(b *testing.B) {
	segs := []proxy.Segment{text(strings.Repeat(prose, 4096/len(prose)+1)[:4096])}
	none := &classifiers.Detector{
		Name: "none", Version: 1, Doc: "Nothing: the cost of the walk itself, to be subtracted.", Types: []*classifiers.Type{&bicType},
		Positives: []string{"[[BIC|x]]"}, NearMisses: []string{"x"}, Interests: []classifiers.Interest{{Shape: classifiers.Prefix, Literals: []string{"zzzzzz"}, Judge: func(*classifiers.Scan, classifiers.Candidate) {}}},
	}
	sets := map[string][]*classifiers.Detector{"walk": {none}, "room": Detectors()}
	for _, d := range Detectors() {
		sets[d.Name] = []*classifiers.Detector{d}
	}
	for name, set := range sets {
		s := suite(b, set...)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Classify(context.Background(), segs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// hostile are texts that a judge with walks of its own could take long over.
func hostile(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	m := map[string]string{}
	for _, d := range Detectors() {
		for _, p := range d.Positives {
			if bare, _, err := classifiers.ParseMarked(p); err == nil {
				m[d.Name+" "+bare] = rep(bare + "\n")
			}
		}
	}
	for _, s := range []string{"1 ", "7", "12-", "4539148803436467=", "4539 1488 0343 6467 ", "%B", "%B4539148803436467^", "a1", "1PeDJro2wA4JXjV7bXzbArEKfwWXKY3iBn ", "abandon ", "bic ", "swift: ", "sort code ", "account number ", "exp cvv ", "口座番号 1234567 ", "0x1c4d2b6f0e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c ", strings.Repeat("1z", 48) + " "} {
		m[s] = rep(s)
	}
	return m
}

// Four times the text takes about four times as long, whatever it is made of.
func TestLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s, err := classifiers.New(classifiers.Options{Detectors: Detectors(), Cache: -1, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	const small, factor = 16 << 10, 4
	best := func(in string) time.Duration {
		b := time.Duration(1 << 62)
		for range 4 {
			from := time.Now()
			if _, err := s.Classify(context.Background(), []proxy.Segment{text(in)}); err != nil {
				t.Fatal(err)
			}
			b = min(b, time.Since(from))
		}
		return b
	}
	short, long := hostile(small), hostile(small*factor)
names:
	for name := range short {
		var per, ratio float64
		for range 4 { // a busy machine spoils a measurement now and then
			a, b := best(short[name]), best(long[name])
			per, ratio = float64(b.Nanoseconds())/(small*factor), float64(b)/float64(a)
			if per < maxPerByte && (ratio < 3*factor || b < 5*time.Millisecond) {
				continue names
			}
		}
		t.Errorf("%.20q: %.0f ns per byte, %d times the text takes %.1f times as long", name, per, factor, ratio)
	}
}

// maxPerByte is the time for a byte of the densest text, in nanoseconds: texts
// that are nothing but findings, measured on a busy machine.
const maxPerByte = 3000

func FuzzRoom(f *testing.F) {
	for _, in := range hostile(200) {
		f.Add(in, "card cvv")
	}
	s := suite(f)
	f.Fuzz(func(t *testing.T, in, key string) {
		seg := proxy.Segment{Text: proxy.NewText(in), Key: proxy.NewText(key)}
		for _, x := range classify(t, s, seg) {
			if x.Start < 0 || x.Start >= x.End || x.End > len(in) {
				t.Fatalf("%s at %d-%d of %d bytes", x.Type, x.Start, x.End, len(in))
			}
			if utf8.ValidString(in) && (!utf8.RuneStart(in[x.Start]) || x.End < len(in) && !utf8.RuneStart(in[x.End])) {
				t.Fatalf("%s cuts a character", x.Type)
			}
		}
	})
}
