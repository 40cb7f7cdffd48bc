//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"github.com/ostiary/ostiary/proxy/standin"
	"github.com/ostiary/ostiary/testdata/env"
)

// The world of tests with intercepted clients: two network namespaces. Inside are
// Ostiary, the applications and the model in-house; outside are the vendor, an
// ordinary web site and a place that a rule refuses. Nothing leads from inside to
// anywhere else, so what did not arrive at a listener outside did not leave.
//
// The addresses of the vendor are of the ranges for documentation. Names that pass
// must not lead to these, so the sites' are others; they are nobody's but the
// namespace's.
const (
	insideAddress4, insideAddress6 = "203.0.113.2", "2001:db8::2"
	vendor4, vendor6               = "203.0.113.10", "2001:db8::10"
	site4, site6                   = "44.0.113.20", "2a0e:db8::20"
	paste4, paste6                 = "44.0.113.30", "2a0e:db8::30"

	vendorOpenAI, vendorAnthropic = "api.openai.com", "api.anthropic.com"
	ordinarySite, pasteSite       = "www.ordinary-site.org", "paste.bin-of-text.org"
)

// Users inside.
const (
	uidOstiary = 65531
	uidApp     = 65532
)

// views are what a process inside sees of names: both families of addresses, or one.
var views = []string{"both", "ipv4", "ipv6"}

// world is one pair of namespaces.
type world struct {
	t                *testing.T
	dir              string         // for files; every user inside may enter it
	inside, outside  *holder        // of the network namespaces
	views            map[string]int // pid of who holds the mount namespace of a view
	vendorCA, siteCA *signer
	vendor           *outpost // the models' vendor
	site, paste      *outpost
	house            *standin.Server
	houseBytes       *byteCounter
	hosts            []string                      // governed beside the providers' names
	gate             atomic.Pointer[chan struct{}] // holds streams of the vendor, unless nil
}

// holder is a process that keeps namespaces alive.
type holder struct{ pid int }

// outpost is a server outside with its bytes counted.
type outpost struct {
	*standin.Server
	bytes *byteCounter
}

// signer signs certificates of servers outside.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newSigner(t testing.TB, name string) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{cert, key}
}

// leaf makes a certificate as vendors have them.
func (a *signer) leaf(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// pem writes the authority's certificate into a file that everybody may read.
func (a *signer) pem(t testing.TB, file string) {
	t.Helper()
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})), 0o644)
}

func write(t testing.TB, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil { // whatever the umask says
		t.Fatal(err)
	}
}

// newWorld makes the namespaces and the servers; they end with the test.
func newWorld(t *testing.T) *world {
	t.Helper()
	env.Superuser(t)
	for _, p := range []string{"ip", "nsenter", "unshare", "setpriv", "mount"} {
		env.Program(t, p)
	}
	dir, err := os.MkdirTemp("", "ways")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, views: map[string]int{}}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []struct {
		name string
		uid  int
	}{{"ostiary", uidOstiary}, {"app", uidApp}, {"root", 0}, {"bin", 0}, {"py", 0}, {"src", 0}, {"node_modules", 0}, {"python", 0}} {
		at := w.path(d.name)
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(at, d.uid, d.uid); err != nil {
			t.Fatal(err)
		}
	}
	w.vendorCA, w.siteCA = newSigner(t, "Vendors' authority"), newSigner(t, "Public authority")
	w.vendorCA.pem(t, w.path("vendor.pem"))
	w.siteCA.pem(t, w.path("roots.pem"))
	w.network()
	w.mounts()
	w.servers()
	return w
}

func (w *world) path(elements ...string) string {
	return filepath.Join(append([]string{w.dir}, elements...)...)
}

// network makes the two namespaces and the cable between them.
func (w *world) network() {
	w.outside = w.hold("unshare", "--net")
	w.inside = w.hold("unshare", "--net")
	w.sh(fmt.Sprintf(`
ip link add eth0 netns %[1]d type veth peer name eth0 netns %[2]d
out() { nsenter --net=/proc/%[2]d/ns/net "$@"; }
inside() { nsenter --net=/proc/%[1]d/ns/net "$@"; }
out ip link set lo up
out ip link set eth0 up
inside ip link set lo up
inside ip link set eth0 up
out ip addr add 203.0.113.1/24 dev eth0
out ip addr add 2001:db8::1/64 dev eth0 nodad
inside ip addr add %[3]s/24 dev eth0
inside ip addr add %[4]s/64 dev eth0 nodad
for a in %[5]s; do case $a in
  *:*) out ip addr add $a/128 dev eth0 nodad ;;
  *) out ip addr add $a/32 dev eth0 ;;
esac; done
inside ip route add default via 203.0.113.1
inside ip -6 route add default via 2001:db8::1
`, w.inside.pid, w.outside.pid, insideAddress4, insideAddress6, strings.Join([]string{vendor4, vendor6, site4, site6, paste4, paste6}, " ")))
}

