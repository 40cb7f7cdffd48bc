package stdnum

import "strings"

var esCCC = &Format{
	Name: "es.ccc", Type: "ES_CCC",
	Title: "Bank account number (código cuenta cliente, CCC) in Spain, as it was before the IBAN.",
	Of:    Account, Clean: " -",
	Shapes: []string{"99999999999999999999"}, Written: []string{"9999-9999-99-9999999999", "9999 9999 99 9999999999", "9999 9999 9999 9999 9999", "9999-9999-9999-9999-9999"},
	Words:  []string{"ccc", "cuenta", "cuenta corriente", "cuenta cliente", "código cuenta", "cuenta bancaria", "domiciliación", "bank account", "account"},
	Strong: 100, Sample: "2038-4827-16-3015827302", Check: esCCCValid,
}

// esCCCValid: bank and branch, two check digits, account; each part is weighed
// by powers of two and the complement by 11 checks, 1 for 10.
func esCCCValid(s string) bool {
	return digits(s, 20) &&
		s[8] == esCCCCheck(weighted(s[:8], 4, 8, 5, 10, 9, 7, 3, 6)) &&
		s[9] == esCCCCheck(weighted(s[10:], 1, 2, 4, 8, 5, 10, 9, 7, 3, 6))
}

func esCCCCheck(sum int) byte { return "01987654321"[sum%11] }

var esCAE = &Format{
	Name: "es.cae", Type: "ES_CAE",
	Title:  "Activity and establishment code (código de actividad y establecimiento, CAE) of who deals in goods under excise in Spain.",
	Of:     Company,
	Shapes: []string{"es00099**999A"},
	Words:  []string{"cae", "código cae", "actividad", "impuestos especiales", "depósito fiscal", "excise", "seed", "excise number"},
	Strong: 28, Sample: "ES00028V7482K", Check: esCAEValid,
}

// esActivities are the keys of activities that the tax agency lists.
const esActivities = "A0 A1 A2 A6 A7 A9 AC AF AT AV AW AX B0 B1 B6 B7 B9 BA BT C1 C7 DA DB DF DM DP E7 EC F1 H0 H1 H2 H4 H6 H7 H8 H9 HA HB HC HD HE HF HH HI HJ HK HL HM HN HP HQ HR HS HT HU HV HW " +
	"HX HZ L0 L1 L2 L3 L7 M7 OA OB OE OH OR OT OV PF RF T1 T7 TT V1 V7 VD"

// esCAEValid: three zeros, the tax office, the activity, a number, a letter
// whose rule is not published.
func esCAEValid(s string) bool {
	return len(s) == 13 && s[:5] == "ES000" && allDigits(s[5:7]) && s[5:7] >= "01" && s[5:7] <= "56" && oneOf(esActivities, s[7:9]) && allDigits(s[9:12]) && capitals(s[12:])
}

var esCIF = &Format{
	Name: "es.cif", Type: "ES_CIF",
	Title: "Tax number of organisations in Spain (CIF, now NIF).",
	Of:    Company, Clean: " -",
	Shapes: []string{"A99999999", "A9999999A"}, Written: []string{"A-99999999", "A-9999999-A", "A 99999999", "A-99 999 999"},
	Words:  []string{"cif", "c.i.f", "cif nº", "nif", "razón social", "sociedad", "identificación fiscal", "tax id", "company number", "vat"},
	Strong: 10, Sample: "B48273015", Check: esCIFValid,
}

