package bypass_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/quic"

	"github.com/ostiary/ostiary/proxy/bypass"
)

// Who is where, in the worlds of these tests.
const (
	provider = "api.vendor.example"
	passed   = "www.shop.example"
	at4      = "203.0.113.10" // the provider
	at6      = "2001:db8::10"
	shop     = "203.0.113.20" // the host that passes
	proxyAt  = "203.0.113.30:3128"
	poolAt   = "203.0.113.40:8000"
	adminAt  = "203.0.113.50:9901"
	resolver = "203.0.113.60"
	dohAt    = "203.0.113.70"
	doh      = "dns.example"
)

// patience bounds an attempt in tests; only those that wait for nothing need it.
const patience = 20 * time.Second

// authority signs leaves.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, key: key, leaves: map[string]*tls.Certificate{}}
}

func (a *authority) leaf(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[name]; c != nil {
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(a.leaves) + 2)), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	a.leaves[name] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return a.leaves[name], nil
}

// byName gives leaves for the names, and of the first for every other.
func (a *authority) byName(names ...string) *tls.Config {
	return &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		for _, n := range names {
			if strings.EqualFold(strings.TrimSuffix(h.ServerName, "."), n) {
				return a.leaf(n)
			}
		}
		return a.leaf(names[0])
	}}
}

// world is a network: what is behind addresses. Everything else refuses.
type world struct {
	t  *testing.T
	mu sync.Mutex
	at map[string]string // "tcp 203.0.113.10:443" to an address of this machine
	// refuse is the error of what is not there; nil accepts and closes.
	refuse func(ctx context.Context) (net.Conn, error)
}

func newWorld(t *testing.T) *world {
	return &world{t: t, at: map[string]string{}, refuse: func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}}
}

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network == "unix" {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	host, port, _ := net.SplitHostPort(address)
	switch host {
	case provider:
		host = at4
	case passed:
		host = shop
	case doh:
		host = dohAt
	}
	w.mu.Lock()
	to := w.at[network+" "+net.JoinHostPort(host, port)]
	w.mu.Unlock()
	if to == "" {
		return w.refuse(ctx)
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

// put puts a listener of this machine behind an address.
func (w *world) put(network, address, here string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[network+" "+address] = here
}

// listen opens a listener behind addresses of TCP.
func (w *world) listen(addresses ...string) net.Listener {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = l.Close() })
	for _, a := range addresses {
		w.put("tcp", a, l.Addr().String())
	}
	return l
}

// serve serves HTTP behind addresses, with TLS where there is a config.
func (w *world) serve(h http.Handler, conf *tls.Config, addresses ...string) {
	w.t.Helper()
	l := w.listen(addresses...)
	s := &http.Server{Handler: h, TLSConfig: conf, ErrorLog: log.New(io.Discard, "", 0)}
	if conf == nil {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetUnencryptedHTTP2(true)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	go func() {
		if conf == nil {
			_ = s.Serve(l)
			return
		}
		_ = s.ServeTLS(tolerant{l}, "", "")
	}()
}

// tolerant takes a server name with the dot of the root, as most servers do and
// crypto/tls does not.
type tolerant struct{ net.Listener }

// Accept implements [net.Listener].
func (l tolerant) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &undotted{Conn: c}, nil
}

type undotted struct {
	net.Conn
	done bool
}

// Read implements [net.Conn]. A ClientHello comes whole here: its writer writes it so.
func (u *undotted) Read(b []byte) (int, error) {
	n, err := u.Conn.Read(b)
	if i := bytes.Index(b[:n], []byte(provider+".")); !u.done && i >= 0 {
		u.done, b[i+len(provider)] = true, 'x'
	}
	return n, err
}

// vendor answers as a model API does to somebody without a key.
var vendor = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		w.WriteHeader(http.StatusOK)
		return
	case strings.EqualFold(r.Header.Get("upgrade"), "websocket"):
		w.Header().Set("connection", "upgrade")
		w.Header().Set("upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		return
	}
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprint(w, `{"error":{"message":"You didn't provide an API key.","type":"invalid_request_error","param":null,"code":null}}`)
})

// store answers as a shop does, which knows nothing of models.
var store = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, "<html>not here</html>")
})

// byHost is a content network: it hands a request on by its Host.
var byHost = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.Host == provider {
		vendor(w, r)
		return
	}
	store(w, r)
})

// forward is an open proxy.
func (w *world) forward() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			vendor(rw, r) // as fetched
			return
		}
		to, err := w.dial(r.Context(), "tcp", r.Host)
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		if r.ProtoMajor == 2 {
			rw.WriteHeader(http.StatusOK)
			control := http.NewResponseController(rw)
			_ = control.Flush()
			go func() { _, _ = io.Copy(to, r.Body); _ = to.Close() }()
			for b := make([]byte, 4096); ; {
				n, err := to.Read(b)
				_, _ = rw.Write(b[:n])
				_ = control.Flush()
				if err != nil {
					return
				}
			}
		}
		c, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			_ = to.Close()
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, c); _ = to.Close() }()
		_, _ = io.Copy(c, to)
		_ = c.Close()
	})
}

