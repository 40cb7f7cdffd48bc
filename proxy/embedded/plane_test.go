package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
	"github.com/ostiary/ostiary/proxy/standin"
)

// patience bounds what a test waits for. Nothing waits that long.
const patience = 20 * time.Second

const chat = "/v1/chat/completions"

// site is a plane that serves, its house, and a model server behind every pool.
type site struct {
	house  *rooms.House
	engine *proxy.Engine
	plane  *embedded.Plane
	addr   string
	pools  map[string]embedded.Upstream
	model  *standin.Server
	wire   *standin.Listener
}

// option changes a site before it serves.
type option func(*site, *embedded.Options)

func open(t *testing.T, model standin.Options, options ...option) *site {
	t.Helper()
	model.Keep = 1000
	s := &site{house: rooms.New(), model: standin.New(model)}
	s.wire = standin.Count(listen(t))
	up := &http.Server{Handler: s.model}
	go func() { _ = up.Serve(s.wire) }() // ends with Close
	base := &url.URL{Scheme: "http", Host: s.wire.Addr().String()}
	s.pools = map[string]embedded.Upstream{
		"openai": {URL: base, Header: "authorization", Value: "Bearer provider-key"},
		"claude": {URL: base},
		"house":  {URL: base},
	}
	s.engine = s.house.Engine(proxy.Limits{Body: 1 << 20})
	o := embedded.Options{Engine: s.engine, BodyLimit: 1 << 20, Upstreams: func(p string) (embedded.Upstream, bool) { u, ok := s.pools[p]; return u, ok }}
	for _, f := range options {
		f(s, &o)
	}
	s.plane = embedded.New(o)
	l := listen(t)
	s.addr = l.Addr().String()
	go func() { _ = s.plane.Serve(l) }() // ends with Close
	t.Cleanup(func() { s.house.Unhang(); _ = s.plane.Close(); _ = up.Close() })
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client speaks one version of HTTP to the plane.
func client(version int) *http.Client {
	var p http.Protocols
	p.SetHTTP1(version == 1)
	p.SetUnencryptedHTTP2(version == 2)
	return &http.Client{Timeout: patience, Transport: &http.Transport{Protocols: &p, DisableCompression: true}}
}

// ask sends one request and reads the whole answer.
func (s *site) ask(t *testing.T, c *http.Client, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// raw sends bytes as they are and reads what comes until the end, or patience.
func (s *site) raw(t *testing.T, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c) // a reset is an end too
	return string(b)
}

func code(body string) string {
	var b struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(body), &b)
	return b.Error.Code
}

// account waits until the engine has settled, and gives what was recorded.
func (s *site) account(t *testing.T) (decisions, outcomes []*proxy.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = s.plane.Shutdown(ctx) // handlers are done
	if n := s.engine.Pending(); n != 0 {
		t.Errorf("%d outcomes are still awaited", n)
	}
	if err := s.engine.Close(ctx); err != nil {
		t.Fatal(err)
	}
	decisions, outcomes = s.house.Events(proxy.EventDecision), s.house.Events(proxy.EventOutcome)
	if len(decisions) != len(outcomes) {
		t.Errorf("%d decisions and %d outcomes", len(decisions), len(outcomes))
	}
	ids := map[string]int{}
	for _, d := range decisions {
		ids[d.ID]++
	}
	for _, o := range outcomes {
		ids[o.DecisionID]++
	}
	for _, n := range ids {
		if n != 2 {
			t.Error("a decision without exactly one outcome")
		}
	}
	return decisions, outcomes
}

