package stdnum

import "strings"

// Schemes of check digits by themselves. They have no shapes: a number that
// passes one is nothing that a text would be searched for.
var (
	genLuhn = &Format{
		Name: "luhn", Type: "LUHN",
		Title: "Luhn formula: any number whose last digit checks the others as ISO/IEC 7812-1, annex B says.",
		Of:    Thing, Words: []string{"luhn"}, Strong: 10, Sample: "4827301591", Check: luhn,
	}
	genVerhoeff = &Format{
		Name: "verhoeff", Type: "VERHOEFF",
		Title: "Verhoeff scheme: any number whose last digit checks the others by the dihedral group of ten elements.",
		Of:    Thing, Words: []string{"verhoeff"}, Strong: 10, Sample: "48273014", Check: verhoeff,
	}
	genDamm = &Format{
		Name: "damm", Type: "DAMM",
		Title: "Damm scheme: any number whose last digit checks the others by a quasigroup of order ten.",
		Of:    Thing, Words: []string{"damm"}, Strong: 10, Sample: "48273010", Check: genDammValid,
	}
	genMod1110 = &Format{
		Name: "iso7064.mod_11_10", Type: "ISO7064_MOD_11_10",
		Title: "ISO/IEC 7064 Mod 11,10: any number whose last digit checks the others by that hybrid system.",
		Of:    Thing, Words: []string{"iso 7064"}, Strong: 10, Sample: "48273013", Check: mod1110,
	}
	genMod112 = &Format{
		Name: "iso7064.mod_11_2", Type: "ISO7064_MOD_11_2",
		Title: "ISO/IEC 7064 Mod 11-2: any number whose last digit, or X, checks the others by that pure system.",
		Of:    Thing, Words: []string{"iso 7064"}, Strong: 11, Sample: "48273017", Check: mod112,
	}
	genMod372 = &Format{
		Name: "iso7064.mod_37_2", Type: "ISO7064_MOD_37_2",
		Title: "ISO/IEC 7064 Mod 37-2: any value whose last character, which may be an asterisk, checks the others by that pure system.",
		Of:    Thing, Words: []string{"iso 7064"}, Strong: 37, Sample: "G123489654321Y", Check: genMod372Valid,
	}
	genMod3736 = &Format{
		Name: "iso7064.mod_37_36", Type: "ISO7064_MOD_37_36",
		Title: "ISO/IEC 7064 Mod 37,36: any value whose last character checks the others by that hybrid system.",
		Of:    Thing, Words: []string{"iso 7064"}, Strong: 36, Sample: "48273K1A", Check: mod3736,
	}
	genMod9710 = &Format{
		Name: "iso7064.mod_97_10", Type: "ISO7064_MOD_97_10",
		Title: "ISO/IEC 7064 Mod 97-10: any value whose last two digits check the others by that pure system.",
		Of:    Thing, Words: []string{"iso 7064"}, Strong: 97, Sample: "4827361656", Check: func(s string) bool { return mod97(s) == 1 },
	}
)

// The quasigroup of Damm (2004).
var dammTable = [10]string{"0317598642", "7092154863", "4206871359", "1750983426", "6123045978", "3674209581", "5869720134", "8945362017", "9438617205", "2581436790"}

func genDammValid(s string) bool {
	c := byte('0')
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		c = dammTable[c-'0'][s[i]-'0']
	}
	return s != "" && c == '0'
}

func genMod372Valid(s string) bool {
	c := 0
	for i := 0; i < len(s); i++ {
		v := value(s[i])
		if s[i] == '*' && i == len(s)-1 {
			v = 36
		} else if v < 0 {
			return false
		}
		c = (c*2 + v) % 37
	}
	return c == 1
}

var genCard = &Format{
	Name: "creditcard", Type: "CREDIT_CARD", Aliases: []string{"PAYMENT_CARD", "PAN"},
	Title: "Payment card number of ISO/IEC 7812-1: 12 to 19 digits, the last by the Luhn formula.",
	Of:    Person, Clean: " -",
	Words:  []string{"card", "credit card", "card number", "debit", "visa", "mastercard", "amex", "pan"},
	Strong: 10, Sample: "4539 1488 0343 6467", Check: genCardValid,
}

