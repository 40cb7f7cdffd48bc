package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/extproc"
	"github.com/ostiary/ostiary/proxy/intercept"
	"github.com/ostiary/ostiary/proxy/pools"
)

// governedNames lists the names and patterns for which TLS is ended: those of the
// pools, of the providers that the configuration chooses, and its own.
func governedNames(cfg *config.Config, l *pools.Providers) ([]string, error) {
	var out []string
	add := func(names ...string) {
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, p := range cfg.Pools {
		add(p.Dialled()...)
	}
	add(cfg.Intercept.Hosts...)
	chosen := cfg.Intercept.Providers
	for _, name := range chosen {
		if _, ok := l.Provider(name); !ok {
			return nil, fmt.Errorf("intercept.providers: the list of providers has no %q; 'ostiary providers' lists them", name)
		}
	}
	for _, p := range l.List() {
		if len(chosen) > 0 && !slices.Contains(chosen, p.Name) {
			continue
		}
		for _, h := range p.Hosts {
			add(strings.ReplaceAll(h, "{region}", "*"))
		}
	}
	return out, nil
}

// passages is what a configuration and its policies make of names: which are
// governed, which pass and which are refused.
type passages struct {
	governed intercept.Names
	hosts    *pools.Hosts
}

// newPassages compiles them.
func newPassages(cfg *config.Config, l *pools.Providers, set *policies.Set) (*passages, error) {
	patterns, err := governedNames(cfg, l)
	if err != nil {
		return nil, err
	}
	names, err := intercept.ParseNames(patterns)
	if err != nil {
		return nil, fmt.Errorf("intercept: %w", err)
	}
	rules := hostRules(set)
	for _, p := range cfg.Pools {
		u, err := url.Parse(p.URL)
		if err != nil || p.Boundary != string(proxy.Internal) {
			continue
		}
		// Nobody reaches an in-house pool past Ostiary.
		if name, err := intercept.Canonical(u.Hostname()); err == nil {
			rules = append(rules, pools.HostRule{Host: name, Rule: "pool " + p.Name})
		}
	}
	rules = append(rules, pools.HostRule{Host: outerName, Rule: "what hides behind it cannot be seen (ECH)"})
	hosts, err := pools.NewHosts(l, names.List(), rules)
	if err != nil {
		return nil, fmt.Errorf("intercept: %w", err)
	}
	return &passages{governed: names, hosts: hosts}, nil
}

// outerName is in the handshakes of clients that encrypt the name they ask for (ECH)
// at Cloudflare, which has one outer name for all of its customers.
const outerName = "cloudflare-ech.com"

// authorityWarnings says what clients of governed names would meet for want of an
// authority that may sign for them.
func authorityWarnings(cfg *config.Config, governed intercept.Names) []string {
	dir, err := caDirectory(cfg)
	if err != nil {
		return []string{"intercept: " + err.Error()}
	}
	a, err := dir.Authority()
	if err != nil {
		return []string{"intercept: " + err.Error()}
	}
	var out []string
	for _, n := range governed.List() {
		if !a.Permits(strings.ReplaceAll(n, "*", "x")) {
			out = append(out, n)
		}
	}
	switch {
	case len(out) == 0:
		return nil
	case len(out) > shownNames:
		out = append(out[:shownNames:shownNames], fmt.Sprintf("and %d more", len(out)-shownNames))
	}
	return []string{"intercept: the authority may not sign for governed names, which are refused: " + strings.Join(out, ", ") + "; 'ostiary ca renew --permit DOMAIN' adds domains"}
}

// shownNames bounds a list in a warning.
const shownNames = 5

// matches gives the passages as Envoy takes them.
func (p *passages) matches() []envoy.HostMatch {
	var out []envoy.HostMatch
	for _, m := range p.hosts.Matches() {
		chain := envoy.Refused + m.Why
		switch m.Passage {
		case pools.PassageGoverned:
			chain = envoy.Governed
		case pools.PassagePassed:
			chain = envoy.Passed
		}
		out = append(out, envoy.HostMatch{Expr: m.Expr, Chain: chain})
	}
	return out
}

// ways ends TLS for names that are not our own, and tells of the connections that
// no verdict covers.
type ways struct {
	log         *slog.Logger
	dir         intercept.Directory
	minter      *intercept.Minter
	connections *connections

	mu        sync.Mutex // guards what follows
	authority *intercept.Authority
	names     intercept.Names

	leaves *grpc.Server // for Envoy; nil for the embedded plane
	socket string
	served chan error
	end    context.CancelFunc
	done   chan struct{}
}

// newWays opens the authority. It gives nil where nothing is intercepted.
func newWays(s *server, b *built) (*ways, error) {
	if b.passages == nil {
		return nil, nil
	}
	dir, err := caDirectory(b.cfg)
	if err != nil {
		return nil, err
	}
	a, err := dir.Authority()
	if err != nil {
		return nil, fmt.Errorf("intercept: %w", err)
	}
	w := &ways{log: s.log, dir: dir, authority: a, names: b.passages.governed}
	w.minter = intercept.NewMinter(a, w.names, intercept.MinterOptions{Log: s.log})
	w.connections = newConnections(observed{s.outbox, s.tel}, func() *pools.Hosts { return s.current.Load().passages.hosts }, s.log)
	return w, nil
}

// start follows the authority, and serves leaves to Envoy on a socket of its own;
// an empty path is for a plane that needs none.
func (w *ways) start(ctx context.Context, socket string) error {
	if socket != "" {
		l, err := extproc.Listen(socket, nil, w.log)
		if err != nil {
			return err
		}
		w.socket, w.served = socket, make(chan error, 1)
		w.leaves = grpc.NewServer(intercept.ServerOptions()...)
		intercept.NewSDS(w.minter, w.log).Register(w.leaves)
		go func() { w.served <- w.leaves.Serve(l) }()
	}
	following, end := context.WithCancel(context.WithoutCancel(ctx))
	w.end, w.done = end, make(chan struct{})
	go func() {
		defer close(w.done)
		w.dir.Follow(following, w.authority, func(a *intercept.Authority) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.authority = a
			w.minter.Use(a, w.names)
		}, w.log)
	}()
	return nil
}

