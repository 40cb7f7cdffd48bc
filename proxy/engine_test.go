package proxy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// house is every room at once, in the smallest form. A func field that is set
// replaces the room's answer.
type house struct {
	mu       sync.Mutex
	events   []*proxy.Event
	read     func() (proxy.Document, error)
	classify func(context.Context) (proxy.Report, error)
	decide   func(context.Context, *proxy.Facts) (proxy.Verdict, error)
	record   func(context.Context) error
	identify func() (proxy.Principal, error)
	choose   func(*proxy.Exchange, *proxy.Verdict) proxy.Choice
	edit     func([]proxy.Edit, string) ([]byte, error)
}

var (
	external = &proxy.Pool{Name: "openai", Boundary: proxy.External, Dialects: []string{"openai"}, Credential: proxy.CredentialPool}
	internal = &proxy.Pool{Name: "house", Boundary: proxy.Internal, Dialects: []string{"openai"}}
)

func (h *house) snapshot(mode proxy.Mode) *proxy.Snapshot {
	return &proxy.Snapshot{Dialects: h, Classifier: h, Stater: h, Decider: h, Chooser: chooser{h}, Identifier: h, Masker: h, Mode: mode, Revision: "config-1"}
}

func (h *house) Route(method string, path proxy.Text) proxy.Route {
	if path.Reveal() == "/health" {
		return proxy.Route{Dialect: proxy.DialectNone, Operation: proxy.OpHealth, Path: path}
	}
	if path.Reveal() == "/v1/models" {
		return proxy.Route{Dialect: "openai", Operation: proxy.OpModels, Path: path}
	}
	return proxy.Route{Dialect: "openai", Operation: proxy.OpChat, Path: path}
}

func (h *house) Read(r proxy.Route, _ *proxy.Head, body []byte) (proxy.Document, error) {
	if h.read != nil {
		return h.read()
	}
	return &document{house: h, body: body}, nil
}

func (h *house) Refuse(_ proxy.Route, f proxy.Refusal) proxy.Answer {
	b, _ := json.Marshal(map[string]string{"code": f.Code, "id": f.DecisionID, "message": f.Message})
	return proxy.Answer{Status: f.Status, Body: b}
}

func (h *house) Models(proxy.Route, *proxy.Head, []proxy.ModelEntry) proxy.Answer {
	return proxy.Answer{Status: 200, Body: []byte("models")}
}

func (h *house) Classify(ctx context.Context, segments []proxy.Segment) (proxy.Report, error) {
	if h.classify != nil {
		return h.classify(ctx)
	}
	var r proxy.Report
	for i, s := range segments {
		if at := strings.Index(s.Text.Reveal(), "a@b.org"); at >= 0 {
			r.Findings = append(r.Findings, proxy.Finding{Segment: i, Start: at, End: at + 7, Type: "EMAIL_ADDRESS", Groups: []string{"personal"}, Likelihood: proxy.Likely})
		}
	}
	return r, nil
}

func (h *house) Decide(ctx context.Context, f *proxy.Facts) (proxy.Verdict, error) {
	if h.decide != nil {
		return h.decide(ctx, f)
	}
	return proxy.Verdict{Action: proxy.Allow}, nil
}
func (h *house) Revision() string { return "r1" }

func (h *house) Facts(in *proxy.Inspection) (proxy.Facts, error) {
	return proxy.Facts{Version: 1, Request: proxy.RequestFacts{Segments: len(in.Prompt.Segments), Model: proxy.Other}}, nil
}

func (h *house) Describe(in *proxy.Inspection, ev *proxy.Event) {
	ev.Request = &proxy.RequestRecord{Bytes: in.Bytes}
}

// chooser is the part of the house whose methods are named like another room's.
type chooser struct{ *house }

func (h chooser) Models() []proxy.ModelEntry { return nil }

func (h chooser) Named(path proxy.Text) (string, proxy.Text, bool) {
	if rest, ok := strings.CutPrefix(path.Reveal(), "/house/"); ok {
		return "house", proxy.NewText("/" + rest), true
	}
	return "", path, false
}

