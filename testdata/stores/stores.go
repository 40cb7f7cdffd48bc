//go:build unix

// Package stores proves that a sink of proxy/audit/ship loses nothing and shows
// nothing twice, with a real server and real kills: the server is killed and
// started again while records are shipped, and so is the process that ships,
// while a third records on. It is for tests only.
package stores

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/env"
)

// Environment variables by which a test tells the process that ships.
const (
	dirVar  = "OSTIARY_SHIP_DIRECTORY" // holds log/ and ship/
	argsVar = "OSTIARY_SHIP_ARGUMENTS" // for the sink; joined by separator
)

const separator = "\x1f"

// Origin is the origin of the logs that are shipped.
const Origin = "test.example/shipped"

// Patience bounds what tests wait for.
const Patience = 3 * time.Minute

// Main is TestMain of a package that calls [Prove]: it lets the test binary be
// the process that ships, with the sink that make gives for the arguments.
func Main(m *testing.M, make func(args []string) (ship.Sink, error)) {
	dir := os.Getenv(dirVar)
	if dir == "" {
		os.Exit(m.Run())
	}
	sink, err := make(strings.Split(os.Getenv(argsVar), separator))
	if err == nil {
		err = victim(dir, sink)
	}
	fmt.Fprintln(os.Stderr, "ship:", err)
	os.Exit(1)
}

