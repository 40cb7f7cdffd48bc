package embedded

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Why an exchange did not end well, in outcomes.
const (
	reasonClientGone  = "client_gone"
	reasonFailed      = "upstream_failed"  // no answer
	reasonTimeout     = "upstream_timeout" // no byte of an answer in time
	reasonCut         = "cut"              // the answer broke off
	reasonUnreachable = "upstream_unknown" // the data plane does not know the pool
)

// passage is one released request on its way.
type passage struct {
	session *proxy.Session
	head    *proxy.Head
	release proxy.Release
	body    []byte // as received

	plane    *Plane
	upstream Upstream
	target   *url.URL
	client   context.Context
	account  account
	out      *counting
	reason   atomic.Pointer[string]
	stop     context.CancelFunc // ends the upstream request
	watch    *time.Timer        // calls stop where upstream is silent
	silent   atomic.Bool        // and says so
}

// forward is the only way to a pool. It takes a release, sends what it says, and
// tells the engine what became of it, once, however it ends.
func (p *Plane) forward(w http.ResponseWriter, r *http.Request, x *passage) {
	f := x.release.Forward()
	x.plane, x.client = p, r.Context()
	x.out = &counting{ResponseWriter: w, control: http.NewResponseController(w), stall: p.times.Stall, received: x.head.Received}
	defer func() { p.engine.Complete(f.DecisionID, x.transfer()) }()

	var ok bool
	// Compared on both sides: what is between the two is of these pools.
	same := p.sees(f)
	if x.upstream, ok = p.upstreams(f.Pool); !ok || x.upstream.URL == nil || !same || !p.sees(f) {
		x.because(reasonUnreachable)
		x.unavailable(w)
		return
	}
	if x.target, ok = target(x.upstream.URL, f.Path.Reveal()); !ok {
		x.because(reasonUnreachable)
		x.unavailable(w)
		return
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	x.stop = stop
	x.watch = time.AfterFunc(p.times.Answer, func() { x.silent.Store(true); stop() })
	defer x.watch.Stop()

	(&httputil.ReverseProxy{
		Rewrite:        x.rewrite,
		Transport:      x,
		ModifyResponse: x.modify,
		ErrorHandler:   x.failed,
		FlushInterval:  -1, // every read of an answer goes on at once
		BufferPool:     &p.buffers,
		ErrorLog:       p.quiet,
	}).ServeHTTP(x.out, r.WithContext(ctx))
}

// sees reports whether the plane's pools are those that a release was made for.
func (p *Plane) sees(f *proxy.Forward) bool { return p.pools == nil || p.pools() == f.Pools }

// target joins a pool's URL and a request's own path. What is sent must be what
// was inspected, to the byte.
func target(base *url.URL, path string) (*url.URL, bool) {
	want := strings.TrimSuffix(base.EscapedPath(), "/") + path
	u, err := url.ParseRequestURI(want)
	if err != nil || u.Host != "" || !strings.HasPrefix(path, "/") {
		return nil, false
	}
	u.Scheme, u.Host = base.Scheme, base.Host
	return u, u.RequestURI() == want
}

// rewrite makes the request that goes upstream, of nothing but what was
// inspected and what the release sets.
func (x *passage) rewrite(pr *httputil.ProxyRequest) {
	f, out := x.release.Forward(), pr.Out
	out.URL, out.Host, out.Trailer, out.Close = x.target, "", nil, false
	out.TransferEncoding = nil
	out.Header = make(http.Header, len(x.head.Header)+2)
	for _, h := range x.head.Header {
		if !slices.Contains(f.Remove, h.Name) && h.Name != "upgrade" && h.Name != headerCredential {
			out.Header.Add(h.Name, h.Value.Reveal())
		}
	}
	if out.Header.Get("user-agent") == "" {
		out.Header["User-Agent"] = nil // or net/http puts its own
	}
	for _, h := range f.Set {
		out.Header.Set(h.Name, h.Value)
	}
	if x.upstream.Value != "" {
		out.Header.Set(x.upstream.Header, x.upstream.Value)
	}
	body := x.body
	if f.Body != nil {
		body = f.Body
	}
	out.ContentLength, out.Body, out.GetBody = int64(len(body)), http.NoBody, nil
	if len(body) > 0 {
		out.GetBody = func() (io.ReadCloser, error) {
			return &taken{Reader: bytes.NewReader(body), n: &x.account.body}, nil
		}
		out.Body, _ = out.GetBody() // never fails: see above
	}
}

// taken is a body that counts how far it was read.
type taken struct {
	*bytes.Reader
	n *atomic.Int64
}

func (t *taken) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	t.n.Add(int64(n))
	return n, err
}

// WriteTo hides the reader's own, which would not count.
func (t *taken) WriteTo(w io.Writer) (int64, error) {
	n, err := t.Reader.WriteTo(w)
	t.n.Add(n)
	return n, err
}

func (t *taken) Close() error { return nil }

