package contact_test

import (
	"slices"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/contact"
	"github.com/ostiary/ostiary/proxy"
)

// Each detector, alone, finds what its positives mark and nothing in its
// near-misses.
func TestSamples(t *testing.T) {
	for _, d := range contact.Detectors() {
		s := newSuite(t, d)
		for i, text := range slices.Concat(d.Positives, d.NearMisses) {
			bare, marks, err := classifiers.ParseMarked(text)
			if err != nil {
				t.Fatal(err)
			}
			found := classify(t, s, "", bare)
			used := make([]bool, len(found))
			for _, m := range marks {
				k := slices.IndexFunc(found, m.Meets)
				if k < 0 {
					t.Errorf("%s: sample %d: %q not found in %q: %+v", d.Name, i, bare[m.Start:m.End], bare, found)
					continue
				}
				used[k] = true
			}
			for k, f := range found {
				if !used[k] && f.Likelihood >= proxy.Likely {
					t.Errorf("%s: sample %d: %q found in %q: %+v", d.Name, i, bare[f.Start:f.End], bare, f.Evidence)
				}
			}
		}
	}
}
