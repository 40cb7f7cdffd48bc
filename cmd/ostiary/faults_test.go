package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/envoy/weaken"
	"github.com/ostiary/ostiary/testdata/env"
)

// weakenings are the configurations of the positive controls: a row of the fault
// matrix that finds no leak with the locks proves something only if it leaks
// under one of these.
var weakenings = map[string][]weaken.Weakening{
	"locked":     nil,
	"open route": {weaken.OpenRoute("openai")},
	"no RBAC":    {weaken.NoRBAC()},
	"no phase":   {weaken.NoPhase()},
	"unlocked":   {weaken.OpenRoute("openai"), weaken.NoRBAC()},
	"fail open":  {weaken.FailOpen(), weaken.OpenRoute("openai"), weaken.NoRBAC()},
	"bare":       {weaken.NoExtProc(), weaken.OpenRoute("openai"), weaken.NoRBAC()},
}

// faultTimeout is Envoy's time for one message in the fault matrix.
const faultTimeout = 700 * time.Millisecond

type faultEnvoyOptions struct {
	upstream string // of both pools
	weaken   []weaken.Weakening
	socket   string
	limit    int               // of bodies; 0 for the default
	spec     func(*envoy.Spec) // changes what the bootstrap is made of
}

type faultEnvoy struct {
	url, access string
	pid         int
	cmd         *exec.Cmd
}

// shortTempDir gives a directory whose path leaves room for the name of a unix
// socket.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// startFaultEnvoy runs the real Envoy with the generated bootstrap, weakened as
// the options say, in front of a socket on which anybody may serve.
func startFaultEnvoy(t *testing.T, o faultEnvoyOptions) *faultEnvoy {
	t.Helper()
	bin := env.Envoy(t)
	dir := shortTempDir(t)
	listen := freeAddress(t)
	s := envoy.Spec{
		Listen: listen, Socket: o.socket, Admin: filepath.Join(dir, "admin.sock"), AccessLog: filepath.Join(dir, "access.jsonl"),
		BodyLimit: o.limit, MessageTimeout: 5 * time.Second,
		Upstreams: []envoy.Upstream{{Name: "openai", URL: o.upstream}, {Name: "house", URL: o.upstream, Internal: true}},
	}
	if o.spec != nil {
		o.spec(&s)
	}
	boot, err := envoy.Bootstrap(s)
	if err != nil {
		t.Fatal(err)
	}
	if boot, err = weaken.Apply(boot, o.weaken...); err != nil {
		t.Fatal(err)
	}
	text, err := envoy.Marshal(boot)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "envoy.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	e := &faultEnvoy{url: "http://" + listen, access: s.AccessLog}
	e.cmd = exec.Command(bin, "-c", file, "--disable-hot-restart", "--concurrency", "1", "-l", "error", "--file-flush-interval-msec", "100", "--file-flush-min-size-kb", "1")
	var screen syncBuffer
	e.cmd.Stdout, e.cmd.Stderr = &screen, &screen
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.pid = e.cmd.Process.Pid
	t.Cleanup(func() { _ = e.cmd.Process.Kill(); _ = e.cmd.Wait() })
	awaitServing(t, listen, &screen)
	return e
}

// faultResult is what one row did under one configuration.
type faultResult struct {
	status int
	shaped bool // the answer's body is an error in the API's shape
	leaked bool
	took   time.Duration
}

func (f faultResult) String() string {
	s := fmt.Sprint(f.status)
	if f.leaked {
		s += " LEAK"
	}
	return s
}

