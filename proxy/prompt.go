package proxy

import (
	"net/netip"
	"time"
)

// Head is what a data plane knows of a request before its body.
type Head struct {
	Method    string
	Authority string // the Host header or :authority, as sent; never logged
	Path      Text   // path and query as received
	Header    []Field
	Peer      Peer
	Protocol  string // HTTP/1.1, HTTP/2
	Ended     bool   // no body follows
	Way       string // in which the client came: one of the ways below
	Received  time.Time
}

// The ways in beside the base URL, which is the empty word: through an explicit
// proxy (CONNECT), and redirected without the client's knowing. Then Authority is
// the name that the client dialled.
const WayProxy, WayRedirect = "proxy", "redirect"

// Get gives the value of the first header of that lower-case name.
func (h *Head) Get(name string) (Text, bool) {
	for i := range h.Header {
		if h.Header[i].Name == name {
			return h.Header[i].Value, true
		}
	}
	return Text{}, false
}

// Field is one header as received. Name is in lower case. Repeated headers are
// repeated fields.
type Field struct {
	Name  string
	Value Text
}

// Peer is the other end of the client's connection.
type Peer struct {
	Addr       netip.AddrPort // invalid for a unix socket
	UID, PID   int            // of the other end of a unix socket; -1 and 0 where not known
	ServerName string         // SNI, where the client used TLS
}

// Route is what a path means. It is made by [Dialects.Route] from method and
// path and is never wrong about permission: what it does not know is OpUnknown.
type Route struct {
	Dialect   string
	Operation Operation
	Path      Text // the dialect's own path with the query, e.g. /v1/chat/completions?x=1
}

// Prompt is a request body as inspected. It is made once by a dialect.
type Prompt struct {
	Segments  []Segment
	Opaque    []Opaque
	State     []string // kinds of references to state held elsewhere, e.g. previous_response_id, file_id; sorted, unique
	Tools     []Text   // names of the tools declared
	ToolKinds []string // kinds of server-side tools declared that are in the dialect's list, else "other"; sorted, unique
	Needs     Needs
	Model     Text
	Stream    bool
	MaxTokens int // what the client allows the answer; 0 where it says nothing
}

// Needs says what a pool must be able to do to serve a prompt.
type Needs struct {
	Tools, Images, Audio, Files bool
	JSON                        bool // answers bound to a schema
}

// Segment is one piece of content: a string, an object key, a number literal,
// a path, a header's value. Its place is its index in Prompt.Segments: a path
// into the body would itself be content.
type Segment struct {
	Text Text
	Key  Text // nearest object key, header name or parameter name; context for detectors
	Role Role
	Kind Kind
	// Fixed is true where no edit can be made: keys, numbers, headers, paths,
	// identifiers that the API resolves.
	Fixed bool
}

// Kind is the form of a [Segment].
type Kind int8

// The kinds.
const (
	KindString Kind = iota
	KindKey
	KindNumber
	KindPath   // path or query of the request
	KindHeader // value of a forwarded header
	KindName   // file name of a multipart part
)

// Opaque is a part that cannot be read as text. It is a fact of its own for
// policy: unknown is not clean.
type Opaque struct {
	Index int    // number of the segment that holds it, -1 if none
	Kind  string // image, audio, file, file_id, url, token_ids, encrypted, signature, prompt_id, binary, other
	MIME  string // media type where it is one of a known list, else empty
	Bytes int    // length as received
}

// Finding is one recognised item. Start and End are bytes of the segment's
// decoded text, on UTF-8 boundaries. A Finding holds no content.
type Finding struct {
	Segment, Start, End int
	Type                string   // EMAIL_ADDRESS, US_SSN, SECRET_AWS_ACCESS_KEY …
	Groups              []string // personal, financial, credential …; shared, not to be written
	Likelihood          Likelihood
	Detector            string
	Evidence            Evidence
	Synthetic           bool // a published test or documentation value
}

// Evidence says in constant words of the detectors why a finding was reported:
// the form or rule that matched, the checksum or list that confirmed it, the
// word of a cue beside it, how the text had to be read (folded, decoded), and
// the types that the same place was also taken for, separated by commas. It holds
// no content. Empty fields say nothing.
type Evidence struct{ Rule, Validator, Context, Via, Also string }

// Report is what a classifier saw in the segments of one request.
type Report struct {
	Findings []Finding
	Gaps     []Gap
}

// Gap is a segment that was not looked at, or not wholly. It makes the request
// unknown, never clean.
type Gap struct {
	Segment int
	Reason  string // budget, detector_failed, too_deep
}

// Edit replaces bytes Start to End of a segment's decoded text.
type Edit struct {
	Segment    int
	Start, End int
	With       string
}

// Exchange is one request and its answer, from the head on.
type Exchange struct {
	ID        string // ULID; the id of the decision's event
	Head      Head
	Route     Route
	Principal Principal
	Asked     string // pool asked for, empty where none serves the request
	AskedBy   string // path, model, dialect, none
}

// Principal is who asks.
type Principal struct {
	Application string // configured name; empty where not known
	Team        string
	Groups      []string
	Method      string // certificate, token, proxy, key, kubernetes, local; peer where nothing was proved
	Subject     string // a person's or workload's name at whoever vouches for it, or empty; for the personal part of events alone
	Asserted    string // what the client merely says: a configured application's name, "other", or empty
	Grant       GrantFacts
	// Strip names the headers that carried a credential for Ostiary. They are
	// not forwarded.
	Strip []string
}
