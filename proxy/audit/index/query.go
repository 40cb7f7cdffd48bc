package index

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a query's text.
const (
	queryLimit       = 4096 // bytes
	termLimit        = 64
	alternativeLimit = 256 // in all terms together
)

// ErrJoined: a query asks for fields of a decision and of its outcome, which
// cannot be told of one event alone.
var ErrJoined = errors.New("the query asks for fields of a decision and of its outcome: only an index can tell")

// Query says which events are looked for. The zero Query matches all. It does not
// change once it is made.
//
// A query that asks for fields of a decision and of its outcome at once finds the
// decisions: a term is met where the decision or its outcome meets it.
type Query struct {
	text         string
	terms        []term
	since, until []moment
	now          time.Time
	joined       bool
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
	lo, hi int64 // from lo to hi; of a time in milliseconds, or as below
	from   moment
	to     moment
}

type how uint8

const (
	howIs how = iota
	howBegins
	howAny
	howRange // of the number that the value is
)

// moment is a point in time, or a span before the query's now.
type moment struct {
	at       time.Time
	before   time.Duration
	relative bool
	set      bool // a bound of a term's range; those of since and until always are
}

// in gives the point in time.
func (m moment) in(now time.Time) time.Time {
	if m.relative {
		return now.Add(-m.before)
	}
	return m.at
}

// String gives the query as it was written.
func (q *Query) String() string { return q.text }

// Joined says whether the query asks for fields of a decision and of its outcome.
func (q *Query) Joined() bool { return q.joined }

// Between gives the query with bounds of time in addition to its own: from since
// on, before until. The zero time is no bound.
func (q *Query) Between(since, until time.Time) *Query {
	out := *q
	if !since.IsZero() {
		out.since = append(slices.Clone(q.since), moment{at: since})
	}
	if !until.IsZero() {
		out.until = append(slices.Clone(q.until), moment{at: until})
	}
	return &out
}

// at gives the query as it would have been asked at another time.
func (q *Query) at(now time.Time) *Query {
	out := *q
	out.now = now
	return &out
}

// span gives the query's bounds in milliseconds: from lo on, before hi.
func (q *Query) span() (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	for _, m := range q.since {
		lo = max(lo, ceilMilli(m.in(q.now)))
	}
	for _, m := range q.until {
		hi = min(hi, ceilMilli(m.in(q.now)))
	}
	return lo, hi
}

// ceilMilli gives the first millisecond that is not before t: times of events have
// no smaller parts.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return ms
}

// Parse reads a query of terms, separated by spaces, which all have to be met:
//
//	action:deny            has the value
//	-action:deny           does not have it
//	team:hr-*              has a value that begins so
//	rule:*                 has any value
//	reason:"two words"     quotation marks around spaces; \" and \\ within
//	action:deny|mask       one of several
//	type:(US_SSN IBAN_*)   the same
//	duration_ms:>500       numbers: > >= < <= and 100..500, both ends included
//	since:7d until:2026-11-01   from a time on, before a time; see [ParseTime]
//	time:>=2026-11-01T14:00:00Z the same as a field like others
//
// now is what spans are counted back from. An error says what to write instead.
func Parse(text string, now time.Time) (*Query, error) {
	if len(text) > queryLimit {
		return nil, fmt.Errorf("the query is longer than %d bytes", queryLimit)
	}
	q := &Query{text: text, now: now}
	p := parser{rest: text}
	for p.space(); p.rest != ""; p.space() {
		if len(q.terms)+len(q.since)+len(q.until) == termLimit {
			return nil, fmt.Errorf("the query has more than %d terms", termLimit)
		}
		if err := p.term(q); err != nil {
			return nil, err
		}
	}
	q.join()
	return q, nil
}

// join finds out whether both halves of an exchange are asked for.
func (q *Query) join() {
	var decision, outcome bool
	for _, t := range q.terms {
		decision = decision || t.side == sideDecision
		outcome = outcome || t.side == sideOutcome || t.side == sideEither
	}
	q.joined = decision && outcome
}

// parser reads the terms of a query.
type parser struct {
	rest  string
	count int // of alternatives
}

const blanks = " \t\r\n"

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, blanks) }

// term reads one term into the query.
func (p *parser) term(q *Query) error {
	var t term
	p.rest, t.not = strings.CutPrefix(p.rest, "-")
	end := strings.IndexAny(p.rest, ":()|\""+blanks)
	if end <= 0 || p.rest[end] != ':' {
		return fmt.Errorf("write FIELD:VALUE, as in action:deny; fields are %s", strings.Join(fieldNames(), ", "))
	}
	name := p.rest[:end]
	p.rest = p.rest[end+1:]
	if name == wordSince || name == wordUntil {
		return p.bound(q, name, t.not)
	}
	var ok bool
	if t.field, ok = lookupField(name); !ok {
		return unknownField(name)
	}
	if after, open := strings.CutPrefix(p.rest, "("); open {
		p.rest = after
		for p.space(); ; p.space() {
			if after, closed := strings.CutPrefix(p.rest, ")"); closed {
				p.rest = after
				break
			}
			if p.rest == "" {
				return fmt.Errorf("the list of values of %s has no closing bracket", name)
			}
			p.rest = strings.TrimPrefix(p.rest, "|")
			if err := p.alternative(&t, true, q.now); err != nil {
				return err
			}
		}
		if len(t.alternatives) == 0 {
			return noValue(name)
		}
	} else {
		for more := true; more; p.rest, more = strings.CutPrefix(p.rest, "|") {
			if err := p.alternative(&t, false, q.now); err != nil {
				return err
			}
		}
	}
	if p.rest != "" && !strings.ContainsAny(p.rest[:1], blanks) {
		return fmt.Errorf("put a space behind the value of %s, or quotation marks around it", name)
	}
	q.terms = append(q.terms, t)
	return nil
}

