package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is what a signature is on: the log's origin, its number of records
// and the root of their Merkle tree (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// String gives the text that is signed: three lines.
func (c Checkpoint) String() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root)
}

var (
	// ErrCheckpoint: what should be a checkpoint cannot be read as one.
	ErrCheckpoint = errors.New("not a checkpoint")
	// ErrSignature: a checkpoint has no signature of the key that is trusted.
	ErrSignature = errors.New("checkpoint is not signed by the trusted key")
)

// parseCheckpoint reads a checkpoint's text. Lines after the third are
// extensions, which are ignored.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 || lines[0] == "" || len(lines[0]) > originLimit {
		return Checkpoint{}, ErrCheckpoint
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != lines[1] {
		return Checkpoint{}, ErrCheckpoint
	}
	h, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(h) != tlog.HashSize {
		return Checkpoint{}, ErrCheckpoint
	}
	return Checkpoint{Origin: lines[0], Size: n, Root: tlog.Hash(h)}, nil
}

// OpenCheckpoint reads a signed checkpoint. It fails with [ErrCheckpoint], and
// with [ErrSignature] where v did not sign it.
func OpenCheckpoint(signed []byte, v note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(v))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified), errors.As(err, &invalid):
		return Checkpoint{}, ErrSignature
	case err != nil:
		return Checkpoint{}, ErrCheckpoint
	}
	return parseCheckpoint(n.Text)
}

// PeekCheckpoint reads a signed checkpoint without asking who signed it: for what
// proves nothing by it. It fails with [ErrCheckpoint].
func PeekCheckpoint(signed []byte) (Checkpoint, error) { return peekCheckpoint(signed) }

// peekCheckpoint reads a signed checkpoint without asking who signed it.
func peekCheckpoint(signed []byte) (Checkpoint, error) {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return Checkpoint{}, ErrCheckpoint
	}
	return parseCheckpoint(text + "\n")
}

// sign signs the checkpoint as a note (C2SP signed-note).
func (c Checkpoint) sign(s note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.String()}, s)
}

// NewVerifier reads a verifier key as `verify --key` takes it: one line,
// NAME+HASH+KEY (golang.org/x/mod/sumdb/note). White space around it is ignored.
func NewVerifier(key []byte) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return nil, errors.New("not a verifier key; expected one line NAME+HASH+KEY, as in log.pub")
	}
	return v, nil
}
