package proxy

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// inspected is a request that was read whole: its body, or a stream that ended
// with its headers. Only read makes one, and only one can be released.
type inspected struct {
	doc    Document
	prompt *Prompt
	report *Report
	phase  Phase
}

// decide walks a request to its ruling.
func (s *Session) decide(ctx context.Context, body []byte, phase Phase) Ruling {
	work, cancel := context.WithTimeout(s.ctx, s.limits.Decision)
	defer cancel()
	// The client may leave: then there is no need to go on.
	defer context.AfterFunc(ctx, cancel)()

	s.seen.Phase, s.seen.Bytes = phase, len(body)
	if s.x.Route.Operation == OpHealth && len(body) == 0 {
		return s.answer(Answer{Status: 200, Header: []Header{{"content-type", "application/json"}}, Body: []byte("{\"status\":\"ok\"}\n")})
	}
	in, err := s.read(work, body, phase)
	if err != nil {
		return s.refuse(denialOf(err))
	}
	start, done := s.engine.now(), s.engine.observer.Step(s.ctx, "decide")
	verdict, err := s.snap.Decider.Decide(work, s.facts)
	done()
	s.timing.DecideUS = s.engine.since(start)
	if err = cmp.Or(err, work.Err()); err != nil {
		return s.refuse(denialOf(&Error{Op: "decide", Kind: Undecided, Err: err}))
	}
	s.verdict = &verdict

	c := s.plan(in, &verdict)
	if s.snap.Mode == Observe {
		s.would = &WouldRecord{Action: c.action, Code: c.code, Pool: c.pool}
		c = s.plan(in, &Verdict{Action: Allow, Reasons: verdict.Reasons})
	}
	return s.carryOut(in, c)
}

// read parses, classifies and states the facts.
func (s *Session) read(ctx context.Context, body []byte, phase Phase) (*inspected, error) {
	e := s.engine
	start, done := e.now(), e.observer.Step(s.ctx, "read")
	doc, err := s.snap.Dialects.Read(s.x.Route, &s.x.Head, body)
	if err == nil && doc.Encoding() != "" {
		var decoded []byte
		decoded, err = doc.Body(nil, "")
		s.seen.Bytes = len(decoded)
	}
	done()
	s.timing.ReadUS = e.since(start)
	if err != nil {
		return nil, err
	}
	p := doc.Prompt()

	start, done = e.now(), e.observer.Step(s.ctx, "classify")
	report, err := s.snap.Classifier.Classify(ctx, p.Segments)
	done()
	s.timing.ClassifyUS = e.since(start)
	if err != nil {
		return nil, &Error{Op: "classify", Kind: Unclassified, Err: err}
	}
	if s.x.AskedBy != "path" {
		s.x.Asked, s.x.AskedBy = s.snap.Chooser.Ask(&s.x, p)
	}
	s.seen.Prompt, s.seen.Report = p, &report
	facts, err := s.snap.Stater.Facts(&s.seen)
	if err != nil {
		return nil, err
	}
	s.facts = &facts
	return &inspected{doc: doc, prompt: p, report: &report, phase: phase}, nil
}

// course is what is going to be done with an inspected request.
type course struct {
	denial
	action Action
	pool   string
	to     *Pool
	model  string // name to send, empty where it stays
	edits  []Edit
	masked int
}

// deny makes the course a denial.
func (c *course) deny(err *Error) {
	reasons, reject := c.reasons, c.reject
	*c = course{denial: denialOf(err), action: Deny}
	c.reasons, c.reject = reasons, reject
}

// plan chooses the pool and the edits that a verdict asks for.
func (s *Session) plan(in *inspected, v *Verdict) course {
	c := course{action: Allow}
	c.reasons = v.Reasons
	if v.Action.Rank() >= Deny.Rank() {
		c.deny(&Error{Op: "decide", Kind: Refused, Code: v.Code, Hint: denialText(v)})
		return c
	}
	if s.x.Route.Operation == OpModels {
		c.pool = PoolSelf
		return c
	}
	choice := s.snap.Chooser.Choose(&s.x, in.prompt, s.facts.Request.Tokens, v)
	c.reject = choice.Rejected
	if choice.Pool == nil {
		err := choice.Error
		if err == nil {
			err = &Error{Op: "choose", Kind: Refused, Code: CodeNoCapablePool}
		}
		c.deny(err)
		return c
	}
	c.to, c.pool, c.model = choice.Pool, choice.Pool.Name, choice.Model
	if c.pool != s.x.Asked {
		c.action = Reroute
	}
	s.mask(in, v, &c)
	return c
}

// mask makes the edits; what cannot be masked where it stands becomes a denial.
func (s *Session) mask(in *inspected, v *Verdict, c *course) {
	var chosen []Finding
	always := false
	for _, f := range in.report.Findings {
		if f.Likelihood < Likely {
			continue
		}
		for _, m := range v.Masks {
			if (c.to.Boundary != Internal || m.Always) && m.names(&f) {
				chosen, always = append(chosen, f), always || m.Always
				break
			}
		}
	}
	if len(chosen) == 0 {
		return
	}
	// Masked embeddings silently spoil an index: only where the rule insists.
	cannot := s.x.Route.Operation == OpEmbeddings && !always
	for _, f := range chosen {
		cannot = cannot || in.prompt.Segments[f.Segment].Fixed
		for _, o := range in.prompt.Opaque {
			cannot = cannot || o.Index == f.Segment
		}
	}
	if cannot {
		c.cannotMask()
		return
	}
	c.edits, c.masked = s.snap.Masker.Mask(in.prompt.Segments, chosen), len(chosen)
	if c.action.Rank() < Mask.Rank() {
		c.action = Mask
	}
}

