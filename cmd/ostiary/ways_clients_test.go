//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/testdata/env"
)

// card is personal data: a number of a payment card that nobody was given, with
// whom it is.
const card = "Remind maria.lindqvist@nordbank.se that her card 4539 5787 6362 1486 was charged."

// theKey is what the applications have from the vendor. It opens nothing.
const theKey = "test-openai-key-of-the-application"

// waysCase is one thing that an application does.
type waysCase struct {
	Client string `json:"client"`
	Prompt string `json:"prompt"`
	Stream bool   `json:"stream"`
	URL    string `json:"url,omitempty"` // of a page to get in place of a prompt
}

// waysTold is what its library told an application.
type waysTold struct {
	Status                       int
	Pool, Action, Decision, Text string
	Events                       int
	Class, Message               string // of an error
}

// asking is an application that is running.
type asking struct {
	in    io.Writer
	lines chan string
	form  func(waysCase) string
}

// application starts a program inside that takes cases on its standard input.
func (w *world) application(t *testing.T, view string, environ []string, form func(waysCase) string, command ...string) *asking {
	t.Helper()
	cmd := w.command(view, uidApp, environ, command...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	diag := &syncBuffer{}
	cmd.Stderr = diag
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &asking{in: in, lines: make(chan string, 1), form: form}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(a.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			a.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		for range a.lines {
			continue
		}
		<-read
		_ = cmd.Wait()
		if t.Failed() && diag.String() != "" {
			t.Logf("%s said:\n%s", filepath.Base(command[0]), diag)
		}
	})
	return a
}

func (a *asking) do(c waysCase) waysTold {
	if _, err := io.WriteString(a.in, a.form(c)+"\n"); err != nil {
		return waysTold{Class: "none", Message: "the application is gone"}
	}
	select {
	case line, ok := <-a.lines:
		var told waysTold
		if !ok || json.Unmarshal([]byte(line), &told) != nil {
			return waysTold{Class: "none", Message: "the application gave no answer"}
		}
		return told
	case <-time.After(2 * time.Minute):
		return waysTold{Class: "none", Message: "the application does not answer"}
	}
}

func asJSON(c waysCase) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// curl runs curl as a person does, once for each case.
func (w *world) curl(t *testing.T, view string, environ []string, c waysCase) waysTold {
	t.Helper()
	args := []string{"curl", "--silent", "--show-error", "--max-time", "60", "--include", "--suppress-connect-headers"}
	if c.URL != "" {
		args = append(args, c.URL)
	} else {
		body := chat(c.Prompt)
		if c.Stream {
			body = strings.Replace(body, "{", `{"stream":true,`, 1)
		}
		args = append(args, "https://"+vendorOpenAI+"/v1/chat/completions", "-H", "content-type: application/json", "-H", "authorization: Bearer "+theKey, "--data-binary", body)
	}
	cmd := w.command(view, uidApp, environ, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return waysTold{Class: "curl", Message: said.String()}
	}
	// The status line says HTTP/2 where it is, and the transfer encoding is taken off.
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(out)))
	first, err := r.ReadLine()
	if err != nil {
		return waysTold{Class: "curl", Message: "it printed nothing"}
	}
	head, err := r.ReadMIMEHeader()
	if err != nil {
		return waysTold{Class: "curl", Message: "what it printed has no head"}
	}
	body, err := io.ReadAll(r.R)
	if err != nil {
		return waysTold{Class: "curl", Message: "what it printed has no end"}
	}
	told := waysTold{Pool: head.Get(proxy.HeaderPool), Action: head.Get(proxy.HeaderAction), Decision: head.Get(proxy.HeaderDecisionID)}
	if _, err := fmt.Sscanf(first, "HTTP/%s %d", new(string), &told.Status); err != nil {
		return waysTold{Class: "curl", Message: first}
	}
	if told.Status == http.StatusOK {
		told.Text, told.Events = string(body), strings.Count(string(body), "data: {")
		return told
	}
	told.Class, told.Message = "body", string(body)
	return told
}

