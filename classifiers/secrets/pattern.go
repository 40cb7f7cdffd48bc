package secrets

import (
	"errors"
	"strconv"
	"strings"
)

// pattern is the form of one token: literal text and runs of characters. It is
// written as text: {a22} is exactly 22 letters or digits, {b20-40} 20 to 40 of
// base64url, {U} a UUID, anything outside braces itself. The letters are those
// of alphabets.
type pattern []step

// step is literal text, or a run of least to most characters of a set.
type step struct {
	text        string
	set         *charset
	least, most int
}

// alphabets are the sets that a pattern names by a letter.
var alphabets = map[byte]*charset{
	'd': digits, 'h': hexLower, 'H': hexAny, 'l': lower, 'u': upper, 'a': alnum, 'w': wordy, 'b': base64u, 's': base64s,
	'c': letters, 'z': chars("a-z"), 'X': chars("0-9A-F"), '2': base32, '3': chars("2-7a-z"), 'g': chars("0-9a-hA-H"),
	'e': chars("0-9a-zA-Z_=-"), 't': chars("0-9a-zA-Z_.=-"), 'v': chars("0-9a-zA-Z_+/=-"), 'n': chars("0-9a-zA-Z-"), '=': chars("="),
}

var errPattern = errors.New("a pattern that cannot be read")

// compile reads a pattern. It panics where it cannot: patterns are constants.
func compile(s string) pattern {
	var p pattern
	for s != "" {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			return append(p, step{text: s})
		}
		if open > 0 {
			p = append(p, step{text: s[:open]})
		}
		shut := strings.IndexByte(s, '}')
		if shut < open+2 {
			panic(errPattern)
		}
		run := s[open+1 : shut]
		s = s[shut+1:]
		if run == "U" {
			for i, n := range []int{8, 4, 4, 4, 12} {
				if i > 0 {
					p = append(p, step{text: "-"})
				}
				p = append(p, step{set: hexAny, least: n, most: n})
			}
			continue
		}
		low, high, ranged := strings.Cut(run[1:], "-")
		if !ranged {
			high = low
		}
		least, err := strconv.Atoi(low)
		most, err2 := strconv.Atoi(high)
		set := alphabets[run[0]]
		if err != nil || err2 != nil || set == nil || most < least {
			panic(errPattern)
		}
		p = append(p, step{set: set, least: least, most: most})
	}
	return p
}

// lead gives the literal that the pattern begins with.
func (p pattern) lead() string { return p[0].text }

// match gives the end of the token that begins at i, -1 where there is none. A
// token ends where neither its last alphabet nor a word goes on.
func (p pattern) match(t string, i int) int {
	for n := range p {
		st := &p[n]
		if st.set == nil {
			if !strings.HasPrefix(t[i:], st.text) {
				return -1
			}
			i += len(st.text)
			continue
		}
		j := st.set.span(t, i, st.most)
		if j-i < st.least {
			return -1
		}
		i = j
	}
	if i < len(t) {
		last := &p[len(p)-1]
		// A hyphen or a dot may end a sentence or begin an ellipsis; a letter
		// goes on.
		if inside(t[i]) || last.set != nil && last.set[t[i]] && t[i] != '=' && t[i] != '.' {
			return -1
		}
	}
	return i
}

// sample makes a token of the pattern's form.
func (p pattern) sample(seed uint64) string {
	var b strings.Builder
	for i, st := range p {
		if st.set == nil {
			b.WriteString(st.text)
			continue
		}
		if st.set == alphabets['='] {
			continue
		}
		b.WriteString(draw(st.set, min(st.most, st.least+3), seed*31+uint64(i)))
	}
	return b.String()
}
