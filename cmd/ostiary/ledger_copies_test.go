package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/collect"
	"github.com/ostiary/ostiary/proxy/audit/witness"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/telemetry"
	"github.com/ostiary/ostiary/testdata/env"
)

// gathering is a collector on a machine of its own: over TLS for copies, and on
// loopback as the witness.
type gathering struct {
	*collect.Collector
	url, witness string
	key          *witness.Key

	mu     sync.Mutex
	alarms []collect.Alarm
}

// newGathering serves a collector. It takes the token of OSTIARY_TEST_COLLECTOR.
func newGathering(t *testing.T, ca *authority) *gathering {
	t.Helper()
	g := &gathering{}
	t.Setenv("OSTIARY_TEST_COLLECTOR", "a-token-of-the-tests-for-the-collector")
	dir := t.TempDir()
	cosigner, err := witness.LoadCosigner(filepath.Join(dir, "cosigner.key"), "collector.test/one")
	if err != nil {
		t.Fatal(err)
	}
	g.key = cosigner.Key()
	g.Collector, err = collect.Open(collect.Options{
		Dir: filepath.Join(dir, "collected"), Cosigner: cosigner,
		Tokens: []collect.Token{{Secret: os.Getenv("OSTIARY_TEST_COLLECTOR"), Origins: "*", Enrol: true}},
		Alarm: func(a collect.Alarm) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.alarms = append(g.alarms, a)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ca.server("collector")
	cert, err := tls.LoadX509KeyPair(ca.file("collector.pem"), ca.file("collector.key"))
	if err != nil {
		t.Fatal(err)
	}
	var servers []*http.Server
	for _, conf := range []*tls.Config{{Certificates: []tls.Certificate{cert}}, nil} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if conf != nil {
			g.url = "https://" + l.Addr().String()
			l = tls.NewListener(l, conf)
		} else {
			g.witness = "http://" + l.Addr().String()
		}
		s := &http.Server{Handler: g.Collector}
		servers = append(servers, s)
		go func() { _ = s.Serve(l) }()
	}
	t.Cleanup(func() {
		for _, s := range servers {
			_ = s.Close()
		}
		if err := g.Collector.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// cores gives the records of a log, in order.
func cores(t *testing.T, log string) (out [][]byte) {
	t.Helper()
	r, err := audit.OpenReader(log)
	if err != nil {
		t.Fatal(err)
	}
	for rec, err := range r.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec.JSON)
	}
	return out
}

// rowsOf gives the cores of a table by index; an index that is there twice fails.
func rowsOf(t *testing.T, dsn string) map[int64]string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT idx, core FROM ostiary_events`)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int64]string{}
	for rows.Next() {
		var n int64
		var core string
		if err := rows.Scan(&n, &core); err != nil {
			t.Fatal(err)
		}
		if _, twice := out[n]; twice {
			t.Errorf("record %d is there twice", n)
		}
		out[n] = core
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// linesOf gives the lines of a file sink in order.
func linesOf(t *testing.T, dir, ext string) (out []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*."+ext))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			out = append(out, l)
		}
	}
	return out
}

// Copies of the log of a running Ostiary are whole, and hold each event once, though
// the database is killed and Ostiary is started anew meanwhile. A machine that is put
// back to an older state with all that lies on it is found by the copies and the
// witness, and said loudly; requests pass all the same.
func TestLedgerCopies(t *testing.T) {
	pg := env.Postgres(t)
	dsn := "host=" + pg.Address + " user=" + env.StoreUser + " dbname=postgres"
	t.Setenv("OSTIARY_TEST_DSN", dsn)
	ca := newAuthority(t)
	g := newGathering(t, ca)
	keys := t.TempDir()
	if err := os.WriteFile(filepath.Join(keys, "witness.pub"), []byte(g.key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const plane = "embedded"
	in := launchLog(t, plane, fmt.Sprintf(`  witnesses:
    - {name: group-it, url: "%s", key: %s/witness.pub}
  ship:
    - {name: warehouse, to: postgres, secret: {env: OSTIARY_TEST_DSN}}
    - {name: siem, to: file, dir: ./siem, format: ocsf}
    - {name: gathered, to: collector, url: "%s", ca: %s, secret: {env: OSTIARY_TEST_COLLECTOR}}
`, g.witness, keys, g.url, ca.file("ca.pem")), "")
	whole := func(in *instance) {
		t.Helper()
		eventually(t, "all copies have all", func() bool {
			size := in.audit.Size()
			return !slices.ContainsFunc(in.ledger.telemetry().Sinks, func(s telemetry.Sink) bool { return s.Lag != 0 || s.Failing != 0 }) && in.audit.Size() == size && in.engine.Pending() == 0
		})
	}
	// cosign has the last checkpoint cosigned; the witness knows the log once the
	// collector does.
	cosign := func(in *instance) {
		t.Helper()
		eventually(t, "the checkpoint is cosigned", func() bool {
			in.ledger.witnessed(t.Context())
			signed, _ := in.audit.Signed()
			in.ledger.mu.Lock()
			defer in.ledger.mu.Unlock()
			return in.ledger.acked["group-it"].Size >= signed-1
		})
	}
	flow := func(l *load) {
		t.Helper()
		before := l.count()
		eventually(t, "traffic", func() bool { return l.count() > before+40 })
	}
	l := newLoad(in.url, 3)
	defer l.end()
	flow(l)
	pg.Kill()
	flow(l)
	eventually(t, "a dead sink is told of", func() bool {
		return slices.ContainsFunc(in.ledger.telemetry().Sinks, func(s telemetry.Sink) bool { return s.Name == "warehouse" && s.Failing > 0 && s.Lag > 0 })
	})
	pg.Start()
	flow(l)
	whole1 := in.audit.Size()
	l.end()
	in.end() // with some of it not shipped
	in = in.again(plane)
	whole(in)
	cosign(in)
	whole(in)
	if len(l.fail) > 0 {
		t.Errorf("requests without a decision: %v", l.fail)
	}

	same := func(log string) int {
		t.Helper()
		want := cores(t, log)
		rows := rowsOf(t, dsn)
		if len(rows) < len(want)-3 { // what came while it was looked
			t.Errorf("%d rows, want %d", len(rows), len(want))
		}
		lines := linesOf(t, filepath.Join(filepath.Dir(log), "siem"), "jsonl")
		replica := cores(t, g.Status(t.Context())[0].Dir)
		for i, core := range want[:min(len(rows), len(lines), len(replica), len(want))] {
			var ev struct{ ID string }
			if err := json.Unmarshal(core, &ev); err != nil {
				t.Fatal(err)
			}
			if rows[int64(i)] != string(core) || !bytes.Equal(replica[i], core) || !strings.Contains(lines[i], `"`+ev.ID+`"`) {
				t.Fatalf("a copy of record %d differs from it", i)
			}
		}
		if len(lines) < len(want)-3 || len(replica) < len(want)-3 {
			t.Errorf("%d lines, %d records collected, want %d", len(lines), len(replica), len(want))
		}
		return len(want)
	}
	n := same(in.places.log)
	if int64(n) < whole1 || n < 200 {
		t.Errorf("%d records: the test is blind", n)
	}
	in.end()

	// The state of the machine is kept: log, keys, cursors, files.
	dir := filepath.Dir(in.opts.config)
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	origin, size := in.audit.Origin(), in.audit.Size()
	in = in.again(plane)
	more := newLoad(in.url, 3)
	flow(more)
	more.end()
	whole(in)
	cosign(in)
	whole(in)
	in.end()
	last, err := g.Witness().Last(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := audit.PeekCheckpoint(last)
	if err != nil {
		t.Fatal(err)
	}
	before := rowsOf(t, dsn)
	if g.alarmed() != 0 {
		t.Errorf("an alarm of a log that is in order: %+v", g.alarms)
	}
	compare := func() witness.Standing {
		t.Helper()
		c, err := witness.Compare(in.places.log, last, logKey(t, in.places), g.key)
		if err != nil {
			t.Fatal(err)
		}
		return c.Standing
	}
	if s := compare(); s != witness.Continues {
		t.Errorf("the log as it is: %v", s)
	}

	// It is put back.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	privately(t, dir)
	if s := compare(); s != witness.RolledBack {
		t.Errorf("the log that was put back: %v", s)
	}
	in = in.again(plane)
	if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusOK {
		t.Errorf("a request: %d %s", r.status, r.body)
	}
	for _, want := range []string{"a witness did not sign the audit log's checkpoint", "sink gathered", "sink warehouse"} {
		eventually(t, "it is said: "+want, func() bool {
			return slices.ContainsFunc(strings.Split(in.screen.String(), "\n"), func(l string) bool { return strings.Contains(l, want) && strings.Contains(l, "ERROR") })
		})
	}
	if page := in.ledger.telemetry(); !slices.ContainsFunc(page.Sinks, func(s telemetry.Sink) bool { return s.Name == "warehouse" && s.Failing == -1 }) ||
		!slices.ContainsFunc(page.Sinks, func(s telemetry.Sink) bool { return s.Name == "gathered" && s.Failing == -1 }) {
		t.Errorf("the metrics: %+v", page.Sinks)
	}
	for i := range 20 {
		if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusOK {
			t.Errorf("request %d: %d %s", i, r.status, r.body)
		}
	}
	in.end()
	if s := compare(); s == witness.Continues || s == witness.Untold {
		t.Errorf("the log that was put back and gone on with: %v", s)
	}
	verified(t, in.places) // of itself it cannot know
	if g.alarmed() == 0 {
		t.Error("the collector raised no alarm")
	}
	for _, a := range g.alarms {
		if a.Origin != origin || !slices.Contains([]collect.Code{collect.CodeRolledBack, collect.CodeForked, collect.CodeInconsistent, collect.CodeMismatch}, a.Code) {
			t.Errorf("the collector's alarm: %v", a)
		}
		if _, err := os.Stat(a.Evidence); err != nil {
			t.Errorf("the evidence of it: %v", err)
		}
	}
	if after := rowsOf(t, dsn); len(after) != len(before) {
		t.Errorf("%d rows, then %d", len(before), len(after))
	} else {
		for i, core := range before {
			if after[i] != core {
				t.Fatalf("row %d was overwritten", i)
			}
		}
	}
	t.Logf("%d records copied three times; put back from %d to %d; %v", n, cosigned.Size, size, g.alarms)
}

// privately gives everything below a directory the modes that os.CopyFS does not keep.
func privately(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return os.Chmod(p, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// logKey gives the verifier key of a log, as it was noted elsewhere.
func logKey(t *testing.T, p places) note.Verifier {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.keys, "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := audit.NewVerifier(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (g *gathering) alarmed() int { g.mu.Lock(); defer g.mu.Unlock(); return len(g.alarms) }

// Each sink and witness hangs: a clean stop ends within its bounds, and says what
// did not come back.
func TestLedgerStopsWhileSinksHang(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var conns sync.WaitGroup
		reached := make(chan struct{}, 1024)
		go func() {
			for {
				c, err := l.Accept() // and never a word
				if err != nil {
					return
				}
				conns.Go(func() {
					reached <- struct{}{}
					buf := make([]byte, 1024)
					for {
						if _, err := c.Read(buf); err != nil {
							_ = c.Close()
							return
						}
					}
				})
			}
		}()
		host, port, _ := strings.Cut(l.Addr().String(), ":")
		t.Setenv("OSTIARY_TEST_DSN", "host="+host+" port="+port+" user=test dbname=test sslmode=disable")
		t.Setenv("OSTIARY_TEST_TOKEN", "a-token-of-the-tests-that-nobody-takes")
		_, key, err := witness.GenerateKey(rand.Reader, "witness.test/hangs")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "witness.pub"), []byte(key.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		url := "http://" + l.Addr().String()
		in := launchLog(t, plane, fmt.Sprintf(`  witnesses:
    - {name: w, url: "%[1]s", key: %[3]s/witness.pub}
  ship:
    - {name: pg, to: postgres, secret: {env: OSTIARY_TEST_DSN}}
    - {name: ch, to: clickhouse, url: "%[1]s", user: u, secret: {env: OSTIARY_TEST_TOKEN}}
    - {name: otlp, to: otlp, url: "%[1]s"}
    - {name: kafka, to: kafka, brokers: ["%[2]s"], into: t, plain: true}
    - {name: s3, to: s3, url: "%[1]s", into: b, user: u, lock: 1d, secret: {env: OSTIARY_TEST_TOKEN}}
    - {name: syslog, to: syslog, url: "%[2]s", plain: true}
    - {name: gathered, to: collector, url: "%[1]s", secret: {env: OSTIARY_TEST_TOKEN}}
    - {name: lines, to: file, dir: ./lines}
`, url, l.Addr(), dir), "")
		// Somebody follows the log, and somebody verifies it.
		api := in.control()
		following, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() { _ = api.Tail(following, "", "", func(console.Entry, string) error { return nil }) }()
		for range 10 {
			if r := in.post("/v1/chat/completions", chat(ordinary)); r.status != http.StatusOK {
				t.Fatalf("a request while sinks hang: %d", r.status)
			}
		}
		if _, err := api.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			select {
			case <-reached:
			case <-time.After(ledgerWait):
				t.Fatal("the sinks do not try")
			}
		}
		in.stopped = true
		began := time.Now()
		err = in.server.stop()
		took := time.Since(began)
		if bound := config.DefaultDrain + notifyTime + recordTime + ledgerStop + 10*time.Second; took > bound {
			t.Errorf("the stop took %v, more than its bounds (%v)", took, bound)
		}
		if err != nil {
			t.Logf("it says: %v", err)
		}
		_ = l.Close()
		stops := 0
		for _, ev := range in.events(proxy.EventAdmin) {
			if ev.Admin.Action == "stop" {
				stops++
			}
		}
		if stops != 1 {
			t.Errorf("%d stops are recorded", stops)
		}
		for id, outcomes := range fates(t, in.places.log) {
			if len(outcomes) != 1 {
				t.Errorf("decision %s has %d outcomes", id, len(outcomes))
			}
		}
		verified(t, in.places)
		t.Logf("stopped after %v", took)
		// What was not shipped is, once the next one runs: here the file alone.
		in2 := in.again(plane)
		eventually(t, "the file has all", func() bool {
			return len(linesOf(t, filepath.Join(filepath.Dir(in.opts.config), "lines"), "jsonl")) >= int(in2.audit.Size())
		})
		in2.stopped = true
		_ = in2.server.stop()
	})
}
