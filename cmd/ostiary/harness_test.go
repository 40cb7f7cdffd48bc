package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/standin"
	"github.com/ostiary/ostiary/testdata/env"
)

// planes are the data planes that the end-to-end tests run against, each with
// the same expectations.
var planes = []string{"embedded", "envoy"}

// eachPlane runs a test against both data planes.
func eachPlane(t *testing.T, test func(t *testing.T, plane string)) {
	for _, p := range planes {
		t.Run(p, func(t *testing.T) {
			if p == "envoy" {
				env.Envoy(t)
			}
			test(t, p)
		})
	}
}

// upstream is a model server with its bytes counted: what did not arrive here
// did not leave.
type upstream struct {
	*byteCounter
	url string
	*standin.Server
}

func newUpstream(t *testing.T, name string) *upstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{byteCounter: &byteCounter{Listener: l}, url: "http://" + l.Addr().String(), Server: standin.New(standin.Options{Name: name, Models: []string{name + "-model"}, Keep: 100_000})}
	srv := &http.Server{Handler: u.Server}
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(u.byteCounter) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return u
}

// instance is one running Ostiary with two upstreams.
type instance struct {
	*server
	t             *testing.T
	url           string
	openai, house *upstream
	screen        *syncBuffer
	stopped       bool
}

// syncBuffer is a buffer that two goroutines use.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// freeAddress gives a loopback address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// smallest is the configuration that must work as it stands, with addresses of
// the test's own in it. extra is more YAML.
func smallest(listen, plane, openai, house, extra string) string {
	return fmt.Sprintf(`listen: %s
mode: enforce
dataplane: %s
log: ./log
pools:
  - name: openai
    boundary: external
    jurisdiction: US
    url: %s
    dialects: [openai]
    credential: {env: OSTIARY_TEST_OPENAI_KEY}
  - name: anthropic
    boundary: external
    jurisdiction: US
    url: %[3]s
    dialects: [anthropic]
    credential: {env: OSTIARY_TEST_ANTHROPIC_KEY}
  - name: house
    boundary: internal
    url: %[4]s
    dialects: [openai, anthropic]
    models: {"*": house-model}
    context: 32768
%[5]s`, listen, plane, openai, house, extra)
}

// The provider keys of the tests. They open nothing.
const (
	testOpenAIKey    = "test-openai-key-of-the-organisation"
	testAnthropicKey = "test-anthropic-key-of-the-organisation"
)

// launch starts Ostiary in this process between the client and two stand-ins.
func launch(t *testing.T, plane, extra string) *instance {
	t.Helper()
	in := &instance{t: t, openai: newUpstream(t, "openai"), house: newUpstream(t, "house")}
	in.serve(plane, in.house.url, extra)
	return in
}

func (in *instance) serve(plane, house, extra string) {
	t := in.t
	t.Helper()
	t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
	t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
	in.serveWith(plane, smallest("%s", plane, in.openai.url, house, extra))
}

// end stops Ostiary; all outcomes are in the log afterwards.
func (in *instance) end() {
	if in.stopped {
		return
	}
	in.stopped = true
	if err := in.server.stop(); err != nil {
		in.t.Errorf("stop: %v\n%s", err, in.screen)
	}
}

// events gives all events of a kind that the log holds.
func (in *instance) events(kind string) []*proxy.Event {
	in.t.Helper()
	return readEvents(in.t, in.places.log, kind)
}

func readEvents(t *testing.T, log, kind string) []*proxy.Event {
	t.Helper()
	r, err := audit.OpenReader(log)
	if err != nil {
		t.Fatal(err)
	}
	var out []*proxy.Event
	for entry, err := range r.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		ev, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == kind {
			out = append(out, ev)
		}
	}
	return out
}

// reply is what a client sees.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// code gives the refusal's code in either API's shape.
func (r reply) code() string {
	var b struct {
		Error struct{ Code string } `json:"error"`
	}
	_ = json.Unmarshal(r.body, &b)
	return b.Error.Code
}

func (r reply) action() string { return r.header.Get(proxy.HeaderAction) }
func (r reply) pool() string   { return r.header.Get(proxy.HeaderPool) }

// post sends a JSON body.
func (in *instance) post(path, body string, header ...string) reply {
	in.t.Helper()
	return in.send(http.MethodPost, path, strings.NewReader(body), append([]string{"content-type", "application/json"}, header...)...)
}

func (in *instance) send(method, path string, body io.Reader, header ...string) reply {
	in.t.Helper()
	req, err := http.NewRequest(method, in.url+path, body)
	if err != nil {
		in.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	return do(in.t, req)
}

// client has no proxy and no pool of connections that outlive a test.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}, Timeout: 30 * time.Second}

func do(t *testing.T, req *http.Request) reply {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, b}
}

// chat is a chat completion with one message of the user.
func chat(prompt string) string {
	b, err := json.Marshal(prompt)
	if err != nil {
		panic(err)
	}
	return `{"model":"gpt-5","messages":[{"role":"user","content":` + string(b) + `}]}`
}

// Prompts of the tests. The personal data and the key are made up.
const (
	ordinary = "Write a haiku about the first snow."
	personal = "Remind maria.lindqvist@nordbank.se that her transfer is late."
	secret   = "Why is this refused: token " + demoToken0 + " for the build?"
)

const demoToken0 = "ghp_" + demoToken

// settleFor waits until nothing more arrives at an upstream and gives what did.
func settleFor(u ...*byteCounter) []byte {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return settle(ctx, u...)
}

// serveWith starts Ostiary with a configuration that has %s for the address to
// listen on.
func (in *instance) serveWith(plane, yaml string) {
	in.t.Helper()
	dir := in.t.TempDir()
	listen := freeAddress(in.t)
	file := filepath.Join(dir, "ostiary.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(yaml, "%s", listen, 1)), 0o600); err != nil {
		in.t.Fatal(err)
	}
	o := options{config: file}
	if plane == "envoy" {
		o.envoy = env.Envoy(in.t)
	}
	in.screen = &syncBuffer{}
	s, err := start(context.Background(), o, in.screen, in.screen)
	if err != nil {
		in.t.Fatalf("start: %v\n%s", err, in.screen)
	}
	in.server, in.url = s, "http://"+listen
	in.t.Cleanup(func() { in.end() })
}
