package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// meshProxy is the configuration that a mesh gives to one of its proxies.
type meshProxy struct {
	listeners []*listenerv3.Listener
	routes    []*routev3.RouteConfiguration
	clusters  []*clusterv3.Cluster
}

// jsonObject is an object of Kubernetes, or a part of one.
type jsonObject = map[string]any

// readObjects reads a stream of YAML documents.
func readObjects(t *testing.T, text []byte) []jsonObject {
	t.Helper()
	var out []jsonObject
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var one jsonObject
		err := dec.Decode(&one)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if one != nil {
			out = append(out, one)
		}
	}
}

// onto applies the objects as their meshes document it; what it does not know
// fails the test, and so does a patch that finds nothing.
func (p *meshProxy) onto(t *testing.T, objects []byte) {
	t.Helper()
	applied := 0
	for _, o := range readObjects(t, objects) {
		spec, _ := o["spec"].(jsonObject)
		switch o["kind"] {
		case "EnvoyFilter":
			for i, c := range spec["configPatches"].([]any) {
				if !p.istio(t, c.(jsonObject)) {
					t.Errorf("patch %d finds nothing", i)
				}
				applied++
			}
		case "EnvoyPatchPolicy":
			for i, c := range spec["jsonPatches"].([]any) {
				if err := p.jsonPatch(c.(jsonObject)); err != nil {
					t.Errorf("patch %d: %v", i, err)
				}
				applied++
			}
		}
	}
	if applied == 0 {
		t.Fatal("no patch was found in the objects")
	}
}

func into(t *testing.T, value any, m proto.Message) {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(raw, m); err != nil {
		t.Fatal(err)
	}
}

func at(o jsonObject, names ...string) any {
	var x any = o
	for _, n := range names {
		m, ok := x.(jsonObject)
		if !ok {
			return nil
		}
		x = m[n]
	}
	return x
}

// istio applies one patch of an EnvoyFilter, and says whether it found a place.
func (p *meshProxy) istio(t *testing.T, c jsonObject) bool {
	t.Helper()
	operation, value := at(c, "patch", "operation").(string), at(c, "patch", "value")
	found := false
	eachManager := func(f func(*listenerv3.Filter)) {
		port := fmt.Sprint(at(c, "match", "listener", "portNumber"))
		for _, l := range p.listeners {
			if strconv.Itoa(int(l.GetAddress().GetSocketAddress().GetPortValue())) != port {
				continue
			}
			for _, ch := range append(slices.Clone(l.GetFilterChains()), l.GetDefaultFilterChain()) {
				for _, filter := range ch.GetFilters() {
					if filter.GetName() == at(c, "match", "listener", "filterChain", "filter", "name") {
						f(filter)
						found = true
					}
				}
			}
		}
	}
	switch to := at(c, "applyTo").(string) + " " + operation; to {
	case "LISTENER MERGE":
		patch := new(listenerv3.Listener)
		into(t, value, patch)
		for _, l := range p.listeners {
			if fmt.Sprint(l.GetAddress().GetSocketAddress().GetPortValue()) == fmt.Sprint(at(c, "match", "listener", "portNumber")) {
				proto.Merge(l, patch)
				found = true
			}
		}
	case "NETWORK_FILTER MERGE":
		patch := new(listenerv3.Filter)
		into(t, value, patch)
		eachManager(func(f *listenerv3.Filter) {
			have, more := new(hcmv3.HttpConnectionManager), new(hcmv3.HttpConnectionManager)
			unpack(t, f.GetTypedConfig(), have)
			unpack(t, patch.GetTypedConfig(), more)
			proto.Merge(have, more)
			f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, have)}
		})
	case "HTTP_FILTER INSERT_BEFORE":
		patch := new(hcmv3.HttpFilter)
		into(t, value, patch)
		eachManager(func(f *listenerv3.Filter) {
			have := new(hcmv3.HttpConnectionManager)
			unpack(t, f.GetTypedConfig(), have)
			i := slices.IndexFunc(have.HttpFilters, func(h *hcmv3.HttpFilter) bool {
				return h.GetName() == at(c, "match", "listener", "filterChain", "filter", "subFilter", "name")
			})
			if i < 0 {
				t.Fatal("no filter to stand before")
			}
			have.HttpFilters = slices.Insert(have.HttpFilters, i, proto.Clone(patch).(*hcmv3.HttpFilter))
			f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, have)}
		})
	case "VIRTUAL_HOST REMOVE", "VIRTUAL_HOST ADD":
		for _, r := range p.routes {
			port, gateway := routePort(r.GetName())
			if port != fmt.Sprint(at(c, "match", "routeConfiguration", "portNumber")) {
				continue
			}
			if want := at(c, "match", "routeConfiguration", "gateway"); want != nil && want != gateway {
				continue
			}
			found = true
			if operation == "REMOVE" {
				r.VirtualHosts = nil
				continue
			}
			h := new(routev3.VirtualHost)
			into(t, value, h)
			r.VirtualHosts = append(r.VirtualHosts, h)
		}
	case "CLUSTER ADD":
		add := new(clusterv3.Cluster)
		into(t, value, add)
		p.clusters, found = append(p.clusters, add), true
	default:
		t.Fatalf("an operation that is not known here: %s", to)
	}
	return found
}

