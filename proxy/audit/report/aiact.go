package report

import (
	"cmp"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// sixMonths is the least time for which logs are kept (AI Act Art. 19(1), 26(6)), in
// days, at its longest.
const sixMonths = 184

// stretch is where something was seen first and last.
type stretch struct {
	first, last int64
	from, to    string
	count       int64
}

func (s *stretch) add(rec audit.Record, ev *proxy.Event) {
	if s.count == 0 {
		s.first, s.from = rec.Index, ev.Time
	}
	s.count++
	s.last, s.to = rec.Index, ev.Time
}

type revision struct{ what, name string }

// act is what was done, and how often.
type act struct{ kind, action, code, role string }

func compareActs(a, b act) int {
	return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.action, b.action), strings.Compare(a.code, b.code), strings.Compare(a.role, b.role))
}

func actOf(ev *proxy.Event) act {
	if ev.Admin == nil {
		return act{kind: ev.Kind}
	}
	return act{ev.Kind, ev.Admin.Action, ev.Admin.Code, ev.Admin.Role}
}

// silence is a time without events.
type silence struct{ from, to string }

// AIAct gathers evidence of logging and of oversight (Regulation (EU) 2024/1689,
// Art. 12, 14, 19 and 26): the period, whether the record is whole, which revisions
// decided, what people did.
func AIAct(records iter.Seq2[audit.Record, error], s Scope) (*Report, error) {
	var (
		actions, modes tallies[string, int64]
		revisions      tallies[revision, stretch]
		acts           tallies[act, stretch]
		outcomes       = map[string]int64{}
		following      joined[struct{}]
		running        running
		released       int64
	)
	c, err := s.read(records, func(rec audit.Record, ev *proxy.Event) {
		running.add(ev)
		if p := ev.Policy; p != nil && ev.Decision != nil {
			for _, r := range []revision{{"binary", p.Binary}, {"configuration", p.Config}, {"detectors", p.Suite}, {"policies", p.Policies}} {
				if r.name != "" {
					revisions.at(r).add(rec, ev)
				}
			}
		}
		switch {
		case ev.Decision != nil:
			*actions.at(string(ev.Decision.Action))++
			*modes.at(string(ev.Decision.Mode))++
			if _, ok := went(ev.Decision); ok {
				released++
				following.begin(ev.ID, struct{}{})
			}
		case ev.Outcome != nil:
			if _, ok := following.end(ev.DecisionID); ok {
				outcomes[sentWord(ev.Outcome.Sent)]++
			}
		default:
			acts.at(actOf(ev)).add(rec, ev)
		}
	})
	if err != nil {
		return nil, err
	}
	days := running.days()
	kept := fmt.Sprintf("Between the first and the last event of this report lie %d days; Art. 19(1) and 26(6) ask for at least six months.", days)
	if days < sixMonths {
		kept += " This report alone does not show that."
	}
	in := func(kind string) int64 {
		var n int64
		for k, v := range acts.sorted(compareActs, act{kind: beyond}) {
			if k.kind == kind {
				n += v.count
			}
		}
		return n
	}
	whole := &Table{Columns: []string{"figure", "value"}, Rows: [][]Cell{
		{Text("decisions"), N(total(&actions))},
		{Text("decisions by action"), Text(counts(&actions))},
		{Text("decisions by mode"), Text(counts(&modes))},
		{Text("requests released"), N(released)},
		{Text("outcome: sent"), N(outcomes["yes"])},
		{Text("outcome: not sent"), N(outcomes["no"])},
		{Text("outcome: recorded as unknown"), N(outcomes[proxy.Unknown])},
		{Text("outcome: none in the time range"), N(int64(len(following.open)))},
		{Text("gaps (sent or lost without a decision)"), N(in(proxy.EventGap))},
		{Text("starts"), N(running.starts)},
		{Text("orderly stops"), N(running.stops)},
		{Text("starts without an orderly stop before"), N(running.broken)},
		{Text("acknowledgements of checkpoints by witnesses"), N(in(proxy.EventCheckpoint))},
		{Text("longest time without an event (UTC)"), Text(running.longest.String())},
	}}
	decided := &Table{Columns: []string{"what", "revision", "from (UTC)", "to (UTC)", "first index", "last index", "decisions"}}
	for k, v := range revisions.sorted(func(a, b revision) int {
		return cmp.Or(strings.Compare(a.what, b.what), strings.Compare(a.name, b.name))
	}, revision{beyond, beyond}) {
		decided.Rows = append(decided.Rows, []Cell{Text(k.what), Text(k.name), Text(v.from), Text(v.to), N(v.first), N(v.last), N(v.count)})
	}
	changes, oversight, rest := actTable(), actTable(), actTable()
	for k, v := range acts.sorted(compareActs, act{kind: beyond}) {
		t := rest
		switch k.kind {
		case proxy.EventPolicy, proxy.EventConfig:
			t = changes
		case proxy.EventGrant, proxy.EventAccess, proxy.EventErasure, proxy.EventRetention:
			t = oversight
		}
		t.Rows = append(t.Rows, []Cell{Text(k.kind), Text(k.action), Text(k.code), Text(k.role), N(v.count), Text(v.from), Text(v.to)})
	}
	return &Report{
		Kind: "aiact", Title: "Evidence of logging and oversight (AI Act Art. 12, 14, 19, 26)",
		Summary: []string{
			fmt.Sprintf("%s decisions were recorded; gaps %s, starts without an orderly stop before %s, released requests whose outcome is not known %s.",
				digits(total(&actions)), digits(in(proxy.EventGap)), digits(running.broken), digits(int64(len(following.open))+outcomes[proxy.Unknown])),
		},
		Sections: []Section{
			{Title: "Period and completeness (Art. 12(1), 19(1), 26(6))", Text: []string{kept, "A request is released only once its decision is durable. Indices have no holes: a record that is missing ends the reading with an error."}, Table: whole},
			{Title: "Revisions that decided (Art. 12(2))", Text: []string{}, Table: decided},
			{Title: "Changes of policies and configuration", Text: []string{}, Table: changes},
			{Title: "Human oversight (Art. 14, 26(2))", Text: []string{"Grants that lifted a rule, and what people read, took out, erased, held or removed."}, Table: oversight},
			{Title: "Other events", Text: []string{}, Table: rest},
		},
		Sources: s.sources(c),
		Limits: limits("Whether a system that asked is one of high risk, and what else Art. 12 asks of it, is not known to the log.",
			"Logged are requests that went through this proxy. The log shows that nothing else was let through by it, not that nothing went another way.",
			"Outcomes that came after the time range count as none."),
	}, nil
}

