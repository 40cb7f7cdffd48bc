package fold

import "unicode/utf8"

// Bounds and thresholds of tokens with characters that are not ASCII.
const (
	tokenBack  = 64 // bytes of ASCII that a token has before the first other character
	fewDigits  = 5  // digits of a token that is worth a view
	someDigits = 7  // digits that may be a number of something
	fewLetters = 4
	tagRun     = 3  // tags in a row that spell something
	digitsSpan = 72 // bytes in which digits of other scripts stand together
)

// tally counts what a token is made of.
type tally struct {
	letters, digits           int // ASCII ones, and what reads as one
	ascii                     int // letters and digits that are ASCII
	solid, soft, alike, alien int
	strikes                   int // overlays
	hidden, points            int
	at                        bool
	last                      int // where the last letter, digit or @ ends
}

// decode is utf8.DecodeRuneInString with a short way for the two and three bytes
// of most scripts.
func decode(t string, i int) (rune, int) {
	if i+2 < len(t) {
		a, b, c := t[i], t[i+1], t[i+2]
		switch {
		case b&0xC0 != 0x80:
		case 0xC2 <= a && a <= 0xDF:
			return rune(a&0x1F)<<6 | rune(b&0x3F), 2
		case 0xE1 <= a && a <= 0xEC && c&0xC0 == 0x80:
			return rune(a&0x0F)<<12 | rune(b&0x3F)<<6 | rune(c&0x3F), 3
		}
	}
	return utf8.DecodeRuneInString(t[i:])
}

// runes reads the token around the character at p, which is not ASCII, and gives
// where to go on.
func (c *collector) runes(p int) int {
	t, tab := c.text, table()
	r, n := decode(t, p)
	first := tab.get(r)
	switch first.class {
	case other:
		// A run of such characters is walked over here.
		for p += n; p < len(t) && t[p] >= utf8.RuneSelf; p += n {
			r, n = decode(t, p)
			if tab.get(r).class != other {
				break
			}
		}
		return p
	case tag:
		return c.tags(p)
	case numeral:
		return c.numerals(p)
	}
	start := p
	for start > c.token && p-start < tokenBack && asciiToken[t[start-1]] {
		start--
	}
	var k tally
	end := p
	for i := start; i < len(t); {
		b := t[i]
		if b < utf8.RuneSelf {
			if !asciiToken[b] {
				break
			}
			i++
			end = i
			switch {
			case letter(b):
				k.letters++
				k.ascii++
				k.last = i
			case digit(b):
				k.digits++
				k.ascii++
				k.last = i
			case b == '@':
				k.at = true
				k.last = i
			}
			continue
		}
		r, n := decode(t, i)
		e := tab.get(r)
		if e.class == other || e.class == tag || e.class == numeral {
			break
		}
		i += n
		end = i
		k.add(e, i)
	}
	c.token = end
	if k.worth() {
		c.fold(start, end, &k)
	}
	return end
}

func (k *tally) add(e entry, end int) {
	switch e.class {
	case latin:
		k.last = end
	case foreign:
		k.alien++
	case lookalike:
		k.alike++
		k.letters++
		k.last = end
	case solid, soft:
		if e.class == solid {
			k.solid++
		} else {
			k.soft++
		}
		if digit(e.to) {
			k.digits++
		} else {
			k.letters++
		}
		k.last = end
	case point:
		k.points++
		if e.to == '@' {
			k.at = true
		}
	case hidden:
		k.hidden++
	case overlay, accent:
		k.strikes++
	}
}

// worth reports whether anything of the token may read otherwise.
func (k *tally) worth() bool {
	return k.solid+k.soft+k.strikes+k.hidden > 0 || k.points > 0 && (k.at || k.digits > 0) || k.alike > 0 && k.alien == 0 && (k.ascii > 0 || k.at)
}

