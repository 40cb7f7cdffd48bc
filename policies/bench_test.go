package policies_test

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

// cpu gives the processor time of the process in nanoseconds: on a machine that
// others use too, it says more than the clock.
func cpu() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// decideLoop asks again and again: known asks about the same facts, so that the
// answer is remembered; otherwise every request differs in the findings of a
// type that no policy names.
func decideLoop(b *testing.B, s *policies.Set, f *proxy.Facts, known bool) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	start := cpu()
	n := 0
	for b.Loop() {
		if !known {
			n++
			f.Findings.Types["OTHER"] = proxy.Tally{Synthetic: n}
		}
		if _, err := s.Decide(ctx, f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
}

// types of findings as the detectors group them.
var detectable = []struct {
	name   string
	groups []string
}{
	{"IP_ADDRESS", []string{"network"}}, {"PERSON", []string{"personal"}}, {"LOCATION", []string{"location", "personal"}},
	{"EMAIL_ADDRESS", []string{"contact", "personal"}}, {"PHONE_NUMBER", []string{"contact", "personal"}},
	{"CREDIT_CARD", []string{"financial", "personal"}}, {"IBAN_CODE", []string{"financial", "personal"}},
	{"US_SSN", []string{"identifier", "personal"}}, {"ORGANIZATION", []string{"personal"}}, {"DATE_TIME", []string{"personal"}},
}

func BenchmarkDecide(b *testing.B) {
	shipped, err := policies.Load(policies.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{0, 1, 10} {
		f := policies.Example()
		for _, d := range detectable[len(detectable)-n:] {
			found(f, d.name, d.groups, "user", proxy.VeryLikely)
		}
		for _, known := range []bool{false, true} {
			b.Run(fmt.Sprintf("shipped/%d_types/known=%v", n, known), func(b *testing.B) { decideLoop(b, shipped, f, known) })
		}
	}
	f := policies.Example()
	for _, d := range detectable {
		found(f, d.name, d.groups, "user", proxy.VeryLikely)
	}
	for _, n := range []int{1, 10, 100} {
		dir := fstest.MapFS{}
		for i := range n {
			dir[fmt.Sprintf("p%d.rego", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, `package ostiary.policies.p%d

# METADATA
# title: Team %d keeps cards in-house
route contains {"rule": "cards", "message": "Cards stay in-house.", "boundary": "internal"} if {
	input.principal.team == "team%d"
	input.findings.groups.financial.count > 0
	input.findings.types.CREDIT_CARD.count > 0
}
`, i, i, i)}
		}
		s, err := policies.Load(policies.Options{FS: dir})
		if err != nil {
			b.Fatal(err)
		}
		for _, known := range []bool{false, true} {
			b.Run(fmt.Sprintf("custom/%d_policies/known=%v", n, known), func(b *testing.B) { decideLoop(b, s, f, known) })
		}
	}
}

// policyCounts are sets of policies of the library, by how many they are: the
// shipped ones come first.
var policyCounts = map[int][]string{
	1:  {"residency"},
	10: {"endpoints", "residency", "secrets", "unknown", "gdpr", "hipaa", "pci", "tools", "models", "embeddings"},
}

// threadCPU gives the processor time of this thread in nanoseconds
// (CLOCK_THREAD_CPUTIME_ID of clock_gettime(2)).
func threadCPU() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return t.Nano()
}

// BenchmarkLibrary asks 1, 10 and 100 policies of the library about facts with 0,
// 10 and 100 types of findings, each request another one. A hundred policies are
// ten times the ten, under other names. p50 and p99 are of single decisions: by the
// clock, which holds what else the machine does, and by the processor time of the
// thread, which does not.
func BenchmarkLibrary(b *testing.B) {
	for _, policiesCount := range []int{1, 10, 100} {
		s, err := policies.Load(policies.Options{FS: library(b, policiesCount)})
		if err != nil {
			b.Fatal(err)
		}
		for _, types := range []int{0, 10, 100} {
			f := policies.Example()
			for i := range types {
				d := detectable[i%len(detectable)]
				name := d.name
				if i >= len(detectable) {
					name = fmt.Sprintf("%s_%d", d.name, i/len(detectable))
				}
				found(f, name, d.groups, "user", proxy.VeryLikely)
			}
			b.Run(fmt.Sprintf("%d_policies/%d_types", policiesCount, types), func(b *testing.B) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				b.ReportAllocs()
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				var each []time.Duration
				var busy []int64
				start := cpu()
				for n := 0; b.Loop(); n++ {
					f.Findings.Types["OTHER"] = proxy.Tally{Synthetic: n + 1} // no answer is remembered
					begin, used := time.Now(), threadCPU()
					if _, err := s.Decide(ctx, f); err != nil {
						b.Fatal(err)
					}
					each, busy = append(each, time.Since(begin)), append(busy, threadCPU()-used)
				}
				b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
				slices.Sort(each)
				b.ReportMetric(float64(each[len(each)/2].Nanoseconds()), "p50-ns")
				b.ReportMetric(float64(each[len(each)*99/100].Nanoseconds()), "p99-ns")
				slices.Sort(busy)
				b.ReportMetric(float64(busy[len(busy)/2]), "p50-cpu-ns")
				b.ReportMetric(float64(busy[len(busy)*99/100]), "p99-cpu-ns")
			})
		}
	}
}

// library gives so many policies of the library.
func library(b *testing.B, n int) fstest.MapFS {
	b.Helper()
	if names, ok := policyCounts[n]; ok {
		return entries(b, names...)
	}
	out := fstest.MapFS{}
	for p, f := range entries(b, policyCounts[10]...) {
		if !strings.HasSuffix(p, ".rego") || strings.HasSuffix(p, "_test.rego") {
			if path.Base(p) == "data.json" {
				out[p] = f
			}
			continue
		}
		for i := range n / 10 {
			name := strings.TrimSuffix(path.Base(p), ".rego")
			text := strings.Replace(string(f.Data), "package ostiary.policies."+name, fmt.Sprintf("package ostiary.policies.%s_%d", name, i), 1)
			out[fmt.Sprintf("%s_%d/%[1]s.rego", name, i)] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return out
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := policies.Load(policies.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
