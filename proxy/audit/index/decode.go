package index

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/bits"
	"strconv"
	"time"
)

// ErrNotEvent: a record is not the canonical JSON of an event.
var ErrNotEvent = errors.New("a record is not an event")

// entry is what the index keeps of one event. Its bytes are those of the record,
// or the decoder's own: they are valid until the next event is decoded.
type entry struct {
	text   [textCount][][]byte
	num    [numCount]int64
	has    uint32 // bit i: number i has a value
	key    [keyCount][]byte
	ms     int64 // Unix time in milliseconds; 0 where the event tells none
	shape  int   // the table that it goes to
	set    uint64
	served poolPlace   // the pool asked for, as the facts tell it
	pools  []poolPlace // those that the facts list
}

// poolPlace is where a pool is.
type poolPlace struct{ name, boundary, jurisdiction []byte }

// Shapes of events: a run keeps a table of each.
const (
	shapeDecision = iota
	shapeOutcome
	shapeOther
	shapeCount
)

func (e *entry) reset() {
	for e.set != 0 {
		i := bits.TrailingZeros64(e.set)
		e.text[i] = e.text[i][:0]
		e.set &= e.set - 1
	}
	e.has, e.ms, e.shape = 0, 0, shapeOther
	e.key = [keyCount][]byte{}
	e.served = poolPlace{}
	e.pools = e.pools[:0]
}

// add adds a value. An empty one is none.
func (e *entry) add(field int, v []byte) {
	if len(v) > 0 {
		e.text[field] = append(e.text[field], v)
		e.set |= 1 << field
	}
}

func (e *entry) number(field int, v int64) {
	e.num[field] = v
	e.has |= 1 << field
}

// walker walks over the canonical JSON of an event. It takes only what the index
// needs and steps over the rest without looking into it: decoding whole events
// with encoding/json takes ten times as long.
type walker struct {
	b     []byte
	i     int
	plain bool // no string has an escape
	bad   bool
	e     *entry
}

// decode reads an event. It fails with [ErrNotEvent]; what lies in parts that the
// index does not need is not checked.
func (e *entry) decode(b []byte) error {
	e.reset()
	w := walker{b: b, plain: bytes.IndexByte(b, '\\') < 0, e: e}
	w.event()
	if w.bad || w.i != len(b) {
		return ErrNotEvent
	}
	return nil
}

// fail ends the walk.
func (w *walker) fail() {
	w.bad = true
	w.i = len(w.b)
}

// peek gives the next byte, 0 at the end.
func (w *walker) peek() byte {
	if w.i < len(w.b) {
		return w.b[w.i]
	}
	return 0
}

// enter steps into an object or array, and says whether it has members. Null has
// none.
func (w *walker) enter(open byte) bool {
	c := w.peek()
	if c == 'n' {
		w.null()
		return false
	}
	if c != open {
		w.fail()
		return false
	}
	w.i++
	if w.peek() == open+2 { // ASCII: } is two behind {, as ] behind [
		w.i++
		return false
	}
	return true
}

// next steps behind a member, and says whether there is another.
func (w *walker) next(open byte) bool {
	c := w.peek()
	w.i++
	if c == ',' {
		return true
	}
	if c != open+2 {
		w.fail()
	}
	return false
}

func (w *walker) null() {
	if !bytes.HasPrefix(w.b[w.i:], []byte("null")) {
		w.fail()
		return
	}
	w.i += len("null")
}

// key reads the name of a member.
func (w *walker) key() []byte {
	k := w.str()
	if w.peek() != ':' {
		w.fail()
		return nil
	}
	w.i++
	return k
}

// str reads a string. Null is the empty one.
func (w *walker) str() []byte {
	switch w.peek() {
	case '"':
	case 'n':
		w.null()
		return nil
	default:
		w.fail()
		return nil
	}
	start := w.i + 1
	end := quote(w.b[start:])
	if end < 0 {
		w.fail()
		return nil
	}
	if w.plain || bytes.IndexByte(w.b[start:start+end], '\\') < 0 {
		w.i = start + end + 1
		return w.b[start : start+end]
	}
	return w.escaped()
}

