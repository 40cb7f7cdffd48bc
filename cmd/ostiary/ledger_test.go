package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/vault"
	"github.com/ostiary/ostiary/testdata/env"
)

// ledgerWait bounds what a test of the audit log waits for.
const ledgerWait = 60 * time.Second

// withLog gives the smallest configuration with more said of the log, as YAML below
// log, and more YAML behind it.
func withLog(listen, plane, openai, house, log, extra string) string {
	return strings.Replace(smallest(listen, plane, openai, house, extra), "log: ./log\n", "log:\n  dir: ./log\n"+log, 1)
}

// launchLog is launch with more said of the log.
func launchLog(t *testing.T, plane, log, extra string) *instance {
	t.Helper()
	in := &instance{t: t, openai: newUpstream(t, "openai"), house: newUpstream(t, "house")}
	t.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
	t.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
	in.serveWith(plane, withLog("%s", plane, in.openai.url, in.house.url, log, extra))
	return in
}

// again starts Ostiary anew with the configuration of one that was ended.
func (in *instance) again(plane string) *instance {
	in.t.Helper()
	next := &instance{t: in.t, openai: in.openai, house: in.house, screen: &syncBuffer{}}
	o := options{config: in.opts.config}
	if plane == "envoy" {
		o.envoy = env.Envoy(in.t)
	}
	s, err := start(context.Background(), o, next.screen, next.screen)
	if err != nil {
		in.t.Fatalf("start again: %v\n%s", err, next.screen)
	}
	next.server, next.url = s, in.url
	in.t.Cleanup(next.end)
	return next
}

// control gives a client of the control socket.
func (in *instance) control() *console.Client {
	in.t.Helper()
	return controlOf(in.t, in.places.keys)
}

func controlOf(t *testing.T, keys string) *console.Client {
	t.Helper()
	c, err := console.Dial(filepath.Join(keys, console.SocketName))
	if err != nil {
		t.Fatalf("control socket: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// eventually waits until what is asked for is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(ledgerWait); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", ledgerWait, what)
		}
	}
}

// patiently does what the API refuses for its rates until it is done.
func patiently(t *testing.T, do func() error) error {
	t.Helper()
	for end := time.Now().Add(ledgerWait); ; time.Sleep(100 * time.Millisecond) {
		err := do()
		if codeOf(err) != "rate" || time.Now().After(end) {
			return err
		}
	}
}

