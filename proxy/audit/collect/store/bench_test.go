//go:build unix

package store

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/testdata/env"
)

// BenchmarkPostgres ships the events of 20 logs and asks questions over them:
//
//	go test -run - -bench Postgres -benchtime 10x ./proxy/audit/collect/store
//
// OSTIARY_BENCH_EVENTS says how many events each log has.
func BenchmarkPostgres(b *testing.B) {
	benchmark(b, inPostgres(b, env.Postgres(b), "bench", false))
}

// BenchmarkClickHouse is the same in ClickHouse's engine.
func BenchmarkClickHouse(b *testing.B) {
	env.LongOnly(b)
	benchmark(b, inClickHouse(b, env.ClickHouse(b), "bench"))
}

func benchmark(b *testing.B, s *Store) {
	const logs = 20
	each := 5_000
	if n := os.Getenv("OSTIARY_BENCH_EVENTS"); n != "" {
		if _, err := fmt.Sscan(n, &each); err != nil {
			b.Fatal(err)
		}
	}
	ctx := context.Background()
	d := newDice(1)
	errs := make(chan error, logs)
	var size int
	var id string
	var list []*memory
	for i := range logs {
		d.at = time.Date(2026, 2, 26, 9, 0, 0, 0, time.UTC)
		m := d.log(fmt.Sprintf("proxy%d.example/log", i), each)
		for _, row := range m.rows {
			size += len(row)
		}
		id = eventID(m.rows[each/2])
		list = append(list, m)
	}
	began := time.Now()
	for _, m := range list {
		go func() {
			for at := 0; at < each; at += Limits().Records {
				if err := s.Sink().Ship(ctx, m.batch(at, min(at+Limits().Records, each))); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range logs {
		must(b, <-errs)
	}
	took := time.Since(began).Seconds()
	b.Logf("%d events of %d bytes: %.0f a second", logs*each, size/(logs*each), float64(logs*each)/took)
	for _, q := range []string{"", "action:deny type:US_SSN team:hr-* -app:crm", "team:hr-north sent:yes", "duration_ms:>890 status:500", "trace:nowhere"} {
		b.Run("page "+q, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Search(ctx, query(b, q), index.Page{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("facets "+q, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Facets(ctx, query(b, q), nil, 20); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("histogram "+q, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Histogram(ctx, query(b, q), 60, "action"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("id", func(b *testing.B) {
		for b.Loop() {
			if refs, err := s.Lookup(ctx, id); err != nil || len(refs) == 0 {
				b.Fatal(refs, err)
			}
		}
	})
}
