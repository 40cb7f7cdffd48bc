package intercept

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLeaf(t *testing.T) {
	_, a := root(t)
	now := time.Now()
	m := NewMinter(a, governed(t), MinterOptions{Now: func() time.Time { return now }})
	l := leaf(t, m, "API.OpenAI.com")
	c := l.Certificate().Leaf
	if len(c.DNSNames) != 1 || c.DNSNames[0] != "api.openai.com" || len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs) != 0 || c.IsCA {
		t.Errorf("names %v", c.DNSNames)
	}
	if got := c.NotAfter.Sub(now); got > LeafLife || got < LeafLife-time.Second {
		t.Errorf("holds for %s", got)
	}
	if got := now.Sub(c.NotBefore); got < Skew || got > Skew+time.Second {
		t.Errorf("holds since %s", got)
	}
	if err := verify(t, l, a.Trust(), now); err != nil {
		t.Error(err)
	}
	if again := leaf(t, m, "api.openai.com"); again != l {
		t.Error("another leaf for the same name")
	}
	other := leaf(t, m, "x.openai.azure.com")
	if string(other.key) == string(l.key) || other.version == l.version {
		t.Error("two leaves share a key or a number")
	}
	if long := leaf(t, m, strings.Repeat("a", 60)+".openai.azure.com"); long.Certificate().Leaf.Subject.CommonName != "" {
		t.Error("a common name that is too long")
	} else if err := verify(t, long, a.Trust(), now); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "127.0.0.1", "evil.example.com", "x.y.openai.azure.com", "*.openai.azure.com"} {
		if l, err := m.Leaf(t.Context(), name); err == nil || l != nil {
			t.Errorf("%q has a leaf", name)
		}
	}
	if got, want := m.Counts(), (Counts{Minted: 3, Hits: 1, Refused: 5, Leaves: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestOneFlight: many that ask for one name wait for one leaf; one that goes away
// takes nothing from the others.
func TestOneFlight(t *testing.T) {
	_, a := root(t)
	b, g := gated(a)
	m := NewMinter(b, governed(t), MinterOptions{})
	gone, cancel := context.WithCancel(t.Context())
	results := make(chan *Leaf, 100)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			l, err := m.Leaf(t.Context(), "api.openai.com")
			if err != nil {
				t.Error(err)
			}
			results <- l
		})
	}
	cancel()
	if _, err := m.Leaf(gone, "api.openai.com"); !errors.Is(err, context.Canceled) {
		t.Errorf("gone: %v", err)
	}
	close(g.open)
	wg.Wait()
	first := <-results
	for range 99 {
		if <-results != first {
			t.Fatal("two leaves")
		}
	}
	if g.calls.Load() != 1 {
		t.Errorf("signed %d times", g.calls.Load())
	}
}

func (m *Minter) inFlight() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.flights)
}

func TestLeavesAreBounded(t *testing.T) {
	_, a := root(t)
	m := NewMinter(a, governed(t), MinterOptions{Leaves: 3})
	first := leaf(t, m, "n0.example.org")
	for i := range 3 {
		leaf(t, m, fmt.Sprintf("n%d.example.org", i))
	}
	leaf(t, m, "n0.example.org")
	leaf(t, m, "n3.example.org") // n1 was not asked for longest
	if c := m.Counts(); c.Leaves != 3 || c.Evicted != 1 || c.Minted != 4 {
		t.Errorf("%+v", c)
	}
	if leaf(t, m, "n0.example.org") != first {
		t.Error("the one that was just used was dropped")
	}
	leaf(t, m, "n1.example.org")
	if c := m.Counts(); c.Minted != 5 {
		t.Errorf("%+v", c)
	}
}

