// Package bundle brings policies from where they are published to where they
// serve: it fetches an OPA bundle from a file, an HTTP(S) server or an OCI
// registry, proves it, and keeps the last good one on disk.
//
// A [Source] fetches; what it gives is bounded in size and time and complete, or
// it is an error. A [Proof] admits: the signature where keys are configured, then
// the compiler, the bundle's own unit tests, and recorded facts, on which the
// bundle has to decide wherever the policies in force do, in a time that is fit
// for them. A [Store] keeps what was admitted. A [Keeper] does one after the
// other, again and again, and offers what is new to whoever serves.
//
// Whatever goes wrong is a [*Refusal] with a constant word, and changes nothing
// of what serves.
//
// What the package does not do: it decides nothing, knows no snapshot and writes
// no event; the program does that with what it is offered.
package bundle

import (
	"context"
	"errors"
	"fmt"
)

// Word says in one word why a bundle was not taken. It stands in events and
// metrics.
type Word string

// The words of refusals.
const (
	// The source did not give a bundle.
	Away         Word = "away"         // no connection, or it broke
	TimedOut     Word = "timed_out"    // slower than [FetchTime]
	Status       Word = "status"       // an HTTP status that is no bundle
	Unauthorized Word = "unauthorized" // 401, 403
	NotFound     Word = "not_found"    // 404, or no such tag
	Redirected   Word = "redirected"   // redirects without end, or to an address that is not as safe
	Oversized    Word = "oversized"    // larger than [SizeLimit], packed or unpacked
	Truncated    Word = "truncated"    // shorter than announced
	NotABundle   Word = "not_a_bundle" // no gzipped tar archive, or no artifact with one
	Altered      Word = "altered"      // not the content that its digest names
	Superseded   Word = "superseded"   // served before, and another one has taken its place
	// The bundle is not fit to serve.
	Unsigned    Word = "unsigned"     // keys are configured, and it carries no signature
	WrongKey    Word = "wrong_key"    // no configured key made its signature, or its files are not those signed
	Invalid     Word = "invalid"      // does not compile
	Incomplete  Word = "incomplete"   // holds no policies, or lacks an expected one
	TestsFailed Word = "tests_failed" // its own unit tests fail
	Undecided   Word = "undecided"    // no decision on facts on which there was one
	Slow        Word = "slow"         // decides too slowly, or its unit tests do not end
	NotKept     Word = "not_kept"     // could not be written to the state directory
	NotServed   Word = "not_served"   // could not be put in force
)

// passing reports whether the same bundle may be fit the next time: the place or
// the moment was at fault, not the bundle.
func (w Word) passing() bool {
	switch w {
	case Unsigned, WrongKey, Invalid, Incomplete, TestsFailed, Undecided, NotABundle, Oversized:
		return false
	}
	return true
}

// ErrUnchanged: the source has what is known already.
var ErrUnchanged = errors.New("the bundle has not changed")

// Refusal is the error of everything here that keeps a bundle from serving. Its
// text is for the operator; it holds no credentials and nothing of a body.
type Refusal struct {
	Word   Word
	Detail string // what was wrong, and the remedy
	Digest string // of the bundle, where there was one
	err    error
}

// Error gives the word and the detail.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return string(r.Word)
	}
	return string(r.Word) + ": " + r.Detail
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.err }

func refuse(w Word, format string, args ...any) *Refusal {
	return &Refusal{Word: w, Detail: fmt.Sprintf(format, args...)}
}

// refusal gives an error as a Refusal: what is none already is Away or, past a
// deadline, TimedOut.
func refusal(ctx context.Context, err error) *Refusal {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
		return &Refusal{Word: TimedOut, Detail: "the source did not give a bundle in time", err: err}
	}
	return &Refusal{Word: Away, Detail: cause(err), err: err}
}