// RoundTrip implements [http.RoundTripper]: it tries again where no connection
// could be made, so that nothing was sent, and nowhere else.
func (x *passage) RoundTrip(r *http.Request) (*http.Response, error) {
	route := x.plane.route(x.release.Forward().Pool, &x.upstream)
	ctx := httptrace.WithClientTrace(r.Context(), x.account.trace(r.URL.Scheme == "http"))
	pause := connectBackoff
	for n := 1; ; n++ {
		attempt := r.Clone(ctx)
		// net/http sends a request with this header a second time on its own.
		if keys := attempt.Header["Idempotency-Key"]; keys != nil {
			delete(attempt.Header, "Idempotency-Key")
			attempt.Header["idempotency-key"] = keys
		}
		if r.GetBody != nil {
			attempt.Body, _ = r.GetBody() // never fails: see rewrite
		}
		resp, err := route.transport.RoundTrip(attempt)
		if err == nil {
			// A copy: trailers are put into the original when the body ends, and
			// do not go on.
			copied := *resp
			copied.Trailer = nil
			return &copied, nil
		}
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" {
			return nil, err
		}
		x.account.attempts.Add(1)
		if n == connectAttempts {
			return nil, err
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// modify gives an answer our headers and takes those off that are not the
// upstream's to give.
func (x *passage) modify(resp *http.Response) error {
	for name := range resp.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, proxy.HeaderPrefix) || lower == "alt-svc" {
			delete(resp.Header, name) // alt-svc would lead the client past this proxy
		}
	}
	for _, h := range x.session.Responded(proxy.ResponseHead{Status: resp.StatusCode, ContentType: resp.Header.Get("content-type")}) {
		resp.Header.Set(h.Name, h.Value)
	}
	if resp.Body != nil {
		resp.Body = &watched{ReadCloser: resp.Body, x: x}
	}
	return nil
}

// watched is an answer's body that is known to flow.
type watched struct {
	io.ReadCloser
	x *passage
}

func (b *watched) Read(p []byte) (int, error) {
	b.x.watch.Reset(b.x.plane.times.Answer)
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.x.because(b.x.cause(reasonCut))
	}
	return n, err
}

// failed answers for an upstream that did not.
func (x *passage) failed(w http.ResponseWriter, r *http.Request, _ error) {
	why := x.cause(reasonFailed)
	x.because(why)
	switch why {
	case reasonClientGone:
		// Nobody is there to be told; abort rather than send an empty success.
		panic(http.ErrAbortHandler)
	case reasonTimeout:
		x.tell(w, proxy.Refusal{Status: http.StatusGatewayTimeout, Code: "upstream_timeout",
			Message: "The model server did not answer in time. Ask for less, or try again later."})
	default:
		x.unavailable(w)
	}
}

func (x *passage) unavailable(w http.ResponseWriter) {
	x.tell(w, proxy.Refusal{Status: http.StatusServiceUnavailable, Code: "upstream_unavailable", RetryAfter: 1,
		Message: "The model server of the chosen pool cannot be reached or broke the connection off. Try again; if it stays so, tell the operator."})
}

// tell answers in the shape of the API that was called. The decision stands: its
// outcome says what became of it.
func (x *passage) tell(_ http.ResponseWriter, f proxy.Refusal) {
	plan := x.session.Responded(proxy.ResponseHead{Status: f.Status})
	f.DecisionID = x.session.ID()
	a := x.plane.shape(x.head, f)
	a.Header = append(a.Header, plan...)
	answer(x.out, a)
}

// cause says who ended an exchange: upstream as given, unless the client left or
// we lost patience.
func (x *passage) cause(upstream string) string {
	switch {
	case x.client.Err() != nil:
		return reasonClientGone
	case x.silent.Load():
		return reasonTimeout
	}
	return upstream
}

// because notes the first reason.
func (x *passage) because(reason string) { x.reason.CompareAndSwap(nil, &reason) }

// transfer is what became of the request.
func (x *passage) transfer() proxy.Transfer {
	t := proxy.Transfer{
		Status: x.out.status, Bytes: x.out.bytes, TTFB: x.out.ttfb,
		Duration: time.Since(x.head.Received), Attempts: int(x.account.attempts.Load()),
	}
	t.Sent, t.SentBytes = x.account.sent()
	if reason := x.reason.Load(); reason != nil {
		t.Reason = *reason
	} else if x.out.failed || x.client.Err() != nil {
		t.Reason = reasonClientGone
	}
	return t
}

// counting is the client's side of an answer. It bounds how long the client may
// take to read.
type counting struct {
	http.ResponseWriter
	control  *http.ResponseController
	stall    time.Duration
	received time.Time

	status int
	bytes  int64
	ttfb   time.Duration
	failed bool // the client does not read any more
}

// WriteHeader implements [http.ResponseWriter]. Informational answers do not go
// on: nothing in them is looked at.
func (c *counting) WriteHeader(status int) {
	if status < 200 {
		return
	}
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter]. What is written is sent at once.
func (c *counting) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if c.ttfb == 0 {
		c.ttfb = time.Since(c.received)
	}
	defer c.patience()()
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	c.failed = c.failed || err != nil
	return n, err
}

// FlushError implements what [http.ResponseController] looks for.
func (c *counting) FlushError() error {
	defer c.patience()()
	err := c.control.Flush()
	c.failed = c.failed || err != nil
	return err
}

// Flush implements [http.Flusher].
func (c *counting) Flush() { _ = c.FlushError() }

// patience sets a deadline for a write and gives the function that takes it off:
// net/http resets an HTTP/2 stream whose deadline passes, even between writes.
func (c *counting) patience() (off func()) {
	// A recorder in a test has no deadline to set; a server has.
	_ = c.control.SetWriteDeadline(time.Now().Add(c.stall))
	return func() { _ = c.control.SetWriteDeadline(time.Time{}) }
}
