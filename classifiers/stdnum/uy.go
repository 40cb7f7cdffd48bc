package stdnum

var uyRUT = &Format{
	Name: "uy.rut", Type: "UY_RUT",
	Title: "Tax number (RUT) of a firm in Uruguay.",
	Of:    Company, Clean: " -",
	Shapes: []string{"999999999999", "uy999999999999"}, Written: []string{"99-999999-999-9", "99 999999 999 9"},
	Words:  []string{"rut", "u t", "registro único", "registro unico", "único tributario", "tributario", "dgi", "tax number"},
	Strong: 40000, Sample: "214827310016", Check: uyRUTValid,
}

// uyRUTValid: an office (01 to 22), a number, 001 and a check digit.
func uyRUTValid(s string) bool {
	s = gzBare(s, "UY")
	if !digits(s, 12) || s[:2] < "01" || s[:2] > "22" || s[2:8] == "000000" || s[8:11] != "001" {
		return false
	}
	return (11-weighted(s[:11], 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)%11)%11 == int(s[11]-'0')
}
