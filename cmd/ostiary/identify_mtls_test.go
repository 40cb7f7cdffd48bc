package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// certificates are an authority of the test and what it signs.
type certificates struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	a := &certificates{t: t}
	a.key, a.cert = a.make(&x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	return a
}

func (a *certificates) make(c, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if signer == nil {
		parent, signer = c, key
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, out
}

// client gives a client's certificate with those URIs.
func (a *certificates) client(uris ...string) []tls.Certificate {
	a.t.Helper()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: "client"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	for _, s := range uris {
		u, err := url.Parse(s)
		if err != nil {
			a.t.Fatal(err)
		}
		c.URIs = append(c.URIs, u)
	}
	key, cert := a.make(c, a.cert, a.key)
	return []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}
}

// files writes the authority and a server's certificate and key.
func (a *certificates) files(dir string) {
	a.t.Helper()
	key, cert := a.make(&x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature}, a.cert, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: a.cert.Raw}, "server.pem": {Type: "CERTIFICATE", Bytes: cert.Raw}, "server.key": {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

// A workload is known by the certificate with which it connects, and by nothing
// that it writes into a header.
func TestWhoAsksByCertificate(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		authority, stranger := newCertificates(t), newCertificates(t)
		dir := t.TempDir()
		authority.files(dir)
		t.Setenv("OSTIARY_TEST_APP_KEY", "billing-application-key-0123456789")
		in := launch(t, plane, fmt.Sprintf(`tls: {cert: %q, key: %q}
applications: [{name: shop, team: retail}, {name: billing, key: {env: OSTIARY_TEST_APP_KEY}}]
identity: {certificates: {client_ca: %q, trust: [bank.example], applications: [{id: "spiffe://bank.example/ns/shop/*", application: shop}]}}
`, filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"), filepath.Join(dir, "ca.pem")))
		roots := x509.NewCertPool()
		roots.AddCert(authority.cert)
		address := strings.Replace(strings.TrimPrefix(strings.TrimPrefix(in.url, "https://"), "http://"), "127.0.0.1", "localhost", 1)
		ask := func(certs []tls.Certificate, header ...string) int {
			t.Helper()
			tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}
			defer tr.CloseIdleConnections()
			req, err := http.NewRequest(http.MethodPost, "https://"+address+"/v1/chat/completions", strings.NewReader(chat(ordinary)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("content-type", "application/json")
			for i := 0; i < len(header); i += 2 {
				req.Header.Set(header[i], header[i+1])
			}
			resp, err := (&http.Client{Transport: tr, Timeout: 30 * time.Second}).Do(req)
			if err != nil {
				return 0
			}
			resp.Body.Close()
			return resp.StatusCode
		}
		const web, forged = "spiffe://bank.example/ns/shop/sa/web", "URI=spiffe://bank.example/ns/shop/sa/web"
		const key = "billing-application-key-0123456789"
		for _, c := range []struct {
			name   string
			certs  []tls.Certificate
			header []string
			want   int
		}{
			{"a certificate", authority.client(web), nil, 200},
			{"one beside a forged header", authority.client(web), []string{"x-forwarded-client-cert", "URI=spiffe://bank.example/ns/other"}, 200},
			{"a key, no certificate", nil, []string{"x-api-key", key}, 200},
			{"a certificate without URI, a key", authority.client(), []string{"x-api-key", key}, 200},
			{"a key and a forged header", nil, []string{"x-api-key", key, "x-forwarded-client-cert", forged}, 200},
			{"nothing", nil, nil, 401},
			{"a forged header", nil, []string{"x-forwarded-client-cert", forged}, 401},
			{"a certificate without URI and a forged header", authority.client(), []string{"x-forwarded-client-cert", forged}, 401},
			{"two URIs", authority.client(web, "spiffe://bank.example/ns/night/sa/a"), nil, 401},
			{"another domain", authority.client("spiffe://other.example/ns/shop/sa/web"), []string{"x-api-key", key}, 401},
			{"another authority", stranger.client(web), nil, 0},
		} {
			if got := ask(c.certs, c.header...); got != c.want {
				t.Errorf("%s: %d, want %d", c.name, got, c.want)
			}
		}
		for _, r := range in.openai.Requests() {
			for name := range r.Header {
				if strings.HasPrefix(strings.ToLower(name), "x-forwarded-client") {
					t.Errorf("%s was forwarded", name)
				}
			}
		}
		in.end()
		var got []string
		for _, e := range in.events(proxy.EventDecision) {
			if e.Decision.Facts != nil {
				got = append(got, e.Decision.Facts.Principal.Method+":"+e.Decision.Facts.Principal.Application)
			}
		}
		if want := "[certificate:shop certificate:shop key:billing key:billing key:billing]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	})
}

// Where the file of the authorities holds others, those that are gone are not
// believed any more by whoever connects after the reload.
func TestAuthoritiesOfClientsAreReadAnew(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		server, former, next := newCertificates(t), newCertificates(t), newCertificates(t)
		dir := t.TempDir()
		server.files(dir)
		clients := filepath.Join(dir, "clients.pem")
		trust := func(a *certificates) {
			t.Helper()
			if err := os.WriteFile(clients, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		trust(former)
		in := launch(t, plane, fmt.Sprintf(`tls: {cert: %q, key: %q}
applications: [{name: shop}]
identity: {required: true, certificates: {client_ca: %q, trust: [bank.example], applications: [{id: "spiffe://bank.example/ns/shop/*", application: shop}]}}
`, filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"), clients))
		roots := x509.NewCertPool()
		roots.AddCert(server.cert)
		address := "https://localhost:" + in.url[strings.LastIndexByte(in.url, ':')+1:] + "/v1/chat/completions"
		ask := func(certs []tls.Certificate) int {
			t.Helper()
			tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}
			defer tr.CloseIdleConnections()
			resp, err := (&http.Client{Transport: tr, Timeout: 30 * time.Second}).Post(address, "application/json", strings.NewReader(chat(ordinary)))
			if err != nil {
				return 0
			}
			resp.Body.Close()
			return resp.StatusCode
		}
		const web = "spiffe://bank.example/ns/shop/sa/web"
		if a, b := ask(former.client(web)), ask(next.client(web)); a != 200 || b != 0 {
			t.Fatalf("before: %d and %d, want 200 and no connection", a, b)
		}
		trust(next)
		in.server.reload(t.Context())
		eventually(t, "the new authority is believed", func() bool { return ask(next.client(web)) == 200 })
		if got := ask(former.client(web)); got != 0 {
			t.Errorf("the former authority is believed still: %d\n%s", got, in.screen)
		}
	})
}
