package intercept

import (
	"container/list"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of minting.
const (
	// LeafLife is how long a leaf holds after it was made.
	LeafLife = 24 * time.Hour
	// renewAfter is two thirds of a leaf's life: what is left covers a night in
	// which the authority's key cannot be had.
	renewAfter = LeafLife * 2 / 3
	// retryAfter is how long a leaf that could not be renewed is used before the
	// next attempt.
	retryAfter = 30 * time.Second
	// DefaultLeaves is how many leaves are kept, about 4 KiB each.
	DefaultLeaves = 4096
	// maxWaiting is how many names may wait for a leaf at once. Beyond, ErrBusy: the
	// handshake fails at once and not after five seconds.
	maxWaiting = 2048
	// commandMinting is how many leaves a command signs at once; a key in memory
	// signs as many as there are processors.
	commandMinting = 8
)

// noRevocation says that a certificate is too short-lived to be revoked (RFC 9608).
var noRevocation = pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 56}, Value: []byte{0x05, 0x00}}

// MinterOptions are what a [Minter] is made with.
type MinterOptions struct {
	Leaves int              // kept at most; 0 means [DefaultLeaves]
	Now    func() time.Time // nil means [time.Now]
	Log    *slog.Logger     // nil means none
}

// Minter makes leaves when they are asked for and keeps them. It may be used
// concurrently.
type Minter struct {
	now    func() time.Time
	log    *slog.Logger
	most   int
	tokens chan struct{} // one for each leaf that is being made with a key in memory
	slow   chan struct{} // the same with a command
	counts counts

	mu      sync.Mutex
	epoch   *epoch                   // guarded by mu
	leaves  map[string]*list.Element // of *entry, by name; guarded by mu
	order   *list.List               // most recently used first; guarded by mu
	flights map[flightKey]*flight    // guarded by mu
	waiting int                      // guarded by mu
	changed chan struct{}            // closed at the next change; guarded by mu
}

// epoch is what leaves are made with; a leaf of another epoch is not used.
type epoch struct {
	authority *Authority
	names     Names
}

type entry struct {
	name  string
	leaf  *Leaf
	retry time.Time // no renewal before; guarded by Minter.mu
}

type flightKey struct {
	epoch *epoch
	name  string
}

// flight is the making of one leaf, for which several may wait.
type flight struct {
	done chan struct{} // closed when leaf and err are set
	leaf *Leaf
	err  error
}

type counts struct{ minted, hits, refused, failed, evicted atomic.Int64 }

// Counts is what a [Minter] has done since it was made.
type Counts struct {
	Minted  int64 // leaves made
	Hits    int64 // leaves given that were there
	Refused int64 // names that are not governed, or not permitted
	Failed  int64 // leaves that could not be made
	Evicted int64 // leaves dropped for others
	Leaves  int   // kept now
}

// Leaf is a certificate for one name, with its key. It may not be written.
type Leaf struct {
	Name    string
	Renew   time.Time // when another one should take its place
	tls     *tls.Certificate
	version string
	chain   []byte // PEM
	key     []byte // PEM
}

// Certificate gives the leaf for crypto/tls.
func (l *Leaf) Certificate() *tls.Certificate { return l.tls }

// Expires is when the leaf ends to hold.
func (l *Leaf) Expires() time.Time { return l.tls.Leaf.NotAfter }

// NewMinter makes a minter of leaves for governed names.
func NewMinter(a *Authority, n Names, o MinterOptions) *Minter {
	m := &Minter{
		now: o.Now, log: o.Log, most: o.Leaves,
		tokens: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))), slow: make(chan struct{}, commandMinting),
		epoch: &epoch{a, n}, leaves: map[string]*list.Element{}, order: list.New(), flights: map[flightKey]*flight{}, changed: make(chan struct{}),
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.most <= 0 {
		m.most = DefaultLeaves
	}
	return m
}

// Use puts another authority, or other names, in the place of those before: leaves
// that are kept are not given any more, and every Envoy that is connected gets new
// ones. It does not wait for them.
func (m *Minter) Use(a *Authority, n Names) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch = &epoch{a, n}
	clear(m.leaves)
	m.order.Init()
	close(m.changed)
	m.changed = make(chan struct{})
}

// Names gives the governed names.
func (m *Minter) Names() Names {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch.names
}

// Counts gives the figures for metrics.
func (m *Minter) Counts() Counts {
	m.mu.Lock()
	kept := m.order.Len()
	m.mu.Unlock()
	c := &m.counts
	return Counts{c.minted.Load(), c.hits.Load(), c.refused.Load(), c.failed.Load(), c.evicted.Load(), kept}
}

// changes gives a channel that is closed at the next [Minter.Use].
func (m *Minter) changes() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// GetCertificate is for [tls.Config]: a leaf for the name that the client sent. A
// client that sent none, or one that is not governed, gets none.
func (m *Minter) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	l, err := m.Leaf(hello.Context(), hello.ServerName)
	if err != nil {
		return nil, err
	}
	return l.tls, nil
}

