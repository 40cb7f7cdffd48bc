package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/mesh"
	"github.com/ostiary/ostiary/proxy/envoy/weaken"
	"github.com/ostiary/ostiary/testdata/env"
)

func address(host string, port int) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

func httpFilter(t *testing.T, name string, m proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(t, m)}}
}

func networkFilter(t *testing.T, name string, m proto.Message) *listenerv3.Filter {
	return &listenerv3.Filter{Name: name, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, m)}}
}

func toCluster(cluster string) *routev3.Route {
	return &routev3.Route{
		Name: "default", Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster}}},
	}
}

func staticCluster(name, host string, port int) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name: name, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address(host, port)}},
		}}}}},
	}
}

// sidecarOfIstio is shaped as a sidecar's outbound side: a listener of the port
// with Istio's filters and WebSocket, its route configuration with the service
// entry's virtual host and the one that lets unknown names through, and the
// listener of what was redirected, which here leads nowhere (REGISTRY_ONLY).
func sidecarOfIstio(t *testing.T, port int) *meshProxy {
	number := strconv.Itoa(port)
	entry := "outbound|" + number + "||" + mesh.DefaultHost
	return &meshProxy{
		listeners: []*listenerv3.Listener{
			{
				Name: "0.0.0.0_" + number, Address: address("127.0.0.1", port), TrafficDirection: corev3.TrafficDirection_OUTBOUND,
				FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{networkFilter(t, "envoy.filters.network.http_connection_manager", &hcmv3.HttpConnectionManager{
					StatPrefix: "outbound_0.0.0.0_" + number, UseRemoteAddress: wrapperspb.Bool(false), NormalizePath: wrapperspb.Bool(true),
					ServerHeaderTransformation: hcmv3.HttpConnectionManager_PASS_THROUGH,
					UpgradeConfigs:             []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "websocket"}},
					RouteSpecifier:             &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: number}},
					HttpFilters: []*hcmv3.HttpFilter{
						httpFilter(t, "envoy.filters.http.fault", &faultv3.HTTPFault{}), httpFilter(t, "envoy.filters.http.cors", &corsv3.Cors{}),
						httpFilter(t, "envoy.filters.http.router", &routerv3.Router{}),
					},
				})}}},
			},
			{
				Name: "virtualOutbound", Address: address("127.0.0.1", 15001), TrafficDirection: corev3.TrafficDirection_OUTBOUND, BindToPort: wrapperspb.Bool(false),
				FilterChains: []*listenerv3.FilterChain{{Name: "virtualOutbound-catchall-tcp", Filters: []*listenerv3.Filter{
					networkFilter(t, "envoy.filters.network.tcp_proxy", &tcpproxyv3.TcpProxy{StatPrefix: "BlackHoleCluster", ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: "BlackHoleCluster"}}),
				}}},
			},
		},
		routes: []*routev3.RouteConfiguration{{Name: number, VirtualHosts: []*routev3.VirtualHost{
			{Name: mesh.DefaultHost + ":" + number, Domains: []string{mesh.DefaultHost, mesh.DefaultHost + ":" + number}, Routes: []*routev3.Route{toCluster(entry)}},
			{Name: "allow_any", Domains: []string{"*"}, Routes: []*routev3.Route{toCluster("PassthroughCluster")}},
		}}},
		clusters: []*clusterv3.Cluster{
			staticCluster(entry, "192.0.2.1", port),
			{Name: "BlackHoleCluster", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}},
			{Name: "PassthroughCluster", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}, LbPolicy: clusterv3.Cluster_CLUSTER_PROVIDED},
		},
	}
}

