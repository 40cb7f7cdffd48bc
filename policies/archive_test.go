package policies_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// known are the names that the archives of testdata are checked against.
var known = policies.Known{
	Pools:  []string{"openai", "house", "paris", "oslo"},
	Types:  []string{"EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "PERSON", "SECRET_JWT"},
	Groups: []string{"personal", "contact", "financial", "credential", "team_code"},
}

// archive is a test in one file: policies, and what is expected of them.
type archive struct {
	name    string
	text    *txtar.Archive
	fs      fstest.MapFS
	options policies.Options
	expect  []txtar.File
}

var update = flag.Bool("update", false, "write what was got into the archives of testdata; read the difference before you commit it")

// check compares what was got with the expectation of that name.
func (a *archive) check(t *testing.T, dir, name, got string) {
	t.Helper()
	for i := range a.text.Files {
		f := &a.text.Files[i]
		if f.Name != name {
			continue
		}
		if d := cmp.Diff(strings.Split(string(f.Data), "\n"), strings.Split(got, "\n")); d != "" && !*update {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		f.Data = []byte(got)
		if *update {
			if err := os.WriteFile("testdata/"+dir+"/"+a.name+".txtar", txtar.Format(a.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	t.Fatalf("no %q in the archive", name)
}

// archives reads testdata/DIR/*.txtar. Files named "want…" and "facts…" are
// expectations, "expected" lists policies, the rest is the policy directory;
// without one, it is the shipped policies.
func archives(t *testing.T, dir string) []archive {
	t.Helper()
	files, err := filepath.Glob("testdata/" + dir + "/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives in %s: %v", dir, err)
	}
	var out []archive
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a := archive{text: ar, name: strings.TrimSuffix(filepath.Base(file), ".txtar"), fs: fstest.MapFS{}, options: policies.Options{Known: known}}
		for _, f := range ar.Files {
			switch word, _, _ := strings.Cut(f.Name, ":"); word {
			case "want", "facts":
				a.expect = append(a.expect, f)
			case "expected":
				a.options.Expected = strings.Fields(string(f.Data))
			case "unchecked":
				a.options.Known = policies.Known{}
			default:
				a.fs[f.Name] = &fstest.MapFile{Data: f.Data}
			}
		}
		if len(a.fs) > 0 {
			a.options.FS = a.fs
		}
		if len(a.expect) == 0 {
			t.Fatalf("%s expects nothing", file)
		}
		out = append(out, a)
	}
	return out
}

// TestLoad reads testdata/load: what is wrong with a directory, and in which
// words its author is told.
func TestLoad(t *testing.T) {
	for _, a := range archives(t, "load") {
		t.Run(a.name, func(t *testing.T) {
			_, err := policies.Load(a.options)
			got := ""
			if err != nil {
				var problems policies.Problems
				if !errors.As(err, &problems) {
					t.Errorf("the error is a %T, want Problems", err)
				}
				got = err.Error() + "\n"
			}
			a.check(t, "load", "want", got)
		})
	}
}

// TestDecide reads testdata/decide: for each "facts: NOTE" the verdict is that
// of the "want: NOTE" after it.
func TestDecide(t *testing.T) {
	for _, a := range archives(t, "decide") {
		t.Run(a.name, func(t *testing.T) {
			set, err := policies.Load(a.options)
			if err != nil {
				t.Fatal(err)
			}
			for pair := range slices.Chunk(a.expect, 2) {
				if len(pair) != 2 || strings.TrimPrefix(pair[0].Name, "facts") != strings.TrimPrefix(pair[1].Name, "want") {
					t.Fatalf("%s has no want of the same note after it", pair[0].Name)
				}
				t.Run(strings.TrimPrefix(pair[0].Name, "facts: "), func(t *testing.T) {
					f := factsOf(t, pair[0].Data)
					v, err := set.Decide(context.Background(), f)
					a.check(t, "decide", pair[1].Name, describe(&v, err))
				})
			}
		})
	}
}

// factsOf reads the change of a case to the example's facts: lines
// "+TYPE group,group role likelihood" add a finding, "~TYPE group,group" a
// published test value, and the rest is JSON to lay over.
func factsOf(t *testing.T, b []byte) *proxy.Facts {
	t.Helper()
	f := policies.Example()
	var rest []string
	for line := range strings.Lines(string(b)) {
		w := strings.Fields(line)
		switch {
		case len(w) == 4 && line[0] == '+':
			l, ok := proxy.ParseLikelihood(w[3])
			if !ok {
				t.Fatalf("no likelihood: %s", w[3])
			}
			found(f, w[0][1:], strings.Split(w[1], ","), w[2], l)
		case len(w) == 2 && line[0] == '~':
			synthetic(f, w[0][1:], strings.Split(w[1], ","))
		default:
			rest = append(rest, line)
		}
	}
	text := strings.TrimSpace(strings.Join(rest, ""))
	if text == "" {
		return f
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(f); err != nil {
		t.Fatalf("facts: %v", err)
	}
	return f
}

// describe writes a verdict for comparison: the action and code, the pools
// where they are constrained, the masks, the reasons.
func describe(v *proxy.Verdict, err error) string {
	if err != nil {
		return fmt.Sprintf("%s: %v\n", proxy.KindOf(err).Label(), err)
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, strings.TrimSpace(string(v.Action)+" "+v.Code))
	if v.Constrained {
		fmt.Fprintln(&b, strings.TrimSpace("pools "+strings.Join(v.Pools, " ")))
	}
	for _, m := range v.Masks {
		fmt.Fprintf(&b, "mask types=%s groups=%s", strings.Join(m.Types, ","), strings.Join(m.Groups, ","))
		if m.Always {
			b.WriteString(" always")
		}
		if m.Reversible {
			b.WriteString(" reversible")
		}
		b.WriteByte('\n')
	}
	if v.Granted {
		fmt.Fprintln(&b, "granted")
	}
	if len(v.Notify) > 0 {
		fmt.Fprintln(&b, "notify "+strings.Join(v.Notify, " "))
	}
	for _, r := range v.Reasons {
		fmt.Fprintf(&b, "%s %s.%s %s:%d %q %q\n", r.Action, r.Policy, r.Rule, r.File, r.Line, r.Title, r.Message)
	}
	return b.String()
}
