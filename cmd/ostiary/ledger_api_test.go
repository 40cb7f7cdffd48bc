package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/proof"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/vault"
)

// authority signs certificates of the test, which it writes as PEM files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
	n    int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", &x509.Certificate{Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	return a
}

// file gives the path of a file of the authority's.
func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// sign makes NAME.pem and NAME.key.
func (a *authority) sign(name string, c, parent *x509.Certificate) (*x509.Certificate, crypto.Signer) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.n++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(a.n), time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	signer := a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return out, key
}

// server signs a certificate for this machine.
func (a *authority) server(name string) {
	a.t.Helper()
	a.sign(name, &x509.Certificate{DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, a.cert)
}

// client gives an HTTP client that trusts the authority, and shows a certificate
// with a name where there is one.
func (a *authority) client(name string) *http.Client {
	a.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	conf := &tls.Config{RootCAs: pool}
	if name != "" {
		c := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		switch {
		case strings.Contains(name, "://"):
			u, err := url.Parse(name)
			if err != nil {
				a.t.Fatal(err)
			}
			c.URIs = []*url.URL{u}
		case strings.Contains(name, "@"):
			c.EmailAddresses = []string{name}
		default:
			c.DNSNames = []string{name}
		}
		file := fmt.Sprint("client", a.n)
		a.sign(file, c, a.cert)
		cert, err := tls.LoadX509KeyPair(a.file(file+".pem"), a.file(file+".key"))
		if err != nil {
			a.t.Fatal(err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	tr := &http.Transport{TLSClientConfig: conf}
	a.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// identityProvider is an OpenID Connect provider of the test with one key.
type identityProvider struct {
	*httptest.Server
	t   *testing.T
	key *ecdsa.PrivateKey
}

func newIdentityProvider(t *testing.T) *identityProvider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &identityProvider{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["ES256"]}`, p.URL, p.URL+"/keys")
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// token signs claims, JSON members behind those that every token has.
func (p *identityProvider) token(audience, claims string, lasts time.Duration) string {
	p.t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "k"))
	if err != nil {
		p.t.Fatal(err)
	}
	now := time.Now()
	j, err := s.Sign([]byte(fmt.Sprintf(`{"iss":%q,"aud":%q,"iat":%d,"exp":%d,%s}`, p.URL, audience, now.Add(-time.Minute).Unix(), now.Add(lasts).Unix(), claims)))
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := j.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// asUser gives a client of a control socket whose connection another user of this
// machine made. It needs root.
func asUser(t *testing.T, socket string, uid int) *http.Client {
	t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) {
		type made struct {
			c   net.Conn
			err error
		}
		got := make(chan made)
		go func() {
			// The ids of this thread alone change; it ends with the goroutine.
			runtime.LockOSThread()
			if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
				got <- made{nil, e}
				return
			}
			if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
				got <- made{nil, e}
				return
			}
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
			if err != nil {
				got <- made{nil, err}
				return
			}
			f := os.NewFile(uintptr(fd), "control")
			defer f.Close()
			if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
				got <- made{nil, err}
				return
			}
			c, err := net.FileConn(f)
			got <- made{c, err}
		}()
		m := <-got
		return m.c, m.err
	}
	tr := &http.Transport{DialContext: dial}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// asked is one thing that is asked of the API.
type asked struct {
	what string
	by   string // roles that may
	do   func(c *console.Client) error
}

// everything is asked of a log with an event of that id.
func everything(id string) []asked {
	ctx := context.Background()
	before := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	return []asked{
		{"self", "viewer reviewer dpo admin", func(c *console.Client) error { _, err := c.Self(ctx); return err }},
		{"stats", "viewer reviewer dpo admin", func(c *console.Client) error { _, err := c.Stats(ctx); return err }},
		{"checkpoint", "viewer reviewer dpo admin", func(c *console.Client) error { _, err := c.Checkpoint(ctx); return err }},
		{"events", "viewer reviewer dpo", func(c *console.Client) error { _, err := c.Events(ctx, console.Search{}); return err }},
		{"event", "viewer reviewer dpo", func(c *console.Client) error { _, err := c.Event(ctx, id, false); return err }},
		{"facets", "viewer reviewer dpo", func(c *console.Client) error {
			_, err := c.Facets(ctx, console.Search{}, []string{"action"}, 0)
			return err
		}},
		{"export", "viewer reviewer dpo", func(c *console.Client) error {
			_, err := c.Export(ctx, io.Discard, "jsonl", console.Search{Query: "kind:decision"})
			return err
		}},
		{"personal parts of a page", "reviewer dpo", func(c *console.Client) error {
			_, err := c.Events(ctx, console.Search{Personal: true})
			return err
		}},
		{"personal parts of an event", "reviewer dpo", func(c *console.Client) error { _, err := c.Event(ctx, id, true); return err }},
		{"export of personal parts", "reviewer dpo", func(c *console.Client) error {
			_, err := c.Export(ctx, io.Discard, "jsonl", console.Search{Query: "kind:decision", Personal: true})
			return err
		}},
		{"hash", "dpo", func(c *console.Client) error {
			_, err := c.Hash(ctx, console.HashRequest{Type: "EMAIL_ADDRESS", Value: "nobody@example.org"})
			return err
		}},
		{"reveal", "dpo", func(c *console.Client) error {
			_, err := c.Reveal(ctx, id, console.RevealRequest{Reason: "review", Ticket: "T", Approver: "somebody else"})
			if codeOf(err) == "no_evidence" {
				return nil
			}
			return err
		}},
		{"erase, dry", "dpo", func(c *console.Client) error {
			_, err := c.Erase(ctx, console.EraseRequest{Subject: "nobody", Reason: "subject_request", Ticket: "T", DryRun: true})
			return err
		}},
		{"hold", "dpo", func(c *console.Client) error {
			h, err := c.Hold(ctx, console.HoldRequest{ID: fmt.Sprint("h", time.Now().UnixNano()), To: 1, Reason: "litigation", Ticket: "T"})
			if err != nil {
				return err
			}
			return c.Release(ctx, h.ID, console.ActRequest{Reason: "litigation", Ticket: "T"})
		}},
		{"holds", "dpo admin", func(c *console.Client) error { _, err := c.Holds(ctx); return err }},
		{"seal", "dpo admin", func(c *console.Client) error { return c.Seal(ctx, console.ActRequest{}) }},
		{"retain, dry", "admin", func(c *console.Client) error {
			_, err := c.Retain(ctx, console.RetainRequest{Before: before, Policy: "house", DryRun: true})
			return err
		}},
		{"rotate", "admin", func(c *console.Client) error { _, err := c.Rotate(ctx, console.ActRequest{}); return err }},
	}
}

// The API of a running Ostiary: each way of saying who asks gives the roles that are
// configured and no others, what names a person is recorded before it is answered,
// and is not answered where it cannot be recorded.
func TestLedgerAPI(t *testing.T) {
	ca, op := newAuthority(t), newIdentityProvider(t)
	ca.server("api")
	listen := freeAddress(t)
	dir := shortTempDir(t)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	const user, stranger = 65510, 65511
	in := launchLog(t, "embedded", fmt.Sprintf(`  api:
    listen: %s
    tls: {cert: %s, key: %s}
    hosts: [127.0.0.1]
    client_ca: %s
    oidc: {issuer: "%s", audience: ostiary}
    approver: true
    roles:
      - {roles: [viewer], certificate: "spiffe://bank.example/viewer"}
      - {roles: [admin], certificate: keeper@bank.example}
      - {roles: [reviewer], group: auditors}
      - {roles: [dpo], subject: officer@bank.example}
      - {roles: [viewer], uid: %d}
`, listen, ca.file("api.pem"), ca.file("api.key"), ca.file("ca.pem"), op.URL, user), "")
	// The directory of the socket is to be opened for other users by whoever gives
	// them roles.
	socket := filepath.Join(in.places.keys, console.SocketName)
	if !strings.Contains(in.screen.String(), "chmod 711") {
		t.Error("nobody says that the other user does not reach the control socket")
	}
	r := in.post("/v1/chat/completions", chat(personal))
	id := r.header.Get(proxy.HeaderDecisionID)
	own := in.control()
	eventually(t, "the event is indexed", func() bool { got, err := own.Event(t.Context(), id, false); return err == nil && len(got.Events) == 2 })

	base := "https://" + listen
	with := func(token string) *console.Client {
		return console.NewClient(base, ca.client(""), func() (string, error) { return token, nil })
	}
	callers := []struct {
		name, roles string
		client      *console.Client
	}{
		{"own uid", "viewer reviewer dpo admin", own},
		{"certificate of a viewer", "viewer", console.NewClient(base, ca.client("spiffe://bank.example/viewer"), nil)},
		{"certificate of an admin", "admin", console.NewClient(base, ca.client("keeper@bank.example"), nil)},
		{"token of a group", "reviewer", with(op.token("ostiary", `"sub":"u-1","groups":["staff","auditors"]`, time.Hour))},
		{"token of an address", "dpo", with(op.token("ostiary", `"sub":"u-2","email":"officer@bank.example","email_verified":true`, time.Hour))},
		{"token of an address that nobody verified", "", with(op.token("ostiary", `"sub":"u-3","email":"officer@bank.example"`, time.Hour))},
		{"token of a stranger", "", with(op.token("ostiary", `"sub":"u-4","groups":["staff"]`, time.Hour))},
		{"certificate of a stranger", "", console.NewClient(base, ca.client("somebody.bank.example"), nil)},
		{"token for somebody else", "?", with(op.token("another", `"sub":"u-1","groups":["auditors"]`, time.Hour))},
		{"token that ended", "?", with(op.token("ostiary", `"sub":"u-1","groups":["auditors"]`, -time.Hour))},
		{"token that was altered", "?", with(op.token("ostiary", `"sub":"u-1","groups":["auditors"]`, time.Hour) + "A")},
		{"nobody", "?", console.NewClient(base, ca.client(""), nil)},
	}
	for _, c := range callers {
		for _, a := range everything(id) {
			err := patiently(t, func() error { return a.do(c.client) })
			want := "role_missing"
			switch {
			case c.roles == "?":
				want = "unauthenticated"
			case c.roles == "":
				want = "no_role"
			case slices.ContainsFunc(strings.Fields(a.by), func(r string) bool { return slices.Contains(strings.Fields(c.roles), r) }):
				want = ""
			}
			if got := codeOf(err); got != want || err != nil && got == "" {
				t.Errorf("%s asks for %s: %v, want %q", c.name, a.what, err, want)
			}
		}
	}
	if c, err := tls.Dial("tcp", listen, &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}); err == nil {
		_ = c.Close()
		t.Error("a certificate of nobody's authority is taken")
	}
	req, err := http.NewRequest(http.MethodGet, base+"/api/v1/self", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	if resp, err := ca.client("spiffe://bank.example/viewer").Do(req); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("another host's name: %v, %v", resp, err)
	}

	t.Run("another uid", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("only root can become another user")
		}
		if _, err := asUser(t, socket, user).Get("http://ostiary/api/v1/self"); !errors.Is(err, syscall.EACCES) {
			t.Errorf("through a directory of mode 0700: %v", err)
		}
		for at := in.places.keys; at != "/"; at = filepath.Dir(at) {
			if st, err := os.Stat(at); err == nil && st.Mode().Perm()&0o001 == 0 {
				if err := os.Chmod(at, st.Mode().Perm()|0o011); err != nil {
					t.Fatal(err)
				}
			}
		}
		for uid, roles := range map[int]string{user: "viewer", stranger: ""} {
			c := console.NewClient("http://ostiary", asUser(t, socket, uid), nil)
			for _, a := range everything(id) {
				want := "no_role"
				if roles != "" {
					want = "role_missing"
					if slices.Contains(strings.Fields(a.by), roles) {
						want = ""
					}
				}
				err := patiently(t, func() error { return a.do(c) })
				if codeOf(err) != want || err != nil && codeOf(err) == "" {
					t.Errorf("uid %d asks for %s: %v, want %q", uid, a.what, err, want)
				}
			}
			if self, err := c.Self(t.Context()); uid == user && (err != nil || self.UID == nil || *self.UID != user || self.Method != "socket") {
				t.Errorf("uid %d is taken for %+v, %v", uid, self, err)
			}
		}
	})

	// What was looked at is in the log: by whom, in which role.
	seen := map[string]int{}
	for _, ev := range in.events(proxy.EventAccess) {
		if ev.Personal == nil || ev.Personal.Commitment == "" || ev.Personal.Subject != "" {
			t.Errorf("an access names whom it is by in its core, or nobody: %s", ev.Admin.Action)
		}
		seen[ev.Admin.Action+" "+ev.Admin.Role]++
	}
	for _, want := range []string{"search reviewer", "search dpo", "show reviewer", "show dpo", "export viewer", "export reviewer", "hash dpo", "reveal dpo", "erase dpo", "denied viewer", "denied admin"} {
		if seen[want] == 0 {
			t.Errorf("no access event %q: %v", want, seen)
		}
	}
	for what := range seen {
		if strings.HasSuffix(what, " viewer") && !slices.Contains([]string{"export viewer", "exported viewer", "denied viewer"}, what) {
			t.Errorf("a viewer is recorded for %q", what)
		}
	}

	// The log takes no more: cores are read, personal parts are not.
	in.stopped = true
	if err := in.audit.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := own.Events(t.Context(), console.Search{}); err != nil || len(got.Events) == 0 {
		t.Errorf("cores: %v", err)
	}
	for _, a := range everything(id) {
		if !slices.Contains([]string{"personal parts of a page", "personal parts of an event", "export", "export of personal parts", "hash", "reveal", "erase, dry"}, a.what) {
			continue
		}
		if err := patiently(t, func() error { return a.do(own) }); codeOf(err) != "unrecorded" {
			t.Errorf("%s of a log that does not record: %v", a.what, err)
		}
	}
	if err := in.server.stop(); err == nil {
		t.Error("a stop that could not be recorded is not told of")
	}
}

// A data subject asks: what mentions an address is found by its fingerprint, shown
// to the officer alone, and erased from the disk but for what a hold keeps; all
// proofs stay good.
func TestLedgerSubject(t *testing.T) {
	private, public, err := vault.GenerateEvidenceKey("officer")
	if err != nil {
		t.Fatal(err)
	}
	another, _, err := vault.GenerateEvidenceKey("officer")
	if err != nil {
		t.Fatal(err)
	}
	keys := t.TempDir()
	if err := os.WriteFile(filepath.Join(keys, "dpo.pub"), []byte(public), 0o600); err != nil {
		t.Fatal(err)
	}
	const address = "maria.lindqvist@nordbank.se"
	eachPlane(t, func(t *testing.T, plane string) {
		in := launchLog(t, plane, "  evidence: {key: "+keys+"/dpo.pub, rules: [residency]}\n  api: {approver: true}\n", "")
		ctx := t.Context()
		var hers []string // decisions that mention the address
		for i, prompt := range []string{personal, ordinary, "Ask Maria.Lindqvist@Nordbank.se and olof.ek@example.se.", secret, personal, "Mail olof.ek@example.se"} {
			r := in.post("/v1/chat/completions", chat(prompt))
			if id := r.header.Get(proxy.HeaderDecisionID); id == "" {
				t.Fatalf("request %d: %d", i, r.status)
			} else if strings.Contains(strings.ToLower(prompt), address) {
				hers = append(hers, id)
			}
		}
		eventually(t, "all outcomes are recorded", func() bool { return in.engine.Pending() == 0 && in.ledger.index.Size() == in.audit.Size() })
		api := in.control()
		must := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		hash, err := api.Hash(ctx, console.HashRequest{Type: "EMAIL_ADDRESS", Value: " Maria.Lindqvist@nordbank.SE", Reason: "subject_request", Ticket: "DSR-1"})
		must("hash", err)
		if hash.Events != 3 || len(hash.Fingerprints) != 1 || len(hash.Refs) != 3 {
			t.Fatalf("her address is found in %d events, by %d fingerprints", hash.Events, len(hash.Fingerprints))
		}
		print := hash.Fingerprints[0]
		at := func(ref console.Ref) (audit.Record, *proxy.Event) {
			t.Helper()
			rec, err := in.ledger.reader.At(ref.Index)
			must("read", err)
			ev, err := rec.Event()
			must("event", err)
			return rec, ev
		}
		cores := map[int64][]byte{}
		for i, ref := range hash.Refs {
			rec, ev := at(ref)
			cores[ref.Index] = rec.JSON
			if ev.ID != hers[i] {
				t.Errorf("the address is said to be in %s, want %s", ev.ID, hers[i])
			}
		}
		for _, guess := range []console.HashRequest{{Type: "PERSON", Value: "Maria Lindqvist"}, {Type: "PHONE_NUMBER", Value: "12345"}} {
			if _, err := api.Hash(ctx, guess); codeOf(err) != "type_without_hash" {
				t.Errorf("a value that could be guessed: %v", err)
			}
		}

		// Evidence: revealed to whoever names a second person, read with the officer's
		// key for this decision alone.
		if _, err := api.Reveal(ctx, hers[0], console.RevealRequest{Reason: "review", Ticket: "T-1"}); codeOf(err) != "body" {
			t.Errorf("revealed without an approver: %v", err)
		}
		shown, err := api.Reveal(ctx, hers[0], console.RevealRequest{Reason: "review", Ticket: "T-1", Approver: "chief@nordbank.se"})
		must("reveal", err)
		open := func(private, id string) (out []string, err error) {
			key, err := vault.ParseEvidenceKey(private)
			must("key", err)
			for _, e := range shown.Evidence {
				x, err := vault.OpenEvidence(key, e, id)
				if err != nil {
					return nil, err
				}
				out = append(out, x.Match)
			}
			return out, nil
		}
		if got, err := open(private, hers[0]); err != nil || !slices.Contains(got, address) {
			t.Errorf("the officer reads %d pieces of evidence without the address: %v", len(got), err)
		}
		if _, err := open(another, hers[0]); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("another key: %v", err)
		}
		if _, err := open(private, hers[1]); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("of another decision: %v", err)
		}
		if err := patiently(t, func() error {
			_, err := api.Reveal(ctx, readEvents(t, in.places.log, proxy.EventDecision)[1].ID, console.RevealRequest{Reason: "review", Ticket: "T-1", Approver: "chief@nordbank.se"})
			return err
		}); codeOf(err) != "no_evidence" {
			t.Errorf("evidence of a rule that is not configured: %v", err)
		}
		sealed := shown.Evidence[0].Sealed

		// holds counts the files, and the personal parts, that have a text.
		holds := func(text string) (files, parts int) {
			t.Helper()
			everyFile(t, filepath.Dir(in.places.log), func(_ string, b []byte) {
				if bytes.Contains(b, []byte(text)) {
					files++
				}
			})
			for rec, err := range in.ledger.reader.WithPersonal().Records(0) {
				must("read", err)
				if bytes.Contains(rec.Personal, []byte(text)) {
					parts++
				}
			}
			return files, parts
		}
		if files, parts := holds(print); files != 1 || parts != 3 {
			t.Errorf("before, the fingerprint is in %d files and %d parts", files, parts)
		}
		if files, parts := holds(sealed[:64]); files != 1 || parts != 1 {
			t.Errorf("before, the evidence is in %d files and %d parts", files, parts)
		}
		size := in.audit.Size()
		_, err = api.Hold(ctx, console.HoldRequest{ID: "case-1", From: hash.Refs[2].Index, To: hash.Refs[2].Index + 1, Reason: "litigation", Ticket: "L-1"})
		must("hold", err)
		erase := console.EraseRequest{Fingerprint: print, Reason: "subject_request", Ticket: "DSR-1", DryRun: true}
		dry, err := api.Erase(ctx, erase)
		must("erase, dry", err)
		if _, parts := holds(print); parts != 3 || dry.Parts != 2 || dry.Held != 1 || !dry.Dry {
			t.Errorf("a dry run: %+v, and %d parts are left", dry, parts)
		}
		erase.DryRun = false
		done, err := api.Erase(ctx, erase)
		must("erase", err)
		if _, parts := holds(print); parts != 1 || done.Parts != 2 || done.Held != 1 {
			t.Errorf("erased: %+v, and %d parts are left", done, parts)
		}
		if files, parts := holds(sealed[:64]); files != 0 || parts != 0 {
			t.Errorf("the evidence is in %d files and %d parts still", files, parts)
		}
		if _, err := api.Reveal(ctx, hers[0], console.RevealRequest{Reason: "review", Ticket: "T-1", Approver: "chief@nordbank.se"}); codeOf(err) != "erased" {
			t.Errorf("erased evidence: %v", err)
		}
		for i, want := range []string{console.PersonalErased, console.PersonalErased, console.PersonalPresent} {
			got, err := api.Event(ctx, hers[i], true)
			must("event", err)
			if s := got.Events[0].State; s != want {
				t.Errorf("the personal part of her decision %d is %s, want %s", i, s, want)
			}
		}
		must("release", api.Release(ctx, "case-1", console.ActRequest{Reason: "litigation", Ticket: "L-1"}))
		done, err = api.Erase(ctx, erase)
		must("erase again", err)
		if files, parts := holds(print); files != 0 || parts != 0 || done.Parts != 1 {
			t.Errorf("erased: %+v, and the fingerprint is in %d files and %d parts", done, files, parts)
		}
		hash, err = api.Hash(ctx, console.HashRequest{Type: "EMAIL_ADDRESS", Value: address, Ticket: "DSR-1"})
		must("hash", err)
		other, err := api.Hash(ctx, console.HashRequest{Type: "EMAIL_ADDRESS", Value: "olof.ek@example.se", Ticket: "DSR-2"})
		must("hash", err)
		if hash.Events != 0 || other.Events != 1 {
			t.Errorf("afterwards she is in %d events, and he in %d", hash.Events, other.Events)
		}
		everyFile(t, filepath.Dir(in.places.log), func(name string, b []byte) {
			if bytes.Contains(bytes.ToLower(b), []byte(address)) {
				t.Errorf("%s holds the address that was looked up", filepath.Base(name))
			}
		})

		// What was done is told, in words and numbers that name nobody.
		var tombs []*proxy.AdminRecord
		for _, ev := range in.events(proxy.EventErasure) {
			tombs = append(tombs, ev.Admin)
		}
		if len(tombs) != 2 || tombs[0].Count != 2 || tombs[0].Code != "subject_request" || tombs[0].Role != "dpo" || tombs[0].To <= tombs[0].From || tombs[1].Count != 1 {
			t.Errorf("what is told of erasures: %+v", tombs)
		}
		in.end()
		verified(t, in.places)
		// A third party's proof of an event whose personal part is gone.
		signed, err := in.ledger.reader.Checkpoint()
		must("checkpoint", err)
		text, err := os.ReadFile(filepath.Join(in.places.keys, "log.pub"))
		must("key", err)
		key, err := proof.NewKey(text)
		must("key", err)
		c, err := proof.Open(signed, key)
		must("checkpoint", err)
		for n, core := range cores {
			file, err := proof.Make(proof.Tiles(os.DirFS(in.places.log), c), signed, n, core)
			must("proof", err)
			if p, err := proof.VerifyEvent(file, proof.Trust{Key: key}); err != nil || !bytes.Equal(p.Event, core) || n >= size {
				t.Errorf("the proof of record %d: %v", n, err)
			}
		}
	})
}
