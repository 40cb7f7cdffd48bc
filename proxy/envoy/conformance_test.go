package envoy_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/envoy"
	"github.com/ostiary/ostiary/proxy/extproc"
	"github.com/ostiary/ostiary/proxy/internal/conformance"
	"github.com/ostiary/ostiary/testdata/env"
)

// TestConformance holds the real Envoy, with the generated bootstrap and the
// external processor behind it, to the specification that the embedded plane is
// held to.
func TestConformance(t *testing.T) {
	bin := env.Envoy(t)
	conformance.Run(t, func(t *testing.T, s conformance.Setup) string {
		dir, err := os.MkdirTemp("", "oc") // a unix socket's path is short
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		socket := filepath.Join(dir, "p", "s")
		processor := extproc.New(extproc.Options{Engine: s.Engine, BodyLimit: conformance.BodyLimit, Pools: s.Pools.Digest})
		server := grpc.NewServer(processor.Options()...)
		processor.Register(server)
		envoy.NewSDS(s.Pools, nil).Register(server)
		l, err := extproc.Listen(socket, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = server.Serve(l) }() // ends with Stop
		t.Cleanup(server.Stop)

		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := free.Addr().String()
		_ = free.Close()
		spec := envoy.Spec{Listen: address, Socket: socket, AccessLog: "/dev/stdout", BodyLimit: conformance.BodyLimit, PoolsDigest: s.Pools.Digest()}
		for _, u := range s.Pools.Upstreams() {
			e := envoy.Upstream{Name: u.Pool.Name, URL: u.URL.String(), Internal: u.Pool.Boundary == proxy.Internal, Credential: envoy.Credential{Mode: envoy.CredentialMode(u.Pool.Credential)}}
			if u.Pool.Credential == proxy.CredentialPool {
				e.Credential.Header, e.Credential.Secret = u.Header, u.Pool.Name
			}
			spec.Upstreams = append(spec.Upstreams, e)
		}
		p, err := envoy.Start(t.Context(), spec, envoy.Options{
			Binary: envoy.Binary{Path: bin, Version: envoy.PinnedVersion}, Dir: filepath.Join(dir, "e"), Concurrency: 1,
			AccessLog: func(e envoy.Entry) {
				if why := e.Ungoverned(); why != "" {
					t.Errorf("something left without a verdict: %s", why)
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
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_ = p.Drain(ctx) // the exchanges of the suite are over
		})
		return "http://" + address
	})
}