// gatewayOfIstio is shaped as an egress gateway's server, whose route
// configuration is empty but for the black hole until a VirtualService comes. Its
// TLS is the mesh's own and left out.
func gatewayOfIstio(t *testing.T, port int) *meshProxy {
	number := strconv.Itoa(port)
	p := sidecarOfIstio(t, port)
	p.listeners = p.listeners[:1]
	name := "https." + number + ".https-ostiary.ostiary.default"
	p.routes = []*routev3.RouteConfiguration{{Name: name, VirtualHosts: []*routev3.VirtualHost{{
		Name: "blackhole:" + number, Domains: []string{"*"}, Routes: []*routev3.Route{{
			Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 404}},
		}},
	}}}}
	m := new(hcmv3.HttpConnectionManager)
	filter := p.listeners[0].FilterChains[0].Filters[0]
	unpack(t, filter.GetTypedConfig(), m)
	m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: name}}
	m.ForwardClientCertDetails = hcmv3.HttpConnectionManager_SANITIZE_SET
	filter.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, m)}
	return p
}

// proxyOfEnvoyGateway is shaped as Envoy Gateway's HTTP listener: a default chain
// and its defaults of limits, underscores and paths. A route that a team attached
// leads to the vendor.
func proxyOfEnvoyGateway(t *testing.T, port int) *meshProxy {
	const name = "default/ostiary/http"
	return &meshProxy{
		listeners: []*listenerv3.Listener{{
			Name: name, Address: address("127.0.0.1", port), PerConnectionBufferLimitBytes: wrapperspb.UInt32(32768),
			DefaultFilterChain: &listenerv3.FilterChain{Name: name, Filters: []*listenerv3.Filter{networkFilter(t, "envoy.filters.network.http_connection_manager", &hcmv3.HttpConnectionManager{
				StatPrefix: "http-" + strconv.Itoa(port), UseRemoteAddress: wrapperspb.Bool(true), NormalizePath: wrapperspb.Bool(true), MergeSlashes: true,
				PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT, ServerHeaderTransformation: hcmv3.HttpConnectionManager_PASS_THROUGH,
				CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_REJECT_REQUEST},
				Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
					MaxConcurrentStreams: wrapperspb.UInt32(100), InitialStreamWindowSize: wrapperspb.UInt32(65536), InitialConnectionWindowSize: wrapperspb.UInt32(1 << 20),
				},
				RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: name}},
				HttpFilters:    []*hcmv3.HttpFilter{httpFilter(t, "envoy.filters.http.cors", &corsv3.Cors{}), httpFilter(t, "envoy.filters.http.router", &routerv3.Router{SuppressEnvoyHeaders: true})},
			})}},
		}},
		routes: []*routev3.RouteConfiguration{{Name: name, IgnorePortInHostMatching: true, VirtualHosts: []*routev3.VirtualHost{
			{Name: name + "/*", Domains: []string{"*"}, Routes: []*routev3.Route{toCluster("httproute/default/somebody/rule/0")}},
		}}},
		clusters: []*clusterv3.Cluster{staticCluster("httproute/default/somebody/rule/0", "192.0.2.1", 80)},
	}
}

// meshHouse is a policy server and a proxy that is attached to it.
type meshHouse struct {
	t             *testing.T
	dir           string
	port          int
	url           string
	file          string
	admin         string
	access        string
	socket        string
	openai, house *upstream
	server        *server
	screen        *syncBuffer
	spec          envoy.Spec
	stopped       bool
}

