package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers/gazetteer"
)

// markers stand between the name of a street and its number.
func marker(folded []byte) bool {
	switch string(folded) {
	case "no", "nr", "n", "num", "numero", "nro", "no'", "nn":
		return true
	}
	return false
}

// numberLast reads a street whose number is [i, e): Hauptstraße 12, Calle Mayor 5.
// before is the word before the number, if it was read.
func numberLast(t string, i, e int, before word) (street, bool) {
	f := street{end: e, tail: e}
	if run(t, i) > 5 {
		return f, false
	}
	floor := max(0, i-maxBack)
	p := i - blanksBack(t, i)
	marked := at(t, p-1) == '#' // Calle 45 # 12-34
	if marked {
		p--
		p -= blanksBack(t, p)
	}
	q := p
	switch {
	case at(t, q-1) == ':', at(t, q-1) == '.':
		q--
	case at(t, q-1) == 0xBA && at(t, q-2) == 0xC2, at(t, q-1) == 0xB0 && at(t, q-2) == 0xC2:
		q -= 2
	}
	var b [2 * maxWord]byte
	if isAlpha(at(t, q-1)) || q != p && at(t, q-1) == 0xB4 {
		if w := readBackTo(t, q, before); w.end > w.start && w.letters <= 6 && (marker(foldInto(&b, t[w.start:w.end])) || t[w.start:w.end] == "д") {
			if sp := blanksBack(t, w.start); sp > 0 {
				p = w.start - sp
				marked = true
			}
		}
	}
	if at(t, p-1) == ',' {
		p--
		p -= blanksBack(t, p)
	}
	dotted := at(t, p-1) == '.'
	if dotted {
		p--
	}
	last := readBackTo(t, p, before)
	if last.end == last.start || last.letters == 0 && !marked {
		return f, false
	}
	return lastWord(t, last, dotted, floor, f)
}

// lastWord reads a street back from the last word of its name.
func lastWord(t string, last word, dotted bool, floor int, f street) (street, bool) {
	var b [2 * maxWord]byte
	if last.letters >= 5 || dotted && last.letters >= 3 {
		if folded := foldInto(&b, t[last.start:last.end]); folded != nil {
			if c := compound(folded); c > none && (c > weak || last.capital) && (!dotted || strings.HasSuffix(string(folded), "str")) {
				if c == weak && strings.Count(t[last.start:last.end], "-") > 1 {
					c = semi // Kaiser-Wilhelm-Ring
				}
				f.strength, f.lower, f.german = c, !last.capital, true
				f.start = heads(t, last.start, floor)
				return f, true
			}
		}
	}
	if w := t[last.start:last.end]; strings.HasSuffix(w, "로") || strings.HasSuffix(w, "길") {
		return korean(t, last, floor, f)
	}
	if last.class&deAlone != 0 {
		if alone(t, last, &f) {
			return f, true
		}
	}
	if last.class&trType != 0 && (last.capital || last.letters > 4) {
		if turkish(t, last, floor, &f) {
			return f, true
		}
	}
	if leading(t, last, dotted, floor, &f) {
		return f, true
	}
	if !last.capital || last.class&notPlace != 0 {
		return f, false
	}
	return generic(t, last, f.end, floor, f)
}

// heads gives the start of the name of a street whose last word begins at
// start: Burgemeester van der Veldenstraat, Kleine Bahnhofstraße.
func heads(t string, start, floor int) int {
	p := start
	pending := false
	for range 4 {
		q := p
		if at(t, q-1) != ' ' || q-1 <= floor {
			break
		}
		q--
		if at(t, q-1) == '.' {
			q--
		}
		w := readBack(t, q)
		if w.end == w.start || w.digits {
			break
		}
		if !w.capital {
			if w.class&particle == 0 || w.class&streetHead == 0 {
				break
			}
			pending = pending || t[w.start:w.end] == "van"
			p = w.start
			continue
		}
		if w.class&streetHead == 0 && !pending {
			if p == start && hasAny(t[w.start:], "Am ", "Im ", "Zum ", "Zur ", "Beim ") {
				start = w.start
			}
			break
		}
		p, start, pending = w.start, w.start, false
	}
	return start
}

