package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers/gazetteer"
	"github.com/ostiary/ostiary/classifiers/words"
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
func numberLast(t string, i, e int, before words.Word) (street, bool) {
	f := street{end: e, tail: e}
	if run(t, i) > 5 {
		return f, false
	}
	floor := max(0, i-maxBack)
	p := i - words.BlanksBack(t, i)
	marked := words.At(t, p-1) == '#' // Calle 45 # 12-34
	if marked {
		p--
		p -= words.BlanksBack(t, p)
	}
	q := p
	switch {
	case words.At(t, q-1) == ':', words.At(t, q-1) == '.':
		q--
	case words.At(t, q-1) == 0xBA && words.At(t, q-2) == 0xC2, words.At(t, q-1) == 0xB0 && words.At(t, q-2) == 0xC2:
		q -= 2
	}
	var b [2 * words.MaxWord]byte
	if words.IsLetter(words.At(t, q-1)) || q != p && words.At(t, q-1) == 0xB4 {
		if w := readBackTo(t, q, before); w.End > w.Start && w.Letters <= 6 && (marker(words.FoldInto(&b, t[w.Start:w.End])) || t[w.Start:w.End] == "д") {
			if sp := words.BlanksBack(t, w.Start); sp > 0 {
				p = w.Start - sp
				marked = true
			}
		}
	}
	if words.At(t, p-1) == ',' {
		p--
		p -= words.BlanksBack(t, p)
	}
	dotted := words.At(t, p-1) == '.'
	if dotted {
		p--
	}
	last := readBackTo(t, p, before)
	if last.End == last.Start || last.Letters == 0 && !marked {
		return f, false
	}
	return lastWord(t, last, dotted, floor, f)
}

// lastWord reads a street back from the last word of its name.
func lastWord(t string, last words.Word, dotted bool, floor int, f street) (street, bool) {
	var b [2 * words.MaxWord]byte
	if last.Letters >= 5 || dotted && last.Letters >= 3 {
		if folded := words.FoldInto(&b, t[last.Start:last.End]); folded != nil {
			if c := compound(folded); c > none && (c > weak || last.Capital) && (!dotted || strings.HasSuffix(string(folded), "str")) {
				if c == weak && strings.Count(t[last.Start:last.End], "-") > 1 {
					c = semi // Kaiser-Wilhelm-Ring
				}
				f.strength, f.lower, f.german = c, !last.Capital, true
				f.start = heads(t, last.Start, floor)
				return f, true
			}
		}
	}
	if w := t[last.Start:last.End]; strings.HasSuffix(w, "로") || strings.HasSuffix(w, "길") {
		return korean(t, last, floor, f)
	}
	if last.Class&deAlone != 0 {
		if alone(t, last, &f) {
			return f, true
		}
	}
	if last.Class&trType != 0 && (last.Capital || last.Letters > 4) {
		if turkish(t, last, floor, &f) {
			return f, true
		}
	}
	if leading(t, last, dotted, floor, &f) {
		return f, true
	}
	if !last.Capital || last.Class&notPlace != 0 {
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
		if words.At(t, q-1) != ' ' || q-1 <= floor {
			break
		}
		q--
		if words.At(t, q-1) == '.' {
			q--
		}
		w := lexicon.ReadBack(t, q)
		if w.End == w.Start || w.Digits {
			break
		}
		if !w.Capital {
			if w.Class&particle == 0 || w.Class&streetHead == 0 {
				break
			}
			pending = pending || t[w.Start:w.End] == "van"
			p = w.Start
			continue
		}
		if w.Class&streetHead == 0 && !pending {
			if p == start && words.Begins(t[w.Start:], "Am ", "Im ", "Zum ", "Zur ", "Beim ") {
				start = w.Start
			}
			break
		}
		p, start, pending = w.Start, w.Start, false
	}
	return start
}

