package proxy

// EventVersion is the version of the [Event] schema. Versions only add.
const EventVersion = 1

// Kinds of events of today.
const (
	EventDecision   = "decision"
	EventOutcome    = "outcome"
	EventAdmin      = "admin"             // start, stop, the data plane, keys and repair of the log
	EventGap        = "gap"               // something was sent or lost that no decision covers
	EventGrant      = "grant"             // a grant lifted a rule
	EventAccess     = "access"            // somebody read, looked for or took out what may name a person
	EventPolicy     = "policy_activation" // policies came into force, or were refused
	EventConfig     = "config_change"     // a configuration came into force, or was refused
	EventErasure    = "erasure"           // personal parts were erased
	EventRetention  = "retention"         // segments were removed, holds set or lifted
	EventCheckpoint = "checkpoint_ack"    // a witness signed a checkpoint
	EventConnection = "connection"        // what became of intercepted connections that no decision covers
)

// Event is one entry of the audit log. It holds no content. Its fields stand in
// the order of their JSON names (see [Facts]). A recorder fills Origin.
type Event struct {
	Admin      *AdminRecord      `json:"admin,omitempty"`
	Connection *ConnectionRecord `json:"connection,omitempty"`
	Decision   *DecisionRecord   `json:"decision,omitempty"`
	DecisionID string            `json:"decision_id,omitempty"` // of an outcome: the id of its decision
	Findings   []FindingRecord   `json:"findings,omitempty"`
	ID         string            `json:"id"` // ULID
	Kind       string            `json:"kind"`
	Opaque     []OpaqueRecord    `json:"opaque,omitempty"`
	Origin     string            `json:"origin,omitempty"`
	Outcome    *OutcomeRecord    `json:"outcome,omitempty"`
	Personal   *PersonalRecord   `json:"personal,omitempty"`
	Policy     *PolicyRecord     `json:"policy,omitempty"`
	Request    *RequestRecord    `json:"request,omitempty"`
	Time       string            `json:"time"` // RFC 3339, UTC, milliseconds
	Timing     *TimingRecord     `json:"timing,omitempty"`
	V          int               `json:"v"`
}

// AdminRecord is what was done to the process or to the log: the kinds of events
// beside decisions and outcomes have it. Who did it, and in which words, stands in
// the personal part.
type AdminRecord struct {
	Action string `json:"action"`           // start, stop, reload …; search, show, export, hash, reveal, erase, hold, release, retain, rotate, forget, copy_stopped, copy_failing …
	Code   string `json:"code,omitempty"`   // why, of a closed list: subject_request, incident, litigation, review, retention …
	Count  int64  `json:"count,omitempty"`  // of events that it was about
	Detail string `json:"detail,omitempty"` // in words of ours: a place, a revision, the id of a grant or of a hold
	From   int64  `json:"from,omitempty"`   // first index that it was about
	Role   string `json:"role,omitempty"`   // in which it was done: viewer, reviewer, dpo, admin
	Signed string `json:"signed,omitempty"` // a signed note (C2SP signed-note) that proves it
	To     int64  `json:"to,omitempty"`     // index behind the last
}

// ConnectionRecord counts intercepted connections that no decision covers and that
// are alike. A name that a client chose does not stand in it.
type ConnectionRecord struct {
	Count      int64    `json:"count"`
	Domain     string   `json:"domain,omitempty"`     // of those that passed: the registrable domain of the name (publicsuffix.org)
	First      string   `json:"first"`                // when the first of them began
	Kind       string   `json:"kind,omitempty"`       // what the name is taken for: known_api, known_app, look_alike, unknown
	Label      string   `json:"label,omitempty"`      // the pattern of a rule that decided
	Last       string   `json:"last"`                 // when the last of them ended
	Likelihood string   `json:"likelihood,omitempty"` // that it is a model API
	Passage    string   `json:"passage"`              // passed, refused
	Provider   string   `json:"provider,omitempty"`   // in the list of providers: whose it is, or whose it can be taken for
	Reasons    []string `json:"reasons,omitempty"`    // of the likelihood, constant words
	Received   int64    `json:"received_bytes"`
	Sent       int64    `json:"sent_bytes"`
	Way        string   `json:"way"` // proxy, redirect
	Why        string   `json:"why"` // a constant word: default, rule, suspect, look_alike, no_name, address …
}

// DecisionRecord is a decision as it was carried out.
type DecisionRecord struct {
	Action   Action       `json:"action"`           // what was done
	Asked    string       `json:"asked,omitempty"`  // pool asked for
	Code     string       `json:"code,omitempty"`   // of a refusal
	Facts    *Facts       `json:"facts,omitempty"`  // the whole input of the policies; absent where they were not reached
	Masked   int          `json:"masked,omitempty"` // findings replaced
	Masks    []string     `json:"masks,omitempty"`  // types and groups that a mask names, carried out or not
	Mode     Mode         `json:"mode"`
	Model    string       `json:"model,omitempty"`  // name sent upstream, where configured; else "other"
	Notify   []string     `json:"notify,omitempty"` // whom policies want told
	Phase    Phase        `json:"phase,omitempty"`
	Pool     string       `json:"pool,omitempty"` // where it goes; empty for a refusal; "ostiary" where Ostiary answers
	Reasons  []Reason     `json:"reasons"`
	Rejected []Rejection  `json:"rejected,omitempty"` // pools that policy permits and that cannot serve the request
	Shadow   *WouldRecord `json:"shadow,omitempty"`   // what a candidate of the policies says
	Status   int          `json:"status,omitempty"`   // of a refusal or of Ostiary's own answer
	Would    *WouldRecord `json:"would,omitempty"`    // in observe mode: what policy asks for
}

