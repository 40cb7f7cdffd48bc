package health

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// The development data lies beside the repository and is no part of it. Where
// it is not there these tests are skipped; where a file of it is missing they
// fail. Messages name a file and a line, never a value.

func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above")
		}
		dir = up
	}
	data := filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no ../shared/data: development cases not run")
	}
	return data
}

// lines reads JSON lines, unpacked where the name ends in .gz.
func lines[T any](t testing.TB, name string, each func(line int, v T)) {
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
		var v T
		if json.Unmarshal(sc.Bytes(), &v) != nil {
			t.Fatalf("%s:%d: not a line of the form expected", filepath.Base(name), n)
		}
		each(n, v)
	}
	if sc.Err() != nil || n == 0 {
		t.Fatalf("%s: unreadable or empty", filepath.Base(name))
	}
}

// Recogniser cases, bare tokens without context, at very_unlikely: the number of
// findings and their places.
func TestRecogniserCases(t *testing.T) {
	type testCase struct {
		File string `json:"file"`
		Case struct {
			Text      json.RawMessage `json:"text"`
			Len       *int            `json:"expected_len"`
			Positions [][2]int        `json:"expected_positions"`
			Res       [][2]int        `json:"expected_res"`
		} `json:"case"`
	}
	s := suite(t)
	total, right := map[string]int{}, map[string]int{}
	lines(t, filepath.Join(dataDir(t), "presidio", "recognizer-cases.jsonl"), func(line int, c testCase) {
		typ := recogniserFiles[c.File]
		var in string
		if typ == "" || c.Case.Len == nil || json.Unmarshal(c.Case.Text, &in) != nil {
			return
		}
		total[typ]++
		found := slices.DeleteFunc(classify(t, s, text(in)), func(f proxy.Finding) bool { return f.Type != typ })
		ok := len(found) == *c.Case.Len
		want := append(c.Case.Positions, c.Case.Res...)
		for i := 0; ok && i < len(want) && i < len(found); i++ {
			ok = [2]int{len([]rune(in[:found[i].Start])), len([]rune(in[:found[i].End]))} == want[i]
		}
		if ok {
			right[typ]++
			return
		}
		t.Logf("recognizer-cases.jsonl:%d: %s: %d findings, %d expected, or other places", line, typ, len(found), *c.Case.Len)
	})
	for typ, n := range total {
		t.Logf("%s: %d of %d", typ, right[typ], n)
		if right[typ]*100 < n*98 {
			t.Errorf("%s: %d of %d recogniser cases right, 98%% wanted", typ, right[typ], n)
		}
	}
	if len(total) == 0 {
		t.Fatal("no case was run")
	}
}

// Whole prompts in 13 languages: marks of this room's types found at likely, and
// look-alikes with a finding of a group that matters.
func TestPrompts(t *testing.T) {
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
	s := suite(t)
	ours := map[string]bool{}
	for _, ty := range s.Types() {
		ours[ty.Name] = true
	}
	total, found, extra := map[string]int{}, map[string]int{}, map[string]int{}
	negatives, hit := 0, 0
	lines(t, filepath.Join(dataDir(t), "prompts", "prompts.jsonl.gz"), func(line int, p prompt) {
		at := make([]int, 0, len(p.Text)+1) // code point to byte
		for i := range p.Text {
			at = append(at, i)
		}
		at = append(at, len(p.Text))
		list := classify(t, s, text(p.Text))
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			ok := false
			for i, f := range list {
				if f.Start < at[sp.End] && at[sp.Start] < f.End {
					used[i] = used[i] || f.Type == sp.Type || false
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
				if matters(f) {
					bad = true
				}
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
		t.Logf("%s: %d of %d", typ, found[typ], n)
		if found[typ]*1000 < n*promptRecall(typ) {
			t.Errorf("%s: %d of %d marks found", typ, found[typ], n)
		}
	}
	if len(total) == 0 || negatives == 0 {
		t.Fatal("a kind of prompt is missing from the data")
	}
	t.Logf("look-alikes: %d of %d hit; not marked: %v", hit, negatives, extra)
	if hit*100 > negatives*2 {
		t.Errorf("look-alikes: %d of %d hit, 2%% wanted at most", hit, negatives)
	}
}

// matters reports whether a finding would be a wrong alarm in clean text.
func matters(f proxy.Finding) bool {
	if f.Likelihood < proxy.Likely || f.Synthetic {
		return false
	}
	for _, g := range []string{classifiers.Contact, classifiers.Identifier, classifiers.Financial, classifiers.Credential, classifiers.Health, classifiers.SpecialCategory} {
		if slices.Contains(f.Groups, g) {
			return true
		}
	}
	return false
}

// leaves lists every string of a JSON value.
func leaves(v any, out *[]proxy.Segment) {
	switch v := v.(type) {
	case string:
		*out = append(*out, text(v))
	case []any:
		for _, x := range v {
			leaves(x, out)
		}
	case map[string]any:
		for _, x := range v {
			leaves(x, out)
		}
	}
}

// Harmless prompts: findings of the groups that matter per 10,000 tokens of four
// bytes.
func TestHarmlessPrompts(t *testing.T) {
	s := suite(t)
	for _, name := range []string{"gsm8k_train.jsonl", "mt_bench_question.jsonl", "user_oriented_instructions.jsonl"} {
		size, n := 0, 0
		lines(t, filepath.Join(dataDir(t), "negatives", name), func(line int, v any) {
			var segs []proxy.Segment
			leaves(v, &segs)
			for _, x := range segs {
				size += x.Text.Len()
			}
			for _, f := range classify(t, s, segs...) {
				if matters(f) {
					n++
					t.Logf("%s:%d: %s (%s, %+v)", name, line, f.Type, f.Likelihood, f.Evidence)
				}
			}
		})
		rate(t, name, n, size)
	}
}

// Source code of the Go standard library, where it is installed: nearly nothing.
func TestCode(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many megabytes")
	}
	s := suite(t)
	size, n := 0, 0
	types := map[string]int{}
	root := filepath.Join(build.Default.GOROOT, "src")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || size > codeBytes {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		size += len(b)
		for _, f := range classify(t, s, text(string(b))) {
			if matters(f) {
				n++
				types[f.Type]++
				if rel, err := filepath.Rel(root, p); err == nil && n <= 40 {
					t.Logf("%s:%d: %s (%s, %+v)", rel, 1+strings.Count(string(b[:f.Start]), "\n"), f.Type, f.Likelihood, f.Evidence)
				}
			}
		}
		return nil
	})
	if err != nil || size == 0 {
		t.Skip("the standard library's source is not installed")
	}
	t.Logf("%v", types)
	rate(t, "standard library", n, size)
}

const codeBytes = 24 << 20

func rate(t *testing.T, name string, n, size int) {
	t.Helper()
	per := float64(n) / (float64(size) / 4) * 10_000
	t.Logf("%s: %d findings in %d bytes, %.3f per 10,000 tokens", name, n, size, per)
	if per > maxRate {
		t.Errorf("%s: %.3f findings per 10,000 tokens, %.1f wanted at most", name, per, maxRate)
	}
}
