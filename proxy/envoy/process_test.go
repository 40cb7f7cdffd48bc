package envoy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/envoy"
)

// supervised is a world whose Envoy is a Process.
type supervised struct {
	*world
	p *envoy.Process

	mu      sync.Mutex
	entries []envoy.Entry
	exits   []envoy.Exit
	log     bytes.Buffer
}

// Write implements io.Writer for the logger.
func (s *supervised) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// logged gives what was logged.
func (s *supervised) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func supervise(t *testing.T) *supervised {
	t.Helper()
	s := &supervised{world: newWorld(t)}
	o := envoy.Options{
		Binary: envoy.Binary{Path: s.bin, Version: "1.40.0"}, Dir: filepath.Join(s.dir, "run"), Concurrency: 2,
		Log:       slog.New(slog.NewTextHandler(s, nil)),
		AccessLog: func(e envoy.Entry) { s.mu.Lock(); s.entries = append(s.entries, e); s.mu.Unlock() },
		Exited:    func(e envoy.Exit) { s.mu.Lock(); s.exits = append(s.exits, e); s.mu.Unlock() },
	}
	begin := time.Now()
	p, err := envoy.Start(t.Context(), s.spec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("served after %s", time.Since(begin).Round(time.Millisecond))
	s.p = p
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = p.Drain(ctx)
	})
	return s
}

func (s *supervised) until(what string, f func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); {
		if time.Now().After(end) {
			s.t.Fatal("in vain waited for: ", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *supervised) count() (entries, exits int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries), len(s.exits)
}

func TestSupervision(t *testing.T) {
	s := supervise(t)
	if a := s.ask(s.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-cloud"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	begin := time.Now()
	s.until("the access log by the pipe", func() bool { n, _ := s.count(); return n == 1 })
	t.Logf("the line came after %s", time.Since(begin).Round(time.Millisecond))
	if st, err := os.Stat(filepath.Join(s.dir, "run")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("runtime directory: %v %v", st.Mode(), err)
	}
	sockets, _ := filepath.Glob(filepath.Join(s.dir, "run", "admin-*.sock"))
	if len(sockets) != 1 {
		t.Fatalf("admin sockets: %v", sockets)
	}
	if st, err := os.Stat(sockets[0]); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("admin socket: %v %v", st.Mode(), err)
	}
	admin := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", sockets[0])
	}}}
	defer admin.CloseIdleConnections()
	for path, want := range map[string]int{"/ready": 200, "/logging?level=debug": 403, "/runtime_modify?a=b": 403, "/tap": 403} {
		resp, err := admin.Post("http://envoy"+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if path != "/ready" && resp.StatusCode != want {
			t.Errorf("%s: %d %s: at debug level Envoy prints content", path, resp.StatusCode, body)
		}
	}
	resp, err := admin.Get("http://envoy/config_dump?include_eds")
	if err != nil {
		t.Fatal(err)
	}
	dump, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if strings.Contains(string(dump), "cloud-secret") || !strings.Contains(string(dump), "ostiary_ext_proc") {
		t.Error("the configuration's dump holds a key, or nothing")
	}

	s.ask(s.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "no metadata")
	s.ask(s.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "error at body")
	stats, err := s.p.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, x := range stats {
		got[x.Name] = x.Value
	}
	// The request that is refused before it reaches a route is a direct response to RBAC's eyes only.
	if got["requests_total"] != 3 || got["rbac_denied"] != 1 || got["ext_proc_streams_started"] != 3 || got["ext_proc_streams_failed"] != 1 || got["connections_active"] < 1 {
		t.Errorf("statistics %v", got)
	}

	// Killed: started anew, told once, and it serves with the keys again.
	old := s.p.Pid()
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.until("another process", func() bool { return s.p.Pid() != old })
	s.h1.CloseIdleConnections()
	if a := s.ask(s.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-cloud"); a.status != 200 {
		t.Errorf("after the restart: %d %s", a.status, a.body)
	}
	if r, _ := s.pools["cloud"].request(); r.Header.Get("Authorization") != "Bearer cloud-secret" {
		t.Error("after the restart the pool's key is missing")
	}
	s.mu.Lock()
	if len(s.exits) != 1 || s.exits[0].Signal != "killed" || s.exits[0].Code != -1 || s.exits[0].Uptime <= 0 {
		t.Errorf("exits %+v", s.exits)
	}
	s.mu.Unlock()
}

func TestStartNamesWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	o := envoy.Options{Binary: envoy.Binary{Path: w.bin}, Dir: filepath.Join(w.dir, "run"), Concurrency: 1}
	l, err := net.Listen("tcp", w.spec.Listen)
	if err != nil {
		t.Fatal(err)
	}
	_, err = envoy.Start(t.Context(), w.spec, o)
	_ = l.Close()
	if !errors.Is(err, envoy.ErrPortBusy) || !strings.Contains(err.Error(), w.spec.Listen) {
		t.Errorf("a busy port: %v", err)
	}
	w.spec.TLS = &envoy.TLS{Cert: "/nowhere/tls.crt", Key: "/nowhere/tls.key"}
	if _, err = envoy.Start(t.Context(), w.spec, o); err == nil || !strings.Contains(err.Error(), "/nowhere/tls.") {
		t.Errorf("a missing certificate: %v", err)
	}
	o.Binary.Path = "/nowhere/envoy"
	if _, err = envoy.Start(t.Context(), w.spec, o); err == nil || !strings.Contains(err.Error(), "/nowhere/envoy") {
		t.Errorf("a missing binary: %v", err)
	}
	o.Dir = "relative"
	if _, err = envoy.Start(t.Context(), w.spec, o); err == nil {
		t.Error("a relative runtime directory is taken")
	}
}

// slowPool answers when it is told to.
func slowPool(t *testing.T) (url string, got <-chan struct{}, finish chan<- struct{}) {
	arrived, end := make(chan struct{}, 16), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		rw.WriteHeader(200)
		_ = http.NewResponseController(rw).Flush()
		arrived <- struct{}{}
		<-end
		_, _ = io.WriteString(rw, "whole")
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "http://" + l.Addr().String(), arrived, end
}

