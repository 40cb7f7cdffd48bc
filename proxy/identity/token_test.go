package identity_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/identity"
)

// provider is an OpenID Connect provider of the test.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	down    bool
	hang    chan struct{} // not nil: an answer waits for it
	body    []byte        // not nil: in the place of the keys
	issuer  string        // not empty: what the discovery document says
	jwks    string        // likewise
	fetches int
}

func newProvider(t testing.TB, keys ...jose.JSONWebKey) *provider {
	p := &provider{keys: keys}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		issuer, jwks := p.URL, p.URL+"/keys"
		if p.issuer != "" {
			issuer = p.issuer
		}
		if p.jwks != "" {
			jwks = p.jwks
		}
		w.Header().Set("content-type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["RS256","HS256","none"]}`, issuer, jwks)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		p.fetches++
		hang, body, down := p.hang, p.body, p.down
		set := jose.JSONWebKeySet{Keys: p.keys}
		p.mu.Unlock()
		if hang != nil {
			<-hang
		}
		switch {
		case down:
			http.Error(w, "down", http.StatusServiceUnavailable)
		case body != nil:
			_, _ = w.Write(body)
		default:
			_ = json.NewEncoder(w).Encode(set)
		}
	})
	mux.Handle("GET /moved", http.RedirectHandler("/keys", http.StatusFound))
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) set(f func(*provider)) { p.mu.Lock(); f(p); p.mu.Unlock() }

func (p *provider) asked() int { p.mu.Lock(); defer p.mu.Unlock(); return p.fetches }

// clock is a clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time        { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) move(by time.Duration) { c.mu.Lock(); c.t = c.t.Add(by); c.mu.Unlock() }

var began = time.Unix(1_800_000_000, 0)

// signer is a key of a provider.
type signer struct {
	id   string
	alg  jose.SignatureAlgorithm
	priv crypto.Signer
}

func (s signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.priv.Public(), KeyID: s.id, Use: "sig"}
}

// rsaKey is made once: making one is slow under the race detector.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newES(t testing.TB, id string) signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.ES256, k}
}

func newEd(t testing.TB, id string) signer {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.EdDSA, k}
}

func (s signer) sign(t testing.TB, payload string) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	if s.id != "" {
		o = o.WithHeader("kid", s.id)
	}
	j, err := jose.NewSigner(jose.SigningKey{Algorithm: s.alg, Key: s.priv}, o)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := j.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	out, err := sig.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// claims gives the claims of a good token, with changes: an empty value takes the
