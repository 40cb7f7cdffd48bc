package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/telemetry"
)

// BenchmarkExchange is one exchange through the rooms as run wires them, the
// durable log and the metrics included, without a data plane: unique prompts by
// size.
func BenchmarkExchange(b *testing.B) {
	for _, size := range []int{1 << 10, 4 << 10, 64 << 10, 1 << 20} {
		for _, recorder := range []string{"log", "liar"} {
			b.Run(human(size)+"/"+recorder, func(b *testing.B) {
				dir := b.TempDir()
				file := filepath.Join(dir, "ostiary.yaml")
				if err := os.WriteFile(file, []byte(smallest("127.0.0.1:1", "embedded", "http://127.0.0.1:3", "http://127.0.0.1:2", "")), 0o600); err != nil {
					b.Fatal(err)
				}
				ctx := context.Background()
				cfg, _, err := loadConfig(ctx, options{config: file})
				if err != nil {
					b.Fatal(err)
				}
				b.Setenv("OSTIARY_TEST_OPENAI_KEY", testOpenAIKey)
				b.Setenv("OSTIARY_TEST_ANTHROPIC_KEY", testAnthropicKey)
				bt, err := build(ctx, cfg, make([]byte, 32))
				if err != nil {
					b.Fatal(err)
				}
				s := newServer(options{}, io.Discard, io.Discard)
				s.current.Store(bt)
				o, err := s.telemetryOptions(bt)
				if err != nil {
					b.Fatal(err)
				}
				tel, err := telemetry.New(ctx, o)
				if err != nil {
					b.Fatal(err)
				}
				var rec proxy.Recorder = liar{}
				if recorder == "log" {
					log, err := audit.Open(filepath.Join(dir, "log"), audit.Options{})
					if err != nil {
						b.Fatal(err)
					}
					defer log.Close()
					rec = log
				}
				e := proxy.NewEngine(bt.snap, rec, tel)
				defer e.Close(ctx)
				bodies := make([][]byte, 64)
				for i := range bodies {
					bodies[i] = []byte(chat(prose(size-80, i)))
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					h := proxy.Head{Method: "POST", Authority: "127.0.0.1:1", Path: proxy.NewText("/v1/chat/completions"), Protocol: "HTTP/1.1", Header: []proxy.Field{
						{Name: "content-type", Value: proxy.NewText("application/json")}, {Name: "content-length", Value: proxy.NewText(strconv.Itoa(size))},
						{Name: "user-agent", Value: proxy.NewText("bench/1")}, {Name: "x-n", Value: proxy.NewText(fmt.Sprint(i))},
					}}
					sess, r := e.Open(ctx, h)
					if r.Waits() {
						r = sess.Body(ctx, bodies[i%len(bodies)])
					}
					rel, ok := r.Release()
					if !ok {
						b.Fatalf("not released: %d", r.Answer().Status)
					}
					sess.Responded(proxy.ResponseHead{Status: 200})
					sess.Close()
					e.Complete(rel.Forward().DecisionID, proxy.Transfer{Status: 200, Sent: true})
				}
			})
		}
	}
}
