package stdnum

var chESR = &Format{
	Name: "ch.esr", Type: "CH_ESR", Aliases: []string{"CH_QRR", "ESR_REFERENCE", "QR_REFERENCE"},
	Title: "Reference of a payment slip (ESR, QR-Referenz) in Switzerland.",
	Of:    Thing, Clean: " ",
	Shapes: []string{"999999999999999999999999999"}, Written: []string{"99 99999 99999 99999 99999 99999"},
	Words: []string{"esr", "esr referenz", "qr referenz", "referenz", "referenznummer", "référence", "référence qr", "bvr", "riferimento", "zahlungsreferenz", "einzahlungsschein",
		"qr rechnung", "payment reference"},
	Strong: 10, Sample: "00 00000 00482 73016 05482 73014", Check: chESRValid,
}

// chESRValid: the recursive check digit by ten of the Swiss post; leading zeros
// may be left out.
func chESRValid(s string) bool {
	if len(s) > 27 || !allDigits(s) {
		return false
	}
	c, zero := 0, true
	for i := 0; i < len(s)-1; i++ {
		zero = zero && s[i] == '0'
		c = int("0946827135"[(c+int(s[i]-'0'))%10] - '0')
	}
	return !(zero && s[len(s)-1] == '0') && (10-c)%10 == int(s[len(s)-1]-'0')
}

var chSSN = &Format{
	Name: "ch.ssn", Type: "CH_SSN", Aliases: []string{"CH_AHV", "CH_AVS"},
	Title: "Insurance number (AHV-Nummer, numéro AVS) of people in Switzerland and Liechtenstein.",
	Of:    Person, Health: true, Clean: " .",
	Shapes: []string{"7569999999999"}, Written: []string{"756.9999.9999.99", "756 9999 9999 99"},
	Words:  []string{"ahv", "ahv nummer", "ahv nr", "ahvn13", "avs", "numéro avs", "no avs", "navs13", "numero avs", "sozialversicherungsnummer", "sozialversicherung", "versichertennummer", "social security", "ssn", "insurance number", "svn", "oasi"},
	Strong: 10, Sample: "756.4827.3016.56", Check: chSSNValid,
}

func chSSNValid(s string) bool { return digits(s, 13) && s[:3] == "756" && eanSum(s)%10 == 0 }

var chUID = &Format{
	Name: "ch.uid", Type: "CH_UID", Aliases: []string{"CH_IDE", "CH_IDI"},
	Title: "Number of firms (Unternehmens-Identifikationsnummer, UID, IDE) in Switzerland.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"che999999999", "999999999"}, Written: []string{"che-999.999.999", "che 999 999 999", "che 999.999.999", "che-999-999-999", "999.999.999"},
	Words:  []string{"uid", "uid nummer", "uid nr", "ide", "idi", "no ide", "numéro ide", "unternehmens identifikationsnummer", "handelsregister", "firmennummer", "company number", "vat"},
	Strong: 11, Sample: "CHE-148.273.011", Check: chUIDValid,
}

// chUIDValid: weights 5 4 3 2 7 6 5 4 and the last digit make a multiple of 11.
func chUIDValid(s string) bool {
	s = prefixed(s, "CHE")
	return digits(s, 9) && weighted(s, 5, 4, 3, 2, 7, 6, 5, 4, 1)%11 == 0
}

var chVAT = &Format{
	Name: "ch.vat", Type: "CH_VAT", Aliases: []string{"CH_MWST", "CH_TVA"},
	Title: "VAT number (MWST-Nummer, numéro TVA, numero IVA) of firms in Switzerland.",
	Of:    Company, Clean: " -.",
	Shapes:  []string{"che999999999mwst", "che999999999tva", "che999999999iva", "che999999999tpv"},
	Written: []string{"che-999.999.999 mwst", "che-999.999.999 tva", "che-999.999.999 iva", "che-999.999.999 tpv", "che 999 999 999 mwst"},
	Words:   []string{"mwst", "mwst nr", "mwst nummer", "mehrwertsteuer", "tva", "no tva", "numéro tva", "iva", "vat", "vat number", "vat no", "uid"},
	Strong:  11, Sample: "CHE-148.273.011 MWST", Check: chVATValid,
}

func chVATValid(s string) bool {
	n := len("CHE999999999")
	return len(s) > n && s[:3] == "CHE" && oneOf("MWST TVA IVA TPV", s[n:]) && chUIDValid(s[:n])
}