// claim out.
func claims(issuer string, changes ...string) string {
	m := map[string]json.RawMessage{
		"iss": json.RawMessage(fmt.Sprintf("%q", issuer)), "aud": json.RawMessage(`"ostiary"`), "sub": json.RawMessage(`"u-1"`),
		"exp": json.RawMessage(fmt.Sprint(began.Add(time.Hour).Unix())), "iat": json.RawMessage(fmt.Sprint(began.Unix())),
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			delete(m, changes[i])
		} else {
			m[changes[i]] = json.RawMessage(changes[i+1])
		}
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func newVerifier(t testing.TB, o identity.TokenOptions) (*identity.TokenVerifier, *clock) {
	t.Helper()
	c := &clock{t: began}
	o.Now = c.now
	if o.Audiences == nil {
		o.Audiences = []string{"ostiary"}
	}
	v, err := identity.NewTokenVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	return v, c
}

func TestTokens(t *testing.T) {
	rs, es, ed := signer{"rs", jose.RS256, rsaKey()}, newES(t, "es"), newEd(t, "ed")
	op := newProvider(t, rs.public(), es.public(), ed.public())
	iss := op.URL
	at := func(d time.Duration) string { return fmt.Sprint(began.Add(d).Unix()) }
	many := "[" + strings.TrimSuffix(strings.Repeat(`"g",`, 257), ",") + "]"
	good := identity.Token{Issuer: iss, Subject: "u-1", Claims: map[string][]string{}, Expires: began.Add(time.Hour)}
	with := func(f func(*identity.Token)) identity.Token {
		g := good
		g.Claims = map[string][]string{}
		f(&g)
		return g
	}
	for _, tt := range []struct {
		name    string
		changes []string
		want    identity.Token
		err     error
	}{
		{"plain", nil, good, nil},
		{"one of two audiences", []string{"aud", `["x","ostiary"]`}, good, nil},
		{"the other configured audience", []string{"aud", `"console"`}, good, nil},
		{"groups", []string{"groups", `["auditors","dpo"]`}, with(func(g *identity.Token) { g.Groups = []string{"auditors", "dpo"} }), nil},
		{"one group", []string{"groups", `"auditors"`}, with(func(g *identity.Token) { g.Groups = []string{"auditors"} }), nil},
		{"groups left out", []string{"_claim_names", `{"groups":"src1"}`, "_claim_sources", `{"src1":{"endpoint":"https://login.example.com/groups"}}`}, with(func(g *identity.Token) { g.Incomplete = true }), nil},
		{"a nested claim", []string{"realm_access", `{"roles":["r"]}`}, with(func(g *identity.Token) { g.Claims["realm_access.roles"] = []string{"r"} }), nil},
		{"a claim that is a truth", []string{"https://x.example/staff", `true`}, with(func(g *identity.Token) { g.Claims["https://x.example/staff"] = []string{"true"} }), nil},
		{"a verified address", []string{"email", `"a@b.example"`, "email_verified", `true`}, with(func(g *identity.Token) { g.Email = "a@b.example" }), nil},
		{"an address that nobody verified", []string{"email", `"a@b.example"`, "email_verified", `false`}, good, nil},
		{"an address of which nothing is said", []string{"email", `"a@b.example"`}, good, nil},
		{"expired within the skew", []string{"exp", at(-59 * time.Second)}, with(func(g *identity.Token) { g.Expires = began.Add(-59 * time.Second) }), nil},
		{"of the future within the skew", []string{"nbf", at(time.Minute), "iat", at(time.Minute)}, good, nil},

		{"expired", []string{"exp", at(-time.Minute)}, identity.Token{}, identity.ErrTokenTime},
		{"no expiry", []string{"exp", ""}, identity.Token{}, identity.ErrTokenTime},
		{"no expiry but null", []string{"exp", "null"}, identity.Token{}, identity.ErrTokenClaims},
		{"an expiry that is text", []string{"exp", `"never"`}, identity.Token{}, identity.ErrTokenClaims},
		{"not good yet", []string{"nbf", at(61 * time.Second)}, identity.Token{}, identity.ErrTokenTime},
		{"made tomorrow", []string{"iat", at(24 * time.Hour)}, identity.Token{}, identity.ErrTokenTime},
		{"for somebody else", []string{"aud", `"mail"`}, identity.Token{}, identity.ErrTokenAudience},
		{"for a name that begins like ours", []string{"aud", `"ostiary2"`}, identity.Token{}, identity.ErrTokenAudience},
		{"for nobody", []string{"aud", ""}, identity.Token{}, identity.ErrTokenAudience},
		{"of another issuer", []string{"iss", `"https://evil.example"`}, identity.Token{}, identity.ErrTokenIssuer},
		{"of an issuer with a slash more", []string{"iss", fmt.Sprintf("%q", iss+"/")}, identity.Token{}, identity.ErrTokenIssuer},
		{"of no issuer", []string{"iss", ""}, identity.Token{}, identity.ErrTokenIssuer},
		{"of no subject", []string{"sub", ""}, identity.Token{}, identity.ErrTokenClaims},
		{"of a subject that breaks lines", []string{"sub", `"a\nb"`}, identity.Token{}, identity.ErrTokenClaims},
		{"of two subjects", []string{"SUB", `"root"`}, identity.Token{}, identity.ErrTokenClaims},
		{"of two expiries", []string{"Exp", at(time.Hour)}, identity.Token{}, identity.ErrTokenClaims},
		{"more groups than are read", []string{"groups", many}, identity.Token{}, identity.ErrTokenClaims},
		{"a group longer than is read", []string{"groups", `"` + strings.Repeat("g", 257) + `"`}, identity.Token{}, identity.ErrTokenClaims},
		{"groups of objects", []string{"groups", `[{"name":"auditors"}]`}, identity.Token{}, identity.ErrTokenClaims},
		{"groups that are an object", []string{"groups", `{"auditors":true}`}, identity.Token{}, identity.ErrTokenClaims},
	} {
		for _, s := range []signer{rs, es, ed} {
			v, _ := newVerifier(t, identity.TokenOptions{Issuer: iss, Audiences: []string{"ostiary", "console"}, Claims: []string{"realm_access.roles", "https://x.example/staff"}})
			got, err := v.Verify(t.Context(), proxy.NewText(s.sign(t, claims(iss, tt.changes...))))
			if !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("%s, %s: %v, want %v", tt.name, s.alg, err, tt.err)
			}
			if tt.err != nil && !errors.Is(err, identity.ErrToken) {
				t.Errorf("%s: %v is no ErrToken", tt.name, err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s, %s (- want, + got):\n%s", tt.name, s.alg, d)
			}
		}
	}
	any, _ := newVerifier(t, identity.TokenOptions{Issuer: iss, AnyEmail: true})
	if got, err := any.Verify(t.Context(), proxy.NewText(es.sign(t, claims(iss, "email", `"a@b.example"`)))); err != nil || got.Email != "a@b.example" {
		t.Errorf("an address of a provider that is trusted with it: %q, %v", got.Email, err)
	}
	if got, err := any.Verify(t.Context(), proxy.NewText(es.sign(t, claims(iss, "email", `"a@b.example"`, "email_verified", `"false"`)))); err != nil || got.Email != "" {
		t.Errorf("an address that the provider itself does not vouch for: %q, %v", got.Email, err)
	}
}

// Nothing but a signature of the provider's own key, in an algorithm made for that
// key, makes a token good.
func TestTokenForgeries(t *testing.T) {
	rs, es := signer{"rs", jose.RS256, rsaKey()}, newES(t, "es")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this build makes no short RSA keys: ", err)
	}
	short := signer{"short", jose.RS256, small}
	forEncryption := newES(t, "enc")
	enc := forEncryption.public()
	enc.Use = "enc"
	op := newProvider(t, rs.public(), es.public(), enc, short.public())
	iss := op.URL
	stranger := newES(t, "es")
	b64 := base64.RawURLEncoding.EncodeToString
	plain := func(header string) string { return b64([]byte(header)) + "." + b64([]byte(claims(iss))) }
	hs := func(secret []byte) string {
		j, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, (&jose.SignerOptions{}).WithHeader("kid", "rs"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := j.Sign([]byte(claims(iss)))
		if err != nil {
			t.Fatal(err)
		}
		out, _ := s.CompactSerialize()
		return out
	}
	der, err := x509.MarshalPKIXPublicKey(rs.priv.Public())
	if err != nil {
		t.Fatal(err)
	}
	good := es.sign(t, claims(iss))
	part := strings.Split(good, ".")
	embedded := func() string {
		j, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: stranger.priv}, &jose.SignerOptions{EmbedJWK: true})
		if err != nil {
			t.Fatal(err)
		}
		s, err := j.Sign([]byte(claims(iss)))
		if err != nil {
			t.Fatal(err)
		}
		out, _ := s.CompactSerialize()
		return out
	}()
	other := strings.Split(es.sign(t, claims(iss, "sub", `"root"`)), ".")
	full := func() string {
		j, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: es.priv}, nil)
		s, _ := j.Sign([]byte(claims(iss)))
		return s.FullSerialize()
	}()
	for _, tt := range []struct {
		name, token string
		err         error
	}{
		{"nothing", "", identity.ErrTokenForm},
		{"a word", "token", identity.ErrTokenForm},
		{"three empty parts", "..", identity.ErrTokenForm},
		{"alg none without a signature", plain(`{"alg":"none"}`) + ".", identity.ErrTokenForm},
		{"alg none with one", plain(`{"alg":"none","kid":"es"}`) + ".AAAA", identity.ErrTokenForm},
		{"alg NONE", plain(`{"alg":"NONE"}`) + ".AAAA", identity.ErrTokenForm},
		{"no alg", plain(`{}`) + ".AAAA", identity.ErrTokenForm},
		{"HS256 with the public key as the secret", hs(der), identity.ErrTokenForm},
		{"HS256 with a short secret", hs([]byte("0123456789abcdef0123456789abcdef")), identity.ErrTokenForm},
		{"another algorithm of a good key", signer{"rs", jose.PS256, rsaKey()}.sign(t, claims(iss)), identity.ErrTokenForm},
		{"a stranger's key under a known id", stranger.sign(t, claims(iss)), identity.ErrTokenSignature},
		{"a stranger's key without an id", signer{"", jose.ES256, stranger.priv}.sign(t, claims(iss)), identity.ErrTokenSignature},
		{"the key in the token itself", embedded, identity.ErrTokenSignature},
		{"an RSA key's id on another key's signature", signer{"rs", jose.ES256, es.priv}.sign(t, claims(iss)), identity.ErrTokenSignature},
		{"a key that the provider encrypts with", forEncryption.sign(t, claims(iss)), identity.ErrTokenSignature},
		{"an RSA key that is short", short.sign(t, claims(iss)), identity.ErrTokenSignature},
		{"other claims under a good signature", part[0] + "." + other[1] + "." + part[2], identity.ErrTokenSignature},
		{"a blank inside", part[0] + ". " + part[1] + "." + part[2], identity.ErrTokenForm},
		{"a line behind", good + "\n", identity.ErrTokenForm},
		{"a fourth part", good + ".AAAA", identity.ErrTokenForm},
		{"the JSON form", full, identity.ErrTokenForm},
		{"too long", es.sign(t, claims(iss, "x", `"`+strings.Repeat("x", identity.MaxToken)+`"`)), identity.ErrTokenForm},
		{"claims that are no object", es.sign(t, `"x"`), identity.ErrTokenClaims},
		{"claims that are no JSON", es.sign(t, `x`), identity.ErrTokenClaims},
	} {
		v, _ := newVerifier(t, identity.TokenOptions{Issuer: iss})
		got, err := v.Verify(t.Context(), proxy.NewText(tt.token))
		if !errors.Is(err, tt.err) || got.Subject != "" {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
		if err != nil && len(tt.token) > 8 && strings.Contains(err.Error(), tt.token[:8]) {
			t.Errorf("%s: the error shows the token", tt.name)
		}
	}
	v, _ := newVerifier(t, identity.TokenOptions{Issuer: iss})
	if _, err := v.Verify(t.Context(), proxy.NewText(good)); err != nil {
		t.Errorf("the token that they were made from: %v", err)
	}
	if _, err := v.Verify(t.Context(), proxy.NewText(signer{"", jose.ES256, es.priv}.sign(t, claims(iss)))); err != nil {
		t.Errorf("a good key without an id: %v", err)
	}
}

