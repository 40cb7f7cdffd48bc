package telemetry

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// envoyTimeout bounds how long a scrape waits for Envoy's counters.
const envoyTimeout = 2 * time.Second

// observeEnvoy gives Envoy's counters of the table; those of several listeners
// and filter chains are added up. Where Envoy does not answer nothing is
// observed, and the series end: an alert can tell that from 0.
func (t *Telemetry) observeEnvoy(ctx context.Context, o metric.Int64Observer) error {
	ctx, cancel := context.WithTimeout(ctx, envoyTimeout)
	defer cancel()
	stats := t.envoyStats(ctx)
	if stats == nil {
		return nil
	}
	var sums [len(envoyStats)]int64
	for name, n := range stats {
		if i := envoyStat(name); i >= 0 {
			sums[i] += int64(n)
		}
	}
	for i, n := range sums {
		o.Observe(n, t.labels.of(mEnvoy, envoyStats[i]))
	}
	return nil
}

// envoyStat gives the place in the table of a counter's full name, or -1.
func envoyStat(name string) int {
	for i, end := range envoyStats {
		if rest, ok := strings.CutSuffix(name, end); ok && (rest == "" || strings.HasSuffix(rest, ".")) {
			return i
		}
	}
	return -1
}
