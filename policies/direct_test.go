package policies

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

// bothWays evaluates facts directly and by OPA, and compares the members of every
// set, the errors and the verdicts.
func bothWays(t *testing.T, s *Set, f *proxy.Facts) (fired, failed bool) {
	t.Helper()
	ctx := context.Background()
	input := factsValue(f)
	got, gotErr := s.evaluate(ctx, input)
	want, wantErr := s.ask(ctx, input, s.query, slices.Clone(s.sets))
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		t.Fatalf("the error is %v, OPA's is %v, on %s", gotErr, wantErr, input)
	}
	if wantErr != nil {
		return false, true
	}
	for i := range want {
		if got[i].policy != want[i].policy || got[i].set != want[i].set || got[i].members == nil || got[i].members.Compare(want[i].members) != 0 {
			t.Fatalf("%s.%s has %v, by OPA %v, on %s", want[i].policy, want[i].set, got[i].members, want[i].members, input)
		}
		fired = fired || want[i].members.(ast.Set).Len() > 0
	}
	v := viewOf(f)
	a, errA := s.fold(got, &v)
	b, errB := s.fold(want, &v)
	if fmt.Sprint(errA) != fmt.Sprint(errB) {
		t.Fatalf("the fold says %v, of OPA's %v", errA, errB)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if !bytes.Equal(x, y) {
		t.Fatalf("the verdict is\n%s\nby OPA\n%s", x, y)
	}
	return fired, false
}

// directData is data of policies that say nothing with that of the library.
var directData = map[string]string{
	"budgets": `{"teams": ["team"], "open": ["open"], "otherwise": "deny"}`,
	"models":  `{"default": ["other"], "teams": {"team": ["gpt-5"]}}`,
	"rollout": `{"notices": [{"groups": ["personal", "health"], "message": "Soon.", "until": "2027-03-01T00:00:00Z"}]}`,
}