// victim ships until it is killed or its standard input ends.
func victim(dir string, sink ship.Sink) error {
	src, err := audit.OpenReader(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	s, err := ship.New(ship.Options{
		Source: src, Dir: filepath.Join(dir, "ship"),
		Alarm: func(err error) { fmt.Fprintln(os.Stderr, "alarm:", err) },
	}, ship.Target{Name: "sink", Sink: sink, Limits: ship.Limits{Records: 64, Age: 5 * time.Millisecond, Timeout: 10 * time.Second}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return s.Run(ctx)
}

// Event makes an event as the engine records them.
func Event(n int) *proxy.Event {
	at := time.Date(2026, 11, 24, 23, 50, 0, 0, time.UTC).Add(time.Duration(n) * time.Second) // over a midnight
	return &proxy.Event{
		Decision: &proxy.DecisionRecord{
			Action: proxy.Reroute, Asked: "openai", Mode: proxy.Enforce, Model: "qwen", Phase: proxy.PhaseBody, Pool: "house",
			Reasons: []proxy.Reason{{Action: proxy.Reroute, Message: "Personal data stays in the house: \u201cKundenakte\u201d", Policy: "residency", Rule: "personal_in_house"}},
		},
		Findings: []proxy.FindingRecord{{Count: 1, Groups: []string{"personal"}, Likelihood: "likely", Roles: []string{"user"}, Type: "EMAIL_ADDRESS"}},
		ID:       fmt.Sprintf("01JDQ7Z%08XKQ3%08X", n, n), Kind: proxy.EventDecision,
		Request: &proxy.RequestRecord{
			Application: "billing", Bytes: 4096, Dialect: "openai", Model: "gpt-5", Operation: "chat", Protocol: "HTTP/1.1",
			Trace: fmt.Sprintf("%032x", n+1),
		},
		Time: at.Format("2006-01-02T15:04:05.000Z"), V: proxy.EventVersion,
	}
}

// Cores makes a log of n events in dir/log and gives what it recorded.
func Cores(t testing.TB, dir string, n int) []ship.Record {
	t.Helper()
	l := open(t, dir)
	for i := range n {
		if err := l.Record(context.Background(), Event(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return read(t, dir)
}

// Source gives a reader of the log in dir/log.
func Source(t testing.TB, dir string) *audit.Reader {
	t.Helper()
	r, err := audit.OpenReader(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Batch is a batch of records of one log.
func Batch(rs []ship.Record) ship.Batch {
	return ship.Batch{Origin: Origin, First: rs[0].Index, Records: rs}
}

func open(t testing.TB, dir string) *audit.Log {
	t.Helper()
	l, err := audit.Open(filepath.Join(dir, "log"), audit.Options{Segment: 256 << 10, Ahead: 1, Origin: Origin})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func read(t testing.TB, dir string) []ship.Record {
	t.Helper()
	var out []ship.Record
	for e, err := range Source(t, dir).Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ship.Record{Index: e.Index, Core: e.JSON})
	}
	return out
}

// Row is a record as a query of the store gives it.
type Row struct {
	Index int64
	Core  string
}

// Prove records, ships and kills, and then asks the store. Args go to the
// function that [Main] was given. rows is the query that people would make: it
// gives each record once, in any order. A nil store is not killed.
func Prove(t *testing.T, store *env.Store, rows func() ([]Row, error), args ...string) {
	t.Helper()
	rounds, pause := 6, 400*time.Millisecond
	if env.All() {
		rounds = 10
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 6))
	dir := t.TempDir()
	l := open(t, dir)
	if err := l.Record(context.Background(), Event(0)); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var recorder sync.WaitGroup
	recorder.Go(func() { // some 200 a second
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			if err := l.Record(context.Background(), Event(n)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	p := &process{t: t, dir: dir, args: args}
	defer p.kill()
	p.start()
	moved := int64(-1)
	for round := range rounds {
		// It goes on after each kill.
		until(t, fmt.Sprintf("records arrive (round %d)", round), func() bool { return p.cursor().Next > moved })
		time.Sleep(time.Duration(rng.Int64N(int64(pause))))
		switch kill := rng.IntN(3); {
		case store == nil || kill == 0 || round == 0:
			p.kill()
			p.start()
		case kill == 1 || round == 1:
			store.Kill()
			time.Sleep(time.Duration(rng.Int64N(int64(pause))))
			store.Start()
		default: // both, the server first
			store.Kill()
			time.Sleep(time.Duration(rng.Int64N(int64(pause))))
			p.kill()
			store.Start()
			p.start()
		}
		moved = p.cursor().Next
	}
	close(stop)
	recorder.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := read(t, dir)
	until(t, "all was shipped", func() bool { return p.cursor().Next == int64(len(want)) })
	p.kill()
	if c := p.cursor(); c.Parked != 0 {
		t.Errorf("%d records were parked", c.Parked)
	}
	Same(t, want, rows)
}

// Same fails unless the query gives each of the records once, as it was recorded.
func Same(t testing.TB, want []ship.Record, rows func() ([]Row, error)) {
	t.Helper()
	got, err := rows()
	if err != nil {
		t.Fatalf("the query failed: %v", err)
	}
	slices.SortStableFunc(got, func(a, b Row) int { return int(a.Index - b.Index) })
	t.Logf("%d records, %d rows", len(want), len(got))
	for i := range got {
		if i > 0 && got[i].Index == got[i-1].Index {
			t.Fatalf("record %d is there twice", got[i].Index)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records in the store, %d in the log", len(got), len(want))
	}
	for i, r := range want {
		if got[i].Index != r.Index || got[i].Core != string(r.Core) {
			t.Fatalf("record %d is not there as it was recorded", r.Index)
		}
	}
}

// process is the process that ships.
type process struct {
	t       testing.TB
	dir     string
	args    []string
	command *exec.Cmd
}

func (p *process) start() {
	p.t.Helper()
	p.command = exec.Command(os.Args[0])
	p.command.Env = append(os.Environ(), dirVar+"="+p.dir, argsVar+"="+strings.Join(p.args, separator))
	p.command.Stderr = os.Stderr
	if _, err := p.command.StdinPipe(); err != nil { // ends with us
		p.t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends it with SIGKILL.
func (p *process) kill() {
	if p.command != nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
		p.command = nil
	}
}

func (p *process) cursor() ship.Cursor {
	c, err := ship.Cursors(filepath.Join(p.dir, "ship"))
	if err != nil || len(c) != 1 {
		return ship.Cursor{}
	}
	return c[0]
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}
