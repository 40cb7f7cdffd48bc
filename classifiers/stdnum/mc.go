package stdnum

import "strings"

var mcTVA = &Format{
	Name: "mc.tva", Type: "MC_TVA", Aliases: []string{"MC_VAT"},
	Title: "VAT number (n° TVA) of a firm in Monaco, in the French form with 000 for the SIREN's beginning.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"fr**000999999", "**000999999"}, Written: []string{"fr ** 000 999 999", "fr **000999999"},
	Words:  []string{"tva", "numéro tva", "no tva", "tva intracommunautaire", "intracommunautaire", "monaco", "vat", "vat number"},
	Strong: 13, Sample: "FR 76 000 482 758", Check: mcTVAValid,
}

// mcTVAValid: the key is the remainder by 97 of the number and 12.
func mcTVAValid(s string) bool {
	s = strings.TrimPrefix(s, "FR")
	if len(s) != 11 || !allDigits(s[2:]) || s[2:5] != "000" {
		return false
	}
	if allDigits(s[:2]) {
		return (number(s[2:])*100+12)%97 == number(s[:2])
	}
	// Keys with a letter: a number of base 24 or 34, without I and O, which
	// holds quotient and remainder by 11.
	const key = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	a, b := strings.IndexByte(key, s[0]), strings.IndexByte(key, s[1])
	if a < 0 || b < 0 {
		return false
	}
	k := a*24 + b - 10
	if a > 9 {
		k = a*34 + b - 100
	}
	return (number(s[2:])+1+k/11)%11 == k%11
}
