package contact

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var phoneType = classifiers.Type{
	Name: "PHONE_NUMBER", Groups: []string{classifiers.Personal, classifiers.Contact}, Severity: classifiers.Medium,
	Doc: "A telephone or fax number.", Aliases: []string{"PHONE", "FAX_NUMBER"},
}

// Phone finds telephone numbers.
var Phone = &classifiers.Detector{
	Name: "phone", Version: 1,
	Doc: `Telephone numbers: international ones after ITU-T E.164 (a plus or 00, a country code in use, a length that the
country can have), North American ones (area and exchange begin with 2 to 9 and are no service codes such as 911; grouped 3-3-4),
and national ones of other countries beside a word for telephone. Ten bare digits need such a word. The fictional range
555-0100 to 555-0199 is synthetic. Other national plans follow with the detectors of their countries.`,
	Types: []*classifiers.Type{&phoneType},
	Positives: []string{
		"call [[PHONE_NUMBER|(415) 867-5309]] or [[PHONE_NUMBER|415-867-5309]], fax [[PHONE_NUMBER|212.736.5000]]",
		"Tel.: [[PHONE_NUMBER|+49 30 901820]] · mobile [[PHONE_NUMBER|+447911123456]] · [[PHONE_NUMBER|+33 1 42 68 53 00]]",
		"[[PHONE_NUMBER|+1 (646) 736-5000]] / [[PHONE_NUMBER|1-800-692-7753]] / [[PHONE_NUMBER|+44 (0)20 7946 1234]]",
		`{"phone": "[[PHONE_NUMBER|4158675309]]", "cell":"[[PHONE_NUMBER|415 867 5309]]"}`,
		"phone number: [[PHONE_NUMBER|030 901820-44]], Handy [[PHONE_NUMBER|0171/2345678]], mobile [[PHONE_NUMBER|07911 123456]]",
		"[[synthetic PHONE_NUMBER|(212) 555-0142]] is from a film",
		"電話番号は[[PHONE_NUMBER|03-3580-3311]]です",
	},
	NearMisses: []string{
		"order 4158675309, ticket 415-867-5309",
		"2024-01-15 10:30:00 took 1234567890 ns; timestamp 1700000000",
		"192.168.100.200 and 10.20.30.4000, version 212.736.5000",
		"(123) 456-7890 and 911-911-9111 are no numbers of the plan",
		"ISBN 978-3-16-148410-0, 550e8400-e29b-41d4-a716-446655440000, 3.1415926535",
		"+1 +2 +3 x+4915112345678 a=5+4915112345678 scores 415 867 5309 points",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Number, Judge: judgePhone}},
}

var phoneCue = classifiers.NewCue(
	"phone", "telephone", "tel", "mobile", "cell", "cellphone", "cellular", "fax", "call", "called", "calling", "dial", "sms", "text",
	"whatsapp", "signal", "hotline", "callback", "reach", "contact", "ring", "ph", "mob", "telefon", "telefonnummer", "tel nr", "handy",
	"handynummer", "mobil", "mobilnummer", "rufnummer", "anrufen", "rückruf", "festnetz", "durchwahl", "telefax",
	"téléphone", "telephoner", "portable", "appeler", "joindre", "fixe", "joignable", "joindre", "contacto", "cel", "llamó", "llamada", "teléfono", "telefono", "móvil", "movil", "celular", "llamar", "llame",
	"cellulare", "chiamare", "chiamami", "recapito", "numero di", "telefone", "telemóvel", "ligar", "ligue", "contato",
	"komórka", "komórkowy", "numer telefonu", "zadzwoń", "dzwonić", "telefoon", "telefoonnummer", "mobiel", "gsm", "bel", "bellen",
	"telefonnumret", "ring mig", "mobilen", "cep telefonu", "cep tel", "cep no", "direct line", "phone line", "arayın", "ara", "numara", "numaram",
	"телефон", "тел", "मोबाइल", "फोन", "फ़ोन", "नंबर", "電話", "電話番号", "携帯", "连絡先", "連絡先", "手机", "电话", "联系电话", "手機", "전화", "휴대폰", "โทร",
)