// applications are the clients of one way and view, by name. Each is started once.
func (w *world) applications(t *testing.T, way, view string, trust []string) map[string]func(waysCase) waysTold {
	t.Helper()
	proxied := []string(nil)
	python := []string{w.path("py", "bin", "python3"), "-s", w.path("src", "client.py")}
	node := []string{"node", w.path("src", "client.mjs")}
	java := []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", w.path("app", "classes")}
	if way == proxy.WayProxy {
		at := atProxy
		if view == "ipv6" {
			at = "[::1]:3128"
		}
		for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
			proxied = append(proxied, name+"=http://"+at)
		}
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			t.Fatal(err)
		}
		java = append(java, "-Dhttps.proxyHost="+host, "-Dhttps.proxyPort="+port)
		node = append([]string{"node", "--import", w.path("src", "proxy.mjs")}, node[1:]...)
	}
	environ := append(append([]string{"OPENAI_API_KEY=" + theKey}, trust...), proxied...)
	sdk, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(env.Python(t))), "lib", "python3*", "site-packages"))
	if err != nil || len(sdk) != 1 {
		t.Fatalf("no site-packages beside Python: %v", err)
	}
	p := w.application(t, view, append(environ, "LD_LIBRARY_PATH="+w.path("py", "lib"), "PYTHONPATH="+w.path("python")+":"+sdk[0]), asJSON, python...)
	n := w.application(t, view, append(environ, "OSTIARY_TEST_NODE_MODULES="+w.path("node_modules")), asJSON, node...)
	j := w.application(t, view, environ, func(c waysCase) string { return fmt.Sprintf("%v\t%s\t%s", c.Stream, c.URL, c.Prompt) }, append(java, "Client")...)
	g := w.application(t, view, environ, asJSON, w.path("app", "client"))
	as := func(a *asking, name string) func(waysCase) waysTold {
		return func(c waysCase) waysTold { c.Client = name; return a.do(c) }
	}
	return map[string]func(waysCase) waysTold{
		"curl":            func(c waysCase) waysTold { return w.curl(t, view, environ, c) },
		"Python requests": as(p, "requests"), "Python httpx": as(p, "httpx"), "Python openai": as(p, "openai"),
		"Node fetch": as(n, "fetch"), "Node openai": as(n, "openai"), "Java HttpClient": as(j, "java"), "Go net/http": as(g, "go"),
	}
}

// compile builds the clients that are compiled.
func (w *world) compile() {
	w.t.Helper()
	classes := w.path("app", "classes")
	for _, c := range []*exec.Cmd{
		exec.Command(env.Program(w.t, "javac"), "-d", classes, "testdata/ways/Client.java"),
		exec.Command("go", "build", "-o", w.path("app", "client"), "./testdata/ways/client"),
	} {
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			w.t.Fatalf("%v\n%s", err, out)
		}
	}
}

// refusals are how the libraries tell an application of a status of 403, in the order
// of errors of their own.
var refusedAs = map[string]string{
	"curl": "body", "Python requests": "HTTPError", "Python httpx": "HTTPStatusError", "Python openai": "PermissionDeniedError",
	"Node fetch": "Response", "Node openai": "PermissionDeniedError", "Java HttpClient": "HttpResponse", "Go net/http": "Response",
}

// TestApplicationsAreIntercepted: clients that know nothing of Ostiary but its
// authority, and in one way its proxy. What is ordinary goes to the vendor, personal
// data to the model in-house, and a secret nowhere, in both ways, over IPv4 and IPv6,
// with both data planes.
func TestApplicationsAreIntercepted(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		w := newWorld(t)
		w.compile()
		r := w.run(plane, "")
		trust := w.trusting(r, "python", "node", "go", "curl", "java")
		for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
			if way == proxy.WayRedirect {
				w.redirected(r.file)
			}
			for _, view := range []string{"ipv4", "ipv6"} {
				t.Run(way+" "+view, func(t *testing.T) {
					for name, do := range w.applications(t, way, view, trust) {
						t.Run(name, func(t *testing.T) { w.governed(t, name, do) })
					}
				})
			}
		}
		t.Run("pinned", func(t *testing.T) { w.pinned(t, trust) })
		if status := r.stop(t); status != 0 {
			t.Errorf("exit status %d", status)
		}
		w.recorded(t, r)
	})
}

// controlFrames are bytes that connections kept open to the vendor may still carry:
// an acknowledgement of HTTP/2 in a record of TLS, and less than any prompt.
const controlFrames = 60

