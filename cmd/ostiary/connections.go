package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/pools"
)

// Bounds of what is told of connections.
const (
	connectionsQueued = 4096 // that wait to be counted; more are counted as lost
	connectionsKinds  = 256  // kinds of them that are told apart between two flushes
	connectionsUrgent = 16   // events that do not wait for the flush, between two flushes
	connectionsFlush  = time.Minute
	connectionsCommit = 10 * time.Second // of a flush
	connectionsBatch  = 64               // events recorded at once
)

// Connection is an intercepted connection that no verdict covers.
type Connection struct {
	Way, Name, Passage, Why string // Name is the client's word: never logged or recorded as it is
	Sent, Received          int64
	Duration                time.Duration
}

// connections counts connections by what they have in common and records the
// counts each minute, and at once what looks like a model API. It never blocks who
// tells it of one: where it cannot keep up, that is recorded as a gap.
type connections struct {
	rec   proxy.Recorder
	hosts func() *pools.Hosts
	log   *slog.Logger
	now   func() time.Time

	queue  chan seenConnection
	lost   atomic.Int64
	ending chan struct{}
	once   sync.Once
	ended  chan struct{}

	// What follows belongs to the goroutine.
	counts map[connectionKey]*connectionCount
	urgent int
}

// seenConnection is a connection and when it ended.
type seenConnection struct {
	Connection
	at time.Time
}

// connectionKey is what connections have in common. It holds no client's word.
type connectionKey struct {
	way, passage, why, domain, label string
	kind, provider                   string
	likelihood                       proxy.Likelihood
	reasons                          string
}

type connectionCount struct {
	n, sent, received int64
	first, last       time.Time
}

// newConnections starts counting. hosts says what a name is taken for.
func newConnections(rec proxy.Recorder, hosts func() *pools.Hosts, log *slog.Logger) *connections {
	tick := time.NewTicker(connectionsFlush)
	c := makeConnections(rec, hosts, log)
	go func() {
		defer tick.Stop()
		c.run(tick.C)
	}()
	return c
}

func makeConnections(rec proxy.Recorder, hosts func() *pools.Hosts, log *slog.Logger) *connections {
	return &connections{
		rec: rec, hosts: hosts, log: log, now: time.Now, queue: make(chan seenConnection, connectionsQueued),
		ending: make(chan struct{}), ended: make(chan struct{}), counts: map[connectionKey]*connectionCount{},
	}
}

// Add counts one that ended now. It does not block, and may be called at any time;
// after Close it does nothing.
func (c *connections) Add(one Connection) {
	select {
	case <-c.ending:
		return
	default:
	}
	select {
	case c.queue <- seenConnection{one, c.now()}:
	default:
		c.lost.Add(1)
	}
}

// Close counts what waits, records it, and ends. It returns when the context ends
// at the latest.
func (c *connections) Close(ctx context.Context) {
	c.once.Do(func() { close(c.ending) })
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.log.Error("what became of connections could not be recorded in time")
	}
}

// run counts until it is closed, and flushes at each tick.
func (c *connections) run(ticks <-chan time.Time) {
	defer close(c.ended)
	for {
		select {
		case one := <-c.queue:
			c.count(&one)
		case <-ticks:
			c.flush()
		case <-c.ending:
			for {
				select {
				case one := <-c.queue:
					c.count(&one)
					continue
				default:
				}
				c.flush()
				return
			}
		}
	}
}

// count counts one, and tells of it at once where it looks like a model API and is
// the first of its kind since the last flush.
func (c *connections) count(one *seenConnection) {
	key := c.keyOf(&one.Connection)
	n := c.counts[key]
	fresh := n == nil
	if fresh && len(c.counts) >= connectionsKinds {
		key = connectionKey{way: key.way, passage: key.passage, why: proxy.Other}
		if n = c.counts[key]; n == nil { // ways and passages are few
			n = &connectionCount{}
			c.counts[key] = n
		}
		fresh = false
	} else if fresh {
		n = &connectionCount{}
		c.counts[key] = n
	}
	began := one.at.Add(-max(one.Duration, 0))
	if n.n == 0 || began.Before(n.first) {
		n.first = began
	}
	if n.n == 0 || one.at.After(n.last) {
		n.last = one.at
	}
	n.n++
	n.sent += max(one.Sent, 0)
	n.received += max(one.Received, 0)
	if !fresh || !key.suspect() || c.urgent >= connectionsUrgent {
		return
	}
	c.urgent++
	c.log.Warn("a connection to what looks like a model API that is not governed",
		"way", key.way, "passage", key.passage, "why", key.why, "domain", key.domain, "kind", key.kind, "provider", key.provider, "likelihood", key.likelihoodWord())
	if err := c.record(key.record(n)); err != nil {
		return // its count stays for the flush
	}
	*n = connectionCount{}
}

