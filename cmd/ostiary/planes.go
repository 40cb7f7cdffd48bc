package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/extproc"
)

// Time kept between the three deadlines of one message, so that whoever knows
// more answers first: the engine, then the policy server, then Envoy.
const deadlineStep = 500 * time.Millisecond

// choosePlane gives the data plane that the configuration asks for.
func (s *server) choosePlane(ctx context.Context, cfg *config.Config) (plane, error) {
	switch cfg.Dataplane {
	case "none":
		return newPolicyPlane(s, s.opts.socket, s.opts.accessLog)
	case "embedded":
		return &embeddedPlane{server: s}, nil
	}
	bin, err := envoy.Find(ctx, envoy.FindOptions{Path: first(s.opts.envoy, cfg.Envoy.Path)})
	switch {
	case err == nil:
		return newEnvoyPlane(s, bin)
	case cfg.Dataplane == "envoy":
		return nil, err
	case errors.Is(err, envoy.ErrNoEnvoy):
		return &embeddedPlane{server: s}, nil
	}
	return nil, err // an Envoy that was named and cannot be used is an error, not a reason for another plane
}

// policyServer is the gRPC server that an Envoy asks: the external processor
// and the secrets of the pools.
type policyServer struct {
	server  *server
	socket  string
	grpc    *grpc.Server
	extproc *extproc.Server
	sds     *envoy.SDS
	served  chan error
}

func (s *server) newPolicyServer(socket string) *policyServer {
	cfg := s.current.Load().cfg
	p := &policyServer{server: s, socket: socket, served: make(chan error, 1)}
	p.extproc = extproc.New(extproc.Options{
		Engine: s.engine, BodyLimit: int(cfg.Limits.Body), Deadline: cfg.Limits.Decision + deadlineStep, Log: s.log,
		Pools: func() string { return s.current.Load().pools.Digest() },
	})
	p.grpc = grpc.NewServer(p.extproc.Options()...)
	p.extproc.Register(p.grpc)
	p.sds = envoy.NewSDS(currentSecrets{&s.current}, s.log)
	p.sds.Register(p.grpc)
	return p
}

// currentSecrets gives the keys of the pools in force.
type currentSecrets struct{ current *atomic.Pointer[built] }

func (c currentSecrets) Secret(name string) (string, bool) {
	return c.current.Load().pools.Secret(name)
}

func (p *policyServer) start(ctx context.Context) error {
	l, err := extproc.Listen(p.socket, nil, p.server.log)
	if err != nil {
		return err
	}
	go func() { p.served <- p.grpc.Serve(l) }()
	if p.server.ways == nil {
		return nil
	}
	return p.server.ways.start(ctx, leavesBeside(p.socket))
}

func (p *policyServer) stop(ctx context.Context) error {
	p.extproc.Drain()
	p.sds.End() // no stream of it ends by itself
	done := make(chan struct{})
	go func() { p.grpc.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		p.grpc.Stop()
		<-done
	}
	return p.server.ways.stop(ctx)
}

// spec makes what Envoy's bootstrap is made from.
func spec(b *built, socket, admin, accessLog string) envoy.Spec {
	cfg := b.cfg
	out := envoy.Spec{
		Listen: cfg.Listen, Socket: socket, Admin: admin, AccessLog: accessLog,
		BodyLimit: int(cfg.Limits.Body), MessageTimeout: cfg.Limits.Decision + 2*deadlineStep,
		MaxConnections: cfg.Limits.Connections, MaxExchanges: cfg.Limits.Exchanges,
		CABundle: cfg.Upstream.CA, PoolsDigest: b.pools.Digest(), Memory: cfg.Envoy.Memory, Intercept: interception(b, leavesBeside(socket)),
	}
	if cfg.TLS.Cert != "" {
		out.TLS = &envoy.TLS{Cert: cfg.TLS.Cert, Key: cfg.TLS.Key, ClientCA: cfg.Identity.Certificates.ClientCA}
	}
	for _, u := range b.pools.Upstreams() {
		e := envoy.Upstream{
			Name: u.Pool.Name, URL: u.URL.String(), Internal: u.Pool.Boundary == proxy.Internal, CA: u.CA, Proxy: u.Proxy,
			Credential: envoy.Credential{Mode: envoy.CredentialMode(u.Pool.Credential)}, Pins: u.Pins,
		}
		if u.Pool.Credential == proxy.CredentialPool {
			e.Credential.Header, e.Credential.Secret = u.Header, u.Pool.Name
		}
		out.Upstreams = append(out.Upstreams, e)
	}
	return out
}

