package stdnum

var huANUM = &Format{
	Name: "hu.anum", Type: "HU_ANUM", Aliases: []string{"HU_VAT"},
	Title: "Community tax number (közösségi adószám) of a firm in Hungary.",
	Of:    Company, Clean: " -",
	Shapes: []string{"hu99999999", "99999999"}, Written: []string{"hu 99999999", "hu-99999999"},
	Words:  []string{"adószám", "adoszam", "közösségi adószám", "áfa", "adóazonosító", "vat", "vat number", "tax number"},
	Strong: 10, Sample: "HU27418637", Check: huANUMValid,
}

func huANUMValid(s string) bool {
	s = gzBare(s, "HU")
	return digits(s, 8) && weighted(s, 9, 7, 3, 1)%10 == 0
}
