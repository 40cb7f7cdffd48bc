package redirect

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "inside":
			fmt.Fprintln(os.Stderr, Inside())
			os.Exit(1)
		case "try":
			for _, a := range os.Args[2:] {
				network, address, _ := strings.Cut(a, "/")
				fmt.Printf("%s %s\n", a, try(network, address))
			}
			os.Exit(0)
		case "ask":
			for _, a := range os.Args[2:] {
				for _, network := range []string{"udp", "tcp"} {
					answer, err := exchange(context.Background(), network, netip.MustParseAddrPort(a), query(1, "api.vendor.example", typeA))
					if err != nil {
						fmt.Println(err)
						continue
					}
					fmt.Println(network, binary.BigEndian.Uint16(answer[6:]))
				}
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// needNamespaces skips a test where the process may not make network namespaces.
func needNamespaces(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		done := make(chan error)
		go func() {
			runtime.LockOSThread()
			done <- syscall.Unshare(syscall.CLONE_NEWNET)
		}()
		if err := <-done; err == nil {
			return
		}
	}
	const remedy = "network namespaces take root with CAP_SYS_ADMIN"
	if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
		t.Fatal(remedy + " (failing because OSTIARY_TEST_REQUIRE=1)")
	}
	t.Skip(remedy)
}

// namespace runs functions on a thread in a network namespace.
type namespace struct {
	fd    netns.NsHandle
	calls chan func()
}

// newNamespace makes one, or with a handle another thread in it.
func newNamespace(t testing.TB, in netns.NsHandle) *namespace {
	t.Helper()
	n := &namespace{calls: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		var err error
		if in > 0 {
			n.fd, err = in, netns.Set(in)
		} else {
			n.fd, err = netns.New()
		}
		ready <- err
		for f := range n.calls {
			f()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(n.calls)
		if in <= 0 {
			_ = n.fd.Close()
		}
	})
	return n
}

func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.calls <- func() { defer close(done); f() }
	<-done
}

// path names the namespace for this process.
func (n *namespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(n.fd)) }

// Addresses of the world outside, and of another host there.
const (
	outside4, other4 = "203.0.113.1", "198.51.100.7"
	outside6, other6 = "2001:db8::1", "2001:db8:7::7"
)

// world is a namespace with applications, and one outside of it that answers on
// every port that is tried with "outside" and the port.
type world struct {
	inside, outside *namespace
}

func newWorld(t testing.TB) *world {
	t.Helper()
	needNamespaces(t)
	w := &world{inside: newNamespace(t, 0), outside: newNamespace(t, 0)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	up := func(name string) netlink.Link {
		l, err := netlink.LinkByName(name)
		must(err)
		if err == nil {
			must(netlink.LinkSetUp(l))
		}
		return l
	}
	address := func(l netlink.Link, text string) {
		a, err := netlink.ParseAddr(text)
		must(err)
		if strings.Contains(text, ":") {
			a.Flags = unix.IFA_F_NODAD
		}
		must(netlink.AddrAdd(l, a))
	}
	w.inside.do(func() {
		must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "peer"}))
		peer, err := netlink.LinkByName("peer")
		must(err)
		must(netlink.LinkSetNsFd(peer, int(w.outside.fd)))
		up("lo")
	})
	w.outside.do(func() {
		up("lo")
		peer := up("peer")
		for _, a := range []string{outside4 + "/24", other4 + "/32", outside6 + "/64", other6 + "/128"} {
			address(peer, a)
		}
	})
	w.inside.do(func() {
		eth := up("eth0")
		address(eth, "203.0.113.2/24")
		address(eth, "2001:db8::2/64")
		must(netlink.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Gw: net.ParseIP(outside4)}))
		must(netlink.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Gw: net.ParseIP(outside6)}))
	})
	if t.Failed() {
		t.FailNow()
	}
	for _, port := range []string{"80", "443", "853", "8443", "53"} {
		serve(t, w.outside, "tcp", "[::]:"+port, func(net.Conn) string { return "outside " + port })
	}
	for _, port := range []string{"443", "53", "9999"} {
		for _, host := range []string{outside4, other4, outside6, other6} { // so that answers come from where the question went
			echo(t, w.outside, net.JoinHostPort(host, port), "outside "+port)
		}
	}
	return w
}

// ostiary listens for redirected connections inside.
func (w *world) ostiary(t testing.TB, port string) {
	t.Helper()
	for _, host := range []string{"127.0.0.1", "::1"} {
		serve(t, w.inside, "tcp", net.JoinHostPort(host, port), func(c net.Conn) string {
			to, err := Original(c)
			if err != nil {
				return "ostiary " + port + " direct"
			}
			return "ostiary " + port + " for " + to.String()
		})
	}
}

// serve answers each connection with one line.
func serve(t testing.TB, n *namespace, network, address string, line func(net.Conn) string) {
	t.Helper()
	var l net.Listener
	var err error
	n.do(func() { l, err = net.Listen(network, address) })
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				fmt.Fprintln(c, line(c))
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
}

// echo answers each datagram with one line.
func echo(t testing.TB, n *namespace, address, line string) {
	t.Helper()
	var c net.PacketConn
	var err error
	n.do(func() { c, err = net.ListenPacket("udp", address) })
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		buffer := make([]byte, 2048)
		for {
			_, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = c.WriteTo([]byte(line+"\n"), from)
		}
	})
	t.Cleanup(func() { _ = c.Close(); running.Wait() })
}

// tryTime is how long an attempt may take before it counts as lost; what the rules
// refuse is refused at once.
const tryTime = 20 * time.Second

// try connects, or sends a datagram, and gives the line that came back, or what
// happened in a word.
func try(network, address string) string {
	d := net.Dialer{Timeout: tryTime}
	c, err := d.DialContext(context.Background(), network, address)
	if err != nil {
		return outcome(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(tryTime))
	if strings.HasPrefix(network, "udp") {
		if _, err := io.WriteString(c, "hello\n"); err != nil {
			return outcome(err)
		}
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return outcome(err)
	}
	return strings.TrimSpace(line)
}

func outcome(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ECONNRESET):
		return "refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "unreachable"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "lost"
	}
	return err.Error()
}

// as tries as a user, in a process of its own.
func (w *world) as(t testing.TB, uid, gid uint32, network, address string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "try", network+"/"+address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	cmd.Env = []string{"GORACE=atexit_sleep_ms=0"} // the race detector waits a second otherwise
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	var err error
	w.inside.do(func() { err = cmd.Run() })
	if err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return strings.TrimSpace(strings.TrimPrefix(out.String(), network+"/"+address+" "))
}