// alone reads what stands before a kind of street that is a word of its own:
// Berliner Straße, Am Markt, Norra Vägen.
func alone(t string, last words.Word, f *street) bool {
	if words.At(t, last.Start-1) != ' ' {
		return false
	}
	w := lexicon.ReadBack(t, last.Start-1)
	if w.End == w.Start || w.Digits {
		return false
	}
	var b [2 * words.MaxWord]byte
	folded := words.FoldInto(&b, t[w.Start:w.End])
	if folded == nil {
		return false
	}
	f.german = true
	end := string(folded[max(0, len(folded)-2):])
	road := compound(append(b[:0], "xx"+words.Fold(t[last.Start:last.End])...))
	switch {
	case w.Capital && w.Letters >= 4 && end == "er":
		f.strength = max(road, semi)
	case w.Capital && w.Class&streetHead != 0:
		f.strength = max(road, weak)
	case w.Capital && !last.Capital && w.Lower && w.Class&opener == 0: // Karl Johans gate
		f.strength = max(weak, min(road, semi))
		f.german = false
		f.start = w.Start
		for v := before(t, w.Start); v.Capital && v.Lower && v.End > v.Start && words.At(t, v.End) == ' '; v = before(t, v.Start) {
			f.start = v.Start
		}
		return true
	case w.Class&opener != 0 && w.Capital:
		f.strength = weak
	case w.Class&particle != 0:
		v := lexicon.ReadBack(t, w.Start-1)
		if words.At(t, w.Start-1) != ' ' || v.Class&opener == 0 || !v.Capital {
			return false
		}
		w = v
		f.strength = weak
	default:
		return false
	}
	f.start = w.Start
	return true
}

// turkish reads the quarter and street before Mah., Cad., Sok.
func turkish(t string, last words.Word, floor int, f *street) bool {
	names := 0
	p := last.Start
	start := last.Start
	for range 8 {
		if words.At(t, p-1) != ' ' || p-1 <= floor {
			break
		}
		q := p - 1
		if words.At(t, q-1) == '.' || words.At(t, q-1) == ',' {
			q--
			if words.At(t, q-1) == '.' {
				q--
			}
		}
		w := lexicon.ReadBack(t, q)
		if w.End == w.Start || w.Class&trType == 0 && (!w.Capital && (!w.Digits || w.Letters > 0) || names > 4) || w.Class&codeWord != 0 || cueWord(w) {
			break
		}
		names++
		start, p = w.Start, w.Start
	}
	if names == 0 {
		return false
	}
	f.start, f.strength = start, strong
	return true
}

// cueWord reports whether a word with a capital letter begins the sentence of an
// address rather than the address.
func cueWord(w words.Word) bool { return cueWords.Find(w.Hash) != 0 }

var cueWords = words.NewLexicon(map[class]string{1: `adres adresi adresim adresse anschrift address addr domicilio direccion indirizzo endereco morada adress residence home`})

