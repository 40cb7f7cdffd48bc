package stdnum

import "strings"

var euCreditor = &Format{
	Name: "eu.at_02", Type: "EU_AT_02", Aliases: []string{"SEPA_CREDITOR_ID", "CREDITOR_IDENTIFIER"},
	Title: "Creditor identifier of who takes direct debits in the euro area (SEPA, attribute AT-02).",
	Of:    Company, Clean: " -/?:().'+",
	Shapes: []string{"de99***99999999999", "AA99***99999999", "AA99***99999999A", "AA99***999999", "AA99***A99999999", "AA99***999999999"}, Written: []string{"de99 *** 99999999999", "AA 99 *** 99999999A", "AA99 *** 99999999A", "AA99 *** 999999"},
	Words: []string{"creditor identifier", "creditor id", "sepa", "gläubiger id", "gläubiger identifikationsnummer", "gläubigeridentifikationsnummer", "ci", "ics", "identifiant créancier",
		"direct debit"},
	Strong: 97, Sample: "DE12ZZZ00000488730", Check: euCreditorValid,
}

// euCreditorValid: country, two check digits, three characters of the creditor's
// own that are not checked, and the national number; as with accounts.
func euCreditorValid(s string) bool {
	if len(s) < 8 || !alnums(s) {
		return false
	}
	var b [maxValue]byte
	if len(s) > len(b) {
		return false
	}
	n := copy(b[:], s[:4])
	n += copy(b[n:], s[7:])
	return mod97Turned(string(b[:n]))
}

var euBanknote = &Format{
	Name: "eu.banknote", Type: "EU_BANKNOTE",
	Title: "Serial number of a euro banknote.",
	Of:    Thing, Clean: " ",
	Shapes: []string{"AA9999999999", "A99999999999"},
	Words:  []string{"banknote", "euro note", "serial number", "note number", "geldschein", "banknoten", "billet", "billete"},
	Strong: 9, Sample: "EA4827301651", Check: euBanknoteValid,
}

// euBanknoteValid: the printer's letter, in the second series with another; all
// characters' places in ASCII for letters, their values for digits, make a
// multiple of nine.
func euBanknoteValid(s string) bool {
	if len(s) != 12 || strings.IndexByte("BCDEFGHJLMNPRSTUVWXYZ", s[0]) < 0 || !allDigits(s[2:]) || value(s[1]) < 0 {
		return false
	}
	sum := 0
	for i := 0; i < len(s); i++ {
		if s[i] > '9' {
			sum += int(s[i])
		} else {
			sum += int(s[i] - '0')
		}
	}
	return sum%9 == 0
}

var euECNumber = &Format{
	Name: "eu.ecnumber", Type: "EU_ECNUMBER", Aliases: []string{"EINECS", "EC_NUMBER"},
	Title: "EC number (EINECS, ELINCS) of a chemical substance.",
	Of:    Thing, Compact: euECNumberCompact, Clean: " -",
	Shapes: []string{"9999999"}, Written: []string{"999-999-9"},
	Words:  []string{"ec number", "ec no", "einecs", "elincs", "ec nr", "eg nummer", "substance", "chemical", "cas", "numéro ce"},
	Strong: 11, Sample: "248-273-7", Check: euECNumberValid,
}

// euECNumberCompact keeps a value with hyphens at other places from being taken.
func euECNumberCompact(value string) string {
	s := Clean(value, " ")
	if strings.IndexByte(s, '-') < 0 {
		return s
	}
	if len(s) != 9 || s[3] != '-' || s[7] != '-' {
		return ""
	}
	return Clean(s, "-")
}

// euECNumberValid: weights 1 to 6 leave the last digit by 11, 1 for ten.
func euECNumberValid(s string) bool {
	return digits(s, 7) && s[6] == "01234567891"[weighted(s[:6], 1, 2, 3, 4, 5, 6)%11]
}

var euEIC = &Format{
	Name: "eu.eic", Type: "EU_EIC", Aliases: []string{"EIC"},
	Title: "Energy identification code (EIC) of a party, an area or a plant in the European market of electricity and gas.",
	Of:    Company, Clean: " ",
	Shapes: []string{"99A*************"},
	Words:  []string{"eic", "eic code", "eic number", "energy identification", "entso", "bilanzkreis"},
	Strong: 36, Sample: "11XKVTHANDEL4828", Check: euEICValid,
}