func (c *course) cannotMask() {
	c.reasons = append(append([]Reason{}, c.reasons...), Reason{
		Action: Deny, Policy: "ostiary", Rule: "cannot_mask", Title: "What must be masked cannot be masked where it stands",
		Message: "The data policy asks to mask parts of this request that cannot be masked where they stand. Remove them and send it again.",
	})
	c.deny(&Error{Op: "mask", Kind: Refused, Hint: c.reasons[len(c.reasons)-1].Message})
}

// names reports whether the rule speaks of the finding.
func (m *MaskRule) names(f *Finding) bool {
	return slices.Contains(m.Types, f.Type) ||
		slices.ContainsFunc(f.Groups, func(g string) bool { return slices.Contains(m.Groups, g) })
}

// carryOut does what was planned: refuse, answer, or edit, record and release.
func (s *Session) carryOut(in *inspected, c course) Ruling {
	var body []byte
	if c.to != nil && (len(c.edits) > 0 || c.model != "" || in.doc.Encoding() != "") {
		start, done := s.engine.now(), s.engine.observer.Step(s.ctx, "edit")
		var err error
		body, err = in.doc.Body(c.edits, c.model)
		done()
		s.timing.EditUS = s.engine.since(start)
		if err != nil {
			c.cannotMask()
		}
	}
	if c.action == Deny {
		return s.refuse(c.denial)
	}
	if c.pool == PoolSelf {
		return s.answer(s.snap.Dialects.Models(s.x.Route, &s.x.Head, s.snap.Chooser.Models()))
	}
	f := &Forward{
		Pool: c.pool, Phase: in.phase, DecisionID: s.x.ID, Revision: s.snap.Decider.Revision(), Pools: s.snap.Pools, Action: c.action,
		Path: s.x.Route.Path, Body: body, Set: []Header{{HeaderDecisionID, s.x.ID}}, Remove: s.remove(c.to, in),
		Answer: []Header{{HeaderDecisionID, s.x.ID}, {HeaderAction, string(c.action)}, {HeaderPool, c.pool}},
	}
	d := &DecisionRecord{Action: c.action, Masked: c.masked, Model: c.model, Pool: c.pool, Reasons: c.reasons, Rejected: c.reject}
	if d.Model == "" { // as the client named it, where the configuration knows it
		d.Model = s.facts.Request.Model
	}
	return s.release(in, f, d)
}

// release is the only maker of a [Release]. It takes an inspected request and
// returns the permission only once the decision is durable.
func (s *Session) release(in *inspected, f *Forward, d *DecisionRecord) Ruling {
	if in == nil || in.prompt == nil || f.Phase != in.phase {
		return s.refuse(denialOf(&Error{Op: "release", Kind: Fault}))
	}
	e := s.engine
	if err := e.record(s.ctx, s.snap, s.withGrant(s.decisionEvent(d))...); err != nil {
		return s.refuse(denialOf(&Error{Op: "record", Kind: Unrecorded, Err: err}))
	}
	e.mu.Lock()
	e.pending[s.x.ID] = &pending{ctx: s.ctx, asked: s.x.Head.Received}
	e.mu.Unlock()
	s.state, s.answered = stateReleased, f.Answer
	return Ruling{release: Release{f}}
}

// clientCredentials are the headers in which clients carry a provider's key.
var clientCredentials = []string{"authorization", "x-api-key", "api-key", "x-goog-api-key"}

// neverForwarded are headers that no pool gets.
var neverForwarded = []string{HeaderKey, HeaderGrant, HeaderJustification, "ostiary-application", "cookie", "proxy-authorization"}

// remove lists the request headers that may not go on. The client's own
// credential goes to the pool it was meant for and to no other.
func (s *Session) remove(p *Pool, in *inspected) []string {
	out := slices.Clone(neverForwarded)
	if p.Credential != CredentialClient || p.Name != s.x.Asked {
		out = append(out, clientCredentials...)
	}
	out = append(out, s.x.Principal.Strip...)
	if in.doc.Encoding() != "" {
		out = append(out, "content-encoding")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func masksOf(v *Verdict) []string {
	if v == nil {
		return nil
	}
	var out []string
	for _, m := range v.Masks {
		out = append(append(out, m.Types...), m.Groups...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// denialText is the sentence for the caller: the messages of the rules that
// deny, as their authors wrote them.
func denialText(v *Verdict) string {
	var parts []string
	for _, r := range v.Reasons {
		if r.Action == Deny && r.Message != "" && !slices.Contains(parts, r.Message) {
			parts = append(parts, r.Message)
		}
	}
	return strings.Join(parts, " ")
}
