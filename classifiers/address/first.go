package address

import "github.com/ostiary/ostiary/classifiers/words"

// numberFirst reads a street whose number is [i, e): 12 High Street, 12 bis rue
// de la Paix.
func numberFirst(t string, i, e int) (street, bool) {
	p := e
	comma := false
	if words.At(t, p) == ',' {
		comma = true
		p++
	}
	sp := words.Blanks(t, p)
	if sp == 0 {
		return street{}, false
	}
	p += sp
	w := lexicon.Read(t, p)
	if w.End == w.Start {
		return street{}, false
	}
	if !comma && (w.Lower || w.Letters == 1) && w.Letters <= 6 && latinSuffix(t[w.Start:w.End]) {
		// 12 bis, 7 ter, 4 B
		q := w.End
		if words.At(t, q) == ',' {
			q++
		}
		if sp := words.Blanks(t, q); sp > 0 {
			if v := lexicon.Read(t, q+sp); v.Class&(frType|frWeak) != 0 {
				w = v
			}
		}
	}
	if w.Letters == 0 {
		return street{}, false
	}
	if w.Class&(frType|frWeak) != 0 {
		if f, ok := french(t, i, w); ok {
			return f, true
		}
	}
	return english(t, i, w, comma)
}

// lowerWords bounds the words of the name of a street in small letters.
const lowerWords = 7

// latinSuffix reports whether a word is one that follows a French house number.
func latinSuffix(w string) bool {
	switch w {
	case "bis", "ter", "quater", "Bis", "BIS", "TER", "B", "T", "A", "C":
		return true
	}
	return false
}

// french reads the name of a street behind its kind.
func french(t string, i int, kind words.Word) (street, bool) {
	f := street{start: i, first: true, strength: strong}
	p := kind.End
	if words.At(t, p) == '.' {
		p++
	}
	sp := words.Blanks(t, p)
	if sp == 0 {
		return f, false
	}
	p += sp
	names, particles := 0, 0
	lower := false
	for n := 0; n < nameWords; n++ {
		w := lexicon.Read(t, p)
		if w.End == w.Start || w.Letters == 0 && names == 0 && particles == 0 {
			break
		}
		low := !w.Capital && w.Letters > 0
		if w.Class&particle != 0 && low {
			particles++
		} else {
			if low && !apostrophe(t, w) {
				if names > 0 && !lower || w.Class&goesOn != 0 || names > 2 {
					break
				}
				lower = true
			}
			if w.Digits && names > 0 && w.Letters == 0 && !(names == 2 && year(t, w.Start)) { // rue du 8 Mai 1945
				break
			}
			names++
			f.end = w.End
			if lower && w.Class&nameTitle == 0 && names > 0 {
				// A name in small letters ends with its first word that is no title.
				break
			}
		}
		p = w.End
		if words.At(t, p) == '.' && w.Letters <= 4 && words.Blanks(t, p+1) > 0 {
			p++
		}
		if words.At(t, p) == '-' || words.Blanks(t, p) == 0 {
			break
		}
		p += words.Blanks(t, p)
	}
	if names == 0 || particles > 4 {
		return f, false
	}
	f.tail = f.end
	f.lower = lower
	if kind.Class&frWeak != 0 {
		f.strength = semi
		if lower {
			f.strength = weak
			if particles == 0 {
				return f, false // 600 square feet
			}
		}
	} else if lower && particles == 0 {
		f.strength = semi
	}
	// Avenue A, Route 9: read as English.
	if kind.Capital && names == 1 && particles == 0 && f.end-kind.End <= 3 {
		return f, false
	}
	return f, true
}

