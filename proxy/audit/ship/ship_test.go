package ship

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/durable"
)

func TestShipsARealLogWhileItGrows(t *testing.T) {
	dir := t.TempDir()
	l, err := audit.Open(filepath.Join(dir, "log"), audit.Options{Segment: 128 << 10, Ahead: 1, Origin: "test.example/log"})
	must(t, err)
	defer l.Close()
	for n := range 50 {
		must(t, l.Record(context.Background(), event(n)))
	}
	src, err := audit.OpenReader(filepath.Join(dir, "log"))
	must(t, err)
	st := newStore()
	r := start(t, fast(src, dir), Target{Name: "store", Sink: st, Limits: Limits{Records: 7, Age: time.Millisecond}})
	for n := range 250 { // more than one segment
		e := event(50 + n)
		e.Personal = &proxy.PersonalRecord{Address: "192.0.2.7", Subject: "canary"}
		must(t, l.Record(context.Background(), e))
	}
	until(t, "all arrived", func() bool { return st.count() == 300 })
	must(t, r.end(t))
	for rec, err := range src.Records(0) {
		must(t, err)
		if strings.Contains(string(rec.JSON), "192.0.2.7") || strings.Contains(string(rec.JSON), "canary") {
			t.Errorf("record %d went out with its personal part", rec.Index)
		}
		if st.rows[fmt.Sprintf("test.example/log:%d", rec.Index)] != string(rec.JSON) {
			t.Errorf("record %d did not arrive as it was recorded", rec.Index)
		}
		h := tlog.RecordHash(rec.JSON)
		if Leaf(rec.JSON) != [32]byte(h) {
			t.Error("Leaf is not the leaf hash of the log's tree")
		}
	}
	if st.arrived != 300 || st.closed != 1 {
		t.Errorf("%d arrivals, closed %d times", st.arrived, st.closed)
	}
	if c, err := Cursors(filepath.Join(dir, "ship")); err != nil || len(c) != 1 || c[0].Next != 300 || c[0].End != 300 {
		t.Errorf("cursors %+v %v", c, err)
	}
}

// A kill at every step, in a loop until nothing is killed any more: before, in and
// after the batch, and at each step of writing the cursor and the parked record.
func TestKilledAtEveryStep(t *testing.T) {
	const records = 14
	refused := []int64{5}
	// The n-th step of the whole life of the sink is the one that kills.
	for n := 1; ; n++ {
		dir := t.TempDir()
		p := newPaper(records)
		st := newStore()
		steps, killed := 0, false
		step := func() {
			steps++
			if steps == n {
				killed = true
				die()
			}
		}
		st.before = func(_ int, b Batch) error {
			step()
			for _, i := range refused {
				if i >= b.First && i < b.End() {
					return Refuse(-1, "poison")
				}
			}
			return nil
		}
		st.half = func(int, Batch) error { step(); return nil }
		st.after = func(int, Batch) error { step(); return nil }
		o := fast(p, dir)
		o.disk = killer{step}
		for range 3 {
			r := start(t, o, Target{Name: "s", Sink: st, Limits: tiny})
			until(t, "all arrived or killed", func() bool { return r.gone() || r.Statuses()[0].Cursor == records })
			must(t, r.end(t))
		}
		st.holds(t, p, refused...)
		parked, err := Parked(o.Dir, "s")
		must(t, err)
		if len(parked) != 1 || parked[0].Index != 5 || parked[0].Reason != "poison" {
			t.Errorf("killed at step %d: parked %+v", n, parked)
		}
		if !killed {
			if n < 30 {
				t.Errorf("only %d steps", n)
			}
			break
		}
	}
}

// killer ends the process at each step of writing.
type killer struct{ step func() }

func (k killer) Replace(name string, b []byte) error {
	k.step()
	if err := os.WriteFile(name+".new-1", b[:len(b)/2], fileMode); err != nil { // torn
		return err
	}
	k.step()
	if err := durable.Replace(name, b); err != nil {
		return err
	}
	k.step()
	return nil
}

func (k killer) Append(name string, b []byte) error {
	k.step()
	if err := (realDisk{}).Append(name, b[:len(b)/2]); err != nil { // torn
		return err
	}
	k.step()
	if err := (realDisk{}).Append(name, b); err != nil {
		return err
	}
	k.step()
	return nil
}

