//go:build !linux

package embedded

import (
	"net"
	"net/netip"
)

// originalOf gives nothing: connections are redirected on Linux only.
func originalOf(net.Conn) (netip.AddrPort, bool) { return netip.AddrPort{}, false }
