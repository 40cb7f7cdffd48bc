package stdnum

import "strings"

var iePPS = &Format{
	Name: "ie.pps", Type: "IE_PPS", Aliases: []string{"IE_PPSN"},
	Title: "Personal public service number (PPSN) of a person in Ireland.",
	Of:    Person, Clean: " -",
	Shapes: []string{"9999999A", "9999999AA"}, Written: []string{"9999999 A", "9999999 AA"},
	Words:  []string{"pps", "ppsn", "pps number", "pps no", "personal public", "public service", "rsi", "revenue", "social welfare", "uimhir pps"},
	Strong: 23, Sample: "5182736KB", Check: iePPSValid,
}

// ieLetter is the check letter of seven digits, weighed 8 to 2, and a second
// letter, weighed 9.
func ieLetter(s string, second int) byte {
	return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(s, 8, 7, 6, 5, 4, 3, 2)+9*second)%23]
}

// iePPSValid: the letters A, B and H, given since 2013, count in the check
// letter; W, T and X, of wives and of old numbers, do not.
func iePPSValid(s string) bool {
	if len(s) < 8 || len(s) > 9 || !allDigits(s[:7]) {
		return false
	}
	second := 0
	if len(s) == 9 {
		if strings.IndexByte("ABHWTX", s[8]) < 0 {
			return false
		}
		if s[8] < 'T' {
			second = int(s[8]-'A') + 1
		}
	}
	return s[7] == ieLetter(s[:7], second)
}

var ieVAT = &Format{
	Name: "ie.vat", Type: "IE_VAT",
	Title: "VAT number of a firm in Ireland.",
	Of:    Company, Clean: " -",
	Shapes: []string{"ie9999999A", "ie9999999AA", "ie9A99999A", "9999999A", "9999999AA", "9A99999A"}, Written: []string{"ie 9999999A", "ie 9999999AA"},
	Words:  []string{"vat", "vat number", "vat no", "vat reg", "cbl", "uimhir cbl", "revenue", "tax number"},
	Strong: 23, Sample: "IE 4735912CO", Check: ieVATValid,
}

// ieVATValid: old numbers have a letter, + or * in the second place, and the
// first digit then belongs before the check letter.
func ieVATValid(s string) bool {
	s = gzBare(s, "IE")
	if len(s) < 8 || len(s) > 9 || value(s[0]) < 0 || value(s[0]) > 9 || !allDigits(s[2:7]) {
		return false
	}
	second := 0
	if len(s) == 9 {
		if second = strings.IndexByte("WABCDEFGHIJKLMNOPQRSTUV", s[8]); second < 0 {
			return false
		}
	}
	switch c := s[1]; {
	case '0' <= c && c <= '9':
		return s[7] == ieLetter(s[:7], second)
	case 'A' <= c && c <= 'Z', c == '+', c == '*':
		sum := weighted(s[2:7], 7, 6, 5, 4, 3) + 2*int(s[0]-'0')
		return s[7] == "WABCDEFGHIJKLMNOPQRSTUV"[sum%23]
	}
	return false
}
