package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/ostiary/ostiary/proxy"
)

// maxSteps is how many steps of one exchange are kept for its trace. An exchange
// has six or seven.
const maxSteps = 16

// exchange is what is known of an exchange between Begin and End. Its spans are
// made at End, when their names and attributes are known: an exchange that is
// not traced costs no span, and a step no more than two looks at the clock.
type exchange struct {
	mu     sync.Mutex // the steps come from one goroutine, the outcome from another
	begin  time.Time
	parent trace.SpanContext // the caller's, where it sent one
	steps  [maxSteps]stepTime
	count  int
	worked time.Duration // all steps together, those not kept included
	seen   seen
	ended  bool
}

// stepTime is one step that ran, kept small: every exchange has sixteen.
type stepTime struct {
	step  uint8         // place in steps
	start time.Duration // since the exchange began
	took  time.Duration
}

// seen is what events told, in values that may leave.
type seen struct {
	decided   bool // a decision is durable
	failed    bool // a decision could not be made durable
	id        string
	action    string
	pool      string
	dialect   string
	operation string
	model     string
	provider  string
	code      string
	mode      string
	policies  string
	types     []string
	findings  int
	masked    int
	stream    bool
	sent      string
	status    int
	ttfb      time.Duration
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// Begin implements [proxy.Observer].
func (t *Telemetry) Begin(ctx context.Context, h *proxy.Head) context.Context {
	x := &exchange{begin: t.now()}
	if t.tracer != nil && t.traceparent != nil {
		x.parent = parseTraceparent(t.traceparent(h))
	}
	t.open.Add(1)
	return context.WithValue(ctx, exchangeKey{}, x)
}

// Step implements [proxy.Observer].
func (t *Telemetry) Step(ctx context.Context, name string) func() {
	label, ok := t.stepLabels[name]
	if !ok {
		label = t.stepLabels[wordOther]
	}
	x, start := exchangeOf(ctx), t.now()
	return func() {
		took := t.now().Sub(start)
		t.histograms[mStep].Record(context.Background(), took.Seconds(), label.option)
		if x == nil {
			return // a record of the process itself
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.worked += took
		if t.tracer != nil && x.count < maxSteps {
			x.steps[x.count] = stepTime{label.step, start.Sub(x.begin), took}
			x.count++
		}
	}
}

// Recorded implements [proxy.Observer].
func (t *Telemetry) Recorded(ctx context.Context, e *proxy.Event, err error) {
	if err != nil {
		t.count(mLost, 1, word(kindsOf, e.Kind))
	}
	x := exchangeOf(ctx)
	switch {
	case e.Kind == proxy.EventDecision && e.Decision != nil && x != nil:
		t.decided(x, e, err)
	case e.Kind == proxy.EventOutcome && e.Outcome != nil && x != nil:
		t.outcome(x, e.Outcome, err)
	case e.Connection != nil && err == nil: // else it is counted again
		c := e.Connection
		t.count(mConnections, c.Count, word(ways, c.Way), word(passages, c.Passage), word(takens, c.Kind))
	case e.Admin != nil:
		// What happened, happened, whether the log has it or not.
		t.count(mAdmin, 1, word(admins, e.Admin.Action))
		if e.Kind == proxy.EventGap && e.Admin.Action == "ungoverned" {
			t.count(mUngoverned, 1)
		}
	}
}

// decided keeps what a decision's event tells and counts it once durable. One
// that could not be made durable was not carried out; the engine refuses the
// exchange, which [Telemetry.End] counts where no decision became durable.
func (t *Telemetry) decided(x *exchange, e *proxy.Event, err error) {
	d := e.Decision
	x.mu.Lock()
	defer x.mu.Unlock()
	s := &x.seen
	if s.decided {
		return
	}
	*s = seen{
		decided: err == nil, failed: err != nil,
		id: decisionID(e.ID), action: word(actions, string(d.Action)), pool: t.names.pools.of(d.Pool),
		mode: word(modes, string(d.Mode)), masked: d.Masked,
		dialect: wordNone, operation: operations[string(proxy.OpUnknown)], model: wordNone, provider: wordNone,
	}
	if d.Code != "" {
		s.code = t.names.codes.of(d.Code)
	}
	if p := e.Policy; p != nil && shaped(p.Policies) {
		s.policies = p.Policies
	}
	if r := e.Request; r != nil {
		s.dialect, s.operation = word(dialects, r.Dialect), mapped(operations, r.Operation)
		s.model, s.stream = t.names.models.of(r.Model), r.Stream
		s.provider = mapped(providers, r.Dialect)
		if !x.parent.IsValid() {
			x.parent = traceOnly(r.Trace)
		}
	}
	for i := range e.Findings {
		f := &e.Findings[i]
		name := t.names.types.of(f.Type)
		s.findings += f.Count
		if t.tracer != nil && len(s.types) < maxTypes {
			s.types = append(s.types, name)
		}
		if err == nil {
			t.count(mFindings, int64(f.Count), name, word(levels, f.Likelihood))
		}
	}
	if err == nil {
		t.decision(x)
	}
}

// decision counts a decision. The caller holds the exchange's lock.
func (t *Telemetry) decision(x *exchange) {
	s := &x.seen
	t.count(mExchanges, 1, s.action, s.pool, s.dialect, s.operation)
	if s.code != "" {
		t.count(mRefusals, 1, s.code)
	}
	t.measure(mDecision, x.worked, s.action)
}

// outcome keeps and counts what became of an exchange. One whose decision could
// not be made durable became a refusal, whatever the event says of it.
func (t *Telemetry) outcome(x *exchange, o *proxy.OutcomeRecord, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := &x.seen
	if err != nil && !s.decided {
		return
	}
	s.sent, s.status = word(sents, o.Sent), o.Status
	t.count(mOutcomes, 1, class(o.Status), s.sent)
	if s.sent != "yes" {
		return // no model was asked
	}
	t.measure(mInference, time.Duration(o.DurationMS)*time.Millisecond, s.operation, s.provider, s.model)
	if s.stream && o.TTFBMS > 0 {
		s.ttfb = time.Duration(o.TTFBMS) * time.Millisecond
		t.measure(mFirstChunk, s.ttfb, s.operation, s.provider, s.model)
	}
}

// End implements [proxy.Observer].
func (t *Telemetry) End(ctx context.Context) {
	x := exchangeOf(ctx)
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return
	}
	x.ended = true
	t.open.Add(-1)
	if s := &x.seen; s.failed && !s.decided {
		s.action, s.pool, s.code = string(proxy.Deny), wordNone, proxy.Unrecorded.Code()
		s.sent, s.status = "no", proxy.Unrecorded.Status()
		t.decision(x)
		t.count(mOutcomes, 1, class(s.status), s.sent)
	}
	if t.tracer != nil {
		t.spans(x)
	}
}

// spans makes the spans of an exchange that is over. The caller holds its lock.
func (t *Telemetry) spans(x *exchange) {
	ctx := context.Background()
	if x.parent.HasTraceID() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, x.parent)
	}
	s := &x.seen
	name := "exchange"
	if s.operation != "" {
		name = s.operation + " " + s.model // {gen_ai.operation.name} {gen_ai.request.model}
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.begin))
	if !span.IsRecording() {
		return // not sampled: there is nothing to end
	}
	defer func() { span.End(trace.WithTimestamp(t.now())) }()
	for _, step := range x.steps[:x.count] {
		start := x.begin.Add(step.start)
		_, child := t.tracer.Start(ctx, steps[step.step], trace.WithTimestamp(start))
		child.End(trace.WithTimestamp(start.Add(step.took)))
	}
	span.SetAttributes(s.attributes()...)
	// A refusal by policy is what the server is for: only its own failures and
	// those of upstreams are errors (as for HTTP servers).
	if s.status >= 500 {
		span.SetStatus(codes.Error, s.code)
	}
}

