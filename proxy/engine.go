package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Engine walks exchanges through a [Snapshot]. One Engine serves all data
// planes of a process. Its methods are safe for concurrent use.
type Engine struct {
	recorder Recorder
	observer Observer
	now      func() time.Time

	snapshot atomic.Pointer[Snapshot]
	open     atomic.Int64 // exchanges between Open and Close

	mu      sync.Mutex
	pending map[string]*pending // by decision id; guarded by mu
}

// NewEngine makes an engine. The observer may be nil.
func NewEngine(s *Snapshot, r Recorder, o Observer) *Engine { panic("todo") }

// Swap makes s the snapshot of every exchange opened from now on. Exchanges
// under way keep theirs.
func (e *Engine) Swap(s *Snapshot) { e.snapshot.Store(s) }

// Snapshot gives the snapshot in force. It may not be written.
func (e *Engine) Snapshot() *Snapshot { return e.snapshot.Load() }

// Open begins an exchange with its head. The ruling waits for the body, or is
// final: an answer, or (where the head says the stream ended) a release.
// The caller ends every Session with Close.
func (e *Engine) Open(ctx context.Context, h Head) (*Session, Ruling) { panic("todo") }

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

// Complete records the outcome of a released exchange by its decision's id:
// Envoy's access log calls it, and the embedded plane. An id that is not
// pending is ignored and gives false.
func (e *Engine) Complete(ctx context.Context, decisionID string, t Transfer) bool { panic("todo") }

// Ungoverned records that a data plane sent something that no decision covers.
// It is an alarm: the audit log gets an event of kind gap.
func (e *Engine) Ungoverned(ctx context.Context, reason string) { panic("todo") }

// Orphan gives every pending outcome up, with a reason: the data plane that
// would have told of them is gone.
func (e *Engine) Orphan(ctx context.Context, reason string) { panic("todo") }

// ResponseHead is the head of an answer as it comes from upstream.
type ResponseHead struct {
	Status      int
	ContentType string
}

// ResponsePlan says how a data plane treats an answer.
type ResponsePlan struct {
	Set  []Header // headers to add
	Body BodyMode
}

// BodyMode is how an answer's body is to be given to the Session.
type BodyMode uint8

// The modes. Answers are not inspected yet: always BodyNone.
const (
	BodyNone BodyMode = iota
	BodyStreamed
	BodyBuffered
)

// Session is one exchange. It is owned by one goroutine of a data plane.
type Session struct{}

// Body gives the whole body and gets the final ruling. It may be called once,
// after a ruling that waits.
func (s *Session) Body(ctx context.Context, body []byte) Ruling { panic("todo") }

// TooLarge tells that the data plane met a body over the limit: the denial is
// recorded and the answer to give is returned.
func (s *Session) TooLarge(ctx context.Context) Ruling { panic("todo") }

// Responded tells the head of the answer. It may be called once; on an exchange
// without a release (the data plane's own refusal) it records the denial and
// plans nothing.
func (s *Session) Responded(ctx context.Context, r ResponseHead) ResponsePlan { panic("todo") }

// Close ends the session. A session without a decision records that it was
// aborted; one with a release leaves its outcome pending for Complete.
func (s *Session) Close(ctx context.Context) { panic("todo") }

type pending struct{}
