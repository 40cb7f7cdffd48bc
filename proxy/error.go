package proxy

import "errors"

// ErrorKind says in which of a closed set of ways something failed.
type ErrorKind uint8

// The kinds. The table in this file maps each to a status, a stable code, a
// sentence for the client and a metric label.
const (
	Fault        ErrorKind = iota // a fault of ours
	Malformed                     // the body cannot be read, or could be read in two ways
	TooLarge                      // over a named limit
	Unsupported                   // an encoding, protocol or form that is not taken
	Unclassified                  // the classifiers failed or ran out of time
	Undecided                     // no verdict: undefined, error, time-out
	Unrecorded                    // the decision could not be made durable
	Refused                       // the policies said no
)

// Error is the error that crosses rooms. Op names what failed, as a constant;
// Err is the private cause and is never shown to a client. Neither holds
// content: rooms that parse client data return errors of their own, because a
// library's error may quote its input.
type Error struct {
	Op   string
	Kind ErrorKind
	Code string // finer code for the client, else the kind's
	Hint string // constant sentence for the client on what to do, else the kind's
	Err  error
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Op + ": " + e.Kind.Label()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of the first [Error] in err's chain; whatever is not
// one is a fault of ours.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Fault
}

type kindRow struct {
	label, code, sentence string
	status                int
}

var kinds = [...]kindRow{
	Fault:        {"internal", "internal_error", "Ostiary met a fault of its own; the request was not forwarded.", 500},
	Malformed:    {"malformed", "request_malformed", "The request could not be read without doubt and was not forwarded.", 400},
	TooLarge:     {"too_large", "request_too_large", "The request is larger than the configured limit and was not forwarded.", 413},
	Unsupported:  {"unsupported", "request_unsupported", "This form of request is not supported and was not forwarded.", 415},
	Unclassified: {"unclassified", "classification_unavailable", "The request could not be inspected in time and was not forwarded.", 503},
	Undecided:    {"undecided", "policy_unavailable", "No policy verdict was obtained; the request was not forwarded.", 503},
	Unrecorded:   {"unrecorded", "audit_unavailable", "The decision could not be recorded; the request was not forwarded.", 503},
	Refused:      {"refused", CodeDenied, "The organisation's data policy does not permit this request.", 403},
}

func (k ErrorKind) row() kindRow {
	if int(k) >= len(kinds) {
		k = Fault
	}
	return kinds[k]
}

// Label is the kind's name in metrics and events.
func (k ErrorKind) Label() string { return k.row().label }

// Status is the HTTP status a client gets.
func (k ErrorKind) Status() int { return k.row().status }

// Code is the stable code a client gets.
func (k ErrorKind) Code() string { return k.row().code }