// faultRequest posts one prompt with a marker of its own in a wire form.
func faultRequest(url, form, row, marker string) (status int, body []byte) {
	payload := chat("Summarise: " + marker + strings.Repeat(" and so on", 250))
	req, err := http.NewRequest(http.MethodPost, url+"/v1/chat/completions", strings.NewReader(payload))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("content-type", "application/json")
	if row != "" {
		req.Header.Set(rowHeader, row)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	switch form {
	case "chunked":
		req.ContentLength = -1
	case "HTTP/2":
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
	}
	c := &http.Client{Transport: tr, Timeout: 8 * time.Second}
	resp, err := c.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(resp.Body)
	return resp.StatusCode, body
}

// shaped reports whether a body is an error as the OpenAI API shapes it.
func shaped(body []byte) bool {
	var b struct {
		Error *struct{ Code, Message string } `json:"error"`
	}
	return json.Unmarshal(body, &b) == nil && b.Error != nil && b.Error.Code != "" && b.Error.Message != ""
}

// rogueRow is a row of servers that answer wrongly.
type rogueRow struct {
	name    string
	status  []int  // with the locks
	control string // the configuration under which it leaks; "" where nothing makes it leak
	why     string // why nothing does
}

var rogueRows = []rogueRow{
	{name: "clean close at the headers", status: []int{503}, control: "unlocked"},
	{name: "clean close after the headers", status: []int{503}, control: "unlocked"},
	{name: "clean close at the body", status: []int{503}, control: "unlocked"},
	{name: "clean close after a body reply without a verdict", status: []int{503}, control: "unlocked"},
	{name: "recovered panic, returned as nil", status: []int{503}, control: "unlocked"},
	{name: "error at the headers", status: []int{503}, control: "fail open"},
	{name: "error at the body", status: []int{503}, control: "fail open"},
	{name: "panic at the headers", status: []int{503}, control: "fail open"},
	{name: "panic at the body", status: []int{503}, control: "fail open"},
	{name: "hangs at the headers", status: []int{503}, control: "fail open"},
	{name: "hangs at the body", status: []int{503}, control: "fail open"},
	{name: "empty reply", status: []int{503}, control: "fail open"},
	{name: "empty reply to the body", status: []int{503}, control: "fail open"},
	{name: "empty reply to the body with a verdict", status: []int{503}, control: "fail open"},
	{name: "wrong kind: body reply to the headers", status: []int{503}, control: "fail open"},
	{name: "wrong kind: headers reply to the body", status: []int{503}, control: "fail open"},
	{name: "wrong kind: response headers reply to the headers", status: []int{503}, control: "fail open"},
	{name: "two replies to the headers", status: []int{503}, control: "fail open"},
	{name: "two replies to the body, the first without a verdict", status: []int{503}, control: "unlocked"},
	{name: "body reply with a verdict ahead of the body", status: []int{503}, control: "no phase"},
	{name: "verdict in the headers reply, then a clean close", status: []int{503}, control: "no phase"},
	{name: "verdict in the headers reply, then a body reply without", status: []int{503}, control: "no phase"},
	{name: "verdict in the headers reply that replaces the body", status: []int{503}, control: "no phase"},
	{name: "time extension with a verdict, then a clean close", status: []int{503}, control: "fail open"},
	{name: "verdict without metadata", status: []int{503}, control: "unlocked"},
	{name: "verdict without a pool", status: []int{503}, control: "unlocked"},
	{name: "verdict without a decision", status: []int{503}, control: "no RBAC"},
	{name: "verdict without a phase", status: []int{503}, control: "no phase"},
	{name: "verdict that denies, with a pool", status: []int{503}, control: "no RBAC"},
	{name: "verdict with an unknown pool", status: []int{503}, control: "open route"},
	{name: "verdict in another namespace", status: []int{503}, control: "unlocked"},
	{name: "verdict without a cleared route cache", status: []int{503}, control: "open route"},
	{name: "verdict without a header mutation", status: []int{503}, control: "open route"},
	{name: "verdict with a forbidden mutation", status: []int{503}, why: "the verdict itself is right, and Envoy counts a forbidden mutation as an error whatever fails open"},
	{name: "a denial", status: []int{403}, why: "Envoy answers for the server, whatever else is configured"},
	{name: "a denial without a status", status: []int{503}, why: "Envoy answers for the server, whatever else is configured"},
}

// wireForms are the ways in which a row's prompt is sent.
var wireForms = []string{"HTTP/1", "chunked", "HTTP/2"}

// TestFaultsOfTheServer is the part of the fault matrix in which the policy
// server answers wrongly: every row in every wire form, on the generated
// configuration with its locks and on each weakened one.
func TestFaultsOfTheServer(t *testing.T) {
	env.Envoy(t)
	up := newUpstream(t, "openai")
	socket := filepath.Join(shortTempDir(t), "rogue.sock")
	serveRogues(t, socket)
	variants := []string{"locked", "open route", "no RBAC", "no phase", "unlocked", "fail open"}
	results := map[string]map[string]faultResult{} // row, form → variant
	var mu sync.Mutex
	for _, variant := range variants {
		e := startFaultEnvoy(t, faultEnvoyOptions{
			upstream: up.url, socket: socket, weaken: weakenings[variant],
			spec: func(s *envoy.Spec) { s.MessageTimeout = faultTimeout },
		})
		if status, _ := faultRequest(e.url, "HTTP/1", "", "positive"); status != http.StatusOK || !bytes.Contains(settleFor(up.byteCounter), []byte("positive")) {
			t.Fatalf("%s: a right allow is answered %d", variant, status)
		}
		var wg sync.WaitGroup
		limit := make(chan struct{}, 8)
		markers := map[string]string{}
		for i, row := range rogueRows {
			for j, form := range wireForms {
				marker := fmt.Sprintf("%s-%s-%d-%d-", faultMarker, strings.ReplaceAll(variant, " ", ""), i, j)
				key := row.name + " · " + form
				markers[key] = marker
				wg.Add(1)
				limit <- struct{}{}
				go func() {
					defer func() { <-limit; wg.Done() }()
					began := time.Now()
					status, body := faultRequest(e.url, form, row.name, marker)
					mu.Lock()
					defer mu.Unlock()
					if results[key] == nil {
						results[key] = map[string]faultResult{}
					}
					results[key][variant] = faultResult{status: status, shaped: shaped(body), took: time.Since(began)}
				}()
			}
		}
		wg.Wait()
		got := settleFor(up.byteCounter)
		for key, marker := range markers {
			r := results[key][variant]
			// The rogue that replaces a body sends one of its own.
			r.leaked = bytes.Contains(got, []byte(marker)) || strings.HasPrefix(key, "verdict in the headers reply that replaces") && bytes.Contains(got, []byte(replacedMarker))
			results[key][variant] = r
		}
	}
	table := []string{fmt.Sprintf("%-68s %s", "row · wire form", strings.Join(variants, " | "))}
	for _, row := range rogueRows {
		leaks := false
		for _, form := range wireForms {
			key := row.name + " · " + form
			r := results[key]
			locked := r["locked"]
			if locked.leaked {
				t.Errorf("%s: LEAKS with the locks", key)
			}
			if !slices.Contains(row.status, locked.status) {
				t.Errorf("%s: status %d with the locks, want %v", key, locked.status, row.status)
			}
			if locked.status != http.StatusOK && !locked.shaped {
				t.Errorf("%s: the answer is no error in the API's shape", key)
			}
			if locked.took > 2*faultTimeout+2*time.Second {
				t.Errorf("%s: answered after %v", key, locked.took)
			}
			leaks = leaks || r[row.control].leaked
			var cells []string
			for _, v := range variants {
				cells = append(cells, r[v].String())
			}
			control := "control: " + row.control
			if row.control == "" {
				control = "no control: " + row.why
			}
			table = append(table, fmt.Sprintf("%-68s %s   (%s)", key, strings.Join(cells, " | "), control))
		}
		if row.control != "" && !leaks {
			t.Errorf("%s: does not leak under %q: the row proves nothing", row.name, row.control)
		}
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

// TestFaultsOfTheConfiguration: the filter removed, switched off by a route, or
// told to fail open by a route refuses all traffic; without the locks it leaks.
func TestFaultsOfTheConfiguration(t *testing.T) {
	env.Envoy(t)
	up := newUpstream(t, "openai")
	socket := filepath.Join(shortTempDir(t), "rogue.sock")
	serveRogues(t, socket)
	open := []weaken.Weakening{weaken.OpenRoute("openai"), weaken.NoRBAC()}
	for _, row := range []struct {
		name string
		do   weaken.Weakening
		rog  string
	}{
		{"filter removed", weaken.NoExtProc(), ""},
		{"filter disabled on every route", weaken.DisabledOnRoutes(), ""},
		{"filter fails open on every route, server fails", weaken.FailOpenOnRoutes(), "error at the headers"},
		{"body not sent to the server", weaken.BodyNone(), "verdict in the headers reply, then a clean close"},
	} {
		for _, locked := range []bool{true, false} {
			ws := []weaken.Weakening{row.do}
			if !locked {
				ws = append(append([]weaken.Weakening{}, open...), row.do)
			}
			e := startFaultEnvoy(t, faultEnvoyOptions{upstream: up.url, socket: socket, weaken: ws})
			up.take()
			status, body := faultRequest(e.url, "HTTP/1", row.rog, faultMarker)
			leaked := bytes.Contains(settleFor(up.byteCounter), []byte(faultMarker))
			t.Logf("%-50s locks %-5v %d leaked %v", row.name, locked, status, leaked)
			if locked && (leaked || status != http.StatusServiceUnavailable || !shaped(body)) {
				t.Errorf("%s: %d, leaked %v with the locks", row.name, status, leaked)
			}
			if !locked && !leaked {
				t.Errorf("%s: no leak without the locks: the row proves nothing", row.name)
			}
		}
	}
}

// faultHouse is a real policy server for an Envoy of the test's own.
type faultHouse struct {
	t                 *testing.T
	dir, file, socket string
	log               string
	up                *upstream
	cmd               *exec.Cmd
	screen            syncBuffer
	wrap              []string // a command in front, strace for instance
}

func newFaultHouse(t *testing.T) *faultHouse {
	t.Helper()
	t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
	t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
	h := &faultHouse{t: t, dir: shortTempDir(t), up: newUpstream(t, "openai")}
	h.file, h.socket, h.log = filepath.Join(h.dir, "ostiary.yaml"), filepath.Join(h.dir, "run", "p.sock"), filepath.Join(h.dir, "log")
	h.configure("")
	return h
}

func (h *faultHouse) configure(extra string) {
	// Without keys: an Envoy that cannot ask for them refuses for that reason,
	// and the rows are about others.
	text := regexp.MustCompile(`credential: .*`).ReplaceAllString(smallest("127.0.0.1:1", "none", h.up.url, h.up.url, "limits: {body: 1MiB}\n"+extra), "credential: none")
	if err := os.WriteFile(h.file, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// envoy runs an Envoy with this house's bootstrap.
func (h *faultHouse) envoy(ws ...weaken.Weakening) *faultEnvoy {
	h.t.Helper()
	o := options{config: h.file, socket: h.socket}
	cfg, _, err := loadConfig(context.Background(), o)
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := build(context.Background(), cfg, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return startFaultEnvoy(h.t, faultEnvoyOptions{socket: h.socket, weaken: ws, spec: func(s *envoy.Spec) {
		made := spec(b, s.Socket, s.Admin, s.AccessLog)
		made.Listen, made.MessageTimeout = s.Listen, faultTimeout
		*s = made
	}})
}

// start runs the policy server and waits until it serves.
func (h *faultHouse) start() {
	h.t.Helper()
	h.launch()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if c, err := net.Dial("unix", h.socket); err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("the policy server does not start:\n%s", h.screen.String())
}

func (h *faultHouse) launch() {
	args := append(append([]string{}, h.wrap...), "ostiary", "run", "--config", h.file, "--log", h.log, "--socket", h.socket)
	h.cmd = exec.Command(args[0], args[1:]...)
	h.cmd.Stdout, h.cmd.Stderr = &h.screen, &h.screen
	// A group of its own: what stands in front of the server dies with it.
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	h.cmd.WaitDelay = 5 * time.Second
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(h.kill)
}

func (h *faultHouse) signal(s syscall.Signal) { _ = h.cmd.Process.Signal(s) }

func (h *faultHouse) kill() {
	if h.cmd == nil {
		return
	}
	_ = syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL)
	_ = h.cmd.Wait()
	h.cmd = nil
}

// slowUpload sends a chat request by hand so that something can happen between
// its parts: afterHead when the head and half of the body are sent, afterBody
// when all is.
func slowUpload(url, marker string, afterHead, afterBody func()) (status int, body []byte) {
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return 0, nil
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	payload := chat("Summarise: " + marker)
	half := len(payload) / 2
	fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s", len(payload), payload[:half])
	time.Sleep(80 * time.Millisecond) // the head's reply is in
	afterHead()
	_, _ = io.WriteString(c, payload[half:])
	afterBody()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(resp.Body)
	return resp.StatusCode, body
}

// TestFaultsOfTheProcess: the policy server absent, killed, stopped and started
// anew at each phase of a request.
func TestFaultsOfTheProcess(t *testing.T) {
	env.Envoy(t)
	h := newFaultHouse(t)
	envoys := map[string]*faultEnvoy{"locked": h.envoy(), "fail open": h.envoy(weakenings["fail open"]...)}
	nothing := func() {}
	rows := []struct {
		name string
		run  func(url, marker string) (int, []byte)
	}{
		{"absent at start", func(url, m string) (int, []byte) { return faultRequest(url, "HTTP/1", "", m) }},
		{"killed before the headers reply", func(url, m string) (int, []byte) {
			h.start()
			h.signal(syscall.SIGSTOP)
			time.AfterFunc(100*time.Millisecond, func() { h.signal(syscall.SIGKILL) })
			return faultRequest(url, "HTTP/1", "", m)
		}},
		{"killed after the headers reply, in a slow upload", func(url, m string) (int, []byte) {
			h.start()
			return slowUpload(url, m, func() { h.signal(syscall.SIGKILL); time.Sleep(50 * time.Millisecond) }, nothing)
		}},
		{"killed between the last byte and the verdict", func(url, m string) (int, []byte) {
			h.start()
			return slowUpload(url, m, func() { h.signal(syscall.SIGSTOP) }, func() { time.Sleep(100 * time.Millisecond); h.signal(syscall.SIGKILL) })
		}},
		{"stopped", func(url, m string) (int, []byte) {
			h.start()
			h.signal(syscall.SIGSTOP)
			return faultRequest(url, "HTTP/1", "", m)
		}},
		{"stopped in a slow upload", func(url, m string) (int, []byte) {
			h.start()
			return slowUpload(url, m, func() { h.signal(syscall.SIGSTOP) }, nothing)
		}},
		{"restarted in a slow upload", func(url, m string) (int, []byte) {
			h.start()
			return slowUpload(url, m, func() { h.kill(); h.start() }, nothing)
		}},
	}
	for _, row := range rows {
		for _, variant := range []string{"locked", "fail open"} {
			h.up.take()
			began := time.Now()
			status, body := row.run(envoys[variant].url, faultMarker)
			leaked := bytes.Contains(settleFor(h.up.byteCounter), []byte(faultMarker))
			t.Logf("%-50s %-10s %d leaked %v after %v", row.name, variant, status, leaked, time.Since(began).Round(time.Millisecond))
			if variant == "locked" {
				if leaked || status != http.StatusServiceUnavailable || !shaped(body) {
					t.Errorf("%s: %d, leaked %v, shaped %v with the locks", row.name, status, leaked, shaped(body))
				}
			} else if !leaked {
				t.Errorf("%s: no leak when Envoy fails open: the row proves nothing", row.name)
			}
			h.kill()
		}
	}
	// And it works again when the server is back.
	h.start()
	if status, _ := faultRequest(envoys["locked"].url, "HTTP/1", "", "positive"); status != http.StatusOK {
		t.Errorf("after all: %d", status)
	}
}

// TestFaultsOfTheForm: requests in forms that have let proxies be passed. Each
// carries a secret, which no policy lets through, so that it must not leave
// whatever is decided on the way.
func TestFaultsOfTheForm(t *testing.T) {
	env.Envoy(t)
	h := newFaultHouse(t)
	h.start()
	envoys := map[string]*faultEnvoy{"locked": h.envoy(), "bare": h.envoy(weakenings["bare"]...)}
	e := envoys["locked"]
	address := strings.TrimPrefix(e.url, "http://")
	denied := chat("Use " + demoToken0 + " and " + faultMarker)
	big := func(n int) string { return chat(faultMarker + strings.Repeat("x", n)) }
	gz := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(s))
		_ = z.Close()
		return b.String()
	}
	h2 := func(method string, body io.Reader, header ...string) (int, []byte) {
		tr := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{}}
		tr.Protocols.SetUnencryptedHTTP2(true)
		defer tr.CloseIdleConnections()
		req, err := http.NewRequest(method, e.url+"/v1/chat/completions", body)
		if err != nil {
			return 0, nil
		}
		for i := 0; i < len(header); i += 2 {
			if header[i] == "trailer" {
				req.Trailer = http.Header{"X-Note": {header[i+1]}}
				continue
			}
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Do(req)
		if err != nil {
			return -1, nil // reset: no answer, which is an answer too
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, b
	}
	raw := func(s string) (int, []byte) {
		in := &instance{t: t, url: e.url}
		status, _, body := in.raw(s)
		return status, []byte(body)
	}
	rows := []struct {
		name   string
		status []int
		run    func() (int, []byte)
		shape  bool
		why    string // nothing makes it leak
	}{
		{"over the limit, HTTP/1", []int{413}, func() (int, []byte) { return raw(asHTTP("/v1/chat/completions", address, big(1<<20))) }, true, ""},
		{"over the limit, chunked", []int{413}, func() (int, []byte) {
			return raw("POST /v1/chat/completions HTTP/1.1\r\nhost: " + address + "\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n" + chunked(big(1<<20)))
		}, true, ""},
		{"over the limit, HTTP/2", []int{413, -1}, func() (int, []byte) { return h2("POST", strings.NewReader(big(1<<20))) }, false, ""},
		{"far over the limit, HTTP/2", []int{413, -1}, func() (int, []byte) { return h2("POST", strings.NewReader(big(8<<20))) }, false, ""},
		{"Expect: 100-continue", []int{403}, func() (int, []byte) {
			req, _ := http.NewRequest("POST", e.url+"/v1/chat/completions", strings.NewReader(denied))
			req.Header.Set("expect", "100-continue")
			resp, err := (&http.Client{Transport: &http.Transport{ExpectContinueTimeout: 5 * time.Second, DisableKeepAlives: true}}).Do(req)
			if err != nil {
				return 0, nil
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			return resp.StatusCode, b
		}, true, ""},
		{"HTTP/1 trailers", []int{403}, func() (int, []byte) {
			return raw("POST /v1/chat/completions HTTP/1.1\r\nhost: " + address + "\r\ntrailer: x-note\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\nx-note: %s\r\n\r\n", len(denied), denied, faultMarker))
		}, true, ""},
		{"gzip", []int{403}, func() (int, []byte) {
			return raw(asHTTP("/v1/chat/completions", address, gz(denied), "content-encoding: gzip"))
		}, true, ""},
		{"gzip bomb", []int{413, 400}, func() (int, []byte) {
			return raw(asHTTP("/v1/chat/completions", address, gz(chat(strings.Repeat("0", 64<<20))), "content-encoding: gzip"))
		}, true, ""},
		{"WebSocket upgrade", []int{403}, func() (int, []byte) {
			return raw("GET /v1/realtime?note=" + faultMarker + " HTTP/1.1\r\nhost: " + address + "\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n")
		}, false, "Envoy takes no upgrade that is not configured"},
		{"CONNECT", []int{403}, func() (int, []byte) {
			return raw("CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n" + faultMarker)
		}, false, "no route of Envoy's takes a tunnel"},
		{"h2c upgrade", []int{403}, func() (int, []byte) {
			return raw("POST /v1/chat/completions HTTP/1.1\r\nhost: " + address + "\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\ncontent-length: " + fmt.Sprint(len(denied)) + "\r\n\r\n" + denied)
		}, false, ""},
		{"HTTP/2 GET with a body", []int{403}, func() (int, []byte) { return h2("GET", strings.NewReader(denied)) }, true, ""},
		{"HTTP/2 trailers", []int{403}, func() (int, []byte) {
			return h2("POST", io.MultiReader(strings.NewReader(denied)), "trailer", faultMarker)
		}, true, ""},
		{"a client that leaves in mid-body", []int{0}, func() (int, []byte) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				return -2, nil
			}
			fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nhost: %s\r\ncontent-length: 9999\r\n\r\n%s", address, denied)
			time.Sleep(50 * time.Millisecond)
			c.Close()
			return 0, nil
		}, false, ""},
	}
	for _, variant := range []string{"locked", "bare"} {
		e = envoys[variant]
		address = strings.TrimPrefix(e.url, "http://")
		for _, row := range rows {
			h.up.take()
			status, body := row.run()
			leaked := len(settleFor(h.up.byteCounter)) > 0 // one byte is too many
			t.Logf("%-40s %-7s %4d leaked %-5v %s", row.name, variant, status, leaked, row.why)
			if variant == "bare" {
				if leaked == (row.why != "") {
					t.Errorf("%s: leaked %v without the external processor and the locks: the row proves nothing", row.name, leaked)
				}
				continue
			}
			if leaked {
				t.Errorf("%s: LEAKS (status %d)", row.name, status)
			}
			if !slices.Contains(row.status, status) {
				t.Errorf("%s: status %d, want %v", row.name, status, row.status)
			}
			if row.shape && !shaped(body) {
				t.Errorf("%s: the answer is no error in the API's shape", row.name)
			}
		}
	}
	e = envoys["locked"]
	address = strings.TrimPrefix(e.url, "http://")
	// Positive controls: the same forms let an ordinary prompt through, and what
	// is stripped on the way leaks when the strip is taken out.
	control := func(name string, e2 *faultEnvoy, want bool, run func(e *faultEnvoy)) {
		h.up.take()
		run(e2)
		if leaked := bytes.Contains(settleFor(h.up.byteCounter), []byte(faultMarker)); leaked != want {
			t.Errorf("control %s: arrived %v, want %v", name, leaked, want)
		}
	}
	withTrailer := func(x *faultEnvoy) {
		old := e
		e = x
		defer func() { e = old }()
		h2("POST", io.MultiReader(strings.NewReader(chat(ordinary))), "trailer", faultMarker)
	}
	control("HTTP/2 trailer of an ordinary prompt, stripped", e, false, withTrailer)
	control("an ordinary prompt in gzip", e, true, func(x *faultEnvoy) {
		raw(asHTTP("/v1/chat/completions", address, gz(chat(ordinary+faultMarker)), "content-encoding: gzip"))
	})
	control("an ordinary prompt under the limit", e, true, func(x *faultEnvoy) {
		raw(asHTTP("/v1/chat/completions", address, big(1<<19)))
	})
	h.signal(syscall.SIGTERM)
	_ = h.cmd.Wait()
	h.cmd = nil
	// Every form that reached the policy server has its decision.
	codes := map[string]int{}
	for _, ev := range readEvents(t, h.log, proxy.EventDecision) {
		codes[string(ev.Decision.Action)+" "+ev.Decision.Code]++
	}
	var list []string
	for c, n := range codes {
		list = append(list, fmt.Sprintf("%s %d", c, n))
	}
	sort.Strings(list)
	t.Logf("recorded: %s", strings.Join(list, ", "))
	for _, want := range []string{"deny request_too_large", "deny data_policy_denied", "deny upgrade_not_supported", "deny aborted"} {
		if codes[want] == 0 {
			t.Errorf("no %q among the decisions", want)
		}
	}
}

// TestFaultsOfTheLog: what cannot be recorded does not pass. The control is a
// recorder that lies.
func TestFaultsOfTheLog(t *testing.T) {
	env.Envoy(t)
	env.Superuser(t)
	t.Run("disk full", func(t *testing.T) {
		h := newFaultHouse(t)
		mount := filepath.Join(h.dir, "disk")
		if err := os.MkdirAll(mount, 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", mount).CombinedOutput(); err != nil {
			t.Fatalf("mount: %v %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("umount", "-l", mount).Run() })
		h.log = filepath.Join(mount, "log")
		h.start()
		e := h.envoy()
		passed := 0
		for ; passed < 20000; passed++ {
			status, body := faultRequest(e.url, "HTTP/1", "", "filler")
			if status == http.StatusOK {
				continue
			}
			if status != http.StatusServiceUnavailable || !strings.Contains(string(body), "audit_unavailable") {
				t.Fatalf("a full disk is answered %d", status)
			}
			break
		}
		t.Logf("%d requests recorded before the disk was full", passed)
		settleFor(h.up.byteCounter)
		status, _ := faultRequest(e.url, "HTTP/1", "", faultMarker)
		if status != http.StatusServiceUnavailable || bytes.Contains(settleFor(h.up.byteCounter), []byte(faultMarker)) {
			t.Errorf("with a full disk: %d, or the prompt left", status)
		}
		h.kill()
		if n := len(readEvents(t, h.log, proxy.EventDecision)); n < passed {
			t.Errorf("%d decisions recorded of %d requests that passed", n, passed)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		h := newFaultHouse(t)
		mount := filepath.Join(h.dir, "disk")
		if err := os.MkdirAll(mount, 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=6m,ro", "tmpfs", mount).CombinedOutput(); err != nil {
			t.Fatalf("mount: %v %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("umount", "-l", mount).Run() })
		h.log = filepath.Join(mount, "log")
		e := h.envoy()
		h.launch()
		if err := h.cmd.Wait(); err == nil {
			t.Error("Ostiary serves without a log that it can write")
		}
		h.cmd = nil
		if !strings.Contains(h.screen.String(), "read-only") {
			t.Errorf("the error does not say what is wrong:\n%s", h.screen.String())
		}
		if status, body := faultRequest(e.url, "HTTP/1", "", faultMarker); status != http.StatusServiceUnavailable || !shaped(body) || bytes.Contains(settleFor(h.up.byteCounter), []byte(faultMarker)) {
			t.Errorf("without a policy server: %d, or the prompt left", status)
		}
	})
	t.Run("fdatasync fails", func(t *testing.T) {
		h := newFaultHouse(t)
		h.start() // makes the log, so that the fault meets only what follows
		h.kill()
		h.wrap = []string{env.Program(t, "strace"), "-f", "-qq", "-o", os.DevNull, "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=30+"}
		h.start()
		e := h.envoy()
		refused := false
		for range 200 {
			status, body := faultRequest(e.url, "HTTP/1", "", "filler")
			if status == http.StatusServiceUnavailable && strings.Contains(string(body), "audit_unavailable") {
				refused = true
				break
			}
		}
		if !refused {
			t.Fatal("failing fdatasync refuses nothing")
		}
		settleFor(h.up.byteCounter)
		for range 3 { // and it stays so: an fsync is not retried
			status, _ := faultRequest(e.url, "HTTP/1", "", faultMarker)
			if status != http.StatusServiceUnavailable || bytes.Contains(settleFor(h.up.byteCounter), []byte(faultMarker)) {
				t.Errorf("after a failed fdatasync: %d, or the prompt left", status)
			}
		}
	})
	t.Run("control: a recorder that lies", func(t *testing.T) {
		h := newFaultHouse(t)
		ctx := context.Background()
		cfg, _, err := loadConfig(ctx, options{config: h.file})
		if err != nil {
			t.Fatal(err)
		}
		b, err := build(ctx, cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(options{config: h.file}, io.Discard, io.Discard)
		s.current.Store(b)
		s.engine = proxy.NewEngine(b.snap, liar{}, nil)
		p := s.newPolicyServer(h.socket)
		if err := p.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.stop(ctx); _ = s.engine.Close(ctx) })
		e := h.envoy()
		if status, _ := faultRequest(e.url, "HTTP/1", "", faultMarker); status != http.StatusOK || !bytes.Contains(settleFor(h.up.byteCounter), []byte(faultMarker)) {
			t.Errorf("a recorder that lies is answered %d and nothing leaves: the rows above prove nothing", status)
		}
	})
}

// liar says that everything is durable and keeps nothing.
type liar struct{}

func (liar) Record(context.Context, ...*proxy.Event) error { return nil }
