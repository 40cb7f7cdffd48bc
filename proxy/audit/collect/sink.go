package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

// Bounds of a sink.
const (
	// DefaultTimeout bounds one request.
	DefaultTimeout = 30 * time.Second
	// DefaultWait bounds how long a batch waits for a checkpoint that covers it. A
	// log signs one each second.
	DefaultWait = 15 * time.Second

	pollEvery   = 50 * time.Millisecond // for that checkpoint
	answerLimit = 64 << 10              // bytes of an answer
	sendBytes   = 4 << 20               // of cores in one push
)

// Batch is records of a log in order, without personal parts.
type Batch struct {
	Origin string
	First  int64
	Cores  [][]byte
}

// SinkOptions say which collector is pushed to, and of which log.
type SinkOptions struct {
	// URL is the collector's prefix: /collect/v1/records is put after it.
	URL string
	// HTTP makes the requests, with whatever certificates it needs; nil means
	// http.DefaultClient. Redirects are not followed.
	HTTP *http.Client
	// Token gives the bearer token, or an empty string; nil means none.
	Token func() (string, error)
	// Key is the log's verifier key, one line, with which it is enrolled where the
	// collector does not know it; empty means that it is not enrolled.
	Key string
	// Checkpoint gives the log's last signed checkpoint.
	Checkpoint func() ([]byte, error)
	// Prove gives the consistency proof from old records of a tree to all of them;
	// proxy/audit/tiles has one.
	Prove func(tree tlog.Tree, old int64) ([]tlog.Hash, error)
	// Rotations gives the log's file of that name, in which one key of the log is
	// followed by another; nil, or an empty answer, where it has had one key.
	Rotations func() ([]byte, error)
	// Collector is the key that the collector cosigns with, and Acknowledged is
	// called with each checkpoint that it has cosigned, which means that it holds
	// all of its records. It must not block. Whoever records that in the same log
	// must not do it each time: the record brings about another checkpoint.
	Collector    *witness.Key
	Acknowledged func(Ack)
	// Timeout bounds one request, 0 for [DefaultTimeout]; Wait bounds how long a
	// batch waits for its checkpoint, 0 for [DefaultWait].
	Timeout, Wait time.Duration
}

// Ack is a checkpoint that the collector has cosigned.
type Ack struct {
	Checkpoint  audit.Checkpoint
	Signed      []byte // the note, with the log's signature alone
	Cosignature []byte // the collector's signature lines, checked
}

// Errors of a sink, beside a [*Refusal].
var (
	// ErrUnreachable: the collector did not answer, or not as a collector. Try
	// again.
	ErrUnreachable = errors.New("the collector did not answer")
	// ErrUncovered: no checkpoint covered the records in time. Try again.
	ErrUncovered = errors.New("no checkpoint covers the records yet")
	// ErrAhead: the collector has records that the log has not: the log was put
	// back to an older state. It does not go away by trying again.
	ErrAhead = errors.New("the collector has more records of this log than the log: it was put back to an older state")
)

// Sink pushes a log's records to a collector. Its methods are safe for concurrent
// use; one batch is sent at a time.
type Sink struct {
	opt  SinkOptions
	http *http.Client

	mu      sync.Mutex // one batch at a time
	greeted bool
}

// NewSink makes a sink.
func NewSink(o SinkOptions) (*Sink, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the URL of a collector is http(s)://HOST/PREFIX")
	}
	if o.Checkpoint == nil || o.Prove == nil {
		return nil, errors.New("a sink needs the log's checkpoints and proofs")
	}
	if o.Acknowledged != nil && o.Collector == nil {
		return nil, errors.New("the collector's key is needed to check what it cosigns")
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	own := *o.HTTP
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.URL = strings.TrimSuffix(o.URL, "/")
	return &Sink{opt: o, http: &own}, nil
}