// quote gives the place of the first quotation mark, -1 where there is none. Most
// strings have a few bytes: bytes.IndexByte takes longer to begin than they do.
func quote(b []byte) int {
	const (
		ones   = 0x0101010101010101
		tops   = 0x8080808080808080
		quotes = ones * '"'
		short  = 32
	)
	for i := 0; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ quotes
		if z := (x - ones) &^ x & tops; z != 0 { // the lowest bit is of the first zero byte
			return i + bits.TrailingZeros64(z)/8
		}
		if i == short {
			k := bytes.IndexByte(b[i+8:], '"')
			if k >= 0 {
				k += i + 8
			}
			return k
		}
	}
	for i := len(b) &^ 7; i < len(b); i++ {
		if b[i] == '"' {
			return i
		}
	}
	return -1
}

// escaped reads a string that holds an escape.
func (w *walker) escaped() []byte {
	for i := w.i + 1; i < len(w.b); i++ {
		switch w.b[i] {
		case '\\':
			i++
		case '"':
			var s string
			if json.Unmarshal(w.b[w.i:i+1], &s) != nil {
				w.fail()
				return nil
			}
			w.i = i + 1
			return []byte(s)
		}
	}
	w.fail()
	return nil
}

// num reads an integer. Null is 0.
func (w *walker) num() int64 {
	if w.peek() == 'n' {
		w.null()
		return 0
	}
	neg := w.peek() == '-'
	if neg {
		w.i++
	}
	const digits = 18 // fit into 63 bits
	start := w.i
	var n int64
	for w.i < len(w.b) && w.b[w.i]-'0' <= 9 {
		n = n*10 + int64(w.b[w.i]-'0')
		w.i++
	}
	if d := w.i - start; d == 0 || d > digits {
		w.fail()
		return 0
	}
	if neg {
		return -n
	}
	return n
}

// boolean reads true or false. Null is false.
func (w *walker) boolean() bool {
	rest := w.b[min(w.i, len(w.b)):]
	switch {
	case bytes.HasPrefix(rest, []byte("true")):
		w.i += len("true")
		return true
	case bytes.HasPrefix(rest, []byte("false")):
		w.i += len("false")
	default:
		w.null()
	}
	return false
}

// nest and mark say what a byte does to the state of until.
var (
	nest = [256]int8{'{': 1, '[': 1, '}': -1, ']': -1}
	mark = [256]int8{'"': -1}
)

// skip steps over a value.
func (w *walker) skip() {
	switch c := w.peek(); c {
	case '"':
		if w.plain {
			w.str()
			return
		}
		w.nested()
	case '{', '[':
		w.nested()
	case 0:
		w.fail()
	default:
		for w.i < len(w.b) && w.b[w.i] != ',' && w.b[w.i] != '}' && w.b[w.i] != ']' {
			w.i++
		}
	}
}

// nested steps over a string, object or array.
func (w *walker) nested() { w.until(0) }

// leave steps behind the end of the object whose member was read last: canonical
// JSON sorts the members, so that those behind the last one that is needed need
// not be told apart.
func (w *walker) leave() { w.until(1) }

// until steps on until so many objects and arrays, and those that begin on the
// way, are closed.
func (w *walker) until(depth int) {
	var inside int8 // -1 within a string
	if !w.plain {
		for i := w.i; i < len(w.b); i++ {
			c := w.b[i]
			if c == '\\' && inside != 0 {
				i++
				continue
			}
			inside ^= mark[c]
			depth += int(nest[c] &^ inside)
			if depth|int(inside) == 0 {
				w.i = i + 1
				return
			}
		}
		w.fail()
		return
	}
	// Without branches but the one that ends it: what a byte is cannot be guessed.
	b := w.b[min(w.i, len(w.b)):]
	for i, c := range b {
		inside ^= mark[c]
		depth += int(nest[c] &^ inside)
		if depth == 0 {
			w.i += i + 1
			return
		}
	}
	w.fail()
}

