package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/collect"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
)

// writeCollect writes a collector's configuration.
func writeCollect(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(shortTempDir(t), "collect.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// collectFrom starts a collector from a file.
func collectFrom(t *testing.T, file string) *collecting {
	t.Helper()
	return collectTelling(t, file, &syncBuffer{})
}

// collectTelling is collectFrom with what the collector tells its operator.
func collectTelling(t *testing.T, file string, out *syncBuffer) *collecting {
	t.Helper()
	cfg, err := loadCollect(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := startCollect(context.Background(), cfg, slog.New(slog.NewTextHandler(out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// collectedLogs is what some proxies decided: the ids of their decisions, two of each, and the
// origins of their logs.
type collectedLogs struct{ ids, origins []string }

// pushLogs starts two proxies that push to a collector and lets them decide.
func pushLogs(t *testing.T, g *collecting, log string) collectedLogs {
	t.Helper()
	var out collectedLogs
	for range 2 {
		in := launchLog(t, "embedded", log, "")
		for _, prompt := range []string{ordinary, personal} {
			out.ids = append(out.ids, in.post("/v1/chat/completions", chat(prompt)).header.Get(proxy.HeaderDecisionID))
		}
		origin := in.audit.Origin()
		out.origins = append(out.origins, origin)
		// On a busy machine one request or checkpoint may be waited for so long that the
		// proxy tries again after a pause.
		var last []collect.Status
		arrived := func() bool {
			last = g.collector.Status(context.Background())
			for _, s := range last {
				if s.Origin == origin {
					return s.Size >= 5 && s.Cosigned >= 5 && s.Trouble == ""
				}
			}
			return false
		}
		for end := time.Now().Add(3 * ledgerWait); !arrived(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the collector has not what was decided, or has not signed: %+v\n%s", last, in.screen)
			}
		}
	}
	return out
}

// ask asks a collector over the logs.
func (logs collectedLogs) ask(t *testing.T, g *collecting) {
	t.Helper()
	ctx := context.Background()
	api := controlOf(t, filepath.Join(g.cfg.Dir, "keys"))
	for i, id := range logs.ids {
		eventually(t, "an event of a proxy can be asked for", func() bool {
			got, err := api.Event(ctx, id, false)
			return err == nil && len(got.Events) >= 2 && got.Events[0].Origin == logs.origins[i/2]
		})
	}
	var page console.Events
	err := patiently(t, func() (err error) { page, err = api.Events(ctx, console.Search{Query: "kind:decision"}); return err })
	if err != nil || len(page.Events) != len(logs.ids) {
		t.Errorf("%d decisions, %v", len(page.Events), err)
	}
	err = patiently(t, func() error { _, err := api.Facets(ctx, console.Search{}, []string{"colour"}, 0); return err })
	if codeOf(err) != "query" {
		t.Errorf("an unknown field: %v", err)
	}
	var columns console.Histogram
	err = patiently(t, func() (err error) {
		columns, err = api.Histogram(ctx, console.Search{Query: "kind:decision"}, 4, "")
		return err
	})
	var sum int64
	for _, n := range columns.Counts {
		sum += n
	}
	if err != nil || sum != int64(len(logs.ids)) {
		t.Errorf("a histogram of %d decisions: %v", sum, err)
	}
	// Nobody has personal parts or the keys of fingerprints here.
	if _, err := api.Event(ctx, logs.ids[0], true); err == nil {
		t.Error("personal parts are given")
	}
	if _, err := api.Hash(ctx, console.HashRequest{Type: "EMAIL_ADDRESS", Value: keepAddress}); err == nil {
		t.Error("fingerprints are given")
	}
	var b strings.Builder
	before := g.own.Size()
	var n int64
	err = patiently(t, func() (err error) {
		n, err = api.Export(ctx, &b, "jsonl", console.Search{Query: "kind:decision"})
		return err
	})
	if err != nil || n != int64(len(logs.ids)) || strings.Count(b.String(), "\n") != len(logs.ids) {
		t.Errorf("an export of %d events: %v", n, err)
	}
	if g.own.Size() == before {
		t.Error("an export is not recorded")
	}
}

// Two proxies push to a collector and have it sign; it answers over both, records who
// asked, and what it has verifies, also after it was started anew.
func TestCollect(t *testing.T) {
	t.Setenv("OSTIARY_TEST_PUSH", "a-token-of-the-tests-for-pushes")
	file := writeCollect(t, `dir: ./all
listen: 127.0.0.1:0
name: collector.test/one
tokens:
  - {secret: {env: OSTIARY_TEST_PUSH}, origins: "*", enrol: true}
`)
	g := collectFrom(t, file)
	dir := g.cfg.Dir
	log := fmt.Sprintf(`  witnesses:
    - {name: one, url: "http://%[1]s", key: %[2]s}
  ship:
    - {name: collector, to: collector, url: "http://%[1]s", secret: {env: OSTIARY_TEST_PUSH}}
`, g.address, filepath.Join(dir, "witness.key.pub"))
	logs := pushLogs(t, g, log)
	logs.ask(t, g)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	g = collectFrom(t, file)
	logs.ask(t, g)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	replicas, err := filepath.Glob(filepath.Join(dir, "origins", "*", "log"))
	if err != nil || len(replicas) != 2 {
		t.Fatal(replicas, err)
	}
	for _, r := range replicas {
		got, err := audit.Verify(r, audit.VerifyOptions{})
		if err != nil || got.Answer == audit.Altered || got.Size < 5 {
			t.Errorf("%+v, %v", got, err)
		}
		// What only the log itself has is not told to be wrong, nor to be good.
		status, checks := fsckOf(t, r)
		if status != 2 || checks["personal"].Answer != fsckUnclear || checks["holds"].Answer != fsckUnclear || checks["index"].Answer != fsckGood {
			t.Errorf("fsck of a copy: status %d, %+v", status, checks)
		}
		for _, ev := range readEvents(t, r, proxy.EventDecision) {
			if ev.Personal != nil && (ev.Personal.Subject != "" || len(ev.Personal.Fingerprints) > 0) {
				t.Error("a copy holds a personal part")
			}
		}
	}
	if r := verified(t, places{log: filepath.Join(dir, "log"), keys: filepath.Join(dir, "keys")}); r.Size < 2 {
		t.Errorf("%d accesses", r.Size)
	}
}

// A collector that was put back to an older state lacks what it had acknowledged: that
// stops the copy and is told of, and is not tried again for ever.
func TestCollectorBehind(t *testing.T) {
	t.Setenv("OSTIARY_TEST_PUSH", "a-token-of-the-tests-for-pushes")
	g := collectFrom(t, writeCollect(t, "dir: x\nlisten: 127.0.0.1:0\ntokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: '*', enrol: true}]\n"))
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	})
	p, _ := keepBook(t)
	alarm := &syncBuffer{}
	l := newLedger(&config.Config{Log: config.Log{Ship: []config.Sink{{
		Name: "gathered", To: "collector", URL: "http://" + g.address, Secret: config.Secret{Env: "OSTIARY_TEST_PUSH"},
	}}}}, p, nil, slog.New(slog.NewTextHandler(alarm, nil)))
	var err error
	if l.reader, err = audit.OpenReader(p.log); err != nil {
		t.Fatal(err)
	}
	if l.source, err = tiles.Open(p.log); err != nil {
		t.Fatal(err)
	}
	origin, err := l.reader.Origin()
	if err != nil {
		t.Fatal(err)
	}
	// It had acknowledged four.
	if err := os.MkdirAll(shipDir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shipDir(p), "gathered.cursor"), []byte(fmt.Sprintf(`{"origin":%q,"next":4,"end":4,"parked":0,"in_row":0}`, origin)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.openShipper(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.shipper.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	eventually(t, "the copy is stopped", func() bool { return l.shipper.Statuses()[0].Stopped })
	if s := l.shipper.Statuses()[0]; s.LastError != ship.Behind || s.Cursor != 4 {
		t.Errorf("%+v", s)
	}
	if said := alarm.String(); !strings.Contains(said, "lacks records that it had acknowledged") || !strings.Contains(said, "Remove gathered.cursor") {
		t.Errorf("the alarm: %s", said)
	}
}

// A configuration that lets in anybody, or that is misspelt, is refused with its place.
func TestCollectConfig(t *testing.T) {
	for text, says := range map[string]string{
		"listen: 127.0.0.1:0\n":        "dir: name the directory",
		"dir: x\nlisten: 127.0.0.1:0":  "name origins that are known, or tokens",
		"dir: x\nlistn: 127.0.0.1:0":   "listn",
		"dir: x\nlisten: 0.0.0.0:8486": "a certificate is needed",
		"dir: x\nlisten: 0.0.0.0:8486\ntls: {cert: a, key: b}\norigins: [{name: o, keys: [k]}]": "say who may push",
		"dir: x\ntls: {cert: a}":        "tls: name cert and key",
		"dir: x\nclient_ca: a":          "client_ca: needs tls",
		"dir: x\nlisten: here":          "listen:",
		"dir: x\napi: {listen: 'a:1'}":  "api.listen: needs",
		"dir: x\napi: {role: []}":       "role",
		"dir: x\norigins: [{nam: o}]":   "nam",
		"dir: x\ntokens: [{secret: a}]": "secret",
		"dir: x\ndir: y":                "dir",
		// The YAML module panics on this one.
		"dir: x\norigins: !x ": "cannot be read as YAML",
		"dir: x\norigins: [{name: o, keys: [k]}]\nreaders: [{origins: a}]":                                  "readers: number 1",
		"dir: x\norigins: [{name: o, keys: [k]}]\nstore: {to: mysql}":                                       "store: to: write postgres or clickhouse",
		"dir: x\norigins: [{name: o, keys: [k]}]\nstore: {daily: true}":                                     "store: to: write postgres or clickhouse",
		"dir: x\norigins: [{name: o, keys: [k]}]\nstore: {to: postgres}":                                    "store: secret",
		"dir: x\norigins: [{name: o, keys: [k]}]\nstore: {to: postgres, secret: {env: A}, url: 'http://x'}": "store: url",
		"dir: x\norigins: [{name: o, keys: [k]}]\nstore: {to: clickhouse}":                                  "store: url",
		"dir: x\norigins: [{name: o, keys: [k]}]\nstore: {to: clickhouse, url: 'http://x', daily: true}":    "store: daily",
	} {
		status, out, diag := told("", "collect", "--config", writeCollect(t, text))
		if status != 2 || out != "" || !strings.Contains(diag, says) || !strings.Contains(diag, "collect.yaml") {
			t.Errorf("%q: status %d, want 2 saying %q\n%s%s", text, status, says, out, diag)
		}
	}
	// A token that somebody wrote in it is not told.
	for _, text := range []string{
		"tokens: [{secret: plain-canary, enrol: true}]", "tokens:\n  - secret: plain-canary\n    enroll: true", "tokens: [{secret: {env: A}, enrol: plain-canary}]",
		"tokens: [plain-canary]", "tokens: plain-canary", "tokens: [{secret: plain-canary", "api: plain-canary", "dir: [plain-canary]", "tokens: {plain-canary", "\"plain-canary: [", "tokens: [{secret: {env: A}, enrol: 99999999999999999999}]  #plain-canary", "tokens: [{secret: {token: plain-canary}}]",
	} {
		status, out, diag := told("", "collect", "--config", writeCollect(t, "dir: x\n"+text+"\n"))
		if status != 2 || strings.Contains(out+diag, "canary") || !strings.Contains(diag, "collect.yaml:") {
			t.Errorf("%q: status %d\n%s%s", text, status, out, diag)
		}
	}
	file := writeCollect(t, "dir: x\norigins: [{name: o, keys: [none.pub]}]\n")
	if status, _, diag := told("", "collect", "--config", file); status != 2 || !strings.Contains(diag, "origins: o: ") {
		t.Errorf("a key that is not there: status %d, %s", status, diag)
	}
}

// The command serves until it is interrupted, and then has done what was asked for.
func TestCollectCommand(t *testing.T) {
	t.Setenv("OSTIARY_TEST_PUSH", "a-token-of-the-tests-for-pushes")
	file := writeCollect(t, "dir: x\nlisten: 127.0.0.1:0\ntokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: '*', enrol: true}]\n")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := &cancelAfter{lines: 3, cancel: cancel}
	diag := &syncBuffer{}
	if status := run(ctx, []string{"collect", "--config", file}, streams{strings.NewReader(""), out, diag}); status != 0 || out.lines != 0 {
		t.Errorf("status %d, %d lines too few\n%s", status, out.lines, diag)
	}
}
