package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/console"
)

// eventPrinter prints events for people or, as they are stored, for programs.
type eventPrinter struct {
	w      io.Writer
	json   bool
	colour bool
	origin bool // say of which log an event is: there are several
}

func newEventPrinter(w io.Writer, asJSON bool) *eventPrinter {
	colour := isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &eventPrinter{w: w, json: asJSON, colour: colour}
}

// ANSI colours: never the only sign of anything.
const (
	colourRed    = "31"
	colourGreen  = "32"
	colourYellow = "33"
	colourBlue   = "34"
	colourGrey   = "90"
)

func (p *eventPrinter) paint(colour, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

func (p *eventPrinter) action(a proxy.Action) string {
	c := colourGreen
	switch a {
	case proxy.Mask:
		c = colourYellow
	case proxy.Reroute:
		c = colourBlue
	case proxy.Deny:
		c = colourRed
	}
	return p.paint(c, fmt.Sprintf("%-7s", printable(string(a))))
}

// line prints an event on one line.
func (p *eventPrinter) line(rec audit.Record) error {
	if p.json {
		_, err := fmt.Fprintf(p.w, "%s\n", rec.JSON)
		return err
	}
	ev, err := rec.Event()
	if err != nil {
		return err
	}
	id := p.paint(colourGrey, printable(ev.ID))
	if p.origin {
		id += " " + p.paint(colourGrey, printable(ev.Origin))
	}
	_, err = fmt.Fprintf(p.w, "%s %s %s\n", printable(localTime(ev.Time)), id, p.summary(ev))
	return err
}

// printable takes out what a terminal would act on: a log that somebody altered
// is read too.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// localTime shortens an event's time to seconds, in the zone of who reads.
func localTime(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// summary says what an event is in a few words.
func (p *eventPrinter) summary(ev *proxy.Event) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, printable(fmt.Sprintf(format, args...))) }
	switch {
	case ev.Decision != nil:
		d := ev.Decision
		parts = append(parts, p.action(d.Action))
		if d.Pool != "" {
			add("→ %s", d.Pool)
		}
		if ev.Request != nil {
			add("app %s, %s", ev.Request.Application, ev.Request.Model)
		}
		if titles := reasonTitles(d.Reasons); titles != "" {
			add("%s", titles)
		} else if d.Code != "" {
			add("%s", d.Code)
		}
		if d.Would != nil && d.Would.Action != d.Action {
			add("(would %s)", d.Would.Action)
		}
		if found := findingList(ev.Findings); found != "" {
			add("[%s]", found)
		}
	case ev.Outcome != nil:
		o := ev.Outcome
		add("outcome of %s: status %d, sent %s, %d ms", ev.DecisionID, o.Status, o.Sent, o.DurationMS)
		if o.Reason != "" {
			add("%s", o.Reason)
		}
	case ev.Connection != nil:
		c := ev.Connection
		add("%d %s %s: %s", c.Count, c.Way, c.Passage, c.Why)
		if where := first(c.Domain, c.Label); where != "" {
			add("%s", where)
		}
		if c.Kind != "" {
			add("%s", strings.TrimSpace(c.Kind+" "+c.Provider+" "+c.Likelihood))
		}
		add("%d bytes sent, %d received", c.Sent, c.Received)
	case ev.Admin != nil:
		add("%s %s", ev.Kind, ev.Admin.Action)
		if ev.Admin.Detail != "" {
			add("%s", ev.Admin.Detail)
		}
	default:
		add("%s", ev.Kind)
	}
	return strings.Join(parts, "  ")
}

func reasonTitles(list []proxy.Reason) string {
	var titles []string
	for _, r := range list {
		titles = append(titles, first(r.Title, r.Rule))
	}
	return strings.Join(titles, "; ")
}

func findingList(list []proxy.FindingRecord) string {
	var out []string
	for _, f := range list {
		out = append(out, fmt.Sprintf("%d %s %s", f.Count, f.Type, f.Likelihood))
	}
	return strings.Join(out, ", ")
}

// page prints the events of one decision for reading.
func (p *eventPrinter) page(found []audit.Record) error {
	for i, rec := range found {
		ev, err := rec.Event()
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		fmt.Fprintf(p.w, "%s\n", p.summary(ev))
		p.rows(ev, rec.Index)
	}
	return nil
}

// rows prints what an event says, one thing a line.
func (p *eventPrinter) rows(ev *proxy.Event, index int64) {
	p.row("event", "%s, %s, record %d of %s", ev.ID, ev.Kind, index, ev.Origin)
	p.row("time", "%s", ev.Time)
	p.request(ev, p.row)
	p.decision(ev, p.row)
	p.outcome(ev, p.row)
	p.admin(ev, p.row)
}

func (p *eventPrinter) row(name, format string, args ...any) {
	fmt.Fprintf(p.w, "  %-12s%s\n", name, printable(fmt.Sprintf(format, args...)))
}

