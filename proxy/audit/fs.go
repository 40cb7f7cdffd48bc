package audit

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// fileSystem is what the log does to its directory, so that tests can make each
// operation fail. Reading is not part of it.
type fileSystem interface {
	// Create opens a file for writing, making it and the directories above it
	// where they are not there. What it holds is kept.
	Create(name string) (file, error)
	// Rename replaces new by old.
	Rename(old, new string) error
	// Remove removes a file.
	Remove(name string) error
	// SyncDir makes the entries of a directory durable.
	SyncDir(name string) error
}

// file is one file of a fileSystem.
type file interface {
	// WriteAt writes all of b or fails.
	WriteAt(b []byte, offset int64) (int, error)
	// Sync makes what was written durable (fdatasync). Once it has failed,
	// nobody can say what of it is on disk: the file may not be synchronised
	// again.
	Sync() error
	// Allocate reserves size bytes of disk, which read as zeros. It fails with
	// ENOSPC where there is no room.
	Allocate(size int64) error
	Close() error
}

// Modes of what the log makes: events name persons.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// disk is the operating system's file system.
type disk struct{}

func (disk) Create(name string) (file, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(name), dirMode); err == nil {
			f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
		}
	}
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (disk) Rename(old, new string) error { return os.Rename(old, new) }
func (disk) Remove(name string) error     { return os.Remove(name) }

func (disk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

type diskFile struct{ *os.File }

func (f diskFile) Sync() error               { return datasync(f.File) }
func (f diskFile) Allocate(size int64) error { return allocate(f.File, size) }

// fill writes zeros from offset from to offset to.
func fill(f file, from, to int64) error {
	for from < to {
		n := min(to-from, int64(len(zeros)))
		if _, err := f.WriteAt(zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// noSpace says whether an operation failed for want of room.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
