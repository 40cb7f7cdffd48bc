package bypass

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Ports.
const (
	portHTTP  = 80
	portHTTPS = 443
	portDNS   = 53
)

// errNoAddress means that there is nowhere to connect to.
var errNoAddress = errors.New("bypass: no address")

// dial connects to one address.
func (t *Target) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if t.Dial != nil {
		return t.Dial(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// dialAny connects to the first of the addresses that can be reached.
func (t *Target) dialAny(ctx context.Context, list []netip.Addr, port uint16) (net.Conn, error) {
	err := errNoAddress
	for n, a := range list {
		if n == maxConnects {
			break
		}
		one, cancel := share(ctx, min(len(list), maxConnects)-n)
		var c net.Conn
		c, err = t.dial(one, "tcp", join(a.String(), port))
		cancel()
		if err == nil {
			return c, nil
		}
	}
	return nil, err
}

// share gives one of n tries its part of the time that is left.
func share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok || n < 2 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(end)/time.Duration(n))
}

// dialHost connects to the provider's address, IPv4 before IPv6.
func (t *Target) dialHost(ctx context.Context, port uint16) (net.Conn, error) {
	list := slices.Clone(t.Addresses)
	slices.SortStableFunc(list, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return t.dialAny(ctx, list, port)
}

// dialPassed connects to the host that passes.
func (t *Target) dialPassed(ctx context.Context) (net.Conn, error) {
	if len(t.PassedAddresses) > 0 {
		return t.dialAny(ctx, t.PassedAddresses, portHTTPS)
	}
	return t.dial(ctx, "tcp", join(t.Passed, portHTTPS))
}

// unconnected says what it means that a connection could not be made.
func unconnected(err error) Outcome {
	var dns *net.DNSError
	var late interface{ Timeout() bool }
	switch {
	case errors.Is(err, errNoAddress):
		return Outcome{Verdict: Inconclusive, Detail: NoAddress}
	case errors.As(err, &dns):
		return Outcome{Verdict: Refused, Detail: NoName}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.EADDRNOTAVAIL):
		return Outcome{Verdict: Inconclusive, Detail: Failed}
	case errors.As(err, &late) && late.Timeout():
		return Outcome{Verdict: Refused, Detail: NoAnswer}
	}
	return Outcome{Verdict: Refused, Detail: Unreachable}
}

// hello is a ClientHello.
type hello struct {
	name    string   // server name; empty for none
	written string   // goes into the server name instead of name, which has its length
	alpn    []string // default http/1.1
	ech     []byte   // an ECHConfigList; name is hidden then
}

// shaken is what a handshake came to.
type shaken struct {
	*tls.Conn                     // usable where err is nil
	chain     []*x509.Certificate // that the peer showed, the leaf first; whether or not err is nil
	err       error
}

func (s *shaken) close() { _ = s.NetConn().Close() }

// handshake makes TLS of a connection, which it takes over. Who the peer is, is not
// checked but kept.
func (t *Target) handshake(ctx context.Context, c net.Conn, h hello) *shaken {
	s := new(shaken)
	conf := &tls.Config{
		ServerName: h.name, NextProtos: h.alpn, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // who answers is what we are here to find out
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			for _, der := range raw {
				one, err := x509.ParseCertificate(der)
				if err != nil {
					return err
				}
				s.chain = append(s.chain, one)
			}
			return nil
		},
	}
	if h.alpn == nil {
		conf.NextProtos = []string{"http/1.1"}
	}
	if h.written != "" {
		// The hash of the handshake will not agree, but by then TLS 1.2 has shown its
		// certificate.
		conf.MaxVersion = tls.VersionTLS12
		c = &renaming{Conn: c, from: []byte(h.name), to: []byte(h.written)}
	}
	if h.ech != nil {
		conf.MinVersion, conf.EncryptedClientHelloConfigList = tls.VersionTLS13, h.ech
		conf.EncryptedClientHelloRejectionVerify = func(tls.ConnectionState) error { return nil }
	}
	s.Conn = tls.Client(c, conf)
	if end, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(end) // of what follows, too
	}
	s.err = s.HandshakeContext(ctx)
	if len(s.chain) == 0 {
		s.chain = s.ConnectionState().PeerCertificates // of one that did not take the hidden name
	}
	return s
}

// renaming puts another name of the same length in the first bytes that are
// written: one that crypto/tls does not send.
type renaming struct {
	net.Conn
	from, to []byte
	done     bool
}

// Write implements [net.Conn].
func (r *renaming) Write(b []byte) (int, error) {
	if r.done {
		return r.Conn.Write(b)
	}
	r.done = true
	return r.Conn.Write(bytes.Replace(b, r.from, r.to, 1))
}

// origin is whose certificate a peer showed.
type origin int

const (
	originNone origin = iota
	originOurs
	originProvider
	originPassed
	originAnother
)

func (t *Target) origin(chain []*x509.Certificate) origin {
	switch {
	case len(chain) == 0:
		return originNone
	case t.ours(chain):
		return originOurs
	case t.Host != "" && chain[0].VerifyHostname(t.Host) == nil:
		return originProvider
	case t.Passed != "" && chain[0].VerifyHostname(t.Passed) == nil:
		return originPassed
	}
	return originAnother
}

