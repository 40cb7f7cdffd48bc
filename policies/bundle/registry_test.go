package bundle_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
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

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/ostiary/ostiary/policies/bundle"
	"github.com/ostiary/ostiary/testdata/env"
)

// tarGzip is the media type under which opa and the policy CLI push bundles.
const tarGzip = "application/vnd.oci.image.layer.v1.tar+gzip"

// push puts an artifact with layers of that type at a tag and gives the manifest's
// digest.
func push(t testing.TB, address, tag string, credential auth.Credential, layerType string, layers ...[]byte) string {
	t.Helper()
	ctx := context.Background()
	store := memory.New()
	var list []ocispec.Descriptor
	for _, b := range layers {
		d, err := oras.PushBytes(ctx, store, layerType, b)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	config, err := oras.PushBytes(ctx, store, "application/vnd.oci.image.config.v1+json", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := oras.PackManifest(ctx, store, oras.PackManifestVersion1_1, "", oras.PackManifestOptions{Layers: list, ConfigDescriptor: &config})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Tag(ctx, m, tag); err != nil {
		t.Fatal(err)
	}
	repo, err := remote.NewRepository(address + "/policies/house")
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP = true
	repo.Client = &auth.Client{Credential: auth.StaticCredential(address, credential)}
	if _, err := oras.Copy(ctx, store, tag, repo, tag, oras.DefaultCopyOptions); err != nil {
		t.Fatal(err)
	}
	return m.Digest.String()
}

func oci(t testing.TB, address, reference string) bundle.Source {
	t.Helper()
	src, err := bundle.Open(bundle.Place{Source: "oci://" + address + "/policies/house" + reference})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestRegistry(t *testing.T) {
	r := env.Registry(t, "")
	ctx := context.Background()
	v1, v2 := build(t, bundle.Signer{}, "a.rego", rules("v1")), build(t, bundle.Signer{}, "a.rego", rules("v2"))
	first := push(t, r.Address, "live", auth.EmptyCredential, tarGzip, v1)
	src := oci(t, r.Address, ":live")

	f, err := src.Fetch(ctx, "")
	if err != nil || !bytes.Equal(f.Body, v1) || f.Version != first {
		t.Fatalf("fetch: %v", err)
	}
	if _, err := src.Fetch(ctx, f.Version); !errors.Is(err, bundle.ErrUnchanged) {
		t.Errorf("%v, want unchanged", err)
	}
	_, err = oci(t, r.Address, ":missing").Fetch(ctx, "")
	wantWord(t, err, bundle.NotFound)

	// The tag moves; what was pinned by its digest stays.
	second := push(t, r.Address, "live", auth.EmptyCredential, tarGzip, v2)
	if f, err = src.Fetch(ctx, first); err != nil || !bytes.Equal(f.Body, v2) || f.Version != second {
		t.Errorf("the tag moved: %v", err)
	}
	if f, err = oci(t, r.Address, "@"+first).Fetch(ctx, ""); err != nil || !bytes.Equal(f.Body, v1) {
		t.Errorf("by digest: %v", err)
	}
	_, err = oci(t, r.Address, "@sha256:"+strings.Repeat("0", 64)).Fetch(ctx, "")
	wantWord(t, err, bundle.NotFound)

	for tag, artifact := range map[string]struct {
		kind   string
		layers [][]byte
	}{
		"no-layer":       {"application/vnd.example.other", [][]byte{v1}},
		"two-layers":     {tarGzip, [][]byte{v1, v2}},
		"no-archive":     {tarGzip, [][]byte{[]byte("<html></html>")}},
		"layer-of-layer": {"application/vnd.oci.image.layer.v1.tar", [][]byte{v1}},
	} {
		push(t, r.Address, tag, auth.EmptyCredential, artifact.kind, artifact.layers...)
		_, err := oci(t, r.Address, ":"+tag).Fetch(ctx, "")
		wantWord(t, err, bundle.NotABundle)
	}
	push(t, r.Address, "large", auth.EmptyCredential, tarGzip, make([]byte, bundle.SizeLimit+1))
	_, err = oci(t, r.Address, ":large").Fetch(ctx, "")
	wantWord(t, err, bundle.Oversized)

	r.Kill()
	_, err = src.Fetch(ctx, "")
	wantWord(t, err, bundle.Away)
}

func TestRegistryAsksWho(t *testing.T) {
	// The hash is bcrypt's of "password of a test", cost 4.
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("robot:"+testHash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := env.Registry(t, users)
	v1 := build(t, bundle.Signer{}, "a.rego", rules("v1"))
	push(t, r.Address, "live", auth.Credential{Username: "robot", Password: testPassword}, tarGzip, v1)
	fetch := func(header string) error {
		p := bundle.Place{Source: "oci://" + r.Address + "/policies/house:live"}
		if header != "" {
			p.Header = map[string]string{"Authorization": header}
		}
		src, err := bundle.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = src.Fetch(context.Background(), "")
		return err
	}
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	if err := fetch(basic("robot:" + testPassword)); err != nil {
		t.Error(err)
	}
	err := fetch(basic("robot:wrong"))
	wantWord(t, err, bundle.Unauthorized)
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the error quotes the password: %v", err)
	}
	wantWord(t, fetch(""), bundle.Unauthorized)
}

// A bearer token goes to the registry that asks for one.
func TestRegistryBearer(t *testing.T) {
	var seen atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer of-a-test" {
			seen.Store(true)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://127.0.0.1:1/token",service="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	src, err := bundle.Open(bundle.Place{Source: "oci://" + strings.TrimPrefix(server.URL, "http://") + "/a:b", Header: map[string]string{"Authorization": "Bearer of-a-test"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = src.Fetch(context.Background(), "")
	wantWord(t, err, bundle.NotFound)
	if !seen.Load() {
		t.Error("the registry did not see the token")
	}
}

// A registry that names a place to log in without TLS does not get the password
// sent there.
func TestRegistryRealm(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://login.example/token",service="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	src, err := bundle.Open(bundle.Place{Source: "oci://" + strings.TrimPrefix(server.URL, "http://") + "/a:b", Header: map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("a:b"))}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = src.Fetch(context.Background(), "")
	wantWord(t, err, bundle.Redirected)
}

// cutter forwards TCP to the registry and cuts each connection after a number of
// bytes of answers.
type cutter struct {
	net.Listener
	mu    sync.Mutex
	after int64
	open  []net.Conn
}

// cut sets the number of bytes and ends what is open.
func (c *cutter) cut(after int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = after
	for _, o := range c.open {
		_ = o.Close()
	}
	c.open = nil
}

func newCutter(t testing.TB, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, after: 1 << 40}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.open = append(c.open, in)
			after := c.after
			c.mu.Unlock()
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in) }()
				_, _ = io.CopyN(in, out, after)
			}()
		}
	}()
	return c
}

