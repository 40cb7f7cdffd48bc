package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

var streetType = classifiers.Type{
	Name: "STREET_ADDRESS", Groups: []string{classifiers.Personal, classifiers.Contact, classifiers.Location}, Severity: classifiers.Medium,
	Doc: "A postal address: street and number, with unit, postal code and place where they stand together; a post office box.", Aliases: []string{"ADDRESS", "POSTAL_ADDRESS"},
}

// Street finds postal addresses.
var Street = &classifiers.Detector{
	Name: "street_address", Version: 1,
	Doc: `Postal addresses of the large languages, as the postal services' guides write them: number, name and kind of street (United States,
Canada, United Kingdom, Australia, France), kind, name and number (Spain, Italy, Portugal and Brazil, Poland, Turkey, Belgium), compounds such as
Hauptstraße 12 and Keizersgracht 123 (German, Dutch, the languages of Scandinavia), prefecture or province down to the number (Japan, China, Korea),
flat or plot and six digits (India), post office boxes. Unit, place and postal code belong to the span where they follow. A kind of street that is a
common word too (court, hill, place) needs a postal code or a word such as lives or address near it. A street without a number is not an address here,
and neither is a place alone.`,
	Types: []*classifiers.Type{&streetType},
	Positives: []string{
		"She moved to [[STREET_ADDRESS|1420 Juniper Hollow Road, Apt 7B, Dayton, OH 45402]] in May.",
		"ship it to [[STREET_ADDRESS|77 W 131st St # 4, New York, NY 10027-3321]] please",
		"[[STREET_ADDRESS|P.O. Box 5521, Boulder, CO 80302]]",
		"PSC 1234, [[STREET_ADDRESS|PO Box 77]]",
		"Our client lives at [[STREET_ADDRESS|9 Foundry Close, Leeds LS11 8PQ]].",
		"[[STREET_ADDRESS|Flat 3, 18 Penrose Street, London SE17 3DW]]",
		"visit [[STREET_ADDRESS|310 Larch Avenue, Ottawa, ON K1S 2T4]]",
		"[[STREET_ADDRESS|Unit 5/12 Banksia Street, Carlton VIC 3053]]",
		"Bitte an [[STREET_ADDRESS|Rosenheimer Straße 143b, 81671 München]] liefern",
		"Anna wohnt in der [[STREET_ADDRESS|Lindenallee 4, 8010 Graz]].",
		"habite [[STREET_ADDRESS|12 bis rue des Peupliers, 69007 Lyon]]",
		"en [[STREET_ADDRESS|Calle Alcalá 45, 3º B, 28014 Madrid]]",
		"residente in [[STREET_ADDRESS|Via Mazzini 10, 40137 Bologna BO]]",
		"moro na [[STREET_ADDRESS|Rua das Palmeiras, nº 12, apto 3, 01226-010 São Paulo – SP]]",
		"[[STREET_ADDRESS|Prinsengracht 263-2, 1016 GV Amsterdam]]",
		"adres: [[STREET_ADDRESS|ul. Długa 12/34, 00-238 Warszawa]]",
		"bor på [[STREET_ADDRESS|Kungsgatan 5, 111 43 Stockholm]]",
		"[[STREET_ADDRESS|Barbaros Mah. Lale Sok. No: 7, 34746 İstanbul]]",
		"住所は[[STREET_ADDRESS|〒150-0041 東京都渋谷区神南1-19-11]]です",
		"寄到[[STREET_ADDRESS|浙江省杭州市西湖区文三路90号3幢501室]],谢谢",
		"[[STREET_ADDRESS|Flat 12, Link Road, Mumbai 400053]]",
		"address: [[STREET_ADDRESS|52 marlowe street]]",
	},
	NearMisses: []string{
		"5 Ways to save money, 12 Monkeys street food, 3 Google Drive folders",
		"Main Street was quiet. She crossed Fifth Avenue and the Champs-Élysées.",
		"the 2008 Wall Street crash and the top 10 Wall Street banks",
		"version 12.4.1, build 5021, 1920x1080, 12 points, 3 in a row, 5 Court decisions",
		"Arbeitsplatz 12, Bahnsteig 3, Umweg 2, Version 3, Kapitel 12",
		"goto 10 via Gate 5, page 12, Firewall 3, Monitoring 24, String 5",
		"chapter 7, Table 3, Figure 12, Step 4: Open Drive C",
		"第3章 第12号 2024年5月6日 3号线 5号楼",
		"revenue rose 12 percent in Boston, 10000 users in Berlin",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Code, Judge: judgeStreet},
		{Shape: classifiers.Prefix, Judge: judgeBox, Literals: boxLiterals},
	},
}

