package stdnum

import "strings"

var inAadhaar = &Format{
	Name: "in_.aadhaar", Type: "IN_AADHAAR", Aliases: []string{"in.aadhaar", "AADHAAR"},
	Title: "Aadhaar, the identity number that the UIDAI gives to residents of India.",
	Of:    Person, Clean: " -",
	Shapes: []string{"999999999999"}, Written: []string{"9999 9999 9999", "9999-9999-9999"},
	Words:  []string{"aadhaar", "aadhar", "adhaar", "adhar", "uidai", "uid", "aadhaar no", "आधार", "आधार संख्या", "आधार नंबर", "आधार कार्ड", "आधार क्रमांक"},
	Strong: 12, Sample: "4827 3610 5946", Check: func(s string) bool { return len(s) == 12 && inVerhoeff(s) },
}

// inVerhoeff: the UIDAI begins numbers with 2 to 9, gives no palindromes and
// checks them by Verhoeff's scheme.
func inVerhoeff(s string) bool {
	if s[0] == '0' || s[0] == '1' || !verhoeff(s) {
		return false
	}
	for i := 0; i < len(s)/2; i++ {
		if s[i] != s[len(s)-1-i] {
			return true
		}
	}
	return false
}

var inVID = &Format{
	Name: "in_.vid", Type: "IN_VID", Aliases: []string{"in.vid"},
	Title: "Virtual identity, a revocable number that stands for a person's Aadhaar in India.",
	Of:    Person, Clean: " -",
	Shapes: []string{"9999999999999999"}, Written: []string{"9999 9999 9999 9999", "9999-9999-9999-9999"},
	Words:  []string{"vid", "virtual id", "virtual identity", "aadhaar vid", "aadhaar", "uidai", "वीआईडी", "आधार"},
	Strong: 12, Sample: "7281 5064 9372 6143", Check: func(s string) bool { return len(s) == 16 && inVerhoeff(s) },
}

var inEPIC = &Format{
	Name: "in_.epic", Type: "IN_VOTER", Aliases: []string{"IN_EPIC", "in.epic"},
	Title: "Number of the photo identity card that the Election Commission of India gives to voters.",
	Of:    Person, Clean: " -",
	Shapes: []string{"AAA9999999"}, Written: []string{"AAA 9999999", "AAA-9999999"},
	Words:  []string{"epic", "epic no", "voter", "voter id", "voter card", "voters", "election card", "electoral", "elector", "मतदाता", "मतदाता पहचान", "पहचान पत्र"},
	Strong: 10, Sample: "KTR4829164", Check: func(s string) bool { return len(s) == 10 && gzFits(s[:3], "AAA") && luhn(s[3:]) },
}

var inPAN = &Format{
	Name: "in_.pan", Type: "IN_PAN", Aliases: []string{"in.pan"},
	Title: "Permanent account number (PAN), which India's income tax department gives to people and firms.",
	Of:    Either, Clean: " -",
	Shapes: []string{"AAAAA9999A"}, Written: []string{"AAAAA 9999 A", "AAAAA-9999-A"},
	Words:  []string{"pan", "pan card", "pan no", "pan number", "permanent account", "income tax", "itr", "tds", "पैन", "पैन कार्ड", "पैन नंबर", "स्थायी खाता"},
	Strong: 2, Sample: "BKTPM4827R", Check: inPANValid,
}

// inPANValid: the fourth letter tells the holder (P a person, C a company, F a
// firm and so on), the serial is not 0000. How the last letter is computed is
// not published.
func inPANValid(s string) bool {
	return gzFits(s, "AAAAA9999A") && strings.IndexByte("ABCFGHJKLPT", s[3]) >= 0 && s[5:9] != "0000"
}

var inGSTIN = &Format{
	Name: "in_.gstin", Type: "IN_GSTIN", Aliases: []string{"in.gstin"},
	Title: "Goods and services tax number (GSTIN) of a firm in India: state, PAN, a serial and a check character.",
	Of:    Company, Clean: " -",
	Shapes: []string{"99AAAAA9999A*z*"}, Written: []string{"99 AAAAA9999A *z*", "99-AAAAA9999A-*z*", "99 AAAAA 9999 A *z*"},
	Words:  []string{"gst", "gstin", "gst no", "gst number", "gst in", "services tax", "जीएसटी", "जीएसटीआईएन", "vendor", "supplier"},
	Strong: 150, Sample: "27BKTPB4827R1ZB", Check: inGSTINValid,
}

// inGSTINValid: states are 01 to 38 (97 for other territory); the check is
// Luhn's formula over base 36.
func inGSTINValid(s string) bool {
	if len(s) != 15 || !allDigits(s[:2]) || !inPANValid(s[2:12]) || value(s[12]) < 1 || s[13] != 'Z' || value(s[14]) < 0 {
		return false
	}
	if n := number(s[:2]); n < 1 || n > 38 {
		return false
	}
	sum := 0
	for i := 0; i < 15; i++ {
		v := value(s[14-i])
		if i%2 == 1 {
			v = 2*v/36 + 2*v%36
		}
		sum += v
	}
	return sum%36 == 0
}
