package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// checkpoint is what an anchor needs to know of a signed checkpoint (C2SP
// tlog-checkpoint): the text that is signed, its first line and its second.
type checkpoint struct {
	text   string
	origin string
	size   int64
}

// readNote reads a signed checkpoint without asking who signed it.
func readNote(signed []byte) (checkpoint, bool) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	lines := strings.SplitN(text, "\n", 4)
	if !ok || len(signed) > noteLimit || len(lines) < 3 || lines[0] == "" {
		return checkpoint{}, false
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != lines[1] {
		return checkpoint{}, false
	}
	return checkpoint{text: text, origin: lines[0], size: n}, true
}

// putCheckpoint puts a checkpoint under its size. One that is there and says the
// same is as good, whoever signed it.
func (b *bucket) putCheckpoint(ctx context.Context, c checkpoint, signed []byte) error {
	return b.put(ctx, object{
		key:  b.folder(c.origin, "checkpoints") + fmt.Sprintf("%0*d", digits, c.size),
		body: signed, mime: "text/plain; charset=utf-8", limit: noteLimit,
		same: func(there []byte) bool { return bytes.HasPrefix(there, []byte(c.text+"\n\n")) },
	}, true)
}

// Anchor puts signed checkpoints as locked objects, without the records. Whoever
// has one from there can tell a log that was rolled back or rewritten.
type Anchor struct{ *bucket }

// NewAnchor gives an anchor. It does not connect. Of the options it does not use
// Checkpoint.
func NewAnchor(o Options) (*Anchor, error) {
	b, err := newBucket(o)
	if err != nil {
		return nil, err
	}
	return &Anchor{b}, nil
}

// Put anchors one signed checkpoint. It fails with a [*ship.Error], of kind
// ship.Conflict where another tree of the same size is anchored: the log was
// forked, or rolled back and written anew.
func (a *Anchor) Put(ctx context.Context, signed []byte) error {
	c, ok := readNote(signed)
	if !ok {
		return ship.Fail(ship.LogTrouble, "what should be a checkpoint is none")
	}
	return a.putCheckpoint(ctx, c, signed)
}

// AnchorStatus says how an anchor stands.
type AnchorStatus struct {
	Size     int64 // of the last checkpoint that was put
	Seen     int64 // size of the last one that was seen
	Failures int64 // since Run began
	Failing  int64 // since one was put
	Last     ship.Kind
	Conflict bool // another tree is anchored; Run has ended
}

const (
	anchorPoll  = time.Second
	anchorTime  = time.Minute // for one checkpoint
	anchorFirst = time.Second // pause after a failure, doubled each time
	anchorMost  = 5 * time.Minute
)

// Run anchors each n-th checkpoint that latest gives, of those that differ, the
// first one, and the last one when the context ends. It looks each second, tells
// observe (which may be nil and must not block) what has changed, and returns when
// the context ends, or with ship.Conflict. Errors of latest are passed over: there
// may be no checkpoint yet.
func (a *Anchor) Run(ctx context.Context, n int, latest func() ([]byte, error), observe func(AnchorStatus)) error {
	if n < 1 {
		return errors.New("s3: every n-th checkpoint is anchored, n being 1 or more")
	}
	if observe == nil {
		observe = func(AnchorStatus) {}
	}
	r := &anchoring{Anchor: a, latest: latest, observe: observe, due: 1}
	tick := time.NewTicker(anchorPoll)
	defer tick.Stop()
	for {
		r.look(n)
		if err := r.try(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			// What was seen last is worth a last try.
			within, cancel := context.WithTimeout(context.WithoutCancel(ctx), anchorTime/4)
			defer cancel()
			r.look(1)
			r.again = time.Time{}
			return r.try(within)
		}
	}
}

// anchoring is one Run.
type anchoring struct {
	*Anchor
	latest  func() ([]byte, error)
	observe func(AnchorStatus)
	status  AnchorStatus
	due     int    // checkpoints until the next that is put
	text    string // of the last one seen
	waiting []byte // to be put; nil for none
	again   time.Time
	pause   time.Duration
}

// look takes the latest checkpoint, if it is one to be put.
func (r *anchoring) look(n int) {
	signed, err := r.latest()
	if err != nil {
		return
	}
	c, ok := readNote(signed)
	if !ok {
		return
	}
	if c.text != r.text {
		r.text = c.text
		r.status.Seen = c.size
		r.due--
	}
	if r.due <= 0 || n == 1 && c.size > r.status.Size {
		r.due = n
		r.waiting = bytes.Clone(signed) // the latest is worth more than one that still waits
	}
}

// try puts what waits, unless it is too early after a failure.
func (r *anchoring) try(ctx context.Context) error {
	if r.waiting == nil || r.now().Before(r.again) {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, anchorTime)
	defer cancel()
	err := r.Put(within, r.waiting)
	defer func() { r.observe(r.status) }()
	if err == nil {
		c, _ := readNote(r.waiting)
		r.status.Size, r.status.Failing, r.status.Last = c.size, 0, ship.KindNone
		r.waiting, r.pause, r.again = nil, 0, time.Time{}
		return nil
	}
	var e *ship.Error
	if !errors.As(err, &e) {
		e = ship.Fail(ship.KindOther, "")
	}
	r.status.Failures++
	r.status.Failing++
	r.status.Last = e.Kind
	if e.Kind == ship.Conflict {
		r.status.Conflict = true
		return e
	}
	r.pause = min(max(2*r.pause, anchorFirst), anchorMost)
	r.again = r.now().Add(max(r.pause, e.After))
	return nil
}
