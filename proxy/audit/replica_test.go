package audit

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// cores gives the records of a log from one index to before another.
func cores(t testing.TB, dir string, from, to int) [][]byte {
	t.Helper()
	var out [][]byte
	for _, r := range records(t, dir)[from:to] {
		out = append(out, r.JSON)
	}
	return out
}

// A replica holds what the log holds, is packed as it is, verifies with the log's
// key, and goes on after a restart.
func TestReplica(t *testing.T) {
	l, dir := filled(t, 300, quiet())
	must(t, l.notary.run())
	first := read(t, dir, checkpointFile)
	copied := filepath.Join(t.TempDir(), "replica")
	o := quiet()
	key := l.verifier
	r, err := OpenReplica(copied, l.origin, key, o)
	must(t, err)
	must(t, r.Append(ctx, 0, cores(t, dir, 0, 300), first))
	must(t, r.Append(ctx, 300, nil, first))
	if err := r.Append(ctx, 299, cores(t, dir, 299, 300), nil); !errors.Is(err, ErrOrder) {
		t.Errorf("records that are there: %v", err)
	}
	if err := r.Append(ctx, 300, [][]byte{nil}, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an empty record: %v", err)
	}
	must(t, r.log.Seal(ctx))
	must(t, r.Close())

	// The key is followed by another meanwhile.
	_, err = l.Rotate(ctx, nil, "", act())
	must(t, err)
	record(t, l, decision(301))
	must(t, l.notary.run())
	r, err = OpenReplica(copied, l.origin, key, o)
	must(t, err)
	if r.Size() != 300 {
		t.Fatalf("%d records after a restart", r.Size())
	}
	must(t, r.Append(ctx, 300, cores(t, dir, 300, 302), read(t, dir, checkpointFile)))
	must(t, r.Close())
	for _, k := range []note.Verifier{key, l.verifier} {
		rep, err := Verify(copied, VerifyOptions{Key: k, Checkpoint: read(t, dir, checkpointFile)})
		if err != nil || rep.Answer != Good || rep.Size != 302 {
			t.Errorf("verify: %+v, %v", rep, err)
		}
	}
	a, b := records(t, dir), records(t, copied)
	for i := range a {
		if string(a[i].JSON) != string(b[i].JSON) {
			t.Fatalf("record %d differs", i)
		}
	}
}

// A replica takes no checkpoint of other records, and none of another key.
func TestReplicaOfAFork(t *testing.T) {
	l, dir := filled(t, 10, quiet())
	must(t, l.notary.run())
	r, err := OpenReplica(filepath.Join(t.TempDir(), "replica"), l.origin, l.verifier, quiet())
	must(t, err)
	defer r.Close()
	forged := cores(t, dir, 0, 10)
	forged[4] = []byte(`{"kind":"admin"}`)
	if err := r.Append(ctx, 0, forged, read(t, dir, checkpointFile)); !errors.Is(err, ErrFork) {
		t.Errorf("a fork: %v", err)
	}
	_, other := filled(t, 10, quiet())
	if err := r.Append(ctx, 10, nil, read(t, other, checkpointFile)); !errors.Is(err, ErrSignature) {
		t.Errorf("another key's: %v", err)
	}
	if err := r.Append(ctx, 10, nil, []byte("no checkpoint")); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("none: %v", err)
	}
	if _, err := OpenReplica(r.Dir(), "another.example/log", l.verifier, quiet()); err == nil {
		t.Error("opened twice")
	}
}

// Of two who append the same records at once, one does.
func TestReplicaTakesOneAtATime(t *testing.T) {
	l, dir := filled(t, 200, quiet())
	shut(t, l)
	all := cores(t, dir, 0, 200)
	r, err := OpenReplica(filepath.Join(t.TempDir(), "replica"), l.origin, l.verifier, quiet())
	must(t, err)
	defer r.Close()
	answers := make(chan error)
	const callers = 8
	for range callers {
		go func() { answers <- r.Append(ctx, 0, all, nil) }()
	}
	taken := 0
	for range callers {
		switch err := <-answers; {
		case err == nil:
			taken++
		case !errors.Is(err, ErrOrder):
			t.Error(err)
		}
	}
	if taken != 1 || r.Size() != 200 {
		t.Errorf("%d callers were told that theirs was taken, and there are %d records", taken, r.Size())
	}
}
