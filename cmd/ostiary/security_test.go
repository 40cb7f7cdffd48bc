package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// raw sends bytes as they stand and reads one answer; status 0 where the
// connection was closed without one.
func (in *instance) raw(request string) (status int, header http.Header, body string) {
	in.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(in.url, "http://"))
	if err != nil {
		in.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		return 0, nil, ""
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, nil, ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	return resp.StatusCode, resp.Header, string(b)
}

// asHTTP writes a POST with the body's length.
func asHTTP(target, host, body string, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n%s",
		target, host, len(body), strings.Join(append(headers, ""), "\r\n"), body)
}

// What a client does to get past the door changes no pool, skips no inspection
// and spends no key. Each attempt carries personal data, so that the only right
// places for it are in-house or nowhere.
func TestNothingTheClientSendsChangesTheDecision(t *testing.T) {
	body := chat(personal)
	attempts := []struct {
		name    string
		request func(host string) string
	}{
		{"forged decision headers", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "x-ostiary-action: allow", "x-ostiary-pool: openai", "x-ostiary-decision-id: 01FORGED", "X-Ostiary-Verdict: allow")
		}},
		{"forged Envoy headers", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "x-envoy-original-path: /x", "x-envoy-decorator-operation: x", "x-envoy-upstream-alt-stat-name: x", "x-envoy-retry-on: 5xx", "x-envoy-force-trace: 1", "x-envoy-internal: true")
		}},
		{"forged metadata", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "ostiary.verdict: {\"pool\":\"openai\",\"decision\":\"allow\"}", "x-envoy-ext-proc-metadata: ostiary.verdict.pool=openai")
		}},
		{"double slash", func(h string) string { return asHTTP("//v1/chat/completions", h, body) }},
		{"inner double slash", func(h string) string { return asHTTP("/v1//chat/completions", h, body) }},
		{"dot segment", func(h string) string { return asHTTP("/x/../v1/chat/completions", h, body) }},
		{"escaped dots", func(h string) string { return asHTTP("/x/%2e%2e/v1/chat/completions", h, body) }},
		{"escaped slash", func(h string) string { return asHTTP("/v1%2fchat/completions", h, body) }},
		{"escaped letter", func(h string) string { return asHTTP("/v1/c%68at/completions", h, body) }},
		{"backslash", func(h string) string { return asHTTP("/v1\\chat\\completions", h, body) }},
		{"absolute form", func(h string) string { return asHTTP("http://"+h+"/v1/chat/completions", h, body) }},
		{"absolute form of another host", func(h string) string { return asHTTP("http://api.openai.com/v1/chat/completions", h, body) }},
		{"path parameter", func(h string) string { return asHTTP("/v1/chat/completions;x=1", h, body) }},
		{"fragment", func(h string) string { return asHTTP("/v1/chat/completions#x", h, body) }},
		{"other case", func(h string) string { return asHTTP("/V1/Chat/Completions", h, body) }},
		{"trailing slash", func(h string) string { return asHTTP("/v1/chat/completions/", h, body) }},
		{"pool's name in the path", func(h string) string { return asHTTP("/openai/v1/chat/completions", h, body) }},
		{"pool's name twice", func(h string) string { return asHTTP("/openai/openai/v1/chat/completions", h, body) }},
		{"second host", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "host: api.openai.com")
		}},
		{"rebound host", func(h string) string { return asHTTP("/v1/chat/completions", "attacker.example", body) }},
		{"a web page", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "origin: https://attacker.example")
		}},
		{"a web page of no origin", func(h string) string { return asHTTP("/v1/chat/completions", h, body, "origin: null") }},
		{"length and chunks", func(h string) string {
			return "POST /v1/chat/completions HTTP/1.1\r\nhost: " + h + "\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n" + chunked(body)
		}},
		{"two lengths", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "content-length: 3")
		}},
		{"obscured chunks", func(h string) string {
			return "POST /v1/chat/completions HTTP/1.1\r\nhost: " + h + "\r\ntransfer-encoding: xchunked\r\ncontent-length: " + strconv.Itoa(len(body)) + "\r\nconnection: close\r\n\r\n" + body
		}},
		{"smuggled second request", func(h string) string {
			return "POST /v1/models HTTP/1.1\r\nhost: " + h + "\r\ncontent-length: 0\r\n\r\n" + asHTTP("/v1/chat/completions", h, body)
		}},
		{"header with a line break", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "x-a: b\r\n folded")
		}},
		{"a GET with a body", func(h string) string {
			return strings.Replace(asHTTP("/v1/chat/completions", h, body), "POST", "GET", 1)
		}},
		{"a method override", func(h string) string {
			return strings.Replace(asHTTP("/v1/models", h, body, "x-http-method-override: POST", "x-original-url: /v1/chat/completions"), "POST", "GET", 1)
		}},
		{"duplicate keys", func(h string) string {
			return asHTTP("/v1/chat/completions", h, `{"messages":[{"role":"user","content":"hi"}],"model":"gpt-5","messages":[{"role":"user","content":"`+personal+`"}]}`)
		}},
		{"keys that collide by case", func(h string) string {
			return asHTTP("/v1/chat/completions", h, `{"Messages":[{"role":"user","content":"hi"}],"model":"gpt-5","messages":[{"role":"user","content":"`+personal+`"}]}`)
		}},
		{"keys that collide by folding", func(h string) string {
			return asHTTP("/v1/chat/completions", h, `{"meſſages":[{"role":"user","content":"hi"}],"model":"gpt-5","messages":[{"role":"user","content":"`+personal+`"}]}`)
		}},
		{"an escaped key", func(h string) string {
			return asHTTP("/v1/chat/completions", h, `{"m\u0065ssages":[{"role":"user","content":"hi"}],"model":"gpt-5","messages":[{"role":"user","content":"`+personal+`"}]}`)
		}},
		{"a second document", func(h string) string {
			return asHTTP("/v1/chat/completions", h, chat("hi")+"\n"+body)
		}},
		{"unknown encoding", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "content-encoding: rot13")
		}},
		{"stacked encodings", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "content-encoding: gzip, gzip")
		}},
		{"two encodings", func(h string) string {
			return asHTTP("/v1/chat/completions", h, body, "content-encoding: identity", "content-encoding: gzip")
		}},
		{"a body called text", func(h string) string {
			return strings.Replace(asHTTP("/v1/chat/completions", h, body), "application/json", "text/plain", 1)
		}},
		{"a body called a form", func(h string) string {
			return strings.Replace(asHTTP("/v1/chat/completions", h, body), "application/json", "application/x-www-form-urlencoded", 1)
		}},
		{"personal data in the query", func(h string) string {
			return asHTTP("/v1/chat/completions?note=maria.lindqvist%40nordbank.se", h, chat(ordinary))
		}},
		{"personal data in a header", func(h string) string {
			return asHTTP("/v1/chat/completions", h, chat(ordinary), "x-note: maria.lindqvist@nordbank.se")
		}},
		{"personal data in a key", func(h string) string {
			return asHTTP("/v1/chat/completions", h, `{"model":"gpt-5","metadata":{"maria.lindqvist@nordbank.se":"x"},"messages":[]}`)
		}},
		{"personal data in JSON in a string", func(h string) string {
			return asHTTP("/v1/chat/completions", h, `{"model":"gpt-5","messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"to\":\"maria.lindqvist\\u0040nordbank.se\"}"}}]}]}`)
		}},
		{"personal data in a number", func(h string) string {
			return asHTTP("/v1/chat/completions", h, `{"model":"gpt-5","messages":[],"metadata":{"card":4929123456789015}}`)
		}},
	}
	eachPlane(t, func(t *testing.T, plane string) {
		in := launch(t, plane, "")
		host := strings.TrimPrefix(in.url, "http://")
		for _, a := range attempts {
			in.openai.take()
			in.house.take()
			status, header, _ := in.raw(a.request(host))
			settled := settleFor(in.openai.byteCounter)
			if bytes.Contains(settled, []byte("lindqvist")) || bytes.Contains(settled, []byte("4929123456789015")) {
				t.Errorf("%s: personal data left (status %d)", a.name, status)
			}
			if bytes.Contains(settled, []byte(testOpenAIKey)) && header.Get(proxy.HeaderAction) != "allow" {
				t.Errorf("%s: a key was spent (status %d)", a.name, status)
			}
			if got := header.Values(proxy.HeaderDecisionID); len(got) > 1 || len(got) == 1 && (len(got[0]) != 26 || got[0] == "01FORGED") {
				t.Errorf("%s: decision ids %d in the answer", a.name, len(got))
			}
			served := header.Get(proxy.HeaderPool)
			if served == "openai" || served == "anthropic" {
				t.Errorf("%s: served by %s", a.name, served)
			}
			in.house.take()
			t.Logf("%-36s %d %s %s", a.name, status, header.Get(proxy.HeaderAction), served)
		}
		// The attempts prove something only if the same prompt without a trick is
		// served, and an ordinary one leaves.
		if r := in.post("/v1/chat/completions", body); r.status != http.StatusOK || r.pool() != "house" {
			t.Errorf("without a trick: %d %s", r.status, r.pool())
		}
		if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusOK || r.pool() != "openai" {
			t.Errorf("an ordinary prompt: %d %s", r.status, r.pool())
		}
	})
}

