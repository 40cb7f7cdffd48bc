package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers/words"
)

// locality is what follows a street: place, region, postal code.
type locality struct {
	end   int
	level int8 // none; weak: the letters of a region; strong: a postal code
	sure  bool // the code has a form that little else has, or stands behind a state
	exact bool // the code has letters, or stands behind a state
	parts int  // the places before the code
	six   bool // the code has six digits: India
}

// separators between the parts of an address.
type gap int8

const (
	gapNone gap = iota
	gapSpace
	gapComma
	gapDash
	gapLine
)

// skip reads the separator at i.
func skip(t string, i int) (int, gap) {
	j := i
	comma := false
	if c := words.At(t, j); c == ',' || c == ';' || c == '/' {
		comma = true
		j++
	}
	sp := words.Blanks(t, j)
	j += sp
	if c := words.At(t, j); c == '\n' || c == '\r' || c == '\\' && words.At(t, j+1) == 'n' {
		switch {
		case c == '\\':
			j += 2
		case c == '\r' && words.At(t, j+1) == '\n':
			j += 2
		default:
			j++
		}
		for n := 0; n < 40 && (words.At(t, j) == ' ' || words.At(t, j) == '\t' || words.At(t, j) == '>'); n++ {
			j++
		}
		return j, gapLine
	}
	if comma {
		return j, gapComma
	}
	if sp > 0 {
		d := 0
		switch {
		case words.At(t, j) == '-':
			d = 1
		case strings.HasPrefix(t[j:], "\u2013"), strings.HasPrefix(t[j:], "\u2014"):
			d = 3
		case words.At(t, j) == '|':
			return i, gapNone
		case words.At(t, j) == '(':
			return j + 1, gapComma
		}
		if d > 0 {
			if sp2 := words.Blanks(t, j+d); sp2 > 0 {
				return j + d + sp2, gapDash
			}
			return i, gapNone
		}
		return j, gapSpace
	}
	return i, gapNone
}

// manner is how the names of places are written.
type manner struct {
	lower  bool // perhaps in small letters
	german bool // in a language whose nouns have capitals, so that one word is a place and the next is not
}

// maxParts bounds the parts of a locality.
const maxParts = 6

// localityAt reads what follows the street that ends at i.
func localityAt(t string, i int, how manner) locality {
	best := locality{end: i}
	limit := min(len(t), i+maxLocality)
	p := i
	placed := false
	for n := range maxParts {
		q, g := skip(t, p)
		if g == gapNone || q >= limit {
			break
		}
		if c := codeAt(t, q); c.end > 0 && c.end <= limit {
			c.region = best.level == weak
			l := finish(t, c, placed, g, how, best)
			l.parts = n
			return l
		}
		if g == gapSpace && placed {
			break
		}
		e, region := placeAt(t, q, how, placed)
		if e == q {
			break
		}
		placed = true
		if words.At(t, e) == '/' && g == gapComma {
			if w := lexicon.Read(t, e+1); w.Capital && w.Lower && !w.Digits { // Şişli/İstanbul
				e, region = w.End, true
			}
		}
		if region && g != gapLine {
			best = locality{end: e, level: weak}
		}
		p = e
	}
	return best
}

// finish decides where the locality ends whose postal code was read.
func finish(t string, c code, placed bool, g gap, how manner, best locality) locality {
	german := how.german
	if c.letters {
		return locality{end: c.end, level: strong, sure: true, exact: true}
	}
	sure := c.labelled || c.groups > 1
	if !placed {
		if n := words.Blanks(t, c.end); n > 0 {
			if e := townAt(t, c.end+n, german); e > 0 {
				return locality{end: province(t, e), level: strong, sure: sure}
			}
		}
		if c.labelled || c.digits >= 7 {
			return locality{end: c.end, level: strong, sure: true}
		}
		if b := words.At(t, c.end); c.digits == 5 && c.groups == 1 && g != gapLine && (b == 0 || b == '\n' || b == '"' || b == ';' || b == ')') {
			return locality{end: c.end, level: weak}
		}
		return best
	}
	if c.named || g != gapSpace && !c.region && c.digits == 5 && !c.labelled {
		if n := words.Blanks(t, c.end); n > 0 {
			if e := townAt(t, c.end+n, german); e > 0 {
				return locality{end: province(t, e), level: strong, sure: true}
			}
		}
	}
	switch {
	case c.digits >= 7, c.labelled, c.region, c.digits == 5 || c.digits == 6:
		// Paris 75002; Nagpur 440295; NSW 2000.
		return locality{end: c.end, level: strong, sure: sure || c.region, exact: c.region, six: c.digits == 6}
	case c.digits == 4 && g == gapSpace:
		return locality{end: c.end, level: weak}
	}
	// A place before and after: the first is a quarter of the second.
	if n := words.Blanks(t, c.end); n > 0 {
		if e := townAt(t, c.end+n, german); e > 0 {
			return locality{end: province(t, e), level: strong, sure: sure}
		}
	}
	return best
}

