package extproc_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/extproc"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
)

// BenchmarkExchange measures one exchange over the unix socket, with a Go client in
// Envoy's place. The rooms are fakes: what remains is gRPC, this package and the
// engine.
func BenchmarkExchange(b *testing.B) {
	engine := rooms.New().Engine(proxy.Limits{Pending: 1 << 30})
	server := extproc.New(extproc.Options{Engine: engine})
	path := filepath.Join(b.TempDir(), "run", "s")
	l, err := extproc.Listen(path, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	g := grpc.NewServer(server.Options()...)
	server.Register(g)
	go func() { _ = g.Serve(l) }() // ends with Stop
	defer g.Stop()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(8<<20), grpc.WithInitialConnWindowSize(64<<20))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := extprocv3.NewExternalProcessorClient(conn)
	head, _ := message(b, letters[0].line)
	answer, _ := message(b, "response_headers :status=200")
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
		body := &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: bytes.Repeat([]byte("x"), size), EndOfStream: true}}}
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stream, err := client.Process(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				for _, m := range []*extprocv3.ProcessingRequest{head, body, answer} {
					if err := stream.Send(m); err != nil {
						b.Fatal(err)
					}
					if _, err := stream.Recv(); err != nil {
						b.Fatal(err)
					}
				}
				_ = stream.CloseSend()
				_, _ = stream.Recv() // the end
			}
		})
	}
}
