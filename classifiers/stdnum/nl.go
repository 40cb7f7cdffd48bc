package stdnum

import "strings"

var nlBRIN = &Format{
	Name: "nl.brin", Type: "NL_BRIN",
	Title: "BRIN code of a school, and of one of its buildings, in the Netherlands.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"99AA", "99AA99"}, Written: []string{"99AA 99", "99AA-99"},
	Words:  []string{"brin", "brinnummer", "brin nummer", "brincode", "vestigingsnummer", "school", "instelling"},
	Strong: 1, Sample: "04KB01", Check: func(s string) bool { return gzFits(s, "99AA") || gzFits(s, "99AA99") },
}

var nlBSN = &Format{
	Name: "nl.bsn", Type: "NL_BSN", Aliases: []string{"NL_SOFI"},
	Title: "Citizen service number (burgerservicenummer) of a person in the Netherlands.",
	Of:    Person, Clean: " -.",
	Shapes: []string{"999999999", "99999999"}, Written: []string{"9999.99.999", "999 999 999", "9999 99 999", "999.999.999"},
	Words:  []string{"bsn", "bsnr", "burgerservicenummer", "burger service", "burgerservice", "sofinummer", "sofi", "sofi nummer", "persoonsnummer", "citizen service", "patiënt"},
	Strong: 11, Sample: "4827.31.576", Check: nlBSNValid,
}

// nlEleven is the Dutch test by eleven, from the right: the last digit is taken
// away, the others are weighed from 2 on. Leading zeros may be missing.
func nlEleven(s string) int {
	sum := -int(s[len(s)-1] - '0')
	for i := 1; i < len(s); i++ {
		sum += (i + 1) * int(s[len(s)-1-i]-'0')
	}
	return (sum%11 + 11) % 11
}

func nlBSNValid(s string) bool { return len(s) <= 9 && number(s) > 0 && nlEleven(s) == 0 }

var nlBTW = &Format{
	Name: "nl.btw", Type: "NL_BTW", Aliases: []string{"NL_VAT"},
	Title: "VAT number (btw-identificatienummer) of a firm in the Netherlands.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"nl999999999b99", "999999999b99"}, Written: []string{"nl 9999.99.999.b99", "nl999999999.b.99", "nl 999999999 b99"},
	Words:  []string{"btw", "btw nummer", "btwnummer", "btw id", "btw nr", "btw identificatienummer", "omzetbelasting", "vat", "vat number"},
	Strong: 10, Sample: "NL 4827.31.566.B01", Check: nlBTWValid,
}

// nlBTWValid: the number of a legal form's owner (test by eleven), or since 2020
// for sole traders one that Mod 97-10 checks, then B and two digits. Leading
// zeros of the first part may be missing.
func nlBTWValid(s string) bool {
	s = gzBare(s, "NL")
	n := len(s) - 3
	if n < 1 || n > 9 || s[n] != 'B' || number(s[:n]) <= 0 || number(s[n+1:]) <= 0 {
		return false
	}
	if nlEleven(s[:n]) == 0 {
		return true
	}
	c := 2321 % 97 // NL
	for i := n; i < 9; i++ {
		c = c * 10 % 97
	}
	for i := 0; i < len(s); i++ {
		if v := value(s[i]); v > 9 {
			c = (c*100 + v) % 97
		} else {
			c = (c*10 + v) % 97
		}
	}
	return c == 1
}

var nlKaart = &Format{
	Name: "nl.identiteitskaartnummer", Type: "NL_IDENTITEITSKAARTNUMMER", Aliases: []string{"NL_ID_CARD"},
	Title: "Number of an identity card or a passport of the Netherlands.",
	Of:    Person, Clean: " ",
	Shapes: []string{"AA******9"},
	Words:  []string{"identiteitskaart", "identiteitskaartnummer", "id kaart", "paspoort", "paspoortnummer", "documentnummer", "document nummer", "rijbewijs", "passport", "passport number", "dutch passport", "id card", "nik"},
	Strong: 1, Sample: "NK4B7RT28", Check: nlKaartValid,
}

// nlKaartValid: two letters, six letters or digits and a digit, without O.
func nlKaartValid(s string) bool { return gzFits(s, "AA******9") && strings.IndexByte(s, 'O') < 0 }

var nlOnderwijs = &Format{
	Name: "nl.onderwijsnummer", Type: "NL_ONDERWIJSNUMMER",
	Title: "Education number (onderwijsnummer) of a pupil without a citizen service number in the Netherlands.",
	Of:    Person, Clean: " -.",
	Shapes: []string{"109999999"}, Written: []string{"1099.99.999"},
	Words:  []string{"onderwijsnummer", "onderwijs nummer", "pgn", "leerling", "leerlingnummer", "student", "education number"},
	Strong: 11, Sample: "1048.27.318", Check: nlOnderwijsValid,
}

func nlOnderwijsValid(s string) bool { return digits(s, 9) && s[:2] == "10" && nlEleven(s) == 5 }

var nlPostcode = &Format{
	Name: "nl.postcode", Type: "NL_POSTCODE",
	Title: "Postal code of the Netherlands.",
	Of:    Thing, Clean: " -",
	Shapes: []string{"9999AA", "nl9999AA"}, Written: []string{"9999 AA", "nl-9999 AA"},
	Words:  []string{"postcode", "postal code", "zip", "adres", "address", "straat", "woonplaats"},
	Strong: 1, Sample: "3572 KB", Check: nlPostcodeValid,
}

// nlPostcodeValid: PostNL gives no leading zero and not SA, SD, SS.
func nlPostcodeValid(s string) bool {
	s = gzBare(s, "NL")
	return gzFits(s, "9999AA") && s[0] != '0' && s[4:] != "SA" && s[4:] != "SD" && s[4:] != "SS"
}
