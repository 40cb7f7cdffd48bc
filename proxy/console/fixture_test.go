package console_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/identity"
)

// canary stands where content and persons do.
const (
	canary        = "canary-person-7f3a"
	canaryPrint   = "fp:EMAIL_ADDRESS:1:CANARYPRINT"
	canarySealed  = "Y2FuYXJ5LXNlYWxlZA=="
	canarySubject = "alice-canary@b.example"
)

// house is a whole console over a real log.
type house struct {
	t      *testing.T
	dir    string
	log    *audit.Log
	reader *audit.Reader
	keys   *audited
	rooms  *rooms
	diag   *safeBuffer
	server *console.Server
	socket string
	base   string // of the HTTPS listener
	roots  *x509.CertPool
	ids    []string // of the decisions
	ca     *authority
	index  *index.Index // of [whole]
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *safeBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

// audited is a recorder that may fail, in front of the log.
type audited struct {
	proxy.Recorder
	mu   sync.Mutex
	fail error
}

func (a *audited) Record(ctx context.Context, events ...*proxy.Event) error {
	a.mu.Lock()
	err := a.fail
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.Recorder.Record(ctx, events...)
}

func (a *audited) failWith(err error) { a.mu.Lock(); a.fail = err; a.mu.Unlock() }

// rooms are the rooms behind the console, over the same log.
type rooms struct {
	reader *audit.Reader // with personal parts
	mu     sync.Mutex
	acts   []string // what was done, by whom
	err    error    // what the next acts fail with
	looked int      // personal parts that were read
	erased map[int64]bool
	verify chan struct{} // not nil: a verification waits for it
	export error         // what an export fails with, after some bytes
}

func (r *rooms) did(format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acts = append(r.acts, fmt.Sprintf(format, args...))
	return r.err
}

func (r *rooms) done() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.acts...)
}

// matches reads queries of the test: "", kind:x, action:x, slow:x and bad:x.
func matches(ctx context.Context, q console.Query) (func(*proxy.Event) bool, error) {
	name, value, ok := strings.Cut(q.Text, ":")
	switch {
	case q.Text == "":
		return func(*proxy.Event) bool { return true }, nil
	case ok && name == "kind":
		return func(e *proxy.Event) bool { return e.Kind == value }, nil
	case ok && name == "id":
		return func(e *proxy.Event) bool { return e.ID == value }, nil
	case ok && name == "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	case ok && name == "fault":
		return nil, errors.New("the disk is gone")
	}
	return nil, &console.QueryError{Why: "unknown field " + fmt.Sprintf("%q", name)}
}

func (r *rooms) all() (out []audit.Record, evs []*proxy.Event, err error) {
	for rec, err := range r.reader.Records(0) {
		if err != nil {
			return nil, nil, err
		}
		ev, err := rec.Event()
		if err != nil {
			return nil, nil, err
		}
		out, evs = append(out, rec), append(evs, ev)
	}
	return out, evs, nil
}

func (r *rooms) Search(ctx context.Context, q console.Query, p console.Page) (console.Hits, error) {
	match, err := matches(ctx, q)
	if err != nil {
		return console.Hits{}, err
	}
	_, evs, err := r.all()
	if err != nil {
		return console.Hits{}, err
	}
	size, at := len(evs), 0
	if p.Cursor != "" {
		if _, err := fmt.Sscanf(p.Cursor, "c%d-%d", &at, &size); err != nil || size > len(evs) {
			return console.Hits{}, console.ErrCursor
		}
	}
	out := console.Hits{Size: int64(size)}
	for ; at < size; at++ {
		i := size - 1 - at
		if p.Oldest {
			i = at
		}
		if !match(evs[i]) {
			continue
		}
		if len(out.Refs) == p.Limit {
			out.Next = fmt.Sprintf("c%d-%d", at, size)
			break
		}
		out.Refs = append(out.Refs, console.Ref{Index: int64(i)})
	}
	return out, nil
}

func (r *rooms) Facets(ctx context.Context, q console.Query, fields []string, top int) ([]console.Facet, error) {
	if _, err := matches(ctx, q); err != nil {
		return nil, err
	}
	var out []console.Facet
	for _, f := range fields {
		out = append(out, console.Facet{Field: f, Values: []console.Count{{Value: "deny", Events: int64(top)}}, Distinct: 1})
	}
	return out, nil
}

