package stdnum

var rsPIB = &Format{
	Name: "rs.pib", Type: "RS_PIB",
	Title: "Tax number (PIB) of a firm in Serbia.",
	Of:    Company, Clean: " -.",
	Shapes: []string{"999999999"},
	Words:  []string{"pib", "пиб", "pdv", "пдв", "poreski identifikacioni", "порески идентификациони", "poreski broj", "mb", "matični broj", "tax number", "vat"},
	Strong: 10, Sample: "104827313", Check: func(s string) bool { return len(s) == 9 && mod1110(s) },
}
