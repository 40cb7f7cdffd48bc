package bypass_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/bypass"
	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
)

// between is the open world with Ostiary in between: connections of TCP to any
// address at 80 and 443 are redirected to it, everything else is refused, and the
// proxy is its own. behind is what the host that passes does.
func between(t *testing.T, behind http.Handler) (*rooms.House, bypass.Target) {
	t.Helper()
	w, target := open(t)
	w.serve(behind, newAuthority(t, "public").byName(passed), shop+":443")
	ca, house := newAuthority(t, "ostiary"), rooms.New()
	model := w.listen("203.0.113.90:80")
	go func() { _ = http.Serve(model, vendor) }()
	base := &url.URL{Scheme: "http", Host: model.Addr().String()}
	original := map[string]netip.AddrPort{} // by the address of the listener that stands for it
	plane := embedded.New(embedded.Options{
		Engine: house.Engine(proxy.Limits{Body: 1 << 20}), BodyLimit: 1 << 20,
		Upstreams: func(string) (embedded.Upstream, bool) { return embedded.Upstream{URL: base}, true },
		Interception: &embedded.Interception{
			Certificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return ca.leaf(strings.ToLower(h.ServerName)) },
			Name: func(name string) (string, string) {
				switch name {
				case provider:
					return embedded.Governed, "provider"
				case passed, doh:
					return embedded.Passed, "rule"
				}
				return embedded.Refused, "default"
			},
			Dial: func(ctx context.Context, name string, _ uint16) (net.Conn, error) {
				return w.dial(ctx, "tcp", name+":443")
			},
			Original:   func(c net.Conn) (netip.AddrPort, error) { return original[c.LocalAddr().String()], nil },
			Suspicious: func(host, _, _ string, _ []byte) bool { return host == provider },
		},
	})
	serve := func(l net.Listener, f func(net.Listener) error) {
		go func() {
			if err := f(l); err != nil {
				t.Error(err)
			}
		}()
	}
	client := newWorld(t)
	var redirected []net.Listener
	for _, a := range []string{at4 + ":443", at4 + ":80", "[" + at6 + "]:443", shop + ":443", dohAt + ":443"} {
		l := client.listen(a)
		original[l.Addr().String()] = netip.MustParseAddrPort(a)
		redirected = append(redirected, l)
	}
	for _, l := range redirected {
		serve(l, plane.ServeRedirect)
	}
	p := client.listen(proxyAt)
	serve(p, plane.ServeProxy)
	t.Cleanup(func() { house.Unhang(); _ = plane.Close() }) // before the listeners are closed
	target.Dial, target.Authority = client.dial, w.target(ca).Authority
	target.Sockets, target.Ports = []string{"/nonexistent/policy.sock"}, []uint16{8443, 80}
	return house, target
}

// TestBetween: with Ostiary in between nothing goes round, whatever is tried, and
// what is governed is in the log.
func TestBetween(t *testing.T) {
	house, target := between(t, store)
	r := try(t, target, patience)
	if !r.Alive {
		t.Error("nothing is said to be reached")
	}
	var recorded []string
	for _, e := range house.Events(proxy.EventDecision) {
		recorded = append(recorded, e.ID)
	}
	for _, row := range r.Rows {
		if row.ID != "" && !slices.Contains(recorded, row.ID) {
			t.Errorf("%s: the decision is not recorded", row.Attempt)
		}
		want := map[string]bypass.Verdict{
			bypass.Ordinary: bypass.Governed, "direct_http2": bypass.Governed, "upper_case_name": bypass.Governed, "name_at_passed": bypass.Governed,
			"fronting_in": bypass.Governed, "address_in_host": bypass.Governed, "coalescing": bypass.Governed, "websocket": bypass.Governed,
			"ipv6": bypass.Governed, "proxy": bypass.Governed, "proxy_old": bypass.Governed, "proxy_http2": bypass.Governed, "proxy_other_target": bypass.Governed,
			"ech_made_up": bypass.Refused, "wrong_name": bypass.Refused, "fronting_out": bypass.Refused, "no_name": bypass.Refused,
			"dns_https": bypass.Round,
		}[row.Attempt]
		switch {
		case want != "" && row.Verdict != want:
			t.Errorf("%s: %s, %s; want %s", row.Attempt, row.Verdict, row.Detail, want)
		case row.Verdict == bypass.Round && !row.Note:
			t.Errorf("%s goes round: %s", row.Attempt, row.Detail)
		case row.Verdict == bypass.Inconclusive:
			t.Errorf("%s: %s", row.Attempt, row.Detail)
		}
	}
}

// TestBetweenFronting: a host that passes and hands requests on to the provider is
// a way round that policy opened. Exactly the attempts that use it say so.
func TestBetweenFronting(t *testing.T) {
	_, target := between(t, byHost)
	r := try(t, target, patience)
	var got []string
	for _, row := range r.Rounds() {
		if got = append(got, row.Attempt); row.Detail != bypass.ProvidersAnswer {
			t.Errorf("%+v", row)
		}
	}
	if want := []string{"wrong_name", "fronting_out", "fronting_out_http2", "proxy_other_name"}; !slices.Equal(got, want) {
		t.Errorf("%q go round, not %q", got, want)
	}
}
