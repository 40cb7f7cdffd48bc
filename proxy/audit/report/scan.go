package report

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/ostiary/ostiary/proxy"
	"github.com/ostiary/ostiary/proxy/audit"
)

// timeForm is the form of an event's time. Times of this form sort as text.
const timeForm = "2006-01-02T15:04:05.000Z"

// span is a time range: from since on, before until. An empty bound is none.
type span struct{ since, until string }

func spanOf(since, until time.Time) span {
	var s span
	if !since.IsZero() {
		s.since = since.UTC().Format(timeForm)
	}
	if !until.IsZero() {
		s.until = until.UTC().Format(timeForm)
	}
	return s
}

// timed reports whether a time has the form of an event's.
func timed(at string) bool { return len(at) == len(timeForm) && at[len(at)-1] == 'Z' && at[10] == 'T' }

func (s span) before(at string) bool { return timed(at) && at < s.since }
func (s span) after(at string) bool  { return timed(at) && s.until != "" && at >= s.until }

// place is where a request went.
type place struct{ pool, boundary, jurisdiction, retention, training string }

// went gives the place that a decision released its request to. released is false
// where it released nothing: a refusal, or an answer of Ostiary itself.
func went(d *proxy.DecisionRecord) (p place, released bool) {
	if d.Action == proxy.Deny || d.Pool == "" || d.Pool == proxy.PoolSelf {
		return place{}, false
	}
	p = place{d.Pool, proxy.Unknown, proxy.Unknown, proxy.Unknown, proxy.Unknown}
	if d.Facts != nil {
		for i := range d.Facts.Pools {
			if f := &d.Facts.Pools[i]; f.Name == d.Pool {
				return place{d.Pool, f.Boundary, f.Jurisdiction, f.Retention, f.Training}, true
			}
		}
	}
	return p, true
}

// uninspected reports whether a part of the request was not inspected, or nothing is
// known of that.
func uninspected(d *proxy.DecisionRecord) bool {
	return d.Facts == nil || d.Facts.Opaque.Count > 0 || d.Facts.Uninspected.Count > 0
}

// named reports whether masks name a finding.
func named(masks []string, f *proxy.FindingRecord) bool {
	return slices.Contains(masks, f.Type) || slices.ContainsFunc(f.Groups, func(g string) bool { return slices.Contains(masks, g) })
}

// atLeast reports whether a finding has a likelihood or a higher one. One that is
// not known counts as the highest.
func atLeast(f *proxy.FindingRecord, min proxy.Likelihood) bool {
	l, ok := proxy.ParseLikelihood(f.Likelihood)
	return !ok || l >= min
}

// masked gives whether a finding of the event was replaced before the request left.
// Masks replace findings at likely and above, and Masked counts those replaced: that
// one was is certain only where all were that the masks name.
func masked(ev *proxy.Event) func(*proxy.FindingRecord) bool {
	d, could := ev.Decision, 0
	can := func(f *proxy.FindingRecord) bool { return atLeast(f, proxy.Likely) && named(d.Masks, f) }
	for i := range ev.Findings {
		if f := &ev.Findings[i]; can(f) {
			could += f.Count
		}
	}
	all := could > 0 && d.Masked >= could
	return func(f *proxy.FindingRecord) bool { return all && can(f) }
}

// allMasked reports whether every finding that is looked for was replaced before the
// request left. Where there is none, none was.
func allMasked(ev *proxy.Event, looked func(*proxy.FindingRecord) bool) bool {
	was, any := masked(ev), false
	for i := range ev.Findings {
		if f := &ev.Findings[i]; looked(f) {
			if !was(f) {
				return false
			}
			any = true
		}
	}
	return any
}

// Bounds of what a report keeps.
const (
	maxKeys = 4096   // distinct names of one kind
	maxRows = 10_000 // events that are listed one by one
)

// beyond stands for the names behind the first maxKeys.
const beyond = "(others)"

// tallies keeps one T per key, of which there are at most maxKeys; what comes after
// is kept together, under beyond. The zero tallies is empty.
type tallies[K comparable, T any] struct {
	m    map[K]*T
	rest *T
}

// at gives the T of a key.
func (t *tallies[K, T]) at(k K) *T {
	if v, ok := t.m[k]; ok {
		return v
	}
	if len(t.m) >= maxKeys {
		if t.rest == nil {
			t.rest = new(T)
		}
		return t.rest
	}
	if t.m == nil {
		t.m = map[K]*T{}
	}
	v := new(T)
	t.m[k] = v
	return v
}

// sorted visits the keys in order, and what is kept together last, under rest.
func (t *tallies[K, T]) sorted(compare func(a, b K) int, rest K) iter.Seq2[K, *T] {
	return func(yield func(K, *T) bool) {
		for _, k := range slices.SortedFunc(maps.Keys(t.m), compare) {
			if !yield(k, t.m[k]) {
				return
			}
		}
		if t.rest != nil {
			yield(rest, t.rest)
		}
	}
}

// idKey is an event's id in little memory.
type idKey [16]byte

func keyOf(id string) idKey {
	h := sha256.Sum256([]byte(id))
	return idKey(h[:16])
}

// decode reads an event of a record.
func decode(core []byte, index int64) (*proxy.Event, error) {
	var ev proxy.Event
	if json.Unmarshal(core, &ev) != nil { // the library's error may quote its input
		return nil, fmt.Errorf("report: record %d is not an event", index)
	}
	return &ev, nil
}

// each visits the events of a time range, in order. An event whose time cannot be
// read belongs to every range.
func each(records iter.Seq2[audit.Record, error], s span, visit func(audit.Record, *proxy.Event) error) error {
	for rec, err := range records {
		if err != nil {
			return err
		}
		ev, err := decode(rec.JSON, rec.Index)
		if err != nil {
			return err
		}
		if s.before(ev.Time) || s.after(ev.Time) {
			continue
		}
		if err := visit(rec, ev); err != nil {
			return err
		}
	}
	return nil
}
