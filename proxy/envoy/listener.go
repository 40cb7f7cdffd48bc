package envoy

import (
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filelogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of the client's side.
const (
	headersTimeout    = 10 * time.Second  // for the head of a request
	uploadTimeout     = 300 * time.Second // for a whole request; a buffered body costs memory as long as it lasts
	streamIdleTimeout = 600 * time.Second // between two bytes: long generations are silent for minutes
	clientIdleTimeout = 600 * time.Second // of a connection without a request
	maxHeaderKB       = 60                // of all request headers
	maxHeaders        = 100
	clientStreams     = 128 // HTTP/2 streams at once on one connection, each of which may buffer a body

	// connectionWindows is how many full bodies may be under way on one HTTP/2
	// connection before the client must wait.
	connectionWindows = 2
)

// Names of filters, which package weaken and operators look for.
const (
	filterHCM      = "envoy.filters.network.http_connection_manager"
	FilterTrailers = "envoy.filters.http.header_mutation" // drops trailers, and headers of proxies
	FilterExtProc  = "envoy.filters.http.ext_proc"
	FilterRBAC     = "envoy.filters.http.rbac"
	filterRouter   = "envoy.filters.http.router"
	RouteNoVerdict = "no-verdict" // the route of last resort
	listenerName   = "ostiary"
)

func (b *build) listener() *listenerv3.Listener {
	at, err := listenAddress(b.spec.Listen)
	if err != nil {
		b.fail(err)
		return nil
	}
	chain := &listenerv3.FilterChain{Filters: []*listenerv3.Filter{{
		Name: filterHCM, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(b.connectionManager(""))},
	}}}
	if t := b.spec.TLS; t != nil {
		common := &tlsv3.CommonTlsContext{
			TlsParams:       &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
			TlsCertificates: []*tlsv3.TlsCertificate{{CertificateChain: file(t.Cert), PrivateKey: file(t.Key)}},
			AlpnProtocols:   []string{"h2", "http/1.1"},
		}
		if t.ClientCA != "" {
			common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{
				ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: file(t.ClientCA)},
			}
		}
		chain.TransportSocket = &corev3.TransportSocket{
			Name: "envoy.transport_sockets.tls",
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&tlsv3.DownstreamTlsContext{
				CommonTlsContext: common,
			})},
		}
		chain.TransportSocketConnectTimeout = lasting(headersTimeout)
	}
	return &listenerv3.Listener{
		Name:    listenerName,
		Address: socket(at.Addr().String(), uint32(at.Port())),
		// Half of the body limit. A virtual host's request_body_buffer_limit
		// is not applied while the first matched route is a direct response,
		// and before the verdict it always is.
		PerConnectionBufferLimitBytes: u32(b.spec.BodyLimit),
		FilterChains:                  []*listenerv3.FilterChain{chain},
	}
}

// connectionManager ends HTTP for one way in; the empty one is the base URL.
func (b *build) connectionManager(way string) *hcmv3.HttpConnectionManager {
	// The early removal takes what a client wrote into x-forwarded-client-cert;
	// what the connection's own certificate says is put there afterwards.
	details, current := hcmv3.HttpConnectionManager_SANITIZE, (*hcmv3.HttpConnectionManager_SetCurrentClientCertDetails)(nil)
	if t := b.spec.TLS; t != nil && t.ClientCA != "" && way == "" {
		details = hcmv3.HttpConnectionManager_SANITIZE_SET
		current = &hcmv3.HttpConnectionManager_SetCurrentClientCertDetails{Uri: true}
	}
	return &hcmv3.HttpConnectionManager{
		ForwardClientCertDetails:    details,
		SetCurrentClientCertDetails: current,
		StatPrefix:                  StatPrefix,
		CodecType:                   hcmv3.HttpConnectionManager_AUTO,
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:     lasting(clientIdleTimeout),
			MaxHeadersCount: u32(maxHeaders),
			// Servers behind CGI-like interfaces read x_api_key as x-api-key.
			// Dropped, nobody reads it, the policy server neither. Rejecting
			// would close the connection without an answer: like every error
			// of the codec, it resets the stream while the answer still waits
			// for the policy server's word on its headers.
			HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_DROP_HEADER,
		},
		// nginx speaks HTTP/1.0 to what is behind it unless told otherwise, and
		// 426 would be lost as above. A Host header is needed all the same.
		HttpProtocolOptions: &corev3.Http1ProtocolOptions{AcceptHttp_10: true},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams: u32(clientStreams),
			// The other half of the body limit: an HTTP/2 body is bounded by
			// its stream's window, not by the connection's buffer.
			InitialStreamWindowSize:     u32(max(b.spec.BodyLimit, minWindow)),
			InitialConnectionWindowSize: u32(max(b.spec.BodyLimit, minWindow) * connectionWindows),
		},
		MaxRequestHeadersKb:   u32(maxHeaderKB),
		RequestHeadersTimeout: lasting(headersTimeout),
		RequestTimeout:        lasting(uploadTimeout),
		StreamIdleTimeout:     lasting(streamIdleTimeout),
		// The peer's address is the connection's; nothing that a client writes
		// in x-forwarded-for counts.
		UseRemoteAddress:             yes(),
		SkipXffAppend:                true,
		GenerateRequestId:            no(),
		ServerHeaderTransformation:   hcmv3.HttpConnectionManager_PASS_THROUGH,
		NormalizePath:                yes(),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_REJECT_REQUEST,
		// No upgrade_configs: WebSocket is refused.
		LocalReplyConfig:              b.localReplies(),
		EarlyHeaderMutationExtensions: []*corev3.TypedExtensionConfig{b.earlyRemoval()},
		AccessLog:                     []*accesslogv3.AccessLog{b.accessLog()},
		RouteSpecifier:                &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: b.routes()},
		HttpFilters: []*hcmv3.HttpFilter{
			b.filter(FilterTrailers, beforehand(way)),
			b.filter(FilterExtProc, b.extProc(way)),
			b.filter(FilterRBAC, verdictLocks()),
			b.filter(filterRouter, &routerv3.Router{SuppressEnvoyHeaders: true}),
		},
	}
}

