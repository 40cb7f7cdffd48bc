package proxy

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the engine's own work.
const (
	outcomeQueue = 8192                  // outcomes waiting to be recorded; a full queue holds the data plane's reader up, it loses nothing
	outcomeBatch = 256                   // outcomes recorded in one call
	outcomeDelay = 50 * time.Millisecond // for which the first of them waits for others
	silenceLimit = time.Minute           // for the outcome of a release whose answer never came
)

// Engine walks exchanges through a [Snapshot]. One Engine serves all data
// planes of a process. Its methods are safe for concurrent use.
type Engine struct {
	recorder Recorder
	observer Observer
	now      func() time.Time

	snapshot atomic.Pointer[Snapshot]
	open     atomic.Int64 // sessions between Open and Close

	mu      sync.Mutex
	pending map[string]*pending // by decision id; guarded by mu

	outcomes chan *outcome // drained by one goroutine, which ends when it is closed
	sending  sync.RWMutex  // held for reading by senders to outcomes; guards closed
	closed   bool
	drained  chan struct{} // closed when that goroutine is done
}

// pending is a released exchange whose outcome is not known yet.
type pending struct {
	ctx    context.Context // the observer's
	asked  time.Time
	status int
	ttfb   time.Duration
}

// outcome is an outcome's event on its way to the recorder.
type outcome struct {
	ctx   context.Context
	event *Event
}

// NewEngine makes an engine and starts the goroutine that records outcomes;
// [Engine.Close] ends it. The observer may be nil.
func NewEngine(s *Snapshot, r Recorder, o Observer) *Engine {
	if o == nil {
		o = silence{}
	}
	e := &Engine{
		recorder: r, observer: o, now: time.Now, pending: map[string]*pending{},
		outcomes: make(chan *outcome, outcomeQueue), drained: make(chan struct{}),
	}
	e.snapshot.Store(s)
	go e.drain()
	return e
}

// Swap makes s the snapshot of every exchange opened from now on. Exchanges
// under way keep theirs.
func (e *Engine) Swap(s *Snapshot) { e.snapshot.Store(s) }

// Snapshot gives the snapshot in force. It may not be written.
func (e *Engine) Snapshot() *Snapshot { return e.snapshot.Load() }

// Transfer is what a data plane knows of an exchange when it is over.
type Transfer struct {
	Status    int           // to the client; 0 where the client got none
	Sent      bool          // an upstream connection received bytes
	SentBytes int64         // on the wire, to upstream
	Bytes     int64         // of the answer's body, to the client
	Duration  time.Duration // from the first byte of the request to the last of the answer
	TTFB      time.Duration // to the first byte of the answer; 0 where not known
	Attempts  int           // upstream connections tried
	Reason    string        // a constant word where the exchange did not end well: cut, client_gone, upstream_failed …
}

// ReasonNotInspected is the reason in outcomes whose answer was not inspected.
const ReasonNotInspected = "answers_not_inspected"

// Complete takes the outcome of a released exchange by its decision's id; it is
// recorded soon afterwards, out of the client's way. Envoy's access log calls
// it, and the embedded plane. An id that is not pending gives false.
func (e *Engine) Complete(decisionID string, t Transfer) bool {
	e.mu.Lock()
	p, ok := e.pending[decisionID]
	delete(e.pending, decisionID)
	e.mu.Unlock()
	if !ok {
		return false
	}
	if t.TTFB == 0 {
		t.TTFB = p.ttfb
	}
	if t.Status == 0 {
		t.Status = p.status
	}
	o := &OutcomeRecord{
		Attempts: t.Attempts, Bytes: t.Bytes, DurationMS: t.Duration.Milliseconds(), Reason: t.Reason,
		Sent: sentWords[t.Sent], SentBytes: t.SentBytes, Status: t.Status, TTFBMS: t.TTFB.Milliseconds(),
	}
	if o.Reason == "" {
		o.Reason = ReasonNotInspected
	}
	e.enqueue(&outcome{p.ctx, e.outcomeEvent(decisionID, o)})
	return true
}

// Orphan gives every pending outcome up for a reason, a constant word: the data
// plane that would have told of them is gone.
func (e *Engine) Orphan(reason string) {
	e.mu.Lock()
	ids := slices.Collect(maps.Keys(e.pending))
	e.mu.Unlock()
	e.giveUp(reason, ids...)
}

// giveUp records outcomes that nobody told of as unknown.
func (e *Engine) giveUp(reason string, ids ...string) {
	for _, id := range ids {
		e.mu.Lock()
		p, ok := e.pending[id]
		delete(e.pending, id)
		e.mu.Unlock()
		if ok {
			e.enqueue(&outcome{p.ctx, e.outcomeEvent(id, &OutcomeRecord{
				DurationMS: e.now().Sub(p.asked).Milliseconds(), Reason: reason, Sent: Unknown, Status: p.status, TTFBMS: p.ttfb.Milliseconds(),
			})})
		}
	}
}

