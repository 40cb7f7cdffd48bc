package all

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

func suite(t testing.TB, o classifiers.Options) *classifiers.Suite {
	t.Helper()
	if o.Detectors == nil {
		o.Detectors = Detectors()
	}
	if o.Budget == 0 {
		o.Budget = time.Minute // what is measured here is not how busy the machine is
	}
	s, err := classifiers.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func classify(t testing.TB, s *classifiers.Suite, text string) []proxy.Finding {
	t.Helper()
	r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text)}})
	if err != nil || len(r.Gaps) > 0 {
		t.Fatalf("classify: %v, gaps %v", err, r.Gaps)
	}
	return r.Findings
}

// differences compares findings with marks: every mark is met, and nothing else
// is likely unless it is a published value.
func differences(marks []classifiers.Mark, found []proxy.Finding) []string {
	var out []string
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
			out = append(out, fmt.Sprintf("%s (%s, synthetic=%v) found at %d-%d, not marked", f.Type, f.Likelihood, f.Synthetic, f.Start, f.End))
		}
	}
	return out
}

// Every detector, alone, finds what its positives mark and nothing in its
// near-misses.
func TestSamples(t *testing.T) {
	for _, d := range Detectors() {
		t.Run(d.Name, func(t *testing.T) {
			s := suite(t, classifiers.Options{Detectors: []*classifiers.Detector{d}})
			for i, text := range slices.Concat(d.Positives, d.NearMisses) {
				name := fmt.Sprintf("positive %d", i)
				if i >= len(d.Positives) {
					name = fmt.Sprintf("near-miss %d", i-len(d.Positives))
				}
				bare, marks, err := classifiers.ParseMarked(text)
				if err != nil {
					t.Fatal(name, err)
				}
				found := classify(t, s, bare)
				if list := differences(marks, found); len(list) > 0 {
					for _, l := range list {
						t.Errorf("%s: %s", name, l)
					}
					t.Logf("%s: %q\nall: %+v", name, bare, found)
				}
			}
		})
	}
}
