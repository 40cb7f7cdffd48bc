package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy"
)

// gate is a disk on which synchronising a segment waits until it is let through.
type gate struct {
	disk
	mu     sync.Mutex
	closed chan struct{} // nil where the gate is open
	waits  chan struct{} // gets one value per Sync that waits
}

func (g *gate) shut() { g.mu.Lock(); g.closed = make(chan struct{}); g.mu.Unlock() }
func (g *gate) open() { g.mu.Lock(); close(g.closed); g.closed = nil; g.mu.Unlock() }

func (g *gate) Create(name string) (file, error) {
	f, err := g.disk.Create(name)
	if err != nil || filepath.Base(filepath.Dir(name)) != "segments" {
		return f, err
	}
	return gatedFile{f, g}, nil
}

type gatedFile struct {
	file
	g *gate
}

func (f gatedFile) Sync() error {
	f.g.mu.Lock()
	closed := f.g.closed
	f.g.mu.Unlock()
	if closed != nil {
		f.g.waits <- struct{}{}
		<-closed
	}
	return f.file.Sync()
}

// stalled is a log whose disk has just stopped answering, with one call in it.
func stalled(t *testing.T) (l *Log, g *gate, first chan error) {
	t.Helper()
	g = &gate{waits: make(chan struct{}, 100)}
	o := quiet()
	o.fs = g
	l = open(t, filepath.Join(t.TempDir(), "log"), o)
	settle(l) // no Sync of a prepared segment shall wait at the gate
	g.shut()
	first = make(chan error, 1)
	go func() { first <- l.Record(context.Background(), small(0)) }()
	<-g.waits
	return l, g, first
}

// A disk that does not answer holds nobody longer than the caller's time: a call
// that still waits is given up and never written; one that is being written may be
// there afterwards, and counts as not recorded all the same.
func TestTimeout(t *testing.T) {
	l, g, first := stalled(t)
	ctx, cancel := context.WithCancel(context.Background())
	late := make(chan error, 1)
	go func() { late <- l.Record(ctx, small(1)) }()
	for l.Queue() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-late; !errors.Is(err, ErrTimeout) || proxy.KindOf(err) != proxy.Unrecorded {
		t.Fatalf("waiting call: %v", err)
	}
	if err := l.Record(ctx, small(2)); !errors.Is(err, ErrTimeout) {
		t.Fatalf("context that had ended before: %v", err)
	}
	g.open()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	record(t, l, small(3))
	var ids []string
	for _, r := range records(t, l.dir) {
		ev, err := r.Event()
		must(t, err)
		ids = append(ids, ev.ID)
	}
	if want := testID(0) + " " + testID(3); strings.Join(ids, " ") != want {
		t.Fatalf("recorded %v, want %s", ids, want)
	}
}

// A full queue refuses at once, and loses nothing of what it holds.
func TestQueueFull(t *testing.T) {
	l, g, first := stalled(t)
	var calls []*call
	for i := range queueCalls {
		c, err := l.encode([]*proxy.Event{small(i + 1)})
		must(t, err)
		must(t, l.enqueue(c))
		calls = append(calls, c)
	}
	err := l.Record(context.Background(), small(1))
	if !errors.Is(err, ErrQueueFull) || proxy.KindOf(err) != proxy.Unrecorded {
		t.Fatalf("record: %v", err)
	}
	g.open()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		if err := <-c.done; err != nil {
			t.Fatal(err)
		}
	}
	if l.Size() != queueCalls+1 || l.waiting.Load() != 0 {
		t.Fatalf("%d records, %d bytes wait", l.Size(), l.waiting.Load())
	}
}

// The queue is bounded in bytes as well.
func TestQueueBytes(t *testing.T) {
	l, g, first := stalled(t)
	l.waiting.Add(queueBytes)
	if err := l.Record(context.Background(), small(1)); !errors.Is(err, ErrQueueFull) {
		t.Fatalf("record: %v", err)
	}
	l.waiting.Add(-queueBytes)
	g.open()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
}

// What is too large is refused and nothing of its call is recorded.
func TestTooLarge(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "log"), quiet())
	big := small(1)
	big.Admin.Detail = strings.Repeat("x", MaxRecord)
	if err := l.Record(context.Background(), small(0), big); !errors.Is(err, ErrTooLarge) || proxy.KindOf(err) != proxy.Unrecorded {
		t.Fatalf("record: %v", err)
	}
	big.Admin.Detail = big.Admin.Detail[:MaxRecord-1000]
	if err := l.Record(context.Background(), big, big, big, big, big); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("more than a segment in one call: %v", err)
	}
	if l.Size() != 0 {
		t.Fatalf("%d records", l.Size())
	}
	record(t, l, big)
}

