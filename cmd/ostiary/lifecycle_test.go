package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/standin"
	"github.com/ostiary/ostiary/testdata/env"
)

// TestScripts runs the command line as a person would, input and output in one
// file each.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("XDG_RUNTIME_DIR", "")
			e.Setenv("TMPDIR", os.TempDir())
			return nil
		},
	})
}

// process is Ostiary in a process of its own.
type process struct {
	cmd    *exec.Cmd
	screen *syncBuffer
}

func startProcess(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command("ostiary", args...), screen: &syncBuffer{}}
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.Stdout, p.cmd.Stderr = p.screen, p.screen
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

// await waits until the screen shows a text.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(p.screen.String(), text) {
			return
		}
	}
	t.Fatalf("%q is not printed:\n%s", text, p.screen)
}

// stop asks the process to end and gives its exit status.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	_ = p.cmd.Process.Signal(os.Interrupt)
	err := p.cmd.Wait()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// The demo prints its tour plainly where nobody could press Enter, stays up, and
// ends cleanly; what it says of the log is true.
func TestDemo(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		dir := shortTempDir(t)
		listen := freeAddress(t)
		environ := []string{"OSTIARY_ENVOY="}
		if plane == "envoy" {
			environ = []string{"OSTIARY_ENVOY=" + env.Envoy(t)}
		}
		log := filepath.Join(dir, "log")
		p := startProcess(t, environ, "demo", "--listen", listen, "--log", log, "--dataplane", plane)
		p.await(t, "Ctrl-C ends it.")
		for _, want := range []string{
			"action    allow to closed-api (HTTP 200)", "action    reroute to in-house (HTTP 200)", "action    deny (HTTP 403)",
			"1 EMAIL_ADDRESS", "1 IBAN_CODE", "SECRET_GITHUB_TOKEN", "data_policy_denied", "residency/", "secrets/", "data plane      " + plane,
		} {
			if !strings.Contains(p.screen.String(), want) {
				t.Errorf("the tour does not say %q", want)
			}
		}
		in := &instance{t: t, url: "http://" + listen}
		if r := in.post("/v1/messages", chat(personal)); r.status != http.StatusOK || r.pool() != "in-house" {
			t.Errorf("a visitor's own prompt: %d %s", r.status, r.pool())
		}
		if status := p.stop(t); status != 0 {
			t.Errorf("exit status %d\n%s", status, p.screen)
		}
		out, err := exec.Command("ostiary", "audit", "search", "--json", "--log", log, "kind:decision").Output()
		if err != nil {
			t.Fatal(err)
		}
		actions := map[string]int{}
		for line := range strings.Lines(string(out)) {
			// The names that are fixed for whoever reads the log.
			var ev struct {
				ID, Time, Kind string
				Decision       struct {
					Action, Pool string
					Reasons      []json.RawMessage
				}
				Findings []struct {
					Type       string
					Count      int
					Likelihood string
				}
			}
			if err := json.Unmarshal([]byte(line), &ev); err != nil || ev.ID == "" || ev.Time == "" || ev.Kind != "decision" || ev.Decision.Reasons == nil {
				t.Fatalf("a line of the log cannot be read: %v", err)
			}
			actions[ev.Decision.Action+" "+ev.Decision.Pool]++
		}
		if actions["allow closed-api"] != 1 || actions["reroute in-house"] != 2 || actions["deny "] != 1 {
			t.Errorf("decisions in the log: %v", actions)
		}
		if out, err := exec.Command("ostiary", "audit", "verify", "--log", log).CombinedOutput(); err != nil {
			t.Errorf("the demo's log does not verify: %v\n%s", err, out)
		}
	})
}

