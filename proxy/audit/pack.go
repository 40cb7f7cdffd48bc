package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"

	"github.com/klauspost/compress/zstd"
)

// A pack holds entries by the index of their record: the events of a segment that
// is full, or their personal parts. It begins with the segment's header. Blocks of
// up to 256 entries follow, each of them compressed by itself so that one entry can
// be had without the others. Integers are little-endian.
//
//	 0  u32  length of the compressed bytes
//	 4  u32  CRC-32C of the header without this field and of the compressed bytes
//	 8  u64  index of the first entry's record
//	16  u32  number of entries
//	20  u32  length of the bytes before they were compressed
//	24  zstd (RFC 8878): per entry u32 index minus that of the first, u32 length; then the entries
//
// At the end stands the directory: per block u64 offset, u64 first index; then
//
//	 0  u64  offset of the directory
//	 8  u64  number of blocks
//	16  u64  number of entries
//	24  u32  CRC-32C of directory and trailer without this field and what follows
//	28  u32  zero
const (
	packBlock       = 256 // entries
	packBlockHeader = 24
	packEntry       = 8
	packTrailer     = 32
	packPlace       = 16 // of a block in the directory
	packSum         = 8  // the CRC and what follows
	// packRaw bounds a block before it is compressed: a block of the longest entries
	// permitted is cut before.
	packRaw = 4 << 20
)

// packer writes a pack. Its methods but close may not be called after an error.
type packer struct {
	file   file
	offset int64
	zip    *zstd.Encoder

	first   int64 // index of the first entry of the block
	heads   []byte
	bodies  []byte
	count   int
	places  []byte // the directory
	entries int64
	buf     []byte
	pause   func() // between blocks
}

// newPacker begins a pack with a segment's header.
func newPacker(f file, h header, pause func()) (*packer, error) {
	// One goroutine and little memory: packing is behind everything else.
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	h.sealed = true
	p := &packer{file: f, offset: segmentHeader, zip: zip, pause: pause}
	_, err = f.WriteAt(h.encode(), 0)
	return p, err
}

// add appends an entry. The indices must rise.
func (p *packer) add(index int64, b []byte) error {
	if p.count == packBlock || p.count > 0 && len(p.bodies)+len(b) > packRaw-packBlock*packEntry {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.count == 0 {
		p.first = index
	}
	p.heads = binary.LittleEndian.AppendUint32(p.heads, uint32(index-p.first))
	p.heads = binary.LittleEndian.AppendUint32(p.heads, uint32(len(b)))
	p.bodies = append(p.bodies, b...)
	p.count++
	return nil
}

func (p *packer) flush() error {
	if p.count == 0 {
		return nil
	}
	raw := append(p.heads, p.bodies...)
	p.buf = append(p.buf[:0], make([]byte, packBlockHeader)...)
	p.buf = p.zip.EncodeAll(raw, p.buf)
	h := p.buf[:packBlockHeader]
	binary.LittleEndian.PutUint32(h[0:], uint32(len(p.buf)-packBlockHeader))
	binary.LittleEndian.PutUint64(h[8:], uint64(p.first))
	binary.LittleEndian.PutUint32(h[16:], uint32(p.count))
	binary.LittleEndian.PutUint32(h[20:], uint32(len(raw)))
	binary.LittleEndian.PutUint32(h[4:], frameSum(p.buf))
	if _, err := p.file.WriteAt(p.buf, p.offset); err != nil {
		return err
	}
	p.places = binary.LittleEndian.AppendUint64(p.places, uint64(p.offset))
	p.places = binary.LittleEndian.AppendUint64(p.places, uint64(p.first))
	p.offset += int64(len(p.buf))
	p.entries += int64(p.count)
	p.heads, p.bodies, p.count = raw[:0], p.bodies[:0], 0
	if p.pause != nil {
		p.pause()
	}
	return nil
}

// finish writes the directory and makes the pack durable.
func (p *packer) finish() error {
	if err := p.flush(); err != nil {
		return err
	}
	b := slices.Clone(p.places)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(p.places)/packPlace))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.entries))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
	b = binary.LittleEndian.AppendUint32(b, 0)
	if _, err := p.file.WriteAt(b, p.offset); err != nil {
		return err
	}
	return p.file.Sync()
}

