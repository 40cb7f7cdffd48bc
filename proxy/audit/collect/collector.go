package collect

import (
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/durable"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

// Bounds of a collector.
const (
	originsLimit = 10_000           // logs
	concurrent   = 16               // pushes that are read or taken at once, of up to PushBytes each
	readTime     = time.Minute      // for a request's body
	waitTime     = 30 * time.Second // for a slot, and for other pushes of the same log
)

// Origin is a log that is known from the configuration.
type Origin struct {
	Name string
	// Keys verify its checkpoints; after a change of keys there are two for a
	// while. They go before a key that was pinned by enrolment.
	Keys []note.Verifier
}

// Token lets proxies push.
type Token struct {
	// Secret is sent as a bearer token.
	Secret string
	// Origins is the log it is good for; with a * at its end, all logs whose
	// origins begin so.
	Origins string
	// Enrol says whether a log that is new may be enrolled with it.
	Enrol bool
}

// covers says whether a token is good for a log.
func (t Token) covers(origin string) bool {
	prefix, all := strings.CutSuffix(t.Origins, "*")
	return all && strings.HasPrefix(origin, prefix) || t.Origins == origin
}

// Options say what a collector is made of.
type Options struct {
	// Dir is where the replicas are kept. It is made where it is not there.
	Dir string
	// Origins are the logs known from the configuration. Others can be enrolled.
	Origins []Origin
	// Tokens are who may push. Without any, whoever reaches the collector may push
	// for a log that is known (mutual TLS may say who reaches it): records that
	// the log has not signed are refused all the same. Enrolment needs a token.
	Tokens []Token
	// Cosigner signs the checkpoints whose records are here; nil for none. The key
	// belongs to this collector alone.
	Cosigner *witness.Cosigner
	// Alarm is told when an operator should look. It must not block.
	Alarm func(Alarm)
	// Log says how replicas are kept: segment size and segments prepared. Each
	// replica takes so much disk from the beginning.
	Log audit.Options

	now  func() time.Time // nil for the clock
	open func(dir, origin string, key note.Verifier, o audit.Options) (Replica, error)
}

// Alarm tells of something that an operator should look at. Each condition is told
// of once, until a push of the log succeeds.
type Alarm struct {
	Origin string
	// Code is CodeForked, CodeRolledBack, CodeInconsistent or CodeMismatch where a
	// log contradicts what it has signed; CodeOtherKey where somebody tried to
	// enrol a known log with another key; CodeStorage where our disk fails.
	Code     Code
	Size     int64  // records that the collector has, -1 where not known
	Claimed  int64  // size of the checkpoint that was pushed
	Index    int64  // first record that differs, -1 where not known
	Evidence string // file
	Err      error  // of the disk; nil for contradictions that were kept
}

// String gives the alarm as a sentence.
func (a Alarm) String() string {
	s := fmt.Sprintf("log %s: %s", a.Origin, a.Code)
	if a.Index >= 0 {
		s += fmt.Sprintf(" at record %d", a.Index)
	}
	if contradiction(a.Code) {
		s += fmt.Sprintf("; it shows %d records, the collector has %d", a.Claimed, a.Size)
	}
	if a.Evidence != "" {
		s += "; evidence in " + a.Evidence
	}
	if a.Err != nil {
		s += "; " + a.Err.Error()
	}
	return s
}

// Status is how one log stands.
type Status struct {
	Origin   string
	Dir      string    // of the replica, for audit.OpenReader
	Size     int64     // records
	Signed   int64     // of them, under a checkpoint of the log
	Cosigned int64     // under one that was cosigned since the start
	First    int64     // first record that is kept; those before were forgotten
	Pushed   time.Time // last push that was taken; zero since the start
	Trouble  Code      // why the last one was refused or could not be kept; empty for none
}

// Collector keeps replicas of logs. It is safe for concurrent use, and the only
// user of its directory.
type Collector struct {
	opt     Options
	lock    *os.File
	witness *witness.Witness // nil without a cosigner
	slots   chan struct{}

	mu      sync.Mutex // guards members
	members map[string]*member
	closed  bool
}

// Open opens a collector. A replica that cannot be opened keeps its log's pushes
// from being taken, is alarmed and does not concern the others.
func Open(o Options) (*Collector, error) {
	if o.Dir == "" {
		return nil, errors.New("a collector needs a directory")
	}
	for _, t := range o.Tokens {
		if t.Secret == "" || t.Origins == "" {
			return nil, errors.New("a token needs a secret and the logs it is good for")
		}
	}
	if o.Alarm == nil {
		o.Alarm = func(Alarm) {}
	}
	if o.open == nil {
		o.open = func(dir, origin string, key note.Verifier, l audit.Options) (Replica, error) {
			return audit.OpenReplica(dir, origin, key, l)
		}
	}
	if o.now == nil {
		o.now = time.Now
	}
	c := &Collector{opt: o, slots: make(chan struct{}, concurrent), members: map[string]*member{}}
	if err := c.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the collector: %w", err), c.Close())
	}
	return c, nil
}

