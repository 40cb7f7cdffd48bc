package extproc

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	socketMode    = 0o600
	directoryMode = 0o700
	// maxSocketPath is what sockaddr_un holds on Linux, with its closing NUL
	// (unix(7)).
	maxSocketPath = 107
	// staleTimeout bounds the question whether somebody serves a socket.
	staleTimeout = time.Second
)

// ErrServed means that a socket is served by a process that runs: another
// Ostiary. Stop it, or choose another socket.
var ErrServed = errors.New("the socket is served by another process")

// Listen opens the unix socket on which Envoy asks. Its directory is made with
// mode 0700, or must be ours with no rights for others. A socket that nobody
// serves any more is removed. Connections are accepted from this process's uid
// and from those listed; others are closed and logged by number.
func Listen(path string, uids []int, log *slog.Logger) (net.Listener, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("listen on socket: the path has %d bytes, at most %d are possible; choose a shorter one", len(path), maxSocketPath)
	}
	if err := ownDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	// Between the two calls only the directory's mode keeps others out.
	if err := os.Chmod(path, socketMode); err != nil {
		_ = l.Close() // the first error says what is wrong
		return nil, fmt.Errorf("protect socket: %w", err)
	}
	return &guarded{Listener: l, uids: append([]int{os.Getuid()}, uids...), log: log}, nil
}

// ownDirectory makes a directory that nobody else can enter, or checks that one
// is.
func ownDirectory(dir string) error {
	if err := os.MkdirAll(dir, directoryMode); err != nil {
		return fmt.Errorf("make directory of socket: %w", err)
	}
	st, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("read directory of socket: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("directory of socket %s has mode %04o: others could reach the socket; make it 0700 or choose another", dir, st.Mode().Perm())
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != os.Getuid() {
		return fmt.Errorf("directory of socket %s belongs to uid %d, not to ours", dir, sys.Uid)
	}
	return nil
}

// removeStale removes a socket that a dead process left.
func removeStale(path string) error {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at socket: %w", err)
	}
	if st.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s is there and is no socket", path)
	}
	conn, err := net.DialTimeout("unix", path, staleTimeout)
	if err == nil {
		_ = conn.Close() // it was only a question
		return fmt.Errorf("listen on socket %s: %w", path, ErrServed)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("ask who serves the socket: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale socket: %w", err)
	}
	return nil
}

// guarded is a listener that knows its peers by uid.
type guarded struct {
	net.Listener
	uids []int
	log  *slog.Logger
}

// Accept gives the next connection of a permitted peer.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(conn)
		if err == nil && slices.Contains(g.uids, uid) {
			return conn, nil
		}
		_ = conn.Close() // refused: nothing was promised
		if err != nil {
			g.log.Error("peer of the socket is not known", "error", err)
			continue
		}
		g.log.Error("peer of the socket refused", "uid", uid)
	}
}