// mounts makes what processes inside see of the file system: names, the public
// roots, and the programs, wherever they lie on this machine.
func (w *world) mounts() {
	t := w.t
	for _, v := range views {
		var hosts strings.Builder
		hosts.WriteString("127.0.0.1 localhost\n::1 localhost\n")
		for _, h := range []struct{ v4, v6, names string }{
			{vendor4, vendor6, vendorOpenAI + " " + vendorAnthropic}, {site4, site6, ordinarySite}, {paste4, paste6, pasteSite},
		} {
			if v != "ipv6" {
				fmt.Fprintln(&hosts, h.v4, h.names)
			}
			if v != "ipv4" {
				fmt.Fprintln(&hosts, h.v6, h.names)
			}
		}
		write(t, w.path("hosts."+v), hosts.String(), 0o644)
	}
	write(t, w.path("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", 0o644)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binds := []struct{ from, to string }{{self, w.path("bin", "ostiary")}, {env.Envoy(t), w.path("bin", "envoy")}}
	for _, b := range binds {
		write(t, b.to, "", 0o755)
	}
	python, node := env.Ways(t)
	base, err := exec.Command(env.Python(t), "-c", "import sys; print(sys.base_prefix)").Output()
	if err != nil {
		t.Fatal(err)
	}
	src, err := filepath.Abs("testdata/ways")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []struct{ from, to string }{{strings.TrimSpace(string(base)), "py"}, {python, "python"}, {node, "node_modules"}, {src, "src"}} {
		binds = append(binds, struct{ from, to string }{b.from, w.path(b.to)})
	}
	for _, v := range views {
		var s strings.Builder
		for _, b := range append(binds,
			struct{ from, to string }{w.path("hosts." + v), "/etc/hosts"},
			struct{ from, to string }{w.path("resolv.conf"), "/etc/resolv.conf"},
			struct{ from, to string }{w.path("roots.pem"), "/etc/ssl/certs/ca-certificates.crt"}) {
			fmt.Fprintf(&s, "mount --bind %s %s\n", b.from, b.to)
		}
		w.views[v] = w.hold("nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", w.inside.pid), "unshare", "--mount", "--propagation", "private", "sh", "-ec", s.String()+`exec "$@"`, "sh").pid
	}
}

// hold starts a process in namespaces of its own that does nothing, and returns
// once it is there.
func (w *world) hold(command ...string) *holder {
	t := w.t
	t.Helper()
	cmd := exec.Command(command[0], append(command[1:], "sh", "-c", "echo there; exec sleep infinity")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "there\n" {
		t.Fatalf("%s: no namespace: %s", strings.Join(command[:2], " "), said.String())
	}
	return &holder{cmd.Process.Pid}
}

// sh runs commands as root outside of all namespaces.
func (w *world) sh(script string) {
	w.t.Helper()
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
}

// listen opens a listener in a network namespace.
func (w *world) listen(h *holder, addresses ...string) []net.Listener {
	w.t.Helper()
	var out []net.Listener
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			ours, err := netns.Get()
			if err != nil {
				return err
			}
			defer func() { _ = ours.Close() }()
			theirs, err := netns.GetFromPid(h.pid)
			if err != nil {
				return err
			}
			defer func() { _ = theirs.Close() }()
			if err := netns.Set(theirs); err != nil {
				return err
			}
			for _, a := range addresses {
				l, err := net.Listen("tcp", a)
				if err != nil {
					return err
				}
				out = append(out, l)
			}
			// A thread that ended would take the processes with it that it started.
			if err := netns.Set(ours); err != nil {
				return err
			}
			runtime.UnlockOSThread()
			return nil
		}()
	}()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
	return out
}

