//go:build race

package all

// raced reports whether the race detector watches.
const raced = true
