package envoy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/intercept"
	"google.golang.org/grpc"
)

// way is how a client of an intercepting world comes.
type way struct {
	name string
	dial func(ctx context.Context, target string) (net.Conn, error)
}

// intercepting is a world whose Envoy intercepts, with the names vendor.example and
// *.cloud.example governed, passed.example passed and paste.example refused.
type intercepting struct {
	*world
	trust *x509.CertPool
	ways  []way
	leafs *grpc.Server
}

func newIntercepting(t *testing.T) *intercepting {
	t.Helper()
	w := &intercepting{world: newWorld(t)}
	d := intercept.Open(filepath.Join(t.TempDir(), "ca"))
	if _, err := d.Create(intercept.Terms{Domains: []string{"vendor.example", "cloud.example"}}, intercept.Key{}, nil); err != nil {
		t.Fatal(err)
	}
	a, err := d.Authority()
	if err != nil {
		t.Fatal(err)
	}
	names, err := intercept.ParseNames([]string{"api.vendor.example", "*.cloud.example"})
	if err != nil {
		t.Fatal(err)
	}
	w.trust = x509.NewCertPool()
	for _, c := range a.Trust() {
		w.trust.AddCert(c)
	}
	socket := filepath.Join(w.dir, "s.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	w.leafs = grpc.NewServer(intercept.ServerOptions()...)
	intercept.NewSDS(intercept.NewMinter(a, names, intercept.MinterOptions{}), nil).Register(w.leafs)
	go func() { _ = w.leafs.Serve(l) }()
	t.Cleanup(w.leafs.Stop)
	forward, redirect := freePort(t), freePort(t)
	w.spec.Intercept = &envoy.Interception{
		Proxy: []string{forward}, Redirect: []string{redirect}, SDS: socket, Own: true,
		Matches: []envoy.HostMatch{
			{Expr: `api\.vendor\.example`, Chain: envoy.Governed}, {Expr: `[a-z0-9-]+\.cloud\.example`, Chain: envoy.Governed},
			{Expr: `paste\.example`, Chain: envoy.Refused + "rule"}, {Expr: `localhost|[a-z.]+\.localhost`, Chain: envoy.Passed},
		},
	}
	w.ways = []way{
		{proxy.WayProxy, func(ctx context.Context, target string) (net.Conn, error) {
			c, status, err := connect(ctx, forward, target, "1.1", "Proxy-Authorization: Basic YXBwOmtleQ==")
			if err == nil && status != 200 {
				return nil, fmt.Errorf("CONNECT: %d", status)
			}
			return c, err
		}},
		{proxy.WayRedirect, func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", redirect)
		}},
	}
	w.start()
	return w
}

// connect asks a proxy for a tunnel and gives it with the answer's status.
func connect(ctx context.Context, at, target, version, header string) (net.Conn, int, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, 0, err
	}
	if header != "" {
		header += "\r\n"
	}
	host := "Host: " + target + "\r\n"
	if version == "1.0" {
		host = ""
	}
	if _, err := fmt.Fprintf(c, "CONNECT %s HTTP/%s\r\n%s%s\r\n", target, version, host, header); err != nil {
		return nil, 0, err
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if _, err := c.Read(b); err != nil {
			_ = c.Close()
			return nil, 0, err
		}
		head = append(head, b[0])
	}
	_ = c.SetReadDeadline(time.Time{})
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: "CONNECT"})
	if err != nil {
		return nil, 0, err
	}
	return c, r.StatusCode, nil
}

// client speaks to a name through a way, with a name of its own in the handshake.
func (w *intercepting) client(by way, sni string, h2 bool) *http.Client {
	tr := &http.Transport{ForceAttemptHTTP2: h2, TLSClientConfig: &tls.Config{RootCAs: w.trust, ServerName: sni}}
	tr.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return by.dial(ctx, addr) }
	w.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Timeout: 20 * time.Second, Transport: tr}
}

func (w *intercepting) post(c *http.Client, host, does string) (answer, error) {
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", "https://"+host+"/v1/chat/completions", prompt())
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("x-test", does)
	r.Header.Set("proxy-authorization", "Basic forged")
	resp, err := c.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(got)}, err
}

