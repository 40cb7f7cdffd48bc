package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of grants.
const (
	maxGrant       = 4 << 10 // bytes of a grant as sent
	maxGrantLifts  = 32
	maxGrantSigns  = 4
	maxJustify     = 1 << 10 // bytes of a justification
	grantSkew      = time.Minute
	longestDefault = 8 * time.Hour
)

// Grant is a permission, signed by one or two persons, to have rules lifted for
// an application for a while. It holds no content; whether a rule is lifted is
// for policy to say.
type Grant struct {
	ID          string   `json:"id"`
	Application string   `json:"application"` // configured name
	Lifts       []string `json:"lifts"`       // POLICY.RULE
	Reason      string   `json:"reason"`      // a configured word
	NotBefore   int64    `json:"nbf"`         // Unix seconds
	Expires     int64    `json:"exp"`
}

var (
	grantID   = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)
	grantLift = regexp.MustCompile(`^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$`)
	grantWord = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// Errors of grants.
var (
	// ErrGrant says that a text is no grant, or one that was altered.
	ErrGrant = errors.New("not a grant")
	// ErrGrantForm says that a grant is made of what it may not hold.
	ErrGrantForm = errors.New("a grant names an id, an application, one rule or more as POLICY.RULE, a reason in small letters, and an end after its beginning")
)

func (g *Grant) valid() bool {
	if !grantID.MatchString(g.ID) || g.Application == "" || len(g.Application) > 128 || !grantWord.MatchString(g.Reason) ||
		len(g.Lifts) == 0 || len(g.Lifts) > maxGrantLifts || g.Expires <= g.NotBefore {
		return false
	}
	return !slices.ContainsFunc(g.Lifts, func(l string) bool { return !grantLift.MatchString(l) })
}

// domain keeps a signature of a grant from being one of anything else.
const domain = "ostiary grant v1\n"

// Sign makes a grant and signs it. It fails with [ErrGrantForm].
func Sign(g Grant, key ed25519.PrivateKey) (string, error) {
	if !g.valid() {
		return "", ErrGrantForm
	}
	b, err := json.Marshal(g)
	if err != nil {
		return "", ErrGrantForm
	}
	return Countersign(base64.RawURLEncoding.EncodeToString(b), key)
}

// Countersign adds a signature to a grant, that of the second person. It fails
// with [ErrGrant] where the text is none or has that signature already.
func Countersign(grant string, key ed25519.PrivateKey) (string, error) {
	parts := strings.Split(strings.TrimSpace(grant), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || len(parts) > maxGrantSigns {
		return "", ErrGrant
	}
	if _, err := readGrant(payload); err != nil {
		return "", err
	}
	sign := base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, append([]byte(domain), payload...)))
	if slices.Contains(parts[1:], sign) {
		return "", fmt.Errorf("%w: this key has signed it already", ErrGrant)
	}
	return strings.Join(append(parts, sign), "."), nil
}

// ReadGrant gives what a grant says, without looking at its signatures.
func ReadGrant(grant string) (Grant, error) {
	payload, err := base64.RawURLEncoding.DecodeString(strings.SplitN(strings.TrimSpace(grant), ".", 2)[0])
	if err != nil {
		return Grant{}, ErrGrant
	}
	return readGrant(payload)
}

func readGrant(payload []byte) (g Grant, err error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if len(payload) > maxGrant || d.Decode(&g) != nil || d.More() || !g.valid() {
		return Grant{}, ErrGrant
	}
	return g, nil
}

// Grants reads grants and justifications of requests. It implements
// [proxy.Identifier] around another and is safe for concurrent use.
type Grants struct {
	Identifier proxy.Identifier
	// Keys are those of the persons who may give grants, each person's own.
	Keys []ed25519.PublicKey
	// Reasons are the words that may be given as a justification.
	Reasons []string
	// Longest bounds the time that a grant may hold for; 0 means 8 hours.
	Longest time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

var _ proxy.Identifier = (*Grants)(nil)

// Identify implements [proxy.Identifier]. A grant that is not valid is as good as
// none: the request is decided without it. Where both headers are absent, nothing
// is added.
func (gs *Grants) Identify(h *proxy.Head) (proxy.Principal, error) {
	p, err := gs.Identifier.Identify(h)
	if err != nil {
		return p, err
	}
	p.Strip = append(p.Strip, proxy.HeaderGrant, proxy.HeaderJustification)
	token, said, grants, words := "", "", 0, 0
	for i := range h.Header {
		switch h.Header[i].Name {
		case proxy.HeaderGrant:
			token = h.Header[i].Value.Reveal()
			grants++
		case proxy.HeaderJustification:
			said = strings.TrimSpace(h.Header[i].Value.Reveal())
			words++
		}
	}
	if words == 1 && said != "" && len(said) <= maxJustify {
		p.Grant.Justification = proxy.Other
		if i := slices.Index(gs.Reasons, said); i >= 0 {
			p.Grant.Justification = gs.Reasons[i]
		}
	}
	if grants != 1 {
		return p, nil
	}
	if g, signers := gs.verify(token); signers > 0 && g.Application == p.Application {
		p.Grant.ID, p.Grant.Lifts, p.Grant.Approved = g.ID, g.Lifts, "no"
		if signers > 1 {
			p.Grant.Approved = "yes"
		}
		if p.Grant.Justification == "" {
			p.Grant.Justification = proxy.Other
			if slices.Contains(gs.Reasons, g.Reason) {
				p.Grant.Justification = g.Reason
			}
		}
	}
	return p, nil
}

// verify gives the grant and how many different persons signed it; 0 where it is
// not valid now.
func (gs *Grants) verify(token string) (Grant, int) {
	token = strings.TrimSpace(token)
	if len(token) > maxGrant {
		return Grant{}, 0
	}
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || len(parts) < 2 || len(parts) > maxGrantSigns+1 {
		return Grant{}, 0
	}
	g, err := readGrant(payload)
	if err != nil {
		return Grant{}, 0
	}
	now, longest := time.Now, gs.Longest
	if gs.Now != nil {
		now = gs.Now
	}
	if longest == 0 {
		longest = longestDefault
	}
	t, from, to := now(), time.Unix(g.NotBefore, 0), time.Unix(g.Expires, 0)
	if t.Before(from.Add(-grantSkew)) || !t.Before(to) || to.Sub(from) > longest {
		return Grant{}, 0
	}
	signed := append([]byte(domain), payload...)
	signers := 0
	for _, key := range gs.Keys {
		for _, s := range parts[1:] {
			sign, err := base64.RawURLEncoding.DecodeString(s)
			if err == nil && len(sign) == ed25519.SignatureSize && ed25519.Verify(key, signed, sign) {
				signers++
				break
			}
		}
	}
	return g, signers
}
