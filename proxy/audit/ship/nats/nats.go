// Package nats ships the audit log to a JetStream stream of NATS.
//
// A message is the core of one event, on the subject PREFIX.ORIGIN (see [Subject]),
// so that a reader can ask for one log alone. Headers: Nats-Msg-Id (ORIGIN:INDEX),
// audit.log.origin, audit.log.index, audit.log.leaf (the RFC 6962 leaf hash in
// hex), ostiary.kind, ostiary.time (of the event, RFC 3339).
//
// # At least once
//
// A batch counts as shipped once the stream has acknowledged each of its messages.
// A batch that is sent again after a crash carries the same Nats-Msg-Id: within the
// stream's window (duplicate_window, two minutes unless it is set) the server keeps
// the first and says so. A record that comes again later stands in the stream
// twice, so readers count (audit.log.origin, audit.log.index) once; and they order
// by audit.log.index, since a batch of which only a part arrived is sent whole
// again.
//
// Of the first messages of a batch that the server calls duplicates the sink asks
// for what it holds: other bytes under the same origin and index are
// ship.Conflict.
//
// The last message of a subject does not tell that all before it arrived, so the
// sink does not say how far it got: where there is no cursor, all is sent again.
//
// # How durable the stream is
//
// The stream is not made here. At each connection the sink looks at it and fails
// with ship.Unsupported, which says what to change, where it would lose what it
// acknowledged: storage that is not file, fewer replicas than the options ask for,
// no acknowledgements, acknowledgement before writing (persist_mode async), a
// retention that drops what nobody has asked for, a limit at which the oldest go
// unless the stream is told to refuse the newest (discard new). A max_age is the
// operator's to choose.
//
// One thing it cannot see: a server acknowledges before fsync, which it does every
// two minutes by default. A server that loses power loses what came since. So
// either three replicas on machines that do not fail together, or
// "sync_interval: always" in the jetstream block of the server, or both; with
// fewer replicas than three only the latter will do.
//
// # What the user needs
//
// To publish on PREFIX.ORIGIN, $JS.API.STREAM.INFO.STREAM and
// $JS.API.STREAM.MSG.GET.STREAM ($JS.API.DIRECT.GET.STREAM where the stream has
// allow_direct); to subscribe to _INBOX.>.
package nats

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// Defaults of [Options].
const (
	DefaultPrefix   = "ostiary"
	DefaultReplicas = 3
)

const (
	clientName  = "ostiary"
	dialTimeout = 10 * time.Second // of one server
	inFlight    = 256              // messages that are not acknowledged yet
	compared    = 4                // duplicates of a batch that are looked at
	nameLimit   = 255              // bytes of a stream's name
	prefixLimit = 128              // bytes
	maxReplicas = 5                // JetStream has no more
)

// Login is what a connection shows: one of a token, a user with a password, and the
// text of a credentials file (a user's JWT and the seed that signs).
type Login struct {
	User, Password string
	Token          string
	Credentials    string
}

// Options say where messages go.
type Options struct {
	Servers []string    // HOST:PORT of some
	Stream  string      // must be there
	Prefix  string      // of subjects; empty for DefaultPrefix
	TLS     *tls.Config // nil for none; with one, a server without TLS is refused
	// Login is asked at each connection, nil for none. What it gives is never told.
	// Tokens and passwords go to other machines with TLS alone.
	Login func() (Login, error)
	// Replicas is the least number of servers that keep the stream, 0 for
	// DefaultReplicas. 1 will do where the server has sync_interval: always.
	Replicas int
}

// Sink is a stream. It is for one goroutine, as ship calls it.
type Sink struct {
	opt     Options
	servers string
	link    *link
}

var _ ship.Sink = (*Sink)(nil)