// euEICValid: digits and letters of their value, the hyphen 36, weighed by 16 to
// 2; the last character makes it a multiple of 37, and is never a hyphen.
func euEICValid(s string) bool {
	if len(s) != 16 || s[15] == '-' {
		return false
	}
	sum := 0
	for i := 0; i < 15; i++ {
		v := value(s[i])
		if s[i] == '-' {
			v = 36
		} else if v < 0 {
			return false
		}
		sum += v * (16 - i)
	}
	return value(s[15]) == 36-(sum+36)%37
}

var euExcise = &Format{
	Name: "eu.excise", Type: "EU_EXCISE", Aliases: []string{"SEED_NUMBER"},
	Title: "Excise number (SEED) of who deals in goods under excise in the European Union.",
	Of:    Company, Clean: " ", Compact: euExciseCompact,
	Shapes: []string{"AA***********"},
	Words:  []string{"excise", "excise number", "excise no", "seed", "emcs", "verbrauchsteuernummer", "verbrauchsteuer", "accise", "numéro d'accise", "accijnsnummer", "accijns", "accisa"},
	Strong: 20, Sample: "LU00000482KVT", Check: euExciseValid,
}

// euExciseCompact fills what stands behind the country with zeros to the eleven
// characters that there are.
func euExciseCompact(value string) string {
	s := Clean(value, " ")
	if len(s) < 3 || len(s) >= 13 {
		return s
	}
	return s[:2] + "00000000000"[:13-len(s)] + s[2:]
}

// euExciseMembers are the members of the union, and Northern Ireland.
const euExciseMembers = "AT BE BG CY CZ DE DK EE ES FI GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI"

func euExciseValid(s string) bool {
	if len(s) != 13 || !alnums(s) {
		return false
	}
	if s[:2] == "FR" {
		return frAcciseValid(s)
	}
	return oneOf(euExciseMembers, s[:2])
}

var euOSS = &Format{
	Name: "eu.oss", Type: "EU_OSS", Aliases: []string{"EU_IOSS"},
	Title: "VAT number of sellers from outside of the European Union in its one-stop shop (OSS, IOSS).",
	Of:    Company, Clean: " -",
	Shapes: []string{"eu999999999", "im9999999999"}, Written: []string{"eu 999999999", "im 9999999999"},
	Words:  []string{"oss", "ioss", "ioss number", "oss number", "moss", "vat", "vat number", "vat id"},
	Strong: 35, Sample: "EU372004825", Check: euOSSValid,
}

// euOSSStates are the members' numbers of ISO 3166-1, and 900 for the
// intermediaries of the union.
const euOSSStates = "040 056 100 191 196 203 208 233 246 250 276 300 348 372 380 428 440 442 470 528 616 620 642 703 705 724 752 900"

// euOSSValid: the member and the number that it has given; what the last digits
// check is not published.
func euOSSValid(s string) bool {
	switch {
	case len(s) == 11 && s[:2] == "EU":
		return allDigits(s[2:]) && oneOf(euOSSStates, s[2:5])
	case len(s) == 12 && s[:2] == "IM":
		return allDigits(s[2:]) && oneOf(euOSSStates, s[2:5])
	}
	return false
}

var euNACE = &Format{
	Name: "eu.nace", Type: "EU_NACE", Aliases: []string{"NACE"},
	Title: "Class of economic activity (NACE, revision 2.1) in the European Union.",
	Of:    Thing, Clean: ".",
	Words:  []string{"nace", "nace code", "economic activity", "wirtschaftszweig", "code nace", "branche"},
	Strong: 2, Sample: "62.10", Check: euNACEValid,
}

