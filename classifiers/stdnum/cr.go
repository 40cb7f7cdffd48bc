package stdnum

import "strings"

var crCPF = &Format{
	Name: "cr.cpf", Type: "CR_CPF", Aliases: []string{"CR_CEDULA"},
	Title: "Number of the identity card (cédula de persona física) of citizens of Costa Rica.",
	Of:    Person, Clean: " -", Compact: crCPFCompact,
	Shapes: []string{"999999999", "0999999999"}, Written: []string{"9-9999-9999", "09-9999-9999", "9 9999 9999", "9-999-999"},
	Words:  []string{"cédula", "cedula", "cédula física", "identidad", "persona física", "identificación", "national id", "id number", "tax id"},
	Strong: 1, Sample: "1-0482-0730", Check: crCPFValid,
}

// crCPFCompact fills the parts to two, four and four digits.
func crCPFCompact(value string) string {
	s := Clean(value, " ")
	if parts := strings.Split(s, "-"); len(parts) == 3 {
		for i, n := range [...]int{2, 4, 4} {
			if k := n - len(parts[i]); k > 0 {
				parts[i] = strings.Repeat("0", k) + parts[i]
			}
		}
		return strings.Join(parts, "")
	}
	return without(s, "-")
}

func crCPFValid(s string) bool { return digits(s, 9) || digits(s, 10) && s[0] == '0' }

var crCPJ = &Format{
	Name: "cr.cpj", Type: "CR_CPJ", Aliases: []string{"CR_VAT", "CR_CEDULA_JURIDICA"},
	Title: "Tax number (cédula de persona jurídica) of firms in Costa Rica.",
	Of:    Company, Clean: " -",
	Shapes: []string{"9999999999"}, Written: []string{"9-999-999999", "9 999 999999"},
	Words:  []string{"cédula jurídica", "cedula juridica", "persona jurídica", "jurídica", "cédula", "cpj", "identificación", "razón social", "tax id", "company number"},
	Strong: 300, Sample: "3-101-482730", Check: crCPJValid,
}

// crCPJValid: the first digit is the class of the firm and the next three its
// kind: those of the executive, of other firms, of the state's and of others.
func crCPJValid(s string) bool {
	if !digits(s, 10) {
		return false
	}
	switch kind := s[1:4]; s[0] {
	case '2':
		return oneOf("100 200 300 400", kind)
	case '3':
		return kind >= "002" && kind <= "014" || kind >= "101" && kind <= "110"
	case '4':
		return kind == "000"
	case '5':
		return kind == "001"
	}
	return false
}

var crCR = &Format{
	Name: "cr.cr", Type: "CR_CR", Aliases: []string{"CR_DIMEX"},
	Title: "Identity number (DIMEX) of foreigners who live in Costa Rica.",
	Of:    Person, Clean: " -",
	Shapes: []string{"199999999999", "19999999999"},
	Words:  []string{"dimex", "cédula", "residencia", "residente", "extranjero", "migración", "identificación", "residence", "id number"},
	Strong: 1, Sample: "155848273016", Check: crCRValid,
}

func crCRValid(s string) bool { return (len(s) == 11 || len(s) == 12) && allDigits(s) && s[0] == '1' }
