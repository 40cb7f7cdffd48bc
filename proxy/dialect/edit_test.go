package dialect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/dialect"
)

func read(t *testing.T, path string, body []byte) (proxy.Document, error) {
	t.Helper()
	r, h := post(path)
	return dialect.New(dialect.Options{}).Read(r, h, body)
}

func edit(segment, start, end int, with string) proxy.Edit {
	return proxy.Edit{Segment: segment, Start: start, End: end, With: with}
}

func TestEditsAreChecked(t *testing.T) {
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"aé\u00e9\ud83d\ude00z"}]}`)
	doc, err := read(t, "/v1/chat/completions", body)
	if err != nil {
		t.Fatal(err)
	}
	n := -1
	for i := range doc.Prompt().Segments {
		if doc.Prompt().Segments[i].Key.Reveal() == "content" {
			n = i
		}
	}
	text := doc.Prompt().Segments[n].Text.Reveal() // a é é 😀 z: 1, 2, 2, 4, 1 bytes
	for _, c := range []struct {
		name  string
		edits []proxy.Edit
		want  string // of the content as written; empty for a refusal
	}{
		{"at the beginning", []proxy.Edit{edit(n, 0, 1, "X")}, `Xé\u00e9\ud83d\ude00z`},
		{"an escape", []proxy.Edit{edit(n, 3, 5, "X")}, `aéX\ud83d\ude00z`},
		{"a pair of escapes", []proxy.Edit{edit(n, 5, 9, "X")}, `aé\u00e9Xz`},
		{"at the end", []proxy.Edit{edit(n, 10, 10, "X")}, `aé\u00e9\ud83d\ude00zX`},
		{"all", []proxy.Edit{edit(n, 0, 10, "")}, ``},
		{"an insertion", []proxy.Edit{edit(n, 5, 5, "\"\\\n\t\x7f\u2028")}, `aé\u00e9\"\\\n\u0009` + "\x7f\u2028" + `\ud83d\ude00z`},
		{"several, in any order", []proxy.Edit{edit(n, 9, 10, "Z"), edit(n, 0, 1, "A"), edit(n, 3, 5, "E")}, `AéE\ud83d\ude00Z`},
		{"touching", []proxy.Edit{edit(n, 1, 3, "1"), edit(n, 3, 5, "2")}, `a12\ud83d\ude00z`},
		{"overlapping", []proxy.Edit{edit(n, 0, 3, "1"), edit(n, 1, 5, "2")}, ""},
		{"the same twice", []proxy.Edit{edit(n, 0, 1, "1"), edit(n, 0, 1, "1")}, ""},
		{"inside another", []proxy.Edit{edit(n, 0, 9, "1"), edit(n, 3, 5, "2")}, ""},
		{"within a character", []proxy.Edit{edit(n, 2, 3, "1")}, ""},
		{"within an escaped character", []proxy.Edit{edit(n, 3, 4, "1")}, ""},
		{"within a pair", []proxy.Edit{edit(n, 5, 7, "1")}, ""},
		{"backwards", []proxy.Edit{edit(n, 3, 1, "1")}, ""},
		{"before the text", []proxy.Edit{edit(n, -1, 1, "1")}, ""},
		{"beyond the text", []proxy.Edit{edit(n, 9, 11, "1")}, ""},
		{"of no segment", []proxy.Edit{edit(len(doc.Prompt().Segments), 0, 0, "1")}, ""},
		{"of no segment at all", []proxy.Edit{edit(-1, 0, 0, "1")}, ""},
		{"not UTF-8", []proxy.Edit{edit(n, 0, 1, "\xff")}, ""},
		{"half of a surrogate pair", []proxy.Edit{edit(n, 0, 1, "\xed\xa0\x80")}, ""},
		{"of the path", []proxy.Edit{edit(0, 0, 1, "1")}, ""},
	} {
		if len(text) != 10 {
			t.Fatal("the text is not as the table thinks")
		}
		out, err := doc.Body(c.edits, "")
		if c.want == "" && c.name != "all" {
			var e *proxy.Error
			if !errors.As(err, &e) || e.Kind != proxy.Unsupported || e.Code != "cannot_mask" || out != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		want := strings.Replace(string(body), `aé\u00e9\ud83d\ude00z`, c.want, 1)
		if err != nil || string(out) != want {
			t.Errorf("%s: %s, %v", c.name, out, err)
		}
	}
	if out, err := doc.Body(nil, "m"); err != nil || !bytes.Equal(out, body) {
		t.Error("the same name for the model changes the body")
	}
	if _, err := doc.Body(nil, "\xff"); err == nil {
		t.Error("a name that is not UTF-8 is taken")
	}
}