// New gives a sink. It does not connect.
func New(o Options) (*Sink, error) {
	var servers []string
	for _, s := range o.Servers {
		host, port, err := net.SplitHostPort(s)
		if err != nil || host == "" || port == "" || strings.ContainsAny(s, "/@,") {
			return nil, errors.New("nats: a server must be HOST:PORT")
		}
		servers = append(servers, (&url.URL{Scheme: "nats", Host: s}).String())
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Replicas == 0 {
		o.Replicas = DefaultReplicas
	}
	switch {
	case len(servers) == 0:
		return nil, errors.New("nats: a server is needed")
	case !goodStream(o.Stream):
		return nil, fmt.Errorf("nats: a stream's name of at most %d bytes is needed, without spaces and . * > / \\", nameLimit)
	case !goodPrefix(o.Prefix):
		return nil, fmt.Errorf("nats: the prefix of subjects has at most %d bytes: words of letters, digits, - and _ with dots between", prefixLimit)
	case o.Replicas < 0 || o.Replicas > maxReplicas:
		return nil, fmt.Errorf("nats: replicas are 1 to %d", maxReplicas)
	}
	return &Sink{opt: o, servers: strings.Join(servers, ",")}, nil
}

func goodStream(s string) bool {
	if s == "" || len(s) > nameLimit {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`.*>/\`, c) >= 0 {
			return false
		}
	}
	return true
}

func goodPrefix(s string) bool {
	if len(s) > prefixLimit {
		return false
	}
	for word := range strings.SplitSeq(s, ".") {
		if word == "" {
			return false
		}
		for _, c := range []byte(word) {
			if c != '_' && !plainByte(c) {
				return false
			}
		}
	}
	return true
}

func plainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}

// Subject gives the subject of an origin: the prefix, a dot, and the origin as one
// word, in which a byte that is no letter, digit or '-' is written _XX in hex. So
// proxy.example/log under the prefix ostiary is ostiary.proxy_2Eexample_2Flog.
func Subject(prefix, origin string) string {
	const digits = "0123456789ABCDEF"
	out := append(make([]byte, 0, len(prefix)+2*len(origin)), prefix...)
	out = append(out, '.')
	for _, c := range []byte(origin) {
		if plainByte(c) {
			out = append(out, c)
			continue
		}
		out = append(out, '_', digits[c>>4], digits[c&15])
	}
	return string(out)
}

// Ship publishes the batch and waits until each message is acknowledged.
func (s *Sink) Ship(ctx context.Context, b ship.Batch) error {
	if err := s.connect(ctx); err != nil {
		s.drop()
		return failure(err)
	}
	link := s.link
	// A server that reads no more would hold up a write beyond the context's end.
	stop := context.AfterFunc(ctx, link.cut)
	err := link.publish(ctx, s.opt, b)
	if !stop() || err != nil {
		// What is under way may still arrive; with another connection its
		// acknowledgements are not mixed with those that come next.
		s.drop()
	}
	if err == nil {
		return nil
	}
	return failure(err)
}

func (s *Sink) drop() {
	if s.link != nil {
		s.link.close()
	}
	s.link = nil
}

// Close ends the connection.
func (s *Sink) Close() error {
	s.drop()
	return nil
}

// connect makes a connection and looks at the stream, where there is none.
func (s *Sink) connect(ctx context.Context) error {
	if s.link != nil {
		if s.link.life.Err() == nil {
			return nil
		}
		s.drop() // it broke while nothing was shipped
	}
	l, err := dial(ctx, s.opt, s.servers)
	if err != nil {
		return err
	}
	s.link = l
	return l.check(ctx, s.opt)
}

// link is one connection. It is not mended: one that breaks is replaced.
type link struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	raw    net.Conn // below TLS

	life  context.Context // ends when the connection cannot be used any more
	cause func(error)     // ends life, with why
}

// dial connects to one of the servers.
func dial(ctx context.Context, o Options, servers string) (*link, error) {
	l := &link{}
	l.life, l.cause = context.WithCancelCause(context.Background())
	patience := dialTimeout
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end))
	}
	if patience <= 0 {
		return nil, context.DeadlineExceeded
	}
	var stops []func() bool
	dialer := dialFunc(func(network, address string) (net.Conn, error) {
		d := net.Dialer{Timeout: patience}
		c, err := d.DialContext(ctx, network, address)
		if err == nil {
			l.raw = c
			// What comes before the first message knows no context.
			stops = append(stops, context.AfterFunc(ctx, func() { _ = c.Close() }))
		}
		return c, err
	})
	opts := []nats.Option{
		nats.Name(clientName), nats.NoReconnect(), nats.IgnoreDiscoveredServers(), nats.SkipHostLookup(), nats.SetCustomDialer(dialer),
		nats.Timeout(patience), nats.FlusherTimeout(patience),
		nats.ClosedHandler(func(c *nats.Conn) { l.cause(first(c.LastError(), nats.ErrConnectionClosed)) }),
		// A refusal to publish comes beside what it refuses, which is never answered.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.cause(err) }),
	}
	if o.TLS != nil {
		opts = append(opts, nats.Secure(o.TLS.Clone()))
	}
	if o.Login != nil {
		login, err := o.Login()
		if err != nil {
			return nil, ship.Fail(ship.Credentials, "the login cannot be read")
		}
		shown, err := show(login, o)
		if err != nil {
			return nil, err
		}
		opts = append(opts, shown)
	}
	conn, err := nats.Connect(servers, opts...)
	for _, stop := range stops {
		stop()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	l.conn = conn
	if l.js, err = jetstream.New(conn); err != nil {
		conn.Close()
		return nil, ship.Fail(ship.Unsupported, "the client's options do not fit together")
	}
	return l, nil
}

// dialFunc is a [nats.CustomDialer].
type dialFunc func(network, address string) (net.Conn, error)

// Dial implements [nats.CustomDialer].
func (f dialFunc) Dial(network, address string) (net.Conn, error) { return f(network, address) }

// first gives an error, or another where it is nil.
func first(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// show makes of a login what the client sends.
func show(l Login, o Options) (nats.Option, error) {
	if l.Credentials != "" {
		if !strings.Contains(l.Credentials, "-----BEGIN NATS USER JWT-----") || !strings.Contains(l.Credentials, "-----BEGIN USER NKEY SEED-----") {
			return nil, ship.Fail(ship.Credentials, "the credentials file does not hold a user's JWT and seed: make it with 'nsc generate creds'")
		}
		return nats.UserCredentialBytes([]byte(l.Credentials)), nil // the server sees a signature
	}
	if o.TLS == nil {
		for _, s := range o.Servers {
			if host, _, _ := net.SplitHostPort(s); host != "localhost" && !net.ParseIP(host).IsLoopback() {
				return nil, ship.Fail(ship.Unsupported, "a token or a password would be sent as it is: use TLS or a credentials file")
			}
		}
	}
	if l.User != "" {
		return nats.UserInfo(l.User, l.Password), nil
	}
	return nats.Token(l.Token), nil
}

// cut ends the connection below, so that nothing waits for it.
func (l *link) cut() {
	if l.raw != nil {
		_ = l.raw.Close()
	}
}

func (l *link) close() {
	l.cut() // else what was not written yet would be waited for
	l.conn.Close()
	l.cause(nats.ErrConnectionClosed)
}

// ask does what needs an answer; it ends with the context and with the connection.
func (l *link) ask(ctx context.Context, what func(context.Context) error) error {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)()
	err := what(both)
	if err != nil && l.life.Err() != nil && ctx.Err() == nil {
		return context.Cause(l.life)
	}
	return err
}

// check fails where the stream would lose what it acknowledges.
func (l *link) check(ctx context.Context, o Options) error {
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		l.stream, err = l.js.Stream(ctx, o.Stream)
		return err
	})
	if errors.Is(err, nats.ErrNoResponders) {
		return ship.Fail(ship.Unsupported, "JetStream does not answer: it is not enabled on the server or for the account")
	}
	if err != nil {
		return err
	}
	c := l.stream.CachedInfo().Config
	why := ""
	switch {
	case c.Storage != jetstream.FileStorage:
		why = "the stream is kept in memory: make it with storage file"
	case c.Replicas < o.Replicas:
		why = fmt.Sprintf("the stream has %d replicas, %d are asked for: raise them, or ask for fewer where the server has sync_interval: always", c.Replicas, o.Replicas)
	case c.NoAck:
		why = "the stream does not acknowledge: make it without no_ack"
	case c.PersistMode == jetstream.AsyncPersistMode:
		why = "the stream acknowledges before it writes: make it without persist_mode async"
	case c.Retention == jetstream.InterestPolicy:
		why = "the stream drops what nobody waits for: make it with retention limits"
	case c.Sealed || c.Mirror != nil:
		why = "the stream takes no messages: it is sealed or a mirror"
	case c.Discard != jetstream.DiscardNew && (c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxMsgsPerSubject > 0):
		why = "the stream drops its oldest messages when it is full: make it with discard new"
	case c.MaxMsgsPerSubject > 0 && !c.DiscardNewPerSubject:
		why = "the stream drops the oldest messages of a subject: make it with discard_new_per_subject, or without max_msgs_per_subject"
	default:
		return nil
	}
	return ship.Fail(ship.Unsupported, why)
}

// publish sends the batch, with at most inFlight messages that are not
// acknowledged, and waits for all of them.
func (l *link) publish(ctx context.Context, o Options, b ship.Batch) error {
	subject := Subject(o.Prefix, b.Origin)
	if c := l.stream.CachedInfo().Config; !takes(c.Subjects, subject) {
		return ship.Fail(ship.Unsupported, fmt.Sprintf("the stream does not take the subject of this log: add %s.* to its subjects", o.Prefix))
	}
	acks := make([]jetstream.PubAckFuture, len(b.Records))
	looked := 0
	settle := func(i int) error {
		ack, err := l.await(ctx, acks[i])
		acks[i] = nil
		if err != nil {
			return refusal(err, b.Records[i].Index)
		}
		if ack.Duplicate && looked < compared {
			looked++
			return l.compare(ctx, ack.Sequence, b.Records[i].Core)
		}
		return nil
	}
	for i, r := range b.Records {
		if i >= inFlight {
			if err := settle(i - inFlight); err != nil {
				return err
			}
		}
		var err error
		// The shipper tries again by itself.
		acks[i], err = l.js.PublishMsgAsync(message(subject, b.Origin, r), jetstream.WithExpectStream(o.Stream), jetstream.WithRetryAttempts(0))
		if err != nil {
			switch {
			case ctx.Err() != nil: // which cut the connection
				err = ctx.Err()
			case l.life.Err() != nil:
				err = context.Cause(l.life)
			}
			return refusal(err, r.Index)
		}
	}
	for i := max(0, len(acks)-inFlight); i < len(acks); i++ {
		if err := settle(i); err != nil {
			return err
		}
	}
	return nil
}

// await waits for the answer to one message.
func (l *link) await(ctx context.Context, f jetstream.PubAckFuture) (*jetstream.PubAck, error) {
	select {
	case ack := <-f.Ok():
		return ack, nil
	case err := <-f.Err():
		if errors.Is(err, nats.ErrDisconnected) && l.life.Err() != nil {
			err = context.Cause(l.life)
		}
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.life.Done():
		if ctx.Err() != nil { // which ended it
			return nil, ctx.Err()
		}
		return nil, context.Cause(l.life)
	}
}

// compare fails with ship.Conflict where another record than this one stands under
// its origin and index.
func (l *link) compare(ctx context.Context, sequence uint64, core []byte) error {
	var held *jetstream.RawStreamMsg
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		held, err = l.stream.GetMsg(ctx, sequence)
		return err
	})
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound): // read and removed since
		return nil
	case err != nil:
		return err
	case !bytes.Equal(held.Data, core):
		return ship.Fail(ship.Conflict, "")
	}
	return nil
}

func message(subject, origin string, r ship.Record) *nats.Msg {
	d, _ := ship.Describe(r)
	leaf := ship.Leaf(r.Core)
	index := strconv.FormatInt(r.Index, 10)
	m := &nats.Msg{Subject: subject, Data: r.Core, Header: nats.Header{
		jetstream.MsgIDHeader: {origin + ":" + index},
		"audit.log.origin":    {origin},
		"audit.log.index":     {index},
		"audit.log.leaf":      {hex.EncodeToString(leaf[:])},
		"ostiary.kind":        {d.Kind},
	}}
	if !d.Time.IsZero() {
		m.Header["ostiary.time"] = []string{d.Time.UTC().Format(time.RFC3339Nano)}
	}
	return m
}

// takes says whether one of the subjects of a stream, which may have wildcards,
// takes a subject.
func takes(subjects []string, subject string) bool {
	words := strings.Split(subject, ".")
	for _, s := range subjects {
		pattern := strings.Split(s, ".")
		for i, p := range pattern {
			if p == ">" && i < len(words) {
				return true
			}
			if i >= len(words) || p != "*" && p != words[i] {
				break
			}
			if i == len(pattern)-1 && len(pattern) == len(words) {
				return true
			}
		}
	}
	return false
}

// Error codes of the JetStream API, as nats-server 2.15 documents them
// (server/errors.json).
const (
	codeStreamStore      jetstream.ErrorCode = 10077 // full, with discard new
	codeHeaderTooLong    jetstream.ErrorCode = 10097
	codeMessageTooLong   jetstream.ErrorCode = 10054
	codeOtherStream      jetstream.ErrorCode = 10060
	codeSealed           jetstream.ErrorCode = 10109
	codeNotEnabled       jetstream.ErrorCode = 10076
	codeNotForAccount    jetstream.ErrorCode = 10039
	codeStreamNotFound   jetstream.ErrorCode = 10059
	codeAccountResources jetstream.ErrorCode = 10002
	serverTrouble                            = 500 // HTTP-like codes from here on pass
	tooMany                                  = 429
)

// refusal names the record where a failure says that it is never taken.
func refusal(err error, index int64) error {
	err = failure(err)
	var e *ship.Error
	if errors.As(err, &e) && e.Kind == ship.Refused {
		e.Index = index
	}
	return err
}

// failure makes a failure of an error of the client. Of its text it keeps nothing.
func failure(err error) error {
	var known *ship.Error
	var api jetstream.JetStreamError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, nats.ErrMaxPayload):
		return ship.Refuse(-1, "it is larger than the server's max_payload")
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return ship.Fail(ship.Credentials, "the server refuses the login, or it has expired")
	case errors.Is(err, nats.ErrPermissionViolation):
		return ship.Fail(ship.Credentials, "the user may not publish to the subject or ask for the stream")
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return ship.Fail(ship.Unsupported, "the server takes no credentials files")
	case errors.Is(err, nats.ErrSecureConnWanted), errors.Is(err, nats.ErrConnectionNotTLS):
		return ship.Fail(ship.Unsupported, "the server has no TLS, which is asked for")
	case errors.Is(err, nats.ErrHeadersNotSupported):
		return ship.Fail(ship.Unsupported, "the server is too old: it knows no headers")
	case errors.Is(err, nats.ErrMaxConnectionsExceeded), errors.Is(err, nats.ErrMaxAccountConnectionsExceeded), errors.Is(err, nats.ErrMaxSubscriptionsExceeded):
		return ship.Fail(ship.Busy, "the server takes no more connections")
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.Canceled):
		return ship.Fail(ship.Timeout, "no answer in time")
	case errors.Is(err, nats.ErrNoServers):
		return ship.Fail(ship.Unreachable, "nobody listens there")
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return ship.Fail(ship.Busy, "no server leads the stream now")
	case errors.As(err, &api) && api.APIError() != nil:
		return apiFailure(api.APIError())
	case errors.Is(err, nats.ErrTLS):
		if e := ship.Network(err); e.Kind == ship.Certificate || e.Kind == ship.Timeout {
			return e
		}
		return ship.Fail(ship.Certificate, "the TLS handshake failed")
	}
	return ship.Network(err)
}

func apiFailure(e *jetstream.APIError) error {
	switch e.ErrorCode {
	case codeMessageTooLong, codeHeaderTooLong:
		return ship.Refuse(-1, "it is larger than the stream's max_msg_size")
	case codeNotEnabled, codeNotForAccount:
		return ship.Fail(ship.Unsupported, "JetStream is not enabled on the server or for the account")
	case codeStreamNotFound:
		return ship.Fail(ship.Unsupported, "there is no such stream: make it")
	case codeOtherStream:
		return ship.Fail(ship.Unsupported, "another stream takes the subject of this log")
	case codeSealed:
		return ship.Fail(ship.Unsupported, "the stream is sealed")
	case codeStreamStore, codeAccountResources:
		return ship.Fail(ship.Busy, "the stream cannot store more: it or the account is full, or its disk fails")
	}
	detail := fmt.Sprintf("JetStream error %d", e.ErrorCode)
	if e.Code >= serverTrouble || e.Code == tooMany {
		return ship.Fail(ship.Busy, detail)
	}
	return ship.Fail(ship.KindOther, detail)
}
