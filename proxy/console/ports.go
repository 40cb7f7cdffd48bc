package console

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
)

// Ref names one record. Origin may be empty where there is one log only.
type Ref struct {
	Origin string `json:"origin,omitempty"`
	Index  int64  `json:"index"`
}

// Query says which events are looked for.
type Query struct {
	Text     string    // in the language of the index
	From, To time.Time // from From on, before To; zero is no bound
}

// Page says which part of what was found is wanted.
type Page struct {
	Cursor string // of the page before; empty for the first
	Limit  int    // from 1 on
	Oldest bool   // first; else the newest
}

// Hits is one page of what was found.
type Hits struct {
	Refs []Ref
	Next string // cursor of the next page; empty on the last
	Size int64  // of the log when the first page was made
}

// Facet counts the values of one field.
type Facet struct {
	Field    string  `json:"field"`
	Values   []Count `json:"values"`   // the most frequent
	Distinct int     `json:"distinct"` // how many values there are in all
}

// Count is how many events have a value.
type Count struct {
	Value  string `json:"value"`
	Events int64  `json:"events"`
}

// Histogram is how many events there were when, in columns of the same width.
type Histogram struct {
	Start  string   `json:"start"`   // of the first column, RFC 3339, UTC
	StepMS int64    `json:"step_ms"` // milliseconds of each
	Counts []int64  `json:"counts"`
	Series []Series `json:"series"` // the same by value; empty where not asked for
}

// Series is the part of a histogram whose events have a value.
type Series struct {
	Value  string  `json:"value"`
	Counts []int64 `json:"counts"`
}

// Searcher finds records by what their cores say. All of its methods fail with a
// [*QueryError] where the query is none.
type Searcher interface {
	// Search gives a page of the records that match. It fails with [ErrCursor]
	// where the cursor is none of its own or of another query.
	Search(ctx context.Context, q Query, p Page) (Hits, error)
	// Facets counts the values of fields among the events that match, the top most
	// frequent ones each. It fails with a [*QueryError] for an unknown field.
	Facets(ctx context.Context, q Query, fields []string, top int) ([]Facet, error)
	// Histogram counts the events that match in so many spans of time, over the
	// query's bounds or else over the log. by, which may be empty, is a field whose
	// values are told apart.
	Histogram(ctx context.Context, q Query, buckets int, by string) (Histogram, error)
	// Lookup gives the records of an event's id: the decision and all that belongs
	// to it, in order. None is no error.
	Lookup(ctx context.Context, id string) ([]Ref, error)
}

// Follower gives events as they become durable.
type Follower interface {
	// End gives the position of the end of the log now: a short printable text of
	// its own.
	End(ctx context.Context) (position string, err error)
	// Tail calls visit with each matching record behind a position, in order, and
	// with the position behind it, until the context ends (then it returns nil) or
	// visit fails. It fails with [ErrCursor] where the position is none and with a
	// [*QueryError].
	Tail(ctx context.Context, q Query, after string, visit func(r Ref, position string) error) error
}

// Records reads records.
type Records interface {
	// At gives a record. It fails with [ErrNotFound] where there is none or where
	// it was removed.
	At(r Ref) (audit.Record, error)
	// Size gives the number of records that are durable; 0 where there are several
	// logs.
	Size() (int64, error)
}

// Local gives the records of one log. Of a reader [audit.Reader.WithPersonal] it
// gives the personal parts with them.
func Local(r *audit.Reader) Records { return local{r} }

type local struct{ *audit.Reader }

// At implements [Records].
func (l local) At(r Ref) (audit.Record, error) {
	if r.Origin != "" {
		if origin, err := l.Origin(); err != nil || origin != r.Origin {
			return audit.Record{}, errors.Join(err, ErrNotFound)
		}
	}
	rec, err := l.Reader.At(r.Index)
	if errors.Is(err, audit.ErrNoRecord) {
		err = ErrNotFound
	}
	return rec, err
}

// Pseudonyms knows the keys of fingerprints.
type Pseudonyms interface {
	// Hash gives the fingerprints of a value, one for each epoch whose key there is.
	// It fails with [ErrType] for a type that has none.
	Hash(ctx context.Context, typ, value string) ([]string, error)
	// Mentions gives the records whose personal part has one of the fingerprints:
	// the first ones up to limit, and how many there are.
	Mentions(ctx context.Context, fingerprints []string, limit int) (refs []Ref, total int64, err error)
}

// Erasure says whose personal parts are erased: exactly one of the first four.
type Erasure struct {
	Fingerprint string
	Subject     string // never in a log line
	IDs         []string
	Query       *Query
	Dry         bool // say what would be done, and do nothing
}

// Retention says what is removed because its time is over.
type Retention struct {
	Before time.Time // whole segments that end before it
	Policy string    // name of the rule that asks for it; recorded
	Dry    bool      // say what would be done, and do nothing
}

// Effect is what erasing or retaining did, or would do.
type Effect struct {
	Dry      bool     `json:"dry_run"`
	Parts    int64    `json:"parts"`    // personal parts that are gone
	Held     int64    `json:"held"`     // of those looked for, kept by a hold
	Segments int64    `json:"segments"` // that were removed
	Bytes    int64    `json:"bytes"`    // on disk, of what was removed
	First    int64    `json:"first"`    // index of the first record that it is about
	Behind   int64    `json:"behind"`   // index behind the last; equal where it is about none
	Holds    []string `json:"holds"`    // that kept something
}

