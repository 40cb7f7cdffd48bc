//go:build unix && !solaris && !aix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// Lock takes the exclusive lock on an open file without waiting; it ends with the
// file or the process. It gives false where another process has it.
func Lock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return false, os.NewSyscallError("flock", err)
		}
	}
}