// leavesBeside gives the socket of certificates that belongs to that of the policy
// server.
func leavesBeside(socket string) string {
	return filepath.Join(filepath.Dir(socket), "leaves.sock")
}

// accessEntry takes one line of Envoy's access log: the outcome of a decision,
// or something that no decision covers.
func (s *server) accessEntry(e envoy.Entry) {
	if e.Connection != nil {
		s.ways.seen(e.Connection)
		return
	}
	if why := e.Ungoverned(); why != "" {
		s.log.Error("UNGOVERNED: Envoy sent a request that no decision covers", "reason", why, "pool", e.Pool, "decision", e.DecisionID)
		if err := s.engine.Ungoverned(context.Background(), why); err != nil {
			s.log.Error("the alarm could not be recorded", "error", err)
		}
	}
	if e.DecisionID == "" {
		return
	}
	known := s.engine.Complete(e.DecisionID, proxy.Transfer{
		Status: e.Code, Sent: e.SentBytes > 0, SentBytes: e.SentBytes, Bytes: e.Tx, Duration: e.Duration, TTFB: e.FirstByte,
		Attempts: e.Attempts, Reason: ended(e),
	})
	if !known && e.Sent() && !s.recorded(e.DecisionID) {
		// Sent, and no decision of that id was ever made.
		s.log.Error("UNGOVERNED: Envoy sent a request under a decision that is not known", "decision", e.DecisionID)
		if err := s.engine.Ungoverned(context.Background(), "decision_not_known"); err != nil {
			s.log.Error("the alarm could not be recorded", "error", err)
		}
	}
}

// recorded reports whether the log has a decision of that id: an Envoy that is
// not ours tells of streams that began before this process did.
func (s *server) recorded(id string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), recordTime)
	defer cancel()
	ev, err := s.ledger.decision(ctx, id)
	return err == nil && ev != nil
}

// ended says in a constant word how an exchange ended that did not end well, by
// Envoy's response flags.
func ended(e envoy.Entry) string {
	for flag, word := range map[string]string{
		"DC": "client_gone", "DR": "client_gone", "UF": "upstream_failed", "UC": "upstream_cut", "UR": "upstream_cut", "UH": "upstream_failed",
		"URX": "upstream_failed", "UT": "upstream_timeout", "SI": "idle_timeout", "UAEX": "refused_by_data_plane", "NR": "no_route",
	} {
		if slices.Contains(strings.Split(e.Flags, ","), flag) {
			return word
		}
	}
	if !e.Sent() {
		return "not_sent"
	}
	return ""
}

// envoyPlane is an Envoy that we run.
type envoyPlane struct {
	policy  *policyServer
	bin     envoy.Binary
	process *envoy.Process
	dir     string // sockets; ours alone
	digest  string // of the pools that Envoy was started for
	names   string // and of what becomes of which names
	pem     string // likewise of the PEM files, which it reads when it starts
}

func newEnvoyPlane(s *server, bin envoy.Binary) (*envoyPlane, error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, err
	}
	socket := s.opts.socket
	if socket == "" {
		socket = filepath.Join(dir, "policy.sock")
	}
	return &envoyPlane{policy: s.newPolicyServer(socket), bin: bin, dir: dir}, nil
}

// leastMemory is below what a limit would keep Envoy from serving at all.
const leastMemory = 128 << 20

func (p *envoyPlane) describe() string { return "envoy " + p.bin.Version }

func (p *envoyPlane) spec(b *built) envoy.Spec {
	out := spec(b, p.policy.socket, "", "/dev/stdout")
	if half := memoryAllowed("/") / 2; out.Memory == 0 && half >= leastMemory {
		out.Memory = half
	}
	return out
}

func (p *envoyPlane) start(ctx context.Context, b *built) error {
	if err := p.policy.start(ctx); err != nil {
		return errors.Join(err, os.RemoveAll(p.dir))
	}
	s := p.policy.server
	pem := pemDigest(b.cfg) // before Envoy reads them: what changes in between is seen at the next reload
	var err error
	p.process, err = envoy.Start(ctx, p.spec(b), envoy.Options{
		Binary: p.bin, Dir: filepath.Join(p.dir, "envoy"), Concurrency: b.cfg.Envoy.Concurrency, Log: s.log,
		AccessLog: s.accessEntry,
		Exited: func(e envoy.Exit) {
			s.log.Error("Envoy ended and is started anew", "code", e.Code, "signal", e.Signal, "up", e.Uptime)
			s.engine.Orphan("data_plane_ended")
			_ = s.engine.Admin(context.Background(), proxy.EventAdmin, "data_plane_ended", p.describe())
		},
	})
	if err != nil {
		return errors.Join(err, p.policy.stop(ctx), os.RemoveAll(p.dir))
	}
	p.digest, p.names, p.pem = b.pools.Digest(), b.passages.digest(), pem
	return nil
}

