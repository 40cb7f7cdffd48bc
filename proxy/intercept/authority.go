package intercept

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

// Bounds of certificates.
const (
	// Skew is how far a clock may go after ours: certificates hold that much
	// earlier.
	Skew = time.Hour
	// MaxDays bounds the life of an authority.
	MaxDays = 3650
	// DefaultDays is the life of an authority that nobody chose.
	DefaultDays = 730
	maxSubject  = 64  // characters of a common name (RFC 5280, appendix A.1)
	serialBytes = 16  // of randomness in a serial number; 20 are the most (RFC 5280, 4.1.2.2)
	maxChain    = 8   // certificates of a file
	maxDomains  = 256 // in a constraint; clients read it with each handshake
)

// Authority signs leaves. It is not written after it was made and may be used
// concurrently.
type Authority struct {
	cert  *x509.Certificate
	chain []*x509.Certificate // what a server sends behind the leaf: cert, unless it is a root, and those between it and the root
	trust []*x509.Certificate // what clients must trust
	key   crypto.Signer
	cross [][]byte // chain as it goes on the wire, leaf excluded
}

// Terms are what an authority is made with.
type Terms struct {
	Subject string   // common name
	Domains []string // below which it may sign, see [Names.Domains]
	Days    int      // how long it holds; 1 to [MaxDays]
}

// check completes terms with defaults.
func (t Terms) check() (Terms, error) {
	if t.Subject == "" {
		t.Subject = "Ostiary interception"
	}
	if len([]rune(t.Subject)) > maxSubject || strings.ContainsFunc(t.Subject, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return t, fmt.Errorf("the subject has more than %d characters, or control characters", maxSubject)
	}
	if t.Days == 0 {
		t.Days = DefaultDays
	}
	if t.Days < 1 || t.Days > MaxDays {
		return t, fmt.Errorf("%d days; 1 to %d are possible", t.Days, MaxDays)
	}
	if len(t.Domains) == 0 {
		return t, errors.New("no domain is permitted: name the governed providers' domains, or the authority could sign for every name there is")
	}
	if len(t.Domains) > maxDomains {
		return t, fmt.Errorf("%d domains; at most %d are possible", len(t.Domains), maxDomains)
	}
	n, err := ParseNames(t.Domains)
	if err != nil {
		return t, err
	}
	for _, d := range n.List() {
		if strings.Contains(d, "*") {
			return t, fmt.Errorf("domain %q: a constraint reaches everything below its domain; leave out the *", d)
		}
	}
	t.Domains = n.Domains()
	return t, nil
}

// template is the certificate of an authority before it is signed.
func (t Terms) template(pub crypto.PublicKey, now time.Time) (*x509.Certificate, error) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(spki)
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		// The number makes names of successive authorities differ: clients that look
		// for an issuer by name must not find the wrong key.
		Subject:   pkix.Name{CommonName: t.Subject, SerialNumber: hex.EncodeToString(sum[:4])},
		NotBefore: now.Add(-Skew).Truncate(time.Second), NotAfter: now.Add(time.Duration(t.Days) * 24 * time.Hour).Truncate(time.Second),
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: 0, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: t.Domains,
		// A constraint on names says nothing of addresses: these are excluded whole.
		ExcludedIPRanges: []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}},
	}, nil
}

func newSerial() (*big.Int, error) {
	b := make([]byte, serialBytes)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x7f | 0x40 // positive, and always as long
	return new(big.Int).SetBytes(b), nil
}

// selfSigned makes the certificate of a root.
func (t Terms) selfSigned(key crypto.Signer, now time.Time) (*x509.Certificate, error) {
	tmpl, err := t.template(key.Public(), now)
	if err != nil {
		return nil, err
	}
	return signed(tmpl, tmpl, key.Public(), key)
}

func signed(tmpl, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, key) // checks the signature too
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// requested are the extensions of an authority's certificate that a request asks
// for: basic constraints, key usage, extended key usage, name constraints
// (RFC 5280, 4.2.1).
var requested = []asn1.ObjectIdentifier{{2, 5, 29, 19}, {2, 5, 29, 15}, {2, 5, 29, 37}, {2, 5, 29, 30}}

