package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/vault"
)

// Keys of fingerprints go once that they go is recorded, and stay where it cannot be.
func TestKeysAreRetiredOnRecord(t *testing.T) {
	dir := t.TempDir()
	past := time.Now().AddDate(-1, 0, 0)
	ring, err := vault.OpenKeyring(filepath.Join(dir, "keys"), func() time.Time { return past })
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Prepare(); err != nil {
		t.Fatal(err)
	}
	open := func() *audit.Log {
		log, err := audit.Open(filepath.Join(dir, "log"), audit.Options{KeyDir: filepath.Join(dir, "keys")})
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	closed := open()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	l := &ledger{log: closed, ring: ring, out: slog.New(slog.DiscardHandler)}
	l.retireKeys(t.Context(), time.Now())
	if epochs, err := ring.Epochs(); err != nil || len(epochs) != 1 {
		t.Fatalf("epochs %v, %v: a key went that nobody was told of", epochs, err)
	}
	l.log = open()
	defer l.log.Close()
	l.retireKeys(t.Context(), time.Now())
	if epochs, err := ring.Epochs(); err != nil || len(epochs) != 0 {
		t.Errorf("epochs %v, %v", epochs, err)
	}
	r, err := audit.OpenReader(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for rec, err := range r.Records(0) {
		if err != nil {
			t.Fatal(err)
		}
		ev, err := rec.Event()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == proxy.EventErasure && ev.Admin.Action == "retire_keys" && ev.Admin.Count == 1 {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
