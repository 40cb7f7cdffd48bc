// Package durable writes the small files that the rooms around the log keep, so
// that neither a crash nor a second process spoils them.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// fresh is what the names of files hold that are not in their place yet.
const fresh = ".new-"

// Replace puts b in the place of a file, with mode 0600. After a crash of the
// process or the machine the old content is there or the new one, whole; once it
// gives nil it is the new one. A file that could not be synchronised is never
// used again. What a crash leaves beside it, Clean removes.
func Replace(name string, b []byte) error {
	if err := replace(name, b, (*os.File).Sync); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// ReplaceSoon does what Replace does but for a crash of the machine, which may
// take the new content or both with it: for what can be had again.
func ReplaceSoon(name string, b []byte) error {
	return replace(name, b, func(*os.File) error { return nil })
}

func replace(name string, b []byte, sync func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+fresh+"*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = sync(f)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Clean removes what a crash left in a directory of files that were about to be
// put in place. The caller has the directory's lock.
func Clean(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*"+fresh+"*"))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// SyncDir makes the entries of a directory durable.
func SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
