package telemetry

import (
	"context"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/ostiary/ostiary/proxy"
)

// dropped takes spans and drops them: what is measured is the making.
type dropped struct{}

func (dropped) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (dropped) Shutdown(context.Context) error                             { return nil }

// BenchmarkExchange is one exchange with seven steps, two types of findings, a
// decision and an outcome. The goal is 10 µs where it is not sampled.
func BenchmarkExchange(b *testing.B) {
	for _, c := range []struct {
		name   string
		traced bool
		sample float64
	}{{"untraced", false, 0}, {"unsampled", true, 0}, {"sampled", true, 1}} {
		b.Run(c.name, func(b *testing.B) {
			o := Options{Sample: c.sample, Traceparent: func(*proxy.Head) string { return "" }}
			t := prepare(o)
			var s sinks
			if c.traced { // as with OTLP: metrics have a second reader
				s.readers = []sdkmetric.Reader{sdkmetric.NewManualReader()}
				s.processors = []sdktrace.SpanProcessor{sdktrace.NewBatchSpanProcessor(dropped{}, sdktrace.WithMaxQueueSize(spanQueue))}
			}
			if err := t.start(o, s); err != nil {
				b.Fatal(err)
			}
			defer t.Close(context.Background())
			d := decision(firstID, proxy.Reroute, "house")
			d.Findings = []proxy.FindingRecord{{Type: "EMAIL_ADDRESS", Count: 2, Likelihood: "likely"}, {Type: "US_SSN", Count: 1, Likelihood: "likely"}}
			out := outcomeOf(firstID, proxy.OutcomeRecord{Status: 200, Sent: "yes", DurationMS: 900})
			h := &proxy.Head{Received: time.Now()}
			b.ReportAllocs()
			for b.Loop() {
				ctx := t.Begin(context.Background(), h)
				for _, s := range []string{"identify", "read", "classify", "decide", "edit", "record", "record"} {
					t.Step(ctx, s)()
				}
				t.Recorded(ctx, d, nil)
				t.Recorded(ctx, out, nil)
				t.End(ctx)
			}
		})
	}
}
