package dialect_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/dialect"
	"github.com/ostiary/ostiary/proxy/vault"
)

// shared gives the folder of recorded traffic and specifications beside the
// repository. Where it is absent the test is skipped; a file that is missing
// from it is a failure.
func shared(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
	dir = filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no ../shared/data: recorded traffic and specifications are not run")
	}
	return dir
}

// recorded is a request as somebody's client sent it. where names it: its
// content is never printed.
type recorded struct {
	where  string
	method string
	path   string
	header []proxy.Field
	body   []byte
}

func (r *recorded) head() *proxy.Head {
	return &proxy.Head{Method: r.method, Path: proxy.NewText(r.path), Header: r.header}
}

func traffic(t testing.TB) []recorded {
	t.Helper()
	dir := filepath.Join(shared(t), "traffic")
	out := rubyLLM(t, filepath.Join(dir, "ruby_llm.jsonl.gz"))
	files, err := filepath.Glob(filepath.Join(dir, "ai-gateway", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cassettes in ai-gateway: %v", err)
	}
	for _, file := range files {
		out = append(out, cassette(t, file)...)
	}
	return out
}

func rubyLLM(t testing.TB, file string) []recorded {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []recorded
	lines := bufio.NewReader(z)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if len(line) == 0 {
			return out
		}
		var in struct {
			Method string
			URI    string              `json:"uri"`
			Header map[string][]string `json:"req_headers"`
			Req    struct{ Text, B64 string }
		}
		if json.Unmarshal(line, &in) != nil {
			t.Fatalf("%s:%d cannot be read", filepath.Base(file), n)
		}
		body := []byte(in.Req.Text)
		if in.Req.B64 != "" {
			if body, err = base64.StdEncoding.DecodeString(in.Req.B64); err != nil {
				t.Fatalf("%s:%d cannot be read", filepath.Base(file), n)
			}
		}
		out = append(out, record(t, fmt.Sprintf("%s:%d", filepath.Base(file), n), in.Method, in.URI, in.Header, body))
	}
}

func cassette(t testing.TB, file string) []recorded {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Interactions []struct {
			Request struct {
				Body    string
				Headers map[string][]string
				URL     string
				Method  string
			}
		}
	}
	if yaml.Unmarshal(text, &in) != nil || len(in.Interactions) == 0 {
		t.Fatalf("%s cannot be read", filepath.Base(file))
	}
	var out []recorded
	for i, x := range in.Interactions {
		out = append(out, record(t, fmt.Sprintf("%s#%d", filepath.Base(file), i), x.Request.Method, x.Request.URL, x.Request.Headers, []byte(x.Request.Body)))
	}
	return out
}

func record(t testing.TB, where, method, uri string, header map[string][]string, body []byte) recorded {
	if _, path, masked := strings.Cut(uri, ">"); masked && strings.HasPrefix(uri, "<") {
		uri = "http://in-house.example/v1" + path // the recorder masked the base address
	}
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatalf("%s: the address cannot be read", where)
	}
	r := recorded{where: where, method: strings.ToUpper(method), path: u.RequestURI(), body: body}
	for name, values := range header {
		for _, v := range values {
			r.header = append(r.header, proxy.Field{Name: strings.ToLower(name), Value: proxy.NewText(v)})
		}
	}
	return r
}

// takesBody are the operations whose requests have a body.
var takesBody = map[proxy.Operation]bool{
	proxy.OpChat: true, proxy.OpResponses: true, proxy.OpCompletions: true, proxy.OpEmbeddings: true,
	proxy.OpModerations: true, proxy.OpMessages: true, proxy.OpCountTokens: true,
}

