package envoy

import (
	"fmt"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// reply is how one kind of Envoy's own refusals is told to the client. The rows
// are tried in order; the first whose condition holds is taken.
type reply struct {
	when      string // CEL over response.code and response.code_details (d)
	status    int    // 0 keeps Envoy's own
	code      string // stable, for programs
	openai    string // the error's type in the OpenAI API
	anthropic string // and in the Anthropic API
	message   string // what happened, and what to do
}

const d = "response.code_details"

// replies are in the order in which they are tried. What the policy server
// answers itself never matches: its details begin with "ostiary".
func (b *build) replies() []reply {
	limit := fmt.Sprintf("%d bytes", b.spec.BodyLimit)
	if b.spec.BodyLimit%(1<<20) == 0 {
		limit = fmt.Sprintf("%d MiB", b.spec.BodyLimit>>20)
	}
	own := "!" + d + ".startsWith('ostiary') && "
	return []reply{
		{
			when: d + ".startsWith('rbac_access_denied') || " + d + ".startsWith('ext_proc') || " + d + " == 'direct_response' || " + d + " == 'route_not_found' || " + d + ".contains('spurious_message') || " +
				d + ".contains('unhandled_message') || " + d + ".contains('header_mutation') || " + d + ".contains('mismatch_between_content_length')",
			status: 503, code: "no_verdict", openai: "policy_unavailable", anthropic: "api_error",
			message: "No policy verdict was obtained, so the request was not forwarded. Try again; if it stays so, the operator should see whether Ostiary's policy server runs.",
		},
		{
			when: own + d + " == 'request_payload_too_large'", status: 413, code: "request_too_large", openai: "invalid_request_error", anthropic: "request_too_large",
			message: "The request is larger than the configured limit of " + limit + " and was not forwarded. Shorten it or send it in parts.",
		},
		{
			when: own + d + ".contains('upgrade_failed')", status: 403, code: "upgrade_not_supported", openai: "invalid_request_error", anthropic: "permission_error",
			message: "Tunnels and protocol upgrades cannot be inspected and are not supported. Use the HTTP form of the API.",
		},
		{
			when: own + d + ".contains('inject_credential')", status: 503, code: "pool_unavailable", openai: "upstream_unavailable", anthropic: "api_error",
			message: "The chosen pool has no credential, so the request was not sent. The operator should see whether its key is configured.",
		},
		{
			when: own + "(" + d + ".contains('{overflow') || " + d + ".contains('overload'))", status: 503, code: "overloaded", openai: "server_error", anthropic: "overloaded_error",
			message: "Too many requests are under way. Try again later.",
		},
		{
			when: own + "response.code == 504", status: 504, code: "upstream_timeout", openai: "server_error", anthropic: "api_error",
			message: "The model server did not answer in time. Ask for less, or try again later.",
		},
		{
			when: own + "response.code == 408", status: 408, code: "request_timeout", openai: "invalid_request_error", anthropic: "invalid_request_error",
			message: "The request did not arrive in time and was not forwarded. Send it again.",
		},
		{
			when: own + d + " == 'response_payload_too_large'", status: 502, code: "response_too_large", openai: "server_error", anthropic: "api_error",
			message: "The answer of the model server is larger than the limit of " + limit + ". Ask for less, or for a streamed answer.",
		},
		{
			when:   own + "(" + d + ".startsWith('upstream_reset') || " + d + " == 'no_healthy_upstream' || " + d + " == 'cluster_not_found' || " + d + " == 'maintenance_mode')",
			status: 503, code: "upstream_unavailable", openai: "server_error", anthropic: "api_error",
			message: "The model server of the chosen pool cannot be reached or broke the connection off. Try again; if it stays so, tell the operator.",
		},
		{
			when: own + "response.code >= 400 && response.code < 500", code: "bad_request", openai: "invalid_request_error", anthropic: "invalid_request_error",
			message: "The request is not one that this proxy takes (malformed HTTP, no Host or an ambiguous path) and was not forwarded. Mend it and send it again.",
		},
		{
			when: "!" + d + ".startsWith('ostiary')", status: 503, code: "proxy_error", openai: "server_error", anthropic: "api_error",
			message: "The proxy could not carry the request out. Try again; if it stays so, the operator finds the reason in Envoy's log.",
		},
	}
}

// messagesPath matches the paths of the Anthropic API, base paths included.
const messagesPath = `[^?]*/messages([/?].*)?`

// localReplies turn Envoy's own refusals into errors of the API that was
// called.
func (b *build) localReplies() *hcmv3.LocalReplyConfig {
	out := new(hcmv3.LocalReplyConfig)
	for _, r := range b.replies() {
		condition := b.cel(r.when)
		messages := &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{AndFilter: &accesslogv3.AndFilter{Filters: []*accesslogv3.AccessLogFilter{
			condition,
			{FilterSpecifier: &accesslogv3.AccessLogFilter_HeaderFilter{HeaderFilter: &accesslogv3.HeaderFilter{Header: &routev3.HeaderMatcher{
				Name: ":path", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regex(messagesPath)},
			}}}},
		}}}}
		out.Mappers = append(out.Mappers, b.mapper(r, messages, obj("type", "error", "error", obj("type", r.anthropic, "code", r.code, "message", r.message))))
		out.Mappers = append(out.Mappers, b.mapper(r, condition, obj("error", obj("type", r.openai, "code", r.code, "message", r.message, "param", nil))))
	}
	return out
}

func (b *build) cel(expression string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{ExtensionFilter: &accesslogv3.ExtensionFilter{
		Name:       "envoy.access_loggers.extension_filters.cel",
		ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: b.any(&celv3.ExpressionFilter{Expression: expression})},
	}}}
}

func (b *build) mapper(r reply, when *accesslogv3.AccessLogFilter, body *structpb.Value) *hcmv3.ResponseMapper {
	m := &hcmv3.ResponseMapper{
		Filter: when,
		BodyFormatOverride: &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: body.GetStructValue()},
		},
	}
	if r.status != 0 {
		m.StatusCode = u32(r.status)
	}
	if r.status == 0 || r.status < 500 {
		// The SDKs of OpenAI and Anthropic repeat a 408 unless told not to.
		m.HeadersToAdd = append(m.HeadersToAdd, responseHeader("x-should-retry", "false"))
	}
	if r.status == 503 {
		m.HeadersToAdd = append(m.HeadersToAdd, responseHeader("retry-after", "1"))
	}
	return m
}

// obj makes a JSON object of pairs of names and values: strings, objects, nil.
func obj(pairs ...any) *structpb.Value {
	fields := map[string]*structpb.Value{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		switch v := pairs[i+1].(type) {
		case string:
			fields[name] = structpb.NewStringValue(v)
		case *structpb.Value:
			fields[name] = v
		default:
			fields[name] = structpb.NewNullValue()
		}
	}
	return structpb.NewStructValue(&structpb.Struct{Fields: fields})
}
