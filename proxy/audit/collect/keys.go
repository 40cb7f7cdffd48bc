package collect

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/proxy/audit"
)

// A log's key can be followed by another: both sign a statement of it, which is a
// record of the log, and stands in its file "rotations" too. Records that come
// before it can be pushed under a checkpoint of the new key, so pushes carry that
// file. The form is that of package audit (rotate.go).
const (
	rotationTitle  = "ostiary key rotation v1"
	rotationRule   = "---\n"
	rotationsLimit = 64 << 10 // bytes of the statements of one log
)

// keyring is the keys of a log, each with the sizes at which checkpoints are its
// own. The zero keyring trusts nobody.
type keyring struct{ keys []ringKey }

type ringKey struct {
	note.Verifier
	above, upTo int64 // above < size <= upTo
}

// newKeyring trusts keys for all sizes.
func newKeyring(trusted ...note.Verifier) *keyring {
	r := &keyring{}
	for _, k := range trusted {
		r.keys = append(r.keys, ringKey{k, -1, math.MaxInt64})
	}
	return r
}

func sameKey(a, b note.Verifier) bool { return a.Name() == b.Name() && a.KeyHash() == b.KeyHash() }

func (r *keyring) has(v note.Verifier) bool {
	for _, k := range r.keys {
		if sameKey(k, v) {
			return true
		}
	}
	return false
}

// verifiers gives all keys.
func (r *keyring) verifiers() []note.Verifier {
	var out []note.Verifier
	for _, k := range r.keys {
		out = append(out, k.Verifier)
	}
	return out
}

// open reads a checkpoint that a key of the ring has signed and that is of the
// log. It fails as [audit.OpenCheckpoint] does, and with [audit.ErrRetired].
func (r *keyring) open(signed []byte, origin string) (audit.Checkpoint, error) {
	err := audit.ErrSignature
	for _, k := range r.keys {
		c, e := audit.OpenCheckpoint(signed, k.Verifier)
		switch {
		case errors.Is(e, audit.ErrCheckpoint):
			return audit.Checkpoint{}, e
		case e != nil || c.Origin != origin:
		case c.Size > k.above && c.Size <= k.upTo:
			return c, nil
		default:
			err = audit.ErrRetired
		}
	}
	return audit.Checkpoint{}, err
}

// learn adds the keys that statements name, as far as keys of the ring have signed
// them, and says whether there were any. The first statement of a key is the one
// that counts.
func (r *keyring) learn(statements []byte, origin string) bool {
	learned := false
	for again := true; again; {
		again = false
		for part := range bytes.SplitSeq(statements, []byte(rotationRule)) {
			s, ok := readRotation(part, origin)
			if !ok || r.has(s.next) {
				continue
			}
			for i := range r.keys {
				if k := &r.keys[i]; sameKey(k, s.old) && k.upTo == math.MaxInt64 {
					k.upTo = s.size
					r.keys = append(r.keys, ringKey{s.next, s.size, math.MaxInt64})
					learned, again = true, true
					break
				}
			}
		}
	}
	return learned
}

// rotation is a statement: checkpoints of up to size records are the old key's.
type rotation struct {
	size      int64
	old, next note.Verifier
}

// readRotation reads a statement, both of whose signatures are good.
func readRotation(signed []byte, origin string) (rotation, bool) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(lines) != 5 || lines[0] != rotationTitle || lines[1] != origin {
		return rotation{}, false
	}
	var r rotation
	var err, err1, err2 error
	r.size, err = strconv.ParseInt(lines[2], 10, 64)
	r.old, err1 = note.NewVerifier(lines[3])
	r.next, err2 = note.NewVerifier(lines[4])
	if err != nil || err1 != nil || err2 != nil || r.size < 0 || sameKey(r.old, r.next) {
		return rotation{}, false
	}
	n, err := note.Open(signed, note.VerifierList(r.old, r.next))
	return r, err == nil && len(n.Sigs) == 2
}

// loadRotations reads a file of statements; where there is none, nothing.
func loadRotations(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// loadRotations learns the keys that were learned before.
func (m *member) loadRotations() error {
	b, err := loadRotations(filepath.Join(m.dir, rotationsFile))
	if err == nil {
		m.ring.learn(b, m.name)
	}
	return err
}
