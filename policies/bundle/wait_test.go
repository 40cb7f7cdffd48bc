package bundle

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		failures   int
		poll, want time.Duration
	}{
		{1, 30 * time.Second, time.Second}, {2, 30 * time.Second, 2 * time.Second}, {5, 30 * time.Second, 16 * time.Second},
		{9, 30 * time.Second, 256 * time.Second}, {10, 30 * time.Second, backoffMost}, {1 << 30, 30 * time.Second, backoffMost}, {1 << 30, time.Hour, time.Hour},
	} {
		if got := backoff(tt.failures, tt.poll); got != tt.want {
			t.Errorf("%d failures: %s, want %s", tt.failures, got, tt.want)
		}
	}
	if lo, hi := jitter(time.Minute, 0), jitter(time.Minute, 1); lo != 48*time.Second || hi != 72*time.Second {
		t.Errorf("a minute becomes %s to %s", lo, hi)
	}
}

func TestSlow(t *testing.T) {
	of := func(n int, usual, rare time.Duration) []time.Duration {
		d := make([]time.Duration, n)
		for i := range d {
			if d[i] = usual; i%50 == 0 {
				d[i] = rare
			}
		}
		return d
	}
	for _, tt := range []struct {
		name string
		t    times
		want bool
	}{
		{"too few to tell", times{next: of(99, time.Second, time.Second)}, false},
		{"beyond the limit", times{next: of(200, time.Microsecond, 11*time.Millisecond)}, true},
		{"within it, and nothing to compare with", times{next: of(200, time.Microsecond, 9*time.Millisecond)}, false},
		{"a multiple of what serves", times{next: of(200, time.Microsecond, 2*time.Millisecond), live: of(200, time.Microsecond, 100*time.Microsecond)}, true},
		{"the same multiple, and fast", times{next: of(200, time.Microsecond, 900*time.Microsecond), live: of(200, time.Microsecond, time.Microsecond)}, false},
		{"slow as what serves", times{next: of(200, time.Microsecond, 2*time.Millisecond), live: of(200, time.Microsecond, 2*time.Millisecond)}, false},
	} {
		if got := slow(&tt.t) != nil; got != tt.want {
			t.Errorf("%s: slow %v", tt.name, got)
		}
	}
}
