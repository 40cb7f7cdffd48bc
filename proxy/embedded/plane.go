package embedded

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of the server. Each can be changed by [Timeouts] or [Options] where a
// reader of this list might want to.
const (
	DefaultHeaderTimeout  = 10 * time.Second // for the whole head of a request; Envoy's request_headers_timeout
	DefaultIdleTimeout    = 2 * time.Minute  // of a connection between requests
	DefaultStallTimeout   = 30 * time.Second // without a byte of a request's body, or without the client taking one of the answer
	DefaultUploadTimeout  = 10 * time.Minute // for a whole body
	DefaultAnswerTimeout  = 10 * time.Minute // without a byte from upstream; generations are long
	DefaultConnectTimeout = 5 * time.Second  // of one attempt to connect to a pool
	DefaultConnections    = 4096             // clients' connections at once
	maxHeaderBytes        = 60 << 10         // of a request's head; Envoy's max_request_headers_kb
	maxAnswerHeaderBytes  = 256 << 10        // of an answer's head
	maxStreams            = 256              // of one HTTP/2 connection
	streamWindow          = 4 << 20          // HTTP/2 flow control: of one request's body
	connectionWindow      = 16 << 20         // and of a connection's
	copyBuffer            = 32 << 10         // of an answer on its way
	firstBody             = 64 << 10         // what is reserved for a body of unknown or large length
	exactBody             = 1 << 20          // a body announced up to here is reserved at once
)

// Options of a [Plane].
type Options struct {
	Engine *proxy.Engine
	// Upstreams says how a pool is reached, credential included. It is asked for
	// each request, so that keys can change.
	Upstreams func(pool string) (Upstream, bool)
	// Pools gives the digest of the pools that Upstreams speaks of. A release made
	// for others is not carried out: its pool's name may mean another place now.
	// Nil: not compared.
	Pools func() string
	// BodyLimit is the largest body in bytes; 0 means [proxy.DefaultBodyLimit].
	BodyLimit int
	// TLS, where it is not nil, is served by [Plane.Serve]. It needs certificates.
	TLS *tls.Config
	// Connections bounds the clients' connections; 0 means [DefaultConnections].
	Connections int
	Timeouts    Timeouts
	// Interception is what [Plane.ServeProxy] and [Plane.ServeRedirect] need; nil
	// without them.
	Interception *Interception
	// Log takes what operators must know; nil discards it.
	Log *slog.Logger
}

// Timeouts of a [Plane]. Zero fields take the defaults of the same name.
type Timeouts struct {
	Header, Idle, Stall, Upload, Answer, Connect time.Duration
	// Hello and Tunnel are of connections for names that are not ours.
	Hello, Tunnel time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	for _, d := range []struct {
		at      *time.Duration
		initial time.Duration
	}{
		{&t.Header, DefaultHeaderTimeout}, {&t.Idle, DefaultIdleTimeout}, {&t.Stall, DefaultStallTimeout},
		{&t.Upload, DefaultUploadTimeout}, {&t.Answer, DefaultAnswerTimeout}, {&t.Connect, DefaultConnectTimeout},
		{&t.Hello, DefaultHelloTimeout}, {&t.Tunnel, DefaultTunnelTimeout},
	} {
		if *d.at == 0 {
			*d.at = d.initial
		}
	}
	return t
}

// Plane is the data plane: an [http.Handler], and the server that it needs around
// it. It is safe for concurrent use.
type Plane struct {
	engine    *proxy.Engine
	upstreams func(string) (Upstream, bool)
	pools     func() string
	body      int
	times     Timeouts
	log       *slog.Logger
	server    *http.Server
	secure    bool
	slots     chan struct{} // one for each connection that may be open
	buffers   buffers
	quiet     *log.Logger // takes what net/http says of single requests
	own       ourselves

	intercepts *interceptor // nil where names of others are not taken

	mu     sync.Mutex
	routes map[string]*route // how pools were reached last; guarded by mu
}

