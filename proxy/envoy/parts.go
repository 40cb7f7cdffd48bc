package envoy

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// Parts are the pieces of a bootstrap, for a proxy whose configuration somebody
// else makes and into which they are patched: a service mesh's. The messages are
// the caller's.
type Parts struct {
	// Filters are the trailer strip, the external processor and the locks, in
	// this order, which belong straight before the router.
	Filters []*hcmv3.HttpFilter
	// Routes hold one virtual host for every domain: lock 1.
	Routes *routev3.RouteConfiguration
	// Clusters are the policy server's and then the pools', in their order.
	Clusters []*clusterv3.Cluster
	// Manager is what the HTTP connection manager needs beside its filters and
	// routes, which are not in it.
	Manager *hcmv3.HttpConnectionManager
	// BufferLimit is the listener's per_connection_buffer_limit_bytes. The
	// manager's HTTP/2 windows are its other half.
	BufferLimit uint32
}

// NewParts makes the pieces. Of the spec, Listen, TLS, Admin and MaxConnections
// mean nothing here: they are the mesh's own. An error names every problem of
// the rest.
func NewParts(s Spec) (*Parts, error) {
	// Placeholders that hold: what is checked here is used nowhere.
	s.Listen, s.Admin, s.TLS = "127.0.0.1:1", "/admin.sock", nil
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	b := &build{spec: s}
	m := b.connectionManager("")
	p := &Parts{Manager: m, Routes: m.GetRouteConfig(), BufferLimit: uint32(s.BodyLimit)}
	for _, f := range m.GetHttpFilters() {
		if f.GetName() != filterRouter {
			p.Filters = append(p.Filters, f)
		}
	}
	m.HttpFilters, m.RouteSpecifier = nil, nil
	p.Clusters = append(p.Clusters, b.policyCluster())
	for _, u := range s.Upstreams {
		p.Clusters = append(p.Clusters, b.poolCluster(u))
	}
	if b.err != nil {
		return nil, b.err
	}
	return p, nil
}

// VerdictLocks are locks 2 and 3 as every configuration of ours has them.
func VerdictLocks() *rbacv3.RBAC { return verdictLocks() }
