package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// Custody does to one log what the API asks for. It is a [Custodian], an [Upkeep],
// and the half of [Pseudonyms] that needs the log.
type Custody struct {
	Log      *audit.Log
	Reader   *audit.Reader
	Searcher Searcher // for what is erased by query; nil refuses that
	// More adds to the state of the log what others know; nil where nobody does.
	More func(*Stats)
}

var (
	_ Custodian = (*Custody)(nil)
	_ Upkeep    = (*Custody)(nil)
)

// eraseLimit is how many records a query may name in one erasure.
const eraseLimit = 10_000_000

func (b By) act() audit.Act { return audit.Act{Code: b.Reason, Role: string(b.Role), Who: b.Who()} }

// mapped gives the error of the API for one of the log.
func mapped(err error) error {
	for _, m := range []struct{ of, to error }{
		{audit.ErrHeld, ErrHeld}, {audit.ErrNoHold, ErrNotFound}, {audit.ErrHoldName, ErrExists}, {audit.ErrTimeout, context.DeadlineExceeded},
	} {
		if errors.Is(err, m.of) {
			return m.to
		}
	}
	return err
}

// erasable says whether an event is about what somebody asked of a model. Who looked
// at the log and who changed it stays: else whoever may erase could erase the trace
// of their own looks.
func erasable(ev *proxy.Event) bool {
	return ev.Kind == proxy.EventDecision || ev.Kind == proxy.EventOutcome
}

// Erase implements [Custodian]. Of decisions and outcomes alone, whatever is asked
// for.
func (c *Custody) Erase(ctx context.Context, by By, e Erasure) (Effect, error) {
	match, err := c.match(ctx, e)
	if err != nil {
		return Effect{}, err
	}
	got, err := c.Log.Erase(ctx, func(rec audit.Record) bool {
		if !match(rec) {
			return false
		}
		ev, err := rec.Event()
		return err == nil && erasable(ev)
	}, by.act(), e.Dry)
	if err != nil {
		return Effect{}, mapped(err)
	}
	out := Effect{Dry: e.Dry, Parts: got.Parts, Held: got.Held}
	if got.Parts > 0 {
		out.First, out.Behind = got.First, got.Last+1
	}
	return out, nil
}

// match says which records an erasure is about.
func (c *Custody) match(ctx context.Context, e Erasure) (func(audit.Record) bool, error) {
	switch {
	case e.Fingerprint != "":
		return mentions([]string{e.Fingerprint}), nil
	case e.Subject != "":
		return func(rec audit.Record) bool {
			p, err := rec.OpenPersonal()
			return err == nil && p != nil && p.Subject == e.Subject
		}, nil
	case len(e.IDs) > 0:
		ids := map[string]bool{}
		for _, id := range e.IDs {
			ids[id] = true
		}
		return func(rec audit.Record) bool {
			ev, err := rec.Event()
			return err == nil && (ids[ev.ID] || ids[ev.DecisionID])
		}, nil
	case e.Query != nil && c.Searcher != nil:
		found := map[int64]bool{}
		for p := (Page{Limit: exportPage, Oldest: true}); ; {
			hits, err := c.Searcher.Search(ctx, *e.Query, p)
			if err != nil {
				return nil, err
			}
			for _, r := range hits.Refs {
				found[r.Index] = true
			}
			if len(found) > eraseLimit {
				return nil, &QueryError{Why: fmt.Sprintf("it finds more than %d events: erase in several steps", eraseLimit)}
			}
			if hits.Next == "" {
				return func(rec audit.Record) bool { return found[rec.Index] }, nil
			}
			p.Cursor = hits.Next
		}
	}
	return nil, problem("not_available")
}

// mentions says whether a record's personal part has one of the fingerprints. Most
// need not be decoded: a fingerprint stands in the JSON as it is.
func mentions(prints []string) func(audit.Record) bool {
	return func(rec audit.Record) bool {
		if !slices.ContainsFunc(prints, func(f string) bool { return bytes.Contains(rec.Personal, []byte(f)) }) {
			return false
		}
		p, err := rec.OpenPersonal()
		return err == nil && p != nil && slices.ContainsFunc(p.Fingerprints, func(f string) bool { return slices.Contains(prints, f) })
	}
}

// Mentions gives the records whose personal part has one of the fingerprints: the
// first ones up to limit, and how many there are. It reads the whole log.
func (c *Custody) Mentions(ctx context.Context, fingerprints []string, limit int) (found []Ref, total int64, err error) {
	if len(fingerprints) == 0 {
		return nil, 0, nil
	}
	match := mentions(fingerprints)
	for rec, err := range c.Reader.WithPersonal().Records(0) {
		if err != nil {
			return nil, 0, err
		}
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if !match(rec) {
			continue
		}
		if total++; len(found) < limit {
			found = append(found, Ref{Origin: c.Log.Origin(), Index: rec.Index})
		}
	}
	return found, total, nil
}