// Pending gives the number of released exchanges whose outcome is not known.
func (e *Engine) Pending() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.pending)
}

// Ungoverned records that a data plane sent something that no decision covers.
// It is an alarm: the audit log gets an event of kind gap. The reason is a
// constant word.
func (e *Engine) Ungoverned(ctx context.Context, reason string) error {
	return e.Admin(ctx, EventGap, "ungoverned", reason)
}

// Admin records a change of the process itself: an event of kind [EventAdmin],
// [EventPolicy] or [EventConfig].
func (e *Engine) Admin(ctx context.Context, kind, action, detail string) error {
	ev := NewEvent(kind, e.now())
	ev.Admin = &AdminRecord{Action: action, Detail: detail}
	snap := e.Snapshot()
	ev.Policy = snap.policyRecord()
	return e.record(ctx, snap, ev)
}

// Close gives pending outcomes up, records what waits and ends the engine's
// goroutine. No Session may be opened afterwards. It returns the context's
// error where that ends first.
func (e *Engine) Close(ctx context.Context) error {
	e.Orphan("shutdown")
	e.sending.Lock()
	if !e.closed {
		e.closed = true
		close(e.outcomes)
	}
	e.sending.Unlock()
	select {
	case <-e.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Engine) enqueue(o *outcome) {
	e.sending.RLock()
	defer e.sending.RUnlock()
	if e.closed {
		// The drain is over: record in line rather than lose it.
		_ = e.record(o.ctx, e.Snapshot(), o.event)
		e.observer.End(o.ctx)
		return
	}
	e.outcomes <- o
}

// drain records outcomes in batches until the queue is closed. It lets them
// gather for a moment: each commit keeps the disk from the decisions that
// clients wait for.
func (e *Engine) drain() {
	defer close(e.drained)
	for o := range e.outcomes {
		batch, of, full := []*Event{o.event}, []*outcome{o}, time.NewTimer(outcomeDelay)
	fill:
		for len(batch) < outcomeBatch {
			select {
			case o, ok := <-e.outcomes:
				if !ok {
					break fill
				}
				batch, of = append(batch, o.event), append(of, o)
			case <-full.C:
				break fill
			}
		}
		full.Stop()
		ctx, cancel := context.WithTimeout(context.Background(), e.Snapshot().Limits.WithDefaults().Commit)
		err := e.recorder.Record(ctx, batch...)
		cancel()
		for _, o := range of {
			e.observer.Recorded(o.ctx, o.event, err)
			e.observer.End(o.ctx)
		}
	}
}

// record makes events durable. The client cannot cancel it.
func (e *Engine) record(ctx context.Context, s *Snapshot, events ...*Event) error {
	ctx = context.WithoutCancel(ctx)
	done := e.observer.Step(ctx, "record")
	limited, cancel := context.WithTimeout(ctx, s.Limits.WithDefaults().Commit)
	err := e.recorder.Record(limited, events...)
	cancel()
	done()
	for _, ev := range events {
		e.observer.Recorded(ctx, ev, err)
	}
	return err
}

// NewEvent makes an event of a kind with a new id. Its recorder fills Origin.
func NewEvent(kind string, now time.Time) *Event {
	return &Event{V: EventVersion, ID: newID(now), Kind: kind, Time: now.UTC().Format("2006-01-02T15:04:05.000Z")}
}

func (e *Engine) outcomeEvent(decisionID string, o *OutcomeRecord) *Event {
	ev := NewEvent(EventOutcome, e.now())
	ev.DecisionID, ev.Outcome = decisionID, o
	return ev
}

var sentWords = map[bool]string{true: "yes", false: "no"}

// crockford is the alphabet of ULIDs, which sorts as its values do.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newID makes a ULID: 48 bits of milliseconds and 80 random bits
// (github.com/ulid/spec).
func newID(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(t.UnixMilli())<<16)
	rand.Read(b[6:]) // never fails (crypto/rand, Go 1.24)
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var s [26]byte
	for i := range s {
		s[len(s)-1-i] = crockford[lo&31]
		lo, hi = lo>>5|hi<<59, hi>>5
	}
	return string(s[:])
}

// silence is the observer of an engine that nobody observes.
type silence struct{}

func (silence) Begin(ctx context.Context, _ *Head) context.Context { return ctx }
func (silence) Step(context.Context, string) func()                { return func() {} }
func (silence) Recorded(context.Context, *Event, error)            {}
func (silence) End(context.Context)                                {}