// TestWaitingIsBounded: with a key that hangs, names beyond the bound are refused
// at once, and the others after the time that a signature may take.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a := root(t)
		b, g := gated(a)
		m := NewMinter(b, governed(t), MinterOptions{Now: func() time.Time { return a.cert.NotBefore.Add(Skew) }})
		start := time.Now()
		outcomes := make(chan error, maxWaiting)
		for i := range maxWaiting {
			go func() {
				_, err := m.Leaf(t.Context(), fmt.Sprintf("n%d.example.org", i))
				outcomes <- err
			}()
		}
		synctest.Wait()
		if _, err := m.Leaf(t.Context(), "more.example.org"); !errors.Is(err, ErrBusy) || time.Since(start) != 0 {
			t.Errorf("beyond the bound: %v after %s", err, time.Since(start))
		}
		busy := 0
		for range maxWaiting - cap(m.tokens) {
			if err := <-outcomes; errors.Is(err, ErrBusy) {
				busy++
			}
		}
		if busy != maxWaiting-cap(m.tokens) || time.Since(start) != signTimeout {
			t.Errorf("%d of %d gave up after %s", busy, maxWaiting, time.Since(start))
		}
		close(g.open)
		for range cap(m.tokens) {
			if err := <-outcomes; err != nil {
				t.Error(err)
			}
		}
		if n := m.inFlight(); n != 0 {
			t.Errorf("%d are still being made", n)
		}
	})
}

// TestRenewal: a leaf that is due is given while its successor is made, one that
// has ended is not, and a key that fails is not asked with each handshake.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, made := root(t)
		copied := *made
		copied.cert = cloneValid(t, made)
		a, g := gated(&copied)
		close(g.open)
		m := NewMinter(a, governed(t), MinterOptions{})
		first := leaf(t, m, "api.openai.com")
		time.Sleep(renewAfter - time.Second)
		if leaf(t, m, "api.openai.com") != first {
			t.Error("renewed too early")
		}
		time.Sleep(time.Second)
		if leaf(t, m, "api.openai.com") != first {
			t.Error("somebody waited for a renewal")
		}
		synctest.Wait()
		second := leaf(t, m, "api.openai.com")
		if second == first || !second.Expires().After(first.Expires()) {
			t.Error("not renewed")
		}
		g.fail.Store(true)
		calls := g.calls.Load()
		time.Sleep(renewAfter)
		for range 50 {
			if leaf(t, m, "api.openai.com") != second {
				t.Fatal("another one")
			}
			synctest.Wait()
		}
		if n := g.calls.Load() - calls; n != 1 {
			t.Errorf("a key that fails was asked %d times", n)
		}
		time.Sleep(retryAfter)
		g.fail.Store(false)
		leaf(t, m, "api.openai.com")
		synctest.Wait()
		third := leaf(t, m, "api.openai.com")
		if third == second {
			t.Error("not renewed although the key works again")
		}
		g.fail.Store(true)
		time.Sleep(LeafLife + time.Second)
		if _, err := m.Leaf(t.Context(), "api.openai.com"); err == nil {
			t.Error("a leaf that has ended was given")
		}
	})
}

// TestLeavesEndWithTheAuthority.
func TestLeavesEndWithTheAuthority(t *testing.T) {
	_, a := root(t)
	now := a.cert.NotAfter.Add(-3 * time.Hour)
	m := NewMinter(a, governed(t), MinterOptions{Now: func() time.Time { return now }})
	l := leaf(t, m, "api.openai.com")
	if !l.Expires().Equal(a.cert.NotAfter) || l.Renew.Sub(now) != 2*time.Hour {
		t.Errorf("ends %s, renewed after %s", l.Expires(), l.Renew.Sub(now))
	}
	now = a.cert.NotAfter
	if _, err := m.Leaf(t.Context(), "api.openai.com"); !errors.Is(err, errEnded) {
		t.Errorf("an authority that has ended: %v", err)
	}
}

