package names

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// data gives the folder of the shared data, or skips.
func data(t *testing.T, path ...string) string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no ../shared/data: names were not measured")
	}
	return filepath.Join(append([]string{root}, path...)...)
}

type prompt struct {
	ID, Lang, Kind, Text, Expect string
	Spans                        []struct {
		Start, End int
		Type       string
	}
}

func (p *prompt) template() string { return p.ID[:max(0, strings.LastIndexByte(p.ID, '-'))] }

// held reports whether the trainer leaves the template out; it decides alike.
func (p *prompt) held() bool {
	h := fnv.New32a()
	h.Write([]byte(p.template()))
	return h.Sum32()%3 == 0
}

// persons gives the bytes of the persons.
func (p *prompt) persons() (out [][2]int) {
	at := []int{}
	for i := range p.Text {
		at = append(at, i)
	}
	at = append(at, len(p.Text))
	for _, s := range p.Spans {
		if s.Type == "PERSON" {
			out = append(out, [2]int{at[s.Start], at[s.End]})
		}
	}
	return out
}

func prompts(t *testing.T) []prompt {
	f, err := os.Open(data(t, "prompts", "prompts.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []prompt
	for d := json.NewDecoder(z); ; {
		var p prompt
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
}

type tally struct {
	docs, seen             int // with a person, and of which one is found
	gold, touched, right   int
	found, good            int
	negatives, flagged, fp int
	bytes                  int
}

func (c *tally) String() string {
	p, r := ratio(c.right, c.found), ratio(c.right, c.gold)
	return fmt.Sprintf("docs %4d recall %.3f | spans %4d touched %.3f | strict P %.3f R %.3f F1 %.3f | P(touch) %.3f | clean %d, flagged %d, %.2f per 1,000 tokens",
		c.docs, ratio(c.seen, c.docs), c.gold, ratio(c.touched, c.gold), p, r, 2*p*r/max(p+r, 1e-9), ratio(c.good, c.found), c.negatives, c.flagged, 4000*ratio(c.fp, c.bytes))
}

func (c *tally) f1() float64 { return 2 * float64(c.right) / float64(max(c.found+c.gold, 1)) }

func ratio(a, b int) float64 { return float64(a) / float64(max(b, 1)) }

// add measures one prompt.
func (c *tally) add(t *testing.T, s *classifiers.Suite, text string, gold [][2]int) (missed, wrong [][2]int) {
	var got [][2]int
	for _, f := range find(t, s, text) {
		if f.Type == "PERSON" && f.Likelihood >= proxy.Likely {
			got = append(got, [2]int{f.Start, f.End})
		}
	}
	if len(gold) == 0 {
		c.negatives++
		c.bytes += len(text)
		c.fp += len(got)
		if len(got) > 0 {
			c.flagged++
		}
		return nil, got
	}
	c.docs++
	any := false
	for _, g := range gold {
		c.gold++
		hit := false
		for _, f := range got {
			if f[0] < g[1] && g[0] < f[1] {
				hit = true
			}
			if f == g {
				c.right++
			}
		}
		if hit {
			c.touched++
			any = true
		} else {
			missed = append(missed, g)
		}
	}
	if any {
		c.seen++
	}
	for _, f := range got {
		c.found++
		ok := false
		for _, g := range gold {
			ok = ok || f[0] < g[1] && g[0] < f[1]
		}
		if ok {
			c.good++
		} else {
			wrong = append(wrong, f)
		}
	}
	return missed, wrong
}

// openKinds are prompts on public persons, whose names are not judged.
var openKinds = []string{"public_figure", "company_news", "ambiguous_names"}

func TestPrompts(t *testing.T) {
	s := suite(t)
	by := map[string]*tally{}
	get := func(k string) *tally {
		if by[k] == nil {
			by[k] = &tally{}
		}
		return by[k]
	}
	verbose := os.Getenv("NAMES_SHOW")
	for _, p := range prompts(t) {
		if slices.Contains(openKinds, p.Kind) {
			continue
		}
		part := "learnt"
		if p.held() || p.Lang == "ja" || p.Lang == "zh" {
			part = "held"
		}
		gold := p.persons()
		missed, wrong := get("all "+part).add(t, s, p.Text, gold)
		get(p.Lang+" "+part).add(t, s, p.Text, gold)
		if verbose != "" && strings.Contains(p.Lang+" "+part, verbose) {
			for _, m := range missed {
				fmt.Printf("MISS %s %q\n", p.ID, p.Text[max(0, m[0]-40):min(len(p.Text), m[1]+20)])
			}
			for _, m := range wrong {
				fmt.Printf("WRONG %s %q <%s>\n", p.ID, p.Text[max(0, m[0]-40):min(len(p.Text), m[1]+20)], p.Text[m[0]:m[1]])
			}
		}
		if p.Lang != "ja" && p.Lang != "zh" {
			if low := strings.ToLower(p.Text); len(low) == len(p.Text) {
				get("small "+part).add(t, s, low, gold)
			}
			if up := strings.ToUpper(p.Text); len(up) == len(p.Text) {
				get("CAPS "+part).add(t, s, up, gold)
			}
		}
	}
	for _, k := range sortedKeys(by) {
		t.Logf("%-14s %v", k, by[k])
	}
	// Of templates that were not learnt from; what a label names is another
	// detector's.
	for k, floor := range map[string]struct{ docs, f1 float64 }{"all held": {0.89, 0.87}, "small held": {0.80, 0.76}, "CAPS held": {0.79, 0.75}, "zh held": {0.9, 0.85}, "ja held": {0.9, 0.85}} {
		c := by[k]
		if docs, f1 := ratio(c.seen, c.docs), c.f1(); docs < floor.docs || f1 < floor.f1 {
			t.Errorf("%s: recall of documents %.3f, F1 %.3f", k, docs, f1)
		}
	}
	if c := by["all held"]; ratio(c.flagged, c.negatives) > 0.04 {
		t.Errorf("%d of %d prompts without persons are flagged", c.flagged, c.negatives)
	}
}

func sortedKeys(m map[string]*tally) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestCode: the Go standard library has next to no persons.
func TestCode(t *testing.T) {
	root := filepath.Join(build.Default.GOROOT, "src")
	var files []string
	filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".go") && !strings.Contains(p, "testdata") {
			files = append(files, p)
		}
		return nil
	})
	if len(files) < 1000 {
		t.Skip("no sources of the standard library")
	}
	s := suite(t)
	var c tally
	for i, f := range files {
		if i%40 != 3 {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		text := string(b[:min(len(b), 100<<10)])
		_, wrong := c.add(t, s, text, nil)
		if os.Getenv("NAMES_SHOW") == "code" {
			for _, m := range wrong {
				fmt.Printf("WRONG %s %q <%s>\n", filepath.Base(f), text[max(0, m[0]-40):min(len(text), m[1]+20)], text[m[0]:m[1]])
			}
		}
	}
	t.Logf("Go: %v", &c)
	if rate := 4000 * ratio(c.fp, c.bytes); rate > 0.2 {
		t.Errorf("%.2f persons per 1,000 tokens of code", rate)
	}
	for _, n := range []string{"code.txt", "logs.txt"} {
		b, err := os.ReadFile(filepath.Join("..", "testdata", n))
		if err != nil {
			t.Fatal(err)
		}
		var c tally
		_, wrong := c.add(t, s, string(b), nil)
		t.Logf("%s: %v", n, &c)
		if os.Getenv("NAMES_SHOW") == "code" {
			for _, m := range wrong {
				fmt.Printf("WRONG %s %q <%s>\n", n, b[max(0, m[0]-40):min(len(b), m[1]+20)], b[m[0]:m[1]])
			}
		}
	}
}
