package collect

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sort"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

// hashes is the Merkle tree of a replica in a file, in the order of x/mod's tlog:
// some 64 bytes a record. With it the root of any size, a record's hash and a
// proof take some reads of 32 bytes. It is written and made durable before the
// records are, so that it never has less than the replica; what it has beyond is
// written over.
type hashes struct {
	file *os.File
	size int64 // records
}

// openHashes opens the tree of a replica of some size. What it lacks of that, the
// caller appends.
func openHashes(name string, size int64) (*hashes, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	have := info.Size() / tlog.HashSize
	// The greatest number of records whose hashes are all there.
	n := int64(sort.Search(int(have)+1, func(n int) bool { return tlog.StoredHashCount(int64(n)) > have })) - 1
	return &hashes{f, min(n, size)}, nil
}

// ReadHashes implements tlog.HashReader.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	end := tlog.StoredHashCount(h.size)
	for i, x := range indexes {
		if x < 0 || x >= end {
			return nil, fmt.Errorf("the tree has no hash %d", x)
		}
		if _, err := h.file.ReadAt(out[i][:], x*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("read the tree: %w", err)
		}
	}
	return out, nil
}

// append adds records and makes them durable.
func (h *hashes) append(leaves []tlog.Hash) error {
	base := tlog.StoredHashCount(h.size)
	var fresh []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			if x >= base {
				out[i] = fresh[x-base]
				continue
			}
			old, err := h.ReadHashes([]int64{x})
			if err != nil {
				return nil, err
			}
			out[i] = old[0]
		}
		return out, nil
	})
	for i, leaf := range leaves {
		more, err := tlog.StoredHashesForRecordHash(h.size+int64(i), leaf, read)
		if err != nil {
			return err
		}
		fresh = append(fresh, more...)
	}
	b := make([]byte, 0, len(fresh)*tlog.HashSize)
	for i := range fresh {
		b = append(b, fresh[i][:]...)
	}
	if _, err := h.file.WriteAt(b, base*tlog.HashSize); err != nil {
		return err
	}
	if err := h.file.Sync(); err != nil {
		return &syncError{err}
	}
	h.size += int64(len(leaves))
	return nil
}

// back forgets the records from a size on.
func (h *hashes) back(size int64) { h.size = min(h.size, size) }

// leaves gives the hashes of n records from an index on.
func (h *hashes) leaves(first, n int64) ([]tlog.Hash, error) {
	indexes := make([]int64, n)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	return h.ReadHashes(indexes)
}

// root gives the root of the first n records.
func (h *hashes) root(n int64) (tlog.Hash, error) {
	f, err := h.frontier(n)
	return f.Root(), err
}

// frontier gives the tree of the first n records, as far as appending needs it.
func (h *hashes) frontier(n int64) (audit.Frontier, error) {
	indexes := []int64{}
	at := int64(0)
	for level := bits.Len64(uint64(n)) - 1; level >= 0; level-- {
		if n>>level&1 == 1 {
			indexes = append(indexes, tlog.StoredHashIndex(level, at>>level))
			at += 1 << level
		}
	}
	roots, err := h.ReadHashes(indexes)
	return audit.NewFrontier(n, roots), err
}

// prove gives the consistency proof from old records to n.
func (h *hashes) prove(n, old int64) ([]tlog.Hash, error) {
	if old == 0 || old == n {
		return nil, nil
	}
	return tlog.ProveTree(n, old, h)
}

func (h *hashes) close() error { return h.file.Close() }
