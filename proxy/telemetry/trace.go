package telemetry

import (
	"go.opentelemetry.io/otel/trace"
)

// Form of a traceparent header (W3C Trace Context, section 3.2):
// version "-" trace-id "-" parent-id "-" flags, in lower-case hexadecimal.
const (
	traceparentLength = 2 + 1 + 32 + 1 + 16 + 1 + 2
	traceIDAt         = 3
	spanIDAt          = 36
	flagsAt           = 53
)

// parseTraceparent reads the header's value; what is not valid gives the zero
// context. A version later than 00 is read as 00 is, whatever follows (section
// 3.2.1); ff is not a version.
func parseTraceparent(s string) trace.SpanContext {
	var none trace.SpanContext
	if len(s) < traceparentLength || s[2] != '-' || s[spanIDAt-1] != '-' || s[flagsAt-1] != '-' {
		return none
	}
	version, ok := hexByte(s[0], s[1])
	if !ok || version == 0xff {
		return none
	}
	if len(s) > traceparentLength && (version == 0 || s[traceparentLength] != '-') {
		return none
	}
	// These two take lower case only and refuse zero; their errors are constants.
	traceID, err := trace.TraceIDFromHex(s[traceIDAt : spanIDAt-1])
	if err != nil {
		return none
	}
	spanID, err := trace.SpanIDFromHex(s[spanIDAt : flagsAt-1])
	if err != nil {
		return none
	}
	flags, ok := hexByte(s[flagsAt], s[flagsAt+1])
	if !ok {
		return none
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, Remote: true,
		TraceFlags: trace.TraceFlags(flags) & trace.FlagsSampled,
	})
}

// traceOnly makes the context of a trace of which the id alone is known: the
// exchange joins it, without a parent and by our own sampling. What is no trace
// id gives the zero context.
func traceOnly(id string) trace.SpanContext {
	traceID, err := trace.TraceIDFromHex(id)
	if err != nil {
		return trace.SpanContext{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, Remote: true})
}

func hexByte(hi, lo byte) (byte, bool) {
	h, ok := hexDigit(hi)
	if !ok {
		return 0, false
	}
	l, ok := hexDigit(lo)
	return h<<4 | l, ok
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
