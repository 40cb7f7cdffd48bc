package intercept

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the lock on an open file that ends with the process. The error is
// [ErrBusy] where another process has it.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}