// Hold keeps records from being erased or removed. Who set it, and why, is in the
// event that tells of it.
type Hold struct {
	ID   string `json:"id"`   // its name
	From int64  `json:"from"` // first record
	To   int64  `json:"to"`   // behind the last; 0 means all that come
	Set  string `json:"set"`  // when, RFC 3339
}

// Custodian does what the law asks for. Each method records what it does, with the
// given [By], and does nothing that it cannot record. Errors hold nothing of what
// they are about.
type Custodian interface {
	// Erase removes personal parts. It fails with [ErrHeld] where a hold keeps all
	// that it is about, and with a [*QueryError].
	Erase(ctx context.Context, by By, e Erasure) (Effect, error)
	// Hold sets a hold and gives it as it was set. It fails with [ErrExists] where
	// there is one of that name.
	Hold(ctx context.Context, by By, h Hold) (Hold, error)
	// Release lifts a hold. It fails with [ErrNotFound].
	Release(ctx context.Context, by By, id string) error
	// Retain removes what is older than a rule permits, whole segments at a time.
	Retain(ctx context.Context, by By, r Retention) (Effect, error)
}

// Rotation is a new key of the log.
type Rotation struct {
	Key string `json:"key"` // verifier key (C2SP signed-note), to be kept elsewhere
}

// Stats is the state of the log. Negative means that it is not known.
type Stats struct {
	Origin     string    `json:"origin"`
	Size       int64     `json:"size"`        // records
	First      int64     `json:"first"`       // index of the first record that is still there
	Signed     int64     `json:"signed"`      // records under a signed checkpoint
	SignedAt   string    `json:"signed_at"`   // RFC 3339, or empty
	Indexed    int64     `json:"indexed"`     // records that can be found
	Segments   int64     `json:"segments"`    // files
	Sealed     int64     `json:"sealed"`      // of them, full
	Bytes      int64     `json:"bytes"`       // on disk
	DiskFree   int64     `json:"disk_free"`   // bytes
	Queue      int64     `json:"queue"`       // records that wait to be written
	Gaps       int64     `json:"gaps"`        // events of kind gap
	Holds      int64     `json:"holds"`       // in force
	Epochs     int64     `json:"epochs"`      // of fingerprint keys
	Failed     bool      `json:"failed"`      // the log takes no more: nothing passes
	Shippers   []Shipper `json:"shippers"`    // copies elsewhere
	Witnesses  []Witness `json:"witnesses"`   // who cosigned
	Revisions  []string  `json:"revisions"`   // policies, suite, configuration in force
	VerifiedAt string    `json:"verified_at"` // last time that verify said good here, RFC 3339
}

// Shipper is the state of one copy elsewhere.
type Shipper struct {
	Name     string `json:"name"`
	Cursor   int64  `json:"cursor"` // records that it has
	Lag      int64  `json:"lag"`    // seconds
	Failures int64  `json:"failures"`
}

// Witness is who cosigned which state.
type Witness struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	At   string `json:"at"` // RFC 3339
}

// Upkeep is what keeps the log running.
type Upkeep interface {
	// Rotate takes a new key for checkpoints, and records it.
	Rotate(ctx context.Context, by By) (Rotation, error)
	// Seal ends the current segment, so that its personal parts can be erased.
	Seal(ctx context.Context, by By) error
	// Holds lists the holds in force.
	Holds(ctx context.Context) ([]Hold, error)
	// Stats gives the state of the log.
	Stats(ctx context.Context) (Stats, error)
}

// Extract says what is exported.
type Extract struct {
	Format   string // one of [Options].Formats
	Query    Query
	Personal bool // with personal parts
	// Size is the number of records that the export is about: it takes none from that
	// index on. 0 where there are several logs.
	Size int64
}

// Exporter writes exports.
type Exporter interface {
	// Export writes what was found, the oldest first, and gives how many events.
	Export(ctx context.Context, w io.Writer, x Extract) (events int64, err error)
}

// Verification is what a verification of the log says.
type Verification struct {
	Answer   string   `json:"answer"` // good, altered, unclear
	Origin   string   `json:"origin"`
	Size     int64    `json:"size"`
	Signed   int64    `json:"signed"`
	Root     string   `json:"root"`
	FirstBad *int64   `json:"first_bad"` // null where none is
	Until    *int64   `json:"first_bad_before"`
	Altered  []string `json:"altered"`
	Unclear  []string `json:"unclear"`
	Notes    []string `json:"notes"`
}

// Auditor verifies the log.
type Auditor interface {
	// Verify reads the whole log. It honours the context.
	Verify(ctx context.Context) (Verification, error)
}

// Errors that the rooms behind the API fail with.
var (
	// ErrNotFound says that there is no such record or hold.
	ErrNotFound = errors.New("there is none")
	// ErrCursor says that a cursor or position is none.
	ErrCursor = errors.New("the cursor is none of this query")
	// ErrType says that values of a type have no fingerprints.
	ErrType = errors.New("values of this type have no fingerprints")
	// ErrHeld says that a hold forbids it.
	ErrHeld = errors.New("a hold forbids it")
	// ErrExists says that there is something of that name already.
	ErrExists = errors.New("there is one of that name")
	// ErrBusy says that the same is being done already.
	ErrBusy = errors.New("it is being done already")
)

// QueryError says why a query is none. Why is for whoever wrote the query, which it
// may quote, and goes into no log line.
type QueryError struct{ Why string }

// Error implements error, without Why.
func (e *QueryError) Error() string { return "the query cannot be read" }
