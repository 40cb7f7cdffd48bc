package intercept

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

var domains = []string{"api.openai.com", "openai.azure.com", "example.org"}

// governed are the names of most tests.
func governed(t testing.TB) Names {
	t.Helper()
	return names(t, "api.openai.com", "*.openai.azure.com", "*.example.org")
}

// root makes an authority of its own in a directory that ends with the test.
func root(t testing.TB) (Directory, *Authority) {
	t.Helper()
	d := Open(filepath.Join(t.TempDir(), "ca"))
	if _, err := d.Create(Terms{Domains: domains}, Key{}, nil); err != nil {
		t.Fatal(err)
	}
	a, err := d.Authority()
	if err != nil {
		t.Fatal(err)
	}
	return d, a
}

// company is an organisation's authority, written without this package.
type company struct {
	root, issuing       *x509.Certificate
	rootKey, issuingKey *ecdsa.PrivateKey
}

func newCompany(t testing.TB) *company {
	t.Helper()
	c := &company{}
	make := func(name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
			NotAfter: time.Now().Add(24 * 3650 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
		if parent == nil {
			parent, by = tmpl, key
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	c.root, c.rootKey = make("Company Root", nil, nil)
	c.issuing, c.issuingKey = make("Company Issuing", c.root, c.rootKey)
	return c
}

func (c *company) parents() []*x509.Certificate { return []*x509.Certificate{c.issuing, c.root} }

// sign takes a request as a company's authority would: the extensions that it
// asks for, each changed by change.
func (c *company) sign(t testing.TB, request string, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(request)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := csr.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: csr.Subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 400 * time.Hour), ExtraExtensions: csr.Extensions}
	if change != nil {
		change(tmpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, c.issuing, csr.PublicKey, c.issuingKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// gate is a key that signs when it is let.
type gate struct {
	crypto.Signer
	open  chan struct{} // closed when signing goes on
	calls atomic.Int64
	fail  atomic.Bool
}

func (g *gate) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	g.calls.Add(1)
	<-g.open
	if g.fail.Load() {
		return nil, ErrBusy
	}
	return g.Signer.Sign(r, digest, o)
}

// gated gives the same authority with a key that waits.
func gated(a *Authority) (*Authority, *gate) {
	g := &gate{Signer: a.key, open: make(chan struct{})}
	b := *a
	b.key = g
	return &b, g
}

// verify checks a leaf as a client would that trusts what clients must trust.
func verify(t testing.TB, l *Leaf, trust []*x509.Certificate, now time.Time) error {
	t.Helper()
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range trust {
		roots.AddCert(c)
	}
	for _, der := range l.tls.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(c)
	}
	_, err := l.tls.Leaf.Verify(x509.VerifyOptions{DNSName: l.Name, Roots: roots, Intermediates: between, CurrentTime: now})
	return err
}

func leaf(t testing.TB, m *Minter, name string) *Leaf {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := m.Leaf(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// cloneValid gives an authority's certificate as if it had been made in the year
// 2000, where a test's own clock begins.
func cloneValid(t testing.TB, a *Authority) *x509.Certificate {
	t.Helper()
	tmpl := *a.cert
	tmpl.NotBefore, tmpl.NotAfter = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)
	c, err := signed(&tmpl, &tmpl, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
