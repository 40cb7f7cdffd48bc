package stdnum

import "strings"

var frAccise = &Format{
	Name: "fr.accise", Type: "FR_ACCISE",
	Title: "Excise number (numéro d'accise) of who deals in goods under excise in France.",
	Of:    Company, Clean: " ",
	Shapes: []string{"fr099999n9999", "fr099999e9999", "fr099999c9999", "fr099999b9999"}, Written: []string{"fr 099999 n 9999", "fr 099999 e 9999"},
	Words:  []string{"accise", "numéro d'accise", "n° d'accise", "entrepositaire", "gamma", "douane", "excise", "excise number"},
	Strong: 1, Sample: "FR048273N0159", Check: frAcciseValid,
}

// frAcciseValid: year, region and district, the kind of dealer, and a number.
func frAcciseValid(s string) bool {
	return len(s) == 13 && s[:3] == "FR0" && allDigits(s[3:8]) && strings.IndexByte("BCEN", s[8]) >= 0 && allDigits(s[9:12]) && alnums(s[12:])
}

var frNIF = &Format{
	Name: "fr.nif", Type: "FR_NIF", Aliases: []string{"FR_SPI"},
	Title: "Tax number (numéro fiscal de référence, SPI) of people in France.",
	Of:    Person, Clean: " ",
	Shapes: []string{"0999999999999", "1999999999999", "2999999999999", "3999999999999"}, Written: []string{"99 99 999 999 999"},
	Words:  []string{"numéro fiscal", "n° fiscal", "no fiscal", "numéro spi", "spi", "nif", "fiscal", "référence fiscale", "identifiant fiscal", "impôts", "avis d'imposition", "impôt", "tax number", "tax id", "tin"},
	Strong: 511, Sample: "14 82 730 159 295", Check: frNIFValid,
}

// frNIFValid: the last three digits are the remainder of the others by 511.
func frNIFValid(s string) bool {
	return digits(s, 13) && s[0] <= '3' && number(s[:10])%511 == number(s[10:])
}

var frNIR = &Format{
	Name: "fr.nir", Type: "FR_NIR", Aliases: []string{"FR_INSEE", "FR_SSN"},
	Title: "Social security number (NIR, numéro INSEE, numéro de sécurité sociale) of people in France.",
	Of:    Person, Health: true, Clean: " .-/",
	Shapes: []string{"999999999999999", "99999*999999999", "999992a99999999", "999992b99999999"}, Written: []string{"9 99 99 99 999 999 99", "9 99 99 9* 999 999 99", "9.99.99.99.999.999.99", "9999999999999 99", "9 99 99 99 999 999 - 99", "9 99 99 99 999 999/99", "999992a999999 99"},
	Words: []string{"sécurité sociale", "securite sociale", "sécu", "secu", "nir", "n° sécu", "numéro sécu", "no sécu", "insee", "n° ss", "carte vitale", "vitale", "assuré",
		"assurance maladie", "numéro insee", "immatriculation", "social security", "ssn"},
	Strong: 97, Sample: "1 81 07 35 482 730 37", Check: frNIRValid,
}

// frNIRValid: two check digits by 97 of the other thirteen, in which 2A and 2B,
// the departments of Corsica, count as 19 and 18.
func frNIRValid(s string) bool {
	if len(s) != 15 || !allDigits(s[:6]) || !allDigits(s[7:]) {
		return false
	}
	n := number(s[:5])*100 + number(s[5:6])*10
	switch {
	case s[5] == '2' && s[6] == 'A':
		n += -20 + 19
	case s[5] == '2' && s[6] == 'B':
		n += -20 + 18
	case s[6] >= '0' && s[6] <= '9':
		n += int(s[6] - '0')
	default:
		return false
	}
	return 97-(n*1_000_000+number(s[7:13]))%97 == number(s[13:])
}

var frRCS = &Format{
	Name: "fr.rcs", Type: "FR_RCS",
	Title: "Number in the register of trade and companies (RCS) in France, with the town of the registry.",
	Of:    Company, Compact: strings.TrimSpace,
	Words:  []string{"rcs", "r.c.s", "greffe", "immatriculée", "company register"},
	Strong: 10, Sample: "RCS Nancy B 482 730 157", Check: frRCSValid,
}

