package proxy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strconv"
	"strings"
	"time"
)

// opaqueListed is how many opaque parts an event lists; Facts count them all.
const opaqueListed = 64

// inspected is a request that was read whole: its body, or a stream that ended
// with its headers. Only read makes one, and only one can be released.
type inspected struct {
	doc    Document
	prompt *Prompt
	report Report
	facts  Facts
	phase  Phase
	tokens int
}

// decide walks an inspected request to its ruling.
func (s *Session) decide(ctx context.Context, body []byte, phase Phase) Ruling {
	work, cancel := context.WithTimeout(s.ctx, s.limits.Decision)
	defer cancel()
	// The client may leave: no need to go on. What is recorded stays recorded.
	defer context.AfterFunc(ctx, cancel)()

	if s.x.Route.Operation == OpHealth && len(body) == 0 {
		return s.answer(Answer{Status: 200, Header: []Header{{"content-type", "application/json"}}, Body: []byte("{\"status\":\"ok\"}\n")}, denial{phase: phase})
	}
	in, err := s.read(work, body, phase)
	if err != nil {
		return s.refuse(denialOf(err, 0))
	}
	if !s.factsFit(&in.facts) {
		return s.refuse(denialOf(&Error{Op: "state facts", Kind: TooLarge, Code: "facts_too_large"}, 0))
	}
	known := denial{facts: &in.facts, report: &in.report, prompt: in.prompt, phase: phase}

	start, done := s.engine.now(), s.engine.observer.Step(s.ctx, "decide")
	verdict, err := s.snap.Decider.Decide(work, &in.facts)
	done()
	s.timing.DecideUS = s.engine.since(start)
	if err != nil {
		d := denialOf(&Error{Op: "decide", Kind: Undecided, Err: err}, 0)
		d.facts, d.report, d.prompt, d.phase = known.facts, known.report, known.prompt, phase
		return s.refuse(d)
	}
	if work.Err() != nil && ctx.Err() == nil {
		d := denialOf(&Error{Op: "decide", Kind: Undecided}, 0)
		d.facts, d.report, d.prompt, d.phase = known.facts, known.report, known.prompt, phase
		return s.refuse(d)
	}
	known.verdict = &verdict

	enforced := s.plan(in, &verdict)
	if s.snap.Mode != Observe {
		return s.carryOut(in, enforced, nil, known)
	}
	would := &WouldRecord{Action: enforced.action, Code: enforced.code, Pool: enforced.pool}
	free := s.plan(in, &Verdict{Action: Allow, Reasons: verdict.Reasons, Revision: verdict.Revision})
	return s.carryOut(in, free, would, known)
}

// read parses, classifies and states the facts.
func (s *Session) read(ctx context.Context, body []byte, phase Phase) (*inspected, error) {
	e := s.engine
	start, done := e.now(), e.observer.Step(s.ctx, "read")
	doc, err := s.snap.Dialects.Read(s.x.Route, &s.x.Head, body)
	done()
	s.timing.ReadUS = e.since(start)
	if err != nil {
		return nil, err
	}
	s.bytes = len(body)
	in := &inspected{doc: doc, prompt: doc.Prompt(), phase: phase}
	if doc.Encoding() != "" {
		decoded, err := doc.Body(nil, "")
		if err != nil {
			return nil, err
		}
		s.bytes = len(decoded)
	}

	start, done = e.now(), e.observer.Step(s.ctx, "classify")
	in.report, err = s.snap.Classifier.Classify(ctx, in.prompt.Segments)
	done()
	s.timing.ClassifyUS = e.since(start)
	if err != nil {
		return nil, &Error{Op: "classify", Kind: Unclassified, Err: err}
	}
	in.tokens = estimate(in.prompt.Segments)
	s.ask(in.prompt)
	in.facts = s.facts(in)
	return in, nil
}

// ask finds the pool that the request asks for: by path, by model, by dialect.
func (s *Session) ask(p *Prompt) {
	if s.x.AskedBy == "path" {
		return
	}
	pools := s.snap.Directory.Pools()
	model := p.Model.Reveal()
	for i := range pools {
		if pools[i].Lists(model) && pools[i].Serves(s.x.Route) {
			s.x.Asked, s.x.AskedBy = pools[i].Name, "model"
			return
		}
	}
	for i := range pools {
		if pools[i].Boundary == External && pools[i].Serves(s.x.Route) {
			s.x.Asked, s.x.AskedBy = pools[i].Name, "dialect"
			return
		}
	}
}