func (h chooser) Ask(*proxy.Exchange, *proxy.Prompt) (string, string) { return "openai", "dialect" }

func (h chooser) Choose(x *proxy.Exchange, _ *proxy.Prompt, _ int, v *proxy.Verdict) proxy.Choice {
	if h.choose != nil {
		return h.choose(x, v)
	}
	if v.Constrained && slices.Contains(v.Pools, "house") || x.Asked == "house" {
		return proxy.Choice{Pool: internal, Model: "qwen"}
	}
	return proxy.Choice{Pool: external}
}

func (h *house) Identify(*proxy.Head) (proxy.Principal, error) {
	if h.identify != nil {
		return h.identify()
	}
	return proxy.Principal{Method: "peer", Strip: []string{"x-app"}}, nil
}

func (h *house) Mask(_ []proxy.Segment, findings []proxy.Finding) []proxy.Edit {
	var out []proxy.Edit
	for _, f := range findings {
		out = append(out, proxy.Edit{Segment: f.Segment, Start: f.Start, End: f.End, With: "[" + f.Type + "_1]"})
	}
	return out
}

func (h *house) Record(ctx context.Context, events ...*proxy.Event) error {
	if h.record != nil {
		if err := h.record(ctx); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, events...)
	return nil
}

func (h *house) kinds() (decisions, outcomes []*proxy.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		switch e.Kind {
		case proxy.EventDecision:
			decisions = append(decisions, e)
		case proxy.EventOutcome:
			outcomes = append(outcomes, e)
		}
	}
	return decisions, outcomes
}

// document is a body that is one segment; a body in capitals cannot be edited.
type document struct {
	house *house
	body  []byte
	fixed bool
}

func (d *document) Prompt() *proxy.Prompt {
	return &proxy.Prompt{Segments: []proxy.Segment{{Text: proxy.NewText(string(d.body)), Role: proxy.RoleUser, Fixed: d.fixed}}, Model: proxy.NewText("m")}
}
func (d *document) Encoding() string { return "" }
func (d *document) Body(edits []proxy.Edit, model string) ([]byte, error) {
	if d.house.edit != nil {
		return d.house.edit(edits, model)
	}
	out := string(d.body)
	for _, e := range edits {
		out = out[:e.Start] + e.With + out[e.End:]
	}
	return []byte(out + model), nil
}

func post(path string) proxy.Head {
	return proxy.Head{Method: "POST", Path: proxy.NewText(path), Protocol: "HTTP/1.1"}
}

// run plays one whole exchange and returns the final ruling.
func run(t *testing.T, h *house, mode proxy.Mode, head proxy.Head, body string) (proxy.Ruling, *proxy.Engine) {
	t.Helper()
	e := proxy.NewEngine(h.snapshot(mode), h, nil)
	s, r := e.Open(context.Background(), head)
	if r.Waits() {
		r = s.Body(context.Background(), []byte(body))
	}
	s.Close()
	return r, e
}

func code(r proxy.Ruling) string {
	var b struct{ Code string }
	_ = json.Unmarshal(r.Answer().Body, &b)
	return b.Code
}

