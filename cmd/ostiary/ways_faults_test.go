//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/intercept"
)

// soon bounds how long a test waits for what must come.
const soon = 2 * time.Minute

// dialling opens connections in a namespace from this process, whose user is
// redirected like any other.
type dialling struct {
	calls chan func()
	over  chan struct{} // closed with the test
}

// dialThreads is how many connections of a test are opened at once.
const dialThreads = 32

// dialling starts threads in the namespace of the applications; they last as long
// as this process, since processes that a thread started end with it.
func (w *world) dialling() *dialling {
	w.t.Helper()
	d := &dialling{calls: make(chan func()), over: make(chan struct{})}
	entered := make(chan error, dialThreads)
	for range dialThreads {
		go func() {
			runtime.LockOSThread()
			ns, err := netns.GetFromPid(w.inside.pid)
			if err == nil {
				err = errors.Join(netns.Set(ns), ns.Close())
			}
			entered <- err
			for {
				select {
				case call := <-d.calls:
					call()
				case <-d.over:
					select {}
				}
			}
		}()
	}
	for range dialThreads {
		if err := <-entered; err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Cleanup(func() { close(d.over) })
	return d
}

// dial opens one connection to ADDRESS:PORT.
func (d *dialling) dial(ctx context.Context, address string) (net.Conn, error) {
	var c net.Conn
	var err error
	done := make(chan struct{})
	call := func() { defer close(done); c, err = (&net.Dialer{Timeout: soon}).DialContext(ctx, "tcp", address) }
	select {
	case d.calls <- call:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.over:
		return nil, net.ErrClosed
	}
	<-done
	return c, err
}

// client is one of Go whose connections are redirected: each is opened to the
// vendor's address, whatever the name.
func (d *dialling) client(roots *x509.CertPool, keep bool) *http.Client {
	return &http.Client{Timeout: soon, Transport: &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx, vendor4+":443") },
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout: soon, DisableKeepAlives: !keep, MaxIdleConnsPerHost: 4096,
	}}
}

// prompted asks for a chat at a name.
func prompted(ctx context.Context, c *http.Client, name, prompt string, stream bool) (*http.Response, error) {
	body := chat(prompt)
	if stream {
		body = strings.Replace(body, "{", `{"stream":true,`, 1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+name+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("content-type", "application/json")
	req.Header.Set("authorization", "Bearer "+theKey)
	return c.Do(req)
}

// answered asks for a chat and gives the status, or what went wrong.
func answered(c *http.Client, name, prompt string) (int, error) {
	resp, err := prompted(context.Background(), c, name, prompt, false)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// roots reads what clients are to trust.
func (w *world) roots(files ...string) *x509.CertPool {
	w.t.Helper()
	pool := x509.NewCertPool()
	for _, f := range append(files, w.path("ostiary", "ca", "trust.pem")) {
		text, err := os.ReadFile(f)
		if err != nil || !pool.AppendCertsFromPEM(text) {
			w.t.Fatalf("%s: %v", f, err)
		}
	}
	return pool
}

// ordinaryPage gets the ordinary site's page over a connection of its own.
func (w *world) ordinaryPage(d *dialling, roots *x509.CertPool) error {
	c := &http.Client{Timeout: soon, Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx, site4+":443") },
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DisableKeepAlives: true,
	}}
	resp, err := c.Get("https://" + ordinarySite + "/")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && !strings.Contains(string(b), pageText) {
		err = errors.New("another page than the site's")
	}
	return err
}

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, soon)
		}
	}
}

// policySocket is where an Envoy of its own finds the policy server.
func (w *world) policySocket() string { return w.path("ostiary", "run", "policy.sock") }

