package stdnum

import "strings"

var zaIDNR = &Format{
	Name: "za.idnr", Type: "ZA_ID_NUMBER", Aliases: []string{"ZA_IDNR"},
	Title: "Identity number of a person in South Africa: day of birth, sex, citizenship and check digit.",
	Of:    Person, Clean: " ",
	Shapes: []string{"9999999999999"}, Written: []string{"999999 9999 999", "999999 9999 99 9", "999999 9999 9 9 9"},
	Words:  []string{"id number", "id no", "identity number", "identity document", "south african", "sa id", "rsa id", "idnr", "id nommer", "identiteitsnommer"},
	Strong: 90, Sample: "8605144827084", Check: zaIDNRValid,
}

// zaIDNRValid: the eleventh digit is 0 for citizens, 1 for residents.
func zaIDNRValid(s string) bool {
	return digits(s, 13) && luhn(s) && s[10] <= '1' && (gzDay(19, s[:2], s[2:4], s[4:6]) || gzDay(20, s[:2], s[2:4], s[4:6]))
}

var zaTIN = &Format{
	Name: "za.tin", Type: "ZA_INCOME_TAX_NUMBER", Aliases: []string{"ZA_TIN"},
	Title: "Income tax reference number of people and firms in South Africa.",
	Of:    Either, Clean: " -/",
	Shapes: []string{"9999999999"}, Written: []string{"9999/999/99/9", "9999 999 99 9"},
	Words:  []string{"tax reference", "tax number", "income tax", "tax ref", "tin", "sars", "tax no", "belasting", "belastingnommer"},
	Strong: 20, Sample: "0482731056", Check: zaTINValid,
}

// zaTINValid: the first digit is 0, 1, 2, 3 or 9.
func zaTINValid(s string) bool {
	return len(s) == 10 && luhn(s) && strings.IndexByte("01239", s[0]) >= 0
}
