package main

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// renameat2 is the number of the system call by architecture, and its flag that
// exchanges two files (linux/fs.h); package syscall is older than both.
const renameExchange = 1 << 1

func renameat2() (number uintptr, ok bool) {
	switch runtime.GOARCH {
	case "amd64":
		return 316, true
	case "arm64", "riscv64", "loong64":
		return 276, true
	}
	return 0, false
}

// exchange swaps two files or directories in one step: at no time is there none.
func exchange(a, b string) error {
	number, ok := renameat2()
	if !ok {
		return exchangeInSteps(a, b)
	}
	x, err := syscall.BytePtrFromString(a)
	if err != nil {
		return err
	}
	y, err := syscall.BytePtrFromString(b)
	if err != nil {
		return err
	}
	const here = ^uintptr(99) // AT_FDCWD, -100
	_, _, errno := syscall.Syscall6(number, here, uintptr(unsafe.Pointer(x)), here, uintptr(unsafe.Pointer(y)), renameExchange, 0)
	switch {
	case errno == 0:
		return nil
	case errors.Is(errno, syscall.EINVAL), errors.Is(errno, syscall.ENOSYS):
		return exchangeInSteps(a, b) // the file system cannot
	}
	return &os.LinkError{Op: "exchange", Old: a, New: b, Err: errno}
}
