package policies_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"

	"github.com/ostiary/ostiary/policies"
	"github.com/ostiary/ostiary/proxy"
)

func load(t testing.TB, o policies.Options) *policies.Set {
	t.Helper()
	s, err := policies.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decide(t testing.TB, s *policies.Set, f *proxy.Facts) proxy.Verdict {
	t.Helper()
	v, err := s.Decide(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// one is a policy directory of one rule.
func one(rule string) fstest.MapFS {
	return fstest.MapFS{"p/p.rego": {Data: []byte("package ostiary.policies.p\n\n# METADATA\n# title: One\n" + rule + "\n")}}
}

// starter is the directory that Starter lists.
func starter() fstest.MapFS {
	out := fstest.MapFS{}
	for _, f := range policies.Starter() {
		out[f.Path] = &fstest.MapFile{Data: []byte(f.Text)}
	}
	return out
}

// samples are facts that the shipped policies answer in different ways.
func samples() map[string]*proxy.Facts {
	out := map[string]*proxy.Facts{"harmless": policies.Example()}
	add := func(note string, change func(*proxy.Facts)) {
		f := policies.Example()
		change(f)
		out[note] = f
	}
	for _, d := range detectable {
		add(d.name, func(f *proxy.Facts) { found(f, d.name, d.groups, "user", proxy.VeryLikely) })
	}
	add("credential", func(f *proxy.Facts) { found(f, "SECRET_JWT", []string{"credential"}, "tool", proxy.Likely) })
	add("image", func(f *proxy.Facts) { f.Opaque.Count, f.Opaque.Kinds["image"] = 1, 1 })
	add("gap", func(f *proxy.Facts) { f.Uninspected.Count, f.Uninspected.Reasons["budget"] = 1, 1 })
	add("unknown path", func(f *proxy.Facts) { f.Request.Operation = "unknown" })
	add("no body", func(f *proxy.Facts) { f.Request.Body, f.Request.Bytes = "none", 0 })
	add("zero", func(f *proxy.Facts) { *f = proxy.Facts{} })
	return out
}

// TestForbiddenBuiltins calls every builtin of OPA that policies may not use.
func TestForbiddenBuiltins(t *testing.T) {
	allowed := 0
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		if b.Infix != "" || strings.HasPrefix(b.Name, "internal.") {
			continue
		}
		args := make([]string, len(b.Decl.NamedFuncArgs().Args))
		for i := range args {
			args[i] = "x"
		}
		_, err := policies.Load(policies.Options{FS: one("deny contains {\"rule\": \"one\", \"message\": \"No.\"} if {\n\tx := input.request.model\n\tx != \"\"\n\t" + b.Name + "(" + strings.Join(args, ", ") + ")\n}")})
		refused := err != nil && strings.Contains(err.Error(), b.Name+" is not to be had in a policy")
		if !refused {
			allowed++
			if b.Nondeterministic {
				t.Errorf("%s is not deterministic and is not refused: %v", b.Name, err)
			}
			continue
		}
		if !strings.HasPrefix(err.Error(), "p/p.rego:8:") {
			t.Errorf("%s: the error has no line: %v", b.Name, err)
		}
	}
	for _, name := range []string{"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "uuid.rfc4122", "time.now_ns", "io.jwt.decode_verify", "io.jwt.verify_hs256"} {
		_, err := policies.Load(policies.Options{FS: one("deny contains {\"rule\": \"one\", \"message\": \"No.\"} if " + name + "(input.request.model)")})
		if err == nil || !strings.Contains(err.Error(), name+" is not to be had in a policy. ") {
			t.Errorf("%s is not refused with a reason: %v", name, err)
		}
	}
	if allowed < 60 || allowed > 130 {
		t.Errorf("%d builtins are allowed: read the list again", allowed)
	}
}

func TestWarnings(t *testing.T) {
	for note, c := range map[string]struct {
		o    policies.Options
		want string
	}{
		"shipped":      {policies.Options{}, ""},
		"empty":        {policies.Options{FS: fstest.MapFS{}}, "no policies loaded: every request is refused"},
		"incomplete":   {policies.Options{FS: one(`warn contains {"rule": "one", "message": "x"}`), Expected: []string{"p", "secrets"}}, "the policy secrets is expected and not loaded: every request is refused"},
		"no title":     {policies.Options{FS: fstest.MapFS{"p.rego": {Data: []byte("package ostiary.policies.p\n\nwarn contains {\"rule\": \"one\", \"message\": \"x\"}\n")}}}, "p.rego:3: the rule p.one has no title (# METADATA, # title: …)"},
		"stray data":   {policies.Options{FS: fstest.MapFS{"p.rego": one(`warn contains {"rule": "one", "message": "x"}`)["p/p.rego"], "teams.json": {Data: []byte("{}")}}}, "teams.json: not read: data for policies is named data.json"},
		"hidden files": {policies.Options{FS: fstest.MapFS{"..data/p.rego": {Data: []byte("broken")}, "p.rego": one(`warn contains {"rule": "one", "message": "x"}`)["p/p.rego"]}}, ""},
	} {
		t.Run(note, func(t *testing.T) {
			if got := strings.Join(load(t, c.o).Warnings(), "\n"); got != c.want {
				t.Errorf("warnings %q, want %q", got, c.want)
			}
		})
	}
}

// TestTimeOut asks a policy that would take hours.
func TestTimeOut(t *testing.T) {
	s := load(t, policies.Options{FS: one(`deny contains {"rule": "one", "message": "No."} if {
	d := "0123456789"
	n := [x | some x in split(d, "")]
	some a in n
	some b in n
	some c in n
	some e in n
	some f in n
	some g in n
	some h in n
	some i in n
	some j in n
	some k in n
	concat("", [a, b, c, e, f, g, h, i, j, k]) == "no"
}`)})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	v, err := s.Decide(ctx, policies.Example())
	if proxy.KindOf(err) != proxy.Undecided || !strings.Contains(err.Error(), "longer than the request may") || v.Action.Rank() != proxy.Deny.Rank() {
		t.Errorf("after the deadline: %q, %v", v.Action, err)
	}
	_, err = s.Decide(ctx, policies.Example())
	if proxy.KindOf(err) != proxy.Undecided {
		t.Errorf("asked after the deadline: %v", err)
	}
}

// TestConcurrent decides at once from many goroutines; each gets its own
// verdict. Run it with -race.
func TestConcurrent(t *testing.T) {
	s := load(t, policies.Options{})
	want := map[string]string{}
	for note, f := range samples() {
		v := decide(t, s, f)
		want[note] = describe(&v, nil)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				for note, f := range samples() {
					v, err := s.Decide(context.Background(), f)
					if got := describe(&v, err); got != want[note] {
						t.Errorf("%s: %s, want %s", note, got, want[note])
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestDeterminism decides the same facts by sets loaded apart, and as they come
// back from the record.
func TestDeterminism(t *testing.T) {
	a := load(t, policies.Options{})
	others := []*policies.Set{a, load(t, policies.Options{}), load(t, policies.Options{})}
	for note, f := range samples() {
		first := decide(t, a, f)
		for _, s := range others {
			if v := decide(t, s, f); !cmp.Equal(v, first) {
				t.Errorf("%s: %v, then %v", note, first, v)
			}
		}
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var back proxy.Facts
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if v := decide(t, a, &back); !cmp.Equal(v, first) {
			t.Errorf("%s: %v, replayed %v", note, first, v)
		}
	}
}

// TestStarter: a directory as it is written decides as the shipped policies do.
func TestStarter(t *testing.T) {
	dir := t.TempDir()
	for _, f := range policies.Starter() {
		p := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(f.Text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shipped, written := load(t, policies.Options{}), load(t, policies.Options{Path: dir})
	if w := written.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	if !cmp.Equal(shipped.Policies(), written.Policies(), cmp.AllowUnexported(policies.Rule{})) {
		t.Errorf("policies differ: %v, %v", shipped.Policies(), written.Policies())
	}
	for note, f := range samples() {
		a, b := decide(t, shipped, f), decide(t, written, f)
		a.Revision, b.Revision = "", ""
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("%s: the written directory decides otherwise (-shipped +written):\n%s", note, d)
		}
	}
	results, err := policies.Test(context.Background(), policies.Options{Path: dir})
	if err != nil || len(results) == 0 {
		t.Errorf("the unit tests of the written directory: %d, %v", len(results), err)
	}
}

// TestStarterExample puts the example in force, as its page says.
func TestStarterExample(t *testing.T) {
	dir := starter()
	n := 0
	for p, f := range dir {
		if name, ok := strings.CutSuffix(p, ".example"); ok {
			dir[name] = f
			n++
		}
	}
	if n == 0 {
		t.Fatal("no example")
	}
	s := load(t, policies.Options{FS: dir})
	if !slices.ContainsFunc(s.Policies(), func(p policies.Policy) bool { return p.Name == "team" }) {
		t.Error("the example is not loaded")
	}
	results, err := policies.Test(context.Background(), policies.Options{FS: dir})
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, r := range results {
		if strings.HasPrefix(r.File, "team/") {
			ran++
		}
		if !r.Passed {
			t.Errorf("%s:%d %s: %s %v", r.File, r.Line, r.Name, r.Error, r.Cases)
		}
	}
	if ran == 0 {
		t.Error("the example has no unit tests")
	}
}

// TestShippedDirectories: every policy has rule, test and page, and every rule a
// title and a description.
func TestShippedDirectories(t *testing.T) {
	shipped := load(t, policies.Options{})
	entries, err := fs.ReadDir(policies.Shipped(), ".")
	if err != nil || len(entries) < 4 {
		t.Fatalf("%d shipped policies, %v", len(entries), err)
	}
	for _, e := range entries {
		for _, f := range []string{e.Name() + ".rego", e.Name() + "_test.rego", "README.md"} {
			if b, err := fs.ReadFile(policies.Shipped(), e.Name()+"/"+f); err != nil || len(b) < 200 {
				t.Errorf("%s/%s: %d bytes, %v", e.Name(), f, len(b), err)
			}
		}
		text, _ := fs.ReadFile(policies.Shipped(), e.Name()+"/"+e.Name()+".rego")
		m, err := ast.ParseModuleWithOpts(e.Name(), string(text), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range m.Annotations {
			if a.Title == "" || a.Description == "" {
				t.Errorf("%s:%d: no title or no description", e.Name(), a.Location.Row)
			}
		}
		page, _ := fs.ReadFile(policies.Shipped(), e.Name()+"/README.md")
		for _, p := range shipped.Policies() {
			for _, r := range p.Rules {
				if p.Name == e.Name() && !strings.Contains(string(page), "`"+r.ID+"`") {
					t.Errorf("the page of %s does not speak of the rule %s", e.Name(), r.ID)
				}
			}
		}
	}
}

func TestRevision(t *testing.T) {
	base := one(`warn contains {"rule": "one", "message": "x"}`)
	first := load(t, policies.Options{FS: base}).Revision()
	if again := load(t, policies.Options{FS: base}).Revision(); again != first {
		t.Errorf("the same files have two revisions")
	}
	with := func(name, text string) fstest.MapFS {
		out := fstest.MapFS{name: {Data: []byte(text)}}
		for p, f := range base {
			if p != name {
				out[p] = f
			}
		}
		return out
	}
	for note, o := range map[string]policies.Options{
		"a comment":  {FS: with("p/p.rego", string(base["p/p.rego"].Data)+"# more\n")},
		"data":       {FS: with("data.json", `{"x": 1}`)},
		"a name":     {FS: fstest.MapFS{"q.rego": base["p/p.rego"]}},
		"expected":   {FS: base, Expected: []string{"p"}},
		"the binary": {},
	} {
		if got := load(t, o).Revision(); got == first {
			t.Errorf("%s changes and the revision does not", note)
		}
	}
	for note, fsys := range map[string]fstest.MapFS{"a page": with("p/README.md", "x"), "a test": with("p/p_test.rego", "package p_test\n\ntest_x if true\n")} {
		if got := load(t, policies.Options{FS: fsys}).Revision(); got != first {
			t.Errorf("%s changes the revision", note)
		}
	}
}

// makeBundle builds a bundle of a directory, signed where key is not empty.
func makeBundle(t *testing.T, fsys fs.FS, key, id string) string {
	t.Helper()
	b := bundle.Bundle{Data: map[string]any{}}
	b.Manifest.Init()
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, p)
		switch {
		case strings.HasSuffix(p, ".rego"):
			m, perr := ast.ParseModuleWithOpts(p, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true})
			if perr != nil {
				return perr
			}
			b.Modules = append(b.Modules, bundle.ModuleFile{URL: "/" + p, Path: "/" + p, RelativePath: p, Raw: text, Parsed: m})
		case filepath.Base(p) == "data.json":
			var v any
			if err := json.Unmarshal(text, &v); err != nil {
				return err
			}
			b.Data[filepath.Base(filepath.Dir(p))] = v
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		if err := b.GenerateSignature(bundle.NewSigningConfig(key, "ES256", ""), id, false); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := bundle.NewWriter(&out).DisableFormat(true).UseModulePath(false).Write(b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: a})), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}))
}

func TestBundle(t *testing.T) {
	shipped, s := load(t, policies.Options{}), load(t, policies.Options{Path: makeBundle(t, policies.Shipped(), "", "")})
	for note, f := range samples() {
		a, b := decide(t, shipped, f), decide(t, s, f)
		a.Revision, b.Revision = "", ""
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("%s: the bundle decides otherwise (-shipped +bundle):\n%s", note, d)
		}
	}
}

func TestSignedBundle(t *testing.T) {
	private, public := keyPair(t)
	_, other := keyPair(t)
	signed, unsigned := makeBundle(t, policies.Shipped(), private, "ours"), makeBundle(t, policies.Shipped(), "", "")
	key := func(id, text string) []policies.Key { return []policies.Key{{ID: id, PEM: text, Algorithm: "ES256"}} }
	for note, c := range map[string]struct {
		file string
		keys []policies.Key
		ok   bool
	}{
		"signed":                   {signed, key("ours", public), true},
		"signed, second key":       {signed, append(key("old", other), key("ours", public)...), true},
		"signed, another key":      {signed, key("ours", other), false},
		"signed, another id":       {signed, key("theirs", public), true}, // the key decides; an id only says which to try
		"signed, no id":            {signed, key("", public), false},
		"signed, id missing first": {signed, append(key("", public), key("ours", public)...), false},
		"unsigned":                 {unsigned, key("ours", public), false},
		"unsigned, no keys":        {unsigned, nil, true},
		"signed, no keys":          {signed, nil, true},
		"a directory":              {t.TempDir(), key("ours", public), false},
	} {
		t.Run(note, func(t *testing.T) {
			_, err := policies.Load(policies.Options{Path: c.file, Keys: c.keys})
			if (err == nil) != c.ok {
				t.Errorf("loaded: %v (%v), want %v", err == nil, err, c.ok)
			}
		})
	}
}

func TestWrongSources(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "x.tar.gz")
	if err := os.WriteFile(junk, []byte("no archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	linked := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(linked, "more")); err != nil {
		t.Fatal(err)
	}
	for note, c := range map[string]struct {
		o    policies.Options
		want string
	}{
		"no such path":        {policies.Options{Path: filepath.Join(t.TempDir(), "none")}, "no such file"},
		"no archive":          {policies.Options{Path: junk}, "not a gzipped tar archive"},
		"both":                {policies.Options{Path: junk, FS: fstest.MapFS{}}, "both"},
		"a linked directory":  {policies.Options{Path: linked}, "symbolic link to a directory is not followed"},
		"a large file":        {policies.Options{FS: fstest.MapFS{"p.rego": {Data: bytes.Repeat([]byte("#"), 4<<20+1)}}}, "larger than 4 MiB"},
		"a wrong bundle data": {policies.Options{Path: makeBundle(t, one(`allow := 1`), "", "")}, "allow is not a set"},
	} {
		t.Run(note, func(t *testing.T) {
			_, err := policies.Load(c.o)
			var p policies.Problems
			if !errors.As(err, &p) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one of %q", err, c.want)
			}
		})
	}
}

