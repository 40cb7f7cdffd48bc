package mesh_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/mesh"
)

var update = flag.Bool("update", false, "write the golden files anew")

// pools are of every kind that a configuration can name.
func pools() envoy.Spec {
	return envoy.Spec{
		PoolsDigest: "d1",
		Lookup:      func(string) (netip.Addr, error) { return netip.MustParseAddr("192.0.2.8"), nil },
		Upstreams: []envoy.Upstream{
			{Name: "openai", URL: "https://api.openai.com", Credential: envoy.Credential{Mode: envoy.PoolCredential, Header: "authorization", Secret: "openai"}},
			{Name: "anthropic", URL: "https://api.anthropic.com", Proxy: "http://proxy.example:3128", Credential: envoy.Credential{Mode: envoy.PoolCredential, Header: "x-api-key", Secret: "anthropic"}},
			{Name: "client", URL: "https://openrouter.ai/api", Credential: envoy.Credential{Mode: envoy.ClientCredential}},
			{Name: "vllm", URL: "https://10.0.0.5:8000/v2", Internal: true, CA: "/etc/ostiary/vllm.pem", ServerName: "vllm.internal.example"},
			{Name: "ollama", URL: "http://ollama.models.svc.cluster.local:11434", Internal: true},
		},
	}
}

// product is a set of objects of one kind of installation.
type product struct {
	name string
	make func(envoy.Spec, mesh.Options) ([]byte, error)
	with mesh.Options
}

func products() []product {
	return []product{
		{"istio-sidecar", mesh.Istio, mesh.Options{Namespace: "shop", Selector: map[string]string{"app": "assistant", "app.kubernetes.io/part-of": "shop"}, Command: "ostiary mesh istio --config ostiary.yaml"}},
		{"istio-namespace", mesh.Istio, mesh.Options{}},
		{"istio-gateway", mesh.Istio, mesh.Options{Place: mesh.Gateway, Namespace: "istio-egress", Port: 8485}},
		{"envoy-gateway", mesh.EnvoyGateway, mesh.Options{Namespace: "models", Image: "registry.example/ostiary:1.2.3"}},
	}
}

func made(t testing.TB, p product) []byte {
	t.Helper()
	out, err := p.make(pools(), p.with)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestObjectsAreAsRecorded compares with golden files; -update writes them.
func TestObjectsAreAsRecorded(t *testing.T) {
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			got := made(t, p)
			if !bytes.Equal(got, made(t, p)) {
				t.Error("two runs differ")
			}
			golden := filepath.Join("testdata", p.name+".yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("(-recorded +made)\n%s", d)
			}
		})
	}
}

func TestObjectsHoldTheSchemas(t *testing.T) {
	known := readSchemas(t)
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			docs := documents(t, made(t, p))
			if len(docs) < 2 {
				t.Fatalf("%d objects", len(docs))
			}
			for _, o := range docs {
				problems, rules := known.validate(o)
				for _, p := range problems {
					t.Errorf("%v %v: %s", o["kind"], o["apiVersion"], p)
				}
				for _, r := range rules {
					hold, ok := rulesOf[r.rule]
					if !ok {
						t.Errorf("%v at %s: a rule that nobody wrote down here: %s", o["kind"], r.at, r.rule)
					} else if !hold(r.self) {
						t.Errorf("%v at %s breaks the rule %s", o["kind"], r.at, r.rule)
					}
				}
			}
		})
	}
}

// TestTheValidatorFindsWhatIsWrong shows that objects that a cluster would refuse
// are found: a validator that finds nothing proves nothing.
func TestTheValidatorFindsWhatIsWrong(t *testing.T) {
	known := readSchemas(t)
	for _, c := range []struct {
		name, product, old, with, want string
	}{
		{"unknown field", "istio-sidecar", "configPatches:", "configPatch:", "no field configPatch"},
		{"no such operation", "istio-sidecar", "operation: INSERT_BEFORE", "operation: INSERT_ABOVE", "is none of"},
		{"a port that is none", "istio-sidecar", "number: 8484", "number: 84840000000", "maximum"},
		{"a word for a number", "istio-sidecar", "portNumber: 8484", "portNumber: http", "want integer"},
		{"two matches", "istio-sidecar", "      listener:\n        portNumber: 8484\n    patch:", "      listener:\n        portNumber: 8484\n      cluster:\n        name: x\n    patch:", "branches of oneOf"},
		{"no such version", "istio-sidecar", "networking.istio.io/v1alpha3", "networking.istio.io/v9", "no such kind"},
		{"no value's type", "envoy-gateway", "type: JSONPatch", "type: Merge", "is none of"},
		{"missing", "envoy-gateway", "      op: add\n", "", "op is missing"},
		{"no such protocol of a container", "envoy-gateway", "restartPolicy: Always", "restartPolice: Always", "no field restartPolice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := slices.IndexFunc(products(), func(p product) bool { return p.name == c.product })
			text := string(made(t, products()[i]))
			wrong := strings.Replace(text, c.old, c.with, 1)
			if wrong == text {
				t.Fatalf("%q is not in it", c.old)
			}
			var all []string
			for _, o := range documents(t, []byte(wrong)) {
				problems, _ := known.validate(o)
				all = append(all, problems...)
			}
			if !strings.Contains(strings.Join(all, "\n"), c.want) {
				t.Errorf("found %q, want %q", all, c.want)
			}
		})
	}
}

