package contact

import (
	"github.com/ostiary/ostiary/classifiers"
)

var phoneType = classifiers.Type{
	Name: "PHONE_NUMBER", Groups: []string{classifiers.Personal, classifiers.Contact}, Severity: classifiers.Medium,
	Doc: "A telephone or fax number.", Aliases: []string{"PHONE", "FAX_NUMBER", "TR_PHONE_NUMBER"},
}

// Phone finds telephone numbers.
var Phone = &classifiers.Detector{
	Name: "phone", Version: 2,
	Doc: `Telephone and fax numbers by the numbering plan of each country (from libphonenumber's metadata). International ones
(a plus, 00 or 011, a country code in use, a length and first digits that the plan has) are likely by themselves, or beside a
word for telephone where they are written without plus; so are North American ones grouped 3-3-4 (area and exchange begin with 2
to 9 and are no service codes such as 911). National ones of other countries need a word for telephone, in one of some twenty
languages, in the text, the field name or the head of the column; without one, those grouped as the country groups them are
possible at most. Links wa.me and tel:, extensions, and numbers in letters (1-800-…, possible). Ten bare digits need a word too.
Numbers kept for films and examples (555-0100 to 555-0199, 07700 900000 …) are synthetic.`,
	Types: []*classifiers.Type{&phoneType},
	Positives: []string{
		"call [[PHONE_NUMBER|(415) 867-5309]] or [[PHONE_NUMBER|415-867-5309]], fax [[PHONE_NUMBER|212.736.5000]]",
		"Tel.: [[PHONE_NUMBER|+49 30 901820]] · mobile [[PHONE_NUMBER|+447911123456]] · [[PHONE_NUMBER|+33 1 42 68 53 00]]",
		"[[PHONE_NUMBER|+1 (646) 736-5000]] / [[PHONE_NUMBER|1-800-692-7753]] / [[PHONE_NUMBER|+44 (0)20 7946 1234]]",
		`{"phone": "[[PHONE_NUMBER|4158675309]]", "cell":"[[PHONE_NUMBER|415 867 5309]]"}`,
		"phone number: [[PHONE_NUMBER|030 901820-44]], Handy [[PHONE_NUMBER|0171/2345678]], mobile [[PHONE_NUMBER|07911 123456]]",
		"[[synthetic PHONE_NUMBER|(212) 555-0142]] is from a film, and so is [[synthetic PHONE_NUMBER|+44 7700 900123]]",
		"電話番号は[[PHONE_NUMBER|03-3580-3311]]です",
		"from abroad [[PHONE_NUMBER|0049 30 901820]] or [[PHONE_NUMBER|011 44 20 7833 1234]]",
		"office [[PHONE_NUMBER|(415) 867-5309 ext. 12]], desk [[PHONE_NUMBER|415-867-5309x1234]], Zentrale Tel. [[PHONE_NUMBER|030 901820 Durchwahl 44]]",
		"write to https://wa.me/[[PHONE_NUMBER|4915112345678]] or WhatsApp [[PHONE_NUMBER|919876512340]], tel:[[PHONE_NUMBER|+41446681800]]",
		"orders: [[possible PHONE_NUMBER|1-800-FLOWERS]]",
		"Bot: Vad är ditt telefonnummer?\nKund: [[PHONE_NUMBER|08902438]]",
		"PID|1||16954554^^^MRN||Nelson^Nicole||19951223|F|||9546 County Road 12||[[PHONE_NUMBER|2128067848]]",
		"name,mobile,city\nRossi,[[PHONE_NUMBER|3475551234]],Roma\nVerdi,[[PHONE_NUMBER|3395551234]],Pisa",
	},
	NearMisses: []string{
		"order 4158675309, ticket 415-867-5309",
		"2024-01-15 10:30:00 took 1234567890 ns; timestamp 1700000000",
		"192.168.100.200 and 10.20.30.4000, version 212.736.5000",
		"(123) 456-7890 and 911-911-9111 are no numbers of the plan",
		"ISBN 978-3-16-148410-0, 550e8400-e29b-41d4-a716-446655440000, 3.1415926535",
		"+1 +2 +3 x+4915112345678 a=5+4915112345678 scores 415 867 5309 points",
		"const mask = 0x4158675309; sum := 4158675309 * 1024; offset 4158675309x12",
		"IBAN FR76 2140 5161 9829 4357 1042 196, card ending 4242, Aadhaar 8719 5009 4244, called on 20261004",
		"go1.26.8 v0.42.0-20240102150405-abcdef012345 1.800.123 1-800-abc 0049123 00:30:90:18:20",
		"12 345 678 901 23, 1 000 000 000, 100 000 000 Einwohner, 5.000.000.000 Euro",
	},
	Interests: []classifiers.Interest{
		{Shape: classifiers.Number, Judge: judgePhone},
		{Shape: classifiers.Mixed, Judge: judgeExtended},
		{Shape: classifiers.Prefix, Literals: []string{"wa.me/", "phone="}, Judge: judgeLink},
		{Shape: classifiers.Prefix, Literals: vanityHeads, Judge: judgeVanity},
	},
}

