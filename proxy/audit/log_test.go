package audit

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// What was recorded is there, in order, in this process and after it, over many
// segments, and the log verifies.
func TestRecordedIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	onDisk := quiet()
	onDisk.fs = nil
	l := open(t, dir, onDisk)
	if r := l.Recovery(); !r.New || r.Records != 0 {
		t.Fatalf("recovery of a new log: %+v", r)
	}
	const n = 200 // some five segments
	for i := range n {
		record(t, l, decision(i), outcomeOf(i))
		if i%97 == 0 {
			if err := l.notary.run(); err != nil {
				t.Fatal(err)
			}
		}
		if i == n/2 {
			shut(t, l)
			l = open(t, dir, onDisk)
			if r := l.Recovery(); r.New || r.Records != int64(2*(i+1)) || r.Torn != 0 {
				t.Fatalf("recovery: %+v", r)
			}
		}
	}
	got := records(t, dir)
	if len(got) != 2*n {
		t.Fatalf("%d records, want %d", len(got), 2*n)
	}
	for i, e := range got {
		ev, err := e.Event()
		if err != nil {
			t.Fatal(err)
		}
		want := testID(i / 2)
		if i%2 == 1 {
			want = testID(i/2 + 1<<30)
		}
		if ev.ID != want || ev.Origin != "test.example/log" || e.Index != int64(i) {
			t.Fatalf("record %d is %s of %s", i, ev.ID, ev.Origin)
		}
	}
	shut(t, l)
	r, err := Verify(dir, trusted(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if r.Answer != Good || r.Size != 2*n || r.Signed != 2*n || r.FirstBad != -1 {
		t.Fatalf("verify: %+v", r)
	}
}

func TestConcurrentRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	o := quiet()
	events := 0 // the writer's until the log is closed
	o.Observe = func(c Commit) { events += c.Events }
	l := open(t, dir, o)
	var wg sync.WaitGroup
	const callers, each = 16, 40
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if err := l.Record(context.Background(), small(c*each+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	shut(t, l)
	if events != callers*each || l.Size() != callers*each {
		t.Errorf("observed %d, size %d", events, l.Size())
	}
	seen := map[string]bool{}
	for _, e := range records(t, dir) {
		ev, _ := e.Event()
		seen[ev.ID] = true
	}
	if len(seen) != callers*each {
		t.Errorf("%d different events, want %d", len(seen), callers*each)
	}
}

func TestSecondWriterIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	open(t, dir, quiet())
	if _, err := Open(dir, quiet()); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
}

func TestClosedLogRecordsNothing(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "log"), quiet())
	shut(t, l)
	err := l.Record(context.Background(), small(1))
	if !errors.Is(err, ErrClosed) || proxy.KindOf(err) != proxy.Unrecorded {
		t.Fatalf("record on a closed log: %v", err)
	}
}

// Whoever wants committed events gets them as they are stored, in order, and keeps
// them.
func TestCommitted(t *testing.T) {
	o := quiet()
	var got [][]byte
	next := int64(0)
	o.Committed = func(first int64, events [][]byte) {
		if first != next {
			t.Errorf("from %d, want %d", first, next)
		}
		got, next = append(got, events...), first+int64(len(events))
	}
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, o)
	for n := range 50 {
		record(t, l, decision(n), small(n))
	}
	shut(t, l)
	for i, r := range records(t, dir) {
		if string(got[i]) != string(r.JSON) {
			t.Fatalf("event %d is another", i)
		}
	}
	if len(got) != 100 {
		t.Errorf("%d events", len(got))
	}
}
