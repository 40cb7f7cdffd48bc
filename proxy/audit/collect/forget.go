package collect

import (
	"context"
	"errors"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
)

// forgetter is what a [Replica] is that can forget records. [audit.Replica] is one.
type forgetter interface {
	// Turn begins a new segment where the last one has records and was begun before.
	Turn(ctx context.Context, began time.Time) error
	// Before gives the index behind the records that came before a time.
	Before(t time.Time) (int64, error)
	// Forget removes segments of records below an index, as far as it may.
	Forget(ctx context.Context, before int64) (audit.Retained, error)
}

// turns is how many segments at least the time for which records are kept is made of: a
// record is forgotten that part of the time late.
const turns = 8

// errKeeps: the replica was not made by this package.
var errKeeps = errors.New("this replica forgets nothing")

// Forget removes from the replica of a log, in whole segments, the records that came more
// than keep ago, but none that is not under a checkpoint that the collector has cosigned
// (without a cosigner: that the log has signed), and none that a legal hold of the log
// keeps. copied, if not nil, is asked about the records from one index to before another
// that are to be removed: those from the index on that it gives stay. Their hashes stay: pushes are judged, proofs
// made, [Collector.Leaf] answered and checkpoints cosigned as before. Pushes are taken
// meanwhile. It does nothing for a log that the collector does not know or that has
// pushed nothing, and fails with the error of the replica.
func (c *Collector) Forget(ctx context.Context, origin string, keep time.Duration, copied func(ctx context.Context, from, to int64) (int64, error)) (audit.Retained, error) {
	var none audit.Retained
	c.mu.Lock()
	m, closed := c.members[origin], c.closed
	c.mu.Unlock()
	if m == nil || closed {
		return none, nil
	}
	m.forgetting.Lock()
	defer m.forgetting.Unlock()
	f, span, err := m.forgetful(ctx)
	if err != nil || f == nil {
		return none, err
	}
	now := c.opt.now()
	if err := f.Turn(ctx, now.Add(-keep/turns)); err != nil {
		return none, err
	}
	before, err := f.Before(now.Add(-keep))
	if err != nil {
		return none, err
	}
	before = min(before, span[1])
	if copied != nil && before > span[0] {
		upto, err := copied(ctx, span[0], before)
		if err != nil {
			return none, err
		}
		before = min(before, upto)
	}
	out, err := f.Forget(ctx, before)
	if err == nil && m.enter(ctx) {
		m.status.First = out.To
		m.leave()
	}
	return out, err
}

// forgetful gives the replica, nil where there is none, with the first record that it has
// and how many are under a checkpoint that was cosigned. The caller holds forgetting, so
// that it stays open.
func (m *member) forgetful(ctx context.Context) (f forgetter, span [2]int64, err error) {
	if !m.enter(ctx) {
		return nil, span, ctx.Err()
	}
	defer m.leave()
	if m.failed != nil || m.replica == nil {
		return nil, span, m.failed
	}
	f, ok := m.replica.(forgetter)
	if !ok {
		return nil, span, errKeeps
	}
	w := m.c.witness
	if w == nil {
		return f, [2]int64{m.status.First, m.signed}, nil
	}
	// What it has cosigned outlives a restart.
	b, err := w.Last(ctx, m.name)
	if err != nil || b == nil {
		return nil, span, err
	}
	last, err := audit.PeekCheckpoint(b)
	return f, [2]int64{m.status.First, min(last.Size, m.signed)}, err
}
