package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/intercept"
	"github.com/ostiary/ostiary/proxy/redirect"
)

// Bounds of exec.
const (
	relayed     = 256              // connections at once, to a running Ostiary
	relayDial   = 10 * time.Second // until it answers
	execDays    = 2                // that the authority of one command holds
	insideWord  = "exec-inside"    // the command with which the process in the namespace begins
	execAddress = "127.0.0.1:15001"
)

// execFlags are the flags of ostiary exec.
type execFlags struct {
	config, log, to, ca, user string
	dns                       []string
}

func execCommand() *cobra.Command {
	var f execFlags
	c := &cobra.Command{
		Use:   "exec [flags] -- COMMAND ARGUMENTS",
		Short: "Run one command out of which nothing leads but through Ostiary",
		Long: `Exec runs a command in a network of its own, to see what a tool sends, or to govern
it without its help. Its connections to ports 443 and 80, whatever it dials, arrive
at an Ostiary in this process; every other port, UDP and QUIC are refused, and
questions of DNS go to this machine's resolver. It trusts an authority that is made
for it and thrown away: the system's file of roots, Java's, and the variables of
'ostiary env --proxy' name it. Variables that name a proxy, or a base URL on this
machine, are taken away: neither can be reached.

It needs no root where ordinary users may make namespaces, and runs the command as
whoever runs it; as root, --user names another one. The command loses the
capabilities with which root could leave. What it keeps: files, and sockets in the
file system. It is a look at a tool, not a cage for malice: do not run as root what
you do not trust, and mind that names of DNS can carry a little data.

At the end it says on standard error what was asked, decided, found and refused,
without content, and where the log is. The exit status is the command's, 128 and the
signal's number if one ended it, 2 if it did not begin.

Without --config the defaults of 'ostiary run' decide. With --to the connections are
given to an Ostiary that runs (its intercept.redirect), whose log has the decisions;
the command trusts the authority of its configuration, or that of --ca.`,
		Example: `  ostiary exec -- curl https://api.openai.com/v1/models
  ostiary exec --config ostiary.yaml -- python agent.py
  sudo ostiary exec --user $USER --to 127.0.0.1:15001 -- npx some-agent`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), args, c.ErrOrStderr()) },
	}
	fl := c.Flags()
	fl.SetInterspersed(false)
	fl.StringVar(&f.config, "config", "", "configuration `FILE`; without it, the defaults of ostiary run")
	fl.StringVar(&f.log, "log", "", "`DIRECTORY` of the audit log (default: a new one in the user's state)")
	fl.StringVar(&f.to, "to", "", "`ADDRESS` at which a running Ostiary takes redirected connections")
	fl.StringVar(&f.ca, "ca", "", "with --to, `DIRECTORY` of its certificate authority")
	fl.StringVar(&f.user, "user", "", "`USER` to run the command as; takes root")
	fl.StringSliceVar(&f.dns, "dns", nil, "`ADDRESS` of a resolver, in the place of this machine's; may be repeated")
	c.MarkFlagsMutuallyExclusive("to", "log")
	return c
}

// execInsideCommand is how the process in the namespace begins; nobody calls it.
func execInsideCommand() *cobra.Command {
	return &cobra.Command{
		Use: insideWord, Hidden: true, Args: cobra.NoArgs, Short: "A part of ostiary exec",
		Long: "What 'ostiary exec' starts in the namespace of a command. It is not to be called.",
		RunE: func(*cobra.Command, []string) error { return redirect.Inside() },
	}
}

func (f *execFlags) run(ctx context.Context, command []string, diag io.Writer) (err error) {
	if f.ca != "" && f.to == "" {
		return errors.New("--ca goes with --to")
	}
	dir, err := os.MkdirTemp("", "ostiary-exec-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // for another user to read what it must trust; the key's directory is 0700
		return err
	}
	e := &execution{flags: f, dir: dir, diag: diag}
	if f.to == "" {
		err = e.own(ctx)
	} else {
		err = e.other()
	}
	if err != nil {
		return err
	}
	return e.run(context.WithoutCancel(ctx), command) // a signal is the command's
}

// execution is one command and what it needs.
type execution struct {
	flags *execFlags
	dir   string
	diag  io.Writer

	cfg   *config.Config      // of an Ostiary of our own; nil with --to
	ca    intercept.Directory // that the command trusts
	log   string              // directory of the log of our own
	tally tally
}

