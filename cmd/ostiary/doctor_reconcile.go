package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/envoy"
)

// shownIDs is how many decisions of one kind are named.
const shownIDs = 10

// reconciliation is an access log joined with an audit log.
type reconciliation struct {
	Lines       int64                   `json:"lines"`       // of the access log
	Connections int64                   `json:"connections"` // of them, of connections that no verdict covers by design
	Decisions   int64                   `json:"decisions"`   // in the audit log
	Sent        requestTally            `json:"sent_and_decided"`
	Unsent      map[string]requestTally `json:"decided_and_not_sent"` // by the constant reason
	Uninspected requestTally            `json:"sent_without_body_inspection"`
	Undecided   requestTally            `json:"sent_and_never_decided"`
	Refused     requestTally            `json:"denied_and_yet_sent"`
	Alarms      map[string]requestTally `json:"alarms"`          // lines that Envoy itself shows to be wrong, by why
	Missing     requestTally            `json:"not_in_this_log"` // to be sent, and no line of the access log is about it
	Twice       requestTally            `json:"in_several_lines"`
	Older       requestTally            `json:"older_than_this_log"` // sent under decisions that retention removed, or may have
}

// requestTally counts requests of one kind.
type requestTally struct {
	Requests int64    `json:"requests"`
	Bytes    int64    `json:"bytes"` // on the wire to upstream
	IDs      []string `json:"first_ids,omitempty"`
}

func (t *requestTally) add(id string, bytes int64) {
	t.Requests++
	t.Bytes += max(bytes, 0)
	if id != "" && len(t.IDs) < shownIDs {
		t.IDs = append(t.IDs, id)
	}
}

func addTo(m map[string]requestTally, word, id string, bytes int64) {
	t := m[word]
	t.add(id, bytes)
	m[word] = t
}

// ruled is what the audit log says of one decision.
type ruled struct {
	action proxy.Action
	code   string
	here   bool // Ostiary answered itself
	seen   bool // a line of the access log is about it
}

// maxReconciled bounds the decisions that are held at once.
const maxReconciled = 20_000_000

// reconciled joins the logs and prints what it finds.
func (f *doctorFlags) reconciled(ctx context.Context, w io.Writer) error {
	// The access log first: a decision is recorded before its request is sent, so
	// that whatever this finds in it must be in the audit log, which is read later.
	entries, err := readAccess(ctx, f.reconcile)
	if err != nil {
		return err
	}
	a := auditFlags{log: f.log, config: f.config}
	reader, err := a.reader()
	if err != nil {
		return err
	}
	book, err := readDecisions(ctx, reader)
	if err != nil {
		return err
	}
	r := reconcile(entries, book)
	if f.json {
		if err := json.NewEncoder(w).Encode(r); err != nil {
			return err
		}
	} else if err := r.print(w); err != nil {
		return err
	}
	switch {
	case r.leaked():
		return answer{exitNo}
	case r.open():
		return answer{exitUnknown}
	}
	return nil
}

// readAccess reads an access log; of lines about connections only that there are.
func readAccess(ctx context.Context, path string) (out []envoy.Entry, err error) {
	from := io.Reader(os.Stdin)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		from = file
	}
	err = envoy.ReadAccessLog(ctx, from, func(e envoy.Entry) {
		if len(out) < maxReconciled {
			out = append(out, e)
		}
	})
	if err == nil && len(out) == maxReconciled {
		err = fmt.Errorf("%s has %d lines or more; reconcile a part of it", path, maxReconciled)
	}
	return out, err
}

// decisionBook is the decisions of an audit log, by id.
type decisionBook struct {
	by map[string]*ruled
	// first is the id of the earliest decision of a log whose beginning retention
	// removed; empty for a whole log. Ids are ordered by time.
	first string
}

// readDecisions reads the decisions of a log.
func readDecisions(ctx context.Context, r *audit.Reader) (*decisionBook, error) {
	out := &decisionBook{by: map[string]*ruled{}}
	whole, begun := true, false
	for rec, err := range r.Records(0) {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !begun {
			whole, begun = rec.Index == 0, true
		}
		ev, err := rec.Event()
		if err != nil {
			return nil, err
		}
		if ev.Decision == nil {
			continue
		}
		if !whole && (out.first == "" || ev.ID < out.first) {
			out.first = ev.ID
		}
		if len(out.by) == maxReconciled {
			return nil, fmt.Errorf("the audit log has more than %d decisions; reconcile a copy of a part of it", maxReconciled)
		}
		out.by[ev.ID] = &ruled{action: ev.Decision.Action, code: ev.Decision.Code, here: ev.Decision.Pool == proxy.PoolSelf}
	}
	return out, nil
}

