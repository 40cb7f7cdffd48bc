package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of tokens and of the keys that they are verified with.
const (
	MaxToken = 8 << 10 // bytes of a token

	maxClaimValues = 256 // of one claim
	maxClaimValue  = 256 // bytes
	maxClaimDepth  = 4   // names in the path of a claim
	maxKeySet      = 64  // keys of a provider
	maxDocument    = 256 << 10
	minRSABits     = 2048

	skewDefault = time.Minute
	skewLimit   = 5 * time.Minute

	keysTimeout = 5 * time.Second
	keysRenew   = 5 * time.Minute  // after which the keys are fetched again, beside the requests
	keysWait    = 15 * time.Minute // after which requests wait for that
	keysLife    = 4 * time.Hour    // after which keys that cannot be fetched anew are good no more
	keysPause   = 10 * time.Second // between two fetches; doubled for each that fails
	keysPauses  = time.Minute      // greatest pause
)

// tokenAlgorithms are the signatures that are taken (RFC 7518, RFC 8037):
// asymmetric ones only, so that a public key can never be used as a secret.
var tokenAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

// Errors of tokens. None holds anything of a token. All but [ErrTokenKeys] are an
// [ErrToken].
var (
	// ErrToken says that a token is not good here: ask the provider for another.
	ErrToken = errors.New("the token is not valid here")
	// ErrTokenForm says that it is not a signed token in compact form (RFC 7519), is
	// too long or is signed in a way that is not taken.
	ErrTokenForm = fmt.Errorf("%w: it has another form, length or algorithm than is taken", ErrToken)
	// ErrTokenSignature says that no key of the provider made its signature.
	ErrTokenSignature = fmt.Errorf("%w: no key of the provider signed it", ErrToken)
	// ErrTokenIssuer says that another provider made it.
	ErrTokenIssuer = fmt.Errorf("%w: it is of another issuer", ErrToken)
	// ErrTokenAudience says that it was made for somebody else.
	ErrTokenAudience = fmt.Errorf("%w: it is for another audience", ErrToken)
	// ErrTokenTime says that it has expired, has no expiry, or is of the future.
	ErrTokenTime = fmt.Errorf("%w: it has expired, has no expiry or is not good yet", ErrToken)
	// ErrTokenClaims says that it names nobody or that its claims are of a form or
	// number that is not taken.
	ErrTokenClaims = fmt.Errorf("%w: its claims cannot be read without doubt", ErrToken)
	// ErrTokenKeys says that the keys of the provider could not be had, so that
	// nothing can be said of the token.
	ErrTokenKeys = errors.New("the keys of the identity provider cannot be had: see that this machine reaches it")
)