// jump goes from behind a member to the comma before one that comes later, if it
// is found. Where it is not, or another would be meant, the walk goes on as it
// would have: what to look for holds the name and what the value begins with, so
// that it is in one place of an event alone. A string cannot hold it, for within
// one quotation marks are escaped.
func (w *walker) jump(to string) {
	if k := bytes.Index(w.b[min(w.i, len(w.b)):], []byte(to)); k > 0 {
		w.i += k
	}
}

func (w *walker) event() {
	e := w.e
	for ok := w.enter('{'); ok; ok = w.next('{') {
		switch string(w.key()) {
		case "admin":
			w.admin()
		case "connection":
			w.connection()
		case "decision":
			w.decision()
		case "decision_id":
			e.key[keyDecision] = w.str()
		case "findings":
			w.findings()
		case "id":
			e.key[keyID] = w.str()
		case "kind":
			e.add(textKind, w.str())
		case "opaque":
			n := w.count()
			if n > 0 || e.shape == shapeDecision {
				e.number(numOpaque, n)
			}
		case "outcome":
			w.outcome()
		case "policy":
			for ok := w.enter('{'); ok; ok = w.next('{') {
				if string(w.key()) == "policies" {
					e.add(textRevision, w.str())
					w.leave()
					break
				}
				w.skip()
			}
		case "request":
			w.request()
		case "time":
			e.ms = parseMillis(w.str())
			w.leave()
			w.end()
			return
		default:
			w.skip()
		}
	}
	w.end()
}

// end looks up what can be told only now.
func (w *walker) end() {
	e := w.e
	if len(e.text[textPool]) > 0 {
		w.place(e.text[textPool][0])
	}
}

// place looks up where the pool is that a request went to.
func (w *walker) place(name []byte) {
	e := w.e
	p := e.served
	if !bytes.Equal(p.name, name) {
		p = poolPlace{}
	}
	for i := range e.pools {
		if bytes.Equal(e.pools[i].name, name) {
			p = e.pools[i]
			break
		}
	}
	e.add(textBoundary, p.boundary)
	e.add(textJurisdiction, p.jurisdiction)
}

// count counts the members of an array.
func (w *walker) count() (n int64) {
	for ok := w.enter('['); ok; ok = w.next('[') {
		w.skip()
		n++
	}
	return n
}

func (w *walker) admin() {
	if w.peek() == 'n' {
		w.null()
		return
	}
	for ok := w.enter('{'); ok; ok = w.next('{') {
		switch string(w.key()) {
		case "action":
			w.e.add(textDid, w.str())
		case "code":
			w.e.add(textCode, w.str())
		default:
			w.skip()
		}
	}
}

func (w *walker) connection() {
	if w.peek() == 'n' {
		w.null()
		return
	}
	for ok := w.enter('{'); ok; ok = w.next('{') {
		switch string(w.key()) {
		case "domain":
			w.e.add(textDomain, w.str())
		case "kind":
			w.e.add(textSuspect, w.str())
		case "passage":
			w.e.add(textDid, w.str())
		case "provider":
			w.e.add(textProvider, w.str())
		case "way":
			w.e.add(textWay, w.str())
		case "why":
			w.e.add(textWhy, w.str())
		default:
			w.skip()
		}
	}
}

