package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

// TestAddCheckpoint is C2SP tlog-witness, case by case.
func TestAddCheckpoint(t *testing.T) {
	f := newForest(t, "log.example/a")
	f.grow(t, 20, "record")
	forked := f.fork(t, 5)
	forked.grow(t, 20, "other")
	stranger := newForest(t, "log.example/unknown")
	stranger.grow(t, 3, "record")
	impostor := newForest(t, "log.example/a")
	impostor.grow(t, 20, "record")
	empty := newForest(t, "log.example/empty")
	notEmpty, err := note.Sign(&note.Note{Text: audit.Checkpoint{Origin: empty.origin}.String()}, empty.signer)
	if err != nil {
		t.Fatal(err)
	}
	w := newWitness(t, Options{Logs: []Log{f.log(), empty.log()}})
	url := serve(t, w) + "/prefix"

	body := func(old int64, p []tlog.Hash, cp []byte) string {
		return string(Request{old, p, cp}.Encode())
	}
	steps := []struct {
		name, body string
		status     int
		answer     string // where it is a size
	}{
		{"nothing", "", 400, ""},
		{"no checkpoint", "old 0\n\n", 400, ""},
		{"leading zero", strings.Replace(body(0, nil, f.checkpoint(t, 4)), "old 0", "old 00", 1), 400, ""},
		{"negative", strings.Replace(body(0, nil, f.checkpoint(t, 4)), "old 0", "old -1", 1), 400, ""},
		{"hash of 31 bytes", strings.Replace(body(0, nil, f.checkpoint(t, 4)), "old 0\n", "old 0\n"+strings.Repeat("A", 40)+"=\n", 1), 400, ""},
		{"64 hashes", body(0, make([]tlog.Hash, 64), f.checkpoint(t, 4)), 400, ""},
		{"unknown log", body(0, nil, stranger.checkpoint(t, 3)), 404, ""},
		{"another key", body(0, nil, impostor.checkpoint(t, 4)), 403, ""},
		{"no signature", body(0, nil, []byte(f.at(t, 4).String()+"\n— log.example/a AAAA\n")), 400, ""},
		{"broken signature", body(0, nil, bytes.Replace(f.checkpoint(t, 4), []byte("\n4\n"), []byte("\n7\n"), 1)), 403, ""},
		{"old beyond the checkpoint", body(9, nil, f.checkpoint(t, 4)), 400, ""},
		{"never seen, not from zero", body(2, f.proof(t, 2, 4), f.checkpoint(t, 4)), 409, "0\n"},
		{"proof from zero", body(0, f.proof(t, 2, 4), f.checkpoint(t, 4)), 422, ""},
		{"first", body(0, nil, f.checkpoint(t, 4)), 200, ""},
		{"again from zero", body(0, nil, f.checkpoint(t, 7)), 409, "4\n"},
		{"proof of another size", body(4, f.proof(t, 3, 7), f.checkpoint(t, 7)), 422, ""},
		{"no proof", body(4, nil, f.checkpoint(t, 7)), 422, ""},
		{"next", body(4, f.proof(t, 4, 7), f.checkpoint(t, 7)), 200, ""},
		{"the same again", body(7, nil, f.checkpoint(t, 7)), 200, ""},
		{"the same with a proof", body(7, f.proof(t, 4, 7), f.checkpoint(t, 7)), 422, ""},
		{"back", body(4, nil, f.checkpoint(t, 4)), 409, "7\n"},
		{"fork of the same size", body(7, nil, forked.checkpoint(t, 7)), 409, "7\n"},
		{"fork that goes on", body(7, forked.proof(t, 7, 20), forked.checkpoint(t, 20)), 422, ""},
		{"goes on", body(7, f.proof(t, 7, 20), f.checkpoint(t, 20)), 200, ""},
		{"empty with a root", body(0, nil, notEmpty), 422, ""},
		{"empty", body(0, nil, empty.checkpoint(t, 0)), 200, ""},
		{"too large", strings.Repeat("old 0\n", bodyLimit/6+1), 413, ""},
	}
	for _, s := range steps {
		res, err := http.Post(url+"/add-checkpoint", "text/plain", strings.NewReader(s.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != s.status {
			t.Errorf("%s: status %d, want %d", s.name, res.StatusCode, s.status)
			continue
		}
		isSize := res.Header.Get("content-type") == sizeType
		if isSize != (s.status == 409) || isSize && string(answer) != s.answer {
			t.Errorf("%s: the answer is %q of type %q", s.name, answer, res.Header.Get("content-type"))
		}
		if s.status == 200 {
			_, cp, _ := strings.Cut(s.body, "\n\n")
			n, err := note.Open(append([]byte(cp), answer...), note.VerifierList(w.Key()))
			if err != nil || len(n.Sigs) != 1 {
				t.Errorf("%s: not a cosignature: %v", s.name, err)
			}
		}
	}

	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/add-checkpoint", 405}, {"POST", "/last-checkpoint", 405}, {"GET", "/other", 404},
		{"GET", "/last-checkpoint?origin=log.example/a", 200}, {"GET", "/last-checkpoint?origin=log.example/b", 404},
	} {
		req, err := http.NewRequest(c.method, url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, res.StatusCode, c.status)
		}
	}
}

