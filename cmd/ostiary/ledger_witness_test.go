package main

import (
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/witness"
	"github.com/ostiary/ostiary/proxy/config"
)

// A witness whose certificate the organisation's own authority has issued is asked where
// the configuration names that authority, and only there.
func TestWitnessOfAnOwnAuthority(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "not known here", http.StatusNotFound)
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	defer srv.Close()
	dir := t.TempDir()
	cosigner, err := witness.LoadCosigner(filepath.Join(dir, "witness.key"), "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	key := write("witness.pub", cosigner.Key().String()+"\n")
	ca := write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	p, _ := keepBook(t)
	r, err := audit.OpenReader(p.log)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := r.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	with := func(ca string) (*ledger, error) {
		l := &ledger{cfg: config.Log{Witnesses: []config.Witness{{Name: "w", URL: srv.URL, Key: key, CA: ca}}}}
		return l, l.openWatchers()
	}
	for _, c := range []struct {
		ca   string
		want int64
	}{{"", 0}, {ca, 1}} {
		asked.Store(0)
		l, err := with(c.ca)
		if err != nil {
			t.Fatal(err)
		}
		prove := func(int64) ([]tlog.Hash, error) { return nil, nil }
		_, err = l.watchers[0].client.Submit(context.Background(), signed, prove)
		if err == nil || c.ca == "" && !errors.Is(err, witness.ErrUnreachable) {
			t.Errorf("with the authority %q: %v", c.ca, err)
		}
		if n := asked.Load(); n != c.want {
			t.Errorf("with the authority %q it was asked %d times, want %d", c.ca, n, c.want)
		}
	}
	if _, err := with(key); err == nil || !strings.Contains(err.Error(), "log.witnesses: w: ca: "+key+" holds no certificate") {
		t.Errorf("of a file without certificates: %v", err)
	}
}
