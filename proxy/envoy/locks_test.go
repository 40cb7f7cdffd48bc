package envoy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/weaken"
)

// TestOrdinaryTraffic: with all locks, what is allowed arrives, where the
// verdict says.
func TestOrdinaryTraffic(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, c := range []struct {
		name, method, test, served string
		client                     *http.Client
		body                       io.Reader
	}{
		{"HTTP/1 to the cloud", "POST", "allow-cloud", "cloud", w.h1, prompt()},
		{"HTTP/1 in-house", "POST", "allow-house", "house", w.h1, prompt()},
		{"HTTP/2", "POST", "allow-cloud", "cloud", w.h2, prompt()},
		{"chunked", "POST", "allow-house", "house", w.h1, struct{ io.Reader }{prompt()}},
		{"GET", "GET", "allow-house", "house", w.h1, nil},
		{"GET over HTTP/2", "GET", "allow-cloud", "cloud", w.h2, nil},
		{"DELETE", "DELETE", "allow-cloud", "cloud", w.h1, nil},
		{"TLS upstream", "POST", "allow-tls", "tls", w.h1, prompt()},
	} {
		w.run(t, c.name, func(t *testing.T) {
			a := w.ask(c.client, c.method, "/v1/chat/completions", c.body, "x-test", c.test)
			if a.status != 200 || !strings.Contains(a.body, `"served_by":"`+c.served+`"`) {
				t.Fatalf("%d %s", a.status, a.body)
			}
			_, got := w.pools[c.served].request()
			if c.body != nil && !strings.Contains(got, marker) {
				t.Error("the body did not arrive")
			}
			e := w.entry()
			if e.Ungoverned() != "" {
				t.Errorf("called ungoverned: %s", e.Ungoverned())
			}
			if e.DecisionID != "01TESTDECISION" || e.Decision != "allow" || e.Pool != c.served || e.Cluster != envoy.ClusterOf(c.served) ||
				e.Route != envoy.RouteOf(c.served) || !e.Sent() || e.Attempts != 1 || e.SentBytes == 0 || e.GotBytes == 0 || e.Code != 200 || e.Tx == 0 || e.FailedOpen {
				t.Errorf("entry %+v", e)
			}
			if c.body != nil && (e.Rx == 0 || e.BodyCalls != 1 || e.Phase != "body") {
				t.Errorf("entry of a body: %+v", e)
			}
		})
	}
	w.policy.mu.Lock()
	defer w.policy.mu.Unlock()
	if len(w.policy.pools) != 1 || w.policy.pools[0] != "digest-1" {
		t.Errorf("the policy server was told pools %v", w.policy.pools)
	}
}

// row is one fault of the policy server. Under each of the controls it leaks,
// which shows that the row can see a leak; with all locks it does not.
type row struct {
	test     string
	status   int
	controls map[string][]weaken.Weakening
}

func openRoute(more ...weaken.Weakening) []weaken.Weakening {
	return append([]weaken.Weakening{weaken.OpenRoute("cloud")}, more...)
}

func faultRows() []row {
	bare := map[string][]weaken.Weakening{"no locks": openRoute(weaken.NoRBAC())}
	return []row{
		{"close at headers", 503, bare},
		{"close after headers", 503, bare},
		{"close at body", 503, bare},
		{"no metadata", 503, bare},
		{"unknown pool", 503, map[string][]weaken.Weakening{"open route": openRoute()}},
		{"no pool", 503, map[string][]weaken.Weakening{"open route": openRoute()}},
		{"no decision", 503, map[string][]weaken.Weakening{"no RBAC": {weaken.NoRBAC()}}},
		{"deny with pool", 503, map[string][]weaken.Weakening{"no RBAC": {weaken.NoRBAC()}}},
		{"no phase", 503, map[string][]weaken.Weakening{"no RBAC": {weaken.NoRBAC()}, "no phase": {weaken.NoPhase()}}},
		{"phase headers", 503, map[string][]weaken.Weakening{"no phase": {weaken.NoPhase()}}},
		{"no cleared route", 503, map[string][]weaken.Weakening{"open route": openRoute()}},
		{"no mutation", 503, map[string][]weaken.Weakening{"open route": openRoute()}},
		{"early verdict, then close", 503, map[string][]weaken.Weakening{"no phase": {weaken.NoPhase()}}},
		{"early verdict, then continue", 503, map[string][]weaken.Weakening{"no phase": {weaken.NoPhase()}}},
		{"early verdict, continue and replace", 503, map[string][]weaken.Weakening{"no phase": {weaken.NoPhase()}}},
		{"own inspection off", 200, nil},
		{"error at body", 503, map[string][]weaken.Weakening{"failing open": openRoute(weaken.NoRBAC(), weaken.FailOpen())}},
		{"wrong kind", 503, map[string][]weaken.Weakening{"failing open": openRoute(weaken.NoRBAC(), weaken.FailOpen())}},
		{"authority", 503, map[string][]weaken.Weakening{"quiet mutations": {weaken.QuietMutations()}}},
		{"x-envoy", 503, map[string][]weaken.Weakening{"quiet mutations": {weaken.QuietMutations()}}},
		{"deny", 403, nil},
		{"deny-503", 503, nil},
	}
}