// nounCue are words for a telephone and its number: what stands beside them is
// one, also across a line or a question.
var nounCue = classifiers.NewCue(nouns...)

var nouns = []string{
	"phone", "telephone", "tel", "mobile", "cell", "cellphone", "cellular", "fax", "sms", "whatsapp", "hotline", "callback", "ph", "mob", "msisdn",
	"phone number", "phone no", "direct line", "phone line", "landline", "telefon", "telefonnummer", "telefonnr", "tel nr", "fon", "handy", "handynummer", "handynr", "mobil", "mobilnummer", "mobiltelefon",
	"rufnummer", "festnetz", "durchwahl", "telefax", "rückruf", "téléphone", "tél", "portable", "numéro portable", "fixe", "télécopie", "teléfono", "telefono", "móvil", "movil", "celular", "fono", "cellulare",
	"telefonino", "recapito", "telefone", "telemóvel", "telemovel", "contacto telefónico", "telefon komórkowy", "komórka", "komórki", "komórkowy", "numer telefonu", "telefonu", "telefonie", "telefoon", "telefoonnummer", "mobiel",
	"mobieltje", "gsm", "telefonnumret", "mobilen", "mobilnr", "mobilnummer", "puhelin", "puh", "matkapuhelin", "cep telefonu", "cep tel", "cep no", "telefonum", "telefon numaram", "numaram",
	"телефон", "тел", "моб", "мобильный", "телефону", "τηλ", "τηλέφωνο", "κινητό", "הנייד", "טלפון", "نقال", "هاتف", "جوال", "الجوال", "الهاتف", "تلفن",
	"मोबाइल", "फोन", "फ़ोन", "नंबर", "電話", "電話番号", "携帯", "连絡先", "連絡先", "手机", "电话", "联系电话", "手機", "전화", "휴대폰", "โทร", "เบอร์",
}

// phoneCue adds words that speak of calling.
var phoneCue = classifiers.NewCue(append([]string{
	"call", "called", "calling", "dial", "text me", "text us", "text him", "text her", "text them", "text to", "reach", "contact", "ring", "anrufen", "telephoner", "appeler", "joindre", "joignable", "contacto", "cel", "llamó", "llamada",
	"llamar", "llame", "chiamare", "chiamami", "numero di", "ligar", "ligue", "contato", "zadzwoń", "dzwonić", "bel", "bellen", "ring mig", "arayın", "ara", "numara",
	"call back", "ring back", "zurückrufen", "erreichen", "erreichbar unter", "rappeler", "rappelez", "appelez", "contacter", "llámame", "llámeme", "llamarme", "richiamare", "chiamate", "chiamatemi", "telefonare",
	"telefonar", "ligar me", "dzwoń", "oddzwonić", "kontakt pod", "terugbellen", "bereikbaar", "bereiken", "ringa", "nås på", "arayabilirsiniz", "ulaşabilirsiniz", "联系", "致电", "拨打", "来电", "聯絡", "致電", "連絡", "संपर्क", "कॉल", "연락",
}, nouns...)...)

