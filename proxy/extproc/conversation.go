package extproc

import (
	"context"
	"strconv"
	"sync"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"

	"github.com/ostiary/ostiary/proxy"
)

// state is what a conversation expects next.
type state uint8

const (
	stateHead     state = iota // request_headers
	stateBody                  // request_body; or response_headers, where Envoy refuses the request itself
	stateReleased              // response_headers
	stateDone                  // nothing but the end
)

// conversation is one stream. It is owned by the goroutine of Process, but for
// the fields below mu.
type conversation struct {
	server  *Server
	stream  grpc.BidiStreamingServer[extprocv3.ProcessingRequest, extprocv3.ProcessingResponse]
	session *proxy.Session
	request request
	state   state

	mu   sync.Mutex // guards owed, and sending: a late refusal is sent by a timer
	owed bool       // a message waits for its reply
	late bool       // the timer has replied
}

// message takes one message and replies to it once. An error ends the stream.
func (c *conversation) message(m *extprocv3.ProcessingRequest) error {
	c.mu.Lock()
	c.owed, c.late = true, false
	c.mu.Unlock()
	switch r := m.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		if c.state != stateHead {
			return errOutOfTurn
		}
		return c.requestHeaders(m, r.RequestHeaders)
	case *extprocv3.ProcessingRequest_RequestBody:
		if c.state != stateBody {
			return errOutOfTurn
		}
		return c.requestBody(r.RequestBody)
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		switch c.state {
		case stateBody, stateReleased:
			return c.responseHeaders(r.ResponseHeaders)
		case stateHead:
			// Envoy refused the request before any filter saw it, a WebSocket
			// for instance. There is nothing to inspect and nothing was released.
			c.state = stateDone
			return c.reply(passOn(nil, nil))
		}
		return errOutOfTurn
	}
	// Trailers and response bodies are not asked for; a message of no kind is
	// none of ours.
	return errOutOfTurn
}

func (c *conversation) requestHeaders(m *extprocv3.ProcessingRequest, h *extprocv3.HttpHeaders) error {
	q, err := readHead(m, h)
	if err != nil {
		return err
	}
	way, known := way(c.stream.Context())
	q.head.Way = way
	c.request = q
	head := q.head
	code := ""
	switch {
	case !inspectable(m), !known:
		code = proxy.CodeUnexpectedFormat
	case c.server.other(c.stream.Context()):
		code = proxy.CodeReconfiguring
	case !sameName(head.Peer.ServerName, head.Authority), head.Way != "" && head.Peer.ServerName == "":
		code = proxy.CodeHostNotAllowed
	}
	if code != "" {
		// The engine must not decide on a request that is refused already.
		head.Ended = false
	}
	return c.rule(proxy.PhaseHeaders, func(ctx context.Context) (r proxy.Ruling) {
		c.session, r = c.server.engine.Open(ctx, head)
		if code != "" && r.Waits() {
			r = c.session.Reject(code)
		}
		return r
	})
}

// requestBody takes the whole body: in the mode that the head was checked for,
// BUFFERED, Envoy sends one message with all of it. Where trailers follow, that
// message does not end the stream; they are never forwarded.
func (c *conversation) requestBody(b *extprocv3.HttpBody) error {
	return c.rule(proxy.PhaseBody, func(ctx context.Context) proxy.Ruling {
		if len(b.GetBody()) > c.server.body {
			return c.session.TooLarge()
		}
		return c.session.Body(ctx, b.GetBody())
	})
}

