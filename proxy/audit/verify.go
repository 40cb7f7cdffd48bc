package audit

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy"
)

// Answer is what a verification says.
type Answer int

// The answers. Their numbers are the exit status of `ostiary audit verify`.
const (
	Good    Answer = iota // nothing was altered, as far as the notes say
	Altered               // something was
	Unclear               // it could not be told
)

// String gives the answer's name.
func (a Answer) String() string {
	switch a {
	case Good:
		return "good"
	case Altered:
		return "altered"
	}
	return "unclear"
}

// VerifyOptions are what a verification trusts. Both must come from outside the
// log's directory: whoever can alter the log can alter what lies in it.
type VerifyOptions struct {
	// Key is the verifier key. Without one, the answer is Unclear at best.
	Key note.Verifier
	// Checkpoint is a signed checkpoint seen before. Without one, a log that was
	// put back to an older state cannot be told from a young one, and the answer
	// is Unclear at best.
	Checkpoint []byte
	// From skips the segments that end before this record, and To stops at the
	// first checkpoint that covers the record before it: a range is proven by the
	// checkpoints behind its records. 0 means from the beginning, and to the end.
	From, To int64
	// Replica says that it is known, from outside, where the directory lies: with a
	// collector. What the mark of a replica says was removed is noted then. Otherwise the
	// answer is Unclear: whoever removes the beginning of a log can write such a mark. Of
	// a directory that does not say that it is a replica it changes nothing.
	Replica bool
}

// Report is the result of a verification.
type Report struct {
	Answer Answer
	Origin string
	First  int64     // index of the first record that is there; what is before was removed by retention
	Size   int64     // records that can be read, those before First counted
	Signed int64     // of them, under a checkpoint that the key has signed
	Root   tlog.Hash // of Size records
	// FirstBad is the index of the first record that is altered or missing, -1
	// where none is. Where it cannot be told exactly, it lies from FirstBad to
	// before Until; else Until is FirstBad+1.
	FirstBad, Until int64
	Altered         []string // what is not as it must be
	Unclear         []string // what could not be told
	Notes           []string
}

// refineLimit is how many leaves are kept to find the first bad record between
// two checkpoints.
const refineLimit = 4 << 20

// Verify reads a whole log and compares it with what was signed. It does not need
// the log to be at rest. It fails only where files cannot be read, or where there
// is no log ([ErrNoLog]).
//
// What it does not prove: that what was recorded is true, and that a host that was
// broken into before a record was signed recorded all.
func Verify(dir string, o VerifyOptions) (*Report, error) {
	v := &verification{dir: filepath.Clean(dir), options: o, report: &Report{FirstBad: -1, Until: -1}}
	if err := v.run(); err != nil {
		return nil, err
	}
	return v.report, nil
}

type verification struct {
	dir     string
	options VerifyOptions
	report  *Report

	key    note.Verifier
	keys   *Ring
	stated []*rotation // of keys
	points []point     // by size

	tree     frontier
	agree    frontier    // at the greatest checkpoint passed that agrees
	since    []tlog.Hash // leaves after agree
	bad      bool        // the scan ended early, at tree.size
	recorded []string    // statements of keys that events hold
	gone     int64       // records that retention events say were removed
	copy     bool        // the directory says that it is a replica
	mark     forgotten   // of a replica
}

// point is a checkpoint that the key has signed.
type point struct {
	Checkpoint
	place string
}

func (v *verification) altered(format string, args ...any) {
	v.report.Altered = append(v.report.Altered, fmt.Sprintf(format, args...))
}

func (v *verification) unclear(format string, args ...any) {
	v.report.Unclear = append(v.report.Unclear, fmt.Sprintf(format, args...))
}

func (v *verification) run() error {
	r := v.report
	// What is durable now is what the log is held to.
	mark, marked := readMarker(v.dir, committedFile)
	if err := v.trust(); err != nil {
		return err
	}
	found, err := v.gather()
	if err != nil {
		return err
	}
	list, err := listSegments(v.dir)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	list, damage, err := begun(v.dir, list)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	if len(list) == 0 && damage == nil && len(found) == 0 && !marked {
		return fmt.Errorf("%w in %s", ErrNoLog, v.dir)
	}
	if len(list) > 0 {
		r.Origin = list[0].header.origin
	}
	if v.stated, err = readRotations(v.dir); err != nil {
		var d *Damage
		if !errors.As(err, &d) {
			return fmt.Errorf("read the audit log: %w", err)
		}
		v.altered("%s %s", d.Place, d.Why)
	}
	r.First, v.tree = started(list)
	// The mark is durable before anything is removed: it is read after what there is.
	if err := v.marks(); err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	if from := v.options.From; from > r.First {
		for len(list) > 1 && list[1].header.tree.size <= from {
			list = list[1:]
		}
		if _, v.tree = started(list); v.tree.size > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("records before %d were not looked at", v.tree.size))
		}
	}
	v.agree = v.tree.clone()
	v.judge(found)
	if damage != nil {
		v.altered("%s %s", damage.Place, damage.Why)
	}
	if err := v.scan(list); err != nil {
		return err
	}
	r.Size, r.Root = v.tree.size, v.tree.root()
	v.ends(mark, marked)
	if damage != nil && r.FirstBad < 0 {
		v.locate(v.tree.size, v.tree.size+1)
	}
	switch {
	case len(r.Altered) > 0:
		r.Answer = Altered
	case len(r.Unclear) > 0:
		r.Answer = Unclear
	}
	return nil
}

