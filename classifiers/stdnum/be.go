package stdnum

var (
	beNN = &Format{
		Name: "be.nn", Type: "BE_NN", Aliases: []string{"BE_NRN", "BE_RIJKSREGISTERNUMMER"},
		Title: "National register number (rijksregisternummer, numéro de registre national) of people in Belgium.",
		Of:    Person, Clean: " -.",
		Shapes: []string{"99999999999"}, Written: []string{"99.99.99-999.99", "99.99.99-999 99", "99.99.99 999 99", "999999 999 99", "999999-999-99", "999999-999.99", "99 99 99 999 99"},
		Words: []string{"rijksregisternummer", "rijksregister", "rr nr", "rrn", "insz", "niss", "nrn", "nn", "inss", "numéro national", "registre national", "numéro niss", "nationaal nummer",
			"identificatienummer", "nationalregisternummer", "national number", "national register", "national id", "sociale zekerheid", "sécurité sociale"},
		Strong: 300, Sample: "84.07.15-482 08", Check: beNNValid,
	}
	beBIS = &Format{
		Name: "be.bis", Type: "BE_BIS",
		Title: "BIS number (bisnummer, numéro bis) of people who are not in the national register of Belgium.",
		Of:    Person, Clean: " -.",
		Shapes: []string{"99999999999"}, Written: beNN.Written,
		Words:  []string{"bis", "bisnummer", "bis nummer", "numéro bis", "bis number", "insz", "niss", "sociale zekerheid", "sécurité sociale", "national number"},
		Strong: 300, Sample: "84.27.16-482 21", Check: beBISValid,
	}
	beSSN = &Format{
		Name: "be.ssn", Type: "BE_SSN", Aliases: []string{"BE_INSZ", "BE_NISS"},
		Title: "Social security number (INSZ, NISS) of people in Belgium: a national register number or a BIS number.",
		Of:    Person, Health: true, Clean: " -.",
		Shapes: []string{"99999999999"}, Written: beNN.Written,
		Words:  []string{"insz", "niss", "insz nummer", "numéro niss", "sociale zekerheid", "sécurité sociale", "social security", "ssn", "socialezekerheidsnummer", "identificatienummer"},
		Strong: 100, Sample: "84.47.15-482 94", Check: beSSNValid,
	}
)

func beNNValid(s string) bool  { return beNumber(s, false) }
func beBISValid(s string) bool { return beNumber(s, true) }
func beSSNValid(s string) bool { return beNumber(s, false) || beNumber(s, true) }

// beNumber: year, month and day of birth, order number, two check digits by 97,
// of those born from 2000 on with a 2 before. BIS numbers add 20 to the month,
// or 40 where the sex is known. The day says nothing where the date is not
// known or all numbers of a day are given.
func beNumber(s string, bis bool) bool {
	if !digits(s, 11) {
		return false
	}
	switch n, check := number(s[:9]), number(s[9:]); check {
	case 97 - n%97:
	case 97 - (2_000_000_000+n)%97:
		if !past(2000 + number(s[:2])) {
			return false
		}
	default:
		return false
	}
	switch month := number(s[2:4]); {
	case !bis:
		return month <= 12
	case month >= 40:
		return month <= 52
	default:
		return month >= 20 && month <= 32
	}
}

var beEID = &Format{
	Name: "be.eid", Type: "BE_EID", Aliases: []string{"BE_IDENTITY_CARD"},
	Title: "Number of an identity card (eID) of Belgium.",
	Of:    Person, Clean: " -./",
	Shapes: []string{"999999999999"}, Written: []string{"999-9999999-99", "999 9999999 99"},
	Words:  []string{"identiteitskaart", "kaartnummer", "carte d'identité", "carte identité", "numéro carte", "eid", "eid card", "identity card", "id card", "card number", "identiteitskaartnummer", "personalausweis"},
	Strong: 97, Sample: "591-4827301-04", Check: beEIDValid,
}

