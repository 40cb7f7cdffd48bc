package stdnum

import "strings"

var mkEDB = &Format{
	Name: "mk.edb", Type: "MK_EDB",
	Title: "Tax number (EDB) of a firm in North Macedonia.",
	Of:    Company, Clean: " -",
	Shapes: []string{"9999999999999", "mk9999999999999"}, Written: []string{"mk 9999999999999", "mk-9999999999999"},
	Words:  []string{"edb", "едб", "единствен даночен", "даночен број", "ддв", "ddv", "danočen broj", "danocen broj", "tax number", "vat"},
	Strong: 11, Sample: "MK 4030482731598", Check: mkEDBValid,
}

// mkEDBValid: the country's letters may be Cyrillic.
func mkEDBValid(s string) bool {
	for _, country := range [...]string{"MK", "МК", "мк", "Мк", "мК"} {
		if strings.HasPrefix(s, country) {
			s = s[len(country):]
			break
		}
	}
	return digits(s, 13) && (11-weighted(s[:12], 7, 6, 5, 4, 3, 2)%11)%11%10 == int(s[12]-'0')
}
