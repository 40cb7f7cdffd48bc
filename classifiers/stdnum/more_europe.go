package stdnum

import "strings"

var moreEurope = []*Format{
	{
		Name: "de.passport", Type: "DE_PASSPORT", Aliases: []string{"DE_REISEPASS"},
		Title: "Serial number of a German passport or identity card, with its check digit of ICAO Doc 9303.",
		Of:    Person, Clean: " ",
		Shapes: []string{"A*******9", "A********9"}, Written: []string{"A******** 9"},
		Words: []string{"reisepass", "reisepassnummer", "passnummer", "pass nr", "pass nummer", "pass no", "passport", "passport no", "passport number", "passnr", "reisepass nr",
			"reisepässe", "pass", "kinderreisepass"},
		Strong: 15, Sample: "C4HJ7T2K11", Check: dePassportValid,
	},
	{
		Name: "de.idcard", Type: "DE_ID_CARD", Aliases: []string{"DE_PERSONALAUSWEIS"},
		Title: "Serial number of a German identity card, with its check digit: since 2010 a letter and up to eight characters, before ten digits.",
		Of:    Person, Clean: " ",
		Shapes: []string{"A********9", "A*******9", "9999999999", "t99999999"}, Written: []string{"A******** 9", "999999999 9"},
		Words:  []string{"personalausweis", "personalausweisnummer", "ausweisnummer", "ausweis", "ausweis nr", "perso", "identity card", "id card", "aufenthaltstitel", "id karte"},
		Strong: 15, Sample: "L5HJ7T2K17", Check: deIDCardValid,
	},
	{
		Name: "de.rvnr", Type: "DE_SOCIAL_SECURITY", Aliases: []string{"DE_SVNR", "DE_RVNR", "DE_SOZIALVERSICHERUNGSNUMMER"},
		Title: "Number of the German pension insurance (Rentenversicherungsnummer): area, day of birth, letter of the name at birth, serial, check digit.",
		Of:    Person, Clean: " -",
		Shapes: []string{"99999999A999"}, Written: []string{"99 999999 A 999", "99 99 99 99 A 999", "99 999999 A 99 9", "99-999999-A-999"},
		Words: []string{"rvnr", "svnr", "vsnr", "sv nummer", "sv nr", "rentenversicherungsnummer", "sozialversicherungsnummer", "versicherungsnummer", "rentenversicherung", "sozialversicherung",
			"sozialversicherungsausweis", "versicherungs nr", "rv nummer", "rv nr", "social security", "deüv"},
		Strong: 400, Sample: "65180672K215", Check: deRVNRValid,
	},
	{
		Name: "de.kvnr", Type: "DE_HEALTH_INSURANCE", Aliases: []string{"DE_KVNR"},
		Title: "Number of an insured person in the German statutory health insurance (Krankenversichertennummer).",
		Of:    Person, Health: true, Clean: " -",
		Shapes: []string{"A999999999"}, Written: []string{"A 999999999", "A999 999 999", "A999 999999"},
		Words: []string{"kvnr", "krankenversichertennummer", "versichertennummer", "versicherten nr", "versichertennr", "krankenversicherungsnummer", "krankenkasse", "krankenversicherung",
			"kv nummer", "gesundheitskarte", "egk", "health insurance", "versicherte", "versicherter"},
		Strong: 10, Sample: "M482736153", Check: deKVNRValid,
	},
	{
		Name: "de.lanr", Type: "DE_LANR",
		Title: "Number of a physician in the German statutory health insurance (lebenslange Arztnummer) with the code of the speciality.",
		Of:    Person, Health: true, Clean: " ",
		Shapes: []string{"999999999"}, Written: []string{"9999999 99", "999999 999"},
		Words:  []string{"lanr", "arztnummer", "arzt nr", "lebenslange arztnummer", "vertragsarzt", "arztnr", "physician number"},
		Strong: 10, Sample: "482736501", Check: deLANRValid,
	},
	{
		Name: "de.bsnr", Type: "DE_BSNR",
		Title: "Number of a practice in the German statutory health insurance (Betriebsstättennummer).",
		Of:    Company, Health: true, Clean: " ",
		Shapes: []string{"999999999"},
		Words:  []string{"bsnr", "betriebsstättennummer", "betriebsstätten nr", "betriebsstaettennummer", "nbsnr", "betriebsstätte", "praxisnummer", "kassenarzt"},
		Strong: 1, Sample: "724816035", Check: moreOf("999999999"),
	},
	{
		Name: "de.fuehrerschein", Type: "DE_DRIVER_LICENSE", Aliases: []string{"DE_FUEHRERSCHEIN"},
		Title: "Number of a German driving licence: office, four characters, serial, check digit, number of issue.",
		Of:    Person, Clean: " ",
		Shapes: []string{"A999*****9*", "9999*****9*"},
		Words:  []string{"führerschein", "führerscheinnummer", "fuehrerschein", "führerschein nr", "fahrerlaubnis", "driving licence", "driver license", "fahrerlaubnisnummer", "kartenführerschein"},
		Strong: 2, Sample: "B072RRE2I55", Check: moreOf("A999*****9*", "9999*****9*"),
	},
	{
		Name: "gb.nino", Type: "UK_NINO", Aliases: []string{"GB_NINO", "NATIONAL_INSURANCE_NUMBER"},
		Title: "National Insurance number of a person in the United Kingdom: two letters, six digits and a suffix A to D.",
		Of:    Person, Clean: " -",
		Shapes: []string{"AA999999A"}, Written: []string{"AA 99 99 99 A", "AA-99-99-99-A", "AA 999999 A", "AA999999 A", "AA 999999A", "AA 999 999 A", "AA99 99 99A", "AA 99 99 99A", "AA99 99 99 A"},
		Words: []string{"nino", "ni", "ni no", "ni number", "nin", "national insurance", "insurance number", "nat ins", "ni num", "hmrc"},
		// Of the letters half cannot begin a number, and of the suffixes four can be.
		Strong: 15, Sample: "RK 48 27 36 B", Check: ukNINOValid,
	},
	{
		Name: "gb.passport", Type: "UK_PASSPORT", Aliases: []string{"GB_PASSPORT"},
		Title:  "Number of a passport of the United Kingdom: nine digits, or two letters and seven digits.",
		Of:     Person,
		Shapes: []string{"AA9999999"},
		Words:  []string{"passport", "passports", "passport no", "passport number", "passport n"},
		Strong: 1, Sample: "KT4827361", Check: moreOf("AA9999999"),
	},
	{
		Name: "gb.driving_licence", Type: "UK_DRIVING_LICENCE", Aliases: []string{"UK_DRIVER_LICENSE", "GB_DRIVING_LICENCE"},
		Title: "Number of a driving licence of Great Britain (DVLA): surname, date of birth, initials and check characters.",
		Of:    Person, Clean: " ",
		Shapes: []string{"*****999999***AA"}, Written: []string{"***** 999999 ***AA", "*****999999 ***AA", "***** 999999 *** AA"},
		Words: []string{"driving licence", "licence", "licence no", "licence number", "license", "driver number", "dvla", "driving license", "driving", "dl"},
		// Letters of the name and a date.
		Strong: 60, Sample: "PEMBE806124TR9KV", Check: ukLicenceValid,
	},
	{
		Name: "fr.passport", Type: "FR_PASSPORT",
		Title: "Number of a French passport: two digits, two letters, five digits.",
		Of:    Person, Shapes: []string{"99AA99999"},
		Words:  []string{"passeport", "passeport n", "passport", "numéro de", "passeports"},
		Strong: 1, Sample: "14KT48273", Check: moreOf("99AA99999"),
	},
	{
		Name: "fr.cni", Type: "FR_CNI", Aliases: []string{"FR_NATIONAL_ID_CARD"},
		Title: "Number of a French identity card: twelve digits with the year, month and department of issue, or since 2021 nine characters.",
		Of:    Person, Clean: " ",
		Shapes: []string{"999999999999", "999999a99999", "A****9999"},
		Words:  []string{"cni", "carte nationale", "carte d", "identité", "carte identité", "pièce d", "national identity"},
		Strong: 2, Sample: "170675248136", Check: frCNIValid,
	},
	{
		Name: "fr.permis", Type: "FR_DRIVER_LICENSE",
		Title: "Number of a French driving licence: twelve digits, or since 2013 two digits, two letters, five digits.",
		Of:    Person, Clean: " ", Shapes: []string{"999999999999", "99AA99999"},
		Words:  []string{"permis", "permis de", "permis n", "driving licence", "driver license"},
		Strong: 1, Sample: "140275204816", Check: moreOf("999999999999", "99AA99999"),
	},
	{
		Name: "es.passport", Type: "ES_PASSPORT",
		Title: "Number of a Spanish passport: three letters and six digits.",
		Of:    Person, Clean: " -", Shapes: []string{"AAA999999", "AA999999"}, Written: []string{"AAA 999999", "AAA-999999"},
		Words:  []string{"pasaporte", "pasaporte n", "pasaportes", "pasaporte español"},
		Strong: 1, Sample: "PAK482736", Check: moreOf("AAA999999", "AA999999"),
	},
	{
		Name: "es.nss", Type: "ES_NSS", Aliases: []string{"ES_SOCIAL_SECURITY"},
		Title: "Number of a person in the Spanish social security: province, serial and a remainder by 97.",
		Of:    Person, Clean: " /-.",
		Shapes: []string{"999999999999"}, Written: []string{"99/99999999/99", "99 99999999 99", "99-99999999-99", "99/9999999999", "99 9999999999"},
		Words:  []string{"nss", "naf", "seguridad social", "afiliación", "número de afiliación", "n afiliación", "nuss", "num afiliación", "social security"},
		Strong: 130, Sample: "28/10482736/80", Check: esNSSValid,
	},
	{
		Name: "it.driver_license", Type: "IT_DRIVER_LICENSE", Aliases: []string{"IT_PATENTE"},
		Title:  "Number of an Italian driving licence: two letters, seven digits and a letter, or U1, seven characters and a letter.",
		Of:     Person,
		Shapes: []string{"AA9999999A", "u1*******A"},
		Words:  []string{"patente", "patente n", "patente di", "guida", "driving licence", "driver license", "license", "licence", "numero patente", "patente b"},
		Strong: 2, Sample: "MI4827361K", Check: itLicenceValid,
	},
	{
		Name: "it.passport", Type: "IT_PASSPORT",
		Title: "Number of an Italian passport: two letters and seven digits.",
		Of:    Person, Shapes: []string{"AA9999999"},
		Words:  []string{"passaporto", "passaporto n", "passport", "passaporti", "numero passaporto"},
		Strong: 1, Sample: "YB4827361", Check: moreOf("AA9999999"),
	},
	{
		Name: "it.identity_card", Type: "IT_IDENTITY_CARD", Aliases: []string{"IT_CIE"},
		Title: "Number of an Italian identity card, on paper (two letters, seven digits) or electronic.",
		Of:    Person, Clean: " ",
		Shapes: []string{"AA9999999", "AA99999AA", "9999999AA"}, Written: []string{"AA 9999999"},
		Words:  []string{"carta d", "carta identità", "identità", "carta di", "ci n", "cie", "documento", "documento d", "c i", "carta identita", "identity card"},
		Strong: 1, Sample: "CA48273KT", Check: moreOf("AA9999999", "AA99999AA", "9999999AA"),
	},
	{
		Name: "pl.dowod", Type: "PL_ID_CARD", Aliases: []string{"PL_DOWOD"},
		Title: "Number of a Polish identity card (dowód osobisty): three letters, a check digit and five digits.",
		Of:    Person, Clean: " ",
		Shapes: []string{"AAA999999"}, Written: []string{"AAA 999999"},
		Words:  []string{"dowód", "dowodu", "dowodem", "dowód osobisty", "dowodu osobistego", "dowodem osobistym", "seria i", "nr dowodu", "dowod", "numer dowodu", "identity card", "id card"},
		Strong: 10, Sample: "CCR948273", Check: plDowodValid,
	},
	{
		Name: "pl.passport", Type: "PL_PASSPORT",
		Title: "Number of a Polish passport: two letters, a check digit and six digits.",
		Of:    Person, Clean: " ",
		Shapes: []string{"AA9999999"}, Written: []string{"AA 9999999"},
		Words:  []string{"paszport", "paszportu", "paszportem", "nr paszportu", "passport", "numer paszportu"},
		Strong: 10, Sample: "ER6482731", Check: plPassportValid,
	},
	{
		Name: "nl.passport", Type: "NL_PASSPORT",
		Title: "Number of a Dutch passport: two letters, six characters, a digit.",
		Of:    Person, Shapes: []string{"AA******9"},
		Words:  []string{"paspoort", "paspoortnummer", "paspoort nr", "passport", "documentnummer", "paspoortnr"},
		Strong: 2, Sample: "NXK482BD6", Check: nlPassportValid,
	},
	{
		Name: "se.passport", Type: "SE_PASSPORT",
		Title: "Number of a Swedish passport: eight digits, or two letters and six digits.",
		Of:    Person, Shapes: []string{"99999999", "AA999999"},
		Words:  []string{"pass nr", "passnummer", "pass nummer", "svenskt pass", "passnr"},
		Strong: 1, Sample: "84827361", Check: moreOf("99999999", "AA999999"),
	},
	{
		Name: "pt.passport", Type: "PT_PASSPORT",
		Title: "Number of a Portuguese passport: one or two letters and six digits.",
		Of:    Person, Shapes: []string{"A999999", "AA999999"},
		Words:  []string{"passaporte", "passaporte n", "passaporte nº"},
		Strong: 1, Sample: "CB482736", Check: moreOf("A999999", "AA999999"),
	},
	{
		Name: "tr.passport", Type: "TR_PASSPORT",
		Title: "Number of a Turkish passport: U, S or Z and eight digits.",
		Of:    Person, Shapes: []string{"u99999999", "s99999999", "z99999999"},
		Words:  []string{"pasaport", "pasaport no", "pasaportu", "pasaport numarası", "passport"},
		Strong: 1, Sample: "U48273615", Check: moreOf("U99999999", "S99999999", "Z99999999"),
	},
	{
		Name: "ru.passport", Type: "RU_PASSPORT",
		Title: "Series and number of an internal passport of Russia: region, year and six digits.",
		Of:    Person, Clean: " ",
		Shapes: []string{"9999999999"}, Written: []string{"9999 999999", "99 99 999999"},
		Words:  []string{"паспорт", "паспорта", "серия", "серия и", "паспортные данные", "passport"},
		Strong: 1, Sample: "4518 482736", Check: moreOf("9999999999"),
	},
	{
		Name: "ru.snils", Type: "RU_SNILS",
		Title: "Number of a person in the Russian pension insurance (SNILS), with two check digits.",
		Of:    Person, Clean: " -",
		Shapes: []string{"99999999999"}, Written: []string{"999-999-999 99", "999 999 999 99", "999-999-999-99"},
		Words:  []string{"снилс", "snils", "пенсионного", "страховой номер", "страхового"},
		Strong: 100, Sample: "108-273-615 48", Check: ruSNILSValid,
	},
}

