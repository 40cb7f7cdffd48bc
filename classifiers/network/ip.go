// Package network recognises addresses of machines.
package network

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var ipType = classifiers.Type{
	Name: "IP_ADDRESS", Groups: []string{classifiers.Network}, Severity: classifiers.Low,
	Doc: "An IPv4 or IPv6 address or network.", Aliases: []string{"IP"},
}

// IP finds Internet addresses.
var IP = &classifiers.Detector{
	Name: "ip", Version: 1,
	Doc: `IPv4 addresses (four decimal octets) and IPv6 addresses in every form of RFC 4291, with zone and prefix length. Private
ranges (RFC 1918, RFC 6598, RFC 4193, link-local) are unlikely, and loopback, unspecified, multicast and broadcast very unlikely
to say anything about anyone; documentation ranges (RFC 5737, RFC 3849, RFC 9637) are synthetic. Four numbers after the word
version are none, and longer dotted numbers are object identifiers.`,
	Types: []*classifiers.Type{&ipType},
	Positives: []string{
		"client [[IP_ADDRESS|81.2.69.160]] connected, then [[IP_ADDRESS|2a02:8071:b80::17]]:",
		"allow [[IP_ADDRESS|81.2.69.0/24]], deny [[IP_ADDRESS|2a02:8071::/32]]; [[[IP_ADDRESS|2a02:8071:b80::17]]]:443",
		"host=[[IP_ADDRESS|81.2.69.160]]:8080",
		"db at [[unlikely IP_ADDRESS|10.1.2.3]], [[very_unlikely IP_ADDRESS|127.0.0.1]] and [[very_unlikely IP_ADDRESS|::1]]",
		"docs use [[synthetic IP_ADDRESS|192.0.2.7]] and [[synthetic IP_ADDRESS|2001:db8::8a2e:370:7334]]",
	},
	NearMisses: []string{
		"version 1.2.3.4, v81.2.69.160, Chrome/126.0.6478.127, OID 1.3.6.1.4.1.311.21.20",
		"at 12:34:56, ratio 1:2:3:4, std::vector<int>, a::b, MyClass::toString, x[::2], aa:bb:cc:dd:ee:ff",
		"256.1.1.1 1.2.3 81.2.69 text81.2.69.160 81.2.69.160text 01.02.2024",
		"16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Number, Judge: judgeV4},
		{Shape: classifiers.Anchor, Literals: []string{":"}, Judge: judgeV6},
	},
}

var (
	ipCue = classifiers.NewCue(
		"ip", "ips", "ipv4", "ipv6", "addr", "address", "addresses", "host", "hosts", "server", "client", "peer", "remote", "gateway", "subnet", "cidr", "route",
		"from", "source", "src", "dst", "dest", "destination", "origin", "connect", "connected", "connecting", "connection", "ping", "ssh", "login", "logged",
		"firewall", "nameserver", "dns", "whitelist", "allowlist", "blacklist", "blocklist", "adresse", "dirección", "adres", "endereço", "indirizzo",
	)
	versionCue = classifiers.NewCue("version", "versions", "v", "ver", "release", "rev", "revision", "build", "firmware", "upgrade", "upgraded", "downgrade", "chrome", "oid", "section", "chapter", "assembly", "driver", "package")
)

func judgeV4(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups
	if len(g) < 4 {
		return
	}
	for i := 0; i < len(g); {
		n := dotted(g, i)
		if n == 4 || n == 5 {
			judgeQuad(s, g, i, n)
		}
		i += n
	}
}

// dotted gives the number of groups from i on that dots join, at least 1.
func dotted(g []classifiers.Group, i int) int {
	n := 1
	for i+n < len(g) && g[i+n].Sep == classifiers.SepDot {
		n++
	}
	return n
}

