package embedded_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/standin"
)

// authority signs leaves in tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

var newAuthority = sync.OnceValue(func() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	a.cert, _ = x509.ParseCertificate(der)
	a.pool.AddCert(a.cert)
	return a
})

// leaf gives a certificate for a name, the same one each time.
func (a *authority) leaf(name string) (*tls.Certificate, error) {
	leaves.Lock()
	defer leaves.Unlock()
	if c := leaves.of[name]; c != nil {
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(leaves.of) + 2)), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	leaves.of[name] = c
	return c, nil
}

var leaves = struct {
	sync.Mutex
	of map[string]*tls.Certificate
}{of: map[string]*tls.Certificate{}}

// Names that tests dial.
const (
	openai = "api.openai.com"
	claude = "api.anthropic.com"
	vendor = "www.vendor.example" // passed
	other  = "intranet.vendor.example"
	evil   = "evil.example.org" // refused
)

// street is a site with the two ways in for names that are not its own.
type street struct {
	*site
	proxy, redirect string // addresses
	ca              *authority
	going           atomic.Pointer[netip.AddrPort] // where redirected connections were going

	mu    sync.Mutex
	told  []embedded.Connection
	heads []proxy.Head
	hosts map[string]string // addresses behind passed names
	dials []string          // what passed names were dialled: name:port
}

func openStreet(t *testing.T, change ...func(*street, *embedded.Options)) *street {
	t.Helper()
	s := &street{ca: newAuthority(), hosts: map[string]string{}}
	s.to("192.0.2.7:443")
	s.site = open(t, standin.Options{}, func(_ *site, o *embedded.Options) {
		o.Interception = &embedded.Interception{
			Certificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return s.ca.leaf(h.ServerName) },
			Name: func(name string) (string, string) {
				switch {
				case name == openai || name == claude:
					return embedded.Governed, "provider"
				case name == vendor || name == other:
					return embedded.Passed, "rule"
				case name == "a.odd.example":
					return "whatever", "default"
				case name == "b.odd.example":
					return "", ""
				}
				return embedded.Refused, "default"
			},
			Dial: func(ctx context.Context, name string, port uint16) (net.Conn, error) {
				s.mu.Lock()
				s.dials = append(s.dials, fmt.Sprintf("%s:%d", name, port))
				at := s.hosts[name]
				s.mu.Unlock()
				if at == "" {
					return nil, errors.New("no such host")
				}
				return new(net.Dialer).DialContext(ctx, "tcp", at)
			},
			Connected: func(c embedded.Connection) { s.mu.Lock(); s.told = append(s.told, c); s.mu.Unlock() },
			Original:  func(net.Conn) (netip.AddrPort, error) { return *s.going.Load(), nil },
			Suspicious: func(_, _, path string, body []byte) bool {
				return strings.HasPrefix(path, "/v1/") && bytes.Contains(body, []byte(`"messages"`))
			},
			Ports: []uint16{8443},
		}
		for _, f := range change {
			f(s, o)
		}
	})
	snap := *s.engine.Snapshot()
	snap.Identifier = &onlooker{s, snap.Identifier}
	s.engine.Swap(&snap)
	for way, at := range map[*string]func(net.Listener) error{&s.proxy: s.plane.ServeProxy, &s.redirect: s.plane.ServeRedirect} {
		l := listen(t)
		*way = l.Addr().String()
		go func() {
			if err := at(l); err != nil {
				t.Error(err)
			}
		}()
	}
	return s
}

// onlooker keeps the heads that are identified.
type onlooker struct {
	s    *street
	next proxy.Identifier
}

func (o *onlooker) Identify(h *proxy.Head) (proxy.Principal, error) {
	o.s.mu.Lock()
	o.s.heads = append(o.s.heads, *h)
	o.s.mu.Unlock()
	return o.next.Identify(h)
}

func (s *street) to(address string) {
	a := netip.MustParseAddrPort(address)
	s.going.Store(&a)
}

// host puts a listener behind a passed name.
func (s *street) host(name, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[name] = address
}

// hears waits for n connections to be told of, and gives them.
func (s *street) hears(t *testing.T, n int) []embedded.Connection {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		told := slices.Clone(s.told)
		s.mu.Unlock()
		if len(told) >= n || time.Now().After(deadline) {
			if len(told) != n {
				t.Fatalf("told of %d connections, want %d", len(told), n)
			}
			return told
		}
	}
}

// connect asks the proxy for a tunnel and gives the answer's head and body.
func (s *street) connect(t *testing.T, request string) (net.Conn, *http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", s.proxy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: "CONNECT"})
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	if resp.StatusCode != 200 {
		b, _ = io.ReadAll(resp.Body)
	}
	return c, resp, string(b)
}

// tunnel gives a connection through the proxy, or one that was redirected.
func (s *street) tunnel(t *testing.T, way string) net.Conn {
	t.Helper()
	if way == proxy.WayProxy {
		c, resp, _ := s.connect(t, "CONNECT "+openai+":443 HTTP/1.1\r\nHost: "+openai+":443\r\n\r\n")
		if resp.StatusCode != 200 {
			t.Fatalf("CONNECT is answered %d", resp.StatusCode)
		}
		return c
	}
	c, err := net.Dial("tcp", s.redirect)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// web is a client that knows the proxy, or is redirected, and trusts the authority.
func (s *street) web(way string, version int, user *url.Userinfo) *http.Client {
	tr := &http.Transport{ForceAttemptHTTP2: version == 2, TLSClientConfig: &tls.Config{RootCAs: s.ca.pool}, DisableCompression: true}
	if version == 1 {
		tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	if way == proxy.WayProxy {
		tr.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: s.proxy, User: user})
	} else {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.redirect)
		}
	}
	return &http.Client{Timeout: patience, Transport: tr}
}

func fetch(t *testing.T, c *http.Client, method, address, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// A governed name is served as at the base URL, in both ways and both versions of
// HTTP; what the proxy was told of the client counts inside, and goes nowhere.
func TestGoverned(t *testing.T) {
	for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/HTTP%d", way, version), func(t *testing.T) {
				s := openStreet(t)
				c := s.web(way, version, url.UserPassword("app", "key"))
				for _, tt := range []struct {
					body   string
					status int
					action string
				}{{`{"model":"m"}`, 200, "allow"}, {`{"model":"m","x":"please-house"}`, 200, "reroute"}, {"please-deny", 403, ""}} {
					resp, _ := fetch(t, c, "POST", "https://"+openai+chat, tt.body, "authorization", "Bearer client-key", "proxy-authorization", "Basic inner")
					if resp.StatusCode != tt.status || resp.ProtoMajor != version || tt.action != "" && resp.Header.Get("x-ostiary-action") != tt.action {
						t.Errorf("answers %d %s over HTTP/%d, want %d %s", resp.StatusCode, resp.Header.Get("x-ostiary-action"), resp.ProtoMajor, tt.status, tt.action)
					}
				}
				c.CloseIdleConnections()
				d, _ := s.account(t)
				if len(d) != 3 || len(s.model.Requests()) != 2 || len(s.told) != 0 {
					t.Errorf("%d decisions, %d requests upstream, %d told", len(d), len(s.model.Requests()), len(s.told))
				}
				for _, r := range s.model.Requests() {
					if r.Header.Get("proxy-authorization") != "" || strings.Contains(r.Header.Get("authorization"), "client-key") {
						t.Error("credentials go upstream")
					}
				}
				want := "Basic " + base64.StdEncoding.EncodeToString([]byte("app:key"))
				if way == proxy.WayRedirect {
					want = "Basic inner" // there is no other
				}
				for _, h := range s.heads {
					var got []string
					for _, f := range h.Header {
						if f.Name == "proxy-authorization" {
							got = append(got, f.Value.Reveal())
						}
					}
					if h.Way != way || h.Authority != openai || h.Peer.ServerName != openai || !h.Peer.Addr.Addr().IsLoopback() || h.Peer.Addr.String() == s.proxy || h.Peer.UID != -1 || !slices.Equal(got, []string{want}) {
						t.Errorf("the head says way %q, authority %q, peer %+v, %d credentials", h.Way, h.Authority, h.Peer, len(got))
					}
				}
			})
		}
	}
}

