package policies

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

// Survey is what became of policies on the edges of what a request can be: each
// alone, and each with each of the others.
type Survey struct {
	Edges     int   `json:"edges"`
	Tried     int   `json:"tried"`
	Undecided []Gap `json:"undecided"`
}

// Gap is a kind of requests for which no decision exists: the evaluation fails.
type Gap struct {
	Error string   `json:"error"` // without content: a file, a line, a constant word
	Edges []string `json:"edges"` // of the first such request
	Count int      `json:"count"`
}

// surveyLimit bounds the requests of a survey; of more pairs of edges every nth
// is tried.
const surveyLimit = 20000

// edge is one way in which a request differs from a harmless one.
type edge struct {
	name   string
	change func(*proxy.Facts)
}

// Survey decides the requests at the edges, among them those that the policies'
// own comparisons name, and gives those that are undecided.
func (s Study) Survey(ctx context.Context) (Survey, error) {
	edges := s.edges()
	out := Survey{Edges: len(edges), Undecided: []Gap{}}
	at := map[string]int{}
	try := func(list ...edge) {
		f := Example()
		var names []string
		for _, e := range list {
			e.change(f)
			names = append(names, e.name)
		}
		out.Tried++
		if _, err := s.Decide(ctx, f); err != nil {
			cause := Cause(err)
			i, ok := at[cause]
			if !ok {
				i = len(out.Undecided)
				at[cause] = i
				out.Undecided = append(out.Undecided, Gap{Error: cause, Edges: names})
			}
			out.Undecided[i].Count++
		}
	}
	try()
	for _, e := range edges {
		try(e)
	}
	pairs := len(edges) * (len(edges) - 1) / 2
	step := 1 + pairs/surveyLimit
	n := 0
	for i := range edges {
		for j := i + 1; j < len(edges); j++ {
			if n++; n%step != 0 {
				continue
			}
			if ctx.Err() != nil {
				return out, ctx.Err()
			}
			try(edges[i], edges[j])
		}
	}
	return out, nil
}

// edges lists what is tried.
func (s Study) edges() []edge {
	var out []edge
	add := func(name string, change func(*proxy.Facts)) { out = append(out, edge{name, change}) }
	for _, g := range slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(standardGroups), s.known.Groups...)))) {
		for _, l := range []proxy.Likelihood{proxy.Possible, proxy.VeryLikely} {
			add("finding of "+g+", "+l.String(), func(f *proxy.Facts) { Add(f, "SOME_"+strings.ToUpper(g), []string{g}, string(proxy.RoleUser), l) })
		}
	}
	add("finding of no group", func(f *proxy.Facts) { Add(f, "SOME_TYPE", nil, string(proxy.RoleSystem), proxy.Likely) })
	add("published test value", func(f *proxy.Facts) {
		f.Findings.Types["SOME_TEST"] = proxy.Tally{Groups: []string{"financial"}, Roles: map[string]proxy.Levels{}, Synthetic: 1}
		f.Findings.Groups["financial"] = proxy.Tally{Groups: []string{"financial"}, Roles: map[string]proxy.Levels{}, Synthetic: 1}
	})
	add("nobody external serves it", func(f *proxy.Facts) {
		f.Destination = proxy.DestinationFacts{Boundary: proxy.Unknown, ChosenBy: "none", Jurisdiction: proxy.Unknown, Pool: proxy.Unknown}
	})
	add("asks for in-house", func(f *proxy.Facts) {
		f.Destination = proxy.DestinationFacts{Boundary: string(proxy.Internal), ChosenBy: "model", Jurisdiction: proxy.Unknown, Pool: "house"}
	})
	add("no pool", func(f *proxy.Facts) { f.Pools = []proxy.PoolFacts{} })
	add("external pools only", func(f *proxy.Facts) { f.Pools = keepPools(f.Pools, proxy.External) })
	add("in-house pools only", func(f *proxy.Facts) { f.Pools = keepPools(f.Pools, proxy.Internal) })
	add("pools of unknown state", func(f *proxy.Facts) {
		for i := range f.Pools {
			p := &f.Pools[i]
			p.Available, p.Jurisdiction, p.Retention, p.Training, p.Context = proxy.Unknown, proxy.Unknown, proxy.Unknown, proxy.Unknown, 0
			p.Abilities, p.Labels, p.Health = []string{}, []string{}, proxy.Unknown
		}
	})
	for _, kind := range strings.Fields("image audio file file_id url token_ids encrypted signature prompt_id binary other") {
		add("opaque "+kind, func(f *proxy.Facts) {
			f.Opaque.Count++
			f.Opaque.Bytes += 1 << 20
			f.Opaque.Kinds[kind]++
		})
	}
	for _, reason := range strings.Fields("budget detector_failed too_deep") {
		add("not inspected: "+reason, func(f *proxy.Facts) {
			f.Uninspected.Count++
			f.Uninspected.Reasons[reason]++
		})
	}
	add("no body", func(f *proxy.Facts) {
		f.Request.Body, f.Request.Bytes, f.Request.Segments, f.Request.Tokens = "none", 0, 0, 0
	})
	add("body not known", func(f *proxy.Facts) { f.Request.Body = proxy.Unknown })
	for _, op := range operations {
		add("operation "+string(op), func(f *proxy.Facts) { f.Request.Operation = string(op) })
	}
	for _, d := range []string{proxy.DialectAnthropic, proxy.DialectNone} {
		add("dialect "+d, func(f *proxy.Facts) { f.Request.Dialect = d })
	}
	add("very large", func(f *proxy.Facts) {
		f.Request.Bytes, f.Request.Tokens, f.Request.Segments, f.Request.Tools = 1<<30, 1<<30, 1<<20, 1<<16
	})
	add("streaming, with everything", func(f *proxy.Facts) {
		f.Request.Stream, f.Request.Needs = true, strings.Fields("audio files images json tools")
		f.Request.ToolKinds = []string{"mcp", proxy.Other}
	})
	for _, way := range []string{proxy.WayProxy, proxy.WayRedirect, proxy.Unknown} {
		add("way "+way, func(f *proxy.Facts) { f.Request.Way = way })
	}
	add("model not known", func(f *proxy.Facts) { f.Request.Model = proxy.Unknown })
	add("method GET", func(f *proxy.Facts) { f.Request.Method = "GET" })
	add("state elsewhere", func(f *proxy.Facts) { f.State = []string{"file_id", "previous_response_id"} })
	add("a known application", func(f *proxy.Facts) {
		f.Principal = proxy.PrincipalFacts{Application: "application", Asserted: proxy.Other, Groups: []string{"a", "b"}, Method: "key", Team: "team"}
	})
	for _, s := range severities {
		add("severity "+s, func(f *proxy.Facts) { f.Labels.Severity = s })
	}
	add("a class of data", func(f *proxy.Facts) { f.Labels.Classification = "class" })
	add("pools with labels and prices", func(f *proxy.Facts) {
		for i := range f.Pools {
			f.Pools[i].Labels, f.Pools[i].Price = []string{"a", "b"}, proxy.PriceFacts{Currency: "EUR", Input: 1 << 40, Output: 1 << 40}
		}
	})
	add("observe mode", func(f *proxy.Facts) { f.Mode = proxy.Observe })
	add("a grant for everything", func(f *proxy.Facts) {
		f.Grant = proxy.GrantFacts{Approved: "yes", ID: "grant", Justification: proxy.Other, Lifts: s.program.ids()}
		slices.Sort(f.Grant.Lifts)
	})
	add("a justification", func(f *proxy.Facts) { f.Grant.Justification = proxy.Other })
	add("sunday night", func(f *proxy.Facts) {
		f.Time = proxy.TimeFacts{Hour: 23, Minute: 59, Office: "no", Unix: 1795996740, Weekday: "sunday"}
	})
	add("office hours", func(f *proxy.Facts) { f.Time.Office = "yes" })
	add("the last of a hundred conversations", func(f *proxy.Facts) { f.Conversation.Bucket = 99 })
	return append(out, s.compared()...)
}

