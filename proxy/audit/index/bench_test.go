//go:build unix

package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// benchVar names the file that TestBenchmarkQueries adds its table to.
const benchVar = "OSTIARY_BENCH"

// traffic makes events as a busy installation has them: half decisions with their
// facts (2.5 KB), half outcomes.
type traffic struct {
	*rand.Rand
	at   time.Time
	n    int
	lag  int // how many decisions wait for their outcomes
	wait []string
}

func newTraffic(seed uint64, lag int) *traffic {
	return &traffic{lag: lag, Rand: rand.New(rand.NewPCG(seed, 7)), at: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}
}

// often gives one of some words; the first ones more often.
func (d *traffic) often(words ...string) string {
	for i := range words {
		if d.IntN(3) > 0 {
			return words[i]
		}
	}
	return words[0]
}

func names(stem string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%s-%d", stem, i))
	}
	return out
}

var (
	benchApps  = names("app", 40)
	benchTeams = names("team", 12)
	benchTypes = append([]string{"EMAIL_ADDRESS", "US_SSN", "PERSON", "PHONE_NUMBER", "IBAN_CODE"}, names("TYPE", 60)...)
)

func (d *traffic) id() string {
	d.n++
	return key{uint64(d.at.UnixMilli())<<16 | d.Uint64()&0xFFFF, d.Uint64()}.text(keyID)
}

// event gives the next event.
func (d *traffic) event() *proxy.Event {
	d.at = d.at.Add(time.Duration(d.IntN(1000)) * time.Millisecond)
	e := &proxy.Event{V: proxy.EventVersion, ID: d.id(), Time: d.at.Format("2006-01-02T15:04:05.000Z"), Origin: "bench.example/log"}
	if len(d.wait) > 0 && d.IntN(2*d.lag) < len(d.wait) {
		e.Kind, e.DecisionID, d.wait = proxy.EventOutcome, d.wait[0], d.wait[1:]
		e.Outcome = &proxy.OutcomeRecord{
			Attempts: 1, Bytes: 100 + d.Int64N(20_000), DurationMS: 100 + d.Int64N(8_000), Inspected: d.IntN(3) == 0, Sent: d.often("yes", "no", "unknown"),
			SentBytes: 4210, Status: []int{200, 200, 200, 200, 403, 429, 500}[d.IntN(7)], TTFBMS: 50 + d.Int64N(900),
		}
		if !e.Outcome.Inspected {
			e.Outcome.Reason = "answers_not_inspected"
		}
		return e
	}
	d.wait = append(d.wait, e.ID)
	app := benchApps[min(d.IntN(40), d.IntN(40))]
	team := benchTeams[d.IntN(12)]
	levels := proxy.Levels{Likely: 2, Possible: 2, Unlikely: 2, VeryLikely: 1, VeryUnlikely: 3}
	tally := proxy.Tally{AtLeast: levels, Count: 1, Groups: []string{"identifier"}, Roles: map[string]proxy.Levels{"user": levels}}
	pool := func(name, boundary, where string) proxy.PoolFacts {
		return proxy.PoolFacts{Available: "yes", Boundary: boundary, Dialects: []string{"openai"}, Jurisdiction: where, Name: name, Retention: "30d", Serves: true, Training: "no"}
	}
	to := d.often("openai", "house", "mistral")
	action := proxy.Action(d.often("allow", "mask", "reroute", "deny"))
	if action == "deny" {
		to = ""
	}
	e.Kind = proxy.EventDecision
	e.Decision = &proxy.DecisionRecord{
		Action: action, Asked: "openai", Mode: proxy.Enforce, Model: d.often("gpt-5", "qwen", "mistral-large"), Phase: proxy.PhaseBody, Pool: to,
		Facts: &proxy.Facts{
			Destination: proxy.DestinationFacts{Boundary: "external", ChosenBy: "model", Jurisdiction: "US", Pool: "openai"},
			Findings: proxy.FindingFacts{
				Groups: map[string]proxy.Tally{"personal": tally, "identifier": tally},
				Types:  map[string]proxy.Tally{"US_SSN": tally, "EMAIL_ADDRESS": tally},
			},
			Labels: proxy.LabelFacts{Classification: "internal", Severity: d.often("none", "low", "medium", "high", "critical")},
			Mode:   proxy.Enforce, Opaque: proxy.OpaqueFacts{Kinds: map[string]int{}},
			Pools:     []proxy.PoolFacts{pool("openai", "external", "US"), pool("mistral", "external", "EU"), pool("house", "internal", "DE")},
			Principal: proxy.PrincipalFacts{Application: app, Asserted: proxy.Unknown, Groups: []string{}, Method: "key", Team: team},
			Request: proxy.RequestFacts{
				Body: "inspected", Bytes: 4096, Dialect: "openai", Method: "POST", Model: "gpt-5", Needs: []string{}, Operation: "chat", Segments: 31, Stream: true,
				Tokens: 100 + d.IntN(8_000), ToolKinds: []string{},
			},
			Spend: proxy.SpendFacts{Budget: proxy.Unknown}, State: []string{}, Time: proxy.TimeFacts{Hour: 9, Minute: 30, Unix: 1795512600, Weekday: "tuesday"},
			Uninspected: proxy.UninspectedFacts{Reasons: map[string]int{}}, Version: proxy.FactsVersion,
		},
	}
	if action != "allow" {
		e.Decision.Reasons = []proxy.Reason{{
			Action: action, File: "residency/residency.rego", Line: 31, Message: "Personal data stays in the house.", Policy: d.often("residency", "credentials", "health"),
			Rule: d.often(names("rule", 20)...), Title: "Personal data may not leave",
		}}
	}
	for range d.IntN(4) {
		e.Findings = append(e.Findings, proxy.FindingRecord{
			Count: 1 + d.IntN(3), Groups: []string{d.often("personal", "identifier", "financial", "health")}, Likelihood: d.often("likely", "very_likely", "possible"),
			Roles: []string{d.often("user", "system", "tool")}, Type: d.often(benchTypes...),
		})
	}
	e.Policy = &proxy.PolicyRecord{Config: "c-1", Policies: fmt.Sprintf("p-%d", d.n/400_000), Suite: "s-1"}
	e.Request = &proxy.RequestRecord{
		Application: app, Bytes: 500 + d.IntN(60_000), Dialect: d.often("openai", "anthropic"), Model: "gpt-5", Operation: d.often("chat", "embeddings"),
		Protocol: "HTTP/1.1", Stream: true, Trace: fmt.Sprintf("%016x%016x", d.Uint64(), d.Uint64()),
	}
	e.Timing = &proxy.TimingRecord{ClassifyUS: 83, DecideUS: 41, EditUS: 1, ReadUS: 37}
	return e
}