// TokenOptions say whose tokens are taken.
type TokenOptions struct {
	// Issuer is the provider's URL as its tokens have it (OpenID Connect Discovery
	// 1.0, 4): https, or http on loopback.
	Issuer string
	// Audiences are the names for which tokens are made; a token needs one of them.
	Audiences []string
	// Groups is the claim that lists groups: its name, or names of nested objects
	// with dots between, such as realm_access.roles. Empty means groups.
	Groups string
	// Claims are further claims to keep, named likewise.
	Claims []string
	// AnyEmail takes the address of a token that does not say email_verified. Only
	// for providers where users cannot choose it themselves.
	AnyEmail bool
	// Skew is how much clocks may differ: 0 means one minute, five are the most.
	Skew time.Duration
	// Client fetches the keys; nil means one of its own. Redirects are not followed.
	Client *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Token is what a valid token says.
type Token struct {
	Issuer  string
	Subject string // never empty
	Email   string // verified by the provider, else empty
	Groups  []string
	// Incomplete says that the provider left groups out of the token, because they
	// are many (OpenID Connect Core 1.0, 5.6.2).
	Incomplete bool
	Claims     map[string][]string // those of [TokenOptions].Claims that it has
	Expires    time.Time
}

// TokenVerifier verifies tokens of one OpenID Connect provider. It fetches the
// provider's keys when the first token comes and keeps them; see the bounds above.
// A provider that cannot be reached keeps nobody from starting. It is safe for
// concurrent use.
type TokenVerifier struct {
	o    TokenOptions
	keys *keySet
	oidc *oidc.IDTokenVerifier
}

// NewTokenVerifier makes a TokenVerifier. It fails where the options are not
// usable; it does not speak to the provider.
func NewTokenVerifier(o TokenOptions) (*TokenVerifier, error) {
	if err := checkURL(o.Issuer); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if len(o.Audiences) == 0 || slices.Contains(o.Audiences, "") {
		return nil, errors.New("audiences: name at least one, else tokens that were made for others are taken")
	}
	if o.Groups == "" {
		o.Groups = "groups"
	}
	for _, c := range append([]string{o.Groups}, o.Claims...) {
		if c == "" || len(c) > maxClaimValue {
			return nil, fmt.Errorf("claims: a name has 1 to %d bytes", maxClaimValue)
		}
	}
	switch {
	case o.Skew < 0 || o.Skew > skewLimit:
		return nil, fmt.Errorf("skew: from 0 to %s", skewLimit)
	case o.Skew == 0:
		o.Skew = skewDefault
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	client := &http.Client{}
	if o.Client != nil {
		copied := *o.Client
		client = &copied
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirect }
	client.Transport = bounded{client.Transport}
	ks := &keySet{issuer: o.Issuer, client: client, now: o.Now, pause: keysPause}
	algs := make([]string, 0, len(tokenAlgorithms))
	for _, a := range tokenAlgorithms {
		algs = append(algs, string(a))
	}
	return &TokenVerifier{o: o, keys: ks, oidc: oidc.NewVerifier(o.Issuer, ks, &oidc.Config{
		SupportedSigningAlgs: algs,
		// Several audiences may be configured, clocks differ, and an expiry is
		// required: read checks all of these itself.
		SkipClientIDCheck: true, SkipExpiryCheck: true, SkipIssuerCheck: true,
	})}, nil
}

// Verify gives what a token says. It fails with an [ErrToken] where the token is
// not valid here and with [ErrTokenKeys] where that cannot be told. It honours the
// context's deadline.
func (v *TokenVerifier) Verify(ctx context.Context, token proxy.Text) (Token, error) {
	raw := token.Reveal()
	if !compact(raw) {
		return Token{}, ErrTokenForm
	}
	verdict := &ErrTokenForm // what go-oidc fails with before it asks for keys
	t, err := v.oidc.Verify(context.WithValue(ctx, verdictKey{}, &verdict), raw)
	if err != nil {
		return Token{}, *verdict
	}
	return v.read(t)
}

// verdictKey is where the key set leaves its own error: go-oidc's quote what they
// are about.
type verdictKey struct{}

func leave(ctx context.Context, err *error) error {
	if p, ok := ctx.Value(verdictKey{}).(**error); ok {
		*p = err
	}
	return *err
}

// compact says whether s can be a token: three parts of base64url, none empty. The
// other forms of RFC 7515 are not taken, nor the blanks that parsers pass over.
func compact(s string) bool {
	if len(s) > MaxToken {
		return false
	}
	parts := strings.Split(s, ".")
	return len(parts) == 3 && !slices.ContainsFunc(parts, func(p string) bool {
		return p == "" || strings.ContainsFunc(p, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		})
	})
}

// read checks the claims of a token whose signature is good. encoding/json takes
// a name in any case, so names that collide with a registered one are refused.
func (v *TokenVerifier) read(t *oidc.IDToken) (Token, error) {
	var claims map[string]json.RawMessage
	if t.Claims(&claims) != nil {
		return Token{}, ErrTokenClaims
	}
	for name := range claims {
		for _, known := range []string{"iss", "aud", "exp", "nbf", "iat", "sub", "email", "email_verified", "_claim_names", "_claim_sources"} {
			if name != known && strings.EqualFold(name, known) {
				return Token{}, ErrTokenClaims
			}
		}
	}
	var times struct {
		Exp *float64 `json:"exp"`
		Nbf *float64 `json:"nbf"`
		Iat *float64 `json:"iat"`
	}
	if t.Claims(&times) != nil {
		return Token{}, ErrTokenClaims
	}
	now, skew := unix(v.o.Now()), v.o.Skew.Seconds()
	switch {
	case t.Issuer != v.o.Issuer:
		return Token{}, ErrTokenIssuer
	case !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(v.o.Audiences, a) }):
		return Token{}, ErrTokenAudience
	case times.Exp == nil || now >= *times.Exp+skew,
		times.Nbf != nil && now < *times.Nbf-skew,
		times.Iat != nil && now < *times.Iat-skew:
		return Token{}, ErrTokenTime
	case t.Subject == "" || len(t.Subject) > maxClaimValue || !printable(t.Subject):
		return Token{}, ErrTokenClaims
	}
	out := Token{Issuer: t.Issuer, Subject: t.Subject, Expires: t.Expiry, Claims: map[string][]string{}}
	var err error
	if out.Groups, err = claim(claims, v.o.Groups); err != nil {
		return Token{}, err
	}
	for _, name := range v.o.Claims {
		values, err := claim(claims, name)
		if err != nil {
			return Token{}, err
		}
		if values != nil {
			out.Claims[name] = values
		}
	}
	email, err1 := claim(claims, "email")
	verified, err2 := claim(claims, "email_verified")
	if err1 != nil || err2 != nil || len(email) > 1 || len(verified) > 1 {
		return Token{}, ErrTokenClaims
	}
	if len(email) == 1 && (len(verified) == 1 && verified[0] == "true" || len(verified) == 0 && v.o.AnyEmail) {
		out.Email = email[0]
	}
	_, out.Incomplete = lookUp(claims, "_claim_names."+v.o.Groups)
	return out, nil
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// lookUp finds a claim by its name, or by the dots in it as a path.
func lookUp(claims map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	for range maxClaimDepth {
		if raw, ok := claims[name]; ok {
			return raw, true
		}
		outer, inner, ok := strings.Cut(name, ".")
		if !ok {
			return nil, false
		}
		raw, ok := claims[outer]
		claims = nil
		if !ok || json.Unmarshal(raw, &claims) != nil {
			return nil, false
		}
		name = inner
	}
	return nil, false
}

