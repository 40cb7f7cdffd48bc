//go:build !linux

package extproc

import (
	"errors"
	"net"
)

// peerUID fails: without SO_PEERCRED no peer is known, and none is let in. Envoy
// is used on Linux; elsewhere there is the embedded data plane.
func peerUID(net.Conn) (int, error) {
	return -1, errors.New("the peer of a unix socket is known on Linux only")
}
