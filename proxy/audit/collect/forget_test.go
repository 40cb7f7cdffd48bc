package collect

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

// What came too long ago is forgotten once it is copied and cosigned; the log goes on
// being taken, cosigned and proven, also after a restart and without the file of hashes.
func TestForget(t *testing.T) {
	n := newNode(t, "one.example/log")
	now := time.Now()
	a := &alarms{}
	o := Options{
		Dir: filepath.Join(t.TempDir(), "collector"), Origins: []Origin{n.known(t)}, Cosigner: newCosigner(t), Alarm: a.add,
		now: func() time.Time { return now },
	}
	c := newCollector(t, o)
	url := serve(t, c)
	ship := func(count int) {
		t.Helper()
		n.record(t, "event", count)
		n.signed(t)
		if err := n.ship(t, n.sink(t, n.options(t, url))); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	forget := func(keep time.Duration, upto int64) audit.Retained {
		t.Helper()
		got, err := c.Forget(context.Background(), n.origin, keep, upTo(upto))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got, err := c.Forget(context.Background(), "unknown", day, nil); err != nil || got.Segments != 0 {
		t.Errorf("an unknown log: %+v, %v", got, err)
	}
	ship(300)
	if got := forget(30*day, 1<<40); got.Segments != 0 {
		t.Errorf("what is young: %+v", got)
	}
	now = now.Add(10 * day) // the time for which it is kept is made of eight segments at least
	if got := forget(30*day, 1<<40); got.Segments != 0 {
		t.Errorf("what is young, in a segment of its own: %+v", got)
	}
	ship(200)
	now = now.Add(40 * day)
	if got := forget(30*day, 299); got.Segments != 0 {
		t.Errorf("what is not copied: %+v", got)
	}
	got := forget(30*day, 300)
	if got.From != 0 || got.To != 300 || got.Segments != 1 || got.Bytes == 0 {
		t.Fatalf("what is old: %+v", got)
	}
	check := func(when string) {
		t.Helper()
		all := n.cores(t)
		for _, i := range []int64{0, 1, 299, 300, int64(len(all)) - 1} {
			if h, err := c.Leaf(context.Background(), n.origin, i); err != nil || h != tlog.RecordHash(all[i]) {
				t.Errorf("%s: the hash of record %d: %v", when, i, err)
			}
		}
		s := statusOf(t, c, n.origin)
		if s.First != 300 || s.Size != int64(len(all)) || s.Cosigned != s.Size || s.Trouble != "" {
			t.Errorf("%s: %+v", when, s)
		}
		rep, err := audit.Verify(s.Dir, audit.VerifyOptions{Key: n.key(t), Checkpoint: n.signed(t), Replica: true})
		if err != nil || rep.Answer != audit.Good || rep.First != 300 || rep.Size != s.Size {
			t.Errorf("%s: verify: %+v, %v", when, rep, err)
		}
	}
	ship(10)
	check("at once")
	for _, lost := range []bool{false, true} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Forget(context.Background(), n.origin, 0, nil); err != nil || got.Segments != 0 {
			t.Errorf("of a collector that is closed: %+v, %v", got, err)
		}
		if lost {
			if err := os.Remove(filepath.Join(filepath.Dir(keptDir(o, n)), "hashes")); err != nil {
				t.Fatal(err)
			}
		}
		c = newCollector(t, o)
		url = serve(t, c)
		// What was cosigned is known before anybody pushes.
		if got := forget(500*day, 1<<40); got.From != 300 || got.Segments != 0 {
			t.Errorf("after a restart: %+v", got)
		}
		ship(5)
		check("after a restart")
	}
	if list := a.codes(); len(list) != 0 {
		t.Errorf("alarms: %v", list)
	}
	// A log that contradicts what was forgotten is found as ever.
	p := n.push(t, 290, 305)
	p.Cores[0] = []byte(`{"kind":"admin"}`)
	var r *Refusal
	if _, err := n.sink(t, n.options(t, url)).send(context.Background(), "records", p); !errors.As(err, &r) || r.Code != CodeMismatch || r.Index != 290 {
		t.Errorf("a push of other records: %v", err)
	}
}

// upTo says that records below an index are copied.
func upTo(index int64) func(context.Context, int64, int64) (int64, error) {
	return func(_ context.Context, from, to int64) (int64, error) {
		if from >= to {
			return 0, errors.New("asked about nothing")
		}
		return index, nil
	}
}

func keptDir(o Options, n *node) string {
	return filepath.Join(o.Dir, "origins", label(n.origin), "log")
}

// While records are pushed and the collector closes, forgetting does no harm.
func TestForgetWhilePushing(t *testing.T) {
	n := newNode(t, "one.example/log")
	c := newCollector(t, Options{Origins: []Origin{n.known(t)}, Cosigner: newCosigner(t)})
	s := n.sink(t, n.options(t, serve(t, c)))
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			if _, err := c.Forget(context.Background(), n.origin, 0, nil); err != nil {
				ended <- err
				return
			}
			select {
			case <-done:
				ended <- nil
				return
			default:
			}
		}
	}()
	for range 20 {
		n.record(t, "event", 50)
		n.signed(t)
		if err := n.ship(t, s); err != nil {
			t.Error(err)
		}
	}
	close(done)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	st := statusOf(t, c, n.origin)
	if st.Size != n.log.Size() || st.First == 0 {
		t.Errorf("%+v", st)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	rep, err := audit.Verify(st.Dir, audit.VerifyOptions{Key: n.key(t), Checkpoint: n.signed(t), Replica: true})
	if err != nil || rep.Answer != audit.Good || rep.First != st.First {
		t.Errorf("verify: %+v, %v", rep, err)
	}
}
