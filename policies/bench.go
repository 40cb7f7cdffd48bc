package policies

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/ostiary/ostiary/proxy"
)

// Timing is how long evaluations took.
type Timing struct {
	Runs int           `json:"runs"`
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
}

// RuleTiming is how long one rule takes alone, with the helpers that it asks.
type RuleTiming struct {
	Rule Rule `json:"rule"`
	// Indexed is true where OPA leaves the rule out of a harmless request,
	// without evaluating it.
	Indexed bool `json:"indexed"`
	Timing
}

// Bounds of a bench.
const (
	benchWarm  = 32   // runs that do not count
	benchLeast = 64   // runs of each rule
	benchRules = 2000 // rules that are timed alone
)

// Bench times decisions on facts: of the whole set as it decides, without what it
// remembers of earlier answers, and of each rule alone. each is the time that is
// spent on the set, and on a rule a tenth of it.
func (s Study) Bench(ctx context.Context, list []*proxy.Facts, each time.Duration) (Timing, []RuleTiming, error) {
	if len(list) == 0 {
		list = []*proxy.Facts{Example()}
	}
	whole, err := timed(ctx, each, len(list), func(i int) error {
		f := list[i]
		v := viewOf(f)
		all, err := s.evaluate(ctx, s.plan.value(f, s.memo))
		if err == nil {
			_, err = s.fold(all, &v)
		}
		return err
	})
	if err != nil {
		return whole, nil, undecided(err)
	}
	inputs := make([]ast.Value, len(list))
	for i, f := range list {
		inputs[i] = s.plan.value(f, s.memo)
	}
	var out []RuleTiming
	indexed, err := s.indexed()
	if err != nil {
		return whole, nil, err
	}
	for _, p := range s.Policies() {
		for _, r := range p.Rules {
			if len(out) == benchRules {
				return whole, out, fmt.Errorf("more than %d rules", benchRules)
			}
			q, err := s.alone(&r)
			if err != nil {
				return whole, out, err
			}
			t, err := timed(ctx, each/10, len(inputs), func(i int) error {
				_, err := q.Eval(ctx, rego.EvalParsedInput(inputs[i]))
				return err
			})
			if err != nil {
				return whole, out, undecided(evaluation(err))
			}
			out = append(out, RuleTiming{r, indexed[fmt.Sprintf("%s:%d", r.File, r.Line)], t})
		}
	}
	return whole, out, nil
}

// timed runs f in turn on n things for a time.
func timed(ctx context.Context, each time.Duration, n int, f func(i int) error) (Timing, error) {
	for i := range benchWarm {
		if err := f(i % n); err != nil {
			return Timing{}, err
		}
	}
	var took []time.Duration
	for begin := time.Now(); len(took) < benchLeast || time.Since(begin) < each; {
		if ctx.Err() != nil {
			return Timing{}, ctx.Err()
		}
		one := time.Now()
		if err := f(len(took) % n); err != nil {
			return Timing{}, err
		}
		took = append(took, time.Since(one))
	}
	slices.Sort(took)
	at := func(share float64) time.Duration {
		return took[min(len(took)-1, int(math.Ceil(share*float64(len(took))))-1)]
	}
	return Timing{Runs: len(took), P50: at(0.5), P99: at(0.99)}, nil
}

// alone compiles the policies with one rule of a set left in it, and prepares the
// set: what the rule takes.
func (s Study) alone(r *Rule) (rego.PreparedEvalQuery, error) {
	modules, bad := parse(s.texts)
	library, more := parse(s.program.library())
	if bad = append(bad, more...); len(bad) > 0 {
		return rego.PreparedEvalQuery{}, bad
	}
	for p, m := range modules {
		if name, _, _ := packageOf(m); name == r.Policy {
			m.Rules = slices.DeleteFunc(m.Rules, func(o *ast.Rule) bool {
				return o.Head.Ref()[0].Value.String() == r.Set && (p != r.File || o.Location.Row != r.Line)
			})
		}
	}
	for p, m := range library {
		modules[p] = m
	}
	c := s.program.newCompiler().WithStrict(false)
	if c.Compile(modules); c.Failed() {
		return rego.PreparedEvalQuery{}, problemsOf(c.Errors, "").sorted()
	}
	return rego.New(
		rego.Query("data.ostiary.policies."+r.Policy+"."+r.Set), rego.Compiler(c), rego.Store(s.program.store),
		rego.StrictBuiltinErrors(true), rego.Capabilities(capabilities()), rego.SetRegoVersion(ast.RegoV1),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }), s.foldFunction(),
	).PrepareForEval(context.Background())
}

// resolver resolves references in the facts of [Example] and in the data.
type resolver struct{ input, data ast.Value }

func (r resolver) Resolve(ref ast.Ref) (ast.Value, error) {
	root := r.data
	if ref[0].Value.Compare(ast.InputRootDocument.Value) == 0 {
		root = r.input
	}
	v, err := root.Find(ref[1:])
	if err != nil {
		return nil, nil // undefined
	}
	return v, nil
}

// indexed gives the rules, by file:line, that OPA leaves out of a harmless request
// without evaluating them, because of what they compare.
func (s Study) indexed() (map[string]bool, error) {
	data, err := ast.InterfaceToValue(s.data)
	if err != nil {
		return nil, err
	}
	harmless := resolver{factsValue(Example()), data}
	out := map[string]bool{}
	for _, p := range s.program.policies {
		for _, set := range p.Sets {
			ref := ast.MustParseRef("data.ostiary.policies." + p.Name + "." + set)
			all := s.program.compiler.GetRulesExact(ref)
			for _, r := range all {
				out[fmt.Sprintf("%s:%d", r.Location.File, r.Location.Row)] = true
			}
			index := s.program.compiler.RuleIndex(ref)
			var left []*ast.Rule
			if index == nil {
				left = all
			} else if res, err := index.Lookup(harmless); err == nil {
				left = res.Rules
			}
			for _, r := range left {
				out[fmt.Sprintf("%s:%d", r.Location.File, r.Location.Row)] = false
			}
		}
	}
	return out, nil
}
