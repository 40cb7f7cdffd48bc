//go:build !linux

package console

import (
	"errors"
	"net"
	"os"
)

// errPeer says that peers are known on Linux only.
var errPeer = errors.New("the peer of a unix socket is known on Linux only; use the HTTPS listener")

// peerUID fails: without SO_PEERCRED no peer is known, and none is let in.
func peerUID(net.Conn) (int, error) { return -1, errPeer }

// ownerOf fails likewise.
func ownerOf(os.FileInfo) (int, error) { return -1, errPeer }

// isRefused is of no use without peers.
func isRefused(error) bool { return false }
