package redirect

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// started is a space whose connections are answered with one line and whose DNS is
// relayed to a resolver of the test.
type started struct {
	*Space
	out     *os.File
	relay   *Relay
	arrived sync.Map // destinations
}

func (s *started) output(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func startSpace(t *testing.T, o SpaceOptions) *started {
	t.Helper()
	needNamespaces(t)
	s := &started{}
	var err error
	if s.out, err = os.Create(filepath.Join(t.TempDir(), "out")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.out.Close() })
	if o.Self == nil {
		o.Self = []string{"/proc/self/exe", "inside"}
	}
	o.Stdout, o.Stderr = s.out, s.out
	if o.Ports == nil {
		o.Ports = []uint16{443}
	}
	if o.Env == nil {
		o.Env = []string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	}
	if s.Space, err = StartSpace(o); err != nil {
		t.Fatal(err)
	}
	s.relay = NewRelay([]netip.AddrPort{resolver(t, func([]byte) {})})
	packets, stream := s.DNS()
	var running sync.WaitGroup
	for _, p := range packets {
		running.Go(func() { _ = s.relay.ServePacket(p) })
	}
	running.Go(func() { _ = s.relay.ServeStream(stream) })
	running.Go(func() {
		for {
			c, err := s.Connections().Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				to, err := Original(c)
				s.arrived.Store(to.String(), true)
				fmt.Fprintf(c, "ostiary for %v %v\n", to, err)
			})
		}
	})
	t.Cleanup(func() { s.Close(); running.Wait() })
	return s
}

func (s *started) finish(t *testing.T) int {
	t.Helper()
	if err := s.Go(); err != nil {
		t.Fatal(err)
	}
	status, err := s.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// TestSpaceIsClosed: whatever a command tries, by address, port or protocol, it
// comes to Ostiary or nowhere.
func TestSpaceIsClosed(t *testing.T) {
	for _, as := range []int{-1, 65534} {
		t.Run(strconv.Itoa(as), func(t *testing.T) {
			// Somebody in this namespace whom a leak would reach.
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			attempts := []struct{ to, want string }{
				{"tcp/203.0.113.9:443", "ostiary for 203.0.113.9:443 <nil>"},
				{"tcp/[2001:db8::9]:443", "ostiary for [2001:db8::9]:443 <nil>"},
				{"tcp/[64:ff9b::1]:443", "ostiary for [64:ff9b::1]:443 <nil>"},
				{"tcp/203.0.113.9:8443", "refused"},
				{"tcp/[2001:db8::9]:80", "refused"},
				{"udp/203.0.113.9:443", "refused"},
				{"udp/[2001:db8::9]:443", "refused"},
				{"udp/203.0.113.9:9999", "refused"},
				{"tcp/192.0.0.2:443", "refused"}, // itself
				{"tcp/" + l.Addr().String(), "refused"},
				{"ip4:1/203.0.113.9", "refused"}, // raw sockets
			}
			args := []string{"/proc/self/exe", "try"}
			for _, a := range attempts {
				args = append(args, a.to)
			}
			s := startSpace(t, SpaceOptions{Command: args, UID: as, GID: as})
			if status := s.finish(t); status != 0 {
				t.Fatalf("status %d: %s", status, s.output(t))
			}
			lines := strings.Split(s.output(t), "\n")
			for n, a := range attempts {
				got := strings.TrimPrefix(lines[n], a.to+" ")
				if !strings.Contains(got, a.want) {
					t.Errorf("%s: %s; want %s", a.to, got, a.want)
				}
			}
		})
	}
}

// TestSpaceHolds: a command of root cannot leave it, or change it.
func TestSpaceHolds(t *testing.T) {
	for name, script := range map[string]string{
		"enter the first namespace": "nsenter -t 1 -n true",
		"flush the rules":           "nft flush ruleset",
		"see the rules":             "nft list ruleset",
		"down the device":           "ip link set eth0 down",
		"unmount":                   "umount /etc/resolv.conf",
		"mount":                     "mount -t tmpfs none /mnt",
		"raise a capability":        "setpriv --inh-caps +net_admin --ambient-caps +net_admin ip link set eth0 down",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(strings.Fields(script)[0]); err != nil {
				t.Skip("not installed: ", strings.Fields(script)[0])
			}
			s := startSpace(t, SpaceOptions{Command: []string{"sh", "-c", script + " && echo DONE"}, UID: -1})
			if status := s.finish(t); status == 0 || strings.Contains(s.output(t), "DONE") {
				t.Errorf("status %d: %s", status, s.output(t))
			}
		})
	}
	// What it must be able to do still.
	s := startSpace(t, SpaceOptions{Command: []string{"sh", "-c", "setpriv --reuid 65534 --regid 65534 --clear-groups id -u && grep NoNewPrivs /proc/self/status"}, UID: -1})
	if status := s.finish(t); status != 0 || !strings.HasPrefix(s.output(t), "65534\n") {
		t.Errorf("status %d: %s", status, s.output(t))
	}
}