// ownCue speaks of somebody's number. It says telephone where the digits are
// grouped as a plan groups them and nothing else is named.
var ownCue = classifiers.NewCue("my number", "his number", "her number", "their number", "your number", "meine nummer", "seine nummer", "ihre nummer", "mon numéro", "son numéro", "mi número", "su número", "mio numero", "suo numero",
	"meu número", "seu número", "mój numer", "jego numer", "jej numer", "mijn nummer", "zijn nummer", "haar nummer", "mitt nummer", "hans nummer", "hennes nummer", "benim numaram", "numarası")

// otherCue names numbers of people and firms that are no telephone's. The
// nearer label counts.
var otherCue = classifiers.NewCue("ein", "vat", "tax", "iban", "zip", "cep", "postcode", "plz", "ssn", "sécurité sociale", "account", "konto", "dni", "nif", "nip", "pesel", "regon", "cpf", "cnpj", "imei", "iccid",
	"mrn", "npi", "nhs", "passport", "license", "licence", "policy", "member", "loyalty", "customer", "kundennummer", "steuernummer", "aadhaar", "आधार", "bsn", "personnummer", "siret", "siren", "abn", "acn", "tfn", "born", "geboren", "dob")

// numberCue speaks of a number of any kind, and is believed where the shape is a
// telephone's.
var numberCue = classifiers.NewCue("number", "line", "direct", "nummer", "nr", "numéro", "número", "numero", "numer", "erreichbar", "unter", "at")

// Bounds of a number: ITU-T E.164 allows 15 digits; the shortest subscriber
// numbers with a country code have 7.
const (
	maxE164    = 15
	minE164    = 7
	maxParts   = 8  // groups of one written number
	closeLabel = 28 // distance of a word that speaks of a number
	farLabel   = 64 // and of one that names a telephone
	beside     = 12 // and of a label
)

func judgePhone(s *classifiers.Scan, c classifiers.Candidate) { numbers(s, c.Groups) }

// numbers judges what begins with each of the groups.
func numbers(s *classifiers.Scan, g []classifiers.Group) {
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
		return international(s, g, i, prefixed{g[i].Start - 1, 0})
	case g[i].Sep == classifiers.SepDot || g[i].Sep == classifiers.SepSlash:
		return 0 // inside something else
	}
	if t := s.Text[g[i].Start:g[i].End]; t[0] == '0' && (len(t) >= 3 && t[1] == '0' || t == "00" || t == "011" || len(t) > 10 && t[:3] == "011") {
		skip := 2
		if t[1] == '1' {
			skip = 3
		}
		if n := international(s, g, i, prefixed{g[i].Start, skip}); n > 0 {
			return n
		}
	}
	if n := american(s, g, i); n > 0 {
		return n
	}
	if n := enclosed(s, g, i); n > 0 {
		return n
	}
	return national(s, g, i)
}

// report reports a number, with the extension behind it.
func report(s *classifiers.Scan, f classifiers.Found) {
	f.Type = &phoneType
	f.End = extension(s.Text, f.End)
	s.Find(f)
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

// digits collects the digits of groups i to j, at most
// one more than a number can have.
func digits(s *classifiers.Scan, g []classifiers.Group, buf []byte) []byte {
	for _, x := range g {
		for p := x.Start; p < x.End && len(buf) < cap(buf); p++ {
			buf = append(buf, s.Text[p])
		}
	}
	return buf
}

// counting reports whether digits hold a row that counts up: 1234567890 is what
// people write who need a number.
func counting(d []byte) bool {
	const most = 9
	run := 1
	for i := 1; i < len(d); i++ {
		if (d[i-1]-'0'+1)%10 == d[i]-'0' {
			if run++; run >= most {
				return true
			}
		} else {
			run = 1
		}
	}
	return false
}
