package tagger

import (
	"math"
	"testing"
)

func TestExp(t *testing.T) {
	for x := float32(-19.9); x <= 0; x += 0.0137 {
		want := math.Exp(float64(x))
		if got := float64(exp(x)); math.Abs(got-want) > 0.003*want {
			t.Fatalf("exp(%v) is %v, want %v", x, got, want)
		}
	}
}
