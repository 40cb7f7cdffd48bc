package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy"
)

// A log's key can be followed by another. The statement of that is a note that both
// keys sign:
//
//	ostiary key rotation v1
//	ORIGIN
//	SIZE
//	OLD VERIFIER KEY
//	NEW VERIFIER KEY
//
// Checkpoints of up to SIZE records are the old key's, greater ones the new one's.
// The statement is recorded as an event, and kept in the file "rotations" besides,
// so that whoever trusts one of the keys finds the others before reading the log.
const (
	rotationTitle = "ostiary key rotation v1"
	rotationsFile = "rotations"
	rotationLimit = 1000 // statements that are read
	nextKeyFile   = "next.key"
	nextPublic    = "next.pub"
)

// ErrAnother: a checkpoint is one of another log.
var ErrAnother = errors.New("checkpoint is of another log")

// ErrRetired: a checkpoint is signed by a key that was not the log's at that size.
var ErrRetired = errors.New("checkpoint is signed by a key that was not the log's at that size")

// rotation is a statement as read. Both signatures are good.
type rotation struct {
	origin   string
	size     int64
	old, new note.Verifier
	newText  string
	signed   []byte
}

func rotationText(origin string, size int64, old, new string) string {
	return strings.Join([]string{rotationTitle, origin, strconv.FormatInt(size, 10), old, new, ""}, "\n")
}

// openRotation reads a statement. It fails with ErrSignature where not both keys
// signed it, and with ErrCheckpoint where it is none.
func openRotation(signed []byte) (*rotation, error) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(lines) != 5 || lines[0] != rotationTitle {
		return nil, ErrCheckpoint
	}
	r := &rotation{origin: lines[1], newText: lines[4], signed: signed}
	var err, err1, err2 error
	r.size, err = strconv.ParseInt(lines[2], 10, 64)
	r.old, err1 = note.NewVerifier(lines[3])
	r.new, err2 = note.NewVerifier(lines[4])
	if err != nil || err1 != nil || err2 != nil || r.size < 0 || sameKey(r.old, r.new) {
		return nil, ErrCheckpoint
	}
	n, err := note.Open(signed, note.VerifierList(r.old, r.new))
	if err != nil || len(n.Sigs) != 2 {
		return nil, ErrSignature
	}
	return r, nil
}

func sameKey(a, b note.Verifier) bool { return a.Name() == b.Name() && a.KeyHash() == b.KeyHash() }

