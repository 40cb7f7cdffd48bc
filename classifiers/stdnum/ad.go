package stdnum

import "strings"

var adNRT = &Format{
	Name: "ad.nrt", Type: "AD_NRT", Aliases: []string{"AD_VAT"},
	Title: "Tax register number (NRT) of people and firms in Andorra.",
	Of:    Either, Clean: " -.",
	Shapes: []string{"A999999A"}, Written: []string{"A-999999-A", "A 999999 A", "A-999999A"},
	Words:  []string{"nrt", "registre tributari", "nif", "tax id", "tax number", "tin", "igi", "andorra"},
	Strong: 3, Sample: "L-705318-K", Check: adNRTValid,
}

// adNRTValid: the first letter says the kind of taxpayer; residents have numbers
// below 700000, public companies those from there on below 800000.
func adNRTValid(s string) bool {
	if len(s) != 8 || strings.IndexByte("ACDEFGLOPU", s[0]) < 0 || !allDigits(s[1:7]) || !capitals(s[7:]) {
		return false
	}
	switch n := number(s[1:7]); s[0] {
	case 'F':
		return n < 700000
	case 'A', 'L':
		return n >= 700000 && n < 800000
	}
	return true
}