// code is a postal code.
type code struct {
	end      int
	digits   int
	groups   int
	letters  bool // of a form with letters, which nothing else has
	labelled bool // behind ZIP, PLZ, a country's letter
	named    bool // behind C.P.
	region   bool // behind the letters of a state
}

// codeAt reads the postal code at i.
func codeAt(t string, i int) code {
	var c code
	j := i
	if words.IsLetter(words.At(t, i)) {
		if e := lettered(t, i); e > 0 {
			return code{end: e, letters: true}
		}
		w := lexicon.Read(t, i)
		switch {
		case w.Class&codeWord != 0 && w.Letters == w.End-w.Start:
			j = w.End
			if words.At(t, j) == '.' {
				j++
			}
			if words.At(t, j) == ':' {
				j++
			}
			j += words.Blanks(t, j)
			c.labelled = true
		case w.Class&codeWord == 0 && strings.HasPrefix(t[i:], "C.P."), strings.HasPrefix(t[i:], "c.p."):
			j = i + 4 + words.Blanks(t, i+4)
			c.labelled, c.named = true, true
		case w.Digits && w.Capital:
			// D-10115, CH-8001: a letter or two of the country.
			k := i
			for k < i+2 && 'A' <= words.At(t, k) && words.At(t, k) <= 'Z' {
				k++
			}
			if words.At(t, k) != '-' || !words.IsDigit(words.At(t, k+1)) {
				return code{}
			}
			j = k + 1
			c.labelled = true
		default:
			return code{}
		}
	}
	n := run(t, j)
	if n < 2 || n > 7 {
		return code{}
	}
	e := j + n
	c.digits, c.groups = n, 1
	grouped := func(sep byte, m int) bool {
		if words.At(t, e) != sep || run(t, e+1) != m || words.IsLetter(words.At(t, e+1+m)) {
			return false
		}
		e += 1 + m
		c.digits += m
		c.groups = 2
		return true
	}
	switch n {
	case 2: // PL: dd-ddd
		if !grouped('-', 3) {
			return code{}
		}
	case 3: // SE, CZ, SK, GR: ddd dd; IN: ddd ddd; JP: ddd-dddd
		if !grouped(' ', 2) && !grouped(' ', 3) && !grouped('-', 4) {
			return code{}
		}
	case 4: // AT, CH, BE, DK, NO, AU, ZA; PT: dddd-ddd; NL: dddd LL
		if !grouped('-', 3) {
			sp := 0
			if words.At(t, e) == ' ' {
				sp = 1
			}
			if dutch(t, e+sp) {
				e += sp + 2
				c.labelled = true
			}
		}
	case 5: // ddddd; US: ddddd-dddd; BR: ddddd-ddd
		if !grouped('-', 4) {
			grouped('-', 3)
		}
	case 7:
		if c.labelled {
			break
		}
		return code{}
	}
	c.end = e
	return bounded(t, c)
}

// bounded refuses digits that go on: a decimal, a date, a longer number.
func bounded(t string, c code) code {
	switch b := words.At(t, c.end); {
	case words.IsDigit(b), words.IsLetter(b), b == '_', b == '%':
		return code{}
	case (b == '.' || b == ',' || b == '-' || b == '/' || b == ':') && words.IsDigit(words.At(t, c.end+1)):
		return code{}
	}
	return c
}

// run gives the number of digits at i, up to eight.
func run(t string, i int) int {
	n := 0
	for n < 8 && words.IsDigit(words.At(t, i+n)) {
		n++
	}
	return n
}

// dutch reports whether the two letters of a Dutch postal code stand at i.
func dutch(t string, i int) bool {
	upper := func(b byte) bool { return 'A' <= b && b <= 'Z' }
	return upper(words.At(t, i)) && upper(words.At(t, i+1)) && !words.IsLetter(words.At(t, i+2)) && !words.IsDigit(words.At(t, i+2)) && t[i:i+2] != "SS"
}

