package stdnum

import "strings"

var noFodselsnummer = &Format{
	Name: "no.fodselsnummer", Type: "NO_FODSELSNUMMER",
	Title: "Birth number (fødselsnummer), or D number, of a person in Norway: day of birth, a serial and two check digits.",
	Of:    Person, Clean: " -:",
	Shapes: []string{"99999999999"}, Written: []string{"999999 99999", "999999-99999", "999999 999 99"},
	Words:  []string{"fødselsnummer", "fodselsnummer", "fødselsnr", "fnr", "personnummer", "personnr", "d nummer", "dnummer", "fødselsdato", "birth number", "national identity"},
	Strong: 900, Sample: "14057638274", Check: noFodselsnummerValid,
}

// noFodselsnummerValid: 40 is added to the day of people without residence (D
// numbers), and to the month in emergency numbers (H). The serial tells the
// century.
func noFodselsnummerValid(s string) bool {
	if !digits(s, 11) ||
		weighted(s[:10], 3, 7, 6, 1, 8, 9, 4, 5, 2, 1)%11 != 0 ||
		weighted(s, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 != 0 {
		return false
	}
	d, m, y, serial := number(s[:2]), number(s[2:4]), number(s[4:6]), number(s[6:9])
	if d > 40 {
		d -= 40
	}
	if m > 40 {
		m -= 40
	}
	switch {
	case serial < 500:
		y += 1900
	case serial < 750 && y >= 54:
		y += 1800
	case y < 40:
		y += 2000
	case serial >= 900:
		y += 1900
	default:
		return false
	}
	return day(y, m, d) && gzPast(y)
}

var noIBAN = &Format{
	Name: "no.iban", Type: "NO_IBAN",
	Title: "IBAN of an account in Norway, whose national number is checked as well.",
	Of:    Account, Clean: " -.",
	Shapes: []string{"no9999999999999"}, Written: []string{"no99 9999 9999 999", "no99 9999.99.99999"},
	Words:  []string{"iban", "konto", "kontonummer", "bankkonto", "account", "bank account"},
	Strong: 900, Sample: "NO82 4827 9105 411", Check: noIBANValid,
}

func noIBANValid(s string) bool {
	return len(s) == 15 && noKontonrValid(s[4:]) && gzIBAN(s, "NO", 15)
}

var noKontonr = &Format{
	Name: "no.kontonr", Type: "NO_KONTONR",
	Title: "Number (kontonummer) of a bank account in Norway.",
	Of:    Account, Clean: " -.",
	Shapes: []string{"99999999999"}, Written: []string{"9999.99.99999", "9999 99 99999"},
	Words:  []string{"konto", "kontonr", "kontonummer", "konto nr", "bankkonto", "til konto", "kontoen", "account", "account number", "bank account"},
	Strong: 11, Sample: "4827.31.05916", Check: noKontonrValid,
}

// noKontonrValid: accounts of the old postal giro have seven digits, with four
// zeros before them or without, and Luhn's digit.
func noKontonrValid(s string) bool {
	if s = strings.TrimPrefix(s, "0000"); len(s) == 7 {
		return luhn(s)
	}
	return digits(s, 11) && weighted(s, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

var noMVA = &Format{
	Name: "no.mva", Type: "NO_MVA", Aliases: []string{"NO_VAT"},
	Title: "VAT number of a firm in Norway: its organisation number and the letters MVA.",
	Of:    Company, Clean: " ",
	Shapes: []string{"no999999999mva", "999999999mva"}, Written: []string{"no 999 999 999 mva", "999 999 999 mva", "999999999 mva"},
	Words:  []string{"mva", "mva nr", "orgnr", "org nr", "organisasjonsnummer", "foretaksregisteret", "vat", "vat number"},
	Strong: 11, Sample: "NO 948 273 101 MVA", Check: noMVAValid,
}

func noMVAValid(s string) bool {
	s = gzBare(s, "NO")
	return len(s) == 12 && s[9:] == "MVA" && noOrgnrValid(s[:9])
}

var noOrgnr = &Format{
	Name: "no.orgnr", Type: "NO_ORGNR",
	Title: "Organisation number of a firm or association in Norway.",
	Of:    Company, Clean: " ",
	Shapes: []string{"999999999"}, Written: []string{"999 999 999"},
	Words:  []string{"orgnr", "org nr", "org nummer", "organisasjonsnummer", "organisasjonsnr", "brreg", "brønnøysund", "foretaksnummer", "company number", "organisation number"},
	Strong: 11, Sample: "948 273 101", Check: noOrgnrValid,
}

func noOrgnrValid(s string) bool {
	return digits(s, 9) && weighted(s, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}
