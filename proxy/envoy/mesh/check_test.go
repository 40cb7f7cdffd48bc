package mesh_test

import (
	"strings"
	"testing"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	aggregatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/aggregate/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/mesh"
	"github.com/ostiary/ostiary/proxy/envoy/weaken"
)

// envoyMinor is the version 1.x that dumps say they are of.
const envoyMinor = 40

// dump is what Envoy's administration would say of a bootstrap.
func dump(t testing.TB, b *bootstrapv3.Bootstrap) []byte {
	t.Helper()
	l, r, c := new(adminv3.ListenersConfigDump), new(adminv3.RoutesConfigDump), new(adminv3.ClustersConfigDump)
	for _, one := range b.GetStaticResources().GetListeners() {
		l.StaticListeners = append(l.StaticListeners, &adminv3.ListenersConfigDump_StaticListener{Listener: packed(t, one)})
	}
	for _, one := range b.GetStaticResources().GetClusters() {
		c.StaticClusters = append(c.StaticClusters, &adminv3.ClustersConfigDump_StaticCluster{Cluster: packed(t, one)})
	}
	version := &adminv3.BootstrapConfigDump{Bootstrap: &bootstrapv3.Bootstrap{Node: &corev3.Node{UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{
		UserAgentBuildVersion: &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: envoyMinor}},
	}}}}
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(&adminv3.ConfigDump{Configs: []*anypb.Any{packed(t, version), packed(t, l), packed(t, c), packed(t, r)}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func packed(t testing.TB, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// attached is a proxy with everything in force, and what is expected of it.
func attached(t testing.TB) (*bootstrapv3.Bootstrap, mesh.Expectation) {
	t.Helper()
	s := pools()
	s.Listen, s.Socket, s.Admin, s.AccessLog, s.CABundle = "127.0.0.1:8484", mesh.DefaultSocket, "/run/admin.sock", mesh.DefaultLog, mesh.DefaultRoots
	b, err := envoy.Bootstrap(s)
	if err != nil {
		t.Fatal(err)
	}
	return b, mesh.Expectation{Spec: &s, Provider: func(name string) bool {
		return name == "api.openai.com" || name == "api.anthropic.com" || strings.HasSuffix(name, ".openai.azure.com")
	}}
}

// onManager changes the connection manager.
func onManager(f func(m *hcmv3.HttpConnectionManager)) func(*testing.T, *bootstrapv3.Bootstrap) {
	return func(t *testing.T, b *bootstrapv3.Bootstrap) {
		t.Helper()
		filter := b.GetStaticResources().GetListeners()[0].GetFilterChains()[0].GetFilters()[0]
		m := new(hcmv3.HttpConnectionManager)
		if err := filter.GetTypedConfig().UnmarshalTo(m); err != nil {
			t.Fatal(err)
		}
		f(m)
		filter.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: packed(t, m)}
	}
}

// onFilter changes one HTTP filter.
func onFilter[M proto.Message](m M, f func(m M)) func(*testing.T, *bootstrapv3.Bootstrap) {
	return func(t *testing.T, b *bootstrapv3.Bootstrap) {
		done := false
		onManager(func(manager *hcmv3.HttpConnectionManager) {
			for _, filter := range manager.GetHttpFilters() {
				if filter.GetTypedConfig().MessageIs(m) {
					if err := filter.GetTypedConfig().UnmarshalTo(m); err != nil {
						t.Fatal(err)
					}
					f(m)
					filter.ConfigType = &hcmv3.HttpFilter_TypedConfig{TypedConfig: packed(t, m)}
					done = true
				}
			}
		})(t, b)
		if !done {
			t.Fatal("no such filter")
		}
	}
}

func onExtProc(f func(p *extprocv3.ExternalProcessor)) func(*testing.T, *bootstrapv3.Bootstrap) {
	return onFilter(new(extprocv3.ExternalProcessor), f)
}

func remove(name string) func(*testing.T, *bootstrapv3.Bootstrap) {
	return onManager(func(m *hcmv3.HttpConnectionManager) {
		var kept []*hcmv3.HttpFilter
		for _, f := range m.GetHttpFilters() {
			if f.GetName() != name {
				kept = append(kept, f)
			}
		}
		m.HttpFilters = kept
	})
}

func weakened(w weaken.Weakening) func(*testing.T, *bootstrapv3.Bootstrap) {
	return func(t *testing.T, b *bootstrapv3.Bootstrap) {
		t.Helper()
		if err := w(b); err != nil {
			t.Fatal(err)
		}
	}
}

func firstRoute(m *hcmv3.HttpConnectionManager) *routev3.Route {
	return m.GetRouteConfig().GetVirtualHosts()[0].GetRoutes()[0]
}

// another listener beside ours.
func another(name string, m proto.Message, filter string, clusters ...*clusterv3.Cluster) func(*testing.T, *bootstrapv3.Bootstrap) {
	return func(t *testing.T, b *bootstrapv3.Bootstrap) {
		b.StaticResources.Listeners = append(b.StaticResources.Listeners, &listenerv3.Listener{Name: name, FilterChains: []*listenerv3.FilterChain{{
			Filters: []*listenerv3.Filter{{Name: filter, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: packed(t, m)}}},
		}}})
		b.StaticResources.Clusters = append(b.StaticResources.Clusters, clusters...)
	}
}

func tcpTo(cluster string) *tcpproxyv3.TcpProxy {
	return &tcpproxyv3.TcpProxy{StatPrefix: "x", ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: cluster}}
}

