//go:build unix && !linux && !solaris && !aix

package audit

import (
	"errors"
	"os"
	"syscall"
)

// datasync is fsync; on macOS the standard library asks for F_FULLFSYNC.
func datasync(f *os.File) error { return f.Sync() }

// allocate reserves disk by writing zeros.
func allocate(f *os.File, size int64) error { return fill(diskFile{f}, 0, size) }

// lock takes the exclusive lock on an open file, which ends with the process.
// The first result is false where another process has it.
func lock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