// TestTrafficIsRead: every recorded request is read, whatever its operation, and
// what is forwarded is what was received. The exception are recordings whose
// multipart body was replaced by a word: those are refused.
func TestTrafficIsRead(t *testing.T) {
	set := dialect.New(dialect.Options{})
	count := map[proxy.Operation]int{}
	n, segments, opaque, unreadable := 0, 0, 0, 0
	for _, r := range traffic(t) {
		route := set.Route(r.method, proxy.NewText(r.path))
		doc, err := set.Read(route, r.head(), r.body)
		if err != nil {
			contentType, _ := r.head().Get("content-type")
			_, boundary, _ := strings.Cut(contentType.Reveal(), "boundary=")
			if takesBody[route.Operation] || boundary == "" || bytes.Contains(r.body, []byte(boundary)) || proxy.KindOf(err) != proxy.Malformed {
				t.Errorf("%s (%s): %v", r.where, route.Operation, err)
			}
			unreadable++
			continue
		}
		out, err := doc.Body(nil, "")
		if err != nil || !bytes.Equal(out, r.body) {
			t.Errorf("%s: the unedited body is another (%v)", r.where, err)
		}
		if takesBody[route.Operation] && doc.Prompt().Model.Len() == 0 && !strings.Contains(r.path, "/deployments/") && strings.Contains(string(r.body), `"model"`) {
			t.Errorf("%s: no model", r.where)
		}
		count[route.Operation]++
		n, segments, opaque = n+1, segments+len(doc.Prompt().Segments), opaque+len(doc.Prompt().Opaque)
	}
	t.Logf("%d requests, %d segments, %d opaque parts; by operation %v; %d are not what they say", n, segments, opaque, count, unreadable)
}

// planted is a value that occurs in no recording. It needs no escape, so that it
// is the same as text and as JSON.
const planted = "planted.b7c1@example.org"

// spot is a string or a key in a text of JSON: the bytes inside its quotes.
type spot struct {
	start, end int
	key        bool
}

// spots finds the strings of a text by encoding/json's own tokens, and so
// without the scanner under test.
func spots(t *testing.T, text []byte) []spot {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	type frame struct{ object, key bool }
	var stack []frame
	var out []spot
	for {
		from := int(d.InputOffset())
		token, err := d.Token()
		if err != nil {
			return out
		}
		top := len(stack) - 1
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				if top >= 0 {
					stack[top].key = true
				}
				stack = append(stack, frame{v == '{', true})
			} else {
				stack = stack[:top]
			}
			continue
		case string:
			end := int(d.InputOffset())
			start := from + bytes.IndexByte(text[from:end], '"') + 1
			key := top >= 0 && stack[top].object && stack[top].key
			out = append(out, spot{start, end - 1, key})
			if key {
				stack[top].key = false
				continue
			}
		}
		if top >= 0 {
			stack[top].key = true
		}
	}
}

// finds reports whether the value is in the text of a segment, and whether that
// segment is part of an opaque one.
func finds(p *proxy.Prompt, value string) (found, opaque bool) {
	for i := range p.Segments {
		if strings.Contains(p.Segments[i].Text.Reveal(), value) {
			found = true
			for _, o := range p.Opaque {
				opaque = opaque || o.Index == i
			}
		}
	}
	return found, opaque
}

// hidden masks every planted value of a body where that can be done, and says
// whether it was: then the value is gone from the bytes to be forwarded, however
// it was written, and the masked body is read with the placeholder in its place.
func hidden(t *testing.T, doc proxy.Document) bool {
	t.Helper()
	p := doc.Prompt()
	var findings []proxy.Finding
	for i := range p.Segments {
		s := p.Segments[i].Text.Reveal()
		for from := 0; ; {
			j := strings.Index(s[from:], planted)
			if j < 0 {
				break
			}
			if p.Segments[i].Fixed {
				return false
			}
			findings = append(findings, proxy.Finding{Segment: i, Start: from + j, End: from + j + len(planted), Type: "EMAIL_ADDRESS", Likelihood: proxy.Likely})
			from += j + len(planted)
		}
	}
	out, err := doc.Body(vault.Placeholders{}.Mask(p.Segments, findings), "")
	if err != nil {
		t.Errorf("a value in an editable segment is not masked: %v", err)
		return false
	}
	var v any
	if json.Unmarshal(out, &v) != nil {
		t.Error("the masked body is not JSON")
	}
	again, err := read(t, "/v1/chat/completions", out)
	if err != nil {
		t.Errorf("the masked body is not read: %v", err)
		return false
	}
	if in, _ := finds(again.Prompt(), planted); in || bytes.Contains(out, []byte(planted)) {
		t.Error("the value is still there")
	}
	if in, _ := finds(again.Prompt(), "[EMAIL_ADDRESS_1]"); !in {
		t.Error("the placeholder is not there")
	}
	return true
}

func splice(text []byte, s spot, with string) []byte {
	return append(append(append(make([]byte, 0, len(text)+len(with)), text[:s.start]...), with...), text[s.end:]...)
}

