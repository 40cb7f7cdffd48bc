package identity_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/identity"
)

// office is a chain with every source but the local one: certificates of
// bank.example, tokens of an OpenID Connect provider and of a cluster.
type office struct {
	chain        *identity.Chain
	oidc, kube   *provider
	person, node signer
}

func newOffice(t testing.TB, change func(*identity.ChainOptions)) *office {
	t.Helper()
	o := &office{person: newES(t, "p"), node: newEd(t, "k")}
	o.oidc, o.kube = newProvider(t, o.person.public()), newProvider(t, o.node.public())
	apps := []identity.Application{
		{Name: "shop", Team: "retail", Groups: []string{"pilot"}},
		{Name: "batch", Keys: []identity.Key{mustKey(t, batchKey)}},
		{Name: "bot", Team: "desk", Keys: []identity.Key{mustKey(t, botKey)}},
	}
	names := identity.NewNames(apps, []string{"traders"})
	keys, err := identity.New(apps)
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := identity.NewCertificates(identity.CertificateOptions{
		Domains: []string{"bank.example"}, Told: true, Names: names,
		Workloads: []identity.Workload{{ID: "spiffe://bank.example/ns/shop/sa/web", Application: "shop"}, {ID: "spiffe://bank.example/ns/night/*", Application: "batch"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := newVerifier(t, identity.TokenOptions{Issuer: o.oidc.URL, Claims: []string{"azp", "unit"}})
	tokens, err := identity.NewTokens(identity.TokensOptions{
		Verifier: v, Method: identity.MethodToken, Application: "azp", Team: "unit", Applications: map[string]string{"0oa-shop": "shop"}, Names: names,
	})
	if err != nil {
		t.Fatal(err)
	}
	v, _ = newVerifier(t, identity.TokenOptions{Issuer: o.kube.URL})
	kube, err := identity.NewTokens(identity.TokensOptions{
		Verifier: v, Method: identity.MethodKubernetes, Application: identity.ClaimSubject, Names: names,
		Applications: map[string]string{identity.ServiceAccount("shop/web"): "shop", identity.ServiceAccount("night/*"): "batch"},
	})
	if err != nil {
		t.Fatal(err)
	}
	options := identity.ChainOptions{Before: []identity.Source{certificates, tokens}, Keys: keys, After: []identity.Source{kube}}
	if change != nil {
		change(&options)
	}
	o.chain, err = identity.NewChain(options)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func basic(user, key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+key))
}

const (
	web   = "Hash=0a;Subject=\"CN=web, O=Bank\";URI=spiffe://bank.example/ns/shop/sa/web"
	other = "URI=spiffe://bank.example/ns/other/sa/x"
	xfcc  = "x-forwarded-client-cert"
)

// Who asks, in the order of the sources; everything that was a credential is
// stripped.
func TestChain(t *testing.T) {
	o := newOffice(t, nil)
	person := func(changes ...string) string { return "Bearer " + o.person.sign(t, claims(o.oidc.URL, changes...)) }
	account := func(name string, changes ...string) string {
		return "Bearer " + o.node.sign(t, claims(o.kube.URL, append([]string{"sub", `"system:serviceaccount:` + name + `"`}, changes...)...))
	}
	foreign := "Bearer " + o.person.sign(t, claims("https://login.elsewhere.example"))
	always := []string{"ostiary-key", "proxy-authorization", xfcc}
	for _, tt := range []struct {
		name string
		head []string
		want proxy.Principal
	}{
		{"a certificate", []string{xfcc, web}, proxy.Principal{Method: "certificate", Application: "shop", Team: "retail", Groups: []string{"pilot"}, Subject: "spiffe://bank.example/ns/shop/sa/web"}},
		{"one below a pattern", []string{xfcc, "URI=spiffe://bank.example/ns/night/sa/a"}, proxy.Principal{Method: "certificate", Application: "batch", Subject: "spiffe://bank.example/ns/night/sa/a"}},
		{"one of nobody in particular", []string{xfcc, other}, proxy.Principal{Method: "certificate", Subject: "spiffe://bank.example/ns/other/sa/x"}},
		{"the pattern's own name is not below it", []string{xfcc, "URI=spiffe://bank.example/ns/night"}, proxy.Principal{Method: "certificate", Subject: "spiffe://bank.example/ns/night"}},
		{"a name that begins like one", []string{xfcc, "URI=spiffe://bank.example/ns/nightly/sa/a"}, proxy.Principal{Method: "certificate", Subject: "spiffe://bank.example/ns/nightly/sa/a"}},
		{"a token that names an application by its mapping", []string{"authorization", person("azp", `"0oa-shop"`)}, proxy.Principal{Method: "token", Application: "shop", Team: "retail", Groups: []string{"pilot"}, Subject: "u-1", Strip: []string{"authorization"}}},
		{"by its name", []string{"authorization", person("azp", `"bot"`)}, proxy.Principal{Method: "token", Application: "bot", Team: "desk", Subject: "u-1", Strip: []string{"authorization"}}},
		{"a token of a person alone", []string{"authorization", person("groups", `["traders","domain users","pilot"]`, "unit", `"desk"`, "email", `"jane@bank.example"`, "email_verified", "true")},
			proxy.Principal{Method: "token", Team: "desk", Groups: []string{"traders", "pilot"}, Subject: "jane@bank.example", Strip: []string{"authorization"}}},
		{"names that are not configured", []string{"authorization", person("azp", `"0oa-unknown"`, "groups", `["hackers"]`, "unit", `"board"`)}, proxy.Principal{Method: "token", Subject: "u-1", Strip: []string{"authorization"}}},
		{"a claim of two applications names none", []string{"authorization", person("azp", `["shop","bot"]`)}, proxy.Principal{Method: "token", Subject: "u-1", Strip: []string{"authorization"}}},
		{"a token beside the client's own credential", []string{"ostiary-key", strings.TrimPrefix(person("azp", `"bot"`), "Bearer "), "authorization", "Bearer sk-own"}, proxy.Principal{Method: "token", Application: "bot", Team: "desk", Subject: "u-1"}},
		{"a token for the proxy", []string{"proxy-authorization", person("azp", `"bot"`), "authorization", "Bearer sk-own"}, proxy.Principal{Method: "token", Application: "bot", Team: "desk", Subject: "u-1"}},
		{"a key for the proxy", []string{"proxy-authorization", basic("batch", batchKey)}, proxy.Principal{Method: "proxy", Application: "batch"}},
		{"without its name", []string{"proxy-authorization", basic("", batchKey)}, proxy.Principal{Method: "proxy", Application: "batch"}},
		{"in the place of the name", []string{"proxy-authorization", basic(batchKey, "")}, proxy.Principal{Method: "proxy", Application: "batch"}},
		{"as a bearer", []string{"proxy-authorization", "bearer " + batchKey}, proxy.Principal{Method: "proxy", Application: "batch"}},
		{"a key", []string{"x-api-key", botKey}, proxy.Principal{Method: "key", Application: "bot", Team: "desk", Strip: []string{"x-api-key"}}},
		{"a service account", []string{"authorization", account("shop:web")}, proxy.Principal{Method: "kubernetes", Application: "shop", Team: "retail", Groups: []string{"pilot"}, Subject: "system:serviceaccount:shop:web", Strip: []string{"authorization"}}},
		{"one of a namespace", []string{"authorization", account("night:any")}, proxy.Principal{Method: "kubernetes", Application: "batch", Subject: "system:serviceaccount:night:any", Strip: []string{"authorization"}}},
		{"one of another namespace", []string{"authorization", account("nightly:any")}, proxy.Principal{Method: "kubernetes", Subject: "system:serviceaccount:nightly:any", Strip: []string{"authorization"}}},
		{"an account whose name is that of an application", []string{"authorization", o.nodeNamed(t, "bot")}, proxy.Principal{Method: "kubernetes", Subject: "bot", Strip: []string{"authorization"}}},

		{"the certificate before the key", []string{xfcc, web, "x-api-key", botKey}, proxy.Principal{Method: "certificate", Application: "shop", Team: "retail", Groups: []string{"pilot"}, Subject: "spiffe://bank.example/ns/shop/sa/web", Strip: []string{"x-api-key"}}},
		{"the key where the certificate is nobody's in particular", []string{xfcc, other, "x-api-key", botKey}, proxy.Principal{Method: "key", Application: "bot", Team: "desk", Subject: "spiffe://bank.example/ns/other/sa/x", Strip: []string{"x-api-key"}}},
		{"the application of the certificate, the person of the token, the groups of both", []string{xfcc, web, "authorization", person("groups", `["traders"]`)},
			proxy.Principal{Method: "certificate", Application: "shop", Team: "retail", Groups: []string{"pilot", "traders"}, Subject: "u-1", Strip: []string{"authorization"}}},
		{"the key of an application, on behalf of a person", []string{"x-api-key", batchKey, "authorization", person("groups", `["traders"]`)},
			proxy.Principal{Method: "key", Application: "batch", Groups: []string{"traders"}, Subject: "u-1", Strip: []string{"authorization", "x-api-key"}}},
		{"a certificate without URI beside a key", []string{xfcc, "Hash=0a;URI=", "x-api-key", botKey}, proxy.Principal{Method: "key", Application: "bot", Team: "desk", Strip: []string{"x-api-key"}}},
		{"the client's own token stays", []string{xfcc, web, "authorization", foreign}, proxy.Principal{Method: "certificate", Application: "shop", Team: "retail", Groups: []string{"pilot"}, Subject: "spiffe://bank.example/ns/shop/sa/web"}},
		{"what is asserted decides nothing", []string{xfcc, web, "ostiary-application", "bot"}, proxy.Principal{Method: "certificate", Application: "shop", Team: "retail", Groups: []string{"pilot"}, Subject: "spiffe://bank.example/ns/shop/sa/web", Asserted: "bot"}},
	} {
		tt.want.Strip = append(slices.Clone(always), tt.want.Strip...)
		got, err := o.chain.Identify(head(tt.head...))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (- want, + got):\n%s", tt.name, d)
		}
	}
	// The groups of an application are shared: no request may have written to them.
	p, err := o.chain.Identify(head(xfcc, web))
	if err != nil || !slices.Equal(p.Groups, []string{"pilot"}) {
		t.Errorf("groups %v, %v after requests with others", p.Groups, err)
	}
}

func (o *office) nodeNamed(t *testing.T, subject string) string {
	return "Bearer " + o.node.sign(t, claims(o.kube.URL, "sub", `"`+subject+`"`))
}

// What is presented and not good ends the request, whatever else it carries.
func TestChainRefuses(t *testing.T) {
	o := newOffice(t, nil)
	sign := func(s signer, issuer string, changes ...string) string {
		return "Bearer " + s.sign(t, claims(issuer, changes...))
	}
	good := sign(o.person, o.oidc.URL)
	thief := newES(t, "p")
	for _, tt := range []struct {
		name string
		head []string
	}{
		{"nothing at all", nil},
		{"nothing but a name", []string{"ostiary-application", "shop"}},
		{"a token of another signer", []string{"authorization", sign(thief, o.oidc.URL)}},
		{"one that has expired", []string{"authorization", sign(o.person, o.oidc.URL, "exp", "1000000000")}},
		{"one for others", []string{"authorization", sign(o.person, o.oidc.URL, "aud", `"payroll"`)}},
		{"a person's key for a cluster's token", []string{"authorization", sign(o.person, o.kube.URL)}},
		{"a token without signature", []string{"authorization", "Bearer " + strings.Join(append(strings.Split(strings.TrimPrefix(good, "Bearer "), ".")[:2], "AA"), ".")}},
		{"two tokens of two persons", []string{"authorization", good, "ostiary-key", strings.TrimPrefix(sign(o.person, o.oidc.URL, "sub", `"u-2"`), "Bearer ")}},
		{"a good one and a bad one", []string{"authorization", good, "authorization", sign(thief, o.oidc.URL)}},
		{"one that is longer than tokens are", []string{"authorization", sign(o.person, o.oidc.URL, "pad", `"`+strings.Repeat("x", 20_000)+`"`)}},
		{"five", []string{"authorization", good, "authorization", good, "authorization", good, "authorization", good, "authorization", good}},
		{"a token of nobody known", []string{"authorization", sign(o.person, "https://login.elsewhere.example")}},
		{"a key for the proxy that is not known", []string{"proxy-authorization", basic("batch", "nonsense-0123456789")}},
		{"the key of another application", []string{"proxy-authorization", basic("bot", batchKey)}},
		{"a name alone", []string{"proxy-authorization", basic("batch", "")}},
		{"a scheme that is not taken", []string{"proxy-authorization", "Digest " + batchKey}},
		{"base64 that is none", []string{"proxy-authorization", "Basic !!!!"}},
		{"a certificate of another domain", []string{xfcc, "URI=spiffe://elsewhere.example/ns/shop/sa/web"}},
		{"of a domain within", []string{xfcc, "URI=spiffe://evil.bank.example/ns/shop/sa/web"}},
		{"of two names", []string{xfcc, "URI=spiffe://bank.example/ns/shop/sa/web;URI=spiffe://bank.example/ns/night/sa/a"}},
		{"of a name that is none", []string{xfcc, "URI=https://bank.example/ns/shop/sa/web"}},
		{"of a path that climbs", []string{xfcc, "URI=spiffe://bank.example/ns/other/../shop/sa/web"}},
		{"two certificates, as of two proxies", []string{xfcc, web + "," + web}},
		{"two headers", []string{xfcc, web, xfcc, web}},
		{"what is no header of Envoy's", []string{xfcc, "spiffe://bank.example/ns/shop/sa/web"}},
	} {
		for _, with := range []string{"", "a key", "a certificate"} {
			h := slices.Clone(tt.head)
			switch with {
			case "a key":
				h = append(h, "x-api-key", botKey)
			case "a certificate":
				if slices.Contains(h, xfcc) {
					continue
				}
				h = append(h, xfcc, web)
			}
			// What is absent, or a bearer that may be the client's own, does no harm
			// beside a good credential.
			absent := with != "" && (len(tt.head) == 0 || tt.head[0] == "ostiary-application" || strings.HasSuffix(tt.name, "of nobody known"))
			p, err := o.chain.Identify(head(h...))
			if absent {
				if err != nil || p.Application == "" {
					t.Errorf("%s, with %s: %v %v", tt.name, with, p, err)
				}
				continue
			}
			var e *proxy.Error
			if !errors.As(err, &e) || e.Kind != proxy.Refused || e.Code != proxy.CodeUnknownKey {
				t.Errorf("%s, with %q: %+v, %v; want a refusal", tt.name, with, p, err)
				continue
			}
			for i := 1; i < len(h); i += 2 {
				if len(h[i]) > 6 && strings.Contains(err.Error()+e.Hint, h[i]) {
					t.Errorf("%s: the error shows what was sent", tt.name)
				}
			}
		}
	}
}

// The unknown ostiary-key beside a good certificate is a bad credential.
func TestChainKnowsItsOwnHeaders(t *testing.T) {
	o := newOffice(t, nil)
	for _, h := range [][]string{{xfcc, web, "ostiary-key", "nonsense-0123456789"}, {xfcc, web, "proxy-authorization", "Bearer nonsense-0123456789"}} {
		if p, err := o.chain.Identify(head(h...)); err == nil {
			t.Errorf("%s: %+v", h[2], p)
		}
	}
	bare, err := identity.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	// So it is beside a program that is known by the connection, and where
	// everybody must be known.
	local := sourceFunc(func(*proxy.Head) (identity.Proof, error) {
		return identity.Proof{Method: identity.MethodLocal, Application: "shop"}, nil
	})
	for name, options := range map[string]identity.ChainOptions{"local": {Keys: bare, Local: local}, "local, required": {Keys: bare, Local: local, Required: true}} {
		c, err := identity.NewChain(options)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := c.Identify(head()); err != nil || p.Application != "shop" {
			t.Errorf("%s, nothing presented: %+v, %v", name, p, err)
		}
		for _, h := range []string{"ostiary-key", "proxy-authorization"} {
			if p, err := c.Identify(head(h, "Bearer nonsense-0123456789")); err == nil {
				t.Errorf("%s, a bad %s: %+v", name, h, p)
			}
		}
	}
	// Where nobody reads them, they are stripped and say nothing.
	c, err := identity.NewChain(identity.ChainOptions{Keys: bare})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Identify(head("ostiary-key", "x", "proxy-authorization", "Basic eA==", xfcc, web))
	if d := cmp.Diff(proxy.Principal{Method: "peer", Strip: []string{"ostiary-key", "proxy-authorization", xfcc}}, p); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
}

// A certificate that nobody vouches for says nothing, and is stripped.
func TestCertificatesOfOthersAreNotBelieved(t *testing.T) {
	names := identity.NewNames([]identity.Application{{Name: "shop"}}, nil)
	s, err := identity.NewCertificates(identity.CertificateOptions{
		Domains: []string{"bank.example"}, Names: names, Workloads: []identity.Workload{{ID: "spiffe://bank.example/ns/shop/sa/web", Application: "shop"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := identity.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := identity.NewChain(identity.ChainOptions{Before: []identity.Source{s}, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Identify(head(xfcc, web))
	if err != nil || p.Application != "" || p.Subject != "" || !slices.Contains(p.Strip, xfcc) {
		t.Errorf("%+v, %v", p, err)
	}
}

// Keys of the provider that cannot be had are an outage, not a bad token.
func TestChainProviderDown(t *testing.T) {
	o := newOffice(t, nil)
	o.oidc.set(func(p *provider) { p.down = true })
	_, err := o.chain.Identify(head("authorization", "Bearer "+o.person.sign(t, claims(o.oidc.URL)), "x-api-key", botKey))
	var e *proxy.Error
	if !errors.As(err, &e) || e.Kind != proxy.Undecided || e.Kind.Status() != 503 {
		t.Errorf("%v, want an outage", err)
	}
	// Others are not concerned.
	if p, err := o.chain.Identify(head("x-api-key", botKey)); err != nil || p.Application != "bot" {
		t.Errorf("%+v, %v", p, err)
	}
}

// The local source is asked only where no application is known, and alone proves
// enough for those who must be known.
func TestChainAsksLocallyLast(t *testing.T) {
	asked := 0
	local := sourceFunc(func(*proxy.Head) (identity.Proof, error) {
		asked++
		return identity.Proof{Method: identity.MethodLocal, Application: "shop", Subject: "uid:1001"}, nil
	})
	o := newOffice(t, func(c *identity.ChainOptions) { c.Local, c.Required = local, true })
	if p, err := o.chain.Identify(head("x-api-key", botKey)); err != nil || p.Application != "bot" || asked != 0 {
		t.Errorf("%+v, %v, asked %d times", p, err, asked)
	}
	if p, err := o.chain.Identify(head()); err != nil || p.Application != "shop" || p.Method != "local" || p.Subject != "uid:1001" || asked != 1 {
		t.Errorf("%+v, %v, asked %d times", p, err, asked)
	}
}

type sourceFunc func(*proxy.Head) (identity.Proof, error)

func (f sourceFunc) Prove(h *proxy.Head) (identity.Proof, error) { return f(h) }

func TestChainOptions(t *testing.T) {
	names := identity.NewNames([]identity.Application{{Name: "shop"}}, nil)
	keys, err := identity.New([]identity.Application{{Name: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := newVerifier(t, identity.TokenOptions{Issuer: "https://login.bank.example"})
	tokens, err := identity.NewTokens(identity.TokensOptions{Verifier: v, Method: identity.MethodToken, Names: names})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"no keys": func() error { _, err := identity.NewChain(identity.ChainOptions{}); return err },
		"one issuer twice": func() error {
			_, err := identity.NewChain(identity.ChainOptions{Keys: keys, Before: []identity.Source{tokens}, After: []identity.Source{tokens}})
			return err
		},
		"too many": func() error {
			_, err := identity.NewChain(identity.ChainOptions{Keys: keys, Before: make([]identity.Source, 17)})
			return err
		},
		"an unknown application of tokens": func() error {
			_, err := identity.NewTokens(identity.TokensOptions{Verifier: v, Method: identity.MethodToken, Names: names, Applications: map[string]string{"x": "nobody"}})
			return err
		},
		"an empty value": func() error {
			_, err := identity.NewTokens(identity.TokensOptions{Verifier: v, Method: identity.MethodToken, Names: names, Applications: map[string]string{"": "shop"}})
			return err
		},
		"no method": func() error {
			_, err := identity.NewTokens(identity.TokensOptions{Verifier: v, Names: names})
			return err
		},
		"no domain": func() error {
			_, err := identity.NewCertificates(identity.CertificateOptions{Names: names})
			return err
		},
		"a domain that is none": func() error {
			_, err := identity.NewCertificates(identity.CertificateOptions{Names: names, Domains: []string{"bank.example/x"}})
			return err
		},
		"an id of another domain": func() error {
			_, err := identity.NewCertificates(identity.CertificateOptions{Names: names, Domains: []string{"bank.example"}, Workloads: []identity.Workload{{ID: "spiffe://other.example/x", Application: "shop"}}})
			return err
		},
		"an unknown application of certificates": func() error {
			_, err := identity.NewCertificates(identity.CertificateOptions{Names: names, Domains: []string{"bank.example"}, Workloads: []identity.Workload{{ID: "spiffe://bank.example/x", Application: "nobody"}}})
			return err
		},
		"a local rule of nothing": func() error {
			_, err := identity.NewLocal(identity.LocalOptions{Names: names, Rules: []identity.LocalRule{{Application: "shop"}}})
			return err
		},
		"a relative path": func() error {
			_, err := identity.NewLocal(identity.LocalOptions{Names: names, Rules: []identity.LocalRule{{Exe: "claude", Application: "shop"}}})
			return err
		},
		"too short an id": func() error {
			_, err := identity.NewLocal(identity.LocalOptions{Names: names, Rules: []identity.LocalRule{{Container: "abc", Application: "shop"}}})
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestServiceAccount(t *testing.T) {
	for account, want := range map[string]string{
		"shop/web": "system:serviceaccount:shop:web", "shop/*": "system:serviceaccount:shop:*", "a/b.c": "system:serviceaccount:a:b.c",
		"": "", "shop": "", "/web": "", "shop/": "", "*/web": "", "shop:x/web": "", "shop/web:x": "", "Shop/web": "", "shop/w/x": "", "shop/-": "", "s*/web": "",
	} {
		if got := identity.ServiceAccount(account); got != want {
			t.Errorf("%q: %q, want %q", account, got, want)
		}
	}
}

func TestParseSPIFFE(t *testing.T) {
	for id, ok := range map[string]bool{
		"spiffe://bank.example": true, "spiffe://bank.example/a": true, "spiffe://bank.example/ns/Shop_1/sa/a.b-c": true, "spiffe://b_k/x": true, "spiffe://bank.example/...": true,
		"": false, "spiffe://": false, "spiffe:///x": false, "SPIFFE://bank.example/x": false, "spiffe://Bank.example/x": false, "spiffe://bank.example/": false,
		"spiffe://bank.example/a/": false, "spiffe://bank.example//a": false, "spiffe://bank.example/./a": false, "spiffe://bank.example/a/..": false,
		"spiffe://bank.example:8443/a": false, "spiffe://user@bank.example/a": false, "spiffe://bank.example/a?x": false, "spiffe://bank.example/a#x": false,
		"spiffe://bank.example/%61": false, "spiffe://bänk.example/a": false, "spiffe://bank.example/ä": false, "https://bank.example/a": false,
		"spiffe://" + strings.Repeat("a", 256): false, "spiffe://bank.example/" + strings.Repeat("a", 2048): false,
	} {
		s, err := identity.ParseSPIFFE(id)
		if (err == nil) != ok {
			t.Errorf("%.60q: %v", id, err)
		}
		if err == nil && s.String() != id {
			t.Errorf("%q was read as %q", id, s)
		}
	}
}

// FuzzCertificates: whatever a header says, an application is named only where the
// text holds the id of its workload, and one URI only.
func FuzzCertificates(f *testing.F) {
	names := identity.NewNames([]identity.Application{{Name: "shop"}}, nil)
	const id = "spiffe://bank.example/ns/shop/sa/web"
	s, err := identity.NewCertificates(identity.CertificateOptions{
		Domains: []string{"bank.example"}, Told: true, Names: names, Workloads: []identity.Workload{{ID: id, Application: "shop"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{web, other, "URI=\"" + id + "\"", "By=spiffe://x/y;Hash=1;Subject=\"a\\\"b\";URI=" + id, "URI=;URI=" + id, "uri=" + id + ";", "URI=" + id + ",URI=" + id, "=", "a=\"", "a=\"\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := s.Prove(head(xfcc, text))
		if err != nil && p.Method != "" {
			t.Fatal("an error with a proof")
		}
		if p.Application != "" && (!strings.Contains(strings.ReplaceAll(text, `\`, ""), id) || p.Subject != id) {
			t.Fatalf("an application without its id")
		}
		if p.Application != "" && strings.Contains(text, ",") && !strings.Contains(text, `"`) {
			t.Fatal("two elements were read as one")
		}
	})
}

// FuzzChain: no headers name an application but those that hold its key.
func FuzzChain(f *testing.F) {
	o := newOffice(f, nil)
	f.Add("proxy-authorization", basic("bot", botKey))
	f.Add("proxy-authorization", "Basic Og==")
	f.Add("authorization", "Bearer a.b.c")
	f.Add("ostiary-key", "eyJhIjoxfQ.eyJpc3MiOiJ4In0.AA")
	f.Add(xfcc, other)
	f.Fuzz(func(t *testing.T, name, value string) {
		p, err := o.chain.Identify(head(name, value))
		if err != nil {
			return
		}
		holds := strings.Contains(value, botKey) || strings.Contains(value, batchKey) || name == xfcc && strings.Contains(value, "spiffe://bank.example")
		if _, b64, ok := strings.Cut(value, " "); ok {
			b, _ := base64.StdEncoding.DecodeString(strings.Trim(b64, " \t"))
			holds = holds || strings.Contains(string(b), botKey) || strings.Contains(string(b), batchKey)
		}
		if !holds {
			t.Fatalf("%q proved %+v", name, p)
		}
	})
}
