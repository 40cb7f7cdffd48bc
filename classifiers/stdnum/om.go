package stdnum

var omVAT = &Format{
	Name: "om.vat", Type: "OM_VAT", Aliases: []string{"OM_VATIN"},
	Title: "VAT number (VATIN) of a firm in Oman.",
	Of:    Company, Clean: " -",
	Shapes: []string{"om9999999999", "om999999999x"},
	Words:  []string{"vat", "vatin", "vat number", "vat no", "vat registration", "oman tax", "ضريبة", "الرقم الضريبي", "القيمة المضافة"},
	Strong: 11, Sample: "OM1100482733", Check: omVATValid,
}

// omVATValid: the tax authority publishes the form alone. In the numbers that
// firms publish the last character, X for 10, is the one of ISO/IEC 7064 Mod
// 11-2 with a remainder of 10 in place of 1.
func omVATValid(s string) bool {
	if len(s) != 12 || s[:2] != "OM" || !allDigits(s[2:11]) || s[11] != 'X' && (s[11] < '0' || s[11] > '9') {
		return false
	}
	c := 0
	for i := 2; i < 11; i++ {
		c = (c + int(s[i]-'0')) * 2 % 11
	}
	return s[11] == "0123456789X"[(21-c)%11]
}
