package stdnum

import "strings"

var ghTIN = &Format{
	Name: "gh.tin", Type: "GH_TIN",
	Title: "Taxpayer identification number of people, firms and offices in Ghana.",
	Of:    Either, Clean: " ",
	Shapes: []string{"A009999999*", "A00*******9", "A00*******x"},
	Words:  []string{"tin", "taxpayer", "taxpayer identification", "tax number", "gra", "ghana revenue", "ghana tin"},
	Strong: 11, Sample: "C0038154269", Check: ghTINValid,
}

// ghTINValid: a letter for the kind of taxpayer (person, company, government,
// foreign office, other), two zeros, and a digit, or X for 10, that checks the
// other ones, weighed by their places.
func ghTINValid(s string) bool {
	if len(s) != 11 || strings.IndexByte("PCGQV", s[0]) < 0 || s[1:3] != "00" || !allDigits(s[1:10]) {
		return false
	}
	c := weighted(s[1:10], 1, 2, 3, 4, 5, 6, 7, 8, 9) % 11
	return s[10] == "0123456789X"[c]
}