// ukAreas are the letters that British postal codes begin with.
var ukAreas = func() map[string]bool {
	m := map[string]bool{}
	for _, a := range strings.Fields(`AB AL B BA BB BD BF BH BL BN BR BS BT BX CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G GL GU GX GY
		HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP
		SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE`) {
		m[a] = true
	}
	return m
}()

// lettered reads a British, Canadian or Irish postal code at i and gives its
// end, 0 where there is none. Small letters count only where both parts are so.
func lettered(t string, i int) int {
	if i > 0 && (words.IsLetter(t[i-1]) || words.IsDigit(t[i-1]) || t[i-1] == '_') {
		return 0
	}
	lower := 'a' <= words.At(t, i) && words.At(t, i) <= 'z'
	letter := func(k int) bool {
		b := words.At(t, k)
		if lower {
			return 'a' <= b && b <= 'z'
		}
		return 'A' <= b && b <= 'Z'
	}
	digit := func(k int) bool { return words.IsDigit(words.At(t, k)) }
	n := 0
	for n < 3 && letter(i+n) {
		n++
	}
	if n == 0 || n > 2 || !digit(i+n) {
		return 0
	}
	shut := func(e int) int {
		if words.IsLetter(words.At(t, e)) || digit(e) || words.At(t, e) == '_' || words.At(t, e) == '-' {
			return 0
		}
		return e
	}
	// Canada: A1A 1A1, without D F I O Q U, and W Z at the start.
	if n == 1 && letter(i+2) {
		sp := i + 3
		if words.At(t, sp) == ' ' || words.At(t, sp) == '-' {
			sp++
		}
		if digit(sp) && letter(sp+1) && digit(sp+2) && sp > i+3 &&
			!strings.ContainsRune("DFIOQUWZ", rune(words.At(t, i)&^0x20)) && !strings.ContainsRune("DFIOQU", rune(words.At(t, i+2)&^0x20)) {
			return shut(sp + 3)
		}
	}
	// Britain: A9, A99, AA9, AA99, A9A, AA9A, then 9AA.
	var area [2]byte
	for k := range n {
		area[k] = words.At(t, i+k) &^ 0x20
	}
	if !ukAreas[string(area[:n])] {
		return 0
	}
	k := i + n + 1
	switch {
	case digit(k) && !(digit(k+1) && letter(k+2)):
		k++
	case letter(k):
		// A letter behind the first digit: inner London only.
		if !inner(string(area[:n]), words.At(t, k-1)) {
			return 0
		}
		k++
	}
	if words.At(t, k) == ' ' {
		k++
	}
	if digit(k) && letter(k+1) && letter(k+2) {
		for _, c := range []byte{words.At(t, k+1) &^ 0x20, words.At(t, k+2) &^ 0x20} {
			if strings.IndexByte("CIKMOV", c) >= 0 {
				return 0
			}
		}
		return shut(k + 3)
	}
	return 0
}

// inner reports whether the districts of an area go on with a letter: E1W, N1C,
// W1A, EC4Y, SW1A, WC2B, NW1W, SE1P.
func inner(area string, digit byte) bool {
	switch area {
	case "E", "N", "W", "SW", "NW", "SE":
		return digit == '1'
	case "EC", "WC":
		return true
	}
	return false
}

