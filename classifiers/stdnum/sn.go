package stdnum

import "strings"

var snNINEA = &Format{
	Name: "sn.ninea", Type: "SN_NINEA",
	Title: "National number (NINEA) of firms and associations in Senegal, with the tax code (COFI) or without.",
	Of:    Company, Clean: " -/,",
	Shapes: []string{"999999999", "9999999", "9999999999A9", "99999999A9"}, Written: []string{"999999999 9A9", "9999999 9A9", "9999999/9A9", "999999999/9A9"},
	Words:  []string{"ninea", "cofi", "identification nationale", "d identification", "rccm", "sénégal", "tax number", "company number"},
	Strong: 10, Sample: "004827319 2G3", Check: snNINEAValid,
}

// snNINEAValid: nine digits, of which the first two may be left out; every
// second one counts twice. The tax code is 0 to 2, a letter and a digit.
func snNINEAValid(s string) bool {
	if n := len(s) - 3; n == 7 || n == 9 && !allDigits(s) {
		if s[n] > '2' || s[n] < '0' || !gzFits(s[n+1:], "A9") || strings.IndexByte("ABCDEFGHJKLMNPQRSTUVWZ", s[n+1]) < 0 {
			return false
		}
		s = s[:n]
	}
	if !digits(s, 7) && !digits(s, 9) {
		return false
	}
	return weighted(s, 1, 2)%10 == 0
}
