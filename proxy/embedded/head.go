package embedded

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// hopByHop are headers of one connection (RFC 9110, 7.6.1), and what belongs to
// the form of a message and is made anew.
var hopByHop = []string{
	"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "te", "trailer", "transfer-encoding",
	"http2-settings", "expect", "content-length",
}

// ofProxies are headers in which proxies speak of clients. They are not forwarded,
// so that what a client writes there reaches nobody uninspected.
var ofProxies = []string{"forwarded", "via", "x-real-ip", "x-request-id"}

var prefixesOfProxies = []string{"x-forwarded-", "x-envoy-", proxy.HeaderPrefix}

// readHead makes the head of a request: what is inspected, and all that can be
// forwarded of it. It reports whether the request is one that every server reads
// in the same way.
func readHead(r *http.Request, now time.Time) (h proxy.Head, plain bool) {
	h = proxy.Head{
		Method: r.Method, Authority: r.Host, Path: proxy.NewText(r.RequestURI), Protocol: protocol(r),
		Ended: r.Body == nil || r.Body == http.NoBody, Received: now, Peer: peer(r),
	}
	arrival := arrivalOf(r.Context())
	proxied := arrival != nil && arrival.way == proxy.WayProxy
	if arrival != nil {
		h.Way = arrival.way
	}
	plain = r.Method == http.MethodConnect || plainPath(r.RequestURI)

	named := connectionOptions(r.Header)
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	h.Header = make([]proxy.Field, 0, len(names)+2)
	for _, name := range names {
		lower := strings.ToLower(name)
		if strings.Contains(lower, "_") {
			plain = false
		}
		if proxied && lower == headerCredential {
			continue // what counts is what the proxy was told
		}
		if !forwardable(lower) || slices.Contains(named, lower) && lower != "upgrade" {
			continue
		}
		for _, v := range r.Header[name] {
			if lower == "upgrade" && strings.EqualFold(strings.TrimSpace(v), "h2c") {
				continue // an offer that we do not take (RFC 9110, 7.8); clients of Java make it always
			}
			h.Header = append(h.Header, proxy.Field{Name: lower, Value: proxy.NewText(v)})
		}
	}
	if proxied && arrival.credential != "" {
		h.Header = append(h.Header, proxy.Field{Name: headerCredential, Value: proxy.NewText(arrival.credential)})
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		h.Header = append(h.Header, proxy.Field{Name: headerCertificate, Value: proxy.NewText(certificate(r.TLS.PeerCertificates[0]))})
	}
	return h, plain
}

// headerCredential carries the credentials of a proxy. It is for us, and goes
// nowhere.
const headerCredential = "proxy-authorization"

// headerCertificate is where a client's certificate is told of, as Envoy does it.
// What a client writes there is dropped with the headers of proxies.
const headerCertificate = "x-forwarded-client-cert"

// certificate names the URIs of a certificate that was verified.
func certificate(c *x509.Certificate) string {
	if len(c.URIs) == 0 {
		return "URI="
	}
	list := make([]string, len(c.URIs))
	for i, u := range c.URIs {
		list[i] = `URI="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(u.String()) + `"`
	}
	return strings.Join(list, ";")
}

func forwardable(name string) bool {
	if slices.Contains(hopByHop, name) || slices.Contains(ofProxies, name) {
		return false
	}
	return !slices.ContainsFunc(prefixesOfProxies, func(p string) bool { return strings.HasPrefix(name, p) })
}

// connectionOptions are the names that Connection lists: headers of this
// connection only.
func connectionOptions(h http.Header) []string {
	var out []string
	for _, v := range h["Connection"] {
		for _, name := range strings.Split(v, ",") {
			out = append(out, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	return out
}

func protocol(r *http.Request) string {
	if r.ProtoMajor == 2 {
		return "HTTP/2"
	}
	return r.Proto
}

func peer(r *http.Request) proxy.Peer {
	p := proxy.Peer{UID: -1}
	// A unix socket has no address: the zero value says so.
	p.Addr, _ = netip.ParseAddrPort(r.RemoteAddr)
	if c, ok := r.Context().Value(peerKey{}).(credentials); ok {
		p.UID, p.PID = c.uid, c.pid
	}
	if r.TLS != nil {
		p.ServerName = r.TLS.ServerName
	}
	return p
}

// sameName reports whether the name of a TLS connection is that of the request's
// host. Without TLS there is no name to differ from.
func sameName(server, authority string) bool {
	if server == "" {
		return true
	}
	host := authority
	if h, _, err := net.SplitHostPort(authority); err == nil {
		host = h
	}
	return strings.EqualFold(strings.TrimSuffix(server, "."), strings.TrimSuffix(host, "."))
}

// plainPath reports whether a request target is an absolute path (RFC 9112,
// 3.2.1) that every server splits in the same way. Envoy merges slashes and
// resolves dot segments; here they are refused.
func plainPath(target string) bool {
	path, query, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") || !visible(path) || !visible(query) || strings.ContainsAny(path, "\\") {
		return false
	}
	if path == "/" {
		return true
	}
	for i, segment := range strings.Split(path[1:], "/") {
		last := i == strings.Count(path[1:], "/")
		if segment == "" && !last {
			return false
		}
		// Dots and separators may not hide behind escapes, nor escapes behind
		// escapes.
		lower := strings.ToLower(segment)
		for _, hidden := range []string{"%2f", "%5c", "%25", "%00"} {
			if strings.Contains(lower, hidden) {
				return false
			}
		}
		if dots := strings.ReplaceAll(lower, "%2e", "."); dots == "." || dots == ".." {
			return false
		}
	}
	return true
}

// visible reports whether s holds only what may stand in a request target, and
// no fragment.
func visible(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}