// A tunnel that was asked for to a passed name, or a client that dialled anything,
// is governed all the same where the name inside is.
func TestGovernedInAnyTunnel(t *testing.T) {
	s := openStreet(t)
	c, _, _ := s.connect(t, "CONNECT "+vendor+":443 HTTP/1.1\r\nHost: x\r\n\r\n")
	inside := tls.Client(c, &tls.Config{ServerName: openai, RootCAs: s.ca.pool})
	_, _ = io.WriteString(inside, "POST "+chat+" HTTP/1.1\r\nHost: "+openai+"\r\nConnection: close\r\nContent-Length: 11\r\n\r\nplease-deny")
	resp, err := http.ReadResponse(bufio.NewReader(inside), nil)
	if err != nil || resp.StatusCode != 403 {
		t.Fatalf("answers %v, %v", resp, err)
	}
	if d, _ := s.account(t); len(d) != 1 || len(s.dials) != 0 {
		t.Errorf("%d decisions; dialled %v", len(d), s.dials)
	}
}

// Without a credential at the CONNECT there is none inside, whatever is said there.
func TestNoCredentialButTheProxys(t *testing.T) {
	s := openStreet(t)
	fetch(t, s.web(proxy.WayProxy, 1, nil), "GET", "https://"+openai+"/v1/models", "", "proxy-authorization", "Basic inner")
	if _, there := s.heads[0].Get("proxy-authorization"); there {
		t.Error("the credential of the request inside counts")
	}
}

