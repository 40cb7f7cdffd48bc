package policies

import (
	"context"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/ostiary/ostiary/proxy"
)

// Meter counts what of a policy directory tests and facts made use of: lines,
// and rules that spoke. It is not safe for concurrent use.
type Meter struct {
	cover    *cover.Cover
	hits     map[string]int  // by POLICY.RULE
	types    map[string]int  // facts that hold a finding of the type
	groups   map[string]bool // of those types: "TYPE group"
	measured int
}

// NewMeter makes a meter that has counted nothing.
func NewMeter() *Meter {
	return &Meter{cover: cover.New(), hits: map[string]int{}, types: map[string]int{}, groups: map[string]bool{}}
}

// Measure decides facts and counts what was made use of. The error is that of
// [Set.Decide]; what was used until then is counted.
func (s Study) Measure(ctx context.Context, f *proxy.Facts, m *Meter) error {
	m.note(f)
	if len(s.sets) == 0 {
		return nil
	}
	_, err := s.query.Eval(ctx, rego.EvalParsedInput(s.plan.value(f, s.memo)), rego.EvalQueryTracer(m.cover))
	if err != nil {
		return undecided(evaluation(err))
	}
	return s.count(ctx, f, m)
}

// Count is [Study.Measure] without the lines, and several times as fast.
func (s Study) Count(ctx context.Context, f *proxy.Facts, m *Meter) error {
	m.note(f)
	return s.count(ctx, f, m)
}

func (m *Meter) note(f *proxy.Facts) {
	m.measured++
	for t, n := range f.Findings.Types {
		m.types[t]++
		for _, g := range n.Groups {
			m.groups[t+" "+g] = true
		}
	}
}

func (s Study) count(ctx context.Context, f *proxy.Facts, m *Meter) error {
	rules, err := s.Spoke(ctx, f)
	for _, r := range rules {
		m.hits[r.Policy+"."+r.ID]++
	}
	return err
}

// Coverage is how much of the policies was made use of.
type Coverage struct {
	Percent float64        `json:"percent"` // of the lines that hold an expression or a rule's head
	Files   []FileCoverage `json:"files"`
}

// FileCoverage is the coverage of one file.
type FileCoverage struct {
	File    string   `json:"file"`
	Lines   int      `json:"lines"`
	Covered int      `json:"covered"`
	Missing []Lines  `json:"missing"`
	Rules   []string `json:"rules"` // that never spoke
}

// Lines are lines of a file, both ends included.
type Lines struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Coverage gives the lines that were made use of, by file.
func (s Study) Coverage(m *Meter) (Coverage, error) {
	modules, bad := parse(s.texts)
	if len(bad) > 0 {
		return Coverage{}, bad
	}
	report := m.cover.Report(modules)
	out := Coverage{Files: []FileCoverage{}}
	lines, covered := 0, 0
	for _, p := range sortedKeys(modules) {
		r := report.Files[p]
		if r == nil {
			continue
		}
		f := FileCoverage{File: p, Covered: r.CoveredLines, Lines: r.CoveredLines + r.NotCoveredLines, Missing: []Lines{}, Rules: []string{}}
		for _, x := range r.NotCovered {
			f.Missing = appendLines(f.Missing, x.Start.Row, x.End.Row)
		}
		for _, pol := range s.program.policies {
			for _, rule := range pol.Rules {
				if rule.File == p && !slices.ContainsFunc(r.Covered, func(x cover.Range) bool { return x.Start.Row == headRow(modules[p], &rule) }) {
					f.Rules = append(f.Rules, rule.Policy+"."+rule.ID)
				}
			}
		}
		lines, covered = lines+f.Lines, covered+f.Covered
		out.Files = append(out.Files, f)
	}
	out.Percent = 100
	if lines > 0 {
		out.Percent = 100 * float64(covered) / float64(lines)
	}
	return out, nil
}

func headRow(m *ast.Module, rule *Rule) int {
	for _, r := range m.Rules {
		if r.Location.Row == rule.Line {
			return r.Head.Location.Row
		}
	}
	return rule.Line
}

// appendLines adds lines, in order, to those that are there.
func appendLines(list []Lines, from, to int) []Lines {
	if n := len(list); n > 0 && from <= list[n-1].To+1 {
		list[n-1].To = max(list[n-1].To, to)
		return list
	}
	return append(list, Lines{from, to})
}

// Usage is what of the rules the measured facts made use of.
type Usage struct {
	Facts       int        `json:"facts"` // how many were measured
	Rules       []RuleUse  `json:"rules"`
	Unmentioned []Unspoken `json:"unmentioned"` // findings that no rule and no data names, by type or group
}

// RuleUse says how often a rule spoke.
type RuleUse struct {
	Rule Rule `json:"rule"`
	Hits int  `json:"hits"`
}

// Unspoken is a type of finding that no policy speaks of.
type Unspoken struct {
	Type   string   `json:"type"`
	Groups []string `json:"groups"`
	Facts  int      `json:"facts"` // that hold one
}

// Usage gives what was counted. A type is mentioned where its name, or that of
// one of its groups, stands in a rule or in the data.
func (s Study) Usage(m *Meter) Usage {
	out := Usage{Facts: m.measured, Rules: []RuleUse{}, Unmentioned: []Unspoken{}}
	for _, p := range s.Policies() {
		for _, r := range p.Rules {
			out.Rules = append(out.Rules, RuleUse{r, m.hits[r.Policy+"."+r.ID]})
		}
	}
	said := s.words()
	for _, t := range sortedKeys(m.types) {
		u := Unspoken{Type: t, Groups: []string{}, Facts: m.types[t]}
		mentioned := said[t]
		for _, k := range sortedKeys(m.groups) {
			if typ, group, _ := strings.Cut(k, " "); typ == t {
				u.Groups = append(u.Groups, group)
				mentioned = mentioned || said[group]
			}
		}
		if !mentioned {
			out.Unmentioned = append(out.Unmentioned, u)
		}
	}
	return out
}

// words gives every string that rules and data hold.
func (s Study) words() map[string]bool {
	out := map[string]bool{}
	for p, m := range s.program.compiler.Modules {
		if p == libraryFile || p == generatedFile {
			continue
		}
		ast.WalkTerms(m, func(t *ast.Term) bool {
			if w, ok := t.Value.(ast.String); ok {
				out[string(w)] = true
			}
			return false
		})
	}
	collect(s.data, out)
	return out
}

func collect(v any, out map[string]bool) {
	switch x := v.(type) {
	case string:
		out[x] = true
	case []any:
		for _, e := range x {
			collect(e, out)
		}
	case map[string]any:
		for k, e := range x {
			out[k] = true
			collect(e, out)
		}
	}
}
