package bypass

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// prompt is what all attempts say.
const prompt = "This is a probe. It asks for nothing. "

// decisionID is a ULID, of which a decision's id is one.
var decisionID = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// refusalCodes are those with which Envoy itself tells, in Ostiary's words, that
// it did not forward a request: its answers carry no decision.
var refusalCodes = []string{proxy.CodeHostNotAllowed, "no_verdict", "request_too_large", "upgrade_not_supported", "pool_unavailable", "overloaded", "request_timeout", "bad_request"}

// body is the content of a request that Ostiary refuses in every mode: one that two
// parsers could read differently.
func body() string {
	return `{"model":"ostiary-doctor","messages":[{"role":"user","content":"` + prompt + rand.Text() + `"}],"messages":[]}`
}

// canary is a request of HTTP/1.1 as it is written.
func (t *Target) canary(host string) []byte { return t.write("POST "+t.path(), host, body()) }

// write makes a request of HTTP/1.1. Line is its first, without the version.
func (t *Target) write(line, host, body string, more ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: ostiary-doctor\r\nAccept: application/json\r\n", line, host)
	for _, m := range more {
		fmt.Fprintf(&b, "%s\r\n", m)
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	return b.Bytes()
}

// ask sends a request and judges its answer.
func (t *Target) ask(ctx context.Context, c net.Conn, request []byte) Outcome {
	answers, err := exchange(ctx, c, request, 1)
	if len(answers) == 0 {
		return unanswered(err)
	}
	return answers[0].judge()
}

// askBadly sends what no client should, and judges every answer, up to n. What is
// spoken with must be Ostiary's, by its certificate or by its address: a server's
// own refusal of bad framing counts as a refusal then.
func (t *Target) askBadly(ctx context.Context, c net.Conn, request []byte, n int) Outcome {
	answers, err := exchange(ctx, c, request, n)
	if len(answers) == 0 {
		return unanswered(err)
	}
	out := Outcome{}
	for _, a := range answers {
		o := a.badly()
		if o.Verdict == Round {
			return o
		}
		if out.Decision == "" {
			out = o
		}
	}
	return out
}

// behindFirst is how long a further answer on the same connection is waited for:
// mostly there is none.
const behindFirst = time.Second

// answer is one of HTTP.
type answer struct {
	status int
	header http.Header
	body   []byte // its beginning
}

// exchange writes a request and reads up to n answers.
func exchange(ctx context.Context, c net.Conn, request []byte, n int) (out []answer, err error) {
	end, limited := ctx.Deadline()
	if limited {
		_ = c.SetDeadline(end)
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	method, _, _ := strings.Cut(string(request[:min(len(request), 16)]), " ")
	from := bufio.NewReader(io.LimitReader(c, int64(n)*maxAnswer))
	for len(out) < n {
		if soon := time.Now().Add(behindFirst); len(out) > 0 && (!limited || soon.Before(end)) {
			_ = c.SetDeadline(soon)
		}
		resp, err := http.ReadResponse(from, &http.Request{Method: method})
		if err != nil {
			return out, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols || method == http.MethodConnect && resp.StatusCode/100 == 2 {
			return append(out, answer{status: resp.StatusCode, header: resp.Header}), nil // what follows is no body
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		out = append(out, answer{resp.StatusCode, resp.Header, text})
		method = http.MethodGet // of what follows, whatever that is
		if err != nil {
			break
		}
	}
	return out, nil
}

// unanswered says what it means that no answer came.
func unanswered(err error) Outcome {
	var at net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &at) && at.Timeout():
		return Outcome{Verdict: Inconclusive, Detail: Silent}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &at):
		return Outcome{Verdict: Refused, Detail: Closed}
	}
	return Outcome{Verdict: Inconclusive, Detail: Garbled}
}

// judge says whose answer it is.
func (a *answer) judge() Outcome {
	if id := a.header.Get(proxy.HeaderDecisionID); decisionID.MatchString(id) {
		return Outcome{Verdict: Governed, Detail: Decided, Decision: id}
	}
	switch {
	case a.status == http.StatusSwitchingProtocols:
		return Outcome{Verdict: Round, Detail: Upgraded}
	case a.ours():
		return Outcome{Verdict: Refused, Detail: Denied}
	case a.ofAPI():
		return Outcome{Verdict: Round, Detail: ProvidersAnswer}
	}
	return Outcome{Verdict: Round, Detail: Undecided}
}

// ours reports whether it is a refusal of Ostiary's without a decision: of the Go
// data plane's ways in, which say why in a header, or of Envoy in Ostiary's words.
func (a *answer) ours() bool {
	if a.status < 400 {
		return false
	}
	for name := range a.header {
		if strings.HasPrefix(strings.ToLower(name), proxy.HeaderPrefix) {
			return true
		}
	}
	return slices.Contains(refusalCodes, a.read().Error.Code)
}

type errorBody struct {
	Error struct {
		Code string `json:"code"`
	} `json:"error"`
}

func (a *answer) read() (e errorBody) {
	_ = json.Unmarshal(a.body, &e) // what is no JSON has no code
	return e
}

// ofAPI reports whether it looks like an answer of a model API: an object of JSON
// with one of the members that they answer with.
func (a *answer) ofAPI() bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(a.body, &members) != nil {
		return false
	}
	for _, name := range []string{"error", "choices", "content", "detail", "data", "output", "candidates", "message"} {
		if _, ok := members[name]; ok {
			return true
		}
	}
	return false
}

