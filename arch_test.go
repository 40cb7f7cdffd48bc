package ostiary_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/ostiary/ostiary"

// law says what each room may import: rooms of ours, and prefixes of others'
// packages beside the standard library. The longest matching room wins.
// A test file may import whatever it tests with.
var law = []struct {
	room   string   // directory; x/* stands for its sub-directories
	ours   []string // rooms; all means any
	others []string // prefixes of import paths
}{
	{room: "proxy"},
	{room: "proxy/facts", ours: []string{"proxy"}},
	{room: "proxy/dialect", ours: []string{"proxy"}, others: []string{"github.com/klauspost/compress", "github.com/andybalholm/brotli"}},
	{room: "proxy/vault", ours: []string{"proxy"}},
	{room: "proxy/pools", ours: []string{"proxy"}, others: []string{"golang.org/x/net/publicsuffix"}},
	{room: "proxy/identity", ours: []string{"proxy"}, others: []string{"github.com/coreos/go-oidc/v3", "github.com/go-jose/go-jose/v4"}},
	{room: "proxy/audit", ours: []string{"proxy", "proxy/audit/durable"}, others: []string{"golang.org/x/mod/sumdb/tlog", "golang.org/x/mod/sumdb/note", "github.com/klauspost/compress", "golang.org/x/sys"}},
	{room: "proxy/audit/durable"},
	{room: "proxy/audit/index", ours: []string{"proxy", "proxy/audit", "proxy/audit/durable"}},
	{room: "proxy/audit/proof", others: []string{"golang.org/x/mod/sumdb/tlog", "golang.org/x/mod/sumdb/note"}},
	{room: "proxy/audit/export", ours: []string{"proxy", "proxy/audit", "proxy/audit/proof"}, others: []string{"github.com/parquet-go/parquet-go"}},
	{room: "proxy/audit/report", ours: []string{"proxy", "proxy/audit", "proxy/audit/proof"}, others: []string{"golang.org/x/mod/sumdb/tlog", "golang.org/x/mod/sumdb/note"}},
	{room: "proxy/audit/witness", ours: []string{"proxy", "proxy/audit", "proxy/audit/durable"}, others: []string{"golang.org/x/mod/sumdb/tlog", "golang.org/x/mod/sumdb/note"}},
	{room: "proxy/audit/tiles", ours: []string{"proxy", "proxy/audit"}, others: []string{"golang.org/x/mod/sumdb/tlog", "golang.org/x/mod/sumdb/note"}},
	{room: "proxy/audit/collect", ours: []string{"proxy", "proxy/audit", "proxy/audit/durable", "proxy/audit/witness"}, others: []string{"golang.org/x/mod/sumdb/tlog", "golang.org/x/mod/sumdb/note"}},
	{room: "proxy/audit/collect/store", ours: []string{"proxy", "proxy/audit", "proxy/audit/index", "proxy/audit/ship", "proxy/audit/ship/postgres", "proxy/audit/ship/clickhouse"}, others: []string{"github.com/jackc/pgx/v5"}},
	{room: "proxy/audit/ship", ours: []string{"proxy", "proxy/audit", "proxy/audit/durable"}},
	{room: "proxy/audit/ship/postgres", ours: []string{"proxy", "proxy/audit", "proxy/audit/ship"}, others: []string{"github.com/jackc/pgx/v5"}},
	{room: "proxy/audit/ship/clickhouse", ours: []string{"proxy", "proxy/audit", "proxy/audit/ship"}},
	{room: "proxy/audit/ship/otlp", ours: []string{"proxy", "proxy/audit", "proxy/audit/ship"}, others: []string{"go.opentelemetry.io/proto/otlp", "google.golang.org/protobuf"}},
	{room: "proxy/audit/ship/kafka", ours: []string{"proxy", "proxy/audit", "proxy/audit/ship"}, others: []string{"github.com/twmb/franz-go"}},
	{room: "proxy/audit/ship/nats", ours: []string{"proxy", "proxy/audit", "proxy/audit/ship"}, others: []string{"github.com/nats-io/nats.go"}},
	{room: "proxy/audit/ship/s3", ours: []string{"proxy", "proxy/audit", "proxy/audit/ship"}, others: []string{"github.com/minio/minio-go/v7"}},
	{room: "proxy/audit/ship/syslog", ours: []string{"proxy", "proxy/audit", "proxy/audit/ship"}},
	{room: "proxy/audit/ship/file", ours: []string{"proxy", "proxy/audit", "proxy/audit/durable", "proxy/audit/ship"}},
	{room: "proxy/console", ours: []string{"proxy", "proxy/audit", "proxy/audit/index", "proxy/audit/export", "proxy/audit/report", "proxy/audit/tiles", "proxy/identity"}, others: []string{"github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"}},
	{room: "proxy/notify", ours: []string{"proxy"}},
	{room: "proxy/extproc", ours: []string{"proxy"}, others: []string{"github.com/envoyproxy/go-control-plane/envoy", "google.golang.org/grpc", "google.golang.org/protobuf"}},
	{room: "proxy/embedded", ours: []string{"proxy"}},
	{room: "proxy/envoy", ours: []string{"proxy", "proxy/config", "proxy/pools"}, others: []string{"github.com/envoyproxy/go-control-plane/envoy", "github.com/cncf/xds/go", "google.golang.org/grpc", "google.golang.org/protobuf", "github.com/tetratelabs/func-e"}},
	{room: "proxy/envoy/weaken", ours: []string{"proxy/envoy"}, others: []string{"github.com/envoyproxy/go-control-plane/envoy", "google.golang.org/protobuf"}},
	{room: "proxy/intercept", ours: []string{"proxy", "proxy/config", "proxy/pools"}, others: []string{"github.com/envoyproxy/go-control-plane/envoy", "google.golang.org/grpc", "google.golang.org/protobuf", "golang.org/x/net/idna"}},
	{room: "proxy/bypass", ours: []string{"proxy"}},
	{room: "proxy/redirect", others: []string{"github.com/google/nftables", "github.com/vishvananda/netlink", "github.com/vishvananda/netns", "golang.org/x/sys"}},
	{room: "proxy/envoy/mesh", ours: []string{"proxy/envoy"}, others: []string{"github.com/envoyproxy/go-control-plane/envoy", "google.golang.org/protobuf", "github.com/goccy/go-yaml", "sigs.k8s.io/yaml"}},
	{room: "proxy/config", others: []string{"github.com/goccy/go-yaml", "github.com/fsnotify/fsnotify"}},
	{room: "proxy/standin"},
	{room: "proxy/telemetry", ours: []string{"proxy"}, others: []string{"go.opentelemetry.io/", "github.com/prometheus/"}},
	{room: "proxy/internal/*", ours: []string{"all"}, others: []string{""}}, // tests only: see testsOnly
	{room: "classifiers", ours: []string{"proxy", "classifiers/fold"}, others: []string{"golang.org/x/text"}},
	{room: "classifiers/fold", others: []string{"golang.org/x/text"}},
	{room: "classifiers/stdnum", others: []string{"golang.org/x/crypto"}},
	{room: "classifiers/gazetteer", others: []string{"golang.org/x/text"}},
	{room: "classifiers/words", others: []string{"golang.org/x/text"}},
	{room: "classifiers/internal/*", ours: []string{"proxy", "classifiers"}}, // tests only: see testsOnly
	{room: "classifiers/*", ours: []string{"proxy", "classifiers", "classifiers/stdnum", "classifiers/gazetteer", "classifiers/words"}, others: []string{"golang.org/x/text"}},
	{room: "classifiers/names/train", ours: []string{"proxy", "classifiers", "classifiers/gazetteer", "classifiers/names", "classifiers/names/internal/tagger"}, others: []string{"golang.org/x/text"}},
	{room: "classifiers/all", ours: []string{"proxy", "classifiers", "classifiers/*"}, others: []string{""}},
	{room: "policies", ours: []string{"proxy"}, others: []string{
		"github.com/open-policy-agent/opa/v1/rego", "github.com/open-policy-agent/opa/v1/ast", "github.com/open-policy-agent/opa/v1/bundle",
		"github.com/open-policy-agent/opa/v1/tester", "github.com/open-policy-agent/opa/v1/format", "github.com/open-policy-agent/opa/v1/topdown",
		"github.com/open-policy-agent/opa/v1/storage", "github.com/open-policy-agent/opa/v1/types", "github.com/open-policy-agent/opa/v1/loader", "github.com/open-policy-agent/opa/v1/util", "github.com/open-policy-agent/opa/v1/cover",
	}},
	{room: "policies/*", ours: []string{"proxy", "policies"}},
	{room: "policies/bundle", ours: []string{"proxy", "policies"}, others: []string{"oras.land/oras-go/v2", "github.com/opencontainers/", "github.com/open-policy-agent/opa/v1/bundle"}},
	{room: "cmd/ostiary-verify", ours: []string{"proxy/audit/proof", "proxy/audit/report"}, others: []string{"golang.org/x/mod/sumdb/note"}},
	{room: "cmd/ostiary", ours: []string{"all"}, others: []string{"github.com/spf13/cobra", "github.com/coreos/go-systemd/v22/daemon", "google.golang.org/grpc", "github.com/tetratelabs/func-e", "github.com/goccy/go-yaml", "golang.org/x/mod/sumdb/"}},
	{room: ".", ours: []string{"all"}, others: []string{""}},
}

