package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/collect"
	"github.com/ostiary/ostiary/proxy/audit/export"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/audit/witness"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/facts"
	"github.com/ostiary/ostiary/proxy/identity"
	"github.com/ostiary/ostiary/proxy/telemetry"
	"github.com/ostiary/ostiary/proxy/vault"
)

// Times of what is done around the audit log.
const (
	indexQueue   = 4096             // commits that wait to be indexed; more are read from the log
	indexFirst   = 2 * time.Second  // for the index at start, before it is made in the background
	witnessEvery = time.Minute      // between submissions to witnesses
	ackEvery     = 10 * time.Minute // between events of a witness's acknowledgements
	retainEvery  = time.Hour        // between looks at what is to be removed
	clockEvery   = 10 * time.Second // between looks at the clock
	clockJump    = 5 * time.Second  // by which the clock may differ from the time that passed
	ledgerStop   = 10 * time.Second // for what is under way when it ends
	settleTime   = time.Minute      // to record the outcomes that a crash left out
)

// Bounds of the look for outcomes that a crash left out.
const (
	settleSegments = 4   // read back at most
	settleBatch    = 256 // outcomes recorded in one call
)

// reasonCrash is the reason of an outcome that a crash left out.
const reasonCrash = "crash"

// ledger is what lives around the log of a running Ostiary: its index, its API, the
// copies elsewhere, the witnesses, retention. None of it is in the way of a request,
// and what fails of it keeps none from passing.
type ledger struct {
	log    *audit.Log
	reader *audit.Reader
	cfg    config.Log
	places places
	out    *slog.Logger
	ring   *vault.Keyring

	index    *index.Index
	commits  chan commits
	full     chan int64 // segments that were packed
	api      *console.Server
	tls      *tls.Config // of the API's HTTPS listener
	shipper  *ship.Shipper
	source   *tiles.Directory
	watchers []watcher

	mu    sync.Mutex
	acked map[string]console.Witness // by name; guarded by mu
	noted map[string]noted           // likewise

	running atomic.Bool // all of the above is there
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// commits is a group of events that was committed.
type commits struct {
	first  int64
	events [][]byte
}

// noted is the last acknowledgement of a witness that was recorded.
type noted struct {
	size int64
	at   time.Time
}

// watcher is a witness with its name in the configuration.
type watcher struct {
	name   string
	client *witness.Client
}

// sealing makes what fills the personal parts of events.
func sealing(cfg *config.Config, ring *vault.Keyring) (facts.Sealer, []string, error) {
	s := &vault.Sealer{Keys: ring}
	e := cfg.Log.Evidence
	if e.Key == "" {
		return s, nil, nil
	}
	b, err := os.ReadFile(e.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("log.evidence.key: %w", err)
	}
	if s.Recipient, err = vault.ParseRecipient(string(b)); err != nil {
		return nil, nil, fmt.Errorf("log.evidence.key: %w", err)
	}
	return s, e.Rules, nil
}

// seal lets the snapshot fill the personal parts of its events, and says of which
// program it is. It may not be served yet.
func (b *built) seal(ring *vault.Keyring) error {
	sealer, rules, err := sealing(b.cfg, ring)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if !b.hasRule(r) {
			return fmt.Errorf("log.evidence.rules: no policy has the rule %s", r)
		}
	}
	state, ok := b.snap.Stater.(*facts.Stater)
	if !ok {
		return errors.New("the facts are stated by another room than proxy/facts")
	}
	state.Sealer, state.EvidenceRules = sealer, rules
	if b.snap.Binary, err = thisProgram().revision(programTime); err != nil {
		b.warnings = append(b.warnings, err.Error())
	}
	return nil
}

// hasRule says whether the policies have POLICY, or POLICY.RULE.
func (b *built) hasRule(name string) bool {
	policy, rule, of := strings.Cut(name, ".")
	for _, p := range b.policies.Policies() {
		if p.Name != policy {
			continue
		}
		if !of || slices.ContainsFunc(p.Rules, func(r policies.Rule) bool { return r.ID == rule }) {
			return true
		}
	}
	return false
}