func actTable() *Table {
	return &Table{Columns: []string{"kind", "action", "reason", "role", "events", "first (UTC)", "last (UTC)"}}
}

func sentWord(s string) string {
	if s == "yes" || s == "no" {
		return s
	}
	return proxy.Unknown
}

// running follows starts, stops and silences.
type running struct {
	starts, stops, broken int64
	up                    bool
	last                  string // greatest time so far
	first                 string // least
	longest               silence
	length                time.Duration
}

func (r *running) add(ev *proxy.Event) {
	if a := ev.Admin; a != nil && ev.Kind == proxy.EventAdmin {
		switch a.Action {
		case "start":
			r.starts++
			if r.up {
				r.broken++
			}
			r.up = true
		case "stop":
			r.stops++
			r.up = false
		}
	}
	if !timed(ev.Time) {
		return
	}
	if r.first == "" || ev.Time < r.first {
		r.first = ev.Time
	}
	if r.last != "" && ev.Time > r.last {
		if d := apart(r.last, ev.Time); d > r.length {
			r.length, r.longest = d, silence{r.last, ev.Time}
		}
	}
	r.last = max(r.last, ev.Time)
}

// String says from when to when.
func (s silence) String() string {
	if s.from == "" {
		return "none"
	}
	return s.from + " to " + s.to
}

// days gives the whole days between the first and the last event.
func (r *running) days() int { return int(apart(r.first, r.last).Hours() / 24) }

// apart gives the time between two events' times, 0 where one cannot be read.
func apart(from, to string) time.Duration {
	a, err := time.Parse(timeForm, from)
	if err != nil {
		return 0
	}
	b, err := time.Parse(timeForm, to)
	if err != nil {
		return 0
	}
	return b.Sub(a)
}
