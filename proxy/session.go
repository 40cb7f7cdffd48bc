package proxy

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// ResponseHead is the head of an answer as it comes from upstream.
type ResponseHead struct {
	Status      int
	ContentType string
}

// Session is one exchange, from its head to the head of its answer. It is owned
// by one goroutine of a data plane.
type Session struct {
	engine   *Engine
	snap     *Snapshot
	limits   Limits
	x        Exchange
	ctx      context.Context // the observer's; never cancelled
	state    sessionState
	seen     Inspection // what is known so far; facts and verdict below
	facts    *Facts
	verdict  *Verdict
	would    *WouldRecord
	timing   TimingRecord
	reported bool     // the head of the answer came
	answered []Header // the x-ostiary headers of the answer
}

// sessionState is how far a session is.
type sessionState uint8

const (
	stateBody     sessionState = iota // waits for the body
	stateReleased                     // recorded and released
	stateAnswered                     // recorded and answered by us or by the data plane
)

// Open begins an exchange with its head. The ruling waits for the body, or is
// final: an answer, or (where the head says that the stream ended) a release.
// The caller ends every Session with Close, whatever the ruling.
func (e *Engine) Open(ctx context.Context, h Head) (s *Session, r Ruling) {
	snap := e.Snapshot()
	if h.Received.IsZero() {
		h.Received = e.now()
	}
	s = &Session{engine: e, snap: snap, limits: snap.Limits.WithDefaults()}
	s.x = Exchange{ID: newID(h.Received), Head: h, AskedBy: "none"}
	s.x.Route = Route{Dialect: DialectNone, Operation: OpUnknown, Path: h.Path}
	s.seen.Exchange = &s.x
	s.ctx = context.WithoutCancel(e.observer.Begin(ctx, &s.x.Head))
	defer s.guard(&r)

	if int(e.open.Add(1)) > s.limits.Exchanges || e.Pending() >= s.limits.Pending {
		return s, s.refuse(denial{status: 503, code: CodeOverloaded, message: "Too many requests are being inspected at once.", retry: 1})
	}
	path := s.x.Head.Path
	// Whoever dialled a provider means its paths: Azure's begin with /openai.
	if pool, rest, ok := snap.Chooser.Named(path); ok && h.Way == "" {
		s.x.Asked, s.x.AskedBy, path = pool, "path", rest
	}
	s.x.Route = snap.Dialects.Route(h.Method, path)

	if _, upgrade := h.Get("upgrade"); upgrade || h.Method == "CONNECT" {
		return s, s.refuse(denial{status: 403, code: CodeUpgradeRefused, message: "Tunnels and protocol upgrades cannot be inspected and are not supported."})
	}
	done := e.observer.Step(s.ctx, "identify")
	principal, err := snap.Identifier.Identify(&s.x.Head)
	done()
	if err != nil {
		return s, s.refuse(denialOf(err))
	}
	s.x.Principal = principal
	if h.Ended {
		return s, s.decide(ctx, nil, PhaseHeaders)
	}
	return s, Ruling{wait: true}
}

// ID gives the exchange's id, which is its decision's.
func (s *Session) ID() string { return s.x.ID }

// Body gives the whole body and gets the final ruling. It may be called once,
// after a ruling that waits; the body may not be written afterwards.
func (s *Session) Body(ctx context.Context, body []byte) (r Ruling) {
	defer s.guard(&r)
	if s.state != stateBody {
		return Ruling{}
	}
	if len(body) > s.limits.Body {
		return s.refuse(denialOf(&Error{Op: "read body", Kind: TooLarge}))
	}
	return s.decide(ctx, body, PhaseBody)
}

// TooLarge tells that the data plane met a body over the limit. The denial is
// recorded; the ruling is the answer to give.
func (s *Session) TooLarge() (r Ruling) {
	defer s.guard(&r)
	if s.state != stateBody {
		return Ruling{}
	}
	return s.refuse(denialOf(&Error{Op: "read body", Kind: TooLarge}))
}

