// Package file ships the audit log to files of lines, for whatever reads files:
// the cores as JSON Lines, or what an encoder makes of them, OCSF for instance.
//
//	NAME-INDEX.EXT   lines; INDEX, of 20 digits, is that of the first record
//	NAME.state       which file is written, up to where, and up to which record
//
// A file is ended when it is large or old enough, and the next is begun; files that
// were ended are not touched again, so that others may move or delete them.
//
// # Once
//
// The state is written, and synchronised, after the lines. A batch that comes again
// after a crash finds either the state before it, and then what was written of it
// is cut off first, or the state behind it, and then it is passed over. So each
// record is one line, in order. A reader that follows a file may see lines of a
// batch that a crash cut off, and then the same lines again.
package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/durable"
	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// Defaults and bounds.
const (
	DefaultSize = 256 << 20
	DefaultAge  = 24 * time.Hour
	minSize     = 64 << 10
	maxSize     = 64 << 30
	maxAge      = 366 * 24 * time.Hour
	stateLimit  = 4 << 10
	dirMode     = 0o700
	fileMode    = 0o600
	nameLimit   = 64
)

// Options say where lines go.
type Options struct {
	Dir  string // made with mode 0700 where it is not there
	Name string // of letters, digits, '-' and '_': what files' names begin with; empty for "audit"
	Ext  string // of letters and digits: what they end with; empty for "jsonl"
	// Encode makes a line of a core; nil leaves the core as it is. What it gives
	// may not hold a line feed.
	Encode ship.Encoder
	// Size and Age end a file; 0 for the defaults. A file may be larger by one
	// batch.
	Size int64
	Age  time.Duration

	now  func() time.Time
	step func(name string) // called before each step that lasts; nil but in tests
}

// Sink writes files. It is for one goroutine, as ship calls it.
type Sink struct {
	opt   Options
	file  *os.File
	state state
	known bool // state was read
}

var (
	_ ship.Sink    = (*Sink)(nil)
	_ ship.Resumer = (*Sink)(nil)
)

// state is what lasts: what lies behind Size in File was not acknowledged.
type state struct {
	Origin string `json:"origin"`
	File   string `json:"file"`
	Begun  int64  `json:"begun"` // Unix seconds
	Size   int64  `json:"size"`
	Next   int64  `json:"next"`           // index behind the last record
	Leaf   string `json:"leaf,omitempty"` // leaf hash of the last record, in hex
}

