//go:build !linux

package identity

import "net/netip"

func socketOwner(netip.AddrPort, netip.AddrPort) (LocalPeer, error) { return LocalPeer{}, ErrNoDiag }

func findProcess(*LocalPeer) error { return ErrNoDiag }

func byPID(*LocalPeer) {}

func holds(int, uint32) bool { return false }
