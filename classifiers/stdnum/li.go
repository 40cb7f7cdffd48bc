package stdnum

import "strings"

var liPEID = &Format{
	Name: "li.peid", Type: "LI_PEID",
	Title: "Personal identification number (PEID) of a taxpayer in Liechtenstein; it has no check digit.",
	Of:    Either, Clean: " .",
	Shapes: []string{"999999999999", "9999999", "99999999", "999999999"},
	Words:  []string{"peid", "personenidentifikationsnummer", "personen id", "pers id", "steuernummer", "tax number", "tin"},
	Strong: 1, Sample: "4827315", Check: liPEIDValid,
}

func liPEIDValid(s string) bool {
	n := len(strings.TrimLeft(s, "0"))
	return allDigits(s) && n >= 4 && n <= 12
}
