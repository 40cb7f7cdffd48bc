package proof

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Hashes is the tree of a log in memory, made of its records: 64 bytes a record.
// It is a [tlog.HashReader] for logs without tiles. The zero Hashes is the empty
// tree. It is not safe for concurrent use.
type Hashes struct {
	stored []tlog.Hash
	size   int64
}

// Add appends a record by its exact bytes.
func (h *Hashes) Add(core []byte) error {
	more, err := tlog.StoredHashes(h.size, core, h)
	if err != nil {
		return errTree
	}
	h.stored = append(h.stored, more...)
	h.size++
	return nil
}

// Size gives the number of records.
func (h *Hashes) Size() int64 { return h.size }

// ReadHashes implements [tlog.HashReader].
func (h *Hashes) ReadHashes(index []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(index))
	for i, x := range index {
		if x < 0 || x >= int64(len(h.stored)) {
			return nil, errTree
		}
		out[i] = h.stored[x]
	}
	return out, nil
}

// Tiles reads the tree from the tiles of a log's directory or of a copy of it
// (C2SP tlog-tiles: tile/L/NNN[.p/W] below fsys). What it reads is checked against
// the checkpoint's root, which the caller has verified. Partial tiles may be wider
// than the checkpoint's size needs: the log goes on.
func Tiles(fsys fs.FS, c Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, &tileFiles{fsys})
}

// tileHeight is that of C2SP tlog-tiles.
const tileHeight = 8

type tileFiles struct{ fsys fs.FS }

// Height implements [tlog.TileReader].
func (t *tileFiles) Height() int { return tileHeight }

// SaveTiles implements [tlog.TileReader]; nothing is kept.
func (t *tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements [tlog.TileReader].
func (t *tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, tile := range tiles {
		b, err := t.read(tile)
		if err != nil {
			return nil, errTree
		}
		out[i] = b
	}
	return out, nil
}

// read gives the hashes of a tile: from its own file, from the whole tile, or from
// a wider partial one.
func (t *tileFiles) read(tile tlog.Tile) ([]byte, error) {
	want := tile.W * tlog.HashSize
	if b, err := t.file(tilePath(tile), want); err == nil {
		return b, nil
	}
	whole := tile
	whole.W = 1 << tileHeight
	name := tilePath(whole)
	if b, err := t.file(name, want); err == nil {
		return b, nil
	}
	entries, err := fs.ReadDir(t.fsys, name+".p")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if w, err := strconv.Atoi(e.Name()); err == nil && w > tile.W {
			if b, err := t.file(path.Join(name+".p", e.Name()), want); err == nil {
				return b, nil
			}
		}
	}
	return nil, fs.ErrNotExist
}

// file reads the first n bytes of a file.
func (t *tileFiles) file(name string, n int) ([]byte, error) {
	f, err := t.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, n)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, errors.New("tile is too short")
	}
	return b, nil
}

// tilePath gives a tile's path in C2SP tlog-tiles, which leaves the height out.
func tilePath(t tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(t.Path(), "tile/"+strconv.Itoa(tileHeight)+"/")
}
