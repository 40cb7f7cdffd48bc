package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// bodyLimit bounds what is read of a request.
	bodyLimit = 64 << 20
	// longEvents is the length of a long stream.
	longEvents = 200
	// dimensions of an embedding where the request names none, and at most.
	dimensions    = 256
	maxDimensions = 4096
	// bytesPerToken is the rough length of a token, for usage.
	bytesPerToken = 4
)

// Options of a [Server]. The zero value answers every model's name at once.
type Options struct {
	// Name is told in the answer, so that a person sees who answered.
	Name string
	// Models are listed by GET …/models.
	Models []string
	// Strict refuses models that are not listed with 404, as real servers do.
	Strict bool
	// Key is the provider key that requests must carry, as a bearer token or in
	// x-api-key; without it they get 401. Empty: none is asked for.
	Key string
	// Delay is the time to the first byte of an answer.
	Delay time.Duration
	// Pause is the time before each event of a stream's text.
	Pause time.Duration
	// Events is the number of events of text in a stream; 0 is one a word.
	Events int
	// Gate, where it is not nil, is called before each event of text in a stream
	// with its number from 0, and holds the stream until it returns.
	Gate func(r *http.Request, event int)
	// Keep is how many of the last requests [Server.Requests] gives; 0 keeps none.
	Keep int
	// Now gives the time of answers; nil is [time.Now].
	Now func() time.Time
}

// Request is a request as it was received.
type Request struct {
	Method string
	Target string // path and query as sent
	Host   string
	Proto  string
	Header http.Header
	Body   []byte
	// Trailer is what followed the body.
	Trailer http.Header
}

// Server answers like a model server. It is safe for concurrent use.
type Server struct {
	o     Options
	count atomic.Int64 // requests, and a source of ids

	mu   sync.Mutex
	kept []Request // the last o.Keep requests; guarded by mu
}

// New makes a server.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o}
}

// Requests gives the last requests, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

// Count gives the number of requests received.
func (s *Server) Count() int64 { return s.count.Load() }

// Reset forgets the requests kept.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = nil
}

// exchange is one request and the way to answer it.
type exchange struct {
	s         *Server
	w         http.ResponseWriter
	r         *http.Request
	n         int64 // its number
	anthropic bool
	body      []byte
	ask       ask
}

