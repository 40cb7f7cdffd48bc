package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// How far a tunnel is.
const (
	stageHello  = iota // its name is not known yet, or nobody was reached
	stageEnded         // governed: a server of ours speaks with the client
	stagePassed        // bytes go to and fro
)

// Alerts of TLS by which a client is told that its connection is not carried on
// (RFC 8446, 6): a fatal record in clear, as long as nothing was agreed upon.
var (
	alertUnrecognizedName = []byte{21, 3, 3, 0, 2, 2, 112}
	alertInternalError    = []byte{21, 3, 3, 0, 2, 2, 80}
)

// tunnel is a client's connection for a name that is not ours. Who reads it gets
// what was looked at first.
type tunnel struct {
	net.Conn
	arrival
	x       *interceptor
	began   time.Time
	seen    []byte // read and not given yet; owned by the reader
	stage   atomic.Int32
	stopped atomic.Bool    // by our shutting down
	target  netip.AddrPort // where a redirected connection was going
	moved   atomic.Int64   // when the last byte passed, in nanoseconds since began
	ctx     context.Context
	cancel  context.CancelFunc
	once    sync.Once
	closed  error

	mu sync.Mutex
	to net.Conn // the other end of a passed tunnel; guarded by mu
}

// admit makes a tunnel of a connection, which must be run, or ended and taken off
// x.running; nil where there are too many, or none
// should be any more.
func (x *interceptor) admit(c net.Conn, a arrival) *tunnel {
	t := &tunnel{Conn: c, arrival: a, x: x, began: time.Now()}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.draining || len(x.tunnels) >= cap(x.slots) {
		return nil
	}
	x.tunnels[t] = struct{}{}
	x.running.Add(1)
	t.ctx, t.cancel = context.WithCancel(context.Background()) // until Close
	return t
}

// Read implements [net.Conn].
func (t *tunnel) Read(b []byte) (int, error) {
	if len(t.seen) > 0 {
		n := copy(b, t.seen)
		if t.seen = t.seen[n:]; len(t.seen) == 0 {
			t.seen = nil
		}
		return n, nil
	}
	return t.Conn.Read(b)
}

// CloseWrite ends the client's half of the reading.
func (t *tunnel) CloseWrite() error { return closeWrite(t.Conn) }

// Close implements [net.Conn].
func (t *tunnel) Close() error {
	t.once.Do(func() {
		t.cancel()
		t.closed = t.Conn.Close()
		t.x.mu.Lock()
		delete(t.x.tunnels, t)
		t.x.mu.Unlock()
	})
	return t.closed
}

// stop cuts the tunnel because we shut down.
func (t *tunnel) stop() {
	t.stopped.Store(true)
	t.cut()
}

// cut breaks the tunnel off at both ends.
func (t *tunnel) cut() {
	_ = t.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to != nil {
		_ = t.to.Close()
	}
}

func (t *tunnel) touch() { t.moved.Store(int64(time.Since(t.began))) }

// quietFor is for how long no byte passed.
func (t *tunnel) quietFor() time.Duration {
	return time.Since(t.began) - time.Duration(t.moved.Load())
}

// run decides by the name that the client's TLS gives, and carries it out. It
// returns when the connection is over, or a server of ours has it.
func (t *tunnel) run() {
	defer t.x.running.Done()
	defer func() {
		// A fault of ours takes one connection, not the process. The cause is not
		// told: it could hold what a client sent.
		if recover() != nil {
			t.x.plane.log.Error("panic while serving an intercepted connection")
			t.cut()
		}
	}()
	name, why := t.hello()
	switch own := &t.x.plane.own; {
	case t.target.IsValid() && own.dials(addrPort(t.RemoteAddr()), t.target):
		// Looked up now: the dialling side, which is us, sent something, and has
		// entered its connection before.
		why = WhyLoop
	case why == "":
		why = t.decide(name)
	case why == WhyPlainText && t.way == proxy.WayRedirect && t.port != portHTTPS && t.x.mayReach(t.port, portHTTP):
		why = t.speak()
	}
	if why != "" && t.stopped.Load() {
		why = WhyCrowded
	}
	if why != "" {
		t.end(&Connection{Name: name, Passage: Refused, Why: why})
	}
}

// speak hands a redirected connection without TLS on to the server that reads
// plain HTTP.
func (t *tunnel) speak() (why string) {
	t.stage.Store(stageEnded)
	if !t.x.plain.give(t) {
		return WhyCrowded
	}
	return ""
}