// Hold implements [Custodian].
func (c *Custody) Hold(ctx context.Context, by By, h Hold) (Hold, error) {
	if err := c.Log.Hold(ctx, audit.Hold{ID: h.ID, From: h.From, To: h.To}, by.act()); err != nil {
		return Hold{}, mapped(err)
	}
	list, err := c.Holds(ctx)
	if err != nil {
		return Hold{}, err
	}
	if i := slices.IndexFunc(list, func(x Hold) bool { return x.ID == h.ID }); i >= 0 {
		return list[i], nil
	}
	return Hold{}, ErrNotFound // somebody has lifted it since
}

// Release implements [Custodian].
func (c *Custody) Release(ctx context.Context, by By, id string) error {
	return mapped(c.Log.Release(ctx, id, by.act()))
}

// Retain implements [Custodian]. The name of the rule is recorded with the ticket.
func (c *Custody) Retain(ctx context.Context, by By, r Retention) (Effect, error) {
	by.Ticket = strings.TrimSpace(r.Policy + " " + by.Ticket)
	got, err := c.Log.Retain(ctx, r.Before, by.act(), r.Dry)
	if err != nil {
		return Effect{}, mapped(err)
	}
	return Effect{Dry: r.Dry, Segments: int64(got.Segments), Bytes: got.Bytes, First: got.From, Behind: got.To, Holds: got.Held}, nil
}

// Rotate implements [Upkeep]: the new key is one of the key directory.
func (c *Custody) Rotate(ctx context.Context, by By) (Rotation, error) {
	key, err := c.Log.Rotate(ctx, nil, "", by.act())
	return Rotation{Key: key}, mapped(err)
}

// Seal implements [Upkeep].
func (c *Custody) Seal(ctx context.Context, by By) error {
	e := by.Event(proxy.EventAdmin, "seal")
	if err := c.Log.Record(ctx, e); err != nil {
		return mapped(err)
	}
	return mapped(c.Log.Seal(ctx))
}

// Holds implements [Upkeep].
func (c *Custody) Holds(context.Context) ([]Hold, error) {
	list, err := c.Log.Holds()
	out := make([]Hold, 0, len(list))
	for _, h := range list {
		out = append(out, Hold{ID: h.ID, From: h.From, To: h.To, Set: h.Set})
	}
	return out, err
}

// Stats implements [Upkeep]. What only others know is -1 until More says it.
func (c *Custody) Stats(ctx context.Context) (Stats, error) {
	segments, err := c.Reader.Segments()
	if err != nil {
		return Stats{}, err
	}
	holds, err := c.Log.Holds()
	if err != nil {
		return Stats{}, err
	}
	out := Stats{
		Origin: c.Log.Origin(), Size: c.Log.Size(), Queue: int64(c.Log.Queue()), Segments: int64(len(segments)), Holds: int64(len(holds)),
		Failed: c.Log.Failed() != nil, Indexed: -1, DiskFree: -1, Gaps: -1, Epochs: -1,
	}
	var at time.Time
	if out.Signed, at = c.Log.Signed(); !at.IsZero() {
		out.SignedAt = at.UTC().Format(time.RFC3339)
	}
	for i, s := range segments {
		if i == 0 {
			out.First = s.First
		}
		if s.Sealed {
			out.Sealed++
		}
		out.Bytes += s.Bytes
	}
	if c.Searcher != nil {
		hits, err := c.Searcher.Search(ctx, Query{}, Page{Limit: 1})
		if err != nil {
			return Stats{}, err
		}
		out.Indexed = hits.Size
	}
	if c.More != nil {
		c.More(&out)
	}
	return out, nil
}

// Verifying verifies the log in a directory.
type Verifying struct {
	Dir string
	// Trust gives what the verification trusts: it is asked anew each time, since the
	// last checkpoint moves on.
	Trust func() (audit.VerifyOptions, error)
}

// Verify implements [Auditor]. Where the context ends first, the verification goes on
// unheard: it cannot be interrupted.
func (v Verifying) Verify(ctx context.Context) (Verification, error) {
	o, err := v.Trust()
	if err != nil {
		return Verification{}, err
	}
	type result struct {
		report *audit.Report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		r, err := audit.Verify(v.Dir, o)
		done <- result{r, err}
	}()
	var got result
	select {
	case got = <-done:
	case <-ctx.Done():
		return Verification{}, ctx.Err()
	}
	if got.err != nil {
		return Verification{}, got.err
	}
	r := got.report
	out := Verification{
		Answer: r.Answer.String(), Origin: r.Origin, Size: r.Size, Signed: r.Signed, Root: r.Root.String(),
		Altered: r.Altered, Unclear: r.Unclear, Notes: r.Notes,
	}
	if r.FirstBad >= 0 {
		out.FirstBad, out.Until = &r.FirstBad, &r.Until
	}
	return out, nil
}
