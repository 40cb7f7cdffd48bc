package audit

import "golang.org/x/mod/sumdb/tlog"

// Frontier is the Merkle tree of a log (RFC 6962) as far as appending needs it. The
// zero Frontier is the empty tree.
type Frontier struct{ tree frontier }

// NewFrontier gives the tree of so many leaves, of which roots are those of its
// complete subtrees, the largest first, one per bit set in size. It keeps the slice.
func NewFrontier(size int64, roots []tlog.Hash) Frontier { return Frontier{frontier{size, roots}} }

// Add appends the hash of a record.
func (f *Frontier) Add(leaf tlog.Hash) { f.tree.add(leaf) }

// Size gives the number of leaves.
func (f *Frontier) Size() int64 { return f.tree.size }

// Root gives the tree's root; that of the empty tree is SHA-256 of nothing.
func (f *Frontier) Root() tlog.Hash { return f.tree.root() }
