package standin

import (
	"encoding/json"
	"strconv"
)

type message struct {
	ID           string         `json:"id"`
	Type         string         `json:"type"`
	Role         string         `json:"role"`
	Model        string         `json:"model"`
	Content      []block        `json:"content"`
	StopReason   *string        `json:"stop_reason"`
	StopSequence *string        `json:"stop_sequence"` // always null
	StopDetails  *string        `json:"stop_details"`  // always null
	Usage        anthropicUsage `json:"usage"`
}

type block struct {
	Type  string          `json:"type"`
	Text  *string         `json:"text,omitempty"`
	ID    string          `json:"id,omitempty"`
	Name  string          `json:"name,omitempty"`
	Input json.RawMessage `json:"input,omitempty"`
}

type anthropicUsage struct {
	InputTokens              int `json:"input_tokens"`
	CacheCreationInputTokens int `json:"cache_creation_input_tokens"`
	CacheReadInputTokens     int `json:"cache_read_input_tokens"`
	CacheCreation            struct {
		Hour    int `json:"ephemeral_1h_input_tokens"`
		Minutes int `json:"ephemeral_5m_input_tokens"`
	} `json:"cache_creation"`
	InferenceGeo string `json:"inference_geo"`
	OutputTokens int    `json:"output_tokens"`
	ServiceTier  string `json:"service_tier"`
}

type messageEvent struct {
	Type         string          `json:"type"`
	Message      *message        `json:"message,omitempty"`
	Index        *int            `json:"index,omitempty"`
	ContentBlock *block          `json:"content_block,omitempty"`
	Delta        json.RawMessage `json:"delta,omitempty"`
	Usage        *struct {
		OutputTokens int `json:"output_tokens"`
	} `json:"usage,omitempty"`
}

// messages answers POST …/messages.
func (x *exchange) messages() {
	pieces, call := x.pieces(), x.called()
	end, use := "end_turn", "tool_use"
	m := message{ID: x.id("msg_"), Type: "message", Role: "assistant", Model: x.ask.Model, Content: []block{},
		Usage: anthropicUsage{InputTokens: x.inputTokens(), OutputTokens: 1, InferenceGeo: "not_available", ServiceTier: "standard"}}
	if !x.ask.Stream {
		m.Usage.OutputTokens, m.StopReason = len(pieces), &end
		if call != nil {
			m.Content, m.StopReason = append(m.Content, block{Type: "tool_use", ID: x.id("toolu_"), Name: call.name(), Input: json.RawMessage(call.arguments())}), &use
		} else {
			text := x.text()
			m.Content = append(m.Content, block{Type: "text", Text: &text})
		}
		x.json(marshal(m))
		return
	}
	s := x.stream(len(pieces))
	zero := 0
	send := func(e messageEvent) { s.data(e.Type, marshal(e)) }
	text := func(e messageEvent) bool { return s.text(e.Type, marshal(e)) }
	send(messageEvent{Type: "message_start", Message: &m})
	reason := end
	if call != nil {
		reason = use
		args := call.arguments()
		send(messageEvent{Type: "content_block_start", Index: &zero, ContentBlock: &block{Type: "tool_use", ID: x.id("toolu_"), Name: call.name(), Input: json.RawMessage("{}")}})
		for _, p := range []string{"", args[:len(args)/2], args[len(args)/2:]} {
			text(messageEvent{Type: "content_block_delta", Index: &zero, Delta: json.RawMessage(`{"type":"input_json_delta","partial_json":` + quote(p) + `}`)})
		}
	} else {
		empty := ""
		send(messageEvent{Type: "content_block_start", Index: &zero, ContentBlock: &block{Type: "text", Text: &empty}})
		send(messageEvent{Type: "ping"})
		for _, p := range pieces {
			if !text(messageEvent{Type: "content_block_delta", Index: &zero, Delta: json.RawMessage(`{"type":"text_delta","text":` + quote(p) + `}`)}) {
				return
			}
		}
	}
	send(messageEvent{Type: "content_block_stop", Index: &zero})
	last := messageEvent{Type: "message_delta", Delta: json.RawMessage(`{"stop_reason":` + quote(reason) + `,"stop_sequence":null}`)}
	last.Usage = &struct {
		OutputTokens int `json:"output_tokens"`
	}{len(pieces)}
	send(last)
	send(messageEvent{Type: "message_stop"})
}

// countTokens answers POST …/messages/count_tokens.
func (x *exchange) countTokens() {
	x.json([]byte(`{"input_tokens":` + strconv.Itoa(x.inputTokens()) + `}`))
}
