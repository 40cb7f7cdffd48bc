// Package export writes records of the audit log in the formats of other programs:
// JSON lines, CSV, Parquet, OCSF events and CEF lines.
//
// [New] gives a [Writer] of one of the [Formats]. Only JSON lines hold an event whole,
// as its exact canonical bytes, and can be checked against the log; the others are
// views of it. CSV and Parquet have the same columns, which [Columns] describes.
// [Fields] describes how events become OCSF events. A bundle that a third party can
// check is made by package proof.
//
// Personal parts are left out unless [Options.Personal] asks for them. An event that
// holds personal data where a commitment should stand is refused with [ErrPersonal].
package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// The formats.
const (
	JSONL   = "jsonl"   // one event a line, its exact canonical bytes
	CSV     = "csv"     // RFC 4180, with a line of names, for spreadsheets
	Parquet = "parquet" // flat columns, zstd
	OCSF    = "ocsf"    // OCSF 1.8 events, one JSON object a line
	CEF     = "cef"     // ArcSight Common Event Format 0 (revision 25), one event a line
)

// Formats lists the formats that [New] knows.
func Formats() []string { return []string{JSONL, CSV, Parquet, OCSF, CEF} }

// ErrPersonal: an event holds personal data that was not asked for.
var ErrPersonal = errors.New("the event holds personal data beside its commitment; it was written before personal parts stood apart, and is not exported")

// Options of a writer.
type Options struct {
	// Personal writes the personal part too, where the record comes with one
	// ([audit.Reader.WithPersonal]): in JSON lines as {"event":…,"personal":…}, in the
	// others in fields of their own. The caller must record an access event first.
	Personal bool
	// Version is that of the product, for OCSF and CEF; empty means unknown.
	Version string
}

// Writer writes records. It is not safe for concurrent use. After an error, what was
// written is not to be used.
type Writer interface {
	// Write adds a record. ev is the record's event, or nil: then it is decoded here. It
	// fails with [ErrPersonal], or with the error of the writer below; records may be
	// buffered.
	Write(rec audit.Record, ev *proxy.Event) error
	// Close writes what is buffered. It does not close the writer below.
	Close() error
}

// New gives a writer of a format. It fails where there is no such format.
func New(format string, w io.Writer, o Options) (Writer, error) {
	c := &checked{personal: o.Personal}
	switch format {
	case JSONL:
		c.format = &lines{bufio.NewWriter(w), func(e *entry) ([]byte, error) { return e.line(), nil }}
	case CSV:
		c.format = newTable(w, columns(o.Personal))
	case Parquet:
		c.format = newParquet(w, columns(o.Personal), o)
	case OCSF:
		c.format = &lines{bufio.NewWriter(w), func(e *entry) ([]byte, error) { return ocsf(e, o.Version) }}
	case CEF:
		c.format = &lines{bufio.NewWriter(w), func(e *entry) ([]byte, error) { return cef(e, o.Version), nil }}
	default:
		return nil, fmt.Errorf("export: no format of this name; there are %s", strings.Join(Formats(), ", "))
	}
	return c, nil
}

// LineEncoder gives a function that makes of an event's canonical bytes one line of
// OCSF or CEF, without the line feed and without personal data: what shippers write.
// The record's index is not known to it and left out. It is safe for concurrent use,
// and its errors quote nothing.
func LineEncoder(format, version string) (func(core []byte) ([]byte, error), error) {
	var encode func(e *entry) ([]byte, error)
	switch format {
	case OCSF:
		encode = func(e *entry) ([]byte, error) { return ocsf(e, version) }
	case CEF:
		encode = func(e *entry) ([]byte, error) { return cef(e, version), nil }
	default:
		return nil, fmt.Errorf("export: no line format of this name; there are %s, %s", OCSF, CEF)
	}
	return func(core []byte) ([]byte, error) {
		e, err := newEntry(audit.Record{Index: -1, JSON: core}, nil, false)
		if err != nil {
			return nil, err
		}
		return encode(e)
	}, nil
}