func TestSpaceStatus(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 128 + 15, "kill -KILL $$": 128 + 9} {
		s := startSpace(t, SpaceOptions{Command: []string{"sh", "-c", script}, UID: -1})
		if got := s.finish(t); got != want {
			t.Errorf("%s: %d; want %d", script, got, want)
		}
	}
}

func TestSpaceCommand(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.WriteFile(in, []byte("from stdin"), 0o644); err != nil {
		t.Fatal(err)
	}
	stdin, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	over := filepath.Join(dir, "over")
	if err := os.WriteFile(over, []byte("ours"), 0o644); err != nil {
		t.Fatal(err)
	}
	hosts, err := os.ReadFile("/etc/hostname")
	if err != nil {
		t.Skip("no /etc/hostname: ", err)
	}
	leak, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0) // as a careless parent would
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(leak) }()
	s := startSpace(t, SpaceOptions{
		Command: []string{"sh", "-c", `cat; echo; pwd; echo "$A $B"; cat /etc/hostname; id -u; ls /proc/self/fd | wc -l`}, Dir: dir, UID: 65534, GID: 65534,
		Env: []string{"PATH=/usr/bin:/bin", "A=one two", "B=é"}, Stdin: stdin, Mounts: []Mount{{From: over, To: "/etc/hostname"}},
	})
	if status := s.finish(t); status != 0 {
		t.Fatalf("status %d: %s", status, s.output(t))
	}
	if got, want := s.output(t), "from stdin\n"+dir+"\none two é\nours65534\n4\n"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	if now, err := os.ReadFile("/etc/hostname"); err != nil || !bytes.Equal(now, hosts) {
		t.Errorf("the mount shows outside: %q, %v", now, err)
	}
}

func TestSpaceErrors(t *testing.T) {
	needNamespaces(t)
	for name, o := range map[string]SpaceOptions{
		"no command":        {},
		"mounting over":     {Command: []string{"true"}, Mounts: []Mount{{From: "/nosuch", To: "/etc/hostname"}}},
		"no ports":          {Command: []string{"true"}, Ports: []uint16{}},
		"before it was rea": {Command: []string{"true"}, Self: []string{"/bin/true"}},
	} {
		o.Self, o.UID = append(o.Self, "/proc/self/exe", "inside")[:max(len(o.Self), 2)], -1
		if o.Ports == nil {
			o.Ports = []uint16{443}
		}
		s, err := StartSpace(o)
		if err == nil {
			s.Kill()
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v; want %q", err, name)
		}
	}
	for command, want := range map[string]string{"nosuch": "not found in PATH", "/nosuch/program": "no such file", "/etc/passwd": "permission denied"} {
		s := startSpace(t, SpaceOptions{Command: []string{command}, UID: -1})
		err := s.Go()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), command) {
			t.Errorf("%v; want %q", err, want)
		}
		_, _ = s.Wait()
	}
}

