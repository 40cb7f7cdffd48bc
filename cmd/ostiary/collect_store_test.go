package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
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
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/testdata/env"
)

const pushToken = "a-token-of-the-tests-for-pushes"

// pushesTo is the part of a proxy's configuration that has it push to a collector.
func pushesTo(g *collecting, scheme, more string) string {
	return fmt.Sprintf(`  witnesses:
    - {name: one, url: "http://%[1]s", key: %[2]s}
  ship:
    - {name: collector, to: collector, url: "%[3]s://%[1]s", secret: {env: OSTIARY_TEST_PUSH}%[4]s}
`, g.address, filepath.Join(g.cfg.Dir, "witness.key.pub"), scheme, more)
}

// A collector with PostgreSQL as its store answers from there what one without answers,
// over all logs and after it was started anew; a table that somebody altered is told
// from the log.
func TestCollectStore(t *testing.T) {
	db := env.Postgres(t)
	t.Setenv("OSTIARY_TEST_PUSH", pushToken)
	dsn := "host=" + db.Address + " user=" + env.StoreUser + " dbname=postgres"
	t.Setenv("OSTIARY_TEST_STORE", dsn)
	file := writeCollect(t, `dir: ./all
listen: 127.0.0.1:0
tokens:
  - {secret: {env: OSTIARY_TEST_PUSH}, origins: "*", enrol: true}
store: {to: postgres, secret: {env: OSTIARY_TEST_STORE}, daily: true}
`)
	out := &syncBuffer{}
	g := collectTelling(t, file, out)
	logs := pushLogs(t, g, pushesTo(g, "http", ""))
	logs.ask(t, g)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	// While it is away, and with a database that was away as well.
	db.Kill()
	g = collectTelling(t, file, out)
	api := controlOf(t, filepath.Join(g.cfg.Dir, "keys"))
	if _, err := api.Events(t.Context(), console.Search{}); codeOf(err) != "unavailable" {
		t.Errorf("a store that is away: %v", err)
	}
	db.Start()
	logs.ask(t, g)
	// Everything of each log is there once, and is what the log has.
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, origin := range append(logs.origins, g.own.Origin()) {
		g.mu.RLock()
		l := g.logs[origin]
		g.mu.RUnlock()
		size, err := l.reader.Size()
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "all of a log is in the store", func() bool {
			var n, last int64
			err := conn.QueryRow(t.Context(), "SELECT count(*), coalesce(max(idx), 0) FROM ostiary_gathered WHERE origin = $1", origin).Scan(&n, &last)
			return err == nil && n >= size && last == n-1
		})
	}
	ref := console.Ref{Origin: logs.origins[0], Index: 2}
	want, err := g.At(ref)
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.stored(ref)
	if err != nil || !bytes.Equal(got.JSON, want.JSON) || got.Index != 2 {
		t.Errorf("record 2 of the store: %s, %v", got.JSON, err)
	}
	if _, err := g.stored(console.Ref{Origin: logs.origins[0], Index: 1 << 40}); !errors.Is(err, console.ErrNotFound) {
		t.Errorf("a record that the log has not: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "UPDATE ostiary_gathered SET core = replace(core, 'v', 'w') WHERE origin = $1 AND idx = 2", logs.origins[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := g.stored(ref); !errors.Is(err, errForged) {
		t.Errorf("a record that somebody altered: %v", err)
	}
	if strings.Contains(out.String(), db.Address) {
		t.Error("the connection string is told")
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
}

// The live tail goes over all logs, from a position on, with logs that come later, from
// indices and from a store.
func TestCollectTail(t *testing.T) {
	t.Setenv("OSTIARY_TEST_PUSH", pushToken)
	for name, more := range map[string]string{"indices": "", "store": "store: {to: postgres, secret: {env: OSTIARY_TEST_STORE}}\n"} {
		t.Run(name, func(t *testing.T) {
			if more != "" {
				t.Setenv("OSTIARY_TEST_STORE", "host="+env.Postgres(t).Address+" user="+env.StoreUser+" dbname=postgres")
			}
			file := writeCollect(t, "dir: x\nlisten: 127.0.0.1:0\ntokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: '*', enrol: true}]\n"+more)
			g := collectFrom(t, file)
			api := controlOf(t, filepath.Join(g.cfg.Dir, "keys"))
			follow := func(after string, want int) (ids []string, at string) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), ledgerWait)
				defer cancel()
				enough := errors.New("enough")
				err := api.Tail(ctx, "kind:decision", after, func(e console.Entry, position string) error {
					var ev proxy.Event
					if err := json.Unmarshal(e.Event, &ev); err != nil || e.Origin == "" {
						t.Errorf("%+v, %v", e, err)
					}
					ids, at = append(ids, ev.ID), position
					if len(ids) == want {
						return enough
					}
					return nil
				})
				if err != enough {
					t.Fatalf("%d of %d came: %v", len(ids), want, err)
				}
				return ids, at
			}
			// Somebody waits before there is any log.
			begun := make(chan []string, 1)
			position := make(chan string, 1)
			first, err := g.follower().End(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				ids, at := follow(first, 4)
				begun <- ids
				position <- at
			}()
			logs := pushLogs(t, g, pushesTo(g, "http", ""))
			got := <-begun
			same := map[string]bool{}
			for _, id := range got {
				same[id] = true
			}
			for _, id := range logs.ids {
				if !same[id] {
					t.Errorf("decision %s did not come: %v", id, got)
				}
			}
			if len(same) != 4 {
				t.Errorf("some came twice: %v", got)
			}
			// Who comes back goes on, also after the collector was started anew.
			at := <-position
			if err := g.stop(); err != nil {
				t.Fatal(err)
			}
			g = collectFrom(t, file)
			api = controlOf(t, filepath.Join(g.cfg.Dir, "keys"))
			_, middle := follow(first, 2)
			rest, end := follow(middle, 2)
			if len(rest) != 2 || end != at && name == "store" {
				t.Errorf("%v behind %s, %s", rest, middle, end)
			}
			err = api.Tail(t.Context(), "", "nonsense", func(console.Entry, string) error { return nil })
			if codeOf(err) != "cursor" {
				t.Errorf("a position that is none: %v", err)
			}
			if err := g.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A position of the tail is read as it was written, and what is none is refused.
func TestTailPositions(t *testing.T) {
	for _, sizes := range [][]int64{nil, {0}, {1, 2, 300}, make([]int64, 100), {1 << 62}} {
		s, err := writePosition(sizes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readPosition(s, len(sizes))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(sizes) && len(sizes) > 0 {
			t.Errorf("%v: %v, %v", sizes, got, err)
		}
		if _, err := readPosition(s, len(sizes)-1); len(sizes) > 0 && !errors.Is(err, console.ErrCursor) {
			t.Errorf("more logs than there are: %v", err)
		}
	}
	many := make([]int64, 200)
	for i := range many {
		many[i] = 1 << 20
	}
	if _, err := writePosition(many); err != errManyLogs {
		t.Errorf("200 logs: %v", err)
	}
	for _, s := range []string{"", "1", "l!", "l_w", "l_____________w"} {
		if _, err := readPosition(s, 9); !errors.Is(err, console.ErrCursor) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// bearerClient sends a token with each request.
type bearerClient struct{ token string }

// RoundTrip implements http.RoundTripper.
func (b bearerClient) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

// Each log is served as tiles to the readers of it and to nobody else: its checkpoint is
// the log's own, its records are under it, and one checkpoint goes on from another.
func TestCollectTiles(t *testing.T) {
	t.Setenv("OSTIARY_TEST_PUSH", pushToken)
	t.Setenv("OSTIARY_TEST_READ", "a-token-for-readers-of-everything")
	g := collectFrom(t, writeCollect(t, `dir: x
listen: 127.0.0.1:0
tokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: '*', enrol: true}]
readers: [{secret: {env: OSTIARY_TEST_READ}, origins: '*'}]
`))
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	})
	logs := pushLogs(t, g, pushesTo(g, "http", ""))
	get := func(path, token string) (int, string) {
		t.Helper()
		resp, err := (&http.Client{Transport: bearerClient{token}}).Get("http://" + g.address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	var list []servedLog
	eventually(t, "the logs are served", func() bool {
		status, body := get("/logs/", "a-token-for-readers-of-everything")
		if err := json.Unmarshal([]byte(body), &list); status != http.StatusOK || err != nil {
			t.Fatalf("the list: %d, %v", status, err)
		}
		return len(list) == 3
	})
	found := 0
	for _, one := range list {
		g.mu.RLock()
		dir := g.logs[one.Origin].dir
		g.mu.RUnlock()
		public, err := os.ReadFile(filepath.Join(dir, "log.pub"))
		if err != nil && one.Origin != g.own.Origin() {
			public, err = os.ReadFile(filepath.Join(dir, "..", "origin"))
			_, public, _ = bytes.Cut(public, []byte("\n"))
		}
		if err != nil {
			t.Fatal(err)
		}
		key, err := audit.NewVerifier(public)
		if err != nil {
			t.Fatal(err)
		}
		c, err := tiles.NewClient(tiles.ClientOptions{URL: "http://" + g.address + one.Path, Key: key, HTTP: &http.Client{Transport: bearerClient{"a-token-for-readers-of-everything"}}})
		if err != nil {
			t.Fatal(err)
		}
		cp, _, err := c.Checkpoint(t.Context())
		if err != nil || cp.Origin != one.Origin || cp.Size < 5 && one.Origin != g.own.Origin() {
			t.Fatalf("%s: %+v, %v", one.Origin, cp, err)
		}
		var n int64
		for rec, err := range tiles.Records(c.Source(t.Context()), tiles.Tree(cp), 0) {
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range logs.ids {
				if ev, err := rec.Event(); err == nil && ev.ID == id {
					found++
				}
			}
			n++
		}
		if n != cp.Size {
			t.Errorf("%s: %d of %d records", one.Origin, n, cp.Size)
		}
		for _, token := range []string{"", pushToken, "another"} {
			if status, body := get(one.Path+"checkpoint", token); status != http.StatusUnauthorized || strings.Contains(body, one.Origin) {
				t.Errorf("with the token %q: %d", token, status)
			}
		}
	}
	if found != len(logs.ids) {
		t.Errorf("%d decisions in the tiles", found)
	}
	// One log alone, and what is none.
	g.readers = []reader{{"one", list[1].Origin}, {"begins", list[1].Origin[:2] + "*"}}
	for path, want := range map[string]int{list[1].Path + "checkpoint": 200, list[0].Path + "checkpoint": 404, "/logs/none/checkpoint": 404, list[1].Path + "secret": 404, list[1].Path + "tile/0/x": 404, list[1].Path + "../../x": 404, list[1].Path: 404} {
		if status, _ := get(path, "one"); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	if _, body := get("/logs/", "one"); strings.Contains(body, list[0].Origin) || !strings.Contains(body, list[1].Path) {
		t.Errorf("the list of one: %s", body)
	}
	if status, _ := get("/collect/v1/records", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("pushes: %d", status)
	}
}

// pushBook pushes the log of places to a collector until it has all of it, and gives why
// it does not.
func pushBook(t *testing.T, p places, at string, client *http.Client, token string) error {
	t.Helper()
	r, err := audit.OpenReader(p.log)
	if err != nil {
		t.Fatal(err)
	}
	source, err := tiles.Open(p.log)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(p.log, "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	sink, err := collect.NewSink(collect.SinkOptions{
		URL: at, HTTP: client, Key: strings.TrimSpace(string(public)), Checkpoint: r.Checkpoint, Token: func() (string, error) { return token, nil },
		Prove: func(tree tlog.Tree, old int64) ([]tlog.Hash, error) { return tiles.Prove(source, tree, old) },
	})
	if err != nil {
		t.Fatal(err)
	}
	origin, err := r.Origin()
	if err != nil {
		t.Fatal(err)
	}
	next, err := sink.Next(t.Context(), origin)
	if err != nil {
		return err
	}
	b := collect.Batch{Origin: origin, First: next}
	for rec, err := range r.Records(next) {
		if err != nil {
			t.Fatal(err)
		}
		b.Cores = append(b.Cores, rec.JSON)
	}
	if len(b.Cores) == 0 {
		return nil
	}
	return sink.Ship(t.Context(), b)
}

// goOn records events in a closed log.
func goOn(t *testing.T, p places, n int, action string) {
	t.Helper()
	l, err := audit.Open(p.log, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		ev := proxy.NewEvent(proxy.EventAdmin, time.Now())
		ev.Admin = &proxy.AdminRecord{Action: action}
		if err := l.Record(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// The shipper of a real configuration, to see what the proxy's side says.
func shipBook(t *testing.T, p places, g *collecting, told *syncBuffer) (last string) {
	t.Helper()
	l := newLedger(&config.Config{Log: config.Log{Ship: []config.Sink{{Name: "gathered", To: "collector", URL: "http://" + g.address, Secret: config.Secret{Env: "OSTIARY_TEST_PUSH"}}}}}, p, nil, slog.New(slog.NewTextHandler(told, nil)))
	var err error
	if l.reader, err = audit.OpenReader(p.log); err != nil {
		t.Fatal(err)
	}
	if l.source, err = tiles.Open(p.log); err != nil {
		t.Fatal(err)
	}
	if err := l.openShipper(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.shipper.Run(ctx) }()
	eventually(t, "the shipper was refused", func() bool { last = string(l.shipper.Statuses()[0].LastError); return last != "" })
	cancel()
	<-ended
	return last
}

// A log that was put back to an older state is refused, and so is one that went on from
// there; both are alarmed with evidence, the copy stays as it was, and when the true log
// comes back it is taken again.
func TestCollectRefusesForksAndRollbacks(t *testing.T) {
	t.Setenv("OSTIARY_TEST_PUSH", pushToken)
	told := &syncBuffer{}
	g := collectTelling(t, writeCollect(t, "dir: x\nlisten: 127.0.0.1:0\ntokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: '*', enrol: true}]\n"), told)
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	})
	p, _ := keepBook(t)
	// The whole machine is put back: the keys remember what was signed, too.
	copyTree := func(from, to string) {
		t.Helper()
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		err := filepath.WalkDir(to, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				err = os.Chmod(name, 0o600) // copying gives rights to others
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	keep := func(name string) { copyTree(p.log, name); copyTree(p.keys, name+".keys") }
	putBack := func(name string) { copyTree(name, p.log); copyTree(name+".keys", p.keys) }
	root := t.TempDir()
	keep(filepath.Join(root, "old"))
	goOn(t, p, 3, "true")
	keep(filepath.Join(root, "true"))
	at := "http://" + g.address
	if err := pushBook(t, p, at, nil, pushToken); err != nil {
		t.Fatal(err)
	}
	origin := "test.example/log"
	size := g.collector.Size(origin)
	refused := func(what string, code collect.Code) {
		t.Helper()
		err := pushBook(t, p, at, nil, pushToken)
		var r *collect.Refusal
		if !errors.As(err, &r) || r.Code != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
		if err := os.RemoveAll(shipDir(p)); err != nil {
			t.Fatal(err)
		}
		if last := shipBook(t, p, g, &syncBuffer{}); last == "" || last == "unreachable" {
			t.Errorf("%s: the proxy's shipper says %q", what, last)
		}
		said := told.String()
		if !strings.Contains(said, "COLLECTED LOGS") || !strings.Contains(said, string(code)) || !strings.Contains(said, origin) {
			t.Errorf("%s: no alarm: %s", what, said)
		}
		evidence, err := filepath.Glob(filepath.Join(g.cfg.Dir, "origins", "*", "evidence", "*-"+string(code)+".json"))
		if err != nil || len(evidence) != 1 {
			t.Errorf("%s: evidence %v, %v", what, evidence, err)
		}
		if g.collector.Size(origin) != size {
			t.Errorf("%s: the copy has %d records, had %d", what, g.collector.Size(origin), size)
		}
	}
	putBack(filepath.Join(root, "old"))
	refused("a log that was put back", collect.CodeRolledBack)
	goOn(t, p, 1, "another")
	refused("one that went on from there", collect.CodeForked)
	goOn(t, p, 5, "another") // longer than the true one
	err := pushBook(t, p, at, nil, pushToken)
	var r *collect.Refusal
	if !errors.As(err, &r) || r.Code != collect.CodeForked && r.Code != collect.CodeInconsistent {
		t.Errorf("one that grew beyond the copy: %v", err)
	}
	putBack(filepath.Join(root, "true"))
	goOn(t, p, 1, "true")
	if err := pushBook(t, p, at, nil, pushToken); err != nil {
		t.Fatal(err)
	}
	if n := g.collector.Size(origin); n != size+1 {
		t.Errorf("the true log: %d records, want %d", n, size+1)
	}
	replicas, err := filepath.Glob(filepath.Join(g.cfg.Dir, "origins", "*", "log"))
	if err != nil || len(replicas) != 1 {
		t.Fatal(replicas, err)
	}
	if got, err := audit.Verify(replicas[0], audit.VerifyOptions{}); err != nil || got.Answer == audit.Altered || got.Size != size+1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Who reaches a collector beyond its machine: pushes need its certificate to be trusted,
// a certificate of the authority and a token that is good for the log; its API takes
// tokens of the provider and certificates, and gives each caller its roles.
func TestCollectDoors(t *testing.T) {
	t.Setenv("OSTIARY_TEST_PUSH", pushToken)
	ca, other, op := newAuthority(t), newAuthority(t), newIdentityProvider(t)
	ca.server("api")
	listen := freeAddress(t)
	g := collectFrom(t, writeCollect(t, fmt.Sprintf(`dir: x
listen: 127.0.0.1:0
tls: {cert: %[1]s, key: %[2]s}
client_ca: %[3]s
tokens: [{secret: {env: OSTIARY_TEST_PUSH}, origins: "test.example/*", enrol: true}]
api:
  listen: %[4]s
  tls: {cert: %[1]s, key: %[2]s}
  hosts: [127.0.0.1]
  client_ca: %[3]s
  oidc: {issuer: "%[5]s", audience: collector}
  roles:
    - {roles: [viewer], certificate: "spiffe://bank.example/viewer"}
    - {roles: [admin], certificate: keeper@bank.example}
    - {roles: [reviewer], group: auditors}
`, ca.file("api.pem"), ca.file("api.key"), ca.file("ca.pem"), listen, op.URL)))
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	})
	p, _ := keepBook(t)
	at := "https://" + g.address
	for name, client := range map[string]*http.Client{"no certificate": ca.client(""), "no trust": other.client("proxy.bank.example"), "plain": {Timeout: 10 * time.Second}} {
		if err := pushBook(t, p, at, client, pushToken); !errors.Is(err, collect.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	proxy1 := ca.client("proxy.bank.example")
	if err := pushBook(t, p, strings.Replace(at, "https", "http", 1), proxy1, pushToken); err == nil {
		t.Error("a push without TLS is taken")
	}
	for _, token := range []string{"", "another"} {
		var r *collect.Refusal
		if err := pushBook(t, p, at, proxy1, token); !errors.As(err, &r) || r.Code != collect.CodeCredentials {
			t.Errorf("with the token %q: %v", token, err)
		}
	}
	if g.collector.Size("test.example/log") != 0 {
		t.Fatal("something was taken")
	}
	if err := pushBook(t, p, at, proxy1, pushToken); err != nil {
		t.Fatal(err)
	}
	base := "https://" + listen
	with := func(token string) *console.Client {
		return console.NewClient(base, ca.client(""), func() (string, error) { return token, nil })
	}
	events := func(c *console.Client) error { _, err := c.Events(t.Context(), console.Search{}); return err }
	own := controlOf(t, filepath.Join(g.cfg.Dir, "keys"))
	eventually(t, "the events can be asked for", func() bool {
		page, err := own.Events(t.Context(), console.Search{Query: "kind:decision"})
		return err == nil && len(page.Events) > 0
	})
	ways := []struct {
		what string
		do   func(c *console.Client) error
	}{
		{"events", events},
		{"facets", func(c *console.Client) error {
			_, err := c.Facets(t.Context(), console.Search{}, []string{"kind"}, 0)
			return err
		}},
		{"histogram", func(c *console.Client) error {
			_, err := c.Histogram(t.Context(), console.Search{}, 3, "")
			return err
		}},
		{"export", func(c *console.Client) error {
			_, err := c.Export(t.Context(), io.Discard, "jsonl", console.Search{})
			return err
		}},
	}
	for _, c := range []struct {
		name, want string
		client     *console.Client
	}{
		{"certificate of a viewer", "", console.NewClient(base, ca.client("spiffe://bank.example/viewer"), nil)},
		{"token of a group", "", with(op.token("collector", `"sub":"u-1","groups":["auditors"]`, time.Hour))},
		{"certificate of an admin", "role_missing", console.NewClient(base, ca.client("keeper@bank.example"), nil)},
		{"certificate of a stranger", "no_role", console.NewClient(base, ca.client("somebody.bank.example"), nil)},
		{"token of a stranger", "no_role", with(op.token("collector", `"sub":"u-2","groups":["staff"]`, time.Hour))},
		{"token for somebody else", "unauthenticated", with(op.token("another", `"sub":"u-1","groups":["auditors"]`, time.Hour))},
		{"token that ended", "unauthenticated", with(op.token("collector", `"sub":"u-1","groups":["auditors"]`, -time.Hour))},
		{"token of a proxy", "unauthenticated", with(pushToken)},
		{"nobody", "unauthenticated", console.NewClient(base, ca.client(""), nil)},
	} {
		for _, way := range ways {
			if err := patiently(t, func() error { return way.do(c.client) }); codeOf(err) != c.want || err != nil && codeOf(err) == "" {
				t.Errorf("%s asks for %s: %v, want %q", c.name, way.what, err, c.want)
			}
		}
	}
	// Nobody has personal parts here, whatever the role.
	if _, err := with(op.token("collector", `"sub":"u-1","groups":["auditors"]`, time.Hour)).Events(t.Context(), console.Search{Personal: true}); err == nil {
		t.Error("personal parts are given")
	}
	denied, exported := 0, 0
	for _, ev := range readEvents(t, filepath.Join(g.cfg.Dir, "log"), proxy.EventAccess) {
		switch ev.Admin.Action {
		case "denied":
			denied++
		case "export":
			exported++
		}
		if ev.Personal == nil || ev.Personal.Commitment == "" || ev.Personal.Subject != "" {
			t.Errorf("an access names whom it is by in its core, or nobody: %s", ev.Admin.Action)
		}
	}
	if denied == 0 || exported != 2 {
		t.Errorf("%d denials and %d exports are recorded", denied, exported)
	}
}
