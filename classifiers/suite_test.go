package classifiers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// digitsDetector finds every number, of type t, at the level given.
func digitsDetector(name string, t *Type, level proxy.Likelihood) *Detector {
	return &Detector{
		Name: name, Version: 1, Doc: "Finds runs of digits. It is here for the tests of the suite alone.",
		Types: []*Type{t}, Positives: []string{"[[" + t.Name + "|1234567]]"}, NearMisses: []string{"abc"},
		Interests: []Interest{{Shape: Number, Judge: func(s *Scan, c Candidate) {
			s.Find(Found{Start: c.Start, End: c.End, Type: t, Likelihood: level})
		}}},
	}
}

func typ(name string, groups ...string) *Type {
	return &Type{Name: name, Groups: groups, Doc: "A type for tests.", Severity: Low}
}

func mustNew(t testing.TB, o Options) *Suite {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func segments(texts ...string) []proxy.Segment {
	var out []proxy.Segment
	for _, x := range texts {
		out = append(out, proxy.Segment{Text: proxy.NewText(x)})
	}
	return out
}

func report(t testing.TB, s *Suite, texts ...string) proxy.Report {
	t.Helper()
	r, err := s.Classify(context.Background(), segments(texts...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// places writes findings as TYPE@segment:start-end.
func places(r proxy.Report) string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s@%d:%d-%d", f.Type, f.Segment, f.Start, f.End))
	}
	return strings.Join(out, " ")
}

func TestNewRefuses(t *testing.T) {
	good := func() *Detector { return digitsDetector("d", typ("T", Personal), proxy.Likely) }
	for name, o := range map[string]Options{
		"no documentation":  {Detectors: []*Detector{func() *Detector { d := good(); d.Doc = " "; return d }()}},
		"no positives":      {Detectors: []*Detector{func() *Detector { d := good(); d.Positives = nil; return d }()}},
		"no near-misses":    {Detectors: []*Detector{func() *Detector { d := good(); d.NearMisses = nil; return d }()}},
		"no version":        {Detectors: []*Detector{func() *Detector { d := good(); d.Version = 0; return d }()}},
		"positive unmarked": {Detectors: []*Detector{func() *Detector { d := good(); d.Positives = []string{"1234567"}; return d }()}},
		"broken mark-up":    {Detectors: []*Detector{func() *Detector { d := good(); d.NearMisses = []string{"[[T|1"}; return d }()}},
		"unknown group":     {Detectors: []*Detector{digitsDetector("d", typ("T", "secretive"), proxy.Likely)}},
		"no group":          {Detectors: []*Detector{digitsDetector("d", typ("T"), proxy.Likely)}},
		"name twice":        {Detectors: []*Detector{good(), good()}},
		"unknown off":       {Detectors: []*Detector{good()}, Off: []string{"emial"}},
		"terms type taken":  {Detectors: []*Detector{good()}, Terms: []Terms{{Type: "T", Words: []string{"x"}}}},
		"terms type small":  {Terms: []Terms{{Type: "term_x", Words: []string{"x"}}}},
		"empty term":        {Terms: []Terms{{Type: "TERM_X", Words: []string{"a", " - "}}}},
		"long term":         {Terms: []Terms{{Type: "TERM_X", Words: []string{strings.Repeat("a ", 17)}}}},
		"judge missing":     {Detectors: []*Detector{func() *Detector { d := good(); d.Interests = []Interest{{Shape: Run}}; return d }()}},
		"letter anchor": {Detectors: []*Detector{func() *Detector {
			d := good()
			d.Interests[0].Shape, d.Interests[0].Literals = Anchor, []string{"ab"}
			return d
		}()}},
	} {
		if s, err := New(o); err == nil || s != nil {
			t.Errorf("%s: a suite was made", name)
		}
	}
}

func TestErrorsHoldNoTerm(t *testing.T) {
	_, err := New(Options{Terms: []Terms{{Type: "TERM_X", Words: []string{"fine", strings.Repeat("Valkyrie ", 40)}}}})
	if err == nil || strings.Contains(err.Error(), "Valkyrie") || !strings.Contains(err.Error(), "entry 2") {
		t.Errorf("the error must name the place and not the term: %v", err)
	}
}

func TestSwitchedOff(t *testing.T) {
	a, b := digitsDetector("a", typ("A", Personal), proxy.Likely), digitsDetector("b", typ("B", Network), proxy.Likely)
	for _, c := range []struct {
		off  []string
		want string
	}{
		{nil, "A@0:4-11 B@0:4-11"},
		{[]string{"a"}, "B@0:4-11"},
		{[]string{"B"}, "A@0:4-11"},
		{[]string{"A", "b"}, ""},
	} {
		s := mustNew(t, Options{Detectors: []*Detector{a, b}, Off: c.off})
		if got := places(report(t, s, "abc 1234567 x")); got != c.want {
			t.Errorf("off %v: %q, want %q", c.off, got, c.want)
		}
	}
}

func TestMerge(t *testing.T) {
	f := func(typ string, start, end int, l proxy.Likelihood) proxy.Finding {
		return proxy.Finding{Type: typ, Start: start, End: end, Likelihood: l}
	}
	personal, network, both := trait{set: 1}, trait{set: 1 << 7}, trait{set: 1 | 1<<7}
	general := trait{set: 1, general: true}
	for _, c := range []struct {
		name   string
		found  []proxy.Finding
		traits []trait
		want   string
	}{
		{"the likelier wins", []proxy.Finding{f("A", 0, 9, proxy.Possible), f("B", 0, 9, proxy.Likely)}, []trait{personal, personal}, "B:0-9"},
		{"of equals the longer", []proxy.Finding{f("A", 0, 5, proxy.Likely), f("B", 2, 9, proxy.Likely)}, []trait{personal, personal}, "B:2-9"},
		{"a general type loses to a specific one", []proxy.Finding{f("A", 0, 9, proxy.Likely), f("B", 0, 5, proxy.Likely)}, []trait{general, personal}, "B:0-5"},
		{"another group survives", []proxy.Finding{f("A", 0, 9, proxy.Likely), f("B", 0, 9, proxy.Unlikely)}, []trait{personal, network}, "A:0-9 B:0-9"},
		{"one shared group is enough to lose", []proxy.Finding{f("A", 0, 9, proxy.Likely), f("B", 3, 6, proxy.Unlikely)}, []trait{personal, both}, "A:0-9"},
		{"a loser takes nobody down", []proxy.Finding{f("A", 0, 4, proxy.Unlikely), f("B", 3, 8, proxy.Possible), f("C", 7, 12, proxy.VeryLikely)}, []trait{personal, personal, personal}, "A:0-4 C:7-12"},
		{"what is likely and mostly by itself survives", []proxy.Finding{f("A", 0, 40, proxy.Likely), f("B", 30, 39, proxy.VeryLikely), f("C", 28, 38, proxy.Likely)}, []trait{personal, personal, personal}, "A:0-40 B:30-39"},
		{"touching is not overlapping", []proxy.Finding{f("B", 4, 8, proxy.Likely), f("A", 0, 4, proxy.Likely)}, []trait{personal, personal}, "A:0-4 B:4-8"},
		{"the same twice is once", []proxy.Finding{f("A", 0, 4, proxy.Likely), f("A", 0, 4, proxy.Likely)}, []trait{personal, personal}, "A:0-4"},
	} {
		var got []string
		for _, x := range new(merger).merge(c.found, c.traits) {
			got = append(got, fmt.Sprintf("%s:%d-%d", x.Type, x.Start, x.End))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}

// A detector that panics costs its own findings in that segment and marks it as
// not looked at; the others' findings stay, and so does the next segment.
func TestDetectorFails(t *testing.T) {
	bad := digitsDetector("bad", typ("BAD", Network), proxy.Likely)
	judge := bad.Interests[0].Judge
	bad.Interests[0].Judge = func(s *Scan, c Candidate) {
		if strings.Contains(s.Text, "poison") {
			panic("value of the panic: " + s.Text)
		}
		judge(s, c)
	}
	s := mustNew(t, Options{Detectors: []*Detector{bad, digitsDetector("good", typ("GOOD", Personal), proxy.Likely)}})
	r := report(t, s, "7654321 poison 1234567", "1234567")
	if got, want := places(r), "GOOD@0:0-7 GOOD@0:15-22 BAD@1:0-7 GOOD@1:0-7"; got != want {
		t.Errorf("findings %q, want %q", got, want)
	}
	if len(r.Gaps) != 1 || r.Gaps[0] != (proxy.Gap{Segment: 0, Reason: "detector_failed"}) {
		t.Errorf("gaps %v, want segment 0, detector_failed", r.Gaps)
	}
}

func TestDetectorBreaksContract(t *testing.T) {
	stranger := typ("STRANGER", Personal)
	for name, f := range map[string]Found{
		"a type it does not list": {Start: 0, End: 1, Type: stranger, Likelihood: proxy.Likely},
		"an empty span":           {Start: 1, End: 1, Likelihood: proxy.Likely},
		"outside the text":        {Start: 0, End: 99, Likelihood: proxy.Likely},
		"no likelihood":           {Start: 0, End: 1},
	} {
		own := typ("OWN", Personal)
		if f.Type == nil {
			f.Type = own
		}
		d := digitsDetector("d", own, proxy.Likely)
		d.Interests[0].Judge = func(s *Scan, _ Candidate) { s.Find(f) }
		r := report(t, mustNew(t, Options{Detectors: []*Detector{d}}), "1234567")
		if len(r.Findings) != 0 || len(r.Gaps) != 1 || r.Gaps[0].Reason != "detector_failed" {
			t.Errorf("%s: findings %d, gaps %v", name, len(r.Findings), r.Gaps)
		}
	}
}

// What the time does not reach is a gap, never clean: the segment that was under
// way and all that follow.
func TestBudget(t *testing.T) {
	now := time.Unix(0, 0)
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	judge := d.Interests[0].Judge
	d.Interests[0].Judge = func(s *Scan, c Candidate) {
		judge(s, c)
		now = now.Add(time.Millisecond) // each candidate costs a millisecond
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}, Budget: 300 * time.Millisecond, Now: func() time.Time { return now }})
	r := report(t, s, "1234567", strings.Repeat("1234567 x ", 1000), "1234567")
	if len(r.Findings) < 100 || len(r.Findings) > 600 {
		t.Errorf("%d findings before the time ended", len(r.Findings))
	}
	want := []proxy.Gap{{Segment: 1, Reason: "budget"}, {Segment: 2, Reason: "budget"}}
	if len(r.Gaps) != 2 || r.Gaps[0] != want[0] || r.Gaps[1] != want[1] {
		t.Errorf("gaps %v, want %v", r.Gaps, want)
	}
}

func TestContextEnds(t *testing.T) {
	s := mustNew(t, Options{Detectors: []*Detector{digitsDetector("d", typ("T", Personal), proxy.Likely)}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := s.Classify(ctx, segments("1234567", "", "abc"))
	if err != nil || len(r.Findings) != 0 || len(r.Gaps) != 2 {
		t.Errorf("err %v, findings %d, gaps %v; want a gap for each segment that is not empty", err, len(r.Findings), r.Gaps)
	}
	past, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	if r, _ := s.Classify(past, segments("1234567")); len(r.Gaps) != 1 {
		t.Error("a deadline that is over must leave a gap")
	}
}

func TestTooManyFindings(t *testing.T) {
	s := mustNew(t, Options{Detectors: []*Detector{digitsDetector("d", typ("T", Personal), proxy.Likely)}})
	r := report(t, s, strings.Repeat("1234567;", maxFindings+10))
	// Parts of a long segment share some bytes, and what both found is one.
	if n := len(r.Findings); n > maxFindings || n < maxFindings*9/10 || len(r.Gaps) != 1 || r.Gaps[0].Reason != "budget" {
		t.Errorf("%d findings, gaps %v", len(r.Findings), r.Gaps)
	}
}

func TestTerms(t *testing.T) {
	s := mustNew(t, Options{Terms: []Terms{
		{Type: "TERM_PROJECT", Words: []string{"Valkyrie", "Blue Heron", "Blue Heron Two", "C++ Rewrite", ".NETling", "AT&T deal", "Großprojekt", "Müller-Lüdenscheidt", "プロジェクト赤", "Проект Заря", "R2D2"}},
		{Type: "TERM_CLIENT", Words: []string{"Heron", "Café Noir"}},
	}})
	for _, text := range []string{
		"ask about [[TERM_PROJECT|valkyrie]], [[TERM_PROJECT|VALKYRIE]]; valkyries and xvalkyrie are none",
		"[[TERM_PROJECT|blue  \n heron]] and a blue-[[TERM_CLIENT|heron]]; herons alone",
		"the longest: [[TERM_PROJECT|Blue Heron Two]] and not Blue Herons",
		"the [[TERM_PROJECT|c++ rewrite]] of [[TERM_PROJECT|.netling]]; not c rewrite, not netling; [[TERM_PROJECT|at&t deal]]",
		"GROSSPROJEKT? no fold of sz, but [[TERM_PROJECT|großprojekt]] and [[TERM_PROJECT|mu\u0308ller-lu\u0308denscheidt]]",
		"今日は[[TERM_PROJECT|プロジェクト赤]]について; [[TERM_PROJECT|ПРОЕКТ ЗАРЯ]] и прочее",
		"[[TERM_CLIENT|cafe\u0301 noir]], caf noir; path/[[TERM_PROJECT|valkyrie]]/x and [[TERM_PROJECT|Valkyrie]]_v2",
		"[[TERM_PROJECT|r2d2]] and r2d22, valkyrié",
	} {
		bare, marks, err := ParseMarked(text)
		if err != nil {
			t.Fatal(err)
		}
		r := report(t, s, bare)
		var want []string
		for _, m := range marks {
			want = append(want, fmt.Sprintf("%s@0:%d-%d", m.Type, m.Start, m.End))
		}
		if got := places(r); got != strings.Join(want, " ") {
			t.Errorf("%q:\n got %s\nwant %s", bare, got, strings.Join(want, " "))
		}
	}
	if f := report(t, s, "valkyrie").Findings[0]; f.Likelihood != proxy.VeryLikely || f.Groups[0] != Protected || f.Detector != "terms" {
		t.Errorf("a term's finding: %+v", f)
	}
}

func TestManyTerms(t *testing.T) {
	var words []string
	for i := range 50_000 {
		words = append(words, fmt.Sprintf("project code%06d", i))
	}
	s := mustNew(t, Options{Terms: []Terms{{Type: "TERM_X", Words: words}}})
	if got := places(report(t, s, "see Project CODE031415 and project code999999")); got != "TERM_X@0:4-22" {
		t.Errorf("got %q", got)
	}
}

func TestRevision(t *testing.T) {
	d := func(v int) []*Detector {
		x := digitsDetector("d", typ("T", Personal), proxy.Likely)
		x.Version = v
		return []*Detector{x}
	}
	key := []byte("0123456789abcdef")
	terms := func(w ...string) []Terms { return []Terms{{Type: "TERM_X", Words: w}} }
	revs := map[string]string{}
	for name, o := range map[string]Options{
		"base":          {Detectors: d(1)},
		"version":       {Detectors: d(2)},
		"off":           {Detectors: d(1), Off: []string{"T"}},
		"terms":         {Detectors: d(1), Terms: terms("a"), Key: key},
		"other terms":   {Detectors: d(1), Terms: terms("b"), Key: key},
		"other key":     {Detectors: d(1), Terms: terms("a"), Key: []byte("x")},
		"no key, terms": {Detectors: d(1), Terms: terms("a")},
	} {
		r := mustNew(t, o).Revision()
		for other, have := range revs {
			if have == r {
				t.Errorf("%s and %s have the same revision", name, other)
			}
		}
		revs[name] = r
		if len(o.Terms) == 0 || len(o.Key) > 0 {
			if again := mustNew(t, o).Revision(); again != r {
				t.Errorf("%s: the revision changes by itself", name)
			}
		}
	}
	x, y := mustNew(t, Options{Terms: terms("a", "b"), Key: key}), mustNew(t, Options{Terms: terms("b", "a"), Key: key})
	if x.Revision() != y.Revision() {
		t.Error("the order of terms changes the revision")
	}
}

// Long requests are scanned on two cores, with the same answer.
func TestParallelAgrees(t *testing.T) {
	s := mustNew(t, Options{Detectors: []*Detector{digitsDetector("d", typ("T", Personal), proxy.Likely)}})
	var texts []string
	for i := range 40 {
		texts = append(texts, strings.Repeat(fmt.Sprintf("text %d of 1234567 ", i), 700))
	}
	whole := places(report(t, s, texts...))
	var single []string
	for i, x := range texts {
		r := report(t, s, x)
		for _, f := range r.Findings {
			single = append(single, fmt.Sprintf("%s@%d:%d-%d", f.Type, i, f.Start, f.End))
		}
	}
	if whole != strings.Join(single, " ") {
		t.Error("segments scanned together and one by one differ")
	}
}

// Candidates are what the documentation of the shapes says.
func TestShapes(t *testing.T) {
	var got []string
	note := func(kind string) func(*Scan, Candidate) {
		return func(s *Scan, c Candidate) {
			if s.via != "" {
				return // read again as it folds
			}
			x := kind + "(" + s.Text[c.Start:c.End] + ")"
			for i, g := range c.Groups {
				if i > 0 {
					x += string(g.Sep)
				}
				x += fmt.Sprint(g.Len())
			}
			got = append(got, x)
		}
	}
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests = []Interest{
		{Shape: Number, Judge: note("number")},
		{Shape: Mixed, Judge: note("mixed")},
		{Shape: Run, Judge: note("run")},
		{Shape: Prefix, Literals: []string{"sk-", "ghp_"}, Judge: note("prefix")},
		{Shape: Anchor, Literals: []string{"@", "://"}, Judge: note("anchor")},
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	for _, c := range []struct{ text, want string }{
		{"123456 and 1234567", "number(1234567)7"},
		{"(415) 867-5309.", "number(415) 867-5309)3)3-4"},
		{"1.2.3.4 1.2.3", "number(1.2.3.4 1.2.3)1.1.1.1 1.1.1"},
		{"+44 (0)20 79460000", "number(44 (0)20 79460000)2(1)2 8"},
		{"12 - 34 / 567890", "number(12 - 34 / 567890)2w2w6"},
		{"1234567\n7654321  7654321", "number(1234567)7 number(7654321)7 number(7654321)7"},
		{"030\u00a0901\u202f820\u201144", "number(030\u00a0901\u202f820\u201144)3 3 3-2"},
		{"x1234567 1234567x _1234567 1234567_", "mixed(x1234567) mixed(1234567x)"},
		{"12 345 678x", ""},
		{"risk-x task_SK-1 \\nsk-2 xsk-3", "prefix(SK-) prefix(sk-)"},
		{"a@b ://c :/d", "anchor(@) anchor(://)"},
		{"abcd/def_ghi-jkl+mn0 short0 abcdefghijklmnopqrstuvwxyz", "mixed(mn0) run(abcd/def_ghi-jkl+mn0) mixed(short0)"},
		{"\\n1234567", "number(1234567)7"},
	} {
		got = nil
		if c.want == "" {
			if r := report(t, s, c.text); len(got) > 0 && !strings.HasPrefix(got[0], "mixed") {
				t.Errorf("%q: %v (%v)", c.text, got, r.Gaps)
			}
			continue
		}
		report(t, s, c.text)
		if x := strings.Join(got, " "); x != c.want {
			t.Errorf("%q: %s, want %s", c.text, x, c.want)
		}
	}
}

// A run of more groups than one hand-over holds is handed over in parts that
// overlap, so that what lies across a border is seen whole.
func TestLongNumbers(t *testing.T) {
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests[0].Judge = func(s *Scan, c Candidate) {
		for i := 0; i+2 < len(c.Groups); i++ {
			if c.Groups[i].Len() == 3 && c.Groups[i+2].Len() == 4 {
				s.Find(Found{Start: c.Groups[i].Start, End: c.Groups[i+2].End, Type: d.Types[0], Likelihood: proxy.Likely})
			}
		}
	}
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	for lead := maxGroups - 4; lead < maxGroups+4; lead++ {
		text := strings.Repeat("1 ", lead) + "536 22 8765 1"
		if got, want := places(report(t, s, text)), fmt.Sprintf("T@0:%d-%d", 2*lead, 2*lead+11); got != want {
			t.Errorf("%d groups before: %q, want %q", lead, got, want)
		}
	}
}

func TestNear(t *testing.T) {
	card, order := NewCue("card", "social security", "電話"), NewCue("order")
	var got int
	d := digitsDetector("d", typ("T", Personal), proxy.Likely)
	d.Interests[0].Judge = func(s *Scan, c Candidate) { got = s.Lean(card, order, c.Start, c.End) }
	s := mustNew(t, Options{Detectors: []*Detector{d}})
	for _, c := range []struct {
		key, text string
		want      int
	}{
		{"", "card 1234567", 1},
		{"", "discard 1234567", 0},
		{"", "creditCardNo: 1234567", 1},
		{"", "CARD_NUMBER=1234567", 1},
		{"", "1234567 is my card", 1},
		{"", "1234567\nmy card", 0},
		{"", "my card was lost, order 1234567", -1},
		{"", "the order has come. card 1234567", 1},
		{"", "last order\n1234567", 0},
		{"", "card\n1234567", 1},
		{"", "social security no. 1234567", 1},
		{"", "social services security 1234567", 0},
		{"", "電話番号は1234567です", 1},
		{"cardNumber", "1234567", 1},
		{"order_id", "1234567", -1},
		{"", strings.Repeat("filler ", 20) + "1234567", 0},
		{"", "a1card2 1234567", 1},
	} {
		got = 0
		if _, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(c.text), Key: proxy.NewText(c.key)}}); err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("key %q, text %q: %d, want %d", c.key, c.text, got, c.want)
		}
	}
}

func TestParseMarked(t *testing.T) {
	text, marks, err := ParseMarked("a [[X|1]] b [[possible Y_2|two]] [[synthetic Z|3]] [[not a mark]] x[[0]|y")
	if err != nil || text != "a 1 b two 3 [[not a mark]] x[[0]|y" {
		t.Fatalf("%q, %v", text, err)
	}
	want := []Mark{{2, 3, "X", 0, false}, {6, 9, "Y_2", proxy.Possible, false}, {10, 11, "Z", 0, true}}
	if fmt.Sprint(marks) != fmt.Sprint(want) {
		t.Errorf("marks %v, want %v", marks, want)
	}
	for _, bad := range []string{"[[X|open", "[[perhaps X|1]]"} {
		if _, _, err := ParseMarked(bad); !errors.Is(err, errMarked) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Nothing that comes out of a suite can be made to show content.
func TestNoContent(t *testing.T) {
	const word = "7654321"
	s := mustNew(t, Options{Detectors: []*Detector{digitsDetector("d", typ("T", Personal), proxy.Likely)}, Terms: []Terms{{Type: "TERM_X", Words: []string{"Valkyrie"}}}})
	segs := []proxy.Segment{{Text: proxy.NewText("Valkyrie " + word), Key: proxy.NewText("key" + word)}}
	r, err := s.Classify(context.Background(), segs)
	if err != nil || len(r.Findings) != 2 {
		t.Fatal(err, len(r.Findings))
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "report", r, "suite", s.Types(), "segments", segs)
	j, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	scan := s.scans.Get()
	for _, out := range []string{log.String(), string(j), fmt.Sprintf("%+v %#v %v", r, r, segs), fmt.Sprintf("%+v", scan), fmt.Sprintf("%+v", s.terms)} {
		if strings.Contains(out, word) || strings.Contains(strings.ToLower(out), "valkyrie") {
			t.Error("content in what a suite gives or keeps")
		}
	}
}
