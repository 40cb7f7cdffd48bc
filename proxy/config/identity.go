package config

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Access says from where and in which ways requests may come, who asks, and which
// hosts are model APIs.
type Access struct {
	// Host names that requests may be addressed to. Left out: on loopback
	// localhost and the loopback addresses, elsewhere any.
	Hosts []string `json:"hosts,omitempty"`
	// Web origins (https://HOST) whose pages may send requests. Left out: none.
	Origins []string `json:"origins,omitempty"`
	// How applications and persons are known beside keys of applications. They are
	// asked in the order certificates, tokens, keys in Proxy-Authorization, other
	// keys, kubernetes, local; the first that names an application counts. What
	// is presented and not good is refused.
	Identity Identity `json:"identity"`
	// The list of model APIs, where it is not the shipped one.
	Providers Providers `json:"providers"`
	// Applications that are not given a base URL.
	Intercept Intercept `json:"intercept"`
}

// Providers names a list of model APIs.
type Providers struct {
	// File of the list, JSON, with its signature beside it in a file of the same
	// name and .sig; 'ostiary providers show' tells what is in it. One that is
	// older than the shipped list is refused.
	File string `json:"file,omitempty"`
	// PEM file of the public key (Ed25519) that must have signed it.
	Key string `json:"key,omitempty"`
}

// Identity says who is known, and how.
type Identity struct {
	// true: whoever is not known is refused. With a key on any application it is
	// so anyway. By default false.
	Required bool `json:"required,omitempty"`
	// Groups that tokens may name, for policies, beside those of applications. Any
	// other reaches no policy.
	Groups []string `json:"groups,omitempty"`
	// Client certificates with a SPIFFE id.
	Certificates Certificates `json:"certificates"`
	// Identity providers (OpenID Connect) whose tokens are taken.
	Tokens []TokenIssuer `json:"tokens,omitempty"`
	// A Kubernetes cluster whose projected service account tokens are taken.
	Kubernetes Kubernetes `json:"kubernetes"`
	// Programs on this machine, on Linux. The first entry that fits counts.
	Local []LocalPeer `json:"local,omitempty"`
}

// Certificates says whose client certificates are taken.
type Certificates struct {
	// PEM file of the authorities of client certificates. Needs tls. A client may
	// come without one.
	ClientCA string `json:"client_ca,omitempty"`
	// true: an Envoy of your own (dataplane: none) verifies certificates and
	// writes x-forwarded-client-cert, having removed what clients wrote there.
	Forwarded bool `json:"forwarded,omitempty"`
	// Trust domains, at least one: bank.example. Certificates of others are refused.
	Trust []string `json:"trust,omitempty"`
	// Which application an id is; the first that fits counts.
	Applications []WorkloadName `json:"applications,omitempty"`
}

// WorkloadName says which application a SPIFFE id is.
type WorkloadName struct {
	// Id, required: spiffe://bank.example/ns/shop/sa/web, or with /* at its end
	// for all below.
	ID string `json:"id"`
	// Name of a configured application, required.
	Application string `json:"application"`
}

// TokenIssuer is an identity provider whose tokens are taken.
type TokenIssuer struct {
	// Address, required, as in the claim iss.
	Issuer string `json:"issuer"`
	// What tokens are made for, required, as in the claim aud. Never that of
	// another service.
	Audience string `json:"audience"`
	// Claim that holds groups; by default groups.
	Groups string `json:"groups,omitempty"`
	// Claim that names the application, one that its owner cannot choose: azp,
	// client_id. Left out: tokens name persons alone.
	Claim string `json:"claim,omitempty"`
	// Claim that names the team. Only teams of applications count.
	Team string `json:"team,omitempty"`
	// Which application a value of the claim is. A value that is not listed is
	// the application of that very name, if there is one.
	Applications []ClaimName `json:"applications,omitempty"`
	// PEM file of the authorities that the provider is checked against. Left out:
	// those of the system.
	CA string `json:"ca,omitempty"`
}