const dePassportLetters = "CFGHJKLMNPRTVWXYZ"

// deSerial reports whether s is of the alphabet of German documents: no vowels,
// and no letters that look like others.
func deSerial(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] < '0' || s[i] > '9') && strings.IndexByte(dePassportLetters, s[i]) < 0 {
			return false
		}
	}
	return true
}

// The serial has nine characters and then a check digit; older ones eight.
func dePassportValid(s string) bool {
	return (len(s) == 9 || len(s) == 10) && deSerial(s) && value(s[0]) >= 10 && moreICAO(s)
}

// The letters that identity cards begin with are those of their offices.
func deIDCardValid(s string) bool {
	switch {
	case digits(s, 10):
		return moreICAO(s) && !same(s)
	case len(s) == 9 && s[0] == 'T' && allDigits(s[1:]):
		return true
	}
	return (len(s) == 9 || len(s) == 10) && strings.IndexByte("LMNPRTVWXYZ", s[0]) >= 0 && deSerial(s) && moreICAO(s)
}

// deRVNRValid checks after the regulation on insurance numbers (VKVV): the letter
// counts as two digits, the products of the weights by their sum of digits. To
// days 50 is added where all serials of a day are given.
func deRVNRValid(s string) bool {
	if !moreFits(s, "99999999A999") {
		return false
	}
	d, m := number(s[2:4]), number(s[4:6])
	if d > 50 {
		d -= 50
	}
	if s[:2] < "02" || d < 1 || d > 31 || m < 1 || m > 12 || !day(2000, m, d) {
		return false
	}
	letter := int(s[8]-'A') + 1
	v := [12]int{0: int(s[0] - '0'), 8: letter / 10, 9: letter % 10, 10: int(s[9] - '0'), 11: int(s[10] - '0')}
	for i := 1; i < 8; i++ {
		v[i] = int(s[i] - '0')
	}
	sum := 0
	for i, w := range [12]int{2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1} {
		p := v[i] * w
		sum += p/10 + p%10
	}
	return sum%10 == int(s[11]-'0')
}

