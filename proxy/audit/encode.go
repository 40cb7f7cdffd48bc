package audit

import "github.com/ostiary/ostiary/proxy"

// encoder encodes events, and personal parts beside them, into buffers that it
// keeps. It knows the fields of every recorded struct by name: reflection took
// several times as long.
type encoder struct{ event, personal canon }

func newEncoder() *encoder { return &encoder{} }

// encode gives the event's canonical JSON (RFC 8785), valid until the next call of
// encode. It fails with [ErrTooLarge] or [ErrNotCanonical].
func (e *encoder) encode(ev *proxy.Event) ([]byte, error) {
	e.event.reset()
	putEvent(&e.event, ev)
	return e.event.end()
}

// encodePersonal gives the canonical JSON of a personal part, valid until the
// next call of encodePersonal. It fails as encode does.
func (e *encoder) encodePersonal(p *proxy.PersonalRecord) ([]byte, error) {
	e.personal.reset()
	putPersonal(&e.personal, p)
	return e.personal.end()
}

// What follows writes one record each, as the tags in package proxy have it. Names
// stand in their order; optional members are left out where they are empty.

func putEvent(c *canon, ev *proxy.Event) {
	at := c.open()
	if ev.Admin != nil {
		c.lit(`,"admin":`)
		putAdmin(c, ev.Admin)
	}
	if ev.Connection != nil {
		c.lit(`,"connection":`)
		putConnection(c, ev.Connection)
	}
	if ev.Decision != nil {
		c.lit(`,"decision":`)
		putDecision(c, ev.Decision)
	}
	optional(c, `,"decision_id":`, ev.DecisionID)
	if len(ev.Findings) > 0 {
		c.lit(`,"findings":`)
		array(c, ev.Findings, putFinding)
	}
	c.lit(`,"id":`)
	c.text(ev.ID)
	c.lit(`,"kind":`)
	c.text(ev.Kind)
	if len(ev.Opaque) > 0 {
		c.lit(`,"opaque":`)
		array(c, ev.Opaque, putOpaque)
	}
	optional(c, `,"origin":`, ev.Origin)
	if ev.Outcome != nil {
		c.lit(`,"outcome":`)
		putOutcome(c, ev.Outcome)
	}
	if ev.Personal != nil {
		c.lit(`,"personal":`)
		putPersonal(c, ev.Personal)
	}
	if ev.Policy != nil {
		c.lit(`,"policy":`)
		putPolicy(c, ev.Policy)
	}
	if ev.Request != nil {
		c.lit(`,"request":`)
		putRequest(c, ev.Request)
	}
	c.lit(`,"time":`)
	c.text(ev.Time)
	if ev.Timing != nil {
		c.lit(`,"timing":`)
		putTiming(c, ev.Timing)
	}
	c.lit(`,"v":`)
	c.integer(int64(ev.V))
	c.close(at)
}

// optional writes a member that is left out where it is empty.
func optional[S ~string](c *canon, name string, s S) {
	if s != "" {
		c.lit(name)
		c.text(string(s))
	}
}

// optionalInt writes a member that is left out where it is zero.
func optionalInt[N int | int64](c *canon, name string, n N) {
	if n != 0 {
		c.lit(name)
		c.integer(int64(n))
	}
}

// optionalTexts writes a member that is left out where it has no elements.
func optionalTexts(c *canon, name string, list []string) {
	if len(list) > 0 {
		c.lit(name)
		c.texts(list)
	}
}

func putAdmin(c *canon, r *proxy.AdminRecord) {
	c.lit(`{"action":`)
	c.text(r.Action)
	optional(c, `,"code":`, r.Code)
	optionalInt(c, `,"count":`, r.Count)
	optional(c, `,"detail":`, r.Detail)
	optionalInt(c, `,"from":`, r.From)
	optional(c, `,"role":`, r.Role)
	optional(c, `,"signed":`, r.Signed)
	optionalInt(c, `,"to":`, r.To)
	c.lit(`}`)
}

