package console_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ostiary/ostiary/proxy/console"
)

// What a web page could have sent is refused before anybody is identified, and no
// page is told that it may read an answer.
func TestDoor(t *testing.T) {
	h := build(t, func(o *console.Options) { o.Origins = []string{"https://console.b.example"} })
	for _, tt := range []struct {
		name   string
		header []string
		code   string
	}{
		{"a program", nil, ""},
		{"another port", []string{"Host", "localhost:1"}, ""},
		{"a rebound name", []string{"Host", "attacker.example"}, "host_not_allowed"},
		{"a name that begins like ours", []string{"Host", "localhost.attacker.example"}, "host_not_allowed"},
		{"a page", []string{"Origin", "https://attacker.example"}, "host_not_allowed"},
		{"a page without an origin", []string{"Origin", "null"}, "host_not_allowed"},
		{"a listed page", []string{"Origin", "https://console.b.example"}, ""},
		{"a listed page and another", []string{"Origin", "https://console.b.example", "Origin", "https://attacker.example"}, "host_not_allowed"},
	} {
		got := h.ask("GET", "/api/v1/self", "viewer", "", tt.header...)
		if got.code != tt.code {
			t.Errorf("%s: %d %s, want %q", tt.name, got.status, got.body, tt.code)
		}
		for name := range got.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: the answer has %s", tt.name, name)
			}
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: header %v", tt.name, got.header)
		}
	}
	for _, method := range []string{"OPTIONS", "TRACE", "PUT", "PATCH", "HEAD", "PROPFIND"} {
		if got := h.ask(method, "/api/v1/events", "viewer", ""); got.status != 405 {
			t.Errorf("%s: %d", method, got.status)
		}
	}
	if got := h.ask("GET", "/api/v1/self", "viewer", "", "Authorization", "Bearer viewer"); got.status != 401 {
		t.Errorf("two tokens: %d", got.status)
	}
	if got := h.ask("GET", "/api/v1/self", "", "", "Authorization", "Basic dmlld2Vy"); got.status != 401 || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("a password: %d %v", got.status, got.header)
	}
	for _, path := range []string{"/api/v1/../v1/events", "//api/v1/events", "/api/v1/events/", "/API/v1/events", "/api/v1/events%2f"} {
		if got := h.ask("GET", path, "viewer", ""); got.status == 200 {
			t.Errorf("%s is answered", path)
		}
	}
}

// Without a room its routes are not served, and say so; the rest is.
func TestRoomsThatAreNotThere(t *testing.T) {
	h := build(t, func(o *console.Options) {
		o.Personal, o.Follower, o.Pseudonyms, o.Custodian, o.Upkeep, o.Exporter, o.Auditor, o.Tiles = nil, nil, nil, nil, nil, nil, nil, nil
	})
	ok := `"reason":"review","ticket":"T"`
	for _, tt := range [][3]string{
		{"GET", "/api/v1/events?personal=true"}, {"GET", "/api/v1/tail"}, {"GET", "/api/v1/export?format=jsonl"}, {"GET", "/api/v1/stats"},
		{"GET", "/api/v1/verify"}, {"GET", "/checkpoint"}, {"GET", "/tile/0/000"}, {"POST", "/api/v1/hash", `{"type":"EMAIL_ADDRESS","value":"x"}`},
		{"POST", "/api/v1/reveal/" + h.ids[0], "{" + ok + "}"}, {"POST", "/api/v1/erase", `{"subject":"a",` + ok + "}"}, {"GET", "/api/v1/hold"}, {"POST", "/api/v1/seal", "{}"},
	} {
		if got := h.ask(tt[0], tt[1], "dpo+admin", tt[2]); got.code != "not_available" {
			t.Errorf("%s %s: %d %s", tt[0], tt[1], got.status, got.body)
		}
	}
	if got := h.ask("GET", "/api/v1/events", "viewer", ""); got.status != 200 {
		t.Errorf("events: %d", got.status)
	}
}

