//go:build !linux

package audit

import "testing"

// evict does nothing: files are read from the kernel's memory where they are there.
func evict(*testing.T, string) {}