// operations are those that a route can have.
var operations = []proxy.Operation{
	proxy.OpCompletions, proxy.OpCountTokens, proxy.OpEmbeddings, proxy.OpMessages, proxy.OpModerations, proxy.OpResponses, proxy.OpState, proxy.OpUnknown,
}

func keepPools(list []proxy.PoolFacts, b proxy.Boundary) []proxy.PoolFacts {
	return slices.DeleteFunc(list, func(p proxy.PoolFacts) bool { return p.Boundary != string(b) })
}

// compared gives the edges that the policies' comparisons have: where one asks
// whether a fact equals a constant, the constant; where it asks for more or less
// than a number, the number and its neighbours.
func (s Study) compared() []edge {
	modules, bad := parse(s.texts)
	if len(bad) > 0 {
		return nil // they were compiled, so this is never so
	}
	seen := map[string]bool{}
	var out []edge
	add := func(path ast.Ref, v any) {
		change := v
		for i := len(path) - 1; i > 0; i-- {
			name, ok := path[i].Value.(ast.String)
			if !ok {
				return
			}
			change = map[string]any{string(name): change}
		}
		b, err := json.Marshal(change)
		if err != nil || seen[string(b)] {
			return
		}
		seen[string(b)] = true
		if _, err := Change(Example(), b); err != nil {
			return // the comparison itself is of another kind; the compiler's to say
		}
		value, _ := json.Marshal(v)
		out = append(out, edge{path.String() + " = " + string(value), func(f *proxy.Facts) {
			if c, err := Change(f, b); err == nil {
				*f = *c
			}
		}})
	}
	for _, p := range sortedKeys(modules) {
		ast.WalkExprs(modules[p], func(x *ast.Expr) bool {
			if !x.IsCall() || len(x.Operands()) < 2 {
				return false
			}
			a, b := x.Operand(0), x.Operand(1)
			if inputRef(b) != nil && inputRef(a) == nil {
				a, b = b, a
			}
			ref := inputRef(a)
			if ref == nil {
				return false
			}
			for _, v := range constants(b) {
				switch x := v.(type) {
				case ast.String:
					add(ref, string(x))
				case ast.Boolean:
					add(ref, bool(x))
				case ast.Number:
					if n, ok := x.Int64(); ok {
						for _, near := range []int64{n - 1, n, n + 1} {
							add(ref, near)
						}
					}
				}
			}
			return false
		})
	}
	return out
}

// inputRef gives a term that is a constant reference below input.
func inputRef(t *ast.Term) ast.Ref {
	r, ok := t.Value.(ast.Ref)
	if !ok || len(r) < 2 || !r.IsGround() || r[0].Value.Compare(ast.InputRootDocument.Value) != 0 {
		return nil
	}
	return r
}

// constants gives the scalars of a term: itself, or the members of a list or set.
func constants(t *ast.Term) []ast.Value {
	var out []ast.Value
	keep := func(t *ast.Term) {
		switch t.Value.(type) {
		case ast.String, ast.Boolean, ast.Number:
			out = append(out, t.Value)
		}
	}
	switch x := t.Value.(type) {
	case *ast.Array:
		x.Foreach(keep)
	case ast.Set:
		x.Foreach(keep)
	default:
		keep(t)
	}
	return out
}
