package policies

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

// all uses every field of the input.
func all(...string) bool { return true }

// viaJSON is the input as a round trip through JSON gives it: what the record
// holds and a replay reads.
func viaJSON(t testing.TB, f *proxy.Facts) ast.Value {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ast.ValueFromReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fill sets every field below v to a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1000 + *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(elem, n)
			v.SetMapIndex(key, elem)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("Facts holds a " + v.Kind().String())
	}
}

// leaves lists the paths of all leaves of a type, as a policy writes them.
func leaves(t reflect.Type, at string) []string {
	switch t.Kind() {
	case reflect.Struct:
		var out []string
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			out = append(out, leaves(f.Type, at+"."+name)...)
		}
		return out
	case reflect.Slice:
		return leaves(t.Elem(), at+"[_]")
	case reflect.Map:
		return leaves(t.Elem(), at+"[_]")
	}
	return []string{at}
}

func TestInputCoversFacts(t *testing.T) {
	var f proxy.Facts
	n := 0
	fill(reflect.ValueOf(&f).Elem(), &n)
	t.Logf("%d values", n)
	got, want := planFacts(all).value(&f, &memo{}), viaJSON(t, &f)
	if got.Compare(want) != 0 {
		t.Errorf("the input differs from the record\n got %v\nwant %v", got, want)
	}
}

func TestInputOfEmptyFacts(t *testing.T) {
	for _, f := range []*proxy.Facts{Example(), {}} {
		got, want := planFacts(all).value(f, &memo{}), viaJSON(t, f)
		// The record of a nil list or map is null; the input has it empty, and
		// the stater never leaves one nil.
		if f.State != nil && got.Compare(want) != 0 {
			t.Errorf("the input differs from the record\n got %v\nwant %v", got, want)
		}
		if f.State == nil && strings.Contains(got.String(), "null") {
			t.Errorf("a nil list or map is null: %v", got)
		}
	}
}

// TestSchemaKnowsEveryField compiles a policy for each leaf of Facts, and one
// for its misspelling.
func TestSchemaKnowsEveryField(t *testing.T) {
	paths := leaves(reflect.TypeFor[proxy.Facts](), "input")
	if len(paths) < 50 {
		t.Fatalf("only %d leaves: the walk is broken", len(paths))
	}
	policy := func(path string) Options {
		text := "package ostiary.policies.p\n\n# METADATA\n# title: One\ndeny contains {\"rule\": \"one\", \"message\": \"No.\"} if is_null(" + path + ")\n"
		return Options{FS: fstest.MapFS{"p.rego": {Data: []byte(text)}}}
	}
	for _, p := range paths {
		if _, err := Load(policy(p)); err != nil {
			t.Errorf("%s is a field and does not compile: %v", p, err)
		}
		if strings.HasSuffix(p, "]") {
			continue // an element has no name to misspell
		}
		_, err := Load(policy(p + "x"))
		if err == nil {
			t.Errorf("%sx is no field and compiles", p)
			continue
		}
		name := p[strings.LastIndexByte(p, '.')+1:]
		if s := err.Error(); !strings.HasPrefix(s, "p.rego:5:") || !strings.Contains(s, name) {
			t.Errorf("the error names neither line nor field: %v", err)
		}
	}
}

func TestPublishedSchema(t *testing.T) {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Additional *bool                      `json:"additionalProperties"`
		Required   []string                   `json:"required"`
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	n := reflect.TypeFor[proxy.Facts]().NumField()
	if len(s.Properties) != n || len(s.Required) != n || s.Additional == nil || *s.Additional {
		t.Errorf("the schema has %d properties, %d required, closed %v; want %d, %d, closed", len(s.Properties), len(s.Required), s.Additional, n, n)
	}
}

