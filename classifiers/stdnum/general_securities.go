package stdnum

import "strings"

var genISIN = &Format{
	Name: "isin", Type: "ISIN", Aliases: []string{"ISIN_CODE"},
	Title: "International securities identification number of a share, fund or bond, ISO 6166.",
	Of:    Security, Clean: " ",
	Shapes: []string{"AA*********9"}, Written: []string{"AA *** *** *** 9", "AA ********* 9", "AA *********9"},
	Words:  []string{"isin", "isin code", "security", "securities", "wertpapier", "valor", "titre", "code isin", "fund", "fonds", "bond", "anleihe", "aktie", "share", "stock"},
	Strong: 20, Sample: "DE000K7T2Q93", Check: genISINValid,
}

// isinPrefixes are the codes that ISO 6166 uses beside those of countries: of
// international and substitute agencies, of the European Union, of countries
// that are no more.
const isinPrefixes = "AN CS EU QS QT XA XB XC XD XF XK XS"

// genISINValid: letters are written as two digits; the Luhn formula checks.
func genISINValid(s string) bool {
	return len(s) == 12 && country(s, isinPrefixes) && alnums(s) && s[11] <= '9' && luhnAlnum(s)
}

// luhnAlnum is the Luhn formula over digits, letters being two digits each.
func luhnAlnum(s string) bool {
	sum, twice := 0, false
	for i := len(s) - 1; i >= 0; i-- {
		for v := value(s[i]); ; v /= 10 {
			d := v % 10
			if twice {
				if d *= 2; d > 9 {
					d -= 9
				}
			}
			sum += d
			twice = !twice
			if v < 10 {
				break
			}
		}
	}
	return sum%10 == 0
}

// crossSum weighs values 1 and 2 in turn and sums the digits of the products.
func crossSum(s string, valueOf func(byte) int) (sum int, ok bool) {
	for i := 0; i < len(s); i++ {
		v := valueOf(s[i])
		if v < 0 {
			return 0, false
		}
		v *= 1 + i%2
		sum += v/10 + v%10
	}
	return sum, true
}

var genCUSIP = &Format{
	Name: "cusip", Type: "CUSIP",
	Title: "CUSIP number of a North American security.",
	Of:    Security, Clean: " ",
	Shapes: []string{"********9"}, Written: []string{"****** ** 9", "*** *** ** 9"},
	Words:  []string{"cusip", "cusip number", "cusip no", "cins", "security", "bond", "isin", "stock", "fund"},
	Strong: 10, Sample: "48K73T105", Check: genCUSIPValid,
}

func cusipValue(c byte) int {
	switch c {
	case '*':
		return 36
	case '@':
		return 37
	case '#':
		return 38
	}
	return value(c)
}

// genCUSIPValid: the products' digits sum to the complement of the last digit.
func genCUSIPValid(s string) bool {
	if len(s) != 9 || s[8] < '0' || s[8] > '9' {
		return false
	}
	sum, ok := crossSum(s[:8], cusipValue)
	return ok && (sum+int(s[8]-'0'))%10 == 0
}

var genFIGI = &Format{
	Name: "figi", Type: "FIGI", Aliases: []string{"BBGID", "OPENFIGI"},
	Title: "Financial instrument global identifier of a security, ANSI X9.145.",
	Of:    Security, Clean: " ",
	Shapes: []string{"AAg********9"},
	Words:  []string{"figi", "bbgid", "openfigi", "bloomberg", "bloomberg id", "security", "instrument", "isin"},
	Strong: 100, Sample: "BBG004K7T2Q9", Check: genFIGIValid,
}

// genFIGIValid: consonants and digits only; two letters that do not look like
// the country of an ISIN, a G, eight characters, and a check digit.
func genFIGIValid(s string) bool {
	if len(s) != 12 || !capitals(s[:2]) || s[2] != 'G' || s[11] < '0' || s[11] > '9' || oneOf("BS BM GG GB GH KY VG", s[:2]) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if strings.IndexByte("AEIOU", s[i]) >= 0 {
			return false
		}
	}
	sum, ok := crossSum(s[:11], value)
	return ok && (sum+int(s[11]-'0'))%10 == 0
}

var genUPI = &Format{
	Name: "upi", Type: "UPI", Aliases: []string{"ISO4914", "UNIQUE_PRODUCT_IDENTIFIER"},
	Title: "Unique product identifier of an over-the-counter derivative, ISO 4914.",
	Of:    Security, Clean: " -",
	Shapes: []string{"qz**********"},
	Words:  []string{"upi", "upi code", "unique product", "product identifier", "derivative", "otc"},
	Strong: 300, Sample: "QZK7T2L94MX5", Check: genUPIValid,
}

// genUPIValid: QZ, nine digits or consonants but Y, and a check character by
// ISO/IEC 7064 in its hybrid form, Mod 31,30.
func genUPIValid(s string) bool {
	return len(s) == 12 && s[:2] == "QZ" && modHybrid(s, "0123456789BCDFGHJKLMNPQRSTVWXZ")
}

var genISO11649 = &Format{
	Name: "iso11649", Type: "ISO11649", Aliases: []string{"RF_CREDITOR_REFERENCE", "CREDITOR_REFERENCE", "STRUCTURED_CREDITOR_REFERENCE"},
	Title: "Structured creditor reference (RF) by which an invoice is paid, ISO 11649.",
	Of:    Thing, Clean: " -.,/:",
	Shapes:  rfShapes,
	Written: []string{"rf99 ****", "rf99 **** ****", "rf99 **** **** ****", "rf99 **** **** **** ****", "rf99 **** **** **** **** ****"},
	Words:   []string{"creditor reference", "payment reference", "rf reference", "reference", "structured reference", "viite", "viitenumero", "referenz", "referenznummer", "betalingskenmerk", "référence"},
	Strong:  97, Sample: "RF54 K7T2 2026 0411", Check: genISO11649Valid,
}

// rfShapes are creditor references of every length from 6 to 25.
var rfShapes = func() (list []string) {
	for n := 2; n <= 21; n++ {
		list = append(list, "rf99"+strings.Repeat("*", n))
	}
	return list
}()

func genISO11649Valid(s string) bool {
	return len(s) >= 5 && len(s) <= 25 && s[:2] == "RF" && allDigits(s[2:4]) && mod97Turned(s)
}

// mod97Turned is ISO/IEC 7064 Mod 97-10 with the first four characters put last,
// as in account numbers and creditor references.
func mod97Turned(s string) bool {
	if len(s) < 5 {
		return false
	}
	c := mod97(s[4:])
	for i := 0; i < 4 && c >= 0; i++ {
		switch v := value(s[i]); {
		case v < 0:
			return false
		case v > 9:
			c = (c*100 + v) % 97
		default:
			c = (c*10 + v) % 97
		}
	}
	return c == 1
}
