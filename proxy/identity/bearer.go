package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of tokens in requests.
const (
	maxTokens = 4 // tokens of one issuer in one request; a client sends one

	// tokenWait bounds the time for which a request waits for the provider's keys.
	// It is below the time for a whole decision, so that the refusal still comes
	// in our own words; the fetch goes on.
	tokenWait = 2 * time.Second
)

// ClaimSubject stands for the subject in [TokensOptions].Application.
const ClaimSubject = "sub"

// serviceAccount begins the subject of a Kubernetes service account's token.
const serviceAccount = "system:serviceaccount:"

// tokenHeaders are where a token may stand, in the order in which they are looked
// at. Authorization and Proxy-Authorization take it after the word Bearer.
var tokenHeaders = []string{proxy.HeaderKey, "authorization", headerProxy}

// TokensOptions say what tokens of one issuer prove.
type TokensOptions struct {
	Verifier *TokenVerifier
	// Method is [MethodToken] or [MethodKubernetes].
	Method string
	// Application is the claim that names the application; [ClaimSubject] takes the
	// subject. Empty: tokens name none. It must be among the verifier's Claims.
	Application string
	// Team is the claim that names the team, likewise.
	Team string
	// Applications maps values of that claim to configured names. A value that is
	// not in it names the application of that very name.
	Applications map[string]string
	// Names are those of the configuration.
	Names *Names
}

// Issuer gives whose tokens are taken.
func (o *TokensOptions) Issuer() string { return o.Verifier.o.Issuer }

// Tokens proves who asks by tokens of one issuer. It implements [Source].
//
// A bearer token that does not say to be of this issuer may be the client's own
// credential for its provider, and is passed over; one that does and is not good
// ends the request.
type Tokens struct{ o TokensOptions }

var _ Source = (*Tokens)(nil)

// NewTokens makes a Tokens. It fails where an application is not configured.
func NewTokens(o TokensOptions) (*Tokens, error) {
	if o.Verifier == nil || o.Names == nil || o.Method != MethodToken && o.Method != MethodKubernetes {
		return nil, errors.New("tokens: no verifier, no names or no method")
	}
	for value, application := range o.Applications {
		if value == "" {
			return nil, errors.New("tokens: an empty value names no application")
		}
		if err := o.Names.check(application); err != nil {
			return nil, fmt.Errorf("tokens: %w", err)
		}
	}
	return &Tokens{o}, nil
}

// Errors of tokens in requests, which hold nothing of them.
var (
	errManyTokens = errors.New("more tokens than a client sends")
	errTwoTokens  = errors.New("two tokens of different subjects")
)

const (
	hintToken     = "The token is not one that this gateway takes: it has expired, is for another audience, or was not signed by its issuer. Ask the identity provider for a new one."
	hintTokenKeys = "The token could not be verified, because the keys of the identity provider cannot be had at the moment. Try again later."
)

// Prove implements [Source].
func (t *Tokens) Prove(h *proxy.Head) (Proof, error) {
	var out Proof
	var strip []string
	have, tried := "", 0
	for _, name := range tokenHeaders {
		for i := range h.Header {
			if h.Header[i].Name != name {
				continue
			}
			raw := bearer(name, h.Header[i].Value.Reveal())
			if !t.mine(raw) {
				continue
			}
			if tried++; tried > maxTokens {
				return Proof{}, refuse(hintToken, errManyTokens)
			}
			token, err := t.verify(raw)
			if err != nil {
				return Proof{}, err
			}
			if have != "" && token.Subject != have {
				return Proof{}, refuse(hintToken, errTwoTokens)
			}
			if have == "" {
				have = token.Subject
				out = t.proof(&token)
			}
			strip = append(strip, name)
		}
	}
	out.Strip = strip
	return out, nil
}

// bearer gives the token that a header's value holds, or "".
func bearer(header, value string) string {
	value = strings.Trim(value, " \t")
	if header == proxy.HeaderKey {
		return value
	}
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.Trim(token, " \t")
}

