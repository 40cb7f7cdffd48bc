package console

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/identity"
)

// Bounds of the API.
const (
	maxBody      = 64 << 10
	maxHeader    = 24 << 10 // a token and a query
	maxQuery     = 4096     // bytes of a query's text
	maxPage      = 256      // events
	maxPageBytes = 16 << 20
	maxFields    = 64 // facets at once
	maxTop       = 100
	maxBuckets   = 1000
	maxIDs       = 1000 // of one erasure
	maxMentions  = 1000 // records that a hash lists
	maxValue     = 4096 // bytes of a value that is looked up
	maxText      = 256  // bytes of a ticket, a name, a policy
	maxToken     = 512  // bytes of a cursor or position
	maxWhy       = 1024 // bytes of what is wrong with a query

	defaultPage    = 100
	defaultTop     = 20
	defaultBuckets = 60

	maxConnections = 256 // of a listener
	maxRequests    = 64  // under way, streams not counted
	maxTails       = 16
	maxOwnTails    = 4 // of one caller
	maxExports     = 2
	tailQueue      = 64 // events that wait for a slow client

	headerTimeout  = 5 * time.Second
	readTimeout    = 30 * time.Second
	requestTimeout = 30 * time.Second
	actTimeout     = 10 * time.Minute // an erasure rewrites segments
	writeTimeout   = 30 * time.Second // of one piece of a stream
	idleTimeout    = time.Minute
	recordTimeout  = 5 * time.Second
	verifyTimeout  = 2 * time.Hour
	exportTimeout  = 2 * time.Hour
	tailLife       = time.Hour // after which a client connects anew, and proves anew who it is
	heartbeat      = 15 * time.Second
)

// Options are what a [Server] is made of. Recorder, Records and Searcher are
// required; of the others those that are nil take their routes with them.
type Options struct {
	// Grants give roles; see [Grant].
	Grants []Grant
	// Tokens verifies bearer tokens; nil where none are taken.
	Tokens Tokens
	// Hosts are the names by which the HTTPS listener is asked, in lower case without
	// port; [Server.ServeTLS] needs one at least. Origins are the web origins that
	// may ask it.
	Hosts, Origins []string
	// Formats are the formats of exports with their content types.
	Formats map[string]string
	// Rate is the number of requests a second that one caller may make; 0 means 20.
	// Five seconds' worth may come at once.
	Rate float64
	// Log is told of faults; never of content. nil means nobody is told.
	Log *slog.Logger
	// Observe is told of each request that was answered; it does not block. nil means
	// nobody is.
	Observe func(Call)
	// Approved wants an approver named for revealing evidence.
	Approved bool

	Recorder   proxy.Recorder // takes the access events
	Records    Records        // cores
	Personal   Records        // the same with personal parts
	Searcher   Searcher
	Follower   Follower
	Pseudonyms Pseudonyms
	Custodian  Custodian
	Upkeep     Upkeep
	Exporter   Exporter
	Auditor    Auditor
	Tiles      http.Handler // of /checkpoint and /tile/… (C2SP tlog-tiles)
}

// Call is one request that was answered.
type Call struct {
	Route  string // pattern, such as GET /api/v1/events/{id}; empty for none
	Status int
	Took   time.Duration
}

// Server serves the API. It is safe for concurrent use.
type Server struct {
	o       Options
	log     *slog.Logger
	uid     int // our own; -1 where there are none
	mux     *http.ServeMux
	rates   rates // of callers
	doors   rates // of addresses, before it is known who asks
	values  rates // of callers who look values up or reveal
	denials rates // of callers whose refusal is recorded

	under   chan struct{} // a place for each request under way
	exports chan struct{}
	tails   tails
	acts    chan struct{} // one act at a time
	job     job

	base context.Context // ends with Shutdown
	end  context.CancelFunc

	mu      sync.Mutex
	servers []*http.Server
	closed  bool
}