// ClaimName says which application a claim's value is.
type ClaimName struct {
	// Value of the claim, required.
	Value string `json:"value"`
	// Name of a configured application, required.
	Application string `json:"application"`
}

// Kubernetes is a cluster whose service accounts are known.
type Kubernetes struct {
	// Address of the cluster's issuer, as in the claim iss. Required.
	Issuer string `json:"issuer,omitempty"`
	// Audience of projected tokens, required: not that of the cluster's own API.
	Audience string `json:"audience,omitempty"`
	// PEM file of the authorities that the issuer is checked against, such as
	// /var/run/secrets/kubernetes.io/serviceaccount/ca.crt. Left out: those of the
	// system.
	CA string `json:"ca,omitempty"`
	// File of a token to fetch the issuer's keys with, such as
	// /var/run/secrets/kubernetes.io/serviceaccount/token. Left out: none is sent.
	TokenFile string `json:"token_file,omitempty"`
	// Which application an account is.
	Accounts []AccountName `json:"accounts,omitempty"`
}

// AccountName says which application a service account is.
type AccountName struct {
	// Account, required: NAMESPACE/NAME, or NAMESPACE/* for all of a namespace.
	Account string `json:"account"`
	// Name of a configured application, required.
	Application string `json:"application"`
}

// LocalPeer says which application a program on this machine is. All that is given
// must fit.
type LocalPeer struct {
	// User that the program runs as.
	UID *int `json:"uid,omitempty"`
	// Executable, an absolute path. Who may run it is it; a script is its
	// interpreter. Programs of other users are seen by root alone.
	Exe string `json:"exe,omitempty"`
	// Id of its container, or the beginning, 12 hex digits at least.
	Container string `json:"container,omitempty"`
	// Name of a configured application, required.
	Application string `json:"application"`
}

// Bounds of ids of containers, in hex digits.
const (
	leastContainer = 12
	mostContainer  = 64
)

func readIdentity(v value, i *Identity) {
	v.mapping(
		field{"required", func(v value) { v.boolean(&i.Required) }},
		field{"groups", func(v value) { v.texts(&i.Groups, label) }},
		field{"certificates", func(v value) { readCertificates(v, &i.Certificates) }},
		field{"tokens", func(v value) {
			v.list(func(v value) { i.Tokens = append(i.Tokens, readTokenIssuer(v)) })
		}},
		field{"kubernetes", func(v value) { readKubernetes(v, &i.Kubernetes) }},
		field{"local", func(v value) {
			v.list(func(v value) { i.Local = append(i.Local, readLocalPeer(v)) })
		}},
	)
}

func readCertificates(v value, c *Certificates) {
	before := len(v.r.problems)
	seen := v.mapping(
		field{"client_ca", func(v value) { v.file(&c.ClientCA) }},
		field{"forwarded", func(v value) { v.boolean(&c.Forwarded) }},
		field{"trust", func(v value) { v.texts(&c.Trust, trustDomain) }},
		field{"applications", func(v value) {
			v.list(func(v value) {
				var w WorkloadName
				named(v, &w.Application, field{"id", func(v value) { v.into(&w.ID, workloadID) }})
				c.Applications = append(c.Applications, w)
			})
		}},
	)
	if len(seen) > 0 && !seen["trust"] {
		v.fail(v.what()+" has no trust", "trust: [bank.example], the domain of your SPIFFE ids")
	}
	// forwarded: false says no more than its absence; one that is no truth is
	// reported already.
	forwarded := c.Forwarded || seen["forwarded"] && len(v.r.problems) > before
	if len(seen) > 0 && !seen["client_ca"] && !forwarded {
		v.fail(v.what()+" does not say who verifies certificates", "client_ca: FILE, or forwarded: true behind an Envoy of your own")
	}
}

