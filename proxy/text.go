package proxy

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrContent is what every encoder gets that tries to marshal a [Text]. It
// means that somebody put content where none may be; mend the caller.
var ErrContent = errors.New("content may not be marshalled")

// redacted stands where content would have been printed.
const redacted = "[content]"

// Text is content of a client: a prompt, a key of its objects, a path, a
// header's value. It can be inspected (see Reveal) but not printed, logged or
// marshalled, by no verb and no encoder, nested or not.
//
// It holds a pointer because a string type would be printed by reflection when
// it sits in an unexported field; of a pointer, only the address is.
// The zero Text is empty. A Text is immutable and safe for concurrent use.
type Text struct{ p *string }

// NewText wraps s.
func NewText(s string) Text { return Text{p: &s} }

// TextAt wraps the string at p without allocating. The string may not be
// written afterwards.
func TextAt(p *string) Text { return Text{p: p} }

// Reveal gives the content. It is called in dialect, classifiers, vault and the
// two data planes, and nowhere else: arch_test.go lists the rooms.
func (t Text) Reveal() string {
	if t.p == nil {
		return ""
	}
	return *t.p
}

// Len gives the length in bytes.
func (t Text) Len() int { return len(t.Reveal()) }

// Format implements [fmt.Formatter] for every verb: it prints a placeholder.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String implements [fmt.Stringer]: a placeholder.
func (t Text) String() string { return redacted }

// GoString implements [fmt.GoStringer]: a placeholder.
func (t Text) GoString() string { return redacted }

// LogValue implements [slog.LogValuer]: a placeholder.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText fails with [ErrContent]; XML and YAML encoders use it.
func (t Text) MarshalText() ([]byte, error) { return nil, ErrContent }

// MarshalBinary fails with [ErrContent].
func (t Text) MarshalBinary() ([]byte, error) { return nil, ErrContent }