// otherCue names numbers of people and firms that are no telephone's. The
// nearer label counts.
var otherCue = classifiers.NewCue("ein", "vat", "tax", "iban", "zip", "cep", "postcode", "plz", "ssn", "account", "konto", "dni", "nif", "cpf", "cnpj", "imei", "iccid", "mrn", "npi", "passport", "license", "licence", "policy", "member", "loyalty", "customer", "kundennummer", "steuernummer")

// numberCue speaks of a number of any kind, and is believed where the shape is a
// telephone's.
var numberCue = classifiers.NewCue("number", "line", "direct", "nummer", "nr", "numéro", "número", "numero", "numer", "erreichbar", "unter", "at")

// Bounds of a number: ITU-T E.164 allows 15 digits; the shortest subscriber
// numbers with a country code have 7.
const (
	maxE164    = 15
	minE164    = 7
	maxParts   = 8 // groups of one written number
	closeLabel = 28
)

func judgePhone(s *classifiers.Scan, c classifiers.Candidate) {
	g := c.Groups
	for i := 0; i < len(g); {
		if n := phoneAt(s, g, i); n > 0 {
			i += n
			continue
		}
		i++
	}
}

// phoneAt judges what begins with group i and gives the number of groups that
// it took, 0 where no number begins there.
func phoneAt(s *classifiers.Scan, g []classifiers.Group, i int) int {
	switch before := s.Before(g[i].Start); {
	case before == '+':
		return international(s, g, i, g[i].Start-1, 0)
	case g[i].Sep == classifiers.SepDot || g[i].Sep == classifiers.SepSlash:
		return 0 // inside something else
	}
	if g[i].Len() > 3 && s.Text[g[i].Start] == '0' && s.Text[g[i].Start+1] == '0' || g[i].Len() == 2 && s.Text[g[i].Start:g[i].End] == "00" {
		if n := international(s, g, i, g[i].Start, 2); n > 0 {
			return n
		}
	}
	if n := american(s, g, i); n > 0 {
		return n
	}
	return national(s, g, i)
}

// glued reports whether the groups from i to j hang together with what stands
// around by a hyphen, dot or slash: then they are a part of something longer.
func glued(s *classifiers.Scan, g []classifiers.Group, i, j int) bool {
	if i > 0 && (g[i].Sep == classifiers.SepDash || g[i].Sep == classifiers.SepDot || g[i].Sep == classifiers.SepSlash) {
		return true
	}
	if j < len(g) && (g[j].Sep == classifiers.SepDash || g[j].Sep == classifiers.SepDot || g[j].Sep == classifiers.SepSlash) {
		return true
	}
	start, end := g[i].Start, g[j-1].End
	switch s.Before(start) {
	case '#', '$', '%', '^', '*', '=', '&':
		// = stands before values too: only with a digit before, 5=4158675309
		if s.Before(start) != '=' {
			return true
		}
	case '-', '.', '/', ':':
		b := s.Before(start - 1)
		if s.Before(start) != ':' && word(b) || s.Before(start) == ':' && '0' <= b && b <= '9' {
			return true
		}
	}
	switch a := s.At(end); a {
	case '-', '.', '/', ':', '%', '@':
		return word(s.At(end+1)) || a == '%'
	}
	return false
}

func word(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_'
}

// digits collects the digits of groups i to j without the first skip, at most
// one more than a number can have.
func digits(s *classifiers.Scan, g []classifiers.Group, buf []byte) []byte {
	for _, x := range g {
		for p := x.Start; p < x.End && len(buf) < cap(buf); p++ {
			buf = append(buf, s.Text[p])
		}
	}
	return buf
}

