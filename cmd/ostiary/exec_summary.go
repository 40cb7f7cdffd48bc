package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/pools"
)

// Bounds of a summary.
const (
	summaryKeys  = 256 // different things that are counted
	summaryShown = 12  // of each kind that are shown
)

// tally counts what a command did. It holds no content and no name but a domain.
type tally struct {
	mu           sync.Mutex
	passed       map[string]int // domains of connections that passed
	refused      map[string]int // reasons of connections that were refused
	gave, failed int            // connections given to another Ostiary
	asked        int64          // questions of DNS
	refusedNames int64
}

// connection is told of each connection that was not governed.
func (t *tally) connection(c Connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.Passage == "passed" {
		count(&t.passed, pools.Registrable(c.Name), 1)
		return
	}
	count(&t.refused, c.Why, 1)
}

func (t *tally) handedOver(ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok {
		t.gave++
	} else {
		t.failed++
	}
}

// count adds to a bounded table; what does not fit is counted as other.
func count(m *map[string]int, key string, n int) {
	if *m == nil {
		*m = map[string]int{}
	}
	if _, ok := (*m)[key]; !ok && len(*m) >= summaryKeys {
		key = "other"
	}
	(*m)[key] += n
}

// execDecided is what the log says.
type execDecided struct {
	actions, pools, findings, refusals map[string]int
	masked                             int
}

func readDecided(dir string) (*execDecided, error) {
	r, err := audit.OpenReader(dir)
	if err != nil {
		return nil, err
	}
	d := &execDecided{}
	for rec, err := range r.Records(0) {
		if err != nil {
			return nil, err
		}
		var e proxy.Event
		if err := json.Unmarshal(rec.JSON, &e); err != nil {
			return nil, err
		}
		if e.Kind != proxy.EventDecision || e.Decision == nil {
			continue
		}
		count(&d.actions, string(e.Decision.Action), 1)
		if e.Decision.Asked != "" {
			count(&d.pools, e.Decision.Asked, 1)
		}
		if e.Decision.Action == proxy.Deny {
			count(&d.refusals, cmp.Or(e.Decision.Code, "refused"), 1)
		}
		d.masked += e.Decision.Masked
		for _, f := range e.Findings {
			if f.Likelihood == proxy.Likely.String() || f.Likelihood == proxy.VeryLikely.String() {
				count(&d.findings, f.Type, f.Count)
			}
		}
	}
	return d, nil
}

// summary says at the end what happened.
func (e *execution) summary() error {
	w := e.diag
	fmt.Fprintln(w, "\nostiary exec:")
	e.tally.mu.Lock()
	defer e.tally.mu.Unlock()
	if e.cfg == nil {
		fmt.Fprintf(w, "  handed over     %d connections to %s, whose log has the decisions", e.tally.gave, e.flags.to)
		if e.tally.failed > 0 {
			fmt.Fprintf(w, "; %d found nobody there", e.tally.failed)
		}
		fmt.Fprintln(w)
		e.names(w)
		return nil
	}
	d, err := readDecided(e.log)
	if err != nil {
		return err
	}
	line(w, "decisions", d.actions, "none")
	line(w, "asked for", d.pools, "")
	line(w, "found", d.findings, "")
	if d.masked > 0 {
		fmt.Fprintf(w, "  %-15s %d\n", "masked", d.masked)
	}
	line(w, "refused", d.refusals, "")
	line(w, "passed", e.tally.passed, "")
	line(w, "closed", e.tally.refused, "")
	e.names(w)
	fmt.Fprintf(w, "  %-15s %s\n", "log", e.log)
	return nil
}

func (e *execution) names(w io.Writer) {
	fmt.Fprintf(w, "  %-15s %d questions", "DNS", e.tally.asked)
	if e.tally.refusedNames > 0 {
		fmt.Fprintf(w, ", %d refused", e.tally.refusedNames)
	}
	fmt.Fprintln(w)
}

// line writes a table in one line, the most frequent first.
func line(w io.Writer, label string, m map[string]int, none string) {
	if len(m) == 0 {
		if none != "" {
			fmt.Fprintf(w, "  %-15s %s\n", label, none)
		}
		return
	}
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(m[b]-m[a], strings.Compare(a, b)) })
	var out []string
	for n, k := range keys {
		if n == summaryShown {
			out = append(out, fmt.Sprintf("and %d more", len(keys)-n))
			break
		}
		out = append(out, fmt.Sprintf("%s %d", k, m[k]))
	}
	fmt.Fprintf(w, "  %-15s %s\n", label, strings.Join(out, ", "))
}
