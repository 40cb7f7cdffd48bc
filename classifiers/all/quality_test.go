package all

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
)

var (
	writeQuality = flag.String("quality", "", "file to write the table of quality to")
	writeFloors  = flag.Bool("floors", false, "record what is measured as the floors that later runs may not fall below")
)

// figure is one measured share or rate.
type figure struct {
	section, name string
	value         float64
	count         int    // cases that it is of
	goal          string // as the issue states it, or empty
	rate          bool   // findings per 10,000 tokens: the less the better
}

func (f figure) key() string { return f.section + ": " + f.name }

func (f figure) String() string {
	if f.rate {
		return fmt.Sprintf("%.2f", f.value)
	}
	return fmt.Sprintf("%.1f %%", 100*f.value)
}

// measured collects the figures of one run.
type measured struct{ list []figure }

func (m *measured) share(section, name string, hit, of int, goal string) {
	if of == 0 {
		return
	}
	m.list = append(m.list, figure{section, name, float64(hit) / float64(of), of, goal, false})
}

func (m *measured) value(section, name string, v float64, of int, goal string) {
	m.list = append(m.list, figure{section, name, v, of, goal, false})
}

// perTokens records findings per 10,000 tokens of four bytes.
func (m *measured) perTokens(section, name string, findings, bytes int, goal string) {
	m.list = append(m.list, figure{section, name, float64(findings) / (float64(bytes) / 4) * 10_000, bytes / 4, goal, true})
}

// floorsFile holds what was measured last. A share may not fall below it, a rate
// not rise above it.
const floorsFile = "testdata/floors.json"

// TestQuality measures every development set and holds the figures to what was
// recorded. With -quality FILE it writes the table, with -floors it records.
func TestQuality(t *testing.T) {
	dir := dataDir(t)
	var m measured
	for _, part := range []func(*testing.T, string, *measured){
		validators, recognisers, prompts, secretFixtures, sentences, nameSets, disguises, clean,
	} {
		part(t, dir, &m)
	}
	if *writeFloors {
		floors := map[string]float64{}
		for _, f := range m.list {
			floors[f.key()] = f.value
		}
		b, err := json.MarshalIndent(floors, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(floorsFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(floorsFile)
	if err != nil {
		t.Fatal("no floors are recorded: run this test with -floors")
	}
	var floors map[string]float64
	if err := json.Unmarshal(b, &floors); err != nil {
		t.Fatal(err)
	}
	const same = 1e-9
	for _, f := range m.list {
		floor, ok := floors[f.key()]
		switch {
		case !ok:
			t.Errorf("%s: %s, and nothing is recorded: run this test with -floors", f.key(), f)
		case !f.rate && f.value < floor-same, f.rate && f.value > floor+same:
			t.Errorf("%s: %s; recorded is %s", f.key(), f, figure{value: floor, rate: f.rate})
		}
		delete(floors, f.key())
	}
	for _, k := range sortedKeys(floors) {
		t.Errorf("%s is recorded and was not measured", k)
	}
	if *writeQuality != "" {
		if err := os.WriteFile(*writeQuality, []byte(m.table()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d figures\n%s", len(m.list), m.table())
}

// table writes the figures as Markdown.
func (m *measured) table() string {
	var b strings.Builder
	b.WriteString("# What the detectors find, and what they do not\n\n")
	b.WriteString("Measured by `make quality` on the development sets named in each heading; the tests hold every figure to what\n")
	b.WriteString("is recorded here. Found means at `likely` or above and overlapping what is marked, unless a heading says otherwise.\n")
	section := ""
	for _, f := range m.list {
		if f.section != section {
			section = f.section
			fmt.Fprintf(&b, "\n## %s\n\n| | cases | measured | goal |\n|---|---:|---:|---|\n", section)
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", f.name, f.count, f, f.goal)
	}
	return b.String()
}

func byName[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}
