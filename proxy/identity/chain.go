package identity

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Headers that only Ostiary reads; none of them is ever forwarded.
const (
	// headerProxy carries credentials for a proxy (RFC 9110, 11.7.1).
	headerProxy = "proxy-authorization"
	// headerCertificate is where the data plane tells of a client's certificate.
	headerCertificate = "x-forwarded-client-cert"
)

// Methods by which a principal was proved, in the order in which they are asked.
const (
	MethodCertificate = "certificate"
	MethodToken       = "token"
	MethodProxy       = "proxy"
	MethodKey         = "key"
	MethodKubernetes  = "kubernetes"
	MethodLocal       = "local"
	MethodPeer        = "peer" // nothing was proved
)

// Bounds of the chain.
const (
	maxSources = 16
	// maxBasic bounds a decoded Basic credential: a name and a key.
	maxBasic = maxCandidate + 256
)

// Source proves who asks in one way. It is safe for concurrent use.
type Source interface {
	// Prove looks at a request. The zero Proof says that nothing was presented
	// that this source knows. It fails with a [proxy.Error], which ends the
	// request, where something was presented that is meant for it and is not
	// good, or where that cannot be told.
	Prove(h *proxy.Head) (Proof, error)
}

// Proof is what one source knows of a request. All names in it are configured
// ones but for Subject.
type Proof struct {
	Method      string // how; empty where nothing was proved
	Application string // configured name, or empty
	Team        string
	Groups      []string // configured names; not to be written
	Subject     string   // for the personal part of events alone
	Person      bool     // Subject is a person, not a workload
	Strip       []string // headers that carried a credential of this source
}

// Chain implements [proxy.Identifier]: it asks every source and then the keys of
// applications.
//
// The first source, in the order of the list, that names an application decides
// which it is, with its team. The keys come where they are put with
// [ChainOptions].Before and After. Groups are united: each was proved. A person
// outranks a workload as the subject. A credential that is presented and is not
// good ends the request, whatever else it carries; what is absent is passed over.
// A source that looks at the machine, not at the request, is asked last and only
// where no application is known.
type Chain struct {
	o ChainOptions
}

var _ proxy.Identifier = (*Chain)(nil)

// ChainOptions say who is asked.
type ChainOptions struct {
	// Before are the sources that come before the keys: certificates and tokens.
	Before []Source
	// Keys are those of applications, in Proxy-Authorization first and then in the
	// headers of [Identifier.Identify]; also the names that may be asserted.
	Keys *Identifier
	// After are the sources that come after the keys: service accounts. They are
	// asked whether or not an application is known, because what is presented must
	// be good.
	After []Source
	// Local looks at who is connected; nil for none.
	Local Source
	// Required refuses everybody of whom nothing is proved. It is implied by
	// applications with keys.
	Required bool
}

// NewChain makes a Chain. It fails without Keys, with more sources than there are
// kinds of, and where two sources take the tokens of one issuer.
func NewChain(o ChainOptions) (*Chain, error) {
	if o.Keys == nil {
		return nil, fmt.Errorf("identity: no applications are given, not even an empty list")
	}
	if len(o.Before)+len(o.After) > maxSources {
		return nil, fmt.Errorf("identity: more than %d sources of identity", maxSources)
	}
	issuers := map[string]bool{}
	for _, s := range slices.Concat(o.Before, o.After) {
		if t, ok := s.(*Tokens); ok {
			if issuers[t.o.Issuer()] {
				return nil, fmt.Errorf("identity: the issuer %s is named twice; list both audiences in one entry", t.o.Issuer())
			}
			issuers[t.o.Issuer()] = true
		}
	}
	return &Chain{o: o}, nil
}

// Identify implements [proxy.Identifier].
func (c *Chain) Identify(h *proxy.Head) (proxy.Principal, error) {
	p := proxy.Principal{
		Method: MethodPeer, Strip: []string{proxy.HeaderKey, headerProxy, headerCertificate}, Asserted: c.o.Keys.asserted(h),
	}
	m := merger{p: &p}
	for _, s := range c.o.Before {
		if err := m.ask(s, h); err != nil {
			return proxy.Principal{}, err
		}
	}
	for _, s := range []Source{keySource{c.o.Keys, MethodProxy, []string{headerProxy}}, keySource{c.o.Keys, MethodKey, keyHeaders}} {
		if err := m.ask(s, h); err != nil {
			return proxy.Principal{}, err
		}
	}
	for _, s := range c.o.After {
		if err := m.ask(s, h); err != nil {
			return proxy.Principal{}, err
		}
	}
	// These two headers are for nobody but Ostiary: what stands there and is known
	// to no source is a bad credential, not an absent one.
	if len(c.o.Keys.keys) > 0 || c.o.Keys.required || c.o.Required || c.o.Local != nil || len(c.o.Before)+len(c.o.After) > 0 {
		for _, name := range []string{proxy.HeaderKey, headerProxy} {
			if _, there := h.Get(name); there && !slices.Contains(m.claimed, name) {
				return proxy.Principal{}, unknownKey()
			}
		}
	}
	if c.o.Local != nil && p.Application == "" {
		if err := m.ask(c.o.Local, h); err != nil {
			return proxy.Principal{}, err
		}
	}
	if p.Method == MethodPeer && (c.o.Required || c.o.Keys.required) {
		return proxy.Principal{}, unknownKey()
	}
	return p, nil
}

