//go:build !race

package secrets

// raced says that the race detector runs, under which times mean nothing.
const raced = false