// claim gives the values of a claim: a string, a truth, a number or a list of
// strings; nil where it is absent. More than the bounds is an error, not less of it.
func claim(claims map[string]json.RawMessage, name string) ([]string, error) {
	raw, ok := lookUp(claims, name)
	if !ok || string(raw) == "null" {
		return nil, nil
	}
	var values []string
	switch raw[0] {
	case '[':
		if json.Unmarshal(raw, &values) != nil || len(values) > maxClaimValues {
			return nil, ErrTokenClaims
		}
	case '"':
		values = make([]string, 1)
		if json.Unmarshal(raw, &values[0]) != nil {
			return nil, ErrTokenClaims
		}
	case '{':
		return nil, ErrTokenClaims
	default:
		values = []string{string(raw)}
	}
	for _, v := range values {
		if len(v) > maxClaimValue || !printable(v) {
			return nil, ErrTokenClaims
		}
	}
	return values, nil
}

// printable says whether a value can stand in a log without acting on it.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' })
}

// keySet holds the keys of a provider. It implements [oidc.KeySet].
type keySet struct {
	issuer string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time     // when keys were had last; zero before the first
	tried   time.Time     // when a fetch began last
	pause   time.Duration // until the next fetch, counted from tried
	under   chan struct{} // closed when the fetch under way has ended; nil where none is
}

var _ oidc.KeySet = (*keySet)(nil)

// VerifySignature implements [oidc.KeySet]. A key that is not known is looked for
// at the provider, which then may be asked no sooner than after a pause: tokens
// with invented key ids cannot make it busy.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, tokenAlgorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, leave(ctx, &ErrTokenForm)
	}
	keys, ok := k.current(ctx)
	if !ok {
		return nil, leave(ctx, &ErrTokenKeys)
	}
	payload, ok := verifyWith(jws, keys)
	if !ok && k.fetch(ctx, true) {
		k.mu.Lock()
		keys = k.keys
		k.mu.Unlock()
		payload, ok = verifyWith(jws, keys)
	}
	if !ok {
		return nil, leave(ctx, &ErrTokenSignature)
	}
	_ = leave(ctx, &ErrTokenClaims) // what go-oidc can still fail with
	return payload, nil
}

