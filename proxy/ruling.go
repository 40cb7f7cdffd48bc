package proxy

// Stable codes of refusals beside those of the error kinds.
const (
	CodeDenied           = "data_policy_denied"
	CodeStateElsewhere   = "state_elsewhere"          // refers to state at another pool
	CodeNoCapablePool    = "no_capable_pool"          // no pool that policy permits can serve it
	CodePoolUnavailable  = "pool_unavailable"         // credential missing
	CodeModelLeaves      = "model_leaves_house"       // an in-house name that sends the request out again
	CodeUnknownKey       = "unknown_application_key"  // 401
	CodeHostNotAllowed   = "host_not_allowed"         // Host or Origin that a web page could have sent
	CodeOverloaded       = "overloaded"               // too many exchanges at once
	CodeReconfiguring    = "reconfiguring"            // data plane and policy server have different pools
	CodeAborted          = "aborted"                  // the client left before a decision
	CodeUpgradeRefused   = "upgrade_not_supported"    // CONNECT, WebSocket
	CodeUnexpectedFormat = "data_plane_misconfigured" // the data plane asks in a way that cannot be inspected
)

// Names of the headers on answers. Requests may not carry any of the prefix.
const (
	HeaderPrefix                               = "x-ostiary-"
	HeaderDecisionID, HeaderAction, HeaderPool = "x-ostiary-decision-id", "x-ostiary-action", "x-ostiary-pool"
	// HeaderKey carries an application key where the client's own credential
	// must pass to its provider.
	HeaderKey = "ostiary-key"
	// HeaderGrant carries a grant, HeaderJustification a word or sentence that
	// says why a rule should be lifted. Neither is forwarded.
	HeaderGrant, HeaderJustification = "ostiary-grant", "ostiary-justification"
)

// PoolSelf is the name that stands for Ostiary where it answers itself, PoolNone
// what stands in an answer where no pool was asked.
const PoolSelf, PoolNone = "ostiary", "none"

// Header is one header to set. It holds names and values of ours.
type Header struct{ Name, Value string }

// Answer is a whole answer that Ostiary gives itself: a refusal, a model list.
type Answer struct {
	Status int
	Header []Header // content-type and the x-ostiary headers included
	Body   []byte
	// Detail is a constant word for the data plane's own log: ostiary_denied,
	// ostiary_answered.
	Detail string
}

// Refusal is what a client is told; [Dialects.Refuse] writes it in the shape of
// its API.
type Refusal struct {
	Status     int
	Code       string
	Message    string // one sentence on what happened and one on what to do; no content
	DecisionID string
	RetryAfter int // seconds, 0 for never
}

// Release is the permission to forward one request. It can be made only in this
// package, from an inspected body or an ended stream, once the decision is
// durable; its zero value is no permission.
type Release struct{ f *Forward }

// Forward gives what to forward, nil for the zero Release.
func (r Release) Forward() *Forward { return r.f }

// Forward is how a released request goes on.
type Forward struct {
	Pool       string
	Phase      Phase
	DecisionID string
	Revision   string // of the policies
	Pools      string // digest of the pools that Pool is one of; see [Snapshot]
	Action     Action
	Path       Text     // own path with query: what follows the pool's URL
	Body       []byte   // what to send; nil where the body received goes on byte for byte
	Set        []Header // on the request
	Remove     []string // lower-case names of request headers
	Answer     []Header // to add to the answer
}

// Ruling is what a Session tells its data plane. Exactly one of three: wait for
// the body, forward, or answer. The zero Ruling is none of them: the data plane
// forwards nothing.
type Ruling struct {
	release Release
	answer  *Answer
	wait    bool
}

// Waits reports whether the body is needed first.
func (r Ruling) Waits() bool { return r.wait }

// Release gives the permission to forward, and whether there is one.
func (r Ruling) Release() (Release, bool) { return r.release, r.release.f != nil }

// Answer gives the answer for the client. Where the ruling is none of the three
// it is a refusal.
func (r Ruling) Answer() Answer {
	if r.answer != nil {
		return *r.answer
	}
	return Answer{Status: 500, Detail: "ostiary_fault", Header: []Header{{"content-type", "application/json"}},
		Body: []byte(`{"error":{"type":"internal_error","code":"internal_error","message":"Ostiary met a fault of its own; the request was not forwarded."}}`)}
}
