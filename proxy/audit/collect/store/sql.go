package store

import (
	"fmt"
	"strings"
)

// dialect is how a database says what the statements need. All of it is made of
// constants and of names of ours.
type dialect struct {
	// param is the n-th parameter, from 1 on, which is an int64 or a string.
	param func(n int, v any) string
	// from is the table under an alias, each record once.
	from func(alias string) string
	// has says whether an array holds a value; some, whether one of its values v meets
	// a condition; any, whether there is one.
	has  func(column, value string) string
	some func(column, condition string) string
	any  func(column string) string
	// number is a text as a number, or null.
	number func(text string) string
	// starts says whether a text begins with another.
	starts func(text, prefix string) string
	// answered says whether a decision under the alias t has an outcome under the
	// alias o that meets a condition.
	answered func(condition string) string
	// divide divides integers that are not negative, rounding down.
	divide func(a, b string) string
	// each joins the values of an array, as v.
	each func(column string) string
	// bytes orders texts as Go does.
	bytes string
	// page is the statement for a page.
	page func(b *builder, p *paging) string
	// counts is the statement that counts values of fields: rows of a field's number,
	// a value and how many records have it.
	counts func(b *builder, q *Query, snap int64, list []field) string
	// sizes is the statement that gives the index behind the last record of each log.
	sizes string
}

// builder makes one statement.
type builder struct {
	*dialect
	args []any
}

// arg gives the placeholder of a value.
func (b *builder) arg(v any) string {
	b.args = append(b.args, v)
	return b.param(len(b.args), v)
}

// base is what every record is that can be found, by an alias: an event of an insert
// that was complete then.
func (b *builder) base(alias string, snap int64) string {
	return fmt.Sprintf("%[1]s.shape >= 0 AND %[1]s.seq <= %[2]s", alias, b.arg(snap))
}

// during is base with the times of a query.
func (b *builder) during(alias string, q *Query, snap int64) string {
	return fmt.Sprintf("%[1]s AND %[2]s.ms >= %[3]s AND %[2]s.ms < %[4]s", b.base(alias, snap), alias, b.arg(q.lo), b.arg(q.hi))
}

// found is during with the terms of a query. The alias is t.
func (b *builder) found(q *Query, snap int64) string {
	var out strings.Builder
	out.WriteString(b.during("t", q, snap))
	if q.joined {
		fmt.Fprintf(&out, " AND t.shape = %d", shapeDecision)
	}
	for i := range q.terms {
		t := &q.terms[i]
		met := b.meets("t", t)
		if q.joined && t.side != sideNone && !ofDecisions(t.name) {
			met = "(" + met + " OR " + b.answered(fmt.Sprintf("o.shape = %d AND %s AND %s", shapeOutcome, b.base("o", snap), b.meets("o", t))) + ")"
		}
		if out.WriteString(" AND "); t.not {
			out.WriteString("NOT ")
		}
		out.WriteString(met)
	}
	return out.String()
}

// ofDecisions says whether a field is read from a decision alone, so that no outcome has
// it and none needs to be looked at.
func ofDecisions(name string) bool {
	switch name {
	case "action", "asked", "boundary", "jurisdiction", "masked", "mode", "policy", "pool", "rule", "severity", "shadow", "team", "tokens", "uninspected", "would":
		return true
	}
	return false
}

// meets says whether a record under an alias has a value of a term: true or false, and
// never null.
func (b *builder) meets(alias string, t *term) string {
	column := alias + "." + t.column()
	var list []string
	for i := range t.alternatives {
		list = append(list, b.alternative(column, t, &t.alternatives[i]))
	}
	if len(list) == 0 {
		return "false"
	}
	return "coalesce(" + strings.Join(list, " OR ") + ", false)"
}

func (b *builder) alternative(column string, t *term, a *alternative) string {
	between := func(v string) string {
		return fmt.Sprintf("(%[1]s >= %[2]s AND %[1]s <= %[3]s)", v, b.arg(a.lo), b.arg(a.hi))
	}
	switch t.class {
	case classText:
		switch a.how {
		case howAny:
			return b.any(column)
		case howIs:
			return b.has(column, b.arg(a.text))
		case howBegins:
			return b.some(column, b.starts("v", b.arg(a.text)))
		}
		return b.some(column, "coalesce("+between(b.number("v"))+", false)")
	case classKey:
		switch a.how {
		case howAny:
			return column + " <> ''"
		case howIs:
			return column + " = " + b.arg(a.text)
		}
		return b.starts(column, b.arg(a.text))
	case classNumber:
		if a.how == howAny {
			return column + " IS NOT NULL"
		}
	}
	if a.how == howAny {
		return "true"
	}
	return "(" + column + " IS NOT NULL AND " + between(column) + ")"
}

// paging is where a page begins and how much it holds.
type paging struct {
	q      *Query
	snap   int64
	limit  int
	oldest bool
	after  *place // nil for the first page
}

// place is behind which record a page begins. Records of different logs are in the
// order of their times, those of one log in the order of their indices: eff is the
// least time of the log's records up to this one, or the greatest where the oldest
// come first, and in its order the records of several logs are merged.
type place struct {
	eff    int64
	origin string
	index  int64
}

// words are what an order is said with.
type words struct {
	way    string // ASC or DESC
	edge   string // min or max: of a log's records so far
	bound  string // least or greatest: of that and of the place
	before string // < or >: comes later in the order
}

func (p *paging) words() words {
	if p.oldest {
		return words{"ASC", "max", "greatest", ">"}
	}
	return words{"DESC", "min", "least", "<"}
}

// left says that a record under t comes behind the place; of each log the first one
// that does, in its own order, is the first one that is left.
func (p *paging) left(b *builder) string {
	w := p.words()
	origin, o, e := "t.origin"+b.bytes, b.arg(p.after.origin), b.arg(p.after.eff)
	return fmt.Sprintf("((t.origin = %[1]s AND t.idx %[2]s %[3]s) OR (%[4]s > %[1]s AND t.ms %[2]s= %[5]s) OR (%[4]s < %[1]s AND t.ms %[2]s %[5]s))",
		o, w.before, b.arg(p.after.index), origin, e)
}
