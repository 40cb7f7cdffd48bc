package policies

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/ostiary/ostiary/proxy"
)

// Options say which policies to load. The zero Options load the shipped ones.
type Options struct {
	Path     string   // a directory, or an OPA bundle (a gzipped tar)
	FS       fs.FS    // or a directory as a file system
	Expected []string // policies without which nothing passes; none: whatever is found
	Known    Known
	Modes    []ModeRule
	Keys     []Key // where given, a bundle must be signed by one of them, and a directory is refused
}

// Key verifies a bundle.
type Key struct {
	ID        string // as in the bundle's signature
	PEM       string // the public key
	Algorithm string // RS256, ES256 …; empty means RS256
	Scope     string
}

func (k *Key) algorithm() string {
	if k.Algorithm == "" {
		return "RS256"
	}
	return k.Algorithm
}

// Set is a compiled set of policies. It implements [proxy.Decider] and is safe
// for concurrent use; a change of the policies makes a new one.
type Set struct {
	program     *program
	query       rego.PreparedEvalQuery
	sets        []said // what query gives, in its order; members empty
	direct      *direct
	rest        rego.PreparedEvalQuery // what direct leaves, in its order
	plan        plan
	memo        *memo
	answers     *answers
	known       Known
	absent      []string // expected and not loaded
	warnings    []string
	modes       []ModeRule
	revision    string
	libraryLine int
	texts       map[string]string // of the policies, by file
	data        map[string]any    // never written
	hosts       []HostRule
}

var _ proxy.Decider = (*Set)(nil)

// Load reads, checks and compiles policies. Its error is [Problems]: all that is
// wrong, for the author. An empty directory, or one that lacks an expected
// policy, is no error: it loads, denies everything, and says so in Warnings.
func Load(o Options) (*Set, error) {
	src, bad := read(&o)
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	s, bad := build(src, &o)
	if len(bad) > 0 {
		return nil, bad.sorted()
	}
	return s, nil
}

// build makes a Set of a source.
func build(src *source, o *Options) (*Set, Problems) {
	pr, bad := compile(src, &o.Known)
	if len(bad) > 0 {
		return nil, bad
	}
	expected := slices.Clone(o.Expected)
	if o.Path == "" && o.FS == nil {
		expected = append(expected, shippedNames...)
	}
	slices.Sort(expected)
	expected = slices.Compact(expected)
	s := &Set{program: pr, memo: &memo{}, answers: &answers{}, known: o.Known, revision: src.revision(expected, o.Modes), modes: slices.Clone(o.Modes), warnings: src.warnings, texts: src.rego, data: src.data}
	if bad := s.checkModes(o.Modes); len(bad) > 0 {
		return nil, bad
	}
	for _, name := range expected {
		if _, ok := pr.sites[name]; !ok {
			s.absent = append(s.absent, name)
		}
	}
	for _, r := range pr.compiler.Modules[libraryFile].Rules {
		if r.Head.Ref()[0].Value.String() == "verdict" {
			s.libraryLine = r.Location.Row
		}
	}
	s.warn()
	s.plan = planFacts(pr.uses())
	var refs []string
	for _, p := range pr.policies {
		for _, set := range p.Sets {
			s.sets = append(s.sets, said{policy: p.Name, set: set})
			refs = append(refs, "data.ostiary.policies."+p.Name+"."+set)
		}
	}
	// The sets themselves: by way of data.ostiary.contributions it costs a
	// third more.
	q, err := s.prepare("[" + strings.Join(refs, ", ") + "]")
	if err != nil {
		return nil, Problems{{What: "the policies cannot be prepared: " + err.Error()}}
	}
	s.query = q
	s.direct = newDirect(pr, src.data, s.sets)
	if n := s.direct.left; n == len(refs) {
		s.rest = q
	} else if n > 0 {
		left := make([]string, 0, n)
		for i, g := range s.direct.sets {
			if g == nil {
				left = append(left, refs[i])
			}
		}
		if s.rest, err = s.prepare("[" + strings.Join(left, ", ") + "]"); err != nil {
			return nil, Problems{{What: "the policies cannot be prepared: " + err.Error()}}
		}
	}
	if bad := s.invalid(); len(bad) > 0 {
		return nil, bad
	}
	if bad := s.evaluateHosts(); len(bad) > 0 {
		return nil, bad
	}
	return s, nil
}

