package labelled

import (
	"slices"
	"testing"

	"github.com/ostiary/ostiary/classifiers/internal/lanes"
	"github.com/ostiary/ostiary/proxy"
)

// floors are what is wanted of the types that this room answers for, in per
// cent of the marks; PERSON and AGE stand in running text too, where the tagger
// and context find them, and are recorded.
var floors = map[string]int{"DATE_OF_BIRTH": 95, "PERSON": 63, "AGE": 90}

// Whole prompts in 13 languages: a mark is found where a finding of its type at
// likely and above overlaps it.
func TestPrompts(t *testing.T) {
	s := lanes.Suite(t, Detectors()...)
	total, found, exact := map[string]int{}, map[string]int{}, map[string]int{}
	extra := map[string]int{}
	lanes.Prompts(t, func(line int, p lanes.Prompt) {
		list := slices.DeleteFunc(lanes.Classify(t, s, lanes.Text(p.Text)), func(f proxy.Finding) bool { return f.Likelihood < proxy.Likely })
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			ok, same := false, false
			for i, f := range list {
				if sp.Overlaps(f) && f.Type == sp.Type {
					ok, used[i] = true, true
					same = same || f.Start == sp.Start && f.End == sp.End
				}
			}
			if floors[sp.Type] == 0 || p.Expect != "positive" {
				continue
			}
			total[sp.Type]++
			if ok {
				found[sp.Type]++
			}
			if same {
				exact[sp.Type]++
			}
		}
		for i, f := range list {
			if !used[i] && (p.Expect == "positive" && f.Type == "PERSON" || p.Expect == "negative") {
				extra[p.Expect+" "+f.Type]++
				t.Logf("prompts:%d (%s, %s, %s): %s by %s not marked", line, p.Lang, p.Kind, p.Expect, f.Type, f.Evidence.Rule)
			}
		}
	})
	for typ, floor := range floors {
		t.Logf("%s: %d of %d found, %d exactly", typ, found[typ], total[typ], exact[typ])
		if total[typ] == 0 || found[typ]*100 < total[typ]*floor {
			t.Errorf("%s: %d of %d found, %d%% recorded", typ, found[typ], total[typ], floor)
		}
	}
	t.Logf("not marked: %v", extra)
}

// Harmless prompts: what is found, by type.
func TestHarmlessPrompts(t *testing.T) {
	s := lanes.Suite(t, Detectors()...)
	size := 0
	types := map[string]int{}
	lanes.HarmlessPrompts(t, func(_ string, _ int, segs []proxy.Segment) {
		for _, x := range segs {
			size += x.Text.Len()
		}
		for _, f := range lanes.Classify(t, s, segs...) {
			if f.Likelihood >= proxy.Likely {
				types[f.Type]++
			}
		}
	})
	// The questions of gsm8k are full of first names: what is found is recorded.
	t.Logf("%v: %d names, user names and dates of birth in %d bytes", types, ofPersons(types), size)
}

// ofPersons counts the findings that would be wrong in clean text.
func ofPersons(types map[string]int) int {
	return types["PERSON"] + types["USERNAME"] + types["DATE_OF_BIRTH"]
}

// Source code holds nearly none: a part of the standard library of Go.
func TestCode(t *testing.T) {
	s := lanes.Suite(t, Detectors()...)
	n := map[string]int{}
	size := lanes.Code(t, false, func(name, text string) {
		for _, f := range lanes.Classify(t, s, lanes.Text(text)) {
			if f.Likelihood >= proxy.Likely {
				n[f.Type]++
				t.Logf("%s at %d: %s", name, f.Start, f.Type)
			}
		}
	})
	t.Logf("%v in %d bytes", n, size)
	if rate := lanes.Rate(ofPersons(n), size); rate > 0.2 {
		t.Errorf("%.2f names, user names and dates of birth in 10,000 tokens of code", rate)
	}
}
