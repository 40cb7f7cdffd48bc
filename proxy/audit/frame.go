package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxRecord is the greatest length of a record in bytes: entry bundles of C2SP
// tlog-tiles prefix an entry with a length of 16 bits.
const MaxRecord = 65535

// A record on disk is a frame: 24 bytes of header, the canonical JSON of the event,
// that of its personal part where it has one, zeros up to a multiple of eight.
// Integers are little-endian.
//
//	 0  u32  length of the event, 1 to 65,535; a header of zeros ends the segment
//	 4  u32  CRC-32C (Castagnoli) of the header without this field, event and personal part
//	 8  u64  index of the record in the log, from 0
//	16  u32  bytes of this segment that were durable before this frame's batch was written
//	20  u32  length of the personal part, 0 to 65,535
//
// The index keeps a frame from being read in another's place. The fourth field
// tells a torn tail from damage: whatever lies below the figure that a later
// frame carries was durable, so if it cannot be read it was lost, not torn.
const (
	frameHeader = 24
	frameAlign  = 8
)

var (
	errEnd  = errors.New("end of records")        // a header of zeros
	errBad  = errors.New("record cannot be read") // anything but a good frame
	errPart = errors.New("more bytes needed")     // good so far, but b is too short to say
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// frame is a record as read. json and personal alias the bytes they were read from.
type frame struct {
	index    int64
	durable  int64
	json     []byte
	personal []byte // nil where there is none
}

// frameSize gives the bytes that a record takes on disk whose event and personal
// part have n bytes together.
func frameSize(n int) int { return (frameHeader + n + frameAlign - 1) / frameAlign * frameAlign }

// appendFrame appends a record's frame to dst.
func appendFrame(dst []byte, f frame) []byte {
	var h [frameHeader]byte
	binary.LittleEndian.PutUint32(h[0:], uint32(len(f.json)))
	binary.LittleEndian.PutUint64(h[8:], uint64(f.index))
	binary.LittleEndian.PutUint32(h[16:], uint32(f.durable))
	binary.LittleEndian.PutUint32(h[20:], uint32(len(f.personal)))
	start, end := len(dst), len(dst)+frameSize(len(f.json)+len(f.personal))
	dst = append(append(append(dst, h[:]...), f.json...), f.personal...)
	binary.LittleEndian.PutUint32(dst[start+4:], frameSum(dst[start:]))
	for len(dst) < end {
		dst = append(dst, 0)
	}
	return dst
}

// frameSum gives the CRC of a frame without the zeros at its end.
func frameSum(f []byte) uint32 {
	t := castagnoli()
	return crc32.Update(crc32.Update(0, t, f[0:4]), t, f[8:])
}

// readFrame reads the frame at the beginning of b and gives its size on disk.
// It fails with errEnd, errBad or errPart. A frame it gives has a good CRC.
func readFrame(b []byte) (frame, int, error) {
	if len(b) < frameHeader {
		return frame{}, 0, errPart
	}
	h := b[:frameHeader]
	n := int(binary.LittleEndian.Uint32(h))
	if n == 0 {
		if isZero(h) {
			return frame{}, 0, errEnd
		}
		return frame{}, 0, errBad
	}
	m := int(binary.LittleEndian.Uint32(h[20:]))
	if n > MaxRecord || m > MaxRecord {
		return frame{}, 0, errBad
	}
	size := frameSize(n + m)
	if len(b) < size {
		return frame{}, 0, errPart
	}
	end := frameHeader + n + m
	if binary.LittleEndian.Uint32(h[4:]) != frameSum(b[:end]) || !isZero(b[end:size]) {
		return frame{}, 0, errBad
	}
	f := frame{
		index:   int64(binary.LittleEndian.Uint64(h[8:])),
		durable: int64(binary.LittleEndian.Uint32(h[16:])),
		json:    b[frameHeader : frameHeader+n],
	}
	if m > 0 {
		f.personal = b[frameHeader+n : end]
	}
	if f.index < 0 {
		return frame{}, 0, errBad
	}
	return f, size, nil
}

// zeros is compared with and written from, and never written to.
var zeros [64 << 10]byte

func isZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// A segment begins with one page of header. It states the tree before its first
// record, so that a segment can be read, and the log gone on with, without the
// segments before it.
//
//	   0  16 bytes "ostiary log v1\n\x00", or "ostiary seal v1\n" where it was packed
//	  16  u64  number of the segment
//	  24  u64  index of its first record
//	  32  u64  milliseconds since 1970 when it was begun
//	  40  u16  length of the origin
//	  42  u16  number of hashes
//	  44  origin, then the hashes of the complete subtrees, the largest first
//	4092  u32  CRC-32C of all before
const (
	segmentHeader = 4096
	segmentMagic  = "ostiary log v1\n\x00" // of a segment that is appended to
	sealedMagic   = "ostiary seal v1\n"    // of one that was packed
	originLimit   = 255
	headerFixed   = 44
)

// header is the header of a segment.
type header struct {
	number int64
	began  int64 // Unix milliseconds
	origin string
	tree   frontier // before the first record
	sealed bool     // the segment was packed
}

func (h *header) encode() []byte {
	b := make([]byte, segmentHeader)
	copy(b, segmentMagic)
	if h.sealed {
		copy(b, sealedMagic)
	}
	binary.LittleEndian.PutUint64(b[16:], uint64(h.number))
	binary.LittleEndian.PutUint64(b[24:], uint64(h.tree.size))
	binary.LittleEndian.PutUint64(b[32:], uint64(h.began))
	binary.LittleEndian.PutUint16(b[40:], uint16(len(h.origin)))
	binary.LittleEndian.PutUint16(b[42:], uint16(len(h.tree.nodes)))
	at := headerFixed + copy(b[headerFixed:], h.origin)
	for i := range h.tree.nodes {
		at += copy(b[at:], h.tree.nodes[i][:])
	}
	binary.LittleEndian.PutUint32(b[segmentHeader-4:], crc32.Checksum(b[:segmentHeader-4], castagnoli()))
	return b
}

// decodeHeader reads a segment's header. It fails with errEnd where the page is
// zero (a segment that was prepared and not begun) and with errBad.
func decodeHeader(b []byte) (*header, error) {
	if len(b) < segmentHeader {
		return nil, errBad
	}
	b = b[:segmentHeader]
	if isZero(b) {
		return nil, errEnd
	}
	magic := string(b[:len(segmentMagic)])
	if magic != segmentMagic && magic != sealedMagic || binary.LittleEndian.Uint32(b[segmentHeader-4:]) != crc32.Checksum(b[:segmentHeader-4], castagnoli()) {
		return nil, errBad
	}
	h := &header{
		number: int64(binary.LittleEndian.Uint64(b[16:])),
		began:  int64(binary.LittleEndian.Uint64(b[32:])),
		sealed: magic == sealedMagic,
	}
	h.tree.size = int64(binary.LittleEndian.Uint64(b[24:]))
	origin, nodes := int(binary.LittleEndian.Uint16(b[40:])), int(binary.LittleEndian.Uint16(b[42:]))
	if origin > originLimit || headerFixed+origin+nodes*tlog.HashSize > segmentHeader-4 || h.number < 0 || nodes != subtrees(h.tree.size) {
		return nil, errBad
	}
	h.origin = string(b[headerFixed : headerFixed+origin])
	for at := headerFixed + origin; len(h.tree.nodes) < nodes; at += tlog.HashSize {
		h.tree.nodes = append(h.tree.nodes, tlog.Hash(b[at:at+tlog.HashSize]))
	}
	return h, nil
}

// The file "committed" says up to where the log is durable, for readers of other
// processes. It is written after each commit and not synchronised: after a power
// failure it may be old, and is never ahead.
//
//	 0  u64  number of the segment
//	 8  u64  bytes of it that are durable
//	16  u64  records in the log
//	24  u32  CRC-32C of all before
//	28  u32  zero
const markerSize = 32

// marker is a place in the log.
type marker struct {
	segment, offset, size int64
}

func (m marker) encode() []byte {
	b := make([]byte, markerSize)
	binary.LittleEndian.PutUint64(b[0:], uint64(m.segment))
	binary.LittleEndian.PutUint64(b[8:], uint64(m.offset))
	binary.LittleEndian.PutUint64(b[16:], uint64(m.size))
	binary.LittleEndian.PutUint32(b[24:], crc32.Checksum(b[:24], castagnoli()))
	return b
}

func decodeMarker(b []byte) (marker, bool) {
	if len(b) != markerSize || binary.LittleEndian.Uint32(b[24:]) != crc32.Checksum(b[:24], castagnoli()) {
		return marker{}, false
	}
	m := marker{
		segment: int64(binary.LittleEndian.Uint64(b[0:])),
		offset:  int64(binary.LittleEndian.Uint64(b[8:])),
		size:    int64(binary.LittleEndian.Uint64(b[16:])),
	}
	return m, m.segment >= 0 && m.offset >= segmentHeader && m.size >= 0
}
