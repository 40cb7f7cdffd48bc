package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a client takes.
const (
	maxAnswer = maxPageBytes + 1<<20
	maxLine   = 1 << 20 // of a tail
)

// ErrNoDaemon says that nobody serves the control socket.
var ErrNoDaemon = errors.New("no Ostiary runs here: start it, or use the commands that read the files alone")

// Client asks a [Server]. Its methods fail with a [*Problem] where the server
// refuses, and are safe for concurrent use.
type Client struct {
	http  *http.Client
	base  string
	token func() (string, error)
}

// Dial gives a client of the control socket at a path. It fails with [ErrNoDaemon]
// where nobody serves it, and where whoever serves it is not the owner of the
// socket's directory.
func Dial(socket string) (*Client, error) {
	st, err := os.Stat(filepath.Dir(socket))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoDaemon
	}
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	owner, err := ownerOf(st)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(c)
		if err == nil && uid != owner {
			err = fmt.Errorf("control socket: uid %d serves it in a directory of uid %d", uid, owner)
		}
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		return c, nil
	}
	c, err := dial(context.Background(), "", "")
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("control socket: %w", err)
	case err != nil && (errors.Is(err, fs.ErrNotExist) || isRefused(err)):
		return nil, ErrNoDaemon
	case err != nil:
		return nil, err
	}
	_ = c.Close()
	t := &http.Transport{DialContext: dial, IdleConnTimeout: idleTimeout, ResponseHeaderTimeout: actTimeout, DisableCompression: true}
	return &Client{http: &http.Client{Transport: t}, base: "http://ostiary"}, nil
}

// NewClient gives a client of the HTTPS listener at a base address such as
// https://ostiary.example:8485. token gives the bearer token of each request; nil
// where a client certificate says who asks. Redirects are not followed.
func NewClient(base string, h *http.Client, token func() (string, error)) *Client {
	own := *h
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: &own, base: strings.TrimSuffix(base, "/"), token: token}
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Search says which events are looked for.
type Search struct {
	Query    string
	From, To time.Time
	Personal bool // with personal parts; recorded
	// Of [Client.Events] only.
	Cursor string
	Limit  int // 0 means the server's
	Oldest bool
}

func (s Search) params() url.Values {
	v := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			v.Set(name, value)
		}
	}
	set("q", s.Query, s.Query != "")
	set("from", s.From.UTC().Format(time.RFC3339Nano), !s.From.IsZero())
	set("to", s.To.UTC().Format(time.RFC3339Nano), !s.To.IsZero())
	set("personal", "true", s.Personal)
	set("cursor", s.Cursor, s.Cursor != "")
	set("limit", strconv.Itoa(s.Limit), s.Limit != 0)
	set("order", "oldest", s.Oldest)
	return v
}

// Self gives who the server takes the caller for.
func (c *Client) Self(ctx context.Context) (out Self, err error) {
	return out, c.get(ctx, "/api/v1/self", nil, &out)
}

// Events gives a page of events.
func (c *Client) Events(ctx context.Context, s Search) (out Events, err error) {
	return out, c.get(ctx, "/api/v1/events", s.params(), &out)
}

// Event gives the event of an id and all that belongs to it, with personal parts
// where asked.
func (c *Client) Event(ctx context.Context, id string, personal bool) (out Events, err error) {
	return out, c.get(ctx, "/api/v1/events/"+url.PathEscape(id), Search{Personal: personal}.params(), &out)
}

// Facets counts the values of fields, the top most frequent ones each; 0 means the
// server's number.
func (c *Client) Facets(ctx context.Context, s Search, fields []string, top int) (out Facets, err error) {
	v := s.params()
	v.Set("fields", strings.Join(fields, ","))
	if top != 0 {
		v.Set("top", strconv.Itoa(top))
	}
	return out, c.get(ctx, "/api/v1/facets", v, &out)
}

// Histogram counts events in spans of time (0 means the server's number of them), by
// the values of a field where one is named.
func (c *Client) Histogram(ctx context.Context, s Search, buckets int, by string) (out Histogram, err error) {
	v := s.params()
	if by != "" {
		v.Set("by", by)
	}
	if buckets != 0 {
		v.Set("buckets", strconv.Itoa(buckets))
	}
	return out, c.get(ctx, "/api/v1/histogram", v, &out)
}

// Stats gives the state of the log.
func (c *Client) Stats(ctx context.Context) (out Stats, err error) {
	return out, c.get(ctx, "/api/v1/stats", nil, &out)
}

// Verify begins a verification of the log.
func (c *Client) Verify(ctx context.Context) (out Job, err error) {
	return out, c.post(ctx, "/api/v1/verify", struct{}{}, &out)
}

// Verified tells how the verification stands.
func (c *Client) Verified(ctx context.Context) (out Job, err error) {
	return out, c.get(ctx, "/api/v1/verify", nil, &out)
}

// Checkpoint gives the last signed checkpoint.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	var b bytes.Buffer
	_, err := c.stream(ctx, "/checkpoint", nil, &b)
	return b.Bytes(), err
}

// Description gives the server's description of its API (OpenAPI 3.1, YAML).
func (c *Client) Description(ctx context.Context) ([]byte, error) {
	var b bytes.Buffer
	_, err := c.stream(ctx, "/api/v1/openapi.yaml", nil, &b)
	return b.Bytes(), err
}

