package all

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// The development data lies beside the repository and is no part of it. Where
// it is not there these tests are skipped; where a file of it is missing they
// fail. Messages name a file and a line, never a value.

// maxLine bounds a line of the data files.
const maxLine = 16 << 20

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
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<16), maxLine)
	n := 0
	for sc.Scan() {
		n++
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatalf("%s:%d: not a line of the form expected", filepath.Base(name), n)
		}
		each(n, v)
	}
	if sc.Err() != nil || n == 0 {
		t.Fatalf("%s: unreadable or empty", filepath.Base(name))
	}
}

// only keeps findings of one type.
func only(found []proxy.Finding, typ string) []proxy.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f proxy.Finding) bool { return f.Type != typ })
}

// runeSpan gives a finding's place in code points, as the data counts.
func runeSpan(text string, f proxy.Finding) [2]int {
	return [2]int{len([]rune(text[:f.Start])), len([]rune(text[:f.End]))}
}

func sortedKeys[V any](m map[string]V) []string {
	var k []string
	for n := range m {
		k = append(k, n)
	}
	sort.Strings(k)
	return k
}

// leaves lists every string of a JSON value.
func leaves(v any, out *[]proxy.Segment) {
	switch v := v.(type) {
	case string:
		*out = append(*out, proxy.Segment{Text: proxy.NewText(v)})
	case []any:
		for _, x := range v {
			leaves(x, out)
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			leaves(v[k], out)
		}
	}
}

// Every country's example is found, and with one digit changed it is not.
func TestIBANRegistry(t *testing.T) {
	name := filepath.Join(dataDir(t), "ids", "iban-registry.txt")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal("a file of the development data is missing: iban-registry.txt")
	}
	rows := strings.Split(strings.TrimSpace(string(b)), "\n")
	column := slices.Index(strings.Split(rows[0], "|"), "iban_example")
	if column < 0 {
		t.Fatal("iban-registry.txt has no column iban_example")
	}
	s := suite(t, classifiers.Options{})
	found, changed := 0, 0
	for i, row := range rows[1:] {
		iban := strings.Split(row, "|")[column]
		if f := only(classify(t, s, iban), "IBAN_CODE"); len(f) == 1 && f[0].End == len(iban) {
			found++
		} else {
			t.Logf("iban-registry.txt:%d: example not found", i+2)
		}
		for at := 4; at < len(iban); at++ {
			if c := iban[at]; '0' <= c && c <= '9' {
				other := iban[:at] + string('0'+(c-'0'+1)%10) + iban[at+1:]
				if len(only(classify(t, s, other), "IBAN_CODE")) > 0 {
					changed++
				}
			}
		}
	}
	t.Logf("%d of %d examples found, %d changed ones found", found, len(rows)-1, changed)
	if found < len(rows)-1 || changed > 0 {
		t.Errorf("%d of %d examples found, %d changed ones found; all and none wanted", found, len(rows)-1, changed)
	}
}
