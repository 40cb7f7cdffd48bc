package embedded

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// Why a name could not be reached. The errors quote nothing of a client.
var (
	errOurselves = errors.New("the address is our own")
	errPrivate   = errors.New("the address is of this machine or of a private network")
	errProxy     = errors.New("the organisation's proxy does not connect to the name")
)

// maxProxyAnswer is how many bytes of an answer of the organisation's proxy are
// read.
const maxProxyAnswer = 64 << 10

// whyNot says what became of a connection that could not be made.
func whyNot(err error) (passage, why string) {
	switch {
	case errors.Is(err, errOurselves):
		return Refused, WhyLoop
	case errors.Is(err, errPrivate):
		return Refused, WhyPrivate
	}
	return Passed, WhyUnreachable
}

// reach connects to a passed name.
func (x *interceptor) reach(ctx context.Context, name string, port uint16) (net.Conn, error) {
	switch {
	case x.Dial != nil:
		c, err := x.Dial(ctx, name, port)
		if err != nil {
			return nil, err
		}
		return x.plane.own.take(c)
	case x.Proxy != nil:
		return x.through(ctx, net.JoinHostPort(name, strconv.Itoa(int(port))))
	}
	// As the system resolves it, with its hosts file. A search list could make
	// another name of it; those it leads to are private, and not reached.
	return x.connect(ctx, net.JoinHostPort(name, strconv.Itoa(int(port))), x.may)
}

// connect makes a connection of TCP to an address that may be reached. What counts
// is the address that is connected to, not an answer of the resolver before.
func (x *interceptor) connect(ctx context.Context, address string, may func(netip.Addr) bool) (net.Conn, error) {
	d := net.Dialer{Timeout: x.plane.times.Connect, KeepAlive: probe, Control: func(_, to string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(to)
		switch {
		case err != nil:
			return err
		case x.plane.own.listens(a):
			return errOurselves
		case !may(a.Addr()):
			return errPrivate
		}
		return nil
	}}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return x.plane.own.take(c)
}

// through connects by the organisation's proxy (RFC 9110, 9.3.6).
func (x *interceptor) through(ctx context.Context, target string) (net.Conn, error) {
	c, err := x.connect(ctx, proxyAddress(x.Proxy), isReachable)
	if err != nil {
		return nil, err
	}
	if x.Proxy.Scheme == "https" {
		c = tls.Client(c, &tls.Config{ServerName: x.Proxy.Hostname(), MinVersion: tls.VersionTLS12})
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(aLongTimeAgo) })
	if err := x.ask(c, target); err != nil {
		_ = c.Close()
		return nil, err
	}
	if !stop() {
		_ = c.Close()
		return nil, ctx.Err()
	}
	return c, nil
}

// ask asks the organisation's proxy for a tunnel.
func (x *interceptor) ask(c net.Conn, target string) error {
	credential := ""
	if u := x.Proxy.User; u != nil {
		password, _ := u.Password()
		credential = "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", target, target, credential); err != nil {
		return err
	}
	b := bufio.NewReader(io.LimitReader(c, maxProxyAnswer))
	resp, err := http.ReadResponse(b, &http.Request{Method: http.MethodConnect})
	if err != nil || resp.StatusCode != http.StatusOK || b.Buffered() > 0 { // what is tunnelled begins with the client
		return errProxy
	}
	return nil
}

// dialPlain connects for a plain request: to the name, or to the organisation's
// proxy, which then gets the request.
func (x *interceptor) dialPlain(ctx context.Context, _, address string) (net.Conn, error) {
	if x.Dial == nil && x.Proxy != nil {
		return x.connect(ctx, address, isReachable)
	}
	name, port, ok := split(address)
	if !ok {
		return nil, errOurselves // never: the address is made of a name and a port
	}
	return x.reach(ctx, name, port)
}

// proxyOf gives the organisation's proxy for a plain request, where there is one.
func (x *interceptor) proxyOf(*http.Request) (*url.URL, error) {
	if x.Dial != nil {
		return nil, nil
	}
	return x.Proxy, nil
}

