package conformance

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/ostiary/ostiary/proxy"
)

const (
	chat     = "/v1/chat/completions"
	messages = "/v1/messages"
)

// Run holds a data plane to the specification. start starts it with the given
// engine and pools and [BodyLimit], on a loopback address without TLS, for
// HTTP/1.1 and HTTP/2 with prior knowledge; it gives the base URL and arranges for
// the plane's end by Cleanup.
func Run(t *testing.T, start func(t *testing.T, s Setup) (base string)) {
	s := newSite(t, start)
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP%d", version), func(t *testing.T) { s.exchanges(t, client(version)) })
	}
	t.Run("tricks", s.tricks)
	t.Run("streams", s.streams)
	t.Run("keys", s.keys)
	t.Run("book", s.book)
	t.Run("many", s.many)
}

func prompt(text string) string {
	return `{"model": "gpt-x","messages":[{"role":"user","content":"` + text + `"}],  "n":1.0e0}`
}

func packed(text string, wrap func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	z := wrap(&b)
	_, _ = io.WriteString(z, text) // a buffer takes everything
	_ = z.Close()
	return b.String()
}

func inGzip(text string) string {
	return packed(text, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}

func inZstd(text string) string {
	return packed(text, func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			panic(err)
		}
		return z
	})
}

// exchange is one row: what is asked, what is answered, what arrives where.
type exchange struct {
	name, method, path, body string
	header                   []string
	chunked                  bool

	status    int
	code      string // of a refusal
	anthropic bool   // its shape
	action    string
	pool      string // that receives it; empty for none
	target    string // and as what
	sent      string
	arrives   []string // headers that must have this value there, "" for absent
	contains  string   // in the answer
}

