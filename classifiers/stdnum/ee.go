package stdnum

var eeIK = &Format{
	Name: "ee.ik", Type: "EE_IK", Aliases: []string{"EE_ISIKUKOOD"},
	Title: "Personal code (isikukood) of people in Estonia.",
	Of:    Person, Clean: " ",
	Shapes: []string{"99999999999"},
	Words:  []string{"isikukood", "isikukoodi", "isikukoodiga", "ik", "id kood", "personal code", "personal id", "personal identification", "national id", "личный код", "sündinud"},
	Strong: 300, Sample: "38407154824", Check: eeIKValid,
}

// eeIKValid: century and sex, date of birth, order number, check digit.
func eeIKValid(s string) bool {
	if !digits(s, 11) || s[0] < '1' || s[0] > '8' {
		return false
	}
	century := 1800 + int(s[0]-'1')/2*100
	return day(century+number(s[1:3]), number(s[3:5]), number(s[5:7])) && eeCheck(s[:10]) == s[10]
}

// eeCheck: weights from 1, and from 3 where those leave 10, by 11; 0 where
// both do.
func eeCheck(s string) byte {
	check := 0
	for _, first := range [...]int{1, 3} {
		sum := 0
		for i := 0; i < len(s); i++ {
			sum += int(s[i]-'0') * ((i+first-1)%9 + 1)
		}
		if check = sum % 11; check < 10 {
			break
		}
	}
	return byte('0' + check%10)
}

var eeKMKR = &Format{
	Name: "ee.kmkr", Type: "EE_KMKR", Aliases: []string{"EE_VAT"},
	Title: "VAT number (käibemaksukohustuslase number, KMKR) of firms in Estonia.",
	Of:    Company, Clean: " ",
	Shapes: []string{"ee999999999", "999999999"}, Written: []string{"ee 999999999", "ee 999 999 999"},
	Words:  []string{"kmkr", "kmkr nr", "kmkr number", "käibemaksukohustuslase", "käibemaks", "km nr", "vat", "vat number", "vat no", "vatin"},
	Strong: 10, Sample: "EE 104 827 309", Check: eeKMKRValid,
}

// eeKMKRValid: weights 3 7 1 over and over, a multiple of ten.
func eeKMKRValid(s string) bool {
	s = prefixed(s, "EE")
	return digits(s, 9) && weighted(s, 3, 7, 1)%10 == 0
}

var eeRegistrikood = &Format{
	Name: "ee.registrikood", Type: "EE_REGISTRIKOOD",
	Title: "Number in the business register (registrikood) of firms in Estonia.",
	Of:    Company, Clean: " ",
	Shapes: []string{"19999999", "79999999", "89999999", "99999999"},
	Words:  []string{"registrikood", "reg kood", "rg kood", "äriregister", "äriregistri", "registry code", "register code", "reg code", "company number"},
	Strong: 10, Sample: "14827306", Check: eeRegistrikoodValid,
}

func eeRegistrikoodValid(s string) bool {
	return digits(s, 8) && (s[0] == '1' || s[0] >= '7') && eeCheck(s[:7]) == s[7]
}
