package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ostiary/ostiary/proxy"
)

// Study looks at how a set of policies decides, for its author: slowly, and with
// nothing remembered.
type Study struct{ *Set }

// Spoke lists the rules that contribute to the verdict on facts, lifted and
// merely observed ones included, by policy and line.
func (s Study) Spoke(ctx context.Context, f *proxy.Facts) ([]Rule, error) {
	if len(s.sets) == 0 {
		return nil, nil
	}
	all, err := s.evaluate(ctx, s.plan.value(f, s.memo))
	if err != nil {
		return nil, undecided(err)
	}
	list, err := s.contributions(all)
	if err != nil {
		return nil, undecided(err)
	}
	var out []Rule
	for i := range list {
		if !slices.ContainsFunc(out, func(r Rule) bool { return r.Policy == list[i].policy && r.ID == list[i].site.ID }) {
			out = append(out, *list[i].site)
		}
	}
	return out, nil
}

// Silence is a rule that did not contribute, and the expressions for which.
type Silence struct {
	Rule   Rule      `json:"rule"`
	Failed []Failure `json:"failed"`
}

// Failure is an expression that did not hold. Of a rule it is the one that came
// furthest; below it stand, deeper, those of the helpers that it asked.
type Failure struct {
	File       string `json:"file"`
	Line       int    `json:"line"`
	Expression string `json:"expression"` // as the author wrote it, shortened
	Holds      bool   `json:"holds"`      // it is negated, and what it denies is so
	Facts      []Fact `json:"facts"`      // that it names
	Depth      int    `json:"depth"`
}

// Fact is a fact by its name in a policy. Missing is true where the request has
// none.
type Fact struct {
	Name    string          `json:"name"`
	Value   json.RawMessage `json:"value,omitempty"`
	Missing bool            `json:"missing,omitempty"`
}

// Bounds of an explanation.
const (
	traceLimit      = 1 << 18 // events of one evaluation
	helperDepth     = 4       // helpers of helpers
	failuresShown   = 12      // of one rule
	expressionShown = 120     // bytes
	valueShown      = 80      // bytes of a fact's value
)

var errTrace = errors.New("the evaluation takes too many steps, or too long, to be explained")

// WhyNot explains, of the rules that a target names, those that did not
// contribute. A target is a set (deny, route, mask, require, warn, notify,
// allow), an action (reroute asks for route), a policy, or a rule by POLICY.RULE
// or its id.
func (s Study) WhyNot(ctx context.Context, f *proxy.Facts, target string) ([]Silence, error) {
	rules, err := s.named(target)
	if err != nil {
		return nil, err
	}
	input := factsValue(f)
	var out []Silence
	traces := map[string]*trace{}
	for _, r := range rules {
		key := r.Policy + "." + r.Set
		t := traces[key]
		if t == nil {
			if t, err = s.trace(ctx, "data.ostiary.policies."+key, input); err != nil {
				return nil, err
			}
			traces[key] = t
		}
		rule := s.ruleAt(&r)
		if rule == nil {
			return nil, fmt.Errorf("%s:%d: the rule is not there any more", r.File, r.Line)
		}
		if t.held(rule) {
			continue
		}
		out = append(out, Silence{Rule: r, Failed: s.quote(t.failures(rule, input, 0))})
	}
	return out, nil
}

// named gives the rules that a target names.
func (s Study) named(target string) ([]Rule, error) {
	if target == string(proxy.Reroute) {
		target = "route"
	}
	var out []Rule
	var names []string
	for _, p := range s.Policies() {
		names = append(names, p.Name)
		for _, r := range p.Rules {
			names = append(names, r.Policy+"."+r.ID)
			if r.Set == target || r.Policy == target || r.ID == target || r.Policy+"."+r.ID == target {
				out = append(out, r)
			}
		}
	}
	if len(out) == 0 && !slices.Contains(setNames, target) {
		return nil, fmt.Errorf("no set, policy or rule is called %q. %s", target, suggest(target, append(names, setNames...)))
	}
	return out, nil
}

