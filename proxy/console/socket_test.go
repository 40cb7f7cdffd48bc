package console_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/ostiary/ostiary/proxy/console"
)

func TestListen(t *testing.T) {
	private := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "k")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, tt := range []struct {
		name   string
		mode   os.FileMode
		shared bool
		lets   bool
	}{
		{"private", 0o700, false, true},
		{"others may look", 0o755, false, false},
		{"the group may look", 0o750, false, false},
		{"shared", 0o755, true, true},
		{"shared and open for writing", 0o775, true, false},
		{"open for writing with a sticky bit", 0o777 | os.ModeSticky, true, false},
	} {
		dir := private(t)
		if err := os.Chmod(dir, tt.mode); err != nil {
			t.Fatal(err)
		}
		l, err := console.Listen(filepath.Join(dir, console.SocketName), tt.shared)
		if (err == nil) != tt.lets {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "chmod") {
				t.Errorf("%s: the error does not say what to do: %v", tt.name, err)
			}
			continue
		}
		want := os.FileMode(0o600)
		if tt.shared {
			want = 0o666
		}
		if st, err := os.Stat(filepath.Join(dir, console.SocketName)); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: the socket has mode %v, %v", tt.name, st.Mode(), err)
		}
		_ = l.Close()
	}

	path := filepath.Join(private(t), console.SocketName)
	l, err := console.Listen(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := console.Listen(path, false); !errors.Is(err, console.ErrServed) {
		t.Errorf("a socket that is served: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close() // as a process that was killed leaves it
	if _, err := console.Dial(path); !errors.Is(err, console.ErrNoDaemon) {
		t.Errorf("a socket that nobody serves: %v", err)
	}
	l, err = console.Listen(path, false)
	if err != nil {
		t.Fatalf("after a process that was killed: %v", err)
	}
	_ = l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := console.Dial(path); !errors.Is(err, console.ErrNoDaemon) {
		t.Errorf("no socket: %v", err)
	}
	if _, err := console.Dial(filepath.Join(path, "none", "x")); !errors.Is(err, console.ErrNoDaemon) {
		// a file in the way would be ENOTDIR; here nothing is in the way
		t.Errorf("no directory: %v", err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := console.Listen(path, false); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("a file in the way: %v", err)
	}
	if b, _ := os.ReadFile(path); !bytes.Equal(b, []byte("precious")) {
		t.Error("a file in the way was removed")
	}
	if _, err := console.Listen("/tmp/"+strings.Repeat("x", 110), false); err == nil || !strings.Contains(err.Error(), "107") {
		t.Errorf("a long path: %v", err)
	}
}

// On the socket the kernel says who asks: nobody but our own uid has a role, unless
// a grant gives one.
func TestSocketPeers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a peer of another uid can be made by root only")
	}
	granted := 65533
	h := build(t, func(o *console.Options) {
		o.Grants = append(o.Grants, console.Grant{UID: &granted, Roles: []console.Role{console.Viewer}})
	})
	// The directory would keep others out: what is tested is the check behind it.
	if err := os.Chmod(h.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	for p := filepath.Dir(h.socket); p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		uid          int
		request      string
		status, body string
	}{
		{0, "GET /api/v1/self", "200", `"dpo"`},
		{0, "GET /api/v1/events?personal=true", "200", canarySubject},
		{65533, "GET /api/v1/self", "200", `"roles":["viewer"]`},
		{65533, "GET /api/v1/events?personal=true", "403", "role_missing"},
		{65534, "GET /api/v1/self", "403", "no_role"},
		{65534, "GET /api/v1/openapi.yaml", "403", "no_role"},
		{1, "GET /nowhere", "403", "no_role"},
	} {
		// A token is of no use here: it would be one more way in.
		got := rawAs(t, h.socket, tt.uid, tt.request+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer viewer+dpo\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status) || !strings.Contains(got, tt.body) {
			t.Errorf("uid %d, %s: %.300s", tt.uid, tt.request, got)
		}
	}
	for _, host := range []string{"attacker.example", "127.0.0.1", "localhost.attacker.example"} {
		if got := rawAs(t, h.socket, 0, "GET /api/v1/self HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); !strings.Contains(got, "host_not_allowed") {
			t.Errorf("host %s on the socket: %.100s", host, got)
		}
	}
}

// A client does not speak to a socket that somebody else serves.
func TestDialChecksWhoServes(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a directory of another uid can be made by root only")
	}
	dir := filepath.Join(t.TempDir(), "k")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, console.SocketName)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err := console.Dial(path); err != nil {
		t.Fatal(err)
	} else {
		c.Close()
	}
	if err := os.Chown(dir, 65534, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := console.Dial(path); err == nil || !strings.Contains(err.Error(), "uid 0 serves it") {
		t.Errorf("a socket of root in somebody's directory: %v", err)
	}
	if _, err := console.Listen(filepath.Join(dir, "other.sock"), false); err == nil {
		t.Error("a socket is made in somebody else's directory")
	}
}

// rawAs sends bytes from another uid and gives all that comes back.
func rawAs(t *testing.T, path string, uid int, request string) string {
	t.Helper()
	type result struct {
		out []byte
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its uid
		var r result
		defer func() { done <- r }()
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			r.err = err
			return
		}
		defer func() { _ = syscall.Close(fd) }()
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); e != 0 {
			r.err = e
			return
		}
		if r.err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); r.err != nil {
			return
		}
		if _, r.err = syscall.Write(fd, []byte(request)); r.err != nil {
			return
		}
		buf := make([]byte, 64<<10)
		for {
			n, err := syscall.Read(fd, buf)
			if n <= 0 || err != nil {
				return
			}
			r.out = append(r.out, buf[:n]...)
		}
	}()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	return string(r.out)
}