func newMeshHouse(t *testing.T) *meshHouse {
	t.Helper()
	env.Envoy(t)
	t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
	t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
	h := &meshHouse{t: t, dir: shortTempDir(t), openai: newUpstream(t, "openai"), house: newUpstream(t, "house"), screen: &syncBuffer{}}
	_, number, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	if h.port, err = strconv.Atoi(number); err != nil {
		t.Fatal(err)
	}
	h.url, h.file, h.admin = "http://127.0.0.1:"+number, filepath.Join(h.dir, "ostiary.yaml"), filepath.Join(h.dir, "a.sock")
	h.socket, h.access = filepath.Join(h.dir, "run", "p.sock"), filepath.Join(h.dir, "run", "access.jsonl")
	if err := os.WriteFile(h.file, []byte(smallest("127.0.0.1:1", "none", h.openai.url, h.house.url, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	h.server, err = start(context.Background(), options{config: h.file, socket: h.socket, accessLog: h.access}, h.screen, h.screen)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.screen)
	}
	t.Cleanup(h.stop)
	f := meshFlags{options: options{config: h.file, socket: h.socket, accessLog: h.access}, roots: mesh.DefaultRoots}
	if h.spec, err = f.spec(context.Background()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *meshHouse) stop() {
	if h.stopped {
		return
	}
	h.stopped = true
	// At once, as a crash: a graceful end waits for the proxy's streams of
	// secrets, which last as long as the proxy.
	h.server.plane.(*policyPlane).policy.grpc.Stop()
	if err := h.server.stop(); err != nil {
		h.t.Errorf("stop: %v\n%s", err, h.screen)
	}
}

// run starts the real Envoy with a mesh's configuration, its routes by RDS.
func (h *meshHouse) run(p *meshProxy) {
	t := h.t
	t.Helper()
	dir := t.TempDir()
	b := &bootstrapv3.Bootstrap{
		Node:            &corev3.Node{Id: "sidecar~10.0.0.1~app.default~default.svc.cluster.local", Cluster: "app.default"},
		Admin:           &bootstrapv3.Admin{Address: &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: h.admin, Mode: 0o600}}}},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{Clusters: p.clusters},
	}
	for i, r := range p.routes {
		raw, err := protojson.Marshal(pack(t, r))
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(map[string]any{"resources": []json.RawMessage{raw}})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "routes"+strconv.Itoa(i)+".json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, l := range p.listeners {
			for _, ch := range append(append([]*listenerv3.FilterChain{}, l.GetFilterChains()...), l.GetDefaultFilterChain()) {
				for _, f := range ch.GetFilters() {
					m := new(hcmv3.HttpConnectionManager)
					if !f.GetTypedConfig().MessageIs(m) {
						continue
					}
					unpack(t, f.GetTypedConfig(), m)
					if m.GetRds().GetRouteConfigName() == r.GetName() {
						m.GetRds().ConfigSource = &corev3.ConfigSource{
							ResourceApiVersion:    corev3.ApiVersion_V3,
							ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{Path: file}},
						}
						f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, m)}
					}
				}
			}
		}
	}
	b.StaticResources.Listeners = p.listeners
	e, err := weaken.Run(t.Context(), env.Envoy(t), dir, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
}

func (h *meshHouse) post(body string, header ...string) reply {
	h.t.Helper()
	in := &instance{t: h.t, url: h.url}
	return in.post("/v1/chat/completions", body, header...)
}

// probe runs the command and gives its exit status and what it said.
func (h *meshHouse) probe(args ...string) (int, string) {
	h.t.Helper()
	return runMesh(h.t, append([]string{"probe"}, args...)...)
}

// runMesh runs ostiary mesh.
func runMesh(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out syncBuffer
	c := meshCommand()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.ExecuteContext(t.Context())
	switch a, ok := err.(answer); {
	case err == nil:
		return exitYes, out.String()
	case ok:
		return a.status, out.String()
	}
	return exitUnknown, out.String() + err.Error()
}

// meshes are the kinds of proxies, each with its objects.
var meshes = []struct {
	name    string
	proxy   func(*testing.T, int) *meshProxy
	objects func(envoy.Spec, mesh.Options) ([]byte, error)
	place   mesh.Place
}{
	{"istio sidecar", sidecarOfIstio, mesh.Istio, mesh.Sidecar},
	{"istio gateway", gatewayOfIstio, mesh.Istio, mesh.Gateway},
	{"envoy gateway", proxyOfEnvoyGateway, mesh.EnvoyGateway, ""},
}

