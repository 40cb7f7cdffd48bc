//go:build !unix || solaris || aix

package durable

import (
	"errors"
	"os"
)

// Lock fails: without a lock two processes could write one history.
func Lock(*os.File) (bool, error) {
	return false, errors.New("this operating system has no lock that ends with its process: keep what is locked on another")
}
