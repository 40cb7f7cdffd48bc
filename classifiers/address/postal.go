package address

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

var postalType = classifiers.Type{
	Name: "POSTAL_CODE", Groups: []string{classifiers.General, classifiers.Location}, Severity: classifiers.Low, General: true,
	Doc: "A postal code by itself, with its place where that follows; inside an address it belongs to the address.", Aliases: []string{"ZIP_CODE", "POSTCODE"},
}

// PostalCode finds postal codes that stand alone.
var PostalCode = &classifiers.Detector{
	Name: "postal_code", Version: 1,
	Doc: `Postal codes outside an address. British and Canadian codes have a form of their own (Royal Mail's and Canada Post's publications); the Dutch
one is four digits and two capitals, followed by a place; digits alone count behind a word that names them (ZIP, PLZ, code postal, 〒), behind the letters
of an American state, or with a country's letter (D-10115).`,
	Types: []*classifiers.Type{&postalType},
	Positives: []string{
		"somewhere in [[POSTAL_CODE|SW1A 2AA]] or so",
		"ZIP [[POSTAL_CODE|45402]] is not served",
		"Albany, NY [[POSTAL_CODE|12207-1104]]",
		"PLZ: [[POSTAL_CODE|10115]] Berlin, [[POSTAL_CODE|D-80331]] München",
		"Lieferung nach [[POSTAL_CODE|1016 GV]] Amsterdam",
		"〒[[POSTAL_CODE|150-0041]]",
		"CEP [[POSTAL_CODE|01226-010]]",
		"it is [[POSTAL_CODE|K1S 2T4]]",
	},
	NearMisses: []string{
		"order 10115, 45402 rows, B2B 4U, A1 B2 C3, 12-345 items, 2024 AD, 1500 MB",
		"SE13 is a district, E2E 3TB is a disk, H264 5MP",
		"OR 12345 AND 54321, ME 2024",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Code, Judge: judgePostal}},
}

func judgePostal(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	done := 0
	for i, g := range c.Groups {
		if !g.Digits || g.Start < done {
			continue
		}
		if i > 0 && c.Groups[i-1].Digits && g.Sep != classifiers.SepSpace {
			continue
		}
		if g.Letters {
			if g.Len() > 7 || !words.IsLetter(t[g.Start]) {
				continue
			}
			b := s.Before(g.Start)
			if e := lettered(t, g.Start); e > 0 && t[g.Start] < 'a' && b != '-' && b != '/' && b != '.' && b != '=' && (e-g.Start > 5 && t[e-4] == ' ') {
				s.Find(classifiers.Found{Start: g.Start, End: e, Type: &postalType, Likelihood: proxy.Likely, Rule: "letters"})
				done = e
			}
			continue
		}
		if n := g.Len(); n < 2 || n > 7 || n == 2 && words.At(t, g.End) != '-' {
			continue
		}
		k := codeAt(t, g.Start)
		if k.end == 0 {
			continue
		}
		if level, start, rule := digitsCode(s, g.Start, k); level > 0 {
			s.Find(classifiers.Found{Start: start, End: k.end, Type: &postalType, Likelihood: level, Rule: rule})
			done = k.end
		}
	}
}

// digitsCode says what a code of digits is worth by what stands before it.
func digitsCode(s *classifiers.Scan, i int, k code) (proxy.Likelihood, int, string) {
	t := s.Text
	p := i
	if b := words.At(t, p-1); b == '-' {
		q := p - 1
		for q > 0 && p-1-q < 2 && 'A' <= t[q-1] && t[q-1] <= 'Z' {
			q--
		}
		if q == p-1 || q > 0 && (words.IsLetter(t[q-1]) || words.IsDigit(t[q-1]) || t[q-1] == '-' || t[q-1] == '_') || !country(t[q:p-1]) {
			return 0, 0, ""
		}
		if n := words.Blanks(t, k.end); n == 0 || townAt(t, k.end+n, true) == 0 {
			return 0, 0, ""
		}
		return proxy.Likely, q, "country"
	}
	if p >= 3 && t[p-3:p] == "〒" {
		return proxy.Likely, i, "mark"
	}
	n := 0
	for p > 0 && n < 4 && (t[p-1] == ' ' || t[p-1] == ':' || t[p-1] == '.' || t[p-1] == '"' || t[p-1] == '=') {
		p--
		n++
	}
	if n == 0 {
		return 0, 0, ""
	}
	// NL: 1016 GV Amsterdam
	if k.labelled && k.digits == 4 {
		if m := words.Blanks(t, k.end); m > 0 && townAt(t, k.end+m, false) > 0 && t[k.end-3] == ' ' {
			return proxy.Likely, i, "letters"
		}
	}
	w := lexicon.ReadBack(t, p)
	switch {
	case w.End == w.Start:
	case w.Class&codeWord != 0 && k.digits >= 4 && (w.Letters > 3 || !w.Lower || w.Letters == 3):
		return proxy.Likely, i, "word"
	case w.Class&state != 0 && w.Letters == 2 && !w.Lower && n == 1 && k.digits >= 5 && k.digits != 6 && words.At(t, w.Start-1) == ' ' && words.At(t, w.Start-2) == ',':
		return proxy.Likely, i, "state"
	}
	return 0, 0, ""
}

// country reports whether letters are those that stand before a postal code.
func country(w string) bool {
	switch w {
	case "D", "DE", "A", "AT", "CH", "F", "FR", "B", "BE", "L", "LU", "NL", "I", "IT", "E", "ES", "SE", "S", "DK", "FI", "PL", "CZ", "SK", "HU", "N", "NO", "PT":
		return true
	}
	return false
}
