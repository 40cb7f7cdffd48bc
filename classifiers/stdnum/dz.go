package stdnum

var dzNIF = &Format{
	Name: "dz.nif", Type: "DZ_NIF", Aliases: []string{"DZ_VAT"},
	Title: "Tax number (numéro d'identification fiscale, NIF) of people and firms in Algeria.",
	Of:    Either, Clean: " ",
	Shapes: []string{"999999999999999", "99999999999999999999"}, Written: []string{"999 999 999 999 999", "999 999 999 999 999 99999"},
	Words:  []string{"nif", "n.i.f", "identification fiscale", "identifiant fiscal", "numéro d'identification", "matricule fiscal", "رقم التعريف", "التعريف الجبائي", "tax id", "tax number"},
	Strong: 1, Sample: "000 148 273 015 826", Check: dzNIFValid,
}

func dzNIFValid(s string) bool { return digits(s, 15) || digits(s, 20) }