func noValue(name string) error {
	return fmt.Errorf("%s: has no value; %s:* asks for any", name, name)
}

// unknownField says which field may have been meant.
func unknownField(name string) error {
	const shown = 40
	if len(name) > shown {
		name = name[:shown]
	}
	if near := nearest(name); near != "" {
		return fmt.Errorf("unknown field %q: did you mean %s? fields are %s", name, near, strings.Join(fieldNames(), ", "))
	}
	return fmt.Errorf("unknown field %q; fields are %s", name, strings.Join(fieldNames(), ", "))
}

// word reads a value: in quotation marks, or up to a space, | or bracket.
func (p *parser) word(name string, inList bool) (s string, quoted bool, err error) {
	if after, ok := strings.CutPrefix(p.rest, `"`); ok {
		var b strings.Builder
		for i := 0; i < len(after); i++ {
			switch c := after[i]; {
			case c == '"':
				p.rest = after[i+1:]
				return b.String(), true, nil
			case c == '\\' && i+1 < len(after) && (after[i+1] == '"' || after[i+1] == '\\'):
				i++
				b.WriteByte(after[i])
			default:
				b.WriteByte(c)
			}
		}
		return "", true, fmt.Errorf("the value of %s has no closing quotation mark", name)
	}
	stop := "|\"" + blanks
	if inList {
		stop += "()"
	}
	end := strings.IndexAny(p.rest, stop)
	if end < 0 {
		end = len(p.rest)
	}
	s, p.rest = p.rest[:end], p.rest[end:]
	return s, false, nil
}

// bound reads the time of since: or until:.
func (p *parser) bound(q *Query, name string, not bool) error {
	if not {
		return fmt.Errorf("-%s: turns a time around: write %s or %s", name, wordSince, wordUntil)
	}
	s, _, err := p.word(name, false)
	if err != nil {
		return err
	}
	m, err := parseMoment(s, q.now)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if name == wordSince {
		q.since = append(q.since, m)
	} else {
		q.until = append(q.until, m)
	}
	return nil
}