// addressCue are words that say that an address stands beside them.
var addressCue = classifiers.NewCue(
	"address", "addr", "addresses", "residence", "resides", "residing", "resident", "lives", "live", "living", "lived", "home", "deliver", "delivery", "delivered",
	"ship", "ships", "shipping", "shipped", "billing", "mailing", "dispatched", "located", "moved", "pickup", "pick up", "dropoff", "drop off", "uber", "taxi", "property", "premises", "domiciled",
	"adresse", "anschrift", "wohnhaft", "wohnt", "wohne", "wohnen", "wohnort", "wohnsitz", "gemeldet", "lieferadresse", "rechnungsadresse", "wohnung",
	"domicile", "demeurant", "domicilié", "domiciliée", "habite", "habitant", "résidant", "réside", "livraison", "logement",
	"domicilio", "dirección", "direccion", "vive", "vivo", "viven", "residente", "reside", "vivienda", "empadronado", "empadronada",
	"residenza", "indirizzo", "abita", "abito", "residenti", "domiciliato", "domiciliata",
	"endereço", "endereco", "morada", "mora", "moro", "residência", "logradouro",
	"adres", "woonachtig", "woont", "woon", "wonende", "bezorgen", "bezorgadres",
	"zam", "zamieszkały", "zamieszkała", "zamieszkania", "mieszka", "mieszkam", "adresem", "zameldowany", "zameldowana", "doręczeń",
	"adress", "bor", "boende", "folkbokförd", "bosatt", "bostad", "bopæl", "bosted", "osoite",
	"adresi", "adresim", "ikamet", "ikametgah", "oturuyor", "oturuyorum", "teslimat", "adreste",
	"pata", "pate", "adhaar", "पता", "निवासी", "адрес", "проживает", "住所", "現住所", "居所", "在住", "送付先", "地址", "住址", "住在", "家住", "寄到", "送到", "收货", "주소",
)

// Bounds of what is read around a house number, in bytes and words.
const (
	maxLocality = 160 // bytes between the street and the end of the address
	maxBack     = 120 // bytes before a house number
	nameWords   = 7   // words of the name of a street
)

// street is the part of an address that was recognised.
type street struct {
	start, end int
	tail       int // where more may follow: behind the full stop of an abbreviation
	strength   int8
	lower      bool // in small letters
	german     bool // of a language that writes nouns with capitals
	first      bool // the number stands first
	shut       bool // the name ends at a comma, a full stop or a line
}

func judgeStreet(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	done := 0
	for i, g := range c.Groups {
		if !g.Digits || g.Start < done {
			continue
		}
		if !words.IsDigit(t[g.Start]) {
			if g.Letters && g.Len() <= 4 && 'A' <= t[g.Start] && t[g.Start] <= 'Z' {
				if e := lettered(t, g.Start); e > g.End && (s.Before(g.Start) == ' ' || s.Before(g.Start) == '\n') && britishBack(s, g.Start, e) > 0 {
					done = e
				}
			}
			continue
		}
		if i > 0 && c.Groups[i-1].Digits && (g.Sep == classifiers.SepDash || g.Sep == classifiers.SepSlash || g.Sep == classifiers.SepDot) {
			continue
		}
		if end := judgeAt(s, g.Start); end > 0 {
			done = end
			s.Resume(end)
		}
	}
}

// judgeAt judges the number that begins at i and gives the end of the address,
// 0 where there is none.
func judgeAt(s *classifiers.Scan, i int) int {
	t := s.Text
	b := s.Before(i)
	if b >= 0xE3 || b >= 0x80 && b < 0xC0 {
		if end := asian(s, i); end > 0 {
			return end
		}
	}
	e := houseNumber(t, i)
	if e == 0 {
		return 0
	}
	start := i
	if b == '-' && words.IsLetter(s.Before(i-1)) && (i == 2 || !words.IsLetter(words.At(t, i-3)) && !words.IsDigit(words.At(t, i-3))) && words.At(t, e) == ',' {
		return indian(s, i-2, e) // B-204, Sunrise Apartments
	}
	switch b {
	case '$', '+', '_', '@', '%', '/', '-', '*', '\\', '&', '~', '^', '<':
		return 0
	case '#':
		if c := s.Before(i - 1); c != ' ' && c != 0 && c != '\n' {
			return 0
		}
	case '.':
		// No.12
		if c := s.Before(i - 1); c != 'o' && c != 'r' && c != 'O' && c != 'R' {
			return 0
		}
	}
	if b == ' ' || b == ':' || b == '.' || b == '#' || b == 0xBA || b == 0xB0 {
		if w, ok := named(t, i); ok {
			if f, ok := numberLast(t, i, e, w); ok {
				if end := settle(s, f, i); end > 0 {
					return end
				}
			}
			if end := flat(s, i, e); end > 0 {
				return end
			}
		}
	}
	if b != '#' && b != '.' {
		if f, ok := numberFirst(t, i, e); ok {
			if end := settle(s, f, i); end > 0 {
				return end
			}
		}
	}
	if words.At(t, e) == ',' {
		if b == '#' {
			start--
		}
		return indian(s, start, e)
	}
	return 0
}