// A change of the policies is served within moments; a broken one leaves the old
// serving and is said loudly; SIGHUP does the same.
func TestReload(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		up := newUpstream(t, "openai")
		dir := shortTempDir(t)
		if out, err := exec.Command("ostiary", "init", dir).CombinedOutput(); err != nil {
			t.Fatalf("init: %v\n%s", err, out)
		}
		listen := freeAddress(t)
		file := filepath.Join(dir, "ostiary.yaml")
		write := func(name, text string) {
			t.Helper()
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		config := smallest(listen, plane, up.url, up.url, "policies: ./policies\n")
		write(file, config)
		environ := []string{"OSTIARY_TEST_OPENAI_KEY=k-0123456789abcdef", "OSTIARY_TEST_ANTHROPIC_KEY=k-0123456789abcdef", "OSTIARY_ENVOY="}
		if plane == "envoy" {
			environ[2] += env.Envoy(t)
		}
		p := startProcess(t, environ, "run", "--config", file)
		p.await(t, "What it decides")
		in := &instance{t: t, url: "http://" + listen}
		want := func(status int, why string) {
			t.Helper()
			for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				r := in.post("/v1/chat/completions", chat(ordinary))
				if r.status == status {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s: status %d (%s), want %d\n%s", why, r.status, r.code(), status, p.screen)
				}
			}
		}
		want(200, "at first")

		rule := filepath.Join(dir, "policies", "closed", "closed.rego")
		if err := os.MkdirAll(filepath.Dir(rule), 0o700); err != nil {
			t.Fatal(err)
		}
		write(rule, "# METADATA\n# scope: package\npackage ostiary.policies.closed\n\nimport rego.v1\n\n# METADATA\n# title: Closed for today\ndeny contains {\"rule\": \"closed\", \"message\": \"Closed for today.\"} if input.request.operation == \"chat\"\n")
		want(403, "with a rule that denies")

		write(rule, "package ostiary.policies.closed\n\nimport rego.v1\n\ndeny contains {\"rule\": \"closed\", \"message\": \"x\"} if input.request.operatoin == \"chat\"\n")
		p.await(t, "RELOAD FAILED")
		if s := p.screen.String(); !strings.Contains(s, "closed.rego:5") || !strings.Contains(s, "operatoin") {
			t.Errorf("the message does not name the line and the field:\n%s", s)
		}
		want(403, "while the rule is broken, the former one")

		if err := os.RemoveAll(filepath.Dir(rule)); err != nil {
			t.Fatal(err)
		}
		want(200, "without the rule")

		// And a change of a pool: requests go to the new place, none to the old.
		other := newUpstream(t, "other")
		write(file, strings.ReplaceAll(config, up.url, other.url))
		_ = p.cmd.Process.Signal(syscall.SIGHUP)
		for deadline := time.Now().Add(20 * time.Second); len(other.Requests()) == 0; {
			if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != 200 && r.status != 503 {
				t.Fatalf("while the pools change: %d %s", r.status, r.code())
			}
			if time.Now().After(deadline) {
				t.Fatalf("the new pool is not used\n%s", p.screen)
			}
		}
		want(200, "with new pools")
		before := len(up.Requests())
		for range 20 {
			in.post("/v1/chat/completions", chat(ordinary))
		}
		if n := len(up.Requests()) - before; n != 0 {
			t.Errorf("%d requests went to the former pool", n)
		}
		if status := p.stop(t); status != 0 {
			t.Errorf("exit status %d\n%s", status, p.screen)
		}
	})
}

