package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

const canary = "canary-7d11"

// recorder is the audit log of a test.
type recorder struct{ err error }

func (r *recorder) Record(context.Context, ...*proxy.Event) error { return r.err }

// receiver is a web server that is told.
type receiver struct {
	*httptest.Server
	answer func(n int64) int // by how many came
	asked  atomic.Int64
	mu     sync.Mutex
	got    []*http.Request // guarded by mu
	bodies [][]byte        // guarded by mu
}

func newReceiver(t *testing.T, answer func(n int64) int) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got, r.bodies = append(r.got, req), append(r.bodies, b)
		r.mu.Unlock()
		code := r.answer(r.asked.Add(1))
		if code == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(strings.Repeat("x", 10_000)))
	}))
	t.Cleanup(r.Close)
	return r
}

func always(code int) func(int64) int { return func(int64) int { return code } }

// told collects failures.
type told struct {
	mu   sync.Mutex
	list []Failure
}

func (l *told) add(_ context.Context, f Failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, f)
}

func (l *told) count(name, why string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		if f.Name == name && f.Why == why {
			n += f.Count
		}
	}
	return n
}

// outbox makes an outbox whose waits take no time.
func outbox(t *testing.T, l *told, next proxy.Recorder) *Outbox {
	t.Helper()
	b := New(Options{
		Next: next, Source: "/ostiary/test", Failed: l.add, report: time.Millisecond,
		now:   func() time.Time { return time.Unix(1_700_000_000, 0) },
		sleep: func(ctx context.Context, _ time.Duration) { sleep(ctx, time.Millisecond) },
	})
	t.Cleanup(func() { b.Close(context.Background()) })
	return b
}

func event(to ...string) *proxy.Event {
	return &proxy.Event{
		ID: "01JDTEST", Kind: proxy.EventDecision, Time: "2026-11-24T10:00:00.000Z",
		Decision: &proxy.DecisionRecord{
			Action: proxy.Deny, Code: "closed", Mode: proxy.Enforce, Notify: to, Facts: &proxy.Facts{State: []string{canary}},
			Reasons: []proxy.Reason{{Policy: "team", Rule: "two", Message: canary, Title: canary}, {Policy: "team", Rule: "one"}, {Policy: "team", Rule: "one"}},
		},
		Personal: &proxy.PersonalRecord{Address: canary, Justification: canary}, Request: &proxy.RequestRecord{Application: canary, Model: canary},
	}
}

func record(t *testing.T, b *Outbox, ev *proxy.Event) {
	t.Helper()
	if err := b.Record(context.Background(), ev); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// A message is a CloudEvent of the decision that Standard Webhooks verifies, and
// holds nothing else of the event.
func TestMessage(t *testing.T) {
	r, l := newReceiver(t, always(204)), &told{}
	b := outbox(t, l, &recorder{})
	b.Use([]Target{{Name: "security", URL: r.URL + "/hook", Key: []byte("key")}})
	record(t, b, event("security"))
	await(t, "the message", func() bool { return b.Counts().Delivered == 1 })
	req, body := r.got[0], r.bodies[0]
	if strings.Contains(string(body), canary) {
		t.Errorf("the message holds more than it should: %s", body)
	}
	want := `{"specversion":"1.0","id":"01JDTEST","source":"/ostiary/test","type":"dev.ostiary.decision.v1","time":"2026-11-24T10:00:00.000Z","datacontenttype":"application/json",` +
		`"data":{"action":"deny","code":"closed","mode":"enforce","rules":["team.one","team.two"]}}`
	if string(body) != want || !json.Valid(body) {
		t.Errorf("the message is\n%s\nwant\n%s", body, want)
	}
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write([]byte("01JDTEST.1700000000." + want))
	if got := req.Header.Get("webhook-signature"); got != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signature %s", got)
	}
	if req.Method != http.MethodPost || req.URL.Path != "/hook" || req.Header.Get("webhook-id") != "01JDTEST" || req.Header.Get("webhook-timestamp") != "1700000000" ||
		req.Header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("request %s %s %v", req.Method, req.URL, req.Header)
	}
	// Events of other kinds, and decisions that name nobody, are nobody's business.
	record(t, b, event())
	record(t, b, &proxy.Event{Kind: proxy.EventOutcome})
	b.Close(context.Background())
	if n := r.asked.Load(); n != 1 || b.Counts() != (Counts{Delivered: 1}) || len(l.list) > 0 {
		t.Errorf("%d requests, %+v, failures %v", n, b.Counts(), l.list)
	}
}

// TestSignature is the test vector of the Standard Webhooks specification.
func TestSignature(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
}

