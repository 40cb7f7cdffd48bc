package policies

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/ostiary/ostiary/proxy"
)

//go:embed library/ostiary.rego
var libraryText string

//go:embed shipped starter
var embedded embed.FS

// The library's own modules, by the file names that errors show.
const (
	libraryFile   = "ostiary.rego"
	generatedFile = "ostiary_generated.rego"
)

// setNames are the sets a policy may define.
var setNames = []string{"allow", "deny", "mask", "notify", "require", "route", "warn"}

// program is what was compiled of a source.
type program struct {
	compiler *ast.Compiler
	store    storage.Store
	schemas  *ast.SchemaSet
	policies []Policy
	sites    map[string]map[string]*Rule // by policy and rule id
}

// decides reports whether any policy contributes to verdicts. Those that only speak
// of hosts do not.
func (pr *program) decides() bool {
	return slices.ContainsFunc(pr.policies, func(p Policy) bool { return len(p.Sets) > 0 })
}

// parse parses modules and finds what is wrong with them.
func parse(texts map[string]string) (map[string]*ast.Module, Problems) {
	out := map[string]*ast.Module{}
	var bad Problems
	opts := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities()}
	for _, p := range sortedKeys(texts) {
		m, err := ast.ParseModuleWithOpts(p, texts[p], opts)
		switch {
		case err != nil:
			bad = append(bad, problemsOf(err, p)...)
		case m == nil:
			bad = append(bad, Problem{File: p, What: "the file has no package", Remedy: "Begin with: package ostiary.policies.NAME"})
		default:
			out[p] = m
		}
	}
	return out, bad
}

// compile checks and compiles policies.
func compile(s *source, known *Known) (*program, Problems) {
	modules, bad := parse(s.rego)
	pr := &program{sites: map[string]map[string]*Rule{}}
	bad = append(bad, pr.contract(modules, known)...)
	if len(bad) > 0 && len(modules) == 0 {
		return nil, bad
	}
	library, more := parse(pr.library())
	bad = append(bad, more...)
	maps.Copy(modules, library)
	form, err := compilerSchema(known)
	if err != nil {
		return nil, append(bad, Problem{What: "the input schema cannot be made: " + err.Error()})
	}
	pr.schemas = ast.NewSchemaSet()
	pr.schemas.Put(ast.SchemaRootRef, form)
	pr.store = inmem.NewFromObjectWithOpts(s.data, inmem.OptReturnASTValuesOnRead(true))
	ctx := context.Background()
	txn, err := pr.store.NewTransaction(ctx)
	if err != nil {
		return nil, append(bad, Problem{What: "the data cannot be stored: " + err.Error()})
	}
	defer pr.store.Abort(ctx, txn)
	pr.compiler = pr.newCompiler().WithPathConflictsCheck(storage.NonEmpty(ctx, pr.store, txn))
	pr.compiler.Compile(modules)
	if pr.compiler.Failed() {
		return nil, append(bad, problemsOf(pr.compiler.Errors, "")...)
	}
	for _, p := range sortedKeys(pr.compiler.Modules) {
		if library[p] != nil {
			continue
		}
		bad = append(bad, pr.references(pr.compiler.Modules[p], s.data, known)...)
	}
	bad = append(bad, dataNames(s.data, "data", known)...)
	return pr, bad
}

// newCompiler makes a compiler with everything that is in force for policies and
// for their tests alike.
func (pr *program) newCompiler() *ast.Compiler {
	return ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities()).WithSchemas(pr.schemas).
		WithUseTypeCheckAnnotations(true).WithDefaultRegoVersion(ast.RegoV1).SetErrorLimit(errorLimit)
}

// library gives the texts of the library, by file name.
func (pr *program) library() map[string]string {
	return map[string]string{libraryFile: libraryText, generatedFile: generate(pr.policies)}
}

// errorLimit bounds the errors of one compilation.
const errorLimit = 100

// generate writes the part of the library that depends on the policies. It
// names their sets one by one: a reference to data.ostiary.policies as a whole
// would evaluate every helper rule for every request, and be recursive where a
// test package lies below it.
func generate(policies []Policy) string {
	var b strings.Builder
	b.WriteString("# Written when policies are loaded.\npackage ostiary\n\ncontributions := {")
	for _, p := range policies {
		fmt.Fprintf(&b, "\n\t%q: {", p.Name)
		for _, set := range p.Sets {
			fmt.Fprintf(&b, "%q: data.ostiary.policies[%q].%s, ", set, p.Name, set)
		}
		b.WriteString("},")
	}
	b.WriteString("\n}\n\nexample := ")
	f, err := json.Marshal(Example())
	if err != nil {
		panic("policies: the example cannot be written: " + err.Error()) // of strings and numbers alone
	}
	b.Write(f)
	b.WriteString("\n\nunions := ")
	u, err := json.Marshal(unions)
	if err != nil {
		panic("policies: the unions cannot be written: " + err.Error())
	}
	b.Write(u)
	b.WriteString("\n")
	return b.String()
}

// unions are groups of states that a rule may name as a jurisdiction. European
// Union: 27 states (europa.eu, country profiles); European Economic Area: those
// and Iceland, Liechtenstein and Norway (EFTA, EEA Agreement). ISO 3166-1
// alpha-2 codes. A place that is only known as EU lies in the EEA.
var unions = map[string][]string{
	"EU": strings.Fields("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"),
	"EEA": strings.Fields("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK" +
		" IS LI NO EU"),
}