// rule asks for a ruling within the deadline and replies with it. The context
// ends a little before the deadline, so that what honours it can still refuse in
// its own words. What does not is overtaken by a timer, which refuses for it;
// whatever ruling comes afterwards is void.
func (c *conversation) rule(p proxy.Phase, ask func(context.Context) proxy.Ruling) error {
	s := c.server
	ctx, cancel := context.WithTimeout(c.stream.Context(), max(s.deadline-refusalTime, s.deadline/2))
	defer cancel()
	timer := time.AfterFunc(s.deadline, func() { c.overtake(p) })
	r := ask(ctx)
	timer.Stop()

	rel, released := r.Release()
	if released {
		m, ok := allow(rel, &c.request, p)
		if !ok {
			c.undelivered(rel)
			return errFault
		}
		if err := c.reply(m); err != nil {
			c.undelivered(rel)
			return err
		}
		c.state = stateReleased
		return nil
	}
	if r.Waits() && p == proxy.PhaseHeaders {
		if err := c.reply(proceed()); err != nil {
			return err
		}
		c.state = stateBody
		return nil
	}
	if err := c.reply(immediate(r.Answer())); err != nil {
		return err
	}
	c.state = stateDone
	return nil
}

// overtake refuses a message whose ruling did not come in time.
func (c *conversation) overtake(p proxy.Phase) {
	a := c.server.lateAnswer(&c.request.head)
	if p == proxy.PhaseBody { // the session was there before the timer
		a.Header = append(a.Header, proxy.Header{Name: proxy.HeaderDecisionID, Value: c.session.ID()})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.owed {
		return
	}
	c.owed, c.late = false, true
	_ = c.stream.Send(immediate(a)) // the stream is broken: nobody is there to be told
	c.server.log.Error("no decision in time", "phase", string(p))
}

// undelivered closes the account of a release that never reached Envoy.
func (c *conversation) undelivered(rel proxy.Release) {
	c.server.engine.Complete(rel.Forward().DecisionID, proxy.Transfer{
		Reason: "verdict_not_delivered", Duration: time.Since(c.request.head.Received),
	})
}

func (c *conversation) responseHeaders(h *extprocv3.HttpHeaders) error {
	var r proxy.ResponseHead
	var forged []string
	for _, f := range h.GetHeaders().GetHeaders() {
		name, value := field(f)
		switch {
		case name == ":status":
			// What is no number is a status that is not known: 0.
			r.Status, _ = strconv.Atoi(value)
		case name == "content-type":
			r.ContentType = value
		case ours(name):
			forged = append(forged, name)
		}
	}
	if err := c.reply(passOn(c.session.Responded(r), forged)); err != nil {
		return err
	}
	c.state = stateDone
	return nil
}

// reply sends the one reply to the message at hand.
func (c *conversation) reply(m *extprocv3.ProcessingResponse) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late {
		return errLate
	}
	if !c.owed {
		return errFault
	}
	c.owed = false
	if err := c.stream.Send(m); err != nil {
		if c.stream.Context().Err() != nil {
			return errCancelled
		}
		return err
	}
	return nil
}

// close ends the conversation. It recovers, because the rooms that a session
// records with may be what panicked.
func (c *conversation) close() (err error) {
	defer func() {
		if recover() != nil {
			c.server.log.Error("panic at the end of an exchange", "at", panicSite())
			err = errFault
		}
	}()
	c.mu.Lock()
	c.owed = false // a timer that fires now has nothing to reply to
	c.mu.Unlock()
	if c.session != nil {
		c.session.Close()
	}
	return nil
}

// lateAnswer is the refusal of what was not decided in time, in the shape of the
// API that was called.
func (s *Server) lateAnswer(h *proxy.Head) (a proxy.Answer) {
	defer func() {
		if recover() != nil {
			a = proxy.Ruling{}.Answer()
		}
	}()
	snap := s.engine.Snapshot()
	path := h.Path
	if _, rest, ok := snap.Chooser.Named(path); ok {
		path = rest
	}
	a = snap.Dialects.Refuse(snap.Dialects.Route(h.Method, path), proxy.Refusal{
		Status: proxy.Unclassified.Status(), Code: proxy.Unclassified.Code(), RetryAfter: 1,
		Message: "The request could not be inspected in time and was not forwarded. Try again later.",
	})
	a.Header = append(a.Header, proxy.Header{Name: proxy.HeaderAction, Value: string(proxy.Deny)}, proxy.Header{Name: proxy.HeaderPool, Value: proxy.PoolNone})
	a.Detail = "ostiary_denied"
	return a
}
