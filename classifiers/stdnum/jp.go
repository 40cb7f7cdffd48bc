package stdnum

var jpCN = &Format{
	Name: "jp.cn", Type: "JP_CN",
	Title: "Corporate number (hōjin bangō) of a firm or public body in Japan.",
	Of:    Company, Clean: " -",
	Shapes: []string{"9999999999999", "t9999999999999"}, Written: []string{"9-9999-9999-9999", "9 9999 9999 9999"},
	Words:  []string{"法人番号", "会社法人等番号", "登録番号", "corporate number", "houjin bangou", "hojin bango", "company number"},
	Strong: 9, Sample: "4-8273-1015-9261", Check: jpCNValid,
}

// jpCNValid: the first digit is 9 less the remainder by 9 of the other ones,
// every second one doubled from the right.
func jpCNValid(s string) bool {
	return digits(s, 13) && int(s[0]-'0') == 9-weighted(s[1:], 2, 1)%9
}

var jpIN = &Format{
	Name: "jp.in_", Type: "JP_IN", Aliases: []string{"jp.in", "JP_MY_NUMBER"},
	Title: "Individual number (My Number) of a resident of Japan.",
	Of:    Person, Clean: " -",
	Shapes: []string{"999999999999"}, Written: []string{"9999 9999 9999", "9999-9999-9999"},
	Words:  []string{"マイナンバー", "個人番号", "マイナンバーカード", "通知カード", "my number", "mynumber", "individual number", "kojin bango"},
	Strong: 11, Sample: "4827 3610 5920", Check: jpINValid,
}

// jpINValid: weights of the ministerial ordinance; remainders 0 and 1 give 0.
func jpINValid(s string) bool {
	if !digits(s, 12) {
		return false
	}
	c := 11 - weighted(s[:11], 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11
	if c > 9 {
		c = 0
	}
	return int(s[11]-'0') == c
}