// alternative reads one value of a term.
func (p *parser) alternative(t *term, inList bool, now time.Time) error {
	if p.count++; p.count > alternativeLimit {
		return fmt.Errorf("the query has more than %d values", alternativeLimit)
	}
	s, quoted, err := p.word(t.name, inList)
	if err != nil {
		return err
	}
	star := false
	if quoted {
		p.rest, star = strings.CutPrefix(p.rest, "*")
	} else {
		s, star = strings.CutSuffix(s, "*")
		if strings.Contains(s, "*") {
			return fmt.Errorf("%s: a * stands at a value's end alone; quotation marks make it a letter", t.name)
		}
	}
	switch {
	case s == "" && star:
		t.alternatives = append(t.alternatives, alternative{how: howAny})
		return nil
	case s == "":
		return noValue(t.name)
	}
	a := alternative{text: s}
	if star {
		a.how = howBegins
	}
	switch t.class {
	case classNumber:
		return t.number(a, quoted)
	case classTime:
		return t.time(a, quoted, now)
	case classText:
		if !quoted && !star && t.id == textStatus && (strings.ContainsAny(s[:1], "<>") || strings.Contains(s, "..")) {
			return t.number(a, quoted)
		}
	case classKey:
		// Ids are written in either case; those that are no ULID as they are.
		if up := strings.ToUpper(s); t.id != keyTrace {
			if _, ok := parseKey(keyID, []byte(up)); ok {
				a.text = up
			}
		} else if low := strings.ToLower(s); len(low) == traceLength {
			a.text = low
		}
	}
	t.alternatives = append(t.alternatives, a)
	return nil
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

// number reads a number or a range of them.
func (t *term) number(a alternative, quoted bool) error {
	wrong := fmt.Errorf("%s: asks for a number: write %s:500, %s:>500 or %s:100..500", t.name, t.name, t.name, t.name)
	if a.how == howBegins || quoted {
		return wrong
	}
	a.how, a.lo, a.hi = howRange, math.MinInt64, math.MaxInt64
	op, rest := operator(a.text)
	if low, high, ok := strings.Cut(rest, ".."); ok && op == "" {
		lo, err1 := strconv.ParseInt(low, 10, 64)
		hi, err2 := strconv.ParseInt(high, 10, 64)
		if err1 != nil || err2 != nil {
			return wrong
		}
		a.lo, a.hi = lo, hi
		t.alternatives = append(t.alternatives, a)
		return nil
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil || n == math.MinInt64 || n == math.MaxInt64 {
		return wrong
	}
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
	t.alternatives = append(t.alternatives, a)
	return nil
}

// time reads a range of times.
func (t *term) time(a alternative, quoted bool, now time.Time) error {
	wrong := fmt.Errorf("%s: asks for a range: write %s:>=2026-11-23, or since:7d", t.name, t.name)
	if a.how == howBegins {
		return wrong
	}
	a.how = howRange
	op, rest := operator(a.text)
	if low, high, ok := strings.Cut(rest, ".."); ok && op == "" {
		from, err1 := parseMoment(low, now)
		to, err2 := parseMoment(high, now)
		if err1 != nil || err2 != nil {
			return wrong
		}
		a.from, a.to = from, to
		a.from.set, a.to.set = true, true
		a.hi = 1
		t.alternatives = append(t.alternatives, a)
		return nil
	}
	m, err := parseMoment(rest, now)
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	m.set = true
	// lo and hi say whether the bounds belong to it, in milliseconds behind them.
	switch op {
	case ">":
		a.from, a.lo = m, 1
	case ">=":
		a.from = m
	case "<":
		a.to = m
	case "<=":
		a.to, a.hi = m, 1
	default:
		return wrong
	}
	t.alternatives = append(t.alternatives, a)
	return nil
}

// bounds gives the range of an alternative of a number or of a time, both ends
// included.
func (q *Query) bounds(t *term, a *alternative) (lo, hi int64) {
	switch {
	case a.how == howAny:
		return math.MinInt64, math.MaxInt64
	case t.class != classTime:
		return a.lo, a.hi
	}
	lo, hi = math.MinInt64, math.MaxInt64
	if a.from.set {
		at := a.from.in(q.now)
		if lo = ceilMilli(at); a.lo == 1 {
			lo = at.UnixMilli() + 1
		}
	}
	if a.to.set {
		at := a.to.in(q.now)
		if hi = ceilMilli(at) - 1; a.hi == 1 {
			hi = at.UnixMilli()
		}
	}
	return lo, hi
}

// ParseTime reads a point in time as people write it: a span before now (90s, 15m,
// 2h, 7d, 2w), a day (2026-11-23, in UTC) or RFC 3339.
func ParseTime(s string, now time.Time) (time.Time, error) {
	m, err := parseMoment(s, now)
	return m.in(now), err
}

func parseMoment(s string, now time.Time) (moment, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return moment{at: t}, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return moment{at: t}, nil
	}
	const (
		day       = 24 * time.Hour
		daysLimit = 100_000
	)
	if n := len(s) - 1; n > 0 && (s[n] == 'd' || s[n] == 'w') {
		days, err := strconv.Atoi(s[:n])
		if s[n] == 'w' && days <= daysLimit {
			days *= 7
		}
		if err == nil && days >= 0 && days <= daysLimit {
			return moment{before: time.Duration(days) * day, relative: true}, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return moment{before: d, relative: true}, nil
	}
	return moment{}, errors.New("write a time as 2h, 7d, 2026-11-23 or 2026-11-23T14:00:00Z")
}

// Match says whether an event is looked for, by its JSON alone. It fails with
// [ErrNotEvent], and with [ErrJoined] for a query that [Query.Joined] is true of.
func (q *Query) Match(event []byte) (bool, error) {
	if q.joined {
		return false, ErrJoined
	}
	var e entry
	if err := e.decode(event); err != nil {
		return false, err
	}
	return q.match(&e), nil
}

func (q *Query) match(e *entry) bool {
	if lo, hi := q.span(); e.ms < lo || e.ms >= hi {
		return false
	}
	for i := range q.terms {
		t := &q.terms[i]
		if slices.ContainsFunc(t.alternatives, func(a alternative) bool { return q.has(e, t, &a) }) == t.not {
			return false
		}
	}
	return true
}

// has says whether an event has a value.
func (q *Query) has(e *entry, t *term, a *alternative) bool {
	switch t.class {
	case classText:
		return slices.ContainsFunc(e.text[t.id], func(v []byte) bool { return a.matches(string(v)) })
	case classKey:
		return len(e.key[t.id]) > 0 && a.matches(string(e.key[t.id]))
	case classNumber:
		lo, hi := q.bounds(t, a)
		return e.has>>t.id&1 == 1 && e.num[t.id] >= lo && e.num[t.id] <= hi
	}
	lo, hi := q.bounds(t, a)
	return e.ms >= lo && e.ms <= hi
}

// matches says whether a value of a text or key field is meant.
func (a *alternative) matches(v string) bool {
	switch a.how {
	case howAny:
		return true
	case howIs:
		return v == a.text
	case howBegins:
		return strings.HasPrefix(v, a.text)
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return err == nil && n >= a.lo && n <= a.hi
}