// New makes a Server. It fails where a grant says nothing or what is required is
// missing.
func New(o Options) (*Server, error) {
	for i := range o.Grants {
		if err := o.Grants[i].check(); err != nil {
			return nil, &GrantError{i, err}
		}
	}
	if o.Recorder == nil || o.Records == nil || o.Searcher == nil {
		return nil, errors.New("console: a recorder, records and a searcher are required")
	}
	if o.Rate < 0 {
		return nil, errors.New("console: a rate is not negative")
	}
	rate := cmp.Or(o.Rate, 20)
	s := &Server{
		o: o, log: o.Log, uid: os.Getuid(),
		rates: rates{rate: rate, burst: 5 * rate}, doors: rates{rate: 2 * rate, burst: 10 * rate},
		values: rates{rate: 1, burst: 20}, denials: rates{rate: 0.1, burst: 5},
		under: make(chan struct{}, maxRequests), exports: make(chan struct{}, maxExports), acts: make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.base, s.end = context.WithCancel(context.Background())
	s.mux = http.NewServeMux()
	for _, r := range routes() {
		s.mux.Handle(r.pattern, s.serve(r))
	}
	s.mux.Handle("/", s.serve(route{roles: roles, serve: nowhere}))
	s.tails.done = make(chan struct{})
	return s, nil
}

// GrantError says which grant is none.
type GrantError struct {
	Index int // in [Options].Grants
	Err   error
}

// Error implements error.
func (e *GrantError) Error() string { return "grant: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *GrantError) Unwrap() error { return e.Err }

// Serve serves the control socket that [Listen] gave, until [Server.Shutdown] (then
// it returns nil) or an error of the listener. A peer whose uid cannot be told is
// closed before a byte is read.
func (s *Server) Serve(l net.Listener) error {
	h := s.server()
	h.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if b, ok := c.(*boundConn); ok {
			c = b.Conn
		}
		uid, err := peerUID(c)
		if err != nil {
			s.log.Warn("the peer of the control socket is not known", "error", err)
			uid = -1
		}
		return context.WithValue(ctx, peerKey{}, uid)
	}
	return s.run(h, func() error { return h.Serve(bound(l)) })
}

// ServeTLS serves HTTPS likewise. Without Tokens in the options, the configuration
// must verify client certificates.
func (s *Server) ServeTLS(l net.Listener, c *tls.Config) error {
	switch {
	case len(s.o.Hosts) == 0:
		return errors.New("console: name the hosts by which the API is asked, else a web page whose name was bound to this address could ask it")
	case s.o.Tokens == nil && (c.ClientCAs == nil || c.ClientAuth < tls.VerifyClientCertIfGiven):
		return errors.New("console: configure an identity provider or an authority of client certificates: nobody could be known")
	}
	c = c.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	h := s.server()
	h.TLSConfig = c
	return s.run(h, func() error { return h.ServeTLS(bound(l), "", "") })
}

func (s *Server) server() *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(s.enter),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, WriteTimeout: actTimeout + writeTimeout,
		MaxHeaderBytes: maxHeader,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxRequests},
		BaseContext:    func(net.Listener) context.Context { return s.base },
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

func (s *Server) run(h *http.Server, serve func() error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.servers = append(s.servers, h)
	s.mu.Unlock()
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown ends streams and verifications, and waits within the context for what
// else is under way.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	servers := s.servers
	s.mu.Unlock()
	s.tails.end()
	s.job.stop()
	var err error
	for _, h := range servers {
		err = errors.Join(err, h.Shutdown(ctx))
	}
	s.end()
	for _, h := range servers {
		_ = h.Close() // what did not end within the context
	}
	s.job.wait()
	return err
}

// enter does what concerns every request, before it is known what is asked.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	switch {
	case r.ContentLength > maxBody:
		h.Set("Connection", "close")
		problem("too_large").write(w)
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodDelete:
		problem("method_not_allowed").write(w)
	case r.URL.Host != "" || !strings.HasPrefix(r.URL.Path, "/"):
		problem("not_found").write(w) // the form that proxies are asked in
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// call is one request under way.
type call struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	who    *caller
	role   Role // by which it is permitted
	params url.Values
}

// by gives who acts, without a reason.
func (c *call) by() By {
	return By{Role: c.role, Name: c.who.name, UID: c.who.uid, Address: c.who.address}
}

// serve makes the handler of a route: who asks, whether they may, and whether the
// request has a form that is read.
func (s *Server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		out := &answer{ResponseWriter: w}
		defer func() {
			if s.o.Observe != nil {
				s.o.Observe(Call{Route: rt.pattern, Status: out.status, Took: time.Since(began)})
			}
		}()
		if err := s.handle(rt, out, r); err != nil {
			p, fault := problemOf(err)
			if fault {
				s.log.Error("a request of the console failed", "route", rt.pattern, "error", err)
			}
			if out.status != 0 {
				// The answer has begun: an end without its end says that it is none.
				panic(http.ErrAbortHandler)
			}
			p.write(out)
		}
	})
}