// routePort reads the name that Istio gives to a route configuration: the port,
// for a sidecar; https.PORT.NAME.GATEWAY.NAMESPACE for a gateway.
func routePort(name string) (port, gateway string) {
	parts := strings.Split(name, ".")
	if len(parts) == 5 && parts[0] == "https" {
		return parts[1], parts[4] + "/" + parts[3]
	}
	return name, ""
}

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func unpack(t *testing.T, a *anypb.Any, m proto.Message) {
	t.Helper()
	if err := a.UnmarshalTo(m); err != nil {
		t.Fatal(err)
	}
}

// jsonPatch applies one patch of an EnvoyPatchPolicy: only op add is used, at a
// JSON pointer (RFC 6901), which may stand below what a JSONPath finds.
func (p *meshProxy) jsonPatch(c jsonObject) error {
	typ, name := at(c, "type").(string), at(c, "name").(string)
	op, path, expression, value := at(c, "operation", "op"), "", "", at(c, "operation", "value")
	path, _ = at(c, "operation", "path").(string)
	expression, _ = at(c, "operation", "jsonPath").(string)
	if op != "add" {
		return fmt.Errorf("op %v is not known here", op)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if path == "" && expression == "" { // a whole resource
		add := new(clusterv3.Cluster)
		if !strings.HasSuffix(typ, ".Cluster") {
			return fmt.Errorf("a new %s", typ)
		}
		if err := protojson.Unmarshal(raw, add); err != nil {
			return err
		}
		p.clusters = append(p.clusters, add)
		return nil
	}
	var target proto.Message
	for _, l := range p.listeners {
		if strings.HasSuffix(typ, ".Listener") && l.GetName() == name {
			target = l
		}
	}
	for _, r := range p.routes {
		if strings.HasSuffix(typ, ".RouteConfiguration") && r.GetName() == name {
			target = r
		}
	}
	if target == nil {
		return fmt.Errorf("no resource %s of type %s", name, typ)
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(target)
	if err != nil {
		return err
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	pointers := []string{path}
	if expression != "" {
		found, err := locate(doc, expression)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%s finds nothing", expression)
		}
		pointers = nil
		for _, f := range found {
			pointers = append(pointers, f+path)
		}
	}
	for _, at := range pointers {
		if doc, err = addAt(doc, strings.Split(at, "/")[1:], value); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	if text, err = json.Marshal(doc); err != nil {
		return err
	}
	proto.Reset(target)
	return protojson.Unmarshal(text, target)
}

// locate finds where $..LIST[?(@.name == "NAME")], with or without a member
// behind it, stands: the one form of JSONPath that is used. That Envoy Gateway's
// own library (ohler55/ojg v1.28) finds the same places was tried by hand.
func locate(doc any, expression string) ([]string, error) {
	list, rest, ok := strings.Cut(strings.TrimPrefix(expression, "$.."), `[?(@.name == "`)
	name, member, ok2 := strings.Cut(rest, `")]`)
	if !ok || !ok2 || !strings.HasPrefix(expression, "$..") {
		return nil, fmt.Errorf("a JSONPath that is not known here: %s", expression)
	}
	var found []string
	var walk func(at string, x any)
	walk = func(at string, x any) {
		switch v := x.(type) {
		case jsonObject:
			for key, inner := range v {
				if l, ok := inner.([]any); ok && key == list {
					for i, e := range l {
						if m, ok := e.(jsonObject); ok && m["name"] == name {
							found = append(found, fmt.Sprintf("%s/%s/%d%s", at, key, i, strings.ReplaceAll(member, ".", "/")))
						}
					}
				}
				walk(at+"/"+key, inner)
			}
		case []any:
			for i, inner := range v {
				walk(fmt.Sprintf("%s/%d", at, i), inner)
			}
		}
	}
	walk("", doc)
	slices.Sort(found)
	return found, nil
}

// addAt is the operation add of RFC 6902: into an object, in place of what is
// there; into a list, before what is there.
func addAt(x any, path []string, value any) (any, error) {
	key := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[0])
	switch v := x.(type) {
	case jsonObject:
		if len(path) == 1 {
			v[key] = value
			return v, nil
		}
		inner, err := addAt(v[key], path[1:], value)
		v[key] = inner
		return v, err
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i > len(v) {
			return nil, errors.New("no such element")
		}
		if len(path) == 1 {
			return slices.Insert(v, i, value), nil
		}
		if i == len(v) {
			return nil, errors.New("no such element")
		}
		v[i], err = addAt(v[i], path[1:], value)
		return v, err
	}
	return nil, errors.New("no such member")
}
