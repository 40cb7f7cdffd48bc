package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy/audit/ship"
	"github.com/ostiary/ostiary/proxy/audit/ship/clickhouse"
)

// ClickHouse is a store in ClickHouse. Options say where; their Extra is the store's
// own.
func ClickHouse(o clickhouse.Options) (*Store, error) {
	s := &Store{}
	if o.Table == "" {
		o.Table = DefaultTable
	}
	o.Extra = s.clickhouseColumns()
	sink, err := clickhouse.New(o)
	if err != nil {
		return nil, err
	}
	return s.begin(&clickhouseEngine{sink}, clickhouseDialect(sink.Table())), nil
}

// clickhouseColumns are the columns of what can be asked for.
func (s *Store) clickhouseColumns() *clickhouse.Extra {
	x := &clickhouse.Extra{
		Columns: []clickhouse.Column{{Name: "shape", Type: "Int8"}, {Name: "ms", Type: "Int64"}, {Name: "seq", Type: "Int64"}, {Name: "refers", Type: "String"}, {Name: "trace", Type: "String"}},
		Indexes: []string{"by_id id TYPE bloom_filter GRANULARITY 4", "by_decision decision_id TYPE bloom_filter GRANULARITY 4", "by_ms ms TYPE minmax GRANULARITY 1", "by_seq seq TYPE minmax GRANULARITY 1"},
	}
	numbers, texts := of(classNumber), of(classText)
	for _, f := range numbers {
		x.Columns = append(x.Columns, clickhouse.Column{Name: f.column(), Type: "Nullable(Int64)"})
	}
	for _, f := range texts {
		x.Columns = append(x.Columns, clickhouse.Column{Name: f.column(), Type: "Array(LowCardinality(String))"})
	}
	x.Values = func(_ string, r ship.Record) ([]byte, error) {
		v := read(r.Core)
		out := fmt.Appendf(nil, `{"shape":%d,"ms":%d,"seq":%d,"refers":%s,"trace":%s`, v.shape, v.ms, s.writing.Load(), quote(v.refers), quote(v.trace))
		for _, f := range numbers {
			if n, ok := v.number[f.name]; ok {
				out = fmt.Appendf(out, `,"%s":%d`, f.column(), n)
			}
		}
		for _, f := range texts {
			if list := v.text[f.name]; len(list) > 0 {
				b, err := json.Marshal(list)
				if err != nil {
					return nil, err
				}
				out = fmt.Appendf(out, `,"%s":%s`, f.column(), b)
			}
		}
		return append(out, '}'), nil
	}
	return x
}

func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string
	return b
}

// clickhouseEngine asks ClickHouse.
type clickhouseEngine struct{ *clickhouse.Sink }