func (s *site) exchanges(t *testing.T, c *http.Client) {
	keys := []string{"authorization", "Bearer client-key", "x-api-key", "client-key", "content-type", "application/json"}
	none := []string{"authorization", "", "x-api-key", ""}
	harmless, masked := prompt(`caf\u00e9 and \"quotes\"`), prompt("write to "+address)
	rows := []exchange{
		{name: "allowed, byte for byte", method: "POST", path: chat + "?beta=true", header: keys, body: harmless,
			status: 200, action: "allow", pool: "openai", target: "/base" + chat + "?beta=true", sent: harmless,
			arrives: []string{"authorization", "Bearer " + providerKey, "x-api-key", "", "content-type", "application/json"}, contains: `"chat.completion"`},
		{name: "allowed, chunked", method: "POST", path: chat, body: harmless, chunked: true, status: 200, action: "allow", pool: "openai", target: "/base" + chat, sent: harmless},
		{name: "the client's own key for its provider", method: "POST", path: messages, header: append(keys, "anthropic-version", "2023-06-01"), body: harmless,
			status: 200, action: "allow", pool: "claude", target: messages, sent: harmless,
			arrives: []string{"authorization", "Bearer client-key", "x-api-key", "client-key", "anthropic-version", "2023-06-01"}, contains: `"end_turn"`},
		{name: "rerouted, model renamed", method: "POST", path: chat, header: keys, body: prompt(number),
			status: 200, action: "reroute", pool: "house", target: chat, sent: strings.Replace(prompt(number), "gpt-x", "qwen", 1), arrives: none, contains: `"chat.completion"`},
		{name: "rerouted, the other dialect", method: "POST", path: messages, header: keys, body: prompt(number),
			status: 200, action: "reroute", pool: "house", target: messages, sent: strings.Replace(prompt(number), "gpt-x", "qwen", 1), arrives: none},
		{name: "pool by path", method: "POST", path: "/house" + chat, header: keys, body: masked,
			status: 200, action: "allow", pool: "house", target: chat, sent: strings.Replace(masked, "gpt-x", "qwen", 1), arrives: none},
		{name: "masked on the way out", method: "POST", path: chat, body: masked,
			status: 200, action: "mask", pool: "openai", target: "/base" + chat, sent: strings.Replace(masked, address, "[EMAIL_ADDRESS_1]", 1)},
		{name: "denied", method: "POST", path: chat, body: prompt(credential), status: 403, code: "data_policy_denied", action: "deny"},
		{name: "denied, the other dialect", method: "POST", path: messages, body: prompt(credential), status: 403, code: "data_policy_denied", anthropic: true, action: "deny"},
		{name: "duplicate keys", method: "POST", path: chat, body: `{"model":"m","messages":[],"messages":[]}`, status: 400, action: "deny"},
		{name: "keys that differ in case", method: "POST", path: chat, body: `{"model":"m","messages":[],"Messages":[]}`, status: 400, action: "deny"},
		{name: "no JSON", method: "POST", path: chat, body: `{"model":`, status: 400, action: "deny"},
		{name: "unknown coding", method: "POST", path: chat, header: []string{"content-encoding", "compress"}, body: harmless, status: 415, action: "deny"},
		{name: "gzip, forwarded decoded", method: "POST", path: chat, header: []string{"content-encoding", "gzip"}, body: inGzip(harmless),
			status: 200, action: "allow", pool: "openai", target: "/base" + chat, sent: harmless, arrives: []string{"content-encoding", ""}},
		{name: "zstd, masked", method: "POST", path: chat, header: []string{"content-encoding", "zstd"}, body: inZstd(masked),
			status: 200, action: "mask", pool: "openai", target: "/base" + chat, sent: strings.Replace(masked, address, "[EMAIL_ADDRESS_1]", 1), arrives: []string{"content-encoding", ""}},
		{name: "gzip with a secret", method: "POST", path: chat, header: []string{"content-encoding", "gzip"}, body: inGzip(prompt(credential)), status: 403, code: "data_policy_denied", action: "deny"},
		{name: "at the limit", method: "POST", path: chat, body: sized(BodyLimit), status: 200, action: "allow", pool: "openai", target: "/base" + chat, sent: sized(BodyLimit)},
		{name: "over the limit", method: "POST", path: chat, body: sized(BodyLimit + 1), status: 413, code: "request_too_large", action: "deny"},
		{name: "over the limit, chunked", method: "POST", path: chat, body: sized(BodyLimit + 1), chunked: true, status: 413, code: "request_too_large", action: "deny"},
		{name: "over the limit, the other dialect", method: "POST", path: messages, body: sized(BodyLimit + 1), status: 413, code: "request_too_large", anthropic: true, action: "deny"},
		{name: "unknown path", method: "POST", path: "/v1/fine_tuning/jobs", body: `{}`, status: 403, code: "endpoint_not_allowed", action: "deny"},
		{name: "models", method: "GET", path: "/v1/models", status: 200, action: "allow", contains: `"qwen"`},
		{name: "models, the other dialect", method: "GET", path: "/v1/models", header: []string{"anthropic-version", "2023-06-01"}, status: 200, action: "allow", contains: `"has_more"`},
		{name: "health", method: "GET", path: "/health", status: 200, action: "allow", contains: "ok"},
		{name: "state at the provider", method: "GET", path: "/v1/responses/resp_1", header: keys, status: 200, action: "allow", pool: "openai", target: "/base/v1/responses/resp_1"},
		{name: "the provider's refusal passes", method: "POST", path: chat, body: prompt("STANDIN_STATUS_429"), status: 429, action: "allow", pool: "openai", target: "/base" + chat, sent: prompt("STANDIN_STATUS_429")},
		{name: "nobody there", method: "POST", path: "/down" + chat, body: harmless, status: 503, code: "upstream_unavailable", action: "allow"},
		{name: "forged headers", method: "POST", path: chat, header: []string{"x-ostiary-pool", "house", "x-ostiary-decision-id", "1", "x-ostiary-phase", "body", "x-forwarded-for", "192.0.2.9", "cookie", "a=b"}, body: harmless,
			status: 200, action: "allow", pool: "openai", target: "/base" + chat, sent: harmless, arrives: []string{"x-ostiary-pool", "", "x-ostiary-phase", "", "x-forwarded-for", "", "cookie", ""}},
		{name: "another host", method: "POST", path: chat, header: []string{"host", "rebound.example.org"}, body: harmless, status: 403, code: "host_not_allowed", action: "deny"},
		{name: "a web page", method: "POST", path: chat, header: []string{"origin", "https://evil.example.org"}, body: harmless, status: 403, code: "host_not_allowed", action: "deny"},
		{name: "a secret in the path", method: "GET", path: "/v1/responses/resp_1?after=" + "ghp_" + "R7sXq2LmN8vKcY5tWb3JdFz6HgPa9Ee4uKTB", status: 403, action: "deny"},
	}
	for _, x := range rows {
		t.Run(x.name, func(t *testing.T) {
			m := s.mark()
			var body io.Reader
			if x.body != "" {
				body = strings.NewReader(x.body)
				if x.chunked {
					body = io.MultiReader(body) // hides the length
				}
			}
			got, err := s.do(c, x.method, x.path, x.header, body)
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, m, &x, got)
		})
	}
}

