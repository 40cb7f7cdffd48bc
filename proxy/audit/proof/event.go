package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// EventFormat names the format of an event proof. Versions are told apart by it.
const EventFormat = "ostiary event proof v1"

// maxEventProof bounds a proof's file in bytes: an event may grow sixfold when it
// is written as a JSON string.
const maxEventProof = 6*maxRecord + maxNote*2

// eventFile is an event proof. The fields stand in the order of their JSON names.
type eventFile struct {
	Checkpoint string   `json:"checkpoint"` // signed note
	Event      string   `json:"event"`      // exact canonical bytes
	Format     string   `json:"format"`
	Index      int64    `json:"index"`
	Key        string   `json:"key"`  // name of the key that signed: a hint for people
	Path       []string `json:"path"` // inclusion path from the leaf up, base64
	Size       int64    `json:"size"`
}

// Make makes the proof that core is the record at an index of the log under a
// signed checkpoint. It fails with [ErrNotInLog] where the checkpoint is older than
// the record, and with [ErrPath] where core is not that record. The signature of
// the checkpoint is the caller's to check.
func Make(hashes tlog.HashReader, checkpoint []byte, index int64, core []byte) ([]byte, error) {
	c, err := Peek(checkpoint)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= c.Size {
		return nil, ErrNotInLog
	}
	path, err := tlog.ProveRecord(c.Size, index, hashes)
	if err != nil {
		return nil, errTree
	}
	if tlog.CheckRecord(path, c.Size, c.Root, index, tlog.RecordHash(core)) != nil {
		return nil, ErrPath
	}
	f := eventFile{Checkpoint: string(checkpoint), Event: string(core), Format: EventFormat, Index: index, Key: signerOf(checkpoint), Path: []string{}, Size: c.Size}
	for _, h := range path {
		f.Path = append(f.Path, base64.StdEncoding.EncodeToString(h[:]))
	}
	return canonical(&f)
}

// Proven is an event that was proven to be in a log.
type Proven struct {
	Checkpoint Checkpoint
	Index      int64
	Event      []byte // exact canonical bytes
}

// Verify checks an event proof against the log's key.
func Verify(file []byte, key note.Verifier) (*Proven, error) {
	return VerifyEvent(file, Trust{Key: key})
}

// VerifyEvent checks an event proof against the log's key and a checkpoint that was
// seen before. It fails with [ErrFormat], [ErrNoKey], [ErrSignature], [ErrPath],
// [ErrCheckpoint], [ErrFork], [ErrSeen] or [ErrApart]; [Answer] tells which of them
// mean that something was altered. With ErrNoKey and ErrApart, the rest was checked
// and what was found is given.
func VerifyEvent(file []byte, t Trust) (*Proven, error) {
	var f eventFile
	if len(file) > maxEventProof || !strict(file, &f) || f.Format != EventFormat || len(f.Path) > maxPath {
		return nil, ErrFormat
	}
	c, err := Open([]byte(f.Checkpoint), t.Key)
	keyless := errors.Is(err, ErrNoKey)
	if keyless {
		c, err = Peek([]byte(f.Checkpoint))
	}
	if err != nil {
		return nil, err
	}
	if c.Size != f.Size || f.Index < 0 || f.Index >= c.Size {
		return nil, ErrCheckpoint
	}
	path := make(tlog.RecordProof, len(f.Path))
	for i, s := range f.Path {
		h, ok := parseHash(s)
		if !ok {
			return nil, ErrFormat
		}
		path[i] = h
	}
	if tlog.CheckRecord(path, c.Size, c.Root, f.Index, tlog.RecordHash([]byte(f.Event))) != nil {
		return nil, ErrPath
	}
	p := &Proven{Checkpoint: c, Index: f.Index, Event: []byte(f.Event)}
	if keyless {
		return p, ErrNoKey
	}
	before, err := t.seen(c)
	switch {
	case err != nil:
		return nil, err
	case before == nil:
		return p, nil
	case before.Size != c.Size:
		return p, ErrApart
	case before.Root != c.Root:
		return nil, ErrFork
	}
	return p, nil
}

// canonical writes a value of ours: members in the order of the struct, no white
// space, a line feed at the end.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, errors.New("prove: a value cannot be written")
	}
	return b.Bytes(), nil
}

// strict reads what canonical wrote, and refuses anything that it would not have
// written: other members, an order of its own, white space, letters in another
// case, a member twice.
func strict(b []byte, v any) bool {
	if json.Unmarshal(b, v) != nil {
		return false
	}
	again, err := canonical(v)
	return err == nil && bytes.Equal(again, b)
}
