package stdnum

var alNIPT = &Format{
	Name: "al.nipt", Type: "AL_NIPT", Aliases: []string{"AL_VAT", "AL_NUIS"},
	Title: "Tax number (NIPT, NUIS) of firms in Albania.",
	Of:    Company, Clean: " ()",
	Shapes: []string{"A99999999A", "alA99999999A"}, Written: []string{"A 99999999 A", "al A 99999999 A"},
	Words:  []string{"nipt", "nuis", "numri unik", "vat", "vat number", "tvsh", "tin", "tax id"},
	Strong: 2, Sample: "K 71852306 P", Check: alNIPTValid,
}

// alNIPTValid: a letter of the decade, eight digits and a check letter, whose
// rule is not published.
func alNIPTValid(s string) bool {
	s = prefixed(s, "AL")
	return len(s) == 10 && s[0] >= 'A' && s[0] <= 'M' && allDigits(s[1:9]) && capitals(s[9:])
}