func (p *packer) close() { _ = p.zip.Close() } // of a writer of nothing: cannot fail

// pack is a pack open for reading. It is not safe for concurrent use.
type pack struct {
	r       *os.File
	header  header
	places  []place
	end     int64 // of the blocks
	entries int64
	zip     *zstd.Decoder

	block int // that is loaded, -1 for none
	raw   []byte
	loaded
}

// place is where a block lies.
type place struct{ offset, first int64 }

// loaded is the block that was read last.
type loaded struct {
	heads  []byte
	bodies []byte
	first  int64
	next   int // entry that comes next
	at     int // of bodies
}

// openPack opens a pack. It fails with errBad where it cannot be read as one, and
// with the error of opening. The caller closes it.
func openPack(name string) (*pack, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	p := &pack{r: f, block: -1}
	if err := p.directory(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if p.zip, err = newUnpacker(1); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

func (p *pack) close() error {
	p.zip.Close()
	return p.r.Close()
}

// directory reads header, trailer and directory.
func (p *pack) directory() error {
	info, err := p.r.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size < segmentHeader+packTrailer {
		return errBad
	}
	page, tail := make([]byte, segmentHeader), make([]byte, packTrailer)
	if err := readAll(p.r, page, 0); err != nil {
		return err
	}
	h, err := decodeHeader(page)
	if err != nil || !h.sealed {
		return errBad
	}
	if err := readAll(p.r, tail, size-packTrailer); err != nil {
		return err
	}
	at, blocks := int64(binary.LittleEndian.Uint64(tail)), int64(binary.LittleEndian.Uint64(tail[8:]))
	if at < segmentHeader || blocks < 0 || blocks > size/packPlace || at+blocks*packPlace+packTrailer != size {
		return errBad
	}
	b := make([]byte, blocks*packPlace+packTrailer)
	if err := readAll(p.r, b, at); err != nil {
		return err
	}
	sum := len(b) - packSum
	if binary.LittleEndian.Uint32(b[sum:]) != crc32.Checksum(b[:sum], castagnoli()) || !isZero(b[sum+4:]) {
		return errBad
	}
	p.header, p.end, p.entries = *h, at, int64(binary.LittleEndian.Uint64(tail[16:]))
	last := place{segmentHeader, -1}
	for i := range blocks {
		l := place{int64(binary.LittleEndian.Uint64(b[i*packPlace:])), int64(binary.LittleEndian.Uint64(b[i*packPlace+8:]))}
		if l.offset < last.offset || l.offset > at || l.first <= last.first {
			return errBad
		}
		p.places = append(p.places, l)
		last = l
	}
	return nil
}

// readAll reads b whole. The end of the file within it is errBad.
func readAll(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errBad
	}
	return err
}

// load reads a block. It fails with errBad where it is not as it was written.
func (p *pack) load(block int) error {
	p.block = -1
	l, raw, err := readBlock(p.r, p.places, p.end, block, p.zip, p.raw)
	if err != nil {
		return err
	}
	p.raw, p.loaded, p.block = raw, l, block
	return nil
}

// readBlock reads one of the blocks that lie at some places of a file, up to an end. It
// unpacks into buf, where that is large enough, and gives it as raw: the loaded block
// aliases it.
func readBlock(r io.ReaderAt, places []place, end int64, block int, zip *zstd.Decoder, buf []byte) (l loaded, raw []byte, err error) {
	if block+1 < len(places) {
		end = places[block+1].offset
	}
	at := places[block]
	n := end - at.offset
	if n < packBlockHeader || n > 2*packRaw {
		return l, nil, errBad
	}
	b := make([]byte, n)
	if err := readAll(r, b, at.offset); err != nil {
		return l, nil, err
	}
	count, size := int(binary.LittleEndian.Uint32(b[16:])), int(binary.LittleEndian.Uint32(b[20:]))
	if int64(binary.LittleEndian.Uint32(b)) != n-packBlockHeader || binary.LittleEndian.Uint32(b[4:]) != frameSum(b) ||
		int64(binary.LittleEndian.Uint64(b[8:])) != at.first || count < 1 || count > packBlock || size > packRaw || size < count*packEntry {
		return l, nil, errBad
	}
	if raw, err = zip.DecodeAll(b[packBlockHeader:], slices.Grow(buf[:0], size)); err != nil || len(raw) != size {
		return l, nil, errBad
	}
	return loaded{heads: raw[:count*packEntry], bodies: raw[count*packEntry:], first: at.first}, raw, nil
}

// newUnpacker makes what unpacks as many blocks at once; 0 is as many as there are cores.
func newUnpacker(atOnce int) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(atOnce), zstd.WithDecoderMaxMemory(2*packRaw), zstd.WithDecoderLowmem(true))
}