// attributes gives what a span says of an exchange. Every name is in
// spanAttributes, every value was checked when it was kept.
func (s *seen) attributes() []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(spanAttributes))
	text := func(name, value string) {
		if value != "" && value != wordNone {
			out = append(out, attribute.String(name, value))
		}
	}
	text(attrOperation, s.operation)
	text(attrProvider, s.provider)
	text(attrModel, s.model)
	text(attrDialect, s.dialect)
	text(attrAction, s.action)
	text(attrPool, s.pool)
	text(attrCode, s.code)
	text(attrError, s.code)
	text(attrDecision, s.id)
	text(attrMode, s.mode)
	text(attrPolicies, s.policies)
	text(attrSent, s.sent)
	if s.stream {
		out = append(out, attribute.Bool(attrStream, true))
	}
	if s.ttfb > 0 {
		out = append(out, attribute.Float64(attrFirstChunk, s.ttfb.Seconds()))
	}
	if s.status != 0 {
		out = append(out, attribute.Int(attrStatus, s.status))
	}
	if s.findings > 0 {
		out = append(out, attribute.Int(attrFindings, s.findings), attribute.StringSlice(attrTypes, s.types))
	}
	if s.masked > 0 {
		out = append(out, attribute.Int(attrMasked, s.masked))
	}
	return out
}

// idLength is the length of a ULID (github.com/ulid/spec).
const idLength = 26

// decisionID gives the id where it is a ULID, else nothing.
func decisionID(id string) string {
	if len(id) != idLength {
		return ""
	}
	for i := 0; i < len(id); i++ {
		if c := id[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return id
}
