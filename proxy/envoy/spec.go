package envoy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Spec is what a bootstrap is made from. The zero value of a field without a
// default is an error.
type Spec struct {
	Listen string // host:port; the host is an address, localhost, or empty for all IPv4 addresses
	TLS    *TLS   // nil for plain HTTP

	Socket    string // unix socket of our gRPC server: external processor and SDS
	Admin     string // unix socket that Envoy makes for its administration, mode 0600
	AccessLog string // file for Envoy's access log, or /dev/stdout

	BodyLimit      int           // bytes of a request body on every protocol; 32 MiB. Also the bound of an answer that is buffered
	MessageTimeout time.Duration // for each message to the external processor; 5 s. Longer than that server's own deadline
	MaxConnections int           // of clients; 4096
	MaxExchanges   int           // at once, for each pool; 4096
	Memory         int64         // bytes of Envoy's heap near which it sheds load; 0 for no limit

	CABundle    string // file of the roots that upstreams are verified with; empty for the system's
	PoolsDigest string // sent with each stream, so that the server can refuse an Envoy made for other pools
	Upstreams   []Upstream
	Intercept   *Interception // nil where no connections are intercepted

	// Lookup resolves the name of a corporate proxy, which Envoy takes only as
	// an address. Nil means the system's resolver.
	Lookup func(host string) (netip.Addr, error)
}

// TLS names the PEM files of the certificate chain and key that clients see, and of
// the authorities whose client certificates are taken; empty for none. A client
// may come without one.
type TLS struct{ Cert, Key, ClientCA string }

// Upstream is one pool as Envoy sees it.
type Upstream struct {
	Name       string // of the pool: [a-z0-9-]+
	URL        string // http or https, without query and user; its path is put before the dialect's own
	Internal   bool   // in-house model servers: short idle time, few requests per connection
	Credential Credential
	CA         string // file of the roots for this pool; empty for Spec.CABundle
	Proxy      string // http://host:port of a corporate HTTP proxy; empty for none
	ServerName string // name in TLS where it differs from the URL's host
	// Pins are digests of keys of which the certificate's must be one (RFC 7469,
	// base64), beside all else that is checked; empty for any.
	Pins []string
}

// Credential says with whose key requests go to a pool.
type Credential struct {
	Mode   CredentialMode // the zero value means none
	Header string         // lower-case name of the header that carries the pool's key
	Secret string         // name of the secret that SDS gives: the header's whole value
}

// CredentialMode is one of the modes below.
type CredentialMode string

// The modes. With NoCredential and PoolCredential whatever the application sent
// is taken off; with ClientCredential its own key passes.
const (
	NoCredential     CredentialMode = "none"
	PoolCredential   CredentialMode = "pool"
	ClientCredential CredentialMode = "client"
)

// Defaults of a [Spec].
const (
	DefaultBodyLimit      = 32 << 20
	DefaultMessageTimeout = 5 * time.Second
	DefaultMaxConnections = 4096
	DefaultMaxExchanges   = 4096
)

const (
	maxBodyLimit  = 1 << 30  // HTTP/2 windows end at 2^31-1 (RFC 9113, 6.9.1)
	minMemory     = 64 << 20 // bytes; Envoy alone has 30 MiB
	maxSocketPath = 107      // bytes in sockaddr_un.sun_path on Linux, without the final zero
)

var (
	poolName   = regexp.MustCompile(`^[a-z0-9-]+$`)
	headerName = regexp.MustCompile(`^[a-z0-9-]+$`)
	basePath   = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)
)

func (s Spec) withDefaults() Spec {
	if s.BodyLimit == 0 {
		s.BodyLimit = DefaultBodyLimit
	}
	if s.MessageTimeout == 0 {
		s.MessageTimeout = DefaultMessageTimeout
	}
	if s.MaxConnections == 0 {
		s.MaxConnections = DefaultMaxConnections
	}
	if s.MaxExchanges == 0 {
		s.MaxExchanges = DefaultMaxExchanges
	}
	if s.Lookup == nil {
		s.Lookup = lookup
	}
	return s
}

func lookup(host string) (netip.Addr, error) {
	addrs, err := net.LookupHost(host)
	if err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(addrs[0])
}