// english reads the name and kind of a street that begins with word w.
func english(t string, i int, w words.Word, comma bool) (street, bool) {
	f := street{start: i, first: true}
	f.lower = !w.Capital && !w.Digits
	if f.lower && (w.Class&goesOn != 0 || w.Class&particle != 0 && w.Class&direction == 0 || w.Letters < 2 && w.Class&direction == 0 || comma) {
		return f, false
	}
	if w.Digits && w.Letters == 0 || w.Class&determiner != 0 && w.Letters > 3 && !w.Capital {
		return f, false
	}
	var list [nameWords + 1]words.Word
	n := 0
	for n < len(list) {
		switch {
		case w.Digits && w.Letters == 0:
			// Route 9, County Road 12
			if n == 0 || list[n-1].Class&(enPrefix|direction) == 0 || w.End-w.Start > 4 {
				w.End = w.Start
			}
		case w.Digits && words.IsDigit(t[w.Start]): // 43rd
			if w.Letters != 2 {
				w.End = w.Start
			}
		case w.Digits:
			w.End = w.Start
		case n > 0 && w.Class&unit != 0 && w.Class&(enStrong|enSemi|enWeak) == 0 && !f.lower:
			w.End = w.Start
		case !w.Capital && !f.lower && w.Class&particle == 0 && !(n > 0 && (w.Class&enStrong != 0 || w.Class&(enSemi|enWeak) != 0 && closes(t, w.End))):
			w.End = w.Start
		case f.lower && n > 0 && w.Class&goesOn != 0:
			w.End = w.Start
		}
		if w.End == w.Start || f.lower && n == lowerWords {
			break
		}
		list[n] = w
		n++
		p := w.End
		if words.At(t, p) == '.' && w.Letters <= 4 && words.At(t, p+1) == ' ' && w.Letters > 0 && (!f.lower || w.Class&(direction|enStrong|enSemi) != 0 && w.Letters <= 2) {
			p++
		}
		sp := words.Blanks(t, p)
		if sp == 0 {
			break
		}
		w = lexicon.Read(t, p+sp)
		if w.End == w.Start {
			break
		}
	}
	if n == 0 {
		return f, false
	}
	k, strength := kindOf(t, list[:n])
	if k < 0 {
		// No kind of street: a name that a postal code must follow.
		if f.lower || n > 4 || comma || n == 1 && list[0].Letters < 3 {
			return f, false
		}
		for n > 1 && !list[n-1].Capital {
			n--
		}
		f.end = list[n-1].End
		f.tail = f.end
		c := words.At(t, f.end)
		f.shut = (c == 0 || c == ',' || c == '.' || c == '\n' || c == ';' || c == ')' || c == '"' || c == '|') && n <= 3 && leads(t, i)
		return f, true
	}
	if f.lower && (strength == weak || k > 5) {
		return f, false
	}
	f.strength = strength
	last := list[k]
	for _, v := range list[:k] {
		if last.Lower && !v.Lower && v.Letters > 3 {
			return f, false // SELECT 10 FROM Street
		}
	}
	f.end = last.End
	f.tail = f.end
	if words.At(t, f.end) == '.' && last.Letters <= 5 {
		f.tail++
	}
	if k+1 < n && list[k+1].Class&direction != 0 && (list[k+1].Capital || f.lower) && (list[k+1].Letters <= 2 || words.At(t, list[k+1].End) != ' ' || list[k+1].End < len(t)) && list[k+1].Class&state == 0 {
		f.end = list[k+1].End
		f.tail = f.end
		k++
	}
	if strength == strong && !last.Capital && !f.lower {
		// 12 Monkeys street food
		if v := lexicon.Read(t, f.tail+words.Blanks(t, f.tail)); v.Lower && !v.Capital && v.Class&(goesOn|unit) == 0 {
			f.strength = weak
		}
	}
	if strength < strong || last.Letters <= 2 {
		// Google Drive folders, Court decisions; Patients Dr Smith.
		if k+1 < n && list[k+1].Capital && !f.lower && list[k+1].Class&(unit|direction|state) == 0 {
			f.strength = min(f.strength, weak)
		} else if q := words.Blanks(t, f.tail); q > 0 && f.tail == f.end && run(t, i) < 2 && !f.lower {
			if v := lexicon.Read(t, f.tail+q); v.Lower && !v.Capital && v.Class&(goesOn|unit) == 0 {
				f.strength = min(f.strength, weak)
			}
		}
	} else if k+1 < n && list[k+1].Capital && !f.lower && list[k+1].Class&(unit|direction|state|placePart) == 0 {
		// Wall Street Crash: a place may follow so, and a postal code then.
		f.strength = semi
		f.shut = false
	}
	return f, true
}

// closes reports whether a part of an address ends at i.
func closes(t string, i int) bool {
	_, g := skip(t, i)
	return g == gapComma || g == gapLine
}

// leads reports whether what stands right before a house number says that an
// address follows: lives at 12 …, Address: 12 …
func leads(t string, i int) bool {
	p := i - words.BlanksBack(t, i)
	if words.At(t, p-1) == ':' {
		p--
	}
	w := lexicon.ReadBack(t, p)
	return p < i && w.End > w.Start && (cueWord(w) || words.Begins(t[w.Start:], "at ", "AT "))
}

// kindOf gives the word that is the kind of street in a name, and its strength;
// -1 where there is none.
func kindOf(t string, list []words.Word) (int, int8) {
	k, best := -1, none
	for j := 0; j < len(list); j++ {
		w := list[j]
		c := w.Class
		if c&enPrefix != 0 && j+1 < len(list) {
			next := list[j+1]
			switch {
			case next.Letters == 0 && next.Digits, next.Letters == 1 && !next.Lower && next.Class&direction == 0:
				return j + 1, strong
			case j == 0 && c&lead != 0 && c&enStrong == 0 && next.Capital:
				e := 1
				for e+1 < len(list) && e < 3 && (list[e].Class&particle != 0 || list[e+1].Class&(particle|unit|state|direction) == 0) {
					e++
				}
				return e, strong
			}
		}
		if j == 0 {
			continue
		}
		switch {
		case c&enStrong != 0:
			// St. Mary's Close: Saint, where a kind of street follows the name.
			if w.Letters == 2 && j+1 < len(list) && words.At(t, w.End) == '.' && list[j+1].Capital && list[j+1].Class&(unit|direction|state) == 0 {
				continue
			}
			k, best = j, strong
		case c&enSemi != 0 && best <= semi:
			k, best = j, semi
		case c&enWeak != 0 && best <= weak:
			k, best = j, weak
		}
	}
	if k < 0 {
		return k, none
	}
	// All before are words of a name: at least one that is no direction.
	for j := 0; j < k; j++ {
		if list[j].Class&direction == 0 || j+1 == k {
			return k, best
		}
	}
	return -1, none
}

// frenchKind reports whether the word behind the number is rue, avenue and the
// like, which nothing but a street follows.
func frenchKind(t string, f street, i int) bool {
	e := houseNumber(t, i)
	if words.At(t, e) == ',' {
		e++
	}
	w := lexicon.Read(t, e+words.Blanks(t, e))
	if latinSuffix(t[w.Start:w.End]) {
		w = lexicon.Read(t, w.End+words.Blanks(t, w.End))
	}
	return w.Class&frType != 0
}
