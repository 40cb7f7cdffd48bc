package secrets

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// differences compares findings with marks: every mark is met, and nothing else
// is likely.
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
			out = append(out, fmt.Sprintf("%s (%s, synthetic=%v, rule %s) found at %d-%d, not marked", f.Type, f.Likelihood, f.Synthetic, f.Evidence.Rule, f.Start, f.End))
		}
	}
	return out
}

// Every detector, alone, finds what its positives mark and nothing in its
// near-misses.
func TestSamples(t *testing.T) {
	for _, d := range Detectors() {
		t.Run(d.Name, func(t *testing.T) {
			s := newSuite(t, d)
			for i, text := range slices.Concat(d.Positives, d.NearMisses) {
				bare, marks, err := classifiers.ParseMarked(text)
				if err != nil {
					t.Fatal(i, err)
				}
				if list := differences(marks, classify(t, s, bare)); len(list) > 0 {
					t.Errorf("sample %d %q: %q", i, bare, list)
				}
			}
		})
	}
}
