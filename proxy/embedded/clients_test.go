package embedded_test

import (
	"context"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// Programs of others, which know of the proxy and the authority by what every
// installation has for it: variables and options. Each prints the status that it
// got.
const (
	byPython = `
import urllib.request, urllib.error, sys
r = urllib.request.Request(sys.argv[1], data=sys.argv[2].encode(), headers={"content-type": "application/json"})
try: print(urllib.request.urlopen(r).status, end="")
except urllib.error.HTTPError as e: print(e.code, end="")
`
	byNode = `
const http = require('http'), https = require('https'), u = new URL(process.argv[1]), p = new URL(process.env.HTTPS_PROXY);
const auth = 'Basic ' + Buffer.from(p.username + ':' + p.password).toString('base64');
http.request({host: p.hostname, port: p.port, method: 'CONNECT', path: u.hostname + ':443', headers: {'Proxy-Authorization': auth}}).on('connect', (_, socket) => {
  const r = https.request({host: u.hostname, path: u.pathname, method: 'POST', createConnection: () => require('tls').connect({socket, servername: u.hostname})}, a => { process.stdout.write('' + a.statusCode); a.resume(); a.on('end', () => socket.destroy()) });
  r.end(process.argv[2]);
}).end();
`
)

// TestClientsOfOthers: curl, Python (to 3.11 it asks by HTTP/1.0) and Node work
// through the explicit proxy without a change.
func TestClientsOfOthers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		command []string
		version string // of HTTP inside
	}{
		{"curl", []string{"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", "--http1.1", "-d"}, "HTTP/1.1"},
		{"curl, HTTP/2", []string{"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", "--http2", "-d"}, "HTTP/2"},
		{"python", []string{"python3", "-c", byPython}, "HTTP/1.1"},
		{"node", []string{"node", "-e", byNode}, "HTTP/1.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath(tt.command[0]); err != nil {
				if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
					t.Fatalf("there is no %s (failing because OSTIARY_TEST_REQUIRE=1)", tt.command[0])
				}
				t.Skipf("there is no %s", tt.command[0])
			}
			s := openStreet(t)
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.cert.Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			ask := func(body string) string {
				args := append(tt.command[1:len(tt.command):len(tt.command)], "https://"+openai+chat, body)
				if tt.command[0] == "curl" {
					args[len(args)-2], args[len(args)-1] = body, "https://"+openai+chat
				}
				ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
				defer cancel()
				c := exec.CommandContext(ctx, tt.command[0], args...)
				c.Env = append(os.Environ(), "HTTPS_PROXY=http://app:key@"+s.proxy, "https_proxy=http://app:key@"+s.proxy, "NO_PROXY=", "no_proxy=", "SSL_CERT_FILE="+ca, "CURL_CA_BUNDLE="+ca, "NODE_EXTRA_CA_CERTS="+ca)
				out, err := c.CombinedOutput()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				return string(out)
			}
			if got := ask(`{"model":"m"}`); got != "200" {
				t.Errorf("gets %q", got)
			}
			if got := ask("please-deny"); got != "403" {
				t.Errorf("gets %q of what the policies deny", got)
			}
			d, _ := s.account(t)
			if len(d) != 2 || len(s.model.Requests()) != 1 || len(s.told) != 0 {
				t.Errorf("%d decisions, %d requests upstream, %d told", len(d), len(s.model.Requests()), len(s.told))
			}
			for _, h := range s.heads {
				v, _ := h.Get("proxy-authorization")
				if h.Way != proxy.WayProxy || h.Protocol != tt.version || !strings.HasPrefix(v.Reveal(), "Basic ") {
					t.Errorf("the head says way %q, %s", h.Way, h.Protocol)
				}
			}
		})
	}
}
