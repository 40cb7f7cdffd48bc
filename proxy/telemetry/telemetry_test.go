package telemetry

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/ostiary/ostiary/proxy"
)

const (
	firstID  = "01JDZ7WCB4R8QZ5X6M2N9P3T1V"
	secondID = "01JDZ7WCB4R8QZ5X6M2N9P3T1W"
)

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// decision is a decision's event as the engine writes it.
func decision(id string, action proxy.Action, pool string) *proxy.Event {
	return &proxy.Event{
		V: proxy.EventVersion, ID: id, Kind: proxy.EventDecision,
		Decision: &proxy.DecisionRecord{Action: action, Pool: pool, Mode: proxy.Enforce, Reasons: []proxy.Reason{}},
		Policy:   &proxy.PolicyRecord{Config: "c1", Policies: "p1", Suite: "s1"},
		Request: &proxy.RequestRecord{
			Application: "unknown", Dialect: proxy.DialectOpenAI, Model: "gpt-5", Operation: string(proxy.OpChat), Protocol: "HTTP/1.1",
		},
	}
}

func outcomeOf(id string, o proxy.OutcomeRecord) *proxy.Event {
	return &proxy.Event{V: proxy.EventVersion, ID: secondID, DecisionID: id, Kind: proxy.EventOutcome, Outcome: &o}
}

// scrape gives the lines of /metrics without comments.
func scrape(t *testing.T, tel *Telemetry) []string {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	}
	var out []string
	for _, l := range strings.Split(w.Body.String(), "\n") {
		if l != "" && !strings.HasPrefix(l, "#") {
			out = append(out, l)
		}
	}
	return out
}

func want(t *testing.T, lines []string, expected ...string) {
	t.Helper()
	for _, e := range expected {
		if !slices.Contains(lines, e) {
			name, _, _ := strings.Cut(e, "{")
			var near []string
			for _, l := range lines {
				if strings.HasPrefix(l, name) {
					near = append(near, l)
				}
			}
			t.Errorf("no line\n\t%s\nbut\n\t%s", e, strings.Join(near, "\n\t"))
		}
	}
}

// walk plays one exchange with its steps, each of one millisecond.
func walk(tel *Telemetry, c *clock, h *proxy.Head, events ...*proxy.Event) {
	ctx := tel.Begin(context.Background(), h)
	for _, s := range []string{"identify", "read", "classify", "decide", "record"} {
		done := tel.Step(ctx, s)
		c.pass(time.Millisecond)
		done()
	}
	for _, e := range events {
		tel.Recorded(ctx, e, nil)
	}
	tel.End(ctx)
}

