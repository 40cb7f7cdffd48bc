package identity_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/identity"
)

// connectVariable makes the test's own binary a client that connects to an address
// and waits, so that there is another process to be told apart.
const connectVariable = "OSTIARY_TEST_CONNECT"

func TestMain(m *testing.M) {
	if to := os.Getenv(connectVariable); to != "" {
		c, err := net.Dial("tcp", to)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(c.LocalAddr())
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test is done
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// client starts a program that connects, and gives its process and the address
// that the server sees.
func client(t *testing.T, exe, to string, uid int) (pid int, seen netip.AddrPort) {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), connectVariable+"="+to)
	if uid >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	seen, err = netip.ParseAddrPort(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the client says %q", line)
	}
	return cmd.Process.Pid, seen
}

// server listens and keeps what connects.
func server(t *testing.T, network, address string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("this machine cannot listen on %s: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	a := netip.MustParseAddrPort(l.Addr().String())
	return a
}

// copyOf gives another file with the contents of the test's binary, at a path that
// every user may run.
func copyOf(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "ostiary-local")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func newLocal(t testing.TB, at netip.AddrPort, rules ...identity.LocalRule) *identity.Local {
	t.Helper()
	names := identity.NewNames([]identity.Application{{Name: "tool", Team: "desk", Groups: []string{"pilot"}}, {Name: "other"}}, nil)
	l, err := identity.NewLocal(identity.LocalOptions{Rules: rules, Server: at, Names: names})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLocalPeer(t *testing.T) {
	tool, other := copyOf(t, "tool"), copyOf(t, "other")
	me := os.Getuid()
	nobody := me + 1
	for _, where := range []struct{ network, listen, dial string }{
		{"tcp4", "127.0.0.1:0", ""}, {"tcp6", "[::1]:0", ""}, {"tcp", "[::]:0", "127.0.0.1"},
	} {
		at := server(t, where.network, where.listen)
		to := at
		if where.dial != "" {
			to = netip.AddrPortFrom(netip.MustParseAddr(where.dial), at.Port())
		}
		pid, seen := client(t, tool, to.String(), -1)
		peer := proxy.Peer{Addr: seen, UID: -1}
		// The server is known, is not known (as after a redirect), or is another.
		for name, asked := range map[string]netip.AddrPort{"exact": at, "any": {}, "redirected": netip.AddrPortFrom(at.Addr(), 9)} {
			l := newLocal(t, asked, identity.LocalRule{Exe: tool, Application: "tool"})
			got, err := l.Look(peer)
			if err != nil || got.UID != me || got.PID != pid || got.Exe != tool {
				t.Errorf("%s %s: %+v, %v; want uid %d, pid %d and %s", where.listen, name, got, err, me, pid, tool)
			}
			for range 2 { // the second time it is remembered
				if p, err := l.Prove(&proxy.Head{Peer: peer}); err != nil || p.Application != "tool" || p.Team != "desk" || p.Subject != fmt.Sprintf("uid:%d", me) {
					t.Errorf("%s %s: %+v, %v", where.listen, name, p, err)
				}
			}
		}
		for name, tt := range map[string]struct {
			rule identity.LocalRule
			want string
		}{
			"by uid":                      {identity.LocalRule{UID: &me, Application: "tool"}, "tool"},
			"another uid":                 {identity.LocalRule{UID: &nobody, Application: "tool"}, ""},
			"another file, the same text": {identity.LocalRule{Exe: other, Application: "tool"}, ""},
			"a file that is not there":    {identity.LocalRule{Exe: tool + "x", Application: "tool"}, ""},
			"uid and exe":                 {identity.LocalRule{UID: &me, Exe: tool, Application: "tool"}, "tool"},
			"exe but not uid":             {identity.LocalRule{UID: &nobody, Exe: tool, Application: "tool"}, ""},
			"a container":                 {identity.LocalRule{Container: strings.Repeat("a", 12), Application: "tool"}, ""},
		} {
			p, err := newLocal(t, at, tt.rule).Prove(&proxy.Head{Peer: peer})
			if err != nil || p.Application != tt.want {
				t.Errorf("%s %s: %+v, %v; want %q", where.listen, name, p, err, tt.want)
			}
		}
		// The first rule that fits counts.
		p, _ := newLocal(t, at, identity.LocalRule{Exe: other, Application: "tool"}, identity.LocalRule{UID: &me, Application: "other"}).Prove(&proxy.Head{Peer: peer})
		if p.Application != "other" {
			t.Errorf("%s: %+v", where.listen, p)
		}
	}
}

// Nobody is taken for anybody: other ports, other addresses, closed connections.
func TestLocalPeerAbsent(t *testing.T) {
	at := server(t, "tcp4", "127.0.0.1:0")
	_, seen := client(t, copyOf(t, "tool"), at.String(), -1)
	l := newLocal(t, at)
	for name, addr := range map[string]netip.AddrPort{
		"the server's own end of nothing": netip.AddrPortFrom(seen.Addr(), seen.Port()^1),
		"another address":                 netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), seen.Port()),
		"another family":                  netip.AddrPortFrom(netip.MustParseAddr("::1"), seen.Port()),
	} {
		if got, err := l.Look(proxy.Peer{Addr: addr, UID: -1}); !errors.Is(err, identity.ErrNoPeer) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	c, err := net.Dial("tcp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	gone := netip.MustParseAddrPort(c.LocalAddr().String())
	c.(*net.TCPConn).SetLinger(0) // reset: not even TIME_WAIT is left
	c.Close()
	if got, err := l.Look(proxy.Peer{Addr: gone, UID: -1}); !errors.Is(err, identity.ErrNoPeer) {
		t.Errorf("a closed connection: %+v, %v", got, err)
	}
	if got, err := l.Look(proxy.Peer{UID: -1}); !errors.Is(err, identity.ErrNoPeer) {
		t.Errorf("a unix socket of nobody: %+v, %v", got, err)
	}
}

// On a unix socket the data plane has the uid from the kernel.
func TestLocalPeerOfUnixSocket(t *testing.T) {
	uid, exe := 1001, "/proc/self/exe"
	l := newLocal(t, netip.AddrPort{}, identity.LocalRule{Exe: exe, Application: "other"}, identity.LocalRule{UID: &uid, Application: "tool"})
	if p, err := l.Prove(&proxy.Head{Peer: proxy.Peer{UID: 1001}}); err != nil || p.Application != "tool" || p.Subject != "uid:1001" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := l.Prove(&proxy.Head{Peer: proxy.Peer{UID: 1002}}); err != nil || p.Application != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

// A process of another user is known by its uid; its executable can be read by
// root alone.
func TestLocalPeerOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
			t.Fatal("this test needs root: it starts a process of another user")
		}
		t.Skip("this test needs root: it starts a process of another user")
	}
	at, tool := server(t, "tcp4", "127.0.0.1:0"), copyOf(t, "tool")
	const uid = 54321
	pid, seen := client(t, tool, at.String(), uid)
	got, err := newLocal(t, at).Look(proxy.Peer{Addr: seen, UID: -1})
	if err != nil || got.UID != uid || got.PID != pid || got.Exe != tool {
		t.Errorf("%+v, %v; want uid %d, pid %d and %s", got, err, uid, pid, tool)
	}
}