// Next gives the number of the log's records that the collector has, from which
// shipping goes on. It shows the log's present checkpoint, and enrols the log where
// that is needed. It fails with a [*Refusal] of CodeRolledBack or CodeForked where
// the log is not what the collector knows.
func (s *Sink) Next(ctx context.Context, origin string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.greet(ctx, origin)
}

func (s *Sink) greet(ctx context.Context, origin string) (int64, error) {
	c, signed, err := s.checkpoint()
	if err != nil {
		return 0, err
	}
	if c.Origin != origin {
		return 0, fmt.Errorf("the checkpoint is of another log (%s)", c.Origin)
	}
	p := &Push{Origin: origin, Checkpoint: signed}
	a, err := s.send(ctx, "hello", p)
	var r *Refusal
	if errors.As(err, &r) && r.Code == CodeUnknown && s.opt.Key != "" {
		if _, err := s.post(ctx, "enrol", Enrolment{origin, s.opt.Key, signed}.Encode(), ""); err != nil {
			return 0, err
		}
		a, err = s.send(ctx, "hello", p)
	}
	if err != nil {
		return 0, err
	}
	s.greeted = true
	return a.Size, nil
}

// Ship pushes a batch and returns nil once all of it is on the collector's disk.
// It can be called again with the same batch, or one that overlaps it. It fails
// with a [*Refusal], with [ErrUnreachable], [ErrUncovered] and [ErrAhead], and with
// the errors of the options' functions.
func (s *Sink) Ship(ctx context.Context, b Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.greeted {
		if _, err := s.greet(ctx, b.Origin); err != nil {
			return err
		}
	}
	for len(b.Cores) > 0 {
		n, err := s.some(ctx, b)
		if err != nil {
			return err
		}
		b.First, b.Cores = b.First+int64(n), b.Cores[n:]
	}
	return nil
}

// Close does nothing; a sink holds nothing open.
func (s *Sink) Close() error { return nil }

// some pushes the beginning of a batch, as much as one push and the present
// checkpoint allow, and gives how many records that were.
func (s *Sink) some(ctx context.Context, b Batch) (int, error) {
	c, signed, err := s.covering(ctx, b.First+1)
	if err != nil {
		return 0, err
	}
	if c.Origin != b.Origin {
		return 0, fmt.Errorf("the checkpoint is of another log (%s)", c.Origin)
	}
	n, size := 0, 0
	for n < len(b.Cores) && n < PushRecords && b.First+int64(n) < c.Size && (n == 0 || size+len(b.Cores[n]) <= sendBytes) {
		size += len(b.Cores[n])
		n++
	}
	p := &Push{Origin: b.Origin, First: b.First, Cores: b.Cores[:n], Checkpoint: signed}
	if p.End() < c.Size {
		if p.Proof, err = s.opt.Prove(tlog.Tree{N: c.Size, Hash: c.Root}, p.End()); err != nil {
			return 0, fmt.Errorf("prove that the records are in the log: %w", err)
		}
	}
	a, err := s.send(ctx, "records", p)
	switch {
	case err != nil:
		return 0, err
	case a.Size > c.Size:
		return 0, ErrAhead
	case a.Size < p.End():
		return 0, ErrUnreachable // it said yes, and to something else
	}
	return n, s.acknowledge(c, signed, a.Cosignature)
}

// acknowledge checks a cosignature and hands it on.
func (s *Sink) acknowledge(c audit.Checkpoint, signed []byte, cosignature string) error {
	if s.opt.Acknowledged == nil || cosignature == "" {
		return nil
	}
	at := bytes.LastIndex(signed, []byte("\n\n"))
	n, err := note.Open(append(bytes.Clone(signed[:at+2]), cosignature...), note.VerifierList(s.opt.Collector))
	if err != nil {
		return fmt.Errorf("%w: its cosignature is not of the key %s", ErrUnreachable, s.opt.Collector.Name())
	}
	var lines []byte
	for _, sig := range n.Sigs {
		lines = fmt.Appendf(lines, "— %s %s\n", sig.Name, sig.Base64)
	}
	s.opt.Acknowledged(Ack{c, signed, lines})
	return nil
}

