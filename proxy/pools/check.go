package pools

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// checkTimeout bounds the look at one pool: it holds up what the start prints.
const checkTimeout = 2 * time.Second

// Health says whether a pool answers.
type Health struct {
	Pool    string
	Answers bool
	// Why not, as a constant word: name (not found), refused, timeout,
	// unreachable, tls, authority (certificate of an authority that is not
	// trusted), proxy. Empty where it answers.
	Why string
}

// Check looks whether each pool answers, all at once, in two seconds: a
// connection, through the pool's proxy where it has one, and with https a TLS
// handshake against its authorities. No request is made and no key is sent.
// The order is that of the configuration.
func (s *Set) Check(ctx context.Context) []Health {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	out := make([]Health, len(s.ups))
	var wg sync.WaitGroup
	for i, u := range s.ups {
		wg.Go(func() {
			why := u.reach(ctx)
			out[i] = Health{Pool: u.Pool.Name, Answers: why == "", Why: why}
		})
	}
	wg.Wait()
	return out
}

func (u Upstream) reach(ctx context.Context) string {
	port := u.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.URL.Scheme]
	}
	target := net.JoinHostPort(u.URL.Hostname(), port)
	first := target
	if u.Proxy != "" {
		p, err := url.Parse(u.Proxy)
		if err != nil {
			return "proxy"
		}
		first = p.Host
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", first)
	if err != nil {
		if u.Proxy != "" {
			return "proxy"
		}
		return whyNoConnection(err)
	}
	defer conn.Close()
	// Reading and writing know no context.
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if u.Proxy != "" && !connect(conn, target) {
		return "proxy"
	}
	if u.URL.Scheme == "http" {
		return ""
	}
	config := &tls.Config{ServerName: u.URL.Hostname(), MinVersion: tls.VersionTLS12}
	if u.CA != "" {
		b, err := readCA(u.CA)
		if err != nil {
			return "authority"
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(b)
	}
	if err := tls.Client(conn, config).HandshakeContext(ctx); err != nil {
		var bad *tls.CertificateVerificationError
		var t net.Error
		switch {
		case errors.As(err, &bad):
			return "authority"
		case errors.As(err, &t) && t.Timeout():
			return "timeout"
		}
		return "tls"
	}
	return ""
}

// connect opens a tunnel through an HTTP proxy (RFC 9110, 9.3.6).
func connect(conn net.Conn, target string) bool {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if req.Write(conn) != nil {
		return false
	}
	// Nothing follows a proxy's answer before we speak, so that the reader
	// takes nothing of the tunnel.
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	return err == nil && resp.StatusCode == http.StatusOK
}

func whyNoConnection(err error) string {
	var name *net.DNSError
	var t net.Error
	switch {
	case errors.As(err, &name):
		return "name"
	case errors.As(err, &t) && t.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	}
	return "unreachable"
}