// apart starts the policy server alone, and an Envoy as an init system would.
func (w *world) apart(extra string) *running {
	w.t.Helper()
	if err := errors.Join(os.Mkdir(w.path("ostiary", "run"), 0o700), os.Chown(w.path("ostiary", "run"), uidOstiary, uidOstiary)); err != nil {
		w.t.Fatal(err)
	}
	socket := w.policySocket()
	r := w.run("none", extra, "--socket", socket)
	boot := w.ostiary("envoy", "bootstrap", "--config", r.file, "--socket", socket)
	write(w.t, w.path("ostiary", "envoy.json"), boot, 0o644)
	cmd := w.command("both", uidOstiary, w.home("ostiary"), "envoy", "-c", w.path("ostiary", "envoy.json"), "--disable-hot-restart", "--concurrency", "2", "-l", "error",
		"--file-flush-interval-msec", "100", "--file-flush-min-size-kb", "1")
	screen := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = screen, screen
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if w.t.Failed() {
			w.t.Logf("Envoy said:\n%s", screen)
		}
	})
	d := w.dialling()
	until(w.t, "Envoy listens", func() bool {
		c, err := d.dial(context.Background(), atRedirect)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return r
}

// TestPolicyServerAway: the one process that decides and that makes certificates is
// killed, or hangs. With certificates that Envoy has already the requests are refused,
// without them the handshakes fail; nothing goes to the vendor, and other sites are
// reached all the while. When it is back, so is everything.
func TestPolicyServerAway(t *testing.T) {
	for _, fault := range []string{"killed", "hung"} {
		for _, held := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, certificate held %v", fault, held), func(t *testing.T) {
				w := newWorld(t)
				r := w.apart("")
				w.redirected(r.file, "--uid", strconv.Itoa(uidOstiary))
				d, roots := w.dialling(), w.roots(w.path("roots.pem"))
				c := d.client(roots, false)
				if held {
					if status, err := answered(c, vendorOpenAI, ordinary); status != 200 {
						t.Fatalf("before: %d %v", status, err)
					}
				}
				settleFor(w.vendor.bytes)
				switch fault {
				case "killed":
					r.kill()
				case "hung":
					if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
						t.Fatal(err)
					}
				}
				asked := w.vendor.Count()
				var wait sync.WaitGroup
				for range 4 {
					wait.Add(1)
					go func() {
						defer wait.Done()
						status, err := answered(c, vendorOpenAI, ordinary)
						if held && status != http.StatusServiceUnavailable || !held && err == nil {
							t.Errorf("while it is away: %d %v", status, err)
						}
					}()
				}
				for range 20 {
					if err := w.ordinaryPage(d, roots); err != nil {
						t.Errorf("the ordinary site: %v", err)
						break
					}
				}
				wait.Wait()
				if n := len(settleFor(w.vendor.bytes)); n > controlFrames || w.vendor.Count() != asked {
					t.Errorf("%d bytes went to the vendor", n)
				}
				switch fault {
				case "killed":
					w.run("none", "", "--socket", w.policySocket())
				case "hung":
					if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
						t.Fatal(err)
					}
				}
				until(t, "it serves again", func() bool { status, _ := answered(c, vendorOpenAI, ordinary); return status == 200 })
			})
		}
	}
}

// TestEnvoyKilled: an Envoy that Ostiary runs is started again, and nothing goes
// round it meanwhile.
func TestEnvoyKilled(t *testing.T) {
	w := newWorld(t)
	r := w.run("envoy", "")
	w.redirected(r.file, "--uid", strconv.Itoa(uidOstiary))
	d, roots := w.dialling(), w.roots()
	c := d.client(roots, false)
	if status, err := answered(c, vendorOpenAI, ordinary); status != 200 {
		t.Fatalf("before: %d %v", status, err)
	}
	decided := w.vendor.Count()
	for range 2 {
		old := childOf(t, r.cmd.Process.Pid)
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, "Envoy serves again", func() bool {
			status, _ := answered(c, vendorOpenAI, ordinary)
			if status == 200 {
				decided++
			}
			return status == 200
		})
		if now := childOf(t, r.cmd.Process.Pid); now == old {
			t.Errorf("Envoy %d goes on although it was killed", old)
		}
	}
	r.stop(t)
	allowed := 0
	for _, ev := range readEvents(t, w.path("ostiary", "log"), proxy.EventDecision) {
		if ev.Decision.Action == proxy.Allow {
			allowed++
		}
	}
	if n := w.vendor.Count(); n < decided || n > int64(allowed) {
		t.Errorf("the vendor had %d requests, of which %d were answered, and the log allows %d", n, decided, allowed)
	}
}

