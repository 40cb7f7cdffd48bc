package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Bounds of what is read.
const (
	maxRecord = 65535   // bytes of a record: C2SP tlog-tiles prefixes an entry with a length of 16 bits
	maxOrigin = 255     // bytes of a log's name
	maxPath   = 63      // hashes of a path: a tree has fewer than 2^63 records
	maxNote   = 1 << 20 // bytes of a signed note, as golang.org/x/mod/sumdb/note has it
)

// Errors of checking. [Answer] says which of them mean that something was altered.
var (
	// ErrFormat: what was given cannot be read, or was not written by this package.
	ErrFormat = errors.New("not a proof or a bundle of this version")
	// ErrNoKey: no verifier key was given, so nothing is proven.
	ErrNoKey = errors.New("no verifier key was given; take the log's log.pub from its operator by another way than this file")
	// ErrSignature: the checkpoint is not signed by the key that was given.
	ErrSignature = errors.New("the checkpoint is not signed by the key that was given")
	// ErrPath: event, index and path do not give the root that the checkpoint signs.
	ErrPath = errors.New("the event is not the record at this index of the signed log")
	// ErrCheckpoint: the checkpoint contradicts what stands beside it.
	ErrCheckpoint = errors.New("the checkpoint contradicts the file it stands in")
	// ErrFork: a checkpoint that was seen before contradicts this one.
	ErrFork = errors.New("the checkpoint that was seen before and this one are of different histories")
	// ErrSeen: the checkpoint that was seen before cannot be used.
	ErrSeen = errors.New("the checkpoint that was seen before is not one of this log, signed by the key that was given")
	// ErrApart: a checkpoint seen before and this one have different sizes, and what
	// was given does not show whether the one continues the other.
	ErrApart = errors.New("the checkpoint that was seen before has another size, and nothing here shows whether this one continues it; ask for one made under the checkpoint that you hold")
	// ErrNotInLog: there is no such record under the checkpoint.
	ErrNotInLog = errors.New("the record is not under the checkpoint yet; wait for the next one, which comes within a second")
)

// Altered says what is not as it was signed.
type Altered struct {
	Place string // file of a bundle, or "range"
	// Index is that of the first record that is altered, missing, added or moved; -1
	// where it is no record. Where it cannot be told exactly, it lies from Index to
	// before Until; else Until is Index+1.
	Index, Until int64
	Why          string // in words of ours
}

// Error implements error.
func (a *Altered) Error() string {
	switch {
	case a.Index < 0:
		return fmt.Sprintf("altered: %s %s", a.Place, a.Why)
	case a.Until > a.Index+1:
		return fmt.Sprintf("altered: a record from %d to before %d: %s", a.Index, a.Until, a.Why)
	}
	return fmt.Sprintf("altered: record %d %s (%s)", a.Index, a.Why, a.Place)
}

// Answer gives the exit status for a result of checking: 0 good, 1 altered, 2 could
// not tell.
func Answer(err error) int {
	var a *Altered
	switch {
	case err == nil:
		return 0
	case errors.As(err, &a):
		return 1
	}
	for _, e := range []error{ErrSignature, ErrPath, ErrCheckpoint, ErrFork} {
		if errors.Is(err, e) {
			return 1
		}
	}
	return 2
}

// Checkpoint is what a signature is on: the log's origin, its number of records
// and the root of their Merkle tree (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Trust is what a check believes. Both must come by another way than the file.
type Trust struct {
	Key  note.Verifier // of the log
	Seen []byte        // a signed checkpoint of the log that was seen before; nil for none
}

// NewKey reads a verifier key: one line NAME+HASH+KEY, as in log.pub. White space
// around it is ignored.
func NewKey(text []byte) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, errors.New("not a verifier key; expected one line NAME+HASH+KEY, as in log.pub")
	}
	return v, nil
}

// Open reads a signed checkpoint. It fails with [ErrNoKey], [ErrFormat] and
// [ErrSignature].
func Open(signed []byte, key note.Verifier) (Checkpoint, error) {
	if key == nil {
		return Checkpoint{}, ErrNoKey
	}
	text, err := OpenNote(signed, key)
	if err != nil {
		return Checkpoint{}, err
	}
	return parseCheckpoint(text)
}

