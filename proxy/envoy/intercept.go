package envoy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	xdscore "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcher "github.com/cncf/xds/go/xds/type/matcher/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	internalv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/bootstrap/internal_listener/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	statevaluev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	dfpfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/dynamic_forward_proxy/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	setstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	httpinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/http_inspector/v3"
	originaldstv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/original_dst/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	directv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/direct_response/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	snidfpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	networkinputsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	internalupstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/internal_upstream/v3"
	rawv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	sniv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3"
	selectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ostiary/ostiary/proxy"
)

// Interception is how Envoy ends TLS for names that are not its own. Connections
// come through an explicit proxy or are redirected; both end in the same chains,
// which are chosen by the name in the client's TLS handshake and by nothing else:
// neither the target of a CONNECT nor the address that was dialled.
//
//   - governed: TLS is ended with a leaf that SDS gives on demand; then the same
//     filters and locks as everywhere.
//   - passed: the bytes go, unread, to the name as Envoy resolves it.
//   - refused, without a name, or matching nothing: closed.
type Interception struct {
	Proxy    []string    // addresses of the explicit proxy; none without
	Redirect []string    // addresses of redirected connections; none without
	SDS      string      // unix socket of the server that gives leaves
	Matches  []HostMatch // first match wins; no match is refused
	// Upstream is http://HOST:PORT of the organisation's proxy through which passed
	// connections go; empty for none.
	Upstream string
	// Private lets names pass that lie in private networks, Own those of this machine.
	// Link-local addresses and those at which clouds hand out credentials are never
	// reached.
	Private, Own bool
	// Admit asks the policy server about each client of the explicit proxy; one whose
	// credentials are not known, or has none where they are needed, gets 407.
	Admit bool
}

// HostMatch says what becomes of the names that an expression matches.
type HostMatch struct {
	Expr  string // RE2, for whole names in lower case
	Chain string // Governed, Passed, or Refused with a word that says why
}

// Names of chains.
const (
	Governed = "governed" // TLS is ended and requests are decided on
	Passed   = "passed"   // bytes go unread
	Refused  = "refused/" // and why: [a-z_]+
)

var chainName = regexp.MustCompile(`^(governed|passed|refused/[a-z_]+)$`)

// Names of what interception adds to a bootstrap.
const (
	SDSCluster    = "ostiary_sds"
	innerListener = "ostiary_inner"
	innerCluster  = "ostiary_inner"
	passedCluster = "ostiary_passed"
	plainCluster  = "ostiary_plain"
	passedNames   = "ostiary_passed" // the cache of names
	chainPlain    = "plain"          // HTTP without TLS

	// WayHeader is gRPC metadata that says in which way a client came.
	WayHeader = "x-ostiary-way"
	// wayConnect in it asks whether a client may use the explicit proxy.
	wayConnect = "connect"
	// stateCredentials and statePeer are what the CONNECT says and from where it
	// came, for the exchanges inside. PeerAttribute is how the policy server sees
	// the latter.
	stateCredentials = "ostiary.proxy_authorization"
	statePeer        = "ostiary.peer"
	PeerAttribute    = "filter_state['ostiary.peer']"
)

// Bounds of intercepted connections.
const (
	helloTimeout   = 5 * time.Second // for a ClientHello, and for a leaf
	passedIdle     = time.Hour       // of a passed connection, each way
	passedConnect  = 5 * time.Second
	passedHosts    = 16384 // names kept resolved
	passedTTL      = 5 * time.Minute
	passedPending  = 1024 // names being resolved at once
	passedRefresh  = time.Minute
	sdsBreakers    = 65536 // handshakes that wait for leaves at once
	maxMatches     = 4096
	maxProgram     = 4096 // instructions of an expression in RE2
	tunnelBufferKB = 1024
)

