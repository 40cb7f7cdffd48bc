package fold

import "strings"

// Bounds of characters that stand apart.
const (
	minApart  = 7  // digits
	maxApart  = 40 // characters: the longest number is an IBAN
	minLetter = 9  // characters of a spaced-out address
	maxLetter = 96
	maxGroups = 12 // groups joined by odd separators
)

// spaced reads the chain of single characters around p: 5 3 6 - 2 2 - 8 7 6 5,
// 5.3.6.2.2.8.7.6.5, j o h n @ a c m e . i o.
func (c *collector) spaced(p int) {
	if p < c.chain || p >= len(c.text) {
		return
	}
	if digit(c.text[p]) {
		c.digitsApart(p)
		return
	}
	if c.chain <= p {
		c.lettersApart(p)
	}
}

// gap gives the length of what may stand between two single digits at i: one
// sign, or a sign between blanks, or up to three blanks; 0 where that is not.
// sign is what it joins by.
func gap(t string, i int) (n int, sign byte) {
	if i >= len(t) {
		return 0, 0
	}
	switch b := t[i]; b {
	case ' ':
		j := i
		for j < len(t) && t[j] == ' ' && j-i < 3 {
			j++
		}
		if j+1 < len(t) && j == i+1 && (t[j] == '-' || t[j] == '.' || t[j] == '/' || t[j] == ',') && t[j+1] == ' ' {
			return 3, t[j]
		}
		if j == i+1 {
			return 1, ' '
		}
		return j - i, '|' // more than one blank: another kind of gap
	case '-', '.', '_', '*', '/', '~':
		return 1, b
	}
	return 0, 0
}

// digitsApart reads a chain of single digits in which p is one.
func (c *collector) digitsApart(p int) {
	t := c.text
	// Back to the first.
	start := p
	for start-p < maxApart && start > c.chain {
		moved := false
		for n := 1; n <= 3 && start-n-1 >= c.chain; n++ {
			if !digit(t[start-n-1]) {
				continue
			}
			if m, _ := gap(t, start-n); m == n && (start-n-2 < 0 || !alnum(t[start-n-2])) {
				start -= n + 1
				moved = true
			}
			break
		}
		if !moved || p-start > 4*maxApart {
			break
		}
	}
	if start > 0 && (alnum(t[start-1]) || t[start-1] == '_') {
		return
	}
	if start > 1 && t[start-1] == ' ' && upper(t[start-2]) && (start == 2 || t[start-3] == ' ') {
		c.lettersApart(start) // an identifier that begins with letters: D E 7 5
		return
	}
	var signs [4 * maxApart]byte
	var at [4 * maxApart]int
	n, i := 0, start
	for n < len(at) && i < len(t) && digit(t[i]) && (i+1 >= len(t) || !alnum(t[i+1])) {
		at[n] = i
		g, sign := gap(t, i+1)
		if g == 0 || i+1+g >= len(t) || !digit(t[i+1+g]) || i+2+g < len(t) && alnum(t[i+2+g]) {
			// What follows by the same sign makes it a piece of something else.
			if g > 0 && i+1+g < len(t) && alnum(t[i+1+g]) && sign != ' ' && sign != '|' {
				n = 0
			} else {
				n++
			}
			i++
			break
		}
		signs[n] = sign
		n++
		i += 1 + g
	}
	if n > 0 && i+2 <= len(t) && t[i] == ' ' && upper(t[i+1]) && t[i+1] != 'I' && t[i+1] != 'A' && (i+2 == len(t) || !alnum(t[i+2])) {
		c.lettersApart(start) // one that ends with a letter
		return
	}
	c.chain = max(c.chain, i)
	if n < minApart || n > maxApart || sequence(t, at[:n]) || c.grid(start, i) {
		return
	}
	base := signs[0]
	counts := 0
	for _, s := range signs[:n-1] {
		k := 0
		for _, o := range signs[:n-1] {
			if o == s {
				k++
			}
		}
		if k > counts {
			base, counts = s, k
		}
	}
	if counts*2 < n-1 {
		return
	}
	for k := 0; k+1 < n; k++ {
		to := ""
		if signs[k] != base {
			to = "-"
			if signs[k] == '|' || signs[k] == ' ' {
				to = " "
			}
		}
		c.put(at[k]+1, at[k+1], to, kSpaced, true)
	}
}

func upper(b byte) bool { return 'A' <= b && b <= 'Z' }

// sequence reports whether digits count up or down, or are all the same.
func sequence(t string, at []int) bool {
	for d := -1; d <= 1; d++ {
		same := true
		for k := 1; k < len(at) && same; k++ {
			same = (int(t[at[k]])-int(t[at[k-1]])-d)%10 == 0
		}
		if same {
			return true
		}
	}
	return false
}