func (r *rooms) Histogram(ctx context.Context, q console.Query, buckets int, by string) (console.Histogram, error) {
	if _, err := matches(ctx, q); err != nil {
		return console.Histogram{}, err
	}
	h := console.Histogram{Start: "2026-11-24T00:00:00Z", StepMS: 60_000, Counts: make([]int64, buckets)}
	if by != "" {
		h.Series = []console.Series{{Value: by, Counts: h.Counts}}
	}
	return h, nil
}

func (r *rooms) Lookup(_ context.Context, id string) ([]console.Ref, error) {
	_, evs, err := r.all()
	var out []console.Ref
	for i, e := range evs {
		if e.ID == id || e.DecisionID == id {
			out = append(out, console.Ref{Index: int64(i)})
		}
	}
	return out, err
}

func (r *rooms) End(context.Context) (string, error) {
	n, err := r.reader.Size()
	return fmt.Sprint(n), err
}

func (r *rooms) Tail(ctx context.Context, q console.Query, after string, visit func(console.Ref, string) error) error {
	match, err := matches(ctx, q)
	if err != nil {
		return err
	}
	var from int64
	if _, err := fmt.Sscan(after, &from); err != nil {
		return console.ErrCursor
	}
	return r.reader.Follow(ctx, from, func(rec audit.Record) error {
		ev, err := rec.Event()
		if err != nil || !match(ev) {
			return err
		}
		return visit(console.Ref{Index: rec.Index}, fmt.Sprint(rec.Index+1))
	})
}

// At gives records with personal parts.
func (r *rooms) At(ref console.Ref) (audit.Record, error) {
	rec, err := console.Local(r.reader).At(ref)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked++
	if r.erased[ref.Index] {
		rec.Personal = []byte{}
	}
	return rec, err
}

func (r *rooms) Size() (int64, error) { return r.reader.Size() }

func (r *rooms) Hash(_ context.Context, typ, value string) ([]string, error) {
	if typ == "PERSON" {
		return nil, console.ErrType
	}
	if value != canary {
		return nil, nil
	}
	return []string{canaryPrint, "fp:EMAIL_ADDRESS:2:OTHER"}, nil
}

func (r *rooms) Mentions(_ context.Context, prints []string, limit int) ([]console.Ref, int64, error) {
	if len(prints) == 0 {
		return nil, 0, nil
	}
	return []console.Ref{{Index: 1}, {Index: 0}}[:min(limit, 2)], 2, nil
}

func (r *rooms) Erase(_ context.Context, by console.By, e console.Erasure) (console.Effect, error) {
	what := e.Fingerprint + e.Subject + strings.Join(e.IDs, ",")
	if e.Query != nil {
		what += e.Query.Text
	}
	return console.Effect{Parts: 2, Behind: 2}, r.did("erase %s dry=%v by %s %s %s", what, e.Dry, by.Role, by.Reason, by.Ticket)
}

func (r *rooms) Hold(_ context.Context, by console.By, h console.Hold) (console.Hold, error) {
	h.Set = "2026-11-24T00:00:00Z"
	return h, r.did("hold %s %d-%d by %s", h.ID, h.From, h.To, by.Role)
}

func (r *rooms) Release(_ context.Context, by console.By, id string) error {
	return r.did("release %s by %s", id, by.Role)
}

func (r *rooms) Retain(_ context.Context, by console.By, x console.Retention) (console.Effect, error) {
	return console.Effect{Segments: 1}, r.did("retain %s %s dry=%v by %s", x.Before.UTC().Format(time.RFC3339), x.Policy, x.Dry, by.Role)
}

func (r *rooms) Rotate(_ context.Context, by console.By) (console.Rotation, error) {
	return console.Rotation{Key: "log+1+AAAA"}, r.did("rotate by %s %s", by.Role, by.Reason)
}

func (r *rooms) Seal(_ context.Context, by console.By) error { return r.did("seal by %s", by.Role) }

func (r *rooms) Holds(context.Context) ([]console.Hold, error) {
	return []console.Hold{{ID: "case-1", Set: "2026-11-24T00:00:00Z"}}, nil
}

func (r *rooms) Stats(context.Context) (console.Stats, error) {
	n, err := r.reader.Size()
	return console.Stats{Origin: "test", Size: n}, err
}

