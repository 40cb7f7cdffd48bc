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
	{
		Name: "passport", Type: "PASSPORT", Aliases: []string{"PASSPORT_NUMBER"},
		Title: "Number of a passport, by the word beside it: letters and digits as most states print them.",
		Of:    Person, Clean: " ",
		Shapes:  []string{"9999999", "99999999", "999999999", "A999999", "A9999999", "A99999999", "AA999999", "AA9999999", "AA99999999", "AAA999999", "AAA9999999", "999999999A", "99AA99999", "AA99999AA"},
		Written: []string{"A 9999999", "A 99999999", "AA 999999", "AA 9999999", "AAA 999999", "99 9999999", "99 999999", "A99 99999"},
		Words: []string{"passport", "passport no", "passport number", "passports", "reisepass", "reisepassnummer", "passnummer", "pass nr", "passeport", "passeport n", "pasaporte", "passaporto", "passaporte",
			"paspoort", "paspoortnummer", "paszport", "paszportu", "passnr", "pasaport", "pasaport no", "паспорт", "護照", "护照", "护照号", "旅券", "パスポート", "여권", "여권번호", "पासपोर्ट", "หนังสือเดินทาง", "cestovní pas", "útlevél", "pașaport"},
		Strong: 1, Sample: "LK482736", Check: moreOf("9999999", "99999999", "999999999", "A999999", "A9999999", "A99999999", "AA999999", "AA9999999", "AA99999999", "AAA999999", "AAA9999999", "999999999A", "99AA99999", "AA99999AA"),
	},
	{
		Name: "driver_license", Type: "DRIVER_LICENSE", Aliases: []string{"DRIVING_LICENCE", "DRIVERS_LICENSE"},
		Title: "Number of a driving licence, by the word beside it: letters and digits as European and other states print them.",
		Of:    Person, Clean: " -/.",
		Shapes: []string{"999999", "9999999", "99999999", "999999999", "9999999999", "99999999999", "999999999999", "A999999", "A9999999", "A99999999", "AA999999", "AA9999999", "A**********", "**AA***9**A", "9999999999A", "99999999A"},
		Written: []string{"99999/99/9999", "99 999 999", "999 999 999", "99 99 999999", "99 99 99 999 999", "AA 999999", "A-999999 9", "AA-999999 9", "9999 9999 9999", "99999-99-9999",
			"A 9999999", "99-99-99-99", "99 999999"},
		Words: []string{"driving licence", "driver licence", "driving license", "drivers licence", "licence no", "führerschein", "führerscheinnummer", "führerscheins", "fahrerlaubnis", "führerausweis", "permis de conduire", "permis conduire", "n permis",
			"carnet de conducir", "permiso de conducir", "licencia de conducir", "de conducir", "conducir", "patente", "patente n", "patente di", "carta de condução", "de condução", "condução", "cnh", "habilitação", "rijbewijs", "rijbewijsnummer", "rijbewijs nr",
			"prawo jazdy", "prawa jazdy", "jazdy", "körkort", "körkortsnummer", "førerkort", "kørekort", "ajokortti", "ehliyet", "ehliyet no", "sürücü belgesi", "sürücü", "řidičský průkaz", "jogosítvány", "permis auto", "permisul",
			"運転免許", "免許証番号", "驾驶证", "驾照", "驾驶证号", "駕照", "운전면허", "ड्राइविंग लाइसेंस", "водительское", "водительского"},
		Strong: 1, Sample: "48273/61/5048", Check: moreLicenceValid,
	},
	{
		Name: "national_id", Type: "NATIONAL_ID", Aliases: []string{"ID_CARD", "NATIONAL_ID_NUMBER"},
		Title: "Number of an identity card or a person's national number, by the word beside it, where no format of a country fits.",
		Of:    Person, Clean: " -./",
		Shapes:  []string{"9999999", "99999999", "999999999", "9999999999", "99999999999", "999999999999", "9999999999999", "99999999999999", "A9999999", "A99999999", "AA999999", "AA9999999", "AAA999999", "A999999A", "9999999A", "99999999A", "AA99999AA", "A9999999A"},
		Written: []string{"99.999.999", "99 999 999", "9.999.999", "999.999.999", "9.999.999-9", "99.999.999-9", "9 9999 99999 99 9", "9999 9999 9999", "999-9999-9999999-9", "AA 999999", "AAA 999999", "999999-99-9999", "99999-9999999-9", "999999/99/9", "999 999 999"},
		Words: []string{"national id", "national identity", "national identification", "nationalid", "citizen id", "identity card", "identity number", "id card", "identity no", "personalausweis", "personalausweisnummer", "ausweisnummer", "carte d identité", "carte identité",
			"carte nationale", "cédula", "cedula", "cédula de", "documento identidad", "documento nacional", "cédula ciudadanía", "carta identità", "carta d identità", "identiteitskaart", "dowód osobisty", "dowodu osobistego", "dowodu",
			"legitimation", "kimlik no", "kimlik numarası", "身份证号", "身份证", "身分證", "身份證", "주민등록증", "บัตรประชาชน", "občanský průkaz", "personnummer", "henkilötunnus", "personal number", "personal identity"},
		Strong: 1, Sample: "KT48273BD", Check: moreIDValid,
	},
}

// moreLicenceValid takes six to twelve characters that are not all one digit.
func moreLicenceValid(s string) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		switch v := value(s[i]); {
		case v < 0:
			return false
		case v < 10:
			n++
		}
	}
	return len(s) >= 6 && len(s) <= 12 && n >= 5 && !same(s)
}

// moreIDValid takes seven to sixteen characters that are not all one digit.
func moreIDValid(s string) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		switch v := value(s[i]); {
		case v < 0:
			return false
		case v < 10:
			n++
		}
	}
	return len(s) >= 7 && len(s) <= 16 && n >= 5 && !same(s)
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
