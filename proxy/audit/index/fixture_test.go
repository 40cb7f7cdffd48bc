package index

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// memory is a log in memory: a Source.
type memory struct {
	mu     sync.Mutex
	origin string
	first  int64   // of the records that are left
	ends   []int64 // of the full segments
	rows   [][]byte
}

func (m *memory) Origin() (string, error) { return m.origin, nil }

func (m *memory) Segments() ([]audit.Segment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []audit.Segment
	first := int64(0)
	for i, end := range append(slices.Clone(m.ends), int64(len(m.rows))) {
		s := audit.Segment{Number: int64(i), First: first, End: end, Began: time.UnixMilli(1000 * int64(i+1)), Sealed: i < len(m.ends)}
		if first >= m.first {
			out = append(out, s)
		}
		first = end
	}
	return out, nil
}

func (m *memory) Records(from int64) iter.Seq2[audit.Record, error] {
	m.mu.Lock()
	rows := slices.Clone(m.rows)
	m.mu.Unlock()
	return func(yield func(audit.Record, error) bool) {
		for i := max(from, m.first); i < int64(len(rows)); i++ {
			if !yield(audit.Record{Index: i, JSON: rows[i]}, nil) {
				return
			}
		}
	}
}

func (m *memory) Segment(number int64) iter.Seq2[audit.Record, error] {
	segments, _ := m.Segments()
	i := slices.IndexFunc(segments, func(s audit.Segment) bool { return s.Number == number })
	return func(yield func(audit.Record, error) bool) {
		for rec := range m.Records(segments[i].First) {
			if rec.Index >= segments[i].End || !yield(rec, nil) {
				return
			}
		}
	}
}

// add appends events, cut into segments of so many records.
func (m *memory) add(segment int, events ...*proxy.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range events {
		last := int64(0)
		if len(m.ends) > 0 {
			last = m.ends[len(m.ends)-1]
		}
		if n := int64(len(m.rows)); n-last == int64(segment) {
			m.ends = append(m.ends, n)
		}
		m.rows = append(m.rows, encodeEvent(e))
	}
}

// encodeEvent gives an event's canonical JSON, but for U+2028 and U+2029.
func encodeEvent(e *proxy.Event) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// dice makes random events that have much in common.
type dice struct {
	*rand.Rand
	n         int
	decisions []string
	at        time.Time
}

func newDice(seed uint64) *dice {
	return &dice{Rand: rand.New(rand.NewPCG(seed, 1)), at: time.Date(2026, 2, 26, 9, 0, 0, 0, time.UTC)}
}

func (d *dice) one(words ...string) string { return words[d.IntN(len(words))] }

func (d *dice) some(words ...string) []string {
	var out []string
	for _, w := range words {
		if d.IntN(3) == 0 {
			out = append(out, w)
		}
	}
	if d.IntN(20) == 0 && len(out) > 0 {
		out = append(out, out[0]) // twice
	}
	return out
}

func (d *dice) id() string {
	d.n++
	switch d.IntN(30) {
	case 0:
		return fmt.Sprintf("odd-%d", d.n)
	case 1:
		return fmt.Sprintf("lower%021d", d.n)
	}
	k := key{uint64(d.at.UnixMilli())<<16 | d.Uint64()&0xFFFF, d.Uint64()<<24 | uint64(d.n)}
	return k.text(keyID)
}

func (d *dice) time() string {
	d.at = d.at.Add(time.Duration(d.IntN(40_000)-2_000) * time.Millisecond)
	switch d.IntN(60) {
	case 0:
		return "not a time"
	case 1:
		return d.at.In(time.FixedZone("", 5400)).Format(time.RFC3339Nano)
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
			Attempts: d.IntN(3), Bytes: d.Int64N(1 << 40), DurationMS: d.Int64N(900) - 1, Inspected: d.IntN(2) == 0,
			Reason: d.one("", "answers_not_inspected", "unknown \"quoted\" \\ reason"), Sent: d.one("yes", "no", "unknown"),
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
			if d.IntN(2) == 0 {
				e.Kind, e.Connection = proxy.EventConnection, &proxy.ConnectionRecord{
					Count: 3, Domain: d.one("", "debian.org"), First: e.Time, Kind: d.one("", "look_alike"), Last: e.Time, Passage: d.one("passed", "refused"),
					Provider: d.one("", "openai"), Reasons: d.some("name"), Sent: 1 << 40, Way: d.one("proxy", "redirect"), Why: d.one("rule", "default"),
				}
				break
			}
			e.Admin = &proxy.AdminRecord{Action: d.one("start", "reload", "search"), Code: d.one("", "review"), Count: 7, Signed: "a\nb \u2014 c {["}
		}
	}
	return e
}

