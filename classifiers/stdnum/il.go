package stdnum

var ilHP = &Format{
	Name: "il.hp", Type: "IL_HP",
	Title: "Company number (mispar H.P.) of a firm in Israel.",
	Of:    Company, Clean: " -",
	Shapes: []string{"599999999"}, Written: []string{"59-999999-9"},
	Words:  []string{"hp", "h p", "ח פ", "חפ", "מספר חברה", "company number", "company id", "private company", "ltd"},
	Strong: 10, Sample: "51-482637-9", Check: func(s string) bool { return len(s) == 9 && s[0] == '5' && luhn(s) },
}

var ilIDNR = &Format{
	Name: "il.idnr", Type: "IL_IDNR", Aliases: []string{"IL_ID"},
	Title: "Identity number (mispar zehut) of a person in Israel.",
	Of:    Person, Clean: " -",
	Shapes: []string{"999999999", "99999999", "9999999"}, Written: []string{"99999999-9", "9999999-9"},
	Words:  []string{"teudat zehut", "mispar zehut", "zehut", "ת ז", "תז", "תעודת זהות", "מספר זהות", "israeli id", "id number", "identity number"},
	Strong: 10, Sample: "31847265-1", Check: ilIDNRValid,
}

// ilIDNRValid: leading zeros may be left out.
func ilIDNRValid(s string) bool {
	return len(s) <= 9 && luhn(s) && number(s) > 0
}