// Another file at the path of a known executable, in a mount namespace of its own,
// is not that executable.
func TestLocalPeerInAnotherMountNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
			t.Fatal("this test needs root: it makes a mount namespace")
		}
		t.Skip("this test needs root: it makes a mount namespace")
	}
	at, tool, forged := server(t, "tcp4", "127.0.0.1:0"), copyOf(t, "tool"), copyOf(t, "forged")
	script := filepath.Join(filepath.Dir(forged), "run")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nmount --bind "+forged+" "+tool+" && exec "+tool+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(filepath.Dir(forged), "wrap")
	if err := os.WriteFile(wrapper, []byte("#!/bin/sh\nexec unshare -m "+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skip("unshare of util-linux is not installed")
	}
	pid, seen := client(t, wrapper, at.String(), -1)
	l := newLocal(t, at, identity.LocalRule{Exe: tool, Application: "tool"})
	got, err := l.Look(proxy.Peer{Addr: seen, UID: -1})
	if err != nil || got.PID != pid {
		t.Fatalf("%+v, %v; want pid %d", got, err, pid)
	}
	if p, err := l.Prove(&proxy.Head{Peer: proxy.Peer{Addr: seen, UID: -1}}); err != nil || p.Application != "" {
		t.Errorf("%s passed for the tool: %+v, %v", got.Exe, p, err)
	}
}

