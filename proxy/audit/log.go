package audit

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit/durable"
)

// Defaults and bounds.
const (
	// DefaultSegment is the size of a segment in bytes.
	DefaultSegment = 64 << 20
	// minSegment holds the header and a record of any permitted length.
	minSegment = 256 << 10
	maxSegment = 1 << 30 // frames state offsets in 32 bits
	// firstSegment is the size of a new log's first segment. It is small so that
	// a new log opens at once; the next is prepared behind its back.
	firstSegment = 4 << 20
	// DefaultAhead is how many segments are kept prepared: when the disk is full,
	// that shows with so much room left.
	DefaultAhead = 2
	// DefaultCheckpointEvery is the longest time that a record waits for a
	// checkpoint.
	DefaultCheckpointEvery = time.Second
	// checkpointEvents is how many records bring a checkpoint about sooner.
	checkpointEvents = 10_000
	// unsignedLimit is how many records may wait for a checkpoint. More cannot be
	// recorded: somebody could alter them unseen.
	unsignedLimit = 1 << 20

	queueCalls = 8192     // calls of Record that wait for the disk
	queueBytes = 64 << 20 // and their bytes
	batchBytes = 2 << 20  // written at once; a call with more is a batch of its own
	callLimit  = 2 << 20  // bytes of the events of one call; a segment bounds it too
)

// Causes of a call that was not recorded. Each comes wrapped in a [proxy.Error]
// of kind Unrecorded.
var (
	// ErrQueueFull: more calls wait than the queue takes. Refuse the request.
	ErrQueueFull = errors.New("the audit log's queue is full")
	// ErrNoSpace: no segment could be prepared. Nothing was written; the log goes
	// on by itself once there is room.
	ErrNoSpace = errors.New("no disk space for the audit log")
	// ErrFailed: writing failed, and only a restart can tell what is on disk.
	ErrFailed = errors.New("the audit log has failed; no more is recorded until it is opened anew")
	// ErrUnsigned: too many records wait for a checkpoint.
	ErrUnsigned = errors.New("checkpoints of the audit log cannot be written")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("the audit log is closed")
	// ErrTimeout: the context ended before the disk had answered. The events may
	// have been recorded nevertheless.
	ErrTimeout = errors.New("the audit log did not answer in time")
)

// Options say how a log is kept. The zero Options are good.
type Options struct {
	// Origin names a new log, in checkpoints and events. A log that is there
	// keeps its own; empty means a name made of the host's and a random part.
	Origin string
	// KeyDir is a directory outside the log's for the signing key, which is made
	// where there is none, and for the last checkpoint. Empty means
	// [DefaultKeyDir].
	KeyDir string
	// Signer signs checkpoints in the place of the key in KeyDir, and Verifier is
	// its other half. Both or neither.
	Signer   note.Signer
	Verifier note.Verifier
	// Public is the verifier key of Verifier as text; [Log.Rotate] needs it.
	Public string
	// Segment is the size of a segment in bytes, 0 for [DefaultSegment].
	Segment int64
	// Ahead is how many segments are prepared, 0 for [DefaultAhead].
	Ahead int
	// CheckpointEvery is the longest time that a record waits for a checkpoint,
	// 0 for [DefaultCheckpointEvery].
	CheckpointEvery time.Duration
	// Observe is called after each commit. It must not block.
	Observe func(Commit)
	// Needed gives the index of the first record that somebody still has to copy:
	// [Log.Retain] keeps it. nil means that nobody does.
	Needed func() int64
	// Committed is called after each commit with the index of its first record and
	// the events, which belong to the callee; personal parts are not among them. It
	// must not block.
	Committed func(first int64, events [][]byte)
	// Sealed is called, from a goroutine of the log, after a segment was packed.
	// It must not block for long.
	Sealed func(segment int64)
	// Alarm is called, from a goroutine of the log, when an operator should look:
	// the log has failed, the disk is full. It must not block. Each new
	// condition is reported once.
	Alarm func(error)

	foreign bool             // others sign: it is a replica
	noSeal  bool             // segments are packed when asked only
	fs      fileSystem       // nil for the disk
	now     func() time.Time // nil for the clock
	random  io.Reader        // nil for crypto/rand
}

