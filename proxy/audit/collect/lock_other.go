//go:build !unix || solaris || aix

package collect

import (
	"errors"
	"os"
)

// lock refuses: without locks two processes could write one replica.
func lock(*os.File) (bool, error) {
	return false, errors.New("this system has no file locks")
}
