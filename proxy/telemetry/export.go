package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// failures counts failed exports of one signal and says so once per outage. The
// SDK would hand each error to a global handler, which writes it to standard
// error; ours neither is global nor repeats itself.
type failures struct {
	t      *Telemetry
	signal string
	log    *slog.Logger
	failed atomic.Bool // the last export
}

func (t *Telemetry) failures(signal string, log *slog.Logger) *failures {
	return &failures{t: t, signal: signal, log: log}
}

// note takes the result of an export.
func (f *failures) note(ctx context.Context, err error) {
	if err == nil {
		if f.failed.Swap(false) && f.log != nil {
			f.log.LogAttrs(ctx, slog.LevelInfo, "telemetry is sent again", slog.String("signal", f.signal))
		}
		return
	}
	f.t.count(mExport, 1, f.signal)
	if !f.failed.Swap(true) && f.log != nil {
		// Not the error: it may quote an answer of the collector.
		f.log.LogAttrs(ctx, slog.LevelWarn, "telemetry cannot be sent", slog.String("signal", f.signal))
	}
}

// spanSink is an exporter of spans whose failures are counted.
type spanSink struct {
	sdktrace.SpanExporter
	failures *failures
}

// ExportSpans implements [sdktrace.SpanExporter].
func (s *spanSink) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	s.failures.note(ctx, s.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

// pointSink is an exporter of metrics whose failures are counted.
type pointSink struct {
	sdkmetric.Exporter
	failures *failures
}

// Export implements [sdkmetric.Exporter].
func (s *pointSink) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	s.failures.note(ctx, s.Exporter.Export(ctx, m))
	return nil
}
