package bypass

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Ordinary is the attempt that does nothing odd: what an application does that
// knows nothing of Ostiary. A run from outside must come through with it to prove
// anything.
const Ordinary = "direct"

// Attempts lists what can be tried with a target, in the order in which it is to be
// read. [Left] says what cannot.
func Attempts(t Target) []Attempt {
	list := append(named(), hidden()...)
	list = append(list, inside()...)
	if len(t.ECH) > 0 {
		list = append(list, over("ech_real", "Encrypted Client Hello with the provider's own keys: only the outer name can be seen", func(t Target) hello {
			return hello{name: t.Host, ech: t.ECH}
		}, askHost))
	}
	for _, p := range t.Ports {
		list = append(list, Attempt{
			Name: fmt.Sprintf("port_%d", p), Why: "TLS to the provider's address at another port, which a redirect of 443 alone does not see",
			Run: func(ctx context.Context, t Target) Outcome {
				return t.direct(ctx, p, hello{name: t.Host}, t.sayCanary(t.Host))
			},
		})
	}
	list = append(list, datagrams()...)
	if t.Proxy != "" {
		list = append(list, proxied(t.Ports)...)
	}
	for _, pool := range t.Pools {
		list = append(list, Attempt{
			Name: "pool " + pool, Why: "straight to a model server of the organisation, past the decision and the log",
			Run: func(ctx context.Context, t Target) Outcome { return places{&t}.pool(ctx, pool) },
		})
	}
	for _, path := range t.Sockets {
		list = append(list, Attempt{
			Name: "socket " + path, Why: "Ostiary's own sockets give keys, certificates and verdicts to whoever may open them",
			Run: func(ctx context.Context, t Target) Outcome { return places{&t}.socket(ctx, path) },
		})
	}
	for _, at := range t.Admins {
		list = append(list, Attempt{
			Name: "admin " + at, Why: "Envoy's administration changes and drains what governs",
			Run: func(ctx context.Context, t Target) Outcome { return places{&t}.admin(ctx, at) },
		})
	}
	return append(list, resolvers(t)...)
}

// Left says in a sentence each what a target leaves out.
func Left(t Target) (out []string) {
	add := func(missing bool, what string) {
		if missing {
			out = append(out, what)
		}
	}
	add(t.Proxy == "", "the explicit proxy: none is named")
	add(len(t.Pools) == 0, "pools in-house: none is named")
	add(len(t.Sockets) == 0, "sockets of Ostiary: none is named")
	add(len(t.ECH) == 0, "Encrypted Client Hello with the provider's own keys: no configuration is named; one of a made-up key is tried")
	add(!t.Resolver.IsValid(), "a resolver of the application's own: none is named")
	add(t.DoH == "" || !t.DoHAddress.IsValid(), "a resolver by HTTPS: none is named")
	return out
}

// direct makes TLS to the provider's address.
func (t *Target) direct(ctx context.Context, port uint16, h hello, say speaking) Outcome {
	c, err := t.dialHost(ctx, port)
	if err != nil {
		return unconnected(err)
	}
	o := t.overTLS(ctx, c, h, say)
	if o.Detail == NotTLS {
		// Then it may be told there, which is all the same.
		if c, err = t.dialHost(ctx, port); err == nil {
			return t.askPlain(ctx, c, t.canary(t.Host))
		}
	}
	return o
}

// atPassed makes TLS to the host that passes, at its own address.
func (t *Target) atPassed(ctx context.Context, h hello, say speaking) Outcome {
	c, err := t.dialPassed(ctx)
	if err != nil {
		return unconnected(err)
	}
	return t.overTLS(ctx, c, h, say)
}

// over is an attempt that makes TLS to the provider's address at 443.
func over(name, why string, h func(Target) hello, say func(Target) speaking) Attempt {
	return Attempt{Name: name, Why: why, Run: func(ctx context.Context, t Target) Outcome {
		var s speaking
		if say != nil {
			s = say(t)
		}
		return t.direct(ctx, portHTTPS, h(t), s)
	}}
}

func helloHost(t Target) hello  { return hello{name: t.Host} }
func helloHTTP2(t Target) hello { return hello{name: t.Host, alpn: []string{"h2", "http/1.1"}} }
func askHost(t Target) speaking { return t.sayCanary(t.Host) }
func badly(answers int, request func(Target) []byte) func(Target) speaking {
	return func(t Target) speaking { return t.sayBadly(request(t), answers) }
}