func (w *walker) decision() {
	e := w.e
	if w.peek() == 'n' {
		w.null()
		return
	}
	e.shape = shapeDecision
	e.number(numMasked, 0)
	e.number(numFound, 0)
	e.number(numOpaque, 0)
	for ok := w.enter('{'); ok; ok = w.next('{') {
		switch string(w.key()) {
		case "action":
			e.add(textAction, w.str())
		case "asked":
			e.add(textAsked, w.str())
		case "code":
			e.add(textCode, w.str())
		case "facts":
			w.facts()
		case "masked":
			e.number(numMasked, w.num())
		case "mode":
			e.add(textMode, w.str())
		case "model":
			e.add(textModel, w.str())
		case "pool":
			e.add(textPool, w.str())
		case "reasons":
			for ok := w.enter('['); ok; ok = w.next('[') {
				for ok := w.enter('{'); ok; ok = w.next('{') {
					switch string(w.key()) {
					case "policy":
						e.add(textPolicy, w.str())
					case "rule":
						e.add(textRule, w.str())
					default:
						w.skip()
					}
				}
			}
		case "shadow":
			w.would(textShadow)
		case "status":
			w.status()
		case "would":
			w.would(textWould)
		default:
			w.skip()
		}
	}
}

// would reads the action of what would have been done.
func (w *walker) would(field int) {
	for ok := w.enter('{'); ok; ok = w.next('{') {
		if string(w.key()) == "action" {
			w.e.add(field, w.str())
			w.leave()
			break
		}
		w.skip()
	}
}

// status reads a status of a decision, where 0 is none.
func (w *walker) status() {
	start := w.i
	if n := w.num(); n != 0 {
		w.e.add(textStatus, w.b[start:w.i])
	}
}

func (w *walker) facts() {
	e := w.e
	if w.peek() == 'n' {
		w.null()
		return
	}
	e.number(numTokens, 0)
	e.number(numUninspected, 0)
	for ok := w.enter('{'); ok; ok = w.next('{') {
		switch string(w.key()) {
		case "destination":
			e.served = w.pool("pool")
			w.jump(`,"labels":{"classification":`)
		case "labels":
			for ok := w.enter('{'); ok; ok = w.next('{') {
				if string(w.key()) == "severity" {
					e.add(textSeverity, w.str())
					w.leave()
					break
				}
				w.skip()
			}
			w.jump(`,"pools":[{"abilities":`)
		case "pools":
			for ok := w.enter('['); ok; ok = w.next('[') {
				e.pools = append(e.pools, w.pool("name"))
			}
			w.jump(`,"principal":{"application":`)
		case "principal":
			for ok := w.enter('{'); ok; ok = w.next('{') {
				if string(w.key()) == "team" {
					e.add(textTeam, w.str())
					w.leave()
					break
				}
				w.skip()
			}
			w.jump(`,"request":{"body":`)
		case "request":
			for ok := w.enter('{'); ok; ok = w.next('{') {
				if string(w.key()) == "tokens" {
					e.number(numTokens, w.num())
					w.leave()
					break
				}
				w.skip()
			}
			w.jump(`,"uninspected":{"count":`)
		case "uninspected":
			for ok := w.enter('{'); ok; ok = w.next('{') {
				if string(w.key()) == "count" {
					e.number(numUninspected, w.num())
					w.leave()
					break
				}
				w.skip()
			}
		default:
			w.skip()
		}
	}
}

// pool reads where a pool is; member is the one that names it, which comes behind
// the others.
func (w *walker) pool(member string) (p poolPlace) {
	for ok := w.enter('{'); ok; ok = w.next('{') {
		switch string(w.key()) {
		case "abilities":
			w.skip()
			w.jump(`,"boundary":"`)
		case "boundary":
			p.boundary = w.str()
			if member == "name" {
				w.jump(`,"jurisdiction":"`)
			}
		case "jurisdiction":
			p.jurisdiction = w.str()
			if member == "name" {
				w.jump(`,"name":"`)
			}
		case member:
			p.name = w.str()
			w.leave()
			return p
		default:
			w.skip()
		}
	}
	return p
}

