// Package otlp ships the audit log to an OpenTelemetry collector, or whatever
// else takes OTLP logs: protobuf over HTTP, compressed.
//
// Each event becomes a log record: its time, a severity (deny and gaps WARN,
// everything else INFO), the event name ostiary.KIND, the trace id of the request,
// the core as its body, and attributes of which none holds content, a person or a
// fingerprint:
//
//	audit.log.origin, audit.log.index, audit.log.leaf   what it is, and the leaf hash in hex
//	ostiary.id, ostiary.decision_id, ostiary.kind, ostiary.action, ostiary.code, ostiary.mode,
//	ostiary.pool.asked, ostiary.pool, ostiary.application, ostiary.team, ostiary.sent,
//	ostiary.finding.types, ostiary.finding.groups, ostiary.rules
//	gen_ai.operation.name, gen_ai.request.model, http.response.status_code
//
// OTLP has no way to say that a record came before: where a batch is sent again,
// whoever stores records keeps one for each (audit.log.origin, audit.log.index). A
// collector answers when it has taken a batch into its queue; give it a queue on
// disk (file_storage), or what it took is lost with it.
package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit/ship"
)

const (
	defaultPath = "/v1/logs"
	scopeName   = "github.com/ostiary/ostiary/proxy/audit"
	serviceName = "ostiary"
	answerLimit = 1 << 20 // bytes of an answer that are read
	traceHex    = 32
)

// Options say where records go.
type Options struct {
	// URL of the collector, https://HOST:4318 for instance. Without a path it gets
	// /v1/logs.
	URL string
	// Headers gives what is added to each request, such as an authorisation; nil
	// for none. It is asked at each request. What it gives is never told.
	Headers func() (http.Header, error)
	// Client makes the requests, nil for one that honours a proxy of the
	// environment.
	Client *http.Client
	// NoBody leaves the core out. Records are then no longer provable by
	// themselves.
	NoBody bool
	// Service is the resource's service.name, empty for "ostiary".
	Service string

	now func() time.Time
}

// Sink is a collector. It is for one goroutine, as ship calls it.
type Sink struct {
	opt Options
	url string
}

var _ ship.Sink = (*Sink)(nil)

// New gives a sink. It does not connect.
func New(o Options) (*Sink, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, errors.New("otlp: the URL must be http[s]://HOST[:PORT][/PATH], without user and password")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = defaultPath
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = &client
	if o.Service == "" {
		o.Service = serviceName
	}
	if o.now == nil {
		o.now = time.Now
	}
	return &Sink{opt: o, url: u.String()}, nil
}

// Ship posts the batch. Where the collector takes a part of it only, it does not
// say which records those are: the batch then counts as refused, and comes again
// in parts until the record that is refused is alone.
func (s *Sink) Ship(ctx context.Context, b ship.Batch) error {
	plain, err := proto.Marshal(s.request(b))
	if err != nil {
		return ship.Refuse(-1, "it cannot be written as protobuf")
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	_, err = z.Write(plain)
	if err = errors.Join(err, z.Close()); err != nil {
		return ship.Fail(ship.KindOther, "a batch cannot be compressed")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, &body)
	if err != nil {
		return ship.Fail(ship.KindOther, "the request cannot be made")
	}
	if s.opt.Headers != nil {
		h, err := s.opt.Headers()
		if err != nil {
			return ship.Fail(ship.Credentials, "the headers' secret cannot be read")
		}
		for name, values := range h {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := s.opt.Client.Do(req)
	if err != nil {
		return ship.Network(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	if err != nil {
		return ship.Network(err)
	}
	if resp.StatusCode != http.StatusOK {
		return ship.HTTPStatus(resp)
	}
	var out collogs.ExportLogsServiceResponse
	if len(answer) > answerLimit || proto.Unmarshal(answer, &out) != nil {
		return ship.Fail(ship.Unsupported, "what answers does not speak OTLP")
	}
	if n := out.GetPartialSuccess().GetRejectedLogRecords(); n > 0 {
		return ship.Refuse(-1, fmt.Sprintf("the collector refused %d of %d", n, len(b.Records)))
	}
	return nil
}

// request makes the message of a batch.
func (s *Sink) request(b ship.Batch) *collogs.ExportLogsServiceRequest {
	records := make([]*logs.LogRecord, 0, len(b.Records))
	now := uint64(s.opt.now().UnixNano())
	for _, r := range b.Records {
		l := record(b.Origin, r)
		l.ObservedTimeUnixNano = now
		if !s.opt.NoBody {
			l.Body = text(string(r.Core))
		}
		records = append(records, l)
	}
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: text(s.opt.Service)}, {Key: "service.instance.id", Value: text(b.Origin)}}},
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: scopeName}, LogRecords: records}},
	}}}
}