// After a crash the batch that was under way comes again with the same bounds,
// whatever was recorded since.
func TestSameBoundsAfterACrash(t *testing.T) {
	dir := t.TempDir()
	p := newPaper(3)
	st := newStore()
	st.after = func(call int, _ Batch) error {
		if call == 1 {
			die()
		}
		return nil
	}
	wide := Limits{Records: 100, Age: time.Millisecond}
	r := start(t, fast(p, dir), Target{Name: "s", Sink: st, Limits: wide})
	until(t, "it died", r.gone)
	must(t, r.end(t))
	p.grow(20)
	r = start(t, fast(p, dir), Target{Name: "s", Sink: st, Limits: wide})
	until(t, "all arrived", func() bool { return st.count() == 23 })
	must(t, r.end(t))
	if got := strings.Join(st.batches, " "); got != "0-2 3-22" {
		t.Errorf("batches %s", got)
	}
}

func TestFailuresAreRetriedWithTheSameBatch(t *testing.T) {
	for name, fault := range map[string]func(*store, func(int, Batch) error){
		"before":   func(s *store, f func(int, Batch) error) { s.before = f },
		"half-way": func(s *store, f func(int, Batch) error) { s.half = f },
		"after":    func(s *store, f func(int, Batch) error) { s.after = f },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPaper(21)
			st := newStore()
			var bounds []string
			fault(st, func(call int, b Batch) error {
				bounds = append(bounds, fmt.Sprint(b.First, b.End()))
				if call%3 != 0 {
					return errors.New("secret text of a library")
				}
				return nil
			})
			r := start(t, fast(p, t.TempDir()), Target{Name: "s", Sink: st, Limits: tiny})
			until(t, "all arrived", func() bool { return r.Statuses()[0].Cursor == 21 })
			s := r.Statuses()[0]
			must(t, r.end(t))
			st.holds(t, p)
			if s.Failures != 12 || s.Failing != 0 || s.LastError != KindNone || s.Lag != 0 || s.Behind != 0 {
				t.Errorf("%+v", s)
			}
			for i := 0; i+2 < len(bounds); i += 3 {
				if bounds[i] != bounds[i+1] || bounds[i] != bounds[i+2] {
					t.Errorf("other bounds at another try: %v", bounds[i:i+3])
				}
			}
		})
	}
}

func TestOneSinkHoldsUpNoOther(t *testing.T) {
	p := newPaper(40)
	hangs, dead, slow, good := newStore(), newStore(), newStore(), newStore()
	release := make(chan struct{})
	hangs.before = func(int, Batch) error { <-release; return nil } // not even its context ends it
	dead.before = func(int, Batch) error { return Fail(Unreachable, "nobody listens there") }
	slow.before = func(int, Batch) error { time.Sleep(5 * time.Millisecond); return nil }
	var mu sync.Mutex
	last := map[string]Status{}
	o := fast(p, t.TempDir())
	o.grace = 20 * time.Millisecond
	o.now = func() time.Time { return time.Date(2026, 11, 24, 9, 0, 30, 0, time.UTC) }
	o.Observe = func(s Status) { mu.Lock(); last[s.Sink] = s; mu.Unlock() }
	r := start(t, o, Target{"hangs", hangs, tiny}, Target{"dead", dead, tiny}, Target{"slow", slow, tiny}, Target{"good", good, tiny})
	until(t, "the good ones have all", func() bool { return good.count() == 40 && slow.count() == 40 })
	until(t, "it is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return last["good"].Cursor == 40 && last["dead"].Failing > 1 && last["hangs"].Lag == 40
	})
	mu.Lock()
	if s := last["dead"]; s.Lag != 40 || s.LastError != Unreachable || s.Detail != "nobody listens there" || s.Behind != 30*time.Second {
		t.Errorf("dead: %+v", s)
	}
	if s := last["hangs"]; s.Behind != 30*time.Second {
		t.Errorf("hangs: %+v", s)
	}
	mu.Unlock()
	err := r.end(t)
	if err == nil || !strings.Contains(err.Error(), "sink hangs did not come back") || strings.Contains(err.Error(), "dead") {
		t.Errorf("Run gave %v", err)
	}
	close(release)
}

