package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/console"
)

// Times and bounds of what is forgotten.
const (
	keepEvery = time.Hour       // between looks for what is old
	keepTime  = 5 * time.Minute // for one log at one look
	keepMost  = 36_500          // days
)

// keepFor reads for how long records are kept, 0 for ever.
func (c *collectConfig) keepFor() (time.Duration, error) {
	if c.Keep == "" {
		return 0, nil
	}
	days, ok := strings.CutSuffix(c.Keep, "d")
	n, err := strconv.Atoi(days)
	if !ok || err != nil || n < 1 || n > keepMost {
		return 0, fmt.Errorf("keep: write a number of days from 1d to %dd, as in keep: 30d", keepMost)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// forgetting removes what is older than keep from the replicas, now and every hour, until
// the context ends.
func (g *collecting) forgetting(ctx context.Context, keep time.Duration) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		for _, s := range g.collector.Status(ctx) {
			g.forget(ctx, s.Origin, keep)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forget removes what is old of one log, and tells of it.
func (g *collecting) forget(ctx context.Context, origin string, keep time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	var copied func(context.Context, int64, int64) (int64, error)
	if g.store != nil {
		copied = func(ctx context.Context, from, to int64) (int64, error) { return g.copied(ctx, origin, from, to) }
	}
	got, err := g.collector.Forget(ctx, origin, keep, copied)
	if err != nil {
		if ctx.Err() == nil {
			g.out.Error("a collected log cannot be rid of old records; they stay", "origin", origin, "error", err)
		}
		return
	}
	if len(got.Held) > 0 {
		g.out.Info("old records of a collected log stay for legal holds", "origin", origin, "from", got.To, "holds", len(got.Held))
	}
	if got.Segments == 0 {
		return
	}
	g.out.Info("old records of a collected log were removed", "origin", origin, "from", got.From, "to", got.To, "bytes", got.Bytes, "keep", g.cfg.Keep)
	ev := proxy.NewEvent(proxy.EventAdmin, time.Now())
	ev.Admin = &proxy.AdminRecord{Action: "forget", Code: "retention", Detail: origin, Role: "admin", Count: got.To - got.From, From: got.From, To: got.To}
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if err := g.own.Record(recording, ev); err != nil {
		g.out.Error("the removal of old records could not be recorded", "origin", origin, "error", err)
	}
}

// copied gives the index up to which the store has the records of a log from one index
// to before another, by the cursor on disk and by what the store itself counts.
func (g *collecting) copied(ctx context.Context, origin string, from, to int64) (int64, error) {
	g.mu.RLock()
	l := g.logs[origin]
	g.mu.RUnlock()
	if l == nil {
		return from, nil // it is not copied yet
	}
	dir := filepath.Join(g.cfg.Dir, "copies", g.label(l))
	list, err := ship.Cursors(dir)
	if err != nil {
		return 0, err
	}
	upto := from
	for _, c := range list {
		if c.Sink != copyName || c.Origin != origin {
			continue
		}
		upto = min(to, c.Next)
		if c.Parked == 0 {
			continue
		}
		// What the store refused is nowhere but here.
		parked, err := ship.Parked(dir, copyName)
		if err != nil {
			return 0, err
		}
		if int64(len(parked)) < c.Parked {
			return from, nil // it is not known which
		}
		for _, p := range parked {
			upto = min(upto, max(from, p.Index))
		}
	}
	if upto <= from {
		return from, nil
	}
	n, err := g.store.Held(ctx, origin, from, upto)
	if err != nil {
		return 0, fmt.Errorf("ask the store what it has: %w", err)
	}
	if n != upto-from {
		return 0, fmt.Errorf("the store has %d of the %d records from %d on that were copied into it: somebody removed some. Put them back from a backup of the table, or remove %s to copy what is still here anew", n, upto-from, from, filepath.Join(dir, copyName+".cursor"))
	}
	for _, index := range []int64{from, upto - 1} {
		if _, err := g.stored(console.Ref{Origin: origin, Index: index}); err != nil {
			return 0, err
		}
	}
	return upto, nil
}