// A caller who asks too much waits; others do not.
func TestRates(t *testing.T) {
	h := build(t, func(o *console.Options) { o.Rate = 2 })
	c := h.client()
	var last error
	for range 200 {
		if _, last = c.Self(t.Context()); last != nil {
			break
		}
	}
	if problemCode(last) != "rate" {
		t.Errorf("two hundred requests at once: %v", last)
	}
	got := h.ask("GET", "/api/v1/self", "viewer", "")
	if got.status != 200 {
		t.Errorf("somebody else: %d", got.status)
	}
	// Whoever proves nothing is limited by address, before a signature is checked.
	limited := false
	for range 60 {
		got := h.ask("GET", "/api/v1/self", "bad", "")
		if limited = got.status == 429; limited {
			if got.header.Get("Retry-After") == "" {
				t.Error("it is not said how long to wait")
			}
			break
		}
	}
	if !limited {
		t.Error("sixty bad tokens at once")
	}
}

// So many requests at once, and no more: the others are told to come again.
func TestRequestsAreBounded(t *testing.T) {
	h := build(t, nil)
	codes := make(chan int, 65)
	for range 65 {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", h.base+"/api/v1/events?q=slow:x", nil)
		req.Header.Set("Authorization", "Bearer viewer")
		tr := h.transport()
		go func() {
			resp, err := tr.RoundTrip(req)
			if err != nil { // ended with the server
				codes <- 0
				return
			}
			_ = resp.Body.Close()
			codes <- resp.StatusCode
		}()
	}
	if code := <-codes; code != 503 {
		t.Errorf("the first of 65 slow requests that is answered: %d", code)
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	_ = h.server.Shutdown(now) // the slow ones need not take their time
	for range 64 {
		<-codes
	}
}

// What a client sends is bounded in size and in time.
func TestHeadersAreBounded(t *testing.T) {
	h := build(t, nil)
	conn, err := net.Dial("unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		_, _ = io.WriteString(conn, "GET /api/v1/self HTTP/1.1\r\nHost: localhost\r\nx: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	}()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "431") {
		t.Errorf("a header of 64 KiB: %q, %v", line, err)
	}
}

// The listener takes no configuration under which nobody could be known, or anybody
// could ask.
func TestServeTLSRefuses(t *testing.T) {
	o := console.Options{Recorder: &audited{}, Records: console.Local(nil), Searcher: &rooms{}}
	for name, tt := range map[string]struct {
		hosts  []string
		tokens console.Tokens
		auth   tls.ClientAuthType
	}{
		"no hosts":                        {nil, tokens{}, tls.NoClientCert},
		"nobody could be known":           {[]string{"a"}, nil, tls.NoClientCert},
		"certificates that nobody checks": {[]string{"a"}, nil, tls.RequireAnyClientCert},
		"certificates without authority":  {[]string{"a"}, nil, tls.RequireAndVerifyClientCert},
	} {
		o := o
		o.Hosts, o.Tokens = tt.hosts, tt.tokens
		s, err := console.New(o)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ServeTLS(l, &tls.Config{ClientAuth: tt.auth}); err == nil {
			t.Errorf("%s: it is served", name)
		}
		_ = l.Close()
	}
}

// Requests are told to whoever observes, by route and never by path.
func TestObserve(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	h := build(t, func(o *console.Options) {
		o.Observe = func(c console.Call) {
			mu.Lock()
			defer mu.Unlock()
			seen[fmt.Sprint(c.Route, " ", c.Status)]++
		}
	})
	h.ask("GET", "/api/v1/events/"+h.ids[0], "viewer", "")
	h.ask("GET", "/api/v1/events/"+h.ids[0], "admin", "")
	h.ask("GET", "/"+canary, "viewer", "")
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"GET /api/v1/events/{id} 200", "GET /api/v1/events/{id} 403", " 404"} {
		if seen[want] != 1 {
			t.Errorf("%q was not told: %v", want, seen)
		}
	}
}