func TestATimeoutEndsACall(t *testing.T) {
	p := newPaper(4)
	sink := waits{newStore()}
	r := start(t, fast(p, t.TempDir()), Target{"s", sink, Limits{Timeout: 5 * time.Millisecond, Age: time.Millisecond}})
	until(t, "it timed out", func() bool { s := r.Statuses()[0]; return s.LastError == Timeout && s.Failing > 1 })
	must(t, r.end(t))
}

// waits takes nothing and waits for its context.
type waits struct{ *store }

func (waits) Ship(ctx context.Context, _ Batch) error {
	<-ctx.Done()
	return fmt.Errorf("something of a library: %w", ctx.Err())
}

func TestPoisonIsParked(t *testing.T) {
	for name, known := range map[string]bool{"the sink knows which": true, "it does not": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := newPaper(100)
			poison := []int64{0, 17, 18, 63, 99}
			st := newStore()
			st.before = func(_ int, b Batch) error {
				for _, i := range poison {
					if i >= b.First && i < b.End() {
						if known {
							return Refuse(i, "it has a column too many")
						}
						return Refuse(-1, "it has a column too many")
					}
				}
				return nil
			}
			var rang alarms
			o := fast(p, dir)
			o.Alarm = rang.add
			r := start(t, o, Target{"s", st, Limits{Records: 32, Age: time.Millisecond}})
			until(t, "all arrived", func() bool { return r.Statuses()[0].Cursor == 100 })
			if s := r.Statuses()[0]; s.Parked != 5 || s.Stopped {
				t.Errorf("%+v", s)
			}
			must(t, r.end(t))
			st.holds(t, p, poison...)
			parked, err := Parked(o.Dir, "s")
			must(t, err)
			var at []int64
			for _, q := range parked {
				at = append(at, q.Index)
				if q.Origin != p.origin || q.Reason != "it has a column too many" {
					t.Errorf("%+v", q)
				}
			}
			if !slices.Equal(at, poison) || rang.count(ErrParked) != 5 {
				t.Errorf("parked %v, %d alarms", at, rang.count(ErrParked))
			}
		})
	}
}

// A sink that refuses everything is not a log full of poison.
func TestASinkThatRefusesEverythingFails(t *testing.T) {
	p := newPaper(200)
	st := newStore()
	var mu sync.Mutex
	mended := false
	st.before = func(int, Batch) error {
		mu.Lock()
		defer mu.Unlock()
		if mended {
			return nil
		}
		return Refuse(-1, "there is no such table")
	}
	var rang alarms
	o := fast(p, t.TempDir())
	o.Alarm = rang.add
	r := start(t, o, Target{"s", st, Limits{Records: 64, Age: time.Millisecond}})
	until(t, "it counts as failing", func() bool { return r.Statuses()[0].Failing > 5 })
	if s := r.Statuses()[0]; s.Parked != parkInRow || s.Cursor != parkInRow || s.LastError != Refused {
		t.Errorf("%+v", s)
	}
	must(t, r.end(t))
	// Another process does not begin to park anew.
	r = start(t, o, Target{"s", st, Limits{Records: 64, Age: time.Millisecond}})
	until(t, "it counts as failing", func() bool { return r.Statuses()[0].Failing > 5 })
	if s := r.Statuses()[0]; s.Parked != parkInRow {
		t.Errorf("%+v", s)
	}
	mu.Lock()
	mended = true
	mu.Unlock()
	until(t, "the rest arrived", func() bool { return r.Statuses()[0].Cursor == 200 })
	must(t, r.end(t))
	if rang.count(ErrRefusesAll) != 2 || st.count() != 200-parkInRow {
		t.Errorf("%d alarms, %d rows", rang.count(ErrRefusesAll), st.count())
	}
}

func TestThePersonalPartNeverLeaves(t *testing.T) {
	p := newPaper(9)
	p.cores[3] = []byte(`{"id":"x","kind":"admin","personal":{"address":"192.0.2.7","commitment":"00"},"v":1}`)
	p.cores[4] = []byte(`{"id":"x","kind":"admin","personal":{"commitment":"00"},"v":1}`)
	p.cores[7] = []byte(`not an event`)
	p.cores[8] = []byte(`{"decision":{"facts":{"groups":{"personal":{"count":1}}}},"id":"x","kind":"decision","v":1}`)
	st := newStore()
	o := fast(p, t.TempDir())
	r := start(t, o, Target{"s", st, tiny})
	until(t, "all arrived", func() bool { return r.Statuses()[0].Cursor == 9 })
	must(t, r.end(t))
	st.holds(t, p, 3, 7)
}