func judgeQuad(s *classifiers.Scan, g []classifiers.Group, i, n int) {
	t := s.Text
	start, end := g[i].Start, g[i+3].End
	var o [4]byte
	for k := range o {
		x := g[i+k]
		if x.Len() > 3 || x.Len() > 1 && t[x.Start] == '0' {
			return
		}
		v := 0
		for p := x.Start; p < x.End; p++ {
			v = v*10 + int(t[p]-'0')
		}
		if v > 255 {
			return
		}
		o[k] = byte(v)
	}
	// A part of a dotted name, of a path of versions, of an IPv6 address.
	switch b := s.Before(start); {
	case b == '.' && word(s.Before(start-1)), b == '-' && word(s.Before(start-1)):
		return
	case b == ':' && (s.Before(start-1) == ':' || hex(s.Before(start-1))):
		if from, to := colonRun(t, start-1); from >= 0 {
			if _, ok := parse6(t[from:to]); ok && alone(s, from, to) {
				return // judged with the whole
			}
		}
	}
	if s.At(end) == '.' && n == 4 && letter(s.At(end+1)) || s.At(end) == '-' && word(s.At(end+1)) {
		return
	}
	a := netip.AddrFrom4(o)
	level, synthetic := rank(a)
	near := s.Near(versionCue, start, end)
	switch {
	case n == 5: // five numbers are rarely an address with a port
		level = proxy.VeryUnlikely
	case near < 12 && near < s.Near(ipCue, start, end):
		return
	case s.Before(start) == '/' && word(s.Before(start-1)): // Chrome/126.0.6478.127
		level = classifiers.Raise(level, -2)
	case level == proxy.Likely && o[0] < 20 && o[1] < 20 && o[2] < 20 && o[3] < 20 && s.Near(ipCue, start, end) == classifiers.Far:
		level = proxy.Possible // as well a version
	case level == proxy.Likely && s.Near(ipCue, start, end) < classifiers.Far:
		level = proxy.VeryLikely
	}
	end = prefix(t, end, 32)
	s.Find(classifiers.Found{Start: start, End: end, Type: &ipType, Likelihood: level, Synthetic: synthetic})
}

// maxV6 is the longest text of an IPv6 address: eight groups, or six and four
// octets (RFC 4291, 2.2).
const maxV6 = 45

// colonRun gives the run of hexadecimal digits, colons and dots around i, -1
// where it is longer than an address.
func colonRun(t string, i int) (from, to int) {
	from, to = i, i
	for from > 0 && v6Byte(t[from-1]) {
		if from--; i-from > maxV6 {
			return -1, 0
		}
	}
	for to < len(t) && v6Byte(t[to]) {
		if to++; to-i > maxV6 {
			return -1, to
		}
	}
	for to > from && t[to-1] == '.' || to > from+2 && t[to-1] == ':' && t[to-2] != ':' {
		to--
	}
	for from < to && t[from] == '.' {
		from++
	}
	return from, to
}

func judgeV6(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	next := s.At(c.Start + 1)
	if next != ':' && !hex(next) {
		return // most colons of prose, JSON and code
	}
	from, to := colonRun(t, c.Start)
	if from < 0 {
		s.Resume(to)
		return
	}
	s.Resume(to)
	a, ok := parse6(t[from:to])
	if !ok || !alone(s, from, to) {
		return
	}
	level, synthetic := rank(a)
	text := t[from:to]
	digits, bytes := shape(text)
	near := s.Near(ipCue, from, to)
	switch {
	case bytes, text == "::":
		// Eight two-digit groups are a key's fingerprint or an EUI-64.
		level = proxy.VeryUnlikely
	case !digits && near > 16 && !strings.Contains(text, "."):
		level = proxy.VeryUnlikely // words of hexadecimal letters: dead::beef
	case len(text) < 7 && near == classifiers.Far: // 1::2, ::2
		level = min(level, proxy.Unlikely)
		if s.Before(from) == '[' && word(s.Before(from-1)) {
			return // x[::2]
		}
	case level == proxy.Likely && (near < classifiers.Far || len(text) > 20):
		level = proxy.VeryLikely
	}
	to = zone(t, to)
	to = prefix(t, to, 128)
	s.Find(classifiers.Found{Start: from, End: to, Type: &ipType, Likelihood: level, Synthetic: synthetic})
}

