package embedded

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// headerReason is where an answer says in a word why a connection is refused.
const headerReason = proxy.HeaderPrefix + "reason"

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// established answers a CONNECT that is taken (RFC 9110, 9.3.6). Clients of
// HTTP/1.0 take it too.
const established = "HTTP/1.1 200 Connection established\r\n\r\n"

// denial is what a client is told of a connection that is refused.
type denial struct {
	status        int
	code, message string
}

// denials by why; those of rules and of the list of providers are told as others.
var denials = map[string]denial{
	WhyAddress:     {403, proxy.CodeHostNotAllowed, "Addresses are not reached through this proxy. Ask for the host by its name."},
	WhyNoName:      {400, "bad_request", "The request names no host. Name one."},
	WhyForm:        {400, "bad_request", "The request has no form that a proxy takes: CONNECT HOST:443 for https, an absolute http:// URL for plain HTTP. Check the client's proxy settings."},
	WhyPort:        {403, proxy.CodeHostNotAllowed, "This port is not reached through this proxy. Use https on 443 or http on 80, or ask the operator for the port."},
	WhyLoop:        {403, proxy.CodeHostNotAllowed, "The request leads back to this proxy. Ask for the host itself."},
	WhyPrivate:     {403, proxy.CodeHostNotAllowed, "The host has no address but in private networks, which are not reached through this proxy. Reach it without the proxy."},
	WhyPlain:       {403, proxy.CodeHostNotAllowed, "This name is governed and is reached over https only. Use an https:// URL."},
	WhyModelPath:   {403, proxy.CodeHostNotAllowed, "The request looks like one to a model API that is not governed. Ask the operator for a pool, or for a rule that governs the host."},
	WhyUpgrade:     {403, proxy.CodeUpgradeRefused, "Tunnels and protocol upgrades cannot be inspected and are not supported."},
	WhyCrowded:     {503, proxy.CodeOverloaded, "Too many connections are open, or the proxy is shutting down. Try again."},
	WhyUnreachable: {502, "upstream_unavailable", "The host cannot be reached. Check its name, and try again later."},
	WhyCredentials: {407, proxy.CodeUnknownKey, "This proxy wants to know who asks. Put the application's name and key into the client's proxy settings."},
	WhySilent:      {408, "request_timeout", "The request did not arrive in time and was not forwarded. Send it again."},
}

// errorTypes are what the model APIs call errors of a status.
var errorTypes = map[int]string{400: "invalid_request_error", 403: "permission_error", 407: "authentication_error", 408: "timeout_error"}

var otherDenial = denial{403, proxy.CodeHostNotAllowed, "Policy does not let connections to this host pass. Ask the operator for a rule, or for a pool where it is a model API."}

// refuse answers a request that goes no further, and tells of it.
func (x *interceptor) refuse(w http.ResponseWriter, c *Connection) {
	x.plane.decline(w, c.Why)
	x.tell(c)
}

// decline answers for a reason, with our status and sentence.
func (p *Plane) decline(w http.ResponseWriter, why string) {
	d, ok := denials[why]
	if !ok {
		d = otherDenial
	}
	body, err := json.Marshal(map[string]map[string]string{"error": {"type": cmp.Or(errorTypes[d.status], "api_error"), "code": d.code, "message": d.message}})
	if err != nil {
		p.log.Error("a refusal cannot be written") // never: three constants
	}
	h := w.Header()
	h.Set("content-type", "application/json")
	h.Set(headerReason, why)
	h.Set(proxy.HeaderAction, string(proxy.Deny))
	switch d.status {
	case http.StatusProxyAuthRequired:
		h.Set("proxy-authenticate", `Basic realm="ostiary", charset="UTF-8"`)
	case http.StatusServiceUnavailable:
		h.Set("retry-after", "1")
	default:
		h.Set("x-should-retry", "false")
	}
	h.Set("content-length", strconv.Itoa(len(body)))
	w.WriteHeader(d.status)
	_, _ = w.Write(body) // the client may be gone
}

