package bundle_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/policies/bundle"
)

// shelf is a real HTTP server with one bundle, and faults.
type shelf struct {
	*httptest.Server
	mu    sync.Mutex
	body  []byte
	fault func(w http.ResponseWriter, r *http.Request, body []byte) bool // true: it answered
	asked atomic.Int64
	unchanged,
	sent atomic.Int64
}

func newShelf(t testing.TB, body []byte) *shelf {
	t.Helper()
	s := &shelf{body: body}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	s.mu.Lock()
	body, fault := s.body, s.fault
	s.mu.Unlock()
	if fault != nil && fault(w, r, body) {
		return
	}
	tag := `"` + strconv.Itoa(len(body)) + "-" + strconv.Itoa(int(body[len(body)-1])) + strconv.Itoa(int(body[len(body)-6])) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		s.unchanged.Add(1)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.sent.Add(1)
	_, _ = w.Write(body)
}

func (s *shelf) put(body []byte) { s.mu.Lock(); defer s.mu.Unlock(); s.body, s.fault = body, nil }

func (s *shelf) fail(f func(w http.ResponseWriter, r *http.Request, body []byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *shelf) source(t testing.TB) bundle.Source {
	t.Helper()
	src, err := bundle.Open(bundle.Place{Source: s.URL + "/bundle.tar.gz"})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// serverFaults are ways in which a server does not give a bundle.
func serverFaults(unhang <-chan struct{}) map[bundle.Word][]func(w http.ResponseWriter, r *http.Request, body []byte) bool {
	type fault = func(w http.ResponseWriter, r *http.Request, body []byte) bool
	status := func(code int) fault {
		return func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { w.WriteHeader(code); return true }
	}
	return map[bundle.Word][]fault{
		bundle.Status:       {status(500), status(502), status(204), status(206), func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { w.WriteHeader(429); return true }},
		bundle.Unauthorized: {status(401), status(403)},
		bundle.NotFound:     {status(404), status(410)},
		bundle.Truncated: {func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body[:len(body)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		bundle.Redirected: {
			func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
				return true
			},
			func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				http.Redirect(w, r, "http://policies.example/b.tar.gz", http.StatusFound)
				return true
			},
		},
		bundle.Oversized: {
			func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { // announced
				w.Header().Set("Content-Length", strconv.Itoa(bundle.SizeLimit+1))
				_, _ = w.Write([]byte{0x1f, 0x8b})
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			},
			func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { // and not
				b := make([]byte, 1<<20)
				for range bundle.SizeLimit>>20 + 2 {
					if _, err := w.Write(b); err != nil {
						return true
					}
				}
				return true
			},
		},
		bundle.NotABundle: {
			func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				_, _ = w.Write([]byte("<html>Please log in</html>"))
				return true
			},
			func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { w.WriteHeader(200); return true },
		},
		bundle.Away: {func(http.ResponseWriter, *http.Request, []byte) bool { panic(http.ErrAbortHandler) }},
		bundle.TimedOut: {func(w http.ResponseWriter, _ *http.Request, body []byte) bool { // a byte now and then
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			for _, c := range body {
				if _, err := w.Write([]byte{c}); err != nil || http.NewResponseController(w).Flush() != nil {
					return true
				}
				select {
				case <-time.After(50 * time.Millisecond):
				case <-unhang:
					return true
				}
			}
			return true
		}},
	}
}

func TestServerFaults(t *testing.T) {
	unhang := make(chan struct{})
	body := build(t, bundle.Signer{}, "a.rego", rules("v1"))
	s := newShelf(t, body)
	defer close(unhang)
	src := s.source(t)
	for word, faults := range serverFaults(unhang) {
		for i, f := range faults {
			t.Run(string(word)+strconv.Itoa(i), func(t *testing.T) {
				s.fail(f)
				ctx := context.Background()
				if word == bundle.TimedOut {
					short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
					defer cancel()
					ctx = short
				}
				_, err := src.Fetch(ctx, "")
				wantWord(t, err, word)
				if strings.Contains(err.Error(), s.URL) {
					t.Errorf("the error quotes the address: %v", err)
				}
			})
		}
	}
}

// A server whose faults follow on each other never replaces what serves, and once
// it is well again, the new policies are taken.
func TestFaultsNeverReplace(t *testing.T) {
	key, stranger := newSigner(t, "release"), newSigner(t, "release")
	v1 := build(t, key.Signer, "a.rego", rules("v1"))
	s := newShelf(t, v1)
	h := &house{}
	dir := t.TempDir()
	k := bundle.New(h.options(s.source(t), s.URL, dir, key.public))
	h.start(t, k)
	run(t, k)
	await(t, "an answer that nothing changed", func() bool { return s.unchanged.Load() > 1 })
	if s.sent.Load() != 1 {
		t.Errorf("the bundle was sent %d times, want once", s.sent.Load())
	}
	unhang := make(chan struct{})
	defer close(unhang)
	refused := func() int { h.mu.Lock(); defer h.mu.Unlock(); return len(h.refused) }
	for name, body := range map[string][]byte{
		"unsigned":       build(t, bundle.Signer{}, "a.rego", rules("v2")),
		"another's key":  build(t, stranger.Signer, "a.rego", rules("v2")),
		"changed after":  altered(t, build(t, key.Signer, "a.rego", rules("v2")), "/a.rego", rules("v3")),
		"failing tests":  build(t, key.Signer, "a.rego", rules("v2"), "a_test.rego", failing),
		"no archive":     []byte("<html></html>"),
		"cut, and whole": v1[:len(v1)-40],
	} {
		before := refused()
		s.put(body)
		await(t, name, func() bool { return refused() > before })
		if got := h.says(t); got != "v1" {
			t.Fatalf("%s: serves %s", name, got)
		}
		s.put(v1)
		await(t, "v1 again", func() bool { return k.State().Word == "" })
	}
	before := refused()
	s.fail(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { w.WriteHeader(500); return true })
	await(t, "500", func() bool { return refused() > before })
	if got := k.State(); got.Word != bundle.Status || got.Failures == 0 {
		t.Errorf("state %+v", got)
	}
	h.mu.Lock()
	if h.offered != 0 {
		t.Errorf("%d bundles were offered", h.offered)
	}
	h.mu.Unlock()
	s.put(build(t, key.Signer, "a.rego", rules("v2")))
	await(t, "v2", func() bool { return h.says(t) == "v2" })
	await(t, "v2 on disk", func() bool {
		held, err := bundle.Store{Dir: dir}.Good(s.URL)
		return err == nil && held.Digest == k.State().Digest
	})
	await(t, "the bundle, its note and what was superseded", func() bool {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		return err == nil && len(files) == 3
	})
}

// A bundle that was superseded does not come back, however well it is signed, in this
// process or in the next; until somebody permits it, once.
func TestSupersededStaysAway(t *testing.T) {
	key := newSigner(t, "release")
	v1, v2, v3 := build(t, key.Signer, "a.rego", rules("v1")), build(t, key.Signer, "a.rego", rules("v2")), build(t, key.Signer, "a.rego", rules("v3"))
	s := newShelf(t, v1)
	dir := t.TempDir()
	store := bundle.Store{Dir: dir}
	h := &house{}
	k := bundle.New(h.options(s.source(t), s.URL, dir, key.public))
	h.start(t, k)
	end := run(t, k)
	s.put(v2)
	await(t, "v2 on disk", func() bool {
		past, err := store.Superseded(s.URL)
		return err == nil && len(past) == 1 && h.says(t) == "v2"
	})
	s.put(v1)
	await(t, "v1 is refused", func() bool { return k.State().Word == bundle.Superseded })
	if got := h.says(t); got != "v2" {
		t.Errorf("serves %s", got)
	}
	s.put(v3) // others are taken meanwhile
	await(t, "v3", func() bool {
		past, err := store.Superseded(s.URL)
		return err == nil && len(past) == 2 && h.says(t) == "v3"
	})
	end()

	s.put(v1)
	h = &house{}
	k = bundle.New(h.options(s.source(t), s.URL, dir, key.public))
	h.start(t, k)
	if got := h.says(t); got != "v3" || k.State().Word != bundle.Superseded {
		t.Errorf("a new process serves %s, %s", got, k.State().Word)
	}
	past, err := store.Superseded(s.URL)
	if err != nil || len(past) != 2 {
		t.Fatal(past, err)
	}
	if err := store.Permit("v1"); err == nil {
		t.Error("what is no digest is permitted")
	}
	if err := store.Permit(past[0]); err != nil {
		t.Fatal(err)
	}
	run(t, k)
	await(t, "v1 comes back", func() bool {
		past, err := store.Superseded(s.URL)
		return err == nil && len(past) == 2 && past[1] != past[0] && h.says(t) == "v1"
	})
	s.put(v3)
	await(t, "v3 is one that was superseded now", func() bool { return k.State().Word == bundle.Superseded })
	s.put(v2)
	before := k.State().Failures
	await(t, "the permission was for v1, and is used up", func() bool { return k.State().Failures > before && k.State().Word == bundle.Superseded })
	if files, _ := filepath.Glob(filepath.Join(dir, "permitted")); len(files) != 0 {
		t.Error("the permission is still there")
	}
}

// A list of superseded bundles that cannot be read lets nothing new in.
func TestSupersededUnreadable(t *testing.T) {
	key := newSigner(t, "release")
	s := newShelf(t, build(t, key.Signer, "a.rego", rules("v1")))
	dir := t.TempDir()
	h := &house{}
	k := bundle.New(h.options(s.source(t), s.URL, dir, key.public))
	h.start(t, k)
	if err := os.WriteFile(filepath.Join(dir, "superseded.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, k)
	s.put(build(t, key.Signer, "a.rego", rules("v2")))
	await(t, "v2 is refused", func() bool { return k.State().Word == bundle.Altered })
	if got := h.says(t); got != "v1" {
		t.Errorf("serves %s", got)
	}
}

// The same refusal is told once, however often the source repeats it.
func TestToldOnce(t *testing.T) {
	key := newSigner(t, "release")
	s := newShelf(t, build(t, key.Signer, "a.rego", rules("v1")))
	h := &house{}
	k := bundle.New(h.options(s.source(t), s.URL, t.TempDir(), key.public))
	h.start(t, k)
	s.put(build(t, bundle.Signer{}, "a.rego", rules("v2")))
	end := run(t, k)
	await(t, "many rounds", func() bool { return s.unchanged.Load() > 5 })
	end()
	if len(h.refused) != 1 || h.refused[0] != bundle.Unsigned {
		t.Errorf("told %v, want unsigned once", h.refused)
	}
	if st := k.State(); st.Word != bundle.Unsigned {
		t.Errorf("the state forgot the refusal: %+v", st)
	}
}

// A start without the source serves the last good bundle; without one, or with one
// that somebody changed, it fails and says why.
func TestStartOffline(t *testing.T) {
	key, stranger := newSigner(t, "release"), newSigner(t, "release")
	s := newShelf(t, build(t, key.Signer, "a.rego", rules("v1")))
	dir := t.TempDir()
	first := func(d, name string, keys ...signer) (*bundle.Admitted, *house, error) {
		h := &house{}
		o := h.options(s.source(t), name, d)
		for _, k := range keys {
			o.Load.Keys = append(o.Load.Keys, k.public)
		}
		a, err := bundle.New(o).First(context.Background(), bundle.State{})
		return a, h, err
	}
	if a, _, err := first(dir, "x", key); err != nil || a.Kept {
		t.Fatalf("the first start: %v", err)
	}
	s.fail(func(http.ResponseWriter, *http.Request, []byte) bool { panic(http.ErrAbortHandler) })

	a, h, err := first(dir, "x", key)
	if err != nil || !a.Kept || says(t, a.Set) != "v1" {
		t.Fatalf("offline: %v", err)
	}
	if len(h.refused) != 1 || h.refused[0] != bundle.Away {
		t.Errorf("told %v, want away", h.refused)
	}
	if _, _, err := first(t.TempDir(), "x", key); err == nil || !strings.Contains(err.Error(), "no last good bundle") {
		t.Errorf("without a last good bundle: %v", err)
	}
	if _, _, err := first(dir, "another source", key); err == nil {
		t.Error("started with the bundle of another source")
	}
	if _, _, err := first(dir, "x", stranger); err == nil || !strings.Contains(err.Error(), "wrong_key") {
		t.Errorf("started with a bundle that no configured key made: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "sha256-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"a bit": append([]byte{good[0], good[1], good[2] ^ 1}, good[3:]...), "cut": good[:len(good)-9], "empty": {},
		"another bundle": build(t, key.Signer, "a.rego", rules("v2")),
	} {
		if err := os.WriteFile(files[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := first(dir, "x", key); err == nil || !strings.Contains(err.Error(), "cannot be used either") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "good.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := first(dir, "x", key); err == nil {
		t.Error("started with a note that cannot be read")
	}
	s.put(build(t, key.Signer, "a.rego", rules("v3"))) // the source heals what is broken
	if a, _, err := first(dir, "x", key); err != nil || says(t, a.Set) != "v3" {
		t.Errorf("with the source back: %v", err)
	}
}

// At start a source that has something unfit does not keep the last good bundle
// from serving.
func TestStartWithUnfit(t *testing.T) {
	key := newSigner(t, "release")
	s := newShelf(t, build(t, key.Signer, "a.rego", rules("v1")))
	dir := t.TempDir()
	h := &house{}
	h.start(t, bundle.New(h.options(s.source(t), "x", dir, key.public)))
	s.put(build(t, bundle.Signer{}, "a.rego", rules("v2")))
	if a := h.start(t, bundle.New(h.options(s.source(t), "x", dir, key.public))); !a.Kept || says(t, a.Set) != "v1" {
		t.Errorf("kept %v, says %s", a.Kept, says(t, a.Set))
	}
	if _, err := (bundle.Store{Dir: dir}).Good("x"); err != nil {
		t.Errorf("the last good bundle is gone: %v", err)
	}
}

// A configuration that is read again does not ask the source for what it serves.
func TestFirstAgain(t *testing.T) {
	s := newShelf(t, build(t, bundle.Signer{}, "a.rego", rules("v1")))
	h, dir := &house{}, t.TempDir()
	a := h.start(t, bundle.New(h.options(s.source(t), "x", dir)))
	n := s.asked.Load()
	k := bundle.New(h.options(s.source(t), "x", dir))
	asked := time.Now().Add(-time.Hour)
	if b, err := k.First(context.Background(), bundle.State{Digest: a.Bundle.Digest, Asked: asked, Failures: 3, Word: bundle.Away}); err != nil || b.Bundle.Digest != a.Bundle.Digest {
		t.Errorf("again: %v", err)
	}
	if st := k.State(); !st.Asked.Equal(asked) || st.Failures != 3 || st.Word != bundle.Away || st.Fetched.IsZero() {
		t.Errorf("what was known of the source is forgotten: %+v", st)
	}
	if s.asked.Load() != n {
		t.Error("the source was asked")
	}
}

// What could not be put in force is offered again.
func TestOfferFails(t *testing.T) {
	s := newShelf(t, build(t, bundle.Signer{}, "a.rego", rules("v1")))
	h := &house{}
	k := bundle.New(h.options(s.source(t), "x", t.TempDir()))
	h.start(t, k)
	h.offerErr = errors.New("not now")
	run(t, k)
	s.put(build(t, bundle.Signer{}, "a.rego", rules("v2")))
	await(t, "refused", func() bool { return k.State().Word == bundle.NotServed })
	h.mu.Lock()
	h.offerErr = nil
	h.mu.Unlock()
	await(t, "served", func() bool { return h.says(t) == "v2" })
}

// Headers go to the host that was named, over TLS checked against the configured
// authority, and to no other.
func TestHeadersAndTLS(t *testing.T) {
	var leaked atomic.Bool
	elsewhere := newShelf(t, build(t, bundle.Signer{}, "a.rego", rules("v1")))
	elsewhere.fail(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.Header.Get("Private-Token") != "" || r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		return false
	})
	body := build(t, bundle.Signer{}, "a.rego", rules("v1"))
	mux := http.NewServeMux()
	mux.HandleFunc("/bundle.tar.gz", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Private-Token") != "of a test" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/down", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the connection that is not trusted
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	header := map[string]string{"Private-Token": "of a test"}
	fetch := func(p bundle.Place) error {
		src, err := bundle.Open(p)
		if err != nil {
			return err
		}
		_, err = src.Fetch(context.Background(), "")
		return err
	}
	if err := fetch(bundle.Place{Source: server.URL + "/bundle.tar.gz", Header: header, CA: ca}); err != nil {
		t.Error(err)
	}
	wantWord(t, fetch(bundle.Place{Source: server.URL + "/bundle.tar.gz", CA: ca}), bundle.Unauthorized)
	wantWord(t, fetch(bundle.Place{Source: server.URL + "/bundle.tar.gz", Header: header}), bundle.Away)
	wantWord(t, fetch(bundle.Place{Source: server.URL + "/down", Header: header, CA: ca}), bundle.Redirected)

	plain := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer plain.Close()
	if err := fetch(bundle.Place{Source: plain.URL, Header: map[string]string{"Private-Token": "x", "Authorization": "Bearer x"}}); err != nil {
		t.Error(err)
	}
	if leaked.Load() {
		t.Error("a header went to another host")
	}
}

func TestOpen(t *testing.T) {
	for _, source := range []string{
		"", "http://policies.example/b.tar.gz", "https://user:secret@policies.example/b", "https://", "ftp://policies.example/b", "oci://registry.example", "oci://registry.example/a b",
	} {
		if _, err := bundle.Open(bundle.Place{Source: source}); err == nil {
			t.Errorf("%q: opened", source)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error holds the password: %v", source, err)
		}
	}
	if _, err := bundle.Open(bundle.Place{Source: "oci://registry.example/a", CA: "/nowhere.pem"}); err == nil {
		t.Error("opened with an authority that is not there")
	}
	for _, header := range []map[string]string{{"X-Token": "a"}, {"Authorization": "Digest a"}, {"Authorization": "Basic %%%"}, {"Authorization": "Bearer "}} {
		if _, err := bundle.Open(bundle.Place{Source: "oci://registry.example/a:b", Header: header}); err == nil {
			t.Errorf("%v: opened", header)
		}
	}
}

func TestFileSource(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "b.tar.gz")
	src, err := bundle.Open(bundle.Place{Source: name})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, err = src.Fetch(ctx, "")
	wantWord(t, err, bundle.NotFound)
	if err := os.WriteFile(name, build(t, bundle.Signer{}, "a.rego", rules("v1")), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := src.Fetch(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Fetch(ctx, f.Version); !errors.Is(err, bundle.ErrUnchanged) {
		t.Errorf("%v, want unchanged", err)
	}
	if err := os.Truncate(name, bundle.SizeLimit+1); err != nil {
		t.Fatal(err)
	}
	_, err = src.Fetch(ctx, f.Version)
	wantWord(t, err, bundle.Oversized)
	directory, err := bundle.Open(bundle.Place{Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, err = directory.Fetch(ctx, "")
	wantWord(t, err, bundle.NotABundle)
}
