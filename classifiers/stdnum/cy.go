package stdnum

var cyVAT = &Format{
	Name: "cy.vat", Type: "CY_VAT",
	Title: "VAT number (ΦΠΑ) of people and firms in Cyprus.",
	Of:    Company, Clean: " -",
	Shapes: []string{"cy99999999A", "99999999A"}, Written: []string{"cy 99999999A", "cy-99999999A", "cy 99999999 A", "99999999 A"},
	Words:  []string{"φπα", "αφμ", "φ.π.α", "αρ φπα", "αριθμός φπα", "τικ", "vat", "vat number", "vat no", "vat reg", "vatin", "tic", "tin", "kdv"},
	Strong: 26, Sample: "CY10482730K", Check: cyVATValid,
}

// cyVATValid: digits at even places count as they are, those at odd ones by a
// table; the sum by 26 is the letter. Nothing begins with 12.
func cyVATValid(s string) bool {
	s = prefixed(s, "CY")
	if len(s) != 9 || !allDigits(s[:8]) || s[:2] == "12" {
		return false
	}
	odd := [10]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21}
	sum := 0
	for i := 0; i < 8; i++ {
		if i%2 == 0 {
			sum += odd[s[i]-'0']
		} else {
			sum += int(s[i] - '0')
		}
	}
	return s[8] == byte('A'+sum%26)
}
