package policies

import (
	"bytes"
	"context"
	"encoding/json"
	flags "flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ostiary/ostiary/proxy"
)

var updateDocs = flags.Bool("update-docs", false, "write docs/*.schema.json anew")

// published is a JSON schema with what the page says of each field.
type published struct {
	Schema      string                `json:"$schema,omitempty"`
	Title       string                `json:"title,omitempty"`
	Description string                `json:"description,omitempty"`
	Type        string                `json:"type"`
	Properties  map[string]*published `json:"properties,omitempty"`
	Additional  any                   `json:"additionalProperties,omitempty"`
	Required    []string              `json:"required,omitempty"`
	Items       *published            `json:"items,omitempty"`
}

// page is what a page says of fields, by path, and which rows were used.
type page struct {
	rows map[string]row
	used map[string]bool
}

type row struct{ typ, meaning string }

var pageRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([a-z ]+) \\| (.*) \\|$")

func readPage(t *testing.T, name string) (page, string) {
	t.Helper()
	b, err := os.ReadFile("docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	p := page{map[string]row{}, map[string]bool{}}
	for _, m := range pageRow.FindAllStringSubmatch(string(b), -1) {
		p.rows[m[1]] = row{m[2], m[3]}
	}
	return p, string(b)
}

// snake gives a field's name as JSON has it.
func snake(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return strings.ToLower(f.Name)
}

// of makes the schema of a type. Below findings, types and groups have one form,
// and the page says it once.
func (p page) of(t *testing.T, typ reflect.Type, at string, without ...string) *published {
	key := at
	for _, m := range []string{"findings.groups.*.", "findings.types.*."} {
		if rest, ok := strings.CutPrefix(at, m); ok {
			key = "findings.*.*." + rest
		}
	}
	s := &published{}
	if r, ok := p.rows[key]; ok {
		s.Description = r.meaning
		p.used[key] = true
	}
	words := ""
	switch typ.Kind() {
	case reflect.String:
		s.Type, words = "string", "string"
	case reflect.Int, reflect.Int64:
		s.Type, words = "integer", "integer"
	case reflect.Bool:
		s.Type, words = "boolean", "boolean"
	case reflect.Slice:
		s.Type = "array"
		if typ.Elem().Kind() == reflect.String {
			s.Items, words = &published{Type: "string"}, "array of string"
		} else {
			s.Items = p.of(t, typ.Elem(), at+"[]")
		}
	case reflect.Map:
		s.Type = "object"
		s.Additional = p.of(t, typ.Elem(), at+".*")
	case reflect.Struct:
		s.Type, s.Properties, s.Additional = "object", map[string]*published{}, false
		for f := range typ.Fields() {
			if slices.Contains(without, f.Name) {
				continue
			}
			s.Properties[snake(f)] = p.of(t, f.Type, strings.TrimPrefix(at+"."+snake(f), "."))
		}
		s.Required = slices.Sorted(maps.Keys(s.Properties))
	default:
		t.Fatalf("%s is a %s, which the schema has no form for", at, typ.Kind())
	}
	if words == "" {
		return s
	}
	switch r, ok := p.rows[key]; {
	case !ok || strings.TrimSpace(r.meaning) == "":
		t.Errorf("the page says nothing of `%s` (%s)", key, words)
	case r.typ != words:
		t.Errorf("the page has `%s` as %s, it is %s", key, r.typ, words)
	}
	return s
}

// paths lists the fields of a schema.
func (s *published) paths(at string, out map[string]string) {
	out[at] = s.Type
	for name, sub := range s.Properties {
		sub.paths(at+"."+name, out)
	}
	if s.Items != nil {
		s.Items.paths(at+"[]", out)
	}
	switch a := s.Additional.(type) {
	case *published:
		a.paths(at+".*", out)
	case map[string]any: // as read from a file
		b, _ := json.Marshal(a)
		var sub published
		if json.Unmarshal(b, &sub) == nil {
			sub.paths(at+".*", out)
		}
	}
}

// publish compares a schema with its file, or writes it; a field that was
// published stays.
func publish(t *testing.T, file string, s *published) {
	t.Helper()
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	old, err := os.ReadFile("docs/" + file)
	if err == nil {
		var was published
		if err := json.Unmarshal(old, &was); err != nil {
			t.Fatal(err)
		}
		before, after := map[string]string{}, map[string]string{}
		was.paths("", before)
		s.paths("", after)
		for p, typ := range before {
			if after[p] != typ {
				t.Fatalf("%s: %s was published as %s and is %q: versions only add", file, p, typ, after[p])
			}
		}
	}
	if *updateDocs {
		if err := os.WriteFile("docs/"+file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(old, b) {
		t.Errorf("docs/%s is not that of the types: run go test ./policies -run TestPublished -update-docs", file)
	}
}

// TestPublishedFacts holds every field of the facts to its row on the page, and
// the published schema to the types.
func TestPublishedFacts(t *testing.T) {
	p, text := readPage(t, "facts.md")
	s := p.of(t, reflect.TypeFor[proxy.Facts](), "")
	s.Schema, s.Title = "http://json-schema.org/draft-07/schema#", fmt.Sprintf("Facts, version %d: the input of an Ostiary policy", proxy.FactsVersion)
	for path := range p.rows {
		if !p.used[path] {
			t.Errorf("the page speaks of `%s`, which is no field", path)
		}
	}
	publish(t, "facts.schema.json", s)
	for i, b := range blocks(text, "json") {
		if _, err := Change(Example(), []byte(b)); err != nil {
			t.Errorf("example %d of the page: %v", i+1, err)
		}
	}
	for i, b := range blocks(text, "rego") {
		dir := fstest.MapFS{"a/a.rego": {Data: []byte("package ostiary.policies.a\n\n# METADATA\n# title: A\nwarn contains {\"rule\": \"a\", \"message\": \"A.\"} if {\n\t" + b + "}\n")}}
		if _, err := Load(Options{FS: dir}); err != nil {
			t.Errorf("expression %d of the page: %v", i+1, err)
		}
	}
}

// blocks gives the fenced blocks of a language.
func blocks(text, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestPublishedVerdict does the same for the verdict, as unit tests see it.
func TestPublishedVerdict(t *testing.T) {
	p, text := readPage(t, "verdict.md")
	// The revision is that of the set that decided, and the shadow that of
	// another; a policy sees neither.
	s := p.of(t, reflect.TypeFor[proxy.Verdict](), "", "Revision", "Shadow")
	s.Schema, s.Title = "http://json-schema.org/draft-07/schema#", "Verdict: what policies say of a request"
	for path := range p.rows {
		if !p.used[path] {
			t.Errorf("the page speaks of `%s`, which is no field", path)
		}
	}
	publish(t, "verdict.schema.json", s)

	var full proxy.Verdict
	n := 0
	fill(reflect.ValueOf(&full.Masks).Elem(), &n)
	fill(reflect.ValueOf(&full.Reasons).Elem(), &n)
	v, err := ast.JSON(verdictValue(&full).Value)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	formIn(v, "", got)
	want := map[string]string{}
	s.paths("", want)
	for path, typ := range got {
		if want[path] != typ {
			t.Errorf("data.ostiary.verdict has %s as %s, the schema as %q", path, typ, want[path])
		}
	}
	for path := range want {
		if _, ok := got[path]; !ok && !strings.HasSuffix(path, "[]") {
			t.Errorf("data.ostiary.verdict has no %s", path)
		}
	}

	set, err := Load(Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := Example()
	Add(f, "CREDIT_CARD", []string{"financial"}, "user", proxy.Likely)
	verdict, err := set.Decide(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	v, err = ast.JSON(verdictValue(&verdict).Value)
	if err != nil {
		t.Fatal(err)
	}
	var shown any
	if err := json.Unmarshal([]byte(blocks(text, "json")[0]), &shown); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(v)
	b, _ := json.Marshal(shown)
	if !bytes.Equal(a, b) {
		t.Errorf("the example of the page:\n%s\nis:\n%s", b, a)
	}
}

// formIn lists the fields of a value of JSON with their types.
func formIn(v any, at string, out map[string]string) {
	switch x := v.(type) {
	case map[string]any:
		out[at] = "object"
		for k, e := range x {
			formIn(e, at+"."+k, out)
		}
	case []any:
		out[at] = "array"
		for _, e := range x {
			formIn(e, at+"[]", out)
		}
	case string:
		out[at] = "string"
	case bool:
		out[at] = "boolean"
	default:
		out[at] = "integer"
	}
}

// TestFactsReachable asks for every field of filled facts in a rule of its own,
// by the reference that an author writes, and expects each rule to speak.
func TestFactsReachable(t *testing.T) {
	f := &proxy.Facts{}
	n := 0
	fill(reflect.ValueOf(f).Elem(), &n)
	f.Version, f.Mode, f.Request.Body, f.Request.Operation = proxy.FactsVersion, proxy.Enforce, "inspected", "chat"
	role := func(tallies map[string]proxy.Tally) {
		for name, tally := range tallies {
			tally.Roles = map[string]proxy.Levels{"user": tally.AtLeast}
			tallies[name] = tally
		}
	}
	role(f.Findings.Types)
	role(f.Findings.Groups)
	var rules []string
	var walk func(v reflect.Value, ref string)
	walk = func(v reflect.Value, ref string) {
		switch v.Kind() {
		case reflect.Struct:
			for sf, field := range v.Fields() {
				walk(field, ref+"."+snake(sf))
			}
		case reflect.Slice:
			walk(v.Index(0), ref+"[0]")
		case reflect.Map:
			for _, key := range slices.Sorted(maps.Keys(keysIn(v)))[:1] {
				walk(v.MapIndex(reflect.ValueOf(key)), fmt.Sprintf("%s[%q]", ref, key))
			}
		default:
			value, err := json.Marshal(v.Interface())
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, fmt.Sprintf("%s == %s", ref, value))
		}
	}
	walk(reflect.ValueOf(*f), "input")
	if len(rules) < 70 {
		t.Fatalf("only %d fields", len(rules))
	}
	var b strings.Builder
	b.WriteString("package ostiary.policies.a\n")
	for i, r := range rules {
		fmt.Fprintf(&b, "\n# METADATA\n# title: R%d\nwarn contains {\"rule\": \"r%[1]d\", \"message\": \"M.\"} if %s\n", i, r)
	}
	s, err := Load(Options{FS: fstest.MapFS{"a/a.rego": {Data: []byte(b.String())}}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Decide(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	spoke := map[string]bool{}
	for _, r := range v.Reasons {
		spoke[r.Rule] = true
	}
	for i, r := range rules {
		if !spoke[fmt.Sprintf("r%d", i)] {
			t.Errorf("a rule cannot reach it: %s", r)
		}
	}
}

func keysIn(v reflect.Value) map[string]bool {
	out := map[string]bool{}
	for _, k := range v.MapKeys() {
		out[k.String()] = true
	}
	return out
}
