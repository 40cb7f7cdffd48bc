package stdnum

var plNIP = &Format{
	Name: "pl.nip", Type: "PL_NIP", Aliases: []string{"PL_VAT"},
	Title: "Tax number (NIP) of people and firms in Poland.",
	Of:    Either, Clean: " -",
	Shapes: []string{"9999999999", "pl9999999999"}, Written: []string{"999-999-99-99", "999-99-99-999", "pl 9999999999", "pl 999-999-99-99"},
	Words:  []string{"nip", "nip ue", "numer identyfikacji", "identyfikacji podatkowej", "podatnik", "podatnika", "podatkowy", "tax number", "vat", "vat ue"},
	Strong: 11, Sample: "482-731-05-90", Check: plNIPValid,
}

func plNIPValid(s string) bool {
	s = gzBare(s, "PL")
	return digits(s, 10) && weighted(s[:9], 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == int(s[9]-'0')
}

var plPESEL = &Format{
	Name: "pl.pesel", Type: "PL_PESEL",
	Title: "Number of a person in the population register (PESEL) of Poland: day of birth, serial, sex and check digit.",
	Of:    Person, Clean: " -",
	Shapes: []string{"99999999999"}, Written: []string{"999999 99999", "999999-99999"},
	Words:  []string{"pesel", "peselu", "pesel nr", "nr pesel", "numer pesel", "numer ewidencyjny", "ewidencyjny", "urodzony", "urodzona", "pacjent", "polish id"},
	Strong: 60, Sample: "86051438270", Check: plPESELValid,
}

// plPESELValid: 20 is added to the month for each century after the 20th, 80
// stands for the 19th.
func plPESELValid(s string) bool {
	if !digits(s, 11) {
		return false
	}
	m := number(s[2:4])
	century := 1900 + m/20*100
	if m >= 80 {
		century = 1800
	}
	return day(century+number(s[:2]), m%20, number(s[4:6])) && weighted(s, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
}

var plREGON = &Format{
	Name: "pl.regon", Type: "PL_REGON",
	Title: "Number of a firm in the statistical register (REGON) of Poland.",
	Of:    Company, Clean: " -",
	Shapes: []string{"999999999", "99999999999999"},
	Words:  []string{"regon", "nr regon", "numer regon", "rejestr gospodarki", "gus", "krs", "company number"},
	Strong: 11, Sample: "482731055", Check: plREGONValid,
}

// plREGONValid: local units have five digits more, the last of which checks all.
func plREGONValid(s string) bool {
	if digits(s, 14) && weighted(s[:13], 2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)%11%10 == int(s[13]-'0') {
		s = s[:9]
	}
	return digits(s, 9) && weighted(s[:8], 8, 9, 2, 3, 4, 5, 6, 7)%11%10 == int(s[8]-'0')
}
