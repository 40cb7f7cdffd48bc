package stdnum

var pyRUC = &Format{
	Name: "py.ruc", Type: "PY_RUC",
	Title: "Tax number (RUC) of people and firms in Paraguay.",
	Of:    Either, Clean: " -",
	Shapes: []string{"99999999", "9999999", "999999", "999999999"}, Written: []string{"99999999-9", "9999999-9", "999999-9"},
	Words:  []string{"ruc", "u c", "registro único", "registro unico", "contribuyentes", "contribuyente", "dnit", "cédula", "tax number"},
	Strong: 11, Sample: "80048273-5", Check: pyRUCValid,
}

// pyRUCValid: weights rise from 2 from the right.
func pyRUCValid(s string) bool {
	n := len(s) - 1
	if len(s) > 9 || !allDigits(s) {
		return false
	}
	sum := 0
	for i := 0; i < n; i++ {
		sum += (i + 2) * int(s[n-1-i]-'0')
	}
	return (11-sum%11)%11%10 == int(s[n]-'0')
}
