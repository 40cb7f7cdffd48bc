package replay

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of a [Matrix], so that its size does not grow with the log.
const (
	exampleLimit = 3      // ids kept with a cell
	rowLimit     = 10_000 // rows of one kind; what comes after is counted as "other"
	reasonLimit  = 256    // reasons why decisions were not replayed
)

// By is what the rows of a report are about.
type By string

// The kinds of rows. A changed decision stands in a row for each rule that asks
// for something on one side only, and for each type that was found in it; so
// these rows do not add up to the total.
const (
	ByRule        By = "rule"
	ByTeam        By = "team"
	ByType        By = "type"
	ByPool        By = "pool" // WAS → WOULD
	ByApplication By = "application"
)

// Kinds lists them.
func Kinds() []By { return []By{ByRule, ByTeam, ByType, ByPool, ByApplication} }

// Names of rows where there is none of the kind.
const (
	sameRules   = "(the same rules)"
	nothingSeen = "(nothing found)"
)

// Cell counts decisions by what was done and what would be.
type Cell struct {
	Was      string   `json:"was"`
	Would    string   `json:"would"`
	Events   int      `json:"events"`
	Changed  int      `json:"changed"`  // another pool, code or mask counts too
	Loosened int      `json:"loosened"` // see [Loosened]
	Examples []string `json:"examples"` // ids of the first changed ones, loosened ones first
}

// Row counts changed decisions by what they have in common.
type Row struct {
	Key         string         `json:"key"`
	Changed     int            `json:"changed"`
	Loosened    int            `json:"loosened"`
	NewlyDenied int            `json:"newly_denied"`
	Transitions map[string]int `json:"transitions"` // "deny→allow": 2
}

// Traffic is what goes to one pool.
type Traffic struct {
	Pool     string `json:"pool"`
	Boundary string `json:"boundary"`
	Requests Change `json:"requests"`
	Tokens   Change `json:"tokens"` // estimate of the prompts' length
}

// Change is a number before and after.
type Change struct {
	Was   int `json:"was"`
	Would int `json:"would"`
}

// Cost is what the prompts cost at external pools, in US dollars at the list
// prices of [PriceSource], by the model that was asked for. Answers are not in
// it: how long they are is not among the facts.
type Cost struct {
	Was      float64 `json:"was_usd"`
	Would    float64 `json:"would_usd"`
	Unpriced Change  `json:"unpriced"` // requests to external pools whose model is not known, or has no price
	Source   string  `json:"source"`
}

// Report is the outcome of a replay.
type Report struct {
	Replayed    int            `json:"replayed"`
	Changed     int            `json:"changed"`
	Loosened    int            `json:"loosened"`
	NewlyDenied int            `json:"newly_denied"`
	Skipped     map[string]int `json:"skipped"`  // decisions that cannot be replayed, by reason
	Reasons     map[string]int `json:"reasons"`  // why changes loosen
	Cells       []Cell         `json:"cells"`    // the greatest first
	Rows        []Row          `json:"rows"`     // of the kind that was asked for
	InHouse     Change         `json:"in_house"` // tokens of prompts at internal pools
	Traffic     []Traffic      `json:"traffic"`
	Cost        Cost           `json:"cost"`
	Suites      []string       `json:"suites"` // revisions of the detectors that stated the facts
}

// Matrix counts transitions. The zero Matrix with a kind of rows is ready; it is
// not safe for concurrent use.
type Matrix struct {
	By     By
	report Report
	cells  map[[2]string]*Cell
	loose  map[[2]string]int // how many examples of a cell are loosened ones
	rows   map[string]*Row
	pools  map[string]*Traffic
	suites map[string]bool
}

// Skip counts a decision that cannot be replayed.
func (m *Matrix) Skip(why string) {
	if m.report.Skipped == nil {
		m.report.Skipped = map[string]int{}
	}
	if _, ok := m.report.Skipped[why]; !ok && len(m.report.Skipped) >= reasonLimit {
		why = proxy.Other
	}
	m.report.Skipped[why]++
}

// Add counts a decision by its two sides.
func (m *Matrix) Add(d *Decision, was, would *Side) {
	if m.cells == nil {
		m.cells, m.loose, m.rows = map[[2]string]*Cell{}, map[[2]string]int{}, map[string]*Row{}
		m.pools, m.suites = map[string]*Traffic{}, map[string]bool{}
		m.report.Reasons = map[string]int{}
	}
	r := &m.report
	r.Replayed++
	if len(m.suites) < rowLimit {
		m.suites[d.Suite] = true
	}
	m.load(d, was, true)
	m.load(d, would, false)

	key := [2]string{was.Action, would.Action}
	c := m.cells[key]
	if c == nil {
		c = &Cell{Was: was.Action, Would: would.Action, Examples: []string{}}
		m.cells[key] = c
	}
	c.Events++
	if !Changed(was, would) {
		return
	}
	r.Changed++
	c.Changed++
	denied := would.Refused() && !was.Refused()
	if denied {
		r.NewlyDenied++
	}
	why := Loosened(was, would)
	if why != "" {
		r.Loosened++
		c.Loosened++
		r.Reasons[why]++
	}
	m.example(key, c, d.ID, why != "")
	for _, k := range keys(m.By, d, was, would) {
		row := m.row(k)
		row.Changed++
		row.Transitions[was.Action+"→"+would.Action]++
		if denied {
			row.NewlyDenied++
		}
		if why != "" {
			row.Loosened++
		}
	}
}

