package custom_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/custom"
	"github.com/ostiary/ostiary/proxy"
)

// staff has a fixed beginning, ward only a digit, cost centre keywords.
var staff = custom.Pattern{
	Type: "EMPLOYEE_NUMBER", Groups: []string{classifiers.Personal, classifiers.Identifier}, Expression: `EMP-?\d{6}`, Exclude: []string{`EMP-?000000`},
	Against: []string{"sample"}, Match: []string{"badge EMP-123456."}, NoMatch: []string{"EMP-12345", "sample EMP-123456", "XEMP-123456", "EMP-000000", "EMP-1234567"},
}

var ward = custom.Pattern{
	Type: "BED_CODE", Expression: `[A-Z]\d{2}-\d{3}`, NeedsContext: true, Context: []string{"bed", "ward"},
	Match: []string{"ward bed K12-003"}, NoMatch: []string{"part K12-003", "bed K12-0034"},
}

var centre = custom.Pattern{
	Type: "COST_CENTRE", Expression: `[a-z]+_[a-z]+`, Keywords: []string{"costcentre"},
	Match: []string{"costcentre: north_lab"}, NoMatch: []string{"the north_lab"},
}

func levels(t *testing.T, p custom.Pattern, text string) (out []string) {
	t.Helper()
	d, err := p.Detector("own")
	if err != nil {
		t.Fatal(err)
	}
	s, err := classifiers.New(classifiers.Options{Detectors: []*classifiers.Detector{d}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text)}})
	if err != nil || len(r.Gaps) > 0 {
		t.Fatal(err, r.Gaps)
	}
	for _, f := range r.Findings {
		out = append(out, f.Likelihood.String()+" "+text[f.Start:f.End])
	}
	return out
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		p          custom.Pattern
		text, want string
	}{
		{staff, "EMP-123456, EMP654321", "likely EMP-123456, likely EMP654321"},
		{staff, "sample EMP-123456", "unlikely EMP-123456"},
		{staff, "emp-123456 EMPLOYEE", ""},
		{ward, "K12-003", "possible K12-003"},
		{ward, "moved to bed K12-003, then K14-001 in ward 3", "very_likely K12-003, very_likely K14-001"},
		{centre, "costcentre " + strings.Repeat("x ", 100) + "a_b", "likely a_b"},
		{centre, "costcentre " + strings.Repeat("x ", 300) + "a_b", ""},
		{centre, "costcentre costcentre a_b costcentre", "likely a_b"},
	} {
		if got := strings.Join(levels(t, c.p, c.text), ", "); got != c.want {
			t.Errorf("%s in %q: %q, want %q", c.p.Type, c.text, got, c.want)
		}
	}
}

// A chain of codes that is longer than a window is looked at to its end, and a
// window with more matches than are looked for is not taken for clean.
func TestLongChains(t *testing.T) {
	lot := custom.Pattern{Type: "LOT", Expression: `[A-Z]\d{12}Z`, Match: []string{"A123456789012Z"}, NoMatch: []string{"A12Z"}}
	text := strings.Repeat("B123456789012 ", 43) + "A123456789012Z"
	if got := levels(t, lot, text); len(got) != 1 {
		t.Errorf("%d found behind a long chain, want 1", len(got))
	}
	short := custom.Pattern{Type: "SHORT", Expression: `[a-z]\d`, Keywords: []string{"slot"}, Match: []string{"slot a1"}, NoMatch: []string{"slot aa"}}
	d, err := short.Detector("own")
	if err != nil {
		t.Fatal(err)
	}
	s, err := classifiers.New(classifiers.Options{Detectors: []*classifiers.Detector{d}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText("slot " + strings.Repeat("a1 ", 200))}})
	if err != nil || len(r.Gaps) != 1 {
		t.Errorf("gaps %v (%v), want one", r.Gaps, err)
	}
}

// What cannot work is refused with its place, and without what was written.
func TestRefusals(t *testing.T) {
	ok := staff
	for _, c := range []struct {
		change func(*custom.Pattern)
		want   string
	}{
		{func(p *custom.Pattern) { p.Match = nil }, "examples are missing"},
		{func(p *custom.Pattern) { p.NoMatch = nil }, "examples are missing"},
		{func(p *custom.Pattern) { p.Expression = "[a-" }, "pattern: not RE2 syntax: missing closing ]"},
		{func(p *custom.Pattern) { p.Expression = "" }, "1 to 1024 bytes"},
		{func(p *custom.Pattern) { p.Expression = `\d*` }, "matches the empty text"},
		{func(p *custom.Pattern) { p.Expression = `x{1000}{1000}` }, "not RE2 syntax"},
		{func(p *custom.Pattern) { p.Match = []string{"nothing"} }, "match, entry 1: nothing is found"},
		{func(p *custom.Pattern) { p.NoMatch = []string{"a", "EMP-999999"} }, "no_match, entry 2: something is found"},
		{func(p *custom.Pattern) { p.Exclude = []string{"("} }, "exclude, entry 1"},
		{func(p *custom.Pattern) { p.NeedsContext = true }, "context has no words"},
		{func(p *custom.Pattern) { p.Expression, p.Match = `[a-z]+`, []string{"abc"} }, "give keywords"},
		{func(p *custom.Pattern) { p.Keywords = []string{"a b"} }, "keywords, entry 1"},
		{func(p *custom.Pattern) { p.Groups = []string{"nonsense"} }, `group "nonsense"`},
	} {
		p := ok
		c.change(&p)
		if _, err := p.Detector("own"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// A text of keywords takes a bounded time per byte.
func TestKeywordsOnly(t *testing.T) {
	d, err := centre.Detector("own")
	if err != nil {
		t.Fatal(err)
	}
	s, err := classifiers.New(classifiers.Options{Detectors: []*classifiers.Detector{d}, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(strings.Repeat("costcentre ", 50_000))}})
	if err != nil || len(r.Findings)+len(r.Gaps) > 0 {
		t.Error(err, len(r.Findings), r.Gaps)
	}
}

func TestAllow(t *testing.T) {
	d, err := staff.Detector("own")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		allow      classifiers.Allow
		text, want string
	}{
		{classifiers.Allow{Values: []string{"emp 111111"}}, "EMP-111111 EMP-222222", "very_unlikely allowed, likely pattern"},
		{classifiers.Allow{Values: []string{"EMP111111"}, Types: []string{"EMPLOYEE_NUMBER"}}, "EMP-111111", "very_unlikely allowed"},
		{classifiers.Allow{Pattern: `EMP-2+`}, "EMP-222222 EMP-222223", "very_unlikely allowed, likely pattern"},
	} {
		s, err := classifiers.New(classifiers.Options{Detectors: []*classifiers.Detector{d}, Allow: []classifiers.Allow{c.allow}})
		if err != nil {
			t.Fatal(err)
		}
		r, _ := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(c.text)}})
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Likelihood.String()+" "+f.Evidence.Rule)
		}
		if g := strings.Join(got, ", "); g != c.want {
			t.Errorf("%q: %q, want %q", c.text, g, c.want)
		}
	}
	for _, bad := range []classifiers.Allow{{}, {Values: []string{"--"}}, {Pattern: "("}, {Pattern: ".*"}, {Types: []string{"NONE"}, Values: []string{"a"}}} {
		if _, err := classifiers.New(classifiers.Options{Detectors: []*classifiers.Detector{d}, Allow: []classifiers.Allow{bad}}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
