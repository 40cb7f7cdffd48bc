package audit

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Query says which events are looked for. The zero Query matches all.
type Query struct {
	// Since and Until bound the event's time: from Since on, before Until. The
	// zero time is no bound.
	Since, Until time.Time
	terms        []term
}

// term is one condition.
type term struct {
	field  *field
	value  string
	prefix bool // the value ended with *
	not    bool
	needle []byte // what the JSON of a matching event holds; nil where not known
}

// Bounds of a query's text.
const (
	queryLimit = 4096
	termLimit  = 64
)

// field is what can be asked of an event.
type field struct {
	name, doc string
	values    func(*proxy.Event) []string
	// derived: the values do not stand in the JSON as they are asked for.
	derived bool
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// fields lists what can be asked for, in the order of their names.
func fields() []field {
	decision := func(get func(*proxy.DecisionRecord) []string) func(*proxy.Event) []string {
		return func(e *proxy.Event) []string {
			if e.Decision == nil {
				return nil
			}
			return get(e.Decision)
		}
	}
	request := func(get func(*proxy.RequestRecord) string) func(*proxy.Event) []string {
		return func(e *proxy.Event) []string {
			if e.Request == nil {
				return nil
			}
			return one(get(e.Request))
		}
	}
	outcome := func(get func(*proxy.OutcomeRecord) string) func(*proxy.Event) []string {
		return func(e *proxy.Event) []string {
			if e.Outcome == nil {
				return nil
			}
			return one(get(e.Outcome))
		}
	}
	reasons := func(get func(*proxy.Reason) string) func(*proxy.Event) []string {
		return decision(func(d *proxy.DecisionRecord) []string {
			var out []string
			for i := range d.Reasons {
				out = append(out, one(get(&d.Reasons[i]))...)
			}
			return out
		})
	}
	findings := func(get func(*proxy.FindingRecord) []string) func(*proxy.Event) []string {
		return func(e *proxy.Event) []string {
			var out []string
			for i := range e.Findings {
				out = append(out, get(&e.Findings[i])...)
			}
			return out
		}
	}
	return []field{
		{"action", "what was done: allow, mask, reroute, deny; of an admin event, what it did", func(e *proxy.Event) []string {
			switch {
			case e.Decision != nil:
				return one(string(e.Decision.Action))
			case e.Admin != nil:
				return one(e.Admin.Action)
			}
			return nil
		}, false},
		{"app", "application that asked", request(func(r *proxy.RequestRecord) string { return r.Application }), false},
		{"asked", "pool asked for", decision(func(d *proxy.DecisionRecord) []string { return one(d.Asked) }), false},
		{"code", "code of a refusal", decision(func(d *proxy.DecisionRecord) []string { return one(d.Code) }), false},
		{"decision", "id of the decision that an outcome belongs to", func(e *proxy.Event) []string { return one(e.DecisionID) }, false},
		{"dialect", "dialect of the request", request(func(r *proxy.RequestRecord) string { return r.Dialect }), false},
		{"group", "group of a finding", findings(func(f *proxy.FindingRecord) []string { return f.Groups }), false},
		{"id", "id of the event", func(e *proxy.Event) []string { return one(e.ID) }, false},
		{"kind", "kind of event: decision, outcome, admin, gap", func(e *proxy.Event) []string { return one(e.Kind) }, false},
		{"likelihood", "likelihood of a finding", findings(func(f *proxy.FindingRecord) []string { return one(f.Likelihood) }), false},
		{"mode", "enforce or observe", decision(func(d *proxy.DecisionRecord) []string { return one(string(d.Mode)) }), false},
		{"model", "model asked for or sent on", func(e *proxy.Event) []string {
			var out []string
			if e.Request != nil {
				out = one(e.Request.Model)
			}
			if e.Decision != nil {
				out = append(out, one(e.Decision.Model)...)
			}
			return out
		}, false},
		{"operation", "operation of the request", request(func(r *proxy.RequestRecord) string { return r.Operation }), false},
		{"policy", "policy of a reason", reasons(func(r *proxy.Reason) string { return r.Policy }), false},
		{"pool", "pool that a request went to", decision(func(d *proxy.DecisionRecord) []string { return one(d.Pool) }), false},
		{"reason", "why an outcome is not known or an answer was not inspected", outcome(func(o *proxy.OutcomeRecord) string { return o.Reason }), false},
		{"role", "role in which a finding stood", findings(func(f *proxy.FindingRecord) []string { return f.Roles }), false},
		{"rule", "rule of a reason", reasons(func(r *proxy.Reason) string { return r.Rule }), false},
		{"sent", "whether a byte went upstream: yes, no, unknown", outcome(func(o *proxy.OutcomeRecord) string { return o.Sent }), false},
		{"status", "HTTP status that the client got", func(e *proxy.Event) []string {
			switch {
			case e.Outcome != nil:
				return one(strconv.Itoa(e.Outcome.Status))
			case e.Decision != nil && e.Decision.Status != 0:
				return one(strconv.Itoa(e.Decision.Status))
			}
			return nil
		}, true},
		{"team", "team of the application", decision(func(d *proxy.DecisionRecord) []string {
			if d.Facts == nil {
				return nil
			}
			return one(d.Facts.Principal.Team)
		}), false},
		{"trace", "W3C trace id", request(func(r *proxy.RequestRecord) string { return r.Trace }), false},
		{"type", "type of a finding", findings(func(f *proxy.FindingRecord) []string { return one(f.Type) }), false},
		{"would", "in observe mode: what would have been done", decision(func(d *proxy.DecisionRecord) []string {
			if d.Would == nil {
				return nil
			}
			return one(string(d.Would.Action))
		}), false},
	}
}

// Fields describes what a query can ask for, one "name: meaning" each, sorted.
func Fields() []string {
	var out []string
	for _, f := range fields() {
		out = append(out, f.name+": "+f.doc)
	}
	return out
}

// ParseQuery reads terms FIELD:VALUE, separated by spaces. An event matches if
// all of them do. -FIELD:VALUE means that it does not have the value; VALUE* is a
// prefix; FIELD:* asks for any value; a VALUE with spaces stands in quotation
// marks.
func ParseQuery(s string) (*Query, error) {
	if len(s) > queryLimit {
		return nil, fmt.Errorf("query is longer than %d bytes", queryLimit)
	}
	q := &Query{}
	table := fields()
	for rest := strings.TrimLeft(s, " \t\n"); rest != ""; rest = strings.TrimLeft(rest, " \t\n") {
		if len(q.terms) == termLimit {
			return nil, fmt.Errorf("query has more than %d terms", termLimit)
		}
		var t term
		rest, t.not = strings.CutPrefix(rest, "-")
		name, after, ok := strings.Cut(rest, ":")
		if !ok || strings.ContainsAny(name, " \t\n\"") {
			word, _, _ := strings.Cut(rest, " ")
			return nil, fmt.Errorf("%q is not a term: write FIELD:VALUE, as in action:deny; fields are %s", word, fieldNames(table))
		}
		i := slices.IndexFunc(table, func(f field) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown field %q; fields are %s", name, fieldNames(table))
		}
		t.field = &table[i]
		if after, ok := strings.CutPrefix(after, `"`); ok {
			value, end, closed := strings.Cut(after, `"`)
			if !closed {
				return nil, fmt.Errorf("the value of %s has no closing quotation mark", name)
			}
			t.value, rest = value, end
			rest, t.prefix = strings.CutPrefix(rest, "*")
		} else {
			end := strings.IndexAny(after, " \t\n")
			if end < 0 {
				end = len(after)
			}
			t.value, rest = after[:end], after[end:]
			t.value, t.prefix = strings.CutSuffix(t.value, "*")
		}
		if t.value == "" && !t.prefix {
			return nil, fmt.Errorf("%s: has no value; %s:* asks for any", name, name)
		}
		if !t.not && !t.field.derived && t.value != "" {
			t.needle = append([]byte{}, appendString(nil, t.value)...)
			if t.prefix {
				t.needle = t.needle[:len(t.needle)-1]
			}
		}
		q.terms = append(q.terms, t)
	}
	return q, nil
}

func fieldNames(table []field) string {
	var names []string
	for _, f := range table {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// Match says whether a record is looked for. It fails where the record cannot be
// read as an event.
func (q *Query) Match(e Record) (bool, error) {
	// The JSON is canonical, so a value stands in it in one way only: most events
	// need not be decoded.
	for i := range q.terms {
		if n := q.terms[i].needle; n != nil && !bytes.Contains(e.JSON, n) {
			return false, nil
		}
	}
	if len(q.terms) == 0 && q.Since.IsZero() && q.Until.IsZero() {
		return true, nil
	}
	ev, err := e.Event()
	if err != nil {
		return false, err
	}
	if !q.Since.IsZero() || !q.Until.IsZero() {
		t, err := time.Parse(time.RFC3339, ev.Time)
		if err != nil {
			return false, fmt.Errorf("record %d has no time", e.Index)
		}
		if !q.Since.IsZero() && t.Before(q.Since) || !q.Until.IsZero() && !t.Before(q.Until) {
			return false, nil
		}
	}
	for i := range q.terms {
		if q.terms[i].match(ev) == q.terms[i].not {
			return false, nil
		}
	}
	return true, nil
}

func (t *term) match(ev *proxy.Event) bool {
	return slices.ContainsFunc(t.field.values(ev), func(v string) bool {
		return v == t.value || t.prefix && strings.HasPrefix(v, t.value)
	})
}

// mentions says whether the record's JSON holds the string s somewhere.
func mentions(e Record, s string) bool { return bytes.Contains(e.JSON, appendString(nil, s)) }

// ParseTime reads a point in time as people write it: a span before now (90s, 15m,
// 2h, 7d, 2w), a day (2026-11-23, in UTC) or RFC 3339.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	if n := len(s) - 1; n > 0 && (s[n] == 'd' || s[n] == 'w') {
		days, err := strconv.Atoi(s[:n])
		if s[n] == 'w' {
			days *= 7
		}
		const daysLimit = 100_000
		if err == nil && days >= 0 && days <= daysLimit {
			return now.AddDate(0, 0, -days), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time: write 2h, 7d, 2026-11-23 or 2026-11-23T14:00:00Z", s)
}