// testsOnly are packages that no other than a test file may import.
var testsOnly = []string{"proxy/internal/", "classifiers/internal/", "proxy/envoy/weaken"}

// reveals are the rooms that may look at content.
var reveals = []string{"proxy", "proxy/facts", "proxy/dialect", "proxy/vault", "proxy/pools", "proxy/identity", "proxy/extproc", "proxy/embedded", "classifiers", "classifiers/*"}

// anyMaps are the places where map[string]any may stand: policies, and the
// edges where JSON of an unknown shape is read.
var anyMaps = []string{"policies"}

// The coupling limits of the house.
const (
	maxFields     = 20
	maxMethods    = 30
	maxInterface  = 4
	maxParams     = 6
	maxBools      = 1
	maxResults    = 3
	maxVocabulary = 1500 // lines of code of package proxy, comments and blanks not counted
)

type source struct {
	file string // slash-separated, from the root
	room string
	test bool
	ast  *ast.File
	fset *token.FileSet
	code int
}

// sources parses every Go file of the module. It reads the files itself: a
// check that runs another program is served from the test cache.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s := source{file: filepath.ToSlash(p), ast: f, fset: fset, test: strings.HasSuffix(name, "_test.go")}
		s.room = path.Dir(s.file)
		lines := map[int]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n.(type) {
			case nil, *ast.Comment, *ast.CommentGroup:
				return false
			}
			lines[fset.Position(n.Pos()).Line] = true
			lines[fset.Position(n.End()).Line] = true
			return true
		})
		s.code = len(lines)
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d Go files found: the walk is broken", len(out))
	}
	return out
}