// entry gives a policy of the library with something in every list of its data that
// is empty, so that its rules have something to speak of.
func entry(t testing.TB, name string) (fstest.MapFS, *Set) {
	t.Helper()
	e, err := FindEntry(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := fstest.MapFS{}
	for _, f := range e.Files {
		dir[f.Path] = &fstest.MapFile{Data: []byte(f.Text)}
	}
	load := func() *Set {
		s, err := Load(Options{FS: dir})
		if err != nil {
			return nil
		}
		return s
	}
	if text, ok := directData[name]; ok {
		dir[name+"/data.json"] = &fstest.MapFile{Data: []byte(text)}
	}
	s := load()
	if s == nil {
		t.Fatalf("%s does not load", name)
	}
	for _, p := range sortedKeys(dir) {
		if path.Base(p) != "data.json" {
			continue
		}
		for _, empty := range []string{"[]", "{}"} {
			for i := 0; ; {
				text := dir[p].Data
				at := bytes.Index(text[i:], []byte(empty))
				if at < 0 {
					break
				}
				i += at
				for _, with := range []string{`["application"]`, `["team"]`, `["financial", "personal"]`, `["CREDIT_CARD"]`, `["mcp", "other"]`, `["gpt-5"]`, `["image"]`,
					`{"application": ["mcp"]}`, `{"team": ["gpt-5"]}`, `{"application": "employment"}`, `{"secrets.no_credentials": {"teams": ["team"], "approval": false}}`} {
					dir[p] = &fstest.MapFile{Data: slices.Concat(text[:i], []byte(with), text[i+2:])}
					if next := load(); next != nil {
						s = next
						break
					}
					dir[p] = &fstest.MapFile{Data: text}
				}
				i++
			}
		}
	}
	return dir, s
}

// types of the library's data and some more, with their groups.
var directTypes = map[string][]string{
	"PERSON": {"personal"}, "LOCATION": {"location", "personal"}, "EMAIL_ADDRESS": {"contact", "personal"}, "CREDIT_CARD": {"financial", "personal"},
	"CREDIT_CARD_CVV": {"financial"}, "CREDIT_CARD_TRACK": {"financial"}, "DATE_OF_BIRTH": {"personal"}, "AGE": {"personal"}, "MEDICAL_DIAGNOSIS": {"health", "special_category"},
	"RELIGION": {"special_category"}, "DE_IDNR": {"identifier", "personal"}, "FR_NIR": {"identifier", "personal"}, "US_SSN": {"identifier", "personal"}, "DATE_TIME": {"general"},
	"PASSWORD": {"credential"}, "TERM_PROJECTS": {"protected"}, "NOT_LISTED": {}, "ORGANIZATION": {"general", "personal"}, "IP_ADDRESS": {"network"},
}

// randomFacts makes facts of the edges that a policy has and of random findings.
func randomFacts(r *rand.Rand, edges []edge) *proxy.Facts {
	f := Example()
	names := sortedKeys(directTypes)
	for range r.IntN(5) {
		name := names[r.IntN(len(names))]
		for range 1 + r.IntN(2) {
			Add(f, name, directTypes[name], roles[r.IntN(len(roles))], proxy.Likelihood(1+r.IntN(5)))
		}
	}
	for range r.IntN(4) {
		edges[r.IntN(len(edges))].change(f)
	}
	if r.IntN(3) == 0 {
		f.Principal.Application, f.Principal.Team = "application", "team"
	}
	if r.IntN(3) == 0 {
		f.Request.ToolKinds = [][]string{{"mcp"}, {"web_search"}, {"bash", "other"}, {"computer", "mcp"}}[r.IntN(4)]
	}
	if r.IntN(4) == 0 {
		f.Request.Model = "gpt-5"
	}
	if r.IntN(4) == 0 {
		f.Grant = proxy.GrantFacts{Approved: "yes", ID: "g", Justification: "incident", Lifts: []string{"secrets.no_credentials", "residency.protected_data"}}
	}
	if r.IntN(4) == 0 {
		f.Pools = append(f.Pools, proxy.PoolFacts{Abilities: []string{}, Available: "yes", Boundary: "external", Dialects: []string{"openai"}, Health: "unknown",
			Jurisdiction: []string{"DE", "EU", "NO", "unknown"}[r.IntN(4)], Labels: []string{}, Name: "union", Price: proxy.PriceFacts{Currency: "unknown"}, Retention: "none", Serves: true, Training: []string{"no", "yes", "unknown"}[r.IntN(3)]})
	}
	return f
}

// TestDirectIsOPA: for every policy of the library and for all of them together,
// what is evaluated directly is what OPA gives, byte for byte.
func TestDirectIsOPA(t *testing.T) {
	together := fstest.MapFS{}
	names := slices.Concat(CatalogNames(), shippedNames)
	fire := func(t *testing.T, s *Set, seed uint64, n int) {
		r := rand.New(rand.NewPCG(5, seed))
		edges := Study{s}.edges()
		fired := 0
		for range n {
			if spoke, failed := bothWays(t, s, randomFacts(r, edges)); failed {
				t.Fatal("a policy of the library fails")
			} else if spoke {
				fired++
			}
		}
		if fired < n/100 && len(s.sets) > 0 {
			t.Errorf("rules spoke of %d of %d facts only", fired, n)
		}
	}
	for i, name := range names {
		dir, s := entry(t, name)
		for p, f := range dir {
			together[p] = f
		}
		t.Run(name, func(t *testing.T) {
			for j, g := range s.direct.sets {
				if g == nil && name != exceptionsName {
					t.Errorf("%s.%s is left to OPA", s.sets[j].policy, s.sets[j].set)
				}
			}
			if name != exceptionsName { // speaks of rules that exist beside others
				fire(t, s, uint64(i), 300)
			}
		})
	}
	t.Run("together", func(t *testing.T) {
		s, err := Load(Options{FS: together})
		if err != nil {
			t.Fatal(err)
		}
		if s.direct.left > 1 {
			t.Errorf("%d sets are left to OPA", s.direct.left)
		}
		fire(t, s, 99, 600)
	})
}

// forms are bodies in the ways of writing Rego that a policy has. Those that end in
// "(OPA)" are left to OPA; the rest is evaluated directly.
var forms = map[string]string{
	"comparison":                  `input.request.tokens > 10`,
	"all comparisons":             `input.request.tokens >= 40; input.request.tokens <= 40; input.request.bytes < 1000; input.request.tokens != 41; input.request.tokens == 40`,
	"kinds compared":              `input.request.tokens < input.request.model`,
	"bracket":                     `input["request"]["tokens"] > 10`,
	"variable key":                `some k; input.request[k] == 40`,
	"two variables":               `some i, j; input.pools[i].dialects[j] == "anthropic"; i > 0`,
	"the same variable twice":     `some i; input.pools[i].name == "house"; input.pools[i].boundary == "internal"`,
	"input whole":                 `x := input; x.request.tokens > 10`,
	"section whole":               `r := input.request; r.tokens > 10`,
	"some in":                     `some p in input.pools; p.boundary == "internal"`,
	"some key in":                 `some k, n in input.findings.types; n.count > 0; startswith(k, "C")`,
	"in list":                     `"house" in [p.name | some p in input.pools]`,
	"in set":                      `input.request.operation in {"chat", "embeddings"}`,
	"not in":                      `not input.request.operation in {"embeddings"}`,
	"not undefined":               `not input.findings.groups.health`,
	"not helper":                  `not health`,
	"helper":                      `health`,
	"helper of two bodies":        `either`,
	"default":                     `fallback == "none"`,
	"default set":                 `level > 1`,
	"function":                    `double(input.request.tokens) == 80`,
	"function of two bodies":      `size(input.request.tokens) == "small"`,
	"function of a pattern":       `named("chat", input.request.operation)`,
	"function false":              `wrong(input.request.tokens)`,
	"function undefined":          `size("x") == "none"`,
	"function of a list":          `member_of(input.request.operation, ["chat"])`,
	"false value":                 `input.request.stream`,
	"not false value":             `not input.request.stream`,
	"comprehension of a list":     `sum([n | some t; n := input.findings.types[t].count]) > 1`,
	"comprehension of a set":      `count({g | some t; some g in input.findings.types[t].groups}) > 1`,
	"comprehension of an object":  `m := {p.name: p.boundary | some p in input.pools}; m.house == "internal"`,
	"nested comprehension":        `count([1 | some p in input.pools; count([1 | some d in p.dialects; d == "openai"]) > 0]) > 1`,
	"order of a list":             `concat(",", [t | some t, _ in input.findings.types]) != ""`,
	"order of a set":              `concat(",", [g | some g in {"b", "a", input.request.operation}]) == "a,b,chat"`,
	"virtual set in a list":       `count([g | some g in groups]) > 1 (OPA)`,
	"virtual set whole":           `count(groups) > 1`,
	"virtual set asked":           `"personal" in groups`,
	"virtual set by key":          `groups.personal (OPA)`,
	"set union":                   `count(groups | {"a"}) > 2`,
	"object literal":              `{"a": input.request.tokens}.a == 40`,
	"array literal":               `[input.request.tokens, "x"][0] == 40`,
	"array pattern":               `[a, b] := [input.request.tokens, 1]; a > b (OPA)`,
	"set literal":                 `{input.request.tokens, 1} == {1, 40}`,
	"object.get":                  `object.get(input, ["request", "tokens"], 0) > 10`,
	"walk (OPA)":                  `walk(input, [path, v]); v == 40 (OPA)`,
	"with":                        `health with input.findings.groups as {"health": {"count": 1}} (OPA)`,
	"every":                       `every p in input.pools { p.context > 10 } (OPA)`,
	"else":                        `ladder == "first" (OPA)`,
	"template":                    `$"{input.request.tokens}" == "40"`,
	"template of what is not":     `$"{input.findings.groups.health.count}" != "x"`,
	"sprintf":                     `sprintf("%d", [input.request.tokens]) == "40"`,
	"data":                        `input.request.operation in data.lists.operations`,
	"data by variable":            `some k; data.lists[k][_] == input.request.operation`,
	"data by a fact":              `data.lists[input.request.dialect]`,
	"data that is not there":      `k := input.request.model; data.lists[k]`,
	"data whole":                  `count(data.lists) == 2`,
	"numbers":                     `input.request.tokens / 7 > 5; input.request.tokens % 7 == 5`,
	"division by zero":            `input.request.tokens / (input.request.tokens - 40) > 1`,
	"wrong kind of argument":      `count(input.request.tokens) > 0 (OPA)`, // does not compile
	"builtin that fails":          `time.parse_rfc3339_ns(input.request.operation) > 0`,
	"builtin that fails, guarded": `input.request.operation == "embeddings"; time.parse_rfc3339_ns(input.request.operation) > 0`,
	"two values of one rule":      `ambiguous > 0`,
	"two values of a function":    `unsure(input.request.tokens) > 0`,
	"two values of a key":         `count({"k": n | some n in [1, input.request.tokens]}) > 0`,
	"two equal values":            `agreed == 1`,
	"equality of references":      `input.destination.pool == input.pools[0].name`,
	"equality both several":       `input.pools[_].name == input.pools[_].name (OPA)`,
	"set equality":                `{p.name | some p in input.pools} == {"openai", "house"}`,
	"negated call":                `not startswith(input.request.operation, "e")`,
	"negated with variables":      `x := input.request.operation; not x == "embeddings"`,
	"negated comprehension":       `not count([1 | some p in input.pools; p.boundary == "external"]) > 1`,
	"helper in another package":   `data.names.long`,
	"function of another package": `data.names.longer(input.request.tokens)`,
	"library":                     `data.ostiary.within("DE", ["EU"])`,
	"partial object":              `by_name.house.boundary == "internal" (OPA)`,
	"regular expression":          `regex.match("^c", input.request.operation)`,
	"union of sets":               `count(union({{1}, {input.request.tokens}})) == 2`,
	"strings":                     `upper(input.request.operation) == "CHAT"; trim(input.request.operation, "t") == "cha"; split("a,b", ",")[1] == "b"`,
	"null":                        `not is_null(input.request.tokens)`,
	"assignment in a row":         `a := input.request.tokens; b := a + 1; c := b * 2; c == 82`,
	"unification":                 `x = input.request.tokens; x == 40`,
	"unification backwards":       `40 = input.request.tokens`,
	"wildcards":                   `input.pools[_].dialects[_] == "openai"`,
	"key of an object":            `{"chat": true}[input.request.operation]`,
	"empty set":                   `count({x | some x in set()}) == 0`,
}

const formHelpers = `
health if input.findings.groups.health.count > 0

either if input.findings.groups.financial.count > 0

either if input.findings.groups.personal.count > 0

default fallback := "none"

fallback := "health" if health

default level := 0

level := 2 if either

double(x) := x * 2

size(x) := "small" if x < 100

size(x) := "large" if x >= 100

named("chat", x) if x == "chat"

named("other", _) if true

wrong(x) := x > 1000

member_of(x, list) if x in list

groups contains g if some g, _ in input.findings.groups

groups contains "always"

ambiguous := 1 if input.request.tokens > 0

ambiguous := 2 if either

unsure(x) := 1 if x > 0

unsure(x) := 2 if { x > 0; either }

agreed := 1 if input.request.tokens > 0

agreed := 1 if either

ladder := "first" if health else := "second" if either

by_name[p.name] := p if some p in input.pools
`

func formPolicy(cond string) fstest.MapFS {
	text := "package ostiary.policies.p\n\n# METADATA\n# title: One\ndeny contains {\"rule\": \"one\", \"message\": \"No.\"} if { " + cond + " }\n" + formHelpers
	return fstest.MapFS{
		"p.rego":          {Data: []byte(text)},
		"names.rego":      {Data: []byte("package names\n\nlong if input.request.tokens > 10\n\nlonger(x) if x > 10\n")},
		"lists/data.json": {Data: []byte(`{"operations": ["chat", "embeddings"], "openai": ["chat"]}`)},
	}
}

// TestDirectKnowsRego: each form gives what OPA gives, in all facts, errors
// included, and is evaluated directly where it says so.
func TestDirectKnowsRego(t *testing.T) {
	loaded, failures := 0, 0
	for _, name := range sortedKeys(forms) {
		t.Run(name, func(t *testing.T) {
			cond, opa := strings.CutSuffix(forms[name], " (OPA)")
			s, err := Load(Options{FS: formPolicy(cond)})
			if err != nil {
				if !opa {
					t.Fatal(err)
				}
				return
			}
			loaded++
			if s.direct.left > 0 != opa {
				t.Errorf("left to OPA: %v, want %v", s.direct.left > 0, opa)
			}
			r := rand.New(rand.NewPCG(3, 4))
			edges := Study{s}.edges()
			for range 150 {
				if _, failed := bothWays(t, s, randomFacts(r, edges)); failed {
					failures++
				}
			}
		})
	}
	if loaded < 70 || failures == 0 {
		t.Errorf("%d forms load, %d evaluations fail: the test is empty", loaded, failures)
	}
}

// TestDirectEnds: a policy that would try members nearly without end is ended by the
// deadline.
func TestDirectEnds(t *testing.T) {
	s, err := Load(Options{FS: formPolicy(`l := array.concat(data.lists.operations, split("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z", ",")); ` +
		`some a in l; some b in l; some c in l; some d in l; some e in l; some g in l; some h in l; some i in l; concat("", [a, b, c, d, e, g, h, i]) == "-"`)})
	if err != nil || s.direct.left > 0 {
		t.Fatal(err, s.direct.left)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.evaluate(ctx, factsValue(Example())); !errors.Is(err, errTimeout) {
		t.Errorf("28^8 members were tried before the deadline, or the error is %v", err)
	}
	if _, err := s.evaluate(ctx, factsValue(Example())); !errors.Is(err, errTimeout) {
		t.Errorf("after the deadline: %v", err)
	}
}

// ends is a context that ends when it has been looked at so many times.
type ends struct {
	context.Context
	left int
}

func (c *ends) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestDirectLooksAtTheDeadline: not only where members are tried, but in functions
// that ask each other and from one builtin to the next.
func TestDirectLooksAtTheDeadline(t *testing.T) {
	const functions = 14 // 2^14 calls
	deep := "\nf0(x) := x if true\n"
	double := `a0 := array.concat([input.request.tokens], [1])`
	for i := range functions {
		deep += fmt.Sprintf("\nf%d(x) := f%d(f%d(x))\n", i+1, i, i)
		double += fmt.Sprintf("; a%d := array.concat(a%d, a%d)", i+1, i, i)
	}
	double += fmt.Sprintf("; count(a%d) > 0", functions)
	for name, c := range map[string]struct {
		body, rules string
		looks       int // before the end
	}{
		"functions": {fmt.Sprintf("f%d(input.request.tokens) > 0", functions), deep, functions / 2},
		"builtins":  {double, "", functions / 2},
	} {
		t.Run(name, func(t *testing.T) {
			dir := formPolicy(c.body)
			dir["p.rego"].Data = append(dir["p.rego"].Data, c.rules...)
			s, err := Load(Options{FS: dir})
			if err != nil || s.direct.left > 0 {
				t.Fatal(err, s)
			}
			bothWays(t, s, Example())
			input := factsValue(Example())
			whole := &ends{context.Background(), 1 << 30}
			if _, err := s.evaluate(whole, input); err != nil {
				t.Fatal(err)
			}
			if _, err := s.evaluate(&ends{context.Background(), c.looks}, input); !errors.Is(err, errTimeout) {
				t.Errorf("the deadline was looked at %d times only, and its end gives %v", 1<<30-whole.left, err)
			}
		})
	}
}

// FuzzDirect: whatever the facts, each policy of the library says the same either
// way.
func FuzzDirect(f *testing.F) {
	together := fstest.MapFS{}
	for _, name := range slices.Concat(CatalogNames(), shippedNames) {
		dir, _ := entry(f, name)
		for p, file := range dir {
			together[p] = file
		}
	}
	s, err := Load(Options{FS: together})
	if err != nil {
		f.Fatal(err)
	}
	edges := Study{s}.edges()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		b, _ := json.Marshal(randomFacts(r, edges))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var facts proxy.Facts
		if json.Unmarshal(b, &facts) != nil {
			return
		}
		bothWays(t, s, &facts)
	})
}
