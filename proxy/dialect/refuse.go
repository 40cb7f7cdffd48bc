package dialect

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// openAIError is an error of OpenAI's API and of what follows it.
type openAIError struct {
	Error openAIErrorBody `json:"error"`
}

type openAIErrorBody struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"` // null: where in the request it was is content
	Code    string  `json:"code"`
}

// anthropicError is an error of Anthropic's API. Its SDKs know no code; ours
// stands beside the type, and in the sentence for whoever sees nothing else.
type anthropicError struct {
	Type      string             `json:"type"`
	Error     anthropicErrorBody `json:"error"`
	RequestID string             `json:"request_id"`
}

type anthropicErrorBody struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// encode writes an answer's body as JSON, with a line's end for terminals. The
// values are of ours, so that no error can come of them.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return b.Bytes()
}

// Refuse implements [proxy.Dialects]. The sentence ends with the code and the
// decision's id, because some clients show nothing but the sentence. A refusal
// of policy or of the request itself carries x-should-retry: false, which the
// official SDKs obey.
func (s *Set) Refuse(r proxy.Route, f proxy.Refusal) proxy.Answer {
	message := strings.TrimSpace(f.Message)
	if f.DecisionID != "" {
		message += " (code " + f.Code + ", decision " + f.DecisionID + ")"
	}
	a := proxy.Answer{Status: f.Status, Header: []proxy.Header{{Name: "content-type", Value: "application/json"}}}
	id := "x-request-id"
	if inAnthropic(r) {
		id = "request-id"
		a.Body = encode(anthropicError{Type: "error", RequestID: f.DecisionID, Error: anthropicErrorBody{
			Type: anthropicType(f.Status), Code: f.Code, Message: message,
		}})
	} else {
		a.Body = encode(openAIError{openAIErrorBody{Message: message, Type: openAIType(f.Status, f.Code), Code: f.Code}})
	}
	if f.DecisionID != "" {
		a.Header = append(a.Header, proxy.Header{Name: id, Value: f.DecisionID})
	}
	if f.Status >= 400 && f.Status < 500 {
		a.Header = append(a.Header, proxy.Header{Name: "x-should-retry", Value: "false"})
	}
	if f.RetryAfter > 0 {
		a.Header = append(a.Header, proxy.Header{Name: "retry-after", Value: strconv.Itoa(f.RetryAfter)})
	}
	return a
}

// inAnthropic reports whether a route is answered in Anthropic's shape: those of
// its dialect, and unknown paths that look like its own.
func inAnthropic(r proxy.Route) bool {
	if r.Dialect != proxy.DialectNone && r.Dialect != "" {
		return r.Dialect == proxy.DialectAnthropic
	}
	path, _, _ := strings.Cut(r.Path.Reveal(), "?")
	return strings.Contains(path, "/messages")
}

// openAIType gives the type of an error of OpenAI's; clients branch on the
// status and the code, people read the type.
func openAIType(status int, code string) string {
	switch {
	case status == 401:
		return "authentication_error"
	case status == 403:
		return "policy_violation"
	case status == 413:
		return "request_too_large"
	case status == 503 && code == proxy.CodeOverloaded:
		return "overloaded_error"
	case status == 503:
		return "policy_unavailable"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

// anthropicType gives the type of an error of Anthropic's (its API reference,
// "Errors").
func anthropicType(status int) string {
	switch {
	case status == 401:
		return "authentication_error"
	case status == 403:
		return "permission_error"
	case status == 404:
		return "not_found_error"
	case status == 413:
		return "request_too_large"
	case status >= 500:
		return "api_error"
	}
	return "invalid_request_error"
}

// openAIModel is an entry of OpenAI's list of models.
type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int    `json:"created"`
	OwnedBy string `json:"owned_by"`
}

type openAIModels struct {
	Object string        `json:"object"`
	Data   []openAIModel `json:"data"`
}

// anthropicModel is an entry of Anthropic's list of models. When a model was
// made is not known, and the API asks for a date.
type anthropicModel struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	CreatedAt   string `json:"created_at"`
}

type anthropicModels struct {
	Data    []anthropicModel `json:"data"`
	HasMore bool             `json:"has_more"`
	FirstID *string          `json:"first_id"`
	LastID  *string          `json:"last_id"`
}

// Models implements [proxy.Dialects]. The list is in Anthropic's shape where the
// request carries an anthropic-version, which its API requires and OpenAI's does
// not know. GET /models/ID gives the one model, or 404 in the API's shape.
func (s *Set) Models(r proxy.Route, h *proxy.Head, models []proxy.ModelEntry) proxy.Answer {
	_, anthropic := h.Get("anthropic-version")
	a := proxy.Answer{Status: 200, Header: []proxy.Header{{Name: "content-type", Value: "application/json"}}}
	path, _, _ := strings.Cut(r.Path.Reveal(), "?")
	if _, name, one := strings.Cut(path, "/models/"); one {
		name, _ = unescape(name, false)
		i := slices.IndexFunc(models, func(m proxy.ModelEntry) bool { return m.Name == name })
		if i < 0 {
			r.Dialect = proxy.DialectOpenAI
			if anthropic {
				r.Dialect = proxy.DialectAnthropic
			}
			return s.Refuse(r, proxy.Refusal{Status: 404, Code: "model_not_found", Message: "There is no such model, or it is not offered here. GET /v1/models lists those that are."})
		}
		if anthropic {
			a.Body = encode(anthropicEntry(models[i]))
		} else {
			a.Body = encode(openAIEntry(models[i]))
		}
		return a
	}
	if anthropic {
		list := anthropicModels{Data: []anthropicModel{}}
		for _, m := range models {
			list.Data = append(list.Data, anthropicEntry(m))
		}
		if n := len(models); n > 0 {
			list.FirstID, list.LastID = &list.Data[0].ID, &list.Data[n-1].ID
		}
		a.Body = encode(list)
		return a
	}
	list := openAIModels{Object: "list", Data: []openAIModel{}}
	for _, m := range models {
		list.Data = append(list.Data, openAIEntry(m))
	}
	a.Body = encode(list)
	return a
}

func openAIEntry(m proxy.ModelEntry) openAIModel {
	return openAIModel{ID: m.Name, Object: "model", OwnedBy: m.Pool}
}

func anthropicEntry(m proxy.ModelEntry) anthropicModel {
	return anthropicModel{Type: "model", ID: m.Name, DisplayName: m.Name, CreatedAt: "1970-01-01T00:00:00Z"}
}
