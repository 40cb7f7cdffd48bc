package collect

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/durable"
	"github.com/ostiary/ostiary/proxy/audit/witness"
)

const (
	// seenLimit is how many checkpoints are kept whose records are still to come.
	seenLimit = 64
	// evidenceLimit is how many pushes of one log are kept as evidence.
	evidenceLimit = 16

	rotationsFile = "rotations"
)

// Replica is the copy of a log. [audit.Replica] is one.
type Replica interface {
	// Size gives the number of records, all of them durable.
	Size() int64
	// Append adds records, the first of which is number Size, and a checkpoint
	// that is signed for the size they make. Either may be left out; both are
	// durable when it returns nil.
	Append(ctx context.Context, first int64, cores [][]byte, checkpoint []byte) error
	// Failed gives why it takes no more, or nil.
	Failed() error
	Close() error
}

// syncError is a failed fsync. What the kernel could not write it may have
// dropped, so the file may not be synchronised again.
type syncError struct{ err error }

func (e *syncError) Error() string { return e.err.Error() }
func (e *syncError) Unwrap() error { return e.err }

// member is one log that the collector gathers.
type member struct {
	name string // origin
	dir  string
	c    *Collector
	turn chan struct{} // of one: holds a token while nobody pushes
	size atomic.Int64  // records of the replica, as last known

	forgetting sync.Mutex // held while records are forgotten, and by Close; not entered with the token

	// The rest is guarded by the token.
	trusted []note.Verifier // by configuration or enrolment
	ring    *audit.Ring     // and those that followed them
	replica Replica         // nil until it is needed
	tree    *hashes
	failed  error              // the replica has failed for good
	signed  int64              // records under the last checkpoint of the replica
	seen    []audit.Checkpoint // of more records than the replica has, by size
	status  Status
}

// label names an origin's directory so that people find it.
func label(origin string) string {
	const letters = 48
	h := sha256.Sum256([]byte(origin))
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, origin)
	return strings.TrimLeft(clean[:min(len(clean), letters)], ".") + "-" + hex.EncodeToString(h[:8])
}

func (m *member) enter(ctx context.Context) bool {
	select {
	case <-m.turn:
		return true
	case <-ctx.Done():
		return false
	}
}

func (m *member) leave() { m.turn <- struct{}{} }

func (m *member) logDir() string { return filepath.Join(m.dir, "log") }