func (r *rooms) Verify(ctx context.Context) (console.Verification, error) {
	r.mu.Lock()
	wait := r.verify
	r.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return console.Verification{}, ctx.Err()
		}
	}
	n, err := r.reader.Size()
	return console.Verification{Answer: "good", Origin: "test", Size: n}, err
}

// lines is a format of exports: one core a line.
type lines struct {
	w        io.Writer
	personal bool
	rooms    *rooms
}

func (l *lines) Write(rec audit.Record, _ *proxy.Event) error {
	l.rooms.mu.Lock()
	err := l.rooms.export
	l.rooms.mu.Unlock()
	if _, werr := fmt.Fprintf(l.w, "%s\n", rec.JSON); werr != nil {
		return werr
	}
	if l.personal && rec.Personal != nil {
		if _, werr := fmt.Fprintf(l.w, "%s\n", rec.Personal); werr != nil {
			return werr
		}
	}
	return err
}

func (l *lines) Close() error { return nil }

// tokens takes the names of roles as tokens: "viewer", "viewer+dpo", "nobody".
type tokens struct{ life time.Duration }

func (k tokens) Verify(_ context.Context, t proxy.Text) (identity.Token, error) {
	s := t.Reveal()
	if s == "down" {
		return identity.Token{}, identity.ErrTokenKeys
	}
	if strings.HasPrefix(s, "bad") || s == "" {
		return identity.Token{}, identity.ErrTokenSignature
	}
	life := k.life
	if life == 0 {
		life = time.Hour
	}
	return identity.Token{Subject: "sub-" + s, Groups: strings.Split(s, "+"), Claims: map[string][]string{"dept": {s}}, Expires: time.Now().Add(life)}, nil
}

// build makes a house with decisions in its log; change alters the options.
func build(t *testing.T, change func(*console.Options), more ...func(*house, *console.Options)) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), diag: &safeBuffer{}, ca: newAuthority(t)}
	var err error
	keys := filepath.Join(h.dir, "keys")
	if h.log, err = audit.Open(filepath.Join(h.dir, "log"), audit.Options{Origin: "test", KeyDir: keys, Segment: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.log.Close() })
	h.decide(3)
	if h.reader, err = audit.OpenReader(filepath.Join(h.dir, "log")); err != nil {
		t.Fatal(err)
	}
	h.rooms = &rooms{reader: h.reader.WithPersonal(), erased: map[int64]bool{}}
	h.keys = &audited{Recorder: h.log}
	o := console.Options{
		Tokens: tokens{}, Hosts: []string{"127.0.0.1", "localhost"}, Rate: 1e6,
		Formats:  map[string]string{"jsonl": "application/jsonl"},
		Log:      slog.New(slog.NewTextHandler(h.diag, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Recorder: h.keys, Records: console.Local(h.reader), Personal: h.rooms, Searcher: h.rooms, Follower: h.rooms,
		Pseudonyms: h.rooms, Custodian: h.rooms, Upkeep: h.rooms, Auditor: h.rooms,
		Tiles: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "tile "+r.URL.Path) }),
	}
	o.Exporter = &console.Extractor{Searcher: h.rooms, Records: o.Records, Personal: h.rooms, Open: func(w io.Writer, _ string, personal bool) (console.RecordWriter, error) {
		return &lines{w, personal, h.rooms}, nil
	}}
	for _, r := range []console.Role{console.Viewer, console.Reviewer, console.Officer, console.Admin} {
		o.Grants = append(o.Grants, console.Grant{Claim: "groups", Value: string(r), Roles: []console.Role{r}})
	}
	if change != nil {
		change(&o)
	}
	for _, f := range more {
		f(h, &o)
	}
	if h.server, err = console.New(o); err != nil {
		t.Fatal(err)
	}
	h.socket = filepath.Join(keys, console.SocketName)
	l, err := console.Listen(h.socket, false)
	if err != nil {
		t.Fatal(err)
	}
	h.serve(func() error { return h.server.Serve(l) })
	tl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.base = "https://" + tl.Addr().String()
	h.roots = h.ca.pool()
	tc := &tls.Config{Certificates: []tls.Certificate{h.ca.issue(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})}, ClientCAs: h.roots, ClientAuth: tls.VerifyClientCertIfGiven}
	h.serve(func() error { return h.server.ServeTLS(tl, tc) })
	return h
}

