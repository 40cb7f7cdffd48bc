package fold

import (
	"strings"
	"unicode/utf8"
)

// Bounds of rows of number words.
const (
	minSpoken = 7  // digits of a row
	maxSpoken = 48 // words of a row
	spokenGap = 5  // bytes between two words
)

// spoken is what a number word says: a digit, a number of two digits, a repeat
// of the next digit, zeros, or a sign.
type spoken struct {
	kind  byte // one of the constants below
	value byte
}

const (
	sUnit    = 'u' // 0 to 9
	sTeen    = 't' // 10 to 19, and others of two digits
	sTens    = 'z' // 20, 30 …, which a unit may follow
	sEighty  = 'e' // quatre-vingt, which a teen may follow: 80 + 17
	sRepeat  = 'r' // double, triple
	sZeros   = '0' // hundred, thousand
	sSign    = 's' // dash, plus, point
	sFiller  = 'f' // and, y, et: nothing
	sNothing = 0
)

// digitTriggers are the first three letters of the words for digits in English,
// German, French, Spanish, Italian, Portuguese and Dutch, for those that ASCII
// writes; a row has enough of them.
const digitTriggers = `zer one two thr fou fiv six sev eig nin oh_ dou tri
	nul ein zwe zwo dre vie sec sie ach neu cer uno dos tre cua cin sei och nue
	deu tro qua sep hui due set ott nov um_ doi oit mei een twe dri vij zes zev neg un_ plu`

// numberWords are the words by language; the same word says the same in all.
var numberWords = func() *lexicon[spoken] {
	m := map[string]spoken{}
	add := func(kind byte, from, step int, words string) {
		for i, w := range strings.Fields(words) {
			for _, v := range strings.Split(w, "/") {
				m[v] = spoken{kind, byte(from + i*step)}
			}
		}
	}
	add(sUnit, 0, 1, "zero/oh/null/nul/zéro/cero one/eins/ein/un/une/uno/um/uma/een/één two/zwei/zwo/deux/dos/due/dois/duas/twee three/drei/trois/tres/tre/três/drie four/vier/quatre/cuatro/quattro/quatro five/fünf/fuenf/cinq/cinco/cinque/vijf six/sechs/seis/sei/zes/meia seven/sieben/sept/siete/sette/sete/zeven eight/acht/huit/ocho/otto/oito nine/neun/neuf/nueve/nove/negen")
	add(sTeen, 10, 1, "ten/dix/diez/dieci/dez eleven/onze/once/undici twelve/douze/doce/dodici/doze thirteen/treize/trece/tredici/treze fourteen/quatorze/catorce/quattordici/catorze fifteen/quinze/quince/quindici sixteen/seize/sedici seventeen/diciassette eighteen/diciotto nineteen/diciannove")
	add(sTens, 20, 10, "twenty/vingt/veinte/venti/vinte thirty/trente/treinta/trenta/trinta forty/quarante/cuarenta/quaranta/quarenta fifty/cinquante/cincuenta/cinquanta/cinquenta sixty/soixante/sesenta/sessanta/sessenta seventy/septante/setenta/settanta eighty/octante/huitante/ochenta/ottanta/oitenta ninety/nonante/noventa/novanta")
	m["vingts"] = spoken{sTens, 20}
	add(sRepeat, 2, 1, "double/doppel/doble/doppio/duplo/dubbel triple/treble/dreifach/triplo")
	add(sZeros, 2, 1, "hundred thousand")
	add(sSign, '-', 0, "dash hyphen minus bindestrich tiret guion guión trattino hífen streepje")
	add(sSign, '+', 0, "plus más piu più mais")
	add(sFiller, 0, 0, "and et y e und en")
	return newLexicon(m)
}()

// word reads the row of number words that begins with the word at p.
func (c *collector) word(p int) {
	t := c.text
	if p < c.words || p >= len(t) || p > 0 && alnum(t[p-1]) || !letter(t[p]) {
		return
	}
	end := wordAt(t, p)
	if numberWords.get(t[p:end]).kind == sNothing {
		return
	}
	// The word behind is one too.
	next := end
	for next < len(t) && next-end < spokenGap && strings.IndexByte(rowGaps, t[next]) >= 0 {
		next++
	}
	if next == end || next >= len(t) || !digit(t[next]) && numberWords.get(t[next:wordAt(t, next)]).kind == sNothing {
		return
	}
	c.numberRow(p)
}

// rowGaps are the characters between the words of a row.
const rowGaps = " -,.;/\n"

// wordAt gives the end of the word of letters at p, or of its first letters where
// it is longer than any that is known; p where none begins.
func wordAt(t string, p int) int {
	for n := 0; p < len(t) && n <= lexiconWord && (letter(t[p]) || t[p] >= utf8.RuneSelf); n++ {
		p++
	}
	return p
}

// item is a word of a row: what it says, where it stands, and what is before it.
type item struct {
	spoken
	from, to int
	gap      byte // ' ' a blank or hyphen, ',' more
}

