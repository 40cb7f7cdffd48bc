// Package rooms is the whole house in its smallest form, for tests of the data
// planes: one struct that is every room of an Engine. What it does with a
// request stands in the request itself, as a word in its body or path, so that a
// test reads as a specification:
//
//	please-deny       the policies deny
//	please-house      the policies ask for the pool named house
//	please-mask       the policies mask, wherever the request goes
//	a@b.org           is found, as an EMAIL_ADDRESS
//	please-panic      the classifier panics
//	please-slow       the classifier waits until its time is over
//	please-hang       the classifier waits until House.Unhang, whatever its time
//	please-break      the body cannot be read
//	please-lose       the decision cannot be recorded
//
// It is for tests only.
package rooms

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/proxy"
)

// House is every room at once.
type House struct {
	// Body bounds what a compressed body may become.
	Body int
	// Required is an application key that every request must carry as a bearer
	// token; empty for none.
	Required string

	mu     sync.Mutex
	lose   bool
	events []*proxy.Event
	hung   chan struct{}
	once   sync.Once
}

// New makes a house.
func New() *House { return &House{hung: make(chan struct{})} }

// Unhang ends every please-hang. It may be called again.
func (h *House) Unhang() { h.once.Do(func() { close(h.hung) }) }

// Engine makes an engine of the house.
func (h *House) Engine(l proxy.Limits) *proxy.Engine {
	return proxy.NewEngine(&proxy.Snapshot{
		Dialects: dialects{h}, Classifier: classifier{h}, Stater: stater{}, Decider: decider{}, Chooser: Chooser{},
		Identifier: identifier{h}, Masker: masker{}, Mode: proxy.Enforce, Limits: l, Revision: "config-1",
	}, h, nil)
}

// Record implements [proxy.Recorder].
func (h *House) Record(_ context.Context, events ...*proxy.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lose {
		return &proxy.Error{Op: "record", Kind: proxy.Unrecorded}
	}
	h.events = append(h.events, events...)
	return nil
}

// Events gives what was recorded of a kind.
func (h *House) Events(kind string) []*proxy.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*proxy.Event
	for _, e := range h.events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// Pools of the house, by name.
var pools = []proxy.Pool{
	{Name: "openai", Boundary: proxy.External, Dialects: []string{"openai"}, Credential: proxy.CredentialPool},
	{Name: "claude", Boundary: proxy.External, Dialects: []string{"anthropic"}, Credential: proxy.CredentialClient},
	{Name: "house", Boundary: proxy.Internal, Dialects: []string{"openai", "anthropic"}, Credential: proxy.CredentialNone},
}

type dialects struct{ h *House }

func (dialects) Route(method string, path proxy.Text) proxy.Route {
	r := proxy.Route{Dialect: proxy.DialectNone, Operation: proxy.OpUnknown, Path: path}
	p, _, _ := strings.Cut(path.Reveal(), "?")
	switch {
	case p == "/health":
		r.Operation = proxy.OpHealth
	case p == "/v1/models":
		r.Dialect, r.Operation = proxy.DialectOpenAI, proxy.OpModels
	case p == "/v1/messages":
		r.Dialect, r.Operation = proxy.DialectAnthropic, proxy.OpMessages
	case p == "/v1/chat/completions":
		r.Dialect, r.Operation = proxy.DialectOpenAI, proxy.OpChat
	case strings.HasPrefix(p, "/v1/responses/") && (method == "GET" || method == "DELETE"):
		r.Dialect, r.Operation = proxy.DialectOpenAI, proxy.OpState
	}
	return r
}

func (d dialects) Read(_ proxy.Route, h *proxy.Head, body []byte) (proxy.Document, error) {
	doc := &document{lose: func() { d.h.mu.Lock(); d.h.lose = true; d.h.mu.Unlock() }, body: body}
	if v, ok := h.Get("content-encoding"); ok {
		if v.Reveal() != "gzip" {
			return nil, &proxy.Error{Op: "decode", Kind: proxy.Unsupported}
		}
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, &proxy.Error{Op: "decode", Kind: proxy.Malformed}
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			return nil, &proxy.Error{Op: "decode", Kind: proxy.Malformed}
		}
		doc.body, doc.encoding = plain, "gzip"
	}
	if bytes.Contains(doc.body, []byte("please-break")) {
		return nil, &proxy.Error{Op: "read", Kind: proxy.Malformed}
	}
	doc.path = h.Path
	return doc, nil
}

func (dialects) Refuse(r proxy.Route, f proxy.Refusal) proxy.Answer {
	e := map[string]any{"code": f.Code, "message": f.Message}
	if r.Dialect == proxy.DialectAnthropic {
		e["type"] = "permission_error"
	}
	b, _ := json.Marshal(map[string]any{"type": "error", "error": e, "request_id": f.DecisionID})
	return proxy.Answer{Status: f.Status, Header: []proxy.Header{{Name: "content-type", Value: "application/json"}}, Body: b}
}

func (dialects) Models(proxy.Route, *proxy.Head, []proxy.ModelEntry) proxy.Answer {
	return proxy.Answer{Status: 200, Header: []proxy.Header{{Name: "content-type", Value: "application/json"}}, Body: []byte(`{"object":"list","data":[]}`)}
}

type document struct {
	lose     func()
	body     []byte
	path     proxy.Text
	encoding string
}

func (d *document) Prompt() *proxy.Prompt {
	if bytes.Contains(d.body, []byte("please-lose")) {
		d.lose()
	}
	return &proxy.Prompt{Segments: []proxy.Segment{
		{Text: proxy.NewText(string(d.body)), Role: proxy.RoleUser},
		{Text: d.path, Role: proxy.RolePath, Fixed: true},
	}}
}

func (d *document) Encoding() string { return d.encoding }