func readTokenIssuer(v value) (t TokenIssuer) {
	seen := v.mapping(
		field{"issuer", func(v value) { v.webhook(&t.Issuer) }},
		field{"audience", func(v value) { v.into(&t.Audience, nil) }},
		field{"groups", func(v value) { v.into(&t.Groups, claimName) }},
		field{"claim", func(v value) { v.into(&t.Claim, claimName) }},
		field{"team", func(v value) { v.into(&t.Team, claimName) }},
		field{"applications", func(v value) {
			v.list(func(v value) {
				var c ClaimName
				named(v, &c.Application, field{"value", func(v value) { v.into(&c.Value, nil) }})
				t.Applications = append(t.Applications, c)
			})
		}},
		field{"ca", func(v value) { v.file(&t.CA) }},
	)
	if seen != nil && (!seen["issuer"] || !seen["audience"]) {
		v.fail(v.what()+" needs issuer and audience", "{issuer: https://login.bank.example, audience: ostiary}")
	}
	if seen["applications"] && !seen["claim"] {
		v.fail(v.what()+" has applications but no claim", "claim: azp, or whichever claim holds those values")
	}
	return t
}

func readKubernetes(v value, k *Kubernetes) {
	seen := v.mapping(
		field{"issuer", func(v value) { v.webhook(&k.Issuer) }},
		field{"audience", func(v value) { v.into(&k.Audience, nil) }},
		field{"ca", func(v value) { v.file(&k.CA) }},
		field{"token_file", func(v value) { v.file(&k.TokenFile) }},
		field{"accounts", func(v value) {
			v.list(func(v value) {
				var a AccountName
				named(v, &a.Application, field{"account", func(v value) { v.into(&a.Account, accountName) }})
				k.Accounts = append(k.Accounts, a)
			})
		}},
	)
	if len(seen) > 0 && (!seen["issuer"] || !seen["audience"]) {
		v.fail(v.what()+" needs issuer and audience", "{issuer: https://kubernetes.default.svc, audience: ostiary}")
	}
}

func readLocalPeer(v value) (p LocalPeer) {
	seen := v.mapping(
		field{"uid", func(v value) {
			var n int
			v.number(&n, 0, 1<<31-1)
			p.UID = &n
		}},
		field{"exe", func(v value) {
			v.into(&p.Exe, func(s string) string {
				if !filepath.IsAbs(s) {
					return "is not an absolute path"
				}
				return ""
			})
		}},
		field{"container", func(v value) {
			if _, ok := v.node.(*ast.IntegerNode); ok {
				v.fail(v.what()+" must be text", "put it in quotes")
				return
			}
			v.into(&p.Container, containerID)
		}},
		field{"application", func(v value) { v.into(&p.Application, applicationName) }},
	)
	if seen != nil && (!seen["application"] || len(seen) < 2) {
		v.fail(v.what()+" names application and one of uid, exe and container", "{uid: 1001, application: NAME}")
	}
	return p
}

// named reads a pair of what is known and the application that it is.
func named(v value, application *string, of field) {
	seen := v.mapping(of, field{"application", func(v value) { v.into(application, applicationName) }})
	if seen != nil && len(seen) < 2 {
		v.fail(v.what()+" needs "+of.name+" and application", fmt.Sprintf("{%s: …, application: NAME}", of.name))
	}
}

func readProviders(v value, p *Providers) {
	seen := v.mapping(
		field{"file", func(v value) { v.file(&p.File) }},
		field{"key", func(v value) { v.file(&p.Key) }},
	)
	if len(seen) == 1 {
		v.fail(v.what()+" needs file and key together", "providers: {file: providers.json, key: providers.pem}")
	}
}

func trustDomain(s string) string {
	if s == "" || len(s) > 255 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return "is not a trust domain: small letters, digits, dots, - and _, without spiffe://"
	}
	return ""
}

func workloadID(s string) string {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(s, "/*"), "spiffe://")
	domain, path, _ := strings.Cut(rest, "/")
	if !ok || trustDomain(domain) != "" || strings.HasSuffix(rest, "/") || strings.ContainsAny(path, "*?#%: ") || strings.Contains(path, "//") {
		return "is not a SPIFFE id: spiffe://bank.example/ns/shop/sa/web, or with /* at its end"
	}
	return ""
}

// claimName takes a claim's name, or names of nested objects with dots between.
func claimName(s string) string {
	if len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "is not a claim's name"
	}
	return ""
}

