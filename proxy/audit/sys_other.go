//go:build !linux

package audit

import "os"

// datasync is fsync; on macOS the standard library asks for F_FULLFSYNC.
func datasync(f *os.File) error { return f.Sync() }

// allocate reserves disk by writing zeros.
func allocate(f *os.File, size int64) error { return fill(diskFile{f}, 0, size) }
