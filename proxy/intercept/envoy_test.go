package intercept

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/testdata/env"
	"google.golang.org/grpc"
)

// How long an Envoy lets a handshake wait for its leaf: in earnest, and where a
// test has to wait for it.
const (
	longTimeout  = 5 * time.Second
	shortTimeout = 2 * time.Second
)

// edge is a real Envoy that ends TLS with leaves of an SDS: one chain for
// api.openai.com by state of the world, one for open-ended names on demand.
type edge struct {
	t       testing.TB
	dir     string // of the sockets
	address string
	sds     *SDS
	server  *grpc.Server
	served  chan struct{}
	admin   *http.Client
	timeout time.Duration
	binary  string
}

// newEdge prepares an Envoy; serve starts its SDS and start the Envoy, in the order
// that a test is about: where the SDS comes second, Envoy asks again only after a
// while.
func newEdge(t testing.TB, m *Minter, timeout time.Duration) *edge {
	t.Helper()
	binary := env.Envoy(t)
	dir, err := os.MkdirTemp("", "i") // short: sockets are named in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{t: t, dir: dir, address: l.Addr().String(), sds: NewSDS(m, nil), timeout: timeout}
	_ = l.Close()
	e.admin = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "admin"))
	}}}
	t.Cleanup(func() { e.admin.CloseIdleConnections() })
	file := filepath.Join(dir, "envoy.json")
	if err := os.WriteFile(file, e.bootstrap(), 0o600); err != nil {
		t.Fatal(err)
	}
	e.binary = binary
	return e
}

// start runs the Envoy until the test ends.
func (e *edge) start() {
	t, file := e.t, filepath.Join(e.dir, "envoy.json")
	t.Helper()
	cmd := exec.Command(e.binary, "-c", file, "--concurrency", "2", "--disable-hot-restart", "--log-level", "error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	e.wait("Envoy is live", func() bool {
		r, err := e.admin.Get("http://admin/ready")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == 200
	})
}

// wait waits for something that comes sooner or later.
func (e *edge) wait(what string, ok func() bool) {
	e.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.t.Errorf("waited in vain: %s", what)
			return
		}
	}
}

// serve starts the SDS on its socket.
func (e *edge) serve() {
	e.t.Helper()
	l, err := net.Listen("unix", filepath.Join(e.dir, "sds"))
	if err != nil {
		e.t.Fatal(err)
	}
	e.server = grpc.NewServer(ServerOptions()...)
	e.sds.Register(e.server)
	e.served = make(chan struct{})
	go func(s *grpc.Server, done chan struct{}) { defer close(done); _ = s.Serve(l) }(e.server, e.served)
	e.t.Cleanup(e.kill)
}

// kill ends the SDS as a crash would.
func (e *edge) kill() {
	e.server.Stop()
	<-e.served
}

func (e *edge) stat(name string) float64 {
	e.t.Helper()
	r, err := e.admin.Get("http://admin/stats?format=json&filter=" + name)
	if err != nil {
		e.t.Fatal(err)
	}
	defer r.Body.Close()
	var got struct {
		Stats []struct {
			Name  string
			Value json.RawMessage
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
		e.t.Fatal(err)
	}
	sum := 0.0
	for _, s := range got.Stats {
		var v float64
		if json.Unmarshal(s.Value, &v) == nil && strings.HasSuffix(s.Name, name) {
			sum += v
		}
	}
	return sum
}

// get asks through a new connection for a name, trusting an authority.
func (e *edge) get(name string, trust []*x509.Certificate) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	tc := tls.Client(conn, &tls.Config{ServerName: name, RootCAs: pool(trust)})
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if err := tc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(tc, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(tc), nil)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 200 {
		return nil, errors.New(answer.Status)
	}
	return tc.ConnectionState().PeerCertificates[0], nil
}