func (s *Set) warn() {
	if !s.program.decides() {
		s.warnings = append(s.warnings, "no policies loaded: every request is refused")
	}
	for _, m := range s.modes {
		if m.Mode != ModeEnforce {
			s.warnings = append(s.warnings, m.sentence())
		}
	}
	for _, name := range s.absent {
		s.warnings = append(s.warnings, "the policy "+name+" is expected and not loaded: every request is refused")
	}
	for _, p := range s.program.policies {
		for _, r := range slices.Concat(p.Rules, p.Hosts) {
			if r.Title == r.ID {
				s.warnings = append(s.warnings, r.File+":"+strconv.Itoa(r.Line)+": the rule "+p.Name+"."+r.ID+" has no title (# METADATA, # title: …)")
			}
		}
	}
}

// prepare prepares a query for many evaluations.
func (s *Set) prepare(query string) (rego.PreparedEvalQuery, error) {
	return rego.New(
		rego.Query(query), rego.Compiler(s.program.compiler), rego.Store(s.program.store),
		rego.StrictBuiltinErrors(true), rego.Capabilities(capabilities()), rego.SetRegoVersion(ast.RegoV1),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }),
		s.foldFunction(),
	).PrepareForEval(context.Background())
}

// foldFunction is ostiary.fold for one evaluation environment: not registered
// with the process.
func (s *Set) foldFunction() func(*rego.Rego) {
	return rego.Function2(
		&rego.Function{Name: foldDecl.Name, Decl: types.NewFunction(types.Args(types.A, types.A), types.A)},
		func(_ rego.BuiltinContext, said, input *ast.Term) (*ast.Term, error) {
			v := viewOfValue(input.Value)
			verdict, err := s.fold(saidIn(said.Value), &v)
			if err != nil {
				return nil, err
			}
			return verdictValue(&verdict), nil
		},
	)
}

// invalid evaluates the sets named invalid: what policies find wrong with their
// own data.
func (s *Set) invalid() Problems {
	var bad Problems
	for _, p := range s.program.policies {
		path := ast.MustParseRef("data.ostiary.policies." + p.Name + ".invalid")
		rules := s.program.compiler.GetRulesExact(path)
		if len(rules) == 0 {
			continue
		}
		l := rules[0].Location
		ctx, cancel := context.WithTimeout(context.Background(), proxy.DefaultDecisionLimit)
		q, err := s.prepare(path.String())
		var rs rego.ResultSet
		if err == nil {
			rs, err = q.Eval(ctx)
		}
		cancel()
		if err != nil || len(rs) != 1 {
			bad = append(bad, problemAt(l, "the check of the policy's data cannot be evaluated", fmt.Sprint("It may not depend on the request: ", err)))
			continue
		}
		set, ok := rs[0].Expressions[0].Value.(ast.Set)
		if !ok {
			bad = append(bad, problemAt(l, "invalid is not a set", "Write: invalid contains \"…\" if …"))
			continue
		}
		set.Foreach(func(t *ast.Term) {
			what := strings.Trim(t.Value.String(), `"`)
			bad = append(bad, Problem{What: "data of the policy " + p.Name + ": " + what})
		})
	}
	return bad
}

// errUndecided and its siblings are the causes of an undecided request, in
// constant words.
var (
	errTimeout   = errors.New("policy evaluation took longer than the request may")
	errUndefined = errors.New("policy evaluation gave no result")
	errPanic     = errors.New("policy evaluation met a fault of its own")
)

// evaluationError names the line of a policy that failed, and not what it
// failed on.
type evaluationError struct {
	code, file string
	line       int
}

func (e *evaluationError) Error() string {
	if e.file == "" {
		return "policy evaluation failed: " + e.code
	}
	return "policy evaluation failed at " + e.file + ":" + strconv.Itoa(e.line) + ": " + e.code
}

