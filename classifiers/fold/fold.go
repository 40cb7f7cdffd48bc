// Package fold reads text that is written in a way that hides what it says:
// zero-width characters inside words, digits of other scripts, look-alike
// letters, escapes, base64, digits spelled out, "name at domain dot com".
//
// [Views] gives the pieces of a text that read otherwise, with the changes
// applied in place, so that the words around keep their meaning, and a map that
// leads every byte of a view back to the bytes of the text that it stands for.
//
// Text with nothing to fold pays one look at eight bytes at a time and no
// allocation. Every other cost is linear in the length of the text.
package fold

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// Bounds of the views.
const (
	// around is how much of the text a view holds before and behind what is
	// changed, at least: more than the context that detectors look at.
	around = 256
	// slack is how much further a view goes for an end at white space.
	slack = 64
	// near is the gap between two views below which they become one.
	near = 256
	// whole is the length up to which a text has one view only.
	whole = 1 << 10
	// rounds is how often a piece is read: as it is written, and what it was
	// decoded to twice more.
	rounds = 3
)

// View is a piece of a text as it reads after folding.
type View struct {
	Text string // what is to be scanned
	Via  string // constant words that say what was folded

	source string // the text
	base   int    // where in it the view begins
	spans  []span // what was changed, in order
}

// span is a piece of a view that reads otherwise: view[from:to) stands for
// source[start:end). What lies between spans reads as it is written. Where a
// piece was removed, from is to.
type span struct{ from, to, start, end int }

// Views gives the pieces of text that read otherwise when folded, and none where
// the text has nothing to fold. Pieces carry enough of the text around for the
// context of a finding, do not overlap and come in order; together they are not
// longer than the text. It is safe on any bytes.
func Views(text string) []View {
	var c collector
	c.collect(text)
	if !c.settle() {
		return nil
	}
	var views []View
	for at := 0; at < len(c.edits); {
		from, to, next := c.window(at)
		if next < 0 {
			break
		}
		v := View{Text: text[from:to], source: text, base: from}
		kinds := v.apply(&c, c.within(from, to), from)
		for range rounds - 1 {
			var again collector
			again.collect(v.Text)
			if !again.settle() {
				break
			}
			kinds |= v.apply(&again, again.edits, 0)
		}
		v.Via = kinds.String()
		views = append(views, v)
		at = next
	}
	return views
}

// window gives the piece of the text around the first strong edit from index at
// on, joined with those of the strong edits that follow near, and the index of
// the first edit behind; a negative index where there is no strong edit.
func (c *collector) window(at int) (from, to, next int) {
	for at < len(c.edits) && !c.edits[at].strong {
		at++
	}
	if at == len(c.edits) {
		return 0, 0, -1
	}
	if len(c.text) <= whole {
		return 0, len(c.text), len(c.edits)
	}
	from = c.outwards(c.edits[at].from-around, -1)
	// Never back into the view before.
	from = max(from, c.seen)
	last := c.edits[at].to
	for next = at + 1; next < len(c.edits); next++ {
		e := &c.edits[next]
		if e.from > last+2*around+near {
			break
		}
		if e.strong {
			last = max(last, e.to)
		}
	}
	to = c.outwards(last+around, +1)
	for next < len(c.edits) && c.edits[next].from < to {
		// A weak edit that the end would cut.
		to = max(to, c.edits[next].to)
		next++
	}
	c.seen = to
	return from, to, next
}

// outwards moves a cut at i to white space, or to the edge of a character, in
// direction d.
func (c *collector) outwards(i, d int) int {
	t := c.text
	if i <= 0 {
		return 0
	}
	if i >= len(t) {
		return len(t)
	}
	for j, n := i, 0; j > 0 && j < len(t) && n < slack; j, n = j+d, n+1 {
		if t[j] == ' ' || t[j] == '\n' {
			return j
		}
	}
	for i > 0 && i < len(t) && !utf8.RuneStart(t[i]) {
		i += d
	}
	return i
}

// within gives the edits that lie in [from, to).
func (c *collector) within(from, to int) []edit {
	i := sort.Search(len(c.edits), func(i int) bool { return c.edits[i].from >= from })
	j := i
	for j < len(c.edits) && c.edits[j].to <= to {
		j++
	}
	return c.edits[i:j]
}

// apply makes the edits, whose offsets are those of the view plus shift, and
// gives the kinds that were made.
func (v *View) apply(c *collector, edits []edit, shift int) (kinds kind) {
	var b strings.Builder
	b.Grow(len(v.Text))
	spans := make([]span, 0, len(v.spans)+len(edits))
	done, old := 0, 0 // bytes of the view that were taken; spans of before
	// keep takes view[done:to), with the spans of before that lie in it.
	keep := func(to int) {
		moved := b.Len() - done
		for old < len(v.spans) && v.spans[old].from < to {
			s := v.spans[old]
			if s.from < s.to && s.to <= done {
				old++
				continue // inside an edit
			}
			if s.from < done {
				s.from = done
				if s.from > s.to {
					old++
					continue
				}
			}
			cut := s.to > to
			if cut {
				s.to = to
			}
			s.from, s.to = s.from+moved, s.to+moved
			spans = append(spans, s)
			if cut {
				break // the rest stands behind the edit
			}
			old++
		}
		b.WriteString(v.Text[done:to])
		done = to
	}
	for _, e := range edits {
		from, to := e.from-shift, e.to-shift
		keep(from)
		start, end := v.Origin(from, to)
		at := b.Len()
		b.Write(c.out[e.a:e.b])
		spans = append(spans, span{at, b.Len(), start, end})
		done = to
		kinds |= e.kind
	}
	keep(len(v.Text))
	for ; old < len(v.spans); old++ { // removed at the very end
		if s := v.spans[old]; s.from >= done {
			moved := b.Len() - done
			spans = append(spans, span{s.from + moved, s.to + moved, s.start, s.end})
		}
	}
	v.Text, v.spans = b.String(), spans
	return kinds
}