// Export writes an export and gives how many events it has. Where it fails, what
// was written is not complete.
func (c *Client) Export(ctx context.Context, w io.Writer, format string, s Search) (int64, error) {
	v := s.params()
	v.Set("format", format)
	trailer, err := c.stream(ctx, "/api/v1/export", v, w)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(trailer.Get(trailerEvents), 10, 64)
	if err != nil {
		return 0, errors.New("the export ended before its end")
	}
	return n, nil
}

// Hash gives the fingerprints of a value and how many events have one. The value
// travels in the body alone.
func (c *Client) Hash(ctx context.Context, in HashRequest) (out Hashed, err error) {
	return out, c.post(ctx, "/api/v1/hash", in, &out)
}

// Reveal gives the sealed evidence of an event, and is recorded.
func (c *Client) Reveal(ctx context.Context, id string, in RevealRequest) (out Revealed, err error) {
	return out, c.post(ctx, "/api/v1/reveal/"+url.PathEscape(id), in, &out)
}

// Erase erases personal parts, or says which it would.
func (c *Client) Erase(ctx context.Context, in EraseRequest) (out Effect, err error) {
	return out, c.post(ctx, "/api/v1/erase", in, &out)
}

// Hold sets a legal hold.
func (c *Client) Hold(ctx context.Context, in HoldRequest) (out Hold, err error) {
	return out, c.post(ctx, "/api/v1/hold", in, &out)
}

// Holds lists the holds in force.
func (c *Client) Holds(ctx context.Context) (out Holds, err error) {
	return out, c.get(ctx, "/api/v1/hold", nil, &out)
}

// Release lifts a hold.
func (c *Client) Release(ctx context.Context, id string, why ActRequest) error {
	v := url.Values{"reason": {why.Reason}, "ticket": {why.Ticket}}
	return c.do(ctx, http.MethodDelete, "/api/v1/hold/"+url.PathEscape(id)+"?"+v.Encode(), nil, nil)
}

// Retain removes whole segments that a rule does not keep, or says which it would.
func (c *Client) Retain(ctx context.Context, in RetainRequest) (out Effect, err error) {
	return out, c.post(ctx, "/api/v1/retain", in, &out)
}

// Rotate takes a new key of the log.
func (c *Client) Rotate(ctx context.Context, in ActRequest) (out Rotation, err error) {
	return out, c.post(ctx, "/api/v1/rotate", in, &out)
}

// Seal ends the current segment of the log.
func (c *Client) Seal(ctx context.Context, in ActRequest) error {
	return c.post(ctx, "/api/v1/seal", in, nil)
}

// Tail calls visit with the events that match as they come, from behind a position
// (empty: from now), until the context ends (then it returns nil) or visit fails.
// The position that visit is given is where to go on. A stream that the server ends
// after its time is begun anew.
func (c *Client) Tail(ctx context.Context, query, after string, visit func(e Entry, position string) error) error {
	for ctx.Err() == nil {
		v := url.Values{}
		if query != "" {
			v.Set("q", query)
		}
		if after != "" {
			v.Set("after", after)
		}
		resp, err := c.send(ctx, http.MethodGet, "/api/v1/tail?"+v.Encode(), nil)
		if err == nil {
			err = readTail(resp.Body, &after, visit)
			_ = resp.Body.Close()
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter * time.Second): // a server that ends each stream is not to be made busy
		}
	}
	return nil
}

// readTail reads server-sent events of one stream; after is moved behind each.
func readTail(r io.Reader, after *string, visit func(Entry, string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var kind, data string
	id := *after
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "":
			if lines.Text() != "" {
				continue // a comment
			}
			if kind == "problem" {
				return readProblem([]byte(data))
			}
			if data != "" {
				var e Entry
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					return errors.New("an event of the tail cannot be read")
				}
				if err := visit(e, id); err != nil {
					return err
				}
			}
			*after, kind, data = id, "", ""
		case "event":
			kind = value
		case "id":
			id = value
		case "data":
			data = value
		}
	}
	return lines.Err()
}

func readProblem(b []byte) error {
	var p Problem
	if json.Unmarshal(b, &p) != nil || p.Code == "" {
		return errors.New("the answer is none of Ostiary's")
	}
	return &p
}

func (c *Client) get(ctx context.Context, path string, v url.Values, out any) error {
	if len(v) > 0 {
		path += "?" + v.Encode()
	}
	return c.do(ctx, http.MethodGet, path, nil, out)
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	b, err := marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, b, out)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, out any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil || out == nil {
		return err
	}
	if json.Unmarshal(b, out) != nil {
		return errors.New("the answer is none of Ostiary's")
	}
	return nil
}

func (c *Client) stream(ctx context.Context, path string, v url.Values, w io.Writer) (http.Header, error) {
	if len(v) > 0 {
		path += "?" + v.Encode()
	}
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return nil, fmt.Errorf("the answer ended before its end: %w", err)
	}
	return resp.Trailer, nil
}

// send sends a request and gives the answer, whose body the caller closes. An
// answer that is no success is an error.
func (c *Client) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the server's address is none")
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != nil {
		t, err := c.token()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+t)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // it quotes the address, with the query
			err = u.Err
		}
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil || media != "application/problem+json" {
		return nil, fmt.Errorf("the server answered %d, and not as Ostiary does", resp.StatusCode)
	}
	return nil, readProblem(b)
}
