package tiles

import (
	"errors"
	"fmt"
	"iter"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

// cacheLimit is how many verified tiles are kept, of 8 KiB.
const cacheLimit = 512

// Hashes reads the hashes of a tree from the tiles of a source and checks them
// against the tree's root: what it gives is in the tree, or it fails. The tree is
// that of a checkpoint whose signature was checked. It is safe for concurrent
// use.
func Hashes(source Source, tree tlog.Tree) tlog.HashReader {
	if tree.N == 0 {
		return tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, ErrNotFound })
	}
	checked := tlog.TileHashReader(tree, &tileReader{source: source, kept: map[tlog.Tile][]byte{}})
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		h, err := checked.ReadHashes(indexes)
		var unread *sourceError
		switch {
		case err == nil:
			return h, nil
		case errors.As(err, &unread):
			return nil, unread.err
		}
		return nil, fmt.Errorf("the tiles: %w", ErrAltered)
	})
}

// sourceError is an error of a source, and not one of checking.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }

// tileReader is a source as x/mod asks for it.
type tileReader struct {
	source Source
	mu     sync.Mutex
	kept   map[tlog.Tile][]byte // verified
}

func (r *tileReader) Height() int { return Height }

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		r.mu.Lock()
		b := r.kept[t]
		r.mu.Unlock()
		if b == nil {
			var err error
			if b, err = r.source.Tile(tileOf(t)); err != nil {
				return nil, &sourceError{err}
			}
		}
		if len(b) != t.W*tlog.HashSize {
			return nil, &sourceError{ErrNotFound}
		}
		out[i] = b
	}
	return out, nil
}

// SaveTiles keeps tiles that were verified.
func (r *tileReader) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept)+len(tiles) > cacheLimit {
		clear(r.kept)
	}
	for i, t := range tiles[:min(len(tiles), cacheLimit)] {
		r.kept[t] = data[i]
	}
}

// Prove gives the consistency proof that a tree goes on from its first old
// records (RFC 6962, section 2.1.2), as [witness.Prove] asks for it. From 0
// records, and from all of them, it is empty.
//
// [witness.Prove]: https://pkg.go.dev/github.com/ostiary/ostiary/proxy/audit/witness#Prove
func Prove(source Source, tree tlog.Tree, old int64) ([]tlog.Hash, error) {
	switch {
	case old < 0 || old > tree.N:
		return nil, fmt.Errorf("a tree of %d records cannot go on from %d", tree.N, old)
	case old == 0 || old == tree.N:
		return nil, nil
	}
	p, err := tlog.ProveTree(tree.N, old, Hashes(source, tree))
	if err != nil {
		return nil, fmt.Errorf("prove that the log goes on from %d records: %w", old, err)
	}
	return p, nil
}

// Tree gives a checkpoint's tree.
func Tree(c audit.Checkpoint) tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Root} }

// ErrAltered: what a source gives is not what the checkpoint was signed for.
var ErrAltered = errors.New("not what was signed")

// Records gives the records of a tree from an index on, each checked against the
// tree's root. One that is not the one that was signed ends it with [ErrAltered],
// as tiles that are not the tree's do, one that is not there with [ErrNotFound].
func Records(source Source, tree tlog.Tree, from int64) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		hashes := Hashes(source, tree)
		for first := max(from, 0); first < tree.N; {
			n := min(Width-first%Width, tree.N-first)
			entries, err := source.Entries(first, n)
			if err == nil && int64(len(entries)) != n {
				err = ErrNotFound
			}
			var want []tlog.Hash
			if err == nil {
				want, err = hashes.ReadHashes(indexes(first, n))
			}
			if err != nil {
				yield(audit.Record{Index: first}, fmt.Errorf("record %d: %w", first, err))
				return
			}
			for i, e := range entries {
				index := first + int64(i)
				if tlog.RecordHash(e) != want[i] {
					yield(audit.Record{Index: index}, fmt.Errorf("record %d: %w", index, ErrAltered))
					return
				}
				if !yield(audit.Record{Index: index, JSON: e}, nil) {
					return
				}
			}
			first += n
		}
	}
}

// indexes gives where the hashes of records stand in x/mod's order.
func indexes(first, n int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	return out
}
