package stdnum

import "strings"

var czRC = &Format{
	Name: "cz.rc", Type: "CZ_RC", Aliases: []string{"CZ_RODNE_CISLO", "CZ_BIRTH_NUMBER"},
	Title: "Birth number (rodné číslo) of people in the Czech Republic, and in Slovakia.",
	Of:    Person, Health: true, Clean: " /",
	Shapes: []string{"9999999999", "999999999"}, Written: []string{"999999/9999", "999999/999", "999999 9999"},
	Words:  []string{"rodné číslo", "rodne cislo", "rodného čísla", "rod.č", "rč", "r.č", "rc", "birth number", "číslo pojištěnce", "pojištěnec", "national id", "personal number", "narozen", "narozena"},
	Strong: 45, Sample: "840715/4822", Check: czRCValid,
}

// czRCValid: date of birth, in the months from 51 on of women, and with 20 more
// where a day's numbers are used up. Nine digits until 1953; ten since, the last
// of which is the remainder by 11 of the others, 0 for 10.
func czRCValid(s string) bool {
	if (len(s) != 9 && len(s) != 10) || !allDigits(s) {
		return false
	}
	year := 1900 + number(s[:2])
	if len(s) == 9 {
		if year >= 1980 {
			year -= 100
		}
		if year > 1953 {
			return false
		}
	} else if year < 1954 {
		year += 100
	}
	if !day(year, number(s[2:4])%50%20, number(s[4:6])) {
		return false
	}
	if len(s) == 9 {
		return true
	}
	return number(s[:9])%11%10 == int(s[9]-'0')
}

var czICO = &Format{
	Name: "cz.ico", Type: "CZ_ICO",
	Title: "Number of firms in the register of the Czech Republic (identifikační číslo osoby, IČO).",
	Of:    Company, Clean: " ",
	Shapes: []string{"99999999"}, Written: []string{"999 99 999"},
	Words:  []string{"ičo", "ico", "ič", "identifikační číslo", "identifikacni cislo", "ičo firmy", "obchodní rejstřík", "company number", "registration number", "company id"},
	Strong: 11, Sample: "48273015", Check: czICOValid,
}

// czICOValid: weights 8 to 2; the complement by 11 checks, 0 and 1 for 10 and 11.
func czICOValid(s string) bool {
	return digits(s, 8) && s[7] == "10987654321"[weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)%11]
}

var czDIC = &Format{
	Name: "cz.dic", Type: "CZ_DIC", Aliases: []string{"CZ_VAT"},
	Title: "Tax and VAT number (DIČ) of people and firms in the Czech Republic.",
	Of:    Either, Clean: " /",
	Shapes: []string{"cz99999999", "cz999999999", "cz9999999999"}, Written: []string{"cz 99999999", "cz 999999999", "cz 9999999999", "cz 999999/9999"},
	Words:  []string{"dič", "dic", "daňové identifikační", "daňové číslo", "dph", "plátce dph", "vat", "vat number", "vat no", "vat id", "vatin", "tax id"},
	Strong: 11, Sample: "CZ48273015", Check: czDICValid,
}

// czDICValid: the number of a firm, which does not begin with 9 here, the birth
// number of a person, or nine digits that begin with 6, of special cases.
func czDICValid(s string) bool {
	s = prefixed(s, "CZ")
	switch {
	case digits(s, 8):
		return s[0] != '9' && czICOValid(s)
	case digits(s, 9) && s[0] == '6':
		return s[8] == "89012345678"[weighted(s[1:8], 8, 7, 6, 5, 4, 3, 2)%11]
	}
	return czRCValid(s)
}

var czAccount = &Format{
	Name: "cz.bankaccount", Type: "CZ_BANKACCOUNT", Aliases: []string{"CZ_BANK_ACCOUNT"},
	Title: "Bank account number in the Czech Republic, with the code of the bank.",
	Of:    Account, Compact: czAccountCompact,
	Shapes:  []string{"99999999999999", "99999999999999999999"},
	Written: []string{"9999999999/9999", "999999999/9999", "99-9999999999/9999", "999999-9999999999/9999", "999-9999999999/9999", "9999-9999999999/9999"},
	Words:   []string{"číslo účtu", "cislo uctu", "účet", "účtu", "ucet", "č.ú", "bankovní účet", "bankovní spojení", "bank account", "account", "account number"},
	Strong:  2000, Sample: "19-2748273016/0800", Check: czAccountValid,
}

// czBanks are the codes of banks that the Czech National Bank lists.
const czBanks = "0100 0300 0600 0710 0800 2010 2060 2070 2100 2200 2220 2250 2260 2600 2700 3030 3060 3500 4300 5500 5800 6000 6200 6210 6300 6363 6700 6800 7910 7950 7960 7970 7990 " +
	"8030 8040 8060 8090 8150 8190 8198 8220 8250 8255 8265 8500 8610 8660"

// czAccountCompact fills prefix and number to six and ten digits and leaves no
// separators; nothing is left where there is no slash before the bank.
func czAccountCompact(value string) string {
	s := Clean(value, "")
	account, bank, ok := strings.Cut(s, "/")
	prefix, account, has := strings.Cut(account, "-")
	if !has {
		prefix, account = "", prefix
	}
	if !ok || len(prefix) > 6 || len(account) < 2 || len(account) > 10 || has && prefix == "" {
		return ""
	}
	const zeros = "0000000000"
	return zeros[:6-len(prefix)] + prefix + zeros[:10-len(account)] + account + bank
}

// czAccountValid: prefix and number are weighed by powers of two from the right
// and each a multiple of 11. Without a prefix there are fourteen digits.
func czAccountValid(s string) bool {
	prefix := ""
	if len(s) == 20 {
		prefix, s = s[:6], s[6:]
	}
	if !digits(s, 14) || prefix != "" && !allDigits(prefix) || !oneOf(czBanks, s[10:]) {
		return false
	}
	return weighted(prefix, 10, 5, 8, 4, 2, 1)%11 == 0 && weighted(s[:10], 6, 3, 7, 9, 10, 5, 8, 4, 2, 1)%11 == 0
}
