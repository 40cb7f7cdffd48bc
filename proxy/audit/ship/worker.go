package ship

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
)

// worker ships to one sink. All but what mu guards belongs to its goroutine.
type worker struct {
	shipper *Shipper
	name    string
	sink    Sink
	limits  Limits
	cursor  Cursor
	feed    feed
	accused bool // it was told that the sink refuses everything
	handed  bool // it was told that somebody has to set the sink right
	unfit   int  // failures of that kind in a row

	mu     sync.Mutex
	state  Status
	oldest time.Time // when the first record that is not shipped was recorded; zero where not known
	back   bool      // run has returned
	err    error     // why the sink was stopped
}

func newWorker(s *Shipper, t Target, l Limits) *worker {
	w := &worker{shipper: s, name: t.Name, sink: t.Sink, limits: l, feed: feed{source: s.opt.Source}}
	w.state.Sink = t.Name
	return w
}

// stop is an error that ends a worker for good.
type stop struct {
	index int64
	kind  Kind
	err   error
}

func (s *stop) Error() string { return s.err.Error() }

// run ships until the context ends or the sink has to be stopped.
func (w *worker) run(ctx context.Context) {
	defer func() {
		w.mu.Lock()
		w.back = true
		w.mu.Unlock()
	}()
	defer w.feed.close()
	defer w.sink.Close()
	err := w.ship(ctx)
	var s *stop
	if errors.As(err, &s) {
		e := &SinkError{Sink: w.name, Index: s.index, Kind: s.kind, Err: s.err, Stopped: true}
		w.mu.Lock()
		w.err = e
		w.state.Stopped, w.state.LastError, w.state.Detail = true, s.kind, s.err.Error()
		w.mu.Unlock()
		w.shipper.opt.Alarm(e)
	}
}

func (w *worker) result() (back bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.back, w.err
}

// status says how the sink stands, given the log's size.
func (w *worker) status(size int64) Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := w.state
	st.Lag = max(0, size-st.Cursor)
	if st.Lag > 0 && !w.oldest.IsZero() {
		st.Behind = max(0, w.shipper.opt.now().Sub(w.oldest))
	}
	return st
}

