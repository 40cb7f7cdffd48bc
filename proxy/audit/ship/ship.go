package ship

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/durable"
)

// Record is the core of one event: its index in the log and the canonical JSON
// that the log's tree is made of. It is not to be altered.
type Record struct {
	Index int64
	Core  []byte
}

// Batch is records that follow one another in one log. It is never empty.
type Batch struct {
	Origin  string
	First   int64 // index of the first record
	Records []Record
}

// End gives the index behind the last record.
func (b Batch) End() int64 { return b.First + int64(len(b.Records)) }

// Bytes gives the bytes of all cores.
func (b Batch) Bytes() int {
	n := 0
	for _, r := range b.Records {
		n += len(r.Core)
	}
	return n
}

// Sink takes batches. Ship returns nil once the whole batch is as durable as the
// other side makes things. It is called by one goroutine, with batches in order;
// after a failure, and after a crash, with the same batch again or with a part of
// it. It fails with an [*Error]; of others nothing but their being is told. It
// honours the context's end. Close frees what the sink holds, also after a
// failure; it is called once, when Ship has returned.
type Sink interface {
	Ship(ctx context.Context, b Batch) error
	Close() error
}

// Resumer is a Sink that can tell how far it got: the index behind the last
// record of an origin that it holds, 0 where it holds none. It is asked where
// there is no cursor.
type Resumer interface {
	Next(ctx context.Context, origin string) (int64, error)
}

// Source is the log that is shipped from; [audit.Reader] is one.
type Source interface {
	Origin() (string, error)
	// Size gives the number of records that are durable.
	Size() (int64, error)
	// Records gives the records from an index on that are durable now.
	Records(from int64) iter.Seq2[audit.Record, error]
}

var _ Source = (*audit.Reader)(nil)

// Encoder makes of a core what a sink writes in its place, a line of another
// format for instance. Its errors may not quote the core.
type Encoder func(core []byte) ([]byte, error)

// Defaults and bounds of [Limits].
const (
	DefaultRecords = 2000
	DefaultBytes   = 4 << 20
	DefaultAge     = time.Second
	DefaultTimeout = 30 * time.Second

	maxRecords = 100_000
	maxBytes   = 64 << 20
	maxAge     = time.Hour
	maxTimeout = time.Hour
)

// Limits bound a batch. A zero stands for the default.
type Limits struct {
	Records int           // in a batch, at most
	Bytes   int           // of cores in a batch; a batch of one may have more
	Age     time.Duration // how long a record waits for others at most
	Timeout time.Duration // of one call of Ship
}

// Target is a sink with its name and its limits.
type Target struct {
	Name   string // of letters, digits, '-' and '_', at most 64; names the cursor's file, metrics and alarms
	Sink   Sink
	Limits Limits
}

// Options say what is shipped, and who is told.
type Options struct {
	Source Source // the log
	Dir    string // for cursors; made with mode 0700. Not inside the log's directory
	// Observe is told how each sink stands, about once a second and when a sink
	// has stopped, by one goroutine. It must not block.
	Observe func(Status)
	// Alarm is called when an operator should look: a record was parked, a sink
	// has stopped, refuses everything, or fails for what does not pass by itself. It
	// must not block.
	Alarm func(error)

	poll    time.Duration    // how often the log's size is looked at; 0 for pollEvery
	observe time.Duration    // how often Observe is told; 0 for observeEvery
	least   time.Duration    // first pause after a failure; 0 for backoffLeast
	most    time.Duration    // longest pause; 0 for backoffMost
	grace   time.Duration    // 0 for closeGrace
	now     func() time.Time // nil for the clock
	disk    disk             // nil for the operating system's
}

const (
	pollEvery    = 200 * time.Millisecond
	observeEvery = time.Second
	backoffLeast = 250 * time.Millisecond
	backoffMost  = time.Minute
	// closeGrace is how long Run waits, once its context has ended, for a sink
	// that does not come back.
	closeGrace = 10 * time.Second
	// unfitTries is after how many failures of kind [Unfit] in a row a sink is stopped:
	// one may be due to a program that is being replaced.
	unfitTries = 3
	// handTries is after how many failures in a row that need a hand it is told of.
	handTries = 5
	// parkInRow is how many records are parked with none accepted between. More,
	// and it is not the records that are at fault.
	parkInRow = 16
)

