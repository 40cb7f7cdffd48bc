package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// sealer packs the segments that are full, behind everything else: the events into
// one pack, their personal parts into another that can be rewritten. Only when both
// are durable and read back as they were written is the segment itself removed.
type sealer struct {
	log  *Log
	kick chan struct{} // of one; wakes the goroutine

	mu      sync.Mutex // one pass at a time; whoever rewrites packs holds it too
	told    map[int64]bool
	lacking bool
}

// packPause is how long packing rests after each block, so that it does not keep a
// core from those who wait for a decision.
const packPause = time.Millisecond

func (s *sealer) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *sealer) run() {
	defer s.log.done.Done()
	for {
		select {
		case <-s.log.stopped:
			return
		case <-s.kick:
		}
		s.mu.Lock()
		_ = s.pass(true) // it has told of its error itself; the next segment tries again
		s.mu.Unlock()
	}
}

// pass packs every full segment whose tiles are durable. mu is held.
func (s *sealer) pass(gently bool) error {
	l := s.log
	mark, ok := readMarker(l.dir, sealedFile)
	if !ok {
		return nil
	}
	list, err := listSegments(l.dir)
	if err != nil {
		return err
	}
	for i, seg := range list {
		if seg.packed || seg.number >= mark.segment || i+1 >= len(list) || seg.header == nil || list[i+1].header == nil {
			continue
		}
		select {
		case <-l.stopped:
			if gently {
				return nil
			}
		default:
		}
		if err := s.pack(seg, list[i+1].header, gently); err != nil {
			s.tell(seg, err)
			return err
		}
		s.lacking = false
		if l.opt.Sealed != nil {
			l.opt.Sealed(seg.number)
		}
	}
	return nil
}

// tell raises an alarm once per condition. A segment that cannot be packed loses
// nothing: it stays as it is.
func (s *sealer) tell(seg segmentFile, err error) {
	switch {
	case noSpace(err):
		if !s.lacking {
			s.log.alarm(ErrNoSpace)
		}
		s.lacking = true
	case !s.told[seg.number]:
		if s.told == nil {
			s.told = map[int64]bool{}
		}
		s.told[seg.number] = true
		s.log.alarm(fmt.Errorf("a full segment of the audit log could not be packed, and stays as it is: %w", err))
	}
}