func TestIntercepted(t *testing.T) {
	w := newIntercepting(t)
	for _, by := range w.ways {
		for _, h2 := range []bool{false, true} {
			w.run(t, fmt.Sprintf("%s h2=%v", by.name, h2), func(t *testing.T) {
				for _, host := range []string{"api.vendor.example", "eu-1.cloud.example"} {
					before := w.sent()
					a, err := w.post(w.client(by, "", h2), host, "allow-house")
					if err != nil || a.status != 200 {
						t.Fatalf("%s: %v %+v", host, err, a)
					}
					if w.sent() == before {
						t.Error("nothing reached the pool")
					}
					got, _ := w.pools["house"].request()
					if got.Header.Get("proxy-authorization") != "" {
						t.Error("the proxy's credentials reached the pool")
					}
					w.policy.mu.Lock()
					seen, came, peer := w.policy.seen["proxy-authorization"], w.policy.way, w.policy.peer
					w.policy.mu.Unlock()
					want := "[Basic YXBwOmtleQ==]"
					if by.name == proxy.WayRedirect {
						want = "[Basic forged]"
					}
					if fmt.Sprint(seen) != want {
						t.Errorf("the policy server sees proxy-authorization %q, want %s", seen, want)
					}
					if fmt.Sprint(came) != "["+by.name+"]" || !strings.HasPrefix(peer, "127.0.0.1:") {
						t.Errorf("the policy server sees the way %v and the peer %q", came, peer)
					}
				}
				before := w.sent()
				a, err := w.post(w.client(by, "", h2), "api.vendor.example", "close after headers")
				if err != nil || a.status != 503 || w.sent() != before {
					t.Errorf("without a verdict: %v %+v", err, a)
				}
				for _, name := range []string{"paste.example", "unknown.example", "vendor.example", "a.b.cloud.example"} {
					if a, err := w.post(w.client(by, name, h2), "api.vendor.example", "allow-house"); err == nil {
						t.Errorf("a handshake for %s is answered: %+v", name, a)
					}
				}
				if w.sent() != before {
					t.Error("bytes reached a pool")
				}
			})
		}
	}
}

// TestNoWayRound: what is not TLS, has no name or is not for port 443 goes nowhere.
func TestNoWayRound(t *testing.T) {
	w := newIntercepting(t)
	before := w.sent()
	forward, redirect := w.spec.Intercept.Proxy[0], w.spec.Intercept.Redirect[0]
	for _, tt := range []struct {
		target, version string
		status          int
	}{
		{"api.vendor.example:443", "1.1", 200}, {"api.vendor.example:443", "1.0", 200}, {"API.VENDOR.example.:443", "1.1", 200},
		{"api.vendor.example:8443", "1.1", 403}, {"api.vendor.example:80", "1.1", 403}, {"127.0.0.1:443", "1.1", 403}, {"[::1]:443", "1.1", 403},
		{"paste.example:443", "1.1", 403}, {"unknown.example:443", "1.1", 403}, {"api.vendor.example", "1.1", 400},
	} {
		c, status, err := connect(t.Context(), forward, tt.target, tt.version, "")
		if err != nil || status != tt.status {
			t.Errorf("CONNECT %s HTTP/%s: %v %d, want %d", tt.target, tt.version, err, status, tt.status)
		}
		if c != nil {
			_ = c.Close()
		}
	}
	// Inside a tunnel, and where a connection was redirected.
	inside := func(at, bytes string) string {
		c, err := net.Dial("tcp", at)
		if at == forward {
			var status int
			if c, status, err = connect(t.Context(), forward, "api.vendor.example:443", "1.1", ""); status != 200 {
				t.Fatal(status)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, bytes)
		got, err := io.ReadAll(c)
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Errorf("%q is not closed", bytes)
		}
		return string(got)
	}
	plain := "POST /v1/chat/completions HTTP/1.1\r\nHost: api.vendor.example\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
	if got := inside(forward, plain); got != "" {
		t.Errorf("plain text in a tunnel is answered: %s", got)
	}
	if got := inside(redirect, plain); !strings.HasPrefix(got, "HTTP/1.1 403") || !strings.Contains(got, "https only") {
		t.Errorf("a governed name without TLS: %s", got)
	}
	if got := inside(redirect, "SSH-2.0-x\r\n"); got != "" {
		t.Errorf("no HTTP: %s", got)
	}
	for _, by := range w.ways {
		c, err := by.dial(t.Context(), "api.vendor.example:443")
		if err != nil {
			t.Fatal(err)
		}
		tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) // no name
		if err := tc.HandshakeContext(t.Context()); err == nil {
			t.Error("a handshake without a name is answered")
		}
		_ = c.Close()
	}
	if w.sent() != before {
		t.Error("bytes reached a pool")
	}
}

// TestPassed: the explicit proxy takes names that pass to ports 443 and 80 and no
// further, and never a path that looks like a model API's. That bytes arrive
// is seen with real clients in a network of their own (cmd/ostiary).
func TestPassed(t *testing.T) {
	w := newIntercepting(t)
	forward := w.spec.Intercept.Proxy[0]
	// The names pass to ports 443 and 80 only; that nothing listens there is an
	// error of the upstream's, not a refusal.
	c, status, err := connect(t.Context(), forward, "localhost:443", "1.1", "")
	if err != nil || status != 200 {
		t.Fatal(err, status)
	}
	_ = c.Close()
	to, _ := url.Parse("http://" + forward)
	h := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{Proxy: http.ProxyURL(to), DisableKeepAlives: true}}
	for path, want := range map[string]int{"/": 503, "/v1/chat/completions": 403, "/api/generate?x=1": 403} {
		r, err := h.Post("http://localhost"+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
}