func (i *Interception) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("envoy: interception: "+format, args...))
	}
	if len(i.Proxy)+len(i.Redirect) == 0 {
		bad("it has neither the address of a proxy nor one of redirected connections")
	}
	for _, a := range append(append([]string{}, i.Proxy...), i.Redirect...) {
		if _, err := listenAddress(a); err != nil {
			errs = append(errs, err)
		}
	}
	if !filepath.IsAbs(i.SDS) || len(i.SDS) > maxSocketPath {
		bad("the socket of certificates must be an absolute path of at most %d bytes", maxSocketPath)
	}
	if len(i.Matches) > maxMatches {
		bad("there are %d names and patterns; %d are taken", len(i.Matches), maxMatches)
	}
	for _, m := range i.Matches {
		if _, err := regexp.Compile(m.Expr); err != nil || !chainName.MatchString(m.Chain) {
			bad("a pattern for the chain %q is none, or the chain is none", word(m.Chain))
		}
	}
	if i.Upstream != "" {
		if _, err := parseProxy(Spec{Lookup: lookup}, Upstream{Name: "passed", Proxy: i.Upstream}); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// addresses lists where an Envoy for the spec listens.
func (s Spec) addresses() []string {
	out := []string{s.Listen}
	if i := s.Intercept; i != nil {
		out = append(append(out, i.Proxy...), i.Redirect...)
	}
	return out
}

// ways builds what interception needs.
type ways struct{ *build }

// add adds it to a bootstrap.
func (b ways) add(out *bootstrapv3.Bootstrap) {
	i := b.spec.Intercept
	if i == nil {
		return
	}
	// Envoy's default of 100 instructions is a guard against expressions of others.
	out.LayeredRuntime = &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{
		Name: "ostiary", LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: &structpb.Struct{Fields: map[string]*structpb.Value{
			"re2.max_program_size.error_level": structpb.NewNumberValue(maxProgram), "re2.max_program_size.warn_level": structpb.NewNumberValue(maxProgram),
		}}},
	}}}
	r := out.StaticResources
	if len(i.Redirect) > 0 {
		r.Listeners = append(r.Listeners, b.redirectListener())
	}
	if len(i.Proxy) > 0 {
		out.BootstrapExtensions = append(out.BootstrapExtensions, &corev3.TypedExtensionConfig{
			Name: "envoy.bootstrap.internal_listener", TypedConfig: b.any(&internalv3.InternalListener{BufferSizeKb: u32(tunnelBufferKB)}),
		})
		r.Listeners = append(r.Listeners, b.proxyListener(), b.innerListener())
		r.Clusters = append(r.Clusters, b.innerCluster())
	}
	r.Clusters = append(r.Clusters, b.sdsCluster(), b.passedCluster(), b.plainCluster())
}

// at sets the addresses of a listener.
func (b ways) at(l *listenerv3.Listener, addresses []string) {
	for n, a := range addresses {
		p, err := listenAddress(a)
		if err != nil {
			b.fail(err)
			return
		}
		s := socket(p.Addr().String(), uint32(p.Port()))
		if n == 0 {
			l.Address = s
			continue
		}
		l.AdditionalAddresses = append(l.AdditionalAddresses, &listenerv3.AdditionalAddress{Address: s})
	}
}

func (b ways) listenerFilter(name string, m proto.Message) *listenerv3.ListenerFilter {
	return &listenerv3.ListenerFilter{Name: name, ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: b.any(m)}}
}

func (b ways) tlsInspector() *listenerv3.ListenerFilter {
	return b.listenerFilter("envoy.filters.listener.tls_inspector", &tlsinspectorv3.TlsInspector{})
}

func (b ways) redirectListener() *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name:                          "ostiary_redirect",
		TrafficDirection:              corev3.TrafficDirection_OUTBOUND,
		PerConnectionBufferLimitBytes: u32(b.spec.BodyLimit),
		ListenerFilters: []*listenerv3.ListenerFilter{
			b.listenerFilter("envoy.filters.listener.original_dst", &originaldstv3.OriginalDst{}),
			b.tlsInspector(),
			b.listenerFilter("envoy.filters.listener.http_inspector", &httpinspectorv3.HttpInspector{}),
		},
		ListenerFiltersTimeout: lasting(helloTimeout),
		FilterChains:           append(b.chains(proxy.WayRedirect), b.plainChain()),
		FilterChainMatcher:     b.byName(true),
		AccessLog:              []*accesslogv3.AccessLog{b.connectionLog(proxy.WayRedirect, byListener, b.piped())},
	}
	b.at(l, b.spec.Intercept.Redirect)
	return l
}

