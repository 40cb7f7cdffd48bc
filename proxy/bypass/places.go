package bypass

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// lookedUp is the name that resolvers are asked for. It is nobody's (RFC 2606).
const lookedUp = "example.com"

// places are what is Ostiary's own or the organisation's, and resolvers.
type places struct{ *Target }

// pool asks a model server of the organisation, without TLS and with.
func (t places) pool(ctx context.Context, at string) Outcome {
	host, _, err := net.SplitHostPort(at)
	if err != nil {
		return Outcome{Verdict: Inconclusive, Detail: Failed}
	}
	request := t.write("GET /v1/models", at, "")
	one, cancel := share(ctx, 2)
	defer cancel()
	c, err := t.dial(one, "tcp", at)
	if err != nil {
		return unconnected(err)
	}
	answers, err := exchange(one, c, request, 1)
	_ = c.Close()
	if len(answers) == 1 && !overTLSOnly(answers[0]) {
		return answers[0].ofOwn()
	}
	plain := unanswered(err)
	if c, err = t.dial(ctx, "tcp", at); err != nil {
		return plain
	}
	h := hello{name: host}
	if net.ParseIP(host) != nil {
		h.name = ""
	}
	s := t.handshake(ctx, c, h)
	defer s.close()
	switch {
	case t.ours(s.chain):
		if s.err != nil {
			return Outcome{Verdict: Governed, Detail: EndedHere}
		}
		return t.ask(ctx, s, request)
	case len(s.chain) > 0:
		return Outcome{Verdict: Round, Detail: Answered}
	}
	if o := broken(s.err); o.Verdict == Inconclusive || plain.Verdict == Inconclusive {
		return Outcome{Verdict: Inconclusive, Detail: Silent}
	}
	return plain
}

// overTLSOnly reports whether it is how servers of TLS answer plain HTTP.
func overTLSOnly(a answer) bool {
	return a.status == http.StatusBadRequest && bytes.Contains(bytes.ToLower(a.body), []byte("https"))
}

// ofOwn judges an answer of something that is the organisation's own.
func (a *answer) ofOwn() Outcome {
	if o := a.judge(); o.Verdict != Round {
		return o
	}
	return Outcome{Verdict: Round, Detail: Answered}
}

// badly judges an answer to what no client should send, within a connection that
// Ostiary ended.
func (a *answer) badly() Outcome {
	o := a.judge()
	if o.Detail == Undecided && a.framing() {
		return Outcome{Verdict: Refused, Detail: Denied}
	}
	return o
}

// preface is how a client of HTTP/2 begins, with empty SETTINGS (RFC 9113, 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// socket opens a unix socket and says hello in HTTP/2, which gRPC is, and in
// HTTP/1.1. One that decides on what it is asked is a way in, and one that lets in
// and then says no (401, 403) knows who asks.
func (t places) socket(ctx context.Context, path string) Outcome {
	open := func() (net.Conn, Outcome) {
		c, err := t.dial(ctx, "unix", path)
		switch {
		case err == nil:
			if end, ok := ctx.Deadline(); ok {
				_ = c.SetDeadline(end)
			}
			return c, Outcome{}
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
			return nil, Outcome{Verdict: Refused, Detail: NotThere}
		case errors.Is(err, fs.ErrPermission):
			return nil, Outcome{Verdict: Refused, Detail: NoPermission}
		}
		return nil, Outcome{Verdict: Inconclusive, Detail: Failed}
	}
	c, o := open()
	if c == nil {
		return o
	}
	first, err := greet(c)
	_ = c.Close()
	if err != nil {
		return unanswered(err)
	}
	if c, o = open(); c == nil {
		return o
	}
	one, cancel := share(ctx, 2)
	o = t.ask(one, c, t.canary(t.Host))
	cancel()
	_ = c.Close()
	switch {
	case o.Verdict == Governed:
		return o
	case first[3] == 4: // SETTINGS (RFC 9113, 6.5)
		return Outcome{Verdict: Round, Detail: Answered}
	}
	if c, o = open(); c == nil {
		return o
	}
	defer func() { _ = c.Close() }()
	answers, err := exchange(ctx, c, t.write("GET /", "localhost", ""), 1)
	switch {
	case len(answers) == 0:
		return unanswered(err)
	case answers[0].status == http.StatusUnauthorized, answers[0].status == http.StatusForbidden:
		return Outcome{Verdict: Refused, Detail: Denied}
	}
	return Outcome{Verdict: Round, Detail: Answered}
}

