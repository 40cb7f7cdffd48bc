package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/ship/postgres"
)

// Postgres is a store in PostgreSQL, version 12 or later. Options say where; their
// Extra is the store's own.
func Postgres(o postgres.Options) (*Store, error) {
	s := &Store{}
	if o.Table == "" {
		o.Table = DefaultTable
	}
	o.Extra = s.postgresColumns()
	sink, err := postgres.New(o)
	if err != nil {
		return nil, err
	}
	table := sink.Table()
	return s.begin(&postgresEngine{sink, postgres.NewReader(o.Connection, readers)}, postgresDialect(table)), nil
}

// rowBytes is how long a row may be with its record in it: what is asked for has some
// hundred bytes.
const rowBytes = 256

// postgresColumns are the columns of what can be asked for.
func (s *Store) postgresColumns() *postgres.Extra {
	x := &postgres.Extra{
		Columns: []postgres.Column{{Name: "shape", Type: "smallint NOT NULL"}, {Name: "ms", Type: "bigint NOT NULL"}, {Name: "seq", Type: "bigint NOT NULL"}, {Name: "refers", Type: "text NOT NULL"}, {Name: "trace", Type: "text NOT NULL"}},
		Indexes: []string{"ms", "id", "seq", "origin, decision_id"}, RowBytes: rowBytes,
	}
	numbers, texts := of(classNumber), of(classText)
	for _, f := range numbers {
		x.Columns = append(x.Columns, postgres.Column{Name: f.column(), Type: "bigint"})
	}
	for _, f := range texts {
		x.Columns = append(x.Columns, postgres.Column{Name: f.column(), Type: "text[]"})
	}
	x.Values = func(_ string, r ship.Record) []any {
		v := read(r.Core)
		out := []any{int16(v.shape), v.ms, s.writing.Load(), postgres.Text(v.refers), postgres.Text(v.trace)}
		for _, f := range numbers {
			if n, ok := v.number[f.name]; ok {
				out = append(out, n)
			} else {
				out = append(out, nil)
			}
		}
		for _, f := range texts {
			if list := v.text[f.name]; len(list) > 0 {
				out = append(out, list)
			} else {
				out = append(out, nil) // takes no room
			}
		}
		return out
	}
	return x
}

// postgresEngine asks PostgreSQL.
type postgresEngine struct {
	*postgres.Sink
	reader *postgres.Reader
}

// ask implements engine.
func (e *postgresEngine) ask(ctx context.Context, statement string, args []any, row func(scan func(...any) error) error) error {
	clean := make([]any, len(args))
	for i, a := range args {
		if s, ok := a.(string); ok {
			a = postgres.Text(s)
		}
		clean[i] = a
	}
	return e.reader.Query(ctx, statement, clean, row)
}

// Close implements engine.
func (e *postgresEngine) Close() error {
	e.reader.Close()
	return e.Sink.Close()
}

func postgresDialect(table string) *dialect {
	// Of the logs that there are the primary key gives one after the other.
	origins := `RECURSIVE origins AS (
	(SELECT origin FROM ` + table + ` ORDER BY origin LIMIT 1)
	UNION ALL SELECT (SELECT n.origin FROM ` + table + ` n WHERE n.origin > o.origin ORDER BY n.origin LIMIT 1) FROM origins o WHERE o.origin IS NOT NULL)`
	d := &dialect{
		param: func(n int, v any) string {
			if _, ok := v.(string); ok {
				return fmt.Sprintf("$%d::text", n)
			}
			return fmt.Sprintf("$%d::bigint", n)
		},
		from: func(alias string) string { return table + " " + alias },
		has:  func(column, value string) string { return value + " = ANY(" + column + ")" },
		some: func(column, condition string) string {
			return "EXISTS (SELECT 1 FROM unnest(" + column + ") v WHERE " + condition + ")"
		},
		any: func(column string) string { return column + " IS NOT NULL" },
		number: func(text string) string {
			return "CASE WHEN " + text + " ~ '^[+-]?[0-9]{1,18}$' THEN " + text + "::bigint END"
		},
		starts: func(text, prefix string) string { return "starts_with(" + text + ", " + prefix + ")" },
		answered: func(condition string) string {
			return "EXISTS (SELECT 1 FROM " + table + " o WHERE o.origin = t.origin AND o.decision_id = t.id AND " + condition + ")"
		},
		divide: func(a, b string) string { return "(" + a + ") / " + b },
		each:   func(column string) string { return " CROSS JOIN LATERAL unnest(" + column + ") v" },
		bytes:  ` COLLATE "C"`,
		sizes:  "WITH " + origins + ` SELECT origin, (SELECT max(t.idx) + 1 FROM ` + table + ` t WHERE t.origin = o.origin) FROM origins o WHERE origin IS NOT NULL`,
	}
	d.page = func(b *builder, p *paging) string {
		w := p.words()
		where := b.found(p.q, p.snap)
		eff := "x.eff"
		if p.after != nil {
			// From the first one on that comes behind the place, in the log's own order.
			where += fmt.Sprintf(" AND t.idx %s= (SELECT t.idx FROM %s t WHERE t.origin = l.origin AND %s AND %s ORDER BY t.idx %s LIMIT 1)", w.before, table, where, p.left(b), w.way)
			eff = fmt.Sprintf("%s(x.eff, %s)", w.bound, b.arg(p.after.eff))
		}
		limit := b.arg(int64(p.limit))
		return fmt.Sprintf(`WITH %s SELECT x.origin, x.idx, x.ms, %s FROM (
	SELECT r.origin, r.idx, r.ms, %s(r.ms) OVER (PARTITION BY r.origin ORDER BY r.idx %s) AS eff
	FROM origins l CROSS JOIN LATERAL (SELECT t.origin, t.idx, t.ms FROM %s t WHERE t.origin = l.origin AND %s ORDER BY t.idx %[4]s LIMIT %[7]s) r
) x ORDER BY 4 %[4]s, x.origin COLLATE "C", x.idx %[4]s LIMIT %[7]s`, origins, eff, w.edge, w.way, table, where, limit)
	}
	d.counts = func(b *builder, q *Query, snap int64, list []field) string {
		return postgresCounts(b, table, q, snap, list)
	}
	return d
}