// mine says whether a text is a token that names this issuer, good or not, or is
// too long to be told. It decides who looks at it, and nothing else: what it reads is not verified yet.
func (t *Tokens) mine(raw string) bool {
	if strings.Count(raw, ".") != 2 {
		return false
	}
	if len(raw) > maxCandidate*4 {
		// Whose it is is not looked at, so it may be ours: passed over, it would
		// go to a provider and its bearer on as nobody.
		return true
	}
	parts := strings.Split(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return false
	}
	var said struct {
		Issuer string `json:"iss"`
	}
	return json.Unmarshal(b, &said) == nil && said.Issuer == t.o.Issuer()
}

func (t *Tokens) verify(raw string) (Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenWait)
	defer cancel()
	token, err := t.o.Verifier.Verify(ctx, proxy.NewText(raw))
	switch {
	case errors.Is(err, ErrTokenKeys):
		return Token{}, &proxy.Error{Op: "identify", Kind: proxy.Undecided, Code: "identity_unavailable", Hint: hintTokenKeys, Err: err}
	case err != nil:
		return Token{}, refuse(hintToken, err)
	}
	return token, nil
}

// proof says what a good token proves.
func (t *Tokens) proof(token *Token) Proof {
	p := t.o.Names.proof(t.o.Method, t.application(token))
	if values := token.Claims[t.o.Team]; p.Team == "" && t.o.Team != "" && len(values) == 1 && t.o.Names.teams[values[0]] {
		p.Team = values[0]
	}
	// The groups of the application first, which are shared and not to be written.
	p.Groups = p.Groups[:len(p.Groups):len(p.Groups)]
	for _, g := range t.o.Names.known(token.Groups) {
		if !slices.Contains(p.Groups, g) {
			p.Groups = append(p.Groups, g)
		}
	}
	p.Subject, p.Person = token.Subject, t.o.Method == MethodToken
	if token.Email != "" {
		p.Subject = token.Email
	}
	return p
}

// application gives the configured name that a token stands for, or "". A claim of
// several values that name several applications names none.
func (t *Tokens) application(token *Token) string {
	if t.o.Application == "" {
		return ""
	}
	values := token.Claims[t.o.Application]
	if t.o.Application == ClaimSubject {
		values = []string{token.Subject}
	}
	found := ""
	for _, v := range values {
		name := t.named(v)
		if name == "" {
			continue
		}
		if found != "" && found != name {
			return ""
		}
		found = name
	}
	return found
}

func (t *Tokens) named(value string) string {
	if name, ok := t.o.Applications[value]; ok {
		return name
	}
	if t.o.Method == MethodKubernetes {
		// All accounts of a namespace. The names of both hold no colon (RFC 1123).
		account, ok := strings.CutPrefix(value, serviceAccount)
		namespace, name, two := strings.Cut(account, ":")
		if !ok || !two || namespace == "" || name == "" || strings.Contains(name, ":") {
			return ""
		}
		return t.o.Applications[serviceAccount+namespace+":*"]
	}
	if t.o.Names.apps[value] != nil {
		return value
	}
	return ""
}

// ServiceAccount gives the subject of a service account's tokens, written as
// NAMESPACE/NAME or, for all of a namespace, NAMESPACE/*; "" where it is neither.
func ServiceAccount(account string) string {
	namespace, name, ok := strings.Cut(account, "/")
	if !ok || !dnsLabel(namespace) || name != "*" && !dnsName(name) {
		return ""
	}
	return serviceAccount + namespace + ":" + name
}

func dnsName(s string) bool {
	for _, l := range strings.Split(s, ".") {
		if !dnsLabel(l) {
			return false
		}
	}
	return len(s) <= 253
}

// dnsLabel says whether s is a label of RFC 1123 in small letters.
func dnsLabel(s string) bool {
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
