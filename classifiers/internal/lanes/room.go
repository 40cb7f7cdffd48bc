package lanes

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// Floors and ceilings of a room.
const (
	recogniserFloor = 98  // per cent of the recogniser cases
	promptFloor     = 970 // thousandths of the marks of a type, where the room says nothing else
	maxLookAlikes   = 2   // per cent of the look-alikes with a finding
	maxRate         = 1.0 // findings in 10,000 tokens of clean text
	maxLogged       = 40  // findings in code that are logged
)

// maxPerByte is the time for a byte of the densest text, in nanoseconds: texts
// that are nothing but findings, measured on a busy machine.
const maxPerByte = 3000

const (
	attempts = 10                   // at measuring: a busy machine spoils one now and then
	shortest = 5 * time.Millisecond // below which growth is not judged
)

// Room is what the lanes are told of a room.
type Room struct {
	Detectors   []*classifiers.Detector
	Recognisers map[string]string // types by the file of recogniser cases
	Floors      map[string]int    // thousandths of the marks of a type that are found; 970 where a type is not named
	Only        string            // where set, findings of other groups on a mark are no matter
	Said        []string          // the ways in which people write it: marks found more or less
	Hostile     []string          // units that a judge with walks of its own could take long over
	Key         string            // a key of JSON that changes what a value is
}

// RunTogether checks that nothing is found, at likely and not synthetic, in the
// near-misses of another detector but what that one marks too.
func (r Room) RunTogether(t *testing.T) {
	s := Suite(t, r.Detectors...)
	for _, d := range r.Detectors {
		for i, sample := range d.NearMisses {
			bare, marks := Parse(t, sample)
			for _, f := range Classify(t, s, Text(bare)) {
				if f.Likelihood >= proxy.Likely && !f.Synthetic && !slices.ContainsFunc(marks, func(m classifiers.Mark) bool { return m.Start < f.End && f.Start < m.End }) {
					t.Errorf("%s, near-miss %d: %s (%s) at %d-%d", d.Name, i, f.Type, f.Likelihood, f.Start, f.End)
				}
			}
		}
	}
}

// RunSaid checks that every mark is found by its type at likely, more or less of
// it.
func (r Room) RunSaid(t *testing.T) {
	s := Suite(t, r.Detectors...)
	for _, marked := range r.Said {
		bare, marks := Parse(t, marked)
		found := Classify(t, s, Text(bare))
		for _, m := range marks {
			if !slices.ContainsFunc(found, func(f proxy.Finding) bool {
				return f.Type == m.Type && f.Start < m.End && m.Start < f.End && f.Likelihood >= proxy.Likely
			}) {
				t.Errorf("%q: %s at %d-%d is missed", bare, m.Type, m.Start, m.End)
			}
		}
	}
}

// RunHarmless checks that nothing that matters is found in the harmless texts of
// any room.
func (r Room) RunHarmless(t *testing.T) {
	s := Suite(t, r.Detectors...)
	for _, in := range harmless {
		for _, f := range Classify(t, s, Text(in)) {
			if Matters(f) {
				t.Errorf("%q: %s (%s, %+v) at %d-%d", in, f.Type, f.Likelihood, f.Evidence, f.Start, f.End)
			}
		}
	}
}

// RunRecogniserCases checks bare tokens without context, at very_unlikely: the
// number of findings and their places.
func (r Room) RunRecogniserCases(t *testing.T) {
	type testCase struct {
		File string `json:"file"`
		Case struct {
			Text      json.RawMessage `json:"text"`
			Len       *int            `json:"expected_len"`
			Positions [][2]int        `json:"expected_positions"`
			Res       [][2]int        `json:"expected_res"`
		} `json:"case"`
	}
	s := Suite(t, r.Detectors...)
	total, right := map[string]int{}, map[string]int{}
	JSONLines(t, Data(t, "presidio", "recognizer-cases.jsonl"), func(line int, c testCase) {
		typ := r.Recognisers[c.File]
		var in string
		if typ == "" || c.Case.Len == nil || json.Unmarshal(c.Case.Text, &in) != nil {
			return
		}
		total[typ]++
		found := slices.DeleteFunc(Classify(t, s, Text(in)), func(f proxy.Finding) bool { return f.Type != typ })
		ok := len(found) == *c.Case.Len
		want := append(c.Case.Positions, c.Case.Res...)
		for i := 0; ok && i < len(want) && i < len(found); i++ {
			ok = [2]int{utf8.RuneCountInString(in[:found[i].Start]), utf8.RuneCountInString(in[:found[i].End])} == want[i]
		}
		if ok {
			right[typ]++
			return
		}
		t.Logf("recognizer-cases.jsonl:%d: %s: %d findings, %d expected, or other places", line, typ, len(found), *c.Case.Len)
	})
	for file, typ := range r.Recognisers {
		t.Logf("%s: %d of %d", typ, right[typ], total[typ])
		if total[typ] == 0 {
			t.Errorf("no case of %s was run", file)
		}
		if right[typ]*100 < total[typ]*recogniserFloor {
			t.Errorf("%s: %d of %d recogniser cases right, %d%% wanted", typ, right[typ], total[typ], recogniserFloor)
		}
	}
}