// leading reads the name of a street back to its kind: Calle Mayor, Via XX
// Settembre, ul. Jana Sobieskiego.
func leading(t string, last words.Word, dotted bool, floor int, f *street) bool {
	w := last
	if dotted && w.Letters > 4 {
		return false // the end of a sentence
	}
	if w.Class&unit != 0 && !w.Capital {
		return false
	}
	lowers, found := 0, false
	for n := 0; n < nameWords; n++ {
		if n > 0 && words.At(t, w.Start-1) == '.' && words.IsLetter(words.At(t, w.Start-2)) && !words.IsLetter(words.At(t, w.Start-3)) && words.Begins(t[w.Start:], "zza ", "za ", "so ", "le ") {
			// P.zza, C.so, V.le
			f.start, f.strength = w.Start-2, strong
			return true
		}
		if n > 0 && w.Class&(lead|leadWeak) != 0 && !(w.Class&(enStrong|enSemi) != 0 && capitalBefore(t, w)) {
			strength := strong
			dot := words.At(t, w.End) == '.' || words.At(t, w.End) == '/'
			switch {
			case w.Class&lead == 0:
				strength = weak
				if dot && w.Letters > 1 {
					strength = semi
				}
			case w.Class&leadWeak != 0 && !dot:
				strength = viaStrength(t, w)
			case w.Letters <= 2 && !dot:
				strength = weak
			}
			if lowers > 0 {
				strength = min(strength, semi)
			}
			if !found || strength >= f.strength || w.Class&leadWeak == 0 {
				f.start, f.strength, f.lower = w.Start, strength, lowers > 0
			}
			found = true
		}
		if n > 0 && w.Class&deAlone != 0 && w.Capital && w.Letters > 3 && lexicon.Read(t, w.End+1).Class&particle != 0 {
			f.start, f.strength, f.german = w.Start, semi, true // Platz der Republik
			return true
		}
		if !w.Capital && !w.Digits && w.Class&particle == 0 && w.Class&(lead|leadWeak) == 0 && !apostrophe(t, w) {
			lowers++
			if lowers > 2 || w.Class&goesOn != 0 || found {
				break
			}
		}
		if w.Digits && w.Letters == 0 && n == 0 && w.End-w.Start > 3 {
			break
		}
		p := w.Start
		if words.At(t, p-1) == '/' && words.IsLetter(words.At(t, p-2)) && !words.IsLetter(words.At(t, p-3)) {
			p++ // C/Mayor
			p -= 1
		} else if sp := words.BlanksBack(t, p); sp == 0 {
			break
		} else {
			p -= sp
		}
		if p <= floor {
			break
		}
		if c := words.At(t, p-1); c == '.' || c == '/' {
			p--
			v := lexicon.ReadBack(t, p)
			if v.Letters > 6 {
				break // the end of a sentence
			}
		}
		w = lexicon.ReadBack(t, p)
		if w.End == w.Start {
			break
		}
	}
	return found
}

// capitalBefore reports whether a word with a capital letter stands before a
// kind of street that English has too: Rowan Avenue.
func capitalBefore(t string, w words.Word) bool {
	v := before(t, w.Start)
	return v.Capital && v.Class&opener == 0
}

// viaStrength tells the Italian via from the English one.
func viaStrength(t string, w words.Word) int8 {
	if w.Capital && w.Lower && w.Start > 0 {
		return strong
	}
	v := lexicon.ReadBack(t, w.Start-1)
	if words.At(t, w.Start-1) == ' ' && v.End > v.Start {
		switch strings.ToLower(t[v.Start:v.End]) {
		case "in", "di", "da", "presso", "abito", "abita", "residente", "sito", "sita", "alla", "nella", "na", "em", "la", "el", "en", "della":
			return strong
		}
	}
	if !w.Lower && w.Capital {
		return semi
	}
	return weak
}

// generic reads a name that only the postal code and place behind the number
// make the name of a street: Unter den Linden 77, 10117 Berlin.
func generic(t string, last words.Word, e, floor int, f street) (street, bool) {
	q, g := skip(t, e)
	if g != gapComma && g != gapLine || !words.IsDigit(words.At(t, q)) && !strings.HasPrefix(t[q:], "D-") && !strings.HasPrefix(t[q:], "CH-") {
		return f, false
	}
	c := codeAt(t, q)
	if c.end == 0 || c.digits < 4 || words.Blanks(t, c.end) == 0 {
		return f, false
	}
	town := townAt(t, c.end+words.Blanks(t, c.end), true)
	if town == 0 {
		return f, false
	}
	f.start, f.german = last.Start, true
	if isPlace(t[c.end+words.Blanks(t, c.end) : town]) {
		f.strength = weak
	}
	w := last
	for range 4 {
		if words.At(t, w.Start-1) != ' ' || w.Start-1 <= floor {
			break
		}
		v := lexicon.ReadBack(t, w.Start-1)
		if v.End == v.Start || v.Digits || !v.Capital && v.Class&particle == 0 || v.Class&notPlace != 0 {
			break
		}
		w = v
		if v.Capital {
			f.start = v.Start
			if v.Class&opener != 0 {
				f.strength = semi
				break
			}
		}
	}
	return f, true
}

// isPlace reports whether the gazetteer has a name as that of a place.
func isPlace(name string) bool {
	var b [2 * words.MaxWord]byte
	return len(name) < words.MaxWord && gazetteer.Word(gazetteer.Fold(b[:0], name)).Place() > 0
}
