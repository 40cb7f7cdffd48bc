package console

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// SocketName is the file of the control socket in the key directory.
const SocketName = "control.sock"

// maxSocketPath is the longest path that an address of a unix socket holds
// (unix(7)).
const maxSocketPath = 107

// dialTimeout bounds the look whether somebody serves a socket already.
const dialTimeout = time.Second

// ErrServed says that another process serves the socket.
var ErrServed = errors.New("another Ostiary serves this control socket: stop it first")

// Listen makes the control socket. Its directory must be our own and open to nobody
// else (0700); where others may ask (shared), open to nobody for writing. What a
// process that ended left behind is taken away. Closing the listener removes it.
func Listen(path string, shared bool) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("control socket: %s is longer than the %d bytes that a socket's path may have: configure a shorter one", path, maxSocketPath)
	}
	dir := filepath.Dir(path)
	st, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	mask, mode := fs.FileMode(0o077), fs.FileMode(0o600)
	if shared {
		mask, mode = 0o022, 0o666
	}
	owner, err := ownerOf(st)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if !st.IsDir() || owner != os.Getuid() || st.Mode().Perm()&mask != 0 {
		return nil, fmt.Errorf("control socket: %s has mode %#o and owner %d: it must be a directory of our own that others cannot enter or write: chmod %#o %s", dir, st.Mode().Perm(), owner, 0o777&^mask, dir)
	}
	switch st, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("control socket: %w", err)
	case st.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("control socket: %s is something else: remove it", path)
	default:
		if c, err := net.DialTimeout("unix", path, dialTimeout); err == nil {
			_ = c.Close()
			return nil, fmt.Errorf("%w (%s)", ErrServed, path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	// Until this, the directory keeps others out; where it does not, they find a
	// socket that only we can connect to or one that they may.
	if err := os.Chmod(path, mode); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}
