package stdnum

var fiHETU = &Format{
	Name: "fi.hetu", Type: "FI_PERSONAL_IDENTITY_CODE", Aliases: []string{"FI_HETU"},
	Title: "Personal identity code (henkilötunnus, personbeteckning) of people in Finland.",
	Of:    Person, Health: true,
	Shapes:  []string{"999999-999*", "999999+999*", "999999a999*", "999999b999*", "999999c999*", "999999d999*", "999999e999*", "999999f999*", "999999u999*", "999999v999*", "999999w999*", "999999x999*", "999999y999*"},
	Written: []string{"999999-999*", "999999+999*"},
	Words: []string{"hetu", "henkilötunnus", "henkilötunnuksen", "henkilötunnukseni", "hetun", "sotu", "henkilötunnuksella", "personbeteckning", "personbeteckningen", "personal identity", "identity code", "personal id",
		"national id", "potilas", "syntynyt", "potilaan"},
	Strong: 2000, Sample: "150784-482J", Check: fiHETUValid,
}

// fiHETUValid: date of birth, a sign of the century, an order number from 002 to
// 899, and a character for the remainder of the nine digits by 31.
func fiHETUValid(s string) bool {
	if len(s) != 11 || !allDigits(s[:6]) || !allDigits(s[7:10]) || s[7:10] < "002" || s[7:10] > "899" {
		return false
	}
	century := 0
	switch c := s[6]; {
	case c == '+':
		century = 1800
	case c == '-' || c >= 'U' && c <= 'Y':
		century = 1900
	case c >= 'A' && c <= 'F':
		century = 2000
	default:
		return false
	}
	return day(century+number(s[4:6]), number(s[2:4]), number(s[:2])) && s[10] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[(number(s[:6])*1000+number(s[7:10]))%31]
}

var fiYTunnus = &Format{
	Name: "fi.ytunnus", Type: "FI_YTUNNUS",
	Title: "Business number (Y-tunnus, FO-nummer) of firms in Finland.",
	Of:    Company, Clean: " -",
	Shapes: []string{"99999999"}, Written: []string{"9999999-9"},
	Words:  []string{"y tunnus", "ytunnus", "y tunnuksen", "fo nummer", "yritystunnus", "yritys", "business id", "company number", "ly tunnus"},
	Strong: 11, Sample: "4827301-6", Check: fiYTunnusValid,
}

// fiYTunnusValid: weights 7 9 10 5 8 4 2 1, a multiple of 11.
func fiYTunnusValid(s string) bool {
	return digits(s, 8) && weighted(s, 7, 9, 10, 5, 8, 4, 2, 1)%11 == 0
}

var fiALV = &Format{
	Name: "fi.alv", Type: "FI_ALV", Aliases: []string{"FI_VAT"},
	Title: "VAT number (ALV-numero, momsregistreringsnummer) of firms in Finland.",
	Of:    Company, Clean: " -",
	Shapes: []string{"fi99999999", "99999999"}, Written: []string{"fi 99999999", "fi-99999999", "fi 9999999-9"},
	Words:  []string{"alv", "alv nro", "alv numero", "alv tunnus", "arvonlisävero", "moms", "momsnummer", "vat", "vat number", "vat no", "vatin"},
	Strong: 11, Sample: "FI 48273016", Check: fiALVValid,
}

func fiALVValid(s string) bool { return fiYTunnusValid(prefixed(s, "FI")) }

var fiAssociation = &Format{
	Name: "fi.associationid", Type: "FI_ASSOCIATIONID",
	Title: "Number of an association (yhdistysrekisterinumero) in Finland.",
	Of:    Company, Clean: " -._+",
	Shapes: []string{"999999"}, Written: []string{"999.999"},
	Words:  []string{"rekisterinumero", "rekisterinro", "yhdistysrekisteri", "yhdistys", "yhdistysrekisterinumero", "association id", "registration number", "föreningsregister"},
	Strong: 1, Sample: "148.273", Check: fiAssociationValid,
}

// fiAssociationValid: numbers are given in a row from 1 on.
func fiAssociationValid(s string) bool {
	return len(s) <= 6 && allDigits(s) && s != "0"
}

var fiVeronumero = &Format{
	Name: "fi.veronumero", Type: "FI_VERONUMERO",
	Title: "Tax number (veronumero) of people who work on building sites in Finland.",
	Of:    Person, Clean: " ",
	Shapes: []string{"999999999999"}, Written: []string{"9999 9999 9999"},
	Words:  []string{"veronumero", "veronumeron", "veronumerorekisteri", "skattenummer", "tax number", "individual tax", "tax id"},
	Strong: 1, Sample: "482730159264", Check: fiVeronumeroValid,
}

func fiVeronumeroValid(s string) bool { return digits(s, 12) }