// international judges a number with a plus or 00 before its country code.
func international(s *classifiers.Scan, g []classifiers.Group, i, start, skip int) int {
	if start < g[i].Start { // the plus: it stands free
		switch b := s.Before(start); {
		case word(b), b == '+', b == ')':
			return 0
		}
	}
	var buf [maxE164 + 4]byte
	best, bestGroups := 0, 0
	total := 0
	for j := i; j < len(g) && j-i < maxParts; j++ {
		if j > i && (s.Before(g[j].Start) == '+' || g[j].Sep == classifiers.SepWide && j > i+3) {
			break
		}
		total += g[j].Len()
		if total-skip > maxE164+1 {
			break
		}
		d := digits(s, g[i:j+1], buf[:0])[skip:]
		// A trunk zero in parentheses, +44 (0)20 …, is not dialled.
		if j > i && g[i+1].Len() == 1 && g[i+1].Sep == classifiers.SepOpen && s.Text[g[i+1].Start] == '0' {
			n := g[i].Len() - skip
			d = append(d[:n], d[n+1:]...)
		}
		if plausible(d) && enough(g, i, j) {
			best, bestGroups = g[j].End, j-i+1
		}
	}
	if best == 0 {
		return 0
	}
	end := i + bestGroups
	level := proxy.Likely
	grouped := bestGroups > 1
	switch lean := s.Lean(phoneCue, classifiers.Numbering, start, best); {
	case skip > 0 && lean <= 0:
		level = proxy.Unlikely
		if grouped && lean == 0 {
			level = proxy.Possible
		}
	case lean > 0:
		level = proxy.VeryLikely
	case lean < 0 && !grouped:
		level = proxy.Possible
	case grouped:
		level = proxy.VeryLikely
	}
	if end < len(g) && skip > 0 && glued(s, g, i, end) {
		return 0
	}
	d := digits(s, g[i:end], buf[:0])[skip:]
	s.Find(classifiers.Found{Start: start, End: best, Type: &phoneType, Likelihood: level, Synthetic: fiction(d)})
	return bestGroups
}

// enough reports whether a number may end with group j: not with a lone digit
// after a space, which belongs to what follows.
func enough(g []classifiers.Group, i, j int) bool {
	return j == i || g[j].Len() > 1 || g[j].Sep == classifiers.SepDash
}

// plausible reports whether digits begin with a country code in use and have a
// length that its numbers can have.
func plausible(d []byte) bool {
	if len(d) < minE164 || len(d) > maxE164 {
		return false
	}
	n, low, high := countryCode(d)
	if n == 0 {
		return false
	}
	if n == 1 && d[0] == '1' {
		return len(d) == 11 && nanp(d[1:])
	}
	rest := len(d) - n
	if d[n] == '0' && !(n == 2 && d[0] == '3' && d[1] == '9') {
		rest-- // a trunk zero that somebody left in; Italy's belongs to the number
	}
	return low <= rest && rest <= high
}

// nanp reports whether ten digits are a number of the North American plan:
// area and exchange begin with 2 to 9 and are not N11; areas N9X are reserved.
func nanp(d []byte) bool {
	return len(d) == 10 && d[0] >= '2' && d[3] >= '2' && d[1] != '9' &&
		(d[1] != '1' || d[2] != '1') && (d[4] != '1' || d[5] != '1') && !same(d)
}

func same(d []byte) bool {
	for _, c := range d[1:] {
		if c != d[0] {
			return false
		}
	}
	return true
}

// fiction reports whether the digits end in 555-0100 to 555-0199, with the
// area code before.
func fiction(d []byte) bool {
	if len(d) == 11 && d[0] == '1' {
		d = d[1:]
	}
	return len(d) == 10 && d[3] == '5' && d[4] == '5' && d[5] == '5' && d[6] == '0' && d[7] == '1'
}

