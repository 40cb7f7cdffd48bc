package envoy

import (
	"net/netip"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	injectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/credential_injector/v3"
	codecv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/upstream_codec/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	genericv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/injected_credentials/generic/v3"
	http11proxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/http_11_proxy/v3"
	rawv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstreamhttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Bounds of the upstream side.
const (
	policyConnect    = 250 * time.Millisecond
	policyExchanges  = 65536 // streams to our own server; Envoy's default of 1,024 would refuse the rest
	policyWindow     = 8 << 20
	policyConnWindow = 64 << 20
	policyKeepalive  = 10 * time.Second
	keepaliveTimeout = 2 * time.Second
	secretRetryBase  = 100 * time.Millisecond // before SDS is asked again after the policy server was away
	secretRetryMax   = time.Second
	secretTimeout    = 2 * time.Second // for the first answer of SDS; longer would only delay the listener

	externalConnect   = 5 * time.Second
	externalIdle      = 60 * time.Second
	externalKeepalive = 30 * time.Second
	externalDead      = 10 * time.Second

	internalConnect = 2 * time.Second
	// Model servers close what is idle for 5 seconds (cpp-httplib in
	// llama-server, uvicorn in vLLM). Closing first avoids that a request
	// meets the close and is lost: a POST may not be repeated.
	internalIdle = 4 * time.Second
	// cpp-httplib closes a connection after 100 requests.
	internalRequests = 90
)

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// policyCluster is our own server: external processor and SDS.
func (b *build) policyCluster() *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 PolicyCluster,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:       lasting(policyConnect),
		CircuitBreakers:      breakers(policyExchanges),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{httpOptions: b.any(&upstreamhttpv3.HttpProtocolOptions{
			UpstreamProtocolOptions: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
					InitialStreamWindowSize: u32(policyWindow), InitialConnectionWindowSize: u32(policyConnWindow),
					ConnectionKeepalive: &corev3.KeepaliveSettings{Interval: lasting(policyKeepalive), Timeout: lasting(keepaliveTimeout)},
				}},
			}},
		})},
		LoadAssignment: endpoint(PolicyCluster, "", pipe(b.spec.Socket, 0)),
	}
}

func breakers(n int) *clusterv3.CircuitBreakers {
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections: u32(n), MaxPendingRequests: u32(n), MaxRequests: u32(n),
	}}}
}

func endpoint(cluster, hostname string, a *corev3.Address) *endpointv3.ClusterLoadAssignment {
	return &endpointv3.ClusterLoadAssignment{ClusterName: cluster, Endpoints: []*endpointv3.LocalityLbEndpoints{{
		LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Hostname: hostname, Address: a}}}},
	}}}
}

// behindProxy stands for the address of an upstream that a corporate proxy
// resolves: nothing is ever sent to it (RFC 5737, TEST-NET-1).
const behindProxy = "192.0.2.1"

// poolCluster is one pool. Pools share no cluster, so no retry crosses from one
// to another.
func (b *build) poolCluster(u Upstream) *clusterv3.Cluster {
	t, err := parseTarget(u)
	if err != nil {
		b.fail(err)
		return nil
	}
	name := ClusterOf(u.Name)
	c := &clusterv3.Cluster{
		Name:            name,
		ConnectTimeout:  lasting(externalConnect),
		CircuitBreakers: breakers(b.spec.MaxExchanges),
		LoadAssignment:  endpoint(name, t.host, socket(t.host, t.port)),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			httpOptions: b.any(b.upstreamHTTP(u, t)),
		},
	}
	if u.Internal {
		c.ConnectTimeout = lasting(internalConnect)
	}
	kind := clusterv3.Cluster_LOGICAL_DNS // as Envoy advises for large services: a changed answer closes no connection
	if u.Internal {
		kind = clusterv3.Cluster_STRICT_DNS // every address behind the name is a server
	}
	if _, err := netip.ParseAddr(t.host); err == nil {
		kind = clusterv3.Cluster_STATIC
	}
	var inner *corev3.TransportSocket
	if t.tls {
		inner = b.upstreamTLS(u, t)
	}
	if u.Proxy != "" {
		kind = clusterv3.Cluster_STATIC
		c.LoadAssignment = endpoint(name, t.host, socket(behindProxy, t.port))
		inner = b.throughProxy(u, inner)
	}
	c.TransportSocket = inner
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: kind}
	switch kind {
	case clusterv3.Cluster_LOGICAL_DNS:
		c.DnsLookupFamily = clusterv3.Cluster_ALL
	case clusterv3.Cluster_STRICT_DNS:
		c.DnsLookupFamily = clusterv3.Cluster_V4_PREFERRED
	}
	return c
}

