package address

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers/internal/lanes"
	"github.com/ostiary/ostiary/proxy"
)

// Whole prompts in 13 languages: a mark is found where a finding at likely and
// above overlaps it, exact where the spans are the same.
func TestPrompts(t *testing.T) {
	s := lanes.Suite(t, Detectors()...)
	total, found, exact, extra, negatives, hit := 0, 0, 0, 0, 0, 0
	lanes.Prompts(t, func(line int, p lanes.Prompt) {
		list := slices.DeleteFunc(lanes.Classify(t, s, lanes.Text(p.Text)), func(f proxy.Finding) bool {
			return f.Likelihood < proxy.Likely || f.Type != "STREET_ADDRESS"
		})
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			ok, same := false, false
			for i, f := range list {
				if sp.Overlaps(f) && sp.Type == "STREET_ADDRESS" {
					ok, used[i] = true, true
					same = same || f.Start == sp.Start && f.End == sp.End
				}
			}
			if sp.Type != "STREET_ADDRESS" {
				continue
			}
			total++
			switch {
			case same:
				found++
				exact++
			case ok:
				found++
				t.Logf("prompts:%d (%s, %s): other span", line, p.Lang, p.Kind)
			default:
				t.Logf("prompts:%d (%s, %s): missed", line, p.Lang, p.Kind)
			}
		}
		bad := false
		for i := range list {
			if !used[i] {
				extra++
				bad = true
				t.Logf("prompts:%d (%s, %s, %s): not marked", line, p.Lang, p.Kind, p.Expect)
			}
		}
		if p.Expect == "negative" {
			negatives++
			if bad {
				hit++
			}
		}
	})
	t.Logf("%d of %d found, %d exactly; %d not marked; look-alikes: %d of %d hit", found, total, exact, extra, hit, negatives)
	if total == 0 || negatives == 0 || found*100 < total*95 || hit*100 > negatives*2 {
		t.Errorf("%d of %d found, %d of %d look-alikes hit; 95%% and 2%% wanted", found, total, hit, negatives)
	}
}

// American addresses, one a line: those that have a number, a name and a kind
// of street, or a box, are found.
func TestUSAddresses(t *testing.T) {
	tag := regexp.MustCompile(`<(/?)([A-Za-z]+)>`)
	s := lanes.Suite(t, Street)
	for _, set := range []struct {
		file  string
		floor int // per cent
	}{{"labeled.xml", 80}, {"us50_train_tagged.xml", 90}, {"synthetic_clean_osm_data.xml", 90}} {
		total, found := 0, 0
		lanes.Lines(t, lanes.Data(t, "names", "usaddress", set.file), func(line int, b []byte) {
			row := string(b)
			if !strings.Contains(row, "<AddressString>") || !strings.Contains(row, "<AddressNumber>") || !strings.Contains(row, "<StreetNamePostType>") {
				return
			}
			if line%8 != 0 && set.file == "synthetic_clean_osm_data.xml" {
				return
			}
			text := strings.TrimSpace(html.UnescapeString(tag.ReplaceAllString(row, "")))
			total++
			for _, f := range lanes.Classify(t, s, lanes.Text(text)) {
				if f.Likelihood >= proxy.Possible {
					found++
					return
				}
			}
			if testing.Verbose() {
				t.Logf("%s:%d: missed", set.file, line)
			}
		})
		t.Logf("%s: %d of %d found", set.file, found, total)
		if total == 0 || found*100 < total*set.floor {
			t.Errorf("%s: %d of %d found, %d%% recorded", set.file, found, total, set.floor)
		}
	}
}

// Harmless prompts hold one address in 10,000 tokens at most.
func TestHarmlessPrompts(t *testing.T) {
	s := lanes.Suite(t, Detectors()...)
	size := 0
	types := map[string]int{}
	lanes.HarmlessPrompts(t, func(file string, line int, segs []proxy.Segment) {
		for _, x := range segs {
			size += x.Text.Len()
		}
		for _, f := range lanes.Classify(t, s, segs...) {
			if f.Likelihood >= proxy.Likely {
				types[f.Type]++
				t.Logf("%s:%d: %s", file, line, f.Type)
			}
		}
	})
	t.Logf("%v", types)
	if rate := lanes.Rate(types["STREET_ADDRESS"], size); rate > 1 {
		t.Errorf("%.2f addresses in 10,000 tokens", rate)
	}
}

// Source code holds none: a part of the standard library of Go.
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
	if rate := lanes.Rate(n["STREET_ADDRESS"], size); rate > 0.1 {
		t.Errorf("%.2f addresses in 10,000 tokens of code", rate)
	}
}