// TestLinkedFile reads a file through a symbolic link, as a ConfigMap is mounted.
func TestLinkedFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "..v1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "..v1", "p.rego"), one(`deny contains {"rule": "one", "message": "No."}`)["p/p.rego"].Data, 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"..data": "..v1", "p.rego": "..data/p.rego"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if v := decide(t, load(t, policies.Options{Path: dir}), policies.Example()); v.Action != proxy.Deny {
		t.Errorf("the linked policy is not in force: %v", v)
	}
}

// TestTooMuchSaid: more contributions than the bound are an error, not cut off.
func TestTooMuchSaid(t *testing.T) {
	s := load(t, policies.Options{FS: one(`warn contains {"rule": "one", "message": sprintf("%d %d", [a, b])} if {
	some a in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
	some b in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
}`)})
	if _, err := s.Decide(context.Background(), policies.Example()); proxy.KindOf(err) != proxy.Undecided {
		t.Errorf("272 contributions: %v", err)
	}
}

// TestNilFacts: no panic escapes, and it is no permission.
func TestNilFacts(t *testing.T) {
	v, err := load(t, policies.Options{}).Decide(context.Background(), nil)
	if proxy.KindOf(err) != proxy.Undecided || v.Action.Rank() != proxy.Deny.Rank() {
		t.Errorf("nil facts: %v, %v", v, err)
	}
}