// reconcile joins them.
func reconcile(entries []envoy.Entry, book *decisionBook) *reconciliation {
	r := &reconciliation{Lines: int64(len(entries)), Decisions: int64(len(book.by)), Unsent: map[string]requestTally{}, Alarms: map[string]requestTally{}}
	for n := range entries {
		r.line(&entries[n], book)
	}
	for _, id := range slices.Sorted(maps.Keys(book.by)) {
		// Envoy's line of a request that Ostiary answered itself has no decision.
		switch d := book.by[id]; {
		case d.seen:
		case d.action == proxy.Deny || d.here:
			addTo(r.Unsent, answeredWord(d), id, 0)
		default:
			r.Missing.add(id, 0)
		}
	}
	return r
}

// line takes one line of the access log. A line can be several things at once.
func (r *reconciliation) line(e *envoy.Entry, book *decisionBook) {
	if e.Connection != nil {
		r.Connections++
		return
	}
	id := e.DecisionID
	if !decisionID.MatchString(id) {
		id = "" // not one of ours: it is not shown either
	}
	why := e.Ungoverned()
	switch why {
	case "":
	case "uninspected_body":
		r.Uninspected.add(id, e.SentBytes)
	default:
		addTo(r.Alarms, why, id, e.SentBytes)
	}
	if e.Unreadable {
		return
	}
	d := book.by[id]
	if d != nil {
		if d.seen {
			r.Twice.add(id, e.SentBytes)
		}
		d.seen = true
	}
	switch {
	case !e.Sent() && d != nil:
		addTo(r.Unsent, unsent(e, d), id, 0)
	case !e.Sent():
		// Refused by Envoy before anything was decided: nothing left.
	case d == nil && id != "" && id < book.first:
		r.Older.add(id, e.SentBytes)
	case d == nil:
		r.Undecided.add(id, e.SentBytes)
	case d.action == proxy.Deny:
		r.Refused.add(id, e.SentBytes)
	case why == "":
		r.Sent.add(id, e.SentBytes)
	}
}

// unsent says in a constant word why a request was not sent.
func unsent(e *envoy.Entry, d *ruled) string {
	if d.action == proxy.Deny || d.here {
		return answeredWord(d)
	}
	return ended(*e)
}

// answeredWord says it of one that Ostiary answered itself.
func answeredWord(d *ruled) string {
	switch {
	case d.code != "":
		return d.code
	case d.action == proxy.Deny:
		return "denied"
	}
	return "answered_here"
}

// leaked reports whether something left that should not have.
func (r *reconciliation) leaked() bool {
	for word, t := range r.Alarms {
		if word != "unreadable" && t.Requests > 0 {
			return true
		}
	}
	return r.Undecided.Requests > 0 || r.Refused.Requests > 0 || r.Uninspected.Requests > 0
}

// open reports whether the logs do not tell.
func (r *reconciliation) open() bool {
	return r.Lines == 0 || r.Alarms["unreadable"].Requests > 0 || r.Older.Requests > 0
}

// print writes it, what leaked first.
func (r *reconciliation) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "WHAT\tREQUESTS\tBYTES SENT\tFIRST DECISIONS")
	row := func(what string, t requestTally, always bool) {
		if t.Requests == 0 && !always {
			return
		}
		fmt.Fprintf(tw, "%s\t%d\t%d", what, t.Requests, t.Bytes)
		for _, id := range t.IDs {
			fmt.Fprintf(tw, "\t%s\n\t\t", id)
		}
		fmt.Fprintln(tw)
	}
	row("LEAK: sent and never decided", r.Undecided, true)
	row("LEAK: denied and yet sent", r.Refused, true)
	row("LEAK: sent without body inspection", r.Uninspected, true)
	for _, word := range slices.Sorted(maps.Keys(r.Alarms)) {
		if word == "unreadable" {
			row("unreadable lines", r.Alarms[word], true)
			continue
		}
		row("LEAK: "+words(word), r.Alarms[word], true)
	}
	row("sent and decided", r.Sent, true)
	for _, word := range slices.Sorted(maps.Keys(r.Unsent)) {
		row("decided and not sent: "+words(word), r.Unsent[word], true)
	}
	row("to be sent, and not in this access log", r.Missing, false)
	row("in several lines", r.Twice, false)
	row("older than this audit log", r.Older, false)
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d lines of the access log, %d of them about connections that passed or were refused unread; %d decisions\n", r.Lines, r.Connections, r.Decisions)
	say := "EVERYTHING THAT WAS SENT WAS DECIDED"
	switch {
	case r.leaked():
		say = "SOMETHING LEFT THAT NO DECISION COVERS"
	case r.Lines == 0:
		say = "CANNOT TELL: the access log is empty"
	case r.open():
		say = "CANNOT TELL: there are lines that cannot be read, or are older than the audit log"
	}
	_, err := fmt.Fprintln(w, say)
	return err
}
