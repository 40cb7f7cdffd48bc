package stdnum

var arCBU = &Format{
	Name: "ar.cbu", Type: "AR_CBU",
	Title: "Bank account number (CBU) in Argentina.",
	Of:    Account, Clean: " -",
	Shapes: []string{"9999999999999999999999"}, Written: []string{"99999999 99999999999999", "99999999-99999999999999", "999-9999-9-9999999999999-9"},
	Words:  []string{"cbu", "clave bancaria", "bancaria uniforme", "cuenta bancaria", "cuenta", "transferencia", "cvu", "bank account", "account"},
	Strong: 100, Sample: "28505909 44827301627369", Check: arCBUValid,
}

// arCBUValid: a block of bank and branch and one of the account, each with a
// check digit by weights 3 1 7 9 from the right.
func arCBUValid(s string) bool {
	return digits(s, 22) && weighted(s[:8], 7, 1, 3, 9, 7, 1, 3, 1)%10 == 0 && weighted(s[8:], 3, 9, 7, 1, 3, 9, 7, 1, 3, 9, 7, 1, 3, 1)%10 == 0
}

var arCUIT = &Format{
	Name: "ar.cuit", Type: "AR_CUIT", Aliases: []string{"AR_CUIL", "AR_VAT"},
	Title: "Tax number (CUIT), or labour number (CUIL), of people and firms in Argentina.",
	Of:    Either, Clean: " -",
	Shapes: []string{"99999999999"}, Written: []string{"99-99999999-9", "99 99999999 9"},
	Words:  []string{"cuit", "cuil", "cuit cuil", "c.u.i.t", "clave única", "afip", "arca", "contribuyente", "identificación tributaria", "tax id", "responsable inscripto", "monotributista", "monotributo"},
	Strong: 90, Sample: "27-28473015-7", Check: arCUITValid,
}

// arCUITValid: the first two digits say the kind of taxpayer; weights 5 4 3 2 7
// 6 5 4 3 2; the complement of the remainder by 11 checks, 10 being written 9.
func arCUITValid(s string) bool {
	if !digits(s, 11) || !oneOf("20 23 24 27 30 33 34 50 51 55", s[:2]) {
		return false
	}
	return s[10] == "09987654321"[weighted(s[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11]
}

var arDNI = &Format{
	Name: "ar.dni", Type: "AR_DNI",
	Title: "Number of the national identity document (DNI) in Argentina.",
	Of:    Person, Clean: " .",
	Shapes: []string{"99999999", "9999999"}, Written: []string{"99.999.999", "9.999.999"},
	Words:  []string{"dni", "d.n.i", "documento", "documento nacional", "nro documento", "identidad", "cédula", "national id", "id number"},
	Strong: 1, Sample: "28.473.015", Check: arDNIValid,
}

func arDNIValid(s string) bool { return (len(s) == 7 || len(s) == 8) && allDigits(s) }