// several accepts at several listeners as if they were one.
type several struct {
	net.Listener
	accepted chan net.Conn
	closed   chan struct{}
	all      []net.Listener
	once     sync.Once
}

func together(all []net.Listener) *several {
	s := &several{Listener: all[0], accepted: make(chan net.Conn), closed: make(chan struct{}), all: all}
	for _, l := range all {
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				select {
				case s.accepted <- c:
				case <-s.closed:
					_ = c.Close()
					return
				}
			}
		}()
	}
	return s
}

func (s *several) Accept() (net.Conn, error) {
	select {
	case c := <-s.accepted:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *several) Close() error {
	s.once.Do(func() {
		close(s.closed)
		for _, l := range s.all {
			_ = l.Close()
		}
	})
	return nil
}

// serve starts a server at a listener; a nil certificate is plain HTTP.
func (w *world) serve(l net.Listener, h http.Handler, cert *tls.Certificate) {
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	if cert != nil {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if cert != nil {
			_ = srv.ServeTLS(l, "", "")
			return
		}
		_ = srv.Serve(l)
	}()
	w.t.Cleanup(func() { _ = srv.Close(); _ = l.Close(); <-done })
}

const pageText = "An ordinary page, for everybody."

// held holds a stream of the vendor after its first event, for a test that says so.
func (w *world) held(_ *http.Request, event int) {
	if gate := w.gate.Load(); gate != nil && event == 1 {
		<-*gate
	}
}

func (w *world) servers() {
	t := w.t
	outside := func(h http.Handler, cert tls.Certificate, addresses ...string) *byteCounter {
		var at []string
		for _, a := range addresses {
			at = append(at, net.JoinHostPort(a, "443"))
		}
		b := &byteCounter{Listener: together(w.listen(w.outside, at...))}
		w.serve(b, h, &cert)
		return b
	}
	w.vendor = &outpost{Server: standin.New(standin.Options{Name: "vendor", Models: []string{"gpt-5"}, Keep: 100_000, Gate: w.held})}
	w.vendor.bytes = outside(w.vendor.Server, w.vendorCA.leaf(t, vendorOpenAI, vendorAnthropic), vendor4, vendor6)
	page := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("content-type", "text/html; charset=utf-8")
		_, _ = io.WriteString(rw, "<!doctype html><title>page</title><p>"+pageText+"</p>")
	})
	w.site = &outpost{bytes: outside(page, w.siteCA.leaf(t, ordinarySite), site4, site6)}
	w.paste = &outpost{bytes: outside(page, w.siteCA.leaf(t, pasteSite), paste4, paste6)}
	w.house = standin.New(standin.Options{Name: "house", Models: []string{"house-model"}, Keep: 100_000})
	w.houseBytes = &byteCounter{Listener: w.listen(w.inside, "127.0.0.1:8000")[0]}
	w.serve(w.houseBytes, w.house, nil)
}

