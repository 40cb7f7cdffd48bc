//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// Sizes of the benchmark of intercepted connections.
const (
	handshakesARound = 100
	requestsARound   = 400
	benchRounds      = 7
	benchAtOnce      = 16
	idleConnections  = 1000
)

// atAlone is where an Envoy with a certificate of its own listens.
const atAlone = "127.0.0.1:15443"

// aloneBootstrap is an Envoy that ends TLS with a certificate of its own and sends
// everything to the vendor: what interception is compared with.
const aloneBootstrap = `static_resources:
  listeners:
    - address: {socket_address: {address: 127.0.0.1, port_value: 15443}}
      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              disable_stateless_session_resumption: true
              disable_stateful_session_resumption: true
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_certificates:
                  - certificate_chain: {filename: %[1]s}
                    private_key: {filename: %[2]s}
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: alone
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{match: {prefix: /}, route: {cluster: vendor, timeout: 0s}}]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
    - name: vendor
      type: STATIC
      circuit_breakers: {thresholds: [{max_connections: 4096, max_pending_requests: 4096, max_requests: 4096}]}
      load_assignment:
        cluster_name: vendor
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: %[3]s, port_value: 443}}}}]}]
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: %[4]s
          common_tls_context:
            validation_context:
              trusted_ca: {filename: %[5]s}
              match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: %[4]s}}]
`

// benchWay is one way to the vendor.
type benchWay struct {
	name  string
	roots *x509.CertPool
	dial  func(context.Context) (net.Conn, error)
	pids  []int
}