// within is the library's function of the same name.
func within(place string, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool { return w == place || slices.Contains(unions[w], place) })
}

// Example gives the complete facts of a harmless chat request that would go to
// an external pool in the US, with an in-house pool beside it. Tests change it.
func Example() *proxy.Facts {
	return &proxy.Facts{
		Conversation: proxy.ConversationFacts{Lineage: proxy.Unknown},
		Destination:  proxy.DestinationFacts{Boundary: string(proxy.External), ChosenBy: "dialect", Jurisdiction: "US", Pool: "openai"},
		Findings:     proxy.FindingFacts{Groups: map[string]proxy.Tally{}, Types: map[string]proxy.Tally{}},
		Grant:        proxy.GrantFacts{Approved: "no", ID: "none", Justification: "none", Lifts: []string{}},
		Labels:       proxy.LabelFacts{Classification: proxy.Unknown, Severity: "none"},
		Mode:         proxy.Enforce,
		Opaque:       proxy.OpaqueFacts{Kinds: map[string]int{}},
		Pools: []proxy.PoolFacts{
			{
				Abilities: []string{"images", "json", "tools"}, Available: "yes", Boundary: string(proxy.External), Context: 128000,
				Dialects: []string{proxy.DialectOpenAI}, Health: proxy.Unknown, Jurisdiction: "US", Labels: []string{}, Name: "openai",
				Price: proxy.PriceFacts{Currency: proxy.Unknown}, Retention: "30d", Serves: true, Training: "no",
			},
			{
				Abilities: []string{"json", "tools"}, Available: "yes", Boundary: string(proxy.Internal), Context: 32768,
				Dialects: []string{proxy.DialectAnthropic, proxy.DialectOpenAI}, Health: proxy.Unknown, Jurisdiction: proxy.Unknown, Labels: []string{}, Name: "house",
				Price: proxy.PriceFacts{Currency: proxy.Unknown}, Retention: "none", Serves: true, Training: "no",
			},
		},
		Principal: proxy.PrincipalFacts{Application: proxy.Unknown, Asserted: proxy.Unknown, Groups: []string{}, Method: "peer", Team: proxy.Unknown},
		Request: proxy.RequestFacts{
			Body: "inspected", Bytes: 256, Dialect: proxy.DialectOpenAI, Method: "POST", Model: proxy.Other, Needs: []string{},
			Operation: string(proxy.OpChat), Segments: 12, Tokens: 40, ToolKinds: []string{}, Way: "base",
		},
		Spend:       proxy.SpendFacts{Budget: proxy.Unknown},
		State:       []string{},
		Time:        proxy.TimeFacts{Hour: 10, Minute: 30, Office: proxy.Unknown, Unix: 1795516200, Weekday: "tuesday"},
		Uninspected: proxy.UninspectedFacts{Reasons: map[string]int{}},
		Version:     proxy.FactsVersion,
	}
}

var undefinedFunction = regexp.MustCompile(`^undefined function (\S+)$`)

// problemsOf words OPA's errors for an author. They speak of the policy's text
// alone.
func problemsOf(err error, file string) Problems {
	var list ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = ast.Errors{one}
	default:
		return Problems{{File: file, What: err.Error()}}
	}
	var out Problems
	for _, e := range list {
		p := Problem{File: file, What: e.Message}
		if e.Location != nil {
			p.File, p.Line, p.Column = e.Location.File, e.Location.Row, e.Location.Col
		}
		switch d := e.Details.(type) {
		case *ast.RefErrInvalidDetail:
			p.What, p.Remedy = badField(d)
		case *ast.RefErrUnsupportedDetail:
			p.What = fmt.Sprintf("%s has no fields: it is a %v", d.Ref[:d.Pos+1], d.Have)
		case nil:
		default:
			if e.Code == ast.TypeErr {
				p.What += " (" + strings.Join(strings.Fields(strings.Join(d.Lines(), " ")), " ") + ")"
			}
		}
		if m := undefinedFunction.FindStringSubmatch(e.Message); m != nil {
			if why := reasonAgainst(m[1]); why != "" {
				p.What, p.Remedy = m[1]+" is not to be had in a policy", why
			} else {
				p.Remedy = suggest(m[1], allowed)
			}
		}
		switch {
		case strings.Contains(e.Message, "empty module"):
			p.What, p.Remedy = "the file has no package", "Begin with: package ostiary.policies.NAME"
		case e.Code == ast.RecursionErr && strings.Contains(e.Message, "ostiary.verdict"):
			p.Remedy = "A policy may not ask for the verdict or the contributions: they are made of what it says"
		case p.Remedy == "" && e.Code == ast.ParseErr:
			p.Remedy = "Rego v1 is expected: rules with `if`, sets with `contains`"
		}
		out = append(out, p)
	}
	return out
}

// badField words a reference to a field that does not exist.
func badField(d *ast.RefErrInvalidDetail) (what, remedy string) {
	prefix := d.Ref[:d.Pos].String()
	have := strings.Trim(d.Ref[d.Pos].String(), `"`)
	if len(d.OneOf) == 0 {
		return fmt.Sprintf("%s cannot be looked up by %s: want %v", prefix, have, d.Want), ""
	}
	names := make([]string, 0, len(d.OneOf))
	for _, v := range d.OneOf {
		names = append(names, strings.Trim(v.String(), `"`))
	}
	return fmt.Sprintf("%s has no field %q", prefix, have), suggest(have, names)
}