// Keys come and go; unknown ids make the provider's keys be asked for, but seldom.
func TestTokenKeysRotate(t *testing.T) {
	a, b := newES(t, "a"), newES(t, "b")
	op := newProvider(t, a.public())
	v, c := newVerifier(t, identity.TokenOptions{Issuer: op.URL})
	check := func(what string, s signer, want error, fetches int) {
		t.Helper()
		_, err := v.Verify(t.Context(), proxy.NewText(s.sign(t, claims(op.URL, "exp", fmt.Sprint(c.now().Add(time.Hour).Unix())))))
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if got := op.asked(); got != fetches {
			t.Errorf("%s: keys were fetched %d times, want %d", what, got, fetches)
		}
	}
	if op.asked() != 0 {
		t.Error("keys are fetched before there is a token")
	}
	check("the first token", a, nil, 1)
	check("the second", a, nil, 1)
	check("an unknown key, at once", b, identity.ErrTokenSignature, 1)
	op.set(func(p *provider) { p.keys = append(p.keys, b.public()) })
	for range 50 {
		check("a new key within the pause", b, identity.ErrTokenSignature, 1)
	}
	c.move(10 * time.Second)
	check("the new key after the pause", b, nil, 2)
	check("the old key beside it", a, nil, 2)
	op.set(func(p *provider) { p.keys = p.keys[1:] })
	check("the old key, withdrawn but still held", a, nil, 2)
	c.move(15 * time.Minute)
	check("the old key, once the keys are renewed", a, identity.ErrTokenSignature, 3)
	check("the key that stays", b, nil, 3)
	// A key that was changed under its name is found as well.
	op.set(func(p *provider) { p.keys[0] = signer{"b", jose.ES256, a.priv}.public() })
	c.move(time.Minute)
	check("another key under the same id", signer{"b", jose.ES256, a.priv}, nil, 4)
}