// Reject refuses the exchange for a reason that only the data plane can see:
// one of CodeReconfiguring, CodeUnexpectedFormat, CodeHostNotAllowed. Any other
// code is recorded as a fault of ours.
func (s *Session) Reject(code string) (r Ruling) {
	defer s.guard(&r)
	if s.state != stateBody {
		return Ruling{}
	}
	switch code {
	case CodeReconfiguring:
		return s.refuse(denial{status: 503, code: code, message: "The data plane was started for other pools than the policy server has.", retry: 1})
	case CodeUnexpectedFormat:
		return s.refuse(denial{status: 503, code: code, message: "The data plane does not give the request in a form that can be inspected; see ostiary envoy bootstrap.", retry: 10})
	case CodeHostNotAllowed:
		return s.refuse(denialOf(&Error{Op: "reject", Kind: Refused, Code: code, Hint: "The host name of the request and that of its TLS connection differ."}))
	}
	return s.refuse(denialOf(nil))
}

// Responded tells the head of the answer. It may be called once. On an exchange
// without a release it is the data plane's own refusal: the denial is recorded. It gives
// the headers to add to the answer, which passes as it comes.
func (s *Session) Responded(h ResponseHead) []Header {
	switch s.state {
	case stateReleased:
		s.reported = true
		s.engine.mu.Lock()
		if p, ok := s.engine.pending[s.x.ID]; ok {
			p.status, p.ttfb = h.Status, s.engine.now().Sub(s.x.Head.Received)
		}
		s.engine.mu.Unlock()
	case stateBody:
		d := denial{status: h.Status, code: "data_plane_refused", message: "The data plane refused the request.", silent: true}
		if h.Status == TooLarge.Status() {
			d.code = TooLarge.Code()
		}
		s.refuse(d)
	}
	return s.answered
}

// Close ends the session. Where no decision was made, it records that the
// exchange was aborted; where there is a release, the outcome stays pending for
// [Engine.Complete]. A data plane that was given a release and ended before the
// answer may never have acted on it and then tells nothing: its outcome is given
// up after a while.
func (s *Session) Close() {
	defer s.engine.open.Add(-1)
	switch {
	case s.state == stateBody:
		s.refuse(denial{code: CodeAborted, message: "The client left before a decision.", silent: true})
	case s.state == stateReleased && !s.reported:
		time.AfterFunc(silenceLimit, func() { s.engine.giveUp("data_plane_silent", s.x.ID) })
	}
	if s.state != stateReleased {
		s.engine.observer.End(s.ctx)
	}
}

// guard turns a panic into a refusal: a fault of ours must not let anything
// pass, nor take the process down. It states no cause, which could hold content.
func (s *Session) guard(r *Ruling) {
	if recover() == nil {
		return
	}
	*r = Ruling{}
	if s.state == stateReleased {
		return // recorded as released but nothing was: the ruling says no
	}
	defer func() { _ = recover() }() // the recorder itself may be what failed
	*r = s.refuse(denialOf(&Error{Op: "decide", Kind: Fault}))
}

// denial is a refusal before it has a dialect's shape.
type denial struct {
	status  int
	code    string
	message string
	retry   int // seconds
	reasons []Reason
	reject  []Rejection
	silent  bool // nobody is answered by us
}

// denialOf makes the denial for an error.
func denialOf(err error) denial {
	kind := KindOf(err)
	d := denial{status: kind.Status(), code: kind.Code(), message: kind.row().sentence}
	var e *Error
	if errors.As(err, &e) {
		d.code, d.message = cmp.Or(e.Code, d.code), cmp.Or(e.Hint, d.message)
	}
	switch d.code {
	case CodeUnknownKey:
		d.status = 401
	case CodePoolUnavailable:
		d.status = 503
	}
	if d.status == 503 {
		d.retry = 1
	}
	return d
}

