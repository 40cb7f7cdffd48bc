package console

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/identity"
)

// Role is what somebody may do. See the package's documentation.
type Role string

// The roles. No role contains another: somebody may have several.
const (
	Viewer   Role = "viewer"
	Reviewer Role = "reviewer"
	Officer  Role = "dpo"
	Admin    Role = "admin"
)

// roles lists all of them.
var roles = []Role{Viewer, Reviewer, Officer, Admin}

// Grant gives roles to whoever it names. Exactly one of UID, Subject, Claim and
// Certificate is set.
type Grant struct {
	// UID is a user of this machine, on the control socket.
	UID *int
	// Subject is the subject of a token, or the address in it that the provider
	// verified.
	Subject string
	// Claim is a claim of a token that has Value among its values. The claim groups
	// is that of [identity.TokenOptions].Groups; others must be in its Claims.
	Claim, Value string
	// Certificate is a subject alternative name of a client certificate, compared
	// whole: a URI (with ://), an e-mail address (with @) or a DNS name.
	Certificate string
	// Roles are what it gives.
	Roles []Role
}

func (g *Grant) check() error {
	n := 0
	for _, set := range []bool{g.UID != nil, g.Subject != "", g.Claim != "" || g.Value != "", g.Certificate != ""} {
		if set {
			n++
		}
	}
	switch {
	case n != 1:
		return errors.New("name one of uid, subject, claim and certificate")
	case (g.Claim == "") != (g.Value == ""):
		return errors.New("a claim needs its value")
	case g.UID != nil && *g.UID < 0:
		return errors.New("a uid is not negative")
	case len(g.Roles) == 0:
		return errors.New("name its roles: viewer, reviewer, dpo, admin")
	}
	for _, r := range g.Roles {
		if !slices.Contains(roles, r) {
			return fmt.Errorf("%q is no role: they are viewer, reviewer, dpo, admin", string(r))
		}
	}
	return nil
}

// Ways in which a caller is known.
const (
	methodSocket      = "socket"
	methodToken       = "token"
	methodCertificate = "certificate"
)

// caller is who asks, as far as it was proven.
type caller struct {
	method  string
	uid     int // -1 where it is not known
	name    string
	address string
	expires time.Time // of the token; zero where there is none
	roles   []Role
}

// key tells callers apart, for the rates.
func (c *caller) key() string {
	if c.method == methodSocket {
		return fmt.Sprintf("uid %d", c.uid)
	}
	return c.method + " " + c.name
}

// Tokens verifies bearer tokens; [*identity.TokenVerifier] does.
type Tokens interface {
	// Verify gives what a token says. It fails with an [identity.ErrToken] or with
	// [identity.ErrTokenKeys].
	Verify(ctx context.Context, token proxy.Text) (identity.Token, error)
}

// peerKey is where a connection's peer stands in the context of its requests.
type peerKey struct{}

// identify says who asks. On the control socket only the uid counts, elsewhere a
// bearer token before a certificate: whoever sends a token means it.
func (s *Server) identify(r *http.Request) (*caller, error) {
	if uid, ok := r.Context().Value(peerKey{}).(int); ok {
		c := &caller{method: methodSocket, uid: uid}
		if uid >= 0 && uid == s.uid {
			c.roles = roles
			return c, nil
		}
		c.roles = s.granted(func(g *Grant) bool { return g.UID != nil && uid >= 0 && *g.UID == uid })
		return c, nil
	}
	c := &caller{uid: -1, address: host(r.RemoteAddr)}
	if auth := r.Header.Values("Authorization"); len(auth) > 0 {
		scheme, token, _ := strings.Cut(auth[0], " ")
		if len(auth) != 1 || !strings.EqualFold(scheme, "bearer") || s.o.Tokens == nil {
			return nil, problem("unauthenticated")
		}
		t, err := s.o.Tokens.Verify(r.Context(), proxy.NewText(strings.TrimSpace(token)))
		switch {
		case errors.Is(err, identity.ErrToken):
			return nil, problem("unauthenticated")
		case err != nil:
			return nil, problem("provider_unavailable")
		}
		c.method, c.name, c.expires = methodToken, t.Subject, t.Expires
		if t.Email != "" {
			c.name = t.Email
		}
		c.roles = s.granted(func(g *Grant) bool {
			switch {
			case g.Subject != "":
				return g.Subject == t.Subject || t.Email != "" && g.Subject == t.Email
			case g.Claim == claimGroups:
				return slices.Contains(t.Groups, g.Value)
			case g.Claim != "":
				return slices.Contains(t.Claims[g.Claim], g.Value)
			}
			return false
		})
		return c, nil
	}
	// Only a chain that was verified proves anything.
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && len(r.TLS.VerifiedChains[0]) > 0 {
		leaf := r.TLS.VerifiedChains[0][0]
		c.method, c.name = methodCertificate, nameOf(leaf)
		c.roles = s.granted(func(g *Grant) bool { return g.Certificate != "" && certificateHas(leaf, g.Certificate) })
		return c, nil
	}
	return nil, problem("unauthenticated")
}

// claimGroups is the claim that stands for the configured one.
const claimGroups = "groups"

// granted gives the roles of all grants that match, each once, in the order of
// roles.
func (s *Server) granted(match func(*Grant) bool) []Role {
	var out []Role
	for i := range s.o.Grants {
		if match(&s.o.Grants[i]) {
			out = append(out, s.o.Grants[i].Roles...)
		}
	}
	return slices.DeleteFunc(slices.Clone(roles), func(r Role) bool { return !slices.Contains(out, r) })
}

// certificateHas says whether a name is among those of a certificate, of the kind
// that its form says: a DNS name that looks like an address is none.
func certificateHas(c *x509.Certificate, name string) bool {
	switch {
	case strings.Contains(name, "://"):
		for _, u := range c.URIs {
			if u.String() == name {
				return true
			}
		}
		return false
	case strings.Contains(name, "@"):
		return slices.Contains(c.EmailAddresses, name)
	}
	return slices.Contains(c.DNSNames, name)
}

// nameOf gives the name by which a certificate's owner is recorded.
func nameOf(c *x509.Certificate) string {
	switch {
	case len(c.URIs) > 0:
		return c.URIs[0].String()
	case len(c.EmailAddresses) > 0:
		return c.EmailAddresses[0]
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	}
	return "certificate without a name, number " + c.SerialNumber.String()
}
