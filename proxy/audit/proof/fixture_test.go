package proof

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const testOrigin = "test.example/log"

// steady is a source of the same bytes each time, for keys of tests.
func steady(seed string) *rand.ChaCha8 { return rand.NewChaCha8(sha256.Sum256([]byte(seed))) }

// testLog is a log in memory: its records, its tree and its key.
type testLog struct {
	hashes Hashes
	cores  [][]byte
	signer note.Signer
	key    note.Verifier
}

func newKey(t testing.TB, seed string) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(steady(seed), "test.example/key-"+seed)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewKey([]byte(public + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func newLog(t testing.TB, n int) *testLog {
	t.Helper()
	l := &testLog{}
	l.signer, l.key = newKey(t, "log")
	for range n {
		l.add(t, fmt.Sprintf(`{"id":"01JDQ7Z%019d","kind":"decision","time":"2026-11-24T09:00:00.000Z","v":1}`, len(l.cores)))
	}
	return l
}

func (l *testLog) add(t testing.TB, core string) {
	t.Helper()
	if err := l.hashes.Add([]byte(core)); err != nil {
		t.Fatal(err)
	}
	l.cores = append(l.cores, []byte(core))
}

func (l *testLog) root(t testing.TB, size int64) tlog.Hash {
	t.Helper()
	if size == 0 {
		return (&frontier{}).root()
	}
	h, err := tlog.TreeHash(size, &l.hashes)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// checkpoint signs the log's first size records.
func (l *testLog) checkpoint(t testing.TB, size int64) []byte {
	t.Helper()
	return sign(t, l.signer, fmt.Sprintf("%s\n%d\n%s\n", testOrigin, size, l.root(t, size)))
}

func sign(t testing.TB, s note.Signer, text string) []byte {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bundle makes the bundle of a range.
func (l *testLog) bundle(t testing.TB, first, end, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	b, err := NewBundle(&out, Head{First: first, End: end, Kind: "export", Query: "action:deny"}, l.checkpoint(t, size), &l.hashes)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range l.cores[first:end] {
		if err := b.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
