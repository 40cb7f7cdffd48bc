package embedded_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/embedded"
	"github.com/ostiary/ostiary/proxy/internal/rooms"
)

// lane is a plane with its ways in, for benchmarks: no model server, one echo
// behind the passed name.
type lane struct{ proxy, redirect, echo string }

func openLane(b *testing.B) *lane {
	b.Helper()
	l := &lane{}
	at := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	echo := at()
	l.echo = echo.Addr().String()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	ca := newAuthority()
	p := embedded.New(embedded.Options{
		Engine: rooms.New().Engine(proxy.Limits{}), Upstreams: func(string) (embedded.Upstream, bool) { return embedded.Upstream{}, false },
		Interception: &embedded.Interception{
			Certificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return ca.leaf(h.ServerName) },
			Name: func(name string) (string, string) {
				if name == openai {
					return embedded.Governed, "provider"
				}
				return embedded.Passed, "rule"
			},
			Dial: func(ctx context.Context, _ string, _ uint16) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", l.echo)
			},
			Ports: []uint16{1},
		},
	})
	for to, serve := range map[*string]func(net.Listener) error{&l.proxy: p.ServeProxy, &l.redirect: p.ServeRedirect} {
		in := at()
		*to = in.Addr().String()
		go func() { _ = serve(in) }() // ends with Close
	}
	b.Cleanup(func() { _ = p.Close(); _ = echo.Close() })
	return l
}

// dial gives a tunnel.
func (l *lane) dial(b *testing.B, address string) net.Conn {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	if address == l.proxy {
		if _, err := io.WriteString(c, "CONNECT "+openai+":443 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))); err != nil {
			b.Fatal(err)
		}
	}
	return c
}

// BenchmarkConnection measures a connection with its handshake: straight to a TLS
// server of Go's, and through the proxy to where TLS of a governed name is ended,
// with a leaf that is there.
func BenchmarkConnection(b *testing.B) {
	l := openLane(b)
	ca := newAuthority()
	conf := &tls.Config{ServerName: openai, RootCAs: ca.pool}
	shake := func(b *testing.B, c net.Conn) {
		s := tls.Client(c, conf)
		if err := s.Handshake(); err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
	b.Run("direct", func(b *testing.B) {
		leaf, err := ca.leaf(openai)
		if err != nil {
			b.Fatal(err)
		}
		srv, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*leaf}})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = srv.Close() }()
		go func() { _ = (&http.Server{}).Serve(srv) }() // ends with the listener
		for b.Loop() {
			shake(b, l.dial(b, srv.Addr().String()))
		}
	})
	b.Run("governed by CONNECT", func(b *testing.B) {
		for b.Loop() {
			shake(b, l.dial(b, l.proxy))
		}
	})
}

// BenchmarkPassed measures bytes to an echo and back, straight and spliced.
func BenchmarkPassed(b *testing.B) {
	l := openLane(b)
	hello := helloFor(b, &tls.Config{ServerName: vendor})
	for _, way := range []struct{ name, at string }{{"direct", l.echo}, {"spliced", l.proxy}} {
		for _, size := range []int{1 << 10, 1 << 20} {
			b.Run(way.name+map[int]string{1 << 10: "/1KB", 1 << 20: "/1MB"}[size], func(b *testing.B) {
				c := l.dial(b, way.at)
				defer func() { _ = c.Close() }()
				there, back := bytes.Repeat([]byte("x"), size), make([]byte, size)
				if _, err := c.Write(hello); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, make([]byte, len(hello))); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(2 * size))
				for b.Loop() {
					go func() { _, _ = c.Write(there) }()
					if _, err := io.ReadFull(c, back); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkIdle measures the memory of the plane and of the test's own ends for
// 1,000 connections at rest, in bytes each.
func BenchmarkIdle(b *testing.B) {
	const many = 1000
	hello := helloFor(b, &tls.Config{ServerName: vendor})
	conf := &tls.Config{ServerName: openai, RootCAs: newAuthority().pool}
	for name, open := range map[string]func(*lane) (io.Closer, error){
		"nothing but TCP": func(l *lane) (io.Closer, error) { return net.Dial("tcp", l.echo) },
		"passed": func(l *lane) (io.Closer, error) {
			c := l.dial(b, l.proxy)
			_, werr := c.Write(hello)
			_, rerr := io.ReadFull(c, make([]byte, len(hello)))
			return c, errors.Join(werr, rerr)
		},
		"governed": func(l *lane) (io.Closer, error) {
			c := tls.Client(l.dial(b, l.proxy), conf)
			return c, c.Handshake()
		},
	} {
		b.Run(name, func(b *testing.B) {
			l := openLane(b)
			var each float64
			quiet := runtime.NumGoroutine()
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				open1000 := make([]io.Closer, 0, many)
				for range many {
					c, err := open(l)
					if err != nil {
						b.Fatal(err)
					}
					open1000 = append(open1000, c)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				each = float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse) / many
				for _, c := range open1000 {
					_ = c.Close()
				}
				for runtime.NumGoroutine() > quiet+many/100 {
					time.Sleep(10 * time.Millisecond) // or what is left of them counts as being there before the next
				}
				runtime.GC()
			}
			b.ReportMetric(each, "B/conn")
		})
	}
}