func (d *dice) decision(e *proxy.Event) {
	e.Kind = proxy.EventDecision
	pools := []proxy.PoolFacts{
		{Name: "openai", Boundary: "external", Jurisdiction: "US"}, {Name: "mistral", Boundary: "external", Jurisdiction: "EU"},
		{Name: "house", Boundary: "internal", Jurisdiction: "DE"},
	}
	e.Decision = &proxy.DecisionRecord{
		Action: proxy.Action(d.one("allow", "mask", "reroute", "deny")), Asked: d.one("", "openai"), Code: d.one("", "", "credential"),
		Masked: d.IntN(4), Masks: d.some("US_SSN"), Mode: proxy.Mode(d.one("enforce", "observe")), Model: d.one("", "qwen", "gpt-5", "other"),
		Pool: d.one("", "openai", "mistral", "house", "ostiary"), Status: []int{0, 0, 403, 503}[d.IntN(4)],
	}
	for range d.IntN(3) {
		e.Decision.Reasons = append(e.Decision.Reasons, proxy.Reason{
			Action: "deny", File: "x.rego", Line: 7, Message: "Stays {here}, \"[so]\" \\ \u2028.", Policy: d.one("residency", "credentials"), Rule: d.one("r1", "r2", "personal_in_house"), Title: "t",
		})
	}
	if d.IntN(3) == 0 {
		e.Decision.Would = &proxy.WouldRecord{Action: proxy.Action(d.one("deny", "mask")), Rules: []string{"a.b"}}
	}
	if d.IntN(3) == 0 {
		e.Decision.Shadow = &proxy.WouldRecord{Action: proxy.Action(d.one("deny", "unknown")), Revision: "c-2"}
	}
	if d.IntN(6) > 0 {
		e.Decision.Facts = &proxy.Facts{
			Destination: proxy.DestinationFacts{Boundary: "external", Jurisdiction: "US", Pool: d.one("openai", "ostiary")},
			Findings:    proxy.FindingFacts{Types: map[string]proxy.Tally{"pools": {Count: 9}, "labels": {Groups: []string{"severity"}}}},
			Labels:      proxy.LabelFacts{Severity: d.one("none", "low", "critical")},
			Pools:       pools[:d.IntN(4)],
			Principal:   proxy.PrincipalFacts{Team: d.one("hr-north", "hr-south", "finance", "")},
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
			e.Request.Trace = fmt.Sprintf("%032x", d.Uint64N(40))
		case 1:
			e.Request.Trace = "ODD-trace"
		}
	}
}

