package audit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ostiary/ostiary/proxy"
)

// filled makes a log of several segments whose events have personal parts.
func filled(t testing.TB, events int, o Options) (*Log, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, dir, o)
	for n := range events {
		ev := decision(n)
		ev.Personal = &proxy.PersonalRecord{Address: "192.0.2.7", Subject: testID(n), Fingerprints: []string{"fp:EMAIL_ADDRESS:1:" + testID(n)}}
		if n%5 == 0 {
			ev.Personal = nil
		}
		record(t, l, ev)
	}
	return l, dir
}

// with reads a log with its personal parts.
func with(t testing.TB, dir string) []Record {
	t.Helper()
	r, err := OpenReader(dir)
	must(t, err)
	var out []Record
	for e, err := range r.WithPersonal().Records(0) {
		must(t, err)
		out = append(out, e)
	}
	return out
}

// Packing changes nothing that can be read, makes the log smaller, and leaves
// every proof as it was.
func TestSeal(t *testing.T) {
	const events = 700
	l, dir := filled(t, events, quiet())
	before := with(t, dir)
	list, err := listSegments(dir)
	must(t, err)
	if len(before) != events || len(list) < 4 {
		t.Fatalf("%d records in %d segments", len(before), len(list))
	}
	raw := int64(0)
	for _, s := range list {
		raw += s.size
	}
	must(t, l.Seal(context.Background()))
	after := with(t, dir)
	if len(after) != events {
		t.Fatalf("%d records", len(after))
	}
	packed := int64(0)
	r, err := OpenReader(dir)
	must(t, err)
	segs, err := r.Segments()
	must(t, err)
	for i, s := range segs {
		if s.Sealed != (i < len(segs)-1) {
			t.Errorf("segment %d: packed is %v", s.Number, s.Sealed)
		}
		if s.Sealed {
			packed += s.Bytes
		}
	}
	if packed == 0 || packed > raw/4 {
		t.Errorf("%d bytes packed of %d", packed, raw)
	}
	for i := range before {
		if !bytes.Equal(before[i].JSON, after[i].JSON) || !bytes.Equal(before[i].Personal, after[i].Personal) || (before[i].Personal == nil) != (i%5 == 0) {
			t.Fatalf("record %d differs", i)
		}
		if bytes.Contains(before[i].JSON, []byte("192.0.2.7")) || bytes.Contains(before[i].JSON, []byte("fp:")) {
			t.Fatalf("record %d: the event holds of its personal part", i)
		}
		p, err := after[i].OpenPersonal()
		if err != nil || (p == nil) != (i%5 == 0) || p != nil && (p.Subject != testID(i) || len(p.Salt) != 2*saltBytes) {
			t.Fatalf("record %d: personal part %+v, %v", i, p, err)
		}
		one, err := r.At(int64(i))
		if err != nil || !bytes.Equal(one.JSON, before[i].JSON) || one.Personal != nil {
			t.Fatalf("record %d by itself: %v", i, err)
		}
	}
	if _, err := r.At(events); !errors.Is(err, ErrNoRecord) {
		t.Errorf("a record that is not there: %v", err)
	}
	shut(t, l)
	if rep, err := Verify(dir, trusted(t, dir)); err != nil || rep.Answer != Good {
		t.Fatalf("verify: %+v, %v", rep, err)
	}
	l = open(t, dir, quiet())
	record(t, l, small(events))
	must(t, l.Seal(context.Background()))
	shut(t, l)
	if n := len(records(t, dir)); n != events+1 {
		t.Errorf("%d records after a second start", n)
	}
}

// A segment that is full is packed without being asked.
func TestSealsByItself(t *testing.T) {
	o := quiet()
	o.noSeal = false
	sealed := make(chan int64, 100)
	o.Sealed = func(n int64) { sealed <- n }
	l, dir := filled(t, 400, o)
	must(t, l.notary.run())
	if n := <-sealed; n != 0 {
		t.Errorf("segment %d was packed first", n)
	}
	shut(t, l)
	if n := len(records(t, dir)); n != 400 {
		t.Errorf("%d records", n)
	}
}

// A pack that was altered anywhere is not read as if it were whole.
func TestPackIsChecked(t *testing.T) {
	l, dir := filled(t, 300, quiet())
	must(t, l.Seal(context.Background()))
	shut(t, l)
	v := trusted(t, dir)
	name := filepath.Join(dir, sealedName(0))
	whole := read(t, name)
	for at := 0; at < len(whole); at += 1 + len(whole)/97 {
		b := bytes.Clone(whole)
		b[at] ^= 4
		must(t, os.WriteFile(name, b, 0o600))
		rep, err := Verify(dir, v)
		if err != nil || rep.Answer != Altered || rep.FirstBad < 0 {
			t.Fatalf("byte %d altered: %+v, %v", at, rep, err)
		}
	}
	for _, cut := range []int{0, segmentHeader, len(whole) / 2, len(whole) - 1} {
		must(t, os.WriteFile(name, whole[:cut], 0o600))
		if rep, err := Verify(dir, v); err != nil || rep.Answer != Altered {
			t.Fatalf("cut to %d: %+v, %v", cut, rep, err)
		}
	}
	must(t, os.WriteFile(name, whole, 0o600))
	if rep, err := Verify(dir, v); err != nil || rep.Answer != Good {
		t.Fatalf("put back: %+v, %v", rep, err)
	}
	// A personal part in another's place is not taken for its own.
	one := with(t, dir)
	mixed := Record{Index: 1, JSON: one[1].JSON, Personal: one[2].Personal}
	if _, err := mixed.OpenPersonal(); !errors.Is(err, ErrCommitment) {
		t.Errorf("another's personal part: %v", err)
	}
}

// Reading a log goes on while its segments are packed.
func TestReadWhilePacked(t *testing.T) {
	l, dir := filled(t, 300, quiet())
	r, err := OpenReader(dir)
	must(t, err)
	n := 0
	for e, err := range r.Records(0) {
		must(t, err)
		if e.Index == 10 {
			must(t, l.Seal(context.Background()))
		}
		n++
	}
	if n != 300 {
		t.Errorf("%d records", n)
	}
}
