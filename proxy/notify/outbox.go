package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds.
const (
	queueMost   = 256              // messages that wait for one target
	attemptsMax = 5                // of one message
	attemptTime = 10 * time.Second // of one attempt
	backoffMin  = time.Second      // after the first failed attempt; it doubles with each
	backoffMax  = time.Minute      // also of a Retry-After
	reportEvery = time.Minute      // between reports of failures
	rulesMost   = 64               // rules that a message names
	answerMost  = 4 << 10          // bytes of an answer that are read, to use its connection again
)

// Why a message was not delivered.
const (
	WhyQueue      = "queue_full"
	WhyTarget     = "not_configured" // a policy names somebody that the configuration does not
	WhyRefused    = "refused"        // an answer that another attempt would not change
	WhyUnanswered = "unanswered"     // no answer, or none but errors, in all attempts
	WhyStopped    = "stopped"        // the process ended first
	WhyKey        = "no_key"         // the key that signs could not be had
)

// Target is a web address that is told.
type Target struct {
	Name   string       // by which policies call it (notify, to)
	URL    string       // https, or http on this machine
	Key    []byte       // that signs; empty where it cannot be had: nothing is sent then, and each message is a failure
	Client *http.Client // follows no redirect; nil is http.DefaultTransport without redirects
}

// Failure is what was not delivered since the last report.
type Failure struct {
	Name  string // of the target; "other" for one that is not configured
	Why   string
	Count int
}

// Options of an [Outbox].
type Options struct {
	Next proxy.Recorder // where events go first
	// Source names this installation in messages, as CloudEvents' source: a URI
	// reference.
	Source string
	// Failed is told of failures, one call at a time and at most once a minute for
	// what happens in between. It may take its time. nil for nobody.
	Failed func(ctx context.Context, f Failure)

	now    func() time.Time
	sleep  func(ctx context.Context, d time.Duration) // for tests
	report time.Duration
}

// Counts says how many messages were delivered and dropped since the start.
type Counts struct{ Delivered, Dropped int }

// Outbox implements [proxy.Recorder]. It is safe for concurrent use.
type Outbox struct {
	o Options

	mu      sync.RWMutex
	workers map[string]*worker // by name; guarded by mu
	closed  bool               // guarded by mu

	failures failures
	running  sync.WaitGroup // workers
	ctx      context.Context
	cancel   context.CancelFunc
	reported chan struct{} // closed when the reporter has ended
}

var _ proxy.Recorder = (*Outbox)(nil)

