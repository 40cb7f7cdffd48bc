package stdnum

import "strings"

var moreAmericas = []*Format{
	{
		Name: "us.passport", Type: "US_PASSPORT",
		Title: "Number of a passport of the United States: nine digits, or since 2021 a letter and eight digits; C and eight digits on the card.",
		Of:    Person, Shapes: []string{"999999999", "A99999999"},
		Words:  []string{"us passport", "passport", "passport no", "passport number", "passport num", "passport id", "passportno", "travel document", "pax", "passports"},
		Strong: 1, Sample: "482736150", Check: moreOf("999999999", "A99999999"),
	},
	{
		Name: "us.driver_license", Type: "US_DRIVER_LICENSE", Aliases: []string{"US_DRIVING_LICENSE"},
		Title: "Number of a driver's license of a state of the United States; forms and lengths differ, some states print hyphens.",
		Of:    Person, Clean: " -",
		Shapes: []string{
			"9999999", "99999999", "999999999", "9999999999", "99999999999", "999999999999", "9999999999999",
			"A999999", "A9999999", "A99999999", "A999999999", "A99999999999", "A999999999999", "A9999999999999", "A99999999999999", "AA999999", "AA9999999", "AA999999A",
			"999AA9999", "99AAA99999", "99AAA999999", "9999999A", "99999999A", "AAA**AA999*9", "wdl*********", "AAAAA99999**",
		},
		Written: []string{
			"A999-999-99-999-9", "A999-999-99-999", "A999-9999-9999", "A999-9999-9999-99", "A-999-999-999-999", "A 999 999 999 999", "A999 999 999 999", "A9999 99999 99999", "A9999-99999-99999",
			"999-999-999", "999 999 999", "99-999-9999", "999-99-9999", "A999-999-999-999", "A99-99-9999", "A99-999-999", "9999-99-9999", "A 99-99-9999", "AA-99-99-99", "99 999 999", "A999-99-9999",
		},
		Words: []string{"driver license", "drivers license", "driver s license", "driver licence", "drivers licence", "driver lic", "drivers lic", "driver s lic", "driving license", "dl", "dln", "dl no", "dl number",
			"license no", "license number", "license num", "license", "lic", "lic no", "oln", "dl nbr", "driverlicense", "driverslicense", "permit", "cdl", "driving licence"},
		Strong: 1, Sample: "H482-736-15-204-0", Check: usLicenceValid,
	},
	{
		Name: "ca.passport", Type: "CA_PASSPORT",
		Title: "Number of a Canadian passport: two letters and six digits, or since 2023 a letter, six digits and two letters.",
		Of:    Person, Shapes: []string{"AA999999", "A999999AA"},
		Words:  []string{"passport", "passeport", "canadian passport", "passport no", "passport number"},
		Strong: 1, Sample: "HK482736", Check: moreOf("AA999999", "A999999AA"),
	},
	{
		Name: "ca.on_health_card", Type: "CA_ON_HEALTH_CARD", Aliases: []string{"CA_OHIP"},
		Title: "Number of a health card of Ontario: ten digits with a Luhn digit, and two letters of the version.",
		Of:    Person, Health: true, Clean: " -",
		Shapes: []string{"9999999999", "9999999999AA"}, Written: []string{"9999-999-999-AA", "9999-999-999", "9999 999 999", "9999 999 999 AA"},
		Words:  []string{"ohip", "health card", "health card no", "ontario health", "health number", "hcn", "hin"},
		Strong: 11, Sample: "4827-361-504-KT", Check: caOntarioValid,
	},
	{
		Name: "ca.qc_ramq", Type: "CA_QC_RAMQ", Aliases: []string{"CA_NAM"},
		Title: "Number of a person in the health insurance of Quebec (RAMQ): letters of the name, date of birth, serial.",
		Of:    Person, Health: true, Clean: " -",
		Shapes: []string{"AAAA99999999"}, Written: []string{"AAAA 9999 9999", "AAAA-9999-9999"},
		Words:  []string{"ramq", "nam", "assurance maladie", "carte soleil", "health insurance", "numéro d", "carte d"},
		Strong: 20, Sample: "TREM 8255 1418", Check: caRAMQValid,
	},
	{
		Name: "ca.driver_license", Type: "CA_DRIVER_LICENSE",
		Title: "Number of a driver's licence of a Canadian province.",
		Of:    Person, Clean: " -",
		Shapes: []string{"A99999999999999", "A999999999999", "9999999"}, Written: []string{"A9999-99999-99999", "A9999 99999 99999", "A9999-999999-99", "999999-999"},
		Words:  []string{"driver licence", "drivers licence", "driver s licence", "licence no", "licence number", "permis de", "permis", "dl", "driver license"},
		Strong: 1, Sample: "K4827-36150-48273", Check: moreOf("A99999999999999", "A999999999999", "999999999", "9999999"),
	},
	{
		Name: "br.rg", Type: "BR_RG",
		Title: "Number of a Brazilian identity card (registro geral): eight digits and a check character as São Paulo computes it, by others without.",
		Of:    Person, Clean: " -.",
		Shapes: []string{"99999999*"}, Written: []string{"99.999.999-*", "99.999.999-9", "9.999.999"},
		Words:  []string{"rg", "registro geral", "rg nº", "rg n", "identidade", "carteira de", "cédula de", "ssp"},
		Strong: 2, Sample: "48.273.615-X", Check: brRGValid,
	},
	{
		Name: "br.cnh", Type: "BR_CNH",
		Title: "Number of a Brazilian driving licence (CNH), eleven digits, two of them check digits.",
		Of:    Person, Shapes: []string{"99999999999"},
		Words:  []string{"cnh", "habilitação", "carteira nacional", "carteira de", "nº cnh", "registro cnh", "carta de"},
		Strong: 80, Sample: "48273615007", Check: brCNHValid,
	},
	{
		Name: "br.pis", Type: "BR_PIS", Aliases: []string{"BR_NIS", "BR_PASEP", "BR_NIT"},
		Title: "Number of a worker in Brazil's social programmes (PIS, PASEP, NIS, NIT).",
		Of:    Person, Clean: " -.",
		Shapes: []string{"99999999999"}, Written: []string{"999.99999.99-9", "999.9999.999-9"},
		Words:  []string{"pis", "pasep", "nis", "nit", "pis pasep", "pis nit", "nº pis"},
		Strong: 11, Sample: "148.27361.50-5", Check: brPISValid,
	},
	{
		Name: "br.titulo_eleitor", Type: "BR_TITULO_ELEITOR",
		Title: "Number of a Brazilian voter (título de eleitor): serial, state and two check digits.",
		Of:    Person, Clean: " ",
		Shapes: []string{"999999999999"}, Written: []string{"9999 9999 9999"},
		Words:  []string{"título", "titulo", "título de", "título eleitoral", "titulo eleitoral", "eleitor", "titulo de"},
		Strong: 300, Sample: "482736160108", Check: brTituloValid,
	},
	{
		Name: "br.sus", Type: "BR_CNS", Aliases: []string{"BR_SUS"},
		Title: "Number of a health card of Brazil (cartão nacional de saúde): fifteen digits by modulo 11.",
		Of:    Person, Health: true, Clean: " ",
		Shapes: []string{"999999999999999"}, Written: []string{"999 9999 9999 9999"},
		Words:  []string{"cns", "cartão sus", "sus", "cartão nacional", "carteira sus", "cartao sus"},
		Strong: 20, Sample: "700482736150482", Check: brCNSValid,
	},
	{
		Name: "mx.nss", Type: "MX_NSS", Aliases: []string{"MX_IMSS"},
		Title: "Number of a person in the Mexican social security (NSS), with a Luhn digit.",
		Of:    Person, Clean: " -",
		Shapes: []string{"99999999999"}, Written: []string{"99-99-99-9999-9", "99 99 99 9999 9", "9999-99-9999-9"},
		Words:  []string{"nss", "imss", "seguro social", "seguridad social", "número de", "num seguro", "afiliación"},
		Strong: 10, Sample: "48278836159", Check: func(s string) bool { return digits(s, 11) && luhn(s) && !same(s) },
	},
	{
		Name: "mx.clave_elector", Type: "MX_CLAVE_ELECTOR", Aliases: []string{"MX_INE"},
		Title: "Key of a Mexican voter on the INE card: letters of the name, date of birth, state, sex and three digits.",
		Of:    Person, Shapes: []string{"AAAAAA99999999h999", "AAAAAA99999999m999"},
		Words:  []string{"ine", "ife", "clave de", "clave elector", "elector", "credencial", "credencial para"},
		Strong: 30, Sample: "KTRBDS82051409M300", Check: mxElectorValid,
	},
	{
		Name: "mx.passport", Type: "MX_PASSPORT",
		Title: "Number of a Mexican passport: a letter and eight digits.",
		Of:    Person, Shapes: []string{"A99999999"},
		Words:  []string{"pasaporte", "pasaporte mexicano", "número de pasaporte"},
		Strong: 1, Sample: "G48273615", Check: moreOf("A99999999"),
	},
	{
		Name: "br.passport", Type: "BR_PASSPORT",
		Title: "Number of a Brazilian passport: two letters and six digits.",
		Of:    Person, Shapes: []string{"AA999999"},
		Words:  []string{"passaporte", "passaporte n", "passaporte nº"},
		Strong: 1, Sample: "FK482736", Check: moreOf("AA999999"),
	},
	{
		Name: "za.passport", Type: "ZA_PASSPORT",
		Title: "Number of a South African passport: A, M or D and eight digits.",
		Of:    Person, Shapes: []string{"a99999999", "m99999999", "d99999999"},
		Words:  []string{"passport", "passport no", "passport number"},
		Strong: 1, Sample: "A48273615", Check: moreOf("A99999999", "M99999999", "D99999999"),
	},
}

