package stdnum

var ptCC = &Format{
	Name: "pt.cc", Type: "PT_CC",
	Title: "Document number of the citizen card (cartão de cidadão) of a person in Portugal.",
	Of:    Person, Clean: " ",
	Shapes: []string{"999999999**9"}, Written: []string{"99999999 9 AA9", "99999999 9 A99", "999999999 AA9"},
	Words:  []string{"cartão de", "cartao de", "cartão cidadão", "cidadão", "cidadao", "cc", "c c", "citizen card", "bilhete de"},
	Strong: 10, Sample: "04827315 9 ZX1", Check: ptCCValid,
}

// ptCCValid: Luhn's formula with letters as 10 to 35.
func ptCCValid(s string) bool {
	if !gzFits(s, "999999999**9") {
		return false
	}
	sum := 0
	for i := 0; i < 12; i++ {
		v := value(s[11-i])
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

var ptNIF = &Format{
	Name: "pt.nif", Type: "PT_NIF", Aliases: []string{"PT_VAT", "PT_NIPC"},
	Title: "Tax number (NIF, NIPC) of people and firms in Portugal.",
	Of:    Either, Clean: " -.",
	Shapes: []string{"999999999", "pt999999999"}, Written: []string{"999 999 999", "pt 999999999", "pt 999 999 999"},
	Words:  []string{"nif", "nipc", "contribuinte", "nº contribuinte", "identificação fiscal", "fiscal", "iva", "vat", "tax number"},
	Strong: 11, Sample: "248 273 159", Check: ptNIFValid,
}

func ptNIFValid(s string) bool {
	s = gzBare(s, "PT")
	return digits(s, 9) && s[0] != '0' && (11-weighted(s[:8], 9, 8, 7, 6, 5, 4, 3, 2)%11)%11%10 == int(s[8]-'0')
}
