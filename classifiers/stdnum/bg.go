package stdnum

var bgEGN = &Format{
	Name: "bg.egn", Type: "BG_EGN",
	Title: "Personal number (ЕГН, EGN) of citizens of Bulgaria.",
	Of:    Person, Clean: " -.",
	Shapes: []string{"9999999999"}, Written: []string{"999999 9999", "999999-9999"},
	Words:  []string{"егн", "egn", "единен граждански", "граждански номер", "личен номер", "лична карта", "civil number", "personal number", "personal id", "national id"},
	Strong: 80, Sample: "8407154820", Check: bgEGNValid,
}

// bgEGNValid: date of birth, in the months 21 to 32 of before 1900 and in 41 to
// 52 of after 1999; weights 2 4 8 5 10 9 7 3 6 leave the last digit by 11, and
// 0 for 10.
func bgEGNValid(s string) bool {
	if !digits(s, 10) {
		return false
	}
	year, month := 1900, number(s[2:4])
	switch {
	case month > 40:
		year, month = 2000, month-40
	case month > 20:
		year, month = 1800, month-20
	}
	return day(year+number(s[:2]), month, number(s[4:6])) && weighted(s[:9], 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == int(s[9]-'0')
}

var bgPNF = &Format{
	Name: "bg.pnf", Type: "BG_PNF", Aliases: []string{"BG_LNCH"},
	Title: "Personal number (ЛНЧ) of foreigners in Bulgaria.",
	Of:    Person, Clean: " -.",
	Shapes: []string{"9999999999"},
	Words:  []string{"лнч", "lnch", "личен номер", "чужденец", "foreigner", "personal number", "pnf", "residence permit"},
	Strong: 10, Sample: "7248273014", Check: bgPNFValid,
}

// bgPNFValid: weights 21 19 17 13 11 9 7 3 1 leave the last digit by ten.
func bgPNFValid(s string) bool {
	return digits(s, 10) && weighted(s[:9], 21, 19, 17, 13, 11, 9, 7, 3, 1)%10 == int(s[9]-'0')
}

var bgVAT = &Format{
	Name: "bg.vat", Type: "BG_VAT", Aliases: []string{"BG_EIK", "BG_BULSTAT", "BG_DDS"},
	Title: "VAT number (ДДС номер) of people and firms in Bulgaria: the number of the register of firms (ЕИК, БУЛСТАТ), or a personal one.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"bg999999999", "bg9999999999", "999999999"}, Written: []string{"bg 999999999", "bg 9999999999", "bg 999 999 999", "999 999 999"},
	Words:  []string{"ддс", "ддс номер", "еик", "булстат", "идентификационен номер", "vat", "vat number", "vat no", "vatin", "eik", "bulstat", "uic"},
	Strong: 10, Sample: "BG 482730163", Check: bgVATValid,
}

// bgVATValid: nine digits of a firm, by weights 1 to 8 and, where those leave
// 10, by 3 to 10; ten of a person, a foreigner, or another by weights 4 3 2 7 6
// 5 4 3 2.
func bgVATValid(s string) bool {
	s = prefixed(s, "BG")
	switch {
	case digits(s, 9):
		check := weighted(s[:8], 1, 2, 3, 4, 5, 6, 7, 8) % 11
		if check == 10 {
			check = weighted(s[:8], 3, 4, 5, 6, 7, 8, 9, 10) % 11 % 10
		}
		return check == int(s[8]-'0')
	case digits(s, 10):
		return bgEGNValid(s) || bgPNFValid(s) || weighted(s, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	}
	return false
}
