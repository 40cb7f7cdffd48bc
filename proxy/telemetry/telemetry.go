// Package telemetry turns what the engine does into OpenTelemetry traces and
// metrics, never content.
//
// A [Telemetry] is the engine's [proxy.Observer]: it makes a span per exchange
// with a child span per step, and the metrics of the table in names.go. Metrics
// can be scraped (see [Telemetry.Handler]); metrics and traces go out by OTLP
// where that is configured.
//
// Nothing leaves that the table does not name. Values are words of ours,
// configured names, or "other"; each label has a bound of distinct values. The
// package never looks into a [proxy.Text] and copies no message, reason, address
// or path.
//
// What the package does not do: it does not decide what is recorded (that is the
// audit log, which loses nothing and which this is no substitute for: telemetry
// drops what it cannot send in time), and it holds no global state: the
// providers of OpenTelemetry's own global registry are not set.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ostiary/ostiary/proxy"
)

// Bounds of what waits to be sent and of how long sending may take.
const (
	spanQueue      = 4096             // finished spans that wait; more are dropped, never waited for
	spanBatch      = 512              // spans of one export
	spanDelay      = 5 * time.Second  // longest wait of a finished span
	exportTimeout  = 10 * time.Second // of one export
	metricInterval = time.Minute      // between exports of metrics, unless the options say otherwise
)

const scope = "github.com/ostiary/ostiary/proxy/telemetry"

