package telemetry

import (
	"context"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// envoyTimeout bounds how long a scrape waits for Envoy's counters.
const envoyTimeout = 2 * time.Second

// observeEnvoy gives Envoy's counters of the table; those of several listeners
// and filter chains are added up. What is not told is not observed, and its
// series ends: an alert can tell that from 0.
func (t *Telemetry) observeEnvoy(ctx context.Context, o metric.Int64Observer) error {
	ctx, cancel := context.WithTimeout(ctx, envoyTimeout)
	defer cancel()
	var sums [len(envoyStats)]int64
	var told [len(envoyStats)]bool
	for name, n := range t.envoyStats(ctx) {
		if i := envoyStat(name); i >= 0 {
			sums[i] += int64(min(n, math.MaxInt64))
			told[i] = true
		}
	}
	for i, row := range envoyStats {
		if told[i] {
			o.Observe(sums[i], t.labels.of(mEnvoy, row.word))
		}
	}
	return nil
}

// envoyStat gives the place in the table of a counter by its word or its full
// name, or -1.
func envoyStat(name string) int {
	for i, row := range envoyStats {
		if name == row.word {
			return i
		}
		if rest, ok := strings.CutSuffix(name, row.end); ok && (rest == "" || strings.HasSuffix(rest, ".")) {
			return i
		}
	}
	return -1
}
