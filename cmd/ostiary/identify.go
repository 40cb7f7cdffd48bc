package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/identity"
)

// Bounds of speaking to identity providers.
const (
	issuerTimeout = 5 * time.Second // for one document
	issuerIdle    = 30 * time.Second
	maxTokenFile  = 64 << 10 // bytes of the token that keys are fetched with
)

// chain makes who asks of what the configuration says, around the keys of
// applications.
func chain(cfg *config.Config, apps []identity.Application, keys *identity.Identifier) (proxy.Identifier, error) {
	i := &cfg.Identity
	names := identity.NewNames(apps, i.Groups)
	o := identity.ChainOptions{Keys: keys, Required: i.Required}
	if c := i.Certificates; len(c.Trust) > 0 {
		// Our own data planes, and an Envoy that is said to, write the header
		// themselves and remove what a client wrote.
		co := identity.CertificateOptions{Domains: c.Trust, Told: c.Forwarded || c.ClientCA != "", Names: names}
		for _, w := range c.Applications {
			co.Workloads = append(co.Workloads, identity.Workload{ID: w.ID, Application: w.Application})
		}
		s, err := identity.NewCertificates(co)
		if err != nil {
			return nil, fmt.Errorf("identity.%w", err)
		}
		o.Before = append(o.Before, s)
	}
	for n, t := range i.Tokens {
		to := identity.TokensOptions{Method: identity.MethodToken, Application: t.Claim, Team: t.Team, Applications: map[string]string{}, Names: names}
		for _, a := range t.Applications {
			to.Applications[a.Value] = a.Application
		}
		s, err := tokens(identity.TokenOptions{Issuer: t.Issuer, Audiences: []string{t.Audience}, Groups: t.Groups}, to, t.CA, "")
		if err != nil {
			return nil, fmt.Errorf("identity.tokens[%d]: %w", n, err)
		}
		o.Before = append(o.Before, s)
	}
	if k := i.Kubernetes; k.Issuer != "" {
		to := identity.TokensOptions{Method: identity.MethodKubernetes, Application: identity.ClaimSubject, Applications: map[string]string{}, Names: names}
		for n, a := range k.Accounts {
			subject := identity.ServiceAccount(a.Account)
			if subject == "" {
				return nil, fmt.Errorf("identity.kubernetes.accounts[%d]: %q is neither NAMESPACE/NAME nor NAMESPACE/*", n, a.Account)
			}
			to.Applications[subject] = a.Application
		}
		s, err := tokens(identity.TokenOptions{Issuer: k.Issuer, Audiences: []string{k.Audience}}, to, k.CA, k.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("identity.kubernetes: %w", err)
		}
		o.After = append(o.After, s)
	}
	if len(i.Local) > 0 {
		lo := identity.LocalOptions{Names: names}
		// A name, or a socket: every address is asked for.
		lo.Server, _ = netip.ParseAddrPort(cfg.Listen)
		lo.Proxy, _ = netip.ParseAddrPort(cfg.Intercept.Proxy)
		for _, p := range i.Local {
			lo.Rules = append(lo.Rules, identity.LocalRule{UID: p.UID, Exe: p.Exe, Container: p.Container, Application: p.Application})
		}
		s, err := identity.NewLocal(lo)
		if err != nil {
			return nil, fmt.Errorf("identity.%w", err)
		}
		o.Local = s
	}
	return identity.NewChain(o)
}

// tokens makes the source of one issuer. ca is a file of authorities, bearer one
// of a token to fetch the keys with; both may be empty.
func tokens(v identity.TokenOptions, o identity.TokensOptions, ca, bearer string) (*identity.Tokens, error) {
	for _, c := range []string{o.Application, o.Team} {
		if c != "" && c != identity.ClaimSubject {
			v.Claims = append(v.Claims, c)
		}
	}
	t := &http.Transport{TLSHandshakeTimeout: issuerTimeout, ResponseHeaderTimeout: issuerTimeout, IdleConnTimeout: issuerIdle}
	if ca != "" {
		roots, err := readRoots(ca)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	v.Client = &http.Client{Transport: t}
	if bearer != "" {
		issuer, err := url.Parse(v.Issuer)
		if err != nil {
			return nil, fmt.Errorf("issuer: want an address such as https://kubernetes.default.svc")
		}
		b := bearing{next: t, file: bearer}
		if ca == "" {
			b.host = issuer.Host
		}
		v.Client.Transport = b
	}
	verifier, err := identity.NewTokenVerifier(v)
	if err != nil {
		return nil, err
	}
	o.Verifier = verifier
	return identity.NewTokens(o)
}

// readRoots reads a file of authorities.
func readRoots(file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return roots, nil
}

// bearing sends the token of a file, as it is now: Kubernetes writes a new one
// every hour. The address of the keys is for the issuer to say, and a cluster's
// is often another than its own: where host is empty, whoever has a certificate of
// the configured authorities gets the token, else that host alone.
type bearing struct {
	next *http.Transport
	file string
	host string
}

// RoundTrip implements [http.RoundTripper].
func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.host != "" && r.URL.Host != b.host {
		return b.next.RoundTrip(r)
	}
	f, err := os.Open(b.file)
	if err != nil {
		return nil, fmt.Errorf("read the token for the issuer: %w", err)
	}
	defer f.Close()
	token, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
	if err != nil {
		return nil, fmt.Errorf("read the token for the issuer: %w", err)
	}
	r = r.Clone(r.Context())
	r.Header.Set("authorization", "Bearer "+string(bytes.TrimSpace(token)))
	return b.next.RoundTrip(r)
}