func (c *Collector) open() error {
	if err := os.MkdirAll(filepath.Join(c.opt.Dir, "origins"), dirMode); err != nil {
		return err
	}
	var err error
	if c.lock, err = os.OpenFile(filepath.Join(c.opt.Dir, "lock"), os.O_RDWR|os.O_CREATE, fileMode); err != nil {
		return err
	}
	ok, err := durable.Lock(c.lock)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("another process has %s", c.opt.Dir)
	}
	if c.opt.Cosigner != nil {
		if c.witness, err = witness.New(witness.Options{Dir: filepath.Join(c.opt.Dir, "witness"), Cosigner: c.opt.Cosigner}); err != nil {
			return err
		}
	}
	if err := c.load(); err != nil {
		return err
	}
	for _, o := range c.opt.Origins {
		if !validOrigin(o.Name) || len(o.Keys) == 0 {
			return errors.New("a log needs an origin of one line and a key")
		}
		if m := c.members[o.Name]; m != nil {
			// Those that were learned follow these.
			m.trusted, m.ring = slices.Clone(o.Keys), ringOf(m.name, o.Keys)
			if err := m.loadRotations(); err != nil {
				return err
			}
			continue
		}
		m := c.member(o.Name, slices.Clone(o.Keys))
		if err := m.loadRotations(); err != nil {
			return err
		}
		c.members[o.Name] = m
	}
	for _, m := range c.members {
		if err := c.trust(m); err != nil {
			return err
		}
		if _, err := os.Stat(m.logDir()); err != nil {
			continue // it has not pushed yet
		}
		if err := m.open(); err != nil {
			m.alarm(Alarm{Origin: m.name, Code: CodeStorage, Size: -1, Index: -1, Err: err})
		}
	}
	return nil
}

// load finds the logs that were enrolled.
func (c *Collector) load() error {
	dirs, err := filepath.Glob(filepath.Join(c.opt.Dir, "origins", "*", "origin"))
	if err != nil {
		return err
	}
	for _, name := range dirs {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		origin, key, _ := strings.Cut(strings.TrimSuffix(string(b), "\n"), "\n")
		v, err := audit.NewVerifier([]byte(key))
		if err != nil || !validOrigin(origin) || filepath.Base(filepath.Dir(name)) != label(origin) {
			return fmt.Errorf("%s does not hold an origin and its key: restore it", name)
		}
		m := c.member(origin, []note.Verifier{v})
		if err := m.loadRotations(); err != nil {
			return err
		}
		c.members[origin] = m
	}
	return nil
}

func (c *Collector) member(origin string, keys []note.Verifier) *member {
	m := &member{name: origin, dir: filepath.Join(c.opt.Dir, "origins", label(origin)), c: c, turn: make(chan struct{}, 1), trusted: keys, ring: ringOf(origin, keys)}
	m.status = Status{Origin: origin, Dir: m.logDir()}
	m.turn <- struct{}{}
	return m
}

// trust makes a log known to the witness.
func (c *Collector) trust(m *member) error {
	if c.witness == nil {
		return nil
	}
	return c.witness.Trust(witness.Log{Origin: m.name, Keys: m.ring.Keys()})
}

func (c *Collector) alarm(a Alarm) { c.opt.Alarm(a) }

// Witness gives the witness of the collector, nil where it has no cosigner.
func (c *Collector) Witness() *witness.Witness { return c.witness }

// Status tells how each log stands, by origin. Logs whose pushes are being taken
// are waited for until the context ends; what is not known by then is left out.
func (c *Collector) Status(ctx context.Context) []Status {
	var out []Status
	for _, m := range c.all() {
		if m.enter(ctx) {
			out = append(out, m.status)
			m.leave()
		}
	}
	return out
}

// Size gives the number of records that the collector has of a log, all of them durable
// and proven; 0 for a log that it does not know. It waits for nobody.
func (c *Collector) Size(origin string) int64 {
	c.mu.Lock()
	m := c.members[origin]
	c.mu.Unlock()
	if m == nil {
		return 0
	}
	return m.size.Load()
}

// ErrNoLeaf: the collector has no record of that log and index.
var ErrNoLeaf = errors.New("the collector has no such record")

