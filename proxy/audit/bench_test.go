package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
)

// varied makes the event of a decision with what differs from one to the next in
// practice: identities, sizes, times, what was found, who asked. A third of them
// has no findings.
func varied(rng *rand.Rand, n int) *proxy.Event {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	digits := func(n int, alphabet string) string {
		var b strings.Builder
		for range n {
			b.WriteByte(alphabet[rng.IntN(len(alphabet))])
		}
		return b.String()
	}
	const hex, crockford, base32 = "0123456789abcdef", "0123456789ABCDEFGHJKMNPQRSTVWXYZ", "abcdefghijklmnopqrstuvwxyz234567"
	ev := decision(n)
	f := ev.Decision.Facts
	f.Conversation = proxy.ConversationFacts{Bucket: rng.IntN(100), Lineage: proxy.Unknown}
	f.Grant = proxy.GrantFacts{Approved: "no", ID: "none", Justification: "none", Lifts: []string{}}
	f.Labels = proxy.LabelFacts{Classification: pick("internal", "confidential", proxy.Unknown), Severity: pick("none", "medium", "high")}
	for i := range f.Pools {
		p := &f.Pools[i]
		p.Abilities, p.Labels, p.Health = []string{"json", "tools"}, []string{}, "yes"
		p.Price = proxy.PriceFacts{Currency: "USD", Input: 1_250_000, Output: 10_000_000}
	}
	app := pick("billing", "hr-assistant", "claims", "support", "search", "codegen", "legal", "triage")
	f.Principal.Application, ev.Request.Application = app, app
	size := 300 + rng.IntN(60_000)
	f.Request.Bytes, ev.Request.Bytes, f.Request.Tokens, f.Request.Segments = size, size, size/4, 1+rng.IntN(60)
	f.Time = proxy.TimeFacts{Hour: n / 3600 % 24, Minute: n / 60 % 60, Office: "yes", Unix: 1795512600 + int64(n/20), Weekday: "tuesday"}
	f.Findings = proxy.FindingFacts{Groups: map[string]proxy.Tally{}, Types: map[string]proxy.Tally{}}
	ev.Findings = nil
	for range rng.IntN(3) {
		count := 1 + rng.IntN(6)
		levels := proxy.Levels{Likely: count, Possible: count + rng.IntN(2), Unlikely: count + 2, VeryLikely: rng.IntN(count + 1), VeryUnlikely: count + 3}
		typ, group, role := pick("US_SSN", "IBAN_CODE", "CREDIT_CARD", "DE_TAX_ID"), pick("identifier", "financial"), pick("user", "system", "tool")
		if rng.IntN(2) == 0 {
			typ, group = pick("EMAIL_ADDRESS", "PHONE_NUMBER", "PERSON", "LOCATION"), "personal"
		}
		tally := proxy.Tally{AtLeast: levels, Count: count, Groups: []string{group}, Roles: map[string]proxy.Levels{role: levels}}
		f.Findings.Types[typ], f.Findings.Groups[group] = tally, tally
		ev.Findings = append(ev.Findings, proxy.FindingRecord{Count: count, Groups: []string{group}, Likelihood: "likely", Roles: []string{role}, Type: typ})
	}
	if len(ev.Findings) == 0 {
		ev.Decision.Action, ev.Decision.Pool, ev.Decision.Reasons = proxy.Allow, "openai", []proxy.Reason{}
	}
	ev.ID = "01JDQ7Z" + digits(19, crockford)
	ev.Time = time.UnixMilli(1795512600000 + int64(n*50+rng.IntN(50))).UTC().Format("2006-01-02T15:04:05.000Z")
	ev.Request.Trace = digits(32, hex)
	ev.Policy = &proxy.PolicyRecord{Binary: "v0.6.0", Config: "c-5f0c2a9d1b7e", Policies: "p-0b6f1c22a7d4", Suite: "s-91ce7740d2aa"}
	ev.Timing = &proxy.TimingRecord{ClassifyUS: int64(40 + rng.IntN(900)), DecideUS: int64(8 + rng.IntN(90)), EditUS: int64(rng.IntN(20)), ReadUS: int64(10 + rng.IntN(200))}
	ev.Personal = &proxy.PersonalRecord{
		Address: fmt.Sprintf("10.%d.%d.%d", rng.IntN(8), rng.IntN(256), rng.IntN(256)), Conversation: "fp:conversation:12:" + digits(26, base32),
		Subject: fmt.Sprintf("u%04d@corp.example", rng.IntN(3000)), UserAgent: pick("OpenAI/Python 2.9.0", "Anthropic/JS 0.70.1", "curl/8.14.1"),
	}
	for _, finding := range ev.Findings {
		ev.Personal.Fingerprints = append(ev.Personal.Fingerprints, "fp:"+finding.Type+":12:"+digits(26, base32))
	}
	slices.Sort(ev.Personal.Fingerprints)
	return ev
}

