package ship

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience bounds what tests wait for; all of it takes milliseconds.
const patience = 60 * time.Second

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

// paper is a log in memory.
type paper struct {
	mu     sync.Mutex
	origin string
	first  int64 // of the records that are there
	cores  [][]byte
	err    error
}

func core(origin string, n int64) []byte {
	return fmt.Appendf(nil, `{"admin":{"action":"reload"},"id":"%026d","kind":"admin","origin":%q,"time":"2026-11-24T09:00:00.000Z","v":1}`, n, origin)
}

func newPaper(records int) *paper {
	p := &paper{origin: "test.example/log"}
	p.grow(records)
	return p
}

func (p *paper) grow(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range n {
		p.cores = append(p.cores, core(p.origin, p.first+int64(len(p.cores))))
	}
}

func (p *paper) Origin() (string, error) { return p.origin, nil }

func (p *paper) Size() (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first + int64(len(p.cores)), p.err
}

func (p *paper) Records(from int64) iter.Seq2[audit.Record, error] {
	p.mu.Lock()
	first, cores, err := p.first, slices.Clone(p.cores), p.err
	p.mu.Unlock()
	return func(yield func(audit.Record, error) bool) {
		if err != nil {
			yield(audit.Record{}, err)
			return
		}
		for i, c := range cores {
			if n := first + int64(i); n >= from && !yield(audit.Record{Index: n, JSON: c}, nil) {
				return
			}
		}
	}
}

// store is a sink that keeps what it gets by (origin, index), with faults.
type store struct {
	mu      sync.Mutex
	rows    map[string]string // origin:index to core
	arrived int               // records, each time they came
	batches []string          // first-last of what was shipped, in order
	closed  int

	calls  int
	before func(call int, b Batch) error // fails before anything is stored
	half   func(call int, b Batch) error // fails when half of the batch is stored
	after  func(call int, b Batch) error // fails when all of it is stored
}

func newStore() *store { return &store{rows: map[string]string{}} }

func (s *store) Ship(ctx context.Context, b Batch) error {
	s.mu.Lock()
	s.calls++
	call := s.calls
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(call, b); err != nil {
			return err
		}
	}
	n := len(b.Records) / 2
	s.put(b.Origin, b.Records[:n])
	if s.half != nil {
		if err := s.half(call, b); err != nil {
			return err
		}
	}
	s.put(b.Origin, b.Records[n:])
	if s.after != nil {
		if err := s.after(call, b); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.batches = append(s.batches, fmt.Sprintf("%d-%d", b.First, b.End()-1))
	s.mu.Unlock()
	return nil
}

func (s *store) put(origin string, rs []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rs {
		s.arrived++
		k := fmt.Sprintf("%s:%d", origin, r.Index)
		if old, ok := s.rows[k]; ok && old != string(r.Core) {
			panic("two records under " + k)
		}
		s.rows[k] = string(r.Core)
	}
}

func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

// holds fails unless the store has exactly the log's records, but for some.
func (s *store) holds(t testing.TB, p *paper, but ...int64) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range p.cores {
		n := p.first + int64(i)
		got, ok := s.rows[fmt.Sprintf("%s:%d", p.origin, n)]
		switch {
		case slices.Contains(but, n) && ok:
			t.Errorf("record %d arrived although it is refused", n)
		case !slices.Contains(but, n) && got != string(c):
			t.Errorf("record %d did not arrive as it was recorded", n)
		}
	}
	if want := len(p.cores) - len(but); len(s.rows) != want {
		t.Errorf("%d records in the store, %d in the log", len(s.rows), want)
	}
}

// alarms collects alarms.
type alarms struct {
	mu   sync.Mutex
	errs []error
}

func (a *alarms) add(err error) { a.mu.Lock(); a.errs = append(a.errs, err); a.mu.Unlock() }
func (a *alarms) has(target error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.errs, func(err error) bool { return errors.Is(err, target) })
}
func (a *alarms) count(target error) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, err := range a.errs {
		if errors.Is(err, target) {
			n++
		}
	}
	return n
}

// fast are options under which nothing waits.
func fast(src Source, dir string) Options {
	return Options{
		Source: src, Dir: filepath.Join(dir, "ship"),
		poll: time.Millisecond, observe: time.Millisecond, least: time.Millisecond, most: 4 * time.Millisecond,
	}
}

// tiny are batches of at most four records.
var tiny = Limits{Records: 4, Age: time.Millisecond}

// running is a shipper that runs.
type running struct {
	*Shipper
	cancel context.CancelFunc
	done   chan error
}

func start(t testing.TB, o Options, targets ...Target) *running {
	t.Helper()
	s, err := New(o, targets...)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Shipper: s, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- s.Run(ctx) }()
	t.Cleanup(func() { cancel() })
	return r
}

// end stops the shipper and gives Run's error.
func (r *running) end(t testing.TB) error {
	t.Helper()
	r.cancel()
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		t.Fatal("the shipper did not end")
		return nil
	}
}

// gone reports whether a worker's goroutine has ended.
func (r *running) gone() bool {
	for _, w := range r.workers {
		if back, _ := w.result(); back {
			return true
		}
	}
	return false
}

// die ends the goroutine that calls it, as a kill ends the process: nothing that
// would have come after it happens.
func die() { runtime.Goexit() }

// event makes an event as the engine records them.
func event(n int) *proxy.Event {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	return &proxy.Event{
		Decision: &proxy.DecisionRecord{
			Action: proxy.Reroute, Asked: "openai", Mode: proxy.Enforce, Model: "qwen", Phase: proxy.PhaseBody, Pool: "house",
			Reasons: []proxy.Reason{{Action: proxy.Reroute, Message: "Personal data stays in the house.", Policy: "residency", Rule: "personal_in_house"}},
		},
		Findings: []proxy.FindingRecord{{Count: 1, Groups: []string{"personal"}, Likelihood: "likely", Roles: []string{"user"}, Type: "EMAIL_ADDRESS"}},
		ID:       fmt.Sprintf("01JDQ7Z%08XKQ3%08X", n, n), Kind: proxy.EventDecision,
		Request: &proxy.RequestRecord{Application: "billing", Bytes: 4096, Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/1.1"},
		Time:    at.Format("2006-01-02T15:04:05.000Z"), V: proxy.EventVersion,
	}
}