// TestMeshes runs the real Envoy with listeners shaped as the meshes make them
// and the objects applied: what may go reaches the vendor with the organisation's
// key, personal data stays in-house, a secret is refused, and without the policy
// server nothing goes.
func TestMeshes(t *testing.T) {
	for _, m := range meshes {
		t.Run(m.name, func(t *testing.T) {
			h := newMeshHouse(t)
			objects, err := m.objects(h.spec, mesh.Options{Port: h.port, Place: m.place})
			if err != nil {
				t.Fatal(err)
			}
			p := m.proxy(t, h.port)
			p.onto(t, objects)
			h.run(p)

			r := h.post(chat(ordinary), "authorization", "Bearer the-application-has-none")
			if r.status != http.StatusOK || r.pool() != "openai" {
				t.Errorf("ordinary: %d from %q: %s", r.status, r.pool(), r.body)
			}
			got := settleFor(h.openai.byteCounter)
			if !strings.Contains(string(got), testOpenAIKey) || strings.Contains(string(got), "the-application-has-none") {
				t.Error("the vendor did not get the organisation's key, or got the application's")
			}
			if r := h.post(chat(personal)); r.status != http.StatusOK || r.pool() != "house" {
				t.Errorf("personal data: %d from %q: %s", r.status, r.pool(), r.body)
			}
			if r := h.post(chat("Pay with card 4532 0158 4731 9628 please, holder Maria Lindqvist.")); r.status != http.StatusOK || r.pool() != "house" {
				t.Errorf("card: %d from %q: %s", r.status, r.pool(), r.body)
			}
			if r := h.post(chat(secret)); r.status != http.StatusForbidden || r.action() != "deny" {
				t.Errorf("secret: %d: %s", r.status, r.body)
			}
			// A name that nobody made an entry for, on the same port.
			if r := h.post(chat(secret), "host", "unknown.example"); r.status != http.StatusForbidden {
				t.Errorf("secret to an unknown name: %d", r.status)
			}
			// Above Envoy Gateway's 32 KiB and Envoy's 1 MiB.
			if r := h.post(chat(strings.Repeat("snow falls. ", 200_000))); r.status != http.StatusOK {
				t.Errorf("a body of 2.4 MB: %d: %.200s", r.status, r.body)
			}
			h2 := &http.Transport{Protocols: new(http.Protocols)}
			h2.Protocols.SetUnencryptedHTTP2(true)
			for body, want := range map[int]int{2_400_000: http.StatusOK, h.spec.BodyLimit + 1: http.StatusRequestEntityTooLarge} {
				req, err := http.NewRequest(http.MethodPost, h.url+"/v1/chat/completions", strings.NewReader(chat(strings.Repeat("a ", (body-len(chat("")))/2+1))))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := h2.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("a body of %d bytes over HTTP/2: %d, want %d", body, resp.StatusCode, want)
				}
			}
			h2.CloseIdleConnections()
			if all := settleFor(h.openai.byteCounter); strings.Contains(string(all), "maria.lindqvist") || strings.Contains(string(all), demoToken0) || strings.Contains(string(all), "4532 0158") {
				t.Error("what had to stay reached the vendor")
			}

			if status, said := h.probe(h.url, "--log", h.server.places.log, "--admin", "unix:"+h.admin, "--config", h.file, "--policy-socket", h.socket, "--access-log", h.access); status != exitYes {
				t.Errorf("probe: %d\n%s", status, said)
			}

			h.openai.take()
			h.house.take()
			h.stop()
			r = h.post(chat(ordinary))
			if r.status != http.StatusServiceUnavailable || r.code() != "no_verdict" {
				t.Errorf("without the policy server: %d: %s", r.status, r.body)
			}
			if n := len(settleFor(h.openai.byteCounter, h.house.byteCounter)); n != 0 {
				t.Errorf("%d bytes left without the policy server", n)
			}
			if status, said := h.probe(h.url, "--log", h.server.places.log); status != exitNo || !strings.Contains(said, "policy server was not reached") {
				t.Errorf("probe without the policy server: %d\n%s", status, said)
			}
		})
	}
}

