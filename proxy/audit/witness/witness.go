package witness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/durable"
)

// Bounds of requests.
const (
	bodyLimit  = 64 << 10         // of a request: a proof and a checkpoint
	proofLimit = 63               // hashes of a proof (C2SP tlog-witness)
	readTime   = 10 * time.Second // for a request's body
	waitTime   = 20 * time.Second // for other requests of the same log
)

// sizeType is the media type of an answer that gives a size.
const sizeType = "text/x.tlog.size"

// Log is a log that a witness knows: its origin and the keys that sign its
// checkpoints. One of them is enough; after a change of keys there are two for a
// while.
type Log struct {
	Origin string
	Keys   []note.Verifier
}

// Options say what a witness is made of.
type Options struct {
	// Dir is where the last checkpoint of each log is kept, durably. It is made
	// where it is not there. Whoever empties it makes the witness forget.
	Dir string
	// Cosigner signs. Its key belongs to this witness alone: two that sign with one
	// key can be led to sign two histories.
	Cosigner *Cosigner
	// Logs are those known from the beginning; see [Witness.Trust].
	Logs []Log
	// Observe is called after each submission for a known log. It must not block.
	// Nil is allowed.
	Observe func(Submission)

	persist func(name string, b []byte) error // nil for durable.Replace
}

// Submission tells what came of a checkpoint.
type Submission struct {
	Origin string
	Size   int64 // of the checkpoint; -1 where no trusted key had signed it
	// Checkpoint is the note that was submitted, where a trusted key had signed
	// it. With [ErrForked] it proves, beside [Witness.Last], that the log was
	// forked: keep it.
	Checkpoint []byte
	Err        error // nil where it was cosigned
}

// The causes for which a checkpoint is not cosigned. A *[StaleError] is another.
var (
	// ErrMalformed: the request is not one of add-checkpoint.
	ErrMalformed = errors.New("malformed request")
	// ErrUnknownLog: the witness does not know the origin.
	ErrUnknownLog = errors.New("unknown log")
	// ErrSignature: no key that is trusted for the log has signed the checkpoint.
	ErrSignature = errors.New("the checkpoint is not signed by a key of its log")
	// ErrForked: a checkpoint of the same size and another root was cosigned
	// before. Whoever has both has the proof.
	ErrForked = errors.New("a checkpoint of the same size with another root was cosigned before: the log was forked")
	// ErrInconsistent: the proof does not show that the log goes on from what was
	// cosigned before.
	ErrInconsistent = errors.New("the proof does not show that the log goes on from the last cosigned checkpoint")
	// ErrBusy: other requests for the log took too long.
	ErrBusy = errors.New("other requests for the log are not done")
	// ErrState: the new checkpoint could not be kept, so it is not cosigned.
	ErrState = errors.New("the checkpoint could not be made durable")
)

// StaleError says that a proof was not from the size that was cosigned last.
type StaleError struct{ Size int64 }

func (e *StaleError) Error() string {
	return fmt.Sprintf("the last cosigned checkpoint has %d records", e.Size)
}

// Witness cosigns checkpoints of logs that it knows, each only where it goes on
// from the last. It is safe for concurrent use.
type Witness struct {
	opt  Options
	lock *os.File

	mu   sync.Mutex // guards logs
	logs map[string]*ledger
}

// ledger is what is known of one log.
type ledger struct {
	turn chan struct{} // of one: holds a token while nobody updates

	// The rest is guarded by the token.
	keys []note.Verifier
	last audit.Checkpoint
	note []byte // last with its signatures and ours; nil before the first
}

