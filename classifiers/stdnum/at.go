package stdnum

var atBusinessID = &Format{
	Name: "at.businessid", Type: "AT_BUSINESSID", Aliases: []string{"AT_FN", "FIRMENBUCHNUMMER"},
	Title: "Number in the company register (Firmenbuchnummer) of Austria.",
	Of:    Company, Clean: " -./",
	Shapes:  []string{"fn99999A", "fn999999A", "999999A", "99999A"},
	Written: []string{"fn 99999A", "fn 999999A", "fn 99999 A", "fn 999999 A", "999999 A"},
	Words:   []string{"fn", "firmenbuch", "firmenbuchnummer", "firmenbuchnr", "fn nr", "handelsgericht", "landesgericht", "company register", "fbnr"},
	Strong:  2, Sample: "FN 273015k", Check: atBusinessIDValid,
}

// atBusinessIDValid: digits and a check letter, whose rule is not published.
func atBusinessIDValid(s string) bool {
	s = prefixed(s, "FN")
	n := len(s) - 1
	return n >= 1 && n <= 8 && allDigits(s[:n]) && capitals(s[n:])
}

var atPostleitzahl = &Format{
	Name: "at.postleitzahl", Type: "AT_POSTLEITZAHL",
	Title: "Postal code (Postleitzahl) in Austria.",
	Of:    Thing, Clean: " ",
	Words:  []string{"plz", "postleitzahl", "postal code", "zip"},
	Strong: 1, Sample: "8047", Check: atPostleitzahlValid,
}

// atPostleitzahlValid takes the whole range from Vienna to Kartitsch's valley:
// which of its numbers the post uses changes.
func atPostleitzahlValid(s string) bool { return digits(s, 4) && s >= "1010" && s <= "9992" }

var atTIN = &Format{
	Name: "at.tin", Type: "AT_TIN", Aliases: []string{"AT_STEUERNUMMER", "ABGABENKONTONUMMER"},
	Title: "Tax number (Abgabenkontonummer, Steuernummer) of people and firms in Austria.",
	Of:    Either, Clean: " -./,",
	Shapes: []string{"999999999"}, Written: []string{"99-999/9999", "99 999/9999", "99 999 9999"},
	Words:  []string{"steuernummer", "steuernr", "st nr", "stnr", "abgabenkontonummer", "abgabenkonto", "finanzamt", "finanzamtsnummer", "tax number", "tin", "tax id"},
	Strong: 25, Sample: "46-273/0169", Check: atTINValid,
}

// atTaxOffices are the numbers of the tax offices.
const atTaxOffices = "03 04 06 07 08 09 10 12 15 16 18 22 23 29 33 38 41 46 51 52 53 54 57 59 61 65 67 68 69 71 72 81 82 83 84 90 91 93 97 98"

func atTINValid(s string) bool { return digits(s, 9) && oneOf(atTaxOffices, s[:2]) && luhn(s) }

var atUID = &Format{
	Name: "at.uid", Type: "AT_UID", Aliases: []string{"AT_VAT"},
	Title: "VAT number (Umsatzsteuer-Identifikationsnummer, UID) of firms in Austria.",
	Of:    Company, Clean: " -./",
	Shapes: []string{"atu99999999", "u99999999"}, Written: []string{"atu 99999999", "at u99999999", "atu 9999 9999", "atu 999 999 99", "at u 99999999"},
	Words:  []string{"uid", "uid nummer", "uid nr", "ust id", "ust idnr", "ustid", "umsatzsteuer", "umsatzsteuer identifikationsnummer", "vat", "vat number", "vat id", "vat no", "vatin"},
	Strong: 10, Sample: "ATU48273014", Check: atUIDValid,
}

// atUIDValid: weights 1 and 2, digits of the products summed, and 4 more make a
// multiple of ten with the last digit.
func atUIDValid(s string) bool {
	s = prefixed(s, "AT")
	if len(s) != 9 || s[0] != 'U' || !allDigits(s[1:]) {
		return false
	}
	sum, _ := crossSum(s[1:8], value)
	return (sum+4+int(s[8]-'0'))%10 == 0
}

var atVNR = &Format{
	Name: "at.vnr", Type: "AT_VNR", Aliases: []string{"AT_SVNR", "AT_SVN", "SOZIALVERSICHERUNGSNUMMER_AT"},
	Title: "Social insurance number (Versicherungsnummer, SVNR) of people in Austria; it ends in the date of birth.",
	Of:    Person, Health: true, Clean: " ",
	Shapes: []string{"9999999999"}, Written: []string{"9999 999999", "9999 99 99 99"},
	Words: []string{"svnr", "sv nr", "svn", "sv nummer", "vsnr", "versicherungsnummer", "sozialversicherungsnummer", "sozialversicherung", "sozialversicherungsnr", "e card", "ecard",
		"social security", "social insurance", "insurance number", "ssn"},
	Strong: 11, Sample: "4823 170383", Check: atVNRValid,
}

// atVNRValid: the fourth digit is the remainder by 11 of the others, weighed by
// 3 7 9 5 8 4 2 1 6.
func atVNRValid(s string) bool {
	return digits(s, 10) && s[0] != '0' && weighted(s, 3, 7, 9, 0, 5, 8, 4, 2, 1, 6)%11 == int(s[3]-'0')
}