// validateAll checks m and every message in it, those packed into an Any too,
// against the constraints in Envoy's protos. It gives how many were checked.
func validateAll(t *testing.T, m proto.Message) int {
	t.Helper()
	n := 1
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			t.Errorf("%s: %v", m.ProtoReflect().Descriptor().FullName(), err)
		}
	}
	each := func(v protoreflect.Value) {
		inner := v.Message().Interface()
		if a, ok := inner.(*anypb.Any); ok {
			unpacked, err := a.UnmarshalNew()
			if err != nil {
				t.Errorf("%s cannot be unpacked: %v", a.TypeUrl, err)
				return
			}
			inner = unpacked
		}
		if h, ok := inner.(*hcmv3.HttpConnectionManager); ok && h.RouteSpecifier == nil {
			// Merged into a manager that has its routes; as it stands it is half.
			h.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{}}
		}
		n += validateAll(t, inner)
	}
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { each(v); return true })
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				each(v.List().Get(i))
			}
		case !f.IsMap() && !f.IsList() && f.Message() != nil:
			each(v)
		}
		return true
	})
	return n
}

// fragment is a piece of Envoy's configuration in an object.
type fragment struct {
	where string
	value any
	into  proto.Message
}

// fragments finds every piece, and fails where one is of no known kind.
func fragments(t *testing.T, docs []object) []fragment {
	t.Helper()
	var out []fragment
	for _, o := range docs {
		spec, _ := o["spec"].(object)
		switch o["kind"] {
		case "EnvoyFilter":
			for _, p := range spec["configPatches"].([]any) {
				patch := p.(object)["patch"].(object)
				to := p.(object)["applyTo"].(string)
				value, there := patch["value"]
				if patch["operation"] == "REMOVE" {
					if there {
						t.Errorf("%s: a removal with a value", to)
					}
					continue
				}
				kind := map[string]proto.Message{
					"LISTENER": &listenerv3.Listener{}, "NETWORK_FILTER": &listenerv3.Filter{}, "HTTP_FILTER": &hcmv3.HttpFilter{},
					"VIRTUAL_HOST": &routev3.VirtualHost{}, "CLUSTER": &clusterv3.Cluster{},
				}[to]
				if kind == nil {
					t.Fatalf("a patch to %s", to)
				}
				out = append(out, fragment{to, value, kind})
			}
		case "EnvoyPatchPolicy":
			for _, p := range spec["jsonPatches"].([]any) {
				op := p.(object)["operation"].(object)
				at, _ := op["jsonPath"].(string)
				path, _ := op["path"].(string)
				f := fragment{where: at + path, value: op["value"]}
				switch {
				case strings.HasSuffix(p.(object)["type"].(string), ".Cluster"):
					f.into = &clusterv3.Cluster{}
				case path == "/virtual_hosts":
					f.into, f.value = &routev3.RouteConfiguration{}, object{"virtual_hosts": f.value}
				case strings.Contains(at, "http_filters"):
					f.into = &hcmv3.HttpFilter{}
				case strings.HasSuffix(at, ".typed_config"):
					f.into, f.value = &hcmv3.HttpConnectionManager{}, object{"stat_prefix": "x", "route_config": object{}, strings.TrimPrefix(path, "/"): f.value}
				case path == "/per_connection_buffer_limit_bytes":
					f.into, f.value = &listenerv3.Listener{}, object{"per_connection_buffer_limit_bytes": f.value}
				default:
					t.Fatalf("a patch at %q %q", at, path)
				}
				out = append(out, f)
			}
		}
	}
	return out
}

