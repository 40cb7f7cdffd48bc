package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/vault"
)

// keepStop bounds the time until the log is closed behind a command.
const keepStop = 10 * time.Second

// keeper does to a log what the API of a running Ostiary does: by asking that one, or,
// where none runs, by opening the log and serving the same API to itself alone, on a
// socket in a directory of its own. Either way the same code checks, does and records
// it, and says the same words where it refuses.
type keeper struct {
	*console.Client
	index *index.Index // of a log that was opened; it is read and never written
	end   func() error // lets the log go; nil where a running Ostiary was asked
}

// find has it find events by what they say. An index is only read for those who do.
func (k *keeper) find(ctx context.Context) error {
	if k.index == nil {
		return nil // the Ostiary that runs keeps its own up to date
	}
	return k.index.Refresh(ctx)
}

// close ends it. What it fails with was done, but may not be under a checkpoint.
func (k *keeper) close() error {
	k.Client.Close()
	if k.end == nil {
		return nil
	}
	return k.end()
}

// do opens a keeper, has it do something that is recorded, and ends it.
func (f *auditFlags) do(c *cobra.Command, act func(*keeper) error) error {
	cfg, p, err := f.settings()
	if err != nil {
		return err
	}
	k, err := openKeeper(c, cfg, p)
	if err != nil {
		return err
	}
	err = act(k)
	if ended := k.close(); ended != nil {
		err = errors.Join(err, fmt.Errorf("close the audit log: %w", ended))
	}
	return refusal(c, err)
}

// kept has a keeper do something and prints what came of it. The answer is no where
// that is not what yes asks for; nil takes all for yes.
func kept[T any](c *cobra.Command, f *auditFlags, print func(io.Writer, T, bool) error, yes func(T) bool, act func(*keeper) (T, error)) error {
	return f.do(c, func(k *keeper) error {
		got, err := act(k)
		if err != nil {
			return err
		}
		if err := print(c.OutOrStdout(), got, f.json); err != nil {
			return err
		}
		if yes != nil && !yes(got) {
			return answer{exitNo}
		}
		return nil
	})
}

// refusal makes exit status 1 of what the API refuses because the answer is no.
func refusal(c *cobra.Command, err error) error {
	var p *console.Problem
	if !errors.As(err, &p) || !slices.Contains([]string{"not_found", "no_evidence", "held", "exists", "erased"}, p.Code) {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "ostiary: %v\n", err)
	return answer{exitNo}
}

func openKeeper(c *cobra.Command, cfg *config.Config, p places) (*keeper, error) {
	socket := filepath.Join(p.keys, console.SocketName)
	client, err := console.Dial(socket)
	if err == nil {
		return &keeper{Client: client}, nil
	}
	if !errors.Is(err, console.ErrNoDaemon) {
		return nil, err
	}
	// A log that is not there is not made by looking after it. What else is wrong with
	// it, opening it says.
	if _, err := openLog(p.log); errors.Is(err, audit.ErrNoLog) {
		return nil, err
	}
	ring, err := vault.OpenKeyring(p.keys, nil)
	if err != nil {
		return nil, err
	}
	o, err := logOptions(cfg, p)
	if err != nil {
		return nil, err
	}
	needed, err := copied(cfg, p)
	if err != nil {
		return nil, err
	}
	o.Needed = func() int64 { return needed }
	l := newLedger(&config.Config{Log: config.Log{API: config.API{Approver: cfg.Log.API.Approver}}}, p, ring,
		slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	l.log, err = audit.Open(p.log, o)
	if errors.Is(err, audit.ErrLocked) {
		return nil, fmt.Errorf("%w, and does not serve %s: stop it, or wait until it has ended", err, socket)
	}
	if err != nil {
		return nil, err
	}
	k, err := l.alone()
	if err != nil {
		return nil, errors.Join(err, l.log.Close())
	}
	return k, nil
}

// copied gives the first record that a copy elsewhere has not got, by the cursors that
// lie beside the log: what no Ostiary that runs could ship may not be removed. Without
// a configuration, all cursors count.
func copied(cfg *config.Config, p places) (int64, error) {
	least := int64(math.MaxInt64)
	cursors, err := ship.Cursors(shipDir(p))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if cfg.Log.Dir == "" && len(cfg.Log.Ship) == 0 {
		for _, c := range cursors {
			least = min(least, c.Next)
		}
		return least, nil
	}
	for _, s := range cfg.Log.Ship {
		i := slices.IndexFunc(cursors, func(c ship.Cursor) bool { return c.Sink == s.Name })
		if i < 0 {
			return 0, nil
		}
		least = min(least, cursors[i].Next)
	}
	return least, nil
}

// alone serves the API of an open log to this process.
func (l *ledger) alone() (k *keeper, err error) {
	if l.reader, err = audit.OpenReader(l.places.log); err != nil {
		return nil, err
	}
	if l.source, err = tiles.Open(l.places.log); err != nil {
		return nil, err
	}
	if l.index, err = index.Open(l.places.log, index.Options{ReadOnly: true}); err != nil {
		return nil, err
	}
	if err := l.openAPI(l.log, func(*console.Stats) {}); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ostiary-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	socket := filepath.Join(dir, console.SocketName)
	at, err := console.Listen(socket, false)
	if err != nil {
		return nil, err
	}
	served := make(chan error, 1)
	go func() { served <- l.api.Serve(at) }()
	stop := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), keepStop)
		defer cancel()
		return errors.Join(l.api.Shutdown(ctx), <-served)
	}
	client, err := console.Dial(socket)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return &keeper{Client: client, index: l.index, end: func() error {
		return errors.Join(stop(), l.log.Close(), os.RemoveAll(dir))
	}}, nil
}