// RunPrompts checks whole prompts in 13 languages: marks of the room's types are
// found at likely, and few look-alikes have a finding of a group that matters.
func (r Room) RunPrompts(t *testing.T) {
	s := Suite(t, r.Detectors...)
	ours := map[string]bool{}
	for _, ty := range s.Types() {
		ours[ty.Name] = true
	}
	total, found, extra := map[string]int{}, map[string]int{}, map[string]int{}
	negatives, hit := 0, 0
	Prompts(t, func(line int, p Prompt) {
		list := Classify(t, s, Text(p.Text))
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			ok := false
			for i, f := range list {
				if sp.Overlaps(f) {
					used[i] = used[i] || f.Type == sp.Type || r.Only != "" && !slices.Contains(f.Groups, r.Only)
					ok = ok || f.Type == sp.Type && f.Likelihood >= proxy.Likely && (p.Expect != "synthetic" || f.Synthetic)
				}
			}
			if !ours[sp.Type] {
				continue
			}
			total[sp.Type]++
			if ok {
				found[sp.Type]++
			} else {
				t.Logf("prompts:%d (%s, %s, %s): %s missed", line, p.Lang, p.Kind, p.Expect, sp.Type)
			}
		}
		bad := false
		for i, f := range list {
			if !used[i] && f.Likelihood >= proxy.Likely && !f.Synthetic {
				extra[p.Expect+" "+f.Type]++
				bad = bad || Matters(f)
				if testing.Verbose() {
					t.Logf("prompts:%d (%s, %s, %s): %s %s not marked (%+v)", line, p.Lang, p.Kind, p.Expect, f.Type, f.Likelihood, f.Evidence)
				}
			}
		}
		if p.Expect == "negative" {
			negatives++
			if bad {
				hit++
			}
		}
	})
	for typ, n := range total {
		floor := promptFloor
		if f, ok := r.Floors[typ]; ok {
			floor = f
		}
		t.Logf("%s: %d of %d", typ, found[typ], n)
		if found[typ]*1000 < n*floor {
			t.Errorf("%s: %d of %d marks found, %d thousandths wanted", typ, found[typ], n, floor)
		}
	}
	if len(total) == 0 || negatives == 0 {
		t.Fatal("a kind of prompt is missing from the data")
	}
	t.Logf("look-alikes: %d of %d hit; not marked: %v", hit, negatives, extra)
	if hit*100 > negatives*maxLookAlikes {
		t.Errorf("look-alikes: %d of %d hit, %d%% wanted at most", hit, negatives, maxLookAlikes)
	}
}

// RunHarmlessPrompts checks the rate of findings that matter in prompts without
// a person in them.
func (r Room) RunHarmlessPrompts(t *testing.T) {
	s := Suite(t, r.Detectors...)
	size, n := map[string]int{}, map[string]int{}
	HarmlessPrompts(t, func(file string, line int, segs []proxy.Segment) {
		for _, x := range segs {
			size[file] += x.Text.Len()
		}
		for _, f := range Classify(t, s, segs...) {
			if Matters(f) {
				n[file]++
				t.Logf("%s:%d: %s (%s, %+v)", file, line, f.Type, f.Likelihood, f.Evidence)
			}
		}
	})
	for file, bytes := range size {
		checkRate(t, file, n[file], bytes)
	}
}

