package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/tiles"
	"github.com/ostiary/ostiary/proxy/config"
	"github.com/ostiary/ostiary/proxy/console"
	"github.com/ostiary/ostiary/proxy/vault"
)

// ownStop bounds the end of an API that a command has served itself.
const ownStop = 5 * time.Second

// ask has something done that is recorded. The Ostiary that runs does it; where none
// runs, this process opens the log and serves itself the same API, so that what is
// recorded, and what is refused, is the same.
func (f *auditFlags) ask(ctx context.Context, do func(context.Context, *console.Client) error) error {
	cfg, p, err := f.settings()
	if err != nil {
		return err
	}
	client, err := console.Dial(filepath.Join(p.keys, console.SocketName))
	if err == nil {
		defer client.Close()
		return do(ctx, client)
	}
	if !errors.Is(err, console.ErrNoDaemon) {
		return err
	}
	if _, err := openLog(p.log); err != nil {
		return err
	}
	own, err := serveOwn(ctx, cfg, p)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, own.client), own.close())
}

// own is the API of a log that this process has opened.
type own struct {
	client *console.Client
	log    *audit.Log
	ledger *ledger
	socket string // in a directory of its own
	served chan error
}

// openOwn opens the log for appending as a running Ostiary does.
func openOwn(cfg *config.Config, p places) (*audit.Log, error) {
	o, err := logOptions(cfg, p)
	if err != nil {
		return nil, err
	}
	o.Needed = func() int64 { return neededBy(cfg, p) }
	log, err := audit.Open(p.log, o)
	if errors.Is(err, audit.ErrLocked) {
		return nil, fmt.Errorf("%w, and does not serve %s: stop it, or wait until it has ended", err, filepath.Join(p.keys, console.SocketName))
	}
	return log, err
}

// neededBy gives the first record that a sink of the configuration has not got, by the
// cursors on disk.
func neededBy(cfg *config.Config, p places) int64 {
	least := int64(math.MaxInt64)
	if len(cfg.Log.Ship) == 0 {
		return least
	}
	for _, s := range cfg.Log.Ship {
		least = min(least, cursorOf(shipDir(p), s.Name))
	}
	return least
}

// cursorOf gives what a sink has got; 0 where that is not known.
func cursorOf(dir, sink string) int64 {
	list, err := ship.Cursors(dir)
	if err != nil {
		return 0
	}
	for _, c := range list {
		if c.Sink == sink {
			return c.Next
		}
	}
	return 0
}

// serveOwn opens the log and serves its API on a socket that nobody else can reach.
func serveOwn(ctx context.Context, cfg *config.Config, p places) (_ *own, err error) {
	log, err := openOwn(cfg, p)
	if err != nil {
		return nil, err
	}
	undo := []func(){func() { _ = log.Close() }}
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			undo[i]()
		}
	}()
	ring, err := vault.OpenKeyring(p.keys, nil)
	if err != nil {
		return nil, err
	}
	l := newLedger(cfg, p, ring, slog.New(slog.DiscardHandler))
	l.log = log
	if l.reader, err = audit.OpenReader(p.log); err != nil {
		return nil, err
	}
	if l.source, err = tiles.Open(p.log); err != nil {
		return nil, err
	}
	if l.index, err = index.Open(p.log, index.Options{Failed: func(err error) { l.out.Warn("index of the audit log", "error", err) }}); err != nil {
		return nil, err
	}
	if err = l.index.Refresh(ctx); err != nil {
		return nil, err
	}
	if err = l.openAPI(log, func(*console.Stats) {}); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ostiary-*")
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() { _ = os.RemoveAll(dir) })
	o := &own{log: log, ledger: l, socket: filepath.Join(dir, console.SocketName), served: make(chan error, 1)}
	listener, err := console.Listen(o.socket, false)
	if err != nil {
		return nil, err
	}
	go func() { o.served <- l.api.Serve(listener) }()
	if o.client, err = console.Dial(o.socket); err != nil {
		_ = l.api.Shutdown(ctx)
		return nil, err
	}
	return o, nil
}

// close ends the API and closes the log, which signs what was recorded.
func (o *own) close() error {
	o.client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), ownStop)
	defer cancel()
	err := o.ledger.api.Shutdown(ctx)
	return errors.Join(err, <-o.served, o.log.Close(), os.RemoveAll(filepath.Dir(o.socket)))
}