// New makes an outbox without targets. Close ends it.
func New(o Options) *Outbox {
	if o.now == nil {
		o.now = time.Now
	}
	if o.sleep == nil {
		o.sleep = sleep
	}
	if o.report == 0 {
		o.report = reportEvery
	}
	b := &Outbox{o: o, workers: map[string]*worker{}, reported: make(chan struct{})}
	b.failures = failures{count: map[Failure]int{}, some: make(chan struct{}, 1)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.reporter()
	return b
}

// Use replaces the targets. What waits for one that stays is kept; one that is gone
// is still told what waited for it.
func (b *Outbox) Use(targets []Target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	for name, w := range b.workers {
		if !slices.ContainsFunc(targets, func(t Target) bool { return t.Name == name }) {
			close(w.queue) // nobody sends: that takes the read lock
			delete(b.workers, name)
		}
	}
	for _, t := range targets {
		if t.Client == nil {
			t.Client = &http.Client{}
		}
		client := *t.Client
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		t.Client = &client
		w := b.workers[t.Name]
		if w == nil {
			w = &worker{queue: make(chan message, queueMost)}
			b.workers[t.Name] = w
			b.running.Go(func() { b.deliver(w) })
		}
		w.target.Store(&t)
	}
}

// Record records events, and queues messages of the decisions among them once they
// are durable.
func (b *Outbox) Record(ctx context.Context, events ...*proxy.Event) error {
	if err := b.o.Next.Record(ctx, events...); err != nil {
		return err
	}
	for _, ev := range events {
		if ev.Decision != nil && len(ev.Decision.Notify) > 0 {
			b.queue(ev)
		}
	}
	return nil
}

// queue puts a message of a decision into the queue of each target that it names.
func (b *Outbox) queue(ev *proxy.Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if len(b.workers) == 0 || b.closed {
		return // nobody is to be told; the event has it
	}
	var body []byte
	for _, name := range ev.Decision.Notify {
		w := b.workers[name]
		if w == nil {
			b.failures.add(proxy.Other, WhyTarget)
			continue
		}
		if body == nil {
			body = b.message(ev)
		}
		select {
		case w.queue <- message{ev.ID, body}:
		default:
			b.failures.add(name, WhyQueue)
		}
	}
}

// cloudEvent is a message (CloudEvents 1.0.2, JSON event format).
type cloudEvent struct {
	SpecVersion string   `json:"specversion"`
	ID          string   `json:"id"`
	Source      string   `json:"source"`
	Type        string   `json:"type"`
	Time        string   `json:"time"`
	ContentType string   `json:"datacontenttype"`
	Data        decision `json:"data"`
}

// decision is what a message says of a decision.
type decision struct {
	Action proxy.Action `json:"action"`
	Code   string       `json:"code,omitempty"`
	Mode   proxy.Mode   `json:"mode"`
	Pool   string       `json:"pool,omitempty"`
	Rules  []string     `json:"rules"` // that spoke, POLICY.RULE, sorted
}

// Type is the type of the messages.
const Type = "dev.ostiary.decision.v1"

func (b *Outbox) message(ev *proxy.Event) []byte {
	d := ev.Decision
	rules := []string{}
	for i := range d.Reasons {
		rules = append(rules, d.Reasons[i].Policy+"."+d.Reasons[i].Rule)
	}
	slices.Sort(rules)
	rules = slices.Compact(rules)
	body, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: ev.ID, Source: b.o.Source, Type: Type, Time: ev.Time, ContentType: "application/json",
		Data: decision{Action: d.Action, Code: d.Code, Mode: d.Mode, Pool: d.Pool, Rules: rules[:min(len(rules), rulesMost)]},
	})
	if err != nil {
		panic("notify: a message cannot be written: " + err.Error()) // of strings alone
	}
	return body
}

// Counts gives what was delivered and dropped.
func (b *Outbox) Counts() Counts {
	b.failures.mu.Lock()
	defer b.failures.mu.Unlock()
	return b.failures.total
}

// Close takes no more messages, delivers what waits as long as the context allows,
// and reports what was not delivered. Events are still recorded afterwards.
func (b *Outbox) Close(ctx context.Context) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	for _, w := range b.workers {
		close(w.queue)
	}
	b.mu.Unlock()
	done := make(chan struct{})
	go func() { b.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	b.cancel()
	<-done // workers end at once now, and count what they drop
	<-b.reported
}

// failures collects what was not delivered, for the reporter.
type failures struct {
	mu    sync.Mutex
	count map[Failure]int // by name and reason; guarded by mu
	total Counts          // guarded by mu
	some  chan struct{}   // of one: there is something to report
}

func (f *failures) add(name, why string) {
	f.mu.Lock()
	f.count[Failure{Name: name, Why: why}]++
	f.total.Dropped++
	f.mu.Unlock()
	select {
	case f.some <- struct{}{}:
	default:
	}
}

func (f *failures) delivered() {
	f.mu.Lock()
	f.total.Delivered++
	f.mu.Unlock()
}

// take gives what was collected, by name and reason.
func (f *failures) take() []Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Failure
	for k, n := range f.count {
		out = append(out, Failure{k.Name, k.Why, n})
	}
	clear(f.count)
	slices.SortFunc(out, func(a, b Failure) int { return slices.Compare([]string{a.Name, a.Why}, []string{b.Name, b.Why}) })
	return out
}

// reporter tells of failures: of the first at once, of more after a while, together.
func (b *Outbox) reporter() {
	defer close(b.reported)
	tell := func(ctx context.Context) {
		for _, f := range b.failures.take() {
			if b.o.Failed != nil {
				b.o.Failed(ctx, f)
			}
		}
	}
	for {
		select {
		case <-b.failures.some:
		case <-b.ctx.Done():
			b.running.Wait() // they still count
			tell(context.WithoutCancel(b.ctx))
			return
		}
		tell(b.ctx)
		b.o.sleep(b.ctx, b.o.report)
	}
}

// sleep waits, or until the context ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