// pageWithPersonal prints the events of one decision with what names a person.
func (p *eventPrinter) pageWithPersonal(found []console.Entry) error {
	for i, e := range found {
		ev, err := audit.Record{Index: e.Index, JSON: e.Event}.Event()
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		fmt.Fprintf(p.w, "%s\n", p.summary(ev))
		p.rows(ev, e.Index)
		p.personal(e)
	}
	return nil
}

// personal prints what names a person.
func (p *eventPrinter) personal(e console.Entry) {
	switch e.State {
	case console.PersonalErased:
		p.row("person", "was erased")
		return
	case console.PersonalAltered:
		p.row("person", "IS NOT WHAT WAS RECORDED: run 'ostiary audit fsck'")
		return
	case console.PersonalNone:
		return
	}
	q := e.Personal
	if q == nil {
		return
	}
	for _, r := range []struct{ name, value string }{
		{"subject", q.Subject}, {"from", q.Address}, {"client", q.UserAgent}, {"says", q.Justification}, {"ticket", q.Ticket},
		{"approver", q.Approver}, {"query", q.Query}, {"conversation", q.Conversation}, {"values", strings.Join(q.Fingerprints, ", ")},
	} {
		if r.value != "" {
			p.row(r.name, "%s", r.value)
		}
	}
	if q.UID != 0 {
		p.row("user", "%d", q.UID)
	}
	for _, s := range q.Evidence {
		p.row("sealed", "%s, to %s: 'ostiary audit reveal' opens it", s.Type, s.To)
	}
}

// admin prints what was done to the process or the log.
func (p *eventPrinter) admin(ev *proxy.Event, row rowFunc) {
	a := ev.Admin
	if a == nil {
		return
	}
	if a.Code != "" {
		row("reason", "%s", a.Code)
	}
	if a.Role != "" {
		row("role", "%s", a.Role)
	}
	if a.Detail != "" {
		row("about", "%s", a.Detail)
	}
	if a.Count != 0 {
		row("events", "%d", a.Count)
	}
	if a.To != 0 {
		row("records", "%d to before %d", a.From, a.To)
	}
}

type rowFunc func(name, format string, args ...any)

func (p *eventPrinter) request(ev *proxy.Event, row rowFunc) {
	if q := ev.Request; q != nil {
		stream := ""
		if q.Stream {
			stream = ", streaming"
		}
		row("request", "%s %s%s, model %s, %d bytes, %s", q.Dialect, q.Operation, stream, q.Model, q.Bytes, q.Protocol)
		row("asked by", "%s", q.Application)
		if q.Trace != "" {
			row("trace", "%s", q.Trace)
		}
	}
	for _, f := range ev.Findings {
		extra := ""
		if f.Synthetic > 0 {
			extra = fmt.Sprintf(", %d of them published test values", f.Synthetic)
		}
		row("found", "%d %s, %s (%s) in %s%s", f.Count, f.Type, f.Likelihood, strings.Join(f.Groups, ", "), strings.Join(f.Roles, ", "), extra)
	}
	if len(ev.Opaque) > 0 {
		row("not read", "%d parts that are not text", len(ev.Opaque))
	}
}

func (p *eventPrinter) decision(ev *proxy.Event, row rowFunc) {
	d := ev.Decision
	if d == nil {
		return
	}
	if d.Pool != "" {
		row("pool", "%s, model %s (asked for: %s)", d.Pool, first(d.Model, proxy.Unknown), first(d.Asked, "none"))
	}
	if d.Status != 0 || d.Code != "" {
		row("answered", "%d %s", d.Status, d.Code)
	}
	for _, r := range d.Reasons {
		row("because", "%s (%s, rule %s, %s:%d)", first(r.Title, r.Rule), r.Action, r.Policy+"/"+r.Rule, r.File, r.Line)
		if r.Message != "" {
			row("", "%s", r.Message)
		}
	}
	for _, r := range d.Rejected {
		row("passed over", "%s: %s", r.Pool, r.Why)
	}
	if d.Masked > 0 {
		row("masked", "%d", d.Masked)
	}
	if w := d.Would; w != nil {
		row("would have", "%s %s %s", w.Action, w.Pool, w.Code)
	}
	row("mode", "%s", d.Mode)
	if q := ev.Policy; q != nil {
		row("revisions", "policies %s, detectors %s, configuration %s", q.Policies, q.Suite, q.Config)
	}
	if t := ev.Timing; t != nil {
		row("took", "read %d µs, classify %d µs, decide %d µs, edit %d µs", t.ReadUS, t.ClassifyUS, t.DecideUS, t.EditUS)
	}
}

func (p *eventPrinter) outcome(ev *proxy.Event, row rowFunc) {
	o := ev.Outcome
	if o == nil {
		return
	}
	row("status", "%d to the client after %d ms", o.Status, o.DurationMS)
	row("sent", "%s, %d bytes upstream", o.Sent, o.SentBytes)
	row("answer", "%d bytes, inspected: %t", o.Bytes, o.Inspected)
	if o.Reason != "" {
		row("note", "%s", o.Reason)
	}
}