// marks reads what a replica says was removed from it.
func (v *verification) marks() error {
	if v.copy = exists(filepath.Join(v.dir, replicaFile)); !v.copy {
		return nil
	}
	var err error
	v.mark, err = readForgotten(v.dir)
	var d *Damage
	if errors.As(err, &d) {
		v.altered("%s %s", d.Place, d.Why)
		return nil
	}
	if err == nil && v.mark.To > 0 && v.mark.To == v.report.First && v.mark.Root != v.tree.root() {
		v.altered("%s was written for other records than the %d that were removed", forgottenFile, v.mark.To)
	}
	return err
}

// excused says what a missing beginning of the log means: nothing bad if an event of
// retention tells of it or, of a replica, the replica's mark.
func (v *verification) excused() bool {
	r := v.report
	switch {
	case r.First == 0:
	case v.copy && r.First > v.mark.To:
		// The log's own events tell what was removed from the log, not from a copy of it.
		v.altered("the first %d records are not there, and the mark of the replica, %s, says that %d were removed", r.First, forgottenFile, v.mark.To)
		if !v.bad {
			v.locate(v.mark.To, v.mark.To+1)
		}
		return false
	case v.copy:
		said := fmt.Sprintf("the first %d records were removed from this replica, by its mark: first at %s, last at %s", r.First, v.mark.Since, v.mark.Last)
		if v.options.Replica {
			r.Notes = append(r.Notes, said+". Nobody signs that mark; the collector's own log tells of it")
			break
		}
		v.unclear("%s. Nobody signs that mark, and no one but the directory itself says that it is a replica", said)
	case r.First > v.gone:
		v.altered("the first %d records are not there, and no event of retention says that they were removed", r.First)
		if !v.bad {
			v.locate(v.gone, v.gone+1)
		}
		return false
	default:
		r.Notes = append(r.Notes, fmt.Sprintf("the first %d records were removed by retention, as an event says", r.First))
	}
	return true
}

