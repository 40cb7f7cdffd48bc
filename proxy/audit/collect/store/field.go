package store

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// class says how a field's values are kept.
type class uint8

const (
	classText   class = iota // any number of texts
	classNumber              // a number or none
	classKey                 // an id or none
	classTime
)

// side says which half of an exchange has a field, as in package index.
type side uint8

const (
	sideNone side = iota
	sideDecision
	sideOutcome
	sideEither
)

// field is what can be asked of an event. The names are those of package index; a test
// says which of its fields is missing here. A column that the index has no field for is
// kept and not asked for.
type field struct {
	name  string
	class class
	side  side
}

// fields lists them by name.
func fields() []field {
	return []field{
		{"action", classText, sideDecision},
		{"app", classText, sideDecision},
		{"asked", classText, sideDecision},
		{"boundary", classText, sideDecision},
		{"bytes", classNumber, sideDecision},
		{"code", classText, sideDecision},
		{"decision", classKey, sideNone},
		{"dialect", classText, sideDecision},
		{"did", classText, sideNone},
		{"domain", classText, sideNone},
		{"duration_ms", classNumber, sideOutcome},
		{"found", classNumber, sideDecision},
		{"group", classText, sideDecision},
		{"id", classKey, sideNone},
		{"inspected", classText, sideOutcome},
		{"jurisdiction", classText, sideDecision},
		{"kind", classText, sideNone},
		{"likelihood", classText, sideDecision},
		{"masked", classNumber, sideDecision},
		{"mode", classText, sideDecision},
		{"model", classText, sideDecision},
		{"opaque", classNumber, sideDecision},
		{"operation", classText, sideDecision},
		{"policy", classText, sideDecision},
		{"pool", classText, sideDecision},
		{"provider", classText, sideNone},
		{"reason", classText, sideOutcome},
		{"revision", classText, sideDecision},
		{"role", classText, sideDecision},
		{"rule", classText, sideDecision},
		{"sent", classText, sideOutcome},
		{"severity", classText, sideDecision},
		{"shadow", classText, sideDecision},
		{"status", classText, sideEither},
		{"suspect", classText, sideNone},
		{"team", classText, sideDecision},
		{"time", classTime, sideNone},
		{"tokens", classNumber, sideDecision},
		{"trace", classKey, sideDecision},
		{"ttfb_ms", classNumber, sideOutcome},
		{"type", classText, sideDecision},
		{"uninspected", classNumber, sideDecision},
		{"way", classText, sideNone},
		{"why", classText, sideNone},
		{"would", classText, sideDecision},
	}
}

// column gives the column that a field is kept in.
func (f *field) column() string {
	switch {
	case f.class == classText:
		return "f_" + f.name
	case f.class == classNumber:
		return "n_" + f.name
	case f.name == "decision":
		return "refers"
	case f.class == classTime:
		return "ms"
	}
	return f.name // id, which the table has, and trace
}

// of gives the fields of a class.
func of(c class) []field {
	return slices.DeleteFunc(fields(), func(f field) bool { return f.class != c })
}

