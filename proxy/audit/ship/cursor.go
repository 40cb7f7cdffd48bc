package ship

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy/audit/durable"
)

// Cursor is how far a sink got.
type Cursor struct {
	Sink   string `json:"-"`
	Origin string `json:"origin"`
	Next   int64  `json:"next"`           // index of the first record that the sink has not acknowledged
	End    int64  `json:"end"`            // behind the batch that is under way; Next where none is
	Leaf   string `json:"leaf,omitempty"` // RFC 6962 leaf hash of the record before Next, in hex; empty where Next is 0 or the sink told it
	Parked int64  `json:"parked"`         // records that were passed over, ever
	InRow  int    `json:"in_row"`         // of them, since a record was accepted
}

const (
	cursorSuffix = ".cursor"
	parkedSuffix = ".parked"
	cursorLimit  = 4 << 10  // bytes of a cursor file
	parkedLimit  = 10_000   // records that one sink may park
	parkedBytes  = 16 << 20 // bytes of a file of parked records that are read
	dirMode      = 0o700
	fileMode     = 0o600
)

// nameLimit bounds the name of a sink, which names files.
const nameLimit = 64

// goodName says whether a sink may have the name: letters, digits, '-' and '_'.
func goodName(s string) bool {
	if s == "" || len(s) > nameLimit {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// disk is what a shipper does to its directory, so that tests can end it at each
// step.
type disk interface {
	// Replace makes a file hold b, whole and durable, or leaves it as it was.
	Replace(name string, b []byte) error
	// Append makes b the durable end of a file.
	Append(name string, b []byte) error
}

// realDisk is the operating system's.
type realDisk struct{}

func (realDisk) Replace(name string, b []byte) error { return durable.Replace(name, b) }

func (realDisk) Append(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(name))
}

// readCursor reads a sink's cursor. It gives false where there is none.
func readCursor(dir, sink string) (Cursor, bool, error) {
	name := filepath.Join(dir, sink+cursorSuffix)
	b, err := readBounded(name, cursorLimit)
	if errors.Is(err, os.ErrNotExist) {
		return Cursor{Sink: sink}, false, nil
	}
	c := Cursor{}
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		err = dec.Decode(&c)
	}
	if err != nil || c.Origin == "" || c.Next < 0 || c.End < c.Next || c.Parked < 0 || c.InRow < 0 {
		return Cursor{}, false, fmt.Errorf("%s cannot be read: put it back from a backup, or remove it to ship from where the sink is", name)
	}
	c.Sink = sink
	return c, true, nil
}

func (c Cursor) encode() []byte {
	b, _ := json.Marshal(c) // strings and integers
	return append(b, '\n')
}

// Cursors gives the cursors that lie in a directory, by the names of their sinks.
// Retention asks it what was not shipped yet.
func Cursors(dir string) ([]Cursor, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the cursors of sinks: %w", err)
	}
	var out []Cursor
	for _, e := range entries {
		sink, ok := strings.CutSuffix(e.Name(), cursorSuffix)
		if !ok || !goodName(sink) {
			continue
		}
		c, found, err := readCursor(dir, sink)
		if err != nil {
			return nil, err
		}
		if found {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Cursor) int { return strings.Compare(a.Sink, b.Sink) })
	return out, nil
}

// ParkedRecord is a record that a sink will never take.
type ParkedRecord struct {
	Origin string `json:"origin"`
	Index  int64  `json:"index"`
	Reason string `json:"reason"` // in words of ours
	Time   string `json:"time"`   // when it was parked; RFC 3339, UTC
}

// Parked gives the records that a sink parked, each once.
func Parked(dir, sink string) ([]ParkedRecord, error) {
	name := filepath.Join(dir, sink+parkedSuffix)
	b, err := readBounded(name, parkedBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	type key struct {
		origin string
		index  int64
	}
	seen := map[key]bool{}
	var out []ParkedRecord
	for line := range bytes.Lines(b) {
		var p ParkedRecord
		if json.Unmarshal(line, &p) != nil {
			continue // cut off by a crash: it was written again behind it
		}
		if k := (key{p.Origin, p.Index}); !seen[k] {
			seen[k] = true
			out = append(out, p)
		}
	}
	return out, nil
}

func (p ParkedRecord) encode() []byte {
	b, _ := json.Marshal(p) // strings and integers
	// The line before may have been cut off.
	return append(append([]byte("\n"), b...), '\n')
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errors.New("too large")
	}
	return b, err
}

// Leaf gives the RFC 6962 leaf hash of a core: SHA-256 of a zero byte and the
// core.
func Leaf(core []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(core)
	return [sha256.Size]byte(h.Sum(nil))
}

// leafHex is Leaf as cursors hold it.
func leafHex(core []byte) string {
	h := Leaf(core)
	return hex.EncodeToString(h[:])
}