// ServeHTTP takes what clients of the explicit proxy ask for, and plain HTTP that
// was redirected. It implements [http.Handler].
func (x *interceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, began := arrivalOf(r.Context()), time.Now()
	no := func(name, why string) {
		if r.ProtoMajor == 1 && r.Method == http.MethodConnect {
			w.Header().Set("connection", "close") // what follows belongs to a tunnel that is not there
		}
		x.refuse(w, &Connection{Way: a.way, Name: name, Passage: Refused, Why: why, Duration: time.Since(began)})
	}
	if a.way == proxy.WayProxy && x.ours(r) {
		no("", WhyLoop)
		return
	}
	absolute := r.ProtoMajor == 1 && len(r.RequestURI) > 7 && strings.EqualFold(r.RequestURI[:7], "http://")
	origin := r.ProtoMajor == 1 && strings.HasPrefix(r.RequestURI, "/") && r.Method != http.MethodConnect
	port := uint16(portHTTP)
	switch {
	case a.way == proxy.WayRedirect && origin:
		port = a.port
	case a.way == proxy.WayProxy && absolute && r.Method != http.MethodConnect:
	case a.way == proxy.WayProxy && r.Method == http.MethodConnect && !strings.HasPrefix(r.RequestURI, "/"):
		port = 0
	default:
		no("", WhyForm)
		return
	}
	name, asked, ok := split(r.Host)
	if asked != 0 && a.way == proxy.WayProxy {
		port = asked
	}
	if !ok || port == 0 || r.URL.User != nil {
		no(name, WhyForm)
		return
	}
	if why := x.admits(r, a); why != "" {
		no(name, why)
		return
	}
	if at, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil && x.plane.own.listens(netip.AddrPortFrom(at, port)) {
		no(name, WhyLoop)
		return
	}
	passage, why := x.passageOf(name)
	if passage == Refused {
		no(name, why)
		return
	}
	if r.Method == http.MethodConnect {
		if !x.mayReach(port, portHTTPS) {
			no(name, WhyPort)
			return
		}
		in := *a
		in.credential, in.port = r.Header.Get(headerCredential), port
		x.tunnel(w, r, in, no)
		return
	}
	switch {
	case passage == Governed:
		no(name, WhyPlain)
	case !x.mayReach(port, portHTTP):
		no(name, WhyPort)
	case upgrades(r.Header):
		no(name, WhyUpgrade)
	default:
		x.plainly(w, r, &errand{
			x: x, name: name, port: port, began: began,
			c: Connection{Way: a.way, Name: name, Passage: Passed, Why: why},
		})
	}
}

// ours reports whether a connection to the proxy is one that we made.
func (x *interceptor) ours(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return err == nil && ok && x.plane.own.dials(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), addrPort(local))
}

// admits says why a client may not use the proxy.
func (x *interceptor) admits(r *http.Request, a *arrival) (why string) {
	given := r.Header["Proxy-Authorization"]
	switch {
	case a.way != proxy.WayProxy:
		return ""
	case len(given) > 1:
		return WhyForm // two readers could take either
	case x.Admit == nil:
		return ""
	}
	h := &proxy.Head{Method: r.Method, Authority: r.Host, Protocol: protocol(r), Ended: true, Received: time.Now(), Peer: peer(r), Way: a.way}
	if len(given) == 1 {
		h.Header = []proxy.Field{{Name: headerCredential, Value: proxy.NewText(given[0])}}
	}
	if !x.Admit(h) {
		return WhyCredentials
	}
	return ""
}

// split takes an authority apart. The port is 0 where there is none.
func split(authority string) (name string, port uint16, ok bool) {
	host, digits := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		host, digits = authority[:i], authority[i+1:]
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 || digits[0] == '+' {
			return "", 0, false
		}
		port = uint16(n)
	}
	if strings.ContainsAny(host, "@/\\") {
		return "", 0, false
	}
	return canonical(host), port, true
}

