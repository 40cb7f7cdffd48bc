//go:build unix

package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/ship/clickhouse"
	"github.com/ostiary/ostiary/proxy/audit/ship/postgres"
	"github.com/ostiary/ostiary/testdata/env"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// memory is a log in memory that package index reads.
type memory struct {
	origin string
	rows   [][]byte
}

func (m *memory) Origin() (string, error) { return m.origin, nil }

func (m *memory) Segments() ([]audit.Segment, error) {
	half := int64(len(m.rows) / 2)
	return []audit.Segment{
		{Number: 0, End: half, Began: time.UnixMilli(1000), Sealed: true},
		{Number: 1, First: half, End: int64(len(m.rows)), Began: time.UnixMilli(2000)},
	}, nil
}

func (m *memory) Records(from int64) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for i := from; i < int64(len(m.rows)); i++ {
			if !yield(audit.Record{Index: i, JSON: m.rows[i]}, nil) {
				return
			}
		}
	}
}

func (m *memory) Segment(number int64) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		half := int64(len(m.rows) / 2)
		for rec := range m.Records(number * half) {
			if number == 0 && rec.Index >= half || !yield(rec, nil) {
				return
			}
		}
	}
}

// batch gives the log's records from an index on, below another.
func (m *memory) batch(from, to int) ship.Batch {
	b := ship.Batch{Origin: m.origin, First: int64(from)}
	for i := from; i < to; i++ {
		b.Records = append(b.Records, ship.Record{Index: int64(i), Core: m.rows[i]})
	}
	return b
}

// dice makes random events that have much in common.
type dice struct {
	*rand.Rand
	n         int
	at        time.Time
	decisions []string
}

func newDice(seed uint64) *dice {
	return &dice{Rand: rand.New(rand.NewPCG(seed, 7)), at: time.Date(2026, 2, 26, 9, 0, 0, 0, time.UTC)}
}

func (d *dice) one(words ...string) string { return words[d.IntN(len(words))] }

func (d *dice) some(words ...string) (out []string) {
	for _, w := range words {
		if d.IntN(3) == 0 {
			out = append(out, w)
		}
	}
	if len(out) > 0 && d.IntN(10) == 0 {
		out = append(out, out[0])
	}
	return out
}

// id makes a ULID, and now and then another text.
func (d *dice) id() string {
	d.n++
	switch d.IntN(20) {
	case 0:
		return fmt.Sprintf("odd-%d-%d", d.n, d.Uint32())
	case 1:
		return fmt.Sprintf("quote'\"\\%%_-%d-%d", d.n, d.Uint32())
	}
	var b strings.Builder
	b.WriteString("01")
	for range 24 {
		b.WriteByte(crockford[d.IntN(32)])
	}
	return b.String()
}

// time goes on, and now and then back; two events often have the same.
func (d *dice) time() string {
	d.at = d.at.Add(time.Duration(max(d.IntN(4000)-1000, 0)) * time.Millisecond)
	switch d.IntN(40) {
	case 0:
		return "not a time"
	case 1:
		return d.at.Add(-time.Duration(d.IntN(100)) * time.Second).In(time.FixedZone("", 5400)).Format(time.RFC3339Nano)
	}
	return d.at.Format("2006-01-02T15:04:05.000Z")
}