// entry gives the next entry of the loaded block; ok is false behind the last.
func (l *loaded) entry() (index int64, b []byte, ok bool) {
	if l.next*packEntry >= len(l.heads) {
		return 0, nil, false
	}
	h := l.heads[l.next*packEntry:]
	n := int(binary.LittleEndian.Uint32(h[4:]))
	if n > len(l.bodies)-l.at {
		return 0, nil, false
	}
	index, b = l.first+int64(binary.LittleEndian.Uint32(h)), l.bodies[l.at:l.at+n]
	l.next, l.at = l.next+1, l.at+n
	return index, b, true
}

// passed says whether the entry that comes next lies behind the index, or none does.
func (l *loaded) passed(index int64) bool {
	h := l.next * packEntry
	return h >= len(l.heads) || l.first+int64(binary.LittleEndian.Uint32(l.heads[h:])) > index
}

// next gives the next entry in order, valid until the next call, and errEnd
// behind the last.
func (p *pack) nextEntry() (int64, []byte, error) {
	for {
		if p.block >= 0 {
			if index, b, ok := p.entry(); ok {
				return index, b, nil
			}
		}
		block := p.block + 1
		if block >= len(p.places) {
			return 0, nil, errEnd
		}
		if err := p.load(block); err != nil {
			return 0, nil, err
		}
	}
}

// seek makes nextEntry go on with the first entry whose index is not less.
func (p *pack) seek(index int64) error {
	block := sort.Search(len(p.places), func(i int) bool { return p.places[i].first > index }) - 1
	if block < 0 {
		p.block = -1
		return nil
	}
	if p.block != block {
		if err := p.load(block); err != nil {
			return err
		}
	}
	if p.passed(index) { // who reads on in order need not begin anew
		p.loaded.next, p.at = 0, 0
	}
	for {
		was := p.loaded
		i, _, ok := p.entry()
		if !ok {
			return nil
		}
		if i >= index {
			p.loaded = was
			return nil
		}
	}
}

// find gives the entry of a record, or nil.
func (p *pack) find(index int64) ([]byte, error) {
	if err := p.seek(index); err != nil {
		return nil, err
	}
	i, b, err := p.nextEntry()
	if errors.Is(err, errEnd) || err == nil && i != index {
		return nil, nil
	}
	return b, err
}

// names of a segment's files, below the log's directory.
func (s *segmentFile) personalName() string { return personalName(s.number) }

const (
	sealedSuffix   = ".seg"
	personalSuffix = ".personal"
)

func sealedName(number int64) string   { return number8("segments", number, sealedSuffix) }
func personalName(number int64) string { return number8("segments", number, personalSuffix) }

// number8 gives a file name of at least eight digits.
func number8(dir string, number int64, suffix string) string {
	return fmt.Sprintf("%s/%08d%s", dir, number, suffix)
}

// exists says whether a file is there.
func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