// logOptions says how a configuration wants its log kept.
func logOptions(cfg *config.Config, p places) (audit.Options, error) {
	o := audit.Options{KeyDir: p.keys}
	k := cfg.Log.Key
	if len(k.Command) == 0 {
		return o, nil
	}
	b, err := os.ReadFile(k.Public)
	if err != nil {
		return o, fmt.Errorf("log.key.public: %w", err)
	}
	o.Public = string(b)
	if o.Signer, o.Verifier, err = audit.NewCommandSigner(k.Command, o.Public); err != nil {
		return o, fmt.Errorf("log.key: %w", err)
	}
	return o, nil
}

// newLedger makes a ledger whose hand may be given to the log before that is open.
func newLedger(cfg *config.Config, p places, ring *vault.Keyring, out *slog.Logger) *ledger {
	return &ledger{cfg: cfg.Log, places: p, ring: ring, out: out, commits: make(chan commits, indexQueue), full: make(chan int64, indexQueue), acked: map[string]console.Witness{}, noted: map[string]noted{}}
}

// observed is the log for those who record beside the engine: what they record, and
// what could not be, is counted as the engine's is.
type observed struct {
	log      proxy.Recorder
	observer proxy.Observer
}

// Record implements [proxy.Recorder].
func (o observed) Record(ctx context.Context, events ...*proxy.Event) error {
	err := o.log.Record(ctx, events...)
	for _, ev := range events {
		o.observer.Recorded(ctx, ev, err)
	}
	return err
}

// hand takes committed events to be indexed. Where more wait than the queue takes, the
// index reads them from the log.
func (l *ledger) hand(first int64, events [][]byte) {
	select {
	case l.commits <- commits{first, events}:
	default:
	}
}

// packed takes the number of a segment that was packed: its index becomes a file.
func (l *ledger) packed(segment int64) {
	select {
	case l.full <- segment:
	default: // the index is made when it is next opened
	}
}

// start begins everything around an open log. stats tells what only others know.
func (l *ledger) start(ctx context.Context, log *audit.Log, recorder proxy.Recorder, stats func(*console.Stats)) (err error) {
	l.log = log
	if l.reader, err = audit.OpenReader(l.places.log); err != nil {
		return err
	}
	if err = l.settle(ctx); err != nil {
		return err
	}
	if l.source, err = tiles.Open(l.places.log); err != nil {
		return err
	}
	if l.index, err = index.Open(l.places.log, index.Options{Failed: func(err error) { l.out.Warn("index of the audit log", "error", err) }}); err != nil {
		return err
	}
	// What was recorded before is found from the first question on, unless the index
	// has to be made anew: then it goes on behind everything else.
	first, ended := context.WithTimeout(ctx, indexFirst)
	if err := l.index.Refresh(first); err != nil && first.Err() == nil {
		l.out.Warn("index of the audit log", "error", err)
	}
	ended()
	if err = l.openWatchers(); err != nil {
		return err
	}
	if err = l.openShipper(); err != nil {
		return err
	}
	if err = l.openAPI(recorder, stats); err != nil {
		return err
	}
	socket, secure, err := l.listen()
	if err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	l.running.Store(true)
	l.done.Go(func() { l.follow(run) })
	l.done.Go(func() {
		_ = l.index.Follow(run, false, func(err error) { l.out.Warn("index of the audit log", "error", err) })
	})
	l.done.Go(func() { l.tell("the control socket", l.api.Serve(socket)) })
	if secure != nil {
		l.done.Go(func() { l.tell("the API of the audit log", l.api.ServeTLS(secure, l.tls)) })
	}
	if l.shipper != nil {
		l.done.Go(func() { l.tell("copies of the audit log", l.shipper.Run(run)) })
	}
	l.done.Go(func() { l.every(run, witnessEvery, l.witnessed) })
	l.done.Go(func() { l.every(run, retainEvery, l.retain) })
	l.done.Go(func() { l.clock(run) })
	return nil
}

