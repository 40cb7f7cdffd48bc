package stdnum

var moreThings = []*Format{
	{
		Name: "vin", Type: "VIN", Aliases: []string{"VEHICLE_IDENTIFICATION_NUMBER", "FIN_DE"},
		Title:  "Identification number of a vehicle (ISO 3779): seventeen characters, the ninth a check digit on vehicles for North America.",
		Of:     Vehicle,
		Shapes: []string{"*****************"},
		Words: []string{"vin", "vin no", "chassis", "chassis no", "chassis number", "vehicle identification", "frame no", "fin", "fahrgestellnummer", "fahrgestell", "fahrzeug identifikationsnummer", "identifizierungsnummer",
			"telaio", "numero telaio", "bastidor", "número de bastidor", "châssis", "numéro de série", "chassi", "chassisnummer", "nr vin", "nadwozia", "şasi", "şasi no", "chassinummer", "车架号", "車台番号", "차대번호", "vehicle"},
		// Of words of seventeen letters and digits few have no I, O, Q and end in digits.
		Strong: 500, Sample: "WVWZZZ1KZ8W482736", Check: vinValid,
	},
}

// vinValid checks ISO 3779: no I, O or Q, a world manufacturer identifier whose
// region is given, digits at the end; and the check digit of 49 CFR 565.15 where
// the first character stands for North America.
func vinValid(s string) bool {
	if len(s) != 17 || !allDigits(s[13:]) {
		return false
	}
	letters, digits := 0, 0
	for i := 0; i < len(s); i++ {
		switch v := value(s[i]); {
		case v < 0 || s[i] == 'I' || s[i] == 'O' || s[i] == 'Q':
			return false
		case v >= 10:
			letters++
		default:
			digits++
		}
	}
	if letters < 3 || digits < 5 || s[0] == '0' {
		return false
	}
	if s[0] >= '1' && s[0] <= '5' {
		return VINCheck(s)
	}
	return true
}

// VINCheck reports whether the ninth character of a vehicle identification number
// of seventeen characters is the check digit of 49 CFR 565.15. Makers outside
// North America need not compute it.
func VINCheck(s string) bool {
	if len(s) != 17 {
		return false
	}
	sum := 0
	for i := 0; i < 17; i++ {
		v := value(s[i])
		switch {
		case v < 0:
			return false
		case v >= 28: // S to Z: 2 to 9
			v = v - 28 + 2
		case v >= 19: // J to R: 1 to 9
			v -= 18
		case v >= 10: // A to H: 1 to 8
			v -= 9
		}
		sum += v * [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}[i]
	}
	if sum%11 == 10 {
		return s[8] == 'X'
	}
	return s[8] == byte('0'+sum%11)
}
