package contact_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/contact"
	"github.com/ostiary/ostiary/proxy"
)

func newSuite(t testing.TB, d ...*classifiers.Detector) *classifiers.Suite {
	t.Helper()
	if len(d) == 0 {
		d = contact.Detectors()
	}
	s, err := classifiers.New(classifiers.Options{Detectors: d, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func classify(t testing.TB, s *classifiers.Suite, key, text string) []proxy.Finding {
	t.Helper()
	r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text), Key: proxy.NewText(key)}})
	if err != nil || len(r.Gaps) > 0 {
		t.Fatal("not classified", err, r.Gaps)
	}
	return r.Findings
}

// dataDir finds the development data beside the module's root.
func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above")
		}
		dir = filepath.Dir(dir)
	}
	data := filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no ../shared/data: development cases not run")
	}
	return data
}

func jsonLines[T any](t testing.TB, name string, each func(line int, v T)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal("a file of the development data is missing: " + filepath.Base(name))
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal("unreadable: " + filepath.Base(name))
		}
		r = z
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 16<<20)
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
		t.Fatal("unreadable or empty: " + filepath.Base(name))
	}
}

// Recogniser cases of telephone numbers and addresses, bare, at very_unlikely:
// number of findings and their spans.
func TestRecogniserCases(t *testing.T) {
	type testCase struct {
		File string `json:"file"`
		Case struct {
			Text      string   `json:"text"`
			Len       *int     `json:"expected_len"`
			Positions [][2]int `json:"expected_positions"`
		} `json:"case"`
	}
	types := map[string]string{"test_tr_phone_number_recognizer.py": "PHONE_NUMBER", "test_phone_recognizer.py": "PHONE_NUMBER", "test_email_recognizer.py": "EMAIL_ADDRESS"}
	s := newSuite(t)
	total, right := 0, 0
	jsonLines(t, filepath.Join(dataDir(t), "presidio", "recognizer-cases.jsonl"), func(line int, raw json.RawMessage) {
		var head struct{ File string }
		if json.Unmarshal(raw, &head) != nil || types[head.File] == "" {
			return
		}
		var c testCase
		if json.Unmarshal(raw, &c) != nil || c.Case.Len == nil {
			return
		}
		total++
		var spans [][2]int
		for _, f := range classify(t, s, "", c.Case.Text) {
			if f.Type == types[head.File] {
				spans = append(spans, [2]int{len([]rune(c.Case.Text[:f.Start])), len([]rune(c.Case.Text[:f.End]))})
			}
		}
		ok := len(spans) == *c.Case.Len
		for i, w := range c.Case.Positions {
			ok = ok && spans[i] == w
		}
		if ok {
			right++
		} else {
			t.Logf("recognizer-cases.jsonl:%d: %d findings, %d expected, or other spans", line, len(spans), *c.Case.Len)
		}
	})
	t.Logf("%d of %d recogniser cases right", right, total)
	if total == 0 || right*100 < total*98 {
		t.Errorf("%d of %d recogniser cases right, 98%% wanted", right, total)
	}
}

// Whole prompts: marks that are found at likely and above, and look-alikes that
// have a finding.
func TestPrompts(t *testing.T) {
	type prompt struct {
		Text   string `json:"text"`
		Expect string `json:"expect"`
		Spans  []struct {
			Start int    `json:"start"`
			End   int    `json:"end"`
			Type  string `json:"type"`
		} `json:"spans"`
	}
	s := newSuite(t)
	total, found := map[string]int{}, map[string]int{}
	extra, hit, negatives := 0, 0, 0
	jsonLines(t, filepath.Join(dataDir(t), "prompts", "prompts.jsonl.gz"), func(line int, p prompt) {
		var at []int
		for i := range p.Text {
			at = append(at, i)
		}
		at = append(at, len(p.Text))
		list := classify(t, s, "", p.Text)
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			ok := false
			for i, f := range list {
				if f.Start < at[sp.End] && at[sp.Start] < f.End && f.Likelihood >= proxy.Likely {
					if f.Type == sp.Type {
						ok, used[i] = true, true
					}
				}
			}
			if p.Expect != "positive" || sp.Type != "PHONE_NUMBER" && sp.Type != "EMAIL_ADDRESS" {
				continue
			}
			total[sp.Type]++
			if ok {
				found[sp.Type]++
			} else {
				t.Logf("prompts:%d: %s missed", line, sp.Type)
			}
		}
		bad := false
		for i, f := range list {
			if !used[i] && f.Likelihood >= proxy.Likely && !f.Synthetic {
				bad = true
				t.Logf("prompts:%d: %s %s at %d (%s, %s, via %s) not marked", line, f.Type, f.Likelihood, f.Start, f.Evidence.Rule, f.Evidence.Context, f.Evidence.Via)
			}
		}
		if bad {
			extra++
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
		if found[typ]*100 < n*98 {
			t.Errorf("%s: %d of %d marks found, 98%% wanted", typ, found[typ], n)
		}
	}
	t.Logf("%d prompts with findings that are not marked; look-alikes: %d of %d", extra, hit, negatives)
	if len(total) < 2 || negatives == 0 || hit > 0 {
		t.Errorf("look-alikes: %d of %d prompts hit, none recorded", hit, negatives)
	}
}
