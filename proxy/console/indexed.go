package console

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/index"
)

// Joined answers searches of several indices. It is a [Searcher].
type Joined struct{ union func() *index.Union }

// OfUnion gives the searches of what union gives at the time, which somebody keeps up
// to date.
func OfUnion(union func() *index.Union) Joined { return Joined{union} }

// Indexed answers searches of one index. It is a [Searcher] and a [Follower].
type Indexed struct {
	Joined
	index *index.Index
}

// OfIndex gives the searches of an index that somebody keeps up to date.
func OfIndex(x *index.Index) Indexed {
	union := index.Join(x)
	return Indexed{OfUnion(func() *index.Union { return union }), x}
}

var (
	_ Searcher = Joined{}
	_ Searcher = Indexed{}
	_ Follower = Indexed{}
)

func parse(q Query) (*index.Query, error) {
	parsed, err := index.Parse(q.Text, time.Now())
	if err != nil {
		return nil, &QueryError{Why: err.Error()}
	}
	return parsed.Between(q.From, q.To), nil
}

// Search implements [Searcher].
func (x Joined) Search(ctx context.Context, q Query, p Page) (Hits, error) {
	parsed, err := parse(q)
	if err != nil {
		return Hits{}, err
	}
	found, err := x.union().Search(ctx, parsed, index.Page{Limit: p.Limit, Oldest: p.Oldest, Cursor: p.Cursor})
	if errors.Is(err, index.ErrCursor) {
		return Hits{}, ErrCursor
	}
	if err != nil {
		return Hits{}, err
	}
	out := Hits{Refs: refs(found.Refs), Next: found.Next}
	for _, b := range found.Bounds {
		out.Size += b.Size
	}
	return out, nil
}

func refs(found []index.Ref) []Ref {
	out := make([]Ref, 0, len(found))
	for _, r := range found {
		out = append(out, Ref{Origin: r.Origin, Index: r.Index})
	}
	return out
}

// countable fails for a field whose values are not counted.
func countable(fields ...string) error {
	known := index.FacetFields()
	for _, f := range fields {
		if !slices.Contains(known, f) {
			return &QueryError{Why: f + " is no field whose values are counted; these are: " + strings.Join(known, " ")}
		}
	}
	return nil
}

// Facets implements [Searcher].
func (x Joined) Facets(ctx context.Context, q Query, fields []string, top int) ([]Facet, error) {
	parsed, err := parse(q)
	if err == nil {
		err = countable(fields...)
	}
	if err != nil {
		return nil, err
	}
	found, err := x.union().Facets(ctx, parsed, fields, top)
	if err != nil {
		return nil, err
	}
	out := make([]Facet, 0, len(found))
	for _, f := range found {
		values := make([]Count, 0, len(f.Values))
		for _, v := range f.Values {
			values = append(values, Count{Value: v.Value, Events: v.Count})
		}
		out = append(out, Facet{Field: f.Field, Values: values, Distinct: f.Distinct})
	}
	return out, nil
}

// Histogram implements [Searcher].
func (x Joined) Histogram(ctx context.Context, q Query, buckets int, by string) (Histogram, error) {
	parsed, err := parse(q)
	if err == nil && by != "" {
		err = countable(by)
	}
	if err != nil {
		return Histogram{}, err
	}
	found, err := x.union().Histogram(ctx, parsed, buckets, by)
	if err != nil {
		return Histogram{}, err
	}
	out := Histogram{Start: found.Start.UTC().Format(time.RFC3339Nano), StepMS: found.Step.Milliseconds(), Counts: found.Counts}
	for _, s := range found.Series {
		out.Series = append(out.Series, Series{Value: s.Value, Counts: s.Counts})
	}
	return out, nil
}

// Lookup implements [Searcher].
func (x Joined) Lookup(ctx context.Context, id string) ([]Ref, error) {
	found, err := x.union().Lookup(ctx, id)
	return refs(found), err
}

// End implements [Follower].
func (x Indexed) End(context.Context) (string, error) {
	return strconv.FormatInt(x.index.Size(), 10), nil
}

// Tail implements [Follower]. A query that asks for a decision and its outcome gives
// the decision when the outcome comes; whoever goes on from a position may then see
// one twice, and misses none.
func (x Indexed) Tail(ctx context.Context, q Query, after string, visit func(r Ref, position string) error) error {
	parsed, err := parse(q)
	if err != nil {
		return err
	}
	from, err := strconv.ParseInt(after, 10, 64)
	if err != nil || from < 0 {
		return ErrCursor
	}
	for r, err := range x.index.Tail(ctx, parsed, from) {
		if err != nil {
			return err
		}
		from = max(from, r.Index+1)
		if err := visit(Ref{Origin: r.Origin, Index: r.Index}, strconv.FormatInt(from, 10)); err != nil {
			return err
		}
	}
	return nil
}
