package stdnum

var twUBN = &Format{
	Name: "tw.ubn", Type: "TW_UBN",
	Title: "Unified business number (統一編號) of a firm in Taiwan.",
	Of:    Company, Clean: " -",
	Shapes: []string{"99999999"},
	Words:  []string{"統一編號", "統編", "公司統編", "統一編号", "ubn", "vat number", "business number", "gui number", "company number"},
	Strong: 5, Sample: "48273155", Check: twUBNValid,
}

// twUBNValid: the digits of the products by 1 2 1 2 1 2 4 1 make a multiple of
// five (until April 2023 of ten); a seventh digit of 7, whose product has the
// digits 2 and 8, counts as 10, that is as 1 or 0.
func twUBNValid(s string) bool {
	if !digits(s, 8) {
		return false
	}
	sum := 0
	for i, w := range [...]int{1, 2, 1, 2, 1, 2, 4, 1} {
		p := w * int(s[i]-'0')
		sum += p/10 + p%10
	}
	return sum%5 == 0 || s[6] == '7' && (sum+1)%5 == 0
}