// euNACEClasses are the classes of revision 2.1, Regulation (EU) 2023/137: of
// each division the groups and, after a colon, the last digits of their classes.
const euNACEClasses = "01 1:1234569 2:123456789 3:0 4:12345678 5:0 6:123 7:0;02 1:0 2:0 3:0 4:0;03 1:12 2:12 3:0;05 1:0 2:0;06 1:0 2:0;07 1:0 2:19;08 1:12 9:1239;09 1:0 9:0;" +
	"10 1:123 2:0 3:129 4:12 5:12 6:12 7:123 8:1234569 9:12;11 0:1234567;12 0:0;13 1:0 2:0 3:0 9:1234569;14 1:0 2:12349;15 1:12 2:0;16 1:12 2:12345678;17 1:12 2:12345;18 1:1234 2:0;19 1:0 2:0;" +
	"20 1:1234567 2:0 3:0 4:12 5:19 6:0;21 1:0 2:0;22 1:12 2:123456;23 1:12345 2:0 3:12 4:12345 5:12 6:123456 7:0 9:19;24 1:0 2:0 3:1234 4:123456 5:1234;25 1:12 2:12 3:0 4:0 5:123 6:123 9:12349;" +
	"26 1:12 2:0 3:0 4:0 5:12 6:0 7:0;27 1:12 2:0 3:123 4:0 5:12 9:0;28 1:12345 2:123459 3:0 4:12 9:12345679;29 1:0 2:0 3:12;30 1:123 2:0 3:12 4:0 9:129;31 0:0;32 1:123 2:0 3:0 4:0 5:0 9:19;" +
	"33 1:123456789 2:0;35 1:123456 2:1234 3:0 4:0;36 0:0;37 0:0;38 1:12 2:123 3:123;39 0:0;41 0:0;42 1:123 2:12 9:19;43 1:123 2:1234 3:12345 4:12 5:0 6:0 9:19;" +
	"46 1:123456789 2:1234 3:123456789 4:123456789 5:0 6:1234 7:123 8:12345679 9:0;47 1:12 2:1234567 3:0 4:0 5:12345 6:12349 7:123456789 8:123 9:12;49 1:12 2:0 3:12349 4:12 5:0;" +
	"50 1:0 2:0 3:0 4:0;51 1:0 2:12;52 1:0 2:123456 3:12;53 1:0 2:0 3:0;55 1:0 2:0 3:0 4:0 9:0;56 1:12 2:12 3:0 4:0;58 1:1239 2:19;59 1:1234 2:0;60 1:0 2:0 3:19;61 1:0 2:0 9:0;62 1:0 2:0 9:0;" +
	"63 1:0 9:12;64 1:19 2:12 3:12 9:129;65 1:12 2:0 3:0;66 1:129 2:129 3:0;68 1:12 2:0 3:12;69 1:0 2:0;70 1:0 2:0;71 1:12 2:0;72 1:0 2:0;73 1:12 2:0 3:0;74 1:1234 2:0 3:0 9:19;75 0:0;" +
	"77 1:12 2:12 3:123459 4:0 5:12;78 1:0 2:0;79 1:12 9:0;80 0:19;81 1:0 2:123 3:0;82 1:0 2:0 3:0 4:0 9:129;84 1:123 2:12345 3:0;85 1:0 2:0 3:123 4:0 5:1239 6:19;86 1:0 2:123 9:12345679;" +
	"87 1:0 2:0 3:0 9:19;88 1:0 9:19;90 1:123 2:0 3:19;91 1:12 2:12 3:0 4:12;92 0:0;93 1:1239 2:19;94 1:12 2:0 9:129;95 1:0 2:123459 3:12 4:0;96 1:0 2:123 3:0 4:0 9:19;97 0:0;98 1:0 2:0;99 0:0;"

// euNACEValid: a section is a letter from A to V, a division two digits, a group
// three, a class four.
func euNACEValid(s string) bool {
	if len(s) == 1 {
		return s[0] >= 'A' && s[0] <= 'V'
	}
	if len(s) < 2 || len(s) > 4 || !allDigits(s) {
		return false
	}
	for list := euNACEClasses; list != ""; {
		end := strings.IndexByte(list, ';')
		division := list[:end]
		list = list[end+1:]
		if division[:2] != s[:2] {
			continue
		}
		if len(s) == 2 {
			return true
		}
		for i := 3; i < len(division); {
			n := strings.IndexByte(division[i:], ' ')
			if n < 0 {
				n = len(division) - i
			}
			if group := division[i : i+n]; group[0] == s[2] {
				return len(s) == 3 || strings.IndexByte(group[2:], s[3]) >= 0
			}
			i += n + 1
		}
		return false
	}
	return false
}
