// Package weaken takes single locks out of a bootstrap that package envoy made,
// so that tests can show what each lock is for: without a weakening under which
// a fault leaks, a test that finds no leak proves nothing. Tests alone may
// import it.
package weaken

import (
	"errors"
	"fmt"
	"slices"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstreamhttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ostiary/ostiary/proxy/envoy"
)

// Weakening changes a bootstrap in place. It fails where what it is to take
// away is not there, so that a control never weakens nothing.
type Weakening func(*bootstrapv3.Bootstrap) error

// Apply makes a weakened copy; the bootstrap itself stays as it is.
func Apply(b *bootstrapv3.Bootstrap, ws ...Weakening) (*bootstrapv3.Bootstrap, error) {
	out, ok := proto.Clone(b).(*bootstrapv3.Bootstrap)
	if !ok {
		return nil, errors.New("weaken: not a bootstrap")
	}
	for _, w := range ws {
		if err := w(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// OpenRoute is the configuration without lock 1: the route of last resort
// forwards to a pool instead of answering 503.
func OpenRoute(pool string) Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		routes := m.GetRouteConfig().GetVirtualHosts()[0].GetRoutes()
		of, last := -1, -1
		for i, r := range routes {
			switch r.GetName() {
			case envoy.RouteOf(pool):
				of = i
			case envoy.RouteNoVerdict:
				last = i
			}
		}
		if of < 0 || last < 0 {
			return fmt.Errorf("weaken: no route of pool %s, or none of last resort", pool)
		}
		open, ok := proto.Clone(routes[of]).(*routev3.Route)
		if !ok {
			return errors.New("weaken: not a route")
		}
		open.Name, open.Match.DynamicMetadata = "weakened", nil
		routes[last] = open
		return nil
	})
}

// NoRBAC is the configuration without locks 2 and 3.
func NoRBAC() Weakening { return removeFilter(envoy.FilterRBAC) }

// NoPhase is the configuration without lock 3: RBAC asks for the decision
// alone.
func NoPhase() Weakening {
	return filter(envoy.FilterRBAC, func(r *rbacv3.RBAC) error {
		for name, p := range r.GetRules().GetPolicies() {
			set := p.GetPermissions()[0].GetAndRules()
			if set == nil || len(set.GetRules()) < 2 {
				return fmt.Errorf("weaken: the RBAC policy %s has no phase", name)
			}
			set.Rules = set.Rules[:1]
		}
		return nil
	})
}

// NoExtProc removes the external processor.
func NoExtProc() Weakening { return removeFilter(envoy.FilterExtProc) }

// DisabledOnRoutes switches the external processor off on every route, as
// whoever may write routes could.
func DisabledOnRoutes() Weakening {
	return perRoute(&extprocv3.ExtProcPerRoute{Override: &extprocv3.ExtProcPerRoute_Disabled{Disabled: true}})
}

// FailOpenOnRoutes lets requests pass on every route when the external
// processor fails.
func FailOpenOnRoutes() Weakening {
	return perRoute(&extprocv3.ExtProcPerRoute{Override: &extprocv3.ExtProcPerRoute_Overrides{Overrides: &extprocv3.ExtProcOverrides{
		FailureModeAllow: wrapperspb.Bool(true),
	}}})
}

// FailOpen lets requests pass when the external processor fails.
func FailOpen() Weakening {
	return filter(envoy.FilterExtProc, func(p *extprocv3.ExternalProcessor) error {
		p.FailureModeAllow = true
		p.StatusOnError = nil
		return nil
	})
}

// BodyNone sends no request body to the external processor.
func BodyNone() Weakening {
	return filter(envoy.FilterExtProc, func(p *extprocv3.ExternalProcessor) error {
		p.ProcessingMode.RequestBodyMode = extprocv3.ProcessingMode_NONE
		return nil
	})
}

// BodyStreamed sends the request body in chunks.
func BodyStreamed() Weakening {
	return filter(envoy.FilterExtProc, func(p *extprocv3.ExternalProcessor) error {
		p.ProcessingMode.RequestBodyMode = extprocv3.ProcessingMode_STREAMED
		return nil
	})
}

// AnyOverride lets the server switch any mode, its own inspection too.
func AnyOverride() Weakening {
	return filter(envoy.FilterExtProc, func(p *extprocv3.ExternalProcessor) error {
		if len(p.GetAllowedOverrideModes()) == 0 {
			return errors.New("weaken: no list of override modes")
		}
		p.AllowedOverrideModes = nil
		return nil
	})
}

// QuietMutations skips rejected header mutations silently.
func QuietMutations() Weakening {
	return filter(envoy.FilterExtProc, func(p *extprocv3.ExternalProcessor) error {
		if !p.GetMutationRules().GetDisallowIsError().GetValue() {
			return errors.New("weaken: rejected mutations are quiet already")
		}
		p.MutationRules.DisallowIsError = wrapperspb.Bool(false)
		return nil
	})
}

// ShortTimeout sets the time for each message to the external processor, for
// tests that wait for it.
func ShortTimeout(d *durationpb.Duration) Weakening {
	return filter(envoy.FilterExtProc, func(p *extprocv3.ExternalProcessor) error {
		p.MessageTimeout = d
		return nil
	})
}

