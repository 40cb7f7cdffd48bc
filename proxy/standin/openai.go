package standin

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"slices"
)

type chatCompletion struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"`
	Created           int64        `json:"created"`
	Model             string       `json:"model"`
	Choices           []chatChoice `json:"choices"`
	Usage             *chatUsage   `json:"usage,omitempty"`
	ServiceTier       string       `json:"service_tier"`
	SystemFingerprint string       `json:"system_fingerprint"`
}

type chatChoice struct {
	Index        int          `json:"index"`
	Message      *chatMessage `json:"message,omitempty"`
	Delta        *chatDelta   `json:"delta,omitempty"`
	Logprobs     *string      `json:"logprobs"` // always null
	FinishReason *string      `json:"finish_reason"`
}

type chatMessage struct {
	Role        string     `json:"role"`
	Content     *string    `json:"content"`
	Refusal     *string    `json:"refusal"` // always null
	Annotations []string   `json:"annotations"`
	ToolCalls   []chatTool `json:"tool_calls,omitempty"`
}

type chatDelta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	ToolCalls []chatTool `json:"tool_calls,omitempty"`
}

type chatTool struct {
	Index    *int         `json:"index,omitempty"`
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

type chatUsage struct {
	PromptTokens        int `json:"prompt_tokens"`
	CompletionTokens    int `json:"completion_tokens"`
	TotalTokens         int `json:"total_tokens"`
	PromptTokensDetails struct {
		CachedTokens int `json:"cached_tokens"`
		AudioTokens  int `json:"audio_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionTokensDetails struct {
		ReasoningTokens          int `json:"reasoning_tokens"`
		AudioTokens              int `json:"audio_tokens"`
		AcceptedPredictionTokens int `json:"accepted_prediction_tokens"`
		RejectedPredictionTokens int `json:"rejected_prediction_tokens"`
	} `json:"completion_tokens_details"`
}

func (x *exchange) usage(out int) *chatUsage {
	return &chatUsage{PromptTokens: x.inputTokens(), CompletionTokens: out, TotalTokens: x.inputTokens() + out}
}

// chat answers POST …/chat/completions.
func (x *exchange) chat() {
	pieces, call := x.pieces(), x.called()
	c := chatCompletion{ID: x.id("chatcmpl-"), Object: "chat.completion", Created: x.created(), Model: x.ask.Model, ServiceTier: "default", SystemFingerprint: "fp_standin"}
	stop, tools := "stop", "tool_calls"
	if !x.ask.Stream {
		m, reason := &chatMessage{Role: "assistant", Annotations: []string{}}, &stop
		if call == nil {
			text := x.text()
			m.Content = &text
		} else {
			m.ToolCalls, reason = []chatTool{{ID: x.id("call_"), Type: "function", Function: chatFunction{call.name(), call.arguments()}}}, &tools
		}
		c.Choices, c.Usage = []chatChoice{{Message: m, FinishReason: reason}}, x.usage(len(pieces))
		x.json(marshal(c))
		return
	}
	c.Object = "chat.completion.chunk"
	send := func(d *chatDelta, reason *string) []byte {
		c.Choices = []chatChoice{{Delta: d, FinishReason: reason}}
		return marshal(c)
	}
	empty, zero := "", 0
	s := x.stream(len(pieces))
	s.data("", send(&chatDelta{Role: "assistant", Content: &empty}, nil))
	reason := &stop
	if call != nil {
		args := call.arguments()
		s.data("", send(&chatDelta{ToolCalls: []chatTool{{Index: &zero, ID: x.id("call_"), Type: "function", Function: chatFunction{Name: call.name()}}}}, nil))
		for _, part := range []string{args[:len(args)/2], args[len(args)/2:]} {
			s.text("", send(&chatDelta{ToolCalls: []chatTool{{Index: &zero, Function: chatFunction{Arguments: part}}}}, nil))
		}
		reason = &tools
	} else {
		for _, p := range pieces {
			if !s.text("", send(&chatDelta{Content: &p}, nil)) {
				return
			}
		}
	}
	s.data("", send(&chatDelta{}, reason))
	if x.ask.StreamOptions.IncludeUsage {
		c.Choices, c.Usage = []chatChoice{}, x.usage(len(pieces))
		s.data("", marshal(c))
	}
	s.data("", []byte("[DONE]"))
}

type completion struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   *chatUsage         `json:"usage,omitempty"`
}

type completionChoice struct {
	Text         string  `json:"text"`
	Index        int     `json:"index"`
	Logprobs     *string `json:"logprobs"` // always null
	FinishReason *string `json:"finish_reason"`
}

// completions answers POST …/completions.
func (x *exchange) completions() {
	pieces, stop := x.pieces(), "stop"
	c := completion{ID: x.id("cmpl-"), Object: "text_completion", Created: x.created(), Model: x.ask.Model}
	if !x.ask.Stream {
		c.Choices, c.Usage = []completionChoice{{Text: x.text(), FinishReason: &stop}}, x.usage(len(pieces))
		x.json(marshal(c))
		return
	}
	s := x.stream(len(pieces))
	for i, p := range pieces {
		choice := completionChoice{Text: p}
		if i == len(pieces)-1 {
			choice.FinishReason = &stop
		}
		c.Choices = []completionChoice{choice}
		if !s.text("", marshal(c)) {
			return
		}
	}
	if x.ask.StreamOptions.IncludeUsage {
		c.Choices, c.Usage = []completionChoice{}, x.usage(len(pieces))
		s.data("", marshal(c))
	}
	s.data("", []byte("[DONE]"))
}

type embedding struct {
	Object    string          `json:"object"`
	Index     int             `json:"index"`
	Embedding json.RawMessage `json:"embedding"`
}

// embeddings answers POST …/embeddings: the same unit vector for every input.
func (x *exchange) embeddings() {
	n := x.ask.Dimensions
	if n <= 0 {
		n = dimensions
	}
	n = min(n, maxDimensions)
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(1 / math.Sqrt(float64(n)))
	}
	vector := marshal(v)
	if x.ask.Encoding == "base64" {
		b := make([]byte, 0, 4*n)
		for _, f := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
		vector = marshal(base64.StdEncoding.EncodeToString(b))
	}
	out := struct {
		Object string      `json:"object"`
		Data   []embedding `json:"data"`
		Model  string      `json:"model"`
		Usage  struct {
			PromptTokens int `json:"prompt_tokens"`
			TotalTokens  int `json:"total_tokens"`
		} `json:"usage"`
	}{Object: "list", Model: x.ask.Model}
	for i := range x.inputs() {
		out.Data = append(out.Data, embedding{Object: "embedding", Index: i, Embedding: vector})
	}
	out.Usage.PromptTokens, out.Usage.TotalTokens = x.inputTokens(), x.inputTokens()
	x.json(marshal(out))
}

// inputs counts the inputs: a string or a list of token ids is one, a list of
// strings or of lists is as many as it holds.
func (x *exchange) inputs() int {
	var list []json.RawMessage
	if json.Unmarshal(x.ask.Input, &list) != nil || len(list) == 0 {
		return 1
	}
	if c := list[0][0]; c == '"' || c == '[' || c == '{' {
		return len(list)
	}
	return 1
}

// moderation categories of omni-moderation-latest.
var categories = []string{
	"harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
	"self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
}

type moderation struct {
	Flagged    bool                `json:"flagged"`
	Categories map[string]bool     `json:"categories"`
	Scores     map[string]float64  `json:"category_scores"`
	Applied    map[string][]string `json:"category_applied_input_types"`
}

// moderations answers POST …/moderations: nothing is flagged.
func (x *exchange) moderations() {
	m := moderation{Categories: map[string]bool{}, Scores: map[string]float64{}, Applied: map[string][]string{}}
	for _, c := range categories {
		m.Categories[c], m.Scores[c], m.Applied[c] = false, 0.000001, []string{"text"}
	}
	out := struct {
		ID      string       `json:"id"`
		Model   string       `json:"model"`
		Results []moderation `json:"results"`
	}{x.id("modr-"), x.ask.Model, slices.Repeat([]moderation{m}, x.inputs())}
	x.json(marshal(out))
}

type openaiModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

type anthropicModel struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	CreatedAt   string `json:"created_at"`
}

// models answers GET …/models and, with an id, GET …/models/ID.
func (x *exchange) models(id string) {
	if id != "" && !slices.Contains(x.s.o.Models, id) {
		x.fail(http.StatusNotFound, "not_found_error", "there is no such model")
		return
	}
	if x.anthropic {
		list := []anthropicModel{}
		for _, m := range x.s.o.Models {
			a := anthropicModel{"model", m, m, "2026-01-01T00:00:00Z"}
			if m == id {
				x.json(marshal(a))
				return
			}
			list = append(list, a)
		}
		out := struct {
			Data    []anthropicModel `json:"data"`
			HasMore bool             `json:"has_more"`
			FirstID *string          `json:"first_id"`
			LastID  *string          `json:"last_id"`
		}{Data: list}
		if len(list) > 0 {
			out.FirstID, out.LastID = &list[0].ID, &list[len(list)-1].ID
		}
		x.json(marshal(out))
		return
	}
	list := []openaiModel{}
	for _, m := range x.s.o.Models {
		o := openaiModel{m, "model", x.created(), "standin"}
		if m == id {
			x.json(marshal(o))
			return
		}
		list = append(list, o)
	}
	x.json(marshal(struct {
		Object string        `json:"object"`
		Data   []openaiModel `json:"data"`
	}{"list", list}))
}