// minWindow is the least window of HTTP/2 (RFC 9113, 6.5.2: the initial size).
const minWindow = 65535

func (b *build) filter(name string, config proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.any(config)}}
}

// earlyHeaders are removed before routing and before the policy server sees the
// request: prefixes of what a client could forge to us, to Envoy or to an
// upstream.
func earlyHeaders() []*matcherv3.StringMatcher {
	return []*matcherv3.StringMatcher{prefix("x-ostiary-"), prefix("x-envoy-"), prefix("x-forwarded-"), exact("forwarded"), exact("x-real-ip")}
}

func (b *build) earlyRemoval() *corev3.TypedExtensionConfig {
	m := new(earlyv3.HeaderMutation)
	for _, k := range earlyHeaders() {
		m.Mutations = append(m.Mutations, &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_RemoveOnMatch_{
			RemoveOnMatch: &mutationv3.HeaderMutation_RemoveOnMatch{KeyMatcher: k},
		}})
	}
	return &corev3.TypedExtensionConfig{Name: "envoy.http.early_header_mutation.header_mutation", TypedConfig: b.any(m)}
}

// beforehand drops every request trailer, for none is inspected, and the
// x-envoy-internal that Envoy adds after the early removal. The
// x-forwarded-proto that it adds too is needed to find a route.
//
// What came through the explicit proxy gets the credentials of its CONNECT, in
// place of any that the request inside carries.
func beforehand(way string) *headermutationv3.HeaderMutation {
	m := &headermutationv3.Mutations{
		RequestMutations:         []*mutationv3.HeaderMutation{removal(prefix("x-envoy-"))},
		RequestTrailersMutations: []*mutationv3.HeaderMutation{removal(regex(".*"))},
	}
	if way == proxy.WayProxy {
		m.RequestMutations = append(m.RequestMutations, removal(exact("proxy-authorization")), &mutationv3.HeaderMutation{
			Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
				Header:       &corev3.HeaderValue{Key: "proxy-authorization", Value: "%FILTER_STATE(" + stateCredentials + ":PLAIN)%"},
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			}},
		})
	}
	return &headermutationv3.HeaderMutation{Mutations: m}
}