// merger unites proofs in the order in which they come.
type merger struct {
	p       *proxy.Principal
	person  bool
	claimed []string // headers that a source knew
}

func (m *merger) ask(s Source, h *proxy.Head) error {
	got, err := s.Prove(h)
	if err != nil {
		return err
	}
	for _, name := range got.Strip {
		m.claimed = append(m.claimed, name)
		if !slices.Contains(m.p.Strip, name) {
			m.p.Strip = append(m.p.Strip, name)
		}
	}
	if got.Method == "" {
		return nil
	}
	p := m.p
	// The method is that of whoever named the application, else of the first.
	if p.Method == MethodPeer || p.Application == "" && got.Application != "" {
		p.Method = got.Method
	}
	if p.Application == "" && got.Application != "" {
		p.Application = got.Application
		p.Team = first(got.Team, p.Team)
	}
	p.Team = first(p.Team, got.Team)
	for _, g := range got.Groups {
		if !slices.Contains(p.Groups, g) {
			p.Groups = append(p.Groups[:len(p.Groups):len(p.Groups)], g)
		}
	}
	if got.Subject != "" && (p.Subject == "" || got.Person && !m.person) {
		p.Subject, m.person = got.Subject, got.Person
	}
	return nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// keySource is the keys of applications as a source.
type keySource struct {
	id      *Identifier
	method  string
	headers []string
}

// Prove implements [Source]. Keys in headers that clients use for their own
// credentials too are no bad credentials where they are not known.
func (k keySource) Prove(h *proxy.Head) (Proof, error) {
	app, strip, err := k.id.find(h, k.headers)
	if err != nil || app == nil {
		return Proof{}, err
	}
	return Proof{Method: k.method, Application: app.Name, Team: app.Team, Groups: app.Groups, Strip: strip}, nil
}

// proxyCredential gives the name and the key of a Proxy-Authorization header:
// Basic (RFC 7617), whose name may be left out, and where the key may stand in the
// place of the name with nothing behind it; or Bearer. Both are empty where it is
// neither.
func proxyCredential(value string) (name, key string) {
	scheme, rest, _ := strings.Cut(value, " ")
	rest = strings.Trim(rest, " \t")
	switch {
	case strings.EqualFold(scheme, "bearer"):
		return "", rest
	case strings.EqualFold(scheme, "basic") && len(rest) <= base64.StdEncoding.EncodedLen(maxBasic):
		b, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", ""
		}
		name, key, _ = strings.Cut(string(b), ":")
		if key == "" {
			return "", name
		}
		return name, key
	}
	return "", ""
}

// Names are the names that the configuration knows. What a credential says beyond
// them reaches no policy.
type Names struct {
	apps   map[string]*Application
	teams  map[string]bool
	groups map[string]bool
}

// NewNames takes the names of applications, of their teams and groups, and
// further groups.
func NewNames(apps []Application, groups []string) *Names {
	n := &Names{apps: map[string]*Application{}, teams: map[string]bool{}, groups: map[string]bool{}}
	for i := range apps {
		a := &apps[i]
		n.apps[a.Name] = a
		n.teams[a.Team] = a.Team != ""
		for _, g := range a.Groups {
			n.groups[g] = true
		}
	}
	for _, g := range groups {
		n.groups[g] = true
	}
	return n
}

// proof makes a proof of an application's configured name; the name may be empty.
func (n *Names) proof(method, application string) Proof {
	p := Proof{Method: method}
	if a := n.apps[application]; a != nil {
		p.Application, p.Team, p.Groups = a.Name, a.Team, a.Groups
	}
	return p
}

// known leaves the groups that are configured, each once.
func (n *Names) known(groups []string) (out []string) {
	for _, g := range groups {
		if n.groups[g] && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}

// check says whether an application is configured.
func (n *Names) check(application string) error {
	if n.apps[application] == nil {
		return fmt.Errorf("no application is called %q: list it under applications", application)
	}
	return nil
}

// refuse is the refusal of a credential that is not good; hint is a constant.
func refuse(hint string, cause error) error {
	return &proxy.Error{Op: "identify", Kind: proxy.Refused, Code: proxy.CodeUnknownKey, Hint: hint, Err: cause}
}