// decide does what becomes of the name. why is that of a refusal that is still to
// be told.
func (t *tunnel) decide(name string) (why string) {
	passage, why := t.x.passageOf(name)
	switch {
	case passage == Refused:
		t.alert(alertUnrecognizedName)
		return why
	case !t.x.mayReach(t.port, portHTTPS):
		t.alert(alertUnrecognizedName)
		return WhyPort
	case passage == Governed:
		return t.govern(name)
	}
	t.pass(name, why)
	return ""
}

// end closes the tunnel and tells of it.
func (t *tunnel) end(c *Connection) {
	t.cut()
	c.Way, c.Duration = t.way, time.Since(t.began)
	t.x.tell(c)
}

// alert tells the client, who may be gone.
func (t *tunnel) alert(a []byte) {
	_ = t.SetWriteDeadline(time.Now().Add(t.x.plane.times.Hello))
	_, _ = t.Conn.Write(a)
}

// errHello ends a handshake of which only the beginning is wanted.
var errHello = errors.New("the ClientHello was read")

// hello reads the client's ClientHello (RFC 8446, 4.1.2), which stays to be read.
// With Encrypted Client Hello the name is that of the outer one: the inner cannot
// be read, and a server that has no key for it goes by the outer one too. why is
// empty where there is one.
func (t *tunnel) hello() (name, why string) {
	_ = t.SetReadDeadline(time.Now().Add(t.x.plane.times.Hello))
	r := &recorder{Conn: t}
	var first [1]byte
	if _, err := io.ReadFull(r, first[:]); err != nil {
		return "", WhySilent
	}
	if first[0] != 22 { // a handshake record (RFC 8446, 5.1)
		why = WhyPlainText
	} else {
		name, why = serverName(r)
	}
	t.seen = append(r.bytes, t.seen...)
	_ = t.SetReadDeadline(time.Time{})
	if why != "" && errors.Is(r.err, os.ErrDeadlineExceeded) {
		why = WhySilent
	}
	return name, why
}

// serverName lets crypto/tls read a ClientHello.
func serverName(r *recorder) (name, why string) {
	read := false
	r.again = r.bytes
	_ = tls.Server(r, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name, read = canonical(h.ServerName), true
		return nil, errHello
	}}).Handshake() // always fails; what counts is whether it came so far
	if !read {
		return "", WhyUnreadable
	}
	return name, ""
}

// recorder keeps what is read of a connection, and writes nothing to it.
type recorder struct {
	net.Conn
	bytes []byte // all that was read
	again []byte // of it, to be read once more
	err   error
}

// Read implements [net.Conn].
func (r *recorder) Read(b []byte) (int, error) {
	if len(r.again) > 0 {
		n := copy(b, r.again)
		r.again = r.again[n:]
		return n, nil
	}
	if len(r.bytes) >= maxHello {
		return 0, io.ErrShortBuffer
	}
	n, err := r.Conn.Read(b[:min(len(b), maxHello-len(r.bytes))])
	r.bytes = append(r.bytes, b[:n]...)
	if err != nil {
		r.err = err
	}
	return n, err
}

// Write implements [net.Conn].
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }

// Close implements [net.Conn].
func (r *recorder) Close() error { return nil }

// govern ends TLS and hands the connection on to the server that inspects. A
// client that will not have our certificate has told us nothing yet.
func (t *tunnel) govern(name string) (why string) {
	var client net.Conn = t
	if _, ok := t.Conn.(*stream); ok {
		client = t.piped()
	}
	c := tls.Server(client, t.x.ends)
	ctx, cancel := context.WithTimeout(t.ctx, t.x.plane.times.Hello)
	defer cancel()
	err := c.HandshakeContext(ctx)
	switch {
	case errors.Is(err, errLeaf):
		return WhyNoLeaf
	case err != nil || canonical(c.ConnectionState().ServerName) != name:
		return WhyHandshake
	}
	t.stage.Store(stageEnded)
	if !t.x.ended.give(c) {
		return WhyCrowded
	}
	return ""
}

