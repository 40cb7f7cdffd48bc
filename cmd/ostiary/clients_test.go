package main

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/testdata/env"
)

// The official SDKs of three languages, through both data planes: what is
// ordinary goes to the closed API, what holds personal data goes to a real model
// server in-house, what holds a secret is refused in a way that the SDK's caller
// can read.
func TestOfficialSDKs(t *testing.T) {
	eachPlane(t, func(t *testing.T, plane string) {
		in := &instance{t: t, openai: newUpstream(t, "openai")}
		in.serve(plane, env.Model(t), "")
		for _, language := range env.Languages {
			t.Run(language, func(t *testing.T) {
				sdk := env.NewSDK(t, language)
				for _, c := range []struct {
					name    string
					call    env.Case
					pool    string
					reroute bool // to the model server in-house, which answers itself
				}{
					{name: "chat", call: env.Case{Operation: "chat"}, pool: "openai"},
					{name: "chat streamed", call: env.Case{Operation: "chat", Stream: true}, pool: "openai"},
					{name: "chat with tools", call: env.Case{Operation: "chat", Tools: true}, pool: "openai"},
					{name: "responses", call: env.Case{Operation: "responses"}, pool: "openai"},
					{name: "responses streamed", call: env.Case{Operation: "responses", Stream: true}, pool: "openai"},
					{name: "completions", call: env.Case{Operation: "completions"}, pool: "openai"},
					{name: "embeddings", call: env.Case{Operation: "embeddings"}, pool: "openai"},
					{name: "moderations", call: env.Case{Operation: "moderations"}, pool: "openai"},
					{name: "messages", call: env.Case{Operation: "messages"}, pool: "anthropic"},
					{name: "messages streamed", call: env.Case{Operation: "messages", Stream: true}, pool: "anthropic"},
					{name: "messages with tools", call: env.Case{Operation: "messages", Tools: true}, pool: "anthropic"},
					{name: "count tokens", call: env.Case{Operation: "count_tokens"}, pool: "anthropic"},
				} {
					t.Run(c.name, func(t *testing.T) {
						call := c.call
						call.Base, call.Key, call.Model = in.url, "the-applications-own-key", "gpt-5"
						call.Prompt = ordinary
						seen := sdk.Do(t, call)
						if !seen.OK || seen.Headers["x-ostiary-pool"] != c.pool || seen.Headers["x-ostiary-action"] != "allow" || len(seen.Headers["x-ostiary-decision-id"]) != 26 {
							t.Errorf("ordinary: %+v error %+v, want it served by %s", seen, seen.Error, c.pool)
						}
						if call.Stream && seen.Events < 2 {
							t.Errorf("ordinary: %d events of a stream", seen.Events)
						}

						call.Prompt = secret
						seen = sdk.Do(t, call)
						e := seen.Error
						if seen.OK || e == nil || e.Status != 403 || e.Code != "data_policy_denied" || len(e.DecisionID) != 26 || !strings.Contains(e.Message, "credential") {
							t.Errorf("secret: %+v error %+v, want a typed refusal with code, decision id and what to do", seen, e)
						}
						switch {
						case e == nil:
						case language == "go" && (e.Class == "*openai.Error" || e.Class == "*anthropic.Error"), e.Class == "PermissionDeniedError":
						default:
							t.Errorf("secret: the SDK raises %s", e.Class)
						}

						switch call.Operation {
						case "embeddings", "moderations":
							return // the scripted model has neither
						}
						call.Prompt = personal
						call.Retries = 2 // the real server closes kept connections without a word
						seen = sdk.Do(t, call)
						if !seen.OK || seen.Headers["x-ostiary-pool"] != "house" || seen.Headers["x-ostiary-action"] != "reroute" {
							t.Errorf("personal data: %+v error %+v, want it served in-house", seen, seen.Error)
						}
					})
				}
				t.Run("models", func(t *testing.T) {
					for _, dialect := range []string{"openai", "anthropic"} {
						seen := sdk.Do(t, env.Case{Base: in.url, Operation: "models", Dialect: dialect})
						if !seen.OK || len(seen.Models) != 1 || seen.Models[0] != "house-model" {
							t.Errorf("%s: %+v error %+v, want the configured names", dialect, seen, seen.Error)
						}
					}
				})
			})
		}
		for _, r := range in.openai.Requests() {
			for _, p := range []string{"lindqvist", demoToken} {
				if strings.Contains(string(r.Body), p) {
					t.Error("personal data or a secret reached the closed API")
				}
			}
			want := "Bearer " + testOpenAIKey
			if strings.Contains(r.Target, "messages") {
				want = testAnthropicKey
			}
			if got := r.Header.Get("authorization") + r.Header.Get("x-api-key"); got != want {
				t.Errorf("%s: the closed API got another key than its own", r.Target)
			}
		}
	})
}
