//go:build !linux

package embedded

import "net"

// peerUID gives -1: the peer of a unix socket is known on Linux only.
func peerUID(net.Conn) int { return -1 }