// numberRow reads a row of number words that begins at p.
func (c *collector) numberRow(p int) {
	t := c.text
	p = c.rowStart(p)
	var row [maxSpoken]item
	n, i := 0, p
	gap := byte(0)
	for n < len(row) {
		end := wordAt(t, i)
		if end == i && i < len(t) && digit(t[i]) && n > 0 {
			// Digits between words belong to the row.
			for end = i; end < len(t) && digit(t[end]) && end-i < minSpoken; end++ {
			}
			if end == i+1 && (end == len(t) || !alnum(t[end])) {
				row[n] = item{spoken{sUnit, t[i] - '0'}, i, end, gap}
			} else {
				break
			}
		} else {
			s := numberWords.get(t[i:end])
			if s.kind == sNothing {
				break
			}
			row[n] = item{s, i, end, gap}
		}
		n++
		i, gap = end, 0
		j := i
		for j < len(t) && j-i < spokenGap && strings.IndexByte(rowGaps, t[j]) >= 0 {
			j++
		}
		if j == i {
			break
		}
		gap = ' '
		if j-i > 1 || t[i] == ',' || t[i] == '.' || t[i] == '/' {
			gap = ','
		}
		i = j
	}
	if n > 0 {
		c.words = max(c.words, row[n-1].to)
	}
	// Fillers, signs and repeats at the end belong to what follows.
	for n > 0 && (row[n-1].kind == sFiller || row[n-1].kind == sSign || row[n-1].kind == sRepeat) {
		n--
	}
	if n < minSpoken/2 {
		return
	}
	c.speak(p, row[:n])
}

// rowStart gives where the row begins whose word at p was seen first: words with
// letters that are not ASCII (zéro, fünf) are not seen by themselves.
func (c *collector) rowStart(p int) int {
	t := c.text
	for range 3 {
		i := p
		for i > c.words && p-i < spokenGap && strings.IndexByte(" -,", t[i-1]) >= 0 {
			i--
		}
		j := i
		for j > c.words && i-j <= lexiconWord && (letter(t[j-1]) || t[j-1] >= utf8.RuneSelf) {
			j--
		}
		if i == p || j == i || numberWords.get(t[j:i]).kind != sUnit {
			break
		}
		p = j
	}
	return p
}

// speak makes the edits of a row, where it says enough digits and does not count.
func (c *collector) speak(p int, row []item) {
	t := c.text
	commas := 0
	for _, r := range row[1:] {
		if r.gap == ',' {
			commas++
		}
	}
	all := commas*2 > len(row) // every word has its comma: that parts nothing
	var digits []byte
	first := len(c.edits)
	strong, out := c.strong, len(c.out)
	for k := 0; k < len(row); {
		from := len(digits)
		next, sign := number(row, k, &digits)
		e := row[next-1]
		text := string(digits[from:])
		if sign != 0 {
			text = string([]byte{sign})
		}
		start := row[k].from
		if k > 0 {
			start = row[k-1].to // with what stands between
			if row[k].gap == ',' && !all && sign == 0 && row[k-1].kind != sSign {
				text = "-" + text
			}
		}
		c.put(start, e.to, text, kWords, true)
		k = next
	}
	if p > 0 && len(digits) > 0 {
		// "plus four nine …": the sign stands before.
		if i := strings.LastIndexByte(strings.TrimRight(t[max(0, p-8):p], " "), ' ') + 1; i >= 0 {
			w := strings.TrimRight(t[max(0, p-8):p], " ")[i:]
			if s := numberWords.get(w); s.kind == sSign && s.value == '+' {
				at := max(0, p-8) + i
				c.put(at, p, "+", kWords, true)
			}
		}
	}
	if len(digits) < minSpoken || len(digits) > maxApart || counts(digits, row) {
		c.edits, c.strong, c.out = c.edits[:first], strong, c.out[:out]
	}
}

// number reads one number of a row, which begins at k, and gives the index
// behind it, and the sign where it is one.
func number(row []item, k int, digits *[]byte) (next int, sign byte) {
	r := row[k]
	follows := func(n int, kinds string) bool {
		return n < len(row) && row[n].gap == ' ' && strings.IndexByte(kinds, row[n].kind) >= 0
	}
	two := func(v byte) { *digits = append(*digits, '0'+v/10%10, '0'+v%10) }
	switch r.kind {
	case sSign:
		return k + 1, r.value
	case sFiller:
		return k + 1, 0
	case sRepeat:
		if follows(k+1, "u") {
			for range r.value {
				*digits = append(*digits, '0'+row[k+1].value)
			}
			return k + 2, 0
		}
		return k + 1, 0
	case sZeros:
		for range r.value {
			*digits = append(*digits, '0')
		}
		return k + 1, 0
	case sTeen:
		v := r.value
		if v == 10 && follows(k+1, "u") && row[k+1].value >= 7 {
			two(10 + row[k+1].value) // dix-sept
			return k + 2, 0
		}
		two(v)
		return k + 1, 0
	case sTens:
		n := k + 1
		if follows(n, "f") {
			n++
		}
		switch {
		case r.value == 60 && follows(n, "t") && row[n].value < 20: // soixante-douze, soixante-dix-sept
			v := 60 + row[n].value
			if row[n].value == 10 && follows(n+1, "u") && row[n+1].value >= 7 {
				v, n = v+row[n+1].value, n+1
			}
			two(v)
			return n + 1, 0
		case follows(n, "u") && row[n].value > 0:
			two(r.value + row[n].value)
			return n + 1, 0
		}
		two(r.value)
		return k + 1, 0
	}
	// quatre-vingt
	if r.value == 4 && follows(k+1, "z") && row[k+1].value == 20 {
		n, v := k+2, byte(80)
		switch {
		case follows(n, "t") && row[n].value < 20:
			v += row[n].value
			if row[n].value == 10 && follows(n+1, "u") && row[n+1].value >= 7 {
				v, n = v+row[n+1].value, n+1
			}
			n++
		case follows(n, "u") && row[n].value > 0:
			v += row[n].value
			n++
		}
		two(v)
		return n, 0
	}
	*digits = append(*digits, '0'+r.value)
	return k + 1, 0
}

// counts reports whether a row counts: one two three …, ten twenty thirty.
func counts(digits []byte, row []item) bool {
	up := true
	for k := 1; k < len(row) && up; k++ {
		a, b := row[k-1].spoken, row[k].spoken
		up = b.value == a.value+1 || a.value == b.value+1 || b.value == a.value || a.value+10 == b.value
	}
	return up
}