// settle records the outcomes that a process which did not end in order has left out:
// of what was released nobody knows any more whether it was sent, and that is what
// they say. It reads the segments back to the last start or stop, so that nothing is
// told twice, and at most settleSegments of them: what lies before stays without an
// outcome, which is how reports count it. Nothing else may record meanwhile.
func (l *ledger) settle(ctx context.Context) error {
	list, err := l.reader.Segments()
	if err != nil {
		return err
	}
	open := map[string]bool{} // decisions without an outcome
	told := map[string]bool{} // decisions with one
	bounded, n := false, 0
	for ; n < len(list) && !bounded && n < settleSegments; n++ {
		var decided []string
		for rec, err := range l.reader.Segment(list[len(list)-1-n].Number) {
			if err != nil {
				return err
			}
			kind, id, err := sketch(rec)
			switch {
			case err != nil:
				return err
			case kind == proxy.EventOutcome:
				told[id] = true
			case kind == proxy.EventAdmin:
				bounded = bounded || id == "start" || id == "stop"
			case kind == proxy.EventDecision:
				decided = append(decided, id)
			}
		}
		// An outcome stands behind its decision: in this segment or in one that was read.
		for _, id := range decided {
			if !told[id] {
				open[id] = true
			}
		}
	}
	if n < len(list) && !bounded {
		l.out.Warn("decisions without an outcome were looked for in the last records only", "from", list[len(list)-n].First)
	}
	if len(open) == 0 {
		return nil
	}
	l.out.Warn("the process before this one did not end in order: what became of its last decisions is not known", "decisions", len(open))
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return l.giveUp(ctx, list[len(list)-n].First, open)
}

// giveUp records that what became of decisions is not known. They are among the
// records from an index on.
func (l *ledger) giveUp(ctx context.Context, from int64, decisions map[string]bool) error {
	now := time.Now()
	var outcomes []*proxy.Event
	for rec, err := range l.reader.Records(from) {
		if err != nil {
			return err
		}
		kind, id, err := sketch(rec)
		if err != nil {
			return err
		}
		if kind != proxy.EventDecision || !decisions[id] {
			continue
		}
		ev, err := rec.Event()
		if err != nil {
			return err
		}
		out := proxy.NewEvent(proxy.EventOutcome, now)
		out.DecisionID, out.Outcome = ev.ID, &proxy.OutcomeRecord{Reason: reasonCrash, Sent: "no"}
		if d := ev.Decision; d != nil && d.Action != proxy.Deny && d.Pool != "" && d.Pool != proxy.PoolSelf {
			out.Outcome.Sent = proxy.Unknown
		}
		outcomes = append(outcomes, out)
	}
	for batch := range slices.Chunk(outcomes, settleBatch) {
		if err := l.log.Record(ctx, batch...); err != nil {
			return fmt.Errorf("record the outcomes that are not known: %w", err)
		}
	}
	return nil
}

// sketch gives the kind of a record and the id of the decision that it is or belongs
// to, or the action of an admin event; of other kinds nothing. A start reads many
// records: of a decision or an outcome whose canonical JSON has the usual form it
// decodes nothing.
func sketch(rec audit.Record) (kind, id string, err error) {
	const (
		ulid     = 26 // characters
		first    = `{"decision_id":"`
		before   = `"id":"`
		decision = `","kind":"` + proxy.EventDecision + `"`
	)
	core := rec.JSON
	if bytes.HasPrefix(core, []byte(first)) && len(core) > len(first)+ulid && core[len(first)+ulid] == '"' {
		if bytes.Contains(core, []byte(`","kind":"`+proxy.EventOutcome+`",`)) {
			return proxy.EventOutcome, string(core[len(first) : len(first)+ulid]), nil
		}
	}
	if i := bytes.LastIndex(core, []byte(decision)); i >= ulid && bytes.HasSuffix(core[:i-ulid], []byte(before)) {
		return proxy.EventDecision, string(core[i-ulid : i]), nil
	}
	if !slices.ContainsFunc([]string{proxy.EventAdmin, proxy.EventDecision, proxy.EventOutcome}, func(k string) bool { return bytes.Contains(core, []byte(`"kind":"`+k+`"`)) }) {
		return "", "", nil
	}
	ev, err := rec.Event()
	switch {
	case err != nil:
		return "", "", err
	case ev.Kind == proxy.EventDecision:
		return ev.Kind, ev.ID, nil
	case ev.Kind == proxy.EventOutcome:
		return ev.Kind, ev.DecisionID, nil
	case ev.Kind == proxy.EventAdmin && ev.Admin != nil:
		return ev.Kind, ev.Admin.Action, nil
	}
	return "", "", nil
}

