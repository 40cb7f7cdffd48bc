package stdnum

var mdIDNO = &Format{
	Name: "md.idno", Type: "MD_IDNO",
	Title: "State identification number (IDNO) of a firm in Moldova.",
	Of:    Company, Clean: " ",
	Shapes: []string{"9999999999999"},
	Words:  []string{"idno", "cod fiscal", "cod unic", "codul fiscal", "company number", "tax number"},
	Strong: 10, Sample: "1004827310594", Check: mdIDNOValid,
}

func mdIDNOValid(s string) bool {
	return digits(s, 13) && weighted(s[:12], 7, 3, 1)%10 == int(s[12]-'0')
}
