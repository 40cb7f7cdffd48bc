package telemetry

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// collector is an OTLP collector that keeps what it gets, as it came.
type collector struct {
	collectortrace.UnimplementedTraceServiceServer
	url string

	mu      sync.Mutex
	spans   []*tracepb.Span
	metrics []*metricspb.Metric
	raw     []byte // everything, serialised
}

type metricsServer struct {
	collectormetrics.UnimplementedMetricsServiceServer
	c *collector
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{url: "http://" + l.Addr().String()}
	s := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(s, c)
	collectormetrics.RegisterMetricsServiceServer(s, metricsServer{c: c})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return c
}

func (c *collector) keep(m proto.Message) {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	c.raw = append(c.raw, b...)
}

func (c *collector) Export(_ context.Context, r *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(r)
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

func (m metricsServer) Export(_ context.Context, r *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	m.c.keep(r)
	for _, rm := range r.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			m.c.metrics = append(m.c.metrics, sm.Metrics...)
		}
	}
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

// labelsOf gives all names of attributes of a metric's points.
func labelsOf(m *metricspb.Metric) []string {
	var out []string
	add := func(kv []*commonpb.KeyValue) {
		for _, a := range kv {
			if !slices.Contains(out, a.Key) {
				out = append(out, a.Key)
			}
		}
	}
	for _, p := range m.GetSum().GetDataPoints() {
		add(p.Attributes)
	}
	for _, p := range m.GetGauge().GetDataPoints() {
		add(p.Attributes)
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		add(p.Attributes)
	}
	return out
}

// attribute gives a span's attribute as text, "" where it has none.
func attributeOf(s *tracepb.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			return strings.Trim(strings.TrimSpace(valueText(a.Value)), `"`)
		}
	}
	return ""
}

func valueText(v *commonpb.AnyValue) string {
	switch x := v.Value.(type) {
	case *commonpb.AnyValue_StringValue:
		return x.StringValue
	case *commonpb.AnyValue_BoolValue:
		if x.BoolValue {
			return "true"
		}
		return "false"
	default:
		return v.String()
	}
}

// observed makes a Telemetry that sends to a collector of its own. flush closes
// the one and gives the other.
func observed(t *testing.T, o Options) (tel *Telemetry, flush func() *collector) {
	t.Helper()
	c := newCollector(t)
	o.OTLP = c.url
	tel, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tel, func() *collector {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := tel.Close(ctx); err != nil {
			t.Fatal(err)
		}
		return c
	}
}
