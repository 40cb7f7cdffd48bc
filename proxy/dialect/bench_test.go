package dialect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/dialect"
)

// sentence is what the bodies of the benchmarks are made of; it has a line's
// end and a quote to be decoded.
const sentence = `Please summarise the attached minutes in three bullet points,\nand say \"done\" at the end. `

// chatBody makes a chat request of about n bytes in turns of two kilobytes.
func chatBody(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"model":"gpt-5","stream":true,"temperature":0.2,"messages":[{"role":"system","content":"Be brief."}`)
	for i := 0; b.Len() < n-100; i++ {
		role := "user"
		if i%2 == 1 {
			role = "assistant"
		}
		fmt.Fprintf(&b, `,{"role":%q,"content":"%s"}`, role, strings.Repeat(sentence, min(20, (n-b.Len())/len(sentence)+1)))
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

var sizes = []struct {
	name string
	n    int
}{{"1KB", 1 << 10}, {"4KB", 4 << 10}, {"64KB", 64 << 10}, {"1MB", 1 << 20}}

func post(path string) (proxy.Route, *proxy.Head) {
	h := &proxy.Head{Method: "POST", Path: proxy.NewText(path), Header: []proxy.Field{{Name: "content-type", Value: proxy.NewText("application/json")}}}
	return dialect.New(dialect.Options{}).Route("POST", h.Path), h
}

func BenchmarkRead(b *testing.B) {
	set := dialect.New(dialect.Options{})
	r, h := post("/v1/chat/completions")
	for _, s := range sizes {
		body := chatBody(s.n)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := set.Read(r, h, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBody(b *testing.B) {
	set := dialect.New(dialect.Options{})
	r, h := post("/v1/chat/completions")
	for _, s := range sizes {
		body := chatBody(s.n)
		doc, err := set.Read(r, h, body)
		if err != nil {
			b.Fatal(err)
		}
		last := len(doc.Prompt().Segments) - 1
		edits := []proxy.Edit{{Segment: last, Start: 7, End: 16, With: "[PERSON_1]"}}
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := doc.Body(edits, "house"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