func record(origin string, r ship.Record) *logs.LogRecord {
	d, _ := ship.Describe(r)
	leaf := ship.Leaf(r.Core)
	l := &logs.LogRecord{SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_INFO, SeverityText: "INFO", EventName: "ostiary." + d.Kind}
	if d.Kind == "" {
		l.EventName = "ostiary.unknown"
	}
	if d.Action == string(proxy.Deny) || d.Kind == proxy.EventGap {
		l.SeverityNumber, l.SeverityText = logs.SeverityNumber_SEVERITY_NUMBER_WARN, "WARN"
	}
	if y := d.Time.Year(); !d.Time.IsZero() && y > 1970 && y < 2262 { // what nanoseconds hold
		l.TimeUnixNano = uint64(d.Time.UnixNano())
	}
	l.TraceId = trace(r.Core)
	l.Attributes = []*common.KeyValue{
		{Key: "audit.log.origin", Value: text(origin)},
		{Key: "audit.log.index", Value: number(r.Index)},
		{Key: "audit.log.leaf", Value: text(hex.EncodeToString(leaf[:]))},
	}
	for _, a := range []struct{ key, value string }{
		{"ostiary.id", d.ID}, {"ostiary.decision_id", d.Decision}, {"ostiary.kind", d.Kind}, {"ostiary.action", d.Action}, {"ostiary.code", d.Code}, {"ostiary.mode", d.Mode},
		{"ostiary.pool.asked", d.Asked}, {"ostiary.pool", d.Pool}, {"ostiary.application", d.Application}, {"ostiary.team", d.Team}, {"ostiary.sent", d.Sent},
		{"gen_ai.operation.name", d.Operation}, {"gen_ai.request.model", d.Model},
	} {
		if a.value != "" {
			l.Attributes = append(l.Attributes, &common.KeyValue{Key: a.key, Value: text(a.value)})
		}
	}
	for _, a := range []struct {
		key  string
		list []string
	}{{"ostiary.finding.types", d.Types}, {"ostiary.finding.groups", d.Groups}, {"ostiary.rules", d.Rules}} {
		if len(a.list) > 0 {
			l.Attributes = append(l.Attributes, &common.KeyValue{Key: a.key, Value: list(a.list)})
		}
	}
	if d.Status > 0 {
		l.Attributes = append(l.Attributes, &common.KeyValue{Key: "http.response.status_code", Value: number(d.Status)})
	}
	return l
}

// trace gives the trace id of an event's request, nil where it has none.
func trace(core []byte) []byte {
	var ev struct {
		Request struct {
			Trace string `json:"trace"`
		} `json:"request"`
	}
	if json.Unmarshal(core, &ev) != nil || len(ev.Request.Trace) != traceHex {
		return nil
	}
	id, err := hex.DecodeString(ev.Request.Trace)
	if err != nil || bytes.Equal(id, make([]byte, traceHex/2)) {
		return nil
	}
	return id
}

// text is a string; protobuf takes valid UTF-8 alone.
func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(s, "\ufffd")}}
}

func number(n int64) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}}
}

func list(of []string) *common.AnyValue {
	var out common.ArrayValue
	for _, s := range of {
		out.Values = append(out.Values, text(s))
	}
	return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &out}}
}

// Close ends idle connections.
func (s *Sink) Close() error {
	s.opt.Client.CloseIdleConnections()
	return nil
}
