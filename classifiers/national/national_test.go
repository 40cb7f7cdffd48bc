package national

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// Every detector, alone, finds what its positives mark and nothing in its
// near-misses.
func TestSamples(t *testing.T) {
	for _, d := range Detectors() {
		t.Run(d.Name, func(t *testing.T) {
			s := suite(t, classifiers.Options{Detectors: []*classifiers.Detector{d}})
			for i, text := range slices.Concat(d.Positives, d.NearMisses) {
				bare, marks, err := classifiers.ParseMarked(text)
				if err != nil {
					t.Fatal(i, err)
				}
				found := classify(t, s, bare)
				used := make([]bool, len(found))
			marks:
				for _, m := range marks {
					for k, f := range found {
						if m.Meets(f) {
							used[k] = true
							continue marks
						}
					}
					t.Errorf("%q: %s not found; %v", bare, m.Type, brief(found))
				}
				for k, f := range found {
					if !used[k] && f.Likelihood >= proxy.Likely {
						t.Errorf("%q: %s (%s) not marked", bare, f.Type, f.Likelihood)
					}
				}
			}
		})
	}
}

// brief lists findings of our own samples.
func brief(found []proxy.Finding) (out []string) {
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s %s %d-%d", f.Type, f.Likelihood, f.Start, f.End))
	}
	return out
}

// library gives where the source of the standard library is.
func library() string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return ""
	}
	return filepath.Join(strings.TrimSpace(string(out)), "src")
}

// Source code has no identifiers of people: the standard library of Go.
func TestCode(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the standard library")
	}
	root := library()
	if _, err := os.Stat(filepath.Join(root, "net", "http")); err != nil {
		t.Skip("no source of the standard library")
	}
	s := suite(t, classifiers.Options{Budget: time.Minute})
	bytes, n, all := 0, map[string]int{}, map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || !utf8.Valid(b) {
			return err
		}
		bytes += len(b)
		for _, f := range classify(t, s, string(b)) {
			all[f.Likelihood.String()]++
			if f.Likelihood >= proxy.Likely && !f.Synthetic {
				n[f.Type]++
				if isGrave(f) {
					t.Logf("%s:%d: %s (%s) %q", path[len(root)+1:], 1+strings.Count(string(b[:f.Start]), "\n"), f.Type, f.Likelihood, b[f.Start:f.End])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	grave := 0
	types := map[string]*classifiers.Type{}
	for _, d := range Detectors() {
		for _, ty := range d.Types {
			types[ty.Name] = ty
		}
	}
	for typ, k := range n {
		if slices.Contains(types[typ].Groups, classifiers.Identifier) || slices.Contains(types[typ].Groups, classifiers.Financial) {
			grave += k
		}
	}
	per := float64(grave) / (float64(bytes) / 4) * 10000
	t.Logf("%d bytes of code: %d identifiers (%.4f per 10,000 tokens), %v; by level %v", bytes, grave, per, n, all)
	if per > 0.02 {
		t.Errorf("%.4f identifiers per 10,000 tokens of code", per)
	}
}

// Logs, tables and JSON of random numbers have no identifiers of people, whatever
// check digits the numbers happen to have.
func TestRandomNumbers(t *testing.T) {
	s := suite(t, classifiers.Options{Budget: time.Minute})
	all := texts()
	delete(all, "ids")
	delete(all, "code") // see TestCode
	for kind, text := range all {
		n := map[string]int{}
		for _, f := range classify(t, s, text) {
			if isGrave(f) {
				n[f.Type]++
			}
		}
		t.Logf("%s: %d bytes, %v", kind, len(text), n)
		if len(n) > 0 {
			t.Errorf("%s: identifiers in random numbers: %v", kind, n)
		}
	}
}

// hostile are texts that a detector with walks of its own could take long over.
func hostile(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	m := map[string]string{}
	for _, s := range []string{"1 ", "1-", "12.345.678-", "123 456 789 ", "123-456-789-", "A1 ", "A1-B2.", "AB 12 34 56 C ", "<<", "<", "P<UTO", "(1,", "INSERT INTO t (ssn) VALUES (1), ",
		"VALUES (1),(", "('123456789'),", "'a',", "123456789 ", "123456789,", "SSN 123456789 ", "tax id 123456789 ", "京A12345", "ab 123 ", "12 ab ", "ü-AB 123 ", "VIN 1M8GDM9AXKP042788 ", "a,b,123456789\n", "7"} {
		m[s] = rep(s)
	}
	m["values"] = "INSERT INTO t (a, ssn) VALUES " + rep("(1, '123456789'), ")
	return m
}

// No input takes more than a bounded time per byte: four times the text takes
// about four times as long. The ratio allows for a noisy machine and not for a
// square.
func TestLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const small, factor = 32 << 10, 4
	s := suite(t, classifiers.Options{Budget: time.Minute})
	best := func(text string) time.Duration {
		segs := []proxy.Segment{{Text: proxy.NewText(text)}}
		b := time.Duration(1 << 62)
		for range 3 {
			from := time.Now()
			if _, err := s.Classify(context.Background(), segs); err != nil {
				t.Fatal(err)
			}
			b = min(b, time.Since(from))
		}
		return b
	}
	short, long := hostile(small), hostile(small*factor)
	for _, name := range sortedKeys(short) {
		a, b := best(short[name]), best(long[name])
		t.Logf("%-34q %6.1f ns/byte, then %6.1f", name, float64(a)/float64(len(short[name])), float64(b)/float64(len(long[name])))
		if b > 4*factor*a+time.Second {
			t.Errorf("%q: %s for %d bytes, %s for %d", name, a, len(short[name]), b, len(long[name]))
		}
	}
}

// No input makes the detectors panic, find outside the text or inside a
// character, or take long.
func FuzzNational(f *testing.F) {
	s := suite(f, classifiers.Options{Budget: time.Minute})
	for _, d := range Detectors() {
		for _, text := range slices.Concat(d.Positives, d.NearMisses) {
			bare, _, err := classifiers.ParseMarked(text)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(bare)
		}
	}
	for _, text := range []string{"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n", "1-1-1-1-1-1-1-1-1-1", "é1é-2 ñ3.4/5", "A1 B2 C3 D4 E5", "<<<<<<", "12 ", " ab 1234", "1+1", "34 abc"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from := time.Now()
		r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(text)}})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range r.Gaps {
			if g.Reason != "budget" {
				t.Fatalf("gap %v in %q", g, text)
			}
		}
		for _, x := range r.Findings {
			if x.Start < 0 || x.End > len(text) || x.Start >= x.End || x.Start > 0 && utf8.ValidString(text) && !utf8.RuneStart(text[x.Start]) {
				t.Fatalf("%s at %d-%d of %d bytes", x.Type, x.Start, x.End, len(text))
			}
		}
		if d := time.Since(from); d > 5*time.Second+time.Duration(len(text))*100*time.Microsecond {
			t.Fatalf("%d bytes took %s", len(text), d)
		}
	})
}

