package standin

import (
	"net"
	"sync/atomic"
)

// Listener counts what arrives before anything parses it: a test that reads 0
// has proved that nothing was sent. TLS counts too, as it stands on the wire.
type Listener struct {
	net.Listener
	conns atomic.Int64
	bytes atomic.Int64
}

// Count wraps a listener.
func Count(l net.Listener) *Listener { return &Listener{Listener: l} }

// Conns gives the number of connections accepted.
func (l *Listener) Conns() int64 { return l.conns.Load() }

// Bytes gives the number of bytes received over all connections.
func (l *Listener) Bytes() int64 { return l.bytes.Load() }

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.conns.Add(1)
	return &counted{Conn: c, bytes: &l.bytes}, nil
}

type counted struct {
	net.Conn
	bytes *atomic.Int64
}

// Read implements [net.Conn].
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}
