package all

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var writeSpeed = flag.String("speed", "", "file to append the table of speed to")

// speedText is text as prompts have it: sentences with personal data, prose,
// source code and logs, a quarter each.
func speedText(n int) string {
	rnd := rand.New(rand.NewPCG(7, 8))
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		switch i % 4 {
		case 0:
			for range 6 {
				b.WriteString(fill(rnd, pick(rnd, forms)).Text)
				b.WriteByte(' ')
			}
			b.WriteByte('\n')
		case 1:
			b.WriteString(prose)
		case 2:
			b.WriteString("```go\nfunc (s *Server) handle(w http.ResponseWriter, r *http.Request) {\n\tctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)\n\tdefer cancel()\n\tif err := s.store.Put(ctx, key, value); err != nil {\n\t\thttp.Error(w, err.Error(), http.StatusInternalServerError)\n\t\treturn\n\t}\n}\n```\n")
		case 3:
			fmt.Fprintf(&b, "2026-11-24T10:%02d:%02d.%sZ INFO request_id=%s status=200 bytes=%s dur=%sms\n", i%60, i*7%60, someDigits(rnd, 6), someDigits(rnd, 12), someDigits(rnd, 6), someDigits(rnd, 3))
		}
	}
	return b.String()[:n]
}

// TestSpeed measures the suite with and without names, in turns, on one core and
// on two. It runs where -speed names a file: times of a busy machine prove
// nothing.
func TestSpeed(t *testing.T) {
	if *writeSpeed == "" {
		t.Skip("no -speed FILE: measured by 'make bench'")
	}
	off := []string{}
	for _, d := range Detectors() {
		if slices.ContainsFunc(d.Types, func(ty *classifiers.Type) bool {
			return ty.Name == "PERSON" || ty.Name == "LOCATION" || ty.Name == "ORGANIZATION"
		}) {
			off = append(off, d.Name)
		}
	}
	suites := []*classifiers.Suite{suite(t, classifiers.Options{Off: off, Cache: -1}), suite(t, classifiers.Options{Cache: -1})}
	goals := map[int][3]string{1 << 10: {"20 µs", "0.3 ms", ""}, 10 << 10: {"0.15 ms", "1 ms", ""}, 100 << 10: {"1.5 ms", "8 ms", ""}, 1 << 20: {"15 ms", "80 ms", "40 ms"}}
	f, err := os.OpenFile(*writeSpeed, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "\n# Classifiers\n\nOne text of sentences with personal data, prose, code and logs, in turns within one run; median (p99). Without the\ncache of verdicts. \"Patterns and secrets\" is all but %s.\n\n", strings.Join(off, ", "))
	fmt.Fprintf(f, "| size | patterns and secrets, one core | goal | with names, one core | goal | with names, two cores | goal | findings |\n|---|---|---|---|---|---|---|---:|\n")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	cores := runtime.GOMAXPROCS(0)
	for _, size := range []int{1 << 10, 10 << 10, 100 << 10, 1 << 20} {
		segs := []proxy.Segment{{Text: proxy.NewText(speedText(size))}}
		rounds := max(30, min(2000, 40<<20/size))
		times := [3][]time.Duration{}
		findings := 0
		for range rounds {
			for i := range times {
				runtime.GOMAXPROCS(1)
				s := suites[min(i, 1)]
				if i == 2 {
					runtime.GOMAXPROCS(min(cores, 2))
				}
				start := time.Now()
				r, err := s.Classify(context.Background(), segs)
				times[i] = append(times[i], time.Since(start))
				if err != nil || len(r.Gaps) > 0 {
					t.Fatal(err, r.Gaps)
				}
				findings = len(r.Findings)
			}
		}
		cell := func(i int) string {
			slices.Sort(times[i])
			n := len(times[i])
			return fmt.Sprintf("%s (%s)", short(times[i][n/2]), short(times[i][n*99/100]))
		}
		g := goals[size]
		fmt.Fprintf(f, "| %d KB | %s | %s | %s | %s | %s | %s | %d |\n", size>>10, cell(0), g[0], cell(1), g[1], cell(2), g[2], findings)
	}
	runtime.GOMAXPROCS(cores)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	s := suite(t, classifiers.Options{})
	took := time.Since(start)
	classify(t, s, speedText(1<<10))
	first := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(s)
	fmt.Fprintf(f, "\nA suite is made in %s, and has answered the first text after %s (goal 150 ms; tables that an earlier suite of the\nprocess filled are counted in neither). Heap of a suite: %d KB.\n", short(took), short(first), (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10)
}

func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f µs", float64(d)/1e3)
	default:
		return fmt.Sprintf("%.2f ms", float64(d)/1e6)
	}
}