func (h *house) serve(f func() error) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.server.Shutdown(ctx); err != nil {
			h.t.Errorf("shut down: %v", err)
		}
		if err := <-done; err != nil {
			h.t.Errorf("serve: %v", err)
		}
	})
}

// decide appends decisions with personal parts, each with an outcome.
func (h *house) decide(n int) {
	h.t.Helper()
	for range n {
		d := proxy.NewEvent(proxy.EventDecision, time.Now())
		d.Decision = &proxy.DecisionRecord{Action: proxy.Deny, Mode: proxy.Enforce, Reasons: []proxy.Reason{}}
		d.Personal = &proxy.PersonalRecord{Subject: canarySubject, Fingerprints: []string{canaryPrint}, Justification: canary,
			Evidence: []proxy.EvidenceRecord{{Sealed: canarySealed, To: "dpo-2026", Type: "EMAIL_ADDRESS"}}}
		out := proxy.NewEvent(proxy.EventOutcome, time.Now())
		out.DecisionID, out.Outcome = d.ID, &proxy.OutcomeRecord{Sent: "no", Status: 403}
		if err := h.log.Record(h.t.Context(), d, out); err != nil {
			h.t.Fatal(err)
		}
		h.ids = append(h.ids, d.ID)
	}
}

// client is a client of the control socket: our own uid, so of all roles.
func (h *house) client() *console.Client {
	h.t.Helper()
	c, err := console.Dial(h.socket)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(c.Close)
	return c
}

func (h *house) transport() *http.Transport {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.roots}, ForceAttemptHTTP2: true}
	h.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// as is a client of the HTTPS listener with a token of [tokens].
func (h *house) as(token string) *console.Client {
	return console.NewClient(h.base, &http.Client{Transport: h.transport()}, func() (string, error) { return token, nil })
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
	code   string // of a problem
}

// ask sends a request as it is written, over HTTPS.
func (h *house) ask(method, path, token, body string, header ...string) reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.base+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		} else {
			req.Header.Add(header[i], header[i+1])
		}
	}
	return h.send(req, h.transport())
}

func (h *house) send(req *http.Request, tr *http.Transport) reply {
	h.t.Helper()
	tr.DisableKeepAlives = true
	resp, err := (&http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	out := reply{status: resp.StatusCode, header: resp.Header, body: string(b)}
	if resp.Header.Get("Content-Type") == "application/problem+json" && req.Method != http.MethodHead {
		var p console.Problem
		if err := json.Unmarshal(b, &p); err != nil || p.Status != resp.StatusCode || p.Title == "" || p.Detail == "" || p.Type != "urn:ostiary:problem:"+p.Code {
			h.t.Errorf("%s %s: a problem in another form: %s", req.Method, req.URL.Path, b)
		}
		out.code = p.Code
	}
	return out
}

// accesses gives the access events of the log, with their personal parts.
func (h *house) accesses() (out []*proxy.Event) {
	h.t.Helper()
	for rec, err := range h.reader.WithPersonal().Records(0) {
		if err != nil {
			h.t.Fatal(err)
		}
		ev, err := rec.Event()
		if err != nil {
			h.t.Fatal(err)
		}
		if ev.Kind != proxy.EventAccess {
			continue
		}
		if ev.Personal, err = rec.OpenPersonal(); err != nil {
			h.t.Fatal(err)
		}
		out = append(out, ev)
	}
	return out
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	n    int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, n: 1}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *authority) issue(c *x509.Certificate) tls.Certificate {
	a.t.Helper()
	a.n++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(a.n), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// noCanary fails where anything that names a person stands in a text.
func noCanary(t *testing.T, what, s string) {
	t.Helper()
	for _, c := range []string{canary, canaryPrint, canarySealed, canarySubject, "CANARYPRINT"} {
		if strings.Contains(s, c) {
			t.Errorf("%s shows what is personal", what)
		}
	}
}

func problemCode(err error) string {
	var p *console.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

func files(t *testing.T, dir string, visit func(name string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(p)
		if err == nil {
			visit(p, b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// askOnly is ask with one content type.
func (h *house) askOnly(method, path, token, body, media string) reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.base+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", media)
	return h.send(req, h.transport())
}
