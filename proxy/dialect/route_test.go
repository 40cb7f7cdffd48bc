package dialect_test

import (
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/dialect"
)

func TestRoute(t *testing.T) {
	const none, openai, anthropic = proxy.DialectNone, proxy.DialectOpenAI, proxy.DialectAnthropic
	for _, c := range []struct {
		method, path string
		op           proxy.Operation
		dialect      string
		own          string // empty: as received
	}{
		{"POST", "/v1/chat/completions", proxy.OpChat, openai, ""},
		{"POST", "/v1/chat/completions?a=1&b=%2F..", proxy.OpChat, openai, ""},
		{"POST", "/v1/chat/completions?", proxy.OpChat, openai, ""},
		{"POST", "/chat/completions", proxy.OpChat, openai, "/v1/chat/completions"},
		{"POST", "/v1beta/openai/chat/completions", proxy.OpChat, openai, "/v1/chat/completions"},
		{"POST", "/v1-openai/chat/completions", proxy.OpChat, openai, "/v1/chat/completions"},
		{"POST", "/models/chat/completions?api-version=1", proxy.OpChat, openai, "/v1/chat/completions?api-version=1"},
		{"POST", "/openai/deployments/my%20gpt/chat/completions", proxy.OpChat, openai, "/v1/chat/completions"},
		{"POST", "/v1/responses", proxy.OpResponses, openai, ""},
		{"POST", "/v1/completions", proxy.OpCompletions, openai, ""},
		{"POST", "/openai/deployments/gpt/completions", proxy.OpCompletions, openai, "/v1/completions"},
		{"POST", "/v1/embeddings", proxy.OpEmbeddings, openai, ""},
		{"POST", "/models/embeddings", proxy.OpEmbeddings, openai, "/v1/embeddings"},
		{"POST", "/v1/moderations", proxy.OpModerations, openai, ""},
		{"POST", "/v1/messages", proxy.OpMessages, anthropic, ""},
		{"POST", "/v1/messages?beta=true", proxy.OpMessages, anthropic, ""},
		{"POST", "/agents/v1/messages", proxy.OpMessages, anthropic, "/v1/messages"},
		{"POST", "/messages/count_tokens", proxy.OpCountTokens, anthropic, "/v1/messages/count_tokens"},
		{"GET", "/v1/responses/resp_1", proxy.OpState, openai, ""},
		{"DELETE", "/x/v1/responses/resp_1", proxy.OpState, openai, "/v1/responses/resp_1"},
		{"GET", "/v1/responses/resp_1/input_items?limit=2", proxy.OpState, openai, ""},
		{"GET", "/v1/models", proxy.OpModels, openai, ""},
		{"GET", "/api/models/gpt-5", proxy.OpModels, openai, "/v1/models/gpt-5"},
		{"GET", "/v1/models/org/model", proxy.OpModels, openai, ""},
		{"GET", "/", proxy.OpHealth, none, ""},
		{"HEAD", "/", proxy.OpHealth, none, ""},
		{"GET", "/health", proxy.OpHealth, none, ""},
		{"HEAD", "/healthz", proxy.OpHealth, none, ""},

		// Another method is another operation.
		{"GET", "/v1/chat/completions", proxy.OpUnknown, none, ""},
		{"PUT", "/v1/chat/completions", proxy.OpUnknown, none, ""},
		{"post", "/v1/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/models", proxy.OpUnknown, none, ""},
		{"DELETE", "/v1/models/m", proxy.OpUnknown, none, ""},
		{"GET", "/v1/responses", proxy.OpUnknown, none, ""},
		{"POST", "/v1/responses/resp_1/cancel", proxy.OpUnknown, none, ""},
		{"POST", "/", proxy.OpUnknown, none, ""},
		{"POST", "/health", proxy.OpUnknown, none, ""},

		// What two servers could split differently is not known.
		{"POST", "//v1/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1//chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "//v1//chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat/completions/", proxy.OpUnknown, none, ""},
		{"POST", "/v1/./chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/x/../chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/%2e/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/x/%2E%2e/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/x/.%2e/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1%2Fchat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat%2fcompletions", proxy.OpUnknown, none, ""},
		{"POST", "/v1%5cx/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1\\x/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/%252e%252e/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/%3fx/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/%00/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/%zz/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat/c%6fmpletions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat/completions;x=1", proxy.OpUnknown, none, ""},
		{"POST", "/v1;x/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat/completions#f", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat/completions?a#f", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat/completions?a b", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat/compl\xc3\xa9tions", proxy.OpUnknown, none, ""},
		{"POST", "/V1/Chat/Completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/CHAT/completions", proxy.OpUnknown, none, ""},
		{"POST", "http://api.openai.com/v1/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "v1/chat/completions", proxy.OpUnknown, none, ""},
		{"POST", "*", proxy.OpUnknown, none, ""},
		{"POST", "", proxy.OpUnknown, none, ""},
		{"GET", "/v1/responses/..", proxy.OpUnknown, none, ""},
		{"GET", "/v1/responses/a%2f..%2fb", proxy.OpUnknown, none, ""},
		{"GET", "/v1/responses/resp.1", proxy.OpUnknown, none, ""},

		// Other operations that end like a known one.
		{"POST", "/v1/threads/thread_1/messages", proxy.OpUnknown, none, ""},
		{"POST", "/v1/fim/completions", proxy.OpUnknown, none, ""},
		{"POST", "/v1/chat/moderations", proxy.OpUnknown, none, ""},
		{"POST", "/v1/agents/completions", proxy.OpUnknown, none, ""},
		{"GET", "/v1/chat/completions/chatcmpl-1/messages", proxy.OpUnknown, none, ""},
		{"POST", "/v1/messages/batches", proxy.OpUnknown, none, ""},
		{"POST", "/v1/responses/compact", proxy.OpUnknown, none, ""},
		{"POST", "/v1beta/models/gemini-pro:generateContent", proxy.OpUnknown, none, ""},
		{"GET", "/v1/fine_tuning/models/m", proxy.OpUnknown, none, ""},
		{"GET", "/v1/models/a/b/c", proxy.OpUnknown, none, ""},
		{"GET", "/v1/files", proxy.OpUnknown, none, ""},
		{"GET", "/healthzz", proxy.OpUnknown, none, ""},
	} {
		own := c.own
		if own == "" {
			own = c.path
		}
		r := dialect.New(dialect.Options{}).Route(c.method, proxy.NewText(c.path))
		if r.Operation != c.op || r.Dialect != c.dialect || r.Path.Reveal() != own {
			t.Errorf("%s %s: %s %s %s, want %s %s %s", c.method, c.path, r.Dialect, r.Operation, r.Path.Reveal(), c.dialect, c.op, own)
		}
	}
}

// FuzzRoute: a path that is known is, but for its base, the path received: the
// pool gets nothing that was not in it, and every server splits it in one way.
func FuzzRoute(f *testing.F) {
	for _, p := range []string{"/v1/chat/completions?x=1", "/a/b/messages", "/v1/responses/resp_1", "/v1/%2e%2e/messages", "//messages", "/models/x"} {
		f.Add("POST", p)
		f.Add("GET", p)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		r := dialect.New(dialect.Options{}).Route(method, proxy.NewText(path))
		own := r.Path.Reveal()
		if r.Operation == proxy.OpUnknown || r.Operation == proxy.OpHealth {
			if own != path || r.Dialect != proxy.DialectNone {
				t.Fatal("an unknown path is not as received")
			}
			return
		}
		if len(own) < 4 || own[:4] != "/v1/" || len(path) < len(own)-3 || path[len(path)-len(own)+3:] != own[3:] {
			t.Fatalf("%q is not the end of %q", own, path)
		}
		again := dialect.New(dialect.Options{}).Route(method, r.Path)
		if again.Operation != r.Operation || again.Path.Reveal() != own {
			t.Fatalf("%q does not mean itself", own)
		}
	})
}
