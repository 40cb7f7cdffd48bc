package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/gazetteer"
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
		if !isDigit(t[g.Start]) {
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
	if b == '-' && isAlpha(s.Before(i-1)) && (i == 2 || !isAlpha(at(t, i-3)) && !isDigit(at(t, i-3))) && at(t, e) == ',' {
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
	if (b == ' ' || b == ':' || b == '.' || b == '#' || b == 0xBA || b == 0xB0) && named(t, i) {
		if f, ok := numberLast(t, i, e); ok {
			if end := settle(s, f, i); end > 0 {
				return end
			}
		}
		if end := flat(s, i, e); end > 0 {
			return end
		}
	}
	if b != '#' && b != '.' {
		if f, ok := numberFirst(t, i, e); ok {
			if end := settle(s, f, i); end > 0 {
				return end
			}
		}
	}
	if at(t, e) == ',' {
		if b == '#' {
			start--
		}
		return indian(s, start, e)
	}
	return 0
}

// named reports whether what stands before a number can be the name of a street:
// most numbers of prose stand behind a word of grammar.
func named(t string, i int) bool {
	p := i - blanksBack(t, i)
	if b := at(t, p-1); p == i || !isAlpha(b) && b < 0x80 {
		return true
	}
	w := readBack(t, p)
	switch {
	case w.end == w.start, w.capital:
		return true
	case w.class == 0:
		return w.letters > 3
	}
	return w.class&^(goesOn|determiner|particle) != 0
}

// houseNumber reads the number of a house at i: 12, 12a, 12-14, 12/3, 189-2, 208a.
func houseNumber(t string, i int) int {
	n := run(t, i)
	if n == 0 || n > 6 || t[i] == '0' {
		return 0
	}
	e := i + n
	if isAlpha(at(t, e)) && !isAlpha(at(t, e+1)) && !isDigit(at(t, e+1)) && n < 6 {
		e++
	}
	for range 3 {
		if c := at(t, e); c != '-' && c != '/' {
			break
		}
		m := run(t, e+1)
		switch {
		case m > 0 && m <= 5:
			f := e + 1 + m
			if isAlpha(at(t, f)) && !isAlpha(at(t, f+1)) {
				f++
			}
			e = f
		case isAlpha(at(t, e+1)) && !isAlpha(at(t, e+2)) && !isDigit(at(t, e+2)):
			e += 2
		default:
			m = -1
		}
		if m < 0 {
			break
		}
	}
	switch c := at(t, e); {
	case isAlpha(c), isDigit(c), c == '_', c == '%', c == '\'', c == '=':
		return 0
	case (c == '.' || c == ':' || c == ',' || c == '-' || c == '/') && isDigit(at(t, e+1)):
		return 0
	}
	return e
}

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
				w, p = v, q+sp
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
				p = w.end
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

// markers stand between the name of a street and its number.
func marker(folded []byte) bool {
	switch string(folded) {
	case "no", "nr", "n", "num", "numero", "nro", "no'", "nn":
		return true
	}
	return false
}

// numberLast reads a street whose number is [i, e): Hauptstraße 12, Calle Mayor 5.
func numberLast(t string, i, e int) (street, bool) {
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
		if w := readBack(t, q); w.end > w.start && w.letters <= 6 && (marker(foldInto(&b, t[w.start:w.end])) || t[w.start:w.end] == "д") {
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
	last := readBack(t, p)
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

// units reads what names a flat, floor or office behind a street that ends at i.
func units(t string, i int) int {
	end := i
	for range 3 {
		p := end
		if at(t, p) == ',' || at(t, p) == '.' {
			p++
		}
		sp := blanks(t, p)
		p += sp
		if at(t, p) == '#' {
			q := p + 1 + blanks(t, p+1)
			if e := unitValue(t, q); e > q {
				end = e
				continue
			}
			break
		}
		if sp == 0 && at(t, p-1) != '/' {
			break
		}
		// 3º B, 2° dcha
		if n := run(t, p); n > 0 && n <= 2 && (strings.HasPrefix(t[p+n:], "º") || strings.HasPrefix(t[p+n:], "°") || strings.HasPrefix(t[p+n:], ".º") || strings.HasPrefix(t[p+n:], "ª")) {
			e := p + n + strings.IndexAny(t[p+n:], "º°ª") + 2
			q := e + blanks(t, e)
			if w := read(t, q); w.end > w.start && (w.letters == 1 && !w.lower || w.class&unit != 0 && w.letters <= 4) {
				e = w.end
			}
			end = e
			continue
		}
		w := read(t, p)
		if w.letters == 1 && !w.lower && w.end == p+1 && at(t, w.end) == ' ' && run(t, w.end+1) > 0 && run(t, w.end+1) < 4 && closes(t, w.end+1+run(t, w.end+1)) {
			end = w.end + 1 + run(t, w.end+1) // 12 A 5
			continue
		}
		if w.end == w.start || w.class&unit == 0 || w.letters == 0 {
			break
		}
		q := w.end
		if w.digits {
			break
		}
		if at(t, q) == '.' {
			q++
		}
		if at(t, q) == ':' {
			q++
		}
		q += blanks(t, q)
		e := unitValue(t, q)
		if e == q || q == w.end {
			break
		}
		if w.letters <= 3 && !isDigit(at(t, q)) && at(t, q+1) >= 'a' && at(t, q+1) <= 'z' {
			break
		}
		end = e
	}
	return end
}

// unitValue reads the number or letter of a unit.
func unitValue(t string, i int) int {
	w := read(t, i)
	if w.end == w.start || w.end-w.start > 6 || w.lower && !w.digits || !w.digits && w.letters > 1 {
		return i
	}
	return w.end
}

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
		if w.class&determiner != 0 && (!w.capital || w.lower) {
			level = classifiers.Raise(level, -2)
		} else if year(t, i) && l.level == none && w.class&goesOn != 0 {
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

// before reads the word that stands before i.
func before(t string, i int) word {
	p := i - blanksBack(t, i)
	if p == i {
		return word{}
	}
	return readBack(t, p)
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
