package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
)

// ErrBehind: an event was handed over before those that come before it in the log.
// [Index.Refresh] reads them.
var ErrBehind = errors.New("the index has not come to that event yet")

// Source is where the records of a log are read from: an [audit.Reader].
type Source interface {
	// Origin gives the log's name.
	Origin() (string, error)
	// Segments gives the log's segments in order, with what of them is durable.
	Segments() ([]audit.Segment, error)
	// Segment gives the records of one segment.
	Segment(number int64) iter.Seq2[audit.Record, error]
	// Records gives the durable records from an index on.
	Records(from int64) iter.Seq2[audit.Record, error]
}

// Bounds of an index.
const (
	// DefaultMemory is how many bytes of columns of sealed segments are kept in
	// memory; those of 5 million events take some 200 MiB.
	DefaultMemory = 512 << 20
	// recentRuns is for how many runs the places of decisions are at hand: for as
	// many decisions as may wait for their outcomes.
	recentRuns = 16
	// staleAfter is when a file that is half-written is taken for one of a process
	// that is no more.
	staleAfter = time.Hour
	// followEvery is how often Follow looks for records that nobody handed over.
	followEvery = 100 * time.Millisecond
)

// Options of an index. The zero value is fit for use.
type Options struct {
	// Source is where records come from; nil for the log in the directory.
	Source Source
	// Memory bounds what of the files is kept in memory, in bytes; 0 for
	// [DefaultMemory]. The index of the open segment comes on top.
	Memory int64
	// ReadOnly writes no files: what is not indexed on disk is indexed in memory.
	ReadOnly bool
	// Failed is told of files that could not be written; the index goes on in
	// memory. It may be nil.
	Failed func(error)

	afresh bool // takes no files
}

// Index is the index of one log: files for the segments that are full, and memory
// for the one that is not. Everything in it is derived of the records. Its methods
// are safe for concurrent use.
type Index struct {
	dir    string // of the files
	origin string
	source Source
	opt    Options
	cache  *cache

	adding sync.Mutex // serialises what changes the index; taken before mu
	entry  entry
	finder finder
	swept  bool // files that are no more of use were removed

	mu      sync.RWMutex
	runs    []*run // of full segments, in order
	links   [][]link
	open    *builder
	changed chan struct{} // closed with the next change; nil while nobody waits
	behind  bool
}

// Open gives the index of the log in a directory. It reads nothing yet: that is
// [Index.Refresh], which finds the files that are there and indexes what is not.
func Open(dir string, o Options) (*Index, error) {
	if o.Source == nil {
		r, err := audit.OpenReader(dir)
		if err != nil {
			return nil, err
		}
		o.Source = r
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	origin, err := o.Source.Origin()
	if err != nil {
		return nil, err
	}
	return &Index{dir: filepath.Join(dir, Dir), origin: origin, source: o.Source, opt: o, cache: newCache(o.Memory)}, nil
}

// Origin gives the log's name.
func (x *Index) Origin() string { return x.origin }

// Size gives the index behind the last record that can be found.
func (x *Index) Size() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.next()
}

// next is Size for who holds the lock.
func (x *Index) next() int64 {
	if x.open != nil {
		return x.open.end()
	}
	if len(x.runs) > 0 {
		return x.runs[len(x.runs)-1].end()
	}
	return 0
}

// Add indexes an event that was committed under that index of the log, from its
// JSON, which is not kept. Events that are known already are passed over. It fails
// with [ErrBehind] where one before it is missing: nothing is lost then, for
// [Index.Follow] reads what is missing from the log. An event that cannot be read
// takes up its index, and cannot be found.
func (x *Index) Add(index int64, json []byte) error {
	x.adding.Lock()
	defer x.adding.Unlock()
	return x.add(index, json)
}

// add is Add for who holds adding.
func (x *Index) add(index int64, json []byte) error {
	x.mu.RLock()
	next, begun := x.next(), x.open != nil
	x.mu.RUnlock()
	switch {
	case begun && index < next:
		return nil
	case !begun || index > next:
		x.mu.Lock()
		x.behind = true
		x.mu.Unlock()
		return ErrBehind
	}
	failed := x.entry.decode(json) != nil
	x.mu.Lock()
	defer x.mu.Unlock()
	if failed {
		x.open.skip()
	} else {
		x.open.add(&x.entry)
	}
	x.wake()
	return nil
}

// wake tells who waits that there is something new. The caller holds mu.
func (x *Index) wake() {
	if x.changed != nil {
		close(x.changed)
		x.changed = nil
	}
}