// texts are kinds of text whose cost per byte is measured.
func texts() map[string]string {
	const prose = `The committee met on the second Tuesday of the month and, after a long debate about the budget, agreed to
postpone the vote until the figures had been checked by somebody from outside. There were 12 members in the room, 3 of them
by telephone. Nobody objected: the chair thanked everyone, and asked for a short note (two pages at most) before Friday.
Further reading is linked from the minutes, which are kept in the usual place, see section 4.2 of the handbook.
`
	code, _ := os.ReadFile(filepath.Join(library(), "net", "http", "server.go"))
	var csv, logs, spaced, dense, json strings.Builder
	csv.WriteString("id,amount,quantity,weight,created,account_ref,ratio\n")
	x := uint64(88172645463325252)
	next := func(n uint64) uint64 { x ^= x << 13; x ^= x >> 7; x ^= x << 17; return x % n }
	for range 1200 {
		fmt.Fprintf(&csv, "%d,%d.%02d,%d,%d,%d,%d,0.%d\n", next(1e6), next(1e5), next(100), next(1000), next(5000), 1600000000+next(1e8), next(1e9), next(1e4))
		fmt.Fprintf(&logs, "2026-10-04T12:%02d:%02d.%03dZ INFO pid=%d svc=api-%d req=%08x-%04x took %d ms, %d bytes\n", next(60), next(60), next(1000), next(1e5), next(20), next(1<<32), next(1<<16), next(2000), next(1e7))
		fmt.Fprintf(&json, `{"id":%d,"user_id":"%d","customer":%d,"sku":"%c%d","ref":"%c%c-%d","parent":{"id":"%08x","seq":%d},"t":%d,"hash":"%016x"}`+"\n", next(1e9), 1e8+next(9e8), next(1e7), 'A'+next(26), next(1e8), 'A'+next(26), 'A'+next(26), next(1e7), next(1<<32), next(1e11), 1700000000000+next(1e10), next(1<<63))
		fmt.Fprintf(&spaced, "%d %d %d %d %d\n", next(1000), next(1e5), next(1e3), next(1e4), next(1e9))
		fmt.Fprintf(&dense, "%d,%d,%d\n", 1e8+next(9e8), 1e9+next(9e9), 1e10+next(9e10))
	}
	return map[string]string{
		"prose": strings.Repeat(prose, 100), "code": string(code), "csv": csv.String(), "logs": logs.String(), "spaced": spaced.String(), "json": json.String(), "dense": dense.String(),
		"ids": strings.Repeat("name,tax id\nJane Roe,533.163.789-28\n", 1000),
	}
}

// BenchmarkText measures the share of this room: the time with its detectors,
// and that of a suite whose detector is called for nothing.
func BenchmarkText(b *testing.B) {
	none := &classifiers.Detector{Name: "none", Version: 1, Doc: strings.Repeat("finds nothing at all ", 3), Types: SSN.Types, Positives: SSN.Positives, NearMisses: SSN.NearMisses,
		Interests: []classifiers.Interest{{Shape: classifiers.Anchor, Literals: []string{"\x01"}, Judge: func(*classifiers.Scan, classifiers.Candidate) {}}}}
	all := texts()
	for _, kind := range sortedKeys(all) {
		for _, which := range []string{"national", "none"} {
			o := classifiers.Options{}
			if which == "none" {
				o.Detectors = []*classifiers.Detector{none}
			}
			s := suite(b, o)
			text := all[kind]
			text = text[:min(len(text), 60<<10)]
			segs := []proxy.Segment{{Text: proxy.NewText(text)}}
			b.Run(kind+"/"+which, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Classify(context.Background(), segs); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(text)), "ns/byte")
			})
		}
	}
}
