package extproc_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/extproc"
	"github.com/ostiary/ostiary/proxy/internal/conformance"
	"github.com/ostiary/ostiary/testdata/env"
)

// TestConformance holds a real Envoy with this server behind it to the
// specification that the embedded plane is held to.
func TestConformance(t *testing.T) {
	path := env.Envoy(t)
	bin, err := envoy.Find(t.Context(), envoy.FindOptions{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	conformance.Run(t, func(t *testing.T, s conformance.Setup) string {
		// The path of a socket must be short, so it is not below t.TempDir.
		dir, err := os.MkdirTemp("", "ostiary")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listen := free.Addr().String()
		_ = free.Close()

		server := extproc.New(extproc.Options{Engine: s.Engine, BodyLimit: conformance.BodyLimit, Pools: s.Pools.Digest})
		g := grpc.NewServer(server.Options()...)
		server.Register(g)
		envoy.NewSDS(s.Pools, nil).Register(g)
		socket := filepath.Join(dir, "run", "policy.sock")
		l, err := extproc.Listen(socket, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = g.Serve(l) }() // ends with Stop
		t.Cleanup(g.Stop)

		spec := envoy.Spec{Listen: listen, Socket: socket, AccessLog: "/dev/stdout", BodyLimit: conformance.BodyLimit, PoolsDigest: s.Pools.Digest()}
		for _, u := range s.Pools.Upstreams() {
			e := envoy.Upstream{Name: u.Pool.Name, URL: u.URL.String(), Internal: u.Pool.Boundary == proxy.Internal, Credential: envoy.Credential{Mode: envoy.CredentialMode(u.Pool.Credential)}}
			if u.Pool.Credential == proxy.CredentialPool {
				e.Credential.Header, e.Credential.Secret = u.Header, u.Pool.Name
			}
			spec.Upstreams = append(spec.Upstreams, e)
		}
		process, err := envoy.Start(t.Context(), spec, envoy.Options{
			Binary: bin, Dir: filepath.Join(dir, "envoy"), Concurrency: 1,
			AccessLog: func(e envoy.Entry) {
				if why := e.Ungoverned(); why != "" {
					t.Errorf("Envoy sent a request that no decision covers: %s", why)
				}
				if e.DecisionID != "" {
					s.Engine.Complete(e.DecisionID, proxy.Transfer{
						Status: e.Code, Sent: e.SentBytes > 0, SentBytes: e.SentBytes, Bytes: e.Tx, Duration: e.Duration, TTFB: e.FirstByte, Attempts: e.Attempts,
					})
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_ = process.Drain(ctx) // the exchanges of the suite are over
			<-process.Done()
		})
		return "http://" + listen
	})
}
