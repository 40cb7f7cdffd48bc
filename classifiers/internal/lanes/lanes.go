// Package lanes has the tests that every room of detectors passes: its own
// samples, the development data, harmless text, source code, hostile text. It is
// for tests only.
package lanes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// budget is far over the time of any text here: no result depends on the machine.
const budget = time.Minute

// Prose is text with nothing to find.
const Prose = `The committee met on the second Tuesday of the month and, after a long debate about the budget, agreed to
postpone the vote until the figures had been checked by somebody from outside. There were 12 members in the room, 3 of them
by telephone. Nobody objected: the chair thanked everyone, and asked for a short note (two pages at most) before Friday.
Further reading is linked from the minutes, which are kept in the usual place, see section 4.2 of the handbook.
`

// Suite makes a suite without a cache of the detectors.
func Suite(t testing.TB, detectors ...*classifiers.Detector) *classifiers.Suite {
	t.Helper()
	s, err := classifiers.New(classifiers.Options{Detectors: detectors, Budget: budget, Cache: -1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Text is a segment of a prompt without a key.
func Text(s string) proxy.Segment { return proxy.Segment{Text: proxy.NewText(s)} }

// Classify gives the findings in the segments, all of which are looked at whole.
func Classify(t testing.TB, s *classifiers.Suite, segs ...proxy.Segment) []proxy.Finding {
	t.Helper()
	r, err := s.Classify(context.Background(), segs)
	if err != nil || len(r.Gaps) > 0 {
		t.Fatalf("classify: %v, gaps %v", err, r.Gaps)
	}
	return r.Findings
}

// Gaps compares the number of gaps in a text with what is wanted: a text that is
// not wholly looked at says so.
func Gaps(t testing.TB, s *classifiers.Suite, text string, want int) {
	t.Helper()
	r, err := s.Classify(context.Background(), []proxy.Segment{Text(text)})
	if err != nil || len(r.Gaps) != want {
		t.Errorf("%d bytes: gaps %v (%v), want %d", len(text), r.Gaps, err, want)
	}
}

// Parse reads a marked-up text.
func Parse(t testing.TB, marked string) (bare string, marks []classifiers.Mark) {
	t.Helper()
	bare, marks, err := classifiers.ParseMarked(marked)
	if err != nil {
		t.Fatal(err)
	}
	return bare, marks
}

// Check compares the findings in a marked-up text with its marks: every mark is
// met, and nothing else is likely. The text is one of ours: it is shown.
func Check(t testing.TB, s *classifiers.Suite, name, marked string) {
	t.Helper()
	bare, marks := Parse(t, marked)
	found := Classify(t, s, Text(bare))
	if list := differences(marks, found); list != nil {
		t.Errorf("%s (%q): %s", name, bare, strings.Join(list, "; "))
		for _, f := range found {
			t.Logf("  %s %s at %d-%d: %+v", f.Type, f.Likelihood, f.Start, f.End, f.Evidence)
		}
	}
}

// differences compares findings with marks.
func differences(marks []classifiers.Mark, found []proxy.Finding) (out []string) {
	used := make([]bool, len(found))
marks:
	for _, m := range marks {
		for i, f := range found {
			if m.Meets(f) {
				used[i] = true
				continue marks
			}
		}
		out = append(out, fmt.Sprintf("%s expected at %d-%d", m.Type, m.Start, m.End))
	}
	for i, f := range found {
		if !used[i] && f.Likelihood >= proxy.Likely {
			out = append(out, fmt.Sprintf("%s (%s, synthetic=%v, %+v) found at %d-%d, not marked", f.Type, f.Likelihood, f.Synthetic, f.Evidence, f.Start, f.End))
		}
	}
	return out
}

// Samples checks that every detector, alone, finds what its samples mark and
// nothing else.
func Samples(t *testing.T, detectors []*classifiers.Detector) {
	for _, d := range detectors {
		t.Run(d.Name, func(t *testing.T) {
			s := Suite(t, d)
			for i, sample := range slices.Concat(d.Positives, d.NearMisses) {
				Check(t, s, fmt.Sprint("sample ", i), sample)
			}
		})
	}
}

// NoAllocations checks that a text with nothing to find is looked at without an
// allocation.
func NoAllocations(t *testing.T, s *classifiers.Suite) {
	if Slowdown > 1 {
		t.Skip("the race detector empties pools at random")
	}
	segs := []proxy.Segment{Text(strings.Repeat(Prose, 9))}
	if n := testing.AllocsPerRun(20, func() {
		if r, err := s.Classify(context.Background(), segs); err != nil || len(r.Findings) > 0 {
			t.Fatal(err, len(r.Findings))
		}
	}); n > 0.5 { // the collector may empty a pool once
		t.Errorf("%.1f allocations", n)
	}
}

// BenchProse measures 4 KiB of prose, for each set of detectors.
func BenchProse(b *testing.B, sets map[string][]*classifiers.Detector) {
	segs := []proxy.Segment{Text(strings.Repeat(Prose, 4096/len(Prose)+1)[:4096])}
	for name, set := range sets {
		s := Suite(b, set...)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(4096)
			for b.Loop() {
				if _, err := s.Classify(context.Background(), segs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Idle asks for candidates of a shape and does nothing with them: the cost of
// the walk itself, to be subtracted.
func Idle(shape classifiers.Interest, typ *classifiers.Type) *classifiers.Detector {
	shape.Judge = func(*classifiers.Scan, classifiers.Candidate) {}
	return &classifiers.Detector{
		Name: "idle", Version: 1, Doc: "Asks for candidates and does nothing with them, for comparison.", Types: []*classifiers.Type{typ},
		Positives: []string{"[[" + typ.Name + "|x]]"}, NearMisses: []string{"x"}, Interests: []classifiers.Interest{shape},
	}
}

// Matters reports whether a finding would be a wrong alarm in clean text.
func Matters(f proxy.Finding) bool {
	if f.Likelihood < proxy.Likely || f.Synthetic {
		return false
	}
	for _, g := range []string{classifiers.Contact, classifiers.Identifier, classifiers.Financial, classifiers.Credential, classifiers.Health, classifiers.SpecialCategory} {
		if slices.Contains(f.Groups, g) {
			return true
		}
	}
	return false
}

// RunPerByte checks that no text takes more than a bounded time per byte,
// whatever unit it repeats. A walk over the whole text for each candidate would
// take ten times the bound.
func RunPerByte(t *testing.T, s *classifiers.Suite, units []string) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	best := func(text string) time.Duration {
		b := time.Hour
		for range 6 {
			from := time.Now()
			Classify(t, s, Text(text))
			b = min(b, time.Since(from))
		}
		return b
	}
	const (
		n       = 60 << 10 // one core's
		perByte = 50 * Slowdown * time.Microsecond
	)
	for _, unit := range units {
		if d := best(strings.Repeat(unit, n/len(unit))); d > n*perByte {
			t.Errorf("%q: %v for %d bytes", unit, d, n)
		}
	}
}
