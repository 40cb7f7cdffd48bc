package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/collect"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/testdata/env"
)

// runCollector runs a collector in a process of its own. The function kills it.
func runCollector(t *testing.T, file string) (kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	told := &syncBuffer{}
	c := exec.Command(self)
	c.Args, c.Stderr = []string{"ostiary", "collect", "--config", file}, told
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	kill = func() {
		if !ended {
			ended = true
			_ = c.Process.Kill() // it may have ended by itself
			_ = c.Wait()         // likewise
		}
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "collecting on ") {
		kill()
		t.Fatalf("the collector did not start: %s %v\n%s", line, err, told)
	}
	return kill
}

// inStore counts the records of a log in the database, 0 where there is no table yet.
func inStore(t *testing.T, dsn, origin string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM ostiary_gathered WHERE origin = $1", origin).Scan(&n); err != nil {
		return 0
	}
	return n
}

// While a log is pushed, the collector and its database are killed again and again.
// Afterwards the database has every record once, as the log has it.
func TestCollectorAndStoreAreKilled(t *testing.T) {
	db := env.Postgres(t)
	t.Setenv("OSTIARY_TEST_PUSH", pushToken)
	dsn := "host=" + db.Address + " user=" + env.StoreUser + " dbname=postgres"
	t.Setenv("OSTIARY_TEST_STORE", dsn)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	file := writeCollect(t, fmt.Sprintf(`dir: x
listen: %s
tokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: "*", enrol: true}]
store: {to: postgres, secret: {env: OSTIARY_TEST_STORE}}
keep: 1d
`, address))

	const origin, rounds, each = "one.example/log", 40, 100
	dir := filepath.Join(t.TempDir(), "log")
	l, err := audit.Open(dir, audit.Options{Origin: origin, Segment: 1 << 20, Ahead: 1, CheckpointEvery: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	public, err := os.ReadFile(filepath.Join(dir, "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	src, err := tiles.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := collect.NewSink(collect.SinkOptions{
		URL: "http://" + address, Key: strings.TrimSpace(string(public)), Checkpoint: src.Checkpoint, HTTP: &http.Client{},
		Token: func() (string, error) { return pushToken, nil },
		Prove: func(tree tlog.Tree, old int64) ([]tlog.Hash, error) { return tiles.Prove(src, tree, old) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	killCollector := runCollector(t, file)
	// What is pushed, until the collector has it.
	push := func() error {
		for end := time.Now().Add(3 * ledgerWait); ; time.Sleep(20 * time.Millisecond) {
			next, err := sink.Next(t.Context(), origin)
			if err == nil && next == l.Size() {
				return nil
			}
			if err == nil {
				b := collect.Batch{Origin: origin, First: next}
				for rec, err := range r.Records(next) {
					if err != nil {
						return err
					}
					b.Cores = append(b.Cores, rec.JSON)
				}
				err = sink.Ship(t.Context(), b)
			}
			if err != nil && time.Now().After(end) {
				return err
			}
		}
	}
	interrupted := 0
	for round := range rounds {
		var events []*proxy.Event
		for range each {
			ev := proxy.NewEvent(proxy.EventAdmin, time.Now())
			ev.Admin = &proxy.AdminRecord{Action: "reload", Detail: strings.Repeat("x", 200)}
			events = append(events, ev)
		}
		if err := l.Record(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
		if err := push(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		// The records of this round are taken, and are on their way into the database.
		if round%8%2 == 0 && round%8 > 0 && inStore(t, dsn, origin) < l.Size() {
			interrupted++
		}
		switch round % 8 {
		case 2:
			killCollector()
			killCollector = runCollector(t, file)
		case 4:
			db.Kill()
			db.Start()
		case 6:
			db.Kill()
			killCollector()
			killCollector = runCollector(t, file)
			db.Start()
		}
	}
	t.Logf("%d of %d kills came while something was to be copied", interrupted, 3*rounds/8)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var n, different, last int64
	for end := time.Now().Add(3 * ledgerWait); n < l.Size(); time.Sleep(100 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), "SELECT count(*), count(DISTINCT idx), coalesce(max(idx), -1) FROM ostiary_gathered WHERE origin = $1", origin).Scan(&n, &different, &last); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d records are in the database", n, l.Size())
		}
	}
	if n != l.Size() || different != n || last != n-1 {
		t.Errorf("%d records, %d different ones up to %d, want %d", n, different, last, l.Size())
	}
	rows, err := conn.Query(t.Context(), "SELECT core FROM ostiary_gathered WHERE origin = $1 ORDER BY idx", origin)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rec, err := range r.Records(0) {
		var core string
		if err != nil || !rows.Next() || rows.Scan(&core) != nil || core != string(rec.JSON) {
			t.Fatalf("record %d is not what the log has: %v, %v", rec.Index, err, rows.Err())
		}
	}
}
