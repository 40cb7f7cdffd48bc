package redirect

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a set of rules. Each entry is a rule that every new connection may have
// to pass.
const (
	MaxPorts   = 16
	MaxOwners  = 8
	MaxExcept  = 64
	MaxProtect = 64
)

// Rules say what becomes of connections that processes of one network namespace
// open, IPv4 and IPv6 alike. Connections that others open to it are left alone.
type Rules struct {
	// To is the port on loopback at which redirected connections arrive: of
	// 127.0.0.1 for IPv4 and of ::1 for IPv6. Where nothing listens they are refused.
	To uint16
	// Ports are the TCP ports whose connections are redirected.
	Ports []uint16
	// UIDs and GIDs name the owners of sockets that are left alone: Ostiary itself,
	// whose connections would come back to it.
	UIDs, GIDs []uint32
	// Except are destinations that are left alone, beside loopback and the
	// namespace's own addresses.
	Except []netip.Prefix
	// Protect are TCP addresses that only exempt owners reach, such as the servers of
	// in-house pools. They win over Except and loopback.
	Protect []netip.AddrPort
	// DNS, unless 0, is the port on loopback to which questions (UDP and TCP, port 53)
	// to every resolver are redirected. With 0 they are left alone.
	DNS uint16
	// Only lets nothing leave but what is redirected, excepted, DNS where it is left
	// alone, and answers to connections from outside.
	Only bool
}

// Canonical gives the rules sorted, without repetitions, and with prefixes masked.
// The error names what cannot be asked for.
func (r Rules) Canonical() (Rules, error) {
	out := Rules{To: r.To, DNS: r.DNS, Only: r.Only}
	if r.To == 0 {
		return out, fmt.Errorf("there is no port to redirect to")
	}
	out.Ports = compact(r.Ports)
	switch {
	case len(out.Ports) == 0:
		return out, fmt.Errorf("there are no ports to redirect")
	case len(out.Ports) > MaxPorts:
		return out, fmt.Errorf("%d ports; %d are the most", len(out.Ports), MaxPorts)
	}
	for _, p := range out.Ports {
		switch p {
		case 0:
			return out, fmt.Errorf("port 0 cannot be redirected")
		case 53:
			return out, fmt.Errorf("port 53 is DNS, which is left alone")
		}
	}
	out.UIDs, out.GIDs = compact(r.UIDs), compact(r.GIDs)
	if n := max(len(out.UIDs), len(out.GIDs)); n > MaxOwners {
		return out, fmt.Errorf("%d exempt owners; %d are the most", n, MaxOwners)
	}
	for _, p := range r.Except {
		if !p.IsValid() || p.Addr().Zone() != "" {
			return out, fmt.Errorf("an excepted network is no prefix, such as 10.0.0.0/8")
		}
		if a := p.Addr(); a.Is4In6() {
			if p.Bits() < 96 {
				return out, fmt.Errorf("%s: write IPv4 networks as IPv4", p)
			}
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		if p.Bits() == 0 {
			return out, fmt.Errorf("%s excepts everything", p)
		}
		out.Except = append(out.Except, p.Masked())
	}
	slices.SortFunc(out.Except, comparePrefix)
	out.Except = slices.Compact(out.Except)
	if len(out.Except) > MaxExcept {
		return out, fmt.Errorf("%d excepted networks; %d are the most", len(out.Except), MaxExcept)
	}
	for _, p := range r.Protect {
		if !p.IsValid() || p.Port() == 0 || p.Addr().IsUnspecified() {
			return out, fmt.Errorf("a protected address is no ADDRESS:PORT")
		}
		if p.Addr().IsLoopback() && p.Port() == r.To {
			return out, fmt.Errorf("%s is where redirected connections arrive: it cannot be protected", p)
		}
		out.Protect = append(out.Protect, netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port()))
	}
	slices.SortFunc(out.Protect, netip.AddrPort.Compare)
	out.Protect = slices.Compact(out.Protect)
	if len(out.Protect) > MaxProtect {
		return out, fmt.Errorf("%d protected addresses; %d are the most", len(out.Protect), MaxProtect)
	}
	return out, nil
}

func compact[T uint16 | uint32](in []T) []T {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}

func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// verdict is what a rule does with a packet that it matches.
type verdict uint8

const (
	pass        verdict = iota + 1 // leave it alone: accept
	arrive                         // redirect it to a port on loopback
	reset                          // answer with a TCP reset
	unreachable                    // answer with ICMP port unreachable
)

// owner says what of a socket's owner a rule looks at.
type owner uint8

const (
	byUID owner = iota + 1
	byGID
)