// Leaf gives a leaf for a name that holds now. The error is [ErrName],
// [ErrUngoverned] or [ErrConstrained] for a name that gets none, [ErrBusy] where
// too many wait, the context's, or says why the authority could not sign. Several
// that ask for one name wait for one leaf. A leaf that is due for renewal is given
// while another one is made.
func (m *Minter) Leaf(ctx context.Context, name string) (*Leaf, error) {
	return m.leaf(ctx, name, false)
}

// leaf gives a leaf as [Minter.Leaf] does; with wait, one that is due for renewal
// is not given.
func (m *Minter) leaf(ctx context.Context, name string, wait bool) (*Leaf, error) {
	m.mu.Lock()
	e := m.epoch
	name, err := e.check(name)
	if err != nil {
		m.mu.Unlock()
		m.counts.refused.Add(1)
		return nil, err
	}
	if at := m.leaves[name]; at != nil {
		kept := at.Value.(*entry)
		now := m.now()
		due := !now.Before(kept.leaf.Renew)
		if now.Before(kept.leaf.Expires()) && !(due && wait) {
			m.order.MoveToFront(at)
			if due && !now.Before(kept.retry) {
				kept.retry = now.Add(retryAfter)
				_, _ = m.fly(e, name) // where too many wait the leaf that is there will do
			}
			m.mu.Unlock()
			m.counts.hits.Add(1)
			return kept.leaf, nil
		}
	}
	f, err := m.fly(e, name)
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		return f.leaf, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// check gives the name in lower case where there may be a leaf for it.
func (e *epoch) check(name string) (string, error) {
	name, err := e.names.Governs(name)
	if err != nil {
		return "", err
	}
	if !e.authority.Permits(name) {
		return "", ErrConstrained
	}
	return name, nil
}

// fly joins the making of a leaf, or begins it. The caller holds m.mu. The
// goroutine ends when the leaf is made: signing is bounded in time.
func (m *Minter) fly(e *epoch, name string) (*flight, error) {
	k := flightKey{e, name}
	if f := m.flights[k]; f != nil {
		return f, nil
	}
	if m.waiting >= maxWaiting {
		m.counts.failed.Add(1)
		return nil, ErrBusy
	}
	m.waiting++
	f := &flight{done: make(chan struct{})}
	m.flights[k] = f
	go func() {
		tokens := m.tokens
		if _, command := e.authority.key.(CommandSigner); command {
			tokens = m.slow
		}
		// Who waits longer than a signature may take waits for one that hangs.
		full := time.NewTimer(signTimeout)
		defer full.Stop()
		select {
		case tokens <- struct{}{}:
			f.leaf, f.err = e.authority.mint(name, m.now())
			<-tokens
		case <-full.C:
			f.err = ErrBusy
		}
		m.land(k, f)
	}()
	return f, nil
}

// land ends a flight and keeps its leaf.
func (m *Minter) land(k flightKey, f *flight) {
	if f.err != nil {
		m.counts.failed.Add(1)
		m.log.Error("a certificate could not be made", "error", f.err)
	} else {
		m.counts.minted.Add(1)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	defer close(f.done)
	m.waiting--
	delete(m.flights, k)
	if f.err != nil || k.epoch != m.epoch {
		return // those who waited since before a change get what they asked for then
	}
	if at := m.leaves[k.name]; at != nil {
		at.Value = &entry{name: k.name, leaf: f.leaf}
		return
	}
	m.leaves[k.name] = m.order.PushFront(&entry{name: k.name, leaf: f.leaf})
	for m.order.Len() > m.most {
		last := m.order.Back()
		delete(m.leaves, m.order.Remove(last).(*entry).name)
		m.counts.evicted.Add(1)
	}
}

// errEnded means that the authority holds too shortly for another leaf.
var errEnded = errors.New("the certificate authority's time is over; run 'ostiary ca renew'")

// mint makes a leaf for a name that was checked.
func (a *Authority) mint(name string, now time.Time) (*Leaf, error) {
	if !now.Before(a.cert.NotAfter) {
		return nil, errEnded
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, DNSNames: []string{name},
		NotBefore: now.Add(-Skew).Truncate(time.Second), NotAfter: now.Add(LeafLife).Truncate(time.Second),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		ExtraExtensions: []pkix.Extension{noRevocation},
	}
	if len(name) <= maxSubject {
		tmpl.Subject.CommonName = name
	}
	if tmpl.NotBefore.Before(a.cert.NotBefore) {
		tmpl.NotBefore = a.cert.NotBefore
	}
	if tmpl.NotAfter.After(a.cert.NotAfter) {
		tmpl.NotAfter = a.cert.NotAfter
	}
	cert, err := signed(tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	l := &Leaf{
		Name: name, Renew: now.Add(renewAfter), version: serial.Text(16),
		tls:   &tls.Certificate{Certificate: append([][]byte{cert.Raw}, a.cross...), PrivateKey: key, Leaf: cert},
		chain: append(EncodeCertificates([]*x509.Certificate{cert}), EncodeCertificates(a.chain)...),
		key:   pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}),
	}
	if late := cert.NotAfter.Add(-(LeafLife - renewAfter)); l.Renew.After(late) {
		l.Renew = now.Add(cert.NotAfter.Sub(now) * 2 / 3) // the authority ends before
	}
	return l, nil
}
