package stdnum

import "strings"

var sgUEN = &Format{
	Name: "sg.uen", Type: "SG_UEN",
	Title: "Unique entity number (UEN) of a firm or another entity in Singapore.",
	Of:    Company, Clean: "",
	Shapes: []string{"99999999A", "999999999A", "A99AA9999A"},
	Words:  []string{"uen", "unique entity", "entity number", "acra", "business registration", "company registration", "gst reg", "roc", "reg no"},
	Strong: 11, Sample: "201482731G", Check: sgUENValid,
}

// sgKinds are the kinds of entities (ACRA).
const sgKinds = "CC CD CH CL CM CP CS CX DP FB FC FM FN GA GB GS HS LL LP MB MC MD MH MM MQ NB NR PA PB PF RF RP SM SS TC TU VH XL"

// sgUENValid: businesses have eight digits, companies the year and five digits,
// others the century's letter, year, kind and four digits; then a letter.
func sgUENValid(s string) bool {
	switch {
	case gzFits(s, "99999999A"):
		return s[8] == "XMKECAWLJDB"[weighted(s[:8], 10, 4, 9, 3, 8, 2, 7, 1)%11]
	case gzFits(s, "999999999A"):
		return s[:4] >= "1800" && gzPast(number(s[:4])) && s[9] == "ZKCMDNERGWH"[weighted(s[:9], 10, 8, 6, 4, 9, 7, 5, 3, 1)%11]
	case gzFits(s, "A99AA9999A"):
		const alphabet = "ABCDEFGHJKLMNPQRSTUVWX0123456789"
		if strings.IndexByte("RST", s[0]) < 0 || !allDigits(s[1:3]) || s[0] == 'T' && !gzPast(2000+number(s[1:3])) || !gzOneOf(sgKinds, s[3:5]) {
			return false
		}
		sum := 0
		for i, w := range [...]int{4, 3, 5, 3, 10, 2, 2, 5, 7} {
			sum += w * strings.IndexByte(alphabet, s[i])
		}
		return s[9] == alphabet[((sum-5)%11+11)%11]
	}
	return false
}
