package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// ErrNoLog: the directory holds no audit log.
var ErrNoLog = errors.New("no audit log")

// Reader reads the log of a directory, also while another process appends to it.
// It sees durable records only and takes no lock. Its methods are safe for
// concurrent use; each looks at the directory anew.
type Reader struct {
	dir    string
	events *kept // of segments that are packed
	people *kept // their personal parts; nil for a reader that does not read them

	mu     sync.Mutex
	last   spot             // guarded by mu
	spots  map[int64][]spot // likewise; of the segments that are not packed, one for each spotEvery bytes
	newest segmentFile      // likewise; the last one that was not packed when [Reader.At] looked; zero before
}

// spot is where a record begins in a segment that is not packed, so that whoever reads
// on need not begin at its beginning. The zero spot is none.
type spot struct{ segment, index, offset int64 }

const (
	spotEvery    = 64 << 10 // bytes of a segment that is not packed
	spotSegments = 8        // of which spots are kept; packing is not far behind
)

// WithPersonal gives a reader that reads the personal parts of events too. Whoever
// lets somebody see them records that first.
func (r *Reader) WithPersonal() *Reader {
	return &Reader{dir: r.dir, events: r.events, people: &kept{dir: r.dir, limit: keptPersonal, only: keptFor}}
}

// OpenReader gives a reader of the log in dir. It fails with [ErrNoLog].
func OpenReader(dir string) (*Reader, error) {
	dir = filepath.Clean(dir)
	r := &Reader{dir: dir, events: &kept{dir: dir, limit: keptBytes}}
	_, _, err := r.segments()
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Record is one record: its index in the log and the event's JSON as stored, and
// from a reader [Reader.WithPersonal] the JSON of its personal part. That is nil
// where there was none, and empty where it was erased.
type Record struct {
	Index    int64
	JSON     []byte
	Personal []byte
}

// Event decodes the event. Fields of later versions are passed over.
func (e Record) Event() (*proxy.Event, error) {
	var ev proxy.Event
	if err := json.Unmarshal(e.JSON, &ev); err != nil {
		return nil, fmt.Errorf("record %d is not an event", e.Index)
	}
	return &ev, nil
}

// Origin gives the log's name.
func (r *Reader) Origin() (string, error) {
	list, _, err := r.segments()
	if err != nil {
		return "", err
	}
	return list[0].header.origin, nil
}

// Size gives the number of records that are known to be durable.
func (r *Reader) Size() (int64, error) {
	_, size, err := r.segments()
	return size, err
}

// durable gives the number of records that may be shown: those that were committed, by
// the marker, or that are under a checkpoint. After a power failure the marker may be
// old until the log is opened for appending again.
func (r *Reader) durable() int64 {
	var size int64
	if m, ok := readMarker(r.dir, committedFile); ok {
		size = m.size
	}
	if b, err := os.ReadFile(filepath.Join(r.dir, checkpointFile)); err == nil {
		if c, err := peekCheckpoint(b); err == nil {
			size = max(size, c.Size)
		}
	}
	return size
}

// segments lists the segments that were begun and gives the number of records that may
// be shown.
func (r *Reader) segments() ([]segmentFile, int64, error) {
	size := r.durable()
	list, err := listSegments(r.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("read the audit log: %w", err)
	}
	list, damage, err := begun(r.dir, list)
	if err != nil {
		return nil, 0, fmt.Errorf("read the audit log: %w", err)
	}
	if damage != nil {
		damage.Remedy = "`ostiary audit verify` says more"
		return nil, 0, damage
	}
	if len(list) == 0 {
		return nil, 0, fmt.Errorf("%w in %s", ErrNoLog, r.dir)
	}
	return list, size, nil
}

// Records gives the records from an index on that are durable now, in order. A
// record that should be there and cannot be read ends it with a [*Damage].
func (r *Reader) Records(from int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		list, size, err := r.segments()
		if err != nil {
			yield(Record{}, err)
			return
		}
		for i, s := range list {
			end := size
			if i+1 < len(list) {
				end = min(size, list[i+1].header.tree.size)
			}
			if end <= from {
				continue
			}
			for e, err := range r.segment(s, max(from, s.header.tree.size), end) {
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// segment gives the records of one segment from an index on to before another.
func (r *Reader) segment(s segmentFile, from, end int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		sc, err := openScan(r.dir, s, segmentHeader, r.people != nil)
		if errors.Is(err, os.ErrNotExist) && !s.packed {
			// It was packed meanwhile.
			s.packed, s.name = true, sealedName(s.number)
			sc, err = openScan(r.dir, s, segmentHeader, r.people != nil)
		}
		index := s.header.tree.size
		switch {
		case err != nil:
		case s.packed && from > index:
			index, err = from, sc.seek(from)
		case !s.packed:
			if at := r.nearest(s.number, from); at.index > index {
				index, sc.offset = at.index, at.offset
			}
			if end-from == 1 {
				sc.ahead = scanOne
			}
		}
		if sc != nil {
			defer sc.close()
		}
		if err == nil && !s.packed {
			defer func() { r.ended(spot{s.number, index, sc.offset}, err) }()
		}
		for ; err == nil && index < end; index++ {
			var fr frame
			at := sc.offset
			if fr, err = sc.next(); err != nil {
				break
			}
			if fr.index != index {
				sc.offset, err = at, errBad
				break
			}
			if !s.packed && at/spotEvery != sc.offset/spotEvery {
				r.passed(spot{s.number, index + 1, sc.offset})
			}
			if index < from {
				continue
			}
			e := Record{Index: index, JSON: slices.Clone(fr.json)}
			if r.people != nil {
				e.Personal = slices.Clone(fr.personal)
			}
			if !yield(e, nil) {
				index++ // it was taken
				return
			}
		}
		switch {
		case errors.Is(err, errEnd), errors.Is(err, errBad):
			yield(Record{}, &Damage{Place: s.name, Index: index, Why: "cannot be read", Remedy: "`ostiary audit verify` says more"})
		case err != nil:
			yield(Record{}, fmt.Errorf("read the audit log: %w", err))
		}
	}
}

// nearest gives the last spot known of a segment that is not behind a record.
func (r *Reader) nearest(segment, index int64) spot {
	r.mu.Lock()
	defer r.mu.Unlock()
	var best spot
	if r.last.segment == segment && r.last.index <= index {
		best = r.last
	}
	for _, s := range slices.Backward(r.spots[segment]) {
		if s.offset > 0 && s.index <= index {
			if s.index > best.index {
				best = s
			}
			break
		}
	}
	return best
}

// passed notes a spot.
func (r *Reader) passed(s spot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, known := r.spots[s.segment]
	if !known {
		if r.spots == nil {
			r.spots = map[int64][]spot{}
		}
		if len(r.spots) == spotSegments {
			delete(r.spots, slices.Min(slices.Collect(maps.Keys(r.spots))))
		}
	}
	n := int(s.offset / spotEvery)
	if n >= len(list) {
		list = append(list, make([]spot, n+1-len(list))...)
	}
	list[n] = s
	r.spots[s.segment] = list
}

// ended notes where a reading of a segment that is not packed ended. After an error
// nothing is known any more: another log may be in the place of the one that was read.
func (r *Reader) ended(s spot, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last = s; err != nil {
		r.last, r.spots = spot{}, nil
	}
}

// ErrNoRecord: the log has no record of that index, or has it no more.
var ErrNoRecord = errors.New("no such record in the audit log")

// At gives the record of an index. It fails with [ErrNoRecord] where there is none,
// or where it was removed with its segment. Records that lie near one another cost
// less than others.
func (r *Reader) At(index int64) (Record, error) {
	if e, ok := r.unpacked(r.events.of(index), index); ok {
		return e, nil
	}
	if e, ok := r.written(index); ok {
		return e, nil
	}
	list, size, err := r.segments()
	if err != nil {
		return Record{}, err
	}
	for i, s := range list {
		end := size
		if i+1 < len(list) {
			end = min(size, list[i+1].header.tree.size)
		}
		if index < s.header.tree.size || index >= end {
			continue
		}
		if s.packed {
			if p, err := r.events.named(s.name, s.header.tree.size, end); err == nil {
				if e, ok := r.unpacked(p, index); ok {
					return e, nil
				}
			}
		}
		for e, err := range r.segment(s, index, index+1) {
			if err == nil && !s.packed && i == len(list)-1 {
				r.mu.Lock()
				r.newest = s
				r.mu.Unlock()
			}
			return e, err
		}
	}
	return Record{}, ErrNoRecord
}

// written gives a record of the segment that is appended to, without a look at the
// others: a record carries its index and its sum. ok is false where it is not there.
func (r *Reader) written(index int64) (Record, bool) {
	r.mu.Lock()
	s := r.newest
	r.mu.Unlock()
	if s.header == nil || index < s.header.tree.size || index >= r.durable() {
		return Record{}, false
	}
	for e, err := range r.segment(s, index, index+1) {
		if err != nil {
			r.mu.Lock()
			r.newest = segmentFile{}
			r.mu.Unlock()
		}
		return e, err == nil
	}
	return Record{}, false
}

// unpacked gives a record of a pack; ok is false where the pack is none, is not in its
// place any more, or cannot be read: then who looks at the directory finds out why.
func (r *Reader) unpacked(p *keptPack, index int64) (e Record, ok bool) {
	if p == nil {
		return e, false
	}
	core, err := r.events.entry(p, index)
	if err != nil || core == nil {
		return e, false
	}
	e = Record{Index: index, JSON: slices.Clone(core)}
	if r.people == nil {
		return e, true
	}
	beside, err := r.people.named(strings.TrimSuffix(p.name, sealedSuffix)+personalSuffix, p.first, p.end)
	if errors.Is(err, os.ErrNotExist) {
		return e, true
	}
	if err != nil {
		return e, false
	}
	part, err := r.people.entry(beside, index)
	if err != nil {
		return e, false
	}
	e.Personal = slices.Clone(part)
	return e, true
}

// Segment is a part of the log that lies in one file.
type Segment struct {
	Number     int64
	First, End int64 // indices of its first record and behind its last
	Began      time.Time
	Sealed     bool  // it is packed: nothing is appended to it any more
	Bytes      int64 // of its files
}

// Segments gives the segments that are there, in order, with what of them is
// durable.
func (r *Reader) Segments() ([]Segment, error) {
	list, size, err := r.segments()
	if err != nil {
		return nil, err
	}
	var out []Segment
	for i, s := range list {
		x := Segment{Number: s.number, First: s.header.tree.size, End: size, Began: time.UnixMilli(s.header.began).UTC(), Sealed: s.packed, Bytes: s.size}
		if i+1 < len(list) {
			x.End = list[i+1].header.tree.size
		}
		x.End = max(min(x.End, size), x.First)
		if info, err := os.Stat(filepath.Join(r.dir, s.personalName())); s.packed && err == nil {
			x.Bytes += info.Size()
		}
		out = append(out, x)
	}
	return out, nil
}

// Segment gives the records of one segment that are durable, in order. It fails
// with [ErrNoRecord] where there is no such segment, or none any more.
func (r *Reader) Segment(number int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		list, err := r.Segments()
		if err != nil {
			yield(Record{}, err)
			return
		}
		i := slices.IndexFunc(list, func(s Segment) bool { return s.Number == number })
		if i < 0 {
			yield(Record{}, ErrNoRecord)
			return
		}
		for e, err := range r.Records(list[i].First) {
			if err == nil && e.Index >= list[i].End || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Checkpoint gives the last checkpoint that was signed, as a signed note. It fails
// with [ErrNoLog] where there is none.
func (r *Reader) Checkpoint() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, checkpointFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: no checkpoint in %s", ErrNoLog, r.dir)
	}
	return b, err
}

// Tile gives the file of a tile as C2SP tlog-tiles names it: tile/L/N[.p/W]. It
// fails with [ErrNoRecord] where there is no such tile.
func (r *Reader) Tile(name string) ([]byte, error) {
	if !tilePattern.MatchString(name) {
		return nil, ErrNoRecord
	}
	b, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoRecord
	}
	return b, err
}

var tilePattern = regexp.MustCompile(`^tile/[0-9]{1,2}(/x[0-9]{3})*/[0-9]{3}(\.p/[0-9]{1,3})?$`)

// followEvery is how often Follow looks for new records.
const followEvery = 100 * time.Millisecond

// Follow calls visit with each record from an index on, and with new ones as they
// become durable, until the context ends (then it returns nil) or visit fails.
func (r *Reader) Follow(ctx context.Context, from int64, visit func(Record) error) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		size, err := r.Size()
		if err != nil {
			return err
		}
		if size > from {
			for e, err := range r.Records(from) {
				if err != nil {
					return err
				}
				if err := visit(e); err != nil {
					return err
				}
				from = e.Index + 1
				if ctx.Err() != nil {
					return nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// mentions says whether the record's JSON holds the string s somewhere.
func mentions(e Record, s string) bool { return bytes.Contains(e.JSON, appendString(nil, s)) }