func TestExchange(t *testing.T) {
	boom := errors.New("boom")
	pii := func(v proxy.Verdict) func(context.Context, *proxy.Facts) (proxy.Verdict, error) {
		return func(context.Context, *proxy.Facts) (proxy.Verdict, error) { return v, nil }
	}
	mask := proxy.Verdict{Action: proxy.Mask, Masks: []proxy.MaskRule{{Types: []string{"EMAIL_ADDRESS"}}}}
	inHouse := proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}}
	tests := []struct {
		name  string
		house house
		mode  proxy.Mode
		head  proxy.Head
		body  string
		// want: the action released and the pool, or the status and code of the refusal
		action proxy.Action
		pool   string
		sent   string
		status int
		code   string
	}{
		{name: "allow", body: "hello", action: proxy.Allow, pool: "openai"},
		{name: "zero verdict denies", house: house{decide: pii(proxy.Verdict{})}, status: 403, code: proxy.CodeDenied},
		{name: "unknown action denies", house: house{decide: pii(proxy.Verdict{Action: "permit"})}, status: 403, code: proxy.CodeDenied},
		{name: "deny with its own code", house: house{decide: pii(proxy.Verdict{Action: proxy.Deny, Code: "no_way"})}, status: 403, code: "no_way"},
		{name: "reroute with the model renamed", house: house{decide: pii(inHouse)}, body: "hello ", action: proxy.Reroute, pool: "house", sent: "hello qwen"},
		{name: "pool by path", head: post("/house/v1/x"), body: "hi ", action: proxy.Allow, pool: "house", sent: "hi qwen"},
		{name: "mask on the way out", house: house{decide: pii(mask)}, body: "to a@b.org now", action: proxy.Mask, pool: "openai", sent: "to [EMAIL_ADDRESS_1] now"},
		{name: "nothing to mask", house: house{decide: pii(mask)}, body: "to nobody", action: proxy.Allow, pool: "openai"},
		{name: "in-house nothing is masked", house: house{decide: pii(proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}, Masks: mask.Masks})}, body: "a@b.org ", action: proxy.Reroute, pool: "house", sent: "a@b.org qwen"},
		{name: "masked everywhere, and rerouted", house: house{decide: pii(proxy.Verdict{Action: proxy.Reroute, Constrained: true, Pools: []string{"house"}, Masks: []proxy.MaskRule{{Groups: []string{"personal"}, Always: true}}})}, body: "a@b.org ", action: proxy.Reroute, pool: "house", sent: "[EMAIL_ADDRESS_1] qwen"},
		{name: "an edit that fails denies", house: house{decide: pii(mask), edit: func([]proxy.Edit, string) ([]byte, error) { return nil, boom }}, body: "a@b.org", status: 403, code: proxy.CodeDenied},
		{name: "no pool", house: house{choose: func(*proxy.Exchange, *proxy.Verdict) proxy.Choice { return proxy.Choice{} }}, status: 403, code: proxy.CodeNoCapablePool},
		{name: "unreadable", house: house{read: func() (proxy.Document, error) { return nil, &proxy.Error{Kind: proxy.Malformed} }}, status: 400, code: "request_malformed"},
		{name: "unknown encoding", house: house{read: func() (proxy.Document, error) { return nil, &proxy.Error{Kind: proxy.Unsupported, Code: "x"} }}, status: 415, code: "x"},
		{name: "a foreign error while reading is a fault of ours", house: house{read: func() (proxy.Document, error) { return nil, boom }}, status: 500, code: "internal_error"},
		{name: "classifier fails", house: house{classify: func(context.Context) (proxy.Report, error) { return proxy.Report{}, boom }}, status: 503, code: "classification_unavailable"},
		{name: "no verdict", house: house{decide: func(context.Context, *proxy.Facts) (proxy.Verdict, error) {
			return proxy.Verdict{Action: proxy.Allow}, boom
		}}, status: 503, code: "policy_unavailable"},
		{name: "too late a verdict", house: house{decide: func(ctx context.Context, _ *proxy.Facts) (proxy.Verdict, error) {
			<-ctx.Done()
			return proxy.Verdict{Action: proxy.Allow}, nil
		}}, status: 503, code: "policy_unavailable"},
		{name: "unknown key", house: house{identify: func() (proxy.Principal, error) {
			return proxy.Principal{}, &proxy.Error{Kind: proxy.Refused, Code: proxy.CodeUnknownKey}
		}}, status: 401, code: proxy.CodeUnknownKey},
		{name: "panic while identifying", house: house{identify: func() (proxy.Principal, error) { panic(boom) }}, status: 500, code: "internal_error"},
		{name: "panic while reading", house: house{read: func() (proxy.Document, error) { panic(boom) }}, status: 500, code: "internal_error"},
		{name: "panic while classifying", house: house{classify: func(context.Context) (proxy.Report, error) { panic(boom) }}, status: 500, code: "internal_error"},
		{name: "panic while deciding", house: house{decide: func(context.Context, *proxy.Facts) (proxy.Verdict, error) { panic(boom) }}, status: 500, code: "internal_error"},
		{name: "panic while choosing", house: house{choose: func(*proxy.Exchange, *proxy.Verdict) proxy.Choice { panic(boom) }}, status: 500, code: "internal_error"},
		{name: "panic while editing", house: house{decide: pii(mask), edit: func([]proxy.Edit, string) ([]byte, error) { panic(boom) }}, body: "a@b.org", status: 500, code: "internal_error"},
		{name: "tunnel", head: proxy.Head{Method: "CONNECT", Path: proxy.NewText("")}, status: 403, code: proxy.CodeUpgradeRefused},
		{name: "upgrade", head: proxy.Head{Method: "GET", Path: proxy.NewText("/v1/realtime"), Header: []proxy.Field{{Name: "upgrade", Value: proxy.NewText("websocket")}}}, status: 403, code: proxy.CodeUpgradeRefused},
		{name: "observe lets pass what would be denied", mode: proxy.Observe, house: house{decide: pii(proxy.Verdict{Action: proxy.Deny})}, action: proxy.Allow, pool: "openai"},
		{name: "observe refuses the unreadable", mode: proxy.Observe, house: house{read: func() (proxy.Document, error) { return nil, &proxy.Error{Kind: proxy.Malformed} }}, status: 400, code: "request_malformed"},
		{name: "observe refuses the undecided", mode: proxy.Observe, house: house{decide: func(context.Context, *proxy.Facts) (proxy.Verdict, error) { return proxy.Verdict{}, boom }}, status: 503, code: "policy_unavailable"},
		{name: "models are answered", head: proxy.Head{Method: "GET", Path: proxy.NewText("/v1/models"), Ended: true}, status: 200, pool: proxy.PoolSelf},
		{name: "health is answered", head: proxy.Head{Method: "GET", Path: proxy.NewText("/health"), Ended: true}, status: 200, pool: proxy.PoolSelf},
		{name: "a denied model list", house: house{decide: pii(proxy.Verdict{Action: proxy.Deny})}, head: proxy.Head{Method: "GET", Path: proxy.NewText("/v1/models"), Ended: true}, status: 403, code: proxy.CodeDenied},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.head.Method == "" {
				tt.head = post("/v1/chat/completions")
			}
			if tt.mode == "" {
				tt.mode = proxy.Enforce
			}
			h := &tt.house
			e := proxy.NewEngine(func() *proxy.Snapshot {
				s := h.snapshot(tt.mode)
				s.Limits.Decision = 50 * time.Millisecond
				return s
			}(), h, nil)
			s, r := e.Open(context.Background(), tt.head)
			if r.Waits() {
				r = s.Body(context.Background(), []byte(tt.body))
			}
			decisions, _ := h.kinds()
			if len(decisions) != 1 {
				t.Fatalf("%d decisions recorded at the ruling, want 1", len(decisions))
			}
			d := decisions[0].Decision
			rel, ok := r.Release()
			if ok != (tt.action != "") {
				t.Fatalf("released %v, want %v (answer %d %s)", ok, tt.action != "", r.Answer().Status, code(r))
			}
			if ok {
				f := rel.Forward()
				if f.Pool != tt.pool || f.Action != tt.action || string(f.Body) != tt.sent {
					t.Errorf("forwards %s to %s with %q, want %s to %s with %q", f.Action, f.Pool, f.Body, tt.action, tt.pool, tt.sent)
				}
				if d.Action != tt.action || d.Pool != tt.pool || decisions[0].ID != f.DecisionID {
					t.Errorf("recorded %s to %q as %s, ruled %s to %s as %s", d.Action, d.Pool, decisions[0].ID, f.Action, f.Pool, f.DecisionID)
				}
				if !e.Complete(f.DecisionID, proxy.Transfer{Status: 200, Sent: true}) || e.Complete(f.DecisionID, proxy.Transfer{}) {
					t.Error("an outcome must be taken once")
				}
			} else {
				if a := r.Answer(); a.Status != tt.status || code(r) != tt.code {
					t.Errorf("answers %d %q, want %d %q", a.Status, code(r), tt.status, tt.code)
				}
				if tt.status != 200 && (d.Action != proxy.Deny || d.Code != tt.code || d.Status != tt.status) {
					t.Errorf("recorded %s %s %d, want deny %s %d", d.Action, d.Code, d.Status, tt.code, tt.status)
				}
				if tt.status == 200 && d.Pool != tt.pool {
					t.Errorf("recorded pool %q, want %q", d.Pool, tt.pool)
				}
				if !slices.Contains(r.Answer().Header, proxy.Header{Name: proxy.HeaderDecisionID, Value: decisions[0].ID}) {
					t.Error("the answer does not carry its decision's id")
				}
			}
			s.Close()
			if err := e.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			decisions, outcomes := h.kinds()
			if len(decisions) != 1 || len(outcomes) != 1 || outcomes[0].DecisionID != decisions[0].ID {
				t.Errorf("%d decisions and %d outcomes after the end, want one of each, joined", len(decisions), len(outcomes))
			}
			if tt.mode == proxy.Observe && tt.action != "" && (d.Would == nil || d.Would.Action != proxy.Deny) {
				t.Errorf("observe mode does not record what would have been done: %+v", d.Would)
			}
		})
	}
}

