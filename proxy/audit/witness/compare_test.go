package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// machine is a directory with a log and its keys, as one host has them.
type machine struct{ root string }

func (m machine) log() string { return filepath.Join(m.root, "log") }

// record opens the log, records events and closes it, which signs a checkpoint.
func (m machine) record(t *testing.T, label string, n int) {
	t.Helper()
	l, err := audit.Open(m.log(), audit.Options{Origin: "test.example/log", Segment: 128 << 10, Ahead: 1, CheckpointEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		ev := &proxy.Event{
			ID: fmt.Sprintf("%s-%d", label, l.Size()), Kind: proxy.EventAdmin, Time: fmt.Sprintf("2026-11-24T09:00:%02d.000Z", i%60),
			V: proxy.EventVersion, Admin: &proxy.AdminRecord{Action: "reload"},
		}
		if err := l.Record(context.Background(), ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func (m machine) checkpoint(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.log(), "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (m machine) key(t *testing.T) note.Verifier {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(audit.DefaultKeyDir(m.log()), "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := audit.NewVerifier(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// prove proves from the records themselves.
func (m machine) prove(t *testing.T, size int64) Prove {
	return func(old int64) ([]tlog.Hash, error) {
		f := &forest{}
		r, err := audit.OpenReader(m.log())
		if err != nil {
			return nil, err
		}
		for e, err := range r.Records(0) {
			if err != nil {
				return nil, err
			}
			h, err := tlog.StoredHashes(f.size, e.JSON, f)
			if err != nil {
				return nil, err
			}
			f.hashes, f.size = append(f.hashes, h...), f.size+1
		}
		return tlog.ProveTree(size, old, f)
	}
}

// copy copies a machine, keys and all.
func (m machine) copy(t *testing.T) machine {
	t.Helper()
	to := filepath.Join(t.TempDir(), "machine")
	if err := os.CopyFS(to, os.DirFS(m.root)); err != nil {
		t.Fatal(err)
	}
	// CopyFS does not keep the mode of files that nobody else may read.
	if err := os.Chmod(filepath.Join(to, "log.keys", "log.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return machine{to}
}

// TestWholeMachineRolledBack is what nothing on a machine can find out about
// itself: disk, keys and last seen checkpoint are put back together.
func TestWholeMachineRolledBack(t *testing.T) {
	ctx := context.Background()
	m := machine{t.TempDir()}
	m.record(t, "first", 20)
	key := m.key(t)
	w := newWitness(t, Options{Logs: []Log{{"test.example/log", []note.Verifier{key}}}})
	c := newClient(t, ClientOptions{URL: serve(t, w), Key: w.Key()})
	submit := func(m machine) error {
		cp, err := audit.OpenCheckpoint(m.checkpoint(t), key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Submit(ctx, m.checkpoint(t), m.prove(t, cp.Size))
		return err
	}
	last := func() []byte {
		b, err := c.Last(ctx, "test.example/log")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if err := submit(m); err != nil {
		t.Fatal(err)
	}
	backup := m.copy(t)
	m.record(t, "second", 15)
	if err := submit(m); err != nil {
		t.Fatal(err)
	}
	m.record(t, "third", 3) // not cosigned yet

	// The machine that was put back finds nothing: this is why a witness is needed.
	trusted, err := audit.Trusted(audit.DefaultKeyDir(backup.log()), backup.log())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := audit.Verify(backup.log(), trusted); err != nil || r.Answer != audit.Good {
		t.Fatalf("by itself, the machine that was put back says %+v, %v", r, err)
	}
	var ahead *AheadError
	if err := submit(backup); !errors.As(err, &ahead) || ahead.Had != 35 || ahead.Size != 20 {
		t.Errorf("the machine that was put back submits: %v", err)
	}

	altered := m.copy(t)
	flip(t, altered, 7)
	continued := backup.copy(t)
	continued.record(t, "another", 40)
	if err := submit(continued); !errors.Is(err, ErrInconsistent) {
		t.Errorf("the machine that was put back and gone on with submits: %v", err)
	}
	for name, c := range map[string]struct {
		m        machine
		standing Standing
		bad      int64
	}{
		"in order":            {m, Continues, -1},
		"put back":            {backup, RolledBack, 20},
		"put back, gone on":   {continued, Differs, 20},
		"a record is altered": {altered, Differs, 7},
		"gone":                {machine{t.TempDir()}, RolledBack, 0},
	} {
		got, err := Compare(c.m.log(), last(), key, w.Key())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Standing != c.standing || got.Report.FirstBad != c.bad || got.Cosigned.Size != 35 {
			t.Errorf("%s: %v, first bad record %d to %d, cosigned %d", name, got.Standing, got.Report.FirstBad, got.Report.Until, got.Cosigned.Size)
		}
	}

	if got, err := Compare(m.log(), m.checkpoint(t), key, w.Key()); !errors.Is(err, ErrNoCosignature) || got.Standing != Untold {
		t.Errorf("a checkpoint without the witness: %v, %v", got.Standing, err)
	}
	stranger := newForest(t, "test.example/log")
	if got, err := Compare(m.log(), last(), stranger.key, w.Key()); !errors.Is(err, audit.ErrSignature) || got.Standing != Untold {
		t.Errorf("a key of another log: %v, %v", got.Standing, err)
	}
}

// flip alters one byte of a record in place.
func flip(t *testing.T, m machine, index int) {
	t.Helper()
	r, err := audit.OpenReader(m.log())
	if err != nil {
		t.Fatal(err)
	}
	var record []byte
	for e, err := range r.Records(int64(index)) {
		if err != nil {
			t.Fatal(err)
		}
		record = e.JSON
		break
	}
	names, err := filepath.Glob(filepath.Join(m.log(), "segments", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(b, record); at >= 0 {
			b[at+10] ^= 1
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the record was not found")
}
