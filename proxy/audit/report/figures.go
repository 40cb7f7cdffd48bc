package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Figures are what an attestation counts. The fields stand in the order of their
// JSON names.
type Figures struct {
	After       int64    `json:"after"`  // records of the bundle that are later than the time range
	Before      int64    `json:"before"` // or earlier
	Covered     bool     `json:"covered"`
	Decisions   int64    `json:"decisions"`      // in the time range; all below are of these
	Destination int64    `json:"destination"`    // released to such a pool
	Found       int64    `json:"found"`          // with such findings, wherever they went
	Gaps        int64    `json:"gaps"`           // events that tell of something sent or lost that no decision covers
	Last        string   `json:"last,omitempty"` // latest time that the log reaches, where the time range goes on behind it; else empty
	Matched     Matched  `json:"matched"`
	Observed    int64    `json:"observed"` // in observe mode: what policy asked for was not done
	Outcomes    Outcomes `json:"outcomes"`
	Records     int64    `json:"records"`     // in the bundle
	Refused     int64    `json:"refused"`     // not released
	Uninspected int64    `json:"uninspected"` // of destination: with parts that were not inspected
	Unplaced    int64    `json:"unplaced"`    // released to a pool that the facts say nothing of; they count as destination
	Untimed     int64    `json:"untimed"`     // events whose time cannot be read; they count as in the time range
}

// Matched counts decisions with such findings that were released to such a pool.
type Matched struct {
	Decisions int64 `json:"decisions"`
	Exposed   int64 `json:"exposed"`   // of them: neither masked nor not_sent
	Findings  int64 `json:"findings"`  // in them, without published test values
	Masked    int64 `json:"masked"`    // of them: all such findings were replaced before the request left
	NotSent   int64 `json:"not_sent"`  // of them: not masked, but no byte was sent
	Synthetic int64 `json:"synthetic"` // beside them: decisions whose only such findings are published test values
}

// Outcomes counts what became of the requests that were released to such a pool.
type Outcomes struct {
	Missing int64 `json:"missing"` // no outcome stands in the bundle
	No      int64 `json:"no"`      // nothing was sent
	Unknown int64 `json:"unknown"` // it is not known whether something was
	Yes     int64 `json:"yes"`     // something was sent
}

// States of an attestation.
const (
	StateNone  = "none"       // there was none, and nothing was left open
	StateKnown = "none known" // none is known of, but something could not be told
	StateSome  = "some"       // there was
)

// State says what the figures come to.
func (f *Figures) State() string {
	switch {
	case f.Matched.Exposed > 0:
		return StateSome
	case !f.Covered || f.Gaps > 0 || f.Uninspected > 0 || f.Unplaced > 0 || f.Untimed > 0:
		return StateKnown
	}
	return StateNone
}

// sentence says the answer in words.
func (f *Figures) sentence(q *Question) string {
	s := fmt.Sprintf("%s, from %s to before %s: %s of %s decisions; gaps %s, not inspected %s, not sent %s, outcome not known %s",
		q, q.Since, q.Until, digits(f.Matched.Exposed), digits(f.Decisions), digits(f.Gaps), digits(f.Uninspected),
		digits(f.Outcomes.No), digits(f.Outcomes.Missing+f.Outcomes.Unknown))
	switch {
	case f.Last != "":
		s += "; THE LOG REACHES " + f.Last + " AND NOT THE END OF THE TIME RANGE"
	case !f.Covered:
		s += "; THE RECORDS DO NOT COVER THE TIME RANGE"
	}
	return s
}

// digits writes a number with commas between groups of three digits.
func digits(n int64) string {
	s := strconv.FormatInt(n, 10)
	var parts []string
	for len(s) > 3 && s[len(s)-4] != '-' {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, parts...), ",")
}

// behind gives the first time that is later than one: events have milliseconds.
func behind(at string) string {
	t, err := time.Parse(timeForm, at)
	if err != nil {
		return ""
	}
	return t.Add(time.Millisecond).Format(timeForm)
}

