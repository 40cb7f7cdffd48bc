package payment

import (
	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

var ibanType = classifiers.Type{
	Name: "IBAN_CODE", Groups: []string{classifiers.Personal, classifiers.Financial}, Severity: classifiers.High,
	Doc: "An international bank account number (IBAN).", Aliases: []string{"IBAN"},
}

// IBAN finds international bank account numbers.
var IBAN = &classifiers.Detector{
	Name: "iban", Version: 1,
	Doc: `International bank account numbers after ISO 13616-1: a country of the registry, its length, the form of its account
part (letters and digits where the registry puts them) and check digits by ISO 7064 MOD 97-10. Capitals or lower case, together
or in groups joined by single spaces or hyphens. The check digits let one in 97 pass. The registry's and the banks' published
samples are synthetic.`,
	Types: []*classifiers.Type{&ibanType},
	Positives: []string{
		"IBAN [[IBAN_CODE|DE75 5121 0800 1245 1261 99]] (Sparkasse)",
		"transfer to [[IBAN_CODE|FR7630006000011234567890189]].",
		`{"account":"[[IBAN_CODE|nl02abna0123456789]]"}`,
		"[[IBAN_CODE|GB33-BUKB-2020-1555-5555-55]]\n[[IBAN_CODE|PL10 1050 0099 7603 1234 5678 9123]]",
		"[[synthetic IBAN_CODE|DE89 3704 0044 0532 0130 00]] and [[synthetic IBAN_CODE|GB82WEST12345698765432]]",
	},
	NearMisses: []string{
		"DE76 5121 0800 1245 1261 99 has wrong check digits",
		"XX75 5121 0800 1245 1261 99 has no country, DE75 5121 0800 is cut",
		"commit de755121080012451261990a, GB33 is a postcode area, NL02 a gate, part FR76-3000",
		"id_DE75512108001245126199 xDE75512108001245126199",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Mixed, Judge: judgeIBAN}},
}

const (
	maxIBAN = 34            // ISO 13616-1
	maxWalk = maxIBAN*2 + 2 // with a separator after each character
)

func judgeIBAN(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if c.End-c.Start < 4 || s.Before(c.Start) == '_' || !digit(t[c.Start+2]) || !digit(t[c.Start+3]) {
		return
	}
	for _, f := range country(t[c.Start], t[c.Start+1]) {
		if f.length > 0 && ibanAt(s, c.Start, f) {
			return
		}
	}
}