func (d *dice) event() *proxy.Event {
	e := &proxy.Event{V: proxy.EventVersion, Time: d.time(), ID: d.id()}
	switch k := d.IntN(20); {
	case k < 9 || len(d.decisions) == 0:
		d.decision(e)
		d.decisions = append(d.decisions, e.ID)
	case k < 17:
		e.Kind, e.DecisionID = proxy.EventOutcome, d.decisions[max(0, len(d.decisions)-1-d.IntN(12))]
		if d.IntN(20) == 0 {
			e.DecisionID = d.id() // none that is there
		}
		e.Outcome = &proxy.OutcomeRecord{
			Bytes: d.Int64N(1 << 40), DurationMS: d.Int64N(900) - 1, Inspected: d.IntN(2) == 0,
			Reason: d.one("", "answers_not_inspected", "unknown \"quoted\" \\ reason", "100% _of_ it's"), Sent: d.one("yes", "no", "unknown"),
			Status: []int{0, 200, 403, 500}[d.IntN(4)], TTFBMS: d.Int64N(3) * 70_000,
		}
		if d.IntN(8) == 0 {
			e.Findings = []proxy.FindingRecord{{Count: 3, Likelihood: "likely", Type: "US_SSN", Groups: []string{"identifier"}}}
		}
	case k < 18:
		e.Kind, e.DecisionID = proxy.EventGrant, d.decisions[len(d.decisions)-1]
		e.Admin = &proxy.AdminRecord{Action: "grant_used", Detail: "g-1"}
	default:
		e.Kind = d.one(proxy.EventAdmin, proxy.EventAccess, "of a later version")
		if d.IntN(5) > 0 {
			e.Admin = &proxy.AdminRecord{Action: d.one("start", "reload", "search"), Code: d.one("", "review"), Count: 7}
		}
	}
	return e
}

func (d *dice) decision(e *proxy.Event) {
	e.Kind = proxy.EventDecision
	e.Decision = &proxy.DecisionRecord{
		Action: proxy.Action(d.one("allow", "mask", "reroute", "deny")), Asked: d.one("", "openai"), Code: d.one("", "", "credential"),
		Masked: d.IntN(4), Mode: proxy.Mode(d.one("enforce", "observe")), Model: d.one("", "qwen", "gpt-5", "other"),
		Pool: d.one("", "openai", "mistral", "house", "ostiary"), Status: []int{0, 0, 403, 503}[d.IntN(4)],
	}
	for range d.IntN(3) {
		e.Decision.Reasons = append(e.Decision.Reasons, proxy.Reason{Action: "deny", Policy: d.one("residency", "credentials"), Rule: d.one("r1", "r2", "personal_in_house")})
	}
	if d.IntN(3) == 0 {
		e.Decision.Would = &proxy.WouldRecord{Action: proxy.Action(d.one("deny", "mask"))}
	}
	if d.IntN(3) == 0 {
		e.Decision.Shadow = &proxy.WouldRecord{Action: proxy.Action(d.one("deny", "unknown"))}
	}
	if d.IntN(6) > 0 {
		pools := []proxy.PoolFacts{
			{Name: "openai", Boundary: "external", Jurisdiction: "US"}, {Name: "mistral", Boundary: "external", Jurisdiction: "EU"},
			{Name: "house", Boundary: "internal", Jurisdiction: "DE"},
		}
		e.Decision.Facts = &proxy.Facts{
			Destination: proxy.DestinationFacts{Boundary: "external", Jurisdiction: "US", Pool: d.one("openai", "ostiary")},
			Labels:      proxy.LabelFacts{Severity: d.one("none", "low", "critical")}, Pools: pools[:d.IntN(4)],
			Principal:   proxy.PrincipalFacts{Team: d.one("hr-north", "hr-south", "hr_north", "finance", "")},
			Request:     proxy.RequestFacts{Tokens: d.IntN(100_000)},
			Uninspected: proxy.UninspectedFacts{Count: d.IntN(2)},
		}
	}
	for range d.IntN(4) {
		e.Findings = append(e.Findings, proxy.FindingRecord{
			Count: 1 + d.IntN(9), Groups: d.some("personal", "identifier", "contact"), Likelihood: d.one("likely", "possible"),
			Roles: d.some("user", "system", "tool"), Type: d.one("US_SSN", "EMAIL_ADDRESS", "IBAN_CODE", "IBAN_OTHER"),
		})
	}
	for range d.IntN(2) {
		e.Opaque = append(e.Opaque, proxy.OpaqueRecord{Kind: "image", Bytes: 7})
	}
	if d.IntN(10) > 0 {
		e.Policy = &proxy.PolicyRecord{Policies: d.one("p-1", "p-2"), Config: "c"}
	}
	if d.IntN(10) > 0 {
		e.Request = &proxy.RequestRecord{
			Application: d.one("billing", "crm", "unknown"), Bytes: d.IntN(1 << 22), Dialect: d.one("openai", "anthropic"),
			Model: d.one("gpt-5", "other"), Operation: "chat", Protocol: "HTTP/2",
		}
		switch d.IntN(4) {
		case 0:
			e.Request.Trace = fmt.Sprintf("%032x", d.Uint64N(40)+1)
		case 1:
			e.Request.Trace = "ODD-trace"
		}
	}
}

