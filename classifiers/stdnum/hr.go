package stdnum

var hrOIB = &Format{
	Name: "hr.oib", Type: "HR_OIB",
	Title: "Personal identification number (OIB) of people and firms in Croatia.",
	Of:    Either, Clean: " -",
	Shapes: []string{"99999999999", "hr99999999999"}, Written: []string{"hr 99999999999"},
	Words:  []string{"oib", "osobni identifikacijski", "identifikacijski broj", "oib kupca", "porezni broj", "personal identification", "pin", "vat", "tax number"},
	Strong: 10, Sample: "84207315965", Check: hrOIBValid,
}

func hrOIBValid(s string) bool {
	s = gzBare(s, "HR")
	return len(s) == 11 && mod1110(s)
}
