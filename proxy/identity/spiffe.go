package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of names in certificates (SPIFFE-ID, 2.3 and 2.4).
const (
	maxSPIFFE      = 2048 // bytes of an id
	maxTrustDomain = 255
	maxCertHeader  = 16 << 10 // bytes of what the data plane tells of a certificate
)

// ErrSPIFFE says that a text is no SPIFFE id.
var ErrSPIFFE = errors.New("not a SPIFFE id: want spiffe://TRUST-DOMAIN/PATH in small letters, without port, query or empty segments")

// SPIFFE is an id as in the SPIFFE standard: whose it is and its path, which is
// empty or begins with a slash.
type SPIFFE struct{ Domain, Path string }

// String gives the id in its one form.
func (s SPIFFE) String() string { return "spiffe://" + s.Domain + s.Path }

// ParseSPIFFE reads an id strictly: what two readers could take for two ids is
// none. It fails with [ErrSPIFFE].
func ParseSPIFFE(id string) (SPIFFE, error) {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	if !ok || len(id) > maxSPIFFE {
		return SPIFFE{}, ErrSPIFFE
	}
	s := SPIFFE{Domain: rest}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		s.Domain, s.Path = rest[:i], rest[i:]
	}
	if s.Domain == "" || len(s.Domain) > maxTrustDomain || strings.ContainsFunc(s.Domain, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	}) {
		return SPIFFE{}, ErrSPIFFE
	}
	if s.Path == "" {
		return s, nil
	}
	for _, segment := range strings.Split(s.Path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
		}) {
			return SPIFFE{}, ErrSPIFFE
		}
	}
	return s, nil
}

// Workload says which application a SPIFFE id is.
type Workload struct {
	// ID is an id, or one that ends in /* for all below it.
	ID          string
	Application string
}

// CertificateOptions say which client certificates are taken.
type CertificateOptions struct {
	// Domains are the trust domains whose workloads are known here.
	Domains []string
	// Workloads are asked in their order; the first that fits counts.
	Workloads []Workload
	// Told says that the data plane in front verifies certificates, removes what a
	// client writes in x-forwarded-client-cert, and writes it itself. Where it is
	// false, the header is stripped and says nothing.
	Told bool
	// Names are those of the configuration.
	Names *Names
}

// Certificates proves workloads by the URI of the certificate with which they
// connected. It implements [Source].
type Certificates struct{ o CertificateOptions }

var _ Source = (*Certificates)(nil)

// NewCertificates makes a Certificates. It fails where an id or a trust domain is
// none and where an application is not configured.
func NewCertificates(o CertificateOptions) (*Certificates, error) {
	if len(o.Domains) == 0 || o.Names == nil {
		return nil, errors.New("certificates: name at least one trust domain")
	}
	for _, d := range o.Domains {
		if s, err := ParseSPIFFE("spiffe://" + d); err != nil || s.Path != "" {
			return nil, fmt.Errorf("certificates: trust domain %q: %w", d, ErrSPIFFE)
		}
	}
	for _, w := range o.Workloads {
		s, err := ParseSPIFFE(strings.TrimSuffix(w.ID, "/*"))
		if err != nil {
			return nil, fmt.Errorf("certificates: %q: %w", w.ID, err)
		}
		if !slices.Contains(o.Domains, s.Domain) {
			return nil, fmt.Errorf("certificates: %q is of a trust domain that is not listed", w.ID)
		}
		if err := o.Names.check(w.Application); err != nil {
			return nil, fmt.Errorf("certificates: %q: %w", w.ID, err)
		}
	}
	return &Certificates{o}, nil
}

const hintCertificate = "The certificate with which the client connected names nobody that this gateway knows without doubt. Connect with one that has one SPIFFE id of a known trust domain, or with none."

// Errors of certificates, which hold nothing of them.
var (
	errCertHeader = errors.New("what the data plane tells of the certificate cannot be read without doubt")
	errCertURI    = errors.New("the certificate has several URIs, or one that is no SPIFFE id")
	errCertDomain = errors.New("the certificate is of a trust domain that is not known here")
)

// Prove implements [Source]. A certificate without URI proves nothing and refuses
// nothing: those are of other use.
func (c *Certificates) Prove(h *proxy.Head) (Proof, error) {
	if !c.o.Told {
		return Proof{}, nil
	}
	told, n := "", 0
	for i := range h.Header {
		if h.Header[i].Name == headerCertificate {
			told = h.Header[i].Value.Reveal()
			n++
		}
	}
	if n == 0 {
		return Proof{}, nil
	}
	uris, err := certificateURIs(told)
	if n > 1 || err != nil {
		return Proof{}, refuse(hintCertificate, errCertHeader)
	}
	if len(uris) == 0 {
		return Proof{}, nil
	}
	id, err := ParseSPIFFE(uris[0])
	// An id has exactly one URI (X509-SVID, 2), so that it is never a matter of
	// which is read.
	if len(uris) > 1 || err != nil {
		return Proof{}, refuse(hintCertificate, errCertURI)
	}
	if !slices.Contains(c.o.Domains, id.Domain) {
		return Proof{}, refuse(hintCertificate, errCertDomain)
	}
	name := ""
	for _, w := range c.o.Workloads {
		below, all := strings.CutSuffix(w.ID, "/*")
		if id.String() == w.ID || all && strings.HasPrefix(id.String(), below+"/") {
			name = w.Application
			break
		}
	}
	p := c.o.Names.proof(MethodCertificate, name)
	p.Subject = id.String()
	if len(p.Subject) > maxClaimValue {
		p.Subject = "" // longer than a subject may be; the application is known all the same
	}
	return p, nil
}

// certificateURIs gives the URIs of an x-forwarded-client-cert header as Envoy
// writes it: KEY=VALUE pairs with semicolons between, values perhaps in quotes.
// More than one element tells of another proxy before ours, and is refused.
func certificateURIs(s string) (uris []string, err error) {
	if s == "" || len(s) > maxCertHeader {
		return nil, errCertHeader
	}
	for s != "" {
		key, rest, ok := strings.Cut(s, "=")
		if !ok || key == "" || strings.ContainsAny(key, ";,\" ") {
			return nil, errCertHeader
		}
		value := ""
		if strings.HasPrefix(rest, `"`) {
			value, rest, ok = quoted(rest[1:])
			if !ok {
				return nil, errCertHeader
			}
		} else {
			end := strings.IndexAny(rest, ";,")
			if end < 0 {
				end = len(rest)
			}
			value, rest = rest[:end], rest[end:]
			if strings.Contains(value, `"`) {
				return nil, errCertHeader
			}
		}
		if rest != "" {
			if rest[0] != ';' || len(rest) == 1 {
				return nil, errCertHeader
			}
			rest = rest[1:]
		}
		switch {
		case strings.EqualFold(key, "uri") && value != "":
			uris = append(uris, value)
		case strings.EqualFold(key, "uri") && value == "":
			// Envoy writes an empty one for a certificate without URI.
		}
		s = rest
	}
	return uris, nil
}

// quoted reads a value up to its closing quote; a backslash takes the next byte as
// it is.
func quoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