// refuse records a denial with its outcome and makes the answer. Where it
// cannot be recorded, the answer says that.
func (s *Session) refuse(d denial) Ruling {
	s.state = stateAnswered
	s.answered = []Header{{HeaderDecisionID, s.x.ID}, {HeaderAction, string(Deny)}, {HeaderPool, PoolNone}}
	e := s.engine
	ev := s.decisionEvent(&DecisionRecord{Action: Deny, Code: d.code, Reasons: d.reasons, Rejected: d.reject, Status: d.status})
	out := &OutcomeRecord{Sent: "no", Status: d.status, Reason: "refused", DurationMS: e.now().Sub(s.x.Head.Received).Milliseconds()}
	if d.silent {
		out.Reason = d.code
	}
	if err := e.record(s.ctx, s.snap, append(s.withGrant(ev), e.outcomeEvent(s.x.ID, out))...); err != nil {
		d = denialOf(&Error{Op: "record", Kind: Unrecorded})
	}
	a := s.snap.Dialects.Refuse(s.x.Route, Refusal{Status: d.status, Code: d.code, Message: d.message, DecisionID: s.x.ID, RetryAfter: d.retry})
	a.Header = append(a.Header, s.answered...)
	a.Detail = "ostiary_denied"
	return Ruling{answer: &a}
}

// answer records a decision that Ostiary carries out itself and gives the
// answer.
func (s *Session) answer(a Answer) Ruling {
	e := s.engine
	s.answered = []Header{{HeaderDecisionID, s.x.ID}, {HeaderAction, string(Allow)}, {HeaderPool, PoolSelf}}
	ev := s.decisionEvent(&DecisionRecord{Action: Allow, Pool: PoolSelf, Status: a.Status})
	out := &OutcomeRecord{
		Bytes: int64(len(a.Body)), DurationMS: e.now().Sub(s.x.Head.Received).Milliseconds(),
		Inspected: true, Sent: "no", Status: a.Status, Reason: "answered_by_ostiary",
	}
	if err := e.record(s.ctx, s.snap, append(s.withGrant(ev), e.outcomeEvent(s.x.ID, out))...); err != nil {
		s.state = stateBody
		return s.refuse(denialOf(&Error{Op: "record", Kind: Unrecorded}))
	}
	s.state = stateAnswered
	a.Header = append(a.Header, s.answered...)
	a.Detail = "ostiary_answered"
	return Ruling{answer: &a}
}

// decisionEvent makes the decision's event of what is known so far.
func (s *Session) decisionEvent(d *DecisionRecord) *Event {
	ev := NewEvent(EventDecision, s.engine.now())
	timing := s.timing
	ev.ID, ev.Timing, ev.Policy, ev.Decision = s.x.ID, &timing, s.snap.policyRecord(), d
	d.Asked, d.Facts, d.Masks, d.Mode, d.Phase, d.Would = s.x.Asked, s.facts, masksOf(s.verdict), s.snap.Mode, s.seen.Phase, s.would
	if d.Reasons == nil {
		d.Reasons = []Reason{}
	}
	if s.verdict != nil {
		d.Notify, d.Shadow = s.verdict.Notify, s.verdict.Shadow
		ev.Policy.Policies = cmp.Or(s.verdict.Revision, ev.Policy.Policies) // of several, the one that decided
	}
	s.seen.Verdict = s.verdict
	s.snap.Stater.Describe(&s.seen, ev)
	return ev
}

// withGrant adds the event of a grant's use to its decision's.
func (s *Session) withGrant(decision *Event) []*Event {
	if s.verdict == nil || !s.verdict.Granted {
		return []*Event{decision}
	}
	use := NewEvent(EventGrant, s.engine.now())
	use.DecisionID, use.Admin = s.x.ID, &AdminRecord{Action: "grant_used", Detail: s.x.Principal.Grant.ID}
	return []*Event{decision, use}
}

func (s *Snapshot) policyRecord() *PolicyRecord {
	return &PolicyRecord{Binary: s.Binary, Config: s.Revision, Policies: s.Decider.Revision(), Suite: s.Classifier.Revision()}
}

// since gives the microseconds since t, at least 1: a step that ran is never 0.
func (e *Engine) since(t time.Time) int64 {
	return max(e.now().Sub(t).Microseconds(), 1)
}