// fold makes the edits of a token.
func (c *collector) fold(start, end int, k *tally) {
	t, tab := c.text, table()
	number := k.digits > fewDigits || k.at
	dressed := k.digits >= fewDigits || k.at || k.letters >= fewLetters && (k.solid >= fewLetters || k.ascii > 0)
	many := k.soft >= fewDigits || k.digits >= someDigits
	alike := k.alien == 0 && (k.letters > k.alike || k.at || k.digits >= fewDigits)
	before := byte(0)  // what the character before reads as
	solidSeen := false // a letter, digit or @ stands before
	for i := start; i < end; {
		b := t[i]
		if b < utf8.RuneSelf {
			before = b
			solidSeen = solidSeen || alnum(b) || b == '@'
			i++
			continue
		}
		r, n := decode(t, i)
		e := tab.get(r)
		to := string([]byte{e.to})
		inside := solidSeen && i+n < k.last
		switch e.class {
		case solid:
			kind := kWidth
			if digit(e.to) {
				kind = kDigits
			}
			c.put(i, i+n, to, kind, dressed)
		case soft:
			c.put(i, i+n, to, kWidth, many)
		case lookalike:
			if alike {
				c.put(i, i+n, to, kLookalike, true)
			}
		case point:
			c.point(i, n, e.to, number && inside)
		case hidden:
			// At the edge of a group of digits it parts it from the next.
			edge := k.digits > 0 && r != 0xFE0F && r != 0x20E3
			c.put(i, i+n, "", kHidden, inside || edge)
		case overlay:
			c.put(i, i+n, "", kHidden, inside)
		case accent:
			if number && before < utf8.RuneSelf {
				c.put(i, i+n, "", kHidden, true)
			}
		}
		if e.class != hidden && e.class != overlay && e.class != accent {
			before = e.to
			if e.to == 0 {
				before = 0xFF
			}
			solidSeen = solidSeen || e.class != point || e.to == '@'
		}
		i += n
	}
}

// point makes the edit of a sign of punctuation.
func (c *collector) point(i, n int, to byte, strong bool) {
	switch to {
	case '@':
		c.put(i, i+n, "@", kWidth, true)
		return
	case '*':
		// A dot in the middle joins groups of digits, and nothing else.
		if i == 0 || i+n >= len(c.text) || !digit(c.text[i-1]) || !digit(c.text[i+n]) {
			return
		}
		to = '-'
	}
	c.put(i, i+n, string([]byte{to}), kWidth, strong)
}

// tags reads a run of tags, which spell ASCII that is not seen. The run behind a
// black flag names the flag.
func (c *collector) tags(p int) int {
	t, tab := c.text, table()
	const size, flag = 4, "\U0001F3F4"
	end, count := p, 0
	for end < len(t) {
		r, n := decode(t, end)
		if tab.get(r).class != tag {
			break
		}
		end += n
		count++
	}
	if p >= len(flag) && t[p-len(flag):p] == flag {
		return end
	}
	if count < tagRun {
		between := p > 0 && end < len(t) && asciiToken[t[p-1]] && asciiToken[t[end]]
		c.put(p, end, "", kHidden, between)
		return end
	}
	for i := p; i < end; i += size {
		r, _ := decode(t, i)
		if b := tab.get(r).to; b > ' ' && b < 0x7F {
			c.put(i, i+size, string([]byte{b}), kHidden, true)
		} else {
			c.put(i, i+size, " ", kHidden, true)
		}
	}
	return end
}

// numerals reads a row of Chinese digits. Fewer than a number has are words.
func (c *collector) numerals(p int) int {
	t, tab := c.text, table()
	end, count := p, 0
	for end < len(t) && t[end] >= utf8.RuneSelf {
		r, n := decode(t, end)
		if tab.get(r).class != numeral {
			break
		}
		end += n
		count++
	}
	if count < someDigits {
		return end
	}
	for i := p; i < end; {
		r, n := decode(t, i)
		c.put(i, i+n, string([]byte{tab.get(r).to}), kWords, true)
		i += n
	}
	return end
}

// promote makes digits of other scripts strong where enough of them stand
// together, in several tokens. The edits are in order.
func (c *collector) promote() {
	var at [someDigits]int // the last ones
	n := 0
	for i := range c.edits {
		if c.edits[i].kind != kDigits {
			continue
		}
		at[n%someDigits] = i
		n++
		if first := at[n%someDigits]; n >= someDigits && c.edits[i].to-c.edits[first].from <= digitsSpan {
			for _, j := range at {
				if !c.edits[j].strong {
					c.edits[j].strong = true
					c.strong++
				}
			}
		}
	}
}