// governed makes one application go through all cases.
func (w *world) governed(t *testing.T, name string, do func(waysCase) waysTold) {
	w.vendor.bytes.take()
	for _, stream := range []bool{false, true} {
		told := do(waysCase{Prompt: ordinary, Stream: stream})
		if told.Status != 200 || told.Pool != "openai" || told.Action != "allow" || len(told.Decision) != 26 || told.Class != "" {
			t.Fatalf("ordinary: %+v, want it answered by the vendor", told)
		}
		if stream && told.Events < 2 || !strings.Contains(strings.Join(strings.Fields(told.Text), " "), "vendor") {
			t.Errorf("ordinary, streamed %v: %d events", stream, told.Events)
		}
	}
	if len(settleFor(w.vendor.bytes)) == 0 {
		t.Error("ordinary: nothing arrived at the vendor: the counter is blind")
	}
	asked, before := w.vendor.Count(), w.house.Count()
	told := do(waysCase{Prompt: card})
	if told.Status != 200 || told.Pool != "house" || told.Action != "reroute" || told.Class != "" {
		t.Errorf("personal data: %+v, want it answered in-house", told)
	}
	if w.house.Count() != before+1 {
		t.Errorf("personal data: the model in-house was asked %d times", w.house.Count()-before)
	}
	told = do(waysCase{Prompt: secret})
	if told.Status != 403 || told.Action != "deny" || told.Class != refusedAs[name] || !strings.Contains(told.Message, "credential") || !strings.Contains(told.Message, told.Decision) {
		t.Errorf("secret: %+v, want a refusal that its caller can read", told)
	}
	if n := len(settleFor(w.vendor.bytes)); n > controlFrames || w.vendor.Count() != asked {
		t.Errorf("%d bytes and %d requests went to the vendor with personal data or a secret", n, w.vendor.Count()-asked)
	}
	told = do(waysCase{URL: "https://" + ordinarySite + "/"})
	switch {
	case strings.HasPrefix(name, "Node"), strings.HasPrefix(name, "Java"):
		// They have public roots of their own, and this site's is not among them:
		// that they say so shows that nobody stood in between.
		if told.Class == "" {
			t.Errorf("the ordinary site: %+v, want a certificate that the client does not know", told)
		}
	case told.Status != 200 || !strings.Contains(told.Text, pageText):
		t.Errorf("the ordinary site: %+v", told)
	}
	w.paste.bytes.take()
	if told = do(waysCase{URL: "https://" + pasteSite + "/"}); told.Class == "" || told.Status == 200 {
		t.Errorf("what a rule refuses: %+v", told)
	}
	if n := len(settleFor(w.paste.bytes)); n != 0 {
		t.Errorf("%d bytes went where a rule refuses", n)
	}
}

// recorded looks at what the log has of what the applications did.
func (w *world) recorded(t *testing.T, r *running) {
	t.Helper()
	n := map[string]int{}
	for _, ev := range readEvents(t, w.path("ostiary", "log"), proxy.EventDecision) {
		if ev.Request.Application != "desk" {
			t.Errorf("decision %s is of the application %q", ev.ID, ev.Request.Application)
		}
		if ev.Decision.Facts == nil {
			t.Errorf("decision %s has no facts", ev.ID)
			continue
		}
		n[ev.Decision.Facts.Request.Way+" "+string(ev.Decision.Action)]++
	}
	each := 2 * len(refusedAs) // families, applications
	want := map[string]int{}
	for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
		want[way+" allow"], want[way+" reroute"], want[way+" deny"] = 2*each, each, each
	}
	if !maps.Equal(n, want) {
		t.Errorf("decisions in the log by way: %v, want %v", n, want)
	}
}

// pinned is a client that takes the vendor's own authority and no other: it fails
// where Ostiary is, and nothing of what it had to say leaves.
func (w *world) pinned(t *testing.T, trust []string) {
	for _, way := range []string{"redirect", "proxy"} {
		w.vendor.bytes.take()
		args := []string{"curl", "--silent", "--show-error", "--max-time", "60", "--cacert", w.path("vendor.pem"), "https://" + vendorOpenAI + "/v1/chat/completions",
			"-H", "content-type: application/json", "--data-binary", chat(ordinary)}
		if way == "proxy" {
			args = append(args, "--proxy", "http://"+atProxy)
		}
		out, err := w.command("ipv4", uidApp, trust, args...).CombinedOutput()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != curlCannotVerify {
			t.Errorf("%s: %v %s, want that curl cannot verify the certificate", way, err, out)
		}
		if n := len(settleFor(w.vendor.bytes)); n > controlFrames {
			t.Errorf("%s: %d bytes went to the vendor", way, n)
		}
	}
}

// curlCannotVerify is curl's exit status for a certificate that it does not trust
// (CURLE_PEER_FAILED_VERIFICATION).
const curlCannotVerify = 60
