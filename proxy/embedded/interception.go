package embedded

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// What becomes of a name that a client dials. Any other word counts as refused.
const (
	Governed = "governed" // TLS is ended here, and every request inspected
	Passed   = "passed"   // bytes go to that name, as we resolve it
	Refused  = "refused"
)

// Why a connection was refused, or came to nothing, for a reason that the data
// plane itself sees. Beside them there are the words of [Interception.Name].
const (
	WhyNoName      = "no_name"             // no server name (SNI), no Host
	WhyAddress     = "address"             // an address instead of a name
	WhyModelPath   = "model_path"          // a plain request that looks like one to a model API
	WhyPlain       = "plain"               // a governed name without TLS
	WhyPlainText   = "plain_text"          // something other than TLS where TLS is due
	WhyUnreadable  = "unreadable"          // a ClientHello that cannot be read
	WhySilent      = "silent"              // the client sent nothing, or not enough in time
	WhyHandshake   = "certificate_refused" // a governed name, but the client would not have our certificate
	WhyNoLeaf      = "no_leaf"             // a governed name for which there is no certificate
	WhyPort        = "port"                // a port that is not listed
	WhyPrivate     = "private"             // the name has no address but of this machine or the organisation's networks
	WhyLoop        = "loop"                // a connection to ourselves
	WhyUnreachable = "unreachable"         // nobody could be reached under the name
	WhyUpgrade     = "upgrade"             // a protocol upgrade over plain HTTP
	WhyForm        = "form"                // no form of request that a proxy takes
	WhyCredentials = "no_credential"       // the proxy's own credentials are asked for
	WhyCrowded     = "crowded"             // too many connections, or shutting down
)

// Bounds of connections for names that are not ours.
const (
	DefaultHelloTimeout  = 5 * time.Second  // until a client's first words, its ClientHello, are whole
	DefaultTunnelTimeout = 10 * time.Minute // without a byte in either direction of a passed connection
	drainQuiet           = 5 * time.Second  // passed connections without a byte for so long are cut when we shut down
	drainLook            = 50 * time.Millisecond
	closeWait            = time.Second // for those that are cut, to be told of
	maxHello             = 64 << 10    // bytes of a ClientHello with its records; crypto/tls takes no longer message
	smallBuffer          = 4 << 10     // of one direction of a passed connection at rest
	suspectBody          = 64 << 10    // of a plain request, looked at
	proxyStreamWindow    = 256 << 10
	proxyWindow          = 4 << 20
	portHTTP             = 80
	portHTTPS            = 443
)

// Interception is what the plane needs to end TLS for names that are not its
// own. Its functions are called concurrently and must not block for long.
type Interception struct {
	// Certificate gives the leaf of a governed name; see intercept.Minter.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Name says what becomes of a name, in lower case, and why in a word of a
	// closed list: [Governed], [Passed] or [Refused]. It is asked for each
	// connection, so that the answers can change.
	Name func(name string) (passage, why string)
	// Dial connects to a passed name. Nil: by the system's resolver, through Proxy
	// where there is one, never to an address of this machine or of private
	// networks unless Private or Own says so.
	Dial func(ctx context.Context, name string, port uint16) (net.Conn, error)
	// Connected is told of each connection that was not governed, at its end, and of
	// each exchange over plain HTTP, before Shutdown returns without an error. It
	// must not block.
	Connected func(Connection)
	// Suspicious says whether a plain request looks like one to a model API. body is
	// its beginning, at most 64 KiB, decoded where it came as gzip; not to be kept.
	// Nil: none does.
	Suspicious func(host, method, path string, body []byte) bool
	// Admit says whether a client of the explicit proxy may use it; the head has
	// the proxy's credentials, if there are any. Where it says no the client is
	// asked for some (407). Nil: everybody may.
	Admit func(*proxy.Head) bool
	// Original gives where a redirected connection was going; see redirect.Original.
	// Where it does not know, and where it is nil, that is the connection's own local
	// address, which TPROXY leaves as it was.
	Original func(net.Conn) (netip.AddrPort, error)
	// Proxy is a proxy of the organisation's on the way out, for passed names; nil
	// for none. It resolves them then.
	Proxy *url.URL
	// Ports are those at which names may be reached besides 443, and 80 for plain
	// HTTP.
	Ports []uint16
	// Private lets passed names have addresses of private networks, Own those of
	// this machine. Link-local addresses and those at which clouds hand out
	// credentials are never reached.
	Private, Own bool
}