// innerListener takes what comes out of CONNECT. Plain text has no chain.
func (b ways) innerListener() *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:                          innerListener,
		TrafficDirection:              corev3.TrafficDirection_OUTBOUND,
		ListenerSpecifier:             &listenerv3.Listener_InternalListener{InternalListener: &listenerv3.Listener_InternalListenerConfig{}},
		PerConnectionBufferLimitBytes: u32(b.spec.BodyLimit),
		ListenerFilters:               []*listenerv3.ListenerFilter{b.tlsInspector()},
		ListenerFiltersTimeout:        lasting(helloTimeout),
		FilterChains:                  b.chains(proxy.WayProxy),
		FilterChainMatcher:            b.byName(false),
		AccessLog:                     []*accesslogv3.AccessLog{b.connectionLog(proxy.WayProxy, byListener, b.piped())},
	}
}

// byName chooses the chain by the name in the handshake. The names are in lower
// case there. Without a match there is no chain: the connection is closed.
func (b ways) byName(plain bool) *xdsmatcher.Matcher {
	list := new(xdsmatcher.Matcher_MatcherList)
	for _, m := range b.spec.Intercept.Matches {
		list.Matchers = append(list.Matchers, b.chosen(&networkinputsv3.ServerNameInput{}, "server_name", "(?i)(?:"+m.Expr+")", m.Chain))
	}
	if plain {
		// Not by ALPN, which stands in a handshake too.
		row := b.chosen(&networkinputsv3.ApplicationProtocolInput{}, "application_protocol", `.*'http/1\.[01]'.*`, chainPlain)
		clear := b.chosen(&networkinputsv3.TransportProtocolInput{}, "transport_protocol", "raw_buffer", chainPlain)
		row.Predicate = &xdsmatcher.Matcher_MatcherList_Predicate{MatchType: &xdsmatcher.Matcher_MatcherList_Predicate_AndMatcher{
			AndMatcher: &xdsmatcher.Matcher_MatcherList_Predicate_PredicateList{Predicate: []*xdsmatcher.Matcher_MatcherList_Predicate{clear.Predicate, row.Predicate}},
		}}
		list.Matchers = append(list.Matchers, row)
	}
	return &xdsmatcher.Matcher{MatcherType: &xdsmatcher.Matcher_MatcherList_{MatcherList: list}}
}

// chosen is one row of a matcher: the chain for an input that the expression
// matches as a whole.
func (b ways) chosen(input proto.Message, name, expr, chain string) *xdsmatcher.Matcher_MatcherList_FieldMatcher {
	return &xdsmatcher.Matcher_MatcherList_FieldMatcher{
		Predicate: &xdsmatcher.Matcher_MatcherList_Predicate{MatchType: &xdsmatcher.Matcher_MatcherList_Predicate_SinglePredicate_{
			SinglePredicate: &xdsmatcher.Matcher_MatcherList_Predicate_SinglePredicate{
				Input: &xdscore.TypedExtensionConfig{Name: name, TypedConfig: b.any(input)},
				Matcher: &xdsmatcher.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{ValueMatch: &xdsmatcher.StringMatcher{
					MatchPattern: &xdsmatcher.StringMatcher_SafeRegex{SafeRegex: &xdsmatcher.RegexMatcher{
						EngineType: &xdsmatcher.RegexMatcher_GoogleRe2{GoogleRe2: &xdsmatcher.RegexMatcher_GoogleRE2{}}, Regex: expr,
					}},
				}},
			},
		}},
		OnMatch: &xdsmatcher.Matcher_OnMatch{OnMatch: &xdsmatcher.Matcher_OnMatch_Action{Action: &xdscore.TypedExtensionConfig{
			Name: chain, TypedConfig: b.any(wrapperspb.String(chain)),
		}}},
	}
}