// deKVNRValid checks after annex 1 of the agreement under section 290 SGB V.
func deKVNRValid(s string) bool {
	if !moreFits(s, "A999999999") {
		return false
	}
	letter := int(s[0]-'A') + 1
	sum := 0
	for i := 0; i < 10; i++ {
		v := 0
		switch i {
		case 0:
			v = letter / 10
		case 1:
			v = letter % 10
		default:
			v = int(s[i-1] - '0')
		}
		if i%2 == 1 {
			v *= 2
		}
		sum += v/10 + v%10
	}
	return sum%10 == int(s[9]-'0')
}

// deLANRValid checks after the directive of the KBV under section 75 (7) SGB V.
func deLANRValid(s string) bool {
	if !digits(s, 9) || same(s[:7]) {
		return false
	}
	sum := 0
	for i := 0; i < 6; i++ {
		sum += int(s[i]-'0') * [2]int{4, 9}[i%2]
	}
	return (10-sum%10)%10 == int(s[6]-'0')
}

// ukNINOValid knows the prefixes that HM Revenue and Customs does not give.
func ukNINOValid(s string) bool {
	if !moreFits(s, "AA999999A") || s[8] > 'D' {
		return false
	}
	if strings.IndexByte("DFIQUV", s[0]) >= 0 || strings.IndexByte("DFIQUVO", s[1]) >= 0 {
		return false
	}
	switch s[:2] {
	case "BG", "GB", "NK", "KN", "TN", "NT", "ZZ":
		return false
	}
	return true
}

