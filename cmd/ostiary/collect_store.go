package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/collect"
	collectstore "github.com/ostiary/ostiary/proxy/audit/collect/store"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/ship/clickhouse"
	"github.com/ostiary/ostiary/proxy/audit/ship/postgres"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
)

// storedTime bounds how long one record of the store is waited for.
const storedTime = 10 * time.Second

// copyName names the cursors of what is copied into the store.
const copyName = "store"

func (s *collectStore) check(file string) error {
	switch {
	case s.To == "":
		if s.URL+s.Within+s.Into+s.User+s.CA != "" || s.Daily || !s.Secret.IsZero() {
			return fmt.Errorf("%s: store: to: write postgres or clickhouse", file)
		}
	case s.To != "postgres" && s.To != "clickhouse":
		return fmt.Errorf("%s: store: to: write postgres or clickhouse", file)
	case s.To == "postgres" && s.Secret.IsZero():
		return fmt.Errorf("%s: store: secret: say where the connection string of postgres is to be had", file)
	case s.To == "postgres" && (s.URL != "" || s.User != "" || s.Within != "" || s.CA != ""):
		return fmt.Errorf("%s: store: url, user, within and ca are of clickhouse: those of postgres stand in the connection string", file)
	case s.To == "clickhouse" && s.URL == "":
		return fmt.Errorf("%s: store: url: name the HTTP interface of clickhouse", file)
	case s.To == "clickhouse" && s.Daily:
		return fmt.Errorf("%s: store: daily: a table of clickhouse is partitioned by month", file)
	}
	return nil
}

// openStore makes the store, nil where none is configured. It does not connect.
func openStore(s *collectStore) (*collectstore.Store, error) {
	secret := func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), secretTime)
		defer cancel()
		return source(s.Secret).Plain(ctx)
	}
	switch s.To {
	case "postgres":
		return collectstore.Postgres(postgres.Options{Connection: secret, Table: s.Into, Daily: s.Daily})
	case "clickhouse":
		conf, err := sinkTLS(&config.Sink{CA: s.CA})
		if err != nil {
			return nil, err
		}
		o := clickhouse.Options{URL: s.URL, Database: s.Within, Table: s.Into, User: s.User, Client: &http.Client{
			Transport: &http.Transport{TLSClientConfig: conf, Proxy: http.ProxyFromEnvironment, MaxIdleConns: 8, IdleConnTimeout: time.Minute},
		}}
		if !s.Secret.IsZero() {
			o.Password = secret
		}
		return collectstore.ClickHouse(o)
	}
	return nil, nil
}

// copySource is a log as it is copied from: a replica grows by what its collector says, and
// nobody looks at its files for that.
type copySource struct {
	*audit.Reader
	origin string
	size   func() (int64, error)
}

// Origin implements [ship.Source].
func (c copySource) Origin() (string, error) { return c.origin, nil }

// Size implements [ship.Source].
func (c copySource) Size() (int64, error) { return c.size() }

// ship copies a log into the store until the context ends. Its cursor is kept beside the
// replica.
func (g *collecting) ship(ctx context.Context, origin string, l *gathered) error {
	from := copySource{l.reader, origin, l.reader.Size}
	if origin != g.own.Origin() {
		from.size = func() (int64, error) { return g.collector.Size(origin), nil }
	}
	s, err := ship.New(ship.Options{Source: from, Dir: filepath.Join(g.cfg.Dir, "copies", g.label(l)), Alarm: g.copyAlarm},
		ship.Target{Name: copyName, Sink: g.store.Sink(), Limits: collectstore.Limits()})
	if err != nil {
		return err
	}
	g.done.Go(func() {
		if err := s.Run(ctx); err != nil {
			g.out.Error("the copy of a log in the store", "origin", origin, "error", err)
		}
	})
	return nil
}

// label names a log in paths: that of a replica is the name of its directory.
func (g *collecting) label(l *gathered) string {
	if name := filepath.Base(filepath.Dir(l.dir)); filepath.Dir(filepath.Dir(l.dir)) == filepath.Join(g.cfg.Dir, "origins") {
		return name
	}
	return ownLabel
}

// ownLabel names the collector's own log. The names of replicas end with a hash.
const ownLabel = "self"

// copyAlarm tells of a copy that an operator should look at, as it does of a log's own.
func (g *collecting) copyAlarm(err error) {
	g.out.Error("copies of logs in the store", "error", err)
	var e *ship.SinkError
	if !errors.As(err, &e) || errors.Is(err, ship.ErrParked) {
		return
	}
	ev := proxy.NewEvent(proxy.EventAdmin, time.Now())
	ev.Admin = &proxy.AdminRecord{Action: "copy_failing", Detail: e.Sink + ": " + string(e.Kind), From: e.Index}
	if e.Stopped {
		ev.Admin.Action = "copy_stopped"
	}
	g.done.Go(func() { // the copy is not to wait for the log
		ctx, cancel := context.WithTimeout(context.Background(), recordTime)
		defer cancel()
		if err := g.own.Record(ctx, ev); err != nil {
			g.out.Error("the alarm of a copy could not be recorded", "error", err)
		}
	})
}

// errForged: the store has another record than the log had.
var errForged = errors.New("the store holds another record than the log: somebody altered the table. The collector's tree has the hash of the true one")