// grid reports whether the line before or behind [start, end) begins with such
// a chain too, below or above it: a matrix, a puzzle, a table.
func (c *collector) grid(start, end int) bool {
	t := c.text
	floor := max(0, start-2*maxApart)
	from := floor + strings.LastIndexByte(t[floor:start], '\n') + 1
	if from > floor || floor == 0 {
		if from >= 2 {
			up := from - 1
			begin := max(0, up-4*maxApart)
			begin += strings.LastIndexByte(t[begin:up], '\n') + 1
			if chainLike(t[begin:up]) {
				return true
			}
		}
	}
	ceil := min(len(t), end+2*maxApart)
	if n := strings.IndexByte(t[end:ceil], '\n'); n >= 0 {
		down := t[end+n+1 : min(len(t), end+n+1+4*maxApart)]
		if n := strings.IndexByte(down, '\n'); n >= 0 {
			down = down[:n]
		}
		return chainLike(down)
	}
	return false
}

// chainLike reports whether a line is mostly single digits.
func chainLike(line string) bool {
	single, more := 0, 0
	for i := 0; i < len(line); {
		if !alnum(line[i]) {
			i++
			continue
		}
		j := i
		for j < len(line) && alnum(line[j]) {
			j++
		}
		if j-i == 1 && digit(line[i]) {
			single++
		} else {
			more++
		}
		i = j
	}
	return single >= 4 && single > 2*more
}

// lettersApart reads characters with single blanks between them, letters among
// them: an address, or an identifier with enough digits.
func (c *collector) lettersApart(p int) {
	t := c.text
	single := func(i int) bool { return i >= 0 && i < len(t) && t[i] > ' ' && t[i] < 0x7F }
	start := p
	for start-2 >= c.chain && t[start-1] == ' ' && single(start-2) && (start < 3 || t[start-3] == ' ' || t[start-3] == '\n') && p-start < 2*maxLetter {
		start -= 2
	}
	n, digits, at, dots := 0, 0, 0, 0
	i := start
	for single(i) && n <= maxLetter {
		switch b := t[i]; {
		case digit(b):
			digits++
		case b == '@':
			at++
		case b == '.':
			dots++
		case letter(b), b == '-', b == '_', b == '+', b == '/', b == '(', b == ')':
		default:
			// Operators and brackets: code, or a formula.
			c.chain = max(c.chain, i+1)
			return
		}
		n++
		if i+1 < len(t) && t[i+1] == ' ' && single(i+2) && (i+3 >= len(t) || t[i+3] <= ' ' || strings.IndexByte(".,;:!?)\"'", t[i+3]) >= 0) {
			i += 2
			continue
		}
		i++
		break
	}
	c.chain = max(c.chain, i)
	if n < minLetter || n > maxLetter || !(at == 1 && dots > 0 || digits >= minApart && n <= maxApart) {
		return
	}
	for k := start; k+2 < i; k += 2 {
		c.put(k+1, k+2, "", kSpaced, true)
	}
}

// joined reads groups of digits joined by _, * or + among the eight bytes at i:
// 536_22_8765. Groups of three are the thousands of a number in source code.
func (c *collector) joined(i int) {
	t := c.text
	for p := max(i, c.chain); p < i+8 && p+1 < len(t); p++ {
		if t[p] != '_' && t[p] != '*' && t[p] != '+' || p == 0 || !digit(t[p-1]) || !digit(t[p+1]) {
			continue
		}
		sign := t[p]
		start := p
		for start > 0 && p-start < maxApart && digit(t[start-1]) {
			start--
		}
		if start > 0 && (alnum(t[start-1]) || t[start-1] == sign && sign != '+' || t[start-1] == '.') {
			continue
		}
		var cuts [maxGroups]int
		n, digits, thousands := 0, p-start, true
		end := p
		for n < maxGroups && end+1 < len(t) && t[end] == sign && digit(t[end+1]) && digits <= maxApart {
			cuts[n] = end
			n++
			from := end + 1
			for end = from; end < len(t) && digit(t[end]) && end-from <= maxApart; end++ {
				digits++
			}
			thousands = thousands && end-from == 3
		}
		c.chain = max(c.chain, end)
		if thousands || digits < minApart || digits > maxApart || end < len(t) && (alnum(t[end]) || t[end] == sign) {
			continue
		}
		to := "-"
		switch before, after := byteAt(t, start-1), byteAt(t, end); {
		case sign == '_':
		case after == '=' || after == '>' || after == ')' || strings.IndexByte("=(<*/$-", before) >= 0 && sign == '*' || after == ' ' && byteAt(t, end+1) == '=':
			continue // a sum
		case sign == '+' && !(fours(cuts[:n], start, end) || before == '=' && n > 1 && strings.IndexByte("& \"'#\n\x00", after) >= 0 || before == '+'):
			continue
		case sign == '+': // a blank in a form
			to = " "
		}
		for _, at := range cuts[:n] {
			c.put(at, at+1, to, kSpaced, true)
		}
	}
}

// byteAt gives the byte at i, 0 outside.
func byteAt(t string, i int) byte {
	if i < 0 || i >= len(t) {
		return 0
	}
	return t[i]
}

// fours reports whether the cuts part [start, end) into four groups of four, as
// cards are written.
func fours(cuts []int, start, end int) bool {
	if len(cuts) != 3 || end-cuts[2] != 5 {
		return false
	}
	for _, c := range cuts {
		if c-start != 4 {
			return false
		}
		start = c + 1
	}
	return true
}