// chains are the filter chains for one way in.
func (b ways) chains(way string) []*listenerv3.FilterChain {
	out := []*listenerv3.FilterChain{b.governedChain(way), b.passedChain(way)}
	seen := map[string]bool{}
	for _, m := range b.spec.Intercept.Matches {
		if name := m.Chain; strings.HasPrefix(name, Refused) && !seen[name] {
			seen[name] = true
			out = append(out, &listenerv3.FilterChain{Name: name, Filters: []*listenerv3.Filter{
				// An answer of nothing closes the connection.
				b.networkFilter("envoy.filters.network.direct_response", &directv3.Config{}),
			}})
		}
	}
	return out
}

func (b ways) networkFilter(name string, m proto.Message) *listenerv3.Filter {
	return &listenerv3.Filter{Name: name, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(m)}}
}

// governedChain ends TLS and hands the requests to the same filters and locks as
// the base URL's.
func (b ways) governedChain(way string) *listenerv3.FilterChain {
	return &listenerv3.FilterChain{
		Name: Governed,
		// A server of leaves that never answers must fail the handshake, not hang it.
		TransportSocketConnectTimeout: lasting(helloTimeout),
		TransportSocket: &corev3.TransportSocket{
			Name: "envoy.transport_sockets.tls",
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&tlsv3.DownstreamTlsContext{
				// Required with a selector of certificates.
				SessionTicketKeysType:            &tlsv3.DownstreamTlsContext_DisableStatelessSessionResumption{DisableStatelessSessionResumption: true},
				DisableStatefulSessionResumption: true,
				CommonTlsContext: &tlsv3.CommonTlsContext{
					TlsParams:     &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
					AlpnProtocols: []string{"h2", "http/1.1"},
					CustomTlsCertificateSelector: &corev3.TypedExtensionConfig{
						Name: "envoy.tls.certificate_selectors.on_demand_secret",
						TypedConfig: b.any(&selectorv3.Config{
							ConfigSource: b.leaves(),
							CertificateMapper: &corev3.TypedExtensionConfig{
								Name:        "envoy.tls.certificate_mappers.sni",
								TypedConfig: b.any(&sniv3.SNI{DefaultValue: "no-name.invalid"}),
							},
						}),
					},
				},
			})},
		},
		Filters: []*listenerv3.Filter{b.networkFilter(filterHCM, b.connectionManager(way))},
	}
}

// leaves is where certificates come from: a delta stream of its own, on which a
// name that gets none is refused at once.
func (b ways) leaves() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_ApiConfigSource{ApiConfigSource: &corev3.ApiConfigSource{
			ApiType: corev3.ApiConfigSource_DELTA_GRPC, TransportApiVersion: corev3.ApiVersion_V3,
			GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
				ClusterName: SDSCluster,
				RetryPolicy: &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{BaseInterval: lasting(secretRetryBase), MaxInterval: lasting(secretRetryMax)}},
			}}}},
			SetNodeOnFirstMessageOnly: true,
		}},
		InitialFetchTimeout: lasting(secretTimeout),
		ResourceApiVersion:  corev3.ApiVersion_V3,
	}
}

func (b ways) sdsCluster() *clusterv3.Cluster {
	c := b.policyCluster()
	c.Name, c.LoadAssignment = SDSCluster, endpoint(SDSCluster, "", pipe(b.spec.Intercept.SDS, 0))
	c.CircuitBreakers = breakers(sdsBreakers)
	return c
}

// passedChain sends the bytes to the name as Envoy resolves it: a client that
// dials a provider's address under another's name reaches that other.
func (b ways) passedChain(way string) *listenerv3.FilterChain {
	t := &tcpproxyv3.TcpProxy{
		StatPrefix:       Passed,
		ClusterSpecifier: &tcpproxyv3.TcpProxy_Cluster{Cluster: passedCluster},
		IdleTimeout:      lasting(passedIdle),
		AccessLog:        []*accesslogv3.AccessLog{b.connectionLog(way, Passed, true)},
	}
	c := &listenerv3.FilterChain{Name: Passed}
	if b.spec.Intercept.Upstream != "" {
		t.TunnelingConfig = &tcpproxyv3.TcpProxy_TunnelingConfig{Hostname: "%REQUESTED_SERVER_NAME%:443"}
	} else {
		c.Filters = append(c.Filters, b.networkFilter("envoy.filters.network.sni_dynamic_forward_proxy", &snidfpv3.FilterConfig{
			DnsCacheConfig: b.names(), PortSpecifier: &snidfpv3.FilterConfig_PortValue{PortValue: 443},
		}))
	}
	c.Filters = append(c.Filters, b.networkFilter("envoy.filters.network.tcp_proxy", t))
	return c
}

