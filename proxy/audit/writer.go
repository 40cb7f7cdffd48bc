package audit

import (
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// writer is the one that appends. Its goroutine owns all fields but those that
// say otherwise.
type writer struct {
	log      *Log
	segment  *segment
	offset   int64    // of segment, where the next frame goes; all before is durable
	tree     frontier // of what is durable
	marker   file
	buf      []byte
	batch    []*call
	frames   int64       // in buf
	took     []*call     // those of batch whose frames are in buf
	leaves   []tlog.Hash // of took; kept for its room
	answered int         // calls of the last commit

	size atomic.Int64 // of tree, for everybody
}

// segment is a file of segments/, open for writing.
type segment struct {
	number int64
	size   int64
	file   file
}

func segmentName(number int64) string {
	const digits = 8
	s := []byte("00000000")
	for i := digits - 1; i >= 0; i-- {
		s[i] = byte('0' + number%10)
		number /= 10
	}
	return filepath.Join("segments", string(s)+".log")
}

// run commits batch after batch until the queue is closed and empty.
func (w *writer) run() {
	defer w.log.done.Done()
	for c := range w.log.queue {
		w.gather()
		w.batch = append(w.batch[:0], c)
		bytes := c.bytes
	fill:
		for bytes < batchBytes {
			select {
			case c, ok := <-w.log.queue:
				if !ok {
					break fill
				}
				w.batch = append(w.batch, c)
				bytes += c.bytes
			default:
				break fill
			}
		}
		w.commit()
	}
}

// gather lets the callers who were answered just now call again, as long as more
// of them do, so that one fdatasync serves all and not every second of them. A
// single caller costs nothing.
func (w *writer) gather() {
	if w.answered < 2 {
		return
	}
	for n := len(w.log.queue); n < w.answered; {
		runtime.Gosched()
		more := len(w.log.queue)
		if more <= n {
			return
		}
		n = more
	}
}

// commit makes the calls of the batch durable, in order, and answers each.
func (w *writer) commit() {
	l := w.log
	for _, c := range w.batch {
		l.waiting.Add(-int64(c.bytes))
		if !c.state.CompareAndSwap(callWaits, callTaken) {
			continue
		}
		if err := l.Failed(); err != nil {
			c.done <- err
			continue
		}
		if c.rotate {
			w.flush()
			var err error
			if w.offset > segmentHeader {
				err = w.rotate()
			}
			c.done <- err
			continue
		}
		// A call's frames stay in one segment.
		if w.offset+int64(len(w.buf)+c.bytes) > w.segment.size {
			w.flush()
			if err := w.rotate(); err != nil {
				c.done <- err
				continue
			}
		}
		rest := c.buf
		for _, r := range c.records {
			end := r.json + r.personal
			w.buf = appendFrame(w.buf, frame{index: w.tree.size + w.frames, durable: w.offset, json: rest[:r.json], personal: rest[r.json:end]})
			rest = rest[end:]
			w.frames++
		}
		w.took = append(w.took, c)
	}
	w.flush()
	clear(w.batch)
}

// flush makes what is in buf durable and answers the calls that it holds. After
// an error the log has failed: the file is never synchronised again, because the
// kernel may have dropped what it could not write and call the next one good.
func (w *writer) flush() {
	if len(w.took) == 0 {
		return
	}
	l := w.log
	started := l.opt.now()
	var took time.Duration
	n, err := w.segment.file.WriteAt(w.buf, w.offset)
	if err == nil && n < len(w.buf) {
		err = errShort
	}
	if err == nil {
		err = w.segment.file.Sync()
		took = l.opt.now().Sub(started)
	}
	if err != nil {
		l.fail(err)
		w.answer(l.Failed())
		return
	}
	leaves := w.leaves[:0]
	for _, c := range w.took {
		leaves = append(leaves, c.leaves...)
	}
	w.leaves = leaves
	for _, h := range leaves {
		w.tree.add(h)
	}
	w.offset += int64(len(w.buf))
	// The marker is written before the answer, so that who was answered finds the
	// event. It is a hint: the events are durable without it.
	_, err = w.marker.WriteAt(marker{w.segment.number, w.offset, w.tree.size}.encode(), 0)
	w.size.Store(w.tree.size)
	l.notary.take(leaves, &w.tree)
	commit := Commit{Events: len(leaves), Bytes: len(w.buf), Sync: took, Queue: len(l.queue)}
	first := w.took[0].began
	handed := w.hand(len(leaves))
	w.answer(nil)
	if err != nil {
		l.fail(err)
	}
	if handed != nil {
		l.opt.Committed(w.tree.size-int64(len(handed)), handed)
	}
	if l.opt.Observe != nil {
		commit.Duration = l.opt.now().Sub(first)
		l.opt.Observe(commit)
	}
}

// hand copies the events that were committed, where somebody wants them.
func (w *writer) hand(n int) [][]byte {
	if w.log.opt.Committed == nil {
		return nil
	}
	size := 0
	for _, c := range w.took {
		size += len(c.buf)
	}
	all, out := make([]byte, 0, size), make([][]byte, 0, n)
	for _, c := range w.took {
		rest := c.buf
		for _, r := range c.records {
			from := len(all)
			all = append(all, rest[:r.json]...)
			out = append(out, all[from:len(all):len(all)])
			rest = rest[r.json+r.personal:]
		}
	}
	return out
}

var errShort = errors.New("short write")

// answer ends the calls that are in buf.
func (w *writer) answer(err error) {
	w.answered = len(w.took)
	for _, c := range w.took {
		c.done <- err
	}
	clear(w.took)
	w.took = w.took[:0]
	w.buf, w.frames = w.buf[:0], 0
	if cap(w.buf) > 2*batchBytes {
		w.buf = nil
	}
}

// rotate begins the next segment. Where there is no room for one, nothing has
// been touched and the next call tries again.
func (w *writer) rotate() error {
	l := w.log
	if err := l.Failed(); err != nil {
		return err
	}
	s, err := l.spares.next()
	if err != nil {
		if noSpace(err) {
			return ErrNoSpace
		}
		l.fail(err)
		return l.Failed()
	}
	if err := w.begin(s); err != nil {
		l.fail(err)
		return l.Failed()
	}
	l.notary.boundary(s.number, w.tree.size)
	return nil
}

// begin writes the header of a prepared segment and makes it the current one.
func (w *writer) begin(s *segment) error {
	h := header{number: s.number, began: w.log.opt.now().UnixMilli(), origin: w.log.origin, tree: w.tree}
	if _, err := s.file.WriteAt(h.encode(), 0); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	if w.segment != nil {
		if err := w.segment.file.Close(); err != nil {
			return err
		}
	}
	w.segment, w.offset = s, segmentHeader
	_, err := w.marker.WriteAt(marker{s.number, w.offset, w.tree.size}.encode(), 0)
	return err
}

func (w *writer) close() error {
	return errors.Join(w.segment.file.Close(), w.marker.Close())
}

// spares prepares segments ahead of the writer.
type spares struct {
	log  *Log
	kick chan struct{} // of one; wakes the goroutine

	mu      sync.Mutex
	ready   []*spare // in order; guarded by mu
	number  int64    // of the next to prepare; guarded by mu
	lacking bool     // the last attempt found no room; guarded by mu
}

// spare is a prepared segment. Its room is reserved; its zeros are written bit by
// bit, because overwriting written blocks is faster than the first write to
// reserved ones.
type spare struct {
	segment
	mu    sync.Mutex // held while zeros are written
	taken bool       // the writer has it: no more zeros; guarded by mu
}

// Steps of writing zeros: small, so that a commit behind one does not wait long.
const zeroStep = 256 << 10

// zeroRest bounds how long writing zeros rests after a step.
const zeroRest = 20 * time.Millisecond

// spareRetry is how often room is looked for when there was none.
const spareRetry = time.Second

// next gives a prepared segment, and prepares one now where none is ready.
func (s *spares) next() (*segment, error) {
	defer s.wake()
	s.mu.Lock()
	if len(s.ready) == 0 {
		if err := s.prepare(s.log.opt.Segment); err != nil {
			s.mu.Unlock()
			return nil, err
		}
	}
	first := s.ready[0]
	s.ready = s.ready[1:]
	s.mu.Unlock()
	first.mu.Lock()
	first.taken = true
	first.mu.Unlock()
	return &first.segment, nil
}

// prepare reserves the room of one more segment. mu is held.
func (s *spares) prepare(size int64) error {
	fsys, name := s.log.opt.fs, filepath.Join(s.log.dir, segmentName(s.number))
	f, err := fsys.Create(name)
	if err == nil {
		if err = f.Allocate(size); err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = fsys.SyncDir(filepath.Dir(name))
		}
		if err != nil {
			err = errors.Join(err, f.Close(), fsys.Remove(name))
		}
	}
	if err != nil {
		if !s.lacking && noSpace(err) {
			s.log.alarm(ErrNoSpace)
		}
		s.lacking = noSpace(err)
		return err
	}
	s.lacking = false
	s.ready = append(s.ready, &spare{segment: segment{s.number, size, f}})
	s.number++
	return nil
}