// What cannot be recorded does not pass, in no mode; and nothing is released
// before the record is durable.
func TestUnrecordedDoesNotPass(t *testing.T) {
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Observe} {
		h := &house{record: func(context.Context) error { return errors.New("disk full") }}
		r, e := run(t, h, mode, post("/v1/chat/completions"), "x")
		if _, ok := r.Release(); ok || r.Answer().Status != 503 || code(r) != "audit_unavailable" {
			t.Errorf("%s: answers %d %s, want 503 audit_unavailable and no release", mode, r.Answer().Status, code(r))
		}
		if e.Pending() != 0 {
			t.Errorf("%s: an outcome is awaited of what was not released", mode)
		}
	}
}

func TestTheClientCannotCancelARecord(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	h := &house{}
	h.decide = func(context.Context, *proxy.Facts) (proxy.Verdict, error) {
		cancel() // the client leaves at the worst moment
		return proxy.Verdict{Action: proxy.Allow}, nil
	}
	h.record = func(ctx context.Context) error { return ctx.Err() }
	e := proxy.NewEngine(h.snapshot(proxy.Enforce), h, nil)
	s, _ := e.Open(ctx, post("/v1/chat/completions"))
	s.Body(ctx, []byte("x"))
	s.Close()
	if d, _ := h.kinds(); len(d) != 1 {
		t.Errorf("%d decisions recorded, want 1", len(d))
	}
}

