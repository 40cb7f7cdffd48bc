package redirect

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Errors that callers tell apart.
var (
	// ErrPermission means that the process may not change, or look at, the rules of
	// the network namespace: it takes CAP_NET_ADMIN there.
	ErrPermission = errors.New("not permitted: run it as root, or with CAP_NET_ADMIN in the network namespace")
	// ErrUnsupported means that this operating system, or its kernel, has no such
	// rules.
	ErrUnsupported = errors.New("connections can be redirected on Linux alone; elsewhere use the explicit proxy (intercept.proxy) or a base URL")
)

// Counters say what the rules did since they were written, in connections but for
// RefusedQUIC and Refused, which are packets.
type Counters struct {
	Redirected  uint64 `json:"redirected"`
	RefusedQUIC uint64 `json:"refused_quic"`
	Protected   uint64 `json:"refused_protected"`
	Refused     uint64 `json:"refused_other"` // under Only
}

// Found is the table that is there. The zero Found is none.
type Found struct {
	chains []foundChain
	extra  []string // what is in the table and never ours
	there  bool
}

type foundChain struct {
	chain
	head    string
	packets []uint64 // by rule
}

// There reports whether the table is there at all.
func (f *Found) There() bool { return f.there }

// Lines gives what is there as nft writes it.
func (f *Found) Lines() []string {
	var out []string
	for _, c := range f.chains {
		out = append(out, "chain "+c.name+" { "+c.head+" }")
		for _, r := range c.rules {
			out = append(out, "  "+r.String())
		}
	}
	return append(out, f.extra...)
}

// Owners gives the owners of sockets that the rules leave alone.
func (f *Found) Owners() (uids, gids []uint32) {
	for _, c := range f.chains {
		if c.name != chainArrive {
			continue
		}
		for _, r := range c.rules {
			switch r.owner {
			case byUID:
				uids = append(uids, r.id)
			case byGID:
				gids = append(gids, r.id)
			}
		}
	}
	return uids, gids
}

// To gives the port at which redirected connections arrive, 0 if none are.
func (f *Found) To() uint16 {
	for _, c := range f.chains {
		for _, r := range c.rules {
			if r.verdict == arrive && r.port != 53 {
				return r.landing
			}
		}
	}
	return 0
}

// Counters adds up what the rules did.
func (f *Found) Counters() Counters {
	var out Counters
	for _, c := range f.chains {
		for n, r := range c.rules {
			switch {
			case r.verdict == arrive:
				out.Redirected += c.packets[n]
			case r.verdict != reset && r.verdict != unreachable:
			case r.to.IsValid():
				out.Protected += c.packets[n]
			case r.proto == protoUDP && r.port == 443:
				out.RefusedQUIC += c.packets[n]
			default:
				out.Refused += c.packets[n]
			}
		}
	}
	return out
}

// Differences says in which ways what is there is not what is wanted: none where
// each rule is there, in order, and nothing else. The error is that of
// [Rules.Canonical].
func (f *Found) Differences(want Rules) ([]string, error) {
	want, err := want.Canonical()
	if err != nil {
		return nil, err
	}
	if !f.there {
		return []string{"there are no rules"}, nil
	}
	var out []string
	chains := want.chains()
	for _, w := range chains {
		i := slices.IndexFunc(f.chains, func(c foundChain) bool { return c.name == w.name })
		if i < 0 {
			out = append(out, "missing: chain "+w.name)
			continue
		}
		got := f.chains[i]
		if got.head != w.head() {
			out = append(out, fmt.Sprintf("chain %s: %s instead of %s", w.name, got.head, w.head()))
		}
		var lacks int
		for _, r := range w.rules {
			if !slices.Contains(got.rules, r) {
				out, lacks = append(out, "missing: "+r.String()), lacks+1
			}
		}
		for _, r := range got.rules {
			if !slices.Contains(w.rules, r) {
				out, lacks = append(out, "not asked for: "+r.String()), lacks+1
			}
		}
		if lacks == 0 && !slices.Equal(got.rules, w.rules) {
			out = append(out, "chain "+w.name+": in another order, or twice")
		}
	}
	for _, c := range f.chains {
		if !slices.ContainsFunc(chains, func(w chain) bool { return w.name == c.name }) {
			out = append(out, "not asked for: chain "+c.name)
		}
	}
	for _, e := range f.extra {
		out = append(out, "not asked for: "+e)
	}
	return out, nil
}

// Listener is a socket that listens.
type Listener struct {
	Address netip.Addr
	UID     uint32 // of the one who opened it
}

// Takes reports whether connections that are redirected arrive at the socket: for
// IPv4 at 127.0.0.1, for IPv6 at ::1.
func (l Listener) Takes(six bool) bool {
	switch a := l.Address; {
	case a == netip.IPv6Unspecified():
		return true // as Linux does unless it is told otherwise
	case six:
		return a == netip.IPv6Loopback()
	default:
		return a.IsUnspecified() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
}
