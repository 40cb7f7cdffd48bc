package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/proxy/audit"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/console"
)

func auditTailCommand() *cobra.Command {
	var f shelfFlags
	var n int
	var follow bool
	c := &cobra.Command{
		Use:   "tail [FIELD:VALUE ...]",
		Short: "Show the last events, and new ones as they come",
		Long: `Shows the last events of the audit log, the newest at the end; with a query,
those that meet it. 'ostiary audit search --help' says what a query can ask for.

  ostiary audit tail
  ostiary audit tail -n 100 -f
  ostiary audit tail -f action:deny team:hr
  ostiary audit tail -f --all /var/lib/ostiary-collect      # all proxies at once
  ostiary audit tail -f --json | jq 'select(.decision.action == "deny")'`,
		RunE: func(c *cobra.Command, args []string) error {
			if n < 0 {
				return errors.New("-n takes a number from 0 on")
			}
			q, err := (&queryFlags{}).parse(args)
			if err != nil {
				return err
			}
			s, err := f.open()
			if err != nil {
				return err
			}
			t := &tail{shelf: s, query: q, plain: len(args) == 0 && len(s.books) == 1, out: newEventPrinter(c.OutOrStdout(), f.json)}
			t.out.origin = len(s.books) > 1
			return t.run(c.Context(), n, follow)
		},
	}
	f.add(c)
	c.Flags().IntVarP(&n, "lines", "n", 20, "how many events")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new events until interrupted")
	return c
}

// tail prints the last events, and goes on with new ones.
type tail struct {
	shelf *shelf
	query *index.Query
	plain bool // one log and no query: no index is needed

	mu  sync.Mutex // one line at a time
	out *eventPrinter
}

func (t *tail) run(ctx context.Context, n int, follow bool) error {
	if t.plain {
		r := t.shelf.books[0].reader
		size, err := r.Size()
		if err != nil {
			return err
		}
		from := max(size-int64(n), 0)
		if follow {
			return r.Follow(ctx, from, t.out.line)
		}
		for rec, err := range r.Records(from) {
			if err != nil {
				return err
			}
			if err := t.out.line(rec); err != nil {
				return err
			}
		}
		return nil
	}
	u, err := t.shelf.find(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		found, _, err := pages(ctx, u, t.query, index.Page{Limit: n})
		if err != nil {
			return err
		}
		slices.Reverse(found)
		if err := t.shelf.print(found, t.out); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	return t.follow(ctx)
}

// follow goes on with all logs at once, until one of them fails.
func (t *tail) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	errs := make(chan error, len(t.shelf.books))
	for _, b := range t.shelf.books {
		wait.Go(func() {
			if err := t.followOne(ctx, b); err != nil {
				errs <- err
			}
			cancel()
		})
	}
	wait.Wait()
	close(errs)
	return <-errs // nil where none failed
}

