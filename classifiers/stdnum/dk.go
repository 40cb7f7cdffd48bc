package stdnum

var dkCPR = &Format{
	Name: "dk.cpr", Type: "DK_CPR",
	Title: "Civil registration number (CPR-nummer, personnummer) of people in Denmark.",
	Of:    Person, Health: true, Clean: " -",
	Shapes: []string{"9999999999"}, Written: []string{"999999-9999", "999999 9999"},
	Words: []string{"cpr", "cpr nr", "cpr nummer", "cprnr", "cpr.nr", "personnummer", "person nr", "fødselsnummer", "sygesikring", "sundhedskort", "civil registration", "personal number",
		"national id", "født"},
	Strong: 30, Sample: "071084-4827", Check: dkCPRValid,
}

// dkCPRValid: a date of birth, of the century that the seventh digit and the
// year tell. The check digit of old is not kept to since 2007.
func dkCPRValid(s string) bool {
	if !digits(s, 10) {
		return false
	}
	yy, century := number(s[4:6]), 1900
	switch c := s[6]; {
	case (c == '4' || c == '9') && yy < 37, c >= '5' && c <= '8' && yy < 58:
		century = 2000
	case c >= '5' && c <= '8':
		century = 1800
	}
	return born(century+yy, number(s[2:4]), number(s[:2]))
}

var dkCVR = &Format{
	Name: "dk.cvr", Type: "DK_CVR", Aliases: []string{"DK_VAT", "DK_SE"},
	Title: "Number in the central business register (CVR-nummer, momsnummer) of firms in Denmark.",
	Of:    Company, Clean: " -.,/:",
	Shapes: []string{"dk99999999", "99999999"}, Written: []string{"dk 99999999", "99 99 99 99", "dk 99 99 99 99", "dk-99999999"},
	Words:  []string{"cvr", "cvr nr", "cvr nummer", "cvrnr", "se nr", "momsnummer", "moms", "virksomhed", "vat", "vat number", "vat no", "vatin", "company number"},
	Strong: 11, Sample: "DK 48 27 30 17", Check: dkCVRValid,
}

// dkCVRValid: weights 2 7 6 5 4 3 2 1, a multiple of 11.
func dkCVRValid(s string) bool {
	s = prefixed(s, "DK")
	return digits(s, 8) && s[0] != '0' && weighted(s, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}