// plainValues is what an event has of a field, read from the decoded event.
func plainValues(e *proxy.Event, name string) []string {
	d, o, r := e.Decision, e.Outcome, e.Request
	var f *proxy.Facts
	if d != nil {
		f = d.Facts
	}
	var out []string
	add := func(s ...string) { out = append(out, s...) }
	num := func(n int64) { add(strconv.FormatInt(n, 10)) }
	switch name {
	case "id":
		add(e.ID)
	case "decision":
		add(e.DecisionID)
	case "kind":
		add(e.Kind)
	case "group", "role", "type", "likelihood":
		for _, x := range e.Findings {
			switch name {
			case "group":
				add(x.Groups...)
			case "role":
				add(x.Roles...)
			case "type":
				add(x.Type)
			default:
				add(x.Likelihood)
			}
		}
	case "found":
		if d != nil || len(e.Findings) > 0 {
			var n int64
			for _, x := range e.Findings {
				n += int64(x.Count)
			}
			num(n)
		}
	case "opaque":
		if d != nil || len(e.Opaque) > 0 {
			num(int64(len(e.Opaque)))
		}
	case "revision":
		if e.Policy != nil {
			add(e.Policy.Policies)
		}
	case "did":
		if e.Admin != nil {
			add(e.Admin.Action)
		}
		if e.Connection != nil {
			add(e.Connection.Passage)
		}
	case "code":
		if e.Admin != nil {
			add(e.Admin.Code)
		}
		if d != nil {
			add(d.Code)
		}
	case "model":
		if r != nil {
			add(r.Model)
		}
		if d != nil {
			add(d.Model)
		}
	case "status":
		if o != nil {
			num(int64(o.Status))
		} else if d != nil && d.Status != 0 {
			num(int64(d.Status))
		}
	}
	if c := e.Connection; c != nil {
		switch name {
		case "domain":
			add(c.Domain)
		case "provider":
			add(c.Provider)
		case "suspect":
			add(c.Kind)
		case "way":
			add(c.Way)
		case "why":
			add(c.Why)
		}
	}
	if r != nil {
		switch name {
		case "app":
			add(r.Application)
		case "bytes":
			num(int64(r.Bytes))
		case "dialect":
			add(r.Dialect)
		case "operation":
			add(r.Operation)
		case "trace":
			add(r.Trace)
		}
	}
	if o != nil {
		switch name {
		case "duration_ms":
			num(o.DurationMS)
		case "ttfb_ms":
			num(o.TTFBMS)
		case "reason":
			add(o.Reason)
		case "sent":
			add(o.Sent)
		case "inspected":
			add(map[bool]string{true: "yes", false: "no"}[o.Inspected])
		}
	}
	if d != nil {
		switch name {
		case "action":
			add(string(d.Action))
		case "asked":
			add(d.Asked)
		case "masked":
			num(int64(d.Masked))
		case "mode":
			add(string(d.Mode))
		case "pool":
			add(d.Pool)
		case "policy", "rule":
			for _, x := range d.Reasons {
				add(map[string]string{"policy": x.Policy, "rule": x.Rule}[name])
			}
		case "would":
			if d.Would != nil {
				add(string(d.Would.Action))
			}
		case "shadow":
			if d.Shadow != nil {
				add(string(d.Shadow.Action))
			}
		}
	}
	if f != nil {
		switch name {
		case "severity":
			add(f.Labels.Severity)
		case "team":
			add(f.Principal.Team)
		case "tokens":
			num(int64(f.Request.Tokens))
		case "uninspected":
			num(int64(f.Uninspected.Count))
		case "boundary", "jurisdiction":
			at := map[string]string{}
			if f.Destination.Pool == d.Pool {
				at = map[string]string{"boundary": f.Destination.Boundary, "jurisdiction": f.Destination.Jurisdiction}
			}
			for i := len(f.Pools) - 1; i >= 0; i-- {
				if p := f.Pools[i]; p.Name == d.Pool {
					at = map[string]string{"boundary": p.Boundary, "jurisdiction": p.Jurisdiction}
				}
			}
			if d.Pool != "" {
				add(at[name])
			}
		}
	}
	out = slices.DeleteFunc(out, func(s string) bool { return s == "" })
	slices.Sort(out)
	return slices.Compact(out)
}

func plainTime(e *proxy.Event) int64 {
	t, err := time.Parse(time.RFC3339, e.Time)
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}

// entryValues is what the decoder found of a field.
func entryValues(e *entry, f field) []string {
	var out []string
	switch f.class {
	case classText:
		for _, v := range e.text[f.id] {
			out = append(out, string(v))
		}
	case classKey:
		if len(e.key[f.id]) > 0 {
			out = append(out, string(e.key[f.id]))
		}
	case classNumber:
		if e.has>>f.id&1 == 1 {
			out = append(out, formatNumber(e.num[f.id]))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// testNow is the time that queries are asked at.
var testNow = time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)

func parse(t testing.TB, text string) *Query {
	t.Helper()
	q, err := Parse(text, testNow)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

// opened gives an up-to-date index of a source.
func opened(t testing.TB, dir string, m Source, o Options) *Index {
	t.Helper()
	o.Source = m
	if o.Failed == nil {
		o.Failed = func(err error) { t.Error(err) }
	}
	x, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	return x
}

// found gives the indices that a query finds, by pages.
func found(t testing.TB, x *Index, q *Query, p Page) []int64 {
	t.Helper()
	var out []int64
	for {
		r, err := x.Search(context.Background(), q, p)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		for _, ref := range r.Refs {
			out = append(out, ref.Index)
		}
		if r.Next == "" {
			return out
		}
		if len(r.Refs) == 0 {
			t.Fatalf("%s: an empty page that is not the last", q)
		}
		p.Cursor = r.Next
	}
}

func quoted(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}