// variety is how many different events a benchmark goes through.
const variety = 4096

func varieties() []*proxy.Event {
	rng := rand.New(rand.NewPCG(6, 4))
	out := make([]*proxy.Event, variety)
	for i := range out {
		out[i] = varied(rng, i)
	}
	return out
}

// BenchmarkEncode sets the encoder beside the one that goes by reflection.
func BenchmarkEncode(b *testing.B) {
	events := varieties()
	for _, ev := range events {
		ev.Personal = &proxy.PersonalRecord{Commitment: strings.Repeat("0f", 32)}
	}
	for _, by := range []struct {
		name   string
		encode func(*proxy.Event) ([]byte, error)
	}{{"hand", newEncoder().encode}, {"reflection", newByReflection().encode}} {
		b.Run(by.name, func(b *testing.B) {
			b.ReportAllocs()
			bytes, i := 0, 0
			for b.Loop() {
				out, err := by.encode(events[i%variety])
				if err != nil {
					b.Fatal(err)
				}
				bytes += len(out)
				i++
			}
			b.SetBytes(int64(bytes / b.N))
		})
	}
}

func BenchmarkEncodePersonal(b *testing.B) {
	events, e := varieties(), newEncoder()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := e.encodePersonal(events[i%variety].Personal); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkLeaf(b *testing.B) {
	out, err := newEncoder().encode(decision(1))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		tlog.RecordHash(out)
	}
}

// calls are how long each of many calls of Record took.
type calls struct {
	took    []time.Duration // sorted
	elapsed time.Duration
}

func (c calls) rate() float64 { return float64(len(c.took)) / c.elapsed.Seconds() }

// at gives a quantile in milliseconds.
func (c calls) at(quantile float64) float64 {
	if len(c.took) == 0 {
		return 0
	}
	return float64(c.took[min(int(float64(len(c.took))*quantile), len(c.took)-1)].Microseconds()) / 1e3
}