// ask implements engine.
func (e *clickhouseEngine) ask(ctx context.Context, statement string, args []any, row func(scan func(...any) error) error) error {
	params := url.Values{"output_format_json_quote_64bit_integers": {"0"}}
	for i, a := range args {
		switch a := a.(type) {
		case string:
			params.Set(fmt.Sprintf("param_p%d", i+1), clickhouse.Parameter(a))
		case int64:
			params.Set(fmt.Sprintf("param_p%d", i+1), strconv.FormatInt(a, 10))
		}
	}
	out, err := e.Query(ctx, statement+" FORMAT JSONCompactEachRow", params)
	if err != nil {
		return err
	}
	unread := ship.Fail(ship.Unsupported, "what answers is not ClickHouse, or the table is another")
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, len(out)+1)
	for lines.Scan() {
		var cells []json.RawMessage
		if json.Unmarshal(lines.Bytes(), &cells) != nil {
			return unread
		}
		err := row(func(to ...any) error {
			if len(to) != len(cells) {
				return unread
			}
			for i := range to {
				if json.Unmarshal(cells[i], to[i]) != nil {
					return unread
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

func clickhouseDialect(table string) *dialect {
	from := func(alias string) string { return table + " AS " + alias + " FINAL" }
	d := &dialect{
		param: func(n int, v any) string {
			if _, ok := v.(string); ok {
				return fmt.Sprintf("{p%d:String}", n)
			}
			return fmt.Sprintf("{p%d:Int64}", n)
		},
		from:   from,
		has:    func(column, value string) string { return "has(" + column + ", " + value + ")" },
		some:   func(column, condition string) string { return "arrayExists(v -> " + condition + ", " + column + ")" },
		any:    func(column string) string { return "notEmpty(" + column + ")" },
		number: func(text string) string { return "toInt64OrNull(toString(" + text + "))" },
		starts: func(text, prefix string) string { return "startsWith(" + text + ", " + prefix + ")" },
		answered: func(condition string) string {
			return "(t.origin, t.id) IN (SELECT o.origin, o.decision_id FROM " + from("o") + " WHERE " + condition + ")"
		},
		divide: func(a, b string) string { return "intDiv(" + a + ", " + b + ")" },
		each:   func(column string) string { return " ARRAY JOIN " + column + " AS v" },
		sizes:  "SELECT origin, max(idx) + 1 FROM " + table + " GROUP BY origin",
	}
	d.page = func(b *builder, p *paging) string {
		w := p.words()
		where := b.found(p.q, p.snap)
		eff, join, rest := "r.eff", "", ""
		if p.after != nil {
			// From the first one on that comes behind the place, in the log's own order.
			edge := map[bool]string{true: "min", false: "max"}[p.oldest]
			join = fmt.Sprintf(" INNER JOIN (SELECT t.origin AS log, %s(t.idx) AS begins FROM %s WHERE %s AND %s GROUP BY t.origin) AS s ON t.origin = s.log", edge, from("t"), where, p.left(b))
			rest = " AND t.idx " + w.before + "= s.begins"
			eff = fmt.Sprintf("%s(r.eff, %s)", w.bound, b.arg(p.after.eff))
		}
		return fmt.Sprintf(`SELECT r.origin, r.idx, r.ms, %s AS place FROM (
	SELECT x.origin AS origin, x.idx AS idx, x.ms AS ms, %s(x.ms) OVER (PARTITION BY x.origin ORDER BY x.idx %s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS eff
	FROM (SELECT t.origin AS origin, t.idx AS idx, t.ms AS ms FROM %s%s WHERE %s%s ORDER BY t.origin, t.idx %[3]s LIMIT %[8]d BY t.origin) AS x
) AS r ORDER BY place %[3]s, r.origin, r.idx %[3]s LIMIT %[8]d`, eff, w.edge, w.way, from("t"), join, where, rest, p.limit)
	}
	d.counts = func(b *builder, q *Query, snap int64, list []field) string {
		during := b.during("t", q, snap)
		found, both := during, during
		if !q.bare() {
			found = b.found(q, snap)
			// The other half of each exchange of which one was found.
			half := "(t.shape = %d AND (t.origin, t.%s) IN (SELECT t.origin, t.%s FROM " + from("t") + " WHERE t.shape = %d AND " + found + "))"
			both = during + " AND ((" + found + ") OR " + fmt.Sprintf(half, shapeOutcome, "decision_id", "id", shapeDecision) +
				" OR " + fmt.Sprintf(half, shapeDecision, "id", "decision_id", shapeOutcome) + ")"
		}
		var each, parts []string
		for i, f := range list {
			if one := fmt.Sprintf("arrayMap(v -> (toInt64(%d), toString(v)), t.%s)", i, f.column()); f.name == "kind" && !q.bare() {
				parts = append(parts, countPairs(one, from("t"), found))
			} else {
				each = append(each, one)
			}
		}
		if len(each) > 0 {
			parts = append(parts, countPairs("arrayConcat("+strings.Join(each, ", ")+")", from("t"), both))
		}
		return "SELECT f, value, n FROM (" + strings.Join(parts, " UNION ALL ") + ")"
	}
	return d
}

// countPairs counts the pairs of an array of them.
func countPairs(pairs, from, where string) string {
	return "SELECT x.1 AS f, x.2 AS value, count() AS n FROM (SELECT arrayJoin(" + pairs + ") AS x FROM " + from + " WHERE " + where + ") GROUP BY f, value"
}
