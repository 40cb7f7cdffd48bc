package extproc_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/extproc"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
)

// brokenRecorder panics: the engine does not expect it of a room it ends a
// session with.
type brokenRecorder struct{}

func (brokenRecorder) Record(context.Context, ...*proxy.Event) error { panic("a recorder is broken") }

// A panic that the engine does not catch, in any phase, ends the stream with
// Internal, and the process lives.
func TestPanic(t *testing.T) {
	house := rooms.New()
	for _, word := range []string{"E", "H", "HB", "HD", "HA"} {
		engine := proxy.NewEngine(house.Engine(proxy.Limits{}).Snapshot(), brokenRecorder{}, nil)
		server := extproc.New(extproc.Options{Engine: engine})
		ctx, cancel := context.WithCancel(metadata.NewIncomingContext(context.Background(), nil))
		s := &script{ctx: ctx, cancel: cancel}
		for _, c := range word {
			for _, l := range letters {
				if l.name == string(c) {
					m, _ := message(t, l.line)
					s.messages = append(s.messages, m)
				}
			}
		}
		err := server.Process(s)
		cancel()
		for _, r := range s.replies {
			if r.m.GetDynamicMetadata() != nil {
				t.Errorf("%s: allowed although nothing was recorded", word)
			}
		}
		if word == "H" || word == "HA" {
			if status.Code(err) != codes.Internal {
				t.Errorf("%s: ended with %v, want Internal", word, status.Code(err))
			}
		}
	}
}

// Permission is written in one function; no second place may grow.
func TestOneMakerOfAnAllow(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var makers []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && (id.Name == "DynamicMetadata" || id.Name == "Namespace") {
					makers = append(makers, fn.Name.Name)
				}
				return true
			})
		}
	}
	if len(makers) != 2 || makers[0] != "allow" || makers[1] != "allow" {
		t.Errorf("verdicts are written in %v, want allow alone", makers)
	}
}

func TestListen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "extproc.sock")
	l, err := extproc.Listen(path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", filepath.Base(p), st.Mode().Perm(), want)
		}
	}
	if _, err := extproc.Listen(path, nil, nil); !errors.Is(err, extproc.ErrServed) {
		t.Errorf("a second listener: %v, want ErrServed", err)
	}

	// We are a permitted peer: health and an exchange are answered.
	engine := rooms.New().Engine(proxy.Limits{})
	server := extproc.New(extproc.Options{Engine: engine})
	g := grpc.NewServer(server.Options()...)
	server.Register(g)
	go func() { _ = g.Serve(l) }() // ends with Stop
	defer g.Stop()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h := healthv1.NewHealthClient(conn)
	if r, err := h.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil || r.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v %v", r.GetStatus(), err)
	}
	server.Drain()
	if r, err := h.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil || r.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health when draining: %v %v", r.GetStatus(), err)
	}
	stream, err := extprocv3.NewExternalProcessorClient(conn).Process(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := message(t, letters[1].line)
	_ = stream.Send(m)
	if r, err := stream.Recv(); err != nil || r.GetDynamicMetadata() == nil {
		t.Errorf("over the socket: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	private := filepath.Join(dir, "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(dir, "public")
	if err := os.Mkdir(public, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := extproc.Listen(filepath.Join(public, "s"), nil, nil); err == nil || !strings.Contains(err.Error(), "0700") {
		t.Errorf("a directory for all: %v", err)
	}
	if _, err := extproc.Listen(filepath.Join(private, strings.Repeat("x", 120)), nil, nil); err == nil || !strings.Contains(err.Error(), "107") {
		t.Errorf("a path that is too long: %v", err)
	}
	file := filepath.Join(private, "file")
	if err := os.WriteFile(file, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := extproc.Listen(file, nil, nil); err == nil {
		t.Error("a file in the way is taken for a socket")
	}
	if b, _ := os.ReadFile(file); string(b) != "keep" {
		t.Error("a file in the way is removed")
	}

	// A socket that a dead process left is replaced.
	stale := filepath.Join(private, "stale")
	l, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	l, err = extproc.Listen(stale, nil, nil)
	if err != nil {
		t.Fatalf("a stale socket is in the way: %v", err)
	}
	_ = l.Close()
}