func (l *ledger) tell(what string, err error) {
	if err != nil {
		l.out.Error(what+" ended", "error", err)
	}
}

// every does something at once and then again and again.
func (l *ledger) every(ctx context.Context, pause time.Duration, do func(context.Context)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// follow indexes what was committed.
func (l *ledger) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-l.full:
			l.seal(n)
		case c := <-l.commits:
			for i, ev := range c.events {
				if err := l.index.Add(c.first+int64(i), ev); err != nil {
					break // it reads what is missing by itself
				}
			}
		}
	}
}

// decision finds a decision by its id; nil where the log has none.
func (l *ledger) decision(ctx context.Context, id string) (*proxy.Event, error) {
	return decisionBy(ctx, l.index, l.reader, id)
}

// needed gives the first record that a sink of the configuration has not got.
func (l *ledger) needed() int64 {
	least := int64(math.MaxInt64)
	if l.shipper == nil {
		return least
	}
	for _, s := range l.shipper.Statuses() {
		least = min(least, s.Cursor)
	}
	return least
}

// seal makes the index of a segment a file.
func (l *ledger) seal(number int64) {
	list, err := l.reader.Segments()
	if err == nil {
		for _, s := range list {
			if s.Number == number {
				err = l.index.Seal(s)
			}
		}
	}
	if err != nil {
		l.out.Warn("index of the audit log", "error", err)
	}
}

// stop ends everything; the log is still open.
func (l *ledger) stop(ctx context.Context) error {
	if l.cancel == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerStop)
	defer cancel()
	err := l.api.Shutdown(ctx)
	l.cancel()
	ended := make(chan struct{})
	go func() { l.done.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		err = errors.Join(err, errors.New("what is around the audit log did not end in time"))
	}
	return err
}

// openAPI makes the API.
func (l *ledger) openAPI(recorder proxy.Recorder, stats func(*console.Stats)) (err error) {
	api := l.cfg.API
	searcher := console.OfIndex(l.index)
	o := console.Options{
		Hosts: api.Hosts, Formats: exportTypes(), Log: l.out, Approved: api.Approver,
		Recorder: recorder, Records: console.Local(l.reader), Personal: console.Local(l.reader.WithPersonal()), Searcher: searcher, Follower: searcher,
		Auditor: console.Verifying{Dir: l.places.log, Trust: func() (audit.VerifyOptions, error) { return audit.Trusted(l.places.keys, l.places.log) }},
		Tiles:   tiles.Handler(l.source, func(err error) { l.out.Error("AUDIT LOG", "error", err) }),
	}
	custody := &console.Custody{Log: l.log, Reader: l.reader, Searcher: searcher, More: func(s *console.Stats) { l.stats(s); stats(s) }}
	o.Custodian, o.Upkeep, o.Pseudonyms = custody, custody, pseudonyms{custody, l.ring}
	o.Exporter = &console.Extractor{Searcher: searcher, Records: o.Records, Personal: o.Personal,
		Open: func(w io.Writer, format string, personal bool) (console.RecordWriter, error) {
			return export.New(format, w, export.Options{Personal: personal, Version: version})
		}}
	o.Grants = grants(api.Roles)
	if o.Tokens, err = bearers(api.OIDC); err != nil {
		return fmt.Errorf("log.api.oidc: %w", err)
	}
	if l.api, err = console.New(o); err != nil {
		return fmt.Errorf("log.api: %w", err)
	}
	return nil
}

// grants makes those of the API.
func grants(list []config.RoleGrant) []console.Grant {
	var out []console.Grant
	for _, g := range list {
		grant := console.Grant{UID: g.UID, Subject: g.Subject, Certificate: g.Certificate}
		if g.Group != "" {
			grant.Claim, grant.Value = "groups", g.Group
		}
		for _, r := range g.Roles {
			grant.Roles = append(grant.Roles, console.Role(r))
		}
		out = append(out, grant)
	}
	return out
}

