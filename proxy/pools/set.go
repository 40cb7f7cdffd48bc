// Package pools knows where requests can go: the pools of the configuration,
// the keys that are theirs, and which of them serves a request.
//
// A key is read when a [Set] is made and when it is refreshed, kept in memory as
// [proxy.Text], and given to the data plane of its own pool only. A pool whose
// key cannot be had refuses; everything else goes on.
//
// The package opens no connection for a request: that is the data plane's. It
// connects only to look whether a pool answers ([Set.Check]) and to find a model
// server on this machine ([Detect]).
package pools

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// maxCA bounds a file of authorities; the bundles of operating systems have a
// quarter of it.
const maxCA = 1 << 20

// whyNoKey is the reason that [Set.Available] gives: whyCredential of the
// chooser.
const whyNoKey = whyCredential

// Upstream is a pool with how it is reached. It is a value and holds no key.
type Upstream struct {
	Pool       proxy.Pool
	URL        *url.URL // replaces what stands before the dialect's own path; not to be written
	Credential Source   // of the pool's own key, where Pool.Credential is CredentialPool
	Header     string   // that carries the key, in lower case; empty: authorization, or x-api-key where the pool speaks Anthropic's dialect only
	Scheme     string   // word before the key; empty: Bearer in authorization, none elsewhere
	Pins       []string // digests of keys of which the certificate's must be one (RFC 7469); empty: any
	CA         string   // PEM file of the authorities trusted for the pool; empty: the system's
	Proxy      string   // http://HOST:PORT of a proxy; empty: none
}

// Set is a list of pools with their keys. Its pools never change; its keys do
// with [Set.Refresh]. It is safe for concurrent use.
type Set struct {
	pools  []proxy.Pool
	ups    []Upstream
	digest string

	keys atomic.Pointer[map[string]state] // by pool; the map is not written again
	mu   sync.Mutex                       // held by Refresh: one at a time
}

// state is what is known of one pool's key.
type state struct {
	value proxy.Text   // scheme and key; empty where there is none
	err   *SourceError // why there is none, or no newer one
	stamp fileStamp
}

// fileStamp tells whether a file is the one that was read.
type fileStamp struct {
	size int64
	mod  time.Time
	info os.FileInfo // for os.SameFile: a swapped link may lead to a file of the same size and time
}

var _ proxy.Directory = (*Set)(nil)

// New makes a Set and reads the keys, all at once; commands have ten seconds.
// A key that cannot be had is no error: the pool is unavailable, and
// [Set.Warnings] says so. What is an error: no pool, a name that is empty or
// stands twice, a URL that is not http or https, a key for a pool that sends
// none or none for a pool that does, authorities that cannot be read.
func New(ups []Upstream) (*Set, error) {
	if len(ups) == 0 {
		return nil, errors.New("no pools")
	}
	s := &Set{ups: slices.Clone(ups)}
	seen := map[string]bool{}
	sum := sha256.New()
	for i := range s.ups {
		u := &s.ups[i]
		if u.Pool.Name == "" || u.Pool.Name == proxy.PoolSelf || seen[u.Pool.Name] {
			return nil, fmt.Errorf("pool %d: its name %q is empty, taken or reserved", i+1, u.Pool.Name)
		}
		seen[u.Pool.Name] = true
		if err := u.complete(); err != nil {
			return nil, fmt.Errorf("pool %s: %w", u.Pool.Name, err)
		}
		ca, err := readCA(u.CA)
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", u.Pool.Name, err)
		}
		for _, part := range []string{u.Pool.Name, u.URL.String(), string(u.Pool.Credential), u.Header, u.CA, string(ca), u.Proxy} {
			// With its length before it, no two lists of parts read alike.
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(part)))
			sum.Write(n[:])
			sum.Write([]byte(part))
		}
		s.pools = append(s.pools, u.Pool)
	}
	s.digest = hex.EncodeToString(sum.Sum(nil)[:16])
	s.keys.Store(&map[string]state{})
	s.Refresh(context.Background())
	return s, nil
}

// complete checks an Upstream and fills its defaults.
func (u *Upstream) complete() error {
	if u.URL == nil || u.URL.Scheme != "http" && u.URL.Scheme != "https" || u.URL.Host == "" || u.URL.User != nil || u.URL.RawQuery != "" || u.URL.Fragment != "" {
		return errors.New("its URL must be http or https, with a host, without user, query and fragment")
	}
	switch {
	case u.Pool.Credential == "":
		u.Pool.Credential = proxy.CredentialNone
		if !u.Credential.IsZero() {
			u.Pool.Credential = proxy.CredentialPool
		}
	case (u.Pool.Credential == proxy.CredentialPool) == u.Credential.IsZero():
		return errors.New("it sends a key of its own if, and only if, one is named")
	}
	if u.Pool.Credential != proxy.CredentialPool {
		u.Header, u.Scheme = "", ""
		return nil
	}
	u.Header = strings.ToLower(u.Header)
	if u.Header == "" {
		u.Header = "authorization"
		if u.Scheme == "" && u.Pool.Speaks(proxy.DialectAnthropic) && !u.Pool.Speaks(proxy.DialectOpenAI) {
			u.Header = "x-api-key"
		}
	}
	if u.Header == "authorization" && u.Scheme == "" {
		u.Scheme = "Bearer"
	}
	return nil
}