// sized makes a body of so many bytes.
func sized(n int) string {
	const frame = `{"model":"m","messages":[{"role":"user","content":""}]}`
	return strings.Replace(frame, `""`, `"`+strings.Repeat("a ", (n-len(frame))/2)+strings.Repeat("a", (n-len(frame))%2)+`"`, 1)
}

// check compares both ends and the book with a row.
func (s *site) check(t *testing.T, m mark, x *exchange, got reply) {
	t.Helper()
	code, anthropic := "", false
	if got.status >= 400 && x.code != "" {
		code, anthropic = got.code()
	}
	if got.status != x.status || code != x.code || anthropic != x.anthropic {
		t.Errorf("answers %d %q (anthropic %v), want %d %q (%v)", got.status, code, anthropic, x.status, x.code, x.anthropic)
	}
	if !bytes.Contains(got.body, []byte(x.contains)) {
		t.Errorf("the answer does not contain %s", x.contains)
	}
	decisions, outcomes := s.since(m, 1)
	if len(decisions) != 1 || len(outcomes) != 1 || outcomes[0].DecisionID != decisions[0].ID {
		t.Fatalf("%d decisions and %d outcomes in the book, want one of each, joined", len(decisions), len(outcomes))
	}
	d, o := decisions[0].Decision, outcomes[0].Outcome
	if string(d.Action) != x.action || x.code != "" && x.action == "deny" && d.Code != x.code {
		t.Errorf("recorded %s %s, want %s %s", d.Action, d.Code, x.action, x.code)
	}
	if got.header.Get(proxy.HeaderDecisionID) != decisions[0].ID || got.header.Get(proxy.HeaderAction) != x.action {
		t.Errorf("the answer says %s by %q, the book %s by %s", got.header.Get(proxy.HeaderAction), got.header.Get(proxy.HeaderDecisionID), d.Action, decisions[0].ID)
	}
	if o.Status != got.status || (o.Sent == "yes") != (x.pool != "") || (o.SentBytes > 0) != (x.pool != "") {
		t.Errorf("outcome %+v; the client saw %d, and pool %q received", o, got.status, x.pool)
	}
	received := s.received(m)
	if x.pool == "" {
		if len(received) != 0 {
			t.Errorf("%v received bytes of a request that was to reach nobody", received)
		}
		return
	}
	if !slices.Equal(received, []string{x.pool}) || d.Pool != x.pool || got.header.Get(proxy.HeaderPool) != x.pool {
		t.Fatalf("%v received bytes, the book says %q, the answer %q, want %s", received, d.Pool, got.header.Get(proxy.HeaderPool), x.pool)
	}
	up := s.pools[x.pool].Requests()
	if len(up) != 1 {
		t.Fatalf("%d requests arrived, want 1", len(up))
	}
	if up[0].Method != x.method || up[0].Target != x.target || string(up[0].Body) != x.sent {
		t.Errorf("arrives as %s %s with %d bytes, want %s %s with %d", up[0].Method, up[0].Target, len(up[0].Body), x.method, x.target, len(x.sent))
	}
	for i := 0; i+1 < len(x.arrives); i += 2 {
		if v := up[0].Header.Get(x.arrives[i]); v != x.arrives[i+1] {
			t.Errorf("%s arrives as %q, want %q", x.arrives[i], v, x.arrives[i+1])
		}
	}
	if up[0].Header.Get(proxy.HeaderDecisionID) != decisions[0].ID || len(up[0].Trailer) != 0 {
		t.Error("what arrives does not carry its decision's id, or carries trailers")
	}
}