// ruleAt gives the compiled rule of a place.
func (s Study) ruleAt(r *Rule) *ast.Rule {
	if m := s.program.compiler.Modules[r.File]; m != nil {
		for _, rule := range m.Rules {
			if rule.Location.Row == r.Line && rule.Head.Ref()[0].Value.String() == r.Set {
				return rule
			}
		}
	}
	return nil
}

// factsValue gives all facts as a value of Rego.
func factsValue(f *proxy.Facts) ast.Value { return plan(sections()).value(f, &memo{}) }

// trace is what happened in one evaluation, rule by rule. It implements
// topdown.QueryTracer.
type trace struct {
	owner  map[uint64]*call // by query, bodies of negations and comprehensions included
	calls  map[*ast.Rule][]*call
	events int
	over   context.CancelFunc // ends an evaluation of too many events
}

// call is one evaluation of a rule.
type call struct {
	rule     *ast.Rule
	query    uint64
	current  *ast.Expr // being evaluated
	furthest int       // index of the expression that failed last in the order of evaluation; -1
	failed   *ast.Expr
	asked    map[*ast.Expr][]*call // helpers, by the expression that asked
	held     bool
}

func (t *trace) Enabled() bool { return true }

func (t *trace) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

func (t *trace) TraceEvent(e topdown.Event) {
	if t.events++; t.events > traceLimit {
		t.over()
		return
	}
	switch e.Op {
	case topdown.EnterOp:
		above := t.owner[e.ParentID]
		rule, ok := e.Node.(*ast.Rule)
		if !ok {
			if above != nil {
				t.owner[e.QueryID] = above
			}
			return
		}
		c := &call{rule: rule, query: e.QueryID, furthest: -1, asked: map[*ast.Expr][]*call{}}
		t.owner[e.QueryID] = c
		t.calls[rule] = append(t.calls[rule], c)
		if above != nil && above.current != nil {
			above.asked[above.current] = append(above.asked[above.current], c)
		}
	case topdown.EvalOp:
		if c := t.owner[e.QueryID]; c != nil && c.query == e.QueryID {
			c.current, _ = e.Node.(*ast.Expr)
		}
	case topdown.FailOp:
		x, ok := e.Node.(*ast.Expr)
		if c := t.owner[e.QueryID]; ok && c != nil && c.query == e.QueryID && x.Index >= c.furthest {
			c.furthest, c.failed = x.Index, x
		}
	case topdown.ExitOp:
		if c := t.owner[e.QueryID]; c != nil && c.query == e.QueryID {
			c.held = true
		}
	}
}

// trace evaluates a query with every rule looked at: neither the index nor an
// early end leaves one out.
func (s Study) trace(ctx context.Context, query string, input ast.Value) (*trace, error) {
	q, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, testLimit)
	defer cancel()
	t := &trace{owner: map[uint64]*call{}, calls: map[*ast.Rule][]*call{}, over: cancel}
	_, err = q.Eval(limited, rego.EvalParsedInput(input), rego.EvalQueryTracer(t), rego.EvalRuleIndexing(false), rego.EvalEarlyExit(false))
	if limited.Err() != nil && ctx.Err() == nil {
		return nil, errTrace
	}
	if err != nil {
		return nil, undecided(evaluation(err))
	}
	return t, nil
}

func (t *trace) held(r *ast.Rule) bool {
	return slices.ContainsFunc(t.calls[r], func(c *call) bool { return c.held })
}

// failures gives what kept a rule from holding in the call that came furthest.
func (t *trace) failures(r *ast.Rule, input ast.Value, depth int) []Failure {
	var best *call
	for _, c := range t.calls[r] {
		if c.failed != nil && (best == nil || c.furthest > best.furthest) {
			best = c
		}
	}
	if best == nil {
		return []Failure{}
	}
	return best.failures(input, depth)
}

func (c *call) failures(input ast.Value, depth int) []Failure {
	x := c.failed
	f := Failure{File: x.Location.File, Line: x.Location.Row, Expression: shortened(string(x.Location.Text)), Holds: x.Negated, Facts: factsOf(c.rule, x, input), Depth: depth}
	out := []Failure{f}
	if depth == helperDepth || x.Negated {
		return out
	}
	seen := map[*ast.Rule]bool{}
	for _, h := range c.asked[x] {
		if h.held || h.failed == nil || seen[h.rule] {
			continue
		}
		seen[h.rule] = true
		out = append(out, h.failures(input, depth+1)...)
		if len(out) >= failuresShown {
			return out[:failuresShown]
		}
	}
	return out
}

