package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
)

func BenchmarkEncode(b *testing.B) {
	e := newEncoder()
	ev := decision(1)
	out, err := e.encode(ev)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(out)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.encode(ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeaf(b *testing.B) {
	out, err := newEncoder().encode(decision(1))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		tlog.RecordHash(out)
	}
}

// BenchmarkRecord reports events per second, and how long one call takes.
func BenchmarkRecord(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		for _, kind := range []struct {
			name string
			make func(int) *proxy.Event
		}{{"decision", decision}, {"outcome", outcomeOf}} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, callers), func(b *testing.B) {
				l, err := Open(filepath.Join(b.TempDir(), "log"), Options{Origin: "bench.example/log"})
				if err != nil {
					b.Fatal(err)
				}
				ev := kind.make(1)
				times := make([]time.Duration, b.N)
				var next atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for range callers {
					wg.Go(func() {
						for {
							i := next.Add(1) - 1
							if i >= int64(b.N) {
								return
							}
							start := time.Now()
							if err := l.Record(context.Background(), ev); err != nil {
								b.Error(err)
								return
							}
							times[i] = time.Since(start)
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				slices.Sort(times)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ev/s")
				b.ReportMetric(float64(times[len(times)/2].Microseconds())/1e3, "p50-ms")
				b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1e3, "p99-ms")
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkOpenNew is what a fresh demo waits for.
func BenchmarkOpenNew(b *testing.B) {
	for b.Loop() {
		l, err := Open(filepath.Join(b.TempDir(), "log"), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		l.Close()
		b.StartTimer()
	}
}

func BenchmarkVerify(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "log")
	l := open(b, dir, Options{})
	const n = 20_000
	var wg sync.WaitGroup
	for c := range 16 {
		wg.Go(func() {
			for i := c; i < n; i += 16 {
				if err := l.Record(context.Background(), decision(i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	shut(b, l)
	o := trusted(b, dir)
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			r, err := Verify(dir, o)
			if err != nil || r.Answer != Good || r.Size != n {
				b.Fatal(err, r)
			}
		}
		b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "ev/s")
	})
	b.Run("search", func(b *testing.B) {
		r, err := OpenReader(dir)
		if err != nil {
			b.Fatal(err)
		}
		q, err := ParseQuery("id:" + testID(17))
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if found, _, err := r.Search(q, 0); err != nil || len(found) != 1 {
				b.Fatal(err, len(found))
			}
		}
		b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "ev/s")
	})
	b.Run("reopen", func(b *testing.B) {
		for b.Loop() {
			l, err := Open(dir, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			l.Close()
			b.StartTimer()
		}
	})
}