// bearers makes what verifies the API's bearer tokens; nil where none are taken.
func bearers(c config.OIDC) (console.Tokens, error) {
	if c.Issuer == "" {
		return nil, nil
	}
	v, err := identity.NewTokenVerifier(identity.TokenOptions{Issuer: c.Issuer, Audiences: []string{c.Audience}, Groups: c.Groups})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// listen makes the control socket, and the HTTPS listener where one is configured.
func (l *ledger) listen() (socket, secure net.Listener, err error) {
	api := l.cfg.API
	if api.Listen != "" {
		if l.tls, err = apiTLS(api); err != nil {
			return nil, nil, err
		}
		if secure, err = net.Listen("tcp", api.Listen); err != nil {
			return nil, nil, fmt.Errorf("log.api.listen: %w", err)
		}
	}
	shared := slices.ContainsFunc(api.Roles, func(g config.RoleGrant) bool { return g.UID != nil })
	if st, err := os.Stat(l.places.keys); err == nil && shared && st.Mode().Perm()&0o001 == 0 {
		l.out.Warn("users of this machine with roles do not reach the control socket: chmod 711 " + l.places.keys)
	}
	if socket, err = console.Listen(filepath.Join(l.places.keys, console.SocketName), shared); err != nil {
		if secure != nil {
			err = errors.Join(err, secure.Close())
		}
		return nil, nil, fmt.Errorf("control socket: %w", err)
	}
	return socket, secure, nil
}

// apiTLS makes the settings of the HTTPS listener.
func apiTLS(api config.API) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(api.TLS.Cert, api.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("log.api.tls: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if api.ClientCA == "" {
		return c, nil
	}
	if c.ClientCAs, err = authorities(api.ClientCA); err != nil {
		return nil, fmt.Errorf("log.api.client_ca: %w", err)
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if api.OIDC.Issuer == "" {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// authorities reads a PEM file of certificates.
func authorities(name string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", name)
	}
	return pool, nil
}

// Next implements [ship.Resumer].
func (p pusher) Next(ctx context.Context, origin string) (int64, error) {
	n, err := p.Sink.Next(ctx, origin)
	return n, shipError(err)
}

// shipError says in the words of package ship what a collector answered. A collector
// that knows another history of the log, or more of it, is a conflict, one that has
// less than it had acknowledged is behind, and one that knows the log by another key, or
// does not understand what is sent, is unfit: that stops the sink and is told of, and
// does not pass by trying again.
func shipError(err error) error {
	var r *collect.Refusal
	switch {
	case err == nil:
		return nil
	case errors.Is(err, collect.ErrAhead):
		return &ship.Error{Kind: ship.Conflict, Detail: "it has more records than the log", Index: -1}
	case errors.As(err, &r):
		kind := ship.Unsupported
		switch r.Code {
		case collect.CodeForked, collect.CodeRolledBack, collect.CodeInconsistent, collect.CodeMismatch:
			kind = ship.Conflict
		case collect.CodeGap:
			kind = ship.Behind
		case collect.CodeSignature, collect.CodeOtherKey, collect.CodeMalformed:
			kind = ship.Unfit
		case collect.CodeCredentials:
			kind = ship.Credentials
		case collect.CodeBusy, collect.CodeStorage:
			kind = ship.Busy
		}
		return &ship.Error{Kind: kind, Detail: r.Error(), Index: -1}
	case errors.Is(err, collect.ErrUncovered):
		return ship.Fail(ship.LogTrouble, "no checkpoint covers the records yet")
	case errors.Is(err, collect.ErrUnreachable):
		return ship.Network(err)
	}
	return err
}

// exportTypes gives the formats of exports with their content types.
func exportTypes() map[string]string {
	out := map[string]string{}
	for _, f := range export.Formats() {
		out[f] = map[string]string{
			export.JSONL: "application/x-ndjson", export.OCSF: "application/x-ndjson", export.CSV: "text/csv; charset=utf-8",
			export.CEF: "text/plain; charset=utf-8", export.Parquet: "application/vnd.apache.parquet",
		}[f]
	}
	return out
}

// pseudonyms knows fingerprints by the key ring, and where they are by the log.
type pseudonyms struct {
	*console.Custody
	ring *vault.Keyring
}

// Hash implements [console.Pseudonyms].
func (p pseudonyms) Hash(_ context.Context, typ, value string) ([]string, error) {
	list, err := p.ring.Hash(typ, value)
	if errors.Is(err, vault.ErrNoFingerprint) || errors.Is(err, vault.ErrGuessable) || errors.Is(err, vault.ErrNotAValue) {
		return nil, console.ErrType
	}
	return list, err
}

// stats adds what is known here to the state of the log.
func (l *ledger) stats(s *console.Stats) {
	s.Indexed, s.DiskFree = l.index.Size(), diskFree(l.places.log)
	if epochs, err := l.ring.Epochs(); err == nil {
		s.Epochs = int64(len(epochs))
	}
	if l.shipper != nil {
		for _, st := range l.shipper.Statuses() {
			s.Shippers = append(s.Shippers, console.Shipper{Name: st.Sink, Cursor: st.Cursor, Lag: int64(st.Behind.Seconds()), Failures: st.Failures})
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.watchers {
		if a, ok := l.acked[w.name]; ok {
			s.Witnesses = append(s.Witnesses, a)
		} else {
			s.Witnesses = append(s.Witnesses, console.Witness{Name: w.name})
		}
	}
}

// telemetry tells how the log stands, for metrics. Before it is started there is
// nothing to tell.
func (l *ledger) telemetry() telemetry.Ledger {
	if !l.running.Load() {
		return telemetry.Ledger{DiskFree: -1}
	}
	size := l.log.Size()
	out := telemetry.Ledger{IndexLag: max(0, size-l.index.Size()), DiskFree: diskFree(l.places.log)}
	if signed, at := l.log.Signed(); signed < size && !at.IsZero() {
		out.Signed = time.Since(at)
	}
	if l.shipper != nil {
		for _, s := range l.shipper.Statuses() {
			t := telemetry.Sink{Name: s.Sink, Lag: s.Lag, Behind: s.Behind, Failing: s.Failing}
			if s.Stopped {
				t.Failing = -1
			}
			out.Sinks = append(out.Sinks, t)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.watchers {
		at, _ := time.Parse(time.RFC3339, l.acked[w.name].At) // the zero time where it never signed
		out.Witnesses = append(out.Witnesses, telemetry.Witness{Name: w.name, At: at})
	}
	return out
}

func (l *ledger) openWatchers() error {
	for _, w := range l.cfg.Witnesses {
		b, err := os.ReadFile(w.Key)
		if err != nil {
			return fmt.Errorf("log.witnesses: %s: %w", w.Name, err)
		}
		key, err := witness.NewKey(string(b))
		if err != nil {
			return fmt.Errorf("log.witnesses: %s: %w", w.Name, err)
		}
		o := witness.ClientOptions{URL: w.URL, Key: key}
		if w.CA != "" {
			roots, err := authorities(w.CA)
			if err != nil {
				return fmt.Errorf("log.witnesses: %s: ca: %w", w.Name, err)
			}
			o.HTTP = &http.Client{Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment,
				MaxIdleConns: 1, IdleConnTimeout: 2 * witnessEvery,
			}}
		}
		c, err := witness.NewClient(o)
		if err != nil {
			return fmt.Errorf("log.witnesses: %s: %w", w.Name, err)
		}
		l.watchers = append(l.watchers, watcher{w.Name, c})
	}
	return nil
}

// witnessed has the last checkpoint cosigned. That is recorded now and then: each
// record of it brings about another checkpoint.
func (l *ledger) witnessed(ctx context.Context) {
	if len(l.watchers) == 0 {
		return
	}
	signed, err := l.reader.Checkpoint()
	if err != nil {
		return
	}
	for _, w := range l.watchers {
		lines, err := w.client.Submit(ctx, signed, l.prove(signed))
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.out.Error("a witness did not sign the audit log's checkpoint", "witness", w.name, "error", err)
			continue
		}
		c, err := audit.PeekCheckpoint(signed)
		if err != nil {
			continue
		}
		l.acknowledge(ctx, w.name, c.Size, append(slices.Clone(signed), lines...))
	}
}

// prove proves to a witness that the log goes on from what it has seen.
func (l *ledger) prove(signed []byte) witness.Prove {
	return func(old int64) ([]tlog.Hash, error) {
		c, err := audit.PeekCheckpoint(signed)
		if err != nil {
			return nil, err
		}
		return tiles.Prove(l.source, tiles.Tree(c), old)
	}
}

// acknowledge notes that somebody else signed the checkpoint of a size.
func (l *ledger) acknowledge(ctx context.Context, name string, size int64, signed []byte) {
	now := time.Now()
	l.mu.Lock()
	l.acked[name] = console.Witness{Name: name, Size: size, At: now.UTC().Format(time.RFC3339)}
	// The record of one alone is not worth another.
	last, told := l.noted[name]
	quiet := told && (now.Sub(last.at) < ackEvery || size-last.size < 2)
	if !quiet {
		l.noted[name] = noted{size, now}
	}
	l.mu.Unlock()
	if quiet {
		return
	}
	ev := proxy.NewEvent(proxy.EventCheckpoint, now)
	ev.Admin = &proxy.AdminRecord{Action: "cosigned", Detail: name, Signed: string(signed), To: size}
	if err := l.log.Record(ctx, ev); err != nil && ctx.Err() == nil {
		l.out.Error("an acknowledgement could not be recorded", "error", err)
	}
}

// retain removes what is older than it is to be kept, and the keys of fingerprints
// of which nothing is left.
func (l *ledger) retain(ctx context.Context) {
	if l.cfg.Keep == 0 {
		return
	}
	now := time.Now()
	got, err := l.log.Retain(ctx, now.Add(-l.cfg.Keep), audit.Act{Code: "retention", Role: "admin"}, false)
	if err != nil {
		l.out.Error("retention of the audit log", "error", err)
		return
	}
	if len(got.Held) > 0 {
		l.out.Warn("events that are older than they are to be kept stay: legal holds keep them, or copies elsewhere lack them", "reasons", len(got.Held), "copies", slices.Contains(got.Held, audit.HeldByCopies))
	}
	if got.Segments == 0 {
		return
	}
	l.out.Info("removed by retention", "events", got.To-got.From, "bytes", got.Bytes)
	list, err := l.reader.Segments()
	if err != nil || len(list) == 0 {
		return
	}
	l.retireKeys(ctx, list[0].Began)
}

// retireKeys retires the keys of fingerprints of which nothing is left. That is told
// before it is done: what cannot be recorded is not done.
func (l *ledger) retireKeys(ctx context.Context, before time.Time) {
	gone, err := l.ring.Before(before)
	if err == nil && len(gone) > 0 {
		ev := proxy.NewEvent(proxy.EventErasure, time.Now())
		ev.Admin = &proxy.AdminRecord{Action: "retire_keys", Code: "retention", Role: "admin", Count: int64(len(gone))}
		if err = l.log.Record(ctx, ev); err == nil {
			_, err = l.ring.RetireBefore(before)
		}
	}
	if err != nil {
		l.out.Error("keys of fingerprints stay", "error", err)
	}
}

// clock records when the clock of the machine was set: the order of events is that
// of their indices, and their times are only as good as the clock.
func (l *ledger) clock(ctx context.Context) {
	last := time.Now()
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		jump := now.Round(0).Sub(last.Round(0)) - now.Sub(last) // wall minus what passed
		last = now
		if jump.Abs() < clockJump {
			continue
		}
		ev := proxy.NewEvent(proxy.EventGap, now)
		ev.Admin = &proxy.AdminRecord{Action: "clock_jump", Detail: fmt.Sprintf("by %d seconds", int64(jump.Seconds()))}
		l.out.Warn("the clock was set", "seconds", int64(jump.Seconds()))
		if err := l.log.Record(ctx, ev); err != nil {
			l.out.Error("a jump of the clock could not be recorded", "error", err)
		}
	}
}
