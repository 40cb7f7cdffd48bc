package dialect_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/dialect"
)

func packed(t *testing.T, body []byte, with func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var b bytes.Buffer
	w := with(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(w io.Writer) io.WriteCloser   { return gzip.NewWriter(w) }
func zlibbed(w io.Writer) io.WriteCloser   { return zlib.NewWriter(w) }
func brotlied(w io.Writer) io.WriteCloser  { return brotli.NewWriter(w) }
func deflated(w io.Writer) io.WriteCloser  { f, _ := flate.NewWriter(w, 6); return f }
func zstandard(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }

func encoded(codings ...string) *proxy.Head {
	h := &proxy.Head{Method: "POST", Path: proxy.NewText("/v1/chat/completions")}
	for _, c := range codings {
		h.Header = append(h.Header, proxy.Field{Name: "content-encoding", Value: proxy.NewText(c)})
	}
	return h
}

func TestDecodes(t *testing.T) {
	body := chatBody(5000)
	set := dialect.New(dialect.Options{})
	route := set.Route("POST", proxy.NewText("/v1/chat/completions"))
	for _, c := range []struct {
		coding string
		with   func(io.Writer) io.WriteCloser
		name   string
	}{
		{"gzip", gzipped, "gzip"}, {"x-gzip", gzipped, "gzip"}, {"GZIP", gzipped, "gzip"}, {" gzip ", gzipped, "gzip"}, {"identity, gzip", gzipped, "gzip"},
		{"deflate", zlibbed, "deflate"}, {"deflate", deflated, "deflate"},
		{"br", brotlied, "br"}, {"zstd", zstandard, "zstd"},
	} {
		sent := packed(t, body, c.with)
		doc, err := set.Read(route, encoded(c.coding), sent)
		if err != nil {
			t.Errorf("%s: %v", c.coding, err)
			continue
		}
		out, err := doc.Body(nil, "")
		if err != nil || !bytes.Equal(out, body) || doc.Encoding() != c.name {
			t.Errorf("%s: what is forwarded is not what was encoded (%v), coding %q", c.coding, err, doc.Encoding())
		}
		// Whatever is cut off or added is not read as if it were not.
		for what, bad := range map[string][]byte{"cut": sent[:len(sent)-5], "longer": append(append([]byte{}, sent...), "xyz"...), "damaged": damaged(sent)} {
			if doc, err := set.Read(route, encoded(c.coding), bad); err == nil {
				same, _ := doc.Body(nil, "")
				if what != "damaged" || !bytes.Equal(same, body) {
					t.Errorf("%s, %s: taken", c.coding, what)
				}
			} else if k := proxy.KindOf(err); k != proxy.Malformed {
				t.Errorf("%s, %s: %s, want malformed", c.coding, what, k.Label())
			}
		}
	}
	for _, none := range []string{"identity", ""} {
		doc, err := set.Read(route, encoded(none), body)
		if err != nil || doc.Encoding() != "" {
			t.Errorf("%q: %v", none, err)
		}
	}
}

func damaged(b []byte) []byte {
	out := append([]byte{}, b...)
	out[len(out)/2] ^= 0x55
	return out
}

func TestRefusesCodings(t *testing.T) {
	set := dialect.New(dialect.Options{})
	route := set.Route("POST", proxy.NewText("/v1/chat/completions"))
	body := []byte(`{"messages":[]}`)
	twice := packed(t, packed(t, body, gzipped), gzipped)
	for _, h := range []*proxy.Head{
		encoded("compress"), encoded("snappy"), encoded("gzip, gzip"), encoded("gzip", "gzip"), encoded("gzip, br"), encoded("br", "identity", "gzip"),
		encoded("aws-chunked"), encoded("gzip;q=1"), encoded("utf-8"),
	} {
		_, err := set.Read(route, h, twice)
		var e *proxy.Error
		if !errors.As(err, &e) || e.Kind != proxy.Unsupported || e.Code != "content_encoding_unsupported" {
			t.Errorf("%d headers: %v", len(h.Header), err)
		}
	}
}

func TestBounds(t *testing.T) {
	route := dialect.New(dialect.Options{}).Route("POST", proxy.NewText("/v1/chat/completions"))
	big := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("a", 8<<20) + `"}]}`)
	noise := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = "abcdefghijklmnopqrstuvwxyz012345"[r.IntN(32)]
	}
	honest := []byte(`{"messages":[{"role":"user","content":"` + string(noise) + `"}]}`)
	for _, c := range []struct {
		name   string
		coding string
		limit  int
		with   func(io.Writer) io.WriteCloser
		body   []byte
		code   string
		kind   proxy.ErrorKind
		taken  bool
	}{
		{"a gzip bomb", "gzip", 32 << 20, gzipped, big, "content_encoding_ratio", proxy.TooLarge, false},
		{"a br bomb", "br", 32 << 20, brotlied, big, "content_encoding_ratio", proxy.TooLarge, false},
		{"a zstd bomb", "zstd", 32 << 20, zstandard, big, "content_encoding_ratio", proxy.TooLarge, false},
		{"a deflate bomb", "deflate", 32 << 20, zlibbed, big, "content_encoding_ratio", proxy.TooLarge, false},
		{"a raw deflate bomb", "deflate", 32 << 20, deflated, big, "content_encoding_ratio", proxy.TooLarge, false},
		{"honest text", "gzip", 32 << 20, gzipped, honest, "", 0, true},
		{"honest text, zstd", "zstd", 2 << 20, zstandard, honest, "", 0, true},
		{"honest text over the limit", "gzip", 1 << 20, gzipped, honest, "", proxy.TooLarge, false},
		{"honest text over the limit, zstd", "zstd", 1 << 20, zstandard, honest, "", proxy.TooLarge, false},
		{"over the limit as received", "", 1 << 20, nil, honest, "", proxy.TooLarge, false},
	} {
		set, h, body := dialect.New(dialect.Options{BodyLimit: c.limit}), &proxy.Head{}, c.body
		if c.with != nil {
			body = packed(t, c.body, c.with)
			h = encoded(c.coding)
		}
		_, err := set.Read(route, h, body)
		if c.taken {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		var e *proxy.Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.Code != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
