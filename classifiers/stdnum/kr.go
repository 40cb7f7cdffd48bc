package stdnum

var krBRN = &Format{
	Name: "kr.brn", Type: "KR_BRN",
	Title: "Business registration number of a firm in South Korea: tax office, kind of business, serial and check digit.",
	Of:    Company, Clean: " -",
	Shapes: []string{"9999999999"}, Written: []string{"999-99-99999"},
	Words:  []string{"사업자등록번호", "사업자 등록번호", "사업자번호", "사업자", "등록번호", "brn", "business registration", "business number"},
	Strong: 11, Sample: "417-86-05930", Check: krBRNValid,
}

// krBRNValid: offices begin at 101, no kind is 00, no serial 0000; the check
// weighs by 1 3 7 and adds the tens of the last product.
func krBRNValid(s string) bool {
	if !digits(s, 10) || s[:3] < "101" || s[3:5] == "00" || s[5:9] == "0000" {
		return false
	}
	return (weighted(s[:9], 1, 3, 7, 1, 3, 7, 1, 3, 5)+int(s[8]-'0')*5/10+int(s[9]-'0'))%10 == 0
}

var krRRN = &Format{
	Name: "kr.rrn", Type: "KR_RRN",
	Title: "Resident registration number of a person in South Korea: day of birth, sex and century, place, serial and check digit.",
	Of:    Person, Clean: "-",
	Shapes: []string{"9999999999999"}, Written: []string{"999999-9999999"},
	Words:  []string{"주민등록번호", "주민번호", "주민 등록번호", "주민등록", "rrn", "resident registration", "korean id", "jumin"},
	Strong: 300, Sample: "860514-1238479", Check: krRRNValid,
}

// krRRNValid: the seventh digit tells sex and century, and foreign residents (5
// to 8); places go to 96.
func krRRNValid(s string) bool {
	if !digits(s, 13) {
		return false
	}
	century := 1800
	switch s[6] {
	case '1', '2', '5', '6':
		century = 1900
	case '3', '4', '7', '8':
		century = 2000
	}
	if !day(century+number(s[:2]), number(s[2:4]), number(s[4:6])) || s[7:9] > "96" {
		return false
	}
	return (11-weighted(s[:12], 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)%11)%10 == int(s[12]-'0')
}
