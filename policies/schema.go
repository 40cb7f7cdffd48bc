package policies

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// field is the form of one value of the input.
type field struct {
	kind   fieldKind
	fields map[string]*field // of an object: closed
	elem   *field            // of a list or a map
}

type fieldKind int8

const (
	aString fieldKind = iota
	aNumber
	aBoolean
	anObject
	aList
	aMap // keys are not fixed
)

// factsForm is the form of [proxy.Facts], read off the type itself, so that the
// schema cannot fall behind it. It is used at load, never for a request.
func factsForm() *field { return formOf(reflect.TypeFor[proxy.Facts]()) }

func formOf(t reflect.Type) *field {
	switch t.Kind() {
	case reflect.String:
		return &field{kind: aString}
	case reflect.Int, reflect.Int64:
		return &field{kind: aNumber}
	case reflect.Bool:
		return &field{kind: aBoolean}
	case reflect.Slice:
		return &field{kind: aList, elem: formOf(t.Elem())}
	case reflect.Map:
		return &field{kind: aMap, elem: formOf(t.Elem())}
	case reflect.Struct:
		f := &field{kind: anObject, fields: map[string]*field{}}
		for sf := range t.Fields() {
			name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
			f.fields[name] = formOf(sf.Type)
		}
		return f
	}
	panic("policies: Facts holds a " + t.Kind().String() + ", which the schema has no form for") // a mistake in the vocabulary; every test would show it
}

// roles are the keys of a tally's roles.
var roles = []string{
	string(proxy.RoleAssistant), string(proxy.RoleHeader), string(proxy.RoleOther), string(proxy.RolePath),
	string(proxy.RoleSchema), string(proxy.RoleSystem), string(proxy.RoleTool), string(proxy.RoleUser),
}

// schema is a JSON schema, of the few keywords that are needed.
type schema struct {
	Schema     string             `json:"$schema,omitempty"`
	Title      string             `json:"title,omitempty"`
	Type       string             `json:"type,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	Additional any                `json:"additionalProperties,omitempty"` // false, or a schema
	Required   []string           `json:"required,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	// Named is what Ref refers to, by name: hundreds of types of findings have
	// one form, and OPA takes a tenth of a second to read it that often.
	Named map[string]*schema `json:"definitions,omitempty"`
	Ref   string             `json:"$ref,omitempty"`
}

// Schema gives the JSON schema (draft 7) of the input of policies, made from
// [proxy.Facts]. Objects are closed; the keys of findings, kinds and reasons
// are open.
func Schema() []byte {
	s := factsForm().schema("", nil)
	s.Schema, s.Title = "http://json-schema.org/draft-07/schema#", "Facts: the input of an Ostiary policy"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("policies: the schema cannot be written: " + err.Error()) // of strings and structs alone
	}
	return append(b, '\n')
}

// schema gives the schema of a form. Maps whose keys are known are closed, so
// that the type checker sees into their values; OPA takes a map of open keys
// for a map of anything.
func (f *field) schema(at string, keys map[string][]string) *schema {
	switch f.kind {
	case aString:
		return &schema{Type: "string"}
	case aNumber:
		return &schema{Type: "integer"}
	case aBoolean:
		return &schema{Type: "boolean"}
	case aList:
		return &schema{Type: "array", Items: f.elem.schema(at, keys)}
	case aMap:
		names := keys[at]
		if len(names) == 0 {
			return &schema{Type: "object", Additional: f.elem.schema(at+".*", keys)}
		}
		s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false}
		for _, n := range names {
			s.Properties[n] = f.elem.schema(at+".*", keys)
		}
		return s
	}
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false, Required: sortedKeys(f.fields)}
	for name, sub := range f.fields {
		s.Properties[name] = sub.schema(strings.TrimPrefix(at+"."+name, "."), keys)
	}
	return s
}

// compilerSchema gives the schema in the form that OPA takes, closed over the
// names that are known.
func compilerSchema(k *Known) (any, error) {
	keys := map[string][]string{"findings.types.*.roles": roles, "findings.groups.*.roles": roles}
	if len(k.Types) > 0 {
		keys["findings.types"] = k.Types
	}
	if len(k.Groups) > 0 {
		keys["findings.groups"] = k.groups()
	}
	form := factsForm().schema("", keys)
	form.Named = map[string]*schema{}
	for name, m := range form.Properties["findings"].Properties {
		for key, tally := range m.Properties {
			form.Named[name], m.Properties[key] = tally, &schema{Ref: "#/definitions/" + name}
		}
	}
	b, err := json.Marshal(form)
	if err != nil {
		return nil, err
	}
	var v any
	err = json.Unmarshal(b, &v)
	return v, err
}