// ask is what a stand-in reads of a request.
type ask struct {
	Model         string          `json:"model"`
	Stream        bool            `json:"stream"`
	Tools         []tool          `json:"tools"`
	Input         json.RawMessage `json:"input"`
	Dimensions    int             `json:"dimensions"`
	Encoding      string          `json:"encoding_format"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	ResponseFormat struct {
		JSONSchema struct {
			Schema schema `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// tool is a declared tool in the forms of chat, responses and messages.
type tool struct {
	Name        string `json:"name"`
	Parameters  schema `json:"parameters"`
	InputSchema schema `json:"input_schema"`
	Function    struct {
		Name       string `json:"name"`
		Parameters schema `json:"parameters"`
	} `json:"function"`
}

func (t *tool) name() string {
	if t.Function.Name != "" {
		return t.Function.Name
	}
	return t.Name
}

// arguments makes arguments that fit the tool's schema.
func (t *tool) arguments() string {
	for _, s := range []schema{t.Function.Parameters, t.Parameters, t.InputSchema} {
		if len(s.Properties) > 0 {
			return s.example()
		}
	}
	return "{}"
}

// schema is a JSON schema, as far as an example needs it.
type schema struct {
	Properties map[string]struct {
		Type json.RawMessage `json:"type"`
	} `json:"properties"`
}

// example makes an object of the schema's properties, in the order of their names.
func (s *schema) example() string {
	names := make([]string, 0, len(s.Properties))
	for n := range s.Properties {
		names = append(names, n)
	}
	slices.Sort(names)
	var parts []string
	for _, n := range names {
		value := `"Paris"`
		switch string(s.Properties[n].Type) {
		case `"integer"`, `"number"`:
			value = "1"
		case `"boolean"`:
			value = "true"
		case `"array"`:
			value = "[]"
		case `"object"`:
			value = "{}"
		}
		parts = append(parts, quote(n)+":"+value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r, n: s.count.Add(1)}
	x.anthropic = r.Header.Get("anthropic-version") != "" || strings.Contains(r.URL.Path, "/messages")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	s.keep(r, body)
	id := fmt.Sprintf("req_%s%06d", s.o.Name, x.n)
	w.Header().Set("x-request-id", id)
	w.Header().Set("request-id", id)
	if err != nil {
		x.fail(http.StatusBadRequest, "invalid_request_error", "the request could not be read")
		return
	}
	x.body = body
	if s.o.Delay > 0 {
		x.pause(s.o.Delay)
	}
	if s.o.Key != "" && r.Header.Get("authorization") != "Bearer "+s.o.Key && r.Header.Get("x-api-key") != s.o.Key {
		x.fail(http.StatusUnauthorized, "authentication_error", "the provider key is missing or wrong")
		return
	}
	x.route()
}

// keep takes a copy of a request.
func (s *Server) keep(r *http.Request, body []byte) {
	if s.o.Keep <= 0 {
		return
	}
	k := Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto, Header: r.Header.Clone(), Body: body, Trailer: r.Trailer.Clone()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept = append(s.kept, k); len(s.kept) > s.o.Keep {
		s.kept = s.kept[len(s.kept)-s.o.Keep:]
	}
}

// route finds the operation by the end of the path: any base path will do.
func (x *exchange) route() {
	path := strings.TrimSuffix(x.r.URL.Path, "/")
	get, post := x.r.Method == http.MethodGet, x.r.Method == http.MethodPost
	switch {
	case get && strings.HasSuffix(path, "/models"):
		x.models("")
	case get && strings.Contains(path, "/models/"):
		_, id, _ := strings.Cut(path, "/models/")
		x.models(id)
	case strings.Contains(path, "/responses/") && get:
		x.json(x.response(x.text(), "completed"))
	case strings.Contains(path, "/responses/") && x.r.Method == http.MethodDelete:
		x.json([]byte(`{"id":` + quote(x.id("resp_")) + `,"object":"response","deleted":true}`))
	case post && strings.HasSuffix(path, "/messages/count_tokens"):
		x.answer(x.countTokens)
	case post && strings.HasSuffix(path, "/messages"):
		x.answer(x.messages)
	case post && strings.HasSuffix(path, "/chat/completions"):
		x.answer(x.chat)
	case post && strings.HasSuffix(path, "/completions"):
		x.answer(x.completions)
	case post && strings.HasSuffix(path, "/responses"):
		x.answer(x.responses)
	case post && strings.HasSuffix(path, "/embeddings"):
		x.answer(x.embeddings)
	case post && strings.HasSuffix(path, "/moderations"):
		x.answer(x.moderations)
	case x.r.Method == http.MethodHead || get && (path == "" || strings.HasSuffix(path, "/health")):
		x.json([]byte(`{"status":"ok"}`))
	default:
		x.fail(http.StatusNotFound, "not_found_error", "there is nothing under this path")
	}
}

// answer reads the request and answers it, or fails as its words ask.
func (x *exchange) answer(do func()) {
	if e := x.r.Header.Get("content-encoding"); e != "" && e != "identity" {
		x.fail(http.StatusBadRequest, "invalid_request_error", "compressed requests are not supported")
		return
	}
	if err := json.Unmarshal(x.body, &x.ask); err != nil {
		x.fail(http.StatusBadRequest, "invalid_request_error", "the request is not the JSON that is expected")
		return
	}
	if _, after, ok := bytes.Cut(x.body, []byte("STANDIN_STATUS_")); ok && len(after) >= 3 {
		if status, err := strconv.Atoi(string(after[:3])); err == nil && status >= 400 && status <= 599 {
			x.fail(status, "api_error", "the request asked for this error")
			return
		}
	}
	if x.s.o.Strict && !slices.Contains(x.s.o.Models, x.ask.Model) {
		x.fail(http.StatusNotFound, "not_found_error", "there is no such model")
		return
	}
	do()
}

// fail answers with an error in the API's shape.
func (x *exchange) fail(status int, kind, message string) {
	x.w.Header().Set("content-type", "application/json")
	x.w.WriteHeader(status)
	if x.anthropic {
		fmt.Fprintf(x.w, `{"type":"error","error":{"type":%s,"message":%s},"request_id":%s}`, quote(kind), quote(message), quote(x.w.Header().Get("request-id")))
		return
	}
	fmt.Fprintf(x.w, `{"error":{"message":%s,"type":%s,"param":null,"code":null}}`, quote(message), quote(kind))
}

// json writes an answer.
func (x *exchange) json(b []byte) {
	x.w.Header().Set("content-type", "application/json")
	if x.cut() {
		x.w.Header().Set("content-length", strconv.Itoa(len(b)))
		_, _ = x.w.Write(b[:len(b)/2]) // the client may be gone: it is cut anyway
		if f, ok := x.w.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	_, _ = x.w.Write(b) // the client may be gone
}

func (x *exchange) cut() bool { return bytes.Contains(x.body, []byte("STANDIN_CUT")) }

// pause waits, unless the client goes.
func (x *exchange) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-x.r.Context().Done():
	}
}

// id gives the exchange's id with a prefix.
func (x *exchange) id(prefix string) string {
	return fmt.Sprintf("%s%s%06d", prefix, x.s.o.Name, x.n)
}

func (x *exchange) created() int64 { return x.s.o.Now().Unix() }

// text is the answer.
func (x *exchange) text() string {
	if len(x.ask.ResponseFormat.JSONSchema.Schema.Properties) > 0 {
		return x.ask.ResponseFormat.JSONSchema.Schema.example()
	}
	name := x.s.o.Name
	if name == "" {
		name = "standin"
	}
	return "This is " + name + ", a stand-in that answers every request with this one sentence."
}

// pieces is the answer in parts, one for each event.
func (x *exchange) pieces() []string {
	n := x.s.o.Events
	if bytes.Contains(x.body, []byte("LONG")) {
		n = longEvents
	}
	if n > 0 {
		out := make([]string, n)
		for i := range out {
			out[i] = "word " // as long as a token of a real stream
		}
		return out
	}
	return strings.SplitAfter(x.text(), " ")
}

// called gives the tool to call, or nil.
func (x *exchange) called() *tool {
	if len(x.ask.Tools) == 0 || !bytes.Contains(x.body, []byte("TOOL")) {
		return nil
	}
	for _, result := range []string{`"tool_result"`, `"function_call_output"`, `"role":"tool"`, `"role": "tool"`} {
		if bytes.Contains(x.body, []byte(result)) {
			return nil // the tool was called: answer
		}
	}
	if x.ask.Tools[0].name() == "" {
		return nil
	}
	return &x.ask.Tools[0]
}

func (x *exchange) inputTokens() int { return len(x.body)/bytesPerToken + 1 }

// quote writes a JSON string.
func quote(s string) string {
	b, _ := json.Marshal(s) // a string always can
	return string(b)
}

// marshal writes JSON; what is written here always can be.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