// ibanAt judges the number of one form that begins at start.
func ibanAt(s *classifiers.Scan, start int, f form) bool {
	t := s.Text
	var b [maxIBAN]byte
	n, i, sep := 0, start, byte(0)
	for n < f.length && i < len(t) && i-start < maxWalk {
		ch := t[i]
		switch {
		case 'a' <= ch && ch <= 'z':
			ch -= 'a' - 'A'
			fallthrough
		case digit(ch), 'A' <= ch && ch <= 'Z':
			b[n] = ch
			n++
			i++
			continue
		}
		k, w := space(t, i)
		if w == 0 || sep != 0 && k != sep || i+w >= len(t) || !alnum(t[i+w]) || t[i+w] == '_' {
			return false
		}
		sep = k
		i += w
	}
	if n != f.length || i < len(t) && alnum(t[i]) || !matches(f.account, b[4:n]) || !mod97(b[:n]) {
		return false
	}
	if s.At(i) == '-' && alnum(s.At(i+1)) || s.Before(start) == '-' && alnum(s.Before(start-1)) {
		return false
	}
	s.Find(classifiers.Found{Start: start, End: i, Type: &ibanType, Likelihood: proxy.VeryLikely, Synthetic: samples[string(b[:n])]})
	s.Resume(i)
	return true
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

// space reads one separator: a space, also a non-breaking one, or a hyphen.
func space(t string, i int) (kind byte, width int) {
	switch {
	case t[i] == ' ' || t[i] == '-':
		return t[i], 1
	case t[i] == '\n':
		return ' ', 1 // a line may break between groups; the check digits vouch for them
	case t[i] == 0xC2 && i+1 < len(t) && t[i+1] == 0xA0:
		return ' ', 2
	case t[i] == 0xE2 && i+2 < len(t) && t[i+1] == 0x80 && t[i+2] == 0xAF:
		return ' ', 3
	}
	return 0, 0
}

// mod97 checks ISO 7064 MOD 97-10 with the first four characters moved to the
// end and letters counted from A=10.
func mod97(b []byte) bool {
	if b[2] == '0' && b[3] < '2' || b[2] == '9' && b[3] == '9' {
		return false // check digits are 02 to 98
	}
	r := 0
	for i := range b {
		c := b[(i+4)%len(b)]
		if digit(c) {
			r = (r*10 + int(c-'0')) % 97
			continue
		}
		r = (r*100 + int(c-'A') + 10) % 97
	}
	return r == 1
}

// matches checks the account part against a form such as "4a14n": a letters, n
// digits, c either.
func matches(form string, b []byte) bool {
	at := 0
	for i := 0; i < len(form); {
		n := 0
		for ; digit(form[i]); i++ {
			n = n*10 + int(form[i]-'0')
		}
		for range n {
			d := digit(b[at])
			if form[i] == 'n' && !d || form[i] == 'a' && d {
				return false
			}
			at++
		}
		i++
	}
	return at == len(b)
}

// country gives the forms of a country's IBAN: the one of the registry, and an
// older one where such numbers are still about. A zero form is none.
func country(a, b byte) [2]form {
	a, b = a&^0x20, b&^0x20
	if a < 'A' || a > 'Z' || b < 'A' || b > 'Z' {
		return [2]form{}
	}
	return forms[int(a-'A')*26+int(b-'A')]
}

type form struct {
	length  int
	account string
}

// forms are the countries of the IBAN registry (ISO 13616, kept by SWIFT), with
// the form of the account part, and of the partial list of countries that use
// IBANs without being in it.
var forms = func() (t [26 * 26][2]form) {
	for _, f := range [...]struct{ cc, account string }{
		{"AD", "8n12c"}, {"AE", "19n"}, {"AL", "8n16c"}, {"AT", "16n"}, {"AZ", "4a20c"}, {"BA", "16n"}, {"BE", "12n"}, {"BG", "4a6n8c"},
		{"BH", "4a14c"}, {"BI", "23n"}, {"BR", "23n1a1c"}, {"BY", "4c4n16c"}, {"CH", "5n12c"}, {"CR", "18n"}, {"CY", "8n16c"}, {"CZ", "20n"},
		{"DE", "18n"}, {"DJ", "23n"}, {"DK", "14n"}, {"DO", "4c20n"}, {"EE", "16n"}, {"EG", "25n"}, {"ES", "20n"}, {"FI", "14n"}, {"FK", "2a12n"},
		{"FO", "14n"}, {"FR", "10n11c2n"}, {"GB", "4a14n"}, {"GE", "2a16n"}, {"GI", "4a15c"}, {"GL", "14n"}, {"GR", "7n16c"}, {"GT", "24c"},
		{"HN", "4a20n"}, {"HR", "17n"}, {"HU", "24n"}, {"IE", "4a14n"}, {"IL", "19n"}, {"IQ", "4a15n"}, {"IS", "22n"}, {"IT", "1a10n12c"},
		{"JO", "4a4n18c"}, {"KW", "4a22c"}, {"KZ", "3n13c"}, {"LB", "4n20c"}, {"LC", "4a24c"}, {"LI", "5n12c"}, {"LT", "16n"}, {"LU", "3n13c"},
		{"LV", "4a13c"}, {"LY", "21n"}, {"MC", "10n11c2n"}, {"MD", "20c"}, {"ME", "18n"}, {"MK", "3n10c2n"}, {"MN", "16n"}, {"MR", "23n"},
		{"MT", "4a5n18c"}, {"MU", "4a19n3a"}, {"NI", "4a20n"}, {"NL", "4a10n"}, {"NO", "11n"}, {"OM", "3n16c"}, {"PK", "4a16c"}, {"PL", "24n"},
		{"PS", "4a21c"}, {"PT", "21n"}, {"QA", "4a21c"}, {"RO", "4a16c"}, {"RS", "18n"}, {"RU", "14n15c"}, {"SA", "2n18c"}, {"SC", "4a20n3a"},
		{"SD", "14n"}, {"SE", "20n"}, {"SI", "15n"}, {"SK", "20n"}, {"SM", "1a10n12c"}, {"SO", "19n"}, {"ST", "21n"}, {"SV", "4a20n"}, {"TL", "19n"},
		{"TN", "20n"}, {"TR", "6n16c"}, {"UA", "6n19c"}, {"VA", "18n"}, {"VG", "4a16n"}, {"XK", "16n"}, {"YE", "4a4n18c"},
		// Not in the registry: partial users.
		{"AO", "21n"}, {"BF", "2c22n"}, {"BJ", "2c22n"}, {"CF", "23n"}, {"CG", "23n"}, {"CI", "2c22n"}, {"CM", "23n"}, {"CV", "21n"},
		{"DZ", "22n"}, {"GA", "23n"}, {"GQ", "23n"}, {"GW", "2c19n"}, {"IR", "22n"}, {"KM", "23n"}, {"MA", "24n"}, {"MG", "23n"}, {"ML", "2c22n"},
		{"MZ", "21n"}, {"NE", "2a22n"}, {"SN", "2c22n"}, {"TD", "23n"}, {"TG", "2a22n"},
		{"GF", "10n11c2n"}, {"GP", "10n11c2n"}, {"MQ", "10n11c2n"}, {"RE", "10n11c2n"}, {"PF", "10n11c2n"}, {"TF", "10n11c2n"}, {"YT", "10n11c2n"},
		{"NC", "10n11c2n"}, {"BL", "10n11c2n"}, {"MF", "10n11c2n"}, {"PM", "10n11c2n"}, {"WF", "10n11c2n"}, {"GG", "4a14n"}, {"IM", "4a14n"}, {"JE", "4a14n"}, {"AX", "14n"},
		// Forms of earlier editions, and the IIBAN of AA.
		{"BI", "12n"}, {"NI", "4a24n"}, {"DZ", "20n"}, {"BF", "23n"}, {"AA", "12c"},
	} {
		n := 0
		sum := 4
		for i := 0; i < len(f.account); i++ {
			if digit(f.account[i]) {
				n = n*10 + int(f.account[i]-'0')
				continue
			}
			sum += n
			n = 0
		}
		at := &t[int(f.cc[0]-'A')*26+int(f.cc[1]-'A')]
		if at[0].length > 0 {
			at[1] = form{sum, f.account}
			continue
		}
		at[0] = form{sum, f.account}
	}
	return t
}()

// samples are IBANs that banks' and standards' pages print.
var samples = map[string]bool{
	"DE89370400440532013000": true, "GB82WEST12345698765432": true, "GB29NWBK60161331926819": true, "FR1420041010050500013M02606": true,
	"NL91ABNA0417164300": true, "ES9121000418450200051332": true, "IT60X0542811101000000123456": true, "BE68539007547034": true,
	"CH9300762011623852957": true, "AT611904300234573201": true, "SE4550000000058398257466": true, "PL61109010140000071219812874": true,
	"NO9386011117947": true, "DK5000400440116243": true, "FI2112345600000785": true, "IE29AIBK93115212345678": true, "PT50000201231234567890154": true,
	"LU280019400644750000": true, "GR1601101250000000012300695": true, "TR330006100519786457841326": true, "SA0380000000608010167519": true,
	"AE070331234567890123456": true, "BR1800360305000010009795493C1": true, "CZ6508000000192000145399": true, "HU42117730161111101800000000": true,
	"IL620108000000099999999": true, "RO49AAAA1B31007593840000": true, "SK3112000000198742637541": true, "DE91100000000123456789": true,
}