// postgresCounts is the statement that counts values. The records that were found come
// first, then by the index of decisions the other halves of their exchanges.
func postgresCounts(b *builder, table string, q *Query, snap int64, list []field) string {
	if q.bare() {
		return groupCounts(list, nil, table+" t WHERE "+b.during("t", q, snap))
	}
	with := "WITH found AS MATERIALIZED (SELECT t.origin, t.idx, t.shape, t.id, t.decision_id FROM " + table + " t WHERE " + b.found(q, snap) + "), keys AS (" +
		"SELECT origin, idx FROM found UNION SELECT o.origin, o.idx FROM found f JOIN " + table + " o ON o.origin = f.origin AND o.decision_id = f.id" +
		fmt.Sprintf(" WHERE f.shape = %d AND o.shape = %d AND %s", shapeDecision, shapeOutcome, b.during("o", q, snap)) +
		" UNION SELECT d.origin, d.idx FROM found f JOIN " + table + " d ON d.origin = f.origin AND d.decision_id = f.decision_id" +
		fmt.Sprintf(" WHERE f.shape = %d AND d.shape = %d AND %s) ", shapeOutcome, shapeDecision, b.during("d", q, snap))
	kind := func(f field) bool { return f.name == "kind" }
	var parts []string
	if slices.ContainsFunc(list, func(f field) bool { return !kind(f) }) {
		parts = append(parts, groupCounts(list, kind, "keys k JOIN "+table+" t ON t.origin = k.origin AND t.idx = k.idx"))
	}
	if slices.ContainsFunc(list, kind) {
		parts = append(parts, groupCounts(list, func(f field) bool { return !kind(f) }, "found k JOIN "+table+" t ON t.origin = k.origin AND t.idx = k.idx"))
	}
	return with + strings.Join(parts, " UNION ALL ")
}

// groupingLimit is how many columns one GROUPING may name.
const groupingLimit = 31

// groupCounts counts the values of fields, but for some, over the rows of t. It counts
// each field's sets of values in a pass over the rows, and takes the sets apart then:
// there are few of them.
func groupCounts(list []field, but func(field) bool, from string) string {
	var numbers []int
	for i, f := range list {
		if but == nil || !but(f) {
			numbers = append(numbers, i)
		}
	}
	var parts []string
	for some := range slices.Chunk(numbers, groupingLimit) {
		parts = append(parts, groupSome(list, some, from))
	}
	return strings.Join(parts, " UNION ALL ")
}

// groupSome counts the values of the fields with some numbers.
func groupSome(list []field, numbers []int, from string) string {
	var columns, sets []string
	for _, i := range numbers {
		columns = append(columns, "t."+list[i].column())
		sets = append(sets, "(t."+list[i].column()+")")
	}
	// GROUPING has a bit for each column, the last one the lowest, which is 0 where the
	// row is of the column's set.
	all := 1<<len(columns) - 1
	var names strings.Builder
	for i, number := range numbers {
		fmt.Fprintf(&names, " WHEN %d THEN %d", all&^(1<<(len(columns)-1-i)), number)
	}
	return "SELECT (CASE x.g" + names.String() + " END)::bigint, v, sum(x.n)::bigint FROM (SELECT GROUPING(" + strings.Join(columns, ", ") + ") AS g, coalesce(" + strings.Join(columns, ", ") +
		") AS list, count(*) AS n FROM " + from + " GROUP BY GROUPING SETS (" + strings.Join(sets, ", ") + ")) x CROSS JOIN LATERAL unnest(x.list) v GROUP BY 1, 2"
}
