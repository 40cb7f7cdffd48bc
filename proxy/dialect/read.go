package dialect

import (
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// Limits of reading beside those of the scanner.
const (
	// nestingLimit is how often JSON may stand inside a string of JSON; what is
	// deeper is inspected as the string it is. Tool arguments are one level, a
	// tool that relays a request of a tool two.
	nestingLimit = 4
	// numberDigits is the fewest digits of a number literal that becomes a
	// segment. Nothing that identifies a person and is written as a number is
	// shorter, while most numbers of a request (temperatures, sizes, positions)
	// are.
	numberDigits = 6
	// tokenDigits is the same inside an array of token ids: no vocabulary has
	// ten million tokens.
	tokenDigits = 8
	// partLimit bounds the parts of a multipart body.
	partLimit = 1000
)

// Options are the bounds of a [Set]. The zero value takes the defaults.
type Options struct {
	// BodyLimit bounds a body in bytes, received or decoded; 0 means 32 MiB,
	// and more than 1 GiB counts as 1 GiB.
	BodyLimit int
}

// bodyCeiling keeps every offset within 31 bits.
const bodyCeiling = 1 << 30

// Set is all dialects of today. It is immutable and safe for concurrent use.
type Set struct{ limit int }

var _ proxy.Dialects = (*Set)(nil)

// New makes the dialects.
func New(o Options) *Set {
	if o.BodyLimit <= 0 {
		o.BodyLimit = proxy.DefaultBodyLimit
	}
	return &Set{limit: min(o.BodyLimit, bodyCeiling)}
}

// Read implements [proxy.Dialects]. The segments are the path, the query and
// the headers, then the body in its own order. The body may not be written
// afterwards. Errors are of kind Malformed (the code says how), TooLarge, or
// Unsupported; their hint names the byte where something was met, and none
// quotes it.
func (s *Set) Read(r proxy.Route, h *proxy.Head, body []byte) (proxy.Document, error) {
	if len(body) > s.limit {
		return nil, &proxy.Error{Op: "read body", Kind: proxy.TooLarge}
	}
	code, err := coding(h)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		code = ""
	}
	if body, err = decode(code, body, s.limit); err != nil {
		return nil, err
	}
	d := &document{body: body, coding: code, model: place{headTree, 0}}
	rd := &reading{doc: d, op: r.Operation, budget: valueLimit}
	rd.head(r, h)
	if r.Operation == proxy.OpState {
		rd.note("response_id")
	}
	if err := rd.content(h); err != nil {
		return nil, err
	}
	d.prompt.State, d.prompt.ToolKinds = unique(rd.state), unique(rd.toolKinds)
	return d, nil
}

// reading is one body as it is being read.
type reading struct {
	doc       *document
	op        proxy.Operation
	budget    int
	state     []string
	toolKinds []string
	depth     int // of JSON inside strings
}

// takesJSON reports whether the operation has a JSON object as its body.
func takesJSON(op proxy.Operation) bool {
	switch op {
	case proxy.OpChat, proxy.OpResponses, proxy.OpCompletions, proxy.OpEmbeddings, proxy.OpModerations, proxy.OpMessages, proxy.OpCountTokens:
		return true
	}
	return false
}

// content reads the body as its operation or, where that is unknown, as its
// content type says.
func (r *reading) content(h *proxy.Head) error {
	t, _ := h.Get("content-type")
	media, params, ok := contentType(t.Reveal())
	types := 0
	for i := range h.Header {
		if h.Header[i].Name == "content-type" {
			types++
		}
	}
	ok = ok && types <= 1 // whichever a server would take
	// A body that is scanned as UTF-8 must not be read as something else.
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "utf8") && !strings.EqualFold(cs, "us-ascii") || !ok {
		if takesJSON(r.op) || !binaryMedia(media) {
			return &proxy.Error{
				Op: "read body", Kind: proxy.Unsupported, Code: "content_type_unsupported",
				Hint: "The content type of the request cannot be read without doubt, or names a character set other than UTF-8. Send application/json in UTF-8.",
			}
		}
	}
	if takesJSON(r.op) {
		return r.json(r.doc.body, true)
	}
	if len(r.doc.body) == 0 {
		return nil
	}
	switch {
	case media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"):
		return r.json(r.doc.body, false)
	case media == "multipart/form-data" || media == "multipart/mixed" || media == "multipart/related":
		return r.multipart(params["boundary"])
	case media == "application/x-www-form-urlencoded":
		r.doc.form = formSealed
		r.query(string(r.doc.body), proxy.RoleOther, proxy.KindString)
		return nil
	}
	r.blob(media)
	return nil
}

// contentType splits a content type; an absent one is fine, a broken one is not:
// servers guess in different ways.
func contentType(s string) (media string, params map[string]string, ok bool) {
	if strings.TrimSpace(s) == "" {
		return "", nil, true
	}
	media, params, err := mime.ParseMediaType(s)
	return media, params, err == nil
}

// binaryMedia reports whether a media type is not text to anybody, so that a
// character set means nothing.
func binaryMedia(media string) bool {
	for _, p := range []string{"image/", "audio/", "video/", "application/octet-stream", "application/pdf", "application/zip"} {
		if strings.HasPrefix(media, p) {
			return true
		}
	}
	return false
}