// TestMeshLocksHoldWhereTheFilterIsSwitchedOff: somebody who may write routes
// disables the external processor for all of them. Nothing leaves, and the probe
// names it. Without the locks the same request leaks: the control.
func TestMeshLocksHoldWhereTheFilterIsSwitchedOff(t *testing.T) {
	const marker = "a-marker-in-the-prompt-0815"
	for _, m := range meshes {
		for _, locked := range []bool{true, false} {
			t.Run(m.name+" locks "+strconv.FormatBool(locked), func(t *testing.T) {
				h := newMeshHouse(t)
				objects, err := m.objects(h.spec, mesh.Options{Port: h.port, Place: m.place})
				if err != nil {
					t.Fatal(err)
				}
				p := m.proxy(t, h.port)
				p.onto(t, objects)
				off := pack(t, &extprocv3.ExtProcPerRoute{Override: &extprocv3.ExtProcPerRoute_Disabled{Disabled: true}})
				for _, host := range p.routes[0].VirtualHosts {
					host.TypedPerFilterConfig = map[string]*anypb.Any{envoy.FilterExtProc: off}
				}
				if !locked {
					p.unlock(t)
				}
				h.run(p)
				r := h.post(chat(marker))
				leaked := strings.Contains(string(settleFor(h.openai.byteCounter, h.house.byteCounter)), marker)
				if locked && (leaked || r.status != http.StatusServiceUnavailable) {
					t.Errorf("%d, leaked %v: %s", r.status, leaked, r.body)
				}
				if !locked && !leaked {
					t.Errorf("no leak without the locks (%d): the test proves nothing", r.status)
				}
				status, said := h.probe(h.url, "--log", h.server.places.log, "--admin", "unix:"+h.admin)
				if status != exitNo || !strings.Contains(said, "switches off the filter envoy.filters.http.ext_proc") {
					t.Errorf("probe: %d\n%s", status, said)
				}
				if !locked && (!strings.Contains(said, "locks 2 and 3 is missing") || !strings.Contains(said, "matches without the verdict's pool")) {
					t.Errorf("probe does not name the locks:\n%s", said)
				}
			})
		}
	}
}

// unlock takes RBAC and the metadata of the first route away.
func (p *meshProxy) unlock(t *testing.T) {
	p.routes[0].VirtualHosts[0].Routes[0].Match.DynamicMetadata = nil
	l := p.listeners[0]
	ch := l.GetDefaultFilterChain()
	if ch == nil {
		ch = l.GetFilterChains()[0]
	}
	m := new(hcmv3.HttpConnectionManager)
	unpack(t, ch.Filters[0].GetTypedConfig(), m)
	var kept []*hcmv3.HttpFilter
	for _, f := range m.HttpFilters {
		if f.GetName() != "ostiary.locks" {
			kept = append(kept, f)
		}
	}
	if len(kept) == len(m.HttpFilters) {
		t.Fatal("there are no locks to take away")
	}
	m.HttpFilters = kept
	ch.Filters[0].ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, m)}
}

