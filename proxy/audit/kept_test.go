package audit

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// A record by its index is what reading in order gives, from segments that are packed
// and from those that are not, whoever else reads.
func TestAtGivesWhatIsThere(t *testing.T) {
	const packed, all = 500, 700
	l, dir := filled(t, packed, quiet())
	must(t, l.Seal(ctx))
	for n := packed; n < all; n++ {
		record(t, l, decision(n))
	}
	want := with(t, dir)
	r, err := OpenReader(dir)
	must(t, err)
	r.events.limit = 600 << 10 // two blocks: some go and come again
	people := r.WithPersonal()
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(n), 7))
			i := int64(0)
			for range 400 {
				if i = i + rng.Int64N(9) - 4; rng.IntN(10) == 0 || i < 0 || i >= all {
					i = rng.Int64N(all)
				}
				e, err := r.At(i)
				if err != nil || e.Index != i || !bytes.Equal(e.JSON, want[i].JSON) || e.Personal != nil {
					t.Errorf("record %d: %d, %v", i, e.Index, err)
					return
				}
				e, err = people.At(i)
				if err != nil || !bytes.Equal(e.JSON, want[i].JSON) || !bytes.Equal(e.Personal, want[i].Personal) || (e.Personal == nil) != (want[i].Personal == nil) {
					t.Errorf("record %d with its personal part: %v", i, err)
					return
				}
				clear(e.JSON) // it is the caller's
			}
		})
	}
	readers.Wait()
	if r.events.bytes > r.events.limit || len(r.events.blocks) == 0 {
		t.Errorf("%d bytes are kept in %d blocks, at most %d may be", r.events.bytes, len(r.events.blocks), r.events.limit)
	}
	for _, i := range []int64{-1, all, all + 1<<40} {
		if e, err := r.At(i); !errors.Is(err, ErrNoRecord) {
			t.Errorf("record %d: %d, %v", i, e.Index, err)
		}
	}
}

// What was erased, removed, damaged or replaced since it was read is not given from
// memory.
func TestAtKeepsNothingThatIsGone(t *testing.T) {
	const events = 400
	l, dir := filled(t, events, quiet())
	must(t, l.Seal(ctx))
	r, err := OpenReader(dir)
	must(t, err)
	people := r.WithPersonal()
	look := func(i int64) Record {
		t.Helper()
		e, err := people.At(i)
		must(t, err)
		if _, err := r.At(i); err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := look(7); len(e.Personal) == 0 {
		t.Fatal("there is nothing to erase")
	}
	got, err := l.Erase(ctx, func(r Record) bool { return r.Index == 7 }, act(), false)
	if err != nil || got.Parts != 1 {
		t.Fatalf("erase: %+v, %v", got, err)
	}
	if e := look(7); e.Personal == nil || len(e.Personal) != 0 {
		t.Errorf("%d bytes are given that were erased", len(e.Personal))
	}
	if e := look(8); len(e.Personal) == 0 {
		t.Error("what was not erased is not given")
	}
	for _, b := range people.people.blocks {
		if bytes.Contains(b.bodies, []byte(testID(7))) {
			t.Error("what was erased is kept")
		}
	}

	list, err := r.Segments()
	must(t, err)
	second := list[1]
	look(second.First)
	name := filepath.Join(dir, sealedName(second.Number))
	whole := read(t, name)
	patch(t, name, func(b []byte) { b[segmentHeader+packBlockHeader+9] ^= 1 })
	var d *Damage
	if _, err := r.At(second.First); !errors.As(err, &d) || d.Place != sealedName(second.Number) {
		t.Errorf("of a damaged pack: %v", err)
	}
	must(t, os.WriteFile(name, whole, 0o600))
	look(second.First)

	look(list[0].First)
	must(t, os.Remove(filepath.Join(dir, sealedName(list[0].Number))))
	must(t, os.Remove(filepath.Join(dir, personalName(list[0].Number))))
	if _, err := r.At(list[0].First); !errors.Is(err, ErrNoRecord) {
		t.Errorf("of a segment that was removed: %v", err)
	}
	shut(t, l)

	// Another log in the place of the one that was read.
	must(t, os.RemoveAll(dir))
	o := quiet()
	o.Origin = "test.example/another"
	l = open(t, dir, o)
	for n := range events {
		record(t, l, small(n))
	}
	for _, i := range []int64{second.First, second.First + 1, 399} {
		if e, err := r.At(i); err != nil || !bytes.Contains(e.JSON, []byte(testID(int(i)))) || bytes.Contains(e.JSON, []byte(`"decision"`)) {
			t.Errorf("record %d of the other log: %v", i, err)
		}
	}
}

// Personal parts are dropped when nobody asks for them any more: they may be erased
// meanwhile.
func TestPersonalPartsAreNotKept(t *testing.T) {
	l, dir := filled(t, 200, quiet())
	must(t, l.Seal(ctx))
	r, err := OpenReader(dir)
	must(t, err)
	r = r.WithPersonal()
	if r.people.only != keptFor {
		t.Fatalf("they are kept for %v", r.people.only)
	}
	r.people.only = time.Millisecond
	if e, err := r.At(1); err != nil || len(e.Personal) == 0 {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		r.people.mu.Lock()
		n := len(r.people.blocks)
		r.people.mu.Unlock()
		if n == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d blocks are still kept", n)
		}
	}
	if e, err := r.At(1); err != nil || len(e.Personal) == 0 {
		t.Errorf("read again: %v", err)
	}
}

// Spots of a segment that is not packed lie where records begin, a bounded number.
func TestSpots(t *testing.T) {
	o := quiet()
	o.Segment = 4 << 20
	l, dir := filled(t, 1000, o)
	r, err := OpenReader(dir)
	must(t, err)
	if e, err := r.At(999); err != nil || e.Index != 999 {
		t.Fatal(err)
	}
	var spots []spot
	for _, list := range r.spots {
		spots = append(spots, slices.DeleteFunc(slices.Clone(list), func(s spot) bool { return s.offset == 0 })...)
	}
	if len(spots) < 20 || len(spots) > int(o.Segment/spotEvery) {
		t.Fatalf("%d spots", len(spots))
	}
	for _, s := range spots {
		if e, err := r.At(s.index); err != nil || e.Index != s.index {
			t.Fatalf("%+v: %d, %v", s, e.Index, err)
		}
	}
	shut(t, l)
}