// entry is a record with what is read of it.
type entry struct {
	rec audit.Record
	ev  *proxy.Event
	own proxy.PersonalRecord // empty unless it was asked for and came
}

func newEntry(rec audit.Record, ev *proxy.Event, personal bool) (*entry, error) {
	if ev == nil {
		ev = &proxy.Event{}
		if json.Unmarshal(rec.JSON, ev) != nil { // the library's error may quote its input
			return nil, fmt.Errorf("export: record %d is not an event", rec.Index)
		}
	}
	if ev.Personal != nil {
		p := *ev.Personal
		p.Commitment = ""
		if !reflect.ValueOf(p).IsZero() {
			return nil, fmt.Errorf("export: record %d: %w", rec.Index, ErrPersonal)
		}
	}
	e := &entry{rec: rec, ev: ev}
	if !personal {
		e.rec.Personal = nil
	}
	if len(e.rec.Personal) > 0 && json.Unmarshal(e.rec.Personal, &e.own) != nil {
		return nil, fmt.Errorf("export: the personal part of record %d cannot be read", rec.Index)
	}
	return e, nil
}

// line gives the entry as a JSON line, without the line feed.
func (e *entry) line() []byte {
	if len(e.rec.Personal) == 0 {
		return e.rec.JSON
	}
	return slices.Concat([]byte(`{"event":`), e.rec.JSON, []byte(`,"personal":`), e.rec.Personal, []byte(`}`))
}

// format writes entries.
type format interface {
	write(e *entry) error
	close() error
}

// checked is the one Writer: a format behind the check for personal data.
type checked struct {
	format   format
	personal bool
	err      error // kept: what was written is broken
}

func (c *checked) Write(rec audit.Record, ev *proxy.Event) error {
	if c.err != nil {
		return c.err
	}
	e, err := newEntry(rec, ev, c.personal)
	if err == nil {
		err = c.format.write(e)
	}
	c.err = err
	return err
}

func (c *checked) Close() error {
	if c.err != nil {
		return c.err
	}
	return c.format.close()
}

// lines writes one line for each entry.
type lines struct {
	w      *bufio.Writer
	encode func(*entry) ([]byte, error)
}

func (l *lines) write(e *entry) error {
	b, err := l.encode(e)
	if err != nil {
		return err
	}
	if _, err := l.w.Write(b); err != nil {
		return err
	}
	return l.w.WriteByte('\n')
}

func (l *lines) close() error { return l.w.Flush() }

// table writes CSV.
type table struct {
	w       *csv.Writer
	columns []column
	row     []string
	begun   bool
}

func newTable(w io.Writer, list []column) *table {
	return &table{w: csv.NewWriter(w), columns: list, row: make([]string, len(list))}
}

func (t *table) begin() error {
	if t.begun {
		return nil
	}
	t.begun = true
	for i, c := range t.columns {
		t.row[i] = c.name
	}
	return t.w.Write(t.row)
}

func (t *table) write(e *entry) error {
	if err := t.begin(); err != nil {
		return err
	}
	for i, c := range t.columns {
		t.row[i] = c.cell(e)
	}
	return t.w.Write(t.row)
}

func (t *table) close() error {
	if err := t.begin(); err != nil {
		return err
	}
	t.w.Flush()
	return t.w.Error()
}

// neutral keeps a text from being run as a formula by a spreadsheet: one that begins
// with a sign that some spreadsheet takes for a formula's gets an apostrophe before it
// (OWASP, CSV injection). Line breaks and other control characters become spaces.
func neutral(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	if t := strings.TrimLeft(s, " \u00a0\u3000\ufeff"); t != "" && strings.ContainsRune("=+-@＝＋－＠|%", []rune(t)[0]) {
		return "'" + s
	}
	return s
}