// TestDifferentialProofs holds what the witness accepts against an independent
// implementation of RFC 6962: honest proofs, and those proofs damaged in every
// way that a hash, a size or a length can be.
func TestDifferentialProofs(t *testing.T) {
	const size = 130
	f := newForest(t, "log.example/a")
	f.grow(t, size, "record")
	other := f.fork(t, 40)
	other.grow(t, size, "other")
	rng := rand.New(rand.NewPCG(1, 2))
	accepted, refused := 0, 0
	check := func(last, next audit.Checkpoint, p []tlog.Hash) {
		t.Helper()
		var theirs [][]byte
		for _, h := range p {
			theirs = append(theirs, h[:])
		}
		want := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(last.Size), uint64(next.Size), theirs, last.Root[:], next.Root[:]) == nil
		if got := consistent(last, next, p); got != want {
			t.Fatalf("%d to %d with %d hashes: accepted %v, the other implementation %v", last.Size, next.Size, len(p), got, want)
		}
		if want {
			accepted++
		} else {
			refused++
		}
	}
	for old := int64(1); old <= size; old++ {
		for next := old; next <= size; next += 1 + rng.Int64N(5) {
			last, cp, p := f.at(t, old), f.at(t, next), f.proof(t, old, next)
			check(last, cp, p)
			check(last, other.at(t, next), other.proof(t, old, next))
			check(last, cp, append(slices.Clone(p), tlog.Hash{}))
			if len(p) > 0 {
				check(last, cp, p[:len(p)-1])
				check(last, cp, p[1:])
				q := slices.Clone(p)
				q[rng.IntN(len(q))][rng.IntN(tlog.HashSize)] ^= 1 << rng.IntN(8)
				check(last, cp, q)
				q = slices.Clone(p)
				rng.Shuffle(len(q), func(i, j int) { q[i], q[j] = q[j], q[i] })
				check(last, cp, q)
			}
			wrong := last
			wrong.Size = max(1, last.Size-1)
			check(wrong, cp, p)
			wrong = cp
			wrong.Size++
			check(last, wrong, p)
		}
	}
	if accepted < 1000 || refused < 5000 {
		t.Errorf("only %d accepted and %d refused: the test does not test", accepted, refused)
	}
}

