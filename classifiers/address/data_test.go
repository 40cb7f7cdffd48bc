package address

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"go/build"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// The development data lies beside the repository and is no part of it. Where
// it is not there these tests are skipped; where a file of it is missing they
// fail. Messages name a file and a line, never a value.

func dataDir(t testing.TB) string {
	t.Helper()
	data, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "data"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(data); err != nil {
		t.Skip("no ../shared/data: development cases not run")
	}
	return data
}

// lines reads the lines of a file, unpacked where its name ends in .gz.
func lines(t testing.TB, name string, each func(line int, b []byte)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal("a file of the development data is missing: " + filepath.Base(name))
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<16), 16<<20)
	n := 0
	for sc.Scan() {
		n++
		each(n, sc.Bytes())
	}
	if sc.Err() != nil || n == 0 {
		t.Fatalf("%s: unreadable or empty", filepath.Base(name))
	}
}

type prompt struct {
	Lang   string `json:"lang"`
	Kind   string `json:"kind"`
	Text   string `json:"text"`
	Expect string `json:"expect"`
	Spans  []struct {
		Start int    `json:"start"`
		End   int    `json:"end"`
		Type  string `json:"type"`
	} `json:"spans"`
}

// bytesAt maps code points to bytes.
func bytesAt(text string) []int {
	var at []int
	for i := range text {
		at = append(at, i)
	}
	return append(at, len(text))
}

// Whole prompts in 13 languages: a mark is found where a finding at likely and
// above overlaps it, exact where the spans are the same.
func TestPrompts(t *testing.T) {
	s := suite(t)
	total, found, exact, extra, negatives, hit := 0, 0, 0, 0, 0, 0
	lines(t, filepath.Join(dataDir(t), "prompts", "prompts.jsonl.gz"), func(line int, b []byte) {
		var p prompt
		if json.Unmarshal(b, &p) != nil {
			t.Fatalf("prompts:%d: not a line of the form expected", line)
		}
		at := bytesAt(p.Text)
		list := slices.DeleteFunc(classify(t, s, p.Text), func(f proxy.Finding) bool {
			return f.Likelihood < proxy.Likely || f.Type != "STREET_ADDRESS"
		})
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			ok, same := false, false
			for i, f := range list {
				if f.Start < at[sp.End] && at[sp.Start] < f.End && sp.Type == "STREET_ADDRESS" {
					ok, used[i] = true, true
					same = same || f.Start == at[sp.Start] && f.End == at[sp.End]
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
	s := suite(t, Street)
	for _, set := range []struct {
		file  string
		floor int // per cent
	}{{"labeled.xml", 80}, {"us50_train_tagged.xml", 90}, {"synthetic_clean_osm_data.xml", 90}} {
		total, found := 0, 0
		lines(t, filepath.Join(dataDir(t), "names", "usaddress", set.file), func(line int, b []byte) {
			row := string(b)
			if !strings.Contains(row, "<AddressString>") || !strings.Contains(row, "<AddressNumber>") || !strings.Contains(row, "<StreetNamePostType>") {
				return
			}
			if line%8 != 0 && set.file == "synthetic_clean_osm_data.xml" {
				return
			}
			text := strings.TrimSpace(html.UnescapeString(tag.ReplaceAllString(row, "")))
			total++
			for _, f := range classify(t, s, text) {
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

// leaves lists every string of a JSON value.
func leaves(v any, out *[]string) {
	switch v := v.(type) {
	case string:
		*out = append(*out, v)
	case []any:
		for _, x := range v {
			leaves(x, out)
		}
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			leaves(v[k], out)
		}
	}
}

// Harmless prompts hold one address in 10,000 tokens at most.
func TestHarmlessPrompts(t *testing.T) {
	s := suite(t)
	n, size := 0, 0
	for _, name := range []string{"gsm8k_train.jsonl", "mt_bench_question.jsonl", "user_oriented_instructions.jsonl"} {
		types := map[string]int{}
		lines(t, filepath.Join(dataDir(t), "negatives", name), func(line int, b []byte) {
			var v any
			if json.Unmarshal(b, &v) != nil {
				t.Fatalf("%s:%d: unreadable", name, line)
			}
			var texts []string
			leaves(v, &texts)
			for _, text := range texts {
				size += len(text)
				for _, f := range classify(t, s, text) {
					if f.Likelihood >= proxy.Likely {
						types[f.Type]++
						if f.Type == "STREET_ADDRESS" {
							n++
						}
						t.Logf("%s:%d: %s", name, line, f.Type)
					}
				}
			}
		})
		t.Logf("%s: %v", name, types)
	}
	if rate := float64(n) / (float64(size) / 4) * 10000; rate > 1 {
		t.Errorf("%.2f addresses in 10,000 tokens", rate)
	}
}

// Source code holds none: the standard library of Go, as far as it is here.
func TestCode(t *testing.T) {
	root := filepath.Join(build.Default.GOROOT, "src")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no sources of the standard library here")
	}
	s := suite(t)
	n, size := map[string]int{}, 0
	for _, dir := range []string{"net", "net/http", "encoding/json", "time", "go/types", "strconv", "crypto/tls", "html/template"} {
		files, _ := filepath.Glob(filepath.Join(root, dir, "*.go"))
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			size += len(b)
			for _, f := range classify(t, s, string(b)) {
				if f.Likelihood >= proxy.Likely {
					n[f.Type]++
					t.Logf("%s at %d: %s", filepath.Base(name), f.Start, f.Type)
				}
			}
		}
	}
	if size == 0 {
		t.Skip("no sources of the standard library here")
	}
	t.Logf("%v in %d bytes", n, size)
	if float64(n["STREET_ADDRESS"]) > float64(size)/4/10000/10 {
		t.Errorf("%d addresses in %d bytes of code", n["STREET_ADDRESS"], size)
	}
}
