//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/testdata/env"
	"github.com/ostiary/ostiary/testdata/stores"
)

func TestMain(m *testing.M) {
	stores.Main(m, func(args []string) (ship.Sink, error) {
		return New(Options{Connection: func() (string, error) { return args[0], nil }, Daily: args[1] == "daily"})
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func dsn(s *env.Store) string {
	return "host=" + s.Address + " user=" + env.StoreUser + " dbname=postgres"
}

func sink(t testing.TB, s *env.Store, o Options) *Sink {
	t.Helper()
	o.Connection = func() (string, error) { return dsn(s), nil }
	out, err := New(o)
	must(t, err)
	t.Cleanup(func() { out.Close() })
	return out
}

// query runs a statement and gives its rows as text.
func query(t testing.TB, s *env.Store, sql string, args ...any) [][]string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn(s))
	must(t, err)
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), sql, args...)
	must(t, err)
	var out [][]string
	for rows.Next() {
		values, err := rows.Values()
		must(t, err)
		var line []string
		for _, v := range values {
			line = append(line, fmt.Sprint(v))
		}
		out = append(out, line)
	}
	must(t, rows.Err())
	return out
}

func rows(t testing.TB, s *env.Store, table string) func() ([]stores.Row, error) {
	return func() (out []stores.Row, err error) {
		for _, r := range query(t, s, `SELECT idx, core FROM `+table+` WHERE origin = $1`, stores.Origin) {
			var n int64
			if _, err := fmt.Sscan(r[0], &n); err != nil {
				return nil, err
			}
			out = append(out, stores.Row{Index: n, Core: r[1]})
		}
		return out, nil
	}
}

func kind(err error) ship.Kind {
	var e *ship.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ship.KindNone
}

func TestEveryRecordArrivesOnceThroughKills(t *testing.T) {
	s := env.Postgres(t)
	for _, how := range []string{"plain", "daily"} {
		t.Run(how, func(t *testing.T) {
			query(t, s, `DROP TABLE IF EXISTS ostiary_events`)
			stores.Prove(t, s, rows(t, s, DefaultTable), dsn(s), how)
		})
	}
}

func TestRows(t *testing.T) {
	s := env.Postgres(t)
	ctx := context.Background()
	rs := stores.Cores(t, t.TempDir(), 700) // over a midnight
	rs[5].Core = []byte(`{"admin":{"action":"a\u0000b"},"id":"x","kind":"admin","time":"not a time","v":1}`)
	rs[6].Core = []byte(`[1]`)
	for name, o := range map[string]Options{"plain": {Table: "plain"}, "daily": {Table: "daily", Daily: true}} {
		t.Run(name, func(t *testing.T) {
			k := sink(t, s, o)
			if n, err := k.Next(ctx, stores.Origin); err != nil || n != 0 {
				t.Fatal(n, err)
			}
			must(t, k.Ship(ctx, stores.Batch(rs[:400])))
			must(t, k.Ship(ctx, stores.Batch(rs[:400])))
			must(t, k.Ship(ctx, stores.Batch(rs[300:700])))
			stores.Same(t, rs, rows(t, s, o.Table))
			if n, err := k.Next(ctx, stores.Origin); err != nil || n != 700 {
				t.Error(n, err)
			}
			if n, err := k.Next(ctx, "other"); err != nil || n != 0 {
				t.Error(n, err)
			}
			got := query(t, s, `SELECT day::text, time::text, kind, id, decision_id, action, code, mode, asked, pool, application, team, model, dialect, operation, types::text, groups::text, rules::text, status, sent, core::jsonb->'decision'->>'action' FROM `+o.Table+` WHERE idx = 699`)
			want := "2026-11-25 2026-11-25 00:01:39+00 decision 01JDQ7Z000002BBKQ3000002BB 01JDQ7Z000002BBKQ3000002BB reroute  enforce openai house billing  gpt-5 openai chat {EMAIL_ADDRESS} {personal} {residency.personal_in_house} 0  reroute"
			if strings.Join(got[0], " ") != want {
				t.Errorf("got  %s\nwant %s", strings.Join(got[0], " "), want)
			}
			// The database itself can prove that a leaf is of its core.
			if n := query(t, s, `SELECT count(*) FROM `+o.Table+` WHERE leaf <> sha256('\x00'::bytea || convert_to(core, 'UTF8'))`); n[0][0] != "0" {
				t.Errorf("%s leaves are not of their cores", n[0][0])
			}
			if got := query(t, s, `SELECT day::text, time IS NULL, action FROM `+o.Table+` WHERE idx = 5`); strings.Join(got[0], " ") != "1970-01-01 true ab" {
				t.Errorf("%v", got)
			}
			if o.Daily {
				n := query(t, s, `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'daily'::regclass ORDER BY 1`)
				if !slices.EqualFunc(n, []string{"daily_p19700101", "daily_p20261124", "daily_p20261125"}, func(a []string, b string) bool { return a[0] == b }) {
					t.Errorf("partitions %v", n)
				}
			}
		})
	}
}