func (b *build) extProc(way string) *extprocv3.ExternalProcessor {
	mode := func(body extprocv3.ProcessingMode_BodySendMode) *extprocv3.ProcessingMode {
		return &extprocv3.ProcessingMode{
			RequestHeaderMode: extprocv3.ProcessingMode_SEND, RequestBodyMode: extprocv3.ProcessingMode_BUFFERED, RequestTrailerMode: extprocv3.ProcessingMode_SKIP,
			ResponseHeaderMode: extprocv3.ProcessingMode_SEND, ResponseBodyMode: body, ResponseTrailerMode: extprocv3.ProcessingMode_SKIP,
		}
	}
	override := func(body extprocv3.ProcessingMode_BodySendMode) *extprocv3.ProcessingMode {
		m := mode(body)
		// As Envoy compares: a request header mode means nothing by then.
		m.RequestHeaderMode = extprocv3.ProcessingMode_DEFAULT
		return m
	}
	attributes := []string{"source.address", "request.id", "request.protocol", "connection.requested_server_name"}
	if way == proxy.WayProxy {
		attributes = append(attributes, PeerAttribute)
	}
	return &extprocv3.ExternalProcessor{
		GrpcService:      b.policyService(way),
		StatPrefix:       StatPrefix,
		FailureModeAllow: false,
		StatusOnError:    &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		MessageTimeout:   lasting(b.spec.MessageTimeout),
		// No max_message_timeout: a server cannot ask for more time.
		ProcessingMode:    mode(extprocv3.ProcessingMode_NONE),
		AllowModeOverride: true,
		// The server may choose how an answer is read, never how a request is.
		AllowedOverrideModes: []*extprocv3.ProcessingMode{
			override(extprocv3.ProcessingMode_NONE), override(extprocv3.ProcessingMode_STREAMED), override(extprocv3.ProcessingMode_BUFFERED),
		},
		MutationRules: &mutationv3.HeaderMutationRules{AllowAllRouting: no(), AllowEnvoy: no(), DisallowIsError: yes()},
		MetadataOptions: &extprocv3.MetadataOptions{
			ReceivingNamespaces: &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{MetadataNamespace}},
		},
		RequestAttributes: attributes,
	}
}

// policyService is our own server, told for which pools this Envoy was made and in
// which way the client came.
func (b *build) policyService(way string) *corev3.GrpcService {
	g := &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: PolicyCluster}}}
	if b.spec.PoolsDigest != "" {
		g.InitialMetadata = append(g.InitialMetadata, &corev3.HeaderValue{Key: PoolsHeader, Value: b.spec.PoolsDigest})
	}
	if way != "" {
		g.InitialMetadata = append(g.InitialMetadata, &corev3.HeaderValue{Key: WayHeader, Value: way})
	}
	return g
}

// Names of the RBAC policies, as they appear in statistics.
const (
	policyOnBody   = "verdict-on-body"
	policyBodyless = "verdict-bodyless"
)

// verdictLocks are locks 2 and 3.
func verdictLocks() *rbacv3.RBAC {
	return &rbacv3.RBAC{Rules: &rbacconfigv3.RBAC{
		Action: rbacconfigv3.RBAC_ALLOW,
		Policies: map[string]*rbacconfigv3.Policy{
			policyOnBody: allowing(verdictIs("decision", "allow"), verdictIs("phase", "body")),
			policyBodyless: allowing(verdictIs("decision", "allow"), verdictIs("phase", "headers"),
				header(&routev3.HeaderMatcher{Name: ":method", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regex("GET|HEAD|OPTIONS|DELETE")}}),
				absent("content-length"), absent("transfer-encoding")),
		},
	}}
}

func allowing(rules ...*rbacconfigv3.Permission) *rbacconfigv3.Policy {
	return &rbacconfigv3.Policy{
		Permissions: []*rbacconfigv3.Permission{{Rule: &rbacconfigv3.Permission_AndRules{AndRules: &rbacconfigv3.Permission_Set{Rules: rules}}}},
		Principals:  []*rbacconfigv3.Principal{{Identifier: &rbacconfigv3.Principal_Any{Any: true}}},
	}
}

func verdictIs(key, value string) *rbacconfigv3.Permission {
	return &rbacconfigv3.Permission{Rule: &rbacconfigv3.Permission_SourcedMetadata{SourcedMetadata: &rbacconfigv3.SourcedMetadata{
		MetadataMatcher: verdictMatcher(key, value), MetadataSource: rbacconfigv3.MetadataSource_DYNAMIC,
	}}}
}

func header(m *routev3.HeaderMatcher) *rbacconfigv3.Permission {
	return &rbacconfigv3.Permission{Rule: &rbacconfigv3.Permission_Header{Header: m}}
}

func absent(name string) *rbacconfigv3.Permission {
	return header(&routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: false}})
}

func verdictMatcher(key, value string) *matcherv3.MetadataMatcher {
	return &matcherv3.MetadataMatcher{
		Filter: MetadataNamespace,
		Path:   []*matcherv3.MetadataMatcher_PathSegment{{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: key}}},
		Value:  &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{StringMatch: exact(value)}},
	}
}

func (b *build) accessLog() *accesslogv3.AccessLog {
	return &accesslogv3.AccessLog{
		Name: "envoy.access_loggers.file",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.any(&filelogv3.FileAccessLog{
			Path: b.spec.AccessLog,
			AccessLogFormat: &filelogv3.FileAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
				Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: logFormat()},
			}},
		})},
	}
}
