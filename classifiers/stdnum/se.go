package stdnum

var seOrgnr = &Format{
	Name: "se.orgnr", Type: "SE_ORGANISATIONSNUMMER", Aliases: []string{"SE_ORGNR"},
	Title: "Organisation number of a firm or association in Sweden.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"9999999999"}, Written: []string{"999999-9999"},
	Words:  []string{"orgnr", "org nr", "organisationsnummer", "organisationsnr", "org nummer", "bolagsverket", "aktiebolag", "organisation number", "company number"},
	Strong: 10, Sample: "556482-7318", Check: func(s string) bool { return len(s) == 10 && luhn(s) },
}

var sePersonnummer = &Format{
	Name: "se.personnummer", Type: "SE_PERSONNUMMER",
	Title: "Personal identity number (personnummer), or coordination number, of a person in Sweden: day of birth, serial and check digit.",
	Of:    Person, Clean: " -:",
	Shapes: []string{"9999999999", "999999999999", "999999+9999", "99999999+9999"}, Written: []string{"999999-9999", "99999999-9999", "999999+9999", "99999999 9999", "999999 9999"},
	Words:  []string{"personnummer", "personnr", "person nr", "pnr", "p nr", "samordningsnummer", "födelsenummer", "personal number", "personal identity", "swedish id", "patient", "född"},
	Strong: 250, Sample: "860514-8272", Check: sePersonnummerValid,
}

// sePersonnummerValid: + in the place of the hyphen means a hundred years or
// more of age; 60 is added to the day in coordination numbers.
func sePersonnummerValid(s string) bool {
	old := false
	if n := len(s) - 5; n > 0 && s[n] == '+' {
		var b [12]byte
		if n > 8 {
			return false
		}
		old = true
		copy(b[:], s[:n])
		copy(b[n:], s[n+1:])
		return sePersonal(string(b[:n+4]), old)
	}
	return sePersonal(s, old)
}

func sePersonal(s string, old bool) bool {
	century := 19
	switch {
	case digits(s, 12):
		if century = number(s[:2]); century < 18 || century > 20 {
			return false
		}
		s = s[2:]
	case !digits(s, 10):
		return false
	case s[:2] == "00" && !old:
		century = 20
	}
	d := number(s[4:6])
	if d > 60 {
		d -= 60
	}
	return luhn(s) && day(century*100+number(s[:2]), number(s[2:4]), d)
}

var sePostnummer = &Format{
	Name: "se.postnummer", Type: "SE_POSTNUMMER",
	Title: "Postal code of Sweden.",
	Of:    Thing, Clean: " -",
	Shapes: []string{"99999", "se99999"}, Written: []string{"999 99", "se-999 99"},
	Words:  []string{"postnummer", "postnr", "post nr", "adress", "postadress", "gatan", "vägen", "postal code", "zip"},
	Strong: 1, Sample: "482 73", Check: sePostnummerValid,
}

func sePostnummerValid(s string) bool {
	s = gzBare(s, "SE")
	return digits(s, 5) && s[0] != '0'
}

var seVAT = &Format{
	Name: "se.vat", Type: "SE_VAT", Aliases: []string{"SE_MOMS"},
	Title: "VAT number (momsregistreringsnummer) of a firm in Sweden: its organisation number and 01.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"se999999999901", "999999999901"}, Written: []string{"se 999999-9999 01", "se 999999999901"},
	Words:  []string{"moms", "momsnr", "momsnummer", "moms nr", "momsregistreringsnummer", "momsreg", "vat", "vat number", "vat nr"},
	Strong: 10, Sample: "SE556482731801", Check: seVATValid,
}

func seVATValid(s string) bool {
	s = gzBare(s, "SE")
	return len(s) == 12 && s[10:] == "01" && luhn(s[:10])
}
