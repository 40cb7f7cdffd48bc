package stdnum

var vnMST = &Format{
	Name: "vn.mst", Type: "VN_MST",
	Title: "Tax number (mã số thuế) of people and firms in Vietnam, with a branch or without.",
	Of:    Either, Clean: " -.",
	Shapes: []string{"9999999999", "9999999999999"}, Written: []string{"9999999999-999", "9999999999 999"},
	Words:  []string{"mst", "mã số", "số thuế", "ma so", "thuế", "tax code", "tax number"},
	Strong: 11, Sample: "0104827316", Check: vnMSTValid,
}

// vnMSTValid: a serial of 0000000 and a branch 000 are not given.
func vnMSTValid(s string) bool {
	if digits(s, 13) {
		if s[10:] == "000" {
			return false
		}
		s = s[:10]
	}
	if !digits(s, 10) || s[2:9] == "0000000" {
		return false
	}
	return 10-weighted(s[:9], 31, 29, 23, 19, 17, 13, 7, 5, 3)%11 == int(s[9]-'0')
}