func matches(pattern, room string) bool {
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(room, base+"/")
	}
	return pattern == room
}

func anyMatches(patterns []string, room string) bool {
	for _, p := range patterns {
		if p == "all" || matches(p, room) {
			return true
		}
	}
	return false
}

func TestImportLaw(t *testing.T) {
	for _, s := range sources(t) {
		var ours, others []string
		best := -1
		for _, l := range law {
			if matches(l.room, s.room) && len(l.room) > best {
				best, ours, others = len(l.room), l.ours, l.others
			}
		}
		if best < 0 {
			t.Errorf("%s: the room %s is not in the law: add it to DESIGN and here, with what it may import", s.file, s.room)
			continue
		}
		for _, imp := range s.ast.Imports {
			p := strings.Trim(imp.Path.Value, `"`)
			at := s.fset.Position(imp.Pos())
			if room, ok := strings.CutPrefix(p, module+"/"); ok {
				if s.test || strings.HasPrefix(s.room, "proxy/internal/") {
					continue
				}
				for _, only := range testsOnly {
					if strings.HasPrefix(room, strings.TrimSuffix(only, "/")) {
						t.Errorf("%s: %s is for tests only", at, room)
					}
				}
				if !anyMatches(ours, room) && !strings.HasPrefix(room, s.room+"/internal") {
					t.Errorf("%s: %s may not import %s", at, s.room, room)
				}
				continue
			}
			if s.test || !strings.Contains(strings.SplitN(p, "/", 2)[0], ".") {
				continue // standard library
			}
			allowed := false
			for _, o := range others {
				allowed = allowed || strings.HasPrefix(p, o)
			}
			if !allowed {
				t.Errorf("%s: %s may not import %s", at, s.room, p)
			}
		}
	}
}

