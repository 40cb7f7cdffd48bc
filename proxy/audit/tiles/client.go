package tiles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
)

// DefaultTimeout bounds one request of a client.
const DefaultTimeout = 30 * time.Second

// ErrUnreachable: the log's server did not answer, or not with a log. Try again.
var ErrUnreachable = errors.New("the log's server did not answer")

// ClientOptions say which log is read.
type ClientOptions struct {
	// URL is the log's prefix: /checkpoint is put after it.
	URL string
	// Key is the log's verifier key.
	Key note.Verifier
	// HTTP makes the requests, with whatever certificates and tokens it needs;
	// nil means http.DefaultClient. Redirects are not followed.
	HTTP *http.Client
	// Timeout bounds one request, 0 for [DefaultTimeout].
	Timeout time.Duration
}

// Client reads a log over HTTP as C2SP tlog-tiles has it. It is safe for
// concurrent use.
type Client struct {
	opt  ClientOptions
	http *http.Client
}

// NewClient makes a client.
func NewClient(o ClientOptions) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the URL of a log is http(s)://HOST/PREFIX")
	}
	if o.Key == nil {
		return nil, errors.New("a log's key is needed to check what is read")
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	own := *o.HTTP
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.URL = strings.TrimSuffix(o.URL, "/")
	return &Client{o, &own}, nil
}

// Checkpoint gets the log's checkpoint and checks its signature. It gives the note
// as well.
func (c *Client) Checkpoint(ctx context.Context) (audit.Checkpoint, []byte, error) {
	b, err := c.get(ctx, CheckpointPath, checkpointLimit)
	if err != nil {
		return audit.Checkpoint{}, nil, err
	}
	cp, err := audit.OpenCheckpoint(b, c.opt.Key)
	if err != nil {
		return audit.Checkpoint{}, nil, fmt.Errorf("%s: %w", CheckpointPath, err)
	}
	return cp, b, nil
}

// Source gives the log as a source whose requests end with the context.
func (c *Client) Source(ctx context.Context) Source { return remote{c, ctx} }

// remote is a client for as long as a context is.
type remote struct {
	client *Client
	ctx    context.Context
}

func (r remote) Checkpoint() ([]byte, error) {
	_, b, err := r.client.Checkpoint(r.ctx)
	return b, err
}

func (r remote) Tile(t Tile) ([]byte, error) {
	if _, ok := t.end(); !ok || t.Level < 0 {
		return nil, ErrNotFound
	}
	b, got, err := r.get(t, Width*tlog.HashSize)
	if err != nil {
		return nil, err
	}
	if len(b) != got.W*tlog.HashSize {
		return nil, fmt.Errorf("%s: %w: it has %d bytes", got.Path(), ErrUnreachable, len(b))
	}
	return b[:t.W*tlog.HashSize], nil
}

func (r remote) Entries(first, n int64) ([][]byte, error) {
	if first < 0 || n < 0 {
		return nil, ErrNotFound
	}
	out := make([][]byte, 0, min(n, Width))
	for int64(len(out)) < n {
		at := first + int64(len(out))
		skip := int(at % Width)
		t := Tile{Bundle, at / Width, int(min(Width, int64(skip)+n-int64(len(out))))}
		b, got, err := r.get(t, bundleLimit)
		if err != nil {
			return nil, err
		}
		entries, err := DecodeBundle(b, got.W)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", got.Path(), err)
		}
		out = append(out, entries[skip:t.W]...)
	}
	return out, nil
}

// get gets a tile or bundle; where a partial one is gone, the full one in its
// place. It says which it got.
func (r remote) get(t Tile, limit int64) ([]byte, Tile, error) {
	b, err := r.client.get(r.ctx, t.Path(), limit)
	if errors.Is(err, ErrNotFound) && t.W < Width {
		t.W = Width
		b, err = r.client.get(r.ctx, t.Path(), limit)
	}
	return b, t, err
}

func (c *Client) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.opt.URL+"/"+path, nil)
	if err != nil {
		return nil, ErrUnreachable
	}
	// The transport asks for gzip by itself and decodes it; the limit is on what
	// comes out.
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrUnreachable, err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%s: %w", path, ErrNotFound)
	default:
		return nil, fmt.Errorf("%s: %w: status %d", path, ErrUnreachable, res.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil || int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: %w: it ends early or does not end", path, ErrUnreachable)
	}
	return b, nil
}