// TestPlantedValueIsFound: a value at every string and every key of every
// recorded body, one at a time: instead of the string, at its end, written in
// escapes, and inside the strings of JSON that stands in a string; as it is and
// after the body went through encoding/json.
func TestPlantedValueIsFound(t *testing.T) {
	set := dialect.New(dialect.Options{})
	var escaped strings.Builder
	for _, r := range planted {
		fmt.Fprintf(&escaped, `\u%04x`, r)
	}
	bodies, places, tries, found, opaque, refused, masked := 0, 0, 0, 0, 0, 0, 0
	for _, r := range traffic(t) {
		route := set.Route(r.method, proxy.NewText(r.path))
		if !takesBody[route.Operation] {
			continue
		}
		bodies++
		head := r.head()
		try := func(what string, body []byte, mask bool) {
			tries++
			doc, err := set.Read(route, head, body)
			if err != nil {
				refused++
				t.Errorf("%s: %s is refused: %v", r.where, what, err)
				return
			}
			in, dark := finds(doc.Prompt(), planted)
			if !in {
				t.Errorf("%s: %s is in no segment", r.where, what)
				return
			}
			found++
			if dark {
				opaque++
			}
			if mask && hidden(t, doc) {
				masked++
			}
		}
		for i, s := range spots(t, r.body) {
			places++
			what := fmt.Sprintf("string %d", i)
			bodies := [][]byte{
				splice(r.body, s, planted),
				splice(r.body, s, escaped.String()),
				splice(r.body, spot{s.end, s.end, s.key}, " "+planted),
			}
			var text string
			if !s.key && json.Unmarshal(r.body[s.start-1:s.end+1], &text) == nil && nestedJSON(text) {
				for _, in := range spots(t, []byte(text)) {
					quoted, err := json.Marshal(string(splice([]byte(text), in, escaped.String())))
					if err != nil {
						t.Fatal(err)
					}
					bodies = append(bodies, splice(r.body, s, string(quoted[1:len(quoted)-1])))
				}
			}
			for i, body := range bodies {
				try(what, body, i != 2) // at the end of a string it is masked as instead of it
			}
			// Once more as another client would have written it.
			again, err := compact(bodies[0])
			if err != nil {
				t.Fatalf("%s: not JSON", r.where)
			}
			try(what+", written anew", again, false)
		}
	}
	if bodies == 0 || places == 0 {
		t.Fatal("nothing was tried")
	}
	t.Logf("%d bodies, %d strings and keys, %d of %d planted values found (%d in opaque parts, %d masked, the others where no edit can be made), %d refused",
		bodies, places, found, tries, opaque, masked, refused)
}

func nestedJSON(text string) bool {
	s := strings.TrimSpace(text)
	return (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) && json.Valid([]byte(s))
}

// TestEveryLeafOfTheSpecification builds, for each field of OpenAI's requests
// that can hold text, the smallest body that has it, and expects the value in a
// segment.
func TestEveryLeafOfTheSpecification(t *testing.T) {
	file := filepath.Join(shared(t), "specs", "openai-request-string-leaves.txt")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := dialect.New(dialect.Options{})
	var route proxy.Route
	isJSON, n := false, 0
	for i, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2:
		case fields[0] == "==":
			route = set.Route("POST", proxy.NewText("/v1"+fields[1]))
		case fields[0] == "--":
			isJSON = fields[1] == "application/json"
		case isJSON && takesBody[route.Operation]:
			body := leafBody(strings.Split(fields[0], "."))
			h := &proxy.Head{Method: "POST", Path: route.Path}
			doc, err := set.Read(route, h, []byte(body))
			if err != nil {
				t.Errorf("%s:%d (%s): %v", filepath.Base(file), i+1, fields[0], err)
				continue
			}
			if in, _ := finds(doc.Prompt(), planted); !in {
				t.Errorf("%s:%d (%s %s): the value is in no segment", filepath.Base(file), i+1, route.Operation, fields[0])
			}
			n++
		}
	}
	if n < 250 {
		t.Errorf("%d leaves only: the list is read wrongly", n)
	}
	t.Logf("%d leaves of the specification, all read", n)
}

// leafBody writes the smallest object with a value at a path such as
// input[].content[].text or metadata.*.
func leafBody(path []string) string {
	if len(path) == 0 {
		return `"` + planted + `"`
	}
	name, arrays := path[0], 0
	for strings.HasSuffix(name, "[]") {
		name, arrays = strings.TrimSuffix(name, "[]"), arrays+1
	}
	if name == "*" {
		name = "any"
	}
	return `{"` + name + `":` + strings.Repeat("[", arrays) + leafBody(path[1:]) + strings.Repeat("]", arrays) + `}`
}