// names is the cache of names of passed connections.
func (b ways) names() *dfpv3.DnsCacheConfig {
	c := &dfpv3.DnsCacheConfig{
		Name: passedNames, DnsLookupFamily: clusterv3.Cluster_ALL, MaxHosts: u32(passedHosts), HostTtl: lasting(passedTTL), DnsRefreshRate: lasting(passedRefresh),
		DnsCacheCircuitBreaker: &dfpv3.DnsCacheCircuitBreakers{MaxPendingRequests: u32(passedPending)},
	}
	c.ResolvedAddressFilter = &matcherv3.AddressMatcher{Ranges: forbidden(b.spec.Intercept)}
	return c
}

// Addresses at which a name that passes may not lie: link-local ones and those where
// clouds hand out credentials (Azure, Alibaba, AWS), never; this machine's, of which
// the services trust whoever comes from it; and private networks. RFC 6890, IANA's
// registries of special-purpose addresses.
var (
	neverRanges = []string{
		"169.254.0.0/16", "fe80::/10", "168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::254/128",
		"224.0.0.0/4", "255.255.255.255/32", "ff00::/8", "::/128", "::ffff:0:0/96",
	}
	machineRanges = []string{"0.0.0.0/8", "127.0.0.0/8", "::1/128"}
	privateRanges = []string{
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4", "fc00::/7", "2001:db8::/32",
	}
)

func forbidden(i *Interception) []*xdscore.CidrRange {
	list := slices.Clone(neverRanges)
	if !i.Own {
		list = append(list, machineRanges...)
	}
	if !i.Private {
		list = append(list, privateRanges...)
	}
	var out []*xdscore.CidrRange
	for _, s := range list {
		p := netip.MustParsePrefix(s)
		out = append(out, &xdscore.CidrRange{AddressPrefix: p.Addr().String(), PrefixLen: u32(p.Bits())})
	}
	return out
}

func (b ways) dynamic(name string) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name: name, ConnectTimeout: lasting(passedConnect), CircuitBreakers: breakers(b.spec.MaxConnections), LbPolicy: clusterv3.Cluster_CLUSTER_PROVIDED,
		ClusterDiscoveryType: &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
			Name:        "envoy.clusters.dynamic_forward_proxy",
			TypedConfig: b.any(&dfpclusterv3.ClusterConfig{ClusterImplementationSpecifier: &dfpclusterv3.ClusterConfig_DnsCacheConfig{DnsCacheConfig: b.names()}}),
		}},
	}
}

// passedCluster is where unread bytes go: to their name, or to the organisation's
// proxy, which is asked for it.
func (b ways) passedCluster() *clusterv3.Cluster {
	i := b.spec.Intercept
	if i.Upstream == "" {
		return b.dynamic(passedCluster)
	}
	at, err := parseProxy(b.spec, Upstream{Name: Passed, Proxy: i.Upstream})
	if err != nil {
		b.fail(err)
		return nil
	}
	return &clusterv3.Cluster{
		Name: passedCluster, ConnectTimeout: lasting(passedConnect), CircuitBreakers: breakers(b.spec.MaxConnections),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment:       endpoint(passedCluster, "", socket(at.Addr().String(), uint32(at.Port()))),
	}
}

func (b ways) plainCluster() *clusterv3.Cluster {
	return b.dynamic(plainCluster)
}

func (b ways) innerCluster() *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name: innerCluster, ConnectTimeout: lasting(policyConnect), CircuitBreakers: breakers(b.spec.MaxConnections),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: innerCluster, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: &corev3.Address{
				Address: &corev3.Address_EnvoyInternalAddress{EnvoyInternalAddress: &corev3.EnvoyInternalAddress{
					AddressNameSpecifier: &corev3.EnvoyInternalAddress_ServerListenerName{ServerListenerName: innerListener},
				}},
			}}}}},
		}}},
		TransportSocket: &corev3.TransportSocket{
			Name: "envoy.transport_sockets.internal_upstream",
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&internalupstreamv3.InternalUpstreamTransport{
				TransportSocket: &corev3.TransportSocket{Name: "envoy.transport_sockets.raw_buffer", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&rawv3.RawBuffer{})}},
			})},
		},
	}
}