// New gives a sink. It touches no file.
func New(o Options) (*Sink, error) {
	if o.Name == "" {
		o.Name = "audit"
	}
	if o.Ext == "" {
		o.Ext = "jsonl"
	}
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if o.Age == 0 {
		o.Age = DefaultAge
	}
	switch {
	case o.Dir == "":
		return nil, errors.New("file: a directory is needed")
	case !word(o.Name, true) || !word(o.Ext, false):
		return nil, errors.New("file: names are of letters, digits, '-' and '_', endings of letters and digits")
	case o.Size < minSize || o.Size > maxSize:
		return nil, fmt.Errorf("file: a file is ended at %d to %d bytes", minSize, maxSize)
	case o.Age < time.Second || o.Age > maxAge:
		return nil, errors.New("file: a file is ended after a second to a year")
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.step == nil {
		o.step = func(string) {}
	}
	return &Sink{opt: o}, nil
}

func word(s string, marks bool) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && (!marks || c != '-' && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= nameLimit
}

// Ship appends the batch's lines and synchronises them.
func (s *Sink) Ship(_ context.Context, b ship.Batch) error {
	lines, err := s.lines(b)
	if err != nil {
		return err
	}
	if err := s.open(b.Origin); err != nil {
		return s.failed(err)
	}
	if b.First < s.state.Next {
		return s.passOver(b)
	}
	return s.failed(s.append(b, lines))
}

// lines makes the batch's lines; one that cannot be made is refused.
func (s *Sink) lines(b ship.Batch) ([]byte, error) {
	out := make([]byte, 0, b.Bytes()+len(b.Records))
	for _, r := range b.Records {
		line := r.Core
		if s.opt.Encode != nil {
			var err error
			if line, err = s.opt.Encode(r.Core); err != nil {
				return nil, ship.Refuse(r.Index, "it cannot be encoded")
			}
			line = bytes.TrimSuffix(line, []byte("\n"))
		}
		if bytes.IndexByte(line, '\n') >= 0 {
			return nil, ship.Refuse(r.Index, "it takes more than a line")
		}
		out = append(append(out, line...), '\n')
	}
	return out, nil
}

// passOver handles a batch that was written before, at least in part.
func (s *Sink) passOver(b ship.Batch) error {
	if b.End() > s.state.Next {
		// The bounds of a batch do not change; only a cursor that was put back by
		// hand comes here.
		return s.Ship(context.Background(), ship.Batch{Origin: b.Origin, First: s.state.Next, Records: b.Records[s.state.Next-b.First:]})
	}
	if b.End() == s.state.Next && s.state.Leaf != leaf(b) {
		return ship.Fail(ship.Conflict, "")
	}
	return nil
}

func leaf(b ship.Batch) string {
	h := ship.Leaf(b.Records[len(b.Records)-1].Core)
	return fmt.Sprintf("%x", h)
}

// append writes lines behind what is known to be there.
func (s *Sink) append(b ship.Batch, lines []byte) error {
	old := s.state
	if s.file == nil || s.state.Size > 0 && (s.state.Size+int64(len(lines)) > s.opt.Size || s.opt.now().Sub(time.Unix(s.state.Begun, 0)) >= s.opt.Age) {
		s.closeFile()
		s.state = state{
			Origin: b.Origin, Next: old.Next, Leaf: old.Leaf, Begun: s.opt.now().Unix(),
			File: fmt.Sprintf("%s-%020d.%s", s.opt.Name, b.First, s.opt.Ext),
		}
		s.opt.step("begin")
		if err := s.openFile(os.O_CREATE); err != nil {
			s.state = old
			return err
		}
		s.opt.step("sync directory")
		if err := durable.SyncDir(s.opt.Dir); err != nil {
			s.forget()
			return err
		}
	}
	s.opt.step("write")
	half := len(lines) / 2
	for _, part := range [][]byte{lines[:half], lines[half:]} {
		if _, err := s.file.Write(part); err != nil {
			s.forget()
			return err
		}
		s.opt.step("write on")
	}
	if err := s.file.Sync(); err != nil {
		s.forget()
		return err
	}
	s.opt.step("state")
	next := s.state
	next.Size += int64(len(lines))
	next.Next, next.Leaf = b.End(), leaf(b)
	j, _ := json.Marshal(next) // strings and integers
	if err := durable.Replace(s.statePath(), append(j, '\n')); err != nil {
		s.forget()
		return err
	}
	s.state = next
	s.opt.step("done")
	return nil
}

func (s *Sink) statePath() string { return filepath.Join(s.opt.Dir, s.opt.Name+".state") }

// errState: the state cannot be read.
var errState = errors.New("the state cannot be read")

// open reads the state and cuts off what was written behind it, once.
func (s *Sink) open(origin string) error {
	if s.known {
		if s.state.Origin != "" && s.state.Origin != origin {
			return ship.Fail(ship.Conflict, "")
		}
		return nil
	}
	if err := os.MkdirAll(s.opt.Dir, dirMode); err != nil {
		return err
	}
	st, err := s.readState()
	if err != nil {
		return err
	}
	if st.Origin != "" && st.Origin != origin {
		return ship.Fail(ship.Conflict, "")
	}
	s.state = st
	if st.File != "" {
		switch err := s.openFile(0); {
		case errors.Is(err, os.ErrNotExist): // moved away: the next batch begins another
		case err != nil:
			return err
		}
	}
	s.known = true
	return nil
}

func (s *Sink) readState() (state, error) {
	f, err := os.Open(s.statePath())
	if errors.Is(err, os.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, stateLimit))
	if err != nil {
		return state{}, err
	}
	var st state
	if json.Unmarshal(b, &st) != nil || st.Origin == "" || st.Next < 0 || st.Size < 0 || st.File != filepath.Base(st.File) {
		return state{}, errState
	}
	return st, nil
}

// openFile opens the state's file and cuts off what lies behind its size.
func (s *Sink) openFile(flag int) error {
	f, err := os.OpenFile(filepath.Join(s.opt.Dir, s.state.File), os.O_WRONLY|flag, fileMode)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.Size() < s.state.Size:
		err = ship.Fail(ship.Conflict, "") // somebody cut it
	case info.Size() > s.state.Size:
		err = f.Truncate(s.state.Size)
	}
	if err == nil {
		_, err = f.Seek(s.state.Size, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return err
	}
	s.file = f
	return nil
}

// forget gives up what is known of the files: after a failed write, only what is on
// disk counts.
func (s *Sink) forget() {
	s.closeFile()
	s.known = false
}

func (s *Sink) closeFile() {
	if s.file != nil {
		s.file.Close() // it was synchronised, or does not count
	}
	s.file = nil
}

// failed makes a failure of an error of the operating system, without its text,
// which holds paths.
func (s *Sink) failed(err error) error {
	var known *ship.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, errState):
		return ship.Fail(ship.CursorTrouble, "the state of the files cannot be read: put NAME.state back from a backup, or move the files away")
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
		return ship.Fail(ship.Credentials, "the directory cannot be written")
	case errors.Is(err, syscall.ENOSPC):
		return ship.Fail(ship.Busy, "no disk space")
	}
	return ship.Fail(ship.KindOther, "a file cannot be written")
}

// Next gives the index behind the last record that was written.
func (s *Sink) Next(_ context.Context, origin string) (int64, error) {
	if err := s.open(origin); err != nil {
		return 0, s.failed(err)
	}
	return s.state.Next, nil
}

// Close closes the file.
func (s *Sink) Close() error {
	s.forget()
	return nil
}