// New makes a witness. It fails where its record of a log cannot be read, or was
// not signed by its cosigner: it would forget what it has seen.
func New(o Options) (*Witness, error) {
	if o.Dir == "" || o.Cosigner == nil {
		return nil, errors.New("a witness needs a directory and a cosigner")
	}
	if o.persist == nil {
		o.persist = durable.Replace
	}
	if err := os.MkdirAll(o.Dir, dirMode); err != nil {
		return nil, fmt.Errorf("make the witness's directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(o.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the witness's directory: %w", err)
	}
	ok, err := durable.Lock(f)
	if err == nil && !ok {
		err = errors.New("another process has it")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the witness's directory %s: %w", o.Dir, err), f.Close())
	}
	w := &Witness{opt: o, lock: f, logs: map[string]*ledger{}}
	err = durable.Clean(o.Dir)
	for _, l := range o.Logs {
		if err == nil {
			err = w.Trust(l)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// Close lets the directory go. Updates from then on fail.
func (w *Witness) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logs = map[string]*ledger{}
	return w.lock.Close()
}

// Key gives the key that cosignatures verify with.
func (w *Witness) Key() *Key { return w.opt.Cosigner.Key() }

// Trust makes a log known, or gives a known one the keys named here in the place
// of those it had.
func (w *Witness) Trust(l Log) error {
	if l.Origin == "" || strings.Contains(l.Origin, "\n") || len(l.Keys) == 0 {
		return errors.New("a log needs an origin of one line and a key")
	}
	w.mu.Lock()
	known := w.logs[l.Origin]
	if known == nil {
		defer w.mu.Unlock()
		known = &ledger{turn: make(chan struct{}, 1), keys: slices.Clone(l.Keys)}
		if err := w.load(l.Origin, known); err != nil {
			return err
		}
		known.turn <- struct{}{}
		w.logs[l.Origin] = known
		return nil
	}
	w.mu.Unlock()
	<-known.turn
	known.keys = slices.Clone(l.Keys)
	known.turn <- struct{}{}
	return nil
}

// load reads what was cosigned last.
func (w *Witness) load(origin string, l *ledger) error {
	name := filepath.Join(w.opt.Dir, stateName(origin))
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the witness's record: %w", err)
	}
	// The cosigner's own signature is what tells: the log's keys may have changed.
	c, err := audit.OpenCheckpoint(b, w.Key())
	if err != nil || c.Origin != origin {
		return fmt.Errorf("the witness's record %s of %s is not signed by %s: put the key or the record back; without them, what was cosigned before is forgotten", name, origin, w.Key().Name())
	}
	l.last, l.note = c, b
	return nil
}

// Last gives the last checkpoint of a log that was cosigned, with the signatures
// of the log and of the witness. It fails with [ErrUnknownLog]; nil means that
// none was cosigned yet.
func (w *Witness) Last(ctx context.Context, origin string) ([]byte, error) {
	l, err := w.enter(ctx, origin)
	if err != nil {
		return nil, err
	}
	defer l.leave()
	return slices.Clone(l.note), nil
}

// enter waits for its turn at a log.
func (w *Witness) enter(ctx context.Context, origin string) (*ledger, error) {
	w.mu.Lock()
	l := w.logs[origin]
	w.mu.Unlock()
	if l == nil {
		return nil, ErrUnknownLog
	}
	select {
	case <-l.turn:
		return l, nil
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

func (l *ledger) leave() { l.turn <- struct{}{} }

// Update cosigns a checkpoint if a trusted key has signed it and the proof shows
// that it goes on from the last one, of which old is the size; 0 means that there
// was none. It gives the cosignature, one line of a note, once the checkpoint is
// durable. It fails with one of the causes above.
func (w *Witness) Update(ctx context.Context, old int64, proof []tlog.Hash, checkpoint []byte) ([]byte, error) {
	origin, _, _ := bytes.Cut(checkpoint, []byte("\n"))
	l, err := w.enter(ctx, string(origin))
	if err != nil {
		return nil, err
	}
	defer l.leave()
	s := Submission{Origin: string(origin), Size: -1}
	line, err := w.update(l, &s, Request{old, proof, checkpoint})
	s.Err = err
	if w.opt.Observe != nil {
		w.opt.Observe(s)
	}
	return line, err
}

// Request is what add-checkpoint asks for.
type Request struct {
	Old        int64 // size that the proof is from
	Proof      []tlog.Hash
	Checkpoint []byte
}

func (w *Witness) update(l *ledger, s *Submission, r Request) ([]byte, error) {
	c, n, err := open(r.Checkpoint, l.keys)
	if err != nil {
		return nil, err
	}
	if c.Origin != s.Origin {
		return nil, ErrMalformed
	}
	s.Size, s.Checkpoint = c.Size, slices.Clone(r.Checkpoint)
	switch {
	case r.Old > c.Size:
		return nil, ErrMalformed
	case r.Old != l.last.Size:
		return nil, &StaleError{l.last.Size}
	case r.Old == c.Size && l.note != nil && l.last.Root != c.Root:
		return nil, ErrForked
	case !consistent(l.last, c, r.Proof):
		return nil, ErrInconsistent
	}
	line, err := w.opt.Cosigner.line(n.Text)
	if err != nil {
		return nil, ErrState
	}
	if l.note != nil && l.last == c {
		return line, nil // what is kept says so already
	}
	kept, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs}, w.opt.Cosigner)
	if err != nil {
		return nil, ErrState
	}
	// The record is on disk before anybody has the signature: a witness that
	// forgot what it had signed could be led to sign another history.
	if err := w.opt.persist(filepath.Join(w.opt.Dir, stateName(s.Origin)), kept); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	l.last, l.note = c, kept
	return line, nil
}

// open reads a checkpoint that one of the keys has signed, and the note with the
// signatures of those keys.
func open(signed []byte, keys []note.Verifier) (audit.Checkpoint, *note.Note, error) {
	var first error
	for _, k := range keys {
		c, err := audit.OpenCheckpoint(signed, k)
		if err == nil {
			n, err := note.Open(signed, note.VerifierList(k))
			if err != nil {
				return audit.Checkpoint{}, nil, ErrMalformed
			}
			return c, n, nil
		}
		if first == nil || errors.Is(first, audit.ErrSignature) {
			first = err
		}
	}
	if errors.Is(first, audit.ErrSignature) {
		return audit.Checkpoint{}, nil, ErrSignature
	}
	return audit.Checkpoint{}, nil, ErrMalformed
}

// consistent says whether a proof shows that the tree of c goes on from that of
// last (RFC 6962, section 2.1.2). From nothing, it must be empty.
func consistent(last, c audit.Checkpoint, proof []tlog.Hash) bool {
	if c.Size == 0 && c.Root != sha256.Sum256(nil) {
		return false
	}
	if last.Size == 0 {
		return len(proof) == 0
	}
	return tlog.CheckTree(proof, c.Size, c.Root, last.Size, last.Root) == nil
}

// ServeHTTP answers POST …/add-checkpoint of C2SP tlog-witness, and GET
// …/last-checkpoint?origin=…, which gives the last cosigned checkpoint of a log
// with its signatures: 404 where the log is unknown or nothing was cosigned. The
// latter is an addition of ours; it tells nothing but what was submitted.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	// Answers are for programs; nothing may sniff them into something else.
	rw.Header().Set("x-content-type-options", "nosniff")
	rw.Header().Set("cache-control", "no-store")
	switch {
	case strings.HasSuffix(r.URL.Path, "/add-checkpoint") && r.Method == http.MethodPost:
		w.addCheckpoint(rw, r)
	case strings.HasSuffix(r.URL.Path, "/last-checkpoint") && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		w.lastCheckpoint(rw, r)
	case strings.HasSuffix(r.URL.Path, "/add-checkpoint"), strings.HasSuffix(r.URL.Path, "/last-checkpoint"):
		http.Error(rw, "method not allowed", http.StatusMethodNotAllowed)
	default:
		http.Error(rw, "not found", http.StatusNotFound)
	}
}

