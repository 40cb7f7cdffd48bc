package stdnum

var cuNI = &Format{
	Name: "cu.ni", Type: "CU_NI",
	Title: "Identity number (número de identidad, carné de identidad) of people in Cuba.",
	Of:    Person, Clean: " ",
	Shapes: []string{"99999999999"},
	Words:  []string{"carné", "carnet", "identidad", "ci", "ni", "identificación", "national id", "identity number"},
	Strong: 30, Sample: "84071548273", Check: cuNIValid,
}

// cuNIValid: the date of birth; the seventh digit tells the century, 9 the
// nineteenth, 0 to 5 the twentieth, 6 to 8 this one.
func cuNIValid(s string) bool {
	if !digits(s, 11) {
		return false
	}
	century := 1900
	switch {
	case s[6] == '9':
		century = 1800
	case s[6] > '5':
		century = 2000
	}
	return day(century+number(s[:2]), number(s[2:4]), number(s[4:6]))
}