// TestAuthorityRotates: clients that trust the old authority and the next one never
// fail while the next one takes over, and see that it did.
func TestAuthorityRotates(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		w := newWorld(t)
		r := w.run(plane, "")
		w.redirected(r.file, "--uid", strconv.Itoa(uidOstiary))
		d := w.dialling()
		before := w.roots()
		w.ostiary("ca", "rotate", "--config", r.file)
		both := w.roots()
		var failed, done atomic.Int64
		var issuer atomic.Pointer[string]
		stop := make(chan struct{})
		var wait sync.WaitGroup
		end := sync.OnceFunc(func() { close(stop); wait.Wait() })
		defer end()
		for range 4 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				for {
					select {
					case <-stop:
						return
					default:
					}
					resp, err := prompted(context.Background(), d.client(both, false), vendorOpenAI, ordinary, false)
					if err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
					if err != nil || resp.StatusCode != 200 {
						failed.Add(1)
						t.Errorf("a client that trusts both fails: %v", err)
						return
					}
					by := intercept.Fingerprint(signerOf(resp.TLS))
					issuer.Store(&by)
					done.Add(1)
				}
			}()
		}
		signs := func() string {
			at := done.Load()
			until(t, "clients are answered", func() bool { return done.Load() > at+8 || failed.Load() > 0 })
			if p := issuer.Load(); p != nil {
				return *p
			}
			return ""
		}
		first := signs()
		w.ostiary("ca", "rotate", "--activate", "--config", r.file)
		until(t, "the next authority signs", func() bool { return signs() != first || failed.Load() > 0 })
		w.ostiary("ca", "rotate", "--finish", "--now", "--config", r.file)
		signs()
		if _, err := answered(d.client(before, false), vendorOpenAI, ordinary); err == nil {
			t.Error("a client that trusts the old one alone is answered: the rotation cannot be seen")
		}
		end()
		if done.Load() < 20 {
			t.Errorf("only %d requests were made meanwhile", done.Load())
		}
	})
}

// signerOf gives the root of the chain that a client verified.
func signerOf(s *tls.ConnectionState) *x509.Certificate {
	chain := s.VerifiedChains[0]
	return chain[len(chain)-1]
}

// patience is for tests that ask more at once than a slow machine decides on and
// records within the usual time.
const patience = "limits: {decision: 2m, commit: 1m}\n"

// many names: all below one pattern, and as many that nobody governs.
const (
	manyNames   = 500
	manyDomain  = "models.bank-of-tests.org"
	manyPattern = "*." + manyDomain
)

// TestManyNamesAtOnce: 500 names of one pattern are all served, and 500 that policy
// refuses, or that do not exist, are ended without a certificate.
func TestManyNamesAtOnce(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		w := newWorld(t)
		w.hosts = []string{manyPattern}
		r := w.run(plane, patience)
		w.redirected(r.file, "--uid", strconv.Itoa(uidOstiary))
		d, roots := w.dialling(), w.roots()
		settleFor(w.paste.bytes)
		var served, ended atomic.Int64
		var wait sync.WaitGroup
		for n := range manyNames {
			wait.Add(2)
			go func() {
				defer wait.Done()
				status, err := answered(d.client(roots, false), fmt.Sprintf("n%d.%s", n, manyDomain), ordinary)
				if err != nil || status != 200 {
					t.Errorf("name %d: %d %v", n, status, err)
					return
				}
				served.Add(1)
			}()
			go func() {
				defer wait.Done()
				name := fmt.Sprintf("n%d.bin-of-text.org", n) // refused by a rule
				if n%2 == 0 {
					name = fmt.Sprintf("n%d.nowhere.invalid", n) // passes, and does not exist
				}
				c, err := d.dial(context.Background(), vendor4+":443")
				if err != nil {
					t.Errorf("name %d: %v", n, err)
					return
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(soon))
				tc := tls.Client(c, &tls.Config{ServerName: name, InsecureSkipVerify: true})
				err = tc.Handshake()
				var slow net.Error
				if err == nil || errors.As(err, &slow) && slow.Timeout() || len(tc.ConnectionState().PeerCertificates) > 0 {
					t.Errorf("%s: %v, want the connection ended before any certificate", name, err)
					return
				}
				ended.Add(1)
			}()
		}
		wait.Wait()
		if served.Load() != manyNames || ended.Load() != manyNames {
			t.Errorf("%d names served, %d ended", served.Load(), ended.Load())
		}
		if n := len(settleFor(w.paste.bytes)); n != 0 {
			t.Errorf("%d bytes went where a rule refuses", n)
		}
		if status, err := answered(d.client(roots, false), vendorOpenAI, ordinary); status != 200 {
			t.Errorf("afterwards: %d %v", status, err)
		}
	})
}

// manyConnections at once.
const manyConnections = 1000

// TestManyConnections: 1,000 clients are connected at once, and each is served.
func TestManyConnections(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		w := newWorld(t)
		r := w.run(plane, patience)
		w.redirected(r.file, "--uid", strconv.Itoa(uidOstiary))
		d, roots := w.dialling(), w.roots()
		clients := make([]*http.Client, manyConnections)
		t.Cleanup(func() {
			for _, c := range clients {
				c.CloseIdleConnections()
			}
		})
		// A handshake has five seconds, so a slow machine does not begin all of them at
		// once. They stay open, and in the second round all ask at once.
		opening := make(chan struct{}, dialThreads)
		for round := range 2 {
			var wait sync.WaitGroup
			var served atomic.Int64
			for n := range manyConnections {
				if round == 0 {
					clients[n] = d.client(roots, true)
				}
				wait.Add(1)
				go func() {
					defer wait.Done()
					if round == 0 {
						opening <- struct{}{}
						defer func() { <-opening }()
					}
					status, err := answered(clients[n], vendorOpenAI, ordinary)
					if err != nil || status != 200 {
						t.Errorf("connection %d: %d %v", n, status, err)
						return
					}
					served.Add(1)
				}()
			}
			wait.Wait()
			if served.Load() != manyConnections {
				t.Errorf("round %d: %d served", round, served.Load())
			}
		}
	})
}