func (w *Witness) addCheckpoint(rw http.ResponseWriter, r *http.Request) {
	// Not every server has deadlines to set; those of Go's net/http have.
	_ = http.NewResponseController(rw).SetReadDeadline(time.Now().Add(readTime))
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, bodyLimit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(rw, "request too large", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(rw, ErrMalformed.Error(), http.StatusBadRequest)
		return
	}
	req, err := ParseRequest(body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), waitTime)
	defer cancel()
	line, err := w.Update(ctx, req.Old, req.Proof, req.Checkpoint)
	var stale *StaleError
	switch {
	case err == nil:
		rw.Header().Set("content-type", "text/plain; charset=utf-8")
		_, _ = rw.Write(line) // the client is gone; the record is kept
	case errors.As(err, &stale):
		sizeAnswer(rw, stale.Size)
	case errors.Is(err, ErrForked):
		sizeAnswer(rw, req.Old)
	default:
		http.Error(rw, public(err).Error(), status(err))
	}
}

// sizeAnswer answers 409 with the size of the last cosigned checkpoint.
func sizeAnswer(rw http.ResponseWriter, size int64) {
	rw.Header().Set("content-type", sizeType)
	rw.WriteHeader(http.StatusConflict)
	_, _ = fmt.Fprintf(rw, "%d\n", size) // the client is gone
}

// causes are what a client may be told, with the status it is told with.
var causes = []struct {
	err    error
	status int
}{
	{ErrMalformed, http.StatusBadRequest},
	{ErrUnknownLog, http.StatusNotFound},
	{ErrSignature, http.StatusForbidden},
	{ErrInconsistent, http.StatusUnprocessableEntity},
	{ErrBusy, http.StatusServiceUnavailable},
	{ErrState, http.StatusInternalServerError},
}

func status(err error) int {
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.status
		}
	}
	return http.StatusInternalServerError
}

// public keeps the causes of the operating system from clients.
func public(err error) error {
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.err
		}
	}
	return ErrState
}

func (w *Witness) lastCheckpoint(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), waitTime)
	defer cancel()
	b, err := w.Last(ctx, r.URL.Query().Get("origin"))
	if err == nil && b == nil {
		err = ErrUnknownLog
	}
	if err != nil {
		http.Error(rw, public(err).Error(), status(err))
		return
	}
	rw.Header().Set("content-type", "text/plain; charset=utf-8")
	_, _ = rw.Write(b) // the client is gone
}

// ParseRequest reads the body of add-checkpoint. It fails with [ErrMalformed].
func ParseRequest(body []byte) (Request, error) {
	var r Request
	head, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok || len(checkpoint) == 0 {
		return r, ErrMalformed
	}
	lines := strings.Split(string(head), "\n")
	size, ok := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseInt(size, 10, 64)
	if !ok || err != nil || old < 0 || strconv.FormatInt(old, 10) != size || len(lines)-1 > proofLimit {
		return r, ErrMalformed
	}
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil || h.String() != line {
			return r, ErrMalformed
		}
		r.Proof = append(r.Proof, h)
	}
	r.Old, r.Checkpoint = old, checkpoint
	return r, nil
}

// Encode gives the body of add-checkpoint.
func (r Request) Encode() []byte {
	b := fmt.Appendf(nil, "old %d\n", r.Old)
	for _, h := range r.Proof {
		b = base64.StdEncoding.AppendEncode(b, h[:])
		b = append(b, '\n')
	}
	return append(append(b, '\n'), r.Checkpoint...)
}
