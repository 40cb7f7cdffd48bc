package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Follow sees each record once, and as soon as it is durable.
func TestFollow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, quiet())
	record(t, l, small(0), small(1))
	r, err := OpenReader(dir)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := make(chan int64, 200)
	done := make(chan error, 1)
	go func() {
		done <- r.Follow(ctx, 1, func(rec Record) error { seen <- rec.Index; return nil })
	}()
	for i := range 100 {
		record(t, l, decision(i))
		if i == 50 {
			for want := int64(1); want <= 52; want++ {
				if got := <-seen; got != want {
					t.Fatalf("saw %d, want %d", got, want)
				}
			}
		}
	}
	for want := int64(53); want <= 101; want++ {
		if got := <-seen; got != want {
			t.Fatalf("saw %d, want %d", got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	if err := r.Follow(context.Background(), 0, func(Record) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("follow: %v", err)
	}
}

// What was written and not synchronised is not shown.
func TestReaderShowsDurableRecordsOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, quiet())
	record(t, l, small(0))
	w := l.writer
	f := appendFrame(nil, frame{1, w.offset, []byte(`{"not":"durable"}`), nil})
	if _, err := w.segment.file.WriteAt(f, w.offset); err != nil {
		t.Fatal(err)
	}
	if got := records(t, dir); len(got) != 1 {
		t.Fatalf("%d records are shown, one is durable", len(got))
	}
}

func TestReaderWithoutLog(t *testing.T) {
	if _, err := OpenReader(t.TempDir()); !errors.Is(err, ErrNoLog) {
		t.Fatal(err)
	}
}

// A damaged record ends the reading with its place; nothing wrong is shown.
func TestReaderOnDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	specimen(t, dir)
	name, at, _ := locate(t, dir, 9)
	patch(t, filepath.Join(dir, name), func(b []byte) { b[at+40] ^= 1 })
	r, err := OpenReader(dir)
	must(t, err)
	n := 0
	for _, err = range r.Records(0) {
		if err == nil {
			n++
		}
	}
	var d *Damage
	if n != 9 || !errors.As(err, &d) || d.Index != 9 || d.Place != name {
		t.Fatalf("%d records, then %v", n, err)
	}
	// From behind the damage in other segments, reading goes on.
	list, err := r.Segments()
	must(t, err)
	last := list[len(list)-1]
	if len(list) < 2 || last.End == last.First {
		t.Fatalf("%d segments, the last one with %d records", len(list), last.End-last.First)
	}
	for _, i := range []int64{last.First, last.End - 1} {
		if e, err := r.At(i); err != nil || e.Index != i {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

// Reading on goes on where the last reading ended, whatever was asked for between.
func TestReadsOn(t *testing.T) {
	l, dir := filled(t, 90, quiet())
	r, err := OpenReader(dir)
	must(t, err)
	for _, from := range []int64{0, 50, 89, 20, 21, 22, 88, 0, 60} {
		next := from
		for e, err := range r.Records(from) {
			must(t, err)
			if e.Index != next {
				t.Fatalf("from %d: record %d, want %d", from, e.Index, next)
			}
			if next++; next == from+3 {
				break
			}
		}
		if e, err := r.At(from); err != nil || e.Index != from {
			t.Fatalf("%d by itself: %d, %v", from, e.Index, err)
		}
		record(t, l, small(int(from)))
	}
}

// A reader that outlives its log reads the one that came in its place.
func TestReadsAnotherLogInItsPlace(t *testing.T) {
	l, dir := filled(t, 40, quiet())
	r, err := OpenReader(dir)
	must(t, err)
	count := func(from int64) (n int, err error) {
		for _, e := range r.Records(from) {
			if e != nil {
				return n, e
			}
			n++
		}
		return n, nil
	}
	if n, err := count(30); err != nil || n != 10 {
		t.Fatalf("%d records, %v", n, err)
	}
	shut(t, l)
	must(t, os.RemoveAll(dir))
	o := quiet()
	o.Origin = "test.example/another"
	l = open(t, dir, o)
	for n := range 60 {
		record(t, l, small(n))
	}
	if _, err := count(45); err == nil {
		t.Error("read on where the other log ended")
	}
	if n, err := count(45); err != nil || n != 15 {
		t.Errorf("%d records, %v", n, err)
	}
}