// TestPlanLeavesOutNothingAskedFor asks for the input in every way in which a
// policy can get hold of a field, and compares with the whole input.
func TestPlanLeavesOutNothingAskedFor(t *testing.T) {
	for note, cond := range map[string]string{
		"constant":          `input.request.tokens > 10`,
		"bracket":           `input["request"]["tokens"] > 10`,
		"variable section":  `some k; input[k].tokens > 10`,
		"variable field":    `some k; input.request[k] == 40`,
		"section whole":     `r := input.request; r.tokens > 10`,
		"input whole":       `x := input; x.request.tokens > 10`,
		"function argument": `f(input)`,
		"builtin":           `object.get(input, ["request", "tokens"], 0) > 10`,
		"walk":              `some path, v; walk(input, [path, v]); v == 40`,
		"import":            `asked.tokens > 10`,
		"comprehension":     `count([1 | input.request.tokens > 10]) == 1`,
		"with":              `g with input.request.tokens as 11`,
		"every":             `every p in input.pools { p.context > 10 }`,
		"negation":          `not h`,
		"input as value":    `{"a": input}.a.request.tokens > 10`,
		"template":          `$"{input.request.tokens}" == "40"`,
		"in a key":          `{"chat": true}[input.request.operation]`,
		"set member":        `input.request.operation in {"chat"}`,
		"two of one":        `input.request.tokens > 10; input.time.weekday == "tuesday"`,
		"helper package":    `names.long`,
	} {
		t.Run(note, func(t *testing.T) {
			imports := ""
			if note == "import" {
				imports = "import input.request as asked\n"
			}
			if note == "helper package" {
				imports = "import data.names\n"
			}
			text := "package ostiary.policies.p\n\n" + imports + `
# METADATA
# title: One
deny contains {"rule": "one", "message": "No."} if { ` + cond + ` }

f(x) if x.request.tokens > 10

g if input.request.tokens == 11

h if input.request.tokens < 10
`
			s, err := Load(Options{FS: fstest.MapFS{
				"p.rego": {Data: []byte(text)}, "names.rego": {Data: []byte("package names\n\nlong if input.request.tokens > 10\n")},
			}})
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Decide(context.Background(), Example())
			if err != nil || v.Action != proxy.Deny {
				t.Errorf("planned input: %s, %v; the rule holds on the whole input", v.Action, err)
			}
			s.plan = planFacts(all)
			if v, err = s.Decide(context.Background(), Example()); err != nil || v.Action != proxy.Deny {
				t.Errorf("whole input: %s, %v; the case itself is wrong", v.Action, err)
			}
		})
	}
}

// TestMemo fills the memory beyond its bound, and asks for tallies that differ
// in one part only.
func TestMemo(t *testing.T) {
	m := &memo{}
	base := proxy.Tally{AtLeast: proxy.Levels{Likely: 1, VeryUnlikely: 1}, Count: 1, Groups: []string{"personal"}, Roles: map[string]proxy.Levels{"user": {Likely: 1}}}
	differ := []func(*proxy.Tally){
		func(*proxy.Tally) {},
		func(t *proxy.Tally) { t.AtLeast.Unlikely = 7 },
		func(t *proxy.Tally) { t.Count = 7 },
		func(t *proxy.Tally) { t.Synthetic = 7 },
		func(t *proxy.Tally) { t.Groups = []string{"financial"} },
		func(t *proxy.Tally) { t.Groups = []string{"personal", "financial"} },
		func(t *proxy.Tally) { t.Roles = map[string]proxy.Levels{"tool": {Likely: 1}} },
		func(t *proxy.Tally) { t.Roles = map[string]proxy.Levels{"user": {Likely: 2}} },
		func(t *proxy.Tally) { t.Roles = map[string]proxy.Levels{"user": {Likely: 1}, "tool": {Likely: 1}} },
		func(t *proxy.Tally) { t.Roles = map[string]proxy.Levels{} },
	}
	for range 2 {
		for i, change := range differ {
			x := base
			change(&x)
			if got, want := m.tally("A", &x), tally(&x); got.Value.Compare(want.Value) != 0 {
				t.Errorf("case %d: the memory gives %v, want %v", i, got, want)
			}
		}
	}
	for i := range 2*memoLimit + 10 {
		x := base
		x.Count = i
		m.tally("B", &x)
		if len(m.known) > memoLimit {
			t.Fatalf("%d tallies are remembered, the bound is %d", len(m.known), memoLimit)
		}
	}
	list := Example().Pools
	for i := range 3 {
		list[0].Available = []string{"yes", "no", "yes"}[i]
		if got, want := m.pools(list), pools(list); got.Value.Compare(want.Value) != 0 {
			t.Errorf("pools: the memory gives %v, want %v", got, want)
		}
	}
}

// FuzzInput: whatever facts are recorded, a policy sees exactly them.
func FuzzInput(f *testing.F) {
	b, _ := json.Marshal(Example())
	f.Add(b)
	f.Add([]byte(`{"findings": {"types": {"A": {"count": 3, "groups": ["x"], "roles": {"user": {"likely": 2}}}}}, "time": {"unix": 9007199254740991}}`))
	m := &memo{}
	whole := planFacts(all)
	f.Fuzz(func(t *testing.T, b []byte) {
		var facts proxy.Facts
		if json.Unmarshal(b, &facts) != nil {
			return
		}
		got := whole.value(&facts, m)
		if !reflect.DeepEqual(nulls(viaJSON(t, &facts)), nulls(got)) {
			t.Errorf("the input differs from the record\n got %v\nwant %v", got, viaJSON(t, &facts))
		}
	})
}