func TestFragmentsAreEnvoys(t *testing.T) {
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			all := fragments(t, documents(t, made(t, p)))
			messages := 0
			for _, f := range all {
				raw, err := json.Marshal(f.value)
				if err != nil {
					t.Fatal(err)
				}
				if err := protojson.Unmarshal(raw, f.into); err != nil { // strict: an unknown field is an error
					t.Errorf("%s: %v", f.where, err)
					continue
				}
				messages += validateAll(t, f.into)
			}
			if messages < 300 {
				t.Errorf("only %d messages in %d fragments were looked at", messages, len(all))
			}
		})
	}
}

// TestYAMLHoldsWhatWasMeant reads the YAML back and compares with the parts
// themselves: quoting, numbers and words such as "no" survive.
func TestYAMLHoldsWhatWasMeant(t *testing.T) {
	s := pools()
	s.Socket, s.AccessLog, s.CABundle = mesh.DefaultSocket, mesh.DefaultLog, mesh.DefaultRoots
	want, err := envoy.NewParts(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			var clusters []*clusterv3.Cluster
			for _, f := range fragments(t, documents(t, made(t, p))) {
				raw, err := json.Marshal(f.value)
				if err != nil {
					t.Fatal(err)
				}
				if err := protojson.Unmarshal(raw, f.into); err != nil {
					t.Fatal(err)
				}
				if c, ok := f.into.(*clusterv3.Cluster); ok {
					clusters = append(clusters, c)
				}
			}
			if len(clusters) != len(want.Clusters) {
				t.Fatalf("%d clusters, want %d", len(clusters), len(want.Clusters))
			}
			for i := range clusters {
				if !proto.Equal(clusters[i], want.Clusters[i]) {
					t.Errorf("cluster %s is another after reading it back", want.Clusters[i].GetName())
				}
			}
		})
	}
}

// TestWordsThatYAMLReadsAsOthers has pools named as numbers and truth values are
// written in YAML 1.1, which Kubernetes reads.
func TestWordsThatYAMLReadsAsOthers(t *testing.T) {
	words := []string{"on", "off", "y", "n", "yes", "no", "true", "null", "1", "1e3", "0x1f", "012", "1-2"}
	s := envoy.Spec{}
	for i, word := range words {
		s.Upstreams = append(s.Upstreams, envoy.Upstream{Name: word, URL: "http://127.0.0." + word1(i), Credential: envoy.Credential{Mode: envoy.PoolCredential, Header: "x-api-key", Secret: word}})
	}
	for _, make := range []func(envoy.Spec, mesh.Options) ([]byte, error){mesh.Istio, mesh.EnvoyGateway} {
		text, err := make(s, mesh.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if regexp.MustCompile(`(?mi)[:-] `+regexp.QuoteMeta(word)+`$`).Match(text) && !slices.Contains([]string{"true", "null"}, word) {
				t.Errorf("%s stands without quotes", word)
			}
			if !regexp.MustCompile(`(?m)name: ("?)` + regexp.QuoteMeta(word) + `("?)$`).Match(text) {
				t.Errorf("the secret %s is not there", word)
			}
		}
		if regexp.MustCompile(`(?m)(name|key): (true|null)$`).Match(text) {
			t.Error("a name is no string")
		}
	}
}

func word1(i int) string { return strconv.Itoa(i + 1) }

func TestOptionsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		with mesh.Options
		want string
	}{
		{"shared port", mesh.Options{Port: 443}, "shared with every other service"},
		{"no port", mesh.Options{Port: 70000}, "between 1 and 65535"},
		{"a place that is none", mesh.Options{Place: "waypoint"}, "no place in Istio"},
		{"a namespace with a newline", mesh.Options{Namespace: "a\nb"}, "namespace"},
		{"a host that is YAML", mesh.Options{Host: "a: b"}, "no name"},
		{"a label that is YAML", mesh.Options{Selector: map[string]string{"a": "b\nc: d"}}, "label"},
		{"an image that is YAML", mesh.Options{Image: "a # b"}, "image"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := mesh.Istio(pools(), c.with); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	t.Run("a spec that is none", func(t *testing.T) {
		if _, err := mesh.EnvoyGateway(envoy.Spec{Upstreams: []envoy.Upstream{{Name: "a/b", URL: "ftp://x"}}}, mesh.Options{}); err == nil {
			t.Error("no error")
		}
	})
}
