package standin_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy/standin"
)

// canary stands for a prompt. No answer may hold it.
const canary = "canary-7f3a of the client"

// bodies are one request for each operation.
var bodies = map[string]string{
	"/v1/chat/completions":      `{"model":"m","messages":[{"role":"user","content":"` + canary + `"}]}`,
	"/v1/responses":             `{"model":"m","input":"` + canary + `","instructions":"` + canary + `"}`,
	"/v1/completions":           `{"model":"m","prompt":"` + canary + `"}`,
	"/v1/embeddings":            `{"model":"m","input":["` + canary + `","b"],"encoding_format":"float"}`,
	"/v1/moderations":           `{"model":"m","input":"` + canary + `"}`,
	"/v1/messages":              `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"` + canary + `"}]}`,
	"/v1/messages/count_tokens": `{"model":"m","messages":[{"role":"user","content":"` + canary + `"}]}`,
}

func ask(t *testing.T, s http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// streamed makes a request of the same operation that streams.
func streamed(body string) string { return `{"stream":true,` + body[1:] }

// events gives the names of a stream's events, and checks its form.
func events(t *testing.T, b []byte) (names []string, datas []string) {
	t.Helper()
	name := ""
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		line := sc.Text()
		switch {
		case strings.HasPrefix(line, "event: "):
			name = line[7:]
		case strings.HasPrefix(line, "data: "):
			data := line[6:]
			if data != "[DONE]" && !json.Valid([]byte(data)) {
				t.Errorf("an event's data is not JSON")
			}
			names, datas = append(names, name), append(datas, data)
		case line == "":
			name = ""
		default:
			t.Errorf("a line that belongs to no event: %q", line)
		}
	}
	return names, datas
}

func TestNoAnswerHoldsThePrompt(t *testing.T) {
	s := standin.New(standin.Options{Name: "closed"})
	for path, body := range bodies {
		for _, b := range []string{body, streamed(body), strings.Replace(body, canary, canary+" LONG", 1), `{"model":"` + canary} {
			w := ask(t, s, "POST", path, b)
			if strings.Contains(w.Body.String(), "canary") {
				t.Errorf("%s: the answer holds the prompt", path)
			}
		}
	}
}

func TestStreams(t *testing.T) {
	tool := `"tools":[{"type":"function","name":"f","input_schema":{"properties":{"city":{"type":"string"}}},"function":{"name":"f","parameters":{"properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}}],`
	for _, tt := range []struct {
		name, path, body string
		want             string // names of events or, of unnamed ones, "-", runs as xN
		last             string
	}{
		{"chat", "/v1/chat/completions", `{"model":"m","messages":[]}`, "-x16", "[DONE]"},
		{"chat with usage", "/v1/chat/completions", `{"model":"m","messages":[],"stream_options":{"include_usage":true}}`, "-x17", "[DONE]"},
		{"chat, tool", "/v1/chat/completions", `{"model":"m",` + tool + `"messages":["TOOL"]}`, "-x6", "[DONE]"},
		{"chat, tool called", "/v1/chat/completions", `{"model":"m",` + tool + `"messages":["TOOL",{"role":"tool"}]}`, "-x16", "[DONE]"},
		{"completions", "/v1/completions", `{"model":"m","prompt":"x"}`, "-x14", "[DONE]"},
		{"responses", "/v1/responses", `{"model":"m","input":"x"}`, "response.created response.in_progress response.output_item.added response.content_part.added response.output_text.deltax13 response.output_text.done response.content_part.done response.output_item.done response.completed", ""},
		{"responses, tool", "/v1/responses", `{"model":"m",` + tool + `"input":"TOOL"}`, "response.created response.in_progress response.output_item.added response.function_call_arguments.deltax2 response.function_call_arguments.done response.output_item.done response.completed", ""},
		{"messages", "/v1/messages", `{"model":"m","messages":[]}`, "message_start content_block_start ping content_block_deltax13 content_block_stop message_delta message_stop", ""},
		{"messages, tool", "/v1/messages", `{"model":"m",` + tool + `"messages":["TOOL"]}`, "message_start content_block_start content_block_deltax3 content_block_stop message_delta message_stop", ""},
		{"long", "/v1/messages", `{"model":"m","messages":["LONG"]}`, "message_start content_block_start ping content_block_deltax200 content_block_stop message_delta message_stop", ""},
	} {
		w := ask(t, standin.New(standin.Options{}), "POST", tt.path, streamed(tt.body))
		names, datas := events(t, w.Body.Bytes())
		if got := runs(names); got != tt.want {
			t.Errorf("%s: events %s, want %s", tt.name, got, tt.want)
		}
		if tt.last != "" && datas[len(datas)-1] != tt.last {
			t.Errorf("%s: the last event is not %s", tt.name, tt.last)
		}
		for i, name := range names {
			var e struct {
				Type           string `json:"type"`
				SequenceNumber *int   `json:"sequence_number"`
			}
			if json.Unmarshal([]byte(datas[i]), &e) == nil && name != "" && e.Type != name {
				t.Errorf("%s: event %s says it is %s", tt.name, name, e.Type)
			}
			if strings.HasPrefix(name, "response.") && (e.SequenceNumber == nil || *e.SequenceNumber != i) {
				t.Errorf("%s: event %d is not numbered so", tt.name, i)
			}
		}
	}
}