// bootstrap is the TLS part of the transparent mode, with an answer of Envoy's own
// in place of what is behind it.
func (e *edge) bootstrap() []byte {
	e.t.Helper()
	host, port, _ := net.SplitHostPort(e.address)
	chain := func(match, context string) string {
		return fmt.Sprintf(`{"filter_chain_match": {"transport_protocol": "tls", "server_names": [%s]},
		  "transport_socket_connect_timeout": "%s",
		  "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", %s}},
		  "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
		    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "edge",
		    "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]},
		    "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}`,
			match, e.timeout, context)
	}
	source := func(api string) string {
		return `{"resource_api_version": "V3", "initial_fetch_timeout": "2s", "api_config_source": {"api_type": "` + api + `", "transport_api_version": "V3", "grpc_services": [{"envoy_grpc": {"cluster_name": "ostiary_sds"}}]}}`
	}
	fixed := `"common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "leaf/api.openai.com", "sds_config": ` + source("GRPC") + `}]}`
	open := `"disable_stateless_session_resumption": true, "disable_stateful_session_resumption": true,
	  "common_tls_context": {"custom_tls_certificate_selector": {"name": "envoy.tls.certificate_selectors.on_demand_secret", "typed_config": {
	    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config",
	    "config_source": ` + source("DELTA_GRPC") + `,
	    "certificate_mapper": {"name": "envoy.tls.certificate_mappers.sni", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.cert_mappers.sni.v3.SNI", "default_value": "no-sni.invalid"}}}}}`
	return fmt.Appendf(nil, `{"admin": {"address": {"pipe": {"path": "%[1]s/admin", "mode": 384}}}, "node": {"id": "edge", "cluster": "edge"},
	"static_resources": {"listeners": [{"name": "edge", "address": {"socket_address": {"address": "%[2]s", "port_value": %[3]s}},
	  "listener_filters": [{"name": "envoy.filters.listener.tls_inspector", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}],
	  "filter_chains": [%[4]s, %[5]s]}],
	"clusters": [{"name": "ostiary_sds", "type": "STATIC", "connect_timeout": "0.25s",
	  "circuit_breakers": {"thresholds": [{"max_requests": 65536, "max_pending_requests": 65536}]},
	  "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
	    "explicit_http_config": {"http2_protocol_options": {"connection_keepalive": {"interval": "5s", "timeout": "2s"}}}}},
	  "load_assignment": {"cluster_name": "ostiary_sds", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "%[1]s/sds"}}}}]}]}}]}}`,
		e.dir, host, port, chain(`"api.openai.com"`, fixed), chain(`"*.openai.azure.com", "*.example.org"`, open))
}

// TestEnvoyOnDemand: a governed name gets its leaf, another one is refused long
// before a time-out and again and again, and the authority is changed under way.
func TestEnvoyOnDemand(t *testing.T) {
	d, a := root(t)
	m := NewMinter(a, governed(t), MinterOptions{})
	e := newEdge(t, m, longTimeout)
	e.serve()
	e.start()
	for _, name := range []string{"api.openai.com", "ONE.openai.azure.com", "one.openai.azure.com", "two.openai.azure.com", "one.openai.azure.com"} {
		start := time.Now()
		c, err := e.get(name, a.Trust())
		if err != nil || c.VerifyHostname(name) != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Logf("%s: after %s", name, time.Since(start))
	}
	for range 3 {
		for _, name := range []string{"a.b.openai.azure.com", "xn--80ak6aa92e.openai.azure.com", "a_b.example.org"} {
			start := time.Now()
			if _, err := e.get(name, a.Trust()); err == nil {
				t.Errorf("%s: a handshake", name)
			}
			t.Logf("%s: refused after %s", name, time.Since(start))
		}
	}
	if n := e.stat("downstream_cx_transport_socket_connect_timeout"); n != 0 {
		t.Errorf("%v refusals waited for the time-out", n)
	}
	if n := e.stat("on_demand_secret.cert_active"); n != 3 { // each spelling is one
		t.Errorf("Envoy holds %v names, refused ones among them", n)
	}
	// Envoy drops what it was refused, so a name that is governed later works.
	m.Use(a, names(t, "api.openai.com", "*.openai.azure.com", "a.b.openai.azure.com"))
	if _, err := e.get("a.b.openai.azure.com", a.Trust()); err != nil {
		t.Errorf("governed since: %v", err)
	}
	// Names that are not governed any more get nothing any more.
	m.Use(a, names(t, "api.openai.com", "one.openai.azure.com"))
	e.wait("Envoy forgets a name", func() bool { _, err := e.get("two.openai.azure.com", a.Trust()); return err != nil })

	if _, err := d.Rotate(Terms{Domains: domains}, Key{}, nil); err != nil {
		t.Fatal(err)
	}
	next, err := d.Activate()
	if err != nil {
		t.Fatal(err)
	}
	both, err := d.Trust()
	if err != nil {
		t.Fatal(err)
	}
	m.Use(next.Authority, m.Names())
	for _, name := range []string{"api.openai.com", "one.openai.azure.com"} {
		e.wait(name+" of the new authority", func() bool {
			c, err := e.get(name, both) // no handshake fails in between
			if err != nil {
				t.Fatalf("%s while the authority changed: %v", name, err)
			}
			return c.CheckSignatureFrom(next.Authority.cert) == nil
		})
	}
}

