package stdnum

var idNIK = &Format{
	Name: "id.nik", Type: "ID_NIK",
	Title: "Number of a person's identity card (NIK) in Indonesia: place, day of birth and a serial.",
	Of:    Person, Clean: " -.",
	Shapes: []string{"9999999999999999"}, Written: []string{"999999.999999.9999", "999999-999999-9999", "9999 9999 9999 9999"},
	Words:  []string{"nik", "ktp", "no ktp", "nomor induk", "induk kependudukan", "kependudukan", "kartu tanda", "e ktp", "identity card"},
	Strong: 29, Sample: "3273046508910007", Check: idNIKValid,
}

// idProvinces are the first two digits of places (Kemendagri's codes).
const idProvinces = "11 12 13 14 15 16 17 18 19 21 31 32 33 34 35 36 51 52 53 61 62 63 64 65 71 72 73 74 75 76 81 82 91 92 93 94 95 96"

// idNIKValid: women's day of birth is raised by 40.
func idNIKValid(s string) bool {
	if !digits(s, 16) || !gzOneOf(idProvinces, s[:2]) {
		return false
	}
	d := number(s[6:8]) % 40
	yy, mm := number(s[10:12]), number(s[8:10])
	return day(1900+yy, mm, d) || day(2000+yy, mm, d)
}

var idNPWP = &Format{
	Name: "id.npwp", Type: "ID_NPWP",
	Title: "Taxpayer number (NPWP) of people and firms in Indonesia.",
	Of:    Either, Clean: " -.",
	Shapes: []string{"999999999999999", "9999999999999999"}, Written: []string{"99.999.999.9-999.999"},
	Words:  []string{"npwp", "nomor pokok", "pokok wajib", "wajib pajak", "pajak", "taxpayer", "tax number", "tin"},
	Strong: 10, Sample: "71.284.930.6-417.000", Check: idNPWPValid,
}

// idNPWPValid: of fifteen digits the ninth is Luhn's for the eight before it;
// since 2024 there are sixteen, a zero and the old number or a person's NIK.
func idNPWPValid(s string) bool {
	if digits(s, 15) {
		return luhn(s[:9])
	}
	return digits(s, 16) && (s[0] == '0' && luhn(s[1:10]) || idNIKValid(s))
}
