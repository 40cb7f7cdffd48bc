package stdnum

var isKennitala = &Format{
	Name: "is_.kennitala", Type: "IS_KENNITALA", Aliases: []string{"is.kennitala"},
	Title: "Kennitala, the identity number of people and firms in Iceland: the day of birth or founding, two digits, a check digit and the century.",
	Of:    Either, Clean: "-",
	Shapes: []string{"9999999999"}, Written: []string{"999999-9999"},
	Words:  []string{"kennitala", "kennitölu", "kt", "kennitalan", "icelandic id", "identity number", "national id"},
	Strong: 600, Sample: "140586-2349", Check: isKennitalaValid,
}

// isKennitalaValid: firms add 40 to the day; the last digit is 9 for 1900 to
// 1999, 0 for 2000 on.
func isKennitalaValid(s string) bool {
	if !digits(s, 10) {
		return false
	}
	d, century := number(s[:2]), 1900
	if d > 40 {
		d -= 40
	}
	switch s[9] {
	case '0':
		century = 2000
	case '9':
	default:
		return false
	}
	return day(century+number(s[4:6]), number(s[2:4]), d) && weighted(s[:9], 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

var isVSK = &Format{
	Name: "is_.vsk", Type: "IS_VSK", Aliases: []string{"is.vsk", "IS_VAT"},
	Title: "VAT number (VSK númer) of a firm in Iceland; it has no check digit.",
	Of:    Company, Clean: " ",
	Shapes: []string{"is99999", "is999999", "99999", "999999"},
	Words:  []string{"vsk", "vsk númer", "vsk nr", "vsknúmer", "virðisaukaskattsnúmer", "virðisaukaskattur", "vat", "vat number"},
	Strong: 1, Sample: "IS 48273", Check: func(s string) bool { s = gzBare(s, "IS"); return digits(s, 5) || digits(s, 6) },
}