// proxyListener is the explicit proxy: CONNECT, and requests in absolute form.
func (b ways) proxyListener() *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name:                          "ostiary_proxy",
		TrafficDirection:              corev3.TrafficDirection_OUTBOUND,
		PerConnectionBufferLimitBytes: u32(tunnelBufferKB << 10),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{
			b.networkFilter(filterHCM, b.forwarder(proxy.WayProxy, append(b.connectRoutes(), b.plainRoutes()...))),
		}}},
	}
	b.at(l, b.spec.Intercept.Proxy)
	return l
}

// plainChain is HTTP without TLS that was redirected.
func (b ways) plainChain() *listenerv3.FilterChain {
	return &listenerv3.FilterChain{Name: chainPlain, Filters: []*listenerv3.Filter{
		b.networkFilter(filterHCM, b.forwarder(proxy.WayRedirect, b.plainRoutes())),
	}}
}

// forwarder is a connection manager for what is not governed: it ends no TLS and
// reaches no pool.
func (b ways) forwarder(way string, routes []*routev3.Route) *hcmv3.HttpConnectionManager {
	m := &hcmv3.HttpConnectionManager{
		StatPrefix:                    "ostiary_" + way,
		CodecType:                     hcmv3.HttpConnectionManager_AUTO,
		CommonHttpProtocolOptions:     &corev3.HttpProtocolOptions{IdleTimeout: lasting(passedIdle), MaxHeadersCount: u32(maxHeaders)},
		HttpProtocolOptions:           &corev3.Http1ProtocolOptions{AcceptHttp_10: true}, // Python to 3.11 says CONNECT … HTTP/1.0
		Http2ProtocolOptions:          &corev3.Http2ProtocolOptions{MaxConcurrentStreams: u32(clientStreams), AllowConnect: true},
		MaxRequestHeadersKb:           u32(maxHeaderKB),
		RequestHeadersTimeout:         lasting(headersTimeout),
		StreamIdleTimeout:             lasting(passedIdle),
		UseRemoteAddress:              yes(),
		SkipXffAppend:                 true,
		GenerateRequestId:             no(),
		ServerHeaderTransformation:    hcmv3.HttpConnectionManager_PASS_THROUGH,
		NormalizePath:                 yes(),
		PathWithEscapedSlashesAction:  hcmv3.HttpConnectionManager_REJECT_REQUEST,
		EarlyHeaderMutationExtensions: []*corev3.TypedExtensionConfig{b.earlyRemoval()},
		AccessLog: []*accesslogv3.AccessLog{
			b.when(b.connectionLog(way, byRoute, true), "xds.route_name == '"+Passed+"'"),
			b.when(b.connectionLog(way, byRoute, b.piped()), "xds.route_name != '"+Passed+"' && (xds.route_name != 'connect' || response.code == 407)"),
		},
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name: "ostiary_" + way,
			VirtualHosts: []*routev3.VirtualHost{{
				Name: "ostiary_" + way, Domains: []string{"*"}, Routes: append(routes, b.forbid(Refused+"default", anyPath())),
				RequestHeadersToRemove: []string{"proxy-authorization", "proxy-connection", "x-forwarded-proto"},
			}},
		}},
	}
	if way == proxy.WayProxy && b.spec.Intercept.Admit {
		m.HttpFilters = append(m.HttpFilters, b.filter(FilterExtProc, b.admission()))
	}
	if way == proxy.WayProxy {
		m.UpgradeConfigs = []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "CONNECT"}}
		m.HttpFilters = append(m.HttpFilters, b.filter("envoy.filters.http.set_filter_state", &setstatev3.Config{OnRequestHeaders: []*statevaluev3.FilterStateValue{
			stateOf(stateCredentials, "%REQ(proxy-authorization)%"), stateOf(statePeer, "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"),
		}}))
	}
	m.HttpFilters = append(m.HttpFilters,
		b.filter(FilterTrailers, &headermutationv3.HeaderMutation{Mutations: &headermutationv3.Mutations{
			RequestMutations: []*mutationv3.HeaderMutation{removal(prefix("x-envoy-"))},
		}}),
		b.filter("envoy.filters.http.dynamic_forward_proxy", &dfpfilterv3.FilterConfig{
			ImplementationSpecifier: &dfpfilterv3.FilterConfig_DnsCacheConfig{DnsCacheConfig: b.names()},
		}),
		b.filter(filterRouter, &routerv3.Router{SuppressEnvoyHeaders: true}),
	)
	return m
}