// own prepares an Ostiary of our own: the configuration with one way in, and an
// authority.
func (e *execution) own(ctx context.Context) error {
	loaded, _, err := loadConfig(ctx, options{config: e.flags.config})
	if err != nil {
		return err
	}
	cfg := *loaded
	// Another Ostiary may serve with this configuration: nothing of this one is
	// reached from outside, and its log is one of its own that goes nowhere.
	cfg.Dataplane, cfg.Listen = "embedded", "unix:"+filepath.Join(e.dir, "base.sock")
	cfg.TLS = config.TLS{}
	cfg.Telemetry.Listen = ""
	cfg.Log.Ship, cfg.Log.Witnesses, cfg.Log.API = nil, nil, config.API{}
	cfg.Intercept.Proxy, cfg.Intercept.Redirect, cfg.Intercept.CA = "", execAddress, filepath.Join(e.dir, "ca")
	if e.log = e.flags.log; e.log == "" {
		state, err := audit.DefaultDir()
		if err != nil {
			return err
		}
		e.log = filepath.Join(filepath.Dir(state), "exec", time.Now().UTC().Format("20060102T150405")+"-"+strconv.Itoa(os.Getpid()), "log")
	}
	if e.log, err = filepath.Abs(e.log); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(e.log), 0o700); err != nil {
		return err
	}
	cfg.State, cfg.Log.Dir = "", e.log
	e.cfg = &cfg

	l, err := loadProviders(e.cfg)
	if err != nil {
		return err
	}
	names, err := governedNames(e.cfg, l)
	if err != nil {
		return err
	}
	governed, err := intercept.ParseNames(names)
	if err != nil {
		return err
	}
	e.ca = intercept.Open(cfg.Intercept.CA)
	_, err = e.ca.Create(intercept.Terms{Subject: "Ostiary, for one command", Domains: governed.Domains(), Days: execDays}, intercept.Key{}, nil)
	return err
}

