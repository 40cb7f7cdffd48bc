package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ostiary/ostiary/proxy/standin"
)

// execTime is how long a command may take; it takes a second.
const execTime = 3 * time.Minute

// execWorld is where exec is tried: a vendor, a resolver that knows every name, and a
// configuration.
type execWorld struct {
	dir, config, dns string
	vendor           *standin.Server
}

// vendorName is a host of the vendor, which nobody else resolves.
const vendorName = "api.vendor.example"

func newExecWorld(t *testing.T) *execWorld {
	t.Helper()
	emptyNamespace(t) // or skip
	w := &execWorld{dir: t.TempDir(), vendor: standin.New(standin.Options{Name: "vendor", Models: []string{"gpt-test"}, Keep: 100})}
	srv := httptest.NewServer(w.vendor)
	t.Cleanup(srv.Close)
	w.config = filepath.Join(w.dir, "ostiary.yaml")
	text := fmt.Sprintf("pools:\n- {name: vendor, boundary: external, url: %q, hosts: [%s], dialects: [openai], credential: none}\n", srv.URL, vendorName)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.dns = anyName(t)
	return w
}

// anyName is a resolver that answers every question for an address.
func anyName(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			a := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
			h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type, TTL: 60}
			switch q.Type {
			case dnsmessage.TypeA:
				a.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: [4]byte{203, 0, 113, 5}}}}
			case dnsmessage.TypeAAAA:
				b := &dnsmessage.AAAAResource{}
				binary.BigEndian.PutUint32(b.AAAA[:], 0x20010db8)
				a.Answers = []dnsmessage.Resource{{Header: h, Body: b}}
			}
			if packed, err := a.Pack(); err == nil {
				_, _ = c.WriteTo(packed, from)
			}
		}
	})
	t.Cleanup(func() { _ = c.Close(); running.Wait() })
	return c.LocalAddr().String()
}

// run runs a command in exec.
func (w *execWorld) run(t *testing.T, flags, args []string) (status int, out, diag string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), execTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ostiary", append(append([]string{"exec", "--dns", w.dns}, flags...), append([]string{"--"}, args...)...)...)
	cmd.Env = append(os.Environ(), "HOME="+w.dir, "XDG_STATE_HOME="+filepath.Join(w.dir, "state"), "HTTPS_PROXY=http://127.0.0.1:1", "OPENAI_BASE_URL=http://127.0.0.1:8484/v1")
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
			t.Fatal(program + " is not installed (failing because OSTIARY_TEST_REQUIRE=1)")
		}
		t.Skip(program + " is not installed")
	}
}

// TestExec: one tool that sends an ordinary prompt, a secret one, and tries to go
// round. What arrives is what was allowed, and what is said holds no content.
func TestExec(t *testing.T) {
	need(t, "curl")
	w := newExecWorld(t)
	outside, err := net.Listen("tcp", "127.0.0.1:0") // whom a way out would reach
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	const card = "4532015112830366"
	script := fmt.Sprintf(`
ask() { curl -sS -m 60 -o /dev/null -w '%%{http_code} %%{http_version}\n' "$@" -H 'content-type: application/json' -d "$body"; }
body='{"model":"gpt-test","messages":[{"role":"user","content":"good morning"}]}'
ask https://%[1]s/v1/chat/completions
ask --noproxy '*' -4 --http1.1 https://%[1]s/v1/chat/completions
body='{"model":"gpt-test","messages":[{"role":"user","content":"my card is %[2]s"}]}'
ask https://%[1]s/v1/chat/completions
echo "proxy=$HTTPS_PROXY base=$OPENAI_BASE_URL"
try() { curl -sS -m 60 -o /dev/null "$@" 2>/dev/null && echo OUT "$@"; }
try -k https://203.0.113.5/
try -k 'https://[2001:db8::5]/'
try https://%[1]s:8443/
try http://%[3]s/
try --http3-only https://%[1]s/
try -x http://203.0.113.5:3128 https://%[1]s/
curl -s -m 60 -w '%%{http_code}\n' -o /dev/null http://203.0.113.5/
exit 9`, vendorName, card, outside.Addr())
	status, out, diag := w.run(t, []string{"--config", w.config}, []string{"sh", "-c", script})
	want := "200 2\n200 1.1\n403 2\nproxy= base=\n403\n"
	if status != 9 || out != want {
		t.Errorf("status %d, %q; want 9, %q\n%s", status, out, want, diag)
	}
	if n := len(w.vendor.Requests()); n != 2 {
		t.Errorf("the vendor got %d requests; want 2", n)
	}
	for _, line := range []string{"decisions       allow 2, deny 1", "asked for       vendor 3", "found           CREDIT_CARD 1", "no_name 2", "log             " + w.dir} {
		if !strings.Contains(diag, line) {
			t.Errorf("%q is not in the summary:\n%s", line, diag)
		}
	}
	err = filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(card)) || bytes.Contains(text, []byte("good morning")) {
			t.Errorf("%s holds content", path)
		}
		return err
	})
	if err != nil || strings.Contains(diag, card) {
		t.Errorf("%v, or content in what was said", err)
	}
	_ = outside.(*net.TCPListener).SetDeadline(time.Now().Add(time.Millisecond))
	if c, err := outside.Accept(); err == nil {
		_ = c.Close()
		t.Error("something came out")
	}
}