// Status says how a sink stands.
type Status struct {
	Sink      string
	Cursor    int64         // index of the next record to be shipped
	Lag       int64         // records that are durable and not shipped
	Behind    time.Duration // how long the oldest of them has been recorded; 0 where none
	Parked    int64         // records that were passed over, ever
	Failures  int64         // since the shipper began
	Failing   int64         // since a batch was accepted; 0 where all is well
	LastError Kind          // of the last failure while Failing or Stopped
	Detail    string        // of it, in words of ours
	Stopped   bool          // for good: it needs an operator
}

// Causes of a sink that was stopped.
var (
	// ErrOrigin: the cursor belongs to a log of another name.
	ErrOrigin = errors.New("the cursor belongs to another log")
	// ErrAhead: the sink holds more than the log.
	ErrAhead = errors.New("the sink is ahead of the log: the log was restored from an older copy, or was cut off")
	// ErrReplaced: the log holds another record where the last one that was
	// shipped stood.
	ErrReplaced = errors.New("the log is not the one that was shipped from: a record that was shipped reads otherwise now")
	// ErrRemoved: records were removed from the log before they were shipped.
	ErrRemoved = errors.New("records were removed from the log before they were shipped")
	// ErrConflict: the store holds another record under the same origin and index.
	ErrConflict = errors.New("the store holds another record under the same origin and index")
	// ErrBehind: the sink has less than it had acknowledged.
	ErrBehind = errors.New("the sink lacks records that it had acknowledged: it was put back to an older state, or is another one")
	// ErrUnfit: the sink does not take this log.
	ErrUnfit = errors.New("the sink does not take this log, or not in the form that this program writes, and will not by being asked again")
	// ErrByHand: the sink fails for what does not pass by itself. It is tried again, at
	// the longest pause.
	ErrByHand = errors.New("it will go on failing until somebody sets that right")
	// ErrParked: a record was parked.
	ErrParked = errors.New("record parked")
	// ErrRefusesAll: the sink refuses record after record.
	ErrRefusesAll = errors.New("the sink refuses everything; nothing more is parked")
)

// SinkError is an alarm about a sink, and what Run gives for one that stopped.
type SinkError struct {
	Sink  string
	Index int64 // of the record that it is about
	Kind  Kind
	Err   error
	// Stopped says that the sink has stopped.
	Stopped bool
}

func (e *SinkError) Error() string {
	return fmt.Sprintf("sink %s, record %d: %v", e.Sink, e.Index, e.Err)
}
func (e *SinkError) Unwrap() error { return e.Err }

// Shipper ships one log to its sinks.
type Shipper struct {
	opt     Options
	lock    *os.File
	workers []*worker

	mu      sync.Mutex
	size    int64 // of the log, as last seen
	logErr  *Error
	changed chan struct{} // closed when size grows, and replaced
}

