//go:build race

package address

// slowdown is how much longer a run under the race detector may take.
const slowdown = 10