// TestSlowHandshake: a client that sends its first message a byte a second is cut,
// and while it lasts others are served.
func TestSlowHandshake(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		w := newWorld(t)
		r := w.run(plane, "")
		w.redirected(r.file, "--uid", strconv.Itoa(uidOstiary))
		d, roots := w.dialling(), w.roots()
		hello := clientHello(t, vendorOpenAI)
		var cut []chan error
		for range 50 {
			c, err := d.dial(context.Background(), vendor4+":443")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			_ = c.SetDeadline(time.Now().Add(soon))
			over := make(chan error, 1)
			cut = append(cut, over)
			go func() {
				for _, b := range hello {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
			go func() { _, err := io.Copy(io.Discard, c); over <- err }()
		}
		served := 0
		for n, over := range cut {
			for waiting := true; waiting; {
				select {
				case err := <-over:
					var slow net.Error
					if errors.As(err, &slow) && slow.Timeout() {
						t.Errorf("slow client %d is not cut", n)
					}
					waiting = false
				default:
					status, err := answered(d.client(roots, false), vendorOpenAI, ordinary)
					if status != 200 {
						t.Fatalf("beside slow clients: %d %v", status, err)
					}
					served++
				}
			}
		}
		if served == 0 {
			t.Error("nobody was served beside the slow clients")
		}
	})
}

// clientHello is the first message of a client that asks for a name.
func clientHello(t *testing.T, name string) []byte {
	t.Helper()
	here, there := net.Pipe()
	go func() { _ = tls.Client(here, &tls.Config{ServerName: name}).Handshake() }()
	_ = there.SetDeadline(time.Now().Add(soon))
	head := make([]byte, 5)
	if _, err := io.ReadFull(there, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(there, body); err != nil {
		t.Fatal(err)
	}
	_, _ = here.Close(), there.Close()
	return append(head, body...)
}

// TestReloadUnderStreams: names, pools and policies change while streams are under
// way and others ask; no stream is lost, and nobody is refused.
func TestReloadUnderStreams(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		w := newWorld(t)
		w.hosts = []string{manyPattern} // the authority may sign below its domain
		gate := make(chan struct{})
		open := sync.OnceFunc(func() { close(gate) })
		t.Cleanup(open)
		w.gate.Store(&gate)
		r := w.run(plane, "")
		w.redirected(r.file, "--uid", strconv.Itoa(uidOstiary))
		d, roots := w.dialling(), w.roots()
		type streamed struct {
			text string
			err  error
		}
		const streams = 16
		begun, over := make(chan error, streams), make(chan streamed, streams)
		for range streams {
			go func() {
				resp, err := prompted(context.Background(), d.client(roots, false), vendorOpenAI, ordinary, true)
				if err != nil || resp.StatusCode != 200 {
					begun <- errors.Join(err, errors.New("a stream does not begin"))
					return
				}
				defer resp.Body.Close()
				begun <- nil
				b, err := io.ReadAll(resp.Body)
				over <- streamed{string(b), err}
			}()
		}
		for range streams {
			if err := <-begun; err != nil {
				t.Fatal(err)
			}
		}
		for n := range 3 {
			w.hosts = append(w.hosts, fmt.Sprintf("*.r%d.%s", n, manyDomain))
			w.configuration(plane, "")
			_ = r.cmd.Process.Signal(syscall.SIGHUP)
			name := fmt.Sprintf("a.r%d.%s", n, manyDomain)
			until(t, "the new name is served", func() bool {
				if status, err := answered(d.client(roots, false), vendorOpenAI, ordinary); status != 200 {
					t.Fatalf("during reload %d: %d %v", n, status, err)
				}
				status, _ := answered(d.client(roots, false), name, ordinary)
				return status == 200
			})
		}
		open()
		for range streams {
			select {
			case s := <-over:
				if s.err != nil || !strings.Contains(s.text, "[DONE]") {
					t.Errorf("a stream is lost: %v", s.err)
				}
			case <-time.After(soon):
				t.Fatal("a stream does not end")
			}
		}
	})
}