// stored reads a record from the store and holds it against the tree that was proven.
func (g *collecting) stored(r console.Ref) (audit.Record, error) {
	if g.store == nil {
		return audit.Record{}, console.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(context.Background(), storedTime)
	defer cancel()
	leaf, err := g.collector.Leaf(ctx, r.Origin, r.Index)
	if errors.Is(err, collect.ErrNoLeaf) {
		return audit.Record{}, console.ErrNotFound
	}
	if err != nil {
		return audit.Record{}, err
	}
	core, err := g.store.At(ctx, r.Origin, r.Index)
	if errors.Is(err, collectstore.ErrNotFound) {
		return audit.Record{}, console.ErrNotFound
	}
	if err != nil {
		return audit.Record{}, storeError(err)
	}
	if tlog.RecordHash(core) != leaf {
		return audit.Record{}, fmt.Errorf("record %d of %s: %w", r.Index, r.Origin, errForged)
	}
	return audit.Record{Index: r.Index, JSON: core}, nil
}

// stored answers the API's questions from the store. It is a [console.Searcher] and a
// [console.Follower].
type stored struct{ store *collectstore.Store }

var (
	_ console.Searcher = stored{}
	_ console.Follower = stored{}
)

func (stored) parse(q console.Query) (*collectstore.Query, error) {
	parsed, err := collectstore.Parse(q.Text, time.Now())
	if err != nil {
		return nil, &console.QueryError{Why: err.Error()}
	}
	return parsed.Between(q.From, q.To), nil
}

// countable fails for a field whose values are not counted, as the index does.
func countable(fields ...string) error {
	known := index.FacetFields()
	for _, f := range fields {
		if !slices.Contains(known, f) {
			return &console.QueryError{Why: f + " is no field whose values are counted; these are: " + strings.Join(known, " ")}
		}
	}
	return nil
}

// storeError gives what the API answers for an error of the store.
func storeError(err error) error {
	var e *ship.Error
	switch {
	case errors.Is(err, index.ErrCursor):
		return console.ErrCursor
	case errors.As(err, &e) && (e.Kind == ship.Unreachable || e.Kind == ship.Timeout || e.Kind == ship.Busy):
		return &console.Problem{
			Type: "urn:ostiary:problem:unavailable", Code: "unavailable", Status: http.StatusServiceUnavailable,
			Title: "The store of the events does not answer.", Detail: "See that the database runs and that this machine reaches it; ask again then.",
		}
	}
	return err
}

// Search implements [console.Searcher].
func (s stored) Search(ctx context.Context, q console.Query, p console.Page) (console.Hits, error) {
	parsed, err := s.parse(q)
	if err != nil {
		return console.Hits{}, err
	}
	found, err := s.store.Search(ctx, parsed, index.Page{Limit: p.Limit, Oldest: p.Oldest, Cursor: p.Cursor})
	if err != nil {
		return console.Hits{}, storeError(err)
	}
	return console.Hits{Refs: consoleRefs(found.Refs), Next: found.Next, Size: found.Size}, nil
}

func consoleRefs(found []index.Ref) []console.Ref {
	out := make([]console.Ref, 0, len(found))
	for _, r := range found {
		out = append(out, console.Ref{Origin: r.Origin, Index: r.Index})
	}
	return out
}

// Facets implements [console.Searcher].
func (s stored) Facets(ctx context.Context, q console.Query, fields []string, top int) ([]console.Facet, error) {
	parsed, err := s.parse(q)
	if err == nil {
		err = countable(fields...)
	}
	if err != nil {
		return nil, err
	}
	found, err := s.store.Facets(ctx, parsed, fields, top)
	if err != nil {
		return nil, storeError(err)
	}
	out := make([]console.Facet, 0, len(found))
	for _, f := range found {
		values := make([]console.Count, 0, len(f.Values))
		for _, v := range f.Values {
			values = append(values, console.Count{Value: v.Value, Events: v.Count})
		}
		out = append(out, console.Facet{Field: f.Field, Values: values, Distinct: f.Distinct})
	}
	return out, nil
}

// Histogram implements [console.Searcher].
func (s stored) Histogram(ctx context.Context, q console.Query, buckets int, by string) (console.Histogram, error) {
	parsed, err := s.parse(q)
	if err == nil && by != "" {
		err = countable(by)
	}
	if err != nil {
		return console.Histogram{}, err
	}
	found, err := s.store.Histogram(ctx, parsed, buckets, by)
	if err != nil {
		return console.Histogram{}, storeError(err)
	}
	out := console.Histogram{Start: found.Start.UTC().Format(time.RFC3339Nano), StepMS: found.Step.Milliseconds(), Counts: found.Counts}
	for _, one := range found.Series {
		out.Series = append(out.Series, console.Series{Value: one.Value, Counts: one.Counts})
	}
	return out, nil
}

// Lookup implements [console.Searcher].
func (s stored) Lookup(ctx context.Context, id string) ([]console.Ref, error) {
	found, err := s.store.Lookup(ctx, id)
	return consoleRefs(found), storeError(err)
}

// End implements [console.Follower].
func (s stored) End(ctx context.Context) (string, error) {
	at, err := s.store.End(ctx)
	return at, storeError(err)
}

// Tail implements [console.Follower].
func (s stored) Tail(ctx context.Context, q console.Query, after string, visit func(r console.Ref, position string) error) error {
	parsed, err := s.parse(q)
	if err != nil {
		return err
	}
	return storeError(s.store.Tail(ctx, parsed, after, func(r index.Ref, position string) error {
		return visit(console.Ref{Origin: r.Origin, Index: r.Index}, position)
	}))
}