// admission asks the policy server, by the head of the request alone, whether the
// client may use the proxy. Without its word nobody may.
func (b ways) admission() *extprocv3.ExternalProcessor {
	p := b.extProc(wayConnect)
	p.ProcessingMode = &extprocv3.ProcessingMode{
		RequestHeaderMode: extprocv3.ProcessingMode_SEND, ResponseHeaderMode: extprocv3.ProcessingMode_SKIP,
		RequestTrailerMode: extprocv3.ProcessingMode_SKIP, ResponseTrailerMode: extprocv3.ProcessingMode_SKIP,
	}
	p.AllowModeOverride, p.AllowedOverrideModes, p.MetadataOptions = false, nil, nil
	return p
}

// stateOf keeps something of a CONNECT for the connections inside.
func stateOf(key, format string) *statevaluev3.FilterStateValue {
	return &statevaluev3.FilterStateValue{
		Key: &statevaluev3.FilterStateValue_ObjectKey{ObjectKey: key}, FactoryKey: "envoy.string",
		Value: &statevaluev3.FilterStateValue_FormatString{FormatString: &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: format},
			}},
			OmitEmptyValues: true,
		}},
		SharedWithUpstream: statevaluev3.FilterStateValue_TRANSITIVE, SkipIfEmpty: true,
	}
}

// connectRoutes lets CONNECT to port 443 of what is governed or passes into the
// chains, where the name in the handshake decides once more and alone.
func (b ways) connectRoutes() []*routev3.Route {
	var out []*routev3.Route
	for _, m := range b.spec.Intercept.Matches {
		match := &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{ConnectMatcher: &routev3.RouteMatch_ConnectMatcher{}},
			Headers:       []*routev3.HeaderMatcher{authority("(?i)(?:" + m.Expr + ")\\.?:443")},
		}
		if strings.HasPrefix(m.Chain, Refused) {
			out = append(out, b.forbid(m.Chain, match))
			continue
		}
		out = append(out, &routev3.Route{
			Name: "connect", Match: match,
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{
				ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: innerCluster},
				Timeout:          lasting(0), IdleTimeout: lasting(passedIdle),
				UpgradeConfigs: []*routev3.RouteAction_UpgradeConfig{{UpgradeType: "CONNECT", ConnectConfig: &routev3.RouteAction_UpgradeConfig_ConnectConfig{}}},
			}},
		})
	}
	return append(out, b.forbid(Refused+"default", &routev3.RouteMatch{
		PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{ConnectMatcher: &routev3.RouteMatch_ConnectMatcher{}},
	}))
}

// modelPaths are paths that model APIs have and little else: the dialects' own.
const modelPaths = `/(?:[^?]*/)?(?:v1/(?:chat/)?completions|v1/messages|v1/responses|v1/embeddings|api/(?:chat|generate|embed(?:dings)?)|chat/completions|models/[^/?]+:(?:streamGenerateContent|generateContent|embedContent)|model/[^/?]+/(?:converse|invoke)(?:-[a-z-]+)?)(?:\?.*)?`