func (d *document) Body(edits []proxy.Edit, model string) ([]byte, error) {
	out := string(d.body)
	for i := len(edits) - 1; i >= 0; i-- {
		e := edits[i]
		out = out[:e.Start] + e.With + out[e.End:]
	}
	if model != "" {
		out = strings.Replace(out, `"model":"m"`, `"model":"`+model+`"`, 1)
	}
	return []byte(out), nil
}

type classifier struct{ h *House }

func (classifier) Revision() string { return "suite-1" }

func (c classifier) Classify(ctx context.Context, segments []proxy.Segment) (proxy.Report, error) {
	var r proxy.Report
	for i, s := range segments {
		text := s.Text.Reveal()
		switch {
		case strings.Contains(text, "please-panic"):
			panic(errors.New("a detector is broken"))
		case strings.Contains(text, "please-slow"):
			<-ctx.Done()
			return r, ctx.Err()
		case strings.Contains(text, "please-hang"):
			<-c.h.hung
		}
		const address = "a@b.org"
		if at := strings.Index(text, address); at >= 0 {
			r.Findings = append(r.Findings, proxy.Finding{Segment: i, Start: at, End: at + len(address), Type: "EMAIL_ADDRESS", Groups: []string{"personal"}, Likelihood: proxy.Likely})
		}
		// The words for the policies are findings too: facts hold no content.
		for _, word := range []string{"please-deny", "please-house", "please-mask"} {
			if strings.Contains(text, word) {
				r.Findings = append(r.Findings, proxy.Finding{Segment: i, Type: word, Likelihood: proxy.VeryLikely})
			}
		}
	}
	return r, nil
}

type stater struct{}

func (stater) Facts(in *proxy.Inspection) (proxy.Facts, error) {
	f := proxy.Facts{Version: 1, Findings: proxy.FindingFacts{Types: map[string]proxy.Tally{}}}
	for _, x := range in.Report.Findings {
		t := f.Findings.Types[x.Type]
		t.Count++
		f.Findings.Types[x.Type] = t
	}
	return f, nil
}

func (stater) Describe(in *proxy.Inspection, ev *proxy.Event) {
	ev.Request = &proxy.RequestRecord{Bytes: in.Bytes, Dialect: in.Exchange.Route.Dialect, Protocol: in.Exchange.Head.Protocol}
	p := in.Exchange.Head.Peer
	ev.Personal = &proxy.PersonalRecord{UID: p.UID}
	if p.Addr.IsValid() {
		ev.Personal.Address = p.Addr.String()
	}
}

type decider struct{}

func (decider) Revision() string { return "policies-1" }

func (decider) Decide(_ context.Context, f *proxy.Facts) (proxy.Verdict, error) {
	v := proxy.Verdict{Action: proxy.Allow, Revision: "policies-1"}
	if f.Findings.Types["please-mask"].Count > 0 {
		v.Action, v.Masks = proxy.Mask, []proxy.MaskRule{{Types: []string{"EMAIL_ADDRESS"}, Always: true}}
	}
	if f.Findings.Types["please-house"].Count > 0 {
		v.Action, v.Constrained, v.Pools = proxy.Reroute, true, []string{"house"}
	}
	if f.Findings.Types["please-deny"].Count > 0 {
		v.Action = proxy.Deny
		v.Reasons = []proxy.Reason{{Action: proxy.Deny, Message: "The data policy says no.", Policy: "test", Rule: "no"}}
	}
	return v, nil
}

// Chooser knows the pools openai, claude (both external) and house.
type Chooser struct{}

// Named implements [proxy.Chooser].
func (Chooser) Named(path proxy.Text) (string, proxy.Text, bool) {
	for _, p := range pools {
		if rest, ok := strings.CutPrefix(path.Reveal(), "/"+p.Name+"/"); ok {
			return p.Name, proxy.NewText("/" + rest), true
		}
	}
	return "", path, false
}

// Ask implements [proxy.Chooser].
func (Chooser) Ask(x *proxy.Exchange, _ *proxy.Prompt) (string, string) {
	switch x.Route.Dialect {
	case proxy.DialectOpenAI:
		return "openai", "dialect"
	case proxy.DialectAnthropic:
		return "claude", "dialect"
	}
	return "", "none"
}

// Choose implements [proxy.Chooser].
func (Chooser) Choose(x *proxy.Exchange, _ *proxy.Prompt, _ int, v *proxy.Verdict) proxy.Choice {
	want := x.Asked
	if v.Constrained {
		want = v.Pools[0]
	}
	for i := range pools {
		if pools[i].Name == want {
			c := proxy.Choice{Pool: &pools[i]}
			if want == "house" {
				c.Model = "qwen"
			}
			return c
		}
	}
	return proxy.Choice{}
}

// Models implements [proxy.Chooser].
func (Chooser) Models() []proxy.ModelEntry { return nil }

type identifier struct{ h *House }

func (i identifier) Identify(h *proxy.Head) (proxy.Principal, error) {
	if i.h.Required == "" {
		return proxy.Principal{Method: "peer"}, nil
	}
	if v, _ := h.Get("authorization"); v.Reveal() != "Bearer "+i.h.Required {
		return proxy.Principal{}, &proxy.Error{Op: "identify", Kind: proxy.Refused, Code: proxy.CodeUnknownKey}
	}
	return proxy.Principal{Method: "key", Application: "app", Strip: []string{"authorization"}}, nil
}

type masker struct{}

func (masker) Mask(_ []proxy.Segment, findings []proxy.Finding) []proxy.Edit {
	var out []proxy.Edit
	for _, f := range findings {
		out = append(out, proxy.Edit{Segment: f.Segment, Start: f.Start, End: f.End, With: "[" + f.Type + "_1]"})
	}
	return out
}
