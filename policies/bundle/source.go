package bundle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Bounds of one fetch.
const (
	FetchTime     = time.Minute      // from the first byte asked for to the last one had
	SizeLimit     = 32 << 20         // bytes of a bundle, packed, and unpacked
	filesLimit    = 4096             // files of a bundle
	connectTime   = 10 * time.Second // for connections and TLS
	headerTime    = 30 * time.Second // until the answer's head
	headerLimit   = 64 << 10         // bytes of the answer's head
	redirectLimit = 5                // OCI registries redirect to their storage once
	versionLimit  = 1024             // bytes of an entity tag; a longer one is not used
)

// Fetched is a bundle as it came, complete and not proven.
type Fetched struct {
	Body    []byte
	Version string // by which the source knows it: an entity tag, a digest; may be empty
}

// Source is where bundles come from. Fetch gives [ErrUnchanged] where the source
// has the version that is known, which may be empty; any other error is a
// [*Refusal].
type Source interface {
	Fetch(ctx context.Context, known string) (*Fetched, error)
}

// Place says where a bundle is.
type Place struct {
	Source string            // https://…, http://… on this machine, oci://registry/name:tag or @digest, or a path
	Header map[string]string // sent with requests to that host and no other
	CA     string            // PEM file of authorities; empty for those of the system
}

// Open gives the source at a place. It connects to nothing.
func Open(p Place) (Source, error) {
	scheme, rest, remote := strings.Cut(p.Source, "://")
	switch {
	case p.Source == "":
		return nil, errors.New("no source of bundles is given")
	case !remote:
		return file(p.Source), nil
	}
	tr, err := transport(p.CA)
	if err != nil {
		return nil, err
	}
	if scheme == "oci" {
		return openRegistry(rest, p, tr)
	}
	u, err := url.Parse(p.Source)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("the source of bundles is not an address: want https://HOST/PATH, and credentials in headers_file")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, errors.New("the source of bundles has to be reached by https: over http, anybody on the way could change the policies")
	}
	return newServer(u, p.Header, tr), nil
}

// transport makes the connections of a source. Nothing is decoded on the way: a
// bundle is what its bytes are.
func transport(ca string) (http.RoundTripper, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(ca + " holds no certificate")
		}
	}
	return guard{&http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, TLSHandshakeTimeout: connectTime, ResponseHeaderTimeout: headerTime,
		MaxResponseHeaderBytes: headerLimit, DisableCompression: true, ForceAttemptHTTP2: true, IdleConnTimeout: headerTime, MaxIdleConnsPerHost: 1,
	}}, nil
}

// guard lets nothing leave this machine without TLS, whoever sends there: a
// redirect, or a registry that names a place to log in.
type guard struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !loopback(req.URL.Hostname()) {
		return nil, refuse(Redirected, "to an address without TLS")
	}
	return g.next.RoundTrip(req)
}

// loopback reports whether a host is this machine by its name alone.
func loopback(host string) bool {
	host = strings.Trim(host, "[]")
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.") && strings.Count(host, ".") == 3
}

// checkRedirect bounds redirects and never lets one leave TLS.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > redirectLimit {
		return refuse(Redirected, "more than %d redirects", redirectLimit)
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return refuse(Redirected, "from https to %s", req.URL.Scheme)
	}
	return nil
}

// cause gives what happened without the address, which may hold a secret.
func cause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

// readAll reads a body that is not larger than a bundle may be.
func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, SizeLimit+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Refusal{Word: Truncated, Detail: "the bundle ends before its announced length", err: err}
	case err != nil:
		return nil, err
	case len(b) > SizeLimit:
		return nil, tooLarge()
	}
	return b, nil
}

func tooLarge() *Refusal { return refuse(Oversized, "larger than %d MiB", SizeLimit>>20) }

// gzipped refuses what is no gzipped file, such as a page that says that
// something went wrong.
func gzipped(b []byte) error {
	if len(b) < 2 || b[0] != 0x1f || b[1] != 0x8b {
		return refuse(NotABundle, "the source gave something else than a gzipped tar archive; check that it names the bundle itself")
	}
	return nil
}

// file is a bundle on disk, known by its content.
type file string

// Fetch implements [Source].
func (f file) Fetch(ctx context.Context, known string) (*Fetched, error) {
	st, err := os.Stat(string(f))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, &Refusal{Word: NotFound, Detail: err.Error(), err: err}
	case err != nil:
		return nil, refusal(ctx, err)
	case st.IsDir():
		return nil, refuse(NotABundle, "%s is a directory; name it in policies, or build a bundle of it (ostiary policy bundle)", string(f))
	case !st.Mode().IsRegular():
		return nil, refuse(NotABundle, "%s is not a file", string(f))
	case st.Size() > SizeLimit:
		return nil, tooLarge()
	}
	in, err := os.Open(string(f))
	if err != nil {
		return nil, refusal(ctx, err)
	}
	defer in.Close()
	b, err := readAll(in)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	version := digest(b)
	if version == known {
		return nil, ErrUnchanged
	}
	if err := gzipped(b); err != nil {
		return nil, err
	}
	return &Fetched{Body: b, Version: version}, nil
}