// american judges ten digits of the North American plan, with or without 1.
func american(s *classifiers.Scan, g []classifiers.Group, i int) int {
	j := i
	if g[j].Len() == 1 && s.Text[g[j].Start] == '1' && j+1 < len(g) && g[j+1].Len() == 3 {
		j++
	}
	n := 0
	form := proxy.VeryUnlikely // what the grouping is worth
	switch {
	case len(g)-j >= 3 && g[j].Len() == 3 && g[j+1].Len() == 3 && g[j+2].Len() == 4:
		n = 3
		a, b := g[j+1].Sep, g[j+2].Sep
		switch {
		case a == classifiers.SepClose && s.Before(g[j].Start) == '(':
			form = proxy.Likely
		case a == b && (a == classifiers.SepDash || a == classifiers.SepDot):
			form = proxy.Likely
		case a == classifiers.SepSpace && b == classifiers.SepDash, a == classifiers.SepSlash && b == classifiers.SepDash, a == classifiers.SepDot && b == classifiers.SepDash:
			form = proxy.Likely
		case a == classifiers.SepSpace && b == classifiers.SepSpace:
			form = proxy.Possible
		default:
			return 0
		}
	case len(g)-j >= 2 && g[j].Len() == 3 && g[j+1].Len() == 7 && s.Before(g[j].Start) == '(':
		n, form = 2, proxy.Possible
	case len(g)-j >= 2 && g[j].Len() == 3 && g[j+1].Len() == 7 && g[j+1].Sep != classifiers.SepDot:
		n, form = 2, proxy.Unlikely
	case len(g)-j >= 2 && g[j].Len() == 6 && g[j+1].Len() == 4 && g[j+1].Sep != classifiers.SepDot:
		n, form = 2, proxy.VeryUnlikely
	case i == j && g[j].Len() == 10:
		n = 1
	case i == j && g[j].Len() == 11 && s.Text[g[j].Start] == '1':
		n = 1
	default:
		return 0
	}
	end := j + n
	var buf [maxE164]byte
	d := digits(s, g[i:end], buf[:0])
	if len(d) == 11 && d[0] == '1' {
		d = d[1:]
	}
	if !nanp(d) || glued(s, g, i, end) {
		return 0
	}
	start, stop := g[i].Start, g[end-1].End
	if j == i && s.Before(start) == '(' && g[j+min(1, n-1)].Sep == classifiers.SepClose {
		start--
	}
	if i != j && g[j].Sep == classifiers.SepSpace && form == proxy.Possible {
		// "1 415 867 5309": the 1 may be the end of something else.
		form = proxy.Unlikely
	}
	level := form
	switch s.Lean(phoneCue, classifiers.Numbering, start, stop) {
	case 1:
		level = max(classifiers.Raise(form, 2), proxy.Likely)
	case -1:
		level = classifiers.Raise(form, -2)
	}
	s.Find(classifiers.Found{Start: start, End: stop, Type: &phoneType, Likelihood: level, Synthetic: fiction(d)})
	return end - i
}

