package stdnum

import "strings"

var gtNIT = &Format{
	Name: "gt.nit", Type: "GT_NIT",
	Title: "Tax number (NIT) of people and firms in Guatemala.",
	Of:    Either, Clean: " -",
	Shapes:  []string{"99999999", "9999999k", "9999999", "999999k", "999999999", "99999999k", "999999", "99999k"},
	Written: []string{"9999999-9", "9999999-k", "999999-9", "999999-k"},
	Words:   []string{"nit", "identificación tributaria", "tributaria", "contribuyente", "sat", "tax number", "factura"},
	Strong:  11, Sample: "4829173-0", Check: gtNITValid,
}

// gtNITValid: digits weighed from the right, from 2 on; K is 10. Leading zeros
// say nothing.
func gtNITValid(s string) bool {
	s = strings.TrimLeft(s, "0")
	n := len(s) - 1
	if len(s) < 2 || len(s) > 12 || !allDigits(s[:n]) {
		return false
	}
	if strings.IndexByte("0123456789K", s[n]) < 0 {
		return false
	}
	sum := 0
	for i := 0; i < n; i++ {
		sum += int(s[n-1-i]-'0') * (i + 2)
	}
	return s[n] == "0K987654321"[sum%11]
}
