package vault

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/proxy"
)

// Placeholders implements [proxy.Masker] by typed placeholders. It holds
// nothing: numbers begin anew with each call, and a conversation that is sent
// again from its beginning gets the same ones, because they are given in the
// order of appearance. It is safe for concurrent use.
type Placeholders struct{}

var _ proxy.Masker = Placeholders{}

// typeEmail is the type whose values are the same whatever their case: mail
// systems ignore it in practice (RFC 5321, 2.4, leaves that to the host).
const typeEmail = "EMAIL_ADDRESS"

// Mask replaces each finding by [TYPE_N]. Findings that overlap are united and
// replaced as one, named by the likeliest of them, of those by the longest, of
// those by the first and then by the lesser name. N counts the different values
// of a type in the order of segments and places. The edits are sorted so and do
// not overlap within a segment.
//
// A finding that does not lie in its segment is not left out: it becomes an edit
// just as impossible, so that [proxy.Document] refuses the body instead of
// letting it pass unmasked.
func (Placeholders) Mask(segments []proxy.Segment, findings []proxy.Finding) []proxy.Edit {
	list := slices.Clone(findings)
	slices.SortStableFunc(list, func(a, b proxy.Finding) int {
		return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Type, b.Type))
	})
	numbers := map[string]map[string]int{} // by type, then by value
	var out []proxy.Edit
	for len(list) > 0 {
		n, end := 1, list[0].End
		for n < len(list) && list[n].Segment == list[0].Segment && list[n].Start < end {
			end = max(end, list[n].End)
			n++
		}
		name := slices.MinFunc(list[:n], better).Type
		e := proxy.Edit{Segment: list[0].Segment, Start: list[0].Start, End: end}
		value, ok := textOf(segments, &e)
		if !ok {
			// The impossible edit stands for itself.
			value = strconv.Itoa(e.Segment) + ":" + strconv.Itoa(e.Start) + ":" + strconv.Itoa(e.End)
		} else if name == typeEmail {
			value = strings.ToLower(value)
		}
		if numbers[name] == nil {
			numbers[name] = map[string]int{}
		}
		number, seen := numbers[name][value]
		if !seen {
			number = len(numbers[name]) + 1
			numbers[name][value] = number
		}
		e.With = "[" + name + "_" + strconv.Itoa(number) + "]"
		out = append(out, e)
		list = list[n:]
	}
	return out
}

// better orders the findings of a union: the one that names it is the least.
func better(a, b proxy.Finding) int {
	return cmp.Or(
		cmp.Compare(b.Likelihood, a.Likelihood), cmp.Compare(b.End-b.Start, a.End-a.Start),
		cmp.Compare(a.Start, b.Start), cmp.Compare(a.Type, b.Type),
	)
}

// textOf gives the text that an edit replaces.
func textOf(segments []proxy.Segment, e *proxy.Edit) (string, bool) {
	if e.Segment < 0 || e.Segment >= len(segments) {
		return "", false
	}
	s := segments[e.Segment].Text.Reveal()
	if e.Start < 0 || e.Start > e.End || e.End > len(s) {
		return "", false
	}
	return s[e.Start:e.End], true
}