func TestASessionRulesOnce(t *testing.T) {
	h := &house{}
	e := proxy.NewEngine(h.snapshot(proxy.Enforce), h, nil)
	s, r := e.Open(context.Background(), post("/v1/chat/completions"))
	if _, ok := r.Release(); ok || !r.Waits() {
		t.Fatal("a request with a body is released before it was seen")
	}
	if _, ok := s.Body(context.Background(), []byte("x")).Release(); !ok {
		t.Fatal("not released")
	}
	for i, again := range []proxy.Ruling{s.Body(context.Background(), []byte("y")), s.TooLarge(), s.Reject(proxy.CodeReconfiguring), {}} {
		if _, ok := again.Release(); ok || again.Waits() || again.Answer().Status != 500 {
			t.Errorf("ruling %d after the last one lets pass or waits", i)
		}
	}
	s.Close()
	e.Orphan("data_plane_ended")
	_ = e.Close(context.Background())
	d, o := h.kinds()
	if len(d) != 1 || len(o) != 1 || o[0].Outcome.Sent != proxy.Unknown || o[0].Outcome.Reason != "data_plane_ended" {
		t.Errorf("%d decisions, outcomes %+v", len(d), o)
	}
	if (proxy.Release{}).Forward() != nil {
		t.Error("the zero Release is a permission")
	}
}

