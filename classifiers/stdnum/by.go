package stdnum

import "strings"

var byUNP = &Format{
	Name: "by.unp", Type: "BY_UNP", Aliases: []string{"BY_VAT"},
	Title: "Payer's number (УНП) of people and firms in Belarus.",
	Of:    Either, Clean: " ", Compact: byUNPCompact,
	Shapes: []string{"999999999", "AA9999999"}, Written: []string{"999 999 999"},
	Words:  []string{"унп", "unp", "учётный номер", "учетный номер", "номер плательщика", "налогоплательщик", "payer number", "payer's number", "tax id", "tax number", "tin"},
	Strong: 11, Sample: "482730162", Check: byUNPValid,
}

// byUNPLetters are the Cyrillic letters that look like Latin ones.
var byUNPLetters = strings.NewReplacer("А", "A", "В", "B", "Е", "E", "К", "K", "М", "M", "Н", "H", "О", "O", "Р", "P", "С", "C", "Т", "T")

func byUNPCompact(value string) string {
	s := byUNPLetters.Replace(strings.ToUpper(Clean(value, " ")))
	return prefixed(prefixed(s, "УНП"), "UNP")
}

// byUNPValid: the first character is the region, in letters for people; weights
// 29 23 19 17 13 7 5 3 leave the last digit by 11. Of the two letters the first
// counts as in base 36, the second by its place in a list.
func byUNPValid(s string) bool {
	if len(s) != 9 || !allDigits(s[2:]) || strings.IndexByte("1234567ABCEHKM", s[0]) < 0 {
		return false
	}
	second := int(s[1] - '0')
	switch isDigit := s[0] <= '9'; {
	case isDigit && !allDigits(s[1:2]):
		return false
	case !isDigit:
		if second = strings.IndexByte("ABCEHKMOPT", s[1]); second < 0 {
			return false
		}
	}
	sum := value(s[0])*29 + second*23 + weighted(s[2:8], 19, 17, 13, 7, 5, 3)
	return sum%11 == int(s[8]-'0')
}