func TestStopsWhereGoingOnWouldMix(t *testing.T) {
	ship := func(t *testing.T, dir string, p *paper) {
		r := start(t, fast(p, dir), Target{"s", newStore(), tiny})
		until(t, "all arrived", func() bool { return r.Statuses()[0].Cursor == p.first+int64(len(p.cores)) })
		must(t, r.end(t))
	}
	for name, c := range map[string]struct {
		change func(p *paper, o *Options)
		want   error
	}{
		"another log":             {func(p *paper, _ *Options) { p.origin = "other.example/log" }, ErrOrigin},
		"a shorter log":           {func(p *paper, _ *Options) { p.cores = p.cores[:7] }, ErrAhead},
		"an empty log":            {func(p *paper, _ *Options) { p.cores = nil }, ErrAhead},
		"another last record":     {func(p *paper, _ *Options) { p.cores[9] = core(p.origin, 77); p.grow(5) }, ErrReplaced},
		"removed before shipping": {func(p *paper, _ *Options) { p.grow(5); p.cores, p.first = p.cores[12:], 12 }, ErrRemoved},
		"a bad cursor": {func(p *paper, o *Options) {
			_ = os.WriteFile(filepath.Join(o.Dir, "s.cursor"), []byte(`{"next":3}`), 0o600)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := newPaper(10)
			ship(t, dir, p)
			o := fast(p, dir)
			c.change(p, &o)
			var rang alarms
			o.Alarm = rang.add
			st, other := newStore(), newStore()
			r := start(t, o, Target{"s", st, tiny}, Target{"other", other, tiny})
			until(t, "it has stopped", func() bool { return r.Statuses()[0].Stopped })
			if p.first == 0 {
				until(t, "the other has all", func() bool { return other.count() == len(p.cores) })
			}
			err := r.end(t)
			var e *SinkError
			if !errors.As(err, &e) || e.Sink != "s" || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("Run gave %v", err)
			}
			if c.want != nil && !rang.has(c.want) {
				t.Error("no alarm")
			}
			if st.count() != 0 {
				t.Errorf("%d records were shipped", st.count())
			}
		})
	}
	t.Run("removed after shipping", func(t *testing.T) {
		dir := t.TempDir()
		p := newPaper(10)
		ship(t, dir, p)
		p.cores, p.first = nil, 10 // retention took what was shipped
		p.grow(5)
		ship(t, dir, p)
	})
	for kind, want := range map[Kind]error{Conflict: ErrConflict, Behind: ErrBehind, Unfit: ErrUnfit} {
		t.Run(string(kind), func(t *testing.T) {
			p := newPaper(10)
			st := newStore()
			st.before = func(int, Batch) error { return Fail(kind, "") }
			rang := &alarms{}
			o := fast(p, t.TempDir())
			o.Alarm = rang.add
			r := start(t, o, Target{"s", st, tiny})
			until(t, "it has stopped", func() bool { return r.Statuses()[0].Stopped })
			if s := r.Statuses()[0]; s.LastError != kind {
				t.Errorf("it stopped for %q", s.LastError)
			}
			if err := r.end(t); !errors.Is(err, want) || !rang.has(want) || len(rang.errs) != 1 {
				t.Errorf("Run gave %v, alarms %v", err, rang.errs)
			}
			// One that may be due to a program that is being replaced is tried again first.
			if want := map[Kind]int{Conflict: 1, Behind: 1, Unfit: unfitTries}[kind]; st.calls != want {
				t.Errorf("it was called %d times, want %d", st.calls, want)
			}
		})
		t.Run(string(kind)+" where there is no cursor", func(t *testing.T) {
			rang := &alarms{}
			o := fast(newPaper(10), t.TempDir())
			o.Alarm = rang.add
			r := start(t, o, Target{"s", contradicts{newStore(), kind}, tiny})
			until(t, "it has stopped", func() bool { return r.Statuses()[0].Stopped })
			if err := r.end(t); !errors.Is(err, want) || !rang.has(want) {
				t.Errorf("Run gave %v", err)
			}
		})
	}
	t.Run("cut off while shipping", func(t *testing.T) {
		p := newPaper(10)
		st := newStore()
		r := start(t, fast(p, t.TempDir()), Target{"s", st, tiny})
		until(t, "all arrived", func() bool { return st.count() == 10 })
		p.mu.Lock()
		p.cores = p.cores[:6]
		p.mu.Unlock()
		until(t, "it has stopped", func() bool { return r.Statuses()[0].Stopped })
		if err := r.end(t); !errors.Is(err, ErrAhead) {
			t.Errorf("Run gave %v", err)
		}
	})
}