func (s *Server) handle(rt route, w *answer, r *http.Request) error {
	if err := s.door(r); err != nil {
		return err
	}
	if a := host(r.RemoteAddr); a != "" && !s.doors.take(prefix(a), time.Now()) {
		return problem("rate")
	}
	if !rt.stream {
		select {
		case s.under <- struct{}{}:
			defer func() { <-s.under }()
		default:
			return problem("overloaded")
		}
		limit := requestTimeout
		if rt.act {
			limit = actTimeout
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		r = r.WithContext(ctx)
	}
	who, err := s.identify(r)
	if err != nil {
		return err
	}
	switch {
	case len(who.roles) == 0:
		return problem("no_role")
	case !s.rates.take(who.key(), time.Now()):
		return problem("rate")
	}
	c := &call{s: s, w: w, r: r, who: who}
	if err := c.permit(rt.roles, rt.pattern); err != nil {
		return err
	}
	if rt.has != nil && !rt.has(&s.o) {
		return problem("not_available")
	}
	if rt.pattern == "" {
		return rt.serve(c) // there is nothing to read parameters for
	}
	if c.params, err = parameters(r, rt.params); err != nil {
		return err
	}
	if !rt.body && (r.ContentLength != 0 || len(r.TransferEncoding) > 0) {
		return problem("body")
	}
	if rt.body {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	return rt.serve(c)
}

// permit fails where the caller has none of the roles, and records the refusal of
// what not everybody may.
func (c *call) permit(allowed []Role, what string) error {
	for _, r := range allowed {
		if slices.Contains(c.who.roles, r) {
			c.role = r
			return nil
		}
	}
	if c.s.denials.take(c.who.key(), time.Now()) {
		by := c.by()
		by.Role = c.who.roles[0]
		if _, err := c.s.record(c.r.Context(), access{by: by, action: "denied", detail: what}); err != nil {
			return err
		}
	}
	return problem("role_missing")
}

// door refuses what a web page could have sent.
func (s *Server) door(r *http.Request) error {
	d := identity.Door{Hosts: s.o.Hosts, Origins: s.o.Origins, Next: open{}}
	if _, ok := r.Context().Value(peerKey{}).(int); ok {
		d.Hosts, d.Origins = socketHosts, nil
	}
	h := &proxy.Head{Authority: r.Host}
	for _, name := range []string{"Origin", "Sec-Fetch-Site"} {
		for _, v := range r.Header.Values(name) {
			h.Header = append(h.Header, proxy.Field{Name: strings.ToLower(name), Value: proxy.NewText(v)})
		}
	}
	if _, err := d.Identify(h); err != nil {
		return problem("host_not_allowed")
	}
	return nil
}

// socketHosts are the names by which the control socket may be asked.
var socketHosts = []string{"localhost", "ostiary"}

// open is behind a door that was passed.
type open struct{}

// Identify implements [proxy.Identifier].
func (open) Identify(*proxy.Head) (proxy.Principal, error) { return proxy.Principal{}, nil }

// answer remembers the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap gives the writer beneath, for [http.ResponseController].
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// host gives the address of a peer; empty for a unix socket.
func host(remote string) string {
	h, _, err := net.SplitHostPort(remote)
	if err != nil {
		return ""
	}
	return h
}

// prefix gives what of an address is one client: of IPv6 the first 64 bits.
func prefix(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

// maxRated is how many callers' rates are kept.
const maxRated = 4096

// rates are token buckets, one for each caller. The zero value needs rate and burst.
type rates struct {
	rate, burst float64 // a second; at once

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// take takes one from a caller's bucket and says whether there was one. Buckets
// that are full again are forgotten; with too many others, nobody new is let in.
func (r *rates) take(key string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.buckets == nil {
		r.buckets = map[string]bucket{}
	}
	b, ok := r.buckets[key]
	if !ok {
		if len(r.buckets) >= maxRated {
			for k, b := range r.buckets {
				if b.left+now.Sub(b.at).Seconds()*r.rate >= r.burst {
					delete(r.buckets, k)
				}
			}
			if len(r.buckets) >= maxRated {
				return false
			}
		}
		b = bucket{r.burst, now}
	}
	b.left = min(r.burst, b.left+max(now.Sub(b.at).Seconds(), 0)*r.rate)
	b.at = now
	if ok = b.left >= 1; ok {
		b.left--
	}
	r.buckets[key] = b
	return ok
}

// bound limits the connections of a listener.
func bound(l net.Listener) net.Listener {
	return &boundListener{Listener: l, places: make(chan struct{}, maxConnections), end: make(chan struct{})}
}

type boundListener struct {
	net.Listener
	places chan struct{}
	end    chan struct{}
	once   sync.Once
}

// Accept implements [net.Listener]: it waits for a place first.
func (b *boundListener) Accept() (net.Conn, error) {
	select {
	case b.places <- struct{}{}:
	case <-b.end:
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.places
		return nil, err
	}
	return &boundConn{Conn: c, free: func() { <-b.places }}, nil
}

// Close implements [net.Listener].
func (b *boundListener) Close() error {
	b.once.Do(func() { close(b.end) })
	return b.Listener.Close()
}

type boundConn struct {
	net.Conn
	once sync.Once
	free func()
}

// Close implements [net.Conn].
func (b *boundConn) Close() error {
	defer b.once.Do(b.free)
	return b.Conn.Close()
}