func TestContainerOf(t *testing.T) {
	id, other := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
	for name, tt := range map[string]struct{ cgroup, want string }{
		"docker, version 2":  {"0::/system.slice/docker-" + id + ".scope\n", id},
		"docker, version 1":  {"12:cpu:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n", id},
		"containerd, a pod":  {"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope\n", id},
		"cri-o":              {"0::/kubepods.slice/crio-" + id + ".scope\n", id},
		"podman":             {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope/container\n", id},
		"containerd's colon": {"0::/system.slice:cri-containerd:" + id + "\n", id},
		"a container within": {"0::/docker/" + id + "/docker/" + other + "\n", other},
		"none":               {"0::/system.slice/ssh.service\n", ""},
		"two that differ":    {"2:cpu:/docker/" + id + "\n1:memory:/docker/" + other + "\n", ""},
		"too short":          {"0::/docker/" + id[:63] + "\n", ""},
		"too long":           {"0::/docker/" + id + "0\n", ""},
		"not hex":            {"0::/docker/" + id[:63] + "g\n", ""},
		"empty":              {"", ""},
	} {
		if got := identity.ContainerOf(tt.cgroup); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func BenchmarkLocal(b *testing.B) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	at := netip.MustParseAddrPort(l.Addr().String())
	h := &proxy.Head{Peer: proxy.Peer{Addr: netip.MustParseAddrPort(c.LocalAddr().String()), UID: -1}}
	me, self := os.Getuid(), "/proc/self/exe"
	for _, bm := range []struct {
		name   string
		server netip.AddrPort
		rule   identity.LocalRule
	}{
		{"uid", at, identity.LocalRule{UID: &me, Application: "tool"}},
		{"uid, redirected", netip.AddrPort{}, identity.LocalRule{UID: &me, Application: "tool"}},
		{"exe, remembered", at, identity.LocalRule{Exe: self, Application: "tool"}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			source := newLocal(b, bm.server, bm.rule)
			for b.Loop() {
				if p, err := source.Prove(h); err != nil || p.Application != "tool" {
					b.Fatal(p, err)
				}
			}
		})
	}
	b.Run("exe, new", func(b *testing.B) {
		for b.Loop() {
			if p, err := newLocal(b, at).Look(h.Peer); err != nil || p.PID != os.Getpid() {
				b.Fatal(p, err)
			}
		}
	})
}

// TestLocalPeerOfASocket: of a unix socket the kernel tells uid and pid.
func TestLocalPeerOfASocket(t *testing.T) {
	me, pid := os.Getuid(), os.Getpid()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := copyOf(t, "other")
	for name, tt := range map[string]struct {
		peer proxy.Peer
		rule identity.LocalRule
		want string
	}{
		"its executable":             {proxy.Peer{UID: me, PID: pid}, identity.LocalRule{Exe: self, Application: "tool"}, "tool"},
		"another executable":         {proxy.Peer{UID: me, PID: pid}, identity.LocalRule{Exe: other, Application: "tool"}, ""},
		"a pid of another uid":       {proxy.Peer{UID: me + 1, PID: pid}, identity.LocalRule{Exe: self, Application: "tool"}, ""},
		"a pid that is nobody's":     {proxy.Peer{UID: me, PID: 1 << 30}, identity.LocalRule{Exe: self, Application: "tool"}, ""},
		"no pid":                     {proxy.Peer{UID: me}, identity.LocalRule{Exe: self, Application: "tool"}, ""},
		"the uid, whatever the pid":  {proxy.Peer{UID: me, PID: 1 << 30}, identity.LocalRule{UID: &me, Application: "tool"}, "tool"},
		"nobody known, rules by uid": {proxy.Peer{UID: -1}, identity.LocalRule{UID: &me, Application: "tool"}, ""},
	} {
		p, err := newLocal(t, netip.AddrPort{}, tt.rule).Prove(&proxy.Head{Peer: tt.peer})
		if err != nil || p.Application != tt.want {
			t.Errorf("%s: %+v, %v; want %q", name, p, err, tt.want)
		}
	}
}