// usLicences are the forms of the states, without hyphens, beyond plain digits.
var usLicences = []string{
	"A999999", "A9999999", "A99999999", "A999999999", "A99999999999", "A999999999999", "A9999999999999", "A99999999999999", "AA999999", "AA9999999", "AA999999A",
	"999AA9999", "99AAA99999", "99AAA999999", "9999999A", "99999999A", "AAA**AA999*9", "AAAAA99999**",
}

func usLicenceValid(s string) bool {
	if moreZero(s) {
		return false
	}
	if allDigits(s) {
		return len(s) >= 7 && len(s) <= 13
	}
	return moreAny(s, usLicences...) || len(s) == 12 && strings.HasPrefix(s, "WDL")
}

func caOntarioValid(s string) bool {
	if len(s) == 12 && value(s[10]) >= 10 && value(s[11]) >= 10 {
		s = s[:10]
	}
	return digits(s, 10) && s[0] != '0' && luhn(s)
}

// For women 50 is added to the month.
func caRAMQValid(s string) bool {
	if !moreFits(s, "AAAA99999999") {
		return false
	}
	m, d := number(s[6:8]), number(s[8:10])
	if m > 50 {
		m -= 50
	}
	return m >= 1 && m <= 12 && d >= 1 && d <= 31
}

