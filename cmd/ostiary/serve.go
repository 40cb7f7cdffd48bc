package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/ostiary/ostiary/policies/bundle"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/facts"
	"github.com/ostiary/ostiary/proxy/notify"
	"github.com/ostiary/ostiary/proxy/telemetry"
	"github.com/ostiary/ostiary/proxy/vault"
)

// Times that the process takes for its own life.
const (
	notifyTime     = 2 * time.Second // for messages that wait, when it stops
	recordTime     = 5 * time.Second // for the last outcomes
	refreshTime    = time.Minute     // between looks at keys from files and commands
	metricsTimeout = 10 * time.Second
)

// options are what the command line adds to a configuration.
type options struct {
	config    string         // file; empty for none
	listen    string         // overrides the configuration's
	log       string         // overrides the configuration's
	dataplane string         // overrides the configuration's
	socket    string         // of the policy server; empty for one in a private directory
	accessLog string         // of an Envoy that we do not run
	envoy     string         // binary
	preset    *config.Config // in the place of a file; the demo's

	redirected net.Listener     // of the embedded data plane, in the place of intercept.redirect
	told       func(Connection) // of connections that were not governed; nil for none
}

// server is one running Ostiary.
type server struct {
	opts   options
	out    io.Writer // for the person at the terminal
	log    *slog.Logger
	places places
	hash   []byte // key of fingerprints

	audit   *audit.Log
	ledger  *ledger
	ring    *vault.Keyring // of fingerprints
	outbox  *notify.Outbox
	engine  *proxy.Engine
	tel     *telemetry.Telemetry
	plane   plane
	ways    *ways                 // nil where nothing is intercepted
	metrics *http.Server          // nil where nothing is configured
	current atomic.Pointer[built] // written by reload only, which one goroutine calls
	ready   atomic.Bool

	feed       atomic.Pointer[feed] // of the policies; nil where they are no bundle
	offers     chan *offer          // to wait
	nextFeed   *feed                // of what is being built; of the goroutine that builds
	passedOver []*bundle.Refusal    // before the log is open
}

// plane carries the traffic.
type plane interface {
	// start serves b and returns once it accepts connections.
	start(ctx context.Context, b *built) error
	// reload serves b from now on; an error leaves the former one serving.
	reload(ctx context.Context, b *built) error
	// stop drains within the context and ends.
	stop(ctx context.Context) error
	// describe says in a few words what carries the traffic.
	describe() string
}

// loadConfig reads the configuration that the options name, or makes the one
// without a file.
func loadConfig(ctx context.Context, o options) (*config.Config, []string, error) {
	var found []string
	var cfg *config.Config
	switch {
	case o.preset != nil:
		return o.preset, nil, nil
	case o.config == "":
		cfg, found = defaultConfig(ctx, o.listen)
	default:
		var err error
		if cfg, err = config.Load(o.config); err != nil {
			return nil, nil, err
		}
	}
	if o.listen == "" && o.dataplane == "" {
		return cfg, found, nil
	}
	changed := *cfg
	if o.listen != "" {
		changed.Listen = o.listen
	}
	if o.dataplane != "" {
		changed.Dataplane = o.dataplane
	}
	return &changed, found, checkListen(&changed)
}

// checkListen refuses what the configuration file would be refused for, where
// the command line says it.
func checkListen(cfg *config.Config) error {
	keyed := slices.ContainsFunc(cfg.Applications, func(a config.Application) bool { return len(a.Keys) > 0 })
	if !cfg.Loopback() && cfg.TLS.Cert == "" && !keyed {
		return fmt.Errorf("listening on %s, beyond this machine, needs tls, or applications with keys: anybody on the network could spend the provider keys", cfg.Listen)
	}
	if !slices.Contains([]string{"auto", "envoy", "embedded", "none"}, cfg.Dataplane) {
		return fmt.Errorf("dataplane %q: want auto, envoy, embedded or none", cfg.Dataplane)
	}
	if strings.HasPrefix(cfg.Listen, "unix:") {
		return nil
	}
	if _, _, err := net.SplitHostPort(cfg.Listen); err != nil {
		return fmt.Errorf("listen %q: want ADDRESS:PORT", cfg.Listen)
	}
	return nil
}

