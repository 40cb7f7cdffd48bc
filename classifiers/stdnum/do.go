package stdnum

var doCedula = &Format{
	Name: "do.cedula", Type: "DO_CEDULA",
	Title: "Number of the identity and voter's card (cédula de identidad y electoral) of people in the Dominican Republic.",
	Of:    Person, Clean: " -",
	Shapes: []string{"99999999999"}, Written: []string{"999-9999999-9", "999 9999999 9"},
	Words:  []string{"cédula", "cedula", "identidad", "electoral", "jce", "national id", "id number"},
	Strong: 10, Sample: "048-2730158-3", Check: doCedulaValid,
}

func doCedulaValid(s string) bool { return digits(s, 11) && luhn(s) }

var doNCF = &Format{
	Name: "do.ncf", Type: "DO_NCF", Aliases: []string{"DO_ECF"},
	Title: "Number of a tax receipt (número de comprobante fiscal, NCF) in the Dominican Republic.",
	Of:    Thing, Clean: " ",
	Shapes: []string{"b9999999999", "e999999999999", "a999999999999999999", "p999999999999999999"},
	Words:  []string{"ncf", "e ncf", "ecf", "comprobante", "comprobante fiscal", "dgii"},
	Strong: 8, Sample: "B0148273015", Check: doNCFValid,
}

// doNCFValid: a letter of the series, a kind of document, and a number; until
// 2018 the kind stood behind the place of sale.
func doNCFValid(s string) bool {
	const kinds = "01 02 03 04 11 12 13 14 15 16 17"
	if s == "" || !allDigits(s[1:]) {
		return false
	}
	switch {
	case len(s) == 11 && s[0] == 'B':
		return oneOf(kinds, s[1:3])
	case len(s) == 13 && s[0] == 'E':
		return oneOf("31 32 33 34 41 43 44 45 46 47", s[1:3])
	case len(s) == 19 && (s[0] == 'A' || s[0] == 'P'):
		return oneOf(kinds, s[9:11])
	}
	return false
}

var doRNC = &Format{
	Name: "do.rnc", Type: "DO_RNC", Aliases: []string{"DO_VAT"},
	Title: "Taxpayer number (Registro Nacional del Contribuyente, RNC) of firms in the Dominican Republic.",
	Of:    Company, Clean: " -",
	Shapes: []string{"999999999"}, Written: []string{"9-99-99999-9", "999-99999-9"},
	Words:  []string{"rnc", "r.n.c", "registro nacional", "contribuyente", "dgii", "razón social", "tax id", "tax number", "company number"},
	Strong: 10, Sample: "1-48-27301-8", Check: doRNCValid,
}

// doRNCValid: weights 7 9 8 6 5 4 3 2; remainders by 11 of 2 to 10 check by
// their complement, 0 and 1 by 2 and 1.
func doRNCValid(s string) bool {
	return digits(s, 9) && s[8] == "21987654321"[weighted(s[:8], 7, 9, 8, 6, 5, 4, 3, 2)%11]
}
