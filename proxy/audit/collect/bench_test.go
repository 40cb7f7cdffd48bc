package collect

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// BenchmarkGather pushes logs of events of some 1.3 KB over HTTP until the
// collector has answered that all are on its disk, proofs and cosignature
// included. One iteration is one push of 1,000 records; every log has its own
// sink, all of them at once.
func BenchmarkGather(b *testing.B) {
	for _, logs := range []int{1, 8} {
		b.Run(fmt.Sprintf("logs=%d", logs), func(b *testing.B) { benchmarkGather(b, logs) })
	}
}

func benchmarkGather(b *testing.B, logs int) {
	const batch = 1000
	ctx := context.Background()
	var origins []Origin
	var nodes []*node
	for i := range logs {
		n := &node{origin: fmt.Sprintf("test/%d", i), root: b.TempDir()}
		l, err := audit.Open(n.dir(), audit.Options{Origin: n.origin, CheckpointEvery: 50 * time.Millisecond})
		if err != nil {
			b.Fatal(err)
		}
		n.log = l
		b.Cleanup(func() { l.Close() })
		for done := 0; done < (b.N+logs-1)/logs*batch; done += batch {
			var events []*proxy.Event
			for k := range batch {
				events = append(events, &proxy.Event{
					ID: fmt.Sprintf("E%d", done+k), Kind: proxy.EventDecision, Time: "2026-11-24T09:00:00.000Z", V: proxy.EventVersion,
					Decision: &proxy.DecisionRecord{Reasons: []proxy.Reason{{Message: strings.Repeat("Personal data stays in the house. ", 30)}}},
				})
			}
			if err := l.Record(ctx, events...); err != nil {
				b.Fatal(err)
			}
		}
		n.signed(b)
		nodes, origins = append(nodes, n), append(origins, n.known(b))
	}
	c, err := Open(Options{Dir: b.TempDir(), Origins: origins, Cosigner: newCosigner(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	url := serve(b, c)
	all := make([][][]byte, logs)
	for i, n := range nodes {
		all[i] = n.cores(b)
		b.SetBytes(int64(len(all[i][0]) * batch))
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wait sync.WaitGroup
	for i, n := range nodes {
		wait.Go(func() {
			s, err := NewSink(n.options(b, url))
			if err != nil {
				b.Error(err)
				return
			}
			for first := 0; first < len(all[i]) && left.Add(-1) >= 0; first += batch {
				if err := s.Ship(ctx, Batch{n.origin, int64(first), all[i][first : first+batch]}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "records/s")
}
