package stdnum

import "strings"

var skDPH = &Format{
	Name: "sk.dph", Type: "SK_DPH", Aliases: []string{"SK_VAT"},
	Title: "VAT number (IČ DPH) of people and firms in Slovakia.",
	Of:    Either, Clean: " -",
	Shapes: []string{"sk9999999999", "9999999999"}, Written: []string{"sk 9999999999"},
	Words:  []string{"dph", "ič dph", "ic dph", "dič", "dic", "daňové identifikačné", "identifikačné číslo", "daň", "vat", "vat number", "tax number"},
	Strong: 15, Sample: "SK2048273150", Check: skDPHValid,
}

// skDPHValid: eleven divides the number, whose third digit is not 0, 1, 5 or 6;
// people without a firm use their birth number.
func skDPHValid(s string) bool {
	s = gzBare(s, "SK")
	if !digits(s, 10) {
		return false
	}
	return skRCValid(s) || s[0] != '0' && strings.IndexByte("234789", s[2]) >= 0 && number(s)%11 == 0
}

var skRC = &Format{
	Name: "sk.rc", Type: "SK_RC",
	Title: "Birth number (rodné číslo) of a person in Slovakia: day of birth, serial and, since 1954, a check digit.",
	Of:    Person, Clean: " /",
	Shapes: []string{"9999999999", "999999999"}, Written: []string{"999999/9999", "999999/999"},
	Words:  []string{"rodné číslo", "rodne cislo", "rodného čísla", "rč", "r č", "rod č", "narodený", "narodená", "birth number", "pacient"},
	Strong: 50, Sample: "860514/8277", Check: skRCValid,
}

// skRCValid: 50 is added to the month for women, and since 2004 another 20 where
// the numbers of a day ran out; numbers of nine digits were given until 1953. A
// remainder of ten, not given out since 1985, is written as 0.
func skRCValid(s string) bool {
	if !digits(s, 10) && !digits(s, 9) {
		return false
	}
	year := 1900 + number(s[:2])
	month := number(s[2:4]) % 50 % 20
	switch {
	case len(s) == 9:
		if year >= 1980 {
			year -= 100
		}
		if year > 1953 {
			return false
		}
	case year < 1954:
		year += 100
	}
	if !day(year, month, number(s[4:6])) {
		return false
	}
	if len(s) == 9 {
		return true
	}
	return number(s[:9])%11%10 == int(s[9]-'0')
}

var skICO = &Format{
	Name: "sk.ico", Type: "SK_ICO",
	Title: "Organisation number (IČO) of a firm in Slovakia.",
	Of:    Company, Clean: " -",
	Shapes: []string{"99999999"}, Written: []string{"99 999 999"},
	Words:  []string{"ičo", "ico", "identifikačné číslo", "organizácie", "obchodný register", "orsr", "company number"},
	Strong: 11, Sample: "48 273 155", Check: skICOValid,
}

func skICOValid(s string) bool {
	return digits(s, 8) && (11-weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)%11)%10 == int(s[7]-'0')
}