func chunked(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// The key of one pool is never another's, and the application's own goes
// nowhere.
func TestKeysStayWithTheirPools(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		in := launch(t, plane, "")
		for _, prompt := range []string{ordinary, personal} {
			for _, path := range []string{"/v1/chat/completions", "/v1/messages"} {
				in.post(path, chat(prompt), "authorization", "Bearer the-applications-own", "x-api-key", "the-applications-own", "api-key", "the-applications-own",
					"cookie", "the-applications-own", "proxy-authorization", "Basic the-applications-own", "x-goog-api-key", "the-applications-own")
			}
		}
		for _, u := range []*upstream{in.openai, in.house} {
			for _, r := range u.Requests() {
				all := fmt.Sprint(r.Header)
				if strings.Contains(all, "the-applications-own") {
					t.Errorf("the application's own key reached %s", r.Target)
				}
				auth, key := r.Header.Get("authorization"), r.Header.Get("x-api-key")
				switch {
				case u == in.house && (auth != "" || key != ""):
					t.Error("a provider's key reached the pool in-house")
				case u == in.openai && strings.Contains(r.Target, "messages") && (key != testAnthropicKey || auth != ""):
					t.Error("the pool anthropic did not get its own key alone")
				case u == in.openai && !strings.Contains(r.Target, "messages") && (auth != "Bearer "+testOpenAIKey || key != ""):
					t.Error("the pool openai did not get its own key alone")
				}
			}
			if len(u.Requests()) == 0 {
				t.Error("nothing was forwarded: the test is blind")
			}
		}
	})
}