// alone reads what stands before a kind of street that is a word of its own:
// Berliner Straße, Am Markt, Norra Vägen.
func alone(t string, last word, f *street) bool {
	if at(t, last.start-1) != ' ' {
		return false
	}
	w := readBack(t, last.start-1)
	if w.end == w.start || w.digits {
		return false
	}
	var b [2 * maxWord]byte
	folded := foldInto(&b, t[w.start:w.end])
	if folded == nil {
		return false
	}
	f.german = true
	end := string(folded[max(0, len(folded)-2):])
	road := compound(append(b[:0], "xx"+fold(t[last.start:last.end])...))
	switch {
	case w.capital && w.letters >= 4 && end == "er":
		f.strength = max(road, semi)
	case w.capital && w.class&streetHead != 0:
		f.strength = max(road, weak)
	case w.capital && !last.capital && w.lower && w.class&opener == 0: // Karl Johans gate
		f.strength = max(weak, min(road, semi))
		f.german = false
		f.start = w.start
		for v := before(t, w.start); v.capital && v.lower && v.end > v.start && at(t, v.end) == ' '; v = before(t, v.start) {
			f.start = v.start
		}
		return true
	case w.class&opener != 0 && w.capital:
		f.strength = weak
	case w.class&particle != 0:
		v := readBack(t, w.start-1)
		if at(t, w.start-1) != ' ' || v.class&opener == 0 || !v.capital {
			return false
		}
		w = v
		f.strength = weak
	default:
		return false
	}
	f.start = w.start
	return true
}

// turkish reads the quarter and street before Mah., Cad., Sok.
func turkish(t string, last word, floor int, f *street) bool {
	names := 0
	p := last.start
	start := last.start
	for range 8 {
		if at(t, p-1) != ' ' || p-1 <= floor {
			break
		}
		q := p - 1
		if at(t, q-1) == '.' || at(t, q-1) == ',' {
			q--
			if at(t, q-1) == '.' {
				q--
			}
		}
		w := readBack(t, q)
		if w.end == w.start || w.class&trType == 0 && (!w.capital && (!w.digits || w.letters > 0) || names > 4) || w.class&codeWord != 0 || cueWord(w) {
			break
		}
		names++
		start, p = w.start, w.start
	}
	if names == 0 {
		return false
	}
	f.start, f.strength = start, strong
	return true
}

// cueWord reports whether a word with a capital letter begins the sentence of an
// address rather than the address.
func cueWord(w word) bool { return cueWords.find(w.hash) != 0 }

var cueWords = makeTable(map[class]string{1: `adres adresi adresim adresse anschrift address addr domicilio direccion indirizzo endereco morada adress residence home`})