// named reports whether what stands before a number can be the name of a street:
// most numbers of prose stand behind a word of grammar. It gives the word, where
// one was read.
func named(t string, i int) (words.Word, bool) {
	p := i - words.BlanksBack(t, i)
	if b := words.At(t, p-1); p == i || !words.IsLetter(b) && b < 0x80 {
		return words.Word{}, true
	}
	w := lexicon.ReadBack(t, p)
	switch {
	case w.End == w.Start, w.Capital:
		return w, true
	case w.Class == 0:
		return w, w.Letters > 3
	}
	return w, w.Class&^(goesOn|determiner|particle) != 0
}

// readBackTo is readBack where the word may have been read before.
func readBackTo(t string, i int, before words.Word) words.Word {
	if before.End == i && before.Start < i {
		return before
	}
	return lexicon.ReadBack(t, i)
}

// houseNumber reads the number of a house at i: 12, 12a, 12-14, 12/3, 189-2, 208a.
func houseNumber(t string, i int) int {
	n := run(t, i)
	if n == 0 || n > 6 || t[i] == '0' {
		return 0
	}
	e := i + n
	if words.IsLetter(words.At(t, e)) && !words.IsLetter(words.At(t, e+1)) && !words.IsDigit(words.At(t, e+1)) && n < 6 {
		e++
	}
	for range 3 {
		if c := words.At(t, e); c != '-' && c != '/' {
			break
		}
		m := run(t, e+1)
		switch {
		case m > 0 && m <= 5:
			f := e + 1 + m
			if words.IsLetter(words.At(t, f)) && !words.IsLetter(words.At(t, f+1)) {
				f++
			}
			e = f
		case words.IsLetter(words.At(t, e+1)) && !words.IsLetter(words.At(t, e+2)) && !words.IsDigit(words.At(t, e+2)):
			e += 2
		default:
			m = -1
		}
		if m < 0 {
			break
		}
	}
	switch c := words.At(t, e); {
	case words.IsLetter(c), words.IsDigit(c), c == '_', c == '%', c == '\'', c == '=':
		return 0
	case (c == '.' || c == ':' || c == ',' || c == '-' || c == '/') && words.IsDigit(words.At(t, e+1)):
		return 0
	}
	return e
}

// units reads what names a flat, floor or office behind a street that ends at i.
func units(t string, i int) int {
	end := i
	for range 3 {
		p := end
		if words.At(t, p) == ',' || words.At(t, p) == '.' {
			p++
		}
		sp := words.Blanks(t, p)
		p += sp
		if words.At(t, p) == '#' {
			q := p + 1 + words.Blanks(t, p+1)
			if e := unitValue(t, q); e > q {
				end = e
				continue
			}
			break
		}
		if sp == 0 && words.At(t, p-1) != '/' {
			break
		}
		// 3º B, 2° dcha
		if n := run(t, p); n > 0 && n <= 2 && (strings.HasPrefix(t[p+n:], "º") || strings.HasPrefix(t[p+n:], "°") || strings.HasPrefix(t[p+n:], ".º") || strings.HasPrefix(t[p+n:], "ª")) {
			e := p + n + strings.IndexAny(t[p+n:], "º°ª") + 2
			q := e + words.Blanks(t, e)
			if w := lexicon.Read(t, q); w.End > w.Start && (w.Letters == 1 && !w.Lower || w.Class&unit != 0 && w.Letters <= 4) {
				e = w.End
			}
			end = e
			continue
		}
		w := lexicon.Read(t, p)
		if w.Letters == 1 && !w.Lower && w.End == p+1 && words.At(t, w.End) == ' ' && run(t, w.End+1) > 0 && run(t, w.End+1) < 4 && closes(t, w.End+1+run(t, w.End+1)) {
			end = w.End + 1 + run(t, w.End+1) // 12 A 5
			continue
		}
		if w.End == w.Start || w.Class&unit == 0 || w.Letters == 0 {
			break
		}
		q := w.End
		if w.Digits {
			break
		}
		if words.At(t, q) == '.' {
			q++
		}
		if words.At(t, q) == ':' {
			q++
		}
		q += words.Blanks(t, q)
		e := unitValue(t, q)
		if e == q || q == w.End {
			break
		}
		if w.Letters <= 3 && !words.IsDigit(words.At(t, q)) && words.At(t, q+1) >= 'a' && words.At(t, q+1) <= 'z' {
			break
		}
		end = e
	}
	return end
}

