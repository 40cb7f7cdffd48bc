package ship

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// BenchmarkShip is what the shipper itself costs: reading a real log, checking
// each record, cursors on disk; the sink takes no time.
func BenchmarkShip(b *testing.B) {
	dir := b.TempDir()
	l, err := audit.Open(filepath.Join(dir, "log"), audit.Options{Ahead: 1, Origin: "bench"})
	must(b, err)
	const group = 500
	events := make([]*proxy.Event, group)
	for n := 0; n < b.N; n += group {
		for i := range events {
			events[i] = event(n + i)
		}
		must(b, l.Record(context.Background(), events...))
	}
	must(b, l.Close())
	src, err := audit.OpenReader(filepath.Join(dir, "log"))
	must(b, err)
	size, err := src.Size()
	must(b, err)
	b.ResetTimer()
	s, err := New(Options{Source: src, Dir: filepath.Join(dir, "ship"), poll: time.Millisecond}, Target{Name: "s", Sink: nothing{}, Limits: Limits{Age: time.Millisecond}})
	must(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for s.Statuses()[0].Cursor < size {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(size)/b.Elapsed().Seconds(), "records/s")
	cancel()
	must(b, <-done)
}

// nothing takes everything.
type nothing struct{}

func (nothing) Ship(context.Context, Batch) error { return nil }
func (nothing) Close() error                      { return nil }

func BenchmarkDescribe(b *testing.B) {
	dir := b.TempDir()
	l, err := audit.Open(filepath.Join(dir, "log"), audit.Options{Ahead: 1, Origin: "bench"})
	must(b, err)
	must(b, l.Record(context.Background(), event(1)))
	must(b, l.Close())
	src, err := audit.OpenReader(filepath.Join(dir, "log"))
	must(b, err)
	for r, err := range src.Records(0) {
		must(b, err)
		b.SetBytes(int64(len(r.JSON)))
		for b.Loop() {
			Describe(Record{Index: r.Index, Core: r.JSON})
		}
	}
}