// TestEnvoyManyNames: 500 names at once.
func TestEnvoyManyNames(t *testing.T) {
	_, a := root(t)
	m := NewMinter(a, governed(t), MinterOptions{})
	e := newEdge(t, m, longTimeout)
	e.serve()
	e.start()
	start := time.Now()
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			name := fmt.Sprintf("n%d.example.org", i)
			// On a busy machine a handshake may be too late for Envoy: clients try again.
			e.wait(name, func() bool { _, err := e.get(name, a.Trust()); return err == nil })
		})
	}
	wg.Wait()
	t.Logf("500 names in %s; %v handshakes timed out; %+v", time.Since(start), e.stat("downstream_cx_transport_socket_connect_timeout"), m.Counts())
	if n := m.Counts().Minted; n != 501 { // and one for the chain with one name
		t.Errorf("%d leaves for 501 names", n)
	}
	if n := e.sds.Subscriptions(); n != 501 {
		t.Errorf("%d subscriptions", n)
	}
}

// TestEnvoyForgets: beyond the bound Envoy gives up the name that it asked for
// first, and gets it again when a client comes.
func TestEnvoyForgets(t *testing.T) {
	_, a := root(t)
	m := NewMinter(a, governed(t), MinterOptions{})
	e := newEdge(t, m, longTimeout)
	e.sds.most = 4 // of them one for the chain with one name
	e.serve()
	e.start()
	for range 2 {
		for i := range 8 {
			name := fmt.Sprintf("n%d.example.org", i)
			e.wait(name, func() bool { _, err := e.get(name, a.Trust()); return err == nil })
		}
	}
	e.wait("Envoy forgets", func() bool { return e.stat("on_demand_secret.cert_active") <= 4 })
	if n := e.sds.Subscriptions(); n > 4 {
		t.Errorf("%d subscriptions", n)
	}
	e.wait("the chain with one name", func() bool { _, err := e.get("api.openai.com", a.Trust()); return err == nil })
}

// TestEnvoyWithoutSDS: leaves that Envoy holds serve on, new names fail closed, and
// all works again once the SDS is back; whether it is away, hangs, or was down from
// the start.
func TestEnvoyWithoutSDS(t *testing.T) {
	_, a := root(t)
	fails := func(e *edge, name string) {
		t.Helper()
		if _, err := e.get(name, a.Trust()); err == nil {
			t.Errorf("%s: a handshake", name)
		}
	}
	comes := func(e *edge, name string) {
		t.Helper()
		e.wait(name, func() bool { _, err := e.get(name, a.Trust()); return err == nil })
	}
	t.Run("killed", func(t *testing.T) {
		m := NewMinter(a, governed(t), MinterOptions{})
		e := newEdge(t, m, shortTimeout)
		e.serve()
		e.start()
		comes(e, "one.openai.azure.com")
		comes(e, "api.openai.com")
		e.kill()
		for _, name := range []string{"one.openai.azure.com", "api.openai.com"} {
			if _, err := e.get(name, a.Trust()); err != nil {
				t.Errorf("%s, which Envoy holds: %v", name, err)
			}
		}
		fails(e, "two.openai.azure.com")
		e.serve()
		comes(e, "two.openai.azure.com")
		comes(e, "one.openai.azure.com")
	})
	t.Run("hung", func(t *testing.T) {
		b, g := gated(a)
		m := NewMinter(b, governed(t), MinterOptions{})
		e := newEdge(t, m, shortTimeout)
		e.serve()
		e.start()
		fails(e, "one.openai.azure.com")
		fails(e, "api.openai.com")
		close(g.open)
		comes(e, "one.openai.azure.com")
		comes(e, "api.openai.com")
	})
	t.Run("deaf", func(t *testing.T) {
		m := NewMinter(a, governed(t), MinterOptions{})
		e := newEdge(t, m, shortTimeout)
		// Somebody accepts and says nothing.
		l, err := net.Listen("unix", filepath.Join(e.dir, "sds"))
		if err != nil {
			t.Fatal(err)
		}
		e.start()
		fails(e, "one.openai.azure.com")
		fails(e, "api.openai.com")
		_ = l.Close()
		e.serve()
		comes(e, "one.openai.azure.com")
		comes(e, "api.openai.com")
	})
}
