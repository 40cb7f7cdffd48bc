package ship

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Kind says of what sort a failure is. It is a closed list, fit for a metric.
type Kind string

// Kinds of failures.
const (
	KindNone        Kind = ""
	Unreachable     Kind = "unreachable" // no connection, or it broke
	Timeout         Kind = "timeout"     // no answer in time
	Certificate     Kind = "certificate" // TLS failed
	Credentials     Kind = "credentials" // who we are, or what we may do
	Busy            Kind = "busy"        // it asks for patience, or has no room
	Unsupported     Kind = "unsupported" // it is not set up for what is asked of it
	Refused         Kind = "refused"     // it will never take the records as they are
	Conflict        Kind = "conflict"    // it holds another record under the same origin and index
	Behind          Kind = "behind"      // it lacks records that it had acknowledged
	Unfit           Kind = "unfit"       // it does not take this log, or what is sent of it in this form
	LogTrouble      Kind = "log"         // the log cannot be read, or is not the one that was shipped
	CursorTrouble   Kind = "cursor"      // the cursor cannot be read or written
	KindOther       Kind = "other"       // an error of no known sort
	retryAfterLimit      = 5 * time.Minute
)

// byHand says that a failure does not pass before somebody sets something right.
func (k Kind) byHand() bool { return k == Certificate || k == Credentials || k == Unsupported }

// Error is a failure of a sink. It holds no content and no secret: Detail is in
// words of the sink's code, with numbers such as a status at most. Never make one
// of a library's text, which may quote what was sent or to whom.
type Error struct {
	Kind   Kind
	Detail string
	// Index is the one record that is refused, or -1 where the sink cannot say
	// which one of the batch it is.
	Index int64
	// After is how long the other side asks to be left alone; 0 where it does not.
	After time.Duration
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Kind)
	}
	return string(e.Kind) + ": " + e.Detail
}

// Fail makes a failure that may pass.
func Fail(k Kind, detail string) *Error { return &Error{Kind: k, Detail: detail, Index: -1} }

// Refuse makes a failure that will not pass: the sink does not take the record of
// an index, or of -1 where it cannot say which.
func Refuse(index int64, detail string) *Error {
	return &Error{Kind: Refused, Detail: detail, Index: index}
}

// Network makes a failure of an error of a connection. Of its text it keeps
// nothing.
func Network(err error) *Error {
	var (
		known     *Error
		dns       *net.DNSError
		timeout   net.Error
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		op        *net.OpError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &authority):
		return Fail(Certificate, "signed by an authority that is not trusted: name the authority in the sink's options")
	case errors.As(err, &host):
		return Fail(Certificate, "made for another host name")
	case errors.As(err, &invalid):
		return Fail(Certificate, "not valid, or expired")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Fail(Timeout, "no answer in time")
	case errors.As(err, &dns):
		return Fail(Unreachable, "its name cannot be resolved")
	case errors.As(err, &op) && op.Op == "remote error":
		return Fail(Certificate, "the other side ended the TLS handshake")
	case errors.As(err, &op) && op.Op == "dial":
		return Fail(Unreachable, "nobody listens there")
	}
	return Fail(Unreachable, "the connection broke")
}

// HTTPStatus makes a failure of an HTTP status that is not of the 200s, and of the
// header Retry-After, which is honoured up to five minutes.
func HTTPStatus(resp *http.Response) *Error {
	e := Fail(KindOther, fmt.Sprintf("HTTP status %d", resp.StatusCode))
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		e.Kind = Credentials
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		e.Kind = Refused
	case code == http.StatusTooManyRequests, code >= 500:
		e.Kind = Busy
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			e.After = min(time.Duration(min(s, int(retryAfterLimit/time.Second)))*time.Second, retryAfterLimit)
		}
	case code >= 300:
		e.Kind = Unsupported
	}
	return e
}

// asError reads an error that a sink gave. One that is not an [*Error] keeps
// nothing of its text.
func asError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return Fail(Timeout, "no answer in time")
	}
	return Fail(KindOther, "the sink failed")
}