// request makes the request (PKCS #10, DER) for a certificate of these terms.
func (t Terms) request(key crypto.Signer, now time.Time) ([]byte, error) {
	tmpl, err := t.template(key.Public(), now)
	if err != nil {
		return nil, err
	}
	// The extensions are written as in a certificate: a throw-away key signs one.
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	model, err := signed(tmpl, tmpl, other.Public(), other)
	if err != nil {
		return nil, err
	}
	csr := &x509.CertificateRequest{Subject: tmpl.Subject}
	for _, e := range model.Extensions {
		if slices.ContainsFunc(requested, e.Id.Equal) {
			csr.ExtraExtensions = append(csr.ExtraExtensions, e)
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, csr, key)
	if err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	return der, nil
}

// newAuthority puts an authority together and refuses what would not work or
// would be too much: a key of another certificate, one that is no authority or may
// have authorities below it, one that does not lie below parents. The first of
// certs is its own; parents are the organisation's, none for a root.
func newAuthority(certs, parents []*x509.Certificate, key crypto.Signer, now time.Time) (*Authority, error) {
	own := certs[0]
	pub, ok := own.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok || pub.Curve != elliptic.P256():
		return nil, errors.New("the authority's key is not of P-256")
	case !pub.Equal(key.Public()):
		return nil, errors.New("the certificate belongs to another key")
	case !own.BasicConstraintsValid || !own.IsCA || own.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, errors.New("the certificate is not that of an authority")
	case own.MaxPathLen != 0 || !own.MaxPathLenZero:
		return nil, errors.New("the certificate allows authorities below it: it must have a path length of 0")
	}
	a := &Authority{cert: own, key: key}
	if len(parents) == 0 && len(certs) == 1 {
		if err := own.CheckSignatureFrom(own); err != nil {
			return nil, errors.New("the certificate is no root, and nothing above it was given")
		}
		a.trust = []*x509.Certificate{own}
		return a, nil
	}
	// Roots are what signed itself; where there is none, what is given is trusted.
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	var above []*x509.Certificate
	for _, c := range append(slices.Clone(certs[1:]), parents...) {
		if slices.ContainsFunc(above, c.Equal) || c.Equal(own) {
			continue
		}
		above = append(above, c)
		if c.CheckSignatureFrom(c) == nil {
			roots.AddCert(c)
			a.trust = append(a.trust, c)
		} else {
			between.AddCert(c)
		}
	}
	if len(a.trust) == 0 {
		for _, c := range above {
			roots.AddCert(c)
		}
		a.trust = above
	}
	found, err := own.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return nil, fmt.Errorf("the certificate does not lie below the parent's: %w", err)
	}
	for _, c := range found[0][:len(found[0])-1] { // the root is not sent
		a.chain, a.cross = append(a.chain, c), append(a.cross, c.Raw)
	}
	return a, nil
}

// Certificate gives the authority's own certificate. It may not be written.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// Trust gives the certificates that clients must trust. They may not be written.
func (a *Authority) Trust() []*x509.Certificate { return slices.Clone(a.trust) }

// Subordinate reports whether the authority lies below another.
func (a *Authority) Subordinate() bool { return len(a.chain) > 0 }

// Constrained reports whether the certificate itself bounds the names.
func (a *Authority) Constrained() bool { return len(a.cert.PermittedDNSDomains) > 0 }

// Permits reports whether clients would take a leaf of this authority for a name
// in lower case, by its own constraints. Those of authorities above it are found
// out by 'ostiary ca check'.
func (a *Authority) Permits(name string) bool {
	in := func(domains []string) bool {
		return slices.ContainsFunc(domains, func(d string) bool {
			d, below := strings.CutPrefix(strings.ToLower(d), ".")
			return within(name, d) && !(below && name == d)
		})
	}
	return (!a.Constrained() || in(a.cert.PermittedDNSDomains)) && !in(a.cert.ExcludedDNSDomains)
}

// Fingerprint is the SHA-256 of a certificate, in hexadecimal digits, by which
// people compare it.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Types of PEM blocks (RFC 7468).
const (
	pemCertificate = "CERTIFICATE"
	pemRequest     = "CERTIFICATE REQUEST"
	pemKey         = "PRIVATE KEY"
	pemPublic      = "PUBLIC KEY"
)

// EncodeCertificates writes certificates as PEM.
func EncodeCertificates(certs []*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: c.Raw})...)
	}
	return out
}

// ParseCertificates reads the certificates of a PEM text, at least one and at most
// eight. Other blocks are an error: a key does not belong there.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != pemCertificate {
			return nil, fmt.Errorf("a PEM block of another type than %s", pemCertificate)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a PEM block that is no certificate")
		}
		if out = append(out, c); len(out) > maxChain {
			return nil, fmt.Errorf("more than %d certificates", maxChain)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no PEM block of type " + pemCertificate)
	}
	return out, nil
}
