package intercept

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/testdata/env"
)

func TestCreate(t *testing.T) {
	d, a := root(t)
	c := a.Certificate()
	if !c.IsCA || c.MaxPathLen != 0 || !c.MaxPathLenZero || !c.PermittedDNSDomainsCritical || len(c.PermittedDNSDomains) != 3 || len(c.ExcludedIPRanges) != 2 ||
		c.PublicKey.(*ecdsa.PublicKey).Curve != elliptic.P256() || a.Subordinate() {
		t.Errorf("certificate %+v", c)
	}
	if days := time.Until(c.NotAfter) / (24 * time.Hour); days < DefaultDays-1 || days > DefaultDays {
		t.Errorf("holds %d days", days)
	}
	for name, mode := range map[string]fs.FileMode{".": 0o700, "1": 0o700, "1/ca.key": 0o600} {
		st, err := os.Stat(filepath.Join(d.Path(), name))
		if err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
	text, err := os.ReadFile(d.TrustPath())
	if err != nil {
		t.Fatal(err)
	}
	if certs, err := ParseCertificates(text); err != nil || len(certs) != 1 || !certs[0].Equal(c) {
		t.Errorf("trust: %d certificates, %v", len(certs), err)
	}
	if _, err := d.Create(Terms{Domains: domains}, Key{}, nil); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second one: %v", err)
	}
	if roots := SystemRoots(); roots != "" {
		system, err := os.ReadFile(roots)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := os.ReadFile(d.BundlePath())
		if err != nil || !strings.HasPrefix(string(bundle), string(system)) || !strings.HasSuffix(string(bundle), string(text)) {
			t.Errorf("the bundle is not the public roots and ours: %v", err)
		}
	}
	if out, err := d.WriteBundle(""); err != nil || out != "" || exists(d.BundlePath()) {
		t.Errorf("a bundle without public roots stays: %q, %v", out, err)
	}
}

func TestTermsRefused(t *testing.T) {
	for name, terms := range map[string]Terms{
		"no domain":      {},
		"all":            {Domains: []string{"*"}},
		"top level":      {Domains: []string{"com"}},
		"pattern":        {Domains: []string{"*.openai.azure.com"}},
		"address":        {Domains: []string{"10.0.0.1"}},
		"too long":       {Domains: domains, Days: MaxDays + 1},
		"negative":       {Domains: domains, Days: -1},
		"long subject":   {Domains: domains, Subject: strings.Repeat("x", 65)},
		"broken subject": {Domains: domains, Subject: "a\nb"},
	} {
		d := Open(filepath.Join(t.TempDir(), "ca"))
		if _, err := d.Create(terms, Key{}, nil); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := d.State(); !errors.Is(err, ErrAbsent) {
			t.Errorf("%s: left something: %v", name, err)
		}
	}
}

// TestConstraintsHold: a leaf for another name, made with the authority's own key,
// is believed by nobody.
func TestConstraintsHold(t *testing.T) {
	_, a := root(t)
	for name, good := range map[string]bool{"api.openai.com": true, "x.api.openai.com": true, "bank.example.com": false, "openai.com": false, "notopenai.azure.com": false, "example.org": true} {
		if a.Permits(name) != good {
			t.Errorf("Permits(%s) is %v", name, !good)
		}
		l, err := a.mint(name, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, l, a.Trust(), time.Now()); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := NewMinter(a, names(t, "bank.example.com"), MinterOptions{})
	if _, err := m.Leaf(t.Context(), "bank.example.com"); !errors.Is(err, ErrConstrained) {
		t.Errorf("governed and not permitted: %v", err)
	}
}

func TestOthersCannotReachTheKey(t *testing.T) {
	for _, name := range []string{".", "1/ca.key"} {
		d, _ := root(t)
		path := filepath.Join(d.Path(), name)
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Authority(); err == nil || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%s readable: %v", name, err)
		}
		if _, err := d.Renew(Terms{}); err == nil {
			t.Errorf("%s readable: renewed", name)
		}
	}
}

func TestRenew(t *testing.T) {
	d, a := root(t)
	if _, err := d.Renew(Terms{Days: 30, Domains: append([]string{"added.example.net"}, domains...)}); err != nil {
		t.Fatal(err)
	}
	b, err := d.Authority()
	if err != nil {
		t.Fatal(err)
	}
	if a.same(b) || !b.Permits("added.example.net") || a.Permits("added.example.net") || string(a.cert.RawSubject) != string(b.cert.RawSubject) {
		t.Error("the new certificate is not the old one with another domain")
	}
	// Clients that have only the old certificate take leaves for the old domains.
	l, err := b.mint("api.openai.com", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, l, a.Trust(), time.Now()); err != nil {
		t.Errorf("with the old root: %v", err)
	}
	if _, err := d.Renew(Terms{}); err != nil {
		t.Fatal(err)
	}
	if c, err := d.Authority(); err != nil || !c.Permits("added.example.net") {
		t.Errorf("a renewal without terms lost them: %v", err)
	}
}

