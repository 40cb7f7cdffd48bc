package envoy_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/weaken"
)

// clientHeaders are what a client could send in the way of credentials and
// forgeries, by name and value.
var clientHeaders = []string{
	"Authorization", "Bearer app-secret", "X-Api-Key", "app-secret", "Api-Key", "app-secret", "X-Goog-Api-Key", "app-secret",
	"Cookie", "s=app-secret", "Proxy-Authorization", "Basic app-secret", "Ostiary-Key", "app-secret", "Ostiary-Application", "app-secret",
	"X-Ostiary-Pool", "forged", "X-Ostiary-Decision-Id", "forged", "x-OSTIARY-anything", "forged",
	"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https", "X-Forwarded-Client-Cert", "forged", "Forwarded", "for=203.0.113.9", "X-Real-Ip", "203.0.113.9",
	"X-Envoy-Retry-On", "5xx", "X-Envoy-Original-Path", "/forged", "X-Envoy-Upstream-Rq-Timeout-Ms", "1",
}

// TestKeysReachTheirPoolAlone: the pool's key goes to the pool, the
// application's to none that is not configured so, and nothing that a client
// forges arrives.
func TestKeysReachTheirPoolAlone(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, c := range []struct {
		pool string
		want map[string]string // of the credential headers, what the upstream must see; the rest absent
	}{
		{"cloud", map[string]string{"Authorization": "Bearer cloud-secret"}},
		{"based", map[string]string{"X-Api-Key": "based-secret"}},
		{"house", nil},
		{"client", map[string]string{"Authorization": "Bearer app-secret", "X-Api-Key": "app-secret", "Api-Key": "app-secret", "X-Goog-Api-Key": "app-secret"}},
	} {
		for name, client := range map[string]*http.Client{"h1": w.h1, "h2": w.h2} {
			w.run(t, c.pool+"/"+name, func(t *testing.T) {
				a := w.ask(client, "POST", "/v1/chat/completions", prompt(), append(slices.Clone(clientHeaders), "x-test", "allow-"+c.pool)...)
				if a.status != 200 {
					t.Fatalf("%d %s", a.status, a.body)
				}
				r, _ := w.pools[c.pool].request()
				for _, h := range []string{
					"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Cookie", "Proxy-Authorization", "Ostiary-Key", "Ostiary-Application",
					"X-Ostiary-Pool", "X-Ostiary-Anything", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Client-Cert", "Forwarded", "X-Real-Ip",
				} {
					if got, want := r.Header.Values(h), c.want[h]; len(got) > 1 || len(got) == 1 && got[0] != want || len(got) == 0 && want != "" {
						t.Errorf("%s: %d values, or not the right one", h, len(got))
					}
				}
				for h := range r.Header {
					if strings.HasPrefix(h, "X-Envoy-") || strings.HasPrefix(h, "X-Forwarded-") || h == "X-Request-Id" {
						t.Errorf("%s arrived", h)
					}
				}
				if got := r.Header.Values("X-Ostiary-Decision-Id"); len(got) != 1 || got[0] != "01TESTDECISION" {
					t.Errorf("decision id %q", got)
				}
				if a.header.Get("x-ostiary-pool") != "" || a.header.Get("alt-svc") != "" || a.header.Get("x-ostiary-decision-id") != "01TESTDECISION" {
					t.Errorf("the answer's headers: %v", a.header)
				}
				w.policy.mu.Lock()
				defer w.policy.mu.Unlock()
				for k := range w.policy.seen {
					if strings.HasPrefix(k, "x-ostiary-") || strings.HasPrefix(k, "x-envoy-") {
						t.Errorf("the policy server saw the client's %s", k)
					}
				}
				if got := w.policy.seen["authorization"]; len(got) != 1 || got[0] != "Bearer app-secret" {
					t.Error("the policy server must see the application's own credential, and no other")
				}
			})
		}
	}
	t.Run("control: credentials kept", func(t *testing.T) {
		w := newWorld(t)
		w.start(weaken.ApplicationCredentials(), weaken.ForgedHeaders())
		w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), append(slices.Clone(clientHeaders), "x-test", "allow-house")...)
		r, _ := w.pools["house"].request()
		for _, h := range []string{"Authorization", "X-Api-Key", "Cookie", "X-Ostiary-Pool", "X-Real-Ip"} {
			if r.Header.Get(h) == "" {
				t.Errorf("%s does not pass without the lock: the test proves nothing", h)
			}
		}
	})
}

