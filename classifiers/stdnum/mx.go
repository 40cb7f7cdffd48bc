package stdnum

import "unicode/utf8"

var mxCURP = &Format{
	Name: "mx.curp", Type: "MX_CURP",
	Title: "Population registry key (CURP) of a person in Mexico: letters of the names, day of birth, sex, state and a check digit.",
	Of:    Person, Clean: " -_",
	Shapes: []string{"AAAA999999AAAAAA*9"},
	Words:  []string{"curp", "clave única", "clave unica", "población", "renapo", "population registry"},
	Strong: 3000, Sample: "TOBM860514HJCRLR09", Check: mxCURPValid,
}

// The states and the words that RENAPO does not let begin a key: the second
// letter is made X then.
const (
	mxStates = "AS BC BS CC CL CM CS CH DF DG GT GR HG JC MC MN MS NT NL OC PL QT QR SP SL SR TC TS TL VZ YN ZS NE"
	mxWords  = "BACA BAKA BUEI BUEY CACA CACO CAGA CAGO CAKA CAKO COGE COGI COJA COJE COJI COJO COLA CULO FALO FETO GETA GUEI GUEY JETA JOTO " +
		"KACA KACO KAGA KAGO KAKA KAKO KOGE KOGI KOJA KOJE KOJI KOJO KOLA KULO LILO LOCA LOCO LOKA LOKO MAME MAMO MEAR MEAS MEON MIAR MION MOCO MOKO MULA MULO " +
		"NACA NACO PEDA PEDO PENE PIPI PITO POPO PUTA PUTO QULO RATA ROBA ROBE ROBO RUIN SENO TETA VACA VAGA VAGO VAKA VUEI VUEY WUEI WUEY"
)

// mxCURPValid: the last but one character is a digit for births before 2000 and
// a letter for later ones; characters count as places in an alphabet with Ñ.
func mxCURPValid(s string) bool {
	if !gzFits(s, "AAAA999999AAAAAA*9") || s[10] != 'H' && s[10] != 'M' {
		return false
	}
	century := 20
	if s[16] <= '9' {
		century = 19
	}
	if !gzDay(century, s[4:6], s[6:8], s[8:10]) {
		return false
	}
	sum := 0
	for i := 0; i < 17; i++ {
		v := value(s[i])
		if s[i] > 'N' {
			v++ // the place of Ñ
		}
		sum += v * (18 - i)
	}
	return (10-sum%10)%10 == int(s[17]-'0') && gzOneOf(mxStates, s[11:13]) && !gzOneOf(mxWords, s[:4])
}

var mxRFC = &Format{
	Name: "mx.rfc", Type: "MX_RFC",
	Title: "Tax registry key (RFC) of a person or firm in Mexico: letters of the name, day of birth or founding and a homonym key.",
	Of:    Either, Clean: " -_",
	Shapes: []string{"AAAA999999***", "AAA999999***", "AAAA999999", "A&A999999***"}, Written: []string{"AAAA-999999-***", "AAA-999999-***", "AAAA 999999 ***", "AAA 999999 ***"},
	Words:  []string{"rfc", "f c", "registro federal", "contribuyentes", "contribuyente", "sat", "factura", "cfdi", "tax id"},
	Strong: 27, Sample: "TOBM860514QK7", Check: mxRFCValid,
}

// mxRFCWords do not begin a person's key (annex of the tax administration).
const mxRFCWords = "BUEI BUEY CACA CACO CAGA CAGO CAKA CAKO COGE COJA COJE COJI COJO CULO FETO GUEY JOTO KACA KACO KAGA KAGO KOGE KOJO KAKA KULO " +
	"MAME MAMO MEAR MEAS MEON MION MOCO MULA PEDA PEDO PENE PUTA PUTO QULO RATA RUIN"

// mxRFCValid: people have four letters, firms three; the homonym key may be
// missing in people's. Its last character, meant as a check, is wrong in keys
// that the state gave, so it is not looked at.
func mxRFCValid(s string) bool {
	letters, n := 0, 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if !('A' <= r && r <= 'Z') && r != '&' && r != 'Ñ' && r != 'ñ' {
			break
		}
		n += size
		letters++
	}
	rest := s[n:]
	switch {
	case letters == 4 && len(rest) == 6:
	case (letters == 4 || letters == 3) && len(rest) == 9 && gzFits(rest[6:], "***"):
	default:
		return false
	}
	if !allDigits(rest[:6]) || !gzDay(19, rest[:2], rest[2:4], rest[4:6]) && !gzDay(20, rest[:2], rest[2:4], rest[4:6]) {
		return false
	}
	return letters != 4 || n != 4 || !gzOneOf(mxRFCWords, s[:4])
}