func httpTo(cluster string) *hcmv3.HttpConnectionManager {
	return &hcmv3.HttpConnectionManager{StatPrefix: "x", RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
		VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: []*routev3.Route{{
			Name: "default", Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster}}},
		}}}},
	}}}
}

func named(name string) *clusterv3.Cluster { return &clusterv3.Cluster{Name: name} }

func passthrough() *clusterv3.Cluster {
	return &clusterv3.Cluster{Name: "PassthroughCluster", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_ORIGINAL_DST}}
}

func aggregateOf(t testing.TB, name string, members ...string) *clusterv3.Cluster {
	return &clusterv3.Cluster{Name: name, ClusterDiscoveryType: &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name: "envoy.clusters.aggregate", TypedConfig: packed(t, &aggregatev3.ClusterConfig{Clusters: members}),
	}}}
}

const tcpProxyFilter = "envoy.filters.network.tcp_proxy"

// TestCheckNamesWhatIsMissing takes one thing away or puts one in, and wants it
// named. Attached says whether the listener still counts as attached.
func TestCheckNamesWhatIsMissing(t *testing.T) {
	disabled := func(t testing.TB) *anypb.Any {
		return packed(t, &extprocv3.ExtProcPerRoute{Override: &extprocv3.ExtProcPerRoute_Disabled{Disabled: true}})
	}
	for _, c := range []struct {
		name     string
		change   func(*testing.T, *bootstrapv3.Bootstrap)
		want     string // of the only finding; empty for none
		attached bool
	}{
		{"attached", nil, "", true},
		{"external processor missing", remove(envoy.FilterExtProc), "the external processor is missing", false},
		{"RBAC missing", weakened(weaken.NoRBAC()), "locks 2 and 3 is missing", false},
		{"RBAC without the phase", weakened(weaken.NoPhase()), "other rules than locks 2 and 3", false},
		{"RBAC in shadow", onFilter(new(rbacv3.RBAC), func(r *rbacv3.RBAC) { r.ShadowRules, r.Rules = r.Rules, nil }), "other rules than locks 2 and 3", false},
		{"RBAC inverted", onFilter(new(rbacv3.RBAC), func(r *rbacv3.RBAC) { r.Rules.Action = rbacconfigv3.RBAC_DENY }), "other rules than locks 2 and 3", false},
		{"trailer strip missing", remove(envoy.FilterTrailers), "trailer strip is missing", false},
		{"wrong order", onManager(func(m *hcmv3.HttpConnectionManager) {
			m.HttpFilters[1], m.HttpFilters[2] = m.HttpFilters[2], m.HttpFilters[1]
		}), "wrong order", false},
		{"route without metadata", onManager(func(m *hcmv3.HttpConnectionManager) { firstRoute(m).Match.DynamicMetadata = nil }), "route pool/openai: matches without the verdict's pool", false},
		{"route of another pool", onManager(func(m *hcmv3.HttpConnectionManager) {
			firstRoute(m).GetRoute().ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: "pool_ollama"}
		}), "matches without the verdict's pool", false},
		{"route with the lock inverted", onManager(func(m *hcmv3.HttpConnectionManager) { firstRoute(m).Match.DynamicMetadata[0].Invert = true }), "matches without the verdict's pool", false},
		{"open last route", weakened(weaken.OpenRoute("openai")), "route weakened: matches without", false},
		{"failure_mode_allow", onExtProc(func(p *extprocv3.ExternalProcessor) { p.FailureModeAllow = true }), "failure_mode_allow is true", false},
		{"observes only", onExtProc(func(p *extprocv3.ExternalProcessor) { p.ObservabilityMode = true }), "only observes", false},
		{"streamed bodies", onExtProc(func(p *extprocv3.ExternalProcessor) {
			p.ProcessingMode.RequestBodyMode = extprocv3.ProcessingMode_STREAMED
		}), "whole body", false},
		{"no headers", onExtProc(func(p *extprocv3.ExternalProcessor) {
			p.ProcessingMode.RequestHeaderMode = extprocv3.ProcessingMode_SKIP
		}), "see the request's headers", false},
		{"any override", onExtProc(func(p *extprocv3.ExternalProcessor) { p.AllowedOverrideModes = nil }), "told by its server not to read", false},
		{"a loose override", onExtProc(func(p *extprocv3.ExternalProcessor) {
			p.AllowedOverrideModes[0].RequestBodyMode = extprocv3.ProcessingMode_NONE
		}), "told by its server not to read", false},
		{"writes anything", onExtProc(func(p *extprocv3.ExternalProcessor) {
			p.MetadataOptions.ReceivingNamespaces.Untyped = append(p.MetadataOptions.ReceivingNamespaces.Untyped, "envoy.filters.http.rbac")
		}), "may write more than that", false},
		{"200 ms", onExtProc(func(p *extprocv3.ExternalProcessor) { p.MessageTimeout = nil }), "waits 200ms", false},
		{"silent mutations", onExtProc(func(p *extprocv3.ExternalProcessor) { p.MutationRules = nil }), "in silence", false},
		{"switched off by a route", onManager(func(m *hcmv3.HttpConnectionManager) {
			firstRoute(m).TypedPerFilterConfig = map[string]*anypb.Any{envoy.FilterExtProc: disabled(t)}
		}), "route pool/openai: changes or switches off the filter envoy.filters.http.ext_proc", false},
		{"switched off by the virtual host", onManager(func(m *hcmv3.HttpConnectionManager) {
			m.GetRouteConfig().GetVirtualHosts()[0].TypedPerFilterConfig = map[string]*anypb.Any{envoy.FilterRBAC: packed(t, &rbacv3.RBACPerRoute{})}
		}), "virtual host ostiary: changes or switches off", false},
		{"disabled in the chain", onManager(func(m *hcmv3.HttpConnectionManager) { m.HttpFilters[1].Disabled = true }), "is disabled unless a route enables it", false},
		{"copied to somebody", onManager(func(m *hcmv3.HttpConnectionManager) {
			firstRoute(m).GetRoute().RequestMirrorPolicies = []*routev3.RouteAction_RequestMirrorPolicy{{Cluster: "recorder"}}
		}), "copies requests to recorder", false},
		{"the client chooses", onManager(func(m *hcmv3.HttpConnectionManager) {
			firstRoute(m).GetRoute().ClusterSpecifier = &routev3.RouteAction_ClusterHeader{ClusterHeader: "x-cluster"}
		}), "the request itself or a plugin chooses", false},
		{"spread over pools", onManager(func(m *hcmv3.HttpConnectionManager) {
			firstRoute(m).GetRoute().ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: &routev3.WeightedCluster{Clusters: []*routev3.WeightedCluster_ClusterWeight{
				{Name: "pool_openai", Weight: wrapperspb.UInt32(1)}, {Name: "elsewhere", Weight: wrapperspb.UInt32(1)},
			}}}
		}), "spreads over several clusters", false},
		{"small buffers", func(_ *testing.T, b *bootstrapv3.Bootstrap) {
			b.StaticResources.Listeners[0].PerConnectionBufferLimitBytes = wrapperspb.UInt32(32768)
		}, "two halves of the body limit differ", false},
		{"no access log", onManager(func(m *hcmv3.HttpConnectionManager) { m.AccessLog = nil }), "no access log", false},
		{"forged headers", onManager(func(m *hcmv3.HttpConnectionManager) { m.EarlyHeaderMutationExtensions = nil }), "callers forge", false},
		{"another cluster of a pool", func(_ *testing.T, b *bootstrapv3.Bootstrap) { b.StaticResources.Clusters[1].TransportSocket = nil }, "cluster pool_openai: is not the one", true},
		{"a pool's cluster missing", func(_ *testing.T, b *bootstrapv3.Bootstrap) {
			all := b.StaticResources.Clusters
			b.StaticResources.Clusters = all[:len(all)-1]
		}, "cluster pool_ollama: is missing", true},
		{"a listener goes round to a pool", another("round", tcpTo("pool_openai"), tcpProxyFilter), "listener round: goes round Ostiary: leads to pool_openai", true},
		{"a listener goes round to a provider", another("0.0.0.0_80", httpTo("outbound|443||api.openai.com"), "hcm", named("outbound|443||api.openai.com")), "goes round Ostiary: leads to outbound|443||api.openai.com", true},
		{"a wildcard provider", another("round", tcpTo("x"), tcpProxyFilter, &clusterv3.Cluster{Name: "x", AltStatName: "foo.openai.azure.com"}), "leads to x without the locks", true},
		{"passthrough", another("virtualOutbound", tcpTo("PassthroughCluster"), tcpProxyFilter, passthrough()), "leads wherever the client says", true},
		{"an aggregate of a pool, in a circle", another("round", tcpTo("both"), tcpProxyFilter, aggregateOf(t, "both", "pool_openai", "other", "both"), aggregateOf(t, "other", "both")), "leads to both without the locks", true},
		{"another service", another("0.0.0.0_9080", httpTo("outbound|9080||reviews"), "hcm", named("outbound|9080||reviews")), "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, e := attached(t)
			if c.change != nil {
				c.change(t, b)
			}
			r, err := mesh.Check(dump(t, b), e)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, f := range r.Findings {
				said = append(said, f.Where+": "+f.What)
				if f.Remedy == "" {
					t.Errorf("%s: no remedy", f.What)
				}
			}
			if all := strings.Join(said, "\n"); c.want == "" && len(said) > 0 || c.want != "" && (len(said) != 1 || !strings.Contains(all, c.want)) {
				t.Errorf("found:\n%s\nwant one with %q", all, c.want)
			}
			if len(r.Unknown) > 0 {
				t.Errorf("could not tell: %v", r.Unknown)
			}
			if got := len(r.Attached) == 1; got != c.attached {
				t.Errorf("attached: %v", r.Attached)
			}
		})
	}
}

