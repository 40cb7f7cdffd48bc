package policies_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"github.com/ostiary/ostiary/policies"
)

// A mutant is a rule with one mistake of those that people make.
type mutant struct {
	policy string
	what   string // the mistake, with its line
	text   string // of the changed file
}

// caughtShare is how many of a hundred mutants the unit tests must catch.
const caughtShare = 90

// sampledEach is how many mutants stand for one that is tried with -short.
const sampledEach = 12

// equivalents are mutants that no test can catch, because they decide as the
// rule does, with the reason. A key is POLICY: and the mutant's name, without
// its line.
var equivalents = map[string]string{
	"unknown: gt(input.opaque.count, 0) became gte(input.opaque.count, 0)":                                      "the condition below it is false where there is no opaque part",
	"unknown: the condition gt(input.opaque.count, 0) dropped":                                                  "the condition below it is false where there is no opaque part",
	"residency: gt(count(input.findings.groups), 0) became gte(count(input.findings.groups), 0)":                "it only spares the look at the classes where nothing was found",
	"residency: the condition gt(count(input.findings.groups), 0) dropped":                                      "it only spares the look at the classes where nothing was found",
	"gdpr: gt(input.findings.groups.identifier.count, 0) became gte(input.findings.groups.identifier.count, 0)": "it only spares the look at the numbers where none was found",
	"gdpr: the condition gt(input.findings.groups.identifier.count, 0) dropped":                                 "it only spares the look at the numbers where none was found",
	"exceptions: gt(count(exceptions.list), 0) became gte(count(exceptions.list), 0)":                           "it only spares the look at an empty list",
	"exceptions: the condition gt(count(exceptions.list), 0) dropped":                                           "it only spares the look at an empty list",
	"exceptions: gt(count(excepted), 0) became gte(count(excepted), 0)":                                         "the condition below it is false where no type is excepted",
	"exceptions: the condition gt(count(excepted), 0) dropped":                                                  "the condition below it is false where no type is excepted",
}

// flipped are the mistakes in comparisons.
var flipped = map[string][]string{
	"gt": {"gte", "lt"}, "gte": {"gt"}, "lt": {"lte", "gt"}, "lte": {"lt"}, "equal": {"neq"}, "neq": {"equal"},
}

