package report

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// reviewed are the kinds of events that an access review is about.
func reviewed() []string {
	return []string{proxy.EventAccess, proxy.EventErasure, proxy.EventGrant, proxy.EventRetention}
}

// AccessReview tells who looked at what in the log, took out, erased or removed what,
// and whose grants lifted rules (HIPAA 164.308(a)(1)(ii)(D), 164.312(b)): by action and
// role, and the events one by one, at most 10,000. Names stand in it only with
// [Scope.Personal], and only as far as they were not erased.
func AccessReview(records iter.Seq2[audit.Record, error], s Scope) (*Report, error) {
	var acts tallies[act, stretch]
	var touched tallies[act, int64]
	var people tallies[string, int64]
	list := &Table{Columns: []string{"index", "time (UTC)", "kind", "action", "reason", "role", "events looked at", "from index", "before index"}}
	if s.Personal {
		list.Columns = append(list.Columns, "who", "approved by", "ticket", "query")
	}
	unlisted := int64(0)
	c, err := s.read(records, func(rec audit.Record, ev *proxy.Event) {
		if !slices.Contains(reviewed(), ev.Kind) {
			return
		}
		k := actOf(ev)
		acts.at(k).add(rec, ev)
		a := ev.Admin
		if a == nil {
			a = &proxy.AdminRecord{}
		}
		*touched.at(k) += a.Count
		who := personalOf(rec, ev)
		if s.Personal {
			*people.at(who.name()) += 1
		}
		if len(list.Rows) == maxRows {
			unlisted++
			return
		}
		row := []Cell{N(rec.Index), Text(ev.Time), Text(ev.Kind), Text(a.Action), Text(a.Code), Text(a.Role), N(a.Count), N(a.From), N(a.To)}
		if s.Personal {
			row = append(row, Text(who.name()), Text(who.Approver), Text(who.Ticket), Text(who.Query))
		}
		list.Rows = append(list.Rows, row)
	})
	if err != nil {
		return nil, err
	}
	summary := &Table{Columns: []string{"kind", "action", "reason", "role", "times", "events looked at", "first (UTC)", "last (UTC)"}}
	var times int64
	for k, v := range acts.sorted(compareActs, act{kind: beyond}) {
		n := touched.at(k)
		if k.kind == beyond {
			n = touched.rest
		}
		summary.Rows = append(summary.Rows, []Cell{Text(k.kind), Text(k.action), Text(k.code), Text(k.role), N(v.count), N(*n), Text(v.from), Text(v.to)})
		times += v.count
	}
	sections := []Section{{Title: "By action", Text: []string{}, Table: summary}}
	if s.Personal {
		t := &Table{Columns: []string{"who", "times"}}
		for k, n := range people.sorted(strings.Compare, beyond) {
			t.Rows = append(t.Rows, []Cell{Text(k), N(*n)})
		}
		sections = append(sections, Section{Title: "By person", Text: []string{}, Table: t})
	}
	one := Section{Title: "One by one", Text: []string{}, Table: list}
	if unlisted > 0 {
		one.Text = append(one.Text, fmt.Sprintf("The first %s are listed; %s more are counted above. Choose a shorter time for those.", digits(maxRows), digits(unlisted)))
	}
	names := "Names are left out: the report was made without personal parts."
	if s.Personal {
		names = "Names are as the identity provider gave them; where they were erased, it says so."
	}
	return &Report{
		Kind: "access", Title: "Access review (HIPAA 164.308(a)(1)(ii)(D), 164.312(b))",
		Summary:  []string{fmt.Sprintf("Events of the log were read, taken out, erased, held or removed, or a grant was used, %s times.", digits(times))},
		Sections: append(sections, one),
		Sources:  s.sources(c),
		Limits: limits(names,
			"It shows access through the proxy's commands and its API. Whoever reads the log's files past them leaves no event.",
			"164.316(b) asks to keep it for six years; this report does not show for how long the log is kept."),
	}, nil
}

type person struct{ proxy.PersonalRecord }

// name says who it was.
func (p person) name() string {
	switch {
	case p.Subject != "":
		return p.Subject
	case p.UID != 0:
		return fmt.Sprintf("uid %d", p.UID)
	case p.Commitment != "":
		return "(not given or erased)"
	}
	return "(nobody named)"
}

// personalOf reads what a record carries of its personal part. What cannot be read is
// as good as not given: the reader of the log has checked the commitment.
func personalOf(rec audit.Record, ev *proxy.Event) person {
	var p person
	if ev.Personal != nil {
		p.Commitment = ev.Personal.Commitment
	}
	if len(rec.Personal) > 0 {
		var own proxy.PersonalRecord
		if json.Unmarshal(rec.Personal, &own) == nil {
			own.Commitment = p.Commitment
			p.PersonalRecord = own
		}
	}
	return p
}