// Decide asks the policies. Its error is an [proxy.Error] of kind Undecided:
// the deadline, a conflict, a builtin's error, or a contribution that is not in
// the form of the contract. The same facts give the same verdict.
func (s *Set) Decide(ctx context.Context, f *proxy.Facts) (verdict proxy.Verdict, err error) {
	defer func() {
		if recover() != nil {
			verdict, err = proxy.Verdict{}, undecided(errPanic)
		}
	}()
	if ctx.Err() != nil {
		return proxy.Verdict{}, undecided(errTimeout)
	}
	v := viewOf(f)
	if len(s.sets) == 0 {
		return s.fold(nil, &v)
	}
	input := s.plan.value(f, s.memo)
	all, known := s.answers.get(input)
	if !known {
		if all, err = s.evaluate(ctx, input); err != nil {
			return proxy.Verdict{}, undecided(err)
		}
		s.answers.put(f, input, all)
	}
	if verdict, err = s.fold(all, &v); err != nil {
		return proxy.Verdict{}, undecided(err)
	}
	return verdict, nil
}

// evaluate asks the policies about an input: those that can be evaluated directly,
// and OPA for the others, or for all of them where anything went wrong.
func (s *Set) evaluate(ctx context.Context, input ast.Value) ([]said, error) {
	if ctx.Err() != nil {
		return nil, errTimeout
	}
	all := slices.Clone(s.sets)
	if !s.direct.evaluate(ctx, input, all) {
		return s.ask(ctx, input, s.query, all)
	}
	if s.direct.left == 0 {
		return all, nil
	}
	rest := make([]said, 0, s.direct.left)
	for i, g := range s.direct.sets {
		if g == nil {
			rest = append(rest, all[i])
		}
	}
	rest, err := s.ask(ctx, input, s.rest, rest)
	if err != nil {
		// Which error it is may depend on what else is asked.
		return s.ask(ctx, input, s.query, all)
	}
	for i, g := range s.direct.sets {
		if g == nil {
			all[i].members, rest = rest[0].members, rest[1:]
		}
	}
	return all, nil
}

// ask asks OPA. It fills in the members of all, which are those of the query.
func (s *Set) ask(ctx context.Context, input ast.Value, query rego.PreparedEvalQuery, all []said) ([]said, error) {
	if ctx.Err() != nil {
		return nil, errTimeout
	}
	// A goroutine per evaluation, which OPA starts by itself, costs more than
	// a small policy.
	stop := topdown.NewCancel()
	release := context.AfterFunc(ctx, stop.Cancel)
	defer release()
	rs, err := query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalExternalCancel(stop))
	if err != nil {
		return nil, evaluation(err)
	}
	if len(rs) != 1 || len(rs[0].Expressions) != 1 {
		return nil, errUndefined
	}
	list, ok := rs[0].Expressions[0].Value.(*ast.Array)
	if !ok || list.Len() != len(all) {
		return nil, errUndefined
	}
	for i := range all {
		all[i].members = list.Elem(i).Value
	}
	return all, nil
}

func undecided(err error) *proxy.Error {
	return &proxy.Error{Op: "decide", Kind: proxy.Undecided, Err: err}
}

func evaluation(err error) error {
	var te *topdown.Error
	if !errors.As(err, &te) {
		return &evaluationError{code: "error"}
	}
	if te.Code == topdown.CancelErr {
		return errTimeout
	}
	out := &evaluationError{code: te.Code}
	if te.Location != nil {
		out.file, out.line = te.Location.File, te.Location.Row
	}
	return out
}

// Revision is the digest of the loaded files, the library, the version of the
// evaluator and the expected policies: sha256: and 32 hex digits.
func (s *Set) Revision() string { return s.revision }

// Warnings are for the operator at start, a sentence each: what denies
// everything, files that were not read, rules without a title.
func (s *Set) Warnings() []string { return slices.Clone(s.warnings) }

// Policies lists what was loaded, by name, with its rules in the order of the
// text.
func (s *Set) Policies() []Policy {
	out := slices.Clone(s.program.policies)
	for i := range out {
		out[i].Rules = slices.Clone(out[i].Rules)
		sort.SliceStable(out[i].Rules, func(a, b int) bool {
			x, y := &out[i].Rules[a], &out[i].Rules[b]
			return x.File < y.File || x.File == y.File && x.Line < y.Line
		})
	}
	return out
}
