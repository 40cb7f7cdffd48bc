package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/ship"
)

// DefaultTable is the table's name where options give none. It is not that of the
// sinks, whose table has fewer columns.
const DefaultTable = "ostiary_gathered"

// Bounds of a store.
const (
	readers     = 4        // connections that questions share
	queueLimit  = 256      // batches that wait to be written
	togetherMax = 20_000   // records of several logs that are written at once
	togetherLen = 16 << 20 // bytes of them
	writeTime   = time.Minute
)

// Limits are good bounds for the batches of one log: many logs are written together.
func Limits() ship.Limits { return ship.Limits{Records: 5_000, Bytes: 4 << 20} }

// ErrClosed: the store was closed.
var ErrClosed = errors.New("the store is closed")

// engine is a database with the table.
type engine interface {
	// ShipAll inserts batches; what is there already it leaves as it is.
	ShipAll(ctx context.Context, batches ...ship.Batch) error
	// Next gives the index behind the last record of a log. It makes the table where
	// there is none.
	Next(ctx context.Context, origin string) (int64, error)
	// ask runs a statement and calls row for each row of the answer, which reads it
	// into pointers to int64, string and []byte. It is safe for concurrent use.
	ask(ctx context.Context, statement string, args []any, row func(scan func(...any) error) error) error
	Close() error
}

// Store is a table of events of many logs. Its methods are safe for concurrent use.
type Store struct {
	engine  engine
	dialect *dialect
	writing atomic.Int64 // seq of the insert that is under way
	done    atomic.Int64 // of the last one that is complete

	using sync.Mutex // guards what writes: one insert at a time
	ready bool       // the table is there, and done is known

	queue chan *waiting
	ctx   context.Context // ends with Close
	end   context.CancelFunc
	ended chan struct{} // closed when nothing is written any more
}

// waiting is a batch that is to be written.
type waiting struct {
	batch ship.Batch
	err   chan error
}

func (s *Store) begin(e engine, d *dialect) *Store {
	s.engine, s.dialect = e, d
	s.queue, s.ended = make(chan *waiting, queueLimit), make(chan struct{})
	s.ctx, s.end = context.WithCancel(context.Background())
	go s.write()
	return s
}

// Sink gives a sink of the store for the batches of one log. Closing it leaves the
// store open.
func (s *Store) Sink() ship.Sink { return sink{s} }

type sink struct{ store *Store }

var (
	_ ship.Sink    = sink{}
	_ ship.Resumer = sink{}
)

// Ship implements [ship.Sink].
func (k sink) Ship(ctx context.Context, b ship.Batch) error { return k.store.ship(ctx, b) }

// Next implements [ship.Resumer].
func (k sink) Next(ctx context.Context, origin string) (int64, error) {
	k.store.using.Lock()
	defer k.store.using.Unlock()
	if err := k.store.prepare(ctx); err != nil {
		return 0, err
	}
	return k.store.engine.Next(ctx, origin)
}

// Close implements [ship.Sink].
func (k sink) Close() error { return nil }

// prepare makes the table and finds out how many inserts there were, once. The caller
// holds using.
func (s *Store) prepare(ctx context.Context) error {
	if s.ready {
		return nil
	}
	if _, err := s.engine.Next(ctx, DefaultTable); err != nil { // no log is named so
		return err
	}
	var last int64
	err := s.engine.ask(ctx, "SELECT coalesce(max(seq), 0) FROM "+s.dialect.from("t"), nil, func(scan func(...any) error) error { return scan(&last) })
	if err != nil {
		return err
	}
	s.writing.Store(last)
	s.done.Store(last)
	s.ready = true
	return nil
}

// ship hands a batch to whoever writes, and waits.
func (s *Store) ship(ctx context.Context, b ship.Batch) error {
	w := &waiting{b, make(chan error, 1)}
	select {
	case s.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return ErrClosed
	}
	select {
	case err := <-w.err:
		return err
	case <-ctx.Done():
		return ctx.Err() // it may be written all the same, and comes again
	case <-s.ended:
		return ErrClosed
	}
}

// write writes what waits, the batches of several logs at once.
func (s *Store) write() {
	defer close(s.ended)
	for {
		var list []*waiting
		select {
		case w := <-s.queue:
			list = append(list, w)
		case <-s.ctx.Done():
			return
		}
		records, size := len(list[0].batch.Records), list[0].batch.Bytes()
	gather:
		for records < togetherMax && size < togetherLen {
			select {
			case w := <-s.queue:
				list = append(list, w)
				records, size = records+len(w.batch.Records), size+w.batch.Bytes()
			default:
				break gather
			}
		}
		err := s.insert(list...)
		if err == nil || len(list) == 1 {
			for _, w := range list {
				w.err <- err
			}
			continue
		}
		// The one at fault is told, and holds up no other.
		for _, w := range list {
			w.err <- s.insert(w)
		}
	}
}

// insert writes batches under a number of their own.
func (s *Store) insert(list ...*waiting) error {
	ctx, cancel := context.WithTimeout(s.ctx, writeTime)
	defer cancel()
	s.using.Lock()
	defer s.using.Unlock()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	batches := make([]ship.Batch, 0, len(list))
	for _, w := range list {
		batches = append(batches, w.batch)
	}
	// One that failed may have left something behind: its number is not used again.
	seq := s.writing.Add(1)
	if err := s.engine.ShipAll(ctx, batches...); err != nil {
		return err
	}
	s.done.Store(seq)
	return nil
}

// snapshot gives the number of the last insert that is complete.
func (s *Store) snapshot(ctx context.Context) (int64, error) {
	s.using.Lock()
	ready := s.ready
	var err error
	if !ready {
		err = s.prepare(ctx)
	}
	s.using.Unlock()
	return s.done.Load(), err
}

// Close ends what is under way and lets the connections go.
func (s *Store) Close() error {
	s.end()
	<-s.ended
	return s.engine.Close()
}