func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Networks that are nobody's on the Internet (RFC 6890 and IANA's registries of
// special-purpose addresses), beside those that netip knows.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("3fff::/20"),
}

// Networks of IPv6: what is given out at all, and those in which an address of
// IPv4 hides (RFC 6052, RFC 3056).
var (
	global     = netip.MustParsePrefix("2000::/3")
	translated = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
)

// isPublic reports whether an address is somebody's on the Internet.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	if a.Is4() {
		return true
	}
	b := a.As16()
	switch {
	case translated.Contains(a):
		return isPublic(netip.AddrFrom4([4]byte(b[12:])))
	case sixToFour.Contains(a):
		return isPublic(netip.AddrFrom4([4]byte(b[2:6])))
	}
	return global.Contains(a)
}

// credentialServers are addresses, beside link-local ones, at which clouds hand out
// credentials to whoever asks from a machine of theirs: Azure, Alibaba, AWS.
var credentialServers = []netip.Addr{netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("fd00:ec2::254")}

// may reports whether a passed name may have an address.
func (x *interceptor) may(a netip.Addr) bool {
	a = a.Unmap()
	switch {
	case slices.Contains(credentialServers, a) || !isReachable(a):
		return false
	case a.IsLoopback():
		return x.Own
	}
	return x.Private || isPublic(a)
}

// isReachable reports whether an address is one of a host somewhere, and not of
// whoever is on the same link.
func isReachable(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsGlobalUnicast() && a.Zone() == ""
}

// ourselves is what the plane knows of its own ends of connections, so that it
// does not speak with itself.
type ourselves struct {
	mu        sync.Mutex
	listening map[netip.AddrPort]int // guarded by mu
	dialled   map[flow]int           // guarded by mu
}

// flow is a connection as its dialling side sees it.
type flow struct{ from, to netip.AddrPort }

// listen enters the address of a listener; the function it gives takes it out.
func (o *ourselves) listen(a net.Addr) (leave func()) {
	at := addrPort(a)
	if !at.IsValid() {
		return func() {}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.listening == nil {
		o.listening = map[netip.AddrPort]int{}
	}
	o.listening[at]++
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.listening[at]--; o.listening[at] == 0 {
			delete(o.listening, at)
		}
	}
}

// listens reports whether who connects to an address reaches us.
func (o *ourselves) listens(a netip.AddrPort) bool {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	o.mu.Lock()
	defer o.mu.Unlock()
	any := false
	for l := range o.listening {
		if l == a {
			return true
		}
		any = any || l.Addr().IsUnspecified() && l.Port() == a.Port()
	}
	return any && isHere(a.Addr())
}

// isHere reports whether an address is of this machine.
func isHere(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return true // not known: then not reached
	}
	for _, n := range list {
		if p, ok := n.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(p.IP); ok && ip.Unmap() == a.WithZone("") {
				return true
			}
		}
	}
	return false
}

// dials reports whether a connection is one that we made.
func (o *ourselves) dials(from, to netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dialled[flow{from, to}] > 0
}

// take enters a connection that we made, until it is closed. It fails, and closes
// it, where it leads to us.
func (o *ourselves) take(c net.Conn) (net.Conn, error) {
	f := flow{addrPort(c.LocalAddr()), addrPort(c.RemoteAddr())}
	if f.to.IsValid() && o.listens(f.to) {
		_ = c.Close()
		return nil, errOurselves
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dialled == nil {
		o.dialled = map[flow]int{}
	}
	o.dialled[f]++
	return &taking{Conn: c, own: o, flow: f}, nil
}

// taking is a connection that we made.
type taking struct {
	net.Conn
	own  *ourselves
	flow flow
	once sync.Once
}

// Close implements [net.Conn].
func (t *taking) Close() error {
	err := t.Conn.Close()
	t.once.Do(func() {
		t.own.mu.Lock()
		defer t.own.mu.Unlock()
		if t.own.dialled[t.flow]--; t.own.dialled[t.flow] == 0 {
			delete(t.own.dialled, t.flow)
		}
	})
	return err
}

// CloseWrite ends one half.
func (t *taking) CloseWrite() error { return closeWrite(t.Conn) }