// national judges numbers of other plans. The shape says little: without a word
// for telephone near, only those with a trunk zero and groups are reported, and
// those as very unlikely.
func national(s *classifiers.Scan, g []classifiers.Group, i int) int {
	if i > 0 && g[i].Sep != classifiers.SepSpace && g[i].Sep != classifiers.SepOpen && g[i].Sep != classifiers.SepWide {
		return 0
	}
	total, j := 0, i
	for j < len(g) && j-i < 6 {
		if j > i && g[j].Sep == classifiers.SepWide || j > i && s.Before(g[j].Start) == '+' {
			break
		}
		if total+g[j].Len() > 11 && (total+g[j].Len() > 12 || s.Text[g[i].Start] != '0') {
			break
		}
		total += g[j].Len()
		j++
	}
	if total < 8 || j < len(g) && glued(s, g, i, j) {
		return 0
	}
	if glued(s, g, i, j) || dated(s, g[i:j]) || quad(g[i:j]) {
		return 0
	}
	first := s.Text[g[i].Start]
	trunk := first == '0' && total >= 9 && s.Text[g[i].Start+min(1, g[i].Len()-1)] != '0'
	start, end := g[i].Start, g[j-1].End
	if j > i+1 && s.Before(start) == '(' && g[i+1].Sep == classifiers.SepClose {
		start--
	}
	near := s.Near(phoneCue, start, end)
	against := min(s.Beside(classifiers.Numbering, start, end), s.Beside(otherCue, start, end))
	if near > closeLabel || near > against && !s.KeyHas(phoneCue) {
		level := layout(s, g[i:j])
		if trunk && j > i+1 {
			level = max(level, proxy.VeryUnlikely)
			if s.Near(numberCue, start, end) <= closeLabel {
				level = proxy.Likely
			}
		}
		if level == 0 {
			return 0
		}
		if against <= closeLabel {
			level = classifiers.Raise(level, -2)
		}
		s.Find(classifiers.Found{Start: start, End: end, Type: &phoneType, Likelihood: level})
		return j - i
	}
	level := proxy.Likely
	if trunk {
		level = proxy.VeryLikely
	}
	var buf [maxE164]byte
	if d := digits(s, g[i:j], buf[:0]); same(d) {
		return 0
	}
	s.Find(classifiers.Found{Start: start, End: end, Type: &phoneType, Likelihood: level})
	return j - i
}

// layouts are ways of grouping that one country's numbers have and little else:
// France's pairs, the mobile numbers of Japan, Korea, Turkey, Spain and the
// United Kingdom.
var layouts = [...]struct {
	lengths string // of the groups, a digit each
	first   string // what the number may begin with
	level   proxy.Likelihood
}{
	{"22222", "01 02 03 04 05 06 07 09", proxy.Likely},
	{"344", "070 080 090 010 050", proxy.Likely},
	{"4322", "05", proxy.Likely},
	{"3222", "6 7 9", proxy.Possible},
	{"244", "03 06", proxy.Possible},
	{"56", "07", proxy.Possible},
	{"533", "07", proxy.Possible},
}

// layout gives what the grouping of a national number says by itself, 0 for
// nothing. The separators must be the same.
func layout(s *classifiers.Scan, g []classifiers.Group) proxy.Likelihood {
	for _, l := range layouts {
		if len(g) != len(l.lengths) {
			continue
		}
		fits := true
		for k, x := range g {
			fits = fits && x.Len() == int(l.lengths[k]-'0') && (k == 0 || x.Sep == g[1].Sep)
		}
		if !fits || g[1].Sep != classifiers.SepSpace && g[1].Sep != classifiers.SepDash && g[1].Sep != classifiers.SepDot {
			continue
		}
		for _, p := range strings.Fields(l.first) {
			if strings.HasPrefix(s.Text[g[0].Start:], p) {
				return l.level
			}
		}
	}
	return 0
}

// dated reports whether groups are a date, with or without a time's hour.
func dated(s *classifiers.Scan, g []classifiers.Group) bool {
	if len(g) < 3 || g[1].Sep != g[2].Sep || g[1].Sep == classifiers.SepSpace {
		return false
	}
	a, b, c := g[0].Len(), g[1].Len(), g[2].Len()
	return a <= 2 && b <= 2 && (c == 4 || c == 2 && g[1].Sep != classifiers.SepDash) && small(s, g[0], 31) && small(s, g[1], 31) || a == 4 && b <= 2 && c <= 2
}

func small(s *classifiers.Scan, g classifiers.Group, most int) bool {
	n := 0
	for p := g.Start; p < g.End; p++ {
		n = n*10 + int(s.Text[p]-'0')
	}
	return n <= most
}

// quad reports whether groups are joined by dots like an IPv4 address.
func quad(g []classifiers.Group) bool {
	return len(g) >= 4 && g[1].Sep == classifiers.SepDot && g[2].Sep == classifiers.SepDot && g[3].Sep == classifiers.SepDot && g[0].Len() <= 3 && g[3].Len() <= 3
}