// A sink that knows the log by another form for a moment goes on.
func TestUnfitForAMoment(t *testing.T) {
	st := newStore()
	st.before = func(call int, _ Batch) error {
		if call%unfitTries != 0 {
			return Fail(Unfit, "another form")
		}
		return nil
	}
	rang := &alarms{}
	o := fast(newPaper(10), t.TempDir())
	o.Alarm = rang.add
	r := start(t, o, Target{"s", st, tiny})
	until(t, "all arrived", func() bool { return st.count() == 10 })
	if err := r.end(t); err != nil || len(rang.errs) != 0 {
		t.Errorf("Run gave %v, alarms %v", err, rang.errs)
	}
}

// What does not pass by itself is told of once, tried again seldom, and told of anew
// where it comes back.
func TestWhatNeedsAHandIsTold(t *testing.T) {
	for _, kind := range []Kind{Certificate, Credentials, Unsupported, Unreachable, KindOther} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			const tries = 4 * handTries
			p, st, rang := newPaper(4), newStore(), &alarms{}
			var bad atomic.Int64 // calls that fail yet
			bad.Store(tries)
			st.before = func(int, Batch) error {
				if bad.Add(-1) >= 0 {
					return Fail(kind, "a detail")
				}
				return nil
			}
			o := fast(p, t.TempDir())
			o.Alarm = rang.add
			want := 0
			if kind.byHand() {
				want = 1
			}
			r := start(t, o, Target{"s", st, tiny})
			until(t, "all arrived", func() bool { return st.count() == 4 })
			if n := rang.count(ErrByHand); n != want {
				t.Errorf("%d alarms, want %d", n, want)
			}
			bad.Store(tries)
			p.grow(4)
			until(t, "the rest arrived", func() bool { return st.count() == 8 })
			if n := rang.count(ErrByHand); n != 2*want {
				t.Errorf("%d alarms, want %d", n, 2*want)
			}
			if err := r.end(t); err != nil {
				t.Error(err)
			}
			for _, err := range rang.errs {
				var e *SinkError
				if !errors.As(err, &e) || e.Kind != kind || e.Stopped || !strings.Contains(err.Error(), "a detail") {
					t.Errorf("alarm %+v", err)
				}
			}
		})
	}
}

// contradicts answers how far it got with a failure that does not pass.
type contradicts struct {
	*store
	kind Kind
}

func (c contradicts) Next(context.Context, string) (int64, error) { return 0, Fail(c.kind, "") }

// remembers can tell how far it got.
type remembers struct {
	*store
	fails int
}

func (r *remembers) Next(context.Context, string) (int64, error) {
	if r.fails--; r.fails >= 0 {
		return 0, Fail(Unreachable, "")
	}
	return int64(r.count()), nil
}

func TestAsksTheSinkWhereThereIsNoCursor(t *testing.T) {
	p := newPaper(10)
	sink := &remembers{store: newStore()}
	o := fast(p, t.TempDir())
	r := start(t, o, Target{"s", sink, tiny})
	until(t, "all arrived", func() bool { return sink.count() == 10 })
	must(t, r.end(t))
	must(t, os.Remove(filepath.Join(o.Dir, "s.cursor")))
	p.grow(3)
	sink.fails = 3
	r = start(t, o, Target{"s", sink, tiny})
	until(t, "all arrived", func() bool { return sink.count() == 13 })
	must(t, r.end(t))
	if sink.arrived != 13 {
		t.Errorf("%d arrivals", sink.arrived)
	}
}

func TestTroubleOfLogAndCursorIsRetriedAndTold(t *testing.T) {
	p := newPaper(4)
	p.err = errors.New("of the disk")
	st := newStore()
	o := fast(p, t.TempDir())
	full := &fullDisk{}
	o.disk = full
	r := start(t, o, Target{"s", st, tiny})
	until(t, "the log's trouble is told", func() bool { return r.Statuses()[0].LastError == LogTrouble })
	p.mu.Lock()
	p.err = nil
	p.mu.Unlock()
	until(t, "the cursor's trouble is told", func() bool { return r.Statuses()[0].LastError == CursorTrouble })
	if st.count() != 0 {
		t.Error("shipped although the cursor cannot be written")
	}
	full.mu.Lock()
	full.room = true
	full.mu.Unlock()
	until(t, "all arrived", func() bool { return r.Statuses()[0].Cursor == 4 })
	must(t, r.end(t))
}

