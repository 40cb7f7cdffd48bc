package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
)

const (
	// forgottenFile is the mark of a replica of which records were removed.
	forgottenFile = "forgotten"
	// forgottenLimit bounds the mark: holdLimit holds of some 200 bytes.
	forgottenLimit = 1 << 20
	// forgetProgress is how many records are read for holds before it is kept how far
	// that got, so that not every start reads them again.
	forgetProgress = 100_000
)

// forgotten is what a replica says of the records that were removed from it. Nobody signs
// it: a replica cannot write into the log that it is of.
type forgotten struct {
	To    int64     `json:"to"`    // the records before it were removed
	Root  tlog.Hash `json:"root"`  // of the tree of these records
	Since string    `json:"since"` // when some were removed first, RFC 3339; empty where none were
	Last  string    `json:"last"`  // when some were removed last
	Held  []Hold    `json:"held"`  // in force in the log, as the records before Read tell
	Read  int64     `json:"read"`  // records that were read for that; never below To
}

// readForgotten reads the mark; one that is not there says that nothing was removed.
func readForgotten(dir string) (forgotten, error) {
	var out forgotten
	b, err := os.ReadFile(filepath.Join(dir, forgottenFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return out, nil
	case err != nil:
		return out, err
	case len(b) > forgottenLimit || json.Unmarshal(b, &out) != nil || out.To < 0 || out.Read < out.To || len(out.Held) > holdLimit:
		return forgotten{}, &Damage{Place: forgottenFile, Index: -1, Why: "cannot be read", Remedy: forgottenRemedy}
	}
	return out, nil
}

const forgottenRemedy = "put back the file of a copy; without it nobody knows what was removed and which holds are in force, and nothing more is removed"

func (r *Replica) writeForgotten(m *forgotten) error {
	l := r.log
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := replaceFile(l.opt.fs, filepath.Join(l.dir, forgottenFile), append(b, '\n'), true); err != nil {
		return err
	}
	return l.opt.fs.SyncDir(l.dir)
}

// Turn begins a new segment where the one that is written to has records and was begun
// before a time, so that its records can be forgotten one day. It returns when the full
// segments are packed, which can take seconds; records are taken meanwhile.
func (r *Replica) Turn(ctx context.Context, began time.Time) error {
	list, err := listSegments(r.log.dir)
	if err != nil {
		return err
	}
	for _, s := range slices.Backward(list) {
		if s.header == nil {
			continue
		}
		if s.header.tree.size == r.log.Size() || !time.UnixMilli(s.header.began).Before(began) {
			return nil
		}
		return r.log.Seal(ctx)
	}
	return nil
}

// Before gives the index behind the records that came before a time and fill segments
// that nothing came into since: what [Replica.Forget] may be told for it. When they came
// is by the clock of whoever opened the replica.
func (r *Replica) Before(t time.Time) (int64, error) {
	list, err := listSegments(r.log.dir)
	if err != nil {
		return 0, err
	}
	first, _ := started(list)
	for i := 0; i+1 < len(list); i++ {
		next := list[i+1].header
		if next == nil || !time.UnixMilli(next.began).Before(t) {
			break
		}
		first = next.tree.size
	}
	return first, nil
}

// Forget removes the oldest segments all of whose records have an index below before, up
// to the first that is not packed, is not under a checkpoint that the replica has, or
// that a legal hold of the log keeps; the log's own events say which are in force.
// Hashes and checkpoints stay: records are taken, proofs made and the rest verified as
// ever. What is removed is said beside the replica, durably and before it is removed; a
// crash leaves it removed or there. It fails with a [*Damage] where the replica does not
// say what was removed before.
func (r *Replica) Forget(ctx context.Context, before int64) (Retained, error) {
	l := r.log
	l.sealer.mu.Lock() // for the segments, and one Forget at a time
	defer l.sealer.mu.Unlock()
	var out Retained
	if err := l.Failed(); err != nil {
		return out, err
	}
	mark, err := readForgotten(l.dir)
	if err != nil {
		return out, err
	}
	list, err := listSegments(l.dir)
	if err != nil {
		return out, err
	}
	first, tree := started(list)
	switch {
	case first > mark.To:
		return out, &Damage{Place: forgottenFile, Index: mark.To, Why: fmt.Sprintf("says that %d records were removed, and the replica begins with record %d", mark.To, first), Remedy: forgottenRemedy}
	case first == mark.To && first > 0 && tree.root() != mark.Root:
		return out, &Damage{Place: forgottenFile, Index: -1, Why: "was written for other records than those that were removed", Remedy: forgottenRemedy}
	case first < mark.To:
		// A crash came between. It claims no more than what is gone.
		mark.To, mark.Root = first, tree.root()
		if first == 0 {
			mark.Since, mark.Last = "", ""
		}
		if err := r.writeForgotten(&mark); err != nil {
			return out, err
		}
	}
	out.From, out.To = first, first
	before = min(before, l.notary.signed.Load())
	var gone []segmentFile
	for i := 0; i+1 < len(list); i++ {
		if next := list[i+1].header; !list[i].packed || next == nil || next.tree.size > before {
			break
		}
		gone = append(gone, list[i])
	}
	if len(gone) == 0 {
		return out, nil
	}
	begun := mark.Read
	if mark.Read < r.watched.Read {
		mark.Read, mark.Held = r.watched.Read, slices.Clone(r.watched.Held)
	}
	// Most of them without keeping anybody from appending.
	if err := r.watch(ctx, &mark, l.Size()); err != nil {
		return out, err
	}
	m, gone, err := r.forget(ctx, &mark, list, gone, &out)
	r.watched = forgotten{Read: mark.Read, Held: mark.Held}
	if err != nil {
		return Retained{}, err
	}
	if len(gone) == 0 {
		if mark.Read-begun >= forgetProgress {
			return out, r.writeForgotten(&mark)
		}
		return out, nil
	}
	return out, l.sealer.prune(m, gone)
}

// forget decides what is removed and makes the mark of it durable. No record comes
// between: it might set a hold.
func (r *Replica) forget(ctx context.Context, mark *forgotten, list, gone []segmentFile, out *Retained) (marker, []segmentFile, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.log
	if err := r.watch(ctx, mark, l.Size()); err != nil {
		return marker{}, nil, err
	}
	n := 0
	for ; n < len(gone) && len(out.Held) == 0; n++ {
		from, to := list[n].header.tree.size, list[n+1].header.tree.size
		for _, h := range mark.Held {
			if h.covers(from, to) {
				out.Held = append(out.Held, h.ID)
			}
		}
		if len(out.Held) > 0 {
			break
		}
		out.To = to
		out.Segments++
		out.Bytes += list[n].size + fileSize(filepath.Join(l.dir, list[n].personalName()))
	}
	if n == 0 {
		return marker{}, nil, nil
	}
	next := list[n].header
	now := l.opt.now().UTC().Format(time.RFC3339)
	mark.To, mark.Root, mark.Last = next.tree.size, next.tree.root(), now
	if mark.Since == "" {
		mark.Since = now
	}
	return marker{list[n].number, segmentHeader, next.tree.size}, gone[:n], r.writeForgotten(mark)
}

// watch reads the records from mark.Read to before size for the holds that they set and
// lift.
func (r *Replica) watch(ctx context.Context, mark *forgotten, size int64) error {
	if mark.Read >= size {
		return nil
	}
	in, err := OpenReader(r.log.dir)
	if err != nil {
		return err
	}
	for e, err := range in.Records(mark.Read) {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case e.Index != mark.Read:
			return &Damage{Place: "segments", Index: mark.Read, Why: "do not hold a record that was not read for legal holds yet", Remedy: "`ostiary audit verify` says more"}
		}
		if err := mark.learn(e); err != nil {
			return err
		}
		if mark.Read = e.Index + 1; mark.Read >= size {
			return nil
		}
	}
	return fmt.Errorf("look for legal holds: %d of %d records can be read", mark.Read, size)
}

