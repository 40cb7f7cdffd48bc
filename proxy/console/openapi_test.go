package console

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/ostiary/ostiary/proxy"
)

type schema struct {
	Ref        string            `yaml:"$ref"`
	Type       any               `yaml:"type"`
	Properties map[string]schema `yaml:"properties"`
	Required   []string          `yaml:"required"`
	Items      *schema           `yaml:"items"`
	Closed     *bool             `yaml:"additionalProperties"`
	Enum       []string          `yaml:"enum"`
	Pattern    string            `yaml:"pattern"`
	Minimum    *int              `yaml:"minimum"`
	Maximum    *int              `yaml:"maximum"`
	Default    any               `yaml:"default"`
}

type parameter struct {
	Ref      string `yaml:"$ref"`
	Name     string `yaml:"name"`
	In       string `yaml:"in"`
	Required bool   `yaml:"required"`
	Schema   schema `yaml:"schema"`
}

type media struct {
	Schema schema `yaml:"schema"`
}

type operation struct {
	ID         string                              `yaml:"operationId"`
	Roles      []string                            `yaml:"x-roles"`
	Parameters []parameter                         `yaml:"parameters"`
	Body       *struct{ Content map[string]media } `yaml:"requestBody"`
	Responses  map[string]struct {
		Ref     string `yaml:"$ref"`
		Content map[string]media
	} `yaml:"responses"`
}

type described struct {
	OpenAPI    string                          `yaml:"openapi"`
	Paths      map[string]map[string]operation `yaml:"paths"`
	Components struct {
		Parameters map[string]parameter `yaml:"parameters"`
		Schemas    map[string]schema    `yaml:"schemas"`
	} `yaml:"components"`
}