// factsOf lists the facts that stand on the line of an expression: the compiler
// takes an expression apart.
func factsOf(r *ast.Rule, x *ast.Expr, input ast.Value) []Fact {
	out := []Fact{}
	add := func(ref ast.Ref) bool {
		if ref[0].Value.Compare(ast.InputRootDocument.Value) != 0 {
			return false
		}
		prefix := ref.ConstantPrefix()
		name := prefix.String()
		if len(prefix) < 2 || slices.ContainsFunc(out, func(f Fact) bool { return f.Name == name }) {
			return false
		}
		f := Fact{Name: name}
		v, err := input.Find(prefix[1:])
		if err == nil {
			var b []byte
			if b, err = valueJSON(v); err == nil && len(b) <= valueShown {
				f.Value = b
			}
		}
		f.Missing = err != nil
		out = append(out, f)
		return false
	}
	for _, e := range r.Body {
		if e.Location != nil && x.Location != nil && e.Location.Row == x.Location.Row {
			ast.WalkRefs(e, add)
		}
	}
	return out
}

// quote words the expressions as the author's lines have them: the compiler
// takes one apart, so that a comparison would be missing.
func (s Study) quote(list []Failure) []Failure {
	for i := range list {
		f := &list[i]
		lines := strings.Split(s.texts[f.File], "\n")
		if f.Line < 1 || f.Line > len(lines) {
			continue
		}
		if line := shortened(lines[f.Line-1]); strings.Contains(line, f.Expression) {
			f.Expression = line
		}
	}
	return list
}

func valueJSON(v ast.Value) ([]byte, error) {
	j, err := ast.JSON(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(j)
}

// shortened puts an expression on one line.
func shortened(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > expressionShown {
		s = strings.ToValidUTF8(s[:expressionShown], "") + " …"
	}
	return s
}

// Query evaluates a query of Rego over facts, with the policies and their data
// loaded, and gives each result as JSON: the value of its last expression, and
// the variables that it binds. It is for authors, not for decisions.
func (s Study) Query(ctx context.Context, query string, f *proxy.Facts) ([]json.RawMessage, error) {
	q, err := s.prepareQuery(query)
	if err != nil {
		return nil, problemsOf(err, "query").sorted()
	}
	limited, cancel := context.WithTimeout(ctx, testLimit)
	defer cancel()
	rs, err := q.Eval(limited, rego.EvalParsedInput(factsValue(f)))
	if err != nil {
		return nil, undecided(evaluation(err))
	}
	out := make([]json.RawMessage, 0, len(rs))
	for _, r := range rs {
		var v any = r.Bindings
		if len(r.Bindings) == 0 && len(r.Expressions) > 0 {
			v = r.Expressions[len(r.Expressions)-1].Value
		}
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// prepareQuery prepares an author's query: unlike [Set.prepare] it gives plain
// JSON.
func (s Study) prepareQuery(query string) (rego.PreparedEvalQuery, error) {
	return rego.New(
		rego.Query(query), rego.Compiler(s.program.compiler), rego.Store(s.program.store),
		rego.StrictBuiltinErrors(true), rego.Capabilities(capabilities()), rego.SetRegoVersion(ast.RegoV1),
		s.foldFunction(),
	).PrepareForEval(context.Background())
}

// Liftable says why the rule that POLICY.RULE names cannot be lifted, or nil.
func (s Study) Liftable(id string) error {
	site, what := s.program.find(id)
	switch {
	case what != "":
		return errors.New(strings.TrimSuffix(what+". "+suggest(id, s.program.ids()), ". "))
	case !strings.Contains(id, "."):
		return fmt.Errorf("write %s.%s", site.Policy, site.ID)
	case !site.liftable:
		return fmt.Errorf("the rule %s is not liftable (%s:%d): its author would have to write \"liftable\": true", id, site.File, site.Line)
	}
	return nil
}
