package config_test

import (
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ostiary/ostiary/proxy/config"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what the tests get into testdata and reference.txt")

// secretWords stand in the testdata where somebody wrote a key into the file.
// No message may show them.
var secretWords = []string{"hunter2", "swordfish", "sk-live", "s3cr3t", "Falcon", "4f9a8b7c6d5e4f3a2b1c"}

// TestConfigurations reads testdata/*.txtar: NAME.yaml beside NAME.json (what it
// means), NAME.error (what is wrong with it) and NAME.warnings.
func TestConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files of cases: %v", len(files), err)
	}
	cases := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		var out []txtar.File
		for _, f := range archive.Files {
			want[f.Name] = string(f.Data)
		}
		for _, f := range archive.Files {
			name, ok := strings.CutSuffix(f.Name, ".yaml")
			if !ok {
				continue
			}
			cases++
			got := results(name, f.Data)
			out = append(out, f)
			for _, kind := range []string{".error", ".json", ".warnings"} {
				if got[kind] != "" {
					out = append(out, txtar.File{Name: name + kind, Data: []byte(got[kind])})
				}
				if *update {
					continue
				}
				t.Run(name+kind, func(t *testing.T) {
					if d := cmp.Diff(want[name+kind], got[kind]); d != "" {
						t.Errorf("%s, %s (- want, + got):\n%s", file, f.Name, d)
					}
				})
			}
			for _, text := range []string{got[".error"], got[".warnings"]} {
				for _, s := range secretWords {
					if strings.Contains(text, s) {
						t.Errorf("%s, %s: a message shows a key", file, f.Name)
					}
				}
			}
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: out}), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d configurations", cases)
}

// results gives what a configuration comes to, as the cases write it. Of the
// meaning, only what differs from the defaults is given.
func results(name string, text []byte) map[string]string {
	c, err := config.Parse("/etc/ostiary/"+name+".yaml", text)
	if err != nil {
		return map[string]string{".error": strings.ReplaceAll(err.Error(), "/etc/ostiary/", "") + "\n"}
	}
	warnings := strings.ReplaceAll(c.Warnings.Error(), "/etc/ostiary/", "")
	if warnings != "" {
		warnings += "\n"
	}
	return map[string]string{".json": differences(c), ".warnings": warnings}
}

func differences(c *config.Config) string {
	var got, def map[string]json.RawMessage
	decode(c, &got)
	decode(config.Default(), &def)
	for k, v := range got {
		if string(def[k]) == string(v) {
			delete(got, k)
		}
	}
	b, _ := json.MarshalIndent(got, "", "  ")
	return string(b) + "\n"
}

func decode(c *config.Config, to any) {
	b, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	if err != nil {
		panic(err)
	}
}

// keys lists every key of the schema by its path, from the structs.
func keys(typ reflect.Type, prefix string) []string {
	var out []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			out = append(out, keys(f.Type, prefix)...)
			continue
		}
		if name == "" || name == "-" || !f.IsExported() || prefix+name == "pools.credential.mode" {
			continue
		}
		t := f.Type
		for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		out = append(out, prefix+name)
		if t.Kind() == reflect.Struct && t.PkgPath() == typ.PkgPath() && prefix+name != "pools.models" {
			out = append(out, keys(t, prefix+name+".")...)
		}
	}
	return out
}

// TestInitial: what a new user starts from is valid, and so it is with every
// example uncommented; together they show every key.
func TestInitial(t *testing.T) {
	text := string(config.Initial())
	c, err := config.Parse("ostiary.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("the initial configuration warns:\n%v", c.Warnings)
	}
	all := regexp.MustCompile(`(?m)^#( *[a-z_]+:| *- )`).ReplaceAllString(text, "$1")
	full, err := config.Parse("ostiary.yaml", []byte(all))
	if err != nil {
		t.Fatalf("with its examples uncommented: %v", err)
	}
	if len(full.Pools) != 3 || len(full.Applications) != 1 || len(full.Terms) != 1 {
		t.Errorf("with its examples uncommented: %d pools, %d applications, %d lists of terms", len(full.Pools), len(full.Applications), len(full.Terms))
	}
	for _, k := range keys(reflect.TypeFor[config.Config](), "") {
		last := k[strings.LastIndexByte(k, '.')+1:]
		if !regexp.MustCompile(`\b` + last + `:`).MatchString(text) {
			t.Errorf("the initial configuration does not show %s", k)
		}
	}
	// The examples show defaults: uncommented, they change nothing there.
	if d := cmp.Diff(config.Default().Limits, full.Limits); d != "" {
		t.Errorf("limits are not shown with their defaults:\n%s", d)
	}
}