// command makes a process inside, as a user, with nothing in its environment but
// what is given.
func (w *world) command(view string, uid int, environ []string, command ...string) *exec.Cmd {
	pid := w.views[view]
	args := []string{"--net", "--mount", "--target", fmt.Sprint(pid), "--wd=" + w.dir,
		"setpriv", fmt.Sprintf("--reuid=%d", uid), fmt.Sprintf("--regid=%d", uid), "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--pdeathsig", "KILL"}
	cmd := exec.Command("nsenter", append(args, command...)...)
	cmd.Env = append([]string{"PATH=" + w.path("bin") + ":/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}, environ...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// home are the variables of a user's directory.
func (w *world) home(user string) []string {
	at := w.path(user)
	return []string{"HOME=" + at, "TMPDIR=" + at, "XDG_STATE_HOME=" + filepath.Join(at, "state")}
}

// ostiary runs a command of Ostiary inside, as its user, and gives what it printed.
func (w *world) ostiary(args ...string) string {
	w.t.Helper()
	cmd := w.command("both", uidOstiary, w.home("ostiary"), append([]string{"ostiary"}, args...)...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("ostiary %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), diag.String())
	}
	return out.String()
}

// Ways in.
const (
	atProxy, atRedirect = "127.0.0.1:3128", "127.0.0.1:15001"
	atBase              = "127.0.0.1:8484"
)

func quotedList(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, strconv.Quote(n))
	}
	return strings.Join(out, ", ")
}

// pasteRule is policy about a name: nobody brings text to that place.
const pasteRule = `# METADATA
# title: Where pasted text lies
package ostiary.policies.paste

# METADATA
# title: No pasting of text
refuse contains {"host": "*.bin-of-text.org", "reason": "Text is not to be pasted there."}
`

// configuration writes Ostiary's, with more YAML, and makes its authority.
func (w *world) configuration(plane, extra string) string {
	w.t.Helper()
	file := w.path("ostiary", "ostiary.yaml")
	policies := w.path("ostiary", "policies")
	if _, err := os.Stat(policies); err != nil {
		w.ostiary("init", w.path("ostiary"))
		rule := filepath.Join(policies, "paste", "paste.rego")
		if err := os.Mkdir(filepath.Dir(rule), 0o755); err != nil {
			w.t.Fatal(err)
		}
		write(w.t, rule, pasteRule, 0o644)
	}
	text := fmt.Sprintf(`listen: %s
mode: enforce
dataplane: %s
log: ./log
state: ./state
policies: ./policies
intercept:
  proxy: %s
  redirect: %s
  ca: ./ca
  hosts: [%s]
applications:
  - name: desk
identity:
  local:
    - {uid: %d, application: desk}
pools:
  - name: openai
    boundary: external
    jurisdiction: US
    url: https://%s
    dialects: [openai]
    credential: client
    ca: %s
  - name: anthropic
    boundary: external
    jurisdiction: US
    url: https://%s
    dialects: [anthropic]
    credential: client
    ca: %[8]s
  - name: house
    boundary: internal
    url: http://127.0.0.1:8000
    dialects: [openai, anthropic]
    models: {"*": house-model}
    context: 32768
%[10]s`, atBase, plane, atProxy, atRedirect, quotedList(w.hosts), uidApp, vendorOpenAI, w.path("vendor.pem"), vendorAnthropic, extra)
	write(w.t, file, text, 0o644)
	if _, err := os.Stat(w.path("ostiary", "ca")); err != nil {
		w.ostiary("ca", "init", "--config", file)
	}
	return file
}

// running is an Ostiary inside.
type running struct {
	*process
	w    *world
	file string // its configuration
}

// run starts Ostiary and returns once it serves.
func (w *world) run(plane, extra string, args ...string) *running {
	w.t.Helper()
	file := w.configuration(plane, extra)
	r := &running{process: &process{screen: &syncBuffer{}}, w: w, file: file}
	r.cmd = w.command("both", uidOstiary, append(w.home("ostiary"), "OSTIARY_ENVOY="+w.path("bin", "envoy")), append([]string{"ostiary", "run", "--config", file}, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = r.screen, r.screen
	if err := r.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		r.kill()
		if w.t.Failed() {
			w.t.Logf("Ostiary said:\n%s", r.screen)
		}
	})
	r.await(w.t, "What it decides")
	return r
}

func (r *running) kill() { _ = r.cmd.Process.Kill(); _ = r.cmd.Wait() }

// redirected writes the rules that redirect what users inside open, those of whoever
// serves where they arrive excepted.
func (w *world) redirected(file string, flags ...string) {
	w.t.Helper()
	cmd := w.command("both", 0, w.home("root"), append([]string{"ostiary", "redirect", "up", "--config", file}, flags...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("ostiary redirect up: %v\n%s", err, out)
	}
}

// trusting gives the environment of an application whose user ran what 'ostiary ca
// install' prints, in a directory of its own.
func (w *world) trusting(r *running, stores ...string) []string {
	w.t.Helper()
	var script strings.Builder
	for _, s := range stores {
		script.WriteString(w.ostiary("ca", "install", "--config", r.file, "--print", s))
	}
	cmd := w.command("both", uidApp, w.home("app"), "sh", "-e")
	cmd.Stdin = strings.NewReader(script.String() + "\nexec env -0\n")
	var diag bytes.Buffer
	cmd.Stderr = &diag
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("what 'ostiary ca install' prints does not run: %v\n%s", err, diag.String())
	}
	var environ []string
	for v := range strings.SplitSeq(string(out), "\x00") {
		if name, _, ok := strings.Cut(v, "="); ok && name != "PATH" && name != "LANG" && name != "PWD" && name != "_" {
			environ = append(environ, v)
		}
	}
	return environ
}