// OpenNote gives the text of a note (C2SP signed-note) that the key has signed. It
// fails with [ErrFormat] and [ErrSignature].
func OpenNote(signed []byte, key note.Verifier) (string, error) {
	if len(signed) > maxNote {
		return "", ErrFormat
	}
	n, err := note.Open(signed, note.VerifierList(key))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified), errors.As(err, &invalid):
		return "", ErrSignature
	case err != nil: // the library's error may quote its input
		return "", ErrFormat
	}
	return n.Text, nil
}

// Peek reads a signed checkpoint without asking who signed it. It fails with
// [ErrFormat].
func Peek(signed []byte) (Checkpoint, error) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok || len(signed) > maxNote {
		return Checkpoint{}, ErrFormat
	}
	return parseCheckpoint(text + "\n")
}

// parseCheckpoint reads a checkpoint's text. Lines after the third are extensions,
// which are ignored.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 || lines[0] == "" || len(lines[0]) > maxOrigin {
		return Checkpoint{}, ErrFormat
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != lines[1] {
		return Checkpoint{}, ErrFormat
	}
	h, ok := parseHash(lines[2])
	if !ok {
		return Checkpoint{}, ErrFormat
	}
	return Checkpoint{Origin: lines[0], Size: n, Root: h}, nil
}

func parseHash(s string) (tlog.Hash, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != tlog.HashSize {
		return tlog.Hash{}, false
	}
	return tlog.Hash(b), true
}

// seen reads the checkpoint that was seen before, nil for none.
func (t Trust) seen(of Checkpoint) (*Checkpoint, error) {
	if len(t.Seen) == 0 {
		return nil, nil
	}
	c, err := Open(t.Seen, t.Key)
	if err != nil || c.Origin != of.Origin {
		return nil, ErrSeen
	}
	return &c, nil
}

// signerOf gives the name of the key that made the first signature of a note, a
// hint for people.
func signerOf(signed []byte) string {
	_, sigs, ok := strings.Cut(string(signed), "\n\n— ")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(sigs, " ")
	return name
}

// frontier is a Merkle tree of RFC 6962 as far as appending needs it: the roots of
// its complete subtrees, the largest first, one per bit set in size.
type frontier struct {
	size  int64
	nodes []tlog.Hash
}

// join appends a complete subtree of 2^height leaves. The size must be a multiple
// of that.
func (f *frontier) join(h tlog.Hash, height int) {
	for n := f.size >> height; n&1 == 1; n >>= 1 {
		last := len(f.nodes) - 1
		h, f.nodes = tlog.NodeHash(f.nodes[last], h), f.nodes[:last]
	}
	f.nodes = append(f.nodes, h)
	f.size += 1 << height
}

// root gives the tree's root; that of the empty tree is SHA-256 of nothing.
func (f *frontier) root() tlog.Hash {
	if len(f.nodes) == 0 {
		return sha256.Sum256(nil)
	}
	h := f.nodes[len(f.nodes)-1]
	for i := len(f.nodes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.nodes[i], h)
	}
	return h
}

// subtree is a complete subtree: the leaves from n<<level on, 1<<level of them.
type subtree struct {
	level int
	n     int64
}

// cover gives the complete subtrees that make up the leaves [from, to), in order.
func cover(from, to int64) []subtree {
	var out []subtree
	for from < to {
		level := 0
		for from&(1<<level) == 0 && from+(1<<(level+1)) <= to && level < maxPath-1 {
			level++
		}
		out = append(out, subtree{level, from >> level})
		from += 1 << level
	}
	return out
}

// roots reads the roots of the subtrees that cover [from, to).
func roots(r tlog.HashReader, from, to int64) ([]tlog.Hash, error) {
	list := cover(from, to)
	if len(list) == 0 {
		return nil, nil
	}
	if r == nil {
		return nil, errors.New("prove: the hashes of the log's tree are needed")
	}
	index := make([]int64, len(list))
	for i, s := range list {
		index[i] = tlog.StoredHashIndex(s.level, s.n)
	}
	out, err := r.ReadHashes(index)
	if err != nil || len(out) != len(list) {
		return nil, errTree
	}
	return out, nil
}

var errTree = errors.New("prove: the hashes of the log's tree cannot be read, or are not those under the checkpoint; `ostiary audit verify` says more")
