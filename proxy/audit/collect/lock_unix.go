//go:build unix && !solaris && !aix

package collect

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the lock on a file without waiting. It gives false where another
// process has it. The lock ends with the process.
func lock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