// readRotations reads the statements of a log's directory, in order. A note ends
// with its signatures; between two stands one line "---".
func readRotations(dir string) ([]*rotation, error) {
	b, err := os.ReadFile(filepath.Join(dir, rotationsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*rotation
	for part := range bytes.SplitSeq(b, []byte(rotationRule)) {
		if len(part) == 0 {
			continue
		}
		r, err := openRotation(part)
		if err != nil || len(out) == rotationLimit {
			return out, &Damage{Place: rotationsFile, Index: -1, Why: "holds what is no statement that two keys have signed"}
		}
		out = append(out, r)
	}
	return out, nil
}

// Rotations gives the file of statements by which one key of the log in dir was
// followed by another; it is empty where there was one key alone.
func Rotations(dir string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, rotationsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

const rotationRule = "---\n"

// Ring is the keys of a log, each with the sizes at which checkpoints are its own:
// the one that is trusted, those that it followed and those that followed it. It is
// not safe for concurrent use while it learns.
type Ring struct {
	origin string
	keys   []ringKey
}

type ringKey struct {
	note.Verifier
	above, upTo int64 // above < size <= upTo; the first key begins at -1
}

// NewRing makes a ring of one key that is trusted for all sizes. Statements of other
// logs than that of the origin count for nothing; an empty origin stands for any.
func NewRing(trusted note.Verifier, origin string) *Ring {
	return &Ring{origin, []ringKey{{trusted, -1, math.MaxInt64}}}
}

func newRing(trusted note.Verifier, origin string, statements []*rotation) *Ring {
	r := NewRing(trusted, origin)
	r.learn(statements)
	return r
}

// Learn adds the keys that statements name, as far as a key of the ring signed them,
// and says whether there were any. The statements are as [Rotations] gives them; what
// is none is passed over.
func (r *Ring) Learn(statements []byte) bool {
	var list []*rotation
	for part := range bytes.SplitSeq(statements, []byte(rotationRule)) {
		if s, err := openRotation(part); err == nil && len(list) < rotationLimit {
			list = append(list, s)
		}
	}
	return r.learn(list)
}

// Keys gives the keys.
func (r *Ring) Keys() []note.Verifier {
	var out []note.Verifier
	for _, k := range r.keys {
		out = append(out, k.Verifier)
	}
	return out
}

// Clone gives a ring that learns by itself.
func (r *Ring) Clone() *Ring { return &Ring{r.origin, slices.Clone(r.keys)} }

// Trust adds a key that is trusted for all sizes.
func (r *Ring) Trust(v note.Verifier) {
	if !r.Has(v) {
		r.keys = append(r.keys, ringKey{v, -1, math.MaxInt64})
	}
}

func (r *Ring) learn(statements []*rotation) bool {
	learned := false
	for changed := true; changed; {
		changed = false
		for _, s := range statements {
			if r.origin != "" && s.origin != r.origin {
				continue
			}
			for i := range r.keys {
				k := &r.keys[i]
				switch {
				case sameKey(k.Verifier, s.old) && k.upTo == math.MaxInt64 && !r.Has(s.new):
					k.upTo = s.size
					r.keys = append(r.keys, ringKey{s.new, s.size, math.MaxInt64})
					changed = true
				case sameKey(k.Verifier, s.new) && k.above == -1 && !r.Has(s.old):
					k.above = s.size
					r.keys = append(r.keys, ringKey{s.old, -1, s.size})
					changed = true
				}
				if changed {
					learned = true
					break
				}
			}
		}
	}
	return learned
}

// Has says whether a key is one of the ring's.
func (r *Ring) Has(v note.Verifier) bool {
	for _, k := range r.keys {
		if sameKey(k.Verifier, v) {
			return true
		}
	}
	return false
}

// Open reads a signed checkpoint. It fails with [ErrCheckpoint], [ErrSignature],
// [ErrRetired] and [ErrAnother].
func (r *Ring) Open(signed []byte) (Checkpoint, error) {
	err := ErrSignature
	for _, k := range r.keys {
		c, e := OpenCheckpoint(signed, k.Verifier)
		switch {
		case errors.Is(e, ErrCheckpoint):
			return Checkpoint{}, e
		case e != nil:
		case r.origin != "" && c.Origin != r.origin:
			return c, ErrAnother
		case c.Size > k.above && c.Size <= k.upTo:
			return c, nil
		default:
			err = ErrRetired
		}
	}
	return Checkpoint{}, err
}

// Rotate makes another key the log's: a new one of the key directory where signer is
// nil, else that of signer, whose verifier key is public. Both keys sign a statement
// of it, which is recorded. Afterwards the old key signs nothing more, and its
// private half is no longer in the key directory. It gives the new verifier key, to
// be kept outside the log.
func (l *Log) Rotate(ctx context.Context, signer note.Signer, public string, a Act) (string, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	if l.public == "" {
		return "", errors.New("rotate the log's key: the text of its verifier key is not known")
	}
	if signer == nil && l.opt.Signer != nil {
		return "", errors.New("rotate the log's key: a command signs for it; name the command and the verifier key of the next one")
	}
	fromFile := signer == nil
	keys := l.opt.KeyDir
	if fromFile {
		var err error
		if err = makeKeyAs(keys, nextKeyFile, nextPublic, hostLabel(), l.opt.random); err != nil {
			return "", fmt.Errorf("make the log's next key: %w", err)
		}
		if signer, public, err = readKey(keys, nextKeyFile, nextPublic); err != nil {
			return "", err
		}
	}
	v, err := NewVerifier([]byte(public))
	if err != nil {
		return "", err
	}
	if signer.Name() != v.Name() || signer.KeyHash() != v.KeyHash() || sameKey(v, l.verifier) {
		return "", errors.New("rotate the log's key: the new key is no pair, or is the old one")
	}
	n := l.notary
	n.mu.Lock()
	defer n.mu.Unlock()
	// No checkpoint is signed until the new key signs them.
	text := rotationText(l.origin, l.Size(), l.public, public)
	signed, err := note.Sign(&note.Note{Text: text}, n.signer, signer)
	if err != nil {
		return "", fmt.Errorf("sign the statement of rotation: %w", err)
	}
	if _, err := openRotation(signed); err != nil {
		return "", fmt.Errorf("the statement of rotation: %w", err)
	}
	old, err := os.ReadFile(filepath.Join(l.dir, rotationsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(old) > 0 {
		old = append(old, rotationRule...)
	}
	if err := replaceFile(l.opt.fs, filepath.Join(l.dir, rotationsFile), append(old, signed...), true); err != nil {
		return "", err
	}
	if err := l.opt.fs.SyncDir(l.dir); err != nil {
		return "", err
	}
	// From here on only the new key can go on: a crash ends with it too.
	if err := l.record(ctx, []*proxy.Event{l.rotationEvent(signed, a)}); err != nil {
		l.fail(fmt.Errorf("record the rotation of the key: %w", err))
		return "", err
	}
	n.signer, l.verifier, l.public = signer, v, public
	if fromFile {
		if err := l.adoptKey(); err != nil {
			l.fail(err)
			return "", err
		}
	}
	return public, nil
}

func (l *Log) rotationEvent(signed []byte, a Act) *proxy.Event {
	ev := a.event(proxy.EventAdmin, "rotate", l.opt.now())
	ev.Admin.Signed = string(signed)
	return ev
}

// adoptKey puts the next key of the key directory in the place of the present one.
// The private half goes first: with it, recovery knows what to end.
func (l *Log) adoptKey() error {
	keys := l.opt.KeyDir
	for _, f := range [][2]string{{nextPublic, publicFile}, {nextKeyFile, keyFile}} {
		if err := (disk{}).Rename(filepath.Join(keys, f[0]), filepath.Join(keys, f[1])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("put the next key in its place: %w", err)
		}
	}
	if err := (disk{}).SyncDir(keys); err != nil {
		return err
	}
	return replaceFile(l.opt.fs, filepath.Join(l.dir, publicFile), []byte(l.public+"\n"), true)
}

// resumeRotation ends a rotation that a crash interrupted, before the log's key is
// read. Where no statement speaks of the next key, that is removed. It says whether
// the event has to be recorded (again).
func (l *Log) resumeRotation() ([]byte, error) {
	keys := l.opt.KeyDir
	if !exists(filepath.Join(keys, nextKeyFile)) {
		return nil, nil
	}
	public, err := os.ReadFile(filepath.Join(keys, nextPublic))
	if errors.Is(err, fs.ErrNotExist) { // adopted already but for the private half
		public, err = os.ReadFile(filepath.Join(keys, publicFile))
	}
	if err != nil {
		return nil, err
	}
	list, err := readRotations(l.dir)
	if err != nil {
		return nil, err
	}
	if n := len(list); n > 0 && list[n-1].newText == strings.TrimSpace(string(public)) {
		l.public = list[n-1].newText
		return list[n-1].signed, l.adoptKey()
	}
	for _, name := range []string{nextKeyFile, nextPublic} {
		if err := os.Remove(filepath.Join(keys, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, nil
}