// seeds are the bodies that the fuzz targets begin with.
var seeds = []string{
	`{"model":"m","messages":[{"role":"user","content":"hello a@b.example"}]}`,
	`{"model":"m","messages":[{"content":"\u00e9\ud83d\ude00\n\"x\"","role":"user"},{"role":"tool","content":"{\"a\":[\"b\",{\"c\":\"\\u0041\"}],\"n\":1234567}"}],"metadata":{"k":"v"}}`,
	`{"model":"m","input":[{"type":"function_call","arguments":"{\"a\":\"[\\\"x\\\"]\"}"},{"id":"x"}],"tools":[{"type":"mcp","server_url":"https://x"}]}`,
	`{"prompt":[1,2,3],"input":[[1],["a"]],"system":[{"type":"text","text":"t"}],"stream":true,"max_tokens":-5}`,
	`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}]}`,
	`{"a":" [ ] ","b":"{}","c":"[\"\"]","d":"[1]","e":"{\"k\":1,\"k\":2}"}`,
}

var paths = []string{"/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/unknown"}

// FuzzSplice: whatever is read is forwarded byte for byte where nothing is
// edited, and a body in which only the model's name is another differs in it
// alone.
func FuzzSplice(f *testing.F) {
	for i, s := range seeds {
		f.Add(byte(i), []byte(s), "house")
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte, model string) {
		doc, err := read(t, paths[int(which)%len(paths)], body)
		if err != nil {
			return
		}
		out, err := doc.Body(nil, "")
		if err != nil || !bytes.Equal(out, body) {
			t.Fatalf("the unedited body is another (%v)", err)
		}
		was := doc.Prompt().Model.Reveal()
		out, err = doc.Body(nil, model)
		if model == "" {
			return
		}
		if err != nil {
			if utf8.ValidString(model) && was != "" {
				t.Fatal("the model's name is not replaced")
			}
			return
		}
		again, err := read(t, paths[int(which)%len(paths)], out)
		if err != nil || again.Prompt().Model.Reveal() != model {
			t.Fatalf("the model's name does not stick (%v)", err)
		}
		if back, err := again.Body(nil, was); err == nil && was != "" && len(texts(again)) == len(texts(doc)) {
			one, _ := compact(back)
			two, _ := compact(body)
			if !bytes.Equal(one, two) {
				t.Fatal("more than the model's name has changed")
			}
		}
	})
}

