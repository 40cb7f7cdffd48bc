package address

// numberFirst reads a street whose number is [i, e): 12 High Street, 12 bis rue
// de la Paix.
func numberFirst(t string, i, e int) (street, bool) {
	p := e
	comma := false
	if at(t, p) == ',' {
		comma = true
		p++
	}
	sp := blanks(t, p)
	if sp == 0 {
		return street{}, false
	}
	p += sp
	w := read(t, p)
	if w.end == w.start {
		return street{}, false
	}
	if !comma && (w.lower || w.letters == 1) && w.letters <= 6 && latinSuffix(t[w.start:w.end]) {
		// 12 bis, 7 ter, 4 B
		q := w.end
		if at(t, q) == ',' {
			q++
		}
		if sp := blanks(t, q); sp > 0 {
			if v := read(t, q+sp); v.class&(frType|frWeak) != 0 {
				w = v
			}
		}
	}
	if w.letters == 0 {
		return street{}, false
	}
	if w.class&(frType|frWeak) != 0 {
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
func french(t string, i int, kind word) (street, bool) {
	f := street{start: i, first: true, strength: strong}
	p := kind.end
	if at(t, p) == '.' {
		p++
	}
	sp := blanks(t, p)
	if sp == 0 {
		return f, false
	}
	p += sp
	names, particles := 0, 0
	lower := false
	for n := 0; n < nameWords; n++ {
		w := read(t, p)
		if w.end == w.start || w.letters == 0 && names == 0 && particles == 0 {
			break
		}
		low := !w.capital && w.letters > 0
		if w.class&particle != 0 && low {
			particles++
		} else {
			if low && !apostrophe(t, w) {
				if names > 0 && !lower || w.class&goesOn != 0 || names > 2 {
					break
				}
				lower = true
			}
			if w.digits && names > 0 && w.letters == 0 && !(names == 2 && year(t, w.start)) { // rue du 8 Mai 1945
				break
			}
			names++
			f.end = w.end
			if lower && w.class&nameTitle == 0 && names > 0 {
				// A name in small letters ends with its first word that is no title.
				break
			}
		}
		p = w.end
		if at(t, p) == '.' && w.letters <= 4 && blanks(t, p+1) > 0 {
			p++
		}
		if at(t, p) == '-' || blanks(t, p) == 0 {
			break
		}
		p += blanks(t, p)
	}
	if names == 0 || particles > 4 {
		return f, false
	}
	f.tail = f.end
	f.lower = lower
	if kind.class&frWeak != 0 {
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
	if kind.capital && names == 1 && particles == 0 && f.end-kind.end <= 3 {
		return f, false
	}
	return f, true
}

// english reads the name and kind of a street that begins with word w.
func english(t string, i int, w word, comma bool) (street, bool) {
	f := street{start: i, first: true}
	f.lower = !w.capital && !w.digits
	if f.lower && (w.class&goesOn != 0 || w.class&particle != 0 && w.class&direction == 0 || w.letters < 2 && w.class&direction == 0 || comma) {
		return f, false
	}
	if w.digits && w.letters == 0 || w.class&determiner != 0 && w.letters > 3 && !w.capital {
		return f, false
	}
	var list [nameWords + 1]word
	n := 0
	for n < len(list) {
		switch {
		case w.digits && w.letters == 0:
			// Route 9, County Road 12
			if n == 0 || list[n-1].class&(enPrefix|direction) == 0 || w.end-w.start > 4 {
				w.end = w.start
			}
		case w.digits && isDigit(t[w.start]): // 43rd
			if w.letters != 2 {
				w.end = w.start
			}
		case w.digits:
			w.end = w.start
		case n > 0 && w.class&unit != 0 && w.class&(enStrong|enSemi|enWeak) == 0 && !f.lower:
			w.end = w.start
		case !w.capital && !f.lower && w.class&particle == 0 && !(n > 0 && (w.class&enStrong != 0 || w.class&(enSemi|enWeak) != 0 && closes(t, w.end))):
			w.end = w.start
		case f.lower && n > 0 && w.class&goesOn != 0:
			w.end = w.start
		}
		if w.end == w.start || f.lower && n == lowerWords {
			break
		}
		list[n] = w
		n++
		p := w.end
		if at(t, p) == '.' && w.letters <= 4 && at(t, p+1) == ' ' && w.letters > 0 && (!f.lower || w.class&(direction|enStrong|enSemi) != 0 && w.letters <= 2) {
			p++
		}
		sp := blanks(t, p)
		if sp == 0 {
			break
		}
		w = read(t, p+sp)
		if w.end == w.start {
			break
		}
	}
	if n == 0 {
		return f, false
	}
	k, strength := kindOf(t, list[:n])
	if k < 0 {
		// No kind of street: a name that a postal code must follow.
		if f.lower || n > 4 || comma || n == 1 && list[0].letters < 3 {
			return f, false
		}
		for n > 1 && !list[n-1].capital {
			n--
		}
		f.end = list[n-1].end
		f.tail = f.end
		c := at(t, f.end)
		f.shut = (c == 0 || c == ',' || c == '.' || c == '\n' || c == ';' || c == ')' || c == '"' || c == '|') && n <= 3 && leads(t, i)
		return f, true
	}
	if f.lower && (strength == weak || k > 5) {
		return f, false
	}
	f.strength = strength
	last := list[k]
	for _, v := range list[:k] {
		if last.lower && !v.lower && v.letters > 3 {
			return f, false // SELECT 10 FROM Street
		}
	}
	f.end = last.end
	f.tail = f.end
	if at(t, f.end) == '.' && last.letters <= 5 {
		f.tail++
	}
	if k+1 < n && list[k+1].class&direction != 0 && (list[k+1].capital || f.lower) && (list[k+1].letters <= 2 || at(t, list[k+1].end) != ' ' || list[k+1].end < len(t)) && list[k+1].class&state == 0 {
		f.end = list[k+1].end
		f.tail = f.end
		k++
	}
	if strength == strong && !last.capital && !f.lower {
		// 12 Monkeys street food
		if v := read(t, f.tail+blanks(t, f.tail)); v.lower && !v.capital && v.class&(goesOn|unit) == 0 {
			f.strength = weak
		}
	}
	if strength < strong || last.letters <= 2 {
		// Google Drive folders, Court decisions; Patients Dr Smith.
		if k+1 < n && list[k+1].capital && !f.lower && list[k+1].class&(unit|direction|state) == 0 {
			f.strength = min(f.strength, weak)
		} else if q := blanks(t, f.tail); q > 0 && f.tail == f.end && run(t, i) < 2 && !f.lower {
			if v := read(t, f.tail+q); v.lower && !v.capital && v.class&(goesOn|unit) == 0 {
				f.strength = min(f.strength, weak)
			}
		}
	} else if k+1 < n && list[k+1].capital && !f.lower && list[k+1].class&(unit|direction|state|placePart) == 0 {
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
	p := i - blanksBack(t, i)
	if at(t, p-1) == ':' {
		p--
	}
	w := readBack(t, p)
	return p < i && w.end > w.start && (cueWord(w) || hasAny(t[w.start:], "at ", "AT "))
}

// kindOf gives the word that is the kind of street in a name, and its strength;
// -1 where there is none.
func kindOf(t string, list []word) (int, int8) {
	k, best := -1, none
	for j := 0; j < len(list); j++ {
		w := list[j]
		c := w.class
		if c&enPrefix != 0 && j+1 < len(list) {
			next := list[j+1]
			switch {
			case next.letters == 0 && next.digits, next.letters == 1 && !next.lower && next.class&direction == 0:
				return j + 1, strong
			case j == 0 && c&lead != 0 && c&enStrong == 0 && next.capital:
				e := 1
				for e+1 < len(list) && e < 3 && (list[e].class&particle != 0 || list[e+1].class&(particle|unit|state|direction) == 0) {
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
			if w.letters == 2 && j+1 < len(list) && at(t, w.end) == '.' && list[j+1].capital && list[j+1].class&(unit|direction|state) == 0 {
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
		if list[j].class&direction == 0 || j+1 == k {
			return k, best
		}
	}
	return -1, none
}

// frenchKind reports whether the word behind the number is rue, avenue and the
// like, which nothing but a street follows.
func frenchKind(t string, f street, i int) bool {
	e := houseNumber(t, i)
	if at(t, e) == ',' {
		e++
	}
	w := read(t, e+blanks(t, e))
	if latinSuffix(t[w.start:w.end]) {
		w = read(t, w.end+blanks(t, w.end))
	}
	return w.class&frType != 0
}
