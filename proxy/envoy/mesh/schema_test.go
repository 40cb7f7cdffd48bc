package mesh_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/ostiary/ostiary/testdata/env"
)

// object is what a YAML or JSON mapping is read as.
type object = map[string]any

// documents reads a stream of YAML documents.
func documents(t testing.TB, text []byte) []object {
	t.Helper()
	var out []object
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	for {
		var one object
		err := dec.Decode(&one)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("document %d is no YAML: %v", len(out), err)
		}
		if one != nil {
			out = append(out, one)
		}
	}
}

// schemas are the definitions of a set of kinds, by apiVersion and kind.
type schemas map[string]object

func readSchemas(t testing.TB) schemas {
	t.Helper()
	dir := env.CRDs(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files of schemas: %v", len(files), err)
	}
	out := schemas{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for text := range strings.SplitSeq(string(raw), "\n---") {
			kind := regexp.MustCompile(`(?m)^    kind: (\w+)$`).FindStringSubmatch(text)
			if kind == nil || !slices.Contains(wantedKinds, kind[1]) {
				continue // reading a megabyte of YAML that nobody asks for takes long
			}
			var crd struct {
				Spec struct {
					Group    string
					Names    struct{ Kind string }
					Versions []struct {
						Name   string
						Served bool
						Schema struct {
							OpenAPIV3Schema object `yaml:"openAPIV3Schema"`
						}
					}
				}
			}
			if err := yaml.Unmarshal([]byte(text), &crd); err != nil {
				t.Fatalf("%s: %v", filepath.Base(f), err)
			}
			for _, v := range crd.Spec.Versions {
				if v.Served {
					out[crd.Spec.Group+"/"+v.Name+" "+crd.Spec.Names.Kind] = v.Schema.OpenAPIV3Schema
				}
			}
		}
	}
	return out
}

// wantedKinds are the kinds that the package makes.
var wantedKinds = []string{"EnvoyFilter", "ServiceEntry", "DestinationRule", "Gateway", "EnvoyProxy", "EnvoyPatchPolicy"}

// ruled is a value that a rule in CEL is about.
type ruled struct {
	rule, at string
	self     any
}

// validator checks a value against a structural schema of Kubernetes, strictly:
// a field that the schema does not know is an error, as kubectl's server-side
// validation makes it, and so is a keyword that this validator does not know.
type validator struct {
	problems []string
	rules    []ruled // CEL rules that concern what is there
}

func (v *validator) bad(at, format string, args ...any) {
	v.problems = append(v.problems, at+": "+fmt.Sprintf(format, args...))
}

