// Package syslog ships the audit log to a syslog server: messages of RFC 5424 over
// TCP or TLS (RFC 5425), framed by octet counting (RFC 6587, section 3.4.1).
//
// A message has facility 13 (log audit), severity warning for refusals and gaps
// and informational for everything else, the event's time and kind, structured
// data with the origin, the index and the leaf hash, and as its text the core, or
// what an encoder makes of it: CEF, OCSF.
//
//	<110>1 2026-11-24T09:00:00.000Z HOST ostiary PID decision [audit@32473 origin="…" index="7" leaf="…"] {…}
//
// # At least once
//
// Syslog has no acknowledgement: what was written to a connection may be lost with
// the server. So each batch has a connection of its own, which the sink closes for
// writing when all is sent; only when the server, having read to that end, closes
// its side, the batch counts as taken. That says that the server read it all, and
// not that it has it on disk. Servers that keep connections open for ever need
// Unconfirmed: then a batch that the system's buffer took counts, and some may be
// lost in a crash of the server. A batch that is sent again is there twice; index
// tells.
package syslog

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit/ship"
)

const (
	facility      = 13 // log audit
	severityWarn  = 4
	severityInfo  = 6
	nilValue      = "-"
	dialTimeout   = 10 * time.Second
	hostLimit     = 255 // RFC 5424, section 6
	appLimit      = 48
	processLimit  = 128
	kindLimit     = 32
	documentation = 32473 // RFC 5612: an enterprise number for examples
	maxEnterprise = 1<<31 - 1
	timeForm      = "2006-01-02T15:04:05.000Z"
)

// Options say where messages go, and as what.
type Options struct {
	Address string      // HOST:PORT
	TLS     *tls.Config // nil for plain TCP; a server name is set where there is none
	// Encode makes the message's text of a core; nil leaves the core as it is.
	Encode ship.Encoder
	// Host names this machine, empty for its own name; App the program, empty for
	// "ostiary".
	Host, App string
	// Enterprise is the private enterprise number under which the structured data
	// stands (audit@NUMBER), 0 for 32473, which is reserved for examples.
	Enterprise int
	// Unconfirmed does not wait until the server closes its side.
	Unconfirmed bool
}

// Sink is a syslog server. It is for one goroutine, as ship calls it.
type Sink struct {
	opt     Options
	process string
}

var _ ship.Sink = (*Sink)(nil)

// New gives a sink. It does not connect.
func New(o Options) (*Sink, error) {
	host, port, err := net.SplitHostPort(o.Address)
	switch {
	case err != nil || host == "" || port == "":
		return nil, errors.New("syslog: the address must be HOST:PORT")
	case o.Enterprise < 0 || o.Enterprise > maxEnterprise:
		return nil, errors.New("syslog: that is no enterprise number")
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname() // without one it is left out
	}
	if o.App == "" {
		o.App = "ostiary"
	}
	if o.Enterprise == 0 {
		o.Enterprise = documentation
	}
	o.Host, o.App = word(o.Host, hostLimit), word(o.App, appLimit)
	if o.TLS != nil && o.TLS.ServerName == "" {
		o.TLS = o.TLS.Clone()
		o.TLS.ServerName = host
	}
	return &Sink{opt: o, process: word(strconv.Itoa(os.Getpid()), processLimit)}, nil
}

// word makes a value of the header: printable ASCII without spaces, of bounded
// length.
func word(s string, limit int) string {
	out := strings.Map(func(r rune) rune {
		if r < 33 || r > 126 {
			return -1
		}
		return r
	}, s)
	if out = out[:min(len(out), limit)]; out == "" {
		return nilValue
	}
	return out
}

// parameter escapes the value of a parameter of structured data (RFC 5424, section
// 6.3.3).
func parameter(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(strings.ToValidUTF8(s, "\ufffd"))
}

// message makes a record's message, without its frame.
func (s *Sink) message(origin string, r ship.Record) ([]byte, error) {
	text := r.Core
	if s.opt.Encode != nil {
		var err error
		if text, err = s.opt.Encode(r.Core); err != nil {
			return nil, ship.Refuse(r.Index, "it cannot be encoded")
		}
	}
	d, _ := ship.Describe(r)
	severity := severityInfo
	if d.Action == string(proxy.Deny) || d.Kind == proxy.EventGap {
		severity = severityWarn
	}
	at := nilValue
	if y := d.Time.UTC().Year(); !d.Time.IsZero() && y < 10000 {
		at = d.Time.UTC().Format(timeForm)
	}
	leaf := ship.Leaf(r.Core)
	return fmt.Appendf(nil, `<%d>1 %s %s %s %s %s [audit@%d origin="%s" index="%d" leaf="%s"] %s`,
		facility*8+severity, at, s.opt.Host, s.opt.App, s.process, word(d.Kind, kindLimit),
		s.opt.Enterprise, parameter(origin), r.Index, hex.EncodeToString(leaf[:]), text), nil
}

// Ship sends the batch over a connection of its own.
func (s *Sink) Ship(ctx context.Context, b ship.Batch) error {
	messages := make([][]byte, 0, len(b.Records))
	for _, r := range b.Records {
		m, err := s.message(b.Origin, r)
		if err != nil {
			return err
		}
		messages = append(messages, m)
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return ship.Network(err)
	}
	defer conn.Close()
	// The context's end ends reads and writes that wait.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	w := bufio.NewWriterSize(conn, 64<<10)
	for _, m := range messages {
		if _, err := fmt.Fprintf(w, "%d %s", len(m), m); err != nil {
			return ship.Network(err)
		}
	}
	if err := w.Flush(); err != nil {
		return ship.Network(err)
	}
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return ship.Fail(ship.Unsupported, "the connection cannot be closed for writing")
	}
	if err := half.CloseWrite(); err != nil {
		return ship.Network(err)
	}
	if s.opt.Unconfirmed {
		return nil
	}
	// A server has nothing to say; its end of the stream is all that is waited for.
	_, err = io.Copy(io.Discard, conn)
	var timeout net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &timeout) && timeout.Timeout():
		return ship.Fail(ship.Timeout, "the server does not close its side: it may be one that needs Unconfirmed")
	}
	return ship.Network(err)
}

func (s *Sink) dial(ctx context.Context) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout}
	if s.opt.TLS != nil {
		return (&tls.Dialer{NetDialer: d, Config: s.opt.TLS}).DialContext(ctx, "tcp", s.opt.Address)
	}
	return d.DialContext(ctx, "tcp", s.opt.Address)
}

// Close frees nothing: a connection ends with its batch.
func (s *Sink) Close() error { return nil }