func runs(names []string) string {
	var out []string
	for i := 0; i < len(names); {
		j := i
		for j < len(names) && names[j] == names[i] {
			j++
		}
		n := names[i]
		if n == "" {
			n = "-"
		}
		if j-i > 1 {
			n += fmt.Sprintf("x%d", j-i)
		}
		out, i = append(out, n), j
	}
	return strings.Join(out, " ")
}

// TestShapes compares the members of answers with recorded ones of the real
// APIs: what every recorded answer has, ours has; what ours has, one of them has.
func TestShapes(t *testing.T) {
	recorded := recordings(t)
	s := standin.New(standin.Options{Models: []string{"m"}})
	for path, body := range bodies {
		if path == "/v1/completions" {
			continue // no recording of the real API
		}
		answers := recorded[path]
		if len(answers) == 0 {
			t.Fatalf("%s: no recorded answer", path)
		}
		known, count := map[string]bool{}, map[string]int{}
		for _, a := range answers {
			seen := map[string]bool{}
			members("", a, seen)
			for m := range seen {
				known[m] = true
				count[m]++
			}
		}
		ours := map[string]bool{}
		var v any
		if err := json.Unmarshal(ask(t, s, "POST", path, body).Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		members("", v, ours)
		for _, m := range keys(ours) {
			// By the API's description; these recordings' models leave it out.
			if !known[m] && !slices.Contains([]string{".prompt_cache_key", ".safety_identifier", ".text.verbosity", ".top_logprobs", ".max_tool_calls", ".background", ".choices[].logprobs"}, m) {
				t.Errorf("%s: our member %s is in no recorded answer", path, m)
			}
		}
		missing := 0
		for m, n := range count {
			if n == len(answers) && !ours[m] {
				missing++
				t.Errorf("%s: member %s is in every recorded answer and not in ours", path, m)
			}
		}
		t.Logf("%s: %d members compared with %d recorded answers", path, len(ours), len(answers))
	}
}

// members lists the paths of members, elements of lists as one.
func members(at string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			into[at+"."+k] = true
			members(at+"."+k, x, into)
		}
	case []any:
		for _, x := range v {
			members(at+"[]", x, into)
		}
	}
}