func (b *build) upstreamHTTP(u Upstream, t target) *upstreamhttpv3.HttpProtocolOptions {
	o := &upstreamhttpv3.HttpProtocolOptions{CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: lasting(externalIdle)}}
	if u.Internal {
		o.CommonHttpProtocolOptions.IdleTimeout = lasting(internalIdle)
		o.CommonHttpProtocolOptions.MaxRequestsPerConnection = u32(internalRequests)
	}
	if t.tls {
		o.UpstreamProtocolOptions = &upstreamhttpv3.HttpProtocolOptions_AutoConfig{AutoConfig: &upstreamhttpv3.HttpProtocolOptions_AutoHttpConfig{
			Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
				ConnectionKeepalive: &corev3.KeepaliveSettings{Interval: lasting(externalKeepalive), Timeout: lasting(externalDead)},
			},
		}}
	} else {
		o.UpstreamProtocolOptions = &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &upstreamhttpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{HttpProtocolOptions: &corev3.Http1ProtocolOptions{}},
		}}
	}
	if u.Credential.Mode == PoolCredential {
		o.HttpFilters = []*hcmv3.HttpFilter{
			b.filter("envoy.filters.http.credential_injector", b.injector(u)),
			b.filter("envoy.filters.http.upstream_codec", &codecv3.UpstreamCodec{}),
		}
	}
	return o
}

// injector adds the pool's key to what goes to this cluster, and to nothing
// else. Without a key the request is refused.
func (b *build) injector(u Upstream) proto.Message {
	// Envoy's own back-off goes up to 30 s: after an outage of the policy server
	// that long, requests would be refused for want of a key that is there.
	service := b.policyService("")
	service.GetEnvoyGrpc().RetryPolicy = &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
		BaseInterval: lasting(secretRetryBase), MaxInterval: lasting(secretRetryMax),
	}}
	secrets := &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_ApiConfigSource{ApiConfigSource: &corev3.ApiConfigSource{
			ApiType: corev3.ApiConfigSource_GRPC, TransportApiVersion: corev3.ApiVersion_V3,
			GrpcServices: []*corev3.GrpcService{service}, SetNodeOnFirstMessageOnly: true,
		}},
		InitialFetchTimeout: lasting(secretTimeout),
		ResourceApiVersion:  corev3.ApiVersion_V3,
	}
	return &injectorv3.CredentialInjector{
		Overwrite:                     true,
		AllowRequestWithoutCredential: false,
		Credential: &corev3.TypedExtensionConfig{
			Name: "envoy.http.injected_credentials.generic",
			TypedConfig: b.any(&genericv3.Generic{
				Header:     u.Credential.Header,
				Credential: &tlsv3.SdsSecretConfig{Name: u.Credential.Secret, SdsConfig: secrets},
			}),
		},
	}
}

func (b *build) upstreamTLS(u Upstream, t target) *corev3.TransportSocket {
	ca := u.CA
	if ca == "" {
		ca = b.spec.CABundle
	}
	if ca == "" {
		var err error
		if ca, err = SystemRoots(); err != nil {
			b.fail(err)
		}
	}
	validation := &tlsv3.CertificateValidationContext{TrustedCa: file(ca), VerifyCertificateSpki: u.Pins}
	ctx := &tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsParams:             &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
		ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: validation},
	}}
	if _, err := netip.ParseAddr(t.name); err == nil {
		// An address is no SNI (RFC 6066, 3); the certificate must name it.
		validation.MatchTypedSubjectAltNames = []*tlsv3.SubjectAltNameMatcher{{SanType: tlsv3.SubjectAltNameMatcher_IP_ADDRESS, Matcher: exact(t.name)}}
	} else {
		ctx.Sni, ctx.AutoSniSanValidation = t.name, true
	}
	return &corev3.TransportSocket{Name: "envoy.transport_sockets.tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(ctx)}}
}

// throughProxy wraps a socket so that it goes through a corporate HTTP proxy.
func (b *build) throughProxy(u Upstream, inner *corev3.TransportSocket) *corev3.TransportSocket {
	at, err := parseProxy(b.spec, u)
	if err != nil {
		b.fail(err)
		return nil
	}
	if inner == nil {
		inner = &corev3.TransportSocket{Name: "envoy.transport_sockets.raw_buffer", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&rawv3.RawBuffer{})}}
	}
	return &corev3.TransportSocket{
		Name: "envoy.transport_sockets.http_11_proxy",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&http11proxyv3.Http11ProxyUpstreamTransport{
			TransportSocket: inner, DefaultProxyAddress: socket(at.Addr().String(), uint32(at.Port())),
		})},
	}
}