// upgrades reports whether a request asks for another protocol. The offer of h2c is
// one that we do not take, see readHead.
func upgrades(h http.Header) bool {
	for _, v := range h["Upgrade"] {
		if !strings.EqualFold(strings.TrimSpace(v), "h2c") {
			return true
		}
	}
	return false
}

// tunnel answers a CONNECT and hands its bytes on.
func (x *interceptor) tunnel(w http.ResponseWriter, r *http.Request, in arrival, no func(name, why string)) {
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		no("", WhyForm) // a CONNECT has no content
		return
	}
	if r.ProtoMajor == 2 {
		s := newStream(w, r)
		t := x.admit(s, in)
		if t == nil {
			no("", WhyCrowded)
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = s.control.Flush() // who is gone is met when reading
		go t.run()            // ends with the stream
		s.wait()
		return
	}
	// Whether there is a place is asked before the connection is taken over: a
	// client that is told no keeps it.
	if x.crowded() {
		no("", WhyCrowded)
		return
	}
	c, b, err := http.NewResponseController(w).Hijack()
	if err != nil {
		no("", WhyForm)
		return
	}
	t := x.admit(c, in)
	if t == nil {
		_ = c.Close()
		x.tell(&Connection{Way: in.way, Passage: Refused, Why: WhyCrowded})
		return
	}
	if n := b.Reader.Buffered(); n > 0 { // a client that did not wait for the answer
		t.seen, _ = b.Reader.Peek(n) // never fails: it is there
		t.seen = bytes.Clone(t.seen)
	}
	_ = c.SetWriteDeadline(time.Now().Add(x.plane.times.Hello))
	if _, err := io.WriteString(c, established); err != nil {
		t.end(&Connection{Passage: Refused, Why: WhySilent})
		x.running.Done()
		return
	}
	_ = c.SetWriteDeadline(time.Time{})
	go t.run() // ends with the connection, or when it is handed on
}

func (x *interceptor) crowded() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.draining || len(x.tunnels) >= cap(x.slots)
}

// errand is one plain request for a passed name.
type errand struct {
	sent, received atomic.Int64 // bytes of the bodies

	x     *interceptor
	name  string
	port  uint16
	c     Connection
	began time.Time
	idle  *time.Timer // ends the errand where no byte passes
}

// plainly forwards a plain request to the name, as we resolve it, unless it looks
// like one to a model API.
func (x *interceptor) plainly(w http.ResponseWriter, r *http.Request, e *errand) {
	out := &counting{ResponseWriter: w, control: http.NewResponseController(w), stall: x.plane.times.Stall, received: e.began}
	defer func() {
		e.c.Sent, e.c.Received, e.c.Duration = e.sent.Load(), e.received.Load(), time.Since(e.began)
		x.tell(&e.c)
	}()
	body, why := e.look(out.control, r)
	if why != "" {
		e.c.Passage, e.c.Why = Refused, why
		x.plane.decline(out, why)
		return
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	e.idle = time.AfterFunc(x.plane.times.Tunnel, stop)
	defer e.idle.Stop()
	(&httputil.ReverseProxy{
		Rewrite:        func(pr *httputil.ProxyRequest) { e.rewrite(pr, body) },
		Transport:      x.out,
		ModifyResponse: e.modify,
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			if r.Context().Err() != nil {
				panic(http.ErrAbortHandler) // nobody is there to be told
			}
			e.c.Passage, e.c.Why = whyNot(err)
			x.plane.decline(out, e.c.Why)
		},
		FlushInterval: -1,
		BufferPool:    &x.plane.buffers,
		ErrorLog:      x.plane.quiet,
	}).ServeHTTP(out, r.WithContext(ctx))
}