// blob reads a body whose type says nothing about structure: as JSON where it
// is that all the same (escapes would hide text), else text as one segment that
// can be edited, and anything else as opaque, and as a segment too if it could
// be text.
func (r *reading) blob(media string) {
	body := string(r.doc.body)
	if !binaryMedia(media) && bracketed(body) {
		budget := r.budget
		if r.json(r.doc.body, false) == nil {
			return
		}
		r.budget = budget
	}
	if strings.HasPrefix(media, "text/") && utf8.ValidString(body) {
		r.doc.form = formText
		r.add(proxy.Segment{Text: proxy.NewText(body), Role: proxy.RoleOther}, place{textTree, 0})
		return
	}
	r.doc.form = formSealed
	index := -1
	if utf8.ValidString(body) {
		index = r.add(proxy.Segment{Text: proxy.NewText(body), Role: proxy.RoleOther, Fixed: true}, place{headTree, 0})
	}
	r.opaque(proxy.Opaque{Index: index, Kind: kindOfMedia(media, "binary"), MIME: mediaType(media), Bytes: len(body)})
}

// kindOfMedia gives the kind of an opaque part from its media type.
func kindOfMedia(media, otherwise string) string {
	switch before, _, _ := strings.Cut(strings.ToLower(media), "/"); before {
	case "image", "audio":
		return before
	case "video", "application":
		if otherwise == "binary" && before == "application" && mediaType(media) == "" {
			return otherwise
		}
		if otherwise == "binary" && mediaType(media) == "application/octet-stream" {
			return otherwise
		}
		return "file"
	}
	return otherwise
}

// add appends a segment and its place.
func (r *reading) add(s proxy.Segment, p place) int {
	d := r.doc
	d.prompt.Segments = append(d.prompt.Segments, s)
	d.places = append(d.places, p)
	return len(d.places) - 1
}

func (r *reading) opaque(o proxy.Opaque) {
	r.doc.prompt.Opaque = append(r.doc.prompt.Opaque, o)
	n := &r.doc.prompt.Needs
	switch o.Kind {
	case "image":
		n.Images = true
	case "audio":
		n.Audio = true
	case "file", "file_id":
		n.Files = true
	}
}

// head makes segments of the path, the query and the headers that go on.
func (r *reading) head(route proxy.Route, h *proxy.Head) {
	full := h.Path.Reveal()
	if full == "" {
		full = route.Path.Reveal()
	}
	path, query, _ := strings.Cut(full, "?")
	path, _ = unescape(path, false)
	r.doc.prompt.Segments = make([]proxy.Segment, 0, 8+len(h.Header))
	r.doc.places = make([]place, 0, 8+len(h.Header))
	r.outer(proxy.Segment{Text: proxy.NewText(clean(path)), Role: proxy.RolePath, Kind: proxy.KindPath})
	r.query(query, proxy.RolePath, proxy.KindPath)
	for i := range h.Header {
		f := &h.Header[i]
		if digits(f.Name) >= numberDigits {
			r.outer(proxy.Segment{Text: proxy.NewText(clean(f.Name)), Role: proxy.RoleHeader, Kind: proxy.KindKey})
		}
		if f.Name == "content-type" {
			r.parameters(f.Value.Reveal())
			continue
		}
		if !inspectedHeader(f.Name) || f.Value.Len() == 0 {
			continue
		}
		r.outer(proxy.Segment{Text: proxy.NewText(clean(f.Value.Reveal())), Key: proxy.TextAt(&f.Name), Role: proxy.RoleHeader, Kind: proxy.KindHeader})
	}
}

// outer adds a segment that stands outside the body: it cannot be edited.
func (r *reading) outer(s proxy.Segment) {
	s.Fixed = true
	r.add(s, place{headTree, 0})
}

// parameters makes segments of what a content type says beyond the type, the
// character set and the boundary (which clients make at random).
func (r *reading) parameters(contentType string) {
	_, rest, more := strings.Cut(contentType, ";")
	for more {
		var p string
		p, rest, more = strings.Cut(rest, ";")
		name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(p)), "=")
		if name != "" && name != "charset" && name != "boundary" {
			r.outer(proxy.Segment{Text: proxy.NewText(clean(strings.TrimSpace(p))), Role: proxy.RoleHeader, Kind: proxy.KindHeader})
		}
	}
}

// query makes segments of the names and values of a query or a form.
func (r *reading) query(query string, role proxy.Role, kind proxy.Kind) {
	if query == "" {
		return
	}
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = unescape(name, true)
		value, _ = unescape(value, true)
		key := proxy.NewText(clean(name))
		if name != "" && !queryWord(name) {
			r.outer(proxy.Segment{Text: key, Role: role, Kind: kind})
		}
		if value != "" {
			r.outer(proxy.Segment{Text: proxy.NewText(clean(value)), Key: key, Role: role, Kind: kind})
		}
	}
}

// queryWord reports whether a parameter's name is one of the APIs' own.
func queryWord(name string) bool {
	switch name {
	case "api-version", "beta", "limit", "after", "before", "order", "include", "include[]", "stream", "starting_after",
		"after_id", "before_id", "include_obfuscation", "alt":
		return true
	}
	return ownWord(name)
}

// clean makes valid UTF-8: findings have offsets on its boundaries.
func clean(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// inspectedHeader reports whether a header's value is content. Credentials are
// not: they are taken off, or are the provider's own. Headers of the transport
// are not: Envoy or the embedded plane makes them anew.
func inspectedHeader(name string) bool {
	switch name {
	case "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization", proxy.HeaderKey, proxy.HeaderGrant, proxy.HeaderJustification, "ostiary-application",
		"host", "content-length", "content-type", "content-encoding", "connection", "transfer-encoding", "expect", "te",
		"forwarded", "x-real-ip", "via", "x-request-id":
		return false
	}
	for _, p := range []string{":", "accept", proxy.HeaderPrefix, "x-forwarded-", "x-envoy-"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	return true
}

// digits counts the decimal digits of s.
func digits(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i]-'0' <= 9 {
			n++
		}
	}
	return n
}
