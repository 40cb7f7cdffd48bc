package audit

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// notary writes tiles and signs checkpoints, beside the writer and never ahead of
// it: it knows a leaf only once its record is durable.
type notary struct {
	log    *Log
	signer note.Signer
	kick   chan struct{} // of one; wakes the goroutine

	signed   atomic.Int64 // records under the last checkpoint
	signedAt atomic.Pointer[time.Time]

	inbox struct {
		sync.Mutex
		leaves []tlog.Hash
		tree   frontier
		bounds []bound
	}

	mu       sync.Mutex // one run at a time; guards what follows
	edge     edge
	leaves   []tlog.Hash // durable and not in edge yet
	bounds   []bound     // segments begun that edge has not reached
	outbox   []tile      // complete and not written yet
	unsynced []string    // tiles written since the last seal
	partials []string    // partial tiles of the last run
	sealed   []string    // partial tiles of the last seal, which recovery begins with
	history  history
	lacking  bool // the last run found no room
	first    bool // it is the first run: a segment may wait to be packed
}

// bound is the size of the log at which a segment was begun.
type bound struct{ segment, size int64 }

// history is the file of the checkpoints that were signed while a segment was the
// current one: checkpoints/NNNNNNNN.log, in frames whose index is the size.
type history struct {
	segment int64
	file    file
	offset  int64
}

func historyName(segment int64) string {
	return filepath.Join("checkpoints", filepath.Base(segmentName(segment)))
}

// take hands over leaves that are durable, and the tree with them. The writer
// calls it.
func (n *notary) take(leaves []tlog.Hash, tree *frontier) {
	n.inbox.Lock()
	n.inbox.leaves = append(n.inbox.leaves, leaves...)
	n.inbox.tree.size = tree.size
	n.inbox.tree.nodes = append(n.inbox.tree.nodes[:0], tree.nodes...)
	n.inbox.Unlock()
	if tree.size-n.signed.Load() >= checkpointEvents {
		n.wake()
	}
}

// boundary says that a segment was begun. The writer calls it.
func (n *notary) boundary(segment, size int64) {
	n.inbox.Lock()
	n.inbox.bounds = append(n.inbox.bounds, bound{segment, size})
	n.inbox.Unlock()
	n.wake()
}

func (n *notary) wake() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// loop signs a checkpoint whenever it is time, until the log is closed.
func (n *notary) loop() {
	defer n.log.done.Done()
	tick := time.NewTicker(n.log.opt.CheckpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.log.stopped:
			return
		case <-n.kick:
		case <-tick.C:
		}
		_ = n.run() // it has told of its error itself
	}
}

// run writes the tiles of what is durable and signs a checkpoint on it, if there
// is anything new. Where there is no room it fails and goes on the next time; any
// other error fails the log.
func (n *notary) run() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.log.Failed(); err != nil {
		return err
	}
	n.inbox.Lock()
	n.leaves = append(n.leaves, n.inbox.leaves...)
	n.bounds = append(n.bounds, n.inbox.bounds...)
	n.inbox.leaves, n.inbox.bounds = n.inbox.leaves[:0], n.inbox.bounds[:0]
	tree := n.inbox.tree.clone()
	n.inbox.Unlock()
	full := len(n.bounds) > 0 || n.first
	n.first = false

	err := n.tiles(tree.size)
	if err == nil && tree.size > n.signed.Load() && !n.log.opt.foreign {
		err = n.sign(tree)
	}
	switch {
	case err == nil:
		n.lacking = false
		if full && !n.log.opt.noSeal {
			n.log.sealer.wake()
		}
	case noSpace(err):
		if !n.lacking {
			n.log.alarm(ErrNoSpace)
		}
		n.lacking = true
	default:
		n.log.fail(err)
	}
	return err
}

// tiles brings the tiles up to a size, and seals at each segment's beginning. It
// can be called again after an error.
func (n *notary) tiles(size int64) error {
	for {
		to := size
		if len(n.bounds) > 0 {
			to = n.bounds[0].size
		}
		for n.edge.size < to {
			n.outbox = append(n.outbox, n.edge.add(n.leaves[0])...)
			n.leaves = n.leaves[1:]
		}
		for len(n.outbox) > 0 {
			name := n.outbox[0].name()
			if err := n.write(name, n.outbox[0].bytes()); err != nil {
				return err
			}
			n.unsynced = append(n.unsynced, name)
			n.outbox = n.outbox[1:]
		}
		if len(n.bounds) == 0 {
			return n.writePartials()
		}
		if err := n.seal(); err != nil {
			return err
		}
		if err := n.history.begin(n.log, n.bounds[0].segment); err != nil {
			return err
		}
		n.bounds = n.bounds[1:]
	}
}

func (n *notary) write(name string, b []byte) error {
	f, err := n.log.opt.fs.Create(filepath.Join(n.log.dir, name))
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Close())
}

// writePartials writes the partial tiles of the present size in the place of
// those of the last run.
func (n *notary) writePartials() error {
	var names []string
	for _, t := range n.edge.partial() {
		name := t.name()
		names = append(names, name)
		if slices.Contains(n.partials, name) || slices.Contains(n.sealed, name) {
			continue
		}
		if err := n.write(name, t.bytes()); err != nil {
			return err
		}
	}
	old := n.partials
	n.partials = names
	return n.drop(old)
}

