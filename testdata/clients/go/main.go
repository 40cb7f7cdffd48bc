// Command client is the official Go SDKs as a test subject: one case per line
// in, one answer per line out, as testdata/clients/README.md describes. Prompts
// never travel in argv.
//
// It is a module of its own, so that Ostiary does not depend on the SDKs.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go/v2"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// testCase is one line of input.
type testCase struct {
	ID        string            `json:"id"`
	Base      string            `json:"base"`
	Key       string            `json:"key"`
	Operation string            `json:"operation"`
	Dialect   string            `json:"dialect"`
	Model     string            `json:"model"`
	Prompt    string            `json:"prompt"`
	System    string            `json:"system"`
	Stream    bool              `json:"stream"`
	Tools     bool              `json:"tools"`
	MaxTokens int64             `json:"max_tokens"`
	Retries   int               `json:"retries"`
	Timeout   float64           `json:"timeout"` // seconds
	Headers   map[string]string `json:"headers"`
}

// answer is one line of output: what the SDK showed its caller.
type answer struct {
	ID       string            `json:"id"`
	OK       bool              `json:"ok"`
	Status   int               `json:"status"`
	Text     string            `json:"text"`
	Events   int               `json:"events"`
	Finish   string            `json:"finish"`
	ToolCall *toolCall         `json:"tool_call"`
	Models   []string          `json:"models"`
	Tokens   int64             `json:"tokens"`
	Vector   int               `json:"vector"`
	Flagged  *bool             `json:"flagged"`
	Error    *failure          `json:"error"`
	Headers  map[string]string `json:"headers"`
}

type toolCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type failure struct {
	Class      string `json:"class"`
	Type       string `json:"type"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	Status     int    `json:"status"`
	DecisionID string `json:"decision_id"`
}

const (
	toolName        = "get_weather"
	toolDescription = "Current weather of a city"

	defaultTimeout = 30 * time.Second // for one case; a test would rather see an error than hang
	longestCase    = 64 << 20         // bytes of one line of input
)

var headers = []string{"x-ostiary-decision-id", "x-ostiary-action", "x-ostiary-pool"}

// schema is what tools take: an object with a city.
func schema() map[string]any {
	return map[string]any{
		"type":       "object",
		"properties": map[string]any{"city": map[string]any{"type": "string"}},
		"required":   []string{"city"},
	}
}

// seen collects what one case shows.
type seen struct {
	answer
	response *http.Response
	text     strings.Builder
	tool     toolCall
}

func (s *seen) call(name, arguments string) {
	if name != "" {
		s.tool.Name = name
	}
	s.tool.Arguments += arguments
}

func (s *seen) finish(reason string) {
	if reason != "" {
		s.Finish = reason
	}
}

func (s *seen) tokens(n int64) {
	if n != 0 {
		s.Tokens = n
	}
}

func (s *seen) done(err error) answer {
	s.Text = s.text.String()
	if s.tool.Name != "" {
		s.ToolCall = &s.tool
	}
	s.OK = err == nil
	if err != nil {
		s.Error = s.describe(err)
	}
	s.Headers = map[string]string{}
	if s.response != nil {
		s.Status = s.response.StatusCode
		for _, h := range headers {
			if v := s.response.Header.Get(h); v != "" {
				s.Headers[h] = v
			}
		}
		if s.Error != nil {
			s.Error.DecisionID = s.Headers["x-ostiary-decision-id"]
		}
	}
	return s.answer
}

// describe says what a caller of the SDK can read of the error.
func (s *seen) describe(err error) *failure {
	f := &failure{Class: fmt.Sprintf("%T", err), Message: err.Error()}
	var o *openai.Error
	var a *anthropic.Error
	switch {
	case errors.As(err, &o):
		f.Class = "*openai.Error"
		f.Type, f.Code, f.Status = o.Type, o.Code, o.StatusCode
		if o.Message != "" {
			f.Message = o.Message
		}
		if o.Response != nil {
			s.response = o.Response
		}
	case errors.As(err, &a):
		f.Class = "*anthropic.Error"
		f.Type, f.Status = string(a.Type()), a.StatusCode
		if a.Message != "" {
			f.Message = a.Message
		}
		// The SDK has no field for a code; its callers read it off the body.
		var body struct {
			Code  string `json:"code"`
			Error struct {
				Code string `json:"code"`
			} `json:"error"`
		}
		if json.Unmarshal([]byte(a.RawJSON()), &body) == nil {
			f.Code = body.Error.Code
			if f.Code == "" {
				f.Code = body.Code
			}
		}
		if a.Response != nil {
			s.response = a.Response
		}
	}
	return f
}

func (c *testCase) key() string {
	if c.Key == "" {
		return "test-key"
	}
	return c.Key
}

func (c *testCase) timeout() time.Duration {
	if c.Timeout == 0 {
		return defaultTimeout
	}
	return time.Duration(c.Timeout * float64(time.Second))
}

func (c *testCase) max(otherwise int64) int64 {
	if c.MaxTokens == 0 {
		return otherwise
	}
	return c.MaxTokens
}

func (c *testCase) openai(s *seen) openai.Client {
	o := []openaioption.RequestOption{
		openaioption.WithAPIKey(c.key()),
		openaioption.WithBaseURL(strings.TrimSuffix(c.Base, "/") + "/v1/"),
		openaioption.WithMaxRetries(c.Retries),
		openaioption.WithRequestTimeout(c.timeout()),
		openaioption.WithResponseInto(&s.response),
	}
	for k, v := range c.Headers {
		o = append(o, openaioption.WithHeader(k, v))
	}
	return openai.NewClient(o...)
}

func (c *testCase) anthropic(s *seen) anthropic.Client {
	o := []anthropicoption.RequestOption{
		anthropicoption.WithAPIKey(c.key()),
		anthropicoption.WithBaseURL(strings.TrimSuffix(c.Base, "/") + "/"),
		anthropicoption.WithMaxRetries(c.Retries),
		anthropicoption.WithRequestTimeout(c.timeout()),
		anthropicoption.WithResponseInto(&s.response),
	}
	for k, v := range c.Headers {
		o = append(o, anthropicoption.WithHeader(k, v))
	}
	return anthropic.NewClient(o...)
}

func chat(ctx context.Context, c *testCase, s *seen) error {
	p := openai.ChatCompletionNewParams{Model: c.Model, MaxTokens: openai.Int(c.max(512))}
	if c.System != "" {
		p.Messages = append(p.Messages, openai.SystemMessage(c.System))
	}
	p.Messages = append(p.Messages, openai.UserMessage(c.Prompt))
	if c.Tools {
		p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: toolName, Description: openai.String(toolDescription), Parameters: schema(),
		})}
	}
	client := c.openai(s)
	if !c.Stream {
		r, err := client.Chat.Completions.New(ctx, p)
		if err != nil {
			return err
		}
		s.tokens(r.Usage.TotalTokens)
		for _, choice := range r.Choices {
			s.text.WriteString(choice.Message.Content)
			s.finish(choice.FinishReason)
			for _, t := range choice.Message.ToolCalls {
				s.call(t.Function.Name, t.Function.Arguments)
			}
		}
		return nil
	}
	p.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	stream := client.Chat.Completions.NewStreaming(ctx, p)
	defer stream.Close()
	for stream.Next() {
		s.Events++
		chunk := stream.Current()
		s.tokens(chunk.Usage.TotalTokens)
		for _, choice := range chunk.Choices {
			s.text.WriteString(choice.Delta.Content)
			s.finish(choice.FinishReason)
			for _, t := range choice.Delta.ToolCalls {
				s.call(t.Function.Name, t.Function.Arguments)
			}
		}
	}
	return stream.Err()
}

func respond(ctx context.Context, c *testCase, s *seen) error {
	p := responses.ResponseNewParams{
		Model:           c.Model,
		Input:           responses.ResponseNewParamsInputUnion{OfString: openai.String(c.Prompt)},
		MaxOutputTokens: openai.Int(c.max(512)),
	}
	if c.System != "" {
		p.Instructions = openai.String(c.System)
	}
	if c.Tools {
		p.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{
			Name: toolName, Description: openai.String(toolDescription), Parameters: schema(), Strict: openai.Bool(false),
		}}}
	}
	client := c.openai(s)
	if !c.Stream {
		r, err := client.Responses.New(ctx, p)
		if err != nil {
			return err
		}
		responded(r, s)
		s.text.WriteString(r.OutputText())
		return nil
	}
	stream := client.Responses.NewStreaming(ctx, p)
	defer stream.Close()
	for stream.Next() {
		s.Events++
		event := stream.Current()
		switch event.Type {
		case "response.output_text.delta":
			s.text.WriteString(event.Delta)
		case "response.completed", "response.incomplete", "response.failed":
			responded(&event.Response, s)
		}
	}
	return stream.Err()
}

func responded(r *responses.Response, s *seen) {
	s.finish(string(r.Status))
	s.tokens(r.Usage.TotalTokens)
	for _, item := range r.Output {
		if item.Type == "function_call" {
			call := item.AsFunctionCall()
			s.call(call.Name, call.Arguments)
		}
	}
}

func complete(ctx context.Context, c *testCase, s *seen) error {
	p := openai.CompletionNewParams{
		Model:     openai.CompletionNewParamsModel(c.Model),
		Prompt:    openai.CompletionNewParamsPromptUnion{OfString: openai.String(c.Prompt)},
		MaxTokens: openai.Int(c.max(64)),
	}
	client := c.openai(s)
	if !c.Stream {
		r, err := client.Completions.New(ctx, p)
		if err != nil {
			return err
		}
		s.tokens(r.Usage.TotalTokens)
		for _, choice := range r.Choices {
			s.text.WriteString(choice.Text)
			s.finish(string(choice.FinishReason))
		}
		return nil
	}
	stream := client.Completions.NewStreaming(ctx, p)
	defer stream.Close()
	for stream.Next() {
		s.Events++
		for _, choice := range stream.Current().Choices {
			s.text.WriteString(choice.Text)
			s.finish(string(choice.FinishReason))
		}
	}
	return stream.Err()
}

func embed(ctx context.Context, c *testCase, s *seen) error {
	client := c.openai(s)
	r, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: c.Model,
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{c.Prompt}},
	})
	if err != nil {
		return err
	}
	s.tokens(r.Usage.TotalTokens)
	for _, d := range r.Data {
		s.Vector = len(d.Embedding)
	}
	return nil
}

func moderate(ctx context.Context, c *testCase, s *seen) error {
	client := c.openai(s)
	r, err := client.Moderations.New(ctx, openai.ModerationNewParams{
		Model: c.Model,
		Input: openai.ModerationNewParamsInputUnion{OfString: openai.String(c.Prompt)},
	})
	if err != nil {
		return err
	}
	for _, result := range r.Results {
		s.Flagged = &result.Flagged
	}
	return nil
}

func list(ctx context.Context, c *testCase, s *seen) error {
	if c.Dialect == "anthropic" {
		client := c.anthropic(s)
		page, err := client.Models.List(ctx, anthropic.ModelListParams{})
		if err != nil {
			return err
		}
		for _, m := range page.Data {
			s.Models = append(s.Models, m.ID)
		}
		return nil
	}
	client := c.openai(s)
	page, err := client.Models.List(ctx)
	if err != nil {
		return err
	}
	for _, m := range page.Data {
		s.Models = append(s.Models, m.ID)
	}
	return nil
}

func message(ctx context.Context, c *testCase, s *seen) error {
	p := anthropic.MessageNewParams{
		Model:     anthropic.Model(c.Model),
		MaxTokens: c.max(512),
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(c.Prompt))},
	}
	if c.System != "" {
		p.System = []anthropic.TextBlockParam{{Text: c.System}}
	}
	if c.Tools {
		p.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{
			Name: toolName, Description: anthropic.String(toolDescription),
			InputSchema: anthropic.ToolInputSchemaParam{Properties: schema()["properties"], Required: []string{"city"}},
		}}}
	}
	client := c.anthropic(s)
	if !c.Stream && c.Operation == "messages" {
		r, err := client.Messages.New(ctx, p)
		if err != nil {
			return err
		}
		messaged(r, s)
		return nil
	}
	// The Go SDK's helper is to accumulate the events of the one stream it has.
	stream := client.Messages.NewStreaming(ctx, p)
	defer stream.Close()
	var whole anthropic.Message
	for stream.Next() {
		s.Events++
		event := stream.Current()
		if c.Operation == "messages_helper" {
			if err := whole.Accumulate(event); err != nil {
				return err
			}
			continue
		}
		switch event.Type {
		case "content_block_start":
			if event.ContentBlock.Type == "tool_use" {
				s.call(event.ContentBlock.Name, "")
			}
		case "content_block_delta":
			s.text.WriteString(event.Delta.Text)
			s.call("", event.Delta.PartialJSON)
		case "message_delta":
			s.finish(string(event.Delta.StopReason))
			s.tokens(event.Usage.OutputTokens)
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	if c.Operation == "messages_helper" {
		messaged(&whole, s)
	}
	return nil
}

func messaged(r *anthropic.Message, s *seen) {
	s.finish(string(r.StopReason))
	s.tokens(r.Usage.OutputTokens)
	for _, block := range r.Content {
		switch block.Type {
		case "text":
			s.text.WriteString(block.Text)
		case "tool_use":
			s.call(block.Name, string(block.Input))
		}
	}
}

func countTokens(ctx context.Context, c *testCase, s *seen) error {
	client := c.anthropic(s)
	r, err := client.Messages.CountTokens(ctx, anthropic.MessageCountTokensParams{
		Model:    anthropic.Model(c.Model),
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(c.Prompt))},
	})
	if err != nil {
		return err
	}
	s.tokens(r.InputTokens)
	return nil
}

func run(c *testCase) answer {
	s := &seen{answer: answer{ID: c.ID, Models: []string{}}}
	operation, ok := map[string]func(context.Context, *testCase, *seen) error{
		"chat": chat, "responses": respond, "completions": complete, "embeddings": embed,
		"moderations": moderate, "models": list, "messages": message, "messages_helper": message,
		"count_tokens": countTokens,
	}[c.Operation]
	if !ok {
		return s.done(errors.New("unknown operation"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout())
	defer cancel()
	return s.done(operation(ctx, c, s))
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, longestCase)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var c testCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "client: a line of input is not a case")
			os.Exit(2)
		}
		if err := out.Encode(run(&c)); err != nil {
			os.Exit(2)
		}
	}
	if in.Err() != nil {
		fmt.Fprintln(os.Stderr, "client: input cannot be read")
		os.Exit(2)
	}
}
