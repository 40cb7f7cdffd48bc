package proxy

import "slices"

// Action is what is done with a request. Actions are ordered
// allow < mask < reroute < deny; where several rules speak, the greatest wins.
type Action string

// The actions, in rising order. The zero Action is none of them and counts as
// deny.
const (
	Allow   Action = "allow"
	Mask    Action = "mask"
	Reroute Action = "reroute"
	Deny    Action = "deny"
)

// Rank gives the action's place in the order, 0 for allow to 3 for deny.
// Whatever is not a known action ranks as deny.
func (a Action) Rank() int {
	if i := slices.Index([]Action{Allow, Mask, Reroute}, a); i >= 0 {
		return i
	}
	return 3
}

// Mode says whether verdicts are carried out.
type Mode string

// Enforce carries verdicts out; Observe decides and records and lets pass what
// was readable, decided and recorded.
const (
	Enforce Mode = "enforce"
	Observe Mode = "observe"
)

// Boundary says on which side of the organisation's boundary a pool lies.
type Boundary string

// The two sides.
const (
	Internal Boundary = "internal"
	External Boundary = "external"
)

// Phase says on what a verdict was given: on the whole body, or on the headers
// of a stream that has no body.
type Phase string

// The phases, as Envoy's locks match them.
const (
	PhaseHeaders Phase = "headers"
	PhaseBody    Phase = "body"
)

// Likelihood is how sure a detector is, in five levels.
type Likelihood int8

// The levels. The default threshold of commands and policies is Likely.
const (
	VeryUnlikely Likelihood = iota + 1
	Unlikely
	Possible
	Likely
	VeryLikely
)

var likelihoods = [...]string{"unknown", "very_unlikely", "unlikely", "possible", "likely", "very_likely"}

// String gives the level's name, as in JSON: very_unlikely … very_likely.
func (l Likelihood) String() string {
	if l < VeryUnlikely || l > VeryLikely {
		return likelihoods[0]
	}
	return likelihoods[l]
}

// ParseLikelihood reads a level's name. The second result is false for any
// other word.
func ParseLikelihood(s string) (Likelihood, bool) {
	l := Likelihood(slices.Index(likelihoods[1:], s) + 1)
	return l, l > 0
}

// Role is who speaks in a [Segment].
type Role string

// The roles. RoleOther is what carries content without a speaker: metadata,
// unknown fields, keys.
const (
	RoleSystem    Role = "system"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleTool      Role = "tool"   // results of tools
	RoleSchema    Role = "schema" // declarations of tools and response formats
	RolePath      Role = "path"   // path and query
	RoleHeader    Role = "header"
	RoleOther     Role = "other"
)

// Operation is what a request asks a model API to do.
type Operation string

// The operations known today; every other path is OpUnknown.
const (
	OpChat        Operation = "chat"         // POST …/chat/completions
	OpResponses   Operation = "responses"    // POST …/responses
	OpCompletions Operation = "completions"  // POST …/completions
	OpEmbeddings  Operation = "embeddings"   // POST …/embeddings
	OpModerations Operation = "moderations"  // POST …/moderations
	OpMessages    Operation = "messages"     // POST …/messages
	OpCountTokens Operation = "count_tokens" // POST …/messages/count_tokens
	OpState       Operation = "state"        // GET, DELETE …/responses/ID: stored at a provider
	OpModels      Operation = "models"       // GET …/models: answered by Ostiary
	OpHealth      Operation = "health"       // HEAD /, GET /health: answered by Ostiary
	OpUnknown     Operation = "unknown"
)

// Names of the dialects of today. A dialect is the wire form of one family of
// model APIs.
const (
	DialectOpenAI    = "openai"
	DialectAnthropic = "anthropic"
	DialectNone      = "none" // paths of no dialect
)