// TestSpaceSignals: what this process is told to do, the command is told.
func TestSpaceSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1} {
		s := startSpace(t, SpaceOptions{Command: []string{"sh", "-c", "trap 'echo got; exit 5' TERM HUP USR1; echo ready; while :; do sleep 0.05; done"}, UID: -1})
		if err := s.Go(); err != nil {
			t.Fatal(err)
		}
		done := make(chan int)
		go func() {
			status, err := s.Wait()
			if err != nil {
				t.Error(err)
			}
			done <- status
		}()
		for end := time.Now().Add(time.Minute); !strings.Contains(s.output(t), "ready"); {
			if time.Now().After(end) {
				t.Fatal("the command does not begin")
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		if status := <-done; status != 5 || !strings.Contains(s.output(t), "got") {
			t.Errorf("%v: status %d, %q", sig, status, s.output(t))
		}
	}
}

// TestSpaceAlone: with the one who serves it gone, a command reaches nobody, and one
// that has not begun never begins.
func TestSpaceAlone(t *testing.T) {
	s := startSpace(t, SpaceOptions{Command: []string{"/proc/self/exe", "try", "tcp/203.0.113.9:443", "tcp/[2001:db8::9]:443"}, UID: -1})
	if err := s.Connections().Close(); err != nil {
		t.Fatal(err)
	}
	s.finish(t)
	if got := s.output(t); strings.Count(got, "refused") != 2 {
		t.Errorf("%s", got)
	}

	s = startSpace(t, SpaceOptions{Command: []string{"echo", "began"}, UID: -1})
	s.Close()
	status, err := s.Wait()
	if err != nil || status == 0 || strings.Contains(s.output(t), "began\n") {
		t.Errorf("status %d, %v: %s", status, err, s.output(t))
	}
}

// TestSpaceOfAnybody runs it without root, in a user namespace.
func TestSpaceOfAnybody(t *testing.T) {
	needNamespaces(t)
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestSpaceUnprivileged$", "-test.v")
	cmd.Env = append(os.Environ(), "OSTIARY_TEST_UNPRIVILEGED=1", "TMPDIR=/tmp")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	switch {
	case bytes.Contains(out, []byte("gives ordinary users no namespaces")):
		if os.Getenv("OSTIARY_TEST_REQUIRE") == "1" {
			t.Fatalf("user namespaces are not permitted here (failing because OSTIARY_TEST_REQUIRE=1)\n%s", out)
		}
		t.Skip("user namespaces are not permitted here")
	case err != nil || !bytes.Contains(out, []byte("--- PASS: TestSpaceUnprivileged")):
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSpaceUnprivileged is run by TestSpaceOfAnybody.
func TestSpaceUnprivileged(t *testing.T) {
	if os.Getenv("OSTIARY_TEST_UNPRIVILEGED") == "" {
		t.Skip("run by TestSpaceOfAnybody")
	}
	out, err := os.CreateTemp("", "ostiary-space-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(out.Name())
	s, err := StartSpace(SpaceOptions{
		Self: []string{"/proc/self/exe", "inside"}, Ports: []uint16{443}, UID: -1, Env: []string{"PATH=" + os.Getenv("PATH")}, Stdout: out, Stderr: out,
		Mounts:  []Mount{{From: out.Name(), To: "/etc/hostname"}},
		Command: []string{"sh", "-c", "id -u; grep CapEff /proc/self/status; /proc/self/exe 2>/dev/null; ip link set eth0 down || echo held; umount /etc/hostname || echo kept"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Go(); err != nil {
		t.Fatal(err)
	}
	if status, err := s.Wait(); err != nil || status != 0 {
		t.Errorf("status %d, %v", status, err)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"65534\n", "CapEff:\t0000000000000000\n", "held\n", "kept\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q; want %q in it", text, want)
		}
	}
}

// TestSpaceResolves: names are asked of the relay, over UDP and TCP.
func TestSpaceResolves(t *testing.T) {
	t.Run("any resolver", func(t *testing.T) {
		s := startSpace(t, SpaceOptions{Command: []string{"/proc/self/exe", "ask", "203.0.113.53:53", "[2001:db8::53]:53"}, UID: -1})
		if s.finish(t); s.output(t) != strings.Repeat("udp 1\ntcp 1\n", 2) {
			t.Errorf("%q", s.output(t))
		}
	})
	dir := t.TempDir()
	conf := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/etc/resolv.conf"); err != nil {
		t.Skip("no /etc/resolv.conf to mount over")
	}
	s := startSpace(t, SpaceOptions{Command: []string{"/proc/self/exe", "try", "tcp/api.vendor.example:443", "tcp/api.vendor.example:8443"}, UID: -1, Mounts: []Mount{{From: conf, To: "/etc/resolv.conf"}}})
	s.finish(t)
	if got, want := s.output(t), "tcp/api.vendor.example:443 ostiary for 203.0.113.1:443 <nil>\ntcp/api.vendor.example:8443 refused\n"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	if asked, _ := s.relay.Questions(); asked == 0 {
		t.Error("the relay was not asked")
	}
}

// TestSpaceServesHTTPS: curl, told nothing but whom to trust.
func TestSpaceServesHTTPS(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	needNamespaces(t)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+" "+r.TLS.ServerName)
	}))
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s, err := StartSpace(SpaceOptions{
		Self: []string{"/proc/self/exe", "inside"}, Ports: []uint16{443}, UID: -1, Env: []string{"PATH=" + os.Getenv("PATH")}, Stdout: out, Stderr: out,
		Command: []string{"sh", "-c", "for a in 203.0.113.5 2001:db8::5; do curl -sS --insecure --noproxy '*' --max-time 60 --resolve \"example.com:443:$a\" https://example.com/; echo; done"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_ = srv.Listener.Close()
	srv.Listener = s.Connections()
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	defer srv.Close()
	if err := s.Go(); err != nil {
		t.Fatal(err)
	}
	if status, err := s.Wait(); err != nil || status != 0 {
		t.Errorf("status %d, %v", status, err)
	}
	if text, err := os.ReadFile(out.Name()); err != nil || string(text) != strings.Repeat("example.com example.com\n", 2) {
		t.Errorf("%q, %v", text, err)
	}
}

// TestInsideIsNoCommand: nobody else gets anywhere with it.
func TestInsideIsNoCommand(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "inside")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}