// covering waits for a checkpoint of a size or more.
func (s *Sink) covering(ctx context.Context, size int64) (audit.Checkpoint, []byte, error) {
	end := time.NewTimer(s.opt.Wait)
	defer end.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		c, signed, err := s.checkpoint()
		if err != nil || c.Size >= size {
			return c, signed, err
		}
		select {
		case <-tick.C:
		case <-end.C:
			return c, nil, ErrUncovered
		case <-ctx.Done():
			return c, nil, ErrUncovered
		}
	}
}

// checkpoint reads the log's last checkpoint. Who signed it the collector will ask.
func (s *Sink) checkpoint() (audit.Checkpoint, []byte, error) {
	signed, err := s.opt.Checkpoint()
	if err != nil {
		return audit.Checkpoint{}, nil, fmt.Errorf("read the log's checkpoint: %w", err)
	}
	c, err := readCheckpoint(signed)
	return c, signed, err
}

// readCheckpoint reads a checkpoint without asking who signed it.
func readCheckpoint(signed []byte) (audit.Checkpoint, error) {
	at := bytes.LastIndex(signed, []byte("\n\n"))
	if at < 0 {
		return audit.Checkpoint{}, audit.ErrCheckpoint
	}
	tree, err := tlog.ParseTree(append([]byte("go.sum database tree\n"), afterLine(signed[:at+1])...))
	if err != nil {
		return audit.Checkpoint{}, audit.ErrCheckpoint
	}
	origin, _, _ := bytes.Cut(signed, []byte("\n"))
	return audit.Checkpoint{Origin: string(origin), Size: tree.N, Root: tree.Hash}, nil
}

// afterLine gives what follows the first line.
func afterLine(b []byte) []byte {
	_, rest, _ := bytes.Cut(b, []byte("\n"))
	return rest
}

func (s *Sink) send(ctx context.Context, what string, p *Push) (Answer, error) {
	var err error
	if s.opt.Rotations != nil {
		if p.Rotations, err = s.opt.Rotations(); err != nil {
			return Answer{}, fmt.Errorf("read the log's rotations of keys: %w", err)
		}
	}
	b, err := p.Encode()
	if err != nil {
		return Answer{}, err
	}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestSpeed)
	if err != nil {
		return Answer{}, err
	}
	if _, err := w.Write(b); err != nil {
		return Answer{}, err
	}
	if err := w.Close(); err != nil {
		return Answer{}, err
	}
	return s.post(ctx, what, zipped.Bytes(), "gzip")
}

// post makes one request. Its errors hold no token.
func (s *Sink) post(ctx context.Context, what string, body []byte, encoding string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.opt.URL+"/collect/v1/"+what, bytes.NewReader(body))
	if err != nil {
		return Answer{}, ErrUnreachable
	}
	req.Header.Set("content-type", "application/octet-stream")
	if encoding != "" {
		req.Header.Set("content-encoding", encoding)
	}
	if s.opt.Token != nil {
		token, err := s.opt.Token()
		if err != nil {
			return Answer{}, fmt.Errorf("get the collector's token: %w", err)
		}
		if token != "" {
			req.Header.Set("authorization", "Bearer "+token)
		}
	}
	res, err := s.http.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil || len(b) > answerLimit {
		return Answer{}, ErrUnreachable
	}
	if res.StatusCode == http.StatusOK {
		a := Answer{Size: -1}
		if err := json.Unmarshal(b, &a); err != nil || a.Size < 0 {
			return Answer{}, ErrUnreachable
		}
		return a, nil
	}
	r := refuse("")
	if err := json.Unmarshal(b, r); err != nil || status(r.Code) != res.StatusCode {
		return Answer{}, fmt.Errorf("%w: status %d", ErrUnreachable, res.StatusCode)
	}
	return Answer{}, r
}