// Commit tells of one group of events that became durable.
type Commit struct {
	Events   int
	Bytes    int           // on disk
	Duration time.Duration // from the first event's call to its acknowledgement
	Sync     time.Duration // of it, in fdatasync
	Queue    int           // calls that wait for the next commit
}

// Recovery tells what was found when a log was opened.
type Recovery struct {
	New     bool  // the log was made
	Records int64 // in the log
	Scanned int64 // of them, read and hashed now
	// Torn is the bytes of a write that a crash cut off, which are no longer
	// there. None of them had been acknowledged.
	Torn int64
}

// Log is the audit log of one directory, open for appending. It implements
// [proxy.Recorder]. Its methods are safe for concurrent use.
type Log struct {
	dir      string
	origin   string
	opt      Options
	verifier note.Verifier // guarded by the notary's mu, once the log is open
	public   string        // its text; likewise
	recovery Recovery
	lock     io.Closer // the lock on the directory

	queue   chan *call
	waiting atomic.Int64 // bytes in queue
	sending sync.RWMutex // held for reading by senders to queue; guards closed
	closed  bool
	stopped chan struct{}  // closed to end the goroutines but the writer
	done    sync.WaitGroup // all goroutines

	failure  atomic.Pointer[error]
	writer   *writer
	spares   *spares
	notary   *notary
	sealer   *sealer
	encoders sync.Pool // of *encoder
	calls    sync.Pool // of *call
}

var _ proxy.Recorder = (*Log)(nil)

// call is one call of Record on its way through the writer.
type call struct {
	buf     []byte
	records []written
	leaves  []tlog.Hash
	bytes   int  // on disk
	rotate  bool // nothing to write: a new segment is begun
	began   time.Time
	state   atomic.Int32
	done    chan error // gets one value if the writer took the call
}

// written says how long an event and its personal part are, which lie in buf.
type written struct{ json, personal int }

// reset makes a call that was answered, or never enqueued, good for another.
func (c *call) reset() {
	if cap(c.buf) > keepCall {
		c.buf, c.records, c.leaves = nil, nil, nil
	}
	*c = call{buf: c.buf[:0], records: c.records[:0], leaves: c.leaves[:0], done: c.done}
}

// keepCall is the greatest buffer of a call that is kept for another.
const keepCall = 64 << 10

// States of a call. A call that was given up before the writer took it is not
// written.
const (
	callWaits = iota
	callTaken
	callGivenUp
)

// Record appends events and returns nil once all of them are durable. Every
// failure is a [proxy.Error] of kind Unrecorded and means that the events must
// count as not recorded; see the causes above. The context's end is honoured
// while the events wait and while the disk is busy. An event's Origin is set in
// the record, not in the event.
func (l *Log) Record(ctx context.Context, events ...*proxy.Event) error {
	if err := l.record(ctx, events); err != nil {
		return &proxy.Error{Op: "record", Kind: proxy.Unrecorded, Err: err}
	}
	return nil
}

