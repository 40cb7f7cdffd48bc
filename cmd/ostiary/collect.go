package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/token"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/collect"
	collectstore "github.com/ostiary/ostiary/proxy/audit/collect/store"
	"github.com/ostiary/ostiary/proxy/audit/export"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/audit/witness"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
)

// Times and bounds of a collector.
const (
	gatherEvery  = 5 * time.Second  // between looks for logs that are new
	gatherHeader = 10 * time.Second // for the head of a request
	gatherBody   = 2 * time.Minute  // for a push, 16 MiB at most
	gatherIdle   = 2 * time.Minute  // of a connection
	gatherHead   = 64 << 10         // bytes of the head of a request
	gatherStop   = 10 * time.Second // for what is under way when it ends
	gatherConfig = 1 << 20          // bytes of the configuration
	gatherMemory = 64 << 20         // bytes of columns kept in memory for each log
)

// collectConfig is the file that --config names. Paths in it are taken from its
// directory.
type collectConfig struct {
	// Dir is where everything is kept.
	Dir string `yaml:"dir"`
	// Listen is the address at which proxies push and ask for cosignatures.
	Listen string `yaml:"listen"`
	// TLS is its certificate, required beyond this machine.
	TLS config.TLS `yaml:"tls"`
	// ClientCA is a PEM file: who pushes then needs a certificate of it.
	ClientCA string `yaml:"client_ca"`
	// Name is the witness's; by default collector.
	Name string `yaml:"name"`
	// Origins are the logs known from the beginning.
	Origins []collectOrigin `yaml:"origins"`
	// Tokens are who may push.
	Tokens []collectToken `yaml:"tokens"`
	// Readers are who may get the logs' trees and records as tiles.
	Readers []collectReader `yaml:"readers"`
	// API is the read API over all logs.
	API config.API `yaml:"api"`
	// Store is the database that answers questions, in place of indices on this machine.
	Store collectStore `yaml:"store"`
	// Keep is for how many days the copies on disk keep a record, as in 30d; left out:
	// for ever.
	Keep string `yaml:"keep"`
}

// collectReader is a token with the logs that it may read as tiles.
type collectReader struct {
	Secret  config.Secret `yaml:"secret"`
	Origins string        `yaml:"origins"`
}

// collectStore says where the events of all logs are kept for questions.
type collectStore struct {
	// To is postgres or clickhouse; left out: no store.
	To string `yaml:"to"`
	// URL is the address of clickhouse. That of postgres stands in its secret.
	URL string `yaml:"url"`
	// Within is the database of clickhouse, Into the table; left out: ostiary_gathered.
	Within string `yaml:"within"`
	Into   string `yaml:"into"`
	// User is that of clickhouse; Secret its password or, for postgres, the connection
	// string.
	User   string        `yaml:"user"`
	Secret config.Secret `yaml:"secret"`
	// CA is a PEM file of the authorities that clickhouse is checked against.
	CA string `yaml:"ca"`
	// Daily partitions a table of postgres by day.
	Daily bool `yaml:"daily"`
}

// collectOrigin is a log with the files of its verifier keys.
type collectOrigin struct {
	Name string   `yaml:"name"`
	Keys []string `yaml:"keys"`
}

// collectToken is a token with the logs that it is good for.
type collectToken struct {
	Secret  config.Secret `yaml:"secret"`
	Origins string        `yaml:"origins"`
	Enrol   bool          `yaml:"enrol"`
}

func collectCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "collect --config FILE",
		Short: "Gather and witness the audit logs of many proxies",
		Long: `Takes the audit logs of many proxies, without their personal parts, keeps a copy of
each that 'ostiary audit' reads and verifies, cosigns their checkpoints, and answers
questions over all of them. It takes nothing that a log's own key has not signed; a log
that was put back to an older state, or that has signed two histories, is refused, told
of and kept as evidence.

  ostiary collect --config collect.yaml
  ostiary audit search action:deny --all /srv/collect/origins        # over all logs
  ostiary audit verify --all /srv/collect/origins

Proxies push to it (log.ship with to: collector) and have it sign (log.witnesses with
the key in DIR/witness.key.pub). The read API, with a live tail over all logs, is on
DIR/keys/control.sock, and on HTTPS where api.listen says so; who asks for what is
recorded in a log of the collector's own, DIR/log.

Where the indices of one machine are not enough, store names a PostgreSQL (12 or later)
or a ClickHouse: the events of all logs go there as well, once each, and the API answers
from there in the same language with the same answers. The copies on disk stay the
proof. A collector needs a table of its own there, ostiary_gathered where into names no
other; it makes it. How far each log is copied stands in DIR/copies.

With keep, what came longer ago is removed from the copies on disk, in whole segments
and so up to an eighth of the time late: only what was cosigned, what the store has
(where there is one), and what no legal hold of the log keeps. Hashes and checkpoints
stay, so that records from the store are still held against what the log signed. Without
a store these records are gone from the collector's answers. What was removed is
recorded in DIR/log.

With readers, each log can be read as tiles (C2SP tlog-tiles), records included: GET
/logs/ on the address of pushes lists them, and below /logs/NAME/ are checkpoint and
tile/. A reader shows its token, and the certificate that client_ca asks for.`,
		Example: `  # collect.yaml
  dir: /srv/collect
  listen: 0.0.0.0:8486
  tls: {cert: collect.pem, key: collect.key}
  client_ca: proxies.pem                     # who connects needs a certificate of it
  origins:
    - {name: proxy1.example/log, keys: [proxy1.pub]}
  tokens:
    - {secret: {file: push.token}, origins: "proxy1.example/*", enrol: false}
  readers:
    - {secret: {file: monitor.token}, origins: "*"}
  store: {to: postgres, secret: {file: postgres.dsn}, daily: true}
  # store: {to: clickhouse, url: "https://ch:8443/", within: audit, user: ostiary, secret: {file: ch.password}, ca: ch.pem}
  keep: 30d                                  # on this disk; the store has what is older
  api:
    listen: 0.0.0.0:8487
    tls: {cert: collect.pem, key: collect.key}
    hosts: [collect.example]
    oidc: {issuer: "https://login.example", audience: ostiary-collect}
    roles:
      - {uid: 1000, roles: [viewer]}
      - {group: auditors, roles: [reviewer]}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadCollect(file)
			if err != nil {
				return err
			}
			g, err := startCollect(c.Context(), cfg, slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil)))
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "collecting on %s as %s\nwitness key  %s\nread API     %s\n", g.address, cfg.Name, g.cosigner.Key().String(), filepath.Join(cfg.Dir, "keys", console.SocketName))
			return g.wait(c.Context())
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration `FILE` of the collector")
	required(c, "config")
	return c
}

// loadCollect reads a collector's configuration and checks it.
func loadCollect(file string) (*collectConfig, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c := &collectConfig{Name: "collector", Listen: "127.0.0.1:8486"}
	b, err := io.ReadAll(io.LimitReader(f, gatherConfig+1))
	if err != nil {
		return nil, err
	}
	if len(b) > gatherConfig {
		return nil, fmt.Errorf("%s is longer than %d bytes", file, gatherConfig)
	}
	if err := parseCollect(b, c); err != nil {
		return nil, misread(file, err)
	}
	base := filepath.Dir(file)
	paths := []*string{&c.Dir, &c.TLS.Cert, &c.TLS.Key, &c.ClientCA, &c.API.TLS.Cert, &c.API.TLS.Key, &c.API.ClientCA, &c.Store.CA, &c.Store.Secret.File}
	for i := range c.Origins {
		for j := range c.Origins[i].Keys {
			paths = append(paths, &c.Origins[i].Keys[j])
		}
	}
	for i := range c.Tokens {
		paths = append(paths, &c.Tokens[i].Secret.File)
	}
	for i := range c.Readers {
		paths = append(paths, &c.Readers[i].Secret.File)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
	return c, c.check(file)
}

// errYAML stands for what the YAML module says when it panics, as it does on some texts
// that are none.
var errYAML = errors.New("not YAML")

// parseCollect reads a configuration.
func parseCollect(b []byte, c *collectConfig) (err error) {
	defer func() {
		if recover() != nil {
			err = errYAML
		}
	}()
	return yaml.UnmarshalWithOptions(b, c, yaml.Strict())
}

// misread says what is wrong with a configuration, with its place and the name that it
// stands under. The library's error shows the lines around it: a token that somebody
// wrote there would be told to whoever reads the log of a start that failed.
func misread(file string, err error) error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return fmt.Errorf("%s: it cannot be read as YAML", file)
	}
	t := e.GetToken()
	message, name := e.GetMessage(), ""
	var syntax *yaml.SyntaxError
	var large *yaml.OverflowError
	// These may quote the text, but for the one that quotes a name that stands twice.
	if errors.As(err, &syntax) && !strings.HasPrefix(message, "mapping key ") || errors.As(err, &large) {
		message = "not valid YAML: check the indentation, the colons and the quotes of this line and of the one above"
	}
	if colon := t.Prev; colon != nil && colon.Type == token.MappingValueType && colon.Prev != nil {
		name = colon.Prev.Value + ": "
	}
	return fmt.Errorf("%s:%d:%d: %s%s", file, t.Position.Line, t.Position.Column, name, message)
}

func (c *collectConfig) check(file string) error {
	host, _, err := net.SplitHostPort(c.Listen)
	ip := net.ParseIP(host)
	near := host == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case err != nil:
		return fmt.Errorf("%s: listen: %w", file, err)
	case c.Dir == "":
		return fmt.Errorf("%s: dir: name the directory in which the logs are kept", file)
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return fmt.Errorf("%s: tls: name cert and key", file)
	case !near && c.TLS.Cert == "":
		return fmt.Errorf("%s: listen: beyond this machine a certificate is needed: tls: {cert: FILE, key: FILE}", file)
	case !near && c.ClientCA == "" && len(c.Tokens) == 0:
		return fmt.Errorf("%s: listen: beyond this machine say who may push: tokens, or client_ca", file)
	case c.ClientCA != "" && c.TLS.Cert == "":
		return fmt.Errorf("%s: client_ca: needs tls", file)
	case c.API.Listen != "" && (c.API.TLS.Cert == "" || c.API.TLS.Key == "" || len(c.API.Hosts) == 0):
		return fmt.Errorf("%s: api.listen: needs api.tls and api.hosts", file)
	case len(c.Origins) == 0 && len(c.Tokens) == 0:
		return fmt.Errorf("%s: name origins that are known, or tokens with enrol: true", file)
	}
	for i, r := range c.Readers {
		if r.Origins == "" || r.Secret.IsZero() {
			return fmt.Errorf("%s: readers: number %d: name a secret and the origins that it may read", file, i+1)
		}
	}
	if _, err := c.keepFor(); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return c.Store.check(file)
}

// collecting is a running collector.
type collecting struct {
	cfg       *collectConfig
	out       *slog.Logger
	collector *collect.Collector
	cosigner  *witness.Cosigner
	own       *audit.Log // of who asked for what
	api       *console.Server
	pushes    *http.Server
	address   string
	failed    chan error
	cancel    context.CancelFunc
	done      sync.WaitGroup
	store     *collectstore.Store // nil where indices on this machine answer
	readers   []reader

	mu    sync.RWMutex
	logs  map[string]*gathered // by origin; guarded by mu
	order []string             // their origins in the order in which they came, kept on disk; guarded by mu
}

// gathered is one log that can be asked.
type gathered struct {
	dir    string
	reader *audit.Reader
	index  *index.Index // nil where the store answers
	tiles  http.Handler
}

// startCollect opens everything and begins to serve.
func startCollect(ctx context.Context, cfg *collectConfig, out *slog.Logger) (g *collecting, err error) {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g = &collecting{cfg: cfg, out: out, failed: make(chan error, 3), cancel: cancel, logs: map[string]*gathered{}}
	begun := g
	defer func() {
		if err != nil {
			err = errors.Join(err, begun.stop())
		}
	}()
	keys := filepath.Join(cfg.Dir, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return nil, err
	}
	o := collect.Options{Dir: cfg.Dir, Alarm: func(a collect.Alarm) {
		out.Error("COLLECTED LOGS", "alarm", a.String(), "origin", a.Origin, "evidence", a.Evidence)
	}}
	for _, c := range cfg.Origins {
		keys, err := verifiers(c.Keys)
		if err != nil {
			return nil, fmt.Errorf("origins: %s: %w", c.Name, err)
		}
		o.Origins = append(o.Origins, collect.Origin{Name: c.Name, Keys: keys})
	}
	for i, t := range cfg.Tokens {
		secret, err := source(t.Secret).Plain(ctx)
		if err != nil {
			return nil, fmt.Errorf("tokens: number %d: %w", i+1, err)
		}
		o.Tokens = append(o.Tokens, collect.Token{Secret: secret, Origins: t.Origins, Enrol: t.Enrol})
	}
	for i, t := range cfg.Readers {
		secret, err := source(t.Secret).Plain(ctx)
		if err != nil {
			return nil, fmt.Errorf("readers: number %d: %w", i+1, err)
		}
		g.readers = append(g.readers, reader{secret, t.Origins})
	}
	if g.cosigner, err = witness.LoadCosigner(filepath.Join(cfg.Dir, "witness.key"), cfg.Name); err != nil {
		return nil, err
	}
	o.Cosigner = g.cosigner
	if g.own, err = audit.Open(filepath.Join(cfg.Dir, "log"), audit.Options{KeyDir: keys}); err != nil {
		return nil, err
	}
	if g.collector, err = collect.Open(o); err != nil {
		return nil, err
	}
	if g.store, err = openStore(&cfg.Store); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if g.order, err = readOrder(cfg.Dir); err != nil {
		return nil, err
	}
	g.look(run)
	g.done.Go(func() { g.watch(run) })
	keep, err := cfg.keepFor()
	if err != nil {
		return nil, err
	}
	if keep > 0 {
		g.done.Go(func() { g.forgetting(run, keep) })
	}
	if err := g.openAPI(); err != nil {
		return nil, err
	}
	return g, g.listen()
}

// verifiers reads the files of verifier keys.
func verifiers(files []string) ([]note.Verifier, error) {
	var out []note.Verifier
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		v, err := audit.NewVerifier(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// watch looks for logs that are new.
func (g *collecting) watch(ctx context.Context) {
	tick := time.NewTicker(gatherEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.look(ctx)
		}
	}
}

// look makes logs that are new ones that can be asked, and keeps their indices up to
// them. The collector's own is one of them.
func (g *collecting) look(ctx context.Context) {
	dirs := map[string]string{g.own.Origin(): filepath.Join(g.cfg.Dir, "log")}
	for _, s := range g.collector.Status(ctx) {
		dirs[s.Origin] = s.Dir
	}
	for origin, dir := range dirs {
		g.mu.RLock()
		known := g.logs[origin] != nil
		g.mu.RUnlock()
		if known {
			continue
		}
		r, err := audit.OpenReader(dir)
		if err != nil {
			if !errors.Is(err, audit.ErrNoLog) {
				g.out.Error("a collected log cannot be read", "origin", origin, "error", err)
			}
			continue
		}
		source, err := tiles.Open(dir)
		if err != nil {
			g.out.Error("a collected log cannot be read", "origin", origin, "error", err)
			continue
		}
		l := &gathered{dir: dir, reader: r, tiles: tiles.Handler(source, func(err error) { g.out.Error("tiles of a collected log", "origin", origin, "error", err) })}
		err = g.place(origin)
		switch {
		case err != nil:
		case g.store != nil:
			err = g.ship(ctx, origin, l)
		default:
			err = g.follow(ctx, origin, l)
		}
		if err != nil {
			g.out.Error("a collected log cannot be asked", "origin", origin, "error", err)
			continue
		}
		g.mu.Lock()
		g.logs[origin] = l
		g.mu.Unlock()
	}
}

// follow opens the index of a log and keeps it up to the log.
func (g *collecting) follow(ctx context.Context, origin string, l *gathered) error {
	failed := func(err error) { g.out.Warn("index of a collected log", "origin", origin, "error", err) }
	x, err := index.Open(l.dir, index.Options{Memory: gatherMemory, Failed: failed})
	if err != nil {
		return err
	}
	l.index = x
	g.done.Go(func() {
		if err := x.Follow(ctx, true, failed); err != nil {
			failed(err)
		}
	})
	return nil
}

// union joins the indices that there are now.
func (g *collecting) union() *index.Union {
	g.mu.RLock()
	defer g.mu.RUnlock()
	list := make([]*index.Index, 0, len(g.logs))
	for _, l := range g.logs {
		list = append(list, l.index)
	}
	return index.Join(list...)
}

// At implements [console.Records]. What is on this machine comes from here, what was
// removed from the store, if it is what the log had.
func (g *collecting) At(r console.Ref) (audit.Record, error) {
	g.mu.RLock()
	l := g.logs[r.Origin]
	g.mu.RUnlock()
	if l == nil {
		return g.stored(r)
	}
	rec, err := l.reader.At(r.Index)
	if errors.Is(err, audit.ErrNoRecord) {
		return g.stored(r)
	}
	return rec, err
}

// Size implements [console.Records]: there are several logs.
func (g *collecting) Size() (int64, error) { return 0, nil }

// openAPI makes the read API. Personal parts are not here, and nothing can be done to a
// log that is another's.
func (g *collecting) openAPI() error {
	api := g.cfg.API
	var searcher console.Searcher = console.OfUnion(g.union)
	if g.store != nil {
		searcher = stored{g.store}
	}
	o := console.Options{Hosts: api.Hosts, Formats: exportTypes(), Log: g.out, Recorder: g.own, Records: g, Searcher: searcher, Follower: g.follower(), Grants: grants(api.Roles)}
	o.Exporter = &console.Extractor{Searcher: searcher, Records: g, Open: func(w io.Writer, format string, _ bool) (console.RecordWriter, error) {
		return export.New(format, w, export.Options{Version: version})
	}}
	var err error
	if o.Tokens, err = bearers(api.OIDC); err != nil {
		return fmt.Errorf("api.oidc: %w", err)
	}
	if g.api, err = console.New(o); err != nil {
		return fmt.Errorf("api: %w", err)
	}
	return nil
}

// follower gives what the live tail is made of.
func (g *collecting) follower() console.Follower {
	if g.store != nil {
		return stored{g.store}
	}
	return unionTail{g}
}

// listen begins to serve pushes and the API.
func (g *collecting) listen() error {
	shared := false
	for _, r := range g.cfg.API.Roles {
		shared = shared || r.UID != nil
	}
	socket, err := console.Listen(filepath.Join(g.cfg.Dir, "keys", console.SocketName), shared)
	if err != nil {
		return err
	}
	g.serve(func() error { return g.api.Serve(socket) })
	if g.cfg.API.Listen != "" {
		conf, err := apiTLS(g.cfg.API)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", g.cfg.API.Listen)
		if err != nil {
			return fmt.Errorf("api.listen: %w", err)
		}
		g.serve(func() error { return g.api.ServeTLS(l, conf) })
	}
	g.pushes = &http.Server{
		Handler: g.handler(), ReadHeaderTimeout: gatherHeader, ReadTimeout: gatherBody, WriteTimeout: gatherBody, IdleTimeout: gatherIdle,
		MaxHeaderBytes: gatherHead, ErrorLog: slog.NewLogLogger(g.out.Handler(), slog.LevelDebug),
	}
	if g.cfg.TLS.Cert != "" {
		cert, err := tls.LoadX509KeyPair(g.cfg.TLS.Cert, g.cfg.TLS.Key)
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		g.pushes.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		if g.cfg.ClientCA != "" {
			if g.pushes.TLSConfig.ClientCAs, err = authorities(g.cfg.ClientCA); err != nil {
				return fmt.Errorf("client_ca: %w", err)
			}
			g.pushes.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	l, err := net.Listen("tcp", g.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	g.address = l.Addr().String()
	g.serve(func() error {
		var err error
		if g.pushes.TLSConfig != nil {
			err = g.pushes.ServeTLS(l, "", "")
		} else {
			err = g.pushes.Serve(l)
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	})
	return nil
}

func (g *collecting) serve(do func() error) {
	g.done.Go(func() {
		if err := do(); err != nil {
			g.failed <- err
		}
	})
}

// wait serves until the context ends or a listener fails.
func (g *collecting) wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-g.failed:
	}
	return errors.Join(err, g.stop())
}

// stop ends everything that was begun, pushes first: what they were told is on disk.
func (g *collecting) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), gatherStop)
	defer cancel()
	var err error
	if g.pushes != nil {
		err = g.pushes.Shutdown(ctx)
	}
	if g.api != nil {
		err = errors.Join(err, g.api.Shutdown(ctx))
	}
	g.cancel()
	g.done.Wait()
	if g.store != nil {
		err = errors.Join(err, g.store.Close())
	}
	if g.collector != nil {
		err = errors.Join(err, g.collector.Close())
	}
	if g.own != nil {
		err = errors.Join(err, g.own.Close())
	}
	return err
}