func (p *envoyPlane) reload(ctx context.Context, b *built) error {
	pem := pemDigest(b.cfg)
	names := b.passages.digest()
	if b.pools.Digest() == p.digest && names == p.names && pem == p.pem && sameShape(p.policy.server.current.Load().cfg, b.cfg) {
		p.policy.sds.Changed()
		return nil
	}
	if p.policy.server.ways != nil && b.passages != nil {
		p.policy.server.ways.use(b.passages.governed)
	}
	if err := p.process.Replace(ctx, p.spec(b)); err != nil {
		return err
	}
	p.digest, p.names, p.pem = b.pools.Digest(), names, pem
	return nil
}

// pemDigest tells whether the certificates, keys and authorities that Envoy reads
// are still those that it has. A file that cannot be read is for Envoy to refuse.
func pemDigest(cfg *config.Config) string {
	list := []string{cfg.TLS.Cert, cfg.TLS.Key, cfg.Identity.Certificates.ClientCA, cfg.Upstream.CA}
	for _, p := range cfg.Pools {
		list = append(list, p.CA)
	}
	sum := sha256.New()
	for _, name := range list {
		var b []byte
		if name != "" {
			b, _ = os.ReadFile(name)
		}
		one := sha256.Sum256(b)
		sum.Write(one[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// sameShape reports whether Envoy's bootstrap is the same for both but for the
// pools.
func sameShape(a, b *config.Config) bool {
	return a.TLS == b.TLS && a.Identity.Certificates.ClientCA == b.Identity.Certificates.ClientCA && a.Limits == b.Limits && a.Upstream == b.Upstream && a.Envoy == b.Envoy
}

func (p *envoyPlane) keysChanged() { p.policy.sds.Changed() }

func (p *envoyPlane) stop(ctx context.Context) error {
	err := p.process.Drain(ctx)
	return errors.Join(err, p.policy.stop(ctx), os.RemoveAll(p.dir))
}

// policyPlane is the policy server alone, for an Envoy that somebody else runs.
type policyPlane struct {
	policy    *policyServer
	accessLog string
	end       context.CancelFunc // of the reader of the access log
	done      chan struct{}
}

func newPolicyPlane(s *server, socket, accessLog string) (*policyPlane, error) {
	if socket == "" {
		return nil, errors.New("--dataplane none needs --socket PATH: the socket that ostiary envoy bootstrap was given")
	}
	abs, err := filepath.Abs(socket)
	if err != nil {
		return nil, err
	}
	if accessLog == "" {
		accessLog = accessLogBeside(abs)
	}
	return &policyPlane{policy: s.newPolicyServer(abs), accessLog: accessLog}, nil
}

// accessLogBeside gives the file in which an Envoy that we do not run tells
// what it sent, where nobody says otherwise.
func accessLogBeside(socket string) string {
	return filepath.Join(filepath.Dir(socket), "access.jsonl")
}

func (p *policyPlane) describe() string { return "none: policy server for an Envoy of your own" }

func (p *policyPlane) start(ctx context.Context, _ *built) error {
	if err := p.policy.start(ctx); err != nil {
		return err
	}
	reading, end := context.WithCancel(context.WithoutCancel(ctx))
	p.end, p.done = end, make(chan struct{})
	s := p.policy.server
	go func() {
		defer close(p.done)
		if err := envoy.FollowAccessLog(reading, p.accessLog, s.accessEntry); err != nil && reading.Err() == nil {
			s.log.Error("Envoy's access log cannot be read; outcomes stay unknown", "error", err)
		}
	}()
	return nil
}

func (p *policyPlane) reload(_ context.Context, b *built) error {
	old := p.policy.server.current.Load()
	p.policy.sds.Changed()
	if p.policy.server.ways != nil && b.passages != nil {
		p.policy.server.ways.use(b.passages.governed)
	}
	if b.passages.digest() != old.passages.digest() {
		p.policy.server.log.Warn("which names are governed, pass or are refused changed: Envoy goes on as it was until it is started with a new bootstrap (ostiary envoy bootstrap)")
	}
	if b.pools.Digest() != old.pools.Digest() {
		p.policy.server.log.Warn("the pools changed: Envoy is refused until it is started with a new bootstrap (ostiary envoy bootstrap)")
	}
	return nil
}

func (p *policyPlane) keysChanged() { p.policy.sds.Changed() }

func (p *policyPlane) stop(ctx context.Context) error {
	err := p.policy.stop(ctx)
	p.end()
	<-p.done
	return err
}
