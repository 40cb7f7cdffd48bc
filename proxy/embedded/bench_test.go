package embedded_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
	"net/http/httptest"
	"net/url"
)

// BenchmarkExchange measures a whole exchange over one connection, beside the
// same request sent straight to the upstream. The rooms are fakes: what remains is
// the plane and the engine.
func BenchmarkExchange(b *testing.B) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write([]byte("ok"))
	}))
	defer up.Close()
	target, _ := url.Parse(up.URL)
	engine := rooms.New().Engine(proxy.Limits{})
	plane := httptest.NewServer(embedded.New(embedded.Options{Engine: engine, Upstreams: func(string) (embedded.Upstream, bool) {
		return embedded.Upstream{URL: target}, true
	}}))
	defer plane.Close()
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		for _, way := range []struct{ name, url string }{{"direct", up.URL}, {"embedded", plane.URL}} {
			b.Run(fmt.Sprintf("%s/%dKB", way.name, size>>10), func(b *testing.B) {
				c := &http.Client{}
				for b.Loop() {
					resp, err := c.Post(way.url+chat, "application/json", bytes.NewReader(body))
					if err != nil {
						b.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		}
	}
}
