package embedded

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
)

// originalDestination is SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, which have the
// same number (linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h).
const originalDestination = 80

// originalOf gives where a connection was going before netfilter redirected it.
func originalOf(c net.Conn) (netip.AddrPort, bool) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return netip.AddrPort{}, false
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, false
	}
	v4 := addrPort(t.RemoteAddr()).Addr().Is4()
	var to netip.AddrPort
	found := false
	err = raw.Control(func(fd uintptr) {
		// The answers are a sockaddr_in and a sockaddr_in6. Package syscall reads
		// options of types of its own only; these two are the ones that are long
		// enough and copied as they are.
		if v4 {
			b, err := syscall.GetsockoptIPv6Mreq(int(fd), syscall.IPPROTO_IP, originalDestination)
			if err == nil {
				a := b.Multiaddr // family, port, address
				to, found = netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[4:8])), binary.BigEndian.Uint16(a[2:4])), true
			}
			return
		}
		b, err := syscall.GetsockoptIPv6MTUInfo(int(fd), syscall.IPPROTO_IPV6, originalDestination)
		if err == nil {
			var port [2]byte // in network order, whatever the machine's
			binary.NativeEndian.PutUint16(port[:], b.Addr.Port)
			to, found = netip.AddrPortFrom(netip.AddrFrom16(b.Addr.Addr), binary.BigEndian.Uint16(port[:])), true
		}
	})
	return to, err == nil && found
}