// resolve answers DNS by UDP and TCP.
func (w *world) resolve(address string) {
	w.t.Helper()
	reply := func(q []byte) []byte {
		out := slices.Clone(q)
		out[2] |= 0x80
		return out
	}
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = u.Close() })
	w.put("udp", address, u.LocalAddr().String())
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = u.WriteTo(reply(b[:n]), from)
		}
	}()
	l := w.listen(address)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				var size [2]byte
				if _, err := io.ReadFull(c, size[:]); err != nil {
					return
				}
				q := make([]byte, int(size[0])<<8|int(size[1]))
				if _, err := io.ReadFull(c, q); err == nil {
					_, _ = c.Write(append(size[:], reply(q)...))
				}
			}()
		}
	}()
}

// speakQUIC serves QUIC behind addresses of UDP: a real server.
func (w *world) speakQUIC(conf *tls.Config, addresses ...string) {
	w.t.Helper()
	conf = conf.Clone()
	conf.MinVersion, conf.NextProtos = tls.VersionTLS13, []string{"h3"}
	e, err := quic.Listen("udp", "127.0.0.1:0", &quic.Config{TLSConfig: conf})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Close(ctx)
	})
	for _, a := range addresses {
		w.put("udp", a, e.LocalAddr().String())
	}
}

// socket serves HTTP at a unix socket, with or without HTTP/2.
func (w *world) socket(h http.Handler, two bool) string {
	w.t.Helper()
	dir, err := os.MkdirTemp("", "bypass")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		w.t.Fatal(err)
	}
	var p http.Protocols
	p.SetHTTP1(!two)
	p.SetUnencryptedHTTP2(two)
	s := &http.Server{Handler: h, Protocols: &p, ErrorLog: log.New(io.Discard, "", 0)}
	w.t.Cleanup(func() { _ = s.Close() })
	go func() { _ = s.Serve(l) }()
	return path
}

// target is a run in the world, with everything named.
func (w *world) target(a *authority) bypass.Target {
	t := bypass.Target{
		Host: provider, Addresses: []netip.Addr{netip.MustParseAddr(at4), netip.MustParseAddr(at6)}, Ports: []uint16{8443, 80},
		Passed: passed, PassedAddresses: []netip.Addr{netip.MustParseAddr(shop)},
		Proxy: proxyAt, Pools: []string{poolAt}, Admins: []string{adminAt},
		Resolver: netip.MustParseAddr(resolver), DoH: doh, DoHAddress: netip.MustParseAddr(dohAt), Dial: w.dial,
	}
	if a != nil {
		t.Authority = []*x509.Certificate{a.cert}
	}
	return t
}

// try makes the attempts of a target.
func try(t *testing.T, target bypass.Target, timeout time.Duration) bypass.Report {
	t.Helper()
	r := bypass.Try(t.Context(), target, bypass.Attempts(target), timeout)
	for _, row := range r.Rows {
		t.Logf("%-28s %-12s %-24s %v", row.Attempt, row.Verdict, row.Detail, row.Took.Round(time.Millisecond))
	}
	return r
}

func rowOf(t *testing.T, r bypass.Report, name string) bypass.Row {
	t.Helper()
	for _, row := range r.Rows {
		if row.Attempt == name {
			return row
		}
	}
	t.Fatalf("there is no row %s", name)
	return bypass.Row{}
}

// open is a world in which nothing stands in between.
func open(t *testing.T) (*world, bypass.Target) {
	t.Helper()
	w, public := newWorld(t), newAuthority(t, "public")
	front := public.byName(provider)
	keys, list := echKeys(t, "outer.vendor.example")
	front.EncryptedClientHelloKeys = keys
	w.serve(vendor, front, at4+":443", at4+":8443", "["+at6+"]:443")
	w.serve(vendor, nil, at4+":80")
	w.serve(byHost, public.byName(passed, provider), shop+":443")
	w.serve(w.forward(), nil, proxyAt)
	w.serve(vendor, nil, poolAt)
	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("server", "envoy") }), nil, adminAt)
	w.resolve(resolver + ":53")
	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte{0, 0, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0})
	}), public.byName(doh), dohAt+":443")
	w.speakQUIC(public.byName(provider), at4+":443", "["+at6+"]:443")
	target := w.target(newAuthority(t, "ostiary"))
	target.Sockets = []string{w.socket(store, false), w.socket(vendor, true)}
	target.ECH = list
	return w, target
}

// silent is a connection on which nothing comes.
func (w *world) silent(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	w.t.Cleanup(func() { _ = theirs.Close() })
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	return ours, nil
}

// vanish is what a dropped packet comes to.
func vanish(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
}

// shut accepts and closes.
func shut(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		_, _ = bufio.NewReader(theirs).ReadByte()
		_ = theirs.Close()
	}()
	return ours, nil
}

var errNetwork = errors.New("no such network")
