package audit

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Bounds of what a reader keeps so that records that lie near one another cost one
// look at the disk.
const (
	keptPacks    = 512             // directories of packs, some 4 KB each
	keptBytes    = 16 << 20        // of unpacked blocks of events, some 40 of them
	keptPersonal = 4 << 20         // of unpacked blocks of personal parts
	keptFor      = 2 * time.Second // that personal parts are kept without being asked for: they may be erased meanwhile
)

// kept are blocks of packs that were unpacked lately. Each is taken only while the
// file is the one that it was read from: a pack is never altered, another one is put
// in its place. It is safe for concurrent use.
type kept struct {
	dir   string
	limit int           // bytes of blocks
	only  time.Duration // that blocks are kept after they were asked for; 0 is no bound

	mu     sync.Mutex
	zip    *zstd.Decoder // its DecodeAll is safe for concurrent use
	packs  []*keptPack   // the one that was used last stands last
	blocks []*keptBlock  // likewise
	bytes  int           // of blocks
	timer  *time.Timer   // drops the blocks; nil where none are kept
}

// keptPack is the directory of a pack. It is not altered.
type keptPack struct {
	name       string      // below the log's directory
	first, end int64       // indices of the first record and behind the last
	info       os.FileInfo // of the file that was read
	places     []place
	behind     int64 // end of the blocks
}

// keptBlock is an unpacked block. It is not altered.
type keptBlock struct {
	pack *keptPack
	n    int // which block
	loaded
}

func (b *keptBlock) size() int { return len(b.heads) + len(b.bodies) }

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// errMoved: the file is not there, or is another one.
var errMoved = errors.New("the pack is another one")

// of gives the events' pack that has the record of an index, nil where none is known.
func (k *kept) of(index int64) *keptPack {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.packs {
		if p.first <= index && index < p.end {
			return p
		}
	}
	return nil
}

// named gives the pack of a name that is in its place now and has the records from an
// index to before another. It fails with [os.ErrNotExist] where there is none.
func (k *kept) named(name string, first, end int64) (*keptPack, error) {
	info, err := os.Stat(filepath.Join(k.dir, name))
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	i := slices.IndexFunc(k.packs, func(p *keptPack) bool { return p.name == name })
	var known *keptPack
	if i >= 0 {
		known = k.packs[i]
	}
	k.mu.Unlock()
	if known != nil && known.first == first && known.end == end && sameFile(known.info, info) {
		return known, nil
	}
	f, err := os.Open(filepath.Join(k.dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	opened := pack{r: f, block: -1}
	if info, err = f.Stat(); err == nil {
		err = opened.directory()
	}
	if err != nil {
		return nil, err
	}
	p := &keptPack{name: name, first: first, end: end, info: info, places: opened.places, behind: opened.end}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(func(old *keptPack) bool { return old.name == name })
	if k.packs = append(k.packs, p); len(k.packs) > keptPacks {
		oldest := k.packs[0]
		k.drop(func(old *keptPack) bool { return old == oldest })
	}
	return p, nil
}

// drop forgets packs with their blocks. mu is held.
func (k *kept) drop(which func(*keptPack) bool) {
	k.packs = slices.DeleteFunc(k.packs, which)
	k.blocks = slices.DeleteFunc(k.blocks, func(b *keptBlock) bool {
		if !which(b.pack) {
			return false
		}
		k.bytes -= b.size()
		return true
	})
}

// forget drops a pack that is not in its place any more.
func (k *kept) forget(p *keptPack) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(func(old *keptPack) bool { return old == p })
}

// entry gives the entry of a record, which is not to be altered, and nil where the pack
// has none. It fails with errMoved where the file is not the one that was read, and
// with errBad where it cannot be read as it was written.
func (k *kept) entry(p *keptPack, index int64) ([]byte, error) {
	info, err := os.Stat(filepath.Join(k.dir, p.name))
	if err != nil || !sameFile(p.info, info) {
		k.forget(p)
		return nil, errors.Join(err, errMoved)
	}
	n := sort.Search(len(p.places), func(i int) bool { return p.places[i].first > index }) - 1
	if n < 0 {
		return nil, nil
	}
	b := k.block(p, n)
	if b == nil {
		if b, err = k.load(p, n); err != nil {
			return nil, err
		}
	}
	return b.of(index)
}

// block gives a block that is kept, nil where it is not.
func (k *kept) block(p *keptPack, n int) *keptBlock {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.blocks, func(b *keptBlock) bool { return b.pack == p && b.n == n })
	if i < 0 {
		return nil
	}
	b := k.blocks[i]
	copy(k.blocks[i:], k.blocks[i+1:])
	k.blocks[len(k.blocks)-1] = b
	k.stay()
	return b
}

// load reads a block and keeps it.
func (k *kept) load(p *keptPack, n int) (*keptBlock, error) {
	f, err := os.Open(filepath.Join(k.dir, p.name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !sameFile(p.info, info) {
		k.forget(p)
		return nil, errors.Join(err, errMoved)
	}
	zip, err := k.decoder()
	if err != nil {
		return nil, err
	}
	l, _, err := readBlock(f, p.places, p.behind, n, zip, nil)
	if err != nil {
		return nil, err
	}
	b := &keptBlock{pack: p, n: n, loaded: l}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.packs, p) || slices.ContainsFunc(k.blocks, func(old *keptBlock) bool { return old.pack == p && old.n == n }) {
		return b, nil
	}
	k.blocks = append(k.blocks, b)
	k.bytes += b.size()
	for len(k.blocks) > 1 && k.bytes > k.limit {
		k.bytes -= k.blocks[0].size()
		k.blocks = slices.Delete(k.blocks, 0, 1)
	}
	k.stay()
	return b, nil
}

// stay puts off that the blocks are dropped. mu is held.
func (k *kept) stay() {
	switch {
	case k.only == 0:
	case k.timer == nil:
		k.timer = time.AfterFunc(k.only, func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.blocks, k.bytes, k.timer = nil, 0, nil
		})
	default:
		k.timer.Reset(k.only)
	}
}

func (k *kept) decoder() (*zstd.Decoder, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.zip == nil {
		var err error
		if k.zip, err = newUnpacker(0); err != nil {
			return nil, err
		}
	}
	return k.zip, nil
}

// of gives the entry of a record, nil where the block has none.
func (l loaded) of(index int64) ([]byte, error) {
	at := 0
	for h := l.heads; len(h) > 0; h = h[packEntry:] {
		n := int(binary.LittleEndian.Uint32(h[4:]))
		if n > len(l.bodies)-at {
			return nil, errBad
		}
		switch i := l.first + int64(binary.LittleEndian.Uint32(h)); {
		case i == index:
			return l.bodies[at : at+n : at+n], nil
		case i > index:
			return nil, nil
		}
		at += n
	}
	return nil, nil
}
