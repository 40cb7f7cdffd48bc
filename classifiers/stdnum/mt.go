package stdnum

var mtVAT = &Format{
	Name: "mt.vat", Type: "MT_VAT",
	Title: "VAT number of a firm in Malta.",
	Of:    Company, Clean: " -",
	Shapes: []string{"mt99999999", "99999999"}, Written: []string{"mt 99999999", "mt 9999 9999", "9999-9999"},
	Words:  []string{"vat", "vat no", "vat number", "vat reg", "exo", "tal vat", "taxxa"},
	Strong: 37, Sample: "MT 2048 1236", Check: mtVATValid,
}

func mtVATValid(s string) bool {
	s = gzBare(s, "MT")
	return digits(s, 8) && s[0] != '0' && weighted(s, 3, 4, 6, 7, 8, 9, 10, 1)%37 == 0
}
