package stdnum

var lvPVN = &Format{
	Name: "lv.pvn", Type: "LV_PVN", Aliases: []string{"LV_VAT"},
	Title: "VAT number (PVN) of a firm, or the personal code of a person, in Latvia.",
	Of:    Either, Clean: " -",
	Shapes: []string{"lv99999999999", "99999999999"}, Written: []string{"lv 99999999999", "999999-99999"},
	Words:  []string{"pvn", "pvn nr", "pvn numurs", "pvn reģistrācijas", "personas kods", "personas kodu", "reģ nr", "reģistrācijas numurs", "vat", "vat number", "personal code"},
	Strong: 11, Sample: "LV 48273105912", Check: lvPVNValid,
}

// lvPVNValid: numbers of firms begin with 4 to 9; those of people with the day
// of birth or, since 2017, with 32 and no more.
func lvPVNValid(s string) bool {
	s = gzBare(s, "LV")
	if !digits(s, 11) {
		return false
	}
	if s[0] > '3' {
		return weighted(s, 9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)%11 == 3
	}
	century := 1800 + 100*int(s[6]-'0')
	if s[:2] != "32" && !day(century+number(s[4:6]), number(s[2:4]), number(s[:2])) {
		return false
	}
	return (1+weighted(s[:10], 10, 5, 8, 4, 2, 1, 6, 3, 7, 9))%11%10 == int(s[10]-'0')
}
