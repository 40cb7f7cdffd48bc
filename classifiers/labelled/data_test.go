package labelled

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"go/build"
	"io"
	"os"
	"path/filepath"
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

// floors are what is wanted of the types that this room answers for, in per
// cent of the marks; PERSON and AGE stand in running text too, where the tagger
// and context find them, and are recorded.
var floors = map[string]int{"DATE_OF_BIRTH": 95, "PERSON": 63, "AGE": 90}

// Whole prompts in 13 languages: a mark is found where a finding of its type at
// likely and above overlaps it.
func TestPrompts(t *testing.T) {
	s := suite(t)
	total, found, exact := map[string]int{}, map[string]int{}, map[string]int{}
	extra := map[string]int{}
	lines(t, filepath.Join(dataDir(t), "prompts", "prompts.jsonl.gz"), func(line int, b []byte) {
		var p prompt
		if json.Unmarshal(b, &p) != nil {
			t.Fatalf("prompts:%d: not a line of the form expected", line)
		}
		at := bytesAt(p.Text)
		list := slices.DeleteFunc(classify(t, s, p.Text), func(f proxy.Finding) bool { return f.Likelihood < proxy.Likely })
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			ok, same := false, false
			for i, f := range list {
				if f.Start < at[sp.End] && at[sp.Start] < f.End && f.Type == sp.Type {
					ok, used[i] = true, true
					same = same || f.Start == at[sp.Start] && f.End == at[sp.End]
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

// Harmless prompts: what is found, by type.
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
						if f.Type == "PERSON" || f.Type == "USERNAME" || f.Type == "DATE_OF_BIRTH" {
							n++
						}
					}
				}
			}
		})
		t.Logf("%s: %v", name, types)
	}
	// The questions of gsm8k are full of first names: what is found is recorded.
	t.Logf("%d names, user names and dates of birth in %d bytes", n, size)
}

// Source code holds nearly none: the standard library of Go, as far as it is here.
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
	if rate := float64(n["PERSON"]+n["USERNAME"]+n["DATE_OF_BIRTH"]) / (float64(size) / 4) * 10000; rate > 0.2 {
		t.Errorf("%.2f names, user names and dates of birth in 10,000 tokens of code", rate)
	}
}
