package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// copied is a replica in five segments of 20 records each and an open one, and the log
// that it is of.
type copied struct {
	*Replica
	of   *Log
	log  string // its directory
	at   *clock
	seen []byte // its last checkpoint
}

func openCopy(t testing.TB, dir string, of *Log, o Options) *Replica {
	t.Helper()
	r, err := OpenReplica(dir, of.origin, of.verifier, o)
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// copyParts makes a replica of a log that holds its records 25 and 26 from its 61st
// record on, where hold says so.
func copyParts(t testing.TB, hold bool) *copied {
	t.Helper()
	c := &copied{at: &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	c.of, c.log = filled(t, 60, quiet())
	if hold {
		must(t, c.of.Hold(ctx, Hold{ID: "case-7", From: 25, To: 27}, act()))
	} else {
		record(t, c.of, decision(60))
	}
	for n := range 49 {
		record(t, c.of, decision(61+n))
	}
	must(t, c.of.notary.run())
	c.seen = read(t, c.log, checkpointFile)
	o := quiet()
	o.now = func() time.Time { return c.at.now }
	c.Replica = openCopy(t, filepath.Join(t.TempDir(), "replica"), c.of, o)
	for part := range 5 {
		must(t, c.Append(ctx, int64(part*20), cores(t, c.log, part*20, part*20+20), nil))
		c.at.now = c.at.now.AddDate(0, 0, 1)
		must(t, c.Turn(ctx, c.at.now))
	}
	must(t, c.Append(ctx, 100, cores(t, c.log, 100, 110), nil))
	return c
}

func (c *copied) verify(t testing.TB, known bool) *Report {
	t.Helper()
	got, err := Verify(c.Dir(), VerifyOptions{Key: c.of.verifier, Checkpoint: c.seen, Replica: known})
	must(t, err)
	return got
}

// What is forgotten is gone and nothing else is, the replica says so, goes on, and
// verifies; hashes of what is gone stay.
func TestForget(t *testing.T) {
	c := copyParts(t, false)
	all := records(t, c.log)
	before, err := c.Before(c.at.now.AddDate(0, 0, -2))
	if err != nil || before != 40 {
		t.Fatalf("records that came until two days ago: %d, %v", before, err)
	}
	if got, err := c.Forget(ctx, 60); err != nil || got.Segments != 0 {
		t.Fatalf("without a checkpoint: %+v, %v", got, err)
	}
	must(t, c.Append(ctx, 110, nil, c.seen))
	got, err := c.Forget(ctx, 59)
	if err != nil || got.From != 0 || got.To != 40 || got.Segments != 2 || got.Bytes == 0 || len(got.Held) != 0 {
		t.Fatalf("forget: %+v, %v", got, err)
	}
	if got, err := c.Forget(ctx, 59); err != nil || got.From != 40 || got.To != 40 || got.Segments != 0 {
		t.Errorf("again: %+v, %v", got, err)
	}
	check := func(when string) {
		t.Helper()
		r, err := OpenReader(c.Dir())
		must(t, err)
		if _, err := r.At(39); !errors.Is(err, ErrNoRecord) {
			t.Errorf("%s: a record that was forgotten: %v", when, err)
		}
		for i := int64(40); i < 110; i++ {
			if e, err := r.At(i); err != nil || string(e.JSON) != string(all[i].JSON) {
				t.Fatalf("%s: record %d: %v", when, i, err)
			}
		}
		rep := c.verify(t, true)
		if rep.Answer != Good || rep.First != 40 || !slices.ContainsFunc(rep.Notes, func(s string) bool { return strings.Contains(s, "first 40 records were removed from this replica") }) {
			t.Errorf("%s: verify: %+v", when, rep)
		}
		// Nobody but the directory says that it is a replica.
		if rep := c.verify(t, false); rep.Answer != Unclear || len(rep.Altered) != 0 {
			t.Errorf("%s: verify what may be the log itself: %+v", when, rep)
		}
		gone, err := Forgotten(c.Dir())
		if err != nil || gone.To != 40 || gone.Since == "" || gone.Last < gone.Since {
			t.Errorf("%s: %+v, %v", when, gone, err)
		}
		leaves, err := Leaves(c.Dir(), 0, 60)
		must(t, err)
		for i, h := range leaves {
			if h != tlog.RecordHash(all[i].JSON) {
				t.Fatalf("%s: the hash of record %d is another", when, i)
			}
		}
	}
	check("at once")
	must(t, c.Close())
	check("closed")
	o := quiet()
	o.now = c.now()
	c.Replica = openCopy(t, c.Dir(), c.of, o)
	record(t, c.of, decision(500))
	must(t, c.of.notary.run())
	must(t, c.Append(ctx, 110, cores(t, c.log, 110, 111), read(t, c.log, checkpointFile)))
	check("opened anew and gone on")
	if got, err := c.Forget(ctx, 1<<40); err != nil || got.From != 40 || got.To != 100 {
		t.Errorf("the rest: %+v, %v", got, err)
	}
	if got := c.verify(t, true); got.Answer != Good || got.First != 100 || got.Size != 111 {
		t.Errorf("verify: %+v", got)
	}
}

func (c *copied) now() func() time.Time { return func() time.Time { return c.at.now } }

// A hold of the log keeps what it holds, also when the event that set it is gone, and
// until an event lifts it.
func TestForgetHeld(t *testing.T) {
	c := copyParts(t, true)
	must(t, c.Append(ctx, 110, nil, c.seen))
	got, err := c.Forget(ctx, 100)
	if err != nil || got.To != 20 || !slices.Equal(got.Held, []string{"case-7"}) {
		t.Fatalf("held: %+v, %v", got, err)
	}
	// Behind it is another that covers all that come.
	must(t, c.of.Hold(ctx, Hold{ID: "case-8", From: 70}, act()))
	must(t, c.of.Release(ctx, "case-7", act()))
	must(t, c.Append(ctx, 110, cores(t, c.log, 110, 112), nil))
	if got, err = c.Forget(ctx, 100); err != nil || got.From != 20 || got.To != 60 || !slices.Equal(got.Held, []string{"case-8"}) {
		t.Fatalf("another hold: %+v, %v", got, err)
	}
	must(t, c.of.Release(ctx, "case-8", act()))
	must(t, c.of.Hold(ctx, Hold{ID: "case-9", From: 85, To: 86}, act()))
	must(t, c.of.notary.run())
	must(t, c.Append(ctx, 112, cores(t, c.log, 112, 114), read(t, c.log, checkpointFile)))
	if got, err = c.Forget(ctx, 100); err != nil || got.To != 80 || !slices.Equal(got.Held, []string{"case-9"}) {
		t.Fatalf("a third hold: %+v, %v", got, err)
	}
	must(t, c.Turn(ctx, c.at.now.AddDate(1, 0, 0)))
	c.Replica = func() *Replica { must(t, c.Close()); return openCopy(t, c.Dir(), c.of, quiet()) }()
	if got, err = c.Forget(ctx, 1<<40); err != nil || got.Segments != 0 || !slices.Equal(got.Held, []string{"case-9"}) {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
}

// Who removes records by hand, or says by the mark that more or others were removed than
// were, is found.
func TestForgottenByHand(t *testing.T) {
	mark := func(t *testing.T, c *copied, change func(m *forgotten)) {
		t.Helper()
		m, err := readForgotten(c.Dir())
		must(t, err)
		change(&m)
		must(t, c.writeForgotten(&m))
	}
	remove := func(t *testing.T, c *copied, numbers ...int64) {
		t.Helper()
		for _, n := range numbers {
			must(t, os.Remove(filepath.Join(c.Dir(), sealedName(n))))
		}
		list, err := listSegments(c.Dir())
		must(t, err)
		m := marker{list[0].number, segmentHeader, list[0].header.tree.size}
		must(t, os.WriteFile(filepath.Join(c.Dir(), prunedFile), m.encode(), 0o600))
	}
	for name, tt := range map[string]struct {
		do    func(t *testing.T, c *copied, first int64)
		bad   int64
		broke bool // nothing more is forgotten
	}{
		"one more segment": {func(t *testing.T, c *copied, n int64) { remove(t, c, n) }, 40, true},
		"the mark":         {func(t *testing.T, c *copied, n int64) { must(t, os.Remove(filepath.Join(c.Dir(), forgottenFile))) }, 0, true},
		"a mark that is none": {func(t *testing.T, c *copied, n int64) {
			must(t, os.WriteFile(filepath.Join(c.Dir(), forgottenFile), []byte("{"), 0o600))
		}, 0, true},
		"a mark of other records": {func(t *testing.T, c *copied, n int64) { mark(t, c, func(m *forgotten) { m.Root[3] ^= 1 }) }, -1, true},
		"a mark of more, and a segment behind": {func(t *testing.T, c *copied, n int64) {
			mark(t, c, func(m *forgotten) { m.To, m.Read = 60, 110 })
			remove(t, c, n, n+1)
		}, 60, true},
		"a mark of all, and one in the middle": {func(t *testing.T, c *copied, n int64) {
			mark(t, c, func(m *forgotten) { m.To, m.Read = 110, 110 })
			must(t, os.Remove(filepath.Join(c.Dir(), sealedName(n+1))))
		}, 60, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := copyParts(t, false)
			must(t, c.Append(ctx, 110, nil, c.seen))
			_, err := c.Forget(ctx, 40)
			must(t, err)
			list, err := listSegments(c.Dir())
			must(t, err)
			tt.do(t, c, list[0].number)
			for _, known := range []bool{true, false} {
				got := c.verify(t, known)
				if got.Answer != Altered || got.FirstBad != tt.bad {
					t.Errorf("verify: %+v", got)
				}
			}
			if _, err := c.Forget(ctx, 80); (err != nil) != tt.broke {
				t.Errorf("forget more: %v", err)
			}
		})
	}
	// The log's own retention is of the log, not of its copy.
	c := copyParts(t, false)
	must(t, c.of.Seal(ctx))
	_, err := c.of.Retain(ctx, time.Now().Add(time.Hour), act(), false)
	must(t, err)
	must(t, c.of.notary.run())
	more := records(t, c.log)
	for _, e := range more {
		must(t, c.Append(ctx, e.Index, [][]byte{e.JSON}, nil))
	}
	c.seen = read(t, c.log, checkpointFile)
	must(t, c.Append(ctx, c.Size(), nil, c.seen))
	// Of the log itself its events count, wherever it lies.
	if got, err := Verify(c.log, VerifyOptions{Key: c.of.verifier, Checkpoint: c.seen, Replica: true}); err != nil || got.Answer != Good || got.First == 0 {
		t.Errorf("the log: %+v, %v", got, err)
	}
	list, err := listSegments(c.Dir())
	must(t, err)
	remove(t, c, list[0].number)
	if got := c.verify(t, true); got.Answer != Altered || got.FirstBad != 0 {
		t.Errorf("removed by hand after the log's retention: %+v", got)
	}
}

// At every operation of a disk, every fault: what was forgotten is gone or there, what was
// not is there, a hold holds, and the replica goes on. Without OSTIARY_FAULTS=all every
// fifth operation is tried, from another one for each fault.
func TestForgetAtEveryFault(t *testing.T) {
	of, log := filled(t, 30, quiet())
	must(t, of.Hold(ctx, Hold{ID: "case-7", From: 20, To: 21}, act()))
	record(t, of, decision(31), decision(32))
	must(t, of.notary.run())
	seen := read(t, log, checkpointFile)
	all := cores(t, log, 0, 33)
	start := func(t *testing.T, f fault) (m *machine, o Options, acked int64) {
		base := t.TempDir()
		m = newMachine(filepath.Join(base, "replica"), filepath.Join(base, "keys"))
		o = quiet()
		o.KeyDir, o.fs = m.keys, m
		r, err := OpenReplica(m.root, of.origin, of.verifier, o)
		must(t, err)
		for at := 0; at < 30; at += 10 {
			must(t, r.Append(ctx, int64(at), all[at:at+10], nil))
			must(t, r.log.Seal(ctx))
		}
		must(t, r.Append(ctx, 30, all[30:32], nil))
		settle(r.log)
		m.mu.Lock()
		m.ops, m.fault = 0, f
		m.mu.Unlock()
		acked = 32
		if r.Append(ctx, 32, all[32:], seen) == nil {
			acked = 33
		}
		for before := int64(10); before <= 30; before += 10 {
			_, _ = r.Forget(ctx, before)
		}
		m.mu.Lock()
		m.crashed = true
		m.mu.Unlock()
		_ = r.Close()
		return m, o, acked
	}
	check := func(t *testing.T, dir string, o Options, acked int64) {
		t.Helper()
		// Several futures of one machine are tried: each with what was seen then.
		own := filepath.Join(t.TempDir(), "keys")
		if _, err := os.Stat(o.KeyDir); err == nil {
			copyTree(t, o.KeyDir, own)
		}
		o.fs, o.KeyDir = memory{}, own
		r := openCopy(t, dir, of, o)
		size := r.Size()
		if size < acked {
			t.Fatalf("%d of %d records", size, acked)
		}
		got := records(t, dir)
		first := int64(33)
		if len(got) > 0 {
			first = got[0].Index
		}
		if first != 0 && first != 10 && first != 20 {
			t.Fatalf("it begins with record %d", first)
		}
		for i, e := range got {
			if e.Index != first+int64(i) || string(e.JSON) != string(all[e.Index]) {
				t.Fatalf("record %d is another", e.Index)
			}
		}
		must(t, r.Append(ctx, size, all[size:], seen))
		v := VerifyOptions{Key: of.verifier, Checkpoint: seen, Replica: true}
		if rep, err := Verify(dir, v); err != nil || rep.Answer != Good || rep.First != first {
			t.Fatalf("verify: %+v, %v", rep, err)
		}
		// It ends what was begun, and no more.
		if _, err := r.Forget(ctx, 33); err != nil {
			t.Fatal(err)
		}
		must(t, r.Close())
		if rep, err := Verify(dir, v); err != nil || rep.Answer != Good || rep.First != 20 {
			t.Fatalf("verify in the end: %+v, %v", rep, err)
		}
	}
	clean, o, acked := start(t, fault{})
	total := clean.ops
	check(t, clean.root, o, acked)
	tried := 0
	stride := min(faultStride(), 5)
	for offset, kind := range []faultKind{kill, failIO, failRoom, failHalf} {
		for at := 1 + offset; at <= total; at += stride {
			m, o, acked := start(t, fault{at, kind})
			for end, find := range ends(uint64(at)) {
				dir := filepath.Join(t.TempDir(), "replica")
				find(t, m, dir)
				tried++
				t.Run(fmt.Sprintf("%d of kind %d, %s", at, kind, end), func(t *testing.T) { check(t, dir, o, acked) })
				must(t, os.RemoveAll(dir))
			}
			must(t, os.RemoveAll(m.root))
		}
	}
	if total < 20 {
		t.Errorf("%d operations only", total)
	}
	t.Logf("%d operations, %d futures", total, tried)
}
