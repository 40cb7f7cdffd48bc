package stdnum

var gnNIFP = &Format{
	Name: "gn.nifp", Type: "GN_NIFP", Aliases: []string{"GN_NIF"},
	Title: "Permanent tax number (NIFp) of people and firms in Guinea.",
	Of:    Either, Clean: " -",
	Shapes: []string{"999999999"}, Written: []string{"999-999-999", "999 999 999"},
	Words:  []string{"nif", "nifp", "nif p", "identification fiscale", "numéro fiscal", "immatriculation fiscale", "tax number", "taxpayer"},
	Strong: 10, Sample: "726 418 353", Check: func(s string) bool { return len(s) == 9 && luhn(s) },
}