func (l *Log) record(ctx context.Context, events []*proxy.Event) error {
	if err := l.Failed(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return ErrTimeout
	}
	if l.writer.size.Load()-l.notary.signed.Load() >= unsignedLimit {
		l.notary.wake()
		return ErrUnsigned
	}
	c, err := l.encode(events)
	if err != nil {
		return err
	}
	if err := l.enqueue(c); err != nil {
		return err
	}
	select {
	case err := <-c.done:
		// The writer is done with the call. One that was given up it may still hold.
		c.reset()
		l.calls.Put(c)
		return err
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(callWaits, callGivenUp) {
		return ErrTimeout
	}
	// The writer has it. The answer may be there already.
	select {
	case err := <-c.done:
		return err
	default:
		return ErrTimeout
	}
}

func (l *Log) encode(events []*proxy.Event) (*call, error) {
	enc := l.encoders.Get().(*encoder)
	defer l.encoders.Put(enc)
	c := l.calls.Get().(*call)
	c.began = l.opt.now()
	for _, ev := range events {
		own := *ev // the event belongs to the caller
		own.Origin = l.origin
		personal, commitment, err := l.setApart(enc, ev.Personal)
		if err != nil {
			return nil, err
		}
		own.Personal = commitment
		b, err := enc.encode(&own)
		if err != nil {
			return nil, err
		}
		c.buf = append(append(c.buf, b...), personal...)
		c.records = append(c.records, written{len(b), len(personal)})
		c.leaves = append(c.leaves, tlog.RecordHash(b))
		c.bytes += frameSize(len(b) + len(personal))
	}
	if int64(c.bytes) > min(callLimit, l.opt.Segment-segmentHeader) {
		return nil, ErrTooLarge
	}
	return c, nil
}

// enqueue hands a call to the writer or fails at once.
func (l *Log) enqueue(c *call) error {
	l.sending.RLock()
	defer l.sending.RUnlock()
	if l.closed {
		return ErrClosed
	}
	if l.waiting.Add(int64(c.bytes)) > queueBytes {
		l.waiting.Add(-int64(c.bytes))
		return ErrQueueFull
	}
	select {
	case l.queue <- c:
		return nil
	default:
		l.waiting.Add(-int64(c.bytes))
		return ErrQueueFull
	}
}

// Failed gives why the log has failed for good, wrapping [ErrFailed], or nil.
func (l *Log) Failed() error {
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// fail marks the log failed. The first cause stays.
func (l *Log) fail(cause error) {
	err := error(&failure{cause})
	if l.failure.CompareAndSwap(nil, &err) {
		l.alarm(err)
	}
}

// failure is ErrFailed with its cause, an error of the operating system that
// holds paths of the log and no content.
type failure struct{ cause error }

func (f *failure) Error() string   { return ErrFailed.Error() + ": " + f.cause.Error() }
func (f *failure) Unwrap() []error { return []error{ErrFailed, f.cause} }

func (l *Log) alarm(err error) {
	if l.opt.Alarm != nil {
		l.opt.Alarm(err)
	}
}

// Origin gives the log's name.
func (l *Log) Origin() string { return l.origin }

// Size gives the number of durable records.
func (l *Log) Size() int64 { return l.writer.size.Load() }

// Queue gives the number of calls that wait for the disk.
func (l *Log) Queue() int { return len(l.queue) }

// Recovery tells what was found when the log was opened.
func (l *Log) Recovery() Recovery { return l.recovery }

// Signed gives the number of records under the last checkpoint and when it was
// signed; the time is zero where none was since the log was opened.
func (l *Log) Signed() (size int64, at time.Time) {
	if t := l.notary.signedAt.Load(); t != nil {
		at = *t
	}
	return l.notary.signed.Load(), at
}

// Close records what waits, signs a last checkpoint and lets the directory go.
// It fails where the log had failed or the checkpoint could not be written.
// Calls of Record from then on fail. A second Close does nothing.
func (l *Log) Close() error {
	l.sending.Lock()
	if l.closed {
		l.sending.Unlock()
		return nil
	}
	l.closed = true
	close(l.queue)
	close(l.stopped)
	l.sending.Unlock()
	l.done.Wait()
	err := l.Failed()
	if err == nil {
		err = l.notary.run()
	}
	return errors.Join(err, l.writer.close(), l.spares.close(), l.notary.close(), l.lock.Close())
}

func (o Options) withDefaults(dir string) Options {
	if o.KeyDir == "" {
		o.KeyDir = DefaultKeyDir(dir)
	}
	if o.Segment == 0 {
		o.Segment = DefaultSegment
	}
	o.Segment = min(max(o.Segment, minSegment), maxSegment) / segmentHeader * segmentHeader
	if o.Ahead == 0 {
		o.Ahead = DefaultAhead
	}
	if o.CheckpointEvery == 0 {
		o.CheckpointEvery = DefaultCheckpointEvery
	}
	if o.fs == nil {
		o.fs = disk{}
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.random == nil {
		o.random = defaultRandom()
	}
	return o
}

// lockDir takes the lock on the log's directory.
func lockDir(name string) (*os.File, bool, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, false, err
	}
	ok, err := durable.Lock(f)
	if err != nil || !ok {
		return nil, false, errors.Join(err, f.Close())
	}
	return f, true, nil
}