// New gives a shipper that ships nothing before Run. It locks the directory of
// cursors: one process may ship from it. It does not ask the sinks.
func New(o Options, targets ...Target) (*Shipper, error) {
	if o.Source == nil || o.Dir == "" {
		return nil, errors.New("ship: a log and a directory for cursors are needed")
	}
	s := &Shipper{opt: o.withDefaults(), changed: make(chan struct{})}
	seen := map[string]bool{}
	for _, t := range targets {
		l, err := t.Limits.withDefaults()
		switch {
		case !goodName(t.Name):
			return nil, fmt.Errorf("ship: %q is no name of a sink: letters, digits, '-' and '_', at most %d", t.Name, nameLimit)
		case seen[t.Name]:
			return nil, fmt.Errorf("ship: two sinks are named %s: each needs a cursor of its own", t.Name)
		case t.Sink == nil:
			return nil, fmt.Errorf("ship: %s has no sink", t.Name)
		case err != nil:
			return nil, fmt.Errorf("ship: %s: %w", t.Name, err)
		}
		seen[t.Name] = true
		s.workers = append(s.workers, newWorker(s, t, l))
	}
	if err := os.MkdirAll(o.Dir, dirMode); err != nil {
		return nil, fmt.Errorf("ship: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(o.Dir, "lock"), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("ship: %w", err)
	}
	ok, err := durable.Lock(f)
	if err == nil && !ok {
		err = errors.New("it is in use: another process ships from it")
	}
	if err == nil {
		err = durable.Clean(o.Dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ship from %s: %w", o.Dir, err), f.Close())
	}
	s.lock = f
	return s, nil
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.poll, pollEvery)
	def(&o.observe, observeEvery)
	def(&o.least, backoffLeast)
	def(&o.most, backoffMost)
	def(&o.grace, closeGrace)
	if o.Observe == nil {
		o.Observe = func(Status) {}
	}
	if o.Alarm == nil {
		o.Alarm = func(error) {}
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.disk == nil {
		o.disk = realDisk{}
	}
	return o
}

func (l Limits) withDefaults() (Limits, error) {
	if l.Records == 0 {
		l.Records = DefaultRecords
	}
	if l.Bytes == 0 {
		l.Bytes = DefaultBytes
	}
	if l.Age == 0 {
		l.Age = DefaultAge
	}
	if l.Timeout == 0 {
		l.Timeout = DefaultTimeout
	}
	switch {
	case l.Records < 0 || l.Records > maxRecords:
		return l, fmt.Errorf("a batch has 1 to %d records", maxRecords)
	case l.Bytes < 0 || l.Bytes > maxBytes:
		return l, fmt.Errorf("a batch has at most %d bytes", maxBytes)
	case l.Age < 0 || l.Age > maxAge:
		return l, fmt.Errorf("a record waits at most %v for its batch", maxAge)
	case l.Timeout < 0 || l.Timeout > maxTimeout:
		return l, fmt.Errorf("a sink has at most %v for a batch", maxTimeout)
	}
	return l, nil
}

// Run ships until the context ends, then closes the sinks and gives up the lock.
// It is called once. It gives what stopped sinks before that, as [*SinkError]s,
// and an error for a sink that did not come back.
func (s *Shipper) Run(ctx context.Context) error {
	defer s.lock.Close()
	watching, end := context.WithCancel(context.Background())
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watch(watching) })
	done := make(chan *worker, len(s.workers))
	for _, w := range s.workers {
		go func() {
			defer func() { done <- w }()
			w.run(ctx)
		}()
	}
	left := len(s.workers)
	var late <-chan time.Time
	ended := ctx.Done()
	for left > 0 || ended != nil {
		select {
		case <-done:
			left--
			continue
		case <-ended:
			ended = nil
			late = time.After(s.opt.grace)
			continue
		case <-late:
		}
		break
	}
	end()
	watcher.Wait()
	var errs []error
	for _, w := range s.workers {
		switch back, err := w.result(); {
		case !back:
			errs = append(errs, fmt.Errorf("sink %s did not come back within %v; its batch will be sent again", w.name, s.opt.grace))
		case err != nil:
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// watch looks at the log's size and tells how the sinks stand.
func (s *Shipper) watch(ctx context.Context) {
	poll, observe := time.NewTicker(s.opt.poll), time.NewTicker(s.opt.observe)
	defer poll.Stop()
	defer observe.Stop()
	defer s.tell()
	s.look()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			s.look()
		case <-observe.C:
			s.tell()
		}
	}
}

// look reads the log's size and wakes the sinks where it has changed.
func (s *Shipper) look() {
	n, err := s.opt.Source.Size()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.logErr = Fail(LogTrouble, "the log cannot be read: `ostiary audit verify` says more")
		return
	}
	s.logErr = nil
	if n != s.size {
		s.size = n
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// seen gives the log's size as last seen, and what is closed when it changes.
func (s *Shipper) seen() (int64, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size, s.changed
}

// tell gives each sink's status to Observe.
func (s *Shipper) tell() {
	for _, st := range s.Statuses() {
		s.opt.Observe(st)
	}
}

// Statuses says how the sinks stand now, in the order of New.
func (s *Shipper) Statuses() []Status {
	s.mu.Lock()
	size, trouble := s.size, s.logErr
	s.mu.Unlock()
	out := make([]Status, 0, len(s.workers))
	for _, w := range s.workers {
		st := w.status(size)
		if trouble != nil && !st.Stopped {
			st.LastError, st.Detail = trouble.Kind, trouble.Detail
		}
		out = append(out, st)
	}
	return out
}