// Origin gives the bytes of the text that [start, end) of the view stands for.
// What was decoded stands for all that it was decoded from. Both are moved
// outwards to the edges of characters; offsets outside the view count as its
// ends.
func (v *View) Origin(start, end int) (int, int) {
	start = min(max(start, 0), len(v.Text))
	end = min(max(end, start), len(v.Text))
	from := v.place(start, false)
	to := from
	if end > start {
		to = v.place(end-1, true)
	}
	for n := 1; n < utf8.UTFMax && from > v.base && from < len(v.source) && !utf8.RuneStart(v.source[from]); n++ {
		from--
	}
	for n := 1; n < utf8.UTFMax && to < len(v.source) && to > from && !utf8.RuneStart(v.source[to]); n++ {
		to++
	}
	return from, max(from, to)
}

// place gives where the byte at i of the view begins in the text, or ends.
func (v *View) place(i int, end bool) int {
	n := sort.Search(len(v.spans), func(n int) bool { return v.spans[n].from > i }) - 1
	at := v.base + i
	if n >= 0 {
		switch s := v.spans[n]; {
		case i < s.to && end:
			return s.end
		case i < s.to:
			return s.start
		default:
			at = s.end + i - s.to
		}
	}
	if end {
		at++
	}
	return min(at, len(v.source))
}

// Changed reports whether [start, end) of the view reads otherwise than the text.
func (v *View) Changed(start, end int) bool {
	n := sort.Search(len(v.spans), func(n int) bool { return v.spans[n].to >= start })
	for ; n < len(v.spans) && v.spans[n].from <= end; n++ {
		s := v.spans[n]
		if s.from == s.to && s.from >= start || s.from < end && s.to > start {
			return true
		}
	}
	return false
}

// edit is a piece of a text that reads otherwise: text[from:to) reads as
// out[a:b). A strong edit is worth a view, a weak one is made where there is a
// view anyway.
type edit struct {
	from, to int
	a, b     int
	kind     kind
	strong   bool
}

// kind is a set of ways to hide, a bit each.
type kind uint16

const (
	kHidden kind = 1 << iota
	kWidth
	kDigits
	kLookalike
	kPercent
	kEntity
	kEscape
	kQuoted
	kBase64
	kHex
	kSpaced
	kWords
	kAtDot
)

var kindNames = [...]string{"hidden", "width", "digits", "look-alike", "percent", "entity", "escape", "quoted-printable", "base64", "hex", "spaced", "number-words", "at-dot"}

// String lists the kinds in constant words.
func (k kind) String() string {
	if k&(k-1) == 0 { // one kind: no string is built
		for i, n := range kindNames {
			if k == 1<<i {
				return n
			}
		}
		return ""
	}
	var list []string
	for i, n := range kindNames {
		if k&(1<<i) != 0 {
			list = append(list, n)
		}
	}
	return strings.Join(list, " ")
}

// collector collects the edits of one text.
type collector struct {
	text   string
	edits  []edit
	out    []byte // what the edits read as
	strong int    // edits that are
	weak   int    // digits of other scripts that are not
	seen   int    // end of the last window
	marks
}

// marks are how far the readers of a collector have come, so that none looks
// at the same bytes twice.
type marks struct {
	run    int // end of the last run of base64 or hex
	token  int // end of the last token with characters that are not ASCII
	chain  int // end of the last chain of spaced-out characters
	words  int // end of the last row of number words
	at     int // where the search for a spelled @ has come
	tried  int // end of the last spelled @ that was read
	forms  [maxForms]form
	nforms int
	quoted int8 // whether the text is quoted-printable: 0 not looked, 1 yes, -1 no
}

// put adds an edit that reads as s.
func (c *collector) put(from, to int, s string, k kind, strong bool) {
	a := len(c.out)
	c.out = append(c.out, s...)
	c.edits = append(c.edits, edit{from, to, a, len(c.out), k, strong})
	if strong {
		c.strong++
	} else if k == kDigits {
		c.weak++
	}
}

// settle sorts the edits and leaves out those that overlap a better one: the
// earlier, then the longer. It reports whether any is worth a view.
func (c *collector) settle() bool {
	if c.strong == 0 && c.weak < someDigits {
		return false
	}
	slices.SortStableFunc(c.edits, func(x, y edit) int {
		if x.from != y.from {
			return x.from - y.from
		}
		return y.to - x.to
	})
	kept := c.edits[:0]
	end := 0
	for _, e := range c.edits {
		if e.from >= end {
			kept = append(kept, e)
			end = e.to
		}
	}
	c.edits = kept
	c.promote()
	return c.strong > 0
}