func TestAnotherRecordUnderTheSameKeyIsAConflict(t *testing.T) {
	s := env.Postgres(t)
	rs := stores.Cores(t, t.TempDir(), 10)
	for _, daily := range []bool{false, true} {
		o := Options{Table: fmt.Sprintf("conflict_%v", daily), Daily: daily}
		must(t, sink(t, s, o).Ship(context.Background(), stores.Batch(rs)))
		other := slices.Clone(rs)
		// Another day: the key of a table by day would not see it.
		other[4].Core = []byte(strings.Replace(string(rs[4].Core), "2026-11-24", "2026-11-23", 1))
		if err := sink(t, s, o).Ship(context.Background(), stores.Batch(other)); kind(err) != ship.Conflict {
			t.Errorf("daily %v: %v", daily, err)
		}
		stores.Same(t, rs, rows(t, s, o.Table))
	}
}

func TestAPoisonedRowIsParked(t *testing.T) {
	s := env.Postgres(t)
	dir := t.TempDir()
	rs := stores.Cores(t, dir, 50)
	query(t, s, strings.Replace(sink(t, s, Options{Table: "poison"}).DDL()[0], "PRIMARY KEY", "CHECK (idx NOT IN (7, 31)), PRIMARY KEY", 1))
	k := sink(t, s, Options{Table: "poison"})
	parts, parked := []ship.Batch{stores.Batch(rs)}, []int64{}
	for len(parts) > 0 { // as the shipper does
		b := parts[0]
		parts = parts[1:]
		err := k.Ship(context.Background(), b)
		switch {
		case err == nil:
		case kind(err) != ship.Refused:
			t.Fatal(err)
		case len(b.Records) == 1:
			parked = append(parked, b.First)
		default:
			h := len(b.Records) / 2
			parts = append([]ship.Batch{stores.Batch(b.Records[:h]), stores.Batch(b.Records[h:])}, parts...)
		}
	}
	if !slices.Equal(parked, []int64{7, 31}) {
		t.Errorf("parked %v", parked)
	}
	if got, _ := rows(t, s, "poison")(); len(got) != 48 {
		t.Errorf("%d rows", len(got))
	}
}

func TestFailuresTellNoSecrets(t *testing.T) {
	s := env.Postgres(t)
	rs := stores.Cores(t, t.TempDir(), 3)
	query(t, s, `CREATE ROLE weak LOGIN`)
	query(t, s, `CREATE TABLE narrow (origin text, idx bigint)`)
	for name, c := range map[string]struct {
		where string
		opt   Options
		want  ship.Kind
	}{
		"nobody there":   {"host=" + os.TempDir() + "/nobody user=canary", Options{}, ship.Unreachable},
		"refused port":   {"postgres://canary:canary@127.0.0.1:1/canary", Options{}, ship.Unreachable},
		"not a string":   {"postgres://canary:canary@%%%", Options{}, ship.Unsupported},
		"no user":        {"host=" + s.Address + " user=canary dbname=postgres", Options{}, ship.Credentials},
		"no database":    {"host=" + s.Address + " user=test dbname=canary", Options{}, ship.Unsupported},
		"no right":       {"host=" + s.Address + " user=weak dbname=postgres", Options{}, ship.Credentials},
		"no table":       {dsn(s), Options{NoCreate: true, Table: "canary"}, ship.Unsupported},
		"another table":  {dsn(s), Options{Table: "narrow"}, ship.Unsupported},
		"no such schema": {dsn(s), Options{Table: "canary.t"}, ship.Unsupported},
	} {
		t.Run(name, func(t *testing.T) {
			c.opt.Connection = func() (string, error) { return c.where, nil }
			k, err := New(c.opt)
			must(t, err)
			defer k.Close()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			err = k.Ship(ctx, stores.Batch(rs))
			if kind(err) != c.want || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		})
	}
	k, err := New(Options{Connection: func() (string, error) { return "", errors.New("canary") }})
	must(t, err)
	if err := k.Ship(context.Background(), stores.Batch(rs)); kind(err) != ship.Credentials || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

func TestManyProxiesMakeOneTable(t *testing.T) {
	s := env.Postgres(t)
	rs := stores.Cores(t, t.TempDir(), 700)
	errs := make(chan error)
	const proxies = 8
	for n := range proxies {
		k := sink(t, s, Options{Table: "shared", Daily: true})
		go func() {
			b := stores.Batch(rs)
			b.Origin = fmt.Sprint("proxy ", n)
			errs <- k.Ship(context.Background(), b)
		}()
	}
	for range proxies {
		must(t, <-errs)
	}
	if n := query(t, s, `SELECT count(*), count(DISTINCT origin) FROM shared`); strings.Join(n[0], " ") != "5600 8" {
		t.Errorf("%v", n)
	}
}

func TestNewRefuses(t *testing.T) {
	given := func() (string, error) { return "", nil }
	for _, o := range []Options{{}, {Connection: given, Table: "a.b.c"}, {Connection: given, Table: `x"; DROP`}, {Connection: given, Table: strings.Repeat("x", 60)}} {
		if _, err := New(o); err == nil {
			t.Errorf("%q: no error", o.Table)
		}
	}
}