// placeAt reads the name of a place, with a region behind, at i: up to five
// words. It gives the end, i where there is none, and whether the last word is
// the name or the letters of a state.
func placeAt(t string, i int, how manner, placed bool) (end int, region bool) {
	lower := how.lower
	p := i
	end = i
	for n := 0; n < 5; n++ {
		w := lexicon.Read(t, p)
		if w.End == w.Start || w.Letters == 0 {
			break
		}
		if w.Class&(notPlace|codeWord) != 0 && !(w.Class&state != 0 && !w.Lower && (n > 0 || placed)) && !stateAfter(t, w.End) {
			break
		}
		if w.Digits && !w.Capital && !(n == 0 && w.Letters == 2 && words.IsDigit(t[w.Start]) && words.At(t, w.End) == ' ' && !words.IsDigit(words.At(t, w.End+1))) {
			break
		}
		if w.Digits && lettered(t, w.Start) > 0 {
			break
		}
		kind := n > 0 && w.Class&(enStrong|enSemi|enWeak) != 0 && closes(t, w.End)
		if !w.Capital && !lower && !kind && !w.Digits && (w.Class&particle == 0 && !apostrophe(t, w) || n == 0 && !apostrophe(t, w)) {
			break
		}
		if w.Capital || lower || kind || w.Digits {
			end = w.End
			region = w.Class&state != 0 && (n > 0 || placed || w.Letters > 2 || !w.Lower) && (!w.Lower || w.Letters > 3 || lower)
			if words.At(t, end) == '.' && w.Letters <= 3 && !region {
				end++
			}
			p = end
			if w.Class&inPart != 0 {
				if m := run(t, p+words.Blanks(t, p)); m > 0 && m <= 3 {
					end = p + words.Blanks(t, p) + m
				}
			}
		}
		p = max(end, w.End)
		if words.At(t, p) != ' ' {
			break
		}
		p++
	}
	return end, region
}

// stateAfter reports whether the letters of a state stand at i: Mobile, AL.
func stateAfter(t string, i int) bool {
	if words.At(t, i) == ',' {
		i++
	}
	w := lexicon.Read(t, i+1)
	return words.At(t, i) == ' ' && w.Letters == 2 && !w.Lower && w.Class&state != 0 && words.At(t, w.End) == ' ' && run(t, w.End+1) == 5
}

// apostrophe reports whether a word with a small first letter is of the form
// l'Hospitalet, d'Isère, 's-Gravenhage.
func apostrophe(t string, w words.Word) bool {
	for i := w.Start; i < min(w.Start+3, w.End); i++ {
		if n := words.Joint(t, i); n > 0 && i+n < w.End {
			c := words.At(t, i+n)
			return 'A' <= c && c <= 'Z' || c >= 0xC3
		}
	}
	return false
}

// townAt reads the name of the place behind a postal code at i, 0 where there
// is none.
func townAt(t string, i int, german bool) int {
	w := lexicon.Read(t, i)
	if w.End == w.Start || w.Digits || !w.Capital && !apostrophe(t, w) || w.Class&notPlace != 0 && w.Letters < 12 || w.Letters < 2 {
		return 0
	}
	end := w.End
	shout := !w.Lower
	for range 4 {
		p := end
		first := w.Class&(placePart|particle) != 0
		if words.At(t, p) == '.' && w.Letters <= 2 {
			p++
		}
		if words.At(t, p) == '/' || words.At(t, p) == ' ' {
			p++
		} else {
			break
		}
		q := p
		w = lexicon.Read(t, p)
		// Frankfurt am Main, Alcalá de Henares.
		for n := 0; n < 2 && w.Class&particle != 0 && !w.Capital && w.End > w.Start && words.At(t, w.End) == ' '; n++ {
			p = w.End + 1
			w = lexicon.Read(t, p)
		}
		if w.End == w.Start || w.Digits || w.Class&(notPlace|codeWord) != 0 || !w.Capital && !apostrophe(t, w) || w.Letters < 2 {
			break
		}
		if german && !first && p == q && words.At(t, q-1) != '/' || !shout && !w.Lower && w.Letters > 2 {
			break
		}
		if !w.Lower && w.Letters == 2 && !shout {
			break // a province
		}
		end = w.End
	}
	return end
}

// province reads the letters of an Italian or Brazilian province behind a
// place that ends at i: Roma RM, Roma (RM), São Paulo - SP, São Paulo/SP.
func province(t string, i int) int {
	p := i
	shut := false
	switch {
	case strings.HasPrefix(t[p:], " ("):
		p, shut = p+2, true
	case strings.HasPrefix(t[p:], " - "):
		p += 3
	case strings.HasPrefix(t[p:], " \u2013 "):
		p += 5
	case words.At(t, p) == '/', words.At(t, p) == ' ':
		p++
	default:
		return i
	}
	for k := p; k < p+2; k++ {
		if b := words.At(t, k); b < 'A' || b > 'Z' {
			return i
		}
	}
	e := p + 2
	if shut {
		if words.At(t, e) != ')' {
			return i
		}
		return e + 1
	}
	if b := words.At(t, e); words.IsLetter(b) || words.IsDigit(b) || b >= 0x80 || b == '-' || b == ':' {
		return i
	}
	return e
}
