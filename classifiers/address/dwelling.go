package address

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

// flat reads an Indian address, or a British one of a named house: a dwelling,
// parts of a place, a code of six digits or of letters.
func flat(s *classifiers.Scan, i, e int) int {
	t := s.Text
	p := i - words.BlanksBack(t, i)
	if words.At(t, p-1) == '.' {
		p--
	}
	w := lexicon.ReadBack(t, p)
	if w.End == w.Start || !w.Capital && w.Letters < 4 {
		return 0
	}
	if w.Class&(notPlace|unit) != 0 && w.Letters <= 6 { // Flat No. 12
		q := w.Start - words.BlanksBack(t, w.Start)
		if v := lexicon.ReadBack(t, q); v.Class&dwelling != 0 && q < w.Start {
			w = v
		} else if q >= 2 && (t[q-2:q] == "H." || t[q-2:q] == "D.") && (q == 2 || !words.IsLetter(t[q-3])) { // H.No. 45
			w.Start, w.Class = q-2, dwelling
		}
	}
	if w.Class&dwelling == 0 {
		return 0
	}
	if c := words.At(t, e); c != ',' && c != '\n' && c != ' ' {
		return 0
	}
	l := localityAt(t, e, manner{})
	if l.level < strong || !l.six && !l.sure {
		return 0
	}
	s.Find(classifiers.Found{Start: w.Start, End: l.end, Type: &streetType, Likelihood: proxy.VeryLikely, Rule: "dwelling", Validator: "postal_code"})
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
			sp := words.BlanksBack(t, q)
			if k == 0 {
				if c := words.At(t, q-sp-1); c == ',' || c == '\n' {
					q -= sp + 1
					if c == ',' || words.At(t, q-1) == ',' {
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
			w := lexicon.ReadBack(t, q-sp)
			if w.End == w.Start || w.Start < floor || w.Class&notPlace != 0 {
				break
			}
			if !w.Capital && !w.Digits && w.Class&particle == 0 && !(part < 0 && w.Class&(enStrong|enSemi|enWeak) != 0) {
				break
			}
			if w.Digits && w.Letters == 0 && lexicon.ReadBack(t, w.Start-1).Class&dwelling == 0 {
				break
			}
			kind = kind || part < 0 && w.Class&(enStrong|enSemi|enWeak) != 0 && w.Letters > 1
			if w.Capital {
				part = w.Start
			} else if part < 0 {
				part = w.End
			}
			q = w.Start
		}
		if part < 0 || part == p {
			break
		}
		if kind && p != i {
			kinds++
			start = part
		} else if kinds > 0 && extra == 0 && lexicon.Read(t, part).Class&dwelling != 0 {
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
	if w := before(t, i); w.End > w.Start && w.Class&(dwelling|unit) != 0 && w.Capital && w.Letters > 1 {
		return w.Start
	}
	p := i - words.BlanksBack(t, i)
	if words.At(t, p-1) != ',' {
		return i
	}
	v := lexicon.ReadBack(t, p-1)
	if v.End == v.Start || v.Letters > 1 || v.End-v.Start > 5 {
		return i
	}
	if w := before(t, v.Start); w.End > w.Start && w.Class&dwelling != 0 && w.Capital {
		return w.Start
	}
	return i
}
