package all

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// Whole texts: what is marked is found, and nothing else. Each file is one
// segment, and each of its lines is one again.
func TestTexts(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no marked-up texts", err)
	}
	s := suite(t, classifiers.Options{})
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		check := func(label, marked string) {
			text, marks, err := classifiers.ParseMarked(marked)
			if err != nil {
				t.Fatalf("%s: %v", label, err)
			}
			// What is of low severity is reported all the same and not marked.
			found := slices.DeleteFunc(classify(t, s, text), func(f proxy.Finding) bool {
				return !isSerious(f) && !slices.Contains(f.Groups, classifiers.Personal) && !slices.ContainsFunc(marks, func(m classifiers.Mark) bool { return m.Start < f.End && f.Start < m.End })
			})
			for _, d := range differences(marks, found) {
				t.Errorf("%s: %s", label, d)
			}
		}
		check(filepath.Base(name), string(b))
		for i, line := range strings.Split(string(b), "\n") {
			check(fmt.Sprintf("%s:%d", filepath.Base(name), i+1), line)
		}
	}
}

// Keys and number literals are looked at, and the key is context.
func TestFieldsAndNumbers(t *testing.T) {
	s := suite(t, classifiers.Options{})
	for _, c := range []struct {
		key, text string
		kind      proxy.Kind
		want      string
	}{
		{"ssn", "536228765", proxy.KindNumber, "US_SSN likely"},
		{"row", "536228765", proxy.KindNumber, ""},
		{"cardNumber", "4539148803436467", proxy.KindNumber, "CREDIT_CARD very_likely"},
		{"order_id", "4539148803436467", proxy.KindNumber, ""},
		{"phone", "4158675309", proxy.KindNumber, "PHONE_NUMBER likely"},
		{"created", "1700000000", proxy.KindNumber, ""},
		{"", "jane@acme.io", proxy.KindKey, "EMAIL_ADDRESS very_likely"},
		{"datadog_api_key", "babf5e9cdc211bf728558f5fb6ee9b8d", proxy.KindString, "SECRET_DATADOG_KEY very_likely"},
		{"", "/v1/users/jane@acme.io?x=1", proxy.KindPath, "EMAIL_ADDRESS very_likely"},
	} {
		r, err := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText(c.text), Key: proxy.NewText(c.key), Kind: c.kind}})
		if err != nil || len(r.Gaps) > 0 {
			t.Fatal(err, r.Gaps)
		}
		var got []string
		for _, f := range r.Findings {
			if f.Likelihood >= proxy.Likely {
				got = append(got, f.Type+" "+f.Likelihood.String())
			}
		}
		if g := strings.Join(got, ", "); g != c.want {
			t.Errorf("key %q, text %q: %q, want %q", c.key, c.text, g, c.want)
		}
	}
}

// prose is text with nothing to find, with numbers, colons and addresses of
// pages in it.
const prose = `The committee met on the second Tuesday of the month and, after a long debate about the budget, agreed to
postpone the vote until the figures had been checked by somebody from outside. There were 12 members in the room, 3 of them
by telephone. Nobody objected: the chair thanked everyone, and asked for a short note (two pages at most) before Friday.
Further reading is linked from the minutes, which are kept in the usual place, see section 4.2 of the handbook.
`

func TestNoAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector drops what is pooled at random")
	}
	s := suite(t, classifiers.Options{})
	segs := []proxy.Segment{{Text: proxy.NewText(strings.Repeat(prose, 20))}}
	ctx := context.Background()
	// A collection between two runs empties the pool of scans.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if n := testing.AllocsPerRun(50, func() {
		r, err := s.Classify(ctx, segs)
		if err != nil || len(r.Findings)+len(r.Gaps) > 0 {
			t.Fatalf("%v, %d findings, %d gaps", err, len(r.Findings), len(r.Gaps))
		}
	}); n != 0 {
		t.Errorf("%.1f allocations on text without candidates", n)
	}
}