func (w *walker) findings() {
	e := w.e
	var found int64
	for ok := w.enter('['); ok; ok = w.next('[') {
		for ok := w.enter('{'); ok; ok = w.next('{') {
			switch string(w.key()) {
			case "count":
				found += w.num()
			case "groups":
				w.strings(textGroup)
			case "likelihood":
				e.add(textLikelihood, w.str())
			case "roles":
				w.strings(textRole)
			case "type":
				e.add(textType, w.str())
			default:
				w.skip()
			}
		}
		e.number(numFound, found)
	}
}

func (w *walker) strings(field int) {
	for ok := w.enter('['); ok; ok = w.next('[') {
		w.e.add(field, w.str())
	}
}

func (w *walker) outcome() {
	e := w.e
	if w.peek() == 'n' {
		w.null()
		return
	}
	if e.shape != shapeDecision {
		e.shape = shapeOutcome
	}
	inspected, status := no, zero
	e.number(numDuration, 0)
	e.number(numTTFB, 0)
	for ok := w.enter('{'); ok; ok = w.next('{') {
		switch string(w.key()) {
		case "duration_ms":
			e.number(numDuration, w.num())
		case "inspected":
			if w.boolean() {
				inspected = yes
			}
		case "reason":
			e.add(textReason, w.str())
		case "sent":
			e.add(textSent, w.str())
		case "status":
			start := w.i
			if w.num() != 0 {
				status = w.b[start:w.i]
			}
		case "ttfb_ms":
			e.number(numTTFB, w.num())
		default:
			w.skip()
		}
	}
	e.add(textInspected, inspected)
	// As of old, the status of an outcome is told also where it is not known (0),
	// and an event that had both would tell the outcome's.
	e.text[textStatus] = e.text[textStatus][:0]
	e.add(textStatus, status)
}

// Words for what is not a string in the events.
var (
	yes  = []byte("yes")
	no   = []byte("no")
	zero = []byte("0")
)

func (w *walker) request() {
	e := w.e
	if w.peek() == 'n' {
		w.null()
		return
	}
	e.number(numBytes, 0)
	for ok := w.enter('{'); ok; ok = w.next('{') {
		switch string(w.key()) {
		case "application":
			e.add(textApp, w.str())
		case "bytes":
			e.number(numBytes, w.num())
		case "dialect":
			e.add(textDialect, w.str())
		case "model":
			e.add(textModel, w.str())
		case "operation":
			e.add(textOperation, w.str())
		case "trace":
			e.key[keyTrace] = w.str()
			w.leave()
			return
		default:
			w.skip()
		}
	}
}

// parseMillis reads an event's time: RFC 3339, as a rule in UTC and milliseconds
// ("2026-11-24T09:00:00.000Z"). What is no time, or before 1970, is 0.
func parseMillis(b []byte) int64 {
	const form = "0000-00-00T00:00:00.000Z"
	if len(b) != len(form) {
		return slowMillis(b)
	}
	for i := range form {
		c := b[i]
		if form[i] == '0' && (c < '0' || c > '9') || form[i] != '0' && c != form[i] {
			return slowMillis(b)
		}
	}
	at := func(i int) int64 { return int64(b[i]-'0')*10 + int64(b[i+1]-'0') }
	y, m, d := at(0)*100+at(2), at(5), at(8)
	h, min, s := at(11), at(14), at(17)
	if m < 1 || m > 12 || d < 1 || d > 28 && (m == 2 || d > 30) || h > 23 || min > 59 || s > 59 {
		return slowMillis(b) // which knows how long months are
	}
	// Days since 1970-01-01, of a year that begins in March.
	if m <= 2 {
		y--
		m += 12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 719468
	ms := ((days*24+h)*60+min)*60 + s
	return max(ms*1000+at(20)*10+int64(b[22]-'0'), 0)
}

func slowMillis(b []byte) int64 {
	t, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return 0
	}
	return max(t.UnixMilli(), 0)
}

// formatNumber writes a number as it stands in text fields.
func formatNumber(n int64) string { return strconv.FormatInt(n, 10) }