// compact gives a body's meaning, as encoding/json has it.
func compact(body []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func texts(doc proxy.Document) []string {
	var out []string
	for i := range doc.Prompt().Segments {
		if s := doc.Prompt().Segments[i].Text.Reveal(); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// FuzzEdit: an edit that may be made is made, sticks when the result is read
// again, and changes nothing else; one that may not is refused.
func FuzzEdit(f *testing.F) {
	for i, s := range seeds {
		f.Add(byte(i), []byte(s), 4, 1, 3, "[EMAIL_ADDRESS_1]")
		f.Add(byte(i), []byte(s), 7, 0, 0, "\"\\\u2028\x01")
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte, segment, start, end int, with string) {
		path := paths[int(which)%len(paths)]
		doc, err := read(t, path, body)
		if err != nil {
			return
		}
		list := doc.Prompt().Segments
		out, err := doc.Body([]proxy.Edit{{Segment: segment, Start: start, End: end, With: with}}, "")
		if segment < 0 || segment >= len(list) || list[segment].Fixed {
			if err == nil {
				t.Fatal("an edit of what is fixed is made")
			}
			return
		}
		text := list[segment].Text.Reveal()
		edge := func(i int) bool { return i == len(text) || utf8.RuneStart(text[i]) }
		possible := 0 <= start && start <= end && end <= len(text) && edge(start) && edge(end) && utf8.ValidString(with)
		if possible != (err == nil) {
			t.Fatalf("an edit that is possible (%v) gives %v", possible, err)
		}
		if err != nil {
			return
		}
		again, err := read(t, path, out)
		if err != nil {
			t.Fatalf("the result is not read: %v", err)
		}
		var want []string
		for i := range list {
			s := list[i].Text.Reveal()
			if i == segment {
				s = s[:start] + with + s[end:]
			}
			if s != "" {
				want = append(want, s)
			}
		}
		if slices.Equal(want, texts(again)) {
			return
		}
		// A string that has become JSON, or is no longer, is read as what it is.
		edited := text[:start] + with + text[end:]
		if s := strings.TrimSpace(edited); json.Valid([]byte(edited)) && (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) {
			return
		}
		if strings.HasPrefix(edited, "data:") || strings.HasPrefix(text, "data:") {
			return // so is one that has become a data URL
		}
		t.Fatalf("the edit does not stick:\n%q\n%q", want, texts(again))
	})
}

// FuzzRead: no body, coding or header makes the reader panic; it fails with one
// of its kinds of error; and where it does not fail, every string of the body is
// in a segment, each segment is valid UTF-8 and every opaque part has its place.
func FuzzRead(f *testing.F) {
	for i, s := range seeds {
		f.Add(byte(i), "application/json", "", []byte(s))
	}
	f.Add(byte(4), "multipart/form-data; boundary=x", "", []byte("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n"))
	f.Add(byte(4), "application/x-www-form-urlencoded", "", []byte("a=%40b&c+d"))
	f.Add(byte(4), "text/plain", "", []byte("hello"))
	for _, c := range []string{"gzip", "deflate", "br", "zstd"} {
		f.Add(byte(0), "application/json", c, []byte("\x1f\x8b\x08\x00"))
	}
	set := dialect.New(dialect.Options{BodyLimit: 1 << 20})
	f.Fuzz(func(t *testing.T, which byte, contentType, coding string, body []byte) {
		path := paths[int(which)%len(paths)]
		h := &proxy.Head{Method: "POST", Path: proxy.NewText(path + "?q=" + contentType), Header: []proxy.Field{
			{Name: "content-type", Value: proxy.NewText(contentType)}, {Name: "content-encoding", Value: proxy.NewText(coding)},
		}}
		r := set.Route("POST", h.Path)
		if r.Operation == proxy.OpUnknown && path != "/v1/unknown" {
			r = set.Route("POST", proxy.NewText(path))
		}
		doc, err := set.Read(r, h, body)
		if err != nil {
			var e *proxy.Error
			if !errors.As(err, &e) || e.Kind != proxy.Malformed && e.Kind != proxy.TooLarge && e.Kind != proxy.Unsupported || e.Err != nil {
				t.Fatalf("%v is not an error of ours", err)
			}
			return
		}
		out, err := doc.Body(nil, "")
		if err != nil || doc.Encoding() == "" && !bytes.Equal(out, body) {
			t.Fatalf("the unedited body is another (%v)", err)
		}
		p := doc.Prompt()
		seen := map[string]bool{}
		for i := range p.Segments {
			s := p.Segments[i].Text.Reveal()
			if !utf8.ValidString(s) || !utf8.ValidString(p.Segments[i].Key.Reveal()) {
				t.Fatal("a segment is not UTF-8")
			}
			seen[s] = true
		}
		for _, o := range p.Opaque {
			if o.Index < -1 || o.Index >= len(p.Segments) || o.Kind == "" {
				t.Fatal("an opaque part has no place")
			}
		}
		var v any
		if path == "/v1/unknown" && !strings.Contains(contentType, "json") || json.Unmarshal(out, &v) != nil {
			return
		}
		walk(v, func(s string) {
			trimmed := strings.TrimSpace(s)
			if s != "" && !seen[s] && !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
				t.Fatalf("%q is in no segment", s)
			}
		})
	})
}

// walk calls f with every string value.
func walk(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(v)
	case []any:
		for _, e := range v {
			walk(e, f)
		}
	case map[string]any:
		for _, e := range v {
			walk(e, f)
		}
	}
}