// beEIDValid: the remainder by 97 of ten digits, 97 being written for 0.
func beEIDValid(s string) bool { return digits(s, 12) && beRemainder(s) }

// beRemainder checks the last two digits as the remainder by 97 of the others.
func beRemainder(s string) bool {
	r := 0
	for i := 0; i < len(s)-2; i++ {
		r = (r*10 + int(s[i]-'0')) % 97
	}
	if r == 0 {
		r = 97
	}
	return number(s[len(s)-2:]) == r
}

var beIBAN = &Format{
	Name: "be.iban", Type: "BE_IBAN",
	Title: "International bank account number of an account in Belgium.",
	Of:    Account, Clean: " -.",
	Shapes: []string{"be99999999999999"}, Written: []string{"be99 9999 9999 9999", "be99-9999-9999-9999", "be99 999-9999999-99"},
	Words:  []string{"iban", "rekening", "rekeningnummer", "compte", "numéro compte", "bankrekening", "account", "bank account", "konto"},
	Strong: 5000, Sample: "BE86 4827 3015 6550", Check: beIBANValid,
}

func beIBANValid(s string) bool { return len(s) == 16 && s[:2] == "BE" && genIBANValid(s) }

// beAccount: three digits of the bank, seven of the account, two that check.
func beAccount(s string) bool { return digits(s, 12) && beRemainder(s) }

var beOGM = &Format{
	Name: "be.ogm_vcs", Type: "BE_OGM_VCS", Aliases: []string{"BE_OGM", "BE_VCS", "STRUCTURED_COMMUNICATION"},
	Title: "Structured communication (OGM, VCS) of a payment in Belgium.",
	Of:    Thing, Clean: " +/",
	Shapes: []string{"999999999999"}, Written: []string{"999/9999/99999", "999 9999 99999"},
	Words:  []string{"ogm", "vcs", "gestructureerde mededeling", "mededeling", "communication structurée", "communication", "structured communication", "payment reference", "betaling", "virement"},
	Strong: 97, Sample: "+++482/7301/19265+++", Check: beOGMValid,
}

func beOGMValid(s string) bool { return digits(s, 12) && beRemainder(s) }

var beVAT = &Format{
	Name: "be.vat", Type: "BE_VAT", Aliases: []string{"BE_KBO", "BE_BCE"},
	Title: "VAT and enterprise number (ondernemingsnummer, numéro d'entreprise) of firms in Belgium.",
	Of:    Company, Clean: " -./()", Compact: beVATCompact,
	Shapes:  []string{"be0999999999", "be1999999999", "0999999999", "1999999999", "be999999999"},
	Written: []string{"be 0999.999.999", "be0999.999.999", "0999.999.999", "be 0999 999 999", "be 1999.999.999", "1999.999.999", "be 0999999999"},
	Words: []string{"btw", "btw nummer", "btw nr", "tva", "numéro tva", "n° tva", "vat", "vat number", "vat no", "vatin", "kbo", "bce", "ondernemingsnummer", "ondernemingsnr",
		"numéro d'entreprise", "numéro entreprise", "enterprise number", "company number", "rpr", "rpm"},
	Strong: 97, Sample: "BE 0432.730.163", Check: beVATValid,
}

func beVATCompact(value string) string {
	s := prefixed(Clean(value, " -./"), "BE")
	if rest := prefixed(s, "(0)"); rest != s {
		s = "0" + rest
	}
	return s
}

// beVATValid: two digits check the others by 97. Numbers of before 2008 may
// lack the leading zero.
func beVATValid(s string) bool {
	switch s = prefixed(s, "BE"); {
	case digits(s, 9):
	case digits(s, 10) && s[0] <= '1' && s[1] >= '0':
	default:
		return false
	}
	n := len(s) - 2
	return number(s[:n]) > 0 && (number(s[:n])+number(s[n:]))%97 == 0
}
