//go:build !unix || solaris || aix

package ship

import (
	"errors"
	"os"
)

// lock fails: without one, two processes could move one cursor.
func lock(*os.File) error {
	return errors.New("this operating system has no lock that ends with its process")
}
