package stdnum

var foVN = &Format{
	Name: "fo.vn", Type: "FO_VN", Aliases: []string{"FO_VAT"},
	Title: "Number in the business register (V-tal, vinnutal) of firms in the Faroe Islands.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"999999", "fo999999"}, Written: []string{"fo 999999", "99 99 99", "999.999"},
	Words:  []string{"v tal", "v tøl", "vtal", "v nr", "v no", "vinnutal", "mvg", "vat", "vat number", "vat no", "skráseting føroya"},
	Strong: 1, Sample: "482 730", Check: foVNValid,
}

// foVNValid: six digits, which nothing checks.
func foVNValid(s string) bool { return digits(prefixed(s, "FO"), 6) }