// leading reads the name of a street back to its kind: Calle Mayor, Via XX
// Settembre, ul. Jana Sobieskiego.
func leading(t string, last word, dotted bool, floor int, f *street) bool {
	w := last
	if dotted && w.letters > 4 {
		return false // the end of a sentence
	}
	if w.class&unit != 0 && !w.capital {
		return false
	}
	lowers, found := 0, false
	for n := 0; n < nameWords; n++ {
		if n > 0 && at(t, w.start-1) == '.' && isAlpha(at(t, w.start-2)) && !isAlpha(at(t, w.start-3)) && hasAny(t[w.start:], "zza ", "za ", "so ", "le ") {
			// P.zza, C.so, V.le
			f.start, f.strength = w.start-2, strong
			return true
		}
		if n > 0 && w.class&(lead|leadWeak) != 0 && !(w.class&(enStrong|enSemi) != 0 && capitalBefore(t, w)) {
			strength := strong
			dot := at(t, w.end) == '.' || at(t, w.end) == '/'
			switch {
			case w.class&lead == 0:
				strength = weak
				if dot && w.letters > 1 {
					strength = semi
				}
			case w.class&leadWeak != 0 && !dot:
				strength = viaStrength(t, w)
			case w.letters <= 2 && !dot:
				strength = weak
			}
			if lowers > 0 {
				strength = min(strength, semi)
			}
			if !found || strength >= f.strength || w.class&leadWeak == 0 {
				f.start, f.strength, f.lower = w.start, strength, lowers > 0
			}
			found = true
		}
		if n > 0 && w.class&deAlone != 0 && w.capital && w.letters > 3 && read(t, w.end+1).class&particle != 0 {
			f.start, f.strength, f.german = w.start, semi, true // Platz der Republik
			return true
		}
		if !w.capital && !w.digits && w.class&particle == 0 && w.class&(lead|leadWeak) == 0 && !apostrophe(t, w) {
			lowers++
			if lowers > 2 || w.class&goesOn != 0 || found {
				break
			}
		}
		if w.digits && w.letters == 0 && n == 0 && w.end-w.start > 3 {
			break
		}
		p := w.start
		if at(t, p-1) == '/' && isAlpha(at(t, p-2)) && !isAlpha(at(t, p-3)) {
			p++ // C/Mayor
			p -= 1
		} else if sp := blanksBack(t, p); sp == 0 {
			break
		} else {
			p -= sp
		}
		if p <= floor {
			break
		}
		if c := at(t, p-1); c == '.' || c == '/' {
			p--
			v := readBack(t, p)
			if v.letters > 6 {
				break // the end of a sentence
			}
		}
		w = readBack(t, p)
		if w.end == w.start {
			break
		}
	}
	return found
}

// capitalBefore reports whether a word with a capital letter stands before a
// kind of street that English has too: Rowan Avenue.
func capitalBefore(t string, w word) bool {
	v := before(t, w.start)
	return v.capital && v.class&opener == 0
}

// viaStrength tells the Italian via from the English one.
func viaStrength(t string, w word) int8 {
	if w.capital && w.lower && w.start > 0 {
		return strong
	}
	v := readBack(t, w.start-1)
	if at(t, w.start-1) == ' ' && v.end > v.start {
		switch strings.ToLower(t[v.start:v.end]) {
		case "in", "di", "da", "presso", "abito", "abita", "residente", "sito", "sita", "alla", "nella", "na", "em", "la", "el", "en", "della":
			return strong
		}
	}
	if !w.lower && w.capital {
		return semi
	}
	return weak
}

// generic reads a name that only the postal code and place behind the number
// make the name of a street: Unter den Linden 77, 10117 Berlin.
func generic(t string, last word, e, floor int, f street) (street, bool) {
	q, g := skip(t, e)
	if g != gapComma && g != gapLine || !isDigit(at(t, q)) && !strings.HasPrefix(t[q:], "D-") && !strings.HasPrefix(t[q:], "CH-") {
		return f, false
	}
	c := codeAt(t, q)
	if c.end == 0 || c.digits < 4 || blanks(t, c.end) == 0 {
		return f, false
	}
	town := townAt(t, c.end+blanks(t, c.end), true)
	if town == 0 {
		return f, false
	}
	f.start, f.german = last.start, true
	if isPlace(t[c.end+blanks(t, c.end) : town]) {
		f.strength = weak
	}
	w := last
	for range 4 {
		if at(t, w.start-1) != ' ' || w.start-1 <= floor {
			break
		}
		v := readBack(t, w.start-1)
		if v.end == v.start || v.digits || !v.capital && v.class&particle == 0 || v.class&notPlace != 0 {
			break
		}
		w = v
		if v.capital {
			f.start = v.start
			if v.class&opener != 0 {
				f.strength = semi
				break
			}
		}
	}
	return f, true
}

// isPlace reports whether the gazetteer has a name as that of a place.
func isPlace(name string) bool {
	var b [2 * maxWord]byte
	return len(name) < maxWord && gazetteer.Word(gazetteer.Fold(b[:0], name)).Place() > 0
}
