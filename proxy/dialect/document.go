package dialect

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/proxy"
)

// form is how a body was read, and so how it can be edited.
type form uint8

const (
	formSealed form = iota // not at all
	formText
	formJSON
)

// place is where a segment stands: a node of a tree, or one of the two places
// that are no tree.
type place struct{ tree, node int32 }

const (
	headTree int32 = -1 // path, query, headers, parts: nothing that can be edited
	textTree int32 = -2 // the whole body
)

// document is one body as read. It implements [proxy.Document].
type document struct {
	prompt proxy.Prompt
	body   []byte // decoded
	coding string
	form   form
	trees  []*tree // the body's, then those of JSON inside strings, each after the one it stands in
	places []place // of the segments
	model  place   // of the model's name, headTree where there is none
}

var _ proxy.Document = (*document)(nil)

// Prompt implements [proxy.Document].
func (d *document) Prompt() *proxy.Prompt { return &d.prompt }

// Encoding implements [proxy.Document].
func (d *document) Encoding() string { return d.coding }

// change replaces bytes of a string's decoded text.
type change struct {
	node       int32
	start, end int
	with       string
}

func cannot(code, hint string) error {
	return &proxy.Error{Op: "edit body", Kind: proxy.Unsupported, Code: code, Hint: hint}
}

func cannotMask() error {
	return cannot("cannot_mask", "What must be masked cannot be masked where it stands. Remove it and send the request again.")
}

// Body implements [proxy.Document]. Edits may come in any order; those of one
// segment may touch but not overlap, begin and end on UTF-8 boundaries, and
// insert valid UTF-8. Errors are of kind Unsupported: cannot_mask for an edit
// that cannot be made where it stands, cannot_set_model where the body names no
// model. Without edits the result is the body itself, which may not be written.
func (d *document) Body(edits []proxy.Edit, model string) ([]byte, error) {
	if len(edits) == 0 && model == "" {
		return d.body, nil
	}
	changes := make([][]change, max(len(d.trees), 1))
	for i := range edits {
		e := &edits[i]
		if e.Segment < 0 || e.Segment >= len(d.places) || d.prompt.Segments[e.Segment].Fixed {
			return nil, cannotMask()
		}
		p := d.places[e.Segment]
		if p.tree == headTree || d.form == formSealed || !fits(d.prompt.Segments[e.Segment].Text.Reveal(), e) {
			return nil, cannotMask()
		}
		t := max(p.tree, 0)
		changes[t] = append(changes[t], change{p.node, e.Start, e.End, e.With})
	}
	if model != "" {
		if d.model.tree == headTree || !utf8.ValidString(model) {
			return nil, cannot("cannot_set_model", "The request names no model that could be replaced. Name one.")
		}
		changes[0] = append(changes[0], change{d.model.node, 0, len(d.trees[0].text(d.model.node)), model})
	}
	if d.form == formText {
		sortChanges(changes[0])
		out, ok := spliceText(string(d.body), changes[0])
		if !ok || !utf8.ValidString(out) {
			return nil, cannotMask()
		}
		return []byte(out), nil
	}
	return d.rewrite(changes)
}

// fits reports whether an edit lies within a text, on UTF-8 boundaries.
func fits(text string, e *proxy.Edit) bool {
	return 0 <= e.Start && e.Start <= e.End && e.End <= len(text) && boundary(text, e.Start) && boundary(text, e.End) && utf8.ValidString(e.With)
}

func boundary(s string, i int) bool { return i == len(s) || utf8.RuneStart(s[i]) }

func sortChanges(list []change) {
	slices.SortStableFunc(list, func(a, b change) int {
		if c := cmp.Compare(a.node, b.node); c != 0 {
			return c
		}
		if c := cmp.Compare(a.start, b.start); c != 0 {
			return c
		}
		return cmp.Compare(a.end, b.end)
	})
}

