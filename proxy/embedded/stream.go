package embedded

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// stream is a CONNECT over HTTP/2 (RFC 9113, 8.5) as a connection. It ends as a
// whole on our side: net/http ends a stream with its handler only. A deadline that
// passes is final.
type stream struct {
	from    io.ReadCloser
	control *http.ResponseController
	local   net.Addr
	remote  net.Addr
	over    chan struct{} // closed by Close
	once    sync.Once

	mu   sync.Mutex // held by who writes, and for good once the handler returns
	to   http.ResponseWriter
	gone bool // guarded by mu
}

func newStream(w http.ResponseWriter, r *http.Request) *stream {
	s := &stream{from: r.Body, control: http.NewResponseController(w), to: w, over: make(chan struct{}), remote: &net.TCPAddr{}}
	s.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if a, err := net.ResolveTCPAddr("tcp", r.RemoteAddr); err == nil { // an address in figures: nobody is asked
		s.remote = a
	}
	return s
}

// Read implements [net.Conn].
func (s *stream) Read(b []byte) (int, error) { return s.from.Read(b) }

// Write implements [net.Conn].
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return 0, net.ErrClosed
	}
	n, err := s.to.Write(b)
	if err == nil {
		err = s.control.Flush()
	}
	return n, err
}

// Close implements [net.Conn].
func (s *stream) Close() error {
	s.once.Do(func() { close(s.over) })
	return nil
}

// wait returns when the connection is closed and nobody writes any more.
func (s *stream) wait() {
	<-s.over
	if !s.mu.TryLock() {
		// Somebody waits for the client to take bytes. This resets the stream.
		_ = s.control.SetWriteDeadline(time.Now().Add(-time.Second))
		s.mu.Lock()
	}
	s.gone = true
	s.mu.Unlock()
	_ = s.from.Close()
}

// LocalAddr implements [net.Conn].
func (s *stream) LocalAddr() net.Addr { return s.local }

// RemoteAddr implements [net.Conn].
func (s *stream) RemoteAddr() net.Addr { return s.remote }

// SetDeadline implements [net.Conn].
func (s *stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline implements [net.Conn].
func (s *stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return net.ErrClosed
	}
	return s.control.SetReadDeadline(t)
}

// SetWriteDeadline implements [net.Conn].
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return net.ErrClosed
	}
	return s.control.SetWriteDeadline(t)
}

// piped is a stream with the deadlines that a server needs.
type piped struct {
	net.Conn
	t *tunnel
}

// piped puts a pipe before the tunnel. Two goroutines end with either of them.
func (t *tunnel) piped() *piped {
	ours, its := net.Pipe()
	go func() {
		_, _ = io.Copy(its, t)
		_ = its.Close()
	}()
	go func() {
		_, _ = io.Copy(t.Conn, its)
		_ = its.Close()
		_ = t.Close()
	}()
	context.AfterFunc(t.ctx, func() { _ = its.Close() })
	return &piped{Conn: ours, t: t}
}

// LocalAddr implements [net.Conn].
func (p *piped) LocalAddr() net.Addr { return p.t.LocalAddr() }

// RemoteAddr implements [net.Conn].
func (p *piped) RemoteAddr() net.Addr { return p.t.RemoteAddr() }