// ship is run's loop. It returns nil when the context has ended, or a stop.
func (w *worker) ship(ctx context.Context) error {
	if err := w.again(ctx, func() error { return w.open(ctx) }); err != nil {
		return err
	}
	for {
		var b Batch
		if err := w.again(ctx, func() (err error) { b, err = w.collect(ctx); return err }); err != nil {
			return err
		}
		if err := w.deliver(ctx, b); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// again calls f until it succeeds, with a pause after each failure. It fails with
// a stop, and with the context's error when the context has ended.
func (w *worker) again(ctx context.Context, f func() error) error {
	for pause := w.shipper.opt.least; ; pause = min(2*pause, w.shipper.opt.most) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := f()
		var s *stop
		switch {
		case err == nil:
			return nil
		case errors.As(err, &s):
			return s
		case ctx.Err() != nil:
			return ctx.Err()
		}
		e := w.failed(err)
		if w.handed {
			pause = w.shipper.opt.most
		}
		if !wait(ctx, max(e.After, pause/2+rand.N(pause/2+1))) {
			return ctx.Err()
		}
	}
}

// failed counts a failure, and tells once of one that does not pass by itself.
func (w *worker) failed(err error) *Error {
	e := asError(err)
	w.mu.Lock()
	w.state.Failures++
	w.state.Failing++
	w.state.LastError, w.state.Detail = e.Kind, e.Detail
	tell := e.Kind.byHand() && w.state.Failing >= handTries && !w.handed
	w.mu.Unlock()
	if w.handed = e.Kind.byHand() && (w.handed || tell); tell {
		w.shipper.opt.Alarm(&SinkError{Sink: w.name, Index: w.cursor.Next, Kind: e.Kind, Err: fmt.Errorf("%w: %w", e, ErrByHand)})
	}
	return e
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// open reads the cursor, or asks the sink where there is none, and compares it
// with the log.
func (w *worker) open(ctx context.Context) error {
	origin, err := w.shipper.opt.Source.Origin()
	if err != nil {
		return Fail(LogTrouble, "there is no log to be read yet")
	}
	c, found, err := readCursor(w.shipper.opt.Dir, w.name)
	if err != nil {
		return &stop{0, CursorTrouble, err}
	}
	if found && c.Origin != origin {
		return &stop{c.Next, LogTrouble, fmt.Errorf("%w: remove %s%s to ship this log from its beginning", ErrOrigin, w.name, cursorSuffix)}
	}
	if !found {
		c = Cursor{Sink: w.name, Origin: origin}
		if r, ok := w.sink.(Resumer); ok {
			asking, cancel := context.WithTimeout(ctx, w.limits.Timeout)
			defer cancel()
			if c.Next, err = r.Next(asking, origin); err != nil {
				return w.final(0, err)
			}
			if c.Next < 0 {
				return Fail(KindOther, "the sink says that it holds less than nothing")
			}
		}
		c.End = c.Next
	}
	size, err := w.shipper.opt.Source.Size()
	if err != nil {
		return Fail(LogTrouble, "the log cannot be read: `ostiary audit verify` says more")
	}
	if max(c.Next, c.End) > size {
		return w.ahead(size)
	}
	if c.Next > 0 && c.Leaf != "" {
		r, err := w.feed.at(c.Next - 1)
		switch {
		case err != nil:
			return err
		case r.Index == c.Next-1 && leafHex(r.Core) != c.Leaf:
			return &stop{c.Next - 1, LogTrouble, ErrReplaced}
		}
	}
	w.cursor = c
	w.mu.Lock()
	w.state.Cursor, w.state.Parked = c.Next, c.Parked
	w.mu.Unlock()
	return nil
}

func (w *worker) ahead(size int64) error {
	return &stop{size, LogTrouble, fmt.Errorf("%w (the log ends here)", ErrAhead)}
}

// collect waits for a batch that is full or old enough and reads it: after a
// crash, the very one that was under way. It gives an empty batch where the next
// record was parked.
func (w *worker) collect(ctx context.Context) (Batch, error) {
	next, limits := w.cursor.Next, w.limits
	if n := w.cursor.End - next; n > 0 {
		limits.Records, limits.Bytes = int(n), int(n)*audit.MaxRecord
	} else if err := w.await(ctx); err != nil {
		return Batch{}, err
	}
	b := Batch{Origin: w.cursor.Origin, First: next}
	bytes := 0
	for len(b.Records) < limits.Records {
		r, err := w.feed.at(b.End())
		if errors.Is(err, errNoMore) {
			break
		}
		if err != nil {
			return Batch{}, err
		}
		if r.Index != b.End() {
			return Batch{}, &stop{b.End(), LogTrouble, fmt.Errorf("%w: the log begins with record %d now. Remove %s%s to go on there", ErrRemoved, r.Index, w.name, cursorSuffix)}
		}
		if bytes += len(r.Core); len(b.Records) > 0 && bytes > limits.Bytes {
			break
		}
		b.Records = append(b.Records, r)
		w.feed.took()
	}
	if len(b.Records) == 0 || w.cursor.End > b.End() {
		if size, err := w.shipper.opt.Source.Size(); err == nil && size < max(w.cursor.End, next) {
			return Batch{}, w.ahead(size)
		}
		w.feed.close()
		return Batch{}, Fail(LogTrouble, "a record that should be there cannot be read: `ostiary audit verify` says more")
	}
	w.mu.Lock()
	w.oldest = timeOf(b.Records[0].Core)
	w.mu.Unlock()
	return b, nil
}

// await waits until there are records for a full batch, or some that have waited
// long enough.
func (w *worker) await(ctx context.Context) error {
	var due <-chan time.Time
	for {
		size, changed := w.shipper.seen()
		n := size - w.cursor.Next
		if n >= int64(w.limits.Records) {
			return nil
		}
		// A size of 0 may mean that nobody has looked yet.
		if n < 0 && size > 0 {
			if size, err := w.shipper.opt.Source.Size(); err == nil && size < w.cursor.Next {
				return w.ahead(size)
			}
		}
		if n > 0 && due == nil {
			t := time.NewTimer(w.limits.Age)
			defer t.Stop()
			due = t.C
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-due:
			return nil
		}
	}
}

// deliver ships a batch, in parts where the sink refuses it, until all of it is
// acknowledged or parked. It fails as again does.
func (w *worker) deliver(ctx context.Context, b Batch) error {
	for parts := []Batch{b}; len(parts) > 0; {
		part := parts[0]
		var why *Error // of a refusal that only parking gets past
		err := w.again(ctx, func() error {
			why = nil
			err := w.attempt(ctx, part)
			var refusal *Error
			switch {
			case err == nil, !errors.As(err, &refusal):
				return err
			case refusal.Kind != Refused:
				return w.final(part.First, err)
			case len(part.Records) == 1 && w.cursor.InRow >= parkInRow:
				// Not these records: the sink. Told once, then tried again.
				if !w.accused {
					w.accused = true
					w.shipper.opt.Alarm(&SinkError{Sink: w.name, Index: part.First, Kind: Refused, Err: ErrRefusesAll})
				}
				return err
			case len(part.Records) == 1 && w.cursor.Parked >= parkedLimit:
				return &stop{part.First, Refused, fmt.Errorf("%d records were parked: that is all that may be", w.cursor.Parked)}
			}
			why = refusal
			return nil
		})
		switch {
		case err != nil:
			return err
		case why == nil:
			err = w.moved(ctx, part)
			parts = parts[1:]
		case len(part.Records) == 1:
			err = w.park(ctx, part.Records[0], why.Detail)
			parts = parts[1:]
		default:
			parts = append(split(part, why.Index), parts[1:]...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// final makes a stop of an error that does not pass by trying again, at the record of
// an index; others, and the first ones of those that may be due to a program that is
// being replaced, it gives as they are.
func (w *worker) final(index int64, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Kind != Unfit {
		w.unfit = 0
	}
	switch e.Kind {
	case Unfit:
		if w.unfit++; w.unfit >= unfitTries {
			return &stop{index, Unfit, fmt.Errorf("%w: %s", ErrUnfit, e.Detail)}
		}
	case Conflict:
		return &stop{index, Conflict, fmt.Errorf("%w: two logs have one origin, or the log was restored", ErrConflict)}
	case Behind:
		return &stop{index, Behind, fmt.Errorf("%w. Remove %s%s to ship from where it is", ErrBehind, w.name, cursorSuffix)}
	}
	return err
}

// split divides a batch at the record that was refused, or in half where it is
// not known which one that is.
func split(b Batch, refused int64) []Batch {
	n := len(b.Records)
	at := []int{0, n / 2, n}
	if i := refused - b.First; i >= 0 && i < int64(n) {
		at = []int{0, int(i), int(i) + 1, n}
	}
	var out []Batch
	for i := 1; i < len(at); i++ {
		if at[i] > at[i-1] {
			out = append(out, Batch{Origin: b.Origin, First: b.First + int64(at[i-1]), Records: b.Records[at[i-1]:at[i]]})
		}
	}
	return out
}

// attempt writes down what is about to be shipped, and ships it.
func (w *worker) attempt(ctx context.Context, b Batch) error {
	for _, r := range b.Records {
		if personal(r.Core) {
			return Refuse(r.Index, "its core holds a personal part, which never leaves the log")
		}
	}
	if w.cursor.End != b.End() {
		c := w.cursor
		c.End = b.End()
		if err := w.save(c); err != nil {
			return err
		}
	}
	within, cancel := context.WithTimeout(ctx, w.limits.Timeout)
	defer cancel()
	return w.sink.Ship(within, b)
}

// moved moves the cursor behind a batch that was acknowledged.
func (w *worker) moved(ctx context.Context, b Batch) error {
	c := w.cursor
	w.accused, w.handed, w.unfit = false, false, 0
	c.Next, c.End, c.InRow = b.End(), b.End(), 0
	c.Leaf = leafHex(b.Records[len(b.Records)-1].Core)
	if err := w.again(ctx, func() error { return w.save(c) }); err != nil {
		return err
	}
	w.mu.Lock()
	w.state.Failing, w.state.LastError, w.state.Detail = 0, KindNone, ""
	w.oldest = time.Time{}
	w.mu.Unlock()
	return nil
}

// park writes down a record that the sink will never take and moves the cursor
// behind it.
func (w *worker) park(ctx context.Context, r Record, reason string) error {
	p := ParkedRecord{Origin: w.cursor.Origin, Index: r.Index, Reason: reason, Time: w.shipper.opt.now().UTC().Format(time.RFC3339)}
	c := w.cursor
	c.Next, c.End, c.Leaf = r.Index+1, r.Index+1, leafHex(r.Core)
	c.Parked++
	c.InRow++
	err := w.again(ctx, func() error {
		if err := w.shipper.opt.disk.Append(filepath.Join(w.shipper.opt.Dir, w.name+parkedSuffix), p.encode()); err != nil {
			return Fail(CursorTrouble, "the file of parked records cannot be written")
		}
		return w.save(c)
	})
	if err == nil {
		w.shipper.opt.Alarm(&SinkError{Sink: w.name, Index: r.Index, Kind: Refused, Err: fmt.Errorf("%w: %s", ErrParked, reason)})
	}
	return err
}

func (w *worker) save(c Cursor) error {
	if err := w.shipper.opt.disk.Replace(filepath.Join(w.shipper.opt.Dir, w.name+cursorSuffix), c.encode()); err != nil {
		return Fail(CursorTrouble, "the cursor cannot be written")
	}
	w.cursor = c
	w.mu.Lock()
	w.state.Cursor, w.state.Parked = c.Next, c.Parked
	w.mu.Unlock()
	return nil
}

// feed reads a log in order. It keeps its place between batches, so that catching
// up reads each segment once.
type feed struct {
	source Source
	next   func() (audit.Record, error, bool)
	end    func()
	held   Record // read and not taken
	holds  bool
	index  int64 // of the record that comes next
}

// errNoMore: the log ends here, for now.
var errNoMore = errors.New("no more records")

// at gives the record of an index without taking it; where that was removed from
// the log, the first one behind it. It fails with errNoMore.
func (f *feed) at(index int64) (Record, error) {
	if f.holds && f.held.Index == index {
		return f.held, nil
	}
	if f.holds && f.held.Index == index-1 {
		f.took()
	}
	fresh := f.next == nil || f.holds || f.index != index
	for {
		if fresh {
			f.close()
			f.next, f.end = iter.Pull2(f.source.Records(index))
		}
		r, err, ok := f.next()
		switch {
		case !ok && fresh:
			f.close()
			return Record{}, errNoMore
		case !ok: // the end when it was opened; there may be more by now
			fresh = true
			continue
		case err != nil:
			f.close()
			return Record{}, Fail(LogTrouble, "the log cannot be read: `ostiary audit verify` says more")
		}
		f.held, f.holds = Record{Index: r.Index, Core: r.JSON}, true
		return f.held, nil
	}
}

// took takes the record that at gave.
func (f *feed) took() { f.holds, f.index = false, f.held.Index+1 }

func (f *feed) close() {
	if f.end != nil {
		f.end()
	}
	f.next, f.end, f.holds = nil, nil, false
}
