package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/export"
	"github.com/ostiary/ostiary/proxy/audit/report"
	"github.com/ostiary/ostiary/proxy/console"
)

// Bounds of the names that a report takes.
const (
	peopleLimit = 100_000             // events
	peopleLine  = 4 * audit.MaxRecord // bytes of an event with its personal part
)

// peopleKinds are the kinds of events that an access review is about.
func peopleKinds() []string {
	return []string{proxy.EventAccess, proxy.EventErasure, proxy.EventGrant, proxy.EventRetention}
}

// people are the personal parts of events, by the event's id.
type people struct {
	parts map[string][]byte // as in [audit.Record]
	more  bool              // there were more than are kept
}

// people has whoever keeps the log give the personal parts of what a report is about,
// which that records. It gives nil, and a sentence why, where they cannot be had; and
// both where they are not all.
func (f *reportFlags) people(c *cobra.Command, b *book, s report.Scope) (*people, string) {
	why := func(err error) string { return fmt.Sprintf("Names are not shown: %v.", err) }
	cfg, p, err := f.settings()
	if err != nil {
		return nil, why(err)
	}
	if len(cfg.Log.Key.Command) == 0 && !isPresent(filepath.Join(p.keys, console.SocketName)) && !isPresent(filepath.Join(p.keys, "log.key")) {
		return nil, why(fmt.Errorf("that somebody looked at them could not be recorded, because the key of this log is not in %s", p.keys))
	}
	k, err := openKeeper(c, cfg, p)
	if err != nil {
		return nil, why(err)
	}
	who, err := takePeople(c.Context(), k, s)
	if ended := k.close(); ended != nil {
		err = errors.Join(err, fmt.Errorf("close the audit log: %w", ended))
	}
	switch {
	case err != nil:
		return nil, why(err)
	case who.more:
		return who, fmt.Sprintf("Names of the first %s events are shown, and those of the others are not: choose a shorter time for those.", thousands(peopleLimit))
	}
	return who, ""
}

// isPresent reports whether there is a file of a name.
func isPresent(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// takePeople takes the personal parts from a keeper.
func takePeople(ctx context.Context, k *keeper, s report.Scope) (*people, error) {
	if err := k.find(ctx); err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	taken := make(chan error, 1)
	out := &people{parts: map[string][]byte{}}
	go func() {
		err := out.read(r)
		_ = r.CloseWithError(err) // never fails
		taken <- err
	}()
	_, err := k.Export(ctx, w, export.JSONL, console.Search{Query: "kind:(" + strings.Join(peopleKinds(), " ") + ")", From: s.Since, To: s.Until, Personal: true})
	_ = w.CloseWithError(err) // never fails
	if read := <-taken; err == nil {
		err = read
	}
	return out, err
}

// errPeople is the error of an export that cannot be read. It quotes nothing.
var errPeople = errors.New("what the log gave cannot be read")

// read reads an export. A line that is an event alone is of one whose personal part was
// erased, or that had none.
func (p *people) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, peopleLine)
	for lines.Scan() {
		var line struct {
			ID    string `json:"id"`
			Event struct {
				ID string `json:"id"`
			} `json:"event"`
			Personal json.RawMessage `json:"personal"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			return errPeople
		}
		part := []byte{}
		if line.ID == "" {
			line.ID, part = line.Event.ID, line.Personal
		}
		if len(p.parts) == peopleLimit {
			p.more = true
			continue
		}
		p.parts[line.ID] = part
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return errPeople
	}
	return lines.Err()
}

// of puts the personal parts to their records. One that is not known has none: it was
// recorded after they were asked for, as the look itself was.
func (p *people) of(records iter.Seq2[audit.Record, error]) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for rec, err := range records {
			if err == nil && slices.ContainsFunc(peopleKinds(), func(k string) bool { return bytes.Contains(rec.JSON, []byte(`"kind":"`+k+`"`)) }) {
				// What is no event is told of by the report.
				if ev, bad := rec.Event(); bad == nil {
					rec.Personal = p.parts[ev.ID]
				}
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}
