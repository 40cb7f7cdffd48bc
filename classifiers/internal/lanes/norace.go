//go:build !race

package lanes

// Slowdown is how much longer a run under the race detector may take.
const Slowdown = 1
