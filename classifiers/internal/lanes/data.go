package lanes

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// maxLine is the length of the longest line of the development data, in bytes.
const maxLine = 16 << 20

// Data gives the path of a file of the development data, which lies beside the
// repository and is no part of it. Where it is not there the test is skipped;
// where a file of it is missing, what reads it fails. Messages name a file and a
// line, never a value.
func Data(t testing.TB, file ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
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
	return filepath.Join(append([]string{data}, file...)...)
}

// Lines reads the lines of a file, unpacked where its name ends in .gz. The
// bytes are valid until each returns.
func Lines(t testing.TB, name string, each func(line int, b []byte)) {
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
	sc.Buffer(make([]byte, 1<<16), maxLine)
	n := 0
	for sc.Scan() {
		n++
		each(n, sc.Bytes())
	}
	if sc.Err() != nil || n == 0 {
		t.Fatalf("%s: unreadable or empty", filepath.Base(name))
	}
}

// JSONLines reads a file of lines of JSON.
func JSONLines[T any](t testing.TB, name string, each func(line int, v T)) {
	t.Helper()
	Lines(t, name, func(line int, b []byte) {
		var v T
		if json.Unmarshal(b, &v) != nil {
			t.Fatalf("%s:%d: not a line of the form expected", filepath.Base(name), line)
		}
		each(line, v)
	})
}

// Prompt is a whole prompt of the development data.
type Prompt struct {
	Lang   string `json:"lang"`
	Kind   string `json:"kind"`
	Text   string `json:"text"`
	Expect string `json:"expect"` // positive, negative or synthetic
	Spans  []Span `json:"spans"`
}

// Span is what a prompt marks, in bytes of its text as Prompts gives it.
type Span struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Type  string `json:"type"`
}

// Overlaps reports whether a finding has a byte of the span.
func (s Span) Overlaps(f proxy.Finding) bool { return f.Start < s.End && s.Start < f.End }

// Prompts reads the prompts, in 13 languages. The file counts code points; the
// spans given are bytes.
func Prompts(t testing.TB, each func(line int, p Prompt)) {
	t.Helper()
	JSONLines(t, Data(t, "prompts", "prompts.jsonl.gz"), func(line int, p Prompt) {
		at := make([]int, 0, len(p.Text)+1)
		for i := range p.Text {
			at = append(at, i)
		}
		at = append(at, len(p.Text))
		for i, s := range p.Spans {
			p.Spans[i].Start, p.Spans[i].End = at[s.Start], at[s.End]
		}
		each(line, p)
	})
}

// negatives are the files of prompts without a person in them.
var negatives = []string{"gsm8k_train.jsonl", "mt_bench_question.jsonl", "user_oriented_instructions.jsonl"}

// HarmlessPrompts reads prompts without a person in them: every string of a line
// is a segment.
func HarmlessPrompts(t testing.TB, each func(file string, line int, segs []proxy.Segment)) {
	t.Helper()
	for _, name := range negatives {
		JSONLines(t, Data(t, "negatives", name), func(line int, v json.RawMessage) {
			each(name, line, leaves(v, nil))
		})
	}
}

// leaves appends every string value of a JSON value, members in the order of
// their names.
func leaves(v json.RawMessage, out []proxy.Segment) []proxy.Segment {
	var s string
	var list []json.RawMessage
	var members map[string]json.RawMessage
	switch {
	case json.Unmarshal(v, &s) == nil:
		if v[0] == '"' { // null is no string
			out = append(out, Text(s))
		}
	case json.Unmarshal(v, &list) == nil:
		for _, x := range list {
			out = leaves(x, out)
		}
	case json.Unmarshal(v, &members) == nil:
		names := make([]string, 0, len(members))
		for name := range members {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			out = leaves(members[name], out)
		}
	}
	return out
}

// maxCode is how much of the standard library is read, in bytes.
const maxCode = 24 << 20

// codeDirs are the directories of the standard library that stand for all of it
// where its whole would take long.
var codeDirs = []string{"net", "net/http", "encoding/json", "time", "go/types", "strconv", "crypto/tls", "html/template"}

// Code reads sources of the Go standard library, all or a few directories, and
// gives their size in bytes. Where it is not installed the test is skipped.
func Code(t testing.TB, all bool, each func(name, text string)) (size int) {
	t.Helper()
	root := filepath.Join(build.Default.GOROOT, "src")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the standard library's source is not installed")
	}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || size > maxCode || !all && !slices.Contains(codeDirs, path.Dir(name)) {
			return err
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		size += len(b)
		each(name, string(b))
		return err
	})
	if err != nil || size == 0 {
		t.Fatalf("the standard library's source is unreadable: %v", err)
	}
	return size
}

// Rate gives the number of findings in 10,000 tokens of four bytes.
func Rate(n, size int) float64 { return float64(n) / (float64(size) / 4) * 10_000 }
