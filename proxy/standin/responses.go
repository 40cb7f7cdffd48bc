package standin

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// responseHead and responseTail are the members of a response around its output, as OpenAI fills
// them for a request that sets nothing.
const (
	responseTail = `"parallel_tool_calls":true,"previous_response_id":null,"presence_penalty":0.0,"prompt_cache_key":null,"prompt_cache_retention":null,"reasoning":{"context":null,"effort":null,"summary":null},` +
		`"safety_identifier":null,"service_tier":"default","store":false,"temperature":1.0,"text":{"format":{"type":"text"},"verbosity":"medium"},` +
		`"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1.0,"truncation":"disabled"`
	responseHead = `"background":false,"billing":{"payer":"developer"},"error":null,"frequency_penalty":0.0,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"moderation":null`
)

// outputText is one part of a message's content.
type outputText struct {
	Type        string   `json:"type"`
	Annotations []string `json:"annotations"`
	Logprobs    []string `json:"logprobs"`
	Text        string   `json:"text"`
}

// outputMessage is an output item of text.
type outputMessage struct {
	ID      string       `json:"id"`
	Type    string       `json:"type"`
	Status  string       `json:"status"`
	Role    string       `json:"role"`
	Content []outputText `json:"content"`
}

// outputCall is an output item that calls a function.
type outputCall struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Status    string `json:"status"`
	Arguments string `json:"arguments"`
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
}

func part(text string) outputText {
	return outputText{Type: "output_text", Annotations: []string{}, Logprobs: []string{}, Text: text}
}

func (x *exchange) messageItem(text, status string) json.RawMessage {
	m := outputMessage{ID: x.id("msg_"), Type: "message", Status: status, Role: "assistant", Content: []outputText{}}
	if status == "completed" {
		m.Content = append(m.Content, part(text))
	}
	return marshal(m)
}

func (x *exchange) callItem(t *tool, arguments, status string) json.RawMessage {
	return marshal(outputCall{ID: x.id("fc_"), Type: "function_call", Status: status, Arguments: arguments, CallID: x.id("call_"), Name: t.name()})
}

// response writes the response object with a message of that text.
func (x *exchange) response(text, status string) []byte {
	var items []json.RawMessage
	if status == "completed" {
		items = append(items, x.messageItem(text, status))
	}
	return x.responseOf(items, status)
}

func (x *exchange) responseOf(items []json.RawMessage, status string) []byte {
	var b bytes.Buffer
	created := strconv.FormatInt(x.created(), 10)
	completed := "null"
	if status == "completed" {
		completed = created
	}
	b.WriteString(`{"id":` + quote(x.id("resp_")) + `,"object":"response","created_at":` + created + `,"completed_at":` + completed +
		`,"status":` + quote(status) + `,` + responseHead + `,"model":` + quote(x.ask.Model) + `,"output":[`)
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(item)
	}
	b.WriteString(`],` + responseTail + `,"usage":`)
	if status == "completed" {
		in, out := x.inputTokens(), len(x.pieces())
		b.WriteString(`{"input_tokens":` + strconv.Itoa(in) + `,"input_tokens_details":{"cached_tokens":0},"output_tokens":` + strconv.Itoa(out) +
			`,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":` + strconv.Itoa(in+out) + `}`)
	} else {
		b.WriteString("null")
	}
	b.WriteString(`,"user":null,"metadata":{}}`)
	return b.Bytes()
}

// responseEvent is one event of a stream; members that an event has not are left
// out.
type responseEvent struct {
	Type           string          `json:"type"`
	SequenceNumber int             `json:"sequence_number"`
	Response       json.RawMessage `json:"response,omitempty"`
	OutputIndex    *int            `json:"output_index,omitempty"`
	Item           json.RawMessage `json:"item,omitempty"`
	ItemID         string          `json:"item_id,omitempty"`
	ContentIndex   *int            `json:"content_index,omitempty"`
	Part           *outputText     `json:"part,omitempty"`
	Delta          *string         `json:"delta,omitempty"`
	Text           *string         `json:"text,omitempty"`
	Name           string          `json:"name,omitempty"`
	Arguments      *string         `json:"arguments,omitempty"`
	Logprobs       *[]string       `json:"logprobs,omitempty"`
}

// responses answers POST …/responses.
func (x *exchange) responses() {
	call := x.called()
	if !x.ask.Stream {
		if call != nil {
			x.json(x.responseOf([]json.RawMessage{x.callItem(call, call.arguments(), "completed")}, "completed"))
			return
		}
		x.json(x.response(x.text(), "completed"))
		return
	}
	pieces := x.pieces()
	s := x.stream(len(pieces))
	sequence, zero := 0, 0
	event := func(e responseEvent) (string, []byte) {
		e.SequenceNumber = sequence
		sequence++
		return e.Type, marshal(e)
	}
	send := func(e responseEvent) { s.data(event(e)) }
	send(responseEvent{Type: "response.created", Response: x.response("", "in_progress")})
	send(responseEvent{Type: "response.in_progress", Response: x.response("", "in_progress")})
	var item json.RawMessage
	if call != nil {
		id, args := x.id("fc_"), call.arguments()
		send(responseEvent{Type: "response.output_item.added", OutputIndex: &zero, Item: x.callItem(call, "", "in_progress")})
		for _, p := range []string{args[:len(args)/2], args[len(args)/2:]} {
			s.text(event(responseEvent{Type: "response.function_call_arguments.delta", ItemID: id, OutputIndex: &zero, Delta: &p}))
		}
		send(responseEvent{Type: "response.function_call_arguments.done", ItemID: id, OutputIndex: &zero, Name: call.name(), Arguments: &args})
		item = x.callItem(call, args, "completed")
	} else {
		id, none, text, empty := x.id("msg_"), []string{}, "", part("")
		send(responseEvent{Type: "response.output_item.added", OutputIndex: &zero, Item: x.messageItem("", "in_progress")})
		send(responseEvent{Type: "response.content_part.added", ItemID: id, OutputIndex: &zero, ContentIndex: &zero, Part: &empty})
		for _, p := range pieces {
			text += p
			if !s.text(event(responseEvent{Type: "response.output_text.delta", ItemID: id, OutputIndex: &zero, ContentIndex: &zero, Delta: &p, Logprobs: &none})) {
				return
			}
		}
		whole := part(text)
		send(responseEvent{Type: "response.output_text.done", ItemID: id, OutputIndex: &zero, ContentIndex: &zero, Text: &text, Logprobs: &none})
		send(responseEvent{Type: "response.content_part.done", ItemID: id, OutputIndex: &zero, ContentIndex: &zero, Part: &whole})
		item = x.messageItem(text, "completed")
	}
	send(responseEvent{Type: "response.output_item.done", OutputIndex: &zero, Item: item})
	send(responseEvent{Type: "response.completed", Response: x.responseOf([]json.RawMessage{item}, "completed")})
}
