package embedded

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// ServeHTTP carries one exchange out. It implements [http.Handler].
func (p *Plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head, plain := readHead(r, time.Now())
	named := sameName(head.Peer.ServerName, head.Authority)
	ended := head.Ended
	if !plain || !named {
		head.Ended = false // the engine must not decide on what is refused already
	}
	s, ruling := p.engine.Open(r.Context(), head)
	defer s.Close()
	if ruling.Waits() {
		switch {
		case !named:
			ruling = s.Reject(proxy.CodeHostNotAllowed)
		case !plain:
			p.refuse(w, s, &head, proxy.Refusal{
				Status: http.StatusBadRequest, Code: "bad_request",
				Message: "The request is not one that this proxy takes (an ambiguous path or header name) and was not forwarded. Mend it and send it again.",
			})
			return
		}
	}
	var body []byte
	if ruling.Waits() {
		var err error
		if body, err = p.read(w, r, ended); err == nil {
			ruling = s.Body(r.Context(), body)
		} else if !p.unread(w, s, &head, &ruling, err) {
			return
		}
	}
	if rel, ok := ruling.Release(); ok {
		p.forward(w, r, &passage{session: s, head: &head, release: rel, body: body})
		return
	}
	answer(w, ruling.Answer())
}

// unread takes a body that could not be read to its end. It reports whether
// there is a ruling to carry out.
func (p *Plane) unread(w http.ResponseWriter, s *proxy.Session, h *proxy.Head, ruling *proxy.Ruling, err error) bool {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		*ruling = s.TooLarge()
		return true
	case errors.Is(err, os.ErrDeadlineExceeded):
		// More may follow at any time: the connection is of no use any more.
		w.Header().Set("connection", "close")
		p.refuse(w, s, h, proxy.Refusal{
			Status: http.StatusRequestTimeout, Code: "request_timeout",
			Message: "The request did not arrive in time and was not forwarded. Send it again.",
		})
	}
	// Anything else is a client that left or broke the protocol: nobody is there
	// to be told, and closing the session records it.
	return false
}

// read reads a whole body. It fails with an [http.MaxBytesError] over the limit,
// and with [os.ErrDeadlineExceeded] where the client is too slow.
func (p *Plane) read(w http.ResponseWriter, r *http.Request, ended bool) ([]byte, error) {
	if ended {
		return nil, nil
	}
	if r.ContentLength > int64(p.body) {
		return nil, &http.MaxBytesError{Limit: int64(p.body)}
	}
	size := int64(firstBody)
	if r.ContentLength >= 0 && r.ContentLength <= exactBody {
		size = r.ContentLength + 1 // the last read finds the end without growing
	}
	limited := http.MaxBytesReader(w, r.Body, int64(p.body))
	control := http.NewResponseController(w)
	last := time.Now().Add(p.times.Upload)
	body := make([]byte, 0, size)
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		// A recorder in a test has no deadline to set; a server has.
		_ = control.SetReadDeadline(earlier(time.Now().Add(p.times.Stall), last))
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			_ = control.SetReadDeadline(time.Time{}) // as above
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// refuse answers for a reason that only the data plane sees, in the shape of the
// API that was called. The session records it.
func (p *Plane) refuse(w http.ResponseWriter, s *proxy.Session, h *proxy.Head, f proxy.Refusal) {
	plan := s.Responded(proxy.ResponseHead{Status: f.Status})
	f.DecisionID = s.ID()
	a := p.shape(h, f)
	a.Header = append(a.Header, plan...)
	answer(w, a)
}

// shape writes a refusal in the shape of the API that a head calls.
func (p *Plane) shape(h *proxy.Head, f proxy.Refusal) proxy.Answer {
	snap := p.engine.Snapshot()
	path := h.Path
	if _, rest, ok := snap.Chooser.Named(path); ok {
		path = rest
	}
	return snap.Dialects.Refuse(snap.Dialects.Route(h.Method, path), f)
}

// answer writes an answer of ours.
func answer(w http.ResponseWriter, a proxy.Answer) {
	if a.Status < 200 || a.Status > 599 {
		a = proxy.Ruling{}.Answer()
	}
	for _, h := range a.Header {
		w.Header().Set(h.Name, h.Value)
	}
	w.Header().Set("content-length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the client may be gone; the answer is recorded
}