// RunCode checks the rate of findings that matter in the Go standard library.
func (r Room) RunCode(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many megabytes")
	}
	s := Suite(t, r.Detectors...)
	n := 0
	types := map[string]int{}
	size := Code(t, true, func(name, text string) {
		for _, f := range Classify(t, s, Text(text)) {
			if Matters(f) {
				n++
				types[f.Type]++
				if n <= maxLogged {
					t.Logf("%s:%d: %s (%s, %+v)", name, 1+strings.Count(text[:f.Start], "\n"), f.Type, f.Likelihood, f.Evidence)
				}
			}
		}
	})
	t.Logf("%v", types)
	checkRate(t, "standard library", n, size)
}

func checkRate(t *testing.T, name string, n, size int) {
	t.Helper()
	per := Rate(n, size)
	t.Logf("%s: %d findings in %d bytes, %.3f per 10,000 tokens", name, n, size, per)
	if per > maxRate {
		t.Errorf("%s: %.3f findings per 10,000 tokens, %.1f wanted at most", name, per, maxRate)
	}
}

// hostile are texts of n bytes that a judge with walks of its own could take
// long over: the room's units and its positives, repeated.
func (r Room) hostile(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	m := map[string]string{}
	for _, d := range r.Detectors {
		for _, p := range d.Positives {
			if bare, _, err := classifiers.ParseMarked(p); err == nil {
				m[d.Name+" "+bare] = rep(bare + "\n")
			}
		}
	}
	for _, s := range r.Hostile {
		m[s] = rep(s)
	}
	return m
}

// RunLinear checks that four times the text takes about four times as long,
// whatever it is made of.
func (r Room) RunLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := Suite(t, r.Detectors...)
	const small, factor = 16 << 10, 4
	best := func(in string) time.Duration {
		segs := []proxy.Segment{Text(in)}
		b := time.Duration(1 << 62)
		for range 4 {
			from := time.Now()
			if _, err := s.Classify(context.Background(), segs); err != nil { // gaps are as they may be
				t.Fatal(err)
			}
			b = min(b, time.Since(from))
		}
		return b
	}
	short, long := r.hostile(small), r.hostile(small*factor)
names:
	for name := range short {
		var per, ratio float64
		for range attempts {
			a, b := best(short[name]), best(long[name])
			per, ratio = float64(b.Nanoseconds())/(small*factor), float64(b)/float64(a)
			if per < maxPerByte*Slowdown && (ratio < 3*factor || b < Slowdown*shortest) {
				continue names
			}
		}
		t.Errorf("%.20q: %.0f ns per byte, %d times the text takes %.1f times as long", name, per, factor, ratio)
	}
}

// Fuzz checks that no input panics, and that findings are inside the text, on
// the bounds of its characters.
func (r Room) Fuzz(f *testing.F) {
	for _, in := range r.hostile(200) {
		f.Add(in, r.Key)
	}
	s := Suite(f, r.Detectors...)
	f.Fuzz(func(t *testing.T, in, key string) {
		CheckBounds(t, in, Classify(t, s, proxy.Segment{Text: proxy.NewText(in), Key: proxy.NewText(key)}))
	})
}

// CheckBounds checks that findings are inside a text, on the bounds of its
// characters where it is valid UTF-8.
func CheckBounds(t *testing.T, in string, found []proxy.Finding) {
	t.Helper()
	for _, x := range found {
		if x.Start < 0 || x.Start >= x.End || x.End > len(in) {
			t.Fatalf("%s at %d-%d of %d bytes", x.Type, x.Start, x.End, len(in))
		}
		if utf8.ValidString(in) && (!utf8.RuneStart(in[x.Start]) || x.End < len(in) && !utf8.RuneStart(in[x.End])) {
			t.Fatalf("%s cuts a character", x.Type)
		}
	}
}

// BenchProse measures the room on prose, and each detector alone, beside a walk
// with nothing to find.
func (r Room) BenchProse(b *testing.B) {
	walk := Idle(classifiers.Interest{Shape: classifiers.Prefix, Literals: []string{"zzzzzz"}}, r.Detectors[0].Types[0])
	sets := map[string][]*classifiers.Detector{"walk": {walk}, "room": r.Detectors}
	for _, d := range r.Detectors {
		sets[d.Name] = []*classifiers.Detector{d}
	}
	BenchProse(b, sets)
}