// TestHostAndPathOfThePool: the pool's URL replaces what is before the
// dialect's own path, and the query stays.
func TestHostAndPathOfThePool(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, c := range []struct{ test, path, pool, want string }{
		{"allow-based", "/v1/chat/completions?a=b&c=%2F", "based", "/api/base/v1/chat/completions?a=b&c=%2F"},
		{"path-based", "/based/v1/chat/completions", "based", "/api/base/v1/chat/completions?api-version=1"},
		{"allow-house", "/v1/../v1/./chat//completions", "house", "/v1/chat/completions"},
		{"allow-house", "//v1/chat/completions", "house", "/v1/chat/completions"},
		{"allow-house", "/v1/%63hat/completions", "house", "/v1/chat/completions"},
	} {
		w.run(t, c.path, func(t *testing.T) {
			a := w.ask(w.h1, "POST", c.path, prompt(), "x-test", c.test)
			r, _ := w.pools[c.pool].request()
			if a.status != 200 || r.RequestURI != c.want {
				t.Errorf("%d, %s, want %s", a.status, r.RequestURI, c.want)
			}
			if host := strings.TrimPrefix(w.pools[c.pool].URL, "http://"); r.Host != host {
				t.Errorf("host %s, want %s", r.Host, host)
			}
		})
	}
	w.run(t, "absolute form", func(t *testing.T) {
		s, err := w.raw("GET http://evil.example/v1/models HTTP/1.1\r\nHost: other.example\r\nx-test: allow-house\r\nConnection: close\r\n\r\n", 5*time.Second)
		r, _ := w.pools["house"].request()
		if err != nil || !strings.HasPrefix(s, "HTTP/1.1 200") || r.RequestURI != "/v1/models" || r.Host != strings.TrimPrefix(w.pools["house"].URL, "http://") {
			t.Errorf("%v %s %s", err, r.RequestURI, r.Host)
		}
	})
	w.run(t, "a header with an underscore", func(t *testing.T) {
		a := w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), "x_api_key", "k", "x-test", "allow-house")
		r, _ := w.pools["house"].request()
		w.policy.mu.Lock()
		defer w.policy.mu.Unlock()
		//lint:ignore SA1008 the name is written as it is sent
		if a.status != 200 || len(r.Header["X_api_key"])+len(r.Header["x_api_key"]) != 0 || w.policy.seen["x_api_key"] != nil {
			t.Errorf("%d: the header is not dropped for everybody", a.status)
		}
	})
}

