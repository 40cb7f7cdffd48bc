package audit

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is a Merkle tree of RFC 6962 as far as appending needs it: the roots
// of its complete subtrees, the largest first, one per bit set in size. The zero
// frontier is the empty tree.
type frontier struct {
	size  int64
	nodes []tlog.Hash
}

// subtrees gives the number of complete subtrees in a tree of n leaves.
func subtrees(n int64) int { return bits.OnesCount64(uint64(n)) }

// add appends a leaf.
func (f *frontier) add(leaf tlog.Hash) { f.join(leaf, 0) }

// join appends a complete subtree of 2^height leaves. The size must be a
// multiple of that.
func (f *frontier) join(h tlog.Hash, height int) {
	for n := f.size >> height; n&1 == 1; n >>= 1 {
		last := len(f.nodes) - 1
		h, f.nodes = tlog.NodeHash(f.nodes[last], h), f.nodes[:last]
	}
	f.nodes = append(f.nodes, h)
	f.size += 1 << height
}

// root gives the tree's root; that of the empty tree is SHA-256 of nothing.
func (f *frontier) root() tlog.Hash {
	if len(f.nodes) == 0 {
		return sha256.Sum256(nil)
	}
	h := f.nodes[len(f.nodes)-1]
	for i := len(f.nodes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.nodes[i], h)
	}
	return h
}

func (f *frontier) clone() frontier {
	return frontier{f.size, append([]tlog.Hash(nil), f.nodes...)}
}

// Tiles follow C2SP tlog-tiles: 256 hashes each, those of level L are the roots
// of complete subtrees of 256^L leaves.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// tileName gives the path of a tile below the log's directory: the level, the
// tile's number in groups of three digits of which all but the last begin with
// x, and the width where the tile is partial.
func tileName(level int, n int64, width int) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	s = fmt.Sprintf("tile/%d/%s", level, s)
	if width < tileWidth {
		s += fmt.Sprintf(".p/%d", width)
	}
	return s
}

// tile is one tile with its hashes.
type tile struct {
	level  int
	n      int64
	hashes []tlog.Hash
}

func (t *tile) name() string { return tileName(t.level, t.n, len(t.hashes)) }

func (t *tile) bytes() []byte {
	b := make([]byte, 0, len(t.hashes)*tlog.HashSize)
	for i := range t.hashes {
		b = append(b, t.hashes[i][:]...)
	}
	return b
}

// edge is the right edge of the tiles: the partial tile of each level.
type edge struct {
	size   int64
	levels [][]tlog.Hash // each shorter than tileWidth
}

// add appends a leaf and gives the tiles that it completes.
func (e *edge) add(leaf tlog.Hash) []tile {
	var full []tile
	h := leaf
	e.size++
	for level := 0; ; level++ {
		if level == len(e.levels) {
			e.levels = append(e.levels, nil)
		}
		e.levels[level] = append(e.levels[level], h)
		if len(e.levels[level]) < tileWidth {
			return full
		}
		t := tile{level, (e.size >> (tileHeight * (level + 1))) - 1, e.levels[level]}
		e.levels[level] = nil
		full = append(full, t)
		var sub frontier
		for _, h := range t.hashes {
			sub.add(h)
		}
		h = sub.root()
	}
}

// partial gives the partial tiles of a tree of this size.
func (e *edge) partial() []tile {
	var out []tile
	for level, hashes := range e.levels {
		if len(hashes) > 0 {
			out = append(out, tile{level, e.size >> (tileHeight * (level + 1)), hashes})
		}
	}
	return out
}

// frontier gives the tree that the tiles state.
func (e *edge) frontier() frontier {
	var f frontier
	for level := len(e.levels) - 1; level >= 0; level-- {
		for _, h := range e.levels[level] {
			f.join(h, tileHeight*level)
		}
	}
	return f
}

// partialWidths gives, per level, how many hashes the partial tile of a tree of
// n leaves has.
func partialWidths(n int64) []int {
	var out []int
	for ; n > 0; n >>= tileHeight {
		out = append(out, int(n&(tileWidth-1)))
	}
	return out
}