// Leaf gives the RFC 6962 leaf hash of a record, of the tree that was proven when the
// record came: what claims to be the record, from whatever store, is it if its hash is
// this one. It stays when the record is removed. It fails with [ErrNoLeaf].
func (c *Collector) Leaf(ctx context.Context, origin string, index int64) (tlog.Hash, error) {
	c.mu.Lock()
	m := c.members[origin]
	c.mu.Unlock()
	if m == nil || index < 0 {
		return tlog.Hash{}, ErrNoLeaf
	}
	if !m.enter(ctx) {
		return tlog.Hash{}, ctx.Err()
	}
	defer m.leave()
	if err := m.open(); err != nil {
		return tlog.Hash{}, err
	}
	if index >= m.replica.Size() {
		return tlog.Hash{}, ErrNoLeaf
	}
	list, err := m.tree.leaves(index, 1)
	if err != nil {
		return tlog.Hash{}, err
	}
	return list[0], nil
}

func (c *Collector) all() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*member
	for _, m := range c.members {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *member) int { return cmp.Compare(a.name, b.name) })
	return out
}

// Close waits for pushes that are being taken and lets the files go.
func (c *Collector) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	var err error
	for _, m := range c.all() {
		m.forgetting.Lock() // before the turn, which Forget takes while it holds this
		<-m.turn            // for good: nobody enters any more
		if m.replica != nil {
			err = errors.Join(err, m.replica.Close(), m.tree.close())
		}
		m.forgetting.Unlock()
	}
	if c.witness != nil {
		err = errors.Join(err, c.witness.Close())
	}
	if c.lock != nil {
		err = errors.Join(err, c.lock.Close())
	}
	return err
}

// ServeHTTP answers the protocol of the package, below whatever prefix it is
// mounted.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-content-type-options", "nosniff")
	w.Header().Set("cache-control", "no-store")
	path := r.URL.Path
	if c.witness != nil && (strings.HasSuffix(path, "/add-checkpoint") || strings.HasSuffix(path, "/last-checkpoint")) {
		c.witness.ServeHTTP(w, r)
		return
	}
	at := strings.LastIndex(path, "/collect/v1/")
	var serve func(context.Context, string, []byte) (Answer, error)
	if at >= 0 {
		switch path[at+len("/collect/v1/"):] {
		case "records":
			serve = c.records
		case "hello":
			serve = c.hello
		case "enrol":
			serve = c.enrol
		}
	}
	if serve == nil {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("allow", "POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	a, err := c.serve(w, r, serve)
	write(w, a, err)
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request, serve func(context.Context, string, []byte) (Answer, error)) (Answer, error) {
	token := bearer(r.Header)
	if len(c.opt.Tokens) > 0 && !c.known(token) {
		return Answer{}, refuse(CodeCredentials) // before the body is read
	}
	ctx, cancel := context.WithTimeout(r.Context(), waitTime)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Answer{}, refuse(CodeBusy)
	}
	// Not every server has deadlines to set; those of Go's net/http have.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTime))
	body, err := readBody(w, r)
	if err != nil {
		return Answer{}, err
	}
	return serve(ctx, token, body)
}

// readBody reads a body up to its limits, before and after it is decompressed.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var body io.Reader = http.MaxBytesReader(w, r.Body, PushBytes)
	switch r.Header.Get("content-encoding") {
	case "":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, refuse(CodeMalformed)
		}
		body = z
	default:
		return nil, refuse(CodeMalformed)
	}
	b, err := io.ReadAll(io.LimitReader(body, PushBytes+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), len(b) > PushBytes:
		return nil, refuse(CodeTooLarge)
	case err != nil:
		return nil, refuse(CodeMalformed)
	}
	return b, nil
}

func (c *Collector) records(ctx context.Context, token string, body []byte) (Answer, error) {
	p, m, err := c.pushed(ctx, token, body)
	if err != nil {
		return Answer{}, err
	}
	defer m.leave()
	return m.push(ctx, p)
}

func (c *Collector) hello(ctx context.Context, token string, body []byte) (Answer, error) {
	p, m, err := c.pushed(ctx, token, body)
	if err != nil {
		return Answer{}, err
	}
	defer m.leave()
	if len(p.Cores) > 0 || len(p.Proof) > 0 {
		return Answer{}, refuse(CodeMalformed)
	}
	return m.hello(p)
}