func TestMetrics(t *testing.T) {
	c := newClock()
	tel, err := New(context.Background(), Options{Now: c.now, Names: Names{Pools: []string{"openai", "house"}, Models: []string{"gpt-5"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Close(context.Background())

	allowed := decision(firstID, proxy.Allow, "openai")
	allowed.Request.Stream = true
	walk(tel, c, &proxy.Head{}, allowed, outcomeOf(firstID, proxy.OutcomeRecord{Status: 200, Sent: "yes", DurationMS: 1500, TTFBMS: 300}))

	rerouted := decision(firstID, proxy.Reroute, "house")
	rerouted.Findings = []proxy.FindingRecord{{Type: "EMAIL_ADDRESS", Count: 2, Likelihood: "likely"}, {Type: "US_SSN", Count: 1, Likelihood: "very_likely"}}
	walk(tel, c, &proxy.Head{}, rerouted, outcomeOf(firstID, proxy.OutcomeRecord{Status: 502, Sent: "yes", DurationMS: 20}))

	denied := decision(firstID, proxy.Deny, "")
	denied.Decision.Code = proxy.CodeDenied
	denied.Request.Dialect, denied.Request.Operation = proxy.DialectAnthropic, string(proxy.OpMessages)
	walk(tel, c, &proxy.Head{}, denied, outcomeOf(firstID, proxy.OutcomeRecord{Status: 403, Sent: "no"}))

	unknown := decision(firstID, "explode", "pool-of-nobody")
	unknown.Request.Dialect, unknown.Request.Operation, unknown.Request.Model = "klingon", "beam", "gpt-of-nobody"
	walk(tel, c, &proxy.Head{}, unknown, outcomeOf(firstID, proxy.OutcomeRecord{Status: 0, Sent: "maybe"}))

	want(t, scrape(t, tel),
		`ostiary_exchanges_total{gen_ai_operation_name="chat",ostiary_action="allow",ostiary_dialect="openai",ostiary_pool="openai"} 1`,
		`ostiary_exchanges_total{gen_ai_operation_name="chat",ostiary_action="reroute",ostiary_dialect="openai",ostiary_pool="house"} 1`,
		`ostiary_exchanges_total{gen_ai_operation_name="chat",ostiary_action="deny",ostiary_dialect="anthropic",ostiary_pool="none"} 1`,
		`ostiary_exchanges_total{gen_ai_operation_name="other",ostiary_action="other",ostiary_dialect="other",ostiary_pool="other"} 1`,
		`ostiary_exchanges_open 0`,
		`ostiary_refusals_total{ostiary_code="data_policy_denied"} 1`,
		`ostiary_findings_total{ostiary_finding_likelihood="likely",ostiary_finding_type="EMAIL_ADDRESS"} 2`,
		`ostiary_findings_total{ostiary_finding_likelihood="very_likely",ostiary_finding_type="US_SSN"} 1`,
		`ostiary_step_duration_seconds_count{ostiary_step="classify"} 4`,
		`ostiary_step_duration_seconds_bucket{ostiary_step="classify",le="0.0005"} 0`,
		`ostiary_step_duration_seconds_bucket{ostiary_step="classify",le="0.001"} 4`,
		`ostiary_decision_duration_seconds_sum{ostiary_action="allow"} 0.005`,
		`ostiary_outcomes_total{ostiary_sent="yes",ostiary_status_class="2xx"} 1`,
		`ostiary_outcomes_total{ostiary_sent="yes",ostiary_status_class="5xx"} 1`,
		`ostiary_outcomes_total{ostiary_sent="no",ostiary_status_class="4xx"} 1`,
		`ostiary_outcomes_total{ostiary_sent="other",ostiary_status_class="none"} 1`,
		`gen_ai_client_inference_duration_seconds_sum{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="gpt-5"} 1.52`,
		`gen_ai_client_inference_time_to_first_chunk_seconds_sum{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="gpt-5"} 0.3`,
		`ostiary_ungoverned_sends_total 0`,
		`audit_events_lost_total{ostiary_event_kind="decision"} 0`,
		`audit_events_lost_total{ostiary_event_kind="outcome"} 0`,
	)
}

// A release that could not be recorded becomes a refusal; three events are lost
// and one exchange is counted, as what the client saw.
func TestUnrecorded(t *testing.T) {
	tel, err := New(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Close(context.Background())
	full := errors.New("no space left")
	ctx := tel.Begin(context.Background(), &proxy.Head{})
	tel.Recorded(ctx, decision(firstID, proxy.Allow, "openai"), full)
	refusal := decision(firstID, proxy.Deny, "")
	refusal.Decision.Code = "audit_unavailable"
	tel.Recorded(ctx, refusal, full)
	tel.Recorded(ctx, outcomeOf(firstID, proxy.OutcomeRecord{Status: 403, Sent: "no"}), full)
	tel.End(ctx)
	tel.End(ctx) // once is enough

	// The second try may succeed: then it is what counts.
	ctx = tel.Begin(context.Background(), &proxy.Head{})
	tel.Recorded(ctx, decision(firstID, proxy.Allow, "openai"), full)
	tel.Recorded(ctx, refusal, nil)
	tel.Recorded(ctx, outcomeOf(firstID, proxy.OutcomeRecord{Status: 503, Sent: "no"}), nil)
	tel.End(ctx)

	// An outcome that is lost was an outcome all the same.
	ctx = tel.Begin(context.Background(), &proxy.Head{})
	tel.Recorded(ctx, decision(firstID, proxy.Allow, "openai"), nil)
	tel.Recorded(ctx, outcomeOf(firstID, proxy.OutcomeRecord{Status: 200, Sent: "yes"}), full)
	tel.End(ctx)

	lines := scrape(t, tel)
	for _, l := range lines {
		if strings.HasPrefix(l, "ostiary_outcomes_total") && strings.Contains(l, `"4xx"`) {
			t.Errorf("the status of a refusal that was not carried out: %s", l)
		}
	}
	want(t, lines,
		`audit_events_lost_total{ostiary_event_kind="decision"} 3`,
		`audit_events_lost_total{ostiary_event_kind="outcome"} 2`,
		`ostiary_refusals_total{ostiary_code="audit_unavailable"} 2`,
		`ostiary_exchanges_total{gen_ai_operation_name="chat",ostiary_action="deny",ostiary_dialect="openai",ostiary_pool="none"} 2`,
		`ostiary_exchanges_total{gen_ai_operation_name="chat",ostiary_action="allow",ostiary_dialect="openai",ostiary_pool="openai"} 1`,
		`ostiary_outcomes_total{ostiary_sent="no",ostiary_status_class="5xx"} 2`,
		`ostiary_outcomes_total{ostiary_sent="yes",ostiary_status_class="2xx"} 1`,
		`ostiary_exchanges_open 0`,
	)
}

func TestProcessEvents(t *testing.T) {
	stats := map[string]uint64{
		"http.front.ext_proc.ostiary.streams_failed":    3,
		"http.back.ext_proc.ostiary.streams_failed":     4,
		"http.front.ext_proc.other.streams_failed":      100,
		"ext_proc_message_timeouts":                     0,
		"http.front.rbac.denied":                        5,
		"http.front.notrbac.denied":                     100,
		"rq_direct_response":                            6,
		"listener.0.0.0.0_8080.no_filter_chain_match":   7,
		"cluster.maria_lindqvist.upstream_cx_total":     100,
		"http.front.ext_proc.ostiary.streams_failed.x":  100,
		"http.front.ext_proc.ostiary.message_timeouts2": 100,
	}
	tel, err := New(context.Background(), Options{Envoy: func(ctx context.Context) map[string]uint64 {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the counters are asked for without a deadline")
		}
		return stats
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Close(context.Background())
	ctx := context.Background()
	tel.Recorded(ctx, &proxy.Event{Kind: proxy.EventGap, Admin: &proxy.AdminRecord{Action: "ungoverned", Detail: "x"}}, nil)
	tel.Recorded(ctx, &proxy.Event{Kind: proxy.EventAdmin, Admin: &proxy.AdminRecord{Action: "reload_failed"}}, nil)
	tel.Recorded(ctx, &proxy.Event{Kind: proxy.EventAdmin, Admin: &proxy.AdminRecord{Action: "dance"}}, nil)
	seen := &proxy.Event{Kind: proxy.EventConnection, Connection: &proxy.ConnectionRecord{Way: proxy.WayProxy, Passage: "refused", Kind: "look_alike", Count: 3, Domain: "x.example"}}
	tel.Recorded(ctx, seen, nil)
	tel.Recorded(ctx, seen, errors.New("not durable: it is counted again"))
	tel.Step(ctx, "record")() // of no exchange
	tel.Step(ctx, "dance")()
	tel.End(ctx)
	tel.Commit(12, 34, 3*time.Millisecond, 2*time.Millisecond)

	lines := scrape(t, tel)
	want(t, lines,
		`ostiary_ungoverned_sends_total 1`,
		`ostiary_admin_events_total{ostiary_admin_action="ungoverned"} 1`,
		`ostiary_admin_events_total{ostiary_admin_action="reload_failed"} 1`,
		`ostiary_admin_events_total{ostiary_admin_action="other"} 1`,
		`ostiary_connections_total{ostiary_connection_kind="look_alike",ostiary_connection_passage="refused",ostiary_connection_way="proxy"} 3`,
		`ostiary_step_duration_seconds_count{ostiary_step="record"} 1`,
		`ostiary_step_duration_seconds_count{ostiary_step="other"} 1`,
		`ostiary_audit_commit_duration_seconds_sum 0.003`,
		`ostiary_audit_sync_duration_seconds_sum 0.002`,
		`ostiary_audit_commit_events_bucket{le="16"} 1`,
		`ostiary_audit_queue 34`,
		`ostiary_envoy_alarms_total{ostiary_envoy_stat="ext_proc_streams_failed"} 7`,
		`ostiary_envoy_alarms_total{ostiary_envoy_stat="ext_proc_message_timeouts"} 0`,
		`ostiary_envoy_alarms_total{ostiary_envoy_stat="rbac_denied"} 5`,
		`ostiary_envoy_alarms_total{ostiary_envoy_stat="direct_responses"} 6`,
		`ostiary_envoy_alarms_total{ostiary_envoy_stat="no_filter_chain_match"} 7`,
	)
	stats = nil
	for _, l := range scrape(t, tel) {
		if strings.HasPrefix(l, "ostiary_envoy_alarms") {
			t.Errorf("Envoy is silent and yet: %s", l)
		}
	}
}

func TestSpans(t *testing.T) {
	const parent = "0af7651916cd43dd8448eb211c80319c"
	header := ""
	c := newClock()
	tel, flush := observed(t, Options{
		Now: c.now, Sample: 1, Service: "gate", Version: "1.2.3", Instance: "a1", Names: Names{Pools: []string{"house"}, Models: []string{"gpt-5"}},
		Traceparent: func(*proxy.Head) string { return header },
	})
	header = "00-" + parent + "-b7ad6b7169203331-01"
	e := decision(firstID, proxy.Reroute, "house")
	e.Request.Stream = true
	e.Decision.Masked = 2
	e.Findings = []proxy.FindingRecord{{Type: "EMAIL_ADDRESS", Count: 2, Likelihood: "likely"}}
	walk(tel, c, &proxy.Head{}, e, outcomeOf(firstID, proxy.OutcomeRecord{Status: 200, Sent: "yes", TTFBMS: 250}))
	header = "00-" + strings.Repeat("1", 32) + "-b7ad6b7169203331-00" // the caller does not trace
	walk(tel, c, &proxy.Head{}, decision(secondID, proxy.Allow, "house"))
	header = "00-00000000000000000000000000000000-b7ad6b7169203331-01" // not valid: a trace of our own
	bad := decision(secondID, proxy.Deny, "")
	bad.Decision.Code = proxy.CodeDenied
	bad.Request.Trace = strings.Repeat("2", 32) // all that is known of the caller's trace
	walk(tel, c, &proxy.Head{}, bad, outcomeOf(secondID, proxy.OutcomeRecord{Status: 403, Sent: "no"}))

	got := flush()
	roots := 0
	for _, s := range got.spans {
		trace := hex.EncodeToString(s.TraceId)
		switch {
		case trace == strings.Repeat("1", 32):
			t.Error("an exchange was traced although its caller said no")
		case s.Name == "chat gpt-5" && trace == parent:
			roots++
			if hex.EncodeToString(s.ParentSpanId) != "b7ad6b7169203331" {
				t.Errorf("parent %x", s.ParentSpanId)
			}
			for name, value := range map[string]string{
				attrOperation: "chat", attrProvider: "openai", attrModel: "gpt-5", attrStream: "true", attrAction: "reroute", attrPool: "house",
				attrDecision: firstID, attrMode: "enforce", attrPolicies: "p1", attrSent: "yes", attrDialect: "openai", attrCode: "", attrError: "",
				attrFindings: "int_value:2", attrStatus: "int_value:200", attrFirstChunk: "double_value:0.25", attrMasked: "int_value:2",
			} {
				if v := attributeOf(s, name); v != value {
					t.Errorf("%s is %q, not %q", name, v, value)
				}
			}
			if d := s.EndTimeUnixNano - s.StartTimeUnixNano; d != uint64(5*time.Millisecond) {
				t.Errorf("the exchange took %d ns", d)
			}
		case s.Name == "chat gpt-5":
			roots++
			if trace != strings.Repeat("2", 32) || len(s.ParentSpanId) != 0 || attributeOf(s, attrCode) != "data_policy_denied" || attributeOf(s, attrError) != "data_policy_denied" || s.GetStatus().GetCode() != 0 {
				t.Errorf("refusal: %v", s)
			}
		case slices.Contains(steps, s.Name):
			if d := s.EndTimeUnixNano - s.StartTimeUnixNano; d != uint64(time.Millisecond) || len(s.ParentSpanId) == 0 || len(s.Attributes) != 0 {
				t.Errorf("step %s: %d ns, parent %x", s.Name, d, s.ParentSpanId)
			}
		default:
			t.Errorf("a span %q", s.Name)
		}
	}
	if roots != 2 || len(got.spans) != 2+2*5 {
		t.Errorf("%d exchanges, %d spans", roots, len(got.spans))
	}
	for _, s := range []string{"gate", "1.2.3", "a1"} {
		if !strings.Contains(string(got.raw), s) {
			t.Errorf("the resource lacks %q", s)
		}
	}
}

const canary = "canary Märia.Lindqvist@example.com 4111111111111111"

// poison writes the canary into every string that v reaches. words says with
// what.
func poison(v reflect.Value, word func(path string) string, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		poison(v.Elem(), word, path)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				poison(v.Field(i), word, path+"."+v.Type().Field(i).Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			poison(v.Index(i), word, path)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		poison(key, word, path)
		poison(value, word, path)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(word(path))
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// Whatever strings the engine hands over, nothing leaves that the table does not
// name: not by a scrape, not by OTLP, not in the log.
func TestNothingElseGetsOut(t *testing.T) {
	for name, word := range map[string]func(path string) string{
		// As text of a client looks: not one string of it may leave.
		"content": func(string) string { return canary },
		// As a name looks: only what no list can close may leave, which is the
		// policy authors' refusal codes and the digest of the policies.
		"names": func(path string) string {
			switch path {
			case ".Decision.Code":
				return "some_code"
			case ".Policy.Policies":
				return "sha256:0123"
			case ".ID":
				return firstID
			}
			return "canary-4111111111111111"
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			tel, flush := observed(t, Options{
				Sample: 1, Names: Names{Pools: []string{"house"}, Models: []string{"gpt-5"}, Types: []string{"US_SSN"}},
				Traceparent: func(*proxy.Head) string { return word("") },
				Envoy:       func(context.Context) map[string]uint64 { return map[string]uint64{word(""): 1, "x." + word(""): 2} },
				Ready:       func() []string { return []string{canary} },
				Log:         Logger(&log, nil, true),
			})
			text := proxy.NewText(canary)
			head := &proxy.Head{
				Method: canary, Authority: canary, Path: text, Protocol: canary, Peer: proxy.Peer{ServerName: canary},
				Header: []proxy.Field{{Name: "traceparent", Value: text}, {Name: canary, Value: text}},
			}
			for _, kind := range []string{proxy.EventDecision, proxy.EventOutcome, proxy.EventAdmin, proxy.EventGap, canary} {
				for _, err := range []error{nil, errors.New(canary)} {
					ctx := tel.Begin(context.Background(), head)
					tel.Step(ctx, word(""))()
					e := &proxy.Event{}
					poison(reflect.ValueOf(e).Elem(), word, "")
					e.Kind = proxy.EventDecision
					tel.Recorded(ctx, e, err)
					e.Kind = kind
					tel.Recorded(ctx, e, err)
					e.Outcome.Status = 7777
					tel.Recorded(ctx, e, err)
					tel.End(ctx)
				}
			}
			scraped := strings.Join(scrape(t, tel), "\n")
			w := httptest.NewRecorder()
			tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
			got := flush()
			for where, said := range map[string]string{"scrape": scraped, "OTLP": string(got.raw), "log": log.String(), "readyz": w.Body.String()} {
				if strings.Contains(said, "canary") || strings.Contains(said, "4111") || strings.Contains(said, "Lindqvist") {
					t.Errorf("the canary is in the %s", where)
				}
			}
			if len(got.spans) == 0 || len(got.metrics) == 0 || !strings.Contains(scraped, `ostiary_pool="other"`) {
				t.Fatalf("%d spans, %d metrics: the test saw nothing", len(got.spans), len(got.metrics))
			}
			for _, s := range got.spans {
				for _, a := range s.Attributes {
					if !slices.Contains(spanAttributes, a.Key) {
						t.Errorf("the span attribute %q is not in the table", a.Key)
					}
				}
				if len(s.Events) != 0 || len(s.Links) != 0 || s.TraceState != "" {
					t.Error("a span has events, links or a state")
				}
			}
			for _, m := range got.metrics {
				i := slices.IndexFunc(metrics[:], func(r metricRow) bool { return r.name == m.Name })
				if i < 0 {
					t.Errorf("the metric %q is not in the table", m.Name)
					continue
				}
				for _, l := range labelsOf(m) {
					if !slices.Contains(metrics[i].labels, l) {
						t.Errorf("%s: the label %q is not in the table", m.Name, l)
					}
				}
			}
		})
	}
}

// Labels have a bound of distinct values, whatever comes.
func TestLabelsAreBounded(t *testing.T) {
	tel, err := New(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Close(context.Background())
	c := newClock()
	for i := range 3 * maxValues {
		e := decision(firstID, proxy.Deny, fmt.Sprintf("pool-%d", i))
		e.Decision.Code = fmt.Sprintf("code_%d", i)
		e.Findings = []proxy.FindingRecord{{Type: fmt.Sprintf("TYPE_%d", i), Count: 1, Likelihood: "likely"}}
		walk(tel, c, &proxy.Head{}, e)
	}
	count := map[string]int{}
	for _, l := range scrape(t, tel) {
		name, _, _ := strings.Cut(l, "{")
		count[name]++
	}
	for _, name := range []string{"ostiary_exchanges_total", "ostiary_refusals_total", "ostiary_findings_total"} {
		if count[name] != maxValues+1 {
			t.Errorf("%s has %d series, not %d and one for others", name, count[name], maxValues)
		}
	}
}

// Names that a reload takes away are "other" from then on; new ones appear.
func TestKnow(t *testing.T) {
	d := newDomain("ostiary")
	d.set([]string{"a", "b"})
	got := []string{d.of("a"), d.of("c"), d.of("ostiary"), d.of("")}
	d.set([]string{"c"})
	got = append(got, d.of("a"), d.of("c"))
	d.set(nil)
	got = append(got, d.of("a"), d.of("d"), d.of("two words"), d.of("a@b.example"), d.of("ä"), d.of(strings.Repeat("a", maxValueLength+1)))
	expected := []string{"a", "other", "ostiary", "none", "other", "c", "a", "d", "other", "other", "other", "other"}
	if !slices.Equal(got, expected) {
		t.Errorf("got %q\nnot %q", got, expected)
	}
}

func TestReady(t *testing.T) {
	for _, c := range []struct {
		path   string
		waits  []string
		status int
		body   string
	}{
		{"/healthz", []string{"envoy"}, 200, "ok\n"},
		{"/readyz", nil, 200, "ready\n"},
		{"/readyz", []string{"envoy", "audit"}, 503, "envoy\naudit\n"},
		{"/readyz", []string{"a sentence with spaces"}, 503, "other\n"},
		{"/other", nil, 404, "404 page not found\n"},
	} {
		tel, err := New(context.Background(), Options{Ready: func() []string { return c.waits }})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
		body, _ := io.ReadAll(w.Body)
		if w.Code != c.status || string(body) != c.body {
			t.Errorf("%s %v: %d %q", c.path, c.waits, w.Code, body)
		}
		if err := tel.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{Sample: -0.1}, {Sample: 1.1}, {OTLP: "collector:4317"}, {OTLP: "ftp://collector:4317"}, {OTLP: "https://"}, {OTLP: "http://user:secret@%zz"},
	} {
		_, err := New(context.Background(), o)
		if err == nil {
			t.Errorf("%v %q was taken", o.Sample, o.OTLP)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Error("the error quotes the address")
		}
	}
}

// brokenExporter fails while it is broken.
type brokenExporter struct {
	sdktrace.SpanExporter
	broken bool
}

func (e *brokenExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	if e.broken {
		return errors.New("answer of a collector")
	}
	return nil
}

// An outage is counted each time and said once, as is its end.
func TestExportFailures(t *testing.T) {
	var log strings.Builder
	tel := prepare(Options{})
	if err := tel.start(Options{}, sinks{}); err != nil {
		t.Fatal(err)
	}
	defer tel.Close(context.Background())
	e := &brokenExporter{broken: true}
	s := &spanSink{SpanExporter: e, failures: tel.failures("traces", Logger(&log, nil, false))}
	for range 3 {
		if err := s.ExportSpans(context.Background(), nil); err != nil {
			t.Error("the SDK is told of the error and writes it to standard error")
		}
	}
	e.broken = false
	for range 2 {
		_ = s.ExportSpans(context.Background(), nil)
	}
	want(t, scrape(t, tel), `ostiary_telemetry_export_failures_total{ostiary_signal="traces"} 3`)
	if n := strings.Count(log.String(), "\n"); n != 2 || strings.Contains(log.String(), "answer of") {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}

// A collector that is not there costs spans, never an exchange: more exchanges
// than the queue holds go through, and Close gives up with its context.
func TestDeadCollector(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	tel, err := New(context.Background(), Options{Sample: 1, OTLP: address})
	if err != nil {
		t.Fatal(err)
	}
	const n = spanQueue + spanBatch
	for range n {
		ctx := tel.Begin(context.Background(), &proxy.Head{})
		tel.Recorded(ctx, decision(firstID, proxy.Deny, ""), nil)
		tel.End(ctx)
	}
	want(t, scrape(t, tel), fmt.Sprintf(`ostiary_exchanges_total{gen_ai_operation_name="chat",ostiary_action="deny",ostiary_dialect="openai",ostiary_pool="none"} %d`, n))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if tel.Close(ctx) == nil {
		t.Error("all was sent to nobody")
	}
}

// Observers are called from many goroutines at once; what is counted adds up.
func TestConcurrency(t *testing.T) {
	const workers, each = 8, 50
	tel, flush := observed(t, Options{Sample: 1})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				ctx := tel.Begin(context.Background(), &proxy.Head{})
				tel.Step(ctx, "read")()
				tel.Recorded(ctx, decision(firstID, proxy.Allow, fmt.Sprintf("pool-%d", w)), nil)
				ended := make(chan struct{})
				go func() { // as the engine's drain does
					defer close(ended)
					tel.Recorded(ctx, outcomeOf(firstID, proxy.OutcomeRecord{Status: 200, Sent: "yes"}), nil)
					tel.End(ctx)
				}()
				tel.Know(Names{})
				<-ended
			}
		})
	}
	wg.Wait()
	want(t, scrape(t, tel),
		fmt.Sprintf(`ostiary_outcomes_total{ostiary_sent="yes",ostiary_status_class="2xx"} %d`, workers*each),
		fmt.Sprintf(`ostiary_step_duration_seconds_count{ostiary_step="read"} %d`, workers*each),
		`ostiary_exchanges_open 0`)
	if n := len(flush().spans); n != workers*each*2 {
		t.Errorf("%d spans", n)
	}
}
