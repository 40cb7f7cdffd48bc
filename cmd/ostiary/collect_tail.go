package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/durable"
	"github.com/ostiary/ostiary/proxy/audit/index"
	"github.com/ostiary/ostiary/proxy/console"
)

// orderFile holds the origins of the logs, a line each, in the order in which they came.
// A position of the tail is a list of numbers in that order.
const orderFile = "order"

// positionLimit bounds the bytes of a position, which the API takes as one word.
const positionLimit = 512

func readOrder(dir string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(dir, orderFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), nil
}

// place gives a log a place in the order, durably.
func (g *collecting) place(origin string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.Contains(g.order, origin) {
		return nil
	}
	order := append(slices.Clone(g.order), origin)
	if err := durable.Replace(filepath.Join(g.cfg.Dir, orderFile), []byte(strings.Join(order, "\n")+"\n")); err != nil {
		return err
	}
	g.order = order
	return nil
}

// unionTail follows the indices of all logs. It is a [console.Follower].
type unionTail struct{ g *collecting }

var _ console.Follower = unionTail{}

// errManyLogs says what to do where there are more logs than a position can name.
var errManyLogs = &console.QueryError{Why: "there are more logs than a live tail can follow from indices: give the collector a store"}

// writePosition writes how far each log was followed, in their order.
func writePosition(sizes []int64) (string, error) {
	var b []byte
	for _, n := range sizes {
		b = binary.AppendUvarint(b, uint64(n))
	}
	s := "l" + base64.RawURLEncoding.EncodeToString(b)
	if len(s) > positionLimit {
		return "", errManyLogs
	}
	return s, nil
}

// readPosition reads what writePosition wrote. Logs that came later are at their
// beginning.
func readPosition(s string, logs int) ([]int64, error) {
	text, ok := strings.CutPrefix(s, "l")
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ok || err != nil {
		return nil, console.ErrCursor
	}
	var out []int64
	for len(b) > 0 {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > 1<<62 {
			return nil, console.ErrCursor
		}
		out, b = append(out, int64(n)), b[used:]
	}
	if len(out) > logs {
		return nil, console.ErrCursor
	}
	return out, nil
}

// End implements [console.Follower].
func (u unionTail) End(context.Context) (string, error) {
	u.g.mu.RLock()
	defer u.g.mu.RUnlock()
	sizes := make([]int64, len(u.g.order))
	for i, origin := range u.g.order {
		if l := u.g.logs[origin]; l != nil {
			sizes[i] = l.index.Size()
		}
	}
	return writePosition(sizes)
}

// newest is one record that one of the logs gave.
type newest struct {
	log int
	ref index.Ref
	err error
}

// Tail implements [console.Follower]. Each log's records come in order, and those of
// different logs as they are indexed. Logs that are new are followed from their
// beginning. As with one log, a query that asks for a decision and its outcome gives the
// decision when the outcome comes; whoever goes on from a position may then see one
// twice, and misses none.
func (u unionTail) Tail(ctx context.Context, q console.Query, after string, visit func(r console.Ref, position string) error) error {
	parsed, err := index.Parse(q.Text, time.Now())
	if err != nil {
		return &console.QueryError{Why: err.Error()}
	}
	parsed = parsed.Between(q.From, q.To)
	u.g.mu.RLock()
	logs := len(u.g.order)
	u.g.mu.RUnlock()
	at, err := readPosition(after, logs)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	found := make(chan newest)
	var running sync.WaitGroup
	defer func() { cancel(); running.Wait() }()
	followed := map[int]bool{}
	tick := time.NewTicker(gatherEvery / 10)
	defer tick.Stop()
	for {
		for i, x := range u.unfollowed(followed) {
			for len(at) <= i {
				at = append(at, 0)
			}
			followed[i] = true
			from := at[i]
			running.Go(func() {
				for ref, err := range x.Tail(ctx, parsed, from) {
					select {
					case found <- newest{i, ref, err}:
					case <-ctx.Done():
						return
					}
				}
			})
		}
		select {
		case n := <-found:
			if n.err != nil {
				return fmt.Errorf("follow a collected log: %w", n.err)
			}
			at[n.log] = max(at[n.log], n.ref.Index+1)
			position, err := writePosition(at)
			if err == nil {
				err = visit(console.Ref{Origin: n.ref.Origin, Index: n.ref.Index}, position)
			}
			if err != nil {
				return err
			}
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// unfollowed gives the indices of logs that are not followed yet, by their place in the
// order.
func (u unionTail) unfollowed(followed map[int]bool) map[int]*index.Index {
	u.g.mu.RLock()
	defer u.g.mu.RUnlock()
	out := map[int]*index.Index{}
	for i, origin := range u.g.order {
		if l := u.g.logs[origin]; l != nil && !followed[i] {
			out[i] = l.index
		}
	}
	return out
}