// tricks are requests that try to be read in two ways. Each holds a secret: it
// reaches nobody, however it is answered. What a plane refuses before the policy
// server sees it has no decision.
func (s *site) tricks(t *testing.T) {
	secret := prompt(credential)
	post := func(target string, header ...string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", target, strings.Join(header, ""), len(secret), secret)
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(secret), secret)
	for name, text := range map[string]string{
		"double slash":          post("//v1/chat/completions"),
		"double slash within":   post("/v1//chat/completions"),
		"dots":                  post("/house/../v1/chat/completions"),
		"escaped dots":          post("/house/%2e%2e/v1/chat/completions"),
		"escaped slash":         post("/v1%2fchat%2fcompletions"),
		"escaped letter":        post("/v1/chat/%63ompletions"),
		"upper case":            post("/V1/CHAT/COMPLETIONS"),
		"trailing slash":        post(chat + "/"),
		"parameter":             post(chat + ";x=/v1/models"),
		"absolute form":         post("http://localhost" + chat),
		"absolute form, other":  post("http://api.example.org" + chat),
		"pool within the path":  post("/v1/house" + chat),
		"two hosts":             post(chat, "Host: api.example.org\r\n"),
		"underscore":            post(chat, "x_ostiary_pool: house\r\n"),
		"length and chunks":     "POST " + chat + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
		"chunked twice":         "POST " + chat + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunk,
		"two lengths":           post(chat, "Content-Length: 4\r\n"),
		"expect":                post(chat, "Expect: 100-continue\r\n"),
		"h2c offered":           post(chat, "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
		"websocket":             "GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"websocket with a body": post(chat, "Upgrade: websocket\r\n"),
		"tunnel":                "CONNECT api.example.org:443 HTTP/1.1\r\nHost: api.example.org:443\r\nConnection: close\r\n\r\n",
		"asterisk":              "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
		"GET with a body":       strings.Replace(post("/v1/responses/r"), "POST", "GET", 1),
		"HEAD with a body":      strings.Replace(post(chat), "POST", "HEAD", 1),
		"coding in the chunks":  "POST " + chat + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunk,
	} {
		t.Run(name, func(t *testing.T) {
			m := s.mark()
			got, err := s.raw(text)
			if err == nil && (got.status < 400 || got.status > 599) {
				t.Errorf("answered %d", got.status)
			}
			decisions, _ := s.since(m, 0)
			if len(decisions) > 1 || len(decisions) == 1 && decisions[0].Decision.Action != proxy.Deny {
				t.Errorf("%d decisions, or one that lets pass", len(decisions))
			}
			if r := s.received(m); len(r) != 0 {
				t.Errorf("%v received bytes", r)
			}
		})
	}
	t.Run("trailers", func(t *testing.T) {
		m := s.mark()
		body := prompt("hello")
		got, err := s.raw(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: x-secret\r\n\r\n%x\r\n%s\r\n0\r\nx-secret: %s\r\n\r\n", chat, len(body), body, address))
		if err != nil || got.status != 200 {
			t.Fatalf("answered %d, %v", got.status, err)
		}
		s.since(m, 1)
		for _, r := range s.pools["openai"].Requests() {
			if len(r.Trailer.Get("x-secret")) != 0 || r.Header.Get("x-secret") != "" || string(r.Body) != body {
				t.Error("a trailer arrived, or the body did not")
			}
		}
	})
}

// streams pass as they come: each event is read while the model server waits for
// leave to send the next.
func (s *site) streams(t *testing.T) {
	for _, version := range []int{1, 2} {
		for _, path := range []string{chat, messages} {
			t.Run(fmt.Sprintf("HTTP%d%s", version, path), func(t *testing.T) {
				m := s.mark()
				body := `{"model":"m","stream":true,"messages":[]}`
				r, err := http.NewRequest("POST", s.base+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("x-test-gated", "1")
				resp, err := client(version).Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("content-type"), "text/event-stream") || resp.Header.Get(proxy.HeaderDecisionID) == "" {
					t.Fatalf("answers %d %s", resp.StatusCode, resp.Header.Get("content-type"))
				}
				b, held, seen := bufio.NewReader(resp.Body), 0, 0
				for range 4 {
					pass := <-s.gate // the stand-in holds the event back
					held++
					for { // and what it sent before is here
						line, err := b.ReadString('\n')
						if err != nil {
							t.Fatal(err)
						}
						if line == "\n" {
							seen++
							break
						}
					}
					close(pass)
				}
				done := make(chan struct{})
				go func() {
					for {
						select {
						case pass := <-s.gate:
							close(pass)
						case <-done:
							return
						}
					}
				}()
				rest, err := io.ReadAll(b)
				close(done)
				if err != nil || len(rest) == 0 || held != 4 || seen != 4 {
					t.Errorf("the stream ends with %v after %d events", err, seen)
				}
				_, outcomes := s.since(m, 1)
				if len(outcomes) != 1 || outcomes[0].Outcome.Status != 200 || outcomes[0].Outcome.Bytes <= int64(len(rest)) {
					t.Errorf("%d outcomes", len(outcomes))
				}
			})
		}
	}
}

// keys: where applications have keys, only they get in, and the key stays here.
func (s *site) keys(t *testing.T) {
	s.engine.Swap(s.keyed)
	defer s.engine.Swap(s.open)
	c := client(1)
	for _, x := range []exchange{
		{name: "none", method: "POST", path: chat, body: prompt("hello"), status: 401, code: "unknown_application_key", action: "deny"},
		{name: "unknown", method: "POST", path: messages, header: []string{"x-api-key", "other-key-of-somebody"}, body: prompt("hello"), status: 401, code: "unknown_application_key", anthropic: true, action: "deny"},
		{name: "unknown, no body", method: "GET", path: "/v1/models", status: 401, code: "unknown_application_key", action: "deny"},
		{name: "bearer", method: "POST", path: chat, header: []string{"authorization", "Bearer " + applicationKey}, body: prompt("hello"), status: 200, action: "allow", pool: "openai", target: "/base" + chat, sent: prompt("hello"), arrives: []string{"authorization", "Bearer " + providerKey}},
		{name: "x-api-key", method: "POST", path: "/house" + messages, header: []string{"x-api-key", applicationKey}, body: prompt("hello"), status: 200, action: "allow", pool: "house", target: messages, sent: strings.Replace(prompt("hello"), "gpt-x", "qwen", 1), arrives: []string{"x-api-key", ""}},
		{name: "beside the client's own", method: "POST", path: messages, header: []string{"ostiary-key", applicationKey, "x-api-key", "client-key"}, body: prompt("hello"), status: 200, action: "allow", pool: "claude", target: messages, sent: prompt("hello"), arrives: []string{"ostiary-key", "", "x-api-key", "client-key"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := s.mark()
			got, err := s.do(c, x.method, x.path, x.header, strings.NewReader(x.body))
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, m, &x, got)
		})
	}
}

// book: what cannot be recorded does not pass.
func (s *site) book(t *testing.T) {
	s.breakBook(true)
	defer s.breakBook(false)
	for _, path := range []string{chat, messages} {
		m := s.mark()
		got, err := s.do(client(1), "POST", path, nil, strings.NewReader(prompt("hello")))
		if err != nil {
			t.Fatal(err)
		}
		if code, anthropic := got.code(); got.status != 503 || code != "audit_unavailable" || anthropic != (path == messages) || got.header.Get("retry-after") == "" {
			t.Errorf("%s: answers %d %s", path, got.status, code)
		}
		if r := s.received(m); len(r) != 0 {
			t.Errorf("%s: %v received bytes", path, r)
		}
	}
}

// many at once: nothing is mixed up.
func (s *site) many(t *testing.T) {
	const workers, each = 16, 12
	m := s.mark()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := client(1 + w%2)
			for i := range each {
				text, status, pool := "hello", 200, "openai"
				switch (w + i) % 3 {
				case 1:
					text, pool = number, "house"
				case 2:
					text, status, pool = credential, 403, ""
				}
				got, err := s.do(c, "POST", chat, nil, strings.NewReader(prompt(fmt.Sprintf("%s, asked by %d in turn %d", text, w, i))))
				if err != nil {
					t.Error(err)
					return
				}
				if got.status != status || got.header.Get(proxy.HeaderPool) != cmp.Or(pool, proxy.PoolNone) {
					t.Errorf("answers %d from %q, want %d from %q", got.status, got.header.Get(proxy.HeaderPool), status, pool)
				}
			}
		}()
	}
	wg.Wait()
	decisions, outcomes := s.since(m, workers*each)
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
	if len(ids) != workers*each {
		t.Errorf("%d decisions, want %d", len(ids), workers*each)
	}
	for _, r := range s.pools["openai"].Requests() {
		if bytes.Contains(r.Body, []byte("536-22-1145")) {
			t.Error("a number that stays in-house went out")
		}
	}
}
