package address

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// flat reads an Indian address, or a British one of a named house: a dwelling,
// parts of a place, a code of six digits or of letters.
func flat(s *classifiers.Scan, i, e int) int {
	t := s.Text
	p := i - blanksBack(t, i)
	if at(t, p-1) == '.' {
		p--
	}
	w := readBack(t, p)
	if w.end == w.start || !w.capital && w.letters < 4 {
		return 0
	}
	if w.class&(notPlace|unit) != 0 && w.letters <= 6 { // Flat No. 12
		q := w.start - blanksBack(t, w.start)
		if v := readBack(t, q); v.class&dwelling != 0 && q < w.start {
			w = v
		} else if q >= 2 && (t[q-2:q] == "H." || t[q-2:q] == "D.") && (q == 2 || !isAlpha(t[q-3])) { // H.No. 45
			w.start, w.class = q-2, dwelling
		}
	}
	if w.class&dwelling == 0 {
		return 0
	}
	if c := at(t, e); c != ',' && c != '\n' && c != ' ' {
		return 0
	}
	l := localityAt(t, e, manner{})
	if l.level < strong || !l.six && !l.sure {
		return 0
	}
	s.Find(classifiers.Found{Start: w.start, End: l.end, Type: &streetType, Likelihood: proxy.VeryLikely, Rule: "dwelling", Validator: "postal_code"})
	return l.end
}

// indian reads what follows the number of a house and a comma down to a code of
// six digits.
func indian(s *classifiers.Scan, start, e int) int {
	l := localityAt(s.Text, e, manner{})
	if l.level < strong || !l.six || l.parts < 2 {
		return 0
	}
	s.Find(classifiers.Found{Start: start, End: l.end, Type: &streetType, Likelihood: proxy.Likely, Rule: "number_parts", Validator: "postal_code"})
	return l.end
}

// britishBack reads the address before the British postal code [i, end): parts of
// capitals, one of which ends with a kind of street. It gives the end, 0 where
// there is none.
func britishBack(s *classifiers.Scan, i, end int) int {
	t := s.Text
	floor := max(0, i-maxBack)
	start, p := -1, i
	kinds, extra := 0, 0
	for range maxParts {
		// One part: words back to a comma or the start of a line.
		q, part, kind := p, -1, false
		for k := 0; k < nameWords; k++ {
			sp := blanksBack(t, q)
			if k == 0 {
				if c := at(t, q-sp-1); c == ',' || c == '\n' {
					q -= sp + 1
					if c == ',' || at(t, q-1) == ',' {
						if c != ',' {
							q--
						}
					}
					sp = 0
				} else if p != i {
					break
				}
			} else if sp == 0 {
				break
			}
			w := readBack(t, q-sp)
			if w.end == w.start || w.start < floor || w.class&notPlace != 0 {
				break
			}
			if !w.capital && !w.digits && w.class&particle == 0 && !(part < 0 && w.class&(enStrong|enSemi|enWeak) != 0) {
				break
			}
			if w.digits && w.letters == 0 && readBack(t, w.start-1).class&dwelling == 0 {
				break
			}
			kind = kind || part < 0 && w.class&(enStrong|enSemi|enWeak) != 0 && w.letters > 1
			if w.capital {
				part = w.start
			} else if part < 0 {
				part = w.end
			}
			q = w.start
		}
		if part < 0 || part == p {
			break
		}
		if kind && p != i {
			kinds++
			start = part
		} else if kinds > 0 && extra == 0 && read(t, part).class&dwelling != 0 {
			extra++
			start = part
		}
		p = part
	}
	if start < 0 || kinds == 0 {
		return 0
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: &streetType, Likelihood: proxy.Likely, Rule: "parts", Validator: "postal_code"})
	return end
}

// dwellingBefore gives the start of the flat or unit before a house number:
// Flat 3, 12 High Street; Unit 5/12 Smith Street.
func dwellingBefore(t string, i int) int {
	if w := before(t, i); w.end > w.start && w.class&(dwelling|unit) != 0 && w.capital && w.letters > 1 {
		return w.start
	}
	p := i - blanksBack(t, i)
	if at(t, p-1) != ',' {
		return i
	}
	v := readBack(t, p-1)
	if v.end == v.start || v.letters > 1 || v.end-v.start > 5 {
		return i
	}
	if w := before(t, v.start); w.end > w.start && w.class&dwelling != 0 && w.capital {
		return w.start
	}
	return i
}