// TestLocks: no fault of the policy server lets a byte out.
func TestLocks(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, r := range faultRows() {
		for _, form := range []struct {
			name   string
			client *http.Client
			body   func() io.Reader
		}{
			{"h1", w.h1, prompt},
			{"chunked", w.h1, func() io.Reader { return struct{ io.Reader }{prompt()} }},
			{"h2", w.h2, prompt},
		} {
			w.run(t, r.test+"/"+form.name, func(t *testing.T) {
				before := w.sent()
				a := w.ask(form.client, "POST", "/v1/chat/completions", form.body(), "x-test", r.test)
				e := w.entry()
				if a.status != r.status {
					t.Errorf("status %d, want %d: %s", a.status, r.status, a.body)
				}
				if r.test == "own inspection off" {
					// The override is not on the list: the body is inspected all the same.
					if e.BodyCalls != 1 {
						t.Errorf("the server switched its own inspection off: %+v", e)
					}
					return
				}
				if n := w.sent() - before; n != 0 {
					t.Errorf("upstreams got %d bytes", n)
				}
				if e.Sent() || e.Attempts != 0 || e.SentBytes != 0 {
					t.Errorf("Envoy's own log says it was sent: %+v", e)
				}
				switch {
				case strings.HasPrefix(r.test, "deny"):
					if r.test != "deny with pool" && e.Details != "ostiary_denied" {
						t.Errorf("details %q", e.Details)
					}
					if r.test == "deny" && a.body != `{"error":{"code":"data_policy_denied"}}` || r.test == "deny-503" && a.body != `{"error":{"code":"audit_unavailable"}}` {
						t.Errorf("the server's own answer was changed: %s", a.body)
					}
				default:
					if !strings.Contains(a.body, `"code":"no_verdict"`) || a.header.Get("retry-after") == "" {
						t.Errorf("body %s, header %v (details %s)", a.body, a.header, e.Details)
					}
				}
			})
		}
	}
}

// TestEachLockIsNeeded is the positive control of TestLocks: under the named
// weakening the same fault leaks, and the access log shows it wherever the
// verdict was not an allow.
func TestEachLockIsNeeded(t *testing.T) {
	type control struct {
		ws   []weaken.Weakening
		rows []string
	}
	controls := map[string]*control{}
	for _, r := range faultRows() {
		for name, ws := range r.controls {
			if controls[name] == nil {
				controls[name] = &control{ws: ws}
			}
			controls[name].rows = append(controls[name].rows, r.test)
		}
	}
	for name, c := range controls {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.start(c.ws...)
			for _, test := range c.rows {
				before := w.sent()
				a := w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), "x-test", test)
				w.entry()
				if w.sent() == before || a.status != 200 {
					t.Errorf("%s does not leak without the lock (status %d): the row proves nothing", test, a.status)
				}
			}
		})
	}
	t.Run("any override", func(t *testing.T) {
		w := newWorld(t)
		w.start(weaken.AnyOverride(), weaken.NoPhase())
		a := w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "own inspection off")
		if e := w.entry(); a.status != 200 || e.BodyCalls != 0 || e.Ungoverned() != "uninspected_body" {
			t.Errorf("status %d, %+v", a.status, e)
		}
	})
	t.Run("the log names an ungoverned send", func(t *testing.T) {
		w := newWorld(t)
		w.start(openRoute(weaken.NoRBAC())...)
		w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "close at headers")
		if e := w.entry(); e.Ungoverned() != "ungoverned_send" {
			t.Errorf("%q: %+v", e.Ungoverned(), e)
		}
	})
}

