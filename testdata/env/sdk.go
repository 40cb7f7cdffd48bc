package env

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// answerWithin bounds the wait for one answer of an SDK's process. It is above
// the process's own limit of 30 s for a case, so that the case's error is seen.
const answerWithin = 60 * time.Second

// Case is one call through an official SDK. Base is without /v1; empty fields
// take the client's defaults. See testdata/clients/README.md.
type Case struct {
	ID        string            `json:"id,omitempty"`
	Base      string            `json:"base"`
	Key       string            `json:"key,omitempty"`
	Operation string            `json:"operation"` // chat, responses, completions, embeddings, moderations, models, messages, messages_helper, count_tokens
	Dialect   string            `json:"dialect,omitempty"`
	Model     string            `json:"model"`
	Prompt    string            `json:"prompt"`
	System    string            `json:"system,omitempty"`
	Stream    bool              `json:"stream,omitempty"`
	Tools     bool              `json:"tools,omitempty"`
	MaxTokens int               `json:"max_tokens,omitempty"`
	Retries   int               `json:"retries,omitempty"`
	Timeout   float64           `json:"timeout,omitempty"` // seconds
	Headers   map[string]string `json:"headers,omitempty"`
}

// Seen is what the SDK showed its caller.
type Seen struct {
	ID       string            `json:"id"`
	OK       bool              `json:"ok"`
	Status   int               `json:"status"`
	Text     string            `json:"text"`
	Events   int               `json:"events"`
	Finish   string            `json:"finish"`
	ToolCall *ToolCall         `json:"tool_call"`
	Models   []string          `json:"models"`
	Tokens   int               `json:"tokens"`
	Vector   int               `json:"vector"`
	Flagged  *bool             `json:"flagged"`
	Error    *Failure          `json:"error"`
	Headers  map[string]string `json:"headers"` // the x-ostiary headers of the answer
}

// ToolCall is a call of a tool that the model asked for.
type ToolCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// Failure is an error as the SDK's caller can read it. Class is the SDK's own
// type: PermissionDeniedError in Python and Node, *openai.Error and
// *anthropic.Error in Go.
type Failure struct {
	Class      string `json:"class"`
	Type       string `json:"type"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	Status     int    `json:"status"`
	DecisionID string `json:"decision_id"`
}

// Languages are the SDKs' languages that [NewSDK] knows.
var Languages = []string{"python", "node", "go"}

// SDK is a running process with the official OpenAI and Anthropic SDKs of one
// language.
type SDK struct {
	mu    sync.Mutex // one case at a time
	in    io.Writer
	lines chan []byte
}

// NewSDK starts the SDKs of a language; the process ends with the test.
func NewSDK(t testing.TB, language string) *SDK {
	t.Helper()
	clients := filepath.Join(Root(t), "testdata", "clients")
	var command *exec.Cmd
	switch language {
	case "python":
		command = exec.Command(Python(t), filepath.Join(clients, "python", "client.py"))
	case "node":
		node, modules := Node(t)
		command = exec.Command(node, filepath.Join(clients, "node", "client.mjs"))
		command.Env = append(os.Environ(), "OSTIARY_TEST_NODE_MODULES="+modules)
	case "go":
		short(t, "the Go SDKs")
		client := cached(t, "bin", "sdk-client")
		if !exists(client) {
			missing(t, "the Go SDKs", "run testdata/env/install.sh go")
		}
		command = exec.Command(client)
	default:
		t.Fatalf("no SDKs for the language %q", language)
	}
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s := &SDK{in: in, lines: make(chan []byte)}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(s.lines)
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return
			}
			select {
			case s.lines <- line:
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		_ = in.Close()
		_ = command.Process.Kill()
		<-ended
		_ = command.Wait()
	})
	return s
}

// Do makes one call. It ends the test where the process does not answer.
func (s *SDK) Do(t testing.TB, c Case) Seen {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	line, err := json.Marshal(c)
	if err != nil {
		t.Fatal("case cannot be written")
	}
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		t.Fatal("the SDK's process is gone")
	}
	select {
	case answer, ok := <-s.lines:
		var seen Seen
		if !ok || json.Unmarshal(answer, &seen) != nil {
			t.Fatal("the SDK's process gave no answer; its standard error says why")
		}
		return seen
	case <-time.After(answerWithin):
		t.Fatal("the SDK's process did not answer in time")
	}
	return Seen{}
}