// What the proxy answers to a CONNECT, and what is told of it.
func TestConnect(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		status        int
		why, code     string // empty: nothing told yet
		target        string // told
	}{
		{"governed", "CONNECT " + openai + ":443 HTTP/1.1\r\nHost: x\r\n\r\n", 200, "", "", ""},
		{"passed", "CONNECT " + vendor + ":443 HTTP/1.1\r\nHost: x\r\n\r\n", 200, "", "", ""},
		{"as Python to 3.11 asks", "CONNECT " + openai + ":443 HTTP/1.0\r\n\r\n", 200, "", "", ""},
		{"without Host", "CONNECT " + openai + ":443 HTTP/1.1\r\n\r\n", 200, "", "", ""},
		{"large letters, dot of the root", "CONNECT API.OpenAI.com.:443 HTTP/1.1\r\nHost: x\r\n\r\n", 200, "", "", ""},
		{"listed port", "CONNECT " + vendor + ":8443 HTTP/1.1\r\nHost: x\r\n\r\n", 200, "", "", ""},
		{"refused", "CONNECT " + evil + ":443 HTTP/1.1\r\nHost: " + openai + "\r\n\r\n", 403, "default", "host_not_allowed", evil},
		{"word that is none", "CONNECT a.odd.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, "default", "host_not_allowed", "a.odd.example"},
		{"address", "CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, "address", "host_not_allowed", "192.0.2.1"},
		{"address as one number", "CONNECT 3221225985:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, "address", "host_not_allowed", "3221225985"},
		{"address in hexadecimal", "CONNECT 0xC0.0x0.2.0x1:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, "address", "host_not_allowed", "0xc0.0x0.2.0x1"},
		{"address of IPv6", "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: x\r\n\r\n", 403, "address", "host_not_allowed", "[2001:db8::1]"},
		{"user in a URL", "GET http://a:b@" + vendor + "/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form", "bad_request", vendor},
		{"other port", "CONNECT " + openai + ":22 HTTP/1.1\r\nHost: x\r\n\r\n", 403, "port", "host_not_allowed", openai},
		{"plain port", "CONNECT " + vendor + ":80 HTTP/1.1\r\nHost: x\r\n\r\n", 403, "port", "host_not_allowed", vendor},
		{"no port", "CONNECT " + openai + " HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form", "bad_request", openai},
		{"port 0", "CONNECT " + openai + ":0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form", "bad_request", ""},
		{"port with a sign", "CONNECT " + openai + ":+443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "", "", ""},
		{"user", "CONNECT a@" + openai + ":443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form", "bad_request", openai},
		{"no name", "CONNECT :443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "no_name", "bad_request", ""},
		{"path", "CONNECT /rpc HTTP/1.1\r\nHost: " + openai + ":443\r\n\r\n", 400, "form", "bad_request", ""},
		{"content", "CONNECT " + openai + ":443 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", 400, "form", "bad_request", ""},
		{"chunks", "CONNECT " + openai + ":443 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "form", "bad_request", ""},
		{"two credentials", "CONNECT " + openai + ":443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: a\r\nProxy-Authorization: b\r\n\r\n", 400, "form", "bad_request", openai},
		{"to itself", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form", "bad_request", ""},
		{"https without a tunnel", "GET https://" + openai + "/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form", "bad_request", ""},
		{"other scheme", "GET ftp://" + vendor + "/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form", "bad_request", ""},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form", "bad_request", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := openStreet(t)
			_, resp, body := s.connect(t, tt.request)
			if resp.StatusCode != tt.status || code(body) != tt.code || resp.Header.Get("x-ostiary-reason") != tt.why {
				t.Errorf("answers %d %q because of %q, want %d %q %q", resp.StatusCode, code(body), resp.Header.Get("x-ostiary-reason"), tt.status, tt.code, tt.why)
			}
			if tt.why == "" {
				return
			}
			if got := s.hears(t, 1)[0]; got.Name != tt.target || got.Why != tt.why || got.Passage != embedded.Refused || got.Way != proxy.WayProxy || got.Sent+got.Received != 0 {
				t.Errorf("told of %q, %s because of %s", got.Name, got.Passage, got.Why)
			}
		})
	}
	t.Run("to our own listeners", func(t *testing.T) {
		s := openStreet(t)
		for _, at := range []string{s.proxy, s.redirect, s.addr} {
			if _, resp, _ := s.connect(t, "CONNECT "+at+" HTTP/1.1\r\nHost: x\r\n\r\n"); resp.StatusCode != 403 || resp.Header.Get("x-ostiary-reason") != embedded.WhyLoop {
				t.Errorf("answers %d because of %s", resp.StatusCode, resp.Header.Get("x-ostiary-reason"))
			}
		}
	})
	t.Run("credentials are asked for", func(t *testing.T) {
		s := openStreet(t, func(_ *street, o *embedded.Options) {
			o.Interception.Admit = func(h *proxy.Head) bool { v, _ := h.Get("proxy-authorization"); return v.Reveal() == "Basic good" }
		})
		for credential, status := range map[string]int{"": 407, "Proxy-Authorization: Basic bad\r\n": 407, "Proxy-Authorization: Basic good\r\n": 200} {
			_, resp, _ := s.connect(t, "CONNECT "+openai+":443 HTTP/1.1\r\nHost: x\r\n"+credential+"\r\n")
			if resp.StatusCode != status || (resp.Header.Get("proxy-authenticate") == "") != (status == 200) {
				t.Errorf("answers %d, want %d", resp.StatusCode, status)
			}
		}
	})
}

// helloFor gives the bytes of a ClientHello.
func helloFor(t testing.TB, conf *tls.Config) []byte {
	t.Helper()
	a, b := net.Pipe()
	go func() { _ = tls.Client(a, conf).Handshake(); _ = a.Close() }()
	buf := make([]byte, 1<<16)
	n, err := b.Read(buf) // one record, written at once
	if err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	return buf[:n]
}

// What is inside decides, never the CONNECT's target nor the address dialled.
// Nothing goes anywhere but to the name.
func TestInside(t *testing.T) {
	named := func(name string) []byte { return helloFor(t, &tls.Config{ServerName: name}) }
	nameless := helloFor(t, &tls.Config{InsecureSkipVerify: true})
	whole := named(evil)
	var pieces []byte // the same hello in records of 50 bytes
	for rest := whole[5:]; len(rest) > 0; {
		n := min(50, len(rest))
		pieces = append(append(pieces, 22, 3, 1, 0, byte(n)), rest[:n]...)
		rest = rest[n:]
	}
	// Two names in one hello: crypto/tls takes no list with two.
	for _, tt := range []struct {
		name  string
		sends []byte
		ends  bool // the client ends its half then
		why   string
		is    string // name told
	}{
		{"unknown name", whole, false, "default", evil},
		{"unknown name in pieces", pieces, false, "default", evil},
		{"no name", nameless, false, "no_name", ""},
		{"address as a name", bytes.Replace(named("1234.6.7.89"), []byte("1234.6.7.89"), []byte("192.0.2.199"), 1), false, "address", "192.0.2.199"},
		{"plain text", []byte("POST /v1/chat/completions HTTP/1.1\r\nHost: " + openai + "\r\n\r\n"), false, "plain_text", ""},
		{"CONNECT in the tunnel", []byte("CONNECT " + openai + ":443 HTTP/1.1\r\n\r\n"), false, "plain_text", ""},
		{"an HTTP/2 preface", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), false, "plain_text", ""},
		{"SSH", []byte("SSH-2.0-x\r\n"), false, "plain_text", ""},
		{"a broken hello", append([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0}, make([]byte, 64)...), false, "unreadable", ""},
		{"an endless hello", append([]byte{22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}, make([]byte, 1<<14)...), false, "unreadable", ""},
		{"half a hello and the end", whole[:100], true, "unreadable", ""},
		{"half a hello", whole[:100], false, "silent", ""},
		{"one byte", whole[:1], false, "silent", ""},
		{"nothing", nil, false, "silent", ""},
		{"nothing and the end", nil, true, "silent", ""},
		{"a word that is none", named("b.odd.example"), false, "default", "b.odd.example"},
		{"no word after the hello", named(openai), false, "certificate_refused", openai},
		{"name that nobody has", named(vendor), false, "unreachable", vendor},
	} {
		for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				t.Parallel()
				handshake := tt.why == "certificate_refused"
				s := openStreet(t, func(_ *street, o *embedded.Options) {
					switch tt.why {
					case "silent":
						o.Timeouts.Hello = 60 * time.Millisecond
					case "certificate_refused": // its hello must have come by then
						o.Timeouts.Hello = 2 * time.Second
					}
				})
				c := s.tunnel(t, way)
				_, _ = c.Write(tt.sends)
				if tt.ends {
					_ = c.(*net.TCPConn).CloseWrite()
				}
				answer, _ := io.ReadAll(c) // a reset is an end too
				if len(answer) > 0 && !handshake && (len(answer) != 7 || answer[0] != 21) {
					t.Errorf("answers %d bytes, want none or an alert", len(answer))
				}
				if got := s.hears(t, 1)[0]; got.Why != tt.why || got.Name != tt.is || got.Way != way || got.Sent != 0 || (got.Passage == embedded.Passed) != (tt.why == "unreachable") {
					t.Errorf("told of %q, %s because of %s; want %q, %s", got.Name, got.Passage, got.Why, tt.is, tt.why)
				}
				d, _ := s.account(t)
				if len(d) != 0 || s.wire.Bytes() != 0 {
					t.Errorf("%d decisions, %d bytes upstream", len(d), s.wire.Bytes())
				}
			})
		}
	}
}

// A passed name is reached end to end, whatever the tunnel was asked for: the
// client sees the name's own certificate, and we dial the name.
func TestPassed(t *testing.T) {
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	up.EnableHTTP2 = true
	up.StartTLS()
	defer up.Close()
	roots := x509.NewCertPool()
	roots.AddCert(up.Certificate())
	for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
		s := openStreet(t, func(_ *street, o *embedded.Options) {
			name := o.Interception.Name
			o.Interception.Name = func(n string) (string, string) { // the name in httptest's certificate
				if n == "example.com" {
					n = vendor
				}
				return name(n)
			}
		})
		s.host("example.com", up.Listener.Addr().String())
		c := &http.Client{Timeout: patience, Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return s.tunnel(t, way), nil // asked for api.openai.com, or dialled 192.0.2.7
		}}}
		big := strings.Repeat("x", 3<<20)
		resp, body := fetch(t, c, "POST", "https://example.com/", big)
		if resp.StatusCode != 200 || body != big || resp.ProtoMajor != 2 {
			t.Errorf("%s: %d, %d bytes over HTTP/%d", way, resp.StatusCode, len(body), resp.ProtoMajor)
		}
		c.CloseIdleConnections()
		got := s.hears(t, 1)[0]
		if got.Passage != embedded.Passed || got.Why != "rule" || got.Name != "example.com" || got.Way != way || got.Sent < 3<<20 || got.Received < 3<<20 || got.Duration <= 0 {
			t.Errorf("told %+v", got)
		}
		if !slices.Equal(s.dials, []string{"example.com:443"}) {
			t.Errorf("dialled %v", s.dials)
		}
		d, _ := s.account(t)
		if len(d) != 0 {
			t.Errorf("%d decisions", len(d))
		}
	}
}