func genCardValid(s string) bool { return len(s) >= 12 && len(s) <= 19 && s[0] != '0' && luhn(s) }

var genBIC = &Format{
	Name: "bic", Type: "BIC", Aliases: []string{"iso9362", "SWIFT_CODE", "BIC_CODE", "SWIFT"},
	Title: "Business identifier code (BIC, SWIFT code) of a bank, ISO 9362.",
	Of:    Bank, Clean: " -",
	Shapes: []string{"AAAAAA**", "AAAAAA*****"}, Written: []string{"AAAA AA **", "AAAA AA ** ***", "AAAAAA** ***"},
	Words:  []string{"bic", "swift", "swift code", "bic code", "swift bic", "bic swift", "bank code", "swiftcode", "code bic", "código swift", "código bic", "kod swift", "kod bic", "swift kodu"},
	Strong: 3, Sample: "KVRTDE8BXXX", Check: genBICValid,
}

// genBICValid: four letters of the party, a country, two characters of the
// place and, if at all, three of the branch.
func genBICValid(s string) bool {
	return (len(s) == 8 || len(s) == 11) && capitals(s[:4]) && country(s[4:], "XK") && alnums(s[6:])
}

var genLEI = &Format{
	Name: "lei", Type: "LEI", Aliases: []string{"LEGAL_ENTITY_IDENTIFIER"},
	Title: "Legal entity identifier of a firm that deals in financial markets, ISO 17442.",
	Of:    Company, Clean: " -",
	Shapes: []string{"******************99"},
	Words:  []string{"lei", "lei code", "legal entity", "entity identifier", "code lei", "código lei", "lei nummer"},
	Strong: 97, Sample: "5493004KX72M9QH1QB71", Check: genLEIValid,
}

func genLEIValid(s string) bool {
	return len(s) == 20 && mod97(s) == 1
}

var genIMO = &Format{
	Name: "imo", Type: "IMO", Aliases: []string{"IMO_NUMBER"},
	Title: "IMO ship identification number.",
	Of:    Vehicle, Clean: " ",
	Shapes: []string{"imo9999999", "9999999"}, Written: []string{"imo 9999999"},
	Words:  []string{"imo", "imo number", "imo no", "mmsi", "schiff", "navire", "buque"},
	Strong: 10, Sample: "IMO 9482732", Check: genIMOValid,
}

// genIMOValid: six digits weighed by 7 to 2; the last digit of the sum checks.
func genIMOValid(s string) bool {
	s = prefixed(s, "IMO")
	return digits(s, 7) && weighted(s[:6], 7, 6, 5, 4, 3, 2)%10 == int(s[6]-'0')
}

var genISO6346 = &Format{
	Name: "iso6346", Type: "ISO6346", Aliases: []string{"CONTAINER_NUMBER", "SHIPPING_CONTAINER"},
	Title: "Number of a freight container, ISO 6346.",
	Of:    Vehicle, Clean: " ",
	Shapes: []string{"AAAu9999999", "AAAj9999999", "AAAz9999999", "AAAr9999999"}, Written: []string{"AAAu 999999 9", "AAAu 9999999", "AAA u 999999 9"},
	Words:  []string{"container", "container no", "container number", "cntr", "bic code", "behälter", "conteneur", "contenedor"},
	Strong: 10, Sample: "KVTU 482739 6", Check: genISO6346Valid,
}

// genISO6346Valid: letters count from 10 on without the multiples of 11, each
// place twice the one before; the remainder by 11, and 0 for 10, checks.
func genISO6346Valid(s string) bool {
	if len(s) != 11 || !capitals(s[:4]) || !allDigits(s[4:]) || strings.IndexByte("UJZR", s[3]) < 0 {
		return false
	}
	sum := 0
	for i := 0; i < 10; i++ {
		v := value(s[i])
		if v > 9 {
			v += 1 + (v-10+9)/10 - 1 // 10, then 12 to 21, 23 to 32, 34 on
		}
		sum += v << i
	}
	return sum%11%10 == int(s[10]-'0')
}