// passive are keywords that say nothing about validity.
var passive = []string{"description", "default", "example", "title", "nullable", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"}

func number(x any) (float64, bool) {
	r := reflect.ValueOf(x)
	switch {
	case !r.IsValid():
		return 0, false
	case r.CanInt():
		return float64(r.Int()), true
	case r.CanUint():
		return float64(r.Uint()), true
	case r.CanFloat():
		return r.Float(), true
	}
	return 0, false
}

func isType(x any, typ string) bool {
	switch typ {
	case "object":
		_, ok := x.(object)
		return ok
	case "array":
		_, ok := x.([]any)
		return ok
	case "string":
		_, ok := x.(string)
		return ok
	case "boolean":
		_, ok := x.(bool)
		return ok
	case "number":
		_, ok := number(x)
		return ok
	case "integer":
		n, ok := number(x)
		return ok && n == float64(int64(n))
	}
	return false
}

func (v *validator) holds(x any, s object) bool {
	probe := new(validator)
	// A branch of a choice says what is required of fields, not which there are.
	probe.check("", x, s, true)
	return len(probe.problems) == 0
}

// check validates x; open says that fields may be unknown to the schema.
func (v *validator) check(at string, x any, s object, open bool) {
	if s["x-kubernetes-preserve-unknown-fields"] == true {
		open = true
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		arg := s[key]
		n, _ := number(arg)
		switch key {
		case "type":
			if !isType(x, arg.(string)) {
				v.bad(at, "want %v, got %T", arg, x)
				return
			}
		case "enum":
			if !slices.Contains(arg.([]any), x) {
				v.bad(at, "%v is none of %v", x, arg)
			}
		case "pattern":
			if t, ok := x.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(t) {
				v.bad(at, "%q does not match %s", t, arg)
			}
		case "minLength", "maxLength":
			if t, ok := x.(string); ok && (key == "minLength" && float64(len(t)) < n || key == "maxLength" && float64(len(t)) > n) {
				v.bad(at, "%s is %v", key, arg)
			}
		case "minimum", "maximum":
			if have, ok := number(x); ok && (key == "minimum" && have < n || key == "maximum" && have > n) {
				v.bad(at, "%s is %v", key, arg)
			}
		case "minItems", "maxItems":
			if l, ok := x.([]any); ok && (key == "minItems" && float64(len(l)) < n || key == "maxItems" && float64(len(l)) > n) {
				v.bad(at, "%s is %v", key, arg)
			}
		case "minProperties", "maxProperties":
			if m, ok := x.(object); ok && (key == "minProperties" && float64(len(m)) < n || key == "maxProperties" && float64(len(m)) > n) {
				v.bad(at, "%s is %v", key, arg)
			}
		case "required":
			for _, name := range arg.([]any) {
				if m, ok := x.(object); ok {
					if _, there := m[name.(string)]; !there {
						v.bad(at, "%v is missing", name)
					}
				}
			}
		case "properties", "additionalProperties":
			// below, together
		case "items":
			if l, ok := x.([]any); ok {
				for i, e := range l {
					v.check(fmt.Sprintf("%s[%d]", at, i), e, arg.(object), open)
				}
			}
		case "allOf", "anyOf", "oneOf":
			met := 0
			for _, branch := range arg.([]any) {
				if v.holds(x, branch.(object)) {
					met++
				}
			}
			if all := len(arg.([]any)); key == "allOf" && met != all || key == "anyOf" && met == 0 || key == "oneOf" && met != 1 {
				v.bad(at, "%d branches of %s hold", met, key)
			}
		case "not":
			if v.holds(x, arg.(object)) {
				v.bad(at, "what must not hold does")
			}
		case "x-kubernetes-validations":
			for _, r := range arg.([]any) {
				v.rules = append(v.rules, ruled{strings.Join(strings.Fields(r.(object)["rule"].(string)), " "), at, x})
			}
		case "x-kubernetes-int-or-string":
			if !isType(x, "integer") && !isType(x, "string") {
				v.bad(at, "want a number or a string")
			}
		case "format":
			if !slices.Contains([]string{"int32", "int64", "double"}, arg.(string)) {
				v.bad(at, "the validator knows no format %v", arg)
			}
		default:
			if !slices.Contains(passive, key) {
				v.bad(at, "the validator knows no keyword %s", key)
			}
		}
	}
	m, ok := x.(object)
	if !ok {
		return
	}
	properties, _ := s["properties"].(object)
	rest, _ := s["additionalProperties"].(object)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch sub, known := properties[name].(object); {
		case known:
			v.check(at+"."+name, m[name], sub, false)
		case rest != nil:
			v.check(at+"."+name, m[name], rest, false)
		case s["additionalProperties"] == true || open:
		case at == "" && name == "metadata":
		default:
			v.bad(at, "no field %s", name)
		}
	}
}

// validate gives what is wrong with an object, and the CEL rules on its way.
func (s schemas) validate(o object) ([]string, []ruled) {
	name := fmt.Sprintf("%v %v", o["apiVersion"], o["kind"])
	schema, ok := s[name]
	if !ok {
		return []string{name + ": no such kind"}, nil
	}
	v := new(validator)
	body := maps.Clone(o)
	for _, common := range []string{"apiVersion", "kind", "metadata"} { // of every object
		delete(body, common)
	}
	required, _ := schema["required"].([]any)
	for _, r := range required {
		if _, there := o[r.(string)]; !there {
			v.bad("", "%v is missing", r)
		}
	}
	schema = maps.Clone(schema)
	delete(schema, "required")
	v.check("", body, schema, false)
	return v.problems, v.rules
}
