package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// scanner reads the frames of one segment, packed or not, or of one history of
// checkpoints.
type scanner struct {
	r      io.ReaderAt
	offset int64 // of the next frame
	limit  int64 // end of the file

	buf   []byte // of the file, from at
	at    int64
	ahead int64 // how much is read at once, at first; 0 for scanWindow

	events   *pack // of a segment that was packed; then r is nil
	personal *pack // its personal parts, nil where they are not wanted or not there
	file     io.Closer
}

func (s *scanner) close() error {
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	for _, p := range []*pack{s.events, s.personal} {
		if p != nil {
			err = errors.Join(err, p.close())
		}
	}
	return err
}

// packed gives the next frame of a segment that was packed.
func (s *scanner) packed() (frame, error) {
	index, b, err := s.events.nextEntry()
	if err != nil {
		return frame{}, err
	}
	f := frame{index: index, json: b}
	if s.personal != nil {
		if f.personal, err = s.personal.find(index); err != nil {
			return frame{}, err
		}
	}
	return f, nil
}

// seek makes next go on with the record of an index, as far as that spares reading.
func (s *scanner) seek(index int64) error {
	if s.events == nil {
		return nil
	}
	return s.events.seek(index)
}

// How much is read at once: of records that follow one another, and at first of one
// that is read by itself.
const (
	scanWindow = 1 << 20
	scanOne    = 32 << 10
)

// next gives the next frame and leaves offset behind it. It fails with errEnd at
// a header of zeros or the end of the file, with errBad where a frame cannot be
// read (offset stays), and with the error of reading. The frame is valid until
// the next call.
func (s *scanner) next() (frame, error) {
	if s.events != nil {
		return s.packed()
	}
	for {
		b := s.window()
		f, n, err := readFrame(b)
		if errors.Is(err, errPart) {
			grown, rerr := s.load()
			if rerr != nil {
				return frame{}, rerr
			}
			if grown {
				continue
			}
			if isZero(b) {
				return frame{}, errEnd
			}
			return frame{}, errBad
		}
		if err != nil {
			return frame{}, err
		}
		s.offset += int64(n)
		return f, nil
	}
}

// window gives what is loaded from offset on.
func (s *scanner) window() []byte {
	if s.offset < s.at || s.offset > s.at+int64(len(s.buf)) {
		return nil
	}
	return s.buf[s.offset-s.at:]
}

// load reads on from offset. It gives false where there is no more than was
// loaded already.
func (s *scanner) load() (bool, error) {
	have := len(s.window())
	switch {
	case s.ahead == 0:
		s.ahead = scanWindow
	case have > 0: // it was not enough
		s.ahead = min(2*s.ahead, scanWindow)
	}
	n := min(s.ahead, s.limit-s.offset)
	if n <= int64(have) {
		return false, nil
	}
	if int64(cap(s.buf)) < n {
		s.buf = make([]byte, s.ahead)
	}
	got, err := s.r.ReadAt(s.buf[:n], s.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	s.buf, s.at = s.buf[:got], s.offset
	return got > have, nil
}

// rest looks at what lies behind the last good frame: whether it is all zero,
// and the greatest figure for durable bytes that a good frame there carries. Such
// a frame begins at a multiple of eight and carries a greater index than the
// last one.
func (s *scanner) rest(index int64) (used int64, durable int64, err error) {
	if s.events != nil {
		if _, _, err := s.events.nextEntry(); !errors.Is(err, errEnd) {
			return 1, 0, nil // something is there that cannot be read
		}
		return 0, 0, nil
	}
	start := s.offset
	for s.offset < s.limit {
		b := s.window()
		if len(b) < frameHeader+2*MaxRecord+frameAlign {
			if _, err := s.load(); err != nil {
				return 0, 0, err
			}
			b = s.window()
		}
		if len(b) == 0 {
			break
		}
		if n := zeroPrefix(b); n > 0 {
			s.offset += n
			continue
		}
		used = s.offset + frameAlign - start
		if f, n, err := readFrame(b); err == nil && f.index >= index {
			durable = max(durable, f.durable)
			s.offset += int64(n)
			used = s.offset - start
			continue
		}
		s.offset += min(frameAlign, int64(len(b)))
	}
	return min(used, s.limit-start), durable, nil
}

// zeroPrefix gives the length of the zeros at the beginning of b, in whole steps.
func zeroPrefix(b []byte) int64 {
	const step = 4096
	var n int
	for len(b) >= step && isZero(b[:step]) {
		b, n = b[step:], n+step
	}
	for len(b) >= frameAlign && isZero(b[:frameAlign]) {
		b, n = b[frameAlign:], n+frameAlign
	}
	if len(b) < frameAlign && isZero(b) {
		n += len(b)
	}
	return int64(n)
}

// segmentFile is a segment as found on disk.
type segmentFile struct {
	number int64
	name   string // below the log's directory
	size   int64
	header *header // nil where it was not begun, or cannot be read
	bad    bool    // the header cannot be read
	packed bool    // it is a pack
}

// Files of the directories segments and checkpoints.
var (
	segmentPattern = regexp.MustCompile(`^([0-9]{8,})\.(log|seg)$`)
	historyPattern = regexp.MustCompile(`^[0-9]{8,}\.log$`)
)

// listSegments lists the segments of a log, by number. Of a segment that is there
// both packed and as it was written, packing was not finished: the pack is passed
// over. It fails only where the directory or a header cannot be read at all.
func listSegments(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "segments"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []segmentFile
	raw := map[int64]bool{}
	for _, e := range entries { // NNNNNNNN.log sorts before NNNNNNNN.seg
		m := segmentPattern.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || raw[n] {
			continue
		}
		s := segmentFile{number: n, name: filepath.Join("segments", e.Name()), packed: m[2] == "seg"}
		raw[n] = !s.packed
		if err := s.read(dir); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue // a spare that was given up meanwhile
			}
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b segmentFile) int { return int(a.number - b.number) })
	return out, nil
}

