package classifiers

import "strings"

// Bounds of tables written as text.
const (
	maxRow    = 4 << 10 // bytes of a row that is looked at
	maxHeader = 48      // bytes of one cell of a header
	// headDigits is the number of digits from which a first row is one of values.
	headDigits = 6
	// columnCost is the distance at which the header of a column counts: nearer
	// words of the row itself come first.
	columnCost = 6
)

// table is the table that was looked at last: rows of one number of cells,
// without a gap. Rows are asked for in the order of the text, mostly, so that
// each is read once.
type table struct {
	head, headEnd int  // its first row
	last          int  // start of the row that was asked for last in it
	delim         byte // between cells, 0 where there is no table
	delims        int  // of each row
	row, rowEnd   int  // the row that was asked for last, in a table or not
	from, to      int  // a part of a line that is too long to be a row
	belongs       bool // the table has a header
	set           bool
	at            int // what was asked for last in it
	cell          int // the cell of the header that words are of
	cellFrom      int // where it stands
	cellTo        int
	words         nearList
}

// delimiters of tables, the strongest first.
const delimiters = "\t|;,"

// row gives the line that holds at; false where it is longer than is looked at.
func row(text string, at int) (start, end int, ok bool) {
	floor, ceil := max(0, at-maxRow), min(len(text), at+maxRow)
	start = floor + strings.LastIndexByte(text[floor:at], '\n') + 1
	if start == floor && floor > 0 {
		return 0, 0, false
	}
	end = ceil
	if i := strings.IndexByte(text[at:ceil], '\n'); i >= 0 {
		end = at + i
	} else if ceil < len(text) {
		return 0, 0, false
	}
	return start, end, true
}

// columnWord looks for a word of the cue in the header of the column that a
// candidate at start stands in: of CSV, of a table of Markdown, of a dump of a
// database. The header is the first row of the table, and has no digits.
func (s *Scan) columnWord(c *Cue, start int) (string, bool) {
	t := &s.table
	if t.set && t.from <= start && start < t.to {
		return "", false
	}
	if !t.set || start < t.row || start > t.rowEnd {
		line, end, ok := row(s.Text, start)
		if !ok {
			// What else stands on this line is too far from its ends as well.
			t.from, t.to = start, min(len(s.Text), start+maxRow)
			if i := strings.IndexByte(s.Text[start:t.to], '\n'); i >= 0 {
				t.to = start + i
			}
			if !t.set {
				t.set, t.row, t.rowEnd, t.belongs, t.delim = true, -1, -1, false, 0
			}
			return "", false
		}
		t.find(s.Text, line, end)
	}
	if !t.belongs {
		return "", false
	}
	if start != t.at {
		t.at = start
		if cell := cells(s.Text[t.row:start], t.delim); cell != t.cell {
			t.header(s.Text, cell)
		}
	}
	if t.words.known != s.known {
		t.words.fieldWords(s.Text[t.cellFrom:t.cellTo], s.known)
	}
	for _, w := range t.words.list() {
		if word, ok := c.has(w.hash); ok {
			return word, true
		}
	}
	for _, p := range c.parts {
		if strings.Contains(s.Text[t.cellFrom:t.cellTo], p) {
			return p, true
		}
	}
	return "", false
}

// find finds the table that the row [line, end) belongs to. It walks up to
// the first row, or to the row of the same table that was asked for before.
func (t *table) find(text string, line, end int) {
	old := *t
	t.set, t.row, t.rowEnd, t.belongs, t.at, t.cell, t.delim, t.from, t.to = true, line, end, false, -1, -1, 0, 0, 0
	if line == 0 {
		return // nothing above
	}
	this := text[line:end]
	for i := 0; i < len(delimiters); i++ {
		d := delimiters[i]
		n := cells(this, d)
		if n == 0 {
			continue
		}
		head, headEnd, belongs := line, end, false
		for head > 0 {
			if old.set && old.delim == d && old.delims == n && head == old.last {
				head, headEnd, belongs = old.head, old.headEnd, old.belongs
				break
			}
			up, upEnd, ok := row(text, head-1)
			if !ok {
				break
			}
			if cells(text[up:upEnd], d) != n {
				break
			}
			head, headEnd = up, upEnd
			belongs = digitsOf(text[up:upEnd]) <= headDigits && strings.IndexByte(text[up:upEnd], '@') < 0
		}
		if head == line {
			continue
		}
		t.head, t.headEnd, t.last, t.delim, t.delims, t.belongs = head, headEnd, line, d, n, belongs
		return
	}
}

// cells counts the delimiters of a row that stand outside of double quotes (RFC
// 4180, section 2). Behind a quote that is not closed none counts.
func cells(row string, delim byte) int {
	if strings.IndexByte(row, '"') < 0 {
		i := strings.IndexByte(delimiters, delim)
		return strings.Count(row, delimiters[i:i+1])
	}
	n, quoted := 0, false
	for i := 0; i < len(row); i++ {
		switch row[i] {
		case '"':
			quoted = !quoted
		case delim:
			if !quoted {
				n++
			}
		}
	}
	return n
}

func digitsOf(s string) (n int) {
	for i := 0; i < len(s); i++ {
		if '0' <= s[i] && s[i] <= '9' {
			n++
		}
	}
	return n
}

// header fills the words of one cell of the header.
func (t *table) header(text string, cell int) {
	t.cell, t.words.known, t.cellFrom, t.cellTo = cell, nil, 0, 0
	from, to := t.head, t.headEnd
	for range cell {
		i := strings.IndexByte(text[from:to], t.delim)
		if i < 0 {
			return
		}
		from += i + 1
	}
	if i := strings.IndexByte(text[from:to], t.delim); i >= 0 {
		to = from + i
	}
	if to-from > maxHeader {
		return
	}
	t.cellFrom, t.cellTo = from, to
}
