package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/pools"
	"github.com/ostiary/ostiary/proxy/redirect"
)

// embeddedPlane is the data plane in pure Go.
type embeddedPlane struct {
	server *server
	plane  *embedded.Plane
	served chan error
	doors  int // that are served
	table  atomic.Pointer[upstreamTable]
	tls    atomic.Pointer[tls.Config] // that the next client gets; nil without TLS
}

// upstreamTable says how the pools of one configuration are reached.
type upstreamTable struct {
	built *built
	pools map[string]embedded.Upstream // without their keys, which change on their own
}

func (p *embeddedPlane) describe() string { return "embedded" }

func (p *embeddedPlane) start(ctx context.Context, b *built) error {
	if err := p.reload(ctx, b); err != nil {
		return err
	}
	o := embedded.Options{
		Engine: p.server.engine, Upstreams: p.upstream, Pools: func() string { return p.table.Load().built.snap.Pools }, BodyLimit: int(b.cfg.Limits.Body), Connections: b.cfg.Limits.Connections, Log: p.server.log,
	}
	if p.tls.Load() != nil {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return p.tls.Load(), nil }}
	}
	if p.server.ways != nil {
		o.Interception = p.interception(b)
	}
	p.plane = embedded.New(o)
	network, address := "tcp", b.cfg.Listen
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; stop what listens there, or choose another address", b.cfg.Listen, err)
	}
	doors := []door{{l, p.plane.Serve}}
	i := &b.cfg.Intercept
	redirected := bothLoopbacks(i.Redirect)
	if l := p.server.opts.redirected; l != nil {
		redirected, doors = nil, append(doors, door{l, p.plane.ServeRedirect})
	}
	for _, w := range []struct {
		addresses []string
		serve     func(net.Listener) error
	}{{bothLoopbacks(i.Proxy), p.plane.ServeProxy}, {redirected, p.plane.ServeRedirect}} {
		for _, a := range w.addresses {
			l, err := net.Listen("tcp", a)
			if err != nil {
				for _, d := range doors {
					_ = d.l.Close()
				}
				return fmt.Errorf("listen on %s: %w; stop what listens there, or choose another address", a, err)
			}
			doors = append(doors, door{l, w.serve})
		}
	}
	if p.server.ways != nil {
		if err := p.server.ways.start(ctx, ""); err != nil {
			return err
		}
	}
	p.served, p.doors = make(chan error, len(doors)), len(doors)
	for _, d := range doors {
		go func() { p.served <- d.serve(d.l) }()
	}
	return nil
}

// door is a listener with who serves it.
type door struct {
	l     net.Listener
	serve func(net.Listener) error
}

// interception is what the plane needs for names that are not ours.
func (p *embeddedPlane) interception(b *built) *embedded.Interception {
	w := p.server.ways
	out := &embedded.Interception{
		Certificate: w.minter.GetCertificate,
		Original:    redirect.Original,
		Name: func(name string) (string, string) {
			passage, why := p.table.Load().built.passages.hosts.Of(name)
			return string(passage), why
		},
		Connected: func(c embedded.Connection) {
			w.connections.Add(Connection(c))
			if told := p.server.opts.told; told != nil {
				told(Connection(c))
			}
		},
		Suspicious: func(host, method, path string, body []byte) bool {
			seen := pools.Sight{Host: host, Method: method, Path: path, Shape: pools.ShapeOf(proxy.NewText(string(body)))}
			return p.table.Load().built.providers.Suspect(seen).Likelihood >= proxy.Likely
		},
	}
	out.Private = b.cfg.Intercept.Private
	if admitting(b.cfg) {
		out.Admit = func(h *proxy.Head) bool {
			_, err := p.server.engine.Snapshot().Identifier.Identify(h)
			return err == nil
		}
	}
	if to, err := url.Parse(b.cfg.Upstream.Proxy); err == nil && to.Host != "" {
		out.Proxy = to
	}
	return out
}

// serverTLS gives how clients are served, nil where that is without TLS.
func serverTLS(cfg *config.Config) (*tls.Config, error) {
	if cfg.TLS.Cert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(cfg.TLS.Cert, cfg.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	out := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if ca := cfg.Identity.Certificates.ClientCA; ca != "" {
		roots, err := readRoots(ca)
		if err != nil {
			return nil, fmt.Errorf("identity.certificates.client_ca: %w", err)
		}
		// A certificate that is given must be good; none need be.
		out.ClientCAs, out.ClientAuth = roots, tls.VerifyClientCertIfGiven
	}
	return out, nil
}

// upstream gives where a pool is, with its key.
func (p *embeddedPlane) upstream(pool string) (embedded.Upstream, bool) {
	t := p.table.Load()
	u, ok := t.pools[pool]
	if !ok {
		return u, false
	}
	if header, value, ok := t.built.pools.Credential(pool); ok {
		u.Header, u.Value = header, value
	}
	return u, true
}

// reload makes the table of the new pools. Where a pool is reached as before,
// its connections stay. Who connects from now on gets the new certificate and is
// checked against the new authorities.
func (p *embeddedPlane) reload(_ context.Context, b *built) error {
	old := p.table.Load()
	conf, err := serverTLS(b.cfg)
	switch {
	case err != nil:
		return err
	case old != nil && (conf == nil) != (p.tls.Load() == nil):
		return errors.New("tls was added or taken away: restart Ostiary to apply it")
	case old != nil && (b.cfg.Limits.Body != old.built.cfg.Limits.Body || b.cfg.Limits.Connections != old.built.cfg.Limits.Connections):
		return errors.New("limits.body or limits.connections changed: restart Ostiary to apply it")
	}
	t := &upstreamTable{built: b, pools: map[string]embedded.Upstream{}}
	for _, u := range b.pools.Upstreams() {
		e := embedded.Upstream{URL: u.URL, Pins: u.Pins}
		if u.CA != "" {
			pem, err := os.ReadFile(u.CA)
			if err != nil {
				return err
			}
			e.CA = x509.NewCertPool()
			if !e.CA.AppendCertsFromPEM(pem) {
				return fmt.Errorf("pool %s: %s holds no certificate", u.Pool.Name, u.CA)
			}
			if old != nil && old.pools[u.Pool.Name].CA != nil && old.pools[u.Pool.Name].CA.Equal(e.CA) {
				e.CA = old.pools[u.Pool.Name].CA
			}
		}
		if u.Proxy != "" {
			to, err := url.Parse(u.Proxy)
			if err != nil {
				return fmt.Errorf("pool %s: the proxy's address cannot be read", u.Pool.Name)
			}
			e.Proxy = to
		}
		t.pools[u.Pool.Name] = e
	}
	p.table.Store(t)
	if p.server.ways != nil && b.passages != nil {
		p.server.ways.use(b.passages.governed)
	}
	p.tls.Store(conf)
	return nil
}

func (p *embeddedPlane) stop(ctx context.Context) error {
	err := p.plane.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, p.plane.Close()) // what did not drain in time is cut
	}
	for range p.doors {
		<-p.served
	}
	return errors.Join(err, p.server.ways.stop(ctx))
}
