package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestProxyAsksWhoCalls: where applications have keys, nobody uses the explicit
// proxy without one, not even for names that pass.
func TestProxyAsksWhoCalls(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		in := &instance{t: t, openai: newUpstream(t, "openai"), house: newUpstream(t, "house")}
		t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
		t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
		t.Setenv("OSTIARY_TEST_APP", "key-of-the-app-0123456789")
		ca, forward := filepath.Join(t.TempDir(), "ca"), freeAddress(t)
		if out, err := exec.Command("ostiary", "ca", "init", "--dir", ca, "--permit", "api.vendor.example").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		in.serveWith(plane, smallest("%s", plane, in.openai.url, in.house.url, fmt.Sprintf(
			"applications: [{name: app, key: {env: OSTIARY_TEST_APP}}]\nintercept: {proxy: %q, ca: %q, providers: [openai], hosts: [api.vendor.example]}\n", forward, ca)))
		ask := func(request, credentials string) *http.Response {
			t.Helper()
			c, err := net.Dial("tcp", forward)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			if credentials != "" {
				credentials = "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(credentials)) + "\r\n"
			}
			_, _ = fmt.Fprintf(c, "%s\r\n%s\r\n", request, credentials)
			r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: "CONNECT"})
			if err != nil {
				t.Fatalf("%s: %v", request, err)
			}
			return r
		}
		for _, request := range []string{
			"CONNECT api.vendor.example:443 HTTP/1.1\r\nHost: api.vendor.example:443", "CONNECT passed.example:443 HTTP/1.1\r\nHost: passed.example:443",
			"GET http://passed.example/ HTTP/1.1\r\nHost: passed.example",
		} {
			for _, credentials := range []string{"", "app:wrong-key-0123456789", "nobody:"} {
				if r := ask(request, credentials); r.StatusCode != 407 || r.Header.Get("proxy-authenticate") == "" {
					t.Errorf("%s with %q: %d %v", request, credentials, r.StatusCode, r.Header)
				}
			}
			if r := ask(request, "app:key-of-the-app-0123456789"); r.StatusCode == 407 || request[:7] == "CONNECT" && r.StatusCode != 200 {
				t.Errorf("%s with the key: %d", request, r.StatusCode)
			}
		}
	})
}