// A half that ends is passed on as such, in both directions; bytes arrive as they
// were sent, the ClientHello too.
func TestHalves(t *testing.T) {
	for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
		s := openStreet(t)
		up := listen(t)
		s.host(vendor, up.Addr().String())
		got := make(chan []byte, 1)
		go func() {
			c, err := up.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "early")
			b, _ := io.ReadAll(c) // to the end of the client's half
			got <- b
			_, _ = io.WriteString(c, " and late")
			_ = c.Close()
		}()
		c := s.tunnel(t, way)
		sent := append(helloFor(t, &tls.Config{ServerName: vendor}), bytes.Repeat([]byte("0123456789"), 50_000)...)
		go func() { _, _ = c.Write(sent); _ = c.(*net.TCPConn).CloseWrite() }()
		answer, err := io.ReadAll(c)
		if string(answer) != "early and late" || err != nil {
			t.Errorf("%s: reads %q, %v", way, answer, err)
		}
		if b := <-got; !bytes.Equal(b, sent) {
			t.Errorf("%s: %d bytes arrive of %d, or others", way, len(b), len(sent))
		}
		if c := s.hears(t, 1)[0]; c.Sent != int64(len(sent)) || c.Received != int64(len(answer)) {
			t.Errorf("%s: told %+v", way, c)
		}
		_ = up.Close()
	}
}

// A client that does not wait for the answer to its CONNECT loses nothing.
func TestEagerClient(t *testing.T) {
	s := openStreet(t)
	up := listen(t)
	defer func() { _ = up.Close() }()
	s.host(vendor, up.Addr().String())
	sent := append(helloFor(t, &tls.Config{ServerName: vendor}), bytes.Repeat([]byte("x"), 3000)...)
	_, _, _ = s.connect(t, "CONNECT "+vendor+":443 HTTP/1.1\r\nHost: x\r\n\r\n"+string(sent))
	c, err := up.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	b := make([]byte, len(sent))
	if _, err := io.ReadFull(c, b); err != nil || !bytes.Equal(b, sent) {
		t.Errorf("other bytes arrive, %v", err)
	}
}

// A passed connection at rest is cut after a while; one that flows in one
// direction only is not.
func TestTunnelIdle(t *testing.T) {
	t.Parallel()
	const rest = 1500 * time.Millisecond
	s := openStreet(t, func(_ *street, o *embedded.Options) { o.Timeouts.Tunnel = rest })
	up := listen(t)
	defer func() { _ = up.Close() }()
	s.host(vendor, up.Addr().String())
	c := s.tunnel(t, proxy.WayRedirect)
	_, _ = c.Write(helloFor(t, &tls.Config{ServerName: vendor}))
	far, err := up.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	began := time.Now()
	for time.Since(began) < rest+time.Second {
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal("a connection that flows is cut")
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal("a connection that flows is cut")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := io.ReadAll(c); errors.Is(err, context.DeadlineExceeded) {
		t.Error("a connection at rest stays open")
	}
	s.hears(t, 1)
}

// What a governed connection may not be used for. Each is refused, recorded, and
// sent nowhere.
func TestInsideGoverned(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		status        int
		code, record  string
	}{
		{"another host", "POST " + chat + " HTTP/1.1\r\nHost: " + claude + "\r\nContent-Length: 2\r\n\r\n{}", 403, proxy.CodeHostNotAllowed, proxy.CodeHostNotAllowed},
		{"a passed host", "POST " + chat + " HTTP/1.1\r\nHost: " + vendor + "\r\nContent-Length: 2\r\n\r\n{}", 403, proxy.CodeHostNotAllowed, proxy.CodeHostNotAllowed},
		{"an address as host", "POST " + chat + " HTTP/1.1\r\nHost: 192.0.2.1\r\nContent-Length: 2\r\n\r\n{}", 403, proxy.CodeHostNotAllowed, proxy.CodeHostNotAllowed},
		{"another host, without a body", "GET /v1/models HTTP/1.1\r\nHost: " + claude + "\r\n\r\n", 403, proxy.CodeHostNotAllowed, proxy.CodeHostNotAllowed},
		{"absolute form", "POST https://" + openai + chat + " HTTP/1.1\r\nHost: " + openai + "\r\nContent-Length: 2\r\n\r\n{}", 400, "bad_request", "data_plane_refused"},
		{"WebSocket", "GET /v1/realtime HTTP/1.1\r\nHost: " + openai + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n", 403, proxy.CodeUpgradeRefused, proxy.CodeUpgradeRefused},
		{"a proxy in the proxy", "CONNECT " + openai + ":443 HTTP/1.1\r\nHost: " + openai + ":443\r\n\r\n", 403, proxy.CodeUpgradeRefused, proxy.CodeUpgradeRefused},
		{"a proxy in the proxy, elsewhere", "CONNECT " + evil + ":443 HTTP/1.1\r\nHost: " + evil + ":443\r\n\r\n", 403, proxy.CodeUpgradeRefused, proxy.CodeUpgradeRefused},
	} {
		for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				t.Parallel()
				s := openStreet(t)
				c := tls.Client(s.tunnel(t, way), &tls.Config{ServerName: openai, RootCAs: s.ca.pool})
				if _, err := io.WriteString(c, tt.request); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				b, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != tt.status || code(string(b)) != tt.code {
					t.Errorf("answers %d %s, want %d %s", resp.StatusCode, code(string(b)), tt.status, tt.code)
				}
				_ = c.Close()
				d, _ := s.account(t)
				if len(d) != 1 || d[0].Decision.Code != tt.record || d[0].Decision.Action != proxy.Deny || s.wire.Bytes() != 0 {
					t.Errorf("%d decisions, %d bytes upstream", len(d), s.wire.Bytes())
				}
			})
		}
	}
}

// HTTP/2: a second authority on a connection is refused, whatever certificate it
// could share; the connection stays good for its own.
func TestCoalescing(t *testing.T) {
	for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
		s := openStreet(t)
		c := s.web(way, 2, nil)
		for i, tt := range []struct {
			host   string
			status int
		}{{openai, 200}, {claude, 403}, {"eu." + openai, 403}, {openai + ":443", 200}} {
			resp, body := fetch(t, c, "POST", "https://"+openai+chat, `{"model":"m"}`, "host", tt.host)
			if resp.StatusCode != tt.status || resp.ProtoMajor != 2 || tt.status == 403 && code(body) != proxy.CodeHostNotAllowed {
				t.Errorf("%s, request %d: %d %s, want %d", way, i, resp.StatusCode, code(body), tt.status)
			}
		}
		c.CloseIdleConnections()
		d, _ := s.account(t)
		if len(d) != 4 || len(s.model.Requests()) != 2 {
			t.Errorf("%s: %d decisions, %d requests upstream", way, len(d), len(s.model.Requests()))
		}
	}
}

