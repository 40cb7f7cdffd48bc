package stdnum

var grAMKA = &Format{
	Name: "gr.amka", Type: "GR_AMKA",
	Title: "Social security number (AMKA) of a person in Greece: the day of birth, four digits and a check digit.",
	Of:    Person, Clean: " -",
	Shapes: []string{"99999999999"}, Written: []string{"999999 99999", "999999-99999"},
	Words:  []string{"amka", "αμκα", "κ α", "κοινωνικής ασφάλισης", "αριθμός μητρώου", "social security", "insured"},
	Strong: 250, Sample: "14058623175", Check: grAMKAValid,
}

func grAMKAValid(s string) bool {
	return len(s) == 11 && luhn(s) && (gzDay(19, s[4:6], s[2:4], s[:2]) || gzDay(20, s[4:6], s[2:4], s[:2]))
}

var grVAT = &Format{
	Name: "gr.vat", Type: "GR_VAT", Aliases: []string{"EL_VAT", "GR_AFM"},
	Title: "Tax number (AFM) of people and firms in Greece, which is also their VAT number.",
	Of:    Either, Clean: " -./:",
	Shapes: []string{"el999999999", "gr999999999", "999999999", "el99999999", "99999999"}, Written: []string{"el 999999999"},
	Words:  []string{"afm", "αφμ", "φ μ", "φορολογικού μητρώου", "φορολογικό μητρώο", "vat", "vat number", "tax number", "tin", "tax id"},
	Strong: 11, Sample: "EL 073841623", Check: grVATValid,
}

// grVATValid: weights are powers of two; numbers of eight digits lack a leading
// zero.
func grVATValid(s string) bool {
	if len(s) > 2 && (s[:2] == "EL" || s[:2] == "GR") {
		s = s[2:]
	}
	switch {
	case digits(s, 9):
		return weighted(s[:8], 256, 128, 64, 32, 16, 8, 4, 2)%11%10 == int(s[8]-'0')
	case digits(s, 8):
		return weighted(s[:7], 128, 64, 32, 16, 8, 4, 2)%11%10 == int(s[7]-'0')
	}
	return false
}