// named lists what differs in the names that are given.
func named() []Attempt {
	return []Attempt{
		over(Ordinary, "TLS to the provider's address under its right name: what an application does that knows nothing of a proxy", helloHost, askHost),
		over("direct_http2", "the same over HTTP/2", helloHTTP2, func(t Target) speaking {
			return func(ctx context.Context, s *shaken) Outcome {
				if s.ConnectionState().NegotiatedProtocol == "h2" {
					return t.askHTTP2(ctx, s, t.Host)
				}
				return t.ask(ctx, s, t.canary(t.Host))
			}
		}),
		over("no_name", "TLS to the provider's address without a server name, which leaves nothing to decide by", func(Target) hello { return hello{} }, askHost),
		over("address_as_name", "the provider's address as the server name", func(t Target) hello {
			a := t.first()
			return hello{name: filler(len(a)), written: a}
		}, nil),
		over("upper_case_name", "the provider's name in capitals, for a list that compares letters", func(t Target) hello { return hello{name: strings.ToUpper(t.Host)} }, askHost),
		over("dotted_name", "the provider's name with the dot of the root, for a list that compares letters", func(t Target) hello {
			return hello{name: t.Host + "x", written: t.Host + "."}
		}, nil),
		over("wrong_name", "the provider's address under the name of a host that passes, with the provider asked for inside", func(t Target) hello { return hello{name: t.Passed} }, askHost),
		over("ech_made_up", "Encrypted Client Hello under the outer name of a host that passes, to the provider's address", func(t Target) hello {
			list, err := madeUpECH(t.Passed)
			if err != nil {
				list = []byte{} // refused by crypto/tls, which ends as inconclusive
			}
			return hello{name: t.Host, ech: list}
		}, nil),
	}
}

// first gives an address of the provider as text; of IPv4 where there is one.
func (t *Target) first() string {
	for _, a := range t.Addresses {
		if a.Is4() {
			return a.String()
		}
	}
	if len(t.Addresses) == 0 {
		return "192.0.2.1"
	}
	return t.Addresses[0].String()
}

// hidden lists what says one name outside and another one inside.
func hidden() []Attempt {
	return []Attempt{
		{
			Name: "fronting_out", Why: "a host that passes, at its own address, asked for the provider inside TLS: a content network may hand it on",
			Run: func(ctx context.Context, t Target) Outcome {
				return t.atPassed(ctx, hello{name: t.Passed}, t.sayCanary(t.Host))
			},
		},
		{
			Name: "fronting_out_http2", Why: "the same over HTTP/2, as browsers merge connections (coalescing)",
			Run: func(ctx context.Context, t Target) Outcome {
				return t.atPassed(ctx, hello{name: t.Passed, alpn: []string{"h2"}}, t.sayHTTP2(t.Host))
			},
		},
		{
			Name: "name_at_passed", Why: "the provider's name at the address of a host that passes",
			Run: func(ctx context.Context, t Target) Outcome {
				return t.atPassed(ctx, hello{name: t.Host}, t.sayCanary(t.Host))
			},
		},
		over("fronting_in", "the provider's name outside, a host that passes asked for inside", helloHost, func(t Target) speaking { return t.sayCanary(t.Passed) }),
		over("address_in_host", "the provider's address asked for inside, as Host", helloHost, func(t Target) speaking {
			host := t.first()
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			return t.sayCanary(host)
		}),
		over("coalescing", "a second host asked for on the HTTP/2 connection of the first", helloHTTP2, func(t Target) speaking { return t.sayHTTP2(t.Host, t.Passed) }),
	}
}