// use makes leaves for other names from now on, where they are others.
func (w *ways) use(n intercept.Names) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Equal(n.List(), w.names.List()) {
		return
	}
	w.names = n
	w.minter.Use(w.authority, n)
}

func (w *ways) stop(ctx context.Context) error {
	if w == nil {
		return nil
	}
	if w.end != nil {
		w.end()
		<-w.done
	}
	if w.leaves != nil {
		w.leaves.Stop() // its streams never end by themselves
		<-w.served
	}
	w.connections.Close(ctx)
	return nil
}

// seen takes what Envoy tells of a connection.
func (w *ways) seen(c *envoy.Connection) {
	if w == nil || c.Chain == envoy.Governed && c.Failure == "" || c.Chain == envoy.Passed && c.Listener {
		return // told of by its requests, or by another line
	}
	name := c.Name
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	out := Connection{Way: c.Way, Name: name, Passage: string(pools.PassageRefused), Why: strings.TrimPrefix(c.Chain, envoy.Refused), Sent: c.Sent, Received: c.Received, Duration: c.Duration}
	switch {
	case c.Failure != "":
		out.Why = "tls_" + c.Failure
	case c.Chain == envoy.Passed:
		out.Passage, out.Why = string(pools.PassagePassed), "default"
	case c.Chain == "":
		out.Why = "no_name"
	case c.Chain == "connect":
		out.Why = "no_credential"
	}
	w.connections.Add(out)
}

// interception is what Envoy's bootstrap needs of the configuration.
func interception(b *built, socket string) *envoy.Interception {
	if b.passages == nil {
		return nil
	}
	i := &b.cfg.Intercept
	return &envoy.Interception{
		Proxy: bothLoopbacks(i.Proxy), Redirect: bothLoopbacks(i.Redirect), SDS: socket, Matches: b.passages.matches(), Upstream: b.cfg.Upstream.Proxy,
		Private: i.Private, Admit: admitting(b.cfg),
	}
}

// admitting reports whether clients of the explicit proxy must be known.
func admitting(cfg *config.Config) bool {
	return cfg.Identity.Required || slices.ContainsFunc(cfg.Applications, func(a config.Application) bool { return len(a.Keys) > 0 })
}

// bothLoopbacks adds the IPv6 address to IPv4's where this machine has it: a
// redirected connection arrives at the loopback address of its family.
func bothLoopbacks(address string) []string {
	if address == "" {
		return nil
	}
	out := []string{address}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return out
	}
	other := map[string]string{"127.0.0.1": "::1", "localhost": "::1", "": "::", "0.0.0.0": "::"}[host]
	if other == "" {
		return out
	}
	if l, err := net.Listen("tcp6", net.JoinHostPort(other, "0")); err == nil {
		_ = l.Close()
		if a, err := netip.ParseAddr(other); err == nil && a.IsUnspecified() {
			return []string{net.JoinHostPort("0.0.0.0", port), net.JoinHostPort(other, port)}
		}
		out = append(out, net.JoinHostPort(other, port))
	}
	return out
}

var errNoInterception = errors.New("intercept was added or taken away, or its addresses or authority changed: restart Ostiary to apply it")

// hostRules gives what the policies say of names.
func hostRules(set *policies.Set) []pools.HostRule {
	var out []pools.HostRule
	for _, h := range set.Hosts() {
		out = append(out, pools.HostRule{Host: h.Host, Pass: h.Pass, Rule: h.Place()})
	}
	return out
}

// digest changes whenever Envoy would do something else with a name.
func (p *passages) digest() string {
	if p == nil {
		return ""
	}
	sum := sha256.New()
	for _, m := range p.matches() {
		fmt.Fprintf(sum, "%q %q\n", m.Expr, m.Chain)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
