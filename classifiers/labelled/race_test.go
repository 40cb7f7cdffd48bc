//go:build race

package labelled

// slowdown is how much longer a run under the race detector may take.
const slowdown = 10
