package embedded

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "104.18.0.1": true, "223.255.255.254": true, "100.128.0.1": true, "172.32.0.1": true, "2606:4700::1": true, "2a00:1450::1": true, "64:ff9b::808:808": true, "2002:808:808::1": true,
		"0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "100.64.0.1": false, "127.0.0.1": false, "127.8.8.8": false, "169.254.169.254": false, "172.16.0.1": false, "192.168.1.1": false,
		"192.0.0.8": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::8.8.8.8": false, "fc00::1": false, "fd12::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false,
		"2001:db8::1": false, "2001::1": false, "3fff::1": false, "100::1": false, "64:ff9b::a00:1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::1": false, "2002:a00:1::1": false, "4000::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public %v", address, got)
		}
	}
}

func TestIsReachable(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "10.1.2.3": true, "127.0.0.1": true, "::1": true, "fd12::1": true, "::ffff:192.168.1.1": true,
		"169.254.169.254": false, "::ffff:169.254.169.254": false, "fe80::1": false, "0.0.0.0": false, "::": false, "224.0.0.1": false, "ff02::1": false, "255.255.255.255": false,
	} {
		if got := isReachable(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: reachable %v", address, got)
		}
	}
}

// FuzzAuthority: what is taken for a name and a port is no address, however it is
// written, and holds nothing that would be read as another authority.
func FuzzAuthority(f *testing.F) {
	for _, s := range []string{"api.openai.com:443", "API.example.:8443", "x", ":443", "[::1]:443", "::1", "192.0.2.1", "0x7f.1:80", "127.1:80", "2130706433:80", "017700000001", "a@b:1", "a:b:1", "a/b:1", "a:65536", "a:+1", "a:-0", "fe80::1%eth0", "1.2.3.4.", "a.0x1", "a.08:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, _, ok := split(s)
		if !ok || numeric(name) {
			return
		}
		if _, err := netip.ParseAddr(name); err == nil || strings.ContainsAny(name, ":@/\\[]%") || name != strings.ToLower(name) {
			t.Errorf("%q is taken for the name %q", s, name)
		}
	})
}

// FuzzHello: looking at a client's first bytes takes nothing of them: whoever reads
// afterwards reads them all, and crypto/tls reads the same name in them.
func FuzzHello(f *testing.F) {
	for _, conf := range []*tls.Config{{ServerName: "api.openai.com"}, {ServerName: "A.Example.org", MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}, {InsecureSkipVerify: true}} {
		a, b := net.Pipe()
		go func() { _ = tls.Client(a, conf).Handshake(); _ = a.Close() }()
		buf := make([]byte, 1<<16)
		n, err := b.Read(buf)
		if err != nil {
			f.Fatal(err)
		}
		_ = b.Close()
		f.Add(buf[:n], uint16(0))
		f.Add(append(buf[:n:n], "early data"...), uint16(60))
		f.Add(buf[:n/2], uint16(7))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(3))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, uint16(1))
	x := newInterceptor(New(Options{}), &Interception{Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, io.EOF }, Name: func(string) (string, string) { return Refused, "" }})
	f.Fuzz(func(t *testing.T, sent []byte, buffered uint16) {
		// Some of the bytes came along with the CONNECT, the rest comes later.
		at := min(int(buffered), len(sent))
		c := &spoken{Reader: bytes.NewReader(sent[at:])}
		tunnel := x.admit(c, arrival{})
		defer func() { _ = tunnel.Close() }()
		tunnel.seen = bytes.Clone(sent[:at])
		name, why := tunnel.hello()
		if c.wrote {
			t.Error("something is written")
		}
		if name != canonical(name) || why != "" && name != "" {
			t.Errorf("the name is %q because of %q", name, why)
		}
		var again string
		read := false
		replay := &recorder{Conn: tunnel}
		_ = tls.Server(replay, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			again, read = canonical(h.ServerName), true
			return nil, errHello
		}}).Handshake()
		if (why == "") != read || again != name {
			t.Errorf("looking finds %q (%s), reading finds %q", name, why, again)
		}
		rest, _ := io.ReadAll(tunnel)
		if got := append(replay.bytes, rest...); !bytes.Equal(got, sent) {
			t.Errorf("%d bytes are left of %d, or others", len(got), len(sent))
		}
	})
}

// spoken is a client that has said all.
type spoken struct {
	*bytes.Reader
	wrote bool
}

func (s *spoken) Read(b []byte) (int, error)       { return s.Reader.Read(b) }
func (s *spoken) Write(b []byte) (int, error)      { s.wrote = true; return len(b), nil }
func (s *spoken) Close() error                     { return nil }
func (s *spoken) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *spoken) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *spoken) SetDeadline(time.Time) error      { return nil }
func (s *spoken) SetReadDeadline(time.Time) error  { return nil }
func (s *spoken) SetWriteDeadline(time.Time) error { return nil }