// New makes a plane. It serves as a handler at once; [Plane.Serve] sets the limits
// that a handler cannot.
func New(o Options) *Plane {
	p := &Plane{engine: o.Engine, upstreams: o.Upstreams, pools: o.Pools, body: o.BodyLimit, times: o.Timeouts.withDefaults(), log: o.Log, routes: map[string]*route{}}
	if p.body == 0 {
		p.body = proxy.DefaultBodyLimit
	}
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	p.slots = make(chan struct{}, o.Connections)
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.quiet = log.New(&sieve{p.log}, "", 0)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	p.secure = o.TLS != nil
	p.server = &http.Server{
		Handler: p, TLSConfig: o.TLS, Protocols: &protocols, ErrorLog: p.quiet,
		ReadHeaderTimeout: p.times.Header, IdleTimeout: p.times.Idle, MaxHeaderBytes: maxHeaderBytes,
		// Without this, net/http answers OPTIONS * unrecorded.
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connectionWindow,
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peerOf(c))
		},
	}
	if i := o.Interception; i != nil && i.Certificate != nil && i.Name != nil {
		p.intercepts = newInterceptor(p, i)
	}
	return p
}

// Serve accepts connections until Shutdown or Close, or an error of the
// listener, which it closes. It returns nil after Shutdown and Close.
func (p *Plane) Serve(l net.Listener) error {
	defer p.own.listen(l.Addr())()
	limited := &limited{Listener: l, slots: p.slots, done: make(chan struct{})}
	var err error
	if p.secure {
		err = p.server.ServeTLS(limited, "", "")
	} else {
		err = p.server.Serve(limited)
	}
	return served(err)
}

// Shutdown stops accepting, lets running exchanges finish and closes what is
// idle. Passed connections, of which it cannot tell that, end when they are quiet
// for some seconds. It returns the context's error where that ends first; then
// call Close.
func (p *Plane) Shutdown(ctx context.Context) error {
	ends := make(chan error, 2)
	go func() { ends <- p.server.Shutdown(ctx) }()
	go func() {
		if p.intercepts == nil {
			ends <- nil
			return
		}
		ends <- p.intercepts.shutdown(ctx)
	}()
	err := errors.Join(<-ends, <-ends)
	p.closeRoutes()
	return err
}

// Close breaks every connection off, and so every exchange under way.
func (p *Plane) Close() error {
	err := p.server.Close()
	if p.intercepts != nil {
		err = errors.Join(err, p.intercepts.close())
	}
	p.closeRoutes()
	return err
}

// limited is a listener that accepts while a slot is free.
type limited struct {
	net.Listener
	slots chan struct{}
	once  sync.Once
	done  chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: c, slots: l.slots}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// slotted is a connection that gives its slot back.
type slotted struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

func (c *slotted) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.slots })
	return err
}

// CloseWrite lets net/http end its half first, so that a client that still sends
// reads the answer before the reset.
func (c *slotted) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// peerKey is the key of the peer's credentials in a connection's context.
type peerKey struct{}

// credentials are those of the process at the other end of a unix socket.
type credentials struct{ uid, pid int }

// nobody is a peer that is not known.
var nobody = credentials{uid: -1}

// buffers lends the buffers that answers are copied through.
type buffers struct{ pool sync.Pool }

// Get implements [httputil.BufferPool].
func (b *buffers) Get() []byte {
	if v, ok := b.pool.Get().(*[]byte); ok {
		return *v
	}
	return make([]byte, copyBuffer)
}

// Put implements [httputil.BufferPool].
func (b *buffers) Put(v []byte) { b.pool.Put(&v) }

// sieve passes on what kind of trouble net/http met and not its words, which can
// name addresses and quote headers.
type sieve struct{ log *slog.Logger }

// Write implements [io.Writer] for a [log.Logger].
func (s *sieve) Write(b []byte) (int, error) {
	switch {
	case bytes.Contains(b, []byte("panic serving")):
		s.log.Error("panic while serving a request")
	case bytes.Contains(b, []byte("TLS handshake error")):
		s.log.Warn("TLS handshake with a client failed")
	case bytes.Contains(b, []byte("Accept error")):
		s.log.Error("connections cannot be accepted; trying again")
	default:
		s.log.Debug("net/http met trouble with one connection")
	}
	return len(b), nil
}
