package telemetry

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func TestParseTraceparent(t *testing.T) {
	const id, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for header, want := range map[string]string{
		"00-" + id + "-" + span + "-01":                      "sampled",
		"00-" + id + "-" + span + "-00":                      "not sampled",
		"00-" + id + "-" + span + "-03":                      "sampled", // bit 1 says that the id is random (level 2)
		"01-" + id + "-" + span + "-01":                      "sampled",
		"01-" + id + "-" + span + "-01-more":                 "sampled",
		"01-" + id + "-" + span + "-01more":                  "none",
		"00-" + id + "-" + span + "-01-more":                 "none",
		"ff-" + id + "-" + span + "-01":                      "none",
		"0x-" + id + "-" + span + "-01":                      "none",
		"00-" + strings.ToUpper(id) + "-" + span + "-01":     "none",
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01": "none",
		"00-" + id + "-" + strings.Repeat("0", 16) + "-01":   "none",
		"00-" + id + "-" + span + "-0":                       "none",
		"00-" + id + "-" + span + "-zz":                      "none",
		"00_" + id + "-" + span + "-01":                      "none",
		"":                                                   "none",
		"00":                                                 "none",
	} {
		got := parseTraceparent(header)
		said := "none"
		switch {
		case got.IsValid() && got.IsSampled():
			said = "sampled"
		case got.IsValid():
			said = "not sampled"
		}
		if said != want || got.IsValid() && (got.TraceID().String() != id || got.SpanID().String() != span || !got.IsRemote()) {
			t.Errorf("%q: %s, not %s", header, said, want)
		}
	}
}

// What is taken is what the header says, and OpenTelemetry's own parser agrees
// on the ids wherever both take it.
func FuzzParseTraceparent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x")
	f.Add("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")
	f.Fuzz(func(t *testing.T, s string) {
		got := parseTraceparent(s)
		if !got.IsValid() {
			if got.HasTraceID() || got.HasSpanID() || got.IsSampled() {
				t.Errorf("half a context of %q", s)
			}
			return
		}
		if s[traceIDAt:spanIDAt-1] != got.TraceID().String() || s[spanIDAt:flagsAt-1] != got.SpanID().String() || len(s) < traceparentLength {
			t.Errorf("%q was read as %s %s", s, got.TraceID(), got.SpanID())
		}
		theirs := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": s}))
		if theirs.IsValid() && (theirs.TraceID() != got.TraceID() || theirs.SpanID() != got.SpanID() || theirs.IsSampled() != got.IsSampled()) {
			t.Errorf("%q is read in two ways", s)
		}
	})
}
