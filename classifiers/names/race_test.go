//go:build race

package names

// raced says that the race detector runs: pools then drop what they are given.
const raced = true
