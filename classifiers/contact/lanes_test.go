package contact_test

import (
	"encoding/json"
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// Harmless prompts: findings at likely and above. The ceilings are what was
// measured: real addresses and a number in one of the sets.
func TestHarmless(t *testing.T) {
	s := newSuite(t)
	for _, set := range []struct {
		file    string
		ceiling int
	}{{"gsm8k_train.jsonl", 0}, {"mt_bench_question.jsonl", 0}, {"user_oriented_instructions.jsonl", 7}} {
		n := 0
		jsonLines(t, filepath.Join(dataDir(t), "negatives", set.file), func(line int, raw json.RawMessage) {
			var v any
			if json.Unmarshal(raw, &v) != nil {
				t.Fatal("unreadable")
			}
			leaves(v, func(text string) {
				for _, f := range classify(t, s, "", text) {
					if f.Likelihood >= proxy.Likely && !f.Synthetic {
						n++
						t.Logf("%s:%d: %s (%s, %s, via %s)", set.file, line, f.Type, f.Evidence.Rule, f.Evidence.Context, f.Evidence.Via)
					}
				}
			})
		})
		if n > set.ceiling {
			t.Errorf("%s: %d findings, ceiling %d", set.file, n, set.ceiling)
		}
	}
}

func leaves(v any, each func(string)) {
	switch v := v.(type) {
	case string:
		each(v)
	case []any:
		for _, x := range v {
			leaves(x, each)
		}
	case map[string]any:
		for _, x := range v {
			leaves(x, each)
		}
	}
}

// Code: the source of the Go library. Addresses of its authors are right; no
// number in it is a telephone's but for a few in tests of forms.
func TestCode(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the library")
	}
	root := filepath.Join(build.Default.GOROOT, "src")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no source of the Go library: code is not read")
	}
	s := newSuite(t)
	n, size := 0, 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		size += len(b)
		for _, f := range classify(t, s, "", string(b)) {
			if f.Type == "PHONE_NUMBER" && f.Likelihood >= proxy.Likely && !f.Synthetic {
				n++
				name, _ := filepath.Rel(root, path)
				t.Logf("%s: byte %d: %s (%s, %s, via %s)", name, f.Start, f.Likelihood, f.Evidence.Rule, f.Evidence.Context, f.Evidence.Via)
			}
		}
		return nil
	})
	if err != nil || size == 0 {
		t.Fatal("the library was not read", err)
	}
	t.Logf("%d numbers in %d bytes", n, size)
	if per := float64(n) / (float64(size) / 4) * 10000; per > 0.01 {
		t.Errorf("%d telephone numbers in %d bytes of code", n, size)
	}
}