// nulls gives a value as text with null, [] and {} made alike.
func nulls(v ast.Value) string {
	return strings.NewReplacer("[]", "null", "{}", "null").Replace(v.String())
}

// TestAnswers: what is remembered is given for the same input only, and within
// its bound.
func TestAnswers(t *testing.T) {
	a := &answers{}
	f := Example()
	whole, m := planFacts(all), &memo{}
	one, two := []said{{policy: "one"}}, []said{{policy: "two"}}
	input := func(tokens int) ast.Value {
		f.Request.Tokens = tokens
		return whole.value(f, m)
	}
	a.put(f, input(1), one)
	a.put(f, input(2), two)
	if got, ok := a.get(input(1)); !ok || got[0].policy != "one" {
		t.Errorf("the first input: %v, %v", got, ok)
	}
	if got, ok := a.get(input(3)); ok {
		t.Errorf("an input that was not asked: %v", got)
	}
	a.known[input(3).Hash()] = answer{input(2), two} // a collision
	if got, ok := a.get(input(3)); ok {
		t.Errorf("another input of the same hash: %v", got)
	}
	for i := range 2*answerLimit + 10 {
		a.put(f, input(i), one)
		if len(a.known) > answerLimit {
			t.Fatalf("%d answers are remembered, the bound is %d", len(a.known), answerLimit)
		}
	}
	large := Example()
	for i := range answerTypes + 1 {
		large.Findings.Types[fmt.Sprint("T", i)] = proxy.Tally{}
	}
	a.put(large, whole.value(large, m), one)
	if _, ok := a.get(whole.value(large, m)); ok {
		t.Error("large facts are remembered")
	}
}

// TestAnswersHoldNoMore decides series of facts that differ in one leaf of each
// kind, by a set that remembers and by one that cannot.
func TestAnswersHoldNoMore(t *testing.T) {
	text := `package ostiary.policies.p

# METADATA
# title: Everything that can be seen is in the messages
warn contains {"rule": "one", "message": sprintf("%s: %v", [section, value])} if some section, value in input
`
	dir := fstest.MapFS{"p.rego": {Data: []byte(text)}}
	warm, err := Load(Options{FS: dir})
	if err != nil {
		t.Fatal(err)
	}
	cold, err := Load(Options{FS: dir})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i, change := range []func(*proxy.Facts){
			func(*proxy.Facts) {},
			func(f *proxy.Facts) { f.Conversation.Lineage = "x" },
			func(f *proxy.Facts) { f.Destination.Pool = "house" },
			func(f *proxy.Facts) { f.Findings.Groups["a"] = proxy.Tally{Count: 1} },
			func(f *proxy.Facts) { f.Findings.Groups["a"] = proxy.Tally{Count: 2} },
			func(f *proxy.Facts) { f.Opaque.Kinds["image"] = 1 },
			func(f *proxy.Facts) { f.Opaque.Kinds["image"] = 2 },
			func(f *proxy.Facts) { f.Pools[1].Available = "no" },
			func(f *proxy.Facts) { f.Pools[1].Dialects = nil },
			func(f *proxy.Facts) { f.Pools = f.Pools[:1] },
			func(f *proxy.Facts) { f.Principal.Groups = []string{"x"} },
			func(f *proxy.Facts) { f.Request.Stream = true },
			func(f *proxy.Facts) { f.State = []string{"file_id"} },
			func(f *proxy.Facts) { f.Time.Unix++ },
			func(f *proxy.Facts) { f.Uninspected.Count = 1 },
		} {
			f := Example()
			change(f)
			cold.answers, cold.memo = &answers{}, &memo{}
			a, err1 := warm.Decide(context.Background(), f)
			b, err2 := cold.Decide(context.Background(), f)
			if err1 != nil || err2 != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("case %d: remembered %v, %v; evaluated %v, %v", i, a, err1, b, err2)
			}
		}
	}
}

// TestEvaluator: a revision names the version of OPA that is linked in.
func TestEvaluator(t *testing.T) {
	b, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/open-policy-agent/" + evaluator + "\n"; !strings.Contains(string(b), want) {
		t.Errorf("go.mod does not require %q", evaluator)
	}
}
