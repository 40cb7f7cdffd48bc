package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/dialect"
)

// answerText writes an answer as on the wire, without the protocol's first line.
func answerText(a proxy.Answer) string {
	var b strings.Builder
	for _, h := range a.Header {
		b.WriteString(h.Name + ": " + h.Value + "\n")
	}
	return b.String() + string(a.Body)
}

func TestRefuse(t *testing.T) {
	set := dialect.New(dialect.Options{})
	for _, c := range []struct {
		name, path string
		refusal    proxy.Refusal
		want       string
	}{
		{"OpenAI, by policy", "/v1/chat/completions",
			proxy.Refusal{Status: 403, Code: "data_policy_denied", Message: `No "secrets" <out>.`, DecisionID: "01D"},
			`content-type: application/json
x-request-id: 01D
x-should-retry: false
{"error":{"message":"No \"secrets\" <out>. (code data_policy_denied, decision 01D)","type":"policy_violation","param":null,"code":"data_policy_denied"}}
`},
		{"Anthropic, by policy", "/v1/messages",
			proxy.Refusal{Status: 403, Code: "data_policy_denied", Message: "No.", DecisionID: "01D"},
			`content-type: application/json
request-id: 01D
x-should-retry: false
{"type":"error","error":{"type":"permission_error","code":"data_policy_denied","message":"No. (code data_policy_denied, decision 01D)"},"request_id":"01D"}
`},
		{"unavailable", "/v1/responses",
			proxy.Refusal{Status: 503, Code: "audit_unavailable", Message: "Not recorded.", DecisionID: "01D", RetryAfter: 2},
			`content-type: application/json
x-request-id: 01D
retry-after: 2
{"error":{"message":"Not recorded. (code audit_unavailable, decision 01D)","type":"policy_unavailable","param":null,"code":"audit_unavailable"}}
`},
		{"Anthropic, unavailable", "/v1/messages/count_tokens",
			proxy.Refusal{Status: 503, Code: "overloaded", Message: "Too many.", DecisionID: "01D", RetryAfter: 1},
			`content-type: application/json
request-id: 01D
retry-after: 1
{"type":"error","error":{"type":"api_error","code":"overloaded","message":"Too many. (code overloaded, decision 01D)"},"request_id":"01D"}
`},
		{"an unknown path", "/v1/files",
			proxy.Refusal{Status: 403, Code: "endpoint_not_allowed", Message: "No.", DecisionID: "01D"},
			`content-type: application/json
x-request-id: 01D
x-should-retry: false
{"error":{"message":"No. (code endpoint_not_allowed, decision 01D)","type":"policy_violation","param":null,"code":"endpoint_not_allowed"}}
`},
		{"an unknown path of Anthropic's", "/v1/messages/batches",
			proxy.Refusal{Status: 403, Code: "endpoint_not_allowed", Message: "No.", DecisionID: "01D"},
			`content-type: application/json
request-id: 01D
x-should-retry: false
{"type":"error","error":{"type":"permission_error","code":"endpoint_not_allowed","message":"No. (code endpoint_not_allowed, decision 01D)"},"request_id":"01D"}
`},
	} {
		r := set.Route("POST", proxy.NewText(c.path))
		a := set.Refuse(r, c.refusal)
		if a.Status != c.refusal.Status {
			t.Errorf("%s: status %d", c.name, a.Status)
		}
		if d := cmp.Diff(c.want, answerText(a)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestTypesOfErrors(t *testing.T) {
	set := dialect.New(dialect.Options{})
	for _, c := range []struct {
		status            int
		code              string
		openai, anthropic string
	}{
		{400, "request_malformed", "invalid_request_error", "invalid_request_error"},
		{401, "unknown_application_key", "authentication_error", "authentication_error"},
		{403, "state_elsewhere", "policy_violation", "permission_error"},
		{404, "model_not_found", "invalid_request_error", "not_found_error"},
		{413, "request_too_large", "request_too_large", "request_too_large"},
		{415, "request_unsupported", "invalid_request_error", "invalid_request_error"},
		{500, "internal_error", "server_error", "api_error"},
		{503, "policy_unavailable", "policy_unavailable", "api_error"},
		{503, "overloaded", "overloaded_error", "api_error"},
	} {
		for dialectName, want := range map[string]string{proxy.DialectOpenAI: c.openai, proxy.DialectAnthropic: c.anthropic} {
			a := set.Refuse(proxy.Route{Dialect: dialectName}, proxy.Refusal{Status: c.status, Code: c.code, Message: "M."})
			if !strings.Contains(string(a.Body), `"type":"`+want+`"`) || !strings.Contains(string(a.Body), `"code":"`+c.code+`"`) {
				t.Errorf("%s %d %s: %s", dialectName, c.status, c.code, a.Body)
			}
			retry := strings.Contains(answerText(a), "x-should-retry: false")
			if retry != (c.status < 500) {
				t.Errorf("%d: x-should-retry: false is %v", c.status, retry)
			}
		}
	}
}

func TestModels(t *testing.T) {
	set := dialect.New(dialect.Options{})
	models := []proxy.ModelEntry{{Name: "gpt-5", Pool: "openai"}, {Name: "org/qwen", Pool: "house"}}
	anthropic := &proxy.Head{Header: []proxy.Field{{Name: "anthropic-version", Value: proxy.NewText("2023-06-01")}}}
	for _, c := range []struct {
		name, path string
		head       *proxy.Head
		models     []proxy.ModelEntry
		status     int
		want       string
	}{
		{"OpenAI", "/v1/models?x=1", &proxy.Head{}, models, 200,
			`{"object":"list","data":[{"id":"gpt-5","object":"model","created":0,"owned_by":"openai"},{"id":"org/qwen","object":"model","created":0,"owned_by":"house"}]}`},
		{"OpenAI, none", "/v1/models", &proxy.Head{}, nil, 200, `{"object":"list","data":[]}`},
		{"Anthropic", "/v1/models", anthropic, models, 200,
			`{"data":[{"type":"model","id":"gpt-5","display_name":"gpt-5","created_at":"1970-01-01T00:00:00Z"},{"type":"model","id":"org/qwen","display_name":"org/qwen","created_at":"1970-01-01T00:00:00Z"}],"has_more":false,"first_id":"gpt-5","last_id":"org/qwen"}`},
		{"Anthropic, none", "/v1/models", anthropic, nil, 200, `{"data":[],"has_more":false,"first_id":null,"last_id":null}`},
		{"one of OpenAI's", "/v1/models/org/qwen", &proxy.Head{}, models, 200, `{"id":"org/qwen","object":"model","created":0,"owned_by":"house"}`},
		{"one of Anthropic's", "/v1/models/gpt-5", anthropic, models, 200, `{"type":"model","id":"gpt-5","display_name":"gpt-5","created_at":"1970-01-01T00:00:00Z"}`},
		{"OpenAI, unknown", "/v1/models/nope", &proxy.Head{}, models, 404,
			`{"error":{"message":"There is no such model, or it is not offered here. GET /v1/models lists those that are.","type":"invalid_request_error","param":null,"code":"model_not_found"}}`},
		{"Anthropic, unknown", "/v1/models/nope", anthropic, models, 404,
			`{"type":"error","error":{"type":"not_found_error","code":"model_not_found","message":"There is no such model, or it is not offered here. GET /v1/models lists those that are."},"request_id":""}`},
	} {
		r := set.Route("GET", proxy.NewText(c.path))
		if r.Operation != proxy.OpModels {
			t.Fatalf("%s: %s", c.name, r.Operation)
		}
		a := set.Models(r, c.head, c.models)
		if d := cmp.Diff(c.want+"\n", string(a.Body)); d != "" || a.Status != c.status || a.Header[0] != (proxy.Header{Name: "content-type", Value: "application/json"}) {
			t.Errorf("%s: %d (-want +got):\n%s", c.name, a.Status, d)
		}
	}
}