// TestMeshProbe: each way in which a proxy is not, or is half, attached, with the
// real Envoy; the exit status and the words.
func TestMeshProbe(t *testing.T) {
	h := newMeshHouse(t)
	objects, err := mesh.Istio(h.spec, mesh.Options{Port: h.port})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("objects that were never applied", func(t *testing.T) {
		// The mesh's own configuration: the route leads to the service entry's
		// endpoint, here the vendor itself.
		own := *h
		own.t = t
		p := sidecarOfIstio(t, h.port)
		vendor := h.openai.Addr().(*net.TCPAddr)
		p.clusters[0] = staticCluster(p.clusters[0].Name, "127.0.0.1", vendor.Port)
		p.routes[0].VirtualHosts[1].Routes[0] = toCluster(p.clusters[0].Name)
		own.run(p)
		status, said := own.probe(h.url, "--log", h.server.places.log, "--admin", "unix:"+h.admin)
		if status != exitNo || !strings.Contains(said, "without a decision of Ostiary's") || !strings.Contains(said, "no listener asks") {
			t.Errorf("%d\n%s", status, said)
		}
	})
	attach := func(t *testing.T, change func(p *meshProxy)) *meshHouse {
		own := *h
		own.t = t
		p := sidecarOfIstio(t, h.port)
		p.onto(t, objects)
		if change != nil {
			change(p)
		}
		own.run(p)
		return &own
	}
	t.Run("attached", func(t *testing.T) {
		own := attach(t, nil)
		for _, c := range []struct {
			name string
			args []string
			want int
			says string
		}{
			{"log", []string{h.url, "--log", h.server.places.log}, exitYes, "which is in the log"},
			{"base URL of an SDK", []string{h.url + "/v1", "--log", h.server.places.log}, exitYes, "which is in the log"},
			{"control socket", []string{h.url, "--socket", filepath.Join(h.server.places.keys, console.SocketName)}, exitYes, "which is in the log"},
			{"answer alone", []string{h.url}, exitUnknown, "which nobody looked up"},
			{"another log", []string{h.url, "--log", otherLog(t)}, exitNo, "not in that log"},
			{"no log", []string{h.url, "--log", filepath.Join(h.dir, "none")}, exitUnknown, "could not be looked up"},
			{"no control socket", []string{h.url, "--socket", filepath.Join(h.dir, "none.sock")}, exitUnknown, "could not be looked up"},
			{"administration alone", []string{"--admin", "unix:" + h.admin}, exitYes, "filters, order, locks, routes and limits are in force"},
			{"nobody there", []string{"http://127.0.0.1:1"}, exitUnknown, "nobody listens there"},
			{"nothing", nil, exitUnknown, "nothing to probe"},
			{"no URL", []string{"ftp://x"}, exitUnknown, "the URL must be"},
			{"no administration", []string{"--admin", "unix:" + filepath.Join(h.dir, "none.sock")}, exitUnknown, "gives no answer"},
			{"no dump", []string{"--dump", h.file}, exitUnknown, "no config_dump"},
			{"other sockets than the configuration's", []string{"--admin", "unix:" + h.admin, "--config", h.file}, exitNo, "cluster ostiary_ext_proc: is not the one of this configuration"},
		} {
			t.Run(c.name, func(t *testing.T) {
				if status, said := runMesh(t, append([]string{"probe"}, c.args...)...); status != c.want || !strings.Contains(said, c.says) {
					t.Errorf("%d, want %d with %q\n%s", status, c.want, c.says, said)
				}
			})
		}
		_ = own
	})
	t.Run("passthrough", func(t *testing.T) {
		own := attach(t, func(p *meshProxy) {
			p.listeners[1].FilterChains[0].Filters[0] = networkFilter(t, "envoy.filters.network.tcp_proxy", &tcpproxyv3.TcpProxy{StatPrefix: "PassthroughCluster", ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: "PassthroughCluster"}})
		})
		if status, said := own.probe(h.url, "--log", h.server.places.log, "--admin", "unix:"+h.admin); status != exitNo || !strings.Contains(said, "leads wherever the client says, by PassthroughCluster") {
			t.Errorf("%d\n%s", status, said)
		}
		if status, said := own.probe(h.url, "--log", h.server.places.log, "--admin", "unix:"+h.admin, "--egress-closed"); status != exitYes || !strings.Contains(said, "said to be closed") {
			t.Errorf("%d\n%s", status, said)
		}
	})
}

// otherLog is an audit log of another Ostiary.
func otherLog(t *testing.T) string {
	t.Helper()
	in := launch(t, "embedded", "")
	in.post("/v1/chat/completions", chat(ordinary))
	in.end()
	return in.places.log
}

