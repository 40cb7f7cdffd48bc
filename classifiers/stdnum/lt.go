package stdnum

var ltAsmens = &Format{
	Name: "lt.asmens", Type: "LT_ASMENS", Aliases: []string{"LT_ASMENS_KODAS"},
	Title: "Personal code (asmens kodas) of a person in Lithuania: sex and century, day of birth, serial and check digit.",
	Of:    Person, Clean: " ",
	Shapes: []string{"99999999999"},
	Words:  []string{"asmens kodas", "asmens kodo", "asmens kodą", "asmens", "a k", "personal code", "personal number", "national id"},
	Strong: 75, Sample: "38605142373", Check: ltAsmensValid,
}

// ltAsmensValid: the first digit is odd for men and even for women, 1 and 2 for
// the 19th century and so on; 9 stands before numbers without a date. The check
// digit sums by 1 2 3 … and, where that leaves 10, by 3 4 5 ….
func ltAsmensValid(s string) bool {
	if !digits(s, 11) {
		return false
	}
	if s[0] != '9' {
		century := 1800 + (number(s[:1])-1)/2*100
		if s[0] == '0' || !day(century+number(s[1:3]), number(s[3:5]), number(s[5:7])) {
			return false
		}
	}
	return ltCheck(weighted(s[:10], 1, 2, 3, 4, 5, 6, 7, 8, 9, 1), weighted(s[:10], 3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) == s[10]
}

// ltCheck is the check digit of two sums, of which the second counts where the
// first leaves ten.
func ltCheck(first, second int) byte {
	c := first % 11
	if c == 10 {
		c = second % 11 % 10
	}
	return byte('0' + c)
}

var ltPVM = &Format{
	Name: "lt.pvm", Type: "LT_PVM", Aliases: []string{"LT_VAT"},
	Title: "VAT number (PVM mokėtojo kodas) of a firm in Lithuania.",
	Of:    Company, Clean: " -",
	Shapes: []string{"lt999999999", "lt999999999999", "999999999", "999999999999"}, Written: []string{"lt 999999999", "lt 999999999999"},
	Words:  []string{"pvm", "pvm kodas", "pvm mokėtojo", "mokėtojo kodas", "pvm moketojo", "vat", "vat number"},
	Strong: 100, Sample: "LT482730512", Check: ltPVMValid,
}

// ltPVMValid: the digit before the check digit is 1; twelve digits are for
// temporary taxpayers.
func ltPVMValid(s string) bool {
	s = gzBare(s, "LT")
	n := len(s) - 1
	if !digits(s, 9) && !digits(s, 12) || s[n-1] != '1' {
		return false
	}
	return ltCheck(weighted(s[:n], 1, 2, 3, 4, 5, 6, 7, 8, 9), weighted(s[:n], 3, 4, 5, 6, 7, 8, 9, 1, 2)) == s[n]
}
