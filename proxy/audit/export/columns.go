package export

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// column is a column of CSV and Parquet, of text or of numbers.
type column struct {
	name, doc string
	text      func(*entry) string        // "" where there is none
	number    func(*entry) (int64, bool) // nil for text; false where there is none
	time      bool                       // the number is a time in milliseconds
}

// cell gives the column's value as text.
func (c *column) cell(e *entry) string {
	if c.time {
		return neutral(e.ev.Time)
	}
	if c.number != nil {
		n, ok := c.number(e)
		if !ok {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	return neutral(c.text(e))
}

// Columns describes the columns of CSV and Parquet, one "name: meaning" each, in the
// order of CSV. Those of the personal part are there only with [Options.Personal].
func Columns(personal bool) []string {
	var out []string
	for _, c := range columns(personal) {
		out = append(out, c.name+": "+c.doc)
	}
	return out
}

// separator stands between the parts of a list in one column.
const separator = "; "

func columns(personal bool) []column {
	text := func(name, doc string, f func(*proxy.Event) string) column {
		return column{name: name, doc: doc, text: func(e *entry) string { return f(e.ev) }}
	}
	decision := func(name, doc string, f func(*proxy.DecisionRecord) string) column {
		return text(name, doc, func(ev *proxy.Event) string {
			if ev.Decision == nil {
				return ""
			}
			return f(ev.Decision)
		})
	}
	request := func(name, doc string, f func(*proxy.RequestRecord) string) column {
		return text(name, doc, func(ev *proxy.Event) string {
			if ev.Request == nil {
				return ""
			}
			return f(ev.Request)
		})
	}
	number := func(name, doc string, f func(*entry) (int64, bool)) column {
		return column{name: name, doc: doc, number: f}
	}
	outcome := func(name, doc string, f func(*proxy.OutcomeRecord) int64) column {
		return number(name, doc, func(e *entry) (int64, bool) {
			if e.ev.Outcome == nil {
				return 0, false
			}
			return f(e.ev.Outcome), true
		})
	}
	facts := func(name, doc string, f func(*proxy.Facts) int64) column {
		return number(name, doc, func(e *entry) (int64, bool) {
			if e.ev.Decision == nil || e.ev.Decision.Facts == nil {
				return 0, false
			}
			return f(e.ev.Decision.Facts), true
		})
	}
	admin := func(name, doc string, f func(*proxy.AdminRecord) string) column {
		return text(name, doc, func(ev *proxy.Event) string {
			if ev.Admin == nil {
				return ""
			}
			return f(ev.Admin)
		})
	}
	policy := func(name, doc string, f func(*proxy.PolicyRecord) string) column {
		return text(name, doc, func(ev *proxy.Event) string {
			if ev.Policy == nil {
				return ""
			}
			return f(ev.Policy)
		})
	}
	out := []column{
		number("index", "index in the log, from 0", func(e *entry) (int64, bool) { return e.rec.Index, e.rec.Index >= 0 }),
		text("origin", "name of the log", func(ev *proxy.Event) string { return ev.Origin }),
		{name: "time", doc: "time of the event, UTC, milliseconds", time: true, number: func(e *entry) (int64, bool) { return millis(e.ev.Time) }},
		text("kind", "kind of event", func(ev *proxy.Event) string { return ev.Kind }),
		text("id", "id of the event", func(ev *proxy.Event) string { return ev.ID }),
		text("decision_id", "id of the decision that it belongs to: of a decision, its own", decisionOf),
		decision("action", "what was done: allow, mask, reroute, deny", func(d *proxy.DecisionRecord) string { return string(d.Action) }),
		decision("mode", "enforce or observe", func(d *proxy.DecisionRecord) string { return string(d.Mode) }),
		decision("code", "code of a refusal", func(d *proxy.DecisionRecord) string { return d.Code }),
		decision("rules", "rules that gave a reason, as POLICY.RULE", func(d *proxy.DecisionRecord) string { return strings.Join(rules(d), separator) }),
		decision("would", "what policy asked for where that was not done", func(d *proxy.DecisionRecord) string {
			if d.Would == nil {
				return ""
			}
			return string(d.Would.Action)
		}),
		decision("asked", "pool asked for", func(d *proxy.DecisionRecord) string { return d.Asked }),
		decision("pool", "pool that the request went to", func(d *proxy.DecisionRecord) string { return d.Pool }),
		decision("boundary", "external or internal, of that pool", func(d *proxy.DecisionRecord) string { return poolOf(d).Boundary }),
		decision("jurisdiction", "of that pool", func(d *proxy.DecisionRecord) string { return poolOf(d).Jurisdiction }),
		decision("model", "model sent upstream, where configured", func(d *proxy.DecisionRecord) string { return d.Model }),
		request("model_asked", "model asked for, where configured", func(r *proxy.RequestRecord) string { return r.Model }),
		request("application", "application that asked, by configured name", func(r *proxy.RequestRecord) string { return r.Application }),
		decision("team", "team of the application", func(d *proxy.DecisionRecord) string {
			if d.Facts == nil {
				return ""
			}
			return d.Facts.Principal.Team
		}),
		request("dialect", "dialect of the request", func(r *proxy.RequestRecord) string { return r.Dialect }),
		request("operation", "operation of the request", func(r *proxy.RequestRecord) string { return r.Operation }),
		request("trace", "W3C trace id", func(r *proxy.RequestRecord) string { return r.Trace }),
		number("request_bytes", "of the request's body, decoded", func(e *entry) (int64, bool) {
			if e.ev.Request == nil {
				return 0, false
			}
			return int64(e.ev.Request.Bytes), true
		}),
		text("types", "types found at likely and above, without published test values", func(ev *proxy.Event) string { return strings.Join(types(ev), separator) }),
		text("groups", "groups of these", func(ev *proxy.Event) string { return strings.Join(groups(ev), separator) }),
		number("findings", "how many of these", func(e *entry) (int64, bool) { return findings(e.ev), e.ev.Decision != nil }),
		decision("severity", "the greatest of what was found", func(d *proxy.DecisionRecord) string {
			if d.Facts == nil {
				return ""
			}
			return d.Facts.Labels.Severity
		}),
		number("masked", "findings replaced", func(e *entry) (int64, bool) {
			if e.ev.Decision == nil {
				return 0, false
			}
			return int64(e.ev.Decision.Masked), true
		}),
		facts("opaque", "parts that cannot be read as text", func(f *proxy.Facts) int64 { return int64(f.Opaque.Count) }),
		facts("uninspected", "text that could not be inspected", func(f *proxy.Facts) int64 { return int64(f.Uninspected.Count) }),
		text("sent", "of an outcome: whether a byte went upstream: yes, no, unknown", func(ev *proxy.Event) string {
			if ev.Outcome == nil {
				return ""
			}
			return ev.Outcome.Sent
		}),
		text("outcome_reason", "why an outcome is not known, or an answer was not inspected", func(ev *proxy.Event) string {
			if ev.Outcome == nil {
				return ""
			}
			return ev.Outcome.Reason
		}),
		number("status", "HTTP status that the client got", func(e *entry) (int64, bool) { return status(e.ev) }),
		outcome("duration_ms", "of an outcome: from request to the answer's end", func(o *proxy.OutcomeRecord) int64 { return o.DurationMS }),
		outcome("sent_bytes", "of an outcome: on the wire to upstream", func(o *proxy.OutcomeRecord) int64 { return o.SentBytes }),
		outcome("answer_bytes", "of an outcome: of the answer's body, to the client", func(o *proxy.OutcomeRecord) int64 { return o.Bytes }),
		admin("did", "of the other kinds: what was done", func(a *proxy.AdminRecord) string { return a.Action }),
		admin("did_code", "and why", func(a *proxy.AdminRecord) string { return a.Code }),
		admin("did_role", "and in which role", func(a *proxy.AdminRecord) string { return a.Role }),
		admin("did_detail", "and to what, in words of Ostiary", func(a *proxy.AdminRecord) string { return a.Detail }),
		number("did_count", "and to how many events", func(e *entry) (int64, bool) {
			if e.ev.Admin == nil {
				return 0, false
			}
			return e.ev.Admin.Count, true
		}),
		policy("policies", "revision of the policies", func(p *proxy.PolicyRecord) string { return p.Policies }),
		policy("suite", "revision of the detectors", func(p *proxy.PolicyRecord) string { return p.Suite }),
		policy("config", "revision of the configuration", func(p *proxy.PolicyRecord) string { return p.Config }),
		{name: "leaf", doc: "RFC 6962 leaf hash of the record, hex: the row can be looked up and proven", text: func(e *entry) string { return leaf(e.rec.JSON) }},
	}
	if !personal {
		return out
	}
	own := func(name, doc string, f func(*proxy.PersonalRecord) string) column {
		return column{name: name, doc: doc, text: func(e *entry) string { return f(&e.own) }}
	}
	return append(out,
		own("subject", "PERSONAL: who asked or acted", func(p *proxy.PersonalRecord) string { return p.Subject }),
		own("address", "PERSONAL: from which address", func(p *proxy.PersonalRecord) string { return p.Address }),
		column{name: "uid", doc: "PERSONAL: user id of a local caller", number: func(e *entry) (int64, bool) { return int64(e.own.UID), e.own.UID != 0 }},
		own("user_agent", "PERSONAL: what the client calls itself", func(p *proxy.PersonalRecord) string { return p.UserAgent }),
		own("justification", "PERSONAL: as the caller wrote it", func(p *proxy.PersonalRecord) string { return p.Justification }),
		own("approver", "PERSONAL: second person", func(p *proxy.PersonalRecord) string { return p.Approver }),
		own("ticket", "PERSONAL: ticket of an act", func(p *proxy.PersonalRecord) string { return p.Ticket }),
		own("query", "PERSONAL: query of an access", func(p *proxy.PersonalRecord) string { return p.Query }),
		own("conversation", "PERSONAL: fingerprint of a conversation's beginning", func(p *proxy.PersonalRecord) string { return p.Conversation }),
		own("fingerprints", "PERSONAL: keyed fingerprints of values found", func(p *proxy.PersonalRecord) string { return strings.Join(p.Fingerprints, separator) }),
	)
}

// timeForm is the form of an event's time.
const timeForm = "2006-01-02T15:04:05.000Z"

// millis gives an event's time in milliseconds since 1970.
func millis(at string) (int64, bool) {
	t, err := time.Parse(timeForm, at)
	if err != nil {
		return 0, false
	}
	return t.UnixMilli(), true
}

func decisionOf(ev *proxy.Event) string {
	if ev.Decision != nil {
		return ev.ID
	}
	return ev.DecisionID
}

func rules(d *proxy.DecisionRecord) []string {
	var out []string
	for i := range d.Reasons {
		out = append(out, d.Reasons[i].Policy+"."+d.Reasons[i].Rule)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// poolOf gives what the facts say of the pool that a request went to.
func poolOf(d *proxy.DecisionRecord) proxy.PoolFacts {
	if d.Facts != nil {
		for _, p := range d.Facts.Pools {
			if p.Name == d.Pool {
				return p
			}
		}
	}
	return proxy.PoolFacts{}
}

// counts reports whether a finding counts: at likely and above, and not only published
// test values.
func counts(f *proxy.FindingRecord) bool {
	l, ok := proxy.ParseLikelihood(f.Likelihood)
	return f.Count > f.Synthetic && (!ok || l >= proxy.Likely)
}

func types(ev *proxy.Event) []string {
	var out []string
	for i := range ev.Findings {
		if counts(&ev.Findings[i]) {
			out = append(out, ev.Findings[i].Type)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func groups(ev *proxy.Event) []string {
	var out []string
	for i := range ev.Findings {
		if counts(&ev.Findings[i]) {
			out = append(out, ev.Findings[i].Groups...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func findings(ev *proxy.Event) int64 {
	var n int64
	for i := range ev.Findings {
		if f := &ev.Findings[i]; counts(f) {
			n += int64(f.Count - f.Synthetic)
		}
	}
	return n
}

func status(ev *proxy.Event) (int64, bool) {
	switch {
	case ev.Outcome != nil && ev.Outcome.Status != 0:
		return int64(ev.Outcome.Status), true
	case ev.Decision != nil && ev.Decision.Status != 0:
		return int64(ev.Decision.Status), true
	}
	return 0, false
}

// leaf gives a record's leaf hash (RFC 6962, section 2.1) in hex.
func leaf(core []byte) string {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(core)
	return hex.EncodeToString(h.Sum(nil))
}