// greet gives the first bytes with which a server answers HTTP/2.
func greet(c net.Conn) (first [9]byte, err error) {
	if _, err = io.WriteString(c, preface); err == nil {
		_, err = io.ReadFull(c, first[:])
	}
	return first, err
}

// admin asks an address for Envoy's administration.
func (t places) admin(ctx context.Context, at string) Outcome {
	c, err := t.dial(ctx, "tcp", at)
	if err != nil {
		return unconnected(err)
	}
	defer func() { _ = c.Close() }()
	answers, err := exchange(ctx, c, t.write("GET /server_info", at, ""), 1)
	switch {
	case len(answers) == 0:
		return unanswered(err)
	case answers[0].header.Get("server") == "envoy" || answers[0].status == http.StatusOK && bytes.Contains(answers[0].body, []byte("hot_restart_version")):
		return Outcome{Verdict: Round, Detail: Answered}
	}
	return Outcome{Verdict: Refused, Detail: Elsewhere} // something else lives there
}

// proxyFields are the header lines that the explicit proxy wants.
func (t *Target) proxyFields() []string {
	if t.ProxyCredential == "" {
		return nil
	}
	return []string{"Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(t.ProxyCredential))}
}

// question is a query for an address (RFC 1035, 4.1).
func question(id uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = append(b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0) // recursion desired, one question
	for label := range strings.SplitSeq(lookedUp, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0, 0, 1, 0, 1) // A, IN
}

// isReply reports whether a message answers a query.
func isReply(b []byte, id uint16) bool {
	return len(b) >= 12 && binary.BigEndian.Uint16(b) == id && b[2]&0x80 != 0
}

func randomID() uint16 {
	var b [2]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint16(b[:])
}

// lookUp asks the application's own resolver.
func (t places) lookUp(ctx context.Context, network string) Outcome {
	at, id := join(t.Resolver.String(), portDNS), randomID()
	if network == "udp" {
		o := datagram(t).knockAt(ctx, at, question(id), func(b []byte) bool { return isReply(b, id) })
		if o.Verdict == Round {
			o.Detail = Resolved
		}
		return o
	}
	c, err := t.dial(ctx, "tcp", at)
	if err != nil {
		return unconnected(err)
	}
	defer func() { _ = c.Close() }()
	if end, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(end)
	}
	q := question(id)
	reply := make([]byte, 2+12)
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...))
	if err == nil {
		_, err = io.ReadFull(c, reply)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Outcome{Verdict: Inconclusive, Detail: Silent}
	case err != nil:
		return Outcome{Verdict: Refused, Detail: Closed}
	case !isReply(reply[2:], id):
		return Outcome{Verdict: Inconclusive, Detail: Garbled}
	}
	return Outcome{Verdict: Round, Detail: Resolved}
}

// lookUpHTTPS asks a public resolver by HTTPS (RFC 8484).
func (t places) lookUpHTTPS(ctx context.Context) Outcome {
	c, err := t.dial(ctx, "tcp", join(t.DoHAddress.String(), portHTTPS))
	if err != nil {
		return unconnected(err)
	}
	s := t.handshake(ctx, c, hello{name: t.DoH})
	defer s.close()
	switch {
	case len(s.chain) == 0:
		return broken(s.err)
	case t.ours(s.chain):
		return Outcome{Verdict: Governed, Detail: EndedHere}
	case s.err != nil:
		return Outcome{Verdict: Refused, Detail: Closed}
	}
	path := "/dns-query?dns=" + base64.RawURLEncoding.EncodeToString(question(0))
	answers, err := exchange(ctx, s, []byte("GET "+path+" HTTP/1.1\r\nHost: "+t.DoH+"\r\nAccept: application/dns-message\r\nUser-Agent: ostiary-doctor\r\n\r\n"), 1)
	switch {
	case len(answers) == 0:
		return unanswered(err)
	case answers[0].status == http.StatusOK && isReply(answers[0].body, 0):
		return Outcome{Verdict: Round, Detail: Resolved}
	}
	return Outcome{Verdict: Refused, Detail: Elsewhere}
}