// TestLocksHoldWhereTheFilterDoesNotRun: a configuration that somebody spoiled
// refuses everything.
func TestLocksHoldWhereTheFilterDoesNotRun(t *testing.T) {
	for name, ws := range map[string][]weaken.Weakening{
		"filter removed":        {weaken.NoExtProc()},
		"disabled per route":    {weaken.DisabledOnRoutes()},
		"no body":               {weaken.BodyNone()},
		"failing open":          {weaken.FailOpen()},
		"failing open on route": {weaken.FailOpenOnRoutes()},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.start(ws...)
			for _, test := range []string{"allow-cloud", "close at headers", "error at body"} {
				if strings.HasPrefix(name, "failing") && test == "allow-cloud" {
					continue // that is as it should be
				}
				before := w.sent()
				a := w.ask(w.h1, "POST", "/v1/chat/completions", prompt(), "x-test", test)
				if a.status != 503 || w.sent() != before {
					t.Errorf("%s: status %d, %d bytes sent", test, a.status, w.sent()-before)
				}
			}
		})
	}
	t.Run("policy server gone", func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.server.Stop()
		a := w.ask(w.h1, "POST", "/v1/messages", prompt(), "x-test", "allow-cloud")
		if a.status != 503 || w.sent() != 0 || !strings.Contains(a.body, "no_verdict") {
			t.Errorf("%d %s, %d bytes sent", a.status, a.body, w.sent())
		}
		w.servePolicy()
		deadline := time.Now().Add(10 * time.Second)
		for {
			if a = w.ask(w.h1, "POST", "/v1/messages", prompt(), "x-test", "allow-cloud"); a.status == 200 || time.Now().After(deadline) {
				break
			}
		}
		if a.status != 200 {
			t.Errorf("after the server came back: %d %s", a.status, a.body)
		}
	})
}

// TestBodyLimit: 413 exactly above the limit, on every protocol.
func TestBodyLimit(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, form := range []struct {
		name   string
		client *http.Client
		wrap   func(io.Reader) io.Reader
	}{
		{"h1", w.h1, func(r io.Reader) io.Reader { return r }},
		{"chunked", w.h1, func(r io.Reader) io.Reader { return struct{ io.Reader }{r} }},
		{"h2", w.h2, func(r io.Reader) io.Reader { return r }},
		{"h2 without a length", w.h2, func(r io.Reader) io.Reader { return struct{ io.Reader }{r} }},
	} {
		w.run(t, form.name, func(t *testing.T) {
			a := w.ask(form.client, "POST", "/v1/chat/completions", form.wrap(strings.NewReader(strings.Repeat("a", bodyLimit))), "x-test", "allow-house")
			w.entry()
			if a.status != 200 {
				t.Fatalf("at the limit: %d %s", a.status, a.body)
			}
			if _, got := w.pools["house"].request(); len(got) != bodyLimit {
				t.Errorf("%d of %d bytes arrived", len(got), bodyLimit)
			}
			before := w.sent()
			a, err := w.try(form.client, "POST", "/v1/chat/completions", form.wrap(strings.NewReader(strings.Repeat("a", bodyLimit+1))), "x-test", "allow-house")
			e := w.entry()
			if err == nil && (a.status != 413 || !strings.Contains(a.body, `"code":"request_too_large"`) || !strings.Contains(a.body, "262144 bytes")) {
				t.Errorf("above the limit: %d %s", a.status, a.body)
			}
			if e.Code != 413 || e.Details != "request_payload_too_large" || e.Sent() || w.sent() != before {
				t.Errorf("above the limit: %v, %+v, %d bytes sent", err, e, w.sent()-before)
			}
		})
	}
	t.Run("control: unequal limits", func(t *testing.T) {
		w := newWorld(t)
		w.start(weaken.UnequalLimits())
		a := w.ask(w.h2, "POST", "/v1/chat/completions", strings.NewReader(strings.Repeat("a", bodyLimit+1)), "x-test", "allow-house")
		if a.status != 200 {
			t.Errorf("%d: the window is not what bounds an HTTP/2 body", a.status)
		}
	})
}

