package report

import (
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
// [Scope.Personal], and only as far as they were not erased. In the place of a name that
// is not shown stands the beginning of the commitment to it, by which whoever may see the
// name finds it.
func AccessReview(records iter.Seq2[audit.Record, error], s Scope) (*Report, error) {
	var acts tallies[act, stretch]
	var touched tallies[act, int64]
	var people tallies[string, int64]
	list := &Table{Columns: []string{"index", "time (UTC)", "kind", "action", "reason", "role", "events looked at", "from index", "before index", "who"}}
	if s.Personal {
		list.Columns = append(list.Columns, "approved by", "ticket", "query")
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
		who := personalOf(rec, ev, s.Personal)
		if s.Personal {
			*people.at(who.kind()) += 1
		}
		if len(list.Rows) == maxRows {
			unlisted++
			return
		}
		row := []Cell{N(rec.Index), Text(ev.Time), Text(ev.Kind), Text(a.Action), Text(a.Code), Text(a.Role), N(a.Count), N(a.From), N(a.To), Text(who.name())}
		if s.Personal {
			row = append(row, Text(who.Approver), Text(who.Ticket), Text(who.Query))
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
	if s.Withheld != "" {
		names = s.Withheld
	}
	names += " The digits beside a name that is not shown begin the commitment to the personal part (`personal.commitment`) that holds it."
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

// person is who did something, as far as a report knows.
type person struct {
	proxy.PersonalRecord
	word string // in the place of a name; empty where the personal part is shown
}

// Words in the place of a name.
const (
	notNamed   = "(nobody named)"
	notShown   = "(not shown)"
	notThere   = "(erased)"
	notTheSame = "(altered)"
)

// commitmentDigits is how much of a commitment stands beside what is not shown: enough
// to find it by, among all events of a log.
const commitmentDigits = 12

// kind gives who it was, or why that is not known.
func (p *person) kind() string {
	switch {
	case p.word != "":
		return p.word
	case p.Subject != "":
		return p.Subject
	case p.UID != 0:
		return fmt.Sprintf("uid %d", p.UID)
	}
	return notNamed
}

// name gives who it was, or why that is not known, with the commitment.
func (p *person) name() string {
	if p.word == "" || p.Commitment == "" {
		return p.kind()
	}
	return p.word + " " + p.Commitment[:min(commitmentDigits, len(p.Commitment))]
}

// personalOf reads what a record carries of its personal part, where it is shown.
func personalOf(rec audit.Record, ev *proxy.Event, shown bool) person {
	var p person
	if ev.Personal != nil {
		p.Commitment = ev.Personal.Commitment
	}
	switch {
	case p.Commitment == "":
		p.word = notNamed
		return p
	case !shown || rec.Personal == nil:
		p.word = notShown
		return p
	case len(rec.Personal) == 0:
		p.word = notThere
		return p
	}
	own, err := rec.OpenPersonal()
	if err != nil || own == nil {
		p.word = notTheSame
		return p
	}
	return person{PersonalRecord: *own}
}