// other prepares for an Ostiary that runs.
func (e *execution) other() error {
	if _, _, err := net.SplitHostPort(e.flags.to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	var err error
	if e.flags.ca != "" {
		e.ca, err = openAuthority(e.flags.ca)
		return err
	}
	cfg, err := plainConfig(e.flags.config)
	if err != nil {
		return err
	}
	e.ca, err = caDirectory(cfg)
	return err
}

func (e *execution) run(ctx context.Context, command []string) (err error) {
	o := redirect.SpaceOptions{
		Self: []string{"/proc/self/exe", insideWord}, Command: command, Ports: []uint16{443, 80}, UID: -1,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	t, err := e.trust()
	if err != nil {
		return err
	}
	o.Mounts, o.Env = t.mounts, t.environ(os.Environ())
	if err := e.identity(&o); err != nil {
		return err
	}
	resolvers, rest, err := e.flags.resolvers()
	if err != nil {
		return err
	}
	conf := filepath.Join(e.dir, "resolv.conf")
	if err := os.WriteFile(conf, []byte(rest+"nameserver 127.0.0.1\n"), 0o644); err != nil {
		return err
	}
	o.Mounts = append(o.Mounts, redirect.Mount{From: conf, To: "/etc/resolv.conf"})

	space, err := redirect.StartSpace(o)
	if err != nil {
		return err
	}
	begun := false
	defer func() {
		if !begun {
			space.Kill()
			_, _ = space.Wait()
		}
	}()
	names := redirect.NewRelay(resolvers)
	var serving sync.WaitGroup
	packets, stream := space.DNS()
	for _, p := range packets {
		serving.Go(func() { _ = names.ServePacket(p) })
	}
	serving.Go(func() { _ = names.ServeStream(stream) })
	defer serving.Wait()
	defer space.Close()

	stop, err := e.serve(ctx, space.Connections())
	if err != nil {
		return err
	}
	status := 0
	if err = space.Go(); err == nil {
		begun = true
		status, err = space.Wait()
	}
	err = errors.Join(err, stop())
	if err != nil {
		return err
	}
	e.tally.asked, e.tally.refusedNames = names.Questions()
	if err := e.summary(); err != nil {
		fmt.Fprintln(e.diag, "ostiary exec: the log cannot be read:", err)
	}
	if status != 0 {
		return answer{status}
	}
	return nil
}

// serve takes the command's connections until stop.
func (e *execution) serve(ctx context.Context, l net.Listener) (stop func() error, err error) {
	if e.cfg == nil {
		r := &handOver{to: e.flags.to, tally: &e.tally, slots: make(chan struct{}, relayed)}
		r.running.Go(func() { r.serve(l) })
		return func() error { r.stop(l); return nil }, nil
	}
	said, err := os.OpenFile(filepath.Join(filepath.Dir(e.log), "ostiary.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, options{preset: e.cfg, redirected: l, told: e.tally.connection}, io.Discard, said)
	if err != nil {
		return nil, errors.Join(err, said.Close())
	}
	for _, w := range s.current.Load().warnings {
		fmt.Fprintln(e.diag, "ostiary exec: warning:", w)
	}
	return func() error { return errors.Join(s.stop(), said.Close()) }, nil
}

// identity says whom the command runs as.
func (e *execution) identity(o *redirect.SpaceOptions) error {
	if e.flags.user == "" {
		return nil
	}
	u, err := user.Lookup(e.flags.user)
	if err != nil {
		if u, err = user.LookupId(e.flags.user); err != nil {
			return fmt.Errorf("--user: there is no user %q", e.flags.user)
		}
	}
	groups, err := u.GroupIds()
	if err != nil {
		return fmt.Errorf("--user: %w", err)
	}
	if o.UID, err = strconv.Atoi(u.Uid); err != nil {
		return errors.New("users have no numbers here")
	}
	if o.GID, err = strconv.Atoi(u.Gid); err != nil {
		return errors.New("groups have no numbers here")
	}
	for _, g := range groups {
		n, err := strconv.Atoi(g)
		if err != nil {
			return errors.New("groups have no numbers here")
		}
		o.Groups = append(o.Groups, n)
	}
	o.Env = append(o.Env, "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username)
	return nil
}

// handOver gives connections to an Ostiary that runs.
type handOver struct {
	to      string
	tally   *tally
	slots   chan struct{}
	running sync.WaitGroup

	mu    sync.Mutex
	open  map[net.Conn]bool // guarded by mu
	ended bool              // guarded by mu
}

func (r *handOver) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		r.slots <- struct{}{}
		if !r.keep(c) {
			return
		}
		r.running.Go(func() {
			defer func() { <-r.slots }()
			defer r.drop(c)
			up, err := net.DialTimeout("tcp", r.to, relayDial)
			if err != nil {
				r.tally.handedOver(false)
				return
			}
			if !r.keep(up) {
				return
			}
			defer r.drop(up)
			r.tally.handedOver(true)
			splice(c, up)
		})
	}
}

// keep remembers a connection, to be closed at the end. At the end it closes it.
func (r *handOver) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		_ = c.Close()
		return false
	}
	if r.open == nil {
		r.open = map[net.Conn]bool{}
	}
	r.open[c] = true
	return true
}

func (r *handOver) drop(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
	_ = c.Close()
}

func (r *handOver) stop(l net.Listener) {
	_ = l.Close()
	r.mu.Lock()
	r.ended = true
	for c := range r.open {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}

// splice copies both ways until both have ended, or one has failed.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, err := io.Copy(way[1], way[0])
			if half, ok := way[1].(interface{ CloseWrite() error }); ok && err == nil {
				_ = half.CloseWrite()
				return
			}
			_, _ = a.Close(), b.Close()
		})
	}
	both.Wait()
}

// resolvers says which are asked for the command, and what else its resolv.conf
// holds.
func (f *execFlags) resolvers() (list []netip.AddrPort, rest string, err error) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil, "", fmt.Errorf("the command's DNS needs a file to mount over: %w", err)
	}
	list, rest = redirect.Resolvers(string(text))
	if len(f.dns) > 0 {
		list = nil
	}
	for _, d := range f.dns {
		at, err := netip.ParseAddrPort(d)
		if a, bad := netip.ParseAddr(d); bad == nil {
			at, err = netip.AddrPortFrom(a, 53), nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("--dns: %q is no address of a resolver", d)
		}
		list = append(list, at)
	}
	return list, rest, nil
}

// cleanEnvironment takes away what would lead the command to places that it does not
// reach: proxies, and base URLs of this machine.
func cleanEnvironment(env []string) []string {
	var bases []string
	for _, s := range sdks() {
		for _, v := range s.variables {
			bases = append(bases, v.name)
		}
	}
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, value, _ := strings.Cut(e, "=")
		if slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}, strings.ToUpper(name)) {
			return true
		}
		if !slices.Contains(bases, name) {
			return false
		}
		u, err := url.Parse(value)
		if err != nil {
			return false
		}
		ip := net.ParseIP(u.Hostname())
		return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	})
}
