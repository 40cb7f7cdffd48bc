package redirect

import (
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// ip6OriginalDestination is IP6T_SO_ORIGINAL_DST (linux/netfilter_ipv6/ip6_tables.h).
const ip6OriginalDestination = 80

var errDirect = errors.New("not redirected")

// Original gives where a redirected connection was to go, by the kernel's
// connection tracking. The error is one for a connection that nobody redirected.
func Original(c net.Conn) (netip.AddrPort, error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return netip.AddrPort{}, errors.New("not a socket")
	}
	local, _ := c.LocalAddr().(*net.TCPAddr)
	if local == nil {
		return netip.AddrPort{}, errors.New("not a TCP socket")
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	var out netip.AddrPort
	controlled := raw.Control(func(fd uintptr) {
		if local.IP.To4() != nil {
			// sockaddr_in is as long as what this reads, in a type that fits.
			var m *unix.IPv6Mreq
			if m, err = unix.GetsockoptIPv6Mreq(int(fd), unix.SOL_IP, unix.SO_ORIGINAL_DST); err == nil {
				out = netip.AddrPortFrom(netip.AddrFrom4([4]byte(m.Multiaddr[4:8])), uint16(m.Multiaddr[2])<<8|uint16(m.Multiaddr[3]))
			}
			return
		}
		var m *unix.IPv6MTUInfo // begins with a sockaddr_in6
		if m, err = unix.GetsockoptIPv6MTUInfo(int(fd), unix.SOL_IPV6, ip6OriginalDestination); err == nil {
			port := m.Addr.Port // in network order
			out = netip.AddrPortFrom(netip.AddrFrom16(m.Addr.Addr), port<<8|port>>8)
		}
	})
	if err := errors.Join(controlled, err); err != nil {
		return netip.AddrPort{}, err
	}
	if a, ok := netip.AddrFromSlice(local.IP); ok && out == netip.AddrPortFrom(a.Unmap(), uint16(local.Port)) {
		return netip.AddrPort{}, errDirect
	}
	return out, nil
}
