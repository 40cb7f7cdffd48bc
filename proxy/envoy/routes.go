package envoy

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	// retryOn names only what no model can have worked on.
	retryOn    = "connect-failure,refused-stream,reset-before-request"
	maxRetries = 2
	retryBase  = 50 * time.Millisecond
	retryMax   = 500 * time.Millisecond
)

// applicationCredentials are the headers in which applications carry a
// provider's key. They go to a pool only where it is configured so.
var applicationCredentials = [...]string{"authorization", "x-api-key", "api-key", "x-goog-api-key"}

// neverForwarded are headers that no pool gets.
var neverForwarded = [...]string{"cookie", "ostiary-application", "ostiary-key", "proxy-authorization", "x-forwarded-client-cert", "x-forwarded-proto"}

// answerHeaders are removed from what upstreams answer: ours, which they could
// forge, and alt-svc, which would lead the client past this proxy.
var answerHeaders = [...]string{"alt-svc", "x-ostiary-action", "x-ostiary-decision-id", "x-ostiary-pool"}

// routes are lock 1. The virtual host holds one route for each pool, which
// matches only the verdict, and the route of last resort.
func (b *build) routes() *routev3.RouteConfiguration {
	host := &routev3.VirtualHost{Name: "ostiary", Domains: []string{"*"}, ResponseHeadersToRemove: answerHeaders[:]}
	for _, u := range b.spec.Upstreams {
		host.Routes = append(host.Routes, b.poolRoute(u))
	}
	host.Routes = append(host.Routes, &routev3.Route{
		Name:  RouteNoVerdict,
		Match: anyPath(),
		// The local reply configuration writes the body.
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 503}},
	})
	return &routev3.RouteConfiguration{Name: "ostiary", VirtualHosts: []*routev3.VirtualHost{host}}
}

func (b *build) poolRoute(u Upstream) *routev3.Route {
	t, err := parseTarget(u)
	if err != nil {
		b.fail(err)
		return nil
	}
	match := anyPath()
	match.DynamicMetadata = []*matcherv3.MetadataMatcher{verdictMatcher("pool", u.Name)}
	action := &routev3.RouteAction{
		ClusterSpecifier:     &routev3.RouteAction_Cluster{Cluster: ClusterOf(u.Name)},
		HostRewriteSpecifier: &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: t.authority},
		Timeout:              lasting(0), // generations are long; the idle time-out bounds them
		IdleTimeout:          lasting(streamIdleTimeout),
		RetryPolicy: &routev3.RetryPolicy{
			RetryOn: retryOn, NumRetries: wrapperspb.UInt32(maxRetries),
			RetryBackOff: &routev3.RetryPolicy_RetryBackOff{BaseInterval: lasting(retryBase), MaxInterval: lasting(retryMax)},
		},
	}
	if t.base != "" {
		// The path is the one that the verdict set; the match is on "/".
		action.PrefixRewrite = t.base + "/"
	}
	remove := append([]string{}, neverForwarded[:]...)
	if u.Credential.Mode != ClientCredential {
		remove = append(remove, applicationCredentials[:]...)
	}
	if u.Credential.Mode == PoolCredential {
		// The cluster adds it afterwards, overwriting whatever there is.
		remove = appendNew(remove, u.Credential.Header)
	}
	return &routev3.Route{
		Name: RouteOf(u.Name), Match: match,
		Action:                 &routev3.Route_Route{Route: action},
		RequestHeadersToRemove: remove,
	}
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

func anyPath() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
}

// responseHeader sets one header of an answer.
func responseHeader(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
