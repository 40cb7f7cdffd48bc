package stdnum

import "strings"

// usSpaced are the characters in the numbers of the United States. Spaces are
// common in texts; Valid, as the reference, takes hyphens in their places alone.
const usSpaced = " -"

// usNine gives the nine digits of s, which are bare or have hyphens after the
// third and the fifth.
func usNine(s string) (d [9]byte, ok bool) {
	k := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9' && k < 9:
			d[k] = c
			k++
		case c == '-' && i > 0 && s[i-1] != '-' && (k == 3 || k == 5):
		default:
			return d, false
		}
	}
	return d, k == 9
}

var usATIN = &Format{
	Name: "us.atin", Type: "US_ATIN",
	Title: "Taxpayer number of a child whose adoption is pending (ATIN) in the United States.",
	Of:    Person, Clean: usSpaced,
	Shapes: []string{"999939999"}, Written: []string{"999-93-9999", "999 93 9999"},
	Words:  []string{"atin", "adoption taxpayer", "adoption", "taxpayer identification", "tin"},
	Strong: 1, Sample: "948-93-2731", Compact: gzTrimmed, Check: usATINValid,
}

// usATINValid: the tax administration gives numbers from 900 on with 93 in the
// middle, but publishes no rule that others are not given.
func usATINValid(s string) bool {
	_, ok := usNine(s)
	return ok
}

var usEIN = &Format{
	Name: "us.ein", Type: "US_EIN", Aliases: []string{"US_FEIN"},
	Title: "Employer identification number (EIN) of a firm in the United States.",
	Of:    Company, Clean: usSpaced,
	Shapes: []string{"999999999"}, Written: []string{"99-9999999"},
	Words:  []string{"ein", "fein", "employer identification", "federal ein", "federal tax", "employer id", "tax id", "fed id", "tin", "irs"},
	Strong: 1, Sample: "48-2731059", Compact: gzTrimmed, Check: usEINValid,
}

// usEINUnused are the first digits that no campus of the tax administration has.
const usEINUnused = "00 07 08 09 17 18 19 28 29 49 69 70 78 79 89 96 97"

func usEINValid(s string) bool {
	if len(s) == 10 && s[2] == '-' {
		return allDigits(s[:2]) && allDigits(s[3:]) && !gzOneOf(usEINUnused, s[:2])
	}
	return digits(s, 9) && !gzOneOf(usEINUnused, s[:2])
}

var usITIN = &Format{
	Name: "us.itin", Type: "US_ITIN",
	Title: "Individual taxpayer number (ITIN) of a person without a social security number in the United States.",
	Of:    Person, Clean: usSpaced,
	Shapes: []string{"999999999"}, Written: []string{"999-99-9999", "999 99 9999"},
	Words:  []string{"itin", "individual taxpayer", "taxpayer", "taxpayer id", "tax id", "taxpayer identification", "irs", "tin"},
	Strong: 23, Sample: "948-72-7310", Compact: gzTrimmed, Check: usITINValid,
}

// usITINValid: the first digit is 9, the middle 70 to 99 without 89 and 93. The
// middle 50 to 65 is given too since 2012, which the reference does not know.
func usITINValid(s string) bool {
	d, ok := usNine(s)
	g := 10*int(d[3]-'0') + int(d[4]-'0')
	return ok && d[0] == '9' && (g >= 50 && g <= 65 || g >= 70 && g != 89 && g != 93)
}

var usPTIN = &Format{
	Name: "us.ptin", Type: "US_PTIN",
	Title: "Number of a preparer of tax returns (PTIN) in the United States.",
	Of:    Person, Clean: "-",
	Shapes: []string{"p99999999"}, Written: []string{"p-99999999"},
	Words:  []string{"ptin", "preparer", "preparer tax", "tax preparer", "paid preparer", "preparer s"},
	Strong: 1, Sample: "P04827315", Check: usPTINValid,
}

func usPTINValid(s string) bool { return len(s) == 9 && s[0] == 'P' && allDigits(s[1:]) }

var usRTN = &Format{
	Name: "us.rtn", Type: "ABA_ROUTING_NUMBER", Aliases: []string{"US_RTN"},
	Title: "Routing number of a bank in the United States (American Bankers Association).",
	Of:    Bank, Clean: "-",
	Shapes: []string{"999999999"}, Written: []string{"9999-9999-9"},
	Words:  []string{"aba", "routing", "routing number", "routing no", "aba routing", "rtn", "bank routing", "transit", "ach", "fedwire"},
	Strong: 10, Sample: "048273158", Compact: gzTrimmed, Check: usRTNValid,
}

// usRTNValid: weights 3 7 1 make a multiple of ten.
func usRTNValid(s string) bool { return digits(s, 9) && weighted(s, 3, 7, 1)%10 == 0 }

var usSSN = &Format{
	Name: "us.ssn", Type: "US_SSN", Aliases: []string{"SSN"},
	Title: "Social security number of a person in the United States.",
	Of:    Person, Clean: usSpaced,
	Shapes: []string{"999999999"}, Written: []string{"999-99-9999", "999 99 9999"},
	Words:  []string{"ssn", "ssns", "social security", "social", "soc sec", "socialsecurity", "ss number", "tin", "tax id", "taxpayer"},
	Strong: 1, Sample: "536-22-8765", Compact: gzTrimmed, Check: usSSNValid,
}

// usSSNValid: no area is 000, 666 or 900 to 999, no group 00, no serial 0000;
// numbers printed in advertisements were withdrawn.
func usSSNValid(s string) bool {
	d, ok := usNine(s)
	if !ok || d[0] == '9' || string(d[:3]) == "000" || string(d[:3]) == "666" || string(d[3:5]) == "00" || string(d[5:]) == "0000" {
		return false
	}
	switch string(d[:]) {
	case "078051120", "457555462", "219099999":
		return false
	}
	return true
}

var usTIN = &Format{
	Name: "us.tin", Type: "US_TIN",
	Title: "Taxpayer number of any kind (SSN, ITIN, EIN, PTIN, ATIN) in the United States.",
	Of:    Either, Clean: usSpaced,
	Shapes: []string{"999999999"}, Written: []string{"999-99-9999", "99-9999999", "999 99 9999"},
	Words:  []string{"tin", "taxpayer", "taxpayer id", "taxpayer identification", "tax id", "tax identification", "irs"},
	Strong: 1, Sample: "48-2731059", Compact: usTINCompact, Check: usTINValid,
}

// usTINCompact cuts hyphens in a preparer's number alone.
func usTINCompact(value string) string {
	s := gzTrimmed(value)
	if strings.HasPrefix(s, "P") {
		return Clean(s, "-")
	}
	return s
}

func usTINValid(s string) bool {
	return usSSNValid(s) || usITINValid(s) || usEINValid(s) || usATINValid(s) || usPTINValid(s)
}
