package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Bounds of a client.
const (
	// DefaultTimeout bounds one submission, with its repetitions.
	DefaultTimeout = 10 * time.Second
	answerLimit    = 64 << 10 // bytes of an answer
	attemptLimit   = 4        // requests of one submission
)

// Prove gives the proof that the log's tree goes on from its first old records
// (RFC 6962, section 2.1.2); it is not asked for old = 0.
type Prove func(old int64) ([]tlog.Hash, error)

// Client submits checkpoints to one witness. It is safe for concurrent use.
type Client struct {
	opt  ClientOptions
	http *http.Client

	mu   sync.Mutex
	last map[string]int64 // by origin: the size that the witness cosigned last, as far as we know
}

// ClientOptions say which witness is asked.
type ClientOptions struct {
	// URL is the witness's submission prefix: /add-checkpoint is put after it.
	URL string
	// Key is the witness's. What another key has signed is no answer.
	Key *Key
	// HTTP makes the requests; nil means http.DefaultClient. Redirects are not
	// followed.
	HTTP *http.Client
	// Timeout bounds one submission, 0 for [DefaultTimeout].
	Timeout time.Duration
}

// Errors of a submission, beside those of [Witness] that the answer stands for.
var (
	// ErrUnreachable: the witness did not answer, or not as a witness. Try again.
	ErrUnreachable = errors.New("the witness did not answer")
	// ErrNoCosignature: the answer holds no signature of the witness's key on the
	// checkpoint.
	ErrNoCosignature = errors.New("the witness's answer holds no cosignature of its key")
)

// AheadError says that the witness has cosigned a checkpoint of more records than
// the one submitted: the log, or its machine, was put back to an older state, or
// another log has its key and name. It does not go away by trying again.
type AheadError struct {
	Witness   string
	Size, Had int64 // of the checkpoint submitted; cosigned before
}

func (e *AheadError) Error() string {
	return fmt.Sprintf("witness %s has cosigned %d records of this log, which has %d: it was put back to an older state", e.Witness, e.Had, e.Size)
}

// NewClient makes a client.
func NewClient(o ClientOptions) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the URL of a witness is http(s)://HOST/PREFIX")
	}
	if o.Key == nil {
		return nil, errors.New("a witness's key is needed to check what it answers")
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	c := &Client{opt: o, http: withoutRedirects(o.HTTP), last: map[string]int64{}}
	c.opt.URL = strings.TrimSuffix(o.URL, "/")
	return c, nil
}

// withoutRedirects copies a client, so that neither a body nor a credential goes
// where nobody meant it to.
func withoutRedirects(h *http.Client) *http.Client {
	if h == nil {
		h = http.DefaultClient
	}
	own := *h
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Key gives the witness's key.
func (c *Client) Key() *Key { return c.opt.Key }

// Submit has a signed checkpoint cosigned and gives the witness's signature lines,
// which are checked. Where the witness knows another size than we thought, it
// proves from that. It fails with an [*AheadError], with [ErrForked] and the other
// causes of [Witness.Update], with [ErrUnreachable] and [ErrNoCosignature], and
// with the error of prove.
func (c *Client) Submit(ctx context.Context, checkpoint []byte, prove Prove) ([]byte, error) {
	origin, size, err := peek(checkpoint)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	c.mu.Lock()
	old := c.last[origin]
	c.mu.Unlock()
	old = min(old, size)
	for range attemptLimit {
		r := Request{Old: old, Checkpoint: checkpoint}
		if old > 0 && old < size {
			if r.Proof, err = prove(old); err != nil {
				return nil, fmt.Errorf("prove that the log goes on from %d records: %w", old, err)
			}
		}
		answer, err := c.post(ctx, r)
		var stale *StaleError
		if errors.As(err, &stale) {
			c.remember(origin, stale.Size)
			switch {
			case stale.Size > size:
				return nil, &AheadError{c.opt.Key.Name(), size, stale.Size}
			case stale.Size == old && old == size:
				return nil, ErrForked
			case stale.Size == old:
				return nil, ErrUnreachable // it contradicts itself
			}
			old = stale.Size
			continue
		}
		if err != nil {
			return nil, err
		}
		lines, err := cosignatures(checkpoint, answer, c.opt.Key)
		if err != nil {
			return nil, err
		}
		c.remember(origin, size)
		return lines, nil
	}
	return nil, ErrBusy // somebody else submits for this log
}

func (c *Client) remember(origin string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[origin] = size
}

// post makes one request of add-checkpoint.
func (c *Client) post(ctx context.Context, r Request) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.opt.URL+"/add-checkpoint", bytes.NewReader(r.Encode()))
	if err != nil {
		return nil, ErrUnreachable
	}
	req.Header.Set("content-type", "text/plain; charset=utf-8")
	return c.do(req)
}