// drive calls Record from so many callers at once, until more says that it is
// enough. Each of them waits for its answer before it calls again.
func drive(b testing.TB, l *Log, callers int, events []*proxy.Event, more func(n int64) bool) calls {
	var out calls
	var mu sync.Mutex
	var wg sync.WaitGroup
	var next atomic.Int64
	start := time.Now()
	for range callers {
		wg.Go(func() {
			var own []time.Duration
			for {
				i := next.Add(1) - 1
				if !more(i) {
					break
				}
				began := time.Now()
				if err := l.Record(context.Background(), events[i%int64(len(events))]); err != nil {
					b.Error(err)
					break
				}
				own = append(own, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			out.took = append(out.took, own...)
		})
	}
	wg.Wait()
	out.elapsed = time.Since(start)
	slices.Sort(out.took)
	return out
}

// BenchmarkRecord reports events per second, and how long one call takes.
func BenchmarkRecord(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		for _, kind := range []struct {
			name   string
			events []*proxy.Event
		}{{"decision", varieties()}, {"outcome", []*proxy.Event{outcomeOf(1)}}} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, callers), func(b *testing.B) {
				l, err := Open(filepath.Join(b.TempDir(), "log"), Options{Origin: "bench.example/log"})
				if err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				c := drive(b, l, callers, kind.events, func(n int64) bool { return n < int64(b.N) })
				b.StopTimer()
				b.ReportMetric(c.rate(), "ev/s")
				b.ReportMetric(c.at(0.5), "p50-ms")
				b.ReportMetric(c.at(0.99), "p99-ms")
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkOpenNew is what a fresh demo waits for.
func BenchmarkOpenNew(b *testing.B) {
	for b.Loop() {
		l, err := Open(filepath.Join(b.TempDir(), "log"), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		l.Close()
		b.StartTimer()
	}
}

func BenchmarkVerify(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "log")
	l := open(b, dir, Options{})
	const n = 20_000
	var wg sync.WaitGroup
	for c := range 16 {
		wg.Go(func() {
			for i := c; i < n; i += 16 {
				if err := l.Record(context.Background(), decision(i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	shut(b, l)
	o := trusted(b, dir)
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			r, err := Verify(dir, o)
			if err != nil || r.Answer != Good || r.Size != n {
				b.Fatal(err, r)
			}
		}
		b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "ev/s")
	})
	b.Run("reopen", func(b *testing.B) {
		for b.Loop() {
			l, err := Open(dir, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			l.Close()
			b.StartTimer()
		}
	})
}

// TestFigures writes the tables of the write path for BENCHMARKS.md to standard
// output:
//
//	OSTIARY_BENCH=1 go test -count=1 -run TestFigures -timeout 20m ./proxy/audit
//
// OSTIARY_BENCH_DIR names a directory on the disk that is to be measured; by
// default that of temporary files. It needs 6 GiB there.
func TestFigures(t *testing.T) {
	if os.Getenv("OSTIARY_BENCH") == "" {
		t.Skip("a benchmark: set OSTIARY_BENCH=1")
	}
	base := os.Getenv("OSTIARY_BENCH_DIR")
	if base == "" {
		base = t.TempDir()
	}
	dir, err := os.MkdirTemp(base, "figures")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	fmt.Printf("\n## The audit log's write path\n\n%d cores, %s. Every call of Record returns once its event is on disk (fdatasync) and in the tree;\nevents are decisions with their whole facts and a personal part, %s.\n", runtime.NumCPU(), runtime.Version(), sizes(t))
	figureRecord(t, dir)
	figurePaced(t, dir)
	figureSealed(t, dir)
	figureRecovery(t, dir)
}

// sizes says how long the events of the benchmark are.
func sizes(t *testing.T) string {
	e := newEncoder()
	core, personal := 0, 0
	for _, ev := range varieties() {
		personal += len(must1(e.encodePersonal(ev.Personal))(t))
		ev.Personal = &proxy.PersonalRecord{Commitment: strings.Repeat("0f", 32)}
		core += len(must1(e.encode(ev))(t))
	}
	return fmt.Sprintf("%d bytes and %d", core/variety, personal/variety)
}

func fresh(t *testing.T, dir string, o Options) (*Log, string) {
	t.Helper()
	dir, err := os.MkdirTemp(dir, "log")
	if err != nil {
		t.Fatal(err)
	}
	o.Origin = "bench.example/log"
	l, err := Open(filepath.Join(dir, "log"), o)
	if err != nil {
		t.Fatal(err)
	}
	return l, dir
}

// probe says how long the disk takes for 64 KiB and an fdatasync, alone, in a file
// that was written before.
func probe(t *testing.T, dir string) calls {
	t.Helper()
	f, err := disk{}.Create(filepath.Join(dir, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size, step = 16 << 20, 64 << 10
	if err := fill(f, 0, size); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	var out calls
	start := time.Now()
	for at := int64(0); time.Since(start) < time.Second; at = (at + step) % size {
		began := time.Now()
		if err := fill(f, at, at+step); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		out.took = append(out.took, time.Since(began))
	}
	out.elapsed = time.Since(start)
	slices.Sort(out.took)
	return out
}

// median gives the median of a figure over rounds.
func median(rounds []calls, figure func(calls) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, figure(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func figureRecord(t *testing.T, dir string) {
	const rounds, length = 9, 2 * time.Second
	callers := []int{1, 64, 512}
	all := make([][]calls, len(callers))
	var probes []calls
	events := varieties()
	for range rounds {
		probes = append(probes, probe(t, dir))
		for i, n := range callers {
			l, at := fresh(t, dir, Options{})
			start := time.Now()
			all[i] = append(all[i], drive(t, l, n, events, func(int64) bool { return time.Since(start) < length }))
			shut(t, l)
			if err := os.RemoveAll(at); err != nil {
				t.Fatal(err)
			}
		}
	}
	fmt.Printf("\n%d rounds of %v in turns on new logs, medians of the rounds, and of the best round by p99.\n", rounds, length)
	fmt.Printf("\n| callers | events/s | p50 ms | p99 ms | best: events/s | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|\n")
	row := func(name string, rounds []calls) {
		best := slices.MinFunc(rounds, func(a, b calls) int { return int(a.at(0.99)*1e3) - int(b.at(0.99)*1e3) })
		fmt.Printf("| %s | %.0f | %.2f | %.2f | %.0f | %.2f | %.2f |\n", name, median(rounds, calls.rate),
			median(rounds, func(c calls) float64 { return c.at(0.5) }), median(rounds, func(c calls) float64 { return c.at(0.99) }),
			best.rate(), best.at(0.5), best.at(0.99))
	}
	for i, n := range callers {
		row(fmt.Sprint(n), all[i])
	}
	row("disk alone: 64 KiB and fdatasync", probes)
}

// figurePaced calls at a fixed rate, whether earlier calls have been answered or
// not, as clients do.
func figurePaced(t *testing.T, dir string) {
	const rate, length, callers = 20_000, time.Minute, 512
	l, at := fresh(t, dir, Options{})
	defer os.RemoveAll(at)
	events := varieties()
	const each = callers * time.Second / rate // between two calls of one caller
	var due, own calls
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for c := range callers {
		wg.Go(func() {
			var fromDue, fromCall []time.Duration
			for i := 0; ; i++ {
				when := time.Duration(i)*each + each*time.Duration(c)/callers
				if when >= length {
					break
				}
				time.Sleep(when - time.Since(start))
				began := time.Now()
				if err := l.Record(context.Background(), events[(i*callers+c)%variety]); err != nil {
					t.Error(err)
					break
				}
				fromDue, fromCall = append(fromDue, time.Since(start)-when), append(fromCall, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			due.took, own.took = append(due.took, fromDue...), append(own.took, fromCall...)
		})
	}
	wg.Wait()
	due.elapsed = time.Since(start)
	slices.Sort(due.took)
	slices.Sort(own.took)
	shut(t, l)
	fmt.Printf("\n%d calls a second for %v from %d callers, with packing and without an index. A call that comes late because its caller still waited counts from when it was due.\n", rate, length, callers)
	fmt.Printf("\n| counted from | events/s | p50 ms | p99 ms | p99.9 ms |\n|---|---|---|---|---|\n")
	fmt.Printf("| when it was due | %.0f | %.2f | %.2f | %.2f |\n", due.rate(), due.at(0.5), due.at(0.99), due.at(0.999))
	fmt.Printf("| the call | | %.2f | %.2f | %.2f |\n", own.at(0.5), own.at(0.99), own.at(0.999))
}

// write records so many different events, many in one call.
func write(t *testing.T, l *Log, n int) {
	t.Helper()
	const step = 400
	rng := rand.New(rand.NewPCG(6, 5))
	for i := 0; i < n; i += step {
		var events []*proxy.Event
		for k := i; k < min(i+step, n); k++ {
			events = append(events, varied(rng, k))
		}
		record(t, l, events...)
	}
}

// figureSealed says what an event takes once its segment was packed.
func figureSealed(t *testing.T, dir string) {
	const n = 100_000
	l, at := fresh(t, dir, Options{noSeal: true})
	defer os.RemoveAll(at)
	write(t, l, n)
	start := time.Now()
	if err := l.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	shut(t, l)
	total := func(pattern string) (bytes int64) {
		names, err := filepath.Glob(filepath.Join(at, "log", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			bytes += info.Size()
		}
		return bytes
	}
	core, personal := total("segments/*.seg"), total("segments/*.personal")
	tiles := total("tile/0/*") + total("tile/0/x*/*") + total("tile/1/*")
	if core == 0 || personal == 0 || tiles == 0 {
		t.Fatal("nothing was packed")
	}
	fmt.Printf("\n| packed, of %d different decisions | bytes per event |\n|---|---|\n| events | %.0f |\n| personal parts | %.0f |\n| tiles | %.0f |\n", n,
		float64(core)/n, float64(personal)/n, float64(tiles)/n)
	fmt.Printf("\nPacked and read back at %.0f events/s, alone.\n", n/took.Seconds())
}

// used gives the bytes of a log's segments that are written.
func used(t *testing.T, at string) int64 {
	t.Helper()
	m, ok := readMarker(filepath.Join(at, "log"), committedFile)
	if !ok {
		t.Fatal("the log has no marker")
	}
	if m.segment == 0 {
		return m.offset
	}
	return firstSegment + (m.segment-1)*DefaultSegment + m.offset
}

// figureRecovery opens logs of a GiB: one whose tiles are durable up to its last
// segment, and one that has to be read whole.
func figureRecovery(t *testing.T, dir string) {
	const size = 1 << 30
	l, at := fresh(t, dir, Options{noSeal: true})
	defer os.RemoveAll(at)
	for used(t, at) < size {
		write(t, l, 20_000)
	}
	events := l.Size()
	shut(t, l)
	fmt.Printf("\n| opening a log of %.2f GiB, %d events | s | events read |\n|---|---|---|\n", float64(used(t, at))/size, events)
	for _, c := range []struct {
		name   string
		remove string
	}{{"as it was left", ""}, {"without tiles, read whole", filepath.Join("log", filepath.FromSlash(sealedFile))}} {
		if c.remove != "" {
			if err := os.Remove(filepath.Join(at, c.remove)); err != nil {
				t.Fatal(err)
			}
		}
		evict(t, at)
		start := time.Now()
		l, err := Open(filepath.Join(at, "log"), Options{noSeal: true})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		r := l.Recovery()
		if r.Records != events || c.remove != "" && r.Scanned != events {
			t.Errorf("%s: %+v of %d", c.name, r, events)
		}
		shut(t, l)
		fmt.Printf("| %s | %.2f | %d |\n", c.name, took.Seconds(), r.Scanned)
	}
	fmt.Printf("\nThe segments were dropped from the kernel's memory before.\n")
}
