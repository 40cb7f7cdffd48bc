package ship

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Row is an event as the flat columns of a table: what people filter and group
// by. The core beside it is the record; a row may be made anew of it. No column
// holds content or names a person.
type Row struct {
	Index    int64
	Time     time.Time // zero where it cannot be read
	Kind     string
	ID       string
	Decision string // id of the decision that it belongs to: its own, or that of an outcome

	Action string // of a decision: what was done; of an admin record: what was done to what
	Code   string
	Mode   string
	Asked  string // pool asked for
	Pool   string // where it went

	Application string
	Team        string
	Model       string
	Dialect     string
	Operation   string

	Types  []string // of findings; sorted, each once
	Groups []string
	Rules  []string // as POLICY.RULE

	Status int64  // to the client, 0 where not known
	Sent   string // of an outcome: yes, no, unknown
}

// Describe reads an event's columns. It gives false where the core is no event
// that it can read; the row then has its index alone.
func Describe(r Record) (Row, bool) {
	row := Row{Index: r.Index}
	var ev proxy.Event
	if json.Unmarshal(r.Core, &ev) != nil {
		return row, false
	}
	row.Kind, row.ID, row.Decision = ev.Kind, ev.ID, ev.DecisionID
	row.Time, _ = time.Parse(time.RFC3339Nano, ev.Time)
	if ev.Kind == proxy.EventDecision {
		row.Decision = ev.ID
	}
	if d := ev.Decision; d != nil {
		row.Action, row.Code, row.Mode, row.Asked, row.Pool, row.Status = string(d.Action), d.Code, string(d.Mode), d.Asked, d.Pool, int64(d.Status)
		for _, reason := range d.Reasons {
			row.Rules = append(row.Rules, reason.Policy+"."+reason.Rule)
		}
		if d.Facts != nil {
			row.Team = d.Facts.Principal.Team
		}
	}
	if a := ev.Admin; a != nil {
		row.Action, row.Code = a.Action, a.Code
	}
	if q := ev.Request; q != nil {
		row.Application, row.Model, row.Dialect, row.Operation = q.Application, q.Model, q.Dialect, q.Operation
	}
	if o := ev.Outcome; o != nil {
		row.Status, row.Sent = int64(o.Status), o.Sent
	}
	for _, f := range ev.Findings {
		row.Types = append(row.Types, f.Type)
		row.Groups = append(row.Groups, f.Groups...)
	}
	row.Types, row.Groups, row.Rules = once(row.Types), once(row.Groups), once(row.Rules)
	return row, true
}

// once sorts and removes what is there twice. It gives an empty slice for none.
func once(s []string) []string {
	if s == nil {
		return []string{}
	}
	slices.Sort(s)
	return slices.Compact(s)
}

// personal says whether a core holds more of the personal part than the
// commitment to it. A core that cannot be read is taken to hold some.
func personal(core []byte) bool {
	var ev struct {
		Personal map[string]json.RawMessage `json:"personal"`
	}
	if json.Unmarshal(core, &ev) != nil {
		return true
	}
	for name := range ev.Personal {
		if name != "commitment" {
			return true
		}
	}
	return false
}

// timeOf gives the time of an event, zero where it cannot be read.
func timeOf(core []byte) time.Time {
	var ev struct {
		Time string `json:"time"`
	}
	if json.Unmarshal(core, &ev) != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, ev.Time)
	if err != nil {
		return time.Time{}
	}
	return t
}