// TestBenchmarkWays measures what interception costs; like the benchmark of the whole
// path it runs where benchVar names a file, and adds its tables to it.
func TestBenchmarkWays(t *testing.T) {
	out := os.Getenv(benchVar)
	if out == "" {
		t.Skipf("set %s to a file to run it; \"make bench\" does", benchVar)
	}
	ways := benchWays(t)
	var doc bytes.Buffer
	fmt.Fprintf(&doc, "\n## Intercepted connections\n\nClients, vendor, Envoy and policy server share %d cores, in two network namespaces with a cable between them; the ways take turns, medians over %d rounds.\n\n", runtime.NumCPU(), benchRounds)
	fmt.Fprintf(&doc, "Time from the first SYN to a finished handshake (TLS 1.3, P-256, leaf in the cache), one at a time. `Envoy alone` has a static certificate.\n\n| way | p50 ms | p99 ms | added p50 | added p99 |\n|---|---|---|---|---|\n")
	rows := benchTurns(t, ways, benchHandshakes)
	for n, r := range rows {
		fmt.Fprintf(&doc, "| %s | %.2f | %.2f | %.2f | %.2f |\n", ways[n].name, ms(r.p50), ms(r.p99), ms(r.p50-rows[0].p50), ms(r.p99-rows[0].p99))
	}
	fmt.Fprintf(&doc, "\nPrompts of 1 KB over %d connections that are kept, TLS on both sides.\n\n| way | p50 ms | p99 ms | req/s |\n|---|---|---|---|\n", benchAtOnce)
	for n, r := range benchTurns(t, ways, benchRequests) {
		fmt.Fprintf(&doc, "| %s | %.2f | %.2f | %.0f |\n", ways[n].name, ms(r.p50), ms(r.p99), r.rate)
	}
	fmt.Fprintf(&doc, "\nMemory of %d connections that made one request and idle: resident MiB of the policy server and Envoy, more than before.\n\n| way | MiB |\n|---|---|\n", idleConnections)
	for _, w := range ways {
		fmt.Fprintf(&doc, "| %s | %.1f |\n", w.name, float64(benchIdle(t, w))/(1<<20))
	}
	t.Log("\n" + doc.String())
	f, err := os.OpenFile(out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(doc.Bytes())
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// benchWays starts an Envoy alone, and Ostiary with both data planes, each in a world
// of its own.
func benchWays(t *testing.T) []benchWay {
	t.Helper()
	var out []benchWay
	for _, plane := range []string{"envoy", "embedded"} {
		w := newWorld(t)
		r := w.run(plane, "")
		w.redirected(r.file)
		d, roots := w.dialling(), w.roots()
		pids := []int{r.cmd.Process.Pid}
		if plane == "envoy" {
			pids = append(pids, childOf(t, pids[0]))
			out = append(out, w.alone(d))
		}
		out = append(out,
			benchWay{"redirect, " + plane, roots, func(ctx context.Context) (net.Conn, error) { return d.dial(ctx, vendor4+":443") }, pids},
			benchWay{"proxy, " + plane, roots, func(ctx context.Context) (net.Conn, error) { return d.connect(ctx, atProxy) }, pids})
	}
	return out
}

// alone starts an Envoy that knows nothing of Ostiary.
func (w *world) alone(d *dialling) benchWay {
	t := w.t
	t.Helper()
	leaf := w.siteCA.leaf(t, vendorOpenAI)
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w.path("alone.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]})), 0o644)
	write(t, w.path("alone.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), 0o644)
	write(t, w.path("alone.yaml"), fmt.Sprintf(aloneBootstrap, w.path("alone.pem"), w.path("alone.key"), vendor4, vendorOpenAI, w.path("vendor.pem")), 0o644)
	cmd := w.command("both", uidOstiary, w.home("ostiary"), "envoy", "-c", w.path("alone.yaml"), "--disable-hot-restart", "-l", "error")
	screen := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = screen, screen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	until(t, "Envoy alone listens", func() bool {
		c, err := d.dial(context.Background(), atAlone)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	roots := x509.NewCertPool()
	roots.AddCert(w.siteCA.cert)
	return benchWay{"Envoy alone", roots, func(ctx context.Context) (net.Conn, error) { return d.dial(ctx, atAlone) }, []int{cmd.Process.Pid}}
}

// connect opens a tunnel to the vendor through the explicit proxy.
func (d *dialling) connect(ctx context.Context, at string) (net.Conn, error) {
	c, err := d.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(c, "CONNECT %s:443 HTTP/1.1\r\nHost: %[1]s:443\r\n\r\n", vendorOpenAI); err != nil {
		_ = c.Close()
		return nil, err
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil || resp.StatusCode != 200 || r.Buffered() > 0 {
		_ = c.Close()
		return nil, errors.Join(err, errors.New("no tunnel"))
	}
	return c, nil
}

// benchTurns measures the ways in turns, and gives medians; the first round warms up.
func benchTurns(t *testing.T, ways []benchWay, measure func(*testing.T, benchWay) benchRow) []benchRow {
	t.Helper()
	all := make([][]benchRow, len(ways))
	for round := range benchRounds + 1 {
		for n := range ways {
			row := measure(t, ways[n])
			if round > 0 {
				all[n] = append(all[n], row)
			}
		}
	}
	var out []benchRow
	for _, rows := range all {
		rates := make([]float64, len(rows))
		for i, r := range rows {
			rates[i] = r.rate
		}
		slices.Sort(rates)
		out = append(out, benchRow{
			p50: medianOf(rows, func(r benchRow) time.Duration { return r.p50 }), p99: medianOf(rows, func(r benchRow) time.Duration { return r.p99 }), rate: rates[len(rates)/2],
		})
	}
	return out
}

func benchHandshakes(t *testing.T, w benchWay) benchRow {
	t.Helper()
	took := make([]time.Duration, 0, handshakesARound)
	for range handshakesARound {
		began := time.Now()
		c, err := w.dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		tc := tls.Client(c, &tls.Config{ServerName: vendorOpenAI, RootCAs: w.roots, NextProtos: []string{"http/1.1"}})
		if err := tc.Handshake(); err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
		took = append(took, time.Since(began))
		_ = tc.Close()
	}
	return rowOf(took, 0)
}

func rowOf(took []time.Duration, whole time.Duration) benchRow {
	slices.Sort(took)
	r := benchRow{p50: took[len(took)/2], p99: took[len(took)*99/100]}
	if whole > 0 {
		r.rate = float64(len(took)) / whole.Seconds()
	}
	return r
}

// client keeps connections of the way.
func (w benchWay) client() *http.Client {
	return &http.Client{Timeout: soon, Transport: &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx) },
		TLSClientConfig: &tls.Config{RootCAs: w.roots}, MaxIdleConnsPerHost: idleConnections, TLSHandshakeTimeout: soon,
	}}
}

func benchRequests(t *testing.T, w benchWay) benchRow {
	t.Helper()
	c := w.client()
	defer c.CloseIdleConnections()
	var mu sync.Mutex
	var took []time.Duration
	var wait sync.WaitGroup
	began := time.Now()
	for worker := range benchAtOnce {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := range requestsARound / benchAtOnce {
				at := time.Now()
				status, err := answered(c, vendorOpenAI, prose(1<<10, worker*requestsARound+n))
				if err != nil || status != 200 {
					t.Errorf("%s: %d %v", w.name, status, err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(at))
				mu.Unlock()
			}
		}()
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return rowOf(took, time.Since(began))
}

// benchIdle gives the memory of connections that idle. They stay open to the end of the
// test: ways that share a process would otherwise use what the first one left.
func benchIdle(t *testing.T, w benchWay) int {
	t.Helper()
	resident := func() (sum int) {
		for _, pid := range w.pids {
			sum += rss(pid)
		}
		return sum
	}
	time.Sleep(time.Second)
	before := resident()
	var mu sync.Mutex
	var open []net.Conn
	var wait sync.WaitGroup
	for range dialThreads {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range idleConnections / dialThreads {
				c, err := w.dial(context.Background())
				if err != nil {
					t.Errorf("%s: %v", w.name, err)
					return
				}
				tc := tls.Client(c, &tls.Config{ServerName: vendorOpenAI, RootCAs: w.roots, NextProtos: []string{"http/1.1"}})
				mu.Lock()
				open = append(open, tc)
				mu.Unlock()
				body := chat(ordinary)
				if _, err := fmt.Fprintf(tc, "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", vendorOpenAI, theKey, len(body), body); err != nil {
					t.Errorf("%s: %v", w.name, err)
					return
				}
				resp, err := http.ReadResponse(bufio.NewReader(tc), nil)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%s: %v", w.name, err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
			}
		}()
	}
	wait.Wait()
	time.Sleep(time.Second)
	t.Cleanup(func() {
		for _, c := range open {
			_ = c.Close()
		}
	})
	return resident() - before
}
