package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
)

// remedy is what to do with a log that is not as it must be.
const remedy = "keep it as evidence: move the directory away and start a new log, or put back a copy that ends no earlier; `ostiary audit verify` says more"

// ErrLocked: another process has the log open for appending.
var ErrLocked = errors.New("another process writes this audit log")

// Open opens the log in dir for appending, makes it where there is none, and
// recovers it after a crash: every event that was acknowledged is there, what was
// cut off is removed and counted in [Recovery], and the tree agrees with the last
// signed checkpoint. A log of which that cannot be said is not opened; the error
// is a [*Damage]. [ErrLocked] means that another process has it.
func Open(dir string, o Options) (*Log, error) {
	dir = filepath.Clean(dir)
	o = o.withDefaults(dir)
	if (o.Signer == nil) != (o.Verifier == nil) {
		return nil, errors.New("open the audit log: a signer and its verifier belong together")
	}
	if inside(dir, o.KeyDir) {
		return nil, fmt.Errorf("open the audit log: the key directory %s lies inside the log", o.KeyDir)
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("make the audit log's directory: %w", err)
	}
	held, ok, err := lockDir(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("lock the audit log: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	l := &Log{
		dir: dir, opt: o, lock: held,
		queue: make(chan *call, queueCalls), stopped: make(chan struct{}),
	}
	l.encoders.New = func() any { return newEncoder() }
	l.calls.New = func() any { return &call{done: make(chan error, 1)} }
	l.writer = &writer{log: l}
	l.spares = &spares{log: l, kick: make(chan struct{}, 1)}
	l.notary = &notary{log: l, signer: o.Signer, kick: make(chan struct{}, 1), first: true}
	l.sealer = &sealer{log: l, kick: make(chan struct{}, 1)}
	rotated, err := l.resumeRotation()
	if err == nil {
		err = l.start()
	}
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	l.done.Add(4)
	go l.sealer.run()
	go l.writer.run()
	go l.spares.run()
	go l.notary.loop()
	if rotated != nil {
		a := Act{Code: "scheduled", Role: "admin"}
		ctx, cancel := context.WithTimeout(context.Background(), resumeLimit)
		defer cancel()
		if err := l.record(ctx, []*proxy.Event{l.rotationEvent(rotated, a)}); err != nil {
			return nil, errors.Join(fmt.Errorf("complete the rotation of the key: %w", err), l.Close())
		}
	}
	if err := l.sealer.resume(); err != nil {
		return nil, errors.Join(fmt.Errorf("complete an erasure: %w", err), l.Close())
	}
	return l, nil
}

// inside says whether a path lies in dir.
func inside(dir, path string) bool {
	a, err1 := filepath.Abs(dir)
	b, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return true
	}
	rel, err := filepath.Rel(a, b)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// start loads the key and recovers or makes the log.
func (l *Log) start() error {
	if err := l.loadKey(); err != nil {
		return err
	}
	list, err := listSegments(l.dir)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	used, damage, err := begun(l.dir, list)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	if damage != nil {
		damage.Remedy = remedy
		return damage
	}
	if m := pruned(l.dir); m.segment > 0 {
		n := 0
		for n < len(used) && used[n].number < m.segment {
			n++
		}
		if err := l.sealer.remove(used[:n]); err != nil {
			return fmt.Errorf("remove segments that retention removed: %w", err)
		}
		list, used = list[n:], used[n:]
	}
	for _, s := range list[len(used):] { // prepared and never begun: made anew
		if err := l.opt.fs.Remove(filepath.Join(l.dir, s.name)); err != nil {
			return fmt.Errorf("remove a segment that was not begun: %w", err)
		}
	}
	if l.writer.marker, err = l.opt.fs.Create(filepath.Join(l.dir, committedFile)); err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	r := &recovery{log: l, used: used}
	if len(used) == 0 {
		err = r.fresh()
	} else {
		err = r.run()
	}
	if err != nil {
		return errors.Join(err, l.writer.marker.Close())
	}
	l.writer.size.Store(l.writer.tree.size)
	l.notary.inbox.tree = l.writer.tree.clone()
	if l.writer.tree.size == 0 && !l.opt.foreign {
		// A log has a checkpoint from the beginning, so that one without is known
		// to have lost it.
		l.notary.signed.Store(-1)
		if err := l.notary.run(); err != nil {
			return fmt.Errorf("sign the first checkpoint: %w", errors.Join(err, l.writer.close()))
		}
	}
	l.recovery.Records = l.writer.tree.size
	err = l.opt.fs.SyncDir(l.dir)
	if err == nil && l.recovery.New {
		err = l.opt.fs.SyncDir(filepath.Dir(l.dir))
	}
	if err != nil {
		return fmt.Errorf("open the audit log: %w", errors.Join(err, l.writer.close()))
	}
	return nil
}

func (l *Log) loadKey() error {
	signer, v := l.opt.Signer, l.opt.Verifier
	l.public = strings.TrimSpace(l.opt.Public)
	if signer == nil {
		var public string
		var err error
		if signer, public, err = loadKey(l.opt.KeyDir, hostLabel(), l.opt.random); err != nil {
			return err
		}
		if v, err = NewVerifier([]byte(public)); err != nil {
			return err
		}
		l.public = public
		// A hint for people: a copy inside the log proves nothing.
		hint := filepath.Join(l.dir, publicFile)
		if old, err := os.ReadFile(hint); err != nil || strings.TrimSpace(string(old)) != public {
			if err := replaceFile(l.opt.fs, hint, []byte(public+"\n"), true); err != nil {
				return fmt.Errorf("write the verifier key: %w", err)
			}
		}
	}
	if signer.Name() != v.Name() || signer.KeyHash() != v.KeyHash() {
		return errors.New("the log's signing key and its verifier key are not of one pair")
	}
	l.notary.signer, l.verifier = signer, v
	return nil
}

// recovery brings a log to the state that its files prove.
type recovery struct {
	log  *Log
	used []segmentFile

	keys   *Ring
	last   *Checkpoint // the greatest that is signed
	place  string      // where it was found
	tree   frontier    // of what was scanned
	leaves []tlog.Hash // of what was scanned after the seal
	sealed marker
	offset int64 // behind the last good frame of the last segment
	torn   int64
}

// fresh makes a new log. Where anything says that there was one, it refuses.
func (r *recovery) fresh() error {
	l := r.log
	if m, ok := readMarker(l.dir, committedFile); ok && m.size > 0 {
		return &Damage{Place: "segments", Index: 0, Why: fmt.Sprintf("are gone, and %d records had been acknowledged", m.size), Remedy: remedy}
	}
	for _, name := range []string{checkpointFile, "checkpoints"} {
		if _, err := os.Stat(filepath.Join(l.dir, name)); err == nil {
			return &Damage{Place: "segments", Index: 0, Why: "are gone, and " + name + " is there", Remedy: remedy}
		}
	}
	l.origin = l.opt.Origin
	if l.origin == "" {
		var err error
		if l.origin, err = newOrigin(hostLabel(), l.opt.random); err != nil {
			return err
		}
	}
	if len(l.origin) > originLimit || strings.ContainsAny(l.origin, "\n\r") {
		return fmt.Errorf("the log's origin is longer than %d bytes or more than one line", originLimit)
	}
	if err := r.refuseSeen(); err != nil {
		return err
	}
	// Before there is a segment: a log without it is one whose holds are not known.
	if err := l.sealer.writeHolds([]Hold{}); err != nil {
		return r.noFirst(err)
	}
	if err := l.spares.prepare(min(firstSegment, l.opt.Segment)); err != nil {
		return r.noFirst(err)
	}
	s := l.spares.ready[0]
	l.spares.ready = nil
	err := fill(s.file, 0, s.size)
	if err == nil {
		err = l.writer.begin(&s.segment)
	}
	if err == nil {
		err = l.writer.marker.Sync()
	}
	if err == nil {
		err = l.notary.history.begin(l, s.number)
	}
	if err != nil {
		return r.noFirst(errors.Join(err, s.file.Close()))
	}
	l.recovery.New = true
	return nil
}

func (r *recovery) noFirst(err error) error {
	if noSpace(err) {
		return fmt.Errorf("%w (%s): %d MiB are needed to begin", ErrNoSpace, r.log.dir, min(firstSegment, r.log.opt.Segment)>>20)
	}
	return fmt.Errorf("begin the audit log: %w", err)
}

// refuseSeen refuses a new log under the name of one that had records.
func (r *recovery) refuseSeen() error {
	b, err := os.ReadFile(seenName(r.log.opt.KeyDir, r.log.origin))
	if err != nil {
		return nil
	}
	c, err := OpenCheckpoint(b, r.log.verifier)
	if err == nil && c.Origin == r.log.origin && c.Size > 0 {
		return &Damage{Place: r.log.dir, Index: 0, Why: fmt.Sprintf("is empty, and a log of this name had %d records", c.Size), Remedy: remedy + "; a new log needs a new origin"}
	}
	return nil
}

func (r *recovery) run() error {
	l := r.log
	l.origin = r.used[0].header.origin
	if first, m := r.used[0], pruned(l.dir); first.number != m.segment || first.header.tree.size != m.size {
		return &Damage{Place: segmentName(m.segment), Index: m.size, Why: "is missing", Remedy: remedy}
	}
	if err := r.checkpoints(); err != nil {
		return err
	}
	if err := r.scan(); err != nil {
		return err
	}
	if err := r.compare(); err != nil {
		return err
	}
	return r.resume()
}

// checkpoints finds the greatest checkpoint that our key has signed.
func (r *recovery) checkpoints() error {
	l := r.log
	rotations, err := readRotations(l.dir)
	if err != nil {
		return err
	}
	r.keys = newRing(l.verifier, l.origin, rotations)
	var found []signedNote
	for i := len(r.used) - 1; i >= 0; i-- {
		notes, _, err := readHistory(l.dir, historyName(r.used[i].number))
		if err != nil {
			return fmt.Errorf("read the checkpoints: %w", err)
		}
		if len(notes) > 0 {
			found = append(found, notes[len(notes)-1])
			break
		}
	}
	for _, name := range []string{filepath.Join(l.dir, checkpointFile), seenName(l.opt.KeyDir, l.origin)} {
		b, err := os.ReadFile(name)
		if err == nil && len(b) > 0 {
			found = append(found, signedNote{name, b})
		}
	}
	for _, s := range found {
		c, err := r.keys.Open(s.note)
		switch {
		case errors.Is(err, ErrRetired):
			return &Damage{Place: s.place, Index: -1, Why: "is signed by a key that was not this log's at that size", Remedy: remedy}
		case errors.Is(err, ErrAnother):
			return &Damage{Place: s.place, Index: -1, Why: "is a checkpoint of another log", Remedy: remedy}
		case errors.Is(err, ErrSignature):
			return &Damage{Place: s.place, Index: -1, Why: "is not signed by this key (" + l.verifier.Name() + ")",
				Remedy: "name the key directory that belongs to this log, or " + remedy}
		case err != nil && strings.HasPrefix(s.place, "checkpoints"):
			return &Damage{Place: s.place, Index: -1, Why: "holds what is not a checkpoint", Remedy: remedy}
		case err != nil:
			continue // the copies are not synchronised and may be torn
		}
		if r.last == nil || c.Size > r.last.Size {
			r.last, r.place = &c, s.place
		} else if c.Size == r.last.Size && c.Root != r.last.Root {
			return &Damage{Place: s.place, Index: -1, Why: "and " + r.place + " are signed for the same size and differ", Remedy: remedy}
		}
	}
	return nil
}

// scan reads the records from the segment of the last checkpoint on, or from that
// up to which tiles are durable.
func (r *recovery) scan() error {
	l := r.log
	first := len(r.used) - 1
	for first > 0 && r.last != nil && r.used[first].header.tree.size > r.last.Size {
		first--
	}
	if r.last == nil {
		first = 0
	}
	first = min(first, r.loadSeal())
	r.tree = r.used[first].header.tree.clone()
	if l.notary.edge.size == 0 && r.tree.size > 0 {
		return &Damage{Place: sealedFile, Index: -1, Why: "cannot be read, and the records that tiles could be made of were removed by retention",
			Remedy: "put back the directory tile of a copy, or " + remedy}
	}
	for i := first; i < len(r.used); i++ {
		s := r.used[i]
		h := s.header
		if h.origin != l.origin || h.tree.size != r.tree.size || h.tree.root() != r.tree.root() {
			return &Damage{Place: s.name, Index: r.tree.size, Why: "does not go on from the segment before it", Remedy: remedy}
		}
		if err := r.check(); err != nil {
			return err
		}
		if err := r.segment(s, i == len(r.used)-1); err != nil {
			return err
		}
	}
	return nil
}

// loadSeal loads the tiles' right edge at the last seal, and gives the number in
// used of the segment that begins there; 0 where tiles are to be made anew.
func (r *recovery) loadSeal() int {
	l := r.log
	m, ok := readMarker(l.dir, sealedFile)
	if !ok {
		return 0
	}
	for i, s := range r.used {
		if s.number != m.segment || s.header.tree.size != m.size {
			continue
		}
		e, names, ok := loadEdge(l.dir, m.size)
		if f := e.frontier(); !ok || f.root() != s.header.tree.root() {
			return 0
		}
		l.notary.edge, l.notary.sealed, r.sealed = e, names, m
		return i
	}
	return 0
}

// loadEdge reads the partial tiles of a tree of that size.
func loadEdge(dir string, size int64) (edge, []string, bool) {
	e := edge{size: size}
	var names []string
	for level, width := range partialWidths(size) {
		e.levels = append(e.levels, nil)
		if width == 0 {
			continue
		}
		name := tileName(level, size>>(tileHeight*(level+1)), width)
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(b) != width*tlog.HashSize {
			return edge{}, nil, false
		}
		for ; len(b) > 0; b = b[tlog.HashSize:] {
			e.levels[level] = append(e.levels[level], tlog.Hash(b[:tlog.HashSize]))
		}
		names = append(names, name)
	}
	return e, names, true
}

// segment scans one segment. Only the last may end with a torn write.
func (r *recovery) segment(s segmentFile, last bool) error {
	sc, err := openScan(r.log.dir, s, segmentHeader, false)
	if errors.Is(err, errBad) {
		return &Damage{Place: s.name, Index: r.tree.size, Why: "cannot be read", Remedy: remedy}
	}
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	defer sc.close()
	for {
		at := sc.offset
		fr, err := sc.next()
		if err == nil && fr.index != r.tree.size {
			sc.offset, err = at, errBad
		}
		switch {
		case err == nil:
		case errors.Is(err, errEnd) && !last:
			return nil
		case (errors.Is(err, errEnd) || errors.Is(err, errBad)) && last:
			return r.tail(s, sc)
		case errors.Is(err, errBad):
			return &Damage{Place: s.name, Index: r.tree.size, Why: "cannot be read at byte " + strconv.FormatInt(at, 10), Remedy: remedy}
		default:
			return fmt.Errorf("read the audit log: %w", err)
		}
		leaf := tlog.RecordHash(fr.json)
		r.tree.add(leaf)
		if r.tree.size > r.sealed.size {
			r.leaves = append(r.leaves, leaf)
		}
		r.log.recovery.Scanned++
		if err := r.check(); err != nil {
			return err
		}
	}
}

// check compares the tree with the last checkpoint where they are of one size.
func (r *recovery) check() error {
	if r.last != nil && r.tree.size == r.last.Size && r.tree.root() != r.last.Root {
		return &Damage{Place: r.place, Index: -1, Why: "was signed for other records than those that are there", Remedy: remedy}
	}
	return nil
}

// tail looks at what follows the last good record: nothing, a write that a crash
// cut off, or records that were durable and cannot be read any more.
func (r *recovery) tail(s segmentFile, sc *scanner) error {
	r.offset = sc.offset
	used, durable, err := sc.rest(r.tree.size)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	if durable > r.offset {
		return &Damage{Place: s.name, Index: r.tree.size, Remedy: remedy,
			Why: fmt.Sprintf("cannot be read at byte %d, and later records say that it was durable", r.offset)}
	}
	r.torn = used
	return nil
}

// compare holds what was found against what must be there.
func (r *recovery) compare() error {
	l, last := r.log, r.used[len(r.used)-1]
	if r.last == nil && r.tree.size > 0 && !l.opt.foreign {
		return &Damage{Place: "checkpoints", Index: -1, Remedy: remedy,
			Why: fmt.Sprintf("are gone, and there are %d records", r.tree.size)}
	}
	if r.last != nil && r.last.Size > r.tree.size {
		return &Damage{Place: last.name, Index: r.tree.size, Remedy: remedy,
			Why: fmt.Sprintf("ends with %d records, but %s was signed for %d", r.tree.size, r.place, r.last.Size)}
	}
	m, ok := readMarker(l.dir, committedFile)
	if ok && m.size > r.tree.size {
		return &Damage{Place: last.name, Index: r.tree.size, Remedy: remedy,
			Why: fmt.Sprintf("ends with %d records, but %d had been acknowledged", r.tree.size, m.size)}
	}
	return nil
}

// resume makes the writer, the spares and the notary go on where the files end.
func (r *recovery) resume() error {
	l, last := r.log, r.used[len(r.used)-1]
	f, err := l.opt.fs.Create(filepath.Join(l.dir, last.name))
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	w := l.writer
	w.segment = &segment{last.number, last.size, f}
	w.offset, w.tree = r.offset, r.tree
	if err := r.harden(f); err != nil {
		return errors.Join(fmt.Errorf("recover the audit log: %w", err), f.Close())
	}
	l.spares.number = last.number + 1
	n := l.notary
	n.leaves = r.leaves
	for _, s := range r.used {
		if s.number > r.sealed.segment {
			n.bounds = append(n.bounds, bound{s.number, s.header.tree.size})
		}
	}
	if r.last != nil {
		n.signed.Store(r.last.Size)
	}
	if err := n.history.begin(l, r.sealed.segment); err != nil {
		return errors.Join(fmt.Errorf("open the checkpoints: %w", err), f.Close())
	}
	l.recovery.Torn = r.torn
	return nil
}

// harden makes the last segment durable as it was read. What was read may be in
// the kernel's memory only, and after a failed fdatasync the kernel takes it for
// written: so all that was not known to be durable is written again.
func (r *recovery) harden(f file) error {
	l := r.log
	from := int64(0) // with the header, whose synchronisation may have failed too
	if m, ok := readMarker(l.dir, committedFile); ok && m.segment == l.writer.segment.number && m.offset <= r.offset {
		from = m.offset
	}
	if err := rewrite(f, filepath.Join(l.dir, segmentName(l.writer.segment.number)), from, r.offset); err != nil {
		return err
	}
	if err := fill(f, r.offset, r.offset+r.torn); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := l.writer.marker.WriteAt(marker{l.writer.segment.number, r.offset, r.tree.size}.encode(), 0); err != nil {
		return err
	}
	return l.writer.marker.Sync()
}

// rewrite writes what a file holds between two offsets once more.
func rewrite(f file, name string, from, to int64) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	buf := make([]byte, min(scanWindow, max(to-from, 0)))
	for from < to {
		n := min(int64(len(buf)), to-from)
		if _, err := in.ReadAt(buf[:n], from); err != nil {
			return err
		}
		if _, err := f.WriteAt(buf[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}