// Options configure a [Telemetry]. The zero value keeps metrics to be scraped
// and sends nothing.
type Options struct {
	// Service names the process in traces and metrics; "ostiary" if empty.
	Service string
	// Version is the program's version.
	Version string
	// Instance tells processes of one service apart; it names no person.
	Instance string
	// OTLP is the URL of an OpenTelemetry collector that takes OTLP over gRPC:
	// https://host:port, or http:// for one without TLS. Empty: nothing is sent.
	OTLP string
	// Headers go with every export, an authorisation for instance.
	Headers map[string]string
	// Sample is the share of exchanges that are traced where the caller's own
	// trace does not say, from 0 to 1. Metrics count every exchange.
	Sample float64
	// Interval is the time between exports of metrics; a minute if zero.
	Interval time.Duration
	// Names are the configured names at the start; see [Telemetry.Know].
	Names Names
	// Traceparent gives the value of a request's W3C traceparent header, or "".
	// Package telemetry may not look at content and headers are content; what it
	// is given it parses, and keeps nothing but the ids. Nil: an exchange joins
	// the trace that its event names, without a parent, or starts its own.
	Traceparent func(h *proxy.Head) string
	// Envoy gives Envoy's counters by their full names or by the words of the
	// table in names.go; others are passed over. It is asked at each scrape, must
	// honour the context's deadline and may return nil. Nil: no Envoy.
	Envoy func(ctx context.Context) map[string]uint64
	// PolicyAge gives the seconds since the source of the policies last answered,
	// and false where they come from none. Nil: never.
	PolicyAge func() (int64, bool)
	// Ledger tells how the audit log and its copies stand. It is asked at each scrape
	// and does not block. Nil: never.
	Ledger func() Ledger
	// Ready names what the process still waits for, in words of ours; empty
	// means ready. Nil: always ready.
	Ready func() []string
	// Log is told when telemetry cannot be sent, once per outage; nil for
	// nobody.
	Log *slog.Logger
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Telemetry observes one engine. Its methods are safe for concurrent use and do
// not block: what cannot be sent in time is dropped.
type Telemetry struct {
	ready       func() []string
	ledger      func() Ledger
	now         func() time.Time
	traceparent func(h *proxy.Head) string
	envoyStats  func(ctx context.Context) map[string]uint64
	policyAge   func() (int64, bool)

	registry *prometheus.Registry
	meters   *sdkmetric.MeterProvider
	traces   *sdktrace.TracerProvider // nil where nothing is traced
	tracer   trace.Tracer             // nil likewise

	counters   [metricCount]metric.Int64Counter
	histograms [metricCount]metric.Float64Histogram
	labels     labels
	names      *domains
	stepLabels map[string]stepLabel
	open       atomic.Int64 // exchanges between Begin and End
	queue      atomic.Int64 // of the audit log, at the last commit
}

var _ proxy.Observer = (*Telemetry)(nil)

// stepLabel is a step's place in the table and its label set.
type stepLabel struct {
	step   uint8
	option metric.MeasurementOption
}

// sinks are where telemetry goes: the scraped registry always, OTLP where
// configured, a test's own.
type sinks struct {
	readers    []sdkmetric.Reader
	processors []sdktrace.SpanProcessor
}

// New makes a Telemetry. It opens no connection: a collector that is not there
// shows in ostiary_telemetry_export_failures_total and, once per outage, in the
// log. It fails where the options cannot be meant: a URL without host, a share
// outside 0 to 1. The caller ends it with [Telemetry.Close].
func New(ctx context.Context, o Options) (*Telemetry, error) {
	if math.IsNaN(o.Sample) || o.Sample < 0 || o.Sample > 1 {
		return nil, errors.New("telemetry: sample is not between 0 and 1")
	}
	t := prepare(o)
	var s sinks
	if o.OTLP != "" {
		var err error
		if s, err = t.otlp(ctx, o); err != nil {
			return nil, err
		}
	}
	if err := t.start(o, s); err != nil {
		return nil, err
	}
	return t, nil
}

// prepare makes a Telemetry without providers.
func prepare(o Options) *Telemetry {
	t := &Telemetry{
		ready: o.Ready, now: o.Now, traceparent: o.Traceparent, envoyStats: o.Envoy, policyAge: o.PolicyAge, ledger: o.Ledger,
		registry: prometheus.NewRegistry(), names: newDomains(),
	}
	if t.now == nil {
		t.now = time.Now
	}
	t.labels.made = map[labelKey]metric.MeasurementOption{}
	t.stepLabels = map[string]stepLabel{}
	for i, s := range steps {
		t.stepLabels[s] = stepLabel{uint8(i), t.labels.of(mStep, s)}
	}
	t.Know(o.Names)
	return t
}

// otlp makes the exporters to a collector.
func (t *Telemetry) otlp(ctx context.Context, o Options) (sinks, error) {
	u, err := url.Parse(o.OTLP)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return sinks{}, errors.New("telemetry: the OTLP address is not of the form https://host:port or http://host:port")
	}
	spans, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(o.OTLP),
		otlptracegrpc.WithHeaders(o.Headers), otlptracegrpc.WithTimeout(exportTimeout))
	if err != nil {
		return sinks{}, errors.New("telemetry: the exporter of traces cannot be made")
	}
	points, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpointURL(o.OTLP),
		otlpmetricgrpc.WithHeaders(o.Headers), otlpmetricgrpc.WithTimeout(exportTimeout))
	if err != nil {
		return sinks{}, errors.New("telemetry: the exporter of metrics cannot be made")
	}
	interval := o.Interval
	if interval <= 0 {
		interval = metricInterval
	}
	return sinks{
		readers: []sdkmetric.Reader{sdkmetric.NewPeriodicReader(&pointSink{Exporter: points, failures: t.failures("metrics", o.Log)},
			sdkmetric.WithInterval(interval), sdkmetric.WithTimeout(exportTimeout))},
		processors: []sdktrace.SpanProcessor{sdktrace.NewBatchSpanProcessor(&spanSink{SpanExporter: spans, failures: t.failures("traces", o.Log)},
			sdktrace.WithMaxQueueSize(spanQueue), sdktrace.WithMaxExportBatchSize(spanBatch),
			sdktrace.WithBatchTimeout(spanDelay), sdktrace.WithExportTimeout(exportTimeout))},
	}, nil
}

// start makes the providers and instruments.
func (t *Telemetry) start(o Options, s sinks) error {
	service := o.Service
	if service == "" {
		service = "ostiary"
	}
	// Not resource.Default: it reads the environment and the command line.
	attributes := []attribute.KeyValue{attribute.String("service.name", service)}
	if o.Version != "" {
		attributes = append(attributes, attribute.String("service.version", o.Version))
	}
	if o.Instance != "" {
		attributes = append(attributes, attribute.String("service.instance.id", o.Instance))
	}
	about := resource.NewSchemaless(attributes...)

	scraped, err := promexporter.New(promexporter.WithRegisterer(t.registry), promexporter.WithoutScopeInfo(), promexporter.WithoutTargetInfo(),
		promexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
	if err != nil {
		return errors.New("telemetry: metrics cannot be offered for scraping")
	}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	options := []sdkmetric.Option{
		sdkmetric.WithResource(about), sdkmetric.WithReader(scraped),
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter), sdkmetric.WithCardinalityLimit(maxLabelSets),
	}
	for _, r := range s.readers {
		options = append(options, sdkmetric.WithReader(r))
	}
	t.meters = sdkmetric.NewMeterProvider(options...)
	if err := t.instruments(); err != nil {
		return err
	}
	if len(s.processors) == 0 {
		return nil
	}
	spans := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))),
	}
	for _, p := range s.processors {
		spans = append(spans, sdktrace.WithSpanProcessor(p))
	}
	t.traces = sdktrace.NewTracerProvider(spans...)
	t.tracer = t.traces.Tracer(scope)
	return nil
}

