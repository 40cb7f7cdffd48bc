package env

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// A refusal as each API shapes it must reach the caller of each SDK as the SDK's
// own permission error, with the code, the decision's id and one attempt.
func TestSDKsShowRefusals(t *testing.T) {
	const id = "01JDZ7WCB4R8QZ5X6M2N9P3T1V"
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		h := w.Header()
		h.Set("content-type", "application/json")
		h.Set("x-should-retry", "false")
		h.Set("x-ostiary-decision-id", id)
		h.Set("x-ostiary-action", "deny")
		w.WriteHeader(403)
		if strings.Contains(r.URL.Path, "messages") {
			fmt.Fprintf(w, `{"type":"error","error":{"type":"permission_error","code":"data_policy_denied","message":"No."},"request_id":%q}`, id)
			return
		}
		fmt.Fprint(w, `{"error":{"message":"No.","type":"policy_violation","param":null,"code":"data_policy_denied"}}`)
	}))
	defer server.Close()

	classes := map[string][2]string{ // openai, anthropic
		"python": {"PermissionDeniedError", "PermissionDeniedError"},
		"node":   {"PermissionDeniedError", "PermissionDeniedError"},
		"go":     {"*openai.Error", "*anthropic.Error"},
	}
	for _, language := range Languages {
		t.Run(language, func(t *testing.T) {
			sdk := NewSDK(t, language)
			for _, c := range []struct {
				operation, kind string
				sdk             int
			}{
				{"chat", "policy_violation", 0},
				{"responses", "policy_violation", 0},
				{"completions", "policy_violation", 0},
				{"embeddings", "policy_violation", 0},
				{"moderations", "policy_violation", 0},
				{"messages", "permission_error", 1},
				{"messages_helper", "permission_error", 1},
				{"count_tokens", "permission_error", 1},
			} {
				for _, stream := range []bool{false, true} {
					calls.Store(0)
					got := sdk.Do(t, Case{Base: server.URL, Model: "m", Operation: c.operation, Prompt: "x", Stream: stream, Retries: 2})
					e := got.Error
					if got.OK || e == nil {
						t.Errorf("%s: no error", c.operation)
						continue
					}
					if e.Class != classes[language][c.sdk] || e.Status != 403 || e.Type != c.kind || e.Code != "data_policy_denied" || e.DecisionID != id || !strings.Contains(e.Message, "No.") {
						t.Errorf("%s stream=%v: %+v", c.operation, stream, *e)
					}
					if got.Headers["x-ostiary-action"] != "deny" {
						t.Errorf("%s: headers %v", c.operation, got.Headers)
					}
					if n := calls.Load(); n != 1 {
						t.Errorf("%s: %d attempts", c.operation, n)
					}
				}
			}
		})
	}
}