// ours reports whether Ostiary's authority signed a certificate.
func (t *Target) ours(chain []*x509.Certificate) bool {
	if len(t.Authority) == 0 || len(chain) == 0 {
		return false
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range t.Authority {
		roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

// broken says what it means that a handshake came to no certificate.
func broken(err error) Outcome {
	var record tls.RecordHeaderError
	var at net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Outcome{Verdict: Inconclusive, Detail: Silent}
	case errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/":
		return Outcome{Verdict: Refused, Detail: NotTLS}
	case errors.As(err, &record):
		return Outcome{Verdict: Inconclusive, Detail: Garbled}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &at): // an alert is one, too
		return Outcome{Verdict: Refused, Detail: Closed}
	}
	return Outcome{Verdict: Inconclusive, Detail: Failed}
}

// speaking is what is said over TLS: HTTP, until it is clear what became of it.
type speaking func(context.Context, *shaken) Outcome

// sayCanary asks over HTTP/1.1 for a host.
func (t *Target) sayCanary(host string) speaking {
	return func(ctx context.Context, s *shaken) Outcome { return t.ask(ctx, s, t.canary(host)) }
}

// sayHTTP2 asks over HTTP/2 for hosts, in their order.
func (t *Target) sayHTTP2(hosts ...string) speaking {
	return func(ctx context.Context, s *shaken) Outcome { return t.askHTTP2(ctx, s, hosts...) }
}

// sayBadly sends what no client should.
func (t *Target) sayBadly(request []byte, answers int) speaking {
	return func(ctx context.Context, s *shaken) Outcome { return t.askBadly(ctx, s, request, answers) }
}

// overTLS makes TLS of a connection and judges by the certificate. Where that is
// Ostiary's, or of the host that passes, say goes on; nil for nothing more.
func (t *Target) overTLS(ctx context.Context, c net.Conn, h hello, say speaking) Outcome {
	s := t.handshake(ctx, c, h)
	defer s.close()
	switch t.origin(s.chain) {
	case originNone:
		return broken(s.err)
	case originProvider:
		return t.foreign(ctx, s, ProvidersCertificate)
	case originAnother:
		return t.foreign(ctx, s, AnotherCertificate)
	case originPassed:
		if s.err != nil || say == nil {
			return Outcome{Verdict: Refused, Detail: Elsewhere}
		}
		return t.frontDoor(ctx, s, say)
	}
	if s.err != nil || say == nil {
		return Outcome{Verdict: Governed, Detail: EndedHere}
	}
	o := say(ctx, s)
	if o.Verdict == Refused && o.Detail == Closed {
		return Outcome{Verdict: Governed, Detail: EndedHere} // Ostiary itself closed it
	}
	return o
}

// foreign judges a certificate that is not Ostiary's. Without its authority that
// is not known, and an answer may tell.
func (t *Target) foreign(ctx context.Context, s *shaken, detail string) Outcome {
	if len(t.Authority) > 0 || s.err != nil {
		return Outcome{Verdict: Round, Detail: detail}
	}
	say := t.sayCanary(t.Host)
	if s.ConnectionState().NegotiatedProtocol == "h2" {
		say = t.sayHTTP2(t.Host)
	}
	if o := say(ctx, s); o.Decision != "" {
		return Outcome{Verdict: Inconclusive, Detail: AuthorityMissing, Decision: o.Decision}
	}
	return Outcome{Verdict: Round, Detail: detail}
}

// frontDoor judges what is said to the host that passes: whether it hands a request
// on to the provider.
func (t *Target) frontDoor(ctx context.Context, s *shaken, say speaking) Outcome {
	if o := say(ctx, s); o.Detail == ProvidersAnswer {
		return o
	}
	return Outcome{Verdict: Refused, Detail: Elsewhere} // its own answer is its own business
}

// filler gives a name of a length that can be put in a ClientHello.
func filler(n int) string { return strings.Repeat("a", n) }

// madeUpECH gives an ECHConfigList (RFC 9849, 4) of a key that nobody has: who has
// none either goes by the outer name.
func madeUpECH(outer string) ([]byte, error) {
	const (
		version  = 0xfe0d
		kem      = 0x0020 // DHKEM(X25519, HKDF-SHA256)
		kdf      = 0x0001 // HKDF-SHA256
		aead     = 0x0001 // AES-128-GCM
		configID = 7
	)
	if len(outer) == 0 || len(outer) > 253 {
		return nil, errNoAddress
	}
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	public := key.PublicKey().Bytes()
	var b []byte
	b = append(b, configID)
	b = binary.BigEndian.AppendUint16(b, kem)
	b = binary.BigEndian.AppendUint16(b, uint16(len(public)))
	b = append(b, public...)
	b = binary.BigEndian.AppendUint16(b, 4)
	b = binary.BigEndian.AppendUint16(b, kdf)
	b = binary.BigEndian.AppendUint16(b, aead)
	b = append(b, 0) // maximum_name_length
	b = append(b, byte(len(outer)))
	b = append(b, outer...)
	b = append(b, 0, 0) // no extensions
	var list []byte
	list = binary.BigEndian.AppendUint16(list, uint16(len(b)+4))
	list = binary.BigEndian.AppendUint16(list, version)
	list = binary.BigEndian.AppendUint16(list, uint16(len(b)))
	return append(list, b...), nil
}