func (s *segmentFile) read(dir string) error {
	f, err := os.Open(filepath.Join(dir, s.name))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.size = info.Size()
	page := make([]byte, segmentHeader)
	n, err := f.ReadAt(page, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n == 0 {
		return nil
	}
	h, err := decodeHeader(page)
	if errors.Is(err, errEnd) {
		return nil
	}
	if err != nil || h.number != s.number || h.sealed != s.packed {
		s.bad = true
		return nil
	}
	s.header = h
	return nil
}

// begun gives the segments that were begun. A segment at the end whose header
// cannot be read counts as not begun if nothing was written behind the header: a
// crash cut the header off. Anything else is damage; then the segments before it
// are given.
func begun(dir string, list []segmentFile) ([]segmentFile, *Damage, error) {
	last := -1
	for i := range list {
		if list[i].header != nil {
			last = i
			continue
		}
		if list[i].packed {
			last = i
			continue
		}
		empty, err := emptyStart(filepath.Join(dir, list[i].name))
		if err != nil {
			return nil, nil, err
		}
		if !empty {
			last = i
		}
	}
	out := list[:last+1]
	for i := range out {
		switch {
		case i > 0 && out[i].number != out[i-1].number+1:
			return out[:i], &Damage{Place: segmentName(out[i-1].number + 1), Index: -1, Why: "is missing"}, nil
		case out[i].header == nil:
			return out[:i], &Damage{Place: out[i].name, Index: -1, Why: "has a header that cannot be read"}, nil
		}
	}
	return out, nil, nil
}

// emptyStart says whether no record was written at the beginning of a segment.
func emptyStart(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	b := make([]byte, segmentHeader)
	n, err := f.ReadAt(b, segmentHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return isZero(b[:n]), nil
}

// Damage says that a log does not hold what it must. It holds no content.
type Damage struct {
	Place  string // file below the log's directory, or the directory
	Index  int64  // first record that is bad or missing, -1 where not known
	Why    string
	Remedy string
}

// Error implements error.
func (d *Damage) Error() string {
	s := "the audit log is damaged or was altered: " + d.Place + " " + d.Why
	if d.Index >= 0 {
		s = fmt.Sprintf("the audit log is damaged or was altered at record %d: %s %s", d.Index, d.Place, d.Why)
	}
	if d.Remedy != "" {
		s += "; " + d.Remedy
	}
	return s
}

// openScan opens a segment for reading, from an offset on where it is not packed.
// personal asks for the personal parts too. The caller closes the scanner.
func openScan(dir string, s segmentFile, offset int64, personal bool) (*scanner, error) {
	if s.packed {
		sc := &scanner{}
		var err error
		if sc.events, err = openPack(filepath.Join(dir, s.name)); err != nil {
			return nil, err
		}
		if personal {
			sc.personal, err = openPack(filepath.Join(dir, s.personalName()))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, errors.Join(err, sc.close())
			}
		}
		return sc, nil
	}
	f, err := os.Open(filepath.Join(dir, s.name))
	if err != nil {
		return nil, err
	}
	return &scanner{r: f, offset: offset, limit: s.size, file: f}, nil
}

// readMarker reads the marker of a log.
func readMarker(dir, name string) (marker, bool) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return marker{}, false
	}
	return decodeMarker(b)
}

// committedFile is the marker's name.
const committedFile = "committed"

// signedNote is a checkpoint as found, with where it was.
type signedNote struct {
	place string
	note  []byte
}

// readHistory gives the checkpoints of one history, in order, and the offset
// behind the last one that can be read.
func readHistory(dir, name string) ([]signedNote, int64, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	s := &scanner{r: f, limit: info.Size()}
	var out []signedNote
	for {
		fr, err := s.next()
		if errors.Is(err, errEnd) || errors.Is(err, errBad) {
			return out, s.offset, nil
		}
		if err != nil {
			return nil, 0, err
		}
		out = append(out, signedNote{name, slices.Clone(fr.json)})
	}
}