// cpuTime is what the kernel charged the process: steadier than the clock on
// machines that others use too.
func cpuTime(t testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func BenchmarkDecode(b *testing.B) {
	d := newTraffic(1, 300)
	var list [][]byte
	size := 0
	for range 1000 {
		list = append(list, encodeEvent(d.event()))
		size += len(list[len(list)-1])
	}
	var e entry
	b.SetBytes(int64(size / len(list)))
	b.ReportAllocs()
	start := cpuTime(b)
	for i := 0; b.Loop(); i++ {
		if err := e.decode(list[i%len(list)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/(cpuTime(b)-start).Seconds(), "ev/cpu-s")
}

func BenchmarkBuild(b *testing.B) {
	d := newTraffic(1, 300)
	var list [][]byte
	for range 40_000 {
		list = append(list, encodeEvent(d.event()))
	}
	var e entry
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime(b)
	for i := 0; i < b.N; i += len(list) {
		made := newBuilder("bench.example/log", 0, nil)
		for _, raw := range list[:min(len(list), b.N-i)] {
			if err := e.decode(raw); err != nil {
				b.Fatal(err)
			}
			made.add(&e)
		}
		pack(made.view())
	}
	b.ReportMetric(float64(b.N)/(cpuTime(b)-start).Seconds(), "ev/cpu-s")
}

// benchQueries are questions to a large log.
var benchQueries = []struct{ name, query string }{
	{"all", ""},
	{"one filter, 1 in 13", "action:deny"},
	{"one filter, half", "kind:decision"},
	{"two filters", "action:deny team:team-1*"},
	{"a type in a week", "type:US_SSN since:2026-10-10 until:2026-10-17"},
	{"a prefix, a negation, a range", "app:app-1* -pool:house tokens:>4000"},
	{"decisions by their outcomes", "pool:openai sent:unknown"},
	{"no such value", "app:nobody"},
}

// Writes a table of what questions to 5 million events take, on one core. The
// goals: all facets and a histogram 0.3 s, filtered 0.1 s, one id 1 ms, 60 bytes
// an event.
func TestBenchmarkQueries(t *testing.T) {
	out := os.Getenv(benchVar)
	if out == "" {
		t.Skipf("set %s to a file to run it", benchVar)
	}
	const events, segment = 5_000_000, 40_000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), Dir)
	cache := newCache(DefaultMemory)
	x := &Index{origin: "bench.example/log", cache: cache, dir: dir}
	d := newTraffic(2, 300)
	var e entry
	var building, packing time.Duration
	var size int64
	var ids, traces []string
	list := make([][]byte, 0, segment)
	for first := int64(0); first < events; first += segment {
		list = list[:0]
		for range segment {
			list = append(list, encodeEvent(d.event()))
		}
		b := newBuilder(x.origin, first, x.resolve)
		runtime.GC() // of making them
		begun := cpuTime(t)
		for _, raw := range list {
			if err := e.decode(raw); err != nil {
				t.Fatal(err)
			}
			b.add(&e)
		}
		building += cpuTime(t) - begun
		ids = append(ids, string(e.key[keyID]))
		if len(e.key[keyTrace]) > 0 {
			traces = append(traces, string(e.key[keyTrace]))
		}
		begun = cpuTime(t)
		r := pack(b.view())
		r.number = first / segment
		raw := encode(r)
		packing += cpuTime(t) - begun
		size += int64(len(raw))
		name := filepath.Join(dir, fileName(r.number))
		if err := writeFile(name, raw); err != nil {
			t.Fatal(err)
		}
		kept, err := openFile(name, cache)
		if err != nil {
			t.Fatal(err)
		}
		x.runs = append(x.runs, kept)
	}
	start := cpuTime(t)
	x.link()
	linking := cpuTime(t) - start
	start = cpuTime(t)
	for i := range x.runs {
		if _, err := openFile(x.runs[i].pages.name, cache); err != nil {
			t.Fatal(err)
		}
	}
	opening := cpuTime(t) - start

	var doc strings.Builder
	fmt.Fprintf(&doc, "\n## Index of the audit log\n\n%d events in %d segments, one core, %s. Times are CPU time, medians of 7; cold is the first time, with the columns still in the files.\n\n", events, len(x.runs), runtime.Version())
	fmt.Fprintf(&doc, "Building %.0f events, packing %.0f events per second of CPU time; %.1f bytes an event on disk; opening the files %v, linking them %v.\n\n",
		events/building.Seconds(), events/packing.Seconds(), float64(size)/events, opening.Round(time.Millisecond), linking.Round(time.Millisecond))
	fmt.Fprintf(&doc, "| query | finds | count ms | newest 100 ms | all facets ms | 60 buckets ms | facets and buckets, cold ms |\n|---|---|---|---|---|---|---|\n")
	median := func(f func() error) float64 {
		var times []time.Duration
		for range 7 {
			start := cpuTime(t)
			if err := f(); err != nil {
				t.Fatal(err)
			}
			times = append(times, cpuTime(t)-start)
		}
		slices.Sort(times)
		return float64(times[3].Microseconds()) / 1e3
	}
	for _, c := range benchQueries {
		q := parse(t, c.query)
		facets := func() error { _, err := x.Facets(ctx, q, nil, 10); return err }
		buckets := func() error { _, err := x.Histogram(ctx, q, 60, ""); return err }
		cache.pages, cache.used = map[pageKey]*cached{}, 0
		runtime.GC()
		start := cpuTime(t)
		if facets() != nil || buckets() != nil {
			t.Fatal(c.query)
		}
		cold := cpuTime(t) - start
		n, err := x.Count(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&doc, "| %s: `%s` | %d | %.1f | %.1f | %.1f | %.1f | %.1f |\n", c.name, c.query, n,
			median(func() error { _, err := x.Count(ctx, q); return err }),
			median(func() error { _, err := x.Search(ctx, q, Page{}); return err }),
			median(facets), median(buckets), float64(cold.Microseconds())/1e3)
	}
	lookup := func(ids []string) float64 {
		i := 0
		return median(func() error {
			i++
			refs, err := x.Lookup(ctx, ids[i*len(ids)/9])
			if err == nil && len(refs) == 0 {
				err = ErrNotEvent
			}
			return err
		})
	}
	warm := lookup(ids)
	q := parse(t, "trace:"+traces[len(traces)/2])
	fmt.Fprintf(&doc, "\nOne id with all that belongs to it %.3f ms (once its columns are in memory %.3f), one trace %.3f ms; columns in memory %d MiB, heap %d MiB.\n",
		warm, lookup(ids), median(func() error { _, err := x.Count(ctx, q); return err }), cache.used>>20, heapSize()>>20)
	t.Log(doc.String())
	f, err := os.OpenFile(out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(doc.String()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func heapSize() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
