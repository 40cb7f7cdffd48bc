package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
)

// Replica is a copy of another's log, without personal parts: its records as they
// were recorded, its checkpoints as they were signed there. The directory is read
// and verified as the log's own is. Its methods are safe for concurrent use.
type Replica struct {
	log *Log
	key note.Verifier
	mu  sync.Mutex // one Append at a time: each begins where the one before it ended

	watched forgotten // what Forget knows of legal holds; guarded by the sealer's mu
}

// Errors of a replica.
var (
	// ErrOrder: the records do not go on where the replica ends. Nothing was taken.
	ErrOrder = errors.New("the records do not go on where the replica ends")
	// ErrFork: the checkpoint is not signed for the records that the replica has.
	// The records of the call were taken.
	ErrFork = errors.New("the checkpoint was signed for other records")
)

// replicaLimit bounds one call of [Replica.Append].
const replicaLimit = time.Minute

// OpenReplica opens the replica of the log of that origin in dir, or begins one.
// Checkpoints in it are to be signed by key, by a key that key followed, or by one
// that followed it. Options say where it is kept; signer and origin of theirs are
// not used.
func OpenReplica(dir, origin string, key note.Verifier, o Options) (*Replica, error) {
	if key == nil || origin == "" {
		return nil, errors.New("open a replica: it needs an origin and a key")
	}
	o.Origin, o.Signer, o.Verifier, o.foreign = origin, noSigner{key}, key, true
	l, err := Open(dir, o)
	if err != nil {
		return nil, err
	}
	if l.origin != origin {
		return nil, errors.Join(fmt.Errorf("open a replica: %s is one of %s", dir, l.origin), l.Close())
	}
	// The file says why a log may have records and no checkpoint.
	if err := replaceFile(l.opt.fs, filepath.Join(dir, replicaFile), []byte(origin+"\n"), true); err != nil {
		return nil, errors.Join(fmt.Errorf("open a replica: %w", err), l.Close())
	}
	return &Replica{log: l, key: key}, nil
}

// replicaFile marks the directory of a replica.
const replicaFile = "replica"

// IsReplica says whether a directory says of itself that it is a replica. Nobody signs
// that.
func IsReplica(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, replicaFile))
	return err == nil
}

// noSigner stands for a key that others have.
type noSigner struct{ note.Verifier }

func (noSigner) Sign([]byte) ([]byte, error) { return nil, errNotOurs }

var errNotOurs = errors.New("a replica signs nothing")

// Size gives the number of records, all of them durable.
func (r *Replica) Size() int64 { return r.log.Size() }

// Dir gives its directory.
func (r *Replica) Dir() string { return r.log.dir }

// Append adds records, the first of which is number Size, and a checkpoint that is
// signed for the size that they make. Either may be left out. Both are durable when
// it returns nil. It fails with [ErrOrder], [ErrTooLarge], [ErrCheckpoint],
// [ErrSignature], [ErrRetired], [ErrAnother] and [ErrFork], and with the causes of [Log.Record].
func (r *Replica) Append(ctx context.Context, first int64, cores [][]byte, checkpoint []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.log
	ctx, cancel := context.WithTimeout(ctx, replicaLimit)
	defer cancel()
	if first != l.Size() {
		return ErrOrder
	}
	for len(cores) > 0 {
		n, err := l.appendCores(ctx, cores)
		if err != nil {
			return err
		}
		if err := r.learn(cores[:n]); err != nil {
			return err
		}
		cores = cores[n:]
	}
	if checkpoint == nil {
		return nil
	}
	return r.adopt(checkpoint)
}

// appendCores appends as many records as one call takes, and gives their number.
func (l *Log) appendCores(ctx context.Context, cores [][]byte) (int, error) {
	c := &call{done: make(chan error, 1), began: l.opt.now()}
	for _, b := range cores {
		size := frameSize(len(b))
		if len(c.records) > 0 && int64(c.bytes+size) > min(callLimit, l.opt.Segment-segmentHeader)/2 {
			break
		}
		if len(b) == 0 || len(b) > MaxRecord {
			return 0, ErrTooLarge
		}
		c.buf = append(c.buf, b...)
		c.records = append(c.records, written{len(b), 0})
		c.leaves = append(c.leaves, tlog.RecordHash(b))
		c.bytes += size
	}
	if err := l.enqueue(c); err != nil {
		return 0, err
	}
	select {
	case err := <-c.done:
		return len(c.records), err
	case <-ctx.Done():
		// What became of the call is known only when the replica is opened anew.
		l.fail(ErrTimeout)
		return 0, ErrTimeout
	}
}

// learn keeps the statements of keys that the records hold.
func (r *Replica) learn(cores [][]byte) error {
	for _, b := range cores {
		e := Record{JSON: b}
		if !mentions(e, "rotate") {
			continue
		}
		ev, err := e.Event()
		if err != nil || ev.Kind != proxy.EventAdmin || ev.Admin == nil || ev.Admin.Action != "rotate" {
			continue
		}
		s, err := openRotation([]byte(ev.Admin.Signed))
		if err != nil || s.origin != r.log.origin {
			continue // verification says what it thinks of that
		}
		name := filepath.Join(r.log.dir, rotationsFile)
		old, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if bytes.Contains(old, s.signed) {
			continue
		}
		if len(old) > 0 {
			old = append(old, rotationRule...)
		}
		if err := replaceFile(r.log.opt.fs, name, append(old, s.signed...), true); err != nil {
			return err
		}
		if err := r.log.opt.fs.SyncDir(r.log.dir); err != nil {
			return err
		}
	}
	return nil
}

// adopt makes a checkpoint of the log's owner durable.
func (r *Replica) adopt(signed []byte) error {
	l := r.log
	stated, err := readRotations(l.dir)
	if err != nil {
		return err
	}
	c, err := newRing(r.key, l.origin, stated).Open(signed)
	if err != nil {
		return err
	}
	if c.Size == l.notary.signed.Load() && c.Size == l.Size() {
		return nil // it was said before
	}
	if err := l.notary.run(); err != nil {
		return err
	}
	n := l.notary
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.edge.frontier()
	if f.size != c.Size || f.root() != c.Root {
		return ErrFork
	}
	if err := n.publish(c.Size, signed); err != nil {
		l.fail(err)
		return err
	}
	return nil
}

// Failed gives why the replica has failed for good, wrapping [ErrFailed], or nil.
func (r *Replica) Failed() error { return r.log.Failed() }

// Close writes what waits and lets the directory go.
func (r *Replica) Close() error { return r.log.Close() }
