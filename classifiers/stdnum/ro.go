package stdnum

import "strings"

var roCF = &Format{
	Name: "ro.cf", Type: "RO_CF", Aliases: []string{"RO_VAT"},
	Title: "VAT number (cod de înregistrare în scopuri de TVA) in Romania: a firm's CUI or a person's CNP.",
	Of:    Either, Clean: " -",
	Shapes: []string{"ro99", "ro999", "ro9999", "ro99999", "ro999999", "ro9999999", "ro99999999", "ro999999999", "ro9999999999", "ro9999999999999"}, Written: []string{"ro 99999999", "ro 9999999"},
	Words:  []string{"cf", "cod fiscal", "codul fiscal", "cif", "i f", "tva", "cod tva", "nr tva", "înregistrare fiscală", "vat", "vat number"},
	Strong: 10, Sample: "RO 4827311", Check: roCFValid,
}

func roCFValid(s string) bool {
	s = gzBare(s, "RO")
	if len(s) == 13 {
		return roCNPValid(s)
	}
	return roCUIValid(s)
}

var roCNP = &Format{
	Name: "ro.cnp", Type: "RO_CNP",
	Title: "Personal numeric code (CNP) of a person in Romania: sex and century, day of birth, county, serial and check digit.",
	Of:    Person, Clean: " -",
	Shapes: []string{"9999999999999"}, Written: []string{"9 999999 999999", "9-999999-999999"},
	Words:  []string{"cnp", "n p", "cod numeric", "numeric personal", "codul numeric", "buletin", "personal code", "pacient", "născut"},
	Strong: 500, Sample: "1860514128270", Check: roCNPValid,
}

// roCNPValid: 7 and 8 are residents, 9 other foreigners, whose century the code
// does not tell.
func roCNPValid(s string) bool {
	if !digits(s, 13) {
		return false
	}
	century := 1900
	switch s[0] {
	case '0':
		return false
	case '3', '4':
		century = 1800
	case '5', '6':
		century = 2000
	}
	switch county := number(s[7:9]); {
	case 1 <= county && county <= 48, county == 51, county == 52, county == 70, 80 <= county && county <= 83:
	default:
		return false
	}
	return day(century+number(s[1:3]), number(s[3:5]), number(s[5:7])) &&
		"01234567891"[weighted(s[:12], 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)%11] == s[12]
}

var roCUI = &Format{
	Name: "ro.cui", Type: "RO_CUI", Aliases: []string{"RO_CIF"},
	Title: "Unique registration code (CUI) of a firm in Romania.",
	Of:    Company, Clean: " -",
	Shapes: []string{"99999999", "9999999", "999999", "ro99999999", "ro9999999", "ro999999"}, Written: []string{"ro 99999999", "ro 9999999"},
	Words:  []string{"cui", "u i", "cod unic", "cif", "înregistrare", "cod fiscal", "company number", "tax number"},
	Strong: 10, Sample: "RO 18273151", Check: roCUIValid,
}

// roCUIValid: two to ten digits, weighed from the right.
func roCUIValid(s string) bool {
	s = gzBare(s, "RO")
	n := len(s) - 1
	if n < 1 || n > 9 || !allDigits(s) || s[0] == '0' {
		return false
	}
	return roCUISum(s[:n])*10%11%10 == int(s[n]-'0')
}

var roONRC = &Format{
	Name: "ro.onrc", Type: "RO_ONRC",
	Title: "Number of a firm in the trade register (ONRC) of Romania: kind, county, serial and year.",
	Of:    Company, Clean: " -",
	Shapes:  []string{"A9999999999999", "A99/9999/9999", "A99/999/9999", "A99/99999/9999", "A99/99/9999", "A99/9/9999", "A9/999/9999", "A9/9999/9999"},
	Written: []string{"A99/9999/9999", "A99/999/9999", "A99/99999/9999", "A99/99/9999", "A99/9/9999"},
	Words:   []string{"onrc", "registrul comerțului", "registrul comertului", "reg com", "nr reg", "nr orc", "orc", "înmatriculare", "trade register"},
	Strong:  3, Sample: "J40/4827/2013", Compact: roONRCCompact, Check: roONRCValid,
}

// roONRCCompact writes a number as it is: kind, county/serial/year, without the
// day that may stand before the year.
func roONRCCompact(value string) string {
	const between = " -/\\"
	s := Clean(value, "")
	if s == "" || strings.IndexByte(between, s[0]) >= 0 || strings.IndexByte(between, s[len(s)-1]) >= 0 {
		return ""
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(between, r) }), "/")
	if len(s) > 2 && s[1] == '/' {
		s = s[:1] + s[2:]
	}
	if i := len(s) - 10; i > 0 && s[i-1] == '/' && s[i+2] == '.' && s[i+5] == '.' {
		if allDigits(s[i:i+2]) && allDigits(s[i+3:i+5]) {
			s = s[:i] + s[i+6:]
		}
	}
	return s
}

// roCounty reports whether county is one of the register's: 1 to 40, 51 and 52.
func roCounty(county int) bool {
	return 1 <= county && county <= 40 || county == 51 || county == 52
}

// roONRCValid: numbers given until July 2024 have the county first. Later ones
// are the year, six digits, 00 and a check digit; the old ones were brought to
// that form with the county in the place of 00.
func roONRCValid(s string) bool {
	if len(s) < 8 || s[0] != 'J' && s[0] != 'F' && s[0] != 'C' {
		return false
	}
	if digits(s[1:], 13) {
		year, county := number(s[1:5]), number(s[11:13])
		if year < 1990 || !gzPast(year) || !(year <= 2024 && roCounty(county) || year >= 2024 && county == 0) {
			return false
		}
		return (int(s[0])+weighted(s[1:13], 1))%10 == int(s[13]-'0')
	}
	i, j := strings.IndexByte(s, '/'), strings.LastIndexByte(s, '/')
	if i < 2 || i > 3 || j-i < 2 || j-i > 6 || len(s)-j != 5 || !roCounty(number(s[1:i])) || !allDigits(s[i+1:j]) {
		return false
	}
	year := number(s[j+1:])
	return 1990 <= year && year <= 2024
}

// roCUISum weighs digits by 7 5 3 2 1 7 5 3 2, which end at the last one.
func roCUISum(s string) (sum int) {
	for i := 0; i < len(s); i++ {
		sum += int(s[len(s)-1-i]-'0') * int("235712357"[i]-'0')
	}
	return sum
}