// course is what is going to be done with an inspected request.
type course struct {
	action Action
	code   string // of a refusal
	status int
	text   string
	pool   string
	model  string // name to send, empty where it stays
	edits  []Edit
	masked int
	masks  []string
	reject []Rejection
	reason []Reason
	retry  int
}

// plan chooses the pool and the edits that a verdict asks for.
func (s *Session) plan(in *inspected, v *Verdict) course {
	c := course{reason: v.Reasons, masks: masksOf(v)}
	if v.Action.Rank() >= Deny.Rank() {
		c.deny(403, CodeDenied, denialText(v))
		if v.Code != "" {
			c.code = v.Code
		}
		return c
	}
	if s.x.Route.Operation == OpModels {
		c.action, c.pool = Allow, PoolSelf
		return c
	}
	pool := s.choose(in, v, &c)
	if pool == nil {
		return c
	}
	c.action, c.pool = Allow, pool.Name
	if pool.Name != s.x.Asked {
		c.action = Reroute
	}
	if model := in.prompt.Model.Reveal(); model != "" {
		if name := pool.Resolve(model); name != model {
			c.model = name
		}
	}
	s.mask(in, v, pool, &c)
	return c
}

func (c *course) deny(status int, code, text string) {
	c.action, c.status, c.code, c.text, c.pool = Deny, status, code, text, ""
	c.edits, c.masked, c.model = nil, 0, ""
	if status == 503 {
		c.retry = 5
	}
}

// choose gives the first pool that policy permits and that can serve the
// request; where there is none, it makes c a denial that says why.
func (s *Session) choose(in *inspected, v *Verdict, c *course) *Pool {
	pools := s.snap.Directory.Pools()
	try := func(p *Pool) bool {
		why := s.unfit(in, p)
		if why != "" {
			c.reject = append(c.reject, Rejection{Pool: p.Name, Why: why})
		}
		return why == ""
	}
	permitted := func(p *Pool) bool {
		switch {
		case v.Constrained:
			return contains(v.Pools, p.Name)
		case s.x.Asked != "":
			return p.Name == s.x.Asked
		}
		return p.Boundary == Internal
	}
	// The pool asked for comes first, then the order of the configuration.
	for i := range pools {
		if pools[i].Name == s.x.Asked && permitted(&pools[i]) && try(&pools[i]) {
			return &pools[i]
		}
	}
	for i := range pools {
		if pools[i].Name != s.x.Asked && permitted(&pools[i]) && try(&pools[i]) {
			return &pools[i]
		}
	}
	has := func(why string) bool {
		for _, r := range c.reject {
			if r.Why == why {
				return true
			}
		}
		return false
	}
	switch {
	case has("state"):
		c.deny(403, CodeStateElsewhere, "The request refers to state that is held by another provider, so it cannot be served where the data policy sends it. Send the whole conversation instead of a reference.")
	case has("model"):
		c.deny(403, CodeModelLeaves, "This model name makes the in-house server send the request out again. Choose a model that runs in-house.")
	case has("credential"):
		c.deny(503, CodePoolUnavailable, "The pool that would serve this request has no credential configured. Ask the operator to set it.")
	default:
		c.deny(403, CodeNoCapablePool, "No model that the data policy permits for this request can serve it"+whyList(c.reject)+".")
	}
	return nil
}

