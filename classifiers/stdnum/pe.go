package stdnum

import "strings"

var peCUI = &Format{
	Name: "pe.cui", Type: "PE_CUI", Aliases: []string{"PE_DNI"},
	Title: "Identity number (CUI, the number of the DNI) of a person in Peru, with its check character or without.",
	Of:    Person, Clean: " -",
	Shapes: []string{"99999999", "999999999", "99999999A"}, Written: []string{"99999999-9", "99999999-A"},
	Words:  []string{"cui", "dni", "documento nacional", "cédula", "nro dni", "identidad", "reniec", "identity"},
	Strong: 1, Sample: "48273159-2", Check: peCUIValid,
}

// peCUIValid: the check is written as a digit or as a letter.
func peCUIValid(s string) bool {
	if len(s) == 8 {
		return allDigits(s)
	}
	if len(s) != 9 || !allDigits(s[:8]) {
		return false
	}
	c := weighted(s[:8], 3, 2, 7, 6, 5, 4, 3, 2) % 11
	return s[8] == "65432110987"[c] || s[8] == "KJIHGFEDCBA"[c]
}

var peRUC = &Format{
	Name: "pe.ruc", Type: "PE_RUC",
	Title: "Tax number (RUC) of people and firms in Peru.",
	Of:    Either, Clean: " ",
	Shapes: []string{"10999999999", "15999999999", "17999999999", "20999999999"},
	Words:  []string{"ruc", "u c", "registro único", "registro unico", "contribuyentes", "contribuyente", "sunat", "tax number"},
	Strong: 10, Sample: "20482731598", Check: peRUCValid,
}

// peRUCValid: 20 for firms, 10, 15 and 17 for people, with the number of the
// identity card behind 10.
func peRUCValid(s string) bool {
	if !digits(s, 11) || !strings.Contains("10 15 17 20", s[:2]) {
		return false
	}
	return (11-weighted(s[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%10 == int(s[10]-'0')
}