type fullDisk struct {
	realDisk
	mu   sync.Mutex
	room bool
}

func (f *fullDisk) Replace(name string, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.room {
		return errors.New("no space")
	}
	return f.realDisk.Replace(name, b)
}

func TestBatchesAreBounded(t *testing.T) {
	p := newPaper(100)
	size := len(p.cores[0])
	st := newStore()
	r := start(t, fast(p, t.TempDir()), Target{"s", st, Limits{Records: 50, Bytes: 3*size + 1, Age: time.Millisecond}})
	until(t, "all arrived", func() bool { return st.count() == 100 })
	must(t, r.end(t))
	for i, b := range st.batches[:33] {
		if b != fmt.Sprintf("%d-%d", 3*i, 3*i+2) {
			t.Errorf("batch %s", b)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	p := newPaper(0)
	dir := t.TempDir()
	for name, f := range map[string]func() (*Shipper, error){
		"no log":         func() (*Shipper, error) { return New(Options{Dir: dir}) },
		"a path as name": func() (*Shipper, error) { return New(fast(p, dir), Target{Name: "../x", Sink: newStore()}) },
		"two of a name": func() (*Shipper, error) {
			return New(fast(p, dir), Target{Name: "x", Sink: newStore()}, Target{Name: "x", Sink: newStore()})
		},
		"no sink": func() (*Shipper, error) { return New(fast(p, dir), Target{Name: "x"}) },
		"too large a batch": func() (*Shipper, error) {
			return New(fast(p, dir), Target{Name: "x", Sink: newStore(), Limits: Limits{Records: maxRecords + 1}})
		},
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	r := start(t, fast(p, dir))
	if _, err := New(fast(p, dir)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second shipper: %v", err)
	}
	must(t, r.end(t))
	r = start(t, fast(p, dir))
	must(t, r.end(t))
}

func TestDescribe(t *testing.T) {
	row, ok := Describe(Record{Index: 9, Core: []byte(`{"decision":{"action":"reroute","asked":"openai","facts":{"principal":{"team":"finance"}},"mode":"enforce","pool":"house","reasons":[{"policy":"b","rule":"r"},{"policy":"a","rule":"r"},{"policy":"b","rule":"r"}]},"findings":[{"groups":["personal","contact"],"type":"EMAIL_ADDRESS"},{"groups":["personal"],"type":"US_SSN"}],"id":"X","kind":"decision","request":{"application":"billing","dialect":"openai","model":"m","operation":"chat"},"time":"2026-11-24T09:00:03.000Z","v":1}`)})
	want := `{9 2026-11-24 09:00:03 +0000 UTC decision X X reroute  enforce openai house billing finance m openai chat [EMAIL_ADDRESS US_SSN] [contact personal] [a.r b.r] 0 }`
	if got := fmt.Sprint(row); got != want || !ok {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if row, ok := Describe(Record{Index: 9, Core: []byte(`[`)}); ok || row.Index != 9 || row.Kind != "" {
		t.Errorf("%+v", row)
	}
}

func FuzzPersonal(f *testing.F) {
	f.Add([]byte(`{"personal":{"subject":"x"}}`))
	f.Add([]byte(`{"personal":{"commitment":"x"}}`))
	f.Add([]byte(`{"x":{"personal":{"subject":"x"}}}`))
	f.Fuzz(func(t *testing.T, core []byte) {
		// What is told to hold none decodes to an event without one, and nothing
		// of the columns panics.
		row, ok := Describe(Record{Core: core})
		if !ok && row.Kind != "" {
			t.Error("columns of what cannot be read")
		}
		if personal(core) {
			return
		}
		r := audit.Record{JSON: core}
		if ev, err := r.Event(); err == nil && ev.Personal != nil {
			q := *ev.Personal
			if q.Subject != "" || q.Address != "" || q.Query != "" || q.UserAgent != "" || q.Justification != "" || len(q.Fingerprints) > 0 {
				t.Error("a personal part was not seen")
			}
		}
	})
}
