//go:build unix && !linux

package envoy

import "errors"

// holdConnections is for Linux alone; elsewhere the few connections that wait
// in a socket when it is closed are reset.
func holdConnections(int, uint16) error {
	return errors.New("envoy: only Linux can hold connections back")
}
