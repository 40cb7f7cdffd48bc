package national

import (
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// plateType is the type of plates of every country. The types of single
// countries tell the form; it is this one that leads to a person.
func plateType() *classifiers.Type { return typeTable()["VEHICLE_PLATE"] }

func isLower(b byte) bool { return 'a' <= b && b <= 'z' }

// otherPlates finds plates, and numbers of the British national insurance, that the scanner's words do not hold together: in
// small letters, with umlauts, and behind the character of a Chinese province.
func otherPlates(s *classifiers.Scan, g []classifiers.Group) {
	first, last := g[0], g[len(g)-1]
	switch {
	case len(g) == 3 && first.Len() == 2 && last.Len() == 2 && s.At(last.End) == ' ' && s.Before(first.Start) == ' ' && isLower(s.Before(first.Start-1)) && isLower(s.At(last.End+1)):
		smallNINO(s, first.Start, last.End)
	case last.Len() == 2 && !last.Letters && s.At(last.End) == ' ' && isLower(s.At(last.End+1)):
		smallTurkish(s, last)
	case !first.Letters && first.Len() >= 3 && first.Len() <= 4 && (s.Before(first.Start) == ' ' || s.Before(first.Start) == '-') && isLower(s.Before(first.Start-1)):
		smallGerman(s, first)
	}
	if s.Before(first.Start) >= utf8.RuneSelf && first.Letters && first.Len() >= 6 && first.Len() <= 7 {
		chinesePlate(s, first)
	}
	if b := s.Before(first.Start); (b == '-' || b == ' ') && s.Before(first.Start-1) < utf8.RuneSelf && s.Before(first.Start-1) < 'A' {
		return
	}
	if len(g) > 1 && first.Letters && !first.Digits && first.Len() <= 2 && !g[1].Letters {
		umlautPlate(s, first, g[1])
	}
}

// wordAfter gives the end of at most n bytes of one class after i.
func wordAfter(t string, i, n int, is func(byte) bool) int {
	end := i
	for end < len(t) && end-i <= n && is(t[end]) {
		end++
	}
	return end
}

func wordBefore(t string, i, n int, is func(byte) bool) int {
	at := i
	for at > 0 && i-at <= n && is(t[at-1]) {
		at--
	}
	return at
}

// smallTurkish reads 34 abc 1234.
func smallTurkish(s *classifiers.Scan, g classifiers.Group) {
	t := s.Text
	letters := wordAfter(t, g.End+1, 3, isLower)
	if n := letters - g.End - 1; n < 1 || n > 3 || letters >= len(t) || t[letters] != ' ' {
		return
	}
	end := wordAfter(t, letters+1, 5, digit)
	if n := end - letters - 1; n < 2 || n > 5 {
		return
	}
	small(s, span{start: g.Start, end: end, lower: true}, "tr.license_plate")
}

// smallGerman reads b ab 1234 and hh-ab 123.
func smallGerman(s *classifiers.Scan, g classifiers.Group) {
	t := s.Text
	second := wordBefore(t, g.Start-1, 2, isLower)
	if n := g.Start - 1 - second; n < 1 || n > 2 || second < 2 || t[second-1] != ' ' && t[second-1] != '-' {
		return
	}
	first := wordBefore(t, second-1, 3, isLower)
	if n := second - 1 - first; n < 1 || n > 3 {
		return
	}
	small(s, span{start: first, end: g.End, lower: true}, "de.kfz")
}

// smallNINO reads rk 48 27 36 b.
func smallNINO(s *classifiers.Scan, start, end int) {
	first := wordBefore(s.Text, start-1, 2, isLower)
	if start-1-first == 2 && s.Alone(first, end+2) {
		small(s, span{start: first, end: end + 2, lower: true}, "gb.nino")
	}
}

// small weighs a number in small letters. Short words before a number are
// everywhere: it needs its word, or to be all that the text is.
func small(s *classifiers.Scan, sp span, format string) {
	if !s.Alone(sp.start, sp.end) || joined(s.Before(sp.start), s.Before(sp.start-1)) || joined(s.At(sp.end), s.At(sp.end+1)) {
		return
	}
	e := tables().named[format]
	if e == nil || !e.format.Valid(s.Text[sp.start:sp.end]) {
		return
	}
	x, where := hit{entry: e}, locale{column: -1}
	if sp.end-sp.start < len(strings.TrimSpace(s.Text)) && x.named(s, sp, &where) == classifiers.Far {
		return
	}
	var h hits
	h.add(e, e.strength+10)
	h.weigh(s, sp)
}

// provinces are the characters that a plate of China begins with.
const provinces = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

// chinesePlate reads 京A12345, 粤B·12345 and the six characters of electric cars.
func chinesePlate(s *classifiers.Scan, g classifiers.Group) {
	t := s.Text
	if c := upper(t[g.Start]); c < 'A' || c > 'Z' {
		return
	}
	r, n := utf8.DecodeLastRuneInString(t[:g.Start])
	if !strings.ContainsRune(provinces, r) || !s.Alone(g.Start, g.End) {
		return
	}
	digits := 0
	for i := g.Start + 1; i < g.End; i++ {
		if digit(t[i]) {
			digits++
		}
	}
	if digits < 3 {
		return
	}
	s.Find(classifiers.Found{Start: g.Start - n, End: g.End, Type: plateType(), Likelihood: proxy.Likely, Rule: "form", Validator: "plate.cn"})
}

// umlautPlate reads TÜ-AB 123: the district of a German plate may have an
// umlaut.
func umlautPlate(s *classifiers.Scan, letters, number classifiers.Group) {
	t := s.Text
	if letters.Start < 2 || t[letters.Start-1] != '-' && t[letters.Start-1] != ' ' || number.Len() > 4 || number.Sep != classifiers.SepSpace && number.Sep != classifiers.SepDash {
		return
	}
	at, runes, umlaut := letters.Start-1, 0, false
	for at > 0 && runes < 4 {
		r, n := utf8.DecodeLastRuneInString(t[:at])
		if r != 'Ä' && r != 'Ö' && r != 'Ü' && (r < 'A' || r > 'Z') {
			break
		}
		umlaut = umlaut || r >= utf8.RuneSelf
		at -= n
		runes++
	}
	e := tables().named["de.kfz"]
	if !umlaut || runes < 1 || runes > 3 || e == nil || at > 0 && (t[at-1] == '-' || t[at-1] >= utf8.RuneSelf || !s.Alone(at, at+1) && t[at-1] != ' ') {
		return
	}
	var h hits
	h.add(e, e.strength+15)
	h.weigh(s, span{start: at, end: number.End})
}