// What may be answered another time is tried again; what not is not; each is told.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(int64) int
		asked  int64
		why    string
	}{
		{"an error, and then none", func(n int64) int { return []int{500, 429, 200}[n-1] }, 3, ""},
		{"errors alone", always(503), attemptsMax, WhyUnanswered},
		{"refused", always(401), 1, WhyRefused},
		{"redirected", always(http.StatusFound), 1, WhyRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, l := newReceiver(t, c.answer), &told{}
			b := outbox(t, l, &recorder{})
			b.Use([]Target{{Name: "a", URL: r.URL, Key: []byte("k")}})
			record(t, b, event("a"))
			await(t, "the end of it", func() bool { n := b.Counts(); return n.Delivered+n.Dropped == 1 })
			b.Close(context.Background())
			if r.asked.Load() != c.asked || (c.why == "") != (b.Counts().Delivered == 1) || c.why != "" && l.count("a", c.why) != 1 {
				t.Errorf("%d requests, %+v, told %v", r.asked.Load(), b.Counts(), l.list)
			}
		})
	}
	t.Run("no connection", func(t *testing.T) {
		l := &told{}
		b := outbox(t, l, &recorder{})
		b.Use([]Target{{Name: "a", URL: "http://127.0.0.1:1/", Key: []byte("k")}})
		record(t, b, event("a"))
		await(t, "the failure", func() bool { return l.count("a", WhyUnanswered) == 1 })
	})
	t.Run("not configured", func(t *testing.T) {
		r, l := newReceiver(t, always(200)), &told{}
		b := outbox(t, l, &recorder{})
		record(t, b, event("nobody")) // nobody at all is to be told
		b.Use([]Target{{Name: "a", URL: r.URL, Key: []byte("k")}})
		record(t, b, event("a", "nobody"))
		await(t, "the failure", func() bool { return l.count(proxy.Other, WhyTarget) == 1 && b.Counts().Delivered == 1 })
	})
	t.Run("without a key", func(t *testing.T) {
		r, l := newReceiver(t, always(200)), &told{}
		b := outbox(t, l, &recorder{})
		b.Use([]Target{{Name: "a", URL: r.URL}}) // the only one
		record(t, b, event("a"))
		await(t, "the failure", func() bool { return l.count("a", WhyKey) == 1 })
		if r.asked.Load() != 0 {
			t.Error("a message was sent with a signature of no key")
		}
	})
	t.Run("not recorded", func(t *testing.T) {
		r, l := newReceiver(t, always(200)), &told{}
		broken := errors.New("disk full")
		b := outbox(t, l, &recorder{broken})
		b.Use([]Target{{Name: "a", URL: r.URL, Key: []byte("k")}})
		if err := b.Record(context.Background(), event("a")); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
		b.Close(context.Background())
		if r.asked.Load() != 0 {
			t.Error("somebody was told of what is not recorded")
		}
	})
}

// A target that does not answer holds up nothing: its queue fills, the rest is
// dropped and counted, others are told, and the end of the process ends it.
func TestSlowTargetHoldsUpNothing(t *testing.T) {
	hang := make(chan struct{})
	slow := newReceiver(t, func(int64) int { <-hang; return 200 })
	quick, l := newReceiver(t, always(200)), &told{}
	defer close(hang)
	b := outbox(t, l, &recorder{})
	b.Use([]Target{{Name: "slow", URL: slow.URL, Key: []byte("k")}, {Name: "quick", URL: quick.URL, Key: []byte("k")}})
	record(t, b, event("slow"))
	await(t, "the first message", func() bool { return slow.asked.Load() == 1 })
	const more = 10
	for i := range queueMost + more {
		record(t, b, event("quick", "slow"))
		await(t, "the other target", func() bool { return b.Counts().Delivered == i+1 })
	}
	await(t, "the report", func() bool { return l.count("slow", WhyQueue) == more })
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	b.Close(ended)
	if n := l.count("slow", WhyStopped); n != queueMost+1 {
		t.Errorf("%d messages were told as dropped at the end, want %d: %v", n, queueMost+1, l.list)
	}
	record(t, b, event("quick")) // recorded all the same
}

// What waits for a target survives a change of its address; a target that is gone
// is told what waited for it.
func TestUse(t *testing.T) {
	down := newReceiver(t, always(500))
	up, l := newReceiver(t, always(200)), &told{}
	gate := make(chan struct{})
	b := New(Options{Next: &recorder{}, Failed: l.add, sleep: func(ctx context.Context, _ time.Duration) {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}})
	defer b.Close(context.Background())
	b.Use([]Target{{Name: "a", URL: down.URL, Key: []byte("k")}})
	record(t, b, event("a"))
	record(t, b, event("a"))
	await(t, "an attempt", func() bool { return down.asked.Load() == 1 })
	b.Use([]Target{{Name: "a", URL: up.URL, Key: []byte("k")}})
	b.Use(nil)
	close(gate)
	await(t, "both", func() bool { return b.Counts().Delivered == 2 })
	if up.asked.Load() != 2 || down.asked.Load() != 1 {
		t.Errorf("%d and %d requests", up.asked.Load(), down.asked.Load())
	}
}

// Reports of what happens again and again come together.
func TestReportsComeTogether(t *testing.T) {
	l := &told{}
	held := make(chan struct{})
	b := New(Options{Next: &recorder{}, Failed: l.add, sleep: func(ctx context.Context, d time.Duration) {
		if d == reportEvery {
			select {
			case <-held:
			case <-ctx.Done():
			}
		}
	}})
	r := newReceiver(t, always(400))
	b.Use([]Target{{Name: "a", URL: r.URL, Key: []byte("k")}})
	record(t, b, event("a"))
	await(t, "the first report", func() bool { return l.count("a", WhyRefused) == 1 })
	for range 20 {
		record(t, b, event("a"))
	}
	await(t, "the others", func() bool { return b.Counts().Dropped == 21 })
	close(held)
	await(t, "the second report", func() bool { return l.count("a", WhyRefused) == 21 })
	b.Close(context.Background())
	if len(l.list) != 2 {
		t.Errorf("%d reports, want 2: %v", len(l.list), l.list)
	}
}