func (c *Client) do(req *http.Request) ([]byte, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil || len(body) > answerLimit {
		return nil, ErrUnreachable
	}
	if res.StatusCode == http.StatusOK {
		return body, nil
	}
	if res.StatusCode == http.StatusConflict {
		return nil, conflict(res.Header.Get("content-type"), body)
	}
	for _, cause := range causes {
		if cause.status == res.StatusCode && cause.status < http.StatusInternalServerError {
			return nil, cause.err
		}
	}
	return nil, fmt.Errorf("%w: status %d", ErrUnreachable, res.StatusCode)
}

// conflict reads an answer of 409. Without a size it is the one that C2SP
// tlog-witness gives for two roots of one size.
func conflict(mediaType string, body []byte) error {
	if t, _, err := mime.ParseMediaType(mediaType); err != nil || t != sizeType {
		return ErrForked
	}
	text, ok := strings.CutSuffix(string(body), "\n")
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return ErrUnreachable
	}
	return &StaleError{n}
}

// Last asks one of our witnesses for the last checkpoint of a log that it has
// cosigned, and gives it with the signatures; the witness's own is checked. It
// fails with [ErrUnknownLog] where the witness does not know the log or has
// cosigned nothing.
func (c *Client) Last(ctx context.Context, origin string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.opt.URL+"/last-checkpoint?origin="+url.QueryEscape(origin), nil)
	if err != nil {
		return nil, ErrUnreachable
	}
	b, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if _, err := note.Open(b, note.VerifierList(c.opt.Key)); err != nil {
		return nil, ErrNoCosignature
	}
	if named, _, err := peek(b); err != nil || named != origin {
		return nil, ErrNoCosignature
	}
	return b, nil
}

// cosignatures gives those lines of an answer that are a signature of the key on
// the checkpoint.
func cosignatures(checkpoint, answer []byte, key *Key) ([]byte, error) {
	_, signatures, ok := cutNote(checkpoint)
	if !ok {
		return nil, ErrMalformed
	}
	// The checkpoint's own signatures are not needed, and might be too many.
	text := checkpoint[:len(checkpoint)-len(signatures)]
	n, err := note.Open(append(bytes.Clone(text), answer...), note.VerifierList(key))
	if err != nil || len(n.Sigs) == 0 {
		return nil, ErrNoCosignature
	}
	var lines []byte
	for _, s := range n.Sigs {
		lines = fmt.Appendf(lines, "— %s %s\n", s.Name, s.Base64)
	}
	return lines, nil
}

// cutNote parts a note into its text and its signature lines (C2SP signed-note).
func cutNote(signed []byte) (text, signatures []byte, ok bool) {
	at := bytes.LastIndex(signed, []byte("\n\n"))
	if at < 0 {
		return nil, nil, false
	}
	return signed[:at+1], signed[at+2:], true
}

// peek reads the origin and size of a checkpoint without asking who signed it.
func peek(signed []byte) (origin string, size int64, err error) {
	text, _, ok := cutNote(signed)
	if !ok {
		return "", 0, ErrMalformed
	}
	lines := strings.SplitN(string(text), "\n", 4)
	if len(lines) < 4 {
		return "", 0, ErrMalformed
	}
	size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return "", 0, ErrMalformed
	}
	return lines[0], size, nil
}

// Answer is what one of several witnesses answered.
type Answer struct {
	Witness      string // its name
	Cosignatures []byte // signature lines; nil with an error
	Err          error
}

// Gather submits a checkpoint to several witnesses at once and gives the
// checkpoint with the signature lines of those that cosigned, and what each
// answered, in their order. It returns when all have answered or their time is up.
func Gather(ctx context.Context, witnesses []*Client, checkpoint []byte, prove Prove) ([]byte, []Answer) {
	answers := make([]Answer, len(witnesses))
	var wait sync.WaitGroup
	for i, w := range witnesses {
		wait.Go(func() {
			lines, err := w.Submit(ctx, checkpoint, prove)
			answers[i] = Answer{w.opt.Key.Name(), lines, err}
		})
	}
	wait.Wait()
	signed := bytes.Clone(checkpoint)
	for _, a := range answers {
		signed = append(signed, a.Cosignatures...)
	}
	return signed, answers
}
