package health

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

func suite(t testing.TB, detectors ...*classifiers.Detector) *classifiers.Suite {
	t.Helper()
	if len(detectors) == 0 {
		detectors = Detectors()
	}
	s, err := classifiers.New(classifiers.Options{Detectors: detectors, Cache: -1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func classify(t testing.TB, s *classifiers.Suite, segs ...proxy.Segment) []proxy.Finding {
	t.Helper()
	r, err := s.Classify(context.Background(), segs)
	if err != nil || len(r.Gaps) > 0 {
		t.Fatalf("classify: %v, gaps %v", err, r.Gaps)
	}
	return r.Findings
}

func text(s string) proxy.Segment { return proxy.Segment{Text: proxy.NewText(s)} }

// differences compares findings with marks: every mark is met, and nothing else
// is likely.
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

// Every detector, alone, finds what its samples mark and nothing else.
func TestSamples(t *testing.T) {
	for _, d := range Detectors() {
		t.Run(d.Name, func(t *testing.T) {
			s := suite(t, d)
			for i, sample := range slices.Concat(d.Positives, d.NearMisses) {
				bare, marks, err := classifiers.ParseMarked(sample)
				if err != nil {
					t.Fatal(i, err)
				}
				found := classify(t, s, text(bare))
				for _, l := range differences(marks, found) {
					t.Errorf("sample %d (%q): %s", i, bare, l)
				}
			}
		})
	}
}

// Nothing is found, at likely and not synthetic, in the near-misses of another but
// what that one marks too.
func TestTogether(t *testing.T) {
	s := suite(t)
	for _, d := range Detectors() {
		for i, sample := range d.NearMisses {
			bare, marks, err := classifiers.ParseMarked(sample)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range classify(t, s, text(bare)) {
				if f.Likelihood >= proxy.Likely && !f.Synthetic && !slices.ContainsFunc(marks, func(m classifiers.Mark) bool { return m.Start < f.End && f.Start < m.End }) {
					t.Errorf("%s, near-miss %d: %s (%s) at %d-%d", d.Name, i, f.Type, f.Likelihood, f.Start, f.End)
				}
			}
		}
	}
}

// More words of illness than are judged make the text one that was not wholly
// looked at.
func TestManyWords(t *testing.T) {
	s := suite(t)
	for n, gaps := range map[int]int{1: 0, maxJudged + 1: 1} {
		r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(strings.Repeat("diabetes, ", n) + "my daughter was diagnosed with leukaemia.")}})
		if err != nil || len(r.Gaps) != gaps {
			t.Errorf("%d times: gaps %v (%v), want %d", n, r.Gaps, err, gaps)
		}
	}
}