func putConnection(c *canon, r *proxy.ConnectionRecord) {
	c.lit(`{"count":`)
	c.integer(r.Count)
	optional(c, `,"domain":`, r.Domain)
	c.lit(`,"first":`)
	c.text(r.First)
	optional(c, `,"kind":`, r.Kind)
	optional(c, `,"label":`, r.Label)
	c.lit(`,"last":`)
	c.text(r.Last)
	optional(c, `,"likelihood":`, r.Likelihood)
	c.lit(`,"passage":`)
	c.text(r.Passage)
	optional(c, `,"provider":`, r.Provider)
	optionalTexts(c, `,"reasons":`, r.Reasons)
	c.lit(`,"received_bytes":`)
	c.integer(r.Received)
	c.lit(`,"sent_bytes":`)
	c.integer(r.Sent)
	c.lit(`,"way":`)
	c.text(r.Way)
	c.lit(`,"why":`)
	c.text(r.Why)
	c.lit(`}`)
}

func putDecision(c *canon, r *proxy.DecisionRecord) {
	c.lit(`{"action":`)
	c.text(string(r.Action))
	optional(c, `,"asked":`, r.Asked)
	optional(c, `,"code":`, r.Code)
	if r.Facts != nil {
		c.lit(`,"facts":`)
		putFacts(c, r.Facts)
	}
	optionalInt(c, `,"masked":`, r.Masked)
	optionalTexts(c, `,"masks":`, r.Masks)
	c.lit(`,"mode":`)
	c.text(string(r.Mode))
	optional(c, `,"model":`, r.Model)
	optionalTexts(c, `,"notify":`, r.Notify)
	optional(c, `,"phase":`, r.Phase)
	optional(c, `,"pool":`, r.Pool)
	c.lit(`,"reasons":`)
	array(c, r.Reasons, putReason)
	if len(r.Rejected) > 0 {
		c.lit(`,"rejected":`)
		array(c, r.Rejected, putRejection)
	}
	if r.Shadow != nil {
		c.lit(`,"shadow":`)
		putWould(c, r.Shadow)
	}
	optionalInt(c, `,"status":`, r.Status)
	if r.Would != nil {
		c.lit(`,"would":`)
		putWould(c, r.Would)
	}
	c.lit(`}`)
}

func putReason(c *canon, r *proxy.Reason) {
	c.lit(`{"action":`)
	c.text(string(r.Action))
	optional(c, `,"code":`, r.Code)
	c.lit(`,"file":`)
	c.text(r.File)
	c.lit(`,"line":`)
	c.integer(int64(r.Line))
	c.lit(`,"message":`)
	c.text(r.Message)
	c.lit(`,"policy":`)
	c.text(r.Policy)
	c.lit(`,"rule":`)
	c.text(r.Rule)
	c.lit(`,"title":`)
	c.text(r.Title)
	c.lit(`}`)
}

func putRejection(c *canon, r *proxy.Rejection) {
	c.lit(`{"pool":`)
	c.text(r.Pool)
	c.lit(`,"why":`)
	c.text(r.Why)
	c.lit(`}`)
}

func putWould(c *canon, r *proxy.WouldRecord) {
	c.lit(`{"action":`)
	c.text(string(r.Action))
	optional(c, `,"code":`, r.Code)
	optional(c, `,"pool":`, r.Pool)
	optional(c, `,"revision":`, r.Revision)
	optionalTexts(c, `,"rules":`, r.Rules)
	c.lit(`}`)
}

func putFinding(c *canon, r *proxy.FindingRecord) {
	c.lit(`{"count":`)
	c.integer(int64(r.Count))
	optionalTexts(c, `,"groups":`, r.Groups)
	c.lit(`,"likelihood":`)
	c.text(r.Likelihood)
	optionalTexts(c, `,"roles":`, r.Roles)
	optionalInt(c, `,"synthetic":`, r.Synthetic)
	c.lit(`,"type":`)
	c.text(r.Type)
	c.lit(`}`)
}

