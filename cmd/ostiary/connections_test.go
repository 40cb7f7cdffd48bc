package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/pools"
)

// keptConnections is a recorder that keeps what it is given.
type keptConnections struct {
	mu    sync.Mutex
	list  []proxy.ConnectionRecord
	gaps  []string
	fails bool
}

func (n *keptConnections) Record(_ context.Context, events ...*proxy.Event) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails {
		return errors.New("the disk is full")
	}
	for _, ev := range events {
		switch {
		case ev.Kind == proxy.EventConnection && ev.Connection != nil && ev.Admin == nil:
			n.list = append(n.list, *ev.Connection)
		case ev.Admin != nil:
			n.gaps = append(n.gaps, fmt.Sprintf("%s %s %d", ev.Kind, ev.Admin.Action, ev.Admin.Count))
		}
	}
	return nil
}

// lines gives what was recorded in a short form, and forgets it.
func (n *keptConnections) lines() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, c := range n.list {
		out = append(out, strings.Join(strings.Fields(fmt.Sprint(c.Count, " ", c.Way, " ", c.Passage, " ", c.Why, " ", c.Domain, " ", c.Label, " ", c.Kind, " ", c.Provider, " ", c.Likelihood, " ", c.Sent, " ", c.Received)), " "))
	}
	n.list = nil
	return out
}