func newServer(o options, out, diag io.Writer) *server {
	thisProgram() // its file is read while the policies load
	return &server{opts: o, out: out, log: telemetry.Logger(diag, slog.LevelInfo, false), offers: make(chan *offer)}
}

// start brings everything up; on an error everything is down again.
func start(ctx context.Context, o options, out, diag io.Writer) (*server, error) {
	s := newServer(o, out, diag)
	if err := s.bringUp(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *server) bringUp(ctx context.Context) (err error) {
	o := s.opts
	cfg, found, err := loadConfig(ctx, o)
	if err != nil {
		return err
	}
	if s.places, err = findPlaces(cfg, o.log); err != nil {
		return err
	}
	if s.hash, err = loadHashKey(s.places.keys); err != nil {
		return err
	}
	if s.ring, err = vault.OpenKeyring(s.places.keys, nil); err != nil {
		return err
	}
	b, err := s.buildServed(ctx, cfg)
	if err != nil {
		return err
	}
	s.current.Store(b)

	undo := []func(){}
	defer func() {
		if err == nil {
			return
		}
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}()
	s.ledger = newLedger(cfg, s.places, s.ring, s.log)
	to, err := s.telemetryOptions(b)
	if err != nil {
		return err
	}
	if s.tel, err = telemetry.New(ctx, to); err != nil {
		return err
	}
	undo = append(undo, func() { _ = s.closeTelemetry(context.WithoutCancel(ctx)) })
	if err = s.serveMetrics(cfg.Telemetry.Listen); err != nil {
		return err
	}
	lo, err := logOptions(cfg, s.places)
	if err != nil {
		return err
	}
	lo.Observe = func(c audit.Commit) { s.tel.Commit(c.Events, c.Queue, c.Duration, c.Sync) }
	lo.Alarm = func(err error) { s.log.Error("AUDIT LOG", "error", err) }
	lo.Committed, lo.Sealed, lo.Needed = s.ledger.hand, s.ledger.packed, s.ledger.needed
	s.audit, err = audit.Open(s.places.log, lo)
	if err != nil {
		return err
	}
	undo = append(undo, func() { _ = s.audit.Close() })
	if err = s.ring.Prepare(); err != nil {
		return fmt.Errorf("keys of fingerprints: %w", err)
	}
	if err = s.ledger.start(ctx, s.audit, observed{s.audit, s.tel}, s.known); err != nil {
		return err
	}
	undo = append(undo, func() { _ = s.ledger.stop(context.WithoutCancel(ctx)) })
	s.startOutbox(b)
	s.engine = proxy.NewEngine(b.snap, s.outbox, s.tel)
	undo = append(undo, func() { _ = s.engine.Close(context.WithoutCancel(ctx)) })
	undo = append(undo, func() { s.outbox.Close(ctx) })

	if s.ways, err = newWays(s, b); err != nil {
		return err
	}
	if s.plane, err = s.choosePlane(ctx, cfg); err != nil {
		return err
	}
	if err = s.engine.Admin(ctx, proxy.EventAdmin, "start", s.plane.describe()); err != nil {
		return fmt.Errorf("the audit log does not record: %w", err)
	}
	s.adoptFeed(ctx)
	if err = s.plane.start(ctx, b); err != nil {
		return err
	}
	s.ready.Store(true)
	tellSystemd(daemon.SdNotifyReady, s.log)
	s.banner(ctx, b, found)
	return nil
}

// wait serves until the context ends: it reloads on SIGHUP and whenever the
// configuration or anything that it names changes, and stops cleanly.
func (s *server) wait(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	changed := make(chan struct{}, 1)
	watch := func(paths []string) (end func()) {
		watching, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			err := config.Watch(watching, paths, func() {
				select {
				case changed <- struct{}{}:
				default: // one that waits is enough
				}
			})
			if err != nil {
				s.log.Warn("changes of the configuration are not noticed; send SIGHUP after a change", "error", err)
			}
		}()
		return func() { cancel(); <-done }
	}
	paths := s.current.Load().cfg.Paths()
	endWatch := watch(paths)
	defer func() { endWatch() }()
	endFollow := s.follow(ctx)
	defer func() { endFollow() }()
	refresh := time.NewTicker(refreshTime)
	defer refresh.Stop()
	alive, endAlive := watchdog()
	defer endAlive()
	for {
		select {
		case <-alive:
			tellSystemd(daemon.SdNotifyWatchdog, s.log)
			continue
		case <-ctx.Done():
			endFollow()
			return s.stop()
		case o := <-s.offers:
			s.activate(ctx, o)
			continue
		case <-hup:
		case <-changed:
		case <-refresh.C:
			s.refreshKeys(ctx)
			continue
		}
		endFollow() // one at a time uses the directory of bundles
		s.reload(ctx)
		endFollow = s.follow(ctx)
		if now := s.current.Load().cfg.Paths(); !slices.Equal(now, paths) {
			endWatch()
			paths, endWatch = now, watch(now)
			// A change between the reload and the new watch would be missed.
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}
}

// reload builds the new snapshot and swaps it in; a broken one leaves the old
// one serving, and that is said loudly.
func (s *server) reload(ctx context.Context) {
	tellSystemd(daemon.SdNotifyMonotonicUsec()+daemon.SdNotifyReloading, s.log)
	defer tellSystemd(daemon.SdNotifyReady, s.log)
	cfg, _, err := loadConfig(ctx, s.opts)
	var b *built
	if err == nil {
		b, err = s.buildServed(ctx, cfg)
	}
	if err == nil {
		err = s.fixed(cfg)
	}
	if err == nil {
		err = s.plane.reload(ctx, b)
	}
	if err != nil {
		s.log.Error("reload failed; the former configuration keeps serving", "error", err)
		fmt.Fprintf(s.out, "\nRELOAD FAILED: the former configuration keeps serving.\n%v\n\n", err)
		_ = s.engine.Admin(ctx, proxy.EventConfig, "reload_failed", "")
		return
	}
	s.current.Store(b)
	s.engine.Swap(b.snap)
	s.outbox.Use(b.notify)
	s.adoptFeed(ctx)
	s.tel.Know(b.names())
	for _, w := range b.warnings {
		s.log.Warn(w)
	}
	s.log.Info("reloaded", "config", b.snap.Revision, "policies", b.snap.Decider.Revision(), "mode", string(b.snap.Mode))
	fmt.Fprintf(s.out, "reloaded: policies %s, mode %s\n", b.snap.Decider.Revision(), b.snap.Mode)
	if err := s.engine.Admin(ctx, proxy.EventConfig, "reload", ""); err != nil {
		s.log.Error("the reload could not be recorded", "error", err)
	}
}

// fixed refuses a change of what a process cannot change about itself.
func (s *server) fixed(cfg *config.Config) error {
	old := s.current.Load().cfg
	where, err := findPlaces(cfg, s.opts.log)
	switch {
	case err != nil:
		return err
	case where != s.places:
		return errors.New("the directory of the audit log changed: restart Ostiary to use another")
	case cfg.Listen != old.Listen:
		return errors.New("listen changed: restart Ostiary to use another address")
	case cfg.Intercept.Proxy != old.Intercept.Proxy || cfg.Intercept.Redirect != old.Intercept.Redirect || cfg.Intercept.CA != old.Intercept.CA:
		return errNoInterception
	case cfg.Dataplane != old.Dataplane:
		return errors.New("dataplane changed: restart Ostiary to use another")
	case !reflect.DeepEqual(cfg.Log, old.Log):
		return errors.New("log changed: restart Ostiary to apply it")
	case cfg.Telemetry != old.Telemetry:
		return errors.New("telemetry changed: restart Ostiary to apply it")
	}
	return nil
}

// refreshKeys reads keys from files and commands again.
func (s *server) refreshKeys(ctx context.Context) {
	b := s.current.Load()
	changed := b.pools.Refresh(ctx)
	if len(changed) == 0 {
		return
	}
	s.log.Info("keys changed", "pools", changed)
	if k, ok := s.plane.(interface{ keysChanged() }); ok {
		k.keysChanged()
	}
}

// stop drains and ends. What it could not do in time it says.
func (s *server) stop() error {
	s.ready.Store(false)
	tellSystemd(daemon.SdNotifyStopping, s.log)
	fmt.Fprintln(s.out, "stopping: no new requests, streams drain")
	drain, cancel := context.WithTimeout(context.Background(), s.current.Load().cfg.Limits.Drain)
	err := s.plane.stop(drain)
	cancel()
	tell, cancel := context.WithTimeout(context.Background(), notifyTime)
	s.outbox.Close(tell)
	cancel()
	last, cancel := context.WithTimeout(context.Background(), recordTime)
	defer cancel()
	open := s.engine.Close(last)
	err = errors.Join(err, open, s.ledger.stop(last))
	if open == nil {
		// The last of what this process records: behind it no outcome is missing. Where one
		// is, the next start looks for it.
		err = errors.Join(err, s.engine.Admin(last, proxy.EventAdmin, "stop", ""))
	}
	return errors.Join(err, s.audit.Close(), s.closeTelemetry(last))
}

// known adds what only the process knows to the state of the log.
func (s *server) known(st *console.Stats) {
	if b := s.current.Load(); b != nil {
		st.Revisions = []string{"configuration " + b.snap.Revision, "policies " + b.snap.Decider.Revision(), "suite " + b.snap.Classifier.Revision(), "program " + b.snap.Binary}
	}
}

func (s *server) telemetryOptions(b *built) (telemetry.Options, error) {
	cfg := b.cfg.Telemetry
	o := telemetry.Options{Version: version, Sample: cfg.Sample, Names: b.names(), Log: s.log, Traceparent: facts.Traceparent, Envoy: s.envoyStats, Ready: s.waitsFor,
		PolicyAge: s.policyAge, Ledger: func() telemetry.Ledger { return s.ledger.telemetry() }}
	if cfg.OTLP.Endpoint == "" {
		return o, nil
	}
	o.OTLP = "https://" + cfg.OTLP.Endpoint
	if cfg.OTLP.Insecure {
		o.OTLP = "http://" + cfg.OTLP.Endpoint
	}
	var err error
	o.Headers, err = headersFile(cfg.OTLP.HeadersFile)
	return o, err
}

// headersFile reads NAME: VALUE lines. An error names the line and not what it
// holds: it is often a key.
func headersFile(name string) (map[string]string, error) {
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for n, line := range strings.Split(string(b), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, v, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%s:%d: want NAME: VALUE", name, n+1)
		}
		out[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return out, nil
}

// names are the configured names that metrics may hold.
func (b *built) names() telemetry.Names {
	var n telemetry.Names
	for _, u := range b.pools.Upstreams() {
		n.Pools = append(n.Pools, u.Pool.Name)
		for _, m := range u.Pool.Models {
			n.Models = append(n.Models, m.Name)
		}
	}
	for _, t := range b.suite.Types() {
		n.Types = append(n.Types, t.Name)
	}
	return n
}

// waitsFor names what keeps the process from being ready.
func (s *server) waitsFor() []string {
	var out []string
	if !s.ready.Load() {
		out = append(out, "data plane")
	}
	if s.audit != nil && s.audit.Failed() != nil {
		out = append(out, "audit log")
	}
	return out
}

// envoyStats gives the counters of the Envoy that we run.
func (s *server) envoyStats(ctx context.Context) map[string]uint64 {
	p, ok := s.plane.(*envoyPlane)
	if !ok || p.process == nil {
		return nil
	}
	stats, err := p.process.Stats(ctx)
	if err != nil {
		return nil
	}
	out := map[string]uint64{}
	for _, st := range stats {
		out[st.Name] = uint64(st.Value)
	}
	return out
}

// serveMetrics serves metrics, health and readiness where configured.
func (s *server) serveMetrics(address string) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("telemetry.listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.tel.Handler())
	mux.HandleFunc("GET /policies", s.servePolicies)
	s.metrics = &http.Server{Handler: mux, ReadHeaderTimeout: metricsTimeout, WriteTimeout: metricsTimeout}
	go func() { _ = s.metrics.Serve(l) }() // ends with closeTelemetry
	return nil
}

func (s *server) closeTelemetry(ctx context.Context) error {
	var err error
	if s.metrics != nil {
		err = s.metrics.Close()
	}
	return errors.Join(err, s.tel.Close(ctx))
}

// runtimeDir makes a private directory for sockets. Paths of unix sockets are
// at most 107 bytes long, so it is a short one.
func runtimeDir() (string, error) {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if st, err := os.Stat(base); base == "" || len(base) > 40 || err != nil || !st.IsDir() {
		base = os.TempDir()
	}
	dir, err := os.MkdirTemp(base, "ostiary-")
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}
