package embedded_test

import (
	"context"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/internal/conformance"
)

// TestConformance holds the plane to the specification that Envoy is held to.
func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T, s conformance.Setup) string {
		p := embedded.New(embedded.Options{
			Engine: s.Engine, BodyLimit: conformance.BodyLimit,
			Upstreams: func(pool string) (embedded.Upstream, bool) {
				u, ok := s.Pools.Upstream(pool)
				if !ok {
					return embedded.Upstream{}, false
				}
				out := embedded.Upstream{URL: u.URL}
				if header, value, ok := s.Pools.Credential(pool); ok {
					out.Header, out.Value = header, value
				}
				return out, true
			},
		})
		l := listen(t)
		go func() { _ = p.Serve(l) }() // ends with Close
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = p.Shutdown(ctx) // the exchanges of the suite are over
			_ = p.Close()
		})
		return "http://" + l.Addr().String()
	})
}
