package stdnum

var ecCI = &Format{
	Name: "ec.ci", Type: "EC_CI", Aliases: []string{"EC_CEDULA"},
	Title: "Number of the identity card (cédula de identidad) of people in Ecuador.",
	Of:    Person, Clean: " -",
	Shapes: []string{"9999999999"}, Written: []string{"999999999-9", "99-9999999-9"},
	Words:  []string{"cédula", "cedula", "ci", "c.i", "c.c", "identidad", "ciudadanía", "identificación", "national id", "id number"},
	Strong: 50, Sample: "174827301-6", Check: ecCIValid,
}

// ecProvince: numbers of the 24 provinces, 30 for those abroad, 50 for special
// cases.
func ecProvince(s string) bool { return s >= "01" && s <= "24" || s == "30" || s == "50" }

// ecCIValid: province, a third digit up to 6, Luhn's check digit.
func ecCIValid(s string) bool {
	return digits(s, 10) && ecProvince(s[:2]) && s[2] <= '6' && luhn(s)
}

var ecRUC = &Format{
	Name: "ec.ruc", Type: "EC_RUC", Aliases: []string{"EC_VAT"},
	Title: "Tax number (RUC) of people and firms in Ecuador.",
	Of:    Either, Clean: " -",
	Shapes: []string{"9999999999999"}, Written: []string{"9999999999-999", "9999999999 999"},
	Words:  []string{"ruc", "r.u.c", "registro único", "contribuyente", "contribuyentes", "razón social", "sri", "tax id", "tax number"},
	Strong: 40, Sample: "1794827385001", Check: ecRUCValid,
}

// ecRUCValid: the number of a person's card and that of the place of business;
// with a third digit of 6 an authority, with 9 a firm, each with a check digit
// by 11.
func ecRUCValid(s string) bool {
	if !digits(s, 13) || !ecProvince(s[:2]) {
		return false
	}
	firm := s[10:] != "000" && weighted(s[:10], 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	authority := s[9:] != "0000" && weighted(s[:9], 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	person := s[10:] != "000" && ecCIValid(s[:10])
	switch {
	case s[2] < '6':
		return person
	case s[2] == '6':
		return authority || person
	case s[2] == '9':
		return firm || authority
	}
	return false
}
