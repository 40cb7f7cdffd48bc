package console

import (
	"encoding/json"

	"github.com/ostiary/ostiary/proxy"
)

// What the API answers and takes, as JSON. openapi.yaml describes the same, and a
// test compares them.

// Self is who asks.
type Self struct {
	Method string `json:"method"` // socket, token, certificate
	Name   string `json:"name,omitempty"`
	UID    *int   `json:"uid,omitempty"` // on the control socket
	Roles  []Role `json:"roles"`
}

// States of the personal part of an [Entry].
const (
	PersonalNone    = "none"    // the event has none
	PersonalPresent = "present" // it is there
	PersonalErased  = "erased"  // it was erased
	PersonalAltered = "altered" // it is not the one that was recorded: verify the log
)

// Entry is one event.
type Entry struct {
	Origin string          `json:"origin,omitempty"`
	Index  int64           `json:"index"`
	Event  json.RawMessage `json:"event"` // the core, byte for byte as recorded
	// Personal is the personal part where it was asked for: without its salt, and of
	// evidence only what it is of and whom it is sealed to.
	Personal *proxy.PersonalRecord `json:"personal,omitempty"`
	State    string                `json:"personal_state,omitempty"`
}

// Events is a page of events.
type Events struct {
	Events []Entry `json:"events"`
	Next   string  `json:"next,omitempty"` // cursor of the next page
	Size   int64   `json:"size"`           // of the log when the first page was made
}

// Facets are the counts of several fields.
type Facets struct {
	Facets []Facet `json:"facets"`
}

// Holds are the holds in force.
type Holds struct {
	Holds []Hold `json:"holds"`
}

// States of a [Job].
const (
	JobIdle    = "idle"    // none was begun since Ostiary started
	JobRunning = "running" // under way
	JobDone    = "done"    // Report says what came of it
	JobFailed  = "failed"  // it could not be done; Ostiary's log says why
)

// Job is the last verification that was begun here.
type Job struct {
	State  string        `json:"state"`
	Began  string        `json:"began,omitempty"` // RFC 3339
	Ended  string        `json:"ended,omitempty"`
	Report *Verification `json:"report,omitempty"`
}

// HashRequest asks for the fingerprints of a value.
type HashRequest struct {
	Type   string `json:"type"`  // such as EMAIL_ADDRESS
	Value  string `json:"value"` // content: never in an address or a log line
	Reason string `json:"reason,omitempty"`
	Ticket string `json:"ticket,omitempty"`
}

// Hashed is what is known of a value.
type Hashed struct {
	Fingerprints []string `json:"fingerprints"` // one for each epoch
	Events       int64    `json:"events"`       // whose personal part has one of them
	Refs         []Ref    `json:"refs"`         // the first of them
	EventID      string   `json:"event_id"`     // of the event that records the look
}

// RevealRequest says why evidence is revealed.
type RevealRequest struct {
	Reason   string `json:"reason"`
	Ticket   string `json:"ticket"`
	Approver string `json:"approver,omitempty"`
}

// Revealed is the sealed evidence of one event.
type Revealed struct {
	ID       string                 `json:"id"` // of the decision, which opening it needs
	Evidence []proxy.EvidenceRecord `json:"evidence"`
	EventID  string                 `json:"event_id"` // of the event that records the reveal
}

// EraseRequest says whose personal parts are erased: one of the first four.
type EraseRequest struct {
	Fingerprint string   `json:"fingerprint,omitempty"`
	Subject     string   `json:"subject,omitempty"`
	IDs         []string `json:"ids,omitempty"`
	Query       string   `json:"query,omitempty"`
	Reason      string   `json:"reason"`
	Ticket      string   `json:"ticket"`
	Approver    string   `json:"approver,omitempty"`
	DryRun      bool     `json:"dry_run,omitempty"`
}

// HoldRequest says what is held.
type HoldRequest struct {
	ID     string `json:"id"`             // its name: letters, digits, - and _
	From   int64  `json:"from,omitempty"` // first record
	To     int64  `json:"to,omitempty"`   // behind the last; 0 means all that come
	Reason string `json:"reason"`
	Ticket string `json:"ticket"`
}

// RetainRequest says what is removed.
type RetainRequest struct {
	Before string `json:"before"` // RFC 3339
	Policy string `json:"policy"` // name of the rule that asks for it
	Ticket string `json:"ticket,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// ActRequest says why something is done that needs no more.
type ActRequest struct {
	Reason string `json:"reason,omitempty"`
	Ticket string `json:"ticket,omitempty"`
}
