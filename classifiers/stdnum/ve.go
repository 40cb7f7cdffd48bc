package stdnum

import "strings"

var veRIF = &Format{
	Name: "ve.rif", Type: "VE_RIF",
	Title: "Tax number (RIF) of people and firms in Venezuela.",
	Of:    Either, Clean: " -",
	Shapes: []string{"v999999999", "e999999999", "j999999999", "p999999999", "g999999999"}, Written: []string{"A-99999999-9", "A-999999999"},
	Words:  []string{"rif", "i f", "información fiscal", "informacion fiscal", "seniat", "contribuyente", "tax number"},
	Strong: 11, Sample: "J-48273105-7", Check: veRIFValid,
}

// veRIFValid: the letter is the kind of taxpayer (Venezuelan, foreigner, firm,
// passport, government), weighed by its place in that order.
func veRIFValid(s string) bool {
	if len(s) != 10 || !allDigits(s[1:]) {
		return false
	}
	kind := strings.IndexByte("VEJPG", s[0]) + 1
	if kind == 0 {
		return false
	}
	return "00987654321"[(4*kind+weighted(s[1:9], 3, 2, 7, 6, 5, 4, 3, 2))%11] == s[9]
}