// Where checkpoints cannot be written, not more than a bound is recorded without.
func TestUnsigned(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "log"), quiet())
	l.notary.signed.Store(-unsignedLimit)
	if err := l.Record(context.Background(), small(1)); !errors.Is(err, ErrUnsigned) || proxy.KindOf(err) != proxy.Unrecorded {
		t.Fatalf("record: %v", err)
	}
	l.notary.signed.Store(0)
	record(t, l, small(1))
}

// Checkpoints come by themselves, within the time that was asked for.
func TestCheckpointsComeByThemselves(t *testing.T) {
	o := quiet()
	o.CheckpointEvery = 5 * time.Millisecond
	l := open(t, filepath.Join(t.TempDir(), "log"), o)
	record(t, l, small(1))
	deadline := time.Now().Add(10 * time.Second)
	for n, _ := l.Signed(); n != 1; n, _ = l.Signed() {
		if time.Now().After(deadline) {
			t.Fatal("no checkpoint")
		}
		time.Sleep(time.Millisecond)
	}
	if _, at := l.Signed(); at.IsZero() {
		t.Error("no time of signing")
	}
}

func TestRecordLeavesTheEventAlone(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "log"), quiet())
	ev := small(1)
	record(t, l, ev)
	if ev.Origin != "" {
		t.Error("the caller's event was written")
	}
	record(t, l) // nothing is recorded at once
	if l.Size() != 1 {
		t.Errorf("%d records", l.Size())
	}
}

// The key is made outside the log, readable by its owner only, and stays.
func TestKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	keys := DefaultKeyDir(dir)
	l := open(t, dir, Options{Segment: minSegment, Ahead: 1})
	origin := l.Origin()
	shut(t, l)
	for name, mode := range map[string]os.FileMode{keys: 0o700, filepath.Join(keys, keyFile): 0o600} {
		st, err := os.Stat(name)
		must(t, err)
		if st.Mode().Perm() != mode {
			t.Errorf("%s has mode %04o, want %04o", name, st.Mode().Perm(), mode)
		}
	}
	public := string(read(t, keys, publicFile))
	if hint := string(read(t, dir, publicFile)); hint != public {
		t.Error("the copy of the verifier key differs")
	}
	secret := strings.TrimSpace(string(read(t, keys, keyFile)))
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(string(read(t, path)), secret) {
			t.Errorf("%s holds the key", path)
		}
		return err
	}))
	l = open(t, dir, Options{Segment: minSegment, Ahead: 1, Origin: "another.example/log"})
	if l.Origin() != origin || string(read(t, keys, publicFile)) != public {
		t.Error("a log that was there has changed its name or its key")
	}
	shut(t, l)

	for _, c := range []struct {
		name string
		do   func()
		o    Options
		says string
	}{
		{"readable by others", func() { must(t, os.Chmod(filepath.Join(keys, keyFile), 0o640)) }, Options{}, "chmod 600"},
		{"not a key", func() {
			must(t, os.Chmod(filepath.Join(keys, keyFile), 0o600))
			must(t, os.WriteFile(filepath.Join(keys, keyFile), []byte("secret words"), 0o600))
		}, Options{}, "not a note signer key"},
		{"inside the log", func() {}, Options{KeyDir: filepath.Join(dir, "keys")}, "lies inside the log"},
		{"another key", func() {}, Options{KeyDir: filepath.Join(t.TempDir(), "keys")}, "not signed by this key"},
		{"half a pair", func() {}, Options{Verifier: mustVerifier(t, public)}, "belong together"},
	} {
		c.do()
		_, err := Open(dir, c.o)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret words") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func mustVerifier(t *testing.T, key string) note.Verifier {
	t.Helper()
	v, err := NewVerifier([]byte(key))
	must(t, err)
	return v
}

func TestDefaultDir(t *testing.T) {
	for _, c := range []struct{ state, home, want string }{
		{"/state", "/home/a", "/state/ostiary/log"},
		{"", "/home/a", "/home/a/.local/state/ostiary/log"},
		{"relative", "/home/a", "/home/a/.local/state/ostiary/log"}, // the specification says to ignore it
		{"", "", ""},
	} {
		t.Setenv("XDG_STATE_HOME", c.state)
		t.Setenv("HOME", c.home)
		got, err := DefaultDir()
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: %s (%v)", c, got, err)
		}
	}
	if got := DefaultKeyDir("/state/ostiary/log/"); got != "/state/ostiary/log.keys" {
		t.Error(got)
	}
}