// Connection is one that was not governed, or one exchange over plain HTTP.
type Connection struct {
	Way     string // how it came: [proxy.WayProxy], [proxy.WayRedirect]
	Name    string // the client's word for where it wants to go; never to be logged as it is; may be empty
	Passage string // what became of it: [Passed], [Refused]
	Why     string // a constant word
	// Sent and Received are bytes to the name and from it.
	Sent, Received int64
	Duration       time.Duration
}

// errNoInterception means that the plane was made without what it needs.
var errNoInterception = errors.New("embedded: no interception is configured: Certificate and Name are needed")

// ServeProxy serves an explicit proxy: CONNECT over HTTP/1.1, HTTP/1.0 and HTTP/2
// without TLS, and requests for http:// URLs over HTTP/1. It returns as
// [Plane.Serve] does.
func (p *Plane) ServeProxy(l net.Listener) error {
	x := p.intercepts
	if x == nil {
		_ = l.Close()
		return errNoInterception
	}
	defer p.own.listen(l.Addr())()
	x.start()
	return served(x.outer.Serve(&limited{Listener: l, slots: x.slots, done: make(chan struct{})}))
}

// ServeRedirect serves connections that were redirected to the listener on their
// way elsewhere: TLS by its server name, plain HTTP on port 80 by its Host. It
// returns as [Plane.Serve] does.
func (p *Plane) ServeRedirect(l net.Listener) error {
	x := p.intercepts
	if x == nil {
		_ = l.Close()
		return errNoInterception
	}
	defer p.own.listen(l.Addr())()
	x.start()
	return x.redirects(&limited{Listener: l, slots: x.slots, done: make(chan struct{})})
}

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// interceptor is the part of a plane that takes connections for names that are not
// its own.
type interceptor struct {
	Interception
	plane *Plane
	ends  *tls.Config   // for governed names
	slots chan struct{} // one for each connection that may be open
	outer *http.Server  // speaks with clients of the proxy, and plain HTTP
	inner *http.Server  // speaks inside the TLS of governed names
	ended *handoff      // connections whose TLS was ended, for inner
	plain *handoff      // redirected connections without TLS, for outer
	out   *http.Transport
	once  sync.Once
	// running counts tunnels that are still to be told of, or to be handed on.
	// What is added is added under mu and while not draining.
	running sync.WaitGroup

	mu        sync.Mutex
	tunnels   map[*tunnel]struct{}      // guarded by mu
	listeners map[net.Listener]struct{} // of redirected connections; guarded by mu
	draining  bool                      // guarded by mu
}

func newInterceptor(p *Plane, i *Interception) *interceptor {
	x := &interceptor{
		Interception: *i, plane: p,
		slots: make(chan struct{}, cap(p.slots)), ended: newHandoff(), plain: newHandoff(),
		tunnels: map[*tunnel]struct{}{}, listeners: map[net.Listener]struct{}{},
	}
	x.ends = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: x.leaf}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	x.inner = &http.Server{
		Handler: p, TLSConfig: x.ends.Clone(), Protocols: &protocols, ErrorLog: p.quiet,
		ReadHeaderTimeout: p.times.Header, IdleTimeout: p.times.Idle, MaxHeaderBytes: maxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connectionWindow,
		},
		ConnContext: arrived,
	}
	var clear http.Protocols
	clear.SetHTTP1(true)
	clear.SetUnencryptedHTTP2(true)
	x.outer = &http.Server{
		Handler: x, Protocols: &clear, ErrorLog: p.quiet,
		ReadHeaderTimeout: p.times.Header, IdleTimeout: p.times.Idle, MaxHeaderBytes: maxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerStream: proxyStreamWindow, MaxReceiveBufferPerConnection: proxyWindow,
		},
		ConnContext: arrived,
	}
	x.out = x.transport()
	return x
}

// start begins to serve what is handed on. Its goroutines end with stop or close.
func (x *interceptor) start() {
	x.once.Do(func() {
		go func() { _ = x.inner.Serve(x.ended) }()
		go func() { _ = x.outer.Serve(x.plain) }()
	})
}

// arrival is how a client's connection came to us.
type arrival struct {
	way        string
	credential string // of the proxy, as the CONNECT carried it
	port       uint16 // where a redirected connection was going
	peer       credentials
}

// arrivalKey is the key of a connection's arrival in its context.
type arrivalKey struct{}

// arrived puts the arrival of a connection, and who its peer is, in its
// context.
func arrived(ctx context.Context, c net.Conn) context.Context {
	a := &arrival{way: proxy.WayProxy, peer: nobody}
	if t := within(c); t != nil {
		a = &t.arrival
	} else {
		a.peer = peerOf(c)
	}
	return context.WithValue(context.WithValue(ctx, arrivalKey{}, a), peerKey{}, a.peer)
}