// check gives every problem of the spec at once.
func (s Spec) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("envoy: "+format, args...)) }
	if _, err := listenAddress(s.Listen); err != nil {
		errs = append(errs, err)
	}
	if s.TLS != nil && (s.TLS.Cert == "" || s.TLS.Key == "") {
		bad("TLS needs both a certificate and a key file")
	}
	for _, f := range []struct{ what, path string }{{"socket of the policy server", s.Socket}, {"admin socket", s.Admin}} {
		switch {
		case !filepath.IsAbs(f.path):
			bad("the %s must be an absolute path", f.what)
		case len(f.path) > maxSocketPath:
			bad("the path of the %s is longer than %d bytes, which no unix socket can have", f.what, maxSocketPath)
		}
	}
	if !filepath.IsAbs(s.AccessLog) {
		bad("the access log must be an absolute path or /dev/stdout: without it nobody can tell what was sent")
	}
	if s.BodyLimit < 1 || s.BodyLimit > maxBodyLimit {
		bad("the body limit must be between 1 and %d bytes", maxBodyLimit)
	}
	if s.Memory != 0 && s.Memory < minMemory {
		bad("the memory limit must be at least %d bytes", minMemory)
	}
	if s.MessageTimeout <= 0 || s.MaxConnections < 1 || s.MaxExchanges < 1 {
		bad("time-outs and limits must be positive")
	}
	if s.Intercept != nil {
		if err := s.Intercept.check(); err != nil {
			errs = append(errs, err)
		}
	}
	seen := map[string]bool{}
	for _, u := range s.Upstreams {
		if !poolName.MatchString(u.Name) {
			bad("pool %q: names are made of a-z, 0-9 and -", u.Name)
		}
		if seen[u.Name] {
			bad("pool %s: there are two of this name", u.Name)
		}
		seen[u.Name] = true
		if _, err := parseTarget(u); err != nil {
			errs = append(errs, err)
		}
		switch u.Credential.Mode {
		case "", NoCredential, ClientCredential:
		case PoolCredential:
			if !headerName.MatchString(u.Credential.Header) || u.Credential.Secret == "" {
				bad("pool %s: the pool's credential needs a lower-case header name and the name of a secret", u.Name)
			}
		default:
			bad("pool %s: %q is no mode of a credential", u.Name, u.Credential.Mode)
		}
	}
	return errors.Join(errs...)
}

// listenAddress reads host:port. The host localhost is 127.0.0.1; no host means
// all IPv4 addresses.
func listenAddress(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("envoy: %q is no address to listen on: it must be host:port", s)
	}
	switch host {
	case "":
		host = "0.0.0.0"
	case "localhost":
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("envoy: the host of %q must be an IP address or localhost", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}, fmt.Errorf("envoy: the port of %q must be between 1 and 65535", s)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// target is where an [Upstream] points.
type target struct {
	host string // without brackets
	port uint32
	tls  bool
	base string // path without a trailing slash; empty for none
	// authority is what the Host header says: the port only where it is not
	// the scheme's own.
	authority string
	name      string // in TLS
}

func parseTarget(u Upstream) (target, error) {
	bad := func(format string, args ...any) (target, error) {
		return target{}, fmt.Errorf("envoy: pool %s: "+format, append([]any{u.Name}, args...)...)
	}
	l, err := url.Parse(u.URL)
	if err != nil || l.Host == "" || l.Hostname() == "" {
		// The cause would quote a URL, which may hold a password.
		return bad("the URL cannot be read: it must be http(s)://host[:port][/path]")
	}
	if l.User != nil || l.RawQuery != "" || l.Fragment != "" || l.ForceQuery {
		return bad("the URL may have no user, query or fragment")
	}
	t := target{host: l.Hostname(), base: strings.TrimRight(l.EscapedPath(), "/"), authority: l.Host, name: u.ServerName}
	def := uint32(80)
	switch l.Scheme {
	case "http":
	case "https":
		t.tls, def = true, 443
	default:
		return bad("the URL's scheme must be http or https")
	}
	if !basePath.MatchString(t.base) || strings.Contains(t.base+"/", "/../") || strings.Contains(t.base+"/", "/./") {
		return bad("the URL's path may hold letters, digits and . _ ~ - between single slashes")
	}
	t.port = def
	if p := l.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return bad("the URL's port must be between 1 and 65535")
		}
		t.port = uint32(n)
	}
	if t.port == def {
		t.authority = strings.TrimSuffix(l.Host, ":"+l.Port())
	}
	if t.name == "" {
		t.name = t.host
	}
	return t, nil
}

// parseProxy reads the address of a corporate proxy.
func parseProxy(s Spec, u Upstream) (netip.AddrPort, error) {
	l, err := url.Parse(u.Proxy)
	if err != nil || l.Scheme != "http" || l.Hostname() == "" || l.RawQuery != "" || strings.Trim(l.Path, "/") != "" {
		return netip.AddrPort{}, fmt.Errorf("envoy: pool %s: the proxy must be http://host:port", u.Name)
	}
	if l.User != nil {
		return netip.AddrPort{}, fmt.Errorf("envoy: pool %s: Envoy cannot log in to a proxy; use one without a user, or the embedded data plane", u.Name)
	}
	port := uint64(80)
	if p := l.Port(); p != "" {
		if port, err = strconv.ParseUint(p, 10, 16); err != nil || port == 0 {
			return netip.AddrPort{}, fmt.Errorf("envoy: pool %s: the proxy's port must be between 1 and 65535", u.Name)
		}
	}
	addr, err := netip.ParseAddr(l.Hostname())
	if err != nil {
		if addr, err = s.Lookup(l.Hostname()); err != nil {
			return netip.AddrPort{}, fmt.Errorf("envoy: pool %s: the proxy's name cannot be resolved: %w", u.Name, err)
		}
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// rootFiles are where Linux distributions and others keep the public roots:
// Debian, Red Hat, SUSE, Alpine and macOS, in this order.
var rootFiles = [...]string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// SystemRoots gives the system's file of public roots, or an error that says
// what to configure. Envoy, unlike Go, needs one file.
func SystemRoots() (string, error) {
	for _, f := range rootFiles {
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() {
			return f, nil
		}
	}
	return "", errors.New("envoy: no file of public roots was found; install ca-certificates or name a CA bundle in the configuration")
}