// TestMeshCommands: the commands print the same bytes each time, warn of what a
// pod cannot mean, and refuse what cannot be.
func TestMeshCommands(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ostiary.yaml")
	t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
	t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
	if err := os.WriteFile(file, []byte(smallest("127.0.0.1:8484", "none", "https://api.openai.com", "http://127.0.0.1:11434", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"istio", "gateway"} {
		_, first := runMesh(t, kind, "--config", file)
		status, again := runMesh(t, kind, "--config", file)
		if status != exitYes || first != again {
			t.Errorf("%s: %d, or two runs differ", kind, status)
		}
		if !strings.Contains(again, "pool house is on this machine's loopback") || strings.Contains(again, testOpenAIKey) {
			t.Errorf("%s: no warning of the loopback, or a key in the objects", kind)
		}
		status, said := runMesh(t, kind, "--config", file, "--out", filepath.Join(dir, "out"))
		if status != exitYes {
			t.Errorf("%s --out: %s", kind, said)
		}
		text, err := os.ReadFile(filepath.Join(dir, "out", "ostiary-"+kind+".yaml"))
		if err != nil || !strings.Contains(first, string(text)) {
			t.Errorf("%s --out wrote something else: %v", kind, err)
		}
	}
	for _, args := range [][]string{{"istio", "--config", file, "--port", "443"}, {"istio", "--config", file, "--selector", "app"}, {"gateway", "--config", filepath.Join(dir, "none")}} {
		if status, said := runMesh(t, args...); status != exitUnknown {
			t.Errorf("%v: %d %s", args, status, said)
		}
	}
}

// TestMeshReadmeIsTrue reads deploy/mesh: every command of ours parses, the patch
// is YAML, and paths and names are those of the objects.
func TestMeshReadmeIsTrue(t *testing.T) {
	dir := filepath.Join(env.Root(t), "deploy", "mesh")
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for line := range strings.Lines(string(text)) {
		args, ok := strings.CutPrefix(strings.TrimSpace(line), "ostiary mesh ")
		if !ok {
			continue
		}
		commands++
		c, rest, err := meshCommand().Find(strings.Fields(args))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if err := c.Args(c, c.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if commands < 6 {
		t.Errorf("only %d commands found", commands)
	}
	pod, err := os.ReadFile(filepath.Join(dir, "istio-pod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := mesh.EnvoyGateway(envoy.Spec{}, mesh.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Both run the policy server with words that it knows.
	var runs [][]any
	for _, o := range append(readObjects(t, pod), readObjects(t, objects)...) {
		for _, place := range [][]string{{"spec", "template", "spec", "initContainers"}, {"spec", "provider", "kubernetes", "envoyDeployment", "initContainers"}} {
			if all, ok := at(o, place...).([]any); ok {
				runs = append(runs, at(all[0].(jsonObject), "args").([]any))
			}
		}
	}
	if len(runs) != 2 {
		t.Fatalf("%d containers of the policy server", len(runs))
	}
	for _, args := range runs {
		var words []string
		for _, a := range args {
			words = append(words, a.(string))
		}
		c, rest, err := rootCommand().Find(words)
		if err != nil || c.Name() != "run" {
			t.Fatal(words, err)
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%v: %v", words, err)
		}
	}
	if objects, err = mesh.Istio(envoy.Spec{}, mesh.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{"240.240.84.84", mesh.DefaultHost, mesh.DefaultSocket, "1337"} {
		if !strings.Contains(string(pod), same) || !strings.Contains(string(objects), same) {
			t.Errorf("%s is not in both the patch and the objects", same)
		}
	}
	for _, said := range []string{mesh.IstioAPI, strings.TrimPrefix(mesh.GatewayVersion, "Envoy Gateway "), mesh.DefaultLog, strconv.Itoa(mesh.DefaultPort)} {
		if !strings.Contains(string(text), said) {
			t.Errorf("the page does not say %s", said)
		}
	}
}
