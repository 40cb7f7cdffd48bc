package extproc

import (
	"errors"
	"net"
	"syscall"
)

// peerUID gives the uid of the process that connected (SO_PEERCRED, unix(7)). The
// kernel noted it when the connection was made.
func peerUID(conn net.Conn) (int, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return -1, errors.New("not a unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return -1, err
	}
	uid, failed := -1, error(nil)
	err = raw.Control(func(fd uintptr) {
		var cred *syscall.Ucred
		if cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); failed == nil {
			uid = int(cred.Uid)
		}
	})
	return uid, errors.Join(err, failed)
}
