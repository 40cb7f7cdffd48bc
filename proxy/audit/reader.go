package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	dir      string
	personal bool

	mu   sync.Mutex
	last spot // guarded by mu
}

// spot is where a record begins in a segment that is appended to, so that whoever
// reads on need not begin at its beginning.
type spot struct{ segment, index, offset int64 }

// WithPersonal gives a reader that reads the personal parts of events too. Whoever
// lets somebody see them records that first.
func (r *Reader) WithPersonal() *Reader { return &Reader{dir: r.dir, personal: true} }

// OpenReader gives a reader of the log in dir. It fails with [ErrNoLog].
func OpenReader(dir string) (*Reader, error) {
	r := &Reader{dir: filepath.Clean(dir)}
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

// segments lists the segments that were begun and gives the number of records
// that may be shown: those that were committed, by the marker, or that are under
// a checkpoint. After a power failure the marker may be old until the log is
// opened for appending again.
func (r *Reader) segments() ([]segmentFile, int64, error) {
	var size int64
	if m, ok := readMarker(r.dir, committedFile); ok {
		size = m.size
	}
	if b, err := os.ReadFile(filepath.Join(r.dir, checkpointFile)); err == nil {
		if c, err := peekCheckpoint(b); err == nil {
			size = max(size, c.Size)
		}
	}
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
		sc, err := openScan(r.dir, s, segmentHeader, r.personal)
		if errors.Is(err, os.ErrNotExist) && !s.packed {
			// It was packed meanwhile.
			s.packed, s.name = true, sealedName(s.number)
			sc, err = openScan(r.dir, s, segmentHeader, r.personal)
		}
		index := s.header.tree.size
		switch {
		case err != nil || from <= index:
		case s.packed:
			index, err = from, sc.seek(from)
		default:
			r.mu.Lock()
			if l := r.last; l.segment == s.number && l.index <= from && l.index > index {
				index, sc.offset = l.index, l.offset
			}
			r.mu.Unlock()
		}
		if sc != nil {
			defer sc.close()
		}
		if err == nil && !s.packed {
			defer func() {
				r.mu.Lock()
				r.last = spot{s.number, index, sc.offset}
				if err != nil { // another log may be in the place of the one that was read
					r.last = spot{}
				}
				r.mu.Unlock()
			}()
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
			if index < from {
				continue
			}
			e := Record{Index: index, JSON: slices.Clone(fr.json)}
			if r.personal {
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

// ErrNoRecord: the log has no record of that index, or has it no more.
var ErrNoRecord = errors.New("no such record in the audit log")

// At gives the record of an index. It fails with [ErrNoRecord] where there is none,
// or where it was removed with its segment.
func (r *Reader) At(index int64) (Record, error) {
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
		for e, err := range r.segment(s, index, index+1) {
			return e, err
		}
	}
	return Record{}, ErrNoRecord
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

// backwards calls visit with the records of one segment at a time, the last
// segment first, each in order, as long as visit wants more.
func (r *Reader) backwards(visit func(iter.Seq2[Record, error]) (bool, error)) error {
	list, size, err := r.segments()
	if err != nil {
		return err
	}
	for i := len(list) - 1; i >= 0; i-- {
		end := size
		if i+1 < len(list) {
			end = min(size, list[i+1].header.tree.size)
		}
		more, err := visit(r.segment(list[i], list[i].header.tree.size, end))
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// Search gives the records that match, the oldest first; with more than limit of
// them, the last ones, and true. A limit of 0 means all of them.
func (r *Reader) Search(q *Query, limit int) (found []Record, more bool, err error) {
	err = r.backwards(func(entries iter.Seq2[Record, error]) (bool, error) {
		var here []Record
		for e, err := range entries {
			if err != nil {
				return false, err
			}
			ok, err := q.Match(e)
			if err != nil {
				return false, err
			}
			if !ok {
				continue
			}
			here = append(here, e)
			if limit > 0 && len(here)+len(found) > limit {
				more = true
				here = here[len(here)+len(found)-limit:]
			}
		}
		found = append(here, found...)
		return limit == 0 || !more, nil
	})
	return found, more, err
}

// Show gives the records of an id, in order: the event with that id, the decision
// it belongs to, and that decision's outcome. Where there is none, it gives none.
func (r *Reader) Show(id string) ([]Record, error) {
	decision, err := r.decisionOf(id)
	if err != nil || decision == "" {
		return nil, err
	}
	var out []Record
	err = r.backwards(func(entries iter.Seq2[Record, error]) (bool, error) {
		var here []Record
		begins := false
		for e, err := range entries {
			if err != nil {
				return false, err
			}
			if !mentions(e, decision) {
				continue
			}
			ev, err := e.Event()
			if err != nil {
				return false, err
			}
			if ev.ID == decision || ev.DecisionID == decision {
				here = append(here, e)
				begins = begins || ev.ID == decision
			}
		}
		out = append(here, out...)
		return !begins, nil
	})
	return out, err
}

// decisionOf gives the id of the decision that the event with that id belongs to:
// its own, but for outcomes. Empty means that there is no such event.
func (r *Reader) decisionOf(id string) (string, error) {
	var decision string
	err := r.backwards(func(entries iter.Seq2[Record, error]) (bool, error) {
		for e, err := range entries {
			if err != nil {
				return false, err
			}
			if !mentions(e, id) {
				continue
			}
			ev, err := e.Event()
			if err != nil {
				return false, err
			}
			if ev.ID == id || ev.DecisionID == id {
				decision = id
				if ev.ID == id && ev.DecisionID != "" {
					decision = ev.DecisionID
				}
				return false, nil
			}
		}
		return true, nil
	})
	return decision, err
}

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