// A provider that is down keeps nobody out who has a good token, for a while, and
// lets nobody in.
func TestTokenProviderDown(t *testing.T) {
	a, b := newES(t, "a"), newES(t, "b")
	op := newProvider(t, a.public())
	op.set(func(p *provider) { p.down = true })
	v, c := newVerifier(t, identity.TokenOptions{Issuer: op.URL})
	verify := func(s signer) error {
		_, err := v.Verify(t.Context(), proxy.NewText(s.sign(t, claims(op.URL, "exp", fmt.Sprint(c.now().Add(time.Hour).Unix())))))
		return err
	}
	if err := verify(a); !errors.Is(err, identity.ErrTokenKeys) || errors.Is(err, identity.ErrToken) {
		t.Errorf("down from the beginning: %v", err)
	}
	op.set(func(p *provider) { p.down = false })
	if err := verify(a); !errors.Is(err, identity.ErrTokenKeys) {
		t.Errorf("up again, within the pause: %v", err)
	}
	c.move(20 * time.Second)
	if err := verify(a); err != nil {
		t.Errorf("up again: %v", err)
	}
	op.set(func(p *provider) { p.down = true })
	c.move(time.Hour)
	if err := verify(a); err != nil {
		t.Errorf("down for an hour, a known key: %v", err)
	}
	if err := verify(b); !errors.Is(err, identity.ErrTokenSignature) {
		t.Errorf("down, an unknown key: %v", err)
	}
	c.move(2*time.Hour + 59*time.Minute)
	if err := verify(a); err != nil {
		t.Errorf("down for just less than four hours: %v", err)
	}
	c.move(time.Minute)
	if err := verify(a); !errors.Is(err, identity.ErrTokenKeys) {
		t.Errorf("down for four hours: %v; a key that was withdrawn would be good for ever", err)
	}
	op.set(func(p *provider) { p.down = false; p.body = []byte(`{"keys":[]}`) })
	c.move(time.Minute)
	if err := verify(a); !errors.Is(err, identity.ErrTokenKeys) {
		t.Errorf("an empty set of keys: %v", err)
	}
	op.set(func(p *provider) { p.body = nil })
	c.move(time.Minute)
	if err := verify(a); err != nil {
		t.Errorf("up in the end: %v", err)
	}
}

