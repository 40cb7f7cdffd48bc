package stdnum

var esCCC = &Format{
	Name: "es.ccc", Type: "ES_CCC",
	Title: "Bank account number (código cuenta cliente, CCC) in Spain, as it was before the IBAN.",
	Of:    Account, Clean: " -",
	Shapes: []string{"99999999999999999999"}, Written: []string{"9999-9999-99-9999999999", "9999 9999 99 9999999999", "9999 9999 9999 9999 9999", "9999-9999-9999-9999-9999"},
	Words:  []string{"ccc", "cuenta", "cuenta corriente", "cuenta cliente", "código cuenta", "número de", "cuenta bancaria", "domiciliación", "bank account", "account"},
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
