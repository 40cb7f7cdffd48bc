package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/testdata/env"
)

// forgetAll removes what may be removed of a log at once, and gives the first record that
// is left. It waits until something was.
func forgetAll(t *testing.T, g *collecting, origin string) (first int64, dir string) {
	t.Helper()
	eventually(t, "old records are removed", func() bool {
		g.forget(t.Context(), origin, 0)
		first, dir = firstOf(g, origin)
		return first > 0
	})
	return first, dir
}

func firstOf(g *collecting, origin string) (int64, string) {
	for _, s := range g.collector.Status(context.Background()) {
		if s.Origin == origin {
			return s.First, s.Dir
		}
	}
	return 0, ""
}

// What is old goes from the disk once the store has it, and only then: the collector's
// answers are the same, its copies verify, and its own log tells of it.
func TestCollectForgets(t *testing.T) {
	db := env.Postgres(t)
	t.Setenv("OSTIARY_TEST_PUSH", pushToken)
	dsn := "host=" + db.Address + " user=" + env.StoreUser + " dbname=postgres"
	t.Setenv("OSTIARY_TEST_STORE", dsn)
	file := writeCollect(t, `dir: x
listen: 127.0.0.1:0
tokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: "*", enrol: true}]
store: {to: postgres, secret: {env: OSTIARY_TEST_STORE}}
keep: 30d
`)
	out := &syncBuffer{}
	g := collectTelling(t, file, out)
	logs := pushLogs(t, g, pushesTo(g, "http", ""))
	// Nothing is 30 days old.
	for _, origin := range logs.origins {
		if first, _ := firstOf(g, origin); first != 0 {
			t.Fatalf("%d young records are gone", first)
		}
	}
	logs.ask(t, g)
	first, dir := forgetAll(t, g, logs.origins[0])
	r, err := audit.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.At(0); err != audit.ErrNoRecord {
		t.Errorf("the first record is on the disk: %v", err)
	}
	if rec, err := g.At(console.Ref{Origin: logs.origins[0], Index: 0}); err != nil || rec.Index != 0 || len(rec.JSON) == 0 {
		t.Errorf("the first record cannot be had: %v", err)
	}
	logs.ask(t, g)
	if got, err := audit.Verify(dir, audit.VerifyOptions{Replica: true}); err != nil || len(got.Altered) != 0 || got.First != first {
		t.Errorf("verify: %+v, %v", got, err)
	}
	if !strings.Contains(out.String(), "old records of a collected log were removed") {
		t.Error("nobody is told")
	}
	found := false
	own, err := audit.OpenReader(filepath.Join(g.cfg.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	for rec, err := range own.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		ev, err := rec.Event()
		if err != nil {
			t.Fatal(err)
		}
		found = found || ev.Kind == proxy.EventAdmin && ev.Admin.Action == "forget" && ev.Admin.Detail == logs.origins[0] && ev.Admin.From == 0 && ev.Admin.To > 0
	}
	if !found {
		t.Error("the collector's own log does not tell of it")
	}
	// Of the other log the store lacks a record: all of it stays.
	other := logs.origins[1]
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	eventually(t, "the other log is copied", func() bool {
		tag, err := conn.Exec(t.Context(), "DELETE FROM ostiary_gathered WHERE origin = $1 AND idx = 1", other)
		return err == nil && tag.RowsAffected() == 1
	})
	for range 3 {
		g.forget(t.Context(), other, 0)
	}
	if first, _ := firstOf(g, other); first != 0 || !strings.Contains(out.String(), "somebody removed some") {
		t.Errorf("records that the store lacks were removed before %d: %s", first, out.String())
	}
	// It goes on after a restart, also while the store is away: then nothing goes.
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	db.Kill()
	g = collectTelling(t, file, out)
	for range 3 {
		g.forget(t.Context(), logs.origins[0], 0)
	}
	if again, _ := firstOf(g, logs.origins[0]); again != first {
		t.Errorf("record %d is the first with the store away, was %d", again, first)
	}
	_, err = controlOf(t, filepath.Join(g.cfg.Dir, "keys")).Events(t.Context(), console.Search{})
	if codeOf(err) != "unavailable" {
		t.Errorf("a store that is away: %v", err)
	}
	db.Start()
	for _, id := range logs.ids[:2] {
		eventually(t, "an event that is in the store alone is answered", func() bool {
			got, err := controlOf(t, filepath.Join(g.cfg.Dir, "keys")).Event(t.Context(), id, false)
			return err == nil && len(got.Events) >= 2
		})
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
}

// Without a store what is old is gone from the answers, and they go on.
func TestCollectForgetsWithoutStore(t *testing.T) {
	t.Setenv("OSTIARY_TEST_PUSH", pushToken)
	g := collectFrom(t, writeCollect(t, "dir: x\nlisten: 127.0.0.1:0\nkeep: 1d\ntokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: '*', enrol: true}]\n"))
	logs := pushLogs(t, g, pushesTo(g, "http", ""))
	logs.ask(t, g)
	forgetAll(t, g, logs.origins[0])
	api := controlOf(t, filepath.Join(g.cfg.Dir, "keys"))
	eventually(t, "the decisions of one log are left", func() bool {
		page, err := api.Events(t.Context(), console.Search{Query: "kind:decision"})
		if err != nil || len(page.Events) != 2 {
			return false
		}
		for _, e := range page.Events {
			if e.Origin != logs.origins[1] {
				return false
			}
		}
		return true
	})
	err := patiently(t, func() error { _, err := api.Event(t.Context(), logs.ids[0], false); return err })
	if codeOf(err) != "not_found" {
		t.Errorf("an event that is gone: %v", err)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
}

// For how long records are kept is a number of days.
func TestCollectKeep(t *testing.T) {
	for text, want := range map[string]float64{"": 0, "1d": 24, "30d": 720, "36500d": 876_000} {
		if got, err := (&collectConfig{Keep: text}).keepFor(); err != nil || got.Hours() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0d", "-1d", "1", "d", "30 d", "12h", "36501d", "1.5d", "9999999999999999999d"} {
		if _, err := loadCollect(writeCollect(t, "dir: x\ntokens: [{secret: {env: A}, origins: '*'}]\nkeep: '"+text+"'\n")); err == nil || !strings.Contains(err.Error(), "keep: write a number of days") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