// open opens the replica and its tree, if that was not done.
func (m *member) open() error {
	if m.failed != nil {
		return m.failed
	}
	if m.replica != nil {
		return nil
	}
	if err := os.MkdirAll(m.dir, dirMode); err != nil {
		return err
	}
	for _, dir := range []string{m.dir, m.logDir()} {
		if err := durable.Clean(dir); err != nil {
			return err
		}
	}
	// Of two keys that the configuration names, one has signed what is there.
	r, err := m.c.opt.open(m.logDir(), m.name, m.trusted[0], m.c.opt.Log)
	for _, k := range m.trusted[1:] {
		if err == nil {
			break
		}
		var again error
		if r, again = m.c.opt.open(m.logDir(), m.name, k, m.c.opt.Log); again == nil {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	tree, err := m.openTree(r.Size())
	if err == nil {
		err = m.loadSeen()
	}
	if err != nil {
		if tree != nil {
			err = errors.Join(err, tree.close())
		}
		return errors.Join(err, r.Close())
	}
	m.replica, m.tree = r, tree
	m.size.Store(r.Size())
	m.status.Size, m.status.Signed = r.Size(), m.signed
	gone, err := audit.Forgotten(m.logDir())
	if err != nil {
		// Records are taken all the same: nothing more is forgotten until it is mended.
		m.c.alarm(Alarm{Origin: m.name, Code: CodeStorage, Size: r.Size(), Index: -1, Err: err})
	}
	m.status.First = gone.To
	return nil
}

// openTree opens the tree of the replica's records and holds it against the
// replica's last checkpoint. Where they disagree, or hashes are missing, it is made
// of the records.
func (m *member) openTree(size int64) (*hashes, error) {
	name := filepath.Join(m.dir, "hashes")
	var last *audit.Checkpoint
	if b, err := os.ReadFile(filepath.Join(m.logDir(), "checkpoint")); err == nil {
		if c, err := m.ring.Open(b); err == nil && c.Size <= size {
			last, m.signed = &c, c.Size
		}
	}
	for _, anew := range []bool{false, true} {
		if anew {
			if err := os.Remove(name); err != nil {
				return nil, err
			}
		}
		h, err := openHashes(name, size)
		if err != nil {
			return nil, err
		}
		if err := m.fill(h, size); err != nil {
			return nil, errors.Join(err, h.close())
		}
		if last == nil {
			return h, nil
		}
		root, err := h.root(last.Size)
		if err != nil || root == last.Root {
			return h, err
		}
		if err := h.close(); err != nil {
			return nil, err
		}
	}
	return nil, &audit.Damage{Place: m.logDir(), Index: -1, Why: "holds records that are not those its last checkpoint was signed for", Remedy: "`ostiary audit verify` says which"}
}

// fill appends what the tree lacks of the replica's records: of those that are not there
// any more, what the replica's tiles say of them. The caller holds the tree against the
// last checkpoint.
func (m *member) fill(h *hashes, size int64) error {
	if h.size == size {
		return nil
	}
	r, err := audit.OpenReader(m.logDir())
	if err != nil {
		return err
	}
	const batch = 4096
	var leaves []tlog.Hash
	for e, err := range r.Records(h.size) {
		if err != nil {
			return err
		}
		for h.size+int64(len(leaves)) < e.Index { // these were forgotten
			if len(leaves) > 0 {
				return fmt.Errorf("record %d is missing", h.size+int64(len(leaves)))
			}
			gone, err := audit.Leaves(m.logDir(), h.size, min(e.Index, h.size+batch))
			if err != nil {
				return err
			}
			if err := h.append(gone); err != nil {
				return err
			}
		}
		if leaves = append(leaves, tlog.RecordHash(e.JSON)); len(leaves) == batch {
			if err := h.append(leaves); err != nil {
				return err
			}
			leaves = leaves[:0]
		}
	}
	if err := h.append(leaves); err != nil {
		return err
	}
	if h.size < size {
		return fmt.Errorf("%d of %d records can be read", h.size, size)
	}
	h.back(size)
	return nil
}

// read reads a checkpoint of the log, with the statements that came with it of
// keys that followed those known before. New keys are kept before they count.
func (m *member) read(p *Push) (audit.Checkpoint, error) {
	c, err := m.ring.Open(p.Checkpoint)
	if err == nil || len(p.Rotations) == 0 || !errors.Is(err, audit.ErrSignature) {
		return c, err
	}
	ring := m.ring.Clone()
	if !ring.Learn(p.Rotations) {
		return c, err
	}
	if c, err = ring.Open(p.Checkpoint); err != nil {
		return c, err
	}
	// What was known goes first: the first statement of a key counts.
	name := filepath.Join(m.dir, rotationsFile)
	old, err := loadRotations(name)
	if err != nil {
		return c, m.broken(err)
	}
	for part := range bytes.SplitSeq(p.Rotations, []byte(rotationRule)) {
		if bytes.Contains(old, part) {
			continue // each push comes with all of them
		}
		if len(old) > 0 {
			old = append(old, rotationRule...)
		}
		old = append(old, part...)
	}
	if err := durable.Replace(name, old); err != nil {
		return c, m.broken(err)
	}
	m.ring = ring
	if err := m.c.trust(m); err != nil {
		return c, m.broken(err)
	}
	return c, nil
}

// unread is the refusal where a checkpoint could not be read.
func unread(err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return refuse(CodeSignature)
}

// hello compares a log's present checkpoint with what it had.
func (m *member) hello(p *Push) (Answer, error) {
	c, err := m.read(p)
	if err != nil {
		return Answer{}, unread(err)
	}
	size := m.replica.Size()
	forked := m.contradicts(c)
	if c.Size <= size {
		root, err := m.tree.root(c.Size)
		if err != nil {
			return Answer{}, m.broken(err)
		}
		forked = root != c.Root
	}
	had := size
	if n := len(m.seen); n > 0 {
		had = max(had, m.seen[n-1].Size)
	}
	switch {
	case forked:
		return Answer{}, m.refuse(p, c, &Refusal{CodeForked, size, -1})
	case c.Size < had:
		return Answer{}, m.refuse(p, c, &Refusal{CodeRolledBack, size, -1})
	}
	// It is not remembered: nothing shows yet that it goes on from the replica.
	return Answer{Size: size}, nil
}

// push takes records. What it answers yes to is durable.
func (m *member) push(ctx context.Context, p *Push) (Answer, error) {
	c, err := m.read(p)
	if err != nil {
		return Answer{}, unread(err)
	}
	if p.End() > c.Size {
		return Answer{}, refuse(CodeMalformed)
	}
	size := m.replica.Size()
	if p.First > size {
		return Answer{}, &Refusal{CodeGap, size, -1}
	}
	leaves := make([]tlog.Hash, len(p.Cores))
	for i, core := range p.Cores {
		leaves[i] = tlog.RecordHash(core)
	}
	verdict, err := m.judge(p, c, leaves)
	if err != nil {
		return Answer{}, m.broken(err)
	}
	if verdict != nil {
		return Answer{}, m.refuse(p, c, verdict)
	}
	if err := m.take(ctx, p, c, leaves); err != nil {
		return Answer{}, m.broken(err)
	}
	m.size.Store(m.replica.Size())
	m.status.Trouble, m.status.Pushed = "", m.c.opt.now()
	m.status.Size, m.status.Signed = m.replica.Size(), m.signed
	a := Answer{Size: m.replica.Size()}
	if c.Size == a.Size {
		a.Cosignature = m.cosign(ctx, c, p.Checkpoint)
	}
	return a, nil
}

// judge says whether the records are those that the checkpoint was signed for, and
// whether that goes on from what the replica has; nil means yes.
func (m *member) judge(p *Push, c audit.Checkpoint, leaves []tlog.Hash) (*Refusal, error) {
	size := m.replica.Size()
	differs := int64(-1)
	overlap := min(p.End(), size) - p.First
	ours, err := m.tree.leaves(p.First, overlap)
	if err != nil {
		return nil, err
	}
	for i, h := range ours {
		if h != leaves[i] {
			differs = p.First + int64(i)
			break
		}
	}
	// The tree that is claimed: ours before the records, and the records.
	claimed, err := m.tree.frontier(p.First)
	if err != nil {
		return nil, err
	}
	bad := false
	pending := m.seen
	for _, h := range leaves {
		claimed.Add(h)
		for ; len(pending) > 0 && pending[0].Size <= claimed.Size(); pending = pending[1:] {
			if pending[0].Size == claimed.Size() && pending[0].Root != claimed.Root() {
				bad = true
			}
		}
	}
	proven := provenBy(c, claimed, p.Proof)
	if c.Size <= size {
		root, err := m.tree.root(c.Size)
		switch {
		case err != nil:
			return nil, err
		case root != c.Root:
			// It has signed another history: this checkpoint and ours prove it.
			if !proven {
				differs = -1
			}
			return &Refusal{CodeForked, size, differs}, nil
		case differs >= 0 || !proven:
			return &Refusal{CodeMismatch, size, differs}, nil
		}
		return nil, nil
	}
	switch {
	case !proven:
		return &Refusal{CodeInconsistent, size, -1}, nil
	case differs >= 0:
		return &Refusal{CodeForked, size, differs}, nil
	case bad || m.contradicts(c):
		// Not the replica: a checkpoint that was seen before its records.
		return &Refusal{CodeForked, size, -1}, nil
	}
	return nil, nil
}

// provenBy says whether a checkpoint was signed for a tree that begins with the
// claimed one.
func provenBy(c audit.Checkpoint, claimed audit.Frontier, proof []tlog.Hash) bool {
	switch {
	case claimed.Size() == c.Size:
		return len(proof) == 0 && claimed.Root() == c.Root
	case claimed.Size() == 0:
		return len(proof) == 0 // nothing is claimed
	}
	return tlog.CheckTree(proof, c.Size, c.Root, claimed.Size(), claimed.Root()) == nil
}

// take appends what the replica does not have.
func (m *member) take(ctx context.Context, p *Push, c audit.Checkpoint, leaves []tlog.Hash) error {
	size := m.replica.Size()
	have := min(max(size-p.First, 0), int64(len(leaves)))
	fresh := p.Cores[have:]
	var checkpoint []byte
	if c.Size == p.End() && c.Size >= size && (c.Size > m.signed || m.signed == 0) {
		checkpoint = slices.Clone(p.Checkpoint)
	}
	if len(fresh) == 0 && checkpoint == nil {
		m.look(c)
		return nil
	}
	if err := m.tree.append(leaves[have:]); err != nil {
		m.tree.back(size)
		return err
	}
	// A replica that is left in the middle of a write has failed: a client that goes
	// away must not bring that about.
	if err := m.replica.Append(context.WithoutCancel(ctx), size, fresh, checkpoint); err != nil {
		// Some of the records, or all, may be there nevertheless.
		m.tree.back(m.replica.Size())
		return err
	}
	if checkpoint != nil {
		m.signed = c.Size
	}
	m.look(c)
	return nil
}

// cosign has the witness sign a checkpoint whose records are all here. Without a
// signature it gives nothing: the records are safe all the same.
func (m *member) cosign(ctx context.Context, c audit.Checkpoint, checkpoint []byte) string {
	w := m.c.witness
	if w == nil {
		return ""
	}
	const attempts = 3 // others may submit the checkpoint to the witness itself
	old := int64(0)
	for range attempts {
		proof, err := m.tree.prove(c.Size, old)
		if err != nil {
			return ""
		}
		line, err := w.Update(ctx, old, proof, checkpoint)
		var stale *witness.StaleError
		switch {
		case err == nil:
			m.status.Cosigned = c.Size
			return string(line)
		case errors.As(err, &stale) && stale.Size <= c.Size:
			old = stale.Size
			continue
		case errors.Is(err, witness.ErrForked), errors.Is(err, witness.ErrInconsistent):
			m.alarm(Alarm{Origin: m.name, Code: CodeForked, Size: m.replica.Size(), Index: -1, Err: err})
		case errors.Is(err, witness.ErrState):
			m.alarm(Alarm{Origin: m.name, Code: CodeStorage, Size: m.replica.Size(), Index: -1, Err: err})
		}
		return ""
	}
	return ""
}

// broken is a refusal because of the collector's own disk. Where the replica has
// failed, nothing more is taken until the collector is started anew.
func (m *member) broken(err error) error {
	var sync *syncError
	switch {
	case errors.As(err, &sync):
		m.failed = err
	case m.replica != nil && m.replica.Failed() != nil:
		m.failed = m.replica.Failed()
	}
	m.alarm(Alarm{Origin: m.name, Code: CodeStorage, Size: -1, Index: -1, Err: err})
	return refuse(CodeStorage)
}

// contradicts says whether a checkpoint of the same size and another root was seen
// before.
func (m *member) contradicts(c audit.Checkpoint) bool {
	return slices.ContainsFunc(m.seen, func(s audit.Checkpoint) bool { return s.Size == c.Size && s.Root != c.Root })
}

// look remembers a checkpoint whose records are still to come, so that it can be
// held against them then, and forgets those whose records have come.
func (m *member) look(c audit.Checkpoint) {
	size := m.replica.Size()
	before := slices.Clone(m.seen)
	m.seen = slices.DeleteFunc(m.seen, func(s audit.Checkpoint) bool { return s.Size <= size })
	if c.Size > size && len(m.seen) < seenLimit && !slices.ContainsFunc(m.seen, func(s audit.Checkpoint) bool { return s.Size == c.Size }) {
		m.seen = append(m.seen, c)
		slices.SortFunc(m.seen, func(a, b audit.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	}
	if slices.Equal(before, m.seen) {
		return
	}
	var b strings.Builder
	for _, s := range m.seen {
		fmt.Fprintf(&b, "%d %s\n", s.Size, s.Root)
	}
	// Without it a restart forgets them, and no record is at stake.
	if err := durable.ReplaceSoon(filepath.Join(m.dir, "seen"), []byte(b.String())); err != nil {
		m.alarm(Alarm{Origin: m.name, Code: CodeStorage, Size: size, Index: -1, Err: err})
	}
}

func (m *member) loadSeen() error {
	b, err := os.ReadFile(filepath.Join(m.dir, "seen"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	m.seen = nil
	for line := range strings.Lines(string(b)) {
		s := audit.Checkpoint{Origin: m.name}
		var root string
		if _, err := fmt.Sscanf(line, "%d %s\n", &s.Size, &root); err != nil {
			break // a power failure cut it off
		}
		if s.Root, err = tlog.ParseHash(root); err != nil {
			break
		}
		m.seen = append(m.seen, s)
	}
	return nil
}

// contradiction says whether a refusal tells of a log's history, and not of a
// request.
func contradiction(c Code) bool {
	return c == CodeForked || c == CodeRolledBack || c == CodeInconsistent || c == CodeMismatch
}

// refuse refuses a push; where the log contradicts itself, it keeps the evidence
// and tells.
func (m *member) refuse(p *Push, c audit.Checkpoint, r *Refusal) error {
	if contradiction(r.Code) {
		first := m.status.Trouble != r.Code
		m.status.Trouble = r.Code
		a := Alarm{Origin: m.name, Code: r.Code, Size: r.Size, Index: r.Index, Claimed: c.Size}
		if first {
			a.Evidence, a.Err = m.keep(p, c, r)
			m.c.alarm(a)
		}
	}
	return r
}

// alarm tells of a condition once, until a push succeeds.
func (m *member) alarm(a Alarm) {
	if m.status.Trouble == a.Code {
		return
	}
	m.status.Trouble = a.Code
	m.c.alarm(a)
}

// evidence is what is written beside a push that contradicts the replica.
type evidence struct {
	Origin   string `json:"origin"`
	Code     Code   `json:"code"`
	Time     string `json:"time"`
	Index    int64  `json:"index"`    // first record that differs, -1 where not known
	Size     int64  `json:"size"`     // records of the replica
	Claimed  string `json:"claimed"`  // the checkpoint that was pushed, a signed note
	Replica  string `json:"replica"`  // the replica's last checkpoint, a signed note
	Root     string `json:"root"`     // of the replica's tree at the size claimed; empty where it has fewer records
	Proof    string `json:"proof"`    // hashes from the claimed size to the replica's signed one, a line each
	PushFile string `json:"pushFile"` // the push itself, beside this file
}

// keep writes evidence and gives the name of its file.
func (m *member) keep(p *Push, c audit.Checkpoint, r *Refusal) (string, error) {
	dir := filepath.Join(m.dir, "evidence")
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return "", err
	}
	have, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return "", err
	}
	if len(have) >= evidenceLimit {
		return "", nil
	}
	e := evidence{Origin: m.name, Code: r.Code, Time: m.c.opt.now().UTC().Format(time.RFC3339), Index: r.Index, Size: r.Size, Claimed: string(p.Checkpoint)}
	if b, err := os.ReadFile(filepath.Join(m.logDir(), "checkpoint")); err == nil {
		e.Replica = string(b)
	}
	if c.Size <= m.tree.size {
		root, err := m.tree.root(c.Size)
		if err != nil {
			return "", err
		}
		e.Root = root.String()
		if c.Size <= m.signed {
			proof, err := m.tree.prove(m.signed, c.Size)
			if err != nil {
				return "", err
			}
			for _, h := range proof {
				e.Proof += h.String() + "\n"
			}
		}
	}
	base := filepath.Join(dir, fmt.Sprintf("%03d-%s", len(have), r.Code))
	push, err := p.Encode()
	if err != nil {
		return "", err
	}
	e.PushFile = filepath.Base(base) + ".push"
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return "", err
	}
	if err := durable.Replace(filepath.Join(dir, e.PushFile), push); err != nil {
		return "", err
	}
	return base + ".json", durable.Replace(base+".json", append(b, '\n'))
}

// Modes of what is written here.
const (
	dirMode  = 0o700
	fileMode = 0o600
)
