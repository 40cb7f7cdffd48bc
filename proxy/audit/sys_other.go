//go:build !unix || solaris || aix

package audit

import (
	"errors"
	"os"
)

var errSystem = errors.New("the audit log cannot be written on this operating system: it has no lock that ends with its process")

func datasync(f *os.File) error { return f.Sync() }

func allocate(f *os.File, size int64) error { return fill(diskFile{f}, 0, size) }

// lock fails: without one, two processes could append to one log.
func lock(*os.File) (bool, error) { return false, errSystem }
