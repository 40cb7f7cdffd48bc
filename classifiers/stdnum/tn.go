package stdnum

import "strings"

var tnMF = &Format{
	Name: "tn.mf", Type: "TN_MF",
	Title: "Tax number (matricule fiscal) of people and firms in Tunisia, with codes of VAT, category and branch or without.",
	Of:    Either, Clean: " -./",
	Shapes: []string{"9999999A", "9999999AAA999", "999999A", "999999AAA999"}, Written: []string{"9999999/A", "9999999/A/A/A/999", "9999999A/A/A/999", "999999/A/A/A/999", "9999999 A"},
	Words:  []string{"matricule fiscal", "matricule", "mf", "m f", "identifiant fiscal", "identifiant unique", "المعرف الجبائي", "الجبائي", "tax number"},
	Strong: 1, Sample: "0482731/K/A/M/000", Check: tnMFValid,
}

// tnMFValid: leading zeros of the seven digits may be missing; the key letter is
// not I, O or U; a branch other than 000 goes with category E.
func tnMFValid(s string) bool {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	if n > 7 || n == len(s) || !gzFits(s[n:n+1], "A") || strings.IndexByte("IOU", s[n]) >= 0 {
		return false
	}
	codes := s[n+1:]
	if codes == "" {
		return true
	}
	return len(codes) == 5 && strings.IndexByte("ABDNP", codes[0]) >= 0 && strings.IndexByte("CEMNP", codes[1]) >= 0 &&
		allDigits(codes[2:]) && (codes[1] == 'E' || codes[2:] == "000")
}