func TestCheckOfAProxyWithoutOstiary(t *testing.T) {
	b := &bootstrapv3.Bootstrap{StaticResources: &bootstrapv3.Bootstrap_StaticResources{}}
	another("0.0.0.0_9080", httpTo("outbound|9080||reviews"), "hcm", named("outbound|9080||reviews"))(t, b)
	r, err := mesh.Check(dump(t, b), mesh.Expectation{})
	if err != nil || len(r.Findings) != 1 || !strings.Contains(r.Findings[0].What, "no listener asks") {
		t.Errorf("%v %+v", err, r)
	}
}

func TestCheckTellsWhatItCannotTell(t *testing.T) {
	b, e := attached(t)
	onManager(func(m *hcmv3.HttpConnectionManager) {
		m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: "8484"}}
	})(t, b)
	r, err := mesh.Check(dump(t, b), e)
	if err != nil || len(r.Unknown) != 1 || !strings.Contains(r.Unknown[0].What, "routes 8484 are not in the dump") || len(r.Attached) > 0 {
		t.Errorf("%v %+v", err, r)
	}
	// A field that only a later Envoy knows.
	b, e = attached(t)
	later := strings.Replace(string(dump(t, b)), `"stat_prefix":"ostiary","status_on_error"`, `"stat_prefix":"ostiary","a_field_of_2030":true,"status_on_error"`, 1)
	later = strings.Replace(later, `"allow_mode_override":true`, `"allow_mode_override":true,"a_field_of_2030":true`, 1)
	r, err = mesh.Check([]byte(later), e)
	if err != nil || len(r.Unknown) != 1 || !strings.Contains(r.Unknown[0].What, "not known here") {
		t.Errorf("%v %+v", err, r)
	}
	for _, raw := range []string{"", "{}", `{"configs":[]}`, "not JSON", `{"configs":[{"@type":"x.ListenersConfigDump","static_listeners":7}]}`} {
		if _, err := mesh.Check([]byte(raw), e); err == nil {
			t.Errorf("%q was read", raw)
		}
	}
}