// TestRefusalsHaveTheShapeOfTheirAPI.
func TestRefusalsHaveTheShapeOfTheirAPI(t *testing.T) {
	w := newWorld(t)
	w.start()
	paths := map[string]string{
		"/v1/chat/completions": "openai", "/v1/messages": "anthropic", "/openrouter/v1/messages": "anthropic", "/v1/messages/count_tokens?x=1": "anthropic",
		"/v1/embeddings?next=/messages": "openai", "/v1/messagesx": "openai",
	}
	for path, api := range paths {
		a := w.ask(w.h1, "POST", path, prompt(), "x-test", "no metadata")
		w.entry()
		want := `{"error":{"code":"no_verdict",`
		if api == "anthropic" {
			want = `{"error":{"code":"no_verdict","message":`
		}
		isAnthropic := strings.HasSuffix(strings.TrimSpace(a.body), `"type":"error"}`)
		if a.status != 503 || !strings.HasPrefix(a.body, want) || isAnthropic != (api == "anthropic") || a.header.Get("content-type") != "application/json" {
			t.Errorf("%s: %d %s %v", path, a.status, a.body, a.header)
		}
	}
	for _, c := range []struct {
		name, test, method, path string
		header                   []string
		status                   int
		code, retry, again       string
	}{
		{"upstream down", "allow-down", "POST", "/v1/chat/completions", nil, 503, "upstream_unavailable", "1", ""},
		{"wrong certificate", "allow-badtls", "POST", "/v1/chat/completions", nil, 503, "upstream_unavailable", "1", ""},
		{"key missing", "allow-keyless", "POST", "/v1/chat/completions", nil, 503, "pool_unavailable", "1", ""},
		{"escaped slash", "allow-cloud", "POST", "/v1%2fchat", nil, 400, "bad_request", "", "false"},
	} {
		w.run(t, c.name, func(t *testing.T) {
			before := w.sent()
			a := w.ask(w.h1, c.method, c.path, prompt(), append(c.header, "x-test", c.test)...)
			e := w.entry()
			if a.status != c.status || !strings.Contains(a.body, fmt.Sprintf(`"code":%q`, c.code)) ||
				a.header.Get("retry-after") != c.retry || a.header.Get("x-should-retry") != c.again {
				t.Errorf("%d %s %v\ndetails %s", a.status, a.body, a.header, e.Details)
			}
			if c.name != "wrong certificate" && w.sent() != before {
				t.Errorf("%d bytes sent", w.sent()-before)
			}
		})
	}
}

// TestWhatIsNoHTTPEndsWithoutAnAnswer: what Envoy's codec refuses resets its
// stream while the answer waits for the policy server, so the client gets a
// closed connection; nothing is sent and the log says why.
func TestWhatIsNoHTTPEndsWithoutAnAnswer(t *testing.T) {
	w := newWorld(t)
	w.start()
	for name, c := range map[string]struct {
		request, details string
		code             int
	}{
		"length and chunks": {"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nx-test: allow-cloud\r\n\r\n0\r\n\r\n", "http1.content_length_and_chunked_not_allowed", 400},
		"large headers":     {"GET / HTTP/1.1\r\nHost: a\r\nx-test: allow-cloud\r\nx-large: " + strings.Repeat("a", 61<<10) + "\r\n\r\n", "http1.headers_too_large", 431},
		"garbage":           {"POST\r\n\r\n" + marker, "http1.codec_error", 400},
	} {
		w.run(t, name, func(t *testing.T) {
			begin := time.Now()
			if got, err := w.raw(c.request, 10*time.Second); err == nil {
				t.Errorf("an answer after all, which is better than this test says: %s", got)
			}
			e := w.entry()
			if time.Since(begin) > 5*time.Second || w.sent() != 0 || e.Sent() || e.Code != c.code || e.Details != c.details {
				t.Errorf("after %s, %d bytes sent, %+v", time.Since(begin), w.sent(), e)
			}
		})
	}
	w.run(t, "HTTP/1.0", func(t *testing.T) {
		got, err := w.raw("GET /v1/models HTTP/1.0\r\nHost: a\r\nx-test: allow-house\r\n\r\n", 5*time.Second)
		if err != nil || !strings.Contains(got, " 200 ") {
			t.Errorf("%v %s", err, got)
		}
	})
}