func TestFailingUnitTest(t *testing.T) {
	dir := one(`deny contains {"rule": "one", "message": "No."} if input.request.stream`)
	dir["p/p_test.rego"] = &fstest.MapFile{Data: []byte(`package p_test

import data.ostiary

test_right if ostiary.verdict.action == "deny" with input as object.union(ostiary.example, {"request": {"stream": true}})

test_wrong if {
	print("seen")
	ostiary.verdict.action == "deny" with input as ostiary.example
}

test_cases[note] if {
	some note, stream in {"one": true, "two": false}
	ostiary.verdict.action == "deny" with input as object.union(ostiary.example, {"request": {"stream": stream}})
}

todo_test_later if false
`)}
	results, err := policies.Test(context.Background(), policies.Options{FS: dir})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range results {
		got += fmt.Sprintln(r.File, r.Line, r.Name, r.Passed, r.Skip, r.Output, r.Cases)
	}
	want := `p/p_test.rego 5 data.p_test.test_right true false  []
p/p_test.rego 7 data.p_test.test_wrong false false seen
 []
p/p_test.rego 12 data.p_test.test_cases false false  [two]
p/p_test.rego 17 data.p_test.todo_test_later false true  []
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("results (-want +got):\n%s", d)
	}
	dir["p/p_test.rego"] = &fstest.MapFile{Data: []byte("package ostiary.policies.p_test\n\ntest_x if true\n")}
	if _, err := policies.Test(context.Background(), policies.Options{FS: dir}); err == nil {
		t.Error("a test package below ostiary is taken: it would be recursive with the verdict")
	}
}

// FuzzPolicy: whatever stands in one more policy, a request with a credential
// does not pass the shipped ones.
func FuzzPolicy(f *testing.F) {
	for _, file := range policies.Starter() {
		if strings.Contains(file.Path, ".rego") {
			f.Add(file.Text)
		}
	}
	f.Add("package ostiary.policies.p\n\nallow contains {\"rule\": \"x\", \"message\": \"y\", \"lifts\": \"secrets.no_credentials\"}\n")
	f.Add("package ostiary.policies.secrets\n\nallow contains {\"rule\": \"x\", \"message\": \"y\", \"lifts\": z}\n\nz := concat(\".\", [\"secrets\", \"no_credentials\"])\n")
	f.Add("package ostiary.policies.secrets\n\ninput := {}\n")
	f.Add("package ostiary.policies.secrets\n\ndefault deny := set()\n")
	facts := policies.Example()
	found(facts, "SECRET_JWT", []string{"credential"}, "user", proxy.VeryLikely)
	f.Fuzz(func(t *testing.T, text string) {
		dir := starter()
		dir["fuzz.rego"] = &fstest.MapFile{Data: []byte(text)}
		s, err := policies.Load(policies.Options{FS: dir})
		if err != nil {
			var p policies.Problems
			if !errors.As(err, &p) || len(p) == 0 || p[0].What == "" {
				t.Errorf("no problem is named: %T", err)
			}
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if v, err := s.Decide(ctx, facts); err == nil && v.Action != proxy.Deny {
			t.Errorf("a credential passes with %q", v.Action)
		}
	})
}

// FuzzData: data that is taken loses none of its keys.
func FuzzData(f *testing.F) {
	f.Add(`{"a": {"b": [1, {"c": 2}]}, "d": null}`)
	f.Add(`{"a": 1, "a": 2}`)
	f.Add(`{"a": {"x": [[]], "x": 1}}`)
	f.Add(`{} {}`)
	f.Add(`{"x": [{"a": 1}, {"a": 1}], "\u0078": 2}`)
	f.Fuzz(func(t *testing.T, text string) {
		dir := one(`warn contains {"rule": "one", "message": "x"}`)
		dir["p/data.json"] = &fstest.MapFile{Data: []byte(text)}
		if _, err := policies.Load(policies.Options{FS: dir}); err != nil {
			return
		}
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Errorf("taken, and not JSON")
		}
		if got, want := keys(v), written(json.NewDecoder(strings.NewReader(text))); got != want {
			t.Errorf("%d keys are written and %d read", want, got)
		}
	})
}

// written counts the keys of the next value as they stand in the text.
func written(dec *json.Decoder) int {
	n := 0
	switch tok, _ := dec.Token(); tok {
	case json.Delim('{'):
		for dec.More() {
			if _, err := dec.Token(); err != nil {
				return n
			}
			n += 1 + written(dec)
		}
		_, _ = dec.Token() // the end
	case json.Delim('['):
		for dec.More() {
			n += written(dec)
		}
		_, _ = dec.Token() // the end
	}
	return n
}

func keys(v any) int {
	n := 0
	switch x := v.(type) {
	case map[string]any:
		for _, e := range x {
			n += 1 + keys(e)
		}
	case []any:
		for _, e := range x {
			n += keys(e)
		}
	}
	return n
}