// TestRefused is what never reaches a pool: status, code, and how it is recorded.
func TestRefused(t *testing.T) {
	post := func(target, headers, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", target, headers, len(body), body)
	}
	for _, tt := range []struct {
		name, request string
		status, code  string
		recorded      string // code of the decision; empty for what net/http refuses by itself
	}{
		{"policy", post(chat, "", "please-deny"), "403", "data_policy_denied", "data_policy_denied"},
		{"policy, in the other dialect", post("/v1/messages", "", "please-deny"), "403", "data_policy_denied", "data_policy_denied"},
		{"unreadable", post(chat, "", "please-break"), "400", "request_malformed", "request_malformed"},
		{"not recorded", post(chat, "", "please-lose"), "503", "audit_unavailable", ""},
		{"a detector panics", post(chat, "", "please-panic"), "500", "internal_error", "internal_error"},
		{"unknown path", post("/v1/other", "", "x"), "403", "no_capable_pool", "no_capable_pool"},
		{"double slash", post("//v1/chat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"double slash within", post("/v1//chat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"dots", post("/v1/../v1/chat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"escaped dots", post("/v1/%2e%2E/v1/chat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"escaped slash", post("/v1%2Fchat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"escaped backslash", post("/v1%5cchat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"backslash", post("/v1\\chat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"escaped escape", post("/v1/%252e%252e/chat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"absolute form", post("http://localhost/v1/chat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"absolute form of another host", post("http://api.example.org/v1/chat/completions", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"fragment", post(chat+"#x", "", "x"), "400", "bad_request", "data_plane_refused"},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400", "bad_request", "data_plane_refused"},
		{"underscore in a name", post(chat, "X_Api_Key: k\r\n", "x"), "400", "bad_request", "data_plane_refused"},
		{"two hosts", post(chat, "Host: evil.example.org\r\n", "x"), "400", "", ""},
		{"no host", "GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n", "400", "", ""},
		{"tunnel", "CONNECT api.example.org:443 HTTP/1.1\r\nHost: api.example.org:443\r\nConnection: close\r\n\r\n", "403", "upgrade_not_supported", "upgrade_not_supported"},
		{"upgrade", "GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n", "403", "upgrade_not_supported", "upgrade_not_supported"},
		{"too large", post(chat, "", strings.Repeat("x", 1<<20+1)), "413", "request_too_large", "request_too_large"},
		{"too large, chunked", "POST " + chat + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n" + strings.Repeat("x", 1<<20+1) + "\r\n0\r\n\r\n", "413", "request_too_large", "request_too_large"},
		{"too large, announced", "POST " + chat + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", "413", "request_too_large", "request_too_large"},
		{"a length and chunks", "POST " + chat + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nplease-deny\r\n0\r\n\r\n", "403", "data_policy_denied", "data_policy_denied"},
		{"two lengths", post(chat, "Content-Length: 99\r\n", "x"), "400", "", ""},
		{"head too large", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-a: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", "431", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, standin.Options{})
			got := s.raw(t, tt.request)
			head, body, _ := strings.Cut(got, "\r\n\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 "+tt.status) || code(body) != tt.code {
				t.Errorf("answers %.40q with code %q, want %s %s", head, code(body), tt.status, tt.code)
			}
			decisions, _ := s.account(t)
			recorded := ""
			if len(decisions) == 1 {
				recorded = decisions[0].Decision.Code
				if !strings.Contains(strings.ToLower(head), "x-ostiary-decision-id: "+strings.ToLower(decisions[0].ID)) {
					t.Error("the answer does not carry its decision's id")
				}
			}
			if len(decisions) > 1 || recorded != tt.recorded {
				t.Errorf("recorded %d decisions, code %q, want %q", len(decisions), recorded, tt.recorded)
			}
			if s.wire.Bytes() != 0 {
				t.Errorf("%d bytes went upstream", s.wire.Bytes())
			}
		})
	}
}

// What goes upstream is what was inspected, and nothing beside it.
func TestForwarded(t *testing.T) {
	for _, version := range []int{1, 2} {
		s := open(t, standin.Options{})
		const body = `{"model":"m", "b" : 1.0e0,"ü":"\u00e4"}`
		resp, answer := s.ask(t, client(version), "POST", chat+"?a=b%20c", body,
			"content-type", "application/json", "authorization", "Bearer client-key", "x-api-key", "client-key", "api-key", "client-key",
			"x-ostiary-pool", "house", "x-ostiary-decision-id", "forged", "x-forwarded-for", "192.0.2.1", "x-real-ip", "192.0.2.1", "forwarded", "for=x", "via", "1.1 x",
			"x-envoy-original-path", "/x", "cookie", "a=b", "ostiary-key", "k", "proxy-authorization", "x", "te", "trailers",
			"openai-beta", "x=1", "openai-beta", "y=2", "accept-encoding", "br", "idempotency-key", "i")
		if resp.StatusCode != 200 || !strings.Contains(answer, "chat.completion") {
			t.Fatalf("HTTP/%d: %d", version, resp.StatusCode)
		}
		got := s.model.Requests()
		if len(got) != 1 {
			t.Fatalf("HTTP/%d: %d requests upstream", version, len(got))
		}
		if string(got[0].Body) != body || got[0].Target != chat+"?a=b%20c" || got[0].Host != s.wire.Addr().String() {
			t.Errorf("HTTP/%d: the request was changed on its way", version)
		}
		decisions, outcomes := s.account(t)
		want := http.Header{
			"Content-Type": {"application/json"}, "Authorization": {"Bearer provider-key"}, "Openai-Beta": {"x=1", "y=2"}, "Accept-Encoding": {"br"},
			"Idempotency-Key": {"i"}, "Content-Length": {fmt.Sprint(len(body))}, "X-Ostiary-Decision-Id": {decisions[0].ID},
			"User-Agent": {"Go-http-client/1.1"},
		}
		if version == 2 {
			want.Set("User-Agent", "Go-http-client/2.0")
		}
		for name := range want {
			if !slices.Equal(got[0].Header[name], want[name]) {
				t.Errorf("HTTP/%d: %s arrives as %d values, not as sent", version, name, len(got[0].Header[name]))
			}
		}
		for name := range got[0].Header {
			if want[name] == nil {
				t.Errorf("HTTP/%d: %s goes upstream", version, name)
			}
		}
		for name, value := range map[string]string{"x-ostiary-decision-id": decisions[0].ID, "x-ostiary-action": "allow", "x-ostiary-pool": "openai", "x-request-id": "req_000001"} {
			if resp.Header.Get(name) != value {
				t.Errorf("HTTP/%d: the answer has %s %q, want %q", version, name, resp.Header.Get(name), value)
			}
		}
		o := outcomes[0].Outcome
		if o.Status != 200 || o.Sent != "yes" || o.SentBytes != s.wire.Bytes() || o.Attempts != 1 || o.Bytes != int64(len(answer)) || o.Inspected || o.Reason != proxy.ReasonNotInspected {
			t.Errorf("HTTP/%d: outcome %+v; %d bytes went upstream, %d came", version, o, s.wire.Bytes(), len(answer))
		}
	}
}

func TestRoutes(t *testing.T) {
	base := func(path string) option {
		return func(s *site, _ *embedded.Options) {
			for name, u := range s.pools {
				moved := *u.URL
				moved.Path = path
				u.URL = &moved
				s.pools[name] = u
			}
		}
	}
	for _, tt := range []struct {
		name, path, body string
		header           []string
		base             string
		pool, action     string
		target, sent     string
		keys             string // what arrives in authorization and x-api-key
	}{
		{name: "allowed", path: chat, body: "hello", pool: "openai", action: "allow", target: chat, sent: "hello", keys: "Bearer provider-key,"},
		{name: "base path", path: chat + "?x=1", body: "hello", base: "/api/", pool: "openai", action: "allow", target: "/api" + chat + "?x=1", sent: "hello", keys: "Bearer provider-key,"},
		{name: "pool by path", path: "/house" + chat, body: `{"model":"m"}`, pool: "house", action: "allow", target: chat, sent: `{"model":"qwen"}`, keys: ","},
		{name: "rerouted", path: chat, body: `{"model":"m","x":"please-house"}`, pool: "house", action: "reroute", target: chat, sent: `{"model":"qwen","x":"please-house"}`, keys: ","},
		{name: "masked", path: chat, body: "please-mask a@b.org", pool: "openai", action: "mask", target: chat, sent: "please-mask [EMAIL_ADDRESS_1]", keys: "Bearer provider-key,"},
		{name: "the client's key for its provider", path: "/v1/messages", body: "hello", pool: "claude", action: "allow", target: "/v1/messages", sent: "hello", keys: "Bearer client-key,client-key"},
		{name: "and for no other", path: "/v1/messages", body: `{"model":"m","x":"please-house"}`, pool: "house", action: "reroute", target: "/v1/messages", sent: `{"model":"qwen","x":"please-house"}`, keys: ","},
	} {
		s := open(t, standin.Options{}, base(tt.base))
		resp, _ := s.ask(t, client(1), "POST", tt.path, tt.body, "authorization", "Bearer client-key", "x-api-key", "client-key")
		got := s.model.Requests()
		if len(got) != 1 {
			t.Errorf("%s: %d, %d requests upstream", tt.name, resp.StatusCode, len(got))
			continue
		}
		keys := got[0].Header.Get("authorization") + "," + got[0].Header.Get("x-api-key")
		if got[0].Target != tt.target || string(got[0].Body) != tt.sent || keys != tt.keys {
			t.Errorf("%s: arrives at %s with %q and keys %q, want %s, %q, %q", tt.name, got[0].Target, got[0].Body, keys, tt.target, tt.sent, tt.keys)
		}
		if resp.Header.Get("x-ostiary-pool") != tt.pool || resp.Header.Get("x-ostiary-action") != tt.action {
			t.Errorf("%s: answered as %s by %s, want %s by %s", tt.name, resp.Header.Get("x-ostiary-action"), resp.Header.Get("x-ostiary-pool"), tt.action, tt.pool)
		}
		s.account(t)
	}
}

// A stream's events pass as they come: each is read while the upstream is held
// before the next.
func TestStreamsWithoutDelay(t *testing.T) {
	for _, version := range []int{1, 2} {
		step := make(chan struct{})
		s := open(t, standin.Options{Events: 5, Gate: func(*http.Request, int) { <-step }})
		r, _ := http.NewRequest("POST", "http://"+s.addr+chat, strings.NewReader(`{"stream":true}`))
		resp, err := client(version).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b := bufio.NewReader(resp.Body)
		for range 5 {
			for range 2 { // data and an empty line
				if _, err := b.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			step <- struct{}{}
		}
		rest, err := io.ReadAll(b)
		if err != nil || !bytes.HasSuffix(rest, []byte("data: [DONE]\n\n")) {
			t.Errorf("HTTP/%d: the stream ends with %v", version, err)
		}
		_ = resp.Body.Close()
		_, outcomes := s.account(t)
		if o := outcomes[0].Outcome; o.Status != 200 || o.TTFBMS > o.DurationMS {
			t.Errorf("HTTP/%d: outcome %+v", version, o)
		}
	}
}

func TestUpstreamFails(t *testing.T) {
	// One that answers with nothing: it reads the head and hangs up.
	var hangs atomic.Int64
	rude := listen(t)
	defer func() { _ = rude.Close() }()
	go func() {
		for {
			c, err := rude.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			if hangs.Add(1)%2 == 0 {
				_ = c.(*net.TCPConn).SetLinger(0) // with a reset
			}
			_ = c.Close()
		}
	}()
	closed := listen(t)
	_ = closed.Close()
	other := httptest.NewTLSServer(http.NotFoundHandler())
	defer other.Close()
	at := func(scheme, host string) option {
		return func(s *site, _ *embedded.Options) {
			s.pools["openai"] = embedded.Upstream{URL: &url.URL{Scheme: scheme, Host: host}}
		}
	}
	for _, tt := range []struct {
		name, body string
		option     option
		status     int
		code       string
		reason     string
		sent       string
		attempts   int
		broken     bool // the answer breaks off
	}{
		{name: "refuses connections", body: "x", option: at("http", closed.Addr().String()), status: 503, code: "upstream_unavailable", reason: "upstream_failed", sent: "no", attempts: 3},
		{name: "hangs up", body: "x", option: at("http", rude.Addr().String()), status: 503, code: "upstream_unavailable", reason: "upstream_failed", sent: "yes", attempts: 1},
		{name: "hangs up with a reset", body: "x", option: at("http", rude.Addr().String()), status: 503, code: "upstream_unavailable", reason: "upstream_failed", sent: "yes", attempts: 1},
		{name: "has a certificate of nobody", body: "x", option: at("https", other.Listener.Addr().String()), status: 503, code: "upstream_unavailable", reason: "upstream_failed", sent: "no"},
		{name: "is not known", body: "x", option: func(s *site, _ *embedded.Options) { delete(s.pools, "openai") }, status: 503, code: "upstream_unavailable", reason: "upstream_unknown", sent: "no"},
		{name: "is silent", body: "x", option: func(_ *site, o *embedded.Options) { o.Timeouts.Answer = 50 * time.Millisecond }, status: 504, code: "upstream_timeout", reason: "upstream_timeout", sent: "yes", attempts: 1},
		{name: "breaks off", body: `{"x":"STANDIN_CUT"}`, status: 200, reason: "cut", sent: "yes", attempts: 1, broken: true},
		{name: "breaks a stream off", body: `{"stream":true,"x":"STANDIN_CUT"}`, status: 200, reason: "cut", sent: "yes", attempts: 1, broken: true},
		{name: "says no", body: `{"x":"STANDIN_STATUS_429"}`, status: 429, sent: "yes", attempts: 1, reason: proxy.ReasonNotInspected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hold := make(chan struct{})
			defer close(hold)
			o := standin.Options{}
			if tt.name == "is silent" {
				o.Delay = patience
			}
			s := open(t, o, func(s *site, o *embedded.Options) {
				if tt.option != nil {
					tt.option(s, o)
				}
			})
			before := hangs.Load()
			r, _ := http.NewRequest("POST", "http://"+s.addr+chat, strings.NewReader(tt.body))
			r.Header.Set("idempotency-key", "k") // asks net/http for repetition
			resp, err := client(1).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != tt.status || code(string(b)) != tt.code || (err != nil) != tt.broken {
				t.Errorf("answers %d %q, reading gives %v; want %d %q, broken %v", resp.StatusCode, code(string(b)), err, tt.status, tt.code, tt.broken)
			}
			if resp.Header.Get("x-ostiary-action") != "allow" || resp.Header.Get("x-ostiary-decision-id") == "" {
				t.Error("the answer does not say what was decided")
			}
			if n := hangs.Load() - before; n > 1 {
				t.Errorf("a request that may have been worked on was sent %d times", n)
			}
			_, outcomes := s.account(t)
			out := outcomes[0].Outcome
			if out.Status != tt.status || out.Reason != tt.reason || out.Sent != tt.sent || out.Attempts != tt.attempts {
				t.Errorf("outcome %+v, want status %d, %s, sent %s in %d attempts", out, tt.status, tt.reason, tt.sent, tt.attempts)
			}
		})
	}
}

// A client that goes takes its upstream request with it.
func TestClientGoes(t *testing.T) {
	for _, version := range []int{1, 2} {
		for _, body := range []string{`{"stream":true}`, `{}`} {
			asked, left := make(chan struct{}), make(chan struct{})
			o := standin.Options{Events: 3, Gate: func(r *http.Request, n int) {
				if n == 1 {
					close(asked)
					<-r.Context().Done()
					close(left)
				}
			}}
			if body == `{}` {
				o = standin.Options{}
			}
			s := open(t, o)
			if body == `{}` { // no answer at all yet
				held := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					close(asked)
					<-r.Context().Done()
					close(left)
				})
				up := httptest.NewServer(held)
				t.Cleanup(up.Close)
				u, _ := url.Parse(up.URL)
				s.pools["openai"] = embedded.Upstream{URL: u}
			}
			ctx, leave := context.WithCancel(context.Background())
			r, _ := http.NewRequestWithContext(ctx, "POST", "http://"+s.addr+chat, strings.NewReader(body))
			done := make(chan struct{})
			go func() {
				defer close(done)
				resp, err := client(version).Do(r)
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			}()
			<-asked
			leave()
			select {
			case <-left:
			case <-time.After(patience):
				t.Fatalf("HTTP/%d: the upstream request goes on", version)
			}
			<-done
			_, outcomes := s.account(t)
			if outcomes[0].Outcome.Reason != "client_gone" || outcomes[0].Outcome.Sent != "yes" {
				t.Errorf("HTTP/%d: outcome %+v", version, outcomes[0].Outcome)
			}
		}
	}
}

// A server that closes its connections after 100 requests without a word, as
// llama.cpp's does on streams, loses none.
func TestServerThatClosesAtHundred(t *testing.T) {
	up := listen(t)
	defer func() { _ = up.Close() }()
	go func() {
		for {
			c, err := up.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				b := bufio.NewReader(c)
				for n := range 101 {
					r, err := http.ReadRequest(b)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if n == 100 {
						return // the request that meets the close
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
		}
	}()
	s := open(t, standin.Options{}, func(s *site, _ *embedded.Options) {
		s.pools["openai"] = embedded.Upstream{URL: &url.URL{Scheme: "http", Host: up.Addr().String()}}
	})
	c := client(1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 150 {
				resp, err := c.Post("http://"+s.addr+chat, "", strings.NewReader("x"))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Errorf("a request is lost: %d", resp.StatusCode)
				}
			}
		}()
	}
	wg.Wait()
	_, outcomes := s.account(t)
	for _, o := range outcomes {
		if o.Outcome.Attempts != 1 || o.Outcome.Sent != "yes" {
			t.Errorf("outcome %+v", o.Outcome)
		}
	}
}

// A server that hangs up on a kept connection may have worked on the request: it
// gets it once, also where the client's idempotency key makes net/http willing.
func TestKeptConnectionThatHangsUp(t *testing.T) {
	up := listen(t)
	defer func() { _ = up.Close() }()
	var got atomic.Int64
	go func() {
		for {
			c, err := up.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				b := bufio.NewReader(c)
				for n := range 2 {
					r, err := http.ReadRequest(b)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					got.Add(1)
					if n == 0 {
						_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					}
				}
			}()
		}
	}()
	s := open(t, standin.Options{}, func(s *site, _ *embedded.Options) {
		s.pools["openai"] = embedded.Upstream{URL: &url.URL{Scheme: "http", Host: up.Addr().String()}}
	})
	for _, status := range []int{200, 503} {
		if resp, _ := s.ask(t, client(1), "POST", chat, "x", "idempotency-key", "k"); resp.StatusCode != status {
			t.Errorf("answers %d, want %d", resp.StatusCode, status)
		}
	}
	if got.Load() != 2 {
		t.Errorf("2 requests arrived as %d", got.Load())
	}
	s.account(t)
}

// Clients that are slow on purpose are let go, and the decision says so.
func TestSlowClients(t *testing.T) {
	quick := func(_ *site, o *embedded.Options) {
		o.Timeouts = embedded.Timeouts{Header: 60 * time.Millisecond, Stall: 60 * time.Millisecond, Upload: 250 * time.Millisecond, Idle: 60 * time.Millisecond}
	}
	t.Run("head", func(t *testing.T) {
		s := open(t, standin.Options{}, quick)
		got := s.raw(t, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")
		if strings.Contains(got, "200 OK") {
			t.Error("half a head is answered")
		}
		if d, _ := s.account(t); len(d) != 0 {
			t.Errorf("%d decisions on half a head", len(d))
		}
	})
	t.Run("idle", func(t *testing.T) {
		s := open(t, standin.Options{}, quick)
		if got := s.raw(t, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"); strings.Count(got, "HTTP/1.1") != 1 {
			t.Error("an idle connection stays open, or was not answered")
		}
	})
	for name, chunks := range map[string]int{"body stalls": 1, "body trickles": 100} {
		t.Run(name, func(t *testing.T) {
			s := open(t, standin.Options{}, quick)
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(c, "POST "+chat+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
			go func() {
				for range chunks {
					if _, err := io.WriteString(c, "x"); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}()
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || resp.StatusCode != 408 || !resp.Close {
				t.Fatalf("answers %v, %v; want 408 and a close", resp, err)
			}
			b, _ := io.ReadAll(resp.Body)
			if code(string(b)) != "request_timeout" {
				t.Errorf("code %q", code(string(b)))
			}
			_ = c.Close()
			d, o := s.account(t)
			if len(d) != 1 || d[0].Decision.Action != proxy.Deny || o[0].Outcome.Status != 408 {
				t.Errorf("%d decisions", len(d))
			}
		})
	}
	t.Run("does not read", func(t *testing.T) {
		s := open(t, standin.Options{Events: 1 << 20}, quick)
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "POST "+chat+" HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n"+`{"stream":true}`)
		for deadline := time.Now().Add(patience); s.engine.Pending() == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		_, o := s.account(t) // waits for the handler
		if len(o) != 1 || o[0].Outcome.Reason != "client_gone" || o[0].Outcome.Status != 200 {
			t.Errorf("outcomes %d", len(o))
		}
	})
	t.Run("leaves in the body", func(t *testing.T) {
		s := open(t, standin.Options{})
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "POST "+chat+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
		_ = c.Close()
		for deadline := time.Now().Add(patience); len(s.house.Events(proxy.EventDecision)) == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		d, _ := s.account(t)
		if len(d) != 1 || d[0].Decision.Code != proxy.CodeAborted || s.wire.Bytes() != 0 {
			t.Errorf("%d decisions, %d bytes upstream", len(d), s.wire.Bytes())
		}
	})
}

// A stream that pauses for longer than a write may take is not cut, and its
// connection is good afterwards.
func TestPausesAreNotStalls(t *testing.T) {
	for _, version := range []int{1, 2} {
		s := open(t, standin.Options{Events: 3, Pause: 80 * time.Millisecond}, func(_ *site, o *embedded.Options) { o.Timeouts.Stall = 30 * time.Millisecond })
		c := client(version)
		for _, body := range []string{`{"stream":true}`, `{"stream":true}`, "please-deny"} {
			resp, got := s.ask(t, c, "POST", chat, body)
			if ok := strings.HasSuffix(got, "data: [DONE]\n\n") || resp.StatusCode == 403; !ok {
				t.Errorf("HTTP/%d: %d, and the stream is cut", version, resp.StatusCode)
			}
			time.Sleep(40 * time.Millisecond)
		}
		s.account(t)
	}
}

// What clients may say of the connection is understood and stays on it: the
// expectation of a 100, trailers, the offer of h2c that Java's client makes with
// every request.
func TestExpectTrailersOffer(t *testing.T) {
	s := open(t, standin.Options{})
	got := s.raw(t, "POST "+chat+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\nTrailer: x-secret\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n2\r\n{}\r\n0\r\nx-secret: a@b.org\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK") {
		t.Errorf("answers %.60q", got)
	}
	up := s.model.Requests()
	if len(up) != 1 || string(up[0].Body) != "{}" || len(up[0].Trailer) != 0 || up[0].Header.Get("trailer")+up[0].Header.Get("upgrade")+up[0].Header.Get("http2-settings") != "" || up[0].Header.Get("content-length") != "2" {
		t.Errorf("%d requests upstream, or with what belongs to the connection", len(up))
	}
	s.account(t)
	if s.wire.Conns() != 1 {
		t.Errorf("%d connections upstream", s.wire.Conns())
	}
}

// With TLS on both sides, HTTP/2 on both; the name in the handshake counts.
func TestTLS(t *testing.T) {
	model := standin.New(standin.Options{Keep: 10})
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("trailer", "x-late")
		model.ServeHTTP(w, r)
		w.Header().Set("x-late", "of the upstream")
	}))
	up.EnableHTTP2 = true
	up.StartTLS()
	defer up.Close()
	roots := x509.NewCertPool()
	roots.AddCert(up.Certificate())
	base, _ := url.Parse(up.URL)
	s := open(t, standin.Options{}, func(s *site, o *embedded.Options) {
		s.pools["openai"] = embedded.Upstream{URL: base, CA: roots, ServerName: "example.com", Header: "x-api-key", Value: "k"}
		o.TLS = &tls.Config{Certificates: up.TLS.Certificates}
	})
	for _, tt := range []struct {
		name, host string
		status     int
	}{{"example.com", "example.com", 200}, {"example.com", "example.com:8484", 200}, {"example.com", "other.example.com", 403}} {
		c := &http.Client{Timeout: patience, Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: tt.name}}}
		r, _ := http.NewRequest("POST", "https://"+s.addr+chat, strings.NewReader(`{"a":1}`))
		r.Host, r.Trailer = tt.host, http.Header{"X-Late": {"of the client"}}
		r.ContentLength = -1 // trailers follow a body of unknown length
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if len(resp.Trailer) != 0 {
			t.Error("an answer's trailer reaches the client")
		}
		if resp.StatusCode != tt.status || resp.ProtoMajor != 2 || tt.status == 403 && code(string(b)) != proxy.CodeHostNotAllowed {
			t.Errorf("host %s: %d %s over HTTP/%d, want %d", tt.host, resp.StatusCode, code(string(b)), resp.ProtoMajor, tt.status)
		}
	}
	got := model.Requests()
	if len(got) != 2 || got[0].Proto != "HTTP/2.0" || got[0].Header.Get("x-api-key") != "k" || len(got[0].Trailer) != 0 {
		t.Fatalf("%d requests upstream", len(got))
	}
	_, outcomes := s.account(t)
	for _, o := range outcomes {
		if o.Outcome.Status == 200 && (o.Outcome.Sent != "yes" || o.Outcome.SentBytes != 7) {
			t.Errorf("outcome %+v", o.Outcome)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	s := open(t, standin.Options{})
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.plane.Serve(l) }() // ends with Shutdown
	c := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
	s.ask(t, c, "POST", chat, "hello")
	d, _ := s.account(t)
	if d[0].Personal.UID < 0 || d[0].Personal.Address != "" {
		t.Errorf("the peer is %+v, want a uid and no address", d[0].Personal)
	}
}

