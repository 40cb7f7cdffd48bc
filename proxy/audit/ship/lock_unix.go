//go:build unix && !solaris && !aix

package ship

import (
	"os"
	"syscall"
)

// lock takes the exclusive lock on an open file, which ends with the process.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