// TestRestart: what was cosigned is remembered, and a record that cannot be
// trusted keeps the witness from starting.
func TestRestart(t *testing.T) {
	f := newForest(t, "log.example/a")
	f.grow(t, 9, "record")
	dir, cosigner := filepath.Join(t.TempDir(), "witness"), newCosigner(t, "w.example")
	o := Options{Dir: dir, Cosigner: cosigner, Logs: []Log{f.log()}}
	w := newWitness(t, o)
	submit(t, w, f, 0, 6)
	if _, err := New(o); err == nil {
		t.Fatal("two processes may sign with one record")
	}
	w.Close()
	if _, err := w.Update(context.Background(), 6, nil, f.checkpoint(t, 6)); err == nil {
		t.Fatal("a closed witness signs")
	}
	if err := os.WriteFile(filepath.Join(dir, stateName(f.origin)+".new-1"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}

	w = newWitness(t, o)
	var stale *StaleError
	if _, err := w.Update(context.Background(), 0, nil, f.checkpoint(t, 3)); !errors.As(err, &stale) || stale.Size != 6 {
		t.Errorf("after a restart an older checkpoint gives %v", err)
	}
	last, err := w.Last(context.Background(), f.origin)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := audit.OpenCheckpoint(last, f.key); err != nil || c != f.at(t, 6) {
		t.Errorf("the last checkpoint is %+v, %v", c, err)
	}
	submit(t, w, f, 6, 9)
	w.Close()
	if left, err := filepath.Glob(filepath.Join(dir, "*.new-*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %d files, %v", len(left), err)
	}

	// A new key of the log does not make the witness forget.
	rotated := newForest(t, f.origin)
	rotated.hashes, rotated.size = f.hashes, f.size
	o.Logs = []Log{rotated.log()}
	w = newWitness(t, o)
	if _, err := w.Update(context.Background(), 0, nil, rotated.checkpoint(t, 4)); !errors.As(err, &stale) || stale.Size != 9 {
		t.Errorf("after a change of the log's key an older checkpoint gives %v", err)
	}
	w.Close()

	name := filepath.Join(dir, stateName(f.origin))
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{"torn": good[:len(good)/2], "empty": nil, "of the log alone": f.checkpoint(t, 9)} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(o); err == nil {
			t.Errorf("a record that is %s was taken", what)
		}
	}
	o.Cosigner = newCosigner(t, "w.example")
	if err := os.WriteFile(name, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(o); err == nil {
		t.Error("a record of another cosigner was taken")
	}
}

// TestNothingSignedThatIsNotKept: the record comes before the signature.
func TestNothingSignedThatIsNotKept(t *testing.T) {
	f := newForest(t, "log.example/a")
	f.grow(t, 9, "record")
	forked := f.fork(t, 4)
	forked.grow(t, 9, "other")
	var fail error
	var kept []byte
	var seen []Submission
	w := newWitness(t, Options{
		Logs:    []Log{f.log()},
		Observe: func(s Submission) { seen = append(seen, s) },
		persist: func(_ string, b []byte) error {
			if fail == nil {
				kept = b
			}
			return fail
		},
	})
	submit(t, w, f, 0, 4)
	if c, err := audit.OpenCheckpoint(kept, w.Key()); err != nil || c != f.at(t, 4) {
		t.Errorf("kept: %+v, %v", c, err)
	}
	fail = errors.New("no disk")
	line, err := w.Update(context.Background(), 4, f.proof(t, 4, 9), f.checkpoint(t, 9))
	if line != nil || !errors.Is(err, ErrState) {
		t.Errorf("without a record: signature %v, error %v", line != nil, err)
	}
	// Nobody has a signature of the other history, so this one may be signed.
	fail = nil
	if _, err := w.Update(context.Background(), 4, forked.proof(t, 4, 9), forked.checkpoint(t, 9)); err != nil {
		t.Error(err)
	}
	if _, err := w.Update(context.Background(), 9, nil, f.checkpoint(t, 9)); !errors.Is(err, ErrForked) {
		t.Errorf("two histories: %v", err)
	}
	if n := len(seen); n != 4 || seen[1].Size != 9 || !errors.Is(seen[3].Err, ErrForked) || !bytes.Equal(seen[3].Checkpoint, f.checkpoint(t, 9)) {
		t.Errorf("observed %d submissions", n)
	}
}

// TestRace: of many that submit at once, each signature is on one history.
func TestRace(t *testing.T) {
	const last, clients = 64, 8
	a := newForest(t, "log.example/a")
	a.grow(t, last, "record")
	b := a.fork(t, 1)
	b.grow(t, last, "other")
	w := newWitness(t, Options{Logs: []Log{a.log()}, persist: func(string, []byte) error { return nil }})
	url := serve(t, w)
	var mu sync.Mutex
	signed := map[int64]tlog.Hash{}
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			f := a
			if i%2 == 1 {
				f = b
			}
			c := newClient(t, ClientOptions{URL: url, Key: w.Key()})
			for size := int64(2); size <= last; size += 1 + int64(i%3) {
				_, err := c.Submit(context.Background(), f.checkpoint(t, size), f.prove(t, size))
				if err != nil {
					continue
				}
				mu.Lock()
				if h, ok := signed[size]; ok && h != f.at(t, size).Root {
					t.Errorf("two roots of size %d are cosigned", size)
				}
				signed[size] = f.at(t, size).Root
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	of := map[*forest]int{}
	for size, h := range signed {
		for _, f := range []*forest{a, b} {
			if f.at(t, size).Root == h {
				of[f]++
			}
		}
	}
	if len(of) != 1 {
		t.Errorf("signatures on %d histories (%d sizes)", len(of), len(signed))
	}
}

// TestErrorsHoldNothing: the operating system's errors stay inside.
func TestErrorsHoldNothing(t *testing.T) {
	f := newForest(t, "log.example/a")
	f.grow(t, 2, "record")
	w := newWitness(t, Options{Logs: []Log{f.log()}, persist: func(string, []byte) error { return errors.New("canary") }})
	res, err := http.Post(serve(t, w)+"/add-checkpoint", "text/plain", bytes.NewReader(Request{0, nil, f.checkpoint(t, 2)}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 500 || bytes.Contains(b, []byte("canary")) {
		t.Errorf("status %d, %q, %v", res.StatusCode, b, err)
	}
}

func FuzzRequest(f *testing.F) {
	forest := newForest(f, "log.example/a")
	forest.grow(f, 9, "record")
	f.Add(Request{4, forest.proof(f, 4, 9), forest.checkpoint(f, 9)}.Encode())
	f.Add(Request{0, nil, forest.checkpoint(f, 9)}.Encode())
	f.Add([]byte("old 0\n\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseRequest(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal("not one of our errors")
			}
			return
		}
		if r.Old < 0 || len(r.Proof) > proofLimit || !bytes.Equal(r.Encode(), body) {
			t.Fatal("a request was read that is not what it says")
		}
	})
}

func ExampleRequest() {
	fmt.Printf("%s", Request{0, nil, []byte("log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n")}.Encode())
	// Output:
	// old 0
	//
	// log.example
	// 0
	// 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
}