// hostile are texts that a scanner with walks of its own could take long over.
func hostile(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	return map[string]string{
		"at signs": rep("@"), "local parts": rep("a@"), "dots": rep("a."), "domains": "a@" + rep("b.c"), "digits": rep("7"), "digit groups": rep("1 "),
		"cards": rep("4539 1488 0343 6468 "), "phones": rep("415 867 5309 "), "dotted": rep("1."), "dashes": rep("-"), "begin": rep("-----BEGIN "),
		"begin key": rep("-----BEGIN RSA PRIVATE KEY-----"), "begin key body": rep("-----BEGIN PRIVATE KEY-----\nAAAA\n"), "base64": rep("QUJD0"), "colons": rep(":"),
		"hex colons": rep("a:"), "v6": rep("2a02::"), "schemes": rep("://"), "urls": rep("a://b:c"), "userinfo": rep("http://a:b@"), "jwt": rep("eyJ."),
		"jwt parts": rep("eyJhbGciOiJIUzI1NiJ9."), "iban": rep("DE75 "), "prefixes": rep("sk-"), "prefix bodies": rep("ghp_A1"), "bearer": rep("bearer "), "basic": rep("basic QTpi"),
		"tilde": rep("aaa8Q~"), "escapes": rep(`\n`), "spaces": rep(" "), "letters": rep("e"), "high": rep("é"), "han": rep("電話"), "mixed": rep("a1"), "plus": rep("+49"), "slashes": rep("/a"),
		"telegram": rep("12345678:AA"), "atlas": rep("a.atlasv1."), "discord": rep("MTA4NjQxOTc1MzA4NjQxOTc1.a"), "terms": rep("blue heron "), "words near": rep("card 4539148803436467 "),
	}
}

// No input takes more than a bounded time per byte: four times the text takes
// about four times as long, whatever it is made of. Times are the best of
// several runs, of the processors; the ratio allows for noise and not for a
// square.
func TestLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const small, factor = 64 << 10, 4
	// On one core: two that share their caches do the same work in more time.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s := suite(t, classifiers.Options{Budget: time.Minute, Cache: -1, Terms: []classifiers.Terms{{Type: "TERM_X", Words: []string{"blue heron blue heron blue heron"}}}})
	best := func(text string) time.Duration {
		segs := []proxy.Segment{{Text: proxy.NewText(text)}}
		b := time.Duration(1 << 62)
		for range 5 {
			from := processTime(t)
			r, err := s.Classify(context.Background(), segs)
			if d := processTime(t) - from; d < b {
				b = d
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range r.Gaps {
				if g.Reason != "budget" || len(r.Findings) == 0 {
					t.Fatalf("gap %v", g)
				}
			}
		}
		return b
	}
	short, long := hostile(small), hostile(small*factor)
	for _, name := range sortedKeys(short) {
		a, b := best(short[name]), best(long[name])
		perByte := float64(b.Nanoseconds()) / (small * factor)
		t.Logf("%-14s %6.2f ns per byte, ratio %.1f", name, perByte, float64(b)/float64(a))
		if float64(b) > 3*factor*float64(a) && b > 5*time.Millisecond {
			t.Errorf("%s: %d times the text takes %.1f times as long", name, factor, float64(b)/float64(a))
		}
	}
}

// processTime is what the process used of the processors, which a busy machine
// does not change as it does the time on the wall.
func processTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Every answer is well formed, the same again, and blind to what a text is
// preceded by in another segment.
func FuzzClassify(f *testing.F) {
	for _, d := range Detectors() {
		for _, p := range d.Positives {
			text, _, err := classifiers.ParseMarked(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, "key")
		}
	}
	for _, text := range hostile(300) {
		f.Add(text, "phone")
	}
	s := suite(f, classifiers.Options{Terms: []classifiers.Terms{{Type: "TERM_X", Words: []string{"blue heron", "赤", "C++", "é"}}}, Key: []byte("k"), Budget: time.Minute})
	types := map[string]classifiers.Type{}
	for _, ty := range s.Types() {
		types[ty.Name] = ty
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		seg := proxy.Segment{Text: proxy.NewText(text), Key: proxy.NewText(key)}
		r, err := s.Classify(context.Background(), []proxy.Segment{seg})
		if err != nil || len(r.Gaps) > 0 {
			t.Fatalf("%v, gaps %v", err, r.Gaps)
		}
		wellFormed(t, r.Findings, text, types)
		again, _ := s.Classify(context.Background(), []proxy.Segment{{Text: proxy.NewText("x")}, seg, seg})
		n := len(r.Findings)
		if len(again.Findings) != 2*n {
			t.Fatalf("%d findings, then %d for twice the segment", n, len(again.Findings))
		}
		for i, x := range again.Findings {
			y := r.Findings[i%n]
			if x.Start != y.Start || x.End != y.End || x.Type != y.Type || x.Likelihood != y.Likelihood || x.Synthetic != y.Synthetic {
				t.Fatal("the same text, another answer")
			}
		}
		// Any half of a text can be scanned.
		for _, cut := range []int{len(text) / 3, len(text) / 2} {
			for _, part := range []string{text[:cut], text[cut:]} {
				wellFormed(t, classify(t, s, part), part, types)
			}
		}
	})
}

