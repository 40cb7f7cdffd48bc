package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// tails counts the live streams.
type tails struct {
	done chan struct{} // closed when the server ends

	mu    sync.Mutex
	total int
	own   map[string]int
	ended bool
}

func (t *tails) enter(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.own == nil {
		t.own = map[string]int{}
	}
	if t.ended || t.total >= maxTails || t.own[key] >= maxOwnTails {
		return false
	}
	t.total++
	t.own[key]++
	return true
}

func (t *tails) leave(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total--
	if t.own[key]--; t.own[key] == 0 {
		delete(t.own, key)
	}
}

func (t *tails) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.ended = true
		close(t.done)
	}
}

// unhurried lets a stream take longer than other answers: reading the request is
// over, and each piece has its own time.
func (c *call) unhurried() *http.ResponseController {
	rc := http.NewResponseController(c.w)
	_ = rc.SetReadDeadline(time.Time{}) // HTTP/2 has its own
	return rc
}

// followed is one event of a tail.
type followed struct {
	ref      Ref
	position string
}

// openWait is how long an answer that is a stream waits for a first error, so that
// what cannot begin gets a status of its own.
const openWait = 100 * time.Millisecond

// tail gives events as they come, as server-sent events (WHATWG HTML, 9.2): the id
// is a position from which a client goes on, by last-event-id or after.
func tail(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	after := c.params.Get("after")
	if id := c.r.Header.Get("Last-Event-ID"); id != "" {
		after = id
	}
	if after == "" {
		if after, err = c.s.o.Follower.End(c.r.Context()); err != nil {
			return err
		}
	}
	if !text(after, maxToken) {
		return problem("cursor")
	}
	if !c.s.tails.enter(c.who.key()) {
		return problem("overloaded")
	}
	defer c.s.tails.leave(c.who.key())
	life := tailLife
	if !c.who.expires.IsZero() {
		life = min(life, time.Until(c.who.expires))
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), life)
	found := make(chan followed, tailQueue)
	ended := make(chan error, 1)
	go func() {
		ended <- c.s.o.Follower.Tail(ctx, q, after, func(r Ref, position string) error {
			select {
			case found <- followed{r, position}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	defer func() { cancel(); <-ended }()
	t := &tailing{c: c, rc: c.unhurried()}
	wait, beat := time.NewTimer(openWait), time.NewTicker(heartbeat)
	defer wait.Stop()
	defer beat.Stop()
	for {
		var err error
		select {
		case f := <-found:
			err = t.event(f)
		case <-wait.C:
			if !t.begun { // so that a client that saw nothing knows where to go on
				err = t.write("id: " + after + "\n\n")
			}
		case <-beat.C:
			err = t.write(": still here\n\n")
		case err = <-ended:
			ended <- nil // for the wait at the end
			for len(found) > 0 && err == nil {
				err = t.event(<-found)
			}
			if err == nil || ctx.Err() != nil {
				return nil
			}
			return t.fail(err)
		case <-c.s.tails.done:
			return nil
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return t.fail(err)
		}
	}
}

// tailing writes one stream of server-sent events.
type tailing struct {
	c     *call
	rc    *http.ResponseController
	begun bool
	gone  bool // the client is
}

func (t *tailing) write(s string) error {
	if !t.begun {
		t.begun = true
		h := t.c.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no")
		t.c.w.WriteHeader(http.StatusOK)
	}
	err := t.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil || errors.Is(err, http.ErrNotSupported) {
		_, err = io.WriteString(t.c.w, s)
	}
	if err == nil {
		err = t.rc.Flush()
	}
	t.gone = t.gone || err != nil
	return err
}

func (t *tailing) event(f followed) error {
	e, err := t.c.s.entry(f.ref, false)
	if errors.Is(err, ErrNotFound) {
		return nil // it was removed meanwhile
	}
	if err != nil {
		return err
	}
	if !text(f.position, maxToken) {
		return errPosition
	}
	b, err := marshal(e)
	if err != nil {
		return err
	}
	return t.write(fmt.Sprintf("id: %s\ndata: %s\n", f.position, b))
}

var errPosition = errors.New("a position of the tail cannot stand in a line")

// fail ends a stream that has begun with an event that says why.
func (t *tailing) fail(err error) error {
	if t.gone {
		return nil
	}
	if !t.begun {
		return err
	}
	p, fault := problemOf(err)
	if fault {
		t.c.s.log.Error("a tail failed", "error", err)
	}
	b, err := marshal(p)
	if err != nil {
		return err
	}
	_ = t.write(fmt.Sprintf("event: problem\ndata: %s\n", b))
	return nil
}

// trailerEvents is the trailer that tells how many events an export holds.
const trailerEvents = "Ostiary-Events"

// export writes what was found in one of the formats. It is recorded before it
// begins, with what it is about, and once it is complete, with how many events it
// had. One that fails ends without its end.
func export(c *call) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	format := c.params.Get("format")
	media, ok := c.s.o.Formats[format]
	if !ok {
		return about("parameter", "format")
	}
	personal, err := c.personal()
	if err != nil {
		return err
	}
	select {
	case c.s.exports <- struct{}{}:
		defer func() { <-c.s.exports }()
	default:
		return problem("overloaded")
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), exportTimeout)
	defer cancel()
	// A query that cannot be read is told before anything is recorded.
	if _, err := c.s.o.Searcher.Search(ctx, q, Page{Limit: 1}); err != nil {
		return err
	}
	size, err := c.s.o.Records.Size()
	if err != nil {
		return err
	}
	what := format
	if personal {
		what += " with personal parts"
	}
	a := access{by: c.by(), action: "export", detail: what, query: q.Text, to: size}
	if _, err := c.s.record(ctx, a); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="ostiary-`+strconv.FormatInt(size, 10)+"."+format+`"`)
	h.Set("Trailer", trailerEvents)
	w := &slowWriter{w: c.w, rc: c.unhurried()}
	n, err := c.s.o.Exporter.Export(ctx, w, Extract{Format: format, Query: q, Personal: personal, Size: size})
	if err != nil {
		if w.failed {
			panic(http.ErrAbortHandler) // the client is gone
		}
		return err
	}
	a.action, a.count = "exported", n
	if _, err := c.s.record(ctx, a); err != nil {
		return err
	}
	h.Set(trailerEvents, strconv.FormatInt(n, 10))
	w.leisure(writeTimeout)
	return nil
}

// leisure gives what comes next so long.
func (s *slowWriter) leisure(d time.Duration) { _ = s.rc.SetWriteDeadline(time.Now().Add(d)) }

// slowWriter gives each piece its own time.
type slowWriter struct {
	w      io.Writer
	rc     *http.ResponseController
	failed bool
}

// Write implements [io.Writer].
func (s *slowWriter) Write(b []byte) (int, error) {
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.failed = true
		return 0, err
	}
	n, err := s.w.Write(b)
	s.failed = s.failed || err != nil
	s.leisure(exportTimeout) // HTTP/2 ends a stream whose time is over, written to or not
	return n, err
}

// RecordWriter writes records in one format.
type RecordWriter interface {
	// Write adds a record, of which ev is the event. rec has its personal part only
	// where the export has it.
	Write(rec audit.Record, ev *proxy.Event) error
	// Close ends the export; it does not close what it is written to.
	Close() error
}

// exportPage is how many records are looked for at a time.
const exportPage = 1000

// Extractor is an [Exporter] over records that are found one page after another.
type Extractor struct {
	Searcher Searcher
	Records  Records
	Personal Records // with personal parts; nil where they are never exported
	// Open begins an export in a format.
	Open func(w io.Writer, format string, personal bool) (RecordWriter, error)
}

// Export implements [Exporter].
func (x *Extractor) Export(ctx context.Context, w io.Writer, e Extract) (int64, error) {
	from := x.Records
	if e.Personal {
		if from = x.Personal; from == nil {
			return 0, problem("not_available")
		}
	}
	out, err := x.Open(w, e.Format, e.Personal)
	if err != nil {
		return 0, err
	}
	var n int64
	for p := (Page{Limit: exportPage, Oldest: true}); ; {
		hits, err := x.Searcher.Search(ctx, e.Query, p)
		if err != nil {
			return n, err
		}
		for _, ref := range hits.Refs {
			if err := ctx.Err(); err != nil {
				return n, err
			}
			if e.Size > 0 && ref.Index >= e.Size {
				continue
			}
			rec, err := from.At(ref)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return n, err
			}
			if !e.Personal {
				rec.Personal = nil
			}
			if err := onlyCore(rec); err != nil {
				return n, err
			}
			ev, err := rec.Event()
			if err != nil {
				return n, err
			}
			if err := out.Write(rec, ev); err != nil {
				return n, err
			}
			n++
		}
		if hits.Next == "" {
			return n, out.Close()
		}
		p.Cursor = hits.Next
	}
}