// counting makes connections that only count what step is called with.
func counting(t *testing.T, rec proxy.Recorder) (*connections, *bytes.Buffer) {
	t.Helper()
	l, err := pools.ShippedProviders()
	if err != nil {
		t.Fatal(err)
	}
	h, err := pools.NewHosts(l, []string{"api.openai.com"}, []pools.HostRule{{Host: "chatgpt.com", Pass: true, Rule: "r"}, {Host: "*.debian.org", Pass: true, Rule: "r"}, {Host: "*.bad.example", Rule: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	c := makeConnections(rec, func() *pools.Hosts { return h }, slog.New(slog.NewJSONHandler(out, nil)))
	c.now = func() time.Time { return time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC) }
	return c, out
}

func (c *connections) counted(list ...Connection) {
	for _, one := range list {
		c.count(&seenConnection{one, c.now()})
	}
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	rec := &keptConnections{}
	c, out := counting(t, rec)
	c.counted(
		Connection{Way: "proxy", Name: "static.pypi.org", Passage: "passed", Why: "default", Sent: 10, Received: 20, Duration: time.Second},
		Connection{Way: "proxy", Name: "PyPI.org.", Passage: "passed", Why: "default", Sent: 1, Received: 2, Duration: 3 * time.Second},
		Connection{Way: "redirect", Name: "pypi.org", Passage: "passed", Why: "default"},
		Connection{Way: "redirect", Name: "deb.debian.org", Passage: "passed", Why: "default"}, // Envoy's word
		Connection{Way: "proxy", Name: "secret.bad.example", Passage: "refused", Why: "rule"},
		Connection{Way: "proxy", Name: "secret-name.unheard.example", Passage: "refused", Why: "unreachable"},
		Connection{Way: "redirect", Passage: "refused", Why: "no_name"},
		Connection{Way: "redirect", Name: "10.0.0.1", Passage: "refused", Why: "address"},
		Connection{Way: "no way\n", Name: "a.b.c.example", Passage: "lost", Why: "Because of <it>", Sent: -7},
	)
	if got := rec.lines(); len(got) > 0 {
		t.Errorf("recorded before the flush: %q", got)
	}
	c.flush()
	wantLines(t, rec.lines(),
		"1 other unknown other 0 0",
		"2 proxy passed default pypi.org 11 22",
		"1 proxy refused rule *.bad.example 0 0",
		"1 proxy refused unreachable 0 0",
		"1 redirect passed default pypi.org 0 0",
		"1 redirect passed rule debian.org *.debian.org 0 0",
		"1 redirect refused address 0 0",
		"1 redirect refused no_name 0 0",
	)
	c.flush()
	wantLines(t, rec.lines())
	if out.Len() > 0 {
		t.Errorf("logged: %s", out)
	}
}

func TestConnectionsTimes(t *testing.T) {
	rec := &keptConnections{}
	c, _ := counting(t, rec)
	c.counted(Connection{Way: "proxy", Passage: "refused", Why: "no_name", Duration: time.Second}, Connection{Way: "proxy", Passage: "refused", Why: "no_name", Duration: 90 * time.Second})
	c.flush()
	if r := rec.list[0]; r.First != "2026-11-24T09:58:30.000Z" || r.Last != "2026-11-24T10:00:00.000Z" {
		t.Errorf("from %s to %s", r.First, r.Last)
	}
}

func TestShadowAIIsToldAtOnce(t *testing.T) {
	rec := &keptConnections{}
	c, out := counting(t, rec)
	c.counted(Connection{Way: "proxy", Name: "my-team.llm-api.secretive.net", Passage: "refused", Why: "suspect"})
	wantLines(t, rec.lines(), "1 proxy refused suspect unknown likely 0 0")
	c.counted(Connection{Way: "proxy", Name: "api.0penai.net", Passage: "refused", Why: "look_alike"})
	wantLines(t, rec.lines(), "1 proxy refused look_alike look_alike openai likely 0 0")
	c.counted(Connection{Way: "redirect", Name: "chatgpt.com", Passage: "passed", Why: "default", Sent: 5})
	wantLines(t, rec.lines(), "1 redirect passed rule chatgpt.com chatgpt.com known_app openai very_likely 5 0")
	c.counted(Connection{Way: "redirect", Passage: "refused", Why: "look_alike"}) // Envoy tells no name of what it refused
	wantLines(t, rec.lines(), "1 redirect refused look_alike 0 0")
	log := out.String()
	if strings.Count(log, `"level":"WARN"`) != 4 || strings.Contains(log, "secretive") || strings.Contains(log, "0penai") {
		t.Errorf("logged: %s", log)
	}
	// More of the same wait for the flush.
	c.counted(Connection{Way: "redirect", Name: "chatgpt.com", Passage: "passed", Why: "default", Sent: 6}, Connection{Way: "redirect", Name: "chatgpt.com", Passage: "passed", Why: "default", Sent: 7})
	wantLines(t, rec.lines())
	c.flush()
	wantLines(t, rec.lines(), "2 redirect passed rule chatgpt.com chatgpt.com known_app openai very_likely 13 0")
}

func TestConnectionsAreBounded(t *testing.T) {
	rec := &keptConnections{}
	c, out := counting(t, rec)
	const n = 1000
	for i := range n {
		c.counted(Connection{Way: "proxy", Name: fmt.Sprintf("h.name%d-llm-api.net", i), Passage: "passed", Why: "rule", Sent: 1})
	}
	if len(rec.list) != connectionsUrgent || strings.Count(out.String(), "WARN") != connectionsUrgent {
		t.Errorf("%d told at once, %d lines", len(rec.list), strings.Count(out.String(), "WARN"))
	}
	if len(c.counts) > connectionsKinds+8 {
		t.Errorf("%d kinds are kept", len(c.counts))
	}
	c.flush()
	total, other := int64(0), int64(0)
	for _, r := range rec.list {
		total += r.Count
		if r.Why == "other" {
			other += r.Count
			if r.Domain != "" {
				t.Errorf("%+v", r)
			}
		}
	}
	if total != n || other != n-connectionsKinds || len(rec.list) != connectionsKinds+1 {
		t.Errorf("%d recorded, %d of them as others, in %d events", total, other, len(rec.list))
	}
}

func TestConnectionsSurviveAFullDisk(t *testing.T) {
	rec := &keptConnections{fails: true}
	c, _ := counting(t, rec)
	c.counted(Connection{Way: "proxy", Name: "chatgpt.com", Passage: "passed", Why: "rule", Sent: 1}, Connection{Way: "proxy", Name: "pypi.org", Passage: "passed", Why: "default", Sent: 1})
	c.flush()
	c.counted(Connection{Way: "proxy", Name: "chatgpt.com", Passage: "passed", Why: "rule", Sent: 1}, Connection{Way: "proxy", Name: "pypi.org", Passage: "passed", Why: "default", Sent: 1})
	rec.fails = false
	c.flush()
	wantLines(t, rec.lines(), "2 proxy passed default pypi.org 2 0", "2 proxy passed rule chatgpt.com chatgpt.com known_app openai very_likely 2 0")
}

// TestConnectionsNeverBlock: with nobody counting, Add returns, and what was lost
// is recorded as a gap.
func TestConnectionsNeverBlock(t *testing.T) {
	rec := &keptConnections{}
	c, _ := counting(t, rec)
	const more = 100
	for range connectionsQueued + more {
		c.Add(Connection{Way: "proxy", Passage: "refused", Why: "no_name"})
	}
	ticks := make(chan time.Time)
	go c.run(ticks)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c.Close(ctx)
	c.Close(ctx)
	c.Add(Connection{Way: "proxy", Passage: "refused", Why: "no_name"})
	wantLines(t, rec.lines(), fmt.Sprintf("%d proxy refused no_name 0 0", connectionsQueued))
	wantLines(t, rec.gaps, fmt.Sprintf("gap connections_lost %d", more))
}

// TestConnectionRecordsNameNobody: nothing of a name that a client chose is in an
// event or in a line of the log but the registrable domain of one that passed.
func TestConnectionRecordsNameNobody(t *testing.T) {
	rec := &keptConnections{}
	c, out := counting(t, rec)
	for _, passage := range []string{"passed", "refused"} {
		for _, why := range []string{"default", "rule", "suspect", "look_alike", "tls_unknown_ca"} {
			c.counted(Connection{Way: "proxy", Name: "jane-roe.openai-api.jane-roe.dev", Passage: passage, Why: why})
		}
	}
	c.flush()
	b, err := json.Marshal(rec.list)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(b), out.String()} {
		if text = strings.ReplaceAll(text, `"domain":"jane-roe.dev"`, ""); strings.Contains(text, "jane") {
			t.Errorf("a name: %s", text)
		}
	}
	for _, r := range rec.list {
		if (r.Domain != "") != (r.Passage == "passed") {
			t.Errorf("%+v", r)
		}
	}
}

// TestHostPatternsAgree: what policies take as a host is what the data planes'
// list takes.
func TestHostPatternsAgree(t *testing.T) {
	for _, host := range []string{
		"*", "*.", "", ".", "a", "a.b", "*.a", "*.a.b", "*.*.a", "a*.b", "A.b", "a.b.", "-a.b", "a-.b", "a--b.c", "xn--mller-kva.de", "müller.de", "a_b.c", "1.2", "a.1", "a.1b", "10.0.0.1", "::1", "[::1]",
		"a:443", "a/b", "a b.c", strings.Repeat("a", 63) + ".b", strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 126) + "b", strings.Repeat("a.", 127) + "b", "*." + strings.Repeat("a.", 126) + "b", "0x7f.a", "a.0x7f",
	} {
		text, err := json.Marshal(host)
		if err != nil {
			t.Fatal(err)
		}
		_, err = policies.Load(policies.Options{FS: hostPolicy("pass contains {\"host\": " + string(text) + "}")})
		if got := pools.CheckHost(host); (got == nil) != (err == nil) {
			t.Errorf("%q: policies say %v, pools %v", host, err, got)
		}
	}
}

func hostPolicy(text string) fstest.MapFS {
	return fstest.MapFS{"names.rego": {Data: []byte("package ostiary.policies.names\n\n" + text + "\n")}}
}