// TestMissingAndWithdrawnKeys: a pool without its key refuses, at once; a key
// that is changed is used without a restart.
func TestMissingAndWithdrawnKeys(t *testing.T) {
	w := newWorld(t)
	w.start()
	ask := func() answer { return w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-cloud") }
	until := func(what string, f func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !f(); {
			if time.Now().After(end) {
				t.Fatal("in vain waited for: ", what)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	key := func() string { r, _ := w.pools["cloud"].request(); return r.Header.Get("Authorization") }
	if a := ask(); a.status != 200 || key() != "Bearer cloud-secret" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.secrets.m.Store("cloud-key", "Bearer rotated")
	w.sds.Changed()
	until("the new key", func() bool { return ask().status == 200 && key() == "Bearer rotated" })

	for what, withdraw := range map[string]func(){
		"withdrawn":               func() { w.secrets.m.Delete("cloud-key") },
		"with a line break in it": func() { w.secrets.m.Store("cloud-key", "Bearer a\r\nx-evil: 1") },
	} {
		withdraw()
		w.sds.Changed()
		until(what, func() bool { return ask().status == 503 })
		before := w.sent()
		if a := ask(); a.status != 503 || !strings.Contains(a.body, "pool_unavailable") || w.sent() != before {
			t.Errorf("%s: %d %s, %d bytes sent", what, a.status, a.body, w.sent()-before)
		}
		w.secrets.m.Store("cloud-key", "Bearer back")
		w.sds.Changed()
		until("the key is back", func() bool { return ask().status == 200 && key() == "Bearer back" })
	}
	before := w.pools["keyless"].bytes.Load()
	if a := w.ask(w.h1, "POST", "/v1/messages", prompt(), "x-test", "allow-keyless", "Authorization", "Bearer app"); a.status != 503 || !strings.Contains(a.body, `"type":"error"`) || w.pools["keyless"].bytes.Load() != before {
		t.Errorf("a key that never was: %d %s", a.status, a.body)
	}
	// The policy server restarts: what Envoy holds stays, what changes comes.
	w.server.Stop()
	w.servePolicy()
	w.secrets.m.Store("cloud-key", "Bearer after-restart")
	w.sds.Changed()
	until("the key after a restart", func() bool { return ask().status == 200 && key() == "Bearer after-restart" })
}

// TestNoKeysBeforeTheServerIsThere: Envoy starts before its policy server.
func TestNoKeysBeforeTheServerIsThere(t *testing.T) {
	w := newWorld(t)
	w.server.Stop()
	begin := time.Now()
	w.start()
	t.Logf("served after %s without SDS", time.Since(begin).Round(10*time.Millisecond))
	if a := w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-cloud"); a.status != 503 || w.sent() != 0 {
		t.Errorf("%d, %d bytes sent", a.status, w.sent())
	}
}

func TestTrailersAreStripped(t *testing.T) {
	ask := func(w *world, client *http.Client) http.Header {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+w.spec.Listen+"/v1/chat/completions", struct{ io.Reader }{prompt()})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("x-test", "allow-tls")
		r.Trailer = http.Header{"X-Hidden": {marker}}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		u := w.pools["tls"] // speaks HTTP/2, which carries trailers
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.trail
	}
	w := newWorld(t)
	w.start()
	for name, c := range map[string]*http.Client{"h1": w.h1, "h2": w.h2} {
		if got := ask(w, c); got.Get("X-Hidden") != "" {
			t.Errorf("%s: a trailer arrived uninspected", name)
		}
	}
	weak := newWorld(t)
	weak.start(weaken.Trailers())
	if got := ask(weak, weak.h2); got.Get("X-Hidden") == "" {
		t.Error("control: no trailer passes without the lock: the test proves nothing")
	}
}

// TestTunnelsAreRefused: WebSocket and CONNECT end at once, with a body.
func TestTunnelsAreRefused(t *testing.T) {
	w := newWorld(t)
	w.start()
	socket := "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	for name, request := range map[string]string{
		"WebSocket":           "GET /v1/realtime HTTP/1.1\r\nHost: a\r\n" + socket + "x-test: allow-cloud\r\n\r\n",
		"WebSocket in a POST": "POST /v1/realtime HTTP/1.1\r\nHost: a\r\n" + socket + "x-test: allow-cloud\r\nContent-Length: 2\r\n\r\nhi",
		"CONNECT":             "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\nx-test: allow-cloud\r\n\r\n",
		"other upgrade":       "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tls/1.0\r\nx-test: allow-cloud\r\n\r\n",
	} {
		w.run(t, name, func(t *testing.T) {
			begin := time.Now()
			got, err := w.raw(request, 10*time.Second)
			if err != nil || !strings.HasPrefix(got, "HTTP/1.1 403") || !strings.Contains(got, "upgrade_not_supported") {
				t.Errorf("%v: %s", err, got)
			}
			if time.Since(begin) > 5*time.Second || w.sent() != 0 {
				t.Errorf("after %s, %d bytes sent", time.Since(begin), w.sent())
			}
		})
	}
}

// TestHTTP2GetWithABody: the head of the request says that there is none, and
// yet there is. The verdict on the headers may not let it through unseen.
func TestHTTP2GetWithABody(t *testing.T) {
	w := newWorld(t)
	w.start()
	a := w.ask(w.h2, "GET", "/v1/models", struct{ io.Reader }{strings.NewReader(marker)}, "x-test", "allow-house")
	e := w.entry()
	if a.status != 200 || e.Phase != "body" || e.BodyCalls != 1 {
		t.Errorf("%d %+v", a.status, e)
	}
}

// TestThroughACorporateProxy: the name goes to the proxy unresolved; TLS runs
// through the tunnel to the named host.
func TestThroughACorporateProxy(t *testing.T) {
	w := newWorld(t)
	asked := make(chan string, 10)
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = proxy.Close() }()
	go serveConnect(proxy, w.pools["tls"].Listener.Addr().String(), asked)
	w.spec.Upstreams = append(w.spec.Upstreams, envoy.Upstream{Name: "proxied", URL: "https://models.example:8443", Proxy: "http://" + proxy.Addr().String()})
	w.start()
	a := w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-proxied")
	if a.status != 200 || !strings.Contains(a.body, `"tls"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	select {
	case line := <-asked:
		if line != "CONNECT models.example:8443 HTTP/1.1" {
			t.Errorf("the proxy was asked %q", line)
		}
	default:
		t.Error("the proxy was not asked")
	}
	if r, _ := w.pools["tls"].request(); r.Host != "models.example:8443" {
		t.Errorf("host %s", r.Host)
	}
}

// serveConnect answers CONNECT by a tunnel to one place, whatever is asked for.
func serveConnect(l net.Listener, to string, asked chan<- string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			var head bytes.Buffer
			one := make([]byte, 1)
			for !bytes.HasSuffix(head.Bytes(), []byte("\r\n\r\n")) {
				if _, err := c.Read(one); err != nil {
					return
				}
				head.Write(one)
			}
			line, _, _ := strings.Cut(head.String(), "\r\n")
			asked <- line
			up, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer func() { _ = up.Close() }()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			go func() { _, _ = io.Copy(up, c) }()
			_, _ = io.Copy(c, up)
		}()
	}
}