func (s *sealer) pack(seg segmentFile, next *header, gently bool) (err error) {
	l, fsys := s.log, s.log.opt.fs
	events, personal := sealedName(seg.number), personalName(seg.number)
	for _, name := range []string{events, personal} {
		for _, old := range []string{name, name + ".new"} {
			if err := fsys.Remove(filepath.Join(l.dir, old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	pause := func() {}
	if gently {
		pause = func() { time.Sleep(packPause) }
	}
	if err := s.write(seg, next, pause); err != nil {
		return err
	}
	if err := s.compare(seg, next); err != nil {
		return err
	}
	for _, name := range []string{personal, events} {
		if err := fsys.Rename(filepath.Join(l.dir, name+".new"), filepath.Join(l.dir, name)); err != nil {
			return err
		}
	}
	dir := filepath.Join(l.dir, "segments")
	if err := fsys.SyncDir(dir); err != nil {
		return &syncError{err}
	}
	if err := fsys.Remove(filepath.Join(l.dir, seg.name)); err != nil {
		return err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return &syncError{err}
	}
	return nil
}

// write writes both packs of a segment beside their places.
func (s *sealer) write(seg segmentFile, next *header, pause func()) (err error) {
	l := s.log
	sc, err := openScan(l.dir, seg, segmentHeader, true)
	if err != nil {
		return err
	}
	defer sc.close()
	var packs [2]*packer
	for i, name := range []string{sealedName(seg.number), personalName(seg.number)} {
		f, err := l.opt.fs.Create(filepath.Join(l.dir, name+".new"))
		if err != nil {
			return err
		}
		defer f.Close()
		if packs[i], err = newPacker(f, *seg.header, pause); err != nil {
			return err
		}
		defer packs[i].close()
	}
	tree := seg.header.tree.clone()
	for tree.size < next.tree.size {
		f, err := sc.next()
		if err != nil || f.index != tree.size {
			return s.damaged(seg, tree.size)
		}
		tree.add(tlog.RecordHash(f.json))
		if err := packs[0].add(f.index, f.json); err != nil {
			return err
		}
		if len(f.personal) > 0 {
			if err := packs[1].add(f.index, f.personal); err != nil {
				return err
			}
		}
	}
	if tree.root() != next.tree.root() {
		return s.damaged(seg, -1)
	}
	for _, p := range packs {
		if err := p.finish(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sealer) damaged(seg segmentFile, index int64) error {
	return &Damage{Place: seg.name, Index: index, Why: "does not hold what was recorded", Remedy: "`ostiary audit verify` says more"}
}

// errPack is a fault of ours: what was packed is not what was read back.
var errPack = errors.New("a pack does not hold what was packed")

// compare reads the packs back beside the segment.
func (s *sealer) compare(seg segmentFile, next *header) error {
	l := s.log
	raw, err := openScan(l.dir, seg, segmentHeader, true)
	if err != nil {
		return err
	}
	defer raw.close()
	sc := &scanner{}
	defer sc.close()
	if sc.events, err = openPack(filepath.Join(l.dir, sealedName(seg.number)+".new")); err != nil {
		return packFault(err)
	}
	if sc.personal, err = openPack(filepath.Join(l.dir, personalName(seg.number)+".new")); err != nil {
		return packFault(err)
	}
	for i := seg.header.tree.size; i < next.tree.size; i++ {
		a, err := raw.next()
		if err != nil {
			return s.damaged(seg, i)
		}
		b, err := sc.next()
		if err != nil {
			return packFault(err)
		}
		if a.index != b.index || !bytes.Equal(a.json, b.json) || !bytes.Equal(a.personal, b.personal) {
			return errPack
		}
	}
	return nil
}

func packFault(err error) error {
	if errors.Is(err, errBad) || errors.Is(err, errEnd) {
		return errPack
	}
	return err
}

// Seal begins a new segment and packs every one that is full, so that all personal
// parts of today's events lie where they can be erased. It returns when that is
// done. A log without records since the last segment begins none.
func (l *Log) Seal(ctx context.Context) error {
	l.sealer.mu.Lock()
	defer l.sealer.mu.Unlock()
	return l.sealer.seal(ctx)
}

// seal is Seal; the sealer's mu is held.
func (s *sealer) seal(ctx context.Context) error {
	l := s.log
	c := &call{rotate: true, done: make(chan error, 1), began: l.opt.now()}
	if err := l.enqueue(c); err != nil {
		return err
	}
	select {
	case err := <-c.done:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ErrTimeout
	}
	if err := l.notary.run(); err != nil {
		return err
	}
	return s.pass(false)
}

// rewritePersonal puts a new pack of personal parts in the place of a segment's:
// drop says which are erased. Of those an empty entry stays. The sealer's mu is
// held. It gives the number of parts that were erased.
func (s *sealer) rewritePersonal(seg segmentFile, drop func(index int64) bool) (int64, error) {
	l := s.log
	name := filepath.Join(l.dir, seg.personalName())
	old, err := openPack(name)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer old.close()
	if err := l.opt.fs.Remove(name + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	f, err := l.opt.fs.Create(name + ".new")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	p, err := newPacker(f, *seg.header, nil)
	if err != nil {
		return 0, err
	}
	defer p.close()
	var erased int64
	for {
		index, b, err := old.nextEntry()
		if errors.Is(err, errEnd) {
			break
		}
		if err != nil {
			return 0, &Damage{Place: seg.personalName(), Index: index, Why: "cannot be read", Remedy: "put back a copy of the file, or remove it: its personal parts are lost then, and no proof is"}
		}
		if len(b) > 0 && drop(index) {
			b, erased = nil, erased+1
		}
		if err := p.add(index, b); err != nil {
			return 0, err
		}
	}
	if erased == 0 {
		return 0, l.opt.fs.Remove(name + ".new")
	}
	if err := p.finish(); err != nil {
		return 0, err
	}
	if err := l.opt.fs.Rename(name+".new", name); err != nil {
		return 0, err
	}
	return erased, l.opt.fs.SyncDir(filepath.Dir(name))
}