// example keeps the first ids of a cell, those of loosened decisions before
// others.
func (m *Matrix) example(key [2]string, c *Cell, id string, loosened bool) {
	n := m.loose[key]
	switch {
	case loosened && n < exampleLimit:
		c.Examples = slices.Insert(c.Examples, n, id)
		m.loose[key]++
		c.Examples = c.Examples[:min(len(c.Examples), exampleLimit)]
	case !loosened && len(c.Examples) < exampleLimit:
		c.Examples = append(c.Examples, id)
	}
}

func (m *Matrix) row(key string) *Row {
	r := m.rows[key]
	if r == nil && len(m.rows) >= rowLimit {
		key = proxy.Other
		r = m.rows[key]
	}
	if r == nil {
		r = &Row{Key: key, Transitions: map[string]int{}}
		m.rows[key] = r
	}
	return r
}

// keys gives the rows of a changed decision.
func keys(by By, d *Decision, was, would *Side) []string {
	var out []string
	switch by {
	case ByTeam:
		return []string{d.Facts.Principal.Team}
	case ByApplication:
		return []string{d.Facts.Principal.Application}
	case ByPool:
		return []string{was.Pool + " → " + would.Pool}
	case ByType:
		for name, t := range d.Facts.Findings.Types {
			if t.Count > 0 {
				out = append(out, name)
			}
		}
		if len(out) == 0 {
			out = []string{nothingSeen}
		}
	default:
		for _, r := range was.Rules {
			if !slices.Contains(would.Rules, r) {
				out = append(out, "-"+r)
			}
		}
		for _, r := range would.Rules {
			if !slices.Contains(was.Rules, r) {
				out = append(out, "+"+r)
			}
		}
		if len(out) == 0 {
			out = []string{sameRules}
		}
	}
	return out
}

// load counts what one side sends where.
func (m *Matrix) load(d *Decision, s *Side, was bool) {
	if s.Boundary == NoPool {
		return
	}
	t := m.pools[s.Pool]
	if t == nil {
		if len(m.pools) >= rowLimit {
			return
		}
		t = &Traffic{Pool: s.Pool, Boundary: s.Boundary}
		m.pools[s.Pool] = t
	}
	tokens := d.Facts.Request.Tokens
	price, priced := 0.0, false
	if s.Boundary == string(proxy.External) {
		price, priced = Price(d.Facts.Request.Model)
	}
	count := func(c *Change, n int) {
		if was {
			c.Was += n
		} else {
			c.Would += n
		}
	}
	count(&t.Requests, 1)
	count(&t.Tokens, tokens)
	cost := &m.report.Cost
	switch {
	case s.Boundary == string(proxy.Internal):
		count(&m.report.InHouse, tokens)
	case !priced:
		count(&cost.Unpriced, 1)
	case was:
		cost.Was += price * float64(tokens)
	default:
		cost.Would += price * float64(tokens)
	}
}

// Report gives what was counted; the same decisions in the same order give the
// same report.
func (m *Matrix) Report() Report {
	r := m.report
	r.Cells, r.Rows, r.Traffic, r.Suites = []Cell{}, []Row{}, []Traffic{}, []string{}
	for _, c := range m.cells {
		r.Cells = append(r.Cells, *c)
	}
	slices.SortFunc(r.Cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(b.Changed, a.Changed), cmp.Compare(b.Events, a.Events), strings.Compare(a.Was, b.Was), strings.Compare(a.Would, b.Would))
	})
	for _, row := range m.rows {
		r.Rows = append(r.Rows, *row)
	}
	slices.SortFunc(r.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Loosened, a.Loosened), cmp.Compare(b.Changed, a.Changed), strings.Compare(a.Key, b.Key))
	})
	for _, t := range m.pools {
		r.Traffic = append(r.Traffic, *t)
	}
	slices.SortFunc(r.Traffic, func(a, b Traffic) int { return strings.Compare(a.Pool, b.Pool) })
	for s := range m.suites {
		r.Suites = append(r.Suites, s)
	}
	slices.Sort(r.Suites)
	for _, names := range []*map[string]int{&r.Skipped, &r.Reasons} {
		if *names == nil {
			*names = map[string]int{}
		}
	}
	cents := func(sum float64) float64 { return math.Round(sum/perTokens*100) / 100 }
	r.Cost.Was, r.Cost.Would = cents(r.Cost.Was), cents(r.Cost.Would)
	r.Cost.Source = PriceSource
	return r
}

// NewlyDeniedShare gives newly denied decisions among those replayed, in
// percent.
func (r *Report) NewlyDeniedShare() float64 {
	if r.Replayed == 0 {
		return 0
	}
	return 100 * float64(r.NewlyDenied) / float64(r.Replayed)
}