// wait gives a channel that is closed with the next change, and the size now.
func (x *Index) wait() (<-chan struct{}, int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changed == nil {
		x.changed = make(chan struct{})
	}
	return x.changed, x.next()
}

// Refresh brings the index up to the log: it takes the files of full segments,
// makes those that are missing, damaged or of another version, indexes what is
// durable of the open segment, and forgets segments that were removed. It ends
// early, with what it has, when the context does.
func (x *Index) Refresh(ctx context.Context) error {
	segments, err := x.source.Segments()
	if err != nil {
		return err
	}
	x.forget(segments)
	for i, s := range segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		full := i+1 < len(segments) && s.End == segments[i+1].First
		if full || s.Sealed {
			if err := x.seal(ctx, s); err != nil {
				return err
			}
			continue
		}
		x.begin(s.First)
		if err := x.read(ctx, s.End); err != nil {
			return err
		}
	}
	return nil
}

// Follow keeps the index up to the log until the context ends; then it returns
// nil. Where events are handed over by [Index.Add] it reads those only that were
// not; without, all: then polls says so. failed, which may be nil, is told of what
// went wrong; it is tried again.
func (x *Index) Follow(ctx context.Context, polls bool, failed func(error)) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		x.mu.Lock()
		due := polls || x.behind || x.open == nil
		x.behind = false
		x.mu.Unlock()
		if due {
			if err := x.Refresh(ctx); err != nil && ctx.Err() == nil {
				x.mu.Lock()
				x.behind = true
				x.mu.Unlock()
				if failed != nil {
					failed(err)
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

// Seal says that a segment is full: its index becomes a file. Events behind it may
// have been added already.
func (x *Index) Seal(s audit.Segment) error { return x.seal(context.Background(), s) }

// begin makes sure that there is an open run, or begins it at an index.
func (x *Index) begin(first int64) {
	x.adding.Lock()
	defer x.adding.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.open == nil || x.open.n == 0 && x.open.first < first {
		x.open = newBuilder(x.origin, first, x.resolve)
	}
}

// read indexes the records that are missing up to an index.
func (x *Index) read(ctx context.Context, end int64) error {
	next := x.Size()
	if next >= end {
		return nil
	}
	for rec, err := range x.source.Records(next) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if rec.Index >= end {
			return nil
		}
		if err := x.Add(rec.Index, rec.JSON); err != nil {
			return err
		}
	}
	return nil
}

// recent is where the decisions of a run are that was built lately: outcomes ask
// for those first.
type recent struct {
	first   int64
	places  map[key]uint32
	records vector // of the rows
}

// finder finds decisions in earlier runs.
type finder struct{ recent []recent } // the last first

// recall keeps where the decisions of a run are, of the last recentRuns ones.
func (x *finder) recall(b *builder) {
	list := slices.DeleteFunc(x.recent, func(r recent) bool { return r.first == b.first })
	list = append(list, recent{b.first, b.places, b.tables[shapeDecision].vectors[vecRecord]})
	slices.SortFunc(list, func(a, b recent) int { return cmp.Compare(b.first, a.first) })
	x.recent = slices.Delete(list, min(recentRuns, len(list)), len(list))
}

// resolve finds the record of a decision in the full segments. The caller holds
// adding, so that their list does not change.
func (x *Index) resolve(id string) int64 { return x.finder.in(x.runs, id) }

// in finds the record of a decision, in the last run first; -1 where there
// is none.
func (x *finder) in(runs []*run, id string) int64 {
	k, ok := parseKey(keyID, []byte(id))
	hash := hashID(keyID, id)
	for _, r := range slices.Backward(runs) {
		i := slices.IndexFunc(x.recent, func(c recent) bool { return c.first == r.first })
		if ok && i >= 0 {
			if row, found := x.recent[i].places[k]; found {
				return r.first + int64(x.recent[i].records.at(int(row)))
			}
			continue
		}
		t := &r.tables[shapeDecision]
		if may, err := r.may(hash); err != nil || !may {
			continue // a damaged file is made anew when it is asked
		}
		c, err := t.keys(idsOfEvents)
		if err != nil {
			continue
		}
		found := newSelection(t.n)
		c.mark(found, keyID, &alternative{text: id})
		if empty(found) {
			continue
		}
		if at, err := r.index(t, found.first()); err == nil {
			return at
		}
	}
	return -1
}

// seal makes the run of a full segment.
func (x *Index) seal(ctx context.Context, s audit.Segment) error {
	x.adding.Lock()
	defer x.adding.Unlock()
	x.mu.RLock()
	known := slices.ContainsFunc(x.runs, func(r *run) bool { return r.first == s.First && r.end() == s.End })
	var view *run
	if x.open != nil && x.open.first == s.First && x.open.end() >= s.End {
		view = x.open.view()
	}
	open := x.open
	x.mu.RUnlock()
	if known || s.End <= s.First {
		return nil
	}
	var r *run
	var err error
	switch {
	case view != nil:
		if r, err = x.keep(view.cut(int(s.End-s.First)), s); err == nil {
			x.finder.recall(open)
		}
	default:
		if err = errFile; !x.opt.afresh {
			r, err = openFile(filepath.Join(x.dir, fileName(s.Number)), x.cache)
		}
		if err == nil && !r.of(s, x.origin) {
			err = errFile
		}
		if errors.Is(err, errFile) {
			r, err = x.build(ctx, s)
		}
	}
	if err != nil {
		return err
	}
	at, _ := slices.BinarySearchFunc(x.runs, r.first, func(r *run, first int64) int { return cmp.Compare(r.first, first) })
	runs := slices.Insert(slices.Clone(x.runs), at, r)
	rest := newBuilder(x.origin, s.End, func(id string) int64 { return x.finder.in(runs, id) })
	x.mu.RLock()
	end := x.next()
	x.mu.RUnlock()
	if view != nil && end > s.End {
		// What was added of the next segment is read again: it is little.
		for rec, err := range x.source.Records(s.End) {
			if err != nil {
				return err
			}
			if rec.Index >= end {
				break
			}
			if x.entry.decode(rec.JSON) != nil {
				rest.skip()
			} else {
				rest.add(&x.entry)
			}
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.runs, rest.resolve = runs, x.resolve
	if at == len(runs)-1 {
		x.links = append(slices.Clone(x.links), nil)
		linkRun(x.links, runs, at, r)
	} else {
		x.link()
	}
	if x.open == nil || x.open.first < s.End {
		x.open = rest
	}
	x.wake()
	return nil
}

// of says whether a file's run is that of a segment.
func (r *run) of(s audit.Segment, origin string) bool {
	return r.number == s.Number && r.first == s.First && r.end() == s.End && r.began == s.Began.UnixMilli() && r.origin == origin
}

// build indexes the records of a full segment.
func (x *Index) build(ctx context.Context, s audit.Segment) (*run, error) {
	b := newBuilder(x.origin, s.First, x.resolve)
	var e entry
	for rec, err := range x.source.Segment(s.Number) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if rec.Index < b.end() || rec.Index >= s.End {
			continue
		}
		if rec.Index > b.end() {
			return nil, fmt.Errorf("index the audit log: record %d of segment %d is missing; `ostiary audit verify` says more", b.end(), s.Number)
		}
		if e.decode(rec.JSON) != nil {
			b.skip()
		} else {
			b.add(&e)
		}
	}
	if b.end() != s.End {
		return nil, fmt.Errorf("index the audit log: record %d of segment %d is missing; `ostiary audit verify` says more", b.end(), s.Number)
	}
	x.finder.recall(b)
	return x.keep(b.view(), s)
}

// keep packs a run and writes its file. Where that cannot be, the run stays in
// memory.
func (x *Index) keep(r *run, s audit.Segment) (*run, error) {
	r = pack(r)
	r.number, r.began = s.Number, s.Began.UnixMilli()
	if x.opt.ReadOnly {
		return r, nil
	}
	name := filepath.Join(x.dir, fileName(s.Number))
	err := writeFile(name, encode(r))
	if err == nil {
		var kept *run
		if kept, err = openFile(name, x.cache); err == nil {
			return kept, nil
		}
	}
	if x.opt.Failed != nil {
		x.opt.Failed(err)
	}
	return r, nil
}

// link finds the outcomes whose decisions are in earlier runs. The caller holds mu.
func (x *Index) link() {
	x.links = make([][]link, len(x.runs))
	for i, r := range x.runs {
		linkRun(x.links, x.runs, i, r)
	}
}

// linkRun adds the links of one run to those of the runs before it.
func linkRun(links [][]link, runs []*run, i int, r *run) {
	for _, f := range r.tables[shapeOutcome].far {
		at, found := slices.BinarySearchFunc(runs, f.index, func(r *run, index int64) int {
			switch {
			case r.end() <= index:
				return -1
			case r.first > index:
				return 1
			}
			return 0
		})
		if found && at < i {
			links[at] = append(links[at], link{f.index, i, f.row})
		}
	}
}

// snapshot gives the index as it is now.
func (x *Index) snapshot() *snapshot {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := &snapshot{runs: slices.Clip(x.runs), links: slices.Clone(x.links)}
	if x.open == nil || x.open.n == 0 {
		return s
	}
	for i := range s.links {
		s.links[i] = slices.Clip(s.links[i])
	}
	v := x.open.view()
	linkRun(s.links, s.runs, len(s.runs), v)
	s.runs = append(s.runs, v)
	s.links = append(s.links, nil)
	return s
}

// forget lets go of runs whose segments were removed, and of their files.
func (x *Index) forget(segments []audit.Segment) {
	if len(segments) == 0 {
		return
	}
	x.adding.Lock()
	defer x.adding.Unlock()
	first := segments[0].First
	x.mu.Lock()
	var gone []*run
	kept := make([]*run, 0, len(x.runs))
	for _, r := range x.runs {
		if r.end() <= first {
			gone = append(gone, r)
		} else {
			kept = append(kept, r)
		}
	}
	if len(gone) > 0 {
		x.runs = kept
		x.link()
	}
	// What was not read before it was removed cannot be any more.
	if o := x.open; o != nil && o.first+int64(o.n) < first {
		x.open = nil
	}
	x.mu.Unlock()
	for _, r := range gone {
		if r.pages != nil {
			x.cache.forget(r.pages)
		}
	}
	if x.opt.ReadOnly || x.swept && len(gone) == 0 {
		return
	}
	x.swept = true
	// Files of segments that are no more, and those that a crash left half-written.
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		var number int64
		name := e.Name()
		_, err := fmt.Sscanf(name, "%d"+suffix, &number)
		old := err == nil && name == fileName(number) && number < segments[0].Number
		if info, err := e.Info(); strings.HasSuffix(name, fresh) && err == nil {
			old = time.Since(info.ModTime()) > staleAfter // another process may be writing it
		}
		if old {
			_ = os.Remove(filepath.Join(x.dir, name))
		}
	}
}

// mend makes the run of a damaged file anew from the records.
func (x *Index) mend(ctx context.Context, d *damaged) error {
	x.mu.RLock()
	i := slices.IndexFunc(x.runs, func(r *run) bool { return r.pages == d.pages })
	var number int64
	if i >= 0 {
		number = x.runs[i].number
	}
	x.mu.RUnlock()
	if i < 0 {
		return nil // somebody did
	}
	segments, err := x.source.Segments()
	if err != nil {
		return err
	}
	k := slices.IndexFunc(segments, func(s audit.Segment) bool { return s.Number == number })
	if k < 0 {
		return fmt.Errorf("index the audit log: segment %d was removed; open the index again", number)
	}
	return x.remake(ctx, segments[k])
}

// Reindex makes all files anew from the records, whatever they hold. Meanwhile the
// old ones are used.
func (x *Index) Reindex(ctx context.Context) error {
	if err := x.Refresh(ctx); err != nil {
		return err
	}
	segments, err := x.source.Segments()
	if err != nil {
		return err
	}
	for _, s := range segments {
		if err := x.remake(ctx, s); err != nil {
			return err
		}
	}
	return x.Refresh(ctx)
}

// remake makes the run of a segment anew, where it has one.
func (x *Index) remake(ctx context.Context, s audit.Segment) error {
	x.adding.Lock()
	defer x.adding.Unlock()
	at := slices.IndexFunc(x.runs, func(r *run) bool { return r.number == s.Number && r.first == s.First && r.end() == s.End })
	if at < 0 {
		return nil
	}
	made, err := x.build(ctx, s)
	if err != nil {
		return err
	}
	if p := x.runs[at].pages; p != nil {
		x.cache.forget(p)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.runs = slices.Clone(x.runs)
	x.runs[at] = made
	x.link()
	return nil
}

// Stats says what the index covers.
type Stats struct {
	Origin     string
	First      int64 // index of the first record that can be found
	Size       int64 // index behind the last
	Segments   int   // in files or packed
	Unreadable int   // records that are no events: they cannot be found
	Bytes      int64 // of the files
}

// Stats says what the index covers.
func (x *Index) Stats() Stats {
	s := x.snapshot()
	out := Stats{Origin: x.origin, Size: x.Size(), First: x.Size()}
	for i, r := range s.runs {
		if i == 0 {
			out.First = r.first
		}
		out.Unreadable += r.unreadable
		if r.pages != nil {
			out.Segments++
			if info, err := os.Stat(r.pages.name); err == nil {
				out.Bytes += info.Size()
			}
		}
	}
	return out
}