func lookupField(name string) (field, bool) {
	list := fields()
	i := slices.IndexFunc(list, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return list[i], true
}

// Shapes of records.
const (
	shapeNone     = -1 // no event
	shapeDecision = 0
	shapeOutcome  = 1
	shapeOther    = 2
)

// values is what the table keeps of a record for those who ask.
type values struct {
	shape         int
	ms            int64 // Unix time, 0 where the event tells none
	refers, trace string
	text          map[string][]string // by field; sorted, each once, none empty
	number        map[string]int64
}

// read reads a record's values. Those of one that is no event are none.
func read(core []byte) *values {
	v := &values{shape: shapeNone, text: map[string][]string{}, number: map[string]int64{}}
	var e proxy.Event
	if json.Unmarshal(core, &e) != nil {
		return v
	}
	v.shape, v.refers = shapeOther, e.DecisionID
	v.connection(core)
	if t, err := time.Parse(time.RFC3339, e.Time); err == nil {
		v.ms = max(t.UnixMilli(), 0)
	}
	v.add("kind", e.Kind)
	if e.Admin != nil {
		v.add("did", e.Admin.Action)
		v.add("code", e.Admin.Code)
	}
	if e.Policy != nil {
		v.add("revision", e.Policy.Policies)
	}
	if n := len(e.Opaque); n > 0 || e.Decision != nil {
		v.number["opaque"] = int64(n)
	}
	v.findings(&e)
	v.request(e.Request)
	// An event that had both would tell the outcome's status.
	if e.Outcome != nil {
		v.outcome(e.Outcome)
	}
	if e.Decision != nil {
		v.decision(e.Decision, e.Outcome == nil)
	}
	for name, list := range v.text {
		slices.Sort(list)
		v.text[name] = slices.Compact(list)
	}
	return v
}

// add adds values of a text field. An empty one is none.
func (v *values) add(name string, list ...string) {
	for _, s := range list {
		// Zeros are what PostgreSQL's text cannot hold.
		if s = strings.ReplaceAll(s, "\x00", ""); s != "" {
			v.text[name] = append(v.text[name], s)
		}
	}
}

// connection reads what became of connections that no decision covers.
func (v *values) connection(core []byte) {
	var e struct {
		Connection *struct {
			Domain   string `json:"domain"`
			Kind     string `json:"kind"`
			Passage  string `json:"passage"`
			Provider string `json:"provider"`
			Way      string `json:"way"`
			Why      string `json:"why"`
		} `json:"connection"`
	}
	// Most events have none, and looking for its name is quicker than reading twice.
	if !bytes.Contains(core, []byte(`"connection":{`)) || json.Unmarshal(core, &e) != nil || e.Connection == nil {
		return
	}
	v.add("domain", e.Connection.Domain)
	v.add("suspect", e.Connection.Kind)
	v.add("did", e.Connection.Passage)
	v.add("provider", e.Connection.Provider)
	v.add("way", e.Connection.Way)
	v.add("why", e.Connection.Why)
}

func (v *values) findings(e *proxy.Event) {
	if len(e.Findings) == 0 && e.Decision == nil {
		return
	}
	var found int64
	for _, f := range e.Findings {
		found += int64(f.Count)
		v.add("group", f.Groups...)
		v.add("role", f.Roles...)
		v.add("likelihood", f.Likelihood)
		v.add("type", f.Type)
	}
	v.number["found"] = found
}

func (v *values) request(r *proxy.RequestRecord) {
	if r == nil {
		return
	}
	v.number["bytes"] = int64(r.Bytes)
	v.trace = r.Trace
	v.add("app", r.Application)
	v.add("dialect", r.Dialect)
	v.add("model", r.Model)
	v.add("operation", r.Operation)
}

func (v *values) outcome(o *proxy.OutcomeRecord) {
	v.shape = shapeOutcome
	v.number["duration_ms"], v.number["ttfb_ms"] = o.DurationMS, o.TTFBMS
	v.add("inspected", map[bool]string{true: "yes", false: "no"}[o.Inspected])
	v.add("reason", o.Reason)
	v.add("sent", o.Sent)
	v.add("status", strconv.Itoa(o.Status)) // also 0, where it is not known
}

func (v *values) decision(d *proxy.DecisionRecord, status bool) {
	v.shape = shapeDecision
	v.number["masked"] = int64(d.Masked)
	v.add("action", string(d.Action))
	v.add("asked", d.Asked)
	v.add("code", d.Code)
	v.add("mode", string(d.Mode))
	v.add("model", d.Model)
	v.add("pool", d.Pool)
	for _, r := range d.Reasons {
		v.add("policy", r.Policy)
		v.add("rule", r.Rule)
	}
	if d.Shadow != nil {
		v.add("shadow", string(d.Shadow.Action))
	}
	if d.Would != nil {
		v.add("would", string(d.Would.Action))
	}
	if status && d.Status != 0 {
		v.add("status", strconv.Itoa(d.Status))
	}
	f := d.Facts
	if f == nil {
		return
	}
	v.number["tokens"], v.number["uninspected"] = int64(f.Request.Tokens), int64(f.Uninspected.Count)
	v.add("severity", f.Labels.Severity)
	v.add("team", f.Principal.Team)
	if d.Pool == "" {
		return
	}
	// Where the pool is that the request went to: the list of pools says it first.
	place := proxy.PoolFacts{}
	if f.Destination.Pool == d.Pool {
		place.Boundary, place.Jurisdiction = f.Destination.Boundary, f.Destination.Jurisdiction
	}
	if i := slices.IndexFunc(f.Pools, func(p proxy.PoolFacts) bool { return p.Name == d.Pool }); i >= 0 {
		place = f.Pools[i]
	}
	v.add("boundary", string(place.Boundary))
	v.add("jurisdiction", place.Jurisdiction)
}