// esCIFValid: the kind of organisation, seven digits whose odd ones are doubled
// and summed by digit, and the complement by ten as a digit or as a letter.
func esCIFValid(s string) bool {
	if len(s) != 9 || strings.IndexByte("ABCDEFGHJNPQRSUVW", s[0]) < 0 || !allDigits(s[1:8]) {
		return false
	}
	sum := 0
	for i := 1; i < 8; i++ {
		d := int(s[i] - '0')
		if i%2 == 1 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	check := (10 - sum%10) % 10
	return s[8] == byte('0'+check) || s[8] == "JABCDEFGHI"[check]
}

var esCUPS = &Format{
	Name: "es.cups", Type: "ES_CUPS",
	Title: "Code of a point of supply of electricity or gas (código unificado de punto de suministro, CUPS) in Spain.",
	Of:    Person, Clean: " -",
	Shapes: []string{"es9999999999999999AA", "es9999999999999999AA9A"}, Written: []string{"es 9999 9999 9999 9999 AA", "es 9999 9999 9999 9999 AA 9A", "es 9999-999999999999-AA", "es 9999-999999999999-AA 9A"},
	Words:  []string{"cups", "código cups", "suministro", "supply point"},
	Strong: 529, Sample: "ES 0431 4827 3016 0548 RN 0F", Check: esCUPSValid,
}

// esDNILetters are the check letters of a number by 23.
const esDNILetters = "TRWAGMYFPDXBNJZSQVHLCKE"

// esCUPSValid: the sixteen digits' remainder by 529, as two letters.
func esCUPSValid(s string) bool {
	switch {
	case len(s) == 20:
	case len(s) == 22 && allDigits(s[20:21]) && strings.IndexByte("FPRCXYZ", s[21]) >= 0:
	default:
		return false
	}
	if s[:2] != "ES" || !allDigits(s[2:18]) {
		return false
	}
	r := number(s[2:18]) % 529
	return s[18] == esDNILetters[r/23] && s[19] == esDNILetters[r%23]
}

var esDNI = &Format{
	Name: "es.dni", Type: "ES_DNI",
	Title: "Number of the national identity document (DNI) of citizens of Spain.",
	Of:    Person, Clean: " -",
	Shapes: []string{"99999999A"}, Written: []string{"99999999-A", "99999999 A", "99 999 999 A", "99 999 999-A"},
	Words:  []string{"dni", "d.n.i", "nif", "documento", "documento nacional", "identidad", "dni nie", "national id", "id number", "identity card"},
	Strong: 23, Sample: "48273015V", Check: esDNIValid,
}

func esDNIValid(s string) bool {
	return len(s) == 9 && allDigits(s[:8]) && s[8] == esDNILetters[number(s[:8])%23]
}

var esNIE = &Format{
	Name: "es.nie", Type: "ES_NIE",
	Title: "Identity number of foreigners (número de identidad de extranjero, NIE) in Spain.",
	Of:    Person, Clean: " -",
	Shapes: []string{"x9999999A", "y9999999A", "z9999999A"}, Written: []string{"x-9999999-A", "y-9999999-A", "z-9999999-A", "x9999999-A", "y9999999-A", "z9999999-A", "x 9999999 A", "y 9999999 A", "z 9999999 A", "x-9999999A", "y-9999999A", "z-9999999A"},
	Words:  []string{"nie", "n.i.e", "nif", "extranjero", "extranjeros", "identidad", "residencia", "tie", "dni nie", "foreigner", "residence", "id number"},
	Strong: 23, Sample: "Y4827301Y", Check: esNIEValid,
}

// esNIEValid: X, Y and Z stand for 0, 1 and 2.
func esNIEValid(s string) bool {
	return len(s) == 9 && s[0] >= 'X' && s[0] <= 'Z' && allDigits(s[1:8]) && s[8] == esDNILetters[(int(s[0]-'X')*10_000_000+number(s[1:8]))%23]
}

var esNIF = &Format{
	Name: "es.nif", Type: "ES_NIF", Aliases: []string{"ES_VAT"},
	Title: "Tax number (NIF) of people and organisations in Spain.",
	Of:    Either, Clean: " -",
	Shapes:  []string{"99999999A", "k9999999A", "l9999999A", "m9999999A", "es99999999A", "esA99999999", "esA9999999A"},
	Written: []string{"99999999-A", "99999999 A", "k-9999999-A", "l-9999999-A", "m-9999999-A", "es 99999999A", "esA9999999A", "es A99999999", "es-A99999999"},
	Words:   []string{"nif", "n.i.f", "nif nº", "nif iva", "dni", "cif", "identificación fiscal", "iva", "contribuyente", "tax id", "tax number", "vat", "vat number"},
	Strong:  23, Sample: "48273015-V", Check: esNIFValid,
}

// esNIFValid: K, L and M are for people without another number, their letter
// that of the digits; else the number of a citizen, a foreigner, or a firm.
func esNIFValid(s string) bool {
	s = prefixed(s, "ES")
	if len(s) == 9 && s[0] >= 'K' && s[0] <= 'M' {
		return allDigits(s[1:8]) && s[8] == esDNILetters[number(s[1:8])%23]
	}
	return esDNIValid(s) || esNIEValid(s) || esCIFValid(s)
}

var esIBAN = &Format{
	Name: "es.iban", Type: "ES_IBAN",
	Title: "International bank account number of an account in Spain.",
	Of:    Account, Clean: " -.",
	Shapes: []string{"es9999999999999999999999"}, Written: []string{"es99 9999 9999 9999 9999 9999", "es99-9999-9999-9999-9999-9999", "es99 9999 9999 99 9999999999"},
	Words:  []string{"iban", "cuenta", "cuenta bancaria", "domiciliación", "banco", "account", "bank account"},
	Strong: 5000, Sample: "ES80 2038 4827 1630 1582 7340", Check: esIBANValid,
}

func esIBANValid(s string) bool { return len(s) == 24 && s[:2] == "ES" && genIBANValid(s) }

var esPostalCode = &Format{
	Name: "es.postal_code", Type: "ES_POSTAL_CODE",
	Title: "Postal code (código postal) in Spain.",
	Of:    Thing, Clean: " ",
	Words:  []string{"código postal", "cp", "c.p", "postal code", "zip"},
	Strong: 2, Sample: "28047", Check: esPostalCodeValid,
}

// esPostalCodeValid: the first two digits are the province's.
func esPostalCodeValid(s string) bool { return digits(s, 5) && s[:2] >= "01" && s[:2] <= "52" }

var esCatastral = &Format{
	Name: "es.referenciacatastral", Type: "ES_REFERENCIACATASTRAL", Aliases: []string{"ES_CATASTRO"},
	Title: "Cadastral reference (referencia catastral) of a property in Spain.",
	Of:    Thing, Clean: " -", Compact: esCatastralCompact,
	Shapes: []string{"9999999AA9999A9999AA", "99999A999999999999AA", "9*************9999AA"}, Written: []string{"9999999 AA9999A 9999 AA", "9999999-AA9999A-9999-AA", "9999999 AA9999A 9999 A A"},
	Words:  []string{"referencia catastral", "ref catastral", "catastral", "catastro", "inmueble", "finca", "parcela", "cadastral", "ref. catastral"},
	Strong: 529, Sample: "4827301VK4742F0016SB", Check: esCatastralValid,
}

func esCatastralCompact(value string) string { return strings.ToUpper(Clean(value, " -")) }

// esCatastralValid: plot, sheet and flat; one check letter for plot and flat,
// one for sheet and flat, by weights and 23. Letters count from 1 in the Spanish
// alphabet, with Ñ.
func esCatastralValid(s string) bool {
	const letters = "MQWERTYUIOPASDFGHJKLBZX"
	var v [20]int
	n := 0
	for _, r := range s {
		if n == len(v) {
			return false
		}
		switch {
		case r >= '0' && r <= '9':
			v[n] = int(r - '0')
		case r >= 'A' && r <= 'N':
			v[n] = int(r-'A') + 1
		case r == 'Ñ':
			v[n] = 15
		case r >= 'O' && r <= 'Z':
			v[n] = int(r-'O') + 16
		default:
			return false
		}
		n++
	}
	if n != len(v) {
		return false
	}
	weights := [...]int{13, 15, 12, 5, 4, 17, 9, 21, 3, 7, 1}
	plot, sheet := 0, 0
	for i, w := range weights {
		if i < 7 {
			plot, sheet = plot+w*v[i], sheet+w*v[7+i]
		} else {
			plot, sheet = plot+w*v[7+i], sheet+w*v[7+i]
		}
	}
	return s[len(s)-2] == letters[plot%23] && s[len(s)-1] == letters[sheet%23]
}