func accountName(s string) string {
	namespace, name, ok := strings.Cut(s, "/")
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if !ok || namespace == "" || strings.Trim(namespace, letters) != "" || name == "" || name != "*" && strings.Trim(name, letters+".") != "" {
		return "is neither NAMESPACE/NAME nor NAMESPACE/*"
	}
	return ""
}

func containerID(s string) string {
	_, err := hex.DecodeString(s + s) // an odd number of digits is as good
	if len(s) < leastContainer || len(s) > mostContainer || err != nil {
		return fmt.Sprintf("is not the id of a container, or its beginning: %d to %d hex digits", leastContainer, mostContainer)
	}
	return ""
}

// checkIdentity looks at what the section says of the rest.
func (r *reader) checkIdentity(c *Config) {
	known := func(path, name string) {
		if name != "" && !slices.ContainsFunc(c.Applications, func(a Application) bool { return a.Name == name }) {
			r.failAt(path+".application", fmt.Sprintf("%s: no application is called %q", path, name), "list it under applications")
		}
	}
	i := &c.Identity
	for n, w := range i.Certificates.Applications {
		path := fmt.Sprintf("identity.certificates.applications[%d]", n)
		known(path, w.Application)
		domain, _, _ := strings.Cut(strings.TrimPrefix(w.ID, "spiffe://"), "/")
		if w.ID != "" && len(i.Certificates.Trust) > 0 && !slices.Contains(i.Certificates.Trust, domain) {
			r.failAt(path+".id", fmt.Sprintf("%s: its trust domain %s is not listed", path, domain), "add it to trust, or correct the id")
		}
	}
	issuers := map[string]bool{i.Kubernetes.Issuer: i.Kubernetes.Issuer != ""}
	for n, t := range i.Tokens {
		path := fmt.Sprintf("identity.tokens[%d]", n)
		if issuers[t.Issuer] {
			r.failAt(path+".issuer", path+".issuer is named twice", "one entry for each issuer")
		}
		issuers[t.Issuer] = t.Issuer != ""
		for m, a := range t.Applications {
			known(fmt.Sprintf("%s.applications[%d]", path, m), a.Application)
		}
	}
	for n, a := range i.Kubernetes.Accounts {
		known(fmt.Sprintf("identity.kubernetes.accounts[%d]", n), a.Application)
	}
	for n, p := range i.Local {
		known(fmt.Sprintf("identity.local[%d]", n), p.Application)
	}
	cert := &i.Certificates
	switch {
	case cert.ClientCA != "" && c.Dataplane == "none":
		r.failAt("identity.certificates.client_ca", "with dataplane none, Ostiary has no listener that could ask for certificates", "forwarded: true, and client certificates in your own Envoy")
	case cert.ClientCA != "" && c.TLS.Cert == "":
		r.failAt("identity.certificates.client_ca", "client certificates need tls", "tls: {cert: FILE, key: FILE}")
	case cert.Forwarded && c.Dataplane != "none":
		r.failAt("identity.certificates.forwarded", "certificates are forwarded by an Envoy of your own only: here, any client could write the header", "client_ca: FILE, or dataplane: none")
	}
	if i.Required && len(cert.Trust) == 0 && len(i.Tokens) == 0 && i.Kubernetes.Issuer == "" && len(i.Local) == 0 &&
		!slices.ContainsFunc(c.Applications, func(a Application) bool { return len(a.Keys) > 0 }) {
		r.failAt("identity.required", "nobody could be known, and everybody must be", "give applications keys, or add certificates, tokens, kubernetes or local")
	}
}

// paths lists the files that the section names.
func (a *Access) paths() []string {
	list := []string{a.Providers.File, a.Providers.Key, a.Identity.Certificates.ClientCA, a.Identity.Kubernetes.CA}
	if a.Providers.File != "" {
		list = append(list, a.Providers.File+".sig")
	}
	for _, t := range a.Identity.Tokens {
		list = append(list, t.CA)
	}
	return list
}
