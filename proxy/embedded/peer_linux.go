package embedded

import (
	"crypto/tls"
	"net"
	"syscall"
)

// peerOf gives the process at the other end of a unix socket (SO_PEERCRED,
// unix(7)), or nobody.
func peerOf(c net.Conn) credentials {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if s, ok := c.(*slotted); ok {
		c = s.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nobody
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nobody
	}
	out := nobody
	err = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			out = credentials{int(cred.Uid), int(cred.Pid)}
		}
	})
	if err != nil {
		return nobody
	}
	return out
}
