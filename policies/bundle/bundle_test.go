package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/policies/bundle"
	"github.com/ostiary/ostiary/proxy"
)

// rules are policies that say their own name: two versions differ in it.
func rules(message string) string {
	return `package ostiary.policies.house

# METADATA
# title: Everything is refused
deny contains {"rule": "all", "message": "` + message + `"} if input.version == 1
`
}

// signer is a key pair of a test.
type signer struct {
	bundle.Signer
	public policies.Key
}

func newSigner(t testing.TB, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return signer{
		bundle.Signer{ID: id, PEM: text("PRIVATE KEY", private), Algorithm: "ES256"},
		policies.Key{ID: id, PEM: text("PUBLIC KEY", public), Algorithm: "ES256"},
	}
}

// build makes a bundle of files: names and texts in turn.
func build(t testing.TB, s bundle.Signer, files ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bundle.Build(policies.Options{Path: dir}, "", s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// archive packs files as they are: what Build would not make.
func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o600, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// altered gives a signed bundle with one file's content changed.
func altered(t testing.TB, b []byte, name, text string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	found := false
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		var content bytes.Buffer
		if _, err := content.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		if filepath.Clean(h.Name) == name {
			content.Reset()
			content.WriteString(text)
			found = true
		}
		files = append(files, h.Name, content.String())
	}
	if !found {
		t.Fatalf("no %s in the bundle", name)
	}
	return archive(t, files...)
}

// house is who serves: what a keeper offers it and tells it.
type house struct {
	mu       sync.Mutex
	live     *policies.Set
	offered  int
	refused  []bundle.Word
	facts    []*proxy.Facts
	offerErr error
}

func (h *house) options(source bundle.Source, name, dir string, keys ...policies.Key) bundle.Options {
	return bundle.Options{
		Source: source, Name: name, Store: bundle.Store{Dir: dir}, Load: policies.Options{Keys: keys}, Poll: 20 * time.Millisecond,
		Live:  func() *policies.Set { h.mu.Lock(); defer h.mu.Unlock(); return h.live },
		Facts: func(context.Context) []*proxy.Facts { h.mu.Lock(); defer h.mu.Unlock(); return h.facts },
		Offer: func(_ context.Context, a *bundle.Admitted) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.offerErr != nil {
				return h.offerErr
			}
			h.live = a.Set
			h.offered++
			return nil
		},
		Refused: func(r *bundle.Refusal) { h.mu.Lock(); defer h.mu.Unlock(); h.refused = append(h.refused, r.Word) },
	}
}

// start begins with the first policies.
func (h *house) start(t testing.TB, k *bundle.Keeper) *bundle.Admitted {
	t.Helper()
	a, err := k.First(context.Background(), bundle.State{})
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	h.live = a.Set
	h.mu.Unlock()
	return a
}

// run follows the source until the test ends or end is called.
func run(t testing.TB, k *bundle.Keeper) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	end = func() { cancel(); <-done }
	t.Cleanup(end)
	return end
}

// says gives the message that the policies in force refuse the example with.
func (h *house) says(t testing.TB) string {
	t.Helper()
	h.mu.Lock()
	set := h.live
	h.mu.Unlock()
	return says(t, set)
}

func says(t testing.TB, set *policies.Set) string {
	t.Helper()
	v, err := set.Decide(context.Background(), policies.Example())
	if err != nil || len(v.Reasons) != 1 {
		t.Fatalf("decide: %v, %d reasons", err, len(v.Reasons))
	}
	return v.Reasons[0].Message
}

// await waits for a condition.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// wantWord checks the word of an error.
func wantWord(t testing.TB, err error, want bundle.Word) {
	t.Helper()
	var r *bundle.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("%v is no Refusal, want %s", err, want)
	}
	if r.Word != want {
		t.Errorf("%s, want %s (%v)", r.Word, want, err)
	}
}
