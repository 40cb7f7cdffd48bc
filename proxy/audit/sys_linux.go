package audit

import (
	"errors"
	"os"
	"syscall"
)

// datasync calls fdatasync: in a segment that was written whole before, no
// metadata has to follow the data.
func datasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// allocate reserves disk by fallocate; where the file system has none, by
// writing zeros.
func allocate(f *os.File, size int64) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
			return fill(diskFile{f}, 0, size)
		default:
			return os.NewSyscallError("fallocate", err)
		}
	}
}
