package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// ErrWhole: the log needs no repair.
var ErrWhole = errors.New("the audit log opens as it is; there is nothing to repair")

// Repaired tells what a repair did.
type Repaired struct {
	Evidence string // where the damaged log now is
	Origin   string // of the log that was begun in its place
	Former   string // origin of the damaged log
	Records  int64  // that can be read and proven in the damaged log
	Signed   int64  // size of its greatest checkpoint
	FirstBad int64  // -1 where not known
	Why      string
}

// evidenceLimit bounds the search for a free name.
const evidenceLimit = 1000

// Repair puts a log aside that does not open, as evidence and unchanged, and begins
// a new one in its place whose first event says so: what the old one was called, how
// much of it can be proven, what is wrong with it. A log is never mended in place:
// what was signed once cannot be signed otherwise without being a fork. It fails with
// [ErrWhole] where the log opens, and with [ErrLocked].
func Repair(dir string, o Options, a Act) (*Repaired, error) {
	dir = filepath.Clean(dir)
	if err := a.check(); err != nil {
		return nil, err
	}
	l, err := Open(dir, o)
	if err == nil {
		return nil, errors.Join(ErrWhole, l.Close())
	}
	var d *Damage
	if !errors.As(err, &d) {
		return nil, fmt.Errorf("repair the audit log: it is not damaged, but %w", err)
	}
	out := &Repaired{FirstBad: -1, Why: d.Place + " " + d.Why}
	full := o.withDefaults(dir)
	trust, err := Trusted(full.KeyDir, dir)
	if err != nil {
		return nil, err
	}
	if o.Verifier != nil {
		trust.Key = o.Verifier
	}
	report, err := Verify(dir, trust)
	if err == nil {
		out.Former, out.Records, out.Signed, out.FirstBad = report.Origin, report.Size, report.Signed, report.FirstBad
	}
	if trust.Key != nil {
		if c, err := OpenCheckpoint(trust.Checkpoint, trust.Key); err == nil {
			out.Signed = max(out.Signed, c.Size)
		}
	}
	for n := 1; ; n++ {
		out.Evidence = fmt.Sprintf("%s.damaged-%d", dir, n)
		if !exists(out.Evidence) {
			break
		}
		if n == evidenceLimit {
			return nil, fmt.Errorf("repair the audit log: %d damaged logs lie beside it already", n)
		}
	}
	if err := os.Rename(dir, out.Evidence); err != nil {
		return nil, fmt.Errorf("put the damaged log aside: %w", err)
	}
	if err := (disk{}).SyncDir(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	// A log of the old name would be a fork of it.
	o.Origin = ""
	if out.Former != "" {
		if o.Origin, err = successor(out.Former, full); err != nil {
			return nil, err
		}
	}
	if l, err = Open(dir, o); err != nil {
		return nil, fmt.Errorf("begin a new log in the place of the damaged one, which is now %s: %w", out.Evidence, err)
	}
	out.Origin = l.Origin()
	detail := fmt.Sprintf("former log %s, of which %d records can be read and %d were signed: %s", out.Former, out.Records, out.Signed, out.Why)
	ev := a.event(proxy.EventGap, "repair", full.now())
	ev.Admin.Detail, ev.Admin.From, ev.Admin.To = detail, max(out.FirstBad, 0), out.Signed
	ctx, cancel := context.WithTimeout(context.Background(), resumeLimit)
	defer cancel()
	err = l.record(ctx, []*proxy.Event{ev})
	return out, errors.Join(err, l.Close())
}

// successor names the log that follows one.
func successor(former string, o Options) (string, error) {
	base, _, _ := strings.Cut(former, "~")
	fresh, err := newOrigin("", o.random)
	if err != nil {
		return "", err
	}
	name := base + "~" + filepath.Base(fresh)
	if len(name) > originLimit {
		return "", fmt.Errorf("the log's origin is longer than %d bytes", originLimit)
	}
	return name, nil
}