// Shutting down lets a stream end, refuses new connections and leaves none open.
func TestDrain(t *testing.T) {
	step, started := make(chan struct{}), make(chan struct{})
	s := open(t, standin.Options{Events: 2, Gate: func(_ *http.Request, n int) {
		if n == 0 {
			close(started)
		}
		<-step
	}})
	resp, err := client(1).Post("http://"+s.addr+chat, "", strings.NewReader(`{"stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	<-started
	down := make(chan error)
	go func() { down <- s.plane.Shutdown(context.Background()) }()
	for deadline := time.Now().Add(patience); ; {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("new connections are accepted while shutting down")
		}
	}
	close(step)
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !bytes.HasSuffix(b, []byte("data: [DONE]\n\n")) {
		t.Errorf("the running stream ends with %v", err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	s.account(t)
}

func TestConnectionLimit(t *testing.T) {
	s := open(t, standin.Options{}, func(_ *site, o *embedded.Options) { o.Connections = 2 })
	var conns []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	third, err := net.Dial("tcp", s.addr) // waits in the kernel's queue
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = third.Close() }()
	_, _ = io.WriteString(third, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = third.SetReadDeadline(time.Now().Add(60 * time.Millisecond))
	var late net.Error
	if _, err := third.Read(make([]byte, 1)); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("a third connection is served: %v", err)
	}
	_ = conns[0].Close()
	_ = third.SetReadDeadline(time.Now().Add(patience))
	if _, err := third.Read(make([]byte, 1)); err != nil {
		t.Errorf("a free place is not taken: %v", err)
	}
	_ = conns[1].Close()
}