// Rejection is a pool that could not serve a request, and why.
type Rejection struct {
	Pool string `json:"pool"`
	Why  string `json:"why"` // context, tools, images, audio, files, json, dialect, credential, state, model
}

// WouldRecord is what enforce mode, or a candidate of the policies, would have
// done. An undecided candidate has the action "unknown".
type WouldRecord struct {
	Action   Action   `json:"action"`
	Code     string   `json:"code,omitempty"`
	Pool     string   `json:"pool,omitempty"`
	Revision string   `json:"revision,omitempty"` // of a candidate
	Rules    []string `json:"rules,omitempty"`    // that ask for it, as POLICY.RULE
}

// FindingRecord counts the findings of one type and likelihood.
type FindingRecord struct {
	Count      int      `json:"count"`
	Groups     []string `json:"groups,omitempty"`
	Likelihood string   `json:"likelihood"`
	Roles      []string `json:"roles,omitempty"`
	Synthetic  int      `json:"synthetic,omitempty"` // how many of count are published test values
	Type       string   `json:"type"`
}

// OpaqueRecord is a part that could not be read as text, by its index and never
// by its path, which is content.
type OpaqueRecord struct {
	Bytes int    `json:"bytes"`
	Hash  string `json:"hash,omitempty"` // keyed; see [Snapshot]
	Index int    `json:"index"`
	Kind  string `json:"kind"`
	MIME  string `json:"mime,omitempty"`
}

// OutcomeRecord is what became of a decision.
type OutcomeRecord struct {
	Attempts   int    `json:"attempts,omitempty"`
	Bytes      int64  `json:"bytes"` // of the answer's body, to the client
	DurationMS int64  `json:"duration_ms"`
	Inspected  bool   `json:"inspected"`        // the answer
	Reason     string `json:"reason,omitempty"` // why it was not, or why the outcome is not known
	Sent       string `json:"sent"`             // yes, no, unknown: whether upstream received a byte
	SentBytes  int64  `json:"sent_bytes"`       // on the wire to upstream
	Status     int    `json:"status"`           // to the client, 0 where not known
	TTFBMS     int64  `json:"ttfb_ms,omitempty"`
}

// PersonalRecord is the part of an event that may name a person. It is recorded
// beside the event, which holds nothing of it but the commitment, and is what an
// erasure removes.
type PersonalRecord struct {
	Address       string           `json:"address,omitempty"`
	Approver      string           `json:"approver,omitempty"`      // second person of what an admin record tells
	Commitment    string           `json:"commitment,omitempty"`    // in the event alone: SHA-256 of the recorded part, in hex
	Conversation  string           `json:"conversation,omitempty"`  // fingerprint of a conversation's beginning
	Evidence      []EvidenceRecord `json:"evidence,omitempty"`      // sealed; only where it was asked for
	Fingerprints  []string         `json:"fingerprints,omitempty"`  // of values found, keyed; sorted
	Justification string           `json:"justification,omitempty"` // as the caller wrote it
	Query         string           `json:"query,omitempty"`         // of an access
	Salt          string           `json:"salt,omitempty"`          // 16 random bytes in hex; the recorder's
	Subject       string           `json:"subject,omitempty"`       // who asked or acted: a user's name at the identity provider
	Ticket        string           `json:"ticket,omitempty"`        // of an admin record
	UID           int              `json:"uid,omitempty"`
	UserAgent     string           `json:"user_agent,omitempty"`
}

// EvidenceRecord is an excerpt sealed to the data-protection officer's key
// (HPKE, RFC 9180). Whoever sealed it cannot open it.
type EvidenceRecord struct {
	Sealed string `json:"sealed"` // base64 of encapsulated key and ciphertext
	To     string `json:"to"`     // name of the key
	Type   string `json:"type"`
}

// PolicyRecord says which revisions decided.
type PolicyRecord struct {
	Binary   string `json:"binary,omitempty"` // version, and sha256: with SHA-256 over the file of the program that ran
	Config   string `json:"config"`
	Policies string `json:"policies"`
	Suite    string `json:"suite"`
}

// RequestRecord is the request without content.
type RequestRecord struct {
	Application string `json:"application"` // configured name or "unknown"
	Bytes       int    `json:"bytes"`       // of the body, decoded
	Dialect     string `json:"dialect"`
	Encoding    string `json:"encoding,omitempty"` // content-encoding that was taken off
	Model       string `json:"model"`              // configured name or "other"
	Operation   string `json:"operation"`
	Protocol    string `json:"protocol"`
	Retry       int    `json:"retry,omitempty"` // what the SDK says of its own retries
	Stream      bool   `json:"stream"`
	Trace       string `json:"trace,omitempty"` // W3C trace id, 32 hex digits
}

// TimingRecord gives the time per step in microseconds.
type TimingRecord struct {
	ClassifyUS int64 `json:"classify_us"`
	DecideUS   int64 `json:"decide_us"`
	EditUS     int64 `json:"edit_us"`
	ReadUS     int64 `json:"read_us"`
}