// TestExecClients: clients of several languages trust it untouched.
func TestExecClients(t *testing.T) {
	w := newExecWorld(t)
	file := func(name, text string) string {
		path := filepath.Join(w.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const url = "https://" + vendorName + "/v1/models"
	golang := file("client.go", `package main

import ("fmt"; "net/http"; "os")

func main() {
	r, err := http.Get(os.Args[1])
	if err != nil { fmt.Println(err); os.Exit(1) }
	fmt.Println(r.StatusCode)
}
`)
	java := file("Client.java", `import java.net.URI; import java.net.http.*;
public class Client { public static void main(String[] a) throws Exception {
  System.out.println(HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(a[0])).build(), HttpResponse.BodyHandlers.ofString()).statusCode());
} }
`)
	for name, c := range map[string]struct {
		program string
		args    []string
	}{
		"curl":   {"curl", []string{"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\n", url}},
		"python": {"python3", []string{"python3", "-c", "import urllib.request; print(urllib.request.urlopen('" + url + "').status)"}},
		"node":   {"node", []string{"node", "-e", "fetch('" + url + "').then(r => console.log(r.status), e => { console.log(e.cause); process.exit(1) })"}},
		"java":   {"javac", []string{"java", java, url}},
		"go":     {"go", []string{filepath.Join(w.dir, "client"), url}},
	} {
		t.Run(name, func(t *testing.T) {
			need(t, c.program)
			if name == "go" {
				build := exec.Command("go", "build", "-o", c.args[0], golang)
				build.Env = append(os.Environ(), "CGO_ENABLED=0", "GO111MODULE=off")
				if out, err := build.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			status, out, diag := w.run(t, []string{"--config", w.config}, c.args)
			if status != 0 || strings.TrimSpace(out) != "200" {
				t.Errorf("status %d: %q\n%s", status, out, diag)
			}
		})
	}
}

// TestExecBegins: what cannot begin is told, and exits 2.
func TestExecBegins(t *testing.T) {
	w := newExecWorld(t)
	leftovers := filepath.Join(os.TempDir(), "ostiary-exec-*", "ca")
	before, _ := filepath.Glob(leftovers)
	status, _, diag := w.run(t, []string{"--config", w.config}, []string{"no-such-program"})
	if status != 2 || !strings.Contains(diag, "no-such-program: not found in PATH") {
		t.Errorf("status %d\n%s", status, diag)
	}
	status, _, diag = w.run(t, []string{"--config", w.config, "--user", "no-such-user"}, []string{"true"})
	if status != 2 || !strings.Contains(diag, "there is no user") {
		t.Errorf("status %d\n%s", status, diag)
	}
	status, out, diag := w.run(t, []string{"--config", w.config, "--user", "nobody"}, []string{"id", "-un"})
	if status != 0 || out != "nobody\n" {
		t.Errorf("status %d, %q\n%s", status, out, diag)
	}
	after, _ := filepath.Glob(leftovers)
	for _, dir := range after {
		if !slices.Contains(before, dir) {
			t.Errorf("left behind: %s", dir)
		}
	}
}
