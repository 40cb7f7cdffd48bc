package stdnum

var coNIT = &Format{
	Name: "co.nit", Type: "CO_NIT", Aliases: []string{"CO_RUT", "CO_VAT"},
	Title: "Tax number (NIT, RUT) of people and firms in Colombia.",
	Of:    Either, Clean: " -.,",
	Shapes:  []string{"9999999999", "999999999", "99999999999"},
	Written: []string{"999.999.999-9", "999999999-9", "9.999.999.999-9", "9999999999-9", "99.999.999-9", "99999999-9"},
	Words:   []string{"nit", "n.i.t", "nit no", "rut", "identificación tributaria", "dian", "contribuyente", "cédula", "razón social", "tax id", "tax number"},
	Strong:  11, Sample: "900.482.731-8", Check: coNITValid,
}

var coNITWeights = [15]int{3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71}

// coNITValid: primes as weights from the right; the complement by 11 checks,
// with 0 and 1 for themselves.
func coNITValid(s string) bool {
	n := len(s) - 1
	if n < 7 || n > 15 || !allDigits(s) {
		return false
	}
	sum := 0
	for i := 0; i < n; i++ {
		sum += int(s[n-1-i]-'0') * coNITWeights[i]
	}
	return s[n] == "01987654321"[sum%11]
}