func TestAbortAndRefusalsOfTheDataPlane(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		do         func(*proxy.Session)
		status     int
	}{
		{"client leaves", proxy.CodeAborted, func(*proxy.Session) {}, 0},
		{"body over the data plane's limit", "request_too_large", func(s *proxy.Session) { s.Responded(proxy.ResponseHead{Status: 413}) }, 413},
		{"local reply", "data_plane_refused", func(s *proxy.Session) { s.Responded(proxy.ResponseHead{Status: 503}) }, 503},
		{"too large", "request_too_large", func(s *proxy.Session) { s.TooLarge() }, 413},
		{"over our limit", "request_too_large", func(s *proxy.Session) { s.Body(context.Background(), make([]byte, 11)) }, 413},
		{"other pools", proxy.CodeReconfiguring, func(s *proxy.Session) { s.Reject(proxy.CodeReconfiguring) }, 503},
		{"unknown code", "internal_error", func(s *proxy.Session) { s.Reject("anything") }, 500},
	} {
		h := &house{}
		snap := h.snapshot(proxy.Enforce)
		snap.Limits.Body = 10
		e := proxy.NewEngine(snap, h, nil)
		s, _ := e.Open(context.Background(), post("/v1/chat/completions"))
		tt.do(s)
		s.Close()
		_ = e.Close(context.Background())
		d, o := h.kinds()
		if len(d) != 1 || len(o) != 1 || d[0].Decision.Action != proxy.Deny || d[0].Decision.Code != tt.code || o[0].Outcome.Sent != "no" || o[0].Outcome.Status != tt.status {
			t.Errorf("%s: recorded %d decisions, %d outcomes, want one deny %s and one outcome %d", tt.name, len(d), len(o), tt.code, tt.status)
		}
	}
}

func TestCredentialsGoToTheirPoolOnly(t *testing.T) {
	keys := []string{"authorization", "x-api-key", "api-key", "x-goog-api-key"}
	for _, tt := range []struct {
		mode  proxy.CredentialMode
		moved bool
		kept  bool
	}{
		{proxy.CredentialNone, false, false},
		{proxy.CredentialPool, false, false},
		{proxy.CredentialClient, false, true},
		{proxy.CredentialClient, true, false}, // meant for another pool
	} {
		p := *external
		p.Credential = tt.mode
		if tt.moved {
			p.Name = "elsewhere"
		}
		h := &house{choose: func(*proxy.Exchange, *proxy.Verdict) proxy.Choice { return proxy.Choice{Pool: &p} }}
		r, _ := run(t, h, proxy.Enforce, post("/v1/chat/completions"), "x")
		rel, _ := r.Release()
		for _, k := range keys {
			if slices.Contains(rel.Forward().Remove, k) == tt.kept {
				t.Errorf("credential %s, moved %v: %s kept = %v, want %v", tt.mode, tt.moved, k, !tt.kept, tt.kept)
			}
		}
		for _, k := range []string{"cookie", "proxy-authorization", proxy.HeaderKey, "x-app"} {
			if !slices.Contains(rel.Forward().Remove, k) {
				t.Errorf("%s goes on", k)
			}
		}
	}
}

// A release that the data plane never acted on is told of by nobody: it is given
// up, or such releases would fill the engine in time.
func TestSilentReleasesAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{}
		e := proxy.NewEngine(h.snapshot(proxy.Enforce), h, nil)
		for _, answered := range []bool{false, true} {
			s, _ := e.Open(context.Background(), post("/v1/chat/completions"))
			s.Body(context.Background(), []byte("x"))
			if answered {
				s.Responded(proxy.ResponseHead{Status: 200})
			}
			s.Close()
		}
		time.Sleep(time.Hour)
		if e.Pending() != 1 {
			t.Errorf("%d pending after an hour, want the one whose answer is under way", e.Pending())
		}
		_ = e.Close(context.Background())
		_, o := h.kinds()
		if len(o) != 2 || o[0].Outcome.Reason != "data_plane_silent" || o[0].Outcome.Sent != proxy.Unknown {
			t.Errorf("%d outcomes, the first %+v", len(o), o[0].Outcome)
		}
	})
}

