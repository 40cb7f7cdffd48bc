package stdnum

var mzNUIT = &Format{
	Name: "mz.nuit", Type: "MZ_NUIT",
	Title: "Tax number (NUIT) of people and firms in Mozambique.",
	Of:    Either, Clean: " -.",
	Shapes: []string{"999999999"}, Written: []string{"999 999 999", "999.999.999"},
	Words:  []string{"nuit", "número único", "identificação tributária", "contribuinte", "tax number", "taxpayer"},
	Strong: 11, Sample: "482 730 159", Check: mzNUITValid,
}

func mzNUITValid(s string) bool {
	return digits(s, 9) && "01234567891"[weighted(s[:8], 8, 9, 4, 5, 6, 7, 8, 9)%11] == s[8]
}