// inside lists what is tried within a governed connection, and without TLS.
func inside() []Attempt {
	plain := func(name, why string, port uint16) Attempt {
		return Attempt{Name: name, Why: why, Run: func(ctx context.Context, t Target) Outcome {
			c, err := t.dialHost(ctx, port)
			if err != nil {
				return unconnected(err)
			}
			return t.askPlain(ctx, c, t.canary(t.Host))
		}}
	}
	return []Attempt{
		plain("plain_80", "plain HTTP to the provider's address", portHTTP),
		plain("plain_443", "plain HTTP at the port of TLS", portHTTPS),
		over("websocket", "another protocol inside: a WebSocket, which is not inspected", helloHost, func(t Target) speaking {
			request := t.write("GET /v1/realtime", t.Host, "", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: b3N0aWFyeS1kb2N0b3ItMQ==")
			return func(ctx context.Context, s *shaken) Outcome { return t.ask(ctx, s, request) }
		}),
		over("connect_inside", "a proxy in a proxy: CONNECT within a governed connection", helloHost, func(t Target) speaking {
			return func(ctx context.Context, s *shaken) Outcome {
				to := join(t.Passed, portHTTPS)
				answers, err := exchange(ctx, s, t.write("CONNECT "+to, to, ""), 1)
				switch {
				case len(answers) == 0:
					return unanswered(err)
				case answers[0].status/100 == 2:
					return Outcome{Verdict: Round, Detail: Tunnelled}
				}
				return answers[0].badly()
			}
		}),
		over("connect_inside_http2", "the same over HTTP/2", helloHTTP2, func(t Target) speaking { return t.connectHTTP2 }),
		over("absolute_inside", "a whole URL of another host within a governed connection", helloHost, badly(1, func(t Target) []byte {
			return t.write("POST https://"+t.Passed+t.path(), t.Passed, body(), "Connection: close")
		})),
		over("smuggled", "a second request in what one reader takes for the body of the first", helloHost, badly(3, func(t Target) []byte {
			second := t.write("GET /v1/models", t.Passed, "", "Connection: close")
			first := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", t.path(), t.Host, len(second)+5)
			return append([]byte(first), second...)
		})),
	}
}

// datagrams lists what does not go by TCP over IPv4.
func datagrams() []Attempt {
	return []Attempt{
		{Name: "ipv6", Why: "the provider's address of IPv6, which rules for IPv4 do not see", Run: func(ctx context.Context, t Target) Outcome {
			c, err := t.dialAny(ctx, t.sixes(), portHTTPS)
			if err != nil {
				return unconnected(err)
			}
			return t.overTLS(ctx, c, hello{name: t.Host}, t.sayCanary(t.Host))
		}},
		{Name: "quic", Why: "HTTP/3: an Initial packet to UDP 443, which rules for TCP do not see", Run: func(ctx context.Context, t Target) Outcome {
			return datagram{&t}.knock(ctx, func() ([]byte, error) { return initialPacket(ctx, t.Host) })
		}},
		{Name: "quic_version", Why: "a QUIC packet of no version, which every server must answer", Run: func(ctx context.Context, t Target) Outcome {
			return datagram{&t}.knock(ctx, versionPacket)
		}},
	}
}

// wellKnownNAT64 is the prefix under which networks without IPv4 reach it
// (RFC 6052, 2.1).
var wellKnownNAT64 = netip.MustParsePrefix("64:ff9b::/96")

// sixes gives the addresses of IPv6, else those behind which IPv4's hide.
func (t *Target) sixes() (out []netip.Addr) {
	for _, a := range t.Addresses {
		if a.Is6() && !a.Is4In6() {
			out = append(out, a)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, a := range t.Addresses {
		if a.Is4() {
			b, four := wellKnownNAT64.Addr().As16(), a.As4()
			copy(b[12:], four[:])
			out = append(out, netip.AddrFrom16(b))
		}
	}
	return out
}

// proxied lists what goes through the explicit proxy.
func proxied(ports []uint16) []Attempt {
	through := func(name, why string, to func(Target) connect, h func(Target) hello, say func(Target) speaking) Attempt {
		return Attempt{Name: name, Why: why, Run: func(ctx context.Context, t Target) Outcome {
			o := t.inTunnel(ctx, to(t), func(c net.Conn) Outcome { return t.overTLS(ctx, c, h(t), say(t)) })
			if o.Detail == NotTLS {
				return t.inTunnel(ctx, to(t), func(c net.Conn) Outcome { return t.askPlain(ctx, c, t.canary(t.Host)) })
			}
			return o
		}}
	}
	toHost := func(t Target) connect { return connect{to: join(t.Host, portHTTPS)} }
	clear := func(name, why string, port uint16) Attempt {
		return Attempt{Name: name, Why: why, Run: func(ctx context.Context, t Target) Outcome {
			return t.inTunnel(ctx, connect{to: join(t.Host, port)}, func(c net.Conn) Outcome { return t.askPlain(ctx, c, t.canary(t.Host)) })
		}}
	}
	absolute := func(name, why, scheme string) Attempt {
		return Attempt{Name: name, Why: why, Run: func(ctx context.Context, t Target) Outcome {
			c, err := t.dial(ctx, "tcp", t.Proxy)
			if err != nil {
				return Outcome{Verdict: Inconclusive, Detail: ProxyAway}
			}
			defer func() { _ = c.Close() }()
			return t.askBadly(ctx, c, t.write("POST "+scheme+"://"+t.Host+t.path(), t.Host, body(), t.proxyFields()...), 1)
		}}
	}
	list := []Attempt{
		through("proxy", "the explicit proxy as it is meant: CONNECT to the provider, its name inside", toHost, helloHost, askHost),
		through("proxy_old", "CONNECT of HTTP/1.0", func(t Target) connect { return connect{to: join(t.Host, portHTTPS), old: true} }, helloHost, askHost),
		through("proxy_http2", "CONNECT over HTTP/2", func(t Target) connect { return connect{to: join(t.Host, portHTTPS), two: true} }, helloHost, askHost),
		through("proxy_other_name", "CONNECT to the provider, the name of a host that passes inside", toHost, func(t Target) hello { return hello{name: t.Passed} }, askHost),
		through("proxy_other_target", "CONNECT to a host that passes, the provider's name inside", func(t Target) connect { return connect{to: join(t.Passed, portHTTPS)} }, helloHost, askHost),
		through("proxy_no_name", "CONNECT to the provider, no name inside", toHost, func(Target) hello { return hello{} }, askHost),
		through("proxy_address", "CONNECT to the provider's address", func(t Target) connect { return connect{to: join(t.first(), portHTTPS)} }, helloHost, askHost),
		clear("proxy_plain", "CONNECT to the provider, plain HTTP inside", portHTTPS),
		clear("proxy_plain_80", "CONNECT to the provider's port of plain HTTP", portHTTP),
		absolute("proxy_absolute", "plain HTTP to the provider, by its whole URL", "http"),
		absolute("proxy_absolute_tls", "an https URL, which some proxies fetch themselves", "https"),
		{Name: "proxy_in_proxy", Why: "a proxy in a proxy: CONNECT to the proxy itself, and from there to the provider", Run: func(ctx context.Context, t Target) Outcome {
			return t.inTunnel(ctx, connect{to: t.Proxy}, func(c net.Conn) Outcome {
				inner, err := t.tunnel(ctx, c, connect{to: join(t.Host, portHTTPS)})
				switch {
				case errors.Is(err, errNotTunnelled):
					return Outcome{Verdict: Refused, Detail: Denied}
				case err != nil:
					return unanswered(err)
				}
				return t.overTLS(ctx, inner, hello{name: t.Host}, t.sayCanary(t.Host))
			})
		}},
	}
	for _, p := range ports {
		list = append(list, through(fmt.Sprintf("proxy_port_%d", p), "CONNECT to the provider at another port", func(t Target) connect { return connect{to: join(t.Host, p)} }, helloHost, askHost))
	}
	return list
}

// resolvers lists what finds addresses past the organisation's resolver. They are
// notes: a name that was looked up elsewhere still has to be reached.
func resolvers(t Target) (list []Attempt) {
	if t.Resolver.IsValid() {
		list = append(list,
			Attempt{Name: "dns_udp", Note: true, Why: "a resolver of the application's own by UDP: it can carry data in names", Run: func(ctx context.Context, t Target) Outcome { return places{&t}.lookUp(ctx, "udp") }},
			Attempt{Name: "dns_tcp", Note: true, Why: "the same by TCP", Run: func(ctx context.Context, t Target) Outcome { return places{&t}.lookUp(ctx, "tcp") }},
		)
	}
	if t.DoH != "" && t.DoHAddress.IsValid() {
		list = append(list, Attempt{Name: "dns_https", Note: true, Why: "a public resolver by HTTPS, which hands out keys for Encrypted Client Hello", Run: func(ctx context.Context, t Target) Outcome { return places{&t}.lookUpHTTPS(ctx) }})
	}
	return list
}
