package stdnum

var siDDV = &Format{
	Name: "si.ddv", Type: "SI_DDV", Aliases: []string{"SI_VAT"},
	Title: "VAT number (davčna številka, ID za DDV) of people and firms in Slovenia.",
	Of:    Either, Clean: " -",
	Shapes: []string{"si99999999", "99999999"}, Written: []string{"si 99999999", "si 999 99 999"},
	Words:  []string{"ddv", "za ddv", "davčna številka", "davcna stevilka", "davčna", "davčno", "identifikacijska številka", "vat", "vat number", "tax number"},
	Strong: 11, Sample: "SI 48273155", Check: siDDVValid,
}

func siDDVValid(s string) bool {
	s = gzBare(s, "SI")
	return digits(s, 8) && s[0] != '0' && (11-weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)%11)%10 == int(s[7]-'0') && weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)%11 != 0
}

var siEMSO = &Format{
	Name: "si.emso", Type: "SI_EMSO", Aliases: []string{"JMBG"},
	Title: "Citizen number (EMŠO, JMBG) of a person in Slovenia and the other lands of former Yugoslavia: day of birth, region, serial and check digit.",
	Of:    Person, Clean: " ",
	Shapes: []string{"9999999999999"}, Written: []string{"9999999 99 9999", "9999999 999999"},
	Words:  []string{"emšo", "emso", "jmbg", "matična številka", "maticna stevilka", "јмбг", "matični broj", "maticni broj", "matičnega", "občana", "citizen number", "personal number"},
	Strong: 250, Sample: "1405986500824", Check: siEMSOValid,
}

// siEMSOValid: the year lacks its first digit.
func siEMSOValid(s string) bool {
	if !digits(s, 13) {
		return false
	}
	year := 1000 + number(s[4:7])
	if year < 1800 {
		year += 1000
	}
	return day(year, number(s[2:4]), number(s[:2])) && (11-weighted(s[:12], 7, 6, 5, 4, 3, 2)%11)%11%10 == int(s[12]-'0')
}

var siMaticna = &Format{
	Name: "si.maticna", Type: "SI_MATICNA",
	Title: "Number of a firm in the business register (matična številka) of Slovenia, with three characters of its unit or without.",
	Of:    Company, Clean: " .",
	Shapes: []string{"9999999999", "9999999", "9999999***"}, Written: []string{"9999999 999"},
	Words:  []string{"matična številka", "maticna stevilka", "matična", "poslovni register", "ajpes", "registrska številka", "company number"},
	Strong: 11, Sample: "4827317000", Check: siMaticnaValid,
}

func siMaticnaValid(s string) bool {
	if len(s) != 7 && len(s) != 10 || !allDigits(s[:7]) || len(s) == 10 && !gzFits(s[7:], "*99") {
		return false
	}
	c := 11 - weighted(s[:6], 7, 6, 5, 4, 3, 2)%11
	return c < 11 && c%10 == int(s[6]-'0')
}