func (t *tail) followOne(ctx context.Context, b *book) error {
	line := func(rec audit.Record) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.out.line(rec)
	}
	from := t.shelf.sizes[b.origin]
	if !t.query.Joined() {
		return b.reader.Follow(ctx, from, func(rec audit.Record) error {
			if ok, err := t.query.Match(rec.JSON); err != nil || !ok {
				return nil // what is no event is found by nobody
			}
			return line(rec)
		})
	}
	// A decision that is looked for by its outcome: the index knows which.
	var wait sync.WaitGroup
	defer wait.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wait.Go(func() { _ = b.index.Follow(ctx, true, nil) })
	for ref, err := range b.index.Tail(ctx, t.query, from) {
		if err != nil {
			return err
		}
		rec, err := b.reader.At(ref.Index)
		if err == nil {
			err = line(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pages gives as many records as a page asks for, however many that is; a limit of 0
// means all.
func pages(ctx context.Context, u *index.Union, q *index.Query, p index.Page) (found []index.Ref, next string, err error) {
	limit := p.Limit
	for {
		p.Limit = index.MaxPage
		if limit > 0 {
			p.Limit = min(index.MaxPage, limit-len(found))
		}
		r, err := u.Search(ctx, q, p)
		if err != nil {
			return nil, "", err
		}
		found = append(found, r.Refs...)
		if r.Next == "" || limit > 0 && len(found) >= limit {
			return found, r.Next, nil
		}
		p.Cursor = r.Next
	}
}

// print prints records in the order in which they stand.
func (s *shelf) print(found []index.Ref, p *eventPrinter) error {
	for part := range slices.Chunk(found, fetchLimit) {
		records, err := s.fetch(part)
		if err != nil {
			return err
		}
		for _, rec := range records {
			if err := p.line(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

func auditSearchCommand() *cobra.Command {
	var f shelfFlags
	var bounds queryFlags
	var limit int
	var order, cursor string
	var count bool
	c := &cobra.Command{
		Use:   "search [FIELD:VALUE ...]",
		Short: "Find events by field",
		Long: `Prints the events that meet all terms, the newest at the end.

  FIELD:VALUE       has the value          -FIELD:VALUE   has it not
  FIELD:BEGIN*      begins so              FIELD:*        has any
  FIELD:(A B)       one of them            FIELD:>500     numbers; also 100..500
  since:7d          from a time on         until:2026-11-01T00:00:00Z   before one

Write -- before a query that begins with a minus sign.

  ostiary audit search action:deny --since 2h
  ostiary audit search type:US_SSN -- -pool:house
  ostiary audit search app:billing 'rule:personal*' --since 7d --until 2026-11-23
  ostiary audit search kind:outcome sent:unknown --limit 0 --json
  ostiary audit search group:health --count --all /var/lib/ostiary-collect

Where there are more than --limit, a cursor is printed to standard error: the
same command with --cursor goes on. The exit status is 0 also where nothing was
found.

Fields:
  ` + strings.Join(index.Fields(), "\n  "),
		RunE: func(c *cobra.Command, args []string) error {
			q, err := bounds.parse(args)
			switch {
			case err != nil:
				return err
			case limit < 0:
				return errors.New("--limit takes a number from 0 on")
			case order != "newest" && order != "oldest":
				return fmt.Errorf("--order %q is neither newest nor oldest", printable(order))
			case limit == 0 && cursor != "":
				return errors.New("--cursor goes on where --limit ended: give one")
			}
			s, err := f.open()
			if err != nil {
				return err
			}
			u, err := s.find(c.Context())
			if err != nil {
				return err
			}
			if count {
				n, err := u.Count(c.Context(), q)
				switch {
				case err != nil:
					return err
				case f.json:
					return writeJSON(c.OutOrStdout(), map[string]int64{"count": n})
				}
				_, err = fmt.Fprintln(c.OutOrStdout(), n)
				return err
			}
			found, next, err := pages(c.Context(), u, q, index.Page{Limit: limit, Oldest: order == "oldest", Cursor: cursor})
			if err != nil {
				return err
			}
			if order == "newest" {
				slices.Reverse(found)
			}
			p := newEventPrinter(c.OutOrStdout(), f.json)
			p.origin = len(s.books) > 1
			if err := s.print(found, p); err != nil {
				return err
			}
			switch {
			case len(found) == 0:
				size, err := s.size()
				if err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "none of %d events match\n", size)
			case next != "":
				side := "last"
				if order == "oldest" {
					side = "first"
				}
				if cursor != "" {
					side = "next"
				}
				fmt.Fprintf(c.ErrOrStderr(), "the %s %d that match; there are more: --limit N, 0 for all, or go on with --cursor %s\n", side, limit, next)
			}
			return nil
		},
	}
	f.add(c)
	bounds.add(c)
	c.Flags().IntVar(&limit, "limit", 100, "how many events; 0 for all")
	c.Flags().StringVar(&order, "order", "newest", "which end to begin at: `newest` or oldest")
	c.Flags().StringVar(&cursor, "cursor", "", "go on behind the page that ended with this `CURSOR`")
	c.Flags().BoolVar(&count, "count", false, "print only how many there are")
	return c
}

func auditShowCommand() *cobra.Command {
	var f shelfFlags
	var personal bool
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show one decision with its reasons and all that belongs to it",
		Long: `Shows the event with that id: a decision together with what became of it and the
grants that lifted rules for it. The id is in every answer's
x-ostiary-decision-id header.

  ostiary audit show 01JDQ7ZK3M9V0000000000000
  ostiary audit show 01JDQ7ZK3M9V0000000000000 --json
  ostiary audit show 01JDQ7ZK3M9V0000000000000 --personal

--personal shows who it was, as far as that was not erased. It needs the role
reviewer, and that you looked is recorded before you see it. With --json the
events are printed as they are stored, one line each; with --personal as well
they stand in objects beside their personal parts. The exit status is 1 where no
event has that id.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id := strings.ToUpper(strings.TrimSpace(args[0]))
			p := newEventPrinter(c.OutOrStdout(), f.json)
			if personal {
				return f.showPersonal(c, id, p)
			}
			s, err := f.open()
			if err != nil {
				return err
			}
			u, err := s.find(c.Context())
			if err != nil {
				return err
			}
			refs, err := u.Lookup(c.Context(), id)
			if err != nil {
				return err
			}
			found, err := s.fetch(refs)
			if err != nil {
				return err
			}
			if len(found) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "no event has that id")
				return answer{exitNo}
			}
			if !f.json {
				return p.page(found)
			}
			for _, rec := range found {
				if err := p.line(rec); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().BoolVar(&personal, "personal", false, "with personal parts; that is recorded as an access")
	return c
}

// showPersonal shows events with their personal parts, which whoever has the log
// gives and records.
func (f *shelfFlags) showPersonal(c *cobra.Command, id string, p *eventPrinter) error {
	one, err := f.one()
	if err != nil {
		return err
	}
	return one.do(c, func(k *keeper) error {
		if err := k.find(c.Context()); err != nil {
			return err
		}
		found, err := k.Event(c.Context(), id, true)
		var problem *console.Problem
		if errors.As(err, &problem) && problem.Status == http.StatusNotFound {
			fmt.Fprintln(c.ErrOrStderr(), "no event has that id")
			return answer{exitNo}
		}
		if err != nil {
			return err
		}
		if f.json {
			for _, e := range found.Events {
				if err := writeJSON(c.OutOrStdout(), e); err != nil {
					return err
				}
			}
			return nil
		}
		return p.pageWithPersonal(found.Events)
	})
}

// one gives the flags of a single log: what is recorded is recorded in one.
func (f *shelfFlags) one() (*auditFlags, error) {
	if f.all != "" || len(f.logs) > 1 {
		return nil, errors.New("it is recorded in the log that it is about: name one by --log")
	}
	out := f.auditFlags
	if len(f.logs) == 1 {
		out.log = f.logs[0]
	}
	return &out, nil
}
