package extproc

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// Peers of other uids are closed before a byte is read. The socket lies open to
// all here: elsewhere its directory keeps them out as well.
func TestPeers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a peer of another uid can be made by root only")
	}
	path := filepath.Join(t.TempDir(), "s")
	plain, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	for p := path; p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	l := &guarded{Listener: plain, uids: []int{0, 65533}, log: slog.New(slog.DiscardHandler)}
	defer func() { _ = l.Close() }()
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("x")) // the peer reads it, or the test fails
			_ = c.Close()
		}
	}()
	for _, tt := range []struct {
		uid  int
		want bool
	}{{0, true}, {65533, true}, {65534, false}, {1, false}} {
		fd := connectAs(t, path, tt.uid)
		n, _ := syscall.Read(fd, make([]byte, 1)) // an error is a reset: refused
		if (n > 0) != tt.want {
			t.Errorf("uid %d let in: %v, want %v", tt.uid, n > 0, tt.want)
		}
		_ = syscall.Close(fd)
	}
	_ = l.Close()
	<-greeted
}

// connectAs connects with another effective uid, which the kernel notes. The raw
// call changes one thread, which ends with its goroutine.
func connectAs(t *testing.T, path string, uid int) (fd int) {
	t.Helper()
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		var err error
		if fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err == nil {
			if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); e != 0 {
				err = e
			} else {
				err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
			}
		}
		failed <- err
	}()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return fd
}
