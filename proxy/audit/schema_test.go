package audit

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

var update = flag.Bool("update", false, "write event.schema.json and EVENTS.md anew")

// shape is a JSON schema as far as events need it.
type shape struct {
	Schema      string            `json:"$schema,omitempty"`
	ID          string            `json:"$id,omitempty"`
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Type        string            `json:"type"`
	Properties  map[string]*shape `json:"properties,omitempty"`
	Required    []string          `json:"required,omitempty"`
	Items       *shape            `json:"items,omitempty"`
	Values      *shape            `json:"additionalProperties,omitempty"`
}

// comments reads what stands beside the fields of the structs of package proxy, by
// STRUCT.FIELD, and above the structs, by STRUCT.
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, err := filepath.Glob("../*.go")
	must(t, err)
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		must(t, err)
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				typ, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				s, ok := typ.Type.(*ast.StructType)
				if !ok {
					continue
				}
				out[typ.Name.Name] = oneLine(g.Doc.Text())
				for _, field := range s.Fields.List {
					for _, n := range field.Names {
						out[typ.Name.Name+"."+n.Name] = oneLine(strings.TrimSpace(field.Doc.Text() + " " + field.Comment.Text()))
					}
				}
			}
		}
	}
	return out
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func shapeOf(t reflect.Type, docs map[string]string) *shape {
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem(), docs)
	case reflect.Bool:
		return &shape{Type: "boolean"}
	case reflect.String:
		return &shape{Type: "string"}
	case reflect.Slice:
		return &shape{Type: "array", Items: shapeOf(t.Elem(), docs)}
	case reflect.Map:
		return &shape{Type: "object", Values: shapeOf(t.Elem(), docs)}
	case reflect.Struct:
		s := &shape{Type: "object", Description: docs[t.Name()], Properties: map[string]*shape{}}
		for i := range t.NumField() {
			f := t.Field(i)
			name, opt, _ := strings.Cut(f.Tag.Get("json"), ",")
			p := shapeOf(f.Type, docs)
			if d := docs[t.Name()+"."+f.Name]; d != "" {
				p.Description = d
			}
			s.Properties[name] = p
			if opt != "omitempty" {
				s.Required = append(s.Required, name)
			}
		}
		slices.Sort(s.Required)
		return s
	}
	return &shape{Type: "integer"}
}

// The published schema is that of the structs.
func TestSchema(t *testing.T) {
	want := shapeOf(reflect.TypeFor[proxy.Event](), comments(t))
	want.Schema, want.ID, want.Title = "https://json-schema.org/draft/2020-12/schema", fmt.Sprintf("urn:ostiary:event:v%d", proxy.EventVersion), "Event of Ostiary's audit log"
	b, err := json.MarshalIndent(want, "", "  ")
	must(t, err)
	b = append(b, '\n')
	page := eventsPage(want)
	if *update {
		must(t, os.WriteFile("event.schema.json", b, 0o644))
		must(t, os.WriteFile("EVENTS.md", page, 0o644))
		return
	}
	if !bytes.Equal(b, Schema()) || !bytes.Equal(page, read(t, "EVENTS.md")) {
		t.Error("event.schema.json or EVENTS.md are not what the structs say; run this test with -update")
	}
	// What is recorded is what the schema says.
	l, dir := filled(t, 6, quiet())
	record(t, l, outcomeOf(1), small(2))
	shut(t, l)
	for _, r := range with(t, dir) {
		var v any
		must(t, json.Unmarshal(r.JSON, &v))
		fits(t, want, v, "event")
		if len(r.Personal) > 0 {
			must(t, json.Unmarshal(r.Personal, &v))
			fits(t, want.Properties["personal"], v, "personal")
		}
	}
}

// fits holds a document against a schema.
func fits(t *testing.T, s *shape, v any, at string) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "object" {
			t.Errorf("%s: an object", at)
		}
		for _, k := range s.Required {
			if _, ok := v[k]; !ok {
				t.Errorf("%s has no %s", at, k)
			}
		}
		for k, x := range v {
			p := s.Properties[k]
			if p == nil {
				p = s.Values
			}
			if p == nil {
				t.Errorf("%s: %s is not in the schema", at, k)
				continue
			}
			fits(t, p, x, at+"."+k)
		}
	case []any:
		for _, x := range v {
			if s.Type != "array" {
				t.Fatalf("%s: a list", at)
			}
			fits(t, s.Items, x, at+"[]")
		}
	case nil:
	default:
		if want := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "integer"}[reflect.TypeOf(v).Kind()]; s.Type != want {
			t.Errorf("%s: %s, want %s", at, want, s.Type)
		}
	}
}

// eventsPage describes every field for people.
func eventsPage(s *shape) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Events of the audit log, version %d

Each record of the log is one event as canonical JSON (RFC 8785), at most %d bytes, and the leaf of the log's Merkle tree (RFC 6962).
event.schema.json is its JSON schema; 'ostiary audit schema' prints it. Versions only add fields: pass over what you do not know. An event holds
no content and names no person. What may name one, 'personal', is written beside the event, can be erased, and stands in the event as a salted
commitment alone.

| kind | what it tells | its parts |
|---|---|---|
| decision | what was done with a request, before a byte left | decision, request, findings, opaque, policy, timing, personal |
| outcome | what became of it | decision_id, outcome |
| grant | a grant lifted a rule | decision_id, admin |
| admin | the process or the log itself: start, stop, rotate … | admin |
| policy_activation | policies came into force, or were refused | admin |
| config_change | a configuration came into force, or was refused | admin |
| access | somebody looked at, took out or asked for what may name a person | admin, personal |
| erasure | personal parts were erased | admin, personal |
| retention | segments were removed; holds were set or lifted | admin, personal |
| checkpoint_ack | somebody else signed a checkpoint | admin |
| connection | what became of intercepted connections that no decision covers, counted each minute | connection |
| gap | something was sent or lost that no decision covers | admin |

| field | type | what it is |
|---|---|---|
`, proxy.EventVersion, MaxRecord)
	var walk func(s *shape, at string)
	walk = func(s *shape, at string) {
		for _, k := range slices.Sorted(maps.Keys(s.Properties)) {
			p := s.Properties[k]
			name, inner := at+k, p
			typ := p.Type
			for inner.Items != nil || inner.Values != nil {
				if inner.Items != nil {
					inner, name = inner.Items, name+"[]"
				} else {
					inner, name = inner.Values, name+".*"
				}
				typ += " of " + inner.Type
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, typ, strings.ReplaceAll(p.Description, "|", "\\|"))
			walk(inner, name+".")
		}
	}
	walk(s, "")
	return b.Bytes()
}
