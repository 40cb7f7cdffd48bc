package dialect

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

func badMultipart() error {
	return &proxy.Error{
		Op: "read body", Kind: proxy.Malformed, Code: "multipart_malformed",
		Hint: "The multipart body cannot be read without doubt. Send it as RFC 2046 and RFC 7578 describe, with nothing before the first or after the last part.",
	}
}

// multipart reads a multipart body (RFC 2046, 5.1; RFC 7578): names, file names
// and text are segments, everything else is opaque. It is inspected and never
// edited. A preamble or an epilogue, which readers skip, is not taken.
func (r *reading) multipart(boundary string) error {
	r.doc.form = formSealed
	body := r.doc.body
	first, last := []byte("--"+boundary), []byte("--"+boundary+"--")
	if boundary == "" || !bytes.HasPrefix(body, first) {
		return badMultipart()
	}
	end := bytes.LastIndex(body, last)
	if end < 0 || bytes.Index(body, last) != end || len(bytes.Trim(body[end+len(last):], "\r\n")) != 0 {
		return badMultipart()
	}
	m := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		p, err := m.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badMultipart()
		}
		if n == partLimit {
			return &proxy.Error{Op: "read body", Kind: proxy.TooLarge, Code: "multipart_too_many_parts"}
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return badMultipart()
		}
		if err := r.part(p, content); err != nil {
			return err
		}
	}
}

// part inspects one part: every value of its headers, then what it holds.
func (r *reading) part(p *multipart.Part, content []byte) error {
	key := proxy.NewText(clean(p.FormName()))
	plainText := true
	names := make([]string, 0, len(p.Header))
	for name := range p.Header {
		names = append(names, name)
	}
	slices.Sort(names) // a map has no order, a reading has
	index := -1
	for _, name := range names {
		for _, value := range p.Header[name] {
			switch strings.ToLower(name) {
			case "content-disposition":
				_, params, err := mime.ParseMediaType(value)
				if err != nil || len(p.Header[name]) > 1 {
					return badMultipart()
				}
				for _, param := range sortedKeys(params) {
					v := params[param]
					if param == "name" && ownWord(strings.TrimSuffix(v, "[]")) || v == "" {
						continue
					}
					r.outer(proxy.Segment{Text: proxy.NewText(clean(v)), Key: key, Role: proxy.RoleOther, Kind: proxy.KindName})
					if strings.HasPrefix(param, "filename") {
						index = len(r.doc.places) - 1
					}
				}
			case "content-transfer-encoding":
				switch strings.ToLower(strings.TrimSpace(value)) {
				case "7bit", "8bit", "binary":
				default:
					plainText = false
				}
			default:
				r.outer(proxy.Segment{Text: proxy.NewText(clean(value)), Key: key, Role: proxy.RoleOther, Kind: proxy.KindHeader})
			}
		}
	}
	media, params, ok := contentType(p.Header.Get("Content-Type"))
	if cs := params["charset"]; !ok || cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "us-ascii") {
		plainText = false
	}
	text := utf8.Valid(content)
	if text {
		r.lines(string(content), key)
	}
	if !text || !plainText || binaryMedia(media) && media != "application/octet-stream" || bytes.IndexByte(content, 0) >= 0 {
		r.opaque(proxy.Opaque{Index: index, Kind: kindOfMedia(media, "binary"), MIME: mediaType(media), Bytes: len(content)})
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// lines inspects the text of a part: as JSON, as lines of JSON (the files of
// batches), or as the text it is.
func (r *reading) lines(text string, key proxy.Text) {
	from := len(r.doc.trees)
	if r.document(text, key) {
		return
	}
	p := &r.doc.prompt
	segments, opaque, budget := len(p.Segments), len(p.Opaque), r.budget
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || r.document(line, key) {
			continue
		}
		// Not lines of JSON after all: the whole text says more than its lines.
		r.doc.places, p.Segments, p.Opaque = r.doc.places[:segments], p.Segments[:segments], p.Opaque[:opaque]
		r.doc.trees, r.budget = r.doc.trees[:from], budget
		r.outer(proxy.Segment{Text: proxy.NewText(text), Key: key, Role: proxy.RoleOther})
		return
	}
}

// document inspects a text that is one JSON object or array.
func (r *reading) document(text string, key proxy.Text) bool {
	if !bracketed(text) {
		return false
	}
	budget := r.budget
	t, f := scan(text, &budget, true)
	if f.code != faultNone {
		return false
	}
	r.budget = budget
	r.doc.trees = append(r.doc.trees, t)
	r.value(int32(len(r.doc.trees)-1), 0, at{zone: zoneFree, fixed: true, role: proxy.RoleOther, key: key, in: -1})
	return true
}