// rewrite splices the changes into each tree, the innermost first: a change of
// JSON inside a string is a change of that string's text.
func (d *document) rewrite(changes [][]change) ([]byte, error) {
	for i := len(d.trees) - 1; i >= 0; i-- {
		t := d.trees[i]
		if len(changes[i]) == 0 {
			continue
		}
		sortChanges(changes[i])
		raw, ok := t.raw(changes[i])
		if !ok {
			return nil, cannotMask()
		}
		out, ok := spliceText(t.src, raw)
		if !ok || !t.reads(out, changes[i], i > 0) {
			return nil, cannotMask()
		}
		if i == 0 {
			return []byte(out), nil
		}
		for _, c := range raw {
			c.node = t.outerNode
			changes[t.outer] = append(changes[t.outer], c)
		}
	}
	return nil, cannotMask()
}

// raw turns changes of decoded texts into changes of the source. They must be
// sorted; false where two of them overlap or one cuts a character.
func (t *tree) raw(changes []change) ([]change, bool) {
	out := make([]change, 0, len(changes))
	for len(changes) > 0 {
		n := changes[0].node
		end := 1
		for end < len(changes) && changes[end].node == n {
			end++
		}
		c := cursor{src: t.src, pos: int(t.nodes[n].start) + 1}
		last := 0
		for _, x := range changes[:end] {
			if x.start < last {
				return nil, false
			}
			start, ok1 := c.to(x.start)
			stop, ok2 := c.to(x.end)
			if !ok1 || !ok2 {
				return nil, false
			}
			last = x.end
			out = append(out, change{start: start, end: stop, with: quoted(x.with)})
		}
		changes = changes[end:]
	}
	return out, true
}

// cursor walks over a string literal and knows how much text it stands for.
type cursor struct {
	src  string
	pos  int // in the source
	text int // bytes of text before pos
}

// to moves forward to an offset of the text.
func (c *cursor) to(offset int) (int, bool) {
	for c.text < offset {
		if c.src[c.pos] != '\\' {
			c.pos++
			c.text++
			continue
		}
		r, n, code := escape(c.src[c.pos:])
		if code != faultNone {
			return 0, false
		}
		c.pos += n
		c.text += utf8.RuneLen(r)
	}
	return c.pos, c.text == offset
}

// quoted escapes a text for a place inside a JSON string (RFC 8259, section 7).
func quoted(s string) string {
	if plain(s, 0) == len(s) {
		return s
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// spliceText makes sorted changes in a text; false where two overlap.
func spliceText(src string, changes []change) (string, bool) {
	size := len(src)
	for _, c := range changes {
		size += len(c.with) - (c.end - c.start)
	}
	var b strings.Builder
	b.Grow(max(size, 0))
	from := 0
	for _, c := range changes {
		if c.start < from {
			return "", false
		}
		b.WriteString(src[from:c.start])
		b.WriteString(c.with)
		from = c.end
	}
	b.WriteString(src[from:])
	return b.String(), true
}

// reads reports whether out is read as the tree with the changes made: the same
// structure, the changed strings as intended, everything else as it was. What is
// forwarded has thus been inspected, whatever mistake the splice may hold.
func (t *tree) reads(out string, changes []change, loose bool) bool {
	budget := valueLimit
	again, f := scan(out, &budget, loose)
	if f.code != faultNone || len(again.nodes) != len(t.nodes) {
		return false
	}
	for i := range t.nodes {
		a, b := &t.nodes[i], &again.nodes[i]
		if a.kind != b.kind || a.next != b.next || a.text != b.text {
			return false
		}
		if a.text < 0 {
			if a.kind == nodeLiteral && t.literal(int32(i)) != again.literal(int32(i)) {
				return false
			}
			continue
		}
		want, end := t.texts[a.text], 0
		for end < len(changes) && changes[end].node == int32(i) {
			end++
		}
		if end > 0 {
			edited, ok := spliceText(want, changes[:end])
			if !ok {
				return false
			}
			want, changes = edited, changes[end:]
		}
		if want != again.texts[b.text] {
			return false
		}
	}
	return len(changes) == 0
}