func TestRotate(t *testing.T) {
	d, a := root(t)
	if _, err := d.Activate(); err == nil {
		t.Error("activated what is not there")
	}
	if _, err := d.Finish(true); err == nil {
		t.Error("finished what is not there")
	}
	next, err := d.Rotate(Terms{Domains: domains}, Key{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := d.Authority(); err != nil || !now.same(a) {
		t.Errorf("the new one signs before clients trust it: %v", err)
	}
	trust, err := d.Trust()
	if err != nil || len(trust) != 2 {
		t.Fatalf("%d trusted, %v", len(trust), err)
	}
	if _, err := d.Rotate(Terms{Domains: domains}, Key{}, nil); err == nil {
		t.Error("two at once")
	}
	if _, err := d.Activate(); err != nil {
		t.Fatal(err)
	}
	b, err := d.Authority()
	if err != nil || !b.same(next.Authority) {
		t.Fatalf("not the new one: %v", err)
	}
	for _, x := range []*Authority{a, b} {
		l, err := x.mint("api.openai.com", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, l, trust, time.Now()); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Finish(false); err == nil || !strings.Contains(err.Error(), "hold until") {
		t.Errorf("finished while leaves hold: %v", err)
	}
	if _, err := d.Finish(true); err != nil {
		t.Fatal(err)
	}
	if trust, err := d.Trust(); err != nil || len(trust) != 1 || !trust[0].Equal(b.cert) {
		t.Errorf("the former one is trusted: %v", err)
	}
	if exists(filepath.Join(d.Path(), "1")) {
		t.Error("the former key is there")
	}
	if m, err := d.Rotate(Terms{Domains: domains}, Key{}, nil); err != nil || m.Number != "3" {
		t.Errorf("the next rotation: %v, %v", m.Number, err)
	}
}

func TestBelowACompany(t *testing.T) {
	c := newCompany(t)
	d := Open(filepath.Join(t.TempDir(), "ca"))
	m, err := d.Create(Terms{Domains: domains, Subject: "Company Interception"}, Key{}, c.parents())
	if err != nil || m.Authority != nil || m.Request == "" {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := d.Authority(); !errors.Is(err, ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
	stranger := newCompany(t)
	for name, certs := range map[string][]*x509.Certificate{
		"another company's": {stranger.sign(t, m.Request, nil)},
		"another key's":     {c.issuing},
		"no authority":      {c.sign(t, m.Request, func(x *x509.Certificate) { x.ExtraExtensions = nil })},
		"authorities below": {c.sign(t, m.Request, func(x *x509.Certificate) {
			x.ExtraExtensions, x.IsCA, x.BasicConstraintsValid, x.KeyUsage = nil, true, true, x509.KeyUsageCertSign
		})},
		"unconstrained": {c.sign(t, m.Request, bare)},
		"ended":         {c.sign(t, m.Request, func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-time.Minute) })},
	} {
		if _, err := d.Accept(certs, false); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := d.Authority(); !errors.Is(err, ErrUnsigned) {
		t.Errorf("after refusals: %v", err)
	}
	good := c.sign(t, m.Request, nil)
	if _, err := d.Accept([]*x509.Certificate{c.issuing, good}, false); err != nil { // in any order
		t.Fatal(err)
	}
	a, err := d.Authority()
	if err != nil {
		t.Fatal(err)
	}
	if !a.Subordinate() || len(a.chain) != 2 || len(a.Trust()) != 1 || !a.Trust()[0].Equal(c.root) || !a.Constrained() || a.cert.MaxPathLen != 0 {
		t.Errorf("chain of %d, trust of %d", len(a.chain), len(a.Trust()))
	}
	l, err := a.mint("api.openai.com", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, l, []*x509.Certificate{c.root}, time.Now()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(string(l.chain), "BEGIN"); n != 3 {
		t.Errorf("Envoy gets %d certificates; it needs the leaf and two", n)
	}
	// A renewal is a request again, while the old certificate serves.
	if m, err = d.Renew(Terms{Days: 10}); err != nil || m.Request == "" || m.Authority == nil {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := d.Accept([]*x509.Certificate{c.sign(t, m.Request, bare)}, true); err != nil {
		t.Fatalf("unconstrained, as was asked for: %v", err)
	}
	if a, err = d.Authority(); err != nil || a.Constrained() {
		t.Errorf("%v", err)
	}
	if _, err := d.Accept([]*x509.Certificate{good}, false); err == nil {
		t.Error("accepted without a request")
	}
	// The next authority lies below the same company.
	if m, err = d.Rotate(Terms{Domains: domains}, Key{}, nil); err != nil || m.Request == "" {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := d.Activate(); !errors.Is(err, ErrUnsigned) {
		t.Errorf("activated unsigned: %v", err)
	}
	if _, err := d.Accept([]*x509.Certificate{c.sign(t, m.Request, nil)}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Activate(); err != nil {
		t.Fatal(err)
	}
	if trust, err := d.Trust(); err != nil || len(trust) != 1 {
		t.Errorf("clients must trust %d certificates for one company: %v", len(trust), err)
	}
}

// bare is an authority's certificate without name constraints.
func bare(x *x509.Certificate) {
	x.ExtraExtensions = nil
	x.IsCA, x.BasicConstraintsValid, x.MaxPathLenZero, x.KeyUsage = true, true, true, x509.KeyUsageCertSign
}

// signer writes a command that signs with a key in a file, as one that asks a KMS
// would, and gives it with the key.
func signer(t testing.TB, script string) Key {
	t.Helper()
	openssl := env.Program(t, "openssl")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "hsm.key")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(dir, "sign")
	script = strings.NewReplacer("OPENSSL", openssl, "KEY", file).Replace(script)
	if err := os.WriteFile(command, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Key{Command: []string{command}, Public: &key.PublicKey}
}

const signDER = "OPENSSL pkeyutl -sign -inkey KEY"

func TestCommandSigns(t *testing.T) {
	for name, script := range map[string]string{"DER": signDER, "base64": signDER + " | OPENSSL base64"} {
		t.Run(name, func(t *testing.T) {
			d := Open(filepath.Join(t.TempDir(), "ca"))
			k := signer(t, script)
			m, err := d.Create(Terms{Domains: domains}, k, nil)
			if err != nil {
				t.Fatal(err)
			}
			if exists(filepath.Join(d.Path(), m.Number, keyFile)) || len(m.Command) != 1 {
				t.Error("a key was written beside the command")
			}
			a, err := d.Authority()
			if err != nil {
				t.Fatal(err)
			}
			l := leaf(t, NewMinter(a, governed(t), MinterOptions{}), "api.openai.com")
			if err := verify(t, l, a.Trust(), time.Now()); err != nil {
				t.Error(err)
			}
			if err := os.Chmod(filepath.Join(d.Path(), "1", signFile), 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Authority(); err == nil {
				t.Error("a command that others may change is run")
			}
		})
	}
	t.Run("raw", func(t *testing.T) {
		// What a PKCS #11 module prints: r and s.
		digest := make([]byte, 32)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, 64)
		r.FillBytes(raw[:32])
		s.FillBytes(raw[32:])
		found := false
		for _, sig := range spellings(raw) {
			found = found || ecdsa.VerifyASN1(&key.PublicKey, digest, sig)
		}
		if !found {
			t.Error("r and s are not understood")
		}
	})
	for name, script := range map[string]string{
		"fails":         "exit 1",
		"says nothing":  "cat > /dev/null",
		"says anything": "cat > /dev/null; echo nonsense",
		"says too much": "cat > /dev/null; yes | head -c 100000",
		"other digest":  "cat > /dev/null; head -c 32 /dev/zero | " + signDER,
	} {
		t.Run(name, func(t *testing.T) {
			d := Open(filepath.Join(t.TempDir(), "ca"))
			if _, err := d.Create(Terms{Domains: domains}, signer(t, script), nil); err == nil {
				t.Error("taken")
			}
		})
	}
	t.Run("another key's", func(t *testing.T) {
		k := signer(t, signDER)
		k.Public = signer(t, signDER).Public
		if _, err := Open(filepath.Join(t.TempDir(), "ca")).Create(Terms{Domains: domains}, k, nil); err == nil {
			t.Error("taken")
		}
	})
}

// TestOneAtATime: of commands that change the directory at once, none loses what
// another one did.
func TestOneAtATime(t *testing.T) {
	d, _ := root(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	rotated := 0
	for range 8 {
		wg.Go(func() {
			for {
				_, err := d.Rotate(Terms{Domains: domains}, Key{}, nil)
				if errors.Is(err, ErrBusy) {
					continue
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					rotated++
				}
				return
			}
		})
	}
	wg.Wait()
	if s, err := d.State(); err != nil || rotated != 1 || s.Last != 2 || s.Next != "2" {
		t.Errorf("%d rotations, state %+v, %v", rotated, s, err)
	}
}

func TestDamage(t *testing.T) {
	for _, c := range []struct{ file, text string }{
		{"state.json", "{"},
		{"state.json", `{"format":1,"active":"../../etc","last":1}`},
		{"state.json", `{"format":2,"active":"1","last":1}`},
		{"1/ca.pem", ""},
		{"1/ca.key", ""},
		{"1/ca.key", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHBlcnNvbmFsLXNlY3JldC1rZXktYnl0ZXMtMDAx\n-----END PRIVATE KEY-----\n"},
	} {
		d, _ := root(t)
		if err := os.WriteFile(filepath.Join(d.Path(), c.file), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := d.Authority()
		if err == nil || strings.Contains(err.Error(), "HBlcnNvb") {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}

// TestFollow: a process that serves sees that another one rotated.
func TestFollow(t *testing.T) {
	d, a := root(t)
	got := make(chan *Authority, 4)
	done := make(chan struct{})
	t.Cleanup(func() { <-done }) // the context ends before
	go func() { defer close(done); d.Follow(t.Context(), a, func(a *Authority) { got <- a }, nil) }()
	if _, err := d.Rotate(Terms{Domains: domains}, Key{}, nil); err != nil {
		t.Fatal(err)
	}
	m, err := d.Activate()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case b := <-got:
		if !b.same(m.Authority) {
			t.Error("another one than was activated")
		}
	case <-time.After(2 * time.Minute):
		t.Error("not seen")
	}
}