// counter counts figures over the records of a bundle, in order.
type counter struct {
	q       Question // normal
	span    span
	min     proxy.Likelihood
	size    int64 // of the log
	first   int64
	figures Figures
	open    map[idKey]bool // released to such a pool and no outcome yet; true where it would be exposed
	covers  struct{ start, end bool }
	ends    bool   // the last record is the log's
	latest  string // time of the records
}

func newCounter(q Question, first, end, size int64) *counter {
	c := &counter{q: q, span: q.span(), size: size, first: first, open: map[idKey]bool{}}
	c.min, _ = proxy.ParseLikelihood(q.Likelihood)
	c.covers.start, c.ends = first == 0, end == size
	return c
}

// add counts one record. core may be overwritten afterwards.
func (c *counter) add(index int64, core []byte) error {
	ev, err := decode(core, index)
	if err != nil {
		return err
	}
	f := &c.figures
	f.Records++
	switch {
	case !timed(ev.Time):
		f.Untimed++
	case c.span.before(ev.Time):
		f.Before++
		c.covers.start = c.covers.start || index == c.first
	case c.span.after(ev.Time):
		f.After++
	}
	// Of the last record, whether it is later than the range.
	late := c.span.after(ev.Time)
	c.covers.end = late
	if timed(ev.Time) {
		c.latest = max(c.latest, ev.Time)
	}
	inside := !c.span.before(ev.Time) && !late
	switch {
	case ev.Outcome != nil:
		c.outcome(ev) // of a decision of the range, whenever it came
	case !inside:
	case ev.Kind == proxy.EventGap:
		f.Gaps++
	case ev.Decision != nil:
		c.decision(ev)
	}
	return nil
}

func (c *counter) decision(ev *proxy.Event) {
	f, d := &c.figures, ev.Decision
	f.Decisions++
	if d.Mode == proxy.Observe {
		f.Observed++
	}
	var found, synthetic int64
	for i := range ev.Findings {
		r := &ev.Findings[i]
		switch {
		case c.q.looksFor(r, c.min):
			found += int64(r.Count - r.Synthetic)
		case c.q.names(r) && r.Synthetic > 0 && atLeast(r, c.min):
			synthetic++
		}
	}
	if found > 0 {
		f.Found++
	}
	p, released := went(d)
	if !released {
		f.Refused++
		return
	}
	if !c.q.means(p) {
		return
	}
	f.Destination++
	if p.boundary == proxy.Unknown {
		f.Unplaced++
	}
	if uninspected(d) {
		f.Uninspected++
	}
	exposed := false
	if found > 0 {
		f.Matched.Decisions++
		f.Matched.Findings += found
		exposed = !allMasked(ev, func(r *proxy.FindingRecord) bool { return c.q.looksFor(r, c.min) })
		if !exposed {
			f.Matched.Masked++
		}
	} else if synthetic > 0 {
		f.Matched.Synthetic++
	}
	c.open[keyOf(ev.ID)] = exposed
}

// outcome counts what became of a decision. The first outcome counts.
func (c *counter) outcome(ev *proxy.Event) {
	key := keyOf(ev.DecisionID)
	exposed, ok := c.open[key]
	if !ok {
		return
	}
	delete(c.open, key)
	o := &c.figures.Outcomes
	switch ev.Outcome.Sent {
	case "yes":
		o.Yes++
	case "no":
		o.No++
		if exposed {
			c.figures.Matched.NotSent++
		}
	default:
		o.Unknown++
	}
}

// end gives the figures.
func (c *counter) end() Figures {
	f := c.figures
	f.Outcomes.Missing = int64(len(c.open))
	f.Matched.Exposed = f.Matched.Decisions - f.Matched.Masked - f.Matched.NotSent
	// Where the log ends within the range it covers no more than the time that it
	// reaches: what came later, or comes yet, is not under the checkpoint. An older
	// state of a log attests nothing of a time that came after it.
	if !c.covers.end && c.ends {
		if c.covers.end = behind(c.latest) >= c.span.until; !c.covers.end {
			f.Last = c.latest
		}
	}
	f.Covered = c.covers.start && c.covers.end
	return f
}
