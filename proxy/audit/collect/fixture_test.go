package collect

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

const secret = "a-token-for-tests"

// small keeps replicas from reserving much disk.
var small = audit.Options{Segment: 128 << 10, Ahead: 1}

// node is a proxy's log.
type node struct {
	origin, root string
	log          *audit.Log
}

func newNode(t testing.TB, origin string) *node {
	t.Helper()
	n := &node{origin: origin, root: t.TempDir()}
	n.open(t)
	return n
}

func (n *node) dir() string { return filepath.Join(n.root, "log") }

func (n *node) open(t testing.TB) {
	t.Helper()
	o := small
	o.Origin, o.CheckpointEvery = n.origin, 5*time.Millisecond
	l, err := audit.Open(n.dir(), o)
	if err != nil {
		t.Fatal(err)
	}
	n.log = l
	t.Cleanup(func() { l.Close() })
}

func (n *node) close(t testing.TB) {
	t.Helper()
	if err := n.log.Close(); err != nil {
		t.Fatal(err)
	}
}

// record records events whose content the label tells from others.
func (n *node) record(t testing.TB, label string, count int) {
	t.Helper()
	var events []*proxy.Event
	for i := range count {
		events = append(events, &proxy.Event{
			ID: fmt.Sprintf("%s-%d-%d", label, n.log.Size(), i), Kind: proxy.EventAdmin, Time: "2026-11-24T09:00:00.000Z", V: proxy.EventVersion,
			Admin: &proxy.AdminRecord{Action: "reload"},
		})
	}
	if err := n.log.Record(context.Background(), events...); err != nil {
		t.Fatal(err)
	}
}

// copy gives another machine with the same disk, keys and all. The log must be
// closed.
func (n *node) copy(t testing.TB) *node {
	t.Helper()
	to := filepath.Join(t.TempDir(), "node")
	if err := os.CopyFS(to, os.DirFS(n.root)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, "log.keys", "log.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &node{origin: n.origin, root: to}
}

func (n *node) publicKey(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(n.root, "log.keys", "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:len(b)-1])
}

func (n *node) key(t testing.TB) note.Verifier {
	t.Helper()
	v, err := audit.NewVerifier([]byte(n.publicKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (n *node) known(t testing.TB) Origin { return Origin{n.origin, []note.Verifier{n.key(t)}} }

func (n *node) cores(t testing.TB) [][]byte {
	t.Helper()
	r, err := audit.OpenReader(n.dir())
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for e, err := range r.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.JSON)
	}
	return out
}

// signed waits for a checkpoint of all records.
func (n *node) signed(t testing.TB) []byte {
	t.Helper()
	for {
		b, err := os.ReadFile(filepath.Join(n.dir(), "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := readCheckpoint(b)
		if err != nil {
			t.Fatal(err)
		}
		if c.Size == n.log.Size() {
			return b
		}
		time.Sleep(time.Millisecond)
	}
}

func (n *node) source(t testing.TB) tiles.Source {
	t.Helper()
	s, err := tiles.Open(n.dir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// options are those of a sink of this node.
func (n *node) options(t testing.TB, url string) SinkOptions {
	src := n.source(t)
	return SinkOptions{
		URL: url, Key: n.publicKey(t), Checkpoint: src.Checkpoint,
		Token:     func() (string, error) { return secret, nil },
		Prove:     func(tree tlog.Tree, old int64) ([]tlog.Hash, error) { return tiles.Prove(src, tree, old) },
		Rotations: func() ([]byte, error) { return loadRotations(filepath.Join(n.dir(), "rotations")) },
	}
}

func (n *node) sink(t testing.TB, o SinkOptions) *Sink {
	t.Helper()
	s, err := NewSink(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ship sends all records that the collector does not have.
func (n *node) ship(t testing.TB, s *Sink) error {
	ctx := context.Background()
	next, err := s.Next(ctx, n.origin)
	if err != nil {
		return err
	}
	cores := n.cores(t)
	return s.Ship(ctx, Batch{n.origin, next, cores[next:]})
}

// push makes a push by hand: records from first to before end under a checkpoint
// of all.
func (n *node) push(t testing.TB, first, end int64) *Push {
	t.Helper()
	signed := n.signed(t)
	c, err := readCheckpoint(signed)
	if err != nil {
		t.Fatal(err)
	}
	p := &Push{Origin: n.origin, First: first, Cores: n.cores(t)[first:end], Checkpoint: signed}
	if p.Proof, err = tiles.Prove(n.source(t), tiles.Tree(c), end); err != nil {
		t.Fatal(err)
	}
	return p
}

// alarms collects what an operator is told.
type alarms struct {
	sync.Mutex
	list []Alarm
}

func (a *alarms) add(x Alarm) {
	a.Lock()
	defer a.Unlock()
	a.list = append(a.list, x)
}

func (a *alarms) codes() []Code {
	a.Lock()
	defer a.Unlock()
	var out []Code
	for _, x := range a.list {
		out = append(out, x.Code)
	}
	return out
}

// take gives the alarms since the last call.
func (a *alarms) take() []Alarm {
	a.Lock()
	defer a.Unlock()
	out := slices.Clone(a.list)
	a.list = nil
	return out
}

func newCosigner(t testing.TB) *witness.Cosigner {
	t.Helper()
	skey, _, err := witness.GenerateKey(rand.Reader, "collector.example/w")
	if err != nil {
		t.Fatal(err)
	}
	c, err := witness.NewCosigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newCollector(t testing.TB, o Options) *Collector {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "collector")
	}
	o.Log = small
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/prefix/", h)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/prefix"
}

func statusOf(t testing.TB, c *Collector, origin string) Status {
	t.Helper()
	for _, s := range c.Status(context.Background()) {
		if s.Origin == origin {
			return s
		}
	}
	t.Fatalf("%s is not known", origin)
	return Status{}
}

// same holds a replica against the log it is of.
func sameLog(t testing.TB, dir string, n *node) {
	t.Helper()
	r, err := audit.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for e, err := range r.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.JSON)
	}
	if !slices.EqualFunc(got, n.cores(t), func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Errorf("%s: the replica has %d records that are not those of the log", n.origin, len(got))
	}
	b, err := os.ReadFile(filepath.Join(n.dir(), "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if report, err := audit.Verify(dir, audit.VerifyOptions{Key: n.key(t), Checkpoint: b}); err != nil || report.Answer != audit.Good {
		t.Errorf("%s: the replica does not verify: %+v, %v", n.origin, report, err)
	}
}