// parse6 reads an IPv6 address. The library's error may quote its input and is
// dropped.
func parse6(t string) (netip.Addr, bool) {
	colons := strings.Count(t, ":")
	if colons < 2 || colons > 8 || colons < 7 && !strings.Contains(t, "::") && !strings.Contains(t, ".") {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(t)
	return a, err == nil && a.Is6()
}

// alone reports whether no word goes on at either end.
func alone(s *classifiers.Scan, from, to int) bool {
	b, a := s.Before(from), s.At(to)
	return !word(b) && !word(a) && b != ':'
}

// shape reports whether an address has a decimal digit, and whether it is
// groups of two digits each.
func shape(t string) (digits, bytes bool) {
	bytes = true
	n := 0
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c == ':':
			bytes = bytes && n == 2
			n = 0
		case '0' <= c && c <= '9':
			digits = true
			n++
		default:
			n++
		}
	}
	return digits, bytes && n == 2
}

// zone extends an address by a zone, %eth0 (RFC 4007).
func zone(t string, i int) int {
	if i >= len(t) || t[i] != '%' {
		return i
	}
	j := i + 1
	for j < len(t) && j-i < maxZone && word(t[j]) {
		j++
	}
	if j == i+1 {
		return i
	}
	return j
}

const maxZone = 16 // IFNAMSIZ of Linux

// prefix extends an address by a prefix length of at most most bits.
func prefix(t string, i, most int) int {
	if i >= len(t) || t[i] != '/' {
		return i
	}
	n, j := 0, i+1
	for j < len(t) && '0' <= t[j] && t[j] <= '9' && n <= most {
		n = n*10 + int(t[j]-'0')
		j++
	}
	if j == i+1 || n > most || j < len(t) && word(t[j]) || t[i+1] == '0' && j > i+2 {
		return i
	}
	return j
}

// ranges are the address blocks that say nothing about anyone. The first that
// holds an address decides.
var ranges = [...]struct {
	block     netip.Prefix
	level     proxy.Likelihood
	synthetic bool
}{
	{netip.MustParsePrefix("192.0.2.0/24"), proxy.Likely, true}, // RFC 5737
	{netip.MustParsePrefix("198.51.100.0/24"), proxy.Likely, true},
	{netip.MustParsePrefix("203.0.113.0/24"), proxy.Likely, true},
	{netip.MustParsePrefix("233.252.0.0/24"), proxy.Likely, true}, // RFC 6676
	{netip.MustParsePrefix("2001:db8::/32"), proxy.Likely, true},  // RFC 3849
	{netip.MustParsePrefix("3fff::/20"), proxy.Likely, true},      // RFC 9637
	{netip.MustParsePrefix("127.0.0.0/8"), proxy.VeryUnlikely, false},
	{netip.MustParsePrefix("::/127"), proxy.VeryUnlikely, false},
	{netip.MustParsePrefix("0.0.0.0/8"), proxy.VeryUnlikely, false},
	{netip.MustParsePrefix("224.0.0.0/3"), proxy.VeryUnlikely, false}, // multicast, reserved, broadcast and masks
	{netip.MustParsePrefix("ff00::/8"), proxy.VeryUnlikely, false},
	{netip.MustParsePrefix("10.0.0.0/8"), proxy.Unlikely, false}, // RFC 1918
	{netip.MustParsePrefix("172.16.0.0/12"), proxy.Unlikely, false},
	{netip.MustParsePrefix("192.168.0.0/16"), proxy.Unlikely, false},
	{netip.MustParsePrefix("100.64.0.0/10"), proxy.Unlikely, false}, // RFC 6598
	{netip.MustParsePrefix("169.254.0.0/16"), proxy.Unlikely, false},
	{netip.MustParsePrefix("198.18.0.0/15"), proxy.Unlikely, false}, // RFC 2544
	{netip.MustParsePrefix("fc00::/7"), proxy.Unlikely, false},
	{netip.MustParsePrefix("fe80::/10"), proxy.Unlikely, false},
}

// rank gives the likelihood of an address by its block.
func rank(a netip.Addr) (proxy.Likelihood, bool) {
	b := a.WithZone("")
	if b.Is4In6() {
		b = b.Unmap()
	}
	for i := range ranges {
		if ranges[i].block.Contains(b) {
			return ranges[i].level, ranges[i].synthetic
		}
	}
	return proxy.Likely, false
}

func hex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|32 && b|32 <= 'f' && b != 0
}

func v6Byte(b byte) bool { return hex(b) || b == ':' || b == '.' }

func letter(b byte) bool { return 'a' <= b|32 && b|32 <= 'z' }

func word(b byte) bool { return letter(b) || '0' <= b && b <= '9' || b == '_' }
