package identity

import (
	"net"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Door refuses what a web page could have sent, before anybody is identified:
// a host name that was rebound to this address, or a foreign Origin. Without
// it, any page that a user opens could spend the provider keys of a proxy on
// loopback.
type Door struct {
	// Hosts are the names that a request's Host may have, in lower case without
	// port. Empty: any.
	Hosts []string
	// Origins are the web origins that may ask, in lower case; none by default.
	Origins []string
	// Next identifies whoever the door lets in.
	Next proxy.Identifier
}

var _ proxy.Identifier = (*Door)(nil)

// Identify implements [proxy.Identifier].
func (d *Door) Identify(h *proxy.Head) (proxy.Principal, error) {
	refused := &proxy.Error{
		Op: "check host", Kind: proxy.Refused, Code: proxy.CodeHostNotAllowed,
		Hint: "Requests of web pages and for other host names are refused. Where they are wanted, list them under hosts and origins in Ostiary's configuration.",
	}
	// Whoever was intercepted addressed a governed name, which the data plane saw.
	if h.Way == "" && len(d.Hosts) > 0 && !slices.Contains(d.Hosts, strings.ToLower(hostname(h.Authority))) {
		return proxy.Principal{}, refused
	}
	for i := range h.Header {
		v := strings.ToLower(h.Header[i].Value.Reveal())
		switch h.Header[i].Name {
		case "origin":
			if !slices.Contains(d.Origins, v) {
				return proxy.Principal{}, refused
			}
		case "sec-fetch-site":
			// Browsers send it without an Origin on some requests (Fetch Metadata).
			if v != "same-origin" && v != "none" && len(d.Origins) == 0 {
				return proxy.Principal{}, refused
			}
		}
	}
	return d.Next.Identify(h)
}

// hostname takes the port off an authority, and the brackets off an IPv6
// address (RFC 3986, 3.2.2).
func hostname(authority string) string {
	if h, _, err := net.SplitHostPort(authority); err == nil {
		return h
	}
	return strings.Trim(authority, "[]")
}