func TestCheckOfAnOldEnvoy(t *testing.T) {
	b, e := attached(t)
	for version, bad := range map[string]bool{"39": true, "40": false, "41": false} {
		old := strings.Replace(string(dump(t, b)), `"minor_number":40`, `"minor_number":`+version, 1)
		old = strings.Replace(old, `"minor_number": 40`, `"minor_number":`+version, 1)
		r, err := mesh.Check([]byte(old), e)
		if err != nil || (len(r.Findings) > 0) != bad || r.Version != "1."+version+".0" {
			t.Errorf("1.%s: %v %+v", version, err, r)
		}
	}
}

func TestPassthroughThatIsClosedElsewhereIsANote(t *testing.T) {
	b, e := attached(t)
	another("virtualOutbound", tcpTo("PassthroughCluster"), tcpProxyFilter, passthrough())(t, b)
	e.ClosedElsewhere = true
	r, err := mesh.Check(dump(t, b), e)
	if err != nil || len(r.Findings) > 0 || len(r.Notes) != 1 {
		t.Errorf("%v %+v", err, r)
	}
}

// FuzzCheck: a dump of no Envoy is an error or a report, and never attached
// without a listener that has the external processor and the locks.
func FuzzCheck(f *testing.F) {
	b, e := attached(f)
	f.Add(dump(f, b))
	f.Add([]byte(`{"configs":[{"@type":"x.ListenersConfigDump"},{"@type":"x.ClustersConfigDump"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := mesh.Check(raw, e)
		if err != nil {
			return
		}
		if len(r.Attached) > 0 && (!strings.Contains(string(raw), "ExternalProcessor") || !strings.Contains(string(raw), "RBAC")) {
			t.Error("attached without its filters")
		}
		if len(r.Attached) == 0 && len(r.Findings)+len(r.Unknown) == 0 {
			t.Error("not attached, and nothing is said of it")
		}
	})
}
