package stdnum

import "strings"

var svNIT = &Format{
	Name: "sv.nit", Type: "SV_NIT",
	Title: "Tax number (NIT) of people and firms in El Salvador: place, day of birth or founding, serial and check digit.",
	Of:    Either, Clean: " -",
	Shapes: []string{"99999999999999"}, Written: []string{"9999-999999-999-9"},
	Words:  []string{"nit", "identificación tributaria", "tributaria", "contribuyente", "hacienda", "tax number"},
	Strong: 30, Sample: "0614-140586-101-6", Check: svNITValid,
}

// svNITValid: places begin with 0, 1 or 9 (abroad). Serials to 100 are checked
// the old way.
func svNITValid(s string) bool {
	s = gzBare(s, "SV")
	if !digits(s, 14) || strings.IndexByte("019", s[0]) < 0 {
		return false
	}
	c := 0
	if s[10:13] <= "100" {
		c = weighted(s[:13], 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2) % 11 % 10
	} else {
		c = (11 - weighted(s[:13], 2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11 % 10
	}
	return c == int(s[13]-'0')
}
