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
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
)

// Act says who has something done to the log, and why. It becomes the event that
// tells of it.
type Act struct {
	// Code is why: one of [Codes].
	Code string
	// Role is the role in which it is done: viewer, reviewer, dpo, admin.
	Role string
	// Detail is a configured word, such as the name of a rule of retention; it may be
	// empty.
	Detail string
	// Who holds subject, UID, ticket and approver, for the event's personal part;
	// it may be nil.
	Who *proxy.PersonalRecord
}

// Codes are the reasons for which something may be done to the log.
func Codes() []string {
	return []string{"subject_request", "incident", "litigation", "investigation", "review", "retention", "key_lost", "scheduled", "test"}
}

// ErrCode: the reason is not one of [Codes].
var ErrCode = errors.New("the reason is none of: " + strings.Join(Codes(), ", "))

// ErrHeld: a legal hold keeps what was to be removed.
var ErrHeld = errors.New("a legal hold keeps it")

// ErrNoHold: there is no hold of that name.
var ErrNoHold = errors.New("no such hold")

// ErrHoldName: a hold's name is not one word of letters, digits, - and _, of at
// most 64 characters, or is taken.
var ErrHoldName = errors.New("a hold's name is one word of letters, digits, - and _ with at most 64 characters, and not taken")

// event makes the event of an act.
func (a *Act) event(kind, action string, now time.Time) *proxy.Event {
	ev := proxy.NewEvent(kind, now)
	ev.Admin = &proxy.AdminRecord{Action: action, Code: a.Code, Detail: a.Detail, Role: a.Role}
	ev.Personal = a.Who
	return ev
}

func (a *Act) check() error {
	if !slices.Contains(Codes(), a.Code) {
		return ErrCode
	}
	return nil
}

// Hold is a legal hold: while it lasts, none of its records is removed and no
// personal part of them is erased.
type Hold struct {
	ID   string `json:"id"`
	From int64  `json:"from"` // first record
	To   int64  `json:"to"`   // behind the last; 0 means all that come
	Set  string `json:"set"`  // when, RFC 3339
}

func (h *Hold) covers(from, to int64) bool { return to > h.From && (h.To == 0 || from < h.To) }

// Files of the log's directory that say what was done to it. The events are the
// record; these spare a search.
const (
	holdsFile   = "holds"   // the holds in force, JSON
	erasingFile = "erasing" // indices of an erasure that is under way, JSON
	prunedFile  = "pruned"  // the first segment that was not removed, in the form of the marker
	holdLimit   = 1000      // holds in force
	holdName    = 64        // characters of a hold's name
)

// Holds gives the holds in force, in the order in which they were set. It fails
// where their file cannot be read: nothing may then be removed.
func (l *Log) Holds() ([]Hold, error) { return readHolds(l.dir) }

// Holds is [Log.Holds], offline.
func (r *Reader) Holds() ([]Hold, error) { return readHolds(r.dir) }

func readHolds(dir string) ([]Hold, error) {
	const remedy = "`ostiary audit reindex` makes it anew of the events"
	b, err := os.ReadFile(filepath.Join(dir, holdsFile))
	var out []Hold
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// A log has it from its beginning: without it, nobody knows what is held.
		return nil, &Damage{Place: holdsFile, Index: -1, Why: "is gone", Remedy: remedy}
	case err == nil && json.Unmarshal(b, &out) != nil:
		return nil, &Damage{Place: holdsFile, Index: -1, Why: "cannot be read", Remedy: remedy}
	}
	return out, err
}

func (s *sealer) writeHolds(list []Hold) error {
	l := s.log
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := replaceFile(l.opt.fs, filepath.Join(l.dir, holdsFile), b, true); err != nil {
		return err
	}
	return l.opt.fs.SyncDir(l.dir)
}

