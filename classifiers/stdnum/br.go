package stdnum

var brCPF = &Format{
	Name: "br.cpf", Type: "BR_CPF",
	Title: "Taxpayer number of people (Cadastro de Pessoas Físicas, CPF) in Brazil.",
	Of:    Person, Clean: " -.",
	Shapes: []string{"99999999999"}, Written: []string{"999.999.999-99", "999 999 999 99", "999999999-99", "999.999.999.99", "999 999 999-99"},
	Words:  []string{"cpf", "c.p.f", "cpf mf", "cpf cnpj", "pessoas físicas", "pessoa física", "contribuinte", "cpf nº", "receita federal", "tax id", "taxpayer"},
	Strong: 100, Sample: "482.730.152-20", Check: brCPFValid,
}

// brCPFValid: two check digits by 11, weights 10 to 2 and 11 to 2; remainders
// below 2 give 0.
func brCPFValid(s string) bool {
	return digits(s, 11) && number(s) != 0 &&
		brCheck(weighted(s[:9], 10, 9, 8, 7, 6, 5, 4, 3, 2)) == s[9] &&
		brCheck(weighted(s[:10], 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == s[10]
}

func brCheck(sum int) byte { return "00987654321"[sum%11] }

var brCNPJ = &Format{
	Name: "br.cnpj", Type: "BR_CNPJ", Aliases: []string{"BR_VAT", "BR_CGC"},
	Title: "Number of firms (Cadastro Nacional da Pessoa Jurídica, CNPJ) in Brazil; with letters since 2026.",
	Of:    Company, Clean: " -./",
	Shapes: []string{"99999999999999", "************99"}, Written: []string{"99.999.999/9999-99", "**.***.***/****-99", "99 999 999 9999 99", "99.999.999.9999-99", "99999999/9999-99"},
	Words:  []string{"cnpj", "c.n.p.j", "cnpj mf", "cgc", "pessoa jurídica", "cadastro nacional", "razão social", "inscrição", "tax id", "company number"},
	Strong: 100, Sample: "48.270.016/0001-40", Check: brCNPJValid,
}

// brCNPJValid: two check digits by 11, weights 2 to 9 from the right over and
// over; letters count from 17 on, as their place in ASCII less that of 0.
func brCNPJValid(s string) bool {
	if len(s) != 14 || !alnums(s[:12]) || !allDigits(s[12:]) || s == "00000000000000" {
		return false
	}
	for n := 12; n < 14; n++ {
		sum := 0
		for i := 0; i < n; i++ {
			sum += int(s[i]-'0') * (2 + (n-1-i)%8)
		}
		if brCheck(sum) != s[n] {
			return false
		}
	}
	return true
}