// within finds the tunnel below a connection and its TLS.
func within(c net.Conn) *tunnel {
	if s, ok := c.(*tls.Conn); ok {
		c = s.NetConn()
	}
	switch c := c.(type) {
	case *tunnel:
		return c
	case *piped:
		return c.t
	}
	return nil
}

// arrivalOf gives how the connection of a request came; nil on connections that
// are addressed to us.
func arrivalOf(ctx context.Context) *arrival {
	a, _ := ctx.Value(arrivalKey{}).(*arrival)
	return a
}

// errLeaf means that there is no certificate for a governed name.
var errLeaf = errors.New("no certificate for the name")

func (x *interceptor) leaf(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, err := x.Certificate(h)
	if err != nil {
		return nil, errors.Join(errLeaf, err)
	}
	return c, nil
}

// passageOf says what becomes of a name that a client gave.
func (x *interceptor) passageOf(name string) (passage, why string) {
	if name == "" {
		return Refused, WhyNoName
	}
	if numeric(name) {
		return Refused, WhyAddress
	}
	switch passage, why = x.Name(name); passage {
	case Governed, Passed:
		return passage, why
	}
	return Refused, cmp.Or(why, "default")
}

// numeric reports whether a resolver could take a name for an address: one whose
// last label is a number (WHATWG URL, 3.5), or of IPv6.
func numeric(name string) bool {
	if strings.ContainsAny(name, ":%[]") {
		return true
	}
	last := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// canonical gives a name as it is asked for: in lower case, without the dot of the
// root.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func (x *interceptor) mayReach(port, usual uint16) bool {
	return port != 0 && (port == usual || slices.Contains(x.Ports, port))
}

func (x *interceptor) tell(c *Connection) {
	if x.Connected != nil {
		x.Connected(*c)
	}
}

// shutdown stops accepting and waits until what is under way is over. Passed
// connections are cut once they are quiet: whether they are idle only their ends
// know.
func (x *interceptor) shutdown(ctx context.Context) error {
	x.stopAccepting()
	ends := make(chan error, 3)
	go func() { ends <- x.outer.Shutdown(ctx) }()
	go func() { ends <- x.inner.Shutdown(ctx) }()
	go func() { ends <- x.drain(ctx) }()
	err := errors.Join(<-ends, <-ends, <-ends)
	x.out.CloseIdleConnections()
	return err
}

func (x *interceptor) stopAccepting() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.draining = true
	for l := range x.listeners {
		_ = l.Close()
	}
}

// drain waits for the tunnels that no server waits for.
func (x *interceptor) drain(ctx context.Context) error {
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for {
		left := 0
		for _, t := range x.list() {
			switch t.stage.Load() {
			case stageHello:
				t.stop() // nothing was begun
			case stagePassed:
				if left++; t.quietFor() >= min(drainQuiet, x.plane.times.Tunnel) {
					t.stop()
				}
			}
		}
		if left == 0 {
			return x.settle(ctx)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle waits until whoever was cut has been told of.
func (x *interceptor) settle(ctx context.Context) error {
	done := make(chan struct{})
	go func() { x.running.Wait(); close(done) }() // ends with the last tunnel: all are cut, or nearly over
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *interceptor) close() error {
	x.stopAccepting()
	err := errors.Join(x.outer.Close(), x.inner.Close())
	x.ended.shut()
	x.plain.shut()
	for _, t := range x.list() {
		t.stop()
	}
	x.out.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	return errors.Join(err, x.settle(ctx))
}

func (x *interceptor) list() []*tunnel {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]*tunnel, 0, len(x.tunnels))
	for t := range x.tunnels {
		out = append(out, t)
	}
	return out
}

// handoff is a listener whose connections we give it.
type handoff struct {
	conns chan net.Conn
	done  chan struct{} // closed when it accepts no more
	once  sync.Once
}

func newHandoff() *handoff { return &handoff{conns: make(chan net.Conn), done: make(chan struct{})} }

// give hands a connection on. It reports whether somebody takes it.
func (h *handoff) give(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.done:
		return false
	}
}

func (h *handoff) shut() { h.once.Do(func() { close(h.done) }) }

// Accept implements [net.Listener].
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (h *handoff) Close() error { h.shut(); return nil }

// Addr implements [net.Listener]. There is none.
func (h *handoff) Addr() net.Addr { return &net.UnixAddr{Name: "handoff", Net: "unix"} }
