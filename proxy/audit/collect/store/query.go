package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/proxy/audit/index"
)

// Query says which events are looked for, in the language of [index.Parse]. It does
// not change once it is made.
type Query struct {
	text     string
	terms    []term
	lo, hi   int64     // times of events in milliseconds: from lo on, before hi
	from, to time.Time // bounds that came on top of the text
	now      int64     // milliseconds; spans of time are counted back from it
	joined   bool      // fields of a decision and of its outcome are asked for
}

// term is one condition: one of its alternatives, or none of them.
type term struct {
	field
	not          bool
	alternatives []alternative
}

// alternative is a value that is looked for.
type alternative struct {
	how    how
	text   string
	lo, hi int64 // both included, where a range is meant
}

type how uint8

const (
	howIs how = iota
	howBegins
	howAny
	howRange
)

// Parse reads a query. now is what spans are counted back from. It fails as
// [index.Parse] does.
func Parse(text string, now time.Time) (*Query, error) {
	// What is no query is said by the index, so that both say the same; what follows
	// takes a query apart that is one.
	if _, err := index.Parse(text, now); err != nil {
		return nil, err
	}
	now = time.UnixMilli(now.UnixMilli())
	q := &Query{text: text, lo: math.MinInt64, hi: math.MaxInt64, now: now.UnixMilli()}
	p := parser{rest: text, now: now}
	for p.space(); p.rest != ""; p.space() {
		if err := p.term(q); err != nil {
			return nil, err
		}
	}
	var decision, outcome bool
	for _, t := range q.terms {
		decision = decision || t.side == sideDecision
		outcome = outcome || t.side == sideOutcome || t.side == sideEither
	}
	q.joined = decision && outcome
	return q, nil
}

// String gives the query as it was written.
func (q *Query) String() string { return q.text }

// Between gives the query with bounds of time in addition to its own: from since on,
// before until. The zero time is no bound.
func (q *Query) Between(since, until time.Time) *Query {
	out := *q
	if !since.IsZero() {
		if out.lo = max(q.lo, ceilMilli(since)); since.After(q.from) {
			out.from = since
		}
	}
	if !until.IsZero() {
		if out.hi = min(q.hi, ceilMilli(until)); q.to.IsZero() || until.Before(q.to) {
			out.to = until
		}
	}
	return &out
}

// at gives the query as it would have been asked at another time.
func (q *Query) at(now int64) (*Query, error) {
	out, err := Parse(q.text, time.UnixMilli(now))
	if err != nil {
		return nil, err
	}
	return out.Between(q.from, q.to), nil
}

// bare says whether the query asks for nothing but a time.
func (q *Query) bare() bool { return len(q.terms) == 0 }

// hash tells queries apart.
func (q *Query) hash() uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", ceilMilli(q.from), ceilMilli(q.to), q.text))
	return binary.LittleEndian.Uint64(sum[:])
}

// ceilMilli gives the first millisecond that is not before t.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return ms
}

// parser takes a query apart that index.Parse has taken.
type parser struct {
	rest string
	now  time.Time
}

const blanks = " \t\r\n"

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, blanks) }

// errParse is a query that the index takes and we do not: a fault of this package.
func errParse(at string) error { return fmt.Errorf("%s cannot be asked of the store", at) }

func (p *parser) term(q *Query) error {
	var t term
	p.rest, t.not = strings.CutPrefix(p.rest, "-")
	name, rest, ok := strings.Cut(p.rest, ":")
	if !ok {
		return errParse("a term")
	}
	p.rest = rest
	if name == "since" || name == "until" {
		at, err := index.ParseTime(p.word(false), p.now)
		if err != nil {
			return err
		}
		if name == "since" {
			q.lo = max(q.lo, ceilMilli(at))
		} else {
			q.hi = min(q.hi, ceilMilli(at))
		}
		return nil
	}
	if t.field, ok = lookupField(name); !ok {
		return errParse(name)
	}
	var err error
	if after, open := strings.CutPrefix(p.rest, "("); open {
		p.rest = after
		for p.space(); err == nil; p.space() {
			if after, closed := strings.CutPrefix(p.rest, ")"); closed {
				p.rest = after
				break
			}
			p.rest = strings.TrimPrefix(p.rest, "|")
			err = p.alternative(&t, true)
		}
	} else {
		for more := true; more && err == nil; p.rest, more = strings.CutPrefix(p.rest, "|") {
			err = p.alternative(&t, false)
		}
	}
	q.terms = append(q.terms, t)
	return err
}

// word reads a value: in quotation marks, or up to a space, | or bracket.
func (p *parser) word(inList bool) string {
	s, _ := p.quoted(inList)
	return s
}