func (s *spares) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run keeps segments ready until the log is closed.
func (s *spares) run() {
	defer s.log.done.Done()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-s.log.stopped:
			return
		case <-s.kick:
		case <-retry.C:
		}
		for s.log.Failed() == nil {
			fresh, err := s.more()
			if err != nil {
				// The writer meets any other error itself when it needs a segment.
				if noSpace(err) {
					retry.Reset(spareRetry)
				}
				break
			}
			if fresh == nil {
				break
			}
			if !s.zero(fresh) {
				break
			}
		}
	}
}

// more prepares one segment if there are not enough, and gives it.
func (s *spares) more() (*spare, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) >= s.log.opt.Ahead {
		return nil, nil
	}
	if err := s.prepare(s.log.opt.Segment); err != nil {
		return nil, err
	}
	return s.ready[len(s.ready)-1], nil
}

// zero writes a spare's zeros until it is taken or the log is closed; then it
// gives false where the log is.
func (s *spares) zero(p *spare) bool {
	for at := int64(0); at < p.size; at += zeroStep {
		select {
		case <-s.log.stopped:
			return false
		default:
		}
		began := time.Now()
		p.mu.Lock()
		if p.taken {
			p.mu.Unlock()
			return true
		}
		err := fill(p.file, at, min(at+zeroStep, p.size))
		if err == nil {
			err = p.file.Sync()
		}
		p.mu.Unlock()
		if err != nil {
			s.log.fail(err)
			return false
		}
		time.Sleep(min(time.Since(began), zeroRest))
	}
	return true
}

func (s *spares) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, p := range s.ready {
		err = errors.Join(err, p.file.Close())
	}
	s.ready = nil
	return err
}