// TestReference keeps reference.txt equal to the doc comments.
func TestReference(t *testing.T) {
	want := reference(t)
	if *update {
		if err := os.WriteFile("reference.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, config.Reference()); d != "" {
		t.Errorf("reference.txt is not what the doc comments say; run this test with -update (- comments, + file):\n%s", d)
	}
	for _, k := range keys(reflect.TypeFor[config.Config](), "") {
		if !strings.Contains(config.Reference(), "\n"+k+"\n") {
			t.Errorf("the reference does not explain %s", k)
		}
	}
}

func reference(t *testing.T) string {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range []string{"config.go", "log.go", "identity.go", "intercept.go"} {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, "config")
	if err != nil {
		t.Fatal(err)
	}
	structs := map[string]*ast.StructType{}
	for _, typ := range p.Types {
		if s, ok := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType); ok {
			structs[typ.Name] = s
		}
	}
	var b strings.Builder
	b.WriteString("Keys of Ostiary's configuration.\n")
	var write func(s *ast.StructType, prefix string)
	write = func(s *ast.StructType, prefix string) {
		for _, field := range s.Fields.List {
			typ := field.Type
			for {
				if a, ok := typ.(*ast.ArrayType); ok {
					typ = a.Elt
					continue
				}
				break
			}
			id, _ := typ.(*ast.Ident)
			if len(field.Names) == 0 {
				write(structs[id.Name], prefix)
				continue
			}
			name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json"), ",")
			if name == "-" || prefix+name == "pools.credential.mode" {
				continue
			}
			text := field.Doc.Text()
			if text == "" {
				t.Errorf("%s%s has no doc comment", prefix, name)
			}
			b.WriteString("\n" + prefix + name + "\n")
			for line := range strings.Lines(text) {
				b.WriteString("    " + line)
			}
			if id != nil && structs[id.Name] != nil && id.Name != "Model" {
				write(structs[id.Name], prefix+name+".")
			}
		}
	}
	for _, field := range structs["Config"].Fields.List {
		if len(field.Names) > 0 && !ast.IsExported(field.Names[0].Name) {
			field.Tag = &ast.BasicLit{Value: "`json:\"-\"`"}
		}
	}
	write(structs["Config"], "")
	return b.String()
}

// TestEveryKeyIsRead: the structs and the reader know the same keys. A key that
// is read complains of a null; one that is not is unknown.
func TestEveryKeyIsRead(t *testing.T) {
	for _, k := range keys(reflect.TypeFor[config.Config](), "") {
		parts := strings.Split(k, ".")
		text := ""
		for i, p := range parts {
			indent := strings.Repeat("  ", i)
			if i > 0 && slices.Contains([]string{"pools", "applications", "terms"}, parts[i-1]) {
				indent = indent[2:] + "- "
			}
			text += indent + p + ":\n"
		}
		_, err := config.Parse("x.yaml", []byte(text))
		if err == nil || strings.Contains(err.Error(), "unknown key") || strings.Contains(err.Error(), "not valid YAML") {
			t.Errorf("%s: %v", k, err)
		}
	}
}

const minimal = "pools: [{name: a, boundary: internal, url: \"http://127.0.0.1:1\", dialects: [openai]}]\n"