// IP protocol numbers (IANA).
const (
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// rule is one rule: what is set must match. It is comparable, and it is the only
// thing that the forms for the kernel, for nft and for iptables are made from.
type rule struct {
	owner    owner
	id       uint32       // of the owner
	device   string       // by which the packet leaves
	to       netip.Prefix // destination
	proto    uint8
	port     uint16 // destination; of TCP and UDP
	icmp     uint8  // type; of ICMPv6
	answers  bool   // belongs to, or is about, a connection that is there
	counted  bool
	verdict  verdict
	landing  uint16 // where it arrives; of arrive
	nonMatch string // what could not be read of a rule in the kernel; never of ours
}

// chain is a base chain at the output hook.
type chain struct {
	name     string
	kind     string // of nftables: nat or filter
	priority int32
	rules    []rule
}

// Names of what is written. Nobody else may use the table.
const (
	tableName   = "ostiary"
	chainArrive = "arrive"
	chainGuard  = "guard"
)

// The redirection goes before other translations of destinations (dstnat, -100),
// such as those of Kubernetes services, since the first one that matches is the one.
// The guard comes after it, where filters are.
const (
	priorityArrive = -105
	priorityGuard  = 0
)

var (
	loopback4 = netip.MustParsePrefix("127.0.0.0/8")
	loopback6 = netip.MustParsePrefix("::1/128")
)

// neighbours are the ICMPv6 messages without which a link does not work, as a host
// sends them (RFC 4861, RFC 2710, RFC 3810): listener reports and done,
// solicitations and advertisements.
var neighbours = []uint8{131, 132, 133, 135, 136, 143}

// chains gives the rules of canonical Rules in order.
func (r Rules) chains() []chain {
	var exempt, local []rule
	for _, id := range r.UIDs {
		exempt = append(exempt, rule{owner: byUID, id: id, verdict: pass})
	}
	for _, id := range r.GIDs {
		exempt = append(exempt, rule{owner: byGID, id: id, verdict: pass})
	}
	// By device for the addresses of this machine; by address too, for what was
	// redirected still counts as leaving by the device that it was to leave by.
	local = append(local, rule{device: "lo", verdict: pass}, rule{to: loopback4, verdict: pass}, rule{to: loopback6, verdict: pass})
	for _, p := range r.Except {
		local = append(local, rule{to: p, verdict: pass})
	}

	in := chain{name: chainArrive, kind: "nat", priority: priorityArrive, rules: slices.Concat(exempt, local)}
	for _, p := range r.Ports {
		in.rules = append(in.rules, rule{proto: protoTCP, port: p, counted: true, verdict: arrive, landing: r.To})
	}

	if r.DNS != 0 {
		for _, proto := range []uint8{protoUDP, protoTCP} {
			in.rules = append(in.rules, rule{proto: proto, port: 53, verdict: arrive, landing: r.DNS})
		}
	}

	guard := chain{name: chainGuard, kind: "filter", priority: priorityGuard, rules: slices.Clone(exempt)}
	for _, p := range r.Protect {
		guard.rules = append(guard.rules, rule{to: netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), proto: protoTCP, port: p.Port(), counted: true, verdict: reset})
	}
	guard.rules = append(guard.rules, local...)
	guard.rules = append(guard.rules, rule{proto: protoUDP, port: 443, counted: true, verdict: unreachable})
	if r.Only {
		guard.rules = append(guard.rules, rule{answers: true, verdict: pass})
		if r.DNS == 0 {
			guard.rules = append(guard.rules, rule{proto: protoUDP, port: 53, verdict: pass}, rule{proto: protoTCP, port: 53, verdict: pass})
		}
		for _, t := range neighbours {
			guard.rules = append(guard.rules, rule{proto: protoICMPv6, icmp: t, verdict: pass})
		}
		guard.rules = append(guard.rules,
			rule{proto: protoTCP, counted: true, verdict: reset},
			rule{counted: true, verdict: unreachable})
	}
	return []chain{in, guard}
}

// meaning is a rule's comment in the kernel and in scripts.
func (r rule) meaning() string {
	switch {
	case r.owner != 0:
		return "Ostiary itself"
	case r.device != "" || r.to == loopback4 || r.to == loopback6:
		return "this machine"
	case r.verdict == arrive && r.port == 53:
		return "DNS"
	case r.verdict == arrive:
		return "to Ostiary"
	case r.verdict == pass && r.to.IsValid():
		return "excepted"
	case r.verdict == pass && r.answers:
		return "answers"
	case r.verdict == pass && r.port == 53:
		return "DNS"
	case r.verdict == pass:
		return "neighbour discovery"
	case r.to.IsValid():
		return "protected"
	case r.proto == protoUDP && r.port == 443:
		return "QUIC"
	}
	return "nothing else leaves"
}

// String gives the rule as nft writes it, without its comment.
func (r rule) String() string {
	if r.nonMatch != "" {
		return r.nonMatch
	}
	var w []string
	add := func(s ...string) { w = append(w, s...) }
	switch r.owner {
	case byUID:
		add("meta skuid", strconv.FormatUint(uint64(r.id), 10))
	case byGID:
		add("meta skgid", strconv.FormatUint(uint64(r.id), 10))
	}
	if r.device != "" {
		add("oifname", strconv.Quote(r.device))
	}
	if r.to.IsValid() {
		family := "ip"
		if r.to.Addr().Is6() {
			family = "ip6"
		}
		to := r.to.String()
		if r.to.IsSingleIP() {
			to = r.to.Addr().String()
		}
		add(family, "daddr", to)
	}
	switch {
	case r.proto == protoTCP && r.port != 0:
		add("tcp dport", strconv.Itoa(int(r.port)))
	case r.proto == protoUDP && r.port != 0:
		add("udp dport", strconv.Itoa(int(r.port)))
	case r.icmp != 0:
		add("icmpv6 type", strconv.Itoa(int(r.icmp)))
	case r.proto != 0:
		add("meta l4proto", strconv.Itoa(int(r.proto)))
	}
	if r.answers {
		add("ct state established,related")
	}
	if r.counted {
		add("counter")
	}
	switch r.verdict {
	case pass:
		add("accept")
	case arrive:
		add("redirect to :" + strconv.Itoa(int(r.landing)))
	case reset:
		add("reject with tcp reset")
	case unreachable:
		add("reject with icmpx type port-unreachable")
	}
	return strings.Join(w, " ")
}

// head gives what a base chain says of itself.
func (c chain) head() string {
	return fmt.Sprintf("type %s hook output priority %d; policy accept;", c.kind, c.priority)
}
