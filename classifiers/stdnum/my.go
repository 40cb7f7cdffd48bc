package stdnum

var myNRIC = &Format{
	Name: "my.nric", Type: "MY_NRIC", Aliases: []string{"MY_MYKAD"},
	Title: "Identity card number (NRIC, MyKad) of a person in Malaysia: day of birth, place and a serial.",
	Of:    Person, Clean: " -*",
	Shapes: []string{"999999999999"}, Written: []string{"999999-99-9999", "999999 99 9999"},
	Words:  []string{"nric", "mykad", "ic", "ic no", "ic number", "i c", "no kp", "kad pengenalan", "no ic", "pengenalan", "identity card"},
	Strong: 31, Sample: "860514-10-4827", Check: myNRICValid,
}

// myNRICValid: places that the registration department does not use are out.
func myNRICValid(s string) bool {
	if !digits(s, 12) {
		return false
	}
	switch p := number(s[6:8]); {
	case p == 0, 17 <= p && p <= 20, p == 69, p == 70, p == 73, p == 80, p == 81, 94 <= p && p <= 97:
		return false
	}
	return gzDay(19, s[:2], s[2:4], s[4:6]) || gzDay(20, s[:2], s[2:4], s[4:6])
}