// pass carries bytes to the name and back, whatever address the client dialled.
func (t *tunnel) pass(name, why string) {
	c := &Connection{Name: name, Passage: Passed, Why: why}
	defer t.end(c)
	ctx, cancel := context.WithTimeout(t.ctx, t.x.plane.times.Connect)
	to, err := t.x.reach(ctx, name, t.port)
	cancel()
	if err != nil {
		c.Passage, c.Why = whyNot(err)
		t.alert(alertInternalError)
		return
	}
	defer func() { _ = to.Close() }()
	t.mu.Lock()
	t.to = to
	t.mu.Unlock()
	t.touch()
	t.stage.Store(stagePassed)
	if t.ctx.Err() != nil {
		return // cut meanwhile: whoever did it could not see the other end
	}
	c.Sent, c.Received = t.splice(to)
}

// splice copies both ways until both have ended, one has failed, or no byte has
// passed for too long. An end of one half is passed on.
func (t *tunnel) splice(to net.Conn) (sent, received int64) {
	limit := t.x.plane.times.Tunnel
	var idle *time.Timer
	armed := make(chan struct{})
	idle = time.AfterFunc(limit, func() {
		<-armed
		if left := limit - t.quietFor(); left > 0 {
			idle.Reset(left)
			return
		}
		t.cut()
	})
	close(armed)
	defer idle.Stop()
	done := make(chan int64)
	go func() { done <- t.copy(to, t) }()
	received = t.copy(t, to)
	return <-done, received
}

// copy copies one direction. A connection at rest holds a small buffer.
func (t *tunnel) copy(to, from net.Conn) (n int64) {
	small := make([]byte, smallBuffer)
	b, large := small, false
	for {
		got, err := from.Read(b)
		if got > 0 {
			t.touch()
			wrote, werr := to.Write(b[:got])
			n += int64(wrote)
			if werr != nil {
				t.cut()
				break
			}
			t.touch()
		}
		if err == io.EOF {
			if closeWrite(to) != nil {
				t.cut()
			}
			break
		}
		if err != nil {
			t.cut()
			break
		}
		switch full := got == len(b); {
		case full && !large:
			b, large = t.x.plane.buffers.Get(), true
		case large && got <= smallBuffer:
			t.x.plane.buffers.Put(b)
			b, large = small, false
		}
	}
	if large {
		t.x.plane.buffers.Put(b)
	}
	return n
}

// errWhole means that a connection has no halves.
var errWhole = errors.New("a connection of this kind ends as a whole")

func closeWrite(c net.Conn) error {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errWhole
}

// redirects accepts redirected connections until the listener is closed.
func (x *interceptor) redirects(l *limited) error {
	defer func() { _ = l.Close() }()
	x.mu.Lock()
	if x.draining {
		x.mu.Unlock()
		return nil
	}
	x.listeners[l] = struct{}{}
	x.mu.Unlock()
	defer func() { x.mu.Lock(); delete(x.listeners, l); x.mu.Unlock() }()
	pause := time.Duration(0)
	for {
		c, err := l.Accept()
		if err == nil {
			pause = 0
			go x.redirected(c) // ends with the connection, or when it is handed on
			continue
		}
		x.mu.Lock()
		stopped := x.draining
		x.mu.Unlock()
		var passing net.Error
		switch {
		case stopped:
			return nil
		case !errors.As(err, &passing) || errors.Is(err, net.ErrClosed):
			return err
		}
		// As net/http does: most likely there are no more file descriptors.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		x.plane.log.Error("connections cannot be accepted; trying again")
		time.Sleep(pause)
	}
}

// redirected takes one redirected connection.
func (x *interceptor) redirected(c net.Conn) {
	to := x.original(c)
	// Who connects here without being redirected (a relay in front) is asked by the
	// name alone, as everybody. Real loops are known by the connections we made.
	port, direct := to.Port(), to == addrPort(c.LocalAddr())
	if direct {
		port = portHTTPS
	}
	t := x.admit(c, arrival{way: proxy.WayRedirect, port: port, peer: nobody})
	if t == nil {
		_ = c.Close()
		x.tell(&Connection{Way: proxy.WayRedirect, Passage: Refused, Why: WhyCrowded})
		return
	}
	if t.target = to; !direct && x.plane.own.listens(to) {
		t.end(&Connection{Passage: Refused, Why: WhyLoop})
		x.running.Done()
		return
	}
	t.run()
}

// original gives where a redirected connection was going.
func (x *interceptor) original(c net.Conn) netip.AddrPort {
	if s, ok := c.(*slotted); ok {
		c = s.Conn
	}
	if x.Original != nil {
		if to, err := x.Original(c); err == nil {
			return netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
		}
	}
	return addrPort(c.LocalAddr())
}

// addrPort gives an address of TCP; invalid for others.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