// A subscription's token passes to its own provider where the pool says so, and
// to no other pool.
func TestClientCredentialPassesToItsProviderOnly(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		in := launch(t, plane, "")
		in.end()
		in.stopped = false
		in.serveWith(plane, strings.ReplaceAll(smallest("%s", plane, in.openai.url, in.house.url, ""), "{env: OSTIARY_TEST_ANTHROPIC_KEY}", "client"))
		for prompt, want := range map[string]string{ordinary: "Bearer subscription", personal: ""} {
			before := len(in.openai.Requests()) + len(in.house.Requests())
			in.post("/v1/messages", chat(prompt), "authorization", "Bearer subscription")
			all := append(in.openai.Requests(), in.house.Requests()...)
			if len(all) != before+1 {
				t.Fatalf("%d requests forwarded, want one", len(all)-before)
			}
			got := ""
			for _, r := range all {
				if a := r.Header.Get("authorization"); a != "" {
					got = a
				}
			}
			if want == "" {
				for _, r := range in.house.Requests() {
					if r.Header.Get("authorization") != "" {
						t.Error("the client's token reached the pool in-house")
					}
				}
			} else if got != want {
				t.Error("the client's token did not reach its provider")
			}
		}
	})
}

// With application keys configured, an unknown key is 401 and nothing is sent;
// a known one names the application and is not forwarded.
func TestApplicationKeys(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		t.Setenv("OSTIARY_TEST_APP_KEY", "billing-application-key-0123456789")
		in := launch(t, plane, "applications:\n  - name: billing\n    team: finance\n    key: {env: OSTIARY_TEST_APP_KEY}\n")
		for _, bad := range [][]string{nil, {"authorization", "Bearer wrong"}, {"x-api-key", "billing-application-key-"}, {"ostiary-key", ""}} {
			r := in.post("/v1/chat/completions", chat(ordinary), bad...)
			if r.status != http.StatusUnauthorized || r.code() != "unknown_application_key" {
				t.Errorf("%d headers: %d %s, want 401 unknown_application_key", len(bad)/2, r.status, r.code())
			}
		}
		if len(in.openai.Requests()) != 0 {
			t.Fatal("something was forwarded without a key")
		}
		for _, h := range []string{"authorization", "x-api-key", "ostiary-key"} {
			v := "billing-application-key-0123456789"
			if h == "authorization" {
				v = "Bearer " + v
			}
			if r := in.post("/v1/chat/completions", chat(ordinary), h, v); r.status != http.StatusOK {
				t.Errorf("by %s: %d %s", h, r.status, r.code())
			}
		}
		for _, r := range in.openai.Requests() {
			if strings.Contains(fmt.Sprint(r.Header), "billing-application-key-0123456789") {
				t.Error("the application's key was forwarded")
			}
		}
		in.end()
		named := 0
		for _, e := range in.events(proxy.EventDecision) {
			if e.Request.Application == "billing" {
				named++
			}
		}
		if named != 3 {
			t.Errorf("%d decisions name the application, want 3", named)
		}
	})
}