// codeOf gives the code of the API's problem, "" for another error or none.
func codeOf(err error) string {
	var p *console.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// verified verifies a log with the key and the checkpoint of its key directory.
func verified(t *testing.T, p places) *audit.Report {
	t.Helper()
	o, err := audit.Trusted(p.keys, p.log)
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.Verify(p.log, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Answer != audit.Good {
		t.Fatalf("the log does not verify: %v, %v, %v", r.Answer, r.Altered, r.Unclear)
	}
	return r
}

// fates gives the outcomes of each decision of a log, by the decision's id.
func fates(t *testing.T, log string) map[string][]*proxy.Event {
	t.Helper()
	out := map[string][]*proxy.Event{}
	for _, ev := range readEvents(t, log, proxy.EventDecision) {
		out[ev.ID] = nil
	}
	for _, ev := range readEvents(t, log, proxy.EventOutcome) {
		if _, ok := out[ev.DecisionID]; !ok {
			t.Errorf("an outcome of a decision that is not in the log: %s", ev.DecisionID)
		}
		out[ev.DecisionID] = append(out[ev.DecisionID], ev)
	}
	return out
}

// stalled is a model server that answers at once, but for requests with a header
// X-Stall, which it never answers. It tells the decision's id of each of these.
type stalled struct {
	url string
	got chan string
}

func newStalled(t *testing.T) *stalled {
	t.Helper()
	s := &stalled{got: make(chan string, 64)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("X-Stall") != "" {
			s.got <- r.Header.Get(proxy.HeaderDecisionID)
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"x","object":"chat.completion","choices":[]}`)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return s
}

// load sends requests until it is ended, and keeps the ids of the decisions that
// clients were told of.
type load struct {
	end  func()
	mu   sync.Mutex
	ids  []string
	fail map[string]int // answers that were none of a decision
}

// newLoad begins a load of so many clients. Connections that fail are no answers.
func newLoad(url string, clients int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{fail: map[string]int{}}
	var done sync.WaitGroup
	for n := range clients {
		own := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 20 * time.Second}
		prompts := []string{ordinary, personal, secret}
		done.Go(func() {
			defer own.CloseIdleConnections()
			for i := n; ctx.Err() == nil; i++ {
				req, err := http.NewRequest(http.MethodPost, url+"/v1/chat/completions", strings.NewReader(chat(prompts[i%3])))
				if err != nil {
					panic(err)
				}
				req.Header.Set("Content-Type", "application/json")
				resp, err := own.Do(req)
				if err != nil {
					select {
					case <-ctx.Done():
					case <-time.After(5 * time.Millisecond): // nobody listens
					}
					continue
				}
				b, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				id := resp.Header.Get(proxy.HeaderDecisionID)
				l.mu.Lock()
				switch {
				case err != nil:
				case resp.StatusCode == 200 || resp.StatusCode == 403:
					l.ids = append(l.ids, id)
				default:
					l.fail[fmt.Sprint(resp.StatusCode, " ", reply{body: b}.code())]++
				}
				l.mu.Unlock()
			}
		})
	}
	l.end = func() { cancel(); done.Wait() }
	return l
}

func (l *load) count() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.ids) }

// The whole process is killed three times under load. What clients were told is in
// the log, and so is for every decision what became of it: where the crash took that
// with it, the log says that it is not known, once.
func TestLedgerKilled(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		up := newStalled(t)
		dir := shortTempDir(t)
		listen := freeAddress(t)
		file := filepath.Join(dir, "ostiary.yaml")
		if err := os.WriteFile(file, []byte(smallest(listen, plane, up.url, up.url, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		environ := []string{"OSTIARY_TEST_OPENAI_KEY=" + testOpenAIKey, "OSTIARY_TEST_ANTHROPIC_KEY=" + testAnthropicKey, "OSTIARY_ENVOY="}
		if plane == "envoy" {
			environ[2] += env.Envoy(t)
		}
		where := places{log: filepath.Join(dir, "log"), keys: filepath.Join(dir, "log.keys")}
		var hung []string
		l := newLoad("http://"+listen, 6)
		defer l.end()
		for round := range 3 {
			p := startProcess(t, environ, "run", "--config", file)
			p.await(t, "What it decides")
			if round > 0 {
				if !strings.Contains(p.screen.String(), "did not end in order") {
					t.Errorf("round %d: the crash is not told of", round)
				}
			}
			before := l.count()
			eventually(t, "traffic", func() bool { return l.count() > before+60 })
			req, err := http.NewRequest(http.MethodPost, "http://"+listen+"/v1/chat/completions", strings.NewReader(chat(ordinary)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Stall", "1")
			waiting := make(chan struct{})
			go func() {
				defer close(waiting)
				if resp, err := client.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			}()
			select {
			case id := <-up.got:
				hung = append(hung, id)
			case <-time.After(ledgerWait):
				t.Fatal("the request did not reach the model server")
			}
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = p.cmd.Wait()
			<-waiting
		}
		p := startProcess(t, environ, "run", "--config", file)
		p.await(t, "What it decides")
		l.end()
		asked := 0
		api := controlOf(t, where.keys)
		for i := 0; i < len(l.ids); i += max(1, len(l.ids)/100) {
			asked++
			// The index comes to what was recorded a moment ago.
			eventually(t, "a decision and its outcome are found in the index", func() bool {
				var got console.Events
				err := patiently(t, func() (err error) { got, err = api.Event(context.Background(), l.ids[i], false); return err })
				return err == nil && len(got.Events) == 2
			})
		}
		if status := p.stop(t); status != 0 {
			t.Errorf("exit status %d\n%s", status, p.screen)
		}
		verified(t, where)
		got := fates(t, where.log)
		for _, id := range l.ids {
			if _, ok := got[id]; !ok {
				t.Errorf("decision %s, which a client was told of, is not in the log", id)
			}
		}
		crashed := 0
		for id, outcomes := range got {
			if len(outcomes) != 1 {
				t.Errorf("decision %s has %d outcomes", id, len(outcomes))
				continue
			}
			if o := outcomes[0].Outcome; o.Reason == reasonCrash {
				crashed++
				if o.Sent == "yes" || o.Status != 0 {
					t.Errorf("an outcome that nobody saw: %+v", o)
				}
			}
		}
		for _, id := range hung {
			if o := got[id]; len(o) != 1 || o[0].Outcome.Reason != reasonCrash || o[0].Outcome.Sent != proxy.Unknown {
				t.Errorf("decision %s was cut off by the crash, and its outcome is %+v", id, o)
			}
		}
		if len(l.fail) > 0 {
			t.Logf("answers without a decision: %v", l.fail)
		}
		for what := range l.fail {
			if !strings.HasPrefix(what, "502") && !strings.HasPrefix(what, "503") && !strings.HasPrefix(what, "500") {
				t.Errorf("an answer that is neither a decision's nor a fault's: %s", what)
			}
		}
		// Once more: nothing is told twice.
		size := verified(t, where).Size
		p = startProcess(t, environ, "run", "--config", file)
		p.await(t, "What it decides")
		if strings.Contains(p.screen.String(), "did not end in order") {
			t.Error("a process that ended in order is said not to have")
		}
		p.stop(t)
		again := 0
		for _, outcomes := range fates(t, where.log) {
			for _, o := range outcomes {
				if o.Outcome.Reason == reasonCrash {
					again++
				}
			}
		}
		if again != crashed || crashed < len(hung) {
			t.Errorf("%d outcomes are not known for a crash, then %d", crashed, again)
		}
		t.Logf("%d decisions of which %d clients were told, %d outcomes unknown, %d ids asked, %d records then %d", len(got), len(l.ids), crashed, asked, size, verified(t, where).Size)
	})
}

// What a crash leaves out is looked for back to the last start, over the borders of
// segments, and told once, even where telling it was cut off.
func TestSettle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	p := places{log: dir, keys: audit.DefaultKeyDir(dir)}
	log, err := audit.Open(dir, audit.Options{KeyDir: p.keys})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ctx := context.Background()
	record := func(events ...*proxy.Event) {
		t.Helper()
		if err := log.Record(ctx, events...); err != nil {
			t.Fatal(err)
		}
	}
	admin := func(action string) *proxy.Event {
		ev := proxy.NewEvent(proxy.EventAdmin, time.Now())
		ev.Admin = &proxy.AdminRecord{Action: action}
		return ev
	}
	decision := func(action proxy.Action, pool string) *proxy.Event {
		ev := proxy.NewEvent(proxy.EventDecision, time.Now())
		ev.Decision = &proxy.DecisionRecord{Action: action, Pool: pool, Reasons: []proxy.Reason{}}
		return ev
	}
	outcome := func(of *proxy.Event) *proxy.Event {
		ev := proxy.NewEvent(proxy.EventOutcome, time.Now())
		ev.DecisionID, ev.Outcome = of.ID, &proxy.OutcomeRecord{Sent: "yes", Status: 200}
		return ev
	}
	seal := func() {
		t.Helper()
		if err := log.Seal(ctx); err != nil {
			t.Fatal(err)
		}
	}
	settle := func(wantTold int) string {
		t.Helper()
		screen := &syncBuffer{}
		l := newLedger(&config.Config{}, p, nil, slog.New(slog.NewTextHandler(screen, nil)))
		l.log = log
		if l.reader, err = audit.OpenReader(dir); err != nil {
			t.Fatal(err)
		}
		before := log.Size()
		if err := l.settle(ctx); err != nil {
			t.Fatal(err)
		}
		if told := log.Size() - before; told != int64(wantTold) {
			t.Errorf("%d outcomes were recorded, want %d", told, wantTold)
		}
		return screen.String()
	}
	if said := settle(0); said != "" {
		t.Errorf("of an empty log: %s", said)
	}
	long := decision(proxy.Allow, "openai") // before what is looked at
	record(admin("start"), long)
	seal()
	record(admin("start"))
	sent, masked := decision(proxy.Allow, "openai"), decision(proxy.Mask, "openai")
	record(sent, masked)
	seal()
	kept, denied, own := decision(proxy.Reroute, "house"), decision(proxy.Deny, ""), decision(proxy.Allow, proxy.PoolSelf)
	record(outcome(masked), kept, denied, own)
	// Telling was cut off behind the first of four.
	first := proxy.NewEvent(proxy.EventOutcome, time.Now())
	first.DecisionID, first.Outcome = sent.ID, &proxy.OutcomeRecord{Reason: reasonCrash, Sent: proxy.Unknown}
	record(first)
	if said := settle(3); !strings.Contains(said, "decisions=3") {
		t.Errorf("it says %q", said)
	}
	settle(0)
	want := map[string]string{long.ID: "", sent.ID: "unknown crash", masked.ID: "yes ", kept.ID: "unknown crash", denied.ID: "no crash", own.ID: "no crash"}
	for id, outcomes := range fates(t, dir) {
		got := ""
		for _, o := range outcomes {
			got += o.Outcome.Sent + " " + o.Outcome.Reason
		}
		if got != want[id] {
			t.Errorf("outcome %q, want %q", got, want[id])
		}
	}
	// Where no start is near, the look ends and says so.
	for range settleSegments {
		seal()
		d := decision(proxy.Allow, "openai")
		record(d, outcome(d))
	}
	if said := settle(0); !strings.Contains(said, "the last records only") {
		t.Errorf("it says %q", said)
	}
}

// A sketch of a record says what decoding it says, whatever its form.
func TestSketch(t *testing.T) {
	in := launch(t, "embedded", "")
	for _, p := range []string{ordinary, personal, secret} {
		in.post("/v1/chat/completions", chat(p))
	}
	in.post("/v1/chat/completions", `{"broken`)
	in.end()
	list := cores(t, in.places.log)
	const a, b = "01JDQ7ZK3M9V00000000000000", "01JDQ7ZK3M9V00000000000001"
	for _, s := range []string{
		`{"id":"` + a + `","kind":"decision","v":1}`, `{"kind":"decision","id":"` + a + `"}`, `{"id":"x","kind":"decision"}`,
		`{"decision_id":"` + a + `","id":"` + b + `","kind":"outcome","v":1}`, `{"decision_id":"` + a + `","id":"` + b + `","kind":"grant","v":1}`,
		`{"decision_id":"short","id":"` + b + `","kind":"outcome","v":1}`, `{"id":"` + b + `","kind":"outcome","v":1}`,
		`{"decision":{"facts":{"x":{"id":"` + b + `","kind":"image"}}},"id":"` + a + `","kind":"decision","opaque":[{"id":"` + b + `","kind":"file"}]}`,
		`{"admin":{"action":"start"},"id":"` + a + `","kind":"admin"}`, `{"admin":{"action":"\",\"kind\":\"decision"},"id":"` + a + `","kind":"erasure"}`,
		`{"id":"` + a + `","kind":"admin"}`, `{}`,
	} {
		list = append(list, []byte(s))
	}
	for n, core := range list {
		rec := audit.Record{Index: int64(n), JSON: core}
		ev, err := rec.Event()
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		switch {
		case ev.Kind == proxy.EventDecision:
			want = ev.Kind + " " + ev.ID
		case ev.Kind == proxy.EventOutcome:
			want = ev.Kind + " " + ev.DecisionID
		case ev.Kind == proxy.EventAdmin && ev.Admin != nil:
			want = ev.Kind + " " + ev.Admin.Action
		default:
			want = " "
		}
		if kind, id, err := sketch(rec); err != nil || kind+" "+id != want {
			t.Errorf("record %d is %s %s, want %s: %v", n, kind, id, want, err)
		}
	}
	if _, _, err := sketch(audit.Record{JSON: []byte(`"kind":"admin"`)}); err == nil {
		t.Error("a record that is no event is one")
	}
}

// What a witness signs is recorded now and then, not each time: the record of one
// would bring about the next.
func TestAcknowledgements(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	log, err := audit.Open(dir, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l := newLedger(&config.Config{}, places{log: dir}, nil, slog.New(slog.DiscardHandler))
	l.log = log
	for size := range int64(50) {
		l.acknowledge(t.Context(), "a", 10*size, []byte("note"))
		l.acknowledge(t.Context(), "b", 10*size, []byte("note"))
	}
	if n := log.Size(); n != 2 {
		t.Errorf("%d acknowledgements of two witnesses are recorded at once", n)
	}
	for _, last := range []struct {
		size int64
		more int64
	}{{489, 0}, {400, 1}} { // long ago, and of the record of it alone, or of more
		l.noted["a"] = noted{last.size, time.Now().Add(-ackEvery)}
		before := log.Size()
		l.acknowledge(t.Context(), "a", 490, []byte("note"))
		if n := log.Size() - before; n != last.more {
			t.Errorf("behind %d records, %d acknowledgements are recorded", 490-last.size, n)
		}
	}
	if l.acked["a"].Size != 490 || l.acked["b"].Size != 490 {
		t.Errorf("the last ones are %+v", l.acked)
	}
}

// Keys are changed, segments sealed and removed and Ostiary started anew while
// traffic flows: nothing is undecided for it, and the log is good.
func TestLedgerUpkeepUnderLoad(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		in := launchLog(t, plane, "", "")
		// The key of fingerprints of a time of which nothing is left.
		past := time.Now().Add(-400 * 24 * time.Hour)
		old, err := vault.OpenKeyring(in.places.keys, func() time.Time { return past })
		if err != nil {
			t.Fatal(err)
		}
		if err := old.Prepare(); err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		api := in.control()
		l := newLoad(in.url, 4)
		defer l.end()
		flow := func() {
			t.Helper()
			before := l.count()
			eventually(t, "traffic", func() bool { return l.count() > before+30 })
		}
		must := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		flow()
		public := func() string {
			b, err := os.ReadFile(filepath.Join(in.places.keys, "log.pub"))
			must("log.pub", err)
			return strings.TrimSpace(string(b))
		}
		firstKey := public()
		for range 2 {
			got, err := api.Rotate(ctx, console.ActRequest{Reason: "scheduled", Ticket: "T-1"})
			must("rotate", err)
			if got.Key == "" || got.Key == firstKey {
				t.Errorf("the new key is %q", got.Key)
			}
			flow()
			must("seal", api.Seal(ctx, console.ActRequest{Ticket: "T-2"}))
			flow()
		}
		stats, err := api.Stats(ctx)
		must("stats", err)
		if stats.Sealed < 2 || stats.First != 0 {
			t.Errorf("%d segments are sealed, the first record is %d", stats.Sealed, stats.First)
		}
		dry, err := api.Retain(ctx, console.RetainRequest{Before: time.Now().UTC().Format(time.RFC3339Nano), Policy: "house", DryRun: true})
		must("retain, dry", err)
		hold, err := api.Hold(ctx, console.HoldRequest{ID: "case-7", From: 0, To: 1, Reason: "litigation", Ticket: "T-3"})
		must("hold", err)
		held, err := api.Retain(ctx, console.RetainRequest{Before: time.Now().UTC().Format(time.RFC3339Nano), Policy: "house"})
		must("retain, held", err)
		if dry.Segments < 2 || held.Segments != 0 || !slices.Contains(held.Holds, hold.ID) {
			t.Errorf("dry %+v, held %+v", dry, held)
		}
		// The same by the configured rule, with the clock a moment on.
		by := newLedger(&config.Config{Log: config.Log{Keep: time.Nanosecond}}, in.places, in.ring, in.server.log)
		by.log, by.reader = in.audit, in.ledger.reader
		by.retain(ctx)
		if s := in.screen.String(); !strings.Contains(s, "stay: legal holds") || strings.Contains(s, "removed by retention") {
			t.Error("nobody says that a hold keeps what is to be removed")
		}
		must("release", api.Release(ctx, hold.ID, console.ActRequest{Reason: "litigation", Ticket: "T-4"}))
		by.retain(ctx)
		flow()
		stats, err = api.Stats(ctx)
		must("stats", err)
		if stats.First == 0 {
			t.Error("retention removed nothing")
		}
		if epochs, err := in.ring.Epochs(); err != nil || slices.Contains(epochs, vault.Epoch(past)) || len(epochs) == 0 {
			t.Errorf("epochs of fingerprints after retention: %v, %v", epochs, err)
		}
		l.end()
		if len(l.fail) > 0 {
			t.Errorf("requests without a decision: %v", l.fail)
		}
		in.end()
		in = in.again(plane)
		api = in.control()
		flowed := newLoad(in.url, 2)
		defer flowed.end()
		eventually(t, "traffic after the restart", func() bool { return flowed.count() > 10 })
		flowed.end()
		first := ""
		for _, ev := range in.events(proxy.EventDecision) {
			first = ev.ID
			break
		}
		ids := append(flowed.ids[:5:5], first, l.ids[len(l.ids)-1])
		for _, id := range ids {
			eventually(t, "an id in the index", func() bool {
				got, err := api.Event(ctx, id, false)
				return err == nil && len(got.Events) >= 2
			})
		}
		if got, err := api.Event(ctx, l.ids[0], false); codeOf(err) != "not_found" {
			t.Errorf("an event that retention removed: %d events, %v", len(got.Events), err)
		}
		job, err := api.Verify(ctx)
		must("verify", err)
		eventually(t, "the verification", func() bool {
			job, err = api.Verified(ctx)
			return err == nil && job.State != console.JobRunning
		})
		if job.Report == nil || job.Report.Answer != "good" {
			b, _ := json.Marshal(job)
			t.Errorf("the running Ostiary verifies its log: %s", b)
		}
		in.end()
		if r := verified(t, in.places); r.First == 0 {
			t.Error("the log begins with its first record")
		}
		var did []string
		r, err := audit.OpenReader(in.places.log)
		must("reader", err)
		for rec, err := range r.Records(0) {
			must("read", err)
			ev, err := rec.Event()
			must("event", err)
			if ev.Admin != nil && (ev.Kind == proxy.EventRetention || ev.Kind == proxy.EventErasure) {
				did = append(did, ev.Admin.Action)
			}
		}
		for _, want := range []string{"retain", "retire_keys"} {
			if !slices.Contains(did, want) {
				t.Errorf("%s is not recorded: %v", want, did)
			}
		}
	})
}