// instruments makes what the table of metrics lists.
func (t *Telemetry) instruments() error {
	meter := t.meters.Meter(scope)
	for id, row := range metrics {
		var err error
		about, unit := metric.WithDescription(row.about), metric.WithUnit(row.unit)
		switch {
		case metricID(id) == mEnvoy:
			if t.envoyStats != nil {
				_, err = meter.Int64ObservableCounter(row.name, about, unit, metric.WithInt64Callback(t.observeEnvoy))
			}
		case metricID(id) == mPolicyAge:
			if t.policyAge != nil {
				_, err = meter.Int64ObservableGauge(row.name, about, unit, metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
					if age, ok := t.policyAge(); ok {
						o.Observe(age)
					}
					return nil
				}))
			}
		case metricID(id) >= mSigned:
			if t.ledger != nil {
				_, err = meter.Int64ObservableGauge(row.name, about, unit, metric.WithInt64Callback(t.observeLedger(metricID(id))))
			}
		case row.kind == counter:
			t.counters[id], err = meter.Int64Counter(row.name, about, unit)
		case row.kind == gauge:
			value := &t.open
			if metricID(id) == mQueue {
				value = &t.queue
			}
			_, err = meter.Int64ObservableGauge(row.name, about, unit, metric.WithInt64Callback(
				func(_ context.Context, o metric.Int64Observer) error {
					o.Observe(value.Load())
					return nil
				}))
		default:
			bounds := stepBounds
			switch metricID(id) {
			case mInference, mFirstChunk:
				bounds = inferenceBounds
			case mBatch:
				bounds = batchBounds
			}
			t.histograms[id], err = meter.Float64Histogram(row.name, about, unit, metric.WithExplicitBucketBoundaries(bounds...))
		}
		if err != nil {
			return errors.New("telemetry: the metric " + row.name + " cannot be made")
		}
	}
	// A counter that must be 0 is there before it is not: an alert on a series
	// that does not exist never fires.
	t.count(mUngoverned, 0)
	for _, k := range kindsOf {
		t.count(mLost, 0, k)
	}
	return nil
}

// count adds to a counter.
func (t *Telemetry) count(id metricID, n int64, values ...string) {
	t.counters[id].Add(context.Background(), n, t.labels.of(id, values...))
}

// measure records a time.
func (t *Telemetry) measure(id metricID, d time.Duration, values ...string) {
	t.histograms[id].Record(context.Background(), d.Seconds(), t.labels.of(id, values...))
}

// Know sets the configured names that may appear from now on; call it when a
// new Snapshot is swapped in.
func (t *Telemetry) Know(n Names) {
	t.names.pools.set(n.Pools)
	t.names.models.set(n.Models)
	t.names.types.set(n.Types)
}

// Commit tells of one commit of the audit log: how many events it made durable,
// how long it took in all and for synchronisation with the disk, and how many
// calls wait for the next one.
func (t *Telemetry) Commit(events, queue int, took, sync time.Duration) {
	t.measure(mCommit, took)
	t.measure(mSync, sync)
	t.histograms[mBatch].Record(context.Background(), float64(events), t.labels.of(mBatch))
	t.queue.Store(int64(queue))
}

// Close sends what waits and ends the goroutines. It returns an error where the
// context ended first or something could not be sent.
func (t *Telemetry) Close(ctx context.Context) error {
	var failed []error
	if t.traces != nil && t.traces.Shutdown(ctx) != nil {
		failed = append(failed, errors.New("telemetry: not all traces could be sent"))
	}
	if t.meters.Shutdown(ctx) != nil {
		failed = append(failed, errors.New("telemetry: not all metrics could be sent"))
	}
	return errors.Join(failed...)
}
