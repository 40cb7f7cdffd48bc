package names

import (
	"context"
	"slices"
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

func segment(text string) []proxy.Segment { return []proxy.Segment{{Text: proxy.NewText(text)}} }

func classify(s *classifiers.Suite, segments []proxy.Segment) {
	s.Classify(context.Background(), segments)
}

// bareMarked is marked, but places and organisations may be found unmarked.
func bareMarked(t *testing.T, s *classifiers.Suite, i int, text string) {
	t.Helper()
	bare, marks, err := classifiers.ParseMarked(text)
	if err != nil {
		t.Fatal(err)
	}
	found := find(t, s, bare)
	for _, m := range marks {
		if !slices.ContainsFunc(found, m.Meets) {
			t.Errorf("text %d: %q is not found", i, bare[m.Start:m.End])
		}
	}
	for _, f := range found {
		if f.Type == "PERSON" && f.Likelihood >= proxy.Likely && !slices.ContainsFunc(marks, func(m classifiers.Mark) bool { return m.Meets(f) }) {
			t.Errorf("text %d: %q is found as a person", i, bare[f.Start:f.End])
		}
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

// parse gives the bare text of a marked one, and where its marks are.
func parse(t *testing.T, text string) (string, [][2]int) {
	t.Helper()
	bare, marks, err := classifiers.ParseMarked(text)
	if err != nil {
		t.Fatal(err)
	}
	var at [][2]int
	for _, m := range marks {
		at = append(at, [2]int{m.Start, m.End})
	}
	return bare, at
}
