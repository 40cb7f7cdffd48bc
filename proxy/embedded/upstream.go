package embedded

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// connectAttempts is how often a connection to a pool is tried.
	connectAttempts = 3
	// connectBackoff is the pause before the second attempt; it doubles.
	connectBackoff = 50 * time.Millisecond
	// perConnection is how many requests go over one connection without TLS.
	// llama.cpp's server closes after 100, without saying so on a stream, and a
	// request that meets the close is lost.
	perConnection = 90
	// idlePlain and idleSecure are how long an unused connection to a pool stays
	// open. Servers that run in-house (llama.cpp, uvicorn) close after 5 s.
	idlePlain  = 4 * time.Second
	idleSecure = 90 * time.Second
	// idlePerPool is how many unused connections a pool keeps.
	idlePerPool = 256
	// handshakeTimeout bounds a TLS handshake with a pool.
	handshakeTimeout = 10 * time.Second
	// probe is the interval of TCP keep-alive.
	probe = 30 * time.Second
)

// Upstream is how a pool is reached.
type Upstream struct {
	// URL replaces everything before the dialect's own path. Not to be written.
	URL *url.URL
	// Header and Value are the pool's own credential, with its scheme, or empty.
	// It is a secret: it goes on the wire to this pool and nowhere else.
	Header, Value string
	// CA are the authorities to trust for the pool; nil means the system's. Keep
	// the pointer as long as they are the same: another one means new connections.
	CA *x509.CertPool
	// Proxy is a proxy of the organisation's on the way to the pool; nil for none.
	// The environment is not looked at.
	Proxy *url.URL
	// ServerName is the name in the pool's certificate; empty means the URL's host.
	ServerName string
	// Pins are SHA-256 digests of public keys (SPKI) in base64, of which the
	// certificate's must be one beside all else that is checked (RFC 7469); empty
	// for any.
	Pins []string
}

// route is a pool as it was reached last: its connections.
type route struct {
	key       routeKey
	transport *http.Transport
}

// routeKey tells whether connections can be used for an Upstream.
type routeKey struct {
	scheme, host, proxy, name, pins string
	ca                              *x509.CertPool
}

// route gives the connections of a pool, new ones where the way has changed.
func (p *Plane) route(pool string, u *Upstream) *route {
	k := routeKey{scheme: u.URL.Scheme, host: u.URL.Host, name: u.ServerName, pins: strings.Join(u.Pins, " "), ca: u.CA}
	if u.Proxy != nil {
		k.proxy = u.Proxy.String()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.routes[pool]
	if r != nil && r.key == k {
		return r
	}
	if r != nil {
		r.transport.CloseIdleConnections()
	}
	r = &route{key: k, transport: p.transport(u)}
	p.routes[pool] = r
	return r
}

func (p *Plane) closeRoutes() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.routes {
		r.transport.CloseIdleConnections()
	}
}

func (p *Plane) transport(u *Upstream) *http.Transport {
	dialer := &net.Dialer{Timeout: p.times.Connect, KeepAlive: probe}
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if c, err = p.own.take(c); err != nil {
				return nil, err
			}
			return &metered{Conn: c}, nil
		},
		TLSClientConfig:        &tls.Config{RootCAs: u.CA, ServerName: u.ServerName, MinVersion: tls.VersionTLS12, VerifyConnection: pinned(u.Pins)},
		ForceAttemptHTTP2:      true, // with TLS, where the pool speaks it
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxIdleConnsPerHost:    idlePerPool,
		IdleConnTimeout:        idleSecure,
		MaxResponseHeaderBytes: maxAnswerHeaderBytes,
		WriteBufferSize:        copyBuffer,
		ReadBufferSize:         copyBuffer,
		DisableCompression:     true, // answers pass as they come
	}
	if u.URL.Scheme == "http" {
		t.IdleConnTimeout = idlePlain
	}
	if u.Proxy != nil {
		t.Proxy = http.ProxyURL(u.Proxy)
	}
	return t
}

// errPin means that a pool's certificate is good and its key is none of the pins.
var errPin = errors.New("the key of the pool's certificate is none of its pins")

// pinned checks the key of a connection's certificate, on every connection, those
// that are resumed too.
func pinned(pins []string) func(tls.ConnectionState) error {
	if len(pins) == 0 {
		return nil
	}
	pins = slices.Clone(pins)
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errPin
		}
		sum := sha256.Sum256(s.PeerCertificates[0].RawSubjectPublicKeyInfo)
		if !slices.Contains(pins, base64.StdEncoding.EncodeToString(sum[:])) {
			return errPin
		}
		return nil
	}
}

// errRetired ends a connection before the server does. Nothing was written when
// it is returned, and net/http takes another connection.
var errRetired = errors.New("connection has carried enough requests")

// metered is a connection that counts what is written to it, for the request that
// it carries at the time.
type metered struct {
	net.Conn
	requests atomic.Int64
	retired  atomic.Bool
	carries  atomic.Pointer[account]
}

// Write implements [net.Conn].
func (m *metered) Write(b []byte) (int, error) {
	if m.retired.Load() {
		return 0, errRetired
	}
	n, err := m.Conn.Write(b)
	if a := m.carries.Load(); a != nil { // none during a TLS handshake
		a.wire.Add(int64(n))
	}
	return n, err
}

// meter finds the counter below a connection and its TLS.
func meter(c net.Conn) *metered {
	for {
		t, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = t.NetConn()
	}
	m, _ := c.(*metered)
	return m
}

// account is what is known of what was sent upstream. Its fields are written by
// goroutines of net/http.
type account struct {
	attempts atomic.Int64
	wire     atomic.Int64 // bytes written while a connection carried this request
	body     atomic.Int64 // bytes of the body that net/http took
	head     atomic.Bool  // the head was written to a connection that is shared
	shared   atomic.Bool  // the connection carries other requests too (HTTP/2)
}

// trace watches the connections that a request gets.
func (a *account) trace(plain bool) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			m := meter(i.Conn)
			t, secure := i.Conn.(*tls.Conn)
			if m == nil || secure && t.ConnectionState().NegotiatedProtocol == "h2" {
				a.attempts.Add(1)
				a.shared.Store(true)
				return
			}
			if plain && m.requests.Add(1) > perConnection && i.Reused {
				m.retired.Store(true) // the next is what counts
				return
			}
			a.attempts.Add(1)
			m.carries.Store(a)
		},
		WroteHeaders: func() { a.head.Store(a.shared.Load()) },
	}
}

// sent gives whether upstream received bytes, and how many. On a connection of
// its own it counts the wire; on a shared one, the body as far as it was taken.
func (a *account) sent() (bool, int64) {
	if a.shared.Load() {
		return a.head.Load(), a.body.Load()
	}
	n := a.wire.Load()
	return n > 0, n
}
