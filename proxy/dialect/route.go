package dialect

import (
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Route says what a method and a path mean. Nothing about the path is
// normalised: what is not written exactly as the API writes it, in its own case,
// without empty or dot segments, without escaped separators, is OpUnknown and so
// a decision of policy. Whatever stands before the API's own path is a base path
// and is dropped.
func (s *Set) Route(method string, path proxy.Text) proxy.Route {
	unknown := proxy.Route{Dialect: proxy.DialectNone, Operation: proxy.OpUnknown, Path: path}
	p, query, hasQuery := strings.Cut(path.Reveal(), "?")
	if (method == http.MethodGet || method == http.MethodHead) && (p == "/" || p == "/health" || p == "/healthz") {
		return proxy.Route{Dialect: proxy.DialectNone, Operation: proxy.OpHealth, Path: path}
	}
	if !plainPath(p) || !visible(query) {
		return unknown
	}
	op, dialect, rest := operation(method, strings.Split(p[1:], "/"))
	if op == proxy.OpUnknown {
		return unknown
	}
	own := "/v1/" + rest
	if hasQuery {
		own += "?" + query
	}
	return proxy.Route{Dialect: dialect, Operation: op, Path: proxy.NewText(own)}
}

// visible reports whether s holds only what may stand in a request target, and
// no fragment (RFC 9112, 3.2; RFC 3986, 3.4).
func visible(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// plainPath reports whether every server splits the path in the same way.
func plainPath(p string) bool {
	if !strings.HasPrefix(p, "/") || !visible(p) || strings.Contains(p, "\\") {
		return false
	}
	for _, segment := range strings.Split(p[1:], "/") {
		// A parameter (RFC 3986, 3.3) is cut off by some servers.
		if segment == "" || strings.Contains(segment, ";") {
			return false
		}
		d, ok := unescape(segment, false)
		// What is still escaped after one decoding may be decoded twice.
		if !ok || d == "." || d == ".." || strings.ContainsAny(d, "/\\%;?#\x00") {
			return false
		}
	}
	return true
}

// unescape decodes percent-encoding, and + as space where plus is set. The
// second result is false where it is broken; broken escapes stay as they are.
func unescape(s string, plus bool) (string, bool) {
	if !strings.Contains(s, "%") && !(plus && strings.Contains(s, "+")) {
		return s, true
	}
	var b strings.Builder
	b.Grow(len(s))
	good := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%' && i+2 < len(s):
			h, ok1 := unhex(s[i+1])
			l, ok2 := unhex(s[i+2])
			if ok1 && ok2 {
				b.WriteByte(h<<4 | l)
				i += 2
				continue
			}
			good = false
			b.WriteByte(c)
		case c == '%':
			good = false
			b.WriteByte(c)
		case c == '+' && plus:
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), good
}

// operation recognises the end of a path. rest is the API's own path without
// the version.
func operation(method string, path []string) (op proxy.Operation, dialect, rest string) {
	n := len(path)
	last, before := path[n-1], ""
	if n > 1 {
		before = path[n-2]
	}
	switch method {
	case http.MethodPost:
		switch {
		case last == "completions" && before == "chat":
			return base(path[:n-2], proxy.OpChat, proxy.DialectOpenAI, "chat/completions")
		case last == "count_tokens" && before == "messages":
			return base(path[:n-2], proxy.OpCountTokens, proxy.DialectAnthropic, "messages/count_tokens")
		case last == "messages":
			return base(path[:n-1], proxy.OpMessages, proxy.DialectAnthropic, last)
		case last == "responses":
			return base(path[:n-1], proxy.OpResponses, proxy.DialectOpenAI, last)
		case last == "completions":
			return base(path[:n-1], proxy.OpCompletions, proxy.DialectOpenAI, last)
		case last == "embeddings":
			return base(path[:n-1], proxy.OpEmbeddings, proxy.DialectOpenAI, last)
		case last == "moderations":
			return base(path[:n-1], proxy.OpModerations, proxy.DialectOpenAI, last)
		}
	case http.MethodGet, http.MethodDelete:
		for i, segment := range path {
			if segment == "responses" && i+1 < n && identifier(path[i+1]) {
				return base(path[:i], proxy.OpState, proxy.DialectOpenAI, strings.Join(path[i:], "/"))
			}
		}
		if method == http.MethodDelete {
			break
		}
		if last == "models" {
			return base(path[:n-1], proxy.OpModels, proxy.DialectOpenAI, last)
		}
		for i, segment := range path {
			// Names such as org/model have two segments.
			if segment == "models" && n-i <= 3 {
				return base(path[:i], proxy.OpModels, proxy.DialectOpenAI, strings.Join(path[i:], "/"))
			}
		}
	}
	return proxy.OpUnknown, "", ""
}

// identifier reports whether s can be the id of something stored.
func identifier(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return s != ""
}

// base refuses a base path that is itself a resource of a model API:
// /v1/threads/ID/messages and /v1/fim/completions end like a known operation
// but are others, and the rewritten path would name a different one. What stands
// before a version is a gateway's own business, and an end of two words
// (chat/completions) stands for nothing else.
func base(path []string, op proxy.Operation, dialect, rest string) (proxy.Operation, string, string) {
	if op == proxy.OpChat || op == proxy.OpCountTokens {
		return op, dialect, rest
	}
	for i := len(path) - 1; i >= 0 && !version(path[i]); i-- {
		switch strings.ToLower(path[i]) {
		case "chat", "completions", "responses", "messages", "embeddings", "moderations", "threads", "conversations",
			"assistants", "runs", "batches", "batch", "files", "fine_tuning", "images", "audio", "realtime", "vector_stores",
			"containers", "evals", "fim", "agents", "sessions", "skills", "uploads", "videos", "chatkit", "memory_stores",
			"organizations", "interactions":
			return proxy.OpUnknown, "", ""
		case "models":
			// Azure's Foundry serves /models/embeddings.
			if i != len(path)-1 || op != proxy.OpEmbeddings {
				return proxy.OpUnknown, "", ""
			}
		}
	}
	return op, dialect, rest
}

// version reports whether a segment names a version: v1, v1beta, v1-openai.
func version(segment string) bool {
	return len(segment) >= 2 && segment[0] == 'v' && segment[1]-'0' <= 9 && len(segment) <= 12
}
