package embedded_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/redirect"
	"github.com/vishvananda/netlink"
)

// inside runs functions on a thread in a network namespace of its own, out of
// which nothing leads.
func inside(t *testing.T) func(func() error) {
	t.Helper()
	calls, done := make(chan func() error), make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for f := range calls {
			done <- f()
		}
	}()
	t.Cleanup(func() { close(calls) })
	do := func(f func() error) error { calls <- f; return <-done }
	if err := do(func() error { return syscall.Unshare(syscall.CLONE_NEWNET) }); err != nil {
		const remedy = "network namespaces take root with CAP_SYS_ADMIN"
		if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
			t.Fatal(remedy + " (failing because OSTIARY_TEST_REQUIRE=1)")
		}
		t.Skip(remedy)
	}
	return func(f func() error) {
		t.Helper()
		if err := do(f); err != nil {
			t.Fatal(err)
		}
	}
}

// Connections that the kernel redirects arrive with the port that they were going
// to, over IPv4 and IPv6; the name counts, not the address.
func TestRedirectedByKernel(t *testing.T) {
	do := inside(t)
	var at uint16
	var listeners []net.Listener
	do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		// A wire that ends here too: what is redirected is not on its way over lo.
		err = errors.Join(netlink.LinkSetUp(lo), netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near"}, PeerName: "far"}))
		if err != nil {
			return err
		}
		for _, name := range []string{"near", "far"} {
			l, err := netlink.LinkByName(name)
			if err == nil {
				err = netlink.LinkSetUp(l)
			}
			if err != nil {
				return err
			}
			if name == "far" {
				continue
			}
			for _, text := range []string{"203.0.113.2/24", "2001:db8::2/64"} {
				a, err := netlink.ParseAddr(text)
				if err != nil {
					return err
				}
				if strings.Contains(text, ":") {
					a.Flags = syscall.IFA_F_NODAD
				}
				if err := netlink.AddrAdd(l, a); err != nil {
					return err
				}
			}
		}
		l4, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		at = uint16(l4.Addr().(*net.TCPAddr).Port)
		l6, err := net.ListenTCP("tcp6", &net.TCPAddr{IP: net.IPv6loopback, Port: int(at)})
		if err != nil {
			return err
		}
		listeners = []net.Listener{l4, l6}
		_, err = redirect.Up("", redirect.Rules{To: at, Ports: []uint16{443, 80, 25}})
		return err
	})
	s := openStreet(t, func(_ *street, o *embedded.Options) { o.Interception.Original = redirect.Original })
	for _, l := range listeners {
		go func() { _ = s.plane.ServeRedirect(l) }() // ends with the plane
	}
	dial := func(ip string, port int) net.Conn {
		var c net.Conn
		do(func() (err error) {
			c, err = net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.ParseIP(ip), Port: port})
			return err
		})
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}
	told := 0
	for _, ip := range []string{"203.0.113.9", "2001:db8::9"} {
		c := tls.Client(dial(ip, 443), &tls.Config{ServerName: openai, RootCAs: s.ca.pool})
		_, _ = io.WriteString(c, "POST "+chat+" HTTP/1.1\r\nHost: "+openai+"\r\nConnection: close\r\nContent-Length: 13\r\n\r\n"+`{"model":"m"}`)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v, %v", ip, resp, err)
		}
		for _, tt := range []struct {
			port  int
			sends string
			why   string
		}{
			{443, string(helloFor(t, &tls.Config{ServerName: evil})), "default"},
			{25, string(helloFor(t, &tls.Config{ServerName: vendor})), "port"},
			{80, "GET / HTTP/1.1\r\nHost: " + evil + "\r\nConnection: close\r\n\r\n", "default"},
			{443, "GET / HTTP/1.1\r\nHost: " + openai + "\r\n\r\n", "plain_text"},
		} {
			c := dial(ip, tt.port)
			_, _ = io.WriteString(c, tt.sends)
			b, _ := io.ReadAll(c)
			told++
			if got := s.hears(t, told)[told-1]; got.Why != tt.why || got.Way != proxy.WayRedirect || tt.port == 80 && !strings.HasPrefix(string(b), "HTTP/1.1 403") {
				t.Errorf("%s port %d: told of %q because of %s, want %s", ip, tt.port, got.Name, got.Why, tt.why)
			}
		}
		// Straight to the redirect's port: nobody redirected that, and the name decides.
		direct := "127.0.0.1"
		if strings.Contains(ip, ":") {
			direct = "::1"
		}
		straight := dial(direct, int(at))
		_, _ = straight.Write(helloFor(t, &tls.Config{ServerName: evil}))
		_, _ = io.ReadAll(straight)
		told++
		if got := s.hears(t, told)[told-1]; got.Why != "default" {
			t.Errorf("%s: told %+v", ip, got)
		}
	}
	for _, h := range s.heads {
		if h.Way != proxy.WayRedirect || h.Authority != openai {
			t.Errorf("the head says way %q", h.Way)
		}
	}
}