// plainRoutes are for HTTP without TLS, by the Host.
func (b ways) plainRoutes() []*routev3.Route {
	var out []*routev3.Route
	for _, m := range b.spec.Intercept.Matches {
		match := func(more ...*routev3.HeaderMatcher) *routev3.RouteMatch {
			r := anyPath()
			r.Headers = append([]*routev3.HeaderMatcher{authority("(?i)(?:" + m.Expr + ")\\.?(?::80)?")}, more...)
			return r
		}
		switch m.Chain {
		case Governed:
			out = append(out, b.forbid(Refused+"plain", match()))
		case Passed:
			out = append(out,
				b.forbid(Refused+"model_path", match(&routev3.HeaderMatcher{Name: ":method", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: exact("POST")}},
					&routev3.HeaderMatcher{Name: ":path", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regex(modelPaths)}})),
				&routev3.Route{Name: Passed, Match: match(), Action: &routev3.Route_Route{Route: &routev3.RouteAction{
					ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: plainCluster}, Timeout: lasting(0), IdleTimeout: lasting(passedIdle),
				}}})
		default:
			out = append(out, b.forbid(m.Chain, match()))
		}
	}
	return out
}

func authority(expr string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{Name: ":authority", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regex(expr)}}
}

// refusals say to clients why a connection was refused, by the last part of the
// chain's name.
var refusals = map[string]string{
	"plain":      "This name is governed and is reached over https only.",
	"model_path": "The request looks like one to a model API that is not governed. Ask the operator for a pool, or for a rule that passes the host.",
	"default":    "The proxy passes https to port 443 and http to port 80, by name, of hosts that policy passes. Ask the operator for a rule for this one.",
}

const refusedByRule = "Policy does not let connections to this host pass. Ask the operator for a rule, or for a pool where it is a model API."

// forbid is a route that refuses.
func (b ways) forbid(name string, match *routev3.RouteMatch) *routev3.Route {
	text, ok := refusals[name[len(Refused):]]
	if !ok {
		text = refusedByRule
	}
	body, err := json.Marshal(map[string]map[string]string{"error": {"type": "permission_error", "code": proxy.CodeHostNotAllowed, "message": text}})
	if err != nil {
		b.fail(err)
	}
	return &routev3.Route{
		Name: name, Match: match,
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
			Status: 403, Body: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: string(body)}},
		}},
		ResponseHeadersToAdd: []*corev3.HeaderValueOption{
			responseHeader("content-type", "application/json"), responseHeader("x-should-retry", "false"), responseHeader("x-ostiary-reason", name[len(Refused):]),
		},
	}
}

// What says which chain a connection has, beside a constant.
const byListener, byRoute = "%FILTER_CHAIN_NAME%", "%ROUTE_NAME%"

// piped reports whether the access log goes to this program and into no file: then
// it may name what was refused, which is a client's word.
func (b ways) piped() bool { return b.spec.AccessLog == stdoutPath }

// connectionLog tells of connections that no verdict covers. In a file, the name
// stands only where the bytes passed.
func (b ways) connectionLog(way, chain string, named bool) *accesslogv3.AccessLog {
	fields := map[string]string{
		"connection": way, "chain": chain, "flags": "%RESPONSE_FLAGS%", "up_tx": "%UPSTREAM_WIRE_BYTES_SENT%", "up_rx": "%UPSTREAM_WIRE_BYTES_RECEIVED%", "ms": "%DURATION%",
		"upstream": "%UPSTREAM_HOST%", "tls": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
	}
	if named {
		fields["name"] = "%REQUESTED_SERVER_NAME%"
		if chain == byRoute {
			fields["name"] = "%REQ(:AUTHORITY)%"
		}
	}
	if chain == byListener {
		fields["by"] = "listener"
	}
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for k, v := range fields {
		s.Fields[k] = structpb.NewStringValue(v)
	}
	return &accesslogv3.AccessLog{
		Name: "envoy.access_loggers.file",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.any(&filelogv3.FileAccessLog{
			Path: b.spec.AccessLog,
			AccessLogFormat: &filelogv3.FileAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
				Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: s},
			}},
		})},
	}
}

// when restricts an access log.
func (b ways) when(l *accesslogv3.AccessLog, expression string) *accesslogv3.AccessLog {
	l.Filter = b.cel(expression)
	return l
}

func removal(k *matcherv3.StringMatcher) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_RemoveOnMatch_{RemoveOnMatch: &mutationv3.HeaderMutation_RemoveOnMatch{KeyMatcher: k}}}
}
