package stdnum

import "strings"

var nzBankAccount = &Format{
	Name: "nz.bankaccount", Type: "NZ_BANKACCOUNT",
	Title: "Number of a bank account in New Zealand: bank, branch, account and suffix.",
	Of:    Account, Clean: " -",
	Shapes: []string{"9999999999999999", "999999999999999"}, Written: []string{"99-9999-9999999-99", "99-9999-9999999-999", "99 9999 9999999 99", "99 9999 9999999 999"},
	Words:  []string{"account", "account no", "account number", "bank account", "acct", "bank", "a c", "direct debit", "payee"},
	Strong: 40, Sample: "02-0248-0482736-00", Compact: nzBankAccountCompact, Check: nzBankAccountValid,
}

// nzBranches are the branches of banks and how their accounts are checked, as
// Inland Revenue's specification of withholding tax certificates has them: bank,
// first and last branch, method.
var nzBranches = [...]struct {
	bank, from, to uint16
	method         byte
}{
	{1, 1, 999, 'A'}, {1, 1100, 1199, 'A'}, {1, 1800, 1899, 'A'}, {2, 1, 999, 'A'}, {2, 1200, 1299, 'A'}, {3, 1, 999, 'A'}, {3, 1300, 1399, 'A'},
	{3, 1500, 1599, 'A'}, {3, 1700, 1799, 'A'}, {3, 1900, 1999, 'A'}, {3, 7350, 7399, 'A'}, {4, 2014, 2024, 'A'}, {5, 8884, 8889, 'X'}, {6, 1, 999, 'A'}, {6, 1400, 1499, 'A'},
	{8, 6500, 6599, 'D'}, {9, 0, 0, 'E'}, {10, 5165, 5169, 'A'}, {11, 5000, 6499, 'A'}, {11, 6600, 8999, 'A'}, {12, 3000, 3299, 'A'}, {12, 3400, 3499, 'A'}, {12, 3600, 3699, 'A'},
	{13, 4900, 4999, 'A'}, {14, 4700, 4799, 'A'}, {15, 3900, 3999, 'A'}, {16, 4400, 4499, 'A'}, {17, 3300, 3399, 'A'}, {18, 3500, 3599, 'A'}, {19, 4600, 4649, 'A'},
	{20, 4100, 4199, 'A'}, {21, 4800, 4899, 'A'}, {22, 4000, 4049, 'A'}, {23, 3700, 3799, 'A'}, {24, 4300, 4349, 'A'}, {25, 2500, 2599, 'F'}, {26, 2600, 2699, 'G'},
	{27, 3800, 3849, 'A'}, {28, 2100, 2149, 'G'}, {29, 2150, 2299, 'G'}, {30, 2900, 2949, 'A'}, {31, 2800, 2849, 'X'}, {33, 6700, 6799, 'F'}, {35, 2400, 2499, 'A'}, {38, 9000, 9499, 'A'},
	{88, 8800, 8805, 'X'},
}

// nzBankAccountCompact fills up the four parts of a number with zeros where they
// are told apart.
func nzBankAccountCompact(value string) string {
	parts := strings.Split(strings.ReplaceAll(Clean(value, ""), " ", "-"), "-")
	if len(parts) == 4 {
		for i, n := range [...]int{2, 4, 7, 3} {
			if m := n - len(parts[i]); m > 0 {
				parts[i] = "000"[:min(m, 3)] + parts[i]
			}
		}
	}
	return strings.Join(parts, "")
}

// nzBankAccountValid: the suffix has two digits or three; leading zeros may be
// missing.
func nzBankAccountValid(s string) bool {
	if len(s) < 14 || len(s) > 16 || !allDigits(s) {
		return false
	}
	bank, branch := uint16(number(s[:2])), uint16(number(s[2:6]))
	for _, b := range nzBranches {
		if b.bank == bank && b.from <= branch && branch <= b.to {
			return nzAccount(s[2:6], s[6:13], number(s[13:]), b.method)
		}
	}
	return false
}

func nzAccount(branch, account string, suffix int, method byte) bool {
	switch method {
	case 'A':
		sum := weighted(account, 0, 10, 5, 8, 4, 2, 1)
		if number(account) < 990000 {
			sum += weighted(branch, 6, 3, 7, 9)
		}
		return sum%11 == 0
	case 'D':
		return weighted(account, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	case 'E':
		sum := suffix % 10
		for i, w := range [...]int{5, 4, 3, 2} {
			sum += nzFold(w * int(account[3+i]-'0'))
		}
		return sum%11 == 0
	case 'F':
		return weighted(account, 1, 7, 3, 1, 7, 3, 1)%10 == 0
	case 'G':
		sum := nzFold(3*(suffix/100)) + nzFold(7*(suffix/10%10)) + suffix%10
		for i, w := range [...]int{1, 3, 7, 1, 3, 7, 1} {
			sum += nzFold(w * int(account[i]-'0'))
		}
		return sum%10 == 0
	}
	return true
}

// nzFold sums the digits of a product until there is one.
func nzFold(n int) int {
	for n > 9 {
		n = n/10 + n%10
	}
	return n
}

var nzIRD = &Format{
	Name: "nz.ird", Type: "NZ_IRD",
	Title: "IRD number, which Inland Revenue gives to people and firms in New Zealand.",
	Of:    Either, Clean: " -",
	Shapes: []string{"999999999", "99999999"}, Written: []string{"99-999-999", "999-999-999", "99 999 999"},
	Words:  []string{"ird", "ird no", "ird number", "inland revenue", "tax number", "gst", "gst number", "te tari"},
	Strong: 15, Sample: "48-273-106", Check: nzIRDValid,
}

// nzIRDValid: numbers go from ten million to 150 million.
func nzIRDValid(s string) bool {
	s = gzBare(s, "NZ")
	if !digits(s, 8) && !digits(s, 9) || number(s) <= 10000000 || number(s) >= 150000000 {
		return false
	}
	n := len(s) - 1
	first, second := 0, 0
	for i := 0; i < n; i++ {
		d := int(s[n-1-i] - '0')
		first += d * int("23456723"[i]-'0')
		second += d * int("67252347"[i]-'0')
	}
	c := (11 - first%11) % 11
	if c == 10 {
		c = (11 - second%11) % 11
	}
	return c == int(s[n]-'0')
}