// log makes a log of n records; two of a thousand are no events.
func (d *dice) log(origin string, n int) *memory {
	m := &memory{origin: origin}
	d.decisions = nil
	for range n {
		if d.IntN(500) == 0 {
			m.rows = append(m.rows, []byte(d.one(`[1]`, `{"v":`)))
			continue
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if enc.Encode(d.event()) != nil {
			panic("an event cannot be written")
		}
		m.rows = append(m.rows, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	}
	return m
}

// testNow is when queries are asked.
var testNow = time.Date(2026, 2, 26, 12, 0, 0, 0, time.UTC)

// query makes up the text of a query over some logs' values.
func (d *dice) query(logs []*memory) string {
	var parts []string
	event := func() *values {
		m := logs[d.IntN(len(logs))]
		return read(m.rows[d.IntN(len(m.rows))])
	}
	around := func() string { return time.UnixMilli(event().ms).UTC().Format(time.RFC3339Nano) }
	for range d.IntN(4) {
		name, _, _ := strings.Cut(d.one(index.Fields()...), ":")
		f, _ := lookupField(name)
		not := map[bool]string{true: "-"}[d.IntN(4) == 0]
		switch {
		case f.class == classTime:
			parts = append(parts, not+"time:"+d.one(">"+around(), ">="+around(), "<"+around(), "<="+around(), around()+".."+around(), "*", ">1h", "<=170m"))
		case f.class == classNumber, f.name == "status" && d.IntN(2) == 0:
			n, m := d.Int64N(400), d.Int64N(400)
			if v, ok := event().number[f.name]; ok {
				n = v + d.Int64N(3) - 1
			}
			parts = append(parts, not+f.name+":"+d.one(fmt.Sprintf(">%d", n), fmt.Sprintf(">=%d", n), fmt.Sprintf("<%d", n), fmt.Sprintf("<=%d", n), fmt.Sprintf("%d..%d", m, n), fmt.Sprintf("<0|%d", n), fmt.Sprint(n), "*"))
		default:
			words := []string{"nowhere"}
			for range 30 {
				v := event()
				switch f.name {
				case "id":
					if len(v.text["kind"]) > 0 {
						m := logs[d.IntN(len(logs))]
						var e proxy.Event
						if json.Unmarshal(m.rows[d.IntN(len(m.rows))], &e) == nil {
							words = append(words, e.ID)
						}
					}
				case "decision":
					words = append(words, v.refers)
				case "trace":
					words = append(words, v.trace)
				default:
					words = append(words, v.text[f.name]...)
				}
			}
			words = slices.DeleteFunc(words, func(s string) bool { return s == "" })
			var list []string
			for range 1 + d.IntN(3) {
				w := d.one(words...)
				switch d.IntN(6) {
				case 0:
					list = append(list, "*")
				case 1, 2:
					r := []rune(w)
					list = append(list, quoted(string(r[:1+d.IntN(len(r))]))+"*")
				default:
					list = append(list, quoted(w))
				}
			}
			s := strings.Join(list, "|")
			if d.IntN(2) == 0 {
				s = "(" + strings.Join(list, " ") + ")"
			}
			parts = append(parts, not+f.name+":"+s)
		}
	}
	if d.IntN(4) == 0 {
		parts = append(parts, "since:"+d.one(around(), "175m"))
	}
	if d.IntN(4) == 0 {
		parts = append(parts, "until:"+d.one(around(), "2026-02-26"))
	}
	return strings.Join(parts, " ")
}

func quoted(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}

// union gives the built-in index over logs.
func union(t testing.TB, logs []*memory) *index.Union {
	t.Helper()
	var list []*index.Index
	for _, m := range logs {
		x, err := index.Open(t.TempDir(), index.Options{Source: m, Failed: func(err error) { t.Error(err) }})
		must(t, err)
		must(t, x.Refresh(context.Background()))
		list = append(list, x)
	}
	return index.Join(list...)
}

// inPostgres gives a store in a PostgreSQL that was started for the test.
func inPostgres(t testing.TB, s *env.Store, table string, daily bool) *Store {
	t.Helper()
	out, err := Postgres(postgres.Options{Table: table, Daily: daily, Connection: func() (string, error) {
		return "host=" + s.Address + " user=" + env.StoreUser + " dbname=postgres", nil
	}})
	must(t, err)
	t.Cleanup(func() { must(t, out.Close()) })
	return out
}

// inClickHouse gives a store in ClickHouse's engine.
func inClickHouse(t testing.TB, s *env.Store, table string) *Store {
	t.Helper()
	out, err := ClickHouse(clickhouse.Options{URL: "http://" + s.Address, Table: table, User: env.StoreUser, Password: func() (string, error) { return env.StoreSecret, nil }})
	must(t, err)
	t.Cleanup(func() { must(t, out.Close()) })
	return out
}

// fill ships logs to a store in batches of random lengths, some of them again.
func fill(t testing.TB, s *Store, d *dice, logs []*memory) {
	t.Helper()
	errs := make(chan error, len(logs))
	for _, m := range logs {
		var batches []ship.Batch
		for at := 0; at < len(m.rows); {
			end := min(at+1+d.IntN(len(m.rows)), len(m.rows))
			if batches = append(batches, m.batch(at, end)); d.IntN(4) > 0 {
				at = end
			}
		}
		go func() {
			for _, b := range batches {
				if err := s.Sink().Ship(context.Background(), b); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range logs {
		must(t, <-errs)
	}
}

func eventID(core []byte) string {
	var e proxy.Event
	if json.Unmarshal(core, &e) != nil {
		return "none"
	}
	return e.ID
}

// match says of a record alone whether a query that joins nothing looks for it.
func (q *Query) match(core []byte) bool {
	v := read(core)
	if v.shape == shapeNone || v.ms < q.lo || v.ms >= q.hi {
		return false
	}
	for i := range q.terms {
		t := &q.terms[i]
		if slices.ContainsFunc(t.alternatives, func(a alternative) bool { return v.has(core, t, &a) }) == t.not {
			return false
		}
	}
	return true
}

func (v *values) has(core []byte, t *term, a *alternative) bool {
	in := func(n int64) bool { return a.how == howAny || n >= a.lo && n <= a.hi }
	var list []string
	switch {
	case t.class == classTime:
		return in(v.ms)
	case t.class == classNumber:
		n, ok := v.number[t.name]
		return ok && in(n)
	case t.class == classText:
		list = v.text[t.name]
	default:
		list = []string{map[string]string{"id": eventID(core), "decision": v.refers, "trace": v.trace}[t.name]}
	}
	return slices.ContainsFunc(list, func(s string) bool {
		switch a.how {
		case howAny:
			return s != ""
		case howIs:
			return s == a.text
		case howBegins:
			return strings.HasPrefix(s, a.text)
		}
		var n int64
		_, err := fmt.Sscan(s, &n)
		return err == nil && in(n)
	})
}
