package stdnum

var meIBAN = &Format{
	Name: "me.iban", Type: "ME_IBAN",
	Title: "IBAN of an account in Montenegro, whose national number is checked as well.",
	Of:    Account, Clean: " -.",
	Shapes: []string{"me99999999999999999999"}, Written: []string{"me99 9999 9999 9999 9999 99", "me99 999 9999999999999 99"},
	Words:  []string{"iban", "račun", "racun", "žiro račun", "ziro racun", "broj računa", "account", "bank account"},
	Strong: 9000, Sample: "ME25505000048273105916", Check: meIBANValid,
}

func meIBANValid(s string) bool {
	return len(s) == 22 && allDigits(s[2:]) && gzIBAN(s, "ME", 22) && mod97(s[4:]) == 1
}

var mePIB = &Format{
	Name: "me.pib", Type: "ME_PIB",
	Title: "Tax number (PIB) of a firm in Montenegro.",
	Of:    Company, Clean: " ",
	Shapes: []string{"99999999"},
	Words:  []string{"pib", "pdv", "poreski identifikacioni", "identifikacioni broj", "poreski broj", "matični broj", "tax number", "vat"},
	Strong: 11, Sample: "04827317", Check: mePIBValid,
}

func mePIBValid(s string) bool {
	return digits(s, 8) && (11-weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)%11)%11%10 == int(s[7]-'0')
}
