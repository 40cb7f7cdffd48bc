package tiles

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

// Source is what a log is read from. A tile or record that is not there, or not
// any more, is [ErrNotFound].
type Source interface {
	// Checkpoint gives the last signed checkpoint, unread.
	Checkpoint() ([]byte, error)
	// Tile gives the hashes of a tile of level 0 or above: W times 32 bytes.
	Tile(Tile) ([]byte, error)
	// Entries gives n records from the index first on, all of them.
	Entries(first, n int64) ([][]byte, error)
}

// ErrNotFound: the log has no such tile, record or checkpoint.
var ErrNotFound = errors.New("the log has no such tile")

// checkpointLimit is how long a checkpoint may be in bytes, with all signatures.
const checkpointLimit = 64 << 10

// deriveLimit is how many hashes are made of records for one tile that is missing:
// those of 256 tiles. Tiles are files of the log; where more is missing, it is to
// be mended and not to be made anew for each reader.
const deriveLimit = Width * Width

// Directory is the source that a log's directory is, while it is appended to or at
// rest, or a copy of one. It is safe for concurrent use.
type Directory struct {
	dir    string
	reader *audit.Reader
}

var _ Source = (*Directory)(nil)

// Open gives the source of the log in dir. It fails with [audit.ErrNoLog].
func Open(dir string) (*Directory, error) {
	r, err := audit.OpenReader(dir)
	if err != nil {
		return nil, err
	}
	return &Directory{filepath.Clean(dir), r}, nil
}

// Checkpoint gives the log's last checkpoint.
func (d *Directory) Checkpoint() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(d.dir, CheckpointPath))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	return b, nil
}

// Entries reads records.
func (d *Directory) Entries(first, n int64) ([][]byte, error) {
	if first < 0 || n < 0 {
		return nil, ErrNotFound
	}
	out := make([][]byte, 0, min(n, Width))
	if n == 0 {
		return out, nil
	}
	for e, err := range d.reader.Records(first) {
		if err != nil {
			return nil, err
		}
		if e.Index != first+int64(len(out)) {
			return nil, ErrNotFound
		}
		if out = append(out, e.JSON); int64(len(out)) == n {
			return out, nil
		}
	}
	return nil, ErrNotFound
}

// Tile reads a tile. The log removes partial tiles when the tree has outgrown
// them, so a narrow one is cut from a wider one; what is missing is made of the
// level below, as far as that is little work.
func (d *Directory) Tile(t Tile) ([]byte, error) {
	if _, ok := t.end(); !ok || t.Level < 0 {
		return nil, ErrNotFound
	}
	budget := deriveLimit
	return d.tile(t, &budget)
}

func (d *Directory) tile(t Tile, budget *int) ([]byte, error) {
	b, err := d.stored(t)
	if err != nil || b != nil {
		return b, err
	}
	if t.Level == 0 {
		if *budget -= t.W; *budget < 0 {
			return nil, ErrNotFound
		}
		entries, err := d.Entries(t.first(), int64(t.W))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			h := tlog.RecordHash(e)
			b = append(b, h[:]...)
		}
		return b, nil
	}
	for i := range t.W {
		below, err := d.tile(Tile{t.Level - 1, t.first() + int64(i), Width}, budget)
		if err != nil {
			return nil, err
		}
		h := subtree(below)
		b = append(b, h[:]...)
	}
	return b, nil
}

// stored reads a tile from the files: itself, the full one in its place, or the
// widest partial one. It gives nil where none is wide enough.
func (d *Directory) stored(t Tile) ([]byte, error) {
	full := t
	full.W = Width
	tries := []string{t.Path(), full.Path()}
	if t.W < Width {
		dir := full.Path() + ".p"
		names, err := os.ReadDir(filepath.Join(d.dir, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the tiles: %w", err)
		}
		for _, e := range names {
			if w, err := strconv.Atoi(e.Name()); err == nil && w > t.W && w < Width {
				tries = append(tries, filepath.Join(dir, e.Name()))
			}
		}
	}
	for _, name := range tries {
		b, err := os.ReadFile(filepath.Join(d.dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the tiles: %w", err)
		}
		if len(b) >= t.W*tlog.HashSize && len(b) <= Width*tlog.HashSize {
			return bytes.Clone(b[:t.W*tlog.HashSize]), nil
		}
	}
	return nil, nil
}

// subtree gives the root over the hashes of a full tile.
func subtree(b []byte) tlog.Hash {
	if len(b) == tlog.HashSize {
		return tlog.Hash(b)
	}
	half := len(b) / 2
	return tlog.NodeHash(subtree(b[:half]), subtree(b[half:]))
}