// readCA gives the file's contents after a look whether it holds a certificate.
func readCA(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	if info.Size() > maxCA {
		return nil, fmt.Errorf("read authorities: %s is larger than %d bytes", file, maxCA)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("read authorities: %s holds no certificate in PEM form", file)
	}
	return b, nil
}

// Pools implements [proxy.Directory].
func (s *Set) Pools() []proxy.Pool { return s.pools }

// Upstreams gives the pools with how they are reached, defaults filled, in the
// order of the configuration. The slice may not be written.
func (s *Set) Upstreams() []Upstream { return s.ups }

// Upstream gives one pool with how it is reached.
func (s *Set) Upstream(pool string) (Upstream, bool) {
	for _, u := range s.ups {
		if u.Pool.Name == pool {
			return u, true
		}
	}
	return Upstream{}, false
}

// Digest implements [proxy.Directory]. It covers names, URLs, modes and headers
// of credentials, authorities (the contents of their files too) and proxies.
// Keys are not part of it: they reach the data plane while it runs.
func (s *Set) Digest() string { return s.digest }

// Available implements [proxy.Directory]: "credential" for a pool whose key is
// missing, and for a name that is none of the pools'.
func (s *Set) Available(pool string) string {
	u, ok := s.Upstream(pool)
	if !ok {
		return whyNoKey
	}
	if u.Pool.Credential == proxy.CredentialPool && (*s.keys.Load())[pool].value.Len() == 0 {
		return whyNoKey
	}
	return ""
}

// Credential gives the header that carries a pool's own key, in lower case, and
// its whole value, scheme included. ok is false where the pool has none, or it
// could not be had. The value is a secret: it goes on the wire to that pool, and
// nowhere else.
func (s *Set) Credential(pool string) (header, value string, ok bool) {
	u, known := s.Upstream(pool)
	v, ok := s.Secret(pool)
	if !known || !ok {
		return "", "", false
	}
	return u.Header, v, true
}

// Secret gives the value alone, as Envoy takes it from a secret of that name.
func (s *Set) Secret(pool string) (value string, ok bool) {
	v := (*s.keys.Load())[pool].value
	return v.Reveal(), v.Len() > 0
}

// Refresh reads the keys again: variables and commands always, files that have
// changed since. It gives the pools whose key is another one now, or came or
// went, in the order of the configuration. A key whose file or variable is gone,
// or holds none, is withdrawn; where a file cannot be read or a command fails,
// the key that is known stays in use and [Set.Warnings] says so.
func (s *Set) Refresh(ctx context.Context) (changed []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.keys.Load()
	results := make([]state, len(s.ups))
	var wg sync.WaitGroup
	for i := range s.ups {
		if s.ups[i].Pool.Credential != proxy.CredentialPool {
			continue
		}
		wg.Go(func() { results[i] = s.ups[i].read(ctx, old[s.ups[i].Pool.Name]) })
	}
	wg.Wait()
	keys := make(map[string]state, len(s.ups))
	for i, u := range s.ups {
		if u.Pool.Credential != proxy.CredentialPool {
			continue
		}
		keys[u.Pool.Name] = results[i]
		if results[i].value.Reveal() != old[u.Pool.Name].value.Reveal() {
			changed = append(changed, u.Pool.Name)
		}
	}
	s.keys.Store(&keys)
	return changed
}

// read gets one pool's key, or keeps the one that is known.
func (u *Upstream) read(ctx context.Context, old state) state {
	var now fileStamp
	if u.Credential.File != "" {
		// The stamp is taken before the file is read: what is written in
		// between is read again next time.
		if info, err := os.Stat(u.Credential.File); err == nil {
			now = fileStamp{info.Size(), info.ModTime(), info}
			if old.err == nil && old.stamp.info != nil && now.size == old.stamp.size && now.mod.Equal(old.stamp.mod) && os.SameFile(now.info, old.stamp.info) {
				return old
			}
		}
	}
	v, err := u.Credential.Read(ctx)
	var e *SourceError
	if err == nil && u.Scheme != "" {
		if word, _, ok := strings.Cut(v.Reveal(), " "); ok && strings.EqualFold(word, u.Scheme) {
			err = &SourceError{"the key begins with the word " + u.Scheme + " already", "leave the word out: it is put before the key", true}
		} else {
			v = proxy.NewText(u.Scheme + " " + v.Reveal())
		}
	}
	if err == nil {
		return state{value: v, stamp: now}
	}
	if !errors.As(err, &e) {
		e = &SourceError{Reason: "the key cannot be had"}
	}
	if e.gone {
		return state{err: e}
	}
	return state{value: old.value, err: e}
}

// Warnings says which keys are missing, or could not be read again, and what to
// do, one sentence each.
func (s *Set) Warnings() []string {
	var out []string
	keys := *s.keys.Load()
	for _, u := range s.ups {
		k := keys[u.Pool.Name]
		if k.err == nil {
			continue
		}
		effect := "requests to it are refused"
		if k.value.Len() > 0 {
			effect = "the key read before stays in use"
		}
		out = append(out, fmt.Sprintf("pool %s: %s; %s. To mend it: %s.", u.Pool.Name, k.err.Reason, effect, k.err.Remedy))
	}
	return out
}
