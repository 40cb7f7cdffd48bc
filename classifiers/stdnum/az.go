package stdnum

var azVOEN = &Format{
	Name: "az.voen", Type: "AZ_VOEN", Aliases: []string{"AZ_VAT"},
	Title: "Tax number (VÖEN) of people and firms in Azerbaijan.",
	Of:    Company, Clean: " ",
	Shapes: []string{"9999999999", "999999999"}, Written: []string{"999 999 9999", "999 999 999 9", "99 999 999 99"},
	Words:  []string{"vöen", "voen", "vergi ödəyicisinin", "vergi", "eyniləşdirmə nömrəsi", "tin", "tax id", "tax number", "инн"},
	Strong: 50, Sample: "4827301592", Check: azVOENValid,
}

// azVOENValid: two digits of the territory, six of the taxpayer, one that
// checks them by weights 4 1 8 6 2 7 5 3, one that says person or firm. A
// leading zero may be left out.
func azVOENValid(s string) bool {
	sum := 0
	switch {
	case digits(s, 10):
		sum = weighted(s[:8], 4, 1, 8, 6, 2, 7, 5, 3)
	case digits(s, 9):
		sum = weighted(s[:7], 1, 8, 6, 2, 7, 5, 3)
	default:
		return false
	}
	n := len(s)
	return (s[n-1] == '1' || s[n-1] == '2') && sum%11 == int(s[n-2]-'0')
}