// drop removes partial tiles that are no longer of use.
func (n *notary) drop(names []string) error {
	for _, name := range names {
		if slices.Contains(n.partials, name) || slices.Contains(n.sealed, name) {
			continue
		}
		if err := n.log.opt.fs.Remove(filepath.Join(n.log.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// seal makes the tiles up to the beginning of a segment durable, and then says so
// in a file, from which recovery goes on.
func (n *notary) seal() error {
	for _, t := range n.edge.partial() {
		if name := t.name(); !slices.Contains(n.unsynced, name) {
			if err := n.write(name, t.bytes()); err != nil {
				return err
			}
			n.unsynced = append(n.unsynced, name)
		}
	}
	dirs := map[string]bool{}
	for _, name := range n.unsynced {
		full := filepath.Join(n.log.dir, name)
		f, err := n.log.opt.fs.Create(full)
		if err != nil {
			return err
		}
		err = f.Sync()
		if err := errors.Join(f.Close(), err); err != nil {
			return &syncError{err}
		}
		for d := filepath.Dir(full); len(d) >= len(n.log.dir) && !dirs[d]; d = filepath.Dir(d) {
			dirs[d] = true
		}
	}
	for d := range dirs {
		if err := n.log.opt.fs.SyncDir(d); err != nil {
			return err
		}
	}
	mark := marker{n.bounds[0].segment, segmentHeader, n.edge.size}
	if err := replaceFile(n.log.opt.fs, filepath.Join(n.log.dir, sealedFile), mark.encode(), true); err != nil {
		return err
	}
	if err := n.log.opt.fs.SyncDir(filepath.Join(n.log.dir, filepath.Dir(sealedFile))); err != nil {
		return &syncError{err}
	}
	old := n.sealed
	n.sealed = nil
	for _, t := range n.edge.partial() {
		n.sealed = append(n.sealed, t.name())
	}
	n.unsynced = nil
	return n.drop(old)
}

// sign signs a checkpoint on a tree that is durable, makes it durable, and shows
// it to others.
func (n *notary) sign(tree frontier) error {
	root := tree.root()
	if f := n.edge.frontier(); f.size != tree.size || f.root() != root {
		return errDiverged
	}
	signed, err := Checkpoint{n.log.origin, tree.size, root}.sign(n.signer)
	if err != nil {
		return err
	}
	return n.publish(tree.size, signed)
}

// publish makes a checkpoint durable, and shows it to others. mu is held.
func (n *notary) publish(size int64, signed []byte) error {
	if err := n.history.append(size, signed); err != nil {
		return err
	}
	// The history is the record; the others are copies for clients of C2SP
	// tlog-tiles and against a log that is put back.
	if err := replaceFile(n.log.opt.fs, filepath.Join(n.log.dir, checkpointFile), signed, false); err != nil {
		return err
	}
	if err := replaceFile(n.log.opt.fs, seenName(n.log.opt.KeyDir, n.log.origin), signed, false); err != nil {
		return err
	}
	now := n.log.opt.now()
	n.signedAt.Store(&now)
	n.signed.Store(size)
	return nil
}

// sealedFile says up to the beginning of which segment all tiles are durable, in
// the form of the marker.
const sealedFile = "tile/sealed"

// checkpointFile is the last checkpoint, where C2SP tlog-tiles has it.
const checkpointFile = "checkpoint"

// errDiverged is a fault of ours: the tiles and the tree are of the same leaves.
var errDiverged = errors.New("tiles and tree differ")

func (n *notary) close() error {
	if n.history.file == nil {
		return nil
	}
	return n.history.file.Close()
}

// begin goes on with the history of a segment.
func (h *history) begin(l *Log, segment int64) error {
	if h.file != nil && h.segment == segment {
		return nil
	}
	name := filepath.Join(l.dir, historyName(segment))
	_, end, err := readHistory(l.dir, historyName(segment))
	if err != nil {
		return err
	}
	f, err := l.opt.fs.Create(name)
	if err != nil {
		return err
	}
	if end > 0 {
		err = rewrite(f, name, 0, end)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.opt.fs.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return errors.Join(f.Close(), &syncError{err})
	}
	if h.file != nil {
		if err := h.file.Close(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	*h = history{segment: segment, file: f, offset: end}
	return nil
}

// append makes a checkpoint durable. After an error of writing, the next attempt
// overwrites it.
func (h *history) append(size int64, signed []byte) error {
	b := appendFrame(nil, frame{index: size, json: signed})
	if _, err := h.file.WriteAt(b, h.offset); err != nil {
		return err
	}
	if err := h.file.Sync(); err != nil {
		// Even where there is no room: what the kernel could not write it may have
		// dropped.
		return &syncError{err}
	}
	h.offset += int64(len(b))
	return nil
}

// syncError keeps a failed fdatasync from counting as want of room.
type syncError struct{ err error }

func (e *syncError) Error() string { return e.err.Error() }