// TestChangeWhileServing: 500 names at once while authority and names change; each
// handshake succeeds with one of the authorities, and afterwards with the last.
func TestChangeWhileServing(t *testing.T) {
	d, a := root(t)
	if _, err := d.Rotate(Terms{Domains: domains}, Key{}, nil); err != nil {
		t.Fatal(err)
	}
	m := NewMinter(a, governed(t), MinterOptions{})
	trust, err := d.Trust()
	if err != nil {
		t.Fatal(err)
	}
	next, err := d.Activate()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			name := fmt.Sprintf("n%d.example.org", i)
			l, err := m.Leaf(t.Context(), name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if err := verify(t, l, trust, time.Now()); err != nil {
				t.Error(err)
			}
			if i == 250 {
				m.Use(next.Authority, names(t, "*.example.org"))
			}
		})
	}
	wg.Wait()
	for i := range 500 {
		l := leaf(t, m, fmt.Sprintf("n%d.example.org", i))
		if err := verify(t, l, next.Authority.Trust(), time.Now()); err != nil {
			t.Fatalf("of the former authority: %v", err)
		}
	}
	if _, err := m.Leaf(t.Context(), "api.openai.com"); !errors.Is(err, ErrUngoverned) {
		t.Errorf("a name that is governed no more: %v", err)
	}
}

// TestHandshake: crypto/tls serves with the minter; a client without SNI, for
// another name, or that pins, gets nowhere.
func TestHandshake(t *testing.T) {
	_, a := root(t)
	m := NewMinter(a, governed(t), MinterOptions{})
	addr := serveTLS(t, &tls.Config{GetCertificate: m.GetCertificate})
	if got := handshake(addr, a, "api.openai.com", nil); got != nil {
		t.Error(got)
	}
	for _, name := range []string{"", "evil.example.com", "a.b.openai.azure.com"} {
		if got := handshake(addr, a, name, &tls.Config{InsecureSkipVerify: true}); got == nil {
			t.Errorf("%q: a handshake", name)
		}
	}
	pinned := errors.New("the provider's key is another one")
	if got := handshake(addr, a, "api.openai.com", &tls.Config{VerifyConnection: func(tls.ConnectionState) error { return pinned }}); !errors.Is(got, pinned) {
		t.Errorf("a client that pins: %v", got)
	}
	stranger := Open(filepath.Join(t.TempDir(), "other"))
	other, err := stranger.Create(Terms{Domains: domains}, Key{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := handshake(addr, other.Authority, "api.openai.com", nil); got == nil {
		t.Error("a client that trusts another authority took the leaf")
	}
}

// serveTLS answers every connection with one byte.
func serveTLS(t testing.TB, c *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Write([]byte("."))
				_, _ = conn.Read(make([]byte, 1))
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// handshake connects as a client that trusts an authority.
func handshake(addr string, a *Authority, name string, c *tls.Config) error {
	if c == nil {
		c = &tls.Config{}
	}
	c.ServerName = name
	c.RootCAs = pool(a.Trust())
	conn, err := (&net.Dialer{Timeout: time.Minute}).Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	tc := tls.Client(conn, c)
	if err := tc.Handshake(); err != nil {
		return err
	}
	_, err = tc.Read(make([]byte, 1))
	return err
}

func BenchmarkMint(b *testing.B) {
	_, a := root(b)
	b.Run("mint", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.mint("api.openai.com", time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		m := NewMinter(a, governed(b), MinterOptions{})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Leaf(b.Context(), "x.openai.azure.com"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("refused", func(b *testing.B) {
		m := NewMinter(a, governed(b), MinterOptions{})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Leaf(b.Context(), "x.y.openai.azure.com"); err == nil {
				b.Fatal("a leaf")
			}
		}
	})
	b.Run("500_names", func(b *testing.B) {
		for b.Loop() {
			m := NewMinter(a, governed(b), MinterOptions{})
			var wg sync.WaitGroup
			for i := range 500 {
				wg.Go(func() {
					if _, err := m.Leaf(b.Context(), fmt.Sprintf("n%d.example.org", i)); err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
		}
	})
	b.Run("handshake", func(b *testing.B) {
		m := NewMinter(a, governed(b), MinterOptions{})
		addr := serveTLS(b, &tls.Config{GetCertificate: m.GetCertificate})
		for b.Loop() {
			if err := handshake(addr, a, "api.openai.com", nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