func TestDrainLetsAnswersEnd(t *testing.T) {
	s := supervise(t)
	url, got, finish := slowPool(t)
	spec := s.spec
	spec.Upstreams = append([]envoy.Upstream{}, spec.Upstreams...)
	for i := range spec.Upstreams {
		if spec.Upstreams[i].Name == "house" {
			spec.Upstreams[i].URL = url
		}
	}
	if err := s.p.Replace(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	answers := make(chan answer, 1)
	go func() {
		a, err := s.try(s.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-house")
		if err != nil {
			a.body = err.Error()
		}
		answers <- a
	}()
	select {
	case <-got:
	case a := <-answers:
		t.Fatalf("the new Envoy did not get the request: %+v", a)
	}
	drained := make(chan error, 1)
	go func() { drained <- s.p.Drain(t.Context()) }()
	s.until("the listener to close", func() bool {
		c, err := net.DialTimeout("tcp", s.spec.Listen, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case err := <-drained:
		t.Fatal("drained while an answer was under way: ", err)
	default:
	}
	close(finish)
	if a := <-answers; a.body != "whole" {
		t.Errorf("the answer was cut: %+v", a)
	}
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
	<-s.p.Done()
	if n, exits := s.count(); n != 1 || exits != 0 {
		t.Errorf("%d lines of the log, %d unexpected exits; want 1 and 0", n, exits)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) == 1 && (s.entries[0].Tx != 5 || s.entries[0].Code != 200) {
		t.Errorf("the last line: %+v", s.entries[0])
	}
}

// TestDrainEnds: what does not end by the deadline is cut off, and its line is
// in the log all the same.
func TestDrainEnds(t *testing.T) {
	s := supervise(t)
	url, got, _ := slowPool(t)
	spec := s.spec
	spec.Upstreams = append([]envoy.Upstream{}, spec.Upstreams...)
	spec.Upstreams[1].URL = url
	if err := s.p.Replace(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	cut := make(chan error, 1)
	go func() {
		_, err := s.try(s.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-house")
		cut <- err
	}()
	select {
	case <-got:
	case err := <-cut:
		t.Fatal("the new Envoy did not get the request: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := s.p.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drain: %v", err)
	}
	if err := <-cut; err == nil {
		t.Error("the client takes the cut answer for whole")
	}
	if n, _ := s.count(); n != 1 {
		t.Errorf("%d lines of the log; want one for the exchange that was cut", n)
	}
}

// TestReplaceRefusesNobody: under load, on kept and on new connections, no
// request fails while one Envoy takes over from another.
func TestReplaceRefusesNobody(t *testing.T) {
	s := supervise(t)
	const clients = 4
	var asked, failed atomic.Int64
	var first atomic.Value
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			c := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
			defer c.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := s.try(c, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-house")
				asked.Add(1)
				if err != nil || a.status != 200 {
					failed.Add(1)
					first.CompareAndSwap(nil, errText(err, a))
				}
			}
		})
	}
	for range 3 {
		old := s.p.Pid()
		if err := s.p.Replace(t.Context(), s.spec); err != nil {
			t.Error(err)
		}
		if s.p.Pid() == old {
			t.Error("it is the same process")
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d requests over 3 replacements, %d failed", asked.Load(), failed.Load())
	if failed.Load() != 0 {
		t.Errorf("%d of %d requests failed; the first: %v", failed.Load(), asked.Load(), first.Load())
	}
	if _, exits := s.count(); exits != 0 {
		t.Errorf("%d exits were called unexpected", exits)
	}
	if runtime.GOOS == "linux" && strings.Contains(s.logged(), "may be reset") {
		t.Errorf("connections could not be held back: %s", s.logged())
	}
	bad := s.spec
	bad.TLS = &envoy.TLS{Cert: "/nowhere/c", Key: "/nowhere/k"}
	pid := s.p.Pid()
	if err := s.p.Replace(t.Context(), bad); err == nil || s.p.Pid() != pid {
		t.Errorf("a replacement that cannot start: %v", err)
	}
	if a := s.ask(s.h1, "POST", "/v1/chat/completions", prompt(), "x-test", "allow-house"); a.status != 200 {
		t.Errorf("after it the old one must serve on: %d", a.status)
	}
}

func errText(err error, a answer) string {
	if err != nil {
		return err.Error()
	}
	return a.body
}

// TestEnvoyGetsNoKeys: the environment that Envoy runs in holds none.
func TestEnvoyGetsNoKeys(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "env-secret")
	s := supervise(t)
	env, err := os.ReadFile("/proc/" + strconv.Itoa(s.p.Pid()) + "/environ")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	if strings.Contains(string(env), "env-secret") || strings.Contains(string(env), "OPENAI") {
		t.Error("Envoy's environment holds a provider's key")
	}
	raw, err := os.ReadFile(filepath.Join(s.dir, "run", "bootstrap-1.json"))
	if err != nil || strings.Contains(string(raw), "cloud-secret") {
		t.Error("the bootstrap holds a key, or cannot be read: ", err)
	}
}

// TestEnvoyDiesWithUs: this test runs itself as the process that dies.
func TestEnvoyDiesWithUs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child that its parent died")
	}
	if dir := os.Getenv("OSTIARY_TEST_DIES"); dir != "" {
		p, err := envoy.Start(t.Context(), envoy.Spec{
			Listen: os.Getenv("OSTIARY_TEST_LISTEN"), Socket: dir + "/p.sock", Admin: dir + "/a.sock", AccessLog: "/dev/stdout",
		}, envoy.Options{Binary: envoy.Binary{Path: findEnvoy(t)}, Dir: dir + "/run", Concurrency: 1})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("envoy-pid", p.Pid())
		select {} // until it is killed
	}
	findEnvoy(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestEnvoyDiesWithUs$")
	listen := freePort(t)
	cmd.Env = append(os.Environ(), "OSTIARY_TEST_DIES="+shortDir(t), "OSTIARY_TEST_LISTEN="+listen)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for sc := bufio.NewScanner(out); pid == 0 && sc.Scan(); {
		if _, err := fmt.Sscanf(sc.Text(), "envoy-pid %d", &pid); err != nil {
			t.Log(sc.Text())
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if pid == 0 {
		t.Fatal("the child did not start Envoy")
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", listen)
		if err != nil {
			return
		}
		_ = c.Close()
		if time.Now().After(end) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("Envoy outlives us and holds the port")
		}
	}
}
