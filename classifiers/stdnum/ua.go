package stdnum

var uaEDRPOU = &Format{
	Name: "ua.edrpou", Type: "UA_EDRPOU",
	Title: "Code of a firm in the register of enterprises (EDRPOU) of Ukraine.",
	Of:    Company, Clean: " ",
	Shapes: []string{"99999999"},
	Words:  []string{"єдрпоу", "едрпоу", "код єдрпоу", "код едрпоу", "edrpou", "єдиного державного", "код підприємства", "company number"},
	Strong: 10, Sample: "38273152", Check: uaEDRPOUValid,
}

// uaEDRPOUValid: codes from 30000000 to 60000000 weigh by 7 1 2 3 4 5 6, others
// by 1 to 7; where that leaves ten the weights are raised by two.
func uaEDRPOUValid(s string) bool {
	if !digits(s, 8) {
		return false
	}
	middle := '3' <= s[0] && s[0] <= '5'
	c := 0
	if middle {
		c = weighted(s[:7], 7, 1, 2, 3, 4, 5, 6) % 11
	} else {
		c = weighted(s[:7], 1, 2, 3, 4, 5, 6, 7) % 11
	}
	if c == 10 {
		if middle {
			c = weighted(s[:7], 9, 3, 4, 5, 6, 7, 8) % 11
		} else {
			c = weighted(s[:7], 3, 4, 5, 6, 7, 8, 9) % 11
		}
	}
	return c%10 == int(s[7]-'0')
}

var uaRNTRC = &Format{
	Name: "ua.rntrc", Type: "UA_RNTRC", Aliases: []string{"UA_RNOKPP"},
	Title: "Taxpayer number (RNOKPP, formerly INN) of a person in Ukraine.",
	Of:    Person, Clean: " ",
	Shapes: []string{"9999999999"},
	Words:  []string{"рнокпп", "іпн", "ідентифікаційний код", "ідентифікаційний номер", "облікової картки", "платника податків", "податковий номер", "rntrc", "rnokpp", "ipn", "tax number"},
	Strong: 11, Sample: "3154827310", Check: uaRNTRCValid,
}

func uaRNTRCValid(s string) bool {
	return digits(s, 10) && (weighted(s[:9], 10, 5, 7, 9, 4, 6, 10, 5, 7))%11%10 == int(s[9]-'0')
}