func (p *parser) quoted(inList bool) (string, bool) {
	after, ok := strings.CutPrefix(p.rest, `"`)
	if !ok {
		stop := "|\"" + blanks
		if inList {
			stop += "()"
		}
		end := strings.IndexAny(p.rest, stop)
		if end < 0 {
			end = len(p.rest)
		}
		s := p.rest[:end]
		p.rest = p.rest[end:]
		return s, false
	}
	var b strings.Builder
	for i := 0; i < len(after); i++ {
		switch c := after[i]; {
		case c == '"':
			p.rest = after[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(after) && (after[i+1] == '"' || after[i+1] == '\\'):
			i++
			b.WriteByte(after[i])
		default:
			b.WriteByte(c)
		}
	}
	p.rest = ""
	return b.String(), true
}

// alternative reads one value of a term.
func (p *parser) alternative(t *term, inList bool) error {
	s, quoted := p.quoted(inList)
	star := false
	if quoted {
		p.rest, star = strings.CutPrefix(p.rest, "*")
	} else {
		s, star = strings.CutSuffix(s, "*")
	}
	if s == "" && !star {
		return errParse(t.name) // and the loop over a list comes to its end
	}
	a := alternative{text: s}
	switch {
	case s == "":
		a.how = howAny
	case star:
		a.how = howBegins
	}
	var err error
	switch {
	case a.how == howAny:
	case t.class == classTime:
		err = a.times(p.now)
	case t.class == classNumber, t.name == "status" && !quoted && !star && (strings.ContainsAny(s[:1], "<>") || strings.Contains(s, "..")):
		err = a.numbers()
	case t.class == classKey && t.name != "trace":
		if up := strings.ToUpper(s); ulid(up) {
			a.text = up
		}
	case t.class == classKey && len(s) == traceLength:
		a.text = strings.ToLower(s)
	}
	t.alternatives = append(t.alternatives, a)
	return err
}

const (
	ulidLength  = 26
	traceLength = 32
	crockford   = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // of ULIDs
)

// ulid says whether an id is a ULID in upper case.
func ulid(s string) bool {
	return len(s) == ulidLength && s[0] <= '7' && strings.Trim(s, crockford) == "" && strings.Trim(s, "0") != ""
}

// operator cuts a comparison from a value.
func operator(s string) (op, rest string) {
	for _, op := range []string{">=", "<=", ">", "<"} {
		if rest, ok := strings.CutPrefix(s, op); ok {
			return op, rest
		}
	}
	return "", s
}

// numbers reads a number or a range of them.
func (a *alternative) numbers() error {
	a.how, a.lo, a.hi = howRange, math.MinInt64, math.MaxInt64
	op, rest := operator(a.text)
	if low, high, ok := strings.Cut(rest, ".."); ok && op == "" {
		var err error
		if a.lo, err = strconv.ParseInt(low, 10, 64); err == nil {
			a.hi, err = strconv.ParseInt(high, 10, 64)
		}
		return err
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	switch op {
	case ">":
		a.lo = n + 1
	case ">=":
		a.lo = n
	case "<":
		a.hi = n - 1
	case "<=":
		a.hi = n
	default:
		a.lo, a.hi = n, n
	}
	return err
}

// times reads a range of times.
func (a *alternative) times(now time.Time) error {
	a.how, a.lo, a.hi = howRange, math.MinInt64, math.MaxInt64
	op, rest := operator(a.text)
	if low, high, ok := strings.Cut(rest, ".."); ok && op == "" {
		from, err := index.ParseTime(low, now)
		if err != nil {
			return err
		}
		to, err := index.ParseTime(high, now)
		a.lo, a.hi = ceilMilli(from), to.UnixMilli()
		return err
	}
	at, err := index.ParseTime(rest, now)
	switch op {
	case ">":
		a.lo = at.UnixMilli() + 1
	case ">=":
		a.lo = ceilMilli(at)
	case "<":
		a.hi = ceilMilli(at) - 1
	case "<=":
		a.hi = at.UnixMilli()
	}
	return err
}

// countable gives the fields whose values can be counted; no names are all of them.
func countable(names []string) ([]field, error) {
	if len(names) == 0 {
		names = index.FacetFields()
	}
	var out []field
	for _, name := range names {
		f, ok := lookupField(name)
		if !ok || f.class != classText {
			return nil, fmt.Errorf("%s is no field whose values are counted; these are: %s", name, strings.Join(index.FacetFields(), " "))
		}
		out = append(out, f)
	}
	return out, nil
}