// unitValue reads the number or letter of a unit.
func unitValue(t string, i int) int {
	w := lexicon.Read(t, i)
	if w.End == w.Start || w.End-w.Start > 6 || w.Lower && !w.Digits || !w.Digits && w.Letters > 1 {
		return i
	}
	return w.End
}

// settle looks at what follows and stands around a street and reports it. i is
// where its number begins. It gives the end, 0 where nothing was reported.
func settle(s *classifiers.Scan, f street, i int) int {
	t := s.Text
	end := f.end
	tail := f.tail
	if u := units(t, tail); u > tail {
		end, tail = u, u
	}
	l := localityAt(t, tail, manner{german: f.german})
	if l.level < strong && f.lower {
		if m := localityAt(t, tail, manner{lower: true, german: f.german}); m.sure && m.exact {
			l = m
		}
	}
	if l.level > none {
		end = l.end
	}
	level := proxy.VeryUnlikely
	switch f.strength {
	case strong:
		level = proxy.Likely
	case semi:
		level = proxy.Possible
		if !f.lower && run(t, i) > 1 && f.first && f.end-f.start > 6 {
			level = proxy.Likely
		}
		if f.german {
			level = proxy.Likely
		}
	case weak:
		level = proxy.Unlikely
	}
	if f.lower {
		level = min(level, proxy.Possible)
		if f.first && f.strength == strong && t[f.start] != 0 && frenchKind(t, f, i) {
			level = proxy.Likely
		}
	}
	if f.first {
		w := before(t, f.start)
		if w.Class&determiner != 0 && (!w.Capital || w.Lower) {
			level = classifiers.Raise(level, -2)
		} else if year(t, i) && l.level == none && w.Class&goesOn != 0 {
			level = classifiers.Raise(level, -2) // in 1929 Wall Street fell
		}
		f.start = dwellingBefore(t, f.start)
	} else if year(t, i) && l.level == none {
		level = classifiers.Raise(level, -1)
	}
	switch {
	case l.level == strong && f.strength > none:
		level = proxy.VeryLikely
		if f.strength == weak && !l.sure {
			level = proxy.Likely
		}
	case l.level == strong && f.first && l.sure:
		level = proxy.Likely
	case l.level == strong && !f.first && l.sure:
		level = proxy.Likely
	case l.level == strong && !f.first:
		level = proxy.Possible
	case l.level == weak && f.strength > none:
		level = classifiers.Raise(level, 1)
	}
	if level < proxy.VeryLikely && (f.strength > none || f.shut || l.level == strong) {
		if d := s.Near(addressCue, f.start, end); d < classifiers.Far {
			switch {
			case f.strength >= semi:
				level = max(classifiers.Raise(level, 1), proxy.Likely)
			case f.strength == weak && d < closeCue:
				level = max(classifiers.Raise(level, 1), proxy.Likely)
			case f.strength == none && f.shut:
				level = proxy.Likely
			default:
				level = classifiers.Raise(level, 1)
			}
		}
	}
	if level == proxy.VeryUnlikely {
		return 0
	}
	found := classifiers.Found{Start: f.start, End: end, Type: &streetType, Likelihood: level, Rule: "street_number"}
	if f.first {
		found.Rule = "number_street"
	}
	if l.level == strong {
		found.Validator = "postal_code"
	}
	s.Find(found)
	if level >= proxy.Likely {
		return end
	}
	return 0
}

// year reports whether the number at i may be a year of our time.
func year(t string, i int) bool {
	return run(t, i) == 4 && (t[i] == '1' && t[i+1] == '9' || t[i] == '2' && t[i+1] == '0')
}

// closeCue is how near a word such as lives must stand to a form that says
// little by itself.
const closeCue = 16

// before reads the word that stands before i.
func before(t string, i int) words.Word {
	p := i - words.BlanksBack(t, i)
	if p == i {
		return words.Word{}
	}
	return lexicon.ReadBack(t, p)
}
