package dialect

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ostiary/ostiary/proxy"
)

// Limits of decoding.
const (
	// ratioLimit is how many bytes one received byte may become. JSON text
	// compresses four to twenty times; a prompt that repeats itself reaches a
	// hundred; bombs start at a thousand (the end of deflate's range is 1032).
	ratioLimit = 250
	// ratioFloor is what may be decoded whatever the ratio.
	ratioFloor = 1 << 20
	// zstdWindow is the greatest window a zstd frame may ask for: decoders need
	// not support more than 8 MiB (RFC 8878, 3.1.1.1.2).
	zstdWindow = 8 << 20
	// decodeStep is the first buffer for decoded bytes.
	decodeStep = 64 << 10
)

// coding gives the content coding of a request (RFC 9110, 8.4.1), empty for
// none. A second one is not taken, be it in one header or in two: what was
// inspected would depend on who takes off how many.
func coding(h *proxy.Head) (string, error) {
	out, many := "", false
	for i := range h.Header {
		if h.Header[i].Name != "content-encoding" {
			continue
		}
		for _, c := range strings.Split(h.Header[i].Value.Reveal(), ",") {
			c = strings.ToLower(strings.Trim(c, " \t"))
			if c == "identity" || c == "" {
				continue
			}
			many = many || out != ""
			out = c
		}
	}
	if out == "x-gzip" { // RFC 9110, 8.4.1.3
		out = "gzip"
	}
	switch out {
	case "", "gzip", "deflate", "br", "zstd":
		if !many {
			return out, nil
		}
	}
	return "", &proxy.Error{
		Op: "decode body", Kind: proxy.Unsupported, Code: "content_encoding_unsupported",
		Hint: "The content encoding of the request is not supported. Send the body as it is, or with one of gzip, deflate, br, zstd.",
	}
}

// decode takes a content coding off a body. At most limit bytes come out.
func decode(coding string, body []byte, limit int) ([]byte, error) {
	src := bytes.NewReader(body)
	switch coding {
	case "":
		return body, nil
	case "gzip":
		r, err := gzip.NewReader(src)
		if err != nil {
			return nil, undecodable()
		}
		return inflate(r, src, limit)
	case "deflate":
		// The name stands for the zlib format (RFC 9110, 8.4.1.2), but some
		// clients send the bare stream. What is forwarded is what was decoded,
		// so taking both opens no second reading.
		if zlibHeader(body) {
			if r, err := zlib.NewReader(src); err == nil {
				if out, err := inflate(r, src, limit); proxy.KindOf(err) != proxy.Malformed {
					return out, err
				}
			}
			src.Reset(body)
		}
		return inflate(flate.NewReader(src), src, limit)
	case "br":
		return inflate(brotli.NewReader(src), src, limit)
	case "zstd":
		r, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow),
			zstd.WithDecoderMaxMemory(uint64(limit)+zstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, undecodable()
		}
		defer r.Close()
		return inflate(r, src, limit)
	}
	return nil, undecodable()
}

// zlibHeader reports whether a body begins as RFC 1950, 2.2 says.
func zlibHeader(b []byte) bool {
	return len(b) >= 2 && b[0]&0x0f == 8 && (int(b[0])<<8|int(b[1]))%31 == 0
}

func undecodable() error {
	return &proxy.Error{
		Op: "decode body", Kind: proxy.Malformed, Code: "content_encoding_malformed",
		Hint: "The body is not what its content encoding says. Encode it again, or send it as it is.",
	}
}

// errTooLarge tells the two bounds of inflate from a damaged stream.
var errTooLarge = errors.New("decoded body too large")

// inflate reads r to its end, within the limit and the ratio. All of src must
// have been used: what a decoder leaves over would be forwarded by nobody, but
// it would also have been inspected by nobody.
func inflate(r io.Reader, src *bytes.Reader, limit int) ([]byte, error) {
	received := int(src.Size())
	bound := limit
	if received < limit/ratioLimit {
		bound = min(limit, max(ratioFloor, received*ratioLimit))
	}
	out, err := readWithin(r, bound, min(bound, decodeStep+4*received))
	if errors.Is(err, errTooLarge) {
		if bound < limit {
			return nil, &proxy.Error{
				Op: "decode body", Kind: proxy.TooLarge, Code: "content_encoding_ratio",
				Hint: "The body grows too much when it is decoded. Send it without content encoding.",
			}
		}
		return nil, &proxy.Error{Op: "decode body", Kind: proxy.TooLarge}
	}
	if err != nil || src.Len() != 0 {
		return nil, undecodable()
	}
	return out, nil
}

// readWithin reads all of r; over limit bytes are errTooLarge.
func readWithin(r io.Reader, limit, hint int) ([]byte, error) {
	out := make([]byte, 0, hint)
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if len(out) > limit {
			return nil, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