// ukLicenceValid knows how the DVLA makes a number: five letters of the surname
// filled up with nines, the decade, the month (plus 50 for women), the day, the
// year, two initials or nine, a digit or letter, two letters.
func ukLicenceValid(s string) bool {
	if !moreFits(s, "*****999999***AA") || s[0] == '9' {
		return false
	}
	filled := false
	for i := 0; i < 5; i++ {
		switch {
		case s[i] == '9':
			filled = true
		case s[i] < 'A' || filled:
			return false
		}
	}
	m, d := number(s[6:8]), number(s[8:10])
	if m > 50 {
		m -= 50
	}
	if m < 1 || m > 12 || d < 1 || d > 31 {
		return false
	}
	for i := 11; i < 13; i++ {
		if s[i] < 'A' && s[i] != '9' {
			return false
		}
	}
	return s[11] != '9'
}

// frCNIValid checks the form only: the check digit of the twelve-digit card
// stands in its machine readable zone.
func frCNIValid(s string) bool {
	if len(s) == 12 {
		m := number(s[2:4])
		return allDigits(s[:6]) && allDigits(s[7:]) && m >= 1 && m <= 12 && number(s[4:6]) >= 1
	}
	return moreFits(s, "A****9999") && strings.ContainsAny(s[1:5], "0123456789")
}