func keys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// recordings reads the recorded JSON answers of the two providers, by path.
func recordings(t *testing.T) map[string][]any {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(dir, "go.mod")) {
		dir = filepath.Dir(dir)
	}
	folder := filepath.Join(dir, "..", "shared", "data", "traffic")
	if !exists(folder) {
		t.Skip("the folder of recorded traffic, ../shared/data/traffic beside the module, is not there")
	}
	f, err := os.Open(filepath.Join(folder, "ruby_llm.jsonl.gz"))
	if err != nil {
		t.Fatal("the recorded traffic is incomplete")
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal("the recorded traffic cannot be read")
	}
	out := map[string][]any{}
	d := json.NewDecoder(z)
	for {
		var x struct {
			URI    string
			Status int
			Resp   struct{ Text string }
		}
		if err := d.Decode(&x); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal("the recorded traffic cannot be read")
		}
		for _, host := range []string{"https://api.openai.com", "https://api.anthropic.com"} {
			path, ok := strings.CutPrefix(x.URI, host)
			var v any
			if ok && x.Status == 200 && json.Unmarshal([]byte(x.Resp.Text), &v) == nil {
				out[path] = append(out[path], v)
			}
		}
	}
	return out
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestAnswers(t *testing.T) {
	s := standin.New(standin.Options{Name: "closed", Models: []string{"m", "n"}, Strict: true, Key: "k"})
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string
	}{
		{"no key", "POST", "/v1/chat/completions", `{"model":"m"}`, nil, 401, `"type":"authentication_error","param":null`},
		{"no key, anthropic", "POST", "/v1/messages", `{"model":"m"}`, nil, 401, `{"type":"error","error":{"type":"authentication_error"`},
		{"bearer", "POST", "/base/v1/chat/completions", `{"model":"m"}`, []string{"authorization", "Bearer k"}, 200, `"object":"chat.completion"`},
		{"x-api-key", "POST", "/v1/messages", `{"model":"m"}`, []string{"x-api-key", "k"}, 200, `"stop_reason":"end_turn"`},
		{"unknown model", "POST", "/v1/chat/completions", `{"model":"o"}`, []string{"x-api-key", "k"}, 404, "no such model"},
		{"no JSON", "POST", "/v1/chat/completions", `{"model":`, []string{"x-api-key", "k"}, 400, "not the JSON"},
		{"compressed", "POST", "/v1/chat/completions", `{}`, []string{"x-api-key", "k", "content-encoding", "gzip"}, 400, "compressed"},
		{"asked error", "POST", "/v1/chat/completions", `{"model":"m","x":"STANDIN_STATUS_429"}`, []string{"x-api-key", "k"}, 429, `"error"`},
		{"unknown path", "POST", "/v1/nothing", `{}`, []string{"x-api-key", "k"}, 404, "nothing under this path"},
		{"models", "GET", "/v1/models", "", []string{"x-api-key", "k"}, 200, `"data":[{"id":"m","object":"model"`},
		{"one model", "GET", "/v1/models/n", "", []string{"x-api-key", "k"}, 200, `{"id":"n","object":"model"`},
		{"no such model", "GET", "/v1/models/x", "", []string{"x-api-key", "k"}, 404, "no such model"},
		{"models, anthropic", "GET", "/v1/models", "", []string{"x-api-key", "k", "anthropic-version", "2023-06-01"}, 200, `"has_more":false,"first_id":"m","last_id":"n"`},
		{"stored response", "GET", "/v1/responses/resp_1", "", []string{"x-api-key", "k"}, 200, `"object":"response"`},
		{"deleted response", "DELETE", "/v1/responses/resp_1", "", []string{"x-api-key", "k"}, 200, `"deleted":true`},
		{"base64", "POST", "/v1/embeddings", `{"model":"m","input":"x","dimensions":2,"encoding_format":"base64"}`, []string{"x-api-key", "k"}, 200, `"embedding":"8wQ1P/MENT8="`},
		{"token ids are one input", "POST", "/v1/embeddings", `{"model":"m","input":[1,2,3],"dimensions":1}`, []string{"x-api-key", "k"}, 200, `"data":[{"object":"embedding","index":0,"embedding":[1]}]`},
		{"schema", "POST", "/v1/chat/completions", `{"model":"m","response_format":{"json_schema":{"schema":{"properties":{"a":{"type":"string"},"b":{"type":"boolean"}}}}}}`, []string{"x-api-key", "k"}, 200, `"content":"{\"a\":\"Paris\",\"b\":true}"`},
		{"health", "GET", "/health", "", []string{"x-api-key", "k"}, 200, "ok"},
	} {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
		for i := 0; i+1 < len(tt.header); i += 2 {
			r.Header.Set(tt.header[i], tt.header[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: answers %d %s, want %d with %s", tt.name, w.Code, w.Body, tt.status, tt.want)
		}
	}
}

func TestKeepsAndCounts(t *testing.T) {
	s := standin.New(standin.Options{Keep: 2})
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := standin.Count(plain)
	h := &http.Server{Handler: s}
	go func() { _ = h.Serve(l) }() // ends with Close
	defer func() { _ = h.Close() }()
	if l.Bytes() != 0 || l.Conns() != 0 {
		t.Fatal("something was received before anything was sent")
	}
	for i := range 3 {
		resp, err := http.Post("http://"+l.Addr().String()+fmt.Sprintf("/v1/messages?n=%d", i), "application/json", strings.NewReader(fmt.Sprintf(`{"n":%d}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	kept := s.Requests()
	if len(kept) != 2 || string(kept[0].Body) != `{"n":1}` || kept[1].Target != "/v1/messages?n=2" || s.Count() != 3 {
		t.Errorf("kept %d requests of %d", len(kept), s.Count())
	}
	if l.Bytes() < 3*100 || l.Conns() != 1 {
		t.Errorf("counted %d bytes on %d connections", l.Bytes(), l.Conns())
	}
	s.Reset()
	if len(s.Requests()) != 0 {
		t.Error("forgotten requests are still there")
	}
}

func TestCutAndGate(t *testing.T) {
	step := make(chan int)
	s := standin.New(standin.Options{Events: 4, Gate: func(_ *http.Request, n int) { step <- n }})
	h := httptest.NewServer(s)
	defer h.Close()
	resp, err := http.Post(h.URL+"/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b := bufio.NewReader(resp.Body)
	for i := range 4 {
		if n := <-step; n != i {
			t.Fatalf("event %d comes at step %d", n, i)
		}
		// The event before has arrived although the stream is held.
		for range 2 {
			if _, err := b.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rest, err := io.ReadAll(b); err != nil || !bytes.HasSuffix(rest, []byte("data: [DONE]\n\n")) {
		t.Errorf("the stream ends with %v", err)
	}

	cut := httptest.NewServer(standin.New(standin.Options{}))
	defer cut.Close()
	for _, body := range []string{`{"x":"STANDIN_CUT"}`, `{"stream":true,"x":"STANDIN_CUT"}`} {
		resp, err := http.Post(cut.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil || len(part) == 0 {
			t.Errorf("%s: %d bytes and %v, want a part and an error", body, len(part), err)
		}
	}
}
