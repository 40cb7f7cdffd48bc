package policies

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
)

// testLimit bounds one unit test.
const testLimit = 10 * time.Second

// TestResult is the result of one Rego unit test, a rule named test_… in a file
// named …_test.rego.
type TestResult struct {
	Name   string // package and rule
	File   string
	Line   int
	Passed bool
	Skip   bool     // named todo_test_…
	Output string   // of print
	Error  string   // where the test failed by an error
	Cases  []string // of a parameterised test: the names of those that failed
}

// Test runs the unit tests of a policy directory, by file and line, in the
// environment of decisions: the same builtins, schema and library, and
// data.ostiary.verdict folded as decisions are. It fails as [Load] does.
func Test(ctx context.Context, o Options) ([]TestResult, error) { return TestMeasured(ctx, o, nil) }

// TestMeasured is [Test], and counts in m, unless it is nil, what the tests made
// use of.
func TestMeasured(ctx context.Context, o Options, m *Meter) ([]TestResult, error) {
	src, bad := read(&o)
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	tests, bad := parse(src.tests)
	for _, p := range sortedKeys(tests) {
		if path := tests[p].Package.Path; len(path) > 1 && path[1].Value.Compare(ast.String("ostiary")) == 0 {
			bad = append(bad, problemAt(tests[p].Package.Location, "the test's package lies below ostiary", "Name it NAME_test"))
		}
	}
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	set, bad := build(src, &o)
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	pr := set.program
	for _, texts := range []map[string]string{src.rego, pr.library()} { // once more: a compiler writes on what it is given
		parsed, bad := parse(texts)
		if len(bad) > 0 {
			return nil, bad.sorted()
		}
		maps.Copy(tests, parsed)
	}
	txn, err := pr.store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer pr.store.Abort(ctx, txn)
	runner := tester.NewRunner().
		SetCompiler(pr.newCompiler().WithEnablePrintStatements(true)).
		SetStore(pr.store).SetModules(tests).SetDefaultRegoVersion(ast.RegoV1).
		AddCustomBuiltins([]*tester.Builtin{{Decl: foldDecl, Func: set.foldFunction()}}).
		RaiseBuiltinErrors(true).CapturePrintOutput(true).SetTimeout(testLimit)
	if m != nil {
		runner.SetCoverageQueryTracer(m.cover).SetCoverageRuns([]cover.Kind{})
	}
	results, err := runner.RunTests(ctx, txn)
	if err != nil {
		return nil, problemsOf(err, "").sorted()
	}
	var out []TestResult
	for r := range results {
		if r == nil {
			continue
		}
		t := TestResult{Name: r.Package + "." + r.Name, Passed: r.Pass(), Skip: r.Skip, Output: string(r.Output)}
		if r.Location != nil {
			t.File, t.Line = r.Location.File, r.Location.Row
		}
		if r.Error != nil {
			t.Error = r.Error.Error()
		}
		for names, sub := range r.SubResults.Iter {
			if sub.Fail {
				t.Cases = append(t.Cases, strings.Join(names, "/"))
			}
		}
		slices.Sort(t.Cases)
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b TestResult) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}