func TestOverload(t *testing.T) {
	h := &house{}
	snap := h.snapshot(proxy.Enforce)
	snap.Limits.Exchanges = 2
	e := proxy.NewEngine(snap, h, nil)
	var open []*proxy.Session
	for i := range 4 {
		s, r := e.Open(context.Background(), post("/v1/chat/completions"))
		if r.Waits() != (i < 2) {
			t.Errorf("exchange %d waits = %v", i, r.Waits())
		}
		open = append(open, s)
	}
	for _, s := range open {
		s.Close()
	}
	if _, r := e.Open(context.Background(), post("/v1/chat/completions")); !r.Waits() {
		t.Error("the engine does not recover from overload")
	}
}

func TestManyAtOnce(t *testing.T) {
	h := &house{}
	e := proxy.NewEngine(h.snapshot(proxy.Enforce), h, nil)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s, _ := e.Open(context.Background(), post("/v1/chat/completions"))
			r := s.Body(context.Background(), []byte(fmt.Sprint(i)))
			if i%3 == 0 {
				e.Swap(h.snapshot(proxy.Observe))
			}
			rel, ok := r.Release()
			if !ok {
				t.Error("not released")
				return
			}
			s.Responded(proxy.ResponseHead{Status: 200})
			s.Close()
			e.Complete(rel.Forward().DecisionID, proxy.Transfer{Sent: true})
		}()
	}
	wg.Wait()
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	d, o := h.kinds()
	ids := map[string]int{}
	for _, x := range d {
		ids[x.ID]++
	}
	for _, x := range o {
		ids[x.DecisionID]++
		if x.Outcome.Status != 200 {
			t.Error("the status of the answer's head is lost")
		}
	}
	for id, n := range ids {
		if n != 2 || len(id) != 26 {
			t.Errorf("decision %s: %d events, want a decision and an outcome", id, n)
		}
	}
	if len(d) != 200 {
		t.Errorf("%d decisions, want 200", len(d))
	}
}

func TestIDsSortByTime(t *testing.T) {
	h := &house{}
	e := proxy.NewEngine(h.snapshot(proxy.Enforce), h, nil)
	at := time.UnixMilli(1)
	last := ""
	for _, d := range []time.Duration{0, time.Millisecond, time.Second, time.Hour, 24 * 365 * 50 * time.Hour} {
		head := post("/v1/chat/completions")
		head.Received = at.Add(d)
		s, _ := e.Open(context.Background(), head)
		if s.ID() <= last {
			t.Errorf("id %s does not sort after %s", s.ID(), last)
		}
		last = s.ID()
		s.Close()
	}
}

// Whatever becomes of a request, the use of a grant is an event beside its
// decision: where it is released, refused and answered by Ostiary itself.
func TestTheUseOfAGrantIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		action proxy.Action
	}{
		"released": {"/v1/chat/completions", proxy.Allow},
		"refused":  {"/v1/chat/completions", proxy.Deny},
		"answered": {"/v1/models", proxy.Allow},
	} {
		for _, granted := range []bool{true, false} {
			h := &house{
				identify: func() (proxy.Principal, error) {
					return proxy.Principal{Method: "key", Application: "bot", Grant: proxy.GrantFacts{ID: "grant-1"}}, nil
				},
				decide: func(context.Context, *proxy.Facts) (proxy.Verdict, error) {
					return proxy.Verdict{Action: c.action, Granted: granted}, nil
				},
			}
			run(t, h, proxy.Enforce, post(c.path), "hello")
			decisions, _ := h.kinds()
			var uses []*proxy.Event
			for _, e := range h.events {
				if e.Kind == proxy.EventGrant {
					uses = append(uses, e)
				}
			}
			switch {
			case len(decisions) != 1:
				t.Fatalf("%s: %d decisions", name, len(decisions))
			case !granted && len(uses) != 0:
				t.Errorf("%s: a grant that lifted nothing was used", name)
			case granted && (len(uses) != 1 || uses[0].DecisionID != decisions[0].ID || uses[0].Admin == nil || uses[0].Admin.Detail != "grant-1"):
				t.Errorf("%s: %d events of the grant's use", name, len(uses))
			}
		}
	}
}
