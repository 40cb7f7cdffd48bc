package bypass

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"time"
)

// streamed is a tunnel in a stream of HTTP/2. Its deadline is that of the context
// that it was made with.
type streamed struct {
	in        io.ReadCloser  // from the far end
	out       *io.PipeWriter // to it
	transport *http.Transport
	stop      func() bool
}

// streamThrough asks the explicit proxy for a tunnel in HTTP/2 without TLS
// (RFC 9113, 8.5).
func (t *Target) streamThrough(ctx context.Context, to string) (net.Conn, error) {
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &only, DisableCompression: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return t.dial(ctx, "tcp", t.Proxy)
	}}
	read, write := io.Pipe()
	r, err := http.NewRequestWithContext(ctx, http.MethodConnect, "http://"+to, read)
	if err != nil {
		return nil, err
	}
	if t.ProxyCredential != "" {
		r.Header.Set("proxy-authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(t.ProxyCredential)))
	}
	resp, err := transport.RoundTrip(r)
	if err == nil && resp.StatusCode/100 != 2 {
		_ = resp.Body.Close()
		err = errNotTunnelled
	}
	if err != nil {
		_ = write.Close()
		transport.CloseIdleConnections()
		return nil, err
	}
	s := &streamed{in: resp.Body, out: write, transport: transport}
	s.stop = context.AfterFunc(ctx, func() { _ = s.Close() })
	return s, nil
}

// Read implements [net.Conn].
func (s *streamed) Read(b []byte) (int, error) { return s.in.Read(b) }

// Write implements [net.Conn].
func (s *streamed) Write(b []byte) (int, error) { return s.out.Write(b) }

// Close implements [net.Conn].
func (s *streamed) Close() error {
	s.stop()
	_ = s.out.Close()
	err := s.in.Close()
	s.transport.CloseIdleConnections()
	return err
}

// LocalAddr implements [net.Conn].
func (s *streamed) LocalAddr() net.Addr { return &net.UnixAddr{Name: "stream", Net: "unix"} }

// RemoteAddr implements [net.Conn].
func (s *streamed) RemoteAddr() net.Addr { return s.LocalAddr() }

// SetDeadline implements [net.Conn]; it does nothing.
func (s *streamed) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements [net.Conn]; it does nothing.
func (s *streamed) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements [net.Conn]; it does nothing.
func (s *streamed) SetWriteDeadline(time.Time) error { return nil }