// trust chooses the key.
func (v *verification) trust() error {
	v.key = v.options.Key
	if v.key != nil {
		return nil
	}
	v.unclear("no key from outside the log was given: whoever altered the log may have signed it anew")
	b, err := os.ReadFile(filepath.Join(v.dir, publicFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	if v.key, err = NewVerifier(b); err != nil {
		v.key = nil
		v.altered("%s holds no verifier key", publicFile)
	}
	return nil
}

// outside is the place of the checkpoint that was given.
const outside = "the checkpoint from outside the log"

// gather reads the checkpoints that are to agree with the records. It comes
// before the records are listed: while the log is appended to, there may be more
// records than these speak of, and not fewer.
func (v *verification) gather() ([]signedNote, error) {
	var found []signedNote
	names, err := os.ReadDir(filepath.Join(v.dir, "checkpoints"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the checkpoints: %w", err)
	}
	for _, e := range names {
		if historyPattern.MatchString(e.Name()) {
			notes, _, err := readHistory(v.dir, filepath.Join("checkpoints", e.Name()))
			if err != nil {
				return nil, fmt.Errorf("read the checkpoints: %w", err)
			}
			found = append(found, notes...)
		}
	}
	if b, err := os.ReadFile(filepath.Join(v.dir, checkpointFile)); err == nil {
		found = append(found, signedNote{checkpointFile, b})
	}
	if len(v.options.Checkpoint) > 0 {
		found = append(found, signedNote{outside, v.options.Checkpoint})
	}
	return found, nil
}

// judge sorts the checkpoints that the key has signed, and says what is wrong
// with the others.
func (v *verification) judge(found []signedNote) {
	if len(v.options.Checkpoint) == 0 {
		v.unclear("no checkpoint from outside the log was given: it may have been put back to an older state")
	}
	if v.key == nil {
		v.unclear("there is no verifier key: no checkpoint was checked")
		return
	}
	v.keys = newRing(v.key, v.report.Origin, v.stated)
	for _, s := range found {
		c, err := v.keys.Open(s.note)
		switch {
		case errors.Is(err, ErrAnother):
			v.altered("%s is of another log (%s)", s.place, c.Origin)
		case errors.Is(err, ErrRetired):
			v.altered("%s holds a checkpoint that is signed by a key that was not the log's at that size", s.place)
		case errors.Is(err, ErrSignature):
			v.altered("%s holds a checkpoint that the key %s has not signed", s.place, v.key.Name())
		case err != nil && s.place == checkpointFile:
			v.report.Notes = append(v.report.Notes, "the copy of the last checkpoint cannot be read; the history of checkpoints was used")
		case err != nil:
			v.altered("%s holds what is not a checkpoint", s.place)
		default:
			v.points = append(v.points, point{c, s.place})
		}
	}
	slices.SortStableFunc(v.points, func(a, b point) int { return cmp.Compare(a.Size, b.Size) })
	for i := 1; i < len(v.points); i++ {
		if a, b := v.points[i-1], v.points[i]; a.Size == b.Size && a.Root != b.Root {
			v.altered("two checkpoints are signed for %d records and differ (%s, %s): the log was forked", a.Size, a.place, b.place)
		}
	}
	switch {
	case len(v.points) > 0:
	case len(found) == 0 && exists(filepath.Join(v.dir, replicaFile)):
		v.unclear("it is a replica, and no checkpoint of the log has come yet")
	default:
		v.altered("there is no checkpoint that the key %s has signed", v.key.Name())
	}
}

// scan reads all records and compares the tree with each checkpoint on the way.
func (v *verification) scan(list []segmentFile) error {
	next := 0
	for next < len(v.points) && v.points[next].Size < v.tree.size {
		next++ // of records that are not there any more
	}
	next = v.passed(next)
	for i, s := range list {
		if v.done() {
			return nil
		}
		h := s.header
		if h.tree.size != v.tree.size || h.tree.root() != v.tree.root() || h.origin != v.report.Origin {
			v.altered("%s does not go on from the records before it (it states %d of them, there are %d)", s.name, h.tree.size, v.tree.size)
			v.bad = true
			return nil
		}
		sc, err := openScan(v.dir, s, segmentHeader, false)
		if errors.Is(err, errBad) {
			v.altered("%s cannot be read", s.name)
			v.bad = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		next, err = v.segment(sc, s, next)
		if err == nil && !v.bad && !v.done() {
			err = v.after(sc, s, i == len(list)-1)
		}
		if err := errors.Join(err, sc.close()); err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		if v.bad {
			return nil
		}
	}
	return nil
}

// segment reads the records of one segment.
func (v *verification) segment(sc *scanner, s segmentFile, next int) (int, error) {
	for !v.bad && !v.done() {
		at := sc.offset
		fr, err := sc.next()
		if err == nil && fr.index != v.tree.size {
			sc.offset, err = at, errBad
		}
		if errors.Is(err, errEnd) || errors.Is(err, errBad) {
			return next, nil
		}
		if err != nil {
			return next, err
		}
		leaf := tlog.RecordHash(fr.json)
		v.tree.add(leaf)
		v.told(fr.json)
		if len(v.since) < refineLimit {
			v.since = append(v.since, leaf)
		}
		next = v.passed(next)
	}
	return next, nil
}

// told notes how many records an event of retention says were removed, and the
// statements of keys that are recorded.
func (v *verification) told(json []byte) {
	e := Record{JSON: json}
	if !(v.report.First > 0 && mentions(e, proxy.EventRetention)) && !(len(v.stated) > 0 && mentions(e, "rotate")) {
		return
	}
	ev, err := e.Event()
	if err == nil && ev.Kind == proxy.EventAdmin && ev.Admin != nil && ev.Admin.Action == "rotate" {
		v.recorded = append(v.recorded, ev.Admin.Signed)
	}
	if err == nil && ev.Kind == proxy.EventRetention && ev.Admin != nil && ev.Admin.Action == "retain" {
		v.gone = max(v.gone, ev.Admin.To)
	}
}

// done says whether the range that was asked for is covered by a checkpoint.
func (v *verification) done() bool { return v.options.To > 0 && v.agree.size >= v.options.To }

// passed compares the tree with the checkpoints of its size.
func (v *verification) passed(next int) int {
	for first := next; next < len(v.points) && v.points[next].Size <= v.tree.size; next++ {
		p := v.points[next]
		if p.Root != v.tree.root() {
			v.altered("the first %d records are not those that %s was signed for", p.Size, p.place)
			v.bad = true
			return first // none of this size counts as agreed
		}
	}
	if n := next - 1; n >= 0 && v.points[n].Size == v.tree.size && v.agree.size < v.tree.size {
		v.report.Signed = v.tree.size
		v.agree, v.since = v.tree.clone(), v.since[:0]
	}
	return next
}

// after looks at what follows the last good record of a segment.
func (v *verification) after(sc *scanner, s segmentFile, last bool) error {
	at := sc.offset
	used, durable, err := sc.rest(v.tree.size)
	if err != nil {
		return err
	}
	switch {
	case used > 0 && (!last || durable > at):
		v.altered("%s cannot be read at byte %d, where record %d should be", s.name, at, v.tree.size)
		v.bad = true
	case used > 0:
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%s ends with %d bytes of a write that is under way or was cut off", s.name, used))
	}
	return nil
}

// ends says what the end of the records means, and finds the first bad one.
func (v *verification) ends(mark marker, marked bool) {
	r := v.report
	if v.done() && !v.bad {
		r.Notes = append(r.Notes, fmt.Sprintf("records from %d on were not looked at", v.tree.size))
		return
	}
	if n := len(v.points); n > 0 && !v.bad && v.points[n-1].Size > v.tree.size {
		p := v.points[n-1]
		v.altered("there are %d records, but %s was signed for %d: the log was cut off or put back", v.tree.size, p.place, p.Size)
		v.bad = true
	}
	if marked && !v.bad && mark.size > v.tree.size {
		v.altered("there are %d records, but %d had been acknowledged", v.tree.size, mark.size)
		v.bad = true
	}
	for _, s := range v.stated {
		if !v.bad && s.size >= max(r.First, v.options.From) && !slices.Contains(v.recorded, string(s.signed)) {
			v.altered("%s states a rotation of the key at %d records, and no event tells of it", rotationsFile, s.size)
		}
	}
	if n := len(v.stated); n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("the log's key was followed by another %d times, by statements that both keys signed", n))
	}
	if !v.excused() && !v.bad {
		return
	}
	if v.bad {
		v.first()
		return
	}
	if r.Signed < r.Size {
		r.Notes = append(r.Notes, fmt.Sprintf("the last %d records are not under a checkpoint yet", r.Size-r.Signed))
	}
}

// first finds the first bad record after the last checkpoint that agrees. The
// tiles hold a hash of each record: where they make up the root of the next
// checkpoint, they are as they were signed, and the first record that differs
// from its hash is the first bad one.
func (v *verification) first() {
	from, end := v.agree.size, v.tree.size
	i := slices.IndexFunc(v.points, func(p point) bool { return p.Size > from })
	if i >= 0 && v.points[i].Size-from <= refineLimit {
		p := v.points[i]
		leaves, ok := tileLeaves(v.dir, from, p.Size)
		tree := v.agree.clone()
		for _, h := range leaves {
			tree.add(h)
		}
		if ok && tree.root() == p.Root {
			for k, h := range leaves {
				if k >= len(v.since) || v.since[k] != h {
					v.locate(from+int64(k), from+int64(k)+1)
					return
				}
			}
		}
		// Without the tiles: some record before the checkpoint, if its root is the
		// one that differs; or what is not there.
		if p.Size <= end {
			v.locate(from, p.Size)
			return
		}
		v.locate(from, end+1)
		return
	}
	v.locate(end, end+1)
}

func (v *verification) locate(from, until int64) {
	v.report.FirstBad, v.report.Until = from, until
}

// tileLeaves reads the hashes of the records from one index to before another
// from the tiles of level 0.
func tileLeaves(dir string, from, to int64) ([]tlog.Hash, bool) {
	var out []tlog.Hash
	for n := from / tileWidth; n*tileWidth < to; n++ {
		b, err := os.ReadFile(filepath.Join(dir, tileName(0, n, tileWidth)))
		if err != nil {
			b, err = widestPartial(dir, n)
		}
		if err != nil {
			return nil, false
		}
		for k := max(from, n*tileWidth); k < min(to, (n+1)*tileWidth); k++ {
			at := int(k-n*tileWidth) * tlog.HashSize
			if at+tlog.HashSize > len(b) {
				return nil, false
			}
			out = append(out, tlog.Hash(b[at:at+tlog.HashSize]))
		}
	}
	return out, true
}

// widestPartial reads the widest partial tile of a place in level 0.
func widestPartial(dir string, n int64) ([]byte, error) {
	full := filepath.Join(dir, tileName(0, n, tileWidth))
	entries, err := os.ReadDir(full + ".p")
	if err != nil {
		return nil, err
	}
	var widest []byte
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(full+".p", e.Name()))
		if err == nil && len(b) > len(widest) && !strings.Contains(e.Name(), ".") {
			widest = b
		}
	}
	return widest, nil
}
