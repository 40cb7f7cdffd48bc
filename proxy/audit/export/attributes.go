package export

import (
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Attr is an attribute of an OpenTelemetry log record: a string, or a number.
type Attr struct {
	Key    string
	String string
	Int    int64
	IsInt  bool
}

// LogAttributes gives the attributes of the log record of an event. There is no content
// among them, no fingerprint and nobody's name. Names of the gen_ai namespace are those
// of the semantic conventions for generative AI, in development as of core 1.42; what
// these have no name for stands below ostiary. An attribute without a value is left out.
func LogAttributes(ev *proxy.Event) []Attr {
	var out []Attr
	text := func(key, value string) {
		if value != "" {
			out = append(out, Attr{Key: key, String: value})
		}
	}
	number := func(key string, n int64) { out = append(out, Attr{Key: key, Int: n, IsInt: true}) }
	text("audit.log.origin", ev.Origin)
	text("ostiary.kind", ev.Kind)
	text("ostiary.id", ev.ID)
	text("ostiary.decision_id", decisionOf(ev))
	if r := ev.Request; r != nil {
		text("ostiary.application", r.Application)
		text("gen_ai.operation.name", r.Operation)
		text("gen_ai.request.model", r.Model)
	}
	if d := ev.Decision; d != nil {
		text("ostiary.action", string(d.Action))
		text("ostiary.code", d.Code)
		text("ostiary.mode", string(d.Mode))
		text("ostiary.pool.asked", d.Asked)
		text("ostiary.pool", d.Pool)
		text("ostiary.pool.boundary", poolOf(d).Boundary)
		text("ostiary.pool.jurisdiction", poolOf(d).Jurisdiction)
		text("ostiary.rules", strings.Join(rules(d), ","))
		text("ostiary.finding.types", strings.Join(types(ev), ","))
		text("ostiary.finding.groups", strings.Join(groups(ev), ","))
		number("ostiary.findings", findings(ev))
		number("ostiary.masked", int64(d.Masked))
		if d.Facts != nil {
			text("ostiary.team", d.Facts.Principal.Team)
		}
	}
	if o := ev.Outcome; o != nil {
		text("ostiary.sent", o.Sent)
		text("ostiary.outcome.reason", o.Reason)
		number("ostiary.duration_ms", o.DurationMS)
	}
	if a := ev.Admin; a != nil {
		text("ostiary.admin.action", a.Action)
		text("ostiary.admin.code", a.Code)
		text("ostiary.admin.role", a.Role)
		number("ostiary.admin.count", a.Count)
	}
	if n, ok := status(ev); ok {
		number("http.response.status_code", n)
	}
	return out
}
