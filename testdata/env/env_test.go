package env

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestAtLeast(t *testing.T) {
	for printed, want := range map[string]bool{
		"\nenvoy  version: 0ff8b6c7f6a5/1.40.0/Clean/RELEASE/BoringSSL\n":    true,
		"\nenvoy  version: 0ff8b6c7f6a5/1.41.2/Clean/RELEASE/BoringSSL\n":    true,
		"\nenvoy  version: 0ff8b6c7f6a5/2.0.0/Clean/RELEASE/BoringSSL\n":     true,
		"\nenvoy  version: 0ff8b6c7f6a5/1.39.9/Clean/RELEASE/BoringSSL\n":    false,
		"\nenvoy  version: 0ff8b6c7f6a5/1.4.0/Clean/RELEASE/BoringSSL\n":     false,
		"\nenvoy  version: 0ff8b6c7f6a5/0.99.0/Modified/RELEASE/BoringSSL\n": false,
		"some other program 1.40.0":                                          false,
		"":                                                                   false,
	} {
		if got := atLeast(printed); got != want {
			t.Errorf("%q: got %v", printed, got)
		}
	}
}

// ending stands for a test and records how it was ended.
type ending struct {
	testing.TB
	how, said string
}

func (e *ending) Helper() {}
func (e *ending) Skipf(format string, args ...any) {
	e.how, e.said = "skip", fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (e *ending) Fatalf(format string, args ...any) {
	e.how, e.said = "fail", fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestMissing(t *testing.T) {
	for _, c := range []struct{ require, how string }{{"", "skip"}, {"0", "skip"}, {"1", "fail"}} {
		t.Setenv(requireVar, c.require)
		e := &ending{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			missing(e, "Envoy", "run make env")
		}()
		<-done
		if e.how != c.how || !strings.Contains(e.said, "run make env") {
			t.Errorf("%s=%q: %s %q", requireVar, c.require, e.how, e.said)
		}
	}
}

func TestEnvoy(t *testing.T) {
	if !newEnough(Envoy(t)) {
		t.Error("the Envoy that was found is too old")
	}
}

// The operations that the scripted model answers, and what each SDK makes of it.
func TestSDKsAgainstModel(t *testing.T) {
	base := Model(t)
	cases := []struct {
		Case
		text, tool, finish string
	}{
		{Case{Operation: "chat", Prompt: "Good morning."}, ModelGreeting, "", "stop"},
		{Case{Operation: "chat", Prompt: "Good morning.", System: "Be brief.", Stream: true}, ModelGreeting, "", "stop"},
		{Case{Operation: "chat", Prompt: "Some PII, please.", Stream: true}, ModelPersonal, "", "stop"},
		{Case{Operation: "chat", Prompt: "Use the TOOL.", Tools: true}, "", ModelTool, "tool_calls"},
		{Case{Operation: "chat", Prompt: "Use the TOOL.", Tools: true, Stream: true}, "", ModelTool, "tool_calls"},
		{Case{Operation: "responses", Prompt: "Some PII, please."}, ModelPersonal, "", "completed"},
		{Case{Operation: "responses", Prompt: "Some PII, please.", Stream: true}, ModelPersonal, "", "completed"},
		{Case{Operation: "responses", Prompt: "Use the TOOL.", Tools: true, Stream: true}, "", ModelTool, "completed"},
		{Case{Operation: "completions", Prompt: "Good morning."}, ModelGreeting, "", "stop"},
		{Case{Operation: "completions", Prompt: "Good morning.", Stream: true}, ModelGreeting, "", "stop"},
		{Case{Operation: "messages", Prompt: "Good morning.", System: "Be brief."}, ModelGreeting, "", "end_turn"},
		{Case{Operation: "messages", Prompt: "Some PII, please.", Stream: true}, ModelPersonal, "", "end_turn"},
		{Case{Operation: "messages", Prompt: "Use the TOOL.", Tools: true}, "", ModelTool, "tool_use"},
		{Case{Operation: "messages", Prompt: "Use the TOOL.", Tools: true, Stream: true}, "", ModelTool, "tool_use"},
		{Case{Operation: "messages_helper", Prompt: "Some PII, please."}, ModelPersonal, "", "end_turn"},
	}
	for _, language := range Languages {
		t.Run(language, func(t *testing.T) {
			sdk := NewSDK(t, language)
			for i, c := range cases {
				c.Case.Base, c.Case.Model, c.Case.ID = base, ModelName, fmt.Sprint(i)
				// The server closes kept connections without a word; a client that
				// meets one in that moment asks again, as the SDKs do by default.
				c.Case.Retries = 2
				at := fmt.Sprintf("%d %s stream=%v tools=%v", i, c.Operation, c.Stream, c.Tools)
				got := sdk.Do(t, c.Case)
				if !got.OK || got.Status != 200 || got.ID != c.Case.ID {
					t.Errorf("%s: ok %v, status %d, error %+v", at, got.OK, got.Status, got.Error)
					continue
				}
				if got.Text != c.text || got.Finish != c.finish {
					t.Errorf("%s: text %q, finish %q", at, got.Text, got.Finish)
				}
				if (got.ToolCall != nil) != (c.tool != "") || got.ToolCall != nil && (got.ToolCall.Name != c.tool || !strings.Contains(got.ToolCall.Arguments, `"Tromso"`)) {
					t.Errorf("%s: tool call %+v", at, got.ToolCall)
				}
				if c.Stream && got.Events < 5 {
					t.Errorf("%s: %d events are no stream", at, got.Events)
				}
			}

			long := sdk.Do(t, Case{Base: base, Model: ModelName, Operation: "chat", Prompt: "A LONG one.", Stream: true, MaxTokens: 2000, Retries: 2})
			if !long.OK || long.Finish != "stop" || !strings.HasPrefix(long.Text, ModelLongStart) || long.Events < 200 {
				t.Errorf("long: ok %v, finish %q, %d bytes in %d events", long.OK, long.Finish, len(long.Text), long.Events)
			}
			count := sdk.Do(t, Case{Base: base, Model: ModelName, Operation: "count_tokens", Prompt: "Good morning.", Retries: 2})
			if !count.OK || count.Tokens < 10 {
				t.Errorf("count_tokens: ok %v, %d tokens", count.OK, count.Tokens)
			}
			for _, dialect := range []string{"openai", "anthropic"} {
				list := sdk.Do(t, Case{Base: base, Dialect: dialect, Operation: "models", Retries: 2})
				if !list.OK || len(list.Models) != 1 || list.Models[0] != ModelName {
					t.Errorf("models, %s: ok %v, %v", dialect, list.OK, list.Models)
				}
			}
		})
	}
}