// Clients that will not have our certificate, or speak too old a TLS, send nothing
// that matters and are told of.
func TestHandshakeFails(t *testing.T) {
	for _, tt := range []struct {
		name string
		conf func(*street) *tls.Config
		why  string
	}{
		{"pinned, or without our authority", func(*street) *tls.Config { return &tls.Config{ServerName: openai, RootCAs: x509.NewCertPool()} }, embedded.WhyHandshake},
		{"without our authority, TLS 1.2", func(*street) *tls.Config {
			return &tls.Config{ServerName: openai, RootCAs: x509.NewCertPool(), MaxVersion: tls.VersionTLS12}
		}, embedded.WhyHandshake},
		{"TLS 1.1", func(s *street) *tls.Config {
			return &tls.Config{ServerName: openai, RootCAs: s.ca.pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		}, embedded.WhyHandshake},
		{"other protocol", func(s *street) *tls.Config {
			return &tls.Config{ServerName: openai, RootCAs: s.ca.pool, NextProtos: []string{"imap"}}
		}, embedded.WhyHandshake},
		{"no leaf", func(s *street) *tls.Config { return &tls.Config{ServerName: claude, RootCAs: s.ca.pool} }, embedded.WhyNoLeaf},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openStreet(t, func(s *street, o *embedded.Options) {
				o.Interception.Certificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
					if h.ServerName == claude {
						return nil, errors.New("the key cannot be had")
					}
					return s.ca.leaf(h.ServerName)
				}
			})
			c := tls.Client(s.tunnel(t, proxy.WayProxy), tt.conf(s))
			if err := c.Handshake(); err == nil {
				t.Error("the handshake succeeds")
			}
			_ = c.Close()
			if got := s.hears(t, 1)[0]; got.Why != tt.why || got.Passage != embedded.Refused {
				t.Errorf("told %+v", got)
			}
			s.account(t)
		})
	}
}

// With Encrypted Client Hello the outer name counts: a governed one is ended here
// and the client told that its key is not known; nothing reaches the hidden name.
func TestEncryptedHello(t *testing.T) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	list := func(public string) []byte { // an ECHConfigList (RFC 9849, 4)
		c := []byte{1, 0, 0x20, 0, 32} // id, KEM X25519, a key of 32 bytes
		c = append(c, key.PublicKey().Bytes()...)
		c = append(c, 0, 4, 0, 1, 0, 1, 0, byte(len(public))) // HKDF-SHA256 with AES-128-GCM; no padding
		c = append(c, public...)
		c = append(c, 0, 0)
		c = append(binary.BigEndian.AppendUint16([]byte{0xfe, 0x0d}, uint16(len(c))), c...)
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(c))), c...)
	}
	s := openStreet(t)
	for _, outer := range []string{openai, evil} {
		c := tls.Client(s.tunnel(t, proxy.WayProxy), &tls.Config{ServerName: vendor, RootCAs: s.ca.pool, MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: list(outer)})
		err := c.Handshake()
		var rejected *tls.ECHRejectionError
		if err == nil || outer == openai && !errors.As(err, &rejected) {
			t.Errorf("outer name %s: the handshake ends with %v", outer, err)
		}
		_ = c.Close()
	}
	if got := s.hears(t, 1)[0]; got.Name != evil || got.Why != "default" {
		t.Errorf("told of %q because of %s", got.Name, got.Why)
	}
	if d, _ := s.account(t); len(d) != 0 {
		t.Errorf("%d decisions", len(d))
	}
	if len(s.dials) != 0 {
		t.Errorf("dialled %v", s.dials)
	}
}