func TestCouplingLimits(t *testing.T) {
	methods := map[string]int{}
	vocabulary := 0
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if s.room == "proxy" {
			vocabulary += s.code
		}
		complain := func(n ast.Node, format string, args ...any) {
			t.Errorf("%s: "+format, append([]any{s.fset.Position(n.Pos())}, args...)...)
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.StructType:
				if c := count(n.Fields); c > maxFields {
					complain(n, "a struct of %d fields; the limit is %d", c, maxFields)
				}
			case *ast.InterfaceType:
				if c := count(n.Methods); c > maxInterface {
					complain(n, "an interface of %d methods; the limit is %d", c, maxInterface)
				}
			case *ast.FuncType:
				bools := 0
				if n.Params != nil {
					for _, p := range n.Params.List {
						if id, ok := p.Type.(*ast.Ident); ok && id.Name == "bool" {
							bools += max(len(p.Names), 1)
						}
					}
				}
				if c := count(n.Params); c > maxParams {
					complain(n, "a function of %d parameters; the limit is %d", c, maxParams)
				}
				if bools > maxBools {
					complain(n, "a function of %d bool parameters; the limit is %d", bools, maxBools)
				}
				if c := count(n.Results); c > maxResults {
					complain(n, "a function of %d results; the limit is %d", c, maxResults)
				}
			case *ast.MapType:
				if !anyMatches(anyMaps, s.room) && isAny(n.Value) && isString(n.Key) && !strings.HasPrefix(s.room, "proxy/internal/") {
					complain(n, "map[string]any outside policies and the JSON edges named in this test")
				}
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					complain(n, "an init function: wire it in cmd")
				}
				if n.Recv != nil {
					methods[s.room+"."+receiver(n)]++
				}
			}
			return true
		})
	}
	for name, n := range methods {
		if n > maxMethods {
			t.Errorf("%s has %d methods; the limit is %d", name, n, maxMethods)
		}
	}
	if vocabulary > maxVocabulary {
		t.Errorf("package proxy has %d lines of code; the limit is %d", vocabulary, maxVocabulary)
	}
}

// TestContentStaysInside keeps Text.Reveal to the rooms that need it.
func TestContentStaysInside(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || anyMatches(reveals, s.room) || strings.HasPrefix(s.room, "proxy/internal/") {
			continue
		}
		others := map[ast.Node]bool{} // methods of that name that take something: not a Text's
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
				others[call.Fun] = true
			}
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Reveal" && !others[n] {
				t.Errorf("%s: Reveal is called in %s; only %s may", s.fset.Position(n.Pos()), s.room, strings.Join(reveals, ", "))
			}
			return true
		})
	}
}

// TestOneMakerOfARelease keeps the permission to forward in one function.
func TestOneMakerOfARelease(t *testing.T) {
	makers := 0
	for _, s := range sources(t) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || len(lit.Elts) == 0 || s.test {
				return true
			}
			if id, ok := lit.Type.(*ast.Ident); ok && id.Name == "Release" && s.room == "proxy" {
				makers++
			}
			return true
		})
	}
	if makers != 1 {
		t.Errorf("a Release is made in %d places; it must be one", makers)
	}
}

func count(l *ast.FieldList) int {
	if l == nil {
		return 0
	}
	n := 0
	for _, f := range l.List {
		n += max(len(f.Names), 1)
	}
	return n
}

func isString(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "string"
}

func isAny(e ast.Expr) bool {
	if i, ok := e.(*ast.InterfaceType); ok {
		return count(i.Methods) == 0
	}
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "any"
}

func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return fmt.Sprint(e)
		}
	}
}
