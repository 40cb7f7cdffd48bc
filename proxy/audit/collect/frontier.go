package collect

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is a Merkle tree of RFC 6962 as far as appending needs it: the roots of
// its complete subtrees, the largest first.
type frontier struct {
	size  int64
	nodes []tlog.Hash
}

// add appends a record's hash.
func (f *frontier) add(h tlog.Hash) {
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.nodes) - 1
		h, f.nodes = tlog.NodeHash(f.nodes[last], h), f.nodes[:last]
	}
	f.nodes = append(f.nodes, h)
	f.size++
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
