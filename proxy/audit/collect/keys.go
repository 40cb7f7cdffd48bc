package collect

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy/audit"
)

// A log's key can be followed by another: both sign a statement of it, which is a
// record of the log, and stands in its file "rotations" too. Records that come
// before it can be pushed under a checkpoint of the new key, so pushes carry that
// file.
const (
	rotationsLimit = 64 << 10 // bytes of the statements of one log
	rotationRule   = "---\n"  // between two
)

// ringOf makes the ring of a log's trusted keys, of which there is one at least.
func ringOf(origin string, keys []note.Verifier) *audit.Ring {
	r := audit.NewRing(keys[0], origin)
	for _, k := range keys[1:] {
		r.Trust(k)
	}
	return r
}

// loadRotations reads a file of statements; where there is none, nothing.
func loadRotations(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// loadRotations learns the keys that were learned before.
func (m *member) loadRotations() error {
	b, err := loadRotations(filepath.Join(m.dir, rotationsFile))
	if err == nil {
		m.ring.Learn(b)
	}
	return err
}
