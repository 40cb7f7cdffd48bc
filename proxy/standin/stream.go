package standin

import (
	"fmt"
	"net/http"
)

// stream writes server-sent events (WHATWG HTML, 9.2), each flushed.
type stream struct {
	x     *exchange
	flush http.Flusher
	texts int // events of text so far
	total int // events of text to come in all
}

// stream begins a stream of so many events of text.
func (x *exchange) stream(texts int) *stream {
	x.w.Header().Set("content-type", "text/event-stream; charset=utf-8")
	x.w.Header().Set("cache-control", "no-cache")
	x.w.WriteHeader(http.StatusOK)
	f, _ := x.w.(http.Flusher) // without one, events come when they come
	return &stream{x: x, flush: f, total: texts}
}

// data sends one event; a named one where event is not empty. It reports whether
// the client is still there.
func (s *stream) data(event string, data []byte) bool {
	if event != "" {
		fmt.Fprintf(s.x.w, "event: %s\n", event)
	}
	if _, err := fmt.Fprintf(s.x.w, "data: %s\n\n", data); err != nil {
		return false
	}
	if s.flush != nil {
		s.flush.Flush()
	}
	return s.x.r.Context().Err() == nil
}

// text sends one event of text, at its time.
func (s *stream) text(event string, data []byte) bool {
	if s.x.cut() && s.texts > s.total/2 {
		panic(http.ErrAbortHandler)
	}
	if g := s.x.s.o.Gate; g != nil {
		g(s.x.r, s.texts)
	}
	if p := s.x.s.o.Pause; p > 0 {
		s.x.pause(p)
	}
	s.texts++
	return s.data(event, data)
}