func TestPositions(t *testing.T) {
	text := `listen: 127.0.0.1:8484
pools:
  - name: house
    boundary: internal
    url: http://127.0.0.1:9002
    dialects: [openai,
      anthropic]
    models:
      "gpt-*": qwen
applications:
  - {name: a, key: {env: A_KEY}}
`
	c, err := config.Parse("dir/o.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path []string
		want string
	}{
		{[]string{"listen"}, "dir/o.yaml:1:9"},
		{[]string{"pools"}, "dir/o.yaml:2:1"},
		{[]string{"pools", "0", "url"}, "dir/o.yaml:5:10"},
		{[]string{"pools[0].url"}, "dir/o.yaml:5:10"},
		{[]string{"pools", "0", "dialects", "1"}, "dir/o.yaml:7:7"},
		{[]string{"pools", "0", "models", "gpt-*"}, "dir/o.yaml:9:16"},
		{[]string{"pools", "0", "credential", "env"}, "dir/o.yaml:3:5"}, // left out: the pool
		{[]string{"pools", "7"}, "dir/o.yaml:2:1"},
		{[]string{"applications", "0", "key", "env"}, "dir/o.yaml:11:26"},
		{[]string{"mode"}, "dir/o.yaml"},
		{nil, "dir/o.yaml"},
	} {
		if got := c.Position(tt.path...).String(); got != tt.want {
			t.Errorf("%v is at %s, want %s", tt.path, got, tt.want)
		}
	}
	p := c.Problem("the variable A_KEY is not set", "export it", "applications", "0", "key")
	want := "dir/o.yaml:11:15: the variable A_KEY is not set\n   11 |   - {name: …, key: {env: …}}\n      |               ^\n    export it"
	if p.Error() != want {
		t.Errorf("a later problem reads\n%s\nwant\n%s", p.Error(), want)
	}
}

func TestPathsAreTakenFromTheFilesDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ostiary.yaml")
	text := minimal + `policies: ./policies
log: /var/log/ostiary
tls: {cert: tls/cert.pem, key: tls/key.pem}
terms: [{name: projects, words: [one], file: words.txt}]
applications: [{name: a, key: {file: keys/a}}, {name: b, keys: [{command: [./get, b]}, {command: [pass, b]}]}]
`
	write := func(name, text string) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("ostiary.yaml", text)
	_, err := config.Load(file)
	var ps config.Problems
	if !errors.As(err, &ps) || len(ps) != 4 {
		t.Fatalf("Load finds of four missing files: %v", err)
	}
	for _, name := range []string{"policies/x.rego", "tls/cert.pem", "tls/key.pem"} {
		write(name, "")
	}
	write("words.txt", "\ufeff# projects\n\n  two words \r\nthree\n")
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	got := append(slices.Clone(c.Paths()), c.Applications[1].Keys[0].Command[0], c.Applications[1].Keys[1].Command[0], c.Log.Dir)
	var want []string
	for _, n := range []string{"keys/a", "ostiary.yaml", "policies", "tls/cert.pem", "tls/key.pem", "words.txt", "get"} {
		want = append(want, filepath.Join(dir, n))
	}
	if d := cmp.Diff(append(want, "pass", "/var/log/ostiary"), got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"one", "two words", "three"}, c.Terms[0].Words); d != "" {
		t.Errorf("words of the list and the file: %s", d)
	}
	if _, err := config.Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestRevisionFollowsTheText(t *testing.T) {
	parse := func(s string) string {
		c, err := config.Parse("a.yaml", []byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return c.Revision()
	}
	if a, b := parse(minimal), parse(minimal+"mode: observe\n"); a == b || a != parse(minimal) || len(a) != 12 {
		t.Errorf("revisions %s and %s", a, b)
	}
	if config.Default().Revision() != "" {
		t.Error("no text has a revision")
	}
}

// TestBounds: what is too much is refused at once, what is merely long is taken.
func TestBounds(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a long line", minimal + "classifiers: {off: [" + strings.Repeat("A", 400) + ", " + strings.Repeat("B", 400) + "]} # " + strings.Repeat("c", 900), ""},
		{"a long text", minimal + "log: /" + strings.Repeat("a", 2000), ""},
		{"many comments", minimal + strings.Repeat("# comment\n", 40_000), ""},
		{"many words", minimal + "terms: [{name: a, words: [" + strings.Repeat("a,", 100_000) + "]}]", "more than 50000 words"},
		{"many keys", strings.Repeat("mode: enforce\n", 60_000), "more than 50000 words"},
		{"a large file", strings.Repeat("# comment\n", 110_000), "larger than 1048576 bytes"},
		{"deep in brackets", strings.Repeat("[", 17), "nests more deeply"},
		{"deep in dashes", strings.Repeat("- ", 1000), "nests more deeply"},
		{"deep in lines", nest(600), "nests more deeply"},
		{"not UTF-8", "mode: \xff", "not UTF-8"},
		{"a scalar", "enforce", "the configuration must be a mapping"},
		{"a list", "- mode", "the configuration must be a mapping"},
	} {
		_, err := config.Parse("b.yaml", []byte(tt.text))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %.300v, want %q", tt.name, err, tt.want)
		}
	}
}

