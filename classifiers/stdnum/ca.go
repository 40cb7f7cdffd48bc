package stdnum

var caPHN = &Format{
	Name: "ca.bc_phn", Type: "CA_BC_PHN",
	Title: "Personal health number (PHN) of the services of British Columbia, Canada.",
	Of:    Person, Health: true, Clean: " -",
	Shapes: []string{"9999999999"}, Written: []string{"9999 999 999", "9999-999-999"},
	Words:  []string{"phn", "bc phn", "personal health", "health number", "care card", "carecard", "services card", "msp", "health card", "carte santé"},
	Strong: 100, Sample: "9482 730 168", Check: caPHNValid,
}

// caPHNValid: begins with 9; weights 2 4 8 5 10 9 7 3 and the last digit make a
// multiple of 11.
func caPHNValid(s string) bool {
	return digits(s, 10) && s[0] == '9' && (weighted(s[1:9], 2, 4, 8, 5, 10, 9, 7, 3)+int(s[9]-'0'))%11 == 0
}

var caBN = &Format{
	Name: "ca.bn", Type: "CA_BN", Aliases: []string{"CA_VAT", "CA_GST"},
	Title: "Business number (BN) of firms in Canada, with or without the account of a programme.",
	Of:    Company, Clean: " -",
	Shapes:  []string{"999999999", "999999999rc9999", "999999999rm9999", "999999999rp9999", "999999999rt9999"},
	Written: []string{"99999 9999", "99999 9999 rt 9999", "99999 9999 rc 9999", "99999 9999 rp 9999", "999999999 rt 9999", "999999999 rt9999", "99999 9999 rt9999", "999999999 rc 9999", "999999999 rc9999", "999999999 rp9999", "999999999 rm9999"},
	Words:   []string{"bn", "business number", "gst", "hst", "gst hst", "gst number", "tps", "tvh", "numéro d'entreprise", "cra", "arc", "numéro tps", "payroll account"},
	Strong:  10, Sample: "48273 0165 RT 0001", Check: caBNValid,
}

func caBNValid(s string) bool {
	switch len(s) {
	case 9:
		return luhn(s)
	case 15:
		return luhn(s[:9]) && oneOf("RC RM RP RT", s[9:11]) && allDigits(s[11:])
	}
	return false
}

var caSIN = &Format{
	Name: "ca.sin", Type: "CA_SIN", Aliases: []string{"CA_NAS"},
	Title: "Social insurance number (SIN, NAS) of people in Canada.",
	Of:    Person, Clean: " -",
	Shapes: []string{"999999999"}, Written: []string{"999 999 999", "999-999-999"},
	Words:  []string{"sin", "s.i.n", "sin number", "sin no", "social insurance", "insurance number", "nas", "n.a.s", "assurance sociale", "numéro d'assurance", "service canada", "ssn"},
	Strong: 12, Sample: "482-730-165", Check: caSINValid,
}

// caSINValid: Luhn's check digit; nothing begins with 0 or 8.
func caSINValid(s string) bool { return digits(s, 9) && s[0] != '0' && s[0] != '8' && luhn(s) }