// look reads the beginning of a body and asks whether the request is suspicious.
// It gives the body as it is to be sent, or why it is not.
func (e *errand) look(control *http.ResponseController, r *http.Request) (body io.ReadCloser, why string) {
	if e.x.Suspicious == nil {
		return r.Body, ""
	}
	// A recorder in a test has no deadline to set; a server has.
	_ = control.SetReadDeadline(time.Now().Add(e.x.plane.times.Stall))
	seen, err := io.ReadAll(io.LimitReader(r.Body, suspectBody))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, WhySilent
	case err != nil:
		return nil, WhyForm
	}
	_ = control.SetReadDeadline(time.Time{}) // as above
	if e.x.Suspicious(e.name, r.Method, r.URL.Path, decoded(r.Header, seen)) {
		return nil, WhyModelPath
	}
	return &struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(seen), r.Body), r.Body}, ""
}

// decoded gives the beginning of a body as its content, as far as that can be had.
func decoded(h http.Header, seen []byte) []byte {
	var from io.Reader
	switch strings.ToLower(strings.TrimSpace(h.Get("content-encoding"))) {
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bytes.NewReader(seen))
		if err != nil {
			return seen
		}
		from = z
	case "deflate": // of zlib (RFC 9110, 8.4.1.2)
		z, err := zlib.NewReader(bytes.NewReader(seen))
		if err != nil {
			return seen
		}
		from = z
	default:
		return seen
	}
	plain, _ := io.ReadAll(io.LimitReader(from, suspectBody)) // it may break off where we did
	return plain
}

// rewrite makes the request that goes to the name: without what is of this
// connection, of proxies, and of ours.
func (e *errand) rewrite(pr *httputil.ProxyRequest, body io.ReadCloser) {
	in, out := pr.In, pr.Out
	host := e.name
	if e.port != portHTTP {
		host = net.JoinHostPort(e.name, strconv.Itoa(int(e.port)))
	}
	out.URL = &url.URL{Scheme: "http", Host: host, Path: in.URL.Path, RawPath: in.URL.RawPath, RawQuery: in.URL.RawQuery, ForceQuery: in.URL.ForceQuery}
	out.Host, out.Trailer, out.Close, out.TransferEncoding = host, nil, false, nil
	named := connectionOptions(in.Header)
	out.Header = make(http.Header, len(in.Header))
	for name, values := range in.Header {
		lower := strings.ToLower(name)
		if forwardable(lower) && lower != "upgrade" && lower != headerCredential && !slices.Contains(named, lower) {
			out.Header[name] = values
		}
	}
	if out.Header.Get("user-agent") == "" {
		out.Header["User-Agent"] = nil // or net/http puts its own
	}
	out.Body = http.NoBody
	if in.ContentLength != 0 {
		out.Body = &flowing{ReadCloser: body, e: e, n: &e.sent}
	}
}

// modify takes off an answer what is not the name's to give.
func (e *errand) modify(resp *http.Response) error {
	for name := range resp.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, proxy.HeaderPrefix) || lower == "alt-svc" {
			delete(resp.Header, name) // alt-svc would lead the client past this proxy
		}
	}
	e.idle.Reset(e.x.plane.times.Tunnel)
	resp.Body = &flowing{ReadCloser: resp.Body, e: e, n: &e.received}
	return nil
}

// flowing is a body that is known to flow, and counted.
type flowing struct {
	io.ReadCloser
	e *errand
	n *atomic.Int64
}

// Read implements [io.Reader].
func (f *flowing) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	f.e.idle.Reset(f.e.x.plane.times.Tunnel)
	f.n.Add(int64(n))
	return n, err
}

// transport is the way out of plain requests. Connections are not kept: some
// schemes of authentication (Negotiate) are of the connection, which then may not
// be another client's.
func (x *interceptor) transport() *http.Transport {
	return &http.Transport{
		DialContext:         x.dialPlain,
		Proxy:               x.proxyOf,
		DisableKeepAlives:   true,
		DisableCompression:  true,
		TLSHandshakeTimeout: handshakeTimeout,
		// Until the head of an answer; a client may wait as long for one.
		ResponseHeaderTimeout:  x.plane.times.Answer,
		MaxResponseHeaderBytes: maxAnswerHeaderBytes,
	}
}
