//go:build !unix || solaris || aix

package witness

import (
	"errors"
	"os"
)

// lock refuses: without locks two processes could sign two histories.
func lock(*os.File) (bool, error) {
	return false, errors.New("this system has no file locks")
}