// frRCSValid: RCS, the town, A for merchants or B for companies, and the number
// of the company.
func frRCSValid(s string) bool {
	if len(s) > maxValue || len(s) < len("RCS A B 999999999") || !strings.EqualFold(s[:3], "RCS") || s[3] != ' ' {
		return false
	}
	// The nine digits from the end, with spaces between them.
	var siren [9]byte
	i := len(s)
	for n := len(siren); n > 0; {
		i--
		switch {
		case i < 4:
			return false
		case s[i] >= '0' && s[i] <= '9':
			n--
			siren[n] = s[i]
		case s[i] != ' ' && s[i] != '.':
			return false
		}
	}
	head := strings.TrimRight(s[4:i], " .")
	n := len(head)
	if n < 3 || strings.IndexByte("AB", head[n-1]) < 0 || value(head[n-2]) >= 0 || head[n-2] >= 'a' || len(head)+4 == i {
		return false
	}
	town := strings.Trim(head[:n-2], " ")
	return town != "" && luhn(string(siren[:]))
}

var frSIREN = &Format{
	Name: "fr.siren", Type: "FR_SIREN",
	Title: "Number of firms in the register (SIREN) of France.",
	Of:    Company, Clean: " .",
	Shapes: []string{"999999999"}, Written: []string{"999 999 999", "999.999.999"},
	Words:  []string{"siren", "n° siren", "numéro siren", "siren siret", "rcs", "sirene", "insee", "société", "entreprise", "immatriculée", "company number"},
	Strong: 10, Sample: "482 730 157", Check: frSIRENValid,
}

func frSIRENValid(s string) bool { return digits(s, 9) && luhn(s) }

var frSIRET = &Format{
	Name: "fr.siret", Type: "FR_SIRET",
	Title: "Number of a place of business in the register (SIRET) of France.",
	Of:    Company, Clean: " .",
	Shapes: []string{"99999999999999"}, Written: []string{"999 999 999 99999", "999 999 999 999 99", "999999999 99999", "999.999.999.99999"},
	Words:  []string{"siret", "n° siret", "numéro siret", "siren siret", "sirene", "établissement", "insee", "entreprise", "société", "company number"},
	Strong: 100, Sample: "482 730 157 00013", Check: frSIRETValid,
}

// frSIRETValid: the company's number and five digits of the place, with Luhn's
// check digit over all. The post's many places are checked by the sum of their
// digits, a multiple of five.
func frSIRETValid(s string) bool {
	if !digits(s, 14) || !luhn(s[:9]) {
		return false
	}
	if s[:9] == "356000000" && s != "35600000000048" {
		sum := 0
		for i := 0; i < len(s); i++ {
			sum += int(s[i] - '0')
		}
		return sum%5 == 0
	}
	return luhn(s)
}

var frTVA = &Format{
	Name: "fr.tva", Type: "FR_TVA", Aliases: []string{"FR_VAT"},
	Title: "VAT number (numéro de TVA intracommunautaire) of firms in France and Monaco.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"fr**999999999"}, Written: []string{"fr ** 999 999 999", "fr** 999 999 999", "fr ** 999999999", "fr **999999999", "fr-**-999999999"},
	Words:  []string{"tva", "n° tva", "numéro tva", "no tva", "tva intracommunautaire", "intracommunautaire", "tva intracom", "vat", "vat number", "vat no", "vat id", "vatin"},
	Strong: 130, Sample: "FR 77 482 730 157", Check: frTVAValid,
}

// frTVAValid: two characters that check the company's number, in figures by 97,
// with letters by 11. Numbers of Monaco begin with 000 and are not companies'.
func frTVAValid(s string) bool {
	const letters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	s = prefixed(s, "FR")
	if len(s) != 11 || !allDigits(s[2:]) || s[2:5] != "000" && !luhn(s[2:]) {
		return false
	}
	a, b := strings.IndexByte(letters, s[0]), strings.IndexByte(letters, s[1])
	if a < 0 || b < 0 {
		return false
	}
	siren := number(s[2:])
	switch {
	case a < 10 && b < 10:
		return (siren*100+12)%97 == a*10+b
	case a < 10:
		c := a*24 + b - 10
		return (siren+1+c/11)%11 == c%11
	default:
		c := a*34 + b - 100
		return (siren+1+c/11)%11 == c%11
	}
}
