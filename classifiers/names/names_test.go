package names

import (
	"context"
	"testing"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// suite makes a suite of the names alone, without a cache.
func suite(t testing.TB) *classifiers.Suite {
	t.Helper()
	s, err := classifiers.New(classifiers.Options{Detectors: Detectors(), Cache: -1, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func find(t testing.TB, s *classifiers.Suite, text string) []proxy.Finding {
	t.Helper()
	r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text)}})
	if err != nil || len(r.Gaps) > 0 {
		t.Fatalf("%v, %d gaps", err, len(r.Gaps))
	}
	return r.Findings
}

// TestSamples: the detector's own texts, and more of them.
func TestSamples(t *testing.T) {
	s := suite(t)
	d := Detectors()[0]
	for i, text := range append(append([]string{}, d.Positives...), d.NearMisses...) {
		marked(t, s, i, text)
	}
}

func marked(t *testing.T, s *classifiers.Suite, i int, text string) {
	t.Helper()
	bare, marks, err := classifiers.ParseMarked(text)
	if err != nil {
		t.Fatal(err)
	}
	found := find(t, s, bare)
	met := make([]bool, len(found))
next:
	for _, m := range marks {
		for k, f := range found {
			if m.Meets(f) {
				met[k] = true
				continue next
			}
		}
		t.Errorf("sample %d: %q is not found", i, bare[m.Start:m.End])
	}
	for k, f := range found {
		if !met[k] && f.Likelihood >= proxy.Likely {
			t.Errorf("sample %d: %s %q is found at %v", i, f.Type, bare[f.Start:f.End], f.Likelihood)
		}
	}
}