// What a provider answers is bounded, and no more than one asks at a time.
func TestTokenProviderMisbehaves(t *testing.T) {
	a := newES(t, "a")
	for _, tt := range []struct {
		name string
		set  func(*provider)
	}{
		{"endless keys", func(p *provider) {
			key, _ := json.Marshal(a.public())
			p.body = []byte(`{"keys":[` + strings.Repeat(" ", 1<<20) + string(key) + `]}`)
		}},
		{"more keys than are read", func(p *provider) {
			for range 64 {
				p.keys = append(p.keys, a.public())
			}
		}},
		{"no JSON", func(p *provider) { p.body = []byte(`<html>`) }},
		{"another issuer", func(p *provider) { p.issuer = "https://evil.example" }},
		{"keys in the clear", func(p *provider) { p.jwks = "http://evil.example/keys" }},
		{"keys in a file", func(p *provider) { p.jwks = "file:///etc/passwd" }},
		{"keys somewhere else", func(p *provider) { p.jwks = p.URL + "/moved" }},
		{"a secret among the keys", func(p *provider) {
			p.body = []byte(`{"keys":[{"kty":"oct","kid":"a","alg":"HS256","k":"AAAAAAAAAAAAAAAAAAAAAA"}]}`)
		}},
	} {
		op := newProvider(t, a.public())
		op.set(tt.set)
		v, _ := newVerifier(t, identity.TokenOptions{Issuer: op.URL})
		if _, err := v.Verify(t.Context(), proxy.NewText(a.sign(t, claims(op.URL)))); !errors.Is(err, identity.ErrTokenKeys) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}

	op := newProvider(t, a.public())
	hang := make(chan struct{})
	op.set(func(p *provider) { p.hang = hang })
	v, _ := newVerifier(t, identity.TokenOptions{Issuer: op.URL})
	token := proxy.NewText(a.sign(t, claims(op.URL)))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(gone, token); !errors.Is(err, identity.ErrTokenKeys) {
		t.Errorf("a caller that does not wait: %v", err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() { _, errs[i] = v.Verify(t.Context(), token) })
	}
	close(hang)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Errorf("a caller that waits: %v", err)
		}
	}
	if n := op.asked(); n != 1 {
		t.Errorf("keys were fetched %d times", n)
	}
}

