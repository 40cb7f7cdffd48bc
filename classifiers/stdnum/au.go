package stdnum

var auABN = &Format{
	Name: "au.abn", Type: "AU_ABN", Aliases: []string{"AU_VAT"},
	Title: "Australian business number (ABN) of firms and sole traders.",
	Of:    Company, Clean: " ",
	Shapes: []string{"99999999999"}, Written: []string{"99 999 999 999"},
	Words:  []string{"abn", "a.b.n", "australian business", "business number", "abn number", "gst", "tax invoice", "acn"},
	Strong: 89, Sample: "85 482 830 169", Check: auABNValid,
}

// auABNValid: one less for the first digit, weights 10 1 3 5 … 19, a multiple
// of 89.
func auABNValid(s string) bool {
	return digits(s, 11) && s[0] != '0' && (weighted(s, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)-10)%89 == 0
}

var auACN = &Format{
	Name: "au.acn", Type: "AU_ACN",
	Title: "Australian company number (ACN).",
	Of:    Company, Clean: " ",
	Shapes: []string{"999999999"}, Written: []string{"999 999 999"},
	Words:  []string{"acn", "a.c.n", "company number", "australian company", "arbn", "asic", "acn number"},
	Strong: 10, Sample: "048 273 016", Check: auACNValid,
}

// auACNValid: weights 8 to 1 and the last digit make a multiple of ten.
func auACNValid(s string) bool {
	return digits(s, 9) && (weighted(s[:8], 8, 7, 6, 5, 4, 3, 2, 1)+int(s[8]-'0'))%10 == 0
}

var auTFN = &Format{
	Name: "au.tfn", Type: "AU_TFN",
	Title: "Tax file number (TFN) of people and firms in Australia.",
	Of:    Either, Clean: " ",
	Shapes: []string{"999999999", "99999999"}, Written: []string{"999 999 999", "99 999 999"},
	Words:  []string{"tfn", "tax file", "file number", "tfn number", "ato", "tax number", "taxation office", "tax id"},
	Strong: 11, Sample: "482 730 161", Check: auTFNValid,
}

// auTFNValid: weights 1 4 3 7 5 8 6 9 10, a multiple of 11.
func auTFNValid(s string) bool {
	return (len(s) == 8 || len(s) == 9) && allDigits(s) && weighted(s, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0
}