// errHolds: a log of ours has at most so many.
var errHolds = fmt.Errorf("the log has more than %d legal holds: nothing is removed from its replica", holdLimit)

// learn takes what a record says of holds.
func (m *forgotten) learn(e Record) error {
	if !mentions(e, proxy.EventRetention) {
		return nil
	}
	ev, err := e.Event()
	if err != nil || ev.Kind != proxy.EventRetention || ev.Admin == nil {
		return nil // a record may be anything that the log's key has signed
	}
	if a := ev.Admin.Action; a != "hold" && a != "release" {
		return nil
	}
	m.Held = slices.DeleteFunc(m.Held, func(h Hold) bool { return h.ID == ev.Admin.Detail })
	if ev.Admin.Action == "hold" {
		m.Held = append(m.Held, Hold{ID: ev.Admin.Detail, From: ev.Admin.From, To: ev.Admin.To, Set: ev.Time})
	}
	if len(m.Held) > holdLimit {
		return errHolds
	}
	return nil
}

// Gone is what a replica says was removed from it. Nobody signs that.
type Gone struct {
	To    int64  // the records before it; 0 where none were
	Since string // when some were removed first, RFC 3339; empty where none were
	Last  string // when some were removed last
}

// Forgotten reads what the replica in a directory says was removed from it. It fails with
// a [*Damage] where that cannot be read.
func Forgotten(dir string) (Gone, error) {
	m, err := readForgotten(dir)
	return Gone{m.To, m.Since, m.Last}, err
}

// Leaves gives the leaf hashes of the records from one index to before another from the
// tiles of a log, which has them also of records that were removed. Whoever uses them
// holds the tree that they make against a signed checkpoint.
func Leaves(dir string, from, to int64) ([]tlog.Hash, error) {
	out, ok := tileLeaves(dir, from, to)
	if !ok {
		return nil, &Damage{Place: "tile", Index: -1, Why: fmt.Sprintf("does not hold the hashes of the records from %d to before %d", from, to), Remedy: "put back the directory tile of a copy"}
	}
	return out, nil
}
