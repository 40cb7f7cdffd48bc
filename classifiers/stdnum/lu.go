package stdnum

var luTVA = &Format{
	Name: "lu.tva", Type: "LU_TVA", Aliases: []string{"LU_VAT"},
	Title: "VAT number (numéro de TVA) of a firm in Luxembourg.",
	Of:    Company, Clean: " -.:",
	Shapes: []string{"lu99999999", "99999999"}, Written: []string{"lu 999999 99", "lu 999 999 99"},
	Words:  []string{"tva", "numéro tva", "no tva", "mwst", "mwst nummer", "vat", "vat number", "steiernummer"},
	Strong: 89, Sample: "LU 482630 72", Check: luTVAValid,
}

func luTVAValid(s string) bool {
	s = gzBare(s, "LU")
	return digits(s, 8) && number(s[:6])%89 == number(s[6:])
}