func descriptionOf(t *testing.T) described {
	t.Helper()
	var d described
	if err := yaml.Unmarshal(openapi, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Every route is described, with its roles, parameters and body, and everything
// that is described is a route.
func TestOpenAPIHasTheRoutes(t *testing.T) {
	d := descriptionOf(t)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", d.OpenAPI)
	}
	described := map[string]operation{}
	for path, ops := range d.Paths {
		for method, op := range ops {
			described[strings.ToUpper(method)+" "+path] = op
		}
	}
	ids := map[string]bool{}
	for _, r := range routes() {
		name := strings.Replace(r.pattern, "...", "", 1)
		op, ok := described[name]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		delete(described, name)
		if op.ID == "" || ids[op.ID] {
			t.Errorf("%s: the operation id %q is taken or empty", name, op.ID)
		}
		ids[op.ID] = true
		var may []string
		for _, role := range r.roles {
			may = append(may, string(role))
		}
		slices.Sort(may)
		slices.Sort(op.Roles)
		if !slices.Equal(may, op.Roles) {
			t.Errorf("%s: roles %v, described as %v", name, may, op.Roles)
		}
		var query, path []string
		for _, p := range op.Parameters {
			known, ok := d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
			if !ok {
				t.Errorf("%s: no parameter %s", name, p.Ref)
			}
			switch known.In {
			case "query":
				query = append(query, known.Name)
			case "path":
				path = append(path, known.Name)
			}
		}
		params := slices.Clone(r.params)
		slices.Sort(params)
		slices.Sort(query)
		if !slices.Equal(params, query) {
			t.Errorf("%s: parameters %v, described as %v", name, params, query)
		}
		for _, m := range regexp.MustCompile(`{([a-z]+)}`).FindAllStringSubmatch(name, -1) {
			if !slices.Contains(path, m[1]) {
				t.Errorf("%s: %s is not described", name, m[1])
			}
		}
		if (op.Body != nil) != r.body {
			t.Errorf("%s: takes a body: %v", name, r.body)
		}
		if op.Responses["default"].Ref != "#/components/responses/Problem" {
			t.Errorf("%s: its problems are not described", name)
		}
	}
	for name := range described {
		t.Errorf("%s is described and no route", name)
	}
}

// What is described has the members that the Go types have.
func TestOpenAPIHasTheTypes(t *testing.T) {
	d := descriptionOf(t)
	types := map[string]reflect.Type{"Nothing": reflect.TypeFor[struct{}](), "Evidence": reflect.TypeFor[proxy.EvidenceRecord]()}
	for _, v := range []any{Self{}, Entry{}, Events{}, Count{}, Facet{}, Facets{}, Series{}, Histogram{}, Ref{}, Stats{}, Shipper{}, Witness{}, Job{}, Verification{},
		HashRequest{}, Hashed{}, RevealRequest{}, Revealed{}, EraseRequest{}, Effect{}, HoldRequest{}, Hold{}, Holds{}, RetainRequest{}, ActRequest{}, Rotation{}, Problem{}} {
		types[reflect.TypeOf(v).Name()] = reflect.TypeOf(v)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		typ, ok := types[name]
		if !ok {
			t.Errorf("%s is described and no type", name)
			continue
		}
		delete(types, name)
		var all, required []string
		for i := range typ.NumField() {
			tag, omit, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			all = append(all, tag)
			if omit == "" {
				required = append(required, tag)
			}
			if got, want := kindOf(s.Properties[tag]), goType(typ.Field(i).Type); got != want {
				t.Errorf("%s.%s is a %s, described as %s", name, tag, want, got)
			}
		}
		slices.Sort(all)
		slices.Sort(required)
		if got := slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(got, all) {
			t.Errorf("%s has %v, described as %v", name, all, got)
		}
		if got := slices.Sorted(slices.Values(s.Required)); !slices.Equal(got, required) {
			t.Errorf("%s needs %v, described as %v", name, required, got)
		}
		if strings.HasSuffix(name, "Request") != (s.Closed != nil && !*s.Closed) && name != "Nothing" {
			t.Errorf("%s: whether other members are taken is described wrongly", name)
		}
		if p, ok := s.Properties["reason"]; ok && strings.HasSuffix(name, "Request") && !slices.Equal(p.Enum, reasons) {
			t.Errorf("%s: reasons %v, described as %v", name, reasons, p.Enum)
		}
	}
	for name := range types {
		t.Errorf("%s is not described", name)
	}
	for name, want := range map[string]int{"limit": maxPage, "top": maxTop, "buckets": maxBuckets} {
		if p := d.Components.Parameters[name]; p.Schema.Maximum == nil || *p.Schema.Maximum != want {
			t.Errorf("%s: the greatest is %d, described otherwise", name, want)
		}
	}
	for name, want := range map[string]int{"limit": defaultPage, "top": defaultTop, "buckets": defaultBuckets} {
		if p := d.Components.Parameters[name]; fmt.Sprint(p.Schema.Default) != fmt.Sprint(want) {
			t.Errorf("%s: the default is %d, described as %v", name, want, p.Schema.Default)
		}
	}
	for name, want := range map[string]string{"eventId": ulid.String(), "holdId": holdID.String()} {
		if p := d.Components.Parameters[name]; p.Schema.Pattern != want {
			t.Errorf("%s: the form is %s, described as %s", name, want, p.Schema.Pattern)
		}
	}
}

// kindOf gives the kind of a schema, as goType names kinds.
func kindOf(s schema) string {
	switch {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	case s.Items != nil:
		return "[]" + kindOf(*s.Items)
	}
	if list, ok := s.Type.([]any); ok && len(list) == 2 {
		return "*" + fmt.Sprint(list[0])
	}
	return fmt.Sprint(s.Type)
}

func goType(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[proxy.EvidenceRecord]():
		return "Evidence"
	case t == reflect.TypeFor[*proxy.PersonalRecord](), t.String() == "json.RawMessage":
		return "object"
	case t == reflect.TypeFor[*int64]():
		return "*integer"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Slice:
		return "[]" + goType(t.Elem())
	case reflect.Pointer:
		return goType(t.Elem())
	}
	return t.Name()
}

// A problem's code is one of the table, and each of the table says what to do.
func TestProblems(t *testing.T) {
	for code, p := range problems {
		if p.status < 400 || p.status > 599 || !strings.HasSuffix(p.title, ".") || !strings.HasSuffix(p.detail, ".") && !strings.Contains(p.detail, "openapi.yaml") && !strings.Contains(p.detail, "audit stats") {
			t.Errorf("%s: %+v", code, p)
		}
	}
	if problem("nonsense").Code != "internal" {
		t.Error("an unknown code is answered")
	}
}