// framing reports whether it is how servers refuse what is no good HTTP.
func (a *answer) framing() bool {
	switch a.status {
	case 400, 403, 404, 405, 411, 413, 421, 426, 431, 501, 505:
		return len(a.body) < 256 && !a.ofAPI()
	}
	return false
}

// askPlain sends a request without TLS over a connection, which it takes over.
func (t *Target) askPlain(ctx context.Context, c net.Conn, request []byte) Outcome {
	defer func() { _ = c.Close() }()
	return t.ask(ctx, c, request)
}

// overOne speaks HTTP/2 over one connection and no other: which requests share it is
// the question.
func overOne(s *shaken) *http.Transport {
	used := false
	var only http.Protocols
	only.SetHTTP2(true)
	return &http.Transport{Protocols: &only, DisableCompression: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
		if used {
			return nil, errNoAddress
		}
		used = true
		return s.Conn, nil
	}}
}

// askHTTP2 sends requests for the hosts, one after the other, over one connection,
// and judges every answer.
func (t *Target) askHTTP2(ctx context.Context, s *shaken, hosts ...string) Outcome {
	if s.ConnectionState().NegotiatedProtocol != "h2" {
		return Outcome{Verdict: Refused, Detail: Closed}
	}
	transport := overOne(s)
	defer transport.CloseIdleConnections()
	out := Outcome{}
	for _, host := range hosts {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+t.Host+t.path(), strings.NewReader(body()))
		if err != nil {
			return Outcome{Verdict: Inconclusive, Detail: Failed}
		}
		r.Host = host
		r.Header.Set("content-type", "application/json")
		resp, err := transport.RoundTrip(r)
		if err != nil {
			if out.Verdict == "" {
				out = unansweredHTTP2(ctx)
			}
			return out // the connection was ended after what came before
		}
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // its beginning is enough
		_ = resp.Body.Close()
		a := answer{resp.StatusCode, resp.Header, text}
		o := a.judge()
		if o.Verdict == Round {
			return o
		}
		out = o
	}
	return out
}

// connectHTTP2 asks for a tunnel in a stream of HTTP/2 (RFC 9113, 8.5).
func (t *Target) connectHTTP2(ctx context.Context, s *shaken) Outcome {
	if s.ConnectionState().NegotiatedProtocol != "h2" {
		return Outcome{Verdict: Refused, Detail: Closed}
	}
	transport := overOne(s)
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodConnect, "https://"+join(t.Passed, portHTTPS), http.NoBody)
	if err != nil {
		return Outcome{Verdict: Inconclusive, Detail: Failed}
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return unansweredHTTP2(ctx)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 == 2 {
		return Outcome{Verdict: Round, Detail: Tunnelled}
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // its beginning is enough
	a := answer{resp.StatusCode, resp.Header, text}
	return a.badly()
}

// unansweredHTTP2 is unanswered for HTTP/2, whose errors do not say much.
func unansweredHTTP2(ctx context.Context) Outcome {
	if ctx.Err() != nil {
		return Outcome{Verdict: Inconclusive, Detail: Silent}
	}
	return Outcome{Verdict: Refused, Detail: Closed}
}

// connect is a CONNECT (RFC 9110, 9.3.6).
type connect struct {
	to  string // HOST:PORT
	old bool   // HTTP/1.0, as Python up to 3.11 sends it
	two bool   // HTTP/2 without TLS
}

// errNotTunnelled means that a proxy answered, and does not connect.
var errNotTunnelled = errors.New("bypass: the proxy does not connect")

// connectThrough asks the explicit proxy for a tunnel.
func (t *Target) connectThrough(ctx context.Context, to connect) (net.Conn, error) {
	if to.two {
		return t.streamThrough(ctx, to.to)
	}
	c, err := t.dial(ctx, "tcp", t.Proxy)
	if err != nil {
		return nil, err
	}
	return t.tunnel(ctx, c, to)
}

// tunnel asks for a tunnel over a connection, which it takes over.
func (t *Target) tunnel(ctx context.Context, c net.Conn, to connect) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(end)
	}
	line := "CONNECT " + to.to + " HTTP/1.1\r\nHost: " + to.to + "\r\n"
	if to.old {
		line = "CONNECT " + to.to + " HTTP/1.0\r\n"
	}
	if t.ProxyCredential != "" {
		line += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(t.ProxyCredential)) + "\r\n"
	}
	_, err := io.WriteString(c, line+"\r\n")
	status := 0
	if err == nil {
		status, err = readHead(c)
	}
	if err == nil && status/100 != 2 {
		err = errNotTunnelled
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// readHead reads an answer up to where the tunnel begins, and not a byte more.
func readHead(c net.Conn) (status int, err error) {
	var head []byte
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if len(head) >= maxAnswer {
			return 0, io.ErrShortBuffer
		}
		if _, err := io.ReadFull(c, one); err != nil {
			return 0, err
		}
		head = append(head, one...)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	return resp.StatusCode, nil
}

// inTunnel does something in a tunnel of the explicit proxy.
func (t *Target) inTunnel(ctx context.Context, to connect, do func(net.Conn) Outcome) Outcome {
	c, err := t.connectThrough(ctx, to)
	switch {
	case errors.Is(err, errNotTunnelled):
		return Outcome{Verdict: Refused, Detail: Denied}
	case err != nil:
		return Outcome{Verdict: Inconclusive, Detail: ProxyAway}
	}
	return do(c)
}
