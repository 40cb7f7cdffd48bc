package stdnum

var clRUT = &Format{
	Name: "cl.rut", Type: "CL_RUT", Aliases: []string{"CL_RUN", "CL_VAT"},
	Title: "Tax number (RUT), and number in the population register (RUN), of people and firms in Chile.",
	Of:    Either, Clean: " -.",
	Shapes: []string{"999999999", "99999999k", "99999999", "9999999k"}, Written: []string{"99.999.999-9", "9.999.999-9", "99999999-9", "9999999-9", "99.999.999-k", "9.999.999-k", "99999999-k", "9999999-k"},
	Words:  []string{"rut", "r.u.t", "run", "r.u.n", "rut nº", "rol único", "único tributario", "único nacional", "cédula", "identidad", "carnet", "contribuyente", "tax id", "national id"},
	Strong: 11, Sample: "14.827.309-K", Check: clRUTValid,
}

// clRUTValid: weights 2 to 7 from the right, over and over; the complement by
// 11, K for ten.
func clRUTValid(s string) bool {
	s = prefixed(s, "CL")
	n := len(s) - 1
	if n < 7 || n > 8 || !allDigits(s[:n]) {
		return false
	}
	sum := 0
	for i := 0; i < n; i++ {
		sum += int(s[n-1-i]-'0') * (2 + i%6)
	}
	return s[n] == "0K987654321"[sum%11]
}