func whyList(rejected []Rejection) string {
	if len(rejected) == 0 {
		return ""
	}
	var parts []string
	for _, r := range rejected {
		parts = append(parts, r.Pool+": "+r.Why)
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// unfit says why a pool cannot serve the request, in one word, or "".
func (s *Session) unfit(in *inspected, p *Pool) string {
	moved := p.Name != s.x.Asked
	switch {
	case !p.Serves(s.x.Route):
		return "dialect"
	case moved && (len(in.prompt.State) > 0 || s.x.Route.Operation == OpState):
		return "state"
	case p.Boundary == Internal && leavesHouse(p.Resolve(in.prompt.Model.Reveal())):
		return "model"
	}
	if why := p.lacks(in.prompt.Needs, in.tokens); why != "" {
		return why
	}
	return s.snap.Directory.Available(p.Name)
}

// leavesHouse reports whether a model name makes an in-house server send the
// request to its vendor: Ollama forwards such names.
func leavesHouse(model string) bool {
	m := strings.ToLower(model)
	return strings.HasSuffix(m, ":cloud") || strings.HasSuffix(m, "-cloud")
}

// mask makes the edits; what cannot be masked where it stands becomes a denial.
func (s *Session) mask(in *inspected, v *Verdict, p *Pool, c *course) {
	var chosen []Finding
	always := false
	for _, f := range in.report.Findings {
		if f.Likelihood < Likely {
			continue
		}
		for _, m := range v.Masks {
			if (p.Boundary == External || m.Always) && m.names(&f) {
				chosen, always = append(chosen, f), always || m.Always
				break
			}
		}
	}
	if len(chosen) == 0 {
		return
	}
	cannot := s.x.Route.Operation == OpEmbeddings && !always
	for _, o := range in.prompt.Opaque {
		for _, f := range chosen {
			cannot = cannot || o.Index == f.Segment
		}
	}
	for _, f := range chosen {
		cannot = cannot || in.prompt.Segments[f.Segment].Fixed
	}
	if cannot {
		c.cannotMask()
		return
	}
	c.edits = s.snap.Masker.Mask(in.prompt.Segments, chosen)
	c.masked = len(chosen)
	if c.action.Rank() < Mask.Rank() {
		c.action = Mask
	}
}

func (c *course) cannotMask() {
	c.deny(403, CodeDenied, "The data policy asks to mask parts of this request that cannot be masked where they stand. Remove them and send it again.")
	c.reason = append(append([]Reason{}, c.reason...), Reason{
		Action: Deny, Policy: "ostiary", Rule: "cannot_mask", Title: "What must be masked cannot be masked where it stands", Message: c.text,
	})
}

// names reports whether the rule speaks of the finding.
func (m *MaskRule) names(f *Finding) bool {
	if contains(m.Types, f.Type) {
		return true
	}
	for _, g := range f.Groups {
		if contains(m.Groups, g) {
			return true
		}
	}
	return false
}

// carryOut does what was planned: refuse, answer, or edit, record and release.
func (s *Session) carryOut(in *inspected, c course, would *WouldRecord, d denial) Ruling {
	var body []byte
	if c.action != Deny && c.pool != PoolSelf {
		start, done := s.engine.now(), s.engine.observer.Step(s.ctx, "edit")
		var err error
		if len(c.edits) > 0 || c.model != "" || in.doc.Encoding() != "" {
			body, err = in.doc.Body(c.edits, c.model)
		}
		done()
		s.timing.EditUS = s.engine.since(start)
		if err != nil {
			body = nil
			c.cannotMask()
		}
	}
	switch {
	case c.action == Deny:
		d.status, d.code, d.message, d.reasons, d.reject, d.retry = c.status, c.code, c.text, c.reason, c.reject, c.retry
		return s.refuse(d)
	case c.pool == PoolSelf:
		return s.answer(s.snap.Dialects.Models(s.x.Route, &s.x.Head, s.models()), d)
	}
	pool := s.pool(c.pool)
	f := &Forward{
		Pool: c.pool, Phase: in.phase, DecisionID: s.x.ID, Revision: s.snap.Decider.Revision(), Action: c.action,
		Path: s.x.Route.Path, Body: body, Set: []Header{{HeaderDecisionID, s.x.ID}}, Remove: s.remove(pool, in),
		Answer: []Header{{HeaderDecisionID, s.x.ID}, {HeaderAction, string(c.action)}, {HeaderPool, c.pool}},
	}
	ev := s.decisionEvent(&d)
	ev.Decision = &DecisionRecord{
		Action: c.action, Asked: s.x.Asked, Facts: d.facts, Masked: c.masked, Masks: c.masks, Mode: s.snap.Mode,
		Model: s.modelName(c.model, in.prompt), Phase: in.phase, Pool: c.pool, Reasons: c.reason, Rejected: c.reject, Would: would,
	}
	if ev.Decision.Reasons == nil {
		ev.Decision.Reasons = []Reason{}
	}
	return s.release(in, f, ev)
}

// release is the only maker of a [Release]. It takes an inspected request and
// returns the permission only once the decision is durable.
func (s *Session) release(in *inspected, f *Forward, ev *Event) Ruling {
	if in == nil || in.prompt == nil || f.Phase != in.phase {
		return s.refuse(denialOf(&Error{Op: "release", Kind: Fault}, 0))
	}
	if err := s.engine.record(s.ctx, s.snap, ev); err != nil {
		return s.refuse(denialOf(&Error{Op: "record", Kind: Unrecorded, Err: err}, 0))
	}
	s.engine.mu.Lock()
	s.engine.pending[s.x.ID] = &pending{ctx: s.ctx, asked: s.x.Head.Received}
	s.engine.mu.Unlock()
	s.state, s.answered = stateReleased, f.Answer
	return Ruling{release: Release{f}}
}

// clientCredentials are the headers in which clients carry a provider's key.
var clientCredentials = []string{"authorization", "x-api-key", "api-key", "x-goog-api-key"}

// never forwarded, whatever the pool.
var neverForwarded = []string{HeaderKey, "ostiary-application", "cookie", "proxy-authorization"}

// remove lists the request headers that may not go on. The client's own
// credential goes to the pool it was meant for and to no other.
func (s *Session) remove(p *Pool, in *inspected) []string {
	out := append([]string{}, neverForwarded...)
	if p.Credential != CredentialClient || p.Name != s.x.Asked {
		out = append(out, clientCredentials...)
	}
	for _, h := range s.x.Principal.Strip {
		if !contains(out, h) {
			out = append(out, h)
		}
	}
	if in.doc.Encoding() != "" {
		out = append(out, "content-encoding")
	}
	return out
}

func (s *Session) pool(name string) *Pool {
	pools := s.snap.Directory.Pools()
	for i := range pools {
		if pools[i].Name == name {
			return &pools[i]
		}
	}
	return &Pool{Name: name, Boundary: External}
}

// models lists what the caller may ask for by name, in the order of the
// configuration.
func (s *Session) models() []ModelEntry {
	var out []ModelEntry
	seen := map[string]bool{}
	for _, p := range s.snap.Directory.Pools() {
		for _, m := range p.Models {
			name := m.Pattern
			if strings.HasSuffix(name, "*") {
				name = m.Name
			}
			if name != "" && !strings.HasSuffix(name, "*") && !seen[name] {
				seen[name] = true
				out = append(out, ModelEntry{Name: name, Pool: p.Name})
			}
		}
	}
	return out
}

// modelName gives the name sent upstream as far as it is configured.
func (s *Session) modelName(rewritten string, p *Prompt) string {
	if rewritten != "" {
		return rewritten // it comes from the configuration
	}
	return s.configuredModel(p)
}

// configuredModel gives the model asked for if the configuration names it.
func (s *Session) configuredModel(p *Prompt) string {
	if p == nil {
		return Unknown
	}
	model := p.Model.Reveal()
	if model == "" {
		return Unknown
	}
	for _, pool := range s.snap.Directory.Pools() {
		if pool.Lists(model) {
			return model
		}
	}
	return Other
}

// decisionEvent begins a decision's event with what is known of the request.
func (s *Session) decisionEvent(d *denial) *Event {
	h := &s.x.Head
	ev := s.engine.event(EventDecision)
	ev.ID = s.x.ID
	timing := s.timing
	ev.Timing = &timing
	ev.Policy = s.snap.policyRecord()
	ev.Request = &RequestRecord{
		Application: orUnknown(s.x.Principal.Application), Bytes: s.bytes, Dialect: s.x.Route.Dialect, Model: s.configuredModel(d.prompt),
		Operation: string(s.x.Route.Operation), Protocol: protocol(h.Protocol),
	}
	ev.Personal = &PersonalRecord{UID: h.Peer.UID}
	if h.Peer.Addr.IsValid() {
		ev.Personal.Address = h.Peer.Addr.Addr().String()
	}
	if d.prompt != nil {
		ev.Request.Stream = d.prompt.Stream
		ev.Opaque = s.opaqueRecords(d.prompt)
	}
	if v, ok := h.Get("x-stainless-retry-count"); ok {
		ev.Request.Retry, _ = strconv.Atoi(v.Reveal()) // no number: no retry that we know of
	}
	if v, ok := h.Get("traceparent"); ok {
		ev.Request.Trace = traceID(v.Reveal())
	}
	if d.report != nil {
		ev.Findings = findingRecords(d.prompt.Segments, d.report.Findings)
	}
	return ev
}

func protocol(p string) string {
	switch p {
	case "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/2.0":
		return p
	}
	return Other
}

// traceID takes the trace id out of a W3C traceparent; anything else gives "".
func traceID(v string) string {
	if len(v) < 55 || v[2] != '-' || v[35] != '-' {
		return ""
	}
	id := v[3:35]
	if _, err := hex.DecodeString(id); err != nil || strings.ToLower(id) != id {
		return ""
	}
	return id
}

func (s *Session) opaqueRecords(p *Prompt) []OpaqueRecord {
	var out []OpaqueRecord
	for i, o := range p.Opaque {
		if i == opaqueListed {
			break
		}
		r := OpaqueRecord{Bytes: o.Bytes, Index: o.Index, Kind: o.Kind, MIME: o.MIME}
		if len(s.snap.HashKey) > 0 && o.Index >= 0 && o.Index < len(p.Segments) {
			mac := hmac.New(sha256.New, s.snap.HashKey)
			mac.Write([]byte(p.Segments[o.Index].Text.Reveal()))
			r.Hash = hex.EncodeToString(mac.Sum(nil)[:16])
		}
		out = append(out, r)
	}
	return out
}

// findingRecords counts findings by type and likelihood, sorted.
func findingRecords(segments []Segment, findings []Finding) []FindingRecord {
	if len(findings) == 0 {
		return nil
	}
	type key struct {
		typ string
		l   Likelihood
	}
	index := map[key]int{}
	var out []FindingRecord
	for _, f := range findings {
		k := key{f.Type, f.Likelihood}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, FindingRecord{Type: f.Type, Likelihood: f.Likelihood.String(), Groups: sorted(f.Groups)})
		}
		out[i].Count++
		if f.Synthetic {
			out[i].Synthetic++
		}
		if role := string(segments[f.Segment].Role); !contains(out[i].Roles, role) {
			out[i].Roles = append(out[i].Roles, role)
		}
	}
	for i := range out {
		sort.Strings(out[i].Roles)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Type != out[j].Type {
			return out[i].Type < out[j].Type
		}
		return out[i].Likelihood < out[j].Likelihood
	})
	return out
}

