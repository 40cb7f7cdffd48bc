package stdnum

var ruINN = &Format{
	Name: "ru.inn", Type: "RU_INN",
	Title: "Taxpayer number (INN) of people (twelve digits) and firms (ten) in Russia.",
	Of:    Either, Clean: " ",
	Shapes: []string{"9999999999", "999999999999"},
	Words:  []string{"inn", "инн", "инн организации", "налогоплательщика", "идентификационный номер", "кпп", "taxpayer", "tax number"},
	Strong: 11, Sample: "7748273156", Check: ruINNValid,
}

func ruINNValid(s string) bool {
	switch {
	case digits(s, 10):
		return weighted(s[:9], 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == int(s[9]-'0')
	case digits(s, 12):
		return weighted(s[:10], 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == int(s[10]-'0') &&
			weighted(s[:11], 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == int(s[11]-'0')
	}
	return false
}

var ruOGRN = &Format{
	Name: "ru.ogrn", Type: "RU_OGRN",
	Title: "Main state registration number of a firm (OGRN) or a sole trader (OGRNIP) in Russia.",
	Of:    Company, Clean: " ",
	Shapes: []string{"9999999999999", "399999999999999"}, Written: []string{"9 99 99 99 99999 9"},
	Words:  []string{"ogrn", "огрн", "огрнип", "ogrnip", "основной государственный", "регистрационный номер", "егрюл", "егрип", "company number"},
	Strong: 11, Sample: "1027748273156", Check: ruOGRNValid,
}

// ruOGRNValid: the check digit is the last one of the remainder by 11, or by 13
// for the fifteen digits of sole traders.
func ruOGRNValid(s string) bool {
	switch {
	case digits(s, 13):
		return s[0] != '0' && number(s[:12])%11%10 == int(s[12]-'0')
	case digits(s, 15):
		return (s[0] == '3' || s[0] == '4') && number(s[:14])%13%10 == int(s[14]-'0')
	}
	return false
}
