//go:build !linux

package redirect

import (
	"errors"
	"net"
	"net/netip"
)

// errSpace says where commands have networks of their own.
var errSpace = errors.New("a command gets a network of its own on Linux alone; elsewhere start it with the variables of 'ostiary env --proxy'")

// Space is a network of one command; here there is none.
type Space struct{}

// StartSpace makes a space; here it gives an error.
func StartSpace(SpaceOptions) (*Space, error) { return nil, errSpace }

// Inside makes the calling process the command of a space; here it gives an error.
func Inside() error { return errSpace }

// Connections are those that arrive from the command.
func (*Space) Connections() net.Listener { return nil }

// DNS gives the sockets at which the command's questions arrive.
func (*Space) DNS() ([]net.PacketConn, net.Listener) { return nil, nil }

// Go lets the command begin.
func (*Space) Go() error { return errSpace }

// Wait waits for the command's end.
func (*Space) Wait() (status int, err error) { return 0, errSpace }

// Close closes the sockets.
func (*Space) Close() {}

// Kill ends the command.
func (*Space) Kill() {}

// Original gives where a redirected connection was to go; here it gives
// [ErrUnsupported].
func Original(net.Conn) (netip.AddrPort, error) { return netip.AddrPort{}, ErrUnsupported }