func holdWord(id string) bool {
	return id != "" && len(id) <= holdName && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// Hold sets a hold and records that.
func (l *Log) Hold(ctx context.Context, h Hold, a Act) error {
	l.sealer.mu.Lock()
	defer l.sealer.mu.Unlock()
	if err := a.check(); err != nil {
		return err
	}
	list, err := l.Holds()
	if err != nil {
		return err
	}
	if !holdWord(h.ID) || len(list) >= holdLimit || slices.ContainsFunc(list, func(x Hold) bool { return x.ID == h.ID }) {
		return ErrHoldName
	}
	if h.From < 0 || h.To != 0 && h.To <= h.From {
		return fmt.Errorf("a hold from record %d to %d holds nothing", h.From, h.To)
	}
	now := l.opt.now()
	h.Set = now.UTC().Format(time.RFC3339)
	ev := a.event(proxy.EventRetention, "hold", now)
	ev.Admin.Detail, ev.Admin.From, ev.Admin.To = h.ID, h.From, h.To
	// The file first: a hold that is not recorded keeps too much, never too little.
	if err := l.sealer.writeHolds(append(list, h)); err != nil {
		return err
	}
	return l.record(ctx, []*proxy.Event{ev})
}

// Release ends a hold and records that.
func (l *Log) Release(ctx context.Context, id string, a Act) error {
	l.sealer.mu.Lock()
	defer l.sealer.mu.Unlock()
	if err := a.check(); err != nil {
		return err
	}
	list, err := l.Holds()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(x Hold) bool { return x.ID == id })
	if i < 0 {
		return ErrNoHold
	}
	ev := a.event(proxy.EventRetention, "release", l.opt.now())
	ev.Admin.Detail, ev.Admin.From, ev.Admin.To = id, list[i].From, list[i].To
	if err := l.record(ctx, []*proxy.Event{ev}); err != nil {
		return err
	}
	return l.sealer.writeHolds(slices.Delete(list, i, i+1))
}

// HeldByCopies stands among holds for records that a copy elsewhere still lacks.
const HeldByCopies = "copies elsewhere"

// Retained tells what a retention removed or would remove.
type Retained struct {
	From, To int64 // records, To behind the last; equal where none
	Segments int
	Bytes    int64
	Held     []string // holds that kept the next segment
}

// Retain removes the segments all of whose events are older than a time, the oldest
// first, up to the first that is not or that a hold keeps. The event that tells of it
// is durable before anything is removed. Hashes and checkpoints stay: what is left
// can be proven as before, and what a removed record was can be proven by whoever
// has kept it. With dry, nothing is done.
func (l *Log) Retain(ctx context.Context, before time.Time, a Act, dry bool) (Retained, error) {
	l.sealer.mu.Lock()
	defer l.sealer.mu.Unlock()
	var out Retained
	if err := a.check(); err != nil {
		return out, err
	}
	holds, err := l.Holds()
	if err != nil {
		return out, err
	}
	list, err := listSegments(l.dir)
	if err != nil {
		return out, err
	}
	var gone []segmentFile
	for i := 0; i+1 < len(list); i++ {
		s, next := list[i], list[i+1]
		if !s.packed || next.header == nil || !time.UnixMilli(next.header.began).Before(before) {
			break
		}
		from, to := s.header.tree.size, next.header.tree.size
		for _, h := range holds {
			if h.covers(from, to) {
				out.Held = append(out.Held, h.ID)
			}
		}
		if l.opt.Needed != nil && l.opt.Needed() < to {
			out.Held = append(out.Held, HeldByCopies)
		}
		if len(out.Held) > 0 {
			break
		}
		if i == 0 {
			out.From = from
		}
		out.To = to
		out.Segments++
		out.Bytes += s.size + fileSize(filepath.Join(l.dir, s.personalName()))
		gone = append(gone, s)
	}
	if dry || len(gone) == 0 {
		out.To = max(out.From, out.To)
		return out, nil
	}
	ev := a.event(proxy.EventRetention, "retain", l.opt.now())
	ev.Admin.Count, ev.Admin.From, ev.Admin.To = out.To-out.From, out.From, out.To
	ev.Admin.Detail = strings.TrimSpace("before " + before.UTC().Format(time.RFC3339) + " " + a.Detail)
	// Events that set holds may be among what is removed: each retention says which
	// are in force.
	events := []*proxy.Event{ev}
	for _, h := range holds {
		again := a.event(proxy.EventRetention, "hold", l.opt.now())
		again.Personal = nil
		again.Admin.Detail, again.Admin.From, again.Admin.To = h.ID, h.From, h.To
		events = append(events, again)
	}
	if err := l.record(ctx, events); err != nil {
		return Retained{}, err
	}
	next := list[len(gone)]
	return out, l.sealer.prune(marker{next.number, segmentHeader, next.header.tree.size}, gone)
}