func putOpaque(c *canon, r *proxy.OpaqueRecord) {
	c.lit(`{"bytes":`)
	c.integer(int64(r.Bytes))
	optional(c, `,"hash":`, r.Hash)
	c.lit(`,"index":`)
	c.integer(int64(r.Index))
	c.lit(`,"kind":`)
	c.text(r.Kind)
	optional(c, `,"mime":`, r.MIME)
	c.lit(`}`)
}

func putOutcome(c *canon, r *proxy.OutcomeRecord) {
	at := c.open()
	optionalInt(c, `,"attempts":`, r.Attempts)
	c.lit(`,"bytes":`)
	c.integer(r.Bytes)
	c.lit(`,"duration_ms":`)
	c.integer(r.DurationMS)
	c.lit(`,"inspected":`)
	c.boolean(r.Inspected)
	optional(c, `,"reason":`, r.Reason)
	c.lit(`,"sent":`)
	c.text(r.Sent)
	c.lit(`,"sent_bytes":`)
	c.integer(r.SentBytes)
	c.lit(`,"status":`)
	c.integer(int64(r.Status))
	optionalInt(c, `,"ttfb_ms":`, r.TTFBMS)
	c.close(at)
}

func putPersonal(c *canon, r *proxy.PersonalRecord) {
	at := c.open()
	optional(c, `,"address":`, r.Address)
	optional(c, `,"approver":`, r.Approver)
	optional(c, `,"commitment":`, r.Commitment)
	optional(c, `,"conversation":`, r.Conversation)
	if len(r.Evidence) > 0 {
		c.lit(`,"evidence":`)
		array(c, r.Evidence, putEvidence)
	}
	optionalTexts(c, `,"fingerprints":`, r.Fingerprints)
	optional(c, `,"justification":`, r.Justification)
	optional(c, `,"query":`, r.Query)
	optional(c, `,"salt":`, r.Salt)
	optional(c, `,"subject":`, r.Subject)
	optional(c, `,"ticket":`, r.Ticket)
	optionalInt(c, `,"uid":`, r.UID)
	optional(c, `,"user_agent":`, r.UserAgent)
	c.close(at)
}

func putEvidence(c *canon, r *proxy.EvidenceRecord) {
	c.lit(`{"sealed":`)
	c.text(r.Sealed)
	c.lit(`,"to":`)
	c.text(r.To)
	c.lit(`,"type":`)
	c.text(r.Type)
	c.lit(`}`)
}

func putPolicy(c *canon, r *proxy.PolicyRecord) {
	at := c.open()
	optional(c, `,"binary":`, r.Binary)
	c.lit(`,"config":`)
	c.text(r.Config)
	c.lit(`,"policies":`)
	c.text(r.Policies)
	c.lit(`,"suite":`)
	c.text(r.Suite)
	c.close(at)
}

func putRequest(c *canon, r *proxy.RequestRecord) {
	c.lit(`{"application":`)
	c.text(r.Application)
	c.lit(`,"bytes":`)
	c.integer(int64(r.Bytes))
	c.lit(`,"dialect":`)
	c.text(r.Dialect)
	optional(c, `,"encoding":`, r.Encoding)
	c.lit(`,"model":`)
	c.text(r.Model)
	c.lit(`,"operation":`)
	c.text(r.Operation)
	c.lit(`,"protocol":`)
	c.text(r.Protocol)
	optionalInt(c, `,"retry":`, r.Retry)
	c.lit(`,"stream":`)
	c.boolean(r.Stream)
	optional(c, `,"trace":`, r.Trace)
	c.lit(`}`)
}

func putTiming(c *canon, r *proxy.TimingRecord) {
	c.lit(`{"classify_us":`)
	c.integer(r.ClassifyUS)
	c.lit(`,"decide_us":`)
	c.integer(r.DecideUS)
	c.lit(`,"edit_us":`)
	c.integer(r.EditUS)
	c.lit(`,"read_us":`)
	c.integer(r.ReadUS)
	c.lit(`}`)
}
