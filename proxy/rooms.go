package proxy

import (
	"cmp"
	"context"
	"time"
)

// Dialects reads and writes the bodies of the model APIs.
type Dialects interface {
	// Route says what a method and a path (query included, pool prefix taken
	// off) mean. It never fails: what it does not know is OpUnknown with
	// DialectNone.
	Route(method string, path Text) Route
	// Read inspects a whole body. headers are those that are forwarded. It
	// fails with an [Error] of kind Malformed, TooLarge or Unsupported, which
	// holds no content. An empty body with OpUnknown or a bodyless operation is
	// read as path and headers alone.
	Read(r Route, h *Head, body []byte) (Document, error)
	// Refuse writes a refusal in the shape of the route's API.
	Refuse(r Route, f Refusal) Answer
	// Models writes the list of models in the shape of the route's API.
	Models(r Route, h *Head, models []ModelEntry) Answer
}

// ModelEntry is one model that a caller may ask for.
type ModelEntry struct{ Name, Pool string }

// Document is one body as read. It is owned by one Session and not safe for
// concurrent use.
type Document interface {
	// Prompt gives what was read. It may not be written.
	Prompt() *Prompt
	// Body gives the body to forward: the decoded bytes with the edits spliced
	// in and, where model is not empty, the model's name replaced. With no
	// edit the result is identical to the decoded body, and where nothing was
	// decoded either, to the bytes received. It fails with an [Error] of kind
	// Unsupported where an edit cannot be made where it stands. The result is
	// read again and refused where it would not be read as intended.
	Body(edits []Edit, model string) ([]byte, error)
	// Encoding names the content coding that was taken off, or "".
	Encoding() string
}

// Classifier recognises what is to be protected.
type Classifier interface {
	// Classify looks at every segment. What it could not look at, for want of
	// time or because a detector failed, is in the report's Gaps; it fails only
	// where it can say nothing at all. It honours the context's deadline.
	Classify(ctx context.Context, segments []Segment) (Report, error)
	// Revision names the suite: it changes whenever its answers may.
	Revision() string
}

// Decider asks the policies.
type Decider interface {
	// Decide gives the verdict. An undefined result, an error and a deadline
	// are an [Error] of kind Undecided, never a permission.
	Decide(ctx context.Context, f *Facts) (Verdict, error)
	// Revision names the policies: it changes whenever their answers may.
	Revision() string
}

// Recorder is the audit log.
type Recorder interface {
	// Record returns nil only when the events are durable, all of them. It
	// honours the context's deadline and fails with an [Error] of kind
	// Unrecorded. Events may not be written afterwards.
	Record(ctx context.Context, events ...*Event) error
}

// Identifier says who asks.
type Identifier interface {
	// Identify gives the principal. It fails with an [Error] of kind Refused
	// where keys are required and the request carries none that is known
	// (CodeUnknownKey), and where a web page could have sent the request
	// (CodeHostNotAllowed).
	Identify(h *Head) (Principal, error)
}

// Masker makes the edits of a mask.
type Masker interface {
	// Mask replaces the findings by placeholders that are typed and, within
	// one call, consistent. Overlapping findings are united.
	Mask(segments []Segment, findings []Finding) []Edit
}

// Directory knows the pools.
type Directory interface {
	// Pools gives all pools in the order of the configuration. The slice may
	// not be written.
	Pools() []Pool
	// Available says whether a pool can be used now; the reason is one of a
	// closed list (credential) and empty where it can.
	Available(pool string) (why string)
	// Digest changes whenever a data plane made for these pools would be wrong.
	Digest() string
}

// Chooser chooses among the pools.
type Chooser interface {
	// Named splits a path that begins with the name of a pool, /NAME/rest.
	Named(path Text) (pool string, rest Text, ok bool)
	// Ask gives the pool that a request asks for by its model or its dialect
	// (model, dialect), or none.
	Ask(x *Exchange, p *Prompt) (pool, by string)
	// Choose gives the pool that serves the request: the first that the verdict
	// permits and that can. tokens is the estimate of the prompt's length.
	Choose(x *Exchange, p *Prompt, tokens int, v *Verdict) Choice
	// Models lists what a caller may ask for by name.
	Models() []ModelEntry
}

// Choice is the pool that serves a request, or why none does.
type Choice struct {
	Pool     *Pool  // nil where none does; not to be written
	Model    string // the name to send where it differs from the one received
	Rejected []Rejection
	Error    *Error // where Pool is nil; its Code and Hint are for the client
}

// Inspection is what is known of an exchange when facts are stated. Prompt and
// Report are nil where it was refused before they were made.
type Inspection struct {
	Exchange *Exchange
	Prompt   *Prompt
	Report   *Report
	Bytes    int // of the body, decoded
	Phase    Phase
	Verdict  *Verdict // nil where the policies were not reached; for Describe
}

// Stater states what may be said of an exchange without its content.
type Stater interface {
	// Facts states the facts of an inspected request. It fails with an [Error]
	// of kind TooLarge where they are over their bound.
	Facts(in *Inspection) (Facts, error)
	// Describe fills the parts of a decision's event that describe the request.
	Describe(in *Inspection, ev *Event)
}

// Observer sees what the engine does, for traces and metrics. It never sees
// content. Its methods do not block.
type Observer interface {
	// Begin starts an exchange; the context it returns goes to the other calls.
	Begin(ctx context.Context, h *Head) context.Context
	// Step starts a named step (identify, read, classify, decide, edit,
	// record); the function it returns ends it.
	Step(ctx context.Context, name string) func()
	// Recorded is called with each event of the exchange once it is durable,
	// or could not be made so (err).
	Recorded(ctx context.Context, e *Event, err error)
	// End ends the exchange; ctx is that of Begin.
	End(ctx context.Context)
}

// Snapshot is all that a configuration built, swapped as one.
type Snapshot struct {
	Dialects   Dialects
	Classifier Classifier
	Stater     Stater
	Decider    Decider
	Chooser    Chooser
	Identifier Identifier
	Masker     Masker
	Mode       Mode
	Limits     Limits
	Revision   string // of the configuration
	Binary     string // revision of the program
	Pools      string // digest of the pools, see [Directory]
}

// Limits are the bounds of one exchange. Zero fields take the defaults.
type Limits struct {
	Body      int           // bytes of a body, received or decoded; 32 MiB
	Decision  time.Duration // from the whole body to the ruling, commit included; 4 s
	Commit    time.Duration // of one record; 1 s
	Exchanges int           // at once; 4096
	Pending   int           // outcomes awaited; 65536
}

// Default limits.
const (
	DefaultBodyLimit     = 32 << 20
	DefaultFactsLimit    = 48 << 10
	DefaultDecisionLimit = 4 * time.Second
	DefaultCommitLimit   = time.Second
	DefaultExchangeLimit = 4096
	DefaultPendingLimit  = 65536
)

// WithDefaults fills the zero fields.
func (l Limits) WithDefaults() Limits {
	l.Body = cmp.Or(l.Body, DefaultBodyLimit)
	l.Decision = cmp.Or(l.Decision, DefaultDecisionLimit)
	l.Commit = cmp.Or(l.Commit, DefaultCommitLimit)
	l.Exchanges = cmp.Or(l.Exchanges, DefaultExchangeLimit)
	l.Pending = cmp.Or(l.Pending, DefaultPendingLimit)
	return l
}