// Plain HTTP: governed names want https, passed ones are forwarded by us, and what
// looks like a model API is refused and told of.
func TestPlain(t *testing.T) {
	var got []*http.Request
	var bodies []string
	var mu sync.Mutex
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		got, bodies = append(got, r), append(bodies, string(b))
		mu.Unlock()
		w.Header().Set("alt-svc", `h3=":443"`)
		w.Header().Set("x-ostiary-pool", "forged")
		w.WriteHeader(201)
		_, _ = io.WriteString(w, "fine")
	}))
	defer up.Close()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"messages":[]}`)
	_ = z.Close()
	long := strings.Repeat("y", 300<<10)
	for _, tt := range []struct {
		name, host, path, body string
		header                 []string
		status                 int
		why, passage           string
	}{
		{name: "passed", host: vendor, path: "/a%2Fb?c=d", body: "hello", status: 201, why: "rule", passage: embedded.Passed,
			header: []string{"Proxy-Connection", "keep-alive", "Proxy-Authorization", "Basic eA==", "X-Forwarded-For", "192.0.2.9", "Via", "1.1 x", "Forwarded", "for=x", "Te", "trailers", "Connection", "x-hop", "X-Hop", "1", "X-Keep", "2", "X-Ostiary-Pool", "x", "Upgrade", "h2c", "Http2-Settings", "AAMAAABkAAQAAP__"}},
		{name: "passed, a long body", host: vendor, path: "/", body: long, status: 201, why: "rule", passage: embedded.Passed},
		{name: "passed, no body", host: vendor, path: "/", status: 201, why: "rule", passage: embedded.Passed},
		{name: "governed", host: openai, path: chat, body: "{}", status: 403, why: "plain", passage: embedded.Refused},
		{name: "refused", host: evil, path: "/", status: 403, why: "default", passage: embedded.Refused},
		{name: "address", host: "192.0.2.1", path: "/", status: 403, why: "address", passage: embedded.Refused},
		{name: "a model API", host: vendor, path: "/v1/chat", body: `{"messages":[]}`, status: 403, why: "model_path", passage: embedded.Refused},
		{name: "a model API, packed", host: vendor, path: "/v1/chat", body: packed.String(), header: []string{"Content-Encoding", "gzip"}, status: 403, why: "model_path", passage: embedded.Refused},
		{name: "WebSocket", host: vendor, path: "/", header: []string{"Connection", "Upgrade", "Upgrade", "websocket"}, status: 403, why: "upgrade", passage: embedded.Refused},
		{name: "nobody there", host: other, path: "/", status: 502, why: "unreachable", passage: embedded.Passed},
	} {
		for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				s := openStreet(t)
				s.host(vendor, up.Listener.Addr().String())
				s.to("192.0.2.7:80")
				mu.Lock()
				got, bodies = nil, nil
				mu.Unlock()
				at, target := s.redirect, tt.path
				if way == proxy.WayProxy {
					at, target = s.proxy, "http://"+tt.host+tt.path
				}
				c, err := net.Dial("tcp", at)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(patience))
				head := "POST " + target + " HTTP/1.1\r\nHost: " + tt.host + "\r\n"
				for i := 0; i+1 < len(tt.header); i += 2 {
					head += tt.header[i] + ": " + tt.header[i+1] + "\r\n"
				}
				go func() { _, _ = fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(tt.body), tt.body) }()
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != tt.status || resp.Header.Get("alt-svc") != "" || resp.Header.Get("x-ostiary-pool") != "" {
					t.Errorf("answers %d, want %d; or with headers that are not the host's to give", resp.StatusCode, tt.status)
				}
				told := s.hears(t, 1)[0]
				if told.Why != tt.why || told.Passage != tt.passage || told.Way != way || told.Name != tt.host {
					t.Errorf("told of %q, %s because of %s", told.Name, told.Passage, told.Why)
				}
				mu.Lock()
				defer mu.Unlock()
				if tt.status != 201 {
					if len(got) != 0 || told.Sent != 0 || code(string(answer)) == "" || resp.Header.Get("x-ostiary-reason") != tt.why {
						t.Errorf("%d requests arrive; code %q", len(got), code(string(answer)))
					}
					return
				}
				if len(got) != 1 || got[0].Host != vendor || got[0].RequestURI != tt.path || bodies[0] != tt.body || told.Sent != int64(len(tt.body)) || told.Received != int64(len(answer)) {
					t.Fatalf("%d requests arrive, or others; told %+v", len(got), told)
				}
				want := []string{"Connection", "Content-Length"}
				if len(tt.header) > 0 {
					want = append(want, "X-Keep")
				}
				for name := range got[0].Header {
					if !slices.Contains(want, name) {
						t.Errorf("%s goes to the host", name)
					}
				}
				if !slices.Equal(s.dials, []string{vendor + ":80"}) {
					t.Errorf("dialled %v", s.dials)
				}
				s.account(t)
			})
		}
	}
}

// h2c gives a tunnel over a CONNECT of HTTP/2.
func (s *street) h2c(t *testing.T, c *http.Client, target string) (net.Conn, *http.Response) {
	t.Helper()
	r, w := io.Pipe()
	req := &http.Request{Method: "CONNECT", URL: &url.URL{Scheme: "http", Host: s.proxy}, Host: target, Header: http.Header{"Proxy-Authorization": {"Basic h2"}}, Body: r, ContentLength: -1}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return &twoWay{ReadCloser: resp.Body, w: w}, resp
}

type twoWay struct {
	io.ReadCloser
	net.Conn
	w *io.PipeWriter
}

func (c *twoWay) Read(b []byte) (int, error)       { return c.ReadCloser.Read(b) }
func (c *twoWay) Write(b []byte) (int, error)      { return c.w.Write(b) }
func (c *twoWay) CloseWrite() error                { return c.w.Close() }
func (c *twoWay) Close() error                     { _ = c.w.Close(); return c.ReadCloser.Close() }
func (c *twoWay) SetDeadline(time.Time) error      { return nil }
func (c *twoWay) SetReadDeadline(time.Time) error  { return nil }
func (c *twoWay) SetWriteDeadline(time.Time) error { return nil }

// CONNECT over HTTP/2: several tunnels on one connection, each by its own name.
func TestConnectHTTP2(t *testing.T) {
	s := openStreet(t)
	up := listen(t)
	defer func() { _ = up.Close() }()
	s.host(vendor, up.Addr().String())
	c := client(2)

	_, resp := s.h2c(t, c, evil+":443")
	if resp.StatusCode != 403 || resp.Header.Get("x-ostiary-reason") != "default" {
		t.Errorf("a refused name is answered %d", resp.StatusCode)
	}
	_ = resp.Body.Close()

	for range 2 { // one request each
		tunnel, resp := s.h2c(t, c, openai+":443")
		if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
			t.Fatalf("answers %d over HTTP/%d", resp.StatusCode, resp.ProtoMajor)
		}
		inside := tls.Client(tunnel, &tls.Config{ServerName: openai, RootCAs: s.ca.pool})
		for range 3 {
			if _, err := io.WriteString(inside, "POST "+chat+" HTTP/1.1\r\nHost: "+openai+"\r\nContent-Length: 13\r\n\r\n"+`{"model":"m"}`); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(inside), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != 200 {
				t.Errorf("answers %d, %v", answer.StatusCode, err)
			}
		}
		_ = inside.Close()
		_ = tunnel.Close()
	}

	tunnel, _ := s.h2c(t, c, openai+":443")
	sent := append(helloFor(t, &tls.Config{ServerName: vendor}), bytes.Repeat([]byte("z"), 1<<20)...)
	go func() { _, _ = tunnel.Write(sent); _ = tunnel.(*twoWay).CloseWrite() }()
	far, err := up.Accept()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(far)
	if err != nil || !bytes.Equal(b, sent) {
		t.Errorf("%d bytes arrive of %d: %v", len(b), len(sent), err)
	}
	_, _ = io.WriteString(far, "late")
	_ = far.Close()
	if b, err := io.ReadAll(tunnel); string(b) != "late" || err != nil {
		t.Errorf("reads %q, %v", b, err)
	}
	if got := s.hears(t, 2)[1]; got.Passage != embedded.Passed || got.Sent != int64(len(sent)) {
		t.Errorf("told %+v", got)
	}
	c.CloseIdleConnections()
	d, _ := s.account(t)
	if len(d) != 6 {
		t.Errorf("%d decisions", len(d))
	}
	for _, h := range s.heads {
		if v, _ := h.Get("proxy-authorization"); v.Reveal() != "Basic h2" || h.Way != proxy.WayProxy || !h.Peer.Addr.IsValid() {
			t.Errorf("the head says way %q, peer %v", h.Way, h.Peer.Addr)
		}
	}
}

// An HTTP/2 tunnel whose client does not read, or goes, ends without a trace.
func TestConnectHTTP2Gone(t *testing.T) {
	s := openStreet(t, func(_ *street, o *embedded.Options) { o.Timeouts.Tunnel = 200 * time.Millisecond })
	up := listen(t)
	defer func() { _ = up.Close() }()
	s.host(vendor, up.Addr().String())
	go func() {
		for {
			far, err := up.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(far, endless{}); _ = far.Close() }()
		}
	}()
	c := client(2)
	hello := helloFor(t, &tls.Config{ServerName: vendor})
	deaf, _ := s.h2c(t, c, vendor+":443") // reads nothing: it is at rest once the windows are full
	_, _ = deaf.Write(hello)
	gone, resp := s.h2c(t, c, vendor+":443")
	_, _ = gone.Write(hello)
	_, _ = io.ReadFull(gone, make([]byte, 100))
	_ = resp.Body.Close()
	s.hears(t, 2)
	_ = deaf.Close()
	c.CloseIdleConnections()
	s.account(t)
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// We do not speak with ourselves.
func TestLoops(t *testing.T) {
	t.Run("a pool by way of our own proxy", func(t *testing.T) {
		s := openStreet(t)
		s.pools["openai"] = embedded.Upstream{URL: &url.URL{Scheme: "https", Host: openai}, Proxy: &url.URL{Scheme: "http", Host: s.proxy}, CA: s.ca.pool}
		resp, _ := s.ask(t, client(1), "POST", chat, "x")
		if resp.StatusCode != 503 {
			t.Errorf("answers %d", resp.StatusCode)
		}
		d, _ := s.account(t)
		if len(d) != 1 {
			t.Errorf("%d decisions of one request", len(d))
		}
	})
	t.Run("a name that leads to us", func(t *testing.T) {
		s := openStreet(t)
		s.host(vendor, s.redirect)
		c := s.tunnel(t, proxy.WayProxy)
		_, _ = c.Write(helloFor(t, &tls.Config{ServerName: vendor}))
		_, _ = io.ReadAll(c)
		// The connection that the hook made is told of at its other end too.
		if got := s.hears(t, 2); !slices.ContainsFunc(got, func(c embedded.Connection) bool {
			return c.Name == vendor && c.Why == embedded.WhyLoop && c.Passage == embedded.Refused
		}) {
			t.Errorf("told %+v", got)
		}
	})
	t.Run("a connection of ours that comes back redirected", func(t *testing.T) {
		s := openStreet(t)
		l := listen(t)
		go func() { _ = s.plane.ServeRedirect(&alias{l}) }() // ends with the plane
		s.to(l.Addr().String())                              // the address that we dialled
		s.host(vendor, l.Addr().String())
		c := s.tunnel(t, proxy.WayProxy)
		_, _ = c.Write(helloFor(t, &tls.Config{ServerName: vendor}))
		_, _ = io.ReadAll(c)
		_ = c.Close()
		told := s.hears(t, 2)
		if !slices.ContainsFunc(told, func(c embedded.Connection) bool { return c.Why == embedded.WhyLoop && c.Way == proxy.WayRedirect }) || len(s.dials) != 1 {
			t.Errorf("told %+v; dialled %v", told, s.dials)
		}
	})
	// A relay in front of the entrance redirects nothing: its connections are asked by
	// their name, as all are.
	t.Run("one that nobody redirected", func(t *testing.T) {
		for name, original := range map[string]func(net.Conn) (netip.AddrPort, error){
			"an error":        func(net.Conn) (netip.AddrPort, error) { return netip.AddrPort{}, errors.New("not redirected") },
			"its own address": func(c net.Conn) (netip.AddrPort, error) { return netip.ParseAddrPort(c.LocalAddr().String()) },
		} {
			s := openStreet(t, func(_ *street, o *embedded.Options) { o.Interception.Original = original })
			if resp, _ := fetch(t, s.web(proxy.WayRedirect, 2, nil), "POST", "https://"+openai+chat, "{}"); resp.StatusCode != 200 {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
	})
}

// alias is a listener that does not tell its address, as one behind a redirect.
type alias struct{ net.Listener }

func (alias) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 77), Port: 1} }

// By our own resolver, a name of this machine or a private network is not reached
// unless that is allowed.
func TestPrivate(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") }))
	defer up.Close()
	u, _ := url.Parse(up.URL)
	for _, allowed := range []bool{false, true} {
		s := openStreet(t, func(_ *street, o *embedded.Options) {
			i := o.Interception
			i.Dial, i.Own = nil, allowed
			i.Name = func(string) (string, string) { return embedded.Passed, "rule" }
			i.Ports = []uint16{netip.MustParseAddrPort(u.Host).Port()}
		})
		got := func() string {
			c := s.web(proxy.WayProxy, 1, nil)
			resp, body := fetch(t, c, "GET", "http://localhost:"+u.Port()+"/", "")
			return fmt.Sprint(resp.StatusCode, code(body))
		}()
		want := map[bool]string{false: "403host_not_allowed", true: "200"}[allowed]
		if got != want {
			t.Errorf("allowed %v: answers %s, want %s", allowed, got, want)
		}
		if told := s.hears(t, 1)[0]; allowed != (told.Passage == embedded.Passed) || !allowed && told.Why != embedded.WhyPrivate {
			t.Errorf("told %+v", told)
		}
	}
}

// Passed names go by the organisation's proxy where there is one.
func TestOrganisationsProxy(t *testing.T) {
	up := listen(t)
	defer func() { _ = up.Close() }()
	var mu sync.Mutex
	var asked []string
	corporate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("proxy-authorization"))
		mu.Unlock()
		if r.Method != "CONNECT" {
			_, _ = io.WriteString(w, "by proxy")
			return
		}
		far, err := net.Dial("tcp", up.Addr().String())
		if err != nil || strings.HasPrefix(r.RequestURI, other) {
			w.WriteHeader(503)
			return
		}
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}))
	defer corporate.Close()
	s := openStreet(t, func(_ *street, o *embedded.Options) {
		u, _ := url.Parse(corporate.URL)
		u.User = url.UserPassword("us", "pw")
		o.Interception.Dial, o.Interception.Proxy = nil, u
	})
	hello := helloFor(t, &tls.Config{ServerName: vendor})
	c := s.tunnel(t, proxy.WayProxy)
	_, _ = c.Write(hello)
	far, err := up.Accept()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(hello))
	if _, err := io.ReadFull(far, b); err != nil || !bytes.Equal(b, hello) {
		t.Errorf("other bytes arrive: %v", err)
	}
	_, _ = io.WriteString(far, "hi")
	_ = far.Close()
	if b, _ := io.ReadAll(c); string(b) != "hi" {
		t.Errorf("reads %q", b)
	}
	_ = c.Close()
	s.hears(t, 1)
	c = s.tunnel(t, proxy.WayProxy)
	_, _ = c.Write(helloFor(t, &tls.Config{ServerName: other}))
	_, _ = io.ReadAll(c)
	s.hears(t, 2)
	if resp, body := fetch(t, s.web(proxy.WayProxy, 1, nil), "GET", "http://"+vendor+"/x", ""); resp.StatusCode != 200 || body != "by proxy" {
		t.Errorf("plain: %d", resp.StatusCode)
	}
	told := s.hears(t, 3)
	if told[0].Why != "rule" || told[1].Why != embedded.WhyUnreachable || told[2].Received != 8 {
		t.Errorf("told %+v", told)
	}
	basic := " Basic " + base64.StdEncoding.EncodeToString([]byte("us:pw"))
	if want := []string{"CONNECT " + vendor + ":443" + basic, "CONNECT " + other + ":443" + basic, "GET http://" + vendor + "/x" + basic}; !slices.Equal(asked, want) {
		t.Errorf("the proxy is asked %q, want %q", asked, want)
	}
}

// Redirected connections go by the port that they were going to.
func TestRedirectedPorts(t *testing.T) {
	hello := helloFor(t, &tls.Config{ServerName: vendor})
	plain := []byte("GET / HTTP/1.1\r\nHost: " + evil + "\r\n\r\n")
	for _, tt := range []struct {
		to    string
		sends []byte
		why   string
	}{
		{"192.0.2.7:443", hello, "unreachable"},
		{"[2001:db8::7]:443", hello, "unreachable"},
		{"192.0.2.7:8443", hello, "unreachable"},
		{"192.0.2.7:80", hello, "port"},
		{"192.0.2.7:25", hello, "port"},
		{"192.0.2.7:443", plain, "plain_text"},
		{"192.0.2.7:25", plain, "plain_text"},
		{"192.0.2.7:80", plain, "default"},
		{"192.0.2.7:80", []byte("GET http://" + vendor + "/ HTTP/1.1\r\nHost: " + vendor + "\r\n\r\n"), "form"},
		{"192.0.2.7:80", []byte("CONNECT " + vendor + ":443 HTTP/1.1\r\nHost: " + vendor + "\r\n\r\n"), "form"},
		{"192.0.2.7:80", []byte("GET / HTTP/1.0\r\n\r\n"), "no_name"},
	} {
		s := openStreet(t)
		s.to(tt.to)
		c := s.tunnel(t, proxy.WayRedirect)
		_, _ = c.Write(tt.sends)
		_ = c.(*net.TCPConn).CloseWrite()
		if got := s.hears(t, 1)[0]; got.Why != tt.why || got.Way != proxy.WayRedirect {
			t.Errorf("to %s: told of %q because of %s, want %s", tt.to, got.Name, got.Why, tt.why)
		}
	}
}

// Shutting down ends what is at rest, waits for what flows, and gives up with its
// context; Close cuts.
func TestDrainTunnels(t *testing.T) {
	t.Parallel()
	s := openStreet(t)
	up := listen(t)
	defer func() { _ = up.Close() }()
	s.host(vendor, up.Addr().String())
	accept := func() net.Conn {
		c, err := up.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	hello := helloFor(t, &tls.Config{ServerName: vendor})
	waiting := s.tunnel(t, proxy.WayProxy) // has sent nothing
	flowing := s.tunnel(t, proxy.WayRedirect)
	_, _ = flowing.Write(hello)
	far := accept()
	stop := make(chan struct{})
	var fed sync.WaitGroup
	fed.Add(1)
	go func() {
		defer fed.Done()
		for {
			select {
			case <-stop:
				_ = far.Close()
				return
			case <-time.After(5 * time.Millisecond):
				_, _ = far.Write([]byte("x"))
			}
		}
	}()
	if _, err := flowing.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.plane.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a connection that flows: %v", err)
	}
	if _, err := io.ReadAll(waiting); errors.Is(err, context.DeadlineExceeded) {
		t.Error("a connection that asked for nothing stays open")
	}
	for _, at := range []string{s.proxy, s.redirect} {
		if c, err := net.Dial("tcp", at); err == nil {
			_ = c.Close()
			t.Error("connections are accepted while shutting down")
		}
	}
	close(stop)
	fed.Wait()
	// Half of it has ended, nothing moves any more, and nobody says so.
	if err := s.plane.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if told := s.hears(t, 2); !slices.ContainsFunc(told, func(c embedded.Connection) bool { return c.Why == embedded.WhyCrowded }) ||
		!slices.ContainsFunc(told, func(c embedded.Connection) bool { return c.Why == "rule" && c.Received > 0 }) {
		t.Errorf("told %+v", told)
	}

	s = openStreet(t)
	s.host(vendor, up.Addr().String())
	c := s.tunnel(t, proxy.WayProxy)
	_, _ = c.Write(hello)
	defer func() { _ = accept().Close() }()
	governed := tls.Client(s.tunnel(t, proxy.WayProxy), &tls.Config{ServerName: openai, RootCAs: s.ca.pool})
	_, _ = io.WriteString(governed, "GET /v1/models HTTP/1.1\r\nHost: "+openai+"\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(governed), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.plane.Close(); err != nil {
		t.Error(err)
	}
	_, _ = io.ReadAll(c)
	_, _ = io.ReadAll(governed)
	s.hears(t, 1)
}

// A stream that runs inside a governed connection is not cut by shutting down.
func TestDrainGoverned(t *testing.T) {
	s := openStreet(t)
	step := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "one")
		_ = http.NewResponseController(w).Flush()
		<-step
		_, _ = io.WriteString(w, "two")
	}))
	defer up.Close()
	base, _ := url.Parse(up.URL)
	s.pools["openai"] = embedded.Upstream{URL: base}
	r, _ := http.NewRequest("POST", "https://"+openai+chat, strings.NewReader("{}"))
	resp, err := s.web(proxy.WayProxy, 2, nil).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	down := make(chan error)
	go func() { down <- s.plane.Shutdown(context.Background()) }()
	close(step)
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(b) != "onetwo" || err != nil {
		t.Errorf("the stream ends with %q, %v", b, err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	s.account(t)
}

// A thousand clients at once, of all kinds, each through its own connection.
func TestThousand(t *testing.T) {
	s := openStreet(t, func(_ *street, o *embedded.Options) {
		o.Timeouts = embedded.Timeouts{Hello: 3 * patience, Header: 3 * patience, Connect: 3 * patience}
	})
	up := listen(t)
	defer func() { _ = up.Close() }()
	s.host(vendor, up.Addr().String())
	go func() {
		for {
			far, err := up.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(far, far); _ = far.Close() }()
		}
	}()
	const each = 250
	hello := helloFor(t, &tls.Config{ServerName: vendor})
	var wg, ready sync.WaitGroup
	opening := make(chan struct{}, 100) // at once, so that a slow machine is not the test
	hold := make(chan struct{})
	for n := range 4 * each {
		wg.Add(1)
		ready.Add(1)
		opening <- struct{}{}
		go func() {
			defer wg.Done()
			way := []string{proxy.WayProxy, proxy.WayRedirect}[n%2]
			if n%4 < 2 {
				c := s.tunnel(t, way)
				_, _ = c.Write(hello)
				b := make([]byte, len(hello))
				if _, err := io.ReadFull(c, b); err != nil || !bytes.Equal(b, hello) {
					t.Errorf("a passed connection: %v", err)
				}
				<-opening
				ready.Done()
				<-hold
				_ = c.Close()
				return
			}
			c := s.web(way, 1+n/4%2, nil)
			c.Timeout = 3 * patience
			resp, err := c.Post("https://"+openai+chat, "application/json", strings.NewReader(`{"model":"m"}`))
			<-opening
			ready.Done()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Errorf("answers %d", resp.StatusCode)
			}
			<-hold
			c.CloseIdleConnections()
		}()
	}
	ready.Wait()
	close(hold)
	wg.Wait()
	s.hears(t, 2*each)
	d, _ := s.account(t)
	if len(d) != 2*each {
		t.Errorf("%d decisions, want %d", len(d), 2*each)
	}
}

// More connections than there may be wait, or are told to come again.
func TestCrowd(t *testing.T) {
	s := openStreet(t, func(_ *street, o *embedded.Options) { o.Connections = 2 })
	c := client(2) // one connection, so that tunnels are what is counted
	var open []net.Conn
	for range 2 {
		n, resp := s.h2c(t, c, openai+":443")
		if resp.StatusCode != 200 {
			t.Fatalf("answers %d", resp.StatusCode)
		}
		open = append(open, n)
	}
	n, resp := s.h2c(t, c, openai+":443")
	if resp.StatusCode != 503 || resp.Header.Get("retry-after") == "" || resp.Header.Get("x-ostiary-reason") != embedded.WhyCrowded {
		t.Errorf("a third is answered %d", resp.StatusCode)
	}
	_ = n.Close()
	for _, o := range open {
		_ = o.Close()
	}
	s.hears(t, 3)
	s.account(t)
}

// A plane without what it needs says so.
func TestNoInterception(t *testing.T) {
	s := open(t, standin.Options{})
	for _, serve := range []func(net.Listener) error{s.plane.ServeProxy, s.plane.ServeRedirect} {
		if err := serve(listen(t)); err == nil {
			t.Error("serves without certificates")
		}
	}
}

// A hook of ours that breaks takes its connection, not the process, and lets
// nothing pass.
func TestHookPanics(t *testing.T) {
	s := openStreet(t, func(_ *street, o *embedded.Options) {
		o.Interception.Name = func(name string) (string, string) {
			if name == vendor {
				panic("broken")
			}
			return embedded.Governed, "provider"
		}
	})
	for _, way := range []string{proxy.WayProxy, proxy.WayRedirect} {
		c := s.tunnel(t, way)
		_, _ = c.Write(helloFor(t, &tls.Config{ServerName: vendor}))
		if _, err := io.ReadAll(c); errors.Is(err, context.DeadlineExceeded) {
			t.Error("the connection stays open")
		}
	}
	if len(s.dials) != 0 {
		t.Errorf("dialled %v", s.dials)
	}
}
