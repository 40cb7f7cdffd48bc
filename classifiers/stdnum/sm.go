package stdnum

import "strings"

var smCOE = &Format{
	Name: "sm.coe", Type: "SM_COE",
	Title: "Code of an economic operator (COE) in San Marino; it has no check digit.",
	Of:    Company, Clean: ".",
	Shapes: []string{"99999", "sm99999"},
	Words:  []string{"coe", "o e", "codice operatore", "operatore economico", "san marino", "tax number"},
	Strong: 1, Sample: "04827", Check: smCOEValid,
}

// smLow are the codes below 100 that were given.
const smLow = "02 04 06 07 08 09 10 11 13 16 18 19 20 21 25 26 30 32 33 35 36 37 38 39 40 42 45 47 49 51 52 55 56 57 58 59 " +
	"61 62 64 65 66 67 68 69 70 71 72 73 74 75 76 79 80 81 84 85 87 88 91 92 94 95 96 97 99"

// smCOEValid: leading zeros may be missing.
func smCOEValid(s string) bool {
	if !allDigits(s) {
		return false
	}
	switch s = strings.TrimLeft(s, "0"); len(s) {
	case 1:
		return strings.IndexByte("246789", s[0]) >= 0
	case 2:
		return gzOneOf(smLow, s)
	}
	return 3 <= len(s) && len(s) <= 5
}
