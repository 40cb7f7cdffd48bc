package stdnum

import "strings"

var itAIC = &Format{
	Name: "it.aic", Type: "IT_AIC",
	Title: "AIC code of a medicine on the Italian market, in decimal or in base 32 as on the label (Codice 32).",
	Of:    Thing, Clean: " ",
	Shapes: []string{"999999999", "******"},
	Words:  []string{"aic", "codice aic", "aic n", "minsan", "codice minsan", "farmaco", "medicinale", "confezione", "codice farmaco"},
	Strong: 100, Sample: "038472611", Check: itAICValid,
}

// itAICValid: human medicines begin with 0; the digits are summed, every second
// one doubled as Luhn's, but from the left.
func itAICValid(s string) bool {
	const base32 = "0123456789BCDFGHJKLMNPQRSTUVWXYZ"
	var b [9]byte
	switch len(s) {
	case 9:
		copy(b[:], s)
	case 6:
		n := 0
		for i := 0; i < 6; i++ {
			v := strings.IndexByte(base32, s[i])
			if v < 0 {
				return false
			}
			n = n*32 + v
		}
		for i := 8; i >= 0; i-- {
			b[i] = byte('0' + n%10)
			n /= 10
		}
		if n > 0 {
			return false
		}
	default:
		return false
	}
	sum := 0
	for i, c := range b {
		if c < '0' || c > '9' {
			return false
		}
		d := int(c - '0')
		if i%2 == 1 && i < 8 {
			d = 2*d/10 + 2*d%10
		}
		if i < 8 {
			sum += d
		}
	}
	return b[0] == '0' && sum%10 == int(b[8]-'0')
}

var itCodiceFiscale = &Format{
	Name: "it.codicefiscale", Type: "IT_FISCAL_CODE", Aliases: []string{"IT_CODICEFISCALE"},
	Title: "Codice fiscale, the tax code of a person in Italy: letters of the names, day of birth, sex, place of birth and a check letter.",
	Of:    Person, Clean: " -:",
	Shapes: []string{"AAAAAA99A99A999A", "AAAAAA**A**A***A"}, Written: []string{"AAA AAA 99A99 A999A", "AAA AAA 99A99 A999 A", "AAAAAA 99A99 A999A"},
	Words:  []string{"codice fiscale", "cod fiscale", "cod fisc", "codicefiscale", "fiscale", "cf", "c f", "tax code", "fiscal code", "nato", "nata"},
	Strong: 100, Sample: "BRTLCU86E14F205E", Check: itCodiceFiscaleValid,
}

// The values of characters in odd places (Decreto Ministeriale 23.12.1976); a
// digit counts as the letter of its place in the alphabet.
var itOdd = [26]byte{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

// itCodiceFiscaleValid: letters LMNPQRSTUV stand for digits in codes that would
// otherwise be two people's; women's day of birth is raised by 40. Firms use
// their eleven digits as their code.
func itCodiceFiscaleValid(s string) bool {
	if len(s) == 11 {
		return itIVAValid(s)
	}
	if len(s) != 16 || !gzFits(s, "AAAAAA**A**A***A") {
		return false
	}
	var d [16]int
	for _, i := range [...]int{6, 7, 9, 10, 12, 13, 14} {
		if d[i] = itDigit(s[i]); d[i] < 0 {
			return false
		}
	}
	month := strings.IndexByte("ABCDEHLMPRST", s[8]) + 1
	yy, dd := d[6]*10+d[7], d[9]*10+d[10]
	if dd %= 40; !day(1900+yy, month, dd) && !day(2000+yy, month, dd) {
		return false
	}
	sum := 0
	for i := 0; i < 15; i++ {
		v := value(s[i])
		if v > 9 {
			v -= 10
		}
		if i%2 == 0 {
			v = int(itOdd[v])
		}
		sum += v
	}
	return int(s[15]-'A') == sum%26
}

// itDigit is the digit that a character stands for, or -1.
func itDigit(c byte) int {
	if '0' <= c && c <= '9' {
		return int(c - '0')
	}
	return strings.IndexByte("LMNPQRSTUV", c)
}

var itIVA = &Format{
	Name: "it.iva", Type: "IT_VAT_CODE", Aliases: []string{"IT_IVA", "IT_VAT"},
	Title: "Partita IVA, the VAT number of a firm in Italy.",
	Of:    Company, Clean: " -:",
	Shapes: []string{"it99999999999", "99999999999"}, Written: []string{"it 99999999999"},
	Words:  []string{"partita iva", "partitaiva", "p iva", "piva", "iva", "p i", "vat", "vat number", "cod iva"},
	Strong: 90, Sample: "IT 04827310154", Check: itIVAValid,
}

// itIVAValid: seven digits of the firm, three of the office (provinces 001 to
// 100, and 120, 121, 888, 999), and Luhn's digit.
func itIVAValid(s string) bool {
	s = gzBare(s, "IT")
	if !digits(s, 11) || s[:7] == "0000000" || !luhn(s) {
		return false
	}
	office := number(s[7:10])
	return 1 <= office && office <= 100 || office == 120 || office == 121 || office == 888 || office == 999
}