func nest(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// FuzzParse: whatever the text, either there is a configuration that holds what
// the rest relies on, or there are problems with a position in the file and a
// message; and a canary that stands where a key would is never shown.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range a.Files {
			f.Add(s.Data)
		}
	}
	f.Add(config.Initial())
	f.Add([]byte(strings.Repeat("[", 1000)))
	f.Add([]byte(strings.Repeat("- ", 1000)))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("f.yaml", text)
		if err == nil {
			if len(c.Pools) == 0 {
				t.Error("a configuration without pools")
			}
			keyed := slices.ContainsFunc(c.Applications, func(a config.Application) bool { return len(a.Keys) > 0 })
			if !c.Loopback() && c.TLS.Cert == "" && !keyed && c.Dataplane != "none" {
				t.Error("open to the network")
			}
			for _, p := range c.Pools {
				if p.Name == "" || p.URL == "" || len(p.Dialects) == 0 || p.Boundary != "internal" && p.Boundary != "external" {
					t.Error("an incomplete pool")
				}
				if (p.Credential.Mode == config.CredentialPool) == p.Credential.Secret.IsZero() {
					t.Error("a credential without a source, or a source without use")
				}
			}
			return
		}
		var ps config.Problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("not problems: %T", err)
		}
		lines := 1 + strings.Count(string(text), "\n") + strings.Count(string(text), "\r")
		for _, p := range ps {
			if p.Message == "" || p.Position.File != "f.yaml" || p.Position.Line < 0 || p.Position.Line > lines {
				t.Errorf("a problem at %s of %d lines", p.Position, lines)
			}
			if strings.ContainsFunc(p.Message+p.Remedy, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x1b }) {
				t.Errorf("a problem with control characters: %q", p.Message)
			}
		}
	})
}

// FuzzKeysAreNotShown: whatever stands where a key would, no message shows it.
func FuzzKeysAreNotShown(f *testing.F) {
	for _, s := range []string{"hunter2secret", "sk-abc", "{value: %}", "{api_key: %}", "[%]", "{env: %}", "{%: x}", "|\n      %", "{env: A, %: B}", "{command: %}", "{header: \"%\", env: A}", "\"%", "'%", "*%", "!%", "&% x", "{file: [%]}", "? %"} {
		f.Add(s)
	}
	const canary = "canary7f3a"
	f.Fuzz(func(t *testing.T, form string) {
		if !strings.Contains(form, "%") || strings.Contains(form, canary) {
			t.Skip()
		}
		// Comments, and lines that are not the credential's, are the operator's
		// prose.
		for _, line := range strings.FieldsFunc(form, func(r rune) bool { return r == '\n' || r == '\r' })[1:] {
			if !strings.HasPrefix(line, "      ") {
				t.Skip()
			}
		}
		if strings.Contains(form, "#") || strings.ContainsAny(form[:1], "\n\r") {
			t.Skip()
		}
		text := "pools:\n  - name: a\n    boundary: internal\n    url: http://127.0.0.1:1\n    dialects: [openai]\n    credential: " + strings.ReplaceAll(form, "%", canary) + "\n"
		_, err := config.Parse("f.yaml", []byte(text))
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("a message shows what stands in credential")
		}
	})
}
