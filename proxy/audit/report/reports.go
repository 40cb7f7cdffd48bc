package report

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/proof"
)

// Scope says over what a report is made, and what only the organisation knows.
type Scope struct {
	// Since and Until bound the events' times: from Since on, before Until. The zero
	// time is no bound.
	Since, Until time.Time
	// Checkpoint is the signed checkpoint that the records are under. The caller has
	// checked it, and compared the records with it, as Verified says; a report only
	// repeats it.
	Checkpoint []byte
	// Verified is the result of [audit.Verify]; nil where nobody verified the log.
	Verified *audit.Report
	// Stated is what the organisation says; what it leaves out is "not stated".
	Stated Stated
	// Personal shows who it was, where records come with their personal parts
	// ([audit.Reader.WithPersonal]). The caller records that as an access event before.
	Personal bool
	// Withheld says why names are not shown, or not all of them: a sentence. Empty where
	// nobody asked for them.
	Withheld string
}

// Stated is what no log can know. Nothing of it is checked.
type Stated struct {
	Controller string            // name and contact of the controller, and of the data-protection officer
	Purposes   map[string]string // of processing, by application
	Recipients map[string]string // who a pool is, by pool
	Safeguards map[string]string // of a transfer (GDPR Art. 46), by pool
	Retention  string            // time limit for erasure of the log
	Measures   string            // technical and organisational measures beside this proxy
}

const notStated = "not stated"

func (s *Scope) span() span { return spanOf(s.Since, s.Until) }

// covered is what was read: how many, from which to which, and what kinds.
type covered struct {
	records, first, last int64
	from, to             string // least and greatest time
	kinds                tallies[string, int64]
}

func (c *covered) add(rec audit.Record, ev *proxy.Event) {
	if c.records == 0 {
		c.first = rec.Index
	}
	c.records++
	c.last = rec.Index
	*c.kinds.at(ev.Kind)++
	if timed(ev.Time) {
		if c.from == "" || ev.Time < c.from {
			c.from = ev.Time
		}
		c.to = max(c.to, ev.Time)
	}
}

// read visits the events of the scope and gives what was read.
func (s *Scope) read(records iter.Seq2[audit.Record, error], visit func(audit.Record, *proxy.Event)) (*covered, error) {
	var c covered
	err := each(records, s.span(), func(rec audit.Record, ev *proxy.Event) error {
		c.add(rec, ev)
		visit(rec, ev)
		return nil
	})
	return &c, err
}

// sources says what a report was counted from.
func (s *Scope) sources(c *covered) []string {
	out := []string{}
	if p := s.span(); p.since != "" || p.until != "" {
		out = append(out, fmt.Sprintf("Asked for: from %s to before %s.", cmp.Or(p.since, "the beginning"), cmp.Or(p.until, "the end")))
	}
	if c.records == 0 {
		out = append(out, "Records: none in this time.")
	} else {
		var kinds []string
		for k, n := range c.kinds.sorted(strings.Compare, beyond) {
			kinds = append(kinds, k+" "+digits(*n))
		}
		out = append(out, fmt.Sprintf("Records: %s, from index %s (%s) to %s (%s): %s.",
			digits(c.records), digits(c.first), c.from, digits(c.last), c.to, strings.Join(kinds, ", ")))
	}
	switch k, err := proof.Peek(s.Checkpoint); {
	case len(s.Checkpoint) == 0:
		out = append(out, "Checkpoint: none was given.")
	case err != nil:
		out = append(out, "Checkpoint: what was given cannot be read.")
	default:
		out = append(out, fmt.Sprintf("Checkpoint: log %s, %s records, root %s.", k.Origin, digits(k.Size), k.Root))
	}
	switch v := s.Verified; {
	case v == nil:
		out = append(out, "Integrity: the log was not verified for this report; `ostiary audit verify` does it.")
	default:
		out = append(out, fmt.Sprintf("Integrity: verification says %s: %s records, %s of them signed.", v.Answer, digits(v.Size), digits(v.Signed)))
	}
	return out
}

// limits are those of every report, and those of one.
func limits(own ...string) []string {
	return append(own,
		"Counted is what the log recorded of requests. Answers of models are not inspected, and what detectors did not recognise is not counted.",
		"Figures are of likely findings and above, without published test values; a finding is what a detector took for one.",
		"This is not legal advice.")
}

// joined follows requests from decision to outcome, with at most one key in memory for
// each that has no outcome yet.
type joined[T any] struct{ open map[idKey]T }

func (j *joined[T]) begin(id string, v T) {
	if j.open == nil {
		j.open = map[idKey]T{}
	}
	j.open[keyOf(id)] = v
}

// end gives what began with a decision. The first outcome counts.
func (j *joined[T]) end(id string) (T, bool) {
	k := keyOf(id)
	v, ok := j.open[k]
	delete(j.open, k)
	return v, ok
}

// foundOf gives the types and the groups of the findings that are looked for, each
// sorted.
func foundOf(ev *proxy.Event, looked func(*proxy.FindingRecord) bool) (types, groups []string) {
	for i := range ev.Findings {
		if f := &ev.Findings[i]; looked(f) {
			types, groups = append(types, f.Type), append(groups, f.Groups...)
		}
	}
	slices.Sort(types)
	slices.Sort(groups)
	return slices.Compact(types), slices.Compact(groups)
}

// looksLikely reports whether a finding counts in reports: at likely and above, and
// not only published test values.
func looksLikely(f *proxy.FindingRecord) bool {
	return f.Count > f.Synthetic && atLeast(f, proxy.Likely)
}

func teamOf(d *proxy.DecisionRecord) string {
	if d.Facts == nil {
		return proxy.Unknown
	}
	return d.Facts.Principal.Team
}

func applicationOf(ev *proxy.Event) string {
	if ev.Request == nil {
		return proxy.Unknown
	}
	return ev.Request.Application
}

// counts writes "name n" for each, sorted.
func counts(t *tallies[string, int64]) string {
	var out []string
	for k, n := range t.sorted(strings.Compare, beyond) {
		out = append(out, k+" "+digits(*n))
	}
	return strings.Join(out, ", ")
}
