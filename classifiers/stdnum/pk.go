package stdnum

var pkCNIC = &Format{
	Name: "pk.cnic", Type: "PK_CNIC",
	Title: "Number of the computerised identity card (CNIC) of a person in Pakistan.",
	Of:    Person, Clean: "-",
	Shapes: []string{"9999999999999"}, Written: []string{"99999-9999999-9"},
	Words:  []string{"cnic", "nic", "nicop", "cnic no", "nadra", "id card", "identity card", "national identity", "شناختی کارڈ", "شناختی"},
	Strong: 2, Sample: "35201-4827315-9", Check: pkCNICValid,
}

// pkCNICValid: the first digit is a province (1 to 7), the last one tells the
// sex and is not 0.
func pkCNICValid(s string) bool {
	return digits(s, 13) && '1' <= s[0] && s[0] <= '7' && s[12] != '0'
}