// mutants makes every mutant of a policy's rules.
func mutants(t *testing.T, policy string, file policies.File) []mutant {
	t.Helper()
	parse := func() *ast.Module {
		m, err := ast.ParseModuleWithOpts(file.Path, file.Text, ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	var out []mutant
	add := func(m *ast.Module, line int, what string) {
		text, err := format.AstWithOpts(m, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			return // cannot be written: no mistake that anybody makes
		}
		out = append(out, mutant{policy, fmt.Sprintf("line %d: %s", line, what), string(text)})
	}
	// Each mistake is made on a module of its own, found again by its place in
	// the walk.
	for i := range parse().Rules {
		m := parse()
		r := m.Rules[i]
		m.Rules = slices.Delete(m.Rules, i, i+1)
		add(m, r.Location.Row, "the rule "+r.Head.Ref().String()+" dropped")
	}
	count := func(visit func(m *ast.Module, at int) bool) {
		for at := 0; visit(parse(), at); at++ {
		}
	}
	bodies := func(m *ast.Module, at int, change func(b ast.Body, i int) (ast.Body, string)) bool {
		n, found := 0, false
		set := func(b *ast.Body) {
			for i := range *b {
				if n++; n-1 == at && !found {
					found = true
					line := (*b)[i].Location.Row
					changed, what := change(*b, i)
					if what != "" {
						*b = changed
						add(m, line, what)
					}
				}
			}
		}
		for _, r := range m.Rules {
			if r.Head.RuleKind() == ast.MultiValue || len(r.Body) > 1 || !isTrue(r.Body) {
				set(&r.Body)
			}
			ast.WalkTerms(r, func(t *ast.Term) bool {
				switch c := t.Value.(type) {
				case *ast.SetComprehension:
					set(&c.Body)
				case *ast.ArrayComprehension:
					set(&c.Body)
				case *ast.ObjectComprehension:
					set(&c.Body)
				}
				return false
			})
		}
		return found
	}
	count(func(m *ast.Module, at int) bool {
		return bodies(m, at, func(b ast.Body, i int) (ast.Body, string) {
			if len(b) == 1 || isSome(b[i]) {
				return b, ""
			}
			what := "the condition " + b[i].String() + " dropped"
			return slices.Delete(slices.Clone(b), i, i+1), what
		})
	})
	count(func(m *ast.Module, at int) bool {
		return bodies(m, at, func(b ast.Body, i int) (ast.Body, string) {
			if isSome(b[i]) || b[i].IsAssignment() {
				return b, ""
			}
			what := "the condition " + b[i].String() + " negated"
			b[i].Negated = !b[i].Negated
			return b, what
		})
	})
	count(func(m *ast.Module, at int) bool {
		n, found := 0, false
		ast.WalkExprs(m, func(e *ast.Expr) bool {
			if !e.IsCall() {
				return false
			}
			for _, other := range flipped[e.Operator().String()] {
				if n++; n-1 == at && !found {
					found = true
					line, what := e.Location.Row, e.String()
					e.SetOperator(ast.RefTerm(ast.VarTerm(other)))
					add(m, line, what+" became "+e.String())
				}
			}
			return false
		})
		return found
	})
	count(func(m *ast.Module, at int) bool {
		n, found := 0, false
		messages := messagesOf(m)
		for _, r := range m.Rules {
			ast.WalkTerms(r, func(t *ast.Term) bool {
				if found || t.Location == nil || messages[t] {
					return found
				}
				var changed ast.Value
				switch v := t.Value.(type) {
				case ast.Number:
					i, ok := v.Int()
					if !ok {
						return false
					}
					changed = ast.Number(strconv.Itoa(i + 1))
				case ast.Boolean:
					if !slices.Contains(literals(r), t) {
						return false
					}
					changed = !v
				case ast.String:
					if !slices.Contains(literals(r), t) {
						return false
					}
					changed = v + "_x"
				default:
					return false
				}
				if n++; n-1 == at {
					found = true
					what := t.String()
					t.Value = changed
					t.Location.Text = []byte(t.String()) // the formatter writes strings as they were read
					add(m, t.Location.Row, what+" became "+t.String())
				}
				return found
			})
		}
		return found
	})
	return out
}

func isTrue(b ast.Body) bool {
	return len(b) == 1 && b[0].Equal(ast.NewExpr(ast.BooleanTerm(true)))
}

func isSome(e *ast.Expr) bool {
	_, ok := e.Terms.(*ast.SomeDecl)
	return ok
}

// literals are the constants of a rule that stand for themselves: members of
// lists, sets and objects, and operands; not the names in references.
func literals(r *ast.Rule) []*ast.Term {
	inRef := map[*ast.Term]bool{}
	ast.WalkRefs(r, func(ref ast.Ref) bool {
		for _, t := range ref {
			inRef[t] = true
		}
		return false
	})
	var out []*ast.Term
	ast.WalkTerms(r, func(t *ast.Term) bool {
		switch t.Value.(type) {
		case ast.String, ast.Boolean:
			if !inRef[t] {
				out = append(out, t)
			}
		}
		return false
	})
	return out
}

// messagesOf are the sentences of a module, which are for people, and the keys of
// contributions, which the contract checks.
func messagesOf(m *ast.Module) map[*ast.Term]bool {
	out := map[*ast.Term]bool{}
	for _, r := range m.Rules {
		if r.Head.Ref().String() == "invalid" && r.Head.Key != nil {
			ast.WalkTerms(r.Head.Key, func(t *ast.Term) bool { out[t] = true; return false })
		}
		ast.WalkTerms(r, func(t *ast.Term) bool {
			if c, ok := t.Value.(ast.Call); ok && c[0].String() == "sprintf" {
				out[c[1]] = true
			}
			if o, ok := t.Value.(ast.Object); ok {
				o.Foreach(func(k, v *ast.Term) {
					out[k] = true
					if k.Equal(ast.StringTerm("message")) {
						out[v] = true
					}
				})
			}
			return false
		})
	}
	return out
}

// caught reports whether the unit tests notice a mutant, and whether it lives at
// all: one that does not load is no mutant.
func caught(e *policies.CatalogEntry, m mutant) (noticed, lives bool) {
	dir := fstest.MapFS{}
	for _, f := range e.Files {
		text := f.Text
		if f.Path == e.Name+"/"+e.Name+".rego" {
			text = m.text
		}
		dir[f.Path] = &fstest.MapFile{Data: []byte(text)}
	}
	results, err := policies.Test(context.Background(), policies.Options{FS: dir})
	if err != nil {
		// What is refused at load is caught by the compiler, or by the check of
		// the data; the first is no mistake that a test could see.
		return true, strings.Contains(err.Error(), "data of the policy")
	}
	for _, r := range results {
		if !r.Passed && !r.Skip {
			return true, true
		}
	}
	return false, true
}

// TestMutants makes the mistakes that people make in every rule of the shipped
// policies and of the catalog, one at a time, and asks the unit tests beside the
// rule: at least nine in ten must be noticed. The survivors are listed with -v.
func TestMutants(t *testing.T) {
	all, err := policies.CatalogEntries()
	if err != nil {
		t.Fatal(err)
	}
	type job struct {
		entry  *policies.CatalogEntry
		mutant mutant
	}
	var jobs []job
	for i := range all {
		for _, f := range all[i].Files {
			if f.Path != all[i].Name+"/"+all[i].Name+".rego" {
				continue
			}
			for _, m := range mutants(t, all[i].Name, f) {
				jobs = append(jobs, job{&all[i], m})
			}
		}
	}
	if len(jobs) < 500 {
		t.Fatalf("only %d mutants", len(jobs))
	}
	if testing.Short() {
		sample := jobs[:0]
		for i := range jobs {
			if i%sampledEach == 0 {
				sample = append(sample, jobs[i])
			}
		}
		jobs = sample
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan job)
	lived, noticed, same := 0, 0, 0
	var survivors []string
	unused := map[string]bool{}
	for name := range equivalents {
		unused[name] = true
	}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range next {
				c, lives := caught(j.entry, j.mutant)
				_, mistake, _ := strings.Cut(j.mutant.what, ": ")
				name := j.mutant.policy + ": " + mistake
				mu.Lock()
				delete(unused, name)
				switch {
				case !lives:
				case c:
					lived, noticed = lived+1, noticed+1
					if equivalents[name] != "" {
						t.Errorf("listed as equivalent and caught: %s", name)
					}
				case equivalents[name] != "":
					same++
				default:
					lived++
					survivors = append(survivors, j.mutant.policy+": "+j.mutant.what)
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		next <- j
	}
	close(next)
	wg.Wait()
	slices.Sort(survivors)
	for _, s := range survivors {
		t.Log("not noticed: ", s)
	}
	t.Logf("%d mutants, %d of them noticed (%.1f %%), %d more that decide the same", lived, noticed, 100*float64(noticed)/float64(lived), same)
	if noticed*100 < lived*caughtShare {
		t.Errorf("%d of %d mutants are noticed, less than %d %%", noticed, lived, caughtShare)
	}
	if !testing.Short() {
		for name := range unused {
			t.Errorf("listed as equivalent and no mutant: %s", name)
		}
	}
}