func brRGValid(s string) bool {
	if len(s) != 9 || !allDigits(s[:8]) || same(s[:8]) {
		return false
	}
	sum := weighted(s[:8], 2, 3, 4, 5, 6, 7, 8, 9)
	switch c := (11 - sum%11) % 11; c {
	case 10:
		return s[8] == 'X'
	default:
		return s[8] == byte('0'+c)
	}
}

// brCNHValid checks after the traffic department's rule: two passes with falling
// and rising weights, the second lowered where the first gave ten.
func brCNHValid(s string) bool {
	if !digits(s, 11) || same(s) {
		return false
	}
	lower := 0
	first := weighted(s[:9], 9, 8, 7, 6, 5, 4, 3, 2, 1) % 11
	if first > 9 {
		first, lower = 0, 2
	}
	second := weighted(s[:9], 1, 2, 3, 4, 5, 6, 7, 8, 9)%11 - lower
	if second < 0 {
		second += 11
	}
	if second > 9 {
		second = 0
	}
	return int(s[9]-'0') == first && int(s[10]-'0') == second
}

func brPISValid(s string) bool {
	if !digits(s, 11) || same(s) {
		return false
	}
	c := 11 - weighted(s[:10], 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)%11
	if c > 9 {
		c = 0
	}
	return c == int(s[10]-'0')
}

func brTituloValid(s string) bool {
	if !digits(s, 12) || same(s) {
		return false
	}
	state := number(s[8:10])
	if state < 1 || state > 28 {
		return false
	}
	first := weighted(s[:8], 2, 3, 4, 5, 6, 7, 8, 9) % 11
	if first == 10 {
		first = 0
	} else if first == 0 && state <= 2 {
		first = 1 // São Paulo and Minas Gerais
	}
	second := (int(s[8]-'0')*7 + int(s[9]-'0')*8 + first*9) % 11
	if second == 10 {
		second = 0
	} else if second == 0 && state <= 2 {
		second = 1
	}
	return int(s[10]-'0') == first && int(s[11]-'0') == second
}

// Numbers begin with 1 or 2, provisional ones with 7, 8 or 9.
func brCNSValid(s string) bool {
	if !digits(s, 15) || strings.IndexByte("12789", s[0]) < 0 {
		return false
	}
	return weighted(s, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

func mxElectorValid(s string) bool {
	if !moreFits(s, "AAAAAA99999999A999") || s[14] != 'H' && s[14] != 'M' {
		return false
	}
	m, d, state := number(s[8:10]), number(s[10:12]), number(s[12:14])
	return m >= 1 && m <= 12 && d >= 1 && d <= 31 && (state >= 1 && state <= 33 || state == 87 || state == 88)
}
