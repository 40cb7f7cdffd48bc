package witness

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

// forest is a log in memory: a tree and the key that signs its checkpoints.
type forest struct {
	origin string
	signer note.Signer
	key    note.Verifier
	hashes []tlog.Hash // in tlog's order
	size   int64
}

func newForest(t testing.TB, origin string) *forest {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return &forest{origin: origin, signer: s, key: v}
}

// fork gives another log of the same key that has the first n records of f.
func (f *forest) fork(t testing.TB, n int64) *forest {
	t.Helper()
	own := *f
	own.size, own.hashes = n, append([]tlog.Hash(nil), f.hashes[:tlog.StoredHashCount(n)]...)
	return &own
}

func (f *forest) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = f.hashes[x]
	}
	return out, nil
}

// grow appends records up to a size. What distinguishes them from another log's
// is the label.
func (f *forest) grow(t testing.TB, size int64, label string) {
	t.Helper()
	for ; f.size < size; f.size++ {
		h, err := tlog.StoredHashes(f.size, fmt.Appendf(nil, "%s %d", label, f.size), f)
		if err != nil {
			t.Fatal(err)
		}
		f.hashes = append(f.hashes, h...)
	}
}

func (f *forest) at(t testing.TB, size int64) audit.Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(size, f)
	if err != nil {
		t.Fatal(err)
	}
	return audit.Checkpoint{Origin: f.origin, Size: size, Root: root}
}

// checkpoint signs the tree of a size.
func (f *forest) checkpoint(t testing.TB, size int64) []byte {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: f.at(t, size).String()}, f.signer)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *forest) proof(t testing.TB, old, size int64) []tlog.Hash {
	t.Helper()
	if old == 0 {
		return nil
	}
	p, err := tlog.ProveTree(size, old, f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (f *forest) prove(t testing.TB, size int64) Prove {
	return func(old int64) ([]tlog.Hash, error) { return f.proof(t, old, size), nil }
}

func (f *forest) log() Log { return Log{f.origin, []note.Verifier{f.key}} }

func newCosigner(t testing.TB, name string) *Cosigner {
	t.Helper()
	skey, _, err := GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCosigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newWitness(t testing.TB, o Options) *Witness {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "witness")
	}
	if o.Cosigner == nil {
		o.Cosigner = newCosigner(t, "witness.example/w1")
	}
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func newClient(t testing.TB, o ClientOptions) *Client {
	t.Helper()
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// submit updates a witness from a size that the test knows.
func submit(t testing.TB, w *Witness, f *forest, old, size int64) []byte {
	t.Helper()
	line, err := w.Update(context.Background(), old, f.proof(t, old, size), f.checkpoint(t, size))
	if err != nil {
		t.Fatalf("%d to %d: %v", old, size, err)
	}
	return line
}