// Trailers lets request trailers pass.
func Trailers() Weakening { return removeFilter(envoy.FilterTrailers) }

// UnequalLimits leaves HTTP/2 its default window of 16 MiB, whatever the body
// limit is.
func UnequalLimits() Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		o := m.GetHttp2ProtocolOptions()
		if o.GetInitialStreamWindowSize() == nil {
			return errors.New("weaken: no window is set")
		}
		o.InitialStreamWindowSize, o.InitialConnectionWindowSize = nil, nil
		return nil
	})
}

// ForgedHeaders keeps what a client sends in the names of ours and of proxies.
func ForgedHeaders() Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		if len(m.GetEarlyHeaderMutationExtensions()) == 0 {
			return errors.New("weaken: no header is removed early")
		}
		m.EarlyHeaderMutationExtensions = nil
		return nil
	})
}

// ApplicationCredentials keeps on every route what applications send in the
// way of credentials.
func ApplicationCredentials() Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		n := 0
		for _, r := range m.GetRouteConfig().GetVirtualHosts()[0].GetRoutes() {
			n += len(r.GetRequestHeadersToRemove())
			r.RequestHeadersToRemove = nil
		}
		if n == 0 {
			return errors.New("weaken: no route removes a header")
		}
		return nil
	})
}

// WithoutCredential lets requests go to a pool whose key is missing.
func WithoutCredential(pool string) Weakening {
	return func(b *bootstrapv3.Bootstrap) error {
		for _, c := range b.GetStaticResources().GetClusters() {
			if c.GetName() != envoy.ClusterOf(pool) {
				continue
			}
			for key, packed := range c.GetTypedExtensionProtocolOptions() {
				o := new(upstreamhttpv3.HttpProtocolOptions)
				if err := packed.UnmarshalTo(o); err != nil || len(o.GetHttpFilters()) == 0 {
					return fmt.Errorf("weaken: pool %s has no injector", pool)
				}
				o.HttpFilters = nil
				a, err := anypb.New(o)
				if err != nil {
					return err
				}
				c.TypedExtensionProtocolOptions[key] = a
				return nil
			}
		}
		return fmt.Errorf("weaken: no pool %s", pool)
	}
}

// Upgrades takes WebSocket.
func Upgrades() Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		m.UpgradeConfigs = append(m.UpgradeConfigs, &hcmv3.HttpConnectionManager_UpgradeConfig{UpgradeType: "websocket"})
		return nil
	})
}

// DefaultReplies leaves Envoy's own refusals as Envoy writes them.
func DefaultReplies() Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		if m.GetLocalReplyConfig() == nil {
			return errors.New("weaken: replies are Envoy's already")
		}
		m.LocalReplyConfig = nil
		return nil
	})
}

// PoolsDigest makes the Envoy say that it was made for other pools.
func PoolsDigest(d string) Weakening {
	return filter(envoy.FilterExtProc, func(p *extprocv3.ExternalProcessor) error {
		p.GrpcService.InitialMetadata = []*corev3.HeaderValue{{Key: envoy.PoolsHeader, Value: d}}
		return nil
	})
}

// manager changes the HTTP connection manager of every filter chain.
func manager(change func(*hcmv3.HttpConnectionManager) error) Weakening {
	return func(b *bootstrapv3.Bootstrap) error {
		for _, l := range b.GetStaticResources().GetListeners() {
			for _, c := range l.GetFilterChains() {
				packed := c.GetFilters()[0].GetTypedConfig()
				m := new(hcmv3.HttpConnectionManager)
				if err := packed.UnmarshalTo(m); err != nil {
					return fmt.Errorf("weaken: %w", err)
				}
				if err := change(m); err != nil {
					return err
				}
				if err := packed.MarshalFrom(m); err != nil {
					return fmt.Errorf("weaken: %w", err)
				}
			}
		}
		return nil
	}
}

func removeFilter(name string) Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		before := len(m.HttpFilters)
		m.HttpFilters = slices.DeleteFunc(m.HttpFilters, func(f *hcmv3.HttpFilter) bool { return f.GetName() == name })
		if len(m.HttpFilters) == before {
			return fmt.Errorf("weaken: no filter %s", name)
		}
		return nil
	})
}

// filter changes the configuration of one HTTP filter.
func filter[M any, P interface {
	*M
	proto.Message
}](name string, change func(P) error) Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		for _, f := range m.HttpFilters {
			if f.GetName() != name {
				continue
			}
			config := P(new(M))
			if err := f.GetTypedConfig().UnmarshalTo(config); err != nil {
				return fmt.Errorf("weaken: %w", err)
			}
			if err := change(config); err != nil {
				return err
			}
			return f.GetTypedConfig().MarshalFrom(config)
		}
		return fmt.Errorf("weaken: no filter %s", name)
	})
}

func perRoute(c *extprocv3.ExtProcPerRoute) Weakening {
	return manager(func(m *hcmv3.HttpConnectionManager) error {
		a, err := anypb.New(c)
		if err != nil {
			return err
		}
		for _, r := range m.GetRouteConfig().GetVirtualHosts()[0].GetRoutes() {
			r.TypedPerFilterConfig = map[string]*anypb.Any{envoy.FilterExtProc: a}
		}
		return nil
	})
}
