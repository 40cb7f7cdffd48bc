package dialect_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/dialect"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is read into testdata/bodies")

// TestBodies reads the files of testdata/bodies. Each has a request (method and
// path, then headers), a body, and what is to come of them: segments, one a
// line as
//
//	role kind key "text" [fixed]
//
// then what the prompt says beside them (prompt), or the refusal (error). Where
// there are edits ("text" => "replacement", or model => "name"), want is the
// body with them made, to the byte, or error the refusal of the edit.
func TestBodies(t *testing.T) {
	files, err := filepath.Glob("testdata/bodies/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, a)
			if *update {
				for i := range a.Files {
					if text, ok := got[a.Files[i].Name]; ok {
						a.Files[i].Data = []byte(text)
					}
				}
				if err := os.WriteFile(file, txtar.Format(a), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, f := range a.Files {
				switch f.Name {
				case "request", "body", "edits":
					continue
				}
				text, ok := got[f.Name]
				if !ok {
					t.Errorf("there is no %s", f.Name)
				}
				if d := cmp.Diff(string(f.Data), text); d != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, d)
				}
				delete(got, f.Name)
			}
			if e, ok := got["error"]; ok {
				t.Errorf("unexpected error: %s", e)
			}
		})
	}
}

// play does what a file says and gives all that came of it.
func play(t *testing.T, a *txtar.Archive) map[string]string {
	t.Helper()
	in := map[string]string{}
	for _, f := range a.Files {
		in[f.Name] = string(f.Data)
	}
	set := dialect.New(dialect.Options{})
	h := &proxy.Head{}
	var path string
	for i, line := range strings.Split(strings.TrimSpace(in["request"]), "\n") {
		if i == 0 {
			h.Method, path, _ = strings.Cut(line, " ")
			h.Path = proxy.NewText(path)
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		h.Header = append(h.Header, proxy.Field{Name: name, Value: proxy.NewText(value)})
	}
	body := []byte(in["body"])
	if strings.Contains(path, "crlf") { // multipart is written with CR LF
		body = bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))
	}
	route := set.Route(h.Method, h.Path)
	out := map[string]string{}
	doc, err := set.Read(route, h, body)
	if err != nil {
		out["error"] = errorText(t, err)
		return out
	}
	p := doc.Prompt()
	out["segments"], out["prompt"] = segments(p), prompt(route, p)
	if same, err := doc.Body(nil, ""); err != nil || !bytes.Equal(same, body) {
		t.Errorf("the unedited body is not what was received (%v)", err)
	}
	if in["edits"] == "" {
		return out
	}
	var edits []proxy.Edit
	model := ""
	for _, line := range strings.Split(strings.TrimSpace(in["edits"]), "\n") {
		find, with, _ := strings.Cut(line, " => ")
		with, err := strconv.Unquote(with)
		if err != nil {
			t.Fatal(err)
		}
		if find == "model" {
			model = with
			continue
		}
		find, err = strconv.Unquote(find)
		if err != nil {
			t.Fatal(err)
		}
		edits = append(edits, findAll(t, p, find, with)...)
	}
	edited, err := doc.Body(edits, model)
	if err != nil {
		out["error"] = errorText(t, err)
		return out
	}
	out["want"] = string(edited)
	return out
}

// findAll makes an edit of every occurrence of a text.
func findAll(t *testing.T, p *proxy.Prompt, find, with string) []proxy.Edit {
	t.Helper()
	var out []proxy.Edit
	for i := range p.Segments {
		text, from := p.Segments[i].Text.Reveal(), 0
		for {
			j := strings.Index(text[from:], find)
			if j < 0 {
				break
			}
			out = append(out, proxy.Edit{Segment: i, Start: from + j, End: from + j + len(find), With: with})
			from += j + len(find)
		}
	}
	if len(out) == 0 {
		t.Fatal("what is to be edited is in no segment")
	}
	return out
}

func errorText(t *testing.T, err error) string {
	t.Helper()
	var e *proxy.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is not an error of ours", err)
	}
	return fmt.Sprintf("%s %s\n%s\n", e.Kind.Label(), e.Code, e.Hint)
}

var kindNames = map[proxy.Kind]string{
	proxy.KindString: "string", proxy.KindKey: "key", proxy.KindNumber: "number",
	proxy.KindPath: "path", proxy.KindHeader: "header", proxy.KindName: "name",
}

func segments(p *proxy.Prompt) string {
	var b strings.Builder
	for i := range p.Segments {
		s := &p.Segments[i]
		key := s.Key.Reveal()
		if key == "" {
			key = "-"
		}
		fmt.Fprintf(&b, "%s %s %s %q", s.Role, kindNames[s.Kind], key, s.Text.Reveal())
		if s.Fixed {
			b.WriteString(" fixed")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func prompt(r proxy.Route, p *proxy.Prompt) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", r.Dialect, r.Operation, r.Path.Reveal())
	if p.Model.Len() > 0 {
		fmt.Fprintf(&b, "model %s\n", p.Model.Reveal())
	}
	if p.Stream {
		b.WriteString("stream\n")
	}
	if p.MaxTokens != 0 {
		fmt.Fprintf(&b, "max_tokens %d\n", p.MaxTokens)
	}
	for _, o := range p.Opaque {
		fmt.Fprintf(&b, "opaque %s", o.Kind)
		if o.MIME != "" {
			fmt.Fprintf(&b, " %s", o.MIME)
		}
		fmt.Fprintf(&b, " %d bytes", o.Bytes)
		if o.Index >= 0 {
			fmt.Fprintf(&b, " in %q", p.Segments[o.Index].Text.Reveal())
		}
		b.WriteByte('\n')
	}
	for _, s := range p.State {
		fmt.Fprintf(&b, "state %s\n", s)
	}
	for _, s := range p.Tools {
		fmt.Fprintf(&b, "tool %s\n", s.Reveal())
	}
	for _, s := range p.ToolKinds {
		fmt.Fprintf(&b, "tool kind %s\n", s)
	}
	for _, n := range []struct {
		name string
		on   bool
	}{{"tools", p.Needs.Tools}, {"images", p.Needs.Images}, {"audio", p.Needs.Audio}, {"files", p.Needs.Files}, {"json", p.Needs.JSON}} {
		if n.on {
			fmt.Fprintf(&b, "needs %s\n", n.name)
		}
	}
	return b.String()
}
