//go:build unix

package clickhouse

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/env"
	"github.com/ostiary/ostiary/testdata/stores"
)

func secret() (string, error) { return env.StoreSecret, nil }

func TestMain(m *testing.M) {
	stores.Main(m, func(args []string) (ship.Sink, error) {
		return New(Options{URL: "http://" + args[0], User: env.StoreUser, Password: secret})
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(err error) ship.Kind {
	var e *ship.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ship.KindNone
}

func sink(t testing.TB, s *env.Store, table string) *Sink {
	t.Helper()
	k, err := New(Options{URL: "http://" + s.Address, User: env.StoreUser, Password: secret, Table: table})
	must(t, err)
	t.Cleanup(func() { k.Close() })
	return k
}

func rows(t testing.TB, s *env.Store, view string) func() ([]stores.Row, error) {
	return func() (out []stores.Row, err error) {
		b, err := sink(t, s, "").ask(context.Background(), "SELECT idx, base64Encode(core) FROM "+view+" FORMAT TSV", nil, nil)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b)) {
			var n int64
			var core string
			if _, err := fmt.Sscan(line, &n, &core); err != nil {
				return nil, err
			}
			out = append(out, stores.Row{Index: n, Core: string(decode(t, core))})
		}
		return out, nil
	}
}

func TestEveryRecordArrivesOnceThroughKills(t *testing.T) {
	env.LongOnly(t)
	s := env.ClickHouse(t)
	stores.Prove(t, s, rows(t, s, DefaultTable+"_once"), s.Address)
}

func TestTable(t *testing.T) {
	env.LongOnly(t)
	s := env.ClickHouse(t)
	ctx := context.Background()
	rs := stores.Cores(t, t.TempDir(), 700)
	rs[5].Core = []byte(`{"admin":{"action":"a\u0000b\t"},"id":"x","kind":"admin","time":"not a time","v":1}`)
	rs[6].Core = []byte(`[1]`)
	k := sink(t, s, "t")
	if n, err := k.Next(ctx, stores.Origin); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	must(t, k.Ship(ctx, stores.Batch(rs[:400])))
	must(t, k.Ship(ctx, stores.Batch(rs[:400])))
	must(t, k.Ship(ctx, stores.Batch(rs[300:700])))
	stores.Same(t, rs, rows(t, s, "t_once"))
	if n, err := k.Next(ctx, stores.Origin); err != nil || n != 700 {
		t.Error(n, err)
	}
	if n, err := k.Next(ctx, `other's \ origin`); err != nil || n != 0 {
		t.Error(n, err)
	}
	// A batch that comes again with the same bounds is not even stored.
	if b, err := k.ask(ctx, "SELECT count() FROM t WHERE idx < 300 FORMAT TSV", nil, nil); err != nil || strings.TrimSpace(string(b)) != "300" {
		t.Errorf("%s %v", b, err)
	}
	b, err := k.ask(ctx, "SELECT time, kind, id, decision_id, action, code, mode, asked, pool, application, team, model, dialect, operation, types, groups, rules, status, sent FROM t_once WHERE idx = 699 FORMAT TSV", nil, nil)
	must(t, err)
	want := "2026-11-25 00:01:39.000|decision|01JDQ7Z000002BBKQ3000002BB|01JDQ7Z000002BBKQ3000002BB|reroute||enforce|openai|house|billing||gpt-5|openai|chat|['EMAIL_ADDRESS']|['personal']|['residency.personal_in_house']|0|"
	if got := strings.ReplaceAll(strings.TrimRight(string(b), "\n"), "\t", "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if b, err := k.ask(ctx, `SELECT count() FROM t WHERE leaf <> lower(hex(SHA256(concat(char(0), core)))) FORMAT TSV`, nil, nil); err != nil || strings.TrimSpace(string(b)) != "0" {
		t.Errorf("%s leaves are not of their cores: %v", b, err)
	}
	other := slices.Clone(rs[300:])
	other[4].Core = []byte(`{"v":1}`)
	if err := sink(t, s, "t").Ship(ctx, stores.Batch(other)); kind(err) != ship.Conflict {
		t.Errorf("%v", err)
	}
	stores.Same(t, rs, rows(t, s, "t_once"))

	t.Run("a row that breaks a constraint is refused", func(t *testing.T) {
		if _, err := k.ask(ctx, "ALTER TABLE t ADD CONSTRAINT c CHECK idx <> 705", nil, nil); err != nil {
			t.Fatal(err)
		}
		bad := []ship.Record{{Index: 705, Core: []byte(`{"v":1}`)}}
		if err := k.Ship(ctx, stores.Batch(bad)); kind(err) != ship.Refused {
			t.Errorf("%v", err)
		}
	})
	t.Run("a table that was dropped is made again", func(t *testing.T) {
		for _, q := range []string{"DROP VIEW t_once", "DROP TABLE t"} {
			if _, err := k.ask(ctx, q, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.Ship(ctx, stores.Batch(rs)); kind(err) != ship.Unsupported {
			t.Errorf("%v", err)
		}
		must(t, k.Ship(ctx, stores.Batch(rs)))
		stores.Same(t, rs, rows(t, s, "t_once"))
	})
	t.Run("a wrong password", func(t *testing.T) {
		k, err := New(Options{URL: "http://" + s.Address, User: env.StoreUser, Password: func() (string, error) { return "canary", nil }})
		must(t, err)
		if err := k.Ship(ctx, stores.Batch(rs)); kind(err) != ship.Credentials || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	})
}

// What the interface is asked, and what becomes of its answers.
func TestRequests(t *testing.T) {
	rs := []ship.Record{{Index: 7, Core: []byte(`{"kind":"admin","v":1}`)}, {Index: 8, Core: []byte(`{"kind":"admin","v":1}`)}}
	answer := func(w http.ResponseWriter, q url.Values) {}
	var asked []url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		body, _ := io.ReadAll(r.Body)
		q.Set("body", string(body))
		if q.Get("query") == "" {
			q.Set("query", string(body)) // a statement without rows
		}
		q.Set("key", r.Header.Get("X-ClickHouse-User")+":"+r.Header.Get("X-ClickHouse-Key"))
		asked = append(asked, q)
		switch {
		case strings.HasPrefix(q.Get("query"), "INSERT"):
			answer(w, q)
		case strings.HasPrefix(q.Get("query"), "SELECT"):
			io.WriteString(w, "0\n")
		}
	}))
	defer server.Close()
	k, err := New(Options{URL: server.URL, User: "u", Password: func() (string, error) { return "p", nil }, Database: "d"})
	must(t, err)
	must(t, k.Ship(context.Background(), stores.Batch(rs)))
	last := asked[len(asked)-1]
	for name, want := range map[string]string{
		"query": "INSERT INTO ostiary_events FORMAT JSONEachRow", "insert_deduplication_token": stores.Origin + ":7-8",
		"wait_for_async_insert": "1", "insert_deduplicate": "1", "wait_end_of_query": "1", "database": "d", "key": "u:p",
	} {
		if last.Get(name) != want {
			t.Errorf("%s: %q", name, last.Get(name))
		}
	}
	if strings.Count(last.Get("body"), "\n") != 2 || !strings.Contains(last.Get("body"), `"core":"{\"kind\":\"admin\",\"v\":1}"`) {
		t.Errorf("body %q", last.Get("body"))
	}
	for name, c := range map[string]struct {
		status int
		code   string
		want   ship.Kind
	}{
		"cannot parse":   {400, "27", ship.Refused},
		"constraint":     {500, "469", ship.Refused},
		"login":          {403, "516", ship.Credentials},
		"too many parts": {500, "252", ship.Busy},
		// The status was sent before the insert failed.
		"late":     {200, "241", ship.Busy},
		"no table": {404, "60", ship.Unsupported},
		"proxy":    {502, "", ship.Busy},
		"moved":    {307, "", ship.Unsupported},
		"strange":  {500, "x", ship.KindOther},
	} {
		answer = func(w http.ResponseWriter, _ url.Values) {
			w.Header().Set("Location", "/elsewhere")
			if c.code != "" {
				w.Header().Set("X-ClickHouse-Exception-Code", c.code)
			}
			w.WriteHeader(c.status)
			io.WriteString(w, "canary")
		}
		if err := k.Ship(context.Background(), stores.Batch(rs)); kind(err) != c.want || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.Close()
	if err := k.Ship(context.Background(), stores.Batch(rs)); kind(err) != ship.Unreachable {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{{}, {URL: "http://u:p@h/"}, {URL: "ftp://h"}, {URL: "http://h/?x=y"}, {URL: "http://h", Table: "a;b"}, {URL: "http://h", Database: "a.b"}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func decode(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	must(t, err)
	return b
}