// Without a configuration file: the local model server is found, prompts with
// personal data go to it, and Ostiary is never its own pool.
func TestRunWithoutConfiguration(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		t.Skip("port 8080, where llama.cpp listens by default, is taken on this machine")
	}
	house := standin.New(standin.Options{Name: "llamacpp", Models: []string{"local-model"}, Keep: 10})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			w.Header().Set("content-type", "application/json")
			_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"local-model","object":"model","owned_by":"llamacpp"}]}`)
			return
		}
		house.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	dir := shortTempDir(t)
	listen := freeAddress(t)
	p := startProcess(t, []string{"XDG_STATE_HOME=" + dir, "OPENAI_API_KEY=k-0123456789abcdef", "ANTHROPIC_API_KEY="}, "run", "--listen", listen, "--dataplane", "embedded")
	p.await(t, "What it decides")
	for _, want := range []string{"openai (external, US)", "anthropic (external, US)", "llama.cpp at http://127.0.0.1:8080", filepath.Join(dir, "ostiary", "log"), "OPENAI_BASE_URL=http://" + listen + "/v1"} {
		if !strings.Contains(p.screen.String(), want) {
			t.Errorf("the start does not print %q:\n%s", want, p.screen)
		}
	}
	in := &instance{t: t, url: "http://" + listen}
	if r := in.post("/v1/chat/completions", chat(personal)); r.status != 200 || r.pool() != "house" {
		t.Errorf("personal data: %d %s %s", r.status, r.pool(), r.code())
	}
	if r := in.send("GET", "/v1/models", nil); r.status != 200 || !strings.Contains(string(r.body), "local-model") {
		t.Errorf("models: %d", r.status)
	}
	if len(house.Requests()) != 1 || !strings.Contains(string(house.Requests()[0].Body), `"local-model"`) {
		t.Error("the local server did not get the request under its own model's name")
	}
	if status := p.stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// Metrics, health and readiness, where configured; and no content in them.
func TestMetrics(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		metrics := freeAddress(t)
		in := launch(t, plane, "telemetry: {listen: "+metrics+"}\n")
		for _, prompt := range []string{ordinary, personal, secret} {
			in.post("/v1/chat/completions", chat(prompt))
		}
		get := func(path string) (int, string) {
			resp, err := http.Get("http://" + metrics + path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			return resp.StatusCode, string(b)
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			if status, _ := get(path); status != 200 {
				t.Errorf("%s: %d", path, status)
			}
		}
		_, text := get("/metrics")
		for _, want := range []string{`action="allow"`, `action="reroute"`, `action="deny"`, `pool="house"`, `type="EMAIL_ADDRESS"`, `step="classify"`} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s among the metrics", want)
			}
		}
		if plane == "envoy" {
			found := false
			for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
				found = found || strings.Contains(s.Text(), "envoy") && !strings.HasPrefix(s.Text(), "#")
			}
			if !found {
				t.Error("Envoy's counters are not among the metrics")
			}
		}
		for _, content := range []string{"lindqvist", demoToken, "haiku"} {
			if strings.Contains(text, content) {
				t.Error("content is among the metrics")
			}
		}
	})
}

// A stream passes without delay: the first event is with the client before the
// upstream has sent the last.
func TestStreamsPassWithoutDelay(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		gate := make(chan struct{})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: standin.New(standin.Options{Name: "openai", Gate: func(_ *http.Request, n int) {
			if n == 1 {
				<-gate
			}
		}})}
		go func() { _ = srv.Serve(l) }()
		t.Cleanup(func() { _ = srv.Close() })
		in := &instance{t: t, openai: newUpstream(t, "openai"), house: newUpstream(t, "house")}
		in.openai.url = "http://" + l.Addr().String()
		in.serve(plane, in.house.url, "")
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "POST", in.url+"/v1/chat/completions", strings.NewReader(strings.Replace(chat(ordinary), "{", `{"stream":true,`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("content-type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		r := bufio.NewReader(resp.Body)
		line, err := r.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "data:") {
			t.Fatalf("no first event while the upstream waits: %v", err)
		}
		close(gate)
		rest, err := io.ReadAll(r)
		if err != nil || !strings.Contains(string(rest), "[DONE]") {
			t.Errorf("the stream does not end: %v", err)
		}
		if resp.Header.Get(proxy.HeaderAction) != "allow" || resp.Header.Get(proxy.HeaderDecisionID) == "" {
			t.Error("a stream's answer does not say what was done")
		}
	})
}

// observe decides and records and acts on nothing.
func TestObserve(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		in := &instance{t: t, openai: newUpstream(t, "openai"), house: newUpstream(t, "house")}
		t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
		t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
		in.serveWith(plane, strings.Replace(smallest("%s", plane, in.openai.url, in.house.url, ""), "mode: enforce", "mode: observe", 1))
		for _, prompt := range []string{ordinary, personal, secret} {
			if r := in.post("/v1/chat/completions", chat(prompt)); r.status != 200 || r.pool() != "openai" || r.action() != "allow" {
				t.Errorf("%d %s %s", r.status, r.action(), r.pool())
			}
		}
		if r := in.post("/v1/chat/completions", `{"a":1,"a":2}`); r.status != 400 {
			t.Errorf("what cannot be read passes: %d", r.status)
		}
		in.end()
		var would []string
		for _, e := range in.events(proxy.EventDecision) {
			if e.Decision.Would != nil {
				would = append(would, string(e.Decision.Would.Action))
			}
		}
		if got := strings.Join(would, " "); got != "allow reroute deny" {
			t.Errorf("would have: %s", got)
		}
	})
}

// What Envoy sent is reconciled with what was decided: a send under a decision of
// the log is governed, whoever made it; any other is an alarm in the log.
func TestSentIsReconciledWithDecided(t *testing.T) {
	in := launch(t, "embedded", "")
	id := in.post("/v1/chat/completions", chat(ordinary)).header.Get(proxy.HeaderDecisionID)
	sent := envoy.Entry{Decision: "allow", Upstream: "127.0.0.1:1", SentBytes: 100, Rx: 10, Inspected: envoy.Inspected{BodyCalls: 1}, Code: 200}
	for _, c := range []struct {
		name   string
		change func(*envoy.Entry)
		gaps   int
	}{
		{"of the log", func(e *envoy.Entry) { e.DecisionID = id }, 0},
		{"of nobody", func(e *envoy.Entry) { e.DecisionID = "01AAAAAAAAAAAAAAAAAAAAAAAA" }, 1},
		{"without a verdict", func(e *envoy.Entry) { e.Decision = "" }, 1},
		{"without a look at the body", func(e *envoy.Entry) { e.DecisionID, e.BodyCalls = id, 0 }, 1},
		{"not sent", func(e *envoy.Entry) { e.Decision, e.Upstream, e.SentBytes = "", "", 0 }, 0},
	} {
		before := len(in.events(proxy.EventGap))
		e := sent
		c.change(&e)
		in.accessEntry(e)
		if n := len(in.events(proxy.EventGap)) - before; n != c.gaps {
			t.Errorf("a send %s: %d alarms, want %d", c.name, n, c.gaps)
		}
	}
}