func wellFormed(t *testing.T, found []proxy.Finding, text string, types map[string]classifiers.Type) {
	t.Helper()
	for i, f := range found {
		if f.Start < 0 || f.Start >= f.End || f.End > len(text) {
			t.Fatalf("%s at %d-%d of %d bytes", f.Type, f.Start, f.End, len(text))
		}
		if utf8.ValidString(text) && (!utf8.RuneStart(text[f.Start]) || f.End < len(text) && !utf8.RuneStart(text[f.End])) {
			t.Fatalf("%s at %d-%d cuts a character", f.Type, f.Start, f.End)
		}
		ty, ok := types[f.Type]
		if !ok || len(f.Groups) == 0 || fmt.Sprint(f.Groups) != fmt.Sprint(ty.Groups) || f.Detector == "" || f.Likelihood < proxy.VeryUnlikely || f.Likelihood > proxy.VeryLikely {
			t.Fatalf("%s is not whole", f.Type)
		}
		for _, g := range found[:i] {
			// Two of one group overlap only where the weaker has the greater part
			// of its place for itself.
			if common := min(g.End, f.End) - max(g.Start, f.Start); 2*common >= max(g.End-g.Start, f.End-f.Start) {
				for _, a := range g.Groups {
					for _, b := range f.Groups {
						if a == b {
							t.Fatalf("%s and %s overlap in one group", g.Type, f.Type)
						}
					}
				}
			}
		}
	}
}

// mixed is prompt text as it is: prose, a few findings, code, a log line.
var mixed = prose + `Please answer jane.doe@nordvik-energi.se and call +49 30 9018 2044; order 4539148803436467 has shipped.
func main() { fmt.Println("total:", 42, time.Now().Unix()) } // see https://pkg.go.dev/fmt@go1.26
2024-11-24T10:30:00Z INFO request_id=550e8400-e29b-41d4-a716-446655440000 from 81.2.69.160 took 12.5 ms status=200
` + prose + `{"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "usage": {"input_tokens": 2095, "output_tokens": 503}, "sha": "9fceb02d0ae598e95dc970b74767f19372d61af8"}
` + prose

func BenchmarkClassify(b *testing.B) {
	s := suite(b, classifiers.Options{})
	for _, kind := range []struct{ name, text string }{{"mixed", mixed}, {"prose", prose}} {
		for _, size := range []struct {
			name string
			n    int
		}{{"1KB", 1 << 10}, {"4KB", 4 << 10}, {"64KB", 64 << 10}, {"1MB", 1 << 20}} {
			b.Run(kind.name+"/"+size.name, func(b *testing.B) {
				segs := []proxy.Segment{{Text: proxy.NewText(strings.Repeat(kind.text, size.n/len(kind.text)+1)[:size.n])}}
				b.SetBytes(int64(size.n))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Classify(context.Background(), segs); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkTerms(b *testing.B) {
	var words []string
	for i := range 10_000 {
		words = append(words, fmt.Sprintf("project code%d", i))
	}
	s := suite(b, classifiers.Options{Terms: []classifiers.Terms{{Type: "TERM_X", Words: words}}})
	text := strings.Repeat(mixed, (64<<10)/len(mixed))
	segs := []proxy.Segment{{Text: proxy.NewText(text)}}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := s.Classify(context.Background(), segs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := classifiers.New(classifiers.Options{Detectors: Detectors()}); err != nil {
			b.Fatal(err)
		}
	}
}