// prune says durably which segment is the first, and then removes those before it.
func (s *sealer) prune(m marker, gone []segmentFile) error {
	l := s.log
	if err := replaceFile(l.opt.fs, filepath.Join(l.dir, prunedFile), m.encode(), true); err != nil {
		return err
	}
	if err := l.opt.fs.SyncDir(l.dir); err != nil {
		return err
	}
	return s.remove(gone)
}

// remove removes what is left of segments.
func (s *sealer) remove(gone []segmentFile) error {
	l := s.log
	for _, g := range gone {
		for _, name := range []string{g.personalName(), number8("index", g.number, ".cidx"), g.name} {
			if err := l.opt.fs.Remove(filepath.Join(l.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return l.opt.fs.SyncDir(filepath.Join(l.dir, "segments"))
}

func fileSize(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Erased tells what an erasure erased or would erase.
type Erased struct {
	Parts int64 // personal parts
	Held  int64 // of those looked for, kept by a hold
	First int64 // index of the first, -1 where none
	Last  int64
}

// eraseLimit is how many personal parts one erasure may name; more are erased by
// several.
const eraseLimit = 10_000_000

// Erase removes the personal parts of the records that match: sealed evidence,
// fingerprints, addresses and names with them. The events stay, and with them every
// proof; an empty place says that there was a part. It packs all segments first, so
// that no part is left where it cannot be rewritten. The event that tells of it is
// durable before anything is erased. With dry, nothing is done.
//
// What it does not do: a file system may keep the old blocks of a file that was
// replaced, and copies of the log have parts of their own.
func (l *Log) Erase(ctx context.Context, match func(Record) bool, a Act, dry bool) (Erased, error) {
	l.sealer.mu.Lock()
	defer l.sealer.mu.Unlock()
	out := Erased{First: -1, Last: -1}
	if err := a.check(); err != nil {
		return out, err
	}
	holds, err := l.Holds()
	if err != nil {
		return out, err
	}
	if !dry {
		if err := l.sealer.seal(ctx); err != nil {
			return out, err
		}
	}
	r, err := OpenReader(l.dir)
	if err != nil {
		return out, err
	}
	var indices []int64
	for e, err := range r.WithPersonal().Records(0) {
		switch {
		case err != nil:
			return out, err
		case ctx.Err() != nil:
			return out, ErrTimeout
		case len(e.Personal) == 0 || !match(e):
			continue
		case slices.ContainsFunc(holds, func(h Hold) bool { return h.covers(e.Index, e.Index+1) }):
			out.Held++
			continue
		case len(indices) == eraseLimit:
			return out, fmt.Errorf("more than %d records match: erase them in several steps", eraseLimit)
		}
		indices = append(indices, e.Index)
	}
	if n := len(indices); n > 0 {
		out.Parts, out.First, out.Last = int64(n), indices[0], indices[n-1]
	}
	if dry || len(indices) == 0 {
		return out, nil
	}
	b, err := json.Marshal(erasure{indices, a.Code, a.Role})
	if err != nil {
		return out, err
	}
	if err := replaceFile(l.opt.fs, filepath.Join(l.dir, erasingFile), b, true); err != nil {
		return out, err
	}
	if err := l.opt.fs.SyncDir(l.dir); err != nil {
		return out, err
	}
	ev := a.event(proxy.EventErasure, "erase", l.opt.now())
	ev.Admin.Count, ev.Admin.From, ev.Admin.To = out.Parts, out.First, out.Last+1
	if err := l.record(ctx, []*proxy.Event{ev}); err != nil {
		return out, err
	}
	return out, l.sealer.eraseParts(indices)
}

// erasure is the journal of an erasure that is under way.
type erasure struct {
	Indices []int64 `json:"indices"` // rising
	Code    string  `json:"code"`
	Role    string  `json:"role"`
}

// eraseParts erases and then forgets the journal.
func (s *sealer) eraseParts(indices []int64) error {
	l := s.log
	list, err := listSegments(l.dir)
	if err != nil {
		return err
	}
	for i, g := range list {
		if !g.packed || g.header == nil {
			continue
		}
		from, _ := slices.BinarySearch(indices, g.header.tree.size)
		to := len(indices)
		if i+1 < len(list) && list[i+1].header != nil {
			to, _ = slices.BinarySearch(indices, list[i+1].header.tree.size)
		}
		if from >= to {
			continue
		}
		of := indices[from:to]
		if _, err := s.rewritePersonal(g, func(n int64) bool { _, ok := slices.BinarySearch(of, n); return ok }); err != nil {
			return err
		}
	}
	if err := l.opt.fs.Remove(filepath.Join(l.dir, erasingFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return l.opt.fs.SyncDir(l.dir)
}

// resume ends what a crash interrupted: an erasure that was begun is carried
// out and told of again, and segments that were removed are gone. The log is open;
// its goroutines run.
func (s *sealer) resume() error {
	l := s.log
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := os.ReadFile(filepath.Join(l.dir, erasingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var e erasure
	if json.Unmarshal(b, &e) != nil || !slices.IsSorted(e.Indices) || len(e.Indices) == 0 {
		// It is replaced as a whole, so it is not torn: somebody wrote it.
		return &Damage{Place: erasingFile, Index: -1, Why: "cannot be read", Remedy: "remove it, and repeat the erasure that was under way"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), resumeLimit)
	defer cancel()
	if err := l.sealer.seal(ctx); err != nil {
		return err
	}
	a := Act{Code: e.Code, Role: e.Role}
	ev := a.event(proxy.EventErasure, "erase", l.opt.now())
	ev.Admin.Detail = "completed after a restart"
	ev.Admin.Count, ev.Admin.From, ev.Admin.To = int64(len(e.Indices)), e.Indices[0], e.Indices[len(e.Indices)-1]+1
	if err := l.record(ctx, []*proxy.Event{ev}); err != nil {
		return err
	}
	return l.sealer.eraseParts(e.Indices)
}

// resumeLimit bounds the completion of an erasure at start.
const resumeLimit = time.Minute

// pruned reads where the log begins. Without a marker, or where that cannot be
// read, it begins at its beginning.
func pruned(dir string) marker {
	m, ok := readMarker(dir, prunedFile)
	if !ok {
		return marker{0, segmentHeader, 0}
	}
	return m
}

// RemakeHolds makes the file of holds anew of the events that set and lifted them.
func (l *Log) RemakeHolds() (int, error) {
	l.sealer.mu.Lock()
	defer l.sealer.mu.Unlock()
	r, err := OpenReader(l.dir)
	if err != nil {
		return 0, err
	}
	var list []Hold
	for e, err := range r.Records(0) {
		if err != nil {
			return 0, err
		}
		if !mentions(e, proxy.EventRetention) {
			continue
		}
		ev, err := e.Event()
		if err != nil {
			return 0, err
		}
		if ev.Kind != proxy.EventRetention || ev.Admin == nil {
			continue
		}
		list = slices.DeleteFunc(list, func(h Hold) bool { return h.ID == ev.Admin.Detail && ev.Admin.Action != "retain" })
		if ev.Admin.Action == "hold" {
			list = append(list, Hold{ID: ev.Admin.Detail, From: ev.Admin.From, To: ev.Admin.To, Set: ev.Time})
		}
	}
	return len(list), l.sealer.writeHolds(list)
}

// started gives the tree before the first record that is there.
func started(list []segmentFile) (first int64, tree frontier) {
	if len(list) == 0 || list[0].header == nil {
		return 0, frontier{}
	}
	return list[0].header.tree.size, list[0].header.tree.clone()
}
