package stdnum

import "strings"

var maICE = &Format{
	Name: "ma.ice", Type: "MA_ICE",
	Title: "Common business number (ICE) of a firm in Morocco.",
	Of:    Company, Clean: " ",
	Shapes: []string{"999999999999999"}, Written: []string{"999999999 9999 99"},
	Words:  []string{"ice", "identifiant commun", "رقم التعريف", "التعريف الموحد", "company number"},
	Strong: 97, Sample: "004827310000075", Check: maICEValid,
}

// maICEValid: fifteen digits, leading zeros aside, that 97 divides.
func maICEValid(s string) bool {
	return len(s) == 15 && allDigits(s) && mod97(s) == 0 && strings.Trim(s, "0") != ""
}