// verifyWith tries the keys that may have signed: those of the token's key id, or
// all where it has none, which were made for this algorithm.
func verifyWith(jws *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, bool) {
	h := jws.Signatures[0].Protected
	for i := range keys {
		if h.KeyID != "" && keys[i].KeyID != h.KeyID || !fits(&keys[i], h.Algorithm) {
			continue
		}
		if payload, err := jws.Verify(keys[i].Key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// fits says whether a key is one for an algorithm, by what it is and by what the
// provider says of it.
func fits(k *jose.JSONWebKey, alg string) bool {
	if k.Algorithm != "" && k.Algorithm != alg || k.Use != "" && k.Use != "sig" {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return alg == string(jose.RS256) && key.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey:
		return alg == string(jose.ES256) && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == string(jose.EdDSA)
	}
	return false
}

// current gives the keys that are good now.
func (k *keySet) current(ctx context.Context) ([]jose.JSONWebKey, bool) {
	k.mu.Lock()
	age := k.now().Sub(k.fetched)
	had := !k.fetched.IsZero()
	k.mu.Unlock()
	switch {
	case !had || age >= keysWait:
		k.fetch(ctx, true)
	case age >= keysRenew:
		k.fetch(ctx, false)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fetched.IsZero() || k.now().Sub(k.fetched) >= keysLife {
		return nil, false
	}
	return k.keys, true
}

// fetch begins a fetch of the keys where none is under way and the pause is over,
// and waits for the one under way where that is wanted. It says whether it waited
// for one that ended.
func (k *keySet) fetch(ctx context.Context, wait bool) bool {
	k.mu.Lock()
	under := k.under
	if under == nil {
		if now := k.now(); !k.tried.IsZero() && now.Sub(k.tried) < k.pause {
			k.mu.Unlock()
			return false
		}
		k.tried = k.now()
		under = make(chan struct{})
		k.under = under
		go k.renew(context.WithoutCancel(ctx), under)
	}
	k.mu.Unlock()
	if !wait {
		return false
	}
	select {
	case <-under:
		return true
	case <-ctx.Done():
		return false
	}
}

func (k *keySet) renew(ctx context.Context, under chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	keys, err := k.load(ctx)
	cancel()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.keys, k.fetched, k.pause = keys, k.now(), keysPause
	} else {
		k.pause = min(2*k.pause, keysPauses)
	}
	k.under = nil
	close(under)
}

// load asks the provider for its keys, from the discovery document on. A set in
// which no key is of use is an error: it must not take the place of one that is.
func (k *keySet) load(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx = oidc.ClientContext(ctx, k.client)
	p, err := oidc.NewProvider(ctx, k.issuer)
	if err != nil {
		return nil, ErrTokenKeys
	}
	var found struct {
		Keys string `json:"jwks_uri"`
	}
	if p.Claims(&found) != nil || checkURL(found.Keys) != nil {
		return nil, ErrTokenKeys
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, found.Keys, nil)
	if err != nil {
		return nil, ErrTokenKeys
	}
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, ErrTokenKeys
	}
	defer resp.Body.Close()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(b, &set) != nil || len(set.Keys) > maxKeySet {
		return nil, ErrTokenKeys
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		// Keys of other kinds are passed over (RFC 7517, 5).
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || !key.Valid() {
			continue
		}
		if slices.ContainsFunc(tokenAlgorithms, func(a jose.SignatureAlgorithm) bool { return fits(&key, string(a)) }) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, ErrTokenKeys
	}
	return keys, nil
}

var (
	errRedirect = errors.New("a redirect is not followed")
	errTooLong  = errors.New("the answer is too long")
)

// bounded ends an answer that is longer than a provider's documents are.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, maxDocument}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements [io.Reader].
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// checkURL says whether a provider's address can be trusted to be the provider's.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return errors.New("want an address such as https://login.example.com without query")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return errors.New("want https: whoever can alter the keys under way can make any token")
}