func sorted(list []string) []string {
	out := append([]string{}, list...)
	sort.Strings(out)
	return out
}

func masksOf(v *Verdict) []string {
	if v == nil {
		return nil
	}
	var out []string
	for _, m := range v.Masks {
		for _, n := range append(append([]string{}, m.Types...), m.Groups...) {
			if !contains(out, n) {
				out = append(out, n)
			}
		}
	}
	sort.Strings(out)
	return out
}

// denialText is the sentence for the caller: the messages of the rules that
// deny, as their authors wrote them.
func denialText(v *Verdict) string {
	var parts []string
	for _, r := range v.Reasons {
		if r.Action == Deny && r.Message != "" && !contains(parts, r.Message) {
			parts = append(parts, r.Message)
		}
	}
	if len(parts) == 0 {
		return Refused.row().sentence
	}
	return strings.Join(parts, " ")
}

func (s *Snapshot) policyRecord() *PolicyRecord {
	return &PolicyRecord{Config: s.Revision, Policies: s.Decider.Revision(), Suite: s.Classifier.Revision()}
}

func orUnknown(s string) string {
	if s == "" {
		return Unknown
	}
	return s
}

// weekday gives the day's name as in Facts.
func weekday(t time.Time) string { return strings.ToLower(t.Weekday().String()) }