func esNSSValid(s string) bool {
	if !digits(s, 12) || s[:2] == "00" || number(s[:2]) > 66 {
		return false
	}
	n := number(s[:2])*100000000 + number(s[2:10])
	if s[2] == '0' { // below ten million the serial counts with seven digits
		n = number(s[:2])*10000000 + number(s[3:10])
	}
	return n%97 == number(s[10:])
}

func itLicenceValid(s string) bool {
	if moreFits(s, "AA9999999A") {
		return true
	}
	if !moreFits(s, "U1*******A") {
		return false
	}
	return !strings.ContainsAny(s[2:9], "AEIOQV")
}

// plDowodValid checks as Polish documents do: letters from A = 10, weights 7, 3,
// 1, the check digit behind the letters.
func plDowodValid(s string) bool {
	if !moreFits(s, "AAA999999") {
		return false
	}
	sum := weighted(s[:3], 7, 3, 1) + weighted(s[4:], 7, 3, 1, 7, 3)
	return sum%10 == int(s[3]-'0') && !strings.ContainsAny(s[:3], "OQ")
}

func plPassportValid(s string) bool {
	if !moreFits(s, "AA9999999") {
		return false
	}
	sum := weighted(s[:2], 7, 3) + weighted(s[3:], 1, 7, 3, 1, 7, 3)
	return sum%10 == int(s[2]-'0')
}

// The letter O is not used.
func nlPassportValid(s string) bool {
	return moreFits(s, "AA******9") && strings.IndexByte(s, 'O') < 0 && !moreZero(s)
}

func ruSNILSValid(s string) bool {
	if !digits(s, 11) || s[:9] <= "001001998" {
		return false
	}
	return weighted(s[:9], 9, 8, 7, 6, 5, 4, 3, 2, 1)%101%100 == number(s[9:])
}