// A registry that is cut at any place never gives half a bundle, and never
// replaces what serves; once it holds, the new policies are taken.
func TestRegistryCut(t *testing.T) {
	key := newSigner(t, "release")
	r := env.Registry(t, "")
	c := newCutter(t, r.Address)
	address := c.Addr().String()
	long := "# " + strings.Repeat("a long comment that does not pack well "+strconv.Itoa(int(time.Now().UnixNano())), 50) + "\n"
	push(t, r.Address, "live", auth.EmptyCredential, tarGzip, build(t, key.Signer, "a.rego", rules("v1")))
	h := &house{}
	o := h.options(oci(t, address, ":live"), "oci", t.TempDir(), key.public)
	k := bundle.New(o)
	h.start(t, k)
	v2 := build(t, key.Signer, "a.rego", long+rules("v2"))
	push(t, r.Address, "live", auth.EmptyCredential, tarGzip, v2)
	cuts := 0
	for at := int64(1); at < int64(len(v2))+2000; at += 97 {
		c.cut(at)
		_, err := oci(t, address, ":live").Fetch(context.Background(), "") // a source of its own: its connection is new
		if err == nil {
			continue
		}
		cuts++
		var refusal *bundle.Refusal
		if !errors.As(err, &refusal) || refusal.Word != bundle.Away && refusal.Word != bundle.Truncated {
			t.Fatalf("cut after %d bytes: %v", at, err)
		}
	}
	if cuts < 10 {
		t.Errorf("only %d fetches were cut", cuts)
	}
	c.cut(300)
	end := run(t, k)
	await(t, "refusals", func() bool { return k.State().Failures > 1 })
	if got := h.says(t); got != "v1" {
		t.Errorf("serves %s", got)
	}
	end()
	c.cut(1 << 40)
	run(t, k)
	await(t, "v2", func() bool { return h.says(t) == "v2" })
}

const (
	testPassword = "password of a test"
	testHash     = "$2a$04$DOUAkqMf/rws0o.PhbDZl.bJ25WuhBH94czMFWtEr.zzq3CULKpoK"
)