// suspect reports whether connections of the key are to be told of at once.
func (k *connectionKey) suspect() bool {
	return k.why == pools.WhyLookAlike || k.why == pools.WhySuspect || k.likelihood >= proxy.Likely
}

func (k *connectionKey) likelihoodWord() string {
	if k.likelihood == 0 {
		return ""
	}
	return k.likelihood.String()
}

// keyOf says what is kept of a connection.
func (c *connections) keyOf(one *Connection) connectionKey {
	key := connectionKey{way: proxy.Other, passage: proxy.Unknown, why: constantWord(one.Why)}
	if one.Way == proxy.WayProxy || one.Way == proxy.WayRedirect {
		key.way = one.Way
	}
	if p := pools.Passage(one.Passage); p == pools.PassagePassed || p == pools.PassageRefused {
		key.passage = one.Passage
	}
	name := strings.ToLower(strings.TrimSuffix(one.Name, "."))
	hosts := c.hosts()
	if name == "" || hosts == nil {
		return key
	}
	if row := hosts.Look(name); string(row.Passage) == key.passage {
		if row.Why == pools.WhyRule {
			key.label = row.Label
			// Envoy does not tell by which row a connection passed.
			if key.why == pools.WhyDefault {
				key.why = pools.WhyRule
			}
		}
	}
	if s := hosts.Suspect(name); s.Kind != pools.KindNone {
		key.kind, key.provider, key.likelihood, key.reasons = s.Kind, s.Provider, s.Likelihood, strings.Join(s.Reasons, " ")
	}
	if key.passage == string(pools.PassagePassed) {
		key.domain = pools.Registrable(name)
	}
	return key
}

// longestWord bounds a constant word of a data plane, in bytes.
const longestWord = 32

// constantWord gives a word that has the form of ours, or other.
func constantWord(s string) string {
	if s == "" || len(s) > longestWord || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return proxy.Other
	}
	return s
}

// record makes a record of a count.
func (k *connectionKey) record(n *connectionCount) *proxy.ConnectionRecord {
	const form = "2006-01-02T15:04:05.000Z"
	return &proxy.ConnectionRecord{
		Count: n.n, Domain: k.domain, First: n.first.UTC().Format(form), Kind: k.kind, Label: k.label, Last: n.last.UTC().Format(form), Likelihood: k.likelihoodWord(),
		Passage: k.passage, Provider: k.provider, Reasons: strings.Fields(k.reasons), Received: n.received, Sent: n.sent, Way: k.way, Why: k.why,
	}
}

func (c *connections) record(list ...*proxy.ConnectionRecord) error {
	ctx, cancel := context.WithTimeout(context.Background(), connectionsCommit)
	defer cancel()
	events := make([]*proxy.Event, len(list))
	for i, r := range list {
		events[i] = proxy.NewEvent(proxy.EventConnection, c.now())
		events[i].Connection = r
	}
	err := c.rec.Record(ctx, events...)
	if err != nil {
		c.log.Error("what became of connections could not be recorded; it is tried again", "error", err)
	}
	return err
}

// flush records the counts. What cannot be recorded stays and is added to.
func (c *connections) flush() {
	c.urgent = 0
	keys := make([]connectionKey, 0, len(c.counts))
	for key, n := range c.counts {
		if n.n == 0 {
			delete(c.counts, key) // it was told of at once, and nothing followed
			continue
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b connectionKey) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for batch := range slices.Chunk(keys, connectionsBatch) {
		var list []*proxy.ConnectionRecord
		for i := range batch {
			list = append(list, batch[i].record(c.counts[batch[i]]))
		}
		if c.record(list...) != nil {
			return
		}
		for _, key := range batch {
			delete(c.counts, key)
		}
	}
	lost := c.lost.Load()
	if lost == 0 {
		return
	}
	c.log.Warn("connections were not counted: there were more than could be", "connections", lost)
	ctx, cancel := context.WithTimeout(context.Background(), connectionsCommit)
	defer cancel()
	ev := proxy.NewEvent(proxy.EventGap, c.now())
	ev.Admin = &proxy.AdminRecord{Action: "connections_lost", Count: lost, Detail: "there were more than could be counted"}
	if err := c.rec.Record(ctx, ev); err != nil {
		c.log.Error("a gap in what became of connections could not be recorded; it is tried again", "error", err)
		return
	}
	c.lost.Add(-lost)
}
