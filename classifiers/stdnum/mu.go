package stdnum

var muNID = &Format{
	Name: "mu.nid", Type: "MU_NID",
	Title: "National identity number of a person in Mauritius: the surname's first letter, day of birth, a serial and a check character.",
	Of:    Person, Clean: " ",
	Shapes: []string{"A999999999999*"},
	Words:  []string{"nid", "nic", "nic number", "national identity", "national id", "identity card", "d identité", "identité nationale"},
	Strong: 400, Sample: "R1405863827152", Check: muNIDValid,
}

// muNIDValid: characters weighed by 14 to 1 make a multiple of 17.
func muNIDValid(s string) bool {
	if !gzFits(s, "A999999999999*") || value(s[13]) > 16 || weighted(s, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%17 != 0 {
		return false
	}
	return gzDay(19, s[5:7], s[3:5], s[1:3]) || gzDay(20, s[5:7], s[3:5], s[1:3])
}