// pushed reads a push and waits for its turn at the log.
func (c *Collector) pushed(ctx context.Context, token string, body []byte) (*Push, *member, error) {
	p, err := ParsePush(body)
	if err != nil {
		return nil, nil, refuse(CodeMalformed)
	}
	if len(c.opt.Tokens) > 0 && !c.allowed(token, p.Origin, false) {
		return nil, nil, refuse(CodeCredentials)
	}
	c.mu.Lock()
	m := c.members[p.Origin]
	c.mu.Unlock()
	if m == nil {
		return nil, nil, refuse(CodeUnknown)
	}
	if !m.enter(ctx) {
		return nil, nil, refuse(CodeBusy)
	}
	if err := m.open(); err != nil {
		defer m.leave()
		return nil, nil, m.broken(err)
	}
	return p, m, nil
}

// enrol makes a log known and pins its key.
func (c *Collector) enrol(ctx context.Context, token string, body []byte) (Answer, error) {
	e, err := ParseEnrolment(body)
	if err != nil {
		return Answer{}, refuse(CodeMalformed)
	}
	if !c.allowed(token, e.Origin, true) {
		return Answer{}, refuse(CodeCredentials)
	}
	v, err := audit.NewVerifier([]byte(e.Key))
	if err != nil {
		return Answer{}, refuse(CodeMalformed)
	}
	if cp, err := audit.OpenCheckpoint(e.Checkpoint, v); err != nil || cp.Origin != e.Origin {
		return Answer{}, refuse(CodeSignature) // it has not shown that it has the key
	}
	c.mu.Lock()
	m := c.members[e.Origin]
	if m == nil {
		defer c.mu.Unlock()
		return Answer{}, c.pin(e, v)
	}
	c.mu.Unlock()
	if !m.enter(ctx) {
		return Answer{}, refuse(CodeBusy)
	}
	defer m.leave()
	if !m.ring.Has(v) {
		m.alarm(Alarm{Origin: m.name, Code: CodeOtherKey, Size: m.status.Size, Index: -1})
		return Answer{}, refuse(CodeOtherKey)
	}
	return Answer{Size: m.status.Size}, nil
}

// pin keeps the key of a new log. The caller holds c.mu.
func (c *Collector) pin(e Enrolment, v note.Verifier) error {
	if len(c.members) >= originsLimit || c.closed {
		return refuse(CodeBusy)
	}
	m := c.member(e.Origin, []note.Verifier{v})
	err := os.MkdirAll(m.dir, dirMode)
	if err == nil {
		err = durable.SyncDir(filepath.Dir(m.dir))
	}
	if err == nil {
		err = durable.Replace(filepath.Join(m.dir, "origin"), []byte(e.Origin+"\n"+e.Key+"\n"))
	}
	if err == nil {
		err = c.trust(m)
	}
	if err != nil {
		return m.broken(err)
	}
	c.members[e.Origin] = m
	return nil
}

// bearer gives the bearer token of a request, empty where there is none.
func bearer(h http.Header) string {
	scheme, token, ok := strings.Cut(h.Get("authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// known says whether a token is one of ours, for whatever log.
func (c *Collector) known(token string) bool {
	ok := 0
	for _, t := range c.opt.Tokens {
		ok |= same(t.Secret, token)
	}
	return ok == 1
}

// allowed says whether a token is good for a log. It compares with all of them.
func (c *Collector) allowed(token, origin string, enrol bool) bool {
	ok := 0
	for _, t := range c.opt.Tokens {
		is := same(t.Secret, token)
		if t.covers(origin) && (t.Enrol || !enrol) {
			ok |= is
		}
	}
	return ok == 1
}

// same compares two secrets in a time that does not depend on what they have in
// common.
func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// status gives the HTTP status of a code.
func status(c Code) int {
	switch c {
	case CodeMalformed:
		return http.StatusBadRequest
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeCredentials:
		return http.StatusUnauthorized
	case CodeUnknown:
		return http.StatusNotFound
	case CodeSignature, CodeOtherKey:
		return http.StatusForbidden
	case CodeGap, CodeForked, CodeRolledBack:
		return http.StatusConflict
	case CodeMismatch, CodeInconsistent:
		return http.StatusUnprocessableEntity
	case CodeBusy:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// write writes an answer.
func write(w http.ResponseWriter, a Answer, err error) {
	w.Header().Set("content-type", "application/json")
	var r *Refusal
	if err == nil {
		_ = json.NewEncoder(w).Encode(a) // the client is gone, and will ask again
		return
	}
	if !errors.As(err, &r) {
		r = refuse(CodeStorage)
	}
	if r.Code == CodeBusy || r.Code == CodeStorage {
		w.Header().Set("retry-after", "5")
	}
	w.WriteHeader(status(r.Code))
	_ = json.NewEncoder(w).Encode(r) // the client is gone, and will ask again
}
