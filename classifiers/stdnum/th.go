package stdnum

var thMOA = &Format{
	Name: "th.moa", Type: "TH_MOA",
	Title: "Memorandum of association number (juristic person's registration) of a firm in Thailand.",
	Of:    Company, Clean: " -",
	Shapes: []string{"0999999999999"}, Written: []string{"0-99-9-999-99999-9", "0 99 9 999 99999 9"},
	Words:  []string{"ทะเบียนนิติบุคคล", "เลขทะเบียน", "เลขประจำตัวผู้เสียภาษี", "บริษัท", "company registration", "registration number", "juristic", "dbd", "tax id"},
	Strong: 11, Sample: "0-10-5-548-27315-8", Check: func(s string) bool { return thValid(s) && s[0] == '0' },
}

// thValid is the check of people's and firms' numbers, by 13 to 2.
func thValid(s string) bool {
	return digits(s, 13) && (11-weighted(s[:12], 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%10 == int(s[12]-'0')
}

var thPIN = &Format{
	Name: "th.pin", Type: "TH_TNIN", Aliases: []string{"TH_PIN"},
	Title: "Identity number of a person in Thailand.",
	Of:    Person, Clean: " -",
	Shapes: []string{"9999999999999"}, Written: []string{"9-9999-99999-99-9", "9 9999 99999 99 9"},
	Words:  []string{"บัตรประชาชน", "เลขบัตรประชาชน", "เลขประจำตัวประชาชน", "เลขประจำตัว", "ประชาชน", "thai id", "tnin", "pin", "citizen id", "national id", "id card", "identification number"},
	Strong: 11, Sample: "1-4827-31059-26-0", Check: thPINValid,
}

// thPINValid: the first digit is a kind of person, 1 to 8.
func thPINValid(s string) bool { return thValid(s) && s[0] != '0' && s[0] != '9' }

var thTIN = &Format{
	Name: "th.tin", Type: "TH_TIN",
	Title: "Tax number in Thailand: a person's identity number or a firm's registration.",
	Of:    Either, Clean: " -",
	Shapes: []string{"9999999999999"}, Written: []string{"9-9999-99999-99-9", "9 9999 99999 99 9", "9-99-9-999-99999-9"},
	Words:  []string{"เลขประจำตัวผู้เสียภาษี", "ผู้เสียภาษี", "ภาษี", "tax id", "tin", "tax number", "taxpayer"},
	Strong: 11, Sample: "3-4827-31059-26-6", Check: func(s string) bool { return thValid(s) && s[0] != '9' },
}