func TestTokenOptions(t *testing.T) {
	ok := identity.TokenOptions{Issuer: "https://login.example.com/tenant", Audiences: []string{"ostiary"}}
	for _, tt := range []struct {
		name string
		set  func(*identity.TokenOptions)
		ok   bool
	}{
		{"https", func(*identity.TokenOptions) {}, true},
		{"http on loopback", func(o *identity.TokenOptions) { o.Issuer = "http://127.0.0.1:8080" }, true},
		{"http", func(o *identity.TokenOptions) { o.Issuer = "http://login.example.com" }, false},
		{"http at a name like loopback", func(o *identity.TokenOptions) { o.Issuer = "http://localhost.evil.example" }, false},
		{"no host", func(o *identity.TokenOptions) { o.Issuer = "https:///x" }, false},
		{"no issuer", func(o *identity.TokenOptions) { o.Issuer = "" }, false},
		{"a password", func(o *identity.TokenOptions) { o.Issuer = "https://a:b@login.example.com" }, false},
		{"no audience", func(o *identity.TokenOptions) { o.Audiences = nil }, false},
		{"an empty audience", func(o *identity.TokenOptions) { o.Audiences = []string{""} }, false},
		{"an empty claim", func(o *identity.TokenOptions) { o.Claims = []string{""} }, false},
		{"five minutes", func(o *identity.TokenOptions) { o.Skew = 5 * time.Minute }, true},
		{"more", func(o *identity.TokenOptions) { o.Skew = 6 * time.Minute }, false},
	} {
		o := ok
		tt.set(&o)
		if _, err := identity.NewTokenVerifier(o); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// FuzzToken: only what the provider's key signed, unchanged, is taken.
func FuzzToken(f *testing.F) {
	a := newES(f, "a")
	op := httptest.NewUnstartedServer(nil)
	op.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{a.public()}})
			return
		}
		w.Header().Set("content-type", "application/json")
		fmt.Fprintf(w, `{"issuer":"http://%s","jwks_uri":"http://%s/keys"}`, r.Host, r.Host)
	})
	op.Start()
	f.Cleanup(op.Close)
	v, _ := newVerifier(f, identity.TokenOptions{Issuer: op.URL})
	good := a.sign(f, claims(op.URL))
	f.Add(good)
	f.Add(good + "=")
	f.Add(strings.Replace(good, "e", "f", 1))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := v.Verify(t.Context(), proxy.NewText(s)); (err == nil) != (s == good) {
			t.Fatalf("taken: %v", err == nil)
		}
	})
}

func BenchmarkToken(b *testing.B) {
	a := newES(b, "a")
	op := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{a.public()}})
			return
		}
		w.Header().Set("content-type", "application/json")
		fmt.Fprintf(w, `{"issuer":"http://%s","jwks_uri":"http://%s/keys"}`, r.Host, r.Host)
	}))
	defer op.Close()
	v, _ := newVerifier(b, identity.TokenOptions{Issuer: op.URL})
	token := proxy.NewText(a.sign(b, claims(op.URL, "groups", `["auditors"]`)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
